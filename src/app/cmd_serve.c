/* patron serve: opens the data, starts jobs and server, waits for a signal, stops in order. */
#include "app/app.h"

#include "core/upgrade/upgrade.h"
#include "crm/insight/insight.h"
#include "crm/orders/orders.h"

#define LOG_MODULE "serve"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATA, DB, LISTEN, PORT, THREADS, MAX_UPLOAD, BEHIND_TLS, LOG_JSON, VERBOSE, NOPTIONS };

static const struct option_def options[NOPTIONS] = {
    [DATA] = {"--data", false},
    [DB] = {"--db", false},
    [LISTEN] = {"--listen", false},
    [PORT] = {"--port", false},
    [THREADS] = {"--threads", false},
    [MAX_UPLOAD] = {"--max-upload", false},
    [BEHIND_TLS] = {"--behind-tls", true},
    [LOG_JSON] = {"--log-json", true},
    [VERBOSE] = {"--verbose", true},
};

struct server {
    struct tenant *t;
    struct api *api;
    struct http_server *http;
    struct housekeeper *keeper;
    struct arena *a;
    struct err e;
    char uploads[512];
};

static bool number(const char *text, int64_t absent, int64_t max, int64_t *ret)
{
    *ret = absent;
    return !text || (str_to_i64(str_of(text), ret) && *ret >= 0 && *ret <= max);
}

static int start(struct server *s, const struct args *in)
{
    int64_t port, threads, max_upload;
    const char *address = in->values[LISTEN] ? in->values[LISTEN] : "127.0.0.1";
    if (!number(in->values[PORT], 8040, 65535, &port) ||
        !number(in->values[THREADS], 0, 64, &threads) ||
        !number(in->values[MAX_UPLOAD], 0, INT64_MAX, &max_upload)) {
        fprintf(stderr, "patron: --port, --threads and --max-upload take whole numbers\n");
        return ERR_USAGE;
    }
    bool loopback = str_starts(str_of(address), STR("127.")) || strcmp(address, "::1") == 0;
    bool tls = in->values[BEHIND_TLS] != NULL;
    snprintf(s->uploads, sizeof s->uploads, "%s/uploads", s->t->dir);
    if (mkdir(s->uploads, 0700) != 0 && errno != EEXIST)
        return err_set(&s->e, ERR_IO, "%s: %s", s->uploads, strerror(errno));

    struct api_options ao = {.tenant = s->t,
                             .tables = app_endpoints,
                             .secure_cookies = tls,
                             .insecure = !loopback && !tls};
    int rc = api_new(&ao, &s->api, &s->e);
    if (rc)
        return rc;
    struct http_options ho = {.address = address,
                              .port = (unsigned)port,
                              .threads = (unsigned)threads,
                              .max_upload = max_upload,
                              .upload_dir = s->uploads};
    struct http_handler handler = api_handler(s->api);
    rc = http_start(&ho, &handler, &s->http, &s->e);
    if (rc == 0) {
        api_attach(s->api, s->http);
        rc = jobs_start(s->t, app_jobs, 0, &s->e);
        if (rc == 0)
            rc = upgrade_in_background(s->t, &upgrade_search, &s->e);
        if (rc == 0)
            rc = upgrade_in_background(s->t, &orders_upgrade, &s->e);
        s->keeper = housekeeper_start(s->t, s->uploads);
    }
    if (rc)
        return rc;
    printf("Patron %s: http://%s:%u/\n", PATRON_VERSION, address, http_port(s->http));
    if (!loopback && !tls)
        fprintf(stderr,
                "patron: warning: reachable from elsewhere without TLS; passwords travel in "
                "the clear. Put a TLS proxy in front and say --behind-tls.\n");
    if (!tenant_company(s->t)->set_up) {
        char token[SECRET_TEXT];
        setup_token_make(s->t, token);
        printf("First run: open http://%s:%u/setup#%s\n", address, http_port(s->http), token);
    }
    fflush(stdout);
    return 0;
}

static void stop(struct server *s)
{
    /* New requests end first, then the jobs pause at their next chunk, then what was queued is
       written; the workers go last, for they may still owe answers. */
    if (s->http) {
        /* Jobs go on publishing while the server goes: nobody is woken any more. */
        live_on_publish(s->t->live, NULL, NULL);
        http_stop(s->http, 10000);
    }
    housekeeper_stop(s->keeper);
    jobs_stop(s->t);
    if (s->api) {
        api_attach(s->api, NULL);
        api_free(s->api);
    }
    app_close(s->t);
}

int cmd_serve(int argc, char **argv)
{
    struct args in;
    struct server s = {0};
    if (!args_read(options, NOPTIONS, argc, argv, &in))
        return 2;
    log_set_plain(!in.values[LOG_JSON]);
    if (in.values[VERBOSE])
        log_set_level(LOG_DEBUG);
    signal(SIGPIPE, SIG_IGN);
    /* Every thread inherits the mask; only the wait below takes these signals. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    s.a = arena_new(0);
    err_init(&s.e, s.a);
    s.t = app_open(in.values[DATA] ? in.values[DATA] : "data", in.values[DB]);
    if (!s.t) {
        arena_free(s.a);
        return 1;
    }
    int rc = start(&s, &in);
    if (rc == 0) {
        int sig = 0;
        sigwait(&set, &sig);
        fprintf(stderr, "patron: stopping\n");
    } else if (rc != ERR_USAGE) {
        app_say_error(s.t->messages, rc, &s.e);
    }
    stop(&s);
    arena_free(s.a);
    return rc == 0 ? 0 : rc == ERR_USAGE ? 2 : 1;
}
