/* What the invented company has: goods, and of each customer contacts, orders, notes and tasks. */
#include "crm/demo/internal.h"

#include "base/clock.h"
#include "core/record/record.h"
#include "crm/customers/customers.h"
#include "crm/orders/orders.h"
#include "crm/tasks/tasks.h"
#include "entities.gen.h"

#include <string.h>

/* Orders of the last year have lines; older ones an amount, as if they had been imported. */
enum { YEARS_DAYS = 3 * 365, LEAN_DAYS = 365, LINES_DAYS = 365, MOST_LINES = 5 };

/* Weeks and units of the base currency: the true parameters behind every demo. On average one order
   in seven weeks of 9,000 each while they stay; one in seven leaves after an order. */
static const double buying[] = {0.9, 6.0, 0.75, 4.5};
static const struct pv_gamma_gamma spend = {3.0, 3.2, 6600.0};

static struct pv_world purchases_of(const struct demo_world *w)
{
    return (struct pv_world){.model = pv_model_find("bg-nbd"),
                             .param = buying,
                             .spend = &spend,
                             .unit_days = 7.0,
                             .money_scale = (double)w->scale,
                             .until = w->until,
                             .seed = w->seed};
}

static void add_return(const struct demo_world *w, struct demo_customer *k, size_t of)
{
    const struct demo_order *o = &k->order[of];
    int32_t day = o->day + 3 + (int32_t)dice_below(&k->dice, 9);
    unsigned share = 30 + 35 * (unsigned)dice_below(&k->dice, 3); /* per cent of it */
    if (day > w->until || k->norders == DEMO_MOST_ORDERS)
        return;
    k->order[k->norders++] = (struct demo_order){.day = day,
                                                 .amount = -(o->amount * share / 100),
                                                 .cost = -(o->cost * share / 100),
                                                 .good = o->good,
                                                 .units = o->units,
                                                 .original = (int)of};
}

static void add_order(const struct demo_world *w, struct demo_customer *k, int32_t day,
                      int64_t amount)
{
    const struct demo_good *good = &demo_goods[dice_below(&k->dice, demo_ngoods)];
    int64_t units = amount / (good->price * w->scale);
    int64_t percent = good->cost_percent + (int64_t)dice_below(&k->dice, 9) - 4;
    k->order[k->norders++] = (struct demo_order){.day = day,
                                                 .amount = amount,
                                                 .cost = amount * percent / 100,
                                                 .good = good,
                                                 .units = units < 1      ? 1
                                                          : units > 9999 ? 9999
                                                                         : (unsigned)units,
                                                 .original = -1};
}

int demo_customer_of(const struct demo_world *w, int64_t at, struct arena *a,
                     struct demo_customer *k, struct err *e)
{
    struct pv_world world = purchases_of(w);
    struct pv_simulated one;
    int32_t day;
    int64_t amount;
    k->norders = 0;
    k->dice = dice_of(w->seed, (uint64_t)at);
    k->name = demo_name_of(&k->dice, at, a);
    /* Customers come ever faster: of three years the last one brings a good half more than the
       first. The larger of two draws has such a slope. */
    uint64_t span = w->lean ? LEAN_DAYS : YEARS_DAYS;
    uint64_t x = dice_below(&k->dice, span), y = dice_below(&k->dice, 2 * span);
    int32_t first = w->until - (int32_t)span + 1 + (int32_t)(y < span && y > x ? y : x);
    if (pv_simulate_start(&world, (uint64_t)at, first, &one) != 0)
        return err_set(e, ERR_INTERNAL, "the demo's model");
    while (k->norders < DEMO_MOST_ORDERS && pv_simulate_next(&world, &one, &day, &amount))
        add_order(w, k, day, amount);
    for (size_t i = 0, n = k->norders; i < n; i++)
        if (dice_below(&k->dice, 60) == 0)
            add_return(w, k, i);
    return 0;
}

/* --- rows ---------------------------------------------------------------------------------- */

static struct value text(struct str s)
{
    return (struct value){.null = s.n == 0, .s = s};
}

