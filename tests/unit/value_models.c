/* Quantities at given parameters against the closed forms of the papers, in long double. */
#include "value_test.h"

static long double lbeta(long double a, long double b)
{
    return lgammal(a) + lgammal(b) - lgammal(a + b);
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

struct customer {
    double x, t_x, T;
};
static const struct customer customers[] = {
    {2, 30.43, 38.86}, {1, 1.71, 38.86},    {0, 0, 38.86},     {7, 29.43, 38.86}, {26, 30.86, 31.0},
    {29, 37, 38.57},   {300, 150.0, 200.0}, {5000, 990, 1000}, {1, 38.0, 38.5},   {0, 0, 0},
};
enum { CUSTOMERS = sizeof customers / sizeof customers[0] };

/* [FHL05] eq. 6, term by term. */
static void loglik_is_equation_6(void **state)
{
    (void)state;
    const struct bg_nbd *m = &published;
    for (int i = 0; i < CUSTOMERS; i++) {
        const struct customer *c = &customers[i];
        long double x = c->x, r = m->r, al = m->alpha, a = m->a, b = m->b;
        long double lead = lgammal(r + x) - lgammal(r) + r * logl(al) - lbeta(a, b);
        long double alive = lbeta(a, b + x) - (r + x) * logl(al + c->T);
        long double gone =
            x > 0 ? lbeta(a + 1, b + x - 1) - (r + x) * logl(al + c->t_x) : -INFINITY;
        long double top = fmaxl(alive, gone);
        long double want = lead + top + logl(expl(alive - top) + expl(gone - top));
        near_relative(bg_loglik(m, c->x, c->t_x, c->T), (double)want, 1e-11, "loglik");
        double p = bg_p_alive(m, c->x, c->t_x, c->T);
        near_relative(p, (double)(expl(alive - top) / (expl(alive - top) + expl(gone - top))), 1e-9,
                      "P(alive)");
    }
}

/* [FHL05] eq. 10; a away from 1. */
static void expected_is_equation_10(void **state)
{
    (void)state;
    const struct bg_nbd models[] = {published, {1.3, 2.0, 2.5, 4.0}, {0.1, 10.0, 0.3, 0.6}};
    const double ahead[] = {1.0, 13.0, 39.0, 104.0};
    for (int k = 0; k < 3; k++) {
        const struct bg_nbd *m = &models[k];
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j < 4; j++) {
                long double x = customers[i].x, T = customers[i].T, t = ahead[j];
                long double r = m->r, al = m->alpha, a = m->a, b = m->b;
                long double f = hyp2f1(r + x, b + x, a + b + x - 1, t / (al + T + t));
                long double inner = 1 - powl((al + T) / (al + T + t), r + x) * f;
                long double want = (a + b + x - 1) / (a - 1) * inner;
                double p = bg_p_alive(m, customers[i].x, customers[i].t_x, customers[i].T);
                near_relative(
                    bg_expected(m, customers[i].x, customers[i].t_x, customers[i].T, ahead[j]),
                    p * (double)want, 1e-11, "expected purchases");
            }
        }
        long double r = m->r, al = m->alpha, a = m->a, b = m->b;
        long double f = hyp2f1(r, b, a + b - 1, 39.0L / (al + 39.0L));
        long double want = (a + b - 1) / (a - 1) * (1 - powl(al / (al + 39.0L), r) * f);
        near_relative(bg_expected_new(m, 39.0), (double)want, 1e-11, "new customer");
    }
}

static void a_of_one_is_an_ordinary_value(void **state)
{
    (void)state;
    struct bg_nbd one = {0.243, 4.414, 1.0, 2.426}, low = one, high = one;
    low.a = 1.0 - 1e-6;
    high.a = 1.0 + 1e-6;
    for (int i = 0; i < CUSTOMERS; i++) {
        const struct customer *c = &customers[i];
        double v[3][2];
        const struct bg_nbd *m[3] = {&low, &one, &high};
        for (int k = 0; k < 3; k++) {
            v[k][0] = bg_expected(m[k], c->x, c->t_x, c->T, 39.0);
            v[k][1] = bg_dert(m[k], c->x, c->t_x, c->T, 0.0027);
        }
        for (int k = 0; k < 2; k++) {
            assert_true(isfinite(v[1][k]));
            near_relative(v[1][k], 0.5 * (v[0][k] + v[2][k]), 1e-9, "a = 1 lies between");
        }
    }
}

