/* Import of orders, order lines, customers, contacts and products from CSV files and workbooks.

   A file is kept under DIR/files/imports, as it came (ID.orig) and as CSV in UTF-8 (ID.csv).
   Everything is validated before anything is written; writing goes in chunks, each with the job's
   cursor in the same transaction, so that a kill -9 loses nothing and repeats nothing. Rows carry
   import_id: undo takes back what was not touched since. The same file twice creates nothing twice.
 */
#ifndef PATRON_CRM_IMPORT_H
#define PATRON_CRM_IMPORT_H

#include "api/api.h"
#include "core/jobs/jobs.h"

extern const struct endpoint import_endpoints[];
extern const struct job_kind import_jobs[];

/* Can rows of a file become records of this entity? (An order line: its order with it.) */
bool import_importable(const struct entity *en);

enum import_mode { IMPORT_CHECK, IMPORT_RUN };

/* Takes over `file` (renamed or rewritten as UTF-8), looks at all of it and stores the import.
   Errors: ERR_IMPORT_EMPTY, _BINARY, _ENCODING, _TRUNCATED (param row), _DUPLICATE_HEADER (header),
   ERR_VALIDATION. On a worker. */
int import_take(struct tenant *t, const char *file, const struct entity *en, struct str name,
                int64_t owner_id, struct arena *a, int64_t *ret_id, struct err *e) must_check;
/* Looks at the file again as `body` chooses ("encoding", "sheet"), and as rows of `en` (NULL = as
   before): what was found and guessed, and any mapping, is made anew. ERR_STATE_CONFLICT when it is
   at work or done. On a worker. */
int import_reread(struct tenant *t, int64_t id, const struct entity *en, const json_t *body,
                  struct arena *a, struct err *e) must_check;
/* Sets mapping, format and options from a body as in api.md; only in states where nothing runs. */
int import_set(struct db_conn *c, struct tenant *t, int64_t id, const json_t *body, struct arena *a,
               struct err *e) must_check;
/* Submits the job. ERR_VALIDATION (import-missing-column), ERR_STATE_CONFLICT. */
int import_start(struct db_conn *c, struct tenant *t, int64_t id, enum import_mode mode,
                 int64_t owner_id, struct arena *a, int64_t *ret_job, struct err *e) must_check;
int import_start_undo(struct db_conn *c, struct tenant *t, int64_t id, int64_t owner_id,
                      struct arena *a, int64_t *ret_job, struct err *e) must_check;
/* Writes the import as api.md has it. */
int import_show(struct db_conn *c, struct tenant *t, int64_t id, struct arena *a, struct jw *w,
                struct err *e) must_check;
/* The rejected rows as CSV with row, column and reason in front, written to fd. */
int import_rejected(struct tenant *t, int64_t id, enum lang lang, int fd, struct arena *a,
                    struct err *e) must_check;

#endif
