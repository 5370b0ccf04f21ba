/* The job: the ids of the list, then its rows in portions, into a file that gets its name when it
   is complete. Taken up again after a kill, it begins anew. */
#include "crm/export/internal.h"

#define LOG_MODULE "export"
#include "base/log.h"
#include "base/money.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct str export_path(const struct tenant *t, int64_t job, struct str format, struct arena *a)
{
    return arena_printf(a, "%s/files/exports/%lld." STR_FMT, t->dir, (long long)job,
                        STR_ARG(format));
}

/* --- cells --------------------------------------------------------------------------------- */

static void money_cell(struct table_writer *w, const struct field *f, const struct value *v)
{
    const struct currency *c = currency_find(v->s);
    if (v->null)
        table_empty(w);
    else
        table_number(w, f->base_money ? v->base : v->i, c ? c->decimals : 2);
    if (f->base_money)
        return;
    table_text(w, v->null ? STR_NULL : v->s);
}

static void decimal_cell(struct table_writer *w, int64_t v)
{
    unsigned places = DECIMAL_PLACES;
    for (; places && v % 10 == 0; places--)
        v /= 10;
    table_number(w, v, places);
}

static void cell(struct exporting *x, const struct field *f, const struct value *v)
{
    struct table_writer *w = x->table;
    enum field_shape shape = f->type->shape;
    if (shape == SHAPE_MONEY) {
        money_cell(w, f, v);
        return;
    }
    if (v->null) {
        table_empty(w);
        return;
    }
    switch (shape) {
    case SHAPE_INT:
        if (strcmp(f->type->name, "decimal") == 0)
            decimal_cell(w, v->i);
        else
            table_number(w, v->i, 0);
        break;
    case SHAPE_REAL:
        table_real(w, v->f);
        break;
    case SHAPE_DATE:
        table_day(w, (int32_t)v->i);
        break;
    case SHAPE_TIME:
        table_time(w, v->i + (int64_t)tz_offset(x->tz, v->i) * 1000);
        break;
    case SHAPE_BOOL:
        table_text(w, v->i ? x->yes : x->no);
        break;
    case SHAPE_ENUM:
        table_text(w, export_option(f, v->s, x->ask.lang));
        break;
    case SHAPE_LINK: /* has the title of what it leads to; an id leads nowhere and is more than a
                        spreadsheet's numbers can hold */
        table_text(w, f->target >= 0 ? v->s : arena_printf(x->portion, "%lld", (long long)v->i));
        break;
    default:
        table_text(w, v->s);
    }
}

static int one_row(void *arg, const struct row_values *r)
{
    struct exporting *x = arg;
    for (size_t i = 0; i < x->ask.q.nfields; i++) {
        const struct field *f = x->ask.q.fields[i];
        if (!r->masked[i]) {
            cell(x, f, &r->v[i]);
            continue;
        }
        table_text(x->table, r->v[i].s);
        if (f->type->shape == SHAPE_MONEY && !f->base_money)
            table_empty(x->table);
    }
    table_row_end(x->table);
    x->rows++;
    return 0;
}

/* --- columns ------------------------------------------------------------------------------- */

static enum table_look look_of(const struct exporting *x, const struct field *f)
{
    static const enum table_look looks[] = {
        [SHAPE_TEXT] = LOOK_TEXT, [SHAPE_INT] = LOOK_NUMBER, [SHAPE_REAL] = LOOK_NUMBER,
        [SHAPE_DATE] = LOOK_DAY,  [SHAPE_TIME] = LOOK_TIME,  [SHAPE_ENUM] = LOOK_TEXT,
        [SHAPE_BOOL] = LOOK_TEXT, [SHAPE_LINK] = LOOK_TEXT,  [SHAPE_MONEY] = LOOK_MONEY,
        [SHAPE_JSON] = LOOK_TEXT};
    bool masked = access_level(x->pass.who, x->ask.q.en, f->id) == LEVEL_MASK;
    return masked ? LOOK_TEXT : looks[f->type->shape];
}

