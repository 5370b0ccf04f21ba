/* Shared by the files of this feature only. */
#ifndef PATRON_CRM_EXPORT_INTERNAL_H
#define PATRON_CRM_EXPORT_INTERNAL_H

#include "crm/export/export.h"
#include "core/history/history.h"
#include "io/table_write.h"

/* What is asked for: the body of POST /exports, kept as the parameters of the job. */
struct export_ask {
    const struct export_source *from;
    enum table_format format;
    enum lang lang;
    struct list_query q;       /* of a list, with fields */
    struct audit_query events; /* of the audit */
};

struct exporting {
    struct job *j;
    struct tenant *t;
    struct arena *a, *portion; /* of the job, and of some rows */
    struct export_ask ask;
    struct pass pass;
    struct id_list ids;
    struct table_writer *table;
    const struct tz *tz;
    struct str yes, no, file, part, path;
    char rights[ACCESS_PRINT];
    int64_t rows, bytes, total;
    int fd;
};

/* Where rows come from: a list of records, or the audit. */
struct export_source {
    size_t most_columns; /* 0: two for each field */
    int (*open)(struct exporting *x, struct err *e);
    size_t (*columns)(const struct exporting *x, struct table_column *ret);
    int (*rows)(struct exporting *x, struct err *e);
};
extern const struct export_source export_list, export_audit;

/* What is exported: "customer", or "audit"; and what people call it. */
const char *export_name(const struct export_ask *ask);
struct str export_label(const struct tenant *t, const struct export_ask *ask, enum lang lang,
                        struct arena *a);
/* What somebody's file is given out by: other rights, another text. `en` NULL: the audit. */
void export_rights(const struct tenant *t, const struct actor *who, const struct entity *en,
                   char out[ACCESS_PRINT]);
struct str export_option(const struct field *f, struct str value, enum lang lang);

/* --- export_audit.c ------------------------------------------------------------------------ */

enum { EXPORT_AUDIT_COLUMNS = 9 };
#define EXPORT_AUDIT "audit" /* no entity is called so */
/* Administrators only, as the page. */
int export_audit_read(const struct actor *who, const json_t *in, struct arena *a,
                      struct export_ask *ask, struct err *e) must_check;

/* Reads it as `who` may ask for it now. At the run, fields that were hidden since are left out
   (`lenient`); else they are unknown. ERR_VALIDATION with one item for each wrong part. */
int export_read(const struct tenant *t, const struct actor *who, const json_t *in, bool lenient,
                struct arena *a, struct export_ask *ret_ask, struct err *e) must_check;

struct str export_path(const struct tenant *t, int64_t job, struct str format, struct arena *a);

#endif
