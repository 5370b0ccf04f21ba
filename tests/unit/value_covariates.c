/* Models with covariates: simulated worlds with known coefficients, derivatives, every verdict. */
#include "value_test.h"

#include "patron_covariates.h"

static const struct pv_fit_options week = {7.0, 100.0, 1};
static const char *const names[] = {"pareto-nbd", "bg-nbd", "mbg-nbd"};
enum { MODELS = 3 };
static const double worlds[MODELS][4] = {
    {0.8, 12.0, 0.7, 15.0}, {0.8, 12.0, 0.8, 2.5}, {0.8, 12.0, 0.8, 2.5}};

static double gamma_draw(struct pv_rng *rng, double shape)
{
    return pv_rng_gamma(rng, shape);
}

/* Purchases of a customer of a model, to the day: written from its story. */
static struct pv_customer simulate(struct pv_rng *rng, int model, const double *p, int32_t T,
                                   int32_t holdout)
{
    double lambda = gamma_draw(rng, p[0]) / p[1], life = INFINITY, leave = 0.0, t = 0.0;
    if (model == 0) {
        life = 7.0 * pv_rng_exponential(rng) * p[3] / gamma_draw(rng, p[2]);
    } else {
        double ga = gamma_draw(rng, p[2]), gb = gamma_draw(rng, p[3]);
        leave = ga / (ga + gb);
    }
    struct pv_customer c = {.T = T};
    if (model == 2 && pv_rng_uniform(rng) < leave)
        return c;
    for (;;) {
        t += 7.0 * pv_rng_exponential(rng) / lambda;
        if (!(t < T + holdout) || t > life)
            return c;
        if (t > T) {
            c.x_star++;
        } else {
            c.x++;
            c.t_x = (int32_t)ceil(t);
        }
        if (pv_rng_uniform(rng) < leave)
            return c;
    }
}

struct base {
    size_t n, columns;
    struct pv_customer *rows;
    double *z;
};

static void base_free(struct base *b)
{
    free(b->rows);
    free(b->z);
}

/* Column 0: a dummy of a third; column 1: normal, or rounded to tenths. coef: process x 2. */
static struct base world(int model, const double *p, const double (*coef)[2], size_t n, int32_t T,
                         uint64_t seed, bool rounded)
{
    struct base b = {n, 2, malloc(n * sizeof *b.rows), malloc(2 * n * sizeof *b.z)};
    assert_true(b.rows && b.z);
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, seed, i);
        double *z = b.z + 2 * i, own[4];
        z[0] = pv_rng_uniform(&rng) < 0.33;
        z[1] = pv_rng_normal(&rng);
        if (rounded)
            z[1] = round(10.0 * z[1]) / 10.0;
        memcpy(own, p, sizeof own);
        const struct pv_model *m = pv_model_find(names[model]);
        for (int k = 0; k < pv_process_count(m); k++)
            own[m->process[k].param] *=
                exp(m->process[k].sign * (coef[k][0] * z[0] + coef[k][1] * z[1]));
        b.rows[i] = simulate(&rng, model, own, T - (int32_t)(i % 84), 0);
    }
    return b;
}

static struct pv_covariate_options all_of(const struct pv_model *m, size_t columns)
{
    struct pv_covariate_options o = {.fit = week};
    for (int k = 0; k < pv_process_count(m); k++)
        o.use[k] = (uint32_t)((UINT64_C(1) << columns) - 1);
    return o;
}

static struct pv_covariate_fit *fit_of(const struct pv_model *m, const struct base *b,
                                       const struct pv_covariate_options *o)
{
    struct pv_covariate_fit *fit = NULL;
    struct pv_covariates c = {b->z, b->columns};
    assert_int_equal(pv_covariate_fit_new(m, b->rows, b->n, &c, o, &fit), 0);
    return fit;
}

/* A spend world: mean spend of z = 1 is `factor` times that of z = 0. */
static struct base spend_world(size_t n, double factor, uint64_t seed, bool twins)
{
    struct base b = {n, 1, calloc(n, sizeof *b.rows), calloc(n, sizeof *b.z)};
    assert_true(b.rows && b.z);
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, seed, twins ? i / 2 : i);
        int x = (int)pv_rng_poisson(&rng, 3.0);
        double nu = pv_rng_gamma(&rng, 3.74) / 15.44;
        b.z[i] = (double)(i & 1);
        double spend = x ? pv_rng_gamma(&rng, 6.25 * x) / nu : 0.0;
        int64_t cents = llround(1e4 * spend);
        b.rows[i] = (struct pv_customer){
            .x = x, .t_x = x, .T = 200, .spend = i & 1 ? (int64_t)((double)cents * factor) : cents};
    }
    return b;
}

/* ---- One customer ---------------------------------------------------------------------------- */

/* Value against pv_predict_loglik, gradient against its differences, Hessian against those of the
 * gradient. */
