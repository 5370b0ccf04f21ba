/*
 * bayes_predict.c - what the posterior says of each customer.
 *
 * For each draw of the parameters one exact draw of the customer's rates and lifetime (struct
 * pv_hyper). Means do not average the simulated futures but what is expected given the rates
 * (Rao-Blackwell): with P = P(alive | lambda, mu) = 1 / (1 + mu / (lambda + mu) (e^((lambda + mu)
 * (T - t_x)) - 1)), Schmittlein, Morrison & Colombo (1987), purchases in t are
 * P lambda / mu (1 - e^(-mu t)) and discounted ones P lambda / (mu + delta).
 */
#include "bayes.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t stream_of(int32_t x, int32_t t_x, int32_t T)
{
    return ((uint64_t)x << 42) | ((uint64_t)T << 21) | (uint64_t)t_x;
}

static bool possible(int32_t x, int32_t t_x, int32_t T)
{
    return x >= 0 && t_x >= 0 && t_x <= T && T <= PV_MAX_DAYS && x <= PV_MAX_DAYS &&
           (x > 0 || t_x == 0);
}

int pv_posterior_latent(const struct pv_posterior *p, int32_t x, int32_t t_x, int32_t T,
                        uint64_t seed, size_t n, struct pv_latent *ret_latent)
{
    size_t params = (size_t)p->summary.params;
    double unit = p->summary.unit_days;
    struct pv_rng rng;
    if (!possible(x, t_x, T) || !p->summary.usable)
        return PV_ERR_ARGUMENT;
    pv_rng_start(&rng, seed, stream_of(x, t_x, T));
    for (size_t i = 0; i < n; i++)
        p->model->hyper->latent(p->draws + i % p->n * params, x, t_x / unit, T / unit, &rng,
                                &ret_latent[i]);
    return 0;
}

struct row {
    int32_t x, t_x, T;
    size_t at;
};

static int by_row(const void *left, const void *right)
{
    const struct row *l = left, *r = right;
    if (l->x != r->x)
        return l->x < r->x ? -1 : 1;
    if (l->T != r->T)
        return l->T < r->T ? -1 : 1;
    if (l->t_x != r->t_x)
        return l->t_x < r->t_x ? -1 : 1;
    return (l->at > r->at) - (l->at < r->at);
}

struct work {
    const struct pv_posterior *posterior;
    const struct pv_posterior_options *options;
    double delta;
    size_t draws;
    const struct row *row;
    const size_t *first; /* of each distinct customer; one more than there are */
    size_t distinct;
    struct pv_posterior_value *values;
};

static double alive_given_rates(const struct pv_latent *l, double silence)
{
    double sum = l->lambda + l->mu;
    return l->mu > 0.0 ? 1.0 / (1.0 + l->mu / sum * (exp(sum * silence) - 1.0)) : 1.0;
}

static double simulate(const struct pv_latent *l, double T, double horizon, struct pv_rng *rng)
{
    double left = fmin(l->life - T, horizon);
    return left > 0.0 ? (double)pv_rng_poisson(rng, l->lambda * left) : 0.0;
}

/* The smallest number of purchases that at least a share p of the draws do not exceed. */
static void interval(double *number, size_t n, double level, struct pv_posterior_value *ret)
{
    enum { SMALL = 256 };
    size_t count[SMALL] = {0}, small = 0;
    double share[2] = {0.5 * (1.0 - level), 0.5 * (1.0 + level)}, bound[2];
    for (size_t i = 0; i < n; i++) {
        if (number[i] < SMALL) {
            count[(size_t)number[i]]++;
            small++;
        }
    }
    if (small < n)
        qsort(number, n, sizeof *number, pv_stats_ascending);
    for (int k = 0; k < 2; k++) {
        size_t need = (size_t)ceil(share[k] * (double)n - 1e-9), seen = 0;
        need = need < 1 ? 1 : need;
        bound[k] = small < n ? number[need - 1] : 0.0;
        for (size_t v = 0; small == n && v < SMALL; v++) {
            seen += count[v];
            if (seen >= need) {
                bound[k] = (double)v;
                break;
            }
        }
    }
    ret->low = bound[0];
    ret->high = bound[1];
}

