/* What the tests of hierarchical Bayes share. */
#ifndef PATRON_TESTS_VALUE_BAYES_H
#define PATRON_TESTS_VALUE_BAYES_H

#include "value_test.h"

#include "bayes.h"

static inline const struct pv_model *pareto(void)
{
    return pv_model_find("pareto-nbd");
}

/* A customer of Pareto/NBD, in whole days. */
static inline struct pv_customer simulate(struct pv_rng *rng, const double *p, double unit,
                                          int32_t T, int32_t holdout)
{
    double lambda = pv_rng_gamma(rng, p[0]) / p[1], mu = pv_rng_gamma(rng, p[2]) / p[3], t = 0.0;
    double life = unit * pv_rng_exponential(rng) / mu;
    struct pv_customer c = {.T = T};
    for (;;) {
        t += unit * pv_rng_exponential(rng) / lambda;
        if (!(t < fmin(life, T + holdout)))
            return c;
        if (t < T) {
            c.x++;
            c.t_x = (int32_t)lround(t);
        } else {
            c.x_star++;
        }
    }
}

static inline struct pv_customer *world(const double *p, double unit, size_t n, int32_t T,
                                        int32_t spread, int32_t holdout, uint64_t seed,
                                        struct pv_cells **ret_cells)
{
    struct pv_customer *rows = malloc((n + 1) * sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, seed, i);
        rows[i] = simulate(&rng, p, unit, T - (int32_t)(i % (size_t)spread), holdout);
    }
    assert_int_equal(pv_cells_new(rows, n, ret_cells), 0);
    return rows;
}

static inline struct pv_bayes_options usual(double unit)
{
    struct pv_bayes_options o;
    assert_int_equal(pv_bayes_defaults(pareto(), unit, &o), 0);
    return o;
}

#endif
