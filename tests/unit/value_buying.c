/* What must hold of every model of repeat purchases, whatever its name: identities between its
 * quantities, derivatives, recovery of known parameters, calibration of intervals. */
#include "value_test.h"

#include "population.h"

#include "valuer.h"

struct world {
    const char *model;
    double param[PV_MAX_PARAMS]; /* weeks; rare buyers, so that days with two purchases are few */
    double busy[PV_MAX_PARAMS];  /* another place to look at the quantities */
};

static const struct world worlds[] = {
    {"bg-nbd", {0.8, 20.0, 0.8, 2.5}, {1.3, 2.0, 2.5, 4.0}},
    {"mbg-nbd", {0.8, 20.0, 0.8, 2.5}, {1.3, 2.0, 2.5, 4.0}},
    {"pareto-nbd", {0.8, 20.0, 0.7, 15.0}, {1.3, 9.0, 2.5, 4.0}},
    {"ggompertz-nbd", {0.8, 20.0, 0.03, 0.8, 2.0}, {1.3, 9.0, 0.1, 1.5, 0.3}},
    {"nbd", {0.8, 20.0}, {1.3, 9.0}},
    {"bg-cnbd-2", {0.8, 10.0, 0.8, 2.5}, {1.3, 2.0, 2.5, 4.0}},
    {"mbg-cnbd-3", {0.8, 7.0, 0.8, 2.5}, {1.3, 2.0, 2.5, 4.0}},
};
enum { WORLDS = sizeof worlds / sizeof worlds[0] };

struct customer {
    double x, t_x, T;
};
static const struct customer customers[] = {
    {0, 0, 0},         {0, 0, 38.86},     {2, 30.43, 38.86}, {1, 1.71, 38.86},
    {7, 29.43, 38.86}, {26, 30.86, 31.0}, {300, 150, 200},
};
enum { CUSTOMERS = sizeof customers / sizeof customers[0] };

typedef void check_fn(const struct pv_model *m, const double *param, const struct customer *c);

static void everywhere(check_fn *check)
{
    for (int w = 0; w < WORLDS; w++) {
        const struct pv_model *m = pv_model_find(worlds[w].model);
        assert_non_null(m);
        for (int i = 0; i < CUSTOMERS; i++) {
            check(m, worlds[w].param, &customers[i]);
            check(m, worlds[w].busy, &customers[i]);
        }
    }
}

static void check_pmf(const struct pv_model *m, const double *p, const struct customer *c)
{
    enum { MOST = 4000 };
    static double pmf[MOST], tail[MOST];
    const double t = 39.0;
    assert_int_equal(pv_predict_pmf(m, p, c->x, c->t_x, c->T, t, MOST, pmf), 0);
    double sum = 0.0, mean = 0.0;
    for (int k = 0; k < MOST; k++) {
        assert_true(pmf[k] >= 0.0);
        sum += pmf[k];
        mean += k * pmf[k];
    }
    near_relative(sum, 1.0, 1e-11, m->name);
    near_relative(mean, pv_predict_expected(m, p, c->x, c->t_x, c->T, t), 1e-9, "mean of the PMF");
    near_relative(pv_predict_none(m, p, c->x, c->t_x, c->T, t), pmf[0], 1e-14, "no purchase");
    struct pv_states states;
    double mixed[64] = {0.0};
    size_t n = 64;
    pv_states_of(m, p, c->x, c->t_x, c->T, false, &states);
    for (int j = 0; j < states.n; j++) {
        size_t here = m->buying->tail(m, p, states.first + j, c->T, t, 1e-3, MOST, tail);
        for (size_t k = 0; k < 64 && k < here; k++)
            mixed[k] += states.weight[j] * tail[k];
        n = here < n ? here : n;
    }
    double alive = pv_predict_alive(m, p, c->x, c->t_x, c->T, 0.0), below = pmf[0];
    for (size_t k = 1; k < n; k++) {
        if (!(fabs(alive * mixed[k] - (1.0 - below)) < 1e-6))
            fail_msg("%s: P(N >= %zu) %.10g, want %.10g", m->name, k, alive * mixed[k],
                     1.0 - below);
        below += pmf[k];
    }
}

