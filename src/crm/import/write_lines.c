/* Rows of order lines: those of one number are one order, which is written whole or not at all. */
#include "crm/import/run.h"

#include "base/clock.h"
#include "crm/orders/orders.h"

#include <stdlib.h>
#include <string.h>

struct group {
    struct chunk *ch;
    struct db_conn *c;
    const struct import_row *rows;
    size_t n;
    struct record *lines;
    struct value *order;    /* what the rows say of it together */
    struct value *customer; /* the same of its customer */
    struct str key;
    bool said[MAX_COLUMNS]; /* by column: a row said it */
    struct value **goods;   /* by row: what it says of a product that is to be made, or NULL */
    /* what is wrong with the group: a column and a code, and the row to blame */
    size_t bad_row;
    int bad_column;
    const char *bad;
};

static void wrong(struct group *g, size_t row, int column, const char *code)
{
    if (g->bad)
        return;
    g->bad = code;
    g->bad_row = row;
    g->bad_column = column;
}

/* The row to blame says why; the others say that they go with it. */
static int reject_group(struct group *g, struct err *e)
{
    int number = g->ch->r->p->number_column, rc = 0;
    for (size_t i = 0; rc == 0 && i < g->n; i++) {
        bool blamed = i == g->bad_row && g->bad_column >= 0;
        rc = chunk_reject(g->ch, g->c, &g->rows[i], blamed ? g->bad_column : number,
                          blamed ? g->bad : "order-other-line", e);
    }
    return rc;
}

static int column_of(const struct group *g, enum side side, const char *field)
{
    const struct import_plan *p = g->ch->r->p;
    for (size_t i = 0; i < p->ncolumns; i++)
        if (p->targets[i].field && p->targets[i].side == side &&
            strcmp(p->targets[i].field->name, field) == 0)
            return (int)i;
    return p->number_column;
}

/* --- products ------------------------------------------------------------------------------ */

static int read_product(struct group *g, int64_t id, struct value *line, struct err *e)
{
    struct runner *r = g->ch->r;
    const struct entity *en = &r->t->registry->entities[ENTITY_PRODUCT];
    static const struct actor everybody = {.is_admin =
                                               true}; /* what a line costs, costs it anyhow */
    struct record p;
    int rc = record_get(g->c, &everybody, en, id, false, g->ch->row_arena, &p, e);
    if (rc)
        return rc;
    line[ORDER_LINE_PRODUCT_ID] = (struct value){.i = id};
    order_line_fill(line, p.v);
    return 0;
}

static int make_product(struct group *g, const struct value *said, int64_t *ret_id, struct err *e)
{
    struct runner *r = g->ch->r;
    const struct entity *en = &r->t->registry->entities[ENTITY_PRODUCT];
    struct value *v = arena_array(g->ch->row_arena, struct value, en->nfields);
    *ret_id = id_next(r->t->ids);
    record_blank(en, v);
    record_stamp(en, v, *ret_id, r->pass.who, clock_now_ms(), r->im.id);
    v[PRODUCT_CODE] = said[PRODUCT_CODE];
    v[PRODUCT_NAME] = said[PRODUCT_NAME].null ? said[PRODUCT_CODE] : said[PRODUCT_NAME];
    return record_insert(g->c, en, v, g->ch->row_arena, e);
}

/* By its code, or by its name when the row gives no code. */
static int find_product(struct group *g, const struct value *said, int64_t *ret_id, struct err *e)
{
    const struct value *code = &said[PRODUCT_CODE];
    return db_one_i64(g->c,
                      code->null ? "SELECT id FROM products WHERE name = $1 AND deleted_at IS NULL "
                                   "ORDER BY id LIMIT 1"
                                 : "SELECT id FROM products WHERE code = $1 AND deleted_at IS NULL",
                      DB_ARGS(DB_STR(code->null ? said[PRODUCT_NAME].s : code->s)), 0, ret_id, e);
}

