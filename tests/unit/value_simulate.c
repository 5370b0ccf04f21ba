/* Simulated histories: the same ones for the same seed, with the means that the models promise. */
#include "value_test.h"

#include "patron_simulate.h"

static const struct {
    const char *model;
    double param[PV_MAX_PARAMS];
} worlds[] = {
    {"bg-nbd", {0.8, 6.0, 0.9, 2.5}},
    {"mbg-nbd", {0.8, 6.0, 0.9, 2.5}},
    {"pareto-nbd", {0.8, 6.0, 0.7, 12.0}},
    {"ggompertz-nbd", {0.8, 6.0, 0.05, 0.6, 1.5}},
    {"nbd", {0.8, 6.0}},
    {"bg-cnbd-2", {0.8, 3.0, 0.9, 2.5}},
    {"bg-cnbd-4", {0.8, 2.0, 0.9, 2.5}},
    {"mbg-cnbd-3", {0.8, 2.0, 0.9, 2.5}},
};

enum { CUSTOMERS = 20000, WEEKS = 40 };

static struct pv_world world_of(size_t i, const struct pv_gamma_gamma *spend)
{
    struct pv_world w = {.model = pv_model_find(worlds[i].model),
                         .param = worlds[i].param,
                         .spend = spend,
                         .price = 12.5,
                         .unit_days = 7.0,
                         .money_scale = 100.0,
                         .until = 1000 + 7 * WEEKS,
                         .seed = 5};
    assert_non_null(w.model);
    return w;
}

/* Repeat purchases in WEEKS and in the first half: means and spread against the model's own. */
static void as_many_as_the_model_expects(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        struct pv_world w = world_of(i, NULL);
        double sum = 0.0, squares = 0.0, half = 0.0, none = 0.0;
        for (uint64_t c = 0; c < CUSTOMERS; c++) {
            struct pv_simulated s;
            int32_t day, before = 1000;
            int64_t amount;
            double n = 0.0;
            assert_int_equal(pv_simulate_start(&w, c, 1000, &s), 0);
            assert_true(pv_simulate_next(&w, &s, &day, &amount));
            assert_int_equal(day, 1000);
            while (pv_simulate_next(&w, &s, &day, &amount)) {
                assert_true(day > 1000 && day >= before && day <= w.until && amount == 1250);
                before = day;
                n += 1.0;
                half += day <= 1000 + 7 * WEEKS / 2;
            }
            assert_false(pv_simulate_next(&w, &s, &day, &amount));
            sum += n;
            squares += n * n;
            none += n == 0.0;
        }
        const double *p = worlds[i].param, m = CUSTOMERS;
        double mean = sum / m, sd = sqrt((squares / m - mean * mean) / m);
        double want = pv_predict_expected(w.model, p, 0, 0, 0, WEEKS);
        double want_half = pv_predict_expected(w.model, p, 0, 0, 0, WEEKS / 2);
        double want_none = pv_predict_none(w.model, p, 0, 0, 0, WEEKS);
        if (fabs(mean - want) > 4.0 * sd || fabs(half / m - want_half) > 4.0 * sd ||
            fabs(none / m - want_none) > 4.0 * sqrt(want_none * (1.0 - want_none) / m))
            fail_msg("%s: mean %.4f (%.4f +- %.4f), half %.4f (%.4f), none %.4f (%.4f)",
                     worlds[i].model, mean, want, sd, half / m, want_half, none / m, want_none);
        assert_true(want > 0.5 && want_none > 0.05 && want_none < 0.95);
    }
}

static void spend_as_gamma_gamma_says(void **state)
{
    (void)state;
    const struct pv_gamma_gamma g = {6.0, 5.0, 24.0};
    struct pv_world w = world_of(0, &g);
    double sum = 0.0, between = 0.0;
    for (uint64_t c = 0; c < CUSTOMERS; c++) {
        struct pv_simulated s;
        int32_t day;
        int64_t amount, second;
        assert_int_equal(pv_simulate_start(&w, c, 1000, &s), 0);
        assert_true(pv_simulate_next(&w, &s, &day, &amount));
        sum += amount / 100.0;
        if (pv_simulate_next(&w, &s, &day, &second))
            between += log((double)second / (double)amount);
    }
    /* E z = p gamma / (q - 1) = 36; sd under 30 a purchase. A second costs what the first does. */
    assert_true(fabs(sum / CUSTOMERS - 36.0) < 4.0 * 30.0 / sqrt(CUSTOMERS));
    assert_true(fabs(between / CUSTOMERS) < 4.0 * 0.6 / sqrt(CUSTOMERS / 2.0));
}

static void a_customer_depends_on_nobody(void **state)
{
    (void)state;
    const struct pv_gamma_gamma g = {6.0, 6.0, 30.0};
    struct pv_world w = world_of(2, &g);
    struct pv_simulated a, b, c;
    int32_t day_a, day_b, day_c;
    int64_t money_a, money_b, money_c;
    bool differs = false;
    assert_int_equal(pv_simulate_start(&w, 7, 1000, &a), 0);
    assert_int_equal(pv_simulate_start(&w, 8, 1000, &c), 0);
    assert_int_equal(pv_simulate_start(&w, 7, 1003, &b), 0);
    while (pv_simulate_next(&w, &a, &day_a, &money_a) && day_a + 3 <= w.until) {
        assert_true(pv_simulate_next(&w, &b, &day_b, &money_b));
        assert_int_equal(day_b, day_a + 3);
        assert_true(money_a == money_b);
        if (pv_simulate_next(&w, &c, &day_c, &money_c))
            differs = differs || money_c != money_a;
    }
    assert_true(differs);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    const double bad[] = {0.8, -6.0, 0.9, NAN};
    struct pv_world good = world_of(0, NULL), w;
    const struct pv_gamma_gamma g = {6.0, 0.0, 30.0};
    struct pv_simulated s;
    assert_int_equal(pv_simulate_start(&good, 0, 0, &s), 0);
    w = good, w.param = bad;
    assert_int_equal(pv_simulate_start(&w, 0, 0, &s), PV_ERR_ARGUMENT);
    w = good, w.model = pv_model_find("sbg");
    assert_int_equal(pv_simulate_start(&w, 0, 0, &s), PV_ERR_ARGUMENT);
    w = good, w.model = NULL;
    assert_int_equal(pv_simulate_start(&w, 0, 0, &s), PV_ERR_ARGUMENT);
    w = good, w.unit_days = 0.0;
    assert_int_equal(pv_simulate_start(&w, 0, 0, &s), PV_ERR_ARGUMENT);
    w = good, w.price = 0.0;
    assert_int_equal(pv_simulate_start(&w, 0, 0, &s), PV_ERR_ARGUMENT);
    w = good, w.spend = &g;
    assert_int_equal(pv_simulate_start(&w, 0, 0, &s), PV_ERR_ARGUMENT);
    assert_int_equal(pv_simulate_start(&good, 0, good.until + 1, &s), 0);
    int32_t day;
    int64_t amount;
    assert_false(pv_simulate_next(&good, &s, &day, &amount));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_the_model_expects),
        cmocka_unit_test(spend_as_gamma_gamma_says),
        cmocka_unit_test(a_customer_depends_on_nobody),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
