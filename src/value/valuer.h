/*
 * valuer.h - inside of struct pv_valuer, shared by valuer.c, simulate.c and explain.c.
 */
#ifndef PATRON_VALUE_VALUER_H
#define PATRON_VALUE_VALUER_H

#include "internal.h"

enum { GG_PARAMS = 3, ALL_PARAMS = PV_MAX_PARAMS + GG_PARAMS };

/* What all customers with the same (x, T) share, given that they are alive at T; x is the state. */
struct pv_group {
    int32_t x, T;
    double mean;                      /* E[purchases in the horizon] */
    double dert;                      /* discounted expected residual transactions */
    double mean_slope[PV_MAX_PARAMS]; /* d ln mean / d ln parameter */
    double dert_slope[PV_MAX_PARAMS];
    float *tail; /* P(N >= k), averaged over the uncertainty of the parameters */
    size_t tails;
};

struct pv_point {
    double mean, dert;
};

/* What P(alive) of all customers of one x needs, by day from .. to; NULL where it is computed one
 * by one. */
struct pv_alive {
    int32_t from, to;
    double *table;
};

/* Simulated futures of a customer alive at T on one knot, in units of the expected spend. */
struct pv_knot {
    double *money;       /* draws, ascending: horizon */
    double *worth;       /* draws, ascending: discounted residual value */
    double money_spread; /* E[V^2] / E[V]^2 */
    double worth_spread;
};

/* One draw of the parameters from their approximate posterior. */
struct pv_draw {
    double theta[PV_MAX_PARAMS];
    struct pv_gamma_gamma gg;
};

struct pv_valuer {
    const struct pv_model *model; /* of purchases */
    int params;
    int32_t states;                            /* of a customer; 1 but for regular buyers */
    double theta[PV_MAX_PARAMS];               /* the first two are r and alpha */
    double cov[PV_MAX_PARAMS * PV_MAX_PARAMS]; /* params x params */
    struct pv_gamma_gamma gg;
    bool has_spend;
    double gg_cov[GG_PARAMS * GG_PARAMS];
    struct pv_valuer_options options;
    double delta;
    double gg_base_mean;

    double sigma[2 * PV_MAX_PARAMS][PV_MAX_PARAMS]; /* equal weights, the posterior's moments */
    size_t sigmas;

    struct pv_group *group; /* sorted by x, T */
    size_t groups;
    struct pv_point *point; /* of each group once more, lying close together */
    int32_t min_T, max_T;   /* of all groups */
    uint32_t *place;        /* xs x width, or NULL: groups by x and day; see groups.c */
    size_t width;
    size_t *x_begin; /* xs + 1: groups of the i-th distinct x */
    int32_t *x_value;
    struct pv_alive *alive; /* xs */
    size_t xs;
    struct pv_group empty;

    size_t draws;
    struct pv_draw *draw;
    int32_t *knot_x;
    size_t knots_x;
    double *knot_T; /* ascending, even in ln(alpha + T) */
    size_t knots_T;
    struct pv_knot *knot; /* knots_x x knots_T */

    /* The average customer. */
    double mean_x, mean_silence, mean_T, mean_zbar;
};

/* A base summed up: chance and slopes by ln parameter are there still, so that bases whose
 * parameters hang together can be joined. equity: without ranges. */
struct pv_sums {
    struct pv_equity equity;
    double clv_var, money_var; /* chance of the customers, given the parameters */
    double clv_slope[ALL_PARAMS], money_slope[ALL_PARAMS]; /* those of spend from PV_MAX_PARAMS */
};
/* ret_values may be NULL. */
int pv_value_sums(const struct pv_valuer *valuer, const struct pv_customer *rows, size_t n,
                  struct pv_value *ret_values, struct pv_sums *ret_sums);
struct pv_interval pv_log_normal(double mean, double var);

/* groups.c: what the customers of a base share. Uses model, theta, states, options of *v. Built on
 * options.threads threads. */
int pv_groups_new(struct pv_valuer *v, const struct pv_customer *rows, size_t n);
void pv_groups_free(struct pv_valuer *v);
/* Computes n groups of one x, ascending T; the tails are the caller's to free. */
int pv_group_fill(const struct pv_valuer *v, struct pv_group *groups, size_t n);
/* The place of a state among those that occur; v->xs when it does not. */
size_t pv_x_find(const struct pv_valuer *v, int32_t x);
/* O(1) where the base is dense, else O(log). NULL: nobody is so. */
const struct pv_group *pv_group_find(const struct pv_valuer *v, size_t xi, int32_t T);

/* simulate.c */
int pv_knots_new(struct pv_valuer *v, int32_t max_x, int32_t min_T, int32_t max_T);
void pv_knots_free(struct pv_valuer *v);
/* x: the state. Draws of (horizon money, residual value) of an alive customer in units of expected
 * spend, unsorted; share: part of gamma in gamma + x zbar, through which the uncertainty of gamma
 * enters.
 */
void pv_simulate(const struct pv_valuer *v, double x, double T, double share, uint64_t first,
                 size_t draws, double *ret_money, double *ret_worth);

struct pv_knot_mix {
    const struct pv_knot *corner[4];
    double weight[4];
};
void pv_knot_find(const struct pv_valuer *v, double x, double T, struct pv_knot_mix *ret_mix);
/* Quantile at `tail` (probability of more, given alive) of money or worth. */
double pv_knot_quantile(const struct pv_valuer *v, const struct pv_knot_mix *mix, bool worth,
                        double tail);
double pv_knot_spread(const struct pv_knot_mix *mix, bool worth);

#endif
