#include "core/identity/internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECHECK_US INT64_C(30000000)
#define DAY_MS INT64_C(86400000)

/* --- open, close, snapshot ----------------------------------------------------------------- */

int identity_open(struct tenant *t, struct err *e)
{
    struct identity *id = calloc(1, sizeof *id);
    if (!id || sodium_init() < 0) {
        free(id);
        return err_set(e, ERR_NOMEM, "identity");
    }
    pthread_mutex_init(&id->lock, NULL);
    t->identity = id;
    return snapshot_load(t, &id->now, e);
}

void identity_close(struct tenant *t)
{
    struct identity *id = t->identity;
    if (!id)
        return;
    snapshot_drop(id->now);
    pthread_mutex_destroy(&id->lock);
    sodium_memzero(id, sizeof *id);
    free(id);
    t->identity = NULL;
}

void identity_changed(struct tenant *t)
{
    if (t->identity)
        atomic_fetch_add(&t->identity->wanted, 1);
}

/* The current snapshot, held; loaded anew when users changed since. */
static int hold(struct tenant *t, struct snapshot **ret, struct err *e)
{
    struct identity *id = t->identity;
    uint64_t wanted = atomic_load(&id->wanted);
    if (atomic_load(&id->have) != wanted) {
        struct snapshot *fresh = NULL;
        int rc = snapshot_load(t, &fresh, e);
        if (rc)
            return rc;
        pthread_mutex_lock(&id->lock);
        struct snapshot *old = id->now;
        id->now = fresh;
        atomic_store(&id->have, wanted);
        pthread_mutex_unlock(&id->lock);
        snapshot_drop(old);
    }
    pthread_mutex_lock(&id->lock);
    *ret = id->now;
    atomic_fetch_add(&(*ret)->refs, 1);
    pthread_mutex_unlock(&id->lock);
    return 0;
}

int identity_as_user(struct tenant *t, int64_t user_id, struct pass *ret_pass, struct err *e)
{
    struct snapshot *s = NULL;
    int rc = hold(t, &s, e);
    if (rc)
        return rc;
    const struct actor *who = snapshot_find(s, user_id);
    if (!who) {
        snapshot_drop(s);
        return err_set(e, ERR_NOT_FOUND, "user %lld", (long long)user_id);
    }
    *ret_pass = (struct pass){.who = who, .held = s};
    return 0;
}

const struct actor *identity_system(void)
{
    static struct actor system = {.kind = "system", .is_admin = true, .lang = LANG_ZH};
    return &system;
}

void identity_leave(struct pass *p)
{
    snapshot_drop(p->held);
    *p = (struct pass){0};
}

/* --- secrets ------------------------------------------------------------------------------- */

void secret_hash(struct str secret, unsigned char out[HASH])
{
    crypto_generichash(out, HASH, (const unsigned char *)secret.p, secret.n, NULL, 0);
}

