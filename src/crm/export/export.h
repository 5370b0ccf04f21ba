/* Export of lists: what somebody sees of a list, as a file made in the background.

   The file is DIR/files/exports/JOB.csv or .xlsx, for the one who asked and nobody else, and goes
   after EXPORT_DAYS. Rights are looked at when it is asked for and again when it is written: what
   is hidden has no column then, what is masked stays masked, and rows are under the predicate of
   every list. */
#ifndef PATRON_CRM_EXPORT_H
#define PATRON_CRM_EXPORT_H

#include "api/api.h"
#include "core/jobs/jobs.h"

enum { EXPORT_DAYS = 7 };

extern const struct endpoint export_endpoints[];
extern const struct job_kind export_jobs[];

/* Removes the files that are older than EXPORT_DAYS. */
void export_sweep(const struct tenant *t);

#endif
