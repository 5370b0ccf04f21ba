/* DERT by series and closed forms against plain integrals, over a wide range of parameters; and
 * what a base gets from tables against one customer by numbers. */
#include "lifetime.h"
#include "value_test.h"

/*
 * E[lambda / (delta + lambda p)] with z = delta (alpha + T), u = lambda (alpha + T): over p by the
 * trapezoidal rule in ln(p / (1 - p)), over u in ln u. Plain double sums, no recurrences; both
 * integrands are analytic and fall off at both ends.
 */
static double plain_dert(double rx, double a, double bx, double z)
{
    double total = 0.0, mass = 0.0;
    const double step = 1.0 / 8.0;
    double lead = lgamma(a + bx) - lgamma(a) - lgamma(bx), lead_u = lgamma(rx);
    for (double q = -44.0 / a; q < 44.0 / bx + 6.0; q += step) {
        double log_p = q < 0.0 ? q - log1p(exp(q)) : -log1p(exp(-q));
        double log_rest = q < 0.0 ? -log1p(exp(q)) : -q - log1p(exp(-q));
        double weight = exp(lead + a * log_p + bx * log_rest), p = exp(log_p), inner = 0.0;
        if (weight < 1e-22)
            continue;
        for (double w = log(rx + 1.0) - 46.0 / (rx + 1.0) - 2.0;
             w < log(rx + 40.0 + 12.0 * sqrt(rx)); w += step) {
            double u = exp(w);
            inner += exp(rx * w - u - lead_u) * u / (z + u * p);
        }
        total += weight * inner;
        mass += weight;
    }
    assert_true(fabs(mass * step - 1.0) < 1e-9); /* the rule itself holds here */
    return total * step * step;
}

static void series_are_the_integral(void **state)
{
    (void)state;
    const double rx[] = {0.2426, 0.9, 1.0, 3.5533, 8.6, 12.0}, z[] = {1e-3, 0.05, 0.34, 1.5};
    const double ab[][2] = {{0.7929, 2.4258}, {1.0, 3.0}, {1.0001, 6.4}, {2.0, 12.3}, {0.4, 40.0}};
    int by_series = 0;
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 5; j++) {
            for (size_t k = 0; k < 4; k++) {
                double got, a = ab[j][0], bx = ab[j][1];
                pv_bg_dert_series(rx[i], a, bx, &z[k], 1, &got);
                if (isnan(got))
                    continue;
                by_series++;
                near_relative(got, plain_dert(rx[i], a, bx, z[k]), 1e-9, "series");
            }
        }
    }
    if (by_series < 60) /* of 120, many of them on a pole */
        fail_msg("only %d by series", by_series);
}

/* 50-digit figures of the three series (mpmath 1.3): degenerate, nearly so, and ordinary. */
static void series_have_their_digits(void **state)
{
    (void)state;
    static const double point[][5] = {
        {0.2426, 0.7929, 2.4258, 0.12, 0.99655727722804804},
        {7.3, 0.2, 35.2, 1e-3, 2856.9952200427728},
        {7.3, 1.0, 2.0, 0.1, 6.6017961646018037},
        {7.3, 0.2, 35.2, 1e-8, 28861776.193789961},
        {40.0, 0.2, 0.01, 0.5, 2.6508830925267181},
        /* on the poles, where two of them are, and next to them */
        {0.8, 1.0, 3.5, 0.05, 4.2658264940183275},
        {2.6, 2.0, 9.0, 0.3, 3.5445436124667938},
        {3.0, 0.7929, 4.4258, 0.2, 6.2767928619273252},
        {5.0, 1.3, 7.0, 0.45, 4.8121765448644228},
        {2.75, 0.75, 5.5, 0.1, 10.063668939170947},
        {4.25, 1.25, 6.0, 0.02, 12.810597215280996},
        {3.0, 1.0, 5.0, 0.1, 7.9264399358011025},
        {2.6, 1.000000000001, 9.0, 0.3, 5.0025717325121452},
        {2.6, 0.9999999, 9.0, 0.01, 25.225608228760093},
        {3.00001, 1.3, 5.0, 0.2, 4.6738777567414834},
        {12.0, 0.8, 20.0, 0.6, 12.97204259548549},
        {1.5, 0.500000001, 3.0, 0.25, 3.6497079279877608},
    };
    for (size_t i = 0; i < sizeof point / sizeof point[0]; i++) {
        const double *p = point[i];
        double got;
        pv_bg_dert_series(p[0], p[1], p[2], &p[3], 1, &got);
        if (!isnan(got))
            near_relative(got, p[4], 1e-10, "series");
        else
            assert_true(i == 4); /* too close to a pole of DERT itself: the integral's */
    }
}

