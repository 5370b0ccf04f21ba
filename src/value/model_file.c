/*
 * model_file.c - a fitted model written to and read from JSON in memory.
 *
 * The reader knows what it wants: an object is a table of fields, each with the function that reads
 * it. Fields may stand in any order (people sort and edit such files); what decides how others are
 * read (version, model) is looked up ahead. The writer reads its own text before it hands it out,
 * so that what was written can be read, by the same rules.
 */
#include "calendar.h"
#include "internal.h"
#include "json_in.h"
#include "json_out.h"
#include "model_file.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "patron-value-model";
static const double SLACK = 1e-9; /* a parameter at its limit came there by exp(log(limit)) */
static const double MAX_COUNT = 9007199254740992.0; /* whole numbers are exact up to here */

const char *pv_file_fault_code(enum pv_file_fault fault)
{
    static const char *const codes[PV_FILE_FAULTS] = {
        [PV_FILE_SYNTAX] = "syntax",     [PV_FILE_TOO_LARGE] = "too-large",
        [PV_FILE_TOO_DEEP] = "too-deep", [PV_FILE_FORMAT] = "format",
        [PV_FILE_VERSION] = "version",   [PV_FILE_MISSING] = "missing",
        [PV_FILE_UNKNOWN] = "unknown",   [PV_FILE_TWICE] = "twice",
        [PV_FILE_TYPE] = "type",         [PV_FILE_RANGE] = "range",
        [PV_FILE_COUNT] = "count",       [PV_FILE_MODEL] = "model",
        [PV_FILE_VERDICT] = "verdict",   [PV_FILE_NOT_POSITIVE] = "not-positive",
    };
    return (unsigned)fault < PV_FILE_FAULTS ? codes[fault] : "syntax";
}

/* ---- Fingerprint ----------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t h)
{
    h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return h ^ (h >> 32);
}

uint64_t pv_fingerprint(const struct pv_customer *rows, size_t n)
{
    uint64_t sum = 0, count = 0; /* a sum: no order */
    for (size_t i = 0; i < n; i++) {
        const struct pv_customer *r = &rows[i];
        if (r->T < 0)
            continue;
        uint64_t h = mixed((uint64_t)(uint32_t)r->x << 32 | (uint32_t)r->t_x);
        h = mixed(h + (uint32_t)r->T + UINT64_C(0x9e3779b97f4a7c15));
        sum += mixed(h + (uint64_t)r->spend);
        count++;
    }
    uint64_t print = mixed(sum + mixed(count));
    return print ? print : 1;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void put_fit(struct pv_json_out *o, const char *key, const struct pv_fit *f)
{
    int n = f->params;
    pv_json_put(o, "  \"%s\": {\n    \"model\": \"%s\",\n    \"params\": {", key, f->model);
    for (int i = 0; i < n; i++) {
        pv_json_put(o, "%s\"%s\": ", i ? ", " : "", f->name[i]);
        pv_json_put_number(o, f->param[i]);
    }
    pv_json_put(o, "},\n    \"std_errors\": ");
    pv_json_put_numbers(o, (size_t)n, f->std_error);
    pv_json_put(o, ",\n    \"log_covariance\": [");
    for (int i = 0; i < n; i++) {
        pv_json_put(o, "%s", i ? ", " : "");
        pv_json_put_numbers(o, (size_t)i + 1, f->log_cov + i * n);
    }
    pv_json_put(o, "],\n    \"loglik\": ");
    pv_json_put_number(o, f->loglik);
    pv_json_put(o, ",\n    \"verdict\": \"%s\",\n    \"usable\": %s,\n",
                pv_verdict_code(f->verdict), f->usable ? "true" : "false");
    pv_json_put(o, "    \"unit_days\": ");
    pv_json_put_number(o, f->unit_days);
    pv_json_put(o, ",\n    \"customers\": %llu,\n    \"repeaters\": %llu,\n    \"cells\": %zu,\n",
                (unsigned long long)f->customers, (unsigned long long)f->repeaters, f->cells);
    pv_json_put(o, "    \"iterations\": %d,\n    \"correlation\": ", f->iterations);
    pv_json_put_number(o, f->correlation);
    pv_json_put(o, "\n  }");
}