static void pmf_is_equation_8_and_sums(void **state)
{
    (void)state;
    const struct bg_nbd *m = &published;
    double pmf[2000], sum = 0.0, mean = 0.0;
    const double t = 39.0;
    assert_int_equal(bg_pmf(m, 0, 0, 0, t, 2000, pmf), 0);
    for (int k = 0; k < 2000; k++) {
        sum += pmf[k];
        mean += k * pmf[k];
    }
    near_relative(sum, 1.0, 1e-12, "sum of the PMF");
    near_relative(mean, bg_expected_new(m, t), 1e-10, "mean of the PMF");
    long double r = m->r, al = m->alpha, a = m->a, b = m->b;
    for (int x = 0; x < 12; x++) {
        long double nb = expl(lgammal(r + x) - lgammal(r) - lgammal(x + 1.0L)) *
                         powl(al / (al + t), r) * powl(t / (al + t), x);
        long double want = expl(lbeta(a, b + x) - lbeta(a, b)) * nb;
        if (x > 0) {
            long double below = 0;
            for (int j = 0; j < x; j++)
                below +=
                    expl(lgammal(r + j) - lgammal(r) - lgammal(j + 1.0L)) * powl(t / (al + t), j);
            want +=
                expl(lbeta(a + 1, b + x - 1) - lbeta(a, b)) * (1 - powl(al / (al + t), r) * below);
        }
        near_relative(pmf[x], (double)want, 1e-10, "PMF");
    }
    assert_int_equal(bg_pmf(m, 7, 29.43, 38.86, t, 2000, pmf), 0);
    mean = 0.0;
    for (int k = 0; k < 2000; k++)
        mean += k * pmf[k];
    near_relative(mean, bg_expected(m, 7, 29.43, 38.86, t), 1e-9, "mean of a customer's PMF");
}

/* DERT as the discounted sum of what is expected in short spans, Richardson-extrapolated. */
static void dert_is_the_discounted_sum(void **state)
{
    (void)state;
    const struct bg_nbd models[] = {published, {1.3, 2.0, 2.5, 4.0}};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 6; i++) {
            const struct customer *c = &customers[i];
            const struct bg_nbd *m = &models[k];
            double delta = 0.05, sums[2];
            for (int half = 0; half < 2; half++) {
                double h = half ? 0.5 : 1.0, before = 0.0, sum = 0.0;
                for (double t = h; t <= 600.0; t += h) {
                    double to = bg_expected(m, c->x, c->t_x, c->T, t);
                    sum += (to - before) * exp(-delta * (t - 0.5 * h));
                    before = to;
                }
                sums[half] = sum;
            }
            double want = sums[1] + (sums[1] - sums[0]) / 3.0;
            near_relative(bg_dert(m, c->x, c->t_x, c->T, delta), want, 2e-6, "DERT");
        }
    }
}

/* No discount to speak of and a > 1: everything a customer will ever buy, E = (a + b + x - 1)/(a -
 * 1). */
static void dert_without_discount_is_the_limit(void **state)
{
    (void)state;
    struct bg_nbd m = {1.3, 2.0, 3.5, 4.0};
    double want = (m.a + m.b + 2.0 - 1.0) / (m.a - 1.0) * bg_p_alive(&m, 2, 5, 9);
    near_relative(bg_dert(&m, 2, 5, 9, 1e-9), want, 1e-4, "undiscounted");
}

