/*
 * check.c - questions asked of a base before it is believed: the list of them, and whether the
 * history begins where the customers do.
 */
#include "check.h"

#include "stats.h"

#include <math.h>
#include <stdlib.h>

enum { LEAST_SIDE = 50 };

/* Purchases in the `follow` days after the first one; more are counted as MOST. */
enum { MOST = 1023 };

static size_t bought_soon(const struct pv_history_view *h, size_t customer, int32_t follow)
{
    size_t n = 0;
    int64_t until = (int64_t)h->day[h->start[customer]] + follow;
    for (uint64_t k = h->start[customer] + 1; k < h->start[customer + 1] && h->day[k] <= until; k++)
        n++;
    return n < MOST ? n : MOST;
}

/* Mann & Whitney (1947), Annals of Mathematical Statistics 18, 50-60, from counts of whole numbers:
 * P(X > Y) + P(X = Y) / 2, and z with the variance corrected for ties. */
static double mann_whitney(const double *x, const double *y, size_t values, double *ret_z)
{
    double n = 0.0, m = 0.0, wins = 0.0, ties = 0.0, below = 0.0;
    for (size_t v = 0; v < values; v++) {
        double both = x[v] + y[v];
        wins += x[v] * (below + 0.5 * y[v]);
        ties += both * both * both - both;
        below += y[v];
        n += x[v];
        m += y[v];
    }
    double all = n + m, var = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    *ret_z = var > 0.0 ? (wins - 0.5 * n * m) / sqrt(var) : 0.0;
    return wins / (n * m);
}

static int left_truncated(const struct pv_check *c, struct pv_finding *f)
{
    const struct pv_history_view *h = &c->history;
    int64_t span = (int64_t)c->end - h->first_day + 1, follow = span / 4, last = -1;
    double early[MOST + 1] = {0.0}, late[MOST + 1] = {0.0}, n_early = 0.0, n_late = 0.0;
    /* Arrivals that were watched long enough. */
    for (size_t i = 0; i < h->customers; i++) {
        if (c->rows[i].T < follow)
            continue;
        int64_t at = (int64_t)c->end - c->rows[i].T - h->first_day;
        last = at > last ? at : last;
    }
    int64_t range = last + 1, sixth = range / 6, half = (range + 1) / 2;
    if (sixth < 1 || follow < 1)
        return 0;
    for (size_t i = 0; i < h->customers; i++) {
        if (c->rows[i].T < follow)
            continue;
        int64_t at = (int64_t)c->end - c->rows[i].T - h->first_day;
        double *side = at < sixth ? early : at >= half ? late : NULL;
        if (!side)
            continue;
        side[bought_soon(h, i, (int32_t)follow)] += 1.0;
        *(at < sixth ? &n_early : &n_late) += 1.0;
    }
    if (n_early < LEAST_SIDE || n_late < LEAST_SIDE)
        return 0;
    double z, late_a_day = n_late / (double)(range - half), early_a_day = n_early / (double)sixth;
    f->asked = true;
    f->effect = mann_whitney(early, late, MOST + 1, &z);
    f->share = fmax(1.0 - late_a_day / early_a_day, 0.0);
    f->p_value = pv_stats_normal_tail(z);
    f->found = f->p_value < 0.001 && f->effect > 0.52 && f->share > 0.2;
    return 0;
}

static const struct {
    enum pv_verdict verdict;
    int (*ask)(const struct pv_check *c, struct pv_finding *ret_finding);
} questions[PV_CHECKS] = {
    {PV_VERDICT_LEFT_TRUNCATED, left_truncated},
    {PV_VERDICT_MIXED_SPEND, pv_check_mixed_spend},
    {PV_VERDICT_MIXED_RATES, pv_check_mixed_rates},
};

int pv_check_history(const struct pv_history *history, int32_t end, const struct pv_fit *buying,
                     const struct pv_fit *gamma_gamma, double money_scale,
                     struct pv_finding ret_findings[PV_CHECKS])
{
    struct pv_check c = {.history = pv_history_columns(history),
                         .end = end,
                         .buying = buying,
                         .spend = gamma_gamma,
                         .money_scale = money_scale};
    struct pv_finding found[PV_CHECKS];
    if (!(money_scale > 0.0) || !isfinite(money_scale) || (buying && !buying->usable) ||
        (gamma_gamma && !gamma_gamma->usable))
        return PV_ERR_ARGUMENT;
    struct pv_customer *rows = malloc((c.history.customers + 1) * sizeof *rows);
    if (!rows)
        return PV_ERR_NO_MEMORY;
    int rc = pv_summarise(history, end, PV_NO_DAY, rows);
    c.rows = rows;
    for (int i = 0; i < PV_CHECKS && rc == 0; i++) {
        found[i] = (struct pv_finding){
            .verdict = questions[i].verdict, .share = NAN, .effect = NAN, .p_value = NAN};
        rc = questions[i].ask(&c, &found[i]);
    }
    free(rows);
    for (int i = 0; i < PV_CHECKS && rc == 0; i++)
        ret_findings[i] = found[i];
    return rc;
}
