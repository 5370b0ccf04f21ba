/* Shared by the files of this feature only. */
#ifndef PATRON_CRM_ORDERS_INTERNAL_H
#define PATRON_CRM_ORDERS_INTERNAL_H

#include "crm/orders/orders.h"

#include <string.h>

/* The rates, if `money` is in another currency than the company's (*ret_any). */
int orders_rates(struct write *w, const struct value *money, struct rates *ret_rates, bool *ret_any,
                 struct err *e) must_check;

/* What an amount is in base currency, as a column takes it. */
struct db_value order_base_value(const struct value *money);

/* Converts all lines of an order that is there, and stores them if wanted. *ret_order gets amount,
   cost and units of those that count; *ret_lines: there are any. *ret_wrong: why not, and then
   nothing holds. */
int order_lines_convert(struct db_conn *c, struct tenant *t, const struct value *order,
                        const struct rates *r, bool store, struct arena *a, struct value *ret_order,
                        bool *ret_lines, const char **ret_wrong, struct err *e) must_check;

/* Hooks: an order's amount and cost in base currency; and its lines', where only the order was
   written. */
int order_in_base(struct write *w, const struct record *before, struct record *after,
                  struct err *e) must_check;
int order_lines_in_base(struct write *w, const struct record *before, struct record *after,
                        struct err *e) must_check;

/* rates_job.c */
int rates_job_run(struct job *j, struct err *e) must_check;

#endif
