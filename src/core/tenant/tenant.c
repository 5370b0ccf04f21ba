#include "core/tenant/tenant.h"

#define LOG_MODULE "tenant"
#include "base/log.h"
#include "base/money.h"
#include "db/backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- schema -------------------------------------------------------------------------------------
 */

struct migration {
    struct tenant *t;
    struct arena *a;
    struct schema_plan plan;
};

static int apply_plan(struct db_conn *c, void *arg, struct err *e)
{
    struct migration *m = arg;
    /* Planned again inside the transaction: another node may have been quicker. */
    int rc = schema_plan(c, m->t->registry->tables, m->t->registry->ntables, m->a, &m->plan, e);
    if (rc == 0 && m->plan.refused)
        rc = err_set(e, ERR_STATE_CONFLICT, "the database has a shape this version cannot upgrade");
    return rc ? rc : schema_apply(c, &m->plan, e);
}

static int back_up_before(struct tenant *t, void (*notice)(const char *), struct err *e)
{
    char path[512];
    snprintf(path, sizeof path, "%s/backups", t->dir);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    snprintf(path, sizeof path, "%s/backups/before-upgrade-%lld.db", t->dir,
             (long long)clock_now_ms());
    int rc =
        backup_write(t->db, t->registry->tables, t->registry->ntables, path, NULL, NULL, NULL, e);
    if (rc == 0 && notice) {
        char text[600];
        snprintf(text, sizeof text, "backup before the upgrade: %s", path);
        notice(text);
    }
    return rc;
}

static int migrate(struct tenant *t, void (*notice)(const char *), struct err *e)
{
    struct migration m = {.t = t, .a = arena_new(0)};
    if (!m.a)
        return err_set(e, ERR_NOMEM, "migration");
    struct db_conn *c = NULL;
    int rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc = schema_plan(c, t->registry->tables, t->registry->ntables, m.a, &m.plan, e);
    db_reader_done(c);
    size_t n = m.plan.nactions;
    if (rc == 0 && n && !m.plan.fresh) {
        for (size_t i = 0; notice && i < n; i++)
            notice(m.plan.actions[i].what.p);
        rc = back_up_before(t, notice, e);
    }
    if (rc == 0 && n)
        rc = db_transact(t->db, DB_INTERACTIVE, apply_plan, &m, e);
    arena_free(m.a);
    return rc;
}

/* --- settings -----------------------------------------------------------------------------------
 */

/* No two values of a setting have the same time, so that whoever kept one can tell by it. */
int tenant_setting_put(struct db_conn *c, const char *name, struct str value, struct err *e)
{
    return db_exec(c,
                   "INSERT INTO setting (name, value, updated_at) VALUES ($1, $2, $3) "
                   "ON CONFLICT (name) DO UPDATE SET value = excluded.value, "
                   "updated_at = CASE WHEN setting.updated_at < excluded.updated_at THEN "
                   "excluded.updated_at ELSE setting.updated_at + 1 END",
                   DB_ARGS(DB_STR(str_of(name)), DB_STR(value), DB_I64(clock_now_ms())), NULL, e);
}

