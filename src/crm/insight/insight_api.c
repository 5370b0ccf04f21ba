#include "crm/insight/internal.h"

#include "base/money.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- refresh and overview ------------------------------------------------------------------ */

static int bad(struct api_call *c, const char *pointer, const char *code)
{
    err_item(&c->err, str_of(pointer), code);
    return err_set(&c->err, ERR_VALIDATION, "%s", pointer);
}

static int may_see_all(struct api_call *c)
{
    bool all = c->who->is_admin || c->who->on[ENTITY_CUSTOMER].scope[ACCESS_READ] == SCOPE_ALL;
    return all ? 0 : err_set(&c->err, ERR_FORBIDDEN, "the value of all customers");
}

/* The pages of value show these in one form or another, sums of them included. A customer's revenue
   is a field of its own: an order's amount may be held back and the revenue not. */
static const struct {
    int entity, field;
} shown[] = {{ENTITY_CUSTOMER, CUSTOMER_NAME},
             {ENTITY_CUSTOMER, CUSTOMER_ORDERS_COUNT},
             {ENTITY_CUSTOMER, CUSTOMER_REVENUE},
             {ENTITY_CUSTOMER, CUSTOMER_FIRST_ORDER_ON},
             {ENTITY_CUSTOMER, CUSTOMER_LAST_ORDER_ON},
             {ENTITY_CUSTOMER, CUSTOMER_P_ALIVE},
             {ENTITY_CUSTOMER, CUSTOMER_P_ALIVE_CHANGE},
             {ENTITY_CUSTOMER, CUSTOMER_EXPECTED_ORDERS},
             {ENTITY_CUSTOMER, CUSTOMER_EXPECTED_REVENUE},
             {ENTITY_CUSTOMER, CUSTOMER_CLV},
             {ENTITY_CUSTOMER, CUSTOMER_CLV_LOW},
             {ENTITY_CUSTOMER, CUSTOMER_CLV_HIGH},
             {ENTITY_CUSTOMER, CUSTOMER_CLV_CHANGE},
             {ENTITY_CUSTOMER, CUSTOMER_AT_RISK},
             {ENTITY_CUSTOMER, CUSTOMER_SEGMENT},
             {ENTITY_CUSTOMER, CUSTOMER_ABC},
             {ENTITY_CUSTOMER, CUSTOMER_RFM},
             {ENTITY_ORDER, ORDER_ORDERED_ON}};

static int may_see_shown(struct api_call *c)
{
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        const struct entity *en = &c->t->registry->entities[shown[i].entity];
        if (access_level(c->who, en, shown[i].field) >= LEVEL_READ)
            continue;
        err_param(&c->err, "field", en->fields[shown[i].field].label.in[c->lang]);
        return err_set(&c->err, ERR_FIELD_HELD_BACK, "%s.%s", en->name,
                       en->fields[shown[i].field].name);
    }
    return 0;
}

static int check_date(struct api_call *c, const char *name, const char *pointer)
{
    const json_t *v = json_object_get(c->body, name);
    int32_t day;
    if (!v || json_is_null(v))
        return 0;
    return json_is_string(v) && date_parse(json_get_str(c->body, name), &day)
               ? 0
               : bad(c, pointer, "date");
}

/* Of purchases in days; "auto" takes the one that predicts best. */
static bool is_model(const char *name)
{
    const struct pv_model *m = name ? pv_model_find(name) : NULL;
    return (name && strcmp(name, "auto") == 0) || (m && pv_model_kind(m) == PV_KIND_BUYING);
}

static int refresh(struct api_call *c, struct write *wr, struct jw *w)
{
    const json_t *horizon = json_object_get(c->body, "horizon_weeks");
    const json_t *discount = json_object_get(c->body, "discount");
    const json_t *model = json_object_get(c->body, "model");
    int64_t job = 0;
    int rc = may_see_all(c);
    if (rc == 0 && model && !json_is_null(model) && !is_model(json_string_value(model)))
        rc = bad(c, "/model", "unknown-option");
    if (rc == 0 && horizon &&
        (!json_is_integer(horizon) || json_integer_value(horizon) < 1 ||
         json_integer_value(horizon) > 520))
        rc = bad(c, "/horizon_weeks", "out-of-range");
    if (rc == 0 && discount &&
        (!json_is_number(discount) || !(json_number_value(discount) > 0) ||
         json_number_value(discount) > 1))
        rc = bad(c, "/discount", "out-of-range");
    if (rc == 0)
        rc = check_date(c, "calibrate_to", "/calibrate_to");
    if (rc == 0)
        rc = check_date(c, "as_of", "/as_of");
    if (rc)
        return rc;
    char *text = c->body ? json_dumps(c->body, JSON_COMPACT) : NULL;
    struct str params = text ? arena_str(c->a, str_of(text)) : STR("{}");
    free(text);
    rc = job_submit(wr->c, c->t, "value", STR(""), params, c->who->user_id, &job, &c->err);
    return api_job_started(c, rc, job, w);
}

