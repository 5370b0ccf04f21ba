/*
 * profile.c - how far a parameter may go before the likelihood objects, the others following.
 *
 * Venzon & Moolgavkar (1988), A method for computing profile-likelihood-based confidence intervals,
 * Applied Statistics 37, 87-94, for the idea; here the others are maximised by the optimiser of the
 * fit with one parameter held, and the root of 2 (ln L - profile) = z^2 is found on the signed root
 * of the left side, which is nearly a straight line.
 */
#include "patron_interval.h"

#include "internal.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDER = 40, CLOSER = 30 };
static const double BETTER = 1e-3; /* of ln L: more than that, and the fit was not the maximum */

struct profile {
    struct pv_model held; /* the model, with one parameter's limits drawn together */
    struct pv_fit_data data;
    int index;
    double best;                  /* ln L of the fit */
    double follow[PV_MAX_PARAMS]; /* where the others were last */
    bool outdone;
};

/* sqrt(2 (ln L - profile)) at exp(u); infinite where nothing is found. */
static double root_at(struct profile *p, double u)
{
    struct pv_optimum o;
    double value = exp(u);
    p->held.low[p->index] = p->held.high[p->index] = value;
    p->follow[p->index] = value;
    pv_optim_maximise(&p->held, &p->data, p->follow, NULL, &o);
    if (!isfinite(o.value))
        return INFINITY;
    p->outdone = p->outdone || o.value > p->best + BETTER;
    memcpy(p->follow, o.theta, sizeof p->follow);
    return sqrt(2.0 * fmax(p->best - o.value, 0.0));
}

/* The bound on one side; *ret_bounded is false at the model's own limit. */
static double side(struct profile *p, const double *theta, double step, double limit, double z,
                   bool *ret_bounded)
{
    double in = log(theta[p->index]), r_in = 0.0, out = in, r_out = 0.0;
    memcpy(p->follow, theta, sizeof p->follow);
    for (int i = 0; i < WIDER; i++, step *= 1.6) {
        out = step > 0.0 ? fmin(in + step, limit) : fmax(in + step, limit);
        r_out = root_at(p, out);
        if (r_out >= z)
            break;
        in = out;
        r_in = r_out;
        *ret_bounded = step > 0.0 ? out < limit : out > limit;
        if (!*ret_bounded)
            return out;
    }
    *ret_bounded = r_out >= z;
    for (int i = 0; i < CLOSER && fabs(out - in) > 1e-5; i++) {
        double part = isfinite(r_out) ? (z - r_in) / (r_out - r_in) : 0.5;
        double at = in + fmin(fmax(part, 0.05), 0.95) * (out - in), r = root_at(p, at);
        if (fabs(r - z) < 1e-6 * z)
            return at;
        if (r < z) {
            in = at;
            r_in = r;
        } else {
            out = at;
            r_out = r;
        }
    }
    return in;
}

int pv_profile_interval(const struct pv_fit *fit, const struct pv_cells *cells, int index,
                        double level, struct pv_range *ret_range)
{
    const struct pv_model *m = pv_model_find(fit->model);
    if (!m || !m->starts || index < 0 || index >= m->params || !(level > 0.0 && level < 1.0))
        return PV_ERR_ARGUMENT;
    for (int i = 0; i < m->params; i++)
        if (!(fit->param[i] >= m->low[i] && fit->param[i] <= m->high[i]))
            return PV_ERR_ARGUMENT;
    struct profile p = {.held = *m, .index = index};
    p.held.simpler = NULL; /* go on along ridges */
    int rc = pv_fit_data_of(m, cells, fit->unit_days, &p.data);
    if (rc)
        return rc;
    /* Not fit->loglik: that of regular buyers holds the gaps, too. */
    p.best = m->eval(m, &p.data, fit->param, NULL, NULL);
    double z = pv_stats_normal_quantile(0.5 * (1.0 + level));
    double sd = sqrt(fit->log_cov[index * m->params + index]);
    double step = isfinite(sd) && sd > 0.0 ? fmin(fmax(z * sd, 0.01), 1.0) : 0.3;
    bool below, above;
    double low = side(&p, fit->param, -step, log(m->low[index]), z, &below);
    double high = side(&p, fit->param, step, log(m->high[index]), z, &above);
    free(p.data.room);
    if (!isfinite(p.best) || p.outdone)
        return PV_ERR_ARGUMENT;
    *ret_range = (struct pv_range){below ? exp(low) : 0.0, above ? exp(high) : INFINITY};
    return 0;
}

/* ---- Of an expectation ----------------------------------------------------------------------- */

/*
 * Where ln L + lambda ln E is largest, ln L is at its best for that E: the tilt lambda walks along
 * the profile, and near the maximum ln L falls with its square.
 */
struct tilt {
    struct pv_fit_data data; /* first: the optimiser's data of a model */
    const struct pv_model *model;
    double lambda, x, t_x, T, t;
};

static double log_mean(const struct tilt *s, const double *theta)
{
    return log(pv_predict_expected(s->model, theta, s->x, s->t_x, s->T, s->t));
}

