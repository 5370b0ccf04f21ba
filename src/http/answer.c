/* Answers: buffers, static bytes, files, streams. */
#include "http/internal.h"

#define LOG_MODULE "http"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void http_set(struct http_request *r, const char *name, struct str value)
{
    struct http_conn *conn = r->conn;
    if (str_find(value, '\n') < value.n || str_find(value, '\r') < value.n ||
        conn->nheaders == MAX_HEADERS) {
        log_error("header %s left out", name);
        return;
    }
    conn->headers[conn->nheaders].name = name;
    conn->headers[conn->nheaders++].value = arena_str(r->arena, value);
}

/* From the loop thread at the end of `handle`, or from another thread through resume. */
static void give(struct http_request *r, struct MHD_Response *response, int status,
                 const char *content_type)
{
    struct http_conn *conn = r->conn;
    if (content_type)
        MHD_add_response_header(response, "Content-Type", content_type);
    for (size_t i = 0; i < conn->nheaders; i++)
        MHD_add_response_header(response, conn->headers[i].name, conn->headers[i].value.p);
    r->status = status;
    conn->status = (unsigned)status;
    atomic_fetch_add_explicit(&conn->server->by_class[status / 100 < 6 ? status / 100 : 5], 1,
                              memory_order_relaxed);
    conn->answer = response;
    if (conn->suspended)
        MHD_resume_connection(conn->mhd);
}

void http_reply(struct http_request *r, int status, const char *content_type)
{
    /* The buffer stays with the connection, which outlives the response. */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        content_type ? r->out.n : 0, content_type && r->out.n ? r->out.p : "",
        MHD_RESPMEM_PERSISTENT);
    atomic_fetch_add_explicit(&r->conn->server->bytes_out, r->out.n, memory_order_relaxed);
    give(r, response, status, content_type);
}

void http_reply_static(struct http_request *r, int status, const char *content_type,
                       struct str bytes)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes.n, (void *)bytes.p, MHD_RESPMEM_PERSISTENT);
    give(r, response, status, content_type);
}

void http_reply_fd(struct http_request *r, int status, const char *content_type, int fd,
                   int64_t size)
{
    struct MHD_Response *response = MHD_create_response_from_fd64((uint64_t)size, fd);
    if (!response)
        close(fd);
    give(r, response, status, content_type);
}

void http_suspend(struct http_request *r)
{
    r->conn->suspended = true;
    MHD_suspend_connection(r->conn->mhd);
}

enum MHD_Result answer_now(struct http_conn *conn)
{
    struct MHD_Response *response = conn->answer;
    conn->answer = NULL;
    conn->suspended = false;
    if (!response) {
        log_error("a request was left without an answer");
        return MHD_NO;
    }
    if (conn->refused)
        MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result queued = MHD_queue_response(conn->mhd, conn->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* --- streams ------------------------------------------------------------------------------- */

/* Copies what is there; falls asleep when nothing is. */
static ssize_t stream_read(void *cls, uint64_t pos, char *out, size_t max)
{
    struct http_conn *conn = cls;
    struct stream *st = conn->stream;
    struct http_server *s = conn->server;
    (void)pos;
    if (st->sent == st->out.n) {
        buf_clear(&st->out);
        st->sent = 0;
        if (st->ended)
            return MHD_CONTENT_READER_END_OF_STREAM;
        /* Asleep before filling: an event that comes in between then wakes us again. */
        pthread_mutex_lock(&s->lock);
        bool final = atomic_load(&s->stopping);
        conn->asleep = !final;
        pthread_mutex_unlock(&s->lock);
        st->ended = !st->fill(st->arg, &st->out, final) || final;
        if (st->out.n == 0 && !st->ended) {
            pthread_mutex_lock(&s->lock);
            if (conn->asleep)
                MHD_suspend_connection(conn->mhd);
            pthread_mutex_unlock(&s->lock);
            return 0;
        }
        pthread_mutex_lock(&s->lock);
        conn->asleep = false;
        pthread_mutex_unlock(&s->lock);
        if (st->out.n == 0)
            return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t n = st->out.n - st->sent < max ? st->out.n - st->sent : max;
    memcpy(out, st->out.p + st->sent, n);
    st->sent += n;
    return (ssize_t)n;
}

static void stream_free(void *cls)
{
    struct http_conn *conn = cls;
    struct stream *st = conn->stream;
    conn->stream = NULL;
    atomic_fetch_sub(&conn->server->nstreams, 1);
    st->done(st->arg);
    buf_free(&st->out);
    free(st);
}

void http_reply_stream(struct http_request *r, const char *content_type,
                       bool (*fill)(void *arg, struct buf *out, bool final), void *arg,
                       void (*done)(void *arg))
{
    struct http_conn *conn = r->conn;
    struct stream *st = calloc(1, sizeof *st);
    if (!st) {
        done(arg);
        http_reply(r, 503, NULL);
        return;
    }
    *st = (struct stream){.fill = fill, .done = done, .arg = arg, .out = BUF_INIT(1 << 20)};
    conn->stream = st;
    atomic_fetch_add(&conn->server->nstreams, 1);
    give(r,
         MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 8192, stream_read, conn, stream_free),
         200, content_type);
}

void http_wake(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    for (struct http_conn *c = s->conns; c; c = c->next) {
        if (!c->asleep)
            continue;
        c->asleep = false;
        MHD_resume_connection(c->mhd);
    }
    pthread_mutex_unlock(&s->lock);
}
