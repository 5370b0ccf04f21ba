/* Checks of a model: by hand on small numbers; calm where the model is right, loud where it is
 * wrong. Seeds are fixed; thresholds name the rate of false alarms over seeds. */
#include "value_world.h"

#include "patron_diagnose.h"

enum { N = 3000, WEEKS = 52 };
static struct pv_customer rows[N];
static struct pv_foresight foresight[N];
static double value[N];

/* A hundredth of a day is a day here: times as they are, so that the models are exactly right. */
enum { FINE = 100 };

struct truth {
    const char *model;
    double param[PV_MAX_PARAMS];
};

static const struct truth truths[] = {
    {"bg-nbd", {0.8, 8.0, 0.8, 2.5}},      {"mbg-nbd", {0.8, 8.0, 0.8, 2.0}},
    {"pareto-nbd", {0.8, 8.0, 0.7, 20.0}}, {"nbd", {0.8, 10.0}},
    {"bg-cnbd-2", {0.8, 4.0, 0.8, 2.5}},
};
enum { TRUTHS = sizeof truths / sizeof truths[0] };

static struct pv_fit live(const struct truth *t, uint64_t seed, size_t n)
{
    const struct pv_model *m = pv_model_find(t->model);
    struct pv_fit fit;
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, seed, i);
        rows[i] = pv_populate_one(m, t->param, FINE, &rng, FINE * (52 + (int32_t)(i % 12)),
                                  FINE * WEEKS, NULL);
    }
    assert_int_equal(pv_fit_given(m, t->param, FINE, &fit), 0);
    return fit;
}

static double pit_p(const struct pv_fit *fit, size_t n, uint64_t seed)
{
    struct pv_test test;
    double histogram[10], sum = 0.0;
    assert_int_equal(pv_foresee(fit, rows, n, WEEKS, seed, 1, foresight), 0);
    for (size_t i = 0; i < n; i++)
        value[i] = foresight[i].pit;
    assert_int_equal(pv_diagnose_uniform(value, n, 10, histogram, &test), 0);
    for (int b = 0; b < 10; b++)
        sum += histogram[b];
    near_relative(sum, 1.0, 1e-12, "histogram");
    return test.p_value;
}

/* The p-values of true models are uniform themselves: 40 of them fail their own test in 1 of 1,000
 * sets of seeds. */
static void pit_is_uniform_where_the_model_is_right(void **state)
{
    (void)state;
    enum { SEEDS = 8, SMALL = 500 };
    double p[TRUTHS * SEEDS];
    struct pv_test test;
    for (int t = 0; t < TRUTHS; t++) {
        for (int s = 0; s < SEEDS; s++) {
            struct pv_fit fit = live(&truths[t], 60 + (uint64_t)s, SMALL);
            p[t * SEEDS + s] = pit_p(&fit, SMALL, (uint64_t)s);
        }
    }
    assert_int_equal(pv_diagnose_uniform(p, TRUTHS * SEEDS, 0, NULL, &test), 0);
    if (!(test.p_value > 0.001))
        fail_msg("p-values of true models: KS %g, p %g", test.statistic, test.p_value);
}

/* Leavers taken for stayers, at their true rates; lifetimes four times too long; and, for the
 * level, none.
 */
static void pit_shows_what_is_wrong(void **state)
{
    (void)state;
    struct pv_fit fit = live(&truths[0], 71, N), stay;
    assert_int_equal(pv_fit_given(pv_model_find("nbd"), fit.param, FINE, &stay), 0);
    assert_true(pit_p(&stay, N, 1) < 1e-6);
    fit = live(&truths[2], 72, N);
    fit.param[3] *= 4.0;
    assert_true(pit_p(&fit, N, 1) < 1e-6);
    fit = live(&truths[2], 73, N);
    assert_true(pit_p(&fit, N, 1) > 0.001);
    /* NBD fitted to leavers bends its rates to fit; what it foresees is still wrong, but less so.
     */
    (void)live(&truths[0], 71, N);
    fit = world_fit(pv_model_find("nbd"), rows, N, FINE);
    assert_true(pit_p(&fit, N, 1) < 1e-6);
}

static void frequencies(void **state)
{
    (void)state;
    for (int t = 0; t < TRUTHS; t++) {
        struct pv_frequency f[8];
        struct pv_test test;
        struct pv_cells *cells;
        struct pv_fit truth = live(&truths[t], 80, N);
        struct pv_fit fit = world_fit(pv_model_find(truths[t].model), rows, N, FINE);
        double actual = 0.0, expected = 0.0;
        assert_int_equal(pv_cells_new(rows, N, &cells), 0);
        assert_int_equal(pv_diagnose_frequency(&fit, cells, 8, f, &test), 0);
        for (int k = 0; k < 8; k++) {
            actual += f[k].actual;
            expected += f[k].expected;
        }
        near_relative(actual, N, 1e-12, "customers");
        near_relative(expected, N, 1e-9, "customers expected");
        assert_true(test.df == 7.0);
        if (!(test.p_value > 0.001))
            fail_msg("%s: chi2 %g, p %g", truth.model, test.statistic, test.p_value);
        /* Rates off by a third are seen. */
        truth.param[1] *= 1.33;
        assert_int_equal(pv_diagnose_frequency(&truth, cells, 8, f, &test), 0);
        assert_true(test.p_value < 1e-6);
        assert_int_equal(pv_diagnose_frequency(&truth, cells, 2, f, &test), PV_ERR_ARGUMENT);
        pv_cells_free(cells);
    }
}

