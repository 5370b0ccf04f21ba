/* A new file: what it is written in, what its columns are called and probably mean. */
#include "crm/import/internal.h"

#define LOG_MODULE "import"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_ROWS = 500 };

struct look {
    struct arena *a;
    struct err *e;
    struct import_format format;
    struct str headers[MAX_COLUMNS];
    size_t ncolumns;
    int64_t rows;
    /* the first cells of each column, for guessing */
    struct csv_slice *samples[MAX_COLUMNS];
    size_t nsamples[MAX_COLUMNS];
};

struct str import_path(const struct tenant *t, int64_t id, struct arena *a)
{
    return arena_printf(a, "%s/files/imports/%lld.csv", t->dir, (long long)id);
}

/* --- reading it all once ------------------------------------------------------------------- */

static int reading_failed(struct look *l, struct csv_reader *r)
{
    struct csv_problem p = csv_problem(r);
    int code = p.code == CSV_ERR_BINARY      ? ERR_IMPORT_BINARY
               : p.code == CSV_ERR_ENCODING  ? ERR_IMPORT_ENCODING
               : p.code == CSV_ERR_TRUNCATED ? ERR_IMPORT_TRUNCATED
               : p.code == CSV_ERR_READ      ? ERR_IO
               : p.code == CSV_ERR_NO_MEMORY ? ERR_NOMEM
                                             : ERR_VALIDATION;
    err_param_i64(l->e, "row", (int64_t)p.record);
    err_param_i64(l->e, "column", (int64_t)p.field);
    if (code == ERR_VALIDATION) {
        struct err_item *item = err_item(
            l->e, arena_printf(l->a, "/rows/%llu/%zu", (unsigned long long)p.record, p.field),
            "import-broken-row");
        err_item_param(l->e, item, "row", arena_printf(l->a, "%llu", (unsigned long long)p.record));
    }
    return err_set(l->e, code, "record %llu field %zu: %s", (unsigned long long)p.record, p.field,
                   csv_error_code(p.code));
}

static int take_header(struct look *l, const struct csv_record *rec)
{
    if (rec->fields > MAX_COLUMNS)
        return err_set(l->e, ERR_VALIDATION, "more than %d columns", MAX_COLUMNS);
    for (size_t i = 0; i < rec->fields; i++) {
        struct str h = arena_str(l->a, cell_of(rec, i));
        for (size_t k = 0; k < i && h.n; k++) {
            if (!str_eq(h, l->headers[k]))
                continue;
            err_param(l->e, "header", h);
            return err_set(l->e, ERR_IMPORT_DUPLICATE_HEADER, STR_FMT, STR_ARG(h));
        }
        l->headers[l->ncolumns++] = h;
        for (size_t b = 0; b < h.n; b++)
            l->format.chinese |= (unsigned char)h.p[b] >= 0xe4;
        l->samples[i] = arena_array(l->a, struct csv_slice, LOOK_ROWS);
    }
    return 0;
}

static void take_samples(struct look *l, const struct csv_record *rec)
{
    for (size_t i = 0; i < l->ncolumns && i < rec->fields; i++) {
        struct str cell = cell_of(rec, i);
        if (cell.n == 0 || cell.n > 200 || l->nsamples[i] == LOOK_ROWS)
            continue;
        cell = arena_str(l->a, cell);
        l->samples[i][l->nsamples[i]++] = (struct csv_slice){cell.p, cell.n};
    }
}

static int look_through(struct look *l, int fd)
{
    struct csv_options o = {0};
    struct csv_reader *r = NULL;
    struct csv_record rec;
    if (csv_new_fd(fd, &o, &r) != 0)
        return err_set(l->e, ERR_NOMEM, "csv");
    int rc = 0, got;
    while (rc == 0 && (got = csv_next(r, &rec)) != 0) {
        if (got < 0)
            rc = reading_failed(l, r);
        else if (l->ncolumns == 0)
            rc = take_header(l, &rec);
        else if (++l->rows <= LOOK_ROWS)
            take_samples(l, &rec);
    }
    l->format.encoding = csv_encoding_of(r);
    l->format.delimiter = csv_delimiter(r);
    csv_free(r);
    if (rc == 0 && l->rows == 0)
        rc = err_set(l->e, ERR_IMPORT_EMPTY, "no rows");
    return rc;
}

/* --- UTF-8 ---------------------------------------------------------------------------------------
 */

static int write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

