/* The writer: what a batch promises, and what happens when something breaks. */
#include "db_fixture.h"

#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fixture *with_table(void **state)
{
    struct fixture *f = fixture_of(state);
    f->writers = 1;
    fixture_reopen(f);
    assert_ok(run_sql(f, "CREATE TABLE item (id bigint NOT NULL PRIMARY KEY, v text)"));
    return f;
}

/* --- a job that holds the writer until it is let go ---------------------------------------- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool inside, open;
};

static int hold(struct db_conn *c, void *arg, struct err *e)
{
    struct gate *g = arg;
    (void)c;
    (void)e;
    pthread_mutex_lock(&g->lock);
    g->inside = true;
    pthread_cond_broadcast(&g->cond);
    while (!g->open)
        pthread_cond_wait(&g->cond, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return 0;
}

static void gate_shut(struct gate *g, struct fixture *f, struct db_job *job)
{
    *g = (struct gate){.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    *job = (struct db_job){.run = hold, .arg = g};
    assert_ok(db_submit(f->db, job, &f->err));
    pthread_mutex_lock(&g->lock);
    while (!g->inside)
        pthread_cond_wait(&g->cond, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->lock);
}

/* --- jobs that report ---------------------------------------------------------------------- */

struct tally {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int done;
    int order[400], norder;
};

struct work {
    struct db_job job;
    struct err err;
    struct tally *tally;
    int64_t id;
    int rc;
    bool fail_after;
    size_t bytes;
};

static void after(void *arg)
{
    struct work *w = arg;
    pthread_mutex_lock(&w->tally->lock);
    w->tally->order[w->tally->norder++] = (int)w->id;
    pthread_mutex_unlock(&w->tally->lock);
}

static int insert(struct db_conn *c, void *arg, struct err *e)
{
    struct work *w = arg;
    char *big = calloc(1, w->bytes + 1);
    memset(big, 'x', w->bytes);
    int rc = db_exec(c, "INSERT INTO item (id, v) VALUES ($1, $2)",
                     DB_ARGS(DB_I64(w->id), DB_STR(str_from(big, w->bytes))), NULL, e);
    free(big);
    db_after_commit(c, after, w);
    if (rc == 0 && w->fail_after)
        rc = err_set(e, ERR_VALIDATION, "on purpose");
    return rc;
}

static void finished(void *arg, int rc, struct err *e)
{
    struct work *w = arg;
    (void)e;
    pthread_mutex_lock(&w->tally->lock);
    w->rc = rc;
    w->tally->done++;
    pthread_cond_broadcast(&w->tally->cond);
    pthread_mutex_unlock(&w->tally->lock);
}

static void send(struct fixture *f, struct work *w, struct tally *t, int64_t id)
{
    bool fail = w->fail_after;
    size_t bytes = w->bytes;
    enum db_lane lane = w->job.lane;
    *w = (struct work){.tally = t, .id = id, .rc = 99, .fail_after = fail, .bytes = bytes};
    err_init(&w->err, NULL);
    w->job =
        (struct db_job){.lane = lane, .run = insert, .done = finished, .arg = w, .err = &w->err};
    assert_ok(db_submit(f->db, &w->job, &f->err));
}

