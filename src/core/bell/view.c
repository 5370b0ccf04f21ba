/* The list behind the bell, and what a person wants to hear of. */
#include "core/bell/internal.h"

#include <string.h>

/* Rows of one's own about records that one still may see, and that still stand. */
static void mine(struct sql *q, const struct tenant *t, const struct actor *who, bool unread)
{
    sql_add(q, "n.user_id = ");
    sql_arg(q, DB_I64(who->user_id));
    if (unread)
        sql_add(q, " AND n.read_at IS NULL");
    access_any_predicate(who, t->registry, "n.", q);
    access_any_standing(t->registry, "n.", q);
}

int bell_unread(struct db_conn *c, const struct tenant *t, const struct actor *who, struct arena *a,
                int64_t *ret_n, struct err *e)
{
    struct sql q = sql_new(a);
    sql_add(&q, "SELECT count(*) FROM (SELECT 1 FROM notification n WHERE ");
    mine(&q, t, who, true);
    sql_addf(&q, " LIMIT %d) x", BELL_MOST_COUNTED);
    const char *text = sql_text(&q);
    return db_one_i64(c, text, q.args, q.nargs, 0, ret_n, e);
}

static void write_fields(const struct actor *who, const struct entity *en, struct str fields,
                         struct jw *w)
{
    struct str one;
    jw_key(w, "fields");
    jw_arr(w);
    while (en && str_split(&fields, ',', &one)) {
        const struct field *f = entity_field(en, one);
        if (f && access_level(who, en, f->id) > LEVEL_HIDE)
            jw_str(w, one);
    }
    jw_arr_end(w);
}

static void write_item(const struct tenant *t, const struct actor *who, const struct db_rows *rows,
                       struct titles *titles, struct jw *w)
{
    struct str name = db_str(rows, 2);
    const struct entity *en = name.n ? registry_entity(t->registry, name) : NULL;
    int64_t record = db_i64(rows, 3), customer = db_i64(rows, 4), by = db_i64(rows, 5);
    jw_obj(w);
    jw_kid(w, "id", db_i64(rows, 0));
    jw_kstr(w, "kind", db_str(rows, 1));
    jw_kcstr(w, "entity", en ? en->name : NULL);
    jw_kid(w, "record_id", record);
    jw_kid(w, "customer_id", customer);
    jw_kid(w, "by_id", by);
    jw_ki64(w, "at", db_i64(rows, 6));
    jw_kbool(w, "read", !db_is_null(rows, 7));
    jw_ki64(w, "times", db_i64(rows, 8));
    write_fields(who, en, db_str(rows, 9), w);
    if (!en && !db_is_null(rows, 10)) {
        jw_key(w, "job");
        jw_obj(w);
        jw_kstr(w, "kind", db_str(rows, 10));
        jw_kstr(w, "title", db_str(rows, 11));
        jw_kstr(w, "state", db_str(rows, 12));
        jw_obj_end(w);
    }
    jw_obj_end(w);
    if (en)
        titles_add(titles, en->id, record);
    if (customer)
        titles_add(titles, ENTITY_CUSTOMER, customer);
    if (by)
        titles_add(titles, ENTITY_USER, by);
}

int bell_list(struct db_conn *c, const struct tenant *t, const struct actor *who, int64_t before,
              bool unread, unsigned limit, struct arena *a, struct jw *w, struct err *e)
{
    struct db_rows *rows = NULL;
    struct titles titles = {.a = a};
    struct sql q = sql_new(a);
    unsigned n = 0;
    int64_t last = 0;
    bool more = false;
    sql_add(&q, "SELECT n.id, n.kind, n.entity, n.record_id, n.customer_id, n.by_id, n.at, "
                "n.read_at, n.times, n.fields, j.kind, j.title, j.state FROM notification n "
                "LEFT JOIN job j ON j.id = n.record_id AND n.entity IS NULL WHERE ");
    mine(&q, t, who, unread);
    sql_add(&q, " AND n.id < ");
    sql_arg(&q, DB_I64(before ? before : INT64_MAX));
    sql_addf(&q, " ORDER BY n.id DESC LIMIT %u", limit + 1);
    const char *text = sql_text(&q);
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        rc = 0;
        more = n == limit;
        if (more)
            break;
        write_item(t, who, rows, &titles, w);
        last = db_i64(rows, 0);
        n++;
    }
    db_rows_done(rows);
    jw_arr_end(w);
    if (rc == 0)
        rc = titles_write(&titles, c, t, who, w, e);
    jw_kid(w, "next", more ? last : 0);
    jw_obj_end(w);
    return rc;
}

int bell_read(struct write *w, int64_t id, int64_t until, struct err *e)
{
    int64_t changed = 0;
    int rc =
        id ? db_exec(w->c,
                     "UPDATE notification SET read_at = $1 WHERE id = $2 AND user_id = $3 AND "
                     "read_at IS NULL",
                     DB_ARGS(DB_I64(w->now), DB_I64(id), DB_I64(w->who->user_id)), &changed, e)
           : db_exec(w->c,
                     "UPDATE notification SET read_at = $1 WHERE user_id = $2 AND id <= $3 AND "
                     "read_at IS NULL",
                     DB_ARGS(DB_I64(w->now), DB_I64(w->who->user_id), DB_I64(until)), &changed, e);
    if (rc == 0 && changed)
        bell_tell(w->c, w->t, w->keep ? w->keep : w->a, w->who->user_id);
    return rc;
}

/* --- wishes ------------------------------------------------------------------------------------
 */

int bell_wishes(struct db_conn *c, const struct actor *who, struct jw *w, struct err *e)
{
    bool off[BELL_KINDS] = {false};
    struct db_rows *rows = NULL;
    int rc = db_query(c, "SELECT kind FROM bell_off WHERE user_id = $1",
                      DB_ARGS(DB_I64(who->user_id)), &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        for (int k = 0; k < BELL_KINDS; k++)
            off[k] |= str_is(db_str(rows, 0), bell_kinds[k].name);
        rc = 0;
    }
    db_rows_done(rows);
    jw_obj(w);
    for (int k = 0; k < BELL_KINDS; k++)
        if (bell_kinds[k].wish == (enum bell_kind)k)
            jw_kbool(w, bell_kinds[k].name, !off[k]);
    jw_obj_end(w);
    return rc;
}

static int one_wish(struct write *w, const char *name, const json_t *in, struct err *e)
{
    int k = 0;
    while (k < BELL_KINDS &&
           (bell_kinds[k].wish != (enum bell_kind)k || strcmp(bell_kinds[k].name, name) != 0))
        k++;
    const char *code = k == BELL_KINDS ? "unknown-field" : json_is_boolean(in) ? NULL : "boolean";
    if (code) {
        struct err_item *item = err_item(e, arena_printf(w->a, "/%s", name), code);
        err_item_param(e, item, "field", str_of(name));
        return err_set(e, ERR_VALIDATION, "wish %s", name);
    }
    return db_exec(w->c,
                   json_is_true(in) ? "DELETE FROM bell_off WHERE user_id = $1 AND kind = $2"
                                    : "INSERT INTO bell_off (user_id, kind) VALUES ($1, $2) "
                                      "ON CONFLICT DO NOTHING",
                   DB_ARGS(DB_I64(w->who->user_id), DB_STR(str_of(name))), NULL, e);
}

int bell_wish(struct write *w, const json_t *in, struct err *e)
{
    const char *name;
    json_t *v;
    int rc = 0;
    json_object_foreach((json_t *)in, name, v)
    {
        rc = one_wish(w, name, v, e);
        if (rc)
            break;
    }
    return rc;
}