static void derivatives_of_one_customer(void **state)
{
    (void)state;
    static const double customers[][3] = {{0, 0, 30}, {1, 3, 40},   {2, 30.4, 38.9}, {7, 29, 38.9},
                                          {0, 0, 0},  {60, 50, 52}, {40, 10, 100},   {3, 8, 8}};
    static const double theta[][4] = {
        {0.55, 10.6, 0.61, 11.7}, {2.0, 0.5, 1.3, 300.0}, {0.05, 80, 4, 1.2}};
    for (int m = 0; m < MODELS; m++) {
        const struct pv_model *model = pv_model_find(names[m]);
        for (size_t c = 0; c < sizeof customers / sizeof customers[0]; c++) {
            const double *v = customers[c];
            for (int t = 0; t < 3; t++) {
                double g[4], h[16];
                double value = model->buying->one(model, theta[t], v[0], v[1], v[2], g, h);
                double want = pv_predict_loglik(model, theta[t], v[0], v[1], v[2]);
                assert_true(fabs(value - want) < 1e-11 * (fabs(want) + 1e-4));
                for (int k = 0; k < 4; k++) {
                    double up[4], down[4], gu[4], gd[4], unused[16], step = 1e-5 * theta[t][k];
                    memcpy(up, theta[t], sizeof up);
                    memcpy(down, theta[t], sizeof down);
                    up[k] += step;
                    down[k] -= step;
                    double slope = (model->buying->one(model, up, v[0], v[1], v[2], gu, unused) -
                                    model->buying->one(model, down, v[0], v[1], v[2], gd, unused)) /
                                   (2.0 * step);
                    if (!(fabs(slope - g[k]) <=
                          1e-6 * (fabs(g[k]) + fabs(value) / theta[t][k]) + 1e-9))
                        fail_msg("%s gradient %d: %.12g, by difference %.12g", names[m], k, g[k],
                                 slope);
                    for (int l = 0; l < 4; l++) {
                        double bend = (gu[l] - gd[l]) / (2.0 * step);
                        double scale = fabs(h[k * 4 + l]) + fabs(g[l]) / theta[t][k];
                        if (!(fabs(bend - h[k * 4 + l]) < 1e-6 * scale + 1e-11))
                            fail_msg("%s Hessian %d %d: %.12g, by difference %.12g", names[m], k, l,
                                     h[k * 4 + l], bend);
                    }
                }
            }
        }
    }
}

/* Far out, where customers of extreme covariates are, lgamma would have no digit left. */
static void rising_far_out(void **state)
{
    (void)state;
    double v[3], n = 300.0;
    pv_math_rising(1e20, n, v);
    near_relative(v[0], n * log(1e20), 1e-14, "ln");
    near_relative(v[1], n * 1e-20, 1e-14, "first derivative");
    near_relative(v[2], -n * 1e-40, 1e-14, "second derivative");
    pv_math_rising(1e-20, n, v);
    near_relative(v[0], log(1e-20) + lgamma(n), 1e-13, "ln");
    near_relative(v[1], 1e20, 1e-14, "first derivative");
    pv_math_rising(2.5, 3.5, v);
    near_relative(v[0], lgamma(6.0) - lgamma(2.5), 1e-14, "not whole");
    near_relative(v[1], pv_math_digamma(6.0) - pv_math_digamma(2.5), 1e-14, "not whole");
}

/* - (x^2 - 1)^2 - (y - x)^2: two maxima, a saddle between them, where the search begins. */
static double two_hills(void *context, const double *u, double *g, double *h, int *ret_rc)
{
    double x = u[0], y = u[1], a = x * x - 1.0;
    (*(int *)context)++;
    *ret_rc = 0;
    g[0] = -4.0 * x * a + 2.0 * (y - x);
    g[1] = -2.0 * (y - x);
    h[0] = -12.0 * x * x + 4.0 - 2.0;
    h[1] = h[2] = 2.0;
    h[3] = -2.0;
    return -a * a - (y - x) * (y - x);
}

static void newton_leaves_a_saddle(void **state)
{
    (void)state;
    double u[2] = {1e-9, 0.0}, low[2] = {-5, -5}, high[2] = {5, 5}, g[2], h[4], cov[4];
    int calls = 0;
    struct pv_newton w = {.n = 2, .u = u, .low = low, .high = high, .grad = g, .hess = h};
    w.cov = cov;
    assert_int_equal(pv_newton_maximise(&w, two_hills, &calls), 0);
    assert_true(w.converged && w.regular && calls < 20);
    assert_true(fabs(fabs(u[0]) - 1.0) < 1e-8 && fabs(u[1] - u[0]) < 1e-8);
    near_relative(cov[0], 1.0 / 8.0, 1e-6, "inverse of the curvature");
    /* A limit before the hill: held there, and said so by the gradient. */
    u[0] = 0.3;
    high[0] = 0.5;
    assert_int_equal(pv_newton_maximise(&w, two_hills, &calls), 0);
    assert_true(w.converged && u[0] == 0.5 && g[0] > 0.0 && fabs(u[1] - 0.5) < 1e-8);
}

/* ---- Where the answer is known exactly ------------------------------------------------------- */

static void same_fit(const struct pv_covariate_fit *fit, const struct pv_fit *plain)
{
    assert_int_equal(fit->typical.verdict, plain->verdict);
    assert_int_equal(fit->typical.usable, plain->usable);
    near_relative(fit->typical.loglik, plain->loglik, 1e-12, "ln L");
    for (int k = 0; k < plain->params; k++) {
        near_relative(fit->typical.param[k], plain->param[k], 1e-8, plain->name[k]);
        near_relative(fit->zero[k], plain->param[k], 1e-8, "at zero");
        near_relative(fit->typical.std_error[k], plain->std_error[k], 1e-6, "standard error");
        near_relative(fit->zero_std_error[k], plain->std_error[k], 1e-6, "its standard error");
    }
}

