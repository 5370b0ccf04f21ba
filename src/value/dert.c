/*
 * dert.c - discounted expected residual transactions where customers leave after purchases, of one
 * who is alive at T.
 *
 * Given lambda, the k-th future purchase of an immortal customer is discounted by y^k on average,
 * y = lambda / (lambda + delta), and it happens when k - 1 purchases were survived, so that
 *   DERT = E_lambda sum_k s_{k-1} y^k = E_lambda [ y 2F1(1, bx; a + bx; y) ],  s_k = (bx)_k/(a +
 * bx)_k, with lambda ~ Gamma(r + x, alpha + T). The integral over w = ln lambda is analytic in a
 * strip about the real line and decays at both ends, so the trapezoidal rule converges
 * exponentially (Trefethen & Weideman, SIAM Review 56 (2014), theorem 5.1). The nodes hold for one
 * x and a range of T; the hypergeometric part does not depend on T, so another T costs only one
 * exponential a node. It is for what dert_series.c, a hundred times quicker, leaves.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

struct table {
    size_t nodes;
    double rx;
    double *lambda; /* nodes */
    double *weight; /* nodes: logarithms */
    double lgamma_rx;
};

/* Nodes for one rx = r + x and all at = alpha + T within [at_low, at_high]. */
static int table_new(int regular, double phase, double rx, double a, double bx, double at_low,
                     double at_high, double delta, struct table *ret_table)
{
    /* Peak of the gamma density in w at ln(rx / at); it falls like exp(rx (d - e^d + 1)). */
    double k = rx + 1.0;
    double d = 1.0;
    while (k * (exp(d) - d - 1.0) < 48.0)
        d *= 1.1;
    while (k * (exp(d / 1.02) - d / 1.02 - 1.0) > 48.0 && d > 1e-6)
        d /= 1.02;
    double high = log(k / at_low) + d;
    /* Below delta the integrand falls like lambda^(rx + 1), above it like lambda^rx at least. */
    double low_gamma = log(rx / at_high) - 48.0 / rx - 1.0;
    double low = fmin(log(delta), log(k / at_high)) - 48.0 / k - 1.0;
    if (rx > 4.0) {
        double deep = 48.0 / rx + 1.0;
        while (rx * (exp(-deep / 1.05) + deep / 1.05 - 1.0) > 48.0 && deep > 1e-6)
            deep /= 1.05;
        low_gamma = log(rx / at_high) - deep;
    }
    low = fmax(low, low_gamma);
    double h = fmin(0.25, 0.65 / sqrt(k));
    size_t nodes = (size_t)ceil((high - low) / h) + 1;
    if (nodes > 10000000)
        return PV_ERR_ARGUMENT;
    double *memory = malloc(2 * nodes * sizeof *memory);
    if (!memory)
        return PV_ERR_NO_MEMORY;
    struct table t = {nodes, rx, memory, memory + nodes, pv_math_lgamma(rx)};
    for (size_t i = 0; i < nodes; i++) {
        double w = low + h * (double)i;
        double lambda = exp(w);
        double y = lambda / (lambda + delta);
        double rest = delta / (lambda + delta);
        t.lambda[i] = lambda;
        if (regular > 1) {
            /* The k-th purchase is the (k regular - phase)-th event. */
            double log_y = -log1p(delta / lambda), each = -expm1(regular * log_y);
            double hyp = pv_math_hyp2f1_one(bx, a + bx, exp(regular * log_y), each);
            t.weight[i] = rx * w + log(h * hyp) + (regular - phase) * log_y;
        } else {
            t.weight[i] = rx * w + log(h * y * pv_math_hyp2f1_one(bx, a + bx, y, rest));
        }
    }
    *ret_table = t;
    return 0;
}

/* Of a customer known to be alive. */
static double table_at(const struct table *table, double at)
{
    double shift = table->rx * log(at) - table->lgamma_rx;
    double sum = 0.0;
    for (size_t i = 0; i < table->nodes; i++) {
        double e = table->weight[i] - at * table->lambda[i] + shift;
        if (e > -60.0)
            sum += exp(e);
    }
    return sum;
}

enum { R, ALPHA, A, B, PARAMS };

/* What one set of parameters and one x ask for. */
struct asked {
    int regular;
    double phase, rx, alpha, a, bx, delta;
};

/* At n ascending T: by series where that is good enough, else by a table made when first needed.
 * z: n doubles of room. */
static int dert_at(const struct asked *q, const double *T, size_t n, double *z, double *ret_dert)
{
    struct table table = {0};
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        z[i] = q->delta * (q->alpha + T[i]);
        ret_dert[i] = NAN;
    }
    if (q->regular == 1)
        pv_bg_dert_series(q->rx, q->a, q->bx, z, n, ret_dert);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (!isnan(ret_dert[i]))
            continue;
        if (table.nodes == 0)
            rc = table_new(q->regular, q->phase, q->rx, q->a, q->bx, q->alpha + T[0],
                           q->alpha + T[n - 1], q->delta, &table);
        if (rc == 0)
            ret_dert[i] = table_at(&table, q->alpha + T[i]);
    }
    free(table.lambda);
    return rc;
}

int pv_bg_dert(const struct pv_model *m, const double *p, double x, const double *T, size_t n,
               double delta, double *ret_dert, double *ret_slope)
{
    int regular = m->regular > 1 ? m->regular : 1, rc = 0;
    double bought = floor(x / regular), phase = x - regular * bought;
    double chances = bought + m->first_chances;
    double *z = malloc(2 * n * sizeof *z), *moved = z + n;
    if (!z)
        return PV_ERR_NO_MEMORY;
    for (int k = -1; k < (ret_slope ? PARAMS : 0) && rc == 0; k++) {
        double q[PARAMS] = {p[R], p[ALPHA], p[A], p[B]};
        if (k >= 0)
            q[k] *= exp(PV_STEP);
        struct asked asked = {regular, phase, q[R] + x, q[ALPHA], q[A], q[B] + chances, delta};
        rc = dert_at(&asked, T, n, z, k < 0 ? ret_dert : moved);
        for (size_t i = 0; k >= 0 && i < n; i++)
            ret_slope[i * PARAMS + (size_t)k] = (moved[i] / ret_dert[i] - 1.0) / PV_STEP;
    }
    free(z);
    return rc;
}
