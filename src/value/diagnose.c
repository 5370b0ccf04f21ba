/*
 * diagnose.c - what a model foresaw against what happened.
 */
#include "patron_diagnose.h"

#include "internal.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1024, LEAST_EXPECTED = 5 };

static const struct pv_test NO_TEST = {NAN, 0.0, NAN};

/* ---- Within the calibration ------------------------------------------------------------------ */

static int by_T(const void *left, const void *right)
{
    const struct pv_cell *l = left, *r = right;
    return (l->T > r->T) - (l->T < r->T);
}

static struct pv_test frequency_test(const struct pv_frequency *f, size_t n)
{
    struct pv_test test = NO_TEST;
    double actual = 0.0, expected = 0.0, sum = 0.0;
    size_t entries = 0;
    /* From the rare end; what is too small at the other one joins its neighbour. */
    double last_actual = 0.0, last_expected = 0.0;
    for (size_t k = n; k-- > 0;) {
        actual += f[k].actual;
        expected += f[k].expected;
        if (expected < LEAST_EXPECTED)
            continue;
        if (entries++)
            sum += (last_actual - last_expected) * (last_actual - last_expected) / last_expected;
        last_actual = actual;
        last_expected = expected;
        actual = expected = 0.0;
    }
    last_actual += actual;
    last_expected += expected;
    if (entries < 2)
        return test;
    sum += (last_actual - last_expected) * (last_actual - last_expected) / last_expected;
    test.statistic = sum;
    test.df = (double)(entries - 1);
    test.p_value = pv_stats_chi2_tail(sum, test.df);
    return test;
}

int pv_diagnose_frequency(const struct pv_fit *buying, const struct pv_cells *cells, size_t n,
                          struct pv_frequency *ret_frequency, struct pv_test *ret_test)
{
    const struct pv_model *m = pv_buying_find(buying->model);
    size_t count;
    const struct pv_cell *cell = pv_cells_data(cells, &count);
    if (!m || !buying->usable || n < 3 || n > 1 << 16 || !(buying->unit_days > 0.0))
        return PV_ERR_ARGUMENT;
    struct pv_cell *sorted = malloc((count + 1) * sizeof *sorted);
    double *pmf = malloc(n * sizeof *pmf);
    struct pv_frequency *f = calloc(n, sizeof *f);
    int rc = sorted && pmf && f ? 0 : PV_ERR_NO_MEMORY;
    if (rc == 0 && count > 0) {
        memcpy(sorted, cell, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, by_T);
    }
    for (size_t i = 0, next; rc == 0 && i < count; i = next) {
        double customers = 0.0, rest = 1.0;
        for (next = i; next < count && sorted[next].T == sorted[i].T; next++) {
            size_t x = (size_t)sorted[next].x < n - 1 ? (size_t)sorted[next].x : n - 1;
            f[x].actual += sorted[next].count;
            customers += sorted[next].count;
        }
        rc = pv_predict_pmf(m, buying->param, 0.0, 0.0, 0.0, sorted[i].T / buying->unit_days, n - 1,
                            pmf);
        for (size_t k = 0; rc == 0 && k < n - 1; k++) {
            f[k].expected += customers * pmf[k];
            rest -= pmf[k];
        }
        f[n - 1].expected += customers * fmax(rest, 0.0);
    }
    if (rc == 0) {
        memcpy(ret_frequency, f, n * sizeof *f);
        if (ret_test)
            *ret_test = frequency_test(f, n);
    }
    free(sorted);
    free(pmf);
    free(f);
    return rc;
}

/* ---- What was foreseen ----------------------------------------------------------------------- */

struct look {
    const struct pv_model *model;
    const struct pv_fit *fit;
    const struct pv_customer *rows;
    size_t n, room; /* room: the largest x_star + 1 */
    double units;
    uint64_t seed;
    struct pv_foresight *foresight;
};

