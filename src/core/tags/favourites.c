/* Favourites: a person's own mark on records, seen by nobody else. */
#include "core/tags/tags.h"

int favourite_set(struct write *w, const struct entity *en, int64_t id, bool on, struct err *e)
{
    struct record r;
    int64_t me = w->who->user_id, n = 0;
    if (!on) /* also of what one sees no longer */
        return db_exec(w->c, "DELETE FROM favourite WHERE user_id = $1 AND record_id = $2",
                       DB_ARGS(DB_I64(me), DB_I64(id)), NULL, e);
    int rc = record_get(w->c, w->who, en, id, false, w->a, &r, e);
    if (rc == 0)
        rc = db_one_i64(w->c, "SELECT count(*) FROM favourite WHERE user_id = $1",
                        DB_ARGS(DB_I64(me)), 0, &n, e);
    if (rc)
        return rc;
    if (n >= FAVOURITES_MOST) {
        err_param_i64(e, "max", FAVOURITES_MOST);
        return err_set(e, ERR_TOO_MANY, "favourites");
    }
    return db_exec(w->c,
                   "INSERT INTO favourite (user_id, record_id, entity, at) VALUES ($1, $2, $3, $4) "
                   "ON CONFLICT DO NOTHING",
                   DB_ARGS(DB_I64(me), DB_I64(id), DB_STR(str_of(en->name)), DB_I64(w->now)), NULL,
                   e);
}

int favourites_list(struct db_conn *c, const struct tenant *t, const struct actor *who,
                    struct arena *a, struct jw *w, struct err *e)
{
    struct db_rows *rows = NULL;
    struct titles titles = {.a = a};
    struct sql q = sql_new(a);
    sql_add(&q, "SELECT f.entity, f.record_id FROM favourite f WHERE f.user_id = ");
    sql_arg(&q, DB_I64(who->user_id));
    access_any_predicate(who, t->registry, "f.", &q);
    access_any_standing(t->registry, "f.", &q);
    sql_addf(&q, " ORDER BY f.at DESC, f.record_id DESC LIMIT %d", FAVOURITES_MOST);
    const char *text = sql_text(&q);
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        const struct entity *en = registry_entity(t->registry, db_str(rows, 0));
        rc = 0;
        if (!en)
            continue;
        jw_obj(w);
        jw_kcstr(w, "entity", en->name);
        jw_kid(w, "id", db_i64(rows, 1));
        jw_obj_end(w);
        titles_add(&titles, en->id, db_i64(rows, 1));
    }
    db_rows_done(rows);
    jw_arr_end(w);
    if (rc == 0)
        rc = titles_write(&titles, c, t, who, w, e);
    jw_obj_end(w);
    return rc;
}
