/* Jobs as JSON. */
#include "core/jobs/jobs.h"

#include <string.h>

#define COLUMNS                                                                                    \
    "j.id, j.kind, j.title, j.state, j.phase, j.done, j.total, j.errors, j.message, j.result, "    \
    "j.created_at, j.started_at, j.finished_at, j.owner_id, u.name"
#define FROM " FROM job j LEFT JOIN users u ON u.id = j.owner_id "

static void time_or_null(struct jw *w, const char *key, const struct db_rows *rows, unsigned col)
{
    jw_key(w, key);
    if (db_is_null(rows, col))
        jw_null(w);
    else
        jw_i64(w, db_i64(rows, col));
}

static void text_or_null(struct jw *w, const char *key, const struct db_rows *rows, unsigned col,
                         bool raw)
{
    jw_key(w, key);
    if (db_is_null(rows, col))
        jw_null(w);
    else if (raw)
        jw_raw(w, db_str(rows, col));
    else
        jw_str(w, db_str(rows, col));
}

static void write_row(const struct db_rows *rows, struct jw *w)
{
    struct str state = db_str(rows, 3);
    bool open = str_is(state, "queued") || str_is(state, "running");
    int64_t end = db_is_null(rows, 12) ? clock_now_ms() : db_i64(rows, 12);
    double seconds = db_is_null(rows, 11) ? 0 : (double)(end - db_i64(rows, 11)) / 1000;
    jw_obj(w);
    jw_kid(w, "id", db_i64(rows, 0));
    jw_kstr(w, "kind", db_str(rows, 1));
    text_or_null(w, "title", rows, 2, false);
    jw_kstr(w, "state", state);
    text_or_null(w, "phase", rows, 4, false);
    jw_ki64(w, "done", db_i64(rows, 5));
    jw_ki64(w, "total", db_i64(rows, 6));
    jw_kf64(w, "rate", seconds > 0 ? (double)(int64_t)((double)db_i64(rows, 5) / seconds) : 0);
    jw_ki64(w, "errors", db_i64(rows, 7));
    text_or_null(w, "message", rows, 8, false);
    text_or_null(w, "result", rows, 9, true);
    jw_ki64(w, "created_at", db_i64(rows, 10));
    time_or_null(w, "started_at", rows, 11);
    time_or_null(w, "finished_at", rows, 12);
    jw_key(w, "owner");
    jw_obj(w);
    jw_kid(w, "id", db_i64(rows, 13));
    jw_kstr(w, "name", db_str(rows, 14));
    jw_obj_end(w);
    jw_kbool(w, "cancellable", open);
    jw_obj_end(w);
}

int job_to_json(struct db_conn *c, struct tenant *t, int64_t id, struct arena *a, struct jw *w,
                struct err *e)
{
    struct db_rows *rows = NULL;
    (void)t;
    (void)a;
    int rc = db_query(c, "SELECT " COLUMNS FROM "WHERE j.id = $1", DB_ARGS(DB_I64(id)), &rows, e);
    if (rc == 0)
        rc = db_step(rows, e);
    if (rc > 0)
        write_row(rows, w);
    db_rows_done(rows);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "job %lld", (long long)id);
    return rc < 0 ? rc : 0;
}

int jobs_list(struct db_conn *c, struct tenant *t, const struct actor *who, unsigned limit,
              struct arena *a, struct jw *w, struct err *e)
{
    struct db_rows *rows = NULL;
    (void)t;
    (void)a;
    int rc =
        db_query(c,
                 "SELECT " COLUMNS FROM "WHERE ($1 = 1 OR j.owner_id = $2) "
                 "ORDER BY j.created_at DESC, j.id DESC LIMIT $3",
                 DB_ARGS(DB_I64(who->is_admin), DB_I64(who->user_id), DB_I64(limit)), &rows, e);
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        write_row(rows, w);
        rc = 0;
    }
    db_rows_done(rows);
    jw_arr_end(w);
    jw_obj_end(w);
    return rc;
}
