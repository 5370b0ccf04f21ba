/*
 * optim.c - maximum likelihood for models with a handful of positive parameters.
 *
 * Trust-region Newton in the logarithms of the parameters. With at most six of them the Hessian is
 * diagonalised outright, which makes the trust-region step exact (More & Sorensen 1983, without the
 * factorisations) and gives the observed information for nothing. Parameters at a limit with the
 * gradient pointing outwards are held there.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

enum { ITERATIONS = 200 };
static const double RIDGE_GAIN = 1e-3; /* of ln L */

struct point {
    double log_theta[PV_MAX_PARAMS];
    double value;
    double grad[PV_MAX_PARAMS]; /* in the logarithms */
    double hess[PV_MAX_PARAMS * PV_MAX_PARAMS];
};

static bool evaluate(const struct pv_model *model, const void *data, struct point *at)
{
    int n = model->params;
    double theta[PV_MAX_PARAMS] = {0.0};
    for (int i = 0; i < n; i++)
        theta[i] = exp(at->log_theta[i]);
    at->value = model->eval(model, data, theta, at->grad, at->hess);
    bool fine = isfinite(at->value);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            at->hess[i * n + j] *= theta[i] * theta[j];
            if (i == j)
                at->hess[i * n + j] += theta[i] * at->grad[i];
            fine = fine && isfinite(at->hess[i * n + j]);
        }
    }
    for (int i = 0; i < n; i++) {
        at->grad[i] *= theta[i];
        fine = fine && isfinite(at->grad[i]);
    }
    return fine;
}

/* |step|^2 for a shift mu of the eigenvalues. */
static double step_norm(int n, const double *g, const double *val, double mu)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        double s = g[i] / (val[i] + mu);
        sum += s * s;
    }
    return sqrt(sum);
}

/*
 * Step of length <= radius that maximises the quadratic model over the free coordinates.
 * Returns the predicted gain; *ret_decrement is the Newton decrement g' H^-1 g (infinite when -H is
 * not positive definite).
 */
static double trust_step(int n, const double *grad, const double *hess, double radius,
                         double *ret_step, double *ret_decrement)
{
    double minus[PV_MAX_PARAMS * PV_MAX_PARAMS];
    double val[PV_MAX_PARAMS];
    double vec[PV_MAX_PARAMS * PV_MAX_PARAMS];
    double g[PV_MAX_PARAMS];
    for (int i = 0; i < n * n; i++)
        minus[i] = -hess[i];
    pv_math_eigen(n, minus, val, vec);
    for (int i = 0; i < n; i++) {
        g[i] = 0.0;
        for (int k = 0; k < n; k++)
            g[i] += vec[k * n + i] * grad[k];
    }
    double floor_val = 1e-14 * fmax(fabs(val[n - 1]), fabs(val[0])) + 1e-300;
    bool definite = val[0] > floor_val;
    *ret_decrement = INFINITY;
    double mu = 0.0;
    if (definite) {
        double decrement = 0.0;
        for (int i = 0; i < n; i++)
            decrement += g[i] * g[i] / val[i];
        *ret_decrement = decrement;
    }
    if (!definite || step_norm(n, g, val, 0.0) > radius) {
        double low = fmax(0.0, -val[0]) + (definite ? 0.0 : floor_val);
        double high = low + 1.0;
        while (step_norm(n, g, val, high) > radius && high < 1e300)
            high = low + (high - low) * 4.0;
        for (int i = 0; i < 100 && high - low > 1e-10 * high; i++) {
            double mid = 0.5 * (low + high);
            if (step_norm(n, g, val, mid) > radius)
                low = mid;
            else
                high = mid;
        }
        mu = high;
    }
    double gain = 0.0;
    for (int i = 0; i < n; i++)
        ret_step[i] = 0.0;
    for (int i = 0; i < n; i++) {
        double s = g[i] / (val[i] + mu);
        gain += g[i] * s - 0.5 * val[i] * s * s;
        for (int k = 0; k < n; k++)
            ret_step[k] += vec[k * n + i] * s;
    }
    return gain;
}

/* Restricts gradient and Hessian to coordinates not held at a limit. */
static int free_part(const struct pv_model *model, const struct point *at, int *ret_index,
                     double *ret_grad, double *ret_hess)
{
    int n = model->params;
    int free_count = 0;
    for (int i = 0; i < n; i++) {
        bool held = (at->log_theta[i] <= log(model->low[i]) && at->grad[i] <= 0.0) ||
                    (at->log_theta[i] >= log(model->high[i]) && at->grad[i] >= 0.0);
        if (!held)
            ret_index[free_count++] = i;
    }
    for (int i = 0; i < free_count; i++) {
        ret_grad[i] = at->grad[ret_index[i]];
        for (int j = 0; j < free_count; j++)
            ret_hess[i * free_count + j] = at->hess[ret_index[i] * n + ret_index[j]];
    }
    return free_count;
}

