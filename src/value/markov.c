/*
 * markov.c - customers and brands as Markov chains: migration between states [PC00] [D89],
 * switching between brands [RLZ04]. Chains are small (64 states at most) and dense; what goes on
 * forever is a linear system. Formulas: patron_textbook.h.
 */
#include "textbook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STATES = 64 };

static const double ROW_SUM_TOLERANCE = 1e-9;

/* Rows of probabilities that sum to 1. */
static bool is_stochastic(size_t rows, size_t n, const double *m)
{
    for (size_t i = 0; i < rows; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < n; j++) {
            double p = m[i * n + j];
            if (!(p >= 0.0 && p <= 1.0))
                return false;
            sum += p;
        }
        if (!(fabs(sum - 1.0) <= ROW_SUM_TOLERANCE))
            return false;
    }
    return true;
}

/* Solves m x = b in place (Gauss, rows exchanged); false when m is singular. */
static bool solve(size_t n, double *m, double *b)
{
    for (size_t c = 0; c < n; c++) {
        size_t best = c;
        for (size_t r = c + 1; r < n; r++)
            if (fabs(m[r * n + c]) > fabs(m[best * n + c]))
                best = r;
        double pivot = m[best * n + c];
        if (!(fabs(pivot) > 1e-12))
            return false;
        for (size_t j = 0; best != c && j < n; j++) {
            double t = m[c * n + j];
            m[c * n + j] = m[best * n + j];
            m[best * n + j] = t;
        }
        double t = b[c];
        b[c] = b[best];
        b[best] = t;
        for (size_t r = c + 1; r < n; r++) {
            double f = m[r * n + c] / pivot;
            for (size_t j = c; f != 0.0 && j < n; j++)
                m[r * n + j] -= f * m[c * n + j];
            b[r] -= f * b[c];
        }
    }
    for (size_t c = n; c-- > 0;) {
        for (size_t j = c + 1; j < n; j++)
            b[c] -= m[c * n + j] * b[j];
        b[c] /= m[c * n + c];
    }
    return true;
}

/* ---- migration ------------------------------------------------------------------------------- */

int pv_migration_value(size_t n, const double *transition, const double *rewards, double rate,
                       int periods, double *ret_value)
{
    if (n < 1 || n > MAX_STATES || !pv_rate_ok(rate) || (periods < 0 && periods != PV_FOREVER) ||
        !is_stochastic(n, n, transition))
        return PV_ERR_ARGUMENT;
    double v[MAX_STATES], d = 1.0 / (1.0 + rate);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(rewards[i]))
            return PV_ERR_ARGUMENT;
        v[i] = rewards[i];
    }
    if (periods == PV_FOREVER) {
        double m[MAX_STATES * MAX_STATES];
        if (!(rate > 0.0))
            return PV_ERR_ARGUMENT;
        for (size_t i = 0; i < n * n; i++)
            m[i] = (i % (n + 1) == 0 ? 1.0 : 0.0) - d * transition[i];
        if (!solve(n, m, v))
            return PV_ERR_ARGUMENT;
    } else {
        /* Horner: V_0 = R, V_t = R + d P V_(t-1) */
        for (int t = 0; t < periods; t++) {
            double next[MAX_STATES];
            for (size_t i = 0; i < n; i++) {
                double sum = 0.0;
                for (size_t j = 0; j < n; j++)
                    sum += transition[i * n + j] * v[j];
                next[i] = rewards[i] + d * sum;
            }
            memcpy(v, next, n * sizeof *v);
        }
    }
    memcpy(ret_value, v, n * sizeof *v);
    return 0;
}

static bool are_probabilities(size_t n, const double *p)
{
    for (size_t i = 0; i < n; i++)
        if (!(p[i] >= 0.0 && p[i] <= 1.0))
            return false;
    return true;
}

int pv_migration_of_recency(size_t n, const double *buy, double *ret_transition)
{
    if (n < 1 || n >= MAX_STATES || !are_probabilities(n, buy))
        return PV_ERR_ARGUMENT;
    size_t states = n + 1;
    memset(ret_transition, 0, states * states * sizeof *ret_transition);
    for (size_t i = 0; i < n; i++) {
        ret_transition[i * states] = buy[i];
        ret_transition[i * states + i + 1] = 1.0 - buy[i];
    }
    ret_transition[n * states + n] = 1.0;
    return 0;
}

int pv_migration_buyers(size_t n, const double *buy, size_t periods, double *ret_buyers)
{
    if (n < 1 || n >= MAX_STATES || !are_probabilities(n, buy))
        return PV_ERR_ARGUMENT;
    double at[MAX_STATES] = {1.0}; /* by recency: bought in this period, one ago, ... */
    ret_buyers[0] = 1.0;
    for (size_t t = 1; t <= periods; t++) {
        double buyers = 0.0;
        for (size_t i = 0; i < n; i++)
            buyers += at[i] * buy[i];
        for (size_t i = n - 1; i > 0; i--)
            at[i] = at[i - 1] * (1.0 - buy[i - 1]);
        ret_buyers[t] = at[0] = buyers;
    }
    return 0;
}

