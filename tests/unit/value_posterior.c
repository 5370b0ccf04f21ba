/* Hierarchical Bayes: whether it is the right posterior. Against maximum likelihood, the Gibbs
 * sampler of the literature, simulation-based calibration, and the prior. */
#include "value_bayes.h"

/* With many customers the posterior is the likelihood's peak: mean and spread of the logarithms. */
static void many_customers_agree_with_maximum_likelihood(void **state)
{
    (void)state;
    const double truth[] = {0.55, 10.6, 0.8, 12.0};
    struct pv_cells *cells;
    struct pv_customer *rows = world(truth, 7.0, 6000, 350, 84, 0, 3, &cells);
    struct pv_bayes_options o = usual(7.0);
    struct pv_fit_options week = {7.0, 100.0, 1};
    struct pv_posterior *p;
    struct pv_bayes_summary s;
    struct pv_fit fit;
    assert_int_equal(pv_fit_model(pareto(), cells, &week, &fit), 0);
    assert_int_equal(pv_bayes_fit(pareto(), cells, &o, &p), 0);
    pv_posterior_summary(p, &s);
    assert_int_equal(s.verdict, PV_VERDICT_OK);
    assert_true(s.usable && s.customers == 6000 && s.acceptance > 0.3);
    for (int k = 0; k < 4; k++) {
        const struct pv_bayes_param *b = &s.param[k];
        double log_sd = fit.std_error[k] / fit.param[k];
        if (!(fabs(log(b->median / fit.param[k])) < 0.35 * log_sd))
            fail_msg("%s: median %g, maximum %g ± %g", b->name, b->median, fit.param[k],
                     fit.std_error[k]);
        double width = log(b->high95 / b->low95) / (2.0 * PV_Z95);
        near_relative(width, log_sd, 0.2, "spread");
        assert_true(b->rhat < 1.05 && b->ess_bulk >= 100.0 && b->ess_tail >= 100.0);
        assert_true(b->learned > 0.9);
    }
    pv_posterior_free(p);
    pv_cells_free(cells);
    free(rows);
}

/*
 * The Gibbs sampler with augmented data (Abe 2009), by itself and slowly: for each customer alive
 * or not and tau given the rates, the rates given tau, and the population's parameters given the
 * rates by random walks. ret: mean and standard deviation of each ln parameter.
 */
static void gibbs(const struct pv_customer *rows, size_t n, double unit,
                  const struct pv_prior *prior, int sweeps, double *draws)
{
    double log_p[4], *lambda = malloc(2 * n * sizeof *lambda), *mu = lambda + n;
    struct pv_rng rng;
    pv_rng_start(&rng, 99, 99);
    for (int k = 0; k < 4; k++)
        log_p[k] = log(prior[k].median);
    for (size_t i = 0; i < n; i++)
        lambda[i] = mu[i] = 0.5;
    for (int sweep = 0; sweep < sweeps; sweep++) {
        double sum[2] = {0.0}, logs[2] = {0.0};
        for (size_t i = 0; i < n; i++) {
            double t_x = rows[i].t_x / unit, T = rows[i].T / unit, x = rows[i].x, tau;
            double both = lambda[i] + mu[i];
            double alive = 1.0 / (1.0 + mu[i] / both * expm1(both * (T - t_x)));
            if (pv_rng_uniform(&rng) < alive)
                tau = T + pv_rng_exponential(&rng) / mu[i];
            else
                tau = t_x - log1p(pv_rng_uniform(&rng) * expm1(-both * (T - t_x))) / both;
            lambda[i] = pv_rng_gamma(&rng, exp(log_p[0]) + x) / (exp(log_p[1]) + fmin(tau, T));
            mu[i] = pv_rng_gamma(&rng, exp(log_p[2]) + 1.0) / (exp(log_p[3]) + tau);
            sum[0] += lambda[i];
            sum[1] += mu[i];
            logs[0] += log(lambda[i]);
            logs[1] += log(mu[i]);
        }
        for (int pair = 0; pair < 2; pair++) {
            double *at = log_p + 2 * pair;
            for (int k = 0; k < 6; k++) {
                double to[2], value[2];
                /* Shape and rate together, then against each other. */
                double a = 0.4 * pv_rng_normal(&rng), b = 0.2 * pv_rng_normal(&rng);
                to[0] = at[0] + a;
                to[1] = at[1] + a + b;
                for (int w = 0; w < 2; w++) {
                    const double *v = w ? to : at;
                    double shape = exp(v[0]), rate = exp(v[1]), lp = 0.0;
                    for (int j = 0; j < 2; j++) {
                        const struct pv_prior *pr = &prior[2 * pair + j];
                        double off = (v[j] - log(pr->median)) / pr->log_sd;
                        lp -= 0.5 * off * off;
                    }
                    value[w] = lp + (double)n * (shape * v[1] - pv_math_lgamma(shape)) +
                               (shape - 1.0) * logs[pair] - rate * sum[pair];
                }
                if (log(pv_rng_uniform(&rng)) < value[1] - value[0])
                    memcpy(at, to, sizeof to);
            }
        }
        for (int k = 0; k < 4; k++)
            draws[(size_t)k * (size_t)sweeps + (size_t)sweep] = log_p[k];
    }
    free(lambda);
}

