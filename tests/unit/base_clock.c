/* Days and time zones. */
#include "unit.h"

#include "base/clock.h"

static void days(void **state)
{
    (void)state;
    assert_int_equal(0, date_from_ymd(1970, 1, 1));
    assert_int_equal(19782, date_from_ymd(2024, 2, 29));
    assert_int_equal(DATE_NONE, date_from_ymd(2024, 2, 30));
    int32_t march = date_from_ymd(2024, 3, 31);
    assert_int_equal(date_from_ymd(2024, 1, 1), date_year_start(march, 0));
    assert_int_equal(date_from_ymd(2023, 4, 1), date_year_start(march, 4));
    assert_int_equal(date_from_ymd(2024, 4, 1), date_year_start(march + 1, 4));
    assert_int_equal(date_from_ymd(2023, 12, 1), date_year_start(march, 12));
    assert_int_equal(DATE_NONE, date_from_ymd(2023, 2, 29));
    assert_int_equal(DATE_NONE, date_from_ymd(1900, 2, 29));
    assert_int_equal(DATE_NONE, date_from_ymd(2024, 13, 1));
    assert_int_equal(DATE_NONE, date_from_ymd(2024, 0, 1));
    assert_int_equal(DATE_NONE, date_from_ymd(0, 1, 1));
    assert_int_equal(DATE_NONE, date_from_ymd(10000, 1, 1));
    /* Every day there and back. */
    int32_t from = date_from_ymd(1, 1, 1), to = date_from_ymd(9999, 12, 31);
    for (int32_t d = from; d <= to; d++) {
        int y, m, day;
        date_to_ymd(d, &y, &m, &day);
        if (date_from_ymd(y, m, day) != d)
            fail_msg("day %d became %d-%d-%d", d, y, m, day);
    }
}

static void texts(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "2024-02-30", "2024-2-3",    "2024/02/03", "20240203",
        "",           "2024-02-03 ", "2024-02-3x", "２０２４-02-03"};
    int32_t d = 7;
    char text[DATE_TEXT];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(date_parse(str_of(wrong[i]), &d));
    assert_int_equal(7, d);
    assert_true(date_parse(STR("2026-11-24"), &d));
    date_format(d, text);
    assert_string_equal("2026-11-24", text);
    date_format(date_from_ymd(1, 1, 1), text);
    assert_string_equal("0001-01-01", text);
}

static void zones(void **state)
{
    (void)state;
    struct tz *shanghai = tz_open("Asia/Shanghai"), *berlin = tz_open("Europe/Berlin");
    assert_non_null(shanghai);
    assert_non_null(berlin);
    int64_t winter = INT64_C(1704067200000); /* 2024-01-01 00:00 UTC */
    int64_t summer = INT64_C(1720000000000); /* 2024-07-03 */
    assert_int_equal(8 * 3600, tz_offset(shanghai, winter));
    assert_int_equal(3600, tz_offset(berlin, winter));
    assert_int_equal(7200, tz_offset(berlin, summer));
    assert_int_equal(0, tz_offset(NULL, summer));
    /* The day begins in Shanghai while it is still yesterday in UTC. */
    int64_t evening = winter - 3600000;
    assert_int_equal(date_from_ymd(2024, 1, 1), tz_date(shanghai, evening));
    assert_int_equal(date_from_ymd(2023, 12, 31), tz_date(NULL, evening));
    assert_int_equal(date_from_ymd(1969, 12, 31), tz_date(NULL, -1));
    /* The hour that the clocks leave out: 2024-03-31 01:00 UTC. */
    int64_t jump = INT64_C(1711846800000);
    assert_int_equal(3600, tz_offset(berlin, jump - 1));
    assert_int_equal(7200, tz_offset(berlin, jump));
    tz_free(shanghai);
    tz_free(berlin);
    tz_free(NULL);
}

static void names_that_are_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "Nowhere/City",
                                        "../../etc/passwd",
                                        "/etc/passwd",
                                        "Asia/Shanghai\n",
                                        "Asia",
                                        "Asia/../Asia/Shanghai",
                                        "."};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tz *z = tz_open(wrong[i]);
        if (z)
            fail_msg("\"%s\" opened", wrong[i]);
    }
}

static void clocks(void **state)
{
    (void)state;
    int64_t a = clock_mono_us(), b = clock_mono_us();
    assert_true(b >= a);
    assert_true(clock_now_ms() > INT64_C(1700000000000));
    assert_true(clock_cpu_us() >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days), cmocka_unit_test(texts), cmocka_unit_test(zones),
        cmocka_unit_test(names_that_are_none), cmocka_unit_test(clocks)};
    return cmocka_run_group_tests_name("base_clock", tests, NULL, NULL);
}
