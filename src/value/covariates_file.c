/*
 * covariates_file.c - coefficients in a model file. The covariance holds the rows of the
 * coefficients alone: that of the parameters is in the fit they belong to.
 */
#include "covariates.h"
#include "model_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Writing --------------------------------------------------------------------------------- */

static void put_one(struct pv_json_out *o, const struct pv_model_covariates *all, const char *key,
                    const struct pv_covariate_fit *f)
{
    if (!f) {
        pv_json_put(o, ",\n    \"%s\": null", key);
        return;
    }
    const struct pv_model *model = pv_model_find(f->typical.model);
    size_t params = (size_t)f->typical.params;
    pv_json_put(o, ",\n    \"%s\": {\n      \"centre\": ", key);
    pv_json_put_numbers(o, f->columns, f->centre);
    pv_json_put(o, ",\n      \"profiles\": %zu,\n      \"penalty\": ", f->profiles);
    pv_json_put_number(o, f->penalty);
    pv_json_put(o, ",\n      \"coefficients\": [");
    for (size_t j = 0; j < f->coefficients; j++) {
        const struct pv_coefficient *c = &f->coefficient[j];
        pv_json_put(o, "%s\n        {\"process\": \"%s\", \"column\": \"%s\", \"value\": ",
                    j ? "," : "", model->process[c->process].name, all->name[c->column]);
        pv_json_put_number(o, c->value);
        pv_json_put(o, ", \"std_error\": ");
        pv_json_put_number(o, c->std_error);
        pv_json_put(o, ", \"effect\": ");
        pv_json_put_number(o, c->effect);
        pv_json_put(o, "}");
    }
    pv_json_put(o, "],\n      \"covariance\": [");
    for (size_t j = 0; j < f->coefficients; j++) {
        double row[MAX_DIMS];
        for (size_t i = 0; i <= params + j; i++)
            row[i] = pv_cov_covariance(f, params + j, i);
        pv_json_put(o, "%s\n        ", j ? "," : "");
        pv_json_put_numbers(o, params + j + 1, row);
    }
    pv_json_put(o, "]\n    }");
}

