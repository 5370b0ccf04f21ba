/* What the invented company has: goods, and of each customer contacts, orders and notes. */
#include "crm/demo/internal.h"

#include "base/clock.h"
#include "core/record/record.h"
#include "crm/customers/customers.h"
#include "entities.gen.h"

#include <string.h>

enum { YEARS_DAYS = 3 * 365 };

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
    uint64_t x = dice_below(&k->dice, YEARS_DAYS), y = dice_below(&k->dice, 2 * YEARS_DAYS);
    int32_t first = w->until - YEARS_DAYS + 1 + (int32_t)(y < YEARS_DAYS && y > x ? y : x);
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
    record_stamp(en, v, id_next(w->t->ids), who, (day * INT64_C(86400) + 36000) * 1000, 0);
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

int demo_write_products(struct demo_world *w, struct db_conn *c, const struct actor *who,
                        struct arena *a, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_PRODUCT];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < demo_ngoods; i++) {
        const struct demo_good *g = &demo_goods[i];
        struct value *v = row_of(w, en, who, w->until - YEARS_DAYS, a);
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
        rc = record_insert(c, en, v, a, e);
    }
    return rc;
}

static int write_orders(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                        struct demo_customer *k, int64_t at, const struct value *customer,
                        size_t owner, struct arena *a, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_ORDER];
    int64_t ids[DEMO_MOST_ORDERS];
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
        rc = record_insert(c, en, v, a, e);
    }
    return rc;
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
    if (rc == 0)
        rc = write_contacts(w, c, who, &k, v, owner, a, e);
    if (rc == 0)
        rc = write_orders(w, c, who, &k, at, v, owner, a, e);
    if (rc == 0)
        rc = write_notes(w, c, who, &k, v, owner, a, e);
    return rc ? rc : customers_changed(c, w->t, v[FIELD_ID].i, e);
}
