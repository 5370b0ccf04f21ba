/*
 * bayes_chain.c - the chains: Metropolis-Hastings in the logarithms of the parameters on
 *   ln L(theta | cells) + ln prior,
 * the customers' own rates integrated out (the collapsed form of the Gibbs sampler: a marginal of
 * the same joint posterior, see docs/models/bayes.md).
 *
 * Most proposals are drawn afresh from a mixture that looks like the posterior (bayes_proposal.c)
 * and has heavier tails, which keep the independence sampler from sticking (Mengersen & Tweedie,
 * Annals of Statistics 24 (1996), 101-121); the others are steps of a random walk, which work where
 * the mixture has missed something. Both are fixed before the chains start.
 */
#include "bayes.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct target {
    const struct pv_model *model;
    struct pv_fit_data data;
    const struct pv_prior *prior;
};

/* ln prior of the logarithms, up to a constant. */
static double log_prior(const struct target *t, const double *log_theta)
{
    double sum = 0.0;
    for (int k = 0; k < t->model->params; k++) {
        double off = (log_theta[k] - log(t->prior[k].median)) / t->prior[k].log_sd;
        sum -= 0.5 * off * off;
    }
    return sum;
}

/* The posterior as a model whose likelihood it is, for optim.c. */
static double posterior_eval(const struct pv_model *model, const void *data, const double *theta,
                             double *ret_grad, double *ret_hess)
{
    const struct target *t = data;
    int n = model->params;
    double log_theta[PV_MAX_PARAMS] = {0.0};
    double value = t->model->eval(t->model, &t->data, theta, ret_grad, ret_hess);
    for (int k = 0; k < n; k++) {
        log_theta[k] = log(theta[k]);
        double var = t->prior[k].log_sd * t->prior[k].log_sd;
        double off = log_theta[k] - log(t->prior[k].median);
        if (ret_grad)
            ret_grad[k] -= off / var / theta[k];
        if (ret_hess)
            ret_hess[k * n + k] -= (1.0 - off) / var / (theta[k] * theta[k]);
    }
    return value + log_prior(t, log_theta);
}

static double log_posterior(const struct target *t, const double *log_theta)
{
    double theta[PV_MAX_PARAMS] = {0.0};
    for (int k = 0; k < t->model->params; k++) {
        theta[k] = exp(log_theta[k]);
        if (!(theta[k] >= t->model->low[k] && theta[k] <= t->model->high[k]))
            return -INFINITY;
    }
    double value = t->model->eval(t->model, &t->data, theta, NULL, NULL) + log_prior(t, log_theta);
    return isnan(value) ? -INFINITY : value;
}

static double log_density(void *context, const double *log_theta)
{
    return log_posterior(context, log_theta);
}

/* ---- Where the posterior is ------------------------------------------------------------------ */

/* Mode and curvature; where there is no curvature, the prior's. */
static void find_mode(const struct target *t, double rate, struct pv_shape *ret)
{
    struct pv_model posterior = *t->model;
    int n = posterior.params, starts = 0;
    double start[PV_MAX_STARTS + 1][PV_MAX_PARAMS] = {{0.0}}, centre[PV_MAX_PARAMS];
    double cov[PV_MAX_PARAMS * PV_MAX_PARAMS] = {0.0};
    posterior.eval = posterior_eval;
    if (rate > 0.0 && isfinite(rate))
        starts = t->model->starts(&t->data, rate, start);
    for (int k = 0; k < n; k++)
        start[starts][k] = t->prior[k].median;
    starts++;
    int first = starts - 1;
    double most = -INFINITY;
    for (int i = 0; i < starts; i++) {
        double value = posterior_eval(&posterior, t, start[i], NULL, NULL);
        if (value > most) {
            most = value;
            first = i;
        }
    }
    struct pv_optimum o, other;
    pv_optim_maximise(&posterior, t, start[first], NULL, &o);
    if (!o.converged || !o.regular) {
        pv_optim_maximise(&posterior, t, start[starts - 1], NULL, &other);
        if (isfinite(other.value) && (!isfinite(o.value) || other.value > o.value))
            o = other;
    }
    for (int k = 0; k < n; k++) {
        centre[k] = log(o.theta[k]);
        for (int l = 0; l < n; l++)
            cov[k * n + l] = o.log_cov[k * n + l];
    }
    if (o.regular && isfinite(o.value) && pv_shape_of(n, centre, cov, ret))
        return;
    memset(cov, 0, sizeof cov);
    for (int k = 0; k < n; k++) {
        cov[k * n + k] = t->prior[k].log_sd * t->prior[k].log_sd;
        if (!isfinite(o.value))
            centre[k] = log(t->prior[k].median);
    }
    (void)pv_shape_of(n, centre, cov, ret); /* diagonal, and sensible() has seen to its size */
}

/* ---- One chain ------------------------------------------------------------------------------- */

