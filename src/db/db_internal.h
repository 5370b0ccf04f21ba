/* Private to src/db: what the two drivers share. The public functions in db.c dispatch on a const
   vtable; the queue of jobs (queue.c) is the same for both. */
#ifndef PATRON_DB_INTERNAL_H
#define PATRON_DB_INTERNAL_H

#include "base/buf.h"
#include "db/db.h"
#include "db/schema.h"

#include <pthread.h>
#include <stdatomic.h>

struct db_driver {
    enum db_kind kind;
    void (*close)(struct db *db);
    int (*reader)(struct db *db, struct db_conn **ret_conn, struct err *e);
    void (*reader_done)(struct db_conn *c);
    int (*read_begin)(struct db_conn *c, struct err *e);
    void (*read_end)(struct db_conn *c);
    void (*budget)(struct db_conn *c, int64_t us);
    /* `whole`: the caller steps to the end before it returns, so the arguments outlive the rows. */
    int (*query)(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
                 bool whole, struct db_rows **ret_rows, struct err *e);
    /* Does not wait for the outcome; NULL: there is nothing to wait for. Writers only. */
    int (*put)(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
               struct err *e);
    int (*step)(struct db_rows *r, struct err *e);
    void (*rows_done)(struct db_rows *r);
    int64_t (*changed)(const struct db_rows *r); /* valid once step gave 0 */
    unsigned (*cols)(const struct db_rows *r);
    bool (*is_null)(const struct db_rows *r, unsigned col);
    int64_t (*i64)(const struct db_rows *r, unsigned col);
    double (*f64)(const struct db_rows *r, unsigned col);
    struct str (*str)(const struct db_rows *r, unsigned col);
    struct str (*bytes)(const struct db_rows *r, unsigned col);
};

extern const struct db_driver db_driver_sqlite;
extern const struct db_driver db_driver_postgres;

/* --- the queue ----------------------------------------------------------------------------- */

struct db_queue {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* a job came, or closing; CLOCK_MONOTONIC */
    struct db_job *head[DB_LANES], **tail[DB_LANES];
    _Atomic unsigned waiting[DB_LANES]; /* written under the lock, read anywhere */
    unsigned max;
    bool closing;
};

struct db {
    const struct db_driver *driver;
    struct db_queue queue;
    _Atomic uint64_t commits, jobs, retries, rejected, commit_us;
};

int db_base_init(struct db *db, const struct db_driver *driver, const struct db_options *o,
                 struct err *e) must_check;
void db_base_free(struct db *db);

/* With the lock held. */
struct db_job *db_queue_pop(struct db_queue *q, enum db_lane lane);
/* Refuses new jobs and wakes every writer. */
void db_queue_close(struct db_queue *q);
/* Waits on `cond` for at most `us`; false when the time ran out. */
/* Marks this thread as a writer's: db_transact refuses to run on it instead of waiting for ever. */
void db_this_thread_writes(void);

/* --- connections --------------------------------------------------------------------------- */

struct db_after {
    void (*fn)(void *);
    void *arg;
};

/* What is left to do before the commit (notes.c). */
struct db_notes {
    struct db_note {
        int (*run)(struct db_conn *c, const struct str *notes, size_t n, struct err *e);
        size_t at, n; /* in text */
    } * item;
    size_t n, cap;
    struct buf text;
};

struct db_conn {
    const struct db_driver *driver;
    struct db *db; /* NULL: a connection of its own (backup files) */
    bool writer;
    /* A statement of this job failed. PostgreSQL refuses everything after that until a ROLLBACK TO
       a savepoint; SQLite does the same here, so that a job behaves alike on both. */
    bool failed;
    enum db_lane lane;
    int64_t job_start_us;
    int64_t bulk_commit_us; /* what the commit of the last bulk job cost */
    struct db_after *after;
    size_t nafter, cap_after;
    struct db_notes notes;
};

/* Works the notes off; none are left, whatever the outcome. */
int db_notes_run(struct db_conn *c, struct err *e) must_check;
/* Forgets all but the first n. */
void db_notes_cut(struct db_conn *c, size_t n);
/* Enough have come together that a batch should end. */
bool db_notes_many(const struct db_conn *c);
void db_notes_free(struct db_conn *c);

struct db_rows {
    const struct db_driver *driver;
    struct db_conn *conn;
};

/* "ROLLBACK TO …" is what may follow a failed statement. */
bool db_is_rollback(const char *sql);
/* INSERT, UPDATE, DELETE, REPLACE, WITH … : statements that count rows. */
bool db_is_dml(const char *sql);
/* A hash of a statement's text, eight bytes at a time. */
uint64_t db_text_hash(const char *p, size_t n);
/* Like err_param; e may be NULL. */
void db_err_param(struct err *e, const char *key, const char *p, size_t n);
/* "a, \"b\"" -> "a,b": the columns of a unique key as db.h promises them. */
void db_err_columns(struct err *e, const char *p, size_t n);

/* --- SQLite -------------------------------------------------------------------------------- */

int db_sqlite_open(const struct db_options *o, struct db **ret_db, struct err *e) must_check;

/* A connection of its own on a file that nobody else uses: no queue, no foreign keys, nothing
   synced before db_sqlite_alone_close. */
int db_sqlite_alone_open(const char *path, bool writable, struct db_conn **ret_conn,
                         struct err *e) must_check;
int db_sqlite_alone_close(struct db_conn *c, struct err *e) must_check;
/* Adds the files of a folder to a backup that nobody else uses. */
int backup_files_put(const char *path, const char *dir, struct err *e) must_check;
/* Copies the state `c` sees, by pages, into a new file. */
int db_sqlite_copy(struct db_conn *c, const char *path,
                   void (*progress)(void *arg, const char *table, int64_t rows), void *arg,
                   struct err *e) must_check;
/* Foreign keys are not enforced in jobs that start after this (restore fills tables in any order
   and checks at the end). */
void db_sqlite_enforce_keys(struct db *db, bool on);

/* --- PostgreSQL ---------------------------------------------------------------------------- */

int db_postgres_open(const struct db_options *o, struct db **ret_db, struct err *e) must_check;
const char *db_postgres_schema(const struct db_conn *c);

/* --- schema -------------------------------------------------------------------------------- */

/* On PostgreSQL: statements that drop the foreign keys of `tables`, one action each. A later plan
   puts them back. Empty on SQLite. */
int schema_plan_drop_keys(struct db_conn *c, const struct table_def *tables, size_t ntables,
                          struct arena *a, struct schema_plan *ret_plan, struct err *e) must_check;
/* The columns of a primary key: "customer_id, id" gives two. Returns how many; at most max. */
size_t schema_key_columns(const char *key, struct str *out, size_t max);

#endif
