/*
 * bayes_diagnose.c - whether chains agree, and how many independent draws they are worth:
 * Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021) [VGSCB21]; the autocorrelations are summed
 * over Geyer's initial monotone sequence (Practical Markov chain Monte Carlo, Statistical Science 7
 * (1992), 473-483).
 */
#include "bayes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Phi^-1 by Halley's method on erfc, from the leading term of its tail. */
static double normal_quantile(double p)
{
    double tail = fmin(p, 1.0 - p);
    double t = sqrt(-2.0 * log(tail));
    double z = t > 1.5 ? t - log(2.5066 * t) / t : 2.5066 * (0.5 - tail);
    for (int i = 0; i < 4; i++) {
        double density = exp(-0.5 * z * z) * 0.3989422804014327;
        double off = (0.5 * erfc(z * M_SQRT1_2) - tail) / density;
        z += off / (1.0 - 0.5 * z * off);
    }
    return p < 0.5 ? -z : z;
}

struct entry {
    double value;
    size_t at;
};

static int by_value(const void *left, const void *right)
{
    const struct entry *l = left, *r = right;
    return (l->value > r->value) - (l->value < r->value);
}

/* Normal scores of the ranks among all, ties at their mean rank [VGSCB21]: (rank - 3/8) / (n +
 * 1/4). */
static void normal_scores(const double *value, size_t n, struct entry *entry, double *ret_score)
{
    for (size_t i = 0; i < n; i++)
        entry[i] = (struct entry){value[i], i};
    qsort(entry, n, sizeof *entry, by_value);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && entry[j].value <= entry[i].value;)
            j++;
        double rank = 0.5 * (double)(i + j + 1);
        double score = normal_quantile((rank - 0.375) / ((double)n + 0.25));
        for (size_t k = i; k < j; k++)
            ret_score[entry[k].at] = score;
    }
}

/* Halves of chains: m of n draws each, `stride` apart from start to start. */
struct halves {
    size_t m, n, chain;
};

static const double *half_at(const struct halves *h, const double *value, size_t k)
{
    /* The middle draw of a chain of odd length belongs to neither. */
    return value + k / 2 * h->chain + (k % 2 ? h->chain - h->n : 0);
}

static double mean_of(const double *v, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    return sum / (double)n;
}

/* Mean variance within halves, and that of the whole with what lies between them. */
static void variances(const struct halves *h, const double *value, double *ret_within,
                      double *ret_plus)
{
    double within = 0.0, between = 0.0, all = 0.0, n = (double)h->n, m = (double)h->m;
    for (size_t k = 0; k < h->m; k++)
        all += mean_of(half_at(h, value, k), h->n) / m;
    for (size_t k = 0; k < h->m; k++) {
        const double *v = half_at(h, value, k);
        double mean = mean_of(v, h->n);
        between += (mean - all) * (mean - all) / (m - 1.0);
        for (size_t i = 0; i < h->n; i++)
            within += (v[i] - mean) * (v[i] - mean) / (n - 1.0) / m;
    }
    *ret_within = within;
    *ret_plus = (n - 1.0) / n * within + between;
}

static double rhat_of(const struct halves *h, const double *value)
{
    double within, plus;
    variances(h, value, &within, &plus);
    return within > 0.0 ? sqrt(plus / within) : NAN;
}

/* Autocovariance at a lag, mean over halves. */
static double lagged(const struct halves *h, const double *value, size_t lag)
{
    double sum = 0.0;
    for (size_t k = 0; k < h->m; k++) {
        const double *v = half_at(h, value, k);
        double mean = mean_of(v, h->n);
        for (size_t i = lag; i < h->n; i++)
            sum += (v[i] - mean) * (v[i - lag] - mean);
    }
    return sum / (double)h->n / (double)h->m;
}

/* [VGSCB21] section 3.2: autocorrelations of several chains from the variances above. */
static double ess_of(const struct halves *h, const double *value)
{
    double within, plus, all = (double)(h->m * h->n);
    variances(h, value, &within, &plus);
    if (!(within > 0.0))
        return NAN;
    double sum = 0.0, before = INFINITY;
    for (size_t lag = 0; lag + 1 < h->n; lag += 2) {
        double even = 1.0 - (within - lagged(h, value, lag)) / plus;
        double odd = 1.0 - (within - lagged(h, value, lag + 1)) / plus;
        double pair = fmin((lag == 0 ? 1.0 : even) + odd, before);
        if (!(pair > 0.0))
            break;
        sum += pair;
        before = pair;
    }
    double tau = fmax(-1.0 + 2.0 * sum, 1.0 / log10(all));
    return all / tau;
}

int pv_chains_diagnose(const double *draws, size_t chains, size_t n, double *ret_rhat,
                       double *ret_ess_bulk, double *ret_ess_tail)
{
    size_t all = chains * n;
    if (chains == 0 || n < 4 || all / n != chains || all > SIZE_MAX / 64)
        return PV_ERR_ARGUMENT;
    struct halves h = {2 * chains, n / 2, n};
    double *score = malloc(2 * all * sizeof *score), *work = score ? score + all : NULL;
    struct entry *entry = malloc(all * sizeof *entry);
    if (!score || !entry) {
        free(score);
        free(entry);
        return PV_ERR_NO_MEMORY;
    }
    double rhat = NAN, bulk = NAN, tail = NAN;
    bool finite = true;
    for (size_t i = 0; i < all; i++)
        finite = finite && isfinite(draws[i]);
    if (finite) {
        normal_scores(draws, all, entry, score);
        rhat = rhat_of(&h, score);
        bulk = ess_of(&h, score);
        double median = 0.5 * (entry[(all - 1) / 2].value + entry[all / 2].value);
        double edge[2] = {entry[all / 20].value, entry[all - 1 - all / 20].value};
        for (int k = 0; k < 2; k++) {
            for (size_t i = 0; i < all; i++)
                work[i] = draws[i] <= edge[k];
            double ess = ess_of(&h, work);
            tail = k == 0 || ess < tail ? ess : tail;
        }
        for (size_t i = 0; i < all; i++)
            work[i] = fabs(draws[i] - median);
        normal_scores(work, all, entry, score);
        double folded = rhat_of(&h, score);
        rhat = isnan(rhat) || isnan(folded) ? NAN : fmax(rhat, folded);
    }
    free(score);
    free(entry);
    *ret_rhat = rhat;
    *ret_ess_bulk = bulk;
    *ret_ess_tail = tail;
    return 0;
}
