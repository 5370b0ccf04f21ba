/*
 * explain.c - why a customer is worth what the model says: density, P(alive) through time, reasons.
 */
#include "stats.h"
#include "valuer.h"

#include <math.h>
#include <stdlib.h>

/*
 * Kernel estimate with a Gaussian kernel on y = ln(1 + value / c), c a quarter of the median:
 * residual values are skewed over orders of magnitude, and y stays calm near zero, where the kernel
 * is reflected. Bandwidth: Silverman's rule with the smaller of the standard deviation and IQR
 * / 1.349.
 */
static int skewed_density(const double *sorted, size_t n, const double *at, size_t points,
                          double *ret_height)
{
    double *y = malloc(n * sizeof *y);
    if (!y)
        return PV_ERR_NO_MEMORY;
    double scale = 0.25 * sorted[n / 2], mean = 0.0, square = 0.0;
    for (size_t i = 0; i < n; i++) {
        y[i] = log1p(sorted[i] / scale);
        mean += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        square += (y[i] - mean) * (y[i] - mean);
    double sd = sqrt(square / (double)n), iqr = (y[n * 3 / 4] - y[n / 4]) / 1.349;
    double width = fmax(0.9 * fmin(sd, iqr > 0.0 ? iqr : sd) * pow((double)n, -0.2), 1e-6);
    for (size_t i = 0; i < points; i++) {
        double sum = 0.0, here = log1p(at[i] / scale);
        for (size_t k = 0; k < n; k++) {
            double u = (here - y[k]) / width, mirrored = (here + y[k]) / width;
            if (u > -6.0 && u < 6.0)
                sum += exp(-0.5 * u * u);
            if (mirrored < 6.0)
                sum += exp(-0.5 * mirrored * mirrored);
        }
        ret_height[i] = sum / ((double)n * width * 2.5066282746310002 * (scale + at[i]));
    }
    free(y);
    return 0;
}

int pv_value_density(const struct pv_valuer *v, const struct pv_customer *row, size_t points,
                     double *ret_value, double *ret_height, double *ret_alive)
{
    enum { DRAWS = 4096 };
    if (points < 2 || points > 100000 || row->T < 0 || row->x < 0 || !v->has_spend ||
        v->options.points)
        return PV_ERR_ARGUMENT;
    double unit = v->options.unit_days, x = row->x;
    double spend = row->x > 0 ? (double)row->spend / v->options.money_scale : 0.0;
    double alive =
        v->model->buying->p_alive(v->model, v->theta, x, row->t_x / unit, row->T / unit, NULL);
    double mean = v->gg.p * (v->gg.gamma + spend) / (v->gg.p * x + v->gg.q - 1.0);
    double *money = malloc(2 * DRAWS * sizeof *money);
    if (!money)
        return PV_ERR_NO_MEMORY;
    double *worth = money + DRAWS;
    struct pv_states s;
    double share = v->gg.gamma / (v->gg.gamma + spend), below = 0.0;
    pv_states_of(v->model, v->theta, x, row->t_x / unit, row->T / unit, false, &s);
    for (size_t j = 0, from = 0, to; j < (size_t)s.n; j++, from = to) {
        below += s.weight[j];
        to = j + 1 < (size_t)s.n ? (size_t)fmin(DRAWS * below + 0.5, DRAWS) : DRAWS;
        pv_simulate(v, s.first + (double)j, row->T / unit, share, from, to - from, money + from,
                    worth + from);
    }
    qsort(worth, DRAWS, sizeof *worth, pv_stats_ascending);
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
    double high = worth[first + positive * 39 / 40];
    /* Closer together near zero, where most of the mass is. */
    for (size_t i = 0; i < points; i++) {
        double at = (double)i / (double)(points - 1);
        ret_value[i] = high * at * at;
    }
    int rc = skewed_density(worth + first, positive, ret_value, points, ret_height);
    for (size_t i = 0; rc == 0 && i < points; i++)
        ret_height[i] *= alive;
    if (rc == 0)
        *ret_alive = alive;
    free(money);
    return rc;
}

int pv_value_alive_curve(const struct pv_fit *buying, const int32_t *day, size_t days,
                         const int32_t *date, size_t n, double *ret_p)
{
    const struct pv_model *m = pv_buying_find(buying->model);
    double unit = buying->unit_days;
    if (!m || !(unit > 0.0) || days == 0)
        return PV_ERR_ARGUMENT;
    size_t seen = 0;
    for (size_t i = 0; i < n; i++) {
        while (seen < days && day[seen] <= date[i])
            seen++;
        if (seen == 0) {
            ret_p[i] = NAN;
            continue;
        }
        ret_p[i] = pv_predict_alive(m, buying->param, (double)(seen - 1),
                                    (day[seen - 1] - day[0]) / unit, (date[i] - day[0]) / unit, 0);
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

enum { COALITIONS = 1 << PV_REASONS };

/* The share of coalitions of `size` others in the average over all orders: size! (3 - size)! / 4!.
 */
static const double order_share[PV_REASONS] = {1.0 / 4, 1.0 / 12, 1.0 / 12, 1.0 / 4};

static void predict(const struct pv_valuer *v, const struct inputs *in, double *ret_purchases,
                    double *ret_money)
{
    double t_x = in->x > 0.0 ? fmax(in->T - in->silence, 0.0) : 0.0;
    *ret_purchases = pv_predict_expected(v->model, v->theta, in->x, t_x, in->T, v->options.horizon);
    double dert = pv_predict_dert(v->model, v->theta, in->x, t_x, in->T, v->delta);
    *ret_money = v->has_spend ? dert * pv_gamma_gamma_mean(&v->gg, in->x, in->zbar) : NAN;
}

/* Between no and one repeat purchase a model may have nothing to say (BG/NBD with b + x < 1): the
 * average customer is then moved to one. */
static double sensible_x(const struct pv_valuer *v, double x)
{
    const struct pv_buying *buying = v->model->buying;
    return buying->defined && !buying->defined(v->model, v->theta, x) ? 1.0 : x;
}

int pv_value_reasons(const struct pv_valuer *v, const struct pv_customer *row,
                     struct pv_reasons *ret_reasons)
{
    if (row->T < 0 || row->x < 0)
        return PV_ERR_ARGUMENT;
    double unit = v->options.unit_days;
    const struct inputs average = {sensible_x(v, v->mean_x), v->mean_silence, v->mean_zbar,
                                   v->mean_T};
    const struct inputs own = {
        row->x, (row->T - row->t_x) / unit,
        row->x > 0 ? (double)row->spend / v->options.money_scale / row->x : 0.0, row->T / unit};
    double purchases[COALITIONS], money[COALITIONS];
    for (unsigned with = 0; with < COALITIONS; with++) {
        struct inputs in = {with & 1u << PV_REASON_FREQUENCY ? own.x : average.x,
                            with & 1u << PV_REASON_RECENCY ? own.silence : average.silence,
                            with & 1u << PV_REASON_SPEND ? own.zbar : average.zbar,
                            with & 1u << PV_REASON_AGE ? own.T : average.T};
        predict(v, &in, &purchases[with], &money[with]);
    }
    struct pv_reasons r = {.base_purchases = purchases[0],
                           .base_money = money[0],
                           .purchases_total = purchases[COALITIONS - 1],
                           .money_total = money[COALITIONS - 1]};
    for (int k = 0; k < PV_REASONS; k++) {
        for (unsigned with = 0; with < COALITIONS; with++) {
            if (with & 1u << k)
                continue;
            double share = order_share[__builtin_popcount(with)];
            r.purchases[k] += share * (purchases[with | 1u << k] - purchases[with]);
            r.money[k] += share * (money[with | 1u << k] - money[with]);
        }
    }
    *ret_reasons = r;
    return 0;
}
