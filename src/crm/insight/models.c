/* Fits as JSON, and the one valuer that customer pages share. */
#include "crm/insight/internal.h"

#include "base/money.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct str amount_text(double major, unsigned decimals, struct arena *a)
{
    char text[MONEY_TEXT];
    double scale = pow(10.0, decimals);
    money_format(isfinite(major) ? (int64_t)llround(major * scale) : 0, decimals, text);
    return arena_str(a, str_of(text));
}

void jw_amount(struct jw *w, const char *key, double major, unsigned decimals)
{
    char text[MONEY_TEXT];
    jw_key(w, key);
    if (!isfinite(major)) {
        jw_null(w);
        return;
    }
    money_format((int64_t)llround(major * pow(10.0, decimals)), decimals, text);
    jw_cstr(w, text);
}

static struct str verdict_text(const struct tenant *t, enum lang lang, const struct pv_fit *f,
                               struct arena *a)
{
    struct str key = arena_printf(a, "verdict-%s", pv_verdict_code(f->verdict));
    return message_text(t->messages, lang, key.p, NULL, 0, a);
}

static void named(const struct pv_fit *f, const double *values, struct jw *w)
{
    jw_obj(w);
    for (int i = 0; i < f->params; i++)
        jw_kf64(w, f->name[i], values[i]);
    jw_obj_end(w);
}

void fit_to_json(const struct pv_fit *f, const struct tenant *t, enum lang lang, struct arena *a,
                 bool whole, struct jw *w)
{
    jw_obj(w);
    jw_kcstr(w, "name", f->model);
    jw_key(w, "params");
    named(f, f->param, w);
    jw_key(w, "std_errors");
    named(f, f->std_error, w);
    jw_kf64(w, "loglik", f->loglik);
    jw_kcstr(w, "verdict", pv_verdict_code(f->verdict));
    jw_kbool(w, "usable", f->usable);
    jw_kstr(w, "message", verdict_text(t, lang, f, a));
    jw_ki64(w, "customers", (int64_t)f->customers);
    jw_ki64(w, "repeaters", (int64_t)f->repeaters);
    if (whole) {
        jw_kf64(w, "unit_days", f->unit_days);
        jw_ki64(w, "verdict_no", f->verdict);
        jw_kf64(w, "correlation", f->correlation);
        jw_key(w, "log_cov");
        jw_arr(w);
        for (int i = 0; i < f->params * f->params; i++)
            jw_f64(w, f->log_cov[i]);
        jw_arr_end(w);
    }
    jw_obj_end(w);
}

static void fit_from_json(const json_t *in, const char *otherwise, struct pv_fit *f)
{
    const char *name = json_string_value(json_object_get(in, "name"));
    const struct pv_model *model = name ? pv_model_find(name) : NULL;
    if (!model)
        model = pv_model_find(otherwise);
    int n = pv_model_params(model);
    const json_t *params = json_object_get(in, "params"),
                 *errors = json_object_get(in, "std_errors");
    const json_t *cov = json_object_get(in, "log_cov");
    *f = (struct pv_fit){.model = pv_model_name(model), .params = n};
    for (int i = 0; i < n; i++) {
        f->name[i] = pv_model_param(model, i);
        f->param[i] = json_number_value(json_object_get(params, f->name[i]));
        f->std_error[i] = json_number_value(json_object_get(errors, f->name[i]));
    }
    for (int i = 0; i < n * n; i++)
        f->log_cov[i] = json_number_value(json_array_get(cov, (size_t)i));
    f->loglik = json_number_value(json_object_get(in, "loglik"));
    f->usable = json_is_true(json_object_get(in, "usable"));
    f->verdict = (enum pv_verdict)json_integer_value(json_object_get(in, "verdict_no"));
    f->unit_days = json_number_value(json_object_get(in, "unit_days"));
    f->customers = (uint64_t)json_integer_value(json_object_get(in, "customers"));
}

/* --- the model in memory ------------------------------------------------------------------- */

struct cache {
    pthread_mutex_t lock; /* held while a page works with the model: they are short and few */
    struct model model;
};

static struct cache *cache_of(struct tenant *t)
{
    struct cache *c = atomic_load(&t->insight);
    if (c)
        return c;
    struct cache *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return NULL;
    pthread_mutex_init(&fresh->lock, NULL);
    void *none = NULL;
    if (atomic_compare_exchange_strong(&t->insight, &none, fresh))
        return fresh;
    free(fresh);
    return atomic_load(&t->insight);
}

