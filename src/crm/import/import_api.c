#include "crm/import/internal.h"

#include "io/table_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An import is its owner's and the administrator's. */
static int may_see(struct api_call *c, struct db_conn *conn)
{
    int64_t owner = 0;
    int rc = db_one_i64(conn, "SELECT owner_id FROM import WHERE id = $1", DB_ARGS(DB_I64(c->id)),
                        0, &owner, &c->err);
    if (rc == 0 && owner != c->who->user_id && !c->who->is_admin)
        rc = err_set(&c->err, ERR_NOT_FOUND, "import of somebody else");
    return rc;
}

/* What the rows are to become, and whether the caller may make such records. */
static int read_entity(struct api_call *c, struct str name, const struct entity **ret)
{
    const struct entity *en = registry_entity(c->t->registry, name);
    if (!en || !import_kind_of(en))
        return api_bad_param(c, "entity");
    if (!c->who->is_admin && !c->who->on[en->id].create)
        return err_set(&c->err, ERR_FORBIDDEN, "import %s", en->name);
    *ret = en;
    return 0;
}

static int upload(struct api_call *c, struct jw *w)
{
    struct str name = http_param(c->req, "name"), entity = http_param(c->req, "entity");
    const struct entity *en = NULL;
    int64_t id = 0;
    int rc = read_entity(c, entity.n ? entity : STR("order"), &en);
    if (rc)
        return rc;
    rc = import_take(c->t, c->req->file, en, name.n ? name : STR("upload.csv"), c->who->user_id,
                     c->a, &id, &c->err);
    struct db_conn *conn = NULL;
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = import_show(conn, c->t, id, c->a, w, &c->err);
    db_reader_done(conn);
    c->status = 201;
    c->location = arena_printf(c->a, "/api/v1/imports/%lld", (long long)id);
    return rc;
}

static int list(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    int64_t limit = 20, ids[100];
    size_t n = 0;
    struct db_rows *rows = NULL;
    int rc = api_param_i64(c, "limit", 20, 1, 100, &limit);
    if (rc == 0)
        rc = db_query(conn,
                      "SELECT id FROM import WHERE $1 = 1 OR owner_id = $2 "
                      "ORDER BY created_at DESC, id DESC LIMIT $3",
                      DB_ARGS(DB_I64(c->who->is_admin), DB_I64(c->who->user_id), DB_I64(limit)),
                      &rows, &c->err);
    while (rc == 0 && n < 100 && (rc = db_step(rows, &c->err)) > 0) {
        ids[n++] = db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = import_show(conn, c->t, ids[i], c->a, w, &c->err);
    jw_arr_end(w);
    jw_obj_end(w);
    return rc;
}

static int get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    int rc = may_see(c, conn);
    return rc ? rc : import_show(conn, c->t, c->id, c->a, w, &c->err);
}

static int patch(struct api_call *c, struct write *wr, struct jw *w)
{
    int rc = may_see(c, wr->c);
    if (rc == 0)
        rc = import_set(wr->c, c->t, c->id, c->body, c->a, &c->err);
    return rc ? rc : import_show(wr->c, c->t, c->id, c->a, w, &c->err);
}

static int reread(struct api_call *c, struct jw *w)
{
    struct db_conn *conn = NULL;
    const struct entity *en = NULL;
    int rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = may_see(c, conn);
    db_reader_done(conn);
    if (rc == 0 && json_object_get(c->body, "entity"))
        rc = read_entity(c, json_get_str(c->body, "entity"), &en);
    if (rc == 0)
        rc = import_reread(c->t, c->id, en, c->body, c->a, &c->err);
    conn = NULL;
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = import_show(conn, c->t, c->id, c->a, w, &c->err);
    db_reader_done(conn);
    return rc;
}

static int forget(struct api_call *c, struct write *wr, struct jw *w)
{
    struct import im;
    (void)w;
    c->status = 204;
    c->no_body = true;
    int rc = may_see(c, wr->c);
    if (rc == 0)
        rc = import_load(wr->c, c->t, c->id, c->a, &im, &c->err);
    return rc ? rc : memory_forget(wr->c, &im, c->a, &c->err);
}

static int check(struct api_call *c, struct write *wr, struct jw *w)
{
    int64_t job = 0;
    int rc = may_see(c, wr->c);
    if (rc == 0)
        rc = import_start(wr->c, c->t, c->id, IMPORT_CHECK, c->who->user_id, c->a, &job, &c->err);
    return api_job_started(c, rc, job, w);
}

