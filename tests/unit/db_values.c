/* Values, parameters, errors, budgets, readers. */
#include "db_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const struct column_def columns[] = {
    {"id", COL_ID, true, NULL, NULL},      {"n", COL_INT, false, NULL, NULL},
    {"b", COL_BOOL, false, NULL, NULL},    {"d", COL_DATE, false, NULL, NULL},
    {"r", COL_REAL, false, NULL, NULL},    {"t", COL_TEXT, false, NULL, NULL},
    {"x", COL_BYTES, false, NULL, NULL},   {"parent", COL_ID, false, NULL, "thing"},
    {"code", COL_TEXT, true, "'-'", NULL}, {"kind", COL_INT, true, "0", NULL},
};
static const struct index_def indexes[] = {{"thing_n_t", "n, t", true, NULL}};
static const struct table_def thing = {
    "thing", columns, sizeof columns / sizeof *columns, "id", indexes, 1, NULL};

static int make_thing(struct db_conn *c, void *arg, struct err *e)
{
    struct schema_plan plan;
    int rc = schema_plan(c, &thing, 1, arg, &plan, e);
    return rc < 0 ? rc : schema_apply(c, &plan, e);
}

static struct fixture *with_thing(void **state)
{
    struct fixture *f = fixture_of(state);
    assert_ok(db_transact(f->db, DB_INTERACTIVE, make_thing, f->arena, &f->err));
    return f;
}

struct row {
    int64_t id, n;
    double r;
    struct str t, x;
    bool null;
};

static int insert_row(struct db_conn *c, void *arg, struct err *e)
{
    const struct row *w = arg;
    int64_t changed = -1;
    int rc;
    if (w->null)
        rc = db_exec(c, "INSERT INTO thing (id, n, r, t, x) VALUES ($1, $2, $3, $4, $5)",
                     DB_ARGS(DB_I64(w->id), DB_NIL, DB_NIL, DB_NIL, DB_NIL), &changed, e);
    else
        rc = db_exec(
            c, "INSERT INTO thing (id, n, r, t, x) VALUES ($1, $2, $3, $4, $5)",
            DB_ARGS(DB_I64(w->id), DB_I64(w->n), DB_F64(w->r), DB_STR(w->t), DB_BYTES(w->x)),
            &changed, e);
    if (rc == 0)
        assert_int_equal(1, changed);
    return rc;
}

static void test_round_trip(void **state)
{
    struct fixture *f = with_thing(state);
    static const char blob[] = {0, 1, (char)255, '\\', 'x', 0};
    const struct row rows[] = {
        {1, INT64_MAX, 0.1, STR("知客 patron"), {blob, sizeof blob}, false},
        {2, INT64_MIN, -1.7976931348623157e308, STR(""), STR(""), false},
        {3, 0, 0, STR_NULL, STR_NULL, true},
        {INT64_MAX, -1, 5e-324, STR("it's \"quoted\" \\ $1"), STR("plain"), false},
    };
    enum { N = sizeof rows / sizeof *rows };
    for (int i = 0; i < N; i++)
        assert_ok(
            db_transact(f->db, DB_INTERACTIVE, insert_row, (void *)(uintptr_t)&rows[i], &f->err));
    struct db_conn *c;
    struct db_rows *r;
    assert_ok(db_reader(f->db, &c, &f->err));
    assert_ok(db_query(c, "SELECT id, n, r, t, x FROM thing ORDER BY id", DB_NOARGS, &r, &f->err));
    for (int i = 0; i < N; i++) {
        const struct row *w = &rows[i];
        assert_int_equal(1, db_step(r, &f->err));
        assert_int_equal(5, db_cols(r));
        assert_true(db_i64(r, 0) == w->id);
        for (unsigned k = 1; k < 5; k++)
            assert_int_equal(w->null, db_is_null(r, k));
        assert_true(db_i64(r, 1) == w->n);
        assert_true(memcmp(&(double){db_f64(r, 2)}, &w->r, 8) == 0);
        assert_true(str_eq(db_str(r, 3), w->t));
        assert_true(str_eq(db_bytes(r, 4), w->x));
        assert_int_equal(w->null, db_str(r, 3).p == NULL);
        assert_int_equal(w->null, db_bytes(r, 4).p == NULL);
    }
    assert_int_equal(0, db_step(r, &f->err));
    assert_int_equal(0, db_step(r, &f->err));
    db_rows_done(r);
    /* a number asked for as text */
    assert_ok(
        db_query(c, "SELECT n, id FROM thing WHERE id = $1", DB_ARGS(DB_I64(1)), &r, &f->err));
    assert_int_equal(1, db_step(r, &f->err));
    assert_true(str_is(db_str(r, 0), "9223372036854775807"));
    assert_true(str_is(db_str(r, 1), "1"));
    db_rows_done(r);
    /* no row: the answer for absent */
    int64_t v = 0;
    assert_ok(db_one_i64(c, "SELECT n FROM thing WHERE id = 99", DB_NOARGS, -7, &v, &f->err));
    assert_int_equal(-7, v);
    assert_ok(db_one_i64(c, "SELECT n FROM thing WHERE id = 3", DB_NOARGS, -8, &v, &f->err));
    assert_int_equal(-8, v);
    assert_ok(db_one_i64(c, "SELECT CAST(sum(id) AS bigint) FROM thing WHERE id < 4", DB_NOARGS, 0,
                         &v, &f->err));
    assert_int_equal(6, v);
    db_reader_done(c);
}

