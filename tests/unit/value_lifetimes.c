/* G/G/NBD and NBD: figures of 40-digit quadrature, and what the models become at their limits. */
#include "value_test.h"

static const struct pv_model *ggompertz(void)
{
    return pv_model_find("ggompertz-nbd");
}

struct figures {
    double p[5], x, t_x, T;
    double want[6]; /* ln L, P(alive), E[purchases in 39], DERT at 0.0027, P(0 in 39), P(3 in 39) */
};

/* Worked with 40 digits by tanh-sinh quadrature of the definitions. beta below, at and above 1. */
static const struct figures figures[] = {
    {{0.55, 10.6, 0.05, 0.6, 0.3},
     2,
     30,
     39,
     {-10.25650257064185, 0.6775812304795422, 0.7765594046166548, 1.025200252392803,
      0.638606036896423, 0.04945077187648122}},
    {{0.8, 20, 0.03, 0.8, 2},
     0,
     0,
     100,
     {-0.803589175489902, 0.08093001284933376, 0.01385311272901488, 0.02062530037370866,
      0.9888488066749582, 0.000349283723047569}},
    {{0.8, 20, 0.03, 0.8, 200},
     5,
     50,
     60,
     {-18.73222383107344, 0.9910273678912159, 2.744700872267596, 7.794483937790169,
      0.1177649070217098, 0.1756492089979062}},
    {{1.3, 9, 0.1, 1.5, 0.3},
     7,
     29,
     200,
     {-25.02953948707432, 1.134833794404001e-17, 2.995851473134896e-18, 2.95137931444097e-18, 1.0,
      8.995862959143685e-20}},
    {{0.5, 0.5, 1, 0.7, 1},
     1,
     3,
     9,
     {-5.419776356669483, 0.005007181424692451, 0.001129439419101988, 0.001125099748644503,
      0.9991573790789505, 3.849291153485451e-5}},
    {{2, 5, 0.002, 0.6, 0.02},
     400,
     380,
     400,
     {-392.0824874154086, 6.504937942391608e-7, 2.417650677465289e-5, 0.0001451191119207859,
      0.9999993509096168, 1.387795048986967e-9}},
};
enum { FIGURES = sizeof figures / sizeof figures[0] };

static void figures_of_forty_digits(void **state)
{
    (void)state;
    const struct pv_model *m = ggompertz();
    for (int i = 0; i < FIGURES; i++) {
        const struct figures *f = &figures[i];
        double pmf[4];
        near_relative(pv_predict_loglik(m, f->p, f->x, f->t_x, f->T), f->want[0], 1e-11, "ln L");
        near_relative(pv_predict_alive(m, f->p, f->x, f->t_x, f->T, 0), f->want[1], 1e-10,
                      "P(alive)");
        near_relative(pv_predict_expected(m, f->p, f->x, f->t_x, f->T, 39), f->want[2], 1e-10,
                      "E[purchases]");
        near_relative(pv_predict_dert(m, f->p, f->x, f->t_x, f->T, 0.0027), f->want[3], 1e-10,
                      "DERT");
        assert_int_equal(pv_predict_pmf(m, f->p, f->x, f->t_x, f->T, 39, 4, pmf), 0);
        near_relative(pmf[0], f->want[4], 1e-10, "P(0)");
        near_relative(pmf[3], f->want[5], 1e-9, "P(3)");
    }
}

/* b to 0 with beta / b held: Pareto/NBD. */
static void without_ageing_it_is_pareto(void **state)
{
    (void)state;
    const double pareto[] = {0.553, 10.578, 0.606, 11.669}, b = 1e-9;
    const double same[] = {0.553, 10.578, b, 0.606, 11.669 * b};
    const struct pv_model *m = pv_model_find("pareto-nbd");
    const double customer[][3] = {{0, 0, 38.86}, {2, 30.43, 38.86}, {26, 30.86, 31.0}};
    for (int i = 0; i < 3; i++) {
        const double *c = customer[i];
        near_relative(pv_predict_loglik(ggompertz(), same, c[0], c[1], c[2]),
                      pv_predict_loglik(m, pareto, c[0], c[1], c[2]), 1e-7, "ln L");
        near_relative(pv_predict_expected(ggompertz(), same, c[0], c[1], c[2], 39),
                      pv_predict_expected(m, pareto, c[0], c[1], c[2], 39), 1e-6, "E");
    }
}

