/*
 * covariates.c - models whose parameters depend on what is known about customers: Fader & Hardie,
 * note 019 (2007). For any model with processes (struct pv_process).
 *
 * ln theta_ik = ln theta_k + sum_j sign_k g_kj z_ij, linear in what is sought. A profile's
 * likelihood comes with its first two derivatives by theta (covariates.h), so the chain rule gives
 * exact ones by (ln theta, g), and Newton's method needs a handful of steps. Columns are centred
 * and scaled inside: that makes the problem well posed for the optimiser whatever the units, and
 * changes nothing else where there is no penalty.
 */
#include "covariates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct coef {
    int process, param;
    double sign, lambda;
    size_t column, own; /* of the input; among the columns in use */
};

struct design {
    const struct pv_model *model;
    size_t params, coefs, dims;
    struct coef coef[MAX_COEFS];
    size_t used, column[PV_MAX_COVARIATES]; /* columns in use */
    double mean[PV_MAX_COVARIATES], sd[PV_MAX_COVARIATES], range[PV_MAX_COVARIATES]; /* of used */
};

int pv_process_count(const struct pv_model *model)
{
    int n = 0;
    while (model->process && model->process[n].name)
        n++;
    return n;
}

const char *pv_process_name(const struct pv_model *model, int process, int *ret_param)
{
    if (process < 0 || process >= pv_process_count(model))
        return NULL;
    if (ret_param)
        *ret_param = model->process[process].param;
    return model->process[process].name;
}

/* ---- What is asked for ----------------------------------------------------------------------- */

static int design_of(const struct pv_model *model, const struct pv_covariates *c,
                     const struct pv_covariate_options *o, struct design *ret)
{
    struct design d = {.model = model, .params = (size_t)model->params};
    int processes = pv_process_count(model);
    uint32_t any = 0;
    if (processes == 0 || c->columns > PV_MAX_COVARIATES || !(o->fit.unit_days > 0.0))
        return PV_ERR_ARGUMENT;
    for (int p = 0; p < PV_MAX_PROCESSES; p++) {
        if (!(o->lambda[p] >= 0.0) || !isfinite(o->lambda[p]) ||
            (p >= processes && o->use[p] != 0) || (uint64_t)o->use[p] >> c->columns != 0)
            return PV_ERR_ARGUMENT;
        any |= o->use[p];
    }
    size_t own[PV_MAX_COVARIATES] = {0};
    for (size_t j = 0; j < c->columns; j++) {
        own[j] = d.used;
        if (any >> j & 1)
            d.column[d.used++] = j;
    }
    for (int p = 0; p < processes; p++)
        for (size_t j = 0; j < c->columns; j++)
            if (o->use[p] >> j & 1)
                d.coef[d.coefs++] = (struct coef){
                    p, model->process[p].param, model->process[p].sign, o->lambda[p], j, own[j]};
    d.dims = d.params + d.coefs;
    *ret = d;
    return 0;
}

/* ---- Columns --------------------------------------------------------------------------------- */

/* Centres and scales the profiles' columns. SIZE_MAX, or the column that does not vary. */
static size_t standardise(struct design *d, struct pv_cov_source *s)
{
    double customers = 0.0;
    for (size_t p = 0; p < s->profiles; p++)
        customers += s->weight[p];
    for (size_t j = 0; j < d->used; j++) {
        double sum = 0.0, squares = 0.0, low = INFINITY, high = -INFINITY;
        for (size_t p = 0; p < s->profiles; p++) {
            double z = s->z[p * d->used + j];
            sum += s->weight[p] * z;
            low = fmin(low, z);
            high = fmax(high, z);
        }
        d->mean[j] = sum / customers;
        for (size_t p = 0; p < s->profiles; p++) {
            double off = s->z[p * d->used + j] - d->mean[j];
            squares += s->weight[p] * off * off;
        }
        d->sd[j] = sqrt(squares / customers);
        if (!(high - low > 1e-11 * fmax(fabs(low), fabs(high))) || !(d->sd[j] > 0.0))
            return d->column[j];
        d->range[j] = (high - low) / d->sd[j];
        for (size_t p = 0; p < s->profiles; p++)
            s->z[p * d->used + j] = (s->z[p * d->used + j] - d->mean[j]) / d->sd[j];
    }
    return SIZE_MAX;
}

