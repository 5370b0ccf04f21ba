/* One interface to two databases: SQLite (embedded) and PostgreSQL.

   A struct db is one tenant's database: one SQLite file, or one PostgreSQL schema. SQL is the
   common subset of both (docs/architecture.md, "SQL"); parameters are $1..$n.

   Reading: borrow a reader, run statements, give it back. Any thread; one thread at a time per
   connection. SQLite readers are query_only with cached prepared statements; PostgreSQL readers
   come from the pool.

   Writing: hand in a job. Its `run` is called inside one transaction on a writer's thread and its
   `done` after the commit is durable (or after it failed). SQLite has one writer thread that puts
   every job into a savepoint and commits what is waiting together; PostgreSQL runs jobs on pool
   threads and repeats the whole transaction on 40001, 40P01 and lost connections. So `run` may be
   called more than once (on SQLite too, when a neighbour made the database give up the batch): it
   must start from its argument each time and keep nothing. A job whose statement failed must end
   with an error, or go back with ROLLBACK TO a savepoint of its own: on both databases every other
   statement is refused until then, and a job that ends well all the same fails.

   Text and blobs that come out of a row are borrowed until the next db_step of those rows. */
#ifndef PATRON_DB_DB_H
#define PATRON_DB_DB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct db;
struct db_conn;
struct db_rows;

enum db_kind { DB_SQLITE, DB_POSTGRES };

struct db_options {
    const char *path;   /* SQLite: file of the database; NULL on PostgreSQL */
    const char *url;    /* PostgreSQL: postgres://…; NULL on SQLite */
    const char *schema; /* PostgreSQL: the tenant's schema, made if absent; [a-z0-9_]+ */
    unsigned readers;   /* at most so many readers at once; 0 = 8 */
    unsigned writers;   /* PostgreSQL: writer threads; 0 = 4. SQLite has one */
    unsigned queue;     /* jobs that may wait; 0 = 4096; more are answered ERR_BUSY */
};

/* Opens and starts the writer. Errors: ERR_DATABASE_UNAVAILABLE, ERR_CORRUPT, ERR_IO. */
int db_open(const struct db_options *o, struct db **ret_db, struct err *e) must_check;
/* Waits for the queued jobs, then closes. All readers must have been given back. NULL is fine. */
void db_close(struct db *db);
enum db_kind db_kind(const struct db *db);
struct db *db_of(const struct db_conn *c);

/* --- values -------------------------------------------------------------------------------- */

enum db_type { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB };

struct db_value {
    enum db_type type;
    union {
        int64_t i;
        double f;
        struct str s; /* borrowed for the time of the call; STR_NULL is the empty text, not NULL */
    };
};

#define DB_I64(v) ((struct db_value){.type = DB_INT, .i = (v)})
#define DB_F64(v) ((struct db_value){.type = DB_REAL, .f = (v)})
#define DB_STR(v) ((struct db_value){.type = DB_TEXT, .s = (v)})
#define DB_BYTES(v) ((struct db_value){.type = DB_BLOB, .s = (v)})
#define DB_NIL ((struct db_value){.type = DB_NULL})
/* An id or a date that may be absent: 0 is NULL. */
#define DB_ID(v) ((struct db_value){.type = (v) ? DB_INT : DB_NULL, .i = (v)})
#define DB_ARGS(...)                                                                               \
    (const struct db_value[]){__VA_ARGS__},                                                        \
        sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)
#define DB_NOARGS NULL, 0

/* --- statements ---------------------------------------------------------------------------- */

int db_reader(struct db *db, struct db_conn **ret_conn, struct err *e) must_check;
void db_reader_done(struct db_conn *c); /* ends an open read transaction; NULL is fine */

/* A read transaction: all statements until db_read_end (or db_reader_done) see one state. */
int db_read_begin(struct db_conn *c, struct err *e) must_check;
void db_read_end(struct db_conn *c);

/* From now until the reader is given back, statements that run longer than this in sum fail with
   ERR_QUERY_TOO_SLOW. 0 = no limit. SQLite: progress handler; PostgreSQL: statement_timeout. */
void db_budget(struct db_conn *c, int64_t us);