static void wait_for(struct tally *t, int n)
{
    pthread_mutex_lock(&t->lock);
    while (t->done < n)
        pthread_cond_wait(&t->cond, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

#define TALLY                                                                                      \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER                        \
    }

/* --- tests --------------------------------------------------------------------------------- */

/* 300 jobs that wait together; every seventh fails in its statement, every eleventh afterwards. */
static void test_isolation(void **state)
{
    struct fixture *f = with_table(state);
    static struct work w[300];
    struct tally t = TALLY;
    struct gate g;
    struct db_job first;
    memset(w, 0, sizeof w);
    assert_ok(run_sql(f, "INSERT INTO item (id) VALUES (0)"));
    gate_shut(&g, f, &first);
    int expected = 0;
    for (int i = 1; i < 300; i++) {
        w[i].fail_after = i % 11 == 0;
        send(f, &w[i], &t, i % 7 == 0 ? 0 : i);
        expected += i % 7 != 0 && i % 11 != 0;
    }
    struct db_stats s0, s;
    db_stats(f->db, &s0);
    assert_int_equal(299, s0.waiting[DB_INTERACTIVE]);
    gate_open(&g);
    wait_for(&t, 299);
    for (int i = 1; i < 300; i++)
        assert_int_equal(i % 7 == 0 ? ERR_CONSTRAINT : i % 11 == 0 ? ERR_VALIDATION : 0, w[i].rc);
    assert_int_equal(expected + 1, read_i64(f, "SELECT count(*) FROM item"));
    /* events came in the order of the jobs, and none of what was rolled back */
    assert_int_equal(expected, t.norder);
    for (int i = 1; i < t.norder; i++)
        assert_true(t.order[i - 1] < t.order[i]);
    db_stats(f->db, &s);
    if (f->kind == DB_SQLITE)
        assert_true(s.commits - s0.commits < 150); /* in groups */
    assert_int_equal(0, s.waiting[DB_INTERACTIVE]);
}

static void test_queue_full(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct work w[12];
    struct tally t = TALLY;
    struct gate g;
    struct db_job first;
    memset(w, 0, sizeof w);
    f->queue = 10;
    with_table(state);
    gate_shut(&g, f, &first);
    for (int i = 0; i < 10; i++)
        send(f, &w[i], &t, i);
    struct db_job extra = {.run = insert, .arg = &w[10]};
    assert_int_equal(ERR_BUSY, db_submit(f->db, &extra, &f->err));
    assert_string_equal("seconds", f->err.params[0].key);
    gate_open(&g);
    wait_for(&t, 10);
    struct db_stats s;
    db_stats(f->db, &s);
    assert_int_equal(1, s.rejected);
    send(f, &w[11], &t, 11);
    wait_for(&t, 11);
    assert_int_equal(11, read_i64(f, "SELECT count(*) FROM item"));
}

static int swallow(struct db_conn *c, void *arg, struct err *e)
{
    bool restore = *(bool *)arg;
    int rc = db_exec(c, "SAVEPOINT mine", DB_NOARGS, NULL, e);
    if (rc == 0)
        rc = db_exec(c, "INSERT INTO item (id) VALUES (1)", DB_NOARGS, NULL, e);
    if (rc == 0 && db_exec(c, "INSERT INTO item (id) VALUES (1)", DB_NOARGS, NULL, e) == 0)
        return ERR_INTERNAL;
    if (restore) {
        err_clear(e);
        rc = db_exec(c, "ROLLBACK TO mine", DB_NOARGS, NULL, e);
        if (rc == 0)
            rc = db_exec(c, "INSERT INTO item (id) VALUES (2)", DB_NOARGS, NULL, e);
    }
    return rc;
}

/* A failed statement may only be followed by ROLLBACK TO, on both. */
static void test_failed_statement(void **state)
{
    struct fixture *f = with_table(state);
    bool restore = false;
    assert_int_equal(ERR_INTERNAL, db_transact(f->db, DB_INTERACTIVE, swallow, &restore, &f->err));
    assert_int_equal(0, read_i64(f, "SELECT count(*) FROM item"));
    restore = true;
    err_clear(&f->err);
    assert_ok(db_transact(f->db, DB_INTERACTIVE, swallow, &restore, &f->err));
    assert_int_equal(2, read_i64(f, "SELECT id FROM item"));
}

static int yielding(struct db_conn *c, void *arg, struct err *e)
{
    int64_t start = clock_mono_us();
    (void)e;
    while (!db_should_yield(c) && clock_mono_us() - start < 5000000)
        usleep(1000);
    *(int64_t *)arg = clock_mono_us() - start;
    return 0;
}

static void test_yield(void **state)
{
    struct fixture *f = with_table(state);
    static struct work w;
    struct tally t = TALLY;
    int64_t us = 0;
    struct db_job bulk = {.lane = DB_BULK, .run = yielding, .arg = &us};
    memset(&w, 0, sizeof w);
    assert_ok(db_submit(f->db, &bulk, &f->err));
    usleep(5000);
    send(f, &w, &t, 1);
    wait_for(&t, 1);
    assert_true(us >= 28000 && us < 2000000); /* its turn: 36 ms, less what a commit costs */
    /* interactive first, whatever the order of arrival */
    static struct work many[20];
    struct tally u = TALLY;
    struct gate g;
    struct db_job first;
    memset(many, 0, sizeof many);
    gate_shut(&g, f, &first);
    for (int i = 0; i < 20; i++) {
        many[i].job.lane = i < 10 ? DB_BULK : DB_INTERACTIVE;
        send(f, &many[i], &u, 100 + i);
    }
    gate_open(&g);
    wait_for(&u, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(i < 10 ? 110 + i : 90 + i, u.order[i]);
}

static int nested(struct db_conn *c, void *arg, struct err *e)
{
    return db_transact(db_of(c), DB_INTERACTIVE, insert, arg, e);
}

static void test_misuse(void **state)
{
    struct fixture *f = with_table(state);
    struct work w = {.id = 1};
    assert_int_equal(ERR_INTERNAL, db_transact(f->db, DB_INTERACTIVE, nested, &w, &f->err));
    assert_ok(run_sql(f, "INSERT INTO item (id) VALUES (1)"));
}

/* Disk full: the database says no, nothing is half there, and it goes on afterwards. */
static int pages_limit(struct db_conn *c, void *arg, struct err *e)
{
    char sql[64];
    int64_t v;
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", *(int *)arg);
    return db_one_i64(c, sql, DB_NOARGS, 0, &v, e);
}

static void test_page_limit(void **state)
{
    struct fixture *f = with_table(state);
    static struct work w[5];
    struct tally t = TALLY;
    struct gate g;
    struct db_job first;
    int limit = 100, none = 1 << 30;
    memset(w, 0, sizeof w);
    assert_ok(db_transact(f->db, DB_INTERACTIVE, pages_limit, &limit, &f->err));
    gate_shut(&g, f, &first);
    w[2].bytes = 10 << 20; /* this one does not fit; its neighbours do */
    for (int i = 0; i < 5; i++)
        send(f, &w[i], &t, i);
    gate_open(&g);
    wait_for(&t, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(i == 2 ? ERR_STORAGE_FULL : 0, w[i].rc);
    assert_int_equal(4, read_i64(f, "SELECT count(*) FROM item"));
    assert_int_equal(4, t.norder);
    assert_ok(db_transact(f->db, DB_INTERACTIVE, pages_limit, &none, &f->err));
    send(f, &w[2], &t, 2);
    wait_for(&t, 6);
    assert_int_equal(5, read_i64(f, "SELECT count(*) FROM item"));
}

/* A bulk job that inserts its row, then waits until `people` wait for it. */
struct bulk_work {
    struct db_job job;
    int64_t id;
    unsigned people;
    _Atomic int runs;
    int fail_from; /* the run from which on it fails; 0 = never */
};

static int bulk_insert(struct db_conn *c, void *arg, struct err *e)
{
    struct bulk_work *b = arg;
    struct db_stats s;
    int rc = db_exec(c, "INSERT INTO item (id) VALUES ($1)", DB_ARGS(DB_I64(b->id)), NULL, e);
    b->runs++;
    do
        db_stats(db_of(c), &s);
    while (b->runs == 1 && s.waiting[DB_INTERACTIVE] < b->people && usleep(500) == 0);
    if (rc == 0 && b->fail_from && b->runs >= b->fail_from)
        rc = err_set(e, ERR_VALIDATION, "on purpose");
    return rc;
}

struct bulk_case {
    size_t bytes; /* of the second of three people; much of it makes SQLite give all of it up */
    int fail_from;
    int64_t bulk_rows, people_rows;
    int runs;
};

/* Who waits for a bulk job is committed with it; none of them can harm another one. */
static void test_bulk_and_people(void **state)
{
    static const struct bulk_case cases[] = {
        {10, 0, 1, 3, 1},
        {10 << 20, 0, 1, 2, 2}, /* the others begin again, the bulk job with them */
        {10 << 20, 1, 0, 2, 1}, /* it fails: the people go on by themselves */
        {10 << 20, 2, 0, 2, 2}, /* it fails when it is run again */
    };
    struct fixture *f = with_table(state);
    int limit = 100;
    assert_ok(db_transact(f->db, DB_INTERACTIVE, pages_limit, &limit, &f->err));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        static struct work w[3];
        struct tally t = TALLY;
        struct err err;
        struct db_stats before, then;
        struct bulk_work b = {.id = 99, .people = 3, .fail_from = cases[k].fail_from};
        err_init(&err, NULL);
        b.job = (struct db_job){.lane = DB_BULK, .run = bulk_insert, .arg = &b, .err = &err};
        memset(w, 0, sizeof w);
        w[1].bytes = cases[k].bytes;
        db_stats(f->db, &before);
        assert_ok(db_submit(f->db, &b.job, &f->err));
        while (b.runs == 0)
            usleep(500);
        for (int i = 0; i < 3; i++)
            send(f, &w[i], &t, i);
        wait_for(&t, 3);
        assert_int_equal(0, w[0].rc);
        assert_int_equal(cases[k].people_rows == 3 ? 0 : ERR_STORAGE_FULL, w[1].rc);
        assert_int_equal(0, w[2].rc);
        assert_int_equal(cases[k].runs, b.runs);
        assert_int_equal(cases[k].fail_from ? ERR_VALIDATION : 0, b.job.rc);
        db_stats(f->db, &then);
        if (cases[k].people_rows == 3)
            assert_int_equal(1, then.commits - before.commits);
        assert_int_equal(cases[k].bulk_rows,
                         read_i64(f, "SELECT count(*) FROM item WHERE id = 99"));
        assert_int_equal(cases[k].people_rows,
                         read_i64(f, "SELECT count(*) FROM item WHERE id < 99"));
        assert_ok(run_sql(f, "DELETE FROM item"));
    }
}

/* In a child, because the limit on the size of files is the process's. */
static int full_disk_child(struct fixture *f)
{
    struct work w = {.id = 1, .bytes = 8 << 20}, small = {.id = 2, .bytes = 10};
    struct tally t = TALLY;
    struct rlimit lim = {2 << 20, RLIM_INFINITY};
    struct db_options o = {.path = f->path};
    struct err e;
    w.tally = small.tally = &t;
    err_init(&e, NULL);
    signal(SIGXFSZ, SIG_IGN);
    if (db_open(&o, &f->db, &e) != 0)
        return 1;
    setrlimit(RLIMIT_FSIZE, &lim);
    if (db_transact(f->db, DB_INTERACTIVE, insert, &w, &e) != ERR_STORAGE_FULL)
        return 2;
    err_clear(&e);
    if (db_transact(f->db, DB_INTERACTIVE, insert, &small, &e) != 0)
        return 3;
    lim.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &lim);
    w.id = 3;
    if (db_transact(f->db, DB_INTERACTIVE, insert, &w, &e) != 0)
        return 4;
    db_close(f->db);
    return 0;
}

static void test_disk_full(void **state)
{
    struct fixture *f = with_table(state);
    int status;
    db_close(f->db);
    f->db = NULL;
    pid_t pid = fork();
    if (pid == 0)
        _exit(full_disk_child(f));
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(0, WEXITSTATUS(status));
    fixture_reopen(f);
    assert_int_equal(2, read_i64(f, "SELECT count(*) FROM item"));
    assert_int_equal(5, read_i64(f, "SELECT CAST(sum(id) AS bigint) FROM item"));
}

/* --- statements that are not waited for ---------------------------------------------------- */

enum { MANY_PUT = 2500 };

static int put_item(struct db_conn *c, int64_t id, struct err *e)
{
    return db_put(c, "INSERT INTO item (id, v) VALUES ($1, $2)",
                  DB_ARGS(DB_I64(id), id % 2 ? DB_NIL : DB_STR(STR("even"))), e);
}

/* What is put is there for whatever comes behind it, in order. */
static int put_many(struct db_conn *c, void *arg, struct err *e)
{
    int64_t n = 0;
    int rc = 0;
    for (int64_t i = 1; rc == 0 && i <= MANY_PUT; i++) {
        rc = put_item(c, i, e);
        if (rc == 0 && i % 1000 == 0)
            rc = db_put(c, "UPDATE item SET v = $1 WHERE id = $2",
                        DB_ARGS(DB_STR(STR("thousand")), DB_I64(i)), e);
        if (rc == 0 && i == 1700)
            rc = db_one_i64(c, "SELECT count(*) FROM item", DB_NOARGS, 0, &n, e);
    }
    *(int64_t *)arg = n;
    return rc;
}

/* The second one is there already: nobody asks until the commit. */
static int put_twice(struct db_conn *c, void *arg, struct err *e)
{
    int rc = 0;
    (void)arg;
    for (int64_t i = 0; rc == 0 && i < 3; i++)
        rc = put_item(c, 3001 + i / 2, e);
    return rc;
}

/* It shows at the next statement that is asked for, and nothing runs behind it. */
static int put_and_ask(struct db_conn *c, void *arg, struct err *e)
{
    int64_t n;
    int rc = put_twice(c, arg, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT count(*) FROM item", DB_NOARGS, 0, &n, e);
    *(int *)arg = rc;
    return db_put(c, "INSERT INTO item (id) VALUES (4000)", DB_NOARGS, e);
}

/* A rollback to a savepoint before it takes it back, on both. */
static int put_and_go_back(struct db_conn *c, void *arg, struct err *e)
{
    struct err inner;
    err_init(&inner, NULL);
    int rc = put_item(c, 5000, e);
    if (rc == 0)
        rc = db_exec(c, "SAVEPOINT mine", DB_NOARGS, NULL, e);
    if (rc == 0 && put_twice(c, arg, &inner) == 0 &&
        db_exec(c, "RELEASE SAVEPOINT mine", DB_NOARGS, NULL, &inner) == 0)
        return err_set(e, ERR_INTERNAL, "two rows with one key");
    if (rc == 0)
        rc = db_exec(c, "ROLLBACK TO mine", DB_NOARGS, NULL, e);
    return rc ? rc : put_item(c, 5001, e);
}

static void test_put(void **state)
{
    struct fixture *f = with_table(state);
    int64_t seen = 0;
    int asked = 0;
    assert_ok(db_transact(f->db, DB_BULK, put_many, &seen, &f->err));
    assert_int_equal(1700, seen);
    assert_int_equal(MANY_PUT, read_i64(f, "SELECT count(*) FROM item"));
    assert_int_equal(2, read_i64(f, "SELECT count(*) FROM item WHERE v = 'thousand'"));
    assert_int_equal(MANY_PUT / 2 - 2, read_i64(f, "SELECT count(*) FROM item WHERE v = 'even'"));
    assert_int_equal(ERR_CONSTRAINT, db_transact(f->db, DB_BULK, put_twice, NULL, &f->err));
    assert_int_equal(ERR_CONSTRAINT, f->err.code);
    assert_true(db_transact(f->db, DB_INTERACTIVE, put_and_ask, &asked, &f->err) < 0);
    assert_int_equal(ERR_CONSTRAINT, asked);
    assert_int_equal(MANY_PUT, read_i64(f, "SELECT count(*) FROM item"));
    err_clear(&f->err);
    assert_ok(db_transact(f->db, DB_INTERACTIVE, put_and_go_back, NULL, &f->err));
    assert_int_equal(MANY_PUT + 2, read_i64(f, "SELECT count(*) FROM item"));
    assert_int_equal(2, read_i64(f, "SELECT count(*) FROM item WHERE id >= 5000"));
}

/* --- PostgreSQL: lost connections and collisions ------------------------------------------- */

static int die_once(struct db_conn *c, void *arg, struct err *e)
{
    int *runs = arg;
    int64_t pid;
    int rc = db_exec(c, "INSERT INTO item (id) VALUES (1)", DB_NOARGS, NULL, e);
    if (rc < 0 || ++*runs > 1)
        return rc;
    rc = db_one_i64(c, "SELECT pg_backend_pid()", DB_NOARGS, 0, &pid, e);
    if (rc < 0)
        return rc;
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%lld)", (long long)pid);
    server_sql(sql);
    return db_exec(c, "INSERT INTO item (id) VALUES (2)", DB_NOARGS, NULL, e);
}

/* The connection goes while nobody waits for an answer. */
static int die_putting(struct db_conn *c, void *arg, struct err *e)
{
    int *runs = arg;
    int64_t pid;
    int rc = db_one_i64(c, "SELECT pg_backend_pid()", DB_NOARGS, 0, &pid, e);
    for (int64_t i = 10; rc == 0 && i < 1510; i++) {
        if (i == 500 && ++*runs == 1) {
            char sql[64];
            snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%lld)", (long long)pid);
            server_sql(sql);
        }
        rc = put_item(c, i, e);
    }
    return rc;
}

