/* Fits: simulated worlds with known parameters, derivatives, and every verdict. */
#include "value_test.h"

static const struct pv_gamma_gamma spend_world = {6.25, 3.74, 15.44};
static const struct pv_fit_options week = {7.0, 100.0, 1};

static struct pv_customer *world(size_t n, const struct bg_nbd *m, int32_t T, int32_t holdout)
{
    struct pv_customer *rows = malloc(n * sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 11, i);
        rows[i] = simulate_customer(&rng, m, &spend_world, T - (int32_t)(i % 84), holdout);
    }
    return rows;
}

static struct pv_fit fit_rows(const struct pv_customer *rows, size_t n)
{
    struct pv_cells *cells;
    struct pv_fit fit;
    assert_int_equal(pv_cells_new(rows, n, &cells), 0);
    assert_int_equal(pv_fit_model(bg_model(), cells, &week, &fit), 0);
    pv_cells_free(cells);
    return fit;
}

static double sum_loglik(const struct pv_customer *rows, size_t n, const double *theta)
{
    struct bg_nbd m = {theta[0], theta[1], theta[2], theta[3]};
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += bg_loglik(&m, rows[i].x, rows[i].t_x / 7.0, rows[i].T / 7.0);
    return sum;
}

/* The parameters come back within what their standard errors allow; times rounded up to days bias
 * r. */
static void known_parameters_come_back(void **state)
{
    (void)state;
    /* Rare buyers: hardly two purchases on one day, so rounding to days does no harm. */
    const struct bg_nbd truth = {0.8, 20.0, 0.8, 2.5};
    size_t n = 40000;
    struct pv_customer *rows = world(n, &truth, 700, 0);
    struct pv_fit fit = fit_rows(rows, n);
    const double want[] = {truth.r, truth.alpha, truth.a, truth.b};
    assert_int_equal(fit.verdict, PV_VERDICT_OK);
    assert_true(fit.usable);
    for (int i = 0; i < 4; i++)
        if (!(fabs(fit.param[i] - want[i]) < 4.0 * fit.std_error[i] + 0.01 * want[i]))
            fail_msg("%s: %g ± %g, want %g", fit.name[i], fit.param[i], fit.std_error[i], want[i]);
    struct pv_fit gg;
    assert_int_equal(pv_fit_gamma_gamma(rows, n, &week, &gg), 0);
    assert_int_equal(gg.verdict, PV_VERDICT_OK);
    const double spend[] = {spend_world.p, spend_world.q, spend_world.gamma};
    for (int i = 0; i < 3; i++)
        if (!(fabs(gg.param[i] - spend[i]) < 4.0 * gg.std_error[i]))
            fail_msg("%s: %g ± %g, want %g", gg.name[i], gg.param[i], gg.std_error[i], spend[i]);
    free(rows);
}

/* On cells = customer by customer; a maximum; standard errors = inverse of a differenced Hessian.
 */
static void derivatives_are_right(void **state)
{
    (void)state;
    size_t n = 3000;
    struct pv_customer *rows = world(n, &published, 272, 0);
    struct pv_fit fit = fit_rows(rows, n);
    near_relative(fit.loglik, sum_loglik(rows, n, fit.param), 1e-12, "sum over cells");
    double info[16], inverse[16], h = 1e-3;
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            double v[4];
            for (int s = 0; s < 4; s++) {
                double t[4];
                memcpy(t, fit.param, sizeof t);
                t[i] *= exp(s & 1 ? h : -h);
                t[j] *= exp(s & 2 ? h : -h);
                v[s] = sum_loglik(rows, n, t);
            }
            info[i * 4 + j] = -(v[3] - v[1] - v[2] + v[0]) / (4.0 * h * h);
        }
        double up[4], down[4];
        memcpy(up, fit.param, sizeof up);
        memcpy(down, fit.param, sizeof down);
        up[i] *= exp(h);
        down[i] *= exp(-h);
        assert_true(sum_loglik(rows, n, up) < fit.loglik);
        assert_true(sum_loglik(rows, n, down) < fit.loglik);
    }
    assert_true(pv_math_spd_inverse(4, info, inverse));
    for (int i = 0; i < 4; i++)
        near_relative(fit.std_error[i], fit.param[i] * sqrt(inverse[i * 5]), 1e-3,
                      "standard error");
    free(rows);
}

