/*
 * nbd.c - the NBD model: Ehrenberg (1959), The pattern of consumer purchases, Applied Statistics 8,
 * 26-41. Customers buy at a rate of their own, lambda ~ Gamma(r, alpha), and never leave: a
 * lifetime without end and without parameters.
 */
#include "lifetime.h"

#include <math.h>

static double log_survival(const double *phi, double tau, double *ret_first, double *ret_second)
{
    (void)phi;
    (void)tau;
    (void)ret_first;
    (void)ret_second;
    return 0.0;
}

static double log_density(const double *phi, double tau, double *ret_first, double *ret_second)
{
    (void)phi;
    (void)tau;
    (void)ret_first;
    (void)ret_second;
    return -INFINITY;
}

static double bend(const double *phi, double tau)
{
    (void)phi;
    (void)tau;
    return 0.0;
}

static double reach(const double *phi, double tau)
{
    (void)phi;
    (void)tau;
    return INFINITY;
}

static double mean_left(const double *phi, double T, double t)
{
    (void)phi;
    (void)T;
    return t;
}

static double draw(const double *phi, double T, struct pv_rng *rng)
{
    (void)phi;
    (void)T;
    (void)rng;
    return INFINITY;
}

static const struct pv_lifetime life = {
    .params = 0,
    .log_survival = log_survival,
    .log_density = log_density,
    .bend = bend,
    .reach = reach,
    .mean_left = mean_left,
    .draw = draw,
};

static int starts(const struct pv_fit_data *d, double rate, double (*ret_start)[PV_MAX_PARAMS])
{
    static const double shapes[] = {0.25, 1.0, 4.0};
    (void)d;
    for (int i = 0; i < 3; i++) {
        ret_start[i][0] = shapes[i];
        ret_start[i][1] = shapes[i] / rate;
    }
    return 3;
}

static const struct pv_process processes[] = {{"purchases", 1, -1.0}, {NULL, 0, 0.0}};

const struct pv_model pv_model_nbd = {
    .name = "nbd",
    .kind = PV_KIND_BUYING,
    .params = 2,
    .param = {"r", "alpha"},
    .low = {1e-6, 1e-6},
    .high = {1e6, 1e8},
    .far = {1e4, 0.0},
    .room = pv_life_room,
    .eval = pv_life_eval,
    .starts = starts,
    .buying = &pv_life_family,
    .life = &life,
    .process = processes,
};
