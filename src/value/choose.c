/*
 * choose.c - which model of repeat purchases these data ask for.
 *
 * They are fitted to the calibration. With a hold-out, those count whose root mean squared error
 * per customer is within 1 % of the smallest; among them, or among all without a hold-out, the
 * smallest BIC wins (Schwarz, Annals of Statistics 6 (1978), 461-464). BIC differences under 2 are
 * "not worth more than a bare mention" (Kass & Raftery, JASA 90 (1995), 773-795): the data cannot
 * tell.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

static int try_out(const struct pv_customer *rows, size_t n, const struct pv_fit_options *options,
                   double holdout_units, struct pv_candidate *c)
{
    struct pv_valuer_options o = {.unit_days = options->unit_days,
                                  .money_scale = options->money_scale,
                                  .horizon = holdout_units,
                                  .discount = 0.1, /* plays no part */
                                  .threads = options->threads};
    struct pv_valuer *v;
    int rc = pv_valuer_new(&c->fit, NULL, &o, rows, n, &v);
    if (rc)
        return rc;
    rc = pv_value_holdout(v, rows, n, &c->holdout);
    pv_valuer_free(v);
    return rc;
}

/* Where some were tried, those count that did well. */
static bool counts(const struct pv_candidate *c, double least_rmse)
{
    return c->fit.usable && (isinf(least_rmse) ||
                             (c->holdout.customers > 0 && c->holdout.rmse <= 1.01 * least_rmse));
}

static void rank(struct pv_choice *choice)
{
    const struct pv_candidate *c = choice->candidate;
    double least = INFINITY;
    int n = (int)choice->candidates, best = -1, like = -1;
    for (int i = 0; i < n; i++)
        if (c[i].fit.usable && c[i].holdout.customers > 0)
            least = fmin(least, c[i].holdout.rmse);
    for (int i = 0; i < n; i++)
        if (counts(&c[i], least) && (best < 0 || c[i].bic < c[best].bic))
            best = i;
    for (int i = 0; i < n; i++)
        if (i != best && counts(&c[i], least) && c[i].bic < c[best].bic + 2.0 &&
            (like < 0 || c[i].bic < c[like].bic))
            like = i;
    choice->best = best;
    choice->like = like;
}

/* ---- Candidates ------------------------------------------------------------------------------ */

struct tried {
    const struct pv_customer *rows;
    size_t n;
    const struct pv_cells *cells;
    const struct pv_fit_options *options;
    double holdout_units;
    struct pv_choice *choice;
};

static int fit_candidate(struct tried *t, const struct pv_model *m, struct pv_candidate **ret)
{
    struct pv_candidate *c = &t->choice->candidate[t->choice->candidates];
    *c = (struct pv_candidate){.bic = NAN};
    int rc = pv_fit_model(m, t->cells, t->options, &c->fit);
    if (rc)
        return rc;
    if (c->fit.usable)
        c->bic = m->params * log((double)c->fit.customers) - 2.0 * c->fit.loglik;
    t->choice->candidates++;
    *ret = c;
    return 0;
}

static int hold_out(struct tried *t, struct pv_candidate *c)
{
    if (!c || !c->fit.usable || !(t->holdout_units > 0.0))
        return 0;
    if (pv_fit_stopped(t->options))
        return PV_ERR_STOPPED;
    return try_out(t->rows, t->n, t->options, t->holdout_units, c);
}

/* One form of regular buyers: ln L rises with k, and falls again. *at is behind its last model
 * afterwards. */
static int climb(struct tried *t, size_t *at)
{
    const struct pv_model *first = pv_model_at(*at), *m = first;
    struct pv_candidate *best = NULL, *c = NULL;
    bool rising = true;
    int rc = 0;
    for (; m && m->regular > 1 && m->first_chances == first->first_chances;
         m = pv_model_at(++*at)) {
        if (!rising || rc)
            continue;
        rc = fit_candidate(t, m, &c);
        rising = rc == 0 && c->fit.usable && (!best || c->fit.loglik > best->fit.loglik);
        best = rising ? c : best;
    }
    return rc ? rc : hold_out(t, best);
}

static int try_all(struct tried *t)
{
    const struct pv_model *m;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (m = pv_model_at(i));) {
        struct pv_candidate *c = NULL;
        if (m->kind == PV_KIND_BUYING && m->regular > 1 && t->options->gaps) {
            rc = climb(t, &i);
            continue;
        }
        if (m->kind == PV_KIND_BUYING && m->regular <= 1) {
            rc = fit_candidate(t, m, &c);
            rc = rc ? rc : hold_out(t, c);
        }
        i++;
    }
    return rc;
}

