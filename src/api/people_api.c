/* Who gets in, and with what: invitations, sessions, signing people out; and the audit. */
#include "api/internal.h"

#include <sodium.h>
#include <string.h>

/* --- invitations --------------------------------------------------------------------------- */

struct invitation {
    struct api_call *c;
    struct str secret;
    int64_t user_id, expires_at;
    char fresh[SECRET_TEXT], hash[PASSWORD_HASH];
};

static int make_invitation(struct db_conn *conn, void *arg, struct err *e)
{
    struct invitation *i = arg;
    int rc =
        invite_create(conn, i->c->t, i->c->id, i->c->who->user_id, i->fresh, &i->expires_at, e);
    return rc ? rc
              : history_note(conn, i->c->t, i->c->who, "invite", "session", i->c->id, STR_NULL,
                             STR_NULL, e);
}

/* On a worker and not as a write: the answer holds the secret, and must not be kept for a replay.
 */
static int invite_post(struct api_call *c, struct jw *w)
{
    struct invitation i = {.c = c};
    int rc = db_transact(c->t->db, DB_INTERACTIVE, make_invitation, &i, &c->err);
    if (rc == 0) {
        c->status = 201;
        jw_obj(w);
        jw_kcstr(w, "token", i.fresh);
        jw_ki64(w, "expires_at", i.expires_at);
        jw_obj_end(w);
    }
    sodium_memzero(i.fresh, sizeof i.fresh);
    return rc;
}

static int take_token(struct api_call *c, struct str *ret)
{
    int rc = api_body_str(c, "token", true, ret);
    return rc == 0 && ret->n >= SECRET_TEXT ? err_set(&c->err, ERR_INVITE_OVER, "overlong") : rc;
}

static int invite_look(struct api_call *c, struct jw *w)
{
    struct db_conn *conn = NULL;
    struct db_rows *rows = NULL;
    struct str secret;
    int64_t user_id = 0;
    int rc = take_token(c, &secret);
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = invite_find(conn, secret, &user_id, &c->err);
    if (rc == 0)
        rc = db_query(conn, "SELECT name, login FROM users WHERE id = $1", DB_ARGS(DB_I64(user_id)),
                      &rows, &c->err);
    if (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        jw_obj(w);
        jw_kstr(w, "name", db_str(rows, 0));
        jw_kstr(w, "login", db_str(rows, 1));
        jw_kstr(w, "company", tenant_company(c->t)->name);
        jw_obj_end(w);
        rc = 0;
    }
    db_rows_done(rows);
    db_reader_done(conn);
    return rc;
}

static int use_invitation(struct db_conn *conn, void *arg, struct err *e)
{
    struct invitation *i = arg;
    return invite_use(conn, i->c->t, i->secret, i->hash, &i->user_id, e);
}

static int invite_accept(struct api_call *c, struct jw *w)
{
    struct invitation i = {.c = c};
    struct str password;
    int rc = take_token(c, &i.secret);
    if (rc == 0)
        rc = api_body_str(c, "password", true, &password);
    if (rc == 0)
        rc = session_weak(c, "/password", password);
    if (rc == 0)
        rc = password_hash(password, i.hash, &c->err);
    if (rc == 0)
        rc = db_transact(c->t->db, DB_INTERACTIVE, use_invitation, &i, &c->err);
    return rc ? rc : session_sign_in(c, i.user_id, false, w);
}

/* --- sessions ------------------------------------------------------------------------------ */

static int sessions_list(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct db_rows *rows = NULL;
    int rc = db_query(conn,
                      "SELECT id, agent, created_at, seen_at, expires_at FROM session WHERE "
                      "user_id = $1 AND expires_at > $2 ORDER BY seen_at DESC, id DESC LIMIT 200",
                      DB_ARGS(DB_I64(c->who->user_id), DB_I64(clock_now_ms())), &rows, &c->err);
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    while (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        jw_obj(w);
        jw_kid(w, "id", db_i64(rows, 0));
        jw_kstr(w, "agent", db_str(rows, 1));
        jw_ki64(w, "created_at", db_i64(rows, 2));
        jw_ki64(w, "seen_at", db_i64(rows, 3));
        jw_ki64(w, "expires_at", db_i64(rows, 4));
        jw_kbool(w, "current", db_i64(rows, 0) == c->pass.session_id);
        jw_obj_end(w);
        rc = 0;
    }
    db_rows_done(rows);
    jw_arr_end(w);
    jw_obj_end(w);
    return rc;
}

static int session_remove(struct api_call *c, struct write *wr, struct jw *w)
{
    (void)w;
    c->status = 204;
    c->no_body = true;
    return session_end_own(wr->c, c->t, c->who->user_id, c->id, &c->err);
}

/* One's own sessions but the one that asks. */
static int sessions_remove(struct api_call *c, struct write *wr, struct jw *w)
{
    (void)w;
    c->status = 204;
    c->no_body = true;
    return session_end_others(wr->c, c->t, c->who->user_id, c->pass.session_id, &c->err);
}