/* Of each process without a penalty: SIZE_MAX, or a column that those before it explain. */
static size_t find_collinear(const struct design *d, const struct pv_cov_source *s)
{
    double r[PV_MAX_COVARIATES * PV_MAX_COVARIATES];
    for (size_t first = 0, last; first < d->coefs; first = last) {
        for (last = first; last < d->coefs && d->coef[last].process == d->coef[first].process;)
            last++;
        size_t n = last - first, pivot;
        if (d->coef[first].lambda > 0.0)
            continue;
        memset(r, 0, sizeof r);
        for (size_t p = 0; p < s->profiles; p++) {
            const double *z = s->z + p * d->used;
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j <= i; j++)
                    r[i * n + j] +=
                        s->weight[p] * z[d->coef[first + i].own] * z[d->coef[first + j].own];
        }
        if (!pv_newton_factor(n, r, 1e-9, &pivot)) /* 1 - R^2 */
            return d->coef[first + pivot].column;
    }
    return SIZE_MAX;
}

/* ---- The likelihood -------------------------------------------------------------------------- */

struct work {
    const struct design *design;
    struct pv_cov_source *source;
    int threads;
    const double *u; /* ln theta at the mean, then coefficients of standardised columns */
    double *sum;     /* chunks x (1 + dims + dims^2) */
};

/* One profile into a chunk's sums: derivatives by theta become those by ln theta, then by u. */
static void chain(const struct design *d, const double *z, const double *theta, const double *g,
                  const double *h, double *grad, double *hess)
{
    size_t n = d->params, dims = d->dims;
    double lg[PV_MAX_PARAMS], lh[PV_MAX_PARAMS * PV_MAX_PARAMS], w[MAX_COEFS];
    for (size_t k = 0; k < n; k++) {
        lg[k] = g[k] * theta[k];
        for (size_t l = 0; l < n; l++)
            lh[k * n + l] = h[k * n + l] * theta[k] * theta[l] + (k == l ? lg[k] : 0.0);
    }
    for (size_t j = 0; j < d->coefs; j++)
        w[j] = d->coef[j].sign * z[d->coef[j].own];
    for (size_t k = 0; k < n; k++) {
        grad[k] += lg[k];
        for (size_t l = k; l < n; l++)
            hess[k * dims + l] += lh[k * n + l];
        for (size_t j = 0; j < d->coefs; j++)
            hess[k * dims + n + j] += w[j] * lh[k * n + (size_t)d->coef[j].param];
    }
    for (size_t i = 0; i < d->coefs; i++) {
        size_t k = (size_t)d->coef[i].param;
        grad[n + i] += w[i] * lg[k];
        for (size_t j = i; j < d->coefs; j++)
            hess[(n + i) * dims + n + j] += w[i] * w[j] * lh[k * n + (size_t)d->coef[j].param];
    }
}

static void own_theta(const struct design *d, const double *u, const double *z, double *ret_theta)
{
    for (size_t k = 0; k < d->params; k++)
        ret_theta[k] = u[k];
    for (size_t j = 0; j < d->coefs; j++)
        ret_theta[d->coef[j].param] += d->coef[j].sign * u[d->params + j] * z[d->coef[j].own];
    for (size_t k = 0; k < d->params; k++)
        ret_theta[k] = exp(ret_theta[k]);
}

static int add_chunk(void *context, size_t chunk)
{
    const struct work *w = context;
    const struct design *d = w->design;
    const struct pv_cov_source *s = w->source;
    size_t width = 1 + d->dims + d->dims * d->dims;
    double *sum = w->sum + chunk * width;
    double *room = malloc((s->room(s, chunk) + 1) * sizeof *room);
    if (!room)
        return PV_ERR_NO_MEMORY;
    memset(sum, 0, width * sizeof *sum);
    for (size_t p = s->chunk[chunk]; p < s->chunk[chunk + 1]; p++) {
        const double *z = s->z + p * d->used;
        double theta[PV_MAX_PARAMS], g[PV_MAX_PARAMS], h[PV_MAX_PARAMS * PV_MAX_PARAMS];
        own_theta(d, w->u, z, theta);
        sum[0] += s->profile(s, p, theta, room, g, h);
        chain(d, z, theta, g, h, sum + 1, sum + 1 + d->dims);
    }
    free(room);
    return 0;
}

