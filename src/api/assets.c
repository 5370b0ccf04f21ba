/* The browser application, carried inside the program and pre-compressed. */
#include "api/internal.h"

#include "base/embed.h"

#include <string.h>

static const struct {
    const char *ending, *type;
} types[] = {{".html", "text/html; charset=utf-8"},
             {".js", "text/javascript; charset=utf-8"},
             {".css", "text/css; charset=utf-8"},
             {".svg", "image/svg+xml"},
             {".png", "image/png"},
             {".ico", "image/x-icon"},
             {".json", "application/json"},
             {".webmanifest", "application/manifest+json"},
             {".txt", "text/plain; charset=utf-8"}};

static const char *type_of(struct str name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t n = strlen(types[i].ending);
        if (name.n > n && memcmp(name.p + name.n - n, types[i].ending, n) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static const struct embedded *find(struct str name)
{
    for (const struct embedded *f = embedded_web; f->name; f++)
        if (str_is(name, f->name))
            return f;
    return NULL;
}

static bool takes_brotli(const struct http_request *req)
{
    struct str accept = http_header(req, "Accept-Encoding"), part;
    while (str_split(&accept, ',', &part)) {
        part = str_trim(part);
        part.n = str_find(part, ';');
        if (str_is(str_trim(part), "br"))
            return true;
    }
    return false;
}

static void security_headers(struct http_request *req, bool secure)
{
    http_set(req, "Content-Security-Policy",
             STR("default-src 'self'; script-src 'self'; style-src-elem 'self'; "
                 "style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
                 "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"));
    http_set(req, "X-Content-Type-Options", STR("nosniff"));
    http_set(req, "Referrer-Policy", STR("same-origin"));
    http_set(req, "Cross-Origin-Opener-Policy", STR("same-origin"));
    if (secure)
        http_set(req, "Strict-Transport-Security", STR("max-age=31536000"));
}

bool asset_serve(struct http_request *req, bool secure)
{
    if (req->method != HTTP_GET && req->method != HTTP_HEAD)
        return false;
    struct str name = str_skip(req->path, 1);
    const struct embedded *file = name.n ? find(name) : NULL;
    bool page = !file;
    /* Paths of screens belong to the application; missing assets are missing. */
    if (page && !str_starts(name, STR("assets/"))) {
        name = STR("index.html");
        file = find(name);
    }
    if (!file)
        return false;
    struct str br = arena_printf(req->arena, STR_FMT ".br", STR_ARG(name));
    const struct embedded *packed = takes_brotli(req) ? find(br) : NULL;
    security_headers(req, secure);
    http_set(req, "Vary", STR("Accept-Encoding"));
    http_set(req, "Cache-Control",
             str_starts(name, STR("assets/")) ? STR("public, max-age=31536000, immutable")
                                              : STR("no-cache"));
    if (packed) {
        http_set(req, "Content-Encoding", STR("br"));
        file = packed;
    }
    http_reply_static(req, 200, type_of(name), str_from(file->data, file->size));
    return true;
}
