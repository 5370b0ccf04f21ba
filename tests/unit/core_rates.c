/* Exchange rates with dates: looking one up, and what a change of them changes. */
#include "unit.h"

#include "base/clock.h"
#include "core/tenant/rates.h"

#include <stdlib.h>

static int32_t day(const char *text)
{
    int32_t d = 0;
    assert_true(date_parse(str_of(text), &d));
    return d;
}

static struct rates read(struct arena *a, const char *json)
{
    struct rates r = {0};
    struct err e;
    json_t *root;
    err_init(&e, a);
    assert_int_equal(json_read(a, str_of(json), &root, &e), 0);
    assert_int_equal(rates_read(root, STR("CNY"), a, &r, &e), 0);
    return r;
}

static int64_t micro(const struct rates *r, const char *currency, const char *on)
{
    const struct rate *found = rates_on(r, str_of(currency), day(on));
    return found ? found->micro : 0;
}

static const char book[] =
    "{\"USD\":[{\"from\":\"2025-01-01\",\"rate\":7.3},{\"from\":null,\"rate\":6.9},"
    "{\"from\":\"2024-03-01\",\"rate\":7.1}],\"EUR\":7.8,"
    "\"JPY\":[{\"from\":\"2024-06-01\",\"rate\":0.047},{\"from\":\"2024-09-01\",\"rate\":0.05}]}";

static void the_last_that_has_begun(void **state)
{
    struct arena *a = arena_new(0);
    struct rates r = read(a, book);
    (void)state;
    assert_int_equal(r.n, 6);
    assert_int_equal(micro(&r, "USD", "1999-01-01"), 6900000);
    assert_int_equal(micro(&r, "USD", "2024-02-29"), 6900000);
    assert_int_equal(micro(&r, "USD", "2024-03-01"), 7100000);
    assert_int_equal(micro(&r, "USD", "2024-12-31"), 7100000);
    assert_int_equal(micro(&r, "USD", "2099-01-01"), 7300000);
    assert_int_equal(micro(&r, "EUR", "1970-01-01"), 7800000);
    assert_int_equal(micro(&r, "JPY", "2024-05-31"), 47000); /* before the first, the first */
    assert_int_equal(micro(&r, "JPY", "2024-09-01"), 50000);
    /* Before all, between and behind all of them in the order of the table. */
    assert_int_equal(micro(&r, "AED", "2024-01-01"), 0);
    assert_int_equal(micro(&r, "GBP", "2024-01-01"), 0);
    assert_int_equal(micro(&r, "ZAR", "2024-01-01"), 0);
    arena_free(a);
}

static void converted_by_it(void **state)
{
    struct arena *a = arena_new(0);
    struct rates r = read(a, book);
    int64_t base = 42;
    (void)state;
    assert_true(rates_convert(&r, day("2024-03-01"), 1001, STR("USD"), &base));
    assert_int_equal(base, 7107); /* 71.071 */
    assert_true(rates_convert(&r, day("2024-06-01"), -12345, STR("JPY"), &base));
    assert_int_equal(base, -58022); /* 580.215, away from zero */
    assert_true(rates_convert(&r, day("2024-03-01"), 5, STR("CNY"), &base));
    assert_int_equal(base, 5);
    assert_true(rates_convert(&r, day("2024-03-01"), 9, STR("GBP"), &base));
    assert_int_equal(base, 5); /* there is no rate: as it stands */
    assert_false(rates_convert(&r, day("2024-03-01"), INT64_MAX, STR("USD"), &base));
    assert_int_equal(base, 5);
    arena_free(a);
}

static void written_as_read(void **state)
{
    struct arena *a = arena_new(0);
    struct rates r = read(a, book);
    struct buf out = BUF_INIT(4096);
    struct jw w = jw_new(&out);
    (void)state;
    rates_write(&r, &w);
    assert_text(
        buf_str(&out),
        "{\"EUR\":[{\"from\":null,\"rate\":7.8}],\"JPY\":[{\"from\":\"2024-06-01\",\"rate\":"
        "0.047},{\"from\":\"2024-09-01\",\"rate\":0.05}],\"USD\":[{\"from\":null,\"rate\":6.9},"
        "{\"from\":\"2024-03-01\",\"rate\":7.1},{\"from\":\"2025-01-01\",\"rate\":7.3}]}");
    buf_free(&out);
    arena_free(a);
}

