/* A demo that somebody cancelled takes back what it wrote, so that the company is empty again. A
   customer at whom somebody did something meanwhile stays, with everything that hangs on it. It
   begins anew after a kill: what is gone is not met again. */
#include "crm/demo/internal.h"

#include "core/search/search.h"

enum { CHUNK = 500, MOST_LINKED = 1000 };

struct taking {
    struct job *j;
    struct tenant *t;
    struct arena *a; /* of a transaction */
    int64_t job, after, removed, kept;
    int64_t linked[MOST_LINKED]; /* customers that records of others lead to; they stay */
    size_t nlinked, n;
    int64_t at; /* the one being taken when a transaction fails */
};

/* --- one customer -------------------------------------------------------------------------- */

/* What the search knows of. */
static const char *const found[] = {"tasks", "notes", "contacts"};

static const char *const gone[] = {
    "UPDATE customers SET next_task_id = NULL WHERE id = $1",
    "DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id = $1)",
    "DELETE FROM orders WHERE customer_id = $1",
    "DELETE FROM tasks WHERE customer_id = $1",
    "DELETE FROM notes WHERE customer_id = $1",
    "DELETE FROM contacts WHERE customer_id = $1",
    "DELETE FROM customer_value WHERE customer_id = $1",
    "DELETE FROM value_snapshot WHERE customer_id = $1",
    "DELETE FROM change WHERE customer_id = $1",
    "DELETE FROM follow WHERE record_id = $1",
    "DELETE FROM customers WHERE id = $1",
};