static int settle_product(struct group *g, size_t row, struct value *said, struct value *line,
                          struct err *e)
{
    struct runner *r = g->ch->r;
    const struct actor *who = r->pass.who;
    bool may = r->p->create_products && (who->is_admin || who->on[ENTITY_PRODUCT].create);
    int64_t id = 0;
    if (said[PRODUCT_CODE].null && said[PRODUCT_NAME].null)
        return 0;
    int rc = find_product(g, said, &id, e);
    if (rc == 0 && id)
        rc = read_product(g, id, line, e);
    else if (rc == 0 && may)
        g->goods[row] = said;
    else if (rc == 0)
        wrong(g, row, column_of(g, SIDE_PRODUCT, said[PRODUCT_CODE].null ? "name" : "code"),
              "product-unknown");
    if (line[ORDER_LINE_DESCRIPTION].null)
        line[ORDER_LINE_DESCRIPTION] =
            said[PRODUCT_NAME].null ? said[PRODUCT_CODE] : said[PRODUCT_NAME];
    return rc;
}

/* Only when it is sure that the order will be written. Two lines may be of one new product. */
static int make_products(struct group *g, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->n; i++) {
        int64_t id = 0;
        if (!g->goods[i])
            continue;
        rc = find_product(g, g->goods[i], &id, e);
        if (rc == 0 && !id)
            rc = make_product(g, g->goods[i], &id, e);
        g->lines[i].v[ORDER_LINE_PRODUCT_ID] = (struct value){.i = id};
    }
    return rc;
}

/* --- rows ---------------------------------------------------------------------------------- */

/* What a row says of the order: the first to say it counts, and the others must say the same. */
static void merge(struct group *g, size_t row, enum side side, struct value *into,
                  const struct value *v)
{
    const struct import_plan *p = g->ch->r->p;
    for (size_t i = 0; i < p->ncolumns; i++) {
        const struct field *f = p->targets[i].field;
        if (!f || p->targets[i].side != side || cell_blank(cell_of(&g->ch->rec, i)))
            continue;
        if (!g->said[i])
            into[f->id] = value_keep(&v[f->id], g->ch->row_arena);
        else if (!value_equal(f, &into[f->id], &v[f->id]) && side == SIDE_ORDER)
            wrong(g, row, (int)i, "order-lines-differ");
        g->said[i] = true;
    }
}

static int take_line(struct group *g, size_t row, struct err *e)
{
    struct chunk *ch = g->ch;
    const struct entity *en = ch->r->im.en;
    struct value *line = arena_array(ch->row_arena, struct value, en->nfields);
    const struct entity *products = &ch->r->t->registry->entities[ENTITY_PRODUCT];
    struct value *said = arena_array(ch->row_arena, struct value, products->nfields);
    const char *field = "description";
    int rc = chunk_reparse(ch, &g->rows[row], e);
    if (rc)
        return rc;
    for (size_t i = 0; i < en->nfields; i++)
        line[i] = value_keep(&ch->row->v[SIDE_OWN][i], ch->row_arena);
    said[PRODUCT_CODE] = value_keep(&ch->row->v[SIDE_PRODUCT][PRODUCT_CODE], ch->row_arena);
    said[PRODUCT_NAME] = value_keep(&ch->row->v[SIDE_PRODUCT][PRODUCT_NAME], ch->row_arena);
    merge(g, row, SIDE_ORDER, g->order, ch->row->v[SIDE_ORDER]);
    merge(g, row, SIDE_CUSTOMER, g->customer, ch->row->v[SIDE_CUSTOMER]);
    if (row == 0)
        g->key = arena_str(ch->row_arena, ch->row->key);
    else if (!str_eq(g->key, ch->row->key))
        wrong(g, row, ch->r->p->key_column, "order-lines-differ");
    rc = settle_product(g, row, said, line, e);
    if (rc)
        return rc;
    const char *code = line[ORDER_LINE_DESCRIPTION].null
                           ? "line-empty"
                           : order_line_from_amount(line, ch->row_arena, &field);
    if (!code)
        code = order_line_compute(line, &field);
    if (code)
        wrong(g, row, column_of(g, SIDE_OWN, field), code);
    g->lines[row] = (struct record){en, line};
    return 0;
}

static void settle_totals(struct group *g)
{
    const struct import_plan *p = g->ch->r->p;
    const char *field = "";
    size_t at = 0;
    const char *code = NULL;
    for (; !g->bad && !code && at < g->n; at++)
        code = order_line_convert(g->lines[at].v, &g->ch->rates,
                                  (int32_t)g->order[ORDER_ORDERED_ON].i, &field);
    if (code)
        wrong(g, at - 1, column_of(g, SIDE_OWN, field), code);
    if (g->bad)
        return;
    code = order_sum(g->order, g->lines, g->n, &at, &field);
    if (code) {
        wrong(g, at, column_of(g, SIDE_OWN, field), code);
        return;
    }
    struct value *status = &g->order[ORDER_STATUS];
    bool negative = g->order[ORDER_AMOUNT].i < 0;
    if (p->status_column < 0 && negative)
        *status = (struct value){.s = STR("returned")};
    else if (negative != str_is(status->s, "returned") && g->order[ORDER_AMOUNT].i)
        wrong(g, 0, p->status_column < 0 ? p->number_column : p->status_column, "order-negative");
}

