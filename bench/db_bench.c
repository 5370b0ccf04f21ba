/* Durable inserts per second through the writer, against one transaction per write on a connection
   of one's own (what most programs do), and point reads per second. SQLite always; PostgreSQL when
   PATRON_TEST_PG is set (PATRON_TEST_PG_FSYNC=on tools/pg-test.sh …).

   db_bench [DIR] [SECONDS]: DIR should be on the disk that will hold the data. */
#include "base/clock.h"
#include "db/db.h"
#include "db/schema.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct column_def columns[] = {
    {"id", COL_ID, true, NULL, NULL},     {"customer_id", COL_ID, true, NULL, NULL},
    {"name", COL_TEXT, true, NULL, NULL}, {"amount", COL_INT, true, "0", NULL},
    {"day", COL_DATE, true, "0", NULL},
};
static const struct index_def indexes[] = {
    {"sale_customer", "customer_id, day", false, NULL},
    {"sale_name", "name", false, NULL},
    {"sale_amount", "amount DESC, id", false, NULL},
};
static const struct table_def sale = {"sale", columns, 5, "id", indexes, 3, NULL};

static const char insert_sql[] =
    "INSERT INTO sale (id, customer_id, name, amount, day) VALUES ($1, $2, $3, $4, $5)";
static const char read_sql[] = "SELECT id, customer_id, name, amount, day FROM sale WHERE id = $1";

static _Atomic int64_t next_id;
static atomic_bool stop;
static double seconds = 2;