void pv_covariates_put(struct pv_json_out *o, const struct pv_model_covariates *covariates)
{
    pv_json_put(o, ",\n  \"covariates\": {\n    \"columns\": [");
    for (size_t j = 0; j < covariates->columns; j++)
        pv_json_put(o, "%s\"%s\"", j ? ", " : "", covariates->name[j]);
    pv_json_put(o, "]");
    put_one(o, covariates, "fit", covariates->fit);
    put_one(o, covariates, "spend", covariates->spend);
    pv_json_put(o, "\n  }");
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct one_into {
    const struct pv_model_covariates *all;
    const struct pv_fit *typical;
    const struct pv_model *model;
    double centre[PV_MAX_COVARIATES];
    struct pv_coefficient coefficient[MAX_COEFS];
    size_t coefficients, profiles;
    double penalty;
    struct pv_json covariance; /* read when the coefficients are counted */
};

static int column_of(const struct pv_model_covariates *all, const char *name)
{
    for (size_t j = 0; j < all->columns; j++)
        if (strcmp(all->name[j], name) == 0)
            return (int)j;
    return -1;
}

static bool read_columns(struct pv_json *c, struct pv_model_covariates *all)
{
    if (!pv_json_next(c, '['))
        return pv_json_fail(c, PV_FILE_TYPE);
    for (; !pv_json_next(c, ']'); all->columns++) {
        char name[PV_JSON_WORD];
        if (all->columns && !pv_json_next(c, ','))
            return pv_json_fail(c, PV_FILE_SYNTAX);
        if (!pv_json_word(c, name))
            return false;
        if (all->columns == PV_MAX_COVARIATES)
            return pv_json_fail(c, PV_FILE_COUNT);
        if (column_of(all, name) >= 0)
            return pv_json_fail(c, PV_FILE_TWICE);
        memcpy(all->name[all->columns], name, sizeof name);
    }
    return all->columns > 0 || pv_json_fail(c, PV_FILE_COUNT);
}

static bool read_centre(struct pv_json *c, void *into)
{
    struct one_into *one = into;
    if (!pv_json_numbers(c, one->all->columns, false, one->centre))
        return false;
    for (size_t j = 0; j < one->all->columns; j++)
        if (fabs(one->centre[j]) > 1e100)
            return pv_json_fail(c, PV_FILE_RANGE);
    return true;
}

static bool read_profiles(struct pv_json *c, void *into)
{
    struct one_into *one = into;
    double value = 0.0;
    if (!pv_json_number(c, &value))
        return false;
    one->profiles = (size_t)fmax(fmin(value, 1e15), 0.0);
    return (double)one->profiles == value || pv_json_fail(c, PV_FILE_RANGE);
}

static bool read_penalty(struct pv_json *c, void *into)
{
    struct one_into *one = into;
    return pv_json_number(c, &one->penalty) &&
           (one->penalty >= 0.0 || pv_json_fail(c, PV_FILE_RANGE));
}

static bool read_process(struct pv_json *c, void *into)
{
    struct one_into *one = into;
    struct pv_coefficient *k = &one->coefficient[one->coefficients];
    char name[PV_JSON_WORD];
    if (!pv_json_word(c, name))
        return false;
    for (k->process = 0; k->process < pv_process_count(one->model); k->process++)
        if (strcmp(one->model->process[k->process].name, name) == 0)
            return true;
    return pv_json_fail(c, PV_FILE_UNKNOWN);
}

static bool read_column(struct pv_json *c, void *into)
{
    struct one_into *one = into;
    char name[PV_JSON_WORD];
    if (!pv_json_word(c, name))
        return false;
    int column = column_of(one->all, name);
    one->coefficient[one->coefficients].column = (size_t)column;
    return column >= 0 || pv_json_fail(c, PV_FILE_UNKNOWN);
}

/* Of a fit without numbers there are none. Nobody is e^50 times anybody else. */
static bool number_or_null(struct pv_json *c, bool known, double high, double *ret)
{
    *ret = NAN;
    if (!known && pv_json_is(c, "null"))
        return true;
    return pv_json_number(c, ret) && (fabs(*ret) <= high || pv_json_fail(c, PV_FILE_RANGE));
}

static bool read_value(struct pv_json *c, void *into)
{
    struct one_into *one = into;
    return number_or_null(c, one->typical->usable, 1e100,
                          &one->coefficient[one->coefficients].value);
}

static bool read_std_error(struct pv_json *c, void *into)
{
    struct one_into *one = into;
    double *error = &one->coefficient[one->coefficients].std_error;
    return number_or_null(c, false, 1e300, error) &&
           (!(*error < 0.0) || pv_json_fail(c, PV_FILE_RANGE));
}

static bool read_effect(struct pv_json *c, void *into)
{
    struct one_into *one = into;
    return number_or_null(c, one->typical->usable, 100.0,
                          &one->coefficient[one->coefficients].effect);
}

/* In order of process, then column. */
static bool read_coefficients(struct pv_json *c, void *into)
{
    static const struct pv_json_field fields[] = {
        {"process", read_process, false}, {"column", read_column, false},
        {"value", read_value, false},     {"std_error", read_std_error, false},
        {"effect", read_effect, false},
    };
    struct one_into *one = into;
    if (!pv_json_next(c, '['))
        return pv_json_fail(c, PV_FILE_TYPE);
    for (; !pv_json_next(c, ']'); one->coefficients++) {
        struct pv_coefficient *k = &one->coefficient[one->coefficients];
        if (one->coefficients && !pv_json_next(c, ','))
            return pv_json_fail(c, PV_FILE_SYNTAX);
        if (one->coefficients == MAX_COEFS)
            return pv_json_fail(c, PV_FILE_COUNT);
        if (!pv_json_object(c, fields, sizeof fields / sizeof fields[0], one))
            return false;
        if (one->coefficients && (k->process < k[-1].process ||
                                  (k->process == k[-1].process && k->column <= k[-1].column)))
            return pv_json_fail(c, PV_FILE_TWICE);
    }
    return true;
}

static bool mark_covariance(struct pv_json *c, void *into)
{
    struct one_into *one = into;
    pv_json_blanks(c);
    one->covariance = *c;
    return pv_json_skip(c);
}

/* Rows of the coefficients, below those of the parameters. Rounding may leave an eigenvalue a
 * little below zero. */
static bool read_covariance(struct pv_json *c, const struct one_into *one, double *ret)
{
    size_t n = (size_t)one->typical->params, dims = n + one->coefficients;
    double *factor = malloc(dims * dims * sizeof *factor);
    bool good = factor != NULL;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            ret[i * dims + k] = one->typical->log_cov[i * n + k];
    good = good && (pv_json_next(c, '[') || pv_json_fail(c, PV_FILE_TYPE));
    for (size_t i = n; good && i < dims; i++) {
        good = (i == n || pv_json_next(c, ',') || pv_json_fail(c, PV_FILE_COUNT)) &&
               pv_json_numbers(c, i + 1, false, ret + i * dims);
        for (size_t k = 0; good && k <= i; k++) {
            ret[k * dims + i] = ret[i * dims + k];
            if (fabs(ret[i * dims + k]) > 1e100)
                good = pv_json_fail(c, PV_FILE_RANGE);
        }
    }
    good = good && (pv_json_next(c, ']') || pv_json_fail(c, PV_FILE_COUNT));
    /* As correlations, each made a little less. */
    for (size_t i = 0; good && i < dims; i++) {
        for (size_t k = 0; k < dims; k++) {
            double scale = sqrt(fabs(ret[i * dims + i]) * fabs(ret[k * dims + k]));
            double value = ret[i * dims + k] / (scale > 0.0 ? scale : 1.0);
            factor[i * dims + k] = i == k ? 1.0 + 1e-9 : value;
        }
        good = ret[i * dims + i] >= 0.0 || pv_json_fail(c, PV_FILE_NOT_POSITIVE);
    }
    good = good &&
           (pv_newton_factor(dims, factor, 0.0, NULL) || pv_json_fail(c, PV_FILE_NOT_POSITIVE));
    free(factor);
    return good;
}

static bool read_one(struct pv_json *c, const struct pv_model_covariates *all,
                     const struct pv_fit *typical, struct pv_covariate_fit **ret)
{
    static const struct pv_json_field fields[] = {
        {"centre", read_centre, false},         {"profiles", read_profiles, false},
        {"penalty", read_penalty, false},       {"coefficients", read_coefficients, false},
        {"covariance", mark_covariance, false},
    };
    struct one_into one = {.all = all, .typical = typical, .model = pv_model_find(typical->model)};
    const double zero[PV_MAX_COVARIATES] = {0.0};
    struct pv_fit at_zero;
    if (!pv_json_object(c, fields, sizeof fields / sizeof fields[0], &one))
        return false;
    struct pv_cov_holder *h =
        pv_cov_holder_new((size_t)typical->params, all->columns, one.coefficients);
    if (!h)
        return pv_json_fail(c, PV_FILE_TOO_LARGE);
    *ret = &h->fit;
    h->fit.typical = *typical;
    h->fit.profiles = one.profiles;
    h->fit.penalty = one.penalty;
    memcpy(h->centre, one.centre, all->columns * sizeof *h->centre);
    memcpy(h->coefficient, one.coefficient, one.coefficients * sizeof *h->coefficient);
    size_t path = pv_json_enter(c, "covariance");
    if (!read_covariance(&one.covariance, &one, h->covariance))
        return false;
    pv_json_leave(c, path);
    if (pv_covariate_at(&h->fit, zero, &at_zero) == 0) {
        memcpy(h->fit.zero, at_zero.param, sizeof h->fit.zero);
        memcpy(h->fit.zero_std_error, at_zero.std_error, sizeof h->fit.zero_std_error);
    }
    return true;
}

static bool read_fit(struct pv_json *c, void *into)
{
    struct pv_model_file *f = into;
    if (!pv_model_find(f->fit.model)->process)
        return pv_json_fail(c, PV_FILE_MODEL);
    return read_one(c, f->covariates, &f->fit, &f->covariates->fit);
}

static bool read_spend(struct pv_json *c, void *into)
{
    struct pv_model_file *f = into;
    if (pv_json_is(c, "null"))
        return true;
    if (!f->has_spend)
        return pv_json_fail(c, PV_FILE_MODEL);
    return read_one(c, f->covariates, &f->spend, &f->covariates->spend);
}

static bool skip_columns(struct pv_json *c, void *into)
{
    (void)into;
    return pv_json_skip(c);
}

bool pv_covariates_read(struct pv_json *c, struct pv_model_file *file)
{
    static const struct pv_json_field fields[] = {
        {"columns", skip_columns, false}, {"fit", read_fit, false}, {"spend", read_spend, false}};
    struct pv_json ahead;
    file->covariates = calloc(1, sizeof *file->covariates);
    if (!file->covariates)
        return pv_json_fail(c, PV_FILE_TOO_LARGE);
    /* The names come before all that uses them, wherever they stand. */
    if (!pv_json_find(c, "columns", &ahead)) {
        pv_json_enter(c, "columns");
        return pv_json_fail(c, PV_FILE_MISSING);
    }
    size_t path = pv_json_enter(c, "columns");
    if (!read_columns(&ahead, file->covariates))
        return false;
    pv_json_leave(c, path);
    return pv_json_object(c, fields, sizeof fields / sizeof fields[0], file);
}