static void distributions_sum_to_their_means(void **state)
{
    (void)state;
    everywhere(check_pmf);
}

/* A purchase in a short time to come; leaving lowers the rate of purchases as P(alive) falls. */
static void check_time(const struct pv_model *m, const double *p, const struct customer *c)
{
    double before = 0.0, alive = pv_predict_alive(m, p, c->x, c->t_x, c->T, 0.0);
    assert_true(alive > 0.0 && alive <= 1.0);
    for (double t = 1.0; t < 200.0; t *= 3.0) {
        double later = pv_predict_alive(m, p, c->x, c->t_x, c->T, t);
        double expected = pv_predict_expected(m, p, c->x, c->t_x, c->T, t);
        assert_true(later > 0.0 && (later < alive || m->params == 2));
        assert_true(expected > before);
        alive = later;
        before = expected;
    }
    assert_true(isnan(pv_predict_expected(m, p, c->x, c->T + 1.0, c->T, 1.0)));
    assert_true(isnan(pv_predict_dert(m, p, c->x, c->t_x, c->T, 0.0)));
    double none[PV_MAX_PARAMS] = {0.0};
    assert_true(isnan(pv_predict_loglik(m, none, c->x, c->t_x, c->T)));
}

static void time_only_takes_away(void **state)
{
    (void)state;
    everywhere(check_time);
}

/* The likelihood of buying nothing since t_x falls in T by the rate at which a purchase was to be
 * expected: d ln L / dT = -E[purchases in dt] / dt. */
static void check_silence(const struct pv_model *m, const double *p, const struct customer *c)
{
    double h = 1e-3, T = c->T + 2 * h, t_x = c->t_x, e = 1e-4;
    double slope = (8.0 * (pv_predict_loglik(m, p, c->x, t_x, T + h) -
                           pv_predict_loglik(m, p, c->x, t_x, T - h)) -
                    (pv_predict_loglik(m, p, c->x, t_x, T + 2 * h) -
                     pv_predict_loglik(m, p, c->x, t_x, T - 2 * h))) /
                   (12.0 * h);
    double want = -(4.0 * pv_predict_expected(m, p, c->x, t_x, T, 0.5 * e) -
                    pv_predict_expected(m, p, c->x, t_x, T, e)) /
                  e;
    if (!(fabs(slope - want) < 1e-6 * fabs(want) + 1e-8))
        fail_msg("%s: slope of ln L %.12g, want %.12g", m->name, slope, want);
}

static void silence_costs_what_a_purchase_is_likely(void **state)
{
    (void)state;
    everywhere(check_silence);
}

/* Between 1 % and 99 % the time of the next purchase and the chance of none until then say the
 * same, and whoever may be gone has one only as far as they may be alive. */
static void check_next(const struct pv_model *m, const double *p, const struct customer *c)
{
    static const double chance[] = {0.01, 0.25, 0.5, 0.75, 0.99};
    double before = 0.0, alive = pv_predict_alive(m, p, c->x, c->t_x, c->T, 0.0);
    for (int i = 0; i < 5; i++) {
        double t = pv_predict_next(m, p, c->x, c->t_x, c->T, chance[i]);
        assert_true(t > before);
        if (isfinite(t))
            near_relative(pv_predict_none(m, p, c->x, c->t_x, c->T, t), 1.0 - chance[i], 1e-9,
                          m->name);
        else
            assert_true(pv_predict_none(m, p, c->x, c->t_x, c->T, 1e8) > 1.0 - chance[i]);
        if (chance[i] > alive)
            assert_true(isinf(t));
        before = isfinite(t) ? t : before;
    }
}

/* NBD: P(none) = ((alpha + T) / (alpha + T + t))^(r + x), Ehrenberg (1959). */
static void the_next_purchase_has_a_time(void **state)
{
    (void)state;
    everywhere(check_next);
    const double nbd[] = {0.8, 12.0};
    near_relative(pv_predict_next(pv_model_find("nbd"), nbd, 3.0, 20.0, 40.0, 0.5),
                  52.0 * (pow(0.5, -1.0 / 3.8) - 1.0), 1e-11, "NBD");
    const double bgbb[] = {1.2, 0.75, 0.66, 2.8}; /* opportunities are whole */
    const struct pv_model *m = pv_model_find("bg-bb");
    double t = pv_predict_next(m, bgbb, 5.0, 6.0, 6.0, 0.8);
    assert_true(t == floor(t) && pv_predict_none(m, bgbb, 5.0, 6.0, 6.0, t) <= 0.2 &&
                pv_predict_none(m, bgbb, 5.0, 6.0, 6.0, t - 1.0) > 0.2);
    assert_true(isnan(pv_predict_next(m, bgbb, 5.0, 6.0, 6.0, 1.0)));
    assert_true(isnan(pv_predict_next(pv_model_find("sbg"), nbd, 1.0, 0.0, 3.0, 0.5)));
}

