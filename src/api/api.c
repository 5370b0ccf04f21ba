#include "api/internal.h"

#define LOG_MODULE "api"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* --- who asks ------------------------------------------------------------------------------ */

static const char *cookie_name(const struct api *a)
{
    return a->o.secure_cookies ? "__Host-patron" : "patron";
}

static enum lang language_of(struct api_call *c)
{
    if (c->who)
        return c->who->lang;
    struct str accept = http_header(c->req, "Accept-Language");
    if (str_starts(accept, STR("zh")))
        return LANG_ZH;
    if (str_starts(accept, STR("en")))
        return LANG_EN;
    return tenant_company(c->t)->lang;
}

static bool is_safe(enum http_method m)
{
    return m == HTTP_GET || m == HTTP_HEAD;
}

/* A page of another site can send forms and simple requests with our cookie, but neither this
   header nor a same-origin Sec-Fetch-Site. */
static int check_same_site(struct api_call *c)
{
    struct http_request *r = c->req;
    struct str site = http_header(r, "Sec-Fetch-Site"), origin = http_header(r, "Origin");
    struct str host = http_header(r, "Host");
    bool ok = http_header(r, "X-Patron").n > 0;
    if (site.n && !str_is(site, "same-origin"))
        ok = false;
    if (origin.n) {
        size_t at = str_find(origin, '/');
        ok = ok && at + 2 <= origin.n && str_eq(str_skip(origin, at + 2), host);
    }
    return ok ? 0 : err_set(&c->err, ERR_CROSS_SITE, "cross-site " STR_FMT, STR_ARG(r->path));
}

static int authenticate(struct api_call *c)
{
    struct str header = http_header(c->req, "Authorization"), secret;
    bool by_cookie = header.n == 0;
    if (by_cookie)
        secret = http_cookie(c->req, cookie_name(c->api));
    else
        secret = str_starts(header, STR("Bearer ")) ? str_skip(header, 7) : STR_NULL;
    int rc = secret.n ? identity_enter(c->t, secret, by_cookie, &c->pass, &c->err)
                      : err_set(&c->err, ERR_NOT_SIGNED_IN, "no secret");
    if (rc == 0)
        c->who = c->pass.who;
    if (c->endpoint->access == API_PUBLIC && rc == ERR_NOT_SIGNED_IN) {
        err_clear(&c->err);
        rc = 0;
    }
    c->lang = language_of(c);
    if (rc)
        return rc;
    if (c->who && by_cookie && !is_safe(c->req->method))
        rc = check_same_site(c);
    if (rc == 0 && c->endpoint->access == API_ADMIN && !c->who->is_admin)
        rc = err_set(&c->err, ERR_FORBIDDEN, "for administrators");
    return rc;
}

/* --- the two steps of a request ------------------------------------------------------------ */

static struct api_call *new_call(struct api *a, struct http_request *req)
{
    struct api_call *c = arena_new_of(req->arena, struct api_call);
    c->api = a;
    c->t = a->t;
    c->req = req;
    c->a = req->arena;
    c->status = 200;
    c->if_match = -1;
    err_init(&c->err, c->a);
    req->user = c;
    return c;
}

static bool is_api(struct str path)
{
    return str_starts(path, STR("/api/")) || str_is(path, "/healthz") || str_is(path, "/readyz") ||
           str_is(path, "/metrics");
}