static int no_value_yet(struct api_call *c, struct db_conn *conn)
{
    int64_t customers = 0, orders = 0;
    int rc = db_one_i64(conn, "SELECT count(*) FROM (SELECT 1 FROM customers LIMIT 100000) x",
                        DB_NOARGS, 0, &customers, &c->err);
    if (rc == 0)
        rc = db_one_i64(conn, "SELECT count(*) FROM (SELECT 1 FROM orders LIMIT 100000) x",
                        DB_NOARGS, 0, &orders, &c->err);
    if (rc)
        return rc;
    err_param_i64(&c->err, "customers", customers);
    err_param_i64(&c->err, "orders", orders);
    err_param_i64(&c->err, "needed", 30);
    return err_set(&c->err, ERR_NO_VALUE_YET, "no valuation yet");
}

static void write_models(struct api_call *c, const json_t *models, struct jw *w)
{
    jw_key(w, "models");
    jw_arr(w);
    for (size_t i = 0; i < json_array_size(models); i++) {
        json_t *m = json_array_get(models, i);
        struct str key =
            arena_printf(c->a, "verdict-" STR_FMT, STR_ARG(json_get_str(m, "verdict")));
        struct str text = message_text(c->t->messages, c->lang, key.p, NULL, 0, c->a);
        json_object_set_new(m, "message", json_stringn(text.p, text.n));
        json_object_del(m, "log_cov");
        json_object_del(m, "verdict_no");
        char *json = json_dumps(m, JSON_COMPACT);
        jw_raw(w, str_of(json ? json : "{}"));
        free(json);
    }
    jw_arr_end(w);
}

/* What asks for caution, as a sentence. */
static void write_warning(struct api_call *c, const char *code, const char *model, struct jw *w)
{
    struct str key = arena_printf(c->a, "verdict-%s", code);
    jw_obj(w);
    jw_kcstr(w, "code", code);
    jw_kcstr(w, "model", model);
    jw_kstr(w, "message", message_text(c->t->messages, c->lang, key.p, NULL, 0, c->a));
    jw_obj_end(w);
}

/* Of the models, and of the base itself. */
static void write_warnings(struct api_call *c, const json_t *models, const json_t *findings,
                           struct jw *w)
{
    jw_key(w, "warnings");
    jw_arr(w);
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *m = json_array_get(models, i);
        const char *verdict = json_string_value(json_object_get(m, "verdict"));
        if (verdict && strcmp(verdict, "ok") != 0)
            write_warning(c, verdict, json_string_value(json_object_get(m, "name")), w);
    }
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *found = json_array_get(findings, i);
        const char *code = json_string_value(json_object_get(found, "code"));
        if (code)
            write_warning(c, code, NULL, w);
    }
    jw_arr_end(w);
}

static void write_cautions(struct api_call *c, const struct model *m, struct jw *w)
{
    const struct pv_fit *fit[] = {&m->buying, &m->gg};
    jw_key(w, "warnings");
    jw_arr(w);
    for (size_t i = 0; i < 2; i++)
        if (fit[i]->verdict != PV_VERDICT_OK)
            write_warning(c, pv_verdict_code(fit[i]->verdict), fit[i]->model, w);
    for (size_t i = 0; i < m->findings; i++)
        write_warning(c, pv_verdict_code(m->finding[i]), NULL, w);
    jw_arr_end(w);
}

static const char valued_sql[] =
    "SELECT DISTINCT as_of FROM value_run WHERE length(overview) > 2 ORDER BY as_of";

