/* What is done with a fit with covariates: the fit of one value of them, a base valued with
 * intervals, model files. */
#include "value_test.h"

#include "patron_covariates.h"
#include "patron_model_file.h"
#include "valuer.h"

enum { N = 4000, COLUMNS = 2, HOLDOUT = 182 };
static const struct pv_fit_options week = {7.0, 100.0, 1};
static const struct bg_nbd middle = {0.9, 10.0, 0.8, 2.5};
static const struct pv_gamma_gamma money = {4.0, 5.0, 60.0};

/* Column 0: a dummy, whose customers buy e^0.7 times as often and spend e^0.5 times as much; column
 * 1: 0, 1 or 2, which makes them leave earlier. */
struct world {
    struct pv_customer row[N];
    double z[N * COLUMNS];
};

static struct world *world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    for (size_t i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, seed, i);
        double *z = w->z + COLUMNS * i;
        z[0] = pv_rng_uniform(&rng) < 0.4;
        z[1] = floor(3.0 * pv_rng_uniform(&rng));
        struct bg_nbd own = middle;
        struct pv_gamma_gamma spend = money;
        own.alpha *= exp(-0.7 * z[0]);
        own.a *= exp(0.3 * z[1]);
        spend.gamma *= exp(0.5 * z[0]);
        w->row[i] = simulate_customer(&rng, &own, &spend, 400 - (int32_t)(i % 84), HOLDOUT);
    }
    return w;
}

struct fits {
    struct pv_covariate_fit *buying, *spend;
};

static struct fits fits_of(const char *model, const struct world *w, uint32_t columns)
{
    const struct pv_covariates c = {w->z, COLUMNS};
    struct pv_covariate_options o = {.fit = week, .use = {columns, columns, columns}};
    struct fits f;
    const struct pv_model *m = pv_model_find(model);
    for (int p = pv_process_count(m); p < PV_MAX_PROCESSES; p++)
        o.use[p] = 0;
    assert_int_equal(pv_covariate_fit_new(m, w->row, N, &c, &o, &f.buying), 0);
    o.use[1] = o.use[2] = 0;
    assert_int_equal(
        pv_covariate_fit_new(pv_model_find("gamma-gamma"), w->row, N, &c, &o, &f.spend), 0);
    assert_true(f.buying->typical.usable && f.spend->typical.usable);
    return f;
}

static void fits_free(struct fits *f)
{
    pv_covariate_fit_free(f->buying);
    pv_covariate_fit_free(f->spend);
}

static struct pv_valuer_options options_of(double horizon)
{
    return (struct pv_valuer_options){.unit_days = 7.0,
                                      .money_scale = 100.0,
                                      .horizon = horizon,
                                      .discount = 0.15,
                                      .seed = 5,
                                      .draws = 512,
                                      .threads = 1};
}

struct valued {
    struct pv_value value[N];
    struct pv_equity equity;
};

static struct valued *value(const struct fits *f, const struct world *w, double horizon,
                            int threads)
{
    struct valued *v = malloc(sizeof *v);
    const struct pv_covariates c = {w->z, COLUMNS};
    struct pv_valuer_options o = options_of(horizon);
    o.threads = threads;
    assert_non_null(v);
    assert_int_equal(
        pv_covariate_value(f->buying, f->spend, &o, w->row, N, &c, v->value, &v->equity), 0);
    return v;
}

/* Parameters at z, and their covariance, by differences of pv_covariate_theta in every coefficient.
 */
