/* Shared by the files of this feature only. */
#ifndef PATRON_CRM_EXPORT_INTERNAL_H
#define PATRON_CRM_EXPORT_INTERNAL_H

#include "crm/export/export.h"
#include "io/table_write.h"

/* What is asked for: the body of POST /exports, kept as the parameters of the job. */
struct export_ask {
    enum table_format format;
    enum lang lang;
    struct list_query q; /* with fields */
};

/* Reads it as `who` may ask for it now. At the run, fields that were hidden since are left out
   (`lenient`); else they are unknown. ERR_VALIDATION with one item for each wrong part. */
int export_read(const struct tenant *t, const struct actor *who, const json_t *in, bool lenient,
                struct arena *a, struct export_ask *ret_ask, struct err *e) must_check;

struct str export_path(const struct tenant *t, int64_t job, struct str format, struct arena *a);

#endif
