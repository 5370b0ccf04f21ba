/* Hierarchical Bayes: diagnostics, exact draws, predictions. The posterior itself:
 * value_posterior.c. */
#include "value_bayes.h"

/* ---- Diagnostics ----------------------------------------------------------------------------- */

enum { CHAINS = 4, LONG = 1000 };

/* Autoregressive chains of known autocorrelation. */
static void autoregressive(double *v, double rho, uint64_t seed)
{
    for (size_t c = 0; c < CHAINS; c++) {
        struct pv_rng rng;
        pv_rng_start(&rng, seed, c);
        double at = pv_rng_normal(&rng);
        for (size_t i = 0; i < LONG; i++) {
            at = rho * at + sqrt(1.0 - rho * rho) * pv_rng_normal(&rng);
            v[c * LONG + i] = at;
        }
    }
}

static void diagnostics_see_what_is_wrong(void **state)
{
    (void)state;
    double *v = malloc(CHAINS * LONG * sizeof *v), rhat, bulk, tail;
    static const double rhos[] = {0.0, 0.5, 0.9, -0.3};
    for (int k = 0; k < 4; k++) {
        double mean = 0.0, want = CHAINS * LONG * (1.0 - rhos[k]) / (1.0 + rhos[k]);
        for (uint64_t seed = 1; seed <= 10; seed++) {
            autoregressive(v, rhos[k], seed);
            assert_int_equal(pv_chains_diagnose(v, CHAINS, LONG, &rhat, &bulk, &tail), 0);
            assert_true(rhat < (rhos[k] > 0.8 ? 1.1 : 1.03));
            mean += bulk / 10.0;
        }
        near_relative(mean, want, 0.15, "effective draws");
    }
    autoregressive(v, 0.0, 1);
    double before_bulk, before_rhat;
    assert_int_equal(pv_chains_diagnose(v, CHAINS, LONG, &before_rhat, &before_bulk, &tail), 0);
    near_relative(tail, CHAINS * LONG, 0.25, "effective draws in the tails");
    /* Any monotone change leaves ranks alone. */
    for (size_t i = 0; i < CHAINS * LONG; i++)
        v[i] = exp(3.0 * v[i]);
    assert_int_equal(pv_chains_diagnose(v, CHAINS, LONG, &rhat, &bulk, &tail), 0);
    assert_true(fabs(bulk - before_bulk) < 1e-9 * bulk);
    /* One chain elsewhere; one chain wider; chains that drift. */
    for (int what = 0; what < 3; what++) {
        autoregressive(v, 0.0, 2);
        for (size_t i = 0; i < LONG; i++) {
            v[i] = what == 0 ? v[i] + 1.0 : what == 1 ? 3.0 * v[i] : v[i];
            for (size_t c = 0; what == 2 && c < CHAINS; c++)
                v[c * LONG + i] += 2.0 * (double)i / LONG;
        }
        assert_int_equal(pv_chains_diagnose(v, CHAINS, LONG, &rhat, &bulk, &tail), 0);
        if (!(rhat > 1.05))
            fail_msg("case %d: R-hat %g", what, rhat);
    }
    for (size_t i = 0; i < CHAINS * LONG; i++)
        v[i] = 2.5;
    assert_int_equal(pv_chains_diagnose(v, CHAINS, LONG, &rhat, &bulk, &tail), 0);
    assert_true(isnan(rhat) && isnan(bulk));
    v[7] = NAN;
    assert_int_equal(pv_chains_diagnose(v, CHAINS, LONG, &rhat, &bulk, &tail), 0);
    assert_true(isnan(rhat));
    assert_int_equal(pv_chains_diagnose(v, CHAINS, 3, &rhat, &bulk, &tail), PV_ERR_ARGUMENT);
    assert_int_equal(pv_chains_diagnose(v, 0, 10, &rhat, &bulk, &tail), PV_ERR_ARGUMENT);
    free(v);
}

/* ---- Exact draws of a customer --------------------------------------------------------------- */

