/* Model files: a fit comes back to the last bit, and what is no model file is refused by name. */
#include "value_test.h"

#include "patron_model_file.h"

#include <locale.h>

static struct pv_model_file sample(const char *model, bool spend)
{
    struct pv_model_file f = {.until = 10134, .money_scale = 100.0};
    enum { N = 3000 };
    struct pv_customer *rows = calloc(N, sizeof *rows);
    const struct bg_nbd truth = {0.9, 8.0, 0.8, 2.5};
    const struct pv_gamma_gamma money = {4.0, 3.5, 40.0};
    struct pv_fit_options options = {7.0, 100.0, 1, NULL};
    struct pv_cells *cells;
    assert_non_null(rows);
    for (uint64_t i = 0; i < N; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 11, i);
        rows[i] = simulate_customer(&rng, &truth, &money, 200 + (int32_t)(i % 80), 0);
    }
    assert_int_equal(pv_cells_new(rows, N, &cells), 0);
    assert_int_equal(pv_fit_model(pv_model_find(model), cells, &options, &f.fit), 0);
    pv_cells_free(cells);
    if (spend)
        assert_int_equal(pv_fit_gamma_gamma(rows, N, &options, &f.spend), 0);
    f.has_spend = spend;
    f.fingerprint = pv_fingerprint(rows, N);
    free(rows);
    return f;
}

static char *text_of(const struct pv_model_file *f)
{
    char *text = calloc(1, PV_MODEL_FILE_MAX);
    size_t length = 0;
    assert_non_null(text);
    assert_int_equal(pv_model_file_write(f, text, PV_MODEL_FILE_MAX, &length), 0);
    assert_int_equal(length, strlen(text));
    return text;
}

/* Bit by bit, NaN included. */
static void same(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true((isnan(a[i]) && isnan(b[i])) || memcmp(&a[i], &b[i], sizeof a[i]) == 0);
}

static void same_fit(const struct pv_fit *a, const struct pv_fit *b)
{
    assert_string_equal(a->model, b->model);
    assert_int_equal(a->params, b->params);
    for (int i = 0; i < a->params; i++)
        assert_string_equal(a->name[i], b->name[i]);
    same(a->param, b->param, (size_t)a->params);
    same(a->std_error, b->std_error, (size_t)a->params);
    same(a->log_cov, b->log_cov, (size_t)(a->params * a->params));
    same(&a->loglik, &b->loglik, 1);
    same(&a->unit_days, &b->unit_days, 1);
    same(&a->correlation, &b->correlation, 1);
    assert_int_equal(a->verdict, b->verdict);
    assert_int_equal(a->usable, b->usable);
    assert_int_equal(a->iterations, b->iterations);
    assert_true(a->customers == b->customers && a->repeaters == b->repeaters);
    assert_int_equal(a->cells, b->cells);
}

static void there_and_back(const struct pv_model_file *f)
{
    struct pv_model_file again;
    struct pv_file_error error = {0};
    char *text = text_of(f);
    if (pv_model_file_parse(text, strlen(text), &again, &error))
        fail_msg("%s at %s in %s", pv_file_fault_code(error.fault), error.field, text);
    same_fit(&f->fit, &again.fit);
    assert_int_equal(f->has_spend, again.has_spend);
    if (f->has_spend)
        same_fit(&f->spend, &again.spend);
    assert_int_equal(f->until, again.until);
    assert_true(f->fingerprint == again.fingerprint && f->money_scale == again.money_scale);
    free(text);
}

static void every_digit_comes_back(void **state)
{
    (void)state;
    const struct pv_model *m;
    for (size_t i = 0; (m = pv_model_at(i)); i++) {
        if (pv_model_kind(m) != PV_KIND_BUYING || !stands_for_others(m))
            continue;
        struct pv_model_file f = sample(pv_model_name(m), i == 0);
        there_and_back(&f);
    }
}

static void other_kinds_and_what_is_not_known(void **state)
{
    (void)state;
    const double sbg[] = {0.668, 3.806}, bb[] = {1.204, 0.750, 0.657, 2.783};
    struct pv_model_file f = {.until = PV_NO_DAY, .money_scale = 1.0};
    assert_int_equal(pv_fit_given(pv_model_find("sbg"), sbg, 365.25, &f.fit), 0);
    there_and_back(&f);
    assert_int_equal(pv_fit_given(pv_model_find("bg-bb"), bb, 1.0, &f.fit), 0);
    there_and_back(&f);
    pv_fit_blank(pv_model_find("bg-nbd"), PV_VERDICT_TOO_FEW_CUSTOMERS, &f.fit);
    f.fit.unit_days = 7.0;
    there_and_back(&f);
}