/* ---- switching: values ----------------------------------------------------------------------- */

static bool is_switching(const struct pv_switching *s)
{
    return s->brands >= 2 && s->brands <= MAX_STATES && is_stochastic(1, s->brands, s->share) &&
           is_stochastic(s->brands, s->brands, s->matrix) && isfinite(s->contribution) &&
           s->per_year > 0.0 && isfinite(s->per_year) && pv_rate_ok(s->rate) &&
           (s->purchases >= 1 || s->purchases == PV_FOREVER) && (s->first == 0 || s->first == 1);
}

/* to = from M; in place when they are the same. */
static void step(const struct pv_switching *s, const double *from, double *to)
{
    double next[MAX_STATES] = {0.0};
    for (size_t i = 0; i < s->brands; i++)
        for (size_t j = 0; j < s->brands; j++)
            next[j] += from[i] * s->matrix[i * s->brands + j];
    memcpy(to, next, s->brands * sizeof *to);
}

/* Discount of the first counted purchase, and from one to the next. */
static double first_discount(const struct pv_switching *s)
{
    return pv_discount(s->rate, pv_timing_at(s->timing, 1.0) / s->per_year);
}

static double next_discount(const struct pv_switching *s)
{
    return pv_discount(s->rate, 1.0 / s->per_year);
}

/* x = b (I - v M)^-1, in place, for 0 < v < 1. */
static bool sum_forever(const struct pv_switching *s, double v, double *b)
{
    size_t n = s->brands;
    double m[MAX_STATES * MAX_STATES];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            m[i * n + j] = (i == j ? 1.0 : 0.0) - v * s->matrix[j * n + i];
    return solve(n, m, b);
}

int pv_switching_value(const struct pv_switching *s, double *ret_value)
{
    if (!is_switching(s) || (s->purchases == PV_FOREVER && !(s->rate > 0.0)))
        return PV_ERR_ARGUMENT;
    size_t n = s->brands;
    double share[MAX_STATES], sum[MAX_STATES] = {0.0};
    double d = first_discount(s), v = next_discount(s);
    memcpy(share, s->share, n * sizeof *share);
    if (s->first)
        step(s, share, share);
    if (s->purchases == PV_FOREVER) {
        for (size_t j = 0; j < n; j++)
            sum[j] = s->advance ? share[j] * d : share[j] * d / (1.0 - v);
        if (s->advance && !sum_forever(s, v, sum))
            return PV_ERR_ARGUMENT;
    } else {
        for (int k = 1; k <= s->purchases; k++, d *= v) {
            for (size_t j = 0; j < n; j++)
                sum[j] += d * share[j];
            if (s->advance)
                step(s, share, share);
        }
    }
    for (size_t j = 0; j < n; j++)
        ret_value[j] = s->contribution * (sum[j] + (s->current ? s->share[j] : 0.0));
    return 0;
}

/* s (M - I) = 0 with sum 1; singular when several classes keep to themselves. */
static int steady_state(const struct pv_switching *s, double *ret_share)
{
    size_t n = s->brands;
    double m[MAX_STATES * MAX_STATES], b[MAX_STATES] = {0.0};
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            m[i * n + j] = s->matrix[j * n + i] - (i == j ? 1.0 : 0.0);
    for (size_t j = 0; j < n; j++)
        m[(n - 1) * n + j] = 1.0; /* one equation is the others' sum: the total takes its place */
    b[n - 1] = 1.0;
    if (!solve(n, m, b))
        return PV_ERR_ARGUMENT;
    memcpy(ret_share, b, n * sizeof *b);
    return 0;
}

int pv_switching_share(const struct pv_switching *s, int steps, double *ret_share)
{
    if (!is_switching(s) || (steps < 0 && steps != PV_FOREVER))
        return PV_ERR_ARGUMENT;
    if (steps == PV_FOREVER)
        return steady_state(s, ret_share);
    double share[MAX_STATES];
    memcpy(share, s->share, s->brands * sizeof *share);
    for (int k = 0; k < steps; k++)
        step(s, share, share);
    memcpy(ret_share, share, s->brands * sizeof *share);
    return 0;
}

/* ---- switching: what one entry does -----------------------------------------------------------
 */