static int ids_of(struct db_conn *c, const char *sql, int64_t of, int64_t after, int64_t *ids,
                  size_t *n, struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(c, sql, DB_ARGS(DB_I64(of), DB_I64(after), DB_I64(CHUNK)), &rows, e);
    for (*n = 0; rc == 0 && *n < CHUNK && (rc = db_step(rows, e)) > 0; ++*n) {
        ids[*n] = db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int forget_words(struct taking *k, struct db_conn *c, int64_t customer, struct err *e)
{
    int64_t ids[CHUNK];
    int rc = search_drop(c, customer, k->a, e);
    for (size_t i = 0; rc == 0 && i < sizeof found / sizeof found[0]; i++) {
        size_t n = 0;
        const char *sql = arena_printf(k->a,
                                       "SELECT id FROM %s WHERE customer_id = $1 AND id > $2 "
                                       "LIMIT $3",
                                       found[i])
                              .p;
        rc = ids_of(c, sql, customer, 0, ids, &n, e);
        for (size_t at = 0; rc == 0 && at < n; at++)
            rc = search_drop(c, ids[at], k->a, e);
    }
    return rc;
}

static int take_customer(struct taking *k, struct db_conn *c, int64_t id, struct err *e)
{
    int rc = forget_words(k, c, id, e);
    for (size_t i = 0; rc == 0 && i < sizeof gone / sizeof gone[0]; i++)
        rc = db_exec(c, gone[i], DB_ARGS(DB_I64(id)), NULL, e);
    return rc;
}

/* Whatever a person does at a customer has an event; what an import brings is marked as its own. */
static const char untouched[] =
    "SELECT c.id FROM customers c WHERE c.import_id = $1 AND c.id > $2 AND "
    "NOT EXISTS (SELECT 1 FROM history h WHERE h.customer_id = c.id) AND "
    "NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND "
    "o.import_id <> c.import_id) AND "
    "NOT EXISTS (SELECT 1 FROM contacts o WHERE o.customer_id = c.id AND "
    "o.import_id <> c.import_id) AND "
    "NOT EXISTS (SELECT 1 FROM affiliations o WHERE o.customer_id = c.id) "
    "ORDER BY c.id LIMIT $3";

static bool is_linked(const struct taking *k, int64_t id)
{
    for (size_t i = 0; i < k->nlinked; i++)
        if (k->linked[i] == id)
            return true;
    return false;
}

static int take_chunk(struct db_conn *c, void *arg, struct err *e)
{
    struct taking *k = arg;
    int64_t ids[CHUNK];
    size_t n = 0;
    int64_t last = k->after;
    k->removed = 0;
    arena_reset(k->a);
    int rc = ids_of(c, untouched, k->job, k->after, ids, &n, e);
    k->n = n;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        last = k->at = ids[i];
        if (is_linked(k, ids[i]))
            continue;
        rc = take_customer(k, c, ids[i], e);
        k->removed++;
        arena_reset(k->a);
        if (db_should_yield(c))
            break;
    }
    k->at = rc ? k->at : last;
    return rc;
}

static int take_customers(struct taking *k, int64_t *removed, struct err *e)
{
    int rc = 0;
    k->after = 0;
    do {
        rc = db_transact(k->t->db, DB_BULK, take_chunk, k, e);
        if (rc == ERR_CONSTRAINT && k->nlinked < MOST_LINKED) {
            k->linked[k->nlinked++] = k->at; /* somebody's record names it */
            err_clear(e);
            rc = 0;
            continue;
        }
        if (rc)
            return rc;
        k->after = k->at;
        *removed += k->removed;
        struct job_progress p = {"undo", *removed, 0, 0};
        rc = job_tick(k->j, &p, e);
        if (rc == ERR_CANCELLED) { /* it was; half of this helps nobody */
            err_clear(e);
            rc = 0;
        }
    } while (rc == 0 && k->n);
    return rc;
}

/* --- goods --------------------------------------------------------------------------------- */

static const struct {
    const char *unused, *gone;
} goods[] = {
    {"SELECT p.id FROM products p WHERE p.import_id = $1 AND p.id > $2 AND NOT EXISTS (SELECT "
     "1 FROM order_lines l WHERE l.product_id = p.id) AND NOT EXISTS (SELECT 1 FROM history h "
     "WHERE h.record_id = p.id) LIMIT $3",
     "DELETE FROM products WHERE id = $1"},
    {"SELECT g.id FROM categories g WHERE g.import_id = $1 AND g.id > $2 AND NOT EXISTS "
     "(SELECT 1 FROM products p WHERE p.category_id = g.id) AND NOT EXISTS (SELECT 1 FROM "
     "categories b WHERE b.parent_id = g.id) AND NOT EXISTS (SELECT 1 FROM history h WHERE "
     "h.record_id = g.id) LIMIT $3",
     "DELETE FROM categories WHERE id = $1"},
};

/* Some dozens, in one transaction; categories from the leaves up. */
static int take_goods(struct db_conn *c, void *arg, struct err *e)
{
    struct taking *k = arg;
    int64_t ids[CHUNK];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof goods / sizeof goods[0]; i++) {
        size_t n = 0;
        do {
            arena_reset(k->a);
            rc = ids_of(c, goods[i].unused, k->job, 0, ids, &n, e);
            for (size_t at = 0; rc == 0 && at < n; at++) {
                rc = search_drop(c, ids[at], k->a, e);
                if (rc == 0)
                    rc = db_exec(c, goods[i].gone, DB_ARGS(DB_I64(ids[at])), NULL, e);
            }
        } while (rc == 0 && n);
    }
    return rc;
}

static int count_kept(struct taking *k, struct err *e)
{
    struct db_conn *c = NULL;
    int rc = db_reader(k->t->db, &c, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT count(*) FROM customers WHERE import_id = $1",
                        DB_ARGS(DB_I64(k->job)), 0, &k->kept, e);
    db_reader_done(c);
    return rc;
}

int demo_take_back(struct job *j, struct err *e)
{
    struct taking k = {.j = j, .t = job_tenant(j), .job = job_view(j).id, .a = arena_new(0)};
    int64_t removed = 0;
    if (!k.a)
        return err_set(e, ERR_NOMEM, "demo");
    int rc = take_customers(&k, &removed, e);
    if (rc == 0)
        rc = db_transact(k.t->db, DB_BULK, take_goods, &k, e);
    if (rc == 0)
        rc = count_kept(&k, e);
    arena_free(k.a);
    if (rc == 0)
        job_result(j, arena_printf(job_arena(j), "{\"removed\":%lld,\"kept\":%lld}",
                                   (long long)removed, (long long)k.kept));
    return rc;
}