static void spans_are(struct arena *a, const char *before, const char *now, const char *want)
{
    struct rates b = read(a, before), n = read(a, now);
    struct rate_span *spans;
    struct buf out = BUF_INIT(4096);
    size_t count = rates_changed(&b, &n, a, &spans);
    for (size_t i = 0; i < count; i++) {
        char from[DATE_TEXT] = "", to[DATE_TEXT] = "";
        if (spans[i].from != RATE_ALWAYS)
            date_format(spans[i].from, from);
        if (spans[i].to != INT32_MAX)
            date_format(spans[i].to, to);
        buf_printf(&out, STR_FMT " %s..%s;", STR_ARG(spans[i].currency), from, to);
    }
    assert_text(buf_str(&out), want);
    buf_free(&out);
}

static void what_a_change_changes(void **state)
{
    struct arena *a = arena_new(0);
    (void)state;
    spans_are(a, book, book, "");
    spans_are(a, "{\"USD\":7}", "{\"USD\":8}", "USD ..;");
    spans_are(a, "{\"USD\":7,\"EUR\":8}", "{\"EUR\":8}", "");
    spans_are(a, "{}", "{\"USD\":7}", "USD ..;");
    /* One more in between; one less; one moved; one begun earlier with the same rate. */
    spans_are(a, "{\"USD\":[{\"rate\":6},{\"from\":\"2024-01-01\",\"rate\":7}]}",
              "{\"USD\":[{\"rate\":6},{\"from\":\"2024-01-01\",\"rate\":7},{\"from\":\"2025-01-"
              "01\",\"rate\":8}]}",
              "USD 2025-01-01..;");
    spans_are(a,
              "{\"USD\":[{\"rate\":6},{\"from\":\"2024-01-01\",\"rate\":7},{\"from\":\"2025-01-"
              "01\",\"rate\":8}]}",
              "{\"USD\":[{\"rate\":6},{\"from\":\"2025-01-01\",\"rate\":8}]}",
              "USD 2024-01-01..2025-01-01;");
    spans_are(a, "{\"USD\":[{\"rate\":6},{\"from\":\"2024-01-01\",\"rate\":7}]}",
              "{\"USD\":[{\"rate\":6},{\"from\":\"2023-07-01\",\"rate\":7}]}",
              "USD 2023-07-01..2024-01-01;");
    /* The first of them held before its day, too. */
    spans_are(a, "{\"USD\":[{\"from\":\"2024-01-01\",\"rate\":7}]}", "{\"USD\":7}", "");
    spans_are(
        a, "{\"USD\":[{\"from\":\"2024-01-01\",\"rate\":7}]}",
        "{\"USD\":[{\"from\":\"2023-01-01\",\"rate\":6},{\"from\":\"2024-01-01\",\"rate\":7}]}",
        "USD ..2024-01-01;");
    arena_free(a);
}

/* Day by day, against what is found by looking at all of them. */
static void random_ones(void **state)
{
    struct arena *a = arena_new(0);
    (void)state;
    srand(7);
    for (int round = 0; round < 200; round++) {
        struct rate of[2][12];
        struct rates r[2];
        for (int k = 0; k < 2; k++) {
            size_t n = 1 + (size_t)(rand() % 5);
            int32_t at = rand() % 3 ? 100 + rand() % 5 : RATE_ALWAYS;
            for (size_t i = 0; i < n; i++) {
                of[k][i] = (struct rate){STR("USD"), at, 1000000 * (1 + rand() % 3)};
                at = (at == RATE_ALWAYS ? 100 : at) + 1 + rand() % 6;
            }
            r[k] = (struct rates){of[k], n, STR("CNY")};
        }
        struct rate_span *spans;
        size_t nspans = rates_changed(&r[0], &r[1], a, &spans), inside;
        for (int32_t d = 95; d < 150; d++) {
            int64_t held[2];
            for (int k = 0; k < 2; k++) {
                const struct rate *found = &of[k][0];
                for (size_t i = 0; i < r[k].n; i++)
                    found = of[k][i].from <= d ? &of[k][i] : found;
                held[k] = found->micro;
                assert_int_equal(rates_on(&r[k], STR("USD"), d)->micro, held[k]);
            }
            inside = 0;
            for (size_t i = 0; i < nspans; i++)
                inside += d >= spans[i].from && d < spans[i].to;
            assert_int_equal(inside, held[0] != held[1]);
        }
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_that_has_begun), cmocka_unit_test(converted_by_it),
        cmocka_unit_test(written_as_read), cmocka_unit_test(what_a_change_changes),
        cmocka_unit_test(random_ones)};
    return cmocka_run_group_tests_name("core_rates", tests, NULL, NULL);
}
