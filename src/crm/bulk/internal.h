/* Shared by the files of this feature only. */
#ifndef PATRON_CRM_BULK_INTERNAL_H
#define PATRON_CRM_BULK_INTERNAL_H

#include "crm/bulk/bulk.h"

/* What jobs and people call it. */
#define BULK_JOB "bulk"
#define BULK_UNDO_JOB "bulk-undo"

/* One row per kind of change: a member of `change` in the body. `in` is what stands there. */
struct bulk_kind {
    const char *name;
    enum access_action action; /* without any right to it, it is refused at once */
    bool trash;                /* of records in the trash */
    /* What can be told before any record is looked at, as items below w->at. NULL: not asked for
       with a list of records. */
    int (*check)(struct write *w, const struct entity *en, const json_t *in, struct err *e);
    /* One of the job's ids. w->event_id says afterwards whether anything was written. */
    int (*apply)(struct write *w, const struct entity *en, int64_t id, const json_t *in,
                 struct err *e);
};

/* What a job was asked: the body of the request and `entity`, kept as its parameters. */
struct bulk_ask {
    const struct entity *en;
    const struct bulk_kind *kind;
    const json_t *in;
    struct list_query q; /* which records; of a request only */
    int64_t expected;
};

/* The request, as `who` may ask for it now. ERR_VALIDATION, ERR_FORBIDDEN, ERR_PART_OF_WHOLE. */
int bulk_read(struct db_conn *c, struct tenant *t, const struct actor *who, const json_t *body,
              struct arena *a, struct bulk_ask *ask, struct err *e) must_check;
/* The job, from its parameters. */
int bulk_asked(const struct tenant *t, const json_t *params, struct bulk_ask *ret_ask,
               struct err *e) must_check;
struct str bulk_title(const struct bulk_ask *ask, enum lang lang, struct arena *a);

/* --- bulk_store.c: ids kept with a job ---------------------------------------------------------
 */

enum bulk_list {
    BULK_MEANT,  /* of records, or of events to take back */
    BULK_WRITTEN /* of the events that the job wrote, portion by portion */
};
/* Part `part` of a list: BULK_PART ids at most. */
enum { BULK_PART = 4096 };
int bulk_keep(struct db_conn *c, int64_t job, enum bulk_list list, int64_t part, const int64_t *ids,
              size_t n, struct err *e) must_check;
int bulk_ids(struct db_conn *c, int64_t job, enum bulk_list list, struct id_list *ret_ids,
             struct err *e) must_check;

#endif