static double penalty_of(const struct design *d, const double *u)
{
    double sum = 0.0;
    for (size_t j = 0; j < d->coefs; j++)
        sum += 0.5 * d->coef[j].lambda * u[d->params + j] * u[d->params + j];
    return sum;
}

static double objective(void *context, const double *u, double *grad, double *hess, int *ret_rc)
{
    struct work *w = context;
    const struct design *d = w->design;
    size_t dims = d->dims, width = 1 + dims + dims * dims;
    double typical[PV_MAX_PARAMS], value = 0.0;
    w->u = u;
    for (size_t k = 0; k < d->params; k++)
        typical[k] = exp(u[k]);
    if (w->source->prepare)
        w->source->prepare(w->source, typical);
    *ret_rc = pv_parallel_run(w->threads, w->source->chunks, add_chunk, w);
    if (*ret_rc)
        return NAN;
    memset(grad, 0, dims * sizeof *grad);
    memset(hess, 0, dims * dims * sizeof *hess);
    for (size_t c = 0; c < w->source->chunks; c++) {
        const double *sum = w->sum + c * width;
        value += sum[0];
        for (size_t i = 0; i < dims; i++)
            grad[i] += sum[1 + i];
        for (size_t i = 0; i < dims * dims; i++)
            hess[i] += sum[1 + dims + i];
    }
    for (size_t j = 0; j < d->coefs; j++) {
        size_t i = d->params + j;
        grad[i] -= d->coef[j].lambda * u[i];
        hess[i * dims + i] -= d->coef[j].lambda;
    }
    for (size_t i = 0; i < dims; i++)
        for (size_t j = 0; j < i; j++)
            hess[i * dims + j] = hess[j * dims + i];
    return value - penalty_of(d, u);
}

/* ---- The fit --------------------------------------------------------------------------------- */

static struct pv_cov_holder *holder_new(const struct design *d, size_t columns)
{
    struct pv_cov_holder *h = pv_cov_holder_new(d->params, columns, d->coefs);
    for (size_t j = 0; h && j < d->coefs; j++) {
        h->coefficient[j].process = d->coef[j].process;
        h->coefficient[j].column = d->coef[j].column;
    }
    return h;
}

/*
 * A column whose effect across its range is more than a factor of e^8 while the likelihood is so
 * flat there that its standard error is more than e^100, or that ran to where it was stopped. An
 * effect that is merely not well known is not meant: its standard error says so. SIZE_MAX: none.
 */
static size_t find_separated(const struct design *d, const struct pv_newton *w)
{
    for (size_t j = 0; j < d->coefs; j++) {
        size_t i = d->params + j;
        double effect = fabs(w->u[i]) * d->range[d->coef[j].own];
        double error = sqrt(w->cov[i * w->n + i]) * d->range[d->coef[j].own];
        bool stopped = w->u[i] <= w->low[i] || w->u[i] >= w->high[i];
        if (stopped || (effect > 8.0 && (!w->regular || error > 100.0)))
            return d->coef[j].column;
    }
    return SIZE_MAX;
}

/* Where the parameters themselves have run off, so have coefficients, as a consequence. */
static bool base_is_known(const struct design *d, const struct pv_newton *w)
{
    for (size_t k = 0; k < d->params; k++)
        if (w->u[k] <= w->low[k] || w->u[k] >= w->high[k] ||
            (d->model->far[k] > 0.0 && exp(w->u[k]) > d->model->far[k]))
            return false;
    return true;
}

