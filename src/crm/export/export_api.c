#include "crm/export/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int export_submit(struct db_conn *c, struct tenant *t, const struct actor *who, const json_t *body,
                  enum lang lang, struct arena *a, int64_t *ret_job, struct err *e)
{
    struct export_ask asked;
    int rc = export_read(t, who, body, false, a, &asked, e);
    if (rc)
        return rc;
    /* The file speaks the language of the page it was asked for on. */
    bool told = json_get_str(body, "language").n > 0;
    json_t *params = json_copy((json_t *)body);
    if (params && !told)
        json_object_set_new(params, "language", json_string(lang == LANG_ZH ? "zh" : "en"));
    char *text = params ? json_dumps(params, JSON_COMPACT) : NULL;
    json_decref(params);
    if (!text)
        return err_set(e, ERR_NOMEM, "export");
    struct str kept = arena_str(a, str_of(text));
    free(text);
    return job_submit(c, t, "export", export_label(t, &asked, told ? asked.lang : lang, a), kept,
                      who->user_id, ret_job, e);
}

static int ask(struct api_call *c, struct write *wr, struct jw *w)
{
    int64_t job = 0;
    int rc = export_submit(wr->c, c->t, c->who, c->body, c->lang, c->a, &job, &c->err);
    return api_job_started(c, rc, job, w);
}

int export_find(struct db_conn *c, const struct tenant *t, int64_t job, int64_t owner_id,
                struct arena *a, struct export_file *ret_file, struct err *e)
{
    struct db_rows *rows = NULL;
    json_t *result = NULL;
    int rc = db_query(c,
                      "SELECT result FROM job WHERE id = $1 AND owner_id = $2 AND kind = 'export' "
                      "AND state = 'done'",
                      DB_ARGS(DB_I64(job), DB_I64(owner_id)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0)
        rc = json_read(a, arena_str(a, db_str(rows, 0)), &result, e);
    db_rows_done(rows);
    if (rc)
        return rc;
    if (!result)
        return err_set(e, ERR_NOT_FOUND, "export %lld", (long long)job);
    struct str format = json_get_str(result, "format");
    int known = table_format_find(format);
    if (known < 0)
        return err_set(e, ERR_INTERNAL, "export of an unknown format");
    *ret_file =
        (struct export_file){.name = json_get_str(result, "file"),
                             .path = export_path(t, job, format, a),
                             .rights = json_get_str(result, "rights"),
                             .of = arena_cstr(a, json_get_str(result, "entity")),
                             .en = registry_entity(t->registry, json_get_str(result, "entity")),
                             .format = table_format_name((enum table_format)known),
                             .media_type = table_media_type((enum table_format)known),
                             .rows = json_integer_value(json_object_get(result, "rows"))};
    return 0;
}

static struct str disposition(struct api_call *c, struct str file, const char *format)
{
    struct buf out = BUF_INIT(4096);
    buf_printf(&out, "attachment; filename=\"export.%s\"; filename*=UTF-8''", format);
    for (size_t i = 0; i < file.n; i++) {
        unsigned char ch = (unsigned char)file.p[i];
        bool plain = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') ||
                     (ch >= 'A' && ch <= 'Z') || ch == '-' || ch == '.' || ch == '_';
        if (plain)
            buf_add_char(&out, (char)ch);
        else
            buf_printf(&out, "%%%02X", ch);
    }
    struct str text = arena_str(c->a, buf_str(&out));
    buf_free(&out);
    return text;
}

/* What somebody may not see any more is not theirs to take, though they saw it when they asked. */
static int still_theirs(struct api_call *c, const struct export_file *file)
{
    bool known = file->en || (file->of && strcmp(file->of, EXPORT_AUDIT) == 0);
    char now[ACCESS_PRINT];
    export_rights(c->t, c->who, file->en, now);
    return known && str_is(file->rights, now)
               ? 0
               : err_set(&c->err, ERR_EXPORT_RIGHTS, "rights have changed");
}

struct taking {
    struct api_call *c;
    const struct export_file *file;
};

static int note_taking(struct db_conn *conn, void *arg, struct err *e)
{
    struct taking *k = arg;
    return history_note(conn, k->c->t, k->c->who, HISTORY_TAKEN, k->file->of, 0, k->file->name,
                        STR_NULL, e);
}

static int fetch(struct api_call *c, struct jw *w)
{
    struct export_file file = {.path = STR("")};
    struct taking taking = {c, &file};
    struct db_conn *conn = NULL;
    struct stat st;
    (void)w;
    int rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = export_find(conn, c->t, c->id, c->who->user_id, c->a, &file, &c->err);
    db_reader_done(conn);
    if (rc == 0)
        rc = still_theirs(c, &file);
    if (rc)
        return rc;
    int fd = open(file.path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(&c->err, ERR_EXPORT_GONE, "%s", file.path.p);
    if (fd < 0 || fstat(fd, &st) != 0) {
        rc = err_set(&c->err, ERR_IO, "%s: %s", file.path.p, strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    rc = db_transact(c->t->db, DB_INTERACTIVE, note_taking, &taking, &c->err);
    if (rc) {
        close(fd);
        return rc;
    }
    http_set(c->req, "Content-Disposition", disposition(c, file.name, file.format));
    http_set(c->req, "Cache-Control", STR("no-store"));
    http_reply_fd(c->req, 200, file.media_type, fd, st.st_size);
    return 0;
}

const struct endpoint export_endpoints[] = {
    {HTTP_POST, "/api/v1/exports", API_WRITE, API_SIGNED_IN, API_JSON, .write = ask,
     .doc = "A list as a CSV or XLSX file, made in the background", .request = "export",
     .response = "job-started"},
    {HTTP_GET, "/api/v1/exports/{id}", API_SLOW, API_SIGNED_IN, API_NO_BODY, .plain = fetch,
     .doc = "The file of an export, by the number of its job; for whoever asked", .raw = true},
    {.path = NULL},
};