static struct value word(const char *s)
{
    return text(str_of(s));
}

static struct value whole(int64_t i)
{
    return (struct value){.i = i};
}

static struct value money(const struct demo_world *w, int64_t minor)
{
    return (struct value){.i = minor, .base = minor, .s = w->currency};
}

/* A row of `en` with all that every record has, made on day `day` at ten o'clock. */
static struct value *row_of(const struct demo_world *w, const struct entity *en,
                            const struct actor *who, int32_t day, struct arena *a)
{
    struct value *v = arena_array(a, struct value, en->nfields);
    record_blank(en, v);
    record_stamp(en, v, id_next(w->t->ids), who, (day * INT64_C(86400) + 36000) * 1000, w->job);
    return v;
}

static void give_to(const struct demo_world *w, struct value *v, size_t owner)
{
    if (w->nowners == 0)
        return;
    v[FIELD_OWNER_ID] = whole(w->owners[owner]);
    v[FIELD_DEPARTMENT_ID] =
        (struct value){.null = !w->departments[owner], .i = w->departments[owner]};
}

static int write_category(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                          const char *name, int64_t parent, struct arena *a, int64_t *ret_id,
                          struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_CATEGORY];
    struct value *v = row_of(w, en, who, w->until - YEARS_DAYS, a);
    v[CATEGORY_NAME] = word(name);
    v[CATEGORY_PARENT_ID] = (struct value){.null = parent == 0, .i = parent};
    *ret_id = v[FIELD_ID].i;
    return record_insert(c, en, v, a, e);
}

/* The category of this name, written when it is not there, below its group. */
static int category_of(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                       const char *name, struct arena *a, int64_t *ret_id, struct err *e)
{
    int64_t parent = 0;
    int rc = db_one_i64(c, "SELECT id FROM categories WHERE name = $1",
                        DB_ARGS(DB_STR(str_of(name))), 0, ret_id, e);
    if (rc || *ret_id)
        return rc;
    for (size_t i = 0; rc == 0 && i < demo_ngroups; i++)
        if (strcmp(demo_groups[i][0], name) == 0)
            rc = category_of(w, c, who, demo_groups[i][1], a, &parent, e);
    return rc ? rc : write_category(w, c, who, name, parent, a, ret_id, e);
}

int demo_read_products(struct demo_world *w, struct db_conn *c, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < demo_ngoods; i++)
        rc = db_one_i64(c, "SELECT id FROM products WHERE code = $1",
                        DB_ARGS(DB_STR(str_of(demo_goods[i].code))), 0, &w->goods[i], e);
    return rc;
}

int demo_write_products(struct demo_world *w, struct db_conn *c, const struct actor *who,
                        struct arena *a, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_PRODUCT];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < demo_ngoods; i++) {
        const struct demo_good *g = &demo_goods[i];
        int64_t category = 0;
        rc = category_of(w, c, who, g->category, a, &category, e);
        if (rc)
            return rc;
        struct value *v = row_of(w, en, who, w->until - YEARS_DAYS, a);
        w->goods[i] = v[FIELD_ID].i;
        v[PRODUCT_CATEGORY_ID] = whole(category);
        v[PRODUCT_NAME] = word(g->name);
        v[PRODUCT_CODE] = word(g->code);
        v[PRODUCT_CATEGORY] = word(g->category);
        v[PRODUCT_UNIT] = word(g->unit);
        if (strncmp(g->code, "SV-", 3) == 0)
            v[PRODUCT_KIND] = word("service");
        v[PRODUCT_LIST_PRICE] = money(w, g->price * w->scale);
        v[PRODUCT_COST] = money(w, g->price * w->scale * g->cost_percent / 100);
        rc = record_insert(c, en, v, a, e);
    }
    return rc;
}

