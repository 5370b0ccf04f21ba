/* SQLite's one writer. A commit costs a sync of the disk however much it holds, so everything that
   waits is committed together: each job in a savepoint of its own, one COMMIT, and only then the
   answers. Nobody waits for a batch to fill: what comes while one batch is being synced is the
   next one. */
#define LOG_MODULE "db"
#include "db/sqlite.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"

#include <signal.h>
#include <string.h>

enum {
    BATCH_JOBS = 256,
    BATCH_US = 20000,
    BULK_PATIENCE_US = 200000, /* a bulk job waits at most so long behind interactive ones */
    IDLE_CHECKPOINT_US = 500000,
    RESTARTS = 3,
};

struct batch {
    struct db_job *jobs[BATCH_JOBS];
    size_t after_end[BATCH_JOBS]; /* how far the after-commit calls of this job reach */
    size_t n;
};

static struct db *base_of(struct sqlite_db *db)
{
    return &db->base;
}

static int run_sql(struct sqlite_conn *c, const char *sql, struct err *e)
{
    c->base.failed = false;
    return db_exec(&c->base, sql, DB_NOARGS, NULL, e);
}

static bool in_transaction(const struct sqlite_conn *c)
{
    return !sqlite3_get_autocommit(c->h);
}

/* Inside the open transaction. 0 when the transaction is still alive, else the error that made
   SQLite give up the whole of it (disk full, I/O, memory). */
static int run_job(struct sqlite_db *db, struct db_job *job)
{
    struct sqlite_conn *c = db->writer;
    size_t after = c->base.nafter, notes = c->base.notes.n;
    /* A bulk job comes first in its transaction. A savepoint around it would keep a copy of every
       page it touches in memory, and SQLite walks through all of that at the end of each statement
       that has one of its own (4 of 5 seconds of a large undo). */
    bool alone = job->lane == DB_BULK;
    err_clear(job->err);
    int rc = alone ? 0 : run_sql(c, "SAVEPOINT job", job->err);
    if (rc < 0) {
        job->rc = rc;
        return in_transaction(c) ? 0 : rc;
    }
    c->base.lane = job->lane;
    c->base.job_start_us = clock_mono_us();
    rc = job->run(&c->base, job->arg, job->err);
    sqlite_finish_all(c);
    if (rc >= 0 && c->base.failed)
        rc = err_set(job->err, ERR_INTERNAL, "the job went on after a failed statement");
    job->rc = rc;
    if (!in_transaction(c)) {
        c->base.nafter = after;
        db_notes_cut(&c->base, 0);
        if (rc >= 0)
            rc = err_set(job->err, ERR_INTERNAL, "the job ended the transaction itself");
        job->rc = rc;
        return rc;
    }
    if (rc < 0) {
        c->base.nafter = after;
        db_notes_cut(&c->base, notes);
    }
    if (alone)
        return 0; /* run_batch rolls back what failed */
    if (rc < 0) {
        if (run_sql(c, "ROLLBACK TO job", NULL) < 0 && !in_transaction(c))
            return rc;
    }
    rc = run_sql(c, "RELEASE job", job->rc < 0 ? NULL : job->err);
    if (rc < 0 && job->rc >= 0) {
        job->rc = rc;
        c->base.nafter = after;
        db_notes_cut(&c->base, notes);
    }
    return rc < 0 && !in_transaction(c) ? rc : 0;
}

/* A bulk job has no savepoint to go back to: its failure takes the transaction with it. */
static bool bulk_failed(const struct db_job *job)
{
    return job->lane == DB_BULK && job->rc < 0;
}

/* The next job of this batch, or NULL to commit now. A batch begins with a bulk job or has none:
   people do not wait for one that could come later, but whoever waited for one to end goes into its
   commit instead of paying for the next. */
static struct db_job *next_job(struct sqlite_db *db)
{
    struct db_queue *q = &base_of(db)->queue;
    pthread_mutex_lock(&q->lock);
    struct db_job *job = db_queue_pop(q, DB_INTERACTIVE);
    pthread_mutex_unlock(&q->lock);
    return job;
}

/* Starts again without job `bad`, which made SQLite roll the whole transaction back. */
static int rerun_others(struct sqlite_db *db, struct batch *b, size_t bad)
{
    struct sqlite_conn *c = db->writer;
    int rc = run_sql(c, "BEGIN IMMEDIATE", NULL);
    c->base.nafter = 0;
    db_notes_cut(&c->base, 0);
    for (size_t i = 0; i < b->n && rc >= 0; i++) {
        bool again = i != bad && b->jobs[i]->rc >= 0;
        if (again)
            rc = run_job(db, b->jobs[i]);
        b->after_end[i] = c->base.nafter;
        if (again && rc >= 0 && bulk_failed(b->jobs[i])) {
            run_sql(c, "ROLLBACK", NULL);
            return rerun_others(db, b, bad); /* it is left out now */
        }
    }
    return rc;
}