static void mean_and_sd(const double *v, size_t n, size_t stride, bool logs, double *ret_mean,
                        double *ret_sd)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        double at = logs ? log(v[i * stride]) : v[i * stride];
        sum += at / (double)n;
        squares += at * at / (double)n;
    }
    *ret_mean = sum;
    *ret_sd = sqrt(squares - sum * sum);
}

static void it_is_the_posterior_of_the_gibbs_sampler(void **state)
{
    (void)state;
    enum { SWEEPS = 5000, BURN = 500, N = 60 };
    const double truth[] = {1.0, 1.2, 1.0, 2.0}, unit = 50.0;
    struct pv_cells *cells;
    struct pv_customer *rows = world(truth, unit, N, 250, 50, 0, 8, &cells);
    struct pv_bayes_options o = usual(unit);
    const struct pv_prior prior[4] = {{1.0, 0.7}, {1.0, 0.7}, {1.0, 0.7}, {2.0, 0.7}};
    struct pv_posterior *p;
    struct pv_bayes_summary s;
    memcpy(o.prior, prior, sizeof prior);
    o.draws = 700;
    assert_int_equal(pv_bayes_fit(pareto(), cells, &o, &p), 0);
    pv_posterior_summary(p, &s);
    assert_true(s.usable);
    double *draws = malloc(4 * SWEEPS * sizeof *draws);
    gibbs(rows, N, unit, prior, SWEEPS, draws);
    size_t n;
    const double *own = pv_posterior_draws(p, &n);
    for (int k = 0; k < 4; k++) {
        const double *g = draws + k * SWEEPS + BURN;
        double rhat, bulk, tail, mean[2], sd[2];
        assert_int_equal(pv_chains_diagnose(g, 1, SWEEPS - BURN, &rhat, &bulk, &tail), 0);
        assert_true(bulk > 100.0);
        mean_and_sd(g, SWEEPS - BURN, 1, false, &mean[0], &sd[0]);
        mean_and_sd(own + k, n, 4, true, &mean[1], &sd[1]);
        double error = sd[0] * sqrt(1.0 / bulk + 1.0 / s.param[k].ess_bulk);
        if (!(fabs(mean[0] - mean[1]) < 4.0 * error))
            fail_msg("%s: ln mean %g by Gibbs, %g ± %g here", s.param[k].name, mean[0], mean[1],
                     error);
        if (!(fabs(log(sd[0] / sd[1])) < 4.0 * sqrt(0.5 / bulk + 0.5 / s.param[k].ess_bulk)))
            fail_msg("%s: ln sd %g by Gibbs, %g here", s.param[k].name, sd[0], sd[1]);
    }
    free(draws);
    pv_posterior_free(p);
    pv_cells_free(cells);
    free(rows);
}

/*
 * Simulation-based calibration: Talts, Betancourt, Simpson, Vehtari & Gelman (2018). Parameters
 * from the prior, customers from the parameters: then the rank of the true value among draws of the
 * posterior is uniform. Chi-square over five bins and four parameters; the same statistic on
 * posteriors shifted by half their spread, or half as wide, shows that it would tell.
 */