static enum http_body on_head(void *arg, struct http_request *req)
{
    struct api *a = arg;
    if (!is_api(req->path))
        return HTTP_BODY_MEMORY;
    struct api_call *c = new_call(a, req);
    struct str allow;
    c->lang = language_of(c);
    c->endpoint = route_find(a, c, &allow);
    int rc = 0;
    if (!c->endpoint && allow.n) {
        http_set(req, "Allow", allow);
        rc = err_set(&c->err, ERR_METHOD_NOT_ALLOWED, "method");
    } else if (!c->endpoint) {
        rc = err_set(&c->err, ERR_NOT_FOUND, "no such path");
    } else if (c->endpoint->body == API_FILE) {
        rc = authenticate(c); /* before two gigabytes are taken from a stranger */
    }
    if (rc == 0)
        return c->endpoint->body == API_FILE ? HTTP_BODY_FILE : HTTP_BODY_MEMORY;
    /* A body under way must not be answered into; small ones are read and dropped. */
    c->err.code = rc;
    if (c->endpoint && c->endpoint->body == API_FILE) {
        call_answer(c, rc);
        return HTTP_BODY_ANSWERED;
    }
    return HTTP_BODY_MEMORY;
}

static int read_body(struct api_call *c)
{
    struct http_request *r = c->req;
    if (c->endpoint->body != API_JSON || is_safe(r->method))
        return 0;
    if (str_trim(r->body).n == 0) {
        if (c->endpoint->method == HTTP_DELETE || !c->endpoint->request)
            return 0;
        err_param_i64(&c->err, "offset", 0);
        return err_set(&c->err, ERR_MALFORMED_JSON, "empty body");
    }
    struct str type = http_header(r, "Content-Type");
    if (type.n && !str_starts(type, STR("application/json")))
        return err_set(&c->err, ERR_UNSUPPORTED_MEDIA, "content type");
    return json_read(c->a, r->body, &c->body, &c->err);
}

static int read_if_match(struct api_call *c)
{
    struct str h = str_trim(http_header(c->req, "If-Match"));
    if (h.n == 0 || str_is(h, "*"))
        return 0;
    if (h.n > 2 && h.p[0] == '"' && h.p[h.n - 1] == '"' &&
        str_to_i64(str_from(h.p + 1, h.n - 2), &c->if_match) && c->if_match >= 0)
        return 0;
    c->if_match = -1;
    return api_bad_param(c, "If-Match");
}

static void on_handle(void *arg, struct http_request *req)
{
    struct api *a = arg;
    struct api_call *c = req->user;
    if (!c) {
        if (!asset_serve(req, a->o.secure_cookies)) {
            c = new_call(a, req);
            c->lang = language_of(c);
            call_answer(c, err_set(&c->err, ERR_NOT_FOUND, "no such file"));
        }
        return;
    }
    if (!c->endpoint) {
        call_answer(c, c->err.code);
        return;
    }
    int rc = c->who ? 0 : authenticate(c);
    if (rc == 0)
        rc = read_body(c);
    if (rc == 0)
        rc = read_if_match(c);
    if (rc)
        call_answer(c, rc);
    else
        call_run(c);
}

static void on_refuse(void *arg, struct http_request *req, int status)
{
    struct api *a = arg;
    struct api_call *c = req->user ? req->user : new_call(a, req);
    err_clear(&c->err);
    c->lang = language_of(c);
    int code = status == 413 ? ERR_TOO_LARGE : status == 507 ? ERR_STORAGE_FULL : ERR_BAD_PARAMETER;
    call_answer(c, err_set(&c->err, code, "refused: %d", status));
}

static void on_finished(void *arg, struct http_request *req)
{
    struct api_call *c = req->user;
    (void)arg;
    if (!c)
        return;
    identity_leave(&c->pass);
    log_debug(STR_FMT " %d", STR_ARG(req->path), req->status);
}

/* --- helpers ------------------------------------------------------------------------------- */

struct filter_env api_filter_env(const struct api_call *c)
{
    return identity_filter_env(c->t, c->who, c->a);
}

struct str api_peer(const struct api_call *c)
{
    struct str hops = http_header(c->req, "X-Forwarded-For"), hop, last = STR_NULL;
    /* The last hop is the one our own proxy wrote; the ones before anybody can write. */
    while (c->api->o.secure_cookies && str_split(&hops, ',', &hop))
        last = str_trim(hop);
    return last.n && last.n < 64 ? arena_str(c->a, last) : http_peer(c->req);
}

