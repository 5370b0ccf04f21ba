/* BG/BB on the donations and sBG on the two segments as their papers print them; figures of 40
 * digits; enumeration; recovery; verdicts; Kaplan-Meier by hand. */
#include "value_test.h"

static const struct pv_fit_options plain = {1.0, 100.0, 1};

static const struct pv_model *bg_bb(void)
{
    return pv_model_find("bg-bb");
}

static const struct pv_model *sbg(void)
{
    return pv_model_find("sbg");
}

static struct pv_fit fit_cells(const struct pv_model *m, const struct pv_cell *cell, size_t n)
{
    struct pv_cells *cells;
    struct pv_fit fit;
    assert_int_equal(pv_cells_from(cell, n, &cells), 0);
    assert_int_equal(pv_fit_model(m, cells, &plain, &fit), 0);
    pv_cells_free(cells);
    return fit;
}

/* ---- BG/BB ----------------------------------------------------------------------------------- */

/* Fader, Hardie & Shang (2010), table 2: gifts in 1996 - 2001 of the cohort of 1995. */
static const struct pv_cell donations[] = {
    {0, 0, 6, 3464}, {1, 1, 6, 1091}, {1, 2, 6, 277}, {1, 3, 6, 129}, {1, 4, 6, 78},
    {1, 5, 6, 119},  {1, 6, 6, 129},  {2, 2, 6, 613}, {2, 3, 6, 255}, {2, 4, 6, 155},
    {2, 5, 6, 173},  {2, 6, 6, 234},  {3, 3, 6, 322}, {3, 4, 6, 181}, {3, 5, 6, 225},
    {3, 6, 6, 357},  {4, 4, 6, 240},  {4, 5, 6, 284}, {4, 6, 6, 512}, {5, 5, 6, 335},
    {5, 6, 6, 728},  {6, 6, 6, 1203},
};
enum { DONATIONS = sizeof donations / sizeof donations[0] };

static void donations_are_fitted_as_published(void **state)
{
    (void)state;
    struct pv_fit fit = fit_cells(bg_bb(), donations, DONATIONS);
    const double published_at[] = {1.204, 0.750, 0.657, 2.783};
    assert_int_equal(fit.verdict, PV_VERDICT_OK);
    assert_int_equal(fit.customers, 11104);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(fit.param[i] - published_at[i]) < 0.0006);
    assert_true(fabs(fit.loglik + 33225.6) < 0.05);
}

struct figures {
    double p[4], x, t_x, n;
    double want[6]; /* ln L, P(alive), E[of 5], DERT at 10 %, P(0 of 5), P(2 of 5) */
};

/* Worked with 40 digits from the definitions. */
static const struct figures figures[] = {
    {{1.204, 0.75, 0.657, 2.783},
     0,
     0,
     6,
     {-1.167262472673894, 0.1080165841686742, 0.07280287747504301, 0.1146469961817641,
      0.9522346083001955, 0.01231862904609065}},
    {{1.204, 0.75, 0.657, 2.783},
     3,
     5,
     6,
     {-5.615894746361415, 0.7667340499957251, 1.804425999794568, 2.841536322237261,
      0.30950712337305, 0.1818007624765317}},
    {{1.204, 0.75, 0.657, 2.783},
     6,
     6,
     6,
     {-2.1822484476183, 0.9304025423728814, 3.752115607599815, 5.908678319555379,
      0.07684114377401189, 0.06898490220957044}},
    {{1.204, 0.75, 0.657, 2.783},
     0,
     0,
     0,
     {0.0, 0.8090116279069767, 1.937707208285039, 2.700952964251711, 0.3187833287406321,
      0.1339214835742603}},
    {{0.3, 2, 1, 0.4},
     2,
     150,
     400,
     {-19.35206831063748, 0.1187541004914796, 0.003377872354559188, 0.006628400480911317,
      0.9966766875267108, 5.340742191017334e-5}},
    {{40, 60, 0.01, 30},
     100,
     250,
     260,
     {-173.9151821981369, 0.9866641778215887, 1.918382281505362, 3.835751596696214,
      0.0989482807872287, 0.3381674980303258}},
};
enum { FIGURES = sizeof figures / sizeof figures[0] };