static void put_file(struct pv_json_out *o, const struct pv_model_file *f)
{
    pv_json_put(o, "{\n  \"format\": \"%s\",\n  \"version\": %d,\n", format_name,
                PV_MODEL_FILE_VERSION);
    if (f->until == PV_NO_DAY) {
        pv_json_put(o, "  \"until\": null,\n");
    } else {
        int32_t month = pv_month_of(f->until), since = month + 2; /* 0000-01 */
        pv_json_put(o, "  \"until\": \"%04d-%02d-%02d\",\n", (int)since / 12, (int)since % 12 + 1,
                    (int)(f->until - pv_first_day_of_month(month)) + 1);
    }
    pv_json_put(o, "  \"money_scale\": ");
    pv_json_put_number(o, f->money_scale);
    pv_json_put(o, ",\n  \"fingerprint\": ");
    if (f->fingerprint)
        pv_json_put(o, "\"%016llx\"", (unsigned long long)f->fingerprint);
    else
        pv_json_put(o, "null");
    pv_json_put(o, ",\n");
    put_fit(o, "fit", &f->fit);
    pv_json_put(o, ",\n");
    if (f->has_spend)
        put_fit(o, "spend", &f->spend);
    else
        pv_json_put(o, "  \"spend\": null");
    if (f->covariates)
        pv_covariates_put(o, f->covariates);
    pv_json_put(o, "\n}\n");
}

int pv_model_file_write(const struct pv_model_file *file, char *buffer, size_t room,
                        size_t *ret_length)
{
    struct pv_model_file again;
    struct pv_json_out o = {buffer, room, 0, room == 0};
    const int32_t first = pv_first_day_of_month(12 - 2), after = pv_first_day_of_month(120000 - 2);
    if (!file->fit.model || file->fit.params > PV_MAX_PARAMS ||
        (file->has_spend && (!file->spend.model || file->spend.params > PV_MAX_PARAMS)) ||
        (file->until != PV_NO_DAY && (file->until < first || file->until >= after)))
        return PV_ERR_ARGUMENT;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(plain);
    put_file(&o, file);
    uselocale(before);
    freelocale(plain);
    if (o.full)
        return PV_ERR_OVERFLOW;
    if (pv_model_file_parse(buffer, o.n, &again, NULL))
        return PV_ERR_ARGUMENT;
    pv_model_file_free(&again);
    *ret_length = o.n;
    return 0;
}

/* ---- Reading: the fields of a fit ------------------------------------------------------------ */

struct fit_into {
    struct pv_fit fit;
    const struct pv_model *model;
    bool spend; /* a model of spend is wanted, or one of anything else */
};

static bool ranged(struct pv_json *c, double low, double high, double *ret)
{
    double value = 0.0;
    if (!pv_json_number(c, &value))
        return false;
    if (!(value >= low && value <= high))
        return pv_json_fail(c, PV_FILE_RANGE);
    *ret = value;
    return true;
}

static bool counted(struct pv_json *c, double high, double *ret)
{
    return ranged(c, 0.0, high, ret) && (*ret == floor(*ret) || pv_json_fail(c, PV_FILE_RANGE));
}

static bool read_model(struct pv_json *c, void *into)
{
    struct fit_into *f = into;
    char name[PV_JSON_WORD];
    if (!pv_json_word(c, name))
        return false;
    const struct pv_model *model = pv_model_find(name);
    if (!model || (model->kind == PV_KIND_SPEND) != f->spend)
        return pv_json_fail(c, PV_FILE_MODEL);
    f->model = model;
    f->fit.model = model->name;
    f->fit.params = model->params;
    for (int i = 0; i < model->params; i++)
        f->fit.name[i] = model->param[i];
    return true;
}

/* What is not known (of a fit that is not usable) is null; the rest lies within the model's limits.
 */
