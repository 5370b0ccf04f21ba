/* Files of records over HTTP. A file is given as what its bytes are, never to be run: pictures and
   PDF in a page when asked, everything else as a download. */
#include "api/internal.h"

#include "core/files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int list_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct record r;
    int rc = record_get(conn, c->who, c->en, c->id, false, c->a, &r, &c->err);
    return rc ? rc : file_list(conn, c->t, c->who, &r, w, &c->err);
}

static int attach_post(struct api_call *c, struct jw *w)
{
    struct db_conn *conn = NULL;
    int64_t id = 0;
    struct file_put f = {.en = c->en,
                         .record_id = c->id,
                         .path = c->req->file,
                         .size = c->req->file_size,
                         .name = http_param(c->req, "name")};
    int rc = file_attach(c->t, c->who, &f, c->a, &id, &c->err);
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    if (rc)
        return rc;
    c->status = 201;
    c->location = arena_printf(c->a, "/api/v1/attachments/%lld", (long long)id);
    rc = file_json(conn, id, w, &c->err);
    db_reader_done(conn);
    return rc;
}

/* RFC 6266 and 5987: the name in full for who understands it, in ASCII for who does not. */
static struct str disposition(struct arena *a, bool inside, struct str name)
{
    static const char hex[] = "0123456789ABCDEF";
    struct buf b = BUF_INIT(4096);
    buf_printf(&b, "%s; filename=\"", inside ? "inline" : "attachment");
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        buf_add_char(&b, c < 32 || c > 126 || c == '"' || c == '\\' || c == '%' ? '_' : c);
    }
    buf_add_cstr(&b, "\"; filename*=UTF-8''");
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '.' || c == '-' || c == '_';
        if (plain)
            buf_add_char(&b, (char)c);
        else
            buf_printf(&b, "%%%c%c", hex[c >> 4], hex[c & 15]);
    }
    struct str out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return out;
}

struct taking {
    struct api_call *c;
    const struct file_row *f;
};

static int note_taking(struct db_conn *conn, void *arg, struct err *e)
{
    struct taking *k = arg;
    return history_note(conn, k->c->t, k->c->who, HISTORY_TAKEN, k->f->en->name, k->f->record_id,
                        k->f->name, STR_NULL, e);
}

static int bytes_get(struct api_call *c, struct jw *w)
{
    struct db_conn *conn = NULL;
    struct file_row f;
    struct taking taking = {c, &f};
    struct stat st;
    (void)w;
    int rc = db_reader(c->t->db, &conn, &c->err);
    if (rc)
        return rc;
    rc = file_find(conn, c->t, c->who, c->id, false, c->a, &f, &c->err);
    db_reader_done(conn);
    if (rc)
        return rc;
    const char *path = file_path(c->t, f.hash, c->a);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        rc = err_set(&c->err, ERR_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    /* A picture in the page is looked at; a download leaves the house. */
    bool inside = f.type->shown && str_is(http_param(c->req, "inline"), "1");
    bool pdf = strcmp(f.type->mime, "application/pdf") == 0;
    if (!inside)
        rc = db_transact(c->t->db, DB_INTERACTIVE, note_taking, &taking, &c->err);
    if (rc) {
        close(fd);
        return rc;
    }
    /* Browsers show a PDF in a viewer of their own, which a sandbox would keep out. */
    http_set(c->req, "Content-Security-Policy",
             inside && pdf ? STR("default-src 'none'; style-src 'unsafe-inline'; "
                                 "object-src 'self'; frame-ancestors 'self'")
                           : STR("default-src 'none'; sandbox; frame-ancestors 'self'"));
    http_set(c->req, "X-Content-Type-Options", STR("nosniff"));
    http_set(c->req, "Cross-Origin-Resource-Policy", STR("same-origin"));
    http_set(c->req, "Cache-Control", STR("private, max-age=300"));
    http_set(c->req, "Content-Disposition", disposition(c->a, inside, f.name));
    http_reply_fd(c->req, 200, f.type->mime, fd, st.st_size);
    return 0;
}

static int remove_delete(struct api_call *c, struct write *wr, struct jw *w)
{
    (void)w;
    c->status = 204;
    c->no_body = true;
    return file_remove(wr, c->id, false, &c->err);
}

static int restore_post(struct api_call *c, struct write *wr, struct jw *w)
{
    int rc = file_remove(wr, c->id, true, &c->err);
    return rc ? rc : file_json(wr->c, c->id, w, &c->err);
}

const struct endpoint api_files_endpoints[] = {
    {HTTP_GET, "/api/v1/attachments/{id}", API_SLOW, API_SIGNED_IN, API_NO_BODY, .plain = bytes_get,
     .doc = "The file itself", .params = "inline", .raw = true},
    {HTTP_DELETE, "/api/v1/attachments/{id}", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = remove_delete, .doc = "Take a file off its record"},
    {HTTP_POST, "/api/v1/attachments/{id}/restore", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = restore_post, .doc = "Put it back, within a week", .response = "attachment"},
    {HTTP_GET, "/api/v1/{entity}/{id}/attachments", API_READ, API_SIGNED_IN, API_NO_BODY,
     .read = list_get, .doc = "The files of a record, newest first", .response = "attachments"},
    {HTTP_POST, "/api/v1/{entity}/{id}/attachments", API_SLOW, API_SIGNED_IN, API_FILE,
     .plain = attach_post, .doc = "Attach a file; the body is its bytes", .params = "name",
     .response = "attachment"},
    {.path = NULL},
};