static void without_covariates_it_is_the_plain_fit(void **state)
{
    (void)state;
    static const double none[3][2] = {{0.0}};
    for (int m = 0; m < MODELS; m++) {
        const struct pv_model *model = pv_model_find(names[m]);
        struct base b = world(m, worlds[m], none, 3000, 400, 3, true);
        struct pv_covariate_options o = {.fit = week};
        struct pv_covariate_fit *fit = fit_of(model, &b, &o);
        struct pv_cells *cells;
        struct pv_fit plain;
        assert_int_equal(pv_cells_new(b.rows, b.n, &cells), 0);
        assert_int_equal(pv_fit_model(model, cells, &week, &plain), 0);
        assert_int_equal(plain.verdict, PV_VERDICT_OK);
        same_fit(fit, &plain);
        assert_int_equal(fit->typical.cells, plain.cells);
        assert_int_equal(fit->profiles, 1);
        pv_cells_free(cells);
        pv_covariate_fit_free(fit);
        base_free(&b);
    }
    struct base b = spend_world(2000, 1.0, 5, false);
    struct pv_covariate_options o = {.fit = week};
    struct pv_covariate_fit *fit = fit_of(&pv_model_gamma_gamma, &b, &o);
    struct pv_fit plain;
    assert_int_equal(pv_fit_gamma_gamma(b.rows, b.n, &week, &plain), 0);
    assert_int_equal(plain.verdict, PV_VERDICT_OK);
    same_fit(fit, &plain);
    pv_covariate_fit_free(fit);
    base_free(&b);
}

/*
 * Twice the same customers, the second time with all times tripled: fitted apart the two groups
 * have the same r, s, a, b, and alpha and beta tripled; together, a dummy must say just that.
 */
static void a_dummy_is_two_separate_fits(void **state)
{
    (void)state;
    static const double none[3][2] = {{0.0}};
    for (int m = 0; m < MODELS; m++) {
        const struct pv_model *model = pv_model_find(names[m]);
        struct base one = world(m, worlds[m], none, 1500, 400, 9, true);
        struct base b = {2 * one.n, 1, malloc(2 * one.n * sizeof *b.rows),
                         malloc(2 * one.n * sizeof *b.z)};
        double jacobian = 0.0;
        for (size_t i = 0; i < one.n; i++) {
            b.rows[2 * i] = b.rows[2 * i + 1] = one.rows[i];
            b.rows[2 * i + 1].t_x *= 3;
            b.rows[2 * i + 1].T *= 3;
            b.z[2 * i] = 0.0;
            b.z[2 * i + 1] = 1.0;
            jacobian -= one.rows[i].x * log(3.0);
        }
        struct pv_cells *cells;
        struct pv_fit plain;
        assert_int_equal(pv_cells_new(one.rows, one.n, &cells), 0);
        assert_int_equal(pv_fit_model(model, cells, &week, &plain), 0);
        pv_cells_free(cells);
        struct pv_covariate_options o = all_of(model, 1);
        struct pv_covariate_fit *fit = fit_of(model, &b, &o);
        assert_int_equal(fit->typical.verdict, PV_VERDICT_OK);
        near_relative(fit->typical.loglik, 2.0 * plain.loglik + jacobian, 1e-11, "ln L");
        for (int k = 0; k < 4; k++)
            near_relative(fit->zero[k], plain.param[k], 1e-6, plain.name[k]);
        const double want[MODELS][3] = {
            {-log(3.0), -log(3.0), 0}, {-log(3.0), 0, 0}, {-log(3.0), 0, 0}};
        for (size_t j = 0; j < fit->coefficients; j++)
            assert_true(fabs(fit->coefficient[j].value - want[m][j]) < 1e-6);
        pv_covariate_fit_free(fit);
        base_free(&one);
        base_free(&b);
    }
    struct base b = spend_world(4000, 4.0, 6, true), half = spend_world(4000, 4.0, 6, true);
    struct pv_fit plain;
    for (size_t i = 0; i < half.n / 2; i++)
        half.rows[i] = half.rows[2 * i];
    assert_int_equal(pv_fit_gamma_gamma(half.rows, half.n / 2, &week, &plain), 0);
    struct pv_covariate_options o = all_of(&pv_model_gamma_gamma, 1);
    struct pv_covariate_fit *fit = fit_of(&pv_model_gamma_gamma, &b, &o);
    near_relative(fit->coefficient[0].value, log(4.0), 1e-7, "spend");
    for (int k = 0; k < 3; k++)
        near_relative(fit->zero[k], plain.param[k], 1e-6, plain.name[k]);
    pv_covariate_fit_free(fit);
    base_free(&b);
    base_free(&half);
}

/* ln L as the public functions say it, at the fit moved by `by` in coordinate k: ln parameter, or
 * coefficient. */
static double moved_loglik(const struct pv_model *m, const struct base *b,
                           const struct pv_covariate_fit *fit, const double *by)
{
    double sum = 0.0;
    for (size_t i = 0; i < b->n; i++) {
        const struct pv_customer *c = &b->rows[i];
        const double *z = b->z + i * b->columns;
        double theta[PV_MAX_PARAMS];
        pv_covariate_theta(fit, z, theta);
        for (int k = 0; k < m->params; k++)
            theta[k] *= exp(by[k]);
        for (size_t j = 0; j < fit->coefficients; j++) {
            const struct pv_coefficient *f = &fit->coefficient[j];
            const struct pv_process *p = &m->process[f->process];
            theta[p->param] *=
                exp(p->sign * by[(size_t)m->params + j] * (z[f->column] - fit->centre[f->column]));
        }
        sum += pv_predict_loglik(m, theta, c->x, c->t_x / 7.0, c->T / 7.0);
    }
    return sum;
}

