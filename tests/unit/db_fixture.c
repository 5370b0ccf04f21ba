#include "db_fixture.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *server_url(void)
{
    const char *url = getenv("PATRON_TEST_PG");
    return url && *url ? url : NULL;
}

static void quiet(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

void server_sql(const char *sql)
{
    PGconn *pg = PQconnectdb(server_url());
    PQsetNoticeProcessor(pg, quiet, NULL);
    PGresult *res = PQexec(pg, sql);
    ExecStatusType st = PQresultStatus(res);
    if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK)
        fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(pg));
    PQclear(res);
    PQfinish(pg);
}

bool server_database(const char *name, char *url, size_t size)
{
    char sql[128];
    const char *server = server_url(), *rest = server ? strstr(server, ":///postgres") : NULL;
    if (!rest)
        return false;
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s", name);
    server_sql(sql);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
    server_sql(sql);
    snprintf(url, size, "%.*s:///%s%s", (int)(rest - server), server, name,
             rest + strlen(":///postgres"));
    return true;
}

static void open_db(struct fixture *f)
{
    struct db_options o = {.writers = f->writers, .queue = f->queue};
    if (f->kind == DB_SQLITE) {
        o.path = f->path;
    } else {
        o.url = server_url();
        o.schema = f->schema;
    }
    if (db_open(&o, &f->db, &f->err) != 0) {
        fprintf(stderr, "open: %s\n", f->err.detail);
        abort();
    }
}

static int up(void **state, enum db_kind kind)
{
    static int serial;
    struct fixture *f = calloc(1, sizeof *f);
    f->kind = kind;
    f->arena = arena_new(0);
    err_init(&f->err, f->arena);
    strncpy(f->dir, "/tmp/patron-db-XXXXXX", sizeof f->dir - 1);
    if (!mkdtemp(f->dir))
        abort();
    snprintf(f->path, sizeof f->path, "%s/patron.db", f->dir);
    snprintf(f->schema, sizeof f->schema, "t_%ld_%d", (long)getpid(), ++serial);
    *state = f;
    if (kind == DB_SQLITE || server_url())
        open_db(f);
    return 0;
}

int fixture_sqlite(void **state)
{
    return up(state, DB_SQLITE);
}

int fixture_postgres(void **state)
{
    return up(state, DB_POSTGRES);
}

static void remove_dir(const char *dir)
{
    char path[512];
    DIR *d = opendir(dir);
    for (struct dirent *x; d && (x = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", dir, x->d_name);
        if (x->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

static void drop_schema(const char *schema)
{
    char sql[256];
    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS \"%s\" CASCADE", schema);
    server_sql(sql);
}

int fixture_down(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    if (f->kind == DB_POSTGRES && server_url())
        drop_schema(f->schema);
    remove_dir(f->dir);
    arena_free(f->arena);
    free(f);
    return 0;
}

struct fixture *fixture_of(void **state)
{
    struct fixture *f = *state;
    if (!f->db) {
        print_message("PATRON_TEST_PG is not set: run it through tools/pg-test.sh\n");
        skip();
    }
    return f;
}

void fixture_reopen(struct fixture *f)
{
    db_close(f->db);
    f->db = NULL;
    open_db(f);
}

struct db *fixture_second(struct fixture *f, enum db_kind kind)
{
    struct fixture g = *f;
    g.kind = kind;
    if (kind == DB_POSTGRES && !server_url()) {
        print_message("PATRON_TEST_PG is not set: run it through tools/pg-test.sh\n");
        skip();
    }
    snprintf(g.path, sizeof g.path, "%s/second.db", f->dir);
    snprintf(g.schema, sizeof g.schema, "s_%.40s", f->schema);
    open_db(&g);
    return g.db;
}

void fixture_drop_second(struct fixture *f, struct db *db)
{
    enum db_kind kind = db_kind(db);
    char name[128];
    db_close(db);
    if (kind == DB_POSTGRES) {
        snprintf(name, sizeof name, "s_%.40s", f->schema);
        drop_schema(name);
    } else {
        snprintf(name, sizeof name, "%s/second.db", f->dir);
        unlink(name);
    }
}

static int run_text(struct db_conn *c, void *arg, struct err *e)
{
    return db_exec(c, arg, DB_NOARGS, NULL, e);
}

int run_sql(struct fixture *f, const char *sql)
{
    err_clear(&f->err);
    return db_transact(f->db, DB_INTERACTIVE, run_text, (void *)(uintptr_t)sql, &f->err);
}

int64_t read_i64(struct fixture *f, const char *sql)
{
    struct db_conn *c;
    int64_t v = INT64_MIN;
    assert_ok(db_reader(f->db, &c, &f->err));
    int rc = db_one_i64(c, sql, DB_NOARGS, 0, &v, &f->err);
    if (rc < 0)
        print_message("%s: %s\n", sql, f->err.detail);
    db_reader_done(c);
    assert_ok(rc);
    return v;
}
