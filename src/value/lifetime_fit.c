/*
 * lifetime_fit.c - the likelihood of many customers with its first and second derivatives, for the
 * models of lifetime.c.
 *
 * Times are whole days, so all integrals int_{t_x}^T f(tau) (alpha + tau)^-(r + x) w(tau) d tau of
 * one x are differences of one running integral from day to day, taken backwards:
 *   M(d) = int_d^{d + 1} ... + [S(d + 1) (alpha + d + 1)^-(r + x)] / [S(d) (alpha + d)^-(r + x)]
 *          M(d + 1),
 * each relative to what a customer alive at d has, so that nothing under- or overflows. The
 * difference M(t_x) - M(T) cancels nothing that matters: M(T) is at most the alive part, which is
 * added to it. The weights w are 1, the derivatives of the logarithm of the integrand and their
 * products, which gives the exact gradient and Hessian. A cell costs one exponential, one logarithm
 * and a few dozen multiplications.
 */
#include "lifetime.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Features: F_0 = -ln(alpha + tau), F_1 = -1 / (alpha + tau), F_2 .. = d ln f / d phi. The
 * derivative by alpha is (r + x) F_1. Moments are kept in the order 1, F_0 .. F_P-1, then F_i F_j
 * for i <= j by rows, with d2 ln f / d phi_i d phi_j added where both are of the lifetime.
 */
enum { MOST = 1 + PV_MAX_PARAMS + PV_MAX_PARAMS * (PV_MAX_PARAMS + 1) / 2 };

static size_t moments_of(int params, int order)
{
    size_t p = (size_t)params;
    return order == 0 ? 1 : order == 1 ? 1 + p : 1 + p + p * (p + 1) / 2;
}

static void features(int params, int order, double log_at, double inv_at, const double *first,
                     const double *second, double *ret)
{
    double f[PV_MAX_PARAMS] = {-log_at, -inv_at};
    ret[0] = 1.0;
    if (order == 0)
        return;
    for (int i = 2; i < params; i++)
        f[i] = first[i - 2];
    for (int i = 0; i < params; i++)
        ret[1 + i] = f[i];
    if (order == 1)
        return;
    double *to = ret + 1 + params;
    for (int i = 0; i < params; i++)
        for (int j = i; j < params; j++)
            *to++ = f[i] * f[j] + (i >= 2 ? *second++ : 0.0);
}

/* ---- Panels: up to a few in a day, four points each ------------------------------------------ */

struct days {
    int params, order;
    size_t width; /* moments */
    int32_t from, to;
    /* by day, from .. to */
    double *log_s, *log_at; /* ln S(d), ln(alpha + d) */
    double *alive;          /* width: features of the alive part */
    double *moment;         /* width: M of the current x */
    size_t *first_node;     /* into the nodes; one more than days */
    /* by node */
    size_t nodes;
    double *log_lead; /* ln(weight f / S(day)) */
    double *log_fall; /* ln((alpha + day) / (alpha + tau)) <= 0 */
    double *feature;  /* width */
};

enum { POINTS = 4, SPARE_PANELS = 2048 };

static size_t days_room(int params, size_t days)
{
    size_t width = moments_of(params, 2);
    size_t nodes = POINTS * (4 * days + SPARE_PANELS);
    return days * (3 + 2 * width) + 1 + nodes * (2 + width);
}

/* Widest half panel at tau for four points, times `coarse`: the error is about (half slope)^8. */
static double half_of(const struct pv_lifetime *life, const double *theta, double tau, double x,
                      double coarse)
{
    double at = theta[1] + tau;
    double slope = (theta[0] + x) / at + life->bend(theta + 2, tau);
    return coarse * fmin(0.2 / slope, 0.06 * fmin(at, life->reach(theta + 2, tau)));
}

/* Counts the panels of a day, or fills their nodes. */
static size_t cut_day(const struct pv_lifetime *life, const double *theta, double from, double to,
                      double x, double coarse, struct days *d, double log_s)
{
    const double *phi = theta + 2;
    size_t panels = 0;
    double tau = from;
    while (tau < to) {
        double left = to - tau, half = half_of(life, theta, tau, x, coarse);
        bool last = half >= 0.25 * left; /* two equal ones rather than one and a sliver */
        if (last)
            half = half >= 0.5 * left ? 0.5 * left : 0.25 * left;
        for (int i = 0; d && i < POINTS; i++) {
            double node = i < 2 ? -pv_gauss4_node[i] : pv_gauss4_node[3 - i];
            double weight = i < 2 ? pv_gauss4_weight[i] : pv_gauss4_weight[3 - i];
            double at = tau + half * (1.0 + node), first[PV_LIFE_MAX], second[PV_LIFE_PAIRS];
            size_t k = d->nodes++;
            d->log_lead[k] = life->log_density(phi, at, d->order > 0 ? first : NULL,
                                               d->order > 1 ? second : NULL) +
                             log(weight * half) - log_s;
            d->log_fall[k] = -log1p((at - from) / (theta[1] + from));
            features(d->params, d->order, log(theta[1] + at), 1.0 / (theta[1] + at), first, second,
                     d->feature + k * d->width);
        }
        panels++;
        tau = last && half >= 0.5 * left ? to : tau + 2.0 * half;
    }
    return panels;
}

