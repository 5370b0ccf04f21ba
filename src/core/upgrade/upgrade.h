/* What a new version of the program has to make anew in the background, beside the work of the day.
   Tables and columns are not meant: those are brought up to date before the start (tenant_open). */
#ifndef PATRON_CORE_UPGRADE_H
#define PATRON_CORE_UPGRADE_H

#include "core/jobs/jobs.h"

extern const struct job_kind upgrade_jobs[];

/* At the start of a server: when the program cuts words in another way than the one that wrote the
   search documents (SEARCH_VERSION), a job makes them anew. */
int upgrade_in_background(struct tenant *t, struct err *e) must_check;

#endif
