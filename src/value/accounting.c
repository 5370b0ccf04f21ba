/*
 * accounting.c - the books of customers: costs by activity, margins by source, the bridge between
 * two dates, the whale curve. Everything in whole cents that add up. Formulas: patron_accounting.h.
 */
#include "patron_accounting.h"
#include "textbook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool add(int64_t *to, int64_t v)
{
    return !__builtin_add_overflow(*to, v, to);
}

static bool subtract(int64_t *from, int64_t v)
{
    return !__builtin_sub_overflow(*from, v, from);
}

/* ---- costs ----------------------------------------------------------------------------------- */

struct remainder {
    double left;
    size_t at;
};

static int by_left(const void *x, const void *y)
{
    const struct remainder *a = x, *b = y;
    if (a->left != b->left)
        return a->left > b->left ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

int pv_allocate(int64_t pool, const double *weight, size_t n, int64_t *ret_part)
{
    double total = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (!(weight[i] >= 0.0) || !isfinite(weight[i]))
            return PV_ERR_ARGUMENT;
        total += weight[i];
    }
    if (pool > (INT64_C(1) << 52) || pool < -(INT64_C(1) << 52) || !isfinite(total))
        return PV_ERR_OVERFLOW;
    if (n == 0 || !(total > 0.0))
        return PV_ERR_EMPTY;
    struct remainder *r = malloc((n + 1) * sizeof *r);
    if (!r)
        return PV_ERR_NO_MEMORY;
    int64_t given = 0, sign = pool < 0 ? -1 : 1;
    for (size_t i = 0; i < n; i++) {
        double share = (double)(sign * pool) * (weight[i] / total);
        int64_t whole = (int64_t)floor(share);
        ret_part[i] = whole;
        given += whole;
        /* Who has no weight bears nothing, not even a cent. */
        r[i] = (struct remainder){weight[i] > 0.0 ? share - (double)whole : -1.0, i};
    }
    qsort(r, n, sizeof *r, by_left);
    int64_t rest = sign * pool - given;
    for (size_t i = 0; rest > 0; i = (i + 1) % n)
        if (r[i].left >= 0.0) {
            ret_part[r[i].at]++;
            rest--;
        }
    for (size_t i = n; rest<0; i = i> 1 ? i - 1 : n) /* rounding gave a cent too much */
        if (ret_part[r[i - 1].at] > 0) {
            ret_part[r[i - 1].at]--;
            rest++;
        }
    for (size_t i = 0; i < n; i++)
        ret_part[i] *= sign;
    free(r);
    return 0;
}

static const char *const activity_codes[PV_ACTIVITIES] = {
    [PV_ACTIVITY_ORDER] = "order",     [PV_ACTIVITY_DELIVERY] = "delivery",
    [PV_ACTIVITY_SERVICE] = "service", [PV_ACTIVITY_VISIT] = "visit",
    [PV_ACTIVITY_RETURN] = "return",
};

const char *pv_activity_code(enum pv_activity activity)
{
    return (unsigned)activity < PV_ACTIVITIES ? activity_codes[activity] : "";
}

/* What is written off by the end of period p. */
static int64_t written_off(const struct pv_cost_row *row, int32_t p)
{
    if (p >= row->acquisition_periods)
        return row->acquisition;
    return (int64_t)((__int128)row->acquisition * p / row->acquisition_periods);
}

static int profit_of(const struct pv_cost_row *row, struct pv_cost_profit *p)
{
    p->acquisition = written_off(row, row->period) - written_off(row, row->period - 1);
    p->profit = row->revenue;
    bool ok = subtract(&p->profit, row->product_cost) && subtract(&p->profit, p->acquisition);
    for (int a = 0; a < PV_ACTIVITIES; a++)
        ok = ok && subtract(&p->profit, p->activity[a]);
    return ok ? 0 : PV_ERR_OVERFLOW;
}

int pv_customer_profit(const struct pv_cost_row *rows, size_t n, const int64_t pools[PV_ACTIVITIES],
                       struct pv_cost_profit *ret_profits)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].acquisition_periods < 1 || rows[i].period < 1)
            return PV_ERR_ARGUMENT;
    struct pv_cost_profit *profits = calloc(n + 1, sizeof *profits);
    double *weight = malloc((n + 1) * sizeof *weight);
    int64_t *part = malloc((n + 1) * sizeof *part);
    int rc = profits && weight && part ? 0 : PV_ERR_NO_MEMORY;
    for (int a = 0; rc == 0 && a < PV_ACTIVITIES; a++) {
        for (size_t i = 0; i < n; i++)
            weight[i] = rows[i].driver[a];
        rc = pv_allocate(pools[a], weight, n, part);
        if (rc == PV_ERR_EMPTY && pools[a] == 0) {
            rc = 0;
            continue;
        }
        for (size_t i = 0; rc == 0 && i < n; i++)
            profits[i].activity[a] = part[i];
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = profit_of(&rows[i], &profits[i]);
    if (rc == 0 && n)
        memcpy(ret_profits, profits, n * sizeof *profits);
    free(profits);
    free(weight);
    free(part);
    return rc;
}

/* ---- sources --------------------------------------------------------------------------------- */

static const char *const source_codes[PV_SOURCES] = {
    [PV_SOURCE_FIRST] = "first",       [PV_SOURCE_REPEAT] = "repeat",
    [PV_SOURCE_CROSS] = "cross",       [PV_SOURCE_SAVING] = "saving",
    [PV_SOURCE_REFERRAL] = "referral", [PV_SOURCE_PREMIUM] = "premium",
};

