/*
 * recovery.h - worlds whose parameters are known, fitted again and again: do the parameters come
 * back, do the intervals hold them, and what does booking by the day do?
 *
 * A world is made twice from the same chance: with times as they are (to a small part of a day),
 * and booked by the day as an order book has them. Shared by bench/value_study.c (100 seeds) and
 * tests/unit/value_recovery.c (few).
 */
#ifndef PATRON_BENCH_RECOVERY_H
#define PATRON_BENCH_RECOVERY_H

#include "patron_covariates.h"
#include "patron_interval.h"
#include "population.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct recovery_world {
    const char *model;
    double param[PV_MAX_PARAMS]; /* unit: a week, an opportunity, a period */
    int32_t watch;               /* days (opportunities, periods) from the first purchase on ... */
    int32_t spread;              /* ... less 0 .. spread - 1 */
    int32_t fine;                /* parts of a day that count as time itself; 0: whole anyway */
};

static const struct recovery_world recovery_worlds[] = {
    {"bg-nbd", {0.8, 20.0, 0.8, 2.5}, 700, 84, 24},
    {"mbg-nbd", {0.8, 12.0, 0.8, 2.0}, 700, 84, 24},
    {"pareto-nbd", {0.8, 10.0, 0.7, 15.0}, 700, 84, 24},
    {"ggompertz-nbd", {0.8, 10.0, 0.06, 1.5, 4.0}, 700, 84, 8},
    {"nbd", {0.8, 20.0}, 700, 84, 24},
    {"bg-cnbd-2", {0.8, 10.0, 0.8, 2.5}, 700, 84, 24},
    {"bg-cnbd-3", {0.8, 7.0, 0.8, 2.5}, 700, 84, 24},
    {"bg-cnbd-4", {0.8, 5.0, 0.8, 2.5}, 700, 84, 24},
    {"mbg-cnbd-2", {0.8, 6.0, 0.8, 2.0}, 700, 84, 24},
    {"mbg-cnbd-3", {0.8, 4.0, 0.8, 2.0}, 700, 84, 24},
    {"mbg-cnbd-4", {0.8, 3.0, 0.8, 2.0}, 700, 84, 24},
    {"bg-cnbd-8", {0.8, 2.5, 0.8, 2.5}, 700, 84, 24},
    {"mbg-cnbd-12", {0.8, 1.0, 0.8, 2.0}, 700, 84, 24},
    {"bg-bb", {1.2, 0.75, 0.66, 2.8}, 24, 6, 0},
    {"sbg", {0.7, 1.5}, 12, 6, 0},
    {"gamma-gamma", {6.25, 3.74, 15.44}, 0, 0, 0},
};
enum { RECOVERY_WORLDS = sizeof recovery_worlds / sizeof recovery_worlds[0] };

struct recovery {
    int seeds, ok, usable;
    double bias[PV_MAX_PARAMS];     /* mean over usable fits of (ln p^ - ln p) / standard error */
    double far[PV_MAX_PARAMS];      /* the same without dividing, over the mean standard error */
    double held[PV_MAX_PARAMS];     /* share of 95 % intervals that hold the parameter */
    double rounding[PV_MAX_PARAMS]; /* by the day less as it is, in standard errors; NaN: none */
    double percent[PV_MAX_PARAMS];  /* ... and of the parameter */
    int all_near;     /* fits in which all parameters are within three standard errors */
    double mean_held; /* of the expectation of a new customer in 52 units; NaN: not of purchases */
};

static struct pv_customer recovery_contract(const double *p, struct pv_rng *rng, int32_t periods)
{
    double a = pv_rng_gamma(rng, p[0]), b = pv_rng_gamma(rng, p[1]), leaves = a / (a + b);
    for (int32_t t = 1; t <= periods; t++)
        if (pv_rng_uniform(rng) < leaves)
            return (struct pv_customer){.x = 1, .T = t};
    return (struct pv_customer){.T = periods};
}

static struct pv_customer recovery_spender(const double *p, struct pv_rng *rng)
{
    struct pv_customer c = {.x = 1 + (int32_t)(4.0 * pv_rng_uniform(rng) * pv_rng_uniform(rng) +
                                               3.0 * pv_rng_uniform(rng)),
                            .T = 100};
    double nu = pv_rng_gamma(rng, p[1]) / p[2];
    c.spend = llround(1e4 * pv_rng_gamma(rng, p[0] * c.x) / nu) + 1;
    return c;
}