struct chain_run {
    const struct pv_bayes_options *options;
    const struct target *target;
    const struct pv_mixture *mixture;
    const struct pv_shape *whole;
    size_t room;
    double *draws;    /* chains x draws x params */
    double *accepted; /* by chain */
};

struct state {
    double at[PV_MAX_PARAMS], value;
    double density; /* of the mixture */
};

/* One step; whether the proposal was taken. */
static bool step(const struct chain_run *run, const struct target *t, struct pv_rng *rng,
                 struct state *s)
{
    int n = t->model->params;
    struct state next;
    bool walking = pv_rng_uniform(rng) < run->options->walk;
    if (walking) {
        /* Roberts, Gelman & Gilks (1997): 2.38 / sqrt(n); now and then a small one. */
        struct pv_shape here = *run->whole;
        memcpy(here.centre, s->at, sizeof here.centre);
        pv_shape_draw(&here, n, rng, (pv_rng_uniform(rng) < 0.75 ? 2.38 : 0.3) / sqrt(n), next.at);
    } else {
        pv_mixture_draw(run->mixture, n, rng, next.at);
    }
    next.value = log_posterior(t, next.at);
    next.density = pv_mixture_log_density(run->mixture, n, next.at);
    double log_keep = next.value - s->value;
    if (!walking)
        log_keep += s->density - next.density;
    if (!(log(pv_rng_uniform(rng)) < log_keep))
        return false;
    *s = next;
    return true;
}

static int run_chain(void *context, size_t chain)
{
    const struct chain_run *run = context;
    const struct pv_bayes_options *o = run->options;
    struct target t = *run->target;
    int n = t.model->params;
    double *to = run->draws + chain * (size_t)o->draws * (size_t)n;
    t.data.room = malloc((run->room + 1) * sizeof *t.data.room);
    if (!t.data.room)
        return PV_ERR_NO_MEMORY;
    struct pv_rng rng;
    struct state s;
    double taken = 0.0, kept = 0.0;
    pv_rng_start(&rng, o->seed, chain);
    for (int tries = 0;; tries++) {
        /* Nearer and nearer to the middle, should the density there vanish. */
        pv_shape_draw(run->whole, n, &rng, o->spread * pow(0.7, tries), s.at);
        s.value = log_posterior(&t, s.at);
        if (isfinite(s.value) || tries > 100)
            break;
    }
    s.density = pv_mixture_log_density(run->mixture, n, s.at);
    for (int i = 0; i < o->warmup; i++)
        step(run, &t, &rng, &s);
    for (int i = 0; i < o->draws; i++) {
        for (int k = 0; k < o->thin; k++) {
            taken += step(run, &t, &rng, &s);
            kept += 1.0;
        }
        for (int k = 0; k < n; k++)
            *to++ = exp(s.at[k]);
    }
    free(t.data.room);
    run->accepted[chain] = taken / kept;
    return isfinite(s.value) ? 0 : PV_ERR_ARGUMENT;
}

/* ---- What came out --------------------------------------------------------------------------- */

static double quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static int describe(struct pv_posterior *p, const struct pv_bayes_options *o)
{
    struct pv_bayes_summary *s = &p->summary;
    size_t params = (size_t)s->params;
    double *column = malloc(p->n * sizeof *column);
    int rc = column ? 0 : PV_ERR_NO_MEMORY;
    bool agree = true, enough = true;
    for (size_t k = 0; k < params && rc == 0; k++) {
        struct pv_bayes_param *b = &s->param[k];
        double sum = 0.0, squares = 0.0, log_sum = 0.0, log_squares = 0.0, n = (double)p->n;
        b->name = p->model->param[k];
        for (size_t i = 0; i < p->n; i++) {
            column[i] = p->draws[i * params + k];
            sum += column[i];
            log_sum += log(column[i]);
        }
        for (size_t i = 0; i < p->n; i++) {
            double off = column[i] - sum / n, log_off = log(column[i]) - log_sum / n;
            squares += off * off;
            log_squares += log_off * log_off;
        }
        b->mean = sum / n;
        b->sd = sqrt(squares / (n - 1.0));
        b->learned = 1.0 - log_squares / (n - 1.0) / (o->prior[k].log_sd * o->prior[k].log_sd);
        rc = pv_chains_diagnose(column, (size_t)o->chains, (size_t)o->draws, &b->rhat, &b->ess_bulk,
                                &b->ess_tail);
        qsort(column, p->n, sizeof *column, pv_stats_ascending);
        b->median = quantile(column, p->n, 0.5);
        b->low95 = quantile(column, p->n, 0.025);
        b->high95 = quantile(column, p->n, 0.975);
        agree = agree && b->rhat <= 1.05;
        enough = enough && b->ess_bulk >= 100.0 && b->ess_tail >= 100.0;
    }
    free(column);
    s->usable = agree;
    s->verdict = !agree    ? PV_VERDICT_CHAINS_DISAGREE
                 : !enough ? PV_VERDICT_FEW_EFFECTIVE
                           : PV_VERDICT_OK;
    return rc;
}