const char *pv_source_code(enum pv_source source)
{
    return (unsigned)source < PV_SOURCES ? source_codes[source] : "";
}

static enum pv_source base_of(const struct pv_margin_line *lines, size_t first, size_t i)
{
    if (lines[i].day == lines[first].day)
        return PV_SOURCE_FIRST;
    for (size_t k = first; lines[k].day == lines[first].day; k++)
        if (lines[k].category == lines[i].category)
            return PV_SOURCE_REPEAT;
    return PV_SOURCE_CROSS;
}

int pv_margin_sources(const struct pv_margin_line *lines, size_t n, size_t customers,
                      int64_t *ret_source)
{
    int64_t *sum = calloc(customers * PV_SOURCES + 1, sizeof *sum);
    int rc = sum ? 0 : PV_ERR_NO_MEMORY;
    size_t first = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct pv_margin_line *l = &lines[i], *before = i ? l - 1 : l;
        if (l->customer >= customers)
            rc = PV_ERR_ARGUMENT;
        else if (l->customer < before->customer ||
                 (l->customer == before->customer && l->day < before->day))
            rc = PV_ERR_ORDER;
        if (rc)
            break;
        if (l->customer != before->customer)
            first = i;
        int64_t *s = sum + (size_t)l->customer * PV_SOURCES, *base = s + base_of(lines, first, i);
        bool ok =
            add(base, l->reference_revenue) && subtract(base, l->product_cost) &&
            subtract(base, l->reference_serve) && add(&s[PV_SOURCE_SAVING], l->reference_serve) &&
            subtract(&s[PV_SOURCE_SAVING], l->serve) && add(&s[PV_SOURCE_PREMIUM], l->revenue) &&
            subtract(&s[PV_SOURCE_PREMIUM], l->reference_revenue);
        rc = ok ? 0 : PV_ERR_OVERFLOW;
    }
    if (rc == 0 && customers)
        memcpy(ret_source, sum, customers * PV_SOURCES * sizeof *sum);
    free(sum);
    return rc;
}

int pv_referral_value(const struct pv_referred *referred, size_t n, double rate, double *ret_value)
{
    double value = 0.0;
    if (!pv_rate_ok(rate))
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++) {
        const struct pv_referred *r = &referred[i];
        double worth = r->saved_acquisition + (r->come_anyway ? 0.0 : r->margin - r->cost);
        if (!(r->days >= 0.0))
            return PV_ERR_ARGUMENT;
        value += worth * pv_discount(rate, r->days / PV_DAYS_A_YEAR);
    }
    if (!isfinite(value))
        return PV_ERR_ARGUMENT;
    *ret_value = value;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

int pv_equity_bridge(const int64_t *before, const int64_t *after, size_t n,
                     struct pv_bridge *ret_bridge)
{
    struct pv_bridge b = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        bool was = before[i] != PV_NO_VALUE, is = after[i] != PV_NO_VALUE;
        ok = (!was || add(&b.start, before[i])) && (!is || add(&b.end, after[i]));
        if (was && is) {
            int64_t change = 0;
            ok = ok && !__builtin_sub_overflow(after[i], before[i], &change) &&
                 add(&b.kept, change < 0 ? after[i] : before[i]) &&
                 add(change < 0 ? &b.shrunk : &b.grown, change < 0 ? -change : change);
            b.n_grown += change > 0;
            b.n_shrunk += change < 0;
            b.n_same += change == 0;
        } else if (was) {
            ok = ok && add(&b.lost, before[i]);
            b.n_lost++;
        } else if (is) {
            ok = ok && add(&b.gained, after[i]);
            b.n_gained++;
        }
    }
    if (!ok)
        return PV_ERR_OVERFLOW;
    *ret_bridge = b;
    return 0;
}

static int largest_first(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a > b ? -1 : a < b;
}

int pv_whale_curve(const int64_t *profit, size_t n, size_t points, double *ret_curve,
                   struct pv_whale *ret_whale)
{
    struct pv_whale w = {0};
    if (ret_curve && points < 1)
        return PV_ERR_ARGUMENT;
    int64_t *sorted = malloc((n + 1) * sizeof *sorted);
    if (!sorted)
        return PV_ERR_NO_MEMORY;
    if (n)
        memcpy(sorted, profit, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, largest_first);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        ok = add(&w.total, sorted[i]);
        if (sorted[i] > 0) {
            w.peak = w.total;
            w.peak_at = i + 1;
        }
        w.losing += sorted[i] < 0;
    }
    int64_t sum = 0;
    for (size_t p = 0, i = 0; ok && ret_curve && p <= points; p++) {
        size_t until = (size_t)((double)n * (double)p / (double)points);
        for (; i < until && i < n; i++)
            sum += sorted[i]; /* a part of what did not overflow */
        ret_curve[p] = (double)sum;
    }
    free(sorted);
    if (!ok)
        return PV_ERR_OVERFLOW;
    *ret_whale = w;
    return 0;
}

int pv_acquisition_payback(int64_t cost, const int32_t *day, const int64_t *margin, size_t n,
                           int32_t *ret_day)
{
    int64_t sum = 0;
    int32_t when = PV_NO_DAY;
    for (size_t i = 0; when == PV_NO_DAY && i < n; i++) {
        if (i && day[i] < day[i - 1])
            return PV_ERR_ORDER;
        if (!add(&sum, margin[i]))
            return PV_ERR_OVERFLOW;
        if (sum >= cost)
            when = day[i];
    }
    *ret_day = when;
    return 0;
}
