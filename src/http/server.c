/* The traps of libmicrohttpd that this file is shaped by:
   - at the first call of the access handler a queued answer closes the connection: only refusals
   do;
   - its idle timer restarts with every byte, so slow senders need a deadline of our own (reaper.c);
   - suspended connections have no timeout, and stopping with one left suspended panics. */
#include "http/internal.h"

#define LOG_MODULE "http"
#include "base/log.h"

#include "base/clock.h"
#include "base/cond.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum http_method method;
} methods[] = {{"GET", HTTP_GET},       {"POST", HTTP_POST}, {"PATCH", HTTP_PATCH},
               {"DELETE", HTTP_DELETE}, {"HEAD", HTTP_HEAD}, {"PUT", HTTP_PUT}};

static enum http_method method_of(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(name, methods[i].name) == 0)
            return methods[i].method;
    return HTTP_OTHER;
}

/* --- connections --------------------------------------------------------------------------- */

static void conn_opened(struct http_server *s, struct MHD_Connection *c, void **context)
{
    struct http_conn *conn = calloc(1, sizeof *conn);
    if (!conn || !(conn->arena = arena_new((size_t)64 << 20))) {
        free(conn);
        return; /* the first request of a connection without context is refused */
    }
    conn->server = s;
    conn->mhd = c;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    conn->fd = info ? info->connect_fd : -1;
    int on = 1;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conn->deadline_us = clock_mono_us() + HEADER_US;
    conn->req.out = BUF_INIT(BUF_MAX_DEFAULT);
    pthread_mutex_lock(&s->lock);
    conn->next = s->conns;
    if (conn->next)
        conn->next->prev = conn;
    s->conns = conn;
    s->nconns++;
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add_explicit(&s->total_conns, 1, memory_order_relaxed);
    *context = conn;
}

static void conn_closed(struct http_server *s, struct http_conn *conn)
{
    if (!conn)
        return;
    pthread_mutex_lock(&s->lock);
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        s->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    s->nconns--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    buf_free(&conn->req.out);
    arena_free(conn->arena);
    free(conn);
}

/* A server that stops takes nobody in. Not by MHD_quiesce_daemon: it and a loop thread both take
   the listening socket out of the loop's epoll set, and whoever comes second ends the program. */
static enum MHD_Result on_accept(void *cls, const struct sockaddr *address, socklen_t size)
{
    const struct http_server *s = cls;
    (void)address;
    (void)size;
    return atomic_load(&s->stopping) ? MHD_NO : MHD_YES;
}

static void on_connection(void *cls, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_opened(cls, c, context);
    else
        conn_closed(cls, *context);
}

static struct http_conn *conn_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* --- requests ------------------------------------------------------------------------------ */

static void request_begin(struct http_conn *conn, const char *url, const char *method)
{
    struct http_request *r = &conn->req;
    struct buf out = r->out;
    buf_clear(&out);
    *r = (struct http_request){
        .method = method_of(method),
        .path = arena_str(conn->arena, str_of(url)),
        .arena = conn->arena,
        .out = out,
        .started_us = clock_mono_us(),
        .number = atomic_fetch_add_explicit(&conn->server->requests, 1, memory_order_relaxed) + 1,
        .conn = conn,
    };
    conn->nheaders = 0;
    conn->body = (struct buf)BUF_INIT(conn->server->max_body + 1);
    conn->body_fd = -1;
    conn->answer = NULL;
    conn->suspended = false;
    conn->refused = 0;
    conn->body_since_us = r->started_us;
    conn->body_bytes = 0;
    atomic_store(&conn->deadline_us, r->started_us + BODY_US);
}

static void request_end(struct http_conn *conn)
{
    struct http_request *r = &conn->req;
    /* Answered, but the connection ended before the answer could be taken up. */
    if (conn->answer)
        MHD_destroy_response(conn->answer);
    conn->answer = NULL;
    conn->suspended = false;
    conn->server->handler.finished(conn->server->handler.arg, r);
    if (conn->body_fd >= 0)
        close(conn->body_fd);
    if (r->file)
        unlink(r->file);
    buf_free(&conn->body);
    /* A large answer should not stay with an idle connection. */
    if (r->out.cap > KEEP_BYTES)
        buf_free(&r->out);
    arena_reset(conn->arena);
    conn->active = false;
    atomic_store(&conn->deadline_us, clock_mono_us() + IDLE_US);
}

static void on_completed(void *cls, struct MHD_Connection *c, void **request,
                         enum MHD_RequestTerminationCode code)
{
    struct http_conn *conn = *request;
    (void)cls;
    (void)c;
    (void)code;
    if (conn && conn->active)
        request_end(conn);
}