static size_t list_columns(const struct exporting *x, struct table_column *columns)
{
    const struct list_query *q = &x->ask.q;
    struct str currency = tenant_company(x->t)->currency;
    size_t n = 0;
    for (size_t i = 0; i < q->nfields; i++) {
        const struct field *f = q->fields[i];
        struct str label = f->label.in[x->ask.lang];
        bool base = f->type->shape == SHAPE_MONEY && f->base_money;
        columns[n++] = (struct table_column){
            base ? arena_printf(x->a, STR_FMT " (" STR_FMT ")", STR_ARG(label), STR_ARG(currency))
                 : label,
            look_of(x, f)};
        if (f->type->shape != SHAPE_MONEY || base)
            continue;
        struct err_param field = {"field", label};
        columns[n++] = (struct table_column){
            message_text(x->t->messages, x->ask.lang, "export-currency-of", &field, 1, x->a),
            LOOK_TEXT};
    }
    return n;
}

static int open_table(struct exporting *x, struct err *e)
{
    const struct export_source *from = x->ask.from;
    size_t most = from->most_columns ? from->most_columns : x->ask.q.nfields * 2;
    struct table_column *columns = arena_array(x->a, struct table_column, most);
    size_t n = from->columns(x, columns);
    struct str sheet = export_label(x->t, &x->ask, x->ask.lang, x->a);
    x->table = table_new(x->ask.format, x->fd, sheet, columns, n);
    return x->table ? 0 : err_set(e, ERR_NOMEM, "export");
}

/* --- file ---------------------------------------------------------------------------------- */

static int open_file(struct exporting *x, struct err *e)
{
    struct str format = str_of(table_format_name(x->ask.format));
    struct str dirs[] = {arena_printf(x->a, "%s/files", x->t->dir),
                         arena_printf(x->a, "%s/files/exports", x->t->dir)};
    x->path = export_path(x->t, job_view(x->j).id, format, x->a);
    x->part = arena_printf(x->a, "%s.part", x->path.p);
    for (size_t i = 0; i < 2; i++)
        if (mkdir(dirs[i].p, 0700) != 0 && errno != EEXIST)
            return err_file(e, errno, x->part.p);
    x->fd = open(x->part.p, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (x->fd < 0)
        return err_file(e, errno, x->part.p);
    char day[DATE_TEXT];
    date_format(tz_date(x->tz, clock_now_ms()), day);
    x->file =
        arena_printf(x->a, STR_FMT " %s." STR_FMT,
                     STR_ARG(export_label(x->t, &x->ask, x->ask.lang, x->a)), day, STR_ARG(format));
    return 0;
}

static int complete_file(struct exporting *x, struct err *e)
{
    struct stat st = {0};
    int rc = table_finish(x->table);
    if (rc == 0 && (fsync(x->fd) != 0 || fstat(x->fd, &st) != 0))
        rc = errno;
    if (rc == 0 && rename(x->part.p, x->path.p) != 0)
        rc = errno;
    if (rc)
        return err_file(e, rc, x->part.p);
    x->bytes = st.st_size;
    return 0;
}

/* --- rows of a list ------------------------------------------------------------------------ */

static int list_rows(struct exporting *x, struct err *e)
{
    const struct list_query *q = &x->ask.q;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < x->ids.n;) {
        size_t n = x->ids.n - at < ROWS_MAX ? x->ids.n - at : ROWS_MAX;
        struct db_conn *c = NULL;
        arena_reset(x->portion);
        rc = db_reader(x->t->db, &c, e);
        if (rc == 0)
            rc = record_rows(c, x->t, x->pass.who, q->en, q->fields, q->nfields, q->trash,
                             x->ids.ids + at, n, x->portion, one_row, x, e);
        db_reader_done(c);
        at += n;
        if (rc == 0 && table_failed(x->table))
            rc = err_file(e, table_failed(x->table), x->part.p);
        struct job_progress p = {"export", (int64_t)at, (int64_t)x->ids.n, 0};
        if (rc == 0)
            rc = job_tick(x->j, &p, e);
    }
    return rc;
}

