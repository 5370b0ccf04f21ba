/*
 * Parts of the overview that look along time: cohorts by when customers came, the segments they are
 * in now, and why the worth of the base changed.
 */
#include "crm/insight/internal.h"

#include <math.h>
#include <stdlib.h>

/* ---- Cohorts -------------------------------------------------------------------------------- */

enum { MOST_COHORTS = 18 };

/* By month, where that makes no more rows than one can read; else by quarter, else by year. */
static int cohorts_of(const struct valuation *v, struct pv_cohort_table **ret_table)
{
    int rc = 0;
    *ret_table = NULL;
    for (int by = PV_CALENDAR_MONTH; rc == 0 && by <= PV_CALENDAR_YEAR; by++) {
        pv_cohort_table_free(*ret_table);
        *ret_table = NULL;
        rc = pv_cohort_table_new(v->history, (enum pv_calendar)by, v->as_of, ret_table);
        if (rc == 0 && (*ret_table)->periods <= MOST_COHORTS)
            break;
    }
    return rc;
}

static void write_cohort(const struct valuation *v, const struct pv_cohort_table *t, size_t cohort,
                         struct jw *w)
{
    jw_obj(w);
    write_date(w, "from", t->first_day[cohort]);
    jw_ki64(w, "customers", (int64_t)t->customers[cohort]);
    jw_key(w, "active");
    jw_arr(w);
    for (size_t age = 0; age < t->periods - cohort; age++)
        jw_i64(w, (int64_t)t->cell[cohort * t->periods + age].active);
    jw_arr_end(w);
    jw_key(w, "revenue");
    jw_arr(w);
    for (size_t age = 0; age < t->periods - cohort; age++)
        jw_str(w, amount_text((double)t->cell[cohort * t->periods + age].revenue / v->scale,
                              v->decimals, v->a));
    jw_arr_end(w);
    jw_obj_end(w);
}

void write_cohorts(const struct valuation *v, struct jw *w)
{
    static const char *const names[] = {"month", "quarter", "year"};
    struct pv_cohort_table *t;
    jw_key(w, "cohorts");
    if (cohorts_of(v, &t)) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_kcstr(w, "by", names[t->calendar]);
    jw_kbool(w, "last_complete", t->last_complete);
    jw_key(w, "rows");
    jw_arr(w);
    for (size_t i = 0; i < t->periods; i++)
        if (t->customers[i] > 0)
            write_cohort(v, t, i, w);
    jw_arr_end(w);
    jw_obj_end(w);
    pv_cohort_table_free(t);
}

/* ---- Segments ------------------------------------------------------------------------------- */

