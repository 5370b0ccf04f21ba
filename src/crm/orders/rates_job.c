/* Rates were changed: the orders of the days that have another rate now are converted anew, in the
   order of their dates, and their customers summed up in the same transaction, so that what is read
   meanwhile fits together; their values follow. No history: what people typed of an order is as it
   was. */
#include "crm/orders/internal.h"

#include "crm/customers/customers.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 500 };

struct converting {
    struct job *j;
    struct tenant *t;
    const struct rate_span *spans;
    size_t nspans;
    int32_t from, to; /* of all spans */
    int64_t day, id;  /* of the order looked at last */
    int64_t looked, total, orders, kept;
    bool finished;
};

/* What a conversion needs to know of an order; texts are borrowed. */
static const char row_sql[] =
    "SELECT id, customer_id, ordered_on, deleted_at, amount, amount_currency, amount_base, cost, "
    "cost_currency, cost_base FROM orders WHERE (ordered_on, id) > ($1, $2) AND ordered_on < $3 "
    "ORDER BY ordered_on, id LIMIT $4";

static struct value row_money(const struct db_rows *rows, unsigned at, struct arena *a)
{
    if (db_is_null(rows, at))
        return (struct value){.null = true};
    return (struct value){.i = db_i64(rows, at),
                          .s = arena_str(a, db_str(rows, at + 1)),
                          .base = db_i64(rows, at + 2)};
}

static bool within(const struct converting *k, const struct value *money, int64_t day)
{
    bool found = false;
    for (size_t i = 0; i < k->nspans && !found && !money->null; i++)
        found = day >= k->spans[i].from && day < k->spans[i].to &&
                str_eq(k->spans[i].currency, money->s);
    return found;
}

/* The next orders by date; those that are not meant have no values. */
static int read_orders(struct converting *k, struct db_conn *c, struct arena *a,
                       struct value **ret_orders, int64_t (*ret_keys)[2], size_t *ret_n,
                       struct err *e)
{
    const struct entity *en = &k->t->registry->entities[ENTITY_ORDER];
    struct db_rows *rows = NULL;
    size_t n = 0;
    int rc = db_query(
        c, row_sql, DB_ARGS(DB_I64(k->day), DB_I64(k->id), DB_I64(k->to), DB_I64(CHUNK)), &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        rc = 0;
        struct value amount = row_money(rows, 4, a), cost = row_money(rows, 7, a), *v = NULL;
        int64_t day = db_i64(rows, 2);
        if (within(k, &amount, day) || within(k, &cost, day)) {
            v = arena_array(a, struct value, en->nfields);
            record_blank(en, v);
            v[FIELD_ID] = (struct value){.i = db_i64(rows, 0)};
            v[ORDER_CUSTOMER_ID] = (struct value){.i = db_i64(rows, 1)};
            v[ORDER_ORDERED_ON] = (struct value){.i = day};
            v[FIELD_DELETED_AT] = (struct value){.null = db_is_null(rows, 3), .i = db_i64(rows, 3)};
            v[ORDER_AMOUNT] = amount;
            v[ORDER_COST] = cost;
        }
        ret_keys[n][0] = day;
        ret_keys[n][1] = db_i64(rows, 0);
        ret_orders[n++] = v;
    }
    db_rows_done(rows);
    *ret_n = n;
    return rc;
}

/* *ret_changed: it is worth another sum than before. What cannot be converted stays. */
static int convert_one(struct converting *k, struct db_conn *c, const struct rates *r,
                       struct value *v, struct arena *a, bool *ret_changed, struct err *e)
{
    const struct entity *en = &k->t->registry->entities[ENTITY_ORDER];
    struct value amount = v[ORDER_AMOUNT], cost = v[ORDER_COST];
    struct value *sum = arena_array(a, struct value, en->nfields);
    const char *wrong, *field;
    bool lines;
    int rc = order_lines_convert(c, k->t, v, r, true, a, sum, &lines, &wrong, e);
    *ret_changed = false;
    if (rc == 0 && !lines && !wrong)
        wrong = order_convert(v, r, &field);
    k->orders += !wrong;
    k->kept += wrong != NULL;
    if (rc || wrong)
        return rc;
    if (lines) {
        v[ORDER_AMOUNT].base = sum[ORDER_AMOUNT].base;
        v[ORDER_COST].base = sum[ORDER_COST].base;
    }
    if (v[ORDER_AMOUNT].base == amount.base && v[ORDER_COST].base == cost.base)
        return 0;
    *ret_changed = true;
    order_settle(v);
    return db_put(c,
                  "UPDATE orders SET amount_base = $1, cost_base = $2, margin_base = CASE WHEN "
                  "margin IS NULL THEN NULL ELSE CAST($3 AS bigint) END WHERE id = $4",
                  DB_ARGS(order_base_value(&v[ORDER_AMOUNT]), order_base_value(&v[ORDER_COST]),
                          order_base_value(&v[ORDER_MARGIN]), DB_I64(v[FIELD_ID].i)),
                  e);
}

