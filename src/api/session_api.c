/* Signing in and out, the first run, a person's own settings. */
#include "api/internal.h"

#define LOG_MODULE "session"
#include "base/log.h"

#include "base/money.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* --- the session object -------------------------------------------------------------------- */

static void write_permissions(const struct tenant *t, const struct actor *who, struct jw *w)
{
    jw_key(w, "permissions");
    jw_obj(w);
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity *en = &t->registry->entities[i];
        bool writes = who->is_admin || !en->admin_writes;
        const struct entity_access *on = &who->on[i];
        jw_key(w, en->name);
        jw_obj(w);
        jw_kcstr(w, "read", scope_name(on->scope[ACCESS_READ]));
        jw_kcstr(w, "write", writes ? scope_name(on->scope[ACCESS_WRITE]) : "none");
        jw_kcstr(w, "delete", writes ? scope_name(on->scope[ACCESS_DELETE]) : "none");
        jw_kbool(w, "create", writes && on->create);
        jw_obj_end(w);
    }
    jw_obj_end(w);
}

static int write_session(struct api_call *c, struct db_conn *conn, const struct actor *who,
                         struct jw *w)
{
    const struct company *co = tenant_company(c->t);
    struct db_rows *rows = NULL;
    int rc = db_query(
        conn, "SELECT name, login, language, theme, density, time_zone FROM users WHERE id = $1",
        DB_ARGS(DB_I64(who->user_id)), &rows, &c->err);
    if (rc == 0)
        rc = db_step(rows, &c->err);
    if (rc <= 0) {
        db_rows_done(rows);
        return rc ? rc : err_set(&c->err, ERR_NOT_SIGNED_IN, "the user is gone");
    }
    jw_obj(w);
    jw_key(w, "user");
    jw_obj(w);
    jw_kid(w, "id", who->user_id);
    jw_kstr(w, "name", db_str(rows, 0));
    jw_kstr(w, "login", db_str(rows, 1));
    jw_kstr(w, "language", db_is_null(rows, 2) ? STR("zh") : db_str(rows, 2));
    jw_kstr(w, "theme", db_is_null(rows, 3) ? STR("system") : db_str(rows, 3));
    jw_kstr(w, "density", db_is_null(rows, 4) ? STR("normal") : db_str(rows, 4));
    jw_key(w, "time_zone"); /* null = the company's */
    if (db_is_null(rows, 5))
        jw_null(w);
    else
        jw_str(w, db_str(rows, 5));
    jw_kbool(w, "is_admin", who->is_admin);
    jw_obj_end(w);
    db_rows_done(rows);
    jw_key(w, "company");
    jw_obj(w);
    jw_kstr(w, "name", co->name);
    jw_kstr(w, "currency", co->currency);
    jw_kstr(w, "time_zone", co->time_zone);
    jw_kf64(w, "discount_rate", co->discount);
    jw_obj_end(w);
    write_permissions(c->t, who, w);
    jw_kbool(w, "insecure", api_insecure(c->api));
    jw_kcstr(w, "version", PATRON_VERSION);
    jw_obj_end(w);
    return 0;
}

static int session_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    return write_session(c, conn, c->who, w);
}

/* --- cookies ------------------------------------------------------------------------------- */

static void set_cookie(struct api_call *c, const char *secret, bool remember)
{
    bool tls = api_secure(c->api);
    c->cookie = arena_printf(c->a, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s",
                             tls ? "__Host-patron" : "patron", secret, tls ? "; Secure" : "",
                             !*secret   ? "; Max-Age=0"
                             : remember ? "; Max-Age=604800"
                                        : "");
}

struct new_session {
    struct api_call *c;
    int64_t user_id;
    bool remember;
    struct str agent;
    char secret[SECRET_TEXT];
};

