/* A portion of a list as values: what is written into files. */
#include "core/record/internal.h"

#include "base/map.h"

#include <stdlib.h>

struct portion {
    const struct tenant *t;
    struct arena *a;
    const struct field *const *fields;
    size_t nfields, n;
    const int64_t *ids;
    struct value **row; /* by place in ids; NULL = left out */
    bool *masked;
};

static int by_id(const void *x, const void *y)
{
    const int64_t *const *a = x, *const *b = y;
    return **a < **b ? -1 : **a > **b;
}

/* Where an id stands in the portion: looked up in pointers sorted by what they point to. */
static size_t place_of(const int64_t *const *sorted, const struct portion *p, int64_t id)
{
    const int64_t *key = &id;
    const int64_t *const *found = bsearch(&key, sorted, p->n, sizeof *sorted, by_id);
    return found ? (size_t)(*found - p->ids) : p->n;
}

static struct value *take_row(struct portion *p, const struct db_rows *rows, struct titles *ti)
{
    struct value *v = arena_array(p->a, struct value, p->nfields);
    unsigned at = 1;
    for (size_t i = 0; i < p->nfields; i++) {
        const struct field *f = p->fields[i];
        struct value from;
        value_from_row(f, rows, at, &from);
        at += f->ncolumns;
        if (p->masked[i] && !from.null) {
            struct buf text = BUF_INIT(1 << 16);
            value_mask_text(f, &from, &text);
            v[i] = (struct value){.s = arena_str(p->a, buf_str(&text))};
            buf_free(&text);
            continue;
        }
        v[i] = value_keep(&from, p->a);
        if (f->base_money && !from.null)
            v[i].s = tenant_company(p->t)->currency;
        if (!from.null)
            titles_want(ti, f, from.i);
    }
    return v;
}

static int read_rows(struct portion *p, struct db_conn *c, const struct actor *who,
                     const struct entity *en, bool trash, struct titles *ti, struct err *e)
{
    const int64_t **sorted = arena_array(p->a, const int64_t *, p->n + 1);
    struct sql q = sql_new(p->a);
    struct db_rows *rows = NULL;
    sql_add(&q, "SELECT id");
    for (size_t i = 0; i < p->nfields; i++)
        for (unsigned k = 0; k < p->fields[i]->ncolumns; k++)
            sql_addf(&q, ", %s", en->columns[p->fields[i]->column + k]);
    sql_addf(&q, " FROM %s WHERE id IN (", en->table);
    for (size_t i = 0; i < p->n; i++) {
        if (i)
            sql_add(&q, ", ");
        sql_arg(&q, DB_I64(p->ids[i]));
        sorted[i] = &p->ids[i];
    }
    sql_add(&q, trash ? ") AND deleted_at IS NOT NULL" : ") AND deleted_at IS NULL");
    access_predicate(who, en, ACCESS_READ, "", &q);
    if (!trash)
        access_standing(en, arena_printf(p->a, "%s.", en->table).p, &q);
    qsort(sorted, p->n, sizeof *sorted, by_id);
    const char *text = sql_text(&q);
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        size_t at = place_of(sorted, p, db_i64(rows, 0));
        if (at < p->n)
            p->row[at] = take_row(p, rows, ti);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

struct title_texts {
    struct arena *a;
    struct map by_id;
};

static void keep_title(void *arg, int64_t id, const struct field *title, enum field_level level,
                       struct value *v)
{
    struct title_texts *texts = arg;
    struct str text = v->s;
    struct buf mask = BUF_INIT(1 << 16);
    if (level == LEVEL_MASK) {
        value_mask_text(title, v, &mask);
        text = buf_str(&mask);
    }
    struct str *kept = arena_new_of(texts->a, struct str);
    *kept = arena_str(texts->a, text);
    map_put(&texts->by_id, arena_printf(texts->a, "%lld", (long long)id), kept);
    buf_free(&mask);
}

static int name_links(struct portion *p, struct db_conn *c, const struct actor *who,
                      struct titles *ti, struct err *e)
{
    struct title_texts texts = {.a = p->a};
    if (ti->n == 0)
        return 0;
    map_init(&texts.by_id, p->a);
    int rc = titles_each(ti, c, p->t, who, keep_title, &texts, e);
    for (size_t i = 0; rc == 0 && i < p->nfields; i++) {
        if (p->fields[i]->type->shape != SHAPE_LINK || p->masked[i])
            continue;
        for (size_t k = 0; k < p->n; k++) {
            struct value *v = p->row[k] ? &p->row[k][i] : NULL;
            char key[24];
            struct buf b = {.p = key, .cap = sizeof key, .max = sizeof key};
            if (!v || v->null)
                continue;
            buf_add_i64(&b, v->i);
            const struct str *text = map_get(&texts.by_id, buf_str(&b));
            v->s = text ? *text : STR_NULL;
        }
    }
    return rc;
}

int record_rows(struct db_conn *c, const struct tenant *t, const struct actor *who,
                const struct entity *en, const struct field *const *fields, size_t nfields,
                bool trash, const int64_t *ids, size_t n, struct arena *a,
                int (*row)(void *arg, const struct row_values *r), void *arg, struct err *e)
{
    struct portion p = {t, a, fields, nfields, n, ids, NULL, NULL};
    struct titles ti = {.a = a};
    if (n > ROWS_MAX)
        return err_set(e, ERR_INTERNAL, "%zu rows at once", n);
    if (n == 0)
        return 0;
    p.row = arena_array(a, struct value *, n);
    for (size_t i = 0; i < n; i++)
        p.row[i] = NULL;
    p.masked = arena_array(a, bool, nfields + 1);
    for (size_t i = 0; i < nfields; i++)
        p.masked[i] = access_level(who, en, fields[i]->id) == LEVEL_MASK;
    int rc = read_rows(&p, c, who, en, trash, &ti, e);
    if (rc == 0)
        rc = name_links(&p, c, who, &ti, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct row_values r = {p.row[i], p.masked};
        if (r.v)
            rc = row(arg, &r);
    }
    return rc;
}