/* How row `from` changes when entry `to` grows by one: its sum is 0. */
static bool direction(size_t n, const double *row, size_t to, enum pv_give_way way, size_t giver,
                      double *ret_row)
{
    double rest = 1.0 - row[to];
    if (way == PV_GIVE_WAY_ONE && (giver >= n || giver == to))
        return false;
    for (size_t j = 0; j < n; j++) {
        if (j == to)
            ret_row[j] = 1.0;
        else if (way == PV_GIVE_WAY_ONE)
            ret_row[j] = j == giver ? -1.0 : 0.0;
        else if (way == PV_GIVE_WAY_PROPORTIONAL && rest > 0.0)
            ret_row[j] = -row[j] / rest;
        else
            ret_row[j] = -1.0 / (double)(n - 1);
    }
    return (unsigned)way <= PV_GIVE_WAY_EQUAL;
}

int pv_switching_move(size_t brands, double *matrix, size_t from, size_t to, double change,
                      enum pv_give_way way, size_t giver)
{
    double dir[MAX_STATES], row[MAX_STATES];
    if (brands < 2 || brands > MAX_STATES || from >= brands || to >= brands ||
        !is_stochastic(brands, brands, matrix) ||
        !direction(brands, matrix + from * brands, to, way, giver, dir))
        return PV_ERR_ARGUMENT;
    for (size_t j = 0; j < brands; j++) {
        row[j] = matrix[from * brands + j] + change * dir[j];
        if (!(row[j] >= -1e-12 && row[j] <= 1.0 + 1e-12))
            return PV_ERR_ARGUMENT;
        row[j] = fmin(fmax(row[j], 0.0), 1.0);
    }
    memcpy(matrix + from * brands, row, brands * sizeof *row);
    return 0;
}

/* Shares and their slopes are carried along together: (sM)' = s'M + s M'. */
int pv_switching_slope(const struct pv_switching *s, size_t from, size_t to, enum pv_give_way way,
                       size_t giver, double *ret_slope)
{
    double dir[MAX_STATES];
    if (!is_switching(s) || (s->purchases == PV_FOREVER && !(s->rate > 0.0)) || from >= s->brands ||
        to >= s->brands || !direction(s->brands, s->matrix + from * s->brands, to, way, giver, dir))
        return PV_ERR_ARGUMENT;
    size_t n = s->brands;
    double share[MAX_STATES], slope[MAX_STATES] = {0.0}, sum[MAX_STATES] = {0.0};
    double d = first_discount(s), v = next_discount(s);
    memcpy(share, s->share, n * sizeof *share);
    if (s->first) {
        for (size_t j = 0; j < n; j++)
            slope[j] = share[from] * dir[j];
        step(s, share, share);
    }
    if (s->purchases == PV_FOREVER && s->advance) {
        /* Y = s (I - vM)^-1; Y' = (s' + v Y M') (I - vM)^-1 */
        if (!sum_forever(s, v, share))
            return PV_ERR_ARGUMENT;
        for (size_t j = 0; j < n; j++)
            sum[j] = d * (slope[j] + v * share[from] * dir[j]);
        if (!sum_forever(s, v, sum))
            return PV_ERR_ARGUMENT;
    } else if (s->purchases == PV_FOREVER) {
        for (size_t j = 0; j < n; j++)
            sum[j] = d * slope[j] / (1.0 - v);
    }
    for (int k = 1; k <= s->purchases; k++, d *= v) {
        for (size_t j = 0; j < n; j++)
            sum[j] += d * slope[j];
        if (!s->advance)
            continue;
        step(s, slope, slope);
        for (size_t j = 0; j < n; j++)
            slope[j] += share[from] * dir[j];
        step(s, share, share);
    }
    for (size_t j = 0; j < n; j++)
        ret_slope[j] = s->contribution * sum[j];
    return 0;
}

/* ---- switching: the matrix from purchases -----------------------------------------------------
 */

int pv_switching_estimate(size_t brands, const uint64_t *start, size_t customers,
                          const uint32_t *brand, double prior, double *ret_matrix,
                          double *ret_error)
{
    if (brands < 2 || brands > MAX_STATES || !(prior >= 0.0) || !isfinite(prior))
        return PV_ERR_ARGUMENT;
    double count[MAX_STATES * MAX_STATES] = {0.0};
    for (size_t c = 0; c < customers; c++) {
        for (uint64_t i = start[c]; i < start[c + 1]; i++) {
            if (brand[i] >= brands)
                return PV_ERR_ARGUMENT;
            if (i > start[c])
                count[brand[i - 1] * brands + brand[i]] += 1.0;
        }
    }
    for (size_t i = 0; i < brands; i++) {
        double total = prior * (double)brands;
        for (size_t j = 0; j < brands; j++)
            total += count[i * brands + j];
        for (size_t j = 0; j < brands; j++) {
            double alpha = count[i * brands + j] + prior;
            double p = total > 0.0 ? alpha / total : i == j ? 1.0 : 0.0;
            ret_matrix[i * brands + j] = p;
            if (ret_error)
                ret_error[i * brands + j] = total > 0.0 ? sqrt(p * (1.0 - p) / (total + 1.0)) : NAN;
        }
    }
    return 0;
}
