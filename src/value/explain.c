/*
 * explain.c - why a customer is worth what the model says: density, P(alive) through time, reasons.
 */
#include "valuer.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *left, const void *right)
{
    double l = *(const double *)left, r = *(const double *)right;
    return (l > r) - (l < r);
}

/*
 * Kernel estimate with a Gaussian kernel on ln(value): residual values are skewed over orders of
 * magnitude. Bandwidth: Silverman's rule with the smaller of the standard deviation and IQR / 1.349.
 */
static void log_density(const double *sorted, size_t n, const double *at, size_t points,
                        double *ret_height)
{
    double mean = 0.0, square = 0.0;
    double *logs = malloc(n * sizeof *logs);
    if (!logs) {
        for (size_t i = 0; i < points; i++)
            ret_height[i] = NAN;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        logs[i] = log(sorted[i]);
        mean += logs[i];
    }
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        square += (logs[i] - mean) * (logs[i] - mean);
    double sd = sqrt(square / (double)n), iqr = (logs[n * 3 / 4] - logs[n / 4]) / 1.349;
    double width = 0.9 * fmin(sd, iqr > 0.0 ? iqr : sd) * pow((double)n, -0.2);
    if (!(width > 1e-6))
        width = 1e-6;
    for (size_t i = 0; i < points; i++) {
        double sum = 0.0, l = log(at[i]);
        for (size_t k = 0; k < n; k++) {
            double u = (l - logs[k]) / width;
            if (u > -6.0 && u < 6.0)
                sum += exp(-0.5 * u * u);
        }
        ret_height[i] = sum / ((double)n * width * 2.5066282746310002 * at[i]);
    }
    free(logs);
}

int pv_value_density(const struct pv_valuer *v, const struct pv_customer *row, size_t points,
                     double *ret_value, double *ret_height, double *ret_alive)
{
    enum { DRAWS = 4096 };
    if (points < 2 || points > 100000 || row->T < 0 || row->x < 0 || !v->has_spend)
        return PV_ERR_ARGUMENT;
    double unit = v->options.unit_days, x = row->x;
    double spend = row->x > 0 ? (double)row->spend / v->options.money_scale : 0.0;
    double alive = pv_bg_nbd_p_alive(&v->bg, x, row->t_x / unit, row->T / unit);
    double mean = v->gg.p * (v->gg.gamma + spend) / (v->gg.p * x + v->gg.q - 1.0);
    double *money = malloc(2 * DRAWS * sizeof *money);
    if (!money)
        return PV_ERR_NO_MEMORY;
    double *worth = money + DRAWS;
    pv_simulate(v, x, row->T / unit, v->gg.gamma / (v->gg.gamma + spend), 0, DRAWS, money, worth);
    qsort(worth, DRAWS, sizeof *worth, ascending);
    size_t first = 0;
    while (first < DRAWS && !(worth[first] > 0.0))
        first++;
    size_t positive = DRAWS - first;
    if (positive < 32) {
        free(money);
        return PV_ERR_EMPTY;
    }
    for (size_t i = 0; i < DRAWS; i++)
        worth[i] *= mean;
    alive *= (double)positive / DRAWS;
    double low = worth[first], high = worth[first + positive * 39 / 40];
    if (low > high / 1000.0)
        low = high / 1000.0;
    for (size_t i = 0; i < points; i++)
        ret_value[i] = low + (high - low) * (double)i / (double)(points - 1);
    log_density(worth + first, positive, ret_value, points, ret_height);
    for (size_t i = 0; i < points; i++)
        ret_height[i] *= alive;
    *ret_alive = alive;
    free(money);
    return 0;
}

int pv_value_alive_curve(const struct pv_bg_nbd *m, double unit_days, const int32_t *day,
                         size_t days, const int32_t *date, size_t n, double *ret_p)
{
    if (!(unit_days > 0.0) || days == 0)
        return PV_ERR_ARGUMENT;
    size_t seen = 0;
    for (size_t i = 0; i < n; i++) {
        while (seen < days && day[seen] <= date[i])
            seen++;
        if (seen == 0) {
            ret_p[i] = NAN;
            continue;
        }
        ret_p[i] = pv_bg_nbd_p_alive(m, (double)(seen - 1), (day[seen - 1] - day[0]) / unit_days,
                                     (date[i] - day[0]) / unit_days);
    }
    return 0;
}

const char *pv_reason_code(enum pv_reason reason)
{
    static const char *const codes[PV_REASONS] = {"frequency", "recency", "spend", "age"};
    return (unsigned)reason < PV_REASONS ? codes[reason] : "unknown";
}

struct inputs {
    double x, silence, zbar, T;
};

static void predict(const struct pv_valuer *v, const struct inputs *in, double *ret_purchases,
                    double *ret_money)
{
    double t_x = in->x > 0.0 ? fmax(in->T - in->silence, 0.0) : 0.0;
    *ret_purchases = pv_bg_nbd_expected(&v->bg, in->x, t_x, in->T, v->options.horizon);
    double dert = pv_bg_nbd_dert(&v->bg, in->x, t_x, in->T, v->delta);
    *ret_money = v->has_spend ? dert * pv_gamma_gamma_mean(&v->gg, in->x, in->zbar) : NAN;
}

/* Between no and one repeat purchase b + x - 1 may be negative for b < 1: the average customer is
 * moved to the next x at which the model is defined. */
static double sensible_x(const struct pv_valuer *v, double x)
{
    return x > 0.0 && v->bg.b + x <= 1.0 ? 1.0 : x;
}

int pv_value_reasons(const struct pv_valuer *v, const struct pv_customer *row,
                     struct pv_reasons *ret_reasons)
{
    if (row->T < 0 || row->x < 0)
        return PV_ERR_ARGUMENT;
    double unit = v->options.unit_days;
    struct inputs in = {sensible_x(v, v->mean_x), v->mean_silence, v->mean_zbar, v->mean_T};
    struct pv_reasons r;
    double purchases, money;
    predict(v, &in, &purchases, &money);
    r.base_purchases = purchases;
    r.base_money = money;
    for (int step = 0; step < PV_REASONS; step++) {
        switch ((enum pv_reason)step) {
        case PV_REASON_FREQUENCY:
            in.x = row->x;
            break;
        case PV_REASON_RECENCY:
            in.silence = (row->T - row->t_x) / unit;
            break;
        case PV_REASON_SPEND:
            in.zbar = row->x > 0 ? (double)row->spend / v->options.money_scale / row->x : 0.0;
            break;
        case PV_REASON_AGE:
        case PV_REASONS:
            in.T = row->T / unit;
            break;
        }
        double before_purchases = purchases, before_money = money;
        predict(v, &in, &purchases, &money);
        r.purchases[step] = purchases - before_purchases;
        r.money[step] = money - before_money;
    }
    r.purchases_total = purchases;
    r.money_total = money;
    *ret_reasons = r;
    return 0;
}
