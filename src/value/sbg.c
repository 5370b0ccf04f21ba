/*
 * sbg.c - the shifted-beta-geometric model of contracts: Fader & Hardie (2007), How to project
 * customer retention, Journal of Interactive Marketing 21, 76-90. At the end of each period a
 * customer leaves with probability theta ~ Beta(alpha, beta) of their own:
 *   S(t) = B(alpha, beta + t) / B(alpha, beta),
 *   P(leaves at the end of t) = B(alpha + 1, beta + t - 1) / B(alpha, beta).
 * And the Kaplan-Meier estimate, which assumes nothing.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

enum { ALPHA, BETA, PARAMS };

static double eval(const struct pv_model *model, const void *opaque, const double *p,
                   double *ret_grad, double *ret_hess)
{
    const struct pv_fit_data *d = opaque;
    double a = p[ALPHA], b = p[BETA], total = 0.0;
    double grad[PARAMS] = {0.0}, hess[PARAMS * PARAMS] = {0.0};
    /* Of ln (beta)_k and ln (alpha + beta)_T: values and derivatives, as T grows. */
    double log_b = 0.0, log_ab = 0.0, b1 = 0.0, b2 = 0.0, ab1 = 0.0, ab2 = 0.0;
    int32_t k = 0, t = 0, x = 0;
    (void)model;
    for (size_t i = 0; i < d->cells; i += d->stride) {
        const struct pv_cell *c = &d->cell[i];
        if (c->x != x) { /* sorted by x, then T */
            x = c->x;
            k = t = 0;
            log_b = log_ab = b1 = b2 = ab1 = ab2 = 0.0;
        }
        for (; t < c->T; t++) {
            log_ab += log(a + b + t);
            ab1 += 1.0 / (a + b + t);
            ab2 -= 1.0 / ((a + b + t) * (a + b + t));
        }
        for (; k < c->T - (x > 0); k++) {
            log_b += log(b + k);
            b1 += 1.0 / (b + k);
            b2 -= 1.0 / ((b + k) * (b + k));
        }
        double n = c->count, left = x > 0 ? 1.0 : 0.0;
        total += n * (log_b - log_ab + left * log(a));
        grad[ALPHA] += n * (left / a - ab1);
        grad[BETA] += n * (b1 - ab1);
        hess[ALPHA * PARAMS + ALPHA] += n * (-left / (a * a) - ab2);
        hess[ALPHA * PARAMS + BETA] -= n * ab2;
        hess[BETA * PARAMS + BETA] += n * (b2 - ab2);
    }
    hess[BETA * PARAMS + ALPHA] = hess[ALPHA * PARAMS + BETA];
    if (ret_grad)
        memcpy(ret_grad, grad, sizeof grad);
    if (ret_hess)
        memcpy(ret_hess, hess, sizeof hess);
    return total;
}

static int starts(const struct pv_fit_data *d, double rate, double (*ret_start)[PV_MAX_PARAMS])
{
    static const double size[] = {0.7, 3.0, 20.0};
    (void)d;
    for (int i = 0; i < 3; i++) {
        double leaves = fmin(fmax(rate, 0.01), 0.9);
        ret_start[i][ALPHA] = size[i] * leaves;
        ret_start[i][BETA] = size[i] * (1.0 - leaves);
    }
    return 3;
}

static double survival(const double *p, double t)
{
    return exp(pv_math_lrising(p[BETA], t) - pv_math_lrising(p[ALPHA] + p[BETA], t));
}

static double retention(const double *p, double t)
{
    return (p[BETA] + t - 1.0) / (p[ALPHA] + p[BETA] + t - 1.0);
}

/* Fader & Hardie (2010), Customer-base valuation in a contractual setting, Marketing Science 29,
 * 85-93: sum over t >= period of S(t) / S(period - 1) e^(-delta (t - period)). */
static double renewals(const double *p, double period, double delta)
{
    double y = exp(-delta), b = p[BETA] + period;
    return retention(p, period) * pv_math_hyp2f1_one(b, p[ALPHA] + b, y, -expm1(-delta));
}

static const struct pv_contract contract = {
    .survival = survival,
    .retention = retention,
    .renewals = renewals,
};

const struct pv_model pv_model_sbg = {
    .name = "sbg",
    .kind = PV_KIND_CONTRACT,
    .params = PARAMS,
    .param = {"alpha", "beta"},
    .low = {1e-6, 1e-6},
    .high = {1e6, 1e6},
    .far = {1e3, 0.0},
    .eval = eval,
    .starts = starts,
    .contract = &contract,
};

/* ---- For any model of contracts -------------------------------------------------------------- */

static bool sensible(const struct pv_model *m, const double *p)
{
    if (!m->contract)
        return false;
    for (int i = 0; i < m->params; i++)
        if (!(p[i] > 0.0) || !isfinite(p[i]))
            return false;
    return true;
}

double pv_contract_survival(const struct pv_model *m, const double *p, double t)
{
    return sensible(m, p) && t >= 0.0 && t == floor(t) ? m->contract->survival(p, t) : NAN;
}

double pv_contract_retention(const struct pv_model *m, const double *p, double t)
{
    return sensible(m, p) && t >= 1.0 && t == floor(t) ? m->contract->retention(p, t) : NAN;
}

double pv_contract_renewals(const struct pv_model *m, const double *p, double period, double delta)
{
    return sensible(m, p) && period >= 1.0 && period == floor(period) && delta > 0.0
               ? m->contract->renewals(p, period, delta)
               : NAN;
}

/* Kaplan & Meier (1958), JASA 53, 457-481; Greenwood's variance on the scale ln(-ln S), where an
 * interval cannot leave [0, 1]. */
int pv_kaplan_meier(const struct pv_cells *cells, size_t n, double *ret_survival, double *ret_low95,
                    double *ret_high95)
{
    size_t count;
    const struct pv_cell *c = pv_cells_data(cells, &count);
    for (size_t i = 0; i < count; i++)
        if (c[i].x > 1 || (c[i].x == 1 && c[i].T == 0))
            return PV_ERR_ARGUMENT;
    double s = 1.0, greenwood = 0.0;
    for (size_t t = 0; t <= n; t++) {
        double risk = 0.0, left = 0.0;
        for (size_t i = 0; t > 0 && i < count; i++) {
            risk += (size_t)c[i].T >= t ? c[i].count : 0.0;
            left += c[i].x == 1 && (size_t)c[i].T == t ? c[i].count : 0.0;
        }
        if (t > 0) {
            s = risk > 0.0 ? s * (1.0 - left / risk) : NAN;
            greenwood += left / (risk * (risk - left));
        }
        double half = PV_Z95 * sqrt(greenwood) / fabs(log(s));
        bool known = s > 0.0 && s < 1.0;
        ret_survival[t] = s;
        ret_low95[t] = known ? pow(s, exp(half)) : s;
        ret_high95[t] = known ? pow(s, exp(-half)) : s;
    }
    return 0;
}