static bool read_params(struct pv_json *c, void *into)
{
    struct fit_into *f = into;
    const struct pv_model *m = f->model;
    unsigned seen = 0;
    char name[PV_JSON_WORD];
    int count = 0;
    if (!pv_json_next(c, '{'))
        return pv_json_fail(c, PV_FILE_TYPE);
    for (; !pv_json_next(c, '}'); count++) {
        int k = 0;
        if (count && !pv_json_next(c, ','))
            return pv_json_fail(c, PV_FILE_SYNTAX);
        if (!pv_json_word(c, name))
            return false;
        size_t path = pv_json_enter(c, name);
        while (k < m->params && strcmp(m->param[k], name) != 0)
            k++;
        if (k == m->params)
            return pv_json_fail(c, PV_FILE_UNKNOWN);
        if (seen & 1u << k)
            return pv_json_fail(c, PV_FILE_TWICE);
        seen |= 1u << k;
        if (!pv_json_next(c, ':'))
            return pv_json_fail(c, PV_FILE_SYNTAX);
        if (pv_json_is(c, "null"))
            f->fit.param[k] = NAN;
        else if (!ranged(c, m->low[k] * (1.0 - SLACK), m->high[k] * (1.0 + SLACK),
                         &f->fit.param[k]))
            return false;
        pv_json_leave(c, path);
    }
    return count == m->params || pv_json_fail(c, PV_FILE_COUNT);
}

static bool read_errors(struct pv_json *c, void *into)
{
    struct pv_fit *f = &((struct fit_into *)into)->fit;
    if (!pv_json_numbers(c, (size_t)f->params, true, f->std_error))
        return false;
    for (int i = 0; i < f->params; i++)
        if (f->std_error[i] < 0.0)
            return pv_json_fail(c, PV_FILE_RANGE);
    return true;
}

/* The lower triangle, row by row. Rounding may leave an eigenvalue a little below zero. */
static bool read_covariance(struct pv_json *c, void *into)
{
    struct pv_fit *f = &((struct fit_into *)into)->fit;
    double value[PV_MAX_PARAMS] = {0.0}, vector[PV_MAX_PARAMS * PV_MAX_PARAMS];
    int n = f->params;
    if (!pv_json_next(c, '['))
        return pv_json_fail(c, PV_FILE_TYPE);
    for (int i = 0; i < n; i++) {
        double row[PV_MAX_PARAMS];
        pv_json_blanks(c);
        if ((c->at < c->end && *c->at == ']') || (i && !pv_json_next(c, ',')))
            return pv_json_fail(c, PV_FILE_COUNT);
        if (!pv_json_numbers(c, (size_t)i + 1, false, row))
            return false;
        for (int k = 0; k <= i; k++)
            f->log_cov[i * n + k] = f->log_cov[k * n + i] = row[k];
    }
    if (!pv_json_next(c, ']'))
        return pv_json_fail(c, PV_FILE_COUNT);
    for (int i = 0; i < n * n; i++)
        if (fabs(f->log_cov[i]) > 1e12)
            return pv_json_fail(c, PV_FILE_RANGE);
    pv_math_eigen(n, f->log_cov, value, vector);
    return value[0] >= -1e-9 * fabs(value[n - 1]) || pv_json_fail(c, PV_FILE_NOT_POSITIVE);
}

static bool read_loglik(struct pv_json *c, void *into)
{
    struct pv_fit *f = &((struct fit_into *)into)->fit;
    f->loglik = NAN;
    return pv_json_is(c, "null") || pv_json_number(c, &f->loglik);
}

static bool read_verdict(struct pv_json *c, void *into)
{
    struct pv_fit *f = &((struct fit_into *)into)->fit;
    char name[PV_JSON_WORD];
    int v = 0;
    if (!pv_json_word(c, name))
        return false;
    while (v < PV_VERDICTS && strcmp(pv_verdict_code((enum pv_verdict)v), name) != 0)
        v++;
    f->verdict = (enum pv_verdict)v;
    return v < PV_VERDICTS || pv_json_fail(c, PV_FILE_VERDICT);
}

static bool read_usable(struct pv_json *c, void *into)
{
    struct pv_fit *f = &((struct fit_into *)into)->fit;
    f->usable = pv_json_is(c, "true");
    return f->usable || pv_json_is(c, "false") || pv_json_fail(c, PV_FILE_TYPE);
}

static bool read_unit(struct pv_json *c, void *into)
{
    return ranged(c, 1e-3, 1e5, &((struct fit_into *)into)->fit.unit_days);
}

