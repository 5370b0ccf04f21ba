/*
 * bayes.h - what the files of hierarchical Bayes share.
 */
#ifndef PATRON_VALUE_BAYES_H
#define PATRON_VALUE_BAYES_H

#include "internal.h"
#include "patron_bayes.h"

/* What a model has for hierarchical Bayes. */
struct pv_hyper {
    struct pv_prior prior[PV_MAX_PARAMS]; /* medians of those with a unit: in days */
    int time_power[PV_MAX_PARAMS];        /* 1: a time, 0: no unit, -1: one over a time */
    /* One exact draw of a customer's rates and lifetime, given theta. */
    void (*latent)(const double *theta, double x, double t_x, double T, struct pv_rng *rng,
                   struct pv_latent *ret_latent);
};
extern const struct pv_hyper pv_pareto_hyper; /* bayes_pareto.c */

struct pv_posterior {
    const struct pv_model *model;
    struct pv_bayes_summary summary;
    size_t n;
    double draws[]; /* n x params */
};

/* ---- bayes_proposal.c ---- */

/* A multivariate t distribution of a few degrees of freedom. */
struct pv_shape {
    double centre[PV_MAX_PARAMS];
    double lower[PV_MAX_PARAMS * PV_MAX_PARAMS]; /* Cholesky factor of the scale matrix */
    double log_det;                              /* of lower */
};
enum { PV_MIXTURE_MAX = 5 };
struct pv_mixture {
    int parts;
    double weight[PV_MIXTURE_MAX]; /* add up to one */
    struct pv_shape part[PV_MIXTURE_MAX];
};

/* false, and nothing changed, when the matrix is not positive definite. */
bool pv_shape_of(int n, const double *centre, const double *cov, struct pv_shape *ret_shape);
/* A draw, `by` times as far from the centre. */
void pv_shape_draw(const struct pv_shape *shape, int n, struct pv_rng *rng, double by,
                   double *ret_at);
void pv_mixture_draw(const struct pv_mixture *mixture, int n, struct pv_rng *rng, double *ret_at);
/* ln density, up to what all mixtures in n dimensions share. */
double pv_mixture_log_density(const struct pv_mixture *mixture, int n, const double *at);

typedef double pv_log_density_fn(void *context, const double *at);
/* A mixture like the density fn, and one shape for all of it, from mode and curvature and 750
 * evaluations. PV_ERR_NO_MEMORY. */
int pv_mixture_learn(const struct pv_shape *mode, int n, pv_log_density_fn *fn, void *context,
                     struct pv_rng *rng, struct pv_mixture *ret_mixture,
                     struct pv_shape *ret_whole);

#endif