static void extremes_stay_finite(void **state)
{
    (void)state;
    const double params[][5] = {{0.5, 10, 1e-7, 0.6, 1e-8},
                                {0.5, 10, 50, 0.6, 1e6},
                                {0.5, 10, 5, 1e-5, 1e-8},
                                {500, 1000, 0.1, 50, 800}};
    const double customer[][3] = {
        {0, 0, 0}, {0, 0, 1000}, {5000, 990, 1000}, {1, 1000, 1000}, {300, 150, 200}};
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 5; k++) {
            const double *c = customer[k];
            double alive = pv_predict_alive(ggompertz(), params[i], c[0], c[1], c[2], 0);
            double e = pv_predict_expected(ggompertz(), params[i], c[0], c[1], c[2], 520);
            assert_true(isfinite(pv_predict_loglik(ggompertz(), params[i], c[0], c[1], c[2])));
            assert_true(alive >= 0.0 && alive <= 1.0 && isfinite(e) && e >= 0.0);
            assert_true(isfinite(pv_predict_dert(ggompertz(), params[i], c[0], c[1], c[2], 0.01)));
        }
    }
}

/* A Pareto/NBD world has no ageing in it: the model says so instead of making some up. */
static void no_ageing_is_named(void **state)
{
    (void)state;
    enum { N = 6000 };
    const struct pv_model *m = pv_model_find("pareto-nbd");
    const double truth[] = {0.6, 8.0, 0.6, 12.0};
    struct pv_cell *cell = calloc(N, sizeof *cell);
    assert_non_null(cell);
    for (uint64_t i = 0; i < N; i++) {
        struct pv_rng rng;
        struct pv_future f;
        double t = 0.0;
        pv_rng_start(&rng, 5, i);
        m->buying->draw(m, truth, 0, 0, &rng, &f);
        cell[i] = (struct pv_cell){.T = 300, .count = 1};
        while ((t += pv_rng_exponential(&rng) / f.rate) < f.life && 7.0 * t < 300.0) {
            cell[i].x += (int32_t)ceil(7.0 * t) != cell[i].t_x;
            cell[i].t_x = (int32_t)ceil(7.0 * t);
        }
    }
    struct pv_cells *cells;
    struct pv_fit_options week = {7.0, 100.0, 1};
    struct pv_fit fit;
    assert_int_equal(pv_cells_from(cell, N, &cells), 0);
    assert_int_equal(pv_fit_model(ggompertz(), cells, &week, &fit), 0);
    if (fit.verdict != PV_VERDICT_SIMPLER_MODEL && fit.verdict != PV_VERDICT_RIDGE)
        fail_msg("verdict %s, b %g", pv_verdict_code(fit.verdict), fit.param[2]);
    assert_true(fit.verdict == PV_VERDICT_RIDGE || !fit.usable);
    pv_cells_free(cells);
    free(cell);
}

/* Ehrenberg's NBD by its textbook formulas. */
static void nbd_is_the_textbook(void **state)
{
    (void)state;
    const struct pv_model *m = pv_model_find("nbd");
    const double p[] = {0.385, 12.072}, t = 39.0;
    double pmf[6], want = pow(p[1] / (p[1] + t), p[0]);
    assert_int_equal(pv_predict_pmf(m, p, 0, 0, 0, t, 6, pmf), 0);
    for (int k = 0; k < 6; k++) {
        near_relative(pmf[k], want, 1e-13, "NBD");
        want *= (p[0] + k) / (k + 1.0) * t / (p[1] + t);
    }
    near_relative(pv_predict_expected(m, p, 3, 8, 20, t), 3.385 / 32.072 * t, 1e-13, "mean");
    near_relative(pv_predict_dert(m, p, 3, 8, 20, 0.0027), 3.385 / 32.072 / 0.0027, 1e-12, "DERT");
    near_relative(pv_predict_alive(m, p, 3, 8, 20, 100), 1.0, 1e-15, "alive");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_forty_digits), cmocka_unit_test(without_ageing_it_is_pareto),
        cmocka_unit_test(extremes_stay_finite),    cmocka_unit_test(no_ageing_is_named),
        cmocka_unit_test(nbd_is_the_textbook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