static void test_parameters(void **state)
{
    struct fixture *f = with_thing(state);
    struct db_conn *c;
    struct db_rows *r, *again;
    assert_ok(run_sql(f, "INSERT INTO thing (id, n, t) VALUES (1, 10, 'a')"));
    assert_ok(run_sql(f, "INSERT INTO thing (id, n, t) VALUES (2, 20, 'b')"));
    assert_ok(db_reader(f->db, &c, &f->err));
    /* out of order, and used twice; the texts do not outlive the call */
    char text[2] = "b";
    const char *sql = "SELECT id FROM thing WHERE t = $2 AND n >= $1 AND n <= $3 AND n >= $1";
    assert_ok(
        db_query(c, sql, DB_ARGS(DB_I64(15), DB_STR(str_from(text, 1)), DB_I64(25)), &r, &f->err));
    text[0] = 'z';
    assert_int_equal(1, db_step(r, &f->err));
    assert_int_equal(2, db_i64(r, 0));
    assert_int_equal(0, db_step(r, &f->err));
    db_rows_done(r);
    /* the same text with other types of values, NULL among them */
    for (int i = 0; i < 3; i++) {
        int64_t v;
        struct db_value one = i == 0 ? DB_NIL : DB_I64(i);
        assert_ok(
            db_one_i64(c, "SELECT count(*) FROM thing WHERE id = $1", &one, 1, 0, &v, &f->err));
        assert_int_equal(i > 0, v);
    }
    /* the same statement, and another, while rows of the first are open */
    assert_ok(db_query(c, "SELECT id FROM thing ORDER BY id", DB_NOARGS, &r, &f->err));
    assert_int_equal(1, db_step(r, &f->err));
    assert_ok(db_query(c, "SELECT id FROM thing ORDER BY id", DB_NOARGS, &again, &f->err));
    assert_int_equal(1, db_step(again, &f->err));
    assert_int_equal(1, db_i64(again, 0));
    db_rows_done(again);
    assert_ok(db_query(c, "SELECT t FROM thing WHERE id = 2", DB_NOARGS, &again, &f->err));
    assert_int_equal(1, db_step(again, &f->err));
    assert_true(str_is(db_str(again, 0), "b"));
    assert_int_equal(1, db_i64(r, 0));
    assert_int_equal(1, db_step(r, &f->err));
    assert_int_equal(2, db_i64(r, 0));
    assert_int_equal(0, db_step(r, &f->err));
    db_rows_done(again);
    db_rows_done(r);
    /* too few arguments, more than one statement, nonsense */
    assert_true(db_query(c, "SELECT id FROM thing WHERE id = $1 AND n = $2", DB_ARGS(DB_I64(1)), &r,
                         &f->err) < 0);
    assert_true(db_query(c, "SELECT 1; SELECT 2", DB_NOARGS, &r, &f->err) < 0);
    assert_int_equal(ERR_INTERNAL, db_query(c, "SELEC", DB_NOARGS, &r, &f->err));
    int64_t v;
    assert_ok(db_one_i64(c, "SELECT 5", DB_NOARGS, 0, &v, &f->err));
    assert_int_equal(5, v);
    /* many different texts: the cache turns over */
    for (int i = 0; i < 700; i++) {
        char text2[64];
        snprintf(text2, sizeof text2, "SELECT id + %d FROM thing WHERE id = $1", i);
        assert_ok(db_one_i64(c, text2, DB_ARGS(DB_I64(1)), 0, &v, &f->err));
        assert_int_equal(i + 1, v);
    }
    db_reader_done(c);
}

static const char *param(const struct fixture *f, const char *key)
{
    for (size_t i = 0; i < 4; i++)
        if (f->err.params[i].key && strcmp(f->err.params[i].key, key) == 0)
            return f->err.params[i].value.p;
    return "";
}