/* As the discounted sum of what is expected in short spans, Richardson-extrapolated. */
static void check_dert(const struct pv_model *m, const double *p, const struct customer *c)
{
    const double delta = 0.05;
    double sums[2];
    if (c->x > 50)
        return;
    for (int half = 0; half < 2; half++) {
        double h = half ? 0.5 : 1.0, before = 0.0, sum = 0.0;
        for (double t = h; t <= 400.0; t += h) { /* e^-20 is left */
            double to = pv_predict_expected(m, p, c->x, c->t_x, c->T, t);
            sum += (to - before) * exp(-delta * (t - 0.5 * h));
            before = to;
        }
        sums[half] = sum;
    }
    /* Regular buyers do not buy at once: less smooth at the start. */
    near_relative(pv_predict_dert(m, p, c->x, c->t_x, c->T, delta),
                  sums[1] + (sums[1] - sums[0]) / 3.0, m->regular > 1 ? 1e-4 : 1e-5, m->name);
}

static void dert_is_the_discounted_sum(void **state)
{
    (void)state;
    everywhere(check_dert);
}

/* d ln P(alive) and d ln DERT by ln parameter, against differences; DERT of many T at once. */
static void check_slopes(const struct pv_model *m, const double *p, const struct customer *c)
{
    const double T[] = {c->T, c->T + 0.5, c->T + 30.0}, h = 1e-4;
    double slope[PV_MAX_PARAMS], dert[3], dert_slope[3 * PV_MAX_PARAMS];
    (void)m->buying->p_alive(m, p, c->x, c->t_x, c->T, slope);
    assert_int_equal(m->buying->dert(m, p, c->x, T, 3, 0.003, dert, dert_slope), 0);
    for (int k = 0; k < m->params; k++) {
        double up[PV_MAX_PARAMS], down[PV_MAX_PARAMS], a[2], d[2];
        memcpy(up, p, sizeof up);
        memcpy(down, p, sizeof down);
        up[k] *= exp(h);
        down[k] *= exp(-h);
        a[0] = m->buying->p_alive(m, down, c->x, c->t_x, c->T, NULL);
        a[1] = m->buying->p_alive(m, up, c->x, c->t_x, c->T, NULL);
        double want = log(a[1] / a[0]) / (2 * h);
        if (!(fabs(slope[k] - want) < 1e-5 * fabs(want) + 1e-7))
            fail_msg("%s: d ln P(alive) / d ln %s %.9g, want %.9g", m->name, m->param[k], slope[k],
                     want);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(m->buying->dert(m, down, c->x, &T[i], 1, 0.003, &d[0], NULL), 0);
            assert_int_equal(m->buying->dert(m, up, c->x, &T[i], 1, 0.003, &d[1], NULL), 0);
            want = log(d[1] / d[0]) / (2 * h);
            if (!(fabs(dert_slope[i * m->params + k] - want) < 1e-4 * fabs(want) + 1e-5))
                fail_msg("%s: d ln DERT / d ln %s %.9g, want %.9g", m->name, m->param[k],
                         dert_slope[i * m->params + k], want);
        }
    }
    for (int i = 0; i < 3; i++) {
        double one;
        assert_int_equal(m->buying->dert(m, p, c->x, &T[i], 1, 0.003, &one, NULL), 0);
        near_relative(dert[i], one, 1e-10, "one T or three");
    }
    /* Of the states: weights add up to 1, and their slopes are differences, too. */
    struct pv_states s;
    double sum = 0.0;
    pv_states_of(m, p, c->x, c->t_x, c->T, true, &s);
    for (int j = 0; j < s.n; j++) {
        sum += s.weight[j];
        for (int k = 0; k < m->params && s.weight[j] > 1e-9; k++) {
            struct pv_states up_s, down_s;
            double up[PV_MAX_PARAMS], down[PV_MAX_PARAMS];
            memcpy(up, p, sizeof up);
            memcpy(down, p, sizeof down);
            up[k] *= exp(h);
            down[k] *= exp(-h);
            pv_states_of(m, up, c->x, c->t_x, c->T, false, &up_s);
            pv_states_of(m, down, c->x, c->t_x, c->T, false, &down_s);
            double want = log(up_s.weight[j] / down_s.weight[j]) / (2 * h);
            assert_true(fabs(s.slope[j * m->params + k] - want) < 1e-5 * fabs(want) + 1e-7);
        }
    }
    near_relative(sum, 1.0, 1e-14, "weights of the states");
}

