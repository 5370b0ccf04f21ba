#include "core/history/history.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                    \
    "id, at, actor_id, actor_kind, kind, entity, record_id, customer_id, title, changes, "         \
    "undo_of, "                                                                                    \
    "import_id, undone_by"

int history_add(struct db_conn *c, const struct history_event *ev, struct err *e)
{
    return db_put(c,
                  "INSERT INTO history (id, at, actor_id, actor_kind, kind, entity, record_id, "
                  "customer_id, title, changes, undo_of, import_id) "
                  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                  DB_ARGS(DB_I64(ev->id), DB_I64(ev->at), DB_ID(ev->actor_id),
                          DB_STR(str_of(ev->actor_kind)), DB_STR(str_of(ev->kind)),
                          DB_STR(str_of(ev->entity)), DB_ID(ev->record_id), DB_ID(ev->customer_id),
                          DB_STR(ev->title), DB_STR(ev->changes), DB_ID(ev->undo_of),
                          DB_ID(ev->import_id)),
                  e);
}

static void from_row(const struct db_rows *rows, struct arena *a, struct history_event *ev,
                     int64_t *undone_by)
{
    *ev = (struct history_event){
        .id = db_i64(rows, 0),
        .at = db_i64(rows, 1),
        .actor_id = db_i64(rows, 2),
        .actor_kind = arena_cstr(a, db_str(rows, 3)),
        .kind = arena_cstr(a, db_str(rows, 4)),
        .entity = arena_cstr(a, db_str(rows, 5)),
        .record_id = db_i64(rows, 6),
        .customer_id = db_i64(rows, 7),
        .title = arena_str(a, db_str(rows, 8)),
        .changes = arena_str(a, db_str(rows, 9)),
        .undo_of = db_i64(rows, 10),
        .import_id = db_i64(rows, 11),
    };
    *undone_by = db_i64(rows, 12);
}

int history_get(struct db_conn *c, const struct registry *r, int64_t id, struct arena *a,
                struct history_event *ret_event, int64_t *ret_undone_by, struct err *e)
{
    struct db_rows *rows = NULL;
    int rc =
        db_query(c, "SELECT " COLUMNS " FROM history WHERE id = $1", DB_ARGS(DB_I64(id)), &rows, e);
    if (rc)
        return rc;
    rc = db_step(rows, e);
    if (rc > 0)
        from_row(rows, a, ret_event, ret_undone_by);
    db_rows_done(rows);
    if (rc == 0 || (rc > 0 && !registry_entity(r, str_of(ret_event->entity))))
        return err_set(e, ERR_NOT_FOUND, "event %lld", (long long)id);
    return rc < 0 ? rc : 0;
}

int history_mark_undone(struct db_conn *c, int64_t id, int64_t by, struct err *e)
{
    return db_exec(c, "UPDATE history SET undone_by = $1 WHERE id = $2",
                   DB_ARGS(DB_I64(by), DB_I64(id)), NULL, e);
}

/* --- listing ------------------------------------------------------------------------------------
 */

struct page {
    struct history_event *events;
    int64_t *undone_by;
    bool *visible;
    size_t n;
};

/* Which of the page's records of one entity the actor may see; the deleted ones included. */
static int mark_visible(struct db_conn *c, const struct actor *who, const struct entity *en,
                        const struct history_query *hq, struct arena *a, struct page *p,
                        struct err *e)
{
    /* That something belongs to this customer is the value of a field, too. */
    if (hq->customer_id && en->customer_field >= 0 &&
        access_level(who, en, en->customer_field) < LEVEL_READ)
        return 0;
    struct sql q = sql_new(a);
    size_t asked = 0;
    sql_addf(&q, "SELECT id FROM %s WHERE id IN (", en->table);
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->events[i].entity, en->name) != 0)
            continue;
        if (asked++)
            sql_add(&q, ", ");
        sql_arg(&q, DB_I64(p->events[i].record_id));
    }
    sql_add(&q, ")");
    access_predicate(who, en, ACCESS_READ, "", &q);
    const char *text = sql_text(&q);
    if (asked == 0)
        return 0;
    struct db_rows *rows = NULL;
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        int64_t id = db_i64(rows, 0);
        for (size_t i = 0; i < p->n; i++)
            p->visible[i] |=
                p->events[i].record_id == id && strcmp(p->events[i].entity, en->name) == 0;
        rc = 0;
    }
    db_rows_done(rows);
    return rc;
}

