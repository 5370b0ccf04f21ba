/*
 * pareto_nbd.c - the Pareto/NBD model: Schmittlein, Morrison & Colombo (1987), Counting your
 * customers, Management Science 33, 1-24. A customer leaves at a rate mu ~ Gamma(s, beta) of their
 * own at any time, bought or not: the lifetime is Pareto of the second kind,
 *   S(tau) = (beta / (beta + tau))^s,  f(tau) = s / (beta + tau) S(tau).
 * The rest is lifetime.c.
 */
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

/* ---- As a model of purchases ----------------------------------------------------------------- */

static size_t room(const struct pv_fit_data *data)
{
    return pv_life_room(&life, data);
}

static double eval(const void *data, const double *p, double *ret_grad, double *ret_hess)
{
    return pv_life_eval(&life, data, p, ret_grad, ret_hess);
}

static double loglik(const double *p, double x, double t_x, double T)
{
    return pv_life_loglik(&life, p, x, t_x, T);
}

static double p_alive(const double *p, double x, double t_x, double T, double *ret_slope)
{
    return pv_life_p_alive(&life, p, x, t_x, T, ret_slope);
}

static int alive_table(const double *p, int32_t x, double unit_days, int32_t from, int32_t to,
                       double **ret_table)
{
    return pv_life_alive_table(&life, p, x, unit_days, from, to, ret_table);
}

static double alive_from(const double *p, int32_t x, const double *table, int32_t t_x, int32_t T,
                         double *ret_slope)
{
    return pv_life_alive_from(&life, p, p[R] + x, table, t_x, T, ret_slope);
}

static double leave(const double *p, double span)
{
    return pv_life_leave(&life, p, span);
}

static double survive(const double *p, double x, double T, double t)
{
    (void)x;
    return pv_life_survive(&life, p, T, t);
}

static double mean(const double *p, double x, double T, double t)
{
    return pv_life_mean(&life, p, x, T, t);
}

static size_t tail(const double *p, double x, double T, double t, double least, size_t cap,
                   double *ret_tail)
{
    return pv_life_tail(&life, p, x, T, t, least, cap, ret_tail);
}

static int pmf(const double *p, double x, double T, double t, size_t n, double *ret_pmf)
{
    return pv_life_pmf(&life, p, x, T, t, n, ret_pmf);
}

static int dert(const double *p, double x, const double *T, size_t n, double delta,
                double *ret_dert, double *ret_slope)
{
    return pv_life_dert(&life, p, x, T, n, delta, ret_dert, ret_slope);
}

static void draw(const double *p, double x, double T, struct pv_rng *rng,
                 struct pv_future *ret_future)
{
    pv_life_draw(&life, p, x, T, rng, ret_future);
}

static double pairs(const double *p, double v)
{
    return pv_life_pairs(&life, p, v);
}

static const struct pv_buying buying = {
    .loglik = loglik,
    .p_alive = p_alive,
    .alive_table = alive_table,
    .alive_from = alive_from,
    .leave = leave,
    .survive = survive,
    .mean = mean,
    .tail = tail,
    .pmf = pmf,
    .dert = dert,
    .draw = draw,
    .pairs = pairs,
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

const struct pv_model pv_model_pareto_nbd = {
    .name = "pareto-nbd",
    .kind = PV_KIND_BUYING,
    .params = PARAMS,
    .param = {"r", "alpha", "s", "beta"},
    .low = {1e-6, 1e-6, 1e-7, 1e-6},
    .high = {1e6, 1e8, 1e6, 1e8},
    .far = {1e4, 0.0, 1e4, 0.0},
    .room = room,
    .eval = eval,
    .starts = starts,
    .buying = &buying,
};
