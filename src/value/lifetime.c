/*
 * lifetime.c - one customer of a model whose customers buy at rate lambda ~ Gamma(r, alpha) for a
 * lifetime that has nothing to do with their purchases.
 *
 * With S and f of the lifetime, the likelihood of (x, t_x, T) is
 *   Gamma(r + x) / Gamma(r) alpha^r [ S(T) (alpha + T)^-(r + x)
 *                                     + int_{t_x}^T f(tau) (alpha + tau)^-(r + x) d tau ]:
 * alive, or gone at some time since the last purchase. For Pareto/NBD the integral is the
 * difference of two 2F1, the A0 of Fader & Hardie (2005), A note on deriving the Pareto/NBD model
 * and related expressions. Taken as the integral it is, it has no difference to cancel, no case
 * alpha < beta or alpha > beta, and derivatives by differentiating under the integral.
 * Gauss-Legendre on panels that are short against the integrand's slope and against the distance to
 * its singularities -alpha and those of f.
 *
 * Alive at T, lambda ~ Gamma(r + x, alpha + T) and the lifetime left has survival S(T + t) / S(T),
 * independent of each other.
 */
#include "lifetime.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const double pv_gauss4_node[2] = {0.86113631159405257522, 0.33998104358485626480};
const double pv_gauss4_weight[2] = {0.34785484513745385737, 0.65214515486254614262};
const double pv_gauss8_node[4] = {0.96028985649753623168, 0.79666647741362673959,
                                  0.52553240991632898581, 0.18343464249564980493};
const double pv_gauss8_weight[4] = {0.10122853629037625915, 0.22238103445337447054,
                                    0.31370664587788728733, 0.36268378337836198296};
const double pv_gauss16_node[8] = {
    0.98940093499164993259, 0.94457502307323257607, 0.86563120238783174388, 0.75540440835500303389,
    0.61787624440264374844, 0.45801677765722738634, 0.28160355077925891323, 0.09501250983763744018};
const double pv_gauss16_weight[8] = {
    0.02715245941175409485, 0.06225352393864789286, 0.09515851168249278480, 0.12462897125553387205,
    0.14959598881657673208, 0.16915651939500253818, 0.18260341504492358886, 0.18945061045506849628};

static double node_of(int i)
{
    return i < 8 ? -pv_gauss16_node[i] : pv_gauss16_node[15 - i];
}

static double weight_of(int i)
{
    return i < 8 ? pv_gauss16_weight[i] : pv_gauss16_weight[15 - i];
}

/* Half the panel that begins at tau, for 16 points. `slope`: of the other factor. The nearest
 * singularity is half a panel off or more, which leaves an error of 2.6^-32. */
static double half_panel(const struct pv_lifetime *life, const double *phi, double tau,
                         double slope, double reach)
{
    double half = 3.5 / (slope + life->bend(phi, tau) + DBL_MIN);
    return fmin(half, 2.0 * fmin(reach, life->reach(phi, tau)));
}

/*
 * The two parts of the likelihood relative to Gamma(r + x) / Gamma(r) alpha^r S(t_x)
 * (alpha + t_x)^-(r + x): alive, and gone. ret_first (may be NULL; 2 + params): integrals of gone
 * times the first derivatives of the logarithm of its integrand, less those of the alive part.
 */
static void two_parts(const struct pv_lifetime *life, const double *theta, double x, double t_x,
                      double T, double *ret_alive, double *ret_gone, double *ret_first)
{
    const double *phi = theta + 2;
    double alpha = theta[1], rx = theta[0] + x, from = alpha + t_x;
    double last_first[PV_LIFE_MAX] = {0.0};
    double log_s = life->log_survival(phi, t_x, NULL, NULL);
    double log_end = life->log_survival(phi, T, ret_first ? last_first : NULL, NULL);
    double alive = exp(log_end - log_s - rx * log1p((T - t_x) / from));
    double gone = 0.0, tau = t_x;
    double first[PV_MAX_PARAMS] = {0.0};
    while (tau < T) {
        double half = half_panel(life, phi, tau, rx / (alpha + tau), alpha + tau);
        half = fmin(half, 0.5 * (T - tau));
        double sum = 0.0;
        for (int i = 0; i < 16; i++) {
            double at = tau + half * (1.0 + node_of(i)), g[PV_LIFE_MAX];
            double e = life->log_density(phi, at, ret_first ? g : NULL, NULL) - log_s -
                       rx * log1p((at - t_x) / from);
            double v = weight_of(i) * half * exp(e);
            sum += v;
            if (!ret_first)
                continue;
            first[0] -= v * log1p((at - T) / (alpha + T));
            first[1] -= v * rx * (T - at) / ((alpha + at) * (alpha + T));
            for (int k = 0; k < life->params; k++)
                first[2 + k] += v * (g[k] - last_first[k]);
        }
        gone += sum;
        if (sum < 1e-18 * (gone + alive) * fmin(1.0, half / (T - tau)))
            break;
        tau = half >= 0.5 * (T - tau) ? T : tau + 2.0 * half;
    }
    *ret_alive = alive;
    *ret_gone = gone;
    if (ret_first)
        memcpy(ret_first, first, sizeof(double) * (size_t)(2 + life->params));
}