/* ln L is the sum over customers at their own parameters; the gradient there is zero and the
 * covariance the inverse of the Hessian, both by differences. */
static void it_is_the_maximum_and_its_curvature(void **state)
{
    (void)state;
    static const double coef[3][2] = {{0.5, -0.3}, {0.4, 0.2}, {-0.3, 0.2}};
    for (int m = 0; m < 2; m++) {
        const struct pv_model *model = pv_model_find(names[m]);
        struct base b = world(m, worlds[m], coef, 500, 500, 17, false);
        struct pv_covariate_options o = all_of(model, 2);
        struct pv_covariate_fit *fit = fit_of(model, &b, &o);
        size_t dims = 4 + fit->coefficients;
        double by[16] = {0.0}, h = 1e-3;
        assert_true(dims <= 10);
        near_relative(fit->typical.loglik, moved_loglik(model, &b, fit, by), 1e-11, "ln L");
        for (size_t i = 0; i < dims; i++) {
            double sd = sqrt(fit->covariance[i * dims + i]);
            by[i] = h * sd;
            double up = moved_loglik(model, &b, fit, by);
            by[i] = -h * sd;
            double down = moved_loglik(model, &b, fit, by);
            by[i] = 0.0;
            /* A gradient of g moves the optimum by about g sd of a standard error. */
            assert_true(fabs(up - down) / (2.0 * h) < 1e-5);
        }
        /* Covariance times differenced information is the identity; a step of 0.05 sd. */
        double info[100];
        h = 0.05;
        for (size_t i = 0; i < dims; i++) {
            for (size_t j = 0; j <= i; j++) {
                double v[4];
                double si = h * sqrt(fit->covariance[i * dims + i]);
                double sj = h * sqrt(fit->covariance[j * dims + j]);
                for (int s = 0; s < 4; s++) {
                    by[i] += s & 1 ? si : -si;
                    by[j] += s & 2 ? sj : -sj;
                    v[s] = moved_loglik(model, &b, fit, by);
                    by[i] = by[j] = 0.0;
                }
                info[i * dims + j] = info[j * dims + i] =
                    -(v[3] - v[1] - v[2] + v[0]) / (4.0 * si * sj);
            }
        }
        for (size_t i = 0; i < dims; i++) {
            for (size_t j = 0; j < dims; j++) {
                double sum = 0.0;
                for (size_t k = 0; k < dims; k++)
                    sum += fit->covariance[i * dims + k] * info[k * dims + j];
                double scale = sqrt(fit->covariance[i * dims + i] / fit->covariance[j * dims + j]);
                if (!(fabs(sum - (i == j)) < 0.02 * scale))
                    fail_msg("%s: covariance x information [%zu][%zu] = %g", names[m], i, j, sum);
            }
        }
        pv_covariate_fit_free(fit);
        base_free(&b);
    }
}

/* Every model of purchases takes covariates: ln L is the sum over customers at their own
 * parameters, no coefficient or parameter could be better, and without columns it is the plain fit.
 */
static void every_model_of_purchases_takes_them(void **state)
{
    (void)state;
    static const double coef[3][2] = {{0.7, -0.2}, {0.3, 0.0}, {0.0, 0.0}};
    struct base b = world(0, worlds[0], coef, 900, 500, 29, true);
    struct pv_cells *cells;
    const struct pv_model *model;
    const struct pv_gaps gaps = {100.0, 7};
    int taken = 0;
    assert_int_equal(pv_cells_new(b.rows, b.n, &cells), 0);
    for (size_t i = 0; (model = pv_model_at(i)); i++) {
        int param;
        assert_true((pv_process_count(model) > 0) == (pv_model_kind(model) == PV_KIND_BUYING ||
                                                      pv_model_kind(model) == PV_KIND_SPEND));
        if (pv_model_kind(model) != PV_KIND_BUYING || !stands_for_others(model))
            continue;
        taken++;
        assert_string_equal(pv_process_name(model, 0, &param), "purchases");
        assert_int_equal(param, 1);
        assert_null(pv_process_name(model, pv_process_count(model), NULL));
        struct pv_covariate_options o = {.fit = week, .use = {3}}, none = {.fit = week};
        none.fit.gaps = &gaps;
        struct pv_covariate_fit *fit = fit_of(model, &b, &o), *bare = fit_of(model, &b, &none);
        struct pv_fit plain;
        assert_int_equal(pv_fit_model(model, cells, &none.fit, &plain), 0);
        /* A model that turns into a simpler one stops where nothing more is to be gained. */
        near_relative(bare->typical.loglik, plain.loglik,
                      plain.verdict == PV_VERDICT_SIMPLER_MODEL ? 1e-6 : 1e-9,
                      "ln L without columns");
        double by[8] = {0.0}, best = moved_loglik(model, &b, fit, by);
        near_relative(fit->typical.loglik, best, 1e-10, model->name);
        assert_true(fit->typical.loglik > bare->typical.loglik - pv_fit_gaps(model, &none.fit));
        for (int k = 0; k < model->params + 2; k++) {
            for (int s = 0; s < 2; s++) {
                by[k] = s ? 0.02 : -0.02;
                if (!(moved_loglik(model, &b, fit, by) < best + 1e-6))
                    fail_msg("%s: coordinate %d could be better", model->name, k);
                by[k] = 0.0;
            }
        }
        if (!(fit->coefficient[0].value > 0.3 && fit->coefficient[1].value < 0.0))
            fail_msg("%s: %g %g", model->name, fit->coefficient[0].value,
                     fit->coefficient[1].value);
        pv_covariate_fit_free(fit);
        pv_covariate_fit_free(bare);
    }
    assert_int_equal(taken, 13);
    pv_cells_free(cells);
    base_free(&b);
}