/* --- writing ------------------------------------------------------------------------------- */

static int create(struct group *g, struct customer_state *k, struct err *e)
{
    struct runner *r = g->ch->r;
    const struct entity *orders = &r->t->registry->entities[ENTITY_ORDER];
    int64_t id = id_next(r->t->ids), now = clock_now_ms();
    struct value owner = {.null = !k->is.owner_id, .i = k->is.owner_id},
                 department = {.null = !k->is.department_id, .i = k->is.department_id};
    g->ch->counts.created += (int64_t)g->n;
    if (r->mode == IMPORT_CHECK)
        return 0;
    record_stamp(orders, g->order, id, r->pass.who, now, r->im.id);
    g->order[FIELD_OWNER_ID] = owner;
    g->order[FIELD_DEPARTMENT_ID] = department;
    g->order[ORDER_CUSTOMER_ID] = (struct value){.i = k->is.id};
    order_settle(g->order);
    k->touched = true;
    int rc = record_insert(g->c, orders, g->order, g->ch->row_arena, e);
    for (size_t i = 0; rc == 0 && i < g->n; i++) {
        struct value *v = g->lines[i].v;
        record_stamp(r->im.en, v, id_next(r->t->ids), r->pass.who, now, r->im.id);
        v[FIELD_OWNER_ID] = owner;
        v[FIELD_DEPARTMENT_ID] = department;
        v[ORDER_LINE_ORDER_ID] = (struct value){.i = id};
        v[ORDER_LINE_LINE_NO] = (struct value){.i = (int64_t)i + 1};
        rc = record_insert(g->c, r->im.en, v, g->ch->row_arena, e);
    }
    return rc;
}

static void put(json_t *body, const struct field *f, const struct value *v)
{
    struct buf text = BUF_INIT(1 << 20);
    struct jw w = jw_new(&text);
    value_to_json(f, v, &w);
    json_object_set_new(body, f->name, json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL));
    buf_free(&text);
}

/* What a file says of a line, and what a line is compared by. */
static const int line_fields[] = {
    ORDER_LINE_PRODUCT_ID, ORDER_LINE_DESCRIPTION, ORDER_LINE_QUANTITY, ORDER_LINE_UNIT,
    ORDER_LINE_LIST_PRICE, ORDER_LINE_DISCOUNT,    ORDER_LINE_PRICE,    ORDER_LINE_UNIT_COST};