static int make_session(struct db_conn *conn, void *arg, struct err *e)
{
    struct new_session *n = arg;
    struct actor self = {.user_id = n->user_id, .kind = "user"};
    int rc =
        history_note(conn, n->c->t, &self, "sign-in", "session", n->user_id, n->agent, STR_NULL, e);
    return rc ? rc : session_create(conn, n->c->t, n->user_id, n->remember, n->agent, n->secret, e);
}

/* Signs the user in and answers with the session. On a worker. */
int session_sign_in(struct api_call *c, int64_t user_id, bool remember, struct jw *w)
{
    struct new_session n = {.c = c,
                            .user_id = user_id,
                            .remember = remember,
                            .agent = http_header(c->req, "User-Agent")};
    struct db_conn *conn = NULL;
    int rc = db_transact(c->t->db, DB_INTERACTIVE, make_session, &n, &c->err);
    if (rc == 0) {
        identity_leave(&c->pass);
        rc = identity_as_user(c->t, user_id, &c->pass, &c->err);
    }
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    if (rc)
        return rc;
    c->who = c->pass.who;
    set_cookie(c, n.secret, remember);
    sodium_memzero(n.secret, sizeof n.secret);
    c->status = 201;
    rc = write_session(c, conn, c->who, w);
    db_reader_done(conn);
    return rc;
}

struct failure {
    struct api_call *c;
    int64_t user_id;
};

/* Whose login it was and from where; never what was typed, which now and then is a password. */
static int note_failure(struct db_conn *conn, void *arg, struct err *e)
{
    static const struct actor nobody = {.kind = "nobody"};
    struct failure *f = arg;
    struct buf out = BUF_INIT(1024);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_key(&w, "address");
    jw_arr(&w);
    jw_null(&w);
    jw_str(&w, api_peer(f->c));
    jw_arr_end(&w);
    jw_obj_end(&w);
    int rc = history_note(conn, f->c->t, &nobody, "sign-in-failed", "session", f->user_id, STR_NULL,
                          buf_str(&out), e);
    buf_free(&out);
    return rc;
}

static int session_post(struct api_call *c, struct jw *w)
{
    struct str login, password;
    int64_t user_id = 0;
    int rc = api_body_str(c, "login", true, &login);
    if (rc == 0)
        rc = api_body_str(c, "password", true, &password);
    if (rc == 0 && password.n > PASSWORD_MAX)
        rc = err_set(&c->err, ERR_SIGN_IN_FAILED, "overlong password");
    if (rc == 0)
        rc = identity_check(c->t, str_trim(login), password, api_peer(c), &user_id, &c->err);
    if (rc == ERR_SIGN_IN_FAILED && identity_note_failure(c->t)) {
        struct failure f = {c, user_id};
        struct err e = {0};
        if (db_transact(c->t->db, DB_INTERACTIVE, note_failure, &f, &e) != 0)
            log_error("a failed sign-in was not written down: %s", e.detail);
    }
    if (rc)
        return rc;
    return session_sign_in(c, user_id, json_is_true(json_object_get(c->body, "remember")), w);
}

static int session_delete(struct api_call *c, struct write *wr, struct jw *w)
{
    (void)w;
    set_cookie(c, "", false);
    c->status = 204;
    c->no_body = true;
    return c->pass.session_id ? session_end(wr->c, c->t, c->pass.session_id, &c->err) : 0;
}

static void preferences_changed(void *arg)
{
    identity_changed(arg);
}

