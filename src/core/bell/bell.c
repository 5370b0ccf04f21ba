/* Ringing: who hears it, and how often. */
#include "core/bell/internal.h"

#include <string.h>

const struct bell_kind_def bell_kinds[BELL_KINDS] = {
    [BELL_MENTION] = {"mention", BELL_MENTION},
    [BELL_ASSIGNED] = {"assigned", BELL_ASSIGNED},
    [BELL_ADDED] = {"added", BELL_ADDED},
    [BELL_CHANGED] = {"changed", BELL_CHANGED},
    [BELL_REMOVED] = {"removed", BELL_CHANGED},
    [BELL_REMINDER] = {"reminder", BELL_REMINDER},
    [BELL_JOB] = {"job", BELL_JOB},
};

enum { FOLD_MS = 3600000, MOST_FIELDS = 500 };

/* --- live --------------------------------------------------------------------------------------
 */

struct pending_bell {
    struct live *live;
    struct live_event ev;
};

static void publish(void *arg)
{
    struct pending_bell *p = arg;
    live_publish(p->live, &p->ev);
}

void bell_tell(struct db_conn *c, struct tenant *t, struct arena *keep, int64_t user_id)
{
    struct pending_bell *p = arena_new_of(keep, struct pending_bell);
    p->live = t->live;
    p->ev = (struct live_event){
        .kind = "bell", .entity = -1, .owner_id = user_id, .personal = true, .data = STR("{}")};
    db_after_commit(c, publish, p);
}

/* --- one ring ----------------------------------------------------------------------------------
 */

/* The names of what changed that this person sees, after those of the ring it is folded into.
   False when there are names, and none for this person. */
static bool name_fields(const struct actor *who, const struct bell_ring *r, struct str before,
                        struct buf *out)
{
    struct str rest = before, one;
    bool any = r->nfields == 0;
    buf_add_str(out, before);
    for (size_t i = 0; i < r->nfields; i++) {
        if (access_level(who, r->en, r->fields[i]->id) == LEVEL_HIDE)
            continue;
        any = true;
        bool there = false;
        for (rest = before; !there && str_split(&rest, ',', &one);)
            there = str_is(one, r->fields[i]->name);
        if (!there && out->n < MOST_FIELDS)
            buf_printf(out, "%s%s", out->n ? "," : "", r->fields[i]->name);
    }
    return any;
}

static bool may_hear(const struct actor *who, const struct bell_ring *r)
{
    return !r->en || access_may(who, r->en, ACCESS_READ, r->owner_id, r->department_id);
}

/* A task of a customer in the trash: nobody could do it. */
static int is_gone(struct db_conn *c, const struct bell_ring *r, int64_t *ret_gone, struct err *e)
{
    *ret_gone = 0;
    if (!r->en || !r->en->with_customer || !r->customer_id)
        return 0;
    return db_one_i64(c, "SELECT 1 FROM customers WHERE id = $1 AND deleted_at IS NOT NULL",
                      DB_ARGS(DB_I64(r->customer_id)), 0, ret_gone, e);
}

struct ring_before {
    int64_t id, times;
    struct str fields;
};

static int find_before(struct db_conn *c, struct arena *a, int64_t now, const struct bell_ring *r,
                       struct ring_before *ret, struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(c,
                      "SELECT id, times, fields FROM notification WHERE user_id = $1 AND "
                      "record_id = $2 AND kind = $3 AND read_at IS NULL AND at >= $4 "
                      "ORDER BY id DESC LIMIT 1",
                      DB_ARGS(DB_I64(r->user_id), DB_I64(r->record_id),
                              DB_STR(str_of(bell_kinds[r->kind].name)), DB_I64(now - FOLD_MS)),
                      &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0)
        *ret =
            (struct ring_before){db_i64(rows, 0), db_i64(rows, 1), arena_str(a, db_str(rows, 2))};
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

/* The row that is there goes and a new one comes, so that the newest stands first. */
static int write_ring(struct db_conn *c, struct tenant *t, int64_t now, const struct bell_ring *r,
                      const struct ring_before *before, struct str fields, struct err *e)
{
    int rc = before->id ? db_exec(c, "DELETE FROM notification WHERE id = $1",
                                  DB_ARGS(DB_I64(before->id)), NULL, e)
                        : 0;
    if (rc)
        return rc;
    return db_exec(
        c,
        "INSERT INTO notification (id, user_id, kind, entity, record_id, customer_id, by_id, at, "
        "read_at, times, fields) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, $9, $10)",
        DB_ARGS(DB_I64(id_next(t->ids)), DB_I64(r->user_id),
                DB_STR(str_of(bell_kinds[r->kind].name)),
                r->en ? DB_STR(str_of(r->en->name)) : DB_NIL, DB_I64(r->record_id),
                DB_ID(r->customer_id), DB_ID(r->by), DB_I64(now), DB_I64(before->times + 1),
                fields.n ? DB_STR(fields) : DB_NIL),
        NULL, e);
}

int bell_ring(struct db_conn *c, struct tenant *t, struct arena *keep, int64_t now,
              const struct bell_ring *r, struct err *e)
{
    struct pass pass;
    struct err gone = {0};
    int64_t off = 0, no_more = 0;
    if (!t->identity || r->user_id == r->by ||
        identity_as_user(t, r->user_id, &pass, &gone) == ERR_NOT_FOUND)
        return 0;
    if (gone.code)
        return err_set(e, gone.code, "%s", gone.detail);
    struct ring_before before = {0};
    struct buf fields = BUF_INIT(4096);
    int rc = 0;
    if (!may_hear(pass.who, r))
        goto out;
    rc = is_gone(c, r, &no_more, e);
    if (rc || no_more)
        goto out;
    rc = db_one_i64(
        c, "SELECT 1 FROM bell_off WHERE user_id = $1 AND kind = $2",
        DB_ARGS(DB_I64(r->user_id), DB_STR(str_of(bell_kinds[bell_kinds[r->kind].wish].name))), 0,
        &off, e);
    if (rc || off)
        goto out;
    rc = find_before(c, keep, now, r, &before, e);
    if (rc == 0 && name_fields(pass.who, r, before.fields, &fields)) {
        rc = write_ring(c, t, now, r, &before, buf_str(&fields), e);
        bell_tell(c, t, keep, r->user_id);
    }
out:
    buf_free(&fields);
    identity_leave(&pass);
    return rc;
}
