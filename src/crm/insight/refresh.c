/* The job "value": read, fit, value, rank, store. */
#include "crm/insight/internal.h"

#define LOG_MODULE "insight"
#include "base/log.h"

#include "base/money.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 2000 };

void valuation_free(struct valuation *v)
{
    pv_history_free(v->history);
    free(v->ids);
    free(v->rows);
    free(v->past);
    free(v->values);
    free(v->rfm);
    free(v->grades);
    free(v->rank);
    free(v->segment);
    free(v->standing);
}

struct ranked {
    double worth;
    uint32_t at;
};

static int by_worth(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    if (a->worth != b->worth)
        return a->worth < b->worth ? 1 : -1;
    return a->at < b->at ? -1 : 1;
}

/* Grades and ranks go by future value; without a spend model by revenue. */
static int grade(struct valuation *v)
{
    double *worth = malloc((v->n + 1) * sizeof *worth);
    struct ranked *ranked = malloc((v->n + 1) * sizeof *ranked);
    size_t live = 0;
    v->rfm = calloc(v->n + 1, sizeof *v->rfm);
    v->grades = calloc(v->n + 1, 1);
    v->rank = calloc(v->n + 1, sizeof *v->rank);
    v->segment = calloc(v->n + 1, 1);
    int rc = worth && ranked && v->rfm && v->grades && v->rank && v->segment ? 0 : PV_ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < v->n; i++) {
        const struct pv_customer *r = &v->rows[i];
        worth[i] = r->T < 0 ? 0 : v->has_money ? v->values[i].clv : (double)r->revenue;
        if (r->T < 0)
            continue;
        ranked[live++] = (struct ranked){worth[i], (uint32_t)i};
        v->customers++;
        v->orders += (uint64_t)r->x + 1;
        v->revenue += r->revenue;
    }
    if (rc == 0)
        rc = pv_rfm_scores(v->rows, v->n, v->rfm, NULL);
    if (rc == 0)
        rc = pv_rfm_segments(&pv_segment_usual, v->rfm, v->rows, v->n, v->segment, v->segments);
    if (rc == 0)
        rc = pv_abc_grades(worth, v->n, GRADE_A, GRADE_B, v->grades);
    if (rc == 0 && live)
        qsort(ranked, live, sizeof *ranked, by_worth);
    for (size_t i = 0; rc == 0 && i < live; i++)
        v->rank[ranked[i].at] = (uint32_t)i;
    free(worth);
    free(ranked);
    return rc;
}

static int wrong_end(struct err *e, enum err_code code, int32_t end, const char *other, int32_t day)
{
    char text[DATE_TEXT];
    date_format(end, text);
    err_param(e, "day", str_of(text));
    date_format(day, text);
    err_param(e, other, str_of(text));
    return err_set(e, code, "no valuation as of that day");
}

/* Values have a date: that of the last order, not of the clock, unless an order is dated ahead of
   it. A day to come was no observation, and would make the models look through centuries. */
static int settle_end(struct valuation *v, const struct pv_history_view *h, struct err *e)
{
    int32_t today = tz_date(tenant_company(v->t)->tz, clock_now_ms());
    if (v->as_of == PV_NO_DAY)
        v->as_of = h->last_day < today ? h->last_day : today;
    if (v->as_of > today)
        return wrong_end(e, ERR_END_IN_FUTURE, v->as_of, "last", h->last_day);
    if (v->as_of < h->first_day)
        return wrong_end(e, ERR_END_BEFORE_ORDERS, v->as_of, "first", h->first_day);
    return 0;
}

