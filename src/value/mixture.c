/*
 * mixture.c - one kind of customers, or two?
 *
 * A model has one kind: what differs between customers is Gamma-distributed. Two groups that differ
 * in the scale of that Gamma (gamma of spend, alpha of rates) and share its shape and everything
 * else are tried against one, each by maximum likelihood on the same customers. Derivatives are
 * kept in logarithms of the parameters, where scale times ratio is a sum: those of the mixture
 * follow from those of the groups, with w the probability of belonging to a group, by
 *   grad ln f = sum w_k g_k,   hess ln f = sum w_k (H_k + g_k g_k') - grad grad'.
 */
#include "check.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPENDERS = 4096, BUYERS = 2048, MOST_BASE = 3, TRIES = 2 };
static const double LARGEST = 200.0; /* ratio; beyond it one group does not really buy */

/* ln f of the i-th customer, its gradient and Hessian in logarithms; the last parameter is the
 * scale. */
struct mixture {
    int base; /* parameters of one group */
    size_t n;
    const double *count;
    const void *data;
    double (*density)(const void *data, size_t i, const double *theta, double *ret_grad,
                      double *ret_hess);
};

static double share_of_second(double odds)
{
    return odds / (1.0 + odds);
}

/* theta: the base, ratio of the scales, odds of the second group; or the base alone. */
static double eval(const struct pv_model *model, const void *opaque, const double *theta,
                   double *ret_grad, double *ret_hess)
{
    const struct mixture *m = opaque;
    int n = model->params, base = m->base, groups = n > base ? 2 : 1, scale = base - 1;
    double total = 0.0, grad[PV_MAX_PARAMS] = {0.0}, hess[PV_MAX_PARAMS * PV_MAX_PARAMS] = {0.0};
    double second = groups > 1 ? share_of_second(theta[base + 1]) : 0.0, moved[PV_MAX_PARAMS];
    memcpy(moved, theta, sizeof(double) * (size_t)base);
    for (size_t i = 0; i < m->n; i++) {
        double value[2], g[2][PV_MAX_PARAMS] = {{0.0}}, h[2][PV_MAX_PARAMS * PV_MAX_PARAMS];
        memset(h, 0, sizeof h);
        for (int k = 0; k < groups; k++) {
            double own_g[MOST_BASE], own_h[MOST_BASE * MOST_BASE];
            moved[scale] = k ? theta[scale] * theta[base] : theta[scale];
            value[k] = m->density(m->data, i, moved, own_g, own_h);
            for (int a = 0; a < base; a++) {
                g[k][a] = own_g[a];
                for (int b = 0; b < base; b++)
                    h[k][a * n + b] = own_h[a * base + b];
            }
            if (groups == 1)
                continue;
            value[k] += log(k ? second : 1.0 - second);
            g[k][base + 1] = k ? 1.0 - second : -second;
            h[k][(base + 1) * n + base + 1] = -second * (1.0 - second);
            if (k == 0)
                continue;
            g[k][base] = own_g[scale];
            for (int a = 0; a < base; a++)
                h[k][a * n + base] = h[k][base * n + a] = own_h[a * base + scale];
            h[k][base * n + base] = own_h[scale * base + scale];
        }
        double top = groups > 1 ? fmax(value[0], value[1]) : value[0], sum = 0.0, w[2] = {1.0, 0.0};
        for (int k = 0; k < groups; k++)
            sum += w[k] = exp(value[k] - top);
        double own[PV_MAX_PARAMS] = {0.0}, count = m->count[i];
        total += count * (top + log(sum));
        for (int k = 0; k < groups; k++) {
            w[k] /= sum;
            for (int a = 0; a < n; a++)
                own[a] += w[k] * g[k][a];
        }
        for (int a = 0; a < n; a++) {
            grad[a] += count * own[a];
            for (int b = 0; b < n; b++) {
                for (int k = 0; k < groups; k++)
                    hess[a * n + b] += count * w[k] * (h[k][a * n + b] + g[k][a] * g[k][b]);
                hess[a * n + b] -= count * own[a] * own[b];
            }
        }
    }
    /* The optimiser wants them by the parameters themselves. */
    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++)
            ret_hess[a * n + b] =
                (hess[a * n + b] - (a == b ? grad[a] : 0.0)) / (theta[a] * theta[b]);
    for (int a = 0; a < n; a++)
        ret_grad[a] = grad[a] / theta[a];
    return total;
}

