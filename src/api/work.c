/* Where handlers run: inline, on workers, inside transactions. */
#include "api/internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define INLINE_BUDGET_US 2000
#define READ_BUDGET_US INT64_C(5000000)

static struct jw fresh_output(struct api_call *c)
{
    buf_clear(&c->req->out);
    return jw_new(&c->req->out);
}

/* --- reads --------------------------------------------------------------------------------- */

static int run_read(struct api_call *c, int64_t budget_us)
{
    struct db_conn *conn = NULL;
    int rc = db_reader(c->t->db, &conn, &c->err);
    if (rc)
        return rc;
    db_budget(conn, budget_us);
    struct jw w = fresh_output(c);
    rc = c->endpoint->read(c, conn, &w);
    db_reader_done(conn);
    return rc;
}

/* --- workers ------------------------------------------------------------------------------- */

static int work_submit(struct api *a, struct api_call *c)
{
    struct api_work *work = arena_new_of(c->a, struct api_work);
    work->call = c;
    pthread_mutex_lock(&a->lock);
    bool full = a->waiting >= WORK_QUEUE || a->stop;
    if (!full) {
        /* Suspended before it is handed over: the answer may come at once. */
        http_suspend(c->req);
        *a->last = work;
        a->last = &work->next;
        a->waiting++;
        pthread_cond_signal(&a->more);
    }
    pthread_mutex_unlock(&a->lock);
    if (!full)
        return 0; /* the call is the worker's now */
    err_param_i64(&c->err, "seconds", 1);
    return err_set(&c->err, ERR_BUSY, "too much work waits");
}

static void work_on(struct api_call *c)
{
    err_clear(&c->err);
    bool raw = c->endpoint->raw; /* read now: after a raw answer the call may be gone */
    int rc;
    if (c->endpoint->kind == API_READ) {
        rc = run_read(c, READ_BUDGET_US);
    } else {
        struct jw w = fresh_output(c);
        rc = c->endpoint->plain(c, &w);
    }
    if (rc || !raw)
        call_answer(c, rc);
}

static void *worker(void *arg)
{
    struct api *a = arg;
    pthread_mutex_lock(&a->lock);
    for (;;) {
        while (!a->first && !a->stop)
            pthread_cond_wait(&a->more, &a->lock);
        struct api_work *work = a->first;
        if (!work)
            break;
        a->first = work->next;
        if (!a->first)
            a->last = &a->first;
        a->waiting--;
        pthread_mutex_unlock(&a->lock);
        work_on(work->call);
        pthread_mutex_lock(&a->lock);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

int work_start(struct api *a, unsigned n, struct err *e)
{
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->more, NULL);
    a->last = &a->first;
    a->threads = arena_array(a->arena, pthread_t, n);
    for (unsigned i = 0; i < n; i++) {
        if (pthread_create(&a->threads[i], NULL, worker, a) != 0)
            return err_set(e, ERR_NOMEM, "no thread");
        a->nthreads++;
    }
    return 0;
}

void work_stop(struct api *a)
{
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_broadcast(&a->more);
    pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->nthreads; i++)
        pthread_join(a->threads[i], NULL);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->more);
}

/* --- writes -------------------------------------------------------------------------------- */

/* An Idempotency-Key belongs to its user. The answer is stored in the transaction of the write, so
   that either both are there or none. */
static int replay(struct api_work *work, struct db_conn *conn, bool *ret_done, struct err *e)
{
    struct api_call *c = work->call;
    struct db_rows *rows = NULL;
    int rc = db_query(conn, "SELECT hash, status, body, headers FROM idempotency WHERE key = $1",
                      DB_ARGS(DB_STR(work->key)), &rows, e);
    if (rc == 0)
        rc = db_step(rows, e);
    if (rc > 0) {
        struct str hash = db_bytes(rows, 0), headers = db_str(rows, 3), part;
        if (!str_eq(hash, str_from((const char *)work->hash, sizeof work->hash))) {
            rc = err_set(e, ERR_IDEMPOTENCY_MISMATCH, "same key, other request");
        } else {
            c->status = (int)db_i64(rows, 1);
            buf_clear(&c->req->out);
            buf_add_str(&c->req->out, db_str(rows, 2));
            c->no_body = db_str(rows, 2).n == 0;
            if (str_split(&headers, ' ', &part))
                str_to_i64(part, &c->etag);
            if (str_split(&headers, ' ', &part))
                str_to_i64(part, &c->event_id);
            c->location = headers.n ? arena_str(c->a, headers) : STR_NULL;
            *ret_done = true;
            rc = 0;
        }
    }
    db_rows_done(rows);
    return rc;
}

