/* One's own API tokens, and the company's settings. */
#include "api/api.h"

#include "base/money.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

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

/* --- the company --------------------------------------------------------------------------- */

static int wrong(struct api_call *c, const char *name, const char *code)
{
    err_item(&c->err, arena_printf(c->a, "/%s", name), code);
    return err_set(&c->err, ERR_VALIDATION, "%s", name);
}

static int check_name(struct api_call *c, const json_t *v, struct str *ret)
{
    *ret = str_trim(str_of(json_string_value(v)));
    return ret->n ? 0 : wrong(c, "name", json_is_string(v) ? "required" : "type-text");
}

static int check_zone(struct api_call *c, const json_t *v, struct str *ret)
{
    *ret = str_of(json_string_value(v));
    struct tz *zone = ret->n ? tz_open(ret->p) : NULL;
    tz_free(zone);
    return zone ? 0 : wrong(c, "time_zone", "unknown-time-zone");
}

static int check_language(struct api_call *c, const json_t *v, struct str *ret)
{
    *ret = str_of(json_string_value(v));
    return str_is(*ret, "zh") || str_is(*ret, "en") ? 0 : wrong(c, "language", "unknown-option");
}

/* The day valuations look back from; empty = that of the last order. */
static int check_end(struct api_call *c, const json_t *v, struct str *ret)
{
    int32_t day;
    *ret = json_is_null(v) ? STR("") : str_of(json_string_value(v));
    return json_is_null(v) || date_parse(*ret, &day) ? 0 : wrong(c, "observation_end", "date");
}

static int wrong_end(struct api_call *c, const char *code, struct str end, int32_t first)
{
    char text[DATE_TEXT];
    struct err_item *item = err_item(&c->err, STR("/observation_end"), code);
    date_format(first, text);
    err_item_param(&c->err, item, "day", end);
    err_item_param(&c->err, item, "first", str_of(text));
    return err_set(&c->err, ERR_VALIDATION, "observation_end");
}

/* What is to come was not observed, and before the first order there was nothing to observe. */
static int fits_end(struct api_call *c, struct db_conn *conn, struct str text)
{
    int32_t day = 0;
    int64_t first = 0;
    if (!date_parse(text, &day))
        return 0; /* none */
    if (day > tz_date(tenant_company(c->t)->tz, clock_now_ms()))
        return wrong_end(c, "end-in-future", text, day);
    int rc = db_one_i64(conn,
                        "SELECT ordered_on FROM orders WHERE deleted_at IS NULL AND "
                        "status IN ('confirmed', 'returned') ORDER BY ordered_on, id LIMIT 1",
                        DB_NOARGS, INT64_MIN, &first, &c->err);
    if (rc || first <= day)
        return rc;
    return wrong_end(c, "end-before-orders", text, (int32_t)first);
}

static int check_fiscal_month(struct api_call *c, const json_t *v, struct str *ret)
{
    json_int_t month = json_integer_value(v);
    if (!json_is_integer(v) || month < 1 || month > 12)
        return wrong(c, "fiscal_month", "out-of-range");
    *ret = arena_printf(c->a, "%d", (int)month);
    return 0;
}

static int check_discount(struct api_call *c, const json_t *v, struct str *ret)
{
    if (!json_is_number(v) || !(json_number_value(v) > 0) || json_number_value(v) > 1)
        return wrong(c, "discount_rate", "out-of-range");
    *ret = arena_printf(c->a, "%.6g", json_number_value(v));
    return 0;
}

static int check_attachment(struct api_call *c, const json_t *v, struct str *ret)
{
    int64_t mb = json_integer_value(v);
    if (!json_is_integer(v) || mb < 1 || mb > ATTACHMENT_MB_MOST)
        return wrong(c, "attachment_mb", json_is_integer(v) ? "out-of-range" : "integer");
    *ret = arena_printf(c->a, "%lld", (long long)mb);
    return 0;
}

/* {"USD": 7.1}: base currency for one unit of each. */
static int check_rates(struct api_call *c, const json_t *v, struct str *ret)
{
    const char *code;
    json_t *rate;
    if (!json_is_object(v))
        return wrong(c, "rates", "type-object");
    json_object_foreach((json_t *)v, code, rate)
    {
        if (!currency_find(str_of(code)))
            return wrong(c, "rates", "unknown-currency");
        /* Kept in millionths. */
        if (!json_is_number(rate) || !(json_number_value(rate) >= 1e-6) ||
            json_number_value(rate) > 1e9)
            return wrong(c, "rates", "out-of-range");
    }
    char *text = json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(15));
    *ret = arena_str(c->a, str_of(text ? text : "{}"));
    free(text);
    return 0;
}

