/* The overview of a valuation as JSON, in the form of docs/api.md. */
#include "crm/insight/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CURVE = 100, MAP = 400 };

void write_date(struct jw *w, const char *key, int32_t day)
{
    char text[DATE_TEXT];
    jw_key(w, key);
    if (day == PV_NO_DAY) {
        jw_null(w);
        return;
    }
    date_format(day, text);
    jw_cstr(w, text);
}

static void write_interval(const struct valuation *v, const struct pv_interval *i, struct jw *w)
{
    jw_amount(w, "low80", i->low80, v->decimals);
    jw_amount(w, "high80", i->high80, v->decimals);
    jw_amount(w, "low95", i->low95, v->decimals);
    jw_amount(w, "high95", i->high95, v->decimals);
}

static void write_equity(const struct valuation *v, struct jw *w)
{
    jw_key(w, "equity");
    jw_obj(w);
    jw_amount(w, "amount", v->has_money ? v->equity.amount : NAN, v->decimals);
    if (v->has_money)
        write_interval(v, &v->equity.range, w);
    jw_obj_end(w);
    jw_key(w, "next_year");
    jw_obj(w);
    jw_amount(w, "amount", v->has_money ? v->equity.money : NAN, v->decimals);
    if (v->has_money)
        write_interval(v, &v->equity.money_range, w);
    jw_kf64(w, "orders", v->equity.orders);
    jw_obj_end(w);
    jw_key(w, "alive");
    jw_obj(w);
    jw_kf64(w, "expected", v->equity.alive);
    jw_kf64(w, "share", v->customers ? v->equity.alive / (double)v->customers : 0);
    jw_obj_end(w);
}

static int descending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? 1 : a > b ? -1 : 0;
}

/* Worth more than the middle customer was, and probably gone. */
static void write_at_risk(const struct valuation *v, struct jw *w)
{
    double *spent = malloc((v->n + 1) * sizeof *spent), amount = 0;
    size_t n = 0;
    int64_t customers = 0;
    for (size_t i = 0; spent && i < v->n; i++)
        if (v->rows[i].T >= 0)
            spent[n++] = (double)v->rows[i].revenue;
    if (n)
        qsort(spent, n, sizeof *spent, descending);
    double middle = n ? spent[n / 2] : 0;
    for (size_t i = 0; v->has_values && i < v->n; i++) {
        if (v->rows[i].T < 0 || v->values[i].p_alive >= 0.5 || (double)v->rows[i].revenue <= middle)
            continue;
        customers++;
        amount += isfinite(v->values[i].clv) ? v->values[i].clv : 0;
    }
    free(spent);
    jw_key(w, "at_risk");
    jw_obj(w);
    jw_ki64(w, "customers", customers);
    jw_amount(w, "amount", v->has_money ? amount : NAN, v->decimals);
    jw_obj_end(w);
}