static int keep_answer(struct api_work *work, struct db_conn *conn, struct err *e)
{
    struct api_call *c = work->call;
    struct str headers = arena_printf(c->a, "%lld %lld " STR_FMT, (long long)c->etag,
                                      (long long)c->event_id, STR_ARG(c->location));
    int rc = db_exec(
        conn,
        "INSERT INTO idempotency (key, hash, status, body, headers, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        DB_ARGS(DB_STR(work->key), DB_BYTES(str_from((const char *)work->hash, sizeof work->hash)),
                DB_I64(c->status), DB_STR(c->no_body ? STR("") : buf_str(&c->req->out)),
                DB_STR(headers), DB_I64(work->write.now)),
        NULL, e);
    return rc == ERR_CONSTRAINT ? err_set(e, ERR_IDEMPOTENCY_IN_FLIGHT, "the same key twice") : rc;
}

static int run_write(struct db_conn *conn, void *arg, struct err *e)
{
    struct api_work *work = arg;
    struct api_call *c = work->call;
    bool done = false;
    int rc = 0;
    err_clear(e);
    /* May be a second try: everything a handler sets begins anew. */
    c->status = 200;
    c->etag = c->event_id = 0;
    c->location = c->cookie = STR_NULL;
    c->no_body = false;
    work->write =
        (struct write){.t = c->t, .c = conn, .who = c->who, .a = c->a, .now = clock_now_ms()};
    if (work->key.n)
        rc = replay(work, conn, &done, e);
    if (rc || done)
        return rc;
    struct jw w = fresh_output(c);
    rc = c->endpoint->write(c, &work->write, &w);
    c->event_id = work->write.event_id;
    if (rc == 0 && work->key.n)
        rc = keep_answer(work, conn, e);
    return rc;
}

static void write_done(void *arg, int rc, struct err *e)
{
    struct api_work *work = arg;
    (void)e;
    call_answer(work->call, rc);
}

static int prepare_key(struct api_work *work, struct str key)
{
    struct api_call *c = work->call;
    crypto_generichash_state h;
    if (key.n > 64) {
        err_param(&c->err, "name", STR("Idempotency-Key"));
        return err_set(&c->err, ERR_BAD_PARAMETER, "key too long");
    }
    work->key = arena_printf(c->a, "%lld:" STR_FMT, (long long)(c->who ? c->who->user_id : 0),
                             STR_ARG(key));
    crypto_generichash_init(&h, NULL, 0, sizeof work->hash);
    crypto_generichash_update(&h, (const unsigned char *)c->endpoint->path,
                              strlen(c->endpoint->path));
    crypto_generichash_update(&h, (const unsigned char *)c->req->path.p, c->req->path.n);
    crypto_generichash_update(&h, (const unsigned char *)c->req->body.p, c->req->body.n);
    crypto_generichash_final(&h, work->hash, sizeof work->hash);
    return 0;
}

static int submit_write(struct api_call *c)
{
    struct api_work *work = arena_new_of(c->a, struct api_work);
    work->call = c;
    struct str key = http_header(c->req, "Idempotency-Key");
    int rc = key.n ? prepare_key(work, key) : 0;
    if (rc)
        return rc;
    work->job = (struct db_job){
        .lane = DB_INTERACTIVE, .run = run_write, .done = write_done, .arg = work, .err = &c->err};
    http_suspend(c->req);
    rc = db_submit(c->t->db, &work->job, &c->err);
    if (rc)
        call_answer(c, rc); /* resumes what was suspended */
    return 0;
}

/* --- dispatch ------------------------------------------------------------------------------ */

void call_run(struct api_call *c)
{
    struct api *a = c->api;
    int rc;
    switch (c->endpoint->kind) {
    case API_READ:
        if (db_kind(c->t->db) == DB_SQLITE) {
            rc = run_read(c, INLINE_BUDGET_US);
            if (rc != ERR_QUERY_TOO_SLOW) {
                atomic_fetch_add_explicit(&a->reads_inline, 1, memory_order_relaxed);
                call_answer(c, rc);
                return;
            }
        }
        atomic_fetch_add(&a->reads_moved, 1);
        rc = work_submit(a, c);
        break;
    case API_SLOW:
        atomic_fetch_add(&a->slow, 1);
        rc = work_submit(a, c);
        break;
    case API_WRITE:
        atomic_fetch_add(&a->writes, 1);
        rc = submit_write(c);
        break;
    default: {
        struct jw w = fresh_output(c);
        rc = c->endpoint->plain(c, &w);
        if (rc || !c->endpoint->raw)
            call_answer(c, rc);
        return;
    }
    }
    if (rc)
        call_answer(c, rc);
}