static void slopes_are_differences(void **state)
{
    (void)state;
    everywhere(check_slopes);
}

/* ---- Simulated worlds ------------------------------------------------------------------------ */

/* A customer of the model, by its own account of a future from the first purchase on. */
static struct pv_customer live(const struct pv_model *m, const double *p, struct pv_rng *rng,
                               int32_t T, int32_t holdout, struct pv_gaps *gaps)
{
    struct pv_customer c = {.T = T};
    struct pv_future f = {0};
    double t = 0.0;
    int32_t last = 0;
    if (pv_rng_uniform(rng) >= m->buying->p_alive(m, p, 0.0, 0.0, 0.0, NULL))
        return c;
    m->buying->draw(m, p, 0.0, 0.0, rng, &f);
    while (isfinite(t = pv_population_next(&f, t, rng))) {
        int32_t day = (int32_t)fmin(ceil(7.0 * t), 1e8);
        if (day > T + holdout)
            break;
        if (day == last)
            continue;
        if (day > T) {
            c.x_star++;
        } else {
            gaps->sum_log += log((day - last) / 7.0);
            gaps->count++;
            c.x++;
            c.t_x = day;
        }
        last = day;
    }
    c.spend = 2500 * c.x;
    return c;
}

static struct pv_gaps gaps_of_last_world;

static struct pv_customer *populate(const struct world *w, size_t n, int32_t T, int32_t holdout)
{
    const struct pv_model *m = pv_model_find(w->model);
    struct pv_customer *rows = malloc(n * sizeof *rows);
    assert_non_null(rows);
    gaps_of_last_world = (struct pv_gaps){0};
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 29, i);
        rows[i] = live(m, w->param, &rng, T - (int32_t)(i % 84), holdout, &gaps_of_last_world);
    }
    return rows;
}

static struct pv_fit fit_rows(const char *model, const struct pv_customer *rows, size_t n)
{
    static const struct pv_fit_options week = {7.0, 100.0, 1};
    struct pv_cells *cells;
    struct pv_fit fit;
    assert_int_equal(pv_cells_new(rows, n, &cells), 0);
    assert_int_equal(pv_fit_model(pv_model_find(model), cells, &week, &fit), 0);
    pv_cells_free(cells);
    return fit;
}

static void known_parameters_come_back(void **state)
{
    (void)state;
    for (int w = 0; w < WORLDS; w++) {
        size_t n = 30000;
        struct pv_customer *rows = populate(&worlds[w], n, 700, 0);
        struct pv_fit fit = fit_rows(worlds[w].model, rows, n);
        assert_int_equal(fit.verdict, PV_VERDICT_OK);
        for (int i = 0; i < fit.params; i++) {
            double want = worlds[w].param[i];
            if (!(fabs(fit.param[i] - want) < 3.0 * fit.std_error[i]))
                fail_msg("%s: %s %g ± %g, want %g", fit.model, fit.name[i], fit.param[i],
                         fit.std_error[i], want);
        }
        free(rows);
    }
}

static double sum_loglik(const struct pv_model *m, const struct pv_customer *rows, size_t n,
                         const double *p)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += pv_predict_loglik(m, p, rows[i].x, rows[i].t_x / 7.0, rows[i].T / 7.0);
    return sum;
}

