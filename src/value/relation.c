/*
 * relation.c - what a relation is expected to bring when its drivers are uncertain, and how buyers
 * answer to prices. Formulas: patron_accounting.h.
 */
#include "internal.h"
#include "patron_accounting.h"
#include "stats.h"
#include "textbook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- expected value -------------------------------------------------------------------------- */

static bool is_uncertain(const struct pv_uncertain *u)
{
    switch (u->shape) {
    case PV_SHAPE_FIXED:
        return isfinite(u->a);
    case PV_SHAPE_TRIANGULAR:
        return isfinite(u->a) && isfinite(u->c) && u->a <= u->b && u->b <= u->c;
    case PV_SHAPE_NORMAL:
        return isfinite(u->a) && isfinite(u->b) && u->b >= 0.0;
    }
    return false;
}

static double draw_one(struct pv_rng *rng, const struct pv_uncertain *u)
{
    if (u->shape == PV_SHAPE_FIXED)
        return u->a;
    if (u->shape == PV_SHAPE_NORMAL)
        return u->a + u->b * pv_rng_normal(rng);
    double p = pv_rng_uniform(rng), width = u->c - u->a;
    if (!(width > 0.0))
        return u->b;
    double rising = (u->b - u->a) / width; /* chance to lie below the mode */
    return p < rising ? u->a + sqrt(p * width * (u->b - u->a))
                      : u->c - sqrt((1.0 - p) * width * (u->c - u->b));
}

/* sum_{t=1}^{years} (1+g)^(t-1) / (1+d)^t */
static double growing_annuity(double years, double growth, double rate)
{
    double q = (1.0 + growth) / (1.0 + rate);
    if (fabs(q - 1.0) < 1e-12)
        return years / (1.0 + rate);
    return (1.0 - pow(q, years)) / (1.0 - q) / (1.0 + rate);
}

static double draw_element(struct pv_rng *rng, const struct pv_element *e, double rate)
{
    double amount = draw_one(rng, &e->amount);
    double years = fmax(rint(draw_one(rng, &e->years)), 0.0);
    double growth = fmax(draw_one(rng, &e->growth), -0.999999);
    double probability = fmin(fmax(draw_one(rng, &e->probability), 0.0), 1.0);
    double v = probability * amount * growing_annuity(years, growth, rate);
    return e->cost ? -v : v;
}

/* Of sorted draws, between neighbours. */
static double quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static void describe(double *whole, size_t draws, double mean, struct pv_erv *ret)
{
    double squares = 0.0;
    size_t negative = 0;
    for (size_t k = 0; k < draws; k++) {
        squares += (whole[k] - mean) * (whole[k] - mean);
        negative += whole[k] < 0.0;
    }
    qsort(whole, draws, sizeof *whole, pv_stats_ascending);
    *ret = (struct pv_erv){.mean = mean,
                           .sd = sqrt(squares / (double)(draws - 1)),
                           .range = {.low80 = quantile(whole, draws, 0.1),
                                     .high80 = quantile(whole, draws, 0.9),
                                     .low95 = quantile(whole, draws, 0.025),
                                     .high95 = quantile(whole, draws, 0.975)},
                           .p_negative = (double)negative / (double)draws};
}

int pv_relation_erv(const struct pv_element *elements, size_t n, double rate, uint64_t seed,
                    size_t draws, struct pv_erv *ret_erv, double *ret_part, double *ret_variance)
{
    if (n < 1 || n > 1000 || draws < 100 || draws > 10000000 || !pv_rate_ok(rate))
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++)
        if (!is_uncertain(&elements[i].amount) || !is_uncertain(&elements[i].years) ||
            !is_uncertain(&elements[i].growth) || !is_uncertain(&elements[i].probability))
            return PV_ERR_ARGUMENT;
    double *one = malloc(n * draws * sizeof *one), *whole = calloc(draws, sizeof *whole);
    double *mean = calloc(n, sizeof *mean);
    int rc = one && whole && mean ? 0 : PV_ERR_NO_MEMORY;
    double total = 0.0;
    /* A stream of chance per element and draw: an element added changes no other. */
    for (size_t i = 0; rc == 0 && i < n; i++) {
        for (size_t k = 0; k < draws; k++) {
            struct pv_rng rng;
            pv_rng_start(&rng, seed, (uint64_t)i * 10000000 + k);
            one[i * draws + k] = draw_element(&rng, &elements[i], rate);
            whole[k] += one[i * draws + k];
            mean[i] += one[i * draws + k];
        }
        mean[i] /= (double)draws;
        total += mean[i];
    }
    if (rc == 0 && !isfinite(total))
        rc = PV_ERR_ARGUMENT;
    if (rc == 0) {
        double variance = 0.0, rounding = 0.0;
        for (size_t i = 0; i < n; i++)
            rounding += 1e-12 * fabs(mean[i]);
        for (size_t k = 0; k < draws; k++)
            variance += (whole[k] - total) * (whole[k] - total);
        bool varies = variance > (double)draws * rounding * rounding;
        for (size_t i = 0; ret_variance && i < n; i++) {
            double covariance = 0.0;
            for (size_t k = 0; k < draws; k++)
                covariance += (one[i * draws + k] - mean[i]) * (whole[k] - total);
            ret_variance[i] = varies ? covariance / variance : NAN;
        }
        if (ret_part)
            memcpy(ret_part, mean, n * sizeof *mean);
        describe(whole, draws, total, ret_erv);
    }
    free(one);
    free(whole);
    free(mean);
    return rc;
}

