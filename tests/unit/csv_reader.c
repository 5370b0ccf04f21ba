/* The CSV reader: RFC 4180, encodings, limits, exact positions; every case in every block size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "io/csv.h"
#include "io/intern.h"

/* A source that hands out `step` bytes at a time and may fail at the end. */
struct dripping {
    const char *data;
    size_t len, at, step;
    int fail;
};

static ssize_t drip(void *opaque, char *buffer, size_t room)
{
    struct dripping *d = opaque;
    size_t n = d->len - d->at;
    if (n == 0 && d->fail)
        return -d->fail;
    if (n > d->step)
        n = d->step;
    if (n > room)
        n = room;
    memcpy(buffer, d->data + d->at, n);
    d->at += n;
    return (ssize_t)n;
}

/* Reads everything into one text: fields in [], records ended by a line feed;
 * "!code@record.field:byte" */
static char *render(const char *data, size_t len, size_t step, const struct csv_options *options)
{
    struct dripping source = {data, len, 0, step, 0};
    struct csv_reader *reader;
    struct csv_record r;
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    assert_non_null(f);
    assert_int_equal(csv_new(drip, &source, options, &reader), 0);
    int rc;
    while ((rc = csv_next(reader, &r)) == 1) {
        for (size_t i = 0; i < r.fields; i++)
            fprintf(f, "[%.*s]", (int)r.field[i].len, r.field[i].ptr);
        fputc('\n', f);
    }
    if (rc < 0) {
        struct csv_problem p = csv_problem(reader);
        fprintf(f, "!%s@%llu.%zu:%llu", csv_error_code(p.code), (unsigned long long)p.record,
                p.field, (unsigned long long)p.byte);
        assert_int_equal(csv_next(reader, &r), rc);
    }
    csv_free(reader);
    fclose(f);
    return out;
}

static void check(const char *data, size_t len, const char *want, const struct csv_options *options)
{
    const size_t steps[] = {1, 2, 3, 7, 64, 100000};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char *got = render(data, len, steps[i], options);
        assert_string_equal(got, want);
        free(got);
    }
}

#define CHECK(text, want) check(text, sizeof(text) - 1, want, NULL)

static void plain_and_quoted(void **state)
{
    (void)state;
    CHECK("a,b\n1,2\n", "[a][b]\n[1][2]\n");
    CHECK("a,b\r\n1,2", "[a][b]\n[1][2]\n");
    CHECK("a,b\r1,2\r", "[a][b]\n[1][2]\n");
    CHECK("a,b\n\n\r\n1,2\n\n", "[a][b]\n[1][2]\n");
    CHECK("a,b,\n,,\n", "[a][b][]\n[][][]\n");
    CHECK("\"a\",\"b,c\"\n\"d\ne\",\"f\r\ng\"\n", "[a][b,c]\n[d\ne][f\r\ng]\n");
    CHECK("\"say \"\"hi\"\"\",\"\"\"\",\"\"\n", "[say \"hi\"][\"][]\n");
    CHECK("\"\"\n", "[]\n");
    CHECK("5\" pipe,x\n", "[5\" pipe][x]\n");
    CHECK("", "");
    CHECK("\n\n", "");
}

static void delimiters_are_detected(void **state)
{
    (void)state;
    CHECK("a;b\n1,5;2\n", "[a][b]\n[1,5][2]\n");
    CHECK("a\tb\n1\t2\n", "[a][b]\n[1][2]\n");
    CHECK("a|b\n1|2\n", "[a][b]\n[1][2]\n");
    CHECK("\"x;y;z\",b\n\"1;2\",2\n", "[x;y;z][b]\n[1;2][2]\n");
    CHECK("one\ntwo\n", "[one]\n[two]\n");
    struct csv_options fixed = {.delimiter = ';'};
    check("a,b;c\n", 6, "[a,b][c]\n", &fixed);
}

static void errors_name_the_place(void **state)
{
    (void)state;
    CHECK("a,b\n1,\"open\n2,3\n", "[a][b]\n!truncated@2.2:6");
    CHECK("a,b\n1,\"x\"y\n", "[a][b]\n!quote@2.2:9");
    check("a,b\n1,\0\n", 8, "[a][b]\n!binary@2.0:6", &(struct csv_options){.encoding = CSV_UTF8});
    struct csv_options narrow = {.max_field = 4, .max_fields = 3};
    check("abcd,b\nabcde,1\n", 15, "[abcd][b]\n!field-too-long@2.1:7", &narrow);
    check("a,b,c\n1,2,3,4\n", 14, "[a][b][c]\n!too-many-fields@2.4:12", &narrow);
    struct csv_options record = {.max_record = 8};
    check("a,b\n1234,56789\n", 15, "[a][b]\n!record-too-long@2.0:4", &record);
}