/* The sums that customers_resum() would make. */
static void set_sums(const struct demo_world *w, const struct demo_customer *k, struct value *v)
{
    int64_t n = 0, total = 0;
    int32_t last = 0;
    for (size_t i = 0; i < k->norders; i++) {
        const struct demo_order *o = &k->order[i];
        total += o->amount;
        n += o->original < 0;
        if (o->original < 0 && o->day > last)
            last = o->day;
    }
    v[CUSTOMER_ORDERS_COUNT] = whole(n);
    v[CUSTOMER_REVENUE] = money(w, total);
    v[CUSTOMER_FIRST_ORDER_ON] = whole(k->order[0].day);
    v[CUSTOMER_LAST_ORDER_ON] = whole(last);
}

static int write_contacts(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                          struct demo_customer *k, const struct value *customer, size_t owner,
                          struct arena *a, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_CONTACT];
    size_t n = k->name.person ? 0 : 1 + dice_below(&k->dice, 5) / 3;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct value *v = row_of(w, en, who, k->order[0].day, a);
        give_to(w, v, owner);
        v[CONTACT_NAME] = text(demo_person(&k->dice, k->name.foreign, a));
        v[CONTACT_CUSTOMER_ID] = whole(customer[FIELD_ID].i);
        v[CONTACT_TITLE] = word(demo_title(&k->dice, k->name.foreign));
        v[CONTACT_DECISION_ROLE] = word(i == 0 ? "decider" : "user");
        v[CONTACT_IS_PRIMARY] = whole(i == 0);
        v[CONTACT_PHONE] =
            text(arena_printf(a, "1%02u%08u", 30 + (unsigned)dice_below(&k->dice, 69),
                              (unsigned)dice_below(&k->dice, 100000000)));
        v[CONTACT_EMAIL] =
            text(arena_printf(a, "c%lld@example.com", (long long)v[FIELD_ID].i % 1000000));
        rc = record_insert(c, en, v, a, e);
    }
    return rc;
}

/* --- lines ---------------------------------------------------------------------------------- */

struct demo_line {
    const struct demo_good *good;  /* NULL: freight */
    int64_t quantity, price, cost; /* pieces; minor units of one */
};

/* Lines that come to exactly the amount: some goods at their list price, the main one at a price
   that was agreed on, and freight, which takes up what does not divide. */
static size_t lines_of(const struct demo_world *w, struct dice *d, const struct demo_order *o,
                       struct demo_line out[MOST_LINES])
{
    int64_t rest = o->amount, freight = 60 * w->scale;
    size_t n = 0, more = (size_t)dice_below(d, 3);
    unsigned percent = o->good->cost_percent + (unsigned)dice_below(d, 9) - 4;
    if (o->original >= 0) { /* what came back */
        out[0] = (struct demo_line){o->good, -1, -o->amount, -o->cost};
        return 1;
    }
    for (size_t i = 0; i < more; i++) {
        const struct demo_good *good = &demo_goods[dice_below(d, demo_ngoods)];
        int64_t price = good->price * w->scale, fit = rest / 3 / price;
        if (good == o->good || fit < 1)
            continue;
        int64_t quantity = 1 + (int64_t)dice_below(d, (uint64_t)(fit > 40 ? 40 : fit));
        out[n++] = (struct demo_line){good, quantity, price, price * good->cost_percent / 100};
        rest -= quantity * price;
    }
    int64_t units = rest / (o->good->price * w->scale);
    bool sent = units >= 1 && units < 5000 && rest > 4 * freight;
    int64_t price = sent ? (rest - freight) / units : rest;
    units = sent ? units : 1;
    out[n++] = (struct demo_line){o->good, units, price, price * percent / 100};
    rest -= units * price;
    if (rest)
        out[n++] = (struct demo_line){NULL, 1, rest, rest * 4 / 5};
    return n;
}

