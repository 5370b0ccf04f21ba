/* Strings and maps. */
#include "unit.h"

#include "base/map.h"

#include <stdio.h>

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"-1", true, -1},
                 {"9223372036854775807", true, INT64_MAX},
                 {"-9223372036854775808", true, INT64_MIN},
                 {"9223372036854775808", false, 0},
                 {"-9223372036854775809", false, 0},
                 {"99999999999999999999", false, 0},
                 {"", false, 0},
                 {"-", false, 0},
                 {"+1", false, 0},
                 {" 1", false, 0},
                 {"1 ", false, 0},
                 {"1.0", false, 0},
                 {"0x10", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t v = 0;
        assert_int_equal(cases[i].ok, str_to_i64(str_of(cases[i].text), &v));
        if (cases[i].ok)
            assert_int_equal(cases[i].value, v);
    }
}

static void reals(void **state)
{
    (void)state;
    double v;
    assert_true(str_to_f64(STR("-1.5e3"), &v) && v == -1500);
    assert_false(str_to_f64(STR("nan"), &v));
    assert_false(str_to_f64(STR("inf"), &v));
    assert_false(str_to_f64(STR("0x1p3"), &v));
    assert_false(str_to_f64(STR("1e999"), &v));
    assert_false(str_to_f64(STR("1,5"), &v));
    assert_false(str_to_f64(STR(""), &v));
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        long bad; /* -1 = good */
    } cases[] = {{"", 0, -1},
                 {"abc", 3, -1},
                 {"\xe5\x85\xac\xe5\x8f\xb8", 6, -1},
                 {"\xf0\x9f\x98\x80", 4, -1},
                 {"\xf4\x8f\xbf\xbf", 4, -1},
                 {"a\0b", 3, 1},             /* NUL */
                 {"ab\xff", 3, 2},           /* never a byte of UTF-8 */
                 {"\xc0\xaf", 2, 0},         /* overlong */
                 {"\xe0\x80\xaf", 3, 0},     /* overlong */
                 {"\xf0\x80\x80\xaf", 4, 0}, /* overlong */
                 {"\xed\xa0\x80", 3, 0},     /* surrogate */
                 {"\xf4\x90\x80\x80", 4, 0}, /* behind the last */
                 {"x\xe5\x85", 3, 1},        /* cut */
                 {"\x80", 1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t bad = 99;
        bool ok = str_utf8_ok(str_from(cases[i].bytes, cases[i].n), &bad);
        assert_int_equal(ok, cases[i].bad < 0);
        if (!ok)
            assert_int_equal(bad, cases[i].bad);
    }
    assert_int_equal(2, str_utf8_len(STR("公司")));
}

static void parts(void **state)
{
    (void)state;
    struct str rest = STR("a,,b,"), part;
    const char *want[] = {"a", "", "b", ""};
    size_t n = 0;
    while (str_split(&rest, ',', &part)) {
        assert_true(n < 4);
        assert_text(part, want[n++]);
    }
    assert_int_equal(4, n);
    rest = STR_NULL;
    assert_false(str_split(&rest, ',', &part));
    assert_text(str_trim(STR(" \t a b\r\n")), "a b");
    assert_int_equal(0, str_trim(STR("  ")).n);
    assert_int_equal(3, str_find(STR("abc"), 'x'));
    assert_true(str_starts(STR("patron"), STR("pat")));
    assert_false(str_starts(STR("pa"), STR("pat")));
    assert_int_equal(0, str_skip(STR("ab"), 5).n);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("\xe5"), STR("z")) > 0);
    assert_true(str_eq(STR_NULL, STR("")));
}

static void maps(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct map m;
    map_init(&m, a);
    int values[1000];
    for (int i = 0; i < 1000; i++)
        assert_null(map_put(&m, arena_printf(a, "key %d", i), &values[i]));
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(&values[i], map_get(&m, arena_printf(a, "key %d", i)));
    assert_null(map_get(&m, STR("key 1000")));
    assert_null(map_get(&m, STR("")));
    assert_ptr_equal(&values[7], map_put(&m, STR("key 7"), &values[8]));
    assert_ptr_equal(&values[8], map_get(&m, STR("key 7")));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(integers), cmocka_unit_test(reals),
                                       cmocka_unit_test(utf8), cmocka_unit_test(parts),
                                       cmocka_unit_test(maps)};
    return cmocka_run_group_tests_name("base_text", tests, NULL, NULL);
}
