/* The job that fills a company: goods first, then customer after customer, a chunk a transaction. A
   killed one goes on behind its last chunk, a cancelled one takes back what it wrote. */
#include "crm/demo/internal.h"

#include "base/clock.h"
#include "base/money.h"

#include <stdio.h>
#include <stdlib.h>

/* A commit syncs the disk, writes every page that was touched and a piece of the index of words: of
   a million, few large ones. Whoever waits meanwhile ends it (db_should_yield). */
enum { CHUNK = 2000, LEAN_CHUNK = 20000 };

struct filling {
    struct job *j;
    struct demo_world w;
    struct pass pass;
    struct arena *a;
    struct arena *told; /* until after the last commit */
    int64_t at, to, customers;
};

int demo_submit(struct db_conn *c, struct tenant *t, const struct demo_wish *wish, int64_t owner_id,
                int64_t *ret_job, struct err *e)
{
    int64_t there = 0;
    if (wish->customers < 1 || wish->customers > DEMO_MOST) {
        (void)err_item(e, STR("/customers"), "out-of-range");
        return err_set(e, ERR_VALIDATION, "%lld customers", (long long)wish->customers);
    }
    int rc = db_one_i64(c,
                        "SELECT 1 FROM (SELECT 1 FROM customers LIMIT 1) x UNION ALL "
                        "SELECT 1 FROM (SELECT 1 FROM products LIMIT 1) y UNION ALL "
                        "SELECT 1 FROM (SELECT 1 FROM job WHERE kind = 'demo' AND state IN "
                        "('queued', 'running') LIMIT 1) z LIMIT 1",
                        DB_NOARGS, 0, &there, e);
    if (rc)
        return rc;
    if (there)
        return err_set(e, ERR_STATE_CONFLICT, "there are customers or products already");
    char params[160];
    snprintf(params, sizeof params,
             "{\"customers\":%lld,\"seed\":\"%llu\",\"until\":%d,\"lean\":%s}",
             (long long)wish->customers, (unsigned long long)wish->seed, wish->until,
             wish->lean ? "true" : "false");
    return job_submit(c, t, "demo", STR(""), str_of(params), owner_id, ret_job, e);
}

/* Who looks after customers: everybody who can sign in. */
static int read_people(struct filling *f, struct err *e)
{
    struct db_conn *c = NULL;
    struct db_rows *rows = NULL;
    const size_t most = sizeof f->w.owners / sizeof *f->w.owners;
    int rc = db_reader(f->w.t->db, &c, e);
    if (rc == 0)
        rc = db_query(c,
                      "SELECT id, department_id FROM users WHERE deleted_at IS NULL AND "
                      "active = 1 ORDER BY id LIMIT $1",
                      DB_ARGS(DB_I64((int64_t)most)), &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        f->w.owners[f->w.nowners] = db_i64(rows, 0);
        f->w.departments[f->w.nowners++] = db_is_null(rows, 1) ? 0 : db_i64(rows, 1);
        rc = 0;
    }
    db_rows_done(rows);
    db_reader_done(c);
    return rc < 0 ? rc : 0;
}

static int open_filling(struct filling *f, struct err *e)
{
    struct job_view view = job_view(f->j);
    const struct company *company;
    f->w.t = job_tenant(f->j);
    f->w.job = view.id;
    company = tenant_company(f->w.t);
    f->customers = json_integer_value(json_object_get(view.params, "customers"));
    f->w.seed = strtoull(json_get_str(view.params, "seed").p, NULL, 10);
    f->w.until = (int32_t)json_integer_value(json_object_get(view.params, "until"));
    f->w.lean = json_is_true(json_object_get(view.params, "lean"));
    f->w.currency = company->currency.n ? company->currency : STR("CNY");
    const struct currency *currency = currency_find(f->w.currency);
    f->w.scale = 1;
    for (unsigned i = 0; i < (currency ? currency->decimals : 2u); i++)
        f->w.scale *= 10;
    f->at = json_integer_value(json_object_get(view.cursor, "at"));
    f->a = arena_new(0);
    if (!f->a)
        return err_set(e, ERR_NOMEM, "demo");
    int rc = 0;
    if (view.owner_id)
        rc = identity_as_user(f->w.t, view.owner_id, &f->pass, e);
    else
        f->pass.who = identity_system();
    return rc ? rc : read_people(f, e);
}

