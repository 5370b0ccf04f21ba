/* Contacts: which one is called first, and at which other customers they are met. */
#include "crm/customers/customers.h"

#include "core/identity/identity.h"

/* The other firsts of a customer among the records of one entity: no longer. */
static int not_first(struct write *w, int entity, int64_t customer, int64_t self, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[entity];
    struct db_rows *rows = NULL;
    int64_t others[64];
    size_t n = 0;
    struct sql q = sql_new(w->a);
    sql_addf(&q, "SELECT id FROM %s WHERE customer_id = ", en->table);
    sql_arg(&q, DB_I64(customer));
    sql_add(&q, " AND id <> ");
    sql_arg(&q, DB_I64(self));
    sql_add(&q, " AND is_primary = 1 AND deleted_at IS NULL LIMIT 64");
    const char *text = sql_text(&q);
    int rc = db_query(w->c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        others[n++] = db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    json_t *no = json_pack("{s:b}", "is_primary", 0);
    if (rc == 0 && !no)
        rc = err_set(e, ERR_NOMEM, "contact");
    /* Whose contact it was does not matter: there is one to call first, whoever says so. */
    struct write mine = *w;
    mine.who = identity_system();
    mine.nalong = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct record other;
        rc = record_update(&mine, en, others[i], no, -1, &other, e);
        record_along(w, mine.event_id);
    }
    json_decref(no);
    return rc;
}

/* One contact of a customer is the first to call, be it the customer's own or one that is met
   there: who becomes it takes over, in one event. */
static int first_to_call(struct write *w, const struct record *before, const struct record *after,
                         int is_primary, int customer_id, struct err *e)
{
    const struct value *is = &after->v[is_primary], *customer = &after->v[customer_id];
    /* What is being taken back says itself who it was before. */
    bool same = w->whole || (before && before->v[is_primary].i == is->i &&
                             before->v[customer_id].i == customer->i);
    if (same || is->null || !is->i || customer->null)
        return 0;
    int64_t self = after->v[FIELD_ID].i;
    int rc = not_first(w, ENTITY_CONTACT, customer->i, self, e);
    return rc ? rc : not_first(w, ENTITY_AFFILIATION, customer->i, self, e);
}

static int contact_primary(struct write *w, const struct record *before, struct record *after,
                           struct err *e)
{
    return first_to_call(w, before, after, CONTACT_IS_PRIMARY, CONTACT_CUSTOMER_ID, e);
}

static int affiliation_primary(struct write *w, const struct record *before, struct record *after,
                               struct err *e)
{
    return first_to_call(w, before, after, AFFILIATION_IS_PRIMARY, AFFILIATION_CUSTOMER_ID, e);
}

static int met_already(struct write *w, const char *sql, int64_t contact, int64_t customer,
                       int64_t self, const char *pointer, struct err *e)
{
    int64_t found = 0;
    int rc = db_one_i64(w->c, sql, DB_ARGS(DB_I64(contact), DB_I64(customer), DB_I64(self)), 0,
                        &found, e);
    if (rc || !found)
        return rc;
    err_item(e, str_of(pointer), "contact-there-already");
    return err_set(e, ERR_VALIDATION, "a contact twice at one customer");
}

static const char AS_MAIN[] =
    "SELECT 1 FROM contacts WHERE id = $1 AND customer_id = $2 AND id <> $3";
static const char AS_OTHER[] = "SELECT 1 FROM affiliations WHERE contact_id = $1 AND "
                               "customer_id = $2 AND id <> $3 AND deleted_at IS NULL";

/* A contact stands at a customer once: as its own, or by an affiliation. */
static int contact_moved(struct write *w, const struct record *before, struct record *after,
                         struct err *e)
{
    const struct value *now = &after->v[CONTACT_CUSTOMER_ID];
    if (!before || now->null || before->v[CONTACT_CUSTOMER_ID].i == now->i)
        return 0;
    return met_already(w, AS_OTHER, after->v[FIELD_ID].i, now->i, 0, "/customer_id", e);
}

static int affiliation_once(struct write *w, const struct record *before, struct record *after,
                            struct err *e)
{
    int64_t contact = after->v[AFFILIATION_CONTACT_ID].i,
            customer = after->v[AFFILIATION_CUSTOMER_ID].i;
    (void)before;
    int rc = met_already(w, AS_MAIN, contact, customer, 0, "/contact_id", e);
    return rc ? rc
              : met_already(w, AS_OTHER, contact, customer, after->v[FIELD_ID].i, "/contact_id", e);
}

static int affiliation_owner(struct write *w, const struct record *before, struct record *after,
                             struct err *e)
{
    return before ? 0 : customers_give(w, after->v[AFFILIATION_CUSTOMER_ID].i, after, e);
}

const struct record_hook contacts_hooks[] = {
    {ENTITY_CONTACT, HOOK_DERIVE, 1, contact_moved},
    {ENTITY_CONTACT, HOOK_WRITTEN, 1, contact_primary},
    {ENTITY_AFFILIATION, HOOK_WRITTEN, 1, affiliation_primary},
    {ENTITY_AFFILIATION, HOOK_DERIVE, 1, affiliation_owner},
    {ENTITY_AFFILIATION, HOOK_DERIVE, 1, affiliation_once},
    {-1, HOOK_DERIVE, 0, NULL},
};