/* A person's own settings: not rights, so outside the record pipeline's "administrators only". */
static int session_patch(struct api_call *c, struct write *wr, struct jw *w)
{
    static const char *const names[] = {"language", "theme", "density", "time_zone"};
    const struct entity *en = &c->t->registry->entities[ENTITY_USER];
    const char *name;
    json_t *in;
    struct parse_env env = tenant_parse_env(c->t, c->a);
    if (!json_is_object(c->body))
        return err_set(&c->err, ERR_VALIDATION, "no object");
    json_object_foreach(c->body, name, in)
    {
        const struct field *f = NULL;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (strcmp(name, names[i]) == 0)
                f = entity_field(en, str_of(name));
        struct value v = {.null = true};
        bool zone = f && f->id == USER_TIME_ZONE, none = zone && json_is_null(in);
        const char *code = !f     ? "unknown-field"
                           : none ? NULL /* the company's */
                                  : f->type->from_json(f, in, &env, &v);
        struct tz *tz = zone && !code && !none ? tz_open(arena_cstr(c->a, v.s)) : NULL;
        if (zone && !code && !none && !tz)
            code = "unknown-time-zone";
        tz_free(tz);
        if (code || (v.null && !none)) {
            err_item(&c->err, arena_printf(c->a, "/%s", name), code ? code : "required");
            return err_set(&c->err, ERR_VALIDATION, "%s", name);
        }
        char sql[64];
        snprintf(sql, sizeof sql, "UPDATE users SET %s = $1 WHERE id = $2", f->name);
        int rc =
            db_exec(wr->c, sql, DB_ARGS(v.null ? DB_NIL : DB_STR(v.s), DB_I64(c->who->user_id)),
                    NULL, &c->err);
        if (rc)
            return rc;
    }
    db_after_commit(wr->c, preferences_changed, c->t);
    return write_session(c, wr->c, c->who, w);
}

static int password_check_old(struct api_call *c, struct str old)
{
    int64_t user_id = 0;
    return identity_check(c->t, c->who->login, old, api_peer(c), &user_id, &c->err);
}

struct new_password {
    struct tenant *t;
    const struct actor *who;
    int64_t user_id;
    char hash[PASSWORD_HASH];
};

static int store_password(struct db_conn *conn, void *arg, struct err *e)
{
    struct new_password *n = arg;
    int rc = password_store(conn, n->user_id, n->hash, e);
    if (rc == 0)
        rc = history_note(conn, n->t, n->who, "password", "session", n->user_id, STR_NULL, STR_NULL,
                          e);
    return rc ? rc : session_end_all(conn, n->t, n->user_id, e);
}

int session_weak(struct api_call *c, const char *pointer, struct str password)
{
    const char *code = password_weakness(password);
    if (!code)
        return 0;
    struct err_item *item = err_item(&c->err, str_of(pointer), code);
    err_item_param(&c->err, item, "min", arena_printf(c->a, "%d", PASSWORD_MIN));
    return err_set(&c->err, ERR_VALIDATION, "weak password");
}

static int password_put(struct api_call *c, struct jw *w)
{
    struct str old, fresh;
    struct new_password n = {.t = c->t, .who = c->who, .user_id = c->who->user_id};
    int rc = api_body_str(c, "old", true, &old);
    if (rc == 0)
        rc = api_body_str(c, "new", true, &fresh);
    if (rc == 0)
        rc = session_weak(c, "/new", fresh);
    if (rc == 0)
        rc = password_check_old(c, old);
    if (rc == 0)
        rc = password_hash(fresh, n.hash, &c->err);
    if (rc == 0)
        rc = db_transact(c->t->db, DB_INTERACTIVE, store_password, &n, &c->err);
    return rc ? rc : session_sign_in(c, n.user_id, false, w);
}

/* An administrator gives somebody a new password; that person's sessions end. */
static int user_password_put(struct api_call *c, struct jw *w)
{
    struct str fresh;
    struct new_password n = {.t = c->t, .who = c->who, .user_id = c->id};
    struct db_conn *conn = NULL;
    int64_t found = 0;
    (void)w;
    int rc = api_body_str(c, "new", true, &fresh);
    if (rc == 0)
        rc = session_weak(c, "/new", fresh);
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = db_one_i64(conn, "SELECT 1 FROM users WHERE id = $1 AND deleted_at IS NULL",
                        DB_ARGS(DB_I64(c->id)), 0, &found, &c->err);
    db_reader_done(conn);
    if (rc == 0 && !found)
        rc = err_set(&c->err, ERR_NOT_FOUND, "user %lld", (long long)c->id);
    if (rc == 0)
        rc = password_hash(fresh, n.hash, &c->err);
    if (rc == 0)
        rc = db_transact(c->t->db, DB_INTERACTIVE, store_password, &n, &c->err);
    c->status = 204;
    c->no_body = true;
    return rc;
}

