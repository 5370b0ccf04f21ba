/* The whole file read and validated: 32 bytes a row stay. */
#include "crm/import/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often the same hash was seen: two equal orders on one day are two orders, and the second one
   is the second one in every import of the file. */
struct counter {
    uint64_t hash;
    uint32_t count;
};

struct reading {
    const struct import_plan *p;
    struct import_rows *out;
    size_t cap;
    struct counter *seen;
    size_t nseen, seen_cap;
    struct intern *numbers;
    bool *spoiled; /* by number of the order */
    size_t spoiled_cap;
};

void rows_count(struct import_rows *r, const struct cell_note *note)
{
    size_t column = note->column < 0 ? 0 : (size_t)note->column;
    r->columns[column].rejected++;
    for (size_t i = 0; i < 8; i++) {
        const char **code = &r->columns[column].codes[i].code;
        if (*code && strcmp(*code, note->code) != 0)
            continue;
        *code = note->code;
        r->columns[column].codes[i].count++;
        return;
    }
}

static bool seen_grow(struct reading *rd)
{
    size_t cap = rd->seen_cap ? rd->seen_cap * 2 : 1 << 12;
    struct counter *grown = calloc(cap, sizeof *grown);
    if (!grown)
        return false;
    for (size_t i = 0; i < rd->seen_cap; i++) {
        if (!rd->seen[i].count)
            continue;
        size_t at = rd->seen[i].hash & (cap - 1);
        while (grown[at].count)
            at = (at + 1) & (cap - 1);
        grown[at] = rd->seen[i];
    }
    free(rd->seen);
    rd->seen = grown;
    rd->seen_cap = cap;
    return true;
}

static int64_t hash64(const void *p, size_t n)
{
    unsigned char key[crypto_shorthash_KEYBYTES] = "patron import 1";
    uint64_t h;
    crypto_shorthash((unsigned char *)&h, p, n, key);
    return (int64_t)(h & INT64_MAX);
}

/* The key of an order without a number: customer, day, amount, and which of its equals it is. */
static int order_key(struct reading *rd, const struct parsed_row *row, int64_t *ret_key)
{
    char text[256];
    struct buf b = {.p = text, .cap = sizeof text, .max = sizeof text};
    buf_add_i64(&b, row->v[SIDE_OWN][ORDER_ORDERED_ON].i);
    buf_add_char(&b, '|');
    buf_add_i64(&b, row->v[SIDE_OWN][ORDER_AMOUNT].i);
    buf_add_str(&b, row->v[SIDE_OWN][ORDER_AMOUNT].s);
    buf_add_char(&b, '|');
    buf_add(&b, row->key.p, row->key.n < 120 ? row->key.n : 120);
    if (rd->nseen * 2 >= rd->seen_cap && !seen_grow(rd))
        return -1;
    uint64_t hash = (uint64_t)hash64(text, b.n);
    size_t at = hash & (rd->seen_cap - 1);
    while (rd->seen[at].count && rd->seen[at].hash != hash)
        at = (at + 1) & (rd->seen_cap - 1);
    rd->nseen += rd->seen[at].count == 0;
    rd->seen[at].hash = hash;
    uint64_t with_count[2] = {hash, ++rd->seen[at].count};
    /* The day in front: what lies together in the file lies together in the index. 48 bits tell the
       orders of a day apart: of 10,000 a day for three years two share a key once in 5,000 files.
     */
    int64_t day = row->v[SIDE_OWN][ORDER_ORDERED_ON].i & 0x7fff;
    *ret_key = day << 48 | (hash64(with_count, sizeof with_count) & ((INT64_C(1) << 48) - 1));
    return 0;
}

static struct csv_slice as_slice(struct str s)
{
    return (struct csv_slice){s.p, s.n};
}

/* Which of the texts seen so far this is; *ret_new: it was not among them. */
static int number_of_text(struct intern *texts, struct str text, uint32_t *ret_at, bool *ret_new)
{
    size_t before = intern_count(texts);
    int rc = intern_one(texts, as_slice(text), ret_at);
    *ret_new = *ret_at >= before;
    return rc;
}