static int run(struct api_call *c, struct write *wr, struct jw *w)
{
    int64_t job = 0;
    int rc = may_see(c, wr->c);
    if (rc == 0)
        rc = import_start(wr->c, c->t, c->id, IMPORT_RUN, c->who->user_id, c->a, &job, &c->err);
    return api_job_started(c, rc, job, w);
}

static int undo(struct api_call *c, struct write *wr, struct jw *w)
{
    int64_t job = 0;
    int rc = may_see(c, wr->c);
    if (rc == 0)
        rc = import_start_undo(wr->c, c->t, c->id, c->who->user_id, c->a, &job, &c->err);
    return api_job_started(c, rc, job, w);
}

/* --- preview and rejected rows: the file read again ---------------------------------------- */

struct walk {
    struct tenant *t;
    struct import im;
    struct import_plan *p;
    struct csv_reader *reader;
    struct parsed_row *row;
    struct arena *a, *scratch;
    int fd;
};

static int walk_open(struct walk *k, struct tenant *t, int64_t id, struct arena *a, struct err *e)
{
    struct db_conn *c = NULL;
    struct csv_record header;
    *k = (struct walk){.t = t, .a = a, .fd = -1, .scratch = arena_new(0)};
    int rc = k->scratch ? db_reader(t->db, &c, e) : ERR_NOMEM;
    if (rc == 0)
        rc = import_load(c, t, id, a, &k->im, e);
    db_reader_done(c);
    if (rc)
        return rc;
    struct err incomplete = {.arena = a};
    k->p = arena_new_of(a, struct import_plan);
    /* A preview is wanted before the mapping is complete. */
    if (plan_make(t, &k->im, a, k->p, &incomplete) != 0 && k->p->key_column < 0) {
        k->p->key_column = 0;
        k->p->key_field = NULL; /* nobody knows who the customers are */
    }
    k->row = row_new(k->p, a);
    struct str path = import_path(t, id, a);
    k->fd = open(path.p, O_RDONLY | O_CLOEXEC);
    struct csv_options o = {.delimiter = k->im.format.delimiter, .encoding = CSV_UTF8};
    if (k->fd < 0 || csv_new_fd(k->fd, &o, &k->reader) != 0 || csv_next(k->reader, &header) <= 0)
        return err_set(e, ERR_IO, "%s: %s", path.p, strerror(errno));
    return 0;
}

static void walk_close(struct walk *k)
{
    csv_free(k->reader);
    if (k->fd >= 0)
        close(k->fd);
    arena_free(k->scratch);
}

static bool walk_next(struct walk *k, struct csv_record *rec)
{
    arena_reset(k->scratch);
    if (csv_next(k->reader, rec) <= 0)
        return false;
    row_parse(k->p, rec, k->scratch, k->row);
    return true;
}

static const char *bad_code(const struct parsed_row *row, int column)
{
    for (size_t i = 0; i < row->nbad; i++)
        if (row->bad[i].column == column)
            return row->bad[i].code;
    return NULL;
}

static void write_cell(struct api_call *c, struct walk *k, const struct csv_record *rec, size_t i,
                       struct jw *w)
{
    const struct target *t = &k->p->targets[i];
    const char *code = bad_code(k->row, (int)i);
    jw_obj(w);
    jw_kstr(w, "raw", cell_of(rec, i));
    jw_key(w, "value");
    if (t->field && !code) {
        value_to_json(t->field, &k->row->v[t->side][t->field->id], w);
    } else {
        jw_null(w);
    }
    jw_kcstr(w, "code", code);
    jw_key(w, "message");
    if (code)
        jw_str(w, message_text(c->t->messages, c->lang, code, NULL, 0, c->a));
    else
        jw_null(w);
    jw_kbool(w, "changed", k->row->changed[i] && !code);
    jw_obj_end(w);
}

/* Would the row be written, and a customer made for it? */
static int makes_customer(struct db_conn *conn, const struct walk *k, bool *ret, struct err *e)
{
    struct known_customer known;
    bool may =
        k->im.en->id == ENTITY_CUSTOMER || (k->im.kind->by_customer && k->p->create_customers);
    *ret = false;
    if (!may || k->row->nbad || !k->p->key_field || k->row->key.n == 0)
        return 0;
    int rc = import_find_customer(conn, k->p->key_field, k->row->key, &known, e);
    *ret = rc == 0 && known.id == 0;
    return rc;
}

