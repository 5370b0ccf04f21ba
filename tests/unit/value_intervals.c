/* Intervals at any level: closed forms, coverage of what was simulated, delta method against
 * bootstrap, and the distributions they rest on. */
#include "value_world.h"

#include "patron_interval.h"
#include "stats.h"

/* Tables: [AS] 26.2, 26.8; Kolmogorov's limit at 1.3581 is 0.05 (Smirnov 1948). */
static void distributions(void **state)
{
    (void)state;
    static const double normal[][2] = {{0.975, 1.9599639845400542},
                                       {0.9, 1.2815515655446004},
                                       {0.5, 0.0},
                                       {1e-10, -6.361340902404056},
                                       {0.025, -1.9599639845400542}};
    static const double chi2[][3] = {{3.841458820694124, 1, 0.05},
                                     {18.307038053275146, 10, 0.05},
                                     {16.266236196238129, 3, 0.001},
                                     {2.0, 2, 0.36787944117144233},
                                     {100.0, 100, 0.4811916}};
    for (int i = 0; i < 5; i++) {
        double z = pv_stats_normal_quantile(normal[i][0]);
        assert_true(fabs(z - normal[i][1]) < 1e-13);
        near_relative(pv_stats_normal_tail(-z), normal[i][0], 1e-13, "normal");
        near_relative(pv_stats_chi2_tail(chi2[i][0], chi2[i][1]), chi2[i][2], 1e-6, "chi-squared");
    }
    assert_true(isnan(pv_stats_normal_quantile(0.0)) && isnan(pv_stats_normal_quantile(1.0)));
    assert_true(pv_stats_chi2_tail(-1.0, 3.0) == 1.0 && isnan(pv_stats_chi2_tail(1.0, 0.0)));
    near_relative(pv_stats_ks_tail(1.3581 / 1000.0, 1e6), 0.05, 1e-3, "Kolmogorov");
    const double four[] = {0.1, 0.4, 0.45, 0.9};
    near_relative(pv_stats_ks_uniform(four, 4), 0.3, 1e-12, "by hand");
}

/* NBD with r = 1 is geometric: P(N <= k) = 1 - z^(k + 1), z = t / (alpha + t). */
static void geometric(void **state)
{
    (void)state;
    const struct pv_model *m = pv_model_find("nbd");
    const double p[] = {1.0, 10.0}, levels[] = {0.5, 0.8, 0.95, 0.999}, t = 35.0;
    for (int i = 0; i < 4; i++) {
        struct pv_range r;
        double z = t / (10.0 + t), low = 0.5 * (1.0 - levels[i]), high = 1.0 - low;
        assert_int_equal(pv_predict_interval(m, p, 0, 0, 0, t, levels[i], &r), 0);
        assert_true(r.low == fmax(ceil(log1p(-low) / log(z) - 1.0), 0.0));
        assert_true(r.high == ceil(log1p(-high) / log(z) - 1.0));
    }
    /* A known fit is the same, an uncertain one wider. */
    struct pv_fit fit;
    struct pv_range sure, unsure;
    assert_int_equal(pv_fit_given(m, p, 7.0, &fit), 0);
    assert_int_equal(pv_fit_predict_interval(&fit, 5, 30, 40, t, 0.95, &sure), 0);
    assert_int_equal(pv_predict_interval(m, p, 5, 30, 40, t, 0.95, &unsure), 0);
    assert_true(sure.low == unsure.low && sure.high == unsure.high);
    fit.log_cov[0] = fit.log_cov[3] = 0.5;
    assert_int_equal(pv_fit_predict_interval(&fit, 5, 30, 40, t, 0.95, &unsure), 0);
    assert_true(unsure.high > sure.high);
}

