/*
 * patron_interval.h - intervals at any level.
 *
 * Two kinds that must not be confused. A *predictive* interval holds what one customer will do. An
 * interval *of a mean* holds how well an expectation is known; it says nothing of one customer.
 * Each name says which. level: 0.5 is the middle half; 0 < level < 1. Conventions (errors,
 * ownership, units, threads, chance) are those of patron_value.h.
 */
#ifndef PATRON_INTERVAL_H
#define PATRON_INTERVAL_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pv_range {
    double low, high;
};

/* ---- Predictive: what one customer will do ----------------------------------------------------
 */

/*
 * Purchases in (T, T + t], times in model units: whole numbers, from the exact distribution
 * (pv_predict_pmf) at `param`, which is taken as certain. low is the smallest k with P(N <= k) >=
 * (1 - level) / 2, high the smallest with P(N <= k) >= (1 + level) / 2: the interval holds at least
 * `level`, more where the numbers are small. PV_ERR_ARGUMENT on nonsense, and when more than 2^20
 * purchases would have to be looked at. O(high).
 */
PV_API PV_WARN_UNUSED int pv_predict_interval(const struct pv_model *model, const double *param,
                                              double x, double t_x, double T, double t,
                                              double level, struct pv_range *ret_purchases);

/*
 * The same with the uncertainty of the fit: the distribution is averaged over 2 x params points
 * that have the mean and covariance of the parameters' logarithms (fit.log_cov). Approximation: a
 * normal posterior in the logarithms, to second order.
 */
PV_API PV_WARN_UNUSED int pv_fit_predict_interval(const struct pv_fit *fit, double x, double t_x,
                                                  double T, double t, double level,
                                                  struct pv_range *ret_purchases);

/*
 * Purchases, money and residual lifetime value of one customer of a valuer, from `futures` (0:
 * 16,384; at most 2^20) simulated futures of just this customer, with the valuer's horizon,
 * discount and seed: nothing is interpolated. Chance, unknown rates and parameters are in it.
 * ret_orders is pv_fit_predict_interval. ret_money and ret_clv may be NULL; they are NaN without a
 * model of spend. PV_ERR_ARGUMENT for rows with T < 0, for `points` valuers, and where (1 - level)
 * futures / 2 < 8: too few futures in the tails.
 *
 * Approximations: purchases within the horizon are spread evenly over it when discounted; more than
 * 12 purchases after it are a Gamma with the exact mean and variance of their discounted sum
 * (Campbell's theorem); numbers above 30 are drawn as rounded normals; what comes later than 8 /
 * delta is left out (under 0.04 %); P(alive) is that of the point estimate. O(futures log futures).
 */
struct pv_valuer;
PV_API PV_WARN_UNUSED int pv_value_predict_interval(const struct pv_valuer *valuer,
                                                    const struct pv_fit *buying,
                                                    const struct pv_customer *row, double level,
                                                    int futures, struct pv_range *ret_orders,
                                                    struct pv_range *ret_money,
                                                    struct pv_range *ret_clv);

/* ---- Of a mean: how well an expectation is known ----------------------------------------------
 */

/* A parameter of a fit, from its log_cov: log-normal. NaN for the covariance of a fit that has
 * none, the parameter itself where it was given as certain. */
PV_API struct pv_range pv_param_interval(const struct pv_fit *fit, int index, double level);

/*
 * The same by profile likelihood: the values at which ln L, the other parameters at their best, has
 * not fallen by more than z^2 / 2. It bends with the likelihood and is the one to use on a ridge,
 * where the normal approximation is short. 0 or INFINITY on a side that the data do not bound.
 * cells: those of the fit. PV_ERR_ARGUMENT for parameters outside the model's limits, and when the
 * fit is not the maximum of these cells. Some 10 to 30 fits with one parameter held.
 */
PV_API PV_WARN_UNUSED int pv_profile_interval(const struct pv_fit *fit,
                                              const struct pv_cells *cells, int index, double level,
                                              struct pv_range *ret_range);

