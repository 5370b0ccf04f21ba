/* One chunk of an import: rows looked up (check) or written (run), or customers summed up. What a
   customer's orders come to is made once for each customer, when all rows are there. */
#include "crm/import/run.h"

#include "base/clock.h"
#include "crm/customers/customers.h"
#include "crm/orders/orders.h"

#include <string.h>

/* --- one row back from the file ------------------------------------------------------------ */

int chunk_reparse(struct chunk *ch, const struct import_row *row, struct err *e)
{
    struct runner *r = ch->r;
    if (row->byte >= r->map_size)
        return err_set(e, ERR_IO, "the stored file changed");
    size_t left = r->map_size - row->byte;
    ssize_t n = csv_split(r->map + row->byte, left, r->im.format.delimiter, r->scratch, 4 << 20,
                          ch->fields, MAX_COLUMNS + 1);
    if (n < 0)
        return err_set(e, ERR_IO, "record %u: %s", row->number, csv_error_code((int)n));
    ch->rec = (struct csv_record){.field = ch->fields, .fields = (size_t)n, .number = row->number};
    row_parse(r->p, &ch->rec, ch->row_arena, ch->row);
    return 0;
}

/* What only the database knows to be wrong. */
int chunk_reject(struct chunk *ch, struct db_conn *c, const struct import_row *row, int column,
                 const char *code, struct err *e)
{
    ch->counts.rejected++;
    return db_exec(
        c,
        "INSERT INTO import_error (import_id, row_no, column_no, code) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (import_id, row_no) DO NOTHING",
        DB_ARGS(DB_I64(ch->r->im.id), DB_I64(row->number), DB_I64(column), DB_STR(str_of(code))),
        NULL, e);
}

/* --- customers ----------------------------------------------------------------------------- */

static int find_customer(struct runner *r, struct db_conn *c, struct str key,
                         struct customer_state *ret, struct err *e)
{
    ret->fresh = ret->foreign = false;
    return import_find_customer(c, r->p->key_field, key, &ret->is, e);
}

static struct str key_of(const struct runner *r, size_t customer)
{
    struct csv_slice s = intern_text(r->rows.customers, (uint32_t)customer);
    return str_from(s.ptr, s.len);
}

/* The customers of the next rows, with one question for many of them: asked one by one, each waits
   for PostgreSQL, and so does what was put before. */
static int look_ahead(struct chunk *ch, struct db_conn *c, size_t end, struct err *e)
{
    struct runner *r = ch->r;
    struct str keys[LOOK_AHEAD] = {{0}};
    struct known_customer found[LOOK_AHEAD];
    uint32_t which[LOOK_AHEAD];
    size_t n = 0;
    for (size_t at = ch->to; at < end && n < LOOK_AHEAD; at++) {
        uint32_t customer = r->rows.rows[at].customer;
        if (r->customers[customer].looked == r->epoch)
            continue;
        r->customers[customer].looked = r->epoch;
        ch->seen[ch->nseen++] = customer;
        which[n] = customer;
        keys[n++] = key_of(r, customer);
    }
    int rc = import_find_customers(c, keys, n, found, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct customer_state *k = &r->customers[which[i]];
        k->is = found[i];
        k->fresh = k->foreign = false;
    }
    return rc;
}

/* `v` has what the file says of the customer. */
static int create_customer(struct chunk *ch, struct db_conn *c, struct value *v, struct str key,
                           struct customer_state *k, struct err *e)
{
    struct runner *r = ch->r;
    const struct entity *en = &r->t->registry->entities[ENTITY_CUSTOMER];
    int64_t id = id_next(r->t->ids);
    record_stamp(en, v, id, r->pass.who, clock_now_ms(), r->im.id);
    if (v[CUSTOMER_NAME].null)
        v[CUSTOMER_NAME] = (struct value){.s = key};
    int rc = record_insert(c, en, v, ch->row_arena, e);
    if (rc)
        return rc;
    k->is.id = id;
    k->is.owner_id = r->pass.who->user_id;
    k->is.department_id = r->pass.who->department_id;
    k->fresh = true;
    ch->counts.customers++;
    return 0;
}

/* The customer of a row; made, if it is new and new ones are wanted. */
int chunk_customer(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                   struct customer_state **ret, struct err *e)
{
    struct runner *r = ch->r;
    struct customer_state *k = *ret = &r->customers[row->customer];
    if (k->epoch == r->epoch)
        return 0;
    ch->seen[ch->nseen++] = row->customer;
    int rc = k->looked == r->epoch ? 0 : find_customer(r, c, ch->row->key, k, e);
    if (rc)
        return rc;
    k->looked = k->epoch = r->epoch;
    if (k->is.id) {
        k->foreign = !access_may(r->pass.who, &r->t->registry->entities[ENTITY_CUSTOMER],
                                 ACCESS_WRITE, k->is.owner_id, k->is.department_id);
        return 0;
    }
    if (!r->p->create_customers)
        return 0;
    if (r->mode == IMPORT_CHECK) {
        k->fresh = true;
        return 0;
    }
    return create_customer(ch, c, ch->row->v[SIDE_CUSTOMER], ch->row->key, k, e);
}