static int open_upload(struct http_conn *conn)
{
    struct http_request *r = &conn->req;
    struct str path = arena_printf(r->arena, "%s/upload-XXXXXX", conn->server->upload_dir);
    conn->body_fd = mkostemp((char *)path.p, O_CLOEXEC);
    if (conn->body_fd < 0) {
        log_error("cannot make a file in %s: %s", conn->server->upload_dir, strerror(errno));
        return 507;
    }
    r->file = path.p;
    return 0;
}

/* A body may take as long as it keeps coming at 4 kB/s on average. */
static void extend_deadline(struct http_conn *conn, size_t n)
{
    conn->body_bytes += (int64_t)n;
    atomic_store(&conn->deadline_us,
                 conn->body_since_us + BODY_US + conn->body_bytes * 1000000 / 4096);
}

static void take_body(struct http_conn *conn, const char *data, size_t n)
{
    struct http_request *r = &conn->req;
    extend_deadline(conn, n);
    if (conn->refused || conn->answer)
        return;
    if (!r->file) {
        if (conn->body.n + n > conn->server->max_body)
            conn->refused = 413;
        else
            buf_add(&conn->body, data, n);
        return;
    }
    if (r->file_size + (int64_t)n > conn->server->max_upload) {
        conn->refused = 413;
        return;
    }
    for (size_t at = 0; at < n;) {
        ssize_t written = write(conn->body_fd, data + at, n - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            log_error("upload: %s", strerror(errno));
            conn->refused = 507;
            return;
        }
        at += (size_t)written;
    }
    r->file_size += (int64_t)n;
}

#define DRAIN_BYTES (INT64_C(16) << 20)

static bool declared_over(const struct http_conn *conn, int64_t max)
{
    struct str length = http_header(&conn->req, "Content-Length");
    int64_t n = 0;
    return length.n && (!str_to_i64(length, &n) || n > max);
}

static bool declared_too_large(const struct http_conn *conn, enum http_body where)
{
    return declared_over(conn, where == HTTP_BODY_FILE ? conn->server->max_upload
                                                       : (int64_t)conn->server->max_body);
}

static enum MHD_Result first_call(struct http_conn *conn, const char *url, const char *method)
{
    struct http_server *s = conn->server;
    request_begin(conn, url, method);
    conn->active = true;
    enum http_body where = s->handler.head(s->handler.arg, &conn->req);
    if (where == HTTP_BODY_ANSWERED)
        return answer_now(conn);
    /* A little too large is read and dropped, or the sender would lose the answer with the
       connection that is closed under it. */
    if (where == HTTP_BODY_MEMORY && declared_too_large(conn, where) &&
        !declared_over(conn, DRAIN_BYTES)) {
        conn->refused = 413;
        return MHD_YES;
    }
    if (declared_too_large(conn, where)) {
        s->handler.refuse(s->handler.arg, &conn->req, 413);
        return answer_now(conn);
    }
    if (where == HTTP_BODY_FILE)
        conn->refused = open_upload(conn);
    return MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *c, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_size, void **request)
{
    struct http_server *s = cls;
    struct http_conn *conn = conn_of(c);
    (void)version;
    if (!conn)
        return MHD_NO;
    if (!*request) {
        *request = conn;
        return first_call(conn, url, method);
    }
    if (*data_size) {
        take_body(conn, data, *data_size);
        *data_size = 0;
        return MHD_YES;
    }
    if (conn->answer) /* resumed: another thread has answered */
        return answer_now(conn);
    if (conn->suspended) /* resumed without one: there was no memory for it */
        return MHD_NO;
    atomic_store(&conn->deadline_us, INT64_MAX);
    conn->req.body = buf_str(&conn->body);
    if (conn->refused)
        s->handler.refuse(s->handler.arg, &conn->req, conn->refused);
    else
        s->handler.handle(s->handler.arg, &conn->req);
    if (conn->suspended)
        return MHD_YES; /* maybe answered already; the resume brings us back here */
    return answer_now(conn);
}

/* --- start and stop ------------------------------------------------------------------------ */

static void log_line(void *cls, const char *fmt, va_list args)
{
    char text[512];
    (void)cls;
    int n = vsnprintf(text, sizeof text, fmt, args);
    while (n > 0 && (size_t)n < sizeof text && text[n - 1] == '\n')
        text[--n] = 0;
    log_debug("%s", text);
}