int tenant_setting_get(struct db_conn *c, const char *name, struct arena *a, struct str *ret_value,
                       struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(c, "SELECT value FROM setting WHERE name = $1", DB_ARGS(DB_STR(str_of(name))),
                      &rows, e);
    if (rc)
        return rc;
    rc = db_step(rows, e);
    if (rc >= 0)
        *ret_value = rc ? arena_str(a, db_str(rows, 0)) : STR_NULL;
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

void tenant_rates_of(struct str setting, struct str base_currency, struct arena *a,
                     struct rates *ret_rates)
{
    struct err e;
    json_t *root;
    err_init(&e, a);
    *ret_rates = (struct rates){.base = base_currency};
    if (setting.n && (json_read(a, setting, &root, &e) != 0 ||
                      rates_read(root, base_currency, a, ret_rates, &e) != 0))
        log_error("the stored exchange rates cannot be read, there are none: %s", e.detail);
}

int tenant_rates(struct tenant *t, struct db_conn *c, struct arena *a, struct rates *ret_rates,
                 struct err *e)
{
    const struct company *co = tenant_company(t);
    struct str text = STR_NULL;
    int64_t at = 0;
    int rc = db_one_i64(c, "SELECT updated_at FROM setting WHERE name = 'company.rates'", DB_NOARGS,
                        0, &at, e);
    *ret_rates = co->rates;
    if (rc || at == co->rates_at)
        return rc;
    rc = tenant_setting_get(c, "company.rates", a, &text, e);
    if (rc == 0)
        tenant_rates_of(text, co->currency, a, ret_rates);
    return rc;
}

static void read_fiscal_month(struct company *co, struct str text)
{
    int64_t month;
    if (str_to_i64(text, &month) && month >= 1 && month <= 12)
        co->fiscal_month = (unsigned)month;
}

static void drop_tz(void *z)
{
    tz_free(z);
}

static void set_one(struct company *co, struct str name, struct str value)
{
    struct str kept = arena_str(co->arena, value);
    if (str_is(name, "company.name"))
        co->name = kept;
    else if (str_is(name, "company.currency") && currency_find(kept))
        co->currency = kept;
    else if (str_is(name, "company.time_zone"))
        co->time_zone = kept;
    else if (str_is(name, "company.language"))
        co->lang = str_is(value, "en") ? LANG_EN : LANG_ZH;
    else if (str_is(name, "company.discount_rate"))
        str_to_f64(value, &co->discount);
    else if (str_is(name, "company.attachment_mb"))
        str_to_i64(value, &co->attachment_mb);
    else if (str_is(name, "company.fiscal_month"))
        read_fiscal_month(co, value);
    else if (str_is(name, "company.observation_end"))
        co->observed_until = date_parse(value, &co->observation_end);
    else if (str_is(name, "set_up"))
        co->set_up = true;
}

int tenant_reload(struct tenant *t, struct err *e)
{
    struct arena *a = arena_new(0);
    if (!a)
        return err_set(e, ERR_NOMEM, "settings");
    struct company *co = arena_new_of(a, struct company);
    *co = (struct company){.arena = a,
                           .currency = STR("CNY"),
                           .time_zone = STR("Asia/Shanghai"),
                           .name = STR(""),
                           .discount = 0.10,
                           .fiscal_month = 1,
                           .attachment_mb = ATTACHMENT_MB,
                           .lang = LANG_ZH};
    struct db_conn *c = NULL;
    struct db_rows *rows = NULL;
    int rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc = db_query(c, "SELECT name, value, updated_at FROM setting", DB_NOARGS, &rows, e);
    struct str rates = STR_NULL;
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        set_one(co, db_str(rows, 0), db_str(rows, 1));
        if (str_is(db_str(rows, 0), "company.rates")) {
            rates = arena_str(a, db_str(rows, 1));
            co->rates_at = db_i64(rows, 2);
        }
        rc = 0;
    }
    db_rows_done(rows);
    db_reader_done(c);
    if (rc) {
        arena_free(a);
        return rc;
    }
    tenant_rates_of(rates, co->currency, a, &co->rates); /* now that the currency is known */
    struct tz *zone = tz_open(arena_cstr(a, co->time_zone));
    if (zone)
        arena_defer(a, drop_tz, zone);
    co->tz = zone;
    co->older = atomic_load(&t->company);
    atomic_store_explicit(&t->company, co, memory_order_release);
    return 0;
}

/* Of the company as it is now: an import asks for minutes. */
static int64_t rate_of(const void *arg, struct str code)
{
    const struct company *co = tenant_company(arg);
    const struct rate *rate = rates_on(&co->rates, code, tz_date(co->tz, clock_now_ms()));
    return rate ? rate->micro : 0;
}

struct parse_env tenant_parse_env(const struct tenant *t, struct arena *a)
{
    return (struct parse_env){
        .arena = a, .base_currency = tenant_company(t)->currency, .rate = rate_of, .rate_arg = t};
}

/* --- keys ---------------------------------------------------------------------------------------
 */

/* No key may come out below one that is stored, whatever the clock says. */
static int largest_id(struct tenant *t, int64_t *ret_largest, struct err *e)
{
    static const char *const system[] = {"history", "job",   "import",
                                         "session", "token", "value_run"};
    struct db_conn *c = NULL;
    int64_t largest = 0;
    int rc = db_reader(t->db, &c, e);
    for (size_t i = 0; rc == 0 && i < ENTITY_COUNT + sizeof system / sizeof system[0]; i++) {
        char sql[96];
        int64_t v = 0;
        snprintf(sql, sizeof sql, "SELECT max(id) FROM %s",
                 i < ENTITY_COUNT ? t->registry->entities[i].table : system[i - ENTITY_COUNT]);
        rc = db_one_i64(c, sql, DB_NOARGS, 0, &v, e);
        if (v > largest)
            largest = v;
    }
    db_reader_done(c);
    *ret_largest = largest;
    return rc;
}