/* work: 2 x room doubles. */
static int foresee_one(const struct look *l, size_t i, double *work, struct pv_foresight *ret)
{
    const struct pv_customer *r = &l->rows[i];
    const struct pv_model *m = l->model;
    const double *theta = l->fit->param;
    double unit = l->fit->unit_days, x = r->x, t_x = r->t_x / unit, T = r->T / unit;
    size_t n = (size_t)r->x_star + 1;
    double *pmf = work, *one = work + l->room, below = 0.0;
    struct pv_states s;
    struct pv_rng rng;
    if (r->x < 0 || r->t_x < 0 || r->t_x > r->T || r->x_star < 0)
        return PV_ERR_ARGUMENT;
    if (m->buying->defined && !m->buying->defined(m, theta, x))
        return PV_ERR_ARGUMENT;
    double alive = m->buying->p_alive(m, theta, x, t_x, T, NULL), mean = 0.0;
    pv_states_of(m, theta, x, t_x, T, false, &s);
    memset(pmf, 0, n * sizeof *pmf);
    for (int j = 0; j < s.n; j++) {
        double weight = s.weight[j];
        mean += weight * m->buying->mean(m, theta, s.first + j, T, l->units);
        int rc = m->buying->pmf(m, theta, s.first + j, T, l->units, n, one);
        if (rc)
            return rc;
        for (size_t k = 0; k < n; k++)
            pmf[k] += alive * weight * one[k];
    }
    pmf[0] += 1.0 - alive;
    for (size_t k = 0; k + 1 < n; k++)
        below += pmf[k];
    pv_rng_start(&rng, l->seed, i);
    *ret = (struct pv_foresight){.expected = alive * mean,
                                 .alive = alive,
                                 .buys = fmin(fmax(1.0 - pmf[0], 0.0), 1.0),
                                 .pit = fmin(below + pv_rng_uniform(&rng) * pmf[n - 1], 1.0)};
    return 0;
}

static int foresee_chunk(void *context, size_t chunk)
{
    struct look *l = context;
    size_t from = chunk * CHUNK, to = from + CHUNK < l->n ? from + CHUNK : l->n;
    double *work = malloc(2 * l->room * sizeof *work);
    int rc = work ? 0 : PV_ERR_NO_MEMORY;
    for (size_t i = from; i < to && rc == 0; i++) {
        if (l->rows[i].T < 0)
            l->foresight[i] = (struct pv_foresight){NAN, NAN, NAN, NAN};
        else
            rc = foresee_one(l, i, work, &l->foresight[i]);
    }
    free(work);
    return rc;
}

int pv_foresee(const struct pv_fit *buying, const struct pv_customer *rows, size_t n, double units,
               uint64_t seed, int threads, struct pv_foresight *ret_foresight)
{
    struct look l = {.model = pv_buying_find(buying->model),
                     .fit = buying,
                     .rows = rows,
                     .n = n,
                     .room = 1,
                     .units = units,
                     .seed = seed};
    if (!l.model || !buying->usable || !(units > 0.0) || !isfinite(units) ||
        !(buying->unit_days > 0.0))
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++)
        if (rows[i].x_star >= 0 && (size_t)rows[i].x_star + 1 > l.room)
            l.room = (size_t)rows[i].x_star + 1;
    if (l.room > 100000000)
        return PV_ERR_ARGUMENT;
    /* Made aside: on failure the caller's array is as it was. */
    l.foresight = malloc((n + 1) * sizeof *l.foresight);
    if (!l.foresight)
        return PV_ERR_NO_MEMORY;
    int rc = pv_parallel_run(threads, (n + CHUNK - 1) / CHUNK, foresee_chunk, &l);
    if (rc == 0 && n > 0)
        memcpy(ret_foresight, l.foresight, n * sizeof *l.foresight);
    free(l.foresight);
    return rc;
}

int pv_diagnose_uniform(const double *value, size_t n, size_t bins, double *ret_histogram,
                        struct pv_test *ret_test)
{
    struct pv_test test = NO_TEST;
    size_t used = 0;
    if (ret_histogram && (bins == 0 || bins > 1 << 16))
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++)
        if (value[i] < 0.0 || value[i] > 1.0)
            return PV_ERR_ARGUMENT;
    double *sorted = malloc((n + 1) * sizeof *sorted);
    if (!sorted)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (!isnan(value[i]))
            sorted[used++] = value[i];
    qsort(sorted, used, sizeof *sorted, pv_stats_ascending);
    for (size_t b = 0; ret_histogram && b < bins; b++)
        ret_histogram[b] = 0.0;
    for (size_t i = 0; ret_histogram && i < used; i++) {
        size_t b = (size_t)(sorted[i] * (double)bins);
        ret_histogram[b < bins ? b : bins - 1] += 1.0 / (double)used;
    }
    if (used >= 20) {
        test.statistic = pv_stats_ks_uniform(sorted, used);
        test.p_value = pv_stats_ks_tail(test.statistic, (double)used);
    }
    free(sorted);
    *ret_test = test;
    return 0;
}

