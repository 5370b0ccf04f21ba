/* What is left for just before the commit, and the log that a busy SQLite writer leaves behind. */
#include "db_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture *with_tables(void **state)
{
    struct fixture *f = fixture_of(state);
    f->writers = 1;
    fixture_reopen(f);
    assert_ok(run_sql(f, "CREATE TABLE item (id bigint NOT NULL PRIMARY KEY, v text)"));
    assert_ok(run_sql(f, "CREATE TABLE told (id bigint NOT NULL PRIMARY KEY, calls bigint)"));
    return f;
}

static int calls;

/* Writes each note down, with the number of this call; "bad" refuses. */
static int tell(struct db_conn *c, const struct str *notes, size_t n, struct err *e)
{
    int rc = 0;
    calls++;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (str_starts(notes[i], STR("bad")))
            return err_set(e, ERR_STORAGE_FULL, "on purpose");
        rc = db_exec(c, "INSERT INTO told (id, calls) VALUES ($1, $2)",
                     DB_ARGS(DB_I64(atoll(notes[i].p)), DB_I64(calls)), NULL, e);
    }
    return rc;
}

struct note_job {
    struct db_job job;
    struct err err;
    int64_t id;
    const char *note;
    bool fail;
    int rc;
};

static int leave_note(struct db_conn *c, void *arg, struct err *e)
{
    struct note_job *j = arg;
    char copy[32];                               /* gone when this returns: the note is copied */
    snprintf(copy, sizeof copy, "%s ", j->note); /* a note has no end of its own */
    int rc = db_exec(c, "INSERT INTO item (id) VALUES ($1)", DB_ARGS(DB_I64(j->id)), NULL, e);
    if (rc == 0)
        rc = db_before_commit(c, tell, str_of(copy), e);
    memset(copy, 'z', sizeof copy);
    return rc == 0 && j->fail ? err_set(e, ERR_VALIDATION, "on purpose") : rc;
}

static int run_note(struct fixture *f, int64_t id, const char *note, bool fail)
{
    struct note_job j = {.id = id, .note = note, .fail = fail};
    err_init(&j.err, NULL);
    return db_transact(f->db, DB_INTERACTIVE, leave_note, &j, &j.err);
}

static void test_note(void **state)
{
    struct fixture *f = with_tables(state);
    assert_ok(run_note(f, 1, "1", false));
    assert_int_equal(ERR_VALIDATION, run_note(f, 2, "2", true));
    assert_int_equal(1, read_i64(f, "SELECT count(*) FROM item"));
    assert_int_equal(1, read_i64(f, "SELECT CAST(sum(id) AS bigint) FROM told"));
    /* A note that cannot be worked off takes its transaction with it, and nothing else. */
    assert_int_equal(ERR_STORAGE_FULL, run_note(f, 3, "bad", false));
    assert_ok(run_note(f, 4, "4", false));
    assert_int_equal(5, read_i64(f, "SELECT CAST(sum(id) AS bigint) FROM item"));
    assert_int_equal(5, read_i64(f, "SELECT CAST(sum(id) AS bigint) FROM told"));
}

static int many_notes(struct db_conn *c, void *arg, struct err *e)
{
    (void)arg;
    static char big[1 << 16];
    int rc = 0;
    for (int i = 1; rc == 0 && i <= 200; i++) {
        memset(big, ' ', sizeof big);
        snprintf(big, sizeof big, "%d", i);
        rc = db_before_commit(c, tell, str_from(big, sizeof big), e);
    }
    return rc;
}

/* 13 MB of notes of one bulk job: in memory only some of them at a time. */
static void test_bulk(void **state)
{
    struct fixture *f = with_tables(state);
    calls = 0;
    assert_ok(db_transact(f->db, DB_BULK, many_notes, NULL, &f->err));
    assert_int_equal(200, read_i64(f, "SELECT count(*) FROM told"));
    assert_true(calls > 1 && calls < 10);
}

/* --- many jobs, one commit ------------------------------------------------------------------ */

static struct note_job batch[50];
static _Atomic int batch_done;