/*
 * E[purchases in (T, T + t]], delta method: the slope of its logarithm by the logarithms of the
 * parameters (differences), log-normal. ret_mean may be NULL. O(params).
 */
PV_API PV_WARN_UNUSED int pv_mean_interval(const struct pv_fit *fit, double x, double t_x, double T,
                                           double t, double level, double *ret_mean,
                                           struct pv_range *ret_range);

/*
 * The same by profile likelihood: the largest and smallest E whose best ln L has not fallen by more
 * than z^2 / 2, found on the maxima of ln L + lambda ln E. For ridges, where the delta method is
 * short. cells: those of the fit. PV_ERR_ARGUMENT as for pv_mean_interval, and when the fit is not
 * the maximum of these cells. Some 10 to 20 fits.
 */
PV_API PV_WARN_UNUSED int pv_profile_mean_interval(const struct pv_fit *fit,
                                                   const struct pv_cells *cells, double x,
                                                   double t_x, double T, double t, double level,
                                                   struct pv_range *ret_range);

/* The log-normal intervals of patron_value.h (pv_value.*_mean_of, pv_equity.range) at another
 * level. */
PV_API struct pv_range pv_interval_at(const struct pv_interval *interval, double level);

/* ---- Bootstrap --------------------------------------------------------------------------------
 */

enum pv_resample {
    PV_RESAMPLE_MODEL, /* parametric: as many customers, each watched as long, made by the fit and
                          booked by day as the data are. Not for contracts: PV_ERR_ARGUMENT */
    PV_RESAMPLE_CELLS, /* multinomial over the cells: supposes no model */
};

struct pv_bootstrap_options {
    enum pv_resample resample;
    int replicates; /* 20 .. 10,000; 200 for a 95 % interval at least */
    uint64_t seed;
    int threads; /* 0 or 1: this thread only; no digit depends on it */
};

/*
 * The model is fitted again to `replicates` resamples of the cells it was fitted to, each from the
 * fit's own parameters (from all starting points where that ends nowhere). Replicates that end
 * without a usable fit are kept out and counted: with more than a few of them the intervals are too
 * short, and the honest answer is the verdict. PV_ERR_ARGUMENT when the fit is not usable or not of
 * purchases, opportunities or contracts. O(replicates x fit).
 */
struct pv_bootstrap;
PV_API PV_WARN_UNUSED int pv_bootstrap_new(const struct pv_fit *fit, const struct pv_cells *cells,
                                           const struct pv_bootstrap_options *options,
                                           struct pv_bootstrap **ret_bootstrap);
PV_API void pv_bootstrap_free(struct pv_bootstrap *bootstrap);
/* Usable replicates; *ret_failed (may be NULL): the others. */
PV_API size_t pv_bootstrap_count(const struct pv_bootstrap *bootstrap, size_t *ret_failed);
/* Borrowed: parameters of a usable replicate. */
PV_API const double *pv_bootstrap_params(const struct pv_bootstrap *bootstrap, size_t index);

/*
 * Basic intervals in logarithms (Davison & Hinkley 1997, Bootstrap methods and their application,
 * 5.2.1) of a parameter, and of E[purchases in (T, T + t]] of a customer. What a fit is off by on
 * average, the bias of booking by the day included where PV_RESAMPLE_MODEL makes it again, is taken
 * out; percentile intervals would double it. PV_ERR_EMPTY with fewer than 20 usable replicates or
 * fewer than two in a tail.
 */
PV_API PV_WARN_UNUSED int pv_bootstrap_param(const struct pv_bootstrap *bootstrap, int index,
                                             double level, struct pv_range *ret_range);
PV_API PV_WARN_UNUSED int pv_bootstrap_mean(const struct pv_bootstrap *bootstrap, double x,
                                            double t_x, double T, double t, double level,
                                            struct pv_range *ret_range);

#ifdef __cplusplus
}
#endif

#endif
