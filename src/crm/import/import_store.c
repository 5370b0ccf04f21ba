/* Imports as rows. */
#include "crm/import/internal.h"

#include <stdlib.h>
#include <string.h>

static int parse(struct str text, struct arena *a, json_t **ret, struct err *e)
{
    *ret = NULL;
    return text.n ? json_read(a, arena_str(a, text), ret, e) : 0;
}

static const char *const encodings[CSV_ENCODINGS] = {
    [CSV_DETECT] = "UTF-8",     [CSV_UTF8] = "UTF-8", [CSV_UTF8_BOM] = "UTF-8",
    [CSV_GB18030] = "GB18030",  [CSV_BIG5] = "Big5",  [CSV_UTF16LE] = "UTF-16LE",
    [CSV_UTF16BE] = "UTF-16BE",
};

const char *import_encoding_name(enum csv_encoding encoding)
{
    return encodings[encoding];
}

bool import_encoding_find(struct str name, enum csv_encoding *ret_encoding)
{
    for (int i = CSV_UTF8; i < CSV_ENCODINGS; i++) {
        if (!str_is(name, encodings[i]))
            continue;
        *ret_encoding = (enum csv_encoding)i;
        return true;
    }
    return false;
}

static void read_format(struct import *im)
{
    struct str encoding = json_get_str(im->format_json, "encoding");
    struct str delimiter = json_get_str(im->format_json, "delimiter");
    struct str date = json_get_str(im->format_json, "date_format");
    if (!import_encoding_find(encoding, &im->format.encoding))
        im->format.encoding = CSV_UTF8;
    im->format.delimiter = delimiter.n ? delimiter.p[0] : ',';
    for (int i = 0; i < CSV_DATE_FORMATS; i++)
        if (str_is(date, date_format_names[i]))
            im->format.date = (enum csv_date_format)i;
}

int import_load(struct db_conn *c, struct tenant *t, int64_t id, struct arena *a,
                struct import *ret, struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(c,
                      "SELECT name, entity, state, bytes, row_count, format, columns, mapping, "
                      "options, owner_id, job_id, history_floor FROM import WHERE id = $1",
                      DB_ARGS(DB_I64(id)), &rows, e);
    if (rc == 0)
        rc = db_step(rows, e);
    if (rc <= 0) {
        db_rows_done(rows);
        return rc ? rc : err_set(e, ERR_NOT_FOUND, "import %lld", (long long)id);
    }
    *ret = (struct import){.id = id,
                           .name = arena_str(a, db_str(rows, 0)),
                           .en = registry_entity(t->registry, db_str(rows, 1)),
                           .state = arena_str(a, db_str(rows, 2)),
                           .bytes = db_i64(rows, 3),
                           .rows = db_i64(rows, 4),
                           .owner_id = db_i64(rows, 9),
                           .job_id = db_i64(rows, 10),
                           .history_floor = db_i64(rows, 11)};
    rc = parse(db_str(rows, 5), a, &ret->format_json, e);
    if (rc == 0)
        rc = parse(db_str(rows, 6), a, &ret->columns, e);
    if (rc == 0)
        rc = parse(db_str(rows, 7), a, &ret->mapping, e);
    if (rc == 0)
        rc = parse(db_str(rows, 8), a, &ret->options, e);
    db_rows_done(rows);
    ret->kind = ret->en ? import_kind_of(ret->en) : NULL;
    if (rc == 0 && !ret->kind)
        rc = err_set(e, ERR_INTERNAL, "import of an unknown entity");
    if (rc == 0)
        read_format(ret);
    return rc;
}