static int by_id(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

static int convert_some(struct converting *k, struct db_conn *c, struct arena *a, struct err *e)
{
    struct value *orders[CHUNK];
    int64_t keys[CHUNK][2], customers[CHUNK];
    size_t n = 0, ncustomers = 0, i = 0;
    struct rates r;
    int rc = tenant_rates(k->t, c, a, &r, e);
    if (rc == 0)
        rc = read_orders(k, c, a, orders, keys, &n, e);
    for (; rc == 0 && i < n && !(ncustomers && db_should_yield(c)); i++) {
        bool changed = false;
        if (orders[i])
            rc = convert_one(k, c, &r, orders[i], a, &changed, e);
        if (changed)
            customers[ncustomers++] = orders[i][ORDER_CUSTOMER_ID].i;
        k->day = keys[i][0];
        k->id = keys[i][1];
    }
    k->looked += (int64_t)i;
    k->finished = n < CHUNK && i == n;
    qsort(customers, ncustomers, sizeof *customers, by_id);
    for (size_t at = 0; rc == 0 && at < ncustomers; at++)
        if (at == 0 || customers[at] != customers[at - 1])
            rc = customers_resum(c, k->t, customers[at], e);
    return rc;
}

static int chunk(struct db_conn *c, void *arg, struct err *e)
{
    struct converting *k = arg, next = *k;
    struct arena *a = arena_new(0);
    if (!a)
        return err_set(e, ERR_NOMEM, "rates");
    int rc = convert_some(&next, c, a, e);
    struct str cursor =
        arena_printf(a, "{\"day\":%lld,\"id\":%lld,\"looked\":%lld,\"orders\":%lld,\"kept\":%lld}",
                     (long long)next.day, (long long)next.id, (long long)next.looked,
                     (long long)next.orders, (long long)next.kept);
    struct job_progress p = {"write", next.looked, next.total, 0};
    int64_t valuation;
    if (rc == 0)
        rc = job_save(next.j, c, &p, cursor, e);
    if (rc == 0 && next.finished && next.orders)
        rc = job_submit(c, next.t, "value", STR(""), STR("{}"), job_view(next.j).owner_id,
                        &valuation, e);
    arena_free(a);
    if (rc == 0)
        *k = next; /* a run may run more than once */
    return rc;
}

static int64_t number_of(const json_t *o, const char *key, int64_t absent)
{
    const json_t *v = json_object_get(o, key);
    return v ? json_integer_value(v) : absent;
}

static void read_spans(struct converting *k, const json_t *list, struct arena *a)
{
    size_t n = json_array_size(list);
    struct rate_span *spans = arena_array(a, struct rate_span, n + 1);
    k->from = INT32_MAX;
    k->to = INT32_MIN;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        spans[i] =
            (struct rate_span){json_get_str(one, "currency"), (int32_t)number_of(one, "from", 0),
                               (int32_t)number_of(one, "to", 0)};
        k->from = spans[i].from < k->from ? spans[i].from : k->from;
        k->to = spans[i].to > k->to ? spans[i].to : k->to;
    }
    k->spans = spans;
    k->nspans = n;
}

static int count_orders(struct converting *k, struct err *e)
{
    struct db_conn *c = NULL;
    int rc = db_reader(k->t->db, &c, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT count(*) FROM orders WHERE ordered_on >= $1 AND ordered_on < $2",
                        DB_ARGS(DB_I64(k->from), DB_I64(k->to)), 0, &k->total, e);
    db_reader_done(c);
    return rc;
}

int rates_job_run(struct job *j, struct err *e)
{
    struct job_view view = job_view(j);
    struct converting k = {.j = j, .t = job_tenant(j)};
    read_spans(&k, json_object_get(view.params, "spans"), job_arena(j));
    k.day = number_of(view.cursor, "day", k.from);
    k.id = number_of(view.cursor, "id", 0);
    k.looked = number_of(view.cursor, "looked", 0);
    k.orders = number_of(view.cursor, "orders", 0);
    k.kept = number_of(view.cursor, "kept", 0);
    int rc = count_orders(&k, e);
    while (rc == 0 && !k.finished) {
        rc = db_transact(k.t->db, DB_BULK, chunk, &k, e);
        struct job_progress p = {"write", k.looked, k.total, 0};
        if (rc == 0)
            rc = job_tick(j, &p, e);
    }
    if (rc == 0)
        job_result(j, arena_printf(job_arena(j), "{\"orders\":%lld,\"kept\":%lld}",
                                   (long long)k.orders, (long long)k.kept));
    return rc;
}
