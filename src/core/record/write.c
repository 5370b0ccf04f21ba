/* The write side of the pipeline: create, update, delete, restore. */
#include "core/record/internal.h"

#include "core/search/search.h"

#include <string.h>

/* --- input --------------------------------------------------------------------------------- */

struct str record_pointer(struct write *w, const char *field)
{
    return arena_printf(w->a, "%s/%s", w->at ? w->at : "", field);
}

static void describe_limits(const struct field *f, struct err *e, struct err_item *item,
                            struct arena *a)
{
    if (f->max)
        err_item_param(e, item, "max", arena_printf(a, "%lld", (long long)f->max));
    if (f->has_min)
        err_item_param(e, item, "min", arena_printf(a, "%lld", (long long)f->min));
    err_item_param(e, item, "field", f->label.in[LANG_EN]);
}

/* Reads the body over `r`; every wrong field becomes an item, so that a person sees all at once. */
static int take_input(struct write *w, struct record *r, const json_t *body, struct err *e)
{
    if (!json_is_object(body)) {
        err_item(e, STR(""), "type-object");
        return err_set(e, ERR_VALIDATION, "the body is not an object");
    }
    struct parse_env env = tenant_parse_env(w->t, w->a);
    const char *name;
    json_t *in;
    const unsigned char *levels = access_levels(w->who, r->en);
    json_object_foreach((json_t *)body, name, in)
    {
        const struct field *f = entity_field(r->en, str_of(name));
        enum field_level level = f ? field_level(f, levels) : LEVEL_HIDE;
        const char *code = NULL;
        if (level == LEVEL_HIDE)
            code = "unknown-field";
        else if (f->read_only)
            code = "read-only";
        else if (level < LEVEL_EDIT)
            code = "field-not-yours";
        else if (json_is_null(in))
            r->v[f->id] = (struct value){.null = true};
        else
            code = f->type->from_json(f, in, &env, &r->v[f->id]);
        if (!code)
            continue;
        struct err_item *item = err_item(e, record_pointer(w, name), code);
        if (f && level > LEVEL_HIDE)
            describe_limits(f, e, item, w->a);
        else
            err_item_param(e, item, "field", str_of(name));
    }
    return 0;
}

/* `named`: only the fields that stand in it, NULL = all. */
static void check_required(struct write *w, const struct record *r, const json_t *named,
                           struct err *e)
{
    for (size_t i = 0; i < r->en->nfields; i++) {
        const struct field *f = &r->en->fields[i];
        if (!f->required || !r->v[i].null || f->system)
            continue;
        if (named && !json_object_get(named, f->name))
            continue;
        struct str pointer = record_pointer(w, f->name);
        bool said = false; /* what could not be read is not missing, too */
        for (const struct err_item *item = e->items; item && !said; item = item->next)
            said = str_eq(item->pointer, pointer);
        if (!said)
            err_item(e, pointer, "required");
    }
}

/* What stands above a record in its tree may not stand below it, too. */
static int check_circle(struct write *w, const struct record *r, const struct field *f,
                        struct err *e)
{
    const struct entity *en = r->en;
    int64_t found = 0;
    struct sql q = sql_new(w->a);
    sql_add(&q, "WITH RECURSIVE up(id, depth) AS (SELECT CAST(");
    sql_arg(&q, DB_I64(r->v[f->id].i));
    sql_addf(&q,
             " AS bigint), 0 UNION ALL SELECT t.%s, up.depth + 1 FROM up JOIN %s t ON "
             "t.id = up.id WHERE t.%s IS NOT NULL AND up.depth < 100) "
             "SELECT 1 FROM up WHERE id = ",
             f->name, en->table, f->name);
    sql_arg(&q, DB_I64(r->v[FIELD_ID].i));
    sql_add(&q, " LIMIT 1");
    const char *text = sql_text(&q);
    int rc = db_one_i64(w->c, text, q.args, q.nargs, 0, &found, e);
    if (rc == 0 && found)
        err_item(e, record_pointer(w, f->name), "tree-circle");
    return rc;
}