/* ---- Against what happened ------------------------------------------------------------------- */

/* Sums become means; squares arrive in std_error. */
static void close_group(struct pv_group_check *g)
{
    double n = (double)g->customers;
    double mean = g->customers ? g->actual / n : NAN;
    double var = g->customers > 1 ? fmax(g->std_error - n * mean * mean, 0.0) / (n - 1.0) : NAN;
    g->predicted = g->customers ? g->predicted / n : NAN;
    g->actual = mean;
    g->std_error = sqrt(var / n);
}

static void add_to_group(struct pv_group_check *g, double predicted, double actual)
{
    g->customers++;
    g->predicted += predicted;
    g->actual += actual;
    g->std_error += actual * actual;
}

int pv_diagnose_by_frequency(const struct pv_customer *rows, const struct pv_foresight *foresight,
                             size_t count, size_t n, struct pv_group_check *ret_groups)
{
    if (n == 0)
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (rows[i].T >= 0 && rows[i].x < 0)
            return PV_ERR_ARGUMENT;
    memset(ret_groups, 0, n * sizeof *ret_groups);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].T < 0 || isnan(foresight[i].expected))
            continue;
        size_t x = (size_t)rows[i].x < n - 1 ? (size_t)rows[i].x : n - 1;
        add_to_group(&ret_groups[x], foresight[i].expected, rows[i].x_star);
    }
    for (size_t x = 0; x < n; x++)
        close_group(&ret_groups[x]);
    return 0;
}

struct pair {
    double predicted, actual;
};

static int by_prediction(const void *left, const void *right)
{
    const struct pair *l = left, *r = right;
    return (l->predicted > r->predicted) - (l->predicted < r->predicted);
}

static int by_actual(const void *left, const void *right)
{
    const struct pair *l = left, *r = right;
    return (l->actual > r->actual) - (l->actual < r->actual);
}

struct tally {
    double happened, expected, not_expected, var;
};

static double misfit(const struct tally *t)
{
    double miss = t->happened - t->expected;
    return t->var > 0.0 ? miss * miss / t->var : 0.0;
}

int pv_diagnose_probability(const double *p, const bool *happened, size_t n, size_t groups,
                            struct pv_group_check *ret_groups, struct pv_test *ret_test)
{
    struct pv_group_check g[100] = {{0}};
    size_t used = 0;
    if (groups < 2 || groups > 100)
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0.0 || p[i] > 1.0)
            return PV_ERR_ARGUMENT;
    struct pair *pair = malloc((n + 1) * sizeof *pair);
    if (!pair)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            pair[used++] = (struct pair){p[i], happened[i] ? 1.0 : 0.0};
    if (used < groups) {
        free(pair);
        return PV_ERR_EMPTY;
    }
    qsort(pair, used, sizeof *pair, by_prediction);
    /* Of what is being joined, and of what was last. */
    struct tally open = {0}, last = {0};
    double sum = 0.0;
    size_t tested = 0;
    /* Equal probabilities stay together. */
    for (size_t k = 0, from = 0; k < groups; k++) {
        size_t to = used * (k + 1) / groups;
        to = to < from ? from : to;
        while (to > from && to < used && pair[to].predicted <= pair[to - 1].predicted)
            to++;
        for (size_t i = from; i < to; i++) {
            add_to_group(&g[k], pair[i].predicted, pair[i].actual);
            open.happened += pair[i].actual;
            open.expected += pair[i].predicted;
            open.not_expected += 1.0 - pair[i].predicted;
            open.var += pair[i].predicted * (1.0 - pair[i].predicted);
        }
        close_group(&g[k]);
        from = to;
        if (open.expected < LEAST_EXPECTED || open.not_expected < LEAST_EXPECTED)
            continue;
        sum += tested++ ? misfit(&last) : 0.0;
        last = open;
        open = (struct tally){0};
    }
    free(pair);
    last.happened += open.happened;
    last.expected += open.expected;
    last.var += open.var;
    sum += tested ? misfit(&last) : 0.0;
    memcpy(ret_groups, g, groups * sizeof *g);
    if (ret_test)
        *ret_test = tested > 0 ? (struct pv_test){sum, (double)tested,
                                                  pv_stats_chi2_tail(sum, (double)tested)}
                               : NO_TEST;
    return 0;
}

