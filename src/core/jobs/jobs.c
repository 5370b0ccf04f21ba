#include "core/jobs/jobs.h"

#include "core/bell/bell.h"

#define LOG_MODULE "jobs"
#include "base/cond.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEASE_MS INT64_C(60000)
#define TICK_US INT64_C(250000)
#define LOOK_AROUND_US INT64_C(15000000)
enum { MAX_WORKERS = 8, MAX_ATTEMPTS = 5 };

struct job {
    struct tenant *t;
    struct arena *a;
    int64_t id, owner_id;
    char kind[32];
    json_t *params, *cursor;
    struct job_progress last;
    int64_t ticked_us, started_ms, attempts;
    struct buf result;
    bool stopping_seen;
};

/* What runs in this process. The lease says so to other processes, but a wall clock that jumps
   forward (a machine that slept) lets it run out under a job that is alive and well. */
struct at_work {
    int64_t id; /* 0 = nothing */
    char kind[32];
};

struct jobs {
    struct tenant *t;
    const struct job_kind *const *tables;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t threads[MAX_WORKERS];
    unsigned nthreads;
    _Atomic bool stop;
    uint64_t submitted;               /* under lock */
    struct at_work work[MAX_WORKERS]; /* under lock */
    char owner[64];
};

static const struct job_kind *find_kind(const struct job_kind *const *tables, const char *name)
{
    for (; *tables; tables++)
        for (const struct job_kind *k = *tables; k->name; k++)
            if (strcmp(k->name, name) == 0)
                return k;
    return NULL;
}

static bool is_stopping(const struct tenant *t)
{
    return t->jobs && atomic_load(&t->jobs->stop);
}

/* --- claiming ------------------------------------------------------------------------------ */

struct claim {
    struct jobs *jobs;
    int64_t only; /* this job, or 0 = any */
    int64_t id;   /* out; 0 = none */
};

/* Is the job, or another of its kind, at work here, whatever its lease says? */
static bool is_at_work(struct jobs *jobs, int64_t id, struct str kind)
{
    bool found = false;
    pthread_mutex_lock(&jobs->lock);
    for (unsigned i = 0; i < MAX_WORKERS; i++)
        found |= jobs->work[i].id && (jobs->work[i].id == id || str_is(kind, jobs->work[i].kind));
    pthread_mutex_unlock(&jobs->lock);
    return found;
}

