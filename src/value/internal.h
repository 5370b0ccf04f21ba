/*
 * internal.h - what the files of the value library share. Not installed.
 *
 * A model is one const `struct pv_model` (name, parameters with limits, log-likelihood with its
 * first and second derivatives, starting points, predictions): a new model is one file and one such
 * row. Nothing else in the library knows a model by name.
 */
#ifndef PATRON_VALUE_INTERNAL_H
#define PATRON_VALUE_INTERNAL_H

#include "patron_value.h"

#define PV_LIKELY(c) __builtin_expect(!!(c), 1)
#define PV_UNLIKELY(c) __builtin_expect(!!(c), 0)

#define PV_Z80 1.2815515655446004
#define PV_Z95 1.9599639845400545
#define PV_STEP 1e-5 /* of a logarithm, for slopes by difference */

/* ---- math.c ---- */

double pv_math_lgamma(double x);
/* ln Gamma(x + n) - ln Gamma(x), n >= 0; small whole n by a product, without cancellation. */
double pv_math_lrising(double x, double n);
/* The same with its first and second derivative by x: three values. */
void pv_math_rising(double x, double n, double *ret);
double pv_math_digamma(double x);
double pv_math_trigamma(double x);
/* 2F1(p, q; s; -v) for v >= 0 and p, q > 0, s > q: Pfaff, [DLMF] 15.8.1; positive terms only. */
double pv_math_hyp2f1_neg(double p, double q, double s, double v);
/* 2F1(1, b; c; y), 0 <= y < 1, c > b > 0; y and 1 - y. */
double pv_math_hyp2f1_one(double b, double c, double y, double one_minus_y);
/* Eigenvalues (ascending) and vectors (columns of ret_vec) of a symmetric n x n matrix, n <= 6, by
 * Jacobi rotations. */
void pv_math_eigen(int n, const double *matrix, double *ret_val, double *ret_vec);
/* Inverse of a symmetric positive definite matrix; false when it is not. */
bool pv_math_spd_inverse(int n, const double *matrix, double *ret_inverse);
/* Column j of a lower Cholesky factor, in place over the lower triangle of an n x n matrix whose
 * columns before it are done; false, and nothing written, when the pivot is not above `least` of
 * the diagonal entry. */
bool pv_math_cholesky_column(size_t n, double *matrix, size_t j, double least);
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

/* ---- Models: one const row each, listed in model.c ---- */

/* k = 2 .. PV_MAX_REGULAR of both forms, one form after the other. */
enum { PV_MAX_REGULAR = 12, PV_CNBD_MODELS = 2 * (PV_MAX_REGULAR - 1) };

/* What a fit looks at: cells and room to work in. */
struct pv_fit_data {
    const struct pv_cell *cell; /* sorted by x, T, t_x */
    size_t cells;
    size_t stride; /* look at every stride-th cell: for comparing starting points */
    double unit_days;
    int32_t max_day;
    double *room;                       /* as many doubles as the model's room() asked for */
    const struct pv_fit_options *asked; /* may be NULL */
};
/* Whether the caller wants the fit no more. */
bool pv_fit_stopped(const struct pv_fit_options *options);

/* One customer's future, given all that is unknown: purchases come at random at `rate` until `life`
 * is over; `last`: leaving is itself a purchase. */
struct pv_future {
    double rate, life;
    bool last;
    /* Regular buyers (regular > 1): every regular-th of the events at `rate` is a purchase, `phase`
     * of them have happened, and the purchases-th one from now is the last. `life` says nothing. */
    int regular;
    double phase, purchases;
};

/*
 * What a model of repeat purchases knows. theta: its parameters; their first two are always r and
 * alpha of Gamma-distributed rates. Times in model units. What follows T depends on t_x through
 * P(alive) alone, and through `states` where there are any: all from `survive` on hold for a
 * customer who is alive at T. Their x is the state: x itself, or one of regular x + 0 .. regular
 * - 1.
 */