/* What is known by its key, contacts of a customer, and numbers of orders may stand in a file of
   theirs once. */
static int check_twice(struct reading *rd, const struct csv_record *rec, struct parsed_row *row,
                       bool new_key, struct arena *scratch)
{
    const struct import_kind *kind = rd->p->im->kind;
    int column = kind->once ? rd->p->key_column : rd->p->number_column;
    struct str text = kind->orders && column >= 0 ? cell_of(rec, (size_t)column) : STR_NULL;
    uint32_t at;
    bool fresh = new_key;
    if (kind->entity == ENTITY_CONTACT)
        text = arena_printf(scratch, STR_FMT "\n" STR_FMT, STR_ARG(row->key),
                            STR_ARG(row->v[SIDE_OWN][CONTACT_NAME].s));
    else if (!kind->once && text.n == 0)
        return 0;
    if (!kind->once && number_of_text(rd->numbers, text, &at, &fresh) != 0)
        return -1;
    if (!fresh)
        row_note(row, column < 0 ? rd->p->key_column : column, "duplicate-row");
    return 0;
}

/* The order a line belongs to; one that has a bad line is not written at all. */
static int group_of(struct reading *rd, const struct csv_record *rec, bool bad, int64_t *ret_group)
{
    struct str number = cell_of(rec, (size_t)rd->p->number_column);
    uint32_t at;
    bool fresh;
    if (number_of_text(rd->numbers, number, &at, &fresh) != 0)
        return -1;
    if (at >= rd->spoiled_cap) {
        size_t cap = rd->spoiled_cap ? rd->spoiled_cap * 2 : 4096;
        bool *grown = realloc(rd->spoiled, cap);
        if (!grown)
            return -1;
        memset(grown + rd->spoiled_cap, 0, cap - rd->spoiled_cap);
        rd->spoiled = grown;
        rd->spoiled_cap = cap;
    }
    rd->spoiled[at] |= bad;
    *ret_group = (int64_t)at + 1;
    return 0;
}

static int keep(struct reading *rd, const struct csv_record *rec, const struct parsed_row *row,
                uint32_t customer)
{
    struct import_rows *out = rd->out;
    if (out->n == rd->cap) {
        size_t cap = rd->cap ? rd->cap * 2 : 4096;
        struct import_row *grown = realloc(out->rows, cap * sizeof *grown);
        if (!grown)
            return -1;
        out->rows = grown;
        rd->cap = cap;
    }
    struct import_row *r = &out->rows[out->n];
    *r = (struct import_row){
        .byte = rec->byte, .number = (uint32_t)rec->number, .customer = customer};
    const struct import_kind *kind = rd->p->im->kind;
    if (kind->grouped) {
        out->n++;
        return group_of(rd, rec, false, &r->key);
    }
    bool order = kind->orders;
    if (order)
        r->day = (int32_t)row->v[SIDE_OWN][ORDER_ORDERED_ON].i;
    bool numbered = rd->p->number_column >= 0 && cell_of(rec, (size_t)rd->p->number_column).n > 0;
    if (order && !numbered && order_key(rd, row, &r->key) != 0)
        return -1;
    out->n++;
    return 0;
}

static int take_row(struct reading *rd, const struct csv_record *rec, struct parsed_row *row,
                    struct arena *scratch)
{
    struct import_rows *out = rd->out;
    out->read++;
    row_parse(rd->p, rec, scratch, row);
    const struct import_kind *kind = rd->p->im->kind;
    uint32_t customer = 0;
    bool fresh;
    int64_t group;
    if (row->nbad == 0) {
        if (number_of_text(out->customers, row->key, &customer, &fresh) != 0 ||
            (!kind->grouped && check_twice(rd, rec, row, fresh, scratch) != 0))
            return -1;
    }
    if (kind->grouped && row->nbad && group_of(rd, rec, true, &group) != 0)
        return -1;
    for (size_t i = 0; i < rd->p->ncolumns; i++)
        out->columns[i].changed += row->changed[i];
    if (row->nbad == 0)
        return keep(rd, rec, row, customer);
    out->rejected++;
    for (size_t i = 0; i < row->nbad; i++)
        rows_count(out, &row->bad[i]);
    return 0;
}