static void extremes_stay_finite(void **state)
{
    (void)state;
    const struct bg_nbd models[] = {published, {1e-4, 1e-3, 1e-4, 1e-3}, {500, 1000, 50, 800}};
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < CUSTOMERS; i++) {
            const struct customer *c = &customers[i];
            if (c->x > 0 && models[k].b + c->x <= 1.0)
                continue;
            double e = bg_expected(&models[k], c->x, c->t_x, c->T, 520.0);
            double d = bg_dert(&models[k], c->x, c->t_x, c->T, 0.0027);
            assert_true(isfinite(bg_loglik(&models[k], c->x, c->t_x, c->T)));
            assert_true(isfinite(e) && e >= 0.0);
            assert_true(isfinite(d) && d >= 0.0);
        }
    }
    assert_true(isnan(bg_loglik(&published, 1, 5, 4)));
    assert_true(isnan(bg_dert(&published, 1, 3, 4, 0.0)));
}

static void discount_is_yearly_and_effective(void **state)
{
    (void)state;
    near_relative(pv_discount_per_unit(0.15, 7.0), log(1.15) / 52.0, 1e-15, "week");
    near_relative(pv_discount_per_unit(0.15, 1.0), log(1.15) / 365.25, 1e-15, "day");
}

static void gamma_gamma_is_its_paper(void **state)
{
    (void)state;
    struct pv_gamma_gamma g = {6.25, 3.74, 15.44};
    near_relative(pv_gamma_gamma_mean(&g, 0, 0), 6.25 * 15.44 / 2.74, 1e-14, "base mean");
    near_relative(pv_gamma_gamma_mean(&g, 7, 73.74), 6.25 * (15.44 + 7 * 73.74) / (6.25 * 7 + 2.74),
                  1e-14, "customer mean");
    /* The density integrates to one. */
    double sum = 0.0;
    for (double w = -8.0; w < 16.0; w += 0.01)
        sum += 0.01 * exp(w + pv_gamma_gamma_loglik(&g, 3, exp(w)));
    near_relative(sum, 1.0, 1e-9, "integral of the density");
    struct pv_gamma_gamma heavy = {2.0, 0.9, 5.0};
    assert_true(isnan(pv_gamma_gamma_mean(&heavy, 0, 0)));
}

static void special_functions(void **state)
{
    (void)state;
    near_relative(pv_math_digamma(1.0), -0.57721566490153286, 1e-14, "digamma(1)");
    near_relative(pv_math_trigamma(1.0), 1.6449340668482264, 1e-14, "trigamma(1)");
    near_relative(pv_math_digamma(0.25), -4.2274535333762654, 1e-14, "digamma(1/4)");
    near_relative(pv_math_lrising(0.3, 5), log(0.3 * 1.3 * 2.3 * 3.3 * 4.3), 1e-14, "rising");
    near_relative(pv_math_hyp2f1_neg(1.0, 1.0, 2.0, 3.0), log(4.0) / 3.0, 1e-13, "2F1");
    const double m[9] = {4, 1, 0.5, 1, 3, 0.25, 0.5, 0.25, 2};
    double inv[9];
    assert_true(pv_math_spd_inverse(3, m, inv));
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            double sum = 0.0;
            for (int k = 0; k < 3; k++)
                sum += m[i * 3 + k] * inv[k * 3 + j];
            assert_true(fabs(sum - (i == j)) < 1e-13);
        }
    }
    const double bad[4] = {1, 2, 2, 1};
    assert_false(pv_math_spd_inverse(2, bad, inv));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loglik_is_equation_6),
        cmocka_unit_test(expected_is_equation_10),
        cmocka_unit_test(a_of_one_is_an_ordinary_value),
        cmocka_unit_test(pmf_is_equation_8_and_sums),
        cmocka_unit_test(dert_is_the_discounted_sum),
        cmocka_unit_test(dert_without_discount_is_the_limit),
        cmocka_unit_test(extremes_stay_finite),
        cmocka_unit_test(discount_is_yearly_and_effective),
        cmocka_unit_test(gamma_gamma_is_its_paper),
        cmocka_unit_test(special_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
