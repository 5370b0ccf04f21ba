/* A new file is taken: what it is found to be is stored, and the guesses with it. */
#include "crm/import/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct str import_path(const struct tenant *t, int64_t id, struct arena *a)
{
    return arena_printf(a, "%s/files/imports/%lld.csv", t->dir, (long long)id);
}

static void write_columns(struct look *l, const struct target *targets, const int *target,
                          const double *confidence, struct jw *w)
{
    jw_arr(w);
    for (size_t i = 0; i < l->ncolumns; i++) {
        jw_obj(w);
        jw_ki64(w, "index", (int64_t)i);
        jw_kstr(w, "header", l->headers[i]);
        jw_key(w, "samples");
        jw_arr(w);
        for (size_t k = 0; k < l->nsamples[i] && k < SAMPLES; k++)
            jw_str(w, str_from(l->samples[i][k].ptr, l->samples[i][k].len));
        jw_arr_end(w);
        jw_key(w, "field");
        if (target[i] >= 0)
            jw_str(w, targets[target[i]].name);
        else
            jw_null(w);
        jw_kf64(w, "confidence", confidence[i]);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void write_mapping(struct look *l, const struct target *targets, const int *target,
                          struct jw *w)
{
    jw_obj(w);
    for (size_t i = 0; i < l->ncolumns; i++) {
        jw_key_str(w, arena_printf(l->a, "%zu", i));
        if (target[i] >= 0)
            jw_str(w, targets[target[i]].name);
        else
            jw_null(w);
    }
    jw_obj_end(w);
}

static void write_format(const struct look *l, struct jw *w)
{
    char delimiter[2] = {l->format.delimiter ? l->format.delimiter : ',', 0};
    jw_obj(w);
    jw_kcstr(w, "encoding", import_encoding_name(l->format.encoding));
    jw_kbool(w, "bom", l->format.encoding == CSV_UTF8_BOM);
    jw_kcstr(w, "delimiter", delimiter);
    jw_kcstr(w, "date_format", date_format_names[l->format.date]);
    jw_kcstr(w, "language", l->format.chinese ? "zh" : "en");
    jw_ki64(w, "header_row", 1);
    jw_kbool(w, "remembered", l->remembered);
    jw_kcstr(w, "file", l->workbook ? "xlsx" : "csv");
    if (l->workbook) {
        jw_ki64(w, "sheet", l->sheet);
        jw_key(w, "sheets");
        jw_arr(w);
        for (size_t i = 0; i < l->nsheets; i++)
            jw_str(w, l->sheets[i]);
        jw_arr_end(w);
    }
    jw_obj_end(w);
}

struct new_import {
    struct tenant *t;
    int64_t id, owner_id, bytes, rows;
    const struct entity *en;
    struct str name, format, columns, mapping, options;
};

static int insert_import(struct db_conn *c, void *arg, struct err *e)
{
    struct new_import *n = arg;
    int64_t now = clock_now_ms();
    return db_exec(
        c,
        "INSERT INTO import (id, name, entity, state, bytes, row_count, format, columns, "
        "mapping, options, owner_id, created_at, updated_at) "
        "VALUES ($1, $2, $3, 'uploaded', $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        DB_ARGS(DB_I64(n->id), DB_STR(n->name), DB_STR(str_of(n->en->name)), DB_I64(n->bytes),
                DB_I64(n->rows), DB_STR(n->format), DB_STR(n->columns), DB_STR(n->mapping),
                DB_STR(n->options), DB_ID(n->owner_id), DB_I64(now), DB_I64(now)),
        NULL, e);
}

static struct str in_arena(struct buf *b, struct arena *a)
{
    struct str s = arena_str(a, buf_str(b));
    buf_clear(b);
    return s;
}

/* What was found, as the columns of the row; its texts in the arena. */
static int describe(struct new_import *ni, struct look *l, const struct entity *en, struct err *e)
{
    struct db_conn *c = NULL;
    struct target targets[TARGETS];
    int target[MAX_COLUMNS] = {0};
    double confidence[MAX_COLUMNS] = {0};
    enum csv_date_format date = CSV_DATE_YMD;
    size_t n = targets_of(ni->t, ni->owner_id, import_kind_of(en), l->a, targets);
    look_guess(l, targets, n, target, confidence);
    int rc = db_reader(ni->t->db, &c, e);
    if (rc == 0)
        rc = memory_recall(c, en, l->headers, l->ncolumns, targets, n, target, &date,
                           &l->remembered, l->a, e);
    db_reader_done(c);
    if (rc)
        return rc;
    for (size_t i = 0; i < l->ncolumns; i++) {
        bool ambiguous = false;
        if (l->remembered)
            confidence[i] = target[i] >= 0;
        if (target[i] < 0 || !targets[target[i]].field ||
            targets[target[i]].field->type->shape != SHAPE_DATE)
            continue;
        l->format.date = csv_detect_date(l->samples[i], l->nsamples[i], &ambiguous);
        if (ambiguous && l->remembered)
            l->format.date = date;
    }
    ni->en = en;
    ni->rows = l->rows;
    struct buf out = BUF_INIT(4 << 20);
    struct jw w = jw_new(&out);
    write_format(l, &w);
    ni->format = in_arena(&out, l->a);
    w = jw_new(&out);
    write_columns(l, targets, target, confidence, &w);
    ni->columns = in_arena(&out, l->a);
    w = jw_new(&out);
    write_mapping(l, targets, target, &w);
    ni->mapping = in_arena(&out, l->a);
    buf_free(&out);
    return 0;
}

/* The upload as it came stays beside what was made of it: another encoding or sheet may be chosen.
 */
static struct str original_path(const struct tenant *t, int64_t id, struct arena *a)
{
    return arena_printf(a, "%s/files/imports/%lld.orig", t->dir, (long long)id);
}

static int keep_original(struct tenant *t, const char *file, int64_t id, struct arena *a,
                         struct err *e)
{
    struct str dirs[] = {arena_printf(a, "%s/files", t->dir),
                         arena_printf(a, "%s/files/imports", t->dir)};
    for (size_t i = 0; i < 2; i++)
        if (mkdir(dirs[i].p, 0700) != 0 && errno != EEXIST)
            return err_set(e, ERR_IO, "%s: %s", dirs[i].p, strerror(errno));
    if (rename(file, original_path(t, id, a).p) != 0)
        return err_set(e, ERR_IO, "%s: %s", file, strerror(errno));
    return 0;
}

int import_take(struct tenant *t, const char *file, const struct entity *en, struct str name,
                int64_t owner_id, struct arena *a, int64_t *ret_id, struct err *e)
{
    struct look l = {.a = a, .e = e, .chosen_sheet = -1};
    struct stat st;
    if (stat(file, &st) != 0)
        return err_set(e, ERR_IO, "%s: %s", file, strerror(errno));
    struct new_import ni = {
        .t = t, .id = id_next(t->ids), .owner_id = owner_id, .bytes = st.st_size};
    struct str path = import_path(t, ni.id, a), original = original_path(t, ni.id, a);
    int rc = keep_original(t, file, ni.id, a, e);
    if (rc == 0)
        rc = look_at(&l, original.p, path.p);
    if (rc == 0) {
        if (name.n > 200)
            name.n = 200;
        size_t bad;
        ni.name = str_utf8_ok(name, &bad) ? name : str_from(name.p, bad);
        rc = describe(&ni, &l, en, e);
    }
    if (rc == 0) {
        ni.options = arena_printf(
            a, "{\"on_existing\":\"skip\",\"currency\":\"" STR_FMT "\",\"create_customers\":true}",
            STR_ARG(tenant_company(t)->currency));
        rc = db_transact(t->db, DB_INTERACTIVE, insert_import, &ni, e);
    }
    if (rc == 0) {
        *ret_id = ni.id;
    } else { /* nobody knows of them */
        unlink(original.p);
        unlink(path.p);
    }
    return rc;
}

/* --- read again, another way ---------------------------------------------------------------- */

struct rereading {
    struct new_import ni;
    const char *from, *to; /* what was made of it goes over what stood there before */
};

static int update_import(struct db_conn *c, void *arg, struct err *e)
{
    struct rereading *r = arg;
    const struct new_import *n = &r->ni;
    int64_t changed = 0;
    int rc = db_exec(c,
                     "UPDATE import SET entity = $1, state = 'uploaded', row_count = $2, format = "
                     "$3, columns = $4, mapping = $5, check_result = NULL, updated_at = $6 WHERE "
                     "id = $7 AND state NOT IN ('checking', 'running', 'undoing', 'done')",
                     DB_ARGS(DB_STR(str_of(n->en->name)), DB_I64(n->rows), DB_STR(n->format),
                             DB_STR(n->columns), DB_STR(n->mapping), DB_I64(clock_now_ms()),
                             DB_I64(n->id)),
                     &changed, e);
    if (rc == 0 && !changed)
        rc = err_set(e, ERR_STATE_CONFLICT, "import is at work or done");
    if (rc == 0 && rename(r->from, r->to) != 0 &&
        errno != ENOENT) /* ENOENT: done in a try before */
        rc = err_set(e, ERR_IO, "%s: %s", r->to, strerror(errno));
    return rc;
}

static int read_choice(struct look *l, const json_t *body)
{
    const json_t *sheet = json_object_get(body, "sheet");
    struct str encoding = json_get_str(body, "encoding");
    l->chosen_sheet = json_is_integer(sheet) ? json_integer_value(sheet) : -1;
    if (sheet && !json_is_null(sheet) && l->chosen_sheet < 0)
        err_item(l->e, STR("/sheet"), "out-of-range");
    if (encoding.n && !import_encoding_find(encoding, &l->chosen_encoding))
        err_item(l->e, STR("/encoding"), "unknown-option");
    return l->e->nitems ? err_set(l->e, ERR_VALIDATION, "choice") : 0;
}

int import_reread(struct tenant *t, int64_t id, const struct entity *en, const json_t *body,
                  struct arena *a, struct err *e)
{
    struct look l = {.a = a, .e = e};
    struct import im;
    struct db_conn *c = NULL;
    int rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc = import_load(c, t, id, a, &im, e);
    db_reader_done(c);
    if (rc == 0)
        rc = read_choice(&l, body);
    if (rc)
        return rc;
    struct str to = import_path(t, id, a), original = original_path(t, id, a);
    struct str from = arena_printf(a, "%s.again", to.p);
    struct rereading r = {.ni = {.t = t, .id = id, .owner_id = im.owner_id, .bytes = im.bytes},
                          .from = from.p,
                          .to = to.p};
    /* What was taken before originals were kept is there as CSV only. */
    rc = look_at(&l, access(original.p, R_OK) == 0 ? original.p : to.p, from.p);
    if (rc == 0)
        rc = describe(&r.ni, &l, en ? en : im.en, e);
    if (rc == 0)
        rc = db_transact(t->db, DB_INTERACTIVE, update_import, &r, e);
    if (rc)
        unlink(from.p);
    return rc;
}