static void posteriors_are_calibrated(void **state)
{
    (void)state;
    enum { SETS = 60, RANKED = 19, BINS = 5, N = 40 };
    const struct pv_prior prior[4] = {{1.0, 0.5}, {1.0, 0.5}, {1.0, 0.5}, {2.0, 0.5}};
    const double unit = 20.0;
    double bin[3][4][BINS] = {{{0.0}}}, chi[3] = {0.0};
    for (uint64_t set = 0; set < (uint64_t)repeats(SETS, 2); set++) {
        struct pv_rng rng;
        double truth[4];
        pv_rng_start(&rng, 1234, set);
        for (int k = 0; k < 4; k++)
            truth[k] = prior[k].median * exp(prior[k].log_sd * pv_rng_normal(&rng));
        struct pv_cells *cells;
        struct pv_customer *rows = world(truth, unit, N, 60, 20, 0, 5000 + set, &cells);
        struct pv_bayes_options o = usual(unit);
        struct pv_posterior *p;
        memcpy(o.prior, prior, sizeof prior);
        o.seed = set;
        o.chains = 2;
        o.warmup = 50;
        o.draws = 95;
        assert_int_equal(pv_bayes_fit(pareto(), cells, &o, &p), 0);
        size_t n;
        const double *draws = pv_posterior_draws(p, &n);
        for (int k = 0; k < 4; k++) {
            double mean, sd;
            mean_and_sd(draws + k, n, 4, true, &mean, &sd);
            for (int what = 0; what < 3; what++) {
                int rank = 0;
                for (size_t i = 0; i < RANKED; i++) {
                    double at = log(draws[(i * n / RANKED) * 4 + (size_t)k]);
                    at = what == 1 ? at + 0.5 * sd : what == 2 ? mean + 0.5 * (at - mean) : at;
                    rank += at < log(truth[k]);
                }
                bin[what][k][rank * BINS / (RANKED + 1)] += 1.0;
            }
        }
        pv_posterior_free(p);
        pv_cells_free(cells);
        free(rows);
    }
    if (only_few())
        return;
    for (int what = 0; what < 3; what++)
        for (int k = 0; k < 4; k++)
            for (int b = 0; b < BINS; b++)
                chi[what] +=
                    (bin[what][k][b] - SETS / BINS) * (bin[what][k][b] - SETS / BINS) * BINS / SETS;
    /* 16 degrees of freedom: 39.3 is exceeded once in a thousand. */
    if (!(chi[0] < 39.3))
        fail_msg("chi-square of the ranks: %g", chi[0]);
    if (!(chi[1] > 39.3 && chi[2] > 39.3))
        fail_msg("a wrong posterior goes unseen: %g %g", chi[1], chi[2]);
}

/* Customers much alike, seen for a short while: r and alpha, s and beta run along ridges, a plateau
 * with the prior for an edge. Maximum likelihood gives up; the chains must still mix. */
static void ridges_are_explored(void **state)
{
    (void)state;
    const double truth[] = {6.0, 60.0, 4.0, 60.0};
    struct pv_cells *cells;
    struct pv_customer *rows = world(truth, 7.0, 250, 120, 50, 0, 12, &cells);
    struct pv_fit_options week = {7.0, 100.0, 1};
    struct pv_fit fit;
    assert_int_equal(pv_fit_model(pareto(), cells, &week, &fit), 0);
    assert_true(fit.verdict != PV_VERDICT_OK);
    struct pv_bayes_options o = usual(7.0);
    struct pv_posterior *p;
    struct pv_bayes_summary s;
    assert_int_equal(pv_bayes_fit(pareto(), cells, &o, &p), 0);
    pv_posterior_summary(p, &s);
    for (int k = 0; k < 4; k++)
        if (!(s.param[k].rhat < 1.05 && s.param[k].ess_bulk > 100.0))
            fail_msg("%s: R-hat %g, %g effective draws", s.param[k].name, s.param[k].rhat,
                     s.param[k].ess_bulk);
    assert_true(s.acceptance > 0.45);
    /* What the data do fix: how often they buy. */
    size_t n;
    const double *draws = pv_posterior_draws(p, &n);
    double mean = 0.0;
    for (size_t i = 0; i < n; i++)
        mean += draws[4 * i] / draws[4 * i + 1] / (double)n;
    near_relative(mean, 0.1, 0.25, "purchases a week");
    pv_posterior_free(p);
    pv_cells_free(cells);
    free(rows);
}

static void no_data_give_the_prior_back(void **state)
{
    (void)state;
    struct pv_cells *none;
    struct pv_posterior *p;
    struct pv_bayes_summary s;
    struct pv_bayes_options o = usual(7.0);
    assert_int_equal(pv_cells_new(NULL, 0, &none), 0);
    assert_int_equal(pv_bayes_fit(pareto(), none, &o, &p), 0);
    pv_posterior_summary(p, &s);
    assert_int_equal(s.verdict, PV_VERDICT_OK);
    assert_true(s.customers == 0);
    for (int k = 0; k < 4; k++) {
        const struct pv_bayes_param *b = &s.param[k];
        double error = o.prior[k].log_sd / sqrt(b->ess_bulk);
        assert_true(fabs(log(b->median / o.prior[k].median)) < 5.0 * error);
        near_relative(log(b->high95 / b->low95), 2.0 * PV_Z95 * o.prior[k].log_sd, 0.2, "spread");
        assert_true(fabs(b->learned) < 0.25);
    }
    assert_true(fabs(o.prior[1].median - 10.0) < 1e-12);
    pv_posterior_free(p);
    pv_cells_free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_customers_agree_with_maximum_likelihood),
        cmocka_unit_test(it_is_the_posterior_of_the_gibbs_sampler),
        cmocka_unit_test(posteriors_are_calibrated),
        cmocka_unit_test(ridges_are_explored),
        cmocka_unit_test(no_data_give_the_prior_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