static int find_job(struct db_conn *c, const struct claim *cl, int64_t now, int64_t *ret_id,
                    struct err *e)
{
    struct db_rows *rows = NULL;
    const char *lock = db_kind(db_of(c)) == DB_POSTGRES ? " FOR UPDATE SKIP LOCKED" : "";
    char sql[500];
    /* One job of a kind at a time: two valuations, or two imports, would write over each other. */
    snprintf(sql, sizeof sql,
             "SELECT id, kind FROM job WHERE (state = 'queued' OR (state = 'running' AND "
             "lease_until < $1)) AND ($2 = 0 OR id = $2) AND NOT EXISTS (SELECT 1 FROM job r WHERE "
             "r.kind = job.kind AND r.state = 'running' AND r.lease_until >= $1) "
             "ORDER BY id LIMIT 8%s",
             lock);
    *ret_id = 0;
    int rc = db_query(c, sql, DB_ARGS(DB_I64(now), DB_I64(cl->only)), &rows, e);
    while (rc == 0 && !*ret_id && (rc = db_step(rows, e)) > 0) {
        rc = 0;
        if (!is_at_work(cl->jobs, db_i64(rows, 0), db_str(rows, 1)))
            *ret_id = db_i64(rows, 0);
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int claim_one(struct db_conn *c, void *arg, struct err *e)
{
    struct claim *cl = arg;
    int64_t now = clock_now_ms(), changed = 0;
    int rc = find_job(c, cl, now, &cl->id, e);
    if (rc || !cl->id)
        return rc;
    rc = db_exec(c,
                 "UPDATE job SET state = 'running', lease_owner = $1, lease_until = $2, "
                 "attempts = attempts + 1, started_at = CASE WHEN started_at IS NULL THEN $3 "
                 "ELSE started_at END WHERE id = $4 AND (state = 'queued' OR lease_until < $3)",
                 DB_ARGS(DB_STR(str_of(cl->jobs->owner)), DB_I64(now + LEASE_MS), DB_I64(now),
                         DB_I64(cl->id)),
                 &changed, e);
    if (!changed)
        cl->id = 0;
    return rc;
}

static int load_job(struct job *j, struct err *e)
{
    struct db_conn *c = NULL;
    struct db_rows *rows = NULL;
    struct str params = STR_NULL, cursor = STR_NULL;
    int rc = db_reader(j->t->db, &c, e);
    if (rc == 0)
        rc = db_query(c,
                      "SELECT kind, params, cursor, owner_id, attempts, started_at FROM job "
                      "WHERE id = $1",
                      DB_ARGS(DB_I64(j->id)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0) {
        snprintf(j->kind, sizeof j->kind, STR_FMT, STR_ARG(db_str(rows, 0)));
        params = arena_str(j->a, db_str(rows, 1));
        cursor = arena_str(j->a, db_str(rows, 2));
        j->owner_id = db_i64(rows, 3);
        j->attempts = db_i64(rows, 4);
        j->started_ms = db_i64(rows, 5);
    }
    db_rows_done(rows);
    db_reader_done(c);
    if (rc < 0)
        return rc;
    rc = params.n ? json_read(j->a, params, &j->params, e) : 0;
    if (rc == 0 && cursor.n)
        rc = json_read(j->a, cursor, &j->cursor, e);
    if (rc == 0 && j->attempts > MAX_ATTEMPTS)
        rc = err_set(e, ERR_INTERNAL, "given up after %d tries", MAX_ATTEMPTS);
    return rc;
}

/* --- progress ------------------------------------------------------------------------------ */

static void announce(struct tenant *t, int64_t id, int64_t owner)
{
    struct arena *a = arena_new(0);
    struct db_conn *c = NULL;
    struct err e;
    if (!a)
        return;
    err_init(&e, a);
    struct buf out = BUF_INIT(4096);
    struct jw w = jw_new(&out);
    if (db_reader(t->db, &c, &e) == 0 && job_to_json(c, t, id, a, &w, &e) == 0)
        live_publish(t->live,
                     &(struct live_event){
                         .kind = "job", .entity = -1, .owner_id = owner, .data = buf_str(&out)});
    db_reader_done(c);
    buf_free(&out);
    arena_free(a);
}

struct tick {
    struct job *j;
    const struct job_progress *p;
    int64_t cancel;
};

static int store_progress(struct job *j, struct db_conn *c, const struct job_progress *p,
                          struct err *e)
{
    return db_exec(c,
                   "UPDATE job SET phase = $1, done = $2, total = $3, errors = $4, "
                   "lease_until = $5 WHERE id = $6",
                   DB_ARGS(DB_STR(str_of(p->phase)), DB_I64(p->done), DB_I64(p->total),
                           DB_I64(p->errors), DB_I64(clock_now_ms() + LEASE_MS), DB_I64(j->id)),
                   NULL, e);
}

static int run_tick(struct db_conn *c, void *arg, struct err *e)
{
    struct tick *t = arg;
    int rc = store_progress(t->j, c, t->p, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT cancel_requested FROM job WHERE id = $1",
                        DB_ARGS(DB_I64(t->j->id)), 0, &t->cancel, e);
    return rc;
}

int job_tick(struct job *j, const struct job_progress *p, struct err *e)
{
    int64_t now = clock_mono_us();
    if (is_stopping(j->t))
        return err_set(e, ERR_RETRY, "the server stops");
    bool new_phase = !j->last.phase || strcmp(j->last.phase, p->phase) != 0;
    if (!new_phase && now - j->ticked_us < TICK_US)
        return 0;
    j->ticked_us = now;
    j->last = *p;
    struct tick t = {.j = j, .p = p};
    int rc = db_transact(j->t->db, DB_INTERACTIVE, run_tick, &t, e);
    if (rc)
        return rc;
    announce(j->t, j->id, j->owner_id);
    return t.cancel ? err_set(e, ERR_CANCELLED, "cancelled") : 0;
}

int job_save(struct job *j, struct db_conn *c, const struct job_progress *p, struct str cursor,
             struct err *e)
{
    int rc = store_progress(j, c, p, e);
    if (rc)
        return rc;
    return db_exec(c, "UPDATE job SET cursor = $1 WHERE id = $2",
                   DB_ARGS(DB_STR(cursor), DB_I64(j->id)), NULL, e);
}

void job_result(struct job *j, struct str json)
{
    buf_clear(&j->result);
    buf_add_str(&j->result, json);
}

struct job_view job_view(const struct job *j)
{
    return (struct job_view){j->id, j->owner_id, j->kind, j->params, j->cursor};
}

bool job_comes_back(const struct job *j, int rc)
{
    if (rc == ERR_RETRY && is_stopping(j->t))
        return true;
    bool lost = rc == ERR_RETRY || rc == ERR_DATABASE_UNAVAILABLE;
    return lost && db_kind(j->t->db) == DB_POSTGRES && j->attempts < MAX_ATTEMPTS;
}

struct tenant *job_tenant(struct job *j)
{
    return j->t;
}

struct arena *job_arena(struct job *j)
{
    return j->a;
}

/* --- running ------------------------------------------------------------------------------- */

struct ending {
    struct job *j;
    const char *state;
    struct str message;
    bool rings;
};

static int ring(struct db_conn *c, const struct ending *end, struct err *e)
{
    struct bell_ring r = {.kind = BELL_JOB, .user_id = end->j->owner_id, .record_id = end->j->id};
    return bell_ring(c, end->j->t, end->j->a, clock_now_ms(), &r, e);
}

static int store_ending(struct db_conn *c, void *arg, struct err *e)
{
    struct ending *end = arg;
    struct str result = buf_str(&end->j->result);
    int rc =
        db_exec(c,
                "UPDATE job SET state = $1, message = $2, result = $3, finished_at = $4, "
                "done = CASE WHEN state = 'running' AND $5 = 1 THEN total ELSE done END, "
                "lease_owner = NULL, lease_until = NULL WHERE id = $6",
                DB_ARGS(DB_STR(str_of(end->state)), end->message.n ? DB_STR(end->message) : DB_NIL,
                        result.n ? DB_STR(result) : DB_NIL, DB_I64(clock_now_ms()),
                        DB_I64(strcmp(end->state, "done") == 0), DB_I64(end->j->id)),
                NULL, e);
    return rc == 0 && end->rings ? ring(c, end, e) : rc;
}

/* Back into the queue. A server that stops is no attempt of the job's. */
static int release(struct db_conn *c, void *arg, struct err *e)
{
    struct job *j = arg;
    return db_exec(c,
                   "UPDATE job SET state = 'queued', lease_owner = NULL, lease_until = NULL, "
                   "attempts = attempts - $2 WHERE id = $1",
                   DB_ARGS(DB_I64(j->id), DB_I64(is_stopping(j->t))), NULL, e);
}

static void finish(struct job *j, int rc, bool quiet, struct err *why)
{
    struct err e;
    err_init(&e, j->a);
    bool pause = job_comes_back(j, rc);
    struct ending end = {.j = j,
                         .rings = !quiet && j->owner_id && rc != ERR_CANCELLED,
                         .state = rc == 0               ? "done"
                                  : rc == ERR_CANCELLED ? "cancelled"
                                                        : "failed"};
    if (rc && rc != ERR_CANCELLED) {
        const struct err_def *def = err_def(rc);
        end.message =
            message_text(j->t->messages, tenant_company(j->t)->lang, def->id, why->params, 4, j->a);
        if (!pause)
            log_error("job %lld (%s) failed: %s: %s", (long long)j->id, j->kind, def->id,
                      why->detail);
        else if (!is_stopping(j->t))
            log_warn("job %lld (%s) is tried again: %s: %s", (long long)j->id, j->kind, def->id,
                     why->detail);
    }
    int stored = pause ? db_transact(j->t->db, DB_INTERACTIVE, release, j, &e)
                       : db_transact(j->t->db, DB_INTERACTIVE, store_ending, &end, &e);
    if (stored)
        log_error("job %lld: its end was not stored (%s); its lease will run out", (long long)j->id,
                  e.detail);
    else
        announce(j->t, j->id, j->owner_id);
}

/* Writes `to` over the entry of job `id`; 0 means a free one. */
static void note_work(struct jobs *jobs, int64_t id, struct at_work to)
{
    pthread_mutex_lock(&jobs->lock);
    unsigned i = 0;
    while (i < MAX_WORKERS && jobs->work[i].id != id)
        i++;
    if (i < MAX_WORKERS)
        jobs->work[i] = to;
    pthread_mutex_unlock(&jobs->lock);
}

static int run_claimed(struct jobs *jobs, int64_t id)
{
    struct arena *a = arena_new((size_t)1 << 30);
    if (!a)
        return ERR_NOMEM;
    struct err e;
    err_init(&e, a);
    struct job *j = arena_new_of(a, struct job);
    j->t = jobs->t;
    j->a = a;
    j->id = id;
    j->result = BUF_INIT(1 << 20);
    int rc = load_job(j, &e);
    struct at_work work = {.id = id};
    memcpy(work.kind, j->kind, sizeof work.kind);
    note_work(jobs, 0, work);
    const struct job_kind *kind = rc ? NULL : find_kind(jobs->tables, j->kind);
    if (kind)
        rc = kind->run(j, &e);
    else if (rc == 0)
        rc = err_set(&e, ERR_INTERNAL, "no kind %s", j->kind);
    finish(j, rc, kind && kind->quiet, &e);
    note_work(jobs, id, (struct at_work){0});
    buf_free(&j->result);
    arena_free(a);
    return rc;
}

static void *worker(void *arg)
{
    struct jobs *jobs = arg;
    uint64_t seen = 0;
    while (!atomic_load(&jobs->stop)) {
        struct err e = {0};
        struct claim cl = {.jobs = jobs};
        pthread_mutex_lock(&jobs->lock);
        seen = jobs->submitted;
        pthread_mutex_unlock(&jobs->lock);
        if (db_transact(jobs->t->db, DB_INTERACTIVE, claim_one, &cl, &e) == 0 && cl.id) {
            run_claimed(jobs, cl.id);
            continue;
        }
        /* Woken by a submit here; looks around every 15 s for what other nodes left behind. */
        pthread_mutex_lock(&jobs->lock);
        while (seen == jobs->submitted && !atomic_load(&jobs->stop))
            if (!cond_wait_us(&jobs->wake, &jobs->lock, LOOK_AROUND_US))
                break;
        pthread_mutex_unlock(&jobs->lock);
    }
    return NULL;
}

static struct jobs *jobs_new(struct tenant *t, const struct job_kind *const *tables)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs || cond_init(&jobs->wake) != 0) {
        free(jobs);
        return NULL;
    }
    jobs->t = t;
    jobs->tables = tables;
    pthread_mutex_init(&jobs->lock, NULL);
    char host[32] = "";
    gethostname(host, sizeof host - 1);
    snprintf(jobs->owner, sizeof jobs->owner, "%s:%d", host, (int)getpid());
    return jobs;
}

static int reclaim(struct db_conn *c, void *arg, struct err *e)
{
    (void)arg;
    /* The directory is ours alone: whoever ran these jobs is dead. */
    if (db_kind(db_of(c)) != DB_SQLITE)
        return 0;
    return db_exec(c, "UPDATE job SET lease_until = 0 WHERE state = 'running'", DB_NOARGS, NULL, e);
}

int jobs_start(struct tenant *t, const struct job_kind *const *tables, unsigned threads,
               struct err *e)
{
    struct jobs *jobs = jobs_new(t, tables);
    if (!jobs)
        return err_set(e, ERR_NOMEM, "jobs");
    int rc = db_transact(t->db, DB_INTERACTIVE, reclaim, NULL, e);
    if (rc) {
        free(jobs);
        return rc;
    }
    t->jobs = jobs;
    if (!threads)
        threads = 2;
    for (unsigned i = 0; i < threads && i < MAX_WORKERS; i++) {
        if (pthread_create(&jobs->threads[i], NULL, worker, jobs) != 0)
            return err_set(e, ERR_NOMEM, "no thread");
        jobs->nthreads++;
    }
    return 0;
}

void jobs_stop(struct tenant *t)
{
    struct jobs *jobs = t->jobs;
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->lock);
    atomic_store(&jobs->stop, true);
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
    for (unsigned i = 0; i < jobs->nthreads; i++)
        pthread_join(jobs->threads[i], NULL);
    pthread_mutex_destroy(&jobs->lock);
    pthread_cond_destroy(&jobs->wake);
    t->jobs = NULL;
    free(jobs);
}

