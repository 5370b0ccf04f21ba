/*
 * Which model these customers ask for, what it says of everybody, how it would have done, and
 * whether the base is one that models can be told about.
 */
#include "crm/insight/internal.h"

#include <stdlib.h>

int library_error(int rc, struct err *e)
{
    if (rc == 0)
        return 0;
    return err_set(e, rc == PV_ERR_NO_MEMORY ? ERR_NOMEM : ERR_INTERNAL, "value: %s",
                   pv_error_code(rc));
}

struct pv_valuer_options options_of(const struct valuation *v, double horizon)
{
    return (struct pv_valuer_options){.unit_days = UNIT_DAYS,
                                      .money_scale = v->scale,
                                      .horizon = horizon,
                                      .discount = v->discount,
                                      .seed = SEED};
}

/* The last third of the history, in whole weeks, is kept back to test on; histories under 26 weeks
   are too short to give a third away. */
static void choose_calibration(struct valuation *v, const struct pv_history_view *h)
{
    int32_t span = v->as_of - h->first_day;
    if (v->calibrate_to == PV_NO_DAY && span >= 26 * UNIT_DAYS)
        v->calibrate_to = v->as_of - span / 3 / UNIT_DAYS * UNIT_DAYS;
    if (v->calibrate_to != PV_NO_DAY &&
        (v->calibrate_to <= h->first_day || v->calibrate_to >= v->as_of))
        v->calibrate_to = PV_NO_DAY;
}

static double holdout_weeks(const struct valuation *v)
{
    return v->calibrate_to == PV_NO_DAY ? 0.0 : (double)(v->as_of - v->calibrate_to) / UNIT_DAYS;
}

/* The job that asks for all this. A long history takes minutes in some models; somebody may cancel
   meanwhile, or the server stop. */
struct patience {
    struct job *j;
    struct err *e;
    int64_t customers,
        done; /* done: a customer who is valued counts half, the way there the rest */
    int rc;   /* of the tick that ended it */
};

static bool has_ended(void *context)
{
    struct patience *p = context;
    struct job_progress progress = {"value", p->done, p->customers, 0};
    if (p->rc == 0)
        p->rc = job_tick(p->j, &progress, p->e);
    return p->rc != 0;
}

static struct pv_fit_options fit_options(const struct valuation *v, struct patience *p)
{
    return (struct pv_fit_options){
        .unit_days = UNIT_DAYS, .money_scale = v->scale, .stop = has_ended, .stop_context = p};
}

static int fit_model(const struct valuation *v, const struct pv_model *model,
                     const struct pv_customer *rows, struct patience *p, struct pv_fit *ret_fit)
{
    struct pv_fit_options o = fit_options(v, p);
    struct pv_cells *cells = NULL;
    int rc = pv_cells_new(rows, v->n, &cells);
    if (rc == 0)
        rc = pv_fit_model(model, cells, &o, ret_fit);
    pv_cells_free(cells);
    return rc;
}

/* All models on the first part, tried on the rest; without a rest by BIC, on everything. */
static int choose(struct valuation *v, struct patience *p, const struct pv_model **ret_model)
{
    bool held = v->calibrate_to != PV_NO_DAY;
    struct pv_fit_options o = fit_options(v, p);
    *ret_model = pv_model_find("bg-nbd"); /* whose verdict says why there is none */
    int rc = pv_choose_history(v->history, held ? v->calibrate_to : v->as_of,
                               held ? v->as_of : PV_NO_DAY, &o, &v->choice);
    if (rc == 0 && v->choice.best >= 0) {
        const struct pv_candidate *best = &v->choice.candidate[v->choice.best];
        *ret_model = pv_model_find(best->fit.model);
        v->past_buying = best->fit;
        v->holdout = best->holdout;
        v->has_holdout = v->holdout.customers > 0;
    }
    return rc;
}

/* How a model would have done, of everybody. */
static int try_out(struct valuation *v, const struct pv_model *model, struct patience *p)
{
    struct pv_valuer *valuer = NULL;
    v->past = malloc((v->n + 1) * sizeof *v->past);
    if (!v->past)
        return PV_ERR_NO_MEMORY;
    int rc = pv_summarise(v->history, v->calibrate_to, v->as_of, v->past);
    if (rc == 0)
        rc = fit_model(v, model, v->past, p, &v->past_buying);
    v->has_holdout = false;
    if (rc || !v->past_buying.usable)
        return rc;
    struct pv_valuer_options o = options_of(v, holdout_weeks(v));
    rc = pv_valuer_new(&v->past_buying, NULL, &o, v->past, v->n, &valuer);
    if (rc == 0)
        rc = pv_value_holdout(valuer, v->past, v->n, &v->holdout);
    v->has_holdout = rc == 0;
    pv_valuer_free(valuer);
    return rc;
}

/* In slices, so that somebody who waits sees how far it is, and who cancels does not wait. */
static int value_slices(struct valuation *v, const struct pv_valuer *valuer, struct patience *p)
{
    enum { SLICE = 32768 };
    int rc = 0;
    for (size_t i = 0; i < v->n && rc == 0; i += SLICE) {
        size_t n = v->n - i < SLICE ? v->n - i : SLICE;
        p->done = (int64_t)((v->n + i) / 2);
        if (has_ended(p))
            return PV_ERR_STOPPED;
        rc = pv_value_customers(valuer, v->rows + i, n, v->values + i);
    }
    return rc;
}

static int value_all(struct valuation *v, const struct pv_model *model, struct patience *p)
{
    struct pv_fit_options spend = fit_options(v, p);
    struct pv_valuer *valuer = NULL;
    int rc = fit_model(v, model, v->rows, p, &v->buying);
    if (rc == 0)
        rc = pv_fit_gamma_gamma(v->rows, v->n, &spend, &v->gg);
    if (rc || !v->buying.usable)
        return rc;
    struct pv_valuer_options o = options_of(v, (double)v->horizon_weeks);
    rc = pv_valuer_new(&v->buying, v->gg.usable ? &v->gg : NULL, &o, v->rows, v->n, &valuer);
    v->values = malloc((v->n + 1) * sizeof *v->values);
    if (rc == 0)
        rc = v->values ? value_slices(v, valuer, p) : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = pv_value_equity(valuer, v->rows, v->n, &v->equity);
    pv_valuer_free(valuer);
    v->has_values = rc == 0;
    v->has_money = rc == 0 && v->gg.usable;
    return rc;
}

int fit_all(struct valuation *v, struct job *j, struct err *e)
{
    struct patience p = {.j = j, .e = e, .customers = (int64_t)v->n};
    struct pv_history_view h = pv_history_columns(v->history);
    const struct pv_model *model = v->wanted;
    int rc = 0;
    choose_calibration(v, &h);
    bool held = v->calibrate_to != PV_NO_DAY;
    if (!model)
        rc = choose(v, &p, &model);
    /* How the one that was asked for would have done, or that some were enough to choose. */
    if (rc == 0 && held && (v->wanted || v->choice.customers < v->choice.of))
        rc = try_out(v, model, &p);
    p.done = p.customers / 3;
    if (rc == 0)
        rc = value_all(v, model, &p);
    if (rc == 0)
        rc = pv_check_history(v->history, v->as_of, v->buying.usable ? &v->buying : NULL,
                              v->gg.usable ? &v->gg : NULL, v->scale, v->finding);
    return p.rc ? p.rc : library_error(rc, e);
}