static const struct seen {
    double p[4], x, t_x, T;
} seen[] = {
    {{0.55, 10.6, 0.61, 11.7}, 2, 20, 39},
    {{0.55, 10.6, 0.61, 11.7}, 0, 0, 39},
    {{0.55, 10.6, 0.61, 11.7}, 7, 29, 39},
    {{0.5, 0.01, 6.0, 300.0}, 0, 0, 60},   /* alpha far below beta */
    {{30.0, 900.0, 0.4, 0.02}, 1, 1, 50},  /* and far above, 1/mu short */
    {{0.2, 0.05, 3.0, 100.0}, 2, 0.5, 80}, /* late, and steep by alpha */
    {{2.0, 5.0, 1e-3, 1e-3}, 3, 10, 40},   /* 1 - k near 0 nowhere, mu often tiny */
    {{0.4, 4.0, 0.6, 4.0}, 0, 0, 30},      /* alpha = beta: the envelope is the density */
};
enum { SEEN = sizeof seen / sizeof seen[0], DRAWS = 20000, PARTS = 4 };

/* Masses of the lifetime: PARTS equal spans of (t_x, T), then beyond T. Simpson on ln. */
static void masses(const struct seen *c, double *ret)
{
    enum { N = 2000 };
    const double *p = c->p;
    double sum = 0.0;
    for (int k = 0; k < PARTS; k++) {
        double from = c->t_x + (c->T - c->t_x) * k / PARTS;
        double to = c->t_x + (c->T - c->t_x) * (k + 1) / PARTS, part = 0.0;
        /* Steep near t_x: nodes even in the logarithm of the distance from just before it. */
        double off = 1e-4 * fmin(p[1] + c->t_x, p[3] + c->t_x);
        double lo = log(from - c->t_x + off), hi = log(to - c->t_x + off), h = (hi - lo) / N;
        for (int i = 0; i <= N; i++) {
            double d = exp(lo + i * h), tau = c->t_x + d - off;
            double log_g =
                log(p[2]) - (p[2] + 1.0) * log(p[3] + tau) - (p[0] + c->x) * log(p[1] + tau);
            part += (i == 0 || i == N ? 1.0 : i % 2 ? 4.0 : 2.0) * h / 3.0 * d * exp(log_g);
        }
        ret[k] = part;
        sum += part;
    }
    ret[PARTS] = exp(-p[2] * log(p[3] + c->T) - (p[0] + c->x) * log(p[1] + c->T));
    sum += ret[PARTS];
    for (int k = 0; k <= PARTS; k++)
        ret[k] /= sum;
}

static void draws_of_a_customer_are_exact(void **state)
{
    (void)state;
    for (int i = 0; i < SEEN; i++) {
        const struct seen *c = &seen[i];
        double want[PARTS + 1], count[PARTS + 1] = {0.0}, chi = 0.0;
        double sum[2] = {0.0}, squares[2] = {0.0};
        struct pv_rng rng;
        pv_rng_start(&rng, 5, (uint64_t)i);
        masses(c, want);
        near_relative(want[PARTS], pv_predict_alive(pareto(), c->p, c->x, c->t_x, c->T, 0), 1e-6,
                      "the test's own P(alive)");
        for (int d = 0; d < DRAWS; d++) {
            struct pv_latent l;
            pv_pareto_hyper.latent(c->p, c->x, c->t_x, c->T, &rng, &l);
            assert_true(l.lambda >= 0.0 && l.mu >= 0.0 && l.life >= c->t_x);
            assert_true(l.alive == (l.life > c->T));
            int part = l.alive ? PARTS : (int)(PARTS * (l.life - c->t_x) / (c->T - c->t_x));
            count[part < PARTS || l.alive ? part : PARTS - 1] += 1.0;
            /* Purchases to come, given the rates, and their expectation. */
            double all = l.lambda + l.mu, gone = l.mu * 39.0;
            double alive = 1.0 / (1.0 + l.mu / all * expm1(all * (c->T - c->t_x)));
            double to_come = alive * l.lambda * 39.0 * (gone > 0.0 ? -expm1(-gone) / gone : 1.0);
            double v[2] = {isnan(alive) ? 1.0 : alive, isnan(to_come) ? 0.0 : to_come};
            for (int k = 0; k < 2; k++) {
                sum[k] += v[k] / DRAWS;
                squares[k] += v[k] * v[k] / DRAWS;
            }
        }
        for (int k = 0; k <= PARTS; k++)
            if (want[k] * DRAWS > 5.0)
                chi +=
                    (count[k] - DRAWS * want[k]) * (count[k] - DRAWS * want[k]) / (DRAWS * want[k]);
        if (!(chi < 22.0)) /* chi-square of at most 4, 0.02 % */
            fail_msg("customer %d: chi-square %g", i, chi);
        double exact[2] = {want[PARTS],
                           pv_predict_expected(pareto(), c->p, c->x, c->t_x, c->T, 39)};
        for (int k = 0; k < 2; k++) {
            double error = sqrt((squares[k] - sum[k] * sum[k]) / DRAWS);
            if (!(fabs(sum[k] - exact[k]) < 4.5 * error + 1e-6))
                fail_msg("customer %d, mean %d: %g ± %g, want %g", i, k, sum[k], error, exact[k]);
        }
    }
}

