/* Shared by the files of src/api only. */
#ifndef PATRON_API_INTERNAL_H
#define PATRON_API_INTERNAL_H

#include "api/api.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MAX_SEGMENTS = 8, WORK_QUEUE = 4096 };

struct route {
    const struct endpoint *ep;
    struct str segments[MAX_SEGMENTS];
    size_t n;
};

struct api_work {
    struct api_work *next;
    struct api_call *call;
    struct db_job job;
    struct write write;
    struct str replayed; /* answer of an Idempotency-Key seen before */
    struct str key;
    unsigned char hash[32];
};

struct api {
    struct tenant *t;
    struct api_options o;
    struct http_server *server;
    struct arena *arena;
    struct route *routes;
    size_t nroutes;
    struct str openapi; /* made at the first request; under lock */
    /* workers */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct api_work *first, **last;
    size_t waiting;
    bool stop;
    pthread_t *threads;
    unsigned nthreads;
    _Atomic uint64_t reads_inline, reads_moved, writes, slow;
};

/* router.c: NULL when nothing fits; *ret_allow lists the methods of a path that exists. */
const struct endpoint *route_find(struct api *a, struct api_call *c, struct str *ret_allow);
int routes_build(struct api *a, struct err *e);

/* work.c */
int work_start(struct api *a, unsigned n, struct err *e);
void work_stop(struct api *a);
void call_run(struct api_call *c);

/* answer.c */
void call_answer(struct api_call *c, int rc);
void call_finish(struct api_call *c);

/* assets.c: the browser application; false if there is no such file. */
bool asset_serve(struct http_request *req, bool secure);

/* session_api.c */
int session_sign_in(struct api_call *c, int64_t user_id, bool remember, struct jw *w);
int session_weak(struct api_call *c, const char *pointer, struct str password);

struct str openapi_text(struct api *a);

#endif
