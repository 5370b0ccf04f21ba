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

#endif
