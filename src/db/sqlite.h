/* Private to the SQLite driver: sqlite.c (connections and statements) and sqlite_writer.c. */
#ifndef PATRON_DB_SQLITE_H
#define PATRON_DB_SQLITE_H

#include "db/db_internal.h"

#include <sqlite3.h>

/* A cached statement is its own row cursor, so running it again allocates nothing. */
struct sqlite_rows {
    struct db_rows base;
    sqlite3_stmt *st;
    char *text;
    size_t text_n;
    uint64_t hash;
    struct sqlite_rows *chain;         /* same bucket */
    struct sqlite_rows *newer, *older; /* by last use */
    unsigned short *order;             /* bound position i carries $order[i] */
    unsigned nbound, nargs;            /* positions; largest $n */
    bool cached, busy, finished, counts;
    int64_t changed;
    char *copies; /* texts of the running query, when its rows outlive the call */
    size_t copies_cap;
};

enum { SQLITE_BUCKETS = 256 };

struct sqlite_conn {
    struct db_conn base;
    sqlite3 *h;
    struct sqlite_conn *next_free;
    struct sqlite_rows *buckets[SQLITE_BUCKETS];
    struct sqlite_rows *newest, *oldest;
    unsigned ncached, max_cached, nbusy;
    bool in_read;
    int64_t budget_us, spent_us, step_start_us;
    bool too_slow;
};

/* The thread that moves the log into the file (sqlite_checkpoint.c). */
struct sqlite_checkpoint {
    struct sqlite_conn *conn;
    pthread_t thread;
    pthread_mutex_t lock; /* wanted, closing */
    pthread_cond_t wake;
    bool wanted, closing;
    atomic_bool last_piece;   /* little is left: the writer shall copy it after its next commit */
    int next_at, last_length; /* pages of the log; the writer's alone */
};

struct sqlite_db {
    struct db base;
    char *path;
    struct sqlite_conn *writer;
    pthread_t thread;
    struct sqlite_checkpoint checkpoint;
    pthread_mutex_t lock; /* the readers */
    pthread_cond_t freed;
    struct sqlite_conn *free;
    unsigned nreaders, max_readers;
    atomic_bool keys_off; /* restore: foreign keys are checked at its end */
};

enum sqlite_role {
    SQLITE_READER,
    SQLITE_WRITER,
    SQLITE_CHECKPOINTER,
    SQLITE_ALONE,
    SQLITE_ALONE_READER
};

int sqlite_conn_open(struct db *db, const char *path, enum sqlite_role role,
                     struct sqlite_conn **ret_conn, struct err *e) must_check;
void sqlite_conn_close(struct sqlite_conn *c);
/* Turns the result code of the last call on `c` into ours; also marks the job as failed. */
int sqlite_error(struct sqlite_conn *c, int rc, struct err *e);
/* Statements a job left open would keep its savepoint alive. */
void sqlite_finish_all(struct sqlite_conn *c);

/* sqlite_log.c: the name under which SQLite writes its log in large pieces; for connections with
   synchronous=FULL. NULL when there is no memory. Once, before any other call of SQLite's. */
const char *sqlite_log_vfs(void);

int sqlite_writer_start(struct sqlite_db *db, struct err *e) must_check;

/* Before the writer's thread starts; stopped after it has ended. */
int sqlite_checkpoint_start(struct sqlite_db *db, struct err *e) must_check;
void sqlite_checkpoint_stop(struct sqlite_db *db);

#endif