/* By cells or one by one, in double or with differences: away from the maximum, too. */
static void derivatives_are_right(void **state)
{
    (void)state;
    enum { N = 1500 };
    for (int w = 0; w < WORLDS; w++) {
        struct pv_customer *rows = populate(&worlds[w], N, 400, 0);
        const struct pv_model *m = pv_model_find(worlds[w].model);
        struct pv_cells *cells;
        assert_int_equal(pv_cells_new(rows, N, &cells), 0);
        for (int place = 0; place < 2; place++) {
            const double *p = place ? worlds[w].busy : worlds[w].param;
            struct pv_fit_data d = {.stride = 1, .unit_days = 7.0, .max_day = 400};
            d.cell = pv_cells_data(cells, &d.cells);
            d.room = malloc(((m->room ? m->room(m, &d) : 0) + 1) * sizeof *d.room);
            assert_non_null(d.room);
            double grad[PV_MAX_PARAMS], hess[PV_MAX_PARAMS * PV_MAX_PARAMS];
            double value = m->eval(m, &d, p, grad, hess), h = 1e-4;
            near_relative(value, sum_loglik(m, rows, N, p), 1e-11, m->name);
            near_relative(m->eval(m, &d, p, NULL, NULL), value, 1e-13, "without derivatives");
            for (int i = 0; i < m->params; i++) {
                double q[2][PV_MAX_PARAMS], g[2][PV_MAX_PARAMS], v[2];
                double junk[PV_MAX_PARAMS * PV_MAX_PARAMS];
                for (int s = 0; s < 2; s++) {
                    memcpy(q[s], p, sizeof q[s]);
                    q[s][i] += s ? h * p[i] : -h * p[i];
                    v[s] = sum_loglik(m, rows, N, q[s]);
                    (void)m->eval(m, &d, q[s], g[s], junk);
                }
                double scale = fabs(value) / p[i];
                if (!(fabs(grad[i] - (v[1] - v[0]) / (2 * h * p[i])) < 2e-8 * scale))
                    fail_msg("%s: d/d%s %.9g, want %.9g", m->name, m->param[i], grad[i],
                             (v[1] - v[0]) / (2 * h * p[i]));
                for (int j = 0; j < m->params; j++) {
                    double want = (g[1][j] - g[0][j]) / (2 * h * p[i]);
                    if (!(fabs(hess[i * m->params + j] - want) < 1e-7 * scale / p[j]))
                        fail_msg("%s: d2/d%s d%s %.9g, want %.9g", m->name, m->param[i],
                                 m->param[j], hess[i * m->params + j], want);
                }
            }
            free(d.room);
        }
        pv_cells_free(cells);
        free(rows);
    }
}

static void days_and_weeks_agree(void **state)
{
    (void)state;
    enum { N = 3000 };
    for (int w = 0; w < WORLDS; w++) {
        struct pv_customer *rows = populate(&worlds[w], N, 500, 0);
        struct pv_fit weeks = fit_rows(worlds[w].model, rows, N), days;
        struct pv_fit_options day = {1.0, 100.0, 1};
        struct pv_cells *cells;
        assert_int_equal(pv_cells_new(rows, N, &cells), 0);
        assert_int_equal(pv_fit_model(pv_model_find(weeks.model), cells, &day, &days), 0);
        near_relative(days.param[0], weeks.param[0], 1e-6, "r");
        near_relative(days.param[1], 7.0 * weeks.param[1], 1e-6, "alpha");
        pv_cells_free(cells);
        free(rows);
    }
}

