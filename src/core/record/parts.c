/* Parts: records that are written with their whole and have no life of their own, such as the lines
   of an order. */
#include "core/record/internal.h"

#include "base/ids.h"

#include <string.h>

enum { MOST_PARTS = 500 };

struct parts {
    const struct entity *en;
    struct record *after;  /* as they will be, in their order */
    struct record *before; /* .v NULL: new */
    bool *same;
    size_t n;
    int64_t *gone; /* those that the body left out */
    size_t ngone;
};

/* An entity has parts of at most one kind. */
static const struct entity *part_entity(const struct write *w, const struct entity *whole)
{
    for (int i = 0; i < ENTITY_COUNT; i++)
        if (w->t->registry->entities[i].part_of == whole->id)
            return &w->t->registry->entities[i];
    return NULL;
}

const struct record *record_parts(const struct write *w, int entity, size_t *ret_n)
{
    if (!w->parts || w->parts->en->id != entity)
        return NULL;
    *ret_n = w->parts->n;
    return w->parts->after;
}

bool parts_changed(const struct write *w)
{
    const struct parts *p = w->parts;
    bool changed = p && p->ngone;
    for (size_t i = 0; p && i < p->n; i++)
        changed |= !p->same[i];
    return changed;
}

static void give_back(void *body)
{
    json_decref(body);
}

/* One part of the body over the one that is there, or over none. */
static int read_one(struct write *w, struct parts *p, const json_t *in, int64_t place,
                    struct err *e)
{
    size_t i = p->n;
    struct value number = {.i = place};
    if (!json_is_object(in)) {
        (void)err_item(e, str_of(w->at), "type-object");
        return err_set(e, ERR_VALIDATION, "a part is not an object");
    }
    int64_t id = 0;
    struct str given = json_get_str(in, "id");
    json_t *fields = json_copy((json_t *)in);
    if (!fields)
        return err_set(e, ERR_NOMEM, "parts");
    arena_defer(w->a, give_back, fields);
    json_object_del(fields, "id");
    if (json_object_get(in, "id") && !json_is_null(json_object_get(in, "id"))) {
        bool found = id_parse(given, &id);
        for (size_t k = 0; found && k <= p->ngone; k++) {
            found = k < p->ngone;
            if (found && p->gone[k] == id) { /* named, so it stays; each only once */
                p->gone[k] = p->gone[--p->ngone];
                break;
            }
        }
        if (!found) {
            (void)err_item(e, record_pointer(w, "id"), "link-not-found");
            return err_set(e, ERR_VALIDATION, "no such part");
        }
        int rc = record_redraft(w, p->en, id, fields, &p->before[i], &p->after[i], e);
        if (rc)
            return rc;
        p->after[i].v[p->en->part_place] = number;
        p->same[i] = !record_differs(&p->before[i], &p->after[i]);
        return 0;
    }
    int rc = record_draft(w, p->en, fields, &p->after[i], e);
    if (rc == 0)
        p->after[i].v[p->en->part_place] = number;
    return rc;
}

static int read_there(struct write *w, struct parts *p, int64_t whole, struct err *e)
{
    struct db_rows *rows = NULL;
    struct sql q = sql_new(w->a);
    sql_addf(&q, "SELECT id FROM %s WHERE %s = ", p->en->table,
             p->en->fields[p->en->part_link].name);
    sql_arg(&q, DB_I64(whole));
    sql_addf(&q, " AND deleted_at IS NULL LIMIT %d", MOST_PARTS);
    const char *text = sql_text(&q);
    int rc = whole ? db_query(w->c, text, q.args, q.nargs, &rows, e) : 0;
    while (rows && rc == 0 && (rc = db_step(rows, e)) > 0) {
        p->gone[p->ngone++] = db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    return rc;
}

static int read_all(struct write *w, const struct entity *en, int64_t whole, const json_t *list,
                    struct parts **ret_parts, struct err *e)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > MOST_PARTS) {
        (void)err_item(e, arena_printf(w->a, "/%s", en->part_key), "value-count");
        return err_set(e, ERR_VALIDATION, "parts");
    }
    struct parts *p = arena_new_of(w->a, struct parts);
    *p = (struct parts){.en = en,
                        .after = arena_array(w->a, struct record, n + 1),
                        .before = arena_array(w->a, struct record, n + 1),
                        .same = arena_array(w->a, bool, n + 1),
                        .gone = arena_array(w->a, int64_t, MOST_PARTS)};
    memset(p->before, 0, (n + 1) * sizeof *p->before);
    memset(p->same, 0, (n + 1) * sizeof *p->same);
    int rc = read_there(w, p, whole, e);
    w->whole = true;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        w->at = arena_printf(w->a, "/%s/%zu", en->part_key, i).p;
        rc = read_one(w, p, json_array_get(list, i), (int64_t)i + 1, e);
        if (rc == 0)
            p->n++;
        if (rc == ERR_VALIDATION)
            rc = 0; /* said as items; the others are looked at, too */
    }
    w->whole = false;
    w->at = NULL;
    *ret_parts = p;
    return rc;
}

