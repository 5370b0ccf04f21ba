/* The HTTP server around libmicrohttpd: connections, deadlines, bodies, streams. It knows nothing
   of what is served.

   A request's life: `head` is called on a loop thread when the header has arrived and says where
   the body goes (or answers at once); `handle` is called on the same thread when the body is
   complete. It answers with http_reply*, or calls http_suspend and some other thread answers later.
   Exactly one answer per request; after it the request may not be touched. */
#ifndef PATRON_HTTP_H
#define PATRON_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OTHER };

struct http_server;
struct http_conn;

struct http_request {
    enum http_method method;
    struct str path;     /* decoded, without the query; always begins with '/' */
    struct arena *arena; /* reset when the request is over */
    struct str body;     /* memory bodies */
    const char *file; /* file bodies: path of the temporary file, removed at the end unless taken */
    int64_t file_size;
    struct buf out; /* the answer's body is collected here; its memory is reused */
    int64_t started_us;
    uint64_t number; /* of the request, for its id */
    int status;      /* of the answer, once given */
    void *user;      /* for the layer above */
    /* private */
    struct http_conn *conn;
};

enum http_body { HTTP_BODY_MEMORY, HTTP_BODY_FILE, HTTP_BODY_ANSWERED };

struct http_handler {
    /* Where the body goes. HTTP_BODY_ANSWERED = it called http_reply* itself (a refusal). */
    enum http_body (*head)(void *arg, struct http_request *req);
    void (*handle)(void *arg, struct http_request *req);
    /* A body over the limit, a broken one: the server asks for the words. status 413 or 400. */
    void (*refuse)(void *arg, struct http_request *req, int status);
    /* The answer has left, or its connection broke. Always called once. */
    void (*finished)(void *arg, struct http_request *req);
    void *arg;
};

struct http_options {
    const char *address;    /* "127.0.0.1", "::1", "0.0.0.0" */
    unsigned port;          /* 0 = any free one */
    unsigned threads;       /* loop threads; 0 = number of processors, at most 8 */
    unsigned connections;   /* at most; 0 = 5000 */
    size_t max_body;        /* memory bodies; 0 = 1 MB */
    int64_t max_upload;     /* file bodies; 0 = 2 GB */
    const char *upload_dir; /* existing folder for temporary files */
};

/* Errors: ERR_PORT_IN_USE (params "address", "port"), ERR_IO. */
int http_start(const struct http_options *o, const struct http_handler *h,
               struct http_server **ret_server, struct err *e) must_check;
unsigned http_port(const struct http_server *s);
/* Stops accepting, ends the streams, waits up to `ms` for the requests under way, then closes
   their connections. What a worker or writer still owes an answer to is waited for in any case:
   its memory is theirs until then. */
void http_stop(struct http_server *s, unsigned ms);

/* --- reading a request ---------------------------------------------------------------------------
 */

/* A header's value, or STR_NULL. Borrowed from the connection until the answer. */
struct str http_header(const struct http_request *r, const char *name);
/* The first query parameter of that name, decoded; STR_NULL if absent. */
struct str http_param(const struct http_request *r, const char *name);
/* Calls fn for every query parameter in order, until it returns false. */
void http_params(const struct http_request *r,
                 bool (*fn)(void *arg, struct str name, struct str value), void *arg);
struct str http_cookie(const struct http_request *r, const char *name);
/* Address of the peer as text, in the arena. */
struct str http_peer(const struct http_request *r);
bool http_peer_is_loopback(const struct http_request *r);

/* --- answering -----------------------------------------------------------------------------------
 */

/* Adds a header to the answer to come. Values with line ends are refused (dropped and logged). */
void http_set(struct http_request *r, const char *name, struct str value);
/* Answers with what stands in r->out. content_type may be NULL (no body). */
void http_reply(struct http_request *r, int status, const char *content_type);
/* Answers with bytes that live as long as the program. */
void http_reply_static(struct http_request *r, int status, const char *content_type,
                       struct str bytes);
/* Answers with the content of an open file (closed when sent). */
void http_reply_fd(struct http_request *r, int status, const char *content_type, int fd,
                   int64_t size);

/* From `handle`: the answer comes later, from another thread. Call before the work is handed over.
 */
void http_suspend(struct http_request *r);

/* Answers with an endless stream. `fill` is called on a loop thread when the stream was woken or
   drained; it appends to `out`, or nothing (the stream then sleeps until http_wake). Returning
   false ends the stream. `fill` gets final = true once when the server stops. */
void http_reply_stream(struct http_request *r, const char *content_type,
                       bool (*fill)(void *arg, struct buf *out, bool final), void *arg,
                       void (*done)(void *arg));
/* Wakes all sleeping streams; any thread. */
void http_wake(struct http_server *s);

struct http_stats {
    uint64_t requests, by_class[6], connections, open_connections, streams, bytes_out;
};
void http_stats(const struct http_server *s, struct http_stats *ret_stats);

#endif
