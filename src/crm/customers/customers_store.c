#include "crm/customers/customers.h"

/* Sums are recomputed, never added to: an edit, a return, an undo or a merge cannot make them
   drift. Only confirmed orders count; a return takes its money back, but is no purchase. */
int customers_resum(struct db_conn *c, struct tenant *t, int64_t customer_id, struct err *e)
{
    int rc = db_put(c,
                    "UPDATE customers SET "
                    "orders_count = s.n, revenue = s.total, first_order_on = s.first_day, "
                    "last_order_on = s.last_day FROM (SELECT "
                    "count(CASE WHEN status = 'confirmed' THEN 1 END) AS n, "
                    "CAST(sum(amount_base) AS bigint) AS total, "
                    "min(CASE WHEN status = 'confirmed' THEN ordered_on END) AS first_day, "
                    "max(CASE WHEN status = 'confirmed' THEN ordered_on END) AS last_day "
                    "FROM orders WHERE customer_id = $1 AND "
                    "deleted_at IS NULL AND status IN ('confirmed', 'returned')) s "
                    "WHERE customers.id = $2",
                    DB_ARGS(DB_I64(customer_id), DB_I64(customer_id)), e);
    return rc ? rc : customers_changed(c, t, customer_id, e);
}

int customers_changed(struct db_conn *c, struct tenant *t, int64_t customer_id, struct err *e)
{
    return db_put(c,
                  "INSERT INTO change (customer_id, seq) VALUES ($1, $2) "
                  "ON CONFLICT (customer_id) DO UPDATE SET seq = excluded.seq",
                  DB_ARGS(DB_I64(customer_id), DB_I64(id_next(t->ids))), e);
}