/* ---- The chain ----------------------------------------------------------------------------- */

static void chains_that_disagree_are_found(void **state)
{
    (void)state;
    const double truth[] = {0.55, 10.6, 0.8, 12.0};
    struct pv_cells *cells;
    struct pv_customer *rows = world(truth, 7.0, 800, 350, 84, 0, 4, &cells);
    struct pv_bayes_options o = usual(7.0);
    struct pv_posterior *p;
    struct pv_bayes_summary s;
    o.walk = 1.0;
    o.spread = 10.0;
    o.warmup = 0;
    o.draws = 20;
    assert_int_equal(pv_bayes_fit(pareto(), cells, &o, &p), 0);
    pv_posterior_summary(p, &s);
    assert_int_equal(s.verdict, PV_VERDICT_CHAINS_DISAGREE);
    assert_string_equal(pv_verdict_code(s.verdict), "chains-disagree");
    assert_false(s.usable);
    struct pv_posterior_value v;
    struct pv_latent l;
    struct pv_posterior_options po = {39, 0.15, 0.8, 0, 1, 1};
    assert_int_equal(pv_posterior_predict(p, rows, 1, &po, &v), PV_ERR_ARGUMENT);
    assert_int_equal(pv_posterior_latent(p, 0, 0, 9, 1, 1, &l), PV_ERR_ARGUMENT);
    pv_posterior_free(p);
    o = usual(7.0);
    o.draws = 30; /* 120 in all: they agree, but that is few */
    assert_int_equal(pv_bayes_fit(pareto(), cells, &o, &p), 0);
    pv_posterior_summary(p, &s);
    double most = 0.0;
    for (int k = 0; k < 4; k++)
        most = fmax(most, s.param[k].rhat);
    assert_int_equal(s.verdict,
                     most > 1.05 ? PV_VERDICT_CHAINS_DISAGREE : PV_VERDICT_FEW_EFFECTIVE);
    pv_posterior_free(p);
    pv_cells_free(cells);
    free(rows);
}

/* ---- Predictions ----------------------------------------------------------------------------- */

