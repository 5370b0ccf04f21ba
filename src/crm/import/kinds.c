/* The kinds of import: which fields a row may have, how rows are known, who writes them. */
#include "crm/import/run.h"

/* The sign of an order's amount follows its status. */
static void settle_order(const struct import_plan *p, struct parsed_row *row)
{
    struct value *own = row->v[SIDE_OWN];
    struct value *status = &own[ORDER_STATUS], *amount = &own[ORDER_AMOUNT];
    if (amount->null)
        return;
    if (p->status_column < 0 && amount->i < 0)
        *status = (struct value){.s = STR("returned")};
    bool returned = str_is(status->s, "returned");
    if (returned && amount->i > 0) {
        /* Files write returns either way; a return takes money back. */
        amount->i = -amount->i;
        amount->base = -amount->base;
    } else if (!returned && amount->i < 0) {
        row_note(row, p->amount_column, "order-negative");
    }
}

static void settle_line(const struct import_plan *p, struct parsed_row *row)
{
    struct value *quantity = &row->v[SIDE_OWN][ORDER_LINE_QUANTITY];
    (void)p;
    if (str_is(row->v[SIDE_ORDER][ORDER_STATUS].s, "returned") && quantity->i > 0)
        quantity->i = -quantity->i;
}

/* A role in somebody's own words is what they do; one of the list says how they decide. */
static void settle_contact(const struct import_plan *p, struct parsed_row *row)
{
    const struct field *listed =
        &p->t->registry->entities[ENTITY_CONTACT].fields[CONTACT_DECISION_ROLE];
    const struct value *said = &row->v[SIDE_AFFILIATION][AFFILIATION_ROLE];
    struct value choice = {.null = true};
    if (said->null)
        return;
    bool decides = !listed->type->from_text(listed, said->s, &p->env, &choice) && !choice.null;
    struct value *own = &row->v[SIDE_OWN][decides ? CONTACT_DECISION_ROLE : CONTACT_TITLE];
    if (own->null && plan_may(p, SIDE_OWN, decides ? CONTACT_DECISION_ROLE : CONTACT_TITLE))
        *own = decides ? choice : *said;
}

/* Of a customer, first what finds it. */
static const int of_customer[] = {CUSTOMER_EXT_ID,   CUSTOMER_NAME, CUSTOMER_PHONE,
                                  CUSTOMER_EMAIL,    CUSTOMER_CITY, CUSTOMER_REGION,
                                  CUSTOMER_INDUSTRY, CUSTOMER_KIND};
static const int of_contact_customer[] = {CUSTOMER_EXT_ID, CUSTOMER_NAME};
static const int of_affiliation[] = {AFFILIATION_ROLE};
static const int of_order[] = {ORDER_NUMBER,  ORDER_ORDERED_ON, ORDER_STATUS,
                               ORDER_CHANNEL, ORDER_PLACE,      ORDER_PROMOTION};
static const int of_line[] = {ORDER_LINE_QUANTITY,  ORDER_LINE_PRICE,      ORDER_LINE_DESCRIPTION,
                              ORDER_LINE_UNIT,      ORDER_LINE_LIST_PRICE, ORDER_LINE_DISCOUNT,
                              ORDER_LINE_UNIT_COST, ORDER_LINE_AMOUNT};
static const int of_line_product[] = {PRODUCT_CODE, PRODUCT_NAME};
static const int of_product[] = {PRODUCT_NAME,       PRODUCT_CODE,   PRODUCT_CATEGORY,
                                 PRODUCT_LIST_PRICE, PRODUCT_COST,   PRODUCT_UNIT,
                                 PRODUCT_KIND,       PRODUCT_ACTIVE, PRODUCT_DESCRIPTION};

#define FIELDS(list) list, sizeof list / sizeof list[0]
#define CUSTOMER_SIDE(list)                                                                        \
    {                                                                                              \
        SIDE_CUSTOMER, ENTITY_CUSTOMER, "customer.", FIELDS(list), -1                              \
    }
#define CUSTOMER_KEY .key_side = SIDE_CUSTOMER, .keys = {CUSTOMER_EXT_ID, CUSTOMER_NAME}

static const struct import_kind kinds[] = {
    {.entity = ENTITY_ORDER,
     .sides = {CUSTOMER_SIDE(of_customer), {SIDE_OWN, ENTITY_ORDER, "", NULL, 0, -1}},
     .nsides = 2,
     CUSTOMER_KEY,
     .currency = true,
     .orders = true,
     .by_customer = true,
     .settle = settle_order,
     .write = write_order},
    {.entity = ENTITY_ORDER_LINE,
     .sides = {CUSTOMER_SIDE(of_customer),
               {SIDE_ORDER, ENTITY_ORDER, "order.", FIELDS(of_order), ORDER_NUMBER},
               {SIDE_PRODUCT, ENTITY_PRODUCT, "product.", FIELDS(of_line_product), -1},
               {SIDE_OWN, ENTITY_ORDER_LINE, "", FIELDS(of_line), -1}},
     .nsides = 4,
     CUSTOMER_KEY,
     .currency = true,
     .orders = true,
     .grouped = true,
     .by_customer = true,
     .settle = settle_line,
     .write = write_lines},
    {.entity = ENTITY_CUSTOMER,
     .sides = {{SIDE_OWN, ENTITY_CUSTOMER, "", NULL, 0, -1}},
     .nsides = 1,
     .key_side = SIDE_OWN,
     .keys = {CUSTOMER_EXT_ID, CUSTOMER_NAME},
     .once = true,
     .write = write_customer},
    {.entity = ENTITY_CONTACT,
     .sides = {CUSTOMER_SIDE(of_contact_customer),
               {SIDE_OWN, ENTITY_CONTACT, "", NULL, 0, -1},
               {SIDE_AFFILIATION, ENTITY_AFFILIATION, "affiliation.", FIELDS(of_affiliation), -1}},
     .nsides = 3,
     CUSTOMER_KEY,
     .by_customer = true,
     .settle = settle_contact,
     .write = write_contact},
    {.entity = ENTITY_PRODUCT,
     .sides = {{SIDE_OWN, ENTITY_PRODUCT, "", FIELDS(of_product), -1}},
     .nsides = 1,
     .key_side = SIDE_OWN,
     .keys = {PRODUCT_CODE, PRODUCT_NAME},
     .once = true,
     .currency = true,
     .write = write_product},
};

bool import_importable(const struct entity *en)
{
    return import_kind_of(en) != NULL;
}

const struct import_kind *import_kind_of(const struct entity *en)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].entity == en->id)
            return &kinds[i];
    return NULL;
}
