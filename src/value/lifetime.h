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
    /* E[int_0^lifetime left e^(-delta t) dt], alive at T, to within 1e-11 of it; NaN where that
     * cannot be had. NULL: by quadrature. */
    double (*discounted_left)(const double *phi, double T, double delta);
    /* One lifetime left, alive at T. */
    double (*draw)(const double *phi, double T, struct pv_rng *rng);
};

/* Gauss-Legendre nodes and weights on [-1, 1], right half. */
extern const double pv_gauss4_node[2], pv_gauss4_weight[2];
extern const double pv_gauss8_node[4], pv_gauss8_weight[4];
extern const double pv_gauss16_node[8], pv_gauss16_weight[8];

/* lifetime_fit.c; see alive_table and alive_from of struct pv_buying. */
int pv_life_alive_table(const struct pv_model *model, const double *theta, int32_t x,
                        double unit_days, int32_t from, int32_t to, double **ret_table);
double pv_life_alive_from(const struct pv_model *model, const double *theta, int32_t x,
                          const double *table, int32_t t_x, int32_t T, double *ret_slope);

#endif