static void figures_of_forty_digits(void **state)
{
    (void)state;
    for (int i = 0; i < FIGURES; i++) {
        const struct figures *f = &figures[i];
        const struct pv_model *m = bg_bb();
        double pmf[6], delta = log(1.1), sum = 0.0, mean = 0.0;
        near_relative(pv_predict_loglik(m, f->p, f->x, f->t_x, f->n), f->want[0], 1e-12, "ln L");
        double alive = pv_predict_alive(m, f->p, f->x, f->t_x, f->n, 0);
        near_relative(alive, f->want[1], 1e-11, "P(alive)");
        near_relative(pv_predict_expected(m, f->p, f->x, f->t_x, f->n, 5), f->want[2], 1e-11, "E");
        near_relative(pv_predict_dert(m, f->p, f->x, f->t_x, f->n, delta), f->want[3], 1e-11,
                      "DERT");
        assert_int_equal(pv_predict_pmf(m, f->p, f->x, f->t_x, f->n, 5, 6, pmf), 0);
        near_relative(pmf[0], f->want[4], 1e-11, "P(0)");
        near_relative(pmf[2], f->want[5], 1e-11, "P(2)");
        for (int k = 0; k < 6; k++) {
            sum += pmf[k];
            mean += k * pmf[k];
        }
        near_relative(sum, 1.0, 1e-12, "sum of the PMF");
        near_relative(mean, pv_predict_expected(m, f->p, f->x, f->t_x, f->n, 5), 1e-11, "mean");
        near_relative(pv_predict_none(m, f->p, f->x, f->t_x, f->n, 5), pmf[0], 1e-14, "none");
        assert_true(pv_predict_alive(m, f->p, f->x, f->t_x, f->n, 3) < alive);
    }
}

/* Every history of n opportunities, one after the other: probabilities add up to one. */
static void histories_add_up_to_one(void **state)
{
    (void)state;
    const double p[] = {1.204, 0.750, 0.657, 2.783};
    double sum = 0.0;
    enum { N = 10 };
    for (unsigned h = 0; h < 1u << N; h++) {
        int x = __builtin_popcount(h), last = 0;
        for (int i = 0; i < N; i++)
            if (h & 1u << i)
                last = i + 1;
        sum += exp(pv_predict_loglik(bg_bb(), p, x, last, N));
    }
    near_relative(sum, 1.0, 1e-12, "all histories");
    /* Half an opportunity, two purchases in one: nonsense. */
    assert_true(isnan(pv_predict_loglik(bg_bb(), p, 2, 1, 6)));
    assert_true(isnan(pv_predict_loglik(bg_bb(), p, 1, 1.5, 6)));
    assert_true(isnan(pv_predict_expected(bg_bb(), p, 1, 2, 6, 2.5)));
    const struct pv_cell odd[] = {{3, 2, 6, 50}};
    struct pv_cells *cells;
    struct pv_fit fit;
    assert_int_equal(pv_cells_from(odd, 1, &cells), 0);
    assert_int_equal(pv_fit_model(bg_bb(), cells, &plain, &fit), PV_ERR_ARGUMENT);
    pv_cells_free(cells);
}

static void check_derivatives(const struct pv_model *m, const struct pv_cell *cell, size_t n,
                              const double *p)
{
    struct pv_cells *cells;
    assert_int_equal(pv_cells_from(cell, n, &cells), 0);
    struct pv_fit_data d = {.stride = 1, .unit_days = 1.0, .max_day = 1};
    d.cell = pv_cells_data(cells, &d.cells);
    double grad[PV_MAX_PARAMS], hess[PV_MAX_PARAMS * PV_MAX_PARAMS];
    double value = m->eval(m, &d, p, grad, hess);
    for (int i = 0; i < m->params; i++) {
        double q[2][PV_MAX_PARAMS], g[2][PV_MAX_PARAMS], v[2], h = 1e-5 * p[i];
        double junk[PV_MAX_PARAMS * PV_MAX_PARAMS];
        for (int s = 0; s < 2; s++) {
            memcpy(q[s], p, sizeof(double) * (size_t)m->params);
            q[s][i] += s ? h : -h;
            v[s] = m->eval(m, &d, q[s], g[s], junk);
        }
        assert_true(fabs(grad[i] - (v[1] - v[0]) / (2 * h)) < 1e-8 * fabs(value) / p[i]);
        for (int j = 0; j < m->params; j++)
            assert_true(fabs(hess[i * m->params + j] - (g[1][j] - g[0][j]) / (2 * h)) <
                        1e-8 * fabs(value) / p[i] / p[j]);
    }
    pv_cells_free(cells);
}