/* What simulated customers did lies in their intervals as often as promised. */
static void predictive_intervals_hold(void **state)
{
    (void)state;
    enum { N = 2500, LEVELS = 3 };
    static struct pv_customer rows[N];
    /* Busy and loyal, so that numbers are not mostly zero and discreteness is small. */
    const struct bg_nbd truth = {3.0, 9.0, 0.4, 12.0};
    const struct pv_gamma_gamma spend = {6.25, 3.74, 15.44};
    static const double levels[LEVELS] = {0.5, 0.8, 0.95};
    int orders[LEVELS] = {0}, money[LEVELS] = {0}, looked = 0;
    for (size_t i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 41, i);
        rows[i] = simulate_customer(&rng, &truth, &spend, 400 - (int32_t)(i % 84), 364);
    }
    struct pv_fit fit = world_fit(bg_model(), rows, N, 7.0), gg;
    struct pv_fit_options week = {7.0, 100.0, 1};
    struct pv_valuer_options o = {.unit_days = 7.0,
                                  .money_scale = 100.0,
                                  .horizon = 52.0,
                                  .discount = 0.15,
                                  .seed = 3,
                                  .draws = 256};
    struct pv_valuer *v;
    assert_int_equal(pv_fit_gamma_gamma(rows, N, &week, &gg), 0);
    assert_int_equal(pv_valuer_new(&fit, &gg, &o, rows, N, &v), 0);
    for (size_t i = 0; i < N; i += (size_t)repeats(4, 50), looked++) {
        for (int l = 0; l < LEVELS; l++) {
            struct pv_range n, m, clv;
            assert_int_equal(
                pv_value_predict_interval(v, &fit, &rows[i], levels[l], 1024, &n, &m, &clv), 0);
            double spent = (double)rows[i].spend_star / 100.0;
            orders[l] += rows[i].x_star >= n.low && rows[i].x_star <= n.high;
            money[l] += spent >= m.low && spent <= m.high;
            assert_true(clv.low <= clv.high && m.low <= m.high);
        }
    }
    for (int l = 0; l < LEVELS; l++) {
        double sd = sqrt(levels[l] * (1.0 - levels[l]) / looked);
        double by_orders = (double)orders[l] / looked, by_money = (double)money[l] / looked;
        /* Whole numbers and the zero of those who left make them hold rather more: 15 points of 50
         * where an interval is a handful of numbers wide. */
        double more = 0.15 * (1.0 - levels[l]) / 0.5;
        if (by_orders < levels[l] - 3.5 * sd || by_orders > levels[l] + 3.5 * sd + more ||
            by_money < levels[l] - 3.5 * sd || by_money > levels[l] + 3.5 * sd + 0.5 * more)
            fail_msg("%g: orders %g, money %g", levels[l], by_orders, by_money);
    }
    /* The simulated futures of the customer alone agree with the knots of the valuer. */
    struct pv_value value;
    struct pv_range n, m, clv;
    assert_int_equal(pv_value_customers(v, &rows[0], 1, &value), 0);
    assert_int_equal(pv_value_predict_interval(v, &fit, &rows[0], 0.8, 0, &n, &m, &clv), 0);
    near_relative(clv.high, value.clv_range.high80, 0.15, "value at 80 %");
    near_relative(m.high, value.money.high80, 0.15, "money at 80 %");
    assert_true(n.low == value.orders.low80 && n.high == value.orders.high80);
    assert_int_equal(pv_value_predict_interval(v, &fit, &rows[0], 0.999, 1024, &n, &m, &clv),
                     PV_ERR_ARGUMENT);
    pv_valuer_free(v);
}