static uint64_t mixed(int64_t id)
{
    uint64_t x = (uint64_t)id * 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

static int make(struct db_conn *c, void *arg, struct err *e)
{
    struct schema_plan plan;
    int rc = schema_plan(c, &sale, 1, arg, &plan, e);
    return rc < 0 ? rc : schema_apply(c, &plan, e);
}

static int insert(struct db_conn *c, void *arg, struct err *e)
{
    int64_t id = *(int64_t *)arg;
    char name[48];
    int n = snprintf(name, sizeof name, "name %llx", (unsigned long long)mixed(id));
    return db_exec(c, insert_sql,
                   DB_ARGS(DB_I64(id), DB_I64((int64_t)(mixed(id) % 10000)),
                           DB_STR(str_from(name, (size_t)n)),
                           DB_I64((int64_t)(mixed(id) % 1000000)), DB_I64(id % 1000)),
                   NULL, e);
}

struct worker {
    struct db *db;
    const char *path;
    int64_t count, failed, worst_us;
};

static void note(struct worker *w, int64_t us, bool ok)
{
    w->count += ok;
    w->failed += !ok;
    if (us > w->worst_us)
        w->worst_us = us;
}

static void *grouped(void *arg)
{
    struct worker *w = arg;
    while (!stop) {
        int64_t id = ++next_id, t = clock_mono_us();
        int rc = db_transact(w->db, DB_INTERACTIVE, insert, &id, NULL);
        note(w, clock_mono_us() - t, rc == 0);
    }
    return NULL;
}

static void *naive(void *arg)
{
    struct worker *w = arg;
    sqlite3 *h;
    sqlite3_stmt *st;
    if (sqlite3_open(w->path, &h) != SQLITE_OK)
        abort();
    sqlite3_busy_timeout(h, 60000);
    sqlite3_exec(h, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000", NULL, NULL, NULL);
    if (sqlite3_prepare_v2(h, insert_sql, -1, &st, NULL) != SQLITE_OK)
        abort();
    while (!stop) {
        int64_t id = ++next_id, t = clock_mono_us();
        char name[48];
        snprintf(name, sizeof name, "name %llx", (unsigned long long)mixed(id));
        sqlite3_bind_int64(st, 1, id);
        sqlite3_bind_int64(st, 2, (int64_t)(mixed(id) % 10000));
        sqlite3_bind_text(st, 3, name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, 4, (int64_t)(mixed(id) % 1000000));
        sqlite3_bind_int64(st, 5, id % 1000);
        int rc = sqlite3_step(st);
        sqlite3_reset(st);
        note(w, clock_mono_us() - t, rc == SQLITE_DONE);
    }
    sqlite3_finalize(st);
    sqlite3_close(h);
    return NULL;
}

static void *reading(void *arg)
{
    struct worker *w = arg;
    while (!stop) {
        int64_t id = 1 + (int64_t)(mixed(w->count) % (uint64_t)next_id);
        struct db_conn *c;
        struct db_rows *r;
        if (db_reader(w->db, &c, NULL) != 0)
            abort();
        if (db_query(c, read_sql, DB_ARGS(DB_I64(id)), &r, NULL) != 0)
            abort();
        bool row = db_step(r, NULL) == 1;
        w->failed += row && (db_i64(r, 0) != id || db_str(r, 2).n == 0);
        db_rows_done(r);
        db_reader_done(c);
        w->count++;
    }
    return NULL;
}

static double measure(const char *what, void *(*run)(void *), struct db *db, const char *path,
                      int n)
{
    pthread_t threads[64];
    struct worker w[64];
    int64_t count = 0, failed = 0, worst = 0, cpu = clock_cpu_us(), t = clock_mono_us();
    stop = false;
    for (int i = 0; i < n; i++) {
        w[i] = (struct worker){.db = db, .path = path};
        if (pthread_create(&threads[i], NULL, run, &w[i]) != 0)
            abort();
    }
    usleep((useconds_t)(seconds * 1e6));
    stop = true;
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        count += w[i].count;
        failed += w[i].failed;
        if (w[i].worst_us > worst)
            worst = w[i].worst_us;
    }
    double took = (double)(clock_mono_us() - t) / 1e6;
    cpu = clock_cpu_us() - cpu;
    double rate = (double)count / took;
    printf("%-38s %3d threads %10.0f /s  %6.2f us CPU each  worst %7.1f ms%s\n", what, n, rate,
           (double)cpu / (double)(count ? count : 1), (double)worst / 1e3,
           failed ? "  SOME FAILED" : "");
    fflush(stdout);
    return rate;
}

static int bench(const char *name, struct db_options *o)
{
    static const int threads[] = {1, 16, 64};
    struct arena *a = arena_new(0);
    struct db *db;
    struct err e;
    char label[64];
    double ours[3];
    err_init(&e, a);
    next_id = 0;
    int rc = db_open(o, &db, &e);
    if (rc == 0)
        rc = db_transact(db, DB_BULK, make, a, &e);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", name, e.detail);
        arena_free(a);
        return rc;
    }
    for (int i = 0; i < 3; i++) {
        snprintf(label, sizeof label, "%s durable inserts", name);
        ours[i] = measure(label, grouped, db, NULL, threads[i]);
    }
    if (o->path) {
        for (int i = 0; i < 3; i++) {
            double base =
                measure("  baseline: a transaction per write", naive, NULL, o->path, threads[i]);
            printf("  ratio at %d threads: %.1f\n", threads[i], ours[i] / (base > 0 ? base : 1));
        }
    }
    for (int n = 1; n <= 2; n++) {
        snprintf(label, sizeof label, "%s point reads", name);
        measure(label, reading, db, NULL, n);
    }
    db_close(db);
    arena_free(a);
    return 0;
}

int main(int argc, char **argv)
{
    char path[512];
    snprintf(path, sizeof path, "%s/db_bench_%ld.db", argc > 1 ? argv[1] : ".", (long)getpid());
    if (argc > 2)
        seconds = strtod(argv[2], NULL);
    struct db_options o = {.path = path, .readers = 8};
    int rc = bench("SQLite", &o);
    unlink(path);
    const char *url = getenv("PATRON_TEST_PG");
    if (rc == 0 && url && *url) {
        o = (struct db_options){.url = url, .schema = "db_bench", .readers = 8, .writers = 8};
        rc = bench("PostgreSQL", &o);
    }
    return rc == 0 ? 0 : 1;
}