bool history_may_undo(const struct actor *who, const struct entity *en, const json_t *changes)
{
    const unsigned char *levels = access_levels(who, en);
    const char *name;
    json_t *pair;
    json_object_foreach((json_t *)changes, name, pair)
    {
        const struct field *f = levels ? entity_field(en, str_of(name)) : NULL;
        if (f && !f->read_only && field_level(f, levels) < LEVEL_EDIT)
            return false;
    }
    return true;
}

static bool can_undo(const struct actor *who, const struct entity *en,
                     const struct history_event *ev, struct arena *a)
{
    json_t *changes = NULL;
    struct err unread = {0};
    if (en && access_levels(who, en) && strcmp(ev->kind, "update") == 0 && ev->changes.n &&
        (json_read(a, ev->changes, &changes, &unread) || !history_may_undo(who, en, changes)))
        return false;
    static const char *const kinds[] = {"create", "update", "delete", "restore"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(ev->kind, kinds[i]) == 0)
            return true;
    return false;
}

static void write_side(const struct field *f, enum field_level level, const json_t *in,
                       struct jw *w)
{
    if (level == LEVEL_MASK) {
        struct value v = {.null = json_is_null(in),
                          .s = str_from(json_string_value(in), json_string_length(in))};
        value_mask_json(f, &v, w);
        return;
    }
    char *text = json_dumps(in, JSON_ENCODE_ANY | JSON_COMPACT);
    jw_raw(w, text ? str_of(text) : STR("null"));
    free(text);
}

static void write_changes(const struct actor *who, const struct entity *en, struct str changes,
                          struct arena *a, struct jw *w)
{
    const unsigned char *levels = en ? access_levels(who, en) : NULL;
    json_t *root;
    struct err ignored = {0};
    jw_key(w, "changes");
    jw_arr(w);
    if (changes.n && json_read(a, changes, &root, &ignored) == 0) {
        const char *name;
        json_t *pair;
        json_object_foreach(root, name, pair)
        {
            const struct field *f = en ? entity_field(en, str_of(name)) : NULL;
            /* Settings are no fields; nobody but an administrator is shown them. */
            bool file =
                strcmp(name, HISTORY_FILE) == 0; /* whoever sees the record sees its files */
            enum field_level level = f                      ? field_level(f, levels)
                                     : file                 ? LEVEL_READ
                                     : !en && who->is_admin ? LEVEL_READ
                                                            : LEVEL_HIDE;
            if (level == LEVEL_HIDE || !json_is_array(pair)) /* an import's are counts */
                continue;
            jw_obj(w);
            jw_kcstr(w, "field", name);
            for (size_t side = 0; side < 2; side++) {
                jw_key(w, side ? "after" : "before");
                write_side(f, level, json_array_get(pair, side), w);
            }
            jw_obj_end(w);
        }
    }
    jw_arr_end(w);
}

/* What the record was called then, as far as this person may know. */
static void write_title(const struct actor *who, const struct entity *en, struct str title,
                        struct jw *w)
{
    enum field_level level = en ? access_level(who, en, en->title_field) : LEVEL_EDIT;
    struct value v = {.null = !title.p || level == LEVEL_HIDE, .s = title};
    jw_key(w, "title");
    if (level == LEVEL_MASK)
        value_mask_json(&en->fields[en->title_field], &v, w);
    else if (v.null)
        jw_null(w);
    else
        jw_str(w, title);
}