#define COUNT_FIELD(NAME, MEMBER, TYPE, HIGH)                                                      \
    static bool NAME(struct pv_json *c, void *into)                                                \
    {                                                                                              \
        double value = 0.0;                                                                        \
        if (!counted(c, HIGH, &value))                                                             \
            return false;                                                                          \
        ((struct fit_into *)into)->fit.MEMBER = (TYPE)value;                                       \
        return true;                                                                               \
    }

COUNT_FIELD(read_customers, customers, uint64_t, MAX_COUNT)
COUNT_FIELD(read_repeaters, repeaters, uint64_t, MAX_COUNT)
COUNT_FIELD(read_cells, cells, size_t, MAX_COUNT)
COUNT_FIELD(read_iterations, iterations, int, 1e9)

static bool read_correlation(struct pv_json *c, void *into)
{
    struct pv_fit *f = &((struct fit_into *)into)->fit;
    f->correlation = NAN;
    return pv_json_is(c, "null") || ranged(c, -1.0 - 1e-9, 1.0 + 1e-9, &f->correlation);
}

static bool read_fit(struct pv_json *c, bool spend, struct pv_fit *ret)
{
    static const struct pv_json_field fields[] = {
        {"model", read_model, false},
        {"params", read_params, false},
        {"std_errors", read_errors, false},
        {"log_covariance", read_covariance, false},
        {"loglik", read_loglik, false},
        {"verdict", read_verdict, false},
        {"usable", read_usable, false},
        {"unit_days", read_unit, false},
        {"customers", read_customers, false},
        {"repeaters", read_repeaters, false},
        {"cells", read_cells, false},
        {"iterations", read_iterations, false},
        {"correlation", read_correlation, false},
    };
    struct fit_into into = {.spend = spend};
    struct pv_json ahead;
    pv_json_blanks(c);
    if (c->at == c->end || *c->at != '{')
        return pv_json_fail(c, PV_FILE_TYPE);
    bool found = pv_json_find(c, "model", &ahead);
    size_t path = pv_json_enter(c, "model");
    if (!found)
        return pv_json_fail(c, PV_FILE_MISSING);
    if (!read_model(&ahead, &into))
        return false;
    pv_json_leave(c, path);
    if (!pv_json_object(c, fields, sizeof fields / sizeof fields[0], &into))
        return false;
    for (int i = 0; into.fit.usable && i < into.fit.params; i++) {
        if (isnan(into.fit.param[i])) {
            pv_json_enter(c, "params");
            pv_json_enter(c, into.fit.name[i]);
            return pv_json_fail(c, PV_FILE_RANGE);
        }
    }
    *ret = into.fit;
    return true;
}

/* ---- Reading: the file ----------------------------------------------------------------------- */

struct file_into {
    struct pv_model_file file; /* first: what most fields are read into */
    struct pv_json covariates; /* where they stand; at: NULL without any */
};

static bool read_format(struct pv_json *c, void *into)
{
    char name[PV_JSON_WORD];
    (void)into;
    return pv_json_word(c, name) &&
           (strcmp(name, format_name) == 0 || pv_json_fail(c, PV_FILE_FORMAT));
}

static bool read_version(struct pv_json *c, void *into)
{
    double version = 0.0;
    (void)into;
    return counted(c, MAX_COUNT, &version) &&
           (version == PV_MODEL_FILE_VERSION || pv_json_fail(c, PV_FILE_VERSION));
}

static bool read_until(struct pv_json *c, void *into)
{
    struct pv_model_file *f = into;
    char text[PV_JSON_WORD];
    static const char shape[] = "0000-00-00";
    f->until = PV_NO_DAY;
    if (pv_json_is(c, "null"))
        return true;
    if (!pv_json_word(c, text))
        return false;
    for (size_t i = 0; i < sizeof shape; i++)
        if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
            return pv_json_fail(c, PV_FILE_RANGE);
    int year = (int)strtol(text, NULL, 10), month = (int)strtol(text + 5, NULL, 10);
    int day = (int)strtol(text + 8, NULL, 10);
    int32_t first = pv_first_day_of_month(12 * year + month - 3);
    f->until = first + day - 1;
    if (year < 1 || month < 1 || month > 12 || day < 1 ||
        f->until >= pv_first_day_of_month(12 * year + month - 2))
        return pv_json_fail(c, PV_FILE_RANGE);
    return true;
}

