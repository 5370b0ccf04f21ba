/*
 * random.c - reproducible chance. A stream is named by (seed, number), so that the n-th simulated
 * future is the same whatever thread computes it.
 *
 * xoshiro256**: Blackman & Vigna, ACM TOMS 47 (2021). Gamma: Marsaglia & Tsang, ACM TOMS 26 (2000).
 */
#include "internal.h"

#include <math.h>

static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t v, int k)
{
    return (v << k) | (v >> (64 - k));
}

void pv_rng_start(struct pv_rng *rng, uint64_t seed, uint64_t stream)
{
    uint64_t state = seed;
    uint64_t a = mix(&state);
    state = a ^ (stream * UINT64_C(0xd1342543de82ef95));
    for (int i = 0; i < 4; i++)
        rng->s[i] = mix(&state);
}

uint64_t pv_rng_next(struct pv_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

double pv_rng_uniform(struct pv_rng *rng)
{
    return ((double)(pv_rng_next(rng) >> 11) + 0.5) * 0x1.0p-53;
}

/* Polar method; the second value is thrown away so that streams have no hidden state. */
double pv_rng_normal(struct pv_rng *rng)
{
    for (;;) {
        double u = 2.0 * pv_rng_uniform(rng) - 1.0;
        double v = 2.0 * pv_rng_uniform(rng) - 1.0;
        double s = u * u + v * v;
        if (s < 1.0 && s > 0.0)
            return u * sqrt(-2.0 * log(s) / s);
    }
}

double pv_rng_exponential(struct pv_rng *rng)
{
    return -log(pv_rng_uniform(rng));
}

double pv_rng_gamma(struct pv_rng *rng, double shape)
{
    if (shape < 1.0)
        return exp(pv_rng_log_gamma(rng, shape));
    double d = shape - 1.0 / 3.0;
    double c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        double x = pv_rng_normal(rng);
        double v = 1.0 + c * x;
        if (v <= 0.0)
            continue;
        v = v * v * v;
        double u = pv_rng_uniform(rng);
        double x2 = x * x;
        if (u < 1.0 - 0.0331 * x2 * x2)
            return d * v;
        if (log(u) < 0.5 * x2 + d * (1.0 - v + log(v)))
            return d * v;
    }
}

double pv_rng_log_gamma(struct pv_rng *rng, double shape)
{
    if (shape >= 1.0)
        return log(pv_rng_gamma(rng, shape));
    double big = pv_rng_gamma(rng, shape + 1.0);
    return log(big) + log(pv_rng_uniform(rng)) / shape;
}

uint64_t pv_rng_poisson(struct pv_rng *rng, double mean)
{
    if (!(mean > 0.0))
        return 0;
    if (mean < 30.0) {
        double limit = exp(-mean);
        double product = pv_rng_uniform(rng);
        uint64_t n = 0;
        while (product > limit) {
            n++;
            product *= pv_rng_uniform(rng);
        }
        return n;
    }
    /* Normal with continuity correction: at 30 and more its error is far below what 1,024 draws
     * show. */
    double v = floor(mean + sqrt(mean) * pv_rng_normal(rng) + 0.5);
    return v > 0.0 ? (uint64_t)fmin(v, 1e15) : 0;
}