static const struct pv_cell contracts[] = {
    {0, 0, 3, 40}, {0, 0, 7, 241}, {1, 0, 1, 369}, {1, 0, 2, 163}, {1, 0, 5, 12}};

static void derivatives_are_right(void **state)
{
    (void)state;
    const double at[] = {1.4, 0.6, 0.9, 2.1}, far_at[] = {30.0, 70.0, 0.02, 5.0};
    check_derivatives(bg_bb(), donations, DONATIONS, at);
    check_derivatives(bg_bb(), donations, DONATIONS, far_at);
    check_derivatives(sbg(), contracts, 5, at);
    check_derivatives(sbg(), contracts, 5, far_at);
    /* P(alive) by ln parameter. */
    double slope[4], h = 1e-5;
    (void)bg_bb()->buying->p_alive(bg_bb(), at, 2, 4, 9, slope);
    for (int k = 0; k < 4; k++) {
        double v[2];
        for (int s = 0; s < 2; s++) {
            double q[4];
            memcpy(q, at, sizeof q);
            q[k] *= exp(s ? h : -h);
            v[s] = log(pv_predict_alive(bg_bb(), q, 2, 4, 9, 0));
        }
        assert_true(fabs(slope[k] - (v[1] - v[0]) / (2 * h)) < 1e-8);
    }
}

static double draw_beta(struct pv_rng *rng, double a, double b)
{
    double x = pv_rng_gamma(rng, a);
    return x / (x + pv_rng_gamma(rng, b));
}

static void come_back(const struct pv_fit *fit, const double *truth)
{
    assert_int_equal(fit->verdict, PV_VERDICT_OK);
    for (int i = 0; i < fit->params; i++)
        if (!(fabs(fit->param[i] - truth[i]) < 3.0 * fit->std_error[i]))
            fail_msg("%s: %s %g ± %g, want %g", fit->model, fit->name[i], fit->param[i],
                     fit->std_error[i], truth[i]);
}

static void known_parameters_come_back(void **state)
{
    (void)state;
    enum { N = 12000 };
    const double gifts[] = {1.2, 0.8, 0.7, 2.8}, churn[] = {0.7, 1.2};
    struct pv_cell *cell = calloc(N, sizeof *cell);
    assert_non_null(cell);
    for (uint64_t i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 41, i);
        double p = draw_beta(&rng, gifts[0], gifts[1]);
        double theta = draw_beta(&rng, gifts[2], gifts[3]);
        cell[i] = (struct pv_cell){.T = 6 + (int32_t)(i % 5), .count = 1};
        for (int32_t t = 1; t <= cell[i].T && pv_rng_uniform(&rng) >= theta; t++) {
            if (pv_rng_uniform(&rng) < p) {
                cell[i].x++;
                cell[i].t_x = t;
            }
        }
    }
    struct pv_fit fit = fit_cells(bg_bb(), cell, N);
    come_back(&fit, gifts);
    for (uint64_t i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 43, i);
        double theta = draw_beta(&rng, churn[0], churn[1]);
        int32_t most = 4 + (int32_t)(i % 6);
        cell[i] = (struct pv_cell){.count = 1};
        while (cell[i].x == 0 && cell[i].T < most) {
            cell[i].T++;
            cell[i].x = pv_rng_uniform(&rng) < theta;
        }
    }
    fit = fit_cells(sbg(), cell, N);
    come_back(&fit, churn);
    free(cell);
}

