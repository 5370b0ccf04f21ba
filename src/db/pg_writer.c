/* PostgreSQL's writer threads. Each job is one SERIALIZABLE transaction on a connection of its
   thread; the server groups the syncs of concurrent commits itself. What collides with another
   transaction or loses its connection is run again from the start. */
#define LOG_MODULE "db"
#include "db/pg.h"

#include "base/clock.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ATTEMPTS = 10,
    ALONE_AFTER = 5,           /* collisions; from then on with nobody else of this process */
    BULK_PATIENCE_US = 200000, /* as in sqlite_writer.c */
    RECONNECTS = 7,            /* 50, 100, … 3200 ms: a restart of the server fits in */
};

static void sleep_ms(int64_t ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static int reconnect(struct pg_conn *c, struct err *e)
{
    int rc = 0;
    for (int i = 0; i < RECONNECTS; i++) {
        rc = pg_connect(c, e);
        if (rc != ERR_DATABASE_UNAVAILABLE || i + 1 == RECONNECTS)
            break;
        sleep_ms((int64_t)50 << i);
    }
    if (rc == 0)
        err_clear(e);
    return rc;
}

/* --- the order of after-commit calls ------------------------------------------------------- */

/* A ticket is drawn before COMMIT is sent. A transaction that depends on another sends its COMMIT
   after the other's has happened, so the order of tickets respects the order of commits, and the
   commits themselves still run side by side. */
static uint64_t draw_ticket(struct pg_db *db)
{
    pthread_mutex_lock(&db->turn_lock);
    uint64_t t = db->next_ticket++;
    pthread_mutex_unlock(&db->turn_lock);
    return t;
}

static void use_ticket(struct pg_db *db, struct pg_conn *c, uint64_t ticket, bool committed)
{
    pthread_mutex_lock(&db->turn_lock);
    while (db->serving != ticket)
        pthread_cond_wait(&db->turn, &db->turn_lock);
    pthread_mutex_unlock(&db->turn_lock);
    for (size_t i = 0; committed && i < c->base.nafter; i++)
        c->base.after[i].fn(c->base.after[i].arg);
    pthread_mutex_lock(&db->turn_lock);
    db->serving++;
    pthread_cond_broadcast(&db->turn);
    pthread_mutex_unlock(&db->turn_lock);
}

/* --- one transaction ----------------------------------------------------------------------- */

/* The answer to COMMIT was lost. The server knows what became of the transaction. */
static int settle_commit(struct pg_conn *c, const char *xid, struct err *e)
{
    int rc = reconnect(c, e);
    if (rc < 0)
        return err_set(e, ERR_DATABASE_UNAVAILABLE, "the outcome of a commit is not known");
    for (int i = 0; i < 50; i++) {
        char sql[96], state[32];
        snprintf(sql, sizeof sql, "SELECT pg_xact_status(CAST('%s' AS xid8))", xid);
        rc = pg_simple(c, sql, state, sizeof state, e);
        if (rc < 0)
            return rc;
        if (strcmp(state, "committed") == 0)
            return 0;
        if (strcmp(state, "in progress") != 0)
            break;
        sleep_ms(20); /* its backend is still on the way out */
    }
    c->again = true;
    return err_set(e, ERR_RETRY, "the connection was lost before the commit");
}

static int commit(struct pg_db *db, struct pg_conn *c, const char *xid, struct err *e)
{
    char tag[16];
    bool ordered = c->base.nafter > 0;
    uint64_t ticket = ordered ? draw_ticket(db) : 0;
    int64_t t = clock_mono_us();
    int rc = pg_simple(c, "COMMIT", tag, sizeof tag, e);
    atomic_fetch_add_explicit(&db->base.commit_us, (uint64_t)(clock_mono_us() - t),
                              memory_order_relaxed);
    if (rc == 0 && strcmp(tag, "COMMIT") != 0)
        rc = err_set(e, ERR_INTERNAL, "the server answered COMMIT with %s", tag);
    if (rc < 0 && c->lost)
        rc = settle_commit(c, xid, e);
    if (ordered)
        use_ticket(db, c, ticket, rc == 0);
    if (rc == 0) {
        err_clear(e);
        atomic_fetch_add_explicit(&db->base.commits, 1, memory_order_relaxed);
    }
    return rc;
}

/* The job's result, or an error; c->again says that it should be tried once more. */
static int attempt(struct pg_db *db, struct pg_conn *c, struct db_job *job, struct err *e)
{
    char xid[24];
    c->again = c->base.failed = false;
    c->base.nafter = 0;
    db_notes_cut(&c->base, 0);
    err_clear(e);
    if (c->lost || PQstatus(c->pg) != CONNECTION_OK) {
        int rc = reconnect(c, e);
        if (rc < 0)
            return rc;
    }
    int rc = pg_simple(c, db->begin_write, xid, sizeof xid, e);
    if (rc < 0)
        return rc;
    c->base.lane = job->lane;
    c->base.job_start_us = clock_mono_us();
    rc = job->run(&c->base, job->arg, e);
    if (rc >= 0 && !c->base.failed) {
        int end = db_notes_run(&c->base, e);
        if (end >= 0)
            end = pg_settle(c, e);
        rc = end < 0 ? end : rc;
    } else if (pg_settle(c, NULL) < 0) {
        c->base.failed = true; /* the job said why; what it put is rolled back */
    }
    pg_finish_all(c);
    if (rc >= 0 && c->base.failed && !c->again)
        rc = err_set(e, ERR_INTERNAL, "the job went on after a failed statement");
    if (rc < 0 || c->again) {
        bool again = c->again;
        if (!c->lost && pg_simple(c, "ROLLBACK", NULL, 0, NULL) < 0)
            c->lost = true;
        c->again = again;
        return rc < 0 ? rc : ERR_RETRY;
    }
    int end = commit(db, c, xid, e);
    return end < 0 ? end : rc;
}

static int run_job(struct pg_db *db, struct pg_conn *c, struct db_job *job)
{
    struct err own, *e = job->err;
    int rc = 0;
    err_init(&own, NULL);
    if (!e)
        e = &own;
    for (int i = 0; i < ATTEMPTS; i++) {
        if (i >= ALONE_AFTER)
            pthread_rwlock_wrlock(&db->alone);
        else
            pthread_rwlock_rdlock(&db->alone);
        rc = attempt(db, c, job, e);
        pthread_rwlock_unlock(&db->alone);
        if (rc >= 0 || !c->again)
            return rc;
        atomic_fetch_add_explicit(&db->base.retries, 1, memory_order_relaxed);
        if (!c->lost && i + 1 < ALONE_AFTER) {
            /* colliding threads must not fall into step */
            int64_t now = clock_mono_us();
            sleep_ms(1 + (now ^ (int64_t)(intptr_t)c >> 6) % ((int64_t)2 << i));
        }
    }
    return rc == ERR_RETRY ? err_set(e, ERR_BUSY, "%d attempts collided", ATTEMPTS) : rc;
}

/* --- the threads --------------------------------------------------------------------------- */

/* One thread is always kept from bulk work, for the people who wait. */
static struct db_job *wait_for_job(struct pg_db *db)
{
    struct db_queue *q = &db->base.queue;
    struct db_job *job = NULL;
    pthread_mutex_lock(&q->lock);
    unsigned bulk_max = db->nthreads > 1 ? db->nthreads - 1 : 1;
    for (;;) {
        int64_t now = clock_mono_us();
        bool bulk = db->bulk_running < bulk_max;
        if (q->waiting[DB_BULK] == 0 || db->bulk_running > 0)
            db->bulk_since = now;
        if (bulk && now - db->bulk_since > BULK_PATIENCE_US)
            job = db_queue_pop(q, DB_BULK);
        if (!job)
            job = db_queue_pop(q, DB_INTERACTIVE);
        if (!job && bulk)
            job = db_queue_pop(q, DB_BULK);
        if (job || (q->closing && q->waiting[DB_BULK] == 0))
            break;
        pthread_cond_wait(&q->wake, &q->lock);
    }
    if (job && job->lane == DB_BULK) {
        db->bulk_running++;
        db->bulk_since = clock_mono_us();
    }
    pthread_mutex_unlock(&q->lock);
    return job;
}

static void bulk_done(struct pg_db *db)
{
    struct db_queue *q = &db->base.queue;
    pthread_mutex_lock(&q->lock);
    db->bulk_running--;
    if (q->waiting[DB_BULK] > 0 || q->closing)
        pthread_cond_broadcast(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

static void *writer_main(void *arg)
{
    struct pg_db *db = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    db_this_thread_writes();
    struct pg_conn *c = pg_conn_new(db, true);
    struct db_job *job;
    while ((job = wait_for_job(db)) != NULL) {
        enum db_lane lane = job->lane;
        int rc = c ? run_job(db, c, job) : err_set(job->err, ERR_NOMEM, "connection");
        job->rc = rc;
        atomic_fetch_add_explicit(&db->base.jobs, 1, memory_order_relaxed);
        if (job->done)
            job->done(job->arg, rc, job->err); /* the job may be gone after this */
        if (lane == DB_BULK)
            bulk_done(db);
    }
    pg_conn_free(c);
    return NULL;
}

int pg_writers_start(struct pg_db *db, unsigned n, struct err *e)
{
    db->threads = calloc(n, sizeof *db->threads);
    if (!db->threads)
        return err_set(e, ERR_NOMEM, "writer threads");
    db->bulk_since = clock_mono_us();
    /* The threads read nthreads: it is final before the first of them runs. */
    pthread_mutex_lock(&db->base.queue.lock);
    while (db->nthreads < n &&
           pthread_create(&db->threads[db->nthreads], NULL, writer_main, db) == 0)
        db->nthreads++;
    n = db->nthreads;
    pthread_mutex_unlock(&db->base.queue.lock);
    if (n > 0)
        return 0;
    return err_set(e, ERR_NOMEM, "writer threads");
}

void pg_writers_join(struct pg_db *db)
{
    for (unsigned i = 0; i < db->nthreads; i++)
        pthread_join(db->threads[i], NULL);
}