/* Where the series will not do the integral takes over: there is no edge to be seen. */
static void no_edge_between_series_and_integral(void **state)
{
    (void)state;
    const struct pv_model *m = bg_model();
    int refused = 0, taken = 0;
    for (double delta = 0.001; delta < 30.0; delta *= 1.3) {
        const double theta[] = {0.8, 2.0, 0.9, 7.5}, T = 3.0;
        double d[3], z = delta * 5.0, by_series;
        for (int i = 0; i < 3; i++)
            assert_int_equal(
                m->buying->dert(m, theta, 4.0, &T, 1, delta * (1.0 + 1e-3 * (i - 1)), &d[i], NULL),
                0);
        /* smooth: the middle one is between its neighbours as a straight line nearly says */
        near_relative(d[1], 0.5 * (d[0] + d[2]), 3e-6, "smooth");
        assert_true(d[0] > d[1] && d[1] > d[2]);
        pv_bg_dert_series(4.8, 0.9, 11.5, &z, 1, &by_series);
        if (isnan(by_series))
            refused++;
        else
            taken++;
    }
    assert_true(taken > 10 && refused > 3);
}

/* Around whole a, rx and rx - a nothing happens. */
static void whole_numbers_are_ordinary(void **state)
{
    (void)state;
    static const double off[] = {0.0, 1e-13, -1e-10, 1e-7, -1e-5, 1e-4, -1e-3, 0.01, -0.02};
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        const double T = 20.0, base[] = {0.6, 4.4, 1.0, 2.4};
        double theta[] = {0.6, 4.4, 1.0 + off[i], 2.4}, d, slope[4], at;
        assert_int_equal(bg_model()->buying->dert(bg_model(), theta, 2.4, &T, 1, 0.0027, &d, NULL),
                         0);
        assert_int_equal(bg_model()->buying->dert(bg_model(), base, 2.4, &T, 1, 0.0027, &at, slope),
                         0);
        near_relative(d, at * (1.0 + slope[2] * off[i]),
                      1e-10 + 3.0 * off[i] * off[i] + 1e-4 * fabs(off[i]), "a near 1");
    }
}

/* Pareto/NBD: one customer by the exponential integral, two of them by quadrature. */
static void pareto_closed_form_is_the_quadrature(void **state)
{
    (void)state;
    const struct pv_model *m = pv_model_find("pareto-nbd");
    const double s[] = {0.01,  0.3, 0.6062, 0.9985, 1.0,  1.0015, 1.7,
                        2.002, 3.5, 7.3,    20.4,   99.7, 300.0};
    const double delta[] = {1e-6, 1e-4, 0.0027, 0.02, 0.0333, 0.05, 0.4, 3.0};
    for (size_t i = 0; i < sizeof s / sizeof s[0]; i++) {
        for (size_t k = 0; k < sizeof delta / sizeof delta[0]; k++) {
            const double theta[] = {0.55, 10.6, s[i], 11.7}, T[] = {20.0, 21.0};
            double one, both[2];
            assert_int_equal(m->buying->dert(m, theta, 3.0, T, 1, delta[k], &one, NULL), 0);
            assert_int_equal(m->buying->dert(m, theta, 3.0, T, 2, delta[k], both, NULL), 0);
            near_relative(one, both[0], 2e-11, "closed form");
        }
    }
}

enum { ROWS = 4000 };

