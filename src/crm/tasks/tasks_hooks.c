#include "crm/tasks/tasks.h"

#include "core/bell/bell.h"

static bool is_time(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (i == 2 ? s.p[i] != ':' : s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n == 5 && (s.p[0] < '2' || (s.p[0] == '2' && s.p[1] < '4')) && s.p[3] < '6';
}

/* Without a time it is due when the day begins at work; the form has it the same way. */
enum { MORNING = 9 * 60 };

static int64_t due_ms(const struct record *r)
{
    struct str s = r->v[TASK_DUE_TIME].null ? STR_NULL : r->v[TASK_DUE_TIME].s;
    int64_t minutes = s.n == 5 ? ((s.p[0] - '0') * 10 + s.p[1] - '0') * INT64_C(60) +
                                     (s.p[3] - '0') * 10 + s.p[4] - '0'
                               : MORNING;
    return r->v[TASK_DUE_ON].i * INT64_C(86400000) + minutes * 60000;
}

/* A task that is put off takes its reminder along, unless that is set anew. */
static void keep_distance(const struct record *before, struct record *after)
{
    struct value *at = &after->v[TASK_REMINDER_AT];
    if (!at->null && !before->v[TASK_DUE_ON].null && !after->v[TASK_DUE_ON].null &&
        value_equal(&after->en->fields[TASK_REMINDER_AT], &before->v[TASK_REMINDER_AT], at))
        at->i += due_ms(after) - due_ms(before);
}

static int task_derive(struct write *w, const struct record *before, struct record *after,
                       struct err *e)
{
    const struct value *time = &after->v[TASK_DUE_TIME];
    const char *code = time->null                   ? NULL
                       : !is_time(time->s)          ? "time"
                       : after->v[TASK_DUE_ON].null ? "time-without-day"
                                                    : NULL;
    if (code) {
        err_item(e, record_pointer(w, "due_time"), code);
        return err_set(e, ERR_VALIDATION, "time of a task");
    }
    if (before)
        keep_distance(before, after);
    bool was = before && str_is(before->v[TASK_STATUS].s, "done");
    bool is = str_is(after->v[TASK_STATUS].s, "done");
    if (was != is)
        after->v[TASK_DONE_AT] = (struct value){.null = !is, .i = w->now};
    return 0;
}

/* The first by day, then the oldest; what has no day comes last. */
int tasks_next(struct db_conn *c, int64_t customer_id, struct err *e)
{
    struct db_rows *rows = NULL;
    struct db_value id = DB_NIL, title = DB_NIL, on = DB_NIL;
    int rc = db_query(c,
                      "SELECT id, title, due_on FROM tasks WHERE customer_id = $1 AND "
                      "status = 'open' AND deleted_at IS NULL "
                      "ORDER BY CASE WHEN due_on IS NULL THEN 1 ELSE 0 END, due_on, id LIMIT 1",
                      DB_ARGS(DB_I64(customer_id)), &rows, e);
    bool found = rc == 0 && (rc = db_step(rows, e)) > 0;
    if (found) {
        id = DB_I64(db_i64(rows, 0));
        title = DB_STR(db_str(rows, 1));
        if (!db_is_null(rows, 2))
            on = DB_I64(db_i64(rows, 2));
    }
    if (rc >= 0)
        rc = db_exec(c,
                     "UPDATE customers SET next_task_id = $1, next_task = $2, next_task_on = $3 "
                     "WHERE id = $4",
                     DB_ARGS(id, title, on, DB_I64(customer_id)), NULL, e);
    db_rows_done(rows);
    return rc;
}

static int task_written(struct write *w, const struct record *before, struct record *after,
                        struct err *e)
{
    int64_t is = after->v[TASK_CUSTOMER_ID].null ? 0 : after->v[TASK_CUSTOMER_ID].i;
    int64_t was = before && !before->v[TASK_CUSTOMER_ID].null ? before->v[TASK_CUSTOMER_ID].i : 0;
    int rc = is ? tasks_next(w->c, is, e) : 0;
    return rc == 0 && was && was != is ? tasks_next(w->c, was, e) : rc;
}

/* An open task rings at its moment; one that is past only when it was set just now. */
static int task_reminder(struct write *w, const struct record *before, struct record *after,
                         struct err *e)
{
    const struct value *at = &after->v[TASK_REMINDER_AT];
    bool open = str_is(after->v[TASK_STATUS].s, "open") && after->v[FIELD_DELETED_AT].null;
    bool set = before ? !value_equal(&after->en->fields[TASK_REMINDER_AT],
                                     &before->v[TASK_REMINDER_AT], at)
                      : !at->null;
    if (!before && at->null)
        return 0;
    bool rings = !at->null && open && (set || at->i > w->now);
    return reminder_set(w->c, after->en, after->v[FIELD_ID].i, rings ? at->i : 0, e);
}

/* How far the checklist is stands in the task, counted anew from its lines: lists show it, and an
   undo of a line needs no arithmetic. */
static int task_items(struct write *w, const struct record *before, struct record *after,
                      struct err *e)
{
    struct db_rows *rows = NULL;
    struct value total = {.null = true}, done = {.null = true};
    (void)before;
    int rc = db_query(w->c,
                      "SELECT count(*), count(CASE WHEN done = 1 THEN 1 END) FROM task_items "
                      "WHERE task_id = $1 AND deleted_at IS NULL",
                      DB_ARGS(DB_I64(after->v[FIELD_ID].i)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0 && db_i64(rows, 0)) {
        total = (struct value){.i = db_i64(rows, 0)};
        done = (struct value){.i = db_i64(rows, 1)};
    }
    db_rows_done(rows);
    struct value *is = &after->v[TASK_ITEMS_TOTAL], *ticked = &after->v[TASK_ITEMS_DONE];
    bool same = is->null == total.null && is->i == total.i && ticked->i == done.i;
    /* Of a task in the trash the lines are gone with it; what they said stays with the task. */
    if (rc < 0 || same || !after->v[FIELD_DELETED_AT].null)
        return rc < 0 ? rc : 0;
    *is = total;
    *ticked = done;
    return db_exec(w->c, "UPDATE tasks SET items_total = $1, items_done = $2 WHERE id = $3",
                   DB_ARGS(total.null ? DB_NIL : DB_I64(total.i),
                           done.null ? DB_NIL : DB_I64(done.i), DB_I64(after->v[FIELD_ID].i)),
                   NULL, e);
}

/* Whoever gives a task to somebody else wants to hear what becomes of it. */
static int task_given(struct write *w, const struct record *before, struct record *after,
                      struct err *e)
{
    const struct value *owner = &after->v[FIELD_OWNER_ID];
    if (before || owner->null || owner->i == w->who->user_id)
        return 0;
    return bell_follow(w->c, after->en, after->v[FIELD_ID].i, w->who->user_id, true, true, w->now,
                       e);
}

const struct record_hook tasks_hooks[] = {
    {ENTITY_TASK, HOOK_DERIVE, 1, task_derive},    {ENTITY_TASK, HOOK_WRITTEN, 1, task_written},
    {ENTITY_TASK, HOOK_WRITTEN, 2, task_reminder}, {ENTITY_TASK, HOOK_WRITTEN, 2, task_given},
    {ENTITY_TASK, HOOK_WRITTEN, 2, task_items},    {-1, HOOK_DERIVE, 0, NULL},
};