static int choose(const struct pv_customer *rows, size_t n, const struct pv_fit_options *options,
                  double holdout_units, struct pv_choice *choice)
{
    struct pv_cells *cells;
    int rc = pv_cells_new(rows, n, &cells);
    if (rc)
        return rc;
    struct tried t = {rows, n, cells, options, holdout_units, choice};
    rc = try_all(&t);
    pv_cells_free(cells);
    if (rc == 0)
        rank(choice);
    return rc;
}

/* ---- Who is looked at ------------------------------------------------------------------------ */

/* By chance, so that no order of the customers matters, but always the same ones. */
static bool is_drawn(size_t index, size_t of)
{
    uint64_t h = (uint64_t)index * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return of <= PV_CHOICE_CUSTOMERS ||
           (double)(h >> 11) * 0x1p-53 < (double)PV_CHOICE_CUSTOMERS / (double)of;
}

static struct pv_choice nothing(void)
{
    return (struct pv_choice){.best = -1, .like = -1};
}

int pv_choose_model(const struct pv_customer *rows, size_t n, const struct pv_fit_options *options,
                    double holdout_units, struct pv_choice *ret_choice)
{
    if (!(holdout_units >= 0.0) || !isfinite(holdout_units))
        return PV_ERR_ARGUMENT;
    struct pv_choice *choice = malloc(sizeof *choice);
    struct pv_customer *some = malloc((n + 1) * sizeof *some);
    size_t of = 0, seen = 0, taken = 0;
    for (size_t i = 0; i < n; i++)
        of += rows[i].T >= 0;
    bool all = options->gaps || of <= PV_CHOICE_CUSTOMERS;
    int rc = choice && some ? 0 : PV_ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (rows[i].T >= 0 && (all || is_drawn(seen++, of)))
            some[taken++] = rows[i];
    if (rc == 0) {
        *choice = nothing();
        choice->customers = taken;
        choice->of = of;
        rc = choose(some, taken, options, holdout_units, choice);
    }
    if (rc == 0)
        *ret_choice = *choice;
    free(choice);
    free(some);
    return rc;
}

/* Customers up to `end` into rows, and the gaps between their purchases. */
static size_t draw_rows(const struct pv_history *history, int32_t end, int32_t holdout_end,
                        double unit_days, size_t of, struct pv_customer *rows, struct pv_gaps *gaps)
{
    struct pv_history_view h = pv_history_columns(history);
    size_t seen = 0, taken = 0;
    for (size_t c = 0; c < h.customers; c++) {
        const int32_t *day = h.day + h.start[c];
        size_t n = h.start[c + 1] - h.start[c];
        if (n == 0 || day[0] > end || !is_drawn(seen++, of))
            continue;
        rows[taken] = pv_summarise_one(day, h.amount + h.start[c], n, end, holdout_end);
        for (int32_t k = 1; k <= rows[taken].x; k++)
            gaps->sum_log += log((day[k] - day[k - 1]) / unit_days);
        gaps->count += (uint64_t)rows[taken].x;
        taken++;
    }
    return taken;
}

int pv_choose_history(const struct pv_history *history, int32_t end, int32_t holdout_end,
                      const struct pv_fit_options *options, struct pv_choice *ret_choice)
{
    struct pv_history_view h = pv_history_columns(history);
    struct pv_fit_options o = *options;
    struct pv_gaps gaps = {0};
    size_t of = 0;
    if (end == PV_NO_DAY || (holdout_end != PV_NO_DAY && holdout_end < end) ||
        !(o.unit_days > 0.0) || (h.transactions > 0 && (int64_t)end - h.first_day > INT32_MAX))
        return PV_ERR_ARGUMENT;
    for (size_t c = 0; c < h.customers; c++)
        of += h.start[c + 1] > h.start[c] && h.day[h.start[c]] <= end;
    struct pv_customer *rows = malloc((of + 1) * sizeof *rows);
    if (!rows)
        return PV_ERR_NO_MEMORY;
    size_t taken = draw_rows(history, end, holdout_end, o.unit_days, of, rows, &gaps);
    o.gaps = &gaps;
    int rc = pv_choose_model(rows, taken, &o,
                             holdout_end == PV_NO_DAY ? 0.0 : (holdout_end - end) / o.unit_days,
                             ret_choice);
    if (rc == 0)
        ret_choice->of = of;
    free(rows);
    return rc;
}
