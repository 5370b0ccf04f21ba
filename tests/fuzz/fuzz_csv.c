/*
 * The reader of CSV and of cells: a file in pieces of any size is the file in one piece, errors and
 * their places included; a day that was read is that day.
 */
#include "fuzz.h"

#include "io/csv.h"

#include <stdbool.h>
#include <string.h>

const char *const fuzz_words[] = {"\"",
                                  "\"\"",
                                  "\r\n",
                                  "\r",
                                  ",",
                                  ";",
                                  "\t",
                                  "|",
                                  "\xef\xbb\xbf",
                                  "\xff\xfe",
                                  "\xfe\xff",
                                  "2024-02-29",
                                  "2024-02-30",
                                  "29/02/2024",
                                  "2024\xe5\xb9\xb4"
                                  "1\xe6\x9c\x88"
                                  "5\xe6\x97\xa5",
                                  "1,234.50",
                                  "(12.00)",
                                  "\xef\xbf\xa5"
                                  "1",
                                  "\xbf\xcd\xbb\xa7",
                                  "\x81\x30\x81\x30",
                                  "\xe3\x80\x80",
                                  "customer_id,date,amount\n",
                                  NULL};

struct piece {
    const uint8_t *data;
    size_t size, at, step;
};

static ssize_t read_piece(void *source, char *buffer, size_t room)
{
    struct piece *p = source;
    size_t n = p->size - p->at;
    n = n < p->step ? n : p->step;
    n = n < room ? n : room;
    memcpy(buffer, p->data + p->at, n);
    p->at += n;
    return (ssize_t)n;
}

static void try_cells(struct csv_slice s)
{
    int32_t day, year;
    int month, mday;
    int64_t minor;
    for (int f = 0; f < CSV_DATE_FORMATS; f++) {
        if (csv_parse_date(s, (enum csv_date_format)f, &day) != CSV_CELL_OK)
            continue;
        csv_civil_from_day(day, &year, &month, &mday);
        fuzz_must(csv_day_from_civil(year, month, mday) == day);
        fuzz_must(year >= 1 && year <= 9999);
    }
    for (int decimals = 0; decimals <= 6; decimals += 2)
        (void)csv_parse_amount(s, decimals, &minor);
}

/* The same bytes, read in one piece and in small ones. */
static void compare(const uint8_t *data, size_t size, size_t step, enum csv_encoding encoding)
{
    struct csv_options options = {
        .encoding = encoding, .max_field = 300, .max_record = 1000, .max_fields = 40};
    struct piece piece = {data, size, 0, step};
    struct csv_reader *a = NULL, *b = NULL;
    struct csv_record x, y;
    int rx, ry;
    fuzz_must(csv_new_memory((const char *)data, size, &options, &a) == 0);
    fuzz_must(csv_new(read_piece, &piece, &options, &b) == 0);
    do {
        rx = csv_next(a, &x);
        ry = csv_next(b, &y);
        fuzz_must(rx == ry);
        if (rx != 1)
            break;
        fuzz_must(x.fields == y.fields && x.number == y.number && x.byte == y.byte);
        for (size_t i = 0; i < x.fields; i++) {
            fuzz_must(x.field[i].len == y.field[i].len);
            fuzz_must(memcmp(x.field[i].ptr, y.field[i].ptr, x.field[i].len) == 0);
            try_cells(x.field[i]);
        }
    } while (true);
    if (rx < 0) {
        struct csv_problem p = csv_problem(a), q = csv_problem(b);
        fuzz_must(p.code == q.code && p.record == q.record && p.byte == q.byte && p.code == rx);
        fuzz_must(csv_next(a, &x) == rx); /* an error is final */
    }
    csv_free(a);
    csv_free(b);
}

/* Detection looks at the first block, so only what is told can be compared. */
static void detect(const uint8_t *data, size_t size)
{
    struct csv_reader *r = NULL;
    struct csv_record record;
    int rc;
    fuzz_must(csv_new_memory((const char *)data, size, NULL, &r) == 0);
    while ((rc = csv_next(r, &record)) == 1)
        for (size_t i = 0; i < record.fields; i++)
            try_cells(record.field[i]);
    fuzz_must(rc <= 0 && csv_next(r, &record) == rc);
    csv_free(r);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const enum csv_encoding encodings[] = {CSV_UTF8, CSV_GB18030, CSV_UTF16LE, CSV_UTF16BE};
    detect(data, size);
    compare(data, size, 1 + size % 7, encodings[size % 4]);
    compare(data, size, 64, CSV_UTF8);
}