static void days_of_all_centuries(void **state)
{
    (void)state;
    struct pv_model_file f = sample("bg-nbd", false), again;
    for (int32_t day = -719162; day <= 2932896; day += day % 3 ? 146 : 1461) {
        char *text;
        size_t length;
        f.until = day;
        text = text_of(&f);
        length = strlen(text);
        assert_int_equal(pv_model_file_parse(text, length, &again, NULL), 0);
        assert_int_equal(again.until, day);
        if (day == 0)
            assert_non_null(strstr(text, "1970-01-01"));
        free(text);
    }
    const int32_t known[] = {-719162, 2932896, 11016, 19782};
    const char *const date[] = {"0001-01-01", "9999-12-31", "2000-02-29", "2024-02-29"};
    for (int i = 0; i < 4; i++) {
        f.until = known[i];
        char *text = text_of(&f);
        assert_non_null(strstr(text, date[i]));
        free(text);
    }
}

static void small_and_never_more_than_there_is_room(void **state)
{
    (void)state;
    struct pv_model_file f = sample("bg-nbd", true);
    char *plain = text_of(&f), small[64];
    size_t length = 77;
    assert_true(strlen(plain) < 1800);
    for (size_t room = 0; room <= sizeof small; room++) {
        memset(small, 0x5a, sizeof small);
        assert_int_equal(pv_model_file_write(&f, small, room, &length), PV_ERR_OVERFLOW);
        for (size_t i = room; i < sizeof small; i++)
            assert_int_equal(small[i], 0x5a);
    }
    assert_int_equal(pv_model_file_write(&f, plain, strlen(plain), &length), PV_ERR_OVERFLOW);
    assert_int_equal(length, 77);
    f.fit.param[0] = -1.0;
    assert_int_equal(pv_model_file_write(&f, plain, PV_MODEL_FILE_MAX, &length), PV_ERR_ARGUMENT);
    free(plain);
}

/* Debian has no locale but C until somebody makes one: made here, with a comma for the point. */
static void in_any_locale(void **state)
{
    (void)state;
    char folder[] = "/tmp/patron_locale_XXXXXX", command[256], number[16];
    struct pv_model_file f = sample("bg-nbd", true);
    char *plain = text_of(&f);
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1",
             folder);
    bool made = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 &&
                setlocale(LC_ALL, "de_DE.UTF-8");
    if (made) {
        snprintf(number, sizeof number, "%.1f", 0.5);
        assert_string_equal(number, "0,5");
        char *text = text_of(&f);
        assert_string_equal(text, plain);
        there_and_back(&f);
        free(text);
        snprintf(number, sizeof number, "%.1f", 0.5);
        assert_string_equal(number, "0,5"); /* and the caller's locale is what it was */
    }
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    free(plain);
    if (!made)
        skip();
}