static void intervals_hold_what_they_promise(void **state)
{
    (void)state;
    enum { N = 8000 };
    for (int w = 0; w < WORLDS; w++) {
        struct pv_customer *rows = populate(&worlds[w], N, 500, 364);
        struct pv_fit fit = fit_rows(worlds[w].model, rows, N);
        struct pv_valuer_options o = {
            .unit_days = 7.0, .money_scale = 100.0, .horizon = 52, .discount = 0.15, .seed = 1};
        struct pv_valuer *v;
        struct pv_holdout h;
        assert_int_equal(pv_valuer_new(&fit, NULL, &o, rows, N, &v), 0);
        assert_int_equal(pv_value_holdout(v, rows, N, &h), 0);
        if (!(fabs(h.predicted / h.actual - 1.0) < 0.06) || h.coverage80 < 0.80 ||
            h.coverage80 > 0.97 || h.coverage95 < 0.94 || h.coverage95 > 0.998)
            fail_msg("%s: predicted %g, actual %g, intervals hold %g and %g", fit.model,
                     h.predicted, h.actual, h.coverage80, h.coverage95);
        /* From the tables of the base, and one by one. */
        for (size_t i = 0; i < N; i += 97) {
            struct pv_value value;
            double t_x = rows[i].t_x / 7.0, T = rows[i].T / 7.0, x = rows[i].x;
            assert_int_equal(pv_value_customers(v, &rows[i], 1, &value), 0);
            near_relative(value.p_alive, pv_predict_alive(v->model, fit.param, x, t_x, T, 0), 1e-10,
                          "P(alive)");
            near_relative(value.expected_orders,
                          pv_predict_expected(v->model, fit.param, x, t_x, T, 52), 1e-10, "E");
            near_relative(value.dert, pv_predict_dert(v->model, fit.param, x, t_x, T, v->delta),
                          1e-10, "DERT");
        }
        pv_valuer_free(v);
        free(rows);
    }
}

/* Simulated futures average to the closed forms. */
static void futures_average_to_the_expectation(void **state)
{
    (void)state;
    enum { DRAWS = 60000 };
    int draws = repeats(DRAWS, 1000);
    double within = 0.04 * sqrt((double)DRAWS / draws);
    double *money = malloc(2 * DRAWS * sizeof *money);
    assert_non_null(money);
    for (int w = 0; w < WORLDS; w++) {
        const struct pv_model *m = pv_model_find(worlds[w].model);
        const double spend[] = {6.25, 3.74, 15.44};
        struct pv_fit fit, gg;
        struct pv_customer row = {.x = 1, .t_x = 5, .T = 100, .spend = 1000};
        struct pv_valuer_options o = {
            .unit_days = 7.0, .money_scale = 100.0, .horizon = 52, .discount = 0.15, .seed = 3};
        struct pv_valuer *v;
        assert_int_equal(pv_fit_given(m, worlds[w].param, 7.0, &fit), 0);
        assert_int_equal(pv_fit_given(pv_model_find("gamma-gamma"), spend, 7.0, &gg), 0);
        assert_int_equal(pv_valuer_new(&fit, &gg, &o, &row, 1, &v), 0);
        const double xs[] = {0, 3, 40};
        for (int k = 0; k < 3; k++) {
            double T = 60.0, sum = 0.0, worth = 0.0, dert;
            pv_simulate(v, xs[k], T, 0.5, 1000, (size_t)draws, money, money + DRAWS);
            for (int i = 0; i < draws; i++) {
                sum += money[i];
                worth += money[DRAWS + i];
            }
            assert_int_equal(m->buying->dert(m, v->theta, xs[k], &T, 1, v->delta, &dert, NULL), 0);
            near_relative(sum / draws, m->buying->mean(m, v->theta, xs[k], T, 52), within, m->name);
            near_relative(worth / draws, dert, within, m->name);
        }
        pv_valuer_free(v);
    }
    free(money);
}

static void tracking_expects_what_happens(void **state)
{
    (void)state;
    for (int w = 0; w < WORLDS; w++) {
        const struct pv_model *m = pv_model_find(worlds[w].model);
        struct pv_builder *b;
        struct pv_history *h;
        assert_int_equal(pv_builder_new_ordered(PV_RETURNS_NET, &b), 0);
        for (uint32_t i = 0; i < 20000; i++) {
            struct pv_rng rng;
            struct pv_future f = {0};
            pv_rng_start(&rng, 31, i);
            int32_t first = (int32_t)(i % 84);
            double t = 0.0;
            assert_int_equal(pv_builder_add(b, i, first, 100), 0);
            bool alive =
                pv_rng_uniform(&rng) < m->buying->p_alive(m, worlds[w].param, 0, 0, 0, NULL);
            m->buying->draw(m, worlds[w].param, 0, 0, &rng, &f);
            while (alive && (t = pv_population_next(&f, t, &rng)) <= 90.0)
                assert_int_equal(pv_builder_add(b, i, first + (int32_t)ceil(7.0 * t), 100), 0);
        }
        assert_int_equal(pv_builder_finish(b, 0, &h, NULL), 0);
        pv_builder_free(b);
        struct pv_fit fit;
        assert_int_equal(pv_fit_given(m, worlds[w].param, 7.0, &fit), 0);
        struct pv_track track[70];
        assert_int_equal(pv_track_periods(h, &fit, 0, 7, 83, 70, track), 0);
        double actual = 0.0, expected = 0.0;
        int in95 = 0;
        for (int i = 0; i < 70; i++) {
            actual += track[i].actual;
            expected += track[i].expected;
            in95 += track[i].actual >= track[i].low95 && track[i].actual <= track[i].high95;
        }
        near_relative(expected, actual, 0.03, m->name);
        if (in95 < 58)
            fail_msg("%s: the band held %d of 70 weeks", m->name, in95);
        pv_history_free(h);
    }
}

