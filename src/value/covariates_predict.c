/*
 * covariates_predict.c - what models with covariates say: of a value of the covariates, as a fit
 * that every other function takes; of many customers; of a base, intervals and all.
 */
#include "covariates.h"
#include "valuer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct pv_cov_holder *pv_cov_holder_new(size_t params, size_t columns, size_t coefs)
{
    size_t dims = params + coefs, doubles = columns + dims * dims;
    struct pv_cov_holder *h =
        calloc(1, sizeof *h + doubles * sizeof *h->numbers + coefs * sizeof(struct pv_coefficient));
    if (!h)
        return NULL;
    h->centre = h->numbers;
    h->covariance = h->numbers + columns;
    h->coefficient = (void *)(h->numbers + doubles);
    for (size_t j = 0; j < coefs; j++)
        h->coefficient[j] = (struct pv_coefficient){0, 0, NAN, NAN, NAN};
    for (size_t k = 0; k < PV_MAX_PARAMS; k++)
        h->fit.zero[k] = h->fit.zero_std_error[k] = NAN;
    h->fit.columns = columns;
    h->fit.centre = h->centre;
    h->fit.covariance = h->covariance;
    h->fit.coefficient = h->coefficient;
    h->fit.coefficients = coefs;
    h->fit.column = SIZE_MAX;
    return h;
}

void pv_covariate_fit_free(struct pv_covariate_fit *fit)
{
    free(fit); /* the first member of its holder */
}

bool pv_cov_finite(const struct pv_covariates *c, size_t n)
{
    for (size_t i = 0; i < n * c->columns; i++)
        if (!(fabs(c->z[i]) <= 1e100))
            return false;
    return true;
}

/* ---- One value of the covariates ------------------------------------------------------------- */

void pv_covariate_theta(const struct pv_covariate_fit *fit, const double *z, double *ret_theta)
{
    const struct pv_model *model = pv_model_find(fit->typical.model);
    double shift[PV_MAX_PARAMS] = {0.0};
    for (size_t j = 0; j < fit->coefficients; j++) {
        const struct pv_coefficient *c = &fit->coefficient[j];
        const struct pv_process *p = &model->process[c->process];
        shift[p->param] += p->sign * c->value * (z[c->column] - fit->centre[c->column]);
    }
    for (int k = 0; k < PV_MAX_PARAMS; k++)
        ret_theta[k] = k < model->params ? fit->typical.param[k] * exp(shift[k]) : 0.0;
}

/* Covariance of ln theta and the coefficients. Along a ridge that of theta was cut short, so that
 * what hangs on it from here cannot be kept. */
double pv_cov_covariance(const struct pv_covariate_fit *fit, size_t i, size_t j)
{
    size_t n = (size_t)fit->typical.params;
    if (i < n && j < n)
        return fit->typical.log_cov[i * n + j];
    if (fit->typical.verdict == PV_VERDICT_RIDGE && (i < n || j < n))
        return 0.0;
    return fit->covariance[i * (n + fit->coefficients) + j];
}

/* d ln theta_k(z) by variable i of the covariance. */
static double moves(const struct pv_covariate_fit *fit, const struct pv_model *model,
                    const double *z, size_t k, size_t i)
{
    size_t n = (size_t)fit->typical.params;
    if (i < n)
        return i == k ? 1.0 : 0.0;
    const struct pv_coefficient *c = &fit->coefficient[i - n];
    const struct pv_process *p = &model->process[c->process];
    return (size_t)p->param == k ? p->sign * (z[c->column] - fit->centre[c->column]) : 0.0;
}

int pv_covariate_at(const struct pv_covariate_fit *fit, const double *z, struct pv_fit *ret_fit)
{
    const struct pv_model *model = pv_model_find(fit->typical.model);
    struct pv_fit f = fit->typical;
    size_t n = (size_t)f.params, dims = n + fit->coefficients;
    double half[PV_MAX_PARAMS][MAX_DIMS]; /* slopes times covariance */
    const struct pv_covariates one = {z, fit->columns};
    if (!f.usable || !pv_cov_finite(&one, 1))
        return PV_ERR_ARGUMENT;
    pv_covariate_theta(fit, z, f.param);
    for (size_t k = 0; k < n; k++) {
        for (size_t j = 0; j < dims; j++) {
            half[k][j] = 0.0;
            for (size_t i = 0; i < dims; i++)
                half[k][j] += moves(fit, model, z, k, i) * pv_cov_covariance(fit, i, j);
        }
    }
    for (size_t k = 0; k < n; k++) {
        for (size_t l = 0; l < n; l++) {
            double sum = 0.0;
            for (size_t j = 0; j < dims; j++)
                sum += half[k][j] * moves(fit, model, z, l, j);
            f.log_cov[k * n + l] = sum;
        }
        f.std_error[k] = f.param[k] * sqrt(fmax(f.log_cov[k * n + k], 0.0));
    }
    *ret_fit = f;
    return 0;
}

