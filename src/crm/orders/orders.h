/* Order lines, and what an order gets from them. */
#ifndef PATRON_CRM_ORDERS_H
#define PATRON_CRM_ORDERS_H

#include "api/api.h"
#include "core/jobs/jobs.h"
#include "core/record/record.h"
#include "core/upgrade/upgrade.h"

extern const struct record_hook orders_hooks[];
extern const struct job_kind orders_jobs[];
extern const struct endpoint orders_endpoints[];

/* Orders that an older program wrote get their margin. */
extern const struct upgrade orders_upgrade;
/* What follows from amount and cost, which whoever writes an order in bulk has set: the margin,
   unknown where the cost is, or is in another currency. */
void order_settle(struct value *order);

/* Unit price, amount and cost of a line from what was typed of it; NULL, or the message key of what
   is wrong, in the field *ret_field. Rounded half away from zero, at the unit price and once a
   line.
 */
const char *order_line_compute(struct value *v, const char **ret_field);
/* A line of which the amount is known, as in a file: its price becomes what gives that amount to
   the last minor unit. Where none does (10.00 for 3), it is one lot of that amount, and how many
   there are in it stands in its unit, in the arena. NULL, or what is wrong in *ret_field: a price
   that is there may be off by its own rounding and no more. Before order_line_compute. */
const char *order_line_from_amount(struct value *v, struct arena *a, const char **ret_field);
/* What an order without lines, or a line, is in base currency by the rate of the order's day; a
   line is computed anew with it. NULL, or what is wrong in *ret_field. Where the currency has no
   rate all stays as it is. Before order_sum and order_settle. */
const char *order_convert(struct value *order, const struct rates *r, const char **ret_field);
const char *order_line_convert(struct value *line, const struct rates *r, int32_t day,
                               const char **ret_field);
/* What the product says, where the line says nothing. Texts are borrowed. */
void order_line_fill(struct value *line, const struct value *product);
/* Amount, cost and units of an order from its lines; NULL, or what is wrong with line *ret_line in
   the field *ret_field, and the order untouched. */
const char *order_sum(struct value *order, const struct record *line, size_t n, size_t *ret_line,
                      const char **ret_field);

#endif