#define LEASE_MS INT64_C(600000)

struct lease {
    unsigned node;
    int64_t now;
};

/* The lowest node number whose lease ran out. On SQLite the directory lock makes it always 0. */
static int lease_node(struct db_conn *c, void *arg, struct err *e)
{
    struct lease *l = arg;
    for (l->node = 0; l->node < 1024; l->node++) {
        int64_t changed = 0;
        int rc = db_exec(c,
                         "INSERT INTO node (id, lease_until) VALUES ($1, $2) ON CONFLICT (id) "
                         "DO UPDATE SET lease_until = excluded.lease_until "
                         "WHERE node.lease_until < $3",
                         DB_ARGS(DB_I64(l->node), DB_I64(l->now + LEASE_MS),
                                 DB_I64(db_kind(db_of(c)) == DB_SQLITE ? INT64_MAX : l->now)),
                         &changed, e);
        if (rc || changed)
            return rc;
    }
    return err_set(e, ERR_DATABASE_UNAVAILABLE, "all 1024 node numbers are leased");
}

static int renew(struct db_conn *c, void *arg, struct err *e)
{
    struct lease *l = arg;
    int64_t changed = 0;
    int rc =
        db_exec(c, "UPDATE node SET lease_until = $1 WHERE id = $2 AND lease_until >= $3",
                DB_ARGS(DB_I64(l->now + LEASE_MS), DB_I64(l->node), DB_I64(l->now)), &changed, e);
    return rc || changed ? rc
                         : err_set(e, ERR_STATE_CONFLICT, "node %u: the lease ran out", l->node);
}

int tenant_renew_lease(struct tenant *t, struct err *e)
{
    struct lease l = {.node = t->node, .now = clock_now_ms()};
    return db_transact(t->db, DB_INTERACTIVE, renew, &l, e);
}

/* --- open and close ------------------------------------------------------------------------------
 */

static int make_dir(const char *path, struct err *e)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    err_param(e, "dir", str_of(path));
    return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

static int open_parts(struct tenant *t, const struct tenant_options *o, struct err *e)
{
    char path[512];
    int rc = make_dir(t->dir, e);
    if (rc == 0 && !o->beside)
        rc = datadir_lock(t->dir, &t->lock_fd, e);
    if (rc == 0)
        rc = registry_load(&t->registry, e);
    if (rc == 0)
        rc = messages_load(&t->messages, e);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/patron.db", t->dir);
    /* Loop threads, workers and jobs together must never wait for a reader. */
    struct db_options options = {.path = o->db_url ? NULL : path,
                                 .url = o->db_url,
                                 .schema = "t1",
                                 .readers = o->db_url ? 0 : 32};
    rc = db_open(&options, &t->db, e);
    if (rc == 0 && !o->beside)
        rc = migrate(t, o->notice, e);
    if (rc == 0)
        rc = tenant_reload(t, e);
    int64_t largest = 0;
    struct lease lease = {.now = clock_now_ms()};
    if (rc || o->beside)
        return rc;
    rc = largest_id(t, &largest, e);
    if (rc == 0)
        rc = db_transact(t->db, DB_INTERACTIVE, lease_node, &lease, e);
    if (rc)
        return rc;
    t->node = lease.node;
    t->ids = id_source_new(lease.node, largest);
    t->live = live_new();
    return t->ids && t->live ? 0 : err_set(e, ERR_NOMEM, "tenant");
}

int tenant_open(const struct tenant_options *o, struct tenant **ret_tenant, struct err *e)
{
    struct tenant *t = calloc(1, sizeof *t);
    if (!t || !(t->dir = strdup(o->dir))) {
        free(t);
        return err_set(e, ERR_NOMEM, "tenant");
    }
    t->lock_fd = -1;
    t->hooks = o->hooks;
    int rc = open_parts(t, o, e);
    if (rc) {
        tenant_close(t);
        return rc;
    }
    *ret_tenant = t;
    return 0;
}

void tenant_close(struct tenant *t)
{
    if (!t)
        return;
    db_close(t->db);
    struct company *co = atomic_load(&t->company);
    while (co) {
        struct company *older = co->older;
        arena_free(co->arena);
        co = older;
    }
    live_free(t->live);
    id_source_free(t->ids);
    messages_free(t->messages);
    registry_free(t->registry);
    if (t->lock_fd >= 0)
        close(t->lock_fd);
    free(t->dir);
    free(t);
}
