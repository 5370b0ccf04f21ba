/*
 * cohort.c - segments, cohorts and rhythms: what can be counted without a model. Definitions:
 * patron_cohorts.h.
 */
#include "patron_cohorts.h"

#include "calendar.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- RFM ------------------------------------------------------------------------------------- */

static bool edges_in_order(const struct pv_rfm_edges *e)
{
    for (int i = 1; i < 4; i++)
        if (e->recency[i] < e->recency[i - 1] || e->frequency[i] < e->frequency[i - 1] ||
            e->money[i] < e->money[i - 1])
            return false;
    return true;
}

int pv_rfm_by_edges(const struct pv_customer *rows, size_t n, const struct pv_rfm_edges *edges,
                    struct pv_rfm *ret_scores)
{
    if (!edges_in_order(edges))
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++) {
        const struct pv_customer *c = &rows[i];
        struct pv_rfm s = {0};
        if (c->T >= 0) {
            s = (struct pv_rfm){1, 1, 1};
            for (int k = 0; k < 4; k++) {
                s.r = (uint8_t)(s.r + (c->T - c->t_x <= edges->recency[k]));
                s.f = (uint8_t)(s.f + (c->x + 1 >= edges->frequency[k]));
                s.m = (uint8_t)(s.m + (c->revenue >= edges->money[k]));
            }
        }
        ret_scores[i] = s;
    }
    return 0;
}

static const char *const segment_codes[PV_SEGMENTS] = {
    [PV_SEGMENT_NONE] = "none",
    [PV_SEGMENT_CHAMPIONS] = "champions",
    [PV_SEGMENT_LOYAL] = "loyal",
    [PV_SEGMENT_POTENTIAL] = "potential-loyalist",
    [PV_SEGMENT_NEW] = "new",
    [PV_SEGMENT_PROMISING] = "promising",
    [PV_SEGMENT_ATTENTION] = "needs-attention",
    [PV_SEGMENT_SLEEPING] = "about-to-sleep",
    [PV_SEGMENT_AT_RISK] = "at-risk",
    [PV_SEGMENT_CANNOT_LOSE] = "cannot-lose",
    [PV_SEGMENT_HIBERNATING] = "hibernating",
    [PV_SEGMENT_LOST] = "lost",
};

const char *pv_segment_code(enum pv_segment segment)
{
    return (unsigned)segment < PV_SEGMENTS ? segment_codes[segment] : "";
}

/* The trade's rules overlap; a grid says for each cell what it is. */
const struct pv_segment_grid pv_segment_usual = {{
    /* fm 1 .. 5 */
    {PV_SEGMENT_LOST, PV_SEGMENT_LOST, PV_SEGMENT_AT_RISK, PV_SEGMENT_CANNOT_LOSE,
     PV_SEGMENT_CANNOT_LOSE},
    {PV_SEGMENT_HIBERNATING, PV_SEGMENT_HIBERNATING, PV_SEGMENT_AT_RISK, PV_SEGMENT_AT_RISK,
     PV_SEGMENT_AT_RISK},
    {PV_SEGMENT_SLEEPING, PV_SEGMENT_SLEEPING, PV_SEGMENT_ATTENTION, PV_SEGMENT_LOYAL,
     PV_SEGMENT_LOYAL},
    {PV_SEGMENT_PROMISING, PV_SEGMENT_POTENTIAL, PV_SEGMENT_POTENTIAL, PV_SEGMENT_LOYAL,
     PV_SEGMENT_CHAMPIONS},
    {PV_SEGMENT_NEW, PV_SEGMENT_POTENTIAL, PV_SEGMENT_POTENTIAL, PV_SEGMENT_CHAMPIONS,
     PV_SEGMENT_CHAMPIONS},
}};

int pv_rfm_segments(const struct pv_segment_grid *grid, const struct pv_rfm *scores,
                    const struct pv_customer *rows, size_t n, uint8_t *ret_segment,
                    struct pv_segment_sum *ret_sums)
{
    struct pv_segment_sum sums[256] = {{0, 0}};
    for (size_t i = 0; i < n; i++) {
        const struct pv_rfm *s = &scores[i];
        if (s->r > 5 || s->f > 5 || s->m > 5)
            return PV_ERR_ARGUMENT;
        uint8_t segment = 0;
        if (s->r && s->f && s->m)
            segment = grid->cell[s->r - 1][(s->f + s->m + 1) / 2 - 1];
        struct pv_segment_sum *sum = &sums[segment];
        sum->customers++;
        if (__builtin_add_overflow(sum->revenue, rows[i].revenue, &sum->revenue))
            return PV_ERR_OVERFLOW;
        ret_segment[i] = segment;
    }
    if (ret_sums)
        memcpy(ret_sums, sums, sizeof sums);
    return 0;
}

/* ---- the calendar ---------------------------------------------------------------------------- */

static const int months_in[] = {
    [PV_CALENDAR_MONTH] = 1, [PV_CALENDAR_QUARTER] = 3, [PV_CALENDAR_YEAR] = 12};

/* January is month 10 of a year that begins in March; `first` is where the year begins here. */
static int32_t period_of(enum pv_calendar calendar, unsigned first, int32_t day)
{
    return (pv_month_of(day) + 3 - (int32_t)first) / months_in[calendar];
}

static int32_t first_day_of(enum pv_calendar calendar, unsigned first, int32_t period)
{
    return pv_first_day_of_month(period * months_in[calendar] - 3 + (int32_t)first);
}

/* ---- cohorts --------------------------------------------------------------------------------- */

enum { MAX_PERIODS = 1200 };

void pv_cohort_table_free(struct pv_cohort_table *table)
{
    if (!table)
        return;
    free(table->first_day);
    free(table->customers);
    free(table->cell);
    free(table);
}

