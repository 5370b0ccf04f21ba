/* How files with these headers were read the last time: the company's mapping is proposed again. */
#include "crm/import/look.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static int by_text(const void *x, const void *y)
{
    const struct str *a = x, *b = y;
    size_t n = a->n < b->n ? a->n : b->n;
    int order = n ? memcmp(a->p, b->p, n) : 0;
    return order ? order : a->n < b->n ? -1 : a->n > b->n;
}

struct str memory_print(const struct str *headers, size_t n, struct arena *a)
{
    struct str *sorted = arena_array(a, struct str, n + 1);
    struct buf text = BUF_INIT(1 << 20);
    unsigned char hash[16];
    char hex[sizeof hash * 2 + 1];
    for (size_t i = 0; i < n; i++)
        sorted[i] = header_plain(headers[i], a);
    qsort(sorted, n, sizeof *sorted, by_text);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&text, sorted[i]);
        buf_add_char(&text, '\n');
    }
    crypto_generichash(hash, sizeof hash, (const unsigned char *)text.p, text.n, NULL, 0);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    buf_free(&text);
    return arena_str(a, str_of(hex));
}

static struct str *headers_of(const struct import *im, struct arena *a, size_t *ret_n)
{
    size_t n = json_array_size(im->columns);
    struct str *headers = arena_array(a, struct str, n + 1);
    for (size_t i = 0; i < n; i++)
        headers[i] = json_get_str(json_array_get(im->columns, i), "header");
    *ret_n = n;
    return headers;
}

int memory_keep(struct db_conn *c, const struct import *im, struct arena *a, struct err *e)
{
    size_t n;
    struct str *headers = headers_of(im, a, &n);
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    for (size_t i = 0; i < n; i++) {
        const json_t *field = json_object_get(im->mapping, arena_printf(a, "%zu", i).p);
        jw_key_str(&w, header_plain(headers[i], a));
        if (json_is_string(field))
            jw_str(&w, str_of(json_string_value(field)));
        else
            jw_null(&w);
    }
    jw_obj_end(&w);
    int rc =
        db_exec(c,
                "INSERT INTO import_memory (entity, print, mapping, date_format, used_at, "
                "owner_id) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (entity, print) DO "
                "UPDATE SET mapping = excluded.mapping, date_format = excluded.date_format, "
                "used_at = excluded.used_at, owner_id = excluded.owner_id",
                DB_ARGS(DB_STR(str_of(im->en->name)), DB_STR(memory_print(headers, n, a)),
                        DB_STR(buf_str(&out)), DB_STR(str_of(date_format_names[im->format.date])),
                        DB_I64(clock_now_ms()), DB_ID(im->owner_id)),
                NULL, e);
    buf_free(&out);
    return rc;
}

int memory_recall(struct db_conn *c, const struct entity *en, const struct str *headers, size_t n,
                  const struct target *targets, size_t ntargets, int *target,
                  enum csv_date_format *ret_date, bool *ret_found, struct arena *a, struct err *e)
{
    struct db_rows *rows = NULL;
    json_t *mapping = NULL;
    *ret_found = false;
    int rc =
        db_query(c,
                 "SELECT mapping, date_format FROM import_memory WHERE entity = $1 AND "
                 "print = $2",
                 DB_ARGS(DB_STR(str_of(en->name)), DB_STR(memory_print(headers, n, a))), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0) {
        *ret_found = true;
        for (int i = 0; i < CSV_DATE_FORMATS; i++)
            if (str_is(db_str(rows, 1), date_format_names[i]))
                *ret_date = (enum csv_date_format)i;
        rc = json_read(a, arena_str(a, db_str(rows, 0)), &mapping, e);
    }
    db_rows_done(rows);
    if (rc || !*ret_found)
        return rc < 0 ? rc : 0;
    for (size_t i = 0; i < n; i++) {
        struct str field = json_get_str(mapping, arena_cstr(a, header_plain(headers[i], a)));
        target[i] = -1;
        /* A field that this person may not write stays out. */
        for (size_t k = 0; k < ntargets && field.n; k++)
            if (str_eq(targets[k].name, field))
                target[i] = (int)k;
    }
    return 0;
}

int memory_forget(struct db_conn *c, const struct import *im, struct arena *a, struct err *e)
{
    size_t n;
    struct str *headers = headers_of(im, a, &n);
    return db_exec(c, "DELETE FROM import_memory WHERE entity = $1 AND print = $2",
                   DB_ARGS(DB_STR(str_of(im->en->name)), DB_STR(memory_print(headers, n, a))), NULL,
                   e);
}
