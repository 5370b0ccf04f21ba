/* Dates and money as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/csv.h"

static struct csv_slice slice(const char *text)
{
    return (struct csv_slice){text, strlen(text)};
}

static void dates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum csv_date_format format;
        int32_t year;
        int month, day;
        const char *code;
    } cases[] = {
        {"2024-01-05", CSV_DATE_YMD, 2024, 1, 5, "ok"},
        {" 2024/1/5 ", CSV_DATE_YMD, 2024, 1, 5, "ok"},
        {"2024.12.31", CSV_DATE_YMD, 2024, 12, 31, "ok"},
        {"20240229", CSV_DATE_YMD, 2024, 2, 29, "ok"},
        {"2024年2月29日", CSV_DATE_YMD, 2024, 2, 29, "ok"},
        {"2024年 2月 9号", CSV_DATE_YMD, 2024, 2, 9, "ok"},
        {"２０２４－０１－０５", CSV_DATE_YMD, 2024, 1, 5, "ok"},
        {"2024-01-05 23:59:59", CSV_DATE_YMD, 2024, 1, 5, "ok"},
        {"2024-01-05T08:00:00.123+08:00", CSV_DATE_YMD, 2024, 1, 5, "ok"},
        {"31/12/2024", CSV_DATE_DMY, 2024, 12, 31, "ok"},
        {"12/31/2024", CSV_DATE_MDY, 2024, 12, 31, "ok"},
        {"1.2.2024", CSV_DATE_DMY, 2024, 2, 1, "ok"},
        {"2024-02-30", CSV_DATE_YMD, 0, 0, 0, "date-no-such-day"},
        {"2024年2月30日", CSV_DATE_YMD, 0, 0, 0, "date-no-such-day"},
        {"2023-02-29", CSV_DATE_YMD, 0, 0, 0, "date-no-such-day"},
        {"1900-02-29", CSV_DATE_YMD, 0, 0, 0, "date-no-such-day"},
        {"2024-13-01", CSV_DATE_YMD, 0, 0, 0, "date-no-such-day"},
        {"2024-00-10", CSV_DATE_YMD, 0, 0, 0, "date-no-such-day"},
        {"31/12/2024", CSV_DATE_MDY, 0, 0, 0, "date-no-such-day"},
        {"11月初", CSV_DATE_YMD, 0, 0, 0, "date"},
        {"2024-1/5", CSV_DATE_YMD, 0, 0, 0, "date"},
        {"2024-01-05x", CSV_DATE_YMD, 0, 0, 0, "date"},
        {"2024-01-05 25:00", CSV_DATE_YMD, 0, 0, 0, "date"},
        {"202401", CSV_DATE_YMD, 0, 0, 0, "date"},
        {"24-01-05", CSV_DATE_YMD, 0, 0, 0, "date"},
        {"", CSV_DATE_YMD, 0, 0, 0, "empty"},
        {"　 ", CSV_DATE_YMD, 0, 0, 0, "empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t day = -777;
        enum csv_cell cell = csv_parse_date(slice(cases[i].text), cases[i].format, &day);
        assert_string_equal(csv_cell_code(cell), cases[i].code);
        if (cell == CSV_CELL_OK)
            assert_int_equal(day, csv_day_from_civil(cases[i].year, cases[i].month, cases[i].day));
        else
            assert_int_equal(day, -777);
    }
}

static void calendar_goes_both_ways(void **state)
{
    (void)state;
    assert_int_equal(csv_day_from_civil(1970, 1, 1), 0);
    assert_int_equal(csv_day_from_civil(1997, 9, 30), 10134);
    for (int32_t day = -720000; day < 2932000; day += 13) {
        int32_t year;
        int month, mday;
        csv_civil_from_day(day, &year, &month, &mday);
        assert_int_equal(csv_day_from_civil(year, month, mday), day);
    }
}

static void formats_are_detected(void **state)
{
    (void)state;
    bool ambiguous;
    struct csv_slice ymd[] = {slice("2024-01-05"), slice("2024-01-25"), slice("?")};
    assert_int_equal(csv_detect_date(ymd, 3, &ambiguous), CSV_DATE_YMD);
    assert_false(ambiguous);
    struct csv_slice dmy[] = {slice("01/02/2024"), slice("25/02/2024")};
    assert_int_equal(csv_detect_date(dmy, 2, &ambiguous), CSV_DATE_DMY);
    assert_false(ambiguous);
    struct csv_slice mdy[] = {slice("01/02/2024"), slice("02/25/2024")};
    assert_int_equal(csv_detect_date(mdy, 2, &ambiguous), CSV_DATE_MDY);
    assert_false(ambiguous);
    assert_int_equal(csv_detect_date(dmy, 1, &ambiguous), CSV_DATE_DMY);
    assert_true(ambiguous);
    assert_int_equal(csv_detect_date(NULL, 0, NULL), CSV_DATE_YMD);
}

static void amounts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int decimals;
        int64_t minor;
        const char *code;
    } cases[] = {
        {"1234.5", 2, 123450, "ok"},
        {"1,234.50", 2, 123450, "ok"},
        {"￥1,234.50", 2, 123450, "ok"},
        {"¥ 1,234.50", 2, 123450, "ok"},
        {"$12", 2, 1200, "ok"},
        {"€5.05", 2, 505, "ok"},
        {"12元", 2, 1200, "ok"},
        {"RMB 12.30", 2, 1230, "ok"},
        {"(12.00)", 2, -1200, "ok"},
        {"（￥12.00）", 2, -1200, "ok"},
        {"-12", 2, -1200, "ok"},
        {"−12.5", 2, -1250, "ok"},
        {"-¥12", 2, -1200, "ok"},
        {"¥-12", 2, -1200, "ok"},
        {"+7", 2, 700, "ok"},
        {"１，２３４．５０", 2, 123450, "ok"},
        {"0.00", 2, 0, "ok"},
        {".5", 2, 50, "ok"},
        {"5.", 2, 500, "ok"},
        {"12.3400", 2, 1234, "ok"},
        {"1,234", 0, 1234, "ok"},
        {"1.234", 3, 1234, "ok"},
        {"92233720368547758.07", 2, INT64_MAX, "ok"},
        {"92233720368547758.08", 2, 0, "out-of-range"},
        {"99999999999999999999", 2, 0, "out-of-range"},
        {"12.345", 2, 0, "too-many-decimals"},
        {"12.5", 0, 0, "too-many-decimals"},
        {"1,23.50", 2, 0, "number"},
        {"1234,567", 2, 0, "number"},
        {"1,2345", 2, 0, "number"},
        {"1,", 2, 0, "number"},
        {"12,5", 2, 0, "number"},
        {"abc", 2, 0, "number"},
        {"--5", 2, 0, "number"},
        {"(5", 2, 0, "number"},
        {"(-5)", 2, 0, "number"},
        {"5)", 2, 0, "number"},
        {"¥", 2, 0, "number"},
        {"-", 2, 0, "number"},
        {".", 2, 0, "number"},
        {"1e5", 2, 0, "number"},
        {"1 234", 2, 0, "number"},
        {"NaN", 2, 0, "number"},
        {"", 2, 0, "empty"},
        {"  ", 2, 0, "empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t minor = -777;
        enum csv_cell cell = csv_parse_amount(slice(cases[i].text), cases[i].decimals, &minor);
        if (strcmp(csv_cell_code(cell), cases[i].code) != 0)
            fail_msg("%s: %s, want %s", cases[i].text, csv_cell_code(cell), cases[i].code);
        assert_int_equal(minor, cell == CSV_CELL_OK ? cases[i].minor : -777);
    }
}

static void trimming_knows_wide_blanks(void **state)
{
    (void)state;
    struct csv_slice t = csv_trim(slice("　\xC2\xA0 客户 　"));
    assert_int_equal(t.len, 6);
    assert_memory_equal(t.ptr, "客户", 6);
    assert_int_equal(csv_trim(slice("")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates),
        cmocka_unit_test(calendar_goes_both_ways),
        cmocka_unit_test(formats_are_detected),
        cmocka_unit_test(amounts),
        cmocka_unit_test(trimming_knows_wide_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
