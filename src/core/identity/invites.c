/* Links to choose a password: for new colleagues, and for who forgot theirs. */
#include "core/identity/internal.h"

#define INVITE_MS INT64_C(259200000)

int invite_create(struct db_conn *c, struct tenant *t, int64_t user_id, int64_t by,
                  char ret_secret[SECRET_TEXT], int64_t *ret_expires, struct err *e)
{
    unsigned char hash[HASH];
    int64_t living = 0;
    (void)t;
    int rc =
        db_one_i64(c, "SELECT 1 FROM users WHERE id = $1 AND deleted_at IS NULL AND active = 1",
                   DB_ARGS(DB_I64(user_id)), 0, &living, e);
    if (rc == 0 && !living)
        rc = err_set(e, ERR_NOT_FOUND, "user %lld", (long long)user_id);
    if (rc)
        return rc;
    secret_make("inv_", ret_secret);
    secret_hash(str_of(ret_secret), hash);
    *ret_expires = clock_now_ms() + INVITE_MS;
    return db_exec(c,
                   "INSERT INTO invite (user_id, hash, expires_at, created_by) "
                   "VALUES ($1, $2, $3, $4) ON CONFLICT (user_id) DO UPDATE SET "
                   "hash = excluded.hash, expires_at = excluded.expires_at, "
                   "created_by = excluded.created_by",
                   DB_ARGS(DB_I64(user_id), DB_BYTES(str_from((const char *)hash, HASH)),
                           DB_I64(*ret_expires), DB_ID(by)),
                   NULL, e);
}

int invite_find(struct db_conn *c, struct str secret, int64_t *ret_user_id, struct err *e)
{
    unsigned char hash[HASH];
    secret_hash(secret, hash);
    int rc =
        db_one_i64(c,
                   "SELECT i.user_id FROM invite i JOIN users u ON u.id = i.user_id WHERE "
                   "i.hash = $1 AND i.expires_at > $2 AND u.deleted_at IS NULL AND "
                   "u.active = 1",
                   DB_ARGS(DB_BYTES(str_from((const char *)hash, HASH)), DB_I64(clock_now_ms())), 0,
                   ret_user_id, e);
    return rc || *ret_user_id ? rc : err_set(e, ERR_INVITE_OVER, "no such invitation");
}

int invite_use(struct db_conn *c, struct tenant *t, struct str secret, const char *password_hash,
               int64_t *ret_user_id, struct err *e)
{
    *ret_user_id = 0;
    int rc = invite_find(c, secret, ret_user_id, e);
    if (rc == 0)
        rc = db_exec(c, "DELETE FROM invite WHERE user_id = $1", DB_ARGS(DB_I64(*ret_user_id)),
                     NULL, e);
    if (rc == 0)
        rc = password_store(c, *ret_user_id, password_hash, e);
    return rc ? rc : session_end_all(c, t, *ret_user_id, e);
}