static void a_fit_of_one_value(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    struct fits f = fits_of("bg-nbd", w, 3);
    const double z[COLUMNS] = {1.0, 2.0};
    struct pv_fit at;
    double theta[PV_MAX_PARAMS], slope[4][16] = {{0.0}};
    size_t n = 4, dims = n + f.buying->coefficients;
    assert_int_equal(dims, 10);
    assert_int_equal(pv_covariate_at(f.buying, z, &at), 0);
    pv_covariate_theta(f.buying, z, theta);
    for (size_t k = 0; k < n; k++) {
        near_relative(at.param[k], theta[k], 1e-15, "theta");
        slope[k][k] = 1.0;
    }
    for (size_t j = 0; j < f.buying->coefficients; j++) {
        double *value = (double *)&f.buying->coefficient[j].value, kept = *value,
               moved[PV_MAX_PARAMS];
        *value += 1e-4;
        pv_covariate_theta(f.buying, z, moved);
        *value = kept;
        for (size_t k = 0; k < n; k++)
            slope[k][n + j] = log(moved[k] / theta[k]) / 1e-4;
    }
    for (size_t k = 0; k < n; k++) {
        for (size_t l = 0; l < n; l++) {
            double want = 0.0;
            for (size_t i = 0; i < dims; i++)
                for (size_t j = 0; j < dims; j++)
                    want += slope[k][i] * f.buying->covariance[i * dims + j] * slope[l][j];
            assert_true(fabs(at.log_cov[k * n + l] - want) <
                        1e-8 * sqrt(at.log_cov[k * n + k] * at.log_cov[l * n + l]));
        }
        near_relative(at.std_error[k], theta[k] * sqrt(at.log_cov[k * n + k]), 1e-14, "error");
    }
    /* At zero it is what the fit says of zero. */
    const double zero[COLUMNS] = {0.0, 0.0};
    assert_int_equal(pv_covariate_at(f.buying, zero, &at), 0);
    for (size_t k = 0; k < n; k++) {
        near_relative(at.param[k], f.buying->zero[k], 1e-12, "zero");
        near_relative(at.std_error[k], f.buying->zero_std_error[k], 1e-9, "error at zero");
    }
    const double wrong[COLUMNS] = {NAN, 0.0};
    assert_int_equal(pv_covariate_at(f.buying, wrong, &at), PV_ERR_ARGUMENT);
    f.buying->typical.usable = false;
    assert_int_equal(pv_covariate_at(f.buying, zero, &at), PV_ERR_ARGUMENT);
    fits_free(&f);
    free(w);
}

static void same_interval(const struct pv_interval *a, const struct pv_interval *b,
                          double tolerance)
{
    near_relative(a->low95, b->low95, tolerance, "low");
    near_relative(a->high95, b->high95, tolerance, "high");
    near_relative(a->low80, b->low80, tolerance, "low80");
    near_relative(a->high80, b->high80, tolerance, "high80");
}

/* No column in use: a base valued as by the plain fit. */
static void without_columns_it_is_the_plain_valuer(void **state)
{
    (void)state;
    struct world *w = world_new(2);
    struct fits f = fits_of("bg-nbd", w, 0);
    memset(w->z, 0, sizeof w->z); /* one profile */
    struct valued *got = value(&f, w, 52.0, 1), *want = malloc(sizeof *want);
    struct pv_valuer_options o = options_of(52.0);
    struct pv_valuer *valuer;
    assert_non_null(want);
    assert_int_equal(pv_valuer_new(&f.buying->typical, &f.spend->typical, &o, w->row, N, &valuer),
                     0);
    assert_int_equal(pv_value_customers(valuer, w->row, N, want->value), 0);
    assert_int_equal(pv_value_equity(valuer, w->row, N, &want->equity), 0);
    for (size_t i = 0; i < N; i++) {
        near_relative(got->value[i].clv, want->value[i].clv, 1e-12, "clv");
        same_interval(&got->value[i].money, &want->value[i].money, 1e-12);
        same_interval(&got->value[i].clv_mean_of, &want->value[i].clv_mean_of, 1e-9);
    }
    near_relative(got->equity.amount, want->equity.amount, 1e-12, "equity");
    same_interval(&got->equity.range, &want->equity.range, 1e-9);
    same_interval(&got->equity.money_range, &want->equity.money_range, 1e-9);
    pv_valuer_free(valuer);
    fits_free(&f);
    free(got);
    free(want);
    free(w);
}

/* Variance of the equity: the slope of the sum by each variable, by difference, on both sides of
 * the covariance; beside it the chance of the customers. */
