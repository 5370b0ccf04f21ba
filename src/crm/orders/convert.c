/* What an order is in the company's currency: by the rate of its day. An order without lines is
   converted by itself; one with lines is what its lines are, and those are converted at their
   prices. Nothing is done where the currency has no rate: what stands, stands. */
#include "crm/orders/internal.h"

static bool foreign(const struct value *v, const struct rates *r)
{
    return !v->null && !str_eq(v->s, r->base);
}

static bool convert(struct value *v, const struct rates *r, int32_t day)
{
    return v->null || rates_convert(r, day, v->i, v->s, &v->base);
}

const char *order_convert(struct value *order, const struct rates *r, const char **ret_field)
{
    int32_t day = (int32_t)order[ORDER_ORDERED_ON].i;
    *ret_field = "amount";
    if (!convert(&order[ORDER_AMOUNT], r, day))
        return "out-of-range";
    *ret_field = "cost";
    return convert(&order[ORDER_COST], r, day) ? NULL : "out-of-range";
}

const char *order_line_convert(struct value *line, const struct rates *r, int32_t day,
                               const char **ret_field)
{
    static const struct {
        int field;
        const char *name;
    } typed[] = {{ORDER_LINE_LIST_PRICE, "list_price"},
                 {ORDER_LINE_PRICE, "price"},
                 {ORDER_LINE_UNIT_COST, "unit_cost"}};
    if (!foreign(&line[ORDER_LINE_PRICE], r))
        return NULL;
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
        *ret_field = typed[i].name;
        if (!convert(&line[typed[i].field], r, day))
            return "out-of-range";
    }
    return order_line_compute(line, ret_field);
}

/* --- lines that are there ------------------------------------------------------------------ */

/* All lines of an order, in the order they have, with those in the trash: taking back what was done
   to one shall not bring an old rate back. */
static int load_lines(struct db_conn *c, struct tenant *t, int64_t order, struct arena *a,
                      struct record **ret_lines, size_t *ret_n, struct err *e)
{
    const struct entity *en = &t->registry->entities[ENTITY_ORDER_LINE];
    struct db_rows *rows = NULL;
    struct sql q = sql_new(a);
    size_t n = 0, cap = 0;
    struct record *lines = NULL;
    sql_add(&q, en->select_sql);
    sql_add(&q, " WHERE order_id = ");
    sql_arg(&q, DB_I64(order));
    sql_add(&q, " ORDER BY line_no, id");
    const char *text = sql_text(&q);
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        rc = 0;
        if (n == cap) {
            cap = cap ? cap * 2 : 16;
            struct record *grown = arena_array(a, struct record, cap);
            if (n)
                memcpy(grown, lines, n * sizeof *grown);
            lines = grown;
        }
        lines[n] = (struct record){en, arena_array(a, struct value, en->nfields)};
        for (size_t i = 0; i < en->nfields; i++) {
            struct value one;
            value_from_row(&en->fields[i], rows, en->fields[i].column, &one);
            lines[n].v[i] = value_keep(&one, a);
        }
        n++;
    }
    db_rows_done(rows);
    *ret_lines = lines;
    *ret_n = n;
    return rc;
}

struct db_value order_base_value(const struct value *v)
{
    return v->null ? DB_NIL : DB_I64(v->base);
}

/* Only what it is in base currency: nothing that people read of a line has changed. */
static int store_line(struct db_conn *c, const struct value *v, struct err *e)
{
    return db_put(
        c,
        "UPDATE order_lines SET list_price_base = $1, price_base = $2, "
        "unit_cost_base = $3, amount_base = $4, cost_base = $5 WHERE id = $6",
        DB_ARGS(order_base_value(&v[ORDER_LINE_LIST_PRICE]), order_base_value(&v[ORDER_LINE_PRICE]),
                order_base_value(&v[ORDER_LINE_UNIT_COST]), order_base_value(&v[ORDER_LINE_AMOUNT]),
                order_base_value(&v[ORDER_LINE_COST]), DB_I64(v[FIELD_ID].i)),
        e);
}

static bool same_base(const struct value *a, const struct value *b)
{
    static const int fields[] = {ORDER_LINE_LIST_PRICE, ORDER_LINE_PRICE, ORDER_LINE_UNIT_COST,
                                 ORDER_LINE_AMOUNT, ORDER_LINE_COST};
    bool same = true;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        same &= a[fields[i]].null || a[fields[i]].base == b[fields[i]].base;
    return same;
}

/* Is the line one of those that the order is made of? In the trash, those that went with it. */
static bool counts(const struct value *line, const struct value *order)
{
    const struct value *l = &line[FIELD_DELETED_AT], *o = &order[FIELD_DELETED_AT];
    return l->null == o->null && (l->null || l->i == o->i);
}

