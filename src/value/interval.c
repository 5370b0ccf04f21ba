/*
 * interval.c - intervals at any level: of what one customer will do, and of how well a mean is
 * known.
 */
#include "patron_interval.h"

#include "stats.h"
#include "valuer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_COUNT = 1 << 20, FUTURES = 16384, TAIL_FUTURES = 8 };

static bool is_level(double level)
{
    return level > 0.0 && level < 1.0;
}

/* The distribution of one customer at several places of the parameters, averaged. */
struct places {
    const struct pv_model *model;
    const double (*theta)[PV_MAX_PARAMS];
    size_t n;
    double x, t_x, T, t;
};

/* Adds up P(N = k) until `level` is in; looks twice as far each time. */
static int count_range(const struct places *p, double level, struct pv_range *ret)
{
    double low_at = 0.5 * (1.0 - level), high_at = 0.5 * (1.0 + level);
    double *work = NULL;
    size_t cap = 64;
    for (;; cap *= 4) {
        double *more = realloc(work, 2 * cap * sizeof *work);
        if (!more) {
            free(work);
            return PV_ERR_NO_MEMORY;
        }
        work = more;
        double *sum = work, *one = work + cap;
        memset(sum, 0, cap * sizeof *sum);
        for (size_t i = 0; i < p->n; i++) {
            int rc = pv_predict_pmf(p->model, p->theta[i], p->x, p->t_x, p->T, p->t, cap, one);
            if (rc) {
                free(work);
                return rc;
            }
            for (size_t k = 0; k < cap; k++)
                sum[k] += one[k] / (double)p->n;
        }
        double below = 0.0, low = -1.0;
        for (size_t k = 0; k < cap; k++) {
            below += sum[k];
            /* A sum of as many terms is off by their rounding. */
            if (low < 0.0 && below >= low_at - 1e-14)
                low = (double)k;
            if (below >= high_at - 1e-14) {
                *ret = (struct pv_range){low, (double)k};
                free(work);
                return 0;
            }
        }
        if (cap >= LARGEST_COUNT || isnan(below)) {
            free(work);
            return PV_ERR_ARGUMENT;
        }
    }
}

int pv_predict_interval(const struct pv_model *model, const double *param, double x, double t_x,
                        double T, double t, double level, struct pv_range *ret_purchases)
{
    double theta[1][PV_MAX_PARAMS] = {{0.0}};
    if (!is_level(level) || !model->buying)
        return PV_ERR_ARGUMENT;
    memcpy(theta[0], param, sizeof(double) * (size_t)model->params);
    struct places p = {model, (const double(*)[PV_MAX_PARAMS])theta, 1, x, t_x, T, t};
    return count_range(&p, level, ret_purchases);
}

/* As sigma_points of valuer.c: 2 n points, or the fit itself where it is certain. */
static size_t places_of(const struct pv_fit *fit, double (*ret)[PV_MAX_PARAMS])
{
    int n = fit->params;
    double lower[PV_MAX_PARAMS * PV_MAX_PARAMS];
    size_t count = 0;
    pv_math_cholesky(n, fit->log_cov, lower);
    for (int c = 0; c < n; c++) {
        double size = 0.0;
        for (int r = 0; r < n; r++)
            size = fmax(size, fabs(lower[r * n + c]));
        for (int sign = -1; size > 0.0 && sign <= 1; sign += 2, count++)
            for (int r = 0; r < n; r++)
                ret[count][r] = fit->param[r] * exp(sign * sqrt((double)n) * lower[r * n + c]);
    }
    if (count == 0)
        memcpy(ret[count++], fit->param, sizeof fit->param);
    return count;
}

int pv_fit_predict_interval(const struct pv_fit *fit, double x, double t_x, double T, double t,
                            double level, struct pv_range *ret_purchases)
{
    double theta[2 * PV_MAX_PARAMS][PV_MAX_PARAMS] = {{0.0}};
    const struct pv_model *m = pv_model_find(fit->model);
    if (!m || !m->buying || !fit->usable || !is_level(level))
        return PV_ERR_ARGUMENT;
    struct places p = {m, (const double(*)[PV_MAX_PARAMS])theta, 0, x, t_x, T, t};
    p.n = places_of(fit, theta);
    return count_range(&p, level, ret_purchases);
}

/* ---- Money ----------------------------------------------------------------------------------- */

/* Quantile of a future that is worth nothing with probability 1 - alive. */
static double mixed_quantile(const double *sorted, size_t n, double alive, double level)
{
    if (!(alive > 1.0 - level))
        return 0.0;
    double pos = (1.0 - (1.0 - level) / alive) * (double)n - 0.5;
    pos = fmin(fmax(pos, 0.0), (double)(n - 1));
    size_t i = (size_t)pos, next = i + 1 < n ? i + 1 : i;
    return sorted[i] + (pos - (double)i) * (sorted[next] - sorted[i]);
}

static struct pv_range money_range(double *future, size_t n, double alive, double level,
                                   double mean)
{
    qsort(future, n, sizeof *future, pv_stats_ascending);
    return (struct pv_range){mean * mixed_quantile(future, n, alive, 0.5 * (1.0 - level)),
                             mean * mixed_quantile(future, n, alive, 0.5 * (1.0 + level))};
}