static const struct {
    const char *name, *setting;
    int (*check)(struct api_call *c, const json_t *v, struct str *ret);
    int (*fits)(struct api_call *c, struct db_conn *conn, struct str text); /* what there is */
} settings[] = {{"name", "company.name", check_name, NULL},
                {"time_zone", "company.time_zone", check_zone, NULL},
                {"language", "company.language", check_language, NULL},
                {"fiscal_month", "company.fiscal_month", check_fiscal_month, NULL},
                {"observation_end", "company.observation_end", check_end, fits_end},
                {"attachment_mb", "company.attachment_mb", check_attachment, NULL},
                {"discount_rate", "company.discount_rate", check_discount, NULL},
                {"rates", "company.rates", check_rates, NULL}};

static void reload(void *arg)
{
    struct tenant *t = arg;
    struct err e = {0};
    if (tenant_reload(t, &e) != 0)
        return; /* the settings before stay until the next start */
}

static void write_company(struct api_call *c, struct jw *w)
{
    const struct company *co = tenant_company(c->t);
    jw_obj(w);
    jw_kstr(w, "name", co->name);
    jw_kstr(w, "currency", co->currency);
    jw_kstr(w, "time_zone", co->time_zone);
    jw_kcstr(w, "language", co->lang == LANG_EN ? "en" : "zh");
    jw_kf64(w, "discount_rate", co->discount);
    jw_ki64(w, "fiscal_month", co->fiscal_month);
    jw_ki64(w, "attachment_mb", co->attachment_mb);
    jw_key(w, "observation_end");
    if (co->observed_until) {
        char date[DATE_TEXT];
        date_format(co->observation_end, date);
        jw_cstr(w, date);
    } else {
        jw_null(w);
    }
    jw_key(w, "rates");
    jw_obj(w);
    for (size_t i = 0; i < co->nrates; i++) {
        jw_key_str(w, co->rates[i].currency);
        jw_f64(w, (double)co->rates[i].micro / 1e6);
    }
    jw_obj_end(w);
    jw_obj_end(w);
}

static int company_get(struct api_call *c, struct jw *w)
{
    write_company(c, w);
    return 0;
}

static int note_setting(struct db_conn *conn, struct api_call *c, const char *name,
                        const char *setting, struct str text, struct err *e)
{
    struct str before;
    int rc = tenant_setting_get(conn, setting, c->a, &before, e);
    if (rc || str_eq(before, text))
        return rc;
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_key(&w, name);
    jw_arr(&w);
    if (before.p)
        jw_str(&w, before);
    else
        jw_null(&w);
    jw_str(&w, text);
    jw_arr_end(&w);
    jw_obj_end(&w);
    rc = history_note(conn, c->t, c->who, "update", "company", 0, tenant_company(c->t)->name,
                      buf_str(&out), e);
    buf_free(&out);
    return rc;
}

/* The base currency is no setting: amounts are frozen in it. */
static int store_settings(struct db_conn *conn, void *arg, struct err *e)
{
    struct api_call *c = arg;
    const char *name;
    json_t *v;
    json_object_foreach(c->body, name, v)
    {
        size_t i = 0, n = sizeof settings / sizeof settings[0];
        struct str text;
        while (i < n && strcmp(settings[i].name, name) != 0)
            i++;
        int rc = i == n ? wrong(c, name, strcmp(name, "currency") ? "unknown-field" : "read-only")
                        : settings[i].check(c, v, &text);
        if (rc == 0 && settings[i].fits)
            rc = settings[i].fits(c, conn, text);
        if (rc == 0)
            rc = note_setting(conn, c, name, settings[i].setting, text, e);
        if (rc == 0)
            rc = tenant_setting_put(conn, settings[i].setting, text, e);
        if (rc)
            return rc;
    }
    db_after_commit(conn, reload, c->t);
    return 0;
}

static int company_patch(struct api_call *c, struct jw *w)
{
    if (!json_is_object(c->body))
        return wrong(c, "", "type-object");
    int rc = db_transact(c->t->db, DB_INTERACTIVE, store_settings, c, &c->err);
    if (rc == 0)
        write_company(c, w);
    return rc;
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
    {HTTP_GET, "/api/v1/company", API_PLAIN, API_SIGNED_IN, API_NO_BODY, .plain = company_get,
     .doc = "The company's settings", .response = "company"},
    {HTTP_PATCH, "/api/v1/company", API_SLOW, API_ADMIN, API_JSON, .plain = company_patch,
     .doc = "Change the company's settings and exchange rates", .request = "company",
     .response = "company"},
    {.path = NULL},
};
