/* An invented company: a dealer in industrial supplies and three years of its business, for a first
   look, for pictures and for benches. Customers buy and leave as BG/NBD with Gamma-Gamma says
   (docs/models), so what the engine finds can be compared with what is behind it. The same seed and
   day give the same company, whatever the machine. */
#ifndef PATRON_CRM_DEMO_H
#define PATRON_CRM_DEMO_H

#include "api/api.h"
#include "core/jobs/jobs.h"

enum { DEMO_CUSTOMERS = 5000, DEMO_MOST = 2000000 };

/* POST /demo: fills a company that has no customers; administrators only. */
extern const struct endpoint demo_endpoints[];
extern const struct job_kind demo_jobs[];

struct demo_wish {
    int64_t customers; /* 1 .. DEMO_MOST */
    uint64_t seed;
    int32_t until; /* the last day of its business */
    bool lean;     /* customers and orders of the last year alone: a million of them for benches */
};
/* Inside a transaction: the job that fills the tenant. ERR_STATE_CONFLICT when there are customers
   or products already, ERR_VALIDATION for a number of customers out of range. */
int demo_submit(struct db_conn *c, struct tenant *t, const struct demo_wish *wish, int64_t owner_id,
                int64_t *ret_job, struct err *e) must_check;

#endif
