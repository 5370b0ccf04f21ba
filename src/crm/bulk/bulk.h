/* Bulk: one change of everything that matches, in the background, and its taking back.

   Which records are meant is decided when it is asked for: their ids are kept with the job (table
   `job_ids`), so neither what the job writes nor what others do moves them. Each record is written
   by itself as if its person had done so then: rights, hooks, history. Who may not, or what does
   not fit, is counted by reason, and the others go on. */
#ifndef PATRON_CRM_BULK_H
#define PATRON_CRM_BULK_H

#include "api/api.h"
#include "core/jobs/jobs.h"

enum { BULK_MOST = 1000000, BULK_UNDO_DAYS = 30 };

extern const struct endpoint bulk_endpoints[];
extern const struct job_kind bulk_jobs[];

#endif
