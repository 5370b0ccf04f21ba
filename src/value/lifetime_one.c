/*
 * lifetime_one.c - the likelihood of one customer of the models of lifetime.c with its derivatives,
 * for customers with parameters of their own (covariates.c): the quadrature of lifetime.c, with the
 * first and second derivatives taken under the integral as in lifetime_fit.c.
 *
 * L = Gamma(r + x) / Gamma(r) alpha^r U, U = S(T) (alpha + T)^-(r + x)
 *     + int_{t_x}^T f(tau) (alpha + tau)^-(r + x) d tau; all relative to the value at t_x.
 */
#include "lifetime.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Sums of weight, weight times the derivatives of the logarithm (F), and of F F' + F'. */
struct sums {
    double value, first[PV_MAX_PARAMS], second[PV_MAX_PARAMS * (PV_MAX_PARAMS + 1) / 2];
};

/* Adds one point: e is the integrand relative to t_x, at = alpha + tau, over: ln(at / from). */
static inline void add(int params, double rx, double v, double at, double over, const double *first,
                       const double *second, struct sums *s)
{
    double f[PV_MAX_PARAMS] = {-over, -rx / at};
    for (int i = 2; i < params; i++)
        f[i] = first[i - 2];
    s->value += v;
    int k = 0;
    for (int i = 0; i < params; i++) {
        s->first[i] += v * f[i];
        for (int j = i; j < params; j++)
            s->second[k++] += v * f[i] * f[j];
    }
    s->second[1] -= v / at;                  /* r, alpha */
    s->second[params] += v * rx / (at * at); /* alpha, alpha */
    k = 2 * params - 1;
    for (int i = 2; i < params; i++)
        for (int j = i; j < params; j++)
            s->second[k++] += v * *second++;
}

double pv_life_one(const struct pv_model *m, const double *theta, double x, double t_x, double T,
                   double *g, double *h)
{
    const struct pv_lifetime *life = m->life;
    const double *phi = theta + 2;
    int params = m->params;
    double r = theta[0], alpha = theta[1], rx = r + x, from = alpha + t_x;
    double first[PV_LIFE_MAX], second[PV_LIFE_PAIRS];
    double log_s = life->log_survival(phi, t_x, NULL, NULL);
    struct sums s = {0.0};
    double over = log1p((T - t_x) / from);
    double log_end = life->log_survival(phi, T, first, second);
    add(params, rx, exp(log_end - log_s - rx * over), alpha + T, over, first, second, &s);
    for (double tau = t_x; tau < T;) {
        double slope = rx / (alpha + tau) + life->bend(phi, tau) + DBL_MIN;
        double half = fmin(fmin(2.0 / slope, alpha + tau), life->reach(phi, tau));
        half = fmin(half, 0.5 * (T - tau));
        double before = s.value;
        for (int i = 0; i < 16; i++) {
            double node = i < 8 ? -pv_gauss16_node[i] : pv_gauss16_node[15 - i];
            double weight = i < 8 ? pv_gauss16_weight[i] : pv_gauss16_weight[15 - i];
            double t = tau + half * (1.0 + node);
            over = log1p((t - t_x) / from);
            double e = life->log_density(phi, t, first, second) - log_s - rx * over;
            add(params, rx, weight * half * exp(e), alpha + t, over, first, second, &s);
        }
        if (s.value - before < 1e-18 * s.value * fmin(1.0, half / (T - tau)))
            break;
        tau = half >= 0.5 * (T - tau) ? T : tau + 2.0 * half;
    }
    double log_from = log(from), scale = 1.0 / s.value;
    int k = 0;
    for (int i = 0; i < params; i++) {
        g[i] = s.first[i] * scale;
        for (int j = i; j < params; j++)
            h[i * params + j] = s.second[k++] * scale;
    }
    for (int i = 0; i < params; i++) {
        for (int j = i; j < params; j++) {
            double bent = h[i * params + j] - g[i] * g[j];
            h[i * params + j] = h[j * params + i] = bent;
        }
    }
    double of_r[3];
    pv_math_rising(r, x, of_r);
    g[0] += of_r[1] + log(alpha) - log_from;
    g[1] += r / alpha;
    h[0] += of_r[2];
    h[1] += 1.0 / alpha;
    h[params] = h[1];
    h[params + 1] -= r / (alpha * alpha);
    return of_r[0] + r * log(alpha) - rx * log_from + log_s + log(s.value);
}
