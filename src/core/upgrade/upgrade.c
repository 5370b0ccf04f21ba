/* Which jobs a new version of the program has left to do, asked at each start. */
#include "core/upgrade/upgrade.h"

struct asking {
    struct tenant *t;
    const struct upgrade *u;
};

static int submit(struct db_conn *c, void *arg, struct err *e)
{
    const struct asking *k = arg;
    const struct upgrade *u = k->u;
    struct arena *a = arena_new(0);
    struct str version = STR_NULL;
    int64_t there = 0, waiting = 0, id;
    int rc = tenant_setting_get(c, u->setting, a, &version, e);
    bool old = !version.p || !str_is(version, u->version);
    if (rc == 0 && old)
        rc = db_one_i64(c, u->any, DB_NOARGS, 0, &there, e);
    if (rc == 0 && there)
        rc = db_one_i64(c,
                        "SELECT 1 FROM job WHERE kind = $1 AND state IN ('queued', 'running') "
                        "LIMIT 1",
                        DB_ARGS(DB_STR(str_of(u->job))), 0, &waiting, e);
    if (rc == 0 && old && !there)
        rc = upgrade_done(c, u, e);
    else if (rc == 0 && there && !waiting)
        rc = job_submit(c, k->t, u->job, STR(""), STR("{}"), 0, &id, e);
    arena_free(a);
    return rc;
}

int upgrade_done(struct db_conn *c, const struct upgrade *u, struct err *e)
{
    return tenant_setting_put(c, u->setting, str_of(u->version), e);
}

int upgrade_in_background(struct tenant *t, const struct upgrade *u, struct err *e)
{
    struct asking k = {t, u};
    return db_transact(t->db, DB_INTERACTIVE, submit, &k, e);
}