static int compute(struct valuation *v, struct job *j, struct err *e)
{
    struct pv_history_view h = pv_history_columns(v->history);
    struct job_progress p = {"value", 0, (int64_t)v->n, 0};
    if (h.transactions == 0) {
        err_param_i64(e, "customers", (int64_t)v->n);
        return err_set(e, ERR_NO_VALUE_YET, "no orders");
    }
    if ((int64_t)h.last_day - h.first_day > PV_MAX_DAYS) {
        char day[DATE_TEXT];
        date_format(h.first_day, day);
        err_param(e, "first", str_of(day));
        date_format(h.last_day, day);
        err_param(e, "last", str_of(day));
        return err_set(e, ERR_VALUE_SPAN, "no two orders are so far apart");
    }
    int rc = settle_end(v, &h, e);
    if (rc)
        return rc;
    v->rows = malloc((v->n + 1) * sizeof *v->rows);
    if (!v->rows)
        return err_set(e, ERR_NOMEM, "valuation");
    rc = job_tick(j, &p, e);
    if (rc == 0)
        rc = library_error(pv_summarise(v->history, v->as_of, PV_NO_DAY, v->rows), e);
    if (rc == 0)
        rc = fit_all(v, j, e);
    if (rc == 0)
        rc = library_error(grade(v), e);
    return rc ? rc : library_error(standing_of_all(v), e);
}

/* --- storing ------------------------------------------------------------------------------- */

struct chunk {
    struct valuation *v;
    struct str models, findings;
    size_t from, to;
    int32_t keep[KEPT_DATES];
};

static int begin_run(struct db_conn *c, void *arg, struct err *e)
{
    struct chunk *ch = arg;
    int rc = snapshot_dates(c, ch->v, ch->keep, e);
    return rc ? rc : store_begin_run(c, ch->v, ch->models, ch->findings, e);
}

static int store_chunk(struct db_conn *c, void *arg, struct err *e)
{
    struct chunk *ch = arg;
    size_t end = ch->from + CHUNK < ch->v->n ? ch->from + CHUNK : ch->v->n;
    int rc = 0;
    for (ch->to = ch->from; rc == 0 && ch->to < end; ch->to++) {
        rc = store_value(c, ch->v, ch->to, e);
        if ((ch->to & 15) == 15 && db_should_yield(c))
            end = ch->to + 1;
    }
    if (rc)
        return rc;
    /* Ids between those of the living belong to the trash, and are thinned with them. */
    const int64_t *ids = ch->v->ids;
    return store_snapshots(c, ch->v, ch->from ? ids[ch->from - 1] : 0,
                           ch->to == ch->v->n ? INT64_MAX : ids[ch->to - 1], ch->keep, e);
}

struct ending {
    struct valuation *v;
    struct str overview;
    const int32_t *keep;
    struct live_event ev;
};

static void publish(void *arg)
{
    struct ending *end = arg;
    live_publish(end->v->t->live, &end->ev);
}

static int end_run(struct db_conn *c, void *arg, struct err *e)
{
    struct ending *end = arg;
    int rc = store_end_run(c, end->v, end->overview, end->keep, e);
    if (rc == 0)
        db_after_commit(c, publish, end);
    return rc;
}

static struct str models_json(const struct valuation *v)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    enum lang lang = tenant_company(v->t)->lang;
    jw_arr(&w);
    fit_to_json(&v->buying, v->t, lang, v->a, true, &w);
    fit_to_json(&v->gg, v->t, lang, v->a, true, &w);
    jw_arr_end(&w);
    struct str text = arena_str(v->a, buf_str(&out));
    buf_free(&out);
    return text;
}

static struct str findings_json(const struct valuation *v)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    jw_arr(&w);
    for (size_t i = 0; i < PV_CHECKS; i++) {
        const struct pv_finding *f = &v->finding[i];
        if (!f->found)
            continue;
        jw_obj(&w);
        jw_kcstr(&w, "code", pv_verdict_code(f->verdict));
        jw_ki64(&w, "verdict_no", f->verdict);
        jw_kf64(&w, "share", f->share);
        jw_kf64(&w, "effect", f->effect);
        jw_kf64(&w, "p_value", f->p_value);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    struct str text = arena_str(v->a, buf_str(&out));
    buf_free(&out);
    return text;
}

