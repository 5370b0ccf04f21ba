/* BG/CNBD-k and MBG/CNBD-k: figures of quadrature over the rate, k = 1 as BG/NBD, derivatives of
 * the part the others do not have, and regularity told from chance. What holds of every model is in
 * value_buying.c. */
#include "value_test.h"

struct figures {
    const char *model;
    double p[4], x, t_x, T;
    double want[6]; /* ln L, P(alive), E[purchases in 20], DERT at 0.02, P(0 in 20), P(2 in 20) */
};

/* Trapezoidal rule over ln lambda with Poisson probabilities of the hidden events: none of the
 * closed forms that the program uses. */
static const struct figures figures[] = {
    {"bg-cnbd-2",
     {0.8, 10, 0.8, 2.5},
     3,
     25,
     40,
     {-17.73166238848, 0.6019720639005, 0.8770695879564, 1.672760905329, 0.4864345562335,
      0.1648929913771}},
    {"mbg-cnbd-3",
     {0.8, 7, 0.8, 2.5},
     0,
     0,
     30,
     {-0.4053600232573, 0.6364018470289, 0.1738705990979, 0.3716198829087, 0.8423883478176,
      0.01406246968196}},
    {"mbg-cnbd-3",
     {1.3, 2, 1, 4},
     5,
     18,
     20,
     {-20.1380594741, 0.8740873264582, 3.783770789692, 6.347115128674, 0.1262184463515,
      0.09892091114479}},
    {"bg-cnbd-4",
     {0.5, 2, 0.5, 1.5},
     0,
     0,
     12,
     {-0.3306409597669, 1, 0.3931569640855, 0.8058978780752, 0.6965202800871, 0.056474805403}},
    {"mbg-cnbd-2",
     {0.8, 10, 0.8, 2.5},
     0,
     0,
     0,
     {0, 0.7575757575758, 0.4182639886427, 0.9204491435968, 0.7247779732518, 0.0587117995421}},
    {"bg-cnbd-8",
     {0.8, 2, 0.8, 2.5},
     4,
     30,
     38,
     {-33.72399655488, 0.7529511622423, 1.789930607536, 3.217125196582, 0.2472596293723,
      0.3039271550195}},
    {"mbg-cnbd-12",
     {0.9, 0.7, 0.8, 2.5},
     6,
     37,
     40,
     {-27.45826239039, 0.9123795138472, 2.694588612919, 5.130081202404, 0.08762091643697,
      0.1707180791465}},
    {"bg-cnbd-12",
     {0.7, 1.5, 0.6, 2.0},
     0,
     0,
     30,
     {-0.5110119886613, 1, 0.2385986070145, 0.5054109053617, 0.766284034994, 0.004870866570746}},
};
enum { FIGURES = sizeof figures / sizeof figures[0] };

static void figures_of_quadrature(void **state)
{
    (void)state;
    for (int i = 0; i < FIGURES; i++) {
        const struct figures *f = &figures[i];
        const struct pv_model *m = pv_model_find(f->model);
        double pmf[3];
        assert_true(fabs(pv_predict_loglik(m, f->p, f->x, f->t_x, f->T) - f->want[0]) < 1e-10);
        near_relative(pv_predict_alive(m, f->p, f->x, f->t_x, f->T, 0), f->want[1], 1e-11,
                      "P(alive)");
        near_relative(pv_predict_expected(m, f->p, f->x, f->t_x, f->T, 20), f->want[2], 1e-11,
                      "E[purchases]");
        near_relative(pv_predict_dert(m, f->p, f->x, f->t_x, f->T, 0.02), f->want[3], 1e-10,
                      "DERT");
        assert_int_equal(pv_predict_pmf(m, f->p, f->x, f->t_x, f->T, 20, 3, pmf), 0);
        near_relative(pmf[0], f->want[4], 1e-11, "P(0)");
        near_relative(pmf[2], f->want[5], 1e-11, "P(2)");
    }
}

