/*
 * patron_diagnose.h - did the model say what then happened?
 *
 * pv_foresee says for every customer what the model foresaw of the hold-out; the functions after it
 * read that, or any pair of predictions and outcomes, as tables, curves and tests. Expected against
 * actual through time is pv_track_periods (patron_value.h). Conventions (errors, ownership, units,
 * threads, chance) are those of patron_value.h; docs/models/checks.md says how to read them.
 */
#ifndef PATRON_DIAGNOSE_H
#define PATRON_DIAGNOSE_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Within the calibration -------------------------------------------------------------------
 */

struct pv_frequency {
    double actual;   /* customers with this many repeat purchases */
    double expected; /* by the model, each watched as long as they were */
};

/* A test: large p_value says nothing, small says that as much misfit is that rare under the model.
 */
struct pv_test {
    double statistic; /* NaN when there is too little to test; p_value, too */
    double df;        /* 0 where the distribution has none */
    double p_value;
};

/*
 * Customers by number of repeat purchases 0 .. n - 1, the last entry holding n - 1 and more: n
 * >= 3. ret_test (may be NULL) is chi-squared over entries, joined from the right until 5 are
 * expected. df = entries - 1: the parameters are those of maximum likelihood on the single
 * customers, so the truth lies between df and df - params (Chernoff & Lehmann, Annals of
 * Mathematical Statistics 25 (1954), 579-586) and false alarms are at most as many as p says.
 * Purchases of one day are one, which the model does not know: busy customers in large numbers fail
 * this test for that alone. PV_ERR_ARGUMENT when `buying` is not a usable fit of repeat purchases.
 * O(distinct T x n).
 */
PV_API PV_WARN_UNUSED int pv_diagnose_frequency(const struct pv_fit *buying,
                                                const struct pv_cells *cells, size_t n,
                                                struct pv_frequency *ret_frequency,
                                                struct pv_test *ret_test);

/* ---- What was foreseen ------------------------------------------------------------------------
 */

struct pv_foresight {
    double expected; /* E[purchases in the hold-out]; NaN, and all others, where T < 0 */
    double alive;    /* P(still a customer at the end of the calibration) */
    double buys;     /* P(at least one purchase in the hold-out) */
    double pit;      /* P(N < x_star) + u P(N = x_star), u uniform: uniform when the model is right
                        (randomised probability integral transform; Czado, Gneiting & Held,
                        Biometrics 65 (2009), 1254-1261) */
};

/*
 * For rows with x_star of `units` model units after T. The parameters are taken as certain. The
 * chance of `pit` is named by seed and row. PV_ERR_ARGUMENT when `buying` is not a usable fit of
 * repeat purchases, or a row is nonsense. O(sum of x_star) + O(1) or a quadrature a row.
 */
PV_API PV_WARN_UNUSED int pv_foresee(const struct pv_fit *buying, const struct pv_customer *rows,
                                     size_t n, double units, uint64_t seed, int threads,
                                     struct pv_foresight *ret_foresight);

/* Kolmogorov-Smirnov against the uniform distribution; NaN values are left out; fewer than 20: not
 * tested. ret_histogram (may be NULL): `bins` shares of equal width, 1 / bins each when uniform.
 * O(n log n). */
PV_API PV_WARN_UNUSED int pv_diagnose_uniform(const double *value, size_t n, size_t bins,
                                              double *ret_histogram, struct pv_test *ret_test);

/* ---- Against what happened --------------------------------------------------------------------
 */

struct pv_group_check {
    uint64_t customers;
    double predicted; /* mean */
    double actual;    /* mean */
    double std_error; /* of the actual mean, as it is spread; NaN with fewer than 2 customers */
};

/* Purchases in the hold-out by frequency in the calibration, 0 .. n - 1, the last entry n - 1 and
 * more. O(rows). */
PV_API PV_WARN_UNUSED int pv_diagnose_by_frequency(const struct pv_customer *rows,
                                                   const struct pv_foresight *foresight,
                                                   size_t count, size_t n,
                                                   struct pv_group_check *ret_groups);

/*
 * Calibration of a probability: of n customers with probability p[i] of what happened when
 * happened[i], in `groups` (2 .. 100) of as equal size as ties allow, ascending. ret_test (may be
 * NULL): chi-squared of Hosmer & Lemeshow over groups, joined until 5 of either are expected; df is
 * their number, as the probabilities were not fitted to these outcomes. NaN probabilities are
 * left out. Returns PV_ERR_EMPTY with fewer customers than groups. For "buys at all" give
 * foresight.buys and x_star > 0; P(alive) can be tested so only where leaving is seen. O(n log n).
 */
PV_API PV_WARN_UNUSED int pv_diagnose_probability(const double *p, const bool *happened, size_t n,
                                                  size_t groups, struct pv_group_check *ret_groups,
                                                  struct pv_test *ret_test);

enum { PV_LIFT_TENTHS = 10 };

struct pv_scores {
    uint64_t customers;
    double bias; /* mean of predicted - actual */
    double mae, rmse;
    double spearman; /* rank correlation, ties by mean ranks; NaN when one side is constant */
    /* Mean actual value of the best tenth by prediction over that of all, the second, ...; ties
     * share. NaN when nothing happened. */
    double lift[PV_LIFT_TENTHS];
};

/* Predictions (purchases or money) against what came; pairs with a NaN are left out. PV_ERR_EMPTY
 * with none left. O(n log n). */
PV_API PV_WARN_UNUSED int pv_diagnose_scores(const double *predicted, const double *actual,
                                             size_t n, struct pv_scores *ret_scores);

#ifdef __cplusplus
}
#endif

#endif
