/* API tokens: one's own, and a colleague's. */
#include "api/api.h"

#include <sodium.h>

/* --- tokens -------------------------------------------------------------------------------- */

static int tokens_of(struct api_call *c, struct db_conn *conn, int64_t user_id, struct jw *w)
{
    struct db_rows *rows = NULL;
    int rc = db_query(
        conn,
        "SELECT id, name, created_at, expires_at, seen_at FROM token WHERE user_id = $1 AND "
        "revoked_at IS NULL ORDER BY id DESC LIMIT 200",
        DB_ARGS(DB_I64(user_id)), &rows, &c->err);
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    while (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        jw_obj(w);
        jw_kid(w, "id", db_i64(rows, 0));
        jw_kstr(w, "name", db_str(rows, 1));
        api_time(w, "created_at", rows, 2);
        api_time(w, "expires_at", rows, 3);
        api_time(w, "seen_at", rows, 4);
        jw_obj_end(w);
        rc = 0;
    }
    db_rows_done(rows);
    jw_arr_end(w);
    jw_obj_end(w);
    return rc;
}

static int tokens_list(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    return tokens_of(c, conn, c->who->user_id, w);
}

static int user_tokens(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    int64_t found = 0;
    int rc = db_one_i64(conn, "SELECT 1 FROM users WHERE id = $1", DB_ARGS(DB_I64(c->id)), 0,
                        &found, &c->err);
    if (rc == 0 && !found)
        rc = err_set(&c->err, ERR_NOT_FOUND, "user %lld", (long long)c->id);
    return rc ? rc : tokens_of(c, conn, c->id, w);
}

struct new_token {
    struct api_call *c;
    struct str name;
    int64_t expires_at;
    char secret[SECRET_TEXT];
};

static int make_token(struct db_conn *conn, void *arg, struct err *e)
{
    struct new_token *n = arg;
    int rc = history_note(conn, n->c->t, n->c->who, "token", "session", n->c->who->user_id, n->name,
                          STR_NULL, e);
    return rc ? rc
              : token_create(conn, n->c->t, n->c->who->user_id, n->name, n->expires_at, n->secret,
                             e);
}

/* On a worker and not as a write: the answer holds the secret, and must not be kept for a replay.
 */
static int tokens_post(struct api_call *c, struct jw *w)
{
    struct new_token n = {.c = c};
    const json_t *expires = json_object_get(c->body, "expires_at");
    int rc = api_body_str(c, "name", true, &n.name);
    if (rc == 0 && expires && !json_is_null(expires) &&
        (!json_is_integer(expires) || json_integer_value(expires) <= clock_now_ms())) {
        err_item(&c->err, STR("/expires_at"), "out-of-range");
        rc = err_set(&c->err, ERR_VALIDATION, "expires_at");
    }
    if (rc)
        return rc;
    n.expires_at = json_integer_value(expires);
    rc = db_transact(c->t->db, DB_INTERACTIVE, make_token, &n, &c->err);
    if (rc == 0) {
        c->status = 201;
        jw_obj(w);
        jw_kcstr(w, "secret", n.secret);
        jw_obj_end(w);
    }
    sodium_memzero(n.secret, sizeof n.secret);
    return rc;
}

static int token_delete(struct api_call *c, struct write *wr, struct jw *w)
{
    struct db_rows *rows = NULL;
    int64_t owner = 0;
    struct str name = STR("");
    (void)w;
    c->status = 204;
    c->no_body = true;
    int rc = token_revoke(wr->c, c->t, c->id, c->who->is_admin ? 0 : c->who->user_id, &c->err);
    if (rc == 0)
        rc = db_query(wr->c, "SELECT user_id, name FROM token WHERE id = $1",
                      DB_ARGS(DB_I64(c->id)), &rows, &c->err);
    if (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        owner = db_i64(rows, 0);
        name = arena_str(c->a, db_str(rows, 1));
        rc = 0;
    }
    db_rows_done(rows);
    return rc ? rc
              : history_note(wr->c, c->t, c->who, "token-end", "session", owner, name, STR_NULL,
                             &c->err);
}

const struct endpoint api_admin_endpoints[] = {
    {HTTP_GET, "/api/v1/tokens", API_READ, API_SIGNED_IN, API_NO_BODY, .read = tokens_list,
     .doc = "One's own API tokens", .response = "tokens"},
    {HTTP_POST, "/api/v1/tokens", API_SLOW, API_SIGNED_IN, API_JSON, .plain = tokens_post,
     .doc = "Make an API token; the secret is shown this once", .request = "token",
     .response = "token-secret"},
    {HTTP_DELETE, "/api/v1/tokens/{id}", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = token_delete, .doc = "End an API token"},
    {HTTP_GET, "/api/v1/users/{id}/tokens", API_READ, API_ADMIN, API_NO_BODY, .read = user_tokens,
     .doc = "The API tokens of a colleague", .response = "tokens"},
    {.path = NULL},
};