/* With values that differ in the twelfth digit every customer is evaluated alone; with equal ones
 * all together by tables. The same must come out. */
static void alone_or_together(void **state)
{
    (void)state;
    static const double coef[3][2] = {{0.7, 0.0}, {-0.4, 0.0}, {0.3, 0.0}};
    for (int m = 0; m < MODELS; m++) {
        const struct pv_model *model = pv_model_find(names[m]);
        struct base b = world(m, worlds[m], coef, 2000, 500, 23, true);
        struct pv_covariate_options o = all_of(model, 1);
        struct pv_covariate_fit *together = fit_of(model, &b, &o);
        for (size_t i = 0; i < b.n; i++)
            b.z[2 * i] += 1e-12 * (double)i;
        struct pv_covariate_fit *alone = fit_of(model, &b, &o);
        assert_true(together->profiles == 2);
        assert_true(alone->profiles == b.n);
        near_relative(alone->typical.loglik, together->typical.loglik, 1e-9, "ln L");
        for (int k = 0; k < 4; k++)
            near_relative(alone->typical.param[k], together->typical.param[k], 1e-5, "parameter");
        for (size_t j = 0; j < alone->coefficients; j++) {
            assert_true(fabs(alone->coefficient[j].value - together->coefficient[j].value) < 1e-5);
            near_relative(alone->coefficient[j].std_error, together->coefficient[j].std_error, 1e-5,
                          "standard error");
        }
        pv_covariate_fit_free(together);
        pv_covariate_fit_free(alone);
        base_free(&b);
    }
}

/* ---- Known coefficients come back ------------------------------------------------------------ */

static void coefficients_come_back(void **state)
{
    (void)state;
    static const double coef[3][2] = {{0.6, -0.3}, {0.5, 0.3}, {-0.3, 0.2}};
    for (int m = 0; m < MODELS; m++) {
        const struct pv_model *model = pv_model_find(names[m]);
        for (uint64_t seed = 201; seed < 204; seed++) {
            struct base b = world(m, worlds[m], coef, 12000, 700, seed, true);
            struct pv_covariate_options o = all_of(model, 2);
            struct pv_covariate_fit *fit = fit_of(model, &b, &o);
            assert_int_equal(fit->typical.verdict, PV_VERDICT_OK);
            assert_true(fit->typical.usable);
            for (int k = 0; k < 4; k++)
                if (!(fabs(fit->zero[k] - worlds[m][k]) < 3.5 * fit->zero_std_error[k]))
                    fail_msg("%s %s: %g ± %g, want %g", names[m], model->param[k], fit->zero[k],
                             fit->zero_std_error[k], worlds[m][k]);
            for (size_t j = 0; j < fit->coefficients; j++) {
                const struct pv_coefficient *c = &fit->coefficient[j];
                double want = coef[c->process][c->column];
                if (!(fabs(c->value - want) < 3.5 * c->std_error))
                    fail_msg("%s %d %zu: %g ± %g, want %g", names[m], c->process, c->column,
                             c->value, c->std_error, want);
            }
            pv_covariate_fit_free(fit);
            base_free(&b);
        }
    }
    struct base b = spend_world(8000, 1.7, 77, false);
    struct pv_covariate_options o = all_of(&pv_model_gamma_gamma, 1);
    struct pv_covariate_fit *fit = fit_of(&pv_model_gamma_gamma, &b, &o);
    assert_true(fabs(fit->coefficient[0].value - log(1.7)) < 3.0 * fit->coefficient[0].std_error);
    assert_true(fit->coefficient[0].std_error < 0.05);
    pv_covariate_fit_free(fit);
    base_free(&b);
}

/* Standard errors: of 60 worlds, about 95 % of the intervals hold the truth. Both an interval that
 * is too narrow and one that is too wide fails. */
static void standard_errors_cover(void **state)
{
    (void)state;
    static const double coef[3][2] = {{0.6, -0.3}, {0.0, 0.0}, {0.0, 0.0}};
    const struct pv_model *model = pv_model_find("bg-nbd");
    double inside95 = 0.0, inside50 = 0.0, all = 0.0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct base b = world(1, worlds[1], coef, 1200, 700, 1000 + seed, true);
        struct pv_covariate_options o = {.fit = week, .use = {3}};
        struct pv_covariate_fit *fit = fit_of(model, &b, &o);
        for (size_t j = 0; j < 2; j++) {
            double off =
                fabs(fit->coefficient[j].value - coef[0][j]) / fit->coefficient[j].std_error;
            inside95 += off < PV_Z95;
            inside50 += off < 0.674489750196082;
            all += 1.0;
        }
        pv_covariate_fit_free(fit);
        base_free(&b);
    }
    /* 120 trials: three standard deviations of chance. */
    if (!(inside95 / all > 0.89 && inside95 / all < 0.999))
        fail_msg("95 %% intervals hold the truth in %g of %g", inside95, all);
    if (!(fabs(inside50 / all - 0.5) < 3.0 * 0.5 / sqrt(all)))
        fail_msg("50 %% intervals hold the truth in %g of %g", inside50, all);
}