static double life_loglik(const struct pv_model *m, const double *theta, double x, double t_x,
                          double T)
{
    const struct pv_lifetime *life = m->life;
    double alive, gone;
    two_parts(life, theta, x, t_x, T, &alive, &gone, NULL);
    return pv_math_lrising(theta[0], x) + theta[0] * log(theta[1]) +
           life->log_survival(theta + 2, t_x, NULL, NULL) - (theta[0] + x) * log(theta[1] + t_x) +
           log(alive + gone);
}

static double life_p_alive(const struct pv_model *m, const double *theta, double x, double t_x,
                           double T, double *ret_slope)
{
    const struct pv_lifetime *life = m->life;
    double alive, gone, first[PV_MAX_PARAMS];
    two_parts(life, theta, x, t_x, T, &alive, &gone, ret_slope ? first : NULL);
    for (int k = 0; ret_slope && k < 2 + life->params; k++)
        ret_slope[k] = -theta[k] * first[k] / (alive + gone);
    return alive / (alive + gone);
}

static double life_leave(const struct pv_model *m, const double *theta, double span)
{
    const struct pv_lifetime *life = m->life;
    return -expm1(life->log_survival(theta + 2, span, NULL, NULL));
}

static double life_survive(const struct pv_model *m, const double *theta, double x, double T,
                           double t)
{
    (void)x;
    const struct pv_lifetime *life = m->life;
    const double *phi = theta + 2;
    return exp(life->log_survival(phi, T + t, NULL, NULL) - life->log_survival(phi, T, NULL, NULL));
}

/*
 * int_T^to e^(-delta (tau - T)) S(tau) / S(T) d tau, to = INFINITY allowed; ret_first (may be
 * NULL): the same with the derivatives of ln S.
 */
static double survival_integral(const struct pv_lifetime *life, const double *phi, double T,
                                double to, double delta, double *ret_first)
{
    double log_s = life->log_survival(phi, T, NULL, NULL);
    double total = 0.0, tau = T;
    for (int k = 0; ret_first && k < life->params; k++)
        ret_first[k] = 0.0;
    while (tau < to) {
        double half = fmin(half_panel(life, phi, tau, delta, INFINITY), 0.5 * (to - tau));
        double sum = 0.0;
        for (int i = 0; i < 16; i++) {
            double at = tau + half * (1.0 + node_of(i)), g[PV_LIFE_MAX];
            double e = life->log_survival(phi, at, ret_first ? g : NULL, NULL) - log_s;
            double v = weight_of(i) * half * exp(e - delta * (at - T));
            sum += v;
            for (int k = 0; ret_first && k < life->params; k++)
                ret_first[k] += v * g[k];
        }
        total += sum;
        tau = half >= 0.5 * (to - tau) ? to : tau + 2.0 * half;
        /* What is left is under the integrand here, itself under sum / (2 half), times what time is
         * left, or / delta. */
        if (sum * fmin(to - tau, 1.0 / delta) < 1e-17 * total * 2.0 * half)
            break;
    }
    return total;
}

static double life_mean(const struct pv_model *m, const double *theta, double x, double T, double t)
{
    const struct pv_lifetime *life = m->life;
    double left = life->mean_left ? life->mean_left(theta + 2, T, t)
                                  : survival_integral(life, theta + 2, T, T + t, 0.0, NULL);
    return (theta[0] + x) / (theta[1] + T) * left;
}

/*
 * DERT = E[lambda] int_0^inf e^(-delta t) S(T + t) / S(T) dt, from the last T backwards: what comes
 * after the next T is known already. One alone by its closed form, where there is one.
 */
