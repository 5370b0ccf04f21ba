/*
 * gamma_gamma.c - the Gamma-Gamma model of spend per purchase: Fader & Hardie (2013), note 025
 * [FH13b].
 *
 * Purchases of a customer cost Gamma(p, nu), nu ~ Gamma(q, gamma) differs between customers and is
 * independent of how often they buy. With zbar the mean of x purchases, [FH13b] eq. 1a:
 *   f(zbar) = Gamma(p x + q) / (Gamma(p x) Gamma(q)) gamma^q zbar^(p x - 1) x^(p x)
 *             / (gamma + x zbar)^(p x + q)
 * The gamma functions depend on x alone, so customers are grouped by x; one logarithm and one
 * reciprocal of gamma + x zbar remain for each customer.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { P, Q, GAMMA, PARAMS };

struct gg_group {
    double x;
    double n;
    double sum_log_z; /* of ln zbar */
    size_t first, count;
};

struct gg_data {
    struct gg_group *group;
    size_t groups;
    double *spend; /* x zbar of each customer, grouped by x */
};

static double gg_eval(const struct pv_model *model, const void *opaque, const double *theta,
                      double *ret_grad, double *ret_hess)
{
    (void)model;
    const struct gg_data *d = opaque;
    double p = theta[P], q = theta[Q], gamma = theta[GAMMA];
    double log_gamma = log(gamma);
    double lg_q = pv_math_lgamma(q), psi_q = pv_math_digamma(q), tri_q = pv_math_trigamma(q);
    double total = 0.0;
    double grad[PARAMS] = {0.0};
    double hess[PARAMS * PARAMS] = {0.0};
    for (size_t g = 0; g < d->groups; g++) {
        const struct gg_group *group = &d->group[g];
        double x = group->x, n = group->n;
        double px = p * x, pxq = px + q;
        double logs = 0.0, inv = 0.0, inv2 = 0.0;
        const double *spend = d->spend + group->first;
        for (size_t i = 0; i < group->count; i++) {
            double at = gamma + spend[i];
            logs += log(at);
            inv += 1.0 / at;
            inv2 += 1.0 / (at * at);
        }
        double psi_px = pv_math_digamma(px), psi_pxq = pv_math_digamma(pxq);
        double tri_px = pv_math_trigamma(px), tri_pxq = pv_math_trigamma(pxq);
        total +=
            n * (pv_math_lgamma(pxq) - pv_math_lgamma(px) - lg_q + q * log_gamma + px * log(x)) +
            (px - 1.0) * group->sum_log_z - pxq * logs;
        grad[P] += x * (n * (psi_pxq - psi_px + log(x)) + group->sum_log_z - logs);
        grad[Q] += n * (psi_pxq - psi_q + log_gamma) - logs;
        grad[GAMMA] += n * q / gamma - pxq * inv;
        hess[P * PARAMS + P] += n * x * x * (tri_pxq - tri_px);
        hess[P * PARAMS + Q] += n * x * tri_pxq;
        hess[P * PARAMS + GAMMA] -= x * inv;
        hess[Q * PARAMS + Q] += n * (tri_pxq - tri_q);
        hess[Q * PARAMS + GAMMA] += n / gamma - inv;
        hess[GAMMA * PARAMS + GAMMA] += pxq * inv2 - n * q / (gamma * gamma);
    }
    for (int i = 0; i < PARAMS; i++)
        for (int j = 0; j < i; j++)
            hess[i * PARAMS + j] = hess[j * PARAMS + i];
    memcpy(ret_grad, grad, sizeof grad);
    memcpy(ret_hess, hess, sizeof hess);
    return total;
}

static const struct pv_process processes[] = {{"spend", GAMMA, 1.0}, {NULL, 0, 0.0}};

const struct pv_model pv_model_gamma_gamma = {
    .name = "gamma-gamma",
    .kind = PV_KIND_SPEND,
    .params = PARAMS,
    .param = {"p", "q", "gamma"},
    .low = {1e-4, 1e-4, 1e-8},
    .high = {1e6, 1e6, 1e12},
    .eval = gg_eval,
    .process = processes,
};

