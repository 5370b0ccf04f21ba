/* RFM, A/B/C and concentration on numbers worked by hand. */
#include "value_test.h"

static void rfm_scores_by_fifths_with_low_ties(void **state)
{
    (void)state;
    struct pv_customer rows[11];
    for (int i = 0; i < 10; i++)
        rows[i] = (struct pv_customer){.x = i < 6 ? 0 : i,
                                       .t_x = i < 6 ? 0 : 100 - 10 * (9 - i),
                                       .T = 100 + 0 * i,
                                       .revenue = 100 * (i + 1)};
    rows[10] = (struct pv_customer){.T = -1};
    struct pv_rfm s[11];
    struct pv_rfm_edges e;
    assert_int_equal(pv_rfm_scores(rows, 11, s, &e), 0);
    const int m[] = {1, 1, 2, 2, 3, 3, 4, 4, 5, 5};
    const int f[] = {1, 1, 1, 1, 1, 1, 4, 4, 5, 5};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(s[i].m, m[i]);
        assert_int_equal(s[i].f, f[i]);
        assert_int_equal(s[i].r, f[i]);
    }
    assert_int_equal(s[10].r + s[10].f + s[10].m, 0);
    assert_int_equal(e.money[0], 300);
    assert_int_equal(e.money[3], 900);
    assert_int_equal(e.frequency[0], 7); /* nobody scores 2 or 3: they begin where 4 does */
    assert_int_equal(e.frequency[2], 7);
    assert_int_equal(e.frequency[3], 9);
    assert_int_equal(e.recency[0], 10);
    assert_int_equal(e.recency[1], 30);
    assert_int_equal(pv_rfm_scores(rows, 0, s, &e), 0);
}

static void abc_by_cumulated_share(void **state)
{
    (void)state;
    const double v[] = {5, 60, 0, 20, 10, 5, -3};
    char g[7];
    assert_int_equal(pv_abc_grades(v, 7, 0.80, 0.95, g), 0);
    assert_memory_equal(g, "BACABCC", 7);
    assert_int_equal(pv_abc_grades(v, 7, 0.95, 0.80, g), PV_ERR_ARGUMENT);
    const double none[] = {0, 0};
    assert_int_equal(pv_abc_grades(none, 2, 0.8, 0.95, g), 0);
    assert_memory_equal(g, "CC", 2);
}

static void concentration_of_known_shares(void **state)
{
    (void)state;
    const double v[] = {10, 0, 70, 20, 0};
    double curve[6];
    struct pv_concentration c;
    assert_int_equal(pv_concentration(v, 5, 5, curve, &c), 0);
    const double want[] = {0, 0.7, 0.9, 1, 1, 1};
    for (int i = 0; i < 6; i++)
        assert_true(fabs(curve[i] - want[i]) < 1e-15);
    near_relative(c.top20_share, 0.7, 1e-15, "top 20 %");
    /* Mean absolute difference over twice the mean: 2 (70+... ) by hand = 0.64. */
    near_relative(c.gini, 0.64, 1e-14, "Gini");
    const double equal[] = {3, 3, 3, 3, 3, 3};
    assert_int_equal(pv_concentration(equal, 6, 3, curve, &c), 0);
    assert_true(fabs(c.gini) < 1e-15);
    near_relative(c.top20_share, 0.2, 1e-14, "fractions are interpolated");
    near_relative(curve[1], 1.0 / 3.0, 1e-14, "diagonal");
    assert_int_equal(pv_concentration(equal, 0, 3, curve, &c), 0);
    assert_true(c.total == 0.0);
    assert_int_equal(pv_concentration(v, 5, 0, NULL, &c), 0);
    near_relative(c.top20_share, 0.7, 1e-15, "without a curve");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfm_scores_by_fifths_with_low_ties),
        cmocka_unit_test(abc_by_cumulated_share),
        cmocka_unit_test(concentration_of_known_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
