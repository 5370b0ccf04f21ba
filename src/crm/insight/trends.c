/*
 * Parts of the overview that look along time: cohorts by when customers came, the segments they are
 * in now, and why the worth of the base changed.
 */
#include "crm/insight/internal.h"

#include <math.h>
#include <stdlib.h>

/* ---- Cohorts -------------------------------------------------------------------------------- */

enum { MOST_COHORTS = 18 };

/* By month, where that makes no more rows than one can read; else by quarter, else by year, of the
   company's fiscal year. */
static int cohorts_of(const struct valuation *v, struct pv_cohort_table **ret_table)
{
    int rc = 0;
    *ret_table = NULL;
    for (int by = PV_CALENDAR_MONTH; rc == 0 && by <= PV_CALENDAR_YEAR; by++) {
        pv_cohort_table_free(*ret_table);
        *ret_table = NULL;
        rc = pv_cohort_table_new(v->history, (enum pv_calendar)by,
                                 tenant_company(v->t)->fiscal_month, v->as_of, ret_table);
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
    jw_ki64(w, "fiscal_month", t->first_month);
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
    int32_t day;
    int64_t *worth; /* minor units; PV_NO_VALUE: no customer */
    double beyond;  /* of those who are too unlikely to be customers still */
    uint64_t customers;
};

/* One customer on one day. */
static int count_one(struct side *s, size_t i, double p_alive, double clv, double scale)
{
    double worth = rint(clv * scale);
    s->worth[i] = PV_NO_VALUE;
    if (!(worth < 9e18))
        return PV_ERR_OVERFLOW;
    if (p_alive >= STILL) {
        s->worth[i] = (int64_t)worth;
        s->customers++;
    } else {
        s->beyond += clv;
    }
    return 0;
}

static int count_side(const struct valuation *v, const struct pv_customer *rows,
                      const struct pv_value *values, struct side *s)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->n; i++) {
        s->worth[i] = PV_NO_VALUE;
        if (rows[i].T >= 0)
            rc = count_one(s, i, values[i].p_alive, values[i].clv, v->scale);
    }
    return rc;
}

static int past_side(const struct valuation *v, struct side *s)
{
    struct pv_customer *rows = malloc((v->n + 1) * sizeof *rows);
    struct pv_value *values = malloc((v->n + 1) * sizeof *values);
    int rc = rows && values ? value_on(v, s->day, rows, values) : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = count_side(v, rows, values, s);
    free(rows);
    free(values);
    return rc;
}

static void write_side(const char *key, unsigned decimals, int64_t equity, const struct side *s,
                       struct jw *w)
{
    double scale = pow(10.0, decimals);
    jw_key(w, key);
    jw_obj(w);
    write_date(w, "date", s->day);
    jw_amount(w, "equity", (double)equity / scale, decimals);
    jw_ki64(w, "customers", (int64_t)s->customers);
    jw_amount(w, "not_counted", s->beyond, decimals);
    jw_obj_end(w);
}

static void write_step(const char *code, unsigned decimals, int64_t amount, uint64_t n,
                       struct jw *w)
{
    jw_obj(w);
    jw_kcstr(w, "code", code);
    jw_amount(w, "amount", (double)amount / pow(10.0, decimals), decimals);
    jw_ki64(w, "customers", (int64_t)n);
    jw_obj_end(w);
}

/* `by`: what made it, for a reader that offers several. */
static void write_bridge(const char *by, unsigned decimals, const struct side *before,
                         const struct side *after, const struct pv_bridge *b, struct jw *w)
{
    jw_obj(w);
    jw_kcstr(w, "by", by);
    jw_ki64(w, "days", after->day - before->day);
    write_side("before", decimals, b->start, before, w);
    write_side("after", decimals, b->end, after, w);
    jw_key(w, "steps");
    jw_arr(w);
    write_step("lost", decimals, -b->lost, b->n_lost, w);
    write_step("shrunk", decimals, -b->shrunk, b->n_shrunk, w);
    write_step("grown", decimals, b->grown, b->n_grown, w);
    write_step("new", decimals, b->gained, b->n_gained, w);
    jw_arr_end(w);
    jw_amount(w, "kept", (double)b->kept / pow(10.0, decimals), decimals);
    jw_ki64(w, "same", (int64_t)b->n_same);
    jw_obj_end(w);
}

