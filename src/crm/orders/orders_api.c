/* By which rate an order stands in the company's currency. */
#include "crm/orders/internal.h"

/* Null where the order is in the company's currency, or its own has no rate. */
static void write_rate(struct jw *w, const struct rate *rate)
{
    jw_key(w, "rate");
    if (rate)
        jw_f64(w, (double)rate->micro / 1e6);
    else
        jw_null(w);
    rate_write_day(w, "from", rate ? rate->from : RATE_ALWAYS, RATE_ALWAYS);
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
    jw_key(w, "base");
    value_to_json(&en->fields[ORDER_AMOUNT], &(struct value){.i = amount->base, .s = co->currency},
                  w);
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