/* The lines of an order, and what they make of it, in its row `order`. */
static int write_lines(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                       struct demo_customer *k, const struct demo_order *o, struct value *order,
                       const struct demo_line *line, size_t n, struct arena *a, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_ORDER_LINE];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct demo_good *good = line[i].good;
        const char *field;
        struct value *v = row_of(w, en, who, o->day, a);
        v[FIELD_OWNER_ID] = order[FIELD_OWNER_ID];
        v[FIELD_DEPARTMENT_ID] = order[FIELD_DEPARTMENT_ID];
        v[ORDER_LINE_ORDER_ID] = order[FIELD_ID];
        v[ORDER_LINE_LINE_NO] = whole((int64_t)i + 1);
        v[ORDER_LINE_DESCRIPTION] = word(good ? good->name : k->name.foreign ? "Freight" : "运费");
        v[ORDER_LINE_QUANTITY] = whole(line[i].quantity * DECIMAL_ONE);
        v[ORDER_LINE_PRICE] = money(w, line[i].price);
        v[ORDER_LINE_UNIT_COST] = money(w, line[i].cost);
        if (good) {
            v[ORDER_LINE_PRODUCT_ID] = whole(w->goods[good - demo_goods]);
            v[ORDER_LINE_UNIT] = word(good->unit);
            v[ORDER_LINE_LIST_PRICE] = money(w, good->price * w->scale);
        }
        const char *wrong = order_line_compute(v, &field);
        rc = wrong ? err_set(e, ERR_INTERNAL, "demo: %s of a line: %s", field, wrong)
                   : record_insert(c, en, v, a, e);
    }
    return rc;
}

static void sum_lines(const struct demo_world *w, const struct demo_line *line, size_t n,
                      struct value *order)
{
    int64_t cost = 0, units = 0;
    for (size_t i = 0; i < n; i++) {
        cost += line[i].cost * line[i].quantity;
        units += line[i].quantity;
    }
    order[ORDER_COST] = money(w, cost);
    order[ORDER_UNITS] = whole(units);
}

static int write_orders(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                        struct demo_customer *k, int64_t at, const struct value *customer,
                        size_t owner, struct arena *a, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_ORDER];
    int64_t ids[DEMO_MOST_ORDERS];
    struct dice cut = dice_of(w->seed + 2, (uint64_t)at); /* apart: lines change nothing else */
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < k->norders; i++) {
        const struct demo_order *o = &k->order[i];
        struct value *v = row_of(w, en, who, o->day, a);
        ids[i] = v[FIELD_ID].i;
        give_to(w, v, owner);
        v[ORDER_NUMBER] = text(arena_printf(a, "SO-%06lld-%02zu", (long long)at + 1, i + 1));
        v[ORDER_CUSTOMER_ID] = whole(customer[FIELD_ID].i);
        v[ORDER_ORDERED_ON] = whole(o->day);
        v[ORDER_AMOUNT] = money(w, o->amount);
        v[ORDER_COST] = money(w, o->cost);
        v[ORDER_UNITS] = whole(o->units);
        v[ORDER_CHANNEL] = word(demo_channel(&k->dice));
        v[ORDER_DESCRIPTION] = word(o->good->name);
        if (o->original >= 0) {
            v[ORDER_STATUS] = word("returned");
            v[ORDER_ORIGINAL_ID] = whole(ids[o->original]);
        }
        struct demo_line line[MOST_LINES];
        bool cut_up = !w->lean && o->day > w->until - LINES_DAYS;
        size_t n = cut_up ? lines_of(w, &cut, o, line) : 0;
        if (n)
            sum_lines(w, line, n, v);
        order_settle(v);
        rc = record_insert(c, en, v, a, e);
        if (rc == 0)
            rc = write_lines(w, c, who, k, o, v, line, n, a, e);
    }
    return rc;
}

/* Something is planned with those who buy much, and sometimes late. */
static int write_tasks(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                       struct demo_customer *k, int64_t at, const struct value *customer,
                       size_t owner, struct arena *a, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_TASK];
    struct dice d = dice_of(w->seed + 3, (uint64_t)at);
    size_t n = k->norders >= 14 && dice_chance(&d, 35) ? 1 + dice_below(&d, 3) / 2 : 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        bool done = i > 0 && dice_chance(&d, 60);
        int32_t due = w->until - 4 + (int32_t)dice_below(&d, 30) - (done ? 30 : 0);
        struct value *v = row_of(w, en, who, w->until - 40, a);
        give_to(w, v, owner);
        v[TASK_TITLE] = text(demo_step(&d, k->name.foreign));
        v[TASK_CUSTOMER_ID] = customer[FIELD_ID];
        v[TASK_DUE_ON] = whole(due);
        v[TASK_PRIORITY] = word(dice_chance(&d, 15) ? "high" : "normal");
        if (done) {
            v[TASK_STATUS] = word("done");
            v[TASK_DONE_AT] = whole((due * INT64_C(86400) + 36000) * 1000);
        }
        rc = record_insert(c, en, v, a, e);
    }
    return rc || n == 0 ? rc : tasks_next(c, customer[FIELD_ID].i, e);
}

