/* Point reads and the JSON form of records. */
#include "core/record/internal.h"

#include <string.h>

void record_value_json(const struct tenant *t, const struct field *f, struct value *v, struct jw *w)
{
    if (f->base_money && !v->null)
        v->s = tenant_company(t)->currency;
    value_to_json(f, v, w);
}

void record_level_json(const struct tenant *t, const struct field *f, enum field_level level,
                       struct value *v, struct jw *w)
{
    if (level == LEVEL_MASK)
        value_mask_json(f, v, w);
    else
        record_value_json(t, f, v, w);
}

void record_to_json(const struct tenant *t, const struct actor *who, const struct record *r,
                    struct jw *w)
{
    const unsigned char *levels = access_levels(who, r->en);
    jw_obj(w);
    for (size_t i = 0; i < r->en->nfields; i++) {
        const struct field *f = &r->en->fields[i];
        enum field_level level = field_level(f, levels);
        if (level == LEVEL_HIDE)
            continue;
        struct value v = r->v[i];
        jw_key(w, f->name);
        record_level_json(t, f, level, &v, w);
    }
    jw_obj_end(w);
}

static int point_read(struct db_conn *c, const struct actor *who, const struct entity *en,
                      int64_t id, bool deleted, struct arena *a, struct db_rows **ret_rows,
                      struct err *e)
{
    struct sql q = sql_new(a);
    struct db_rows *rows = NULL;
    sql_add(&q, en->select_sql);
    sql_add(&q, " WHERE id = ");
    sql_arg(&q, DB_I64(id));
    sql_add(&q, deleted ? " AND deleted_at IS NOT NULL" : " AND deleted_at IS NULL");
    access_predicate(who, en, ACCESS_READ, "", &q);
    const char *text = sql_text(&q);
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    if (rc == 0)
        rc = db_step(rows, e);
    if (rc > 0) {
        *ret_rows = rows;
        return 0;
    }
    db_rows_done(rows);
    return rc ? rc : err_set(e, ERR_NOT_FOUND, "%s %lld", en->name, (long long)id);
}

bool record_may(const struct actor *who, const struct record *r, enum access_action action)
{
    bool owned = r->en->owned;
    return access_may(who, r->en, action, owned ? r->v[FIELD_OWNER_ID].i : 0,
                      owned ? r->v[FIELD_DEPARTMENT_ID].i : 0);
}

int record_get(struct db_conn *c, const struct actor *who, const struct entity *en, int64_t id,
               bool deleted, struct arena *a, struct record *ret_record, struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = point_read(c, who, en, id, deleted, a, &rows, e);
    if (rc)
        return rc;
    struct record r = {.en = en, .v = arena_array(a, struct value, en->nfields)};
    for (size_t i = 0; i < en->nfields; i++) {
        struct value v;
        value_from_row(&en->fields[i], rows, en->fields[i].column, &v);
        r.v[i] = value_keep(&v, a);
    }
    db_rows_done(rows);
    *ret_record = r;
    return 0;
}

int record_get_json(struct db_conn *c, const struct tenant *t, const struct actor *who,
                    const struct entity *en, int64_t id, bool titles, struct arena *a, struct jw *w,
                    int64_t *ret_version, struct err *e)
{
    struct db_rows *rows = NULL;
    struct titles wanted = {.a = a};
    const unsigned char *levels = access_levels(who, en);
    int rc = point_read(c, who, en, id, false, a, &rows, e);
    if (rc)
        return rc;
    jw_obj(w);
    for (size_t i = 0; i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        enum field_level level = field_level(f, levels);
        if (level == LEVEL_HIDE)
            continue;
        struct value v;
        value_from_row(f, rows, f->column, &v);
        jw_key(w, f->name);
        record_level_json(t, f, level, &v, w);
        if (titles && !v.null && level >= LEVEL_READ)
            titles_want(&wanted, f, v.i);
    }
    *ret_version = db_i64(rows, en->fields[FIELD_VERSION].column);
    db_rows_done(rows);
    if (titles)
        rc = titles_write(&wanted, c, t, who, w, e);
    jw_obj_end(w);
    return rc;
}

