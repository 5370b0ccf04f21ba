/* The bounded queue of jobs with two lanes, shared by both drivers, and waiting for a job. */
#define LOG_MODULE "db"
#include "db/db_internal.h"

#include "base/clock.h"
#include "base/cond.h"

static _Thread_local bool this_thread_writes;

void db_this_thread_writes(void)
{
    this_thread_writes = true;
}

int db_base_init(struct db *db, const struct db_driver *driver, const struct db_options *o,
                 struct err *e)
{
    db->driver = driver;
    struct db_queue *q = &db->queue;
    q->max = o->queue ? o->queue : 4096;
    for (int i = 0; i < DB_LANES; i++)
        q->tail[i] = &q->head[i];
    if (pthread_mutex_init(&q->lock, NULL) != 0)
        return err_set(e, ERR_NOMEM, "mutex");
    if (cond_init(&q->wake) < 0) {
        pthread_mutex_destroy(&q->lock);
        return err_set(e, ERR_NOMEM, "condition variable");
    }
    return 0;
}

void db_base_free(struct db *db)
{
    pthread_cond_destroy(&db->queue.wake);
    pthread_mutex_destroy(&db->queue.lock);
}

struct db_job *db_queue_pop(struct db_queue *q, enum db_lane lane)
{
    struct db_job *job = q->head[lane];
    if (!job)
        return NULL;
    q->head[lane] = job->next;
    if (!job->next)
        q->tail[lane] = &q->head[lane];
    job->next = NULL;
    atomic_fetch_sub_explicit(&q->waiting[lane], 1, memory_order_relaxed);
    return job;
}

void db_queue_close(struct db_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    pthread_cond_broadcast(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

int db_submit(struct db *db, struct db_job *job, struct err *e)
{
    struct db_queue *q = &db->queue;
    int rc = 0;
    job->next = NULL;
    job->rc = 0;
    pthread_mutex_lock(&q->lock);
    if (q->closing) {
        rc = ERR_DATABASE_UNAVAILABLE;
    } else if (q->waiting[DB_INTERACTIVE] + q->waiting[DB_BULK] >= q->max) {
        rc = ERR_BUSY;
    } else {
        *q->tail[job->lane] = job;
        q->tail[job->lane] = &job->next;
        atomic_fetch_add_explicit(&q->waiting[job->lane], 1, memory_order_relaxed);
        pthread_cond_signal(&q->wake);
    }
    pthread_mutex_unlock(&q->lock);
    if (rc == ERR_BUSY) {
        atomic_fetch_add_explicit(&db->rejected, 1, memory_order_relaxed);
        err_set(e, rc, "%u jobs are waiting", q->max);
        if (e)
            err_param_i64(e, "seconds", 1);
    } else if (rc < 0) {
        err_set(e, rc, "the database is being closed");
    }
    return rc;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    int rc;
    int (*run)(struct db_conn *c, void *arg, struct err *e);
    void *arg;
};

static int waiter_run(struct db_conn *c, void *arg, struct err *e)
{
    struct waiter *w = arg;
    return w->run(c, w->arg, e);
}

static void waiter_done(void *arg, int rc, struct err *e)
{
    struct waiter *w = arg;
    (void)e;
    pthread_mutex_lock(&w->lock);
    w->rc = rc;
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

int db_transact(struct db *db, enum db_lane lane,
                int (*run)(struct db_conn *c, void *arg, struct err *e), void *arg, struct err *e)
{
    if (this_thread_writes)
        return err_set(e, ERR_INTERNAL, "db_transact on a writer's thread would wait for itself");
    struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER,
                       .cond = PTHREAD_COND_INITIALIZER,
                       .run = run,
                       .arg = arg};
    struct db_job job = {.lane = lane, .run = waiter_run, .done = waiter_done, .arg = &w, .err = e};
    int rc = db_submit(db, &job, e);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.cond, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_cond_destroy(&w.cond);
    pthread_mutex_destroy(&w.lock);
    return w.rc;
}