static int write_row(struct api_call *c, struct db_conn *conn, struct walk *k,
                     const struct csv_record *rec, struct jw *w)
{
    bool fresh;
    int rc = makes_customer(conn, k, &fresh, &c->err);
    jw_obj(w);
    jw_ki64(w, "row", (int64_t)rec->number);
    jw_key(w, "cells");
    jw_arr(w);
    for (size_t i = 0; i < k->p->ncolumns; i++)
        write_cell(c, k, rec, i, w);
    jw_arr_end(w);
    jw_kbool(w, "new_customer", fresh);
    jw_obj_end(w);
    return rc;
}

static int preview(struct api_call *c, struct jw *w)
{
    struct walk k;
    struct csv_record rec;
    int64_t from = 1, limit = 20;
    bool problems = str_is(http_param(c->req, "problems"), "1");
    struct db_conn *conn = NULL;
    int rc = api_param_i64(c, "from", 1, 1, INT64_MAX, &from);
    if (rc == 0)
        rc = api_param_i64(c, "limit", 20, 1, 200, &limit);
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = may_see(c, conn);
    db_reader_done(conn);
    conn = NULL;
    if (rc)
        return rc;
    rc = walk_open(&k, c->t, c->id, c->a, &c->err);
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    jw_obj(w);
    jw_key(w, "rows");
    jw_arr(w);
    while (rc == 0 && limit > 0 && walk_next(&k, &rec)) {
        if ((int64_t)rec.number < from || (problems && k.row->nbad == 0))
            continue;
        limit--;
        rc = write_row(c, conn, &k, &rec, w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
    db_reader_done(conn);
    walk_close(&k);
    return rc;
}

/* Rows that only the database refused, by number, in order. */
struct refused {
    int64_t *rows;
    int *columns;
    struct str *codes;
    size_t n, at;
};

static int read_refused(struct tenant *t, int64_t id, struct arena *a, struct refused *r,
                        struct err *e)
{
    struct db_conn *c = NULL;
    struct db_rows *rows = NULL;
    int64_t n = 0;
    int rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT count(*) FROM import_error WHERE import_id = $1",
                        DB_ARGS(DB_I64(id)), 0, &n, e);
    if (rc == 0) {
        r->rows = arena_array(a, int64_t, (size_t)n + 1);
        r->columns = arena_array(a, int, (size_t)n + 1);
        r->codes = arena_array(a, struct str, (size_t)n + 1);
        rc = db_query(c,
                      "SELECT row_no, column_no, code FROM import_error WHERE import_id = $1 "
                      "ORDER BY row_no",
                      DB_ARGS(DB_I64(id)), &rows, e);
    }
    while (rc == 0 && r->n < (size_t)n && (rc = db_step(rows, e)) > 0) {
        r->rows[r->n] = db_i64(rows, 0);
        r->columns[r->n] = (int)db_i64(rows, 1);
        r->codes[r->n++] = arena_str(a, db_str(rows, 2));
        rc = 0;
    }
    db_rows_done(rows);
    db_reader_done(c);
    return rc < 0 ? rc : 0;
}

static int write_out(struct buf *out, int fd)
{
    for (size_t at = 0; at < out->n;) {
        ssize_t n = write(fd, out->p + at, out->n - at);
        if (n < 0 && errno != EINTR)
            return -1;
        at += n > 0 ? (size_t)n : 0;
    }
    buf_clear(out);
    return 0;
}

int import_rejected(struct tenant *t, int64_t id, enum lang lang, int fd, struct arena *a,
                    struct err *e)
{
    struct walk k;
    struct csv_record rec;
    struct refused refused = {0};
    struct buf out = BUF_INIT(16 << 20);
    int rc = walk_open(&k, t, id, a, e);
    if (rc == 0)
        rc = read_refused(t, id, a, &refused, e);
    /* A byte order mark, or Excel takes UTF-8 for something else. */
    buf_add_cstr(&out, "\xef\xbb\xbfrow,column,reason");
    for (size_t i = 0; rc == 0 && i < k.p->ncolumns; i++) {
        buf_add_char(&out, ',');
        csv_write_cell(&out, json_get_str(json_array_get(k.im.columns, i), "header"));
    }
    buf_add_cstr(&out, "\r\n");
    while (rc == 0 && walk_next(&k, &rec)) {
        int column = k.row->nbad ? k.row->bad[0].column : -1;
        struct str code = k.row->nbad ? str_of(k.row->bad[0].code) : STR_NULL;
        if (refused.at < refused.n && refused.rows[refused.at] == (int64_t)rec.number) {
            column = refused.columns[refused.at];
            code = refused.codes[refused.at++];
        }
        if (code.n == 0)
            continue;
        buf_printf(&out, "%llu,", (unsigned long long)rec.number);
        csv_write_cell(
            &out,
            json_get_str(json_array_get(k.im.columns, column < 0 ? 0 : (size_t)column), "header"));
        buf_add_char(&out, ',');
        csv_write_cell(
            &out, message_text(t->messages, lang, arena_cstr(k.scratch, code), NULL, 0, k.scratch));
        for (size_t i = 0; i < rec.fields; i++) {
            buf_add_char(&out, ',');
            csv_write_cell(&out, cell_of(&rec, i));
        }
        buf_add_cstr(&out, "\r\n");
        if (out.n > 1 << 20 && write_out(&out, fd) != 0)
            rc = err_file(e, errno, "rejected rows");
    }
    if (rc == 0 && write_out(&out, fd) != 0)
        rc = err_file(e, errno, "rejected rows");
    buf_free(&out);
    walk_close(&k);
    return rc;
}

static int rejected(struct api_call *c, struct jw *w)
{
    struct db_conn *conn = NULL;
    struct stat st;
    (void)w;
    int rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = may_see(c, conn);
    db_reader_done(conn);
    if (rc)
        return rc;
    struct str path = arena_printf(c->a, "%s/uploads/rejected-XXXXXX", c->t->dir);
    int fd = mkostemp((char *)path.p, O_CLOEXEC);
    if (fd < 0)
        return err_set(&c->err, ERR_IO, "%s: %s", path.p, strerror(errno));
    unlink(path.p); /* lives as long as it is open */
    rc = import_rejected(c->t, c->id, c->lang, fd, c->a, &c->err);
    if (rc == 0 && (fstat(fd, &st) != 0 || lseek(fd, 0, SEEK_SET) != 0))
        rc = err_set(&c->err, ERR_IO, "%s", strerror(errno));
    if (rc) {
        close(fd);
        return rc;
    }
    http_set(c->req, "Content-Disposition", STR("attachment; filename=\"rejected.csv\""));
    http_set(c->req, "Cache-Control", STR("no-store"));
    http_reply_fd(c->req, 200, "text/csv; charset=utf-8", fd, st.st_size);
    return 0;
}

const struct endpoint import_endpoints[] = {
    {HTTP_POST, "/api/v1/imports", API_SLOW, API_SIGNED_IN, API_FILE, .plain = upload,
     .doc = "Upload a CSV or XLSX file; it is looked at, nothing is written",
     .params = "entity name", .response = "import"},
    {HTTP_GET, "/api/v1/imports", API_READ, API_SIGNED_IN, API_NO_BODY, .read = list,
     .doc = "The latest imports", .params = "limit", .response = "imports"},
    {HTTP_GET, "/api/v1/imports/{id}", API_READ, API_SIGNED_IN, API_NO_BODY, .read = get,
     .doc = "One import", .response = "import"},
    {HTTP_PATCH, "/api/v1/imports/{id}", API_WRITE, API_SIGNED_IN, API_JSON, .write = patch,
     .doc = "Mapping, format, options", .request = "import-plan", .response = "import"},
    {HTTP_POST, "/api/v1/imports/{id}/read", API_SLOW, API_SIGNED_IN, API_JSON, .plain = reread,
     .doc = "Look at the file again: another encoding, sheet, or kind of rows",
     .request = "import-choice", .response = "import"},
    {HTTP_DELETE, "/api/v1/imports/{id}/memory", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = forget, .doc = "Forget how files with these headers were read"},
    {HTTP_POST, "/api/v1/imports/{id}/check", API_WRITE, API_SIGNED_IN, API_NO_BODY, .write = check,
     .doc = "Validate all rows and write nothing", .response = "job-started"},
    {HTTP_POST, "/api/v1/imports/{id}/run", API_WRITE, API_SIGNED_IN, API_NO_BODY, .write = run,
     .doc = "Import", .response = "job-started"},
    {HTTP_POST, "/api/v1/imports/{id}/undo", API_WRITE, API_SIGNED_IN, API_NO_BODY, .write = undo,
     .doc = "Take back what nobody touched since", .response = "job-started"},
    {HTTP_GET, "/api/v1/imports/{id}/preview", API_SLOW, API_SIGNED_IN, API_NO_BODY,
     .plain = preview, .doc = "Rows as they would be read", .params = "from limit problems",
     .response = "preview"},
    {HTTP_GET, "/api/v1/imports/{id}/rejected.csv", API_SLOW, API_SIGNED_IN, API_NO_BODY,
     .plain = rejected, .doc = "The rejected rows with reasons", .raw = true},
    {.path = NULL},
};