static int recovery_fit(const struct recovery_world *w, uint64_t seed, size_t n, int32_t fine,
                        struct pv_customer *rows, struct pv_fit *ret_fit)
{
    const struct pv_model *m = pv_model_find(w->model);
    int32_t ticks = fine > 0 ? fine : 1;
    struct pv_fit_options o = {.unit_days = m->kind == PV_KIND_BUYING ? 7.0 * ticks : 1.0,
                               .money_scale = 1e4};
    struct pv_cells *cells;
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        int32_t T = w->watch - (w->spread > 0 ? (int32_t)(i % (size_t)w->spread) : 0);
        pv_rng_start(&rng, seed, i);
        rows[i] = m->kind == PV_KIND_SPEND ? recovery_spender(w->param, &rng)
                  : m->kind == PV_KIND_CONTRACT
                      ? recovery_contract(w->param, &rng, T)
                      : pv_populate_one(m, w->param, o.unit_days, &rng, T * ticks, 0, NULL);
    }
    if (m->kind == PV_KIND_SPEND)
        return pv_fit_gamma_gamma(rows, n, &o, ret_fit);
    int rc = pv_cells_new(rows, n, &cells);
    if (rc)
        return rc;
    rc = pv_fit_model(m, cells, &o, ret_fit);
    pv_cells_free(cells);
    return rc;
}

/* Seeds first .. first + seeds - 1, n customers each. level 0.95. Returns 0 or an error. */
static int recovery_run(const struct recovery_world *w, uint64_t first, int seeds, size_t n,
                        struct recovery *ret)
{
    const struct pv_model *m = pv_model_find(w->model);
    struct recovery r = {.seeds = seeds};
    double error[PV_MAX_PARAMS] = {0.0}, off[PV_MAX_PARAMS] = {0.0};
    struct pv_customer *rows = malloc(n * sizeof *rows);
    int rc = rows ? 0 : PV_ERR_NO_MEMORY, pairs = 0;
    for (int s = 0; s < seeds && rc == 0; s++) {
        struct pv_fit fit, booked;
        bool near = true;
        rc = recovery_fit(w, first + (uint64_t)s, n, w->fine, rows, &fit);
        if (rc == 0 && w->fine > 0)
            rc = recovery_fit(w, first + (uint64_t)s, n, 1, rows, &booked);
        if (rc)
            break;
        r.ok += fit.verdict == PV_VERDICT_OK;
        if (!fit.usable)
            continue;
        bool both = w->fine > 0 && booked.usable;
        r.usable++;
        pairs += both;
        for (int k = 0; k < m->params; k++) {
            double sd = sqrt(fit.log_cov[k * m->params + k]),
                   miss = log(fit.param[k] / w->param[k]);
            struct pv_range range = pv_param_interval(&fit, k, 0.95);
            r.bias[k] += miss / sd;
            off[k] += miss;
            error[k] += sd;
            near = near && fabs(miss) < 3.0 * sd;
            r.held[k] += w->param[k] >= range.low && w->param[k] <= range.high;
            if (both) {
                r.rounding[k] += log(booked.param[k] / fit.param[k]) / sd;
                r.percent[k] += 100.0 * log(booked.param[k] / fit.param[k]);
            }
        }
        r.all_near += near;
        if (m->kind == PV_KIND_BUYING) {
            struct pv_range range;
            double truth = pv_predict_expected(m, w->param, 0.0, 0.0, 0.0, 52.0);
            rc = pv_mean_interval(&fit, 0.0, 0.0, 0.0, 52.0, 0.95, NULL, &range);
            r.mean_held += truth >= range.low && truth <= range.high;
        }
    }
    free(rows);
    double usable = r.usable > 0 ? (double)r.usable : (double)NAN;
    for (int k = 0; k < m->params; k++) {
        r.bias[k] /= usable;
        r.held[k] /= usable;
        r.far[k] = off[k] / error[k];
        r.rounding[k] = pairs > 0 ? r.rounding[k] / pairs : NAN;
        r.percent[k] = pairs > 0 ? r.percent[k] / pairs : NAN;
    }
    r.mean_held = m->kind == PV_KIND_BUYING ? r.mean_held / usable : NAN;
    if (rc == 0)
        *ret = r;
    return rc;
}

/* ---- With covariates ------------------------------------------------------------------------- */

/* A third of the customers are of another kind (column 0), all have a number that is normal,
 * rounded to halves (column 1). coef by process, then column. */