static const double low = 1e-8, high = 1e12;

/* The best of two groups against the best of one, from `start`, the one group of the whole base. */
static void compare(const struct mixture *m, const double *start, double spread_of_shape(double),
                    int shape, struct pv_finding *f, double *ret_two)
{
    static const double ratios[] = {4.0, 20.0}, odds[] = {0.03, 0.4, 8.0};
    int base = m->base;
    struct pv_model one = {.params = base, .eval = eval};
    struct pv_model two = {.params = base + 2, .eval = eval};
    struct pv_optimum single, best = {.value = -INFINITY};
    double from[TRIES][PV_MAX_PARAMS], value[TRIES] = {-INFINITY, -INFINITY};
    for (int i = 0; i < two.params; i++) {
        one.low[i] = two.low[i] = low;
        one.high[i] = two.high[i] = high;
    }
    two.low[base] = 1.0;
    two.high[base] = LARGEST;
    two.low[base + 1] = 1e-6;
    two.high[base + 1] = 1e6;
    pv_optim_maximise(&one, m, start, NULL, &single);
    if (!single.converged || !isfinite(single.value))
        return;
    for (int i = 0; i < 6; i++) {
        double at[PV_MAX_PARAMS], grad[PV_MAX_PARAMS], hess[PV_MAX_PARAMS * PV_MAX_PARAMS];
        double ratio = ratios[i % 2], odd = odds[i / 2];
        memcpy(at, single.theta, sizeof at);
        /* Within a group customers are more alike; the mean of the logarithms stays. */
        at[shape] *= 2.0;
        at[base - 1] *= 2.0 * exp(-share_of_second(odd) * log(ratio));
        at[base] = ratio;
        at[base + 1] = odd;
        double here = eval(&two, m, at, grad, hess);
        int to = here > value[0] ? 0 : here > value[1] ? 1 : TRIES;
        if (to == 0) {
            value[1] = value[0];
            memcpy(from[1], from[0], sizeof from[1]);
        }
        if (to < TRIES) {
            value[to] = here;
            memcpy(from[to], at, sizeof at);
        }
    }
    for (int i = 0; i < TRIES && isfinite(value[i]); i++) {
        struct pv_optimum o;
        pv_optim_maximise(&two, m, from[i], NULL, &o);
        if (isfinite(o.value) && o.value > best.value)
            best = o;
    }
    if (!isfinite(best.value))
        return;
    double lr = fmax(2.0 * (best.value - single.value), 0.0);
    double second = share_of_second(best.theta[base + 1]);
    double apart = log(best.theta[base]) / spread_of_shape(best.theta[shape]);
    *ret_two = best.value;
    f->asked = true;
    f->share = fmin(second, 1.0 - second);
    f->effect = best.theta[base];
    f->p_value = pv_stats_chi2_tail(lr, 3.0);
    f->found = f->p_value < 0.001 && f->share >= 0.01 && apart > 2.5 && f->effect < 0.99 * LARGEST;
}

/* Standard deviation of the logarithm of a Gamma with this shape. */
static double log_spread(double shape)
{
    return sqrt(pv_math_trigamma(shape));
}

/* ---- Spend ----------------------------------------------------------------------------------- */

struct spender {
    double x, spend, log_z;
};

