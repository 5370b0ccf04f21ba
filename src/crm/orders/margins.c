/* The margin of orders that an older program wrote: filled in once, in the background. */
#include "crm/orders/internal.h"

#include <stdio.h>

enum { CHUNK = 2000 };
const struct upgrade orders_upgrade = {"orders.margin", "1", "margins",
                                       "SELECT 1 FROM orders LIMIT 1"};

struct filling {
    struct job *j;
    struct tenant *t;
    int64_t after, last, n, done, total; /* orders up to `after` have theirs; n: of this portion */
};

/* As order_settle has it. */
static int fill(struct filling *f, struct db_conn *c, struct err *e)
{
    return db_exec(c,
                   "UPDATE orders SET margin = amount - cost, margin_currency = amount_currency, "
                   "margin_base = amount_base - cost_base WHERE id > $1 AND id <= $2 AND "
                   "cost IS NOT NULL AND cost_currency = amount_currency",
                   DB_ARGS(DB_I64(f->after), DB_I64(f->last)), NULL, e);
}

static int chunk(struct db_conn *c, void *arg, struct err *e)
{
    struct filling *f = arg;
    struct db_rows *rows = NULL;
    char cursor[80];
    f->last = f->n = 0;
    int rc = db_query(c,
                      "SELECT max(id), count(*) FROM (SELECT id FROM orders WHERE id > $1 "
                      "ORDER BY id LIMIT $2) x",
                      DB_ARGS(DB_I64(f->after), DB_I64(CHUNK)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0) {
        f->n = db_i64(rows, 1);
        f->last = f->n ? db_i64(rows, 0) : 0;
    }
    db_rows_done(rows);
    rc = rc < 0 ? rc : f->n ? fill(f, c, e) : upgrade_done(c, &orders_upgrade, e);
    snprintf(cursor, sizeof cursor, "{\"after\":%lld,\"done\":%lld}", (long long)f->last,
             (long long)(f->done + f->n));
    struct job_progress p = {"write", f->done + f->n, f->total, 0};
    if (rc == 0 && f->n)
        rc = job_save(f->j, c, &p, str_of(cursor), e);
    return rc;
}

static int count_orders(struct filling *f, struct err *e)
{
    struct db_conn *c = NULL;
    int rc = db_reader(f->t->db, &c, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT count(*) FROM orders", DB_NOARGS, 0, &f->total, e);
    db_reader_done(c);
    return rc;
}

static int run(struct job *j, struct err *e)
{
    struct job_view view = job_view(j);
    struct filling f = {.j = j, .t = job_tenant(j), .last = 1};
    f.after = json_integer_value(json_object_get(view.cursor, "after"));
    f.done = json_integer_value(json_object_get(view.cursor, "done"));
    int rc = count_orders(&f, e);
    while (rc == 0) {
        rc = db_transact(f.t->db, DB_BULK, chunk, &f, e);
        if (rc || !f.last)
            break;
        f.after = f.last;
        f.done += f.n;
        struct job_progress p = {"write", f.done, f.total, 0};
        rc = job_tick(j, &p, e);
    }
    return rc;
}

const struct job_kind orders_jobs[] = {
    {"margins", run, .quiet = true}, {"rates", rates_job_run, .quiet = true}, {0}};
