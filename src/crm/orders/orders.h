/* Order lines, and what an order gets from them. */
#ifndef PATRON_CRM_ORDERS_H
#define PATRON_CRM_ORDERS_H

#include "core/record/record.h"

extern const struct record_hook orders_hooks[];

/* Unit price, amount and cost of a line from what was typed of it; NULL, or the message key of what
   is wrong, in the field *ret_field. Rounded half away from zero, at the unit price and once a
   line.
 */
const char *order_line_compute(struct value *v, const char **ret_field);

#endif