void secret_make(const char *prefix, char out[SECRET_TEXT])
{
    unsigned char bytes[24];
    randombytes_buf(bytes, sizeof bytes);
    size_t n = (size_t)snprintf(out, SECRET_TEXT, "%s", prefix);
    sodium_bin2base64(out + n, SECRET_TEXT - n, bytes, sizeof bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

static struct cached *cache_slot(struct identity *id, const unsigned char *hash)
{
    return &id->cache[(hash[0] | (unsigned)hash[1] << 8) % CACHE];
}

static bool cache_get(struct identity *id, const unsigned char *hash, struct cached *ret,
                      uint64_t *ret_emptied)
{
    pthread_mutex_lock(&id->lock);
    *ret_emptied = id->emptied;
    struct cached *slot = cache_slot(id, hash);
    bool found = slot->user_id && memcmp(slot->hash, hash, HASH) == 0 &&
                 clock_mono_us() - slot->checked_us < RECHECK_US;
    if (found)
        *ret = *slot;
    pthread_mutex_unlock(&id->lock);
    return found && (ret->expires_at == 0 || ret->expires_at > clock_now_ms());
}

/* What was read before the cache was emptied may be over already. */
static void cache_put(struct identity *id, const struct cached *c, uint64_t emptied)
{
    pthread_mutex_lock(&id->lock);
    if (id->emptied == emptied)
        *cache_slot(id, c->hash) = *c;
    pthread_mutex_unlock(&id->lock);
}

static void cache_empty(void *arg)
{
    struct identity *id = arg;
    pthread_mutex_lock(&id->lock);
    memset(id->cache, 0, sizeof id->cache);
    id->emptied++;
    pthread_mutex_unlock(&id->lock);
}

/* A secret ends in this transaction. Forgotten after the commit: before it somebody could look the
   secret up once more and remember it for half a minute. */
static void forget_after_commit(struct db_conn *c, struct tenant *t)
{
    if (t->identity)
        db_after_commit(c, cache_empty, t->identity);
}

/* When a secret was used last is kept to some minutes: nobody waits for it, and a lost one does no
   harm. */
#define SEEN_MS INT64_C(300000)

struct seen {
    struct db_job job;
    struct err err;
    bool token;
    int64_t now;
    unsigned char hash[HASH];
};

static int write_seen(struct db_conn *c, void *arg, struct err *e)
{
    const struct seen *s = arg;
    return db_exec(c,
                   s->token ? "UPDATE token SET seen_at = $1 WHERE hash = $2"
                            : "UPDATE session SET seen_at = $1 WHERE hash = $2",
                   DB_ARGS(DB_I64(s->now), DB_BYTES(str_from((const char *)s->hash, HASH))), NULL,
                   e);
}

static void seen_done(void *arg, int rc, struct err *e)
{
    (void)rc;
    (void)e;
    free(arg);
}

static void note_seen(struct tenant *t, const unsigned char *hash, bool token, int64_t seen_at)
{
    int64_t now = clock_now_ms();
    struct seen *s = now - seen_at < SEEN_MS ? NULL : calloc(1, sizeof *s);
    if (!s)
        return;
    *s = (struct seen){.token = token, .now = now};
    memcpy(s->hash, hash, HASH);
    s->job = (struct db_job){
        .lane = DB_INTERACTIVE, .run = write_seen, .done = seen_done, .arg = s, .err = &s->err};
    struct err busy = {0};
    if (db_submit(t->db, &s->job, &busy) != 0)
        free(s);
}

static int look_up(struct tenant *t, const unsigned char *hash, bool token, struct cached *ret,
                   struct err *e)
{
    struct db_conn *c = NULL;
    struct db_rows *rows = NULL;
    struct str key = str_from((const char *)hash, HASH);
    int64_t seen_at = 0;
    int rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc =
            db_query(c,
                     token ? "SELECT user_id, 0, expires_at, seen_at FROM token WHERE hash = $1 "
                             "AND revoked_at IS NULL"
                           : "SELECT user_id, id, expires_at, seen_at FROM session WHERE hash = $1",
                     DB_ARGS(DB_BYTES(key)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0) {
        *ret = (struct cached){.user_id = db_i64(rows, 0),
                               .session_id = db_i64(rows, 1),
                               .expires_at = db_i64(rows, 2),
                               .checked_us = clock_mono_us()};
        seen_at = db_i64(rows, 3);
        memcpy(ret->hash, hash, HASH);
    }
    db_rows_done(rows);
    db_reader_done(c);
    if (rc == 0 || (rc > 0 && ret->expires_at && ret->expires_at <= clock_now_ms()))
        return err_set(e, ERR_NOT_SIGNED_IN, "unknown or expired");
    if (rc > 0)
        note_seen(t, hash, token, seen_at);
    return rc < 0 ? rc : 0;
}

static int enter(struct tenant *t, const unsigned char *hash, bool by_cookie, struct pass *ret_pass,
                 struct err *e)
{
    struct cached found = {0};
    uint64_t emptied;
    if (!cache_get(t->identity, hash, &found, &emptied)) {
        int rc = look_up(t, hash, !by_cookie, &found, e);
        if (rc)
            return rc;
        cache_put(t->identity, &found, emptied);
    }
    if (by_cookie != (found.session_id != 0))
        return err_set(e, ERR_NOT_SIGNED_IN, "a token is no session");
    int rc = identity_as_user(t, found.user_id, ret_pass, e);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_SIGNED_IN, "the user is not active");
    if (rc)
        return rc;
    ret_pass->session_id = found.session_id;
    ret_pass->by_cookie = by_cookie;
    memcpy(ret_pass->hash, hash, HASH);
    return 0;
}

int identity_enter(struct tenant *t, struct str secret, bool by_cookie, struct pass *ret_pass,
                   struct err *e)
{
    unsigned char hash[HASH] = {0};
    if (secret.n < 20 || secret.n >= SECRET_TEXT)
        return err_set(e, ERR_NOT_SIGNED_IN, "no secret");
    secret_hash(secret, hash);
    return enter(t, hash, by_cookie, ret_pass, e);
}

int identity_renew(struct tenant *t, struct pass *p, struct err *e)
{
    struct pass now = {0};
    int rc = enter(t, p->hash, p->by_cookie, &now, e);
    if (rc)
        return rc;
    identity_leave(p);
    *p = now;
    return 0;
}

int session_create(struct db_conn *c, struct tenant *t, int64_t user_id, bool remember,
                   struct str agent, char ret_secret[SECRET_TEXT], struct err *e)
{
    unsigned char hash[HASH];
    secret_make("ses_", ret_secret);
    secret_hash(str_of(ret_secret), hash);
    int64_t now = clock_now_ms();
    if (agent.n > 200)
        agent.n = 200;
    size_t bad;
    if (!str_utf8_ok(agent, &bad))
        agent.n = bad;
    int rc = db_exec(c, "DELETE FROM session WHERE expires_at < $1", DB_ARGS(DB_I64(now)), NULL, e);
    if (rc)
        return rc;
    return db_exec(c,
                   "INSERT INTO session (id, hash, user_id, created_at, expires_at, seen_at, "
                   "remember, agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                   DB_ARGS(DB_I64(id_next(t->ids)), DB_BYTES(str_from((const char *)hash, HASH)),
                           DB_I64(user_id), DB_I64(now),
                           DB_I64(now + (remember ? 7 * DAY_MS : DAY_MS / 2)), DB_I64(now),
                           DB_I64(remember), DB_STR(agent)),
                   NULL, e);
}

int session_end(struct db_conn *c, struct tenant *t, int64_t session_id, struct err *e)
{
    forget_after_commit(c, t);
    return db_exec(c, "DELETE FROM session WHERE id = $1", DB_ARGS(DB_I64(session_id)), NULL, e);
}

int session_end_all(struct db_conn *c, struct tenant *t, int64_t user_id, struct err *e)
{
    forget_after_commit(c, t);
    return db_exec(c, "DELETE FROM session WHERE user_id = $1", DB_ARGS(DB_I64(user_id)), NULL, e);
}

int session_end_others(struct db_conn *c, struct tenant *t, int64_t user_id, int64_t session_id,
                       struct err *e)
{
    forget_after_commit(c, t);
    return db_exec(c, "DELETE FROM session WHERE user_id = $1 AND id <> $2",
                   DB_ARGS(DB_I64(user_id), DB_I64(session_id)), NULL, e);
}

int session_end_own(struct db_conn *c, struct tenant *t, int64_t user_id, int64_t session_id,
                    struct err *e)
{
    int64_t ended = 0;
    forget_after_commit(c, t);
    int rc = db_exec(c, "DELETE FROM session WHERE id = $1 AND user_id = $2",
                     DB_ARGS(DB_I64(session_id), DB_I64(user_id)), &ended, e);
    return rc || ended ? rc : err_set(e, ERR_NOT_FOUND, "session %lld", (long long)session_id);
}

int identity_lock_out(struct db_conn *c, struct tenant *t, int64_t user_id, struct err *e)
{
    int rc = session_end_all(c, t, user_id, e);
    if (rc == 0)
        rc =
            db_exec(c, "UPDATE token SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL",
                    DB_ARGS(DB_I64(clock_now_ms()), DB_I64(user_id)), NULL, e);
    if (rc == 0)
        rc = db_exec(c, "DELETE FROM invite WHERE user_id = $1", DB_ARGS(DB_I64(user_id)), NULL, e);
    return rc;
}

int token_create(struct db_conn *c, struct tenant *t, int64_t user_id, struct str name,
                 int64_t expires_at, char ret_secret[SECRET_TEXT], struct err *e)
{
    unsigned char hash[HASH];
    secret_make("pat_", ret_secret);
    secret_hash(str_of(ret_secret), hash);
    return db_exec(c,
                   "INSERT INTO token (id, hash, user_id, name, created_at, expires_at, seen_at) "
                   "VALUES ($1, $2, $3, $4, $5, $6, $5)",
                   DB_ARGS(DB_I64(id_next(t->ids)), DB_BYTES(str_from((const char *)hash, HASH)),
                           DB_I64(user_id), DB_STR(name), DB_I64(clock_now_ms()),
                           DB_ID(expires_at)),
                   NULL, e);
}

int token_revoke(struct db_conn *c, struct tenant *t, int64_t token_id, int64_t user_id,
                 struct err *e)
{
    int64_t changed = 0;
    int rc =
        db_exec(c,
                "UPDATE token SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL AND "
                "($3 = 0 OR user_id = $3)",
                DB_ARGS(DB_I64(clock_now_ms()), DB_I64(token_id), DB_I64(user_id)), &changed, e);
    if (rc == 0 && !changed)
        return err_set(e, ERR_NOT_FOUND, "token %lld", (long long)token_id);
    forget_after_commit(c, t);
    return rc;
}

/* --- passwords ----------------------------------------------------------------------------- */

enum { MEMORY = 19 << 20, PASSES = 2, FREE_TRIES = 5 };

const char *password_weakness(struct str password)
{
    size_t length = str_utf8_len(password), same = 0;
    if (length < PASSWORD_MIN)
        return "password-short";
    if (password.n > PASSWORD_MAX)
        return "password-long";
    for (size_t i = 1; i < password.n; i++)
        same += password.p[i] == password.p[0];
    return same == password.n - 1 ? "password-weak" : NULL;
}

int password_hash(struct str password, char out[PASSWORD_HASH], struct err *e)
{
    if (crypto_pwhash_str_alg(out, password.p, password.n, PASSES, MEMORY,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return err_set(e, ERR_NOMEM, "password hash");
    return 0;
}

int password_store(struct db_conn *c, int64_t user_id, const char *hash, struct err *e)
{
    return db_exec(c,
                   "INSERT INTO user_secret (user_id, password, changed_at) VALUES ($1, $2, $3) "
                   "ON CONFLICT (user_id) DO UPDATE SET password = excluded.password, "
                   "changed_at = excluded.changed_at",
                   DB_ARGS(DB_I64(user_id), DB_STR(str_of(hash)), DB_I64(clock_now_ms())), NULL, e);
}

/* Failures are counted per login and per address; after five, each one more doubles the wait, from
   15 seconds up to 16 minutes. A quiet quarter of an hour forgives. */
static struct throttle *throttle_of(struct identity *id, const char *kind, struct str what)
{
    uint64_t key = (str_hash(what) ^ str_hash(str_of(kind))) | 1;
    int64_t now = clock_mono_us();
    struct throttle *oldest = NULL;
    for (size_t i = 0; i < 8; i++) {
        struct throttle *th = &id->throttles[(key + i) % THROTTLES];
        if (th->key == key) {
            if (now - th->last_us > INT64_C(900000000))
                *th = (struct throttle){.key = key};
            return th;
        }
        if (!oldest || th->last_us < oldest->last_us)
            oldest = th;
    }
    *oldest = (struct throttle){.key = key, .last_us = now};
    return oldest;
}

static int64_t wait_of(struct identity *id, const char *kind, struct str what)
{
    struct throttle *th = throttle_of(id, kind, what);
    int64_t left = th->until_us - clock_mono_us();
    return left > 0 ? left / 1000000 + 1 : 0;
}

static unsigned count_failure(struct identity *id, const char *kind, struct str what, unsigned free)
{
    struct throttle *th = throttle_of(id, kind, what);
    th->last_us = clock_mono_us();
    if (++th->failures >= free) {
        unsigned doublings = th->failures - free > 6 ? 6 : th->failures - free;
        th->until_us = th->last_us + (INT64_C(15000000) << doublings);
    }
    return th->failures >= free ? 0 : free - th->failures;
}

static int read_password(struct tenant *t, struct str login, int64_t *ret_user, char *hash,
                         struct err *e)
{
    struct db_conn *c = NULL;
    struct db_rows *rows = NULL;
    int rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc = db_query(c,
                      "SELECT u.id, s.password FROM users u JOIN user_secret s ON s.user_id = u.id "
                      "WHERE u.login = $1 AND u.deleted_at IS NULL AND u.active = 1",
                      DB_ARGS(DB_STR(login)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0) {
        *ret_user = db_i64(rows, 0);
        snprintf(hash, PASSWORD_HASH, STR_FMT, STR_ARG(db_str(rows, 1)));
    }
    db_rows_done(rows);
    db_reader_done(c);
    return rc < 0 ? rc : 0;
}

int identity_check(struct tenant *t, struct str login, struct str password, struct str peer,
                   int64_t *ret_user_id, struct err *e)
{
    struct identity *id = t->identity;
    pthread_mutex_lock(&id->lock);
    int64_t seconds = wait_of(id, "login", login), by_peer = wait_of(id, "peer", peer);
    pthread_mutex_unlock(&id->lock);
    if (by_peer > seconds)
        seconds = by_peer;
    if (seconds) {
        err_param_i64(e, "seconds", seconds);
        return err_set(e, ERR_TOO_MANY_ATTEMPTS, "wait %lld s", (long long)seconds);
    }
    /* A hash nobody's password has: the work is the same when there is no such login. */
    char hash[PASSWORD_HASH] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
                               "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    int64_t user_id = 0;
    int rc = read_password(t, login, &user_id, hash, e);
    if (rc)
        return rc;
    bool right = crypto_pwhash_str_verify(hash, password.p ? password.p : "", password.n) == 0;
    sodium_memzero(hash, sizeof hash);
    if (right && user_id) {
        pthread_mutex_lock(&id->lock);
        *throttle_of(id, "login", login) = (struct throttle){0};
        pthread_mutex_unlock(&id->lock);
        *ret_user_id = user_id;
        return 0;
    }
    pthread_mutex_lock(&id->lock);
    unsigned left = count_failure(id, "login", login, FREE_TRIES);
    count_failure(id, "peer", peer, FREE_TRIES * 4);
    pthread_mutex_unlock(&id->lock);
    *ret_user_id = user_id;
    err_param_i64(e, "left", left);
    return err_set(e, ERR_SIGN_IN_FAILED, "%u tries left", left);
}

bool identity_note_failure(struct tenant *t)
{
    struct identity *id = t->identity;
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&id->lock);
    if (now - id->failures_since_us > INT64_C(3600000000)) {
        id->failures_since_us = now;
        id->failures_noted = 0;
    }
    bool room = id->failures_noted < FAILURES_NOTED;
    id->failures_noted += room;
    pthread_mutex_unlock(&id->lock);
    return room;
}

/* --- first run ----------------------------------------------------------------------------- */

void setup_token_make(struct tenant *t, char ret_token[SECRET_TEXT])
{
    secret_make("", ret_token);
    pthread_mutex_lock(&t->identity->lock);
    memcpy(t->identity->setup_token, ret_token, SECRET_TEXT);
    pthread_mutex_unlock(&t->identity->lock);
}

bool setup_token_ok(struct tenant *t, struct str token)
{
    pthread_mutex_lock(&t->identity->lock);
    size_t n = strlen(t->identity->setup_token);
    bool ok = n && token.n == n && sodium_memcmp(token.p, t->identity->setup_token, n) == 0;
    pthread_mutex_unlock(&t->identity->lock);
    return ok;
}

void setup_token_used(struct tenant *t)
{
    pthread_mutex_lock(&t->identity->lock);
    sodium_memzero(t->identity->setup_token, SECRET_TEXT);
    pthread_mutex_unlock(&t->identity->lock);
}
