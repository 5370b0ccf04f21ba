/* Backup, restore, check, and the lock of the data directory. */
#include "db_fixture.h"

#include "base/buf.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct column_def customer[] = {
    {"id", COL_ID, true, NULL, NULL},
    {"name", COL_TEXT, true, NULL, NULL},
    {"worth", COL_REAL, false, NULL, NULL},
    {"photo", COL_BYTES, false, NULL, NULL},
    {"day", COL_DATE, false, NULL, NULL},
    {"vip", COL_BOOL, false, NULL, NULL},
    {"data", COL_JSON, false, NULL, NULL},
    {"parent_id", COL_ID, false, NULL, "customer"},
    {"contact_id", COL_ID, false, NULL, "contact"},
};
static const struct column_def contact[] = {
    {"id", COL_ID, true, NULL, NULL},
    {"customer_id", COL_ID, true, NULL, "customer"},
    {"tokens", COL_TEXT, true, "''", NULL},
};
static const struct column_def contact_more[] = {
    {"id", COL_ID, true, NULL, NULL},
    {"customer_id", COL_ID, true, NULL, "customer"},
    {"tokens", COL_TEXT, true, "''", NULL},
    {"added", COL_INT, true, "42", NULL},
};
static const struct column_def tag[] = {{"customer_id", COL_ID, true, NULL, "customer"},
                                        {"tag", COL_INT, true, NULL, NULL}};
static const struct table_def tables[] = {
    {"customer", customer, COUNT(customer), "id", NULL, 0, NULL},
    {"contact", contact, COUNT(contact), "id", NULL, 0, "tokens"},
    {"tag", tag, COUNT(tag), "customer_id, tag", NULL, 0, NULL},
};
static const struct table_def tables_more[] = {
    {"customer", customer, COUNT(customer), "id", NULL, 0, NULL},
    {"contact", contact_more, COUNT(contact_more), "id", NULL, 0, "tokens"},
    {"tag", tag, COUNT(tag), "customer_id, tag", NULL, 0, NULL},
};

struct task {
    const struct table_def *tables;
    struct arena *arena;
};

static int make(struct db_conn *c, void *arg, struct err *e)
{
    struct task *t = arg;
    struct schema_plan p;
    int rc = schema_plan(c, t->tables, 3, t->arena, &p, e);
    return rc < 0 ? rc : schema_apply(c, &p, e);
}

enum { CUSTOMERS = 12000 };

/* Rows that point forwards and backwards, empty and odd values. */
static int fill(struct db_conn *c, void *arg, struct err *e)
{
    (void)arg;
    int rc = 0;
    for (int64_t i = CUSTOMERS; i >= 1 && rc == 0; i--) {
        char name[64], blob[3] = {(char)i, 0, '\\'};
        int n = snprintf(name, sizeof name, "公司 %lld 'x'", (long long)i);
        rc = db_exec(c,
                     "INSERT INTO customer (id, name, worth, photo, day, vip, data, parent_id)"
                     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                     DB_ARGS(DB_I64(i << 40 | i), DB_STR(str_from(name, i % 10 ? (size_t)n : 0)),
                             i % 3 ? DB_F64(1.0 / (double)i) : DB_NIL,
                             i % 4 ? DB_BYTES(str_from(blob, (size_t)(i % 4))) : DB_NIL,
                             DB_I64(i - 5000), DB_I64(i % 2), DB_STR(STR("{ \"a\":1}")), DB_NIL),
                     NULL, e);
        if (rc == 0 && i % 5 == 0)
            rc =
                db_exec(c, "INSERT INTO contact (id, customer_id, tokens) VALUES ($1, $2, $3)",
                        DB_ARGS(DB_I64(i), DB_I64(i << 40 | i), DB_STR(STR("zhang san"))), NULL, e);
        if (rc == 0 && i % 7 == 0)
            rc = db_exec(c, "INSERT INTO tag (customer_id, tag) VALUES ($1, $2)",
                         DB_ARGS(DB_I64(i << 40 | i), DB_I64(i % 3)), NULL, e);
    }
    if (rc == 0)
        rc = db_exec(c, "UPDATE customer SET parent_id = $1, contact_id = 5 WHERE vip = 1",
                     DB_ARGS(DB_I64((int64_t)77 << 40 | 77)), NULL, e);
    if (rc == 0 && db_kind(db_of(c)) == DB_SQLITE)
        rc = db_exec(c, "INSERT INTO contact_words (contact_words) VALUES ('rebuild')", DB_NOARGS,
                     NULL, e);
    return rc;
}

