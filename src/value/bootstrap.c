/*
 * bootstrap.c - the fit again and again, on customers as they might have been.
 *
 * Efron & Tibshirani (1993), An introduction to the bootstrap. A replicate is named by its number
 * and takes its chance from it, whatever thread works on it.
 */
#include "patron_interval.h"

#include "population.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 20, MOST = 10000, IN_TAIL = 2, MOST_CUSTOMERS = 100000000 };

struct replicate {
    double param[PV_MAX_PARAMS];
    bool usable;
};

struct pv_bootstrap {
    const struct pv_model *model;
    struct pv_fit fit;
    size_t count, failed;
    struct replicate *replicate; /* usable ones first */
};

struct job {
    struct pv_bootstrap *b;
    const struct pv_cell *cell;
    size_t cells;
    uint64_t customers;
    struct pv_bootstrap_options options;
};

/* Multinomial, one cell after the other: of those that are left. */
static int resample_cells(const struct job *job, struct pv_rng *rng, struct pv_cells **ret)
{
    struct pv_cell *cell = malloc((job->cells + 1) * sizeof *cell);
    uint64_t left = job->customers, to_draw = job->customers;
    size_t n = 0;
    if (!cell)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < job->cells && to_draw > 0; i++) {
        uint32_t count = job->cell[i].count;
        uint64_t drawn = pv_rng_binomial(rng, to_draw, (double)count / (double)left);
        left -= count;
        to_draw -= drawn;
        if (drawn == 0)
            continue;
        if (drawn > UINT32_MAX) {
            free(cell);
            return PV_ERR_OVERFLOW;
        }
        cell[n] = job->cell[i];
        cell[n++].count = (uint32_t)drawn;
    }
    int rc = pv_cells_from(cell, n, ret);
    free(cell);
    return rc;
}

static int resample_model(const struct job *job, struct pv_rng *rng, struct pv_cells **ret)
{
    const struct pv_bootstrap *b = job->b;
    struct pv_customer *rows = malloc((job->customers + 1) * sizeof *rows);
    size_t n = 0;
    if (!rows)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < job->cells; i++)
        for (uint32_t k = 0; k < job->cell[i].count; k++)
            rows[n++] = pv_populate_one(b->model, b->fit.param, b->fit.unit_days, rng,
                                        job->cell[i].T, 0, NULL);
    int rc = pv_cells_new(rows, n, ret);
    free(rows);
    return rc;
}

static int refit(void *context, size_t index)
{
    static int (*const resample[])(const struct job *, struct pv_rng *, struct pv_cells **) = {
        [PV_RESAMPLE_MODEL] = resample_model, [PV_RESAMPLE_CELLS] = resample_cells};
    const struct job *job = context;
    struct pv_bootstrap *b = job->b;
    struct pv_fit_options options = {.unit_days = b->fit.unit_days, .money_scale = 1.0};
    struct replicate *r = &b->replicate[index];
    struct pv_cells *cells;
    struct pv_rng rng;
    struct pv_fit fit;
    bool found = false;
    pv_rng_start(&rng, job->options.seed, index);
    int rc = resample[job->options.resample](job, &rng, &cells);
    if (rc)
        return rc;
    rc = pv_fit_from(b->model, cells, &options, b->fit.param, &fit, &found);
    if (rc == 0 && !found)
        rc = pv_fit_model(b->model, cells, &options, &fit);
    pv_cells_free(cells);
    if (rc)
        return rc;
    r->usable = fit.usable;
    memcpy(r->param, fit.param, sizeof r->param);
    return 0;
}