static int die_before_commit(struct db_conn *c, void *arg, struct err *e)
{
    int rc = die_once(c, arg, e);
    return *(int *)arg == 1 ? 0 : rc; /* the job does not notice */
}

static void test_lost_connection(void **state)
{
    struct fixture *f = with_table(state);
    int runs = 0;
    assert_ok(db_transact(f->db, DB_INTERACTIVE, die_once, &runs, &f->err));
    assert_int_equal(2, runs);
    assert_int_equal(1, read_i64(f, "SELECT count(*) FROM item"));
    assert_ok(run_sql(f, "DELETE FROM item"));
    runs = 0;
    assert_ok(db_transact(f->db, DB_INTERACTIVE, die_before_commit, &runs, &f->err));
    assert_int_equal(2, runs);
    assert_int_equal(1, read_i64(f, "SELECT count(*) FROM item"));
    runs = 0;
    assert_ok(db_transact(f->db, DB_BULK, die_putting, &runs, &f->err));
    assert_int_equal(2, runs);
    assert_int_equal(1501, read_i64(f, "SELECT count(*) FROM item"));
    assert_ok(run_sql(f, "DELETE FROM item WHERE id >= 10"));
    /* idle readers and writers notice at their next use, and nobody sees it */
    server_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
               " WHERE application_name = 'patron'");
    usleep(50000);
    assert_int_equal(1, read_i64(f, "SELECT count(*) FROM item"));
    assert_ok(run_sql(f, "INSERT INTO item (id) VALUES (9)"));
    struct db_stats s;
    db_stats(f->db, &s);
    assert_true(s.retries >= 2);
    /* inside a read transaction it is said: what was read before and after would not fit */
    struct db_conn *c;
    int64_t v;
    assert_ok(db_reader(f->db, &c, &f->err));
    assert_ok(db_read_begin(c, &f->err));
    assert_ok(db_one_i64(c, "SELECT count(*) FROM item", DB_NOARGS, 0, &v, &f->err));
    server_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
               " WHERE application_name = 'patron'");
    usleep(50000);
    assert_int_equal(ERR_RETRY,
                     db_one_i64(c, "SELECT count(*) FROM item", DB_NOARGS, 0, &v, &f->err));
    db_reader_done(c);
    assert_int_equal(2, read_i64(f, "SELECT count(*) FROM item"));
}