static void write_abc(const struct valuation *v, struct jw *w)
{
    jw_key(w, "abc");
    jw_arr(w);
    for (int grade = 'A'; grade <= 'C'; grade++) {
        int64_t n = 0, revenue = 0;
        double clv = 0;
        for (size_t i = 0; i < v->n; i++) {
            if (v->rows[i].T < 0 || v->grades[i] != grade)
                continue;
            n++;
            revenue += v->rows[i].revenue;
            clv += v->has_money ? v->values[i].clv : 0;
        }
        char name[2] = {(char)grade, 0};
        jw_obj(w);
        jw_kcstr(w, "grade", name);
        jw_ki64(w, "customers", n);
        jw_amount(w, "revenue", (double)revenue / v->scale, v->decimals);
        jw_kf64(w, "revenue_share", v->revenue ? (double)revenue / (double)v->revenue : 0);
        jw_amount(w, "clv", v->has_money ? clv : NAN, v->decimals);
        jw_kf64(w, "clv_share",
                v->has_money && v->equity.amount > 0 ? clv / v->equity.amount : NAN);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

/* Shares of future value where there is one, else of revenue. */
static void write_concentration(const struct valuation *v, struct jw *w)
{
    double *value = malloc((v->n + 1) * sizeof *value), curve[CURVE + 1];
    struct pv_concentration c;
    size_t n = 0;
    for (size_t i = 0; value && i < v->n; i++)
        if (v->rows[i].T >= 0)
            value[n++] = v->has_money ? v->values[i].clv : (double)v->rows[i].revenue;
    jw_key(w, "concentration");
    jw_obj(w);
    if (value && n && pv_concentration(value, n, CURVE, curve, &c) == 0) {
        jw_kcstr(w, "of", v->has_money ? "clv" : "revenue");
        jw_kf64(w, "gini", c.gini);
        jw_kf64(w, "top20_share", c.top20_share);
        jw_key(w, "points");
        jw_arr(w);
        for (int i = 0; i <= CURVE; i++) {
            jw_arr(w);
            jw_f64(w, (double)i / CURVE);
            jw_f64(w, round(curve[i] * 1e6) / 1e6);
            jw_arr_end(w);
        }
        jw_arr_end(w);
    }
    jw_obj_end(w);
    free(value);
}

static void write_rfm(const struct valuation *v, struct jw *w)
{
    static const int recency[] = {30, 90, 180, 270}, frequency[] = {1, 3, 6, 11};
    int64_t customers[5][5] = {0}, revenue[5][5] = {0};
    for (size_t i = 0; i < v->n; i++) {
        const struct pv_customer *r = &v->rows[i];
        size_t a = 0, b = 0;
        if (r->T < 0)
            continue;
        while (a < 4 && r->T - r->t_x > recency[a])
            a++;
        while (b < 4 && r->x + 1 > frequency[b])
            b++;
        customers[a][b]++;
        revenue[a][b] += r->revenue;
    }
    jw_key(w, "rfm");
    jw_obj(w);
    jw_key(w, "recency_edges");
    jw_raw(w, STR("[30,90,180,270]"));
    jw_key(w, "frequency_edges");
    jw_raw(w, STR("[1,3,6,11]"));
    jw_key(w, "cells");
    jw_arr(w);
    for (int a = 0; a < 5; a++) {
        for (int b = 0; b < 5; b++) {
            jw_obj(w);
            jw_ki64(w, "r", a);
            jw_ki64(w, "f", b);
            jw_ki64(w, "customers", customers[a][b]);
            jw_amount(w, "revenue", (double)revenue[a][b] / v->scale, v->decimals);
            jw_obj_end(w);
        }
    }
    jw_arr_end(w);
    jw_obj_end(w);
}

/* --- the map: what a customer brought lately, and what it will bring ----------------------- */

/* The most valuable half by rank, the rest evenly spread over all ranks, so that the cloud shows
   its whole shape. */
size_t overview_pick_map(const struct valuation *v, uint32_t out[MAP])
{
    size_t n = 0, live = 0;
    if (!v->has_money)
        return 0;
    uint32_t *by_rank = malloc((v->n + 1) * sizeof *by_rank);
    if (!by_rank)
        return 0;
    for (size_t i = 0; i < v->n; i++)
        if (v->rows[i].T >= 0)
            by_rank[live++] = 0;
    for (size_t i = 0; i < v->n; i++)
        if (v->rows[i].T >= 0 && v->rank[i] < live)
            by_rank[v->rank[i]] = (uint32_t)i;
    size_t best = live < MAP ? live : MAP / 2, rest = live < MAP ? 0 : MAP - best;
    for (size_t i = 0; i < best; i++)
        out[n++] = by_rank[i];
    for (size_t i = 0; i < rest; i++)
        out[n++] = by_rank[best + (live - best) * i / rest];
    free(by_rank);
    return n;
}

static double revenue_since(const struct pv_history_view *h, size_t customer, int32_t day)
{
    int64_t sum = 0;
    for (uint64_t k = h->start[customer]; k < h->start[customer + 1]; k++)
        if (h->day[k] > day)
            sum += h->amount[k];
    return (double)sum;
}

static void write_map(const struct valuation *v, const struct str *names, const uint32_t *map,
                      size_t n, struct jw *w)
{
    struct pv_history_view h = pv_history_columns(v->history);
    double now[MAP], next[MAP];
    jw_key(w, "map");
    jw_obj(w);
    jw_key(w, "points");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        uint32_t at = map[i];
        char grade[2] = {v->grades[at], 0};
        now[i] = revenue_since(&h, at, v->as_of - 365) / v->scale;
        next[i] = v->values[at].clv;
        jw_obj(w);
        jw_kid(w, "id", v->ids[at]);
        jw_kstr(w, "name", names[i]);
        jw_amount(w, "now", now[i], v->decimals);
        jw_amount(w, "next", next[i], v->decimals);
        jw_amount(w, "revenue", (double)v->rows[at].revenue / v->scale, v->decimals);
        jw_kf64(w, "p_alive", v->values[at].p_alive);
        jw_kcstr(w, "abc", grade);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    qsort(now, n, sizeof *now, descending);
    qsort(next, n, sizeof *next, descending);
    jw_amount(w, "now_median", n ? now[n / 2] : 0, v->decimals);
    jw_amount(w, "next_median", n ? next[n / 2] : 0, v->decimals);
    jw_ki64(w, "shown", (int64_t)n);
    jw_ki64(w, "of", (int64_t)v->customers);
    jw_obj_end(w);
}

/* --- expected against actual --------------------------------------------------------------- */

static void write_tracking(const struct valuation *v, struct jw *w)
{
    struct pv_history_view h = pv_history_columns(v->history);
    jw_key(w, "tracking");
    if (!v->has_holdout || v->as_of - h.first_day < 28) {
        jw_null(w);
        return;
    }
    size_t n = (size_t)(v->as_of - h.first_day + 1) / UNIT_DAYS;
    struct pv_track *track = calloc(n + 1, sizeof *track);
    if (!track || pv_track_periods(v->history, &v->past_buying, h.first_day, UNIT_DAYS,
                                   v->calibrate_to, n, track) != 0) {
        free(track);
        jw_null(w);
        return;
    }
    double actual = 0, expected = 0;
    int64_t inside = 0, weeks = 0;
    for (size_t i = 0; i < n; i++) {
        if (track[i].day - UNIT_DAYS < v->calibrate_to)
            continue;
        actual += track[i].actual;
        expected += track[i].expected;
        inside += track[i].actual >= track[i].low80 && track[i].actual <= track[i].high80;
        weeks++;
    }
    jw_obj(w);
    jw_kcstr(w, "unit", "week");
    write_date(w, "calibrate_to", v->calibrate_to);
    jw_kf64(w, "holdout_error", actual > 0 ? (expected - actual) / actual : NAN);
    jw_ki64(w, "inside80", inside);
    jw_ki64(w, "weeks_held_out", weeks);
    jw_key(w, "points");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        jw_obj(w);
        write_date(w, "date", track[i].day);
        jw_kf64(w, "actual", track[i].actual);
        jw_kf64(w, "expected", round(track[i].expected * 1000) / 1000);
        jw_kf64(w, "low80", track[i].low80);
        jw_kf64(w, "high80", track[i].high80);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
    free(track);
}

static void write_holdout(const struct valuation *v, struct jw *w)
{
    const struct pv_holdout *h = &v->holdout;
    jw_key(w, "holdout");
    if (!v->has_holdout) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    write_date(w, "calibrate_to", v->calibrate_to);
    jw_kf64(w, "actual", h->actual);
    jw_kf64(w, "predicted", h->predicted);
    jw_kf64(w, "mae", h->mae);
    jw_kf64(w, "rmse", h->rmse);
    jw_kf64(w, "coverage80", h->coverage80);
    jw_kf64(w, "coverage95", h->coverage95);
    jw_obj_end(w);
}

/* --- which model, and why ------------------------------------------------------------------ */

static void write_candidate(const struct valuation *v, const struct pv_candidate *c, struct jw *w)
{
    const struct pv_holdout *h = &c->holdout;
    bool tried = h->customers > 0;
    jw_obj(w);
    jw_kcstr(w, "name", c->fit.model);
    jw_kcstr(w, "verdict", pv_verdict_code(c->fit.verdict));
    jw_kbool(w, "usable", c->fit.usable);
    jw_kbool(w, "chosen", pv_model_find(c->fit.model) == pv_model_find(v->buying.model));
    jw_kf64(w, "loglik", c->fit.loglik);
    jw_kf64(w, "bic", c->bic);
    jw_kf64(w, "error", tried && h->actual > 0 ? (h->predicted - h->actual) / h->actual : NAN);
    jw_kf64(w, "mae", tried ? h->mae : NAN);
    jw_kf64(w, "rmse", tried ? h->rmse : NAN);
    jw_kf64(w, "coverage80", tried ? h->coverage80 : NAN);
    jw_obj_end(w);
}

static void write_choice(const struct valuation *v, struct jw *w)
{
    jw_key(w, "choice");
    jw_obj(w);
    jw_kcstr(w, "how", v->wanted ? "given" : v->has_holdout ? "holdout" : "bic");
    jw_kcstr(w, "like", v->choice.like >= 0 ? v->choice.candidate[v->choice.like].fit.model : NULL);
    write_date(w, "calibrate_to", v->calibrate_to);
    jw_ki64(w, "customers", (int64_t)v->choice.customers);
    jw_ki64(w, "of", (int64_t)v->choice.of);
    jw_key(w, "models");
    jw_arr(w);
    for (size_t i = 0; i < v->choice.candidates; i++)
        write_candidate(v, &v->choice.candidate[i], w);
    jw_arr_end(w);
    jw_obj_end(w);
}

int overview_json(const struct valuation *v, const struct str *map_names, const uint32_t *map,
                  size_t nmap, struct str *ret, struct err *e)
{
    struct buf out = BUF_INIT(8 << 20);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    write_date(&w, "as_of", v->as_of);
    jw_ki64(&w, "fitted_at", clock_now_ms());
    jw_kcstr(&w, "unit", "week");
    jw_ki64(&w, "horizon_weeks", v->horizon_weeks);
    jw_kf64(&w, "discount", v->discount);
    jw_kstr(&w, "currency", tenant_company(v->t)->currency);
    jw_ki64(&w, "customers", (int64_t)v->customers);
    jw_ki64(&w, "orders", (int64_t)v->orders);
    jw_amount(&w, "revenue", (double)v->revenue / v->scale, v->decimals);
    write_equity(v, &w);
    write_at_risk(v, &w);
    write_abc(v, &w);
    write_concentration(v, &w);
    write_rfm(v, &w);
    write_map(v, map_names, map, nmap, &w);
    write_tracking(v, &w);
    write_holdout(v, &w);
    write_choice(v, &w);
    write_cohorts(v, &w);
    write_segments(v, &w);
    int rc = write_bridges(v, &w, e);
    jw_obj_end(&w);
    if (rc == 0)
        *ret = arena_str(v->a, buf_str(&out));
    buf_free(&out);
    return rc;
}
