/*
 * population.c - customers that a model makes, by its own account of a future from the first
 * purchase on.
 */
#include "population.h"

#include <math.h>

bool pv_populate_can(const struct pv_model *m)
{
    return m->live || (m->buying && m->buying->draw);
}

double pv_population_next(struct pv_future *f, double t, struct pv_rng *rng)
{
    if (f->regular > 1) {
        if (!(f->purchases-- > 0.0))
            return INFINITY;
        t += pv_rng_gamma(rng, f->regular - f->phase) / f->rate;
        f->phase = 0.0;
        return t;
    }
    if (t >= f->life)
        return INFINITY;
    t += pv_rng_exponential(rng) / f->rate;
    return t < f->life ? t : f->last ? f->life : INFINITY;
}

struct pv_customer pv_populate_one(const struct pv_model *m, const double *theta, double unit_days,
                                   struct pv_rng *rng, int32_t T, int32_t holdout,
                                   struct pv_gaps *gaps)
{
    struct pv_customer c = {.T = T};
    struct pv_future f = {0};
    double t = 0.0;
    int32_t last = 0;
    if (m->live) {
        m->live(theta, rng, T, holdout, &c);
        return c;
    }
    if (pv_rng_uniform(rng) >= m->buying->p_alive(m, theta, 0.0, 0.0, 0.0, NULL))
        return c;
    m->buying->draw(m, theta, 0.0, 0.0, rng, &f);
    while (isfinite(t = pv_population_next(&f, t, rng))) {
        double at = ceil(unit_days * t);
        if (at > (double)T + holdout)
            break;
        int32_t day = (int32_t)at;
        if (day == last)
            continue;
        if (day > T) {
            c.x_star++;
        } else {
            if (gaps) {
                gaps->sum_log += log((day - last) / unit_days);
                gaps->count++;
            }
            c.x++;
            c.t_x = day;
        }
        last = day;
    }
    return c;
}

/*
 * A uniform order statistic halves the tries left until they are few (Relles, A simple algorithm
 * for generating binomial random variables when n is large, JASA 67 (1972), 612-613).
 */
uint64_t pv_rng_binomial(struct pv_rng *rng, uint64_t n, double p)
{
    uint64_t sum = 0;
    if (!(p > 0.0))
        return 0;
    while (n > 16 && p < 1.0) {
        uint64_t k = (n + 1) / 2;
        double a = pv_rng_gamma(rng, (double)k), b = pv_rng_gamma(rng, (double)(n + 1 - k));
        double at = a / (a + b);
        if (at <= p) { /* the k-th smallest is a success, and so are those before it */
            sum += k;
            n -= k;
            p = (p - at) / (1.0 - at);
        } else {
            n = k - 1;
            p /= at;
        }
    }
    if (p >= 1.0)
        return sum + n;
    for (; n > 0; n--)
        sum += pv_rng_uniform(rng) < p;
    return sum;
}
