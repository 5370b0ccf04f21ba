/* Values and intervals: calibration on simulated worlds, identities, same digits on any thread
 * count. */
#include "value_test.h"

#include "valuer.h"

static const struct pv_gamma_gamma spend_world = {6.25, 3.74, 15.44};

struct world {
    struct pv_customer *rows;
    size_t n;
    struct pv_fit bg, gg;
};

static void make_world(struct world *w, size_t n, int32_t T, int32_t holdout)
{
    struct pv_fit_options options = {7.0, 100.0, 1};
    w->n = n;
    w->rows = malloc(n * sizeof *w->rows);
    assert_non_null(w->rows);
    const struct bg_nbd truth = {0.8, 12.0, 0.8, 2.5};
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 17, i);
        w->rows[i] = simulate_customer(&rng, &truth, &spend_world, T - (int32_t)(i % 84), holdout);
    }
    struct pv_cells *cells;
    assert_int_equal(pv_cells_new(w->rows, n, &cells), 0);
    assert_int_equal(pv_fit_model(bg_model(), cells, &options, &w->bg), 0);
    assert_int_equal(pv_fit_gamma_gamma(w->rows, n, &options, &w->gg), 0);
    assert_int_equal(w->bg.verdict, PV_VERDICT_OK);
    assert_int_equal(w->gg.verdict, PV_VERDICT_OK);
    pv_cells_free(cells);
}

static struct pv_valuer *make_valuer(const struct world *w, double horizon, int threads)
{
    struct pv_valuer_options options = {.unit_days = 7.0,
                                        .money_scale = 100.0,
                                        .horizon = horizon,
                                        .discount = 0.15,
                                        .seed = 42,
                                        .threads = threads};
    struct pv_valuer *v;
    assert_int_equal(pv_valuer_new(&w->bg, &w->gg, &options, w->rows, w->n, &v), 0);
    return v;
}

static void intervals_hold_what_they_promise(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 20000, 364, 364);
    struct pv_valuer *v = make_valuer(&w, 52.0, 1);
    struct pv_value *values = malloc(w.n * sizeof *values);
    assert_non_null(values);
    assert_int_equal(pv_value_customers(v, w.rows, w.n, values), 0);
    struct pv_holdout h;
    assert_int_equal(pv_value_holdout(v, w.rows, w.n, &h), 0);
    assert_true(fabs(h.predicted / h.actual - 1.0) < 0.03);
    assert_true(h.coverage80 >= 0.80 && h.coverage80 <= 0.96);
    assert_true(h.coverage95 >= 0.945 && h.coverage95 <= 0.995);
    double in80 = 0, in95 = 0, above80 = 0, money = 0, alive = 0;
    for (size_t i = 0; i < w.n; i++) {
        double spent = (double)w.rows[i].spend_star / 100.0;
        const struct pv_interval *m = &values[i].money;
        in80 += spent >= m->low80 && spent <= m->high80;
        in95 += spent >= m->low95 && spent <= m->high95;
        above80 += spent > m->high80;
        money += spent;
        alive += values[i].p_alive;
        assert_true(m->low95 <= m->low80 && m->low80 <= m->high80 && m->high80 <= m->high95);
        const struct pv_interval *c = &values[i].clv_range;
        assert_true(c->low95 <= c->low80 && c->low80 <= c->high80 && c->high80 <= c->high95);
        assert_true(values[i].clv_mean_of.low95 < values[i].clv);
        assert_true(values[i].clv_mean_of.high95 > values[i].clv);
    }
    double n = (double)w.n;
    assert_true(in95 / n > 0.94 && in95 / n < 0.985);
    assert_true(above80 / n > 0.07 && above80 / n < 0.13);
    assert_true(in80 / n > 0.79);
    struct pv_equity e;
    assert_int_equal(pv_value_equity(v, w.rows, w.n, &e), 0);
    near_relative(e.alive, alive, 1e-12, "alive");
    near_relative(e.money, money, 0.06, "money of the horizon");
    assert_true(money > e.money_range.low95 * 0.98 && money < e.money_range.high95 * 1.02);
    assert_true(e.range.low95 < e.amount && e.amount < e.range.high95);
    free(values);
    free(w.rows);
    pv_valuer_free(v);
}

