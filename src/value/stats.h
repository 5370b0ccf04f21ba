/*
 * stats.h - distributions that tests and intervals ask for.
 */
#ifndef PATRON_VALUE_STATS_H
#define PATRON_VALUE_STATS_H

#include <stddef.h>

/* z with P(Z <= z) = p of a standard normal; relative error < 1e-14. NaN outside (0, 1). */
double pv_stats_normal_quantile(double p);
/* P(Z >= z). */
double pv_stats_normal_tail(double z);
/* P(chi-squared of df degrees of freedom >= value); 1 for value <= 0, NaN for df <= 0. */
double pv_stats_chi2_tail(double value, double df);
/* P(sup |F_n - F| >= d) of n independent values, Kolmogorov's limit with Stephens' correction of
 * the sample size. */
double pv_stats_ks_tail(double d, double n);
/* sup |F_n - uniform| of n ascending values in [0, 1]. */
double pv_stats_ks_uniform(const double *sorted, size_t n);
int pv_stats_ascending(const void *left, const void *right); /* for qsort of doubles */

#endif