/* A link must point to a living record that the actor may see. */
static int check_links(struct write *w, const struct record *before, const struct record *r,
                       struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->en->nfields; i++) {
        const struct field *f = &r->en->fields[i];
        if (f->type->shape != SHAPE_LINK || f->target < 0 || r->v[i].null || f->read_only)
            continue;
        if (before && value_equal(f, &before->v[i], &r->v[i]))
            continue;
        const struct entity *to = &w->t->registry->entities[f->target];
        struct sql q = sql_new(w->a);
        int64_t found = 0;
        sql_addf(&q, "SELECT 1 FROM %s WHERE id = ", to->table);
        sql_arg(&q, DB_I64(r->v[i].i));
        sql_add(&q, " AND deleted_at IS NULL");
        access_predicate(w->who, to, ACCESS_READ, "", &q);
        const char *text = sql_text(&q);
        rc = db_one_i64(w->c, text, q.args, q.nargs, 0, &found, e);
        if (rc == 0 && !found)
            err_item(e, record_pointer(w, f->name), "link-not-found");
        if (rc == 0 && r->v[i].i == r->v[FIELD_ID].i)
            err_item(e, record_pointer(w, f->name), "link-to-itself");
        else if (rc == 0 && found && before && f->id == r->en->tree)
            rc = check_circle(w, r, f, e);
    }
    return rc;
}

static int check_unique(struct write *w, const struct record *before, const struct record *r,
                        struct err *e)
{
    for (size_t i = 0; i < r->en->nfields; i++) {
        const struct field *f = &r->en->fields[i];
        if (!f->unique || r->v[i].null || (before && value_equal(f, &before->v[i], &r->v[i])))
            continue;
        int64_t other = 0, seen = 0;
        struct db_value key[3];
        value_bind(f, &r->v[i], key);
        struct sql q = sql_new(w->a);
        sql_addf(&q, "SELECT id FROM %s WHERE %s = ", r->en->table, f->name);
        sql_arg(&q, key[0]);
        sql_add(&q, " AND deleted_at IS NULL");
        const char *text = sql_text(&q);
        int rc = db_one_i64(w->c, text, q.args, q.nargs, 0, &other, e);
        if (rc || !other || other == r->v[FIELD_ID].i) {
            if (rc)
                return rc;
            continue;
        }
        /* Restoring meets values that were not typed by this person. */
        if (access_level(w->who, r->en, f->id) < LEVEL_READ)
            return err_set(e, ERR_DUPLICATE, "%s.%s, unseen", r->en->name, f->name);
        struct err_item *item = err_item(e, record_pointer(w, f->name), "duplicate-value");
        err_item_param(e, item, "value", r->v[i].s);
        /* Which record it is, only to someone who may see it. */
        q = sql_new(w->a);
        sql_addf(&q, "SELECT 1 FROM %s WHERE id = ", r->en->table);
        sql_arg(&q, DB_I64(other));
        access_predicate(w->who, r->en, ACCESS_READ, "", &q);
        text = sql_text(&q);
        rc = db_one_i64(w->c, text, q.args, q.nargs, 0, &seen, e);
        if (rc)
            return rc;
        if (seen)
            err_param_i64(e, "id", other);
        return err_set(e, ERR_DUPLICATE, "%s.%s", r->en->name, f->name);
    }
    return 0;
}

/* The owner's department goes with the owner, so that scopes by department are one column. */
static int derive_department(struct write *w, const struct record *before, struct record *r,
                             struct err *e)
{
    if (!r->en->owned)
        return 0;
    const struct value *owner = &r->v[FIELD_OWNER_ID];
    if (before && value_equal(&r->en->fields[FIELD_OWNER_ID], &before->v[FIELD_OWNER_ID], owner))
        return 0;
    int64_t department = 0;
    int rc = db_one_i64(w->c, "SELECT department_id FROM users WHERE id = $1",
                        DB_ARGS(DB_ID(owner->null ? 0 : owner->i)), 0, &department, e);
    r->v[FIELD_DEPARTMENT_ID] = (struct value){.null = department == 0, .i = department};
    return rc;
}

/* --- hooks --------------------------------------------------------------------------------- */

/* Hook tables are short and sorted by hand within a feature; order counts across features. */
static int run_hooks(struct write *w, enum hook_phase phase, const struct record *before,
                     struct record *after, struct err *e)
{
    for (int order = 0; order < 10; order++) {
        for (const struct record_hook *const *table = w->t->hooks; table && *table; table++) {
            for (const struct record_hook *h = *table; h->entity >= 0; h++) {
                if ((h->entity != after->en->id && h->entity != HOOK_EVERY) || h->phase != phase ||
                    h->order != order)
                    continue;
                int rc = h->fn(w, before, after, e);
                if (rc)
                    return rc;
            }
        }
    }
    return 0;
}