/* Claims and runs one job (or any, with id 0); *ret_ran tells whether there was one. */
static int run_here(struct tenant *t, const struct job_kind *const *tables, int64_t id,
                    bool *ret_ran, struct err *e)
{
    struct jobs *jobs = jobs_new(t, tables);
    struct claim cl = {.jobs = jobs, .only = id};
    if (!jobs)
        return err_set(e, ERR_NOMEM, "jobs");
    int rc = db_transact(t->db, DB_INTERACTIVE, reclaim, NULL, e);
    if (rc == 0)
        rc = db_transact(t->db, DB_INTERACTIVE, claim_one, &cl, e);
    *ret_ran = rc == 0 && cl.id;
    if (*ret_ran) {
        rc = run_claimed(jobs, cl.id);
        if (rc)
            err_set(e, rc, "job %lld", (long long)cl.id);
    }
    free(jobs);
    return rc;
}

int jobs_run_one(struct tenant *t, const struct job_kind *const *tables, int64_t id, struct err *e)
{
    bool ran = false;
    int rc = run_here(t, tables, id, &ran, e);
    return rc || ran ? rc : err_set(e, ERR_NOT_FOUND, "job %lld", (long long)id);
}

int jobs_run_queued(struct tenant *t, const struct job_kind *const *tables, struct err *e)
{
    bool ran = true;
    int rc = 0;
    while (rc == 0 && ran)
        rc = run_here(t, tables, 0, &ran, e);
    return rc;
}

