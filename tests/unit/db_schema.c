/* Plans of tables: fresh, upgraded, refused; full text. */
#include "db_fixture.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct column_def customer_v1[] = {
    {"id", COL_ID, true, NULL, NULL},
    {"name", COL_TEXT, true, NULL, NULL},
    {"order", COL_INT, true, "0", NULL}, /* a reserved word */
    {"main_contact_id", COL_ID, false, NULL, "contact"},
};
static const struct column_def customer_v2[] = {
    {"id", COL_ID, true, NULL, NULL},          {"name", COL_TEXT, true, NULL, NULL},
    {"order", COL_INT, true, "0", NULL},       {"main_contact_id", COL_ID, false, NULL, "contact"},
    {"region", COL_TEXT, false, NULL, NULL},   {"grade", COL_BOOL, true, "1", NULL},
    {"note", COL_TEXT, true, "'it''s'", NULL}, {"parent_id", COL_ID, false, NULL, "customer"},
    {"score", COL_REAL, false, NULL, NULL},    {"blob", COL_BYTES, false, NULL, NULL},
    {"day", COL_DATE, false, NULL, NULL},
};
static const struct column_def contact[] = {
    {"id", COL_ID, true, NULL, NULL},
    {"customer_id", COL_ID, true, NULL, "customer"}, /* a circle */
    {"tokens", COL_TEXT, true, "''", NULL},
};
static const struct column_def link[] = {
    {"customer_id", COL_ID, true, NULL, "customer"},
    {"tag_id", COL_ID, true, NULL, NULL},
};
static const struct column_def session[] = {
    {"token", COL_TEXT, true, NULL, NULL},
    {"data", COL_JSON, false, NULL, NULL},
    {"at", COL_TIME, true, "0", NULL},
};
static const struct index_def index_v1[] = {{"customer_name", "name, id", false, NULL}};
static const struct index_def index_v2[] = {
    {"customer_name", "name DESC, id", false, NULL},
    {"customer_order", "\"order\" DESC, name", false, NULL},
    {"customer_order2", "order DESC, name", false, NULL},
    {"customer_region", "region", true, "region IS NOT NULL"},
    {"customer_grade", "grade, score DESC, id", true, NULL},
};
static const struct table_def v1[] = {
    {"customer", customer_v1, COUNT(customer_v1), "id", index_v1, COUNT(index_v1), NULL},
    {"contact", contact, COUNT(contact), "id", NULL, 0, NULL},
};
static const struct table_def v2[] = {
    {"customer", customer_v2, COUNT(customer_v2), "id", index_v2, COUNT(index_v2), NULL},
    {"contact", contact, COUNT(contact), "id", NULL, 0, "tokens"},
    {"customer_tag", link, COUNT(link), "customer_id, tag_id", NULL, 0, NULL},
    {"session", session, COUNT(session), "token", NULL, 0, NULL},
};

struct task {
    const struct table_def *tables;
    size_t n;
    struct arena *arena;
    struct schema_plan plan;
    bool apply;
};

static int plan_it(struct db_conn *c, void *arg, struct err *e)
{
    struct task *t = arg;
    int rc = schema_plan(c, t->tables, t->n, t->arena, &t->plan, e);
    return rc < 0 || !t->apply ? rc : schema_apply(c, &t->plan, e);
}

static struct schema_plan plan(struct fixture *f, const struct table_def *t, size_t n, bool apply)
{
    struct task x = {t, n, f->arena, {0}, apply};
    int rc = db_transact(f->db, DB_INTERACTIVE, plan_it, &x, &f->err);
    if (rc < 0)
        print_message("%s\n", f->err.detail);
    assert_ok(rc);
    return x.plan;
}

static void assert_empty(const struct schema_plan *p)
{
    for (size_t i = 0; i < p->nactions; i++)
        print_message("left over: %.*s: %.*s\n", STR_ARG(p->actions[i].what),
                      STR_ARG(p->actions[i].sql));
    assert_int_equal(0, p->nactions);
    assert_false(p->refused);
}

static void test_fresh(void **state)
{
    struct fixture *f = fixture_of(state);
    struct schema_plan p = plan(f, v2, COUNT(v2), false);
    assert_true(p.fresh);
    assert_true(p.nactions > 4);
    for (size_t i = 0; i < p.nactions; i++)
        assert_int_equal(SCHEMA_SAFE, p.actions[i].class);
    plan(f, v2, COUNT(v2), true);
    p = plan(f, v2, COUNT(v2), true);
    assert_empty(&p);
    assert_false(p.fresh);
    fixture_reopen(f);
    p = plan(f, v2, COUNT(v2), false);
    assert_empty(&p);
    /* a reader may plan too */
    struct db_conn *c;
    assert_ok(db_reader(f->db, &c, &f->err));
    assert_ok(schema_plan(c, v2, COUNT(v2), f->arena, &p, &f->err));
    assert_empty(&p);
    db_reader_done(c);
    /* types are what they say */
    assert_ok(run_sql(f, "INSERT INTO session (token, data) VALUES ('a', '{\"b\": 1 }')"));
    assert_int_equal(ERR_CONSTRAINT, run_sql(f, "INSERT INTO session (token) VALUES ('a')"));
    assert_int_equal(ERR_CONSTRAINT, run_sql(f, "INSERT INTO session (token) VALUES (NULL)"));
    assert_int_equal(ERR_CONSTRAINT,
                     run_sql(f, "INSERT INTO customer_tag (customer_id, tag_id) VALUES (1, 1)"));
    assert_true(run_sql(f, "INSERT INTO customer (id, name) VALUES ('abc', 'x')") < 0);
}