static enum pv_verdict judge(const struct pv_optimum *o, double correlation, double n)
{
    const double *t = o->theta;
    if (!isfinite(o->value))
        return PV_VERDICT_NOT_CONVERGED;
    for (int i = 0; i < PARAMS; i++)
        if (o->at_limit[i])
            return t[P] > 1e3 || t[Q] > 1e3 ? PV_VERDICT_RIDGE : PV_VERDICT_BOUNDARY;
    if (t[P] > 1e4 || t[Q] > 1e4)
        return PV_VERDICT_RIDGE;
    if (!o->converged)
        return PV_VERDICT_NOT_CONVERGED;
    if (!o->regular)
        return PV_VERDICT_RIDGE;
    if (t[Q] <= 1.0)
        return PV_VERDICT_Q_AT_MOST_ONE;
    for (int i = 0; i < PARAMS; i++)
        if (!(o->log_sd[i] < 2.3 / PV_Z95))
            return PV_VERDICT_RIDGE;
    /* Independence of spend and frequency: a correlation of 0.3 that chance does not explain. */
    if (fabs(correlation) > 0.3 && fabs(correlation) * sqrt(n) > 3.0)
        return PV_VERDICT_CORRELATED_SPEND;
    return PV_VERDICT_OK;
}

/*
 * On a ridge p, q and gamma are not known one by one, but what they predict may well be: with few
 * customers p and gamma often trade places while p gamma / (q - 1), the mean of the base, stands.
 * Usable when its standard error is under 35 % (delta method).
 */
static bool mean_is_known(const struct pv_optimum *o)
{
    double q = o->theta[Q], var = 0.0;
    if (!o->regular || !(q > 1.0) || !o->converged)
        return false;
    const double slope[PARAMS] = {1.0, -q / (q - 1.0), 1.0};
    for (int i = 0; i < PARAMS; i++)
        for (int j = 0; j < PARAMS; j++)
            var += slope[i] * slope[j] * o->log_cov[i * PARAMS + j];
    return var < 0.35 * 0.35;
}

void pv_spend_judge(const struct pv_optimum *o, struct pv_fit *fit)
{
    fit->verdict = judge(o, fit->correlation, (double)fit->customers);
    fit->usable = fit->verdict == PV_VERDICT_OK || fit->verdict == PV_VERDICT_CORRELATED_SPEND ||
                  (fit->verdict == PV_VERDICT_RIDGE && mean_is_known(o));
}

static int by_x_then_spend(const void *left, const void *right)
{
    const struct pv_customer *l = left, *r = right;
    if (l->x != r->x)
        return l->x < r->x ? -1 : 1;
    return (l->spend > r->spend) - (l->spend < r->spend);
}

/* Customers with repeat spend, grouped by x with a counting sort when x is small, as it nearly
 * always is. Fills data and the moments of the spend; returns the number of customers or -1. */
static int64_t group_spend(const struct pv_customer *rows, size_t n, double scale,
                           struct gg_data *ret_data, double *ret_mean, double *ret_var,
                           double *ret_correlation)
{
    enum { SMALL = 4096 };
    size_t count[SMALL + 1] = {0};
    size_t used = 0, large = 0;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].T < 0 || rows[i].x <= 0 || rows[i].spend <= 0)
            continue;
        used++;
        if (rows[i].x < SMALL)
            count[rows[i].x]++;
        else
            large++;
    }
    struct gg_data d = {0};
    size_t distinct = large;
    for (size_t x = 0; x < SMALL; x++)
        distinct += count[x] > 0;
    d.spend = malloc((used + 1) * sizeof *d.spend);
    d.group = calloc(distinct + 1, sizeof *d.group);
    struct pv_customer *big = malloc((large + 1) * sizeof *big);
    if (!d.spend || !d.group || !big) {
        free(d.spend);
        free(d.group);
        free(big);
        return -1;
    }
    size_t at = 0;
    uint32_t slot[SMALL];
    for (size_t x = 0; x < SMALL; x++) {
        slot[x] = (uint32_t)d.groups;
        if (count[x] == 0)
            continue;
        d.group[d.groups++] = (struct gg_group){.x = (double)x, .first = at};
        at += count[x];
    }
    double s_z = 0.0, s_zz = 0.0, s_x = 0.0, s_xx = 0.0, s_l = 0.0, s_ll = 0.0, s_xl = 0.0;
    size_t bigs = 0;
    for (size_t i = 0; i < n + large; i++) {
        const struct pv_customer *c;
        if (i < n) {
            c = &rows[i];
            if (c->T < 0 || c->x <= 0 || c->spend <= 0)
                continue;
            if (c->x >= SMALL) {
                big[bigs++] = *c;
                if (bigs == large)
                    qsort(big, large, sizeof *big, by_x_then_spend);
                continue;
            }
        } else {
            c = &big[i - n];
            if (d.groups == 0 || d.group[d.groups - 1].x != (double)c->x)
                d.group[d.groups++] = (struct gg_group){.x = (double)c->x, .first = at};
            at++;
        }
        struct gg_group *g = c->x < SMALL ? &d.group[slot[c->x]] : &d.group[d.groups - 1];
        double x = g->x, spend = (double)c->spend / scale;
        double z = spend / x, l = log(z);
        d.spend[g->first + g->count++] = spend;
        g->n += 1.0;
        g->sum_log_z += l;
        s_z += z;
        s_zz += z * z;
        s_x += x;
        s_xx += x * x;
        s_l += l;
        s_ll += l * l;
        s_xl += x * l;
    }
    free(big);
    double m = (double)used;
    double v_x = s_xx - s_x * s_x / m, v_l = s_ll - s_l * s_l / m;
    *ret_mean = s_z / m;
    *ret_var = used > 1 ? (s_zz - s_z * s_z / m) / (m - 1.0) : 0.0;
    *ret_correlation =
        v_x > 1e-9 && v_l > 1e-9 * m ? (s_xl - s_x * s_l / m) / sqrt(v_x * v_l) : 0.0;
    *ret_data = d;
    return (int64_t)used;
}