static int convert(const char *from, const char *to, const char *charset, size_t skip)
{
    char in[65536], out[65536 * 4];
    int src = open(from, O_RDONLY | O_CLOEXEC), rc = -1;
    int dst = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    iconv_t cd = iconv_open("UTF-8", charset);
    size_t kept = 0;
    if (src < 0 || dst < 0 || cd == (iconv_t)-1 || lseek(src, (off_t)skip, SEEK_SET) < 0)
        goto out;
    for (;;) {
        ssize_t got = read(src, in + kept, sizeof in - kept);
        if (got < 0)
            goto out;
        char *p = in, *q = out;
        size_t left = kept + (size_t)got, room = sizeof out;
        if (left == 0)
            break;
        if (iconv(cd, &p, &left, &q, &room) == (size_t)-1 && errno != EINVAL)
            goto out;
        if (write_all(dst, out, (size_t)(q - out)) != 0)
            goto out;
        if (got == 0 && left)
            goto out;
        memmove(in, p, left);
        kept = left;
    }
    rc = fsync(dst);
out:
    if (src >= 0)
        close(src);
    if (dst >= 0)
        close(dst);
    if (cd != (iconv_t)-1)
        iconv_close(cd);
    return rc;
}

static int store_file(struct tenant *t, struct look *l, const char *file, int64_t id)
{
    struct str dir = arena_printf(l->a, "%s/files", t->dir);
    struct str sub = arena_printf(l->a, "%s/files/imports", t->dir);
    struct str path = import_path(t, id, l->a);
    if ((mkdir(dir.p, 0700) != 0 && errno != EEXIST) ||
        (mkdir(sub.p, 0700) != 0 && errno != EEXIST))
        return err_set(l->e, ERR_IO, "%s: %s", sub.p, strerror(errno));
    int rc;
    switch (l->format.encoding) {
    case CSV_GB18030:
        rc = convert(file, path.p, "GB18030", 0);
        break;
    case CSV_UTF8_BOM:
        rc = convert(file, path.p, "UTF-8", 3);
        break;
    case CSV_UTF16LE:
        rc = convert(file, path.p, "UTF-16LE", 2);
        break;
    case CSV_UTF16BE:
        rc = convert(file, path.p, "UTF-16BE", 2);
        break;
    default:
        rc = rename(file, path.p);
    }
    if (rc == 0)
        return 0;
    int why = errno;
    unlink(path.p);
    return err_set(l->e, why == ENOSPC ? ERR_STORAGE_FULL : ERR_IO, "%s: %s", path.p,
                   strerror(why));
}

/* --- guessing ------------------------------------------------------------------------------ */

/* Lower case, without blanks, underscores, hyphens and dots. */
static struct str plain(struct str s, struct arena *a)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == ' ' || c == '_' || c == '-' || c == '.' || c == '(' || c == ')')
            continue;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return str_from(out, n);
}

static double fit(struct str header, const struct target *t, struct arena *a)
{
    const struct field *f = t->field;
    struct str h = plain(header, a);
    if (h.n == 0)
        return 0;
    if (str_eq(h, plain(t->name, a)))
        return 1.0;
    if (!f)
        return str_is(h, "currency") || str_is(h, "币种") || str_is(h, "货币") ? 1.0 : 0;
    if (str_eq(h, plain(f->label.in[0], a)) || str_eq(h, plain(f->label.in[1], a)))
        return t->of_customer ? 0.7 : 0.95;
    for (size_t i = 0; i < f->naliases; i++)
        if (str_eq(h, plain(f->aliases[i], a)))
            return 0.9;
    if (t->of_customer && (str_is(h, "客户") || str_is(h, "customer") || str_is(h, "client")))
        return f->id == CUSTOMER_NAME ? 0.8 : f->id == CUSTOMER_EXT_ID ? 0.6 : 0;
    return 0;
}

/* The best pairs first; a target is given once. */
static void guess(struct look *l, const struct target *targets, size_t n, int *ret_target,
                  double *ret_confidence)
{
    bool taken[TARGETS] = {false};
    for (size_t i = 0; i < l->ncolumns; i++)
        ret_target[i] = -1;
    for (;;) {
        double best = 0;
        size_t column = 0, target = 0;
        for (size_t i = 0; i < l->ncolumns; i++) {
            for (size_t k = 0; ret_target[i] < 0 && k < n; k++) {
                double f = taken[k] ? 0 : fit(l->headers[i], &targets[k], l->a);
                if (f > best) {
                    best = f;
                    column = i;
                    target = k;
                }
            }
        }
        if (best == 0)
            return;
        ret_target[column] = (int)target;
        ret_confidence[column] = best;
        taken[target] = true;
    }
}

