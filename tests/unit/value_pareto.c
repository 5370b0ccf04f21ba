/* Pareto/NBD against its closed forms in long double, and figures of 40-digit quadrature. */
#include "value_test.h"

static const struct pv_model *model(void)
{
    return pv_model_find("pareto-nbd");
}

struct figures {
    double p[4], x, t_x, T;
    double want[4]; /* ln L, P(alive), E[purchases in 39], DERT at 0.0027 a unit */
};

/* Worked with 40 digits: the integral of the likelihood by tanh-sinh, DERT by the incomplete gamma
 * function. alpha = beta, s = 1, beta far above and far below alpha, and very many purchases. */
static const struct figures figures[] = {
    {{0.5533, 10.5776, 0.6062, 11.6679},
     2,
     30.43,
     38.86,
     {-9.554294202035019, 0.8691210957040591, 1.455137064006721, 6.482448187784097}},
    {{0.5533, 10.5776, 0.6062, 11.6679},
     5000,
     990,
     1000,
     {3030.965464061879, 2.077135741480106e-18, 3.962568930385434e-16, 3.237042490949299e-15}},
    {{2, 3, 1, 3},
     4,
     20,
     50,
     {-15.79379991996351, 0.01994224633428997, 0.06598849389596742, 0.2078013368173942}},
    {{2, 3, 1.5, 9},
     0,
     0,
     50,
     {-1.429771210864719, 0.000797477179503317, 0.0007957401453167956, 0.001864640327004575}},
    {{2, 9, 1.5, 3},
     3,
     1,
     400,
     {-5.301830370339572, 2.189574402451843e-11, 9.737944577015774e-12, 4.977474795220908e-11}},
    {{0.05, 0.01, 0.3, 10000},
     12,
     500,
     1000,
     {-66.96651577867703, 0.153318595908421, 0.07201309416472293, 0.6776181546937179}},
    {{0.7, 10, 0.6, 10000},
     0,
     0,
     1000,
     {-3.145273514473727, 0.867190194710892, 0.02341500889370508, 0.2183273735797299}},
    {{5, 40, 20, 10000},
     300,
     700,
     1000,
     {-568.7584134245924, 1.057790607440503e-43, 1.167997537130279e-42, 6.920694743595606e-42}},
    {{0.9, 2, 1.000001, 0.001},
     1,
     0.5,
     100,
     {-7.904847120789007, 6.947864196585889e-6, 4.261887622023623e-6, 1.669831992918861e-5}},
    {{50, 100, 0.2, 0.05},
     80,
     150,
     160,
     {-137.1943969654588, 0.7044044887647336, 13.43001468594939, 107.5022863553347}},
    {{0.001, 0.001, 0.001, 0.001},
     1,
     0.001,
     1000,
     {-7.602338516034387, 0.001948288342317763, 7.605768831688542e-5, 0.0007221030277964946}},
};
enum { FIGURES = sizeof figures / sizeof figures[0] };

static void figures_of_forty_digits(void **state)
{
    (void)state;
    for (int i = 0; i < FIGURES; i++) {
        const struct figures *f = &figures[i];
        const struct pv_model *m = model();
        near_relative(pv_predict_loglik(m, f->p, f->x, f->t_x, f->T), f->want[0], 1e-12, "ln L");
        near_relative(pv_predict_alive(m, f->p, f->x, f->t_x, f->T, 0), f->want[1], 1e-11,
                      "P(alive)");
        near_relative(pv_predict_expected(m, f->p, f->x, f->t_x, f->T, 39), f->want[2], 1e-11,
                      "E[purchases]");
        near_relative(pv_predict_dert(m, f->p, f->x, f->t_x, f->T, 0.0027), f->want[3], 1e-11,
                      "DERT");
    }
}

static long double hyp2f1(long double a, long double b, long double c, long double z)
{
    long double term = 1.0L, sum = 1.0L;
    for (long double n = 0; n < 1e7L; n += 1.0L) {
        term *= (a + n) * (b + n) / ((c + n) * (n + 1.0L)) * z;
        sum += term;
        if (fabsl(term) < 1e-21L * fabsl(sum))
            break;
    }
    return sum;
}

/* Fader & Hardie (2005), A note on deriving the Pareto/NBD model and related expressions: the
 * likelihood with A0 as the difference of two 2F1, by the larger of alpha and beta. */
static long double loglik_by_a0(const double *p, double x, double t_x, double T)
{
    long double r = p[0], al = p[1], s = p[2], be = p[3], sum = r + s + x;
    long double high = fmaxl(al, be), low = fminl(al, be);
    long double second = al >= be ? s + 1.0L : r + x;
    long double a0 = 0.0L;
    for (int late = 0; late < 2; late++) {
        long double at = high + (late ? T : t_x);
        long double f = hyp2f1(sum, second, sum + 1.0L, (high - low) / at);
        a0 += (late ? -1.0L : 1.0L) * f * powl(at, -sum);
    }
    long double lead = lgammal(r + x) - lgammal(r) + r * logl(al) + s * logl(be);
    return lead + logl(powl(al + T, -(r + x)) * powl(be + T, -s) + s / sum * a0);
}

static void likelihood_is_that_of_the_note(void **state)
{
    (void)state;
    const double params[][4] = {{0.5533, 10.5776, 0.6062, 11.6679},
                                {0.5533, 12.5776, 0.6062, 11.6679},
                                {1.3, 2.0, 2.5, 4.0},
                                {1.3, 5.0, 0.4, 3.0},
                                {0.4, 7.0, 1.0, 7.0}};
    const double customer[][3] = {
        {0, 0, 38.86}, {2, 30.43, 38.86}, {1, 1.71, 38.86}, {7, 29.43, 38.86}, {26, 30.86, 31.0}};
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 5; k++) {
            const double *c = customer[k];
            near_relative(pv_predict_loglik(model(), params[i], c[0], c[1], c[2]),
                          (double)loglik_by_a0(params[i], c[0], c[1], c[2]), 1e-10, "ln L");
        }
    }
}

