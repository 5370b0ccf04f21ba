/* The company: its settings, and exchange rates. */
#include "api/api.h"

#include "core/jobs/jobs.h"

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

static struct str rates_text(struct api_call *c, const struct rates *r)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    rates_write(r, &w);
    struct str text = arena_str(c->a, buf_str(&out));
    buf_free(&out);
    return text;
}

/* Stored as it is shown, whatever way it came. */
static int check_rates(struct api_call *c, const json_t *v, struct str *ret)
{
    struct rates r;
    int rc = rates_read(v, tenant_company(c->t)->currency, c->a, &r, &c->err);
    if (rc == 0)
        *ret = rates_text(c, &r);
    return rc;
}

/* Orders of those days are converted anew in the background (crm/orders/rates_job.c). */
static int convert_anew(struct api_call *c, struct db_conn *conn, const struct rate_span *spans,
                        size_t n, int64_t *ret_job)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_key(&w, "spans");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        jw_obj(&w);
        jw_kstr(&w, "currency", spans[i].currency);
        jw_ki64(&w, "from", spans[i].from);
        jw_ki64(&w, "to", spans[i].to);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
    int rc = n ? job_submit(conn, c->t, "rates", STR(""), buf_str(&out), c->who->user_id, ret_job,
                            &c->err)
               : 0;
    buf_free(&out);
    return rc;
}

static int rates_written(struct api_call *c, struct db_conn *conn, struct str before,
                         struct str now, int64_t *ret_job)
{
    struct str base = tenant_company(c->t)->currency;
    struct rates was, is;
    struct rate_span *spans;
    tenant_rates_of(before, base, c->a, &was);
    tenant_rates_of(now, base, c->a, &is);
    size_t n = rates_changed(&was, &is, c->a, &spans);
    return convert_anew(c, conn, spans, n, ret_job);
}

static const struct {
    const char *name, *setting;
    int (*check)(struct api_call *c, const json_t *v, struct str *ret);
    int (*fits)(struct api_call *c, struct db_conn *conn, struct str text); /* what there is */
    /* What follows from another value; *ret_job: the job that does it. */
    int (*written)(struct api_call *c, struct db_conn *conn, struct str before, struct str now,
                   int64_t *ret_job);
} settings[] = {{"name", "company.name", check_name},
                {"time_zone", "company.time_zone", check_zone},
                {"language", "company.language", check_language},
                {"fiscal_month", "company.fiscal_month", check_fiscal_month},
                {"observation_end", "company.observation_end", check_end, fits_end},
                {"attachment_mb", "company.attachment_mb", check_attachment},
                {"discount_rate", "company.discount_rate", check_discount},
                {"rates", "company.rates", check_rates, NULL, rates_written}};

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
    rates_write(&co->rates, w);
}

static int company_get(struct api_call *c, struct jw *w)
{
    jw_obj(w);
    write_company(c, w);
    jw_obj_end(w);
    return 0;
}

/* `before` is STR_NULL where the setting was never written. */
static int note_setting(struct db_conn *conn, struct api_call *c, const char *name,
                        struct str before, struct str text, struct err *e)
{
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
    int rc = history_note(conn, c->t, c->who, "update", "company", 0, tenant_company(c->t)->name,
                          buf_str(&out), e);
    buf_free(&out);
    return rc;
}

struct patch {
    struct api_call *c;
    int64_t job; /* that converts orders anew, or 0 */
};

/* The base currency is no setting: amounts are frozen in it. */
static int store_one(struct patch *p, struct db_conn *conn, const char *name, const json_t *v,
                     struct err *e)
{
    struct api_call *c = p->c;
    size_t i = 0, n = sizeof settings / sizeof settings[0];
    struct str text, before;
    while (i < n && strcmp(settings[i].name, name) != 0)
        i++;
    if (i == n)
        return wrong(c, name, strcmp(name, "currency") ? "unknown-field" : "read-only");
    int rc = settings[i].check(c, v, &text);
    if (rc == 0 && settings[i].fits)
        rc = settings[i].fits(c, conn, text);
    if (rc == 0)
        rc = tenant_setting_get(conn, settings[i].setting, c->a, &before, e);
    if (rc || str_eq(before, text))
        return rc;
    rc = note_setting(conn, c, name, before, text, e);
    if (rc == 0)
        rc = tenant_setting_put(conn, settings[i].setting, text, e);
    if (rc == 0 && settings[i].written)
        rc = settings[i].written(c, conn, before, text, &p->job);
    return rc;
}

static int store_settings(struct db_conn *conn, void *arg, struct err *e)
{
    struct patch *p = arg;
    const char *name;
    json_t *v;
    p->job = 0;
    json_object_foreach(p->c->body, name, v)
    {
        int rc = store_one(p, conn, name, v, e);
        if (rc)
            return rc;
    }
    db_after_commit(conn, reload, p->c->t);
    return 0;
}