struct pv_buying {
    /* Whether x is in the model's range. NULL: every x >= 0. */
    bool (*defined)(const struct pv_model *model, const double *theta, double x);
    double (*loglik)(const struct pv_model *model, const double *theta, double x, double t_x,
                     double T);
    /* ret_slope (may be NULL): d ln P(alive) / d ln parameter. */
    double (*p_alive)(const struct pv_model *model, const double *theta, double x, double t_x,
                      double T, double *ret_slope);
    /*
     * Optional, where p_alive is dear: all that is needed of one x, by day from .. to (to be freed
     * by the caller), and P(alive) from it; t_x and T are days after `from`.
     */
    int (*alive_table)(const struct pv_model *model, const double *theta, int32_t x,
                       double unit_days, int32_t from, int32_t to, double **ret_table);
    double (*alive_from)(const struct pv_model *model, const double *theta, int32_t x,
                         const double *table, int32_t t_x, int32_t T, double *ret_slope);
    /* Weights of the model->regular states of a customer alive at T; ret_slope (may be NULL):
     * states x params, d ln weight / d ln parameter. NULL: the only state is x. */
    void (*states)(const struct pv_model *model, const double *theta, double x, double t_x,
                   double T, double *ret_weight, double *ret_slope);
    /* Share of all customers who leave (of purchases, or within a span): 0 says nobody does. NULL
     * when nobody can. */
    double (*leave)(const struct pv_model *model, const double *theta, double span);

    double (*survive)(const struct pv_model *model, const double *theta, double x, double T,
                      double t);
    double (*mean)(const struct pv_model *model, const double *theta, double x, double T, double t);
    /* ret_tail[k] = P(N >= k), k = 0 .. returned count - 1, stopping after the first value below
     * `least` or at `cap`. 0: no memory. */
    size_t (*tail)(const struct pv_model *model, const double *theta, double x, double T, double t,
                   double least, size_t cap, double *ret_tail);
    int (*pmf)(const struct pv_model *model, const double *theta, double x, double T, double t,
               size_t n, double *ret_pmf);
    /* Discounted expected residual transactions at n ascending T; ret_slope (may be NULL): n x
     * params, d ln DERT / d ln parameter. */
    int (*dert)(const struct pv_model *model, const double *theta, double x, const double *T,
                size_t n, double delta, double *ret_dert, double *ret_slope);
    void (*draw)(const struct pv_model *model, const double *theta, double x, double T,
                 struct pv_rng *rng, struct pv_future *ret_future);
    /* Of a new customer: density of a purchase at v after one at any given earlier time. */
    double (*pairs)(const struct pv_model *model, const double *theta, double v);
    /* Optional: loglik with its derivatives (params; params x params), for one customer with
     * parameters of their own. NULL: the model's eval does. */
    double (*one)(const struct pv_model *model, const double *theta, double x, double t_x, double T,
                  double *ret_grad, double *ret_hess);
};

/* What a model of contracts knows; theta: its parameters. Periods are whole. */
struct pv_contract {
    double (*survival)(const double *theta, double t);
    double (*retention)(const double *theta, double t);
    double (*renewals)(const double *theta, double period, double delta);
};

struct pv_lifetime;
struct pv_hyper;

/* On what covariates act: ln of parameter `param` gets sign * g'z. Lists end with a NULL name. */
struct pv_process {
    const char *name;
    int param;
    double sign;
};

