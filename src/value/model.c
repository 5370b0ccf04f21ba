/*
 * model.c - the list of models, and what works on any of them: fitting, verdicts, predictions.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Those of regular buyers, whose k makes many, come behind them. */
static const struct pv_model *const models[] = {
    &pv_model_bg_nbd, &pv_model_mbg_nbd, &pv_model_pareto_nbd, &pv_model_ggompertz_nbd,
    &pv_model_nbd,    &pv_model_bg_bb,   &pv_model_sbg,        &pv_model_gamma_gamma,
};
enum { MODELS = sizeof models / sizeof models[0] };

const struct pv_model *pv_model_at(size_t index)
{
    if (index < MODELS)
        return models[index];
    return index - MODELS < PV_CNBD_MODELS ? &pv_model_cnbd[index - MODELS] : NULL;
}

const struct pv_model *pv_model_find(const char *name)
{
    const struct pv_model *m = NULL;
    for (size_t i = 0; (m = pv_model_at(i)) && strcmp(m->name, name) != 0; i++) {
    }
    return m;
}

const struct pv_model *pv_buying_find(const char *name)
{
    const struct pv_model *m = pv_model_find(name);
    return m && m->kind == PV_KIND_BUYING ? m : NULL;
}

const char *pv_model_name(const struct pv_model *model)
{
    return model->name;
}

enum pv_model_kind pv_model_kind(const struct pv_model *model)
{
    return model->kind;
}

int pv_model_params(const struct pv_model *model)
{
    return model->params;
}

const char *pv_model_param(const struct pv_model *model, int index)
{
    return index >= 0 && index < model->params ? model->param[index] : NULL;
}

/* ---- Fitting --------------------------------------------------------------------------------- */

void pv_fit_blank(const struct pv_model *model, enum pv_verdict verdict, struct pv_fit *ret_fit)
{
    memset(ret_fit, 0, sizeof *ret_fit);
    ret_fit->model = model->name;
    ret_fit->params = model->params;
    ret_fit->verdict = verdict;
    ret_fit->loglik = NAN;
    for (int i = 0; i < model->params; i++) {
        ret_fit->name[i] = model->param[i];
        ret_fit->param[i] = NAN;
        ret_fit->std_error[i] = NAN;
    }
}

int pv_fit_given(const struct pv_model *model, const double *param, double unit_days,
                 struct pv_fit *ret_fit)
{
    struct pv_fit fit;
    if (!(unit_days > 0.0) || !isfinite(unit_days))
        return PV_ERR_ARGUMENT;
    pv_fit_blank(model, PV_VERDICT_OK, &fit);
    for (int i = 0; i < model->params; i++) {
        if (!(param[i] > 0.0) || !isfinite(param[i]))
            return PV_ERR_ARGUMENT;
        fit.param[i] = param[i];
        fit.std_error[i] = 0.0;
    }
    fit.unit_days = unit_days;
    fit.usable = true;
    *ret_fit = fit;
    return 0;
}

static enum pv_verdict judge(const struct pv_model *model, const struct pv_optimum *o, double span)
{
    const double *t = o->theta;
    /* The parameters after r and alpha say how customers leave. */
    bool can_leave = model->params > 2 && model->buying && model->buying->leave;
    double leave = can_leave ? model->buying->leave(model, t, span) : 1.0;
    if (!isfinite(o->value))
        return PV_VERDICT_NOT_CONVERGED;
    if (leave < 1e-4)
        return PV_VERDICT_NOBODY_LEAVES;
    if (model->simpler && model->simpler(t, span))
        return PV_VERDICT_SIMPLER_MODEL;
    for (int i = 0; i < model->params; i++) {
        if (!o->at_limit[i])
            continue;
        for (int k = 0; k < model->params; k++)
            if (model->far[k] > 0.0 && t[k] > 0.1 * model->far[k])
                return PV_VERDICT_RIDGE;
        return PV_VERDICT_BOUNDARY;
    }
    for (int i = 0; i < model->params; i++)
        if (model->far[i] > 0.0 && t[i] > model->far[i])
            return PV_VERDICT_RIDGE;
    if (!o->converged)
        return PV_VERDICT_NOT_CONVERGED;
    if (!o->regular)
        return PV_VERDICT_RIDGE;
    /* A parameter known only to within a factor of ten either way is not known. */
    for (int i = 0; i < model->params; i++)
        if (!(o->log_sd[i] < 2.3 / PV_Z95))
            return leave < 0.01 ? PV_VERDICT_NOBODY_LEAVES : PV_VERDICT_RIDGE;
    return PV_VERDICT_OK;
}

