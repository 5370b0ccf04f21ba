/* Insight: what customers are worth, from their orders, by libpatron-value.

   A valuation (job "value") streams the orders of all customers in key order, fits the models, and
   stores for each customer a dated value record (customer_value), the current figures on the
   customer itself, and the overview as JSON with its run (value_run). */
#ifndef PATRON_CRM_INSIGHT_H
#define PATRON_CRM_INSIGHT_H

#include "api/api.h"
#include "core/jobs/jobs.h"

extern const struct endpoint insight_endpoints[];
extern const struct job_kind insight_jobs[];

/* Frees the models kept in memory; before tenant_close. */
void insight_close(struct tenant *t);

#endif