static int write_event(struct db_conn *c, const struct tenant *t, const struct actor *who,
                       const struct history_event *ev, int64_t undone_by, struct arena *a,
                       struct jw *w, struct err *e)
{
    const struct entity *en = registry_entity(t->registry, str_of(ev->entity));
    struct db_rows *rows = NULL;
    struct str actor = STR_NULL;
    int rc = db_query(c, "SELECT name FROM users WHERE id = $1", DB_ARGS(DB_I64(ev->actor_id)),
                      &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0)
        actor = arena_str(a, db_str(rows, 0));
    db_rows_done(rows);
    if (rc < 0)
        return rc;
    jw_obj(w);
    jw_kid(w, "id", ev->id);
    jw_ki64(w, "at", ev->at);
    jw_kcstr(w, "kind", ev->kind);
    jw_key(w, "actor");
    jw_obj(w);
    jw_kid(w, "id", ev->actor_id);
    jw_kstr(w, "name", actor);
    jw_kcstr(w, "kind", ev->actor_kind);
    jw_obj_end(w);
    jw_kcstr(w, "entity", ev->entity);
    jw_kid(w, "record_id", ev->record_id);
    write_title(who, en, ev->title, w);
    write_changes(who, en, ev->changes, a, w);
    jw_kbool(w, "undoable", can_undo(who, en, ev, a) && !undone_by);
    jw_kid(w, "undone_by", undone_by);
    jw_kid(w, "undo_of", ev->undo_of);
    jw_obj_end(w);
    return 0;
}

static int read_page(struct db_conn *c, const struct history_query *q, struct arena *a,
                     struct page *p, struct err *e)
{
    struct db_rows *rows = NULL;
    int64_t before = q->before ? q->before : INT64_MAX;
    int rc =
        q->record_id
            ? db_query(c,
                       "SELECT " COLUMNS " FROM history WHERE record_id = $1 AND id < $2 AND "
                       "kind <> '" HISTORY_TAKEN "' ORDER BY id DESC LIMIT $3",
                       DB_ARGS(DB_I64(q->record_id), DB_I64(before), DB_I64(q->limit + 1)), &rows,
                       e)
            : db_query(c,
                       "SELECT " COLUMNS " FROM history WHERE customer_id = $1 AND id < $2 AND "
                       "kind <> '" HISTORY_TAKEN "' ORDER BY id DESC LIMIT $3",
                       DB_ARGS(DB_I64(q->customer_id), DB_I64(before), DB_I64(q->limit + 1)), &rows,
                       e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        from_row(rows, a, &p->events[p->n], &p->undone_by[p->n]);
        p->n++;
        rc = 0;
    }
    db_rows_done(rows);
    return rc;
}

/* Records that an import made have no event of their own: its event is where their history begins.
 */