/*
 * Lays out days from .. to in `room` (days_room doubles). most_x[d - from] (NULL: x everywhere):
 * the largest x whose integral covers day d. Panels become coarser when the room is too small.
 */
static void days_new(const struct pv_lifetime *life, const double *theta, int order, double unit,
                     int32_t from, int32_t to, double x, const int32_t *most_x, double *room,
                     struct days *ret)
{
    size_t n = (size_t)(to - from) + 1;
    int params = life->params + 2;
    struct days d = {.params = params, .order = order, .from = from, .to = to};
    d.width = moments_of(params, order);
    d.log_s = room;
    d.log_at = d.log_s + n;
    d.alive = d.log_at + n;
    d.moment = d.alive + n * d.width;
    d.first_node = (size_t *)(void *)(d.moment + n * d.width); /* a size_t is no larger */
    d.log_lead = d.moment + n * d.width + n + 1;
    size_t cap = POINTS * (4 * n + SPARE_PANELS), panels;
    d.log_fall = d.log_lead + cap;
    d.feature = d.log_fall + cap;
    double coarse = 1.0;
    do {
        panels = 0;
        for (int32_t i = from; i < to && panels * POINTS <= cap; i++)
            panels += cut_day(life, theta, i / unit, (i + 1) / unit, most_x ? most_x[i - from] : x,
                              coarse, NULL, 0.0);
        coarse *= 1.5;
    } while (panels * POINTS > cap);
    coarse /= 1.5;
    for (int32_t i = from; i <= to; i++) {
        size_t k = (size_t)(i - from);
        double first[PV_LIFE_MAX], second[PV_LIFE_PAIRS], at = theta[1] + i / unit;
        d.log_at[k] = log(at);
        d.log_s[k] = life->log_survival(theta + 2, i / unit, first, second);
        features(params, order, d.log_at[k], 1.0 / at, first, second, d.alive + k * d.width);
        d.first_node[k] = d.nodes;
        if (i < to)
            cut_day(life, theta, i / unit, (i + 1) / unit, most_x ? most_x[k] : x, coarse, &d,
                    d.log_s[k]);
    }
    *ret = d;
}

static inline __attribute__((always_inline)) void
run_moments(struct days *d, double rx, int32_t from, int32_t to, size_t width)
{
    double *m = d->moment + (size_t)(to - d->from) * width;
    for (size_t k = 0; k < width; k++)
        m[k] = 0.0;
    for (int32_t day = to - 1; day >= from; day--) {
        size_t i = (size_t)(day - d->from);
        double sum[MOST];
        double *here = d->moment + i * width, *next = here + width;
        double fall = exp(d->log_s[i + 1] - d->log_s[i] - rx * (d->log_at[i + 1] - d->log_at[i]));
        for (size_t k = 0; k < width; k++)
            sum[k] = fall * next[k];
        for (size_t node = d->first_node[i]; node < d->first_node[i + 1]; node++) {
            double v = exp(d->log_lead[node] + rx * d->log_fall[node]);
            const double *f = d->feature + node * width;
            if (v < 1e-25 * sum[0])
                break; /* steep: what is left of the day cannot be seen */
            for (size_t k = 0; k < width; k++)
                sum[k] += v * f[k];
        }
        for (size_t k = 0; k < width; k++)
            here[k] = sum[k];
    }
}

/* M of one rx = r + x on days from .. to, M(to) = 0. The widths met in practice are constants. */
static void days_of(struct days *d, double rx, int32_t from, int32_t to)
{
    switch (d->width) {
    case 1:
        run_moments(d, rx, from, to, 1);
        break;
    case 5:
        run_moments(d, rx, from, to, 5);
        break;
    case 15:
        run_moments(d, rx, from, to, 15);
        break;
    case 21:
        run_moments(d, rx, from, to, 21);
        break;
    default:
        run_moments(d, rx, from, to, d->width);
    }
}

/* ---- The likelihood -------------------------------------------------------------------------- */

