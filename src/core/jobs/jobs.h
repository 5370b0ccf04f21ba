/* Background jobs: rows in the tenant's database, run by worker threads under a lease, so that a
   kill -9 loses nothing: a job whose lease ran out is taken up again from its cursor.

   A kind of job is a row {name, run}. `run` does its work in chunks, each a transaction of its own
   in the bulk lane, and stores its cursor in the same transaction (job_save), so that it is
   repeatable: after a crash it goes on behind the last chunk that was committed. */
#ifndef PATRON_CORE_JOBS_H
#define PATRON_CORE_JOBS_H

#include "core/identity/identity.h"
#include "core/tenant/tenant.h"

struct job;

struct job_kind {
    const char *name; /* "import"; NULL ends a table */
    /* On a worker thread. 0, ERR_CANCELLED, or an error: the job is then "failed" with its text. */
    int (*run)(struct job *j, struct err *e);
    bool quiet; /* its end is looked at where it was begun: the bell says nothing */
};

struct job_view {
    int64_t id, owner_id;
    const char *kind;
    const json_t *params; /* as given at submit */
    const json_t *cursor; /* as saved last, or NULL at the first run */
};

struct jobs;

/* Starts `threads` workers (0 = 2) over NULL-ended tables. Sets t->jobs. */
int jobs_start(struct tenant *t, const struct job_kind *const *tables, unsigned threads,
               struct err *e) must_check;
/* Asks running jobs to pause (they are taken up again at the next start) and waits for them. */
void jobs_stop(struct tenant *t);
/* Runs one queued job on the calling thread (commands). ERR_NOT_FOUND when there is none. */
int jobs_run_one(struct tenant *t, const struct job_kind *const *tables, int64_t id,
                 struct err *e) must_check;

/* Runs all that is queued, on the calling thread, one after the other. */
int jobs_run_queued(struct tenant *t, const struct job_kind *const *tables,
                    struct err *e) must_check;

/* Inside a transaction; workers wake after its commit. title: for people ("orders.csv"). */
int job_submit(struct db_conn *c, struct tenant *t, const char *kind, struct str title,
               struct str params, int64_t owner_id, int64_t *ret_id, struct err *e) must_check;
int job_cancel(struct db_conn *c, struct tenant *t, int64_t id, struct err *e) must_check;

/* --- for the run functions -----------------------------------------------------------------------
 */

struct job_view job_view(const struct job *j);
struct tenant *job_tenant(struct job *j);
struct arena *job_arena(struct job *j); /* lives as long as the run */
/* Is `rc` no end of the job: the server stops, or the connection to the database was lost? It then
   goes back into the queue, five times at most, and on from its cursor. */
bool job_comes_back(const struct job *j, int rc);

/* Progress, seen at most four times a second by the row and the live events. */
struct job_progress {
    const char *phase; /* "read", "check", "write", "sum", "value" */
    int64_t done, total, errors;
};
/* 0, ERR_CANCELLED when someone asked, or ERR_RETRY when the server stops: return it at once. */
int job_tick(struct job *j, const struct job_progress *p, struct err *e) must_check;
/* Stores the cursor inside the chunk's own transaction. cursor: JSON text. */
int job_save(struct job *j, struct db_conn *c, const struct job_progress *p, struct str cursor,
             struct err *e) must_check;
/* The result shown when it is done; JSON text, copied. */
void job_result(struct job *j, struct str json);

/* Writes the job as api.md has it. */
int job_to_json(struct db_conn *c, struct tenant *t, int64_t id, struct arena *a, struct jw *w,
                struct err *e) must_check;
/* The latest jobs, newest first: all for an administrator, else one's own. */
int jobs_list(struct db_conn *c, struct tenant *t, const struct actor *who, unsigned limit,
              struct arena *a, struct jw *w, struct err *e) must_check;

#endif