/* ---- elasticity ------------------------------------------------------------------------------ */

enum { LEAST_PAIRS = 8 };
static const double LEAST_SPREAD = 0.01;

struct line {
    double n, x, y, xx, xy, yy;
};

/* Least squares of one segment: slope and its variance. */
static bool fit_line(const struct line *l, double *ret_slope, double *ret_variance)
{
    if (l->n < LEAST_PAIRS || !(l->xx / l->n > LEAST_SPREAD * LEAST_SPREAD))
        return false;
    double slope = l->xy / l->xx;
    double rest = fmax(l->yy - slope * l->xy, 0.0) / (l->n - 2.0);
    *ret_slope = slope;
    /* Exactly on a line: rounding is all that is left. */
    *ret_variance = fmax(rest / l->xx, 1e-24);
    return true;
}

static void set_elasticity(struct pv_elasticity *e, double value, double variance)
{
    double sd = sqrt(variance);
    *e = (struct pv_elasticity){value, sd, value - PV_Z95 * sd, value + PV_Z95 * sd, true};
}

static void draw_together(const double *slope, const double *variance, const bool *told, size_t n,
                          struct pv_elasticity *ret_segment, struct pv_elasticity *ret_pooled)
{
    double w = 0.0, ww = 0.0, wb = 0.0, q = 0.0;
    size_t k = 0;
    for (size_t s = 0; s < n; s++) {
        if (!told[s])
            continue;
        w += 1.0 / variance[s];
        ww += 1.0 / (variance[s] * variance[s]);
        wb += slope[s] / variance[s];
        k++;
    }
    double fixed = wb / w;
    for (size_t s = 0; s < n; s++)
        q += told[s] ? (slope[s] - fixed) * (slope[s] - fixed) / variance[s] : 0.0;
    double spread = k > 1 ? fmax((q - (double)(k - 1)) / (w - ww / w), 0.0) : 0.0; /* tau^2 */
    double wr = 0.0, wbr = 0.0;
    for (size_t s = 0; s < n; s++) {
        wr += told[s] ? 1.0 / (variance[s] + spread) : 0.0;
        wbr += told[s] ? slope[s] / (variance[s] + spread) : 0.0;
    }
    double mean = wbr / wr;
    set_elasticity(ret_pooled, mean, 1.0 / wr);
    for (size_t s = 0; s < n; s++) {
        if (!told[s])
            continue;
        double own = spread / (spread + variance[s]); /* how far it speaks for itself */
        set_elasticity(&ret_segment[s], own * slope[s] + (1.0 - own) * mean,
                       own * variance[s] + (1.0 - own) * (1.0 - own) / wr);
    }
}

int pv_price_elasticity(const double *quantity, const double *price, const uint32_t *segment,
                        size_t n, size_t segments, struct pv_elasticity *ret_segment,
                        struct pv_elasticity *ret_pooled)
{
    static const struct pv_elasticity untold = {NAN, NAN, NAN, NAN, false};
    for (size_t i = 0; i < n; i++)
        if (segment[i] >= segments || !(quantity[i] > 0.0) || !(price[i] > 0.0) ||
            !isfinite(quantity[i]) || !isfinite(price[i]))
            return PV_ERR_ARGUMENT;
    struct line *line = calloc(segments + 1, sizeof *line);
    double *slope = calloc(segments + 1, sizeof *slope);
    double *variance = calloc(segments + 1, sizeof *variance);
    bool *told = calloc(segments + 1, sizeof *told), any = false;
    int rc = line && slope && variance && told ? 0 : PV_ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct line *l = &line[segment[i]];
        l->n += 1.0;
        l->x += log(price[i]);
        l->y += log(quantity[i]);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct line *l = &line[segment[i]];
        double x = log(price[i]) - l->x / l->n, y = log(quantity[i]) - l->y / l->n;
        l->xx += x * x;
        l->xy += x * y;
        l->yy += y * y;
    }
    for (size_t s = 0; rc == 0 && s < segments; s++) {
        ret_segment[s] = untold;
        told[s] = fit_line(&line[s], &slope[s], &variance[s]);
        any |= told[s];
    }
    if (rc == 0) {
        *ret_pooled = untold;
        if (any)
            draw_together(slope, variance, told, segments, ret_segment, ret_pooled);
    }
    free(line);
    free(slope);
    free(variance);
    free(told);
    return rc;
}
