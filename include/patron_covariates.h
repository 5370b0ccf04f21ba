/*
 * patron_covariates.h - libpatron-value: what is known about customers beside their purchases
 * (channel, region, age, first basket) in the models of purchases and of spend. Conventions as in
 * patron_value.h; explained in docs/models/covariates.md.
 *
 *   [FH07]  Fader & Hardie, Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD
 *           models, note 019 (2007).
 *
 * A model has one, two or three processes on which covariates act, each on one parameter:
 *
 *   purchases  each but spend alpha_i = alpha exp(-g'z_i): mean rate r / alpha_i
 *   leaving    Pareto/NBD    beta_i = beta exp(-g'z_i): mean rate s / beta_i
 *              GGompertz/NBD the same: mean hazard at first b s / beta_i
 *              BG family     a_i = a exp(g'z_i): chance to leave a_i / (a_i + b_i)
 *   staying    BG family     b_i = b exp(g'z_i), coefficients of its own, as in the note
 *   spend      Gamma-Gamma   gamma_i = gamma exp(g'z_i): mean spend p gamma_i / (q - 1)
 *
 * BG family: (M)BG/NBD and (M)BG/CNBD-k. NBD has purchases alone; sBG and BG/BB take none.
 * Positive coefficients always mean more of what the process is called.
 */
#ifndef PATRON_COVARIATES_H
#define PATRON_COVARIATES_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PV_MAX_COVARIATES = 32, PV_MAX_PROCESSES = 3 };

/* Processes of a model: 0 when it takes no covariates. Name of one ("purchases", ...) or NULL, and
 * the index of the parameter that it moves. */
PV_API int pv_process_count(const struct pv_model *model);
PV_API const char *pv_process_name(const struct pv_model *model, int process, int *ret_param);

/* One row of `columns` values a customer, row-major. Categories are columns of 0 and 1, one for
 * each category but one. Every value must be finite and within 1e100 (PV_ERR_ARGUMENT otherwise),
 * also of rows with T = -1, which are otherwise left out. */
struct pv_covariates {
    const double *z;
    size_t columns; /* <= PV_MAX_COVARIATES */
};

struct pv_covariate_options {
    struct pv_fit_options fit;
    /* Which columns act on a process: bit j for column j. */
    uint32_t use[PV_MAX_PROCESSES];
    /*
     * L2 penalty, >= 0, by process: what is maximised is ln L - 1/2 sum lambda (sd_j g_j)^2, sd_j
     * the standard deviation of column j over the customers of the fit. So lambda means the same
     * whatever the columns' units, and is the precision of a normal prior on the effect of one
     * standard deviation. Parameters of the model are not penalised.
     */
    double lambda[PV_MAX_PROCESSES];
};

struct pv_coefficient {
    int process;
    size_t column;
    double value;     /* per unit of the column */
    double std_error; /* NaN when unknown */
    double effect;    /* value times the column's standard deviation */
};

struct pv_covariate_fit {
    /*
     * Parameters at the mean of the covariates (`centre`), which is inside the data whatever the
     * columns' origin; verdict, usable, loglik (without the penalty), covariance of the logarithms.
     * cells counts distinct (z, x, t_x, T).
     *
     * Beside the verdicts of the model: "constant-covariate" (a column in use has one value),
     * "collinear-covariates" (a column without a penalty is a combination of the others in use; not
     * usable), "separated-covariate" (the data set no bound to the effect of a column, such as a
     * group of whom nobody came back; a penalty helps). `column` says which.
     */
    struct pv_fit typical;
    /* The same at z = 0, as the literature has it; may be far outside the data. */
    double zero[PV_MAX_PARAMS];
    double zero_std_error[PV_MAX_PARAMS];
    size_t column; /* that the verdict is about; SIZE_MAX: none */
    size_t columns;
    const double *centre; /* columns: means over the customers of the fit; 0 where not in use */
    size_t profiles;      /* distinct z */
    size_t coefficients;
    const struct pv_coefficient *coefficient; /* by process, then column */
    /* Covariance of the logarithms of `typical`'s parameters and the coefficients, in this order;
     * inverse of the negative second derivatives of what is maximised. */
    const double *covariance;
    double penalty; /* 1/2 sum lambda effect^2 */
};