/* [FH13b] eq. 1a, as in gamma_gamma.c; p, q, gamma. */
static double spend_density(const void *data, size_t i, const double *theta, double *ret_grad,
                            double *ret_hess)
{
    const struct spender *s = (const struct spender *)data + i;
    double p = theta[0], q = theta[1], gamma = theta[2], px = p * s->x, pxq = px + q;
    double at = gamma + s->spend, part = gamma / at, d_all = pv_math_digamma(pxq);
    double t_all = pv_math_trigamma(pxq), log_at = log(at), log_x = log(s->x);
    double g[3] = {px * (d_all - pv_math_digamma(px) + log_x + s->log_z - log_at),
                   q * (d_all - pv_math_digamma(q) + log(gamma) - log_at), q - pxq * part};
    double h[9] = {px * px * (t_all - pv_math_trigamma(px)) + g[0],
                   px * q * t_all,
                   -px * part,
                   px * q * t_all,
                   q * q * (t_all - pv_math_trigamma(q)) + g[1],
                   q * (1.0 - part),
                   -px * part,
                   q * (1.0 - part),
                   -pxq * part * (1.0 - part)};
    memcpy(ret_grad, g, sizeof g);
    memcpy(ret_hess, h, sizeof h);
    return pv_math_lgamma(pxq) - pv_math_lgamma(px) - pv_math_lgamma(q) + q * log(gamma) +
           (px - 1.0) * s->log_z + px * log_x - pxq * log_at;
}

static bool spends(const struct pv_customer *r)
{
    return r->T >= 0 && r->x > 0 && r->spend > 0;
}

int pv_check_mixed_spend(const struct pv_check *c, struct pv_finding *f)
{
    size_t all = 0, seen = 0;
    if (!c->spend)
        return 0;
    for (size_t i = 0; i < c->history.customers; i++)
        all += spends(&c->rows[i]);
    if (all < 100)
        return 0;
    size_t stride = (all + SPENDERS - 1) / SPENDERS;
    struct mixture m = {.base = 3, .density = spend_density};
    struct spender *s = malloc((all / stride + 1) * sizeof *s);
    double *count = malloc((all / stride + 1) * sizeof *count);
    if (!s || !count) {
        free(s);
        free(count);
        return PV_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < c->history.customers; i++) {
        const struct pv_customer *r = &c->rows[i];
        if (!spends(r) || seen++ % stride)
            continue;
        double spend = (double)r->spend / c->money_scale;
        s[m.n] = (struct spender){r->x, spend, log(spend / r->x)};
        count[m.n++] = 1.0;
    }
    m.data = s;
    m.count = count;
    double two;
    compare(&m, c->spend->param, log_spread, 1, f, &two);
    free(s);
    free(count);
    return 0;
}

/* ---- Rates ----------------------------------------------------------------------------------- */

struct buyers {
    const struct pv_model *model;
    const struct pv_fit *fit;
    const struct pv_cell *cell;
};

/* r and 1 / alpha, whose ratio is that of the rates; derivatives by differences of the model's own
 * likelihood. */
static double rate_density(const void *data, size_t i, const double *theta, double *ret_grad,
                           double *ret_hess)
{
    const struct buyers *b = data;
    const struct pv_cell *c = &b->cell[i];
    double unit = b->fit->unit_days, at[PV_MAX_PARAMS], v[3][3];
    const double h = 1e-3;
    memcpy(at, b->fit->param, sizeof at);
    for (int k = 0; k < 3; k++) {
        for (int l = 0; l < 3; l++) {
            if (abs(k - l) == 2) /* not needed */
                continue;
            at[0] = theta[0] * exp((k - 1) * h);
            at[1] = exp((1 - l) * h) / theta[1];
            v[k][l] = b->model->buying->loglik(b->model, at, c->x, c->t_x / unit, c->T / unit);
        }
    }
    ret_grad[0] = (v[2][1] - v[0][1]) / (2.0 * h);
    ret_grad[1] = (v[1][2] - v[1][0]) / (2.0 * h);
    ret_hess[0] = (v[2][1] - 2.0 * v[1][1] + v[0][1]) / (h * h);
    ret_hess[3] = (v[1][2] - 2.0 * v[1][1] + v[1][0]) / (h * h);
    ret_hess[1] = ret_hess[2] =
        (v[2][2] - v[2][1] - v[1][2] + 2.0 * v[1][1] - v[0][1] - v[1][0] + v[0][0]) / (2.0 * h * h);
    return v[1][1];
}

