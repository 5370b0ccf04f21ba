/* A fit carried on: the same maximum in fewer steps; drift is seen where there is some, and not
 * where there is none. */
#include "value_world.h"

#include "patron_refit.h"

static const struct pv_fit_options week = {7.0, 100.0, 1};

enum { N = 3000, DAYS = 500, MORE = 60 };
static struct pv_customer before[N], after[N];

struct truth {
    const char *model;
    double param[PV_MAX_PARAMS];
};

static const struct truth truths[] = {
    {"bg-nbd", {0.8, 12.0, 0.8, 2.5}},      {"mbg-nbd", {0.8, 12.0, 0.8, 2.0}},
    {"pareto-nbd", {0.8, 10.0, 0.7, 15.0}}, {"nbd", {0.8, 20.0}},
    {"bg-cnbd-2", {0.8, 6.0, 0.8, 2.5}},
};
enum { TRUTHS = sizeof truths / sizeof truths[0] };

/* The same customers at DAYS and MORE days later; from DAYS on, `faster` times as fast. */
static void live_on(const struct truth *t, uint64_t seed, double faster)
{
    const struct pv_model *m = pv_model_find(t->model);
    for (size_t i = 0; i < N; i++) {
        struct pv_rng rng;
        struct pv_future f = {0};
        int32_t T = DAYS - (int32_t)(i % 84), last = 0;
        double time = 0.0;
        pv_rng_start(&rng, seed, i);
        before[i] = (struct pv_customer){.T = T};
        after[i] = (struct pv_customer){.T = T + MORE};
        bool stays = pv_rng_uniform(&rng) < m->buying->p_alive(m, t->param, 0.0, 0.0, 0.0, NULL);
        m->buying->draw(m, t->param, 0.0, 0.0, &rng, &f);
        while (stays && isfinite(time = pv_population_next(&f, time, &rng))) {
            double at = 7.0 * time;
            at = ceil(at > T ? T + (at - T) / faster : at);
            if (at > T + MORE)
                break;
            if ((int32_t)at == last)
                continue;
            last = (int32_t)at;
            for (int which = last > T; which < 2; which++) {
                struct pv_customer *c = which ? &after[i] : &before[i];
                c->x++;
                c->t_x = last;
            }
        }
    }
}

static void warm_and_cold(const struct truth *t, uint64_t seed, int *ret_warm, int *ret_cold)
{
    const struct pv_model *m = pv_model_find(t->model);
    struct pv_cells *cells;
    struct pv_fit cold, warm;
    bool was_warm;
    live_on(t, seed, 1.0);
    struct pv_fit old = world_fit(m, before, N, 7.0);
    assert_int_equal(pv_cells_new(after, N, &cells), 0);
    assert_int_equal(pv_fit_model(m, cells, &week, &cold), 0);
    assert_int_equal(pv_refit_model(m, cells, &week, &old, &warm, &was_warm), 0);
    assert_true(was_warm);
    assert_int_equal(warm.verdict, cold.verdict);
    near_relative(warm.loglik, cold.loglik, 1e-12, "ln L");
    for (int k = 0; k < m->params; k++) {
        near_relative(warm.param[k], cold.param[k], 1e-8, m->name);
        near_relative(warm.std_error[k], cold.std_error[k], 1e-6, "standard error");
    }
    *ret_warm += warm.iterations;
    *ret_cold += cold.iterations;
    pv_cells_free(cells);
}

static void same_maximum_in_fewer_steps(void **state)
{
    (void)state;
    for (int t = 0; t < TRUTHS; t++) {
        int warm = 0, cold = 0;
        for (uint64_t s = 0; s < 3; s++)
            warm_and_cold(&truths[t], 10 + s, &warm, &cold);
        if (getenv("PATRON_SHOW"))
            printf("%-14s steps of Newton: %d from the old fit, %d from nothing\n", truths[t].model,
                   warm / 3, cold / 3);
        if (warm >= cold && strcmp(truths[t].model, "nbd") != 0)
            fail_msg("%s: %d steps from the old fit, %d from nothing", truths[t].model, warm, cold);
    }
}

/* From nonsense, all starting points are tried. */
static void cold_where_warm_leads_nowhere(void **state)
{
    (void)state;
    struct pv_cells *cells;
    struct pv_fit fit, other;
    bool warm = true;
    live_on(&truths[0], 20, 1.0);
    struct pv_fit old = world_fit(bg_model(), before, N, 7.0);
    assert_int_equal(pv_cells_new(after, N, &cells), 0);
    old.param[0] = NAN;
    assert_int_equal(pv_refit_model(bg_model(), cells, &week, &old, &fit, &warm), 0);
    assert_false(warm);
    assert_int_equal(pv_fit_model(bg_model(), cells, &week, &other), 0);
    near_relative(fit.param[0], other.param[0], 1e-12, "r");
    old.unit_days = 1.0;
    assert_int_equal(pv_refit_model(bg_model(), cells, &week, &old, &fit, &warm), PV_ERR_ARGUMENT);
    assert_int_equal(pv_refit_model(pv_model_find("mbg-nbd"), cells, &week, &other, &fit, &warm),
                     PV_ERR_ARGUMENT);
    pv_cells_free(cells);
}