static int add_one(struct db_conn *c, void *arg, struct err *e)
{
    int64_t v;
    int rc = db_one_i64(c, "SELECT id FROM item", DB_NOARGS, 0, &v, e);
    if (rc < 0)
        return rc;
    rc = db_exec(c, "UPDATE item SET id = $1", DB_ARGS(DB_I64(v + 1)), NULL, e);
    if (rc == 0)
        db_after_commit(c, (void (*)(void *))arg, (void *)(intptr_t)(v + 1));
    return rc;
}

static _Atomic int64_t last_seen, out_of_order;

static void see(void *arg)
{
    int64_t v = (intptr_t)arg;
    if (v != last_seen + 1)
        out_of_order++;
    last_seen = v;
}

static void *add_often(void *arg)
{
    intptr_t failed = 0;
    for (int i = 0; i < 25; i++)
        failed += db_transact(arg, DB_INTERACTIVE, add_one, (void *)(intptr_t)see, NULL) != 0;
    return (void *)failed;
}

/* Read, add, write from eight threads: no addition is lost, and events come in the order of the
   commits, although four connections compete on PostgreSQL. */
static void test_collisions(void **state)
{
    struct fixture *f = with_table(state);
    pthread_t t[8];
    f->writers = 4;
    fixture_reopen(f);
    last_seen = out_of_order = 0;
    assert_ok(run_sql(f, "INSERT INTO item (id) VALUES (0)"));
    for (int i = 0; i < 8; i++)
        assert_ok(pthread_create(&t[i], NULL, add_often, f->db));
    for (int i = 0; i < 8; i++) {
        void *failed;
        pthread_join(t[i], &failed);
        assert_int_equal(0, (intptr_t)failed);
    }
    assert_int_equal(200, read_i64(f, "SELECT id FROM item"));
    assert_int_equal(0, out_of_order);
    assert_int_equal(200, last_seen);
}