const char *chunk_refusal(const struct customer_state *k)
{
    return k->foreign ? "not-yours" : !k->is.id && !k->fresh ? "customer-unknown" : NULL;
}

/* What is remembered of customers holds until somebody deletes or makes one, or changes whose it is
   or what it is found by. On PostgreSQL ids are drawn some time before they are committed, hence
   the overlap. */
static int notice_changes(struct chunk *ch, struct db_conn *c, struct err *e)
{
    int64_t overlap = db_kind(db_of(c)) == DB_SQLITE ? 0 : INT64_C(10000) << 22;
    struct runner *r = ch->r;
    int64_t changed = 0;
    ch->events = id_last(r->t->ids) - overlap;
    struct str key = arena_printf(ch->a, "%%\"%s\"%%", r->p->key_field->name);
    int rc = db_one_i64(c,
                        "SELECT 1 FROM history WHERE id > $1 AND entity = 'customer' AND "
                        "(import_id IS NULL OR import_id <> $2) AND (kind <> 'update' OR "
                        "CAST(changes AS text) LIKE '%\"owner_id\"%' OR "
                        "CAST(changes AS text) LIKE '%\"department_id\"%' OR "
                        "CAST(changes AS text) LIKE $3) LIMIT 1",
                        DB_ARGS(DB_I64(r->events), DB_I64(r->im.id), DB_STR(key)), 0, &changed, e);
    if (rc == 0 && changed)
        runner_forget(r);
    return rc;
}

/* --- orders -------------------------------------------------------------------------------- */