/*
 * A model with covariates by maximum (penalised) likelihood. model: of purchases (x, t_x, T of
 * `rows`) or Gamma-Gamma (x and spend), with processes. Newton's method with exact derivatives,
 * from the fit without covariates, in standardised columns; same results on any number of threads.
 * Returns 0 even when the fit must not be trusted: read (*ret_fit)->typical.verdict.
 * PV_ERR_ARGUMENT: no such process or column, a value of z that is not finite, lambda < 0.
 *
 * Customers with the same z are evaluated together; then it costs little more than a fit without
 * covariates. With a z of its own for every customer, O(customers x iterations): about 0.2 us a
 * customer and iteration for BG/NBD, 3 us for Pareto/NBD. Owned: pv_covariate_fit_free.
 */
PV_API PV_WARN_UNUSED int pv_covariate_fit_new(const struct pv_model *model,
                                               const struct pv_customer *rows, size_t n,
                                               const struct pv_covariates *covariates,
                                               const struct pv_covariate_options *options,
                                               struct pv_covariate_fit **ret_fit);
PV_API void pv_covariate_fit_free(struct pv_covariate_fit *fit);

/* Parameters of a customer with covariates z (columns values): for every pv_predict_* function, and
 * for pv_gamma_gamma_mean. ret_theta: PV_MAX_PARAMS values; NaN when the fit has no numbers. */
PV_API void pv_covariate_theta(const struct pv_covariate_fit *fit, const double *z,
                               double *ret_theta);

/*
 * The fit of customers with covariates z (columns values): their parameters, and how well those are
 * known. It serves wherever a fit does: pv_valuer_new, pv_value_alive_curve, pv_mean_interval, ...
 * PV_ERR_ARGUMENT for a fit that is not usable, for a z that is not finite.
 */
PV_API PV_WARN_UNUSED int pv_covariate_at(const struct pv_covariate_fit *fit, const double *z,
                                          struct pv_fit *ret_fit);

/*
 * Everything that pv_value_customers and pv_value_equity say, of customers at parameters of their
 * own. spend: gamma-gamma with the same columns; NULL or not usable: no money. Customers with the
 * same z are a base of their own: some 15 ms for each distinct z.
 * ret_equity may be NULL; its ranges know that all customers share ln theta and coefficients.
 * PV_ERR_ARGUMENT as pv_covariate_predict, and for options->points or another unit than the fit's.
 */
PV_API PV_WARN_UNUSED int
pv_covariate_value(const struct pv_covariate_fit *fit, const struct pv_covariate_fit *spend,
                   const struct pv_valuer_options *options, const struct pv_customer *rows,
                   size_t n, const struct pv_covariates *covariates, struct pv_value *ret_values,
                   struct pv_equity *ret_equity);

struct pv_covariate_value {
    double p_alive;
    double expected; /* purchases in the horizon */
    double dert;     /* discounted expected residual transactions */
};

/*
 * Of n customers at their own parameters: pv_predict_alive, _expected and _dert. horizon in model
 * units, discount yearly effective (0: no DERT, NaN). Rows with T = -1 get zeros and NaN p_alive.
 * O(n), without grouping: some 5 us a customer, or 60 with DERT. PV_ERR_ARGUMENT for a fit that is
 * not usable or not of purchases, for a z that is not finite.
 */
PV_API PV_WARN_UNUSED int pv_covariate_predict(const struct pv_covariate_fit *fit,
                                               const struct pv_customer *rows, size_t n,
                                               const struct pv_covariates *covariates,
                                               double horizon, double discount, int threads,
                                               struct pv_covariate_value *ret_values);

#ifdef __cplusplus
}
#endif

#endif
