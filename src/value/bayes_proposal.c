/*
 * bayes_proposal.c - a mixture of multivariate t distributions that looks like the posterior.
 *
 * A posterior in the logarithms of four parameters is rarely one bell: where the data fix s / beta
 * but not s it is a bent plateau with the prior for an edge. It is cheap to look at, though, so
 * before the chains start a few hundred points are drawn and weighted by importance, and a mixture
 * is fitted to them, in stages that each draw from the mixture of the stage before: adaptive
 * multiple importance sampling (Cornuet, Marin, Mira & Robert, Scandinavian Journal of Statistics
 * 39 (2012), 798-812) with EM for mixtures of t (Peel & McLachlan, Statistics and Computing 10
 * (2000), 339-348).
 */
#include "bayes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FREEDOM = 5, STAGES = 5, FIRST = 150, LATER = 150, PARTS = 4, ROUNDS = 12 };
enum { POINTS = FIRST + (STAGES - 1) * LATER };

bool pv_shape_of(int n, const double *centre, const double *cov, struct pv_shape *ret)
{
    struct pv_shape s = {.log_det = 0.0};
    pv_math_cholesky(n, cov, s.lower);
    for (int i = 0; i < n; i++) {
        s.centre[i] = centre[i];
        if (!(s.lower[i * n + i] > 1e-9) || !isfinite(s.lower[i * n + i]) || !isfinite(centre[i]))
            return false;
        s.log_det += log(s.lower[i * n + i]);
    }
    *ret = s;
    return true;
}

void pv_shape_draw(const struct pv_shape *s, int n, struct pv_rng *rng, double by, double *ret)
{
    double z[PV_MAX_PARAMS];
    double scale = by * sqrt(FREEDOM / (2.0 * pv_rng_gamma(rng, 0.5 * FREEDOM)));
    for (int i = 0; i < n; i++)
        z[i] = pv_rng_normal(rng);
    for (int i = 0; i < n; i++) {
        ret[i] = s->centre[i];
        for (int j = 0; j <= i; j++)
            ret[i] += scale * s->lower[i * n + j] * z[j];
    }
}

static double squared_distance(const struct pv_shape *s, int n, const double *at)
{
    double z[PV_MAX_PARAMS], squares = 0.0;
    for (int i = 0; i < n; i++) {
        z[i] = at[i] - s->centre[i];
        for (int j = 0; j < i; j++)
            z[i] -= s->lower[i * n + j] * z[j];
        z[i] /= s->lower[i * n + i];
        squares += z[i] * z[i];
    }
    return squares;
}

/* ln density, up to what all shapes of n dimensions share. */
static double shape_log_density(const struct pv_shape *s, int n, const double *at)
{
    return -s->log_det - 0.5 * (FREEDOM + n) * log1p(squared_distance(s, n, at) / FREEDOM);
}

void pv_mixture_draw(const struct pv_mixture *m, int n, struct pv_rng *rng, double *ret)
{
    double u = pv_rng_uniform(rng);
    int k = 0;
    while (k + 1 < m->parts && (u -= m->weight[k]) > 0.0)
        k++;
    pv_shape_draw(&m->part[k], n, rng, 1.0, ret);
}

double pv_mixture_log_density(const struct pv_mixture *m, int n, const double *at)
{
    double value[PV_MIXTURE_MAX], most = -INFINITY, sum = 0.0;
    for (int k = 0; k < m->parts; k++) {
        value[k] = log(m->weight[k]) + shape_log_density(&m->part[k], n, at);
        most = fmax(most, value[k]);
    }
    for (int k = 0; k < m->parts; k++)
        sum += exp(value[k] - most);
    return most + log(sum);
}

/* ---- Learning it ----------------------------------------------------------------------------- */

struct points {
    int n; /* dimensions */
    size_t count;
    double at[POINTS][PV_MAX_PARAMS];
    double value[POINTS];           /* ln posterior */
    double density[POINTS][STAGES]; /* ln of each stage's mixture */
    double weight[POINTS];          /* importance; they add up to one */
    double share[POINTS][PARTS];    /* of the parts of the mixture */
    struct place {
        double along;
        size_t at;
    } place[POINTS];
};

