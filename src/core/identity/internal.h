/* Shared by the files of this room only. */
#ifndef PATRON_CORE_IDENTITY_INTERNAL_H
#define PATRON_CORE_IDENTITY_INTERNAL_H

#include "core/identity/identity.h"

#include <pthread.h>
#include <stdatomic.h>

enum { HASH = 32, CACHE = 4096, THROTTLES = 1024 };

struct snapshot {
    _Atomic int refs;
    struct arena *arena;
    struct actor *actors; /* sorted by user_id */
    size_t n;
};

/* A secret seen lately. */
struct cached {
    unsigned char hash[HASH];
    int64_t user_id, session_id, expires_at, checked_us;
};

struct throttle {
    uint64_t key; /* hash of login or address; 0 = free */
    unsigned failures;
    int64_t until_us, last_us;
};

struct identity {
    pthread_mutex_t lock;
    struct snapshot *now;
    _Atomic uint64_t wanted, have; /* generations of the snapshot */
    struct cached cache[CACHE];    /* direct-mapped by the hash's first bytes */
    uint64_t emptied;              /* how often the cache was */
    struct throttle throttles[THROTTLES];
    int64_t failures_since_us; /* the hour in which failed sign-ins are counted */
    unsigned failures_noted;
    char setup_token[SECRET_TEXT];
};

int snapshot_load(struct tenant *t, struct snapshot **ret_snapshot, struct err *e) must_check;
void snapshot_drop(struct snapshot *s);
const struct actor *snapshot_find(const struct snapshot *s, int64_t user_id);
void secret_hash(struct str secret, unsigned char out[HASH]);
void secret_make(const char *prefix, char out[SECRET_TEXT]);

#endif