/* The lines that stand, by their ids; as many as fit, and how many there are. */
static int standing_lines(struct group *g, int64_t order, int64_t *ids, size_t room, size_t *ret_n,
                          struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(g->c,
                      "SELECT id FROM order_lines WHERE order_id = $1 AND deleted_at IS NULL "
                      "ORDER BY line_no, id",
                      DB_ARGS(DB_I64(order)), &rows, e);
    for (*ret_n = 0; rc == 0 && (rc = db_step(rows, e)) > 0; ++*ret_n) {
        if (*ret_n < room)
            ids[*ret_n] = db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

/* All lines as the body of a change: those that stand keep their ids. *ret_differs: any is new,
   gone or other. */
static int lines_body(struct group *g, int64_t order, json_t *lines, bool *ret_differs,
                      struct err *e)
{
    struct runner *r = g->ch->r;
    int64_t *ids = arena_array(g->ch->row_arena, int64_t, g->n);
    size_t standing = 0;
    int rc = standing_lines(g, order, ids, g->n, &standing, e);
    *ret_differs = standing != g->n;
    for (size_t i = 0; rc == 0 && i < g->n; i++) {
        const struct value *v = g->lines[i].v;
        json_t *one = json_object();
        struct record now = {0};
        if (i < standing) {
            rc = record_get(g->c, r->pass.who, r->im.en, ids[i], false, g->ch->row_arena, &now, e);
            json_object_set_new(
                one, "id",
                json_string(arena_printf(g->ch->row_arena, "%lld", (long long)ids[i]).p));
        }
        for (size_t k = 0; rc == 0 && k < sizeof line_fields / sizeof line_fields[0]; k++) {
            const struct field *f = &r->im.en->fields[line_fields[k]];
            bool same = now.v && value_equal(f, &v[f->id], &now.v[f->id]);
            *ret_differs |= !same && !(v[f->id].null && !now.v);
            if (!same)
                put(one, f, &v[f->id]);
        }
        json_array_append_new(lines, one);
    }
    return rc;
}

static int change(struct group *g, int64_t id, struct err *e)
{
    struct runner *r = g->ch->r;
    const struct entity *orders = &r->t->registry->entities[ENTITY_ORDER];
    struct record now;
    bool differs = false;
    json_t *body = json_object(), *lines = json_array();
    int rc = record_get(g->c, r->pass.who, orders, id, false, g->ch->row_arena, &now, e);
    if (rc == 0)
        rc = lines_body(g, id, lines, &differs, e);
    for (size_t i = 0; rc == 0 && i < r->p->ncolumns; i++) {
        const struct field *f = r->p->targets[i].field;
        if (f && r->p->targets[i].side == SIDE_ORDER && !g->order[f->id].null &&
            !value_equal(f, &g->order[f->id], &now.v[f->id]))
            put(body, f, &g->order[f->id]);
    }
    if (rc == 0 && differs)
        json_object_set(body, "lines", lines);
    json_decref(lines);
    if (rc == 0)
        return chunk_change(g->ch, g->c, g->rows, g->n, orders, id, body, e);
    json_decref(body);
    if (rc != ERR_NOT_FOUND)
        return rc;
    err_clear(e);
    wrong(g, 0, r->p->key_column, "not-yours");
    return reject_group(g, e);
}

static int write_group(struct group *g, struct err *e)
{
    struct chunk *ch = g->ch;
    struct runner *r = ch->r;
    struct customer_state *k;
    struct existing old;
    ch->row->key = g->key;
    memcpy(ch->row->v[SIDE_CUSTOMER], g->customer,
           r->t->registry->entities[ENTITY_CUSTOMER].nfields * sizeof *g->customer);
    int rc = chunk_customer(ch, g->c, &g->rows[0], &k, e);
    if (rc)
        return rc;
    if (chunk_refusal(k)) {
        wrong(g, 0, r->p->key_column, chunk_refusal(k));
        return reject_group(g, e);
    }
    rc = chunk_find_order(ch, g->c, &g->rows[0], &g->order[ORDER_NUMBER], k, &old, e);
    if (rc)
        return rc;
    bool mine = !old.id || old.customer_id == k->is.id;
    if (mine && r->mode == IMPORT_RUN && (!old.id || r->p->update))
        rc = make_products(g, e);
    if (rc)
        return rc;
    if (mine)
        return old.id ? change(g, old.id, e) : create(g, k, e);
    wrong(g, 0, r->p->number_column, "order-of-another-customer");
    return reject_group(g, e);
}

int write_lines(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e)
{
    const struct registry *registry = ch->r->t->registry;
    const struct entity *orders = &registry->entities[ENTITY_ORDER];
    const struct entity *customers = &registry->entities[ENTITY_CUSTOMER];
    const struct import_row *rows = &ch->r->rows.rows[at];
    size_t n = 1, left = ch->r->rows.n - at;
    while (n < left && rows[n].key == rows[0].key)
        n++;
    *ret_rows = n;
    struct group g = {.ch = ch, .c = c, .rows = rows, .n = n, .bad_column = -1};
    g.lines = arena_array(ch->row_arena, struct record, n);
    g.order = arena_array(ch->row_arena, struct value, orders->nfields);
    g.customer = arena_array(ch->row_arena, struct value, customers->nfields);
    g.goods = arena_array(ch->row_arena, struct value *, n);
    for (size_t i = 0; i < n; i++)
        g.goods[i] = NULL;
    record_blank(orders, g.order);
    record_blank(customers, g.customer);
    if (rows[0].spoiled) {
        g.bad = "order-other-line";
        return reject_group(&g, e);
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = take_line(&g, i, e);
    if (rc == 0)
        settle_totals(&g);
    if (rc)
        return rc;
    return g.bad ? reject_group(&g, e) : write_group(&g, e);
}