int import_find_customer(struct db_conn *c, const struct field *key_field, struct str key,
                         struct known_customer *ret, struct err *e)
{
    struct db_rows *rows = NULL;
    bool by_ext = key_field->id == CUSTOMER_EXT_ID;
    int rc = db_query(c,
                      by_ext ? "SELECT id, owner_id, department_id FROM customers WHERE "
                               "ext_id = $1 AND deleted_at IS NULL"
                             : "SELECT id, owner_id, department_id FROM customers WHERE "
                               "name = $1 AND deleted_at IS NULL ORDER BY id LIMIT 1",
                      DB_ARGS(DB_STR(key)), &rows, e);
    if (rc == 0)
        rc = db_step(rows, e);
    *ret = (struct known_customer){0};
    if (rc > 0)
        *ret = (struct known_customer){db_i64(rows, 0), db_i64(rows, 1), db_i64(rows, 2)};
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

int import_find_customers(struct db_conn *c, const struct str *keys, size_t n,
                          struct known_customer *ret, struct err *e)
{
    static const char sql[] =
        "SELECT ext_id, id, owner_id, department_id FROM customers WHERE deleted_at IS NULL AND "
        "ext_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "
        "$18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, "
        "$35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51, "
        "$52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64)";
    struct db_value args[FIND_MOST];
    struct db_rows *rows = NULL;
    if (n == 0)
        return 0;
    for (size_t i = 0; i < FIND_MOST; i++)
        args[i] = DB_STR(keys[i < n ? i : n - 1]); /* one text, whatever their number */
    for (size_t i = 0; i < n; i++)
        ret[i] = (struct known_customer){0};
    int rc = db_query(c, sql, args, FIND_MOST, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        struct str key = db_str(rows, 0);
        for (size_t i = 0; i < n; i++)
            if (str_eq(keys[i], key))
                ret[i] = (struct known_customer){db_i64(rows, 1), db_i64(rows, 2), db_i64(rows, 3)};
        rc = 0;
    }
    db_rows_done(rows);
    return rc;
}

int import_set_state(struct db_conn *c, int64_t id, const char *state, const char *column,
                     struct str json, struct err *e)
{
    struct sql q = sql_new(e->arena);
    sql_add(&q, "UPDATE import SET state = ");
    sql_arg(&q, DB_STR(str_of(state)));
    sql_add(&q, ", updated_at = ");
    sql_arg(&q, DB_I64(clock_now_ms()));
    if (column) {
        sql_addf(&q, ", %s = ", column);
        sql_arg(&q, json.n ? DB_STR(json) : DB_NIL);
    }
    sql_add(&q, " WHERE id = ");
    sql_arg(&q, DB_I64(id));
    const char *text = sql_text(&q);
    return db_exec(c, text, q.args, q.nargs, NULL, e);
}

static int entity_of(const struct import_kind *kind, enum side side)
{
    for (size_t i = 0; i < kind->nsides; i++)
        if (kind->sides[i].side == side)
            return kind->sides[i].entity;
    return kind->entity;
}

static void write_fields(struct tenant *t, int64_t owner_id, const struct import_kind *kind,
                         struct arena *a, struct jw *w)
{
    struct target targets[TARGETS];
    size_t n = targets_of(t, owner_id, kind, a, targets);
    jw_key(w, "fields");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const struct field *f = targets[i].field;
        /* Who the row is about is needed; the other one of the two keys will do. */
        bool key =
            f && targets[i].side == kind->key_side && kind->by_customer && f->id == kind->keys[0];
        struct text2 side = {{STR_NULL, STR_NULL}};
        if (targets[i].side != SIDE_OWN)
            side = t->registry->entities[entity_of(kind, targets[i].side)].label;
        jw_obj(w);
        jw_kstr(w, "name", targets[i].name);
        jw_key(w, "label");
        jw_obj(w);
        for (int lang = 0; lang < LANGS; lang++) {
            struct str label = f                 ? f->label.in[lang]
                               : lang == LANG_ZH ? STR("币种")
                                                 : STR("Currency");
            jw_key(w, lang == LANG_ZH ? "zh" : "en");
            if (side.in[lang].n)
                jw_str(w, arena_printf(
                              a, lang == LANG_ZH ? STR_FMT "：" STR_FMT : STR_FMT ": " STR_FMT,
                              STR_ARG(side.in[lang]), STR_ARG(label)));
            else
                jw_str(w, label);
        }
        jw_obj_end(w);
        jw_kbool(w, "required", targets[i].required || key);
        jw_kcstr(w, "type", f ? f->type->name : "text");
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void raw_or_null(struct jw *w, const char *key, const struct db_rows *rows, unsigned col)
{
    jw_key(w, key);
    if (db_is_null(rows, col))
        jw_null(w);
    else
        jw_raw(w, db_str(rows, col));
}

/* columns[].field is the guess; what stands in the mapping now is `mapping`. */
int import_show(struct db_conn *c, struct tenant *t, int64_t id, struct arena *a, struct jw *w,
                struct err *e)
{
    struct db_rows *rows = NULL;
    int rc =
        db_query(c,
                 "SELECT i.name, i.entity, i.state, i.bytes, i.row_count, i.format, i.columns, "
                 "i.mapping, i.options, i.check_result, i.result, i.undo_result, i.job_id, "
                 "i.created_at, i.owner_id, u.name, i.finished_at FROM import i LEFT JOIN "
                 "users u ON u.id = i.owner_id WHERE i.id = $1",
                 DB_ARGS(DB_I64(id)), &rows, e);
    if (rc == 0)
        rc = db_step(rows, e);
    if (rc <= 0) {
        db_rows_done(rows);
        return rc ? rc : err_set(e, ERR_NOT_FOUND, "import %lld", (long long)id);
    }
    const struct entity *en = registry_entity(t->registry, db_str(rows, 1));
    jw_obj(w);
    jw_kid(w, "id", id);
    jw_kstr(w, "name", db_str(rows, 0));
    jw_kstr(w, "entity", db_str(rows, 1));
    jw_kstr(w, "state", db_str(rows, 2));
    jw_ki64(w, "bytes", db_i64(rows, 3));
    jw_ki64(w, "rows", db_i64(rows, 4));
    raw_or_null(w, "format", rows, 5);
    raw_or_null(w, "columns", rows, 6);
    raw_or_null(w, "mapping", rows, 7);
    raw_or_null(w, "options", rows, 8);
    raw_or_null(w, "check", rows, 9);
    raw_or_null(w, "result", rows, 10);
    raw_or_null(w, "undo", rows, 11);
    jw_kid(w, "job_id", db_i64(rows, 12));
    jw_ki64(w, "created_at", db_i64(rows, 13));
    jw_ki64(w, "finished_at", db_i64(rows, 16));
    jw_key(w, "owner");
    jw_obj(w);
    jw_kid(w, "id", db_i64(rows, 14));
    jw_kstr(w, "name", db_str(rows, 15));
    jw_obj_end(w);
    const struct import_kind *kind = en ? import_kind_of(en) : NULL;
    if (kind)
        write_fields(t, db_i64(rows, 14), kind, a, w);
    jw_obj_end(w);
    db_rows_done(rows);
    return 0;
}

/* --- changing the plan, starting ----------------------------------------------------------- */

static bool busy(struct str state)
{
    static const char *const states[] = {"checking", "running", "undoing"};
    for (size_t i = 0; i < 3; i++)
        if (str_is(state, states[i]))
            return true;
    return false;
}

static int merge(json_t *into, const json_t *from, struct str pointer, struct err *e)
{
    if (from && !json_is_object(from)) {
        err_item(e, pointer, "type-object");
        return err_set(e, ERR_VALIDATION, "no object");
    }
    return from && json_object_update(into, (json_t *)from) != 0 ? ERR_NOMEM : 0;
}

static struct str dump(const json_t *v, struct arena *a)
{
    char *text = json_dumps(v, JSON_COMPACT);
    struct str s = arena_str(a, str_of(text ? text : "{}"));
    free(text);
    return s;
}

static int check_mapping(struct tenant *t, const struct import *im, struct arena *a, struct err *e)
{
    struct target targets[TARGETS];
    size_t n = targets_of(t, im->owner_id, im->kind, a, targets);
    bool taken[TARGETS] = {false};
    const char *column;
    json_t *v;
    json_object_foreach(im->mapping, column, v)
    {
        if (json_is_null(v))
            continue;
        size_t i = 0;
        while (i < n && !(json_is_string(v) && str_is(targets[i].name, json_string_value(v))))
            i++;
        const char *code = i == n ? "unknown-field" : taken[i] ? "import-mapped-twice" : NULL;
        if (code) {
            struct err_item *item = err_item(e, arena_printf(a, "/mapping/%s", column), code);
            err_item_param(e, item, "field",
                           json_is_string(v) ? str_of(json_string_value(v)) : STR("?"));
            return err_set(e, ERR_VALIDATION, "mapping of column %s", column);
        }
        taken[i] = true;
    }
    return 0;
}

int import_set(struct db_conn *c, struct tenant *t, int64_t id, const json_t *body, struct arena *a,
               struct err *e)
{
    struct import im = {0};
    int rc = import_load(c, t, id, a, &im, e);
    if (rc)
        return rc;
    if (busy(im.state) || str_is(im.state, "done"))
        return err_set(e, ERR_STATE_CONFLICT, "import is " STR_FMT, STR_ARG(im.state));
    rc = merge(im.mapping, json_object_get(body, "mapping"), STR("/mapping"), e);
    if (rc == 0)
        rc = merge(im.format_json, json_object_get(body, "format"), STR("/format"), e);
    if (rc == 0)
        rc = merge(im.options, json_object_get(body, "options"), STR("/options"), e);
    if (rc == 0)
        rc = check_mapping(t, &im, a, e);
    if (rc)
        return rc;
    return db_exec(c,
                   "UPDATE import SET mapping = $1, format = $2, options = $3, state = 'uploaded', "
                   "check_result = NULL, updated_at = $4 WHERE id = $5",
                   DB_ARGS(DB_STR(dump(im.mapping, a)), DB_STR(dump(im.format_json, a)),
                           DB_STR(dump(im.options, a)), DB_I64(clock_now_ms()), DB_I64(id)),
                   NULL, e);
}

static int submit(struct db_conn *c, struct tenant *t, const struct import *im, const char *kind,
                  const char *state, int64_t owner_id, struct arena *a, int64_t *ret_job,
                  struct err *e)
{
    struct str params = arena_printf(a, "{\"import_id\":\"%lld\"}", (long long)im->id);
    int64_t job = 0;
    int rc = job_submit(c, t, kind, im->name, params, owner_id, &job, e);
    if (rc == 0)
        rc = import_set_state(c, im->id, state, NULL, STR_NULL, e);
    if (rc == 0)
        rc = db_exec(c, "UPDATE import SET job_id = $1 WHERE id = $2",
                     DB_ARGS(DB_I64(job), DB_I64(im->id)), NULL, e);
    if (rc == 0)
        *ret_job = job;
    return rc;
}

int import_start(struct db_conn *c, struct tenant *t, int64_t id, enum import_mode mode,
                 int64_t owner_id, struct arena *a, int64_t *ret_job, struct err *e)
{
    struct import im = {0};
    struct import_plan *p = arena_new_of(a, struct import_plan);
    int rc = import_load(c, t, id, a, &im, e);
    if (rc)
        return rc;
    if (busy(im.state) || str_is(im.state, "done"))
        return err_set(e, ERR_STATE_CONFLICT, "import is " STR_FMT, STR_ARG(im.state));
    rc = plan_make(t, &im, a, p, e);
    if (rc == 0 && mode == IMPORT_RUN && !im.history_floor)
        rc = db_exec(c, "UPDATE import SET history_floor = $1 WHERE id = $2",
                     DB_ARGS(DB_I64(id_next(t->ids)), DB_I64(id)), NULL, e);
    if (rc)
        return rc;
    return submit(c, t, &im, mode == IMPORT_RUN ? "import" : "import-check",
                  mode == IMPORT_RUN ? "running" : "checking", owner_id, a, ret_job, e);
}

int import_start_undo(struct db_conn *c, struct tenant *t, int64_t id, int64_t owner_id,
                      struct arena *a, int64_t *ret_job, struct err *e)
{
    struct import im = {0};
    int rc = import_load(c, t, id, a, &im, e);
    if (rc == 0 && !str_is(im.state, "done"))
        rc = err_set(e, ERR_STATE_CONFLICT, "import is " STR_FMT, STR_ARG(im.state));
    return rc ? rc : submit(c, t, &im, "import-undo", "undoing", owner_id, a, ret_job, e);
}