struct pv_model {
    const char *name;
    enum pv_model_kind kind;
    int params;
    const char *param[PV_MAX_PARAMS];
    double low[PV_MAX_PARAMS]; /* limits of the parameters, > 0 */
    double high[PV_MAX_PARAMS];
    double far[PV_MAX_PARAMS]; /* beyond it a parameter has run off: a ridge; 0: never */
    /* Doubles that eval needs in data->room. NULL: none. */
    size_t (*room)(const struct pv_model *model, const struct pv_fit_data *data);
    /* Log-likelihood at theta; grad (params) and hess (params x params) when not NULL. */
    double (*eval)(const struct pv_model *model, const void *data, const double *theta,
                   double *ret_grad, double *ret_hess);
    /* Up to PV_MAX_STARTS starting points around an overall purchase rate. NULL: fitted elsewhere.
     */
    int (*starts)(const struct pv_fit_data *data, double rate, double (*ret_start)[PV_MAX_PARAMS]);
    /* Whether at theta the model is, for a span of time, a simpler one that is listed, too. NULL:
     * it contains none. */
    bool (*simpler)(const double *theta, double span);
    int vanishes;                       /* the parameter that goes to 0 then */
    const struct pv_buying *buying;     /* of repeat purchases; NULL for other kinds */
    const struct pv_contract *contract; /* of contracts; NULL for other kinds */
    /* What one new customer does in T opportunities and `holdout` more. NULL: buying->draw says it.
     */
    void (*live)(const double *theta, struct pv_rng *rng, int32_t T, int32_t holdout,
                 struct pv_customer *ret_customer);
    /* What the models of a family differ in. */
    int first_chances;                /* bg_family.c, cnbd.c: chances to leave before a repeat */
    int regular;                      /* cnbd.c: hidden events for a purchase; 0: as 1 */
    const struct pv_lifetime *life;   /* lifetime.c */
    const struct pv_process *process; /* covariates.c; NULL: takes none */
    const struct pv_hyper *hyper;     /* bayes.h; NULL: no hierarchical Bayes */
};

enum { PV_MAX_STARTS = 32 };

extern const struct pv_model pv_model_bg_nbd;
extern const struct pv_model pv_model_mbg_nbd;
extern const struct pv_model pv_model_pareto_nbd;
extern const struct pv_model pv_model_ggompertz_nbd;
extern const struct pv_model pv_model_nbd;
extern const struct pv_model pv_model_cnbd[PV_CNBD_MODELS];
extern const struct pv_model pv_model_bg_bb;
extern const struct pv_model pv_model_sbg;
extern const struct pv_model pv_model_gamma_gamma;

/* The states of a customer alive at T: first, first + 1, .. with weights. */
struct pv_states {
    int n;
    double first, weight[PV_MAX_REGULAR];
    double slope[PV_MAX_REGULAR * PV_MAX_PARAMS]; /* where asked for */
};
void pv_states_of(const struct pv_model *model, const double *theta, double x, double t_x, double T,
                  bool slopes, struct pv_states *ret_states);

/* A model of repeat purchases by name, or NULL. */
const struct pv_model *pv_buying_find(const char *name);
/* pv_fit_model from this starting point alone: *ret_fit as it would be, or false when it ends
 * anywhere else than in an ordinary maximum; then *ret_fit is untouched. */
int pv_fit_from(const struct pv_model *model, const struct pv_cells *cells,
                const struct pv_fit_options *options, const double *start, struct pv_fit *ret_fit,
                bool *ret_found);
/* What a fit to these cells looks at; data->room is the caller's to free. */
int pv_fit_data_of(const struct pv_model *model, const struct pv_cells *cells, double unit_days,
                   struct pv_fit_data *ret_data);
/* A fit of this model without numbers (NaN parameters) and with a verdict. */
void pv_fit_blank(const struct pv_model *model, enum pv_verdict verdict, struct pv_fit *ret_fit);

/* ---- optim.c ---- */

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

/* Maximises from `start` by trust-region Newton in log parameters within the model's limits.
 * `asked` (may be NULL) can stop it. */
void pv_optim_maximise(const struct pv_model *model, const void *data, const double *start,
                       const struct pv_fit_options *asked, struct pv_optimum *ret_optimum);
