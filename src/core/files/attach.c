/* Which record has which file. */
#include "core/files/internal.h"

#include "core/bell/bell.h"
#include "core/history/history.h"

#include <string.h>

#define KEPT_MS (INT64_C(7) * 86400000)
#define COLUMNS "a.id, a.entity, a.record_id, a.hash, a.name, a.size, a.type"

/* --- names -------------------------------------------------------------------------------------
 */

/* The last part of a path, without what could break out of a header or a shell. */
static const char *clean_name(struct str in, struct arena *a, struct str *ret)
{
    enum { MAX_NAME = 200 };
    for (size_t i = in.n; i > 0; i--) {
        if (in.p[i - 1] == '/' || in.p[i - 1] == '\\') {
            in = str_skip(in, i);
            break;
        }
    }
    in = str_trim(in);
    size_t bad = 0;
    if (!str_utf8_ok(in, &bad))
        return "file-name";
    for (size_t i = 0; i < in.n; i++)
        if ((unsigned char)in.p[i] < 32 || in.p[i] == 127)
            return "file-name";
    if (in.n == 0 || in.p[0] == '.')
        return "file-name";
    if (str_utf8_len(in) > MAX_NAME)
        return "too-long";
    *ret = arena_str(a, in);
    return NULL;
}

/* --- history -----------------------------------------------------------------------------------
 */

/* In the history of the record, and to whoever looks at it or follows it. */
static int note_file(struct write *w, const struct record *r, struct str name, bool added,
                     struct err *e)
{
    struct buf out = BUF_INIT(4096);
    struct jw j = jw_new(&out);
    jw_obj(&j);
    jw_key(&j, HISTORY_FILE);
    jw_arr(&j);
    if (added)
        jw_null(&j);
    jw_str(&j, name);
    if (!added)
        jw_null(&j);
    jw_arr_end(&j);
    jw_obj_end(&j);
    int rc = record_note(w, r, added ? "attach" : "detach", buf_str(&out), e);
    buf_free(&out);
    return rc ? rc : bell_touched(w, r, e);
}

/* The record under the right to write it. */
static int writable(struct write *w, const struct entity *en, int64_t id, struct record *ret,
                    struct err *e)
{
    int rc = record_get(w->c, w->who, en, id, false, w->a, ret, e);
    if (rc)
        return rc;
    return record_may(w->who, ret, ACCESS_WRITE)
               ? 0
               : err_set(e, ERR_FORBIDDEN, "files of %s", en->name);
}

/* --- adding ------------------------------------------------------------------------------------
 */

struct attaching {
    struct tenant *t;
    const struct actor *who;
    struct arena *a;
    const struct file_put *f;
    struct str name;
    const struct file_type *type;
    char hash[HASH_TEXT];
    int64_t id;
};

static struct write begin(const struct attaching *x, struct db_conn *c)
{
    return (struct write){.t = x->t, .c = c, .who = x->who, .a = x->a, .now = clock_now_ms()};
}

static int insert(struct db_conn *c, void *arg, struct err *e)
{
    struct attaching *x = arg;
    struct write w = begin(x, c);
    struct record r;
    int rc = writable(&w, x->f->en, x->f->record_id, &r, e);
    x->id = id_next(x->t->ids);
    if (rc == 0)
        rc =
            db_exec(c,
                    "INSERT INTO attachment (id, entity, record_id, hash, name, size, type, by_id, "
                    "at, removed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL)",
                    DB_ARGS(DB_I64(x->id), DB_STR(str_of(x->f->en->name)), DB_I64(x->f->record_id),
                            DB_STR(str_of(x->hash)), DB_STR(x->name), DB_I64(x->f->size),
                            DB_STR(str_of(x->type->mime)), DB_ID(x->who->user_id), DB_I64(w.now)),
                    NULL, e);
    return rc ? rc : note_file(&w, &r, x->name, true, e);
}

/* Asked before the bytes are read, so that nobody's disk is filled by who may not. */
static int may_attach(struct attaching *x, struct err *e)
{
    struct db_conn *c = NULL;
    struct record r;
    int rc = db_reader(x->t->db, &c, e);
    if (rc)
        return rc;
    struct write w = begin(x, c);
    rc = writable(&w, x->f->en, x->f->record_id, &r, e);
    db_reader_done(c);
    return rc;
}

static int check_file(struct attaching *x, struct err *e)
{
    int64_t limit = tenant_company(x->t)->attachment_mb * 1000000;
    const char *code = clean_name(x->f->name, x->a, &x->name);
    if (code) {
        struct err_item *item = err_item(e, STR("/name"), code);
        err_item_param(e, item, "max", STR("200"));
        return err_set(e, ERR_VALIDATION, "name of a file");
    }
    err_param(e, "name", x->name);
    if (x->f->size > limit) {
        err_param_i64(e, "limit", limit / 1000000);
        return err_set(e, ERR_FILE_TOO_LARGE, "%lld bytes", (long long)x->f->size);
    }
    return x->f->size > 0 ? 0 : err_set(e, ERR_FILE_EMPTY, "an empty file");
}

int file_attach(struct tenant *t, const struct actor *who, struct file_put *f, struct arena *a,
                int64_t *ret_id, struct err *e)
{
    struct attaching x = {.t = t, .who = who, .a = a, .f = f};
    struct buf begin_of = BUF_INIT(FILE_BEGIN);
    int rc = may_attach(&x, e);
    if (rc == 0)
        rc = check_file(&x, e);
    if (rc == 0)
        rc = store_read(f->path, x.hash, &begin_of, e);
    if (rc == 0 && !(x.type = file_type_of(buf_str(&begin_of), x.name)))
        rc = err_set(e, ERR_FILE_TYPE, "type of a file");
    if (rc == 0)
        rc = store_put(t, f->path, x.hash, a, e);
    if (rc == 0)
        rc = db_transact(t->db, DB_INTERACTIVE, insert, &x, e);
    buf_free(&begin_of);
    *ret_id = x.id;
    return rc;
}