static void run_batch(struct sqlite_db *db, struct batch *b, struct err *e)
{
    struct sqlite_conn *c = db->writer;
    int64_t start = 0;
    int restarts = 0;
    c->base.nafter = 0;
    db_notes_cut(&c->base, 0);
    b->after_end[0] = 0;
    int rc = run_sql(c, "BEGIN IMMEDIATE", e);
    for (size_t i = 0; rc >= 0;) {
        rc = run_job(db, b->jobs[i]);
        b->after_end[i] = c->base.nafter;
        while (rc < 0 && restarts++ < RESTARTS) {
            size_t bad = i;
            if (in_transaction(c))
                run_sql(c, "ROLLBACK", NULL);
            rc = rerun_others(db, b, bad);
        }
        if (rc < 0) {
            err_set(e, rc, "the transaction was given up: %s", sqlite3_errmsg(c->h));
            break;
        }
        if (i == 0)
            start = clock_mono_us(); /* the time of a bulk job is not that of the others */
        if (++i == BATCH_JOBS || clock_mono_us() - start >= BATCH_US || bulk_failed(b->jobs[0]) ||
            db_notes_many(&c->base))
            break;
        struct db_job *job = next_job(db);
        if (!job)
            break;
        b->jobs[i] = job;
        b->n = i + 1;
    }
    if (rc >= 0 && b->n == 1 && bulk_failed(b->jobs[0])) {
        if (in_transaction(c))
            run_sql(c, "ROLLBACK", NULL);
    } else if (rc >= 0) {
        int64_t t = clock_mono_us();
        c->base.failed = false;
        rc = db_notes_run(&c->base, e);
        if (rc >= 0)
            rc = run_sql(c, "COMMIT", e);
        t = clock_mono_us() - t;
        if (b->jobs[0]->lane == DB_BULK)
            c->base.bulk_commit_us = t;
        atomic_fetch_add_explicit(&base_of(db)->commit_us, (uint64_t)t, memory_order_relaxed);
    }
    if (rc < 0 && in_transaction(c))
        run_sql(c, "ROLLBACK", NULL);
    if (rc < 0)
        log_error("commit of %zu jobs failed: %s", b->n, e->detail);
}

static void finish_batch(struct sqlite_db *db, struct batch *b, const struct err *failure)
{
    struct sqlite_conn *c = db->writer;
    size_t at = 0;
    struct db *base = base_of(db);
    if (failure->code == 0)
        atomic_fetch_add_explicit(&base->commits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&base->jobs, b->n, memory_order_relaxed);
    for (size_t i = 0; i < b->n; i++) {
        struct db_job *job = b->jobs[i];
        if (failure->code && job->rc >= 0)
            job->rc = err_set(job->err, failure->code, "%s", failure->detail);
        for (; failure->code == 0 && at < b->after_end[i]; at++)
            c->base.after[at].fn(c->base.after[at].arg);
        if (job->done)
            job->done(job->arg, job->rc, job->err);
    }
    c->base.nafter = 0;
}

/* Waits for a job. While the WAL holds something that is not in the file yet, half a second of
   rest is used for a checkpoint; after that the thread sleeps until it is woken. */
static struct db_job *wait_for_job(struct sqlite_db *db, bool *dirty, int64_t *bulk_since)
{
    struct db_queue *q = &base_of(db)->queue;
    struct db_job *job = NULL;
    pthread_mutex_lock(&q->lock);
    for (;;) {
        int64_t now = clock_mono_us();
        if (q->waiting[DB_BULK] == 0)
            *bulk_since = now;
        if (now - *bulk_since > BULK_PATIENCE_US)
            job = db_queue_pop(q, DB_BULK);
        if (!job)
            job = db_queue_pop(q, DB_INTERACTIVE);
        if (!job)
            job = db_queue_pop(q, DB_BULK);
        if (job) {
            if (job->lane == DB_BULK)
                *bulk_since = now;
            break;
        }
        if (q->closing)
            break;
        if (!*dirty) {
            pthread_cond_wait(&q->wake, &q->lock);
        } else if (!cond_wait_us(&q->wake, &q->lock, IDLE_CHECKPOINT_US)) {
            *dirty = false;
            pthread_mutex_unlock(&q->lock);
            sqlite3_wal_checkpoint_v2(db->writer->h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
            pthread_mutex_lock(&q->lock);
        }
    }
    pthread_mutex_unlock(&q->lock);
    return job;
}

static void *writer_main(void *arg)
{
    struct sqlite_db *db = arg;
    struct batch b;
    bool dirty = false, keys_off = false;
    int64_t bulk_since = clock_mono_us();
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    db_this_thread_writes();
    for (;;) {
        b.jobs[0] = wait_for_job(db, &dirty, &bulk_since);
        if (!b.jobs[0])
            break;
        b.n = 1;
        bool off = atomic_load(&db->keys_off);
        if (off != keys_off &&
            run_sql(db->writer, off ? "PRAGMA foreign_keys=OFF" : "PRAGMA foreign_keys=ON", NULL) ==
                0)
            keys_off = off;
        struct err failure;
        err_init(&failure, NULL);
        run_batch(db, &b, &failure);
        dirty = true;
        finish_batch(db, &b, &failure);
    }
    /* The file alone is then the whole database: it can be copied. */
    sqlite3_wal_checkpoint_v2(db->writer->h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return NULL;
}

int sqlite_writer_start(struct sqlite_db *db, struct err *e)
{
    int rc = pthread_create(&db->thread, NULL, writer_main, db);
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "writer thread: %s", strerror(rc));
}
