/* PostgreSQL: the database as a whole and its pool of readers. */
#define LOG_MODULE "db"
#include "db/pg.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pg_reader(struct db *base, struct db_conn **ret_conn, struct err *e)
{
    struct pg_db *db = (struct pg_db *)base;
    struct pg_conn *c;
    int rc = 0;
    pthread_mutex_lock(&db->lock);
    while (!db->free && db->nreaders >= db->max_readers && rc == 0)
        if (!cond_wait_us(&db->freed, &db->lock, 5000000))
            rc = ERR_BUSY;
    c = db->free;
    if (c) {
        db->free = c->next_free;
        rc = 0;
    } else if (rc == 0) {
        db->nreaders++;
    }
    pthread_mutex_unlock(&db->lock);
    if (rc < 0)
        return err_set(e, rc, "%u readers are in use", db->max_readers);
    if (!c) {
        c = pg_conn_new(db, false);
        if (!c)
            rc = err_set(e, ERR_NOMEM, "connection");
    }
    if (c && (c->lost || PQstatus(c->pg) != CONNECTION_OK))
        rc = pg_connect(c, e);
    if (rc == 0) {
        *ret_conn = &c->base;
        return 0;
    }
    pg_conn_free(c);
    pthread_mutex_lock(&db->lock);
    db->nreaders--;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
    return rc;
}

static int pg_read_begin(struct db_conn *base, struct err *e)
{
    struct pg_conn *c = (struct pg_conn *)base;
    struct pg_db *db = (struct pg_db *)base->db;
    base->failed = false;
    int rc = pg_simple(c, db->begin_read, NULL, 0, e);
    if (rc < 0 && c->lost) {
        rc = pg_connect(c, e);
        if (rc == 0) {
            err_clear(e);
            rc = pg_simple(c, db->begin_read, NULL, 0, e);
        }
    }
    if (rc == 0)
        c->in_read = true;
    return rc;
}

static void pg_read_end(struct db_conn *base)
{
    struct pg_conn *c = (struct pg_conn *)base;
    char tag[16] = "";
    if (!c->in_read)
        return;
    pg_finish_all(c);
    c->in_read = false;
    if (c->lost)
        return;
    if (pg_simple(c, "COMMIT", tag, sizeof tag, NULL) < 0)
        c->lost = true;
    if (strcmp(tag, "COMMIT") != 0)
        c->timeout_ms = -1; /* a SET of this transaction was undone with it */
    base->failed = c->again = false;
}

static void pg_reader_done(struct db_conn *base)
{
    struct pg_conn *c = (struct pg_conn *)base;
    struct pg_db *db = (struct pg_db *)base->db;
    pg_finish_all(c);
    pg_read_end(base);
    c->budget_us = c->spent_us = 0;
    base->failed = c->again = false;
    pthread_mutex_lock(&db->lock);
    c->next_free = db->free;
    db->free = c;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
}

static void pg_budget(struct db_conn *base, int64_t us)
{
    struct pg_conn *c = (struct pg_conn *)base;
    c->budget_us = us;
    c->spent_us = 0;
}

/* --- the database -------------------------------------------------------------------------- */

const char *db_postgres_schema(const struct db_conn *c)
{
    return ((const struct pg_db *)c->db)->schema;
}

static void pg_free(struct pg_db *db)
{
    while (db->free) {
        struct pg_conn *c = db->free;
        db->free = c->next_free;
        pg_conn_free(c);
    }
    pthread_cond_destroy(&db->turn);
    pthread_mutex_destroy(&db->turn_lock);
    pthread_rwlock_destroy(&db->alone);
    pthread_cond_destroy(&db->freed);
    pthread_mutex_destroy(&db->lock);
    db_base_free(&db->base);
    free(db->url);
    free(db->schema);
    free(db->begin_write);
    free(db->begin_read);
    free(db->threads);
    free(db);
}

static void pg_close(struct db *base)
{
    struct pg_db *db = (struct pg_db *)base;
    db_queue_close(&base->queue);
    pg_writers_join(db);
    pg_free(db);
}