void write_segments(const struct valuation *v, struct jw *w)
{
    double clv[PV_SEGMENTS] = {0.0};
    for (size_t i = 0; v->has_money && i < v->n; i++)
        if (v->rows[i].T >= 0)
            clv[v->segment[i]] += v->values[i].clv;
    jw_key(w, "segments");
    jw_arr(w);
    for (int k = PV_SEGMENT_NONE + 1; k < PV_SEGMENTS; k++) {
        jw_obj(w);
        jw_kcstr(w, "code", pv_segment_code((enum pv_segment)k));
        jw_ki64(w, "customers", (int64_t)v->segments[k].customers);
        jw_amount(w, "revenue", (double)v->segments[k].revenue / v->scale, v->decimals);
        jw_amount(w, "clv", v->has_money ? clv[k] : NAN, v->decimals);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

/* ---- Why the worth of the base changed ------------------------------------------------------ */

static const double STILL = 0.5; /* P(alive) from which somebody is a customer */

struct side {
    int64_t *worth; /* n, minor units; PV_NO_VALUE: no customer */
    double beyond;  /* of those who are too unlikely to be customers still */
    uint64_t customers;
};

static int count_side(const struct valuation *v, const struct pv_customer *rows,
                      const struct pv_value *values, struct side *s)
{
    for (size_t i = 0; i < v->n; i++) {
        double worth = rint(values[i].clv * v->scale);
        s->worth[i] = PV_NO_VALUE;
        if (rows[i].T < 0)
            continue;
        if (!(worth < 9e18))
            return PV_ERR_OVERFLOW;
        if (values[i].p_alive >= STILL) {
            s->worth[i] = (int64_t)worth;
            s->customers++;
        } else {
            s->beyond += values[i].clv;
        }
    }
    return 0;
}

static int past_side(const struct valuation *v, int32_t day, struct side *s)
{
    struct pv_customer *rows = malloc((v->n + 1) * sizeof *rows);
    struct pv_value *values = malloc((v->n + 1) * sizeof *values);
    int rc = rows && values ? value_on(v, day, rows, values) : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = count_side(v, rows, values, s);
    free(rows);
    free(values);
    return rc;
}

static void write_side(const struct valuation *v, const char *key, int32_t day, int64_t equity,
                       const struct side *s, struct jw *w)
{
    jw_key(w, key);
    jw_obj(w);
    write_date(w, "date", day);
    jw_amount(w, "equity", (double)equity / v->scale, v->decimals);
    jw_ki64(w, "customers", (int64_t)s->customers);
    jw_amount(w, "not_counted", s->beyond, v->decimals);
    jw_obj_end(w);
}

static void write_step(const struct valuation *v, const char *code, int64_t amount, uint64_t n,
                       struct jw *w)
{
    jw_obj(w);
    jw_kcstr(w, "code", code);
    jw_amount(w, "amount", (double)amount / v->scale, v->decimals);
    jw_ki64(w, "customers", (int64_t)n);
    jw_obj_end(w);
}

static void write_bridge(const struct valuation *v, int32_t day, const struct side *before,
                         const struct side *after, const struct pv_bridge *b, struct jw *w)
{
    jw_obj(w);
    jw_ki64(w, "days", v->as_of - day);
    write_side(v, "before", day, b->start, before, w);
    write_side(v, "after", v->as_of, b->end, after, w);
    jw_key(w, "steps");
    jw_arr(w);
    write_step(v, "lost", -b->lost, b->n_lost, w);
    write_step(v, "shrunk", -b->shrunk, b->n_shrunk, w);
    write_step(v, "grown", b->grown, b->n_grown, w);
    write_step(v, "new", b->gained, b->n_gained, w);
    jw_arr_end(w);
    jw_amount(w, "kept", (double)b->kept / v->scale, v->decimals);
    jw_ki64(w, "same", (int64_t)b->n_same);
    jw_obj_end(w);
}

/* From a quarter, half a year and a year ago, as far as the history goes back. */
int write_bridges(const struct valuation *v, struct jw *w, struct err *e)
{
    static const int32_t spans[] = {91, 182, 365};
    struct pv_history_view h = pv_history_columns(v->history);
    struct side before = {malloc((v->n + 1) * sizeof *before.worth), 0.0, 0};
    struct side after = {malloc((v->n + 1) * sizeof *after.worth), 0.0, 0};
    int rc = before.worth && after.worth ? 0 : PV_ERR_NO_MEMORY;
    jw_key(w, "bridges");
    jw_arr(w);
    if (rc == 0 && v->has_money)
        rc = count_side(v, v->rows, v->values, &after);
    for (size_t i = 0; v->has_money && rc == 0 && i < sizeof spans / sizeof spans[0]; i++) {
        struct pv_bridge b;
        int32_t day = v->as_of - spans[i];
        if (day < h.first_day)
            break;
        before.beyond = 0.0;
        before.customers = 0;
        rc = past_side(v, day, &before);
        if (rc == 0)
            rc = pv_equity_bridge(before.worth, after.worth, v->n, &b);
        if (rc == 0)
            write_bridge(v, day, &before, &after, &b, w);
    }
    jw_arr_end(w);
    free(before.worth);
    free(after.worth);
    return library_error(rc, e);
}