static void encodings(void **state)
{
    (void)state;
    CHECK("\xEF\xBB\xBF"
          "客户,金额\n张,1\n",
          "[客户][金额]\n[张][1]\n");
    CHECK("客户,金额\n张,1\n", "[客户][金额]\n[张][1]\n");
    /* GB18030 of the same. */
    CHECK("\xBF\xCD\xBB\xA7,\xBD\xF0\xB6\xEE\n\xD5\xC5,1\n", "[客户][金额]\n[张][1]\n");
    CHECK("\xFF\xFE"
          "a\0,\0b\0\n\0",
          "[a][b]\n");
    CHECK("\xFE\xFF\0a\0,\0b\0\n", "[a][b]\n");
    check("a,b\nx,\xFF\n", 8, "[a][b]\n!encoding@2.0:6",
          &(struct csv_options){.encoding = CSV_UTF8});
    CHECK("a,b\n1,2\nx,\x80\n", "[a][b]\n[1][2]\n!encoding@3.0:10");
    check("a,\xE5\xAE", 4, "!encoding@1.0:2", &(struct csv_options){.encoding = CSV_UTF8});
}

/* ASCII for longer than any block, then Chinese in either encoding. */
static void an_encoding_may_show_late(void **state)
{
    (void)state;
    const char *const tails[] = {"\xBF\xCD\xBB\xA7\n", "客户\n"};
    for (int k = 0; k < 2; k++) {
        size_t n = 600000, tail = strlen(tails[k]);
        char *text = malloc(n + tail);
        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
            text[i] = i % 10 == 9 ? '\n' : i % 10 == 4 ? ',' : 'x';
        memcpy(text + n, tails[k], tail);
        struct csv_reader *reader;
        struct csv_record r;
        assert_int_equal(csv_new_memory(text, n + tail, NULL, &reader), 0);
        uint64_t rows = 0;
        int rc;
        char last[16] = "";
        while ((rc = csv_next(reader, &r)) == 1) {
            rows++;
            snprintf(last, sizeof last, "%.*s", (int)r.field[0].len, r.field[0].ptr);
        }
        assert_int_equal(rc, 0);
        assert_int_equal(rows, 60001);
        assert_string_equal(last, "客户");
        assert_int_equal(csv_encoding_of(reader), k == 0 ? CSV_GB18030 : CSV_UTF8);
        assert_int_equal(csv_bytes_read(reader), n + tail);
        csv_free(reader);
        free(text);
    }
}