/* The dates that were valued and are kept: of others a run's overview is "{}" (thin_runs). */
static int write_dates(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct db_rows *rows = NULL;
    char text[DATE_TEXT];
    int rc = db_query(conn, valued_sql, DB_NOARGS, &rows, &c->err);
    jw_key(w, "dates");
    jw_arr(w);
    while (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        date_format((int32_t)db_i64(rows, 0), text);
        jw_str(w, str_of(text));
        rc = 0;
    }
    jw_arr_end(w);
    db_rows_done(rows);
    return rc;
}

static int overview(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct db_rows *rows = NULL;
    json_t *models = NULL, *findings = NULL;
    int64_t changed = 0;
    int rc = may_see_all(c);
    if (rc == 0)
        rc = may_see_shown(c);
    if (rc == 0)
        rc = db_query(
            conn,
            "SELECT overview, models, coalesce(findings, '[]') FROM value_run WHERE overview "
            "<> '' "
            "ORDER BY id DESC LIMIT 1",
            DB_NOARGS, &rows, &c->err);
    if (rc == 0)
        rc = db_step(rows, &c->err);
    if (rc <= 0) {
        db_rows_done(rows);
        return rc ? rc : no_value_yet(c, conn);
    }
    struct str text = arena_str(c->a, db_str(rows, 0));
    rc = json_read(c->a, arena_str(c->a, db_str(rows, 1)), &models, &c->err);
    if (rc == 0)
        rc = json_read(c->a, arena_str(c->a, db_str(rows, 2)), &findings, &c->err);
    db_rows_done(rows);
    if (rc == 0)
        rc = db_one_i64(conn, "SELECT 1 FROM change LIMIT 1", DB_NOARGS, 0, &changed, &c->err);
    if (rc || text.n < 2)
        return rc;
    /* The stored object, opened at its end for what depends on the moment and the reader. */
    jw_raw(w, str_from(text.p, text.n - 1));
    struct buf tail = BUF_INIT(1 << 20);
    struct jw tw = jw_new(&tail);
    jw_obj(&tw);
    jw_kbool(&tw, "stale", changed != 0);
    write_models(c, models, &tw);
    write_warnings(c, models, findings, &tw);
    rc = write_dates(c, conn, &tw);
    jw_obj_end(&tw);
    tail.p[0] = ',';
    buf_add_str(w->out, buf_str(&tail));
    buf_free(&tail);
    return rc;
}

/* --- the bridge between two dates ---------------------------------------------------------- */

/* A date of a query parameter, which must be one of those. */
static int valued_date(struct api_call *c, struct db_conn *conn, const char *name, int32_t *ret_day)
{
    int64_t runs = 0;
    if (!date_parse(http_param(c->req, name), ret_day))
        return api_bad_param(c, name);
    int rc =
        db_one_i64(conn, "SELECT count(*) FROM value_run WHERE as_of = $1 AND length(overview) > 2",
                   DB_ARGS(DB_I64(*ret_day)), 0, &runs, &c->err);
    return rc == 0 && runs == 0 ? api_bad_param(c, name) : rc;
}

static int bridge(struct api_call *c, struct jw *w)
{
    const struct currency *currency = currency_find(tenant_company(c->t)->currency);
    struct db_conn *conn = NULL;
    int32_t from = 0, to = 0;
    int rc = may_see_all(c);
    if (rc == 0)
        rc = may_see_shown(c);
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = db_read_begin(conn, &c->err);
    if (rc == 0)
        rc = valued_date(c, conn, "from", &from);
    if (rc == 0)
        rc = valued_date(c, conn, "to", &to);
    if (rc == 0 && from >= to)
        rc = api_bad_param(c, "to");
    if (rc == 0)
        rc = bridge_between(conn, from, to, currency ? currency->decimals : 2, w, &c->err);
    db_reader_done(conn);
    return rc;
}

/* --- one customer -------------------------------------------------------------------------- */

struct record_row {
    int32_t as_of;
    struct pv_customer row;
    int64_t revenue, rank;
    char abc[2], rfm[4];
};

