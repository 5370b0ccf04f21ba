/* The job: reads and validates everything, then looks up (check) or writes (run) row by row, in
   chunks, then sums up the customers that got orders. */
#include "crm/import/run.h"

#define LOG_MODULE "import"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_ARENA = 64 << 20 };

static void add_counts(struct counts *to, const struct counts *n)
{
    to->created += n->created;
    to->updated += n->updated;
    to->skipped += n->skipped;
    to->rejected += n->rejected;
    to->customers += n->customers;
}

/* Chunk after chunk until `*at` reaches n. */
static int chunks(struct runner *r, struct chunk *ch,
                  int (*run)(struct db_conn *c, void *arg, struct err *e), const char *phase,
                  size_t *at, size_t n, struct err *e)
{
    bool again = false;
    int rc = 0;
    while (rc == 0 && *at < n) {
        ch->from = *at;
        rc = db_transact(r->t->db, DB_BULK, run, ch, e);
        if (rc == ERR_CONSTRAINT && !again) {
            /* A customer went for good since it was looked up (the undo of another import), or
               somebody took an order number meanwhile. */
            again = r->any_orders = true;
            runner_forget(r);
            err_clear(e);
            rc = 0;
            continue;
        }
        if (rc)
            break;
        again = false;
        *at = ch->to;
        ch->nseen = 0; /* committed: what it looked up holds */
        r->events = ch->events;
        add_counts(&r->total, &ch->counts);
        struct job_progress p = {phase, (int64_t)*at, (int64_t)n,
                                 r->rows.rejected + r->total.rejected};
        rc = job_tick(r->j, &p, e);
    }
    return rc;
}

static int all_sums(struct runner *r, struct chunk *ch, struct err *e)
{
    if (!r->im.kind->orders || r->mode == IMPORT_CHECK)
        return 0;
    return chunks(r, ch, chunk_sums, "sum", &r->summed, intern_count(r->rows.customers), e);
}

static int all_chunks(struct runner *r, struct err *e)
{
    struct arena *a = arena_new(CHUNK_ARENA), *row_arena = arena_new(CHUNK_ARENA);
    struct chunk *ch = arena_new_of(job_arena(r->j), struct chunk);
    r->customers = calloc(intern_count(r->rows.customers) + 1, sizeof *r->customers);
    int rc = a && row_arena && r->customers ? 0 : err_set(e, ERR_NOMEM, "import");
    ch->r = r;
    ch->a = a;
    ch->row_arena = row_arena;
    ch->events = r->events;
    ch->row = row_new(r->p, job_arena(r->j));
    if (rc == 0) {
        rc = chunks(r, ch, chunk_rows, r->mode == IMPORT_CHECK ? "check" : "write", &r->at,
                    r->rows.n, e);
        if (rc == 0) {
            rc = all_sums(r, ch, e);
        } else if (rc != ERR_CANCELLED && !job_comes_back(r->j, rc)) {
            /* It fails, but what was written stays, and its sums shall be right. */
            struct err inner = {.arena = job_arena(r->j)};
            if (all_sums(r, ch, &inner) != 0)
                log_error("import %lld: sums were not made: %s", (long long)r->im.id, inner.detail);
        }
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
    r->epoch = 1;
    r->events = id_last(r->t->ids);
    r->p = arena_new_of(a, struct import_plan);
    rc = plan_make(r->t, &r->im, a, r->p, e);
    if (rc == 0)
        rc = map_file(r, e);
    if (rc == 0 && r->mode == IMPORT_RUN && json_object_get(view.cursor, "summed")) {
        /* Taken up again: what was committed stays. A check begins anew, and so does what an older
           program had begun in another order; orders that stand already are known again. */
        r->at = (size_t)number_of(view.cursor, "at");
        r->summed = (size_t)number_of(view.cursor, "summed");
        r->resumed = true;
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
    free(r->customers);
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

/* A check makes no customers; those it would make are remembered as fresh. */
static int64_t would_make(const struct runner *r)
{
    int64_t n = 0;
    for (size_t i = 0; i < intern_count(r->rows.customers); i++)
        n += r->customers[i].fresh;
    return n;
}

static struct str check_json(const struct runner *r, struct arena *a)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    const struct import_kind *kind = r->im.kind;
    jw_obj(&w);
    jw_ki64(&w, "rows", r->rows.read);
    jw_ki64(&w, "new", r->total.created);
    jw_ki64(&w, "existing", r->total.skipped + r->total.updated);
    jw_ki64(&w, "changed", r->total.updated);
    jw_ki64(&w, "rejected", r->rows.rejected + r->total.rejected);
    jw_ki64(&w, "new_customers",
            kind->by_customer                 ? would_make(r)
            : kind->entity == ENTITY_CUSTOMER ? r->total.created
                                              : 0);
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
    if (!r->im.kind->orders)
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
    if (rc == 0 && end->history)
        rc = memory_keep(c, &r->im, e->arena, e);
    if (rc || !end->history)
        return rc;
    /* The job is remembered by its rows, not by the customers it summed up last. */
    struct job_progress p = {"write", (int64_t)r->rows.n, (int64_t)r->rows.n,
                             r->rows.rejected + r->total.rejected};
    rc = job_save(r->j, c, &p, STR("{}"), e);
    if (rc)
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
    } else if (r.im.id && !job_comes_back(j, rc)) {
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

const struct job_kind import_jobs[] = {{"import", job_run, false},
                                       {"import-check", job_check, true},
                                       {"import-undo", job_undo, false},
                                       {.name = NULL}};