static void days_and_weeks_agree(void **state)
{
    (void)state;
    size_t n = 3000;
    struct pv_customer *rows = world(n, &published, 272, 0);
    struct pv_fit weeks = fit_rows(rows, n), days;
    struct pv_cells *cells;
    struct pv_fit_options day = {1.0, 100.0, 1};
    assert_int_equal(pv_cells_new(rows, n, &cells), 0);
    assert_int_equal(pv_fit_model(bg_model(), cells, &day, &days), 0);
    near_relative(days.param[0], weeks.param[0], 1e-6, "r");
    near_relative(days.param[1], 7.0 * weeks.param[1], 1e-6, "alpha");
    near_relative(days.param[2], weeks.param[2], 1e-6, "a");
    pv_cells_free(cells);
    free(rows);
}

static void cells_count_and_sort(void **state)
{
    (void)state;
    const struct pv_cell in[] = {
        {2, 5, 9, 1}, {0, 0, 9, 3}, {2, 5, 9, 4}, {2, 3, 9, 1}, {0, 0, 8, 1}};
    struct pv_cells *cells;
    size_t n;
    assert_int_equal(pv_cells_from(in, 5, &cells), 0);
    const struct pv_cell *c = pv_cells_data(cells, &n);
    assert_int_equal(n, 4);
    assert_int_equal(c[0].T, 8);
    assert_int_equal(c[1].count, 3);
    assert_int_equal(c[2].t_x, 3);
    assert_int_equal(c[3].count, 5);
    pv_cells_free(cells);
    const struct pv_cell bad[] = {{1, 10, 9, 1}};
    assert_int_equal(pv_cells_from(bad, 1, &cells), PV_ERR_ARGUMENT);
    const struct pv_cell odd[] = {{0, 4, 9, 1}};
    assert_int_equal(pv_cells_from(odd, 1, &cells), PV_ERR_ARGUMENT);
}

static enum pv_verdict verdict_of(const struct pv_customer *rows, size_t n, bool *ret_usable)
{
    struct pv_fit fit = fit_rows(rows, n);
    *ret_usable = fit.usable;
    return fit.verdict;
}

static void hopeless_data_is_named(void **state)
{
    (void)state;
    enum { N = 400 };
    static struct pv_customer rows[N];
    bool usable;
    for (int i = 0; i < N; i++)
        rows[i] = (struct pv_customer){.T = 100};
    assert_int_equal(verdict_of(rows, N, &usable), PV_VERDICT_NO_REPEAT_PURCHASES);
    assert_false(usable);
    assert_int_equal(verdict_of(rows, 5, &usable), PV_VERDICT_TOO_FEW_CUSTOMERS);
    assert_false(usable);
    for (int i = 0; i < N; i++)
        rows[i] = (struct pv_customer){.T = 0};
    assert_int_equal(verdict_of(rows, N, &usable), PV_VERDICT_SAME_DAY);
    assert_false(usable);
    assert_int_equal(verdict_of(rows, 0, &usable), PV_VERDICT_TOO_FEW_CUSTOMERS);
}

/* Everybody buys at the same rate and stays: r and alpha run off together, nobody leaves. */
static void a_ridge_is_named(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct pv_customer *rows = calloc(N, sizeof *rows);
    assert_non_null(rows);
    for (int i = 0; i < N; i++)
        rows[i] = (struct pv_customer){.x = 10, .t_x = 100, .T = 103};
    bool usable;
    enum pv_verdict v = verdict_of(rows, N, &usable);
    assert_true(v == PV_VERDICT_RIDGE || v == PV_VERDICT_NOBODY_LEAVES || v == PV_VERDICT_BOUNDARY);
    assert_int_not_equal(v, PV_VERDICT_OK);
    /* Rates differ, nobody leaves: a pure NBD world. */
    const struct bg_nbd stay = {1.0, 10.0, 1e-7, 1.0};
    free(rows);
    rows = world(N, &stay, 600, 0);
    struct pv_fit fit = fit_rows(rows, N);
    assert_int_equal(fit.verdict, PV_VERDICT_NOBODY_LEAVES);
    assert_true(fabs(fit.param[0] - 1.0) < 5.0 * fit.std_error[0] + 0.05);
    free(rows);
}

static enum pv_verdict spend_verdict(const struct pv_customer *rows, size_t n, bool *ret_usable)
{
    struct pv_fit fit;
    assert_int_equal(pv_fit_gamma_gamma(rows, n, &week, &fit), 0);
    *ret_usable = fit.usable;
    return fit.verdict;
}