/* Every value of every row, in the order of the key. */
static uint64_t checksum(struct fixture *f, struct db *db, const struct table_def *t)
{
    struct buf sql = BUF_INIT(10000);
    struct db_conn *c;
    struct db_rows *r;
    uint64_t sum = 0;
    int64_t n = 0;
    buf_add_cstr(&sql, "SELECT ");
    for (size_t i = 0; i < t->ncolumns; i++)
        buf_printf(&sql, "%s%s", i ? ", " : "", t->columns[i].name);
    buf_printf(&sql, " FROM %s ORDER BY %s", t->name, t->primary_key);
    buf_add_char(&sql, 0);
    assert_ok(db_reader(db, &c, &f->err));
    assert_ok(db_query(c, sql.p, DB_NOARGS, &r, &f->err));
    while (db_step(r, &f->err) == 1) {
        n++;
        for (unsigned i = 0; i < t->ncolumns; i++) {
            uint64_t h = db_is_null(r, i) ? 17 : 1;
            double d = db_f64(r, i);
            if (t->columns[i].type == COL_REAL)
                h += str_hash(str_from((const char *)&d, 8));
            else if (t->columns[i].type == COL_BYTES)
                h += str_hash(db_bytes(r, i));
            else
                h += str_hash(db_str(r, i));
            sum = (sum ^ h) * 0x9e3779b97f4a7c15u;
        }
    }
    db_rows_done(r);
    db_reader_done(c);
    buf_free(&sql);
    assert_true(n > 0);
    return sum;
}

static int calls;

static void progress(void *arg, const char *table, int64_t rows)
{
    assert_non_null(table);
    assert_true(rows >= 0);
    (void)arg;
    calls++;
}

static void carry(void **state, enum db_kind to)
{
    struct fixture *f = fixture_of(state);
    struct task t = {tables, f->arena};
    char path[160];
    struct stat st;
    snprintf(path, sizeof path, "%s/backup", f->dir);
    assert_ok(db_transact(f->db, DB_BULK, make, &t, &f->err));
    int rc = db_transact(f->db, DB_BULK, fill, NULL, &f->err);
    if (rc < 0)
        print_message("%s\n", f->err.detail);
    assert_ok(rc);
    calls = 0;
    rc = backup_write(f->db, tables, 3, path, NULL, progress, NULL, &f->err);
    if (rc < 0)
        print_message("%s\n", f->err.detail);
    assert_ok(rc);
    assert_true(calls > 0);
    assert_ok(stat(path, &st));
    char part[180];
    const char *const rests[] = {"part", "part-wal", "part-shm", "part-journal"};
    for (size_t i = 0; i < COUNT(rests); i++) {
        snprintf(part, sizeof part, "%s.%s", path, rests[i]);
        assert_int_not_equal(0, stat(part, &st));
    }

    struct db *second = fixture_second(f, to);
    assert_ok(db_transact(second, DB_BULK, make, &t, &f->err));
    rc = backup_restore(second, tables, 3, path, progress, NULL, &f->err);
    if (rc < 0)
        print_message("%s\n", f->err.detail);
    assert_ok(rc);
    for (int i = 0; i < 3; i++)
        assert_true(checksum(f, f->db, &tables[i]) == checksum(f, second, &tables[i]));
    int64_t findings = -1;
    assert_ok(backup_check(second, tables, 3, NULL, NULL, &findings, &f->err));
    assert_int_equal(0, findings);
    /* references are enforced again, and nothing is left to plan */
    struct db_conn *c;
    struct schema_plan p;
    assert_ok(db_reader(second, &c, &f->err));
    assert_ok(schema_plan(c, tables, 3, f->arena, &p, &f->err));
    assert_int_equal(0, p.nactions);
    db_reader_done(c);
    struct fixture g = *f;
    g.db = second;
    assert_int_equal(ERR_CONSTRAINT,
                     run_sql(&g, "INSERT INTO tag (customer_id, tag) VALUES (1, 1)"));
    /* and it has rows now */
    assert_int_equal(ERR_STATE_CONFLICT,
                     backup_restore(second, tables, 3, path, NULL, NULL, &f->err));
    fixture_drop_second(f, second);
}