int order_lines_convert(struct db_conn *c, struct tenant *t, const struct value *order,
                        const struct rates *r, bool store, struct arena *a, struct value *ret_order,
                        bool *ret_lines, const char **ret_wrong, struct err *e)
{
    const struct entity *en = &t->registry->entities[ENTITY_ORDER_LINE];
    struct record *lines;
    size_t n, kept = 0, at;
    const char *field;
    int rc = load_lines(c, t, order[FIELD_ID].i, a, &lines, &n, e);
    struct value *was = arena_array(a, struct value, n * en->nfields + 1);
    *ret_wrong = NULL;
    *ret_lines = false;
    for (size_t i = 0; rc == 0 && i < n && !*ret_wrong; i++) {
        memcpy(was + i * en->nfields, lines[i].v, en->nfields * sizeof *was);
        *ret_wrong = order_line_convert(lines[i].v, r, (int32_t)order[ORDER_ORDERED_ON].i, &field);
    }
    for (size_t i = 0; rc == 0 && i < n && !*ret_wrong; i++) {
        if (store && !same_base(was + i * en->nfields, lines[i].v))
            rc = store_line(c, lines[i].v, e);
        if (counts(lines[i].v, order))
            lines[kept++] = lines[i];
    }
    *ret_lines = kept > 0;
    if (rc == 0 && !*ret_wrong && kept)
        *ret_wrong = order_sum(ret_order, lines, kept, &at, &field);
    return rc;
}

/* --- an order that is written -------------------------------------------------------------- */

static bool is_foreign(const struct value *order, const struct rates *r)
{
    return foreign(&order[ORDER_AMOUNT], r) || foreign(&order[ORDER_COST], r);
}

static int wrong(struct write *w, const char *field, const char *code, struct err *e)
{
    err_item(e, arena_printf(w->a, "/%s", field), code);
    return err_set(e, ERR_VALIDATION, "conversion of %s", field);
}

static bool as_before(const struct record *before, const struct record *after)
{
    static const int fields[] = {ORDER_AMOUNT, ORDER_COST, ORDER_ORDERED_ON};
    bool same = before != NULL;
    for (size_t i = 0; same && i < sizeof fields / sizeof fields[0]; i++)
        same =
            value_equal(&after->en->fields[fields[i]], &before->v[fields[i]], &after->v[fields[i]]);
    return same;
}

int orders_rates(struct write *w, const struct value *money, struct rates *ret_rates, bool *ret_any,
                 struct err *e)
{
    ret_rates->base = tenant_company(w->t)->currency;
    *ret_any = foreign(money, ret_rates);
    return *ret_any ? tenant_rates(w->t, w->c, w->a, ret_rates, e) : 0;
}

int order_in_base(struct write *w, const struct record *before, struct record *after, struct err *e)
{
    struct rates r = {.base = tenant_company(w->t)->currency};
    struct value *v = after->v;
    size_t n = 0;
    const char *field = "amount", *code = NULL;
    bool lines = false;
    if (!is_foreign(v, &r) || (record_parts(w, ENTITY_ORDER_LINE, &n) && n > 0))
        return 0; /* the sum of lines that were converted */
    if (as_before(before, after)) {
        /* A later rate is the business of the job that follows it (rates_job.c). */
        v[ORDER_AMOUNT].base = before->v[ORDER_AMOUNT].base;
        v[ORDER_COST].base = before->v[ORDER_COST].base;
        return 0;
    }
    struct value *sum = arena_array(w->a, struct value, after->en->nfields);
    int rc = tenant_rates(w->t, w->c, w->a, &r, e);
    if (rc == 0 && before)
        rc = order_lines_convert(w->c, w->t, v, &r, false, w->a, sum, &lines, &code, e);
    if (rc == 0 && !lines && !code)
        code = order_convert(v, &r, &field);
    if (rc || code)
        return rc ? rc : wrong(w, field, code, e);
    if (lines) {
        v[ORDER_AMOUNT].base = sum[ORDER_AMOUNT].base;
        v[ORDER_COST].base = sum[ORDER_COST].base;
    }
    return 0;
}

int order_lines_in_base(struct write *w, const struct record *before, struct record *after,
                        struct err *e)
{
    struct rates r = {.base = tenant_company(w->t)->currency};
    const struct value *v = after->v;
    bool lines;
    const char *code;
    if (!before || !is_foreign(v, &r) ||
        (before->v[ORDER_AMOUNT].base == v[ORDER_AMOUNT].base &&
         before->v[ORDER_COST].base == v[ORDER_COST].base &&
         before->v[ORDER_ORDERED_ON].i == v[ORDER_ORDERED_ON].i))
        return 0;
    struct value *sum = arena_array(w->a, struct value, after->en->nfields);
    int rc = tenant_rates(w->t, w->c, w->a, &r, e);
    if (rc == 0)
        rc = order_lines_convert(w->c, w->t, v, &r, true, w->a, sum, &lines, &code, e);
    /* Those that count were converted before the order was written. */
    return rc;
}