static int make_overview(struct valuation *v, struct str *ret, struct err *e)
{
    uint32_t map[400];
    int64_t ids[400];
    struct str *names = arena_array(v->a, struct str, 400);
    size_t n = overview_pick_map(v, map);
    struct db_conn *c = NULL;
    for (size_t i = 0; i < n; i++)
        ids[i] = v->ids[map[i]];
    int rc = db_reader(v->t->db, &c, e);
    if (rc == 0)
        rc = store_names(c, ids, n, v->a, names, e);
    db_reader_done(c);
    return rc ? rc : overview_json(v, names, map, n, ret, e);
}

static int store_all(struct valuation *v, struct job *j, struct err *e)
{
    struct chunk ch = {.v = v, .models = models_json(v), .findings = findings_json(v)};
    struct ending end = {.v = v, .keep = ch.keep};
    char date[DATE_TEXT];
    int rc = db_transact(v->t->db, DB_BULK, begin_run, &ch, e);
    while (rc == 0 && ch.from < v->n) {
        rc = db_transact(v->t->db, DB_BULK, store_chunk, &ch, e);
        ch.from = ch.to;
        struct job_progress p = {"write", (int64_t)ch.to, (int64_t)v->n, 0};
        if (rc == 0)
            rc = job_tick(j, &p, e);
    }
    if (rc == 0)
        rc = make_overview(v, &end.overview, e);
    date_format(v->as_of, date);
    end.ev = (struct live_event){
        .kind = "value", .entity = -1, .data = arena_printf(v->a, "{\"as_of\":\"%s\"}", date)};
    return rc ? rc : db_transact(v->t->db, DB_BULK, end_run, &end, e);
}

static int32_t date_param(const json_t *params, const char *key)
{
    int32_t day;
    return date_parse(json_get_str(params, key), &day) ? day : PV_NO_DAY;
}

/* "auto", or nothing: the one that predicts best. */
static const struct pv_model *wanted_model(const json_t *params)
{
    const char *name = json_string_value(json_object_get(params, "model"));
    return name ? pv_model_find(name) : NULL;
}

static int run_value(struct job *j, struct err *e)
{
    struct tenant *t = job_tenant(j);
    const struct company *co = tenant_company(t);
    const struct currency *currency = currency_find(co->currency);
    const json_t *params = job_view(j).params;
    const json_t *horizon = json_object_get(params, "horizon_weeks");
    const json_t *discount = json_object_get(params, "discount");
    struct valuation v = {.t = t,
                          .a = job_arena(j),
                          .run_id = id_next(t->ids),
                          .as_of = date_param(params, "as_of"),
                          .calibrate_to = date_param(params, "calibrate_to"),
                          .decimals = currency ? currency->decimals : 2,
                          .discount = discount ? json_number_value(discount) : co->discount,
                          .wanted = wanted_model(params),
                          .choice = {.best = -1, .like = -1},
                          .horizon_weeks = horizon ? json_integer_value(horizon) : 52};
    if (v.as_of == PV_NO_DAY && co->observed_until)
        v.as_of = co->observation_end;
    struct db_conn *c = NULL;
    struct job_progress p = {"read", 0, 0, 0};
    v.scale = pow(10.0, v.decimals);
    int rc = job_tick(j, &p, e);
    if (rc == 0)
        rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc = db_read_begin(c, e);
    if (rc == 0)
        rc = store_read_orders(c, &v, j, e);
    db_reader_done(c);
    if (rc == 0)
        rc = compute(&v, j, e);
    if (rc == 0)
        rc = store_all(&v, j, e);
    if (rc == 0)
        job_result(j, arena_printf(v.a, "{\"customers\":%llu,\"orders\":%llu}",
                                   (unsigned long long)v.customers, (unsigned long long)v.orders));
    valuation_free(&v);
    return rc;
}

const struct job_kind insight_jobs[] = {{"value", run_value}, {NULL, NULL}};