static void predictions_average_over_the_posterior(void **state)
{
    (void)state;
    const double truth[] = {0.55, 10.6, 0.8, 12.0};
    size_t n = 1500;
    struct pv_cells *cells;
    struct pv_customer *rows = world(truth, 7.0, n, 280, 84, 273, 6, &cells);
    struct pv_bayes_options o = usual(7.0);
    struct pv_posterior *p;
    assert_int_equal(pv_bayes_fit(pareto(), cells, &o, &p), 0);
    struct pv_posterior_options po = {39, 0.15, 0.8, 0, 1, 1};
    struct pv_posterior_value *v = malloc(n * sizeof *v);
    rows[17].T = -1;
    assert_int_equal(pv_posterior_predict(p, rows, n, &po, v), 0);
    assert_true(isnan(v[17].p_alive) && v[17].expected == 0.0);
    size_t draws;
    const double *theta = pv_posterior_draws(p, &draws);
    double delta = pv_discount_per_unit(0.15, 7.0);
    for (size_t i = 0; i < 12; i++) {
        const struct pv_customer *c = &rows[i];
        double t_x = c->t_x / 7.0, T = c->T / 7.0, mean[3] = {0.0};
        for (size_t d = 0; d < draws; d += 5) {
            const double *t = theta + 4 * d;
            double share = 5.0 / (double)draws;
            mean[0] += share * pv_predict_alive(pareto(), t, c->x, t_x, T, 0);
            mean[1] += share * pv_predict_expected(pareto(), t, c->x, t_x, T, 39);
            mean[2] += share * pv_predict_dert(pareto(), t, c->x, t_x, T, delta);
        }
        /* 1,500 draws of a customer's rates; their spread is about that of the mean itself. */
        assert_true(fabs(v[i].p_alive - mean[0]) < 0.05);
        assert_true(fabs(v[i].expected - mean[1]) < 0.13 * mean[1] + 0.01);
        assert_true(fabs(v[i].dert - mean[2]) < 0.13 * mean[2] + 0.05);
    }
    /* The hold-out: total, and how often the interval holds. Whole numbers make it wider. */
    double actual = 0.0, expected = 0.0, inside = 0.0, squares = 0.0, below = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (i == 17)
            continue;
        double off = rows[i].x_star - v[i].expected;
        actual += rows[i].x_star;
        expected += v[i].expected;
        squares += off * off;
        inside += rows[i].x_star >= v[i].low && rows[i].x_star <= v[i].high;
        below += rows[i].x_star < v[i].low;
        assert_true(v[i].low <= v[i].high && v[i].low == floor(v[i].low));
    }
    if (!(fabs(actual - expected) < 4.0 * sqrt(squares)))
        fail_msg("bought %g, expected %g ± %g", actual, expected, sqrt(squares));
    if (!(inside / (double)n > 0.77 && inside / (double)n < 0.97))
        fail_msg("the 80 %% interval held %g", inside / (double)n);
    assert_true(below / (double)n < 0.12);
    /* A wider interval holds more; a customer's figures do not depend on the company. */
    struct pv_posterior_value one, wide;
    assert_int_equal(pv_posterior_predict(p, rows + 5, 1, &po, &one), 0);
    assert_memory_equal(&one, &v[5], sizeof one);
    po.level = 0.99;
    assert_int_equal(pv_posterior_predict(p, rows + 5, 1, &po, &wide), 0);
    assert_true(wide.low <= one.low && wide.high >= one.high && wide.high > one.low);
    free(v);
    pv_posterior_free(p);
    pv_cells_free(cells);
    free(rows);
}

static void threads_and_seeds(void **state)
{
    (void)state;
    const double truth[] = {0.55, 10.6, 0.8, 12.0};
    size_t n = 700, draws;
    struct pv_cells *cells;
    struct pv_customer *rows = world(truth, 7.0, n, 280, 84, 0, 6, &cells);
    struct pv_bayes_options o = usual(7.0);
    struct pv_posterior *p[3];
    o.draws = 250;
    for (int k = 0; k < 3; k++) {
        o.threads = k == 1 ? 3 : 1;
        o.seed = k == 2 ? 2 : 1;
        assert_int_equal(pv_bayes_fit(pareto(), cells, &o, &p[k]), 0);
    }
    const double *a = pv_posterior_draws(p[0], &draws);
    assert_memory_equal(a, pv_posterior_draws(p[1], &draws), draws * 4 * sizeof *a);
    assert_true(memcmp(a, pv_posterior_draws(p[2], &draws), draws * 4 * sizeof *a) != 0);
    struct pv_posterior_options po = {39, 0.15, 0.95, 0, 1, 1};
    struct pv_posterior_value *v = malloc(2 * n * sizeof *v);
    assert_int_equal(pv_posterior_predict(p[0], rows, n, &po, v), 0);
    po.threads = 3;
    assert_int_equal(pv_posterior_predict(p[0], rows, n, &po, v + n), 0);
    assert_memory_equal(v, v + n, n * sizeof *v);
    struct pv_latent l[2][50];
    assert_int_equal(pv_posterior_latent(p[0], 2, 100, 200, 1, 50, l[0]), 0);
    assert_int_equal(pv_posterior_latent(p[1], 2, 100, 200, 1, 50, l[1]), 0);
    for (int i = 0; i < 50; i++)
        assert_true(l[0][i].lambda == l[1][i].lambda && l[0][i].life == l[1][i].life);
    free(v);
    for (int k = 0; k < 3; k++)
        pv_posterior_free(p[k]);
    pv_cells_free(cells);
    free(rows);
}

/* ---- Few customers, and nonsense ------------------------------------------------------------- */