static int add_import(struct db_conn *c, const struct history_query *q, struct arena *a,
                      struct page *p, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!q->import_id)
        return 0;
    int rc = db_query(c,
                      "SELECT " COLUMNS " FROM history WHERE record_id = $1 AND kind = 'import' "
                      "AND id < $2 LIMIT 1",
                      DB_ARGS(DB_I64(q->import_id), DB_I64(q->before ? q->before : INT64_MAX)),
                      &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0) {
        from_row(rows, a, &p->events[p->n], &p->undone_by[p->n]);
        p->events[p->n].changes = STR_NULL; /* counts of the whole import, not of this record */
        p->visible[p->n++] = true;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

int history_list(struct db_conn *c, const struct tenant *t, const struct actor *who,
                 const struct history_query *q, struct arena *a, struct jw *w, struct err *e)
{
    struct page p = {.events = arena_array(a, struct history_event, q->limit + 2),
                     .undone_by = arena_array(a, int64_t, q->limit + 2),
                     .visible = arena_array(a, bool, q->limit + 2)};
    int rc = read_page(c, q, a, &p, e);
    bool more = p.n > q->limit;
    if (more)
        p.n = q->limit;
    if (rc == 0 && !more)
        rc = add_import(c, q, a, &p, e);
    for (int i = 0; rc == 0 && i < ENTITY_COUNT; i++)
        rc = mark_visible(c, who, &t->registry->entities[i], q, a, &p, e);
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    for (size_t i = 0; rc == 0 && i < p.n; i++)
        if (p.visible[i])
            rc = write_event(c, t, who, &p.events[i], p.undone_by[i], a, w, e);
    jw_arr_end(w);
    jw_kid(w, "next", more && p.n ? p.events[p.n - 1].id : 0);
    jw_obj_end(w);
    return rc;
}

/* --- audit --------------------------------------------------------------------------------------
 */

int history_note(struct db_conn *c, struct tenant *t, const struct actor *who, const char *kind,
                 const char *entity, int64_t record_id, struct str title, struct str changes,
                 struct err *e)
{
    struct history_event ev = {.id = id_next(t->ids),
                               .at = clock_now_ms(),
                               .actor_id = who->user_id,
                               .actor_kind = who->kind,
                               .kind = kind,
                               .entity = entity,
                               .record_id = record_id,
                               .title = title,
                               .changes = changes};
    struct db_rows *rows = NULL;
    int rc = 0;
    if (!title.p && record_id) {
        rc = db_query(c, "SELECT name FROM users WHERE id = $1", DB_ARGS(DB_I64(record_id)), &rows,
                      e);
        if (rc == 0 && (rc = db_step(rows, e)) > 0)
            ev.title = db_str(rows, 0);
    }
    /* The name is borrowed from the row, which stands until the event is written. */
    rc = rc < 0 ? rc : history_add(c, &ev, e);
    db_rows_done(rows);
    return rc;
}

enum { DAY_MS = 86400000 };

static void audit_where(const struct audit_query *aq, struct sql *q)
{
    sql_add(q, " FROM history WHERE id < ");
    sql_arg(q, DB_I64(aq->before ? aq->before : INT64_MAX));
    const struct {
        const char *column;
        int64_t id;
    } ids[] = {{"actor_id", aq->actor_id}, {"record_id", aq->record_id}};
    const struct {
        const char *column;
        struct str text;
    } texts[] = {{"entity", aq->entity}, {"kind", aq->kind}};
    for (size_t i = 0; i < 2; i++) {
        if (ids[i].id) {
            sql_addf(q, " AND %s = ", ids[i].column);
            sql_arg(q, DB_I64(ids[i].id));
        }
        if (texts[i].text.n) {
            sql_addf(q, " AND %s = ", texts[i].column);
            sql_arg(q, DB_STR(texts[i].text));
        }
    }
    if (aq->from) {
        /* Keys grow with time, so that the walk ends there; a day of slack for clocks set back. */
        sql_add(q, " AND id >= ");
        sql_arg(q, DB_I64(id_floor(aq->from - DAY_MS)));
        sql_add(q, " AND at >= ");
        sql_arg(q, DB_I64(aq->from));
    }
    if (aq->to) {
        sql_add(q, " AND at < ");
        sql_arg(q, DB_I64(aq->to));
    }
}

int history_audit_count(struct db_conn *c, const struct audit_query *q, struct arena *a,
                        int64_t *ret_n, struct err *e)
{
    struct sql sql = sql_new(a);
    sql_add(&sql, "SELECT count(*)");
    audit_where(q, &sql);
    const char *text = sql_text(&sql);
    return db_one_i64(c, text, sql.args, sql.nargs, 0, ret_n, e);
}

int history_audit_read(struct db_conn *c, const struct audit_query *q, struct arena *a,
                       struct history_event *ret_events, int64_t *ret_undone_by, size_t *ret_n,
                       struct err *e)
{
    struct sql sql = sql_new(a);
    struct db_rows *rows = NULL;
    int64_t undone_by;
    size_t n = 0;
    sql_add(&sql, "SELECT " COLUMNS);
    audit_where(q, &sql);
    sql_addf(&sql, " ORDER BY id DESC LIMIT %u", q->limit + 1);
    const char *text = sql_text(&sql);
    int rc = db_query(c, text, sql.args, sql.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        from_row(rows, a, &ret_events[n], ret_undone_by ? &ret_undone_by[n] : &undone_by);
        n++;
        rc = 0;
    }
    db_rows_done(rows);
    *ret_n = n;
    return rc;
}

int history_audit(struct db_conn *c, const struct tenant *t, const struct actor *who,
                  const struct audit_query *q, struct arena *a, struct jw *w, struct err *e)
{
    struct page p = {.events = arena_array(a, struct history_event, q->limit + 1),
                     .undone_by = arena_array(a, int64_t, q->limit + 1)};
    int rc = history_audit_read(c, q, a, p.events, p.undone_by, &p.n, e);
    bool more = p.n > q->limit;
    size_t n = more ? q->limit : p.n;
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = write_event(c, t, who, &p.events[i], p.undone_by[i], a, w, e);
    jw_arr_end(w);
    jw_kid(w, "next", more ? p.events[n - 1].id : 0);
    jw_obj_end(w);
    return rc;
}