static int company_patch(struct api_call *c, struct jw *w)
{
    struct patch p = {.c = c};
    if (!json_is_object(c->body))
        return wrong(c, "", "type-object");
    int rc = db_transact(c->t->db, DB_INTERACTIVE, store_settings, &p, &c->err);
    if (rc)
        return rc;
    jw_obj(w);
    write_company(c, w);
    jw_kid(w, "converting", p.job);
    jw_obj_end(w);
    return 0;
}

/* --- what other rates would change --------------------------------------------------------- */

/* How many orders in the spans [0, n) of one currency. */
static int count_orders(struct api_call *c, struct db_conn *conn, const struct rate_span *spans,
                        size_t n, int64_t *ret_orders)
{
    struct db_rows *rows = NULL;
    int rc =
        db_query(conn,
                 "SELECT ordered_on, count(*) FROM orders WHERE ordered_on >= $1 AND "
                 "ordered_on < $2 AND amount_currency = $3 AND deleted_at IS NULL "
                 "GROUP BY ordered_on ORDER BY ordered_on",
                 DB_ARGS(DB_I64(spans[0].from), DB_I64(spans[n - 1].to), DB_STR(spans[0].currency)),
                 &rows, &c->err);
    size_t at = 0;
    *ret_orders = 0;
    while (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        int64_t day = db_i64(rows, 0);
        while (at < n && spans[at].to <= day)
            at++;
        if (at < n && spans[at].from <= day)
            *ret_orders += db_i64(rows, 1);
        rc = 0;
    }
    db_rows_done(rows);
    return rc;
}

static int write_effect(struct api_call *c, struct db_conn *conn, const struct rate_span *spans,
                        size_t nspans, struct jw *w)
{
    int64_t all = 0, orders = 0;
    int rc = 0;
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    for (size_t i = 0, n; rc == 0 && i < nspans; i += n) {
        for (n = 1; i + n < nspans && str_eq(spans[i + n].currency, spans[i].currency);)
            n++;
        rc = count_orders(c, conn, spans + i, n, &orders);
        all += orders;
        jw_obj(w);
        jw_kstr(w, "currency", spans[i].currency);
        rate_write_day(w, "from", spans[i].from, RATE_ALWAYS);
        rate_write_day(w, "to", spans[i + n - 1].to, INT32_MAX);
        jw_ki64(w, "orders", orders);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_ki64(w, "orders", all);
    jw_obj_end(w);
    return rc;
}

static int rates_effect(struct api_call *c, struct jw *w)
{
    const struct company *co = tenant_company(c->t);
    struct rates asked;
    struct rate_span *spans;
    struct db_conn *conn = NULL;
    int rc = rates_read(json_object_get(c->body, "rates"), co->currency, c->a, &asked, &c->err);
    if (rc)
        return rc;
    size_t n = rates_changed(&co->rates, &asked, c->a, &spans);
    rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = write_effect(c, conn, spans, n, w);
    db_reader_done(conn);
    return rc;
}

/* Everything in a currency that has a rate: after a job that was cancelled, or for orders that an
   older program wrote by the rate of the moment. */
static int convert_all(struct db_conn *conn, void *arg, struct err *e)
{
    struct patch *p = arg;
    struct rates none = {0}, now;
    struct rate_span *spans;
    int rc = tenant_rates(p->c->t, conn, p->c->a, &now, e);
    size_t n = rc ? 0 : rates_changed(&none, &now, p->c->a, &spans);
    p->job = 0;
    return n ? convert_anew(p->c, conn, spans, n, &p->job) : rc;
}

static int rates_convert_all(struct api_call *c, struct jw *w)
{
    struct patch p = {.c = c};
    int rc = db_transact(c->t->db, DB_INTERACTIVE, convert_all, &p, &c->err);
    if (rc == 0 && p.job == 0)
        rc = err_set(&c->err, ERR_STATE_CONFLICT, "no rates");
    return api_job_started(c, rc, p.job, w);
}

const struct endpoint api_company_endpoints[] = {
    {HTTP_GET, "/api/v1/company", API_PLAIN, API_SIGNED_IN, API_NO_BODY, .plain = company_get,
     .doc = "The company's settings", .response = "company"},
    {HTTP_PATCH, "/api/v1/company", API_SLOW, API_ADMIN, API_JSON, .plain = company_patch,
     .doc = "Change the company's settings and exchange rates", .request = "company",
     .response = "company"},
    {HTTP_POST, "/api/v1/company/rates/effect", API_SLOW, API_ADMIN, API_JSON,
     .plain = rates_effect, .doc = "How many orders other rates would convert anew",
     .request = "company", .response = "rates-effect"},
    {HTTP_POST, "/api/v1/company/rates/convert", API_SLOW, API_ADMIN, API_NO_BODY,
     .plain = rates_convert_all, .doc = "Convert all orders anew by the rates of their days",
     .response = "job-started"},
    {.path = NULL},
};
