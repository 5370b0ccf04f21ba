/* Taking an import back: what nobody touched since goes for good; what was touched stays and is
   counted; what the import updated is put back through the history. */
#include "crm/import/internal.h"

#include "core/search/search.h"
#include "crm/customers/customers.h"

#include <stdlib.h>

enum { UNDO_CHUNK = 2000 };

/* What an import made has younger ids than the import itself, give or take what the clocks of two
   servers differ; no index over import_id has to be kept with every row for the sake of this. */
static int64_t before_rows(const struct import *im)
{
    const int64_t hour = INT64_C(3600000) << 22;
    return im->id > hour ? im->id - hour : 0;
}

struct undoing {
    struct tenant *t;
    const struct import *im;
    struct arena *a;
    int64_t after;         /* keyset over ids */
    int64_t removed, kept; /* of this chunk */
    size_t n;
    struct pass pass;
};

static int ids_of(struct undoing *u, struct db_conn *c, const char *sql, int64_t *out,
                  int64_t *other, size_t *n, struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(c, sql, DB_ARGS(DB_I64(u->im->id), DB_I64(u->after), DB_I64(UNDO_CHUNK)),
                      &rows, e);
    *n = 0;
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        out[*n] = db_i64(rows, 0);
        other[(*n)++] = db_i64(rows, 1);
        rc = 0;
    }
    db_rows_done(rows);
    return rc;
}

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static int drop_orders(struct db_conn *c, void *arg, struct err *e)
{
    struct undoing *u = arg;
    int64_t ids[UNDO_CHUNK], customers[UNDO_CHUNK];
    int rc = ids_of(u, c,
                    "SELECT id, customer_id FROM orders WHERE import_id = $1 AND id > $2 AND "
                    "version = 1 AND deleted_at IS NULL ORDER BY id LIMIT $3",
                    ids, customers, &u->n, e);
    for (size_t i = 0; rc == 0 && i < u->n; i++) {
        if (u->im->kind->grouped)
            rc = db_exec(c, "DELETE FROM order_lines WHERE order_id = $1", DB_ARGS(DB_I64(ids[i])),
                         NULL, e);
        if (rc == 0)
            rc = db_exec(c, "DELETE FROM orders WHERE id = $1", DB_ARGS(DB_I64(ids[i])), NULL, e);
    }
    qsort(customers, u->n, sizeof *customers, by_value);
    for (size_t i = 0; rc == 0 && i < u->n; i++)
        if (i == 0 || customers[i] != customers[i - 1])
            rc = customers_resum(c, u->t, customers[i], e);
    u->removed = (int64_t)u->n;
    if (rc == 0 && u->n)
        u->after = ids[u->n - 1];
    return rc;
}

/* A customer that this import made goes when nobody changed it and nothing hangs on it. */
static int drop_customers(struct db_conn *c, void *arg, struct err *e)
{
    struct undoing *u = arg;
    int64_t ids[UNDO_CHUNK], used[UNDO_CHUNK], last = 0;
    arena_reset(u->a);
    int rc = ids_of(u, c,
                    "SELECT c.id, CASE WHEN EXISTS (SELECT 1 FROM orders o WHERE "
                    "o.customer_id = c.id) OR EXISTS (SELECT 1 FROM notes n WHERE "
                    "n.customer_id = c.id) OR EXISTS (SELECT 1 FROM contacts k WHERE "
                    "k.customer_id = c.id) OR EXISTS (SELECT 1 FROM affiliations f WHERE "
                    "f.customer_id = c.id) THEN 1 ELSE 0 END FROM customers c WHERE "
                    "c.import_id = $1 AND c.id > $2 AND c.version = 1 AND c.deleted_at IS NULL "
                    "ORDER BY c.id LIMIT $3",
                    ids, used, &u->n, e);
    u->removed = u->kept = 0;
    for (size_t i = 0; rc == 0 && i < u->n; i++) {
        last = ids[i];
        if (used[i])
            continue;
        rc = db_exec(c, "DELETE FROM customer_value WHERE customer_id = $1",
                     DB_ARGS(DB_I64(ids[i])), NULL, e);
        if (rc == 0)
            rc = db_exec(c, "DELETE FROM value_snapshot WHERE customer_id = $1",
                         DB_ARGS(DB_I64(ids[i])), NULL, e);
        if (rc == 0)
            rc = db_exec(c, "DELETE FROM change WHERE customer_id = $1", DB_ARGS(DB_I64(ids[i])),
                         NULL, e);
        if (rc == 0)
            rc = search_drop(c, ids[i], u->a, e);
        if (rc == 0)
            rc =
                db_exec(c, "DELETE FROM customers WHERE id = $1", DB_ARGS(DB_I64(ids[i])), NULL, e);
        if (rc == ERR_CONSTRAINT) {
            /* Somebody points to it (referred by, parent): that is touched, too. */
            return err_set(e, ERR_CONSTRAINT, "customer %lld is linked to", (long long)ids[i]);
        }
        u->removed++;
    }
    if (rc == 0 && u->n)
        u->after = last;
    return rc;
}

