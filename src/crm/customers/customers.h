/* Customers and their orders: the rules that records of these entities obey. */
#ifndef PATRON_CRM_CUSTOMERS_H
#define PATRON_CRM_CUSTOMERS_H

#include "core/record/record.h"

/* Contacts: one of them the first to call, at several customers. */
extern const struct record_hook contacts_hooks[];

/* A new record that hangs on a customer belongs to whoever looks after that. */
int customers_give(struct write *w, int64_t customer_id, struct record *after,
                   struct err *e) must_check;

/* Order sums, owners that go with the customer, returns that are negative. */
extern const struct record_hook customers_hooks[];

/* Recomputes the sums of one customer from its confirmed orders and marks it changed for the next
   valuation. Inside a transaction. O(orders of the customer). */
int customers_resum(struct db_conn *c, struct tenant *t, int64_t customer_id,
                    struct err *e) must_check;
/* The second half of it alone. */
int customers_changed(struct db_conn *c, struct tenant *t, int64_t customer_id,
                      struct err *e) must_check;

#endif