/* --- rows ---------------------------------------------------------------------------------- */

static int constraint_as_duplicate(const struct record *r, int rc, struct err *e)
{
    if (rc != ERR_CONSTRAINT)
        return rc;
    return err_set(e, ERR_DUPLICATE, "%s: a constraint of the database", r->en->name);
}

static int insert_row(struct write *w, const struct record *r, struct err *e)
{
    struct db_value *args = arena_array(w->a, struct db_value, r->en->ncolumns);
    for (size_t i = 0; i < r->en->nfields; i++)
        value_bind(&r->en->fields[i], &r->v[i], &args[r->en->fields[i].column]);
    int rc = db_exec(w->c, r->en->insert_sql, args, r->en->ncolumns, NULL, e);
    return constraint_as_duplicate(r, rc, e);
}

/* An amount may be worth another sum in base currency, and be the same to people. */
static bool stored_equal(const struct field *f, const struct value *a, const struct value *b)
{
    bool money = f->type->shape == SHAPE_MONEY && !a->null && !b->null;
    return value_equal(f, a, b) && (!money || a->base == b->base);
}

/* Writes what changed, on the condition that nobody else wrote in between. */
static int update_row(struct write *w, const struct record *before, const struct record *after,
                      struct err *e)
{
    struct sql q = sql_new(w->a);
    size_t n = 0;
    sql_addf(&q, "UPDATE %s SET ", after->en->table);
    for (size_t i = 0; i < after->en->nfields; i++) {
        const struct field *f = &after->en->fields[i];
        if (stored_equal(f, &before->v[i], &after->v[i]))
            continue;
        struct db_value bound[3];
        value_bind(f, &after->v[i], bound);
        for (unsigned k = 0; k < f->ncolumns; k++) {
            sql_addf(&q, "%s%s = ", n++ ? ", " : "", after->en->columns[f->column + k]);
            sql_arg(&q, bound[k]);
        }
    }
    sql_add(&q, " WHERE id = ");
    sql_arg(&q, DB_I64(after->v[FIELD_ID].i));
    sql_add(&q, " AND version = ");
    sql_arg(&q, DB_I64(before->v[FIELD_VERSION].i));
    const char *text = sql_text(&q);
    int64_t changed = 0;
    int rc = db_exec(w->c, text, q.args, q.nargs, &changed, e);
    if (rc == 0 && changed == 0)
        return err_set(e, ERR_RETRY, "%s changed while it was written", after->en->name);
    return constraint_as_duplicate(after, rc, e);
}

/* --- history, outbox, events --------------------------------------------------------------- */

static int64_t customer_of(const struct record *r)
{
    int f = r->en->customer_field;
    return f < 0 || r->v[f].null ? 0 : r->v[f].i;
}

static struct str changes_json(struct write *w, const struct record *before,
                               const struct record *after)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw jw = jw_new(&out);
    jw_obj(&jw);
    for (size_t i = 0; i < after->en->nfields; i++) {
        const struct field *f = &after->en->fields[i];
        if (f->system && f->id != FIELD_OWNER_ID && f->id != FIELD_DEPARTMENT_ID)
            continue;
        struct value none = {.null = true}, x = before ? before->v[i] : none, y = after->v[i];
        if (value_equal(f, &x, &y))
            continue;
        jw_key(&jw, f->name);
        jw_arr(&jw);
        record_value_json(w->t, f, &x, &jw);
        record_value_json(w->t, f, &y, &jw);
        jw_arr_end(&jw);
    }
    if (w->nalong) {
        jw_key(&jw, HISTORY_ALONG);
        jw_arr(&jw);
        for (size_t i = 0; i < w->nalong; i++)
            jw_id(&jw, w->along[i]);
        jw_arr_end(&jw);
        w->nalong = 0;
    }
    jw_obj_end(&jw);
    struct str text = arena_str(w->a, buf_str(&out));
    buf_free(&out);
    return text;
}

void record_along(struct write *w, int64_t event)
{
    if (w->nalong == w->along_cap) {
        size_t cap = w->along_cap ? w->along_cap * 2 : 8;
        int64_t *grown = arena_array(w->a, int64_t, cap);
        if (w->nalong)
            memcpy(grown, w->along, w->nalong * sizeof *grown);
        w->along = grown;
        w->along_cap = cap;
    }
    w->along[w->nalong++] = event;
}