/* By frequency: within four standard errors, and of the whole. */
static void what_came_by_what_was(void **state)
{
    (void)state;
    for (int t = 0; t < TRUTHS; t++) {
        struct pv_group_check g[6];
        struct pv_fit fit = live(&truths[t], 90, N);
        uint64_t customers = 0;
        assert_int_equal(pv_foresee(&fit, rows, N, WEEKS, 1, 2, foresight), 0);
        assert_int_equal(pv_diagnose_by_frequency(rows, foresight, N, 6, g), 0);
        for (int k = 0; k < 6; k++) {
            customers += g[k].customers;
            if (!(fabs(g[k].predicted - g[k].actual) < 4.0 * g[k].std_error))
                fail_msg("%s, %d: predicted %g, actual %g ± %g", fit.model, k, g[k].predicted,
                         g[k].actual, g[k].std_error);
        }
        assert_int_equal(customers, N);
    }
}

static void probabilities(void **state)
{
    (void)state;
    static double p[N];
    static bool bought[N];
    struct pv_group_check g[10];
    struct pv_test test;
    for (int t = 0; t < TRUTHS; t++) {
        struct pv_fit fit = live(&truths[t], 100, N);
        assert_int_equal(pv_foresee(&fit, rows, N, WEEKS, 1, 1, foresight), 0);
        for (int i = 0; i < N; i++) {
            p[i] = foresight[i].buys;
            bought[i] = rows[i].x_star > 0;
            near_relative(p[i],
                          1.0 - pv_predict_none(pv_model_find(fit.model), fit.param, rows[i].x,
                                                rows[i].t_x / (double)FINE,
                                                rows[i].T / (double)FINE, WEEKS),
                          1e-9, "none");
        }
        assert_int_equal(pv_diagnose_probability(p, bought, N, 10, g, &test), 0);
        if (!(test.p_value > 0.001))
            fail_msg("%s: chi2 %g, p %g", fit.model, test.statistic, test.p_value);
        for (int k = 1; k < 10; k++)
            assert_true(g[k].customers == 0 || g[k - 1].customers == 0 ||
                        g[k].predicted >= g[k - 1].predicted);
        for (int i = 0; i < N; i++)
            p[i] = sqrt(p[i]);
        assert_int_equal(pv_diagnose_probability(p, bought, N, 10, g, &test), 0);
        assert_true(test.p_value < 1e-6);
    }
    /* P(alive) where leaving is seen: of simulated customers it is. */
    const struct pv_model *m = pv_model_find("pareto-nbd");
    const double *theta = truths[2].param;
    for (size_t i = 0; i < N; i++) {
        struct pv_rng rng;
        struct pv_future f = {0};
        double t = 0.0, last = 0.0, T = 60.0;
        int x = -1;
        pv_rng_start(&rng, 110, i);
        m->buying->draw(m, theta, 0.0, 0.0, &rng, &f);
        for (; t <= T; t = pv_population_next(&f, t, &rng), x++)
            last = t;
        p[i] = pv_predict_alive(m, theta, x, last, T, 0.0);
        bought[i] = f.life > T;
    }
    assert_int_equal(pv_diagnose_probability(p, bought, N, 10, g, &test), 0);
    if (!(test.p_value > 0.001))
        fail_msg("P(alive): chi2 %g, p %g", test.statistic, test.p_value);
    assert_int_equal(pv_diagnose_probability(p, bought, 5, 10, g, &test), PV_ERR_EMPTY);
    assert_int_equal(pv_diagnose_probability(p, bought, N, 1, g, &test), PV_ERR_ARGUMENT);
    p[3] = 1.5;
    assert_int_equal(pv_diagnose_probability(p, bought, N, 10, g, &test), PV_ERR_ARGUMENT);
}

/* Ten customers, figures by hand. Ranks of the predictions 0 .. 9, of the actual values with ties:
 * 0 0 0 0 | 1 1 | 2 | 3 | 4 | 9 have the ranks 1.5 (4 times), 4.5 (twice), 6, 7, 8, 9. */
