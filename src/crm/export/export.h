/* Export of lists: what somebody sees of a list, as a file made in the background.

   The file is DIR/files/exports/JOB.csv or .xlsx, for the one who asked and nobody else, and goes
   after EXPORT_DAYS. Rights are looked at when it is asked for and again when it is written: what
   is hidden has no column then, what is masked stays masked, and rows are under the predicate of
   every list. The file is given out while the rights are those it was written with, and each time
   it is taken stands in the audit. */
#ifndef PATRON_CRM_EXPORT_H
#define PATRON_CRM_EXPORT_H

#include "api/api.h"
#include "core/jobs/jobs.h"

enum { EXPORT_DAYS = 7 };

extern const struct endpoint export_endpoints[];
extern const struct job_kind export_jobs[];

/* Inside a transaction: the job for a body as in api.md, as `who` may ask for it now; `lang` unless
   the body names one. ERR_VALIDATION with an item for each wrong part. */
int export_submit(struct db_conn *c, struct tenant *t, const struct actor *who, const json_t *body,
                  enum lang lang, struct arena *a, int64_t *ret_job, struct err *e) must_check;

/* The file of a finished export, of whoever asked for it. ERR_NOT_FOUND. It may be gone. */
struct export_file {
    struct str name, path, rights; /* rights: what they were when it was written */
    const char *of;                /* "customer", "audit" */
    const struct entity *en;       /* NULL: the audit */
    const char *format, *media_type;
    int64_t rows;
};
int export_find(struct db_conn *c, const struct tenant *t, int64_t job, int64_t owner_id,
                struct arena *a, struct export_file *ret_file, struct err *e) must_check;

/* Removes the files that are older than EXPORT_DAYS. */
void export_sweep(const struct tenant *t);

#endif