static struct str title_of(const struct record *r)
{
    struct str title = r->v[r->en->title_field].s;
    size_t max = 120;
    while (title.n > max && max && (title.p[max] & 0xc0) == 0x80)
        max--;
    return title.n > max ? str_from(title.p, max) : title;
}

struct pending_event {
    struct live *live;
    struct live_event ev;
};

static void publish(void *arg)
{
    struct pending_event *p = arg;
    live_publish(p->live, &p->ev);
}

static void tell(struct write *w, const struct record *r, const char *kind)
{
    struct arena *a = w->keep ? w->keep : w->a;
    struct pending_event *p = arena_new_of(a, struct pending_event);
    bool owned = r->en->owned;
    p->live = w->t->live;
    p->ev = (struct live_event){
        .kind = "record",
        .entity = r->en->id,
        .owner_id = owned ? r->v[FIELD_OWNER_ID].i : 0,
        .department_id = owned ? r->v[FIELD_DEPARTMENT_ID].i : 0,
        .bare = arena_printf(
            a, "{\"entity\":\"%s\",\"id\":\"%lld\",\"version\":%lld,\"kind\":\"%s\"}", r->en->name,
            (long long)r->v[FIELD_ID].i, (long long)r->v[FIELD_VERSION].i, kind)};
    p->ev.data = arena_printf(a, STR_FMT ",\"customer_id\":\"%lld\"}", (int)p->ev.bare.n - 1,
                              p->ev.bare.p, (long long)customer_of(r));
    db_after_commit(w->c, publish, p);
}

int record_note(struct write *w, const struct record *after, const char *kind, struct str changes,
                struct err *e)
{
    struct history_event ev = {
        .id = id_next(w->t->ids),
        .at = w->now,
        .actor_id = w->who->user_id,
        .actor_kind = w->who->kind,
        .kind = kind,
        .entity = after->en->name,
        .record_id = after->v[FIELD_ID].i,
        .customer_id = customer_of(after),
        .title = title_of(after),
        .changes = changes,
        .import_id = w->import_id,
    };
    w->event_id = ev.id;
    int rc = history_add(w->c, &ev, e);
    if (rc == 0)
        rc =
            db_put(w->c,
                   "INSERT INTO outbox (id, topic, entity, record_id, version, at) "
                   "VALUES ($1, $2, $3, $4, $5, $6)",
                   DB_ARGS(DB_I64(ev.id), DB_STR(str_of(kind)), DB_STR(str_of(ev.entity)),
                           DB_I64(ev.record_id), DB_I64(after->v[FIELD_VERSION].i), DB_I64(w->now)),
                   e);
    if (rc == 0 && !w->quiet)
        tell(w, after, kind);
    return rc;
}

static int note_down(struct write *w, const struct record *before, const struct record *after,
                     const char *kind, struct err *e)
{
    return record_note(w, after, kind, changes_json(w, before, after), e);
}

/* --- the four writes ----------------------------------------------------------------------- */

static int forbidden(const struct entity *en, const char *what, struct err *e)
{
    return err_set(e, ERR_FORBIDDEN, "%s %s", what, en->name);
}

/* Validation of a record about to be written; before NULL on create. */
static int settle(struct write *w, const struct record *before, struct record *after, struct err *e)
{
    int rc = w->parts ? run_hooks(w, HOOK_PARTS, before, after, e) : 0;
    check_required(w, after, NULL, e);
    if (rc == 0)
        rc = check_links(w, before, after, e);
    if (rc == 0 && e->nitems)
        rc = err_set(e, ERR_VALIDATION, "%zu fields of %s", e->nitems, after->en->name);
    if (rc == 0)
        rc = derive_department(w, before, after, e);
    if (rc == 0)
        rc = run_hooks(w, HOOK_DERIVE, before, after, e);
    if (rc == 0)
        rc = check_unique(w, before, after, e);
    return rc;
}

static int part_alone(const struct write *w, const struct entity *en, struct err *e)
{
    if (en->part_of < 0 || w->whole)
        return 0;
    return err_set(e, ERR_PART_OF_WHOLE, "%s by itself", en->name);
}

