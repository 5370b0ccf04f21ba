/* What the value tests share: cmocka, relative comparison, simulated customers. */
#ifndef PATRON_TESTS_VALUE_TEST_H
#define PATRON_TESTS_VALUE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "internal.h"
#include "patron_value.h"

static inline void near_relative(double got, double want, double tolerance, const char *what)
{
    double scale = fmax(fabs(want), 1e-300);
    if (!(fabs(got - want) <= tolerance * scale))
        fail_msg("%s: got %.17g, want %.17g (relative %.2e > %.0e)", what, got, want,
                 fabs(got - want) / scale, tolerance);
}

static const struct pv_bg_nbd published = {0.243, 4.414, 0.793, 2.426}; /* [FHL05] table 2 */

/* A customer of a BG/NBD and Gamma-Gamma world, to the day, with what happens in a hold-out. */
static inline struct pv_customer simulate_customer(struct pv_rng *rng, const struct pv_bg_nbd *m,
                                                   const struct pv_gamma_gamma *g, int32_t T,
                                                   int32_t holdout)
{
    double lambda = pv_rng_gamma(rng, m->r) / m->alpha;
    double ga = pv_rng_gamma(rng, m->a), gb = pv_rng_gamma(rng, m->b);
    double p = ga / (ga + gb), nu = pv_rng_gamma(rng, g->q) / g->gamma, t = 0.0;
    struct pv_customer c = {.T = T};
    int32_t last = -1;
    for (;;) {
        t += 7.0 * pv_rng_exponential(rng) / lambda;
        if (!(t < T + holdout))
            break;
        int32_t day = (int32_t)ceil(t);
        int64_t money = llround(100.0 * pv_rng_gamma(rng, g->p) / nu) + 1;
        if (day > T) {
            c.x_star += day != last;
            c.spend_star += money;
        } else {
            c.x += day != last;
            c.t_x = day;
            c.spend += money;
        }
        last = day;
        if (pv_rng_uniform(rng) < p)
            break;
    }
    c.revenue = c.spend + 2000;
    return c;
}

#endif