static int by_day(const void *x, const void *y)
{
    const struct import_row *a = x, *b = y;
    if (a->day != b->day)
        return a->day < b->day ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

static int by_customer(const void *x, const void *y)
{
    const struct import_row *a = x, *b = y;
    if (a->customer != b->customer)
        return a->customer < b->customer ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

/* The order of writing. A commit writes whole pages, so rows that come one after the other should
   touch the same ones. In the order of time the indexes over dates and (as a rule) order numbers
   grow at their end, but that over customers is touched all over; by customer it is the other way
   round. Hence a stretch of time at a time, and within it by customer: some pages of each index,
   and those often. */
enum { STRETCH = 20000 };

static void order_rows(struct import_rows *out)
{
    bool in_time = true;
    for (size_t i = 1; i < out->n && in_time; i++)
        in_time = out->rows[i].day >= out->rows[i - 1].day;
    if (!in_time)
        qsort(out->rows, out->n, sizeof *out->rows, by_day);
    for (size_t at = 0; at < out->n; at += STRETCH)
        qsort(out->rows + at, out->n - at < STRETCH ? out->n - at : STRETCH, sizeof *out->rows,
              by_customer);
}

static int by_group(const void *x, const void *y)
{
    const struct import_row *a = x, *b = y;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

/* Orders as they first come in the file, and the lines of each together. */
static void group_rows(const struct reading *rd, struct import_rows *out)
{
    for (size_t i = 0; i < out->n; i++)
        out->rows[i].spoiled = rd->spoiled[out->rows[i].key - 1];
    qsort(out->rows, out->n, sizeof *out->rows, by_group);
}

static int read_records(struct job *j, struct reading *rd, struct csv_reader *r, struct err *e)
{
    struct csv_record rec;
    struct arena *scratch = arena_new(0);
    if (!scratch)
        return err_set(e, ERR_NOMEM, "rows");
    struct parsed_row *row = row_new(rd->p, rd->p->a);
    int rc = 0, got;
    bool header = true;
    while (rc == 0 && (got = csv_next(r, &rec)) > 0) {
        if (header) {
            header = false;
            continue;
        }
        if (take_row(rd, &rec, row, scratch) != 0)
            rc = err_set(e, ERR_NOMEM, "rows");
        arena_reset(scratch);
        if (rc == 0 && j && (rd->out->read & 1023) == 0) {
            struct job_progress progress = {"read", rd->out->read, rd->p->im->rows,
                                            rd->out->rejected};
            rc = job_tick(j, &progress, e);
        }
    }
    if (rc == 0 && got < 0)
        rc = err_set(e, ERR_IO, "the stored file cannot be read: %s", csv_error_code(got));
    arena_free(scratch);
    return rc;
}

int rows_read(struct job *j, const struct import_plan *p, struct import_rows *ret_rows,
              struct err *e)
{
    struct reading rd = {.p = p, .out = ret_rows};
    struct csv_reader *r = NULL;
    struct csv_options o = {.delimiter = p->im->format.delimiter, .encoding = CSV_UTF8};
    *ret_rows = (struct import_rows){0};
    struct str path = import_path(p->t, p->im->id, p->a);
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", path.p, strerror(errno));
    int rc = csv_new_fd(fd, &o, &r) == 0 && intern_new(&ret_rows->customers) == 0 &&
                     intern_new(&rd.numbers) == 0
                 ? 0
                 : err_set(e, ERR_NOMEM, "rows");
    if (rc == 0)
        rc = read_records(j, &rd, r, e);
    if (rc == 0 && p->im->kind->grouped)
        group_rows(&rd, ret_rows);
    else if (rc == 0)
        order_rows(ret_rows);
    csv_free(r);
    close(fd);
    free(rd.seen);
    free(rd.spoiled);
    intern_free(rd.numbers);
    if (rc)
        rows_free(ret_rows);
    return rc;
}

void rows_free(struct import_rows *r)
{
    free(r->rows);
    intern_free(r->customers);
    *r = (struct import_rows){0};
}