/* Converted text is longer than its source and than the buffer. */
static void much_gb18030_is_converted(void **state)
{
    (void)state;
    size_t rows = 120000, n = 0;
    char *text = malloc(rows * 10);
    assert_non_null(text);
    for (size_t i = 0; i < rows; i++) {
        memcpy(text + n, "\xBF\xCD\xBB\xA7,\xD5\xC5\n", 8);
        n += 8;
    }
    struct csv_reader *reader;
    struct csv_record r;
    assert_int_equal(csv_new_memory(text, n, NULL, &reader), 0);
    uint64_t seen = 0;
    int rc;
    while ((rc = csv_next(reader, &r)) == 1) {
        seen++;
        assert_int_equal(r.fields, 2);
        assert_memory_equal(r.field[0].ptr, "客户", 6);
        assert_int_equal(r.field[1].len, 3);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(seen, rows);
    csv_free(reader);
    free(text);
}

static void long_fields_cross_blocks(void **state)
{
    (void)state;
    size_t n = 900000;
    char *text = malloc(n + 16);
    assert_non_null(text);
    memset(text, 'y', n + 16);
    memcpy(text, "a,b\n\"", 5);
    memcpy(text + 5 + n, "\",z\n", 4);
    text[1000] = '\n';
    struct csv_reader *reader;
    struct csv_record r;
    assert_int_equal(csv_new_memory(text, n + 9, NULL, &reader), 0);
    assert_int_equal(csv_next(reader, &r), 1);
    assert_int_equal(csv_next(reader, &r), 1);
    assert_int_equal(r.field[0].len, n);
    assert_int_equal(r.number, 2);
    assert_int_equal(r.byte, 4);
    assert_int_equal(csv_next(reader, &r), 0);
    csv_free(reader);
    free(text);
}

static void a_failing_source_is_reported(void **state)
{
    (void)state;
    struct dripping source = {"a,b\n1,", 6, 0, 3, EIO};
    struct csv_reader *reader;
    struct csv_record r;
    assert_int_equal(csv_new(drip, &source, NULL, &reader), 0);
    int rc = csv_next(reader, &r);
    while (rc == 1)
        rc = csv_next(reader, &r);
    assert_int_equal(rc, CSV_ERR_READ);
    assert_int_equal(csv_problem(reader).detail, EIO);
    csv_free(reader);
}

/* Whatever comes in: no crash, no endless loop, the same in every block size. */
static void noise_is_survived(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    static const char alphabet[] = "ab,;\"\"\n\r\t|1\xE5\xAE\xA2\xBF\xCD\x81\x30 ";
    for (int round = 0; round < 3000; round++) {
        char text[64];
        size_t n = 0;
        for (; n < 1 + (size_t)(round % 60); n++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            text[n] = alphabet[seed % (sizeof alphabet - 1)];
        }
        char *one = render(text, n, 100, NULL);
        char *two = render(text, n, n, NULL);
        assert_string_equal(one, two);
        free(one);
        free(two);
        free(render(text, n, 1, NULL));
    }
}

static void interning_numbers_by_first_appearance(void **state)
{
    (void)state;
    struct intern *t;
    assert_int_equal(intern_new(&t), 0);
    char text[64][40];
    struct intern_key key[64];
    uint32_t number[64];
    for (uint32_t round = 0; round < 4000; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            uint32_t id = (round * 64 + i) % 100000;
            /* Lengths around the limits of the short form, and one empty key. */
            int len = snprintf(text[i], sizeof text[i], "%0*u", 6 + (int)(id % 30), id);
            intern_ask(t, (struct csv_slice){text[i], id == 0 ? 0 : (size_t)len}, &key[i]);
        }
        assert_int_equal(intern_block(t, key, 64, number), 0);
        for (uint32_t i = 0; i < 64; i++)
            assert_int_equal(number[i], (round * 64 + i) % 100000);
    }
    assert_int_equal(intern_count(t), 100000);
    intern_seal(t);
    assert_int_equal(intern_text(t, 0).len, 0);
    assert_int_equal(intern_text(t, 29).len, 35);
    assert_memory_equal(intern_text(t, 77).ptr + intern_text(t, 77).len - 3, "077", 3);
    intern_free(t);
}

/* Every length up to twice the short form, each a beginning of the next, given in one block and
 * taken out of memory that is overwritten at once where that is allowed. */
static void interning_tells_beginnings_apart(void **state)
{
    (void)state;
    enum { LENGTHS = 2 * INTERN_SHORT + 1 };
    const char whole[LENGTHS + 1] = "Customer-LLLL-0000000000";
    struct intern *t;
    assert_int_equal(intern_new(&t), 0);
    uint32_t number[LENGTHS];
    for (int round = 0; round < 2; round++) {
        struct intern_key key[LENGTHS];
        for (size_t len = 0; len < LENGTHS; len++) {
            char text[INTERN_SHORT];
            struct csv_slice s = {whole, len};
            if (len <= INTERN_SHORT)
                s.ptr = memcpy(text, whole, len);
            intern_ask(t, s, &key[len]);
            memset(text, 'x', sizeof text);
        }
        assert_int_equal(intern_block(t, key, LENGTHS, number), 0);
        for (uint32_t len = 0; len < LENGTHS; len++) {
            assert_int_equal(number[len], len);
            assert_int_equal(intern_text(t, len).len, len);
            assert_memory_equal(intern_text(t, len).ptr, whole, len);
        }
    }
    uint32_t again;
    assert_int_equal(intern_one(t, (struct csv_slice){whole, 9}, &again), 0);
    assert_int_equal(again, 9);
    intern_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_quoted),
        cmocka_unit_test(delimiters_are_detected),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(encodings),
        cmocka_unit_test(an_encoding_may_show_late),
        cmocka_unit_test(much_gb18030_is_converted),
        cmocka_unit_test(long_fields_cross_blocks),
        cmocka_unit_test(a_failing_source_is_reported),
        cmocka_unit_test(noise_is_survived),
        cmocka_unit_test(interning_numbers_by_first_appearance),
        cmocka_unit_test(interning_tells_beginnings_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
