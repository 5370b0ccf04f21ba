/* Asking for a bulk change, and for its taking back. Both run on a worker: finding out which
   records are meant may take seconds, which no writer should be kept for. */
#include "crm/bulk/internal.h"

#include "base/ids.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIND_BUDGET_US INT64_C(30000000)

struct asking {
    struct api_call *c;
    struct bulk_ask ask;
    struct id_list ids;
    int64_t job;
};

/* --- the job and its ids -----------------------------------------------------------------------
 */

static int submit(struct db_conn *conn, void *arg, struct err *e)
{
    struct asking *k = arg;
    struct api_call *c = k->c;
    json_t *params = json_pack("{s:s, s:{s:O}}", "entity", k->ask.en->name, "change",
                               k->ask.kind->name, k->ask.in);
    const json_t *filter = json_object_get(c->body, "filter");
    if (params && filter)
        json_object_set(params, "filter", (json_t *)filter);
    char *text = params ? json_dumps(params, JSON_COMPACT) : NULL;
    json_decref(params);
    if (!text)
        return err_set(e, ERR_NOMEM, "bulk");
    const char *kind = k->ask.kind->check ? BULK_JOB : BULK_UNDO_JOB;
    int rc = job_submit(conn, c->t, kind, bulk_title(&k->ask, c->lang, c->a), str_of(text),
                        c->who->user_id, &k->job, e);
    free(text);
    for (size_t at = 0; rc == 0 && at < k->ids.n; at += BULK_PART) {
        size_t n = k->ids.n - at < BULK_PART ? k->ids.n - at : BULK_PART;
        rc = bulk_keep(conn, k->job, BULK_MEANT, (int64_t)(at / BULK_PART), k->ids.ids + at, n, e);
    }
    return rc;
}

static int start(struct asking *k, int rc, struct jw *w)
{
    struct api_call *c = k->c;
    if (rc == 0)
        rc = db_transact(c->t->db, k->ids.n > BULK_PART ? DB_BULK : DB_INTERACTIVE, submit, k,
                         &c->err);
    free(k->ids.ids);
    return api_job_started(c, rc, k->job, w);
}

/* --- everything that matches -------------------------------------------------------------------
 */

static bool refuse_param(void *arg, struct str name, struct str value)
{
    (void)value;
    *(struct str *)arg = name;
    return false;
}

/* More than the person saw would be changed unseen; fewer is what was meant. */
static int check_count(struct asking *k)
{
    struct err *e = &k->c->err;
    int64_t n = (int64_t)k->ids.n;
    if (n > BULK_MOST) {
        err_param_i64(e, "count", n);
        err_param_i64(e, "max", BULK_MOST);
        return err_set(e, ERR_BULK_LIMIT, "%lld records", (long long)n);
    }
    if (n <= k->ask.expected)
        return 0;
    err_param_i64(e, "count", n);
    err_param_i64(e, "expected", k->ask.expected);
    return err_set(e, ERR_BULK_COUNT, "%lld, not %lld", (long long)n, (long long)k->ask.expected);
}

static int change(struct api_call *c, struct jw *w)
{
    struct asking k = {.c = c, .ask = {.en = c->en}};
    struct db_conn *conn = NULL;
    struct str param = STR_NULL;
    http_params(c->req, refuse_param, &param);
    if (param.n) { /* a filter in the address would not be one */
        err_param(&c->err, "name", param);
        return err_set(&c->err, ERR_BAD_PARAMETER, "all of it stands in the body");
    }
    int rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0) {
        db_budget(conn, FIND_BUDGET_US);
        rc = bulk_read(conn, c->t, c->who, c->body, c->a, &k.ask, &c->err);
    }
    if (rc == 0)
        rc = record_ids(conn, c->who, &k.ask.q, c->a, &k.ids, &c->err);
    db_reader_done(conn);
    if (rc == 0)
        rc = check_count(&k);
    return start(&k, rc, w);
}

/* --- taking back -------------------------------------------------------------------------------
 */

/* The job as it was asked for, when it is over and whoever asks now may see it. */
static int find_done(struct api_call *c, struct db_conn *conn, struct bulk_ask *ret_done)
{
    struct db_rows *rows = NULL;
    struct str text = STR_NULL;
    json_t *params;
    bool over = false;
    int rc = db_query(conn,
                      "SELECT params, finished_at FROM job WHERE id = $1 AND kind IN ('" BULK_JOB
                      "', '" BULK_UNDO_JOB "') AND "
                      "(owner_id = $2 OR $3 = 1)",
                      DB_ARGS(DB_I64(c->id), DB_I64(c->who->user_id), DB_I64(c->who->is_admin)),
                      &rows, &c->err);
    if (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        text = arena_str(c->a, db_str(rows, 0));
        over = !db_is_null(rows, 1);
    }
    db_rows_done(rows);
    if (rc < 0)
        return rc;
    if (!text.n)
        return err_set(&c->err, ERR_NOT_FOUND, "bulk job %lld", (long long)c->id);
    if (!over)
        return err_set(&c->err, ERR_STATE_CONFLICT, "the job still runs");
    rc = json_read(c->a, text, &params, &c->err);
    return rc ? rc : bulk_asked(c->t, params, ret_done, &c->err);
}

static void turn_round(struct id_list *l)
{
    for (size_t i = 0, k = l->n; i + 1 < k; i++) {
        int64_t id = l->ids[i];
        l->ids[i] = l->ids[--k];
        l->ids[k] = id;
    }
}

static int undo(struct api_call *c, struct jw *w)
{
    struct asking k = {.c = c};
    struct bulk_ask undone = {0};
    struct db_conn *conn = NULL;
    char job[24];
    int rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = find_done(c, conn, &undone);
    if (rc == 0)
        rc = bulk_ids(conn, c->id, BULK_WRITTEN, &k.ids, &c->err);
    db_reader_done(conn);
    assert(rc || (undone.en && undone.kind)); /* find_done says so */
    /* Events of an undo cannot be taken back: it would list none that can. */
    if (rc == 0 && (k.ids.n == 0 || !undone.kind->check))
        rc = err_set(&c->err, ERR_STATE_CONFLICT, "nothing to take back");
    if (rc)
        return start(&k, rc, w);
    turn_round(&k.ids);
    snprintf(job, sizeof job, "%lld", (long long)c->id);
    json_t *params = json_pack("{s:s, s:{s:s}}", "entity", undone.en->name, "change", "undo", job);
    rc = params ? bulk_asked(c->t, params, &k.ask, &c->err) : err_set(&c->err, ERR_NOMEM, "bulk");
    rc = start(&k, rc, w);
    json_decref(params);
    return rc;
}

const struct endpoint bulk_endpoints[] = {
    {HTTP_POST, "/api/v1/{entity}/bulk", API_SLOW, API_SIGNED_IN, API_JSON, .plain = change,
     .doc = "One change of everything that matches, in the background", .request = "object",
     .response = "job-started"},
    {HTTP_POST, "/api/v1/jobs/{id}/undo", API_SLOW, API_SIGNED_IN, API_NO_BODY, .plain = undo,
     .doc = "Take back what a bulk change wrote", .response = "job-started"},
    {.path = NULL},
};