enum { TRIES = 3 };

/* The best starting points by likelihood, best first. */
static void choose_starts(const struct pv_model *model, struct pv_fit_data *d, double rate,
                          double (*ret_start)[PV_MAX_PARAMS])
{
    double start[PV_MAX_STARTS][PV_MAX_PARAMS] = {{0.0}};
    double best[TRIES];
    int n = model->starts(d, model->regular > 1 ? model->regular * rate : rate, start);
    for (int k = 0; k < TRIES; k++) {
        best[k] = -INFINITY;
        for (int i = 0; i < model->params; i++)
            ret_start[k][i] = 1.0;
    }
    d->stride = d->cells / 4096 + 1;
    for (int s = 0; s < n; s++) {
        double value = pv_fit_stopped(d->asked) ? NAN : model->eval(model, d, start[s], NULL, NULL);
        if (!isfinite(value))
            continue;
        int at = TRIES;
        while (at > 0 && value > best[at - 1])
            at--;
        for (int k = TRIES - 1; k > at; k--) {
            best[k] = best[k - 1];
            memcpy(ret_start[k], ret_start[k - 1], sizeof ret_start[k]);
        }
        if (at < TRIES) {
            best[at] = value;
            memcpy(ret_start[at], start[s], sizeof start[s]);
        }
    }
    d->stride = 1;
}

/* How people leave is unknown here; what is known is how they buy: that block of the covariance is
 * kept. */
static void keep_buying_block(const struct pv_model *model, const struct pv_optimum *o,
                              struct pv_fit *fit)
{
    int n = model->params;
    double info[4] = {-o->hess[0], -o->hess[1], -o->hess[n], -o->hess[n + 1]};
    double cov[4] = {0.0};
    memset(fit->log_cov, 0, sizeof fit->log_cov);
    if (pv_math_spd_inverse(2, info, cov)) {
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 2; j++)
                fit->log_cov[i * n + j] = cov[i * 2 + j];
    } else {
        fit->usable = false;
    }
    for (int i = 0; i < n; i++)
        fit->std_error[i] = i < 2 ? fit->param[i] * sqrt(fit->log_cov[i * n + i]) : NAN;
}

/* Purchases of a new customer in a span as long as the longest observation, after one. */
static double next_span(const struct pv_model *model, const double *theta, double span)
{
    double alive = model->buying->p_alive(model, theta, 0.0, 0.0, 0.0, NULL);
    return alive * (model->buying->mean(model, theta, 0.0, 0.0, 2.0 * span) -
                    model->buying->mean(model, theta, 0.0, 0.0, span));
}

/*
 * On a ridge the parameters are not known one by one, but what they predict may well be: a lifetime
 * that is nearly the same for all leaves s and beta free and s / beta known. Usable when the
 * purchases of the next span have a standard error under 35 % (delta method).
 */