/* ---- Many customers -------------------------------------------------------------------------- */

struct slice {
    const struct pv_covariate_fit *fit;
    const struct pv_customer *rows;
    const double *z;
    size_t n;
    double horizon, delta;
    struct pv_covariate_value *values;
};

enum { SLICE = 1024 };

static int predict_slice(void *context, size_t chunk)
{
    const struct slice *s = context;
    const struct pv_model *m = pv_model_find(s->fit->typical.model);
    double unit = s->fit->typical.unit_days;
    size_t to = (chunk + 1) * SLICE < s->n ? (chunk + 1) * SLICE : s->n;
    for (size_t i = chunk * SLICE; i < to; i++) {
        const struct pv_customer *c = &s->rows[i];
        struct pv_covariate_value v = {NAN, 0.0, 0.0};
        if (c->T >= 0) {
            double theta[PV_MAX_PARAMS], t_x = c->t_x / unit, T = c->T / unit;
            pv_covariate_theta(s->fit, s->z + i * s->fit->columns, theta);
            v.p_alive = pv_predict_alive(m, theta, c->x, t_x, T, 0.0);
            v.expected = pv_predict_expected(m, theta, c->x, t_x, T, s->horizon);
            v.dert = s->delta > 0.0 ? pv_predict_dert(m, theta, c->x, t_x, T, s->delta) : NAN;
        }
        s->values[i] = v;
    }
    return 0;
}