static void test_upgrade(void **state)
{
    struct fixture *f = fixture_of(state);
    plan(f, v1, COUNT(v1), true);
    assert_ok(run_sql(f, "INSERT INTO customer (id, name) VALUES (1, 'one')"));
    assert_ok(run_sql(f, "INSERT INTO customer (id, name) VALUES (2, 'two')"));
    assert_ok(
        run_sql(f, "INSERT INTO contact (id, customer_id, tokens) VALUES (5, 1, 'zhang san')"));
    assert_ok(run_sql(f, "UPDATE customer SET main_contact_id = 5 WHERE id = 1"));
    struct schema_plan p = plan(f, v2, COUNT(v2), true);
    assert_false(p.fresh);
    p = plan(f, v2, COUNT(v2), true);
    assert_empty(&p);
    assert_int_equal(2,
                     read_i64(f, "SELECT count(*) FROM customer WHERE grade = 1 AND region IS NULL"
                                 " AND note = 'it''s'"));
    assert_int_equal(5, read_i64(f, "SELECT main_contact_id FROM customer WHERE id = 1"));
    assert_ok(run_sql(f, "UPDATE customer SET region = 'north', parent_id = 1 WHERE id = 2"));
    assert_int_equal(ERR_CONSTRAINT, run_sql(f, "UPDATE customer SET parent_id = 77 WHERE id = 2"));
    assert_int_equal(ERR_CONSTRAINT,
                     run_sql(f, "UPDATE customer SET region = 'north' WHERE id = 1"));
    /* the older program's tables are still satisfied: nothing is taken away */
    p = plan(f, v1, 1, false);
    assert_int_equal(2, p.nactions); /* its index is another one: dropped and made */
}

static const struct index_def index_v3[] = {
    {"customer_region", "region", false, NULL, .gone = true}};
static const struct table_def v3[] = {
    {"customer", customer_v2, COUNT(customer_v2), "id", index_v3, COUNT(index_v3), NULL},
};

/* An index that is not needed any more goes where it stands, and is not asked for elsewhere. */
static void test_index_gone(void **state)
{
    struct fixture *f = fixture_of(state);
    plan(f, v2, COUNT(v2), true);
    const char *twice = "INSERT INTO customer (id, name, region) VALUES (1, 'one', 'north'), "
                        "(2, 'two', 'north')";
    assert_int_equal(ERR_CONSTRAINT, run_sql(f, twice));
    struct schema_plan p = plan(f, v3, COUNT(v3), true);
    assert_int_equal(1, p.nactions);
    assert_int_equal(SCHEMA_SAFE, p.actions[0].class);
    p = plan(f, v3, COUNT(v3), false);
    assert_empty(&p);
    assert_ok(run_sql(f, twice));
}

static const struct column_def narrow[] = {
    {"id", COL_ID, true, NULL, NULL},     {"name", COL_INT, true, NULL, NULL},
    {"order", COL_INT, true, "0", NULL},  {"main_contact_id", COL_ID, true, NULL, "contact"},
    {"must", COL_TEXT, true, NULL, NULL},
};
static const struct table_def narrowed[] = {
    {"customer", narrow, COUNT(narrow), "id", NULL, 0, NULL},
    {"contact", contact, COUNT(contact), "id", NULL, 0, NULL},
};

static void test_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    plan(f, v1, COUNT(v1), true);
    assert_ok(run_sql(f, "INSERT INTO customer (id, name) VALUES (1, 'one')"));
    struct schema_plan p = plan(f, narrowed, COUNT(narrowed), false);
    assert_true(p.refused);
    int refused = 0;
    for (size_t i = 0; i < p.nactions; i++)
        refused += p.actions[i].class == SCHEMA_REFUSED;
    assert_int_equal(3, refused); /* the type, NOT NULL, and a column without a default */
    struct task x = {narrowed, COUNT(narrowed), f->arena, {0}, true};
    assert_int_equal(ERR_STATE_CONFLICT, db_transact(f->db, DB_INTERACTIVE, plan_it, &x, &f->err));
    assert_int_equal(1, read_i64(f, "SELECT count(*) FROM customer"));
}