/* ---- Contracts ------------------------------------------------------------------------------- */

/* Fader & Hardie (2007), table 1: of 1,000 customers, still there after so many years. */
static const int regular[] = {1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173};
static const int high_end[] = {1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394};

static struct pv_cells *survivors(const int *there, int years)
{
    struct pv_cell cell[16];
    struct pv_cells *cells;
    int n = 0;
    for (int t = 1; t <= years; t++)
        cell[n++] = (struct pv_cell){1, 0, t, (uint32_t)(there[t - 1] - there[t])};
    cell[n++] = (struct pv_cell){0, 0, years, (uint32_t)there[years]};
    assert_int_equal(pv_cells_from(cell, (size_t)n, &cells), 0);
    return cells;
}

static void segments_are_fitted_as_published(void **state)
{
    (void)state;
    const int *there[] = {regular, high_end};
    const double want[][2] = {{0.704, 1.182}, {0.668, 3.806}};
    for (int k = 0; k < 2; k++) {
        struct pv_cells *cells = survivors(there[k], 7);
        struct pv_fit fit;
        assert_int_equal(pv_fit_model(sbg(), cells, &plain, &fit), 0);
        assert_int_equal(fit.verdict, PV_VERDICT_OK);
        assert_true(fabs(fit.param[0] - want[k][0]) < 0.0006);
        assert_true(fabs(fit.param[1] - want[k][1]) < 0.0006);
        /* Five years beyond the data, within two points of what happened. */
        for (int t = 8; t <= 12; t++)
            assert_true(fabs(1000.0 * pv_contract_survival(sbg(), fit.param, t) - there[k][t]) <
                        20.0);
        pv_cells_free(cells);
    }
}

static void contract_quantities_hold_together(void **state)
{
    (void)state;
    const double p[] = {0.704, 1.182}, delta = log(1.1);
    double s = 1.0;
    for (int t = 1; t < 40; t++) {
        s *= pv_contract_retention(sbg(), p, t);
        near_relative(pv_contract_survival(sbg(), p, t), s, 1e-13, "survival");
    }
    for (int n = 1; n < 6; n++) {
        double want = 0.0, before = pv_contract_survival(sbg(), p, n - 1);
        for (int t = n; t < n + 600; t++)
            want += pv_contract_survival(sbg(), p, t) / before * exp(-delta * (t - n));
        near_relative(pv_contract_renewals(sbg(), p, n, delta), want, 1e-12, "renewals");
    }
    assert_true(isnan(pv_contract_survival(sbg(), p, 1.5)));
    assert_true(isnan(pv_contract_retention(sbg(), p, 0)));
    assert_true(isnan(pv_contract_renewals(sbg(), p, 1, 0)));
    assert_true(isnan(pv_contract_survival(bg_bb(), p, 1)));
    assert_true(isnan(pv_predict_alive(sbg(), p, 0, 0, 1, 0)));
}

/* By hand: 10 customers, 2 end in 1, one is last seen after 1; 7 at risk, 3 end in 2; 4 stay. */
static void kaplan_meier_by_hand(void **state)
{
    (void)state;
    const struct pv_cell cell[] = {{1, 0, 1, 2}, {0, 0, 1, 1}, {1, 0, 2, 3}, {0, 0, 3, 4}};
    struct pv_cells *cells;
    double s[6], low[6], high[6];
    assert_int_equal(pv_cells_from(cell, 4, &cells), 0);
    assert_int_equal(pv_kaplan_meier(cells, 5, s, low, high), 0);
    near_relative(s[0], 1.0, 1e-15, "S(0)");
    near_relative(s[1], 0.8, 1e-15, "S(1)");
    near_relative(s[2], 0.8 * 4.0 / 7.0, 1e-15, "S(2)");
    near_relative(s[3], s[2], 1e-15, "S(3)");
    assert_true(isnan(s[4]) && isnan(s[5]));
    double v = 2.0 / (10.0 * 8.0), l = log(0.8); /* Greenwood */
    near_relative(low[1], pow(0.8, exp(PV_Z95 * sqrt(v) / -l)), 1e-13, "low");
    near_relative(high[1], pow(0.8, exp(-PV_Z95 * sqrt(v) / -l)), 1e-13, "high");
    assert_true(low[2] > 0.0 && low[2] < s[2] && high[2] > s[2] && high[2] < 1.0);
    pv_cells_free(cells);
    /* Without censoring it is the share of survivors. */
    cells = survivors(regular, 12);
    double all[13], a[13], b[13];
    assert_int_equal(pv_kaplan_meier(cells, 12, all, a, b), 0);
    for (int t = 0; t <= 12; t++)
        near_relative(all[t], regular[t] / 1000.0, 1e-13, "share");
    pv_cells_free(cells);
    const struct pv_cell odd[] = {{2, 1, 3, 5}};
    assert_int_equal(pv_cells_from(odd, 1, &cells), 0);
    assert_int_equal(pv_kaplan_meier(cells, 3, s, low, high), PV_ERR_ARGUMENT);
    pv_cells_free(cells);
}