static bool prediction_is_known(const struct pv_model *model, const struct pv_optimum *o,
                                double span)
{
    int n = model->params;
    double slope[PV_MAX_PARAMS], var = 0.0;
    if (model->kind != PV_KIND_BUYING || !o->regular || !o->converged)
        return false;
    double mean = next_span(model, o->theta, span);
    for (int i = 0; i < n; i++) {
        double moved[PV_MAX_PARAMS];
        if (o->at_limit[i])
            return false;
        memcpy(moved, o->theta, sizeof moved);
        moved[i] *= exp(1e-4);
        slope[i] = log(next_span(model, moved, span) / mean) / 1e-4;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            var += slope[i] * slope[j] * o->log_cov[i * n + j];
    return var < 0.35 * 0.35;
}

/* Along a ridge predictions hardly move, but a covariance of the logarithms without end would carry
 * them to where no double is: no direction is let further than a parameter that counts as known. */
static void cut_ridge(const struct pv_model *model, struct pv_fit *fit)
{
    int n = model->params;
    double val[PV_MAX_PARAMS] = {0.0}, vec[PV_MAX_PARAMS * PV_MAX_PARAMS];
    const double most = (2.3 / PV_Z95) * (2.3 / PV_Z95);
    pv_math_eigen(n, fit->log_cov, val, vec);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            double sum = 0.0;
            for (int k = 0; k < n; k++)
                sum += vec[i * n + k] * vec[j * n + k] * fmin(fmax(val[k], 0.0), most);
            fit->log_cov[i * n + j] = sum;
        }
    }
}

void pv_fit_judge(const struct pv_model *model, const struct pv_optimum *o, double span,
                  struct pv_fit *fit)
{
    fit->verdict = judge(model, o, span);
    fit->usable = fit->verdict == PV_VERDICT_OK || fit->verdict == PV_VERDICT_NOBODY_LEAVES ||
                  (fit->verdict == PV_VERDICT_RIDGE && prediction_is_known(model, o, span));
    if (fit->verdict == PV_VERDICT_NOBODY_LEAVES)
        keep_buying_block(model, o, fit);
    if (fit->verdict == PV_VERDICT_RIDGE && fit->usable)
        cut_ridge(model, fit);
}

/* `known`: the one starting point to try, or NULL. */
static void search(const struct pv_model *model, struct pv_fit_data *d, double rate,
                   const double *known, struct pv_fit *fit)
{
    double start[TRIES][PV_MAX_PARAMS], span = d->max_day / d->unit_days;
    struct pv_optimum best;
    if (known) {
        pv_optim_maximise(model, d, known, d->asked, &best);
        pv_optim_report(model, &best, fit);
        fit->verdict = judge(model, &best, span);
        fit->usable = fit->verdict == PV_VERDICT_OK;
        return;
    }
    choose_starts(model, d, rate, start);
    pv_optim_maximise(model, d, start[0], d->asked, &best);
    for (int i = 1; i < TRIES && judge(model, &best, span) != PV_VERDICT_OK; i++) {
        struct pv_optimum other;
        pv_optim_maximise(model, d, start[i], d->asked, &other);
        if (isfinite(other.value) &&
            (!isfinite(best.value) || other.value > best.value + 1e-6 ||
             (judge(model, &other, span) == PV_VERDICT_OK && other.value > best.value - 1e-6)))
            best = other;
    }
    pv_optim_report(model, &best, fit);
    pv_fit_judge(model, &best, span, fit);
}

/* What the data must have before anything is fitted. */
static enum pv_verdict enough(const struct pv_fit *fit, double days)
{
    if (days <= 0.0 && fit->customers > 0)
        return PV_VERDICT_SAME_DAY;
    if (fit->repeaters == 0 && fit->customers >= 30)
        return PV_VERDICT_NO_REPEAT_PURCHASES;
    if (fit->customers < 30 || fit->repeaters < 10)
        return PV_VERDICT_TOO_FEW_CUSTOMERS;
    return PV_VERDICT_OK;
}

/* x of a contract: 1 when it has ended. */
static enum pv_verdict enough_contracts(const struct pv_fit *fit, double days)
{
    enum pv_verdict verdict = enough(fit, days);
    return verdict == PV_VERDICT_NO_REPEAT_PURCHASES ? PV_VERDICT_NOBODY_LEAVES : verdict;
}

/* Whether the model can have made this cell at all. */
static bool possible(const struct pv_model *model, const struct pv_cell *c)
{
    if (model->kind == PV_KIND_OPPORTUNITY)
        return c->x <= c->t_x;
    return model->kind != PV_KIND_CONTRACT || c->x == 0 || (c->x == 1 && c->T > 0);
}