static void test_constraints(void **state)
{
    struct fixture *f = with_thing(state);
    assert_ok(run_sql(f, "INSERT INTO thing (id, n, t) VALUES (1, 10, 'a')"));
    assert_int_equal(ERR_CONSTRAINT, run_sql(f, "INSERT INTO thing (id) VALUES (1)"));
    assert_string_equal("unique", param(f, "kind"));
    assert_string_equal("thing", param(f, "table"));
    assert_string_equal("id", param(f, "columns"));
    assert_int_equal(ERR_CONSTRAINT,
                     run_sql(f, "INSERT INTO thing (id, n, t) VALUES (2, 10, 'a')"));
    assert_string_equal("unique", param(f, "kind"));
    assert_string_equal("n,t", param(f, "columns"));
    assert_int_equal(ERR_CONSTRAINT, run_sql(f, "INSERT INTO thing (id, parent) VALUES (3, 77)"));
    assert_string_equal("foreign-key", param(f, "kind"));
    assert_ok(run_sql(f, "INSERT INTO thing (id, parent) VALUES (4, 1)"));
    assert_int_equal(ERR_CONSTRAINT, run_sql(f, "DELETE FROM thing WHERE id = 1"));
    assert_string_equal("foreign-key", param(f, "kind"));
    assert_int_equal(ERR_CONSTRAINT, run_sql(f, "INSERT INTO thing (id, code) VALUES (5, NULL)"));
    assert_string_equal("not-null", param(f, "kind"));
    assert_string_equal("code", param(f, "columns"));
    assert_int_equal(2, read_i64(f, "SELECT count(*) FROM thing"));
}

static int upsert(struct db_conn *c, void *arg, struct err *e)
{
    struct db_rows *r;
    int64_t *got = arg;
    int rc = db_query(c,
                      "INSERT INTO thing (id, n) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE"
                      " SET n = excluded.n RETURNING n",
                      DB_ARGS(DB_I64(1), DB_I64(*got + 1)), &r, e);
    if (rc < 0)
        return rc;
    rc = db_step(r, e);
    *got = rc > 0 ? db_i64(r, 0) : -1;
    db_rows_done(r);
    if (rc < 0)
        return rc;
    int64_t changed;
    return db_exec(c, "UPDATE thing SET kind = $1 WHERE id = $2", DB_ARGS(DB_I64(3), DB_I64(1)),
                   &changed, e);
}

static void test_returning(void **state)
{
    struct fixture *f = with_thing(state);
    int64_t got = 4;
    assert_ok(db_transact(f->db, DB_INTERACTIVE, upsert, &got, &f->err));
    assert_int_equal(5, got);
    assert_ok(db_transact(f->db, DB_INTERACTIVE, upsert, &got, &f->err));
    assert_int_equal(6, got);
    assert_int_equal(6, read_i64(f, "SELECT n FROM thing WHERE id = 1"));
    assert_int_equal(3, read_i64(f, "SELECT kind FROM thing WHERE id = 1"));
}

static void test_read_state(void **state)
{
    struct fixture *f = with_thing(state);
    struct db_conn *c;
    int64_t v;
    assert_ok(run_sql(f, "INSERT INTO thing (id, n) VALUES (1, 1)"));
    assert_ok(db_reader(f->db, &c, &f->err));
    assert_ok(db_read_begin(c, &f->err));
    assert_ok(db_one_i64(c, "SELECT n FROM thing", DB_NOARGS, 0, &v, &f->err));
    assert_int_equal(1, v);
    assert_ok(run_sql(f, "UPDATE thing SET n = 2"));
    assert_ok(db_one_i64(c, "SELECT n FROM thing", DB_NOARGS, 0, &v, &f->err));
    assert_int_equal(1, v);
    db_read_end(c);
    assert_ok(db_one_i64(c, "SELECT n FROM thing", DB_NOARGS, 0, &v, &f->err));
    assert_int_equal(2, v);
    /* readers cannot write */
    if (f->kind == DB_SQLITE)
        assert_true(db_exec(c, "UPDATE thing SET n = 3", DB_NOARGS, NULL, &f->err) < 0);
    db_reader_done(c);
    assert_int_equal(2, read_i64(f, "SELECT n FROM thing"));
}

static const char slow[] = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
                           " WHERE n < 100000000) SELECT count(*) FROM c";