static void means_at_any_level(void **state)
{
    (void)state;
    enum { N = 3000 };
    static struct pv_customer rows[N];
    for (size_t i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 43, i);
        rows[i] = simulate_customer(&rng, &published, &(struct pv_gamma_gamma){6.25, 3.74, 15.44},
                                    400, 0);
    }
    struct pv_fit fit = world_fit(bg_model(), rows, N, 7.0);
    struct pv_valuer_options o = {
        .unit_days = 7.0, .money_scale = 100.0, .horizon = 26.0, .discount = 0.15};
    struct pv_valuer *v;
    struct pv_value value;
    struct pv_range at95, at80, again;
    double mean;
    size_t i = 0;
    while (rows[i].x < 2)
        i++;
    assert_int_equal(pv_valuer_new(&fit, NULL, &o, rows, N, &v), 0);
    assert_int_equal(pv_value_customers(v, &rows[i], 1, &value), 0);
    pv_valuer_free(v);
    double x = rows[i].x, t_x = rows[i].t_x / 7.0, T = rows[i].T / 7.0;
    assert_int_equal(pv_mean_interval(&fit, x, t_x, T, 26.0, 0.95, &mean, &at95), 0);
    assert_int_equal(pv_mean_interval(&fit, x, t_x, T, 26.0, 0.80, NULL, &at80), 0);
    near_relative(mean, value.expected_orders, 1e-10, "mean");
    near_relative(at95.low, value.orders_mean_of.low95, 1e-4, "95 %");
    near_relative(at95.high, value.orders_mean_of.high95, 1e-4, "95 %");
    near_relative(at80.low, value.orders_mean_of.low80, 1e-4, "80 %");
    again = pv_interval_at(&value.orders_mean_of, 0.80);
    near_relative(again.low, value.orders_mean_of.low80, 1e-9, "from 95 to 80 %");
    near_relative(again.high, value.orders_mean_of.high80, 1e-9, "from 95 to 80 %");
    for (int k = 0; k < fit.params; k++) {
        at95 = pv_param_interval(&fit, k, 0.95);
        near_relative(sqrt(at95.low * at95.high), fit.param[k], 1e-12, "middle");
        near_relative(log(at95.high / fit.param[k]), PV_Z95 * fit.std_error[k] / fit.param[k], 1e-9,
                      "half width");
    }
    assert_true(isnan(pv_param_interval(&fit, 4, 0.95).low));
    assert_true(isnan(pv_param_interval(&fit, 0, 1.0).low));
    assert_int_equal(pv_mean_interval(&fit, x, t_x, T, 26.0, 0.0, NULL, &at95), PV_ERR_ARGUMENT);
    assert_int_equal(pv_mean_interval(&fit, x, T + 1.0, T, 26.0, 0.5, NULL, &at95),
                     PV_ERR_ARGUMENT);
}

/* Best ln L of an NBD over alpha at this r, by golden section on single customers. */
static double nbd_profile(const struct pv_customer *rows, size_t n, double r)
{
    const double golden = 0.6180339887498949;
    double low = log(1.0), high = log(200.0);
    for (int i = 0; i < 60; i++) {
        double at[2] = {high - golden * (high - low), low + golden * (high - low)}, sum[2] = {0.0};
        for (int k = 0; k < 2; k++)
            for (size_t c = 0; c < n; c++)
                sum[k] += pv_predict_loglik(pv_model_find("nbd"), (const double[]){r, exp(at[k])},
                                            rows[c].x, rows[c].t_x / 7.0, rows[c].T / 7.0);
        *(sum[0] > sum[1] ? &high : &low) = sum[0] > sum[1] ? at[1] : at[0];
        if (high - low < 1e-7)
            return fmax(sum[0], sum[1]);
    }
    return NAN;
}

