/*
 * covariates.h - what the files of models with covariates share.
 *
 * A profile is one value of the covariates and all customers who have it. A source holds profiles
 * and the likelihood of one of them at parameters of its own, with derivatives: covariates_buying.c
 * for purchases, covariates_spend.c for spend. covariates.c turns parameters, coefficients and
 * covariates into each profile's parameters and chains the derivatives.
 */
#ifndef PATRON_VALUE_COVARIATES_H
#define PATRON_VALUE_COVARIATES_H

#include "internal.h"
#include "patron_covariates.h"

enum { MAX_COEFS = PV_MAX_COVARIATES * PV_MAX_PROCESSES, MAX_DIMS = PV_MAX_PARAMS + MAX_COEFS };

struct pv_cov_source {
    const struct pv_model *model;
    size_t columns, profiles;
    double *z;        /* profiles x columns */
    double *weight;   /* profiles: customers */
    size_t *first;    /* profiles + 1: into the units */
    size_t chunks;    /* of about equal work, whatever the number of threads */
    size_t *chunk;    /* chunks + 1: into the profiles */
    uint32_t *order;  /* rows by profile, until the units are made */
    double span;      /* longest observation, in units of time */
    double unit_days; /* of purchases */
    struct pv_cell *cell;
    struct pv_spend_unit *spend; /* of spend, see covariates_spend.c */
    struct pv_spend_x *by_x;     /* what depends on x alone, one for each distinct x */
    size_t xs;
    /* Doubles of room that the profiles of a chunk need. */
    size_t (*room)(const struct pv_cov_source *source, size_t chunk);
    /* Before the profiles are looked at: parameters without covariates. May be NULL. */
    void (*prepare)(struct pv_cov_source *source, const double *theta);
    /* ln L of a profile; gradient and Hessian by theta, always. */
    double (*profile)(const struct pv_cov_source *source, size_t profile, const double *theta,
                      double *room, double *ret_grad, double *ret_hess);
};

/*
 * Groups the rows that count (`keep`) by the columns of z whose index is listed. All of source but
 * the units is filled; pv_cov_free releases whatever is there.
 */
int pv_cov_group(const struct pv_customer *rows, size_t n, const struct pv_covariates *covariates,
                 const size_t *column, size_t columns, bool (*keep)(const struct pv_customer *row),
                 struct pv_cov_source *ret_source);
/* Cuts profiles into chunks, when the units are there. */
int pv_cov_cut(struct pv_cov_source *source);
void pv_cov_free(struct pv_cov_source *source);

/* A fit with covariates, and what it points to. */
struct pv_cov_holder {
    struct pv_covariate_fit fit;
    double *centre, *covariance;
    struct pv_coefficient *coefficient;
    double numbers[];
};
/* Nothing known yet. NULL: no memory. pv_covariate_fit_free releases it. */
struct pv_cov_holder *pv_cov_holder_new(size_t params, size_t columns, size_t coefs);
/* Covariance of ln theta and the coefficients, as predictions use it. */
double pv_cov_covariance(const struct pv_covariate_fit *fit, size_t i, size_t j);
bool pv_cov_finite(const struct pv_covariates *covariates, size_t n);

bool pv_cov_keep_buying(const struct pv_customer *row);
int pv_cov_buying(const struct pv_customer *rows, double unit_days, struct pv_cov_source *source);
bool pv_cov_keep_spend(const struct pv_customer *row);
int pv_cov_spend(const struct pv_customer *rows, double money_scale, struct pv_cov_source *source);

#endif