static void finish(const struct pv_model *model, const struct point *at, bool converged,
                   int iterations, struct pv_optimum *ret)
{
    int n = model->params;
    memset(ret, 0, sizeof *ret);
    ret->value = at->value;
    ret->converged = converged;
    ret->iterations = iterations;
    memcpy(ret->hess, at->hess, sizeof ret->hess);
    for (int i = 0; i < n; i++) {
        ret->theta[i] = exp(at->log_theta[i]);
        ret->at_limit[i] = at->log_theta[i] <= log(model->low[i]) + 1e-9 ||
                           at->log_theta[i] >= log(model->high[i]) - 1e-9;
    }
    double info[PV_MAX_PARAMS * PV_MAX_PARAMS];
    for (int i = 0; i < n * n; i++)
        info[i] = -at->hess[i];
    ret->regular = pv_math_spd_inverse(n, info, ret->log_cov);
    if (!ret->regular)
        memset(ret->log_cov, 0, sizeof ret->log_cov);
    for (int i = 0; i < n; i++)
        ret->log_sd[i] = ret->regular ? sqrt(ret->log_cov[i * n + i]) : NAN;
}

/* On the ridge to a simpler model, which goes on for ever: a parameter no longer seen in the data
 * is still to fall, and the likelihood has stopped rising. Such a model's data are struct
 * pv_fit_data.
 */
static bool on_the_ridge(const struct pv_model *model, const void *data, const struct point *at,
                         double gain)
{
    const struct pv_fit_data *d = data;
    double theta[PV_MAX_PARAMS];
    if (!model->simpler || gain > RIDGE_GAIN || at->grad[model->vanishes] > 0.0)
        return false;
    for (int i = 0; i < model->params; i++)
        theta[i] = exp(at->log_theta[i]);
    return model->simpler(theta, d->max_day / d->unit_days);
}

void pv_optim_maximise(const struct pv_model *model, const void *data, const double *start,
                       const struct pv_fit_options *asked, struct pv_optimum *ret_optimum)
{
    int n = model->params;
    struct point at = {0};
    for (int i = 0; i < n; i++)
        at.log_theta[i] = log(fmin(fmax(start[i], model->low[i]), model->high[i]));
    if (!evaluate(model, data, &at)) {
        finish(model, &at, false, 0, ret_optimum);
        return;
    }
    double radius = 1.0;
    bool converged = false;
    int iteration = 0;
    while (iteration < ITERATIONS && !pv_fit_stopped(asked)) {
        iteration++;
        int index[PV_MAX_PARAMS];
        double g[PV_MAX_PARAMS];
        double h[PV_MAX_PARAMS * PV_MAX_PARAMS];
        int free_count = free_part(model, &at, index, g, h);
        if (free_count == 0) {
            converged = true;
            break;
        }
        double step[PV_MAX_PARAMS];
        double decrement;
        double predicted = trust_step(free_count, g, h, radius, step, &decrement);
        struct point next = at;
        double length = 0.0;
        for (int i = 0; i < free_count; i++) {
            int k = index[i];
            double to = at.log_theta[k] + step[i];
            to = fmin(fmax(to, log(model->low[k])), log(model->high[k]));
            next.log_theta[k] = to;
            length += (to - at.log_theta[k]) * (to - at.log_theta[k]);
        }
        length = sqrt(length);
        /* Gains below the rounding of the sum cannot be seen any more: the last step is taken on
         * trust, since Newton's error is then the square of an already invisible one. */
        double noise = 1e-15 * fabs(at.value) + 1e-12;
        bool last = decrement < noise;
        bool fine = evaluate(model, data, &next);
        double gain = fine ? next.value - at.value : -INFINITY;
        if (last) {
            if (fine && gain > -1e3 * noise)
                at = next;
            converged = true;
            break;
        }
        double ratio = gain / predicted;
        if (ratio > 1e-4 || (fine && gain >= 0.0 && predicted < 10.0 * noise)) {
            at = next;
            if (ratio > 0.75 && length > 0.9 * radius)
                radius = fmin(2.0 * radius, 8.0);
            else if (ratio < 0.25)
                radius = 0.5 * length;
            if (on_the_ridge(model, data, &at, gain))
                break;
        } else {
            radius = 0.25 * fmin(radius, length);
        }
        if (radius < 1e-10 || (length < 1e-12 && predicted < noise)) {
            converged = decrement < 1e-4 || predicted < noise;
            break;
        }
    }
    finish(model, &at, converged, iteration, ret_optimum);
}

void pv_optim_report(const struct pv_model *model, const struct pv_optimum *optimum,
                     struct pv_fit *ret_fit)
{
    ret_fit->loglik = optimum->value;
    ret_fit->iterations = optimum->iterations;
    memcpy(ret_fit->log_cov, optimum->log_cov, sizeof ret_fit->log_cov);
    for (int i = 0; i < model->params; i++) {
        ret_fit->param[i] = optimum->theta[i];
        ret_fit->std_error[i] = optimum->theta[i] * optimum->log_sd[i];
    }
}
