/*
 * patron_bayes.h - libpatron-value: hierarchical Bayes for models of purchases, by Markov chain
 * Monte Carlo. Conventions as in patron_value.h; explained in docs/models/bayes.md.
 *
 *   [A09]   Abe, "Counting your customers" one by one: a hierarchical Bayes extension to the
 *           Pareto/NBD model, Marketing Science 28 (2009), 541-553.
 *   [ML07]  Ma & Liu, The MCMC approach for solving the Pareto/NBD model and possible extensions,
 *           ICNC 2007, 505-512.
 *   [VGSCB21] Vehtari, Gelman, Simpson, Carpenter & Buerkner, Rank-normalization, folding, and
 *           localization: an improved R-hat, Bayesian Analysis 16 (2021), 667-718.
 *
 * Maximum likelihood takes one set of parameters for certain and adds their uncertainty by a
 * quadratic approximation; here every figure is an average over the parameters' whole posterior, so
 * that it holds with few customers, too, and on ridges. The chain moves in the logarithms of the
 * parameters of the population alone: what is unknown about each customer is integrated out exactly
 * in the likelihood, and drawn exactly, given the parameters, when it is asked for. This is the
 * same joint posterior as that of the samplers of [ML07] and [A09], which draw both in turn, with
 * far less memory in the chain.
 */
#ifndef PATRON_BAYES_H
#define PATRON_BAYES_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Log-normal, independent by parameter: median > 0, standard deviation of the logarithm 10^-6 ..
 * 100. Cut to the limits of the model. */
struct pv_prior {
    double median, log_sd;
};

struct pv_bayes_options {
    double unit_days; /* > 0; 7 or 1 */
    struct pv_prior prior[PV_MAX_PARAMS];
    int chains;    /* 1 .. 64 */
    int warmup;    /* draws thrown away at the start of each chain, >= 0 */
    int draws;     /* kept of each chain, >= 4 */
    int thin;      /* every thin-th is kept, >= 1 */
    double spread; /* how far apart chains start, in standard deviations of the posterior, >= 0 */
    double walk;   /* share of steps by random walk, 0 .. 1; the others are drawn afresh */
    uint64_t seed;
    int threads; /* 0 or 1: this thread only */
};

/*
 * What is usual: r and s (or others without a unit) around 1 with log_sd 2 (95 % of 0.02 to 50);
 * alpha and beta around 10 weeks with log_sd 3 (95 % of a fifth of a day to 68 years); 4 chains of
 * 50 + 375 draws, thin 1, spread 2, walk 0.2, seed 1, one thread. PV_ERR_ARGUMENT for a model
 * without hierarchical Bayes: only "pareto-nbd" has it so far.
 */
PV_API PV_WARN_UNUSED int pv_bayes_defaults(const struct pv_model *model, double unit_days,
                                            struct pv_bayes_options *ret_options);

struct pv_bayes_param {
    const char *name; /* static */
    double mean, sd, median, low95, high95;
    double rhat;     /* rank-normalised split R-hat, the larger of bulk and folded, [VGSCB21] */
    double ess_bulk; /* effective draws for the middle, Geyer's initial monotone sequence */
    double ess_tail; /* ... for the 5 % and 95 % quantiles, the smaller one */
    double learned;  /* 1 - var / var of the prior, of the logarithm: 0 = the data say nothing */
};

struct pv_bayes_summary {
    const char *model; /* static */
    int params;
    struct pv_bayes_param param[PV_MAX_PARAMS];
    /*
     * "chains-disagree": R-hat > 1.05 (as Stan has it) or not to be had; not usable.
     * "too-few-effective-draws": an ess under 100; usable, but a quantile is then off by some tenth
     * of a standard deviation. There are no verdicts on the data: where they say little the
     * posterior is wide.
     */
    enum pv_verdict verdict;
    bool usable;
    double acceptance; /* share of proposals accepted after the warm-up */
    int chains, draws; /* draws: of each chain */
    double unit_days;
    uint64_t customers, repeaters;
    size_t cells;
};

struct pv_posterior;

/*
 * Runs the chains. Same digits on any number of threads. Time: 750 and (warmup + draws x thin) x
 * chains log-likelihoods, each O(cells + days x distinct x). PV_ERR_ARGUMENT for options out of
 * range. Customers: none at all is allowed; the posterior is then the prior.
 */
PV_API PV_WARN_UNUSED int pv_bayes_fit(const struct pv_model *model, const struct pv_cells *cells,
                                       const struct pv_bayes_options *options,
                                       struct pv_posterior **ret_posterior);
PV_API void pv_posterior_free(struct pv_posterior *posterior);
PV_API void pv_posterior_summary(const struct pv_posterior *posterior,
                                 struct pv_bayes_summary *ret_summary);
/* All draws, borrowed: *ret_n rows of params values, chain after chain. */
PV_API const double *pv_posterior_draws(const struct pv_posterior *posterior, size_t *ret_n);

/* One draw of what is unknown about a customer. Times in model units. */
struct pv_latent {
    double lambda, mu; /* rates of buying and of leaving */
    double life;       /* from the first purchase until the customer leaves */
    bool alive;        /* life > T */
};

/* n draws for a customer seen with x, t_x, T (days), each at parameters drawn from the posterior,
 * in the order of pv_posterior_draws and again from the start. n times some 0.3 us. */
PV_API PV_WARN_UNUSED int pv_posterior_latent(const struct pv_posterior *posterior, int32_t x,
                                              int32_t t_x, int32_t T, uint64_t seed, size_t n,
                                              struct pv_latent *ret_latent);

struct pv_posterior_options {
    double horizon;  /* model units, > 0 */
    double discount; /* yearly effective; 0: no dert (NaN) */
    double level;    /* of the interval, in (0, 1): 0.8 */
    int draws;       /* of all draws, evenly spread; 0: all */
    uint64_t seed;
    int threads; /* 0 or 1: this thread only */
};

struct pv_posterior_value {
    double p_alive;
    double expected;  /* purchases in the horizon */
    double dert;      /* discounted expected residual transactions */
    double low, high; /* central predictive interval of the purchases, whole numbers */
};

/*
 * Predictions of n customers. Means average over draws what is expected given a customer's rates;
 * the interval is that of purchases simulated for each draw. Equal (x, t_x, T) get equal figures
 * and are computed once; a figure depends on them and the seed alone, not on the other rows. Rows
 * with T = -1 get zeros and NaN p_alive. O(distinct x draws), some 0.3 us each. PV_ERR_ARGUMENT
 * when the posterior is not usable.
 */
PV_API PV_WARN_UNUSED int pv_posterior_predict(const struct pv_posterior *posterior,
                                               const struct pv_customer *rows, size_t n,
                                               const struct pv_posterior_options *options,
                                               struct pv_posterior_value *ret_values);

/*
 * Diagnostics of any chains: draws of one quantity, chain after chain, n each (n >= 4). NaN when
 * all draws are equal or one is not finite. Returns PV_ERR_NO_MEMORY or PV_ERR_ARGUMENT.
 */
PV_API PV_WARN_UNUSED int pv_chains_diagnose(const double *draws, size_t chains, size_t n,
                                             double *ret_rhat, double *ret_ess_bulk,
                                             double *ret_ess_tail);

#ifdef __cplusplus
}
#endif

#endif