static int listen_on(const struct http_options *o, unsigned *ret_port, struct err *e)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)o->port)};
    bool is4 = inet_pton(AF_INET, o->address, &v4.sin_addr) == 1;
    err_param(e, "address", str_of(o->address));
    err_param_i64(e, "port", o->port);
    if (!is4 && inet_pton(AF_INET6, o->address, &v6.sin6_addr) != 1)
        return err_set(e, ERR_USAGE, "%s is not an address", o->address);
    int fd = socket(is4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return err_set(e, ERR_IO, "socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    socklen_t size = is4 ? sizeof v4 : sizeof v6;
    struct sockaddr *sa = is4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    if (bind(fd, sa, size) != 0 || listen(fd, 1024) != 0) {
        int code = errno == EADDRINUSE ? ERR_PORT_IN_USE : ERR_IO;
        err_set(e, code, "%s:%u: %s", o->address, o->port, strerror(errno));
        close(fd);
        return code;
    }
    getsockname(fd, sa, &size);
    *ret_port = ntohs(is4 ? v4.sin_port : v6.sin6_port);
    return fd;
}

int http_start(const struct http_options *o, const struct http_handler *h,
               struct http_server **ret_server, struct err *e)
{
    unsigned port = 0, threads = o->threads;
    int fd = listen_on(o, &port, e);
    if (fd < 0)
        return fd;
    struct http_server *s = calloc(1, sizeof *s);
    if (!s || cond_init(&s->changed) != 0) {
        free(s);
        close(fd);
        return err_set(e, ERR_NOMEM, "server");
    }
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (!threads)
        threads = cpus < 1 ? 1 : cpus > 8 ? 8 : (unsigned)cpus;
    s->handler = *h;
    s->max_body = o->max_body ? o->max_body : 1 << 20;
    s->max_upload = o->max_upload ? o->max_upload : INT64_C(2) << 30;
    s->upload_dir = strdup(o->upload_dir ? o->upload_dir : "/tmp");
    s->port = port;
    pthread_mutex_init(&s->lock, NULL);
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    s->daemon = MHD_start_daemon(
        flags, 0, on_accept, s, on_access, s, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_CONNECTION_TIMEOUT, 120u,
        MHD_OPTION_CONNECTION_LIMIT, o->connections ? o->connections : 5000u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32 << 10, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, MHD_OPTION_END);
    if (!s->daemon || !s->upload_dir || reaper_start(s) != 0) {
        if (s->daemon)
            MHD_stop_daemon(s->daemon);
        else
            close(fd);
        free(s->upload_dir);
        free(s);
        return err_set(e, ERR_IO, "the server did not start on port %u", port);
    }
    *ret_server = s;
    return 0;
}

unsigned http_port(const struct http_server *s)
{
    return s->port;
}

/* Under the lock: waits until a connection is closed, 20 ms at most. */
static void wait_a_little(struct http_server *s)
{
    cond_wait_us(&s->changed, &s->lock, 20000);
}

/* How many wait for a worker or a writer. */
static size_t owed(const struct http_server *s)
{
    size_t n = 0;
    for (const struct http_conn *c = s->conns; c; c = c->next)
        n += c->suspended;
    return n;
}

void http_stop(struct http_server *s, unsigned ms)
{
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    http_wake(s);
    /* Idle connections are closed at once; those with a request get the time asked for. */
    int64_t until = clock_mono_us() + (int64_t)ms * 1000;
    pthread_mutex_lock(&s->lock);
    while (s->nconns && clock_mono_us() < until) {
        for (struct http_conn *c = s->conns; c; c = c->next)
            if (!c->active)
                shutdown(c->fd, SHUT_RDWR);
        wait_a_little(s);
    }
    /* Then all are closed. But a request that is still being worked on belongs to its worker: its
       memory goes when the answer has come, however long that takes. */
    for (struct http_conn *c = s->conns; c; c = c->next)
        shutdown(c->fd, SHUT_RDWR);
    if (owed(s))
        log_warn("%zu requests take longer than %u ms: waiting for them", owed(s), ms);
    until = clock_mono_us() + CLOSE_US;
    while (owed(s) || (s->nconns && clock_mono_us() < until))
        wait_a_little(s);
    pthread_mutex_unlock(&s->lock);
    reaper_stop(s);
    http_wake(s);
    MHD_stop_daemon(s->daemon); /* closes the listening socket, too */
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s->upload_dir);
    free(s);
}

void http_stats(const struct http_server *s, struct http_stats *ret)
{
    struct http_server *m = (struct http_server *)s;
    ret->requests = atomic_load(&m->requests);
    ret->connections = atomic_load(&m->total_conns);
    ret->streams = atomic_load(&m->nstreams);
    ret->bytes_out = atomic_load(&m->bytes_out);
    for (size_t i = 0; i < 6; i++)
        ret->by_class[i] = atomic_load(&m->by_class[i]);
    pthread_mutex_lock(&m->lock);
    ret->open_connections = m->nconns;
    pthread_mutex_unlock(&m->lock);
}