static int write_notes(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                       struct demo_customer *k, const struct value *customer, size_t owner,
                       struct arena *a, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_NOTE];
    static const char *const methods[] = {"phone", "visit", "wechat", "email"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < k->norders; i += 4) {
        if (!dice_chance(&k->dice, 35))
            continue;
        struct value *v = row_of(w, en, who, k->order[i].day, a);
        give_to(w, v, owner);
        v[NOTE_CUSTOMER_ID] = whole(customer[FIELD_ID].i);
        v[NOTE_BODY] = text(demo_note(&k->dice, k->name.foreign));
        v[NOTE_METHOD] = word(methods[dice_below(&k->dice, 4)]);
        rc = record_insert(c, en, v, a, e);
    }
    return rc;
}

static const char *source_of(struct dice *d)
{
    static const char *const sources[] = {"exhibition", "website", "referral", "call", "other"};
    return sources[dice_below(d, 5)];
}

static struct value *customer_row(const struct demo_world *w, const struct actor *who, int64_t at,
                                  struct demo_customer *k, size_t owner, struct arena *a)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_CUSTOMER];
    struct value *v = row_of(w, en, who, k->order[0].day, a);
    give_to(w, v, owner);
    v[CUSTOMER_NAME] = text(k->name.name);
    v[CUSTOMER_EXT_ID] = text(arena_printf(a, "C-%06lld", (long long)at + 1));
    v[CUSTOMER_KIND] = word(k->name.person ? "person" : "company");
    v[CUSTOMER_INDUSTRY] = text(k->name.industry);
    v[CUSTOMER_CITY] = text(k->name.city);
    v[CUSTOMER_REGION] = text(k->name.region);
    v[CUSTOMER_COUNTRY] = word(k->name.foreign ? "" : "中国");
    v[CUSTOMER_SOURCE] = word(source_of(&k->dice));
    v[CUSTOMER_ACQUIRED_ON] = whole(k->order[0].day);
    v[CUSTOMER_EMAIL] = text(arena_printf(a, "office%lld@example.com", (long long)at + 1));
    set_sums(w, k, v);
    if (k->norders > 2 && dice_chance(&k->dice, 40)) {
        v[CUSTOMER_NEXT_STEP] = text(demo_step(&k->dice, k->name.foreign));
        v[CUSTOMER_NEXT_STEP_ON] = whole(w->until - 9 + (int64_t)dice_below(&k->dice, 30));
    }
    return v;
}

int demo_write_customer(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                        int64_t at, struct arena *a, struct err *e)
{
    struct demo_customer k;
    int rc = demo_customer_of(w, at, a, &k, e);
    if (rc)
        return rc;
    /* Drawn apart: who works here changes nothing else. */
    struct dice whose = dice_of(w->seed + 1, (uint64_t)at);
    size_t owner = w->nowners ? dice_below(&whose, w->nowners) : 0;
    const struct value *v = customer_row(w, who, at, &k, owner, a);
    rc = record_insert(c, &w->t->registry->entities[ENTITY_CUSTOMER], v, a, e);
    if (rc == 0 && !w->lean)
        rc = write_contacts(w, c, who, &k, v, owner, a, e);
    if (rc == 0)
        rc = write_orders(w, c, who, &k, at, v, owner, a, e);
    if (rc == 0 && !w->lean)
        rc = write_notes(w, c, who, &k, v, owner, a, e);
    if (rc == 0 && !w->lean)
        rc = write_tasks(w, c, who, &k, at, v, owner, a, e);
    return rc ? rc : customers_changed(c, w->t, v[FIELD_ID].i, e);
}
