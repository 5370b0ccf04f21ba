/*
 * ggompertz_nbd.c - the G/G/NBD model: Bemmaor & Glady (2012), Modeling purchasing behavior with
 * sudden "death": a flexible customer lifetime model, Management Science 58, 1012-1021. The hazard
 * of leaving is eta b e^(b tau), eta ~ Gamma(s, beta): it may grow with age, so that lifetimes can
 * have a mode away from zero. With D = beta - 1 + e^(b tau)
 *   S(tau) = (beta / D)^s,  f(tau) = s b e^(b tau) / D S(tau).
 * As b goes to zero it is Pareto/NBD with beta / b in place of beta. The rest is lifetime.c.
 */
#include "lifetime.h"

#include <math.h>

enum { B, S, BETA }; /* of phi */

/* What everything is made of, without overflow for large b tau. */
struct parts {
    double w;     /* ln(D / beta) */
    double q;     /* e^(b tau) / D */
    double h;     /* 1 / D */
    double below; /* 1 / beta - 1 / D >= 0 */
};

static struct parts parts_of(const double *phi, double tau)
{
    double bt = phi[B] * tau, beta = phi[BETA], fall = exp(-bt);
    struct parts p;
    p.q = 1.0 / (1.0 + (beta - 1.0) * fall);
    p.h = fall * p.q;
    if (bt < 40.0) {
        double e = expm1(bt);
        p.w = log1p(e / beta);
        p.below = e / beta * p.h;
    } else {
        p.w = bt - log(beta) - log(p.q);
        p.below = 1.0 / beta - p.h;
    }
    return p;
}

static double log_survival(const double *phi, double tau, double *ret_first, double *ret_second)
{
    struct parts p = parts_of(phi, tau);
    double s = phi[S], beta = phi[BETA];
    if (ret_first) {
        ret_first[B] = -s * tau * p.q;
        ret_first[S] = -p.w;
        ret_first[BETA] = s * p.below;
    }
    if (ret_second) { /* b b, b s, b beta, s s, s beta, beta beta */
        ret_second[0] = -s * tau * tau * p.q * (1.0 - p.q);
        ret_second[1] = -tau * p.q;
        ret_second[2] = s * tau * p.q * p.h;
        ret_second[3] = 0.0;
        ret_second[4] = p.below;
        ret_second[5] = -s * p.below * (1.0 / beta + p.h);
    }
    return -s * p.w;
}

static double log_density(const double *phi, double tau, double *ret_first, double *ret_second)
{
    struct parts p = parts_of(phi, tau);
    double b = phi[B], s = phi[S];
    double value = log_survival(phi, tau, ret_first, ret_second) + log(s * b) + log(p.q);
    if (ret_first) {
        ret_first[B] += 1.0 / b + tau * (1.0 - p.q);
        ret_first[S] += 1.0 / s;
        ret_first[BETA] -= p.h;
    }
    if (ret_second) {
        ret_second[0] -= 1.0 / (b * b) + tau * tau * p.q * (1.0 - p.q);
        ret_second[2] += tau * p.q * p.h;
        ret_second[3] -= 1.0 / (s * s);
        ret_second[5] += p.h * p.h;
    }
    return value;
}

/* d ln f / d tau = b (1 - (s + 1) q). While beta > 1, q grows, but at most e-fold in 1 / b. */
static double bend(const double *phi, double tau)
{
    double q = parts_of(phi, tau).q;
    double grown = q > 1.0 ? q : fmin(1.0, 7.4 * q);
    return phi[B] * fmax(2.0, 1.0 + (phi[S] + 1.0) * grown);
}

/* D = 0 at e^(b tau) = 1 - beta. */
static double reach(const double *phi, double tau)
{
    double b = phi[B], beta = phi[BETA];
    if (beta == 1.0)
        return INFINITY;
    double at = tau - log(fabs(1.0 - beta)) / b;
    return beta > 1.0 ? hypot(at, M_PI / b) : fmin(at, hypot(at, 2.0 * M_PI / b));
}

static double draw(const double *phi, double T, struct pv_rng *rng)
{
    double q = parts_of(phi, T).q;
    double ratio = log(pv_rng_exponential(rng)) - pv_rng_log_gamma(rng, phi[S]) - log(q);
    return (ratio > 600.0 ? ratio : log1p(exp(ratio))) / phi[B];
}

static const struct pv_lifetime life = {
    .params = 3,
    .log_survival = log_survival,
    .log_density = log_density,
    .bend = bend,
    .reach = reach,
    .draw = draw,
};

/* Half of all lifetimes are over within a tenth of the observation or all of it; ageing makes
 * itself felt late or soon. */
static int starts(const struct pv_fit_data *d, double rate, double (*ret_start)[PV_MAX_PARAMS])
{
    static const double shapes[] = {0.5, 2.0}, ageing[] = {0.3, 3.0}, hetero[] = {0.5, 2.0};
    static const double half_life[] = {0.1, 1.0};
    double span = d->max_day / d->unit_days;
    for (int i = 0; i < 16; i++) {
        double *theta = ret_start[i], *phi = theta + 2;
        theta[0] = shapes[i & 1];
        theta[1] = theta[0] / (rate * 2.0);
        phi[B] = ageing[i >> 1 & 1] / span;
        phi[S] = hetero[i >> 2 & 1];
        phi[BETA] = expm1(phi[B] * half_life[i >> 3 & 1] * span) / (exp2(1.0 / phi[S]) - 1.0);
    }
    return 16;
}

/* Hardly any ageing within the observation: Pareto/NBD says the same with one parameter less. */
static bool simpler(const double *theta, double span)
{
    return theta[2] * span < 0.1;
}

static const struct pv_process processes[] = {
    {"purchases", 1, -1.0}, {"leaving", 2 + BETA, -1.0}, {NULL, 0, 0.0}};

const struct pv_model pv_model_ggompertz_nbd = {
    .name = "ggompertz-nbd",
    .kind = PV_KIND_BUYING,
    .params = 5,
    .param = {"r", "alpha", "b", "s", "beta"},
    .low = {1e-6, 1e-6, 1e-7, 1e-7, 1e-8},
    .high = {1e6, 1e8, 1e2, 1e6, 1e8},
    .far = {1e4, 0.0, 0.0, 1e4, 0.0},
    .room = pv_life_room,
    .eval = pv_life_eval,
    .starts = starts,
    .simpler = simpler,
    .vanishes = 2,
    .buying = &pv_life_family,
    .life = &life,
    .process = processes,
};