/* The mean over simulated futures is the closed form, for one purchase's and many purchases' worth.
 */
static void futures_average_to_the_expectation(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 5000, 364, 0);
    memset(w.bg.log_cov, 0, sizeof w.bg.log_cov); /* parameters certain: means are exact */
    memset(w.gg.log_cov, 0, sizeof w.gg.log_cov);
    struct pv_valuer *v = make_valuer(&w, 52.0, 1);
    enum { DRAWS = 100000 };
    double *money = malloc(2 * DRAWS * sizeof *money);
    assert_non_null(money);
    const double xs[] = {0, 1, 4, 25, 120};
    for (int k = 0; k < 5; k++) {
        double x = xs[k], T = 40.0, sum = 0.0, worth = 0.0;
        pv_simulate(v, x, T, 0.5, 1000, DRAWS, money, money + DRAWS);
        for (int i = 0; i < DRAWS; i++) {
            sum += money[i];
            worth += money[DRAWS + i];
        }
        const struct pv_buying *b = v->model->buying;
        double dert;
        assert_int_equal(b->dert(v->model, v->theta, x, &T, 1, v->delta, &dert, NULL), 0);
        near_relative(sum / DRAWS, b->mean(v->model, v->theta, x, T, 52), 0.03, "horizon");
        near_relative(worth / DRAWS, dert, 0.03, "residual value");
    }
    free(money);
    free(w.rows);
    pv_valuer_free(v);
}

static void threads_change_no_digit(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 9000, 300, 100);
    struct pv_value *values[2];
    struct pv_equity equity[2];
    for (int k = 0; k < 2; k++) {
        struct pv_valuer *v = make_valuer(&w, 52.0, k ? 5 : 1);
        values[k] = calloc(w.n, sizeof *values[k]);
        assert_non_null(values[k]);
        memset(&equity[k], 0, sizeof equity[k]);
        assert_int_equal(pv_value_customers(v, w.rows, w.n, values[k]), 0);
        assert_int_equal(pv_value_equity(v, w.rows, w.n, &equity[k]), 0);
        pv_valuer_free(v);
    }
    assert_memory_equal(values[0], values[1], w.n * sizeof *values[0]);
    assert_memory_equal(&equity[0], &equity[1], sizeof equity[0]);
    free(values[0]);
    free(values[1]);
    free(w.rows);
}

static void values_are_the_public_formulas(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 2000, 300, 0);
    struct pv_valuer *v = make_valuer(&w, 52.0, 1);
    struct bg_nbd m = bg_of(&w.bg);
    struct pv_gamma_gamma g = pv_gamma_gamma_of(&w.gg);
    for (size_t i = 0; i < w.n; i += 41) {
        const struct pv_customer *c = &w.rows[i];
        struct pv_value value;
        double t_x = c->t_x / 7.0, T = c->T / 7.0;
        assert_int_equal(pv_value_customers(v, c, 1, &value), 0);
        near_relative(value.p_alive, bg_p_alive(&m, c->x, t_x, T), 1e-14, "P(alive)");
        near_relative(value.expected_orders, bg_expected(&m, c->x, t_x, T, 52), 1e-12, "E");
        near_relative(value.dert, bg_dert(&m, c->x, t_x, T, pv_discount_per_unit(0.15, 7.0)), 1e-10,
                      "DERT");
        double z = c->x ? (double)c->spend / 100.0 / c->x : 0.0;
        near_relative(value.clv, value.dert * pv_gamma_gamma_mean(&g, c->x, z), 1e-12, "CLV");
        assert_true(value.orders.high95 >= value.orders.high80);
        /* Not in the tables: the same, computed on the way. */
        struct pv_customer odd = *c;
        odd.T += 1000;
        assert_int_equal(pv_value_customers(v, &odd, 1, &value), 0);
        near_relative(value.expected_orders, bg_expected(&m, odd.x, t_x, odd.T / 7.0, 52), 1e-12,
                      "E of a stranger");
    }
    struct pv_customer none = {.T = -1};
    struct pv_value value;
    assert_int_equal(pv_value_customers(v, &none, 1, &value), 0);
    assert_true(isnan(value.p_alive) && value.clv == 0.0);
    pv_valuer_free(v);
    /* Without a spend model: purchases yes, money no. */
    struct pv_valuer_options options = {
        .unit_days = 7.0, .money_scale = 100.0, .horizon = 52, .discount = 0.15};
    assert_int_equal(pv_valuer_new(&w.bg, NULL, &options, w.rows, w.n, &v), 0);
    assert_int_equal(pv_value_customers(v, w.rows, 1, &value), 0);
    assert_true(value.expected_orders > 0.0 && isnan(value.clv) && isnan(value.money.high95));
    pv_valuer_free(v);
    /* Points only: the same expectations, no intervals. */
    struct pv_value whole, point;
    struct pv_equity equity;
    v = make_valuer(&w, 52.0, 1);
    assert_int_equal(pv_value_customers(v, &w.rows[7], 1, &whole), 0);
    pv_valuer_free(v);
    options.points = true;
    assert_int_equal(pv_valuer_new(&w.bg, &w.gg, &options, w.rows, w.n, &v), 0);
    assert_int_equal(pv_value_customers(v, &w.rows[7], 1, &point), 0);
    assert_true(point.p_alive == whole.p_alive && point.clv == whole.clv);
    assert_true(point.expected_money == whole.expected_money && isnan(point.orders.high95));
    assert_int_equal(pv_value_equity(v, w.rows, w.n, &equity), PV_ERR_ARGUMENT);
    pv_valuer_free(v);
    w.bg.usable = false;
    assert_int_equal(pv_valuer_new(&w.bg, NULL, &options, w.rows, w.n, &v), PV_ERR_ARGUMENT);
    free(w.rows);
}