enum { RECOVERY_COLUMNS = 2, RECOVERY_MOST = PV_MAX_PARAMS + 3 * RECOVERY_COLUMNS };
static const double recovery_coef[PV_MAX_PROCESSES][RECOVERY_COLUMNS] = {
    {0.5, -0.3}, {0.4, 0.3}, {-0.3, 0.2}};

/* Models of a plain world above. */
static const char *const recovery_with[] = {"bg-nbd", "mbg-nbd", "pareto-nbd", "gamma-gamma"};
enum { RECOVERY_WITH = sizeof recovery_with / sizeof recovery_with[0] };

struct recovery_of_coefs {
    int seeds, usable, all_near;
    size_t n; /* parameters at zero, then coefficients */
    double truth[RECOVERY_MOST], bias[RECOVERY_MOST], held[RECOVERY_MOST];
};

static void recovery_customers(const struct recovery_world *w, uint64_t seed, size_t n,
                               struct pv_customer *rows, double *z)
{
    const struct pv_model *m = pv_model_find(w->model);
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        double own[PV_MAX_PARAMS], *of = z + i * RECOVERY_COLUMNS;
        int32_t T = w->watch - (w->spread > 0 ? (int32_t)(i % (size_t)w->spread) : 0);
        pv_rng_start(&rng, seed, i);
        of[0] = pv_rng_uniform(&rng) < 1.0 / 3.0;
        of[1] = round(2.0 * pv_rng_normal(&rng)) / 2.0;
        memcpy(own, w->param, sizeof own);
        for (int p = 0; p < pv_process_count(m); p++)
            own[m->process[p].param] *= exp(
                m->process[p].sign * (recovery_coef[p][0] * of[0] + recovery_coef[p][1] * of[1]));
        rows[i] = m->kind == PV_KIND_SPEND
                      ? recovery_spender(own, &rng)
                      : pv_populate_one(m, own, 7.0 * w->fine, &rng, T * w->fine, 0, NULL);
    }
}

static int recovery_run_with(const char *model, uint64_t first, int seeds, size_t n,
                             struct recovery_of_coefs *ret)
{
    const struct pv_model *m = pv_model_find(model);
    const struct recovery_world *w = recovery_worlds;
    struct recovery_of_coefs r = {.seeds = seeds};
    struct pv_customer *rows = malloc(n * sizeof *rows);
    double *z = malloc(n * RECOVERY_COLUMNS * sizeof *z);
    int rc = rows && z ? 0 : PV_ERR_NO_MEMORY;
    while (strcmp(w->model, model) != 0)
        w++;
    for (int s = 0; s < seeds && rc == 0; s++) {
        const struct pv_covariates c = {z, RECOVERY_COLUMNS};
        struct pv_covariate_options o = {
            .fit = {.unit_days = m->kind == PV_KIND_BUYING ? 7.0 * w->fine : 1.0,
                    .money_scale = 1e4}};
        struct pv_covariate_fit *fit;
        bool near = true;
        for (int p = 0; p < pv_process_count(m); p++)
            o.use[p] = (1u << RECOVERY_COLUMNS) - 1;
        recovery_customers(w, first + (uint64_t)s, n, rows, z);
        rc = pv_covariate_fit_new(m, rows, n, &c, &o, &fit);
        if (rc)
            break;
        r.n = (size_t)m->params + fit->coefficients;
        for (size_t k = 0; fit->typical.usable && k < r.n; k++) {
            size_t j = k - (size_t)m->params;
            bool param = k < (size_t)m->params;
            double truth =
                param ? w->param[k]
                      : recovery_coef[fit->coefficient[j].process][fit->coefficient[j].column];
            double miss = param
                              ? log(fit->zero[k] / truth) * fit->zero[k] / fit->zero_std_error[k]
                              : (fit->coefficient[j].value - truth) / fit->coefficient[j].std_error;
            r.truth[k] = truth;
            r.bias[k] += miss;
            r.held[k] += fabs(miss) < PV_Z95;
            near = near && fabs(miss) < 3.0;
        }
        r.usable += fit->typical.usable;
        r.all_near += fit->typical.usable && near;
        pv_covariate_fit_free(fit);
    }
    for (size_t k = 0; k < r.n; k++) {
        r.bias[k] /= r.usable;
        r.held[k] /= r.usable;
    }
    free(rows);
    free(z);
    if (rc == 0)
        *ret = r;
    return rc;
}

#endif
