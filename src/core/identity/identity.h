/* Who is asking: users as immutable actors, sessions, API tokens, passwords, throttling.

   Secrets (session ids, tokens) are 24 random bytes; only their BLAKE2b hash is stored. Passwords
   are argon2id, 19 MiB, 2 passes (about 30 ms of CPU: never on a loop thread). */
#ifndef PATRON_CORE_IDENTITY_H
#define PATRON_CORE_IDENTITY_H

#include "core/access/access.h"
#include "core/record/record.h"
#include "core/tenant/tenant.h"

struct identity;
struct snapshot; /* all users at one moment; counted */

int identity_open(struct tenant *t, struct err *e) must_check; /* sets t->identity */
void identity_close(struct tenant *t);

/* Users, roles or departments changed: the next login sees it. Any thread. */
void identity_changed(struct tenant *t);

/* A request's pass. Give it back with identity_leave when the request is over. */
struct pass {
    const struct actor *who; /* NULL = nobody */
    struct snapshot *held;
    int64_t session_id; /* 0 for tokens */
    bool by_cookie;
    unsigned char hash[32]; /* of the secret that opened */
};
/* `secret` as it came in the cookie or header. ERR_NOT_SIGNED_IN. May read from the database when
   the secret has not been seen for 30 s. */
int identity_enter(struct tenant *t, struct str secret, bool by_cookie, struct pass *ret_pass,
                   struct err *e) must_check;
/* The same person by the same secret, with the rights of this moment; `p` is given back for it.
   When the secret ended meanwhile: ERR_NOT_SIGNED_IN, and p stays. */
int identity_renew(struct tenant *t, struct pass *p, struct err *e) must_check;
void identity_leave(struct pass *p);
/* The actor of a user for jobs and commands; the same pass to give back. ERR_NOT_FOUND. */
int identity_as_user(struct tenant *t, int64_t user_id, struct pass *ret_pass,
                     struct err *e) must_check;
/* What a filter means when this person asks: today, and what may be asked for. who NULL = nobody
   that is known. */
struct filter_env identity_filter_env(const struct tenant *t, const struct actor *who,
                                      struct arena *a);
/* All who may sign in, at the moment of the pass. */
const struct actor *identity_everybody(const struct pass *p, size_t *ret_n);
/* May do everything; kind "system". */
const struct actor *identity_system(void);

/* --- passwords ----------------------------------------------------------------------------- */

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 200, PASSWORD_HASH = 128 };

/* NULL, or the message key of what is wrong with it as a new password. */
const char *password_weakness(struct str password);
/* Slow. ERR_NOMEM. */
int password_hash(struct str password, char out[PASSWORD_HASH], struct err *e) must_check;
int password_store(struct db_conn *c, int64_t user_id, const char *hash, struct err *e) must_check;

/* Checks login and password; slow, also when there is no such user (so that nobody learns which
   logins exist). ERR_SIGN_IN_FAILED (param left; whose login it was, 0 = nobody's),
   ERR_TOO_MANY_ATTEMPTS (param seconds). */
int identity_check(struct tenant *t, struct str login, struct str password, struct str peer,
                   int64_t *ret_user_id, struct err *e) must_check;

/* A failed sign-in may be written down: so many an hour, or whoever guesses could fill the audit.
 */
enum { FAILURES_NOTED = 60 };
bool identity_note_failure(struct tenant *t);

/* --- sessions and tokens ------------------------------------------------------------------- */

enum { SECRET_TEXT = 48 };

int session_create(struct db_conn *c, struct tenant *t, int64_t user_id, bool remember,
                   struct str agent, char ret_secret[SECRET_TEXT], struct err *e) must_check;
int session_end(struct db_conn *c, struct tenant *t, int64_t session_id, struct err *e) must_check;
/* All of a user's sessions: after a change of password. */
int session_end_all(struct db_conn *c, struct tenant *t, int64_t user_id, struct err *e) must_check;
int session_end_others(struct db_conn *c, struct tenant *t, int64_t user_id, int64_t session_id,
                       struct err *e) must_check;
/* ERR_NOT_FOUND when it is not this user's. */
int session_end_own(struct db_conn *c, struct tenant *t, int64_t user_id, int64_t session_id,
                    struct err *e) must_check;
/* Sessions, API tokens and an open invitation: whatever lets this person in, until signing in anew.
 */
int identity_lock_out(struct db_conn *c, struct tenant *t, int64_t user_id,
                      struct err *e) must_check;
/* "pat_…". expires_at 0 = never. */
int token_create(struct db_conn *c, struct tenant *t, int64_t user_id, struct str name,
                 int64_t expires_at, char ret_secret[SECRET_TEXT], struct err *e) must_check;
/* Ends a token of this user (any user's with 0). ERR_NOT_FOUND. */
int token_revoke(struct db_conn *c, struct tenant *t, int64_t token_id, int64_t user_id,
                 struct err *e) must_check;

/* --- invitations: a link to choose a password, good once and for three days ----------------- */

/* A new one for this person; the one before stops working. ERR_NOT_FOUND for who is gone or locked.
 */
int invite_create(struct db_conn *c, struct tenant *t, int64_t user_id, int64_t by,
                  char ret_secret[SECRET_TEXT], int64_t *ret_expires, struct err *e) must_check;
/* Whose it is. ERR_INVITE_OVER when it is used, too old, or was never made. */
int invite_find(struct db_conn *c, struct str secret, int64_t *ret_user_id,
                struct err *e) must_check;
/* Uses it up: stores the password and ends all sessions. */
int invite_use(struct db_conn *c, struct tenant *t, struct str secret, const char *password_hash,
               int64_t *ret_user_id, struct err *e) must_check;

/* --- first run ----------------------------------------------------------------------------- */

/* A fresh one-time token for the set-up link when the company is not set up; the one before stops
   working. Kept in memory only. */
void setup_token_make(struct tenant *t, char ret_token[SECRET_TEXT]);
bool setup_token_ok(struct tenant *t, struct str token);
void setup_token_used(struct tenant *t);

/* Hooks that keep the snapshot and the tree of departments true. */
extern const struct record_hook identity_hooks[];

#endif