/* At both bounds ln L has fallen by z^2 / 2; on a ridge there is no upper one. */
static void profiles(void **state)
{
    (void)state;
    enum { N = 400 };
    static struct pv_customer rows[N];
    const struct pv_model *m = pv_model_find("nbd");
    struct pv_cells *cells;
    struct pv_range range, wald;
    for (size_t i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 53, i);
        rows[i] = pv_populate_one(m, (const double[]){0.8, 20.0}, 7.0, &rng, 300, 0, NULL);
    }
    struct pv_fit fit = world_fit(m, rows, N, 7.0);
    assert_int_equal(pv_cells_new(rows, N, &cells), 0);
    assert_int_equal(pv_profile_interval(&fit, cells, 0, 0.95, &range), 0);
    wald = pv_param_interval(&fit, 0, 0.95);
    assert_true(range.low < fit.param[0] && fit.param[0] < range.high);
    near_relative(range.low, wald.low, 0.1, "a regular parameter");
    near_relative(range.high, wald.high, 0.1, "a regular parameter");
    for (int side = 0; side < 2; side++) {
        double fallen = fit.loglik - nbd_profile(rows, N, side ? range.high : range.low);
        near_relative(fallen, 0.5 * PV_Z95 * PV_Z95, 1e-3, "fall of ln L");
    }
    /* Of a mean: where all is regular, as by the delta method. */
    assert_int_equal(pv_profile_mean_interval(&fit, cells, 2, 20, 40, 26, 0.95, &range), 0);
    assert_int_equal(pv_mean_interval(&fit, 2, 20, 40, 26, 0.95, NULL, &wald), 0);
    near_relative(range.low, wald.low, 0.01, "mean of a customer");
    near_relative(range.high, wald.high, 0.01, "mean of a customer");
    assert_int_equal(pv_profile_mean_interval(&fit, cells, 2, 41, 40, 26, 0.95, &range),
                     PV_ERR_ARGUMENT);
    /* Of the mean of a new customer, r t / alpha, by brute force: the largest ratio r / alpha with
     * ln L within z^2 / 2 of the best lies where the interval ends. */
    assert_int_equal(pv_profile_mean_interval(&fit, cells, 0, 0, 0, 1, 0.95, &range), 0);
    double best = -INFINITY;
    for (double r = 0.3 * fit.param[0]; r < 3.0 * fit.param[0]; r *= 1.002) {
        double sum = 0.0;
        for (size_t c = 0; c < N; c++)
            sum += pv_predict_loglik(m, (const double[]){r, r / range.high}, rows[c].x,
                                     rows[c].t_x / 7.0, rows[c].T / 7.0);
        best = fmax(best, sum);
    }
    near_relative(fit.loglik - best, 0.5 * PV_Z95 * PV_Z95, 1e-3, "fall of ln L");
    /* Not the maximum of these cells; not a parameter; not a level. */
    fit.param[0] *= 1.2;
    assert_int_equal(pv_profile_interval(&fit, cells, 0, 0.95, &range), PV_ERR_ARGUMENT);
    assert_int_equal(pv_profile_interval(&fit, cells, 2, 0.95, &range), PV_ERR_ARGUMENT);
    assert_int_equal(pv_profile_interval(&fit, cells, 0, 1.0, &range), PV_ERR_ARGUMENT);
    pv_cells_free(cells);
    /* Everybody buys at one rate: r may be anything large. */
    for (size_t i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 54, i);
        rows[i] = (struct pv_customer){.x = (int32_t)pv_rng_poisson(&rng, 4.0), .T = 280};
        rows[i].t_x = rows[i].x ? 250 : 0;
    }
    fit = world_fit(m, rows, N, 7.0);
    assert_int_equal(fit.verdict, PV_VERDICT_RIDGE);
    assert_int_equal(pv_cells_new(rows, N, &cells), 0);
    assert_int_equal(pv_profile_interval(&fit, cells, 0, 0.95, &range), 0);
    assert_true(isinf(range.high) && range.low > 5.0 && range.low < fit.param[0]);
    pv_cells_free(cells);
}

static const struct {
    const char *model;
    double param[PV_MAX_PARAMS];
    enum pv_resample resample;
} boots[] = {
    {"bg-nbd", {0.8, 40.0, 0.8, 2.5}, PV_RESAMPLE_MODEL},
    {"bg-nbd", {0.8, 10.0, 0.8, 2.5}, PV_RESAMPLE_CELLS},
    {"bg-bb", {1.2, 0.75, 0.66, 2.8}, PV_RESAMPLE_MODEL},
    {"mbg-cnbd-2", {0.8, 6.0, 0.8, 2.0}, PV_RESAMPLE_CELLS},
};

/* Spread of the replicates = standard error of the fit; rare buyers, whose booking by the day
 * biases little. The number of threads changes no digit. */