/* --- kill -9 ------------------------------------------------------------------------------- */

struct sender {
    struct db *db;
    int fd;
    int64_t first;
};

static void *insert_for_ever(void *arg)
{
    struct sender *s = arg;
    struct tally t = TALLY;
    for (int64_t id = s->first;; id++) {
        struct work w = {.id = id, .bytes = 100, .tally = &t};
        t.norder = 0;
        if (db_transact(s->db, DB_INTERACTIVE, insert, &w, NULL) == 0 &&
            write(s->fd, &id, sizeof id) != sizeof id)
            return NULL;
    }
}

static void killed_child(struct fixture *f, int fd, int round)
{
    struct sender s[4];
    pthread_t t[4];
    fixture_reopen(f);
    for (int i = 0; i < 4; i++) {
        s[i] = (struct sender){f->db, fd, (int64_t)round * 100000000 + i * 10000000};
        if (pthread_create(&t[i], NULL, insert_for_ever, &s[i]) != 0)
            _exit(1);
    }
    pthread_join(t[0], NULL);
    _exit(1);
}

/* Every row that was acknowledged before the process was killed is there afterwards. */
static void test_kill(void **state)
{
    struct fixture *f = with_table(state);
    int64_t acknowledged = 0, missing = 0;
    db_close(f->db);
    f->db = NULL;
    for (int round = 1; round <= 5; round++) {
        int fds[2], status;
        int64_t id, *ids = calloc(200000, sizeof *ids), n = 0, v;
        assert_ok(pipe(fds));
        pid_t pid = fork();
        if (pid == 0) {
            close(fds[0]);
            killed_child(f, fds[1], round);
        }
        close(fds[1]);
        int64_t stop = clock_mono_us() + 60000 + clock_mono_us() % 150000;
        while (read(fds[0], &id, sizeof id) == sizeof id) {
            if (n < 200000)
                ids[n++] = id;
            if (stop && clock_mono_us() > stop) {
                kill(pid, SIGKILL);
                stop = 0;
            }
        }
        close(fds[0]);
        waitpid(pid, &status, 0);
        fixture_reopen(f);
        struct db_conn *c;
        assert_ok(db_reader(f->db, &c, &f->err));
        for (int64_t i = 0; i < n; i++) {
            assert_ok(db_one_i64(c, "SELECT 1 FROM item WHERE id = $1", DB_ARGS(DB_I64(ids[i])), 0,
                                 &v, &f->err));
            missing += v != 1;
        }
        db_reader_done(c);
        acknowledged += n;
        free(ids);
        db_close(f->db);
        f->db = NULL;
    }
    fixture_reopen(f);
    print_message("%lld rows acknowledged, %lld missing\n", (long long)acknowledged,
                  (long long)missing);
    assert_true(acknowledged > 0);
    assert_int_equal(0, missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_isolation),
        BOTH(test_queue_full),
        BOTH(test_failed_statement),
        BOTH(test_yield),
        BOTH(test_misuse),
        BOTH(test_put),
        ON_SQLITE(test_page_limit),
        BOTH(test_collisions),
        ON_SQLITE(test_disk_full),
        ON_POSTGRES(test_lost_connection),
        ON_SQLITE(test_bulk_and_people),
        BOTH(test_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
