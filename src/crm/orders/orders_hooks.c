/* An order with lines is what its lines are: its amount, cost and units follow from them, to the
   last minor unit. An order without lines (most imports) keeps what was typed. */
#include "crm/orders/internal.h"

/* a × b / divisor, half away from zero. False on overflow. */
static bool scaled(int64_t a, int64_t b, int64_t divisor, int64_t *ret)
{
    __int128 v = (__int128)a * b;
    v = (v + (v < 0 ? -divisor / 2 : divisor / 2)) / divisor;
    if (v > INT64_MAX || v < INT64_MIN)
        return false;
    *ret = (int64_t)v;
    return true;
}

/* Money times b / divisor, in its currency and in the company's. */
static bool money_scaled(const struct value *in, int64_t b, int64_t divisor, struct value *ret)
{
    struct value v = {.s = in->s};
    if (!scaled(in->i, b, divisor, &v.i) || !scaled(in->base, b, divisor, &v.base))
        return false;
    *ret = v;
    return true;
}

enum { WHOLE = 100 * DECIMAL_ONE }; /* a hundred per cent */

static const char *unit_price(struct value *v, const char **ret_field)
{
    const struct value *list = &v[ORDER_LINE_LIST_PRICE], *off = &v[ORDER_LINE_DISCOUNT];
    struct value net, *price = &v[ORDER_LINE_PRICE];
    *ret_field = "price";
    if (off->null) {
        if (price->null)
            *price = *list;
        return price->null ? "required" : NULL;
    }
    *ret_field = "discount";
    if (off->i > WHOLE)
        return "out-of-range";
    *ret_field = "list_price";
    if (list->null)
        return "required";
    if (!money_scaled(list, WHOLE - off->i, WHOLE, &net))
        return "out-of-range";
    *ret_field = "price";
    if (!price->null && (price->i != net.i || !str_eq(price->s, net.s)))
        return "price-and-discount";
    *price = net;
    return NULL;
}

const char *order_line_compute(struct value *v, const char **ret_field)
{
    static const struct {
        int field;
        const char *name;
    } others[] = {{ORDER_LINE_LIST_PRICE, "list_price"}, {ORDER_LINE_UNIT_COST, "unit_cost"}};
    const struct value *price = &v[ORDER_LINE_PRICE], *cost = &v[ORDER_LINE_UNIT_COST];
    int64_t quantity = v[ORDER_LINE_QUANTITY].i;
    const char *code = unit_price(v, ret_field);
    if (code)
        return code;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        *ret_field = others[i].name;
        if (!v[others[i].field].null && !str_eq(v[others[i].field].s, price->s))
            return "currency-differs";
    }
    *ret_field = "quantity";
    v[ORDER_LINE_COST] = (struct value){.null = true};
    if (!money_scaled(price, quantity, DECIMAL_ONE, &v[ORDER_LINE_AMOUNT]) ||
        (!cost->null && !money_scaled(cost, quantity, DECIMAL_ONE, &v[ORDER_LINE_COST])))
        return "out-of-range";
    return NULL;
}

/* How far an amount may be from quantity × price, if the price was rounded to its smallest unit. */
static bool explained_by_rounding(const struct value *v, int64_t amount)
{
    const struct value *price = &v[ORDER_LINE_PRICE];
    int64_t quantity = v[ORDER_LINE_QUANTITY].i, product;
    if (!scaled(price->i, quantity, DECIMAL_ONE, &product))
        return false;
    __int128 off = (__int128)amount - product, most = quantity < 0 ? -quantity : quantity;
    return (off < 0 ? -off : off) * 2 * DECIMAL_ONE <= most + DECIMAL_ONE;
}

/* Three for 10.00: one lot, which is called "3 pcs"; what was said of one piece is said of it. */
static bool make_lot(struct value *v, const struct value *amount, struct arena *a)
{
    static const int of_one[] = {ORDER_LINE_LIST_PRICE, ORDER_LINE_UNIT_COST};
    int64_t quantity = v[ORDER_LINE_QUANTITY].i, size = quantity < 0 ? -quantity : quantity;
    struct buf text = BUF_INIT(64);
    for (size_t i = 0; i < sizeof of_one / sizeof of_one[0]; i++) {
        struct value *one = &v[of_one[i]];
        if (!one->null && !money_scaled(one, size, DECIMAL_ONE, one))
            return false;
    }
    buf_add_i64(&text, size / DECIMAL_ONE);
    if (size % DECIMAL_ONE) {
        buf_printf(&text, ".%04lld", (long long)(size % DECIMAL_ONE));
        while (text.p[text.n - 1] == '0')
            text.n--;
    }
    if (!v[ORDER_LINE_UNIT].null && text.n + 1 + v[ORDER_LINE_UNIT].s.n <= 20)
        buf_printf(&text, " " STR_FMT, STR_ARG(v[ORDER_LINE_UNIT].s));
    v[ORDER_LINE_UNIT] = (struct value){.s = arena_str(a, buf_str(&text))};
    buf_free(&text);
    v[ORDER_LINE_DISCOUNT] = (struct value){.null = true};
    v[ORDER_LINE_QUANTITY].i = quantity < 0 ? -DECIMAL_ONE : DECIMAL_ONE;
    v[ORDER_LINE_PRICE] = *amount;
    return quantity > 0 || money_scaled(amount, -1, 1, &v[ORDER_LINE_PRICE]);
}