static double log_mean_moved(const struct tilt *s, const double *theta, int i, double by_i, int j,
                             double by_j)
{
    double moved[PV_MAX_PARAMS];
    memcpy(moved, theta, sizeof(double) * (size_t)s->model->params);
    moved[i] *= exp(by_i);
    moved[j] *= exp(by_j);
    return log_mean(s, moved);
}

static double tilted_eval(const struct pv_model *model, const void *data, const double *theta,
                          double *ret_grad, double *ret_hess)
{
    const struct tilt *s = data;
    const double h = 1e-3;
    int n = model->params;
    double value = s->model->eval(s->model, &s->data, theta, ret_grad, ret_hess);
    double here = log_mean(s, theta), up[PV_MAX_PARAMS], down[PV_MAX_PARAMS];
    if (!ret_grad || !ret_hess)
        return value + s->lambda * here;
    for (int i = 0; i < n; i++) {
        up[i] = log_mean_moved(s, theta, i, h, i, 0.0);
        down[i] = log_mean_moved(s, theta, i, -h, i, 0.0);
    }
    for (int i = 0; i < n; i++) {
        double slope = (up[i] - down[i]) / (2.0 * h);
        ret_grad[i] += s->lambda * slope / theta[i];
        for (int j = 0; j < n; j++) {
            double bend = i == j
                              ? (up[i] - 2.0 * here + down[i]) / (h * h) - slope
                              : (log_mean_moved(s, theta, i, h, j, h) - up[i] - up[j] + 2.0 * here -
                                 down[i] - down[j] + log_mean_moved(s, theta, i, -h, j, -h)) /
                                    (2.0 * h * h);
            ret_hess[i * n + j] += s->lambda * bend / (theta[i] * theta[j]);
        }
    }
    return value + s->lambda * here;
}

/* ln E on one side: lambda from `first` on, until ln L has fallen by z^2 / 2. */
static int tilted_side(struct tilt *s, const double *theta, double best, double first, double z,
                       double *ret_log_mean)
{
    struct pv_model tilted = *s->model;
    struct pv_optimum o;
    double start[PV_MAX_PARAMS], low = 0.0, r_low = 0.0, high = 0.0, r_high = INFINITY;
    tilted.eval = tilted_eval;
    tilted.simpler = NULL;
    memcpy(start, theta, sizeof start);
    s->lambda = first;
    for (int i = 0; i < CLOSER; i++) {
        pv_optim_maximise(&tilted, s, start, NULL, &o);
        double here = log_mean(s, o.theta), value = o.value - s->lambda * here;
        if (!isfinite(value) || value > best + BETTER)
            return PV_ERR_ARGUMENT;
        double r = sqrt(2.0 * fmax(best - value, 0.0));
        *ret_log_mean = here;
        if (fabs(r - z) < 1e-4 * z)
            return 0;
        if (r < z) {
            low = s->lambda;
            r_low = r;
            memcpy(start, o.theta, sizeof start);
        } else {
            high = s->lambda;
            r_high = r;
        }
        if (isinf(r_high)) {
            s->lambda *= fmin(fmax(z / fmax(r, 1e-3), 1.2), 4.0);
            continue;
        }
        if (fabs(high - low) < 1e-6 * fabs(high)) /* a jump from one hill to another */
            return 0;
        double part = fmin(fmax((z - r_low) / (r_high - r_low), 0.05), 0.95);
        s->lambda = low + part * (high - low);
    }
    return 0;
}

int pv_profile_mean_interval(const struct pv_fit *fit, const struct pv_cells *cells, double x,
                             double t_x, double T, double t, double level,
                             struct pv_range *ret_range)
{
    const struct pv_model *m = pv_model_find(fit->model);
    struct tilt s = {.model = m, .x = x, .t_x = t_x, .T = T, .t = t};
    if (!m || !m->starts || !m->buying || !fit->usable || !(level > 0.0 && level < 1.0))
        return PV_ERR_ARGUMENT;
    double mean = pv_predict_expected(m, fit->param, x, t_x, T, t);
    if (!(mean > 0.0))
        return PV_ERR_ARGUMENT;
    struct pv_range wald;
    int rc = pv_mean_interval(fit, x, t_x, T, t, level, NULL, &wald);
    rc = rc ? rc : pv_fit_data_of(m, cells, fit->unit_days, &s.data);
    if (rc)
        return rc;
    double z = pv_stats_normal_quantile(0.5 * (1.0 + level)), low = NAN, high = NAN;
    double best = m->eval(m, &s.data, fit->param, NULL, NULL);
    double sd = log(wald.high / wald.low) / (2.0 * z);
    double first = z / (sd > 1e-6 ? sd : 0.1);
    rc = tilted_side(&s, fit->param, best, -first, z, &low);
    rc = rc ? rc : tilted_side(&s, fit->param, best, first, z, &high);
    free(s.data.room);
    if (rc == 0)
        *ret_range = (struct pv_range){exp(low), exp(high)};
    return rc;
}
