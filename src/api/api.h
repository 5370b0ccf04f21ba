/* The machinery of the API. A feature brings one const table of endpoints; router, sign-in,
   permission, transactions, idempotency, problems and OpenAPI come from here.

   A handler writes its answer with the streaming JSON writer and returns 0 or an error; it never
   touches HTTP. What kind of work it does decides the thread it runs on:

   API_READ   on the loop thread within a budget of 2 ms; run again on a worker with a budget of 5 s
              when that was not enough. On PostgreSQL always on a worker.
   API_WRITE  inside one transaction on the writer; may run more than once. Idempotency-Key works.
   API_SLOW   on a worker: password hashing, files.
   API_PLAIN  on the loop thread, must not block. */
#ifndef PATRON_API_H
#define PATRON_API_H

#include "core/identity/identity.h"
#include "core/record/record.h"
#include "http/http.h"

struct api;
struct endpoint;

struct api_call {
    struct api *api;
    struct tenant *t;
    struct http_request *req;
    const struct endpoint *endpoint;
    struct pass pass;
    const struct actor *who; /* NULL on public endpoints without sign-in */
    struct arena *a;
    struct err err;
    enum lang lang;
    /* from the path */
    const struct entity *en; /* {entity} */
    int64_t id;              /* {id} */
    /* from the body: parsed for API_WRITE and API_SLOW when there is one */
    json_t *body;
    int64_t if_match; /* -1 = not given */
    /* set by the handler */
    int status;       /* 200 unless changed */
    int64_t etag;     /* version, 0 = none */
    int64_t event_id; /* 0 = none */
    struct str location;
    struct str cookie; /* Set-Cookie */
    bool no_body;
    const char *content_type;
    /* private to the machinery */
    struct api_work *work;
};

enum api_kind { API_READ, API_WRITE, API_SLOW, API_PLAIN };
enum api_access { API_PUBLIC, API_SIGNED_IN, API_ADMIN };
enum api_body { API_NO_BODY, API_JSON, API_FILE };

struct endpoint {
    enum http_method method;
    const char *path; /* "/api/v1/{entity}/{id}/history" */
    enum api_kind kind;
    enum api_access access;
    enum api_body body;
    union {
        int (*read)(struct api_call *c, struct db_conn *conn, struct jw *w);
        int (*write)(struct api_call *c, struct write *wr, struct jw *w);
        int (*plain)(struct api_call *c, struct jw *w); /* API_SLOW, API_PLAIN */
    };
    const char *doc;                /* one line, for OpenAPI */
    const char *params;             /* query parameters, separated by spaces */
    const char *request, *response; /* names of schemas in OpenAPI, or NULL */
    bool raw; /* the handler answers by itself when it returns 0 (files, streams) */
};

struct api_options {
    struct tenant *tenant;
    const struct endpoint *const *tables; /* NULL-ended list; each table ends with path NULL */
    bool secure_cookies;                  /* TLS in front: __Host- cookie */
    bool insecure;                        /* reachable from elsewhere without TLS: say so */
    unsigned workers;                     /* 0 = 4 */
};

int api_new(const struct api_options *o, struct api **ret_api, struct err *e) must_check;
void api_free(struct api *a);                          /* after http_stop */
void api_attach(struct api *a, struct http_server *s); /* for metrics and waking streams */
struct http_handler api_handler(struct api *a);

/* The endpoints of this folder: session, set-up, metadata, records, history, search, events,
   operations. */
extern const struct endpoint api_session_endpoints[], api_record_endpoints[],
    api_system_endpoints[], api_job_endpoints[], api_admin_endpoints[], api_people_endpoints[],
    api_why_endpoints[], api_bell_endpoints[], api_files_endpoints[], api_tags_endpoints[],
    api_company_endpoints[];

/* Answers a problem in the caller's language. For API_PLAIN handlers with raw answers. */
void api_problem(struct api_call *c);

/* Helpers for handlers. */
struct filter_env api_filter_env(const struct api_call *c);
/* Which records of q->en a body means by its `filter`, `at_customer` and `trash`, as the parameters
   of a list. ERR_VALIDATION; items that stand in `e` already are wrong with these. */
int api_list_read(const struct tenant *t, const struct actor *who, const json_t *in,
                  struct arena *a, struct list_query *q, struct err *e) must_check;
/* A whole number from a query parameter, or `absent`. ERR_BAD_PARAMETER (name). */
int api_param_i64(struct api_call *c, const char *name, int64_t absent, int64_t min, int64_t max,
                  int64_t *ret_value) must_check;
int api_bad_param(struct api_call *c, const char *name);
/* 202 and the number of the job; an error `rc` is passed on. */
int api_job_started(struct api_call *c, int rc, int64_t job, struct jw *w) must_check;
/* A time of a row, or null. */
void api_time(struct jw *w, const char *key, const struct db_rows *rows, unsigned col);
/* A member of the body: ERR_VALIDATION with pointer when it has another type. */
int api_body_str(struct api_call *c, const char *name, bool required,
                 struct str *ret_value) must_check;

/* Who is at the other end: the peer, or behind a TLS proxy of ours what the proxy says of it. */
struct str api_peer(const struct api_call *c);
bool api_peer_is_local(const struct api_call *c);

struct api_counters {
    uint64_t reads_inline, reads_moved, writes, slow;
};
void api_counters(const struct api *a, struct api_counters *ret);
const struct http_server *api_server(const struct api *a);
const struct endpoint *const *api_tables(const struct api *a);
bool api_secure(const struct api *a);
bool api_insecure(const struct api *a);

#endif