/* --- reading -----------------------------------------------------------------------------------
 */

int file_find(struct db_conn *c, const struct tenant *t, const struct actor *who, int64_t id,
              bool removed, struct arena *a, struct file_row *ret, struct err *e)
{
    struct db_rows *rows = NULL;
    struct sql q = sql_new(a);
    sql_add(&q, "SELECT " COLUMNS " FROM attachment a WHERE a.id = ");
    sql_arg(&q, DB_I64(id));
    sql_add(&q, removed ? " AND a.removed_at IS NOT NULL" : " AND a.removed_at IS NULL");
    access_any_predicate(who, t->registry, "a.", &q);
    const char *text = sql_text(&q);
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0) {
        *ret = (struct file_row){.id = db_i64(rows, 0),
                                 .en = registry_entity(t->registry, db_str(rows, 1)),
                                 .record_id = db_i64(rows, 2),
                                 .hash = arena_str(a, db_str(rows, 3)),
                                 .name = arena_str(a, db_str(rows, 4)),
                                 .size = db_i64(rows, 5),
                                 .type = file_type_named(db_str(rows, 6))};
        rc = ret->en ? 0 : err_set(e, ERR_NOT_FOUND, "file of no entity");
    } else if (rc == 0) {
        rc = err_set(e, ERR_NOT_FOUND, "file %lld", (long long)id);
    }
    db_rows_done(rows);
    return rc;
}

static void write_row(const struct db_rows *rows, struct jw *w)
{
    jw_obj(w);
    jw_kid(w, "id", db_i64(rows, 0));
    jw_kstr(w, "name", db_str(rows, 4));
    jw_ki64(w, "size", db_i64(rows, 5));
    jw_kstr(w, "type", db_str(rows, 6));
    jw_kbool(w, "shown", file_type_named(db_str(rows, 6))->shown);
    jw_ki64(w, "at", db_i64(rows, 7));
    jw_key(w, "by");
    jw_obj(w);
    jw_kid(w, "id", db_i64(rows, 8));
    jw_kstr(w, "name", db_str(rows, 9));
    jw_obj_end(w);
    jw_obj_end(w);
}

int file_json(struct db_conn *c, int64_t id, struct jw *w, struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(c,
                      "SELECT " COLUMNS ", a.at, a.by_id, u.name FROM attachment a "
                      "LEFT JOIN users u ON u.id = a.by_id WHERE a.id = $1",
                      DB_ARGS(DB_I64(id)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0) {
        write_row(rows, w);
        rc = 0;
    }
    db_rows_done(rows);
    return rc;
}

int file_list(struct db_conn *c, const struct tenant *t, const struct actor *who,
              const struct record *r, struct jw *w, struct err *e)
{
    struct db_rows *rows = NULL;
    int rc =
        db_query(c,
                 "SELECT " COLUMNS ", a.at, a.by_id, u.name FROM attachment a "
                 "LEFT JOIN users u ON u.id = a.by_id "
                 "WHERE a.record_id = $1 AND a.removed_at IS NULL ORDER BY a.id DESC LIMIT 500",
                 DB_ARGS(DB_I64(r->v[FIELD_ID].i)), &rows, e);
    jw_obj(w);
    jw_kbool(w, "may", record_may(who, r, ACCESS_WRITE));
    jw_ki64(w, "limit", tenant_company(t)->attachment_mb * 1000000);
    jw_key(w, "items");
    jw_arr(w);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        write_row(rows, w);
        rc = 0;
    }
    db_rows_done(rows);
    jw_arr_end(w);
    jw_obj_end(w);
    return rc;
}

/* --- removing ----------------------------------------------------------------------------------
 */

int file_remove(struct write *w, int64_t id, bool back, struct err *e)
{
    struct file_row f = {0};
    struct record r;
    int rc = file_find(w->c, w->t, w->who, id, back, w->a, &f, e);
    if (rc || !f.en)
        return rc;
    rc = writable(w, f.en, f.record_id, &r, e);
    if (rc == 0)
        rc = db_exec(w->c, "UPDATE attachment SET removed_at = $1 WHERE id = $2",
                     DB_ARGS(DB_ID(back ? 0 : w->now), DB_I64(id)), NULL, e);
    return rc ? rc : note_file(w, &r, f.name, back, e);
}

static int purge(struct db_conn *c, void *arg, struct err *e)
{
    int64_t *changed = arg;
    return db_exec(c,
                   "DELETE FROM attachment WHERE id IN (SELECT id FROM attachment WHERE "
                   "removed_at < $1 LIMIT 1000)",
                   DB_ARGS(DB_I64(clock_now_ms() - KEPT_MS)), changed, e);
}

static int is_used(void *arg, const char *hash, bool *ret_used, struct err *e)
{
    struct tenant *t = arg;
    struct db_conn *c = NULL;
    int64_t found = 0;
    int rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT 1 FROM attachment WHERE hash = $1 LIMIT 1",
                        DB_ARGS(DB_STR(str_of(hash))), 0, &found, e);
    db_reader_done(c);
    *ret_used = rc || found;
    return rc;
}

int files_sweep(struct tenant *t, struct err *e)
{
    int64_t changed = 1;
    int rc = 0;
    while (rc == 0 && changed)
        rc = db_transact(t->db, DB_BULK, purge, &changed, e);
    return rc ? rc : store_sweep(t, is_used, t, e);
}
