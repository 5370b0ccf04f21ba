/* Errors: a code for the program, a message key and parameters for people, a detail for the log.

   Functions that can fail return 0 or a negative enum err_code and fill the caller's struct err.
   `code` picks the HTTP status and the machine string (err_def); `items` carry one entry per wrong
   field, row or parameter. `detail` is for the log only and never reaches a client. */
#ifndef PATRON_BASE_ERR_H
#define PATRON_BASE_ERR_H

#include "base/arena.h"
#include "base/str.h"

#define must_check __attribute__((warn_unused_result))

/* name, machine string (a key of messages/xx.json), HTTP status */
#define ERR_TABLE(X)                                                                               \
    X(INTERNAL, "internal", 500)                                                                   \
    X(NOMEM, "out-of-memory", 503)                                                                 \
    X(NOT_SIGNED_IN, "not-signed-in", 401)                                                         \
    X(SIGN_IN_FAILED, "sign-in-failed", 401)                                                       \
    X(TOO_MANY_ATTEMPTS, "too-many-attempts", 429)                                                 \
    X(FORBIDDEN, "forbidden", 403)                                                                 \
    X(FIELD_HELD_BACK, "field-held-back", 403)                                                     \
    X(CROSS_SITE, "cross-site", 403)                                                               \
    X(SETUP_TOKEN, "setup-token", 403)                                                             \
    X(INVITE_OVER, "invite-over", 403)                                                             \
    X(NOT_FOUND, "not-found", 404)                                                                 \
    X(NO_VALUE_YET, "no-value-yet", 404)                                                           \
    X(VALUE_NOT_TRUSTED, "value-not-trusted", 404)                                                 \
    X(VALUE_SPAN, "value-span", 422)                                                               \
    X(END_IN_FUTURE, "end-in-future", 422)                                                         \
    X(END_BEFORE_ORDERS, "end-before-orders", 422)                                                 \
    X(METHOD_NOT_ALLOWED, "method-not-allowed", 405)                                               \
    X(VERSION_CONFLICT, "version-conflict", 412)                                                   \
    X(UNDO_CONFLICT, "undo-conflict", 409)                                                         \
    X(DUPLICATE, "duplicate", 409)                                                                 \
    X(STATE_CONFLICT, "state-conflict", 409)                                                       \
    X(PART_OF_WHOLE, "part-of-whole", 409)                                                         \
    X(TOO_MANY, "too-many", 409)                                                                   \
    X(BULK_COUNT, "bulk-count", 409)                                                               \
    X(BULK_LIMIT, "bulk-limit", 409)                                                               \
    X(IN_USE, "in-use", 409)                                                                       \
    X(PORT_IN_USE, "port-in-use", 500)                                                             \
    X(IDEMPOTENCY_MISMATCH, "idempotency-mismatch", 422)                                           \
    X(IDEMPOTENCY_IN_FLIGHT, "idempotency-in-flight", 409)                                         \
    X(VALIDATION, "validation", 422)                                                               \
    X(FILE_TOO_LARGE, "file-too-large", 413)                                                       \
    X(FILE_EMPTY, "file-empty", 422)                                                               \
    X(FILE_TYPE, "file-type", 415)                                                                 \
    X(IMPORT_EMPTY, "import-empty", 422)                                                           \
    X(IMPORT_BINARY, "import-binary", 422)                                                         \
    X(IMPORT_DUPLICATE_HEADER, "import-duplicate-header", 422)                                     \
    X(IMPORT_ENCODING, "import-encoding", 422)                                                     \
    X(IMPORT_WORKBOOK, "import-workbook", 422)                                                     \
    X(IMPORT_WORKBOOK_SIZE, "import-workbook-size", 422)                                           \
    X(IMPORT_OLD_WORKBOOK, "import-old-workbook", 422)                                             \
    X(IMPORT_TRUNCATED, "import-truncated", 422)                                                   \
    X(EXPORT_GONE, "export-gone", 410)                                                             \
    X(EXPORT_RIGHTS, "export-rights", 403)                                                         \
    X(MALFORMED_JSON, "malformed-json", 400)                                                       \
    X(BAD_UTF8, "bad-utf8", 400)                                                                   \
    X(BAD_PARAMETER, "bad-parameter", 400)                                                         \
    X(UNSUPPORTED_MEDIA, "unsupported-media-type", 415)                                            \
    X(TOO_LARGE, "too-large", 413)                                                                 \
    X(QUERY_TOO_SLOW, "query-too-slow", 503)                                                       \
    X(BUSY, "busy", 503)                                                                           \
    X(STORAGE_FULL, "storage-full", 507)                                                           \
    X(DATABASE_UNAVAILABLE, "database-unavailable", 503)                                           \
    X(RETRY, "retry", 503)           /* inside db: run the whole transaction again */              \
    X(CONSTRAINT, "constraint", 409) /* unique or foreign key; mapped by core/record */            \
    X(CORRUPT, "corrupt-database", 500)                                                            \
    X(LOCKED, "data-in-use", 500) /* another process has the data directory */                     \
    X(IO, "io", 500)                                                                               \
    X(CANCELLED, "cancelled", 409)                                                                 \
    X(USAGE, "usage", 400)

enum err_code {
    ERR_FIRST_ = -100,
#define X(name, id, status) ERR_##name,
    ERR_TABLE(X)
#undef X
        ERR_LAST_
};

struct err_def {
    enum err_code code;
    const char *id;
    int status;
};

/* Never NULL: an unknown code gives the row of ERR_INTERNAL. */
const struct err_def *err_def(int code);

struct err_param {
    const char *key;
    struct str value;
};

/* One wrong field. `pointer` is a JSON pointer ("/name") or a parameter name. */
struct err_item {
    struct err_item *next;
    struct str pointer;
    const char *code; /* a key of messages/xx.json, static */
    struct err_param params[3];
};

struct err {
    struct arena *arena; /* for items and parameter values; may be NULL: then both are left out */
    int code;            /* 0 = no error */
    struct err_param params[4];
    struct err_item *items, **tail;
    size_t nitems;
    char detail[256];
    struct str current; /* JSON of the record in the way (412, 409), raw; empty if none */
};

void err_init(struct err *e, struct arena *a);
void err_clear(struct err *e);

/* Sets the code and the detail (for the log) and returns the code. e may be NULL. */
int err_set(struct err *e, int code, const char *detail_fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for what the system said of a file: ERR_STORAGE_FULL, ERR_NOMEM or ERR_IO. */
int err_file(struct err *e, int error, const char *path);
/* Adds a parameter for the text of the error; the value is copied. Key is static. */
void err_param(struct err *e, const char *key, struct str value);
void err_param_i64(struct err *e, const char *key, int64_t value);
/* Adds an item (at most 200 are kept) and sets code ERR_VALIDATION when none is set; returns the
   item for its parameters, or NULL when e has no arena or is full. */
struct err_item *err_item(struct err *e, struct str pointer, const char *code);
void err_item_param(struct err *e, struct err_item *item, const char *key, struct str value);

#endif