/* --- submit and cancel --------------------------------------------------------------------- */

static void wake_workers(void *arg)
{
    struct jobs *jobs = arg;
    pthread_mutex_lock(&jobs->lock);
    jobs->submitted++;
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
}

int job_submit(struct db_conn *c, struct tenant *t, const char *kind, struct str title,
               struct str params, int64_t owner_id, int64_t *ret_id, struct err *e)
{
    int64_t id = id_next(t->ids);
    int rc = db_exec(c,
                     "INSERT INTO job (id, kind, title, state, params, done, total, errors, "
                     "owner_id, created_at, cancel_requested, attempts) "
                     "VALUES ($1, $2, $3, 'queued', $4, 0, 0, 0, $5, $6, 0, 0)",
                     DB_ARGS(DB_I64(id), DB_STR(str_of(kind)), DB_STR(title), DB_STR(params),
                             DB_ID(owner_id), DB_I64(clock_now_ms())),
                     NULL, e);
    if (rc)
        return rc;
    if (t->jobs)
        db_after_commit(c, wake_workers, t->jobs);
    *ret_id = id;
    return 0;
}

int job_cancel(struct db_conn *c, struct tenant *t, int64_t id, struct err *e)
{
    int64_t changed = 0;
    (void)t;
    /* One that nobody has begun is cancelled on the spot; one that was put back into the queue has
       something to take back, and is run for that. */
    int rc = db_exec(c,
                     "UPDATE job SET state = 'cancelled', finished_at = $1 WHERE id = $2 AND "
                     "state = 'queued' AND cursor IS NULL",
                     DB_ARGS(DB_I64(clock_now_ms()), DB_I64(id)), &changed, e);
    if (rc == 0 && !changed)
        rc = db_exec(c,
                     "UPDATE job SET cancel_requested = 1 WHERE id = $1 AND state IN ('running', "
                     "'queued')",
                     DB_ARGS(DB_I64(id)), &changed, e);
    if (rc == 0 && !changed)
        rc = err_set(e, ERR_STATE_CONFLICT, "the job is over");
    return rc;
}
