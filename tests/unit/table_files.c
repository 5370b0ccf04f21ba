/* Tables written and read again: CSV byte by byte, workbooks through the reader of this program. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/table_write.h"
#include "io/xlsx_read.h"

static const struct table_column columns[] = {{STR("Name, \"x\""), LOOK_TEXT},
                                              {STR("Amount"), LOOK_MONEY},
                                              {STR("Day"), LOOK_DAY},
                                              {STR("At"), LOOK_TIME},
                                              {STR("P"), LOOK_NUMBER}};

static int new_file(char path[32])
{
    snprintf(path, 32, "/tmp/patron-table-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    return fd;
}

static void write_rows(struct table_writer *w)
{
    static const struct {
        const char *text;
        int64_t amount;
        int32_t day;
        double p;
    } rows[] = {{"=1+1", 123450, 19782, .25},
                {"a \x01\x1f_x0041_ <&> \"q\"", -5, -25000, 1e-7},
                {"-3.50", INT64_MIN, 0, 1.0 / 3},
                {"苏州\n江都", 0, -719162, 1e15}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        table_text(w, str_of(rows[i].text));
        table_number(w, rows[i].amount, 2);
        table_day(w, rows[i].day);
        table_time(w, rows[i].day * INT64_C(86400000) + 3661000);
        table_real(w, rows[i].p);
        table_row_end(w);
    }
    table_text(w, STR_NULL);
    table_empty(w);
    table_empty(w);
    table_empty(w);
    table_number(w, 7, 0);
    table_row_end(w);
    assert_int_equal(table_finish(w), 0);
    table_free(w);
}

static void csv_is_exact(void **state)
{
    (void)state;
    char path[32], text[2048];
    int fd = new_file(path);
    write_rows(table_new(TABLE_CSV, fd, STR("s"), columns, 5));
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    assert_true(n > 0);
    text[n] = 0;
    assert_string_equal(
        text, "\xef\xbb\xbf\"Name, \"\"x\"\"\",Amount,Day,At,P\r\n"
              "\"'=1+1\",1234.50,2024-02-29,2024-02-29 01:01:01,0.25\r\n"
              "\"a \x01\x1f_x0041_ <&> \"\"q\"\"\",-0.05,1901-07-22,1901-07-22 01:01:01,1e-07\r\n"
              "-3.50,-92233720368547758.08,1970-01-01,1970-01-01 01:01:01,0.333333333333333\r\n"
              "\"苏州\n江都\",0.00,0001-01-01,0001-01-01 01:01:01,1e+15\r\n"
              ",,,,7\r\n");
    close(fd);
    unlink(path);
}

static int keep(void *arg, const char *p, size_t n)
{
    buf_add(arg, p, n);
    return 0;
}

static void a_workbook_comes_back(void **state)
{
    (void)state;
    char path[32];
    int fd = new_file(path);
    struct buf out = BUF_INIT(1 << 20);
    struct xlsx_book *book;
    const struct xlsx_sheet *sheets;
    size_t first;
    uint32_t row;
    write_rows(
        table_new(TABLE_XLSX, fd, STR("a/b:c [客户] and much more than fits there"), columns, 5));
    close(fd);
    assert_int_equal(xlsx_open(path, &book), 0);
    assert_int_equal(xlsx_sheets(book, &sheets), 1);
    assert_true(str_is(sheets[0].name, "a b c  客户  and much more than f"));
    assert_int_equal(xlsx_first_sheet(book, &first), 0);
    assert_int_equal(first, 0);
    assert_int_equal(xlsx_to_csv(book, 0, keep, &out, &row), 0);
    assert_int_equal(row, 6);
    buf_add_char(&out, 0);
    /* As it was, but that numbers have 15 digits and a line break is quoted as a program does. */
    assert_string_equal(
        out.p, "\"Name, \"\"x\"\"\",Amount,Day,At,P\n"
               "=1+1,1234.50,2024-02-29,2024-02-29 01:01:01,0.25\n"
               "\"a \x01\x1f_x0041_ <&> \"\"q\"\"\",-0.05,1901-07-22,1901-07-22 "
               "01:01:01,0.0000001\n"
               "-3.50,-92233720368547760,1970-01-01,1970-01-01 01:01:01,0.333333333333333\n"
               "\"苏州\n江都\",0.00,0001-01-01,0001-01-01 01:01:01,1000000000000000\n"
               ",,,,7\n");
    xlsx_close(book);
    buf_free(&out);
    unlink(path);
}

static int count_lines(void *arg, const char *p, size_t n)
{
    uint64_t *lines = arg;
    for (size_t i = 0; i < n; i++)
        *lines += p[i] == '\n';
    return 0;
}

static void what_does_not_fit_goes_on_in_the_next_sheet(void **state)
{
    (void)state;
    enum { ROWS = XLSX_MAX_ROWS + 1000 };
    char path[32];
    int fd = new_file(path);
    struct xlsx_book *book;
    const struct xlsx_sheet *sheets;
    struct table_writer *w = table_new(TABLE_XLSX, fd, STR("n"), columns + 1, 1);
    for (int64_t i = 0; i < ROWS; i++) {
        table_number(w, i, 2);
        table_row_end(w);
    }
    assert_int_equal(table_finish(w), 0);
    table_free(w);
    close(fd);
    assert_int_equal(xlsx_open(path, &book), 0);
    assert_int_equal(xlsx_sheets(book, &sheets), 2);
    assert_true(str_is(sheets[1].name, "n 2"));
    static const uint32_t last[] = {XLSX_MAX_ROWS, ROWS - (XLSX_MAX_ROWS - 1) + 1};
    for (size_t i = 0; i < 2; i++) {
        uint64_t lines = 0;
        uint32_t row;
        assert_int_equal(xlsx_to_csv(book, i, count_lines, &lines, &row), 0);
        assert_int_equal(row, last[i]);
        assert_int_equal(lines, last[i]);
    }
    xlsx_close(book);
    unlink(path);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    struct table_writer *w = table_new(TABLE_CSV, fd, STR("n"), columns, 1);
    table_text(w, STR("x"));
    table_row_end(w);
    assert_int_equal(table_finish(w), ENOSPC);
    assert_int_equal(table_failed(w), ENOSPC);
    table_free(w);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_exact),
        cmocka_unit_test(a_workbook_comes_back),
        cmocka_unit_test(what_does_not_fit_goes_on_in_the_next_sheet),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
