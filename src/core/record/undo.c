/* Undo: a compensating event through the same pipeline. */
#include "core/record/internal.h"

#include "base/ids.h"

#include <stdlib.h>
#include <string.h>

static struct str field_json(struct write *w, const struct field *f, const struct value *v)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw jw = jw_new(&out);
    struct value copy = *v;
    record_value_json(w->t, f, &copy, &jw);
    struct str text = arena_str(w->a, buf_str(&out));
    buf_free(&out);
    return text;
}

static void write_json(const json_t *v, struct jw *w)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    jw_raw(w, text ? str_of(text) : STR("null"));
    free(text);
}

/* Reads a value of the event back into the form it has in memory. */
static const char *value_of(struct write *w, const struct field *f, const json_t *in,
                            struct value *ret)
{
    struct parse_env env = tenant_parse_env(w->t, w->a);
    if (json_is_null(in)) {
        *ret = (struct value){.null = true};
        return NULL;
    }
    /* A field in base currency writes itself as money; it reads back from the amount alone. */
    return f->type->from_json(f, in, &env, ret);
}

/* Puts each field back to `before` where it still is `after`; the others become conflicts. */
static int put_back(struct write *w, const json_t *changes, const struct record *now,
                    struct record *after, struct err *e)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw jw = jw_new(&out);
    size_t conflicts = 0;
    const char *name;
    json_t *pair;
    jw_arr(&jw);
    json_object_foreach((json_t *)changes, name, pair)
    {
        const struct field *f = entity_field(now->en, str_of(name));
        struct value was, made;
        if (!f || f->read_only || value_of(w, f, json_array_get(pair, 0), &was) ||
            value_of(w, f, json_array_get(pair, 1), &made))
            continue; /* a field that is gone, or the program's own */
        if (value_equal(f, &now->v[f->id], &made)) {
            after->v[f->id] = was;
            continue;
        }
        if (value_equal(f, &now->v[f->id], &was))
            continue;
        conflicts++;
        jw_obj(&jw);
        jw_kcstr(&jw, "field", name);
        jw_key(&jw, "before");
        write_json(json_array_get(pair, 0), &jw);
        jw_key(&jw, "after");
        write_json(json_array_get(pair, 1), &jw);
        jw_key(&jw, "current");
        jw_raw(&jw, field_json(w, f, &now->v[f->id]));
        jw_obj_end(&jw);
    }
    jw_arr_end(&jw);
    if (conflicts) {
        e->current = arena_str(w->a, buf_str(&out));
        buf_free(&out);
        return err_set(e, ERR_UNDO_CONFLICT, "%zu fields were changed since", conflicts);
    }
    buf_free(&out);
    return 0;
}

/* What was written along with an event is taken back first, newest first. */
static int undo_along(struct write *w, const json_t *changes, struct err *e)
{
    const json_t *along = json_object_get(changes, HISTORY_ALONG);
    bool whole = w->whole;
    int rc = 0;
    w->whole = true;
    for (size_t i = json_array_size(along); rc == 0 && i-- > 0;) {
        const json_t *in = json_array_get(along, i);
        struct record r;
        int64_t id = 0;
        if (id_parse(str_from(json_string_value(in), json_string_length(in)), &id))
            rc = record_undo(w, id, &r, e);
    }
    w->whole = whole;
    return rc;
}

static int undo_update(struct write *w, const struct entity *en, const struct history_event *ev,
                       struct record *ret, struct err *e)
{
    struct record now, after;
    json_t *changes;
    int rc = json_read(w->a, ev->changes, &changes, e);
    if (rc == 0)
        rc = undo_along(w, changes, e);
    if (rc == 0)
        rc = record_load_for_write(w, en, ev->record_id, &now, &after, e);
    if (rc == 0 && !history_may_undo(w->who, en, changes))
        rc = err_set(e, ERR_FORBIDDEN, "fields of %s", en->name);
    if (rc == 0)
        rc = put_back(w, changes, &now, &after, e);
    if (rc == 0)
        rc = record_change(w, &now, &after, "undo", e);
    if (rc == 0)
        *ret = after;
    return rc;
}

static int undo_create(struct write *w, const struct entity *en, const struct history_event *ev,
                       struct record *ret, struct err *e)
{
    int rc = record_delete(w, en, ev->record_id, -1, e);
    return rc ? rc : record_get(w->c, w->who, en, ev->record_id, true, w->a, ret, e);
}

static int undo_delete(struct write *w, const struct entity *en, const struct history_event *ev,
                       struct record *ret, struct err *e)
{
    return record_restore(w, en, ev->record_id, ret, e);
}

static const struct {
    const char *kind;
    int (*fn)(struct write *w, const struct entity *en, const struct history_event *ev,
              struct record *ret, struct err *e);
} undos[] = {{"update", undo_update},
             {"create", undo_create},
             {"delete", undo_delete},
             {"restore", undo_create}};

int record_undo(struct write *w, int64_t event_id, struct record *ret_record, struct err *e)
{
    struct history_event ev;
    struct record seen;
    int64_t undone_by = 0;
    int rc = history_get(w->c, w->t->registry, event_id, w->a, &ev, &undone_by, e);
    if (rc)
        return rc;
    const struct entity *en = registry_entity(w->t->registry, str_of(ev.entity));
    /* Whoever may not see the record knows of no event either. */
    if (record_get(w->c, w->who, en, ev.record_id, false, w->a, &seen, e) != 0 &&
        (rc = record_get(w->c, w->who, en, ev.record_id, true, w->a, &seen, e)) != 0)
        return rc;
    err_clear(e);
    if (undone_by)
        return err_set(e, ERR_STATE_CONFLICT, "undone already");
    for (size_t i = 0; i < sizeof undos / sizeof undos[0]; i++) {
        if (strcmp(ev.kind, undos[i].kind) != 0)
            continue;
        rc = undos[i].fn(w, en, &ev, ret_record, e);
        return rc ? rc : history_mark_undone(w->c, event_id, w->event_id, e);
    }
    return err_set(e, ERR_STATE_CONFLICT, "a %s is not undone this way", ev.kind);
}