/* Erlang-k gaps: g^(k - 1) / (k - 1)! of each, which no parameter is in. */
double pv_fit_gaps(const struct pv_model *model, const struct pv_fit_options *options)
{
    if (model->regular <= 1 || !options->gaps)
        return 0.0;
    return (model->regular - 1) * options->gaps->sum_log -
           (double)options->gaps->count * pv_math_lgamma(model->regular);
}

int pv_fit_data_of(const struct pv_model *m, const struct pv_cells *cells, double unit_days,
                   struct pv_fit_data *ret_data)
{
    struct pv_fit_data d = {.stride = 1, .unit_days = m->kind == PV_KIND_BUYING ? unit_days : 1.0};
    d.cell = pv_cells_data(cells, &d.cells);
    for (size_t i = 0; i < d.cells; i++)
        d.max_day = d.cell[i].T > d.max_day ? d.cell[i].T : d.max_day;
    d.room = malloc(((m->room ? m->room(m, &d) : 0) + 1) * sizeof *d.room);
    if (!d.room)
        return PV_ERR_NO_MEMORY;
    *ret_data = d;
    return 0;
}

bool pv_fit_stopped(const struct pv_fit_options *options)
{
    return options && options->stop && options->stop(options->stop_context);
}

static int fit_cells(const struct pv_model *model, const struct pv_cells *cells,
                     const struct pv_fit_options *options, const double *known,
                     struct pv_fit *ret_fit)
{
    struct pv_fit_data d;
    struct pv_fit fit;
    if (!(options->unit_days > 0.0) || !isfinite(options->unit_days) || !model->starts)
        return PV_ERR_ARGUMENT;
    int rc = pv_fit_data_of(model, cells, options->unit_days, &d);
    if (rc)
        return rc;
    d.asked = options;
    pv_fit_blank(model, PV_VERDICT_OK, &fit);
    fit.unit_days = options->unit_days;
    fit.cells = d.cells;
    double purchases = 0.0, days = 0.0;
    for (size_t i = 0; i < d.cells && rc == 0; i++) {
        const struct pv_cell *c = &d.cell[i];
        rc = possible(model, c) ? 0 : PV_ERR_ARGUMENT;
        fit.customers += c->count;
        fit.repeaters += c->x > 0 ? c->count : 0;
        purchases += (double)c->count * c->x;
        days += (double)c->count * c->T;
    }
    fit.verdict =
        model->kind == PV_KIND_CONTRACT ? enough_contracts(&fit, days) : enough(&fit, days);
    if (rc == 0 && fit.verdict == PV_VERDICT_OK) {
        search(model, &d, purchases / (days / d.unit_days), known, &fit);
        if (pv_fit_stopped(options))
            rc = PV_ERR_STOPPED;
        fit.loglik += pv_fit_gaps(model, options);
    }
    free(d.room);
    if (rc == 0)
        *ret_fit = fit;
    return rc;
}

int pv_fit_model(const struct pv_model *model, const struct pv_cells *cells,
                 const struct pv_fit_options *options, struct pv_fit *ret_fit)
{
    return fit_cells(model, cells, options, NULL, ret_fit);
}

int pv_fit_from(const struct pv_model *model, const struct pv_cells *cells,
                const struct pv_fit_options *options, const double *start, struct pv_fit *ret_fit,
                bool *ret_found)
{
    struct pv_fit fit;
    int rc = fit_cells(model, cells, options, start, &fit);
    if (rc)
        return rc;
    *ret_found = fit.verdict == PV_VERDICT_OK;
    if (*ret_found)
        *ret_fit = fit;
    return 0;
}

void pv_states_of(const struct pv_model *m, const double *p, double x, double t_x, double T,
                  bool slopes, struct pv_states *ret)
{
    if (!m->buying->states) {
        ret->n = 1;
        ret->first = x;
        ret->weight[0] = 1.0;
        for (int k = 0; slopes && k < m->params; k++)
            ret->slope[k] = 0.0;
        return;
    }
    ret->n = m->regular;
    ret->first = m->regular * x;
    m->buying->states(m, p, x, t_x, T, ret->weight, slopes ? ret->slope : NULL);
}

/* ---- Predictions ----------------------------------------------------------------------------- */