/* Where maximum likelihood gives up, the posterior is wide and proper. */
static void a_handful_of_customers(void **state)
{
    (void)state;
    const struct pv_customer rows[] = {
        {.x = 0, .T = 300}, {.x = 0, .T = 280},           {.x = 0, .T = 10},
        {.x = 0, .T = 0},   {.x = 4, .t_x = 90, .T = 90}, {.x = 1, .t_x = 3, .T = 200}};
    for (size_t n = 1; n <= 6; n += 5) {
        struct pv_cells *cells;
        struct pv_posterior *p;
        struct pv_bayes_summary s;
        struct pv_bayes_options o = usual(7.0);
        assert_int_equal(pv_cells_new(rows, n, &cells), 0);
        assert_int_equal(pv_bayes_fit(pareto(), cells, &o, &p), 0);
        pv_posterior_summary(p, &s);
        for (int k = 0; k < 4; k++)
            assert_true(isfinite(s.param[k].mean) && s.param[k].low95 < s.param[k].high95 &&
                        s.param[k].rhat < 1.1);
        struct pv_posterior_options po = {52, 0.15, 0.8, 0, 1, 1};
        struct pv_posterior_value v[6];
        if (s.usable) {
            assert_int_equal(pv_posterior_predict(p, rows, n, &po, v), 0);
            for (size_t i = 0; i < n; i++)
                assert_true(v[i].p_alive >= 0.0 && v[i].p_alive <= 1.0 && isfinite(v[i].expected) &&
                            isfinite(v[i].dert));
        }
        pv_posterior_free(p);
        pv_cells_free(cells);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct pv_cells *none;
    struct pv_posterior *p = NULL;
    struct pv_bayes_options good = usual(7.0), o;
    assert_int_equal(pv_cells_new(NULL, 0, &none), 0);
    assert_int_equal(pv_bayes_defaults(pv_model_find("bg-nbd"), 7.0, &o), PV_ERR_ARGUMENT);
    assert_int_equal(pv_bayes_defaults(pareto(), -7.0, &o), PV_ERR_ARGUMENT);
    assert_int_equal(pv_bayes_fit(pv_model_find("sbg"), none, &good, &p), PV_ERR_ARGUMENT);
    for (int what = 0; what < 11; what++) {
        o = good;
        switch (what) {
        case 0:
            o.chains = 0;
            break;
        case 1:
            o.chains = 65;
            break;
        case 2:
            o.draws = 3;
            break;
        case 3:
            o.thin = 0;
            break;
        case 4:
            o.warmup = -1;
            break;
        case 5:
            o.walk = 1.5;
            break;
        case 6:
            o.prior[2].median = 0.0;
            break;
        case 7:
            o.prior[3].log_sd = -1.0;
            break;
        case 8:
            o.prior[0].median = NAN;
            break;
        case 9:
            o.unit_days = INFINITY;
            break;
        default:
            o.spread = NAN;
        }
        assert_int_equal(pv_bayes_fit(pareto(), none, &o, &p), PV_ERR_ARGUMENT);
    }
    assert_null(p);
    assert_int_equal(pv_bayes_fit(pareto(), none, &good, &p), 0);
    struct pv_latent l;
    assert_int_equal(pv_posterior_latent(p, 0, 5, 9, 1, 1, &l), PV_ERR_ARGUMENT);
    assert_int_equal(pv_posterior_latent(p, 1, 9, 5, 1, 1, &l), PV_ERR_ARGUMENT);
    const struct pv_customer bad = {.x = 1, .t_x = 9, .T = 5}, fine = {.T = 5};
    struct pv_posterior_value v;
    struct pv_posterior_options po = {39, 0.15, 0.8, 0, 1, 1};
    assert_int_equal(pv_posterior_predict(p, &bad, 1, &po, &v), PV_ERR_ARGUMENT);
    po.level = 1.0;
    assert_int_equal(pv_posterior_predict(p, &fine, 1, &po, &v), PV_ERR_ARGUMENT);
    po.level = 0.5;
    po.horizon = 0.0;
    assert_int_equal(pv_posterior_predict(p, &fine, 1, &po, &v), PV_ERR_ARGUMENT);
    pv_posterior_free(p);
    pv_posterior_free(NULL);
    pv_cells_free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diagnostics_see_what_is_wrong),
        cmocka_unit_test(draws_of_a_customer_are_exact),
        cmocka_unit_test(chains_that_disagree_are_found),
        cmocka_unit_test(predictions_average_over_the_posterior),
        cmocka_unit_test(threads_and_seeds),
        cmocka_unit_test(a_handful_of_customers),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