/* Records of other kinds that hang on nothing and on which nothing hangs, and how they are found.
 */
struct dropped {
    const char *used; /* SQL: 1 when something hangs on it */
    const char *gone; /* SQL: the record goes */
};

static int drop_records(struct db_conn *c, struct undoing *u, const struct dropped *what,
                        struct err *e)
{
    int64_t ids[UNDO_CHUNK], used[UNDO_CHUNK];
    arena_reset(u->a);
    int rc = ids_of(u, c, what->used, ids, used, &u->n, e);
    u->removed = 0;
    for (size_t i = 0; rc == 0 && i < u->n; i++) {
        u->after = ids[i];
        if (used[i])
            continue;
        rc = search_drop(c, ids[i], u->a, e);
        if (rc == 0)
            rc = db_exec(c, what->gone, DB_ARGS(DB_I64(ids[i])), NULL, e);
        u->removed++;
    }
    return rc;
}

static int drop_contacts(struct db_conn *c, void *arg, struct err *e)
{
    static const struct dropped contacts = {
        "SELECT k.id, CASE WHEN EXISTS (SELECT 1 FROM affiliations a WHERE a.contact_id = k.id) OR "
        "EXISTS (SELECT 1 FROM contacts b WHERE b.reports_to_id = k.id) THEN 1 ELSE 0 END FROM "
        "contacts k WHERE k.import_id = $1 AND k.id > $2 AND k.version = 1 AND k.deleted_at IS "
        "NULL ORDER BY k.id LIMIT $3",
        "DELETE FROM contacts WHERE id = $1"};
    return drop_records(c, arg, &contacts, e);
}

static int drop_affiliations(struct db_conn *c, void *arg, struct err *e)
{
    static const struct dropped affiliations = {
        "SELECT id, 0 FROM affiliations WHERE import_id = $1 AND id > $2 AND version = 1 AND "
        "deleted_at IS NULL ORDER BY id LIMIT $3",
        "DELETE FROM affiliations WHERE id = $1"};
    return drop_records(c, arg, &affiliations, e);
}

static int drop_products(struct db_conn *c, void *arg, struct err *e)
{
    static const struct dropped products = {
        "SELECT p.id, CASE WHEN EXISTS (SELECT 1 FROM order_lines l WHERE l.product_id = p.id) "
        "THEN 1 ELSE 0 END FROM products p WHERE p.import_id = $1 AND p.id > $2 AND p.version = 1 "
        "AND p.deleted_at IS NULL ORDER BY p.id LIMIT $3",
        "DELETE FROM products WHERE id = $1"};
    return drop_records(c, arg, &products, e);
}

/* From the leaves up: what is within another was made after it, but a round takes only those that
   nothing is within any more. */
static int drop_categories(struct db_conn *c, void *arg, struct err *e)
{
    static const struct dropped categories = {
        "SELECT g.id, CASE WHEN EXISTS (SELECT 1 FROM products p WHERE p.category_id = g.id) OR "
        "EXISTS (SELECT 1 FROM categories b WHERE b.parent_id = g.id) THEN 1 ELSE 0 END FROM "
        "categories g WHERE g.import_id = $1 AND g.id > $2 AND g.version = 1 AND g.deleted_at IS "
        "NULL ORDER BY g.id LIMIT $3",
        "DELETE FROM categories WHERE id = $1"};
    return drop_records(c, arg, &categories, e);
}

static int chunks(struct job *j, struct undoing *u,
                  int (*fn)(struct db_conn *c, void *arg, struct err *e), int64_t *removed,
                  struct err *e)
{
    int rc = 0;
    u->after = before_rows(u->im);
    do {
        rc = db_transact(u->t->db, DB_BULK, fn, u, e);
        if (rc)
            return rc;
        *removed += u->removed;
        if (j) {
            struct job_progress p = {"write", *removed, u->im->rows, 0};
            rc = job_tick(j, &p, e);
            /* Half an undo helps nobody: it goes on to its end. */
            if (rc == ERR_CANCELLED)
                rc = 0;
        }
    } while (rc == 0 && u->n);
    return rc;
}