static bool sensible(const struct pv_model *m, const double *p, double x, double t_x, double T)
{
    if (!m->buying)
        return false;
    for (int i = 0; i < m->params; i++)
        if (!(p[i] > 0.0) || !isfinite(p[i]))
            return false;
    if (m->kind == PV_KIND_OPPORTUNITY &&
        (x > t_x || x != floor(x) || t_x != floor(t_x) || T != floor(T) || T > 1e7))
        return false;
    return x >= 0.0 && t_x >= 0.0 && T >= t_x && isfinite(T) && isfinite(x) &&
           (!m->buying->defined || m->buying->defined(m, p, x));
}

/* Opportunities are whole, and counted one by one. */
static bool ahead(const struct pv_model *m, double t)
{
    return t >= 0.0 && (m->kind != PV_KIND_OPPORTUNITY || (t == floor(t) && t <= 1e7));
}

double pv_predict_loglik(const struct pv_model *m, const double *p, double x, double t_x, double T)
{
    return sensible(m, p, x, t_x, T) ? m->buying->loglik(m, p, x, t_x, T) : NAN;
}

double pv_predict_alive(const struct pv_model *m, const double *p, double x, double t_x, double T,
                        double t)
{
    if (!sensible(m, p, x, t_x, T) || !ahead(m, t))
        return NAN;
    double now = m->buying->p_alive(m, p, x, t_x, T, NULL), later = 0.0;
    struct pv_states s;
    if (!(t > 0.0))
        return now;
    pv_states_of(m, p, x, t_x, T, false, &s);
    for (int j = 0; j < s.n; j++)
        later += s.weight[j] * m->buying->survive(m, p, s.first + j, T, t);
    return now * later;
}

double pv_predict_expected(const struct pv_model *m, const double *p, double x, double t_x,
                           double T, double t)
{
    if (!sensible(m, p, x, t_x, T) || !ahead(m, t))
        return NAN;
    struct pv_states s;
    double mean = 0.0;
    pv_states_of(m, p, x, t_x, T, false, &s);
    for (int j = 0; j < s.n; j++)
        mean += s.weight[j] * m->buying->mean(m, p, s.first + j, T, t);
    return m->buying->p_alive(m, p, x, t_x, T, NULL) * mean;
}

int pv_predict_pmf(const struct pv_model *m, const double *p, double x, double t_x, double T,
                   double t, size_t n, double *ret_pmf)
{
    if (!sensible(m, p, x, t_x, T) || !ahead(m, t) || n == 0 || n > 100000000)
        return PV_ERR_ARGUMENT;
    struct pv_states s;
    pv_states_of(m, p, x, t_x, T, false, &s);
    double *one = calloc(s.n > 1 ? n : 1, sizeof *one);
    int rc = one ? m->buying->pmf(m, p, s.first, T, t, n, ret_pmf) : PV_ERR_NO_MEMORY;
    for (int j = 1; j < s.n && rc == 0; j++) {
        rc = m->buying->pmf(m, p, s.first + j, T, t, n, one);
        for (size_t k = 0; k < n && rc == 0; k++)
            ret_pmf[k] = (j == 1 ? s.weight[0] : 1.0) * ret_pmf[k] + s.weight[j] * one[k];
    }
    free(one);
    if (rc)
        return rc;
    double alive = m->buying->p_alive(m, p, x, t_x, T, NULL);
    for (size_t k = 0; k < n; k++)
        ret_pmf[k] = alive * ret_pmf[k] + (k == 0 ? 1.0 - alive : 0.0);
    return 0;
}

double pv_predict_none(const struct pv_model *m, const double *p, double x, double t_x, double T,
                       double t)
{
    double none;
    return pv_predict_pmf(m, p, x, t_x, T, t, 1, &none) ? NAN : none;
}