static double log_variance(const struct pv_interval *range)
{
    double sd = log(range->high95 / range->low95) / (2.0 * PV_Z95);
    return sd * sd;
}

/* Of the customers, group by group. */
static double chance_of(const struct fits *f, const struct world *w)
{
    struct pv_customer *rows = calloc(N, sizeof *rows);
    struct pv_valuer_options o = options_of(52.0);
    double chance = 0.0;
    assert_non_null(rows);
    for (int group = 0; group < 6; group++) {
        const double z[COLUMNS] = {group / 3, group % 3};
        struct pv_fit buying, spend;
        struct pv_valuer *valuer;
        struct pv_sums sums;
        size_t n = 0;
        for (size_t i = 0; i < N; i++)
            if (memcmp(w->z + COLUMNS * i, z, sizeof z) == 0)
                rows[n++] = w->row[i];
        assert_int_equal(pv_covariate_at(f->buying, z, &buying), 0);
        assert_int_equal(pv_covariate_at(f->spend, z, &spend), 0);
        assert_int_equal(pv_valuer_new(&buying, &spend, &o, rows, n, &valuer), 0);
        assert_int_equal(pv_value_sums(valuer, rows, n, NULL, &sums), 0);
        pv_valuer_free(valuer);
        chance += sums.clv_var;
    }
    free(rows);
    return chance;
}

static double equity_moved(const struct fits *f, const struct world *w, double *variable, double by)
{
    double kept = *variable;
    *variable += by;
    struct valued *v = value(f, w, 52.0, 1);
    *variable = kept;
    double amount = v->equity.amount;
    free(v);
    return amount;
}

static double uncertainty(const struct fits *f, struct pv_covariate_fit *fit, const struct world *w)
{
    size_t n = (size_t)fit->typical.params, dims = n + fit->coefficients;
    double slope[16], sum = 0.0;
    const double h = 1e-4;
    for (size_t i = 0; i < dims; i++) {
        double *variable =
            i < n ? &fit->typical.param[i] : (double *)&fit->coefficient[i - n].value;
        double step = i < n ? h * *variable : h;
        slope[i] =
            (equity_moved(f, w, variable, step) - equity_moved(f, w, variable, -step)) / (2.0 * h);
    }
    for (size_t i = 0; i < dims; i++)
        for (size_t j = 0; j < dims; j++)
            sum += slope[i] * fit->covariance[i * dims + j] * slope[j];
    return sum;
}

static void what_the_base_is_worth(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    struct fits f = fits_of("bg-nbd", w, 3);
    struct valued *v = value(&f, w, 52.0, 1);
    double sum = 0.0, orders = 0.0;
    for (size_t i = 0; i < N; i++) {
        sum += v->value[i].clv;
        orders += v->value[i].expected_orders;
    }
    near_relative(v->equity.amount, sum, 1e-12, "sum of clv");
    near_relative(v->equity.orders, orders, 1e-12, "sum of orders");
    assert_int_equal(v->equity.customers, N);
    double all = log_variance(&v->equity.range), amount = v->equity.amount;
    double known = uncertainty(&f, f.buying, w) + uncertainty(&f, f.spend, w);
    double chance = chance_of(&f, w);
    /* log-normal: variance of the logarithm s2 goes with (e^s2 - 1) of the square of the mean */
    near_relative(expm1(all), (known + chance) / (amount * amount), 1e-4, "variance");
    assert_true(known > 0.1 * chance);
    free(v);
    fits_free(&f);
    free(w);
}

/* What groups do later lies in their intervals as often as is said, and on average where it was
 * foreseen; without covariates the dear ones would be foreseen too low. */
