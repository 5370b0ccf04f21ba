/* The public functions: dispatch to the driver, and what does not depend on it. */
#define LOG_MODULE "db"
#include "db/db_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int db_open(const struct db_options *o, struct db **ret_db, struct err *e)
{
    if (o->url)
        return db_postgres_open(o, ret_db, e);
    if (o->path)
        return db_sqlite_open(o, ret_db, e);
    return err_set(e, ERR_USAGE, "neither a file nor a database URL is given");
}

void db_close(struct db *db)
{
    if (db)
        db->driver->close(db);
}

enum db_kind db_kind(const struct db *db)
{
    return db->driver->kind;
}

struct db *db_of(const struct db_conn *c)
{
    return c->db;
}

int db_reader(struct db *db, struct db_conn **ret_conn, struct err *e)
{
    return db->driver->reader(db, ret_conn, e);
}

void db_reader_done(struct db_conn *c)
{
    if (c)
        c->driver->reader_done(c);
}

int db_read_begin(struct db_conn *c, struct err *e)
{
    return c->driver->read_begin(c, e);
}

void db_read_end(struct db_conn *c)
{
    c->driver->read_end(c);
}

void db_budget(struct db_conn *c, int64_t us)
{
    c->driver->budget(c, us > 0 ? us : 0);
}

int db_query(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
             struct db_rows **ret_rows, struct err *e)
{
    return c->driver->query(c, sql, args, nargs, false, ret_rows, e);
}

int db_step(struct db_rows *r, struct err *e)
{
    return r->driver->step(r, e);
}

void db_rows_done(struct db_rows *r)
{
    if (r)
        r->driver->rows_done(r);
}

unsigned db_cols(const struct db_rows *r)
{
    return r->driver->cols(r);
}

bool db_is_null(const struct db_rows *r, unsigned col)
{
    return r->driver->is_null(r, col);
}

int64_t db_i64(const struct db_rows *r, unsigned col)
{
    return r->driver->i64(r, col);
}

double db_f64(const struct db_rows *r, unsigned col)
{
    return r->driver->f64(r, col);
}

struct str db_str(const struct db_rows *r, unsigned col)
{
    return r->driver->str(r, col);
}

struct str db_bytes(const struct db_rows *r, unsigned col)
{
    return r->driver->bytes(r, col);
}

int db_exec(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
            int64_t *ret_changed, struct err *e)
{
    struct db_rows *r;
    int rc = c->driver->query(c, sql, args, nargs, true, &r, e);
    if (rc < 0)
        return rc;
    while ((rc = c->driver->step(r, e)) > 0)
        continue;
    if (rc == 0 && ret_changed)
        *ret_changed = c->driver->changed(r);
    c->driver->rows_done(r);
    return rc;
}

int db_put(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
           struct err *e)
{
    if (c->driver->put && c->writer)
        return c->driver->put(c, sql, args, nargs, e);
    return db_exec(c, sql, args, nargs, NULL, e);
}

int db_one_i64(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
               int64_t absent, int64_t *ret_value, struct err *e)
{
    struct db_rows *r;
    int rc = c->driver->query(c, sql, args, nargs, true, &r, e);
    if (rc < 0)
        return rc;
    rc = c->driver->step(r, e);
    if (rc >= 0) {
        *ret_value = rc == 0 || c->driver->is_null(r, 0) ? absent : c->driver->i64(r, 0);
        rc = 0;
    }
    c->driver->rows_done(r);
    return rc;
}

enum { BULK_TURN_US = 36000, BULK_LEAST_US = 10000 };

/* Who waits for a bulk job waits for its commit, too, and that costs in proportion to what the job
   did: on a slow disk a turn holds less work. */
static int64_t bulk_work_us(const struct db_conn *c)
{
    int64_t us = BULK_TURN_US - c->bulk_commit_us;
    return us < BULK_LEAST_US ? BULK_LEAST_US : us;
}

bool db_should_yield(const struct db_conn *c)
{
    return c->writer && c->lane == DB_BULK && c->db &&
           atomic_load_explicit(&c->db->queue.waiting[DB_INTERACTIVE], memory_order_relaxed) > 0 &&
           clock_mono_us() - c->job_start_us >= bulk_work_us(c);
}

void db_after_commit(struct db_conn *c, void (*fn)(void *), void *arg)
{
    if (c->nafter == c->cap_after) {
        size_t cap = c->cap_after ? 2 * c->cap_after : 64;
        struct db_after *p = realloc(c->after, cap * sizeof *p);
        if (!p) {
            /* as in an arena: no caller could go on without its event */
            log_error("out of memory for %zu after-commit calls", cap);
            abort();
        }
        c->after = p;
        c->cap_after = cap;
    }
    c->after[c->nafter++] = (struct db_after){fn, arg};
}

void db_stats(const struct db *db, struct db_stats *ret_stats)
{
    struct db *m = (struct db *)db; /* atomic_load takes no const in C17 libraries of this age */
    struct db_stats s = {
        .commits = atomic_load_explicit(&m->commits, memory_order_relaxed),
        .jobs = atomic_load_explicit(&m->jobs, memory_order_relaxed),
        .retries = atomic_load_explicit(&m->retries, memory_order_relaxed),
        .rejected = atomic_load_explicit(&m->rejected, memory_order_relaxed),
        .commit_us = atomic_load_explicit(&m->commit_us, memory_order_relaxed),
    };
    for (int i = 0; i < DB_LANES; i++)
        s.waiting[i] = atomic_load_explicit(&m->queue.waiting[i], memory_order_relaxed);
    *ret_stats = s;
}

/* --- helpers of the drivers ---------------------------------------------------------------- */

static const char *first_word(const char *sql)
{
    while (*sql == ' ' || *sql == '\n' || *sql == '\t' || *sql == '\r')
        sql++;
    return sql;
}

bool db_is_rollback(const char *sql)
{
    return strncasecmp(first_word(sql), "rollback to", 11) == 0;
}

bool db_is_dml(const char *sql)
{
    static const char *const words[] = {"insert", "update", "delete", "replace", "with"};
    sql = first_word(sql);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncasecmp(sql, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

uint64_t db_text_hash(const char *p, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n, w;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    w = 0;
    memcpy(&w, p, n);
    h = (h ^ w) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 29);
}

void db_err_param(struct err *e, const char *key, const char *p, size_t n)
{
    if (e)
        err_param(e, key, str_from(p, n));
}

void db_err_columns(struct err *e, const char *p, size_t n)
{
    char out[512];
    size_t m = 0;
    for (size_t i = 0; i < n && m < sizeof out; i++)
        if (p[i] != ' ' && p[i] != '"')
            out[m++] = p[i];
    db_err_param(e, "columns", out, m);
}
