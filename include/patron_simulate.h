/*
 * patron_simulate.h - libpatron-value: histories of customers of a made-up world, to try models on
 * data whose truth is known, and to draw what a model believes.
 *
 * A customer is a number and a seed: the same two give the same purchases, whoever else is drawn,
 * in whatever order, on however many threads. Nothing is allocated. Conventions as in
 * patron_value.h.
 *
 * Models count time without days; a day is where the moment of a purchase is rounded up to. Who
 * buys several times a week has purchases that fall on one day and are one when they are read, so
 * that a fit to made-up customers finds a rate of purchases r / alpha that is a little too small
 * (3 % at r 0.8, alpha 6 weeks), as it does with real ones.
 */
#ifndef PATRON_SIMULATE_H
#define PATRON_SIMULATE_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pv_world {
    const struct pv_model *model; /* of repeat purchases */
    const double *param;
    const struct pv_gamma_gamma *spend; /* NULL: every purchase costs `price` */
    double price;                       /* major units; without `spend` only */
    double unit_days;                   /* of the parameters */
    double money_scale;                 /* minor units in one major */
    int32_t until;                      /* purchases after it are not told */
    uint64_t seed;
};

/* One customer on the way; its members are the library's own. */
struct pv_simulated {
    uint64_t chance[4];
    double time, rate, life, phase, left, spend_rate;
    int32_t first;
    int regular;
    bool begun, last, stays;
};

/*
 * A customer who buys for the first time on day `first`, with all that is unknown about them drawn.
 * PV_ERR_ARGUMENT: not a model of repeat purchases, parameters that are not finite and above zero,
 * a unit or scale or price that is not.
 */
PV_API PV_WARN_UNUSED int pv_simulate_start(const struct pv_world *world, uint64_t customer,
                                            int32_t first, struct pv_simulated *ret_customer);

/*
 * The next purchase, the first one included; false when there is none up to world->until. Days
 * ascend and may repeat: purchases of one day are told one by one, and at least one minor unit
 * each. O(1).
 */
PV_API bool pv_simulate_next(const struct pv_world *world, struct pv_simulated *customer,
                             int32_t *ret_day, int64_t *ret_amount);

#ifdef __cplusplus
}
#endif

#endif
