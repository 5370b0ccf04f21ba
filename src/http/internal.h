/* Shared by the files of src/http only. */
#ifndef PATRON_HTTP_INTERNAL_H
#define PATRON_HTTP_INTERNAL_H

#include "http/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#define HEADER_US INT64_C(10000000) /* for a complete header after accept */
#define BODY_US INT64_C(30000000)   /* for a body, before its own pace counts */
#define IDLE_US INT64_C(75000000)   /* between two requests */
#define CLOSE_US INT64_C(2000000)   /* for libmicrohttpd to notice that a socket was shut down */
enum { MAX_HEADERS = 16, KEEP_BYTES = 64 << 10 };

struct answer; /* MHD_Response in waiting */

struct stream {
    bool (*fill)(void *arg, struct buf *out, bool final);
    void (*done)(void *arg);
    void *arg;
    struct buf out;
    size_t sent;
    bool ended;
};

struct http_conn {
    struct http_server *server;
    struct MHD_Connection *mhd;
    struct http_conn *next, *prev; /* server's list, under its lock */
    int fd;
    struct arena *arena;
    struct http_request req;
    _Atomic bool active; /* a request is under way */
    _Atomic int64_t deadline_us;
    /* the body */
    struct buf body;
    int body_fd, refused;
    int64_t body_since_us, body_bytes;
    /* the answer */
    struct {
        const char *name;
        struct str value;
    } headers[MAX_HEADERS];
    size_t nheaders;
    /* Set last by whoever answers, read first by the loop thread: with it the request comes back.
     */
    struct MHD_Response *_Atomic answer;
    unsigned status;
    _Atomic bool suspended; /* by http_suspend: somebody owes an answer */
    struct stream *stream;  /* the answer is a stream */
    bool asleep;            /* the stream is suspended; under the server's lock */
};

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_handler handler;
    size_t max_body;
    int64_t max_upload;
    char *upload_dir;
    unsigned port;
    pthread_mutex_t lock; /* conns, nconns, asleep */
    pthread_cond_t changed;
    struct http_conn *conns;
    size_t nconns;
    pthread_t reaper;
    _Atomic bool stopping, reaper_stop;
    _Atomic uint64_t requests, total_conns, nstreams, bytes_out, by_class[6];
};

enum MHD_Result answer_now(struct http_conn *conn);
int reaper_start(struct http_server *s);
void reaper_stop(struct http_server *s);

#endif