const char *order_line_from_amount(struct value *v, struct arena *a, const char **ret_field)
{
    struct value amount = v[ORDER_LINE_AMOUNT], *quantity = &v[ORDER_LINE_QUANTITY];
    bool given = !v[ORDER_LINE_PRICE].null || !v[ORDER_LINE_DISCOUNT].null;
    if (amount.null || quantity->i == 0)
        return NULL;
    /* What comes back is written with a minus at the one or at the other. */
    if ((quantity->i < 0) != (amount.i < 0) && amount.i) {
        if (amount.i < 0)
            quantity->i = -quantity->i;
        else if (!money_scaled(&amount, -1, 1, &amount))
            return "out-of-range";
    }
    int64_t one = quantity->i < 0 ? -DECIMAL_ONE : DECIMAL_ONE,
            size = quantity->i * one / DECIMAL_ONE;
    if (!given && !money_scaled(&amount, one, size, &v[ORDER_LINE_PRICE]))
        return "out-of-range";
    const char *code = order_line_compute(v, ret_field);
    if (code)
        return code;
    const struct value *made = &v[ORDER_LINE_AMOUNT];
    if (made->i == amount.i && str_eq(made->s, amount.s))
        return NULL;
    *ret_field = "amount";
    if (!str_eq(made->s, amount.s))
        return "currency-differs";
    if (!explained_by_rounding(v, amount.i))
        return "line-amount-differs";
    *ret_field = "quantity";
    return make_lot(v, &amount, a) ? NULL : "out-of-range";
}

void order_line_fill(struct value *line, const struct value *product)
{
    static const int from[][2] = {{PRODUCT_NAME, ORDER_LINE_DESCRIPTION},
                                  {PRODUCT_UNIT, ORDER_LINE_UNIT},
                                  {PRODUCT_LIST_PRICE, ORDER_LINE_LIST_PRICE},
                                  {PRODUCT_COST, ORDER_LINE_UNIT_COST}};
    /* A price that was agreed on stands for itself. */
    const struct value agreed = line[ORDER_LINE_PRICE];
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        struct value *to = &line[from[i][1]];
        bool money = from[i][1] == ORDER_LINE_LIST_PRICE || from[i][1] == ORDER_LINE_UNIT_COST;
        bool foreign = !agreed.null && money && !str_eq(product[from[i][0]].s, agreed.s);
        if (to->null && !foreign)
            *to = product[from[i][0]];
    }
}

static int fill_from_product(struct write *w, const struct record *before, struct record *after,
                             struct err *e)
{
    const struct value *product = &after->v[ORDER_LINE_PRODUCT_ID];
    struct record p;
    if (product->null || (before && before->v[ORDER_LINE_PRODUCT_ID].i == product->i))
        return 0;
    int rc = record_get(w->c, w->who, &w->t->registry->entities[ENTITY_PRODUCT], product->i, false,
                        w->a, &p, e);
    if (rc == 0)
        order_line_fill(after->v, p.v);
    return rc;
}

static int line_derive(struct write *w, const struct record *before, struct record *after,
                       struct err *e)
{
    const char *field = "description";
    int rc = fill_from_product(w, before, after, e);
    if (rc)
        return rc;
    const char *code =
        after->v[ORDER_LINE_DESCRIPTION].null ? "line-empty" : order_line_compute(after->v, &field);
    if (!code)
        return 0;
    err_item(e, record_pointer(w, field), code);
    return err_set(e, ERR_VALIDATION, "order line: %s", field);
}

/* --- the order ----------------------------------------------------------------------------- */

const char *order_sum(struct value *order, const struct record *line, size_t n, size_t *ret_line,
                      const char **ret_field)
{
    struct value amount = {.s = line[0].v[ORDER_LINE_AMOUNT].s}, cost = amount;
    int64_t units = 0;
    bool whole = true;
    for (size_t i = 0; i < n; i++) {
        const struct value *a = &line[i].v[ORDER_LINE_AMOUNT], *c = &line[i].v[ORDER_LINE_COST];
        *ret_line = i;
        *ret_field = "price";
        if (!str_eq(a->s, amount.s))
            return "currency-differs";
        cost.null |= c->null;
        whole &= line[i].v[ORDER_LINE_QUANTITY].i % DECIMAL_ONE == 0;
        *ret_field = "quantity";
        if (__builtin_add_overflow(amount.i, a->i, &amount.i) ||
            __builtin_add_overflow(amount.base, a->base, &amount.base) ||
            __builtin_add_overflow(cost.i, c->i, &cost.i) ||
            __builtin_add_overflow(cost.base, c->base, &cost.base) ||
            __builtin_add_overflow(units, line[i].v[ORDER_LINE_QUANTITY].i / DECIMAL_ONE, &units))
            return "out-of-range";
    }
    order[ORDER_AMOUNT] = amount;
    /* Without the cost of one line, no margin is better than a wrong one. */
    order[ORDER_COST] = cost.null ? (struct value){.null = true} : cost;
    order[ORDER_UNITS] = (struct value){.null = !whole, .i = units};
    return NULL;
}