/* Starts a query. The statement is prepared once per connection and cached by its text (LRU), so
   build texts from few shapes. *ret_rows must be finished with db_rows_done before the connection
   is used for the same text again. PostgreSQL streams the rows: another statement on the same
   connection meanwhile reads the rest ahead, 64 MB at most, so walk large results on a reader of
   their own and to their end. Errors: ERR_RETRY and ERR_DATABASE_UNAVAILABLE (connection),
   ERR_CONSTRAINT (params "kind": unique | foreign-key | not-null | check; "table", "columns" where
   known, unique columns separated by commas), ERR_STORAGE_FULL, ERR_CORRUPT, ERR_QUERY_TOO_SLOW. */
int db_query(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
             struct db_rows **ret_rows, struct err *e) must_check;
/* 1 = a row stands ready, 0 = no more, negative = error. */
int db_step(struct db_rows *r, struct err *e) must_check;
void db_rows_done(struct db_rows *r); /* NULL is fine */

unsigned db_cols(const struct db_rows *r);
bool db_is_null(const struct db_rows *r, unsigned col);
int64_t db_i64(const struct db_rows *r, unsigned col); /* NULL gives 0 */
double db_f64(const struct db_rows *r, unsigned col);
struct str db_str(const struct db_rows *r, unsigned col); /* NULL gives STR_NULL */
struct str db_bytes(const struct db_rows *r, unsigned col);

/* Runs a statement to its end. ret_changed (rows touched) may be NULL. */
int db_exec(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
            int64_t *ret_changed, struct err *e) must_check;
/* The same where neither the number of rows nor the moment matters: PostgreSQL is not waited for,
   which is most of what a row costs there. It runs before the next statement that is not put, or
   before the commit; when it fails, that one does, or the commit, and the job with it. In jobs. */
int db_put(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
           struct err *e) must_check;
/* First column of the first row as integer; `absent` if there is no row or it is NULL. */
int db_one_i64(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
               int64_t absent, int64_t *ret_value, struct err *e) must_check;

/* --- writing ------------------------------------------------------------------------------- */

enum db_lane {
    DB_INTERACTIVE, /* a person waits; goes first */
    DB_BULK,        /* imports, models; yields after 50 ms of work at most */
    DB_LANES
};

struct db_job {
    enum db_lane lane;
    /* Inside the transaction. Negative = this job's work is rolled back, others' is not. */
    int (*run)(struct db_conn *c, void *arg, struct err *e);
    /* After the commit or the failure, on the writer's thread: be quick. rc as run gave it, or the
       commit's error. NULL is fine. */
    void (*done)(void *arg, int rc, struct err *e);
    void *arg;
    struct err *err; /* given to run and done; the owner's */
    /* private to db */
    struct db_job *next;
    int rc;
};

/* Queues the job (the struct must live until done). ERR_BUSY when the queue is full, with param
   "seconds"; ERR_DATABASE_UNAVAILABLE after db_close began. `done` is not called on these. */
int db_submit(struct db *db, struct db_job *job, struct err *e) must_check;
/* The same, and waits. Not from a writer's thread. */
int db_transact(struct db *db, enum db_lane lane,
                int (*run)(struct db_conn *c, void *arg, struct err *e), void *arg,
                struct err *e) must_check;
/* For a bulk job with many steps: true when an interactive job waits and this job has had its turn:
   about 50 ms with its commit. It should then finish its chunk and submit the rest anew. */
bool db_should_yield(const struct db_conn *c);
/* `fn(arg)` runs on the writer's thread after the commit that holds this transaction, in the order
   of the commits, before `done`; never when it is rolled back. For events. */
void db_after_commit(struct db_conn *c, void (*fn)(void *), void *arg);
/* For what is dear one by one and cheap together, such as a full-text index: `run` is called once,
   just before the commit, with the notes left for it in this transaction (on SQLite those of all
   jobs that are committed together) in their order; notes of a job that was rolled back are gone.
   When it fails the whole transaction does. `note` is copied. A bulk job with many notes has them
   worked off on the way, hence the error. */
int db_before_commit(struct db_conn *c,
                     int (*run)(struct db_conn *c, const struct str *notes, size_t n,
                                struct err *e),
                     struct str note, struct err *e) must_check;

struct db_stats {
    uint64_t commits, jobs, retries, rejected;
    unsigned waiting[DB_LANES];
    uint64_t commit_us; /* summed */
};
void db_stats(const struct db *db, struct db_stats *ret_stats);

#endif