static bool asked_well(const struct pv_covariate_fit *fit, const struct pv_customer *rows, size_t n,
                       const struct pv_covariates *covariates)
{
    if (!pv_buying_find(fit->typical.model) || !fit->typical.usable ||
        covariates->columns != fit->columns || !pv_cov_finite(covariates, n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (rows[i].x < 0 || rows[i].t_x < 0 || (rows[i].T >= 0 && rows[i].T < rows[i].t_x))
            return false;
    return true;
}

int pv_covariate_predict(const struct pv_covariate_fit *fit, const struct pv_customer *rows,
                         size_t n, const struct pv_covariates *covariates, double horizon,
                         double discount, int threads, struct pv_covariate_value *ret_values)
{
    if (!asked_well(fit, rows, n, covariates) || !(horizon > 0.0) || !isfinite(horizon) ||
        !(discount >= 0.0) || !isfinite(discount))
        return PV_ERR_ARGUMENT;
    struct slice s = {fit, rows, covariates->z, n, horizon, 0.0, ret_values};
    s.delta = pv_discount_per_unit(discount, fit->typical.unit_days);
    return pv_parallel_run(threads, (n + SLICE - 1) / SLICE, predict_slice, &s);
}

/* ---- A base, intervals and all --------------------------------------------------------------- */

/*
 * Customers with the same covariates have the same parameters, and are valued as a base of their
 * own. What the whole is worth is uncertain by chance, which is theirs, and by ln theta and the
 * coefficients, which all share: slopes by a profile's parameters become slopes by those.
 */
struct profile_values {
    struct pv_sums sums;
    const double *z;
};

struct base {
    const struct pv_covariate_fit *fit, *spend;
    struct pv_valuer_options options;
    const struct pv_customer *rows;
    const struct pv_cov_source *source;
    struct profile_values *profile;
    struct pv_value *values;
};

static int value_profile(void *context, size_t p)
{
    const struct base *b = context;
    const uint32_t *order = b->source->order + b->source->first[p];
    size_t n = b->source->first[p + 1] - b->source->first[p];
    struct pv_customer *rows = malloc(n * sizeof *rows);
    struct pv_value *values = malloc(n * sizeof *values);
    struct pv_valuer *valuer = NULL;
    struct pv_fit buying, spend;
    int rc = rows && values ? 0 : PV_ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rows[i] = b->rows[order[i]];
    if (rc == 0)
        rc = pv_covariate_at(b->fit, b->profile[p].z, &buying);
    if (rc == 0 && b->spend)
        rc = pv_covariate_at(b->spend, b->profile[p].z, &spend);
    if (rc == 0)
        rc = pv_valuer_new(&buying, b->spend ? &spend : NULL, &b->options, rows, n, &valuer);
    if (rc == 0)
        rc = pv_value_sums(valuer, rows, n, values, &b->profile[p].sums);
    for (size_t i = 0; rc == 0 && i < n; i++)
        b->values[order[i]] = values[i];
    pv_valuer_free(valuer);
    free(rows);
    free(values);
    return rc;
}

/* Variance that the uncertainty of a fit brings to a sum over profiles. slope: of a profile, by the
 * logarithms of this fit's parameters. */
static double shared_variance(const struct pv_covariate_fit *fit, const struct base *b, bool money,
                              int first)
{
    const struct pv_model *model = pv_model_find(fit->typical.model);
    size_t n = (size_t)fit->typical.params, dims = n + fit->coefficients;
    double total[MAX_DIMS] = {0.0}, sum = 0.0;
    for (size_t p = 0; p < b->source->profiles; p++) {
        const struct profile_values *v = &b->profile[p];
        const double *slope = (money ? v->sums.money_slope : v->sums.clv_slope) + first;
        for (size_t i = 0; i < dims; i++)
            for (size_t k = 0; k < n; k++)
                total[i] += slope[k] * moves(fit, model, v->z, k, i);
    }
    for (size_t i = 0; i < dims; i++)
        for (size_t j = 0; j < dims; j++)
            sum += total[i] * pv_cov_covariance(fit, i, j) * total[j];
    return sum;
}

static struct pv_equity join(const struct base *b)
{
    struct pv_equity e = {.range = {NAN, NAN, NAN, NAN}, .money_range = {NAN, NAN, NAN, NAN}};
    double clv = 0.0, money = 0.0;
    for (size_t p = 0; p < b->source->profiles; p++) {
        const struct pv_sums *s = &b->profile[p].sums;
        e.customers += s->equity.customers;
        e.amount += s->equity.amount;
        e.money += s->equity.money;
        e.orders += s->equity.orders;
        e.alive += s->equity.alive;
        clv += s->clv_var;
        money += s->money_var;
    }
    if (!b->spend)
        return e;
    clv +=
        shared_variance(b->fit, b, false, 0) + shared_variance(b->spend, b, false, PV_MAX_PARAMS);
    money +=
        shared_variance(b->fit, b, true, 0) + shared_variance(b->spend, b, true, PV_MAX_PARAMS);
    e.range = pv_log_normal(e.amount, clv);
    e.money_range = pv_log_normal(e.money, money);
    return e;
}

int pv_covariate_value(const struct pv_covariate_fit *fit, const struct pv_covariate_fit *spend,
                       const struct pv_valuer_options *options, const struct pv_customer *rows,
                       size_t n, const struct pv_covariates *covariates,
                       struct pv_value *ret_values, struct pv_equity *ret_equity)
{
    size_t column[PV_MAX_COVARIATES];
    struct pv_cov_source s = {0};
    struct base b = {.fit = fit, .options = *options, .rows = rows, .values = ret_values};
    if (!asked_well(fit, rows, n, covariates) || options->points ||
        options->unit_days != fit->typical.unit_days)
        return PV_ERR_ARGUMENT;
    if (spend && spend->typical.usable) {
        if (spend->columns != fit->columns)
            return PV_ERR_ARGUMENT;
        b.spend = spend;
    }
    for (size_t j = 0; j < fit->columns; j++)
        column[j] = j;
    int rc = pv_cov_group(rows, n, covariates, column, fit->columns, pv_cov_keep_buying, &s);
    if (rc)
        return rc;
    b.source = &s;
    b.options.threads = 1;
    b.profile = calloc(s.profiles + 1, sizeof *b.profile);
    if (!b.profile)
        rc = PV_ERR_NO_MEMORY;
    for (size_t p = 0; rc == 0 && p < s.profiles; p++)
        b.profile[p].z = s.z + p * s.columns;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (rows[i].T < 0)
            ret_values[i] = (struct pv_value){.p_alive = NAN};
    if (rc == 0)
        rc = pv_parallel_run(options->threads, s.profiles, value_profile, &b);
    if (rc == 0 && ret_equity)
        *ret_equity = join(&b);
    free(b.profile);
    pv_cov_free(&s);
    return rc;
}