static void groups_do_what_was_foreseen(void **state)
{
    (void)state;
    static const char *const model[] = {"bg-nbd", "mbg-nbd"};
    for (int k = 0; k < 2; k++) {
        struct world *w = world_new(40 + (uint64_t)k);
        struct fits f = fits_of(model[k], w, 3);
        struct valued *v = value(&f, w, HOLDOUT / 7.0, 1);
        double orders = 0.0, spent[2] = {0.0}, foreseen[2] = {0.0}, in80 = 0.0;
        for (size_t i = 0; i < N; i++) {
            int dear = w->z[COLUMNS * i] > 0.0;
            const struct pv_interval *o = &v->value[i].orders;
            orders += w->row[i].x_star >= o->low95 && w->row[i].x_star <= o->high95;
            in80 += w->row[i].x_star >= o->low80 && w->row[i].x_star <= o->high80;
            spent[dear] += (double)w->row[i].spend_star / 100.0;
            foreseen[dear] += v->value[i].expected_money;
        }
        assert_true(orders / N > 0.94 && orders / N < 0.995);
        assert_true(in80 / N > 0.80 && in80 / N < 0.96);
        for (int dear = 0; dear < 2; dear++)
            assert_true(fabs(log(foreseen[dear] / spent[dear])) < 0.15);
        assert_true(spent[1] > 1.2 * spent[0]); /* fewer of them, more money */
        free(v);
        fits_free(&f);
        free(w);
    }
}

static void threads_change_no_digit(void **state)
{
    (void)state;
    struct world *w = world_new(5);
    struct fits f = fits_of("mbg-nbd", w, 3);
    struct valued *one = value(&f, w, 52.0, 1), *three = value(&f, w, 52.0, 3);
    assert_memory_equal(one, three, sizeof *one);
    free(one);
    free(three);
    fits_free(&f);
    free(w);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct world *w = world_new(6);
    struct fits f = fits_of("bg-nbd", w, 3);
    struct valued *v = malloc(sizeof *v);
    const struct pv_covariates good = {w->z, COLUMNS}, few = {w->z, 1};
    struct pv_valuer_options o = options_of(52.0), points = o, days = o;
    points.points = true;
    days.unit_days = 1.0;
    assert_non_null(v);
    assert_int_equal(pv_covariate_value(f.buying, NULL, &o, w->row, N, &few, v->value, NULL),
                     PV_ERR_ARGUMENT);
    assert_int_equal(pv_covariate_value(f.buying, NULL, &points, w->row, N, &good, v->value, NULL),
                     PV_ERR_ARGUMENT);
    assert_int_equal(pv_covariate_value(f.buying, NULL, &days, w->row, N, &good, v->value, NULL),
                     PV_ERR_ARGUMENT);
    assert_int_equal(pv_covariate_value(f.spend, NULL, &o, w->row, N, &good, v->value, NULL),
                     PV_ERR_ARGUMENT);
    /* Somebody who is no customer yet, and no money. */
    w->row[7] = (struct pv_customer){.T = -1};
    assert_int_equal(pv_covariate_value(f.buying, NULL, &o, w->row, N, &good, v->value, &v->equity),
                     0);
    assert_true(isnan(v->value[7].p_alive) && v->value[7].expected_orders == 0.0);
    assert_int_equal(v->equity.customers, N - 1);
    assert_true(isnan(v->value[0].clv) && isnan(v->equity.range.low95));
    free(v);
    fits_free(&f);
    free(w);
}

/* ---- Model files ---- */

static struct pv_model_covariates *named(const struct fits *f)
{
    struct pv_model_covariates *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->columns = COLUMNS;
    strcpy(c->name[0], "渠道=门店");
    strcpy(c->name[1], "visits");
    c->fit = f->buying;
    c->spend = f->spend;
    return c;
}

static char *file_text(const struct fits *f, struct pv_model_covariates *c)
{
    struct pv_model_file file = {.until = 20000, .money_scale = 100.0, .has_spend = true};
    char *text = malloc(PV_MODEL_FILE_MAX);
    size_t length = 0;
    assert_non_null(text);
    file.fit = f->buying->typical;
    file.spend = f->spend->typical;
    file.covariates = c;
    assert_int_equal(pv_model_file_write(&file, text, PV_MODEL_FILE_MAX, &length), 0);
    assert_int_equal(length, strlen(text));
    return text;
}

