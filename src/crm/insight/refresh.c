/* The job "value": read, fit, value, store. */
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
}

static int library_error(int rc, struct err *e)
{
    if (rc == 0)
        return 0;
    return err_set(e, rc == PV_ERR_NO_MEMORY ? ERR_NOMEM : ERR_INTERNAL, "value: %s",
                   pv_error_code(rc));
}

/* The last third of the history, in whole weeks, is kept back to test on; histories under 26 weeks
   are too short to give a third away. */
static void choose_calibration(struct valuation *v, const struct pv_history_view *h)
{
    int32_t span = v->as_of - h->first_day;
    if (v->calibrate_to == PV_NO_DAY && span >= 26 * UNIT_DAYS)
        v->calibrate_to = v->as_of - span / 3 / UNIT_DAYS * UNIT_DAYS;
    if (v->calibrate_to != PV_NO_DAY &&
        (v->calibrate_to <= h->first_day || v->calibrate_to >= v->as_of))
        v->calibrate_to = PV_NO_DAY;
}

static int fit(const struct valuation *v, const struct pv_customer *rows, struct pv_fit *bg,
               struct pv_fit *gg)
{
    struct pv_fit_options o = {.unit_days = UNIT_DAYS, .money_scale = v->scale};
    struct pv_cells *cells = NULL;
    int rc = pv_cells_new(rows, v->n, &cells);
    if (rc == 0)
        rc = pv_fit_model(pv_model_find("bg-nbd"), cells, &o, bg);
    pv_cells_free(cells);
    return rc || !gg ? rc : pv_fit_gamma_gamma(rows, v->n, &o, gg);
}

static struct pv_valuer_options options_of(const struct valuation *v, double horizon)
{
    return (struct pv_valuer_options){.unit_days = UNIT_DAYS,
                                      .money_scale = v->scale,
                                      .horizon = horizon,
                                      .discount = v->discount,
                                      .seed = SEED};
}

/* How the model would have done: fitted to the first part, tried on the rest. */
static int try_out(struct valuation *v)
{
    struct pv_valuer *valuer = NULL;
    if (v->calibrate_to == PV_NO_DAY)
        return 0;
    v->past = malloc((v->n + 1) * sizeof *v->past);
    int rc =
        v->past ? pv_summarise(v->history, v->calibrate_to, v->as_of, v->past) : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = fit(v, v->past, &v->past_bg, NULL);
    if (rc || !v->past_bg.usable)
        return rc;
    struct pv_valuer_options o = options_of(v, (double)(v->as_of - v->calibrate_to) / UNIT_DAYS);
    rc = pv_valuer_new(&v->past_bg, NULL, &o, v->past, v->n, &valuer);
    if (rc == 0)
        rc = pv_value_holdout(valuer, v->past, v->n, &v->holdout);
    v->has_holdout = rc == 0;
    pv_valuer_free(valuer);
    return rc;
}

static int value_all(struct valuation *v)
{
    struct pv_valuer *valuer = NULL;
    int rc = fit(v, v->rows, &v->bg, &v->gg);
    if (rc || !v->bg.usable)
        return rc;
    struct pv_valuer_options o = options_of(v, (double)v->horizon_weeks);
    rc = pv_valuer_new(&v->bg, v->gg.usable ? &v->gg : NULL, &o, v->rows, v->n, &valuer);
    v->values = malloc((v->n + 1) * sizeof *v->values);
    if (rc == 0)
        rc = v->values ? pv_value_customers(valuer, v->rows, v->n, v->values) : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = pv_value_equity(valuer, v->rows, v->n, &v->equity);
    pv_valuer_free(valuer);
    v->has_values = rc == 0;
    v->has_money = rc == 0 && v->gg.usable;
    return rc;
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
    int rc = worth && ranked && v->rfm && v->grades && v->rank ? 0 : PV_ERR_NO_MEMORY;
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
        rc = pv_abc_grades(worth, v->n, 0.80, 0.95, v->grades);
    if (rc == 0 && live)
        qsort(ranked, live, sizeof *ranked, by_worth);
    for (size_t i = 0; rc == 0 && i < live; i++)
        v->rank[ranked[i].at] = (uint32_t)i;
    free(worth);
    free(ranked);
    return rc;
}

static int compute(struct valuation *v, struct job *j, struct err *e)
{
    struct pv_history_view h = pv_history_columns(v->history);
    struct job_progress p = {"value", 0, (int64_t)v->n, 0};
    if (h.transactions == 0) {
        err_param_i64(e, "customers", (int64_t)v->n);
        return err_set(e, ERR_NO_VALUE_YET, "no orders");
    }
    if (v->as_of == PV_NO_DAY)
        v->as_of = h.last_day; /* values have a date: that of the last order, not of the clock */
    choose_calibration(v, &h);
    v->rows = malloc((v->n + 1) * sizeof *v->rows);
    if (!v->rows)
        return err_set(e, ERR_NOMEM, "valuation");
    int rc = job_tick(j, &p, e);
    if (rc == 0)
        rc = library_error(pv_summarise(v->history, v->as_of, PV_NO_DAY, v->rows), e);
    if (rc == 0)
        rc = library_error(value_all(v), e);
    if (rc == 0)
        rc = library_error(try_out(v), e);
    return rc ? rc : library_error(grade(v), e);
}

/* --- storing ------------------------------------------------------------------------------- */

struct chunk {
    struct valuation *v;
    struct str models;
    size_t from, to;
};

static int begin_run(struct db_conn *c, void *arg, struct err *e)
{
    struct chunk *ch = arg;
    return store_begin_run(c, ch->v, ch->models, e);
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
    return rc;
}

struct ending {
    struct valuation *v;
    struct str overview;
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
    int rc = store_end_run(c, end->v, end->overview, e);
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
    fit_to_json(&v->bg, v->t, lang, v->a, true, &w);
    fit_to_json(&v->gg, v->t, lang, v->a, true, &w);
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
    if (rc == 0)
        *ret = overview_json(v, names, map, n);
    return rc;
}

static int store_all(struct valuation *v, struct job *j, struct err *e)
{
    struct chunk ch = {.v = v, .models = models_json(v)};
    struct ending end = {.v = v};
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