static struct pv_drift drift_of(const struct truth *t, enum pv_growth growth, uint64_t seed,
                                double faster)
{
    const struct pv_model *m = pv_model_find(t->model);
    struct pv_cells *cells;
    struct pv_drift d;
    live_on(t, seed, growth == PV_GROWTH_SAME_CUSTOMERS ? faster : 1.0);
    struct pv_fit old = world_fit(m, before, N, 7.0);
    if (growth == PV_GROWTH_OTHERS) {
        struct truth other = *t;
        other.param[1] /= faster;
        live_on(&other, seed + 1000, 1.0);
    }
    struct pv_fit now = world_fit(m, after, N, 7.0);
    assert_int_equal(pv_cells_new(after, N, &cells), 0);
    assert_int_equal(pv_drift_measure(&old, &now, cells, growth, &d), 0);
    pv_cells_free(cells);
    assert_true(d.lost >= 0.0 && d.kl >= 0.0 && d.distance >= 0.0);
    return d;
}

/* Without drift p-values are uniform or larger: of 40, more than 6 are under 0.05 once in 100 sets
 * of seeds. With rates up by half, for the last 60 days of 500 or for other customers, most of them
 * are under 0.01, and more of the likelihood is lost. */
static void drift_is_seen_where_it_is(void **state)
{
    (void)state;
    enum { SEEDS = 20, FEW = 6 };
    static const int which[] = {0, 4};
    for (int growth = 0; growth < 2; growth++) {
        int calm = 0, seen = 0, more = 0;
        for (int k = 0; k < 2; k++) {
            const struct truth *t = &truths[which[k]];
            for (uint64_t s = 0; s < (uint64_t)repeats(SEEDS, 1); s++) {
                struct pv_drift none = drift_of(t, (enum pv_growth)growth, 30 + s, 1.0);
                calm += none.p_value < 0.05;
                assert_true(none.p_value > 1e-5);
                if (s >= FEW)
                    continue;
                struct pv_drift d = drift_of(t, (enum pv_growth)growth, 30 + s, 1.5);
                seen += d.p_value < 0.01;
                more += d.lost_each > none.lost_each && d.distance > none.distance;
            }
        }
        if (!only_few() && (calm > 6 || seen < 9 || more < 11))
            fail_msg("growth %d: %d of 40 without drift, %d of 12 with it, %d farther", growth,
                     calm, seen, more);
    }
}

/* One parameter, by hand: NBD with alpha known to 10 %, r not moved. */
static void drift_by_hand(void **state)
{
    (void)state;
    struct pv_cells *cells;
    struct pv_fit old, now;
    struct pv_drift d;
    live_on(&truths[3], 50, 1.0);
    assert_int_equal(pv_cells_new(after, N, &cells), 0);
    assert_int_equal(pv_fit_model(pv_model_find("nbd"), cells, &week, &now), 0);
    old = now;
    old.param[1] *= exp(0.2);
    old.log_cov[0] = old.log_cov[3] = 0.01;
    old.log_cov[1] = old.log_cov[2] = 0.0;
    now.log_cov[0] = now.log_cov[3] = 0.005;
    now.log_cov[1] = now.log_cov[2] = 0.0;
    assert_int_equal(pv_drift_measure(&old, &now, cells, PV_GROWTH_SAME_CUSTOMERS, &d), 0);
    near_relative(d.distance, 2.0 / sqrt(2.0), 1e-12, "distance");
    near_relative(d.wald, 8.0, 1e-12, "Hausman");
    assert_int_equal(d.df, 2);
    near_relative(d.p_value, exp(-4.0), 1e-12, "chi-squared of two");
    near_relative(d.kl, 0.5 * (2 * 0.5 - 2 - 2 * log(0.5) + 4.0), 1e-12, "Kullback-Leibler");
    assert_int_equal(pv_drift_measure(&old, &now, cells, PV_GROWTH_OTHERS, &d), 0);
    near_relative(d.wald, 4.0 / 1.5, 1e-12, "Wald");
    /* No new information: a difference of as much as that cannot be. */
    now.log_cov[0] = now.log_cov[3] = 0.01;
    assert_int_equal(pv_drift_measure(&old, &now, cells, PV_GROWTH_SAME_CUSTOMERS, &d), 0);
    near_relative(d.wald, 4.0 / 0.1, 1e-9, "nothing new");
    assert_int_equal(pv_drift_measure(&now, &now, cells, PV_GROWTH_SAME_CUSTOMERS, &d), 0);
    assert_true(d.wald == 0.0 && d.p_value == 1.0 && d.lost == 0.0);
    memset(old.log_cov, 0, sizeof old.log_cov);
    assert_int_equal(pv_drift_measure(&old, &now, cells, PV_GROWTH_OTHERS, &d), PV_ERR_ARGUMENT);
    pv_cells_free(cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_maximum_in_fewer_steps),
        cmocka_unit_test(cold_where_warm_leads_nowhere),
        cmocka_unit_test(drift_is_seen_where_it_is),
        cmocka_unit_test(drift_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
