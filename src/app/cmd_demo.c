/* patron demo: an invented company in an empty data directory. */
#include "app/app.h"

#include "base/clock.h"
#include "crm/demo/demo.h"
#include "crm/insight/insight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
    int rc = db_transact(k.t->db, DB_INTERACTIVE, submit, &k, &e);
    if (rc == 0)
        rc = jobs_run_one(k.t, app_jobs, k.job, &e);
    if (rc == 0)
        rc = jobs_run_queued(k.t, app_jobs, &e); /* the valuation that it leaves behind */
    if (rc == 0)
        printf("%lld customers; patron serve --data %s shows them\n", (long long)k.wish.customers,
               in.values[DATA]);
    else
        app_say_error(k.t->messages, rc, &e);
    insight_close(k.t);
    identity_close(k.t);
    tenant_close(k.t);
    arena_free(a);
    return rc ? 1 : 0;
}
