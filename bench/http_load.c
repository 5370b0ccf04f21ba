/* http_load.c - asks an HTTP server on loopback, as fast as it answers or at a constant rate.
 *
 *   http_load --port N [--conns N] [--rate R] [--seconds S | --count N] [--header LINE]… FILE
 *
 * FILE holds one request a line, `METHOD PATH [BODY]`, taken in turn; {n} in path or body becomes
 * the number of the request, so that bodies can be told apart. With --rate a request is due at its
 * place in the schedule and its latency runs from then on, whether or not a connection was free: a
 * server that stalls is charged for all the requests that had to wait. One JSON object is printed,
 * on SIGTERM too.
 *
 * Only what the benches need: keep-alive, answers with Content-Length, one thread. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNS = 1024, ROOM = 1 << 16, MAX_HEADERS = 8 };

struct line {
    const char *method, *path, *body;
};

struct conn {
    int fd;
    bool busy;
    int64_t due;
    char *out;
    size_t out_n, out_sent;
    char in[4096]; /* the head of the answer */
    size_t in_n;
    int64_t body_left; /* -1: the head is not complete */
    int status;
};

static struct {
    int port, conns;
    double rate, seconds;
    int64_t count;
    const char *headers[MAX_HEADERS];
    size_t nheaders;
} opt = {.conns = 1, .seconds = 5};

static struct line *lines;
static size_t nlines;
static struct conn *conns;
static int epoll_fd;
static volatile sig_atomic_t stopped;
static int64_t sent, answered, failed, broken, by_status[6];
static double *latency; /* ms */
static size_t nlatency, latency_room;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *grown(void *old, size_t n, size_t size)
{
    void *p = reallocarray(old, n, size);
    if (!p)
        die("memory");
    return p;
}

static void read_lines(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t room = 0, cap = 0;
    ssize_t n;
    if (!f)
        die(path);
    while ((n = getline(&text, &room, f)) > 1) {
        if (text[n - 1] == '\n')
            text[n - 1] = 0;
        if (nlines == cap)
            lines = grown(lines, cap = cap ? 2 * cap : 256, sizeof *lines);
        char *rest = strdup(text);
        struct line *l = &lines[nlines];
        l->method = strsep(&rest, " ");
        l->path = strsep(&rest, " ");
        l->body = rest;
        nlines += l->path != NULL;
    }
    free(text);
    fclose(f);
}

/* Copies text with {n} replaced. */
static size_t expand(const char *text, int64_t number, char *out, size_t room)
{
    size_t n = 0;
    while (*text && n + 24 < room) {
        if (strncmp(text, "{n}", 3) == 0) {
            n += (size_t)snprintf(out + n, room - n, "%lld", (long long)number);
            text += 3;
        } else {
            out[n++] = *text++;
        }
    }
    out[n] = 0;
    return n;
}

static void make_request(struct conn *c, int64_t number)
{
    static char path[8192], body[ROOM / 2];
    const struct line *l = &lines[(size_t)number % nlines];
    expand(l->path, number, path, sizeof path);
    size_t body_n = l->body ? expand(l->body, number, body, sizeof body) : 0;
    int n = snprintf(c->out, ROOM, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", l->method, path,
                     opt.port);
    for (size_t i = 0; i < opt.nheaders; i++)
        n += snprintf(c->out + n, ROOM - (size_t)n, "%s\r\n", opt.headers[i]);
    if (l->body)
        n += snprintf(c->out + n, ROOM - (size_t)n,
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_n);
    n += snprintf(c->out + n, ROOM - (size_t)n, "\r\n");
    memcpy(c->out + n, body, body_n);
    c->out_n = (size_t)n + body_n;
    c->out_sent = c->in_n = 0;
    c->body_left = -1;
}

static void conn_open(struct conn *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)opt.port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &ev);
    if (!c->out)
        c->out = grown(NULL, ROOM, 1);
}

static void done(struct conn *c, bool ok)
{
    if (nlatency == latency_room) {
        latency_room = latency_room ? 2 * latency_room : 1 << 16;
        latency = grown(latency, latency_room, sizeof *latency);
    }
    latency[nlatency++] = (double)(now_ns() - c->due) / 1e6;
    answered++;
    failed += !ok;
    c->busy = false;
}

static void lost(struct conn *c)
{
    broken++;
    close(c->fd);
    conn_open(c);
    if (c->busy)
        done(c, false);
}

static void push(struct conn *c)
{
    ssize_t n = send(c->fd, c->out + c->out_sent, c->out_n - c->out_sent, MSG_NOSIGNAL);
    if (n > 0)
        c->out_sent += (size_t)n;
    else if (n < 0 && errno != EAGAIN)
        lost(c);
}

static void start(struct conn *c, int64_t due)
{
    c->due = due;
    c->busy = true;
    make_request(c, sent++);
    push(c);
}