/* Of those that are one form with another k, the one that is likeliest. */
static bool best_of_its_form(const struct pv_choice *choice, size_t i)
{
    const struct pv_model *m = pv_model_find(choice->candidate[i].fit.model), *other;
    for (size_t k = 0; m->regular > 1 && k < choice->candidates; k++) {
        other = pv_model_find(choice->candidate[k].fit.model);
        if (other->regular > 1 && other->first_chances == m->first_chances &&
            choice->candidate[k].fit.loglik > choice->candidate[i].fit.loglik)
            return false;
    }
    return true;
}

/* Each world asks for a model that knows how its customers leave; a world without leaving is NBD's,
 * and hardly anything tells the others from it. */
static void the_choice_knows_the_world(void **state)
{
    (void)state;
    struct pv_fit_options week = {7.0, 100.0, 1, &gaps_of_last_world};
    enum { N = 8000 };
    for (int w = 0; w < WORLDS; w++) {
        struct pv_customer *rows = populate(&worlds[w], N, 500, 250);
        struct pv_choice choice;
        const struct pv_candidate *c = choice.candidate;
        for (int tried = 0; tried < (w % 3 == 2 ? 2 : 1); tried++) {
            assert_int_equal(pv_choose_model(rows, N, &week, tried ? 250 / 7.0 : 0.0, &choice), 0);
            size_t n = choice.candidates;
            int best = choice.best, like = choice.like;
            assert_true(choice.customers == N && choice.of == N);
            assert_true(best >= 0 && best != like && n >= WORLDS);
            bool same = strcmp(c[best].fit.model, worlds[w].model) == 0;
            bool near = like >= 0 && strcmp(c[like].fit.model, worlds[w].model) == 0;
            if (!same && !near)
                fail_msg("%s: chosen %s", worlds[w].model, c[best].fit.model);
            /* What the parameters of a usable ridge cannot say, its intervals still can. */
            for (size_t i = 0; tried && i < n; i++)
                if (c[i].fit.verdict == PV_VERDICT_RIDGE && c[i].fit.usable &&
                    !(c[i].holdout.coverage95 > 0.94 && c[i].holdout.coverage80 > 0.8))
                    fail_msg("%s on a ridge: intervals hold %g", c[i].fit.model,
                             c[i].holdout.coverage95);
            for (size_t i = 0; i < n; i++)
                assert_true((c[i].holdout.customers > 0) ==
                            (tried && c[i].fit.usable && best_of_its_form(&choice, i)));
        }
        free(rows);
    }
    struct pv_choice c;
    assert_int_equal(pv_choose_model(NULL, 0, &week, 0.0, &c), 0);
    assert_true(c.best == -1 && c.like == -1 && c.customers == 0 && c.of == 0);
    assert_int_equal(pv_choose_model(NULL, 0, &week, -1.0, &c), PV_ERR_ARGUMENT);
}