/* The same code with k = 1 is BG/NBD, and MBG/NBD. */
static void every_event_a_purchase_is_bg_nbd(void **state)
{
    (void)state;
    const double p[] = {0.243, 4.414, 0.793, 2.426};
    const double customer[][3] = {{0, 0, 38.86}, {2, 30.43, 38.86}, {26, 30.86, 31.0}};
    for (int first = 0; first < 2; first++) {
        struct pv_model one = *pv_model_find(first ? "mbg-cnbd-2" : "bg-cnbd-2");
        const struct pv_model *plain = pv_model_find(first ? "mbg-nbd" : "bg-nbd");
        one.regular = 1;
        for (int i = 0; i < 3; i++) {
            const double *c = customer[i];
            near_relative(pv_predict_loglik(&one, p, c[0], c[1], c[2]),
                          pv_predict_loglik(plain, p, c[0], c[1], c[2]), 1e-12, "ln L");
            near_relative(pv_predict_alive(&one, p, c[0], c[1], c[2], 9.0),
                          pv_predict_alive(plain, p, c[0], c[1], c[2], 9.0), 1e-11, "P(alive)");
            near_relative(pv_predict_expected(&one, p, c[0], c[1], c[2], 39),
                          pv_predict_expected(plain, p, c[0], c[1], c[2], 39), 1e-12, "E");
            near_relative(pv_predict_none(&one, p, c[0], c[1], c[2], 39),
                          pv_predict_none(plain, p, c[0], c[1], c[2], 39), 1e-12, "none");
        }
    }
}

/* Someone who buys every four weeks has not come for twelve: regular buyers are missed sooner. */
static void regular_buyers_are_missed_sooner(void **state)
{
    (void)state;
    const double chance[] = {2.0, 8.0, 0.8, 4.0}, regular[] = {2.0, 8.0 / 3.0, 0.8, 4.0};
    const struct pv_model *bg = pv_model_find("bg-nbd"), *cnbd = pv_model_find("bg-cnbd-3");
    double by_chance = pv_predict_alive(bg, chance, 10, 40, 52, 0);
    double by_rhythm = pv_predict_alive(cnbd, regular, 10, 40, 52, 0);
    assert_true(by_rhythm < 0.5 * by_chance);
    /* And just after a purchase, nothing is to be expected tomorrow. */
    double soon = pv_predict_expected(cnbd, regular, 10, 40, 40, 0.1);
    assert_true(soon < 0.02 * pv_predict_expected(bg, chance, 10, 40, 40, 0.1));
}

static void extremes_stay_finite(void **state)
{
    (void)state;
    const double params[][4] = {
        {0.8, 10, 0.8, 2.5}, {1e-4, 1e-3, 1e-4, 1.1}, {500, 1000, 50, 800}, {0.5, 10, 1.0, 2.5}};
    const double customer[][3] = {{0, 0, 0}, {0, 0, 1000}, {2000, 990, 1000}, {1, 1000, 1000}};
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 8; k++) {
            if (k >= 4 && i % 3 > 0) /* hidden events without number: slow */
                continue;
            const struct pv_model *m = pv_model_find(k < 4 ? "mbg-cnbd-4" : "mbg-cnbd-12");
            const double *c = customer[k % 4];
            double alive = pv_predict_alive(m, params[i], c[0], c[1], c[2], 0);
            double e = pv_predict_expected(m, params[i], c[0], c[1], c[2], 520);
            double d = pv_predict_dert(m, params[i], c[0], c[1], c[2], 0.0027);
            assert_true(isfinite(pv_predict_loglik(m, params[i], c[0], c[1], c[2])));
            assert_true(alive >= 0.0 && alive <= 1.0);
            assert_true(isfinite(e) && e >= 0.0 && isfinite(d) && d >= 0.0);
        }
    }
}

/* Gaps of 1, 2 and 4 weeks, by hand; after the end nothing counts. */
static void gaps_are_counted(void **state)
{
    (void)state;
    struct pv_builder *b;
    struct pv_history *h;
    const int32_t days[] = {100, 107, 121, 149, 500};
    assert_int_equal(pv_builder_new(PV_RETURNS_NET, &b), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(pv_builder_add(b, 0, days[i], 100), 0);
    assert_int_equal(pv_builder_add(b, 1, 120, 100), 0);
    assert_int_equal(pv_builder_finish(b, 0, &h, NULL), 0);
    pv_builder_free(b);
    struct pv_gaps g = pv_history_gaps(h, 200, 7.0);
    assert_int_equal(g.count, 3);
    near_relative(g.sum_log, log(8.0), 1e-14, "sum of ln gap");
    pv_history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_quadrature),
        cmocka_unit_test(every_event_a_purchase_is_bg_nbd),
        cmocka_unit_test(regular_buyers_are_missed_sooner),
        cmocka_unit_test(extremes_stay_finite),
        cmocka_unit_test(gaps_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