static void spend_verdicts(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct pv_customer *rows = calloc(N, sizeof *rows);
    assert_non_null(rows);
    bool usable;
    for (int i = 0; i < N; i++)
        rows[i] = (struct pv_customer){.x = 1 + i % 4, .t_x = 5, .T = 10};
    assert_int_equal(spend_verdict(rows, N, &usable), PV_VERDICT_NO_SPEND);
    for (int i = 0; i < N; i++)
        rows[i].spend = 1000 * rows[i].x;
    assert_int_equal(spend_verdict(rows, N, &usable), PV_VERDICT_CONSTANT_SPEND);
    assert_false(usable);
    for (int i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 3, (uint64_t)i);
        double nu = pv_rng_gamma(&rng, 0.6);
        rows[i].spend = llround(fmin(1e15, 1e4 * pv_rng_gamma(&rng, 3.0 * rows[i].x) / nu)) + 1;
    }
    assert_int_equal(spend_verdict(rows, N, &usable), PV_VERDICT_Q_AT_MOST_ONE);
    assert_false(usable);
    for (int i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 4, (uint64_t)i);
        double nu = pv_rng_gamma(&rng, 4.0);
        rows[i].spend =
            llround(1e4 * rows[i].x * pv_rng_gamma(&rng, 6.0 * rows[i].x) / nu * rows[i].x) + 1;
    }
    assert_int_equal(spend_verdict(rows, N, &usable), PV_VERDICT_CORRELATED_SPEND);
    assert_true(usable);
    assert_int_equal(spend_verdict(rows, 3, &usable), PV_VERDICT_TOO_FEW_CUSTOMERS);
    /* Everybody spends alike: q and gamma run off together, the mean they predict stands. */
    for (int i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 5, (uint64_t)i);
        rows[i].spend = llround(1000.0 * pv_rng_gamma(&rng, 3.0 * rows[i].x)) + 1;
    }
    struct pv_fit fit;
    assert_int_equal(pv_fit_gamma_gamma(rows, N, &week, &fit), 0);
    assert_true(fit.usable);
    struct pv_gamma_gamma g = pv_gamma_gamma_of(&fit);
    near_relative(pv_gamma_gamma_mean(&g, 0, 0), 30.0, 0.05, "mean of the base");
    free(rows);
}

static void codes_are_closed(void **state)
{
    (void)state;
    for (int i = 0; i < PV_VERDICTS; i++)
        assert_string_not_equal(pv_verdict_code((enum pv_verdict)i), "unknown");
    assert_string_equal(pv_verdict_code(PV_VERDICTS), "unknown");
    for (int i = 0; i >= PV_ERR_EMPTY; i--)
        assert_string_not_equal(pv_error_code(i), "unknown");
    assert_string_equal(pv_error_code(-99), "unknown");
}

static bool after_some(void *context)
{
    int *left = context;
    return (*left)-- <= 0;
}

/* Whenever it is stopped, a fit says so and leaves the caller's alone; asked often enough to
 * matter. */
static void a_fit_can_be_stopped(void **state)
{
    (void)state;
    enum { N = 2000 };
    const struct bg_nbd truth = {0.8, 6.0, 0.8, 2.5};
    struct pv_customer *rows = world(N, &truth, 300, 90);
    struct pv_cells *cells;
    struct pv_fit fit;
    int stopped = 0;
    assert_int_equal(pv_cells_new(rows, N, &cells), 0);
    for (int patience = 0;; patience += 7) {
        int left = patience;
        struct pv_fit_options o = week;
        o.stop = after_some;
        o.stop_context = &left;
        memset(&fit, 7, sizeof fit);
        struct pv_fit before = fit;
        int rc = pv_fit_model(bg_model(), cells, &o, &fit);
        if (rc == 0)
            break;
        assert_int_equal(rc, PV_ERR_STOPPED);
        assert_memory_equal(&fit, &before, sizeof fit);
        stopped++;
    }
    assert_true(stopped > 3 && fit.usable);
    struct pv_choice choice;
    struct pv_fit_options o = week;
    int left = 100;
    o.stop = after_some;
    o.stop_context = &left;
    assert_int_equal(pv_choose_model(rows, N, &o, 90 / 7.0, &choice), PV_ERR_STOPPED);
    assert_string_equal(pv_error_code(PV_ERR_STOPPED), "stopped");
    pv_cells_free(cells);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_parameters_come_back),
        cmocka_unit_test(derivatives_are_right),
        cmocka_unit_test(days_and_weeks_agree),
        cmocka_unit_test(cells_count_and_sort),
        cmocka_unit_test(hopeless_data_is_named),
        cmocka_unit_test(a_ridge_is_named),
        cmocka_unit_test(spend_verdicts),
        cmocka_unit_test(codes_are_closed),
        cmocka_unit_test(a_fit_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
