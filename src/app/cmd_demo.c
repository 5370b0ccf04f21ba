/* patron demo: an invented company in an empty data directory. */
#include "app/app.h"

#include "base/clock.h"
#include "core/search/search.h"
#include "crm/demo/demo.h"
#include "crm/insight/insight.h"
#include "db/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATA, DB, CUSTOMERS, SEED, UNTIL, LEAN, NOPTIONS };

static const struct option_def options[NOPTIONS] = {
    [DATA] = {"--data", false}, [DB] = {"--db", false},       [CUSTOMERS] = {"--customers", false},
    [SEED] = {"--seed", false}, [UNTIL] = {"--until", false}, [LEAN] = {"--lean", true}};

struct task {
    struct tenant *t;
    struct demo_wish wish;
    int64_t job;
};

static bool whole(const char *option, const char *text, int64_t *ret)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno == 0 && *text && !*end && n >= 0) {
        *ret = n;
        return true;
    }
    fprintf(stderr, "patron: %s wants a whole number, not '%s'\n", option, text);
    return false;
}

static bool read_task(const struct args *in, struct task *k)
{
    int64_t seed = 1;
    if (in->values[CUSTOMERS] && !whole("--customers", in->values[CUSTOMERS], &k->wish.customers))
        return false;
    if (in->values[SEED] && !whole("--seed", in->values[SEED], &seed))
        return false;
    k->wish.seed = (uint64_t)seed;
    if (!in->values[UNTIL] || date_parse(str_of(in->values[UNTIL]), &k->wish.until))
        return true;
    fprintf(stderr, "patron: --until wants a day as 2026-01-31, not '%s'\n", in->values[UNTIL]);
    return false;
}

static int submit(struct db_conn *c, void *arg, struct err *e)
{
    struct task *k = arg;
    return demo_submit(c, k->t, &k->wish, 0, &k->job, e);
}

/* A million customers enter twenty indexes each out of order; made afterwards, from all rows at
   once, an index costs a sort, and the index of words is joined once. Where that does not come
   about, the next start makes what is missing, as it does after an upgrade. Nobody else is here:
   the directory is locked. */
static int drop_indexes(struct db_conn *c, void *arg, struct err *e)
{
    const struct registry *r = ((struct task *)arg)->t->registry;
    struct arena *a = arena_new(0);
    int rc = a ? 0 : err_set(e, ERR_NOMEM, "demo");
    for (size_t i = 0; rc == 0 && i < r->ntables; i++) {
        for (size_t k = 0; rc == 0 && k < r->tables[i].nindexes; k++) {
            const struct index_def *index = &r->tables[i].indexes[k];
            if (index->unique || index->gone)
                continue;
            rc = db_exec(c, arena_printf(a, "DROP INDEX IF EXISTS \"%s\"", index->name).p,
                         DB_NOARGS, NULL, e);
        }
    }
    arena_free(a);
    return rc ? rc : search_hurry(c, e);
}

struct making {
    const struct registry *r;
    struct arena *a;
    struct schema_plan plan;
    size_t at;
};

static int plan_indexes(struct db_conn *c, void *arg, struct err *e)
{
    struct making *m = arg;
    int rc = search_join_all(c, e);
    return rc ? rc : schema_plan(c, m->r->tables, m->r->ntables, m->a, &m->plan, e);
}

static int make_index(struct db_conn *c, void *arg, struct err *e)
{
    const struct making *m = arg;
    struct schema_plan one = {.actions = &m->plan.actions[m->at], .nactions = 1};
    return schema_apply(c, &one, e);
}

/* Each in a transaction of its own: while the next is being sorted, the one before goes into the
   file. */
static int make_indexes(struct task *k, struct err *e)
{
    struct making m = {.r = k->t->registry, .a = arena_new(0)};
    if (!m.a)
        return err_set(e, ERR_NOMEM, "demo");
    int rc = db_transact(k->t->db, DB_BULK, plan_indexes, &m, e);
    for (; rc == 0 && m.at < m.plan.nactions; m.at++)
        rc = db_transact(k->t->db, DB_BULK, make_index, &m, e);
    arena_free(m.a);
    return rc;
}

/* What is wrong with the wish is said before anything is done. */
static int fill(struct task *k, struct err *e)
{
    int rc = db_transact(k->t->db, DB_INTERACTIVE, submit, k, e);
    if (rc == 0 && k->wish.lean)
        rc = db_transact(k->t->db, DB_BULK, drop_indexes, k, e);
    if (rc)
        return rc;
    rc = jobs_run_one(k->t, app_jobs, k->job, e);
    if (rc == 0 && k->wish.lean)
        rc = make_indexes(k, e);
    /* It leaves a valuation behind; that of a million is better watched in the browser. */
    return rc || k->wish.lean ? rc : jobs_run_queued(k->t, app_jobs, e);
}

int cmd_demo(int argc, char **argv)
{
    struct args in;
    struct err e;
    struct task k = {
        .wish = {.customers = DEMO_CUSTOMERS, .seed = 1, .until = tz_date(NULL, clock_now_ms())}};
    if (!args_read(options, NOPTIONS, argc, argv, &in) || !read_task(&in, &k))
        return 2;
    if (in.nwords) {
        fprintf(stderr, "usage: patron demo --data DIR [--customers N] [--seed S] [--lean]\n");
        return 2;
    }
    k.wish.lean = in.values[LEAN] != NULL;
    k.t = app_open(in.values[DATA], in.values[DB]);
    if (!k.t)
        return 1;
    struct arena *a = arena_new(0);
    err_init(&e, a);
    int rc = fill(&k, &e);
    if (rc == 0)
        printf("%lld customers; patron serve --data %s shows them\n", (long long)k.wish.customers,
               in.values[DATA]);
    else
        app_say_error(k.t->messages, rc, &e);
    app_close(k.t);
    arena_free(a);
    return rc ? 1 : 0;
}