/* Numbers of the optimum, back in the columns' own units. */
static void report(const struct design *d, const struct pv_newton *w, struct pv_cov_holder *h)
{
    struct pv_covariate_fit *f = &h->fit;
    size_t n = d->params, dims = d->dims;
    double *cov = h->covariance, *centre = h->centre;
    struct pv_coefficient *coefficient = h->coefficient;
    for (size_t j = 0; j < d->used; j++)
        centre[d->column[j]] = d->mean[j];
    for (size_t i = 0; i < dims; i++) {
        for (size_t j = 0; j < dims; j++) {
            double scale = (i < n ? 1.0 : d->sd[d->coef[i - n].own]) *
                           (j < n ? 1.0 : d->sd[d->coef[j - n].own]);
            cov[i * dims + j] = w->cov[i * dims + j] / scale;
        }
    }
    for (size_t j = 0; j < d->coefs; j++) {
        double sd = d->sd[d->coef[j].own];
        coefficient[j].effect = w->u[n + j];
        coefficient[j].value = w->u[n + j] / sd;
        if (w->regular)
            coefficient[j].std_error = sqrt(cov[(n + j) * dims + n + j]);
    }
    for (size_t k = 0; k < n; k++) {
        /* ln theta at z = 0: its own variable less sign times coefficient times mean. */
        double slope[MAX_DIMS] = {0.0}, at = w->u[k], var = 0.0;
        slope[k] = 1.0;
        for (size_t j = 0; j < d->coefs; j++) {
            if ((size_t)d->coef[j].param != k)
                continue;
            slope[n + j] = -d->coef[j].sign * d->mean[d->coef[j].own];
            at += slope[n + j] * coefficient[j].value;
        }
        for (size_t i = 0; i < dims; i++)
            for (size_t j = 0; j < dims; j++)
                var += slope[i] * slope[j] * cov[i * dims + j];
        f->zero[k] = exp(at);
        f->zero_std_error[k] = w->regular ? f->zero[k] * sqrt(fmax(var, 0.0)) : NAN;
    }
}

static void judge(const struct design *d, const struct pv_newton *w, double span,
                  struct pv_cov_holder *h)
{
    struct pv_covariate_fit *f = &h->fit;
    struct pv_optimum o = {.value = w->value,
                           .converged = w->converged,
                           .regular = w->regular,
                           .iterations = w->iterations};
    size_t n = d->params;
    for (size_t i = 0; i < n; i++) {
        o.theta[i] = exp(w->u[i]);
        o.at_limit[i] = w->u[i] <= w->low[i] || w->u[i] >= w->high[i];
        o.log_sd[i] = w->regular ? sqrt(w->cov[i * w->n + i]) : NAN;
        for (size_t j = 0; j < n; j++) {
            o.hess[i * n + j] = w->hess[i * w->n + j];
            o.log_cov[i * n + j] = w->cov[i * w->n + j];
        }
    }
    pv_optim_report(d->model, &o, &f->typical);
    f->penalty = penalty_of(d, w->u);
    f->typical.loglik = w->value + f->penalty;
    f->column = base_is_known(d, w) ? find_separated(d, w) : SIZE_MAX;
    if (f->column != SIZE_MAX) {
        f->typical.verdict = PV_VERDICT_SEPARATED;
        f->typical.usable = false;
        return;
    }
    if (d->model->buying)
        pv_fit_judge(d->model, &o, span, &f->typical);
    else
        pv_spend_judge(&o, &f->typical);
    /* Coefficients of leaving say nothing about who leaves where nobody does. */
    if (f->typical.verdict == PV_VERDICT_NOBODY_LEAVES && d->coefs > 0)
        f->typical.usable = false;
}