static void bootstrap_agrees(void **state)
{
    (void)state;
    enum { N = 3000, REPLICATES = 80 };
    static struct pv_customer rows[N];
    for (int c = 0; c < 4; c++) {
        const struct pv_model *m = pv_model_find(boots[c].model);
        bool discrete = m->kind == PV_KIND_OPPORTUNITY;
        struct pv_bootstrap_options o = {
            .resample = boots[c].resample, .replicates = REPLICATES, .seed = 5, .threads = 1};
        struct pv_bootstrap *one, *two;
        struct pv_cells *cells;
        struct pv_range range, other;
        size_t failed;
        for (size_t i = 0; i < N; i++) {
            struct pv_rng rng;
            pv_rng_start(&rng, 47, i);
            rows[i] = pv_populate_one(m, boots[c].param, 7.0, &rng, discrete ? 20 : 500, 0, NULL);
        }
        struct pv_fit fit = world_fit(m, rows, N, 7.0);
        assert_int_equal(pv_cells_new(rows, N, &cells), 0);
        assert_int_equal(pv_bootstrap_new(&fit, cells, &o, &one), 0);
        o.threads = 2;
        assert_int_equal(pv_bootstrap_new(&fit, cells, &o, &two), 0);
        pv_cells_free(cells);
        assert_int_equal(pv_bootstrap_count(one, &failed), REPLICATES);
        assert_int_equal(failed, 0);
        for (int k = 0; k < m->params; k++) {
            double sum = 0.0, squares = 0.0, sd = sqrt(fit.log_cov[k * m->params + k]);
            for (size_t i = 0; i < REPLICATES; i++) {
                double l = log(pv_bootstrap_params(one, i)[k] / fit.param[k]);
                assert_true(pv_bootstrap_params(one, i)[k] >= pv_bootstrap_params(two, i)[k] &&
                            pv_bootstrap_params(one, i)[k] <= pv_bootstrap_params(two, i)[k]);
                sum += l / REPLICATES;
                squares += l * l / REPLICATES;
            }
            double spread = sqrt(squares - sum * sum);
            /* The spread of 80 is known to 8 %. */
            if (fabs(spread / sd - 1.0) > 0.35 || fabs(sum) > 0.6 * sd)
                fail_msg("%s, resample %d: %s moves %g, spreads %g, standard error %g", m->name,
                         (int)boots[c].resample, m->param[k], sum, spread, sd);
            assert_int_equal(pv_bootstrap_param(one, k, 0.8, &range), 0);
            assert_true(range.low < fit.param[k] && fit.param[k] < range.high);
        }
        assert_int_equal(pv_bootstrap_mean(one, 2, 10, 18, 20, 0.8, &range), 0);
        assert_int_equal(pv_mean_interval(&fit, 2, 10, 18, 20, 0.8, NULL, &other), 0);
        near_relative(range.high - range.low, other.high - other.low, 0.4, "width");
        assert_int_equal(pv_bootstrap_mean(one, 2, 20, 18, 20, 0.8, &range), PV_ERR_ARGUMENT);
        assert_int_equal(pv_bootstrap_param(one, 0, 0.999, &range), PV_ERR_EMPTY);
        assert_int_equal(pv_bootstrap_param(one, 9, 0.8, &range), PV_ERR_ARGUMENT);
        pv_bootstrap_free(one);
        pv_bootstrap_free(two);
    }
    pv_bootstrap_free(NULL);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const struct pv_cell cell[] = {{0, 0, 10, 40}, {1, 0, 5, 40}, {1, 0, 2, 20}};
    struct pv_bootstrap_options o = {.resample = PV_RESAMPLE_MODEL, .replicates = 20};
    struct pv_bootstrap *b;
    struct pv_cells *cells;
    struct pv_range r;
    struct pv_fit fit;
    const double p[] = {0.7, 1.5}, nbd[] = {0.8, 10.0};
    const struct pv_model *m = pv_model_find("nbd");
    assert_int_equal(pv_cells_from(cell, 3, &cells), 0);
    assert_int_equal(pv_fit_given(pv_model_find("sbg"), p, 1.0, &fit), 0);
    assert_int_equal(pv_bootstrap_new(&fit, cells, &o, &b), PV_ERR_ARGUMENT);
    o.resample = PV_RESAMPLE_CELLS;
    assert_int_equal(pv_bootstrap_new(&fit, cells, &o, &b), 0);
    assert_int_equal(pv_bootstrap_mean(b, 0, 0, 5, 1, 0.5, &r), PV_ERR_ARGUMENT);
    pv_bootstrap_free(b);
    o.replicates = 19;
    assert_int_equal(pv_bootstrap_new(&fit, cells, &o, &b), PV_ERR_ARGUMENT);
    pv_cells_free(cells);
    for (int i = 0; i < 3; i++) {
        double level = i == 0 ? 0.0 : i == 1 ? 1.0 : NAN;
        assert_int_equal(pv_predict_interval(m, nbd, 0, 0, 0, 5, level, &r), PV_ERR_ARGUMENT);
    }
    assert_int_equal(pv_predict_interval(pv_model_find("sbg"), p, 0, 0, 0, 5, 0.5, &r),
                     PV_ERR_ARGUMENT);
    /* More purchases than anybody looks at. */
    const double mad[] = {50.0, 1e-6};
    assert_int_equal(pv_predict_interval(m, mad, 0, 0, 0, 5, 0.5, &r), PV_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions),
        cmocka_unit_test(geometric),
        cmocka_unit_test(predictive_intervals_hold),
        cmocka_unit_test(means_at_any_level),
        cmocka_unit_test(profiles),
        cmocka_unit_test(bootstrap_agrees),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