/* Replaces `from` once by `to`. */
static char *with(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out = calloc(1, strlen(text) + strlen(to) + 1);
    assert_non_null(at);
    assert_non_null(out);
    memcpy(out, text, (size_t)(at - text));
    memcpy(out + (at - text), to, strlen(to));
    memcpy(out + (at - text) + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
    return out;
}

static void refuses(const char *text, size_t length, enum pv_file_fault fault, const char *field)
{
    struct pv_model_file f;
    struct pv_file_error error = {0};
    memset(&f, 0x5a, sizeof f);
    struct pv_model_file before = f;
    assert_int_equal(pv_model_file_parse(text, length, &f, &error), PV_ERR_ARGUMENT);
    if (error.fault != fault || strcmp(error.field, field) != 0)
        fail_msg("got %s at '%s', want %s at '%s' in %s", pv_file_fault_code(error.fault),
                 error.field, pv_file_fault_code(fault), field, text);
    assert_memory_equal(&f, &before, sizeof f);
    assert_true(error.byte <= length);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    struct pv_model_file f = sample("bg-nbd", true);
    /* Round numbers, so that the text can be taken apart. */
    for (int i = 0; i < 4; i++)
        f.fit.param[i] = i + 2.0;
    for (int i = 0; i < 16; i++)
        f.fit.log_cov[i] = i % 5 == 0 ? 0.5 : 0.25;
    f.fit.loglik = -1234.5;
    f.fingerprint = UINT64_C(0x00000000deadbeef);
    char *good = text_of(&f);
    static const struct {
        const char *from, *to;
        enum pv_file_fault fault;
        const char *field;
    } cases[] = {
        {"\"patron-value-model\"", "\"something-else\"", PV_FILE_FORMAT, "format"},
        {"\"patron-value-model\"", "7", PV_FILE_TYPE, "format"},
        {"\"format\"", "\"forma\"", PV_FILE_FORMAT, "format"},
        {"\"version\": 1", "\"version\": 2", PV_FILE_VERSION, "version"},
        {"\"version\": 1", "\"version\": 2, \"new\": {\"x\\u00e9\": [1]}", PV_FILE_VERSION,
         "version"},
        {"\"version\": 1", "\"version\": 1.5", PV_FILE_RANGE, "version"},
        {"\"version\": 1", "\"version\": \"1\"", PV_FILE_TYPE, "version"},
        {"\"version\": 1", "\"version\": 1, \"new\": 3", PV_FILE_UNKNOWN, "new"},
        {"\"version\": 1", "\"version\": 1, \"version\": 1", PV_FILE_TWICE, "version"},
        {"1997-09-30", "1997-09-31", PV_FILE_RANGE, "until"},
        {"1997-09-30", "1997-13-01", PV_FILE_RANGE, "until"},
        {"1997-09-30", "30.9.1997", PV_FILE_RANGE, "until"},
        {"1997-09-30", "1997-09-300", PV_FILE_RANGE, "until"},
        {"\"1997-09-30\"", "10134", PV_FILE_TYPE, "until"},
        {"\"money_scale\": 100", "\"money_scale\": 0", PV_FILE_RANGE, "money_scale"},
        {"\"money_scale\": 100", "\"money_scale\": -100", PV_FILE_RANGE, "money_scale"},
        {"\"money_scale\": 100,", "", PV_FILE_MISSING, "money_scale"},
        {"00000000deadbeef", "deadbeef", PV_FILE_RANGE, "fingerprint"},
        {"00000000deadbeef", "00000000DEADBEEF", PV_FILE_RANGE, "fingerprint"},
        {"00000000deadbeef", "0000000000000000", PV_FILE_RANGE, "fingerprint"},
        {"\"bg-nbd\"", "\"crystal-ball\"", PV_FILE_MODEL, "fit.model"},
        {"\"bg-nbd\"", "\"gamma-gamma\"", PV_FILE_MODEL, "fit.model"},
        {"\"bg-nbd\"", "\"nbd\"", PV_FILE_UNKNOWN, "fit.params.a"},
        {"\"gamma-gamma\"", "\"bg-nbd\"", PV_FILE_MODEL, "spend.model"},
        {"\"model\": \"bg-nbd\",", "", PV_FILE_MISSING, "fit.model"},
        {"\"r\": 2", "\"r\": 0", PV_FILE_RANGE, "fit.params.r"},
        {"\"r\": 2", "\"r\": -2", PV_FILE_RANGE, "fit.params.r"},
        {"\"r\": 2", "\"r\": 1e999", PV_FILE_RANGE, "fit.params.r"},
        {"\"r\": 2", "\"r\": NaN", PV_FILE_SYNTAX, ""},
        {"\"r\": 2", "\"r\": 02", PV_FILE_SYNTAX, ""},
        {"\"r\": 2", "\"r\": null", PV_FILE_RANGE, "fit.params.r"},
        {"\"r\": 2", "\"r\": \"2\"", PV_FILE_TYPE, "fit.params.r"},
        {"\"r\": 2, ", "", PV_FILE_COUNT, "fit.params"},
        {"\"r\": 2", "\"r\": 2, \"r\": 2", PV_FILE_TWICE, "fit.params.r"},
        {"\"r\": 2", "\"r\": 2, \"z\": 2", PV_FILE_UNKNOWN, "fit.params.z"},
        {"\"std_errors\": [", "\"std_errors\": [1, ", PV_FILE_COUNT, "fit.std_errors"},
        {"\"std_errors\": [", "\"std_errors\": [], \"x\": [", PV_FILE_COUNT, "fit.std_errors"},
        {"\"std_errors\": [", "\"std_errors\": [-", PV_FILE_RANGE, "fit.std_errors"},
        {"[[0.5]", "[[0.5, 1]", PV_FILE_COUNT, "fit.log_covariance"},
        {"[[0.5]", "[0.5", PV_FILE_TYPE, "fit.log_covariance"},
        {"[[0.5], ", "[", PV_FILE_COUNT, "fit.log_covariance"},
        {"[[0.5]", "[[-0.5]", PV_FILE_NOT_POSITIVE, "fit.log_covariance"},
        {"[0.25, 0.5]", "[0.9, 0.5]", PV_FILE_NOT_POSITIVE, "fit.log_covariance"},
        {"[[0.5]", "[[1e300]", PV_FILE_RANGE, "fit.log_covariance"},
        {"-1234.5", "\"low\"", PV_FILE_TYPE, "fit.loglik"},
        {"\"verdict\": \"ok\"", "\"verdict\": \"fine\"", PV_FILE_VERDICT, "fit.verdict"},
        {"\"usable\": true", "\"usable\": 1", PV_FILE_TYPE, "fit.usable"},
        {"\"unit_days\": 7", "\"unit_days\": 0", PV_FILE_RANGE, "fit.unit_days"},
        {"\"customers\": 3000", "\"customers\": 3000.5", PV_FILE_RANGE, "fit.customers"},
        {"\"customers\": 3000", "\"customers\": -1", PV_FILE_RANGE, "fit.customers"},
        {"\"iterations\":", "\"iterations\": 1, \"more\":", PV_FILE_UNKNOWN, "fit.more"},
        {"\"spend\": {", "\"spend\": [{", PV_FILE_SYNTAX, ""},
        {"\"spend\": {", "\"spend\": 3, \"x\": {", PV_FILE_TYPE, "spend"},
        {"\"fit\": {", "\"x\": [[[[[[[[[[1]]]]]]]]]], \"fit\": {", PV_FILE_TOO_DEEP, ""},
        {"{", "", PV_FILE_SYNTAX, ""},
        {"{", "{{", PV_FILE_SYNTAX, ""},
        {"\n}\n", "\n}}\n", PV_FILE_SYNTAX, ""},
        {"\"fit\": {", "\"fit\": {,", PV_FILE_SYNTAX, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *bad = with(good, cases[i].from, cases[i].to);
        refuses(bad, strlen(bad), cases[i].fault, cases[i].field);
        free(bad);
    }
    refuses("", 0, PV_FILE_SYNTAX, "");
    refuses("[]", 2, PV_FILE_FORMAT, "format");
    refuses("null", 4, PV_FILE_FORMAT, "format");
    char *large = calloc(1, PV_MODEL_FILE_MAX + 1);
    memset(large, ' ', PV_MODEL_FILE_MAX + 1);
    refuses(large, PV_MODEL_FILE_MAX + 1, PV_FILE_TOO_LARGE, "");
    free(large);
    /* Cut off anywhere it is no file; all but the newline belongs to it. */
    for (size_t n = 0; n + 1 < strlen(good); n++) {
        struct pv_model_file g;
        assert_int_equal(pv_model_file_parse(good, n, &g, NULL), PV_ERR_ARGUMENT);
    }
    free(good);
}

static void order_and_blanks_do_not_matter(void **state)
{
    (void)state;
    struct pv_model_file f = sample("bg-nbd", false), again;
    f.fit.loglik = -1234.5;
    char *good = text_of(&f);
    char *a = with(good, "\"format\": \"patron-value-model\",", "");
    char *b = with(a, "\"spend\": null", "\"spend\":null , \"format\" :\t\"patron-value-model\"");
    char *c = with(b, "\"model\": \"bg-nbd\",", "");
    char *d = with(c, "\"usable\"", "\"model\":\"bg-nbd\",\r\n\"usable\"");
    assert_int_equal(pv_model_file_parse(d, strlen(d), &again, NULL), 0);
    same_fit(&f.fit, &again.fit);
    free(good);
    free(a);
    free(b);
    free(c);
    free(d);
}

static void fingerprints_know_customers_not_order(void **state)
{
    (void)state;
    struct pv_customer rows[] = {{.x = 2, .t_x = 30, .T = 38, .spend = 500},
                                 {.x = 0, .t_x = 0, .T = 12},
                                 {.x = 1, .t_x = 5, .T = 38, .spend = 100},
                                 {.T = -1}};
    struct pv_customer turned[] = {rows[2], rows[0], rows[1]};
    uint64_t print = pv_fingerprint(rows, 4);
    assert_true(print != 0 && print == pv_fingerprint(turned, 3));
    assert_true(print != pv_fingerprint(rows, 2));
    assert_true(pv_fingerprint(NULL, 0) != 0);
    for (int i = 0; i < 4; i++) {
        struct pv_customer other[] = {rows[0], rows[1], rows[2]};
        int32_t *place[] = {&other[0].x, &other[0].t_x, &other[0].T};
        if (i < 3)
            (*place[i])++;
        else
            other[0].spend++;
        assert_true(print != pv_fingerprint(other, 3));
    }
    struct pv_customer twice[] = {rows[0], rows[0]}, pair[] = {rows[1], rows[1]};
    assert_true(pv_fingerprint(twice, 2) != pv_fingerprint(pair, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_digit_comes_back),
        cmocka_unit_test(other_kinds_and_what_is_not_known),
        cmocka_unit_test(days_of_all_centuries),
        cmocka_unit_test(small_and_never_more_than_there_is_room),
        cmocka_unit_test(in_any_locale),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(order_and_blanks_do_not_matter),
        cmocka_unit_test(fingerprints_know_customers_not_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
