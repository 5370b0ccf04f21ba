/*
 * lifetime.h - models in which customers buy at a rate lambda ~ Gamma(r, alpha) until a lifetime is
 * over that has nothing to do with their purchases: Pareto/NBD and its kin. Such a model is one
 * const `struct pv_lifetime`; lifetime.c and lifetime_fit.c make everything else of it.
 *
 * phi is theta + 2: the parameters of the lifetime. S is its survival function, f its density.
 */
#ifndef PATRON_VALUE_LIFETIME_H
#define PATRON_VALUE_LIFETIME_H

#include "internal.h"

enum { PV_LIFE_MAX = PV_MAX_PARAMS - 2, PV_LIFE_PAIRS = PV_LIFE_MAX * (PV_LIFE_MAX + 1) / 2 };

struct pv_lifetime {
    int params;
    /*
     * ln S and ln f at tau with their derivatives by phi: first (params) and second (params x
     * params, upper triangle by rows), where not NULL.
     */
    double (*log_survival)(const double *phi, double tau, double *ret_first, double *ret_second);
    double (*log_density)(const double *phi, double tau, double *ret_first, double *ret_second);
    /* A bound of |d ln f / d tau| and of |d ln S / d tau| at tau and after. */
    double (*bend)(const double *phi, double tau);
    /* Distance from tau to the nearest singularity of f in the complex plane. */
    double (*reach)(const double *phi, double tau);
    /* E[lifetime left up to t], alive at T. NULL: by quadrature. */
    double (*mean_left)(const double *phi, double T, double t);
    /* One lifetime left, alive at T. */
    double (*draw)(const double *phi, double T, struct pv_rng *rng);
};

/* Gauss-Legendre nodes and weights on [-1, 1], right half. */
extern const double pv_gauss4_node[2], pv_gauss4_weight[2];
extern const double pv_gauss8_node[4], pv_gauss8_weight[4];
extern const double pv_gauss16_node[8], pv_gauss16_weight[8];

/* ---- lifetime.c: one customer ---- */

double pv_life_loglik(const struct pv_lifetime *life, const double *theta, double x, double t_x,
                      double T);
double pv_life_p_alive(const struct pv_lifetime *life, const double *theta, double x, double t_x,
                       double T, double *ret_slope);
double pv_life_leave(const struct pv_lifetime *life, const double *theta, double span);
double pv_life_survive(const struct pv_lifetime *life, const double *theta, double T, double t);
double pv_life_mean(const struct pv_lifetime *life, const double *theta, double x, double T,
                    double t);
size_t pv_life_tail(const struct pv_lifetime *life, const double *theta, double x, double T,
                    double t, double least, size_t cap, double *ret_tail);
int pv_life_pmf(const struct pv_lifetime *life, const double *theta, double x, double T, double t,
                size_t n, double *ret_pmf);
int pv_life_dert(const struct pv_lifetime *life, const double *theta, double x, const double *T,
                 size_t n, double delta, double *ret_dert, double *ret_slope);
void pv_life_draw(const struct pv_lifetime *life, const double *theta, double x, double T,
                  struct pv_rng *rng, struct pv_future *ret_future);
double pv_life_pairs(const struct pv_lifetime *life, const double *theta, double v);

/* ---- lifetime_fit.c: many customers, by day ---- */

size_t pv_life_room(const struct pv_lifetime *life, const struct pv_fit_data *data);
double pv_life_eval(const struct pv_lifetime *life, const struct pv_fit_data *data,
                    const double *theta, double *ret_grad, double *ret_hess);
/* See alive_table and alive_from of struct pv_buying. */
int pv_life_alive_table(const struct pv_lifetime *life, const double *theta, int32_t x,
                        double unit_days, int32_t from, int32_t to, double **ret_table);
double pv_life_alive_from(const struct pv_lifetime *life, const double *theta, double rx,
                          const double *table, int32_t t_x, int32_t T, double *ret_slope);

#endif
