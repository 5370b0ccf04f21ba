/*
 * covariates_spend.c - spend of customers with the same covariates under Gamma-Gamma, whose gamma
 * they move; notation and source as in gamma_gamma.c. p and q are the same for all customers, so
 * everything with a gamma function depends on x alone and is computed once for each distinct x.
 */
#include "covariates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { P, Q, GAMMA, PARAMS };

struct pv_spend_unit {
    double spend; /* x zbar */
    double log_z;
    size_t by_x;
};

/* Terms without gamma and zbar, and their derivatives by p and q. */
struct pv_spend_x {
    double x, value, g_p, g_q, h_pp, h_pq, h_qq;
};

bool pv_cov_keep_spend(const struct pv_customer *row)
{
    return row->T >= 0 && row->x > 0 && row->spend > 0;
}

static size_t room(const struct pv_cov_source *s, size_t chunk)
{
    (void)s;
    (void)chunk;
    return 0;
}

static void prepare(struct pv_cov_source *s, const double *theta)
{
    double p = theta[P], q = theta[Q];
    double lg_q = pv_math_lgamma(q), psi_q = pv_math_digamma(q), tri_q = pv_math_trigamma(q);
    for (size_t i = 0; i < s->xs; i++) {
        struct pv_spend_x *b = &s->by_x[i];
        double x = b->x, px = p * x, pxq = px + q, psi = pv_math_digamma(pxq);
        double tri = pv_math_trigamma(pxq);
        b->value = pv_math_lgamma(pxq) - pv_math_lgamma(px) - lg_q + px * log(x);
        b->g_p = x * (psi - pv_math_digamma(px) + log(x));
        b->g_q = psi - psi_q;
        b->h_pp = x * x * (tri - pv_math_trigamma(px));
        b->h_pq = x * tri;
        b->h_qq = tri - tri_q;
    }
}

static double profile(const struct pv_cov_source *s, size_t at_profile, const double *theta,
                      double *room_unused, double *g, double *h)
{
    (void)room_unused;
    double p = theta[P], q = theta[Q], gamma = theta[GAMMA];
    double log_gamma = log(gamma), value = 0.0;
    memset(g, 0, PARAMS * sizeof *g);
    memset(h, 0, PARAMS * PARAMS * sizeof *h);
    for (size_t i = s->first[at_profile]; i < s->first[at_profile + 1]; i++) {
        const struct pv_spend_unit *u = &s->spend[i];
        const struct pv_spend_x *b = &s->by_x[u->by_x];
        double px = p * b->x, pxq = px + q, at = gamma + u->spend;
        double log_at = log(at), inv = 1.0 / at;
        value += b->value + q * log_gamma + (px - 1.0) * u->log_z - pxq * log_at;
        g[P] += b->g_p + b->x * (u->log_z - log_at);
        g[Q] += b->g_q + log_gamma - log_at;
        g[GAMMA] += q / gamma - pxq * inv;
        h[P * PARAMS + P] += b->h_pp;
        h[P * PARAMS + Q] += b->h_pq;
        h[P * PARAMS + GAMMA] -= b->x * inv;
        h[Q * PARAMS + Q] += b->h_qq;
        h[Q * PARAMS + GAMMA] += 1.0 / gamma - inv;
        h[GAMMA * PARAMS + GAMMA] += pxq * inv * inv - q / (gamma * gamma);
    }
    for (int i = 0; i < PARAMS; i++)
        for (int j = 0; j < i; j++)
            h[i * PARAMS + j] = h[j * PARAMS + i];
    return value;
}

static int by_value(const void *left, const void *right)
{
    int32_t l = *(const int32_t *)left, r = *(const int32_t *)right;
    return (l > r) - (l < r);
}

int pv_cov_spend(const struct pv_customer *rows, double money_scale, struct pv_cov_source *s)
{
    size_t n = s->first[s->profiles];
    int32_t *x = malloc((n + 1) * sizeof *x);
    s->room = room;
    s->prepare = prepare;
    s->profile = profile;
    s->spend = malloc((n + 1) * sizeof *s->spend);
    if (!x || !s->spend) {
        free(x);
        return PV_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++)
        x[i] = rows[s->order[i]].x;
    qsort(x, n, sizeof *x, by_value);
    for (size_t i = 0; i < n; i++)
        if (s->xs == 0 || x[i] != x[s->xs - 1])
            x[s->xs++] = x[i];
    s->by_x = calloc(s->xs + 1, sizeof *s->by_x);
    for (size_t i = 0; s->by_x && i < s->xs; i++)
        s->by_x[i].x = x[i];
    for (size_t i = 0; s->by_x && i < n; i++) {
        const struct pv_customer *r = &rows[s->order[i]];
        const int32_t *at = bsearch(&r->x, x, s->xs, sizeof *x, by_value);
        double spend = (double)r->spend / money_scale;
        s->spend[i] = (struct pv_spend_unit){spend, log(spend / r->x), (size_t)(at - x)};
    }
    free(x);
    free(s->order);
    s->order = NULL;
    return s->by_x ? pv_cov_cut(s) : PV_ERR_NO_MEMORY;
}
