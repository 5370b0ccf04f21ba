/* From a handler's result to an HTTP answer: headers, problems. */
#include "api/internal.h"

#define LOG_MODULE "api"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

static struct str request_id(struct api_call *c)
{
    return arena_printf(c->a, "%llx-%llx", (unsigned long long)c->req->started_us,
                        (unsigned long long)c->req->number);
}

static void write_params(const struct err_param *params, size_t n, struct jw *w)
{
    jw_key(w, "params");
    jw_obj(w);
    for (size_t i = 0; i < n; i++)
        if (params[i].key)
            jw_kstr(w, params[i].key, params[i].value);
    jw_obj_end(w);
}

static void write_problem(struct api_call *c, const struct err_def *def, struct jw *w)
{
    const struct messages *m = c->t->messages;
    struct err *e = &c->err;
    jw_obj(w);
    jw_key(w, "type");
    jw_str(w, arena_printf(c->a, "/problems/%s", def->id));
    jw_kstr(w, "title", message_text(m, c->lang, def->id, e->params, 4, c->a));
    jw_ki64(w, "status", def->status);
    jw_kcstr(w, "code", def->id);
    jw_kstr(w, "request_id", request_id(c));
    write_params(e->params, 4, w);
    if (e->items) {
        jw_key(w, "errors");
        jw_arr(w);
        for (const struct err_item *i = e->items; i; i = i->next) {
            jw_obj(w);
            jw_kstr(w, "pointer", i->pointer);
            jw_kcstr(w, "code", i->code);
            write_params(i->params, 3, w);
            jw_kstr(w, "message", message_text(m, c->lang, i->code, i->params, 3, c->a));
            jw_obj_end(w);
        }
        jw_arr_end(w);
    }
    if (e->current.n) {
        jw_key(w, e->code == ERR_UNDO_CONFLICT ? "conflicts" : "current");
        jw_raw(w, e->current);
    }
    jw_obj_end(w);
}

static void common_headers(struct api_call *c)
{
    struct http_request *r = c->req;
    http_set(r, "X-Request-Id", request_id(c));
    http_set(r, "Cache-Control", STR("no-store"));
    http_set(r, "X-Content-Type-Options", STR("nosniff"));
}

void api_problem(struct api_call *c)
{
    struct http_request *r = c->req;
    const struct err_def *def = err_def(c->err.code);
    buf_clear(&r->out);
    struct jw w = jw_new(&r->out);
    write_problem(c, def, &w);
    common_headers(c);
    for (size_t i = 0; i < 4; i++)
        if (c->err.params[i].key && strcmp(c->err.params[i].key, "seconds") == 0)
            http_set(r, "Retry-After", c->err.params[i].value);
    if (def->code == ERR_BUSY || def->code == ERR_DATABASE_UNAVAILABLE)
        http_set(r, "Retry-After", STR("1"));
    if (def->status >= 500)
        log_error("%s: " STR_FMT " %s: %s", request_id(c).p, STR_ARG(r->path), def->id,
                  c->err.detail);
    http_reply(r, def->status, "application/problem+json");
}

void call_answer(struct api_call *c, int rc)
{
    struct http_request *r = c->req;
    if (rc == 0 && r->out.overflow)
        rc = err_set(&c->err, ERR_TOO_LARGE, "the answer is too large");
    if (rc) {
        c->err.code = rc;
        api_problem(c);
        return;
    }
    common_headers(c);
    char text[32];
    if (c->etag) {
        snprintf(text, sizeof text, "\"%lld\"", (long long)c->etag);
        http_set(r, "ETag", str_of(text));
    }
    if (c->event_id) {
        snprintf(text, sizeof text, "%lld", (long long)c->event_id);
        http_set(r, "X-Event-Id", str_of(text));
    }
    if (c->location.n)
        http_set(r, "Location", c->location);
    if (c->cookie.n)
        http_set(r, "Set-Cookie", c->cookie);
    if (c->no_body)
        http_reply(r, c->status, NULL);
    else
        http_reply(r, c->status, c->content_type ? c->content_type : "application/json");
}