/* Replaces one side, by which the pairs are sorted, by mean ranks. */
static void rank_predicted(struct pair *pair, size_t n)
{
    for (size_t i = 0, next; i < n; i = next) {
        double value = pair[i].predicted;
        for (next = i; next < n && pair[next].predicted <= value; next++) {
        }
        for (size_t k = i; k < next; k++)
            pair[k].predicted = 0.5 * (double)(i + next - 1);
    }
}

static void rank_actual(struct pair *pair, size_t n)
{
    for (size_t i = 0, next; i < n; i = next) {
        double value = pair[i].actual;
        for (next = i; next < n && pair[next].actual <= value; next++) {
        }
        for (size_t k = i; k < next; k++)
            pair[k].actual = 0.5 * (double)(i + next - 1);
    }
}

static double correlation(const struct pair *pair, size_t n)
{
    double mid = 0.5 * (double)(n - 1), pp = 0.0, aa = 0.0, pa = 0.0;
    for (size_t i = 0; i < n; i++) {
        double p = pair[i].predicted - mid, a = pair[i].actual - mid;
        pp += p * p;
        aa += a * a;
        pa += p * a;
    }
    return pp > 0.0 && aa > 0.0 ? pa / sqrt(pp * aa) : NAN;
}

/* Pairs ascending by prediction. A tie counts everywhere with its mean. */
static void lift_of(const struct pair *pair, size_t n, double mean, double *ret_lift)
{
    double tenth[PV_LIFT_TENTHS] = {0.0}, width = (double)n / PV_LIFT_TENTHS;
    for (size_t i = 0, next; i < n; i = next) {
        double sum = 0.0;
        for (next = i; next < n && pair[next].predicted <= pair[i].predicted; next++)
            sum += pair[next].actual;
        double height = sum / (double)(next - i);
        for (int t = 0; t < PV_LIFT_TENTHS; t++) {
            double over = fmin((double)next, (t + 1) * width) - fmax((double)i, t * width);
            tenth[t] += over > 0.0 ? over * height : 0.0;
        }
    }
    for (int t = 0; t < PV_LIFT_TENTHS; t++)
        ret_lift[t] = mean != 0.0 ? tenth[PV_LIFT_TENTHS - 1 - t] / width / mean : NAN;
}

int pv_diagnose_scores(const double *predicted, const double *actual, size_t n,
                       struct pv_scores *ret_scores)
{
    struct pv_scores s = {0};
    size_t used = 0;
    double mean = 0.0;
    struct pair *pair = malloc((n + 1) * sizeof *pair);
    if (!pair)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        double miss = predicted[i] - actual[i];
        if (isnan(miss))
            continue;
        pair[used++] = (struct pair){predicted[i], actual[i]};
        s.bias += miss;
        s.mae += fabs(miss);
        s.rmse += miss * miss;
        mean += actual[i];
    }
    if (used == 0) {
        free(pair);
        return PV_ERR_EMPTY;
    }
    double m = (double)used;
    s.customers = used;
    s.bias /= m;
    s.mae /= m;
    s.rmse = sqrt(s.rmse / m);
    qsort(pair, used, sizeof *pair, by_prediction);
    lift_of(pair, used, mean / m, s.lift);
    rank_predicted(pair, used);
    qsort(pair, used, sizeof *pair, by_actual);
    rank_actual(pair, used);
    s.spearman = correlation(pair, used);
    free(pair);
    *ret_scores = s;
    return 0;
}
