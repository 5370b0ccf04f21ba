/*
 * Public data and figures computed with 40 digits by others. They lie outside the project, in the
 * directory named by PATRON_SHARED (or ../shared beside it); without them these tests are skipped.
 */
#include "value_test.h"

#include <jansson.h>

static FILE *open_shared(const char *name)
{
    char path[4096];
    const char *places[] = {getenv("PATRON_SHARED"), "../shared", "../../shared",
                            "../../../shared"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (!places[i] || !*places[i])
            continue;
        snprintf(path, sizeof path, "%s/%s", places[i], name);
        FILE *f = fopen(path, "r");
        if (f)
            return f;
    }
    return NULL;
}

static json_t *golden(void)
{
    FILE *f = open_shared("golden/clv.json");
    if (!f)
        skip();
    json_t *root = json_loadf(f, 0, NULL);
    fclose(f);
    assert_non_null(root);
    return root;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static struct bg_nbd fixed(const json_t *root)
{
    const json_t *p = json_object_get(json_object_get(root, "params"), "bg_nbd");
    return (struct bg_nbd){number(p, "r"), number(p, "alpha"), number(p, "a"), number(p, "b")};
}

static void quantities_at_fixed_parameters(void **state)
{
    (void)state;
    json_t *root = golden();
    struct bg_nbd m = fixed(root);
    const double delta = pv_discount_per_unit(0.15, 7.0);
    near_relative(delta, number(root, "delta_weekly"), 1e-14, "delta");
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(root, "customers"), i, c)
    {
        const json_t *want = json_object_get(c, "bg_nbd");
        double x = number(c, "x"), t_x = number(c, "t_x"), T = number(c, "T");
        near_relative(bg_loglik(&m, x, t_x, T), number(want, "loglik"), 1e-9, "loglik");
        near_relative(bg_p_alive(&m, x, t_x, T), number(want, "p_alive"), 1e-9, "P(alive)");
        near_relative(bg_expected(&m, x, t_x, T, 39), number(want, "cet_39"), 1e-9, "E");
        double dert = number(want, "dert_15pct_yr_numeric");
        if (isfinite(dert))
            near_relative(bg_dert(&m, x, t_x, T, delta), dert, 1e-9, "DERT");
    }
    assert_true(i >= 10);
    const char *key;
    json_object_foreach(json_object_get(root, "expectation_new_customer"), key, c)
        near_relative(bg_expected_new(&m, strtod(key, NULL)), number(c, "bg_nbd"), 1e-9, key);
    double pmf[11];
    assert_int_equal(bg_pmf(&m, 0, 0, 0, 39, 11, pmf), 0);
    json_array_foreach(json_object_get(root, "bg_nbd_pmf_39"), i, c)
        near_relative(pmf[i], json_number_value(c), 1e-9, "PMF");
    const json_t *p = json_object_get(json_object_get(root, "params"), "gamma_gamma");
    struct pv_gamma_gamma g = {number(p, "p"), number(p, "q"), number(p, "v")};
    json_array_foreach(json_object_get(root, "gamma_gamma_conditional_mean"), i, c)
        near_relative(pv_gamma_gamma_mean(&g, number(c, "x"), number(c, "zbar")),
                      number(c, "value"), 1e-9, "spend");
    json_decref(root);
}

static int32_t day_of(int year, int month, int day)
{
    /* Days from 1 March: enough for the years of the data. */
    int y = month <= 2 ? year - 1 : year;
    int m = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static struct pv_history *cdnow(void)
{
    FILE *f = open_shared("data/cdnow_sample_transactions.csv");
    if (!f)
        skip();
    struct pv_builder *b;
    struct pv_history *h;
    char line[256];
    assert_int_equal(pv_builder_new(PV_RETURNS_NET, &b), 0);
    assert_non_null(fgets(line, sizeof line, f));
    while (fgets(line, sizeof line, f)) {
        unsigned id;
        int year, month, day;
        long long whole, cents;
        assert_int_equal(
            sscanf(line, "%u,%d-%d-%d,%lld.%2lld", &id, &year, &month, &day, &whole, &cents), 6);
        assert_int_equal(pv_builder_add(b, id - 1, day_of(year, month, day), whole * 100 + cents),
                         0);
    }
    fclose(f);
    struct pv_history_report report;
    assert_int_equal(pv_builder_finish(b, 0, &h, &report), 0);
    assert_int_equal(report.merged, 223);
    assert_int_equal(report.zero, 8);
    pv_builder_free(b);
    return h;
}

static void near_fit(const struct pv_fit *fit, const json_t *want, const char *const *names)
{
    assert_int_equal(fit->verdict, PV_VERDICT_OK);
    for (int i = 0; i < fit->params; i++)
        near_relative(fit->param[i], number(want, names[i]), 1e-6, names[i]);
    assert_true(fabs(fit->loglik - number(want, "loglik")) < 1e-8);
    assert_int_equal(fit->customers, (uint64_t)number(want, "n"));
}

static void cdnow_is_fitted_and_forecast(void **state)
{
    (void)state;
    json_t *root = golden();
    struct pv_history *h = cdnow();
    size_t n = pv_history_columns(h).customers;
    assert_int_equal(n, 2357);
    struct pv_customer *rows = malloc(n * sizeof *rows);
    assert_non_null(rows);
    assert_int_equal(pv_summarise(h, day_of(1997, 9, 30), day_of(1998, 6, 30), rows), 0);
    struct pv_fit_options options = {7.0, 100.0, 1};
    struct pv_cells *cells;
    struct pv_fit bg, gg;
    assert_int_equal(pv_cells_new(rows, n, &cells), 0);
    assert_int_equal(pv_fit_model(bg_model(), cells, &options, &bg), 0);
    assert_int_equal(pv_fit_gamma_gamma(rows, n, &options, &gg), 0);
    pv_cells_free(cells);
    const json_t *want = json_object_get(json_object_get(root, "fits"), "cdnow_sample_exact_weeks");
    assert_int_equal(bg.cells, 1016);
    near_fit(&bg, json_object_get(want, "bg_nbd"), (const char *const[]){"r", "alpha", "a", "b"});
    near_fit(&gg, json_object_get(want, "gamma_gamma"), (const char *const[]){"p", "q", "v"});
    struct pv_valuer_options vo = {
        .unit_days = 7.0, .money_scale = 100.0, .horizon = 39, .discount = 0.15, .seed = 1};
    struct pv_valuer *v;
    struct pv_holdout hold;
    assert_int_equal(pv_valuer_new(&bg, &gg, &vo, rows, n, &v), 0);
    assert_int_equal(pv_value_holdout(v, rows, n, &hold), 0);
    assert_true(hold.actual == 1882.0);
    assert_true(fabs(hold.predicted - 1653.41) < 0.005);
    assert_true(fabs(hold.mae - 0.78545) < 0.000005);
    assert_true(hold.coverage80 >= 0.80 && hold.coverage80 <= 0.95);
    assert_true(hold.coverage95 >= 0.94 && hold.coverage95 <= 0.99);
    pv_valuer_free(v);
    free(rows);
    pv_history_free(h);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_at_fixed_parameters),
        cmocka_unit_test(cdnow_is_fitted_and_forecast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
