/*
 * The study of bench/value_study.c in small: known parameters come back, intervals hold them.
 *
 * With S fits of a world the mean of (ln p^ - ln p) / standard error has a standard deviation of
 * 1 / sqrt(S) when the fit is unbiased: 4.5 of them, over all parameters of all worlds, is a false
 * alarm once in about 3,000 runs (and runs do not differ: the seeds are fixed). Of 95 % intervals,
 * few seeds can only say that they are not grossly wrong: 80 % of those of a world must hold.
 */
#include "value_test.h"

#include "../../bench/recovery.h"

enum { SEEDS = 6, CUSTOMERS = 2000 };
static const double MOST_BIAS = 1.84; /* 4.5 / sqrt(SEEDS) */

static void known_parameters_come_back(void **state)
{
    (void)state;
    int seeds = repeats(SEEDS, 1);
    for (int i = 0; i < RECOVERY_WORLDS; i++) {
        struct recovery_world w = recovery_worlds[i];
        const struct pv_model *m = pv_model_find(w.model);
        struct recovery r;
        double held = 0.0;
        w.fine = w.fine > 4 ? 4 : w.fine; /* the finer, the slower */
        assert_int_equal(recovery_run(&w, 900, seeds, CUSTOMERS, &r), 0);
        assert_int_equal(r.usable, seeds);
        for (int k = 0; k < m->params; k++) {
            held += r.held[k] / m->params;
            if (!(fabs(r.bias[k]) < 4.5 / sqrt(seeds)))
                fail_msg("%s: %s off by %+.2f standard errors on average", w.model, m->param[k],
                         r.bias[k]);
        }
        if (!only_few() && (held < 0.8 || r.all_near < seeds - 1))
            fail_msg("%s: intervals hold %g, all near in %d of %d", w.model, held, r.all_near,
                     seeds);
    }
}

static void coefficients_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < RECOVERY_WITH; i++) {
        struct recovery_of_coefs r = {0};
        double held = 0.0;
        int seeds = repeats(strncmp(recovery_with[i], "pareto", 6) == 0 ? 2 : SEEDS, 1); /* slow */
        assert_int_equal(recovery_run_with(recovery_with[i], 900, seeds, CUSTOMERS, &r), 0);
        assert_int_equal(r.usable, seeds);
        for (size_t k = 0; k < r.n; k++) {
            held += r.held[k] / (double)r.n;
            if (!(fabs(r.bias[k]) < 4.5 / sqrt(seeds)))
                fail_msg("%s: %zu off by %+.2f standard errors on average", recovery_with[i], k,
                         r.bias[k]);
        }
        if (!only_few() && (held < 0.8 || r.all_near < seeds - 1))
            fail_msg("%s: intervals hold %g, all near in %d", recovery_with[i], held, r.all_near);
    }
}

/* The yardstick itself: customers who buy a third more often than one is told do not pass. */
static void wrong_parameters_are_seen(void **state)
{
    (void)state;
    struct recovery_world w = recovery_worlds[0];
    static struct pv_customer rows[CUSTOMERS];
    double bias = 0.0, told = w.param[1];
    w.param[1] = 0.75 * told;
    for (uint64_t s = 0; s < SEEDS; s++) {
        struct pv_fit fit;
        assert_int_equal(recovery_fit(&w, 900 + s, CUSTOMERS, w.fine, rows, &fit), 0);
        bias += log(fit.param[1] / told) / sqrt(fit.log_cov[5]) / SEEDS;
    }
    assert_true(fabs(bias) > MOST_BIAS);
}

static void binomial_draws(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        double p;
    } cases[] = {{10, 0.3}, {1000, 0.02}, {100000, 0.7}, {4000000000u, 1e-8}, {50, 1.0}, {50, 0.0}};
    for (int c = 0; c < 6; c++) {
        enum { DRAWS = 4000 };
        double sum = 0.0, squares = 0.0, n = (double)cases[c].n, p = cases[c].p;
        struct pv_rng rng;
        pv_rng_start(&rng, 31, (uint64_t)c);
        for (int i = 0; i < DRAWS; i++) {
            double k = (double)pv_rng_binomial(&rng, cases[c].n, p);
            assert_true(k <= n);
            sum += k - n * p;
            squares += (k - n * p) * (k - n * p);
        }
        double var = n * p * (1.0 - p);
        assert_true(fabs(sum / DRAWS) <= 4.5 * sqrt(var / DRAWS) + 1e-9);
        if (var > 0.0)
            near_relative(squares / DRAWS, var, 0.12, "variance of a binomial");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_parameters_come_back),
        cmocka_unit_test(coefficients_come_back),
        cmocka_unit_test(wrong_parameters_are_seen),
        cmocka_unit_test(binomial_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