size_t pv_life_room(const struct pv_model *model, const struct pv_fit_data *data)
{
    size_t days = (size_t)data->max_day + 1;
    return days_room(model->params, days) + (days + 1) / 2 + 1;
}

/* Sums over the cells of one x. */
struct sums {
    double n, value;
    double first[PV_MAX_PARAMS];
    double pair[PV_MAX_PARAMS * (PV_MAX_PARAMS + 1) / 2]; /* of moments */
    double outer[PV_MAX_PARAMS * (PV_MAX_PARAMS + 1) / 2];
};

static inline __attribute__((always_inline)) void add_cell(const struct days *d,
                                                           const struct pv_cell *c, double rx,
                                                           int params, int order, struct sums *s)
{
    const size_t width = moments_of(params, order);
    size_t t = (size_t)(c->t_x - d->from), T = (size_t)(c->T - d->from);
    double log_alive = d->log_s[T] - rx * d->log_at[T];
    double log_ratio = d->log_s[t] - rx * d->log_at[t] - log_alive; /* >= 0 */
    double e = exp(-log_ratio), u[MOST] = {0.0}, n = c->count;
    const double *early = d->moment + t * width, *late = d->moment + T * width;
    const double *alive = d->alive + T * width;
    for (size_t k = 0; k < width; k++)
        u[k] = early[k] + e * (alive[k] - late[k]);
    s->n += n;
    s->value += n * (log_alive + log_ratio + log(u[0]));
    if (order == 0)
        return;
    double scale = 1.0 / u[0], weight = n * scale;
    for (int i = 0; i < params; i++) {
        s->first[i] += weight * u[1 + i];
        u[1 + i] *= scale;
    }
    int k = 0;
    for (int i = 0; i < params; i++) {
        for (int j = i; j < params; j++, k++) {
            s->pair[k] += weight * u[1 + params + k];
            s->outer[k] += n * u[1 + i] * u[1 + j];
        }
    }
}

static size_t add_cells(const struct days *d, const struct pv_fit_data *data, size_t from,
                        double rx, struct sums *s)
{
    int32_t x = data->cell[from].x;
    size_t i = from;
    if (d->order == 0)
        for (; i < data->cells && data->cell[i].x == x; i += data->stride)
            add_cell(d, &data->cell[i], rx, d->params, 0, s);
    else if (d->params == 4)
        for (; i < data->cells && data->cell[i].x == x; i += data->stride)
            add_cell(d, &data->cell[i], rx, 4, 2, s);
    else if (d->params == 5)
        for (; i < data->cells && data->cell[i].x == x; i += data->stride)
            add_cell(d, &data->cell[i], rx, 5, 2, s);
    else
        for (; i < data->cells && data->cell[i].x == x; i += data->stride)
            add_cell(d, &data->cell[i], rx, d->params, 2, s);
    return i;
}

/* From sums of features to derivatives: alpha's is rx F_1, and F_1 depends on alpha. */
static void add_derivatives(int params, double rx, const struct sums *s, double *grad, double *hess)
{
    int k = 0;
    for (int i = 0; i < params; i++) {
        double by_i = i == 1 ? rx : 1.0;
        grad[i] += by_i * s->first[i];
        for (int j = i; j < params; j++, k++) {
            double by = by_i * (j == 1 ? rx : 1.0);
            double h = by * (s->pair[k] - s->outer[k]);
            if (i == 0 && j == 1)
                h += s->first[1]; /* d(-1/(alpha + tau)) rx / dr */
            if (i == 1 && j == 1)
                h += rx * s->pair[k]; /* rx / (alpha + tau)^2 */
            hess[i * params + j] += h;
        }
    }
}

/* Gamma(r + x) / Gamma(r) alpha^r of n customers with the same x; log and sums run over 0 .. x - 1.
 */
static double add_lead(int params, double n, const double *theta, const double *sum, double *grad,
                       double *hess)
{
    double r = theta[0], alpha = theta[1];
    grad[0] += n * (sum[1] + log(alpha));
    grad[1] += n * r / alpha;
    hess[0] -= n * sum[2];
    hess[1] += n / alpha;
    hess[params + 1] -= n * r / (alpha * alpha);
    return n * (sum[0] + r * log(alpha));
}

static void cover(const struct pv_fit_data *data, int32_t *most_x)
{
    memset(most_x, 0, ((size_t)data->max_day + 1) * sizeof *most_x);
    for (size_t i = 0; i < data->cells; i++) /* sorted by x: the last one is the largest */
        most_x[data->cell[i].t_x] = data->cell[i].x;
    for (int32_t d = 1; d <= data->max_day; d++)
        if (most_x[d] < most_x[d - 1])
            most_x[d] = most_x[d - 1];
}