/* Slopes of the delta method against differences of the public formulas. */
static void interval_of_the_expectation_is_the_delta_method(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 2000, 300, 0);
    struct pv_valuer *v = make_valuer(&w, 52.0, 1);
    for (size_t i = 0; i < 200; i += 13) {
        const struct pv_customer *c = &w.rows[i];
        double slope[4], var = 0.0, h = 1e-4;
        for (int k = 0; k < 4; k++) {
            double at[2];
            for (int s = 0; s < 2; s++) {
                struct pv_fit f = w.bg;
                f.param[k] *= exp(s ? h : -h);
                struct bg_nbd m = bg_of(&f);
                at[s] = bg_expected(&m, c->x, c->t_x / 7.0, c->T / 7.0, 52);
            }
            slope[k] = (at[1] - at[0]) / (2 * h);
        }
        for (int r = 0; r < 4; r++)
            for (int q = 0; q < 4; q++)
                var += slope[r] * slope[q] * w.bg.log_cov[r * 4 + q];
        struct pv_value value;
        assert_int_equal(pv_value_customers(v, c, 1, &value), 0);
        double s = log(value.orders_mean_of.high95 / value.orders_mean_of.low95) / (2.0 * PV_Z95);
        near_relative(s * s, log1p(var / (value.expected_orders * value.expected_orders)), 1e-3,
                      "variance of the expectation");
    }
    pv_valuer_free(v);
    free(w.rows);
}

static void reasons_add_up(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 2000, 300, 0);
    struct pv_valuer *v = make_valuer(&w, 52.0, 1);
    for (size_t i = 0; i < 300; i += 7) {
        struct pv_reasons r;
        struct pv_value value;
        assert_int_equal(pv_value_reasons(v, &w.rows[i], &r), 0);
        assert_int_equal(pv_value_customers(v, &w.rows[i], 1, &value), 0);
        near_relative(r.purchases_total, value.expected_orders, 1e-10, "own purchases");
        near_relative(r.money_total, value.clv, 1e-9, "own value");
        double purchases = r.base_purchases, money = r.base_money;
        for (int k = 0; k < PV_REASONS; k++) {
            purchases += r.purchases[k];
            money += r.money[k];
        }
        near_relative(purchases, r.purchases_total, 1e-9, "sum of purchases");
        near_relative(money, r.money_total, 1e-9, "sum of money");
        near_relative(1.0 + r.purchases[PV_REASON_SPEND], 1.0, 1e-12, "spend moves no purchase");
    }
    pv_valuer_free(v);
    free(w.rows);
}

