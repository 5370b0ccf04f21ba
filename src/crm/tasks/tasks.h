/* Tasks, and the next one of each customer. */
#ifndef PATRON_CRM_TASKS_H
#define PATRON_CRM_TASKS_H

#include "core/record/record.h"

extern const struct record_hook tasks_hooks[];

/* Writes the next open task of a customer into it. Inside a transaction. O(log tasks). */
int tasks_next(struct db_conn *c, int64_t customer_id, struct err *e) must_check;

#endif
