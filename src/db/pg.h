/* Private to the PostgreSQL driver: pg_conn.c (connections, statements), pg_rows.c (results),
   pg_pool.c (readers, writer threads). */
#ifndef PATRON_DB_PG_H
#define PATRON_DB_PG_H

#include "db/db_internal.h"

#include <libpq-fe.h>

/* A prepared statement of one connection, for one text and the types of its arguments. */
struct pg_statement {
    char *text;
    size_t text_n;
    uint64_t hash;
    struct pg_statement *chain, *newer, *older;
    unsigned nargs;
    unsigned char *types; /* enum db_type; DB_NULL: left to the server */
    char name[24];
};

struct pg_rows {
    struct db_rows base;
    struct pg_rows *next; /* of the open ones, or of the spare ones */
    PGresult *res;        /* the one that holds the row */
    int row;
    bool fresh;     /* `row` has not been handed out yet */
    bool streaming; /* more is coming from the server */
    bool finished;
    PGresult **kept; /* rows read ahead because the connection was needed for something else */
    size_t nkept, kept_at, cap_kept;
    int64_t changed;
    char (*texts)[32]; /* numbers asked for as text */
    int ntexts;
};

enum { PG_BUCKETS = 256, PG_STATEMENTS = 256 };

struct pg_conn {
    struct db_conn base;
    PGconn *pg;
    struct pg_conn *next_free;
    struct pg_statement *buckets[PG_BUCKETS];
    struct pg_statement *newest, *oldest;
    unsigned ncached;
    uint64_t names; /* prepared so far: names are never used twice */
    struct pg_rows *open, *spare, *streaming;
    /* arguments as libpq wants them */
    const char **values;
    int *lengths, *formats;
    Oid *oids;
    uint64_t *numbers;
    size_t cap_args;
    unsigned nput; /* sent, and the outcome is not known yet: libpq is in pipeline mode, and wants
                      pg_settle before anything else */
    bool in_read;
    bool lost;                               /* the connection is gone */
    bool again;                              /* the whole transaction should be run again */
    bool flush;                              /* prepared statements are stale */
    int64_t budget_us, spent_us, timeout_ms; /* timeout_ms: the session's, -1 unknown */
};

struct pg_db {
    struct db base;
    char *url, *schema, *begin_write, *begin_read;
    pthread_mutex_t lock; /* the readers */
    pthread_cond_t freed;
    struct pg_conn *free;
    unsigned nreaders, max_readers;
    pthread_t *threads;
    unsigned nthreads;
    unsigned bulk_running; /* under the queue's lock */
    int64_t bulk_since;
    pthread_rwlock_t alone;    /* a job that lost too often runs with nobody beside it */
    pthread_mutex_t turn_lock; /* after-commit calls happen in the order of the commits */
    pthread_cond_t turn;
    uint64_t next_ticket, serving;
};

/* pg_conn.c */
struct pg_conn *pg_conn_new(struct pg_db *db, bool writer);
void pg_conn_free(struct pg_conn *c);
int pg_connect(struct pg_conn *c, struct err *e) must_check; /* or anew; forgets all statements */
int pg_error(struct pg_conn *c, const PGresult *res, struct err *e);
/* Statements without parameters or rows; several may stand in `sql`. *ret_text, when wanted: the
   first value of the last one. */
int pg_simple(struct pg_conn *c, const char *sql, char *ret_text, size_t n,
              struct err *e) must_check;
/* Sends a statement with its arguments; results then come by PQgetResult. `put`: into the pipeline;
   they come with pg_settle. */
int pg_send(struct pg_conn *c, const char *sql, const struct db_value *args, size_t nargs, bool put,
            struct err *e) must_check;

/* pg_put.c */
int pg_put(struct db_conn *base, const char *sql, const struct db_value *args, size_t nargs,
           struct err *e);
/* Waits for all that was put: the first error among it. */
int pg_settle(struct pg_conn *c, struct err *e) must_check;

/* pg_rows.c */
int pg_query(struct db_conn *base, const char *sql, const struct db_value *args, size_t nargs,
             bool whole, struct db_rows **ret_rows, struct err *e);
int pg_step(struct db_rows *base, struct err *e);
void pg_rows_done(struct db_rows *base);
/* What may run now: 0, or why this job goes no further. */
int pg_may_run(struct pg_conn *c, const char *sql, struct err *e) must_check;
void pg_finish_all(struct pg_conn *c);
void pg_rows_free(struct pg_rows *r);
int64_t pg_changed(const struct db_rows *r);
unsigned pg_cols(const struct db_rows *r);
bool pg_is_null(const struct db_rows *r, unsigned col);
int64_t pg_i64(const struct db_rows *r, unsigned col);
double pg_f64(const struct db_rows *r, unsigned col);
struct str pg_str(const struct db_rows *r, unsigned col);
struct str pg_bytes(const struct db_rows *r, unsigned col);

/* pg_writer.c */
int pg_writers_start(struct pg_db *db, unsigned n, struct err *e) must_check;
void pg_writers_join(struct pg_db *db);

#endif