static void test_to_sqlite(void **state)
{
    carry(state, DB_SQLITE);
}

static void test_to_postgres(void **state)
{
    carry(state, DB_POSTGRES);
}

static void test_older_backup(void **state)
{
    struct fixture *f = fixture_of(state);
    struct task t = {tables, f->arena}, more = {tables_more, f->arena};
    char path[160];
    snprintf(path, sizeof path, "%s/backup", f->dir);
    assert_ok(db_transact(f->db, DB_BULK, make, &t, &f->err));
    assert_ok(db_transact(f->db, DB_BULK, fill, NULL, &f->err));
    assert_ok(backup_write(f->db, tables, 3, path, NULL, NULL, NULL, &f->err));
    struct db *second = fixture_second(f, f->kind);
    assert_ok(db_transact(second, DB_BULK, make, &more, &f->err));
    assert_ok(backup_restore(second, tables_more, 3, path, NULL, NULL, &f->err));
    assert_true(checksum(f, f->db, &tables[1]) == checksum(f, second, &tables[1]));
    struct fixture g = *f;
    g.db = second;
    assert_int_equal(CUSTOMERS / 5, read_i64(&g, "SELECT count(*) FROM contact WHERE added = 42"));
    fixture_drop_second(f, second);
}

/* A backup that points to nothing is refused, and the database is as empty as before. */
static void test_broken_backup(void **state)
{
    struct fixture *f = fixture_of(state);
    struct task t = {tables, f->arena};
    char path[160];
    snprintf(path, sizeof path, "%s/backup", f->dir);
    assert_ok(db_transact(f->db, DB_BULK, make, &t, &f->err));
    assert_ok(db_transact(f->db, DB_BULK, fill, NULL, &f->err));
    assert_ok(backup_write(f->db, tables, 3, path, NULL, NULL, NULL, &f->err));
    char command[512];
    snprintf(command, sizeof command,
             "python3 -c \"import sqlite3;c=sqlite3.connect('%s');"
             "c.execute('delete from customer where id=?',(7<<40|7,));c.commit()\"",
             path);
    assert_ok(system(command));
    struct db *second = fixture_second(f, f->kind);
    assert_ok(db_transact(second, DB_BULK, make, &t, &f->err));
    assert_true(backup_restore(second, tables, 3, path, NULL, NULL, &f->err) < 0);
    struct fixture g = *f;
    g.db = second;
    assert_int_equal(0, read_i64(&g, "SELECT count(*) FROM customer"));
    assert_int_equal(ERR_CONSTRAINT,
                     run_sql(&g, "INSERT INTO tag (customer_id, tag) VALUES (1, 1)"));
    fixture_drop_second(f, second);
    /* not a backup at all */
    FILE *out = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("noise noise noise\n", out);
    fclose(out);
    second = fixture_second(f, f->kind);
    assert_ok(db_transact(second, DB_BULK, make, &t, &f->err));
    assert_int_equal(ERR_CORRUPT, backup_restore(second, tables, 3, path, NULL, NULL, &f->err));
    fixture_drop_second(f, second);
}

static void test_lock(void **state)
{
    struct fixture *f = fixture_of(state);
    int fd, fds[2], status;
    char byte;
    assert_ok(pipe(fds));
    pid_t pid = fork();
    if (pid == 0) {
        int rc = datadir_lock(f->dir, &fd, NULL);
        if (write(fds[1], "x", 1) != 1 || rc != 0)
            _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(1, read(fds[0], &byte, 1));
    err_clear(&f->err);
    assert_int_equal(ERR_LOCKED, datadir_lock(f->dir, &fd, &f->err));
    char text[32];
    snprintf(text, sizeof text, "%ld", (long)pid);
    assert_string_equal(text, f->err.params[0].value.p);
    assert_string_equal(f->dir, f->err.params[1].value.p);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    assert_ok(datadir_lock(f->dir, &fd, &f->err));
    int other;
    assert_int_equal(ERR_LOCKED, datadir_lock(f->dir, &other, &f->err));
    close(fd);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(ERR_IO, datadir_lock("/nonexistent", &fd, &f->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_to_sqlite),     BOTH(test_to_postgres), BOTH(test_older_backup),
        BOTH(test_broken_backup), ON_SQLITE(test_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
