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

/*
 * (beta + T) e^z E_s(z), z = delta (beta + T), with the generalised exponential integral: from z =
 * 1 on by its continued fraction, [DLMF] 8.19.17, below by its series, [DLMF] 8.19.10, whose poles
 * at whole s cancel.
 */
static double discounted_left(const double *phi, double T, double delta)
{
    double s = phi[0], at = phi[1] + T, z = delta * at;
    if (z >= 1.0) {
        double down = 1.0 / (z + s), ratio = 0.0, value = down, up = INFINITY;
        for (int k = 1; k < 1000 && fabs(ratio - 1.0) > 1e-15; k++) {
            double top = -k * (s + k - 1.0), low = z + s + 2.0 * k;
            down = 1.0 / (top * down + low);
            up = low + top / up;
            ratio = down * up;
            value *= ratio;
        }
        return at * value;
    }
    double apart = fabs(s - nearbyint(s)), term = 1.0, sum = 0.0;
    if (!(z > 1e-300) || !(apart > 1e-3) || s > 100.0)
        return NAN;
    for (int k = 0; k < 30; k++) {
        sum += term / (1.0 - s + k);
        term *= -z / (k + 1.0);
    }
    int sign;
    double log_gamma = lgamma_r(1.0 - s, &sign);
    return at * exp(z) * (sign * exp(log_gamma + (s - 1.0) * log(z)) - sum);
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
    .discounted_left = discounted_left,
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