/* Prices that came from a product, or stood already, were converted on another day. */
static int convert_lines(struct write *w, const struct record *order, const struct record *line,
                         size_t n, struct err *e)
{
    struct rates r;
    bool any = false;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *field = "price", *code = NULL;
        if (!any)
            rc = orders_rates(w, &line[i].v[ORDER_LINE_PRICE], &r, &any, e);
        if (rc == 0 && any)
            code = order_line_convert(line[i].v, &r, (int32_t)order->v[ORDER_ORDERED_ON].i, &field);
        if (code)
            err_item(e, arena_printf(w->a, "/lines/%zu/%s", i, field), code);
    }
    return rc || !e->nitems ? rc : err_set(e, ERR_VALIDATION, "order lines");
}

static int order_totals(struct write *w, const struct record *before, struct record *after,
                        struct err *e)
{
    size_t n = 0, at = 0;
    const struct record *line = record_parts(w, ENTITY_ORDER_LINE, &n);
    const char *field = "";
    (void)before;
    if (e->nitems) /* lines that cannot be read add up to nothing; that is no amount left out */
        after->v[ORDER_AMOUNT] = (struct value){0};
    if (!line || n == 0 || e->nitems)
        return 0;
    int rc = convert_lines(w, after, line, n, e);
    if (rc)
        return rc;
    const char *code = order_sum(after->v, line, n, &at, &field);
    if (!code)
        return 0;
    err_item(e, arena_printf(w->a, "/lines/%zu/%s", at, field), code);
    return err_set(e, ERR_VALIDATION, "order line %zu", at);
}

/* An amount typed over lines would say something else than they do. */
static int order_typed(struct write *w, const struct record *before, struct record *after,
                       struct err *e)
{
    size_t n = 0;
    int64_t lines = 0;
    const struct value *now = &after->v[ORDER_AMOUNT];
    if (!before || record_parts(w, ENTITY_ORDER_LINE, &n) ||
        value_equal(&after->en->fields[ORDER_AMOUNT], &before->v[ORDER_AMOUNT], now))
        return 0;
    int rc = db_one_i64(w->c,
                        "SELECT 1 FROM (SELECT count(*) AS n, CAST(sum(amount) AS bigint) AS "
                        "total, min(amount_currency) AS c FROM order_lines WHERE order_id = $1 AND "
                        "deleted_at IS NULL) s WHERE n > 0 AND (total <> $2 OR c <> $3)",
                        DB_ARGS(DB_I64(after->v[FIELD_ID].i), DB_I64(now->i), DB_STR(now->s)), 0,
                        &lines, e);
    if (rc || !lines)
        return rc;
    err_item(e, STR("/amount"), "amount-from-lines");
    return err_set(e, ERR_VALIDATION, "amount over lines");
}

void order_settle(struct value *order)
{
    const struct value *amount = &order[ORDER_AMOUNT], *cost = &order[ORDER_COST];
    struct value margin = {.s = amount->s};
    bool known = !amount->null && !cost->null && str_eq(amount->s, cost->s) &&
                 !__builtin_sub_overflow(amount->i, cost->i, &margin.i) &&
                 !__builtin_sub_overflow(amount->base, cost->base, &margin.base);
    order[ORDER_MARGIN] = known ? margin : (struct value){.null = true};
}

static int order_margin(struct write *w, const struct record *before, struct record *after,
                        struct err *e)
{
    (void)w, (void)before, (void)e;
    order_settle(after->v);
    return 0;
}

const struct record_hook orders_hooks[] = {
    {ENTITY_ORDER_LINE, HOOK_DERIVE, 1, line_derive},
    {ENTITY_ORDER, HOOK_PARTS, 0, order_totals},
    {ENTITY_ORDER, HOOK_DERIVE, 0, order_typed},
    {ENTITY_ORDER, HOOK_DERIVE, 1, order_in_base},
    {ENTITY_ORDER, HOOK_DERIVE, 1, order_margin},
    {ENTITY_ORDER, HOOK_WRITTEN, 1, order_lines_in_base},
    {-1, HOOK_DERIVE, 0, NULL},
};