static int read_record(struct api_call *c, struct db_conn *conn, int32_t as_of,
                       struct record_row *ret)
{
    struct db_rows *rows = NULL;
    int rc = db_query(conn,
                      "SELECT as_of, x, t_x, age, spend, revenue, abc, rfm, rank FROM "
                      "customer_value WHERE customer_id = $1 AND as_of = $2",
                      DB_ARGS(DB_I64(c->id), DB_I64(as_of)), &rows, &c->err);
    if (rc == 0)
        rc = db_step(rows, &c->err);
    if (rc > 0) {
        *ret = (struct record_row){.as_of = (int32_t)db_i64(rows, 0),
                                   .row = {.x = (int32_t)db_i64(rows, 1),
                                           .t_x = (int32_t)db_i64(rows, 2),
                                           .T = (int32_t)db_i64(rows, 3),
                                           .spend = db_i64(rows, 4),
                                           .revenue = db_i64(rows, 5)},
                                   .revenue = db_i64(rows, 5),
                                   .rank = db_i64(rows, 8)};
        struct str abc = db_str(rows, 6), rfm = db_str(rows, 7);
        if (abc.n)
            ret->abc[0] = abc.p[0];
        memcpy(ret->rfm, rfm.p ? rfm.p : "", rfm.n < 3 ? rfm.n : 3);
    }
    db_rows_done(rows);
    return rc == 0 ? no_value_yet(c, conn) : rc < 0 ? rc : 0;
}

static void write_interval(struct jw *w, const struct pv_interval *i, unsigned decimals)
{
    jw_amount(w, "low80", i->low80, decimals);
    jw_amount(w, "high80", i->high80, decimals);
    jw_amount(w, "low95", i->low95, decimals);
    jw_amount(w, "high95", i->high95, decimals);
}

static void write_figures(const struct model *m, const struct record_row *r,
                          const struct pv_value *v, struct jw *w)
{
    const struct pv_customer *row = &r->row;
    jw_key(w, "clv");
    jw_obj(w);
    jw_amount(w, "amount", v->clv, m->decimals);
    jw_amount(w, "median", v->clv_median, m->decimals);
    write_interval(w, &v->clv_range, m->decimals);
    jw_key(w, "mean_of");
    jw_obj(w);
    write_interval(w, &v->clv_mean_of, m->decimals);
    jw_obj_end(w);
    jw_obj_end(w);
    jw_key(w, "horizon");
    jw_obj(w);
    jw_kf64(w, "weeks", m->horizon);
    jw_kf64(w, "orders", v->expected_orders);
    jw_kf64(w, "orders_low80", v->orders.low80);
    jw_kf64(w, "orders_high80", v->orders.high80);
    jw_kf64(w, "orders_low95", v->orders.low95);
    jw_kf64(w, "orders_high95", v->orders.high95);
    jw_amount(w, "amount", v->expected_money, m->decimals);
    write_interval(w, &v->money, m->decimals);
    jw_obj_end(w);
    jw_kf64(w, "p_alive", v->p_alive);
    jw_amount(w, "mean_spend", row->x ? (double)row->spend / m->scale / row->x : NAN, m->decimals);
    jw_amount(w, "expected_spend", v->expected_spend, m->decimals);
    jw_ki64(w, "x", row->x);
    jw_kf64(w, "t_x", (double)row->t_x / UNIT_DAYS);
    jw_kf64(w, "T", (double)row->T / UNIT_DAYS);
    jw_ki64(w, "orders", row->x + 1);
    jw_amount(w, "revenue", (double)r->revenue / m->scale, m->decimals);
    jw_kcstr(w, "abc", r->abc[0] ? r->abc : NULL);
    jw_kcstr(w, "rfm", r->rfm[0] ? r->rfm : NULL);
    jw_kf64(w, "percentile", m->customers ? 1.0 - (double)r->rank / (double)m->customers : NAN);
    jw_key(w, "ledger");
    jw_arr(w);
    jw_obj(w);
    jw_kcstr(w, "code", "expected-purchases");
    jw_kf64(w, "value", v->dert);
    jw_obj_end(w);
    jw_obj(w);
    jw_kcstr(w, "code", "spend-per-purchase");
    jw_amount(w, "value", v->expected_spend, m->decimals);
    jw_obj_end(w);
    jw_obj(w);
    jw_kcstr(w, "code", "clv");
    jw_amount(w, "value", v->clv, m->decimals);
    jw_obj_end(w);
    jw_arr_end(w);
}

static void write_density(const struct model *m, const struct pv_customer *row, struct jw *w)
{
    double value[40], height[40], alive = 0;
    jw_key(w, "density");
    jw_arr(w);
    if (m->gg.usable && pv_value_density(m->valuer, row, 40, value, height, &alive) == 0) {
        for (int i = 0; i < 40; i++) {
            jw_arr(w);
            jw_f64(w, value[i]);
            jw_f64(w, height[i]);
            jw_arr_end(w);
        }
    }
    jw_arr_end(w);
    jw_kf64(w, "p_nothing", 1.0 - alive);
}