/* The whole head stands in c->in; what follows it there is body already. */
static bool head_done(struct conn *c)
{
    char *end = memmem(c->in, c->in_n, "\r\n\r\n", 4);
    if (!end)
        return false;
    *end = 0;
    const char *length = strcasestr(c->in, "\r\nContent-Length:");
    c->status = c->in_n > 12 ? (int)strtol(c->in + 9, NULL, 10) : 0;
    c->body_left = length ? strtoll(length + 17, NULL, 10) : 0;
    c->body_left -= (int64_t)(c->in_n - (size_t)(end + 4 - c->in));
    return true;
}

static void pull(struct conn *c)
{
    static char sink[ROOM];
    for (;;) {
        bool head = c->body_left < 0;
        ssize_t n = head ? recv(c->fd, c->in + c->in_n, sizeof c->in - c->in_n, 0)
                         : recv(c->fd, sink, sizeof sink, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 || !c->busy) { /* closed, a head too long, or words nobody asked for */
            lost(c);
            return;
        }
        if (head) {
            c->in_n += (size_t)n;
            if (!head_done(c))
                continue;
        } else {
            c->body_left -= n;
        }
        if (c->body_left <= 0) {
            int class = c->status / 100;
            by_status[class < 6 ? class : 0]++;
            done(c, class == 2);
            return;
        }
    }
}

static void on_term(int sig)
{
    (void)sig;
    stopped = 1;
}

/* Gives what is due to free connections; returns how long nothing will be due. */
static int64_t give(int64_t begin, int64_t end, int64_t step)
{
    static int next;
    int64_t now = now_ns();
    for (int i = 0; i < opt.conns; i++) {
        struct conn *c = &conns[(next + i) % opt.conns];
        int64_t due = step ? begin + sent * step : now;
        if (stopped || (opt.count ? sent >= opt.count : due >= end))
            break;
        if (due > now)
            return due - now;
        if (!c->busy) {
            start(c, due);
            next = (next + i + 1) % opt.conns;
            i = -1;
        }
    }
    return 50000000;
}

static void run(void)
{
    struct epoll_event events[256];
    int64_t begin = now_ns(), end = begin + (int64_t)(opt.seconds * 1e9);
    int64_t step = opt.rate > 0 ? (int64_t)(1e9 / opt.rate) : 0;
    for (;;) {
        int64_t wait = give(begin, end, step);
        bool over = stopped || (opt.count ? sent >= opt.count : now_ns() >= end);
        if (over && sent == answered)
            break;
        struct timespec t = {wait / 1000000000, wait % 1000000000};
        int n = epoll_pwait2(epoll_fd, events, 256, &t, NULL);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (c->busy && c->out_sent < c->out_n)
                push(c);
            pull(c);
        }
    }
    opt.seconds = (double)(now_ns() - begin) / 1e9;
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double quantile(double q)
{
    size_t at = (size_t)((double)nlatency * q);
    return nlatency ? latency[at < nlatency ? at : nlatency - 1] : 0;
}

static const char *read_options(int argc, char **argv)
{
    const char *file = NULL;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strncmp(name, "--", 2) != 0) {
            file = name;
            continue;
        }
        const char *v = i + 1 < argc ? argv[++i] : "";
        if (strcmp(name, "--port") == 0)
            opt.port = (int)strtol(v, NULL, 10);
        else if (strcmp(name, "--conns") == 0)
            opt.conns = (int)strtol(v, NULL, 10);
        else if (strcmp(name, "--rate") == 0)
            opt.rate = strtod(v, NULL);
        else if (strcmp(name, "--seconds") == 0)
            opt.seconds = strtod(v, NULL);
        else if (strcmp(name, "--count") == 0)
            opt.count = strtoll(v, NULL, 10);
        else if (strcmp(name, "--header") == 0 && opt.nheaders < MAX_HEADERS)
            opt.headers[opt.nheaders++] = v;
    }
    return opt.port > 0 && opt.conns > 0 && opt.conns <= MAX_CONNS ? file : NULL;
}

int main(int argc, char **argv)
{
    const char *file = read_options(argc, argv);
    if (!file) {
        fprintf(stderr,
                "usage: http_load --port N [--conns N] [--rate R] [--seconds S | --count N] "
                "[--header LINE]... FILE\n");
        return 2;
    }
    signal(SIGTERM, on_term);
    read_lines(file);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    conns = grown(NULL, (size_t)opt.conns, sizeof *conns);
    memset(conns, 0, (size_t)opt.conns * sizeof *conns);
    for (int i = 0; i < opt.conns; i++)
        conn_open(&conns[i]);
    if (nlines)
        run();
    qsort(latency, nlatency, sizeof *latency, by_size);
    printf("{\"requests\":%lld,\"failed\":%lld,\"broken\":%lld,\"seconds\":%.3f,\"rate\":%.1f,"
           "\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f,"
           "\"s2xx\":%lld,\"s4xx\":%lld,\"s5xx\":%lld}\n",
           (long long)answered, (long long)failed, (long long)broken, opt.seconds,
           (double)answered / opt.seconds, quantile(0.5), quantile(0.9), quantile(0.99),
           quantile(0.999), quantile(1), (long long)by_status[2], (long long)by_status[4],
           (long long)by_status[5]);
    return 0;
}