int pv_bayes_defaults(const struct pv_model *model, double unit_days,
                      struct pv_bayes_options *ret_options)
{
    const struct pv_hyper *hyper = model->hyper;
    if (!hyper || !(unit_days > 0.0) || !isfinite(unit_days))
        return PV_ERR_ARGUMENT;
    struct pv_bayes_options o = {.unit_days = unit_days,
                                 .chains = 4,
                                 .warmup = 50,
                                 .draws = 375,
                                 .thin = 1,
                                 .spread = 2.0,
                                 .walk = 0.2,
                                 .seed = 1};
    for (int k = 0; k < model->params; k++) {
        o.prior[k] = hyper->prior[k];
        o.prior[k].median *= pow(unit_days, -hyper->time_power[k]);
    }
    *ret_options = o;
    return 0;
}

static bool sensible(const struct pv_model *model, const struct pv_bayes_options *o)
{
    for (int k = 0; k < model->params; k++)
        if (!(o->prior[k].median > 0.0) || !isfinite(o->prior[k].median) ||
            !(o->prior[k].log_sd >= 1e-6 && o->prior[k].log_sd <= 100.0))
            return false;
    return model->hyper && o->unit_days > 0.0 && isfinite(o->unit_days) && o->chains >= 1 &&
           o->chains <= 64 && o->warmup >= 0 && o->draws >= 4 && o->draws <= 1000000 &&
           o->thin >= 1 && o->spread >= 0.0 && isfinite(o->spread) && o->walk >= 0.0 &&
           o->walk <= 1.0;
}

int pv_bayes_fit(const struct pv_model *model, const struct pv_cells *cells,
                 const struct pv_bayes_options *o, struct pv_posterior **ret_posterior)
{
    if (!sensible(model, o))
        return PV_ERR_ARGUMENT;
    struct target t = {
        .model = model, .data = {.stride = 1, .unit_days = o->unit_days}, .prior = o->prior};
    size_t n = (size_t)o->chains * (size_t)o->draws;
    double purchases = 0.0, days = 0.0, accepted[64] = {0.0};
    t.data.cell = pv_cells_data(cells, &t.data.cells);
    struct pv_posterior *p = malloc(sizeof *p + n * (size_t)model->params * sizeof p->draws[0]);
    if (!p)
        return PV_ERR_NO_MEMORY;
    p->model = model;
    p->n = n;
    p->summary = (struct pv_bayes_summary){.model = model->name,
                                           .params = model->params,
                                           .chains = o->chains,
                                           .draws = o->draws,
                                           .unit_days = o->unit_days,
                                           .cells = t.data.cells};
    for (size_t i = 0; i < t.data.cells; i++) {
        const struct pv_cell *c = &t.data.cell[i];
        p->summary.customers += c->count;
        p->summary.repeaters += c->x > 0 ? c->count : 0;
        purchases += (double)c->count * c->x;
        days += (double)c->count * c->T;
        if (c->T > t.data.max_day)
            t.data.max_day = c->T;
    }
    struct pv_shape mode, whole;
    struct pv_mixture mixture;
    struct pv_rng rng;
    struct chain_run run = {.options = o, .target = &t, .mixture = &mixture, .whole = &whole};
    run.draws = p->draws;
    run.room = model->room ? model->room(model, &t.data) : 0;
    run.accepted = accepted;
    int rc = PV_ERR_NO_MEMORY;
    t.data.room = malloc((run.room + 1) * sizeof *t.data.room);
    if (t.data.room) {
        find_mode(&t, purchases * o->unit_days / days, &mode);
        pv_rng_start(&rng, o->seed, UINT64_MAX);
        rc = pv_mixture_learn(&mode, model->params, log_density, &t, &rng, &mixture, &whole);
    }
    if (rc == 0)
        rc = pv_parallel_run(o->threads, (size_t)o->chains, run_chain, &run);
    free(t.data.room);
    if (rc == 0)
        rc = describe(p, o);
    if (rc) {
        free(p);
        return rc;
    }
    for (int c = 0; c < o->chains; c++)
        p->summary.acceptance += accepted[c] / o->chains;
    *ret_posterior = p;
    return 0;
}

void pv_posterior_free(struct pv_posterior *posterior)
{
    free(posterior);
}

void pv_posterior_summary(const struct pv_posterior *posterior,
                          struct pv_bayes_summary *ret_summary)
{
    *ret_summary = posterior->summary;
}

const double *pv_posterior_draws(const struct pv_posterior *posterior, size_t *ret_n)
{
    *ret_n = posterior->n;
    return posterior->draws;
}
