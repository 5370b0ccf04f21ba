#include "crm/export/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int ask(struct api_call *c, struct write *wr, struct jw *w)
{
    struct export_ask asked;
    int64_t job = 0;
    int rc = export_read(c->t, c->who, c->body, false, c->a, &asked, &c->err);
    if (rc)
        return rc;
    /* The file speaks the language of the page it was asked for on. */
    json_t *params = json_copy(c->body);
    const char *lang = json_get_str(c->body, "language").n ? NULL
                       : c->lang == LANG_ZH                ? "zh"
                                                           : "en";
    if (lang)
        json_object_set_new(params, "language", json_string(lang));
    char *text = params ? json_dumps(params, JSON_COMPACT) : NULL;
    json_decref(params);
    if (!text)
        return err_set(&c->err, ERR_NOMEM, "export");
    struct str kept = arena_str(c->a, str_of(text));
    free(text);
    rc = job_submit(wr->c, c->t, "export", asked.q.en->label_plural.in[lang ? c->lang : asked.lang],
                    kept, c->who->user_id, &job, &c->err);
    return api_job_started(c, rc, job, w);
}

/* What of a finished export belongs to the caller. */
static int find_result(struct api_call *c, json_t **ret, struct err *e)
{
    struct db_conn *conn = NULL;
    struct db_rows *rows = NULL;
    int rc = db_reader(c->t->db, &conn, e);
    *ret = NULL;
    if (rc == 0)
        rc = db_query(conn,
                      "SELECT result FROM job WHERE id = $1 AND owner_id = $2 AND kind = 'export' "
                      "AND state = 'done'",
                      DB_ARGS(DB_I64(c->id), DB_I64(c->who->user_id)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0)
        rc = json_read(c->a, arena_str(c->a, db_str(rows, 0)), ret, e);
    db_rows_done(rows);
    db_reader_done(conn);
    if (rc == 0 && !*ret)
        rc = err_set(e, ERR_NOT_FOUND, "export %lld", (long long)c->id);
    return rc;
}

static struct str disposition(struct api_call *c, struct str file, struct str format)
{
    struct buf out = BUF_INIT(4096);
    buf_printf(&out, "attachment; filename=\"export." STR_FMT "\"; filename*=UTF-8''",
               STR_ARG(format));
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

static int fetch(struct api_call *c, struct jw *w)
{
    json_t *result;
    struct stat st;
    (void)w;
    int rc = find_result(c, &result, &c->err);
    if (rc)
        return rc;
    struct str format = json_get_str(result, "format");
    int known = table_format_find(format);
    if (known < 0)
        return err_set(&c->err, ERR_INTERNAL, "export of an unknown format");
    struct str path = export_path(c->t, c->id, format, c->a);
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(&c->err, ERR_EXPORT_GONE, "%s", path.p);
    if (fd < 0 || fstat(fd, &st) != 0) {
        rc = err_set(&c->err, ERR_IO, "%s: %s", path.p, strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    http_set(c->req, "Content-Disposition", disposition(c, json_get_str(result, "file"), format));
    http_set(c->req, "Cache-Control", STR("no-store"));
    http_reply_fd(c->req, 200, table_media_type((enum table_format)known), fd, st.st_size);
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