static void same_numbers(const struct pv_covariate_fit *a, const struct pv_covariate_fit *b)
{
    size_t dims = (size_t)a->typical.params + a->coefficients;
    assert_int_equal(a->columns, b->columns);
    assert_int_equal(a->coefficients, b->coefficients);
    assert_int_equal(a->profiles, b->profiles);
    assert_memory_equal(a->centre, b->centre, a->columns * sizeof *a->centre);
    /* The parameters' own covariance is that of the fit; rows of the coefficients are kept, but for
     * what hangs on a ridge. */
    size_t params = (size_t)a->typical.params;
    size_t from = a->typical.verdict == PV_VERDICT_RIDGE ? params : 0;
    for (size_t i = params; i < dims; i++)
        assert_memory_equal(a->covariance + i * dims + from, b->covariance + i * dims + from,
                            (i + 1 - from) * sizeof *a->covariance);
    assert_memory_equal(a->typical.param, b->typical.param, sizeof a->typical.param);
    for (size_t j = 0; j < a->coefficients; j++) {
        const struct pv_coefficient *x = &a->coefficient[j], *y = &b->coefficient[j];
        assert_true(x->process == y->process && x->column == y->column && x->value == y->value &&
                    x->std_error == y->std_error && x->effect == y->effect);
    }
    for (int k = 0; a->typical.usable && k < a->typical.params; k++)
        near_relative(b->zero[k], a->zero[k], 1e-12, "zero");
}

static void every_digit_comes_back(void **state)
{
    (void)state;
    static const char *const model[] = {"bg-nbd", "pareto-nbd", "nbd", "bg-cnbd-2"};
    struct world *w = world_new(8);
    for (int k = 0; k < 4; k++) {
        struct fits f = {NULL, NULL};
        const struct pv_covariates c = {w->z, COLUMNS};
        const struct pv_model *m = pv_model_find(model[k]);
        struct pv_covariate_options o = {.fit = week, .use = {3, 2}, .lambda = {0.5}};
        o.use[1] = pv_process_count(m) > 1 ? 2 : 0;
        assert_int_equal(pv_covariate_fit_new(m, w->row, N, &c, &o, &f.buying), 0);
        o.use[1] = 0;
        assert_int_equal(
            pv_covariate_fit_new(pv_model_find("gamma-gamma"), w->row, N, &c, &o, &f.spend), 0);
        struct pv_model_covariates *names = named(&f);
        struct pv_model_file again;
        struct pv_file_error error = {0};
        char *text = file_text(&f, names), *second;
        if (pv_model_file_parse(text, strlen(text), &again, &error))
            fail_msg("%s at %s in %s", pv_file_fault_code(error.fault), error.field, text);
        assert_non_null(again.covariates);
        assert_string_equal(again.covariates->name[0], "渠道=门店");
        same_numbers(f.buying, again.covariates->fit);
        same_numbers(f.spend, again.covariates->spend);
        struct fits read = {again.covariates->fit, again.covariates->spend};
        second = file_text(&read, again.covariates);
        assert_string_equal(text, second);
        pv_model_file_free(&again);
        assert_null(again.covariates);
        free(text);
        free(second);
        free(names);
        fits_free(&f);
    }
    free(w);
}