static void models_are_known_by_name(void **state)
{
    (void)state;
    const struct pv_model *m;
    size_t n = 0;
    for (; (m = pv_model_at(n)); n++) {
        assert_true(pv_model_find(pv_model_name(m)) == m);
        assert_true(pv_model_params(m) >= 1 && pv_model_params(m) <= PV_MAX_PARAMS);
        for (int i = 0; i < pv_model_params(m); i++)
            assert_non_null(pv_model_param(m, i));
        assert_null(pv_model_param(m, pv_model_params(m)));
        assert_null(pv_model_param(m, -1));
    }
    assert_true(n >= 2);
    assert_null(pv_model_find("crystal-ball"));
    struct pv_fit fit;
    const double bad[] = {1.0, -1.0, 1.0, 1.0};
    assert_int_equal(pv_fit_given(pv_model_find("bg-nbd"), bad, 7.0, &fit), PV_ERR_ARGUMENT);
    struct pv_cells *cells;
    assert_int_equal(pv_cells_from(NULL, 0, &cells), 0);
    struct pv_fit_options week = {7.0, 100.0, 1};
    assert_int_equal(pv_fit_model(pv_model_find("gamma-gamma"), cells, &week, &fit),
                     PV_ERR_ARGUMENT);
    pv_cells_free(cells);
}

/* Nobody leaves: every model that knows leaving says so, and keeps how people buy. */
static void nobody_leaving_is_named(void **state)
{
    (void)state;
    enum { N = 2000 };
    const struct world stay = {"bg-nbd", {1.0, 10.0, 1e-7, 1.0}, {0}};
    struct pv_customer *rows = populate(&stay, N, 600, 0);
    for (int w = 0; w < WORLDS; w++) {
        struct pv_fit fit = fit_rows(worlds[w].model, rows, N);
        if (pv_model_find(fit.model)->regular > 1)
            continue; /* silence says more to those who expect regularity */
        if (fit.verdict != (fit.params == 2 ? PV_VERDICT_OK : PV_VERDICT_NOBODY_LEAVES))
            fail_msg("%s: %s", fit.model, pv_verdict_code(fit.verdict));
        assert_true(fit.usable);
        assert_true(fabs(fit.param[0] - 1.0) < 5.0 * fit.std_error[0] + 0.05);
        assert_true(fit.params == 2 || isnan(fit.std_error[2]));
    }
    free(rows);
}

/* Everybody buys alike: no heterogeneity to measure. Too little: said, not fitted. */
static void hopeless_data_is_named(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct pv_customer *rows = calloc(N, sizeof *rows);
    assert_non_null(rows);
    for (int w = 0; w < WORLDS; w++) {
        for (int i = 0; i < N; i++)
            rows[i] = (struct pv_customer){.x = 10, .t_x = 100, .T = 103};
        struct pv_fit fit = fit_rows(worlds[w].model, rows, N);
        assert_true(fit.verdict == PV_VERDICT_RIDGE || fit.verdict == PV_VERDICT_NOBODY_LEAVES ||
                    fit.verdict == PV_VERDICT_BOUNDARY);
        for (int i = 0; i < N; i++)
            rows[i] = (struct pv_customer){.T = 100};
        assert_int_equal(fit_rows(worlds[w].model, rows, N).verdict,
                         PV_VERDICT_NO_REPEAT_PURCHASES);
        assert_int_equal(fit_rows(worlds[w].model, rows, 5).verdict, PV_VERDICT_TOO_FEW_CUSTOMERS);
        for (int i = 0; i < N; i++)
            rows[i] = (struct pv_customer){.T = 0};
        assert_int_equal(fit_rows(worlds[w].model, rows, N).verdict, PV_VERDICT_SAME_DAY);
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_known_by_name),
        cmocka_unit_test(distributions_sum_to_their_means),
        cmocka_unit_test(time_only_takes_away),
        cmocka_unit_test(silence_costs_what_a_purchase_is_likely),
        cmocka_unit_test(the_next_purchase_has_a_time),
        cmocka_unit_test(dert_is_the_discounted_sum),
        cmocka_unit_test(slopes_are_differences),
        cmocka_unit_test(known_parameters_come_back),
        cmocka_unit_test(derivatives_are_right),
        cmocka_unit_test(days_and_weeks_agree),
        cmocka_unit_test(intervals_hold_what_they_promise),
        cmocka_unit_test(futures_average_to_the_expectation),
        cmocka_unit_test(tracking_expects_what_happens),
        cmocka_unit_test(the_choice_knows_the_world),
        cmocka_unit_test(nobody_leaving_is_named),
        cmocka_unit_test(hopeless_data_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