static void scores_by_hand(void **state)
{
    (void)state;
    const double predicted[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, NAN};
    const double actual[] = {0, 0, 1, 0, 0, 1, 2, 4, 3, 9, 5};
    const double rank[] = {1.5, 1.5, 4.5, 1.5, 1.5, 4.5, 6, 8, 7, 9};
    struct pv_scores s;
    double pa = 0.0, pp = 0.0, aa = 0.0, mae = 0.0;
    for (int i = 0; i < 10; i++) {
        pa += (i - 4.5) * (rank[i] - 4.5);
        pp += (i - 4.5) * (i - 4.5);
        aa += (rank[i] - 4.5) * (rank[i] - 4.5);
        mae += fabs(predicted[i] - actual[i]) / 10.0;
    }
    assert_int_equal(pv_diagnose_scores(predicted, actual, 11, &s), 0);
    assert_int_equal(s.customers, 10);
    near_relative(s.bias, 2.5, 1e-14, "bias");
    near_relative(s.mae, mae, 1e-14, "MAE");
    near_relative(s.rmse, sqrt((1 + 1 + 9 + 16 + 16 + 16 + 9 + 25) / 10.0), 1e-14, "RMSE");
    near_relative(s.spearman, pa / sqrt(pp * aa), 1e-14, "Spearman");
    near_relative(s.lift[0], 4.5, 1e-14, "lift of the best tenth");
    near_relative(s.lift[2], 2.0, 1e-14, "lift of the third");
    assert_true(s.lift[9] == 0.0);
    const double same[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(pv_diagnose_scores(same, actual, 10, &s), 0);
    assert_true(isnan(s.spearman));
    for (int t = 0; t < PV_LIFT_TENTHS; t++)
        near_relative(s.lift[t], 1.0, 1e-14, "all alike");
    assert_int_equal(pv_diagnose_scores(predicted + 10, actual, 1, &s), PV_ERR_EMPTY);
}

/* Order by a model beats order by chance; the numbers agree with pv_value_holdout. */
static void scores_of_a_model(void **state)
{
    (void)state;
    static double expected[N], actual[N];
    struct pv_scores s;
    struct pv_holdout h;
    struct pv_valuer *v;
    struct pv_fit fit = live(&truths[0], 120, N);
    struct pv_valuer_options o = {
        .unit_days = FINE, .money_scale = 1.0, .horizon = WEEKS, .discount = 0.1, .draws = 16};
    assert_int_equal(pv_foresee(&fit, rows, N, WEEKS, 1, 1, foresight), 0);
    for (int i = 0; i < N; i++) {
        expected[i] = foresight[i].expected;
        actual[i] = rows[i].x_star;
    }
    assert_int_equal(pv_diagnose_scores(expected, actual, N, &s), 0);
    assert_int_equal(pv_valuer_new(&fit, NULL, &o, rows, N, &v), 0);
    assert_int_equal(pv_value_holdout(v, rows, N, &h), 0);
    pv_valuer_free(v);
    near_relative(s.mae, h.mae, 1e-9, "MAE");
    near_relative(s.rmse, h.rmse, 1e-9, "RMSE");
    near_relative(s.bias * N, h.predicted - h.actual, 1e-6, "bias");
    assert_true(s.spearman > 0.4 && s.lift[0] > 3.0 && s.lift[9] < 0.3);
}

static void threads_and_nonsense(void **state)
{
    (void)state;
    static struct pv_foresight other[N];
    struct pv_test test;
    struct pv_fit fit = live(&truths[4], 130, N);
    rows[5].T = -1;
    assert_int_equal(pv_foresee(&fit, rows, N, WEEKS, 7, 1, foresight), 0);
    assert_int_equal(pv_foresee(&fit, rows, N, WEEKS, 7, 2, other), 0);
    assert_memory_equal(foresight, other, sizeof other);
    assert_true(isnan(other[5].pit) && isnan(other[5].expected));
    rows[6].t_x = rows[6].T + 1;
    assert_int_equal(pv_foresee(&fit, rows, N, WEEKS, 7, 1, other), PV_ERR_ARGUMENT);
    assert_memory_equal(foresight, other, sizeof other);
    assert_int_equal(pv_foresee(&fit, rows, N, 0.0, 7, 1, other), PV_ERR_ARGUMENT);
    const double outside[] = {0.5, 1.5};
    assert_int_equal(pv_diagnose_uniform(outside, 2, 0, NULL, &test), PV_ERR_ARGUMENT);
    assert_int_equal(pv_diagnose_uniform(outside, 1, 0, NULL, &test), 0);
    assert_true(isnan(test.p_value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pit_is_uniform_where_the_model_is_right),
        cmocka_unit_test(pit_shows_what_is_wrong),
        cmocka_unit_test(frequencies),
        cmocka_unit_test(what_came_by_what_was),
        cmocka_unit_test(probabilities),
        cmocka_unit_test(scores_by_hand),
        cmocka_unit_test(scores_of_a_model),
        cmocka_unit_test(threads_and_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
