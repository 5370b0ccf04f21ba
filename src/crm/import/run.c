/* The job: reads and validates everything, then looks up (check) or writes (run) customer by
   customer, in chunks. */
#include "crm/import/internal.h"

#define LOG_MODULE "import"
#include "base/clock.h"
#include "base/log.h"

#include "core/search/search.h"
#include "crm/customers/customers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_ROWS = 10000, CHUNK_ARENA = 64 << 20 };
#define CHUNK_US                                                                                   \
    INT64_C(1000000) /* so that a stop or a cancel is heard, however slow the database */

struct counts {
    int64_t created, updated, skipped, rejected, customers;
};

struct runner {
    struct job *j;
    struct tenant *t;
    enum import_mode mode;
    struct import im;
    struct import_plan *p;
    struct import_rows rows;
    struct pass pass;
    const char *map; /* the file */
    size_t map_size;
    char *scratch;
    const char *insert_order, *insert_customer;
    struct counts total;
    size_t at;       /* next row, of rows.rows */
    bool any_orders; /* there were orders before: look numbers up */
};

/* One chunk; may be run again from the start by the database layer. */
struct chunk {
    struct runner *r;
    struct arena *a, *row_arena;
    size_t from, to;
    struct counts counts;
    struct parsed_row *row;
    struct csv_slice fields[MAX_COLUMNS + 1];
    /* the customer at hand */
    uint32_t customer;
    bool known;
    int64_t customer_id, owner_id, department_id;
    bool fresh, foreign; /* created just now; not the importer's to write */
    bool touched;
};

/* --- one row back from the file ------------------------------------------------------------ */

static int reparse(struct chunk *ch, const struct import_row *row, struct csv_record *rec,
                   struct err *e)
{
    struct runner *r = ch->r;
    if (row->byte >= r->map_size)
        return err_set(e, ERR_IO, "the stored file changed");
    size_t left = r->map_size - row->byte;
    ssize_t n = csv_split(r->map + row->byte, left, r->im.format.delimiter, r->scratch, 4 << 20,
                          ch->fields, MAX_COLUMNS + 1);
    if (n < 0)
        return err_set(e, ERR_IO, "record %u: %s", row->number, csv_error_code((int)n));
    *rec = (struct csv_record){.field = ch->fields, .fields = (size_t)n, .number = row->number};
    row_parse(r->p, rec, ch->row_arena, ch->row);
    return 0;
}