static void done_one(void *arg, int rc, struct err *e)
{
    struct note_job *j = arg;
    (void)e;
    j->rc = rc;
    batch_done++;
}

static int submit_all(struct db_conn *c, void *arg, struct err *e)
{
    struct fixture *f = arg;
    (void)c;
    for (int i = 0; i < 50; i++) {
        static char text[50][8];
        snprintf(text[i], sizeof text[i], "%d", i + 1);
        batch[i] = (struct note_job){.id = i + 1, .note = text[i], .fail = i % 5 == 4};
        err_init(&batch[i].err, NULL);
        batch[i].job = (struct db_job){
            .run = leave_note, .done = done_one, .arg = &batch[i], .err = &batch[i].err};
        if (db_submit(f->db, &batch[i].job, e) < 0)
            return ERR_INTERNAL;
    }
    return 0;
}

/* Jobs that wait behind one another are committed together and their notes worked off at once;
   those of the jobs that failed are not among them. */
static void test_batch(void **state)
{
    struct fixture *f = with_tables(state);
    calls = 0;
    batch_done = 0;
    assert_ok(db_transact(f->db, DB_INTERACTIVE, submit_all, f, &f->err));
    while (batch_done < 50)
        usleep(1000);
    for (int i = 0; i < 50; i++)
        assert_int_equal(i % 5 == 4 ? ERR_VALIDATION : 0, batch[i].rc);
    assert_int_equal(40, read_i64(f, "SELECT count(*) FROM told"));
    assert_int_equal(0, read_i64(f, "SELECT count(*) FROM told WHERE id % 5 = 0"));
    if (f->kind == DB_SQLITE)
        assert_true(calls <= 3);
}

/* --- the log of SQLite ---------------------------------------------------------------------- */

static int churn(struct db_conn *c, void *arg, struct err *e)
{
    static char big[40000];
    int64_t *at = arg;
    int rc = 0;
    memset(big, 'a' + (int)(*at / 500 % 20), sizeof big);
    for (int i = 0; rc == 0 && i < 50; i++, ++*at)
        rc = db_exec(c,
                     "INSERT INTO item (id, v) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET "
                     "v = excluded.v",
                     DB_ARGS(DB_I64(*at % 500), DB_STR(str_from(big, sizeof big))), NULL, e);
    return rc;
}

/* 480 MB go through a writer that never rests: the log is begun anew on the way, nothing is lost,
   and a reader that stays in its transaction sees what it saw. */
static void test_log_stays_small(void **state)
{
    struct fixture *f = with_tables(state);
    struct db_conn *old;
    char wal[160];
    int64_t at = 0, longest = 0, before, after;
    snprintf(wal, sizeof wal, "%s-wal", f->path);
    for (int i = 0; i < 240; i++) {
        assert_ok(db_transact(f->db, DB_INTERACTIVE, churn, &at, &f->err));
        struct stat st;
        assert_ok(stat(wal, &st));
        longest = st.st_size > longest ? st.st_size : longest;
        if (i == 60) {
            assert_ok(db_reader(f->db, &old, &f->err));
            assert_ok(db_read_begin(old, &f->err));
            assert_ok(
                db_one_i64(old, "SELECT CAST(sum(length(v)) AS bigint) FROM item WHERE v LIKE 'a%'",
                           DB_NOARGS, 0, &before, &f->err));
        }
        if (i == 100) {
            assert_ok(
                db_one_i64(old, "SELECT CAST(sum(length(v)) AS bigint) FROM item WHERE v LIKE 'a%'",
                           DB_NOARGS, 0, &after, &f->err));
            assert_int_equal(before, after);
            db_read_end(old);
            db_reader_done(old);
        }
    }
    print_message("the log was at most %lld MB\n", (long long)(longest >> 20));
    assert_true(longest < (int64_t)400 << 20);
    assert_int_equal(500, read_i64(f, "SELECT count(*) FROM item"));
    assert_int_equal(500 * 40000, read_i64(f, "SELECT CAST(sum(length(v)) AS bigint) FROM item"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_note),
        BOTH(test_bulk),
        BOTH(test_batch),
        ON_SQLITE(test_log_stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