enum live_sight record_event_sight(const struct actor *who, const struct entity *en,
                                   const struct live_event *ev)
{
    if (!access_may(who, en, ACCESS_READ, ev->owner_id, ev->department_id))
        return LIVE_NOTHING;
    bool all = en->customer_field < 0 || access_level(who, en, en->customer_field) >= LEVEL_READ;
    return all ? LIVE_WHOLE : LIVE_BARE;
}

/* --- titles of linked records --------------------------------------------------------------------
 */

void titles_want(struct titles *ti, const struct field *f, int64_t id)
{
    if (f->type->shape == SHAPE_LINK && f->target >= 0)
        titles_add(ti, f->target, id);
}

void titles_add(struct titles *ti, int entity, int64_t id)
{
    for (size_t i = 0; i < ti->n; i++)
        if (ti->items[i].id == id)
            return;
    if (ti->n == ti->cap) {
        size_t cap = ti->cap ? ti->cap * 2 : 16;
        struct title_item *grown = arena_array(ti->a, struct title_item, cap);
        if (ti->n)
            memcpy(grown, ti->items, ti->n * sizeof *grown);
        ti->items = grown;
        ti->cap = cap;
    }
    ti->items[ti->n++] = (struct title_item){entity, id};
}

/* A record that is called by its whole text (a note) is called by how that begins. */
enum { LONG_TITLE = 300, TITLE_BYTES = 300 };
static struct str beginning(struct str s)
{
    size_t n = s.n < TITLE_BYTES ? s.n : TITLE_BYTES;
    while (n < s.n && n && (s.p[n] & 0xc0) == 0x80)
        n--;
    return str_from(s.p, n);
}

/* One batched query per entity that is linked to; what the actor may not see has no title. */
int titles_each(struct titles *ti, struct db_conn *c, const struct tenant *t,
                const struct actor *who,
                void (*fn)(void *arg, int64_t id, const struct field *title, enum field_level level,
                           struct value *v),
                void *arg, struct err *e)
{
    int rc = 0;
    for (int en_id = 0; rc == 0 && en_id < ENTITY_COUNT; en_id++) {
        const struct entity *en = &t->registry->entities[en_id];
        const struct field *title = &en->fields[en->title_field];
        enum field_level level = field_level(title, access_levels(who, en));
        size_t asked = 0;
        if (level == LEVEL_HIDE)
            continue;
        struct sql q = sql_new(ti->a);
        sql_addf(&q, "SELECT id, %s FROM %s WHERE id IN (", title->name, en->table);
        for (size_t i = 0; i < ti->n; i++) {
            if (ti->items[i].target != en_id)
                continue;
            if (asked++)
                sql_add(&q, ", ");
            sql_arg(&q, DB_I64(ti->items[i].id));
        }
        sql_add(&q, ")");
        access_predicate(who, en, ACCESS_READ, "", &q);
        const char *text = sql_text(&q);
        if (asked == 0)
            continue;
        struct db_rows *rows = NULL;
        rc = db_query(c, text, q.args, q.nargs, &rows, e);
        while (rc == 0 && (rc = db_step(rows, e)) > 0) {
            struct value name;
            value_from_row(title, rows, 1, &name);
            if (!title->max || title->max > LONG_TITLE)
                name.s = beginning(name.s);
            fn(arg, db_i64(rows, 0), title, level, &name);
            rc = 0;
        }
        db_rows_done(rows);
    }
    return rc;
}

struct titles_out {
    const struct tenant *t;
    struct jw *w;
};

static void write_title(void *arg, int64_t id, const struct field *title, enum field_level level,
                        struct value *v)
{
    const struct titles_out *out = arg;
    char key[24];
    struct buf b = {.p = key, .cap = sizeof key, .max = sizeof key};
    buf_add_i64(&b, id);
    jw_key_str(out->w, buf_str(&b));
    record_level_json(out->t, title, level, v, out->w);
}

int titles_write(struct titles *ti, struct db_conn *c, const struct tenant *t,
                 const struct actor *who, struct jw *w, struct err *e)
{
    struct titles_out out = {t, w};
    jw_key(w, "titles");
    jw_obj(w);
    int rc = titles_each(ti, c, t, who, write_title, &out, e);
    jw_obj_end(w);
    return rc;
}
