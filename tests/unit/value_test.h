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

/* Under valgrind the same code runs on less: PATRON_TEST_FEW=1 (tools/valgrind.sh). What only many
 * can show is then not asked. */
static inline bool only_few(void)
{
    return getenv("PATRON_TEST_FEW") != NULL;
}

static inline int repeats(int full, int few)
{
    return only_few() ? few : full;
}

/* Of regular buyers k = 2, 3, 6 and 12 stand for the others where every model would take long. */
static inline bool stands_for_others(const struct pv_model *m)
{
    return m->regular <= 3 || m->regular % 6 == 0;
}

/* BG/NBD by the names of its paper, on top of what every model has. */
struct bg_nbd {
    double r, alpha, a, b;
};

static inline const struct pv_model *bg_model(void)
{
    return pv_model_find("bg-nbd");
}

static inline struct bg_nbd bg_of(const struct pv_fit *fit)
{
    return (struct bg_nbd){fit->param[0], fit->param[1], fit->param[2], fit->param[3]};
}

static inline struct pv_fit bg_fit(const struct bg_nbd *m)
{
    const double param[] = {m->r, m->alpha, m->a, m->b};
    struct pv_fit fit;
    assert_int_equal(pv_fit_given(bg_model(), param, 7.0, &fit), 0);
    return fit;
}

static inline double bg_loglik(const struct bg_nbd *m, double x, double t_x, double T)
{
    return pv_predict_loglik(bg_model(), &m->r, x, t_x, T);
}

static inline double bg_p_alive(const struct bg_nbd *m, double x, double t_x, double T)
{
    return pv_predict_alive(bg_model(), &m->r, x, t_x, T, 0.0);
}

static inline double bg_expected(const struct bg_nbd *m, double x, double t_x, double T, double t)
{
    return pv_predict_expected(bg_model(), &m->r, x, t_x, T, t);
}

static inline double bg_expected_new(const struct bg_nbd *m, double t)
{
    return pv_predict_expected(bg_model(), &m->r, 0.0, 0.0, 0.0, t);
}

static inline int bg_pmf(const struct bg_nbd *m, double x, double t_x, double T, double t, size_t n,
                         double *ret_pmf)
{
    return pv_predict_pmf(bg_model(), &m->r, x, t_x, T, t, n, ret_pmf);
}

static inline double bg_dert(const struct bg_nbd *m, double x, double t_x, double T, double delta)
{
    return pv_predict_dert(bg_model(), &m->r, x, t_x, T, delta);
}

static const struct bg_nbd published = {0.243, 4.414, 0.793, 2.426}; /* [FHL05] table 2 */

/* A customer of a BG/NBD and Gamma-Gamma world, to the day, with what happens in a hold-out. */
static inline struct pv_customer simulate_customer(struct pv_rng *rng, const struct bg_nbd *m,
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