int pv_bootstrap_new(const struct pv_fit *fit, const struct pv_cells *cells,
                     const struct pv_bootstrap_options *options, struct pv_bootstrap **ret)
{
    const struct pv_model *m = pv_model_find(fit->model);
    struct job job = {.options = *options};
    if (!m || !m->starts || !fit->usable || options->replicates < LEAST ||
        options->replicates > MOST || (unsigned)options->resample > PV_RESAMPLE_CELLS ||
        (options->resample == PV_RESAMPLE_MODEL && !pv_populate_can(m)))
        return PV_ERR_ARGUMENT;
    job.cell = pv_cells_data(cells, &job.cells);
    for (size_t i = 0; i < job.cells; i++)
        job.customers += job.cell[i].count;
    if (job.customers == 0)
        return PV_ERR_EMPTY;
    if (options->resample == PV_RESAMPLE_MODEL && job.customers > MOST_CUSTOMERS)
        return PV_ERR_OVERFLOW;
    size_t n = (size_t)options->replicates;
    struct pv_bootstrap *b = calloc(1, sizeof *b);
    if (!b)
        return PV_ERR_NO_MEMORY;
    b->model = m;
    b->fit = *fit;
    b->replicate = calloc(n, sizeof *b->replicate);
    job.b = b;
    int rc = b->replicate ? pv_parallel_run(options->threads, n, refit, &job) : PV_ERR_NO_MEMORY;
    if (rc) {
        pv_bootstrap_free(b);
        return rc;
    }
    for (size_t i = 0; i < n; i++)
        if (b->replicate[i].usable)
            b->replicate[b->count++] = b->replicate[i];
    b->failed = n - b->count;
    *ret = b;
    return 0;
}

void pv_bootstrap_free(struct pv_bootstrap *b)
{
    if (!b)
        return;
    free(b->replicate);
    free(b);
}

size_t pv_bootstrap_count(const struct pv_bootstrap *b, size_t *ret_failed)
{
    if (ret_failed)
        *ret_failed = b->failed;
    return b->count;
}

const double *pv_bootstrap_params(const struct pv_bootstrap *b, size_t index)
{
    return index < b->count ? b->replicate[index].param : NULL;
}

/*
 * Basic intervals in logarithms: replicates lie around the fit as fits do around the truth, so that
 * the percentile above the fit by a factor bounds the truth below by it. Order statistics at
 * (count + 1) p, interpolated. Sorts value.
 */
static int basic_range(double *value, size_t count, double fit, double level, struct pv_range *ret)
{
    double p = 0.5 * (1.0 - level), at = p * (double)(count + 1);
    if (!(level > 0.0 && level < 1.0))
        return PV_ERR_ARGUMENT;
    if (count < LEAST || at < IN_TAIL)
        return PV_ERR_EMPTY;
    qsort(value, count, sizeof *value, pv_stats_ascending);
    size_t i = (size_t)at - 1;
    double f = at - floor(at);
    double low = value[i] + f * (value[i + 1] - value[i]);
    double high = value[count - 1 - i] - f * (value[count - 1 - i] - value[count - 2 - i]);
    if (!(low > 0.0))
        return PV_ERR_EMPTY;
    *ret = (struct pv_range){fit * (fit / high), fit * (fit / low)};
    return 0;
}

int pv_bootstrap_param(const struct pv_bootstrap *b, int index, double level,
                       struct pv_range *ret_range)
{
    if (index < 0 || index >= b->model->params)
        return PV_ERR_ARGUMENT;
    double *value = malloc((b->count + 1) * sizeof *value);
    if (!value)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < b->count; i++)
        value[i] = b->replicate[i].param[index];
    int rc = basic_range(value, b->count, b->fit.param[index], level, ret_range);
    free(value);
    return rc;
}

int pv_bootstrap_mean(const struct pv_bootstrap *b, double x, double t_x, double T, double t,
                      double level, struct pv_range *ret_range)
{
    if (!b->model->buying)
        return PV_ERR_ARGUMENT;
    double *value = malloc((b->count + 1) * sizeof *value);
    if (!value)
        return PV_ERR_NO_MEMORY;
    int rc = 0;
    for (size_t i = 0; i < b->count && rc == 0; i++) {
        value[i] = pv_predict_expected(b->model, b->replicate[i].param, x, t_x, T, t);
        rc = isnan(value[i]) ? PV_ERR_ARGUMENT : 0;
    }
    double mean = pv_predict_expected(b->model, b->fit.param, x, t_x, T, t);
    rc = rc ? rc : basic_range(value, b->count, mean, level, ret_range);
    free(value);
    return rc;
}