/* ln L of the model of one kind, whichever it is, that says most of these customers. */
static int best_of_one_kind(const struct pv_cells *cells, double unit_days,
                            const struct pv_gaps *gaps, double *ret_best)
{
    struct pv_fit_options o = {.unit_days = unit_days, .money_scale = 1.0, .gaps = gaps};
    const struct pv_model *m;
    double best = -INFINITY;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (m = pv_model_at(i)); i++) {
        struct pv_fit fit;
        if (m->kind != PV_KIND_BUYING || !m->starts)
            continue;
        rc = pv_fit_model(m, cells, &o, &fit);
        if (rc == 0 && isfinite(fit.loglik))
            best = fmax(best, fit.loglik);
    }
    *ret_best = best;
    return rc;
}

static void add_gaps(const struct pv_check *c, size_t customer, double unit_days,
                     struct pv_gaps *gaps)
{
    const struct pv_history_view *h = &c->history;
    for (uint64_t k = h->start[customer] + 1; k < h->start[customer + 1] && h->day[k] <= c->end;
         k++) {
        gaps->sum_log += log((h->day[k] - h->day[k - 1]) / unit_days);
        gaps->count++;
    }
}

/*
 * A wrong story of how customers leave looks like two kinds of them, and so does a wrong rhythm.
 * Therefore two kinds under this model must say more, by as much, than one kind under any other.
 */
static int against_other_stories(const struct pv_model *model, const struct pv_cells *cells,
                                 double unit_days, const struct pv_gaps *gaps, double two,
                                 struct pv_finding *f)
{
    double one;
    int rc = best_of_one_kind(cells, unit_days, gaps, &one);
    if (rc)
        return rc;
    if (model->regular > 1)
        two += (model->regular - 1) * gaps->sum_log -
               (double)gaps->count * pv_math_lgamma(model->regular);
    f->p_value = pv_stats_chi2_tail(2.0 * (two - one), 3.0);
    f->found = f->p_value < 0.001;
    return 0;
}

int pv_check_mixed_rates(const struct pv_check *c, struct pv_finding *f)
{
    struct pv_cells *cells = NULL;
    struct buyers b = {.fit = c->buying};
    struct mixture m = {.base = 2, .density = rate_density, .data = &b};
    struct pv_customer *some;
    size_t all = 0, seen = 0, taken = 0;
    if (!c->buying)
        return 0;
    b.model = pv_buying_find(c->buying->model);
    if (!b.model || !(c->buying->unit_days > 0.0))
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < c->history.customers; i++)
        all += c->rows[i].T >= 0;
    if (all < 100)
        return 0;
    size_t stride = (all + BUYERS - 1) / BUYERS;
    some = malloc((all / stride + 1) * sizeof *some);
    if (!some)
        return PV_ERR_NO_MEMORY;
    struct pv_gaps gaps = {0};
    for (size_t i = 0; i < c->history.customers; i++) {
        if (c->rows[i].T < 0 || seen++ % stride)
            continue;
        some[taken++] = c->rows[i];
        add_gaps(c, i, c->buying->unit_days, &gaps);
    }
    int rc = pv_cells_new(some, taken, &cells);
    free(some);
    if (rc)
        return rc;
    b.cell = pv_cells_data(cells, &m.n);
    double *count = malloc((m.n + 1) * sizeof *count);
    if (!count) {
        pv_cells_free(cells);
        return PV_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < m.n; i++)
        count[i] = b.cell[i].count;
    m.count = count;
    double start[2] = {c->buying->param[0], 1.0 / c->buying->param[1]};
    double two = NAN;
    compare(&m, start, log_spread, 0, f, &two);
    if (f->found)
        rc = against_other_stories(b.model, cells, c->buying->unit_days, &gaps, two, f);
    free(count);
    pv_cells_free(cells);
    return rc;
}
