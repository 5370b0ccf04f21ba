/* By which rate an order stands in the company's currency. */
#include "crm/orders/internal.h"

#include "base/clock.h"
#include "base/money.h"

static void write_money(struct jw *w, const char *key, int64_t minor, struct str currency)
{
    const struct currency *c = currency_find(currency);
    char text[MONEY_TEXT];
    money_format(minor, c ? c->decimals : 2, text);
    jw_key(w, key);
    jw_obj(w);
    jw_kcstr(w, "amount", text);
    jw_kstr(w, "currency", currency);
    jw_obj_end(w);
}

/* Null where the order is in the company's currency, or its own has no rate. */
static void write_rate(struct jw *w, const struct rate *rate)
{
    char day[DATE_TEXT];
    jw_key(w, "rate");
    if (rate)
        jw_f64(w, (double)rate->micro / 1e6);
    else
        jw_null(w);
    if (rate && rate->from != RATE_ALWAYS)
        date_format(rate->from, day);
    jw_kcstr(w, "from", rate && rate->from != RATE_ALWAYS ? day : NULL);
}

static int order_rate(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    const struct company *co = tenant_company(c->t);
    const struct entity *en = &c->t->registry->entities[ENTITY_ORDER];
    struct record r;
    int rc = record_get(conn, c->who, en, c->id, false, c->a, &r, &c->err);
    if (rc)
        return rc;
    if (access_level(c->who, en, ORDER_AMOUNT) < LEVEL_READ ||
        access_level(c->who, en, ORDER_ORDERED_ON) < LEVEL_READ) {
        err_param(&c->err, "field", en->fields[ORDER_AMOUNT].label.in[c->lang]);
        return err_set(&c->err, ERR_FIELD_HELD_BACK, "order.amount");
    }
    const struct value *amount = &r.v[ORDER_AMOUNT];
    bool foreign = !str_eq(amount->s, co->currency);
    jw_obj(w);
    jw_kstr(w, "currency", amount->s);
    write_money(w, "base", amount->base, co->currency);
    write_rate(w,
               foreign ? rates_on(&co->rates, amount->s, (int32_t)r.v[ORDER_ORDERED_ON].i) : NULL);
    jw_obj_end(w);
    return 0;
}

const struct endpoint orders_endpoints[] = {
    {HTTP_GET, "/api/v1/orders/{id}/rate", API_READ, API_SIGNED_IN, API_NO_BODY, .read = order_rate,
     .doc = "What an order is in the company's currency, and by which rate",
     .response = "order-rate"},
    {.path = NULL},
};
