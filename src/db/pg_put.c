/* PostgreSQL: statements that are not waited for. A row of an import is little work for the server;
   most of its time it waited for the next one, and this process for its answer. So what nobody asks
   the outcome of goes into libpq's pipeline: statements travel by the packet, and both sides work
   at the same time. */
#define LOG_MODULE "db"
#include "db/pg.h"

/* What may be under way: an error is noticed, and memory given back, after so many. */
enum { MOST_PUT = 1000 };

int pg_put(struct db_conn *base, const char *sql, const struct db_value *args, size_t nargs,
           struct err *e)
{
    struct pg_conn *c = (struct pg_conn *)base;
    int rc = c->nput >= MOST_PUT ? pg_settle(c, e) : 0;
    if (rc == 0)
        rc = pg_may_run(c, sql, e);
    if (rc == 0)
        rc = pg_send(c, sql, args, nargs, true, e);
    if (rc == 0)
        c->nput++;
    base->failed |= rc < 0;
    return rc;
}

/* The results of what was put, up to the mark that stands behind it. After an error the server
   skips the rest. */
static int take_results(struct pg_conn *c, struct err *e)
{
    int rc = 0;
    bool ended =
        false; /* a NULL ends the results of one statement; two mean that there is nothing */
    for (;;) {
        PGresult *res = PQgetResult(c->pg);
        ExecStatusType status = PQresultStatus(res);
        if (!res && (ended || PQstatus(c->pg) == CONNECTION_BAD))
            return rc ? rc : pg_error(c, NULL, e);
        ended = !res;
        if (status == PGRES_FATAL_ERROR && res && rc == 0)
            rc = pg_error(c, res, e);
        PQclear(res);
        if (res && status == PGRES_PIPELINE_SYNC)
            return rc;
    }
}

int pg_settle(struct pg_conn *c, struct err *e)
{
    c->nput = 0;
    if (PQpipelineStatus(c->pg) == PQ_PIPELINE_OFF)
        return 0;
    int rc = PQpipelineSync(c->pg) ? take_results(c, e) : pg_error(c, NULL, e);
    if (!c->lost && !PQexitPipelineMode(c->pg)) {
        rc = rc ? rc : pg_error(c, NULL, e);
        c->lost = true;
    }
    c->base.failed |= rc < 0;
    return rc;
}