static struct pv_cohort_table *table_new(enum pv_calendar calendar, unsigned first_month,
                                         int32_t from, size_t periods)
{
    struct pv_cohort_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->calendar = calendar;
    t->first_month = first_month;
    t->periods = periods;
    t->first_day = malloc(periods * sizeof *t->first_day);
    t->customers = calloc(periods, sizeof *t->customers);
    t->cell = calloc(periods * periods, sizeof *t->cell);
    if (!t->first_day || !t->customers || !t->cell) {
        pv_cohort_table_free(t);
        return NULL;
    }
    for (size_t i = 0; i < periods; i++)
        t->first_day[i] = first_day_of(calendar, first_month, from + (int32_t)i);
    return t;
}

/* One customer's purchases up to the end, which has `until` of them. */
static int follow(struct pv_cohort_table *t, const int32_t *day, const int64_t *amount, size_t n,
                  int32_t from, int32_t end)
{
    size_t cohort = (size_t)(period_of(t->calendar, t->first_month, day[0]) - from);
    struct pv_cohort_cell *last = NULL;
    t->customers[cohort]++;
    for (size_t i = 0; i < n && day[i] <= end; i++) {
        size_t age = (size_t)(period_of(t->calendar, t->first_month, day[i]) - from) - cohort;
        struct pv_cohort_cell *cell = &t->cell[cohort * t->periods + age];
        cell->active += cell != last;
        cell->purchases++;
        if (__builtin_add_overflow(cell->revenue, amount[i], &cell->revenue))
            return PV_ERR_OVERFLOW;
        last = cell;
    }
    return 0;
}

int pv_cohort_table_new(const struct pv_history *history, enum pv_calendar calendar,
                        unsigned first_month, int32_t end, struct pv_cohort_table **ret_table)
{
    struct pv_history_view h = pv_history_columns(history);
    if ((unsigned)calendar > PV_CALENDAR_YEAR || first_month < 1 || first_month > 12)
        return PV_ERR_ARGUMENT;
    if (h.transactions == 0 || h.first_day > end)
        return PV_ERR_EMPTY;
    int32_t from = period_of(calendar, first_month, h.first_day);
    int32_t to = period_of(calendar, first_month, end);
    if (to - from >= MAX_PERIODS)
        return PV_ERR_ARGUMENT;
    struct pv_cohort_table *t = table_new(calendar, first_month, from, (size_t)(to - from) + 1);
    if (!t)
        return PV_ERR_NO_MEMORY;
    t->last_complete = first_day_of(calendar, first_month, to + 1) == end + 1;
    int rc = 0;
    for (size_t c = 0; rc == 0 && c < h.customers; c++) {
        size_t at = h.start[c], n = h.start[c + 1] - at;
        if (n && h.day[at] <= end)
            rc = follow(t, h.day + at, h.amount + at, n, from, end);
    }
    if (rc) {
        pv_cohort_table_free(t);
        return rc;
    }
    *ret_table = t;
    return 0;
}

/* ---- rhythm ---------------------------------------------------------------------------------- */

static const double BASE_WEIGHT = 2.0;

/* Share of n ascending values that are >= v. */
static double share_from(const double *sorted, size_t n, double v)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (sorted[mid] >= v)
            high = mid;
        else
            low = mid + 1;
    }
    return n ? (double)(n - low) / (double)n : 0.0;
}

/* Gaps of a customer up to the end into `gap`, ascending; the rhythm but for `usual`. */
static size_t measure(const int32_t *day, size_t n, int32_t end, double *gap, struct pv_rhythm *ret)
{
    *ret = (struct pv_rhythm){0, NAN, NAN, NAN, NAN, NAN};
    while (n && day[n - 1] > end)
        n--;
    if (n == 0)
        return 0;
    ret->silence = (double)end - day[n - 1];
    size_t gaps = n - 1;
    if (gaps == 0)
        return 0;
    for (size_t i = 0; i < gaps; i++)
        gap[i] = (double)day[i + 1] - day[i];
    qsort(gap, gaps, sizeof *gap, pv_stats_ascending);
    ret->gaps = (uint32_t)gaps;
    ret->mean = ((double)day[n - 1] - day[0]) / (double)gaps;
    ret->median = (gap[(gaps - 1) / 2] + gap[gaps / 2]) / 2.0;
    ret->ratio = ret->silence / ret->mean;
    return gaps;
}

int pv_rhythms(const struct pv_history *history, int32_t end, struct pv_rhythm *ret_rhythms)
{
    struct pv_history_view h = pv_history_columns(history);
    double *gap = malloc((h.transactions + 1) * sizeof *gap);
    double *base = malloc((h.transactions + 1) * sizeof *base);
    if (!gap || !base) {
        free(gap);
        free(base);
        return PV_ERR_NO_MEMORY;
    }
    size_t n = 0;
    for (size_t c = 0; c < h.customers; c++) {
        struct pv_rhythm *r = &ret_rhythms[c];
        size_t gaps = measure(h.day + h.start[c], h.start[c + 1] - h.start[c], end, gap, r);
        for (size_t i = 0; i < gaps; i++)
            base[n++] = gap[i] / r->mean;
    }
    qsort(base, n, sizeof *base, pv_stats_ascending);
    for (size_t c = 0; c < h.customers; c++) {
        struct pv_rhythm *r = &ret_rhythms[c];
        size_t gaps = measure(h.day + h.start[c], h.start[c + 1] - h.start[c], end, gap, r);
        if (gaps == 0)
            continue;
        double own = share_from(gap, gaps, r->silence) * (double)gaps;
        r->usual =
            (own + BASE_WEIGHT * share_from(base, n, r->ratio)) / ((double)gaps + BASE_WEIGHT);
    }
    free(gap);
    free(base);
    return 0;
}