/* Schmittlein, Morrison & Colombo (1987): E[X(t)] of a new customer. */
static void new_customers_are_the_closed_form(void **state)
{
    (void)state;
    const double p[] = {0.553, 10.578, 0.606, 11.669};
    for (double t = 1.0; t < 300.0; t *= 2.0) {
        double want =
            p[0] * p[3] / (p[1] * (p[2] - 1.0)) * (1.0 - pow(p[3] / (p[3] + t), p[2] - 1.0));
        near_relative(pv_predict_expected(model(), p, 0, 0, 0, t), want, 1e-12, "E[X(t)]");
    }
}

static void s_of_one_is_an_ordinary_value(void **state)
{
    (void)state;
    const double one[] = {0.553, 10.578, 1.0, 11.669};
    double low[4], high[4];
    memcpy(low, one, sizeof low);
    memcpy(high, one, sizeof high);
    low[2] -= 1e-6;
    high[2] += 1e-6;
    for (int k = 0; k < 2; k++) {
        const double *at[] = {low, one, high};
        double v[3];
        for (int i = 0; i < 3; i++)
            v[i] = k ? pv_predict_dert(model(), at[i], 2, 30, 39, 0.003)
                     : pv_predict_expected(model(), at[i], 2, 30, 39, 39);
        near_relative(v[1], 0.5 * (v[0] + v[2]), 1e-10, "s = 1 lies between");
    }
    /* With s = 1 the lifetime left is on average (beta + T) ln(1 + t / (beta + T)). */
    double left = 50.669 * log1p(39.0 / 50.669),
           alive = pv_predict_alive(model(), one, 2, 30, 39, 0);
    near_relative(pv_predict_expected(model(), one, 2, 30, 39, 39), alive * 2.553 / 49.578 * left,
                  1e-12, "E at s = 1");
}

static void extremes_stay_finite(void **state)
{
    (void)state;
    const double params[][4] = {{0.553, 10.578, 0.606, 11.669},
                                {1e-4, 1e-3, 1e-4, 1e-3},
                                {500, 1000, 50, 800},
                                {0.5, 10, 0.6, 1e7},
                                {0.5, 10, 1e5, 1e7},
                                {0.5, 1e-5, 0.6, 1e4}};
    const double customer[][3] = {{0, 0, 0},         {0, 0, 1e-9},       {0, 0, 1000},
                                  {5000, 990, 1000}, {5000, 1e-3, 1000}, {1, 1000, 1000},
                                  {300, 150, 200}};
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 7; k++) {
            const double *c = customer[k];
            double alive = pv_predict_alive(model(), params[i], c[0], c[1], c[2], 0);
            double e = pv_predict_expected(model(), params[i], c[0], c[1], c[2], 520);
            double d = pv_predict_dert(model(), params[i], c[0], c[1], c[2], 0.0027);
            assert_true(isfinite(pv_predict_loglik(model(), params[i], c[0], c[1], c[2])));
            assert_true(alive >= 0.0 && alive <= 1.0);
            assert_true(isfinite(e) && e >= 0.0);
            assert_true(isfinite(d) && d >= 0.0);
        }
    }
}

/* Cells that make the panels of the day tables short: tiny alpha, huge x, beta far away. */
static void day_tables_hold_at_the_edges(void **state)
{
    (void)state;
    const struct pv_cell in[] = {{0, 0, 3, 5},        {1, 1, 1, 1},     {1, 1, 300, 3},
                                 {3, 40, 300, 2},     {400, 10, 90, 1}, {900, 2000, 2001, 1},
                                 {900, 1000, 2500, 1}};
    const double params[][4] = {{0.553, 10.578, 0.606, 11.669},
                                {0.2, 0.01, 0.6, 50.0},
                                {0.2, 1e-4, 1.0, 1e-4},
                                {20.0, 15.0, 40.0, 8000.0},
                                {0.5, 10.0, 1e-5, 1e-3}};
    struct pv_cells *cells;
    assert_int_equal(pv_cells_from(in, 7, &cells), 0);
    struct pv_fit_data d = {.stride = 1, .unit_days = 7.0, .max_day = 2500};
    d.cell = pv_cells_data(cells, &d.cells);
    d.room = malloc((model()->room(model(), &d) + 1) * sizeof *d.room);
    assert_non_null(d.room);
    for (int i = 0; i < 5; i++) {
        double want = 0.0, grad[4], hess[16];
        for (int k = 0; k < 7; k++)
            want += in[k].count *
                    pv_predict_loglik(model(), params[i], in[k].x, in[k].t_x / 7.0, in[k].T / 7.0);
        near_relative(model()->eval(model(), &d, params[i], grad, hess), want, 1e-9,
                      "sum of cells");
        for (int k = 0; k < 4; k++)
            assert_true(isfinite(grad[k]) && isfinite(hess[k * 5]));
    }
    free(d.room);
    pv_cells_free(cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_forty_digits),
        cmocka_unit_test(likelihood_is_that_of_the_note),
        cmocka_unit_test(new_customers_are_the_closed_form),
        cmocka_unit_test(s_of_one_is_an_ordinary_value),
        cmocka_unit_test(extremes_stay_finite),
        cmocka_unit_test(day_tables_hold_at_the_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