int record_draft(struct write *w, const struct entity *en, const json_t *body,
                 struct record *ret_record, struct err *e)
{
    int rc = part_alone(w, en, e);
    if (rc)
        return rc;
    if (!w->whole && !w->who->is_admin && (en->admin_writes || !w->who->on[en->id].create))
        return forbidden(en, "create", e);
    struct record r = {.en = en, .v = arena_array(w->a, struct value, en->nfields)};
    for (size_t i = 0; i < en->nfields; i++)
        r.v[i] = en->fields[i].initial;
    r.v[FIELD_ID] = (struct value){.i = id_next(w->t->ids)};
    r.v[FIELD_VERSION] = (struct value){.i = 1};
    r.v[FIELD_CREATED_AT] = r.v[FIELD_UPDATED_AT] = (struct value){.i = w->now};
    struct value me = {.null = w->who->user_id == 0, .i = w->who->user_id};
    r.v[FIELD_CREATED_BY] = r.v[FIELD_UPDATED_BY] = me;
    if (en->owned)
        r.v[FIELD_OWNER_ID] = me;
    *ret_record = r;
    rc = take_input(w, &r, body, e);
    return rc ? rc : settle(w, NULL, &r, e);
}

int record_add(struct write *w, struct record *r, struct err *e)
{
    int rc = insert_row(w, r, e);
    if (rc == 0 && w->parts)
        rc = parts_write(w, r, e);
    if (rc == 0)
        rc = run_hooks(w, HOOK_WRITTEN, NULL, r, e);
    if (rc == 0)
        rc = search_put(w->c, r->en, r->v, w->a, e);
    return rc ? rc : note_down(w, NULL, r, "create", e);
}

int record_check(struct write *w, const struct entity *en, const json_t *body, struct err *e)
{
    struct record r = {.en = en, .v = arena_array(w->a, struct value, en->nfields)};
    for (size_t i = 0; i < en->nfields; i++)
        r.v[i] = (struct value){.null = true};
    int rc = take_input(w, &r, body, e);
    if (rc == 0)
        check_required(w, &r, body, e);
    if (rc == 0)
        rc = check_links(w, NULL, &r, e);
    return rc == 0 && e->nitems ? err_set(e, ERR_VALIDATION, "fields of %s", en->name) : rc;
}

int record_create(struct write *w, const struct entity *en, const json_t *body,
                  struct record *ret_record, struct err *e)
{
    struct record r = {.en = en};
    int rc = parts_read(w, en, 0, body, &body, e);
    if (rc == 0)
        rc = record_draft(w, en, body, &r, e);
    if (rc == 0)
        rc = record_add(w, &r, e);
    w->parts = NULL;
    if (rc)
        w->nalong = 0; /* another of a batch may follow */
    else
        *ret_record = r;
    return rc;
}

static struct record copy_of(struct write *w, const struct record *r)
{
    struct record copy = {.en = r->en, .v = arena_array(w->a, struct value, r->en->nfields)};
    memcpy(copy.v, r->v, r->en->nfields * sizeof *copy.v);
    return copy;
}

static struct str as_json(struct write *w, const struct record *r)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw jw = jw_new(&out);
    record_to_json(w->t, w->who, r, &jw);
    struct str text = arena_str(w->a, buf_str(&out));
    buf_free(&out);
    return text;
}

/* Loads a record for writing: visible, writable, of the version expected. */
static int load(struct write *w, const struct entity *en, int64_t id, bool deleted,
                enum access_action action, int64_t if_match, struct record *ret_before,
                struct err *e)
{
    int rc = part_alone(w, en, e);
    if (rc == 0)
        rc = record_get(w->c, w->who, en, id, deleted, w->a, ret_before, e);
    if (rc)
        return rc;
    const struct value *v = ret_before->v;
    if (!record_may(w->who, ret_before, action))
        return forbidden(en, "write", e);
    if (if_match >= 0 && if_match != v[FIELD_VERSION].i) {
        e->current = as_json(w, ret_before);
        return err_set(e, ERR_VERSION_CONFLICT, "version %lld, not %lld",
                       (long long)v[FIELD_VERSION].i, (long long)if_match);
    }
    return 0;
}

static void touch(struct write *w, struct record *r)
{
    r->v[FIELD_VERSION].i++;
    r->v[FIELD_UPDATED_AT] = (struct value){.i = w->now};
    r->v[FIELD_UPDATED_BY] = (struct value){.null = w->who->user_id == 0, .i = w->who->user_id};
}

