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
    pv_optim_maximise(&p->held, &p->data, p->follow, &o);
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
    p.data = (struct pv_fit_data){.stride = 1,
                                  .unit_days = m->kind == PV_KIND_BUYING ? fit->unit_days : 1.0};
    p.data.cell = pv_cells_data(cells, &p.data.cells);
    for (size_t i = 0; i < p.data.cells; i++)
        p.data.max_day = p.data.cell[i].T > p.data.max_day ? p.data.cell[i].T : p.data.max_day;
    p.data.room = malloc(((m->room ? m->room(m, &p.data) : 0) + 1) * sizeof *p.data.room);
    if (!p.data.room)
        return PV_ERR_NO_MEMORY;
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