static void hopeless_data_is_named(void **state)
{
    (void)state;
    const struct pv_cell stay[] = {{0, 0, 5, 300}}, few[] = {{0, 0, 5, 20}, {1, 0, 2, 5}};
    const struct pv_cell now[] = {{0, 0, 0, 300}};
    assert_int_equal(fit_cells(sbg(), stay, 1).verdict, PV_VERDICT_NOBODY_LEAVES);
    assert_false(fit_cells(sbg(), stay, 1).usable);
    assert_int_equal(fit_cells(sbg(), few, 2).verdict, PV_VERDICT_TOO_FEW_CUSTOMERS);
    assert_int_equal(fit_cells(sbg(), now, 1).verdict, PV_VERDICT_SAME_DAY);
    /* Everybody is equally likely to leave: the spread of theta is not in the data. */
    const struct pv_cell even[] = {
        {1, 0, 1, 5000}, {1, 0, 2, 2500}, {1, 0, 3, 1250}, {1, 0, 4, 625}, {0, 0, 4, 625}};
    struct pv_fit fit = fit_cells(sbg(), even, 5);
    assert_int_equal(fit.verdict, PV_VERDICT_RIDGE);
    near_relative(pv_contract_retention(sbg(), fit.param, 1), 0.5, 0.01, "constant churn");
    /* One period shows one number: two parameters are not in it. */
    const struct pv_cell one[] = {{1, 0, 1, 400}, {0, 0, 1, 600}};
    assert_int_equal(fit_cells(sbg(), one, 2).verdict, PV_VERDICT_RIDGE);
    const struct pv_cell nobody[] = {{0, 0, 6, 300}}, always[] = {{6, 6, 6, 300}, {3, 6, 6, 40}};
    assert_int_equal(fit_cells(bg_bb(), nobody, 1).verdict, PV_VERDICT_NO_REPEAT_PURCHASES);
    assert_int_not_equal(fit_cells(bg_bb(), always, 2).verdict, PV_VERDICT_OK);
    /* A valuer is for purchases at any time. */
    const double p[] = {1.2, 0.8, 0.7, 2.8};
    struct pv_valuer_options o = {
        .unit_days = 7.0, .money_scale = 100.0, .horizon = 52, .discount = 0.15};
    struct pv_customer row = {.T = 10};
    struct pv_valuer *v;
    assert_int_equal(pv_fit_given(bg_bb(), p, 1.0, &fit), 0);
    assert_int_equal(pv_valuer_new(&fit, NULL, &o, &row, 1, &v), PV_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(donations_are_fitted_as_published),
        cmocka_unit_test(figures_of_forty_digits),
        cmocka_unit_test(histories_add_up_to_one),
        cmocka_unit_test(derivatives_are_right),
        cmocka_unit_test(known_parameters_come_back),
        cmocka_unit_test(segments_are_fitted_as_published),
        cmocka_unit_test(contract_quantities_hold_together),
        cmocka_unit_test(kaplan_meier_by_hand),
        cmocka_unit_test(hopeless_data_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
