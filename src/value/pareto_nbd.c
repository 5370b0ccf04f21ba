/*
 * pareto_nbd.c - the Pareto/NBD model: Schmittlein, Morrison & Colombo (1987), Counting your
 * customers, Management Science 33, 1-24. A customer leaves at a rate mu ~ Gamma(s, beta) of their
 * own at any time, bought or not: the lifetime is Pareto of the second kind,
 *   S(tau) = (beta / (beta + tau))^s,  f(tau) = s / (beta + tau) S(tau).
 * The rest is lifetime.c.
 */
#include "bayes.h"
#include "lifetime.h"

#include <math.h>

enum { R, ALPHA, S, BETA, PARAMS };

static double log_survival(const double *phi, double tau, double *ret_first, double *ret_second)
{
    double s = phi[0], beta = phi[1], gone = log1p(tau / beta);
    if (ret_first) {
        ret_first[0] = -gone;
        ret_first[1] = s * tau / (beta * (beta + tau));
    }
    if (ret_second) {
        ret_second[0] = 0.0;
        ret_second[1] = tau / (beta * (beta + tau));
        ret_second[2] = s * (1.0 / ((beta + tau) * (beta + tau)) - 1.0 / (beta * beta));
    }
    return -s * gone;
}

static double log_density(const double *phi, double tau, double *ret_first, double *ret_second)
{
    double s = phi[0], inv = 1.0 / (phi[1] + tau);
    double value = log_survival(phi, tau, ret_first, ret_second) + log(s * inv);
    if (ret_first) {
        ret_first[0] += 1.0 / s;
        ret_first[1] -= inv;
    }
    if (ret_second) {
        ret_second[0] -= 1.0 / (s * s);
        ret_second[2] += inv * inv;
    }
    return value;
}

static double bend(const double *phi, double tau)
{
    return (phi[0] + 1.0) / (phi[1] + tau);
}

static double reach(const double *phi, double tau)
{
    return phi[1] + tau;
}

/* (beta + T) / (s - 1) [1 - ((beta + T) / (beta + T + t))^(s - 1)], the logarithm at s = 1. */
static double mean_left(const double *phi, double T, double t)
{
    double at = phi[1] + T, l = log1p(t / at), e = (1.0 - phi[0]) * l;
    return at * l * (fabs(e) < 1e-300 ? 1.0 : expm1(e) / e);
}

static double draw_life(const double *phi, double T, struct pv_rng *rng)
{
    double log_mu = pv_rng_log_gamma(rng, phi[0]) - log(phi[1] + T);
    return pv_rng_exponential(rng) * exp(-log_mu);
}

static const struct pv_lifetime life = {
    .params = 2,
    .log_survival = log_survival,
    .log_density = log_density,
    .bend = bend,
    .reach = reach,
    .mean_left = mean_left,
    .draw = draw_life,
};

/* Around the overall rate; half of all lifetimes are over within a tenth of the observation, or
 * within all of it. */
static int starts(const struct pv_fit_data *d, double rate, double (*ret_start)[PV_MAX_PARAMS])
{
    static const double shapes[] = {0.5, 2.0}, faster[] = {1.3, 3.0}, hetero[] = {0.5, 2.0};
    static const double half_life[] = {0.1, 1.0};
    double span = d->max_day / d->unit_days;
    int n = 0;
    for (int i = 0; i < 16; i++) {
        double *theta = ret_start[n++];
        theta[R] = shapes[i & 1];
        theta[ALPHA] = theta[R] / (rate * faster[i >> 1 & 1]);
        theta[S] = hetero[i >> 2 & 1];
        theta[BETA] = half_life[i >> 3 & 1] * span / (exp2(1.0 / theta[S]) - 1.0);
    }
    return n;
}

static const struct pv_process processes[] = {
    {"purchases", ALPHA, -1.0}, {"leaving", BETA, -1.0}, {NULL, 0, 0.0}};

const struct pv_model pv_model_pareto_nbd = {
    .name = "pareto-nbd",
    .kind = PV_KIND_BUYING,
    .params = PARAMS,
    .param = {"r", "alpha", "s", "beta"},
    .low = {1e-6, 1e-6, 1e-7, 1e-6},
    .high = {1e6, 1e8, 1e6, 1e8},
    .far = {1e4, 0.0, 1e4, 0.0},
    .room = pv_life_room,
    .eval = pv_life_eval,
    .starts = starts,
    .buying = &pv_life_family,
    .life = &life,
    .process = processes,
    .hyper = &pv_pareto_hyper,
};
