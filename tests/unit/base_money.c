/* Money: whole numbers all the way. */
#include "unit.h"

#include "base/money.h"

static void parsing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned decimals;
        const char *code;
        int64_t minor;
    } cases[] = {{"1234.50", 2, NULL, 123450},
                 {"1234.5", 2, NULL, 123450},
                 {"1234", 2, NULL, 123400},
                 {"-3", 2, NULL, -300},
                 {"0", 0, NULL, 0},
                 {"-0", 2, NULL, 0},
                 {"1.5000", 2, NULL, 150},
                 {"1.234", 3, NULL, 1234},
                 {"1.005", 2, "too-many-decimals", 0},
                 {"1.5", 0, "too-many-decimals", 0},
                 {"92233720368547758.07", 2, NULL, INT64_MAX},
                 {"92233720368547758.08", 2, "out-of-range", 0},
                 {"9223372036854775807", 2, "out-of-range", 0},
                 {"", 2, "number", 0},
                 {"-", 2, "number", 0},
                 {".5", 2, "number", 0},
                 {"5.", 2, "number", 0},
                 {"1,234.50", 2, "number", 0},
                 {"1.2.3", 2, "number", 0},
                 {"1e3", 2, "number", 0},
                 {"￥5", 2, "number", 0},
                 {" 5", 2, "number", 0},
                 {"+5", 2, "number", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t minor = 77;
        const char *code = money_parse(str_of(cases[i].text), cases[i].decimals, &minor);
        if (cases[i].code ? !code || strcmp(code, cases[i].code) != 0 : code != NULL)
            fail_msg("\"%s\": %s", cases[i].text, code ? code : "accepted");
        assert_int_equal(cases[i].code ? 77 : cases[i].minor, minor);
    }
}

static void formatting(void **state)
{
    (void)state;
    char text[MONEY_TEXT];
    static const struct {
        int64_t minor;
        unsigned decimals;
        const char *text;
    } cases[] = {{123450, 2, "1234.50"},
                 {5, 2, "0.05"},
                 {-5, 2, "-0.05"},
                 {0, 2, "0.00"},
                 {0, 0, "0"},
                 {-7, 0, "-7"},
                 {1234, 3, "1.234"},
                 {INT64_MAX, 2, "92233720368547758.07"},
                 {INT64_MIN, 3, "-9223372036854775.808"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(strlen(cases[i].text),
                         money_format(cases[i].minor, cases[i].decimals, text));
        assert_string_equal(cases[i].text, text);
    }
}

static void arithmetic(void **state)
{
    (void)state;
    int64_t v = 1;
    assert_true(money_add(INT64_MAX - 1, 1, &v) && v == INT64_MAX);
    v = 5;
    assert_false(money_add(INT64_MAX, 1, &v));
    assert_int_equal(5, v);
    /* 10.00 USD at 7.123456 CNY = 71.23 CNY; half a cent goes away from zero on both sides */
    assert_true(money_convert(1000, 2, 2, 7123456, &v) && v == 7123);
    assert_true(money_convert(1, 2, 2, 500000, &v) && v == 1);
    assert_true(money_convert(-1, 2, 2, 500000, &v) && v == -1);
    assert_true(money_convert(100, 0, 2, 48000, &v) && v == 480); /* 100 JPY */
    assert_true(money_convert(1000, 3, 2, 1000000, &v) && v == 100);
    assert_false(money_convert(INT64_MAX, 2, 2, 2000000, &v));
}

static void currencies(void **state)
{
    (void)state;
    assert_int_equal(2, currency_find(STR("CNY"))->decimals);
    assert_int_equal(0, currency_find(STR("JPY"))->decimals);
    assert_int_equal(3, currency_find(STR("KWD"))->decimals);
    assert_null(currency_find(STR("cny")));
    assert_null(currency_find(STR("XXX")));
    assert_null(currency_find(STR("CN")));
    assert_null(currency_find(STR_NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parsing), cmocka_unit_test(formatting),
                                       cmocka_unit_test(arithmetic), cmocka_unit_test(currencies)};
    return cmocka_run_group_tests_name("base_money", tests, NULL, NULL);
}