static int fill_chunk(struct db_conn *c, void *arg, struct err *e)
{
    struct filling *f = arg;
    char cursor[48];
    int64_t most = f->w.lean ? LEAN_CHUNK : CHUNK;
    int64_t end = f->at + most < f->customers ? f->at + most : f->customers;
    int64_t until_us = clock_mono_us() + (f->w.lean ? 5 : 1) * INT64_C(1000000);
    int rc = 0;
    arena_reset(f->a);
    if (f->at == 0)
        rc = demo_write_products(&f->w, c, f->pass.who, f->a, e);
    else
        rc = demo_read_products(&f->w, c, e);
    for (f->to = f->at; rc == 0 && f->to < end; f->to++) {
        rc = demo_write_customer(&f->w, c, f->pass.who, f->to, f->a, e);
        arena_reset(f->a);
        /* A cancel is heard soon, however slow the database is. */
        if (db_should_yield(c) || clock_mono_us() > until_us)
            end = f->to + 1;
    }
    if (rc == 0 && f->to == f->customers && !f->w.lean) {
        arena_free(f->told);
        f->told = arena_new(0); /* what it rings is told after the commit */
        rc = f->told ? demo_write_labels(&f->w, c, f->pass.who, f->told, e)
                     : err_set(e, ERR_NOMEM, "demo");
    }
    struct job_progress p = {"write", f->to, f->customers, 0};
    snprintf(cursor, sizeof cursor, "{\"at\":%lld}", (long long)f->to);
    if (rc == 0)
        rc = job_save(f->j, c, &p, str_of(cursor), e);
    int64_t job = 0;
    if (rc == 0 && f->to == f->customers)
        rc = job_submit(c, f->w.t, "value", STR(""), STR("{}"), job_view(f->j).owner_id, &job, e);
    return rc;
}

static int run(struct job *j, struct err *e)
{
    struct filling f = {.j = j};
    int rc = open_filling(&f, e);
    while (rc == 0 && f.at < f.customers) {
        struct job_progress p = {"write", f.at, f.customers, 0};
        rc = job_tick(j, &p, e);
        if (rc == 0)
            rc = db_transact(f.w.t->db, DB_BULK, fill_chunk, &f, e);
        if (rc == 0)
            f.at = f.to;
    }
    if (rc == ERR_CANCELLED) {
        struct err failed;
        err_init(&failed, job_arena(j));
        int undone = demo_take_back(j, &failed);
        if (undone)
            rc = err_set(e, undone, "%s", failed.detail);
    }
    if (rc == 0)
        job_result(
            j, arena_printf(job_arena(j), "{\"customers_created\":%lld}", (long long)f.customers));
    if (f.pass.held)
        identity_leave(&f.pass);
    arena_free(f.a);
    arena_free(f.told);
    return rc;
}

const struct job_kind demo_jobs[] = {{"demo", run}, {NULL, NULL}};

/* --- the endpoint -------------------------------------------------------------------------- */

static int start(struct api_call *c, struct write *wr, struct jw *w)
{
    const json_t *n = json_object_get(c->body, "customers");
    const json_t *seed = json_object_get(c->body, "seed");
    int64_t job = 0;
    int32_t today = tz_date(tenant_company(c->t)->tz, wr->now);
    bool bad = n && !json_is_integer(n);
    if (bad || (seed && !json_is_integer(seed))) {
        (void)err_item(&c->err, bad ? STR("/customers") : STR("/seed"), "number");
        return err_set(&c->err, ERR_VALIDATION, "a whole number is wanted");
    }
    struct demo_wish wish = {.customers = n ? json_integer_value(n) : DEMO_CUSTOMERS,
                             .seed = seed ? (uint64_t)json_integer_value(seed) : 1,
                             .until = today};
    int rc = demo_submit(wr->c, c->t, &wish, c->who->user_id, &job, &c->err);
    return api_job_started(c, rc, job, w);
}

const struct endpoint demo_endpoints[] = {
    {HTTP_POST, "/api/v1/demo", API_WRITE, API_ADMIN, API_JSON, .write = start,
     .doc = "Fill an empty company with an invented one", .request = "demo",
     .response = "job-started"},
    {.path = NULL},
};