/* A covariate that has nothing to do with anything: coefficients near zero, ln L hardly better. */
static void an_idle_covariate_says_nothing(void **state)
{
    (void)state;
    static const double none[3][2] = {{0.0}};
    struct base b = world(0, worlds[0], none, 6000, 500, 41, true);
    const struct pv_model *model = pv_model_find("pareto-nbd");
    struct pv_covariate_options o = all_of(model, 2), plain = {.fit = week};
    struct pv_covariate_fit *with = fit_of(model, &b, &o), *without = fit_of(model, &b, &plain);
    for (size_t j = 0; j < with->coefficients; j++)
        assert_true(fabs(with->coefficient[j].value) < 3.5 * with->coefficient[j].std_error);
    double twice = 2.0 * (with->typical.loglik - without->typical.loglik);
    assert_true(twice >= 0.0 && twice < 18.5); /* chi-square of 4, 0.1 % */
    pv_covariate_fit_free(with);
    pv_covariate_fit_free(without);
    base_free(&b);
}

/* ---- Penalty --------------------------------------------------------------------------------- */

static void a_penalty_draws_to_zero(void **state)
{
    (void)state;
    static const double coef[3][2] = {{0.6, -0.3}, {0.5, 0.3}, {-0.3, 0.2}};
    static const double lambdas[] = {0.0, 100.0, 1000.0, 1e5, 1e10};
    for (int m = 0; m < 2; m++) {
        const struct pv_model *model = pv_model_find(names[m]);
        struct base b = world(m, worlds[m], coef, 3000, 500, 51, true);
        double before = INFINITY, loglik = INFINITY;
        struct pv_covariate_options plain = {.fit = week};
        struct pv_covariate_fit *without = fit_of(model, &b, &plain);
        for (int l = 0; l < 5; l++) {
            struct pv_covariate_options o = all_of(model, 2);
            for (int k = 0; k < pv_process_count(model); k++)
                o.lambda[k] = lambdas[l];
            struct pv_covariate_fit *fit = fit_of(model, &b, &o);
            double norm = 0.0;
            for (size_t j = 0; j < fit->coefficients; j++)
                norm += fit->coefficient[j].effect * fit->coefficient[j].effect;
            assert_true(norm < before);
            assert_true(fit->typical.loglik < loglik + 1e-9);
            near_relative(fit->penalty, 0.5 * lambdas[l] * norm, 1e-12, "penalty");
            before = norm;
            loglik = fit->typical.loglik;
            if (l == 4) {
                assert_true(norm < 1e-10);
                for (int k = 0; k < 4; k++)
                    near_relative(fit->typical.param[k], without->typical.param[k], 1e-4, "base");
            }
            pv_covariate_fit_free(fit);
        }
        pv_covariate_fit_free(without);
        /* Metres or millimetres, from wherever they are counted: the same penalty. */
        struct pv_covariate_options o = all_of(model, 2);
        o.lambda[0] = 100.0;
        struct pv_covariate_fit *metres = fit_of(model, &b, &o);
        for (size_t i = 0; i < b.n; i++)
            b.z[2 * i + 1] = 1000.0 * b.z[2 * i + 1] + 5e4;
        struct pv_covariate_fit *millimetres = fit_of(model, &b, &o);
        near_relative(millimetres->typical.loglik, metres->typical.loglik, 1e-10, "ln L");
        for (size_t j = 0; j < metres->coefficients; j++) {
            assert_true(fabs(metres->coefficient[j].effect - millimetres->coefficient[j].effect) <
                        1e-6);
            if (metres->coefficient[j].column == 1)
                near_relative(1000.0 * millimetres->coefficient[j].value,
                              metres->coefficient[j].value, 1e-5, "per millimetre");
        }
        pv_covariate_fit_free(metres);
        pv_covariate_fit_free(millimetres);
        base_free(&b);
    }
}

/* ---- What must be refused, or said ----------------------------------------------------------- */

static void verdict_is(const struct pv_model *m, const struct base *b,
                       const struct pv_covariate_options *o, enum pv_verdict verdict, size_t column)
{
    struct pv_covariate_fit *fit = fit_of(m, b, o);
    if (fit->typical.verdict != verdict || fit->column != column)
        fail_msg("%s: %s about column %zu, want %s about %zu", m->name,
                 pv_verdict_code(fit->typical.verdict), fit->column, pv_verdict_code(verdict),
                 column);
    assert_false(fit->typical.usable);
    pv_covariate_fit_free(fit);
}

