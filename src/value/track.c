/*
 * track.c - expected against actual repeat purchases through time.
 *
 * The expectation of a cohort is that of new customers, shifted by the day of the first purchase.
 * The band is that of the number, given the parameters: with Delta a customer's purchases in a
 * window (s, s + w) after the first one, Var Delta = E Delta + E Delta(Delta - 1) - (E Delta)^2,
 * E Delta(Delta - 1) = 2 int_0^w u pairs(s + u) du: a purchase, survival of it, and a second one u
 * later at most, summed over pairs; the density of a pair depends on the later one's time alone.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

struct cohort_curve {
    double *mean;  /* [d]: E[purchases up to d days after the first] */
    double *pairs; /* [d]: density of a purchase d days after the first and one before it */
};

static double window_pairs(const struct cohort_curve *c, int32_t from, int32_t to, double unit)
{
    /* Trapezoid over days: the integrand is smooth on the scale of a day. */
    double sum = 0.0;
    for (int32_t d = from; d <= to; d++) {
        double u = (d - from) / unit;
        double weight = d == from || d == to ? 0.5 : 1.0;
        sum += weight * u * c->pairs[d];
    }
    return 2.0 * sum / unit;
}

static int fill_curve(const struct pv_model *m, const double *theta, double unit, int32_t days,
                      struct cohort_curve *c)
{
    c->mean = calloc((size_t)days + 1, sizeof *c->mean);
    c->pairs = calloc((size_t)days + 1, sizeof *c->pairs);
    if (!c->mean || !c->pairs)
        return PV_ERR_NO_MEMORY;
    double alive = m->buying->p_alive(m, theta, 0.0, 0.0, 0.0, NULL);
    for (int32_t d = 0; d <= days; d++) {
        c->mean[d] = alive * m->buying->mean(m, theta, 0.0, 0.0, d / unit);
        c->pairs[d] = m->buying->pairs(m, theta, d / unit);
    }
    return 0;
}

static int track(const struct pv_history_view *h, const struct pv_model *m,
                 const struct pv_fit *fit, int32_t from, int32_t period, int32_t cohort_end,
                 size_t n, double *cohort, struct cohort_curve *curve, struct pv_track *ret)
{
    int64_t last = (int64_t)from + (int64_t)period * (int64_t)n - 1;
    int32_t cohorts = cohort_end - h->first_day + 1;
    double unit = fit->unit_days;
    int rc = fill_curve(m, fit->param, unit, (int32_t)(last - h->first_day + 1), curve);
    if (rc)
        return rc;
    for (size_t i = 0; i < n; i++)
        ret[i] = (struct pv_track){.day = (int32_t)(from + (int64_t)period * (int64_t)(i + 1) - 1)};
    for (size_t c = 0; c < h->customers; c++) {
        uint64_t begin = h->start[c], end = h->start[c + 1];
        if (begin == end || h->day[begin] > cohort_end)
            continue;
        cohort[h->day[begin] - h->first_day] += 1.0;
        for (uint64_t k = begin + 1; k < end; k++) {
            int64_t at = (int64_t)h->day[k] - from;
            if (at >= 0 && h->day[k] <= last)
                ret[at / period].actual += 1.0;
        }
    }
    for (size_t i = 0; i < n; i++) {
        double expected = 0.0, var = 0.0;
        for (int32_t k = 0; k < cohorts; k++) {
            if (cohort[k] == 0.0)
                continue;
            int32_t first = h->first_day + k;
            /* A purchase "d days after the first" lies in (d - 1, d] of the model's time. */
            int32_t to = ret[i].day - first, at = to - period < 0 ? 0 : to - period;
            if (to <= 0)
                continue;
            double mean = curve->mean[to] - curve->mean[at];
            expected += cohort[k] * mean;
            var += cohort[k] * (mean + window_pairs(curve, at, to, unit) - mean * mean);
        }
        double sd = sqrt(fmax(var, 0.0));
        ret[i].expected = expected;
        ret[i].low80 = fmax(expected - PV_Z80 * sd, 0.0);
        ret[i].high80 = expected + PV_Z80 * sd;
        ret[i].low95 = fmax(expected - PV_Z95 * sd, 0.0);
        ret[i].high95 = expected + PV_Z95 * sd;
    }
    return 0;
}

int pv_track_periods(const struct pv_history *history, const struct pv_fit *buying, int32_t from,
                     int32_t period, int32_t cohort_end, size_t n, struct pv_track *ret_periods)
{
    struct pv_history_view h = pv_history_columns(history);
    if (h.transactions == 0)
        return PV_ERR_EMPTY;
    int64_t last = (int64_t)from + (int64_t)period * (int64_t)n - 1;
    const struct pv_model *m = pv_buying_find(buying->model);
    if (!m || period <= 0 || n == 0 || n > 1000000 || !(buying->unit_days > 0.0) ||
        cohort_end < h.first_day || from < h.first_day || last > INT32_MAX ||
        last - h.first_day > 1000000 || (int64_t)cohort_end - h.first_day > 1000000)
        return PV_ERR_ARGUMENT;
    for (int i = 0; i < m->params; i++)
        if (!(buying->param[i] > 0.0))
            return PV_ERR_ARGUMENT;
    struct cohort_curve curve = {0};
    double *cohort = calloc((size_t)(cohort_end - h.first_day) + 1, sizeof *cohort);
    struct pv_track *periods = calloc(n, sizeof *periods);
    int rc = PV_ERR_NO_MEMORY;
    if (cohort && periods)
        rc = track(&h, m, buying, from, period, cohort_end, n, cohort, &curve, periods);
    for (size_t i = 0; rc == 0 && i < n; i++)
        ret_periods[i] = periods[i];
    free(curve.mean);
    free(curve.pairs);
    free(cohort);
    free(periods);
    return rc;
}