static int64_t found(struct fixture *f, const char *word)
{
    struct db_conn *c;
    int64_t n = -1;
    const char *sql =
        f->kind == DB_SQLITE
            ? "SELECT count(*) FROM contact_words WHERE contact_words MATCH $1"
            : "SELECT count(*) FROM contact WHERE tokens_ts @@ to_tsquery('simple', $1)";
    assert_ok(db_reader(f->db, &c, &f->err));
    assert_ok(db_one_i64(c, sql, DB_ARGS(DB_STR(str_of(word))), 0, &n, &f->err));
    db_reader_done(c);
    return n;
}

static void test_fulltext(void **state)
{
    struct fixture *f = fixture_of(state);
    plan(f, v1, COUNT(v1), true);
    assert_ok(run_sql(f, "INSERT INTO customer (id, name) VALUES (1, 'one')"));
    assert_ok(
        run_sql(f, "INSERT INTO contact (id, customer_id, tokens) VALUES (5, 1, '公司 zhang')"));
    plan(f, v2, COUNT(v2), true); /* what was there is found */
    assert_int_equal(1, found(f, "公司"));
    assert_int_equal(1, found(f, "zhang"));
    assert_int_equal(0, found(f, "公"));
    assert_int_equal(1, found(f, f->kind == DB_SQLITE ? "zha*" : "zha:*"));
    assert_ok(
        run_sql(f, "INSERT INTO contact (id, customer_id, tokens) VALUES (6, 1, '公司 café')"));
    if (f->kind == DB_SQLITE)
        assert_ok(run_sql(f, "INSERT INTO contact_words (rowid, tokens) VALUES (6, '公司 café')"));
    assert_int_equal(2, found(f, "公司"));
    assert_int_equal(0, found(f, "cafe"));
    int64_t findings;
    assert_ok(backup_check(f->db, v2, COUNT(v2), NULL, NULL, &findings, &f->err));
    assert_int_equal(0, findings);
    if (f->kind == DB_SQLITE) {
        assert_ok(run_sql(f, "UPDATE contact SET tokens = 'changed' WHERE id = 6"));
        assert_ok(backup_check(f->db, v2, COUNT(v2), NULL, NULL, &findings, &f->err));
        assert_int_equal(1, findings);
    }
}

/* Who hurried and was killed leaves settings behind that make every search slow. */
static void test_words_settings(void **state)
{
    struct fixture *f = fixture_of(state);
    const char *const hashsize = "SELECT v FROM contact_words_config WHERE k = 'hashsize'";
    const char *const automerge = "SELECT v FROM contact_words_config WHERE k = 'automerge'";
    struct db_conn *c = NULL;
    int64_t n = 0;
    if (f->kind != DB_SQLITE)
        return;
    plan(f, v2, COUNT(v2), true);
    assert_ok(
        run_sql(f, "INSERT INTO contact_words (contact_words, rank) VALUES ('automerge', 0)"));
    assert_ok(
        run_sql(f, "INSERT INTO contact_words (contact_words, rank) VALUES ('hashsize', 4096)"));
    struct schema_plan p = plan(f, v2, COUNT(v2), true);
    assert_int_equal(2, p.nactions);
    p = plan(f, v2, COUNT(v2), true);
    assert_empty(&p);
    assert_ok(db_reader(f->db, &c, &f->err));
    assert_ok(db_one_i64(c, hashsize, DB_NOARGS, 0, &n, &f->err));
    assert_int_equal(16 << 20, n);
    assert_ok(db_one_i64(c, automerge, DB_NOARGS, 0, &n, &f->err));
    assert_int_equal(4, n);
    db_reader_done(c);
}

/* Keys that start with the customer, as a tenant distributed by customer has them. */
static const struct column_def dist_customer[] = {{"customer_id", COL_ID, true, NULL, NULL},
                                                  {"id", COL_ID, true, NULL, NULL}};
static const struct column_def dist_order[] = {{"customer_id", COL_ID, true, NULL, NULL},
                                               {"id", COL_ID, true, NULL, NULL},
                                               {"contact_id", COL_ID, false, NULL, "person"}};
static const struct table_def distributed[] = {
    {"sale", dist_order, 3, "customer_id, id", NULL, 0, NULL},
    {"person", dist_customer, 2, "customer_id, id", NULL, 0, NULL},
};

static void test_customer_keys(void **state)
{
    struct fixture *f = fixture_of(state);
    plan(f, distributed, 2, true);
    struct schema_plan p = plan(f, distributed, 2, true);
    assert_empty(&p);
    assert_ok(run_sql(f, "INSERT INTO person (customer_id, id) VALUES (1, 2)"));
    assert_ok(run_sql(f, "INSERT INTO sale (customer_id, id, contact_id) VALUES (1, 1, 2)"));
    assert_int_equal(ERR_CONSTRAINT,
                     run_sql(f, "INSERT INTO sale (customer_id, id, contact_id) VALUES (2, 1, 2)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_fresh),      BOTH(test_upgrade),        BOTH(test_refused),
        BOTH(test_fulltext),   BOTH(test_words_settings), BOTH(test_customer_keys),
        BOTH(test_index_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