static bool read_scale(struct pv_json *c, void *into)
{
    return ranged(c, 1.0, 1e9, &((struct pv_model_file *)into)->money_scale);
}

static bool read_fingerprint(struct pv_json *c, void *into)
{
    struct pv_model_file *f = into;
    char text[PV_JSON_WORD];
    f->fingerprint = 0;
    if (pv_json_is(c, "null"))
        return true;
    if (!pv_json_word(c, text))
        return false;
    if (strspn(text, "0123456789abcdef") != 16 || text[16])
        return pv_json_fail(c, PV_FILE_RANGE);
    f->fingerprint = strtoull(text, NULL, 16);
    return f->fingerprint != 0 || pv_json_fail(c, PV_FILE_RANGE);
}

static bool read_main_fit(struct pv_json *c, void *into)
{
    return read_fit(c, false, &((struct pv_model_file *)into)->fit);
}

static bool read_spend(struct pv_json *c, void *into)
{
    struct pv_model_file *f = into;
    if (pv_json_is(c, "null"))
        return true;
    f->has_spend = true;
    return read_fit(c, true, &f->spend);
}

/* Read when both fits are there, wherever it stands. */
static bool mark_covariates(struct pv_json *c, void *into)
{
    struct pv_json *mark = &((struct file_into *)into)->covariates;
    pv_json_blanks(c);
    *mark = *c;
    return pv_json_skip(c);
}

/* What it is and who wrote it comes before all else: a later version may hold anything. */
static bool read_file(struct pv_json *c, struct file_into *f)
{
    static const struct pv_json_field fields[] = {
        {"format", read_format, false},
        {"version", read_version, false},
        {"until", read_until, false},
        {"money_scale", read_scale, false},
        {"fit", read_main_fit, false},
        {"spend", read_spend, false},
        {"fingerprint", read_fingerprint, false},
        {"covariates", mark_covariates, true},
    };
    struct pv_json whole = *c, ahead;
    if (!pv_json_skip(&whole))
        return false;
    pv_json_blanks(&whole);
    if (whole.at != whole.end)
        return pv_json_fail(&whole, PV_FILE_SYNTAX);
    for (int i = 0; i < 2; i++) {
        bool found = pv_json_find(c, fields[i].name, &ahead);
        size_t path = pv_json_enter(c, fields[i].name);
        if (!found)
            return pv_json_fail(c, PV_FILE_FORMAT);
        if (!fields[i].read(&ahead, NULL))
            return false;
        pv_json_leave(c, path);
    }
    if (!pv_json_object(c, fields, sizeof fields / sizeof fields[0], f))
        return false;
    if (!f->covariates.at)
        return true;
    pv_json_enter(&f->covariates, "covariates");
    return pv_covariates_read(&f->covariates, &f->file);
}

void pv_model_file_free(struct pv_model_file *file)
{
    if (file->covariates) {
        pv_covariate_fit_free(file->covariates->fit);
        pv_covariate_fit_free(file->covariates->spend);
        free(file->covariates);
        file->covariates = NULL;
    }
}

int pv_model_file_parse(const char *text, size_t length, struct pv_model_file *ret_file,
                        struct pv_file_error *ret_error)
{
    struct pv_file_error error = {.fault = PV_FILE_SYNTAX};
    struct file_into into = {.file = {.until = PV_NO_DAY}};
    struct pv_json c = {.at = text, .begin = text, .end = text + length, .error = &error};
    bool good;
    if (length > PV_MODEL_FILE_MAX) {
        good = pv_json_fail(&c, PV_FILE_TOO_LARGE);
    } else {
        c.plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        good = read_file(&c, &into);
        freelocale(c.plain);
    }
    if (good) {
        *ret_file = into.file;
        return 0;
    }
    pv_model_file_free(&into.file);
    if (ret_error)
        *ret_error = error;
    return PV_ERR_ARGUMENT;
}