static void hostile_columns(void **state)
{
    (void)state;
    static const double coef[3][2] = {{0.6, -0.3}, {0.5, 0.3}, {-0.3, 0.2}};
    for (int m = 0; m < MODELS; m++) {
        const struct pv_model *model = pv_model_find(names[m]);
        struct base b = world(m, worlds[m], coef, 2000, 500, 61, true);
        struct base wide = {b.n, 3, b.rows, malloc(3 * b.n * sizeof *wide.z)};
        struct pv_covariate_options o = all_of(model, 3), first = {.fit = week, .use = {1}};
        for (int what = 0; what < 5; what++) {
            for (size_t i = 0; i < b.n; i++) {
                double *z = wide.z + 3 * i;
                z[0] = b.z[2 * i];
                z[1] = b.z[2 * i + 1];
                const double third[] = {0.0, 1e6, 2.0 * z[0] - 7.0, z[0] - 3.0 * z[1] + 1.0,
                                        1e9 + 1e-4 * (double)(i % 2)};
                z[2] = third[what];
            }
            enum pv_verdict want =
                what == 2 || what == 3 ? PV_VERDICT_COLLINEAR : PV_VERDICT_CONSTANT_COVARIATE;
            verdict_is(model, &wide, &o, want, 2);
        }
        /* A penalty decides between equal columns: each takes half. */
        for (size_t i = 0; i < b.n; i++)
            wide.z[3 * i + 2] = wide.z[3 * i];
        struct pv_covariate_options penal = {.fit = week, .use = {5}, .lambda = {1.0}};
        struct pv_covariate_fit *fit = fit_of(model, &wide, &penal);
        assert_true(fit->typical.usable);
        assert_true(fabs(fit->coefficient[0].value - fit->coefficient[1].value) < 1e-6);
        assert_true(fit->coefficient[0].value > 0.1);
        pv_covariate_fit_free(fit);
        /* A group of whom nobody ever came back. */
        for (size_t i = 0; i < b.n; i++) {
            wide.z[3 * i] = i % 10 == 0;
            if (i % 10 == 0)
                b.rows[i].x = b.rows[i].t_x = 0;
        }
        verdict_is(model, &wide, &first, PV_VERDICT_SEPARATED, 0);
        first.lambda[0] = 10.0;
        fit = fit_of(model, &wide, &first);
        assert_true(fit->typical.usable);
        assert_true(fit->coefficient[0].value < -1.0 && fit->coefficient[0].std_error < 2.0);
        pv_covariate_fit_free(fit);
        free(wide.z);
        base_free(&b);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const double none[3][2] = {{0.0}};
    const struct pv_model *model = pv_model_find("bg-nbd");
    struct base b = world(1, worlds[1], none, 500, 500, 71, true);
    struct pv_covariates c = {b.z, 2};
    struct pv_covariate_fit *fit = NULL;
    const double bad[] = {NAN, INFINITY, -INFINITY, 1e200};
    for (int k = 0; k < 4; k++) {
        double was = b.z[777];
        b.z[777] = bad[k];
        struct pv_covariate_options o = all_of(model, 2);
        assert_int_equal(pv_covariate_fit_new(model, b.rows, b.n, &c, &o, &fit), PV_ERR_ARGUMENT);
        b.z[777] = was;
    }
    struct pv_covariate_options o = all_of(model, 3); /* a column that is not there */
    assert_int_equal(pv_covariate_fit_new(model, b.rows, b.n, &c, &o, &fit), PV_ERR_ARGUMENT);
    o = all_of(model, 2);
    o.lambda[1] = -1.0;
    assert_int_equal(pv_covariate_fit_new(model, b.rows, b.n, &c, &o, &fit), PV_ERR_ARGUMENT);
    o.lambda[1] = NAN;
    assert_int_equal(pv_covariate_fit_new(model, b.rows, b.n, &c, &o, &fit), PV_ERR_ARGUMENT);
    o = all_of(model, 2); /* Pareto/NBD has two processes */
    assert_int_equal(pv_covariate_fit_new(pv_model_find("pareto-nbd"), b.rows, b.n, &c, &o, &fit),
                     PV_ERR_ARGUMENT);
    o = (struct pv_covariate_options){.fit = week};
    assert_int_equal(pv_covariate_fit_new(pv_model_find("sbg"), b.rows, b.n, &c, &o, &fit),
                     PV_ERR_ARGUMENT);
    o = all_of(model, 2);
    b.rows[5].t_x = b.rows[5].T + 1;
    assert_int_equal(pv_covariate_fit_new(model, b.rows, b.n, &c, &o, &fit), PV_ERR_ARGUMENT);
    assert_null(fit);
    b.rows[5].t_x = b.rows[5].x = 0;
    b.n = 20;
    verdict_is(model, &b, &o, PV_VERDICT_TOO_FEW_CUSTOMERS, SIZE_MAX);
    b.n = 0;
    verdict_is(model, &b, &o, PV_VERDICT_TOO_FEW_CUSTOMERS, SIZE_MAX);
    base_free(&b);
}

/* ---- Threads, and predictions ---------------------------------------------------------------- */

static void threads_change_no_digit(void **state)
{
    (void)state;
    static const double coef[3][2] = {{0.6, -0.3}, {0.5, 0.3}, {-0.3, 0.2}};
    const struct pv_model *model = pv_model_find("bg-nbd");
    struct base b = world(1, worlds[1], coef, 30000, 500, 81, false);
    struct pv_covariate_options one = all_of(model, 2), three = one;
    three.fit.threads = 3;
    struct pv_covariate_fit *a = fit_of(model, &b, &one), *c = fit_of(model, &b, &three);
    assert_true(a->profiles > 29000);
    assert_memory_equal(a->typical.param, c->typical.param, sizeof a->typical.param);
    assert_memory_equal(a->coefficient, c->coefficient, a->coefficients * sizeof a->coefficient[0]);
    struct pv_covariate_value *v = malloc(2 * b.n * sizeof *v);
    struct pv_covariates z = {b.z, 2};
    assert_int_equal(pv_covariate_predict(a, b.rows, b.n, &z, 39, 0, 1, v), 0);
    assert_int_equal(pv_covariate_predict(a, b.rows, b.n, &z, 39, 0, 3, v + b.n), 0);
    for (size_t i = 0; i < b.n; i++)
        assert_true(v[i].p_alive == v[b.n + i].p_alive && v[i].expected == v[b.n + i].expected);
    free(v);
    pv_covariate_fit_free(a);
    pv_covariate_fit_free(c);
    base_free(&b);
}

/* At a customer's own parameters everything is the model's; and groups buy in the hold-out what is
 * predicted for them, which the fit without covariates misses. */
static void predictions_are_at_ones_own_parameters(void **state)
{
    (void)state;
    for (int m = 0; m < 2; m++) {
        const struct pv_model *model = pv_model_find(names[m]);
        size_t n = 8000;
        struct base b = {n, 1, malloc(n * sizeof *b.rows), malloc(n * sizeof *b.z)};
        for (size_t i = 0; i < n; i++) {
            struct pv_rng rng;
            pv_rng_start(&rng, 91, i);
            double own[4];
            memcpy(own, worlds[m], sizeof own);
            b.z[i] = i % 2 ? 1985.0 : 1975.0; /* a year of birth */
            own[1] *= i % 2 ? exp(-0.9) : 1.0;
            b.rows[i] = simulate(&rng, m, own, 400, 364);
        }
        struct pv_covariate_options o = all_of(model, 1);
        struct pv_covariate_fit *fit = fit_of(model, &b, &o);
        struct pv_covariates z = {b.z, 1};
        struct pv_covariate_value *v = malloc(n * sizeof *v);
        assert_int_equal(fit->typical.verdict, PV_VERDICT_OK);
        b.rows[9].T = -1;
        assert_int_equal(pv_covariate_predict(fit, b.rows, 200, &z, 52, 0.15, 1, v), 0);
        assert_true(isnan(v[9].p_alive) && v[9].expected == 0.0);
        for (int i = 0; i < 9; i++) {
            const struct pv_customer *c = &b.rows[i];
            double theta[PV_MAX_PARAMS], delta = pv_discount_per_unit(0.15, 7.0);
            pv_covariate_theta(fit, &b.z[i], theta);
            near_relative(theta[1] / theta[0],
                          fit->typical.param[1] / fit->typical.param[0] *
                              exp(-fit->coefficient[0].value * (b.z[i] - 1980.0)),
                          1e-6, "mean time between purchases");
            assert_true(v[i].p_alive ==
                        pv_predict_alive(model, theta, c->x, c->t_x / 7.0, c->T / 7.0, 0));
            assert_true(v[i].expected ==
                        pv_predict_expected(model, theta, c->x, c->t_x / 7.0, c->T / 7.0, 52));
            assert_true(v[i].dert ==
                        pv_predict_dert(model, theta, c->x, c->t_x / 7.0, c->T / 7.0, delta));
        }
        b.rows[9].T = 400;
        assert_int_equal(pv_covariate_predict(fit, b.rows, n, &z, 52, 0, 1, v), 0);
        double actual[2] = {0.0}, squares[2] = {0.0}, predicted[2] = {0.0};
        for (size_t i = 0; i < n; i++) {
            double off = b.rows[i].x_star - v[i].expected;
            actual[i % 2] += b.rows[i].x_star;
            predicted[i % 2] += v[i].expected;
            squares[i % 2] += off * off;
        }
        for (int k = 0; k < 2; k++)
            if (!(fabs(actual[k] - predicted[k]) < 4.0 * sqrt(squares[k])))
                fail_msg("%s, group %d: predicted %g, bought %g ± %g", names[m], k, predicted[k],
                         actual[k], sqrt(squares[k]));
        assert_true(m > 0 || actual[1] > 1.5 * actual[0]); /* who buys more often leaves sooner */
        b.z[3] = NAN;
        assert_int_equal(pv_covariate_predict(fit, b.rows, n, &z, 52, 0, 1, v), PV_ERR_ARGUMENT);
        free(v);
        pv_covariate_fit_free(fit);
        base_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_of_one_customer),
        cmocka_unit_test(without_covariates_it_is_the_plain_fit),
        cmocka_unit_test(a_dummy_is_two_separate_fits),
        cmocka_unit_test(it_is_the_maximum_and_its_curvature),
        cmocka_unit_test(every_model_of_purchases_takes_them),
        cmocka_unit_test(alone_or_together),
        cmocka_unit_test(rising_far_out),
        cmocka_unit_test(newton_leaves_a_saddle),
        cmocka_unit_test(coefficients_come_back),
        cmocka_unit_test(standard_errors_cover),
        cmocka_unit_test(an_idle_covariate_says_nothing),
        cmocka_unit_test(a_penalty_draws_to_zero),
        cmocka_unit_test(hostile_columns),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(threads_change_no_digit),
        cmocka_unit_test(predictions_are_at_ones_own_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
