/*
 * choose.c - which model of repeat purchases these data ask for.
 *
 * All are fitted to the calibration. With a hold-out, those count whose root mean squared error per
 * customer is within 1 % of the smallest; among them, or among all without a hold-out, the smallest
 * BIC wins (Schwarz, Annals of Statistics 6 (1978), 461-464). BIC differences under 2 are "not
 * worth more than a bare mention" (Kass & Raftery, JASA 90 (1995), 773-795): the data cannot tell.
 */
#include "internal.h"

#include <math.h>

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

static bool counts(const struct pv_candidate *c, double least_rmse)
{
    return c->fit.usable && (c->holdout.customers == 0 || c->holdout.rmse <= 1.01 * least_rmse);
}

static void rank(struct pv_candidate *c, size_t n, int *ret_best, int *ret_like)
{
    double least = INFINITY;
    int best = -1, like = -1;
    for (size_t i = 0; i < n; i++)
        if (c[i].fit.usable && c[i].holdout.customers > 0)
            least = fmin(least, c[i].holdout.rmse);
    for (size_t i = 0; i < n; i++)
        if (counts(&c[i], least) && (best < 0 || c[i].bic < c[best].bic))
            best = (int)i;
    for (size_t i = 0; i < n; i++)
        if ((int)i != best && counts(&c[i], least) && c[i].bic < c[best].bic + 2.0 &&
            (like < 0 || c[i].bic < c[like].bic))
            like = (int)i;
    *ret_best = best;
    *ret_like = like;
}

int pv_choose_model(const struct pv_customer *rows, size_t n, const struct pv_fit_options *options,
                    double holdout_units, struct pv_candidate *ret_candidates, size_t *ret_n,
                    int *ret_best, int *ret_like)
{
    struct pv_cells *cells;
    const struct pv_model *m;
    size_t found = 0;
    if (!(holdout_units >= 0.0) || !isfinite(holdout_units))
        return PV_ERR_ARGUMENT;
    int rc = pv_cells_new(rows, n, &cells);
    if (rc)
        return rc;
    for (size_t i = 0; rc == 0 && found < PV_MAX_CANDIDATES && (m = pv_model_at(i)); i++) {
        struct pv_candidate c = {.bic = NAN};
        if (m->kind != PV_KIND_BUYING || (m->regular > 1 && !options->gaps))
            continue;
        rc = pv_fit_model(m, cells, options, &c.fit);
        if (rc == 0 && c.fit.usable) {
            c.bic = m->params * log((double)c.fit.customers) - 2.0 * c.fit.loglik;
            if (holdout_units > 0.0 && !pv_fit_stopped(options))
                rc = try_out(rows, n, options, holdout_units, &c);
        }
        ret_candidates[found++] = c;
    }
    pv_cells_free(cells);
    if (rc)
        return rc;
    rank(ret_candidates, found, ret_best, ret_like);
    *ret_n = found;
    return 0;
}