/* What only the database knows to be wrong. */
static int reject(struct chunk *ch, struct db_conn *c, const struct import_row *row, int column,
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

static int find_customer(struct chunk *ch, struct db_conn *c, struct str key, struct err *e)
{
    struct known_customer known;
    int rc = import_find_customer(c, ch->r->p->key_field, key, &known, e);
    if (rc)
        return rc;
    ch->customer_id = known.id;
    ch->owner_id = known.owner_id;
    ch->department_id = known.department_id;
    return 0;
}

static void set_system(struct runner *r, const struct entity *en, struct value *v, int64_t id,
                       int64_t now)
{
    const struct actor *who = r->pass.who;
    struct value none = {.null = true}, me = {.null = !who->user_id, .i = who->user_id};
    for (int i = 0; i <= FIELD_IMPORT_ID; i++)
        v[i] = none;
    v[FIELD_ID] = (struct value){.i = id};
    v[FIELD_VERSION] = (struct value){.i = 1};
    v[FIELD_CREATED_AT] = v[FIELD_UPDATED_AT] = (struct value){.i = now};
    v[FIELD_CREATED_BY] = v[FIELD_UPDATED_BY] = me;
    v[FIELD_IMPORT_ID] = (struct value){.i = r->im.id};
    v[FIELD_OWNER_ID] = me;
    v[FIELD_DEPARTMENT_ID] = (struct value){.null = !who->department_id, .i = who->department_id};
    (void)en;
}

static int insert(struct chunk *ch, struct db_conn *c, const struct entity *en, const char *sql,
                  const struct value *v, struct err *e)
{
    struct db_value args[128 * 2];
    if (en->ncolumns > sizeof args / sizeof args[0])
        return err_set(e, ERR_INTERNAL, "%s has too many columns", en->name);
    for (size_t i = 0; i < en->nfields; i++)
        value_bind(&en->fields[i], &v[i], &args[en->fields[i].column]);
    (void)ch;
    return db_exec(c, sql, args, en->ncolumns, NULL, e);
}

/* `v` has what the file says of the customer. */
static int create_customer(struct chunk *ch, struct db_conn *c, struct value *v, struct str key,
                           struct err *e)
{
    struct runner *r = ch->r;
    const struct entity *en = &r->t->registry->entities[ENTITY_CUSTOMER];
    int64_t id = id_next(r->t->ids);
    set_system(r, en, v, id, clock_now_ms());
    if (v[CUSTOMER_NAME].null)
        v[CUSTOMER_NAME] = (struct value){.s = key};
    int rc = insert(ch, c, en, r->insert_customer, v, e);
    if (rc == 0)
        rc = search_put(c, en, v, ch->row_arena, e);
    if (rc)
        return rc;
    ch->customer_id = id;
    ch->owner_id = r->pass.who->user_id;
    ch->department_id = r->pass.who->department_id;
    ch->fresh = true;
    ch->counts.customers++;
    return 0;
}

static int sum_up(struct chunk *ch, struct db_conn *c, struct err *e)
{
    if (!ch->touched)
        return 0;
    ch->touched = false;
    return customers_resum(c, ch->r->t, ch->customer_id, e);
}

/* Takes up the customer of a row; the one before is summed up first. */
static int turn_to_customer(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                            struct err *e)
{
    struct runner *r = ch->r;
    if (ch->known && ch->customer == row->customer)
        return 0;
    int rc = sum_up(ch, c, e);
    if (rc)
        return rc;
    ch->known = true;
    ch->customer = row->customer;
    ch->fresh = ch->foreign = false;
    rc = find_customer(ch, c, ch->row->key, e);
    if (rc || ch->customer_id) {
        ch->foreign =
            ch->customer_id && !access_may(r->pass.who, &r->t->registry->entities[ENTITY_CUSTOMER],
                                           ACCESS_WRITE, ch->owner_id, ch->department_id);
        return rc;
    }
    if (r->mode == IMPORT_CHECK) {
        /* Nothing is written, so a later chunk would take the same customer for new again. */
        bool first = row == r->rows.rows || row[-1].customer != row->customer;
        ch->fresh = true;
        ch->counts.customers += first && r->p->create_customers;
        if (!r->p->create_customers)
            ch->fresh = false;
        return 0;
    }
    return r->p->create_customers ? create_customer(ch, c, ch->row->customer, ch->row->key, e) : 0;
}

/* --- orders -------------------------------------------------------------------------------- */

struct existing {
    int64_t id, customer_id;
};

/* The order this row was written as before: by its number, or by its key. */
static int find_order(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                      struct existing *ret, struct err *e)
{
    struct runner *r = ch->r;
    struct db_rows *rows = NULL;
    const struct value *number = &ch->row->own[ORDER_NUMBER];
    *ret = (struct existing){0};
    /* An order of a customer made just now is new, unless a number of it is already taken. */
    if (!r->any_orders || (number->null && ch->fresh))
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

/* The fields that the file gives and that stand otherwise, as a body for the record pipeline. */
static json_t *differences(struct chunk *ch, const struct record *now)
{
    const struct import_plan *p = ch->r->p;
    json_t *body = json_object();
    for (size_t i = 0; i < p->ncolumns; i++) {
        const struct field *f = p->targets[i].field;
        if (!f || p->targets[i].of_customer || value_equal(f, &ch->row->own[f->id], &now->v[f->id]))
            continue;
        struct buf text = BUF_INIT(1 << 20);
        struct jw w = jw_new(&text);
        value_to_json(f, &ch->row->own[f->id], &w);
        json_object_set_new(body, f->name, json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL));
        buf_free(&text);
    }
    return body;
}

static int update_existing(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                           const struct entity *en, int64_t id, struct err *e)
{
    struct runner *r = ch->r;
    struct record now, after;
    struct err inner;
    err_init(&inner, ch->row_arena);
    int rc = record_get(c, r->pass.who, en, id, false, ch->row_arena, &now, &inner);
    if (rc == ERR_NOT_FOUND)
        return reject(ch, c, row, r->p->key_column, "not-yours", e);
    if (rc)
        return err_set(e, rc, "%s", inner.detail);
    json_t *body = differences(ch, &now);
    bool same = json_object_size(body) == 0;
    /* A check tells what stands otherwise, whatever will be done with it. */
    if (same || r->mode == IMPORT_CHECK || !r->p->update) {
        bool differs = !same && (r->mode == IMPORT_CHECK || r->p->update);
        ch->counts.updated += differs;
        ch->counts.skipped += !differs;
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
    rc = record_update(&w, en, id, body, -1, &after, &inner);
    json_decref(body);
    if (rc == 0) {
        ch->counts.updated++;
        return 0;
    }
    if (rc == ERR_VALIDATION || rc == ERR_DUPLICATE || rc == ERR_FORBIDDEN)
        return reject(ch, c, row, r->p->key_column,
                      inner.items           ? inner.items->code
                      : rc == ERR_FORBIDDEN ? "not-yours"
                                            : "duplicate-value",
                      e);
    return err_set(e, rc, "%s", inner.detail);
}

static int create_order(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                        struct err *e)
{
    struct runner *r = ch->r;
    ch->counts.created++;
    if (r->mode == IMPORT_CHECK)
        return 0;
    struct value *v = ch->row->own;
    set_system(r, r->im.en, v, id_next(r->t->ids), clock_now_ms());
    v[FIELD_OWNER_ID] = (struct value){.null = !ch->owner_id, .i = ch->owner_id};
    v[FIELD_DEPARTMENT_ID] = (struct value){.null = !ch->department_id, .i = ch->department_id};
    v[ORDER_CUSTOMER_ID] = (struct value){.i = ch->customer_id};
    v[ORDER_IMPORT_KEY] = (struct value){.null = row->key == 0, .i = row->key};
    ch->touched = true;
    return insert(ch, c, r->im.en, r->insert_order, v, e);
}

static int one_order(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                     struct err *e)
{
    struct runner *r = ch->r;
    int rc = turn_to_customer(ch, c, row, e);
    if (rc)
        return rc;
    if (ch->foreign)
        return reject(ch, c, row, r->p->key_column, "not-yours", e);
    if (!ch->customer_id && !ch->fresh)
        return reject(ch, c, row, r->p->key_column, "customer-unknown", e);
    struct existing old;
    rc = find_order(ch, c, row, &old, e);
    if (rc)
        return rc;
    if (!old.id)
        return create_order(ch, c, row, e);
    if (old.customer_id != ch->customer_id)
        return reject(ch, c, row, r->p->number_column, "order-of-another-customer", e);
    return update_existing(ch, c, row, r->im.en, old.id, e);
}

static int one_customer(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                        struct err *e)
{
    int rc = find_customer(ch, c, ch->row->key, e);
    if (rc)
        return rc;
    if (ch->customer_id)
        return update_existing(ch, c, row, ch->r->im.en, ch->customer_id, e);
    ch->counts.created++;
    return ch->r->mode == IMPORT_CHECK ? 0 : create_customer(ch, c, ch->row->own, ch->row->key, e);
}

/* --- chunks -------------------------------------------------------------------------------- */

static struct str cursor_text(const struct runner *r, const struct chunk *ch)
{
    const struct counts *t = &r->total, *n = &ch->counts;
    return arena_printf(ch->a,
                        "{\"at\":%zu,\"created\":%lld,\"updated\":%lld,\"skipped\":%lld,"
                        "\"rejected\":%lld,\"customers\":%lld}",
                        ch->to, (long long)(t->created + n->created),
                        (long long)(t->updated + n->updated), (long long)(t->skipped + n->skipped),
                        (long long)(t->rejected + n->rejected),
                        (long long)(t->customers + n->customers));
}

static int run_chunk(struct db_conn *c, void *arg, struct err *e)
{
    struct chunk *ch = arg;
    struct runner *r = ch->r;
    bool orders = r->im.en->id == ENTITY_ORDER;
    int rc = 0;
    arena_reset(ch->a);
    ch->counts = (struct counts){0};
    ch->known = ch->touched = false;
    int64_t began = clock_mono_us();
    size_t end = ch->from + CHUNK_ROWS < r->rows.n ? ch->from + CHUNK_ROWS : r->rows.n;
    for (ch->to = ch->from; rc == 0 && ch->to < end; ch->to++) {
        const struct import_row *row = &r->rows.rows[ch->to];
        struct csv_record rec;
        rc = reparse(ch, row, &rec, e);
        if (rc == 0)
            rc = orders ? one_order(ch, c, row, e) : one_customer(ch, c, row, e);
        arena_reset(ch->row_arena);
        if ((ch->to & 15) == 15 && (db_should_yield(c) || clock_mono_us() - began > CHUNK_US))
            end = ch->to + 1;
    }
    if (rc == 0)
        rc = sum_up(ch, c, e);
    struct job_progress p = {r->mode == IMPORT_CHECK ? "check" : "write", (int64_t)ch->to,
                             (int64_t)r->rows.n,
                             r->rows.rejected + r->total.rejected + ch->counts.rejected};
    return rc ? rc : job_save(r->j, c, &p, cursor_text(r, ch), e);
}

static void add_counts(struct counts *to, const struct counts *n)
{
    to->created += n->created;
    to->updated += n->updated;
    to->skipped += n->skipped;
    to->rejected += n->rejected;
    to->customers += n->customers;
}

static int all_chunks(struct runner *r, struct err *e)
{
    struct arena *a = arena_new(CHUNK_ARENA), *row_arena = arena_new(CHUNK_ARENA);
    struct chunk *ch = arena_new_of(job_arena(r->j), struct chunk);
    int rc = a && row_arena ? 0 : err_set(e, ERR_NOMEM, "import");
    ch->r = r;
    ch->a = a;
    ch->row_arena = row_arena;
    ch->row = row_new(r->p, job_arena(r->j));
    while (rc == 0 && r->at < r->rows.n) {
        ch->from = r->at;
        rc = db_transact(r->t->db, DB_BULK, run_chunk, ch, e);
        if (rc)
            break;
        r->at = ch->to;
        add_counts(&r->total, &ch->counts);
        struct job_progress p = {r->mode == IMPORT_CHECK ? "check" : "write", (int64_t)r->at,
                                 (int64_t)r->rows.n, r->rows.rejected + r->total.rejected};
        rc = job_tick(r->j, &p, e);
    }
    arena_free(row_arena);
    arena_free(a);
    return rc;
}

/* --- begin and end ------------------------------------------------------------------------- */

static int map_file(struct runner *r, struct err *e)
{
    struct str path = import_path(r->t, r->im.id, job_arena(r->j));
    struct stat st;
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_IO, "%s: %s", path.p, strerror(errno));
    }
    r->map_size = (size_t)st.st_size;
    void *map = mmap(NULL, r->map_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return err_set(e, ERR_IO, "%s: %s", path.p, strerror(errno));
    r->map = map;
    r->scratch = malloc(4 << 20);
    return r->scratch ? 0 : err_set(e, ERR_NOMEM, "import");
}

static int clear_errors(struct db_conn *c, void *arg, struct err *e)
{
    struct runner *r = arg;
    return db_exec(c, "DELETE FROM import_error WHERE import_id = $1", DB_ARGS(DB_I64(r->im.id)),
                   NULL, e);
}

static int64_t number_of(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static int open_runner(struct runner *r, struct err *e)
{
    struct job_view view = job_view(r->j);
    struct arena *a = job_arena(r->j);
    struct db_conn *c = NULL;
    int64_t id = 0, any = 0;
    if (!id_parse(json_get_str(view.params, "import_id"), &id))
        return err_set(e, ERR_INTERNAL, "job without import");
    int rc = db_reader(r->t->db, &c, e);
    if (rc == 0)
        rc = import_load(c, r->t, id, a, &r->im, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT 1 FROM orders LIMIT 1", DB_NOARGS, 0, &any, e);
    db_reader_done(c);
    if (rc == 0)
        rc = identity_as_user(r->t, view.owner_id, &r->pass, e);
    if (rc)
        return rc;
    r->any_orders = any != 0;
    r->p = arena_new_of(a, struct import_plan);
    rc = plan_make(r->t, &r->im, a, r->p, e);
    r->insert_order = record_insert_sql(&r->t->registry->entities[ENTITY_ORDER], a);
    r->insert_customer = record_insert_sql(&r->t->registry->entities[ENTITY_CUSTOMER], a);
    if (rc == 0)
        rc = map_file(r, e);
    if (rc == 0 && view.cursor) {
        /* Taken up again: what was committed stays. */
        r->at = (size_t)number_of(view.cursor, "at");
        r->total =
            (struct counts){number_of(view.cursor, "created"), number_of(view.cursor, "updated"),
                            number_of(view.cursor, "skipped"), number_of(view.cursor, "rejected"),
                            number_of(view.cursor, "customers")};
        return 0;
    }
    return rc ? rc : db_transact(r->t->db, DB_BULK, clear_errors, r, e);
}

static void close_runner(struct runner *r)
{
    rows_free(&r->rows);
    if (r->map)
        munmap((void *)r->map, r->map_size);
    free(r->scratch);
    if (r->pass.held)
        identity_leave(&r->pass);
}

static void write_columns(const struct runner *r, struct jw *w)
{
    jw_key(w, "columns");
    jw_arr(w);
    for (size_t i = 0; i < r->p->ncolumns; i++) {
        jw_obj(w);
        jw_ki64(w, "index", (int64_t)i);
        jw_key(w, "field");
        if (r->p->targets[i].name.n)
            jw_str(w, r->p->targets[i].name);
        else
            jw_null(w);
        jw_ki64(w, "rejected", r->rows.columns[i].rejected);
        jw_ki64(w, "changed", r->rows.columns[i].changed);
        jw_key(w, "codes");
        jw_arr(w);
        for (size_t k = 0; k < 8 && r->rows.columns[i].codes[k].code; k++) {
            jw_obj(w);
            jw_kcstr(w, "code", r->rows.columns[i].codes[k].code);
            jw_ki64(w, "count", r->rows.columns[i].codes[k].count);
            jw_obj_end(w);
        }
        jw_arr_end(w);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static struct str check_json(const struct runner *r, struct arena *a)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    bool orders = r->im.en->id == ENTITY_ORDER;
    jw_obj(&w);
    jw_ki64(&w, "rows", r->rows.read);
    jw_ki64(&w, "new", r->total.created);
    jw_ki64(&w, "existing", r->total.skipped + r->total.updated);
    jw_ki64(&w, "changed", r->total.updated);
    jw_ki64(&w, "rejected", r->rows.rejected + r->total.rejected);
    jw_ki64(&w, "new_customers", orders ? r->total.customers : r->total.created);
    write_columns(r, &w);
    jw_obj_end(&w);
    struct str text = arena_str(a, buf_str(&out));
    buf_free(&out);
    return text;
}

struct ending {
    struct runner *r;
    const char *state, *column;
    struct str json;
    bool history;
};

/* Orders that came or went change what customers are worth; the valuation is a job of its own. */
static int ask_for_valuation(struct db_conn *c, struct runner *r, struct err *e)
{
    int64_t job = 0;
    if (r->im.en->id != ENTITY_ORDER)
        return 0;
    return job_submit(c, r->t, "value", r->im.name, STR("{}"), job_view(r->j).owner_id, &job, e);
}

static int store_ending(struct db_conn *c, void *arg, struct err *e)
{
    struct ending *end = arg;
    struct runner *r = end->r;
    bool undone = strcmp(end->state, "undone") == 0;
    int rc = import_set_state(c, r->im.id, end->state, end->column, end->json, e);
    if (rc == 0 && (undone || r->total.created + r->total.updated > 0))
        rc = end->history || undone ? ask_for_valuation(c, r, e) : 0;
    if (rc == 0 && end->history)
        rc = db_exec(c, "UPDATE import SET finished_at = $1 WHERE id = $2",
                     DB_ARGS(DB_I64(clock_now_ms()), DB_I64(r->im.id)), NULL, e);
    if (rc || !end->history)
        return rc;
    struct history_event ev = {.id = id_next(r->t->ids),
                               .at = clock_now_ms(),
                               .actor_id = job_view(r->j).owner_id,
                               .actor_kind = "import",
                               .kind = "import",
                               .entity = "import",
                               .record_id = r->im.id,
                               .title = r->im.name,
                               .changes = end->json,
                               .import_id = r->im.id};
    return history_add(c, &ev, e);
}

static int end_with(struct runner *r, const char *state, const char *column, struct str json,
                    bool history, struct err *e)
{
    struct ending end = {r, state, column, json, history};
    struct err inner;
    err_init(&inner, job_arena(r->j));
    int rc = db_transact(r->t->db, DB_INTERACTIVE, store_ending, &end, &inner);
    if (rc)
        log_error("import %lld: state %s was not stored: %s", (long long)r->im.id, state,
                  inner.detail);
    return rc ? err_set(e, rc, "%s", inner.detail) : 0;
}

static int run_import(struct job *j, enum import_mode mode, struct err *e)
{
    struct runner r = {.j = j, .t = job_tenant(j), .mode = mode};
    struct arena *a = job_arena(j);
    int64_t began = clock_mono_us();
    int rc = open_runner(&r, e);
    if (rc == 0)
        rc = rows_read(j, r.p, &r.rows, e);
    if (rc == 0)
        rc = all_chunks(&r, e);
    double seconds = (double)(clock_mono_us() - began) / 1e6;
    struct err ignored = {.arena = a};
    if (rc == 0 && mode == IMPORT_CHECK) {
        rc = end_with(&r, "checked", "check_result", check_json(&r, a), false, e);
    } else if (rc == 0) {
        struct str json = arena_printf(
            a,
            "{\"created\":%lld,\"updated\":%lld,\"skipped\":%lld,\"rejected\":%lld,"
            "\"customers_created\":%lld,\"rows\":%lld,\"seconds\":%.3f}",
            (long long)r.total.created, (long long)r.total.updated, (long long)r.total.skipped,
            (long long)(r.rows.rejected + r.total.rejected), (long long)r.total.customers,
            (long long)r.rows.read, seconds);
        rc = end_with(&r, "done", "result", json, true, e);
        job_result(j, json);
    } else if (rc == ERR_CANCELLED && mode == IMPORT_RUN) {
        /* Nothing half done: what was written goes. */
        int64_t removed = 0, kept = 0;
        int undone = undo_rows(NULL, r.t, &r.im, &removed, &kept, e);
        rc = undone ? undone : end_with(&r, "cancelled", NULL, STR_NULL, false, e);
        rc = rc ? rc : ERR_CANCELLED;
    } else if (rc != ERR_RETRY && r.im.id) {
        (void)(end_with(&r, rc == ERR_CANCELLED ? "uploaded" : "failed", NULL, STR_NULL, false,
                        &ignored) == 0);
    }
    close_runner(&r);
    return rc;
}

static int job_check(struct job *j, struct err *e)
{
    return run_import(j, IMPORT_CHECK, e);
}

static int job_run(struct job *j, struct err *e)
{
    return run_import(j, IMPORT_RUN, e);
}

static int job_undo(struct job *j, struct err *e)
{
    struct runner r = {.j = j, .t = job_tenant(j)};
    struct db_conn *c = NULL;
    int64_t id = 0, removed = 0, kept = 0;
    if (!id_parse(json_get_str(job_view(j).params, "import_id"), &id))
        return err_set(e, ERR_INTERNAL, "job without import");
    int rc = db_reader(r.t->db, &c, e);
    if (rc == 0)
        rc = import_load(c, r.t, id, job_arena(j), &r.im, e);
    db_reader_done(c);
    if (rc == 0)
        rc = undo_rows(j, r.t, &r.im, &removed, &kept, e);
    if (rc)
        return rc;
    struct str json = arena_printf(job_arena(j), "{\"removed\":%lld,\"kept\":%lld}",
                                   (long long)removed, (long long)kept);
    job_result(j, json);
    return end_with(&r, "undone", "undo_result", json, false, e);
}

const struct job_kind import_jobs[] = {
    {"import", job_run}, {"import-check", job_check}, {"import-undo", job_undo}, {NULL, NULL}};