static void test_budget(void **state)
{
    struct fixture *f = fixture_of(state);
    struct db_conn *c;
    int64_t v;
    for (int i = 0; i < 2; i++) {
        assert_ok(db_reader(f->db, &c, &f->err));
        db_budget(c, 30000);
        assert_ok(db_one_i64(c, "SELECT 1", DB_NOARGS, 0, &v, &f->err));
        assert_int_equal(ERR_QUERY_TOO_SLOW, db_one_i64(c, slow, DB_NOARGS, 0, &v, &f->err));
        /* the sum counts: nothing is left */
        assert_int_equal(ERR_QUERY_TOO_SLOW, db_one_i64(c, "SELECT 1", DB_NOARGS, 0, &v, &f->err));
        db_reader_done(c);
        /* the next user has no budget */
        assert_ok(db_reader(f->db, &c, &f->err));
        assert_ok(db_one_i64(c,
                             "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
                             " WHERE n < 300000) SELECT count(*) FROM c",
                             DB_NOARGS, 0, &v, &f->err));
        assert_int_equal(300000, v);
        db_reader_done(c);
    }
}

static void test_large_result(void **state)
{
    struct fixture *f = fixture_of(state);
    struct db_conn *c;
    struct db_rows *r;
    int64_t n = 0, sum = 0;
    int rc;
    assert_ok(db_reader(f->db, &c, &f->err));
    const char *sql = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
                      " WHERE n < 200000) SELECT n FROM c";
    assert_ok(db_query(c, sql, DB_NOARGS, &r, &f->err));
    for (; (rc = db_step(r, &f->err)) > 0; n++)
        sum += db_i64(r, 0);
    assert_ok(rc);
    assert_int_equal(200000, n);
    assert_true(sum == (int64_t)200000 * 200001 / 2);
    db_rows_done(r);
    /* given up in the middle, and the connection goes on */
    assert_ok(db_query(c, sql, DB_NOARGS, &r, &f->err));
    assert_int_equal(1, db_step(r, &f->err));
    db_rows_done(r);
    assert_ok(db_one_i64(c, "SELECT 7", DB_NOARGS, 0, &n, &f->err));
    assert_int_equal(7, n);
    db_reader_done(c);
}

struct crowd {
    struct db *db;
    int64_t sum;
};

static void *read_often(void *arg)
{
    struct crowd *x = arg;
    for (int i = 0; i < 300; i++) {
        struct db_conn *c;
        int64_t v = 0;
        if (db_reader(x->db, &c, NULL) != 0)
            continue;
        if (db_one_i64(c, "SELECT count(*) FROM thing WHERE id >= $1", DB_ARGS(DB_I64(0)), 0, &v,
                       NULL) == 0)
            x->sum += v >= 0;
        db_reader_done(c);
    }
    return NULL;
}

/* More threads than connections, beside a writer. */
static void test_many_readers(void **state)
{
    struct fixture *f = with_thing(state);
    pthread_t t[16];
    struct crowd x[16];
    for (int i = 0; i < 16; i++) {
        x[i] = (struct crowd){f->db, 0};
        assert_ok(pthread_create(&t[i], NULL, read_often, &x[i]));
    }
    for (int i = 1; i <= 50; i++) {
        struct row w = {i, i, i, STR("x"), STR("y"), false};
        assert_ok(db_transact(f->db, DB_INTERACTIVE, insert_row, &w, &f->err));
    }
    for (int i = 0; i < 16; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(300, x[i].sum);
    }
    assert_int_equal(50, read_i64(f, "SELECT count(*) FROM thing"));
}

static void test_corrupt_file(void **state)
{
    struct fixture *f = fixture_of(state);
    char path[160];
    struct db *db;
    snprintf(path, sizeof path, "%s/noise.db", f->dir);
    FILE *out = fopen(path, "w");
    for (int i = 0; i < 10000; i++)
        fputs("this is not a database\n", out);
    fclose(out);
    struct db_options o = {.path = path};
    assert_int_equal(ERR_CORRUPT, db_open(&o, &db, &f->err));
    o.path = "/nonexistent/patron.db";
    assert_int_equal(ERR_DATABASE_UNAVAILABLE, db_open(&o, &db, &f->err));
    o = (struct db_options){.url = "postgresql:///x?host=/nonexistent"};
    assert_int_equal(ERR_DATABASE_UNAVAILABLE, db_open(&o, &db, &f->err));
    o.schema = "Bad name";
    assert_int_equal(ERR_USAGE, db_open(&o, &db, &f->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_round_trip),   BOTH(test_parameters),   BOTH(test_constraints),
        BOTH(test_returning),    BOTH(test_read_state),   BOTH(test_budget),
        BOTH(test_large_result), BOTH(test_many_readers), ON_SQLITE(test_corrupt_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
