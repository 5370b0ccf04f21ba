/* Jobs as people see them: progress and cancel. */
#include "api/api.h"

#include "core/jobs/jobs.h"

static int list(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    int64_t limit = 30;
    int rc = api_param_i64(c, "limit", 30, 1, 200, &limit);
    return rc ? rc : jobs_list(conn, c->t, c->who, (unsigned)limit, c->a, w, &c->err);
}

/* Others' jobs are nobody's business but the administrator's. */
static int may_see(struct api_call *c, struct db_conn *conn)
{
    int64_t owner = 0;
    int rc = db_one_i64(conn, "SELECT owner_id FROM job WHERE id = $1", DB_ARGS(DB_I64(c->id)), 0,
                        &owner, &c->err);
    if (rc == 0 && owner != c->who->user_id && !c->who->is_admin)
        rc = err_set(&c->err, ERR_NOT_FOUND, "job of somebody else");
    return rc;
}

static int get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    int rc = may_see(c, conn);
    return rc ? rc : job_to_json(conn, c->t, c->id, c->a, w, &c->err);
}

static int cancel(struct api_call *c, struct write *wr, struct jw *w)
{
    int rc = may_see(c, wr->c);
    if (rc == 0)
        rc = job_cancel(wr->c, c->t, c->id, &c->err);
    c->status = 202;
    return rc ? rc : job_to_json(wr->c, c->t, c->id, c->a, w, &c->err);
}

const struct endpoint api_job_endpoints[] = {
    {HTTP_GET, "/api/v1/jobs", API_READ, API_SIGNED_IN, API_NO_BODY, .read = list,
     .doc = "The latest jobs", .params = "limit", .response = "jobs"},
    {HTTP_GET, "/api/v1/jobs/{id}", API_READ, API_SIGNED_IN, API_NO_BODY, .read = get,
     .doc = "One job with its progress", .response = "job"},
    {HTTP_POST, "/api/v1/jobs/{id}/cancel", API_WRITE, API_SIGNED_IN, API_NO_BODY, .write = cancel,
     .doc = "Ask a job to stop; what it wrote is taken back", .response = "job"},
    {.path = NULL},
};