/* The order this row was written as before: by its number, or by its key. */
int chunk_find_order(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                     const struct value *number, const struct customer_state *k,
                     struct existing *ret, struct err *e)
{
    struct runner *r = ch->r;
    struct db_rows *rows = NULL;
    *ret = (struct existing){0};
    /* An order of a customer made just now is new, unless a number of it is already taken. */
    if (!r->any_orders || (number->null && k->fresh))
        return 0;
    int rc = number->null ? db_query(c,
                                     "SELECT id, customer_id FROM orders WHERE import_key = $1 AND "
                                     "deleted_at IS NULL",
                                     DB_ARGS(DB_I64(row->key)), &rows, e)
                          : db_query(c,
                                     "SELECT id, customer_id FROM orders WHERE number = $1 AND "
                                     "deleted_at IS NULL",
                                     DB_ARGS(DB_STR(number->s)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0)
        *ret = (struct existing){db_i64(rows, 0), db_i64(rows, 1)};
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static void differ(const struct chunk *ch, const struct record *now, const struct field *f,
                   json_t *body)
{
    const struct value *v = &ch->row->v[SIDE_OWN][f->id];
    struct buf text = BUF_INIT(1 << 20);
    struct jw w = jw_new(&text);
    if (!value_equal(f, v, &now->v[f->id])) {
        value_to_json(f, v, &w);
        json_object_set_new(body, f->name, json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL));
    }
    buf_free(&text);
}

/* The fields that the file gives and that stand otherwise, as a body for the record pipeline. */
static json_t *differences(struct chunk *ch, const struct record *now, const int *also)
{
    const struct import_plan *p = ch->r->p;
    json_t *body = json_object();
    for (size_t i = 0; i < p->ncolumns; i++) {
        const struct field *f = p->targets[i].field;
        if (cell_blank(cell_of(&ch->rec, i))) /* says nothing, and takes nothing away */
            continue;
        if (f && f->read_only) /* a path of categories stands for the link it was followed to */
            f = &now->en->fields[PRODUCT_CATEGORY_ID];
        if (f && p->targets[i].side == SIDE_OWN)
            differ(ch, now, f, body);
    }
    for (; also && *also >= 0; also++)
        if (!ch->row->v[SIDE_OWN][*also].null)
            differ(ch, now, &now->en->fields[*also], body);
    return body;
}

static int reject_all(struct chunk *ch, struct db_conn *c, const struct import_row *rows, size_t n,
                      const char *code, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = chunk_reject(ch, c, &rows[i], ch->r->p->key_column, code, e);
    return rc;
}

int chunk_change(struct chunk *ch, struct db_conn *c, const struct import_row *rows, size_t n,
                 const struct entity *en, int64_t id, json_t *body, struct err *e)
{
    struct runner *r = ch->r;
    struct record after;
    struct err inner;
    err_init(&inner, ch->row_arena);
    bool same = json_object_size(body) == 0;
    /* A check tells what stands otherwise, whatever will be done with it. */
    if (same || r->mode == IMPORT_CHECK || !r->p->update) {
        bool differs = !same && (r->mode == IMPORT_CHECK || r->p->update);
        *(differs ? &ch->counts.updated : &ch->counts.skipped) += (int64_t)n;
        json_decref(body);
        return 0;
    }
    struct write w = {.t = r->t,
                      .c = c,
                      .who = r->pass.who,
                      .a = ch->row_arena,
                      .keep = ch->a,
                      .now = clock_now_ms(),
                      .import_id = r->im.id};
    int rc = record_update(&w, en, id, body, -1, &after, &inner);
    json_decref(body);
    if (rc == 0) {
        ch->counts.updated += (int64_t)n;
        return 0;
    }
    if (rc == ERR_VALIDATION || rc == ERR_DUPLICATE || rc == ERR_FORBIDDEN)
        return reject_all(ch, c, rows, n,
                          inner.items           ? inner.items->code
                          : rc == ERR_FORBIDDEN ? "not-yours"
                                                : "duplicate-value",
                          e);
    return err_set(e, rc, "%s", inner.detail);
}

int chunk_now(struct chunk *ch, struct db_conn *c, const struct import_row *row,
              const struct entity *en, int64_t id, struct record *ret, bool *ret_yours,
              struct err *e)
{
    struct runner *r = ch->r;
    struct err inner;
    err_init(&inner, ch->row_arena);
    int rc = record_get(c, r->pass.who, en, id, false, ch->row_arena, ret, &inner);
    *ret_yours = rc == 0;
    if (rc == ERR_NOT_FOUND)
        return chunk_reject(ch, c, row, r->p->key_column, "not-yours", e);
    return rc ? err_set(e, rc, "%s", inner.detail) : 0;
}

int chunk_update(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                 const struct entity *en, int64_t id, const int *also, struct err *e)
{
    struct record now;
    bool yours;
    int rc = chunk_now(ch, c, row, en, id, &now, &yours, e);
    if (rc || !yours)
        return rc;
    return chunk_change(ch, c, row, 1, en, id, differences(ch, &now, also), e);
}

static int create_order(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                        struct customer_state *k, struct err *e)
{
    struct runner *r = ch->r;
    struct value *v = ch->row->v[SIDE_OWN];
    const char *field;
    if (order_convert(v, &ch->rates, &field))
        return chunk_reject(ch, c, row, r->p->amount_column, "out-of-range", e);
    ch->counts.created++;
    if (r->mode == IMPORT_CHECK)
        return 0;
    record_stamp(r->im.en, v, id_next(r->t->ids), r->pass.who, clock_now_ms(), r->im.id);
    v[FIELD_OWNER_ID] = (struct value){.null = !k->is.owner_id, .i = k->is.owner_id};
    v[FIELD_DEPARTMENT_ID] = (struct value){.null = !k->is.department_id, .i = k->is.department_id};
    v[ORDER_CUSTOMER_ID] = (struct value){.i = k->is.id};
    v[ORDER_IMPORT_KEY] = (struct value){.null = row->key == 0, .i = row->key};
    order_settle(v);
    k->touched = true;
    return record_insert(c, r->im.en, v, ch->row_arena, e);
}

int write_order(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e)
{
    struct runner *r = ch->r;
    const struct import_row *row = &r->rows.rows[at];
    struct customer_state *k;
    *ret_rows = 1;
    int rc = chunk_reparse(ch, row, e);
    if (rc == 0)
        rc = chunk_customer(ch, c, row, &k, e);
    if (rc)
        return rc;
    if (chunk_refusal(k))
        return chunk_reject(ch, c, row, r->p->key_column, chunk_refusal(k), e);
    struct existing old;
    rc = chunk_find_order(ch, c, row, &ch->row->v[SIDE_OWN][ORDER_NUMBER], k, &old, e);
    if (rc)
        return rc;
    if (!old.id)
        return create_order(ch, c, row, k, e);
    if (old.customer_id != k->is.id)
        return chunk_reject(ch, c, row, r->p->number_column, "order-of-another-customer", e);
    return chunk_update(ch, c, row, r->im.en, old.id, NULL, e);
}

int write_customer(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e)
{
    const struct import_row *row = &ch->r->rows.rows[at];
    struct customer_state k;
    *ret_rows = 1;
    int rc = chunk_reparse(ch, row, e);
    if (rc == 0)
        rc = find_customer(ch->r, c, ch->row->key, &k, e);
    if (rc)
        return rc;
    if (k.is.id)
        return chunk_update(ch, c, row, ch->r->im.en, k.is.id, NULL, e);
    ch->counts.created++;
    if (ch->r->mode == IMPORT_CHECK)
        return 0;
    return create_customer(ch, c, ch->row->v[SIDE_OWN], ch->row->key, &k, e);
}

/* --- chunks -------------------------------------------------------------------------------- */

/* A chunk ends when somebody waits, and after a second, so that a stop or a cancel is heard however
   slow the database is. */
static bool chunk_is_over(const struct chunk *ch, const struct db_conn *c)
{
    return db_should_yield(c) || clock_mono_us() - ch->began_us > 1000000;
}

void runner_forget(struct runner *r)
{
    r->epoch++;
}

static struct str cursor_text(const struct runner *r, const struct chunk *ch, size_t at,
                              size_t summed)
{
    const struct counts *t = &r->total, *n = &ch->counts;
    return arena_printf(ch->a,
                        "{\"at\":%zu,\"summed\":%zu,\"created\":%lld,\"updated\":%lld,"
                        "\"skipped\":%lld,\"rejected\":%lld,\"customers\":%lld}",
                        at, summed, (long long)(t->created + n->created),
                        (long long)(t->updated + n->updated), (long long)(t->skipped + n->skipped),
                        (long long)(t->rejected + n->rejected),
                        (long long)(t->customers + n->customers));
}

/* What a run that was taken back had looked up, or made, is forgotten. */
static void begin(struct chunk *ch)
{
    for (size_t i = 0; i < ch->nseen; i++)
        ch->r->customers[ch->seen[i]].looked = ch->r->customers[ch->seen[i]].epoch = 0;
    ch->nseen = 0;
    ch->began_us = clock_mono_us();
    ch->counts = (struct counts){0};
    arena_reset(ch->a);
}

int chunk_rows(struct db_conn *c, void *arg, struct err *e)
{
    struct chunk *ch = arg;
    struct runner *r = ch->r;
    const struct import_kind *kind = r->im.kind;
    begin(ch);
    int rc = kind->by_customer ? notice_changes(ch, c, e) : 0;
    if (rc == 0 && kind->orders)
        rc = tenant_rates(r->t, c, ch->a, &ch->rates, e);
    size_t end = ch->from + CHUNK_ROWS < r->rows.n ? ch->from + CHUNK_ROWS : r->rows.n;
    size_t rows = 0, asked = 0;
    bool ahead = kind->by_customer && r->p->key_field->id == CUSTOMER_EXT_ID;
    for (ch->to = ch->from; rc == 0 && ch->to < end; ch->to += rows) {
        if (ahead && r->customers[r->rows.rows[ch->to].customer].looked != r->epoch)
            rc = look_ahead(ch, c, end, e);
        if (rc == 0)
            rc = kind->write(ch, c, ch->to, &rows, e);
        arena_reset(ch->row_arena);
        if ((ch->to + rows) / 16 != asked && chunk_is_over(ch, c))
            end = ch->to + rows;
        asked = (ch->to + rows) / 16;
    }
    struct job_progress p = {r->mode == IMPORT_CHECK ? "check" : "write", (int64_t)ch->to,
                             (int64_t)r->rows.n,
                             r->rows.rejected + r->total.rejected + ch->counts.rejected};
    return rc ? rc : job_save(r->j, c, &p, cursor_text(r, ch, ch->to, 0), e);
}

int chunk_sums(struct db_conn *c, void *arg, struct err *e)
{
    struct chunk *ch = arg;
    struct runner *r = ch->r;
    size_t n = intern_count(r->rows.customers), done = 0;
    int rc = 0;
    begin(ch);
    for (ch->to = ch->from; rc == 0 && ch->to < n && done < CHUNK_ROWS; ch->to++) {
        struct customer_state *k = &r->customers[ch->to];
        if (!k->touched && !r->resumed)
            continue;
        if (k->epoch == 0)
            rc = find_customer(r, c, key_of(r, ch->to), k, e);
        if (rc == 0 && k->is.id)
            rc = customers_resum(c, r->t, k->is.id, e);
        if ((++done & 15) == 15 && chunk_is_over(ch, c))
            done = CHUNK_ROWS;
    }
    struct job_progress p = {"sum", (int64_t)ch->to, (int64_t)n,
                             r->rows.rejected + r->total.rejected};
    return rc ? rc : job_save(r->j, c, &p, cursor_text(r, ch, r->at, ch->to), e);
}
