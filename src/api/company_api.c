/* The company: its settings, and exchange rates. */
#include "api/api.h"

#include "base/money.h"

#include <stdlib.h>
#include <string.h>

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

const struct endpoint api_company_endpoints[] = {
    {HTTP_GET, "/api/v1/company", API_PLAIN, API_SIGNED_IN, API_NO_BODY, .plain = company_get,
     .doc = "The company's settings", .response = "company"},
    {HTTP_PATCH, "/api/v1/company", API_SLOW, API_ADMIN, API_JSON, .plain = company_patch,
     .doc = "Change the company's settings and exchange rates", .request = "company",
     .response = "company"},
    {.path = NULL},
};