static int maximise(const struct design *d, struct pv_cov_source *s, int threads,
                    struct pv_cov_holder *h)
{
    size_t n = d->dims;
    size_t sums = s->chunks * (1 + n + n * n);
    double *memory = calloc(4 * n + 2 * n * n + sums, sizeof *memory);
    if (!memory)
        return PV_ERR_NO_MEMORY;
    double *low = memory + n, *high = memory + 2 * n;
    struct pv_newton w = {.n = n,
                          .u = memory,
                          .low = low,
                          .high = high,
                          .grad = memory + 3 * n,
                          .hess = memory + 4 * n,
                          .cov = memory + 4 * n + n * n};
    struct work work = {d, s, threads, NULL, memory + 4 * n + 2 * n * n};
    for (size_t i = 0; i < d->params; i++) {
        low[i] = log(d->model->low[i]);
        high[i] = log(d->model->high[i]);
        w.u[i] = fmin(fmax(log(h->fit.typical.param[i]), low[i]), high[i]);
    }
    for (size_t j = 0; j < d->coefs; j++) {
        /* Nobody is e^50 times anybody else. */
        high[d->params + j] = 50.0 / d->range[d->coef[j].own];
        low[d->params + j] = -high[d->params + j];
    }
    int rc = pv_newton_maximise(&w, objective, &work);
    if (rc == 0) {
        report(d, &w, h);
        judge(d, &w, s->span, h);
    }
    free(memory);
    return rc;
}

/* Without covariates: whether there is anything to fit, and where to start. */
static int plain_fit(const struct pv_model *model, const struct pv_customer *rows, size_t n,
                     const struct pv_fit_options *options, struct pv_fit *ret_fit)
{
    struct pv_cells *cells;
    if (!model->buying)
        return pv_fit_gamma_gamma(rows, n, options, ret_fit);
    int rc = pv_cells_new(rows, n, &cells);
    if (rc)
        return rc;
    rc = pv_fit_model(model, cells, options, ret_fit);
    pv_cells_free(cells);
    return rc;
}

int pv_covariate_fit_new(const struct pv_model *model, const struct pv_customer *rows, size_t n,
                         const struct pv_covariates *covariates,
                         const struct pv_covariate_options *options,
                         struct pv_covariate_fit **ret_fit)
{
    struct design d;
    struct pv_fit plain;
    int rc = design_of(model, covariates, options, &d);
    if (rc)
        return rc;
    if (!pv_cov_finite(covariates, n))
        return PV_ERR_ARGUMENT;
    rc = plain_fit(model, rows, n, &options->fit, &plain);
    if (rc)
        return rc;
    struct pv_cov_holder *h = holder_new(&d, covariates->columns);
    if (!h)
        return PV_ERR_NO_MEMORY;
    struct pv_cov_source s = {0};
    bool go_on = true;
    h->fit.typical = plain;
    h->fit.typical.usable = false;
    for (size_t k = 0; k < d.params; k++)
        go_on = go_on && plain.param[k] > 0.0;
    if (!go_on) /* the verdict of the fit without covariates stands */
        goto done;
    pv_fit_blank(model, PV_VERDICT_OK, &h->fit.typical);
    h->fit.typical.unit_days = plain.unit_days;
    h->fit.typical.customers = plain.customers;
    h->fit.typical.repeaters = plain.repeaters;
    h->fit.typical.correlation = plain.correlation;
    rc = pv_cov_group(rows, n, covariates, d.column, d.used,
                      model->buying ? pv_cov_keep_buying : pv_cov_keep_spend, &s);
    if (rc)
        goto done;
    s.model = model;
    h->fit.profiles = s.profiles;
    h->fit.column = standardise(&d, &s);
    if (h->fit.column != SIZE_MAX) {
        h->fit.typical.verdict = PV_VERDICT_CONSTANT_COVARIATE;
        goto done;
    }
    h->fit.column = find_collinear(&d, &s);
    if (h->fit.column != SIZE_MAX) {
        h->fit.typical.verdict = PV_VERDICT_COLLINEAR;
        goto done;
    }
    rc = model->buying ? pv_cov_buying(rows, options->fit.unit_days, &s)
                       : pv_cov_spend(rows, options->fit.money_scale, &s);
    if (rc)
        goto done;
    memcpy(h->fit.typical.param, plain.param, sizeof plain.param); /* to start from */
    h->fit.typical.cells = s.first[s.profiles];
    rc = maximise(&d, &s, options->fit.threads, h);
    h->fit.typical.loglik += pv_fit_gaps(model, &options->fit);
done:
    pv_cov_free(&s);
    if (rc) {
        free(h);
        return rc;
    }
    *ret_fit = &h->fit;
    return 0;
}