static int sign_out_user(struct api_call *c, struct write *wr, struct jw *w)
{
    int64_t found = 0;
    (void)w;
    c->status = 204;
    c->no_body = true;
    int rc = db_one_i64(wr->c, "SELECT 1 FROM users WHERE id = $1", DB_ARGS(DB_I64(c->id)), 0,
                        &found, &c->err);
    if (rc == 0 && !found)
        rc = err_set(&c->err, ERR_NOT_FOUND, "user %lld", (long long)c->id);
    if (rc == 0)
        rc = identity_lock_out(wr->c, c->t, c->id, &c->err);
    return rc ? rc
              : history_note(wr->c, c->t, c->who, "sign-out", "session", c->id, STR_NULL, STR_NULL,
                             &c->err);
}

/* What the list of colleagues says beside their records: who can get in, and was there when. */
static int people_list(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct db_rows *rows = NULL;
    int rc = db_query(
        conn,
        "SELECT u.id, (SELECT max(s.seen_at) FROM session s WHERE s.user_id = u.id), "
        "(SELECT count(*) FROM session s WHERE s.user_id = u.id AND s.expires_at > $1), "
        "(SELECT count(*) FROM token k WHERE k.user_id = u.id AND k.revoked_at IS NULL), "
        "(SELECT count(*) FROM user_secret p WHERE p.user_id = u.id), "
        "(SELECT max(i.expires_at) FROM invite i WHERE i.user_id = u.id AND i.expires_at > $1) "
        "FROM users u WHERE u.deleted_at IS NULL ORDER BY u.id LIMIT 2000",
        DB_ARGS(DB_I64(clock_now_ms())), &rows, &c->err);
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    while (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        jw_obj(w);
        jw_kid(w, "id", db_i64(rows, 0));
        api_time(w, "seen_at", rows, 1);
        jw_ki64(w, "sessions", db_i64(rows, 2));
        jw_ki64(w, "tokens", db_i64(rows, 3));
        jw_kbool(w, "password", db_i64(rows, 4) != 0);
        api_time(w, "invited_until", rows, 5);
        jw_obj_end(w);
        rc = 0;
    }
    db_rows_done(rows);
    jw_arr_end(w);
    jw_obj_end(w);
    return rc;
}

/* --- audit --------------------------------------------------------------------------------- */

static int audit_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct audit_query q = {.entity = http_param(c->req, "entity"),
                            .kind = http_param(c->req, "kind")};
    int64_t limit = 50;
    const struct {
        const char *name;
        int64_t *into;
    } numbers[] = {{"who", &q.actor_id},
                   {"record", &q.record_id},
                   {"from", &q.from},
                   {"to", &q.to},
                   {"cursor", &q.before}};
    int rc = api_param_i64(c, "limit", 50, 1, 200, &limit);
    for (size_t i = 0; rc == 0 && i < sizeof numbers / sizeof numbers[0]; i++)
        rc = api_param_i64(c, numbers[i].name, 0, 0, INT64_MAX, numbers[i].into);
    if (rc)
        return rc;
    q.limit = (unsigned)limit;
    return history_audit(conn, c->t, c->who, &q, c->a, w, &c->err);
}

const struct endpoint api_people_endpoints[] = {
    {HTTP_GET, "/api/v1/people", API_READ, API_ADMIN, API_NO_BODY, .read = people_list,
     .doc = "Of each colleague: sessions, tokens, password, open invitation, last seen",
     .response = "people"},
    {HTTP_POST, "/api/v1/users/{id}/invite", API_SLOW, API_ADMIN, API_NO_BODY, .plain = invite_post,
     .doc = "A link to choose a password; the token is shown this once", .response = "invite"},
    {HTTP_POST, "/api/v1/invite/look", API_SLOW, API_PUBLIC, API_JSON, .plain = invite_look,
     .doc = "Whose invitation a token is", .request = "invite-token", .response = "invite-owner"},
    {HTTP_POST, "/api/v1/invite", API_SLOW, API_PUBLIC, API_JSON, .plain = invite_accept,
     .doc = "Choose a password by an invitation; signs in", .request = "invite-accept",
     .response = "session"},
    {HTTP_POST, "/api/v1/users/{id}/sign-out", API_WRITE, API_ADMIN, API_NO_BODY,
     .write = sign_out_user, .doc = "End all sessions, API tokens and invitations of a colleague"},
    {HTTP_GET, "/api/v1/sessions", API_READ, API_SIGNED_IN, API_NO_BODY, .read = sessions_list,
     .doc = "One's own sessions", .response = "sessions"},
    {HTTP_DELETE, "/api/v1/sessions/{id}", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = session_remove, .doc = "End one of one's own sessions"},
    {HTTP_DELETE, "/api/v1/sessions", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = sessions_remove, .doc = "End all of one's own sessions but this one"},
    {HTTP_GET, "/api/v1/audit", API_READ, API_ADMIN, API_NO_BODY, .read = audit_get,
     .doc = "Who did what, newest first: all records, sign-ins, settings",
     .params = "who entity record kind from to cursor limit", .response = "history"},
    {.path = NULL},
};
