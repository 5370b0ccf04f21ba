/* What a new version of the program has to make anew in the background, beside the work of the day.
   Tables and columns are not meant: those are brought up to date before the start (tenant_open). */
#ifndef PATRON_CORE_UPGRADE_H
#define PATRON_CORE_UPGRADE_H

#include "core/jobs/jobs.h"

struct upgrade {
    const char *setting, *version; /* what says that it is done, and how it reads then */
    const char *job;               /* the kind that does it, ending with upgrade_done */
    const char *any;               /* SQL: 1 when there is something to do it to */
};

/* Search documents, when the program cuts words in another way than the one that wrote them
   (SEARCH_VERSION). */
extern const struct upgrade upgrade_search;
extern const struct job_kind upgrade_jobs[];

/* At the start of a server: queues the job unless it is done or waiting. */
int upgrade_in_background(struct tenant *t, const struct upgrade *u, struct err *e) must_check;
/* In the last transaction of the job. */
int upgrade_done(struct db_conn *c, const struct upgrade *u, struct err *e) must_check;

#endif