static void predict_one(const struct work *w, const struct row *r, double *number,
                        struct pv_posterior_value *ret)
{
    const struct pv_posterior *p = w->posterior;
    const struct pv_posterior_options *o = w->options;
    size_t params = (size_t)p->summary.params;
    double unit = p->summary.unit_days, t_x = r->t_x / unit, T = r->T / unit;
    double n = (double)w->draws;
    struct pv_posterior_value v = {0.0};
    struct pv_rng rng;
    pv_rng_start(&rng, o->seed, stream_of(r->x, r->t_x, r->T));
    for (size_t i = 0; i < w->draws; i++) {
        struct pv_latent l;
        p->model->hyper->latent(p->draws + i * p->n / w->draws * params, r->x, t_x, T, &rng, &l);
        double alive = alive_given_rates(&l, T - t_x), gone = l.mu * o->horizon;
        v.p_alive += alive;
        v.expected += alive * l.lambda * o->horizon *
                      (gone < 1e-5 ? 1.0 - 0.5 * gone : (1.0 - exp(-gone)) / gone);
        v.dert += alive * l.lambda / (l.mu + w->delta);
        number[i] = simulate(&l, T, o->horizon, &rng);
    }
    v.p_alive /= n;
    v.expected /= n;
    v.dert = w->delta > 0.0 ? v.dert / n : NAN;
    interval(number, w->draws, o->level, &v);
    *ret = v;
}

enum { CHUNK = 64 };

static int predict_chunk(void *context, size_t chunk)
{
    const struct work *w = context;
    size_t to = (chunk + 1) * CHUNK < w->distinct ? (chunk + 1) * CHUNK : w->distinct;
    double *number = malloc(w->draws * sizeof *number);
    if (!number)
        return PV_ERR_NO_MEMORY;
    for (size_t d = chunk * CHUNK; d < to; d++) {
        struct pv_posterior_value v;
        predict_one(w, &w->row[w->first[d]], number, &v);
        for (size_t i = w->first[d]; i < w->first[d + 1]; i++)
            w->values[w->row[i].at] = v;
    }
    free(number);
    return 0;
}

int pv_posterior_predict(const struct pv_posterior *p, const struct pv_customer *rows, size_t n,
                         const struct pv_posterior_options *o,
                         struct pv_posterior_value *ret_values)
{
    if (!p->summary.usable || !(o->horizon > 0.0) || !isfinite(o->horizon) ||
        !(o->discount >= 0.0) || !isfinite(o->discount) || !(o->level > 0.0 && o->level < 1.0) ||
        o->draws < 0)
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++)
        if (rows[i].T >= 0 && !possible(rows[i].x, rows[i].t_x, rows[i].T))
            return PV_ERR_ARGUMENT;
    struct row *row = malloc((n + 1) * sizeof *row);
    size_t *first = malloc((n + 1) * sizeof *first);
    size_t used = 0;
    struct work w = {.posterior = p, .options = o, .row = row, .first = first};
    w.delta = pv_discount_per_unit(o->discount, p->summary.unit_days);
    w.draws = o->draws == 0 || (size_t)o->draws > p->n ? p->n : (size_t)o->draws;
    w.values = ret_values;
    int rc = row && first ? 0 : PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && rc == 0; i++)
        if (rows[i].T >= 0)
            row[used++] = (struct row){rows[i].x, rows[i].t_x, rows[i].T, i};
    if (rc == 0) {
        qsort(row, used, sizeof *row, by_row);
        for (size_t i = 0; i < used; i++)
            if (i == 0 || row[i].x != row[i - 1].x || row[i].T != row[i - 1].T ||
                row[i].t_x != row[i - 1].t_x)
                first[w.distinct++] = i;
        first[w.distinct] = used;
        rc = pv_parallel_run(o->threads, (w.distinct + CHUNK - 1) / CHUNK, predict_chunk, &w);
    }
    for (size_t i = 0; i < n && rc == 0; i++)
        if (rows[i].T < 0)
            ret_values[i] = (struct pv_posterior_value){.p_alive = NAN};
    free(row);
    free(first);
    return rc;
}