/* Importance weights against the mixture of all stages so far, and how many equal ones they are
 * worth. */
static double weigh(struct points *p, const size_t *drawn, int stages)
{
    double most = -INFINITY, sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < p->count; i++) {
        double top = -INFINITY, mixed = 0.0;
        for (int j = 0; j < stages; j++)
            top = fmax(top, p->density[i][j]);
        for (int j = 0; j < stages; j++)
            mixed += (double)drawn[j] * exp(p->density[i][j] - top);
        p->weight[i] = p->value[i] - top - log(mixed);
        most = fmax(most, p->weight[i]);
    }
    if (!isfinite(most))
        return 0.0;
    for (size_t i = 0; i < p->count; i++) {
        p->weight[i] = exp(p->weight[i] - most);
        sum += p->weight[i];
        squares += p->weight[i] * p->weight[i];
    }
    for (size_t i = 0; i < p->count; i++)
        p->weight[i] /= sum;
    return sum * sum / squares;
}

/* Mean and covariance under weights; `own` as many points' worth of another covariance is mixed in,
 * so that few points make no needle. */
static void moments(const struct points *p, const double *weight, double worth, const double *other,
                    double own, double *ret_mean, double *ret_cov)
{
    int n = p->n;
    double total = 1e-300;
    memset(ret_mean, 0, sizeof(double) * (size_t)n);
    memset(ret_cov, 0, sizeof(double) * (size_t)(n * n));
    for (size_t i = 0; i < p->count; i++) {
        total += weight[i];
        for (int k = 0; k < n; k++)
            ret_mean[k] += weight[i] * p->at[i][k];
    }
    for (int k = 0; k < n; k++)
        ret_mean[k] /= total;
    for (size_t i = 0; i < p->count; i++)
        for (int k = 0; k < n; k++)
            for (int l = 0; l < n; l++)
                ret_cov[k * n + l] +=
                    weight[i] / total * (p->at[i][k] - ret_mean[k]) * (p->at[i][l] - ret_mean[l]);
    for (int k = 0; k < n * n; k++)
        ret_cov[k] = (worth * ret_cov[k] + own * other[k]) / (worth + own);
}

/* One round of EM; parts that have lost their points are left as they were. */
static void em_round(struct points *p, double worth, const double *cov, struct pv_mixture *m)
{
    int n = p->n;
    double total[PARTS] = {0.0}, weight[POINTS];
    for (size_t i = 0; i < p->count; i++) {
        double all = pv_mixture_log_density(m, n, p->at[i]);
        for (int k = 0; k < PARTS; k++) {
            p->share[i][k] = p->weight[i] * exp(log(m->weight[k]) +
                                                shape_log_density(&m->part[k], n, p->at[i]) - all);
            total[k] += p->share[i][k];
        }
    }
    for (int k = 0; k < PARTS; k++) {
        double mean[PV_MAX_PARAMS], own[PV_MAX_PARAMS * PV_MAX_PARAMS];
        for (size_t i = 0; i < p->count; i++)
            weight[i] = p->share[i][k] * (FREEDOM + n) /
                        (FREEDOM + squared_distance(&m->part[k], n, p->at[i]));
        moments(p, weight, worth * total[k], cov, 4.0, mean, own);
        (void)pv_shape_of(n, mean, own, &m->part[k]);
        m->weight[k] = (total[k] + 0.02) / (1.0 + 0.02 * PARTS);
    }
}

static int by_place(const void *left, const void *right)
{
    const struct place *l = left, *r = right;
    return (l->along > r->along) - (l->along < r->along);
}