/* --- first run ----------------------------------------------------------------------------- */

static int setup_get(struct api_call *c, struct jw *w)
{
    jw_obj(w);
    jw_kbool(w, "needed", !tenant_company(c->t)->set_up);
    jw_kcstr(w, "version", PATRON_VERSION);
    jw_obj_end(w);
    return 0;
}

struct setup {
    struct api_call *c;
    struct str name, login, company, currency, time_zone, language;
    double discount;
    char hash[PASSWORD_HASH];
    int64_t user_id;
};

static int put_user(struct setup *s, struct write *wr, struct err *e)
{
    struct record made;
    const struct entity *en = &s->c->t->registry->entities[ENTITY_USER];
    json_t *body =
        json_pack("{s:s%,s:s%,s:b,s:s%}", "name", s->name.p, s->name.n, "login", s->login.p,
                  s->login.n, "is_admin", 1, "language", s->language.p, s->language.n);
    if (!body)
        return err_set(e, ERR_BAD_UTF8, "name or login");
    int rc = record_create(wr, en, body, &made, e);
    json_decref(body);
    if (rc)
        return rc;
    s->user_id = made.v[FIELD_ID].i;
    return password_store(wr->c, s->user_id, s->hash, e);
}

static int set_up(struct db_conn *conn, void *arg, struct err *e)
{
    struct setup *s = arg;
    struct write wr = {
        .t = s->c->t, .c = conn, .who = identity_system(), .a = s->c->a, .now = clock_now_ms()};
    char discount[32];
    snprintf(discount, sizeof discount, "%.6g", s->discount);
    int64_t done = 0;
    int rc =
        db_one_i64(conn, "SELECT 1 FROM setting WHERE name = 'set_up'", DB_NOARGS, 0, &done, e);
    if (rc == 0 && done)
        rc = err_set(e, ERR_SETUP_TOKEN, "set up already");
    if (rc == 0)
        rc = put_user(s, &wr, e);
    const struct {
        const char *name;
        struct str value;
    } settings[] = {{"company.name", s->company},
                    {"company.currency", s->currency},
                    {"company.time_zone", s->time_zone},
                    {"company.language", s->language},
                    {"company.discount_rate", str_of(discount)},
                    {"set_up", STR("1")}};
    for (size_t i = 0; rc == 0 && i < sizeof settings / sizeof settings[0]; i++)
        rc = tenant_setting_put(conn, settings[i].name, settings[i].value, e);
    return rc;
}

static void want(struct api_call *c, const json_t *obj, const char *group, const char *name,
                 struct str absent, struct str *ret)
{
    const json_t *v = json_object_get(obj, name);
    *ret = json_is_string(v) ? str_trim(json_get_str(obj, name)) : absent;
    struct str pointer = arena_printf(c->a, "/%s/%s", group, name);
    if (v && !json_is_string(v))
        err_item(&c->err, pointer, "type-text");
    else if (ret->n == 0)
        err_item(&c->err, pointer, "required");
}

