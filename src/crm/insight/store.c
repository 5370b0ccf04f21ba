#include "crm/insight/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "valuation");
}

static int read_ids(struct db_conn *c, struct valuation *v, struct err *e)
{
    struct db_rows *rows = NULL;
    int64_t n = 0;
    int rc = db_one_i64(c, "SELECT count(*) FROM customers WHERE deleted_at IS NULL", DB_NOARGS, 0,
                        &n, e);
    if (rc)
        return rc;
    v->ids = calloc((size_t)n + 1, sizeof *v->ids);
    if (!v->ids)
        return no_memory(e);
    rc = db_query(c, "SELECT id FROM customers WHERE deleted_at IS NULL ORDER BY id", DB_NOARGS,
                  &rows, e);
    while (rc == 0 && v->n < (size_t)n && (rc = db_step(rows, e)) > 0) {
        v->ids[v->n++] = db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

/* Both sides come in key order, so each order finds its customer by walking on. */
static int read_rows(struct db_conn *c, struct valuation *v, struct pv_builder *b, struct job *j,
                     struct err *e)
{
    struct db_rows *rows = NULL;
    size_t at = 0;
    int64_t read = 0;
    int rc = db_query(c,
                      "SELECT customer_id, ordered_on, amount_base FROM orders WHERE "
                      "deleted_at IS NULL AND status IN ('confirmed', 'returned') "
                      "ORDER BY customer_id, ordered_on",
                      DB_NOARGS, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        int64_t id = db_i64(rows, 0);
        rc = 0;
        while (at < v->n && v->ids[at] < id)
            at++;
        if (at == v->n || v->ids[at] != id)
            continue; /* the customer is in the trash */
        int bad = pv_builder_add(b, (uint32_t)at, (int32_t)db_i64(rows, 1), db_i64(rows, 2));
        if (bad)
            rc = err_set(e, ERR_INTERNAL, "orders: %s", pv_error_code(bad));
        if (rc == 0 && (++read & 65535) == 0) {
            struct job_progress p = {"read", read, 0, 0};
            rc = job_tick(j, &p, e);
        }
    }
    db_rows_done(rows);
    return rc;
}

int store_read_orders(struct db_conn *c, struct valuation *v, struct job *j, struct err *e)
{
    struct pv_builder *b = NULL;
    int rc = db_one_i64(c, "SELECT max(seq) FROM change", DB_NOARGS, 0, &v->change_seq, e);
    if (rc == 0)
        rc = read_ids(c, v, e);
    if (rc == 0 && pv_builder_new_ordered(PV_RETURNS_NET, &b) != 0)
        rc = no_memory(e);
    if (rc == 0)
        rc = read_rows(c, v, b, j, e);
    if (rc == 0 && pv_builder_finish(b, v->n, &v->history, &v->report) != 0)
        rc = no_memory(e);
    pv_builder_free(b);
    return rc;
}

int store_begin_run(struct db_conn *c, const struct valuation *v, struct str models,
                    struct str findings, struct err *e)
{
    return db_exec(
        c,
        "INSERT INTO value_run (id, as_of, fitted_at, horizon_weeks, discount, currency, "
        "overview, models, findings, history_seq) VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8, $9)",
        DB_ARGS(DB_I64(v->run_id), DB_I64(v->as_of), DB_I64(clock_now_ms()),
                DB_I64(v->horizon_weeks), DB_F64(v->discount),
                DB_STR(tenant_company(v->t)->currency), DB_STR(models), DB_STR(findings),
                DB_I64(v->change_seq)),
        NULL, e);
}

/* The KEPT_DATES dates as the arguments from $3 on. */
#define KEPT_LIST                                                                                  \
    "($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, "    \
    "$22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34)"

struct kept_args {
    struct db_value arg[2 + KEPT_DATES];
};

static struct kept_args with_kept(struct db_value a, struct db_value b, const int32_t *keep)
{
    struct kept_args args = {.arg = {a, b}};
    for (size_t i = 0; i < KEPT_DATES; i++)
        args.arg[2 + i] = DB_I64(keep[i]);
    return args;
}

/* Overviews and fits are kept of the last run of each kept date. Of the others it stays that they
   were: values point to them, and a row without its texts is a hundred bytes. */
static int thin_runs(struct db_conn *c, const struct valuation *v, const int32_t *keep,
                     struct err *e)
{
    struct kept_args a = with_kept(DB_I64(v->run_id), DB_STR(STR("{}")), keep);
    return db_exec(c,
                   "UPDATE value_run SET overview = CASE WHEN overview = '' THEN '' ELSE $2 END, "
                   "models = '[]', findings = '[]' WHERE id < $1 AND models <> '[]' AND id NOT IN "
                   "(SELECT max(id) FROM value_run WHERE overview <> '' AND as_of IN " KEPT_LIST
                   " GROUP BY as_of)",
                   a.arg, 2 + KEPT_DATES, NULL, e);
}

/* What changed since the orders were read stays marked. */
int store_end_run(struct db_conn *c, const struct valuation *v, struct str overview,
                  const int32_t *keep, struct err *e)
{
    int rc = db_exec(c, "UPDATE value_run SET overview = $1 WHERE id = $2",
                     DB_ARGS(DB_STR(overview), DB_I64(v->run_id)), NULL, e);
    if (rc == 0)
        rc = thin_runs(c, v, keep, e);
    if (rc)
        return rc;
    return db_exec(c, "DELETE FROM change WHERE seq <= $1", DB_ARGS(DB_I64(v->change_seq)), NULL,
                   e);
}

static struct db_value minor(double major, double scale)
{
    return isfinite(major) ? DB_I64((int64_t)llround(major * scale)) : DB_NIL;
}

static struct db_value real(double x)
{
    return isfinite(x) ? DB_F64(x) : DB_NIL;
}

static struct db_value whole(double x)
{
    return isfinite(x) ? DB_I64((int64_t)llround(x)) : DB_NIL;
}

static const struct pv_value no_value = {.p_alive = NAN,
                                         .expected_orders = NAN,
                                         .expected_spend = NAN,
                                         .expected_money = NAN,
                                         .clv = NAN,
                                         .clv_median = NAN,
                                         .orders = {NAN, NAN, NAN, NAN},
                                         .money = {NAN, NAN, NAN, NAN},
                                         .clv_range = {NAN, NAN, NAN, NAN}};

static int store_record(struct db_conn *c, const struct valuation *v, size_t i, struct str rfm,
                        struct err *e)
{
    const struct pv_customer *r = &v->rows[i];
    const struct pv_value *p = v->has_values ? &v->values[i] : &no_value;
    return db_put(
        c,
        "INSERT INTO customer_value (customer_id, as_of, run_id, x, t_x, age, orders, revenue, "
        "spend, p_alive, expected_orders, orders_low80, orders_high80, expected_spend, "
        "horizon_amount, horizon_low80, horizon_high80, horizon_low95, horizon_high95, clv, "
        "clv_median, clv_low80, clv_high80, clv_low95, clv_high95, abc, rfm, rank) VALUES ($1, $2, "
        "$3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, "
        "$22, $23, $24, $25, $26, $27, $28) ON CONFLICT (customer_id, as_of) DO UPDATE SET "
        "run_id = excluded.run_id, x = excluded.x, t_x = excluded.t_x, age = excluded.age, "
        "orders = excluded.orders, revenue = excluded.revenue, spend = excluded.spend, "
        "p_alive = excluded.p_alive, expected_orders = excluded.expected_orders, "
        "orders_low80 = excluded.orders_low80, orders_high80 = excluded.orders_high80, "
        "expected_spend = excluded.expected_spend, horizon_amount = excluded.horizon_amount, "
        "horizon_low80 = excluded.horizon_low80, horizon_high80 = excluded.horizon_high80, "
        "horizon_low95 = excluded.horizon_low95, horizon_high95 = excluded.horizon_high95, "
        "clv = excluded.clv, clv_median = excluded.clv_median, clv_low80 = excluded.clv_low80, "
        "clv_high80 = excluded.clv_high80, clv_low95 = excluded.clv_low95, "
        "clv_high95 = excluded.clv_high95, abc = excluded.abc, rfm = excluded.rfm, "
        "rank = excluded.rank",
        DB_ARGS(DB_I64(v->ids[i]), DB_I64(v->as_of), DB_I64(v->run_id), DB_I64(r->x),
                DB_I64(r->t_x), DB_I64(r->T), DB_I64(r->x + 1), DB_I64(r->revenue),
                DB_I64(r->spend), real(p->p_alive), real(p->expected_orders),
                whole(p->orders.low80), whole(p->orders.high80), real(p->expected_spend),
                minor(p->expected_money, v->scale), minor(p->money.low80, v->scale),
                minor(p->money.high80, v->scale), minor(p->money.low95, v->scale),
                minor(p->money.high95, v->scale), minor(p->clv, v->scale),
                minor(p->clv_median, v->scale), minor(p->clv_range.low80, v->scale),
                minor(p->clv_range.high80, v->scale), minor(p->clv_range.low95, v->scale),
                minor(p->clv_range.high95, v->scale), DB_STR(str_from(&v->grades[i], 1)),
                DB_STR(rfm), DB_I64(v->rank[i])),
        e);
}

/* What the customer itself shows of its value, in the order of the statement below. */
static const char now_sql[] =
    "UPDATE customers SET p_alive = $1, expected_orders = $2, expected_revenue = $3, clv = $4, "
    "clv_low = $5, clv_high = $6, abc = $7, rfm = $8, segment = $9, valued_on = $10, "
    "at_risk = $11, clv_change = $12, p_alive_change = $13, abc_before = $14, usual_days = $15, "
    "silence_share = $16 WHERE id = $17";

/* No order yet: nothing to say, and nothing old to leave standing. */
static int store_nothing(struct db_conn *c, int64_t id, struct err *e)
{
    return db_put(c,
                  "UPDATE customers SET p_alive = NULL, expected_orders = NULL, "
                  "expected_revenue = NULL, clv = NULL, clv_low = NULL, clv_high = NULL, "
                  "abc = NULL, rfm = NULL, segment = NULL, valued_on = NULL, at_risk = NULL, "
                  "clv_change = NULL, p_alive_change = NULL, abc_before = NULL, "
                  "usual_days = NULL, silence_share = NULL WHERE id = $1 AND "
                  "valued_on IS NOT NULL",
                  DB_ARGS(DB_I64(id)), e);
}

int store_value(struct db_conn *c, const struct valuation *v, size_t i, struct err *e)
{
    if (v->rows[i].T < 0)
        return store_nothing(c, v->ids[i], e);
    const struct pv_rfm *s = &v->rfm[i];
    char digits[3] = {(char)('0' + s->r), (char)('0' + s->f), (char)('0' + s->m)};
    struct str rfm = str_from(digits, 3);
    int rc = store_record(c, v, i, rfm, e);
    if (rc)
        return rc;
    const struct pv_value *p = v->has_values ? &v->values[i] : &no_value;
    const struct standing *was = &v->standing[i];
    double clv = v->has_money ? p->clv : NAN;
    return db_put(
        c, now_sql,
        DB_ARGS(real(p->p_alive), real(p->expected_orders), minor(p->expected_money, v->scale),
                minor(p->clv, v->scale), minor(p->clv_range.low80, v->scale),
                minor(p->clv_range.high80, v->scale), DB_STR(str_from(&v->grades[i], 1)),
                DB_STR(rfm), DB_STR(str_of(pv_segment_code((enum pv_segment)v->segment[i]))),
                DB_I64(v->as_of), minor(clv * (1.0 - p->p_alive), v->scale),
                minor(clv - was->clv_before, v->scale), real(p->p_alive - was->p_alive_before),
                was->grade_before ? DB_STR(str_from(&was->grade_before, 1)) : DB_NIL,
                was->usual_days >= 0 ? DB_I64(was->usual_days) : DB_NIL, real(was->silence_share),
                DB_I64(v->ids[i])),
        e);
}

/* --- values by date ------------------------------------------------------------------------ */

/* Year and month of a day as one number. */
static int32_t month_of(int32_t day)
{
    char text[DATE_TEXT];
    date_format(day, text);
    return (int32_t)(strtol(text, NULL, 10) * 12 + strtol(text + 5, NULL, 10));
}

enum { LATEST_DATES = 8 };

int snapshot_dates(struct db_conn *c, const struct valuation *v, int32_t keep[KEPT_DATES],
                   struct err *e)
{
    struct db_rows *rows = NULL;
    int32_t month = 0;
    size_t n = 1, seen = 1;
    keep[0] = v->as_of;
    int rc = db_query(c,
                      "SELECT DISTINCT as_of FROM value_run WHERE overview <> '' AND as_of <> $1 "
                      "ORDER BY as_of DESC",
                      DB_ARGS(DB_I64(v->as_of)), &rows, e);
    while (rc == 0 && n < KEPT_DATES && (rc = db_step(rows, e)) > 0) {
        int32_t day = (int32_t)db_i64(rows, 0), its = month_of(day);
        if (seen++ < LATEST_DATES || its != month)
            keep[n++] = day;
        month = its;
        rc = 0;
    }
    db_rows_done(rows);
    for (; n < KEPT_DATES; n++)
        keep[n] = v->as_of;
    return rc < 0 ? rc : 0;
}

/* What pages read of the run before stays until this one is whole: customer_value has two dates. */
static int drop_old_values(struct db_conn *c, const struct valuation *v, int64_t from, int64_t to,
                           struct err *e)
{
    int64_t last = v->as_of;
    int rc =
        db_one_i64(c, "SELECT as_of FROM value_run WHERE overview <> '' ORDER BY id DESC LIMIT 1",
                   DB_NOARGS, v->as_of, &last, e);
    if (rc == 0)
        rc = db_exec(c,
                     "DELETE FROM customer_value WHERE customer_id > $1 AND customer_id <= $2 AND "
                     "as_of <> $3 AND as_of <> $4",
                     DB_ARGS(DB_I64(from), DB_I64(to), DB_I64(v->as_of), DB_I64(last)), NULL, e);
    return rc;
}

int store_snapshots(struct db_conn *c, const struct valuation *v, int64_t from, int64_t to,
                    const int32_t *keep, struct err *e)
{
    struct kept_args a = with_kept(DB_I64(from), DB_I64(to), keep);
    /* Dates of an older program, which kept whole records, come along before those go. */
    int rc = db_exec(c,
                     "INSERT INTO value_snapshot (customer_id, as_of, p_alive, clv, "
                     "horizon_amount) SELECT customer_id, as_of, p_alive, clv, horizon_amount FROM "
                     "customer_value v WHERE customer_id > $1 AND customer_id <= $2 AND (as_of = "
                     "$3 OR NOT EXISTS (SELECT 1 FROM value_snapshot s WHERE s.customer_id = "
                     "v.customer_id AND s.as_of = v.as_of)) ON CONFLICT (customer_id, as_of) DO "
                     "UPDATE SET p_alive = excluded.p_alive, clv = excluded.clv, "
                     "horizon_amount = excluded.horizon_amount",
                     DB_ARGS(DB_I64(from), DB_I64(to), DB_I64(v->as_of)), NULL, e);
    if (rc == 0)
        rc = db_exec(c,
                     "DELETE FROM value_snapshot WHERE customer_id > $1 AND customer_id <= $2 AND "
                     "as_of NOT IN " KEPT_LIST,
                     a.arg, 2 + KEPT_DATES, NULL, e);
    return rc ? rc : drop_old_values(c, v, from, to, e);
}

int store_names(struct db_conn *c, const int64_t *ids, size_t n, struct arena *a,
                struct str *ret_names, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct db_rows *rows = NULL;
        rc = db_query(c, "SELECT name FROM customers WHERE id = $1", DB_ARGS(DB_I64(ids[i])), &rows,
                      e);
        if (rc == 0 && (rc = db_step(rows, e)) > 0)
            ret_names[i] = arena_str(a, db_str(rows, 0));
        db_rows_done(rows);
        rc = rc < 0 ? rc : 0;
    }
    return rc;
}