struct one_undo {
    struct undoing *u;
    int64_t event, before;
    bool conflict;
};

static int next_event(struct db_conn *c, void *arg, struct err *e)
{
    struct one_undo *o = arg;
    struct record r;
    struct err inner;
    o->event = 0;
    o->conflict = false;
    int rc = db_one_i64(
        c,
        "SELECT max(id) FROM history WHERE id > $1 AND id < $2 AND "
        "import_id = $3 AND kind = 'update' AND undone_by IS NULL",
        DB_ARGS(DB_I64(o->u->im->history_floor), DB_I64(o->before), DB_I64(o->u->im->id)), 0,
        &o->event, e);
    if (rc || !o->event)
        return rc;
    err_init(&inner, o->u->a);
    struct write w = {
        .t = o->u->t, .c = c, .who = o->u->pass.who, .a = o->u->a, .now = clock_now_ms()};
    rc = record_undo(&w, o->event, &r, &inner);
    if (rc == ERR_UNDO_CONFLICT || rc == ERR_NOT_FOUND || rc == ERR_FORBIDDEN) {
        o->conflict = true;
        return 0;
    }
    return rc ? err_set(e, rc, "%s", inner.detail) : 0;
}

/* Events of this import that changed records which stood already, the newest first. */
static int put_back_updates(struct undoing *u, int64_t *kept, struct err *e)
{
    struct one_undo o = {.u = u, .before = INT64_MAX};
    if (!u->im->history_floor)
        return 0;
    for (;;) {
        int rc = db_transact(u->t->db, DB_BULK, next_event, &o, e);
        if (rc || !o.event)
            return rc;
        *kept += o.conflict;
        o.before = o.event;
        arena_reset(u->a);
    }
}

/* What imports make, from what hangs on others to what they hang on. */
static const struct {
    int (*drop)(struct db_conn *c, void *arg, struct err *e);
    const char *left;
    int only_kind; /* -1: rows of every kind can make them */
    bool again;    /* until nothing more goes */
} drops[] = {
    {drop_orders, "SELECT count(*) FROM orders WHERE import_id = $1 AND id > $2", -1, false},
    {drop_affiliations, "SELECT count(*) FROM affiliations WHERE import_id = $1 AND id > $2",
     ENTITY_CONTACT, false},
    {drop_contacts, "SELECT count(*) FROM contacts WHERE import_id = $1 AND id > $2",
     ENTITY_CONTACT, false},
    {drop_products, "SELECT count(*) FROM products WHERE import_id = $1 AND id > $2", -1, false},
    {drop_categories, "SELECT count(*) FROM categories WHERE import_id = $1 AND id > $2",
     ENTITY_PRODUCT, true},
    {drop_customers, "SELECT count(*) FROM customers WHERE import_id = $1 AND id > $2", -1, false},
};

int undo_rows(struct job *j, struct tenant *t, const struct import *im, int64_t *ret_removed,
              int64_t *ret_kept, struct err *e)
{
    struct undoing u = {.t = t, .im = im, .a = arena_new(0)};
    struct db_conn *c = NULL;
    int64_t removed = 0, kept = 0, left = 0;
    if (!u.a)
        return err_set(e, ERR_NOMEM, "undo");
    int rc = identity_as_user(t, im->owner_id, &u.pass, e);
    if (rc == 0)
        rc = put_back_updates(&u, &kept, e);
    for (size_t i = 0; rc == 0 && i < sizeof drops / sizeof drops[0]; i++) {
        int64_t now = 0;
        if (drops[i].only_kind >= 0 && drops[i].only_kind != im->kind->entity)
            continue;
        do {
            now = removed;
            rc = chunks(j, &u, drops[i].drop, &removed, e);
        } while (rc == 0 && drops[i].again && removed > now);
        if (rc == 0 && (rc = db_reader(t->db, &c, e)) == 0)
            rc = db_one_i64(c, drops[i].left, DB_ARGS(DB_I64(im->id), DB_I64(before_rows(im))), 0,
                            &left, e);
        db_reader_done(c);
        c = NULL;
        kept += left;
    }
    if (u.pass.held)
        identity_leave(&u.pass);
    arena_free(u.a);
    if (rc == 0) {
        *ret_removed = removed;
        *ret_kept = kept;
    }
    return rc;
}