double pv_life_eval(const struct pv_model *model, const void *opaque, const double *theta,
                    double *ret_grad, double *ret_hess)
{
    const struct pv_fit_data *data = opaque;
    const struct pv_lifetime *life = model->life;
    int params = model->params;
    struct days d;
    int32_t *most_x =
        (int32_t *)(void *)(data->room + days_room(params, (size_t)data->max_day + 1));
    cover(data, most_x);
    days_new(life, theta, ret_grad ? 2 : 0, data->unit_days, 0, data->max_day, 0.0, most_x,
             data->room, &d);
    double total = 0.0, sum[3] = {0.0}; /* ln(r + i), 1 / (r + i), and its square */
    double grad[PV_MAX_PARAMS] = {0.0}, hess[PV_MAX_PARAMS * PV_MAX_PARAMS] = {0.0};
    int32_t x = 0;
    for (size_t i = 0; i < data->cells;) {
        for (; x < data->cell[i].x; x++) {
            double v = theta[0] + x;
            sum[0] += log(v);
            sum[1] += 1.0 / v;
            sum[2] += 1.0 / (v * v);
        }
        int32_t from = INT32_MAX, to = 0;
        for (size_t k = i; k < data->cells && data->cell[k].x == x; k += data->stride) {
            from = data->cell[k].t_x < from ? data->cell[k].t_x : from;
            to = data->cell[k].T > to ? data->cell[k].T : to;
        }
        struct sums s = {0.0};
        days_of(&d, theta[0] + x, from, to);
        i = add_cells(&d, data, i, theta[0] + x, &s);
        total += s.value + add_lead(params, s.n, theta, sum, grad, hess);
        if (ret_grad)
            add_derivatives(params, theta[0] + x, &s, grad, hess);
    }
    for (int p = 0; p < params; p++)
        for (int q = 0; q < p; q++)
            hess[p * params + q] = hess[q * params + p];
    if (ret_grad)
        memcpy(ret_grad, grad, sizeof(double) * (size_t)params);
    if (ret_hess)
        memcpy(ret_hess, hess, sizeof(double) * (size_t)(params * params));
    return total;
}

/* ---- P(alive) of many customers -------------------------------------------------------------- */

/*
 * A row a day: ln of what a customer alive at d has, M(d), and features of the alive part less
 * M(d). M counts to the end of the table, whatever T is.
 */
int pv_life_alive_table(const struct pv_model *model, const double *theta, int32_t x,
                        double unit_days, int32_t from, int32_t to, double **ret_table)
{
    const struct pv_lifetime *life = model->life;
    int params = model->params;
    size_t n = (size_t)(to - from) + 1, width = moments_of(params, 1), row = 1 + 2 * width;
    double rx = theta[0] + x;
    double *room = malloc(days_room(params, n) * sizeof *room);
    double *table = malloc(n * row * sizeof *table + sizeof *table);
    if (!room || !table) {
        free(room);
        free(table);
        return PV_ERR_NO_MEMORY;
    }
    struct days d;
    days_new(life, theta, 1, unit_days, from, to, x, NULL, room, &d);
    days_of(&d, rx, from, to);
    for (size_t i = 0; i < n; i++) {
        double *to_row = table + i * row;
        to_row[0] = d.log_s[i] - rx * d.log_at[i];
        for (size_t k = 0; k < width; k++) {
            to_row[1 + k] = d.moment[i * width + k];
            to_row[1 + width + k] = d.alive[i * width + k] - d.moment[i * width + k];
        }
    }
    free(room);
    *ret_table = table;
    return 0;
}

/* table: of the first day; t_x and T count from it. */
double pv_life_alive_from(const struct pv_model *model, const double *theta, int32_t x,
                          const double *table, int32_t t_x, int32_t T, double *ret_slope)
{
    int params = model->params;
    double rx = theta[0] + x;
    size_t width = moments_of(params, 1), row = 1 + 2 * width;
    const double *early = table + (size_t)t_x * row, *late = table + (size_t)T * row;
    double e = exp(late[0] - early[0]);
    double scale = 1.0 / (early[1] + e * late[1 + width]);
    for (int k = 0; ret_slope && k < params; k++) {
        double mean = scale * (early[2 + k] + e * late[2 + width + (size_t)k]);
        double alive = late[2 + k] + late[2 + width + (size_t)k];
        ret_slope[k] = theta[k] * (k == 1 ? rx : 1.0) * (alive - mean);
    }
    return e * scale;
}