int pv_value_predict_interval(const struct pv_valuer *v, const struct pv_fit *buying,
                              const struct pv_customer *row, double level, int futures,
                              struct pv_range *ret_orders, struct pv_range *ret_money,
                              struct pv_range *ret_clv)
{
    size_t n = futures ? (size_t)futures : FUTURES;
    struct pv_range orders, money = {NAN, NAN}, clv = {NAN, NAN};
    if (!is_level(level) || futures < 0 || n > 1 << 20 || v->options.points || row->T < 0 ||
        row->x < 0 || row->t_x < 0 || row->t_x > row->T ||
        strcmp(v->model->name, buying->model) != 0 ||
        0.5 * (1.0 - level) * (double)n < TAIL_FUTURES)
        return PV_ERR_ARGUMENT;
    double unit = v->options.unit_days, x = row->x, t_x = row->t_x / unit, T = row->T / unit;
    int rc = pv_fit_predict_interval(buying, x, t_x, T, v->options.horizon, level, &orders);
    if (rc)
        return rc;
    if (v->has_spend) {
        double spend = row->x > 0 ? (double)row->spend / v->options.money_scale : 0.0;
        double mean = pv_gamma_gamma_mean(&v->gg, x, x > 0.0 ? spend / x : 0.0);
        double alive = v->model->buying->p_alive(v->model, v->theta, x, t_x, T, NULL);
        double share = v->gg.gamma / (v->gg.gamma + spend), below = 0.0;
        double *future = malloc(2 * n * sizeof *future), *worth = future + n;
        struct pv_states s;
        if (!future)
            return PV_ERR_NO_MEMORY;
        pv_states_of(v->model, v->theta, x, t_x, T, false, &s);
        for (size_t j = 0, from = 0, to; j < (size_t)s.n; j++, from = to) {
            below += s.weight[j];
            to = j + 1 < (size_t)s.n ? (size_t)fmin((double)n * below + 0.5, (double)n) : n;
            pv_simulate(v, s.first + (double)j, T, share, from, to - from, future + from,
                        worth + from);
        }
        money = money_range(future, n, alive, level, mean);
        clv = money_range(worth, n, alive, level, mean);
        free(future);
    }
    *ret_orders = orders;
    if (ret_money)
        *ret_money = money;
    if (ret_clv)
        *ret_clv = clv;
    return 0;
}

/* ---- Of a mean ------------------------------------------------------------------------------- */

struct pv_range pv_param_interval(const struct pv_fit *fit, int index, double level)
{
    struct pv_range none = {NAN, NAN};
    if (!is_level(level) || index < 0 || index >= fit->params || isnan(fit->std_error[index]))
        return none;
    double half = pv_stats_normal_quantile(0.5 * (1.0 + level)) *
                  sqrt(fit->log_cov[index * fit->params + index]);
    return (struct pv_range){fit->param[index] * exp(-half), fit->param[index] * exp(half)};
}

/* Log-normal with this mean and variance, as in valuer.c. */
static struct pv_range log_normal(double mean, double var, double level)
{
    double s2 = log1p(var / (mean * mean)), mid = mean * exp(-0.5 * s2);
    double half = pv_stats_normal_quantile(0.5 * (1.0 + level)) * sqrt(s2);
    return (struct pv_range){mid * exp(-half), mid * exp(half)};
}

int pv_mean_interval(const struct pv_fit *fit, double x, double t_x, double T, double t,
                     double level, double *ret_mean, struct pv_range *ret_range)
{
    const struct pv_model *m = pv_model_find(fit->model);
    double slope[PV_MAX_PARAMS], var = 0.0;
    if (!m || !m->buying || !fit->usable || !is_level(level))
        return PV_ERR_ARGUMENT;
    double mean = pv_predict_expected(m, fit->param, x, t_x, T, t);
    if (isnan(mean))
        return PV_ERR_ARGUMENT;
    for (int k = 0; k < fit->params; k++) {
        double up[PV_MAX_PARAMS], down[PV_MAX_PARAMS];
        memcpy(up, fit->param, sizeof up);
        memcpy(down, fit->param, sizeof down);
        up[k] *= exp(1e-4);
        down[k] *= exp(-1e-4);
        slope[k] = (pv_predict_expected(m, up, x, t_x, T, t) -
                    pv_predict_expected(m, down, x, t_x, T, t)) /
                   2e-4;
    }
    for (int i = 0; i < fit->params; i++)
        for (int j = 0; j < fit->params; j++)
            var += slope[i] * slope[j] * fit->log_cov[i * fit->params + j];
    if (ret_mean)
        *ret_mean = mean;
    *ret_range =
        mean * mean > 0.0 ? log_normal(mean, fmax(var, 0.0), level) : (struct pv_range){mean, mean};
    return 0;
}

struct pv_range pv_interval_at(const struct pv_interval *interval, double level)
{
    struct pv_range none = {NAN, NAN};
    if (!is_level(level) || !(interval->low95 > 0.0))
        return is_level(level) && interval->low95 == interval->high95
                   ? (struct pv_range){interval->low95, interval->high95}
                   : none;
    double mid = 0.5 * (log(interval->low95) + log(interval->high95));
    double half = 0.5 * (log(interval->high95) - log(interval->low95)) / PV_Z95 *
                  pv_stats_normal_quantile(0.5 * (1.0 + level));
    return (struct pv_range){exp(mid - half), exp(mid + half)};
}