static bool schema_name_ok(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n < 64 && (*s < '0' || *s > '9') &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

/* Several processes may come at once, and the server then lets one of them fail. */
static int make_schema(struct pg_db *db, struct err *e)
{
    struct db_conn *base = NULL;
    char sql[160];
    int rc = pg_reader(&db->base, &base, e);
    if (rc < 0)
        return rc;
    assert(base);
    struct pg_conn *c = (struct pg_conn *)base;
    snprintf(sql, sizeof sql, "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = '%s'",
             db->schema);
    char found[72] = "";
    for (int i = 0; i < 3; i++) {
        rc = pg_simple(c, sql, found, sizeof found, e);
        if (rc < 0 || found[0])
            break;
        char make[160];
        snprintf(make, sizeof make, "CREATE SCHEMA IF NOT EXISTS \"%s\"", db->schema);
        rc = pg_simple(c, make, NULL, 0, e);
        if (rc == ERR_CONSTRAINT)
            continue;
        break;
    }
    if (rc == 0)
        err_clear(e);
    pg_reader_done(base);
    return rc;
}

static char *concat(const char *a, const char *b, const char *c)
{
    char *text = NULL;
    return asprintf(&text, "%s%s%s", a, b, c) < 0 ? NULL : text;
}

int db_postgres_open(const struct db_options *o, struct db **ret_db, struct err *e)
{
    const char *schema = o->schema ? o->schema : "public";
    pthread_rwlockattr_t attr;
    if (!schema_name_ok(schema))
        return err_set(e, ERR_USAGE, "schema name \"%s\": small letters, digits and _ only",
                       schema);
    struct pg_db *db = calloc(1, sizeof *db);
    if (!db)
        return err_set(e, ERR_NOMEM, "database");
    int rc = db_base_init(&db->base, &db_driver_postgres, o, e);
    if (rc < 0) {
        free(db);
        return rc;
    }
    pthread_mutex_init(&db->lock, NULL);
    pthread_mutex_init(&db->turn_lock, NULL);
    pthread_cond_init(&db->turn, NULL);
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&db->alone, &attr);
    pthread_rwlockattr_destroy(&attr);
    db->max_readers = o->readers ? o->readers : 8;
    db->url = strdup(o->url);
    db->schema = strdup(schema);
    /* Jobs are written as if they were alone, as on SQLite: SERIALIZABLE makes it true, and what
       collides is run again. The transaction's number settles whether a COMMIT whose answer was
       lost has happened. */
    /* A job that reads a table from end to end collides with everybody who writes into it; and a
       plan made while a table was small, which an import fills, would go on doing so. Statements
       find their few rows by a key: none is worth planning each time, or compiling. */
    db->begin_write =
        concat("BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL search_path TO \"", schema,
               "\"; SET LOCAL enable_seqscan = off; SET LOCAL jit = off; "
               "SET LOCAL plan_cache_mode = force_generic_plan; "
               "SELECT CAST(pg_current_xact_id() AS text)");
    db->begin_read = concat("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
                            "SET LOCAL search_path TO \"",
                            schema, "\"; SELECT 1");
    if (cond_init(&db->freed) < 0 || !db->url || !db->schema || !db->begin_write ||
        !db->begin_read) {
        rc = err_set(e, ERR_NOMEM, "database");
        pg_free(db);
        return rc;
    }
    rc = make_schema(db, e);
    if (rc == 0)
        rc = pg_writers_start(db, o->writers ? o->writers : 4, e);
    if (rc < 0) {
        pg_free(db);
        return rc;
    }
    *ret_db = &db->base;
    return 0;
}

const struct db_driver db_driver_postgres = {
    .kind = DB_POSTGRES,
    .close = pg_close,
    .reader = pg_reader,
    .reader_done = pg_reader_done,
    .read_begin = pg_read_begin,
    .read_end = pg_read_end,
    .budget = pg_budget,
    .query = pg_query,
    .put = pg_put,
    .step = pg_step,
    .rows_done = pg_rows_done,
    .changed = pg_changed,
    .cols = pg_cols,
    .is_null = pg_is_null,
    .i64 = pg_i64,
    .f64 = pg_f64,
    .str = pg_str,
    .bytes = pg_bytes,
};
