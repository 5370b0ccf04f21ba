/*
 * population.h - customers that a model makes: for the parametric bootstrap, for studies and tests.
 */
#ifndef PATRON_VALUE_POPULATION_H
#define PATRON_VALUE_POPULATION_H

#include "internal.h"

/* Whether pv_populate_one can make customers of this model. Those of contracts it cannot: cells do
 * not say how long an ended contract was watched. */
bool pv_populate_can(const struct pv_model *model);

/*
 * One new customer watched for T days (opportunities) and `holdout` more: x, t_x, T, x_star.
 * Purchases happen at any time and are booked at the end of their day, as an order book would have
 * them: several on one day are one. A day may stand for any span: `unit_days` of them are a unit.
 * gaps (may be NULL) gets the logarithms of the times between purchases up to T.
 */
struct pv_customer pv_populate_one(const struct pv_model *model, const double *theta,
                                   double unit_days, struct pv_rng *rng, int32_t T, int32_t holdout,
                                   struct pv_gaps *gaps);

/* Time of the purchase after t in a future drawn at time 0, or INFINITY; *future is used up. */
double pv_population_next(struct pv_future *future, double t, struct pv_rng *rng);

/* Number of successes in n tries. Exact; O(log n). */
uint64_t pv_rng_binomial(struct pv_rng *rng, uint64_t n, double p);

#endif
