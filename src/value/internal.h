/*
 * internal.h - what the files of the value library share. Not installed.
 *
 * A model is one const `struct pv_model` (name, parameters with limits, log-likelihood with its
 * first and second derivatives, starting points): a new model is one file and one such row.
 */
#ifndef PATRON_VALUE_INTERNAL_H
#define PATRON_VALUE_INTERNAL_H

#include "patron_value.h"

#define PV_LIKELY(c) __builtin_expect(!!(c), 1)
#define PV_UNLIKELY(c) __builtin_expect(!!(c), 0)

#define PV_Z80 1.2815515655446004
#define PV_Z95 1.9599639845400545

/* ---- math.c ---- */

double pv_math_lgamma(double x);
/* ln Gamma(x + n) - ln Gamma(x), n >= 0; small whole n by a product, without cancellation. */
double pv_math_lrising(double x, double n);
double pv_math_digamma(double x);
double pv_math_trigamma(double x);
/* 2F1(p, q; s; -v) for v >= 0 and p, q > 0, s > q: Pfaff, [DLMF] 15.8.1; positive terms only. */
double pv_math_hyp2f1_neg(double p, double q, double s, double v);
/* Eigenvalues (ascending) and vectors (columns of ret_vec) of a symmetric n x n matrix, n <= 6, by
 * Jacobi rotations. */
void pv_math_eigen(int n, const double *matrix, double *ret_val, double *ret_vec);
/* Inverse of a symmetric positive definite matrix; false when it is not. */
bool pv_math_spd_inverse(int n, const double *matrix, double *ret_inverse);
/* Lower Cholesky factor of a positive semi-definite matrix (zero columns where it is singular). */
void pv_math_cholesky(int n, const double *matrix, double *ret_lower);

/* ---- random.c: counter-based start (seed, stream), then xoshiro256** ---- */

struct pv_rng {
    uint64_t s[4];
};
void pv_rng_start(struct pv_rng *rng, uint64_t seed, uint64_t stream);
uint64_t pv_rng_next(struct pv_rng *rng);
double pv_rng_uniform(struct pv_rng *rng); /* in (0, 1) */
double pv_rng_normal(struct pv_rng *rng);
double pv_rng_exponential(struct pv_rng *rng);
double pv_rng_gamma(struct pv_rng *rng, double shape);     /* scale 1 */
double pv_rng_log_gamma(struct pv_rng *rng, double shape); /* its logarithm, safe for tiny shapes */
uint64_t pv_rng_poisson(struct pv_rng *rng, double mean);

/* ---- optim.c ---- */

struct pv_model {
    const char *name;
    int params;
    const char *param[PV_MAX_PARAMS];
    double low[PV_MAX_PARAMS]; /* limits of the parameters, > 0 */
    double high[PV_MAX_PARAMS];
    /* Log-likelihood at theta; grad (params) and hess (params x params) when not NULL. */
    double (*eval)(const void *data, const double *theta, double *ret_grad, double *ret_hess);
};

struct pv_optimum {
    double theta[PV_MAX_PARAMS];
    double value;
    double hess[PV_MAX_PARAMS * PV_MAX_PARAMS]; /* in the logarithms of the parameters */
    double log_cov[PV_MAX_PARAMS * PV_MAX_PARAMS];
    double log_sd[PV_MAX_PARAMS];
    bool converged;
    bool at_limit[PV_MAX_PARAMS];
    bool regular; /* observed information positive definite */
    int iterations;
};

/* Maximises from `start` by trust-region Newton in log parameters within the model's limits. */
void pv_optim_maximise(const struct pv_model *model, const void *data, const double *start,
                       struct pv_optimum *ret_optimum);
/* Copies an optimum into a fit: parameters, covariance, standard errors. */
void pv_optim_report(const struct pv_model *model, const struct pv_optimum *optimum,
                     struct pv_fit *ret_fit);
/* A fit of this model without numbers (NaN parameters) and with a verdict. */
void pv_fit_blank(const struct pv_model *model, enum pv_verdict verdict, struct pv_fit *ret_fit);

/* ---- bg_nbd.c: customers known to be alive at T have lambda ~ Gamma(rx, at), p ~ Beta(a, bx) ----
 */

/* E[purchases in t] of such a customer. */
double pv_bg_nbd_alive_mean(double rx, double at, double a, double bx, double t);
/*
 * Tails of the number of purchases: ret_tail[k] = P(N >= k), k = 0 .. returned count - 1, stopping
 * after the first value below `least` or at `cap` values.
 */
size_t pv_bg_nbd_alive_tail(double rx, double at, double a, double bx, double t, double least,
                            size_t cap, double *ret_tail);

/* ---- parallel.c ---- */

typedef int pv_chunk_fn(void *context, size_t chunk);
/* Runs work(context, 0 .. chunks - 1) on up to `threads` threads; the first error stops the rest.
 */
int pv_parallel_run(int threads, size_t chunks, pv_chunk_fn *work, void *context);

/* ---- dert.c ---- */

struct pv_dert_table {
    size_t nodes;
    double rx;
    double *lambda; /* nodes */
    double *weight; /* nodes: logarithms */
    double lgamma_rx;
};
/* Nodes for one rx = r + x and all at = alpha + T within [at_low, at_high]. */
int pv_dert_table_new(double rx, double a, double bx, double at_low, double at_high, double delta,
                      struct pv_dert_table *ret_table);
void pv_dert_table_free(struct pv_dert_table *table);
/* Discounted expected residual transactions of a customer known to be alive. */
double pv_dert_at(const struct pv_dert_table *table, double at);

#endif
