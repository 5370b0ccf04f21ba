/*
 * refit.c - a fit carried on, and how far it has moved.
 */
#include "patron_refit.h"

#include "internal.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool has_numbers(const struct pv_fit *fit)
{
    for (int i = 0; i < fit->params; i++)
        if (!(fit->param[i] > 0.0) || !isfinite(fit->param[i]))
            return false;
    return true;
}

int pv_refit_model(const struct pv_model *model, const struct pv_cells *cells,
                   const struct pv_fit_options *options, const struct pv_fit *previous,
                   struct pv_fit *ret_fit, bool *ret_warm)
{
    bool found = false;
    if (strcmp(previous->model, model->name) != 0 || previous->unit_days != options->unit_days)
        return PV_ERR_ARGUMENT;
    if (has_numbers(previous)) {
        int rc = pv_fit_from(model, cells, options, previous->param, ret_fit, &found);
        if (rc)
            return rc;
    }
    int rc = found ? 0 : pv_fit_model(model, cells, options, ret_fit);
    if (rc == 0 && ret_warm)
        *ret_warm = found;
    return rc;
}

/* A difference of two estimated covariances is not known better than this part of the old one. */
static const double LEAST_NEWS = 0.1;

/* ---- Drift ----------------------------------------------------------------------------------- */

/* The new covariance and the difference where the old covariance is the identity: L^-1 C_new L^-T
 * and L^-1 (new - old), C_old = L L'. */
struct white {
    int n;
    double diff[PV_MAX_PARAMS];
    double val[PV_MAX_PARAMS];   /* eigenvalues of the new covariance */
    double along[PV_MAX_PARAMS]; /* the difference along its eigenvectors */
};

/* x := L^-1 x, n x 1 with this stride. */
static void solve_lower(int n, const double *lower, double *x, int stride)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++)
            x[i * stride] -= lower[i * n + k] * x[k * stride];
        x[i * stride] /= lower[i * n + i];
    }
}

static bool whiten(const struct pv_fit *from, const struct pv_fit *to, struct white *w)
{
    int n = from->params;
    double lower[PV_MAX_PARAMS * PV_MAX_PARAMS], cov[PV_MAX_PARAMS * PV_MAX_PARAMS];
    double vec[PV_MAX_PARAMS * PV_MAX_PARAMS];
    pv_math_cholesky(n, from->log_cov, lower);
    for (int i = 0; i < n; i++)
        if (!(lower[i * n + i] > 0.0))
            return false;
    memcpy(cov, to->log_cov, sizeof cov);
    for (int i = 0; i < n; i++)
        w->diff[i] = log(to->param[i] / from->param[i]);
    solve_lower(n, lower, w->diff, 1);
    for (int c = 0; c < n; c++)
        solve_lower(n, lower, cov + c, n);
    for (int r = 0; r < n; r++)
        solve_lower(n, lower, cov + r * n, 1);
    for (int r = 0; r < n; r++)
        for (int c = 0; c < r; c++)
            cov[r * n + c] = cov[c * n + r] = 0.5 * (cov[r * n + c] + cov[c * n + r]);
    pv_math_eigen(n, cov, w->val, vec);
    for (int i = 0; i < n; i++) {
        w->along[i] = 0.0;
        for (int k = 0; k < n; k++)
            w->along[i] += vec[k * n + i] * w->diff[k];
        if (!(w->val[i] > 0.0))
            return false;
    }
    w->n = n;
    return true;
}

static int loglik_at(const struct pv_model *m, const struct pv_cells *cells, double unit_days,
                     const double *theta, double *ret_loglik)
{
    struct pv_fit_data d;
    int rc = pv_fit_data_of(m, cells, unit_days, &d);
    if (rc)
        return rc;
    *ret_loglik = m->eval(m, &d, theta, NULL, NULL);
    free(d.room);
    return 0;
}

int pv_drift_measure(const struct pv_fit *old_fit, const struct pv_fit *new_fit,
                     const struct pv_cells *cells, enum pv_growth growth,
                     struct pv_drift *ret_drift)
{
    const struct pv_model *m = pv_model_find(old_fit->model);
    struct pv_drift d = {.p_value = 1.0};
    struct white w = {0};
    double kept, moved, customers = 0.0;
    size_t count;
    const struct pv_cell *cell = pv_cells_data(cells, &count);
    if (!m || !m->starts || strcmp(old_fit->model, new_fit->model) != 0 ||
        old_fit->unit_days != new_fit->unit_days || !old_fit->usable || !new_fit->usable ||
        (unsigned)growth > PV_GROWTH_OTHERS || !has_numbers(old_fit) || !has_numbers(new_fit) ||
        !whiten(old_fit, new_fit, &w))
        return PV_ERR_ARGUMENT;
    int rc = loglik_at(m, cells, new_fit->unit_days, old_fit->param, &kept);
    rc = rc ? rc : loglik_at(m, cells, new_fit->unit_days, new_fit->param, &moved);
    if (rc)
        return rc;
    if (!isfinite(kept) || !isfinite(moved))
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        customers += cell[i].count;
    d.lost = fmax(moved - kept, 0.0);
    d.lost_each = customers > 0.0 ? d.lost / customers : 0.0;
    d.lost_share = d.lost > 0.0 ? d.lost / fabs(moved) : 0.0;
    for (int i = 0; i < w.n; i++) {
        double z2 = w.along[i] * w.along[i], var = 1.0 + w.val[i];
        d.distance += z2 / w.n;
        d.kl += 0.5 * (w.val[i] - 1.0 - log(w.val[i]) + z2);
        if (growth == PV_GROWTH_SAME_CUSTOMERS)
            var = fmax(1.0 - w.val[i], LEAST_NEWS);
        d.wald += z2 / var;
    }
    d.distance = sqrt(d.distance);
    d.df = w.n;
    d.p_value = pv_stats_chi2_tail(d.wald, d.df);
    *ret_drift = d;
    return 0;
}