static void density_is_a_density(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 2000, 300, 0);
    struct pv_valuer *v = make_valuer(&w, 52.0, 1);
    for (size_t i = 0; i < 20; i++) {
        double value[40], height[40], alive, sum = 0.0;
        assert_int_equal(pv_value_density(v, &w.rows[i], 40, value, height, &alive), 0);
        assert_true(alive > 0.0 && alive <= 1.0);
        for (int k = 1; k < 40; k++) {
            assert_true(value[k] > value[k - 1] && height[k] >= 0.0);
            sum += 0.5 * (height[k] + height[k - 1]) * (value[k] - value[k - 1]);
        }
        near_relative(sum, alive, 0.12, "mass of the density");
    }
    pv_valuer_free(v);
    free(w.rows);
}

static void alive_falls_in_silence_and_recovers(void **state)
{
    (void)state;
    const int32_t days[] = {100, 130, 160, 300};
    const int32_t dates[] = {90, 100, 129, 160, 200, 299, 300, 400};
    double p[8];
    struct pv_fit fit = bg_fit(&published);
    assert_int_equal(pv_value_alive_curve(&fit, days, 4, dates, 8, p), 0);
    assert_true(isnan(p[0]));
    assert_true(p[1] == 1.0 && p[2] == 1.0);
    assert_true(p[3] > p[4] && p[4] > p[5] && p[6] > p[5] && p[7] < p[6]);
    near_relative(p[7], bg_p_alive(&published, 3, 200 / 7.0, 300 / 7.0), 1e-14, "P(alive)");
}

static void tracking_expects_what_happens(void **state)
{
    (void)state;
    struct pv_builder *b;
    struct pv_history *h;
    assert_int_equal(pv_builder_new_ordered(PV_RETURNS_NET, &b), 0);
    const struct bg_nbd truth = {0.8, 30.0, 0.8, 2.5};
    const uint32_t n = 30000;
    for (uint32_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 23, i);
        double lambda = pv_rng_gamma(&rng, truth.r) / truth.alpha;
        double ga = pv_rng_gamma(&rng, truth.a), gb = pv_rng_gamma(&rng, truth.b);
        double t = 0.0;
        int32_t first = (int32_t)(i % 84);
        assert_int_equal(pv_builder_add(b, i, first, 100), 0);
        for (;;) {
            t += 7.0 * pv_rng_exponential(&rng) / lambda;
            if (!(t < 600.0))
                break;
            assert_int_equal(pv_builder_add(b, i, first + (int32_t)ceil(t), 100), 0);
            if (pv_rng_uniform(&rng) < ga / (ga + gb))
                break;
        }
    }
    assert_int_equal(pv_builder_finish(b, 0, &h, NULL), 0);
    pv_builder_free(b);
    struct pv_track track[60];
    struct pv_fit fit = bg_fit(&truth);
    assert_int_equal(pv_track_periods(h, &fit, 0, 7, 83, 60, track), 0);
    double actual = 0.0, expected = 0.0;
    int in95 = 0;
    for (int i = 0; i < 60; i++) {
        actual += track[i].actual;
        expected += track[i].expected;
        in95 += track[i].actual >= track[i].low95 && track[i].actual <= track[i].high95;
        assert_int_equal(track[i].day, 7 * i + 6);
    }
    near_relative(expected, actual, 0.03, "purchases of the cohorts");
    assert_true(in95 >= 50);
    assert_int_equal(pv_track_periods(h, &fit, 0, 0, 83, 60, track), PV_ERR_ARGUMENT);
    pv_history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_hold_what_they_promise),
        cmocka_unit_test(futures_average_to_the_expectation),
        cmocka_unit_test(threads_change_no_digit),
        cmocka_unit_test(values_are_the_public_formulas),
        cmocka_unit_test(interval_of_the_expectation_is_the_delta_method),
        cmocka_unit_test(reasons_add_up),
        cmocka_unit_test(density_is_a_density),
        cmocka_unit_test(alive_falls_in_silence_and_recovers),
        cmocka_unit_test(tracking_expects_what_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