void insight_close(struct tenant *t)
{
    struct cache *c = atomic_exchange(&t->insight, NULL);
    if (!c)
        return;
    pv_valuer_free(c->model.valuer);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* The customers at that date, as the models saw them. */
static int read_base(struct db_conn *c, int32_t as_of, struct pv_customer **ret_rows, size_t *ret_n,
                     struct err *e)
{
    struct db_rows *rows = NULL;
    int64_t n = 0;
    size_t got = 0;
    int rc = db_one_i64(c, "SELECT count(*) FROM customer_value WHERE as_of = $1",
                        DB_ARGS(DB_I64(as_of)), 0, &n, e);
    if (rc)
        return rc;
    struct pv_customer *base = calloc((size_t)n + 1, sizeof *base);
    if (!base)
        return err_set(e, ERR_NOMEM, "models");
    rc = db_query(c, "SELECT x, t_x, age, spend, revenue FROM customer_value WHERE as_of = $1",
                  DB_ARGS(DB_I64(as_of)), &rows, e);
    while (rc == 0 && got < (size_t)n && (rc = db_step(rows, e)) > 0) {
        base[got++] = (struct pv_customer){.x = (int32_t)db_i64(rows, 0),
                                           .t_x = (int32_t)db_i64(rows, 1),
                                           .T = (int32_t)db_i64(rows, 2),
                                           .spend = db_i64(rows, 3),
                                           .revenue = db_i64(rows, 4)};
        rc = 0;
    }
    db_rows_done(rows);
    if (rc < 0) {
        free(base);
        return rc;
    }
    *ret_rows = base;
    *ret_n = got;
    return 0;
}

static int build(struct db_conn *c, struct tenant *t, struct model *m, json_t *models,
                 struct err *e)
{
    struct pv_customer *base = NULL;
    size_t n = 0;
    const struct currency *currency = currency_find(tenant_company(t)->currency);
    fit_from_json(json_array_get(models, 0), "bg-nbd", &m->buying);
    fit_from_json(json_array_get(models, 1), "gamma-gamma", &m->gg);
    m->decimals = currency ? currency->decimals : 2;
    m->scale = pow(10.0, m->decimals);
    int rc = read_base(c, m->as_of, &base, &n, e);
    if (rc)
        return rc;
    m->customers = n;
    struct pv_valuer_options o = {.unit_days = UNIT_DAYS,
                                  .money_scale = m->scale,
                                  .horizon = m->horizon,
                                  .discount = m->discount,
                                  .seed = SEED};
    if (m->buying.usable &&
        pv_valuer_new(&m->buying, m->gg.usable ? &m->gg : NULL, &o, base, n, &m->valuer) != 0)
        rc = err_set(e, ERR_NOMEM, "models");
    free(base);
    return rc;
}

static int latest(struct db_conn *c, struct model *m, struct arena *a, json_t **ret_models,
                  struct err *e)
{
    struct db_rows *rows = NULL;
    json_t *findings = NULL;
    int rc = db_query(c,
                      "SELECT id, as_of, horizon_weeks, discount, models, "
                      "coalesce(findings, '[]') FROM value_run WHERE "
                      "overview <> '' ORDER BY id DESC LIMIT 1",
                      DB_NOARGS, &rows, e);
    struct str models = STR_NULL, found = STR_NULL;
    if (rc == 0 && (rc = db_step(rows, e)) > 0) {
        *m = (struct model){.run_id = db_i64(rows, 0),
                            .as_of = (int32_t)db_i64(rows, 1),
                            .horizon = (double)db_i64(rows, 2),
                            .discount = db_f64(rows, 3)};
        models = arena_str(a, db_str(rows, 4));
        found = arena_str(a, db_str(rows, 5));
    }
    db_rows_done(rows);
    if (rc == 0)
        return err_set(e, ERR_NO_VALUE_YET, "no valuation yet");
    rc = rc < 0 ? rc : json_read(a, models, ret_models, e);
    if (rc == 0)
        rc = json_read(a, found, &findings, e);
    for (size_t i = 0; rc == 0 && i < json_array_size(findings) && i < PV_CHECKS; i++)
        m->finding[m->findings++] = (enum pv_verdict)json_integer_value(
            json_object_get(json_array_get(findings, i), "verdict_no"));
    return rc;
}

int model_get(struct tenant *t, const struct model **ret_model, struct err *e)
{
    struct cache *cache = cache_of(t);
    struct db_conn *c = NULL;
    struct arena *a = arena_new(0);
    struct model found = {0};
    json_t *models = NULL;
    if (!cache || !a) {
        arena_free(a);
        return err_set(e, ERR_NOMEM, "models");
    }
    pthread_mutex_lock(&cache->lock);
    int rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc = latest(c, &found, a, &models, e);
    if (rc == 0 && found.run_id != cache->model.run_id) {
        rc = build(c, t, &found, models, e);
        if (rc == 0) {
            pv_valuer_free(cache->model.valuer);
            cache->model = found;
        }
    }
    db_reader_done(c);
    arena_free(a);
    if (rc)
        pthread_mutex_unlock(&cache->lock);
    else
        *ret_model = &cache->model;
    return rc;
}

void model_done(struct tenant *t)
{
    struct cache *cache = atomic_load(&t->insight);
    pthread_mutex_unlock(&cache->lock);
}