static int life_dert(const struct pv_model *m, const double *theta, double x, const double *T,
                     size_t n, double delta, double *ret_dert, double *ret_slope)
{
    const struct pv_lifetime *life = m->life;
    const double *phi = theta + 2;
    size_t params = (size_t)life->params + 2;
    if (n == 1 && !ret_slope && life->discounted_left) {
        double left = life->discounted_left(phi, T[0], delta);
        *ret_dert = (theta[0] + x) / (theta[1] + T[0]) * left;
        if (isfinite(left))
            return 0;
    }
    double later = 0.0, later_first[PV_LIFE_MAX] = {0.0};
    for (size_t i = n; i-- > 0;) {
        double first[PV_LIFE_MAX], now[PV_LIFE_MAX];
        double to = i + 1 < n ? T[i + 1] : INFINITY;
        double left = survival_integral(life, phi, T[i], to, delta, ret_slope ? first : NULL);
        if (i + 1 < n) {
            double fall = exp(life->log_survival(phi, to, NULL, NULL) -
                              life->log_survival(phi, T[i], NULL, NULL) - delta * (to - T[i]));
            left += fall * later;
            for (int k = 0; ret_slope && k < life->params; k++)
                first[k] += fall * later_first[k];
        }
        ret_dert[i] = (theta[0] + x) / (theta[1] + T[i]) * left;
        later = left;
        if (!ret_slope)
            continue;
        memcpy(later_first, first, sizeof later_first);
        life->log_survival(phi, T[i], now, NULL);
        double *slope = ret_slope + i * params;
        slope[0] = theta[0] / (theta[0] + x);
        slope[1] = -theta[1] / (theta[1] + T[i]);
        for (int k = 0; k < life->params; k++)
            slope[2 + k] = phi[k] * (first[k] / left - now[k]);
    }
    return 0;
}

static void life_draw(const struct pv_model *m, const double *theta, double x, double T,
                      struct pv_rng *rng, struct pv_future *ret_future)
{
    const struct pv_lifetime *life = m->life;
    ret_future->rate = exp(pv_rng_log_gamma(rng, theta[0] + x) - log(theta[1] + T));
    ret_future->life = life->draw(theta + 2, T, rng);
    ret_future->last = false;
}

static double life_pairs(const struct pv_model *m, const double *theta, double v)
{
    const struct pv_lifetime *life = m->life;
    return theta[0] * (theta[0] + 1.0) / (theta[1] * theta[1]) *
           exp(life->log_survival(theta + 2, v, NULL, NULL));
}

/* ---- How many -------------------------------------------------------------------------------- */

/* Nodes over (0, t], even in ln(m + tau), m the distance to the nearest singularity. */
struct grid {
    size_t n;
    double *tau;    /* n */
    double *weight; /* n: of d tau, times whatever does not depend on k */
    double *log_v;  /* n: logarithm of the term of k ... */
    double *v;      /* n: ... and the term itself */
    double *ratio;  /* n: tau / (at + tau) */
};

/* points: 8 or 16 a panel. sharp: how much narrower than t the narrowest peak is. */
static int grid_new(const struct pv_lifetime *life, const double *phi, double at, double T,
                    double t, double sharp, int points, struct grid *ret)
{
    double m = fmin(at, life->reach(phi, T)), length = log1p(t / m);
    double bent = fmin(life->bend(phi, T) * t, 200.0);
    double panels = ceil(points == 8 ? (12.0 + 5.0 * sharp + 4.0 * length) / 8.0 + bent / 8.0
                                     : 1.0 + length + sharp + bent / 4.0);
    size_t n = (size_t)fmin(panels, 4096.0) * (size_t)points;
    double *memory = malloc(5 * n * sizeof *memory);
    if (!memory)
        return PV_ERR_NO_MEMORY;
    struct grid g = {n, memory, memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n};
    double half = 0.5 * length * (double)points / (double)n;
    for (size_t i = 0; i < n; i++) {
        size_t panel = i / (size_t)points;
        int k = (int)(i - panel * (size_t)points);
        bool right = 2 * k >= points;
        int from = right ? points - 1 - k : k;
        double node = points == 8 ? pv_gauss8_node[from] : pv_gauss16_node[from];
        double weight = points == 8 ? pv_gauss8_weight[from] : pv_gauss16_weight[from];
        double v = half * (2.0 * (double)panel + 1.0 + (right ? node : -node));
        g.tau[i] = m * expm1(v);
        g.weight[i] = weight * half * (m + g.tau[i]);
        g.ratio[i] = g.tau[i] / (at + g.tau[i]);
    }
    *ret = g;
    return 0;
}

/* Term of k + 1 from that of k; terms too small for a double are kept as logarithms. */
static void next_terms(struct grid *g, double factor)
{
    double log_factor = log(factor);
    for (size_t i = 0; i < g->n; i++) {
        if (PV_LIKELY(g->v[i] > 0.0)) {
            g->v[i] *= factor * g->ratio[i];
        } else if (g->log_v[i] > -INFINITY) {
            g->log_v[i] += log_factor + log(g->ratio[i]);
            if (g->log_v[i] > -600.0) {
                g->v[i] = exp(g->log_v[i]);
                g->log_v[i] = -INFINITY; /* once it has lived it does not come back */
            }
        }
    }
}