/* Parts side by side along the longest axis, with an equal share of the weight each. */
static void split(struct points *p, double worth, const double *mean, const double *cov,
                  struct pv_mixture *m)
{
    int n = p->n;
    double val[PV_MAX_PARAMS] = {0.0}, vec[PV_MAX_PARAMS * PV_MAX_PARAMS], seen = 0.0;
    struct pv_shape whole = {0};
    (void)pv_shape_of(n, mean, cov, &whole);
    pv_math_eigen(n, cov, val, vec);
    for (size_t i = 0; i < p->count; i++) {
        p->place[i] = (struct place){0.0, i};
        for (int k = 0; k < n; k++)
            p->place[i].along += vec[k * n + n - 1] * p->at[i][k];
    }
    qsort(p->place, p->count, sizeof p->place[0], by_place);
    memset(p->share, 0, sizeof p->share);
    for (size_t i = 0; i < p->count; i++) {
        size_t at = p->place[i].at;
        int k = (int)(PARTS * (seen + 0.5 * p->weight[at]));
        p->share[at][k < PARTS ? k : PARTS - 1] = p->weight[at];
        seen += p->weight[at];
    }
    m->parts = PARTS;
    for (int k = 0; k < PARTS; k++) {
        double own_mean[PV_MAX_PARAMS], own[PV_MAX_PARAMS * PV_MAX_PARAMS], weight[POINTS];
        for (size_t i = 0; i < p->count; i++)
            weight[i] = p->share[i][k];
        moments(p, weight, worth / PARTS, cov, 4.0, own_mean, own);
        m->weight[k] = 1.0 / PARTS;
        m->part[k] = whole;
        (void)pv_shape_of(n, own_mean, own, &m->part[k]);
    }
}

/* Where a part of the mixture finds nothing a wide one still does: an eighth of the proposals. */
static void add_wide(const struct pv_shape *whole, int n, double by, struct pv_mixture *m)
{
    struct pv_shape wide = *whole;
    for (int k = 0; k < n * n; k++)
        wide.lower[k] *= by;
    wide.log_det += n * log(by);
    for (int k = 0; k < m->parts; k++)
        m->weight[k] *= 0.875;
    m->weight[m->parts] = 0.125;
    m->part[m->parts++] = wide;
}

int pv_mixture_learn(const struct pv_shape *mode, int n, pv_log_density_fn *fn, void *context,
                     struct pv_rng *rng, struct pv_mixture *ret_mixture, struct pv_shape *ret_whole)
{
    struct points *p = calloc(1, sizeof *p);
    struct pv_mixture stage[STAGES + 1] = {{0}};
    size_t drawn[STAGES] = {0};
    struct pv_shape whole = *mode;
    if (!p)
        return PV_ERR_NO_MEMORY;
    p->n = n;
    stage[0] = (struct pv_mixture){.parts = 1, .weight = {1.0}, .part = {*mode}};
    add_wide(mode, n, 2.0, &stage[0]);
    stage[0].weight[0] = stage[0].weight[1] = 0.5;
    for (int j = 0; j < STAGES; j++) {
        double cov[PV_MAX_PARAMS * PV_MAX_PARAMS], mean[PV_MAX_PARAMS];
        double base[PV_MAX_PARAMS * PV_MAX_PARAMS] = {0.0};
        size_t old = p->count;
        drawn[j] = j == 0 ? FIRST : LATER;
        p->count += drawn[j];
        for (size_t i = old; i < p->count; i++) {
            pv_mixture_draw(&stage[j], n, rng, p->at[i]);
            p->value[i] = fn(context, p->at[i]);
        }
        for (size_t i = 0; i < p->count; i++)
            for (int k = i < old ? j : 0; k <= j; k++)
                p->density[i][k] = pv_mixture_log_density(&stage[k], n, p->at[i]);
        double worth = weigh(p, drawn, j + 1);
        if (worth > 0.0) {
            /* Half a dozen points of what was known before. */
            for (int k = 0; k < n; k++)
                for (int l = 0; l < n; l++)
                    for (int i = 0; i <= (k < l ? k : l); i++)
                        base[k * n + l] += whole.lower[k * n + i] * whole.lower[l * n + i];
            moments(p, p->weight, worth, base, 6.0, mean, cov);
            (void)pv_shape_of(n, mean, cov, &whole);
            split(p, worth, mean, cov, &stage[j + 1]);
            for (int round = 0; round < ROUNDS; round++)
                em_round(p, worth, cov, &stage[j + 1]);
            add_wide(&whole, n, 1.5, &stage[j + 1]);
        } else {
            stage[j + 1] = stage[j];
        }
    }
    free(p);
    *ret_mixture = stage[STAGES];
    *ret_whole = whole;
    return 0;
}