/* Points of a base, from tables by day and in any number of threads, are those of one customer. */
static void check_points(const struct pv_model *m, const double *theta, int32_t most)
{
    static struct pv_customer rows[ROWS];
    static struct pv_value one[ROWS], two[ROWS], with_intervals[ROWS];
    struct pv_fit fit;
    struct pv_rng rng;
    pv_rng_start(&rng, 11, (uint64_t)most);
    for (size_t i = 0; i < ROWS; i++) {
        int32_t T = 100 + (int32_t)(pv_rng_uniform(&rng) * 300.0);
        int32_t x = (int32_t)(pv_rng_uniform(&rng) * most);
        rows[i] = (struct pv_customer){
            .x = x, .T = T, .t_x = x ? 1 + (int32_t)(pv_rng_uniform(&rng) * (T - 1)) : 0};
    }
    rows[7].T = -1;
    assert_int_equal(pv_fit_given(m, theta, 7.0, &fit), 0);
    struct pv_valuer_options o = {.unit_days = 7.0,
                                  .money_scale = 100.0,
                                  .horizon = 52.0,
                                  .discount = 0.15,
                                  .seed = 1,
                                  .points = true};
    struct pv_value *const into[] = {one, two, with_intervals};
    for (int k = 0; k < 3; k++) {
        struct pv_valuer *v;
        o.threads = k == 1 ? 3 : 1;
        o.points = k < 2;
        assert_int_equal(pv_valuer_new(&fit, NULL, &o, rows, ROWS, &v), 0);
        assert_int_equal(pv_value_customers(v, rows, ROWS, into[k]), 0);
        pv_valuer_free(v);
    }
    assert_memory_equal(one, two, sizeof one);
    double delta = pv_discount_per_unit(0.15, 7.0);
    assert_true(isnan(one[7].p_alive) && one[7].dert == 0.0);
    for (size_t i = 0; i < ROWS; i += 7) {
        double x = rows[i].x, t_x = rows[i].t_x / 7.0, T = rows[i].T / 7.0;
        if (rows[i].T < 0)
            continue;
        near_relative(one[i].p_alive, pv_predict_alive(m, theta, x, t_x, T, 0.0), 1e-10, m->name);
        near_relative(one[i].expected_orders, pv_predict_expected(m, theta, x, t_x, T, 52.0), 1e-10,
                      m->name);
        near_relative(one[i].dert, pv_predict_dert(m, theta, x, t_x, T, delta), 1e-9, m->name);
        near_relative(with_intervals[i].dert, one[i].dert, 1e-9, "beside intervals");
        assert_true(isnan(one[i].orders.low95) && isfinite(with_intervals[i].orders.low95));
    }
}

static void points_are_those_of_one_customer(void **state)
{
    (void)state;
    const double bg[] = {0.2426, 4.4135, 0.7929, 2.4258}, one[] = {0.2426, 4.4135, 1.0, 2.4258};
    const double pareto[] = {0.5533, 10.578, 0.6062, 11.669};
    check_points(bg_model(), bg, 40);
    check_points(bg_model(), one, 12);
    check_points(bg_model(), bg, 2000); /* powers beyond a double, and too wide for a full table */
    check_points(pv_model_find("mbg-nbd"), bg, 40);
    check_points(pv_model_find("pareto-nbd"), pareto, 40);
}

/* Rows that are no customers are refused whichever way the base is taken. */
static void nonsense_is_refused(void **state)
{
    (void)state;
    static const struct pv_customer wrong[] = {{.x = -1, .T = 10},
                                               {.x = 1, .t_x = 11, .T = 10},
                                               {.x = 0, .t_x = 3, .T = 10},
                                               {.x = 1, .t_x = -1, .T = 10},
                                               {.x = INT32_MAX, .t_x = 1, .T = 10},
                                               {.x = 1, .t_x = 1, .T = INT32_MAX}};
    const double theta[] = {0.2426, 4.4135, 0.7929, 2.4258};
    struct pv_valuer_options o = {
        .unit_days = 7.0, .money_scale = 100.0, .horizon = 52.0, .discount = 0.15, .points = true};
    struct pv_fit fit;
    assert_int_equal(pv_fit_given(bg_model(), theta, 7.0, &fit), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pv_customer rows[] = {{.x = 2, .t_x = 5, .T = 10}, wrong[i]};
        struct pv_valuer *v = NULL;
        assert_int_equal(pv_valuer_new(&fit, NULL, &o, rows, 2, &v), PV_ERR_ARGUMENT);
        assert_null(v);
    }
    struct pv_valuer *v = NULL;
    assert_int_equal(pv_valuer_new(&fit, NULL, &o, NULL, 0, &v), 0);
    pv_valuer_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_are_the_integral),
        cmocka_unit_test(series_have_their_digits),
        cmocka_unit_test(no_edge_between_series_and_integral),
        cmocka_unit_test(whole_numbers_are_ordinary),
        cmocka_unit_test(pareto_closed_form_is_the_quadrature),
        cmocka_unit_test(points_are_those_of_one_customer),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