bool api_peer_is_local(const struct api_call *c)
{
    bool forwarded = http_header(c->req, "X-Forwarded-For").n || http_header(c->req, "Forwarded").n;
    return http_peer_is_loopback(c->req) && !forwarded;
}

int api_bad_param(struct api_call *c, const char *name)
{
    err_param(&c->err, "name", str_of(name));
    return err_set(&c->err, ERR_BAD_PARAMETER, "%s", name);
}

int api_job_started(struct api_call *c, int rc, int64_t job, struct jw *w)
{
    if (rc)
        return rc;
    c->status = 202;
    jw_obj(w);
    jw_kid(w, "job_id", job);
    jw_obj_end(w);
    return 0;
}

int api_param_i64(struct api_call *c, const char *name, int64_t absent, int64_t min, int64_t max,
                  int64_t *ret_value)
{
    struct str s = http_param(c->req, name);
    int64_t v = absent;
    if (s.n && (!str_to_i64(s, &v) || v < min || v > max))
        return api_bad_param(c, name);
    *ret_value = v;
    return 0;
}

void api_time(struct jw *w, const char *key, const struct db_rows *rows, unsigned col)
{
    jw_key(w, key);
    if (db_is_null(rows, col))
        jw_null(w);
    else
        jw_i64(w, db_i64(rows, col));
}

int api_body_str(struct api_call *c, const char *name, bool required, struct str *ret_value)
{
    const json_t *v = json_object_get(c->body, name);
    struct str pointer = arena_printf(c->a, "/%s", name);
    if ((!v || json_is_null(v)) && !required) {
        *ret_value = STR_NULL;
        return 0;
    }
    if (!json_is_string(v) || (required && json_string_length(v) == 0)) {
        err_item(&c->err, pointer, v && !json_is_string(v) ? "type-text" : "required");
        return err_set(&c->err, ERR_VALIDATION, "%s", name);
    }
    *ret_value = str_from(json_string_value(v), json_string_length(v));
    return 0;
}

/* --- life ---------------------------------------------------------------------------------- */

int api_new(const struct api_options *o, struct api **ret_api, struct err *e)
{
    struct arena *arena = arena_new(0);
    if (!arena)
        return err_set(e, ERR_NOMEM, "api");
    struct api *a = arena_new_of(arena, struct api);
    a->arena = arena;
    a->t = o->tenant;
    a->o = *o;
    int rc = routes_build(a, e);
    unsigned workers = o->workers ? o->workers : db_kind(o->tenant->db) == DB_SQLITE ? 4 : 16;
    if (rc == 0)
        rc = work_start(a, workers, e);
    if (rc) {
        arena_free(arena);
        return rc;
    }
    *ret_api = a;
    return 0;
}

static void wake(void *arg)
{
    struct api *a = arg;
    http_wake(a->server);
}

void api_attach(struct api *a, struct http_server *s)
{
    a->server = s;
    live_on_publish(a->t->live, s ? wake : NULL, a);
}

void api_free(struct api *a)
{
    if (!a)
        return;
    work_stop(a);
    arena_free(a->arena);
}

struct http_handler api_handler(struct api *a)
{
    return (struct http_handler){.head = on_head,
                                 .handle = on_handle,
                                 .refuse = on_refuse,
                                 .finished = on_finished,
                                 .arg = a};
}

void api_counters(const struct api *a, struct api_counters *ret)
{
    struct api *m = (struct api *)a;
    *ret = (struct api_counters){atomic_load(&m->reads_inline), atomic_load(&m->reads_moved),
                                 atomic_load(&m->writes), atomic_load(&m->slow)};
}

const struct http_server *api_server(const struct api *a)
{
    return a->server;
}

const struct endpoint *const *api_tables(const struct api *a)
{
    return a->o.tables;
}

bool api_secure(const struct api *a)
{
    return a->o.secure_cookies;
}

bool api_insecure(const struct api *a)
{
    return a->o.insecure;
}
