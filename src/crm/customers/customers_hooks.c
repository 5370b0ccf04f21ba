#include "crm/customers/customers.h"

#include "core/bell/bell.h"

int customers_give(struct write *w, int64_t customer_id, struct record *after, struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(w->c, "SELECT owner_id, department_id FROM customers WHERE id = $1",
                      DB_ARGS(DB_I64(customer_id)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0 && !db_is_null(rows, 0)) {
        after->v[FIELD_OWNER_ID] = (struct value){.i = db_i64(rows, 0)};
        after->v[FIELD_DEPARTMENT_ID] =
            (struct value){.null = db_is_null(rows, 1), .i = db_i64(rows, 1)};
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int order_owner(struct write *w, const struct record *before, struct record *after,
                       struct err *e)
{
    if (before || after->v[ORDER_CUSTOMER_ID].null)
        return 0;
    return customers_give(w, after->v[ORDER_CUSTOMER_ID].i, after, e);
}

/* A return takes money back; an order brings some. */
static int order_sign(struct write *w, const struct record *before, struct record *after,
                      struct err *e)
{
    (void)w;
    (void)before;
    bool returned = str_is(after->v[ORDER_STATUS].s, "returned");
    int64_t amount = after->v[ORDER_AMOUNT].i;
    if (returned ? amount <= 0 : amount >= 0)
        return 0;
    err_item(e, STR("/amount"), returned ? "return-positive" : "order-negative");
    return err_set(e, ERR_VALIDATION, "sign of the amount");
}

static int order_original(struct write *w, const struct record *before, struct record *after,
                          struct err *e)
{
    int64_t same = 0;
    (void)before;
    if (after->v[ORDER_ORIGINAL_ID].null)
        return 0;
    int rc = db_one_i64(
        w->c, "SELECT 1 FROM orders WHERE id = $1 AND customer_id = $2",
        DB_ARGS(DB_I64(after->v[ORDER_ORIGINAL_ID].i), DB_I64(after->v[ORDER_CUSTOMER_ID].i)), 0,
        &same, e);
    if (rc || same)
        return rc;
    err_item(e, STR("/original_id"), "return-other-customer");
    return err_set(e, ERR_VALIDATION, "the original order is another customer's");
}

static int order_written(struct write *w, const struct record *before, struct record *after,
                         struct err *e)
{
    int64_t now = after->v[ORDER_CUSTOMER_ID].i;
    int64_t was = before ? before->v[ORDER_CUSTOMER_ID].i : now;
    int rc = customers_resum(w->c, w->t, now, e);
    return rc || was == now ? rc : customers_resum(w->c, w->t, was, e);
}

/* Lines of orders, of checklists: theirs is whoever owns the whole. */
static int parts_of_customer(struct write *w, const struct entity *part, int64_t customer,
                             struct err *e)
{
    const struct entity *whole =
        part->part_of < 0 ? NULL : &w->t->registry->entities[part->part_of];
    if (!whole || !part->owned || whole->customer_field < 0)
        return 0;
    const char *link = part->fields[part->part_link].name;
    struct sql q = sql_new(w->a);
    sql_addf(&q,
             "UPDATE %s SET owner_id = (SELECT o.owner_id FROM %s o WHERE o.id = %s), "
             "department_id = (SELECT o.department_id FROM %s o WHERE o.id = %s) "
             "WHERE %s IN (SELECT id FROM %s WHERE %s = ",
             part->table, whole->table, link, whole->table, link, link, whole->table,
             whole->fields[whole->customer_field].name);
    sql_arg(&q, DB_I64(customer));
    sql_add(&q, ")");
    const char *text = sql_text(&q);
    return db_exec(w->c, text, q.args, q.nargs, NULL, e);
}

/* What hangs on a customer and was the old owner's goes with the customer to the new one. */
static int customer_owner(struct write *w, const struct record *before, struct record *after,
                          struct err *e)
{
    static const int followers[] = {ENTITY_ORDER, ENTITY_CONTACT, ENTITY_AFFILIATION, ENTITY_NOTE,
                                    ENTITY_TASK};
    if (!before || value_equal(&after->en->fields[FIELD_OWNER_ID], &before->v[FIELD_OWNER_ID],
                               &after->v[FIELD_OWNER_ID]))
        return 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof followers / sizeof followers[0]; i++) {
        struct sql q = sql_new(w->a);
        sql_addf(&q, "UPDATE %s SET owner_id = ", w->t->registry->entities[followers[i]].table);
        sql_arg(&q, DB_ID(after->v[FIELD_OWNER_ID].i));
        sql_add(&q, ", department_id = ");
        sql_arg(&q, DB_ID(after->v[FIELD_DEPARTMENT_ID].i));
        sql_add(&q, " WHERE customer_id = ");
        sql_arg(&q, DB_I64(after->v[FIELD_ID].i));
        if (before->v[FIELD_OWNER_ID].null) {
            sql_add(&q, " AND owner_id IS NULL");
        } else {
            sql_add(&q, " AND owner_id = ");
            sql_arg(&q, DB_I64(before->v[FIELD_OWNER_ID].i));
        }
        const char *text = sql_text(&q);
        rc = db_exec(w->c, text, q.args, q.nargs, NULL, e);
        if (rc == 0)
            rc = record_index_again(w, &w->t->registry->entities[followers[i]], "customer_id",
                                    after->v[FIELD_ID].i, e);
    }
    for (int i = 0; rc == 0 && i < ENTITY_COUNT; i++)
        rc = parts_of_customer(w, &w->t->registry->entities[i], after->v[FIELD_ID].i, e);
    return rc;
}

/* A customer in the trash takes no orders along, but its sums are out of the totals. */
static int customer_written(struct write *w, const struct record *before, struct record *after,
                            struct err *e)
{
    bool was_gone = before && !before->v[FIELD_DELETED_AT].null;
    bool is_gone = !after->v[FIELD_DELETED_AT].null;
    return was_gone == is_gone ? 0 : customers_resum(w->c, w->t, after->v[FIELD_ID].i, e);
}

/* A note may be written where it was thought of: with an order or a contact of its customer. That
   is looked at when it is said; a contact that changes customers later leaves its notes where they
   are. */
static const struct note_place {
    int field;
    const char *sql, *pointer;
} note_places[] = {
    {NOTE_ORDER_ID, "SELECT 1 FROM orders WHERE id = $1 AND customer_id = $2", "/order_id"},
    {NOTE_CONTACT_ID,
     "SELECT 1 FROM contacts WHERE id = $1 AND customer_id = $2 UNION ALL "
     "SELECT 1 FROM affiliations WHERE contact_id = $1 AND customer_id = $2 AND deleted_at IS NULL "
     "LIMIT 1",
     "/contact_id"},
};

static int note_place(struct write *w, const struct record *before, struct record *after,
                      struct err *e)
{
    const struct value *customer = &after->v[NOTE_CUSTOMER_ID];
    bool moved = !before || before->v[NOTE_CUSTOMER_ID].i != customer->i;
    int rc = 0;
    bool wrong = false;
    for (size_t i = 0; rc == 0 && i < sizeof note_places / sizeof note_places[0]; i++) {
        const struct note_place *p = &note_places[i];
        const struct value *at = &after->v[p->field];
        int64_t theirs = 0;
        if (at->null ||
            (!moved && value_equal(&after->en->fields[p->field], &before->v[p->field], at)))
            continue;
        rc = db_one_i64(w->c, p->sql, DB_ARGS(DB_I64(at->i), DB_I64(customer->i)), 0, &theirs, e);
        if (rc == 0 && !theirs) {
            err_item(e, str_of(p->pointer), "note-other-customer");
            wrong = true;
        }
    }
    if (rc == 0 && wrong)
        rc = err_set(e, ERR_VALIDATION, "a note with another customer's order or contact");
    return rc;
}

static int touch_customer(struct write *w, const struct record *before, struct record *after,
                          struct err *e)
{
    if (after->v[NOTE_CUSTOMER_ID].null)
        return 0;
    int64_t customer = after->v[NOTE_CUSTOMER_ID].i;
    /* Who writes about a customer wants to hear how it goes on. */
    int rc = before ? 0
                    : bell_follow(w->c, &w->t->registry->entities[ENTITY_CUSTOMER], customer,
                                  w->who->user_id, true, true, w->now, e);
    return rc ? rc
              : db_exec(w->c, "UPDATE customers SET updated_at = $1, updated_by = $2 WHERE id = $3",
                        DB_ARGS(DB_I64(w->now), DB_ID(w->who->user_id), DB_I64(customer)), NULL, e);
}

const struct record_hook customers_hooks[] = {
    {ENTITY_ORDER, HOOK_DERIVE, 1, order_owner},
    {ENTITY_ORDER, HOOK_DERIVE, 1, order_sign},
    {ENTITY_ORDER, HOOK_DERIVE, 1, order_original},
    {ENTITY_ORDER, HOOK_WRITTEN, 1, order_written},
    {ENTITY_CUSTOMER, HOOK_WRITTEN, 1, customer_owner},
    {ENTITY_CUSTOMER, HOOK_WRITTEN, 1, customer_written},
    {ENTITY_NOTE, HOOK_DERIVE, 1, note_place},
    {ENTITY_NOTE, HOOK_WRITTEN, 1, touch_customer},
    {-1, HOOK_DERIVE, 0, NULL},
};