struct one_reason {
    enum pv_reason reason;
    double weight;
};

static int by_weight(const void *x, const void *y)
{
    double a = ((const struct one_reason *)x)->weight, b = ((const struct one_reason *)y)->weight;
    return a < b ? 1 : a > b ? -1 : 0;
}

static void write_reasons(struct api_call *c, const struct model *m, const struct pv_customer *row,
                          struct jw *w)
{
    struct pv_reasons r;
    struct one_reason order[PV_REASONS];
    jw_key(w, "reasons");
    jw_arr(w);
    bool got = pv_value_reasons(m->valuer, row, &r) == 0;
    for (int i = 0; got && i < PV_REASONS; i++)
        order[i] = (struct one_reason){(enum pv_reason)i,
                                       fabs(isfinite(r.money[i]) ? r.money[i] : r.purchases[i])};
    if (got)
        qsort(order, PV_REASONS, sizeof *order, by_weight);
    for (int i = 0; got && i < 3; i++) {
        enum pv_reason k = order[i].reason;
        bool up = (isfinite(r.money[k]) ? r.money[k] : r.purchases[k]) >= 0;
        struct str key = arena_printf(c->a, "reason-%s-%s", pv_reason_code(k), up ? "up" : "down");
        jw_obj(w);
        jw_kcstr(w, "code", pv_reason_code(k));
        jw_kf64(w, "purchases", r.purchases[k]);
        jw_amount(w, "amount", r.money[k], m->decimals);
        jw_kstr(w, "message", message_text(c->t->messages, c->lang, key.p, NULL, 0, c->a));
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_key(w, "average");
    jw_obj(w);
    jw_kf64(w, "purchases", got ? r.base_purchases : NAN);
    jw_amount(w, "amount", got ? r.base_money : NAN, m->decimals);
    jw_obj_end(w);
}

enum { CURVE = 72, AHEAD = 12 };

/* From the first order to the valuation, and what becomes of it when nothing more is bought. */
static int write_curve(struct api_call *c, struct db_conn *conn, const struct model *m,
                       const struct record_row *r, struct jw *w)
{
    struct db_rows *rows = NULL;
    int32_t *days = arena_array(c->a, int32_t, (size_t)r->row.x + 2), dates[CURVE + AHEAD];
    double p[CURVE + AHEAD];
    size_t n = 0;
    int rc = db_query(conn,
                      "SELECT DISTINCT ordered_on FROM orders WHERE customer_id = $1 AND "
                      "deleted_at IS NULL AND status = 'confirmed' AND ordered_on <= $2 "
                      "ORDER BY ordered_on",
                      DB_ARGS(DB_I64(c->id), DB_I64(r->as_of)), &rows, &c->err);
    while (rc == 0 && n <= (size_t)r->row.x && (rc = db_step(rows, &c->err)) > 0) {
        days[n++] = (int32_t)db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    jw_key(w, "p_alive_curve");
    jw_arr(w);
    if (rc >= 0 && n) {
        int32_t span = r->as_of - days[0] > 0 ? r->as_of - days[0] : 1;
        for (int i = 0; i < CURVE; i++)
            dates[i] = days[0] + (int32_t)((int64_t)span * i / (CURVE - 1));
        for (int i = 0; i < AHEAD; i++)
            dates[CURVE + i] = r->as_of + (i + 1) * 2 * UNIT_DAYS;
        if (pv_value_alive_curve(&m->buying, days, n, dates, CURVE + AHEAD, p) == 0) {
            for (int i = 0; i < CURVE + AHEAD; i++) {
                char date[DATE_TEXT];
                date_format(dates[i], date);
                jw_obj(w);
                jw_kcstr(w, "date", date);
                jw_kf64(w, "p", round(p[i] * 1e4) / 1e4);
                if (i >= CURVE)
                    jw_kbool(w, "ahead", true);
                jw_obj_end(w);
            }
        }
    }
    jw_arr_end(w);
    return rc < 0 ? rc : 0;
}

/* What this customer was worth at earlier valuations, as it was said then. */
static int write_history(struct api_call *c, struct db_conn *conn, const struct model *m,
                         struct jw *w)
{
    struct db_rows *rows = NULL;
    int rc = db_query(conn,
                      "SELECT as_of, p_alive, clv, horizon_amount FROM value_snapshot WHERE "
                      "customer_id = $1 AND as_of <= $2 ORDER BY as_of",
                      DB_ARGS(DB_I64(c->id), DB_I64(m->as_of)), &rows, &c->err);
    jw_key(w, "history");
    jw_arr(w);
    while (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        char date[DATE_TEXT];
        date_format((int32_t)db_i64(rows, 0), date);
        jw_obj(w);
        jw_kcstr(w, "date", date);
        jw_kf64(w, "p_alive", db_is_null(rows, 1) ? NAN : db_f64(rows, 1));
        jw_amount(w, "clv", db_is_null(rows, 2) ? NAN : (double)db_i64(rows, 2) / m->scale,
                  m->decimals);
        jw_amount(w, "horizon", db_is_null(rows, 3) ? NAN : (double)db_i64(rows, 3) / m->scale,
                  m->decimals);
        jw_obj_end(w);
        rc = 0;
    }
    jw_arr_end(w);
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int write_value(struct api_call *c, struct db_conn *conn, const struct model *m,
                       struct jw *w)
{
    struct record_row r = {0};
    struct pv_value v;
    char date[DATE_TEXT];
    int rc = read_record(c, conn, m->as_of, &r);
    if (rc == 0 && !m->valuer) {
        /* There are orders enough, but no model that says something true of them. */
        struct str key = arena_printf(c->a, "verdict-%s", pv_verdict_code(m->buying.verdict));
        err_param(&c->err, "why", message_text(c->t->messages, c->lang, key.p, NULL, 0, c->a));
        rc = err_set(&c->err, ERR_VALUE_NOT_TRUSTED, "%s", key.p);
    }
    if (rc == 0 && pv_value_customers(m->valuer, &r.row, 1, &v) != 0)
        rc = err_set(&c->err, ERR_NOMEM, "value");
    if (rc)
        return rc;
    date_format(r.as_of, date);
    jw_obj(w);
    jw_kcstr(w, "as_of", date);
    jw_kstr(w, "currency", tenant_company(c->t)->currency);
    write_figures(m, &r, &v, w);
    write_density(m, &r.row, w);
    write_reasons(c, m, &r.row, w);
    rc = write_curve(c, conn, m, &r, w);
    jw_kf64(w, "discount", m->discount);
    jw_key(w, "models");
    jw_arr(w);
    jw_cstr(w, m->buying.model);
    jw_cstr(w, m->gg.model);
    jw_arr_end(w);
    write_cautions(c, m, w);
    if (rc == 0)
        rc = write_history(c, conn, m, w);
    jw_obj_end(w);
    return rc;
}

static int customer_value(struct api_call *c, struct jw *w)
{
    struct db_conn *conn = NULL;
    const struct model *m = NULL;
    struct record seen;
    int rc = may_see_shown(c);
    if (rc == 0)
        rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = record_get(conn, c->who, &c->t->registry->entities[ENTITY_CUSTOMER], c->id, false,
                        c->a, &seen, &c->err);
    db_reader_done(conn);
    conn = NULL;
    if (rc == 0)
        rc = model_get(c->t, &m, &c->err);
    if (rc)
        return rc;
    rc = db_reader(c->t->db, &conn, &c->err);
    if (rc == 0)
        rc = write_value(c, conn, m, w);
    db_reader_done(conn);
    model_done(c->t);
    return rc;
}

const struct endpoint insight_endpoints[] = {
    {HTTP_POST, "/api/v1/value/refresh", API_WRITE, API_SIGNED_IN, API_JSON, .write = refresh,
     .doc = "Value all customers anew", .response = "job-started"},
    {HTTP_GET, "/api/v1/value/overview", API_READ, API_SIGNED_IN, API_NO_BODY, .read = overview,
     .doc = "Customer equity, concentration, map, RFM, tracking, models",
     .response = "value-overview"},
    {HTTP_GET, "/api/v1/value/bridge", API_SLOW, API_SIGNED_IN, API_NO_BODY, .plain = bridge,
     .doc = "Why customer equity changed between two dates that were valued", .params = "from to",
     .response = "value-bridge"},
    {HTTP_GET, "/api/v1/customers/{id}/value", API_SLOW, API_SIGNED_IN, API_NO_BODY,
     .plain = customer_value, .doc = "What one customer is worth, with interval and reasons",
     .response = "customer-value"},
    {.path = NULL},
};