double pv_predict_next(const struct pv_model *m, const double *p, double x, double t_x, double T,
                       double probability)
{
    bool whole = m && m->kind == PV_KIND_OPPORTUNITY;
    double low = 0.0, high = 1.0, none = NAN;
    if (!(probability > 0.0 && probability < 1.0))
        return NAN;
    const double far = whole ? 1 << 16 : 1e9;
    while ((none = pv_predict_none(m, p, x, t_x, T, high)) > 1.0 - probability) {
        if (high >= far)
            return INFINITY;
        low = high;
        high *= 2.0;
    }
    if (isnan(none))
        return NAN;
    while (high - low > (whole ? 1.0 : 1e-12 * high)) {
        double middle = whole ? floor((low + high) / 2.0) : (low + high) / 2.0;
        if (middle <= low || middle >= high)
            break;
        if (pv_predict_none(m, p, x, t_x, T, middle) > 1.0 - probability)
            low = middle;
        else
            high = middle;
    }
    return high;
}

double pv_predict_dert(const struct pv_model *m, const double *p, double x, double t_x, double T,
                       double delta)
{
    struct pv_states s;
    double sum = 0.0, dert;
    if (!sensible(m, p, x, t_x, T) || !(delta > 0.0))
        return NAN;
    pv_states_of(m, p, x, t_x, T, false, &s);
    for (int j = 0; j < s.n; j++) {
        if (m->buying->dert(m, p, s.first + j, &T, 1, delta, &dert, NULL))
            return NAN;
        sum += s.weight[j] * dert;
    }
    return m->buying->p_alive(m, p, x, t_x, T, NULL) * sum;
}

double pv_discount_per_unit(double yearly_rate, double unit_days)
{
    double units = unit_days == 7.0 ? 52.0 : 365.25 / unit_days;
    return log1p(yearly_rate) / units;
}

/* ---- Codes ----------------------------------------------------------------------------------- */

static const char *const verdict_codes[PV_VERDICTS] = {
    [PV_VERDICT_OK] = "ok",
    [PV_VERDICT_NO_REPEAT_PURCHASES] = "no-repeat-purchases",
    [PV_VERDICT_TOO_FEW_CUSTOMERS] = "too-few-customers",
    [PV_VERDICT_SAME_DAY] = "everybody-same-day",
    [PV_VERDICT_NOT_CONVERGED] = "not-converged",
    [PV_VERDICT_BOUNDARY] = "boundary",
    [PV_VERDICT_RIDGE] = "ridge",
    [PV_VERDICT_NOBODY_LEAVES] = "nobody-leaves",
    [PV_VERDICT_Q_AT_MOST_ONE] = "q-at-most-one",
    [PV_VERDICT_CORRELATED_SPEND] = "correlated-spend",
    [PV_VERDICT_CONSTANT_SPEND] = "constant-spend",
    [PV_VERDICT_NO_SPEND] = "no-spend",
    [PV_VERDICT_SIMPLER_MODEL] = "simpler-model",
    [PV_VERDICT_LEFT_TRUNCATED] = "left-truncated",
    [PV_VERDICT_MIXED_SPEND] = "mixed-spend",
    [PV_VERDICT_MIXED_RATES] = "mixed-rates",
    [PV_VERDICT_CONSTANT_COVARIATE] = "constant-covariate",
    [PV_VERDICT_COLLINEAR] = "collinear-covariates",
    [PV_VERDICT_SEPARATED] = "separated-covariate",
    [PV_VERDICT_CHAINS_DISAGREE] = "chains-disagree",
    [PV_VERDICT_FEW_EFFECTIVE] = "too-few-effective-draws",
};

const char *pv_verdict_code(enum pv_verdict verdict)
{
    return (unsigned)verdict < PV_VERDICTS ? verdict_codes[verdict] : "unknown";
}

const char *pv_error_code(int error)
{
    static const char *const codes[] = {
        [-PV_OK] = "ok",
        [-PV_ERR_NO_MEMORY] = "no-memory",
        [-PV_ERR_ARGUMENT] = "argument",
        [-PV_ERR_OVERFLOW] = "overflow",
        [-PV_ERR_RETURN] = "return-not-allowed",
        [-PV_ERR_ORDER] = "out-of-order",
        [-PV_ERR_EMPTY] = "empty",
        [-PV_ERR_STOPPED] = "stopped",
    };
    if (error > 0 || error < -(int)(sizeof codes / sizeof codes[0]) + 1)
        return "unknown";
    return codes[-error];
}