static int read_setup(struct api_call *c, struct setup *s)
{
    const json_t *admin = json_object_get(c->body, "admin");
    const json_t *company = json_object_get(c->body, "company");
    struct str password;
    want(c, admin, "admin", "name", STR_NULL, &s->name);
    want(c, admin, "admin", "login", STR_NULL, &s->login);
    want(c, admin, "admin", "password", STR_NULL, &password);
    want(c, company, "company", "name", STR_NULL, &s->company);
    want(c, company, "company", "currency", STR("CNY"), &s->currency);
    want(c, company, "company", "time_zone", STR("Asia/Shanghai"), &s->time_zone);
    want(c, company, "company", "language", STR("zh"), &s->language);
    const json_t *rate = json_object_get(company, "discount_rate");
    s->discount = rate ? json_number_value(rate) : 0.10;
    if (rate && (!json_is_number(rate) || s->discount < 0 || s->discount > 1))
        err_item(&c->err, STR("/company/discount_rate"), "out-of-range");
    if (s->currency.n && !currency_find(s->currency))
        err_item(&c->err, STR("/company/currency"), "unknown-currency");
    struct tz *zone = tz_open(arena_cstr(c->a, s->time_zone));
    if (!zone)
        err_item(&c->err, STR("/company/time_zone"), "unknown-time-zone");
    tz_free(zone);
    if (!str_is(s->language, "zh") && !str_is(s->language, "en"))
        err_item(&c->err, STR("/company/language"), "unknown-option");
    password = json_get_str(admin, "password"); /* a password is not trimmed */
    if (password.n)
        session_weak(c, "/admin/password", password);
    if (c->err.nitems)
        return err_set(&c->err, ERR_VALIDATION, "%zu fields", c->err.nitems);
    return password_hash(password, s->hash, &c->err);
}

static int setup_post(struct api_call *c, struct jw *w)
{
    struct setup s = {.c = c};
    if (tenant_company(c->t)->set_up || !setup_token_ok(c->t, json_get_str(c->body, "token")))
        return err_set(&c->err, ERR_SETUP_TOKEN, "wrong or used");
    int rc = read_setup(c, &s);
    if (rc == 0)
        rc = db_transact(c->t->db, DB_INTERACTIVE, set_up, &s, &c->err);
    if (rc == 0)
        rc = tenant_reload(c->t, &c->err);
    if (rc)
        return rc;
    setup_token_used(c->t);
    identity_changed(c->t);
    return session_sign_in(c, s.user_id, false, w);
}

const struct endpoint api_session_endpoints[] = {
    {HTTP_GET, "/api/v1/setup", API_PLAIN, API_PUBLIC, API_NO_BODY, .plain = setup_get,
     .doc = "Whether the first run is still to be done", .response = "setup-state"},
    {HTTP_POST, "/api/v1/setup", API_SLOW, API_PUBLIC, API_JSON, .plain = setup_post,
     .doc = "First run: administrator and company; needs the one-time token", .request = "setup",
     .response = "session"},
    {HTTP_GET, "/api/v1/session", API_READ, API_SIGNED_IN, API_NO_BODY, .read = session_get,
     .doc = "Who is signed in, the company, and what one may do", .response = "session"},
    {HTTP_POST, "/api/v1/session", API_SLOW, API_PUBLIC, API_JSON, .plain = session_post,
     .doc = "Sign in", .request = "sign-in", .response = "session"},
    {HTTP_PATCH, "/api/v1/session", API_WRITE, API_SIGNED_IN, API_JSON, .write = session_patch,
     .doc = "Change one's own language, theme and density", .request = "preferences",
     .response = "session"},
    {HTTP_DELETE, "/api/v1/session", API_WRITE, API_SIGNED_IN, API_NO_BODY, .write = session_delete,
     .doc = "Sign out"},
    {HTTP_PUT, "/api/v1/session/password", API_SLOW, API_SIGNED_IN, API_JSON, .plain = password_put,
     .doc = "Change one's own password; ends all other sessions", .request = "password",
     .response = "session"},
    {HTTP_PUT, "/api/v1/users/{id}/password", API_SLOW, API_ADMIN, API_JSON,
     .plain = user_password_put, .doc = "Give a colleague a new password; ends their sessions",
     .request = "password"},
    {.path = NULL},
};