bool record_differs(const struct record *a, const struct record *b)
{
    for (size_t i = 0; i < a->en->nfields; i++)
        if (!value_equal(&a->en->fields[i], &a->v[i], &b->v[i]))
            return true;
    return false;
}

/* What update, delete, restore and undo share from the settled record on. */
static int finish(struct write *w, const struct record *before, struct record *after,
                  const char *kind, struct err *e)
{
    touch(w, after);
    int rc = update_row(w, before, after, e);
    if (rc == 0)
        rc = parts_follow(w, before, after, e);
    if (rc == 0 && w->parts)
        rc = parts_write(w, after, e);
    if (rc == 0)
        rc = run_hooks(w, HOOK_WRITTEN, before, after, e);
    bool gone = !after->v[FIELD_DELETED_AT].null;
    if (rc == 0)
        rc = gone ? search_drop(w->c, after->v[FIELD_ID].i, w->a, e)
                  : search_put(w->c, after->en, after->v, w->a, e);
    return rc ? rc : note_down(w, before, after, kind, e);
}

int record_replace(struct write *w, const struct record *before, struct record *after,
                   const char *kind, struct err *e)
{
    return finish(w, before, after, kind, e);
}

int record_change(struct write *w, const struct record *before, struct record *after,
                  const char *kind, struct err *e)
{
    int rc = settle(w, before, after, e);
    return rc ? rc : finish(w, before, after, kind, e);
}

int record_redraft(struct write *w, const struct entity *en, int64_t id, const json_t *body,
                   struct record *ret_before, struct record *ret_after, struct err *e)
{
    int rc = load(w, en, id, false, ACCESS_WRITE, -1, ret_before, e);
    if (rc)
        return rc;
    *ret_after = copy_of(w, ret_before);
    rc = take_input(w, ret_after, body, e);
    return rc ? rc : settle(w, ret_before, ret_after, e);
}

int record_update(struct write *w, const struct entity *en, int64_t id, const json_t *body,
                  int64_t if_match, struct record *ret_record, struct err *e)
{
    struct record before, after;
    int rc = load(w, en, id, false, ACCESS_WRITE, if_match, &before, e);
    if (rc == 0)
        rc = parts_read(w, en, id, body, &body, e);
    if (rc)
        return rc;
    after = copy_of(w, &before);
    rc = take_input(w, &after, body, e);
    if (rc == 0 && e->nitems == 0 && !parts_changed(w) && !record_differs(&before, &after)) {
        w->parts = NULL;
        *ret_record = before;
        return 0;
    }
    if (rc == 0)
        rc = record_change(w, &before, &after, "update", e);
    w->parts = NULL;
    if (rc == 0)
        *ret_record = after;
    return rc;
}

int record_delete(struct write *w, const struct entity *en, int64_t id, int64_t if_match,
                  struct err *e)
{
    struct record before, after;
    int rc = load(w, en, id, false, ACCESS_DELETE, if_match, &before, e);
    if (rc)
        return rc;
    after = copy_of(w, &before);
    after.v[FIELD_DELETED_AT] = (struct value){.i = w->now};
    after.v[FIELD_DELETED_BY] = (struct value){.null = w->who->user_id == 0, .i = w->who->user_id};
    return finish(w, &before, &after, "delete", e);
}

int record_restore(struct write *w, const struct entity *en, int64_t id, struct record *ret_record,
                   struct err *e)
{
    struct record before, after;
    int rc = load(w, en, id, true, ACCESS_DELETE, -1, &before, e);
    if (rc)
        return rc;
    after = copy_of(w, &before);
    after.v[FIELD_DELETED_AT] = after.v[FIELD_DELETED_BY] = (struct value){.null = true};
    /* What is unique may have been taken meanwhile. */
    rc = check_unique(w, NULL, &after, e);
    if (rc == 0)
        rc = finish(w, &before, &after, "restore", e);
    if (rc == 0)
        *ret_record = after;
    return rc;
}

int record_load_for_write(struct write *w, const struct entity *en, int64_t id,
                          struct record *ret_before, struct record *ret_after, struct err *e)
{
    int rc = load(w, en, id, false, ACCESS_WRITE, -1, ret_before, e);
    if (rc == 0)
        *ret_after = copy_of(w, ret_before);
    return rc;
}
