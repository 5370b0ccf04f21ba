/* Moments at which somebody asked to be reminded: a row each, gone in the transaction that rings.
 */
#include "core/bell/internal.h"

enum { AT_ONCE = 50 };

int reminder_set(struct db_conn *c, const struct entity *en, int64_t record_id, int64_t at,
                 struct err *e)
{
    if (!at)
        return db_exec(c, "DELETE FROM reminder WHERE record_id = $1", DB_ARGS(DB_I64(record_id)),
                       NULL, e);
    return db_exec(c,
                   "INSERT INTO reminder (record_id, entity, at) VALUES ($1, $2, $3) "
                   "ON CONFLICT (record_id) DO UPDATE SET at = excluded.at",
                   DB_ARGS(DB_I64(record_id), DB_STR(str_of(en->name)), DB_I64(at)), NULL, e);
}

struct firing {
    struct tenant *t;
    struct arena *a; /* until after the commit */
    int64_t now;
    size_t n;
};

static int fire_one(struct firing *f, struct db_conn *c, const struct entity *en, int64_t id,
                    struct err *e)
{
    struct record r;
    int rc = record_get(c, identity_system(), en, id, false, f->a, &r, e);
    if (rc == ERR_NOT_FOUND) {
        err_clear(e);
        rc = 0; /* in the trash: it goes without a sound */
    } else if (rc == 0) {
        struct bell_ring ring = {
            .kind = BELL_REMINDER,
            .user_id = r.v[FIELD_OWNER_ID].i,
            .en = en,
            .record_id = id,
            .owner_id = r.v[FIELD_OWNER_ID].i,
            .department_id = r.v[FIELD_DEPARTMENT_ID].i,
            .customer_id = en->customer_field < 0 ? 0 : r.v[en->customer_field].i,
        };
        if (ring.user_id)
            rc = bell_ring(c, f->t, f->a, f->now, &ring, e);
    }
    return rc ? rc : reminder_set(c, en, id, 0, e);
}

static int fire(struct db_conn *c, void *arg, struct err *e)
{
    struct firing *f = arg;
    struct db_rows *rows = NULL;
    struct {
        const struct entity *en;
        int64_t id;
    } due[AT_ONCE] = {{NULL, 0}};
    f->n = 0;
    int rc =
        db_query(c, "SELECT record_id, entity FROM reminder WHERE at <= $1 ORDER BY at LIMIT 50",
                 DB_ARGS(DB_I64(f->now)), &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        due[f->n].id = db_i64(rows, 0);
        due[f->n++].en = registry_entity(f->t->registry, db_str(rows, 1));
        rc = 0;
    }
    db_rows_done(rows);
    for (size_t i = 0; rc == 0 && i < f->n; i++)
        rc = fire_one(f, c, due[i].en, due[i].id, e);
    return rc;
}

/* Mostly there is nothing: that costs one look and no transaction. */
static int anything_due(struct tenant *t, int64_t now, int64_t *ret_due, struct err *e)
{
    struct db_conn *c = NULL;
    int rc = db_reader(t->db, &c, e);
    if (rc)
        return rc;
    rc = db_one_i64(c, "SELECT 1 FROM reminder WHERE at <= $1 LIMIT 1", DB_ARGS(DB_I64(now)), 0,
                    ret_due, e);
    db_reader_done(c);
    return rc;
}

int reminders_fire(struct tenant *t, struct err *e)
{
    struct firing f = {.t = t, .now = clock_now_ms(), .n = AT_ONCE};
    int64_t due = 0;
    int rc = anything_due(t, f.now, &due, e);
    while (rc == 0 && due && f.n == AT_ONCE) {
        f.a = arena_new(0);
        if (!f.a)
            return err_set(e, ERR_NOMEM, "reminders");
        rc = db_transact(t->db, DB_INTERACTIVE, fire, &f, e);
        arena_free(f.a);
    }
    return rc;
}