static int list_open(struct exporting *x, struct err *e)
{
    struct db_conn *c = NULL;
    int rc = db_reader(x->t->db, &c, e);
    if (rc == 0)
        rc = record_ids(c, x->pass.who, &x->ask.q, x->a, &x->ids, e);
    db_reader_done(c);
    return rc;
}

const struct export_source export_list = {0, list_open, list_columns, list_rows};

/* --- the job ------------------------------------------------------------------------------- */

static int open_export(struct exporting *x, struct err *e)
{
    struct job_view view = job_view(x->j);
    x->portion = arena_new(0);
    if (!x->portion)
        return err_set(e, ERR_NOMEM, "export");
    int rc = identity_as_user(x->t, view.owner_id, &x->pass, e);
    if (rc == 0)
        rc = export_read(x->t, x->pass.who, view.params, true, x->a, &x->ask, e);
    if (rc)
        return rc;
    export_rights(x->t, x->pass.who, x->ask.q.en, x->rights);
    x->tz = x->pass.who->tz ? x->pass.who->tz : tenant_company(x->t)->tz;
    x->yes = message_text(x->t->messages, x->ask.lang, "export-yes", NULL, 0, x->a);
    x->no = message_text(x->t->messages, x->ask.lang, "export-no", NULL, 0, x->a);
    rc = x->ask.from->open(x, e);
    if (rc == 0)
        rc = open_file(x, e);
    return rc ? rc : open_table(x, e);
}

/* Who took what out of the house is for the audit. */
static int note_export(struct db_conn *c, void *arg, struct err *e)
{
    struct exporting *x = arg;
    struct history_event ev = {
        .id = id_next(x->t->ids),
        .at = clock_now_ms(),
        .actor_id = x->pass.who->user_id,
        .actor_kind = "user",
        .kind = "export",
        .entity = export_name(&x->ask),
        .title = x->file,
        .changes = arena_printf(x->a, "{\"rows\":[null,%lld]}", (long long)x->rows)};
    return history_add(c, &ev, e);
}

static struct str result_json(const struct exporting *x)
{
    struct buf out = BUF_INIT(1 << 16);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_ki64(&w, "rows", x->rows);
    jw_ki64(&w, "bytes", x->bytes);
    jw_kstr(&w, "file", x->file);
    jw_kcstr(&w, "format", table_format_name(x->ask.format));
    jw_kcstr(&w, "entity", export_name(&x->ask));
    jw_kcstr(&w, "rights", x->rights);
    jw_ki64(&w, "expires_at", clock_now_ms() + EXPORT_DAYS * INT64_C(86400000));
    jw_obj_end(&w);
    struct str text = arena_str(x->a, buf_str(&out));
    buf_free(&out);
    return text;
}

static int run(struct job *j, struct err *e)
{
    struct exporting x = {.j = j, .t = job_tenant(j), .a = job_arena(j), .fd = -1};
    int rc = open_export(&x, e);
    assert(rc || x.ask.from); /* it read what is asked */
    if (rc == 0)
        rc = x.ask.from->rows(&x, e);
    if (rc == 0)
        rc = complete_file(&x, e);
    if (rc == 0)
        rc = db_transact(x.t->db, DB_INTERACTIVE, note_export, &x, e);
    if (rc == 0)
        job_result(j, result_json(&x));
    else if (x.fd >= 0)
        unlink(x.part.p);
    table_free(x.table);
    if (x.fd >= 0)
        close(x.fd);
    free(x.ids.ids);
    if (x.pass.held)
        identity_leave(&x.pass);
    arena_free(x.portion);
    return rc;
}

const struct job_kind export_jobs[] = {{"export", run}, {NULL, NULL}};

void export_sweep(const struct tenant *t)
{
    char dir[1024], path[2048];
    struct stat st;
    snprintf(dir, sizeof dir, "%s/files/exports", t->dir);
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        if (f->d_name[0] == '.' || stat(path, &st) != 0 ||
            st.st_mtime > time(NULL) - EXPORT_DAYS * 86400)
            continue;
        if (unlink(path) != 0)
            log_warn("%s: %s", path, strerror(errno));
    }
    if (d)
        closedir(d);
}