int pv_fit_gamma_gamma(const struct pv_customer *rows, size_t n,
                       const struct pv_fit_options *options, struct pv_fit *ret_fit)
{
    if (!(options->money_scale > 0.0) || !(options->unit_days > 0.0) ||
        !isfinite(options->money_scale) || !isfinite(options->unit_days))
        return PV_ERR_ARGUMENT;
    struct gg_data d;
    double mean, var, correlation;
    int64_t used = group_spend(rows, n, options->money_scale, &d, &mean, &var, &correlation);
    if (used < 0)
        return PV_ERR_NO_MEMORY;
    if (used > 0 && !(isfinite(mean) && isfinite(var))) {
        free(d.spend);
        free(d.group);
        return PV_ERR_OVERFLOW;
    }
    struct pv_fit fit;
    pv_fit_blank(&pv_model_gamma_gamma, PV_VERDICT_OK, &fit);
    fit.unit_days = options->unit_days;
    fit.customers = fit.repeaters = (uint64_t)used;
    fit.cells = d.groups;
    fit.correlation = correlation;
    if (used == 0)
        fit.verdict = PV_VERDICT_NO_SPEND;
    else if (used < 10)
        fit.verdict = PV_VERDICT_TOO_FEW_CUSTOMERS;
    else if (!(var > 1e-12 * mean * mean))
        fit.verdict = PV_VERDICT_CONSTANT_SPEND;
    if (fit.verdict == PV_VERDICT_OK) {
        static const double ps[] = {0.7, 3.0, 12.0};
        static const double qs[] = {1.5, 3.0, 10.0};
        double best_value = -INFINITY;
        double start[PARAMS] = {3.0, 3.0, mean};
        for (size_t i = 0; i < 3; i++) {
            for (size_t j = 0; j < 3; j++) {
                /* [FH13b] eq. 4: the mean of the base is p gamma / (q - 1). */
                double theta[PARAMS] = {ps[i], qs[j], mean * (qs[j] - 1.0) / ps[i]};
                double grad[PARAMS], hess[PARAMS * PARAMS];
                double value = gg_eval(&pv_model_gamma_gamma, &d, theta, grad, hess);
                if (value > best_value) {
                    best_value = value;
                    memcpy(start, theta, sizeof start);
                }
            }
        }
        struct pv_optimum best;
        pv_optim_maximise(&pv_model_gamma_gamma, &d, start, NULL, &best);
        pv_optim_report(&pv_model_gamma_gamma, &best, &fit);
        pv_spend_judge(&best, &fit);
    }
    free(d.spend);
    free(d.group);
    *ret_fit = fit;
    return 0;
}

struct pv_gamma_gamma pv_gamma_gamma_of(const struct pv_fit *fit)
{
    return (struct pv_gamma_gamma){fit->param[P], fit->param[Q], fit->param[GAMMA]};
}

double pv_gamma_gamma_loglik(const struct pv_gamma_gamma *m, double x, double zbar)
{
    if (!(x > 0.0) || !(zbar > 0.0) || !(m->p > 0.0) || !(m->q > 0.0) || !(m->gamma > 0.0))
        return NAN;
    double px = m->p * x;
    return pv_math_lgamma(px + m->q) - pv_math_lgamma(px) - pv_math_lgamma(m->q) +
           m->q * log(m->gamma) + (px - 1.0) * log(zbar) + px * log(x) -
           (px + m->q) * log(m->gamma + x * zbar);
}

double pv_gamma_gamma_mean(const struct pv_gamma_gamma *m, double x, double zbar)
{
    double shape = m->p * x + m->q - 1.0;
    if (!(shape > 0.0) || !(x >= 0.0) || !(m->p > 0.0) || !(m->gamma > 0.0))
        return NAN;
    double spend = x > 0.0 ? x * zbar : 0.0;
    return m->p * (m->gamma + spend) / shape;
}