static void write_columns(struct look *l, const struct target *targets, const int *target,
                          const double *confidence, struct jw *w)
{
    jw_arr(w);
    for (size_t i = 0; i < l->ncolumns; i++) {
        jw_obj(w);
        jw_ki64(w, "index", (int64_t)i);
        jw_kstr(w, "header", l->headers[i]);
        jw_key(w, "samples");
        jw_arr(w);
        for (size_t k = 0; k < l->nsamples[i] && k < SAMPLES; k++)
            jw_str(w, str_from(l->samples[i][k].ptr, l->samples[i][k].len));
        jw_arr_end(w);
        jw_key(w, "field");
        if (target[i] >= 0)
            jw_str(w, targets[target[i]].name);
        else
            jw_null(w);
        jw_kf64(w, "confidence", confidence[i]);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void write_mapping(struct look *l, const struct target *targets, const int *target,
                          struct jw *w)
{
    jw_obj(w);
    for (size_t i = 0; i < l->ncolumns; i++) {
        jw_key_str(w, arena_printf(l->a, "%zu", i));
        if (target[i] >= 0)
            jw_str(w, targets[target[i]].name);
        else
            jw_null(w);
    }
    jw_obj_end(w);
}

static void write_format(const struct look *l, struct jw *w)
{
    static const char *const encodings[] = {
        [CSV_DETECT] = "UTF-8",    [CSV_UTF8] = "UTF-8",       [CSV_UTF8_BOM] = "UTF-8",
        [CSV_GB18030] = "GB18030", [CSV_UTF16LE] = "UTF-16LE", [CSV_UTF16BE] = "UTF-16BE"};
    char delimiter[2] = {l->format.delimiter ? l->format.delimiter : ',', 0};
    jw_obj(w);
    jw_kcstr(w, "encoding", encodings[l->format.encoding]);
    jw_kbool(w, "bom", l->format.encoding == CSV_UTF8_BOM);
    jw_kcstr(w, "delimiter", delimiter);
    jw_kcstr(w, "date_format", date_format_names[l->format.date]);
    jw_kcstr(w, "language", l->format.chinese ? "zh" : "en");
    jw_ki64(w, "header_row", 1);
    jw_obj_end(w);
}

struct new_import {
    struct tenant *t;
    int64_t id, owner_id, bytes, rows;
    const struct entity *en;
    struct str name, format, columns, mapping, options;
};

static int insert_import(struct db_conn *c, void *arg, struct err *e)
{
    struct new_import *n = arg;
    int64_t now = clock_now_ms();
    return db_exec(
        c,
        "INSERT INTO import (id, name, entity, state, bytes, row_count, format, columns, "
        "mapping, options, owner_id, created_at, updated_at) "
        "VALUES ($1, $2, $3, 'uploaded', $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        DB_ARGS(DB_I64(n->id), DB_STR(n->name), DB_STR(str_of(n->en->name)), DB_I64(n->bytes),
                DB_I64(n->rows), DB_STR(n->format), DB_STR(n->columns), DB_STR(n->mapping),
                DB_STR(n->options), DB_ID(n->owner_id), DB_I64(now), DB_I64(now)),
        NULL, e);
}

static struct str in_arena(struct buf *b, struct arena *a)
{
    struct str s = arena_str(a, buf_str(b));
    buf_clear(b);
    return s;
}

int import_take(struct tenant *t, const char *file, const struct entity *en, struct str name,
                int64_t owner_id, struct arena *a, int64_t *ret_id, struct err *e)
{
    struct look l = {.a = a, .e = e};
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_IO, "%s: %s", file, strerror(errno));
    }
    int rc = st.st_size ? look_through(&l, fd) : err_set(e, ERR_IMPORT_EMPTY, "no bytes");
    close(fd);
    if (rc)
        return rc;
    struct target targets[TARGETS];
    int target[MAX_COLUMNS] = {0};
    double confidence[MAX_COLUMNS] = {0};
    size_t n = targets_of(t, owner_id, en, a, targets);
    guess(&l, targets, n, target, confidence);
    for (size_t i = 0; i < l.ncolumns; i++)
        if (target[i] >= 0 && targets[target[i]].field &&
            targets[target[i]].field->type->shape == SHAPE_DATE)
            l.format.date = csv_detect_date(l.samples[i], l.nsamples[i], NULL);

    struct new_import ni = {.t = t,
                            .id = id_next(t->ids),
                            .owner_id = owner_id,
                            .en = en,
                            .bytes = st.st_size,
                            .rows = l.rows};
    if (name.n > 200)
        name.n = 200;
    size_t bad;
    ni.name = str_utf8_ok(name, &bad) ? name : str_from(name.p, bad);
    struct buf out = BUF_INIT(4 << 20);
    struct jw w = jw_new(&out);
    write_format(&l, &w);
    ni.format = in_arena(&out, a);
    w = jw_new(&out);
    write_columns(&l, targets, target, confidence, &w);
    ni.columns = in_arena(&out, a);
    w = jw_new(&out);
    write_mapping(&l, targets, target, &w);
    ni.mapping = in_arena(&out, a);
    ni.options = arena_printf(
        a, "{\"on_existing\":\"skip\",\"currency\":\"" STR_FMT "\",\"create_customers\":true}",
        STR_ARG(tenant_company(t)->currency));
    buf_free(&out);
    rc = store_file(t, &l, file, ni.id);
    if (rc)
        return rc;
    rc = db_transact(t->db, DB_INTERACTIVE, insert_import, &ni, e);
    if (rc == 0)
        *ret_id = ni.id;
    else
        unlink(import_path(t, ni.id, a).p); /* nobody knows of it */
    return rc;
}