/* Copies an optimum into a fit: parameters, covariance, standard errors. */
void pv_optim_report(const struct pv_model *model, const struct pv_optimum *optimum,
                     struct pv_fit *ret_fit);

/* Verdict on an optimum, whether it is usable, and the covariance that goes with both. */
void pv_fit_judge(const struct pv_model *model, const struct pv_optimum *optimum, double span,
                  struct pv_fit *fit);
/* The same for gamma_gamma.c; fit->correlation and fit->customers are set. */
void pv_spend_judge(const struct pv_optimum *optimum, struct pv_fit *fit);
/* What the gaps between purchases add to ln L of models of regular buyers. */
double pv_fit_gaps(const struct pv_model *model, const struct pv_fit_options *options);

/* ---- newton.c: maximum of a function of any number of variables ---- */

/* Value at u; gradient and Hessian when not NULL. Not finite: outside. Negative *ret_rc: an error,
 * which ends the search. */
typedef double pv_newton_fn(void *context, const double *u, double *ret_grad, double *ret_hess,
                            int *ret_rc);
struct pv_newton {
    size_t n;
    double *u;                /* n: start, then the optimum */
    const double *low, *high; /* n: limits */
    double value;
    double *grad, *hess,
        *cov; /* n, n x n, n x n: at the optimum; cov: of -hess, 0 if not regular */
    bool converged, regular;
    int iterations;
};
int pv_newton_maximise(struct pv_newton *newton, pv_newton_fn *fn, void *context);
/* Lower Cholesky factor in place, n x n row-major; false when a pivot falls under `least` of its
 * diagonal entry, whose index is *ret_pivot (may be NULL). */
bool pv_newton_factor(size_t n, double *matrix, double least, size_t *ret_pivot);

/* ---- Families of models ---- */

/*
 * bg_family.c: leaving after a purchase with probability p ~ Beta(a, b). Its models differ in the
 * chances to leave of a customer with x repeat purchases: x + model->first_chances.
 */
extern const struct pv_buying pv_bg_family;
size_t pv_bg_room(const struct pv_model *model, const struct pv_fit_data *data);
double pv_bg_eval(const struct pv_model *model, const void *data, const double *theta,
                  double *ret_grad, double *ret_hess);
int pv_bg_starts(const struct pv_fit_data *data, double rate, double (*ret_start)[PV_MAX_PARAMS]);
int pv_bg_dert(const struct pv_model *model, const double *theta, double x, const double *T,
               size_t n, double delta, double *ret_dert, double *ret_slope); /* dert.c */
/* dert_series.c: of customers with rx = r + x, bx = b + chances and n of z = delta (alpha + T). NaN
 * where rounding may be more than 1e-10 of it. */
void pv_bg_dert_series(double rx, double a, double bx, const double *z, size_t n, double *ret_dert);

double pv_bg_one(const struct pv_model *model, const double *theta, double x, double t_x, double T,
                 double *ret_grad, double *ret_hess); /* bg_one.c */
/* leaving after a purchase: covariates on alpha, a, b */
extern const struct pv_process pv_bg_processes[];

/* lifetime.c, lifetime_fit.c: a lifetime of its own; its models differ in model->life. */
extern const struct pv_buying pv_life_family;
size_t pv_life_room(const struct pv_model *model, const struct pv_fit_data *data);
double pv_life_eval(const struct pv_model *model, const void *data, const double *theta,
                    double *ret_grad, double *ret_hess);
double pv_life_one(const struct pv_model *model, const double *theta, double x, double t_x,
                   double T, double *ret_grad, double *ret_hess); /* lifetime_one.c */

/* ---- parallel.c ---- */

typedef int pv_chunk_fn(void *context, size_t chunk);
/* Runs work(context, 0 .. chunks - 1) on up to `threads` threads; the first error stops the rest.
 */
int pv_parallel_run(int threads, size_t chunks, pv_chunk_fn *work, void *context);

#endif