static void first_terms(struct grid *g)
{
    for (size_t i = 0; i < g->n; i++) {
        bool large = g->log_v[i] > -600.0;
        g->v[i] = large ? exp(g->log_v[i]) : 0.0;
        if (large)
            g->log_v[i] = -INFINITY;
    }
}

/* P(N >= k) = int_0^t f_k(tau) S(T + tau) / S(T) d tau, f_k the density of the k-th purchase of an
 * immortal customer: Gamma mixed over lambda, f_{k+1} / f_k = (rx + k) / k tau / (at + tau). */
static size_t life_tail(const struct pv_model *m, const double *theta, double x, double T, double t,
                        double least, size_t cap, double *ret_tail)
{
    const struct pv_lifetime *life = m->life;
    const double *phi = theta + 2;
    double rx = theta[0] + x, at = theta[1] + T;
    if (cap == 0)
        return 0;
    ret_tail[0] = 1.0;
    double mean = rx * t / at, most = mean + 4.0 * sqrt(mean * (1.0 + t / at)) + 4.0;
    struct grid g;
    if (cap == 1)
        return 1;
    if (grid_new(life, phi, at, T, t, sqrt(most * rx / (most + rx)), 8, &g))
        return 0;
    double log_s = life->log_survival(phi, T, NULL, NULL);
    for (size_t i = 0; i < g.n; i++) {
        g.weight[i] *= exp(life->log_survival(phi, T + g.tau[i], NULL, NULL) - log_s);
        g.log_v[i] = log(rx / at) - (rx + 1.0) * log1p(g.tau[i] / at);
    }
    first_terms(&g);
    size_t k = 1;
    while (k < cap) {
        double sum = 0.0;
        for (size_t i = 0; i < g.n; i++)
            sum += g.weight[i] * g.v[i];
        ret_tail[k] = fmin(sum, ret_tail[k - 1]);
        if (ret_tail[k++] < least)
            break;
        next_terms(&g, (rx + (double)k - 1.0) / ((double)k - 1.0));
    }
    free(g.tau);
    return k;
}

/* P(N = k) = NB_k(t) S(T + t) / S(T) + int_0^t NB_k(tau) f(T + tau) / S(T) d tau: Fader & Hardie
 * (2006), Deriving an expression for P(X(t) = x) under the Pareto/NBD model, note 012, for any
 * lifetime. */
static int life_pmf(const struct pv_model *m, const double *theta, double x, double T, double t,
                    size_t n, double *ret_pmf)
{
    const struct pv_lifetime *life = m->life;
    const double *phi = theta + 2;
    double rx = theta[0] + x, at = theta[1] + T;
    double mean = rx * t / at;
    double most = fmin((double)n, mean + 12.0 * sqrt(mean * (1.0 + t / at)) + 60.0);
    double log_s = life->log_survival(phi, T, NULL, NULL);
    double stay = exp(life->log_survival(phi, T + t, NULL, NULL) - log_s);
    double log_nb = -rx * log1p(t / at), z = t / (at + t);
    struct grid g;
    int rc = grid_new(life, phi, at, T, t, sqrt(most * rx / (most + rx)), 16, &g);
    if (rc)
        return rc;
    for (size_t i = 0; i < g.n; i++) {
        g.weight[i] *= exp(life->log_density(phi, T + g.tau[i], NULL, NULL) - log_s);
        g.log_v[i] = -rx * log1p(g.tau[i] / at);
    }
    first_terms(&g);
    for (size_t k = 0; k < n; k++) {
        double sum = 0.0, factor = (rx + (double)k) / ((double)k + 1.0);
        for (size_t i = 0; i < g.n; i++)
            sum += g.weight[i] * g.v[i];
        ret_pmf[k] = exp(log_nb) * stay + sum;
        next_terms(&g, factor);
        log_nb += log(z * factor);
    }
    free(g.tau);
    return 0;
}

const struct pv_buying pv_life_family = {
    .loglik = life_loglik,
    .p_alive = life_p_alive,
    .alive_table = pv_life_alive_table,
    .alive_from = pv_life_alive_from,
    .leave = life_leave,
    .survive = life_survive,
    .mean = life_mean,
    .tail = life_tail,
    .pmf = life_pmf,
    .dert = life_dert,
    .draw = life_draw,
    .pairs = life_pairs,
    .one = pv_life_one,
};