int parts_read(struct write *w, const struct entity *en, int64_t whole, const json_t *body,
               const json_t **ret_body, struct err *e)
{
    const struct entity *part = part_entity(w, en);
    const json_t *list = part ? json_object_get(body, part->part_key) : NULL;
    *ret_body = body;
    w->parts = NULL;
    if (!list)
        return 0;
    json_t *rest = json_copy((json_t *)body); /* the body is read again when the job is */
    if (!rest)
        return err_set(e, ERR_NOMEM, "parts");
    arena_defer(w->a, give_back, rest);
    json_object_del(rest, part->part_key);
    *ret_body = rest;
    return read_all(w, part, whole, list, &w->parts, e);
}

static void belong(const struct record *whole, const struct entity *en, struct record *part)
{
    part->v[en->part_link] = (struct value){.i = whole->v[FIELD_ID].i};
    if (!en->owned)
        return;
    part->v[FIELD_OWNER_ID] = whole->v[FIELD_OWNER_ID];
    part->v[FIELD_DEPARTMENT_ID] = whole->v[FIELD_DEPARTMENT_ID];
}

int parts_write(struct write *w, const struct record *whole, struct err *e)
{
    struct parts *p = w->parts;
    int64_t *events = arena_array(w->a, int64_t, p->n + p->ngone + 1);
    size_t n = 0;
    int rc = 0;
    w->parts = NULL;
    w->whole = true;
    for (size_t i = 0; rc == 0 && i < p->ngone; i++) {
        rc = record_delete(w, p->en, p->gone[i], -1, e);
        events[n++] = w->event_id;
    }
    for (size_t i = 0; rc == 0 && i < p->n; i++) {
        if (p->same[i])
            continue;
        belong(whole, p->en, &p->after[i]);
        rc = p->before[i].v ? record_replace(w, &p->before[i], &p->after[i], "update", e)
                            : record_add(w, &p->after[i], e);
        events[n++] = w->event_id;
    }
    for (size_t i = 0; i < n; i++) /* only now: each part's own event would have taken them */
        record_along(w, events[i]);
    w->whole = false;
    return rc;
}

int parts_follow(struct write *w, const struct record *before, const struct record *after,
                 struct err *e)
{
    const struct entity *part = part_entity(w, after->en);
    const struct value *was = before->v, *is = after->v;
    bool trash = was[FIELD_DELETED_AT].null != is[FIELD_DELETED_AT].null;
    bool owner =
        part && part->owned && after->en->owned &&
        !value_equal(&after->en->fields[FIELD_OWNER_ID], &was[FIELD_OWNER_ID], &is[FIELD_OWNER_ID]);
    if (!part || (!trash && !owner))
        return 0;
    struct sql q = sql_new(w->a);
    sql_addf(&q, "UPDATE %s SET deleted_at = ", part->table);
    sql_arg(&q, DB_ID(is[FIELD_DELETED_AT].null ? 0 : is[FIELD_DELETED_AT].i));
    if (part->owned) {
        sql_add(&q, ", owner_id = ");
        sql_arg(&q, DB_ID(is[FIELD_OWNER_ID].null ? 0 : is[FIELD_OWNER_ID].i));
        sql_add(&q, ", department_id = ");
        sql_arg(&q, DB_ID(is[FIELD_DEPARTMENT_ID].null ? 0 : is[FIELD_DEPARTMENT_ID].i));
    }
    sql_addf(&q, " WHERE %s = ", part->fields[part->part_link].name);
    sql_arg(&q, DB_I64(is[FIELD_ID].i));
    /* Those that were deleted before their whole stay so when it comes back. */
    if (was[FIELD_DELETED_AT].null) {
        sql_add(&q, " AND deleted_at IS NULL");
    } else {
        sql_add(&q, " AND deleted_at = ");
        sql_arg(&q, DB_I64(was[FIELD_DELETED_AT].i));
    }
    const char *text = sql_text(&q);
    return db_exec(w->c, text, q.args, q.nargs, NULL, e);
}