/* One change at a time to a good file: the fault, and the field that is named. */
static void faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *what, *by, *field;
        enum pv_file_fault fault;
    } changes[] = {
        {"\"columns\": [\"渠道=门店\", ", "\"columns\": [", "covariates.fit.centre", PV_FILE_COUNT},
        {"\"columns\": [\"渠道=门店\"", "\"columns\": [\"visits\"", "covariates.columns",
         PV_FILE_TWICE},
        {"\"columns\"", "\"colums\"", "covariates.columns", PV_FILE_MISSING},
        {"\"process\": \"leaving\"", "\"process\": \"coming\"",
         "covariates.fit.coefficients.process", PV_FILE_UNKNOWN},
        {"\"column\": \"visits\"", "\"column\": \"visit\"", "covariates.fit.coefficients.column",
         PV_FILE_UNKNOWN},
        {"\"process\": \"staying\"", "\"process\": \"leaving\"", "covariates.fit.coefficients",
         PV_FILE_TWICE},
        {"\"profiles\": 6", "\"profiles\": 6.5", "covariates.fit.profiles", PV_FILE_RANGE},
        {"\"penalty\": 0", "\"penalty\": -1", "covariates.fit.penalty", PV_FILE_RANGE},
        {"\"value\": ", "\"value\": 1e200, \"x\": ", "covariates.fit.coefficients.value",
         PV_FILE_RANGE},
        {"\"value\": ", "\"value\": null, \"x\": ", "covariates.fit.coefficients.value",
         PV_FILE_TYPE},
        {"\"covariance\": [", "\"covariance\": [[1], ", "covariates.fit.covariance", PV_FILE_COUNT},
        {"\"spend\": {\n      \"centre\"", "\"spend\": 5, \"x\": {\n \"centre\"",
         "covariates.spend", PV_FILE_TYPE},
        {"\"model\": \"bg-nbd\"", "\"model\": \"nbd\"", "fit.params.a", PV_FILE_UNKNOWN},
    };
    struct world *w = world_new(9);
    struct fits f = fits_of("bg-nbd", w, 3);
    struct pv_model_covariates *names = named(&f);
    char *text = file_text(&f, names), *changed = malloc(2 * PV_MODEL_FILE_MAX);
    assert_non_null(changed);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct pv_model_file again;
        struct pv_file_error error = {0};
        char *at = strstr(text, changes[i].what);
        assert_non_null(at);
        sprintf(changed, "%.*s%s%s", (int)(at - text), text, changes[i].by,
                at + strlen(changes[i].what));
        if (pv_model_file_parse(changed, strlen(changed), &again, &error) == 0)
            fail_msg("%s was read", changes[i].by);
        if (error.fault != changes[i].fault || strcmp(error.field, changes[i].field) != 0)
            fail_msg("%s: %s at %s", changes[i].by, pv_file_fault_code(error.fault), error.field);
    }
    /* A covariance that no two numbers can have. */
    struct pv_model_file again;
    struct pv_file_error error = {0};
    const char *row = strstr(text, "\"covariance\": [");
    assert_non_null(row);
    row = strchr(strchr(row, '[') + 1, '[') + 1;
    sprintf(changed, "%.*s1e3%s", (int)(row - text), text, strchr(row, ','));
    assert_int_equal(pv_model_file_parse(changed, strlen(changed), &again, &error),
                     PV_ERR_ARGUMENT);
    assert_int_equal(error.fault, PV_FILE_NOT_POSITIVE);
    assert_string_equal(error.field, "covariates.fit.covariance");
    /* Cut off anywhere it is refused, and nothing is leaked. */
    for (size_t n = 0; n + 2 < strlen(text); n += 7) {
        assert_int_equal(pv_model_file_parse(text, n, &again, NULL), PV_ERR_ARGUMENT);
    }
    /* A name that cannot be kept is not written. */
    struct pv_model_file file = {.until = 20000, .money_scale = 100.0, .has_spend = true};
    size_t length;
    file.fit = f.buying->typical;
    file.spend = f.spend->typical;
    file.covariates = names;
    strcpy(names->name[0], "\"");
    assert_int_equal(pv_model_file_write(&file, changed, PV_MODEL_FILE_MAX, &length),
                     PV_ERR_ARGUMENT);
    free(text);
    free(changed);
    free(names);
    fits_free(&f);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_of_one_value),
        cmocka_unit_test(without_columns_it_is_the_plain_valuer),
        cmocka_unit_test(what_the_base_is_worth),
        cmocka_unit_test(groups_do_what_was_foreseen),
        cmocka_unit_test(threads_change_no_digit),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(every_digit_comes_back),
        cmocka_unit_test(faults_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