/* From a quarter, half a year and a year ago, and from the last day of the fiscal year before, as
   far as the history goes back. */
int write_bridges(const struct valuation *v, struct jw *w, struct err *e)
{
    const int32_t starts[] = {v->as_of - 91, v->as_of - 182, v->as_of - 365,
                              date_year_start(v->as_of, tenant_company(v->t)->fiscal_month) - 1};
    struct pv_history_view h = pv_history_columns(v->history);
    struct side before = {.worth = malloc((v->n + 1) * sizeof *before.worth)};
    struct side after = {.day = v->as_of, .worth = malloc((v->n + 1) * sizeof *after.worth)};
    int rc = before.worth && after.worth ? 0 : PV_ERR_NO_MEMORY;
    jw_key(w, "bridges");
    jw_arr(w);
    if (rc == 0 && v->has_money)
        rc = count_side(v, v->rows, v->values, &after);
    for (size_t i = 0; v->has_money && rc == 0 && i < sizeof starts / sizeof starts[0]; i++) {
        struct pv_bridge b;
        before = (struct side){.day = starts[i], .worth = before.worth};
        if (before.day < h.first_day)
            continue;
        rc = past_side(v, &before);
        if (rc == 0)
            rc = pv_equity_bridge(before.worth, after.worth, v->n, &b);
        if (rc == 0)
            write_bridge(i < 3 ? "days" : "fiscal", v->decimals, &before, &after, &b, w);
    }
    jw_arr_end(w);
    free(before.worth);
    free(after.worth);
    return library_error(rc, e);
}

/* ---- The same between two dates that were valued --------------------------------------------- */

enum { FIRST_ROOM = 1 << 12 };

static int grow(struct side *s, size_t room)
{
    int64_t *more = realloc(s->worth, room * sizeof *more);
    if (!more)
        return PV_ERR_NO_MEMORY;
    s->worth = more;
    return 0;
}

/* What was said of a customer on a day; nothing where nothing could be said. */
static int said_of(const struct db_rows *rows, unsigned col, struct side *s, size_t i, double scale)
{
    s->worth[i] = PV_NO_VALUE;
    if (db_is_null(rows, col) || db_is_null(rows, col + 1))
        return 0;
    return count_one(s, i, db_f64(rows, col), (double)db_i64(rows, col + 1) / scale, scale);
}

static int read_sides(struct db_conn *c, unsigned decimals, struct side side[2], size_t *ret_n,
                      struct err *e)
{
    static const char sql[] =
        "SELECT f.p_alive, f.clv, g.p_alive, g.clv FROM customers c LEFT JOIN value_snapshot f ON "
        "f.customer_id = c.id AND f.as_of = $1 LEFT JOIN value_snapshot g ON g.customer_id = c.id "
        "AND g.as_of = $2 WHERE c.deleted_at IS NULL";
    double scale = pow(10.0, decimals);
    struct db_rows *rows = NULL;
    size_t n = 0, room = 0;
    int failed = 0;
    int rc = db_query(c, sql, DB_ARGS(DB_I64(side[0].day), DB_I64(side[1].day)), &rows, e);
    while (rc == 0 && failed == 0 && (rc = db_step(rows, e)) > 0) {
        rc = 0;
        if (n == room) {
            room = room ? room * 2 : FIRST_ROOM;
            failed = grow(&side[0], room);
            if (failed == 0)
                failed = grow(&side[1], room);
        }
        for (unsigned k = 0; failed == 0 && k < 2; k++)
            failed = said_of(rows, 2 * k, &side[k], n, scale);
        n++;
    }
    db_rows_done(rows);
    *ret_n = n;
    return rc < 0 ? rc : library_error(failed, e);
}

int bridge_between(struct db_conn *c, int32_t from, int32_t to, unsigned decimals, struct jw *w,
                   struct err *e)
{
    struct side side[2] = {{.day = from}, {.day = to}};
    struct pv_bridge b;
    size_t n = 0;
    int rc = read_sides(c, decimals, side, &n, e);
    if (rc == 0)
        rc = library_error(pv_equity_bridge(side[0].worth, side[1].worth, n, &b), e);
    if (rc == 0)
        write_bridge("dates", decimals, &side[0], &side[1], &b, w);
    free(side[0].worth);
    free(side[1].worth);
    return rc;
}
