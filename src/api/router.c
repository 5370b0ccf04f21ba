/* From method and path to an endpoint. Paths are few and short: the table is walked. */
#include "api/internal.h"

#include "base/ids.h"

#include <string.h>

static size_t cut(struct str path, struct str out[MAX_SEGMENTS])
{
    size_t n = 0;
    struct str rest = str_skip(path, 1), part;
    while (n < MAX_SEGMENTS && str_split(&rest, '/', &part))
        out[n++] = part;
    return rest.p ? 0 : n;
}

int routes_build(struct api *a, struct err *e)
{
    size_t n = 0;
    for (const struct endpoint *const *t = a->o.tables; *t; t++)
        for (const struct endpoint *ep = *t; ep->path; ep++)
            n++;
    a->routes = arena_array(a->arena, struct route, n);
    for (const struct endpoint *const *t = a->o.tables; *t; t++) {
        for (const struct endpoint *ep = *t; ep->path; ep++) {
            struct route *r = &a->routes[a->nroutes++];
            r->ep = ep;
            r->n = cut(str_of(ep->path), r->segments);
            if (r->n == 0)
                return err_set(e, ERR_INTERNAL, "endpoint %s is too long", ep->path);
        }
    }
    return 0;
}

/* Literal segments first: "/api/v1/imports" is no entity even if one were called so. */
static bool fits(const struct route *r, const struct str *seg, size_t n, struct api_call *c)
{
    const struct entity *en = NULL;
    int64_t id = 0;
    if (r->n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct str want = r->segments[i];
        if (want.n && want.p[0] == '{') {
            bool ok = str_is(want, "{entity}")
                          ? (en = registry_by_path(c->t->registry, seg[i])) != NULL
                          : id_parse(seg[i], &id);
            if (!ok)
                return false;
        } else if (!str_eq(want, seg[i])) {
            return false;
        }
    }
    c->en = en;
    c->id = id;
    return true;
}

static const char *const names[] = {
    [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};

const struct endpoint *route_find(struct api *a, struct api_call *c, struct str *ret_allow)
{
    struct str seg[MAX_SEGMENTS];
    size_t n = cut(c->req->path, seg);
    enum http_method method = c->req->method == HTTP_HEAD ? HTTP_GET : c->req->method;
    *ret_allow = STR_NULL;
    for (size_t i = 0; n && i < a->nroutes; i++) {
        if (!fits(&a->routes[i], seg, n, c))
            continue;
        if (a->routes[i].ep->method == method)
            return a->routes[i].ep;
        *ret_allow = arena_printf(c->a, STR_FMT "%s%s", STR_ARG(*ret_allow),
                                  ret_allow->n ? ", " : "", names[a->routes[i].ep->method]);
    }
    return NULL;
}
