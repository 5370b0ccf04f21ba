/*
 * valuer.c - values of a whole base, made of what its customers share (groups.c).
 *
 * Predictive interval of the number of purchases: exact tails given the parameters, averaged over
 * points with the mean and covariance of the parameters' posterior (in logarithms), then mixed with
 * the probability of having left. P(alive) enters at its point estimate.
 */
#include "valuer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4096 };

/* ---- Building -------------------------------------------------------------------------------- */

static void sigma_points(struct pv_valuer *v)
{
    int n = v->params;
    double lower[PV_MAX_PARAMS * PV_MAX_PARAMS];
    pv_math_cholesky(n, v->cov, lower);
    v->sigmas = 0;
    for (int c = 0; c < n; c++) {
        double size = 0.0;
        for (int r = 0; r < n; r++)
            size = fmax(size, fabs(lower[r * n + c]));
        if (size == 0.0)
            continue;
        for (int sign = -1; sign <= 1; sign += 2) {
            double *point = v->sigma[v->sigmas++];
            for (int r = 0; r < n; r++)
                point[r] = v->theta[r] * exp(sign * sqrt((double)n) * lower[r * n + c]);
        }
    }
    if (v->sigmas == 0)
        memcpy(v->sigma[v->sigmas++], v->theta, sizeof v->theta);
}

static void average_customer(struct pv_valuer *v, const struct pv_customer *rows, size_t n)
{
    double count = 0.0, came_back = 0.0, x = 0.0, silence = 0.0, T = 0.0, z = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].T < 0)
            continue;
        count += 1.0;
        x += rows[i].x;
        silence += rows[i].T - rows[i].t_x;
        T += rows[i].T;
        if (rows[i].x > 0 && rows[i].spend > 0) {
            came_back += 1.0;
            z += (double)rows[i].spend / v->options.money_scale / rows[i].x;
        }
    }
    if (count > 0.0) {
        v->mean_x = x / count;
        v->mean_silence = silence / count / v->options.unit_days;
        v->mean_T = T / count / v->options.unit_days;
    }
    v->mean_zbar = came_back > 0.0 ? z / came_back : 0.0;
}

int pv_valuer_new(const struct pv_fit *buying, const struct pv_fit *gamma_gamma,
                  const struct pv_valuer_options *options, const struct pv_customer *rows, size_t n,
                  struct pv_valuer **ret_valuer)
{
    const struct pv_model *model = pv_buying_find(buying->model);
    if (!model || !buying->usable || !(options->unit_days > 0.0) || !(options->money_scale > 0.0) ||
        !(options->horizon > 0.0) || !(options->discount > 0.0) || !isfinite(options->horizon) ||
        !isfinite(options->discount) || !isfinite(options->unit_days) ||
        !isfinite(options->money_scale) || options->draws < 0 || options->draws > 1 << 20)
        return PV_ERR_ARGUMENT;
    struct pv_valuer *v = calloc(1, sizeof *v);
    if (!v)
        return PV_ERR_NO_MEMORY;
    v->options = *options;
    v->draws = options->draws ? (size_t)options->draws : 1024;
    v->delta = pv_discount_per_unit(options->discount, options->unit_days);
    v->model = model;
    v->params = model->params;
    v->states = model->regular > 1 ? model->regular : 1;
    memcpy(v->theta, buying->param, sizeof v->theta);
    memcpy(v->cov, buying->log_cov, sizeof v->cov);
    if (gamma_gamma && gamma_gamma->usable) {
        v->has_spend = true;
        v->gg = pv_gamma_gamma_of(gamma_gamma);
        memcpy(v->gg_cov, gamma_gamma->log_cov, sizeof v->gg_cov);
        v->gg_base_mean = pv_gamma_gamma_mean(&v->gg, 0.0, 0.0);
    }
    sigma_points(v);
    if (!options->points)
        average_customer(v, rows, n);
    int rc = pv_groups_new(v, rows, n);
    if (rc == 0 && v->has_spend && !options->points)
        rc = pv_knots_new(v, v->xs ? v->x_value[v->xs - 1] : 0, v->min_T, v->max_T);
    if (rc) {
        pv_valuer_free(v);
        return rc;
    }
    *ret_valuer = v;
    return 0;
}

void pv_valuer_free(struct pv_valuer *v)
{
    if (!v)
        return;
    pv_groups_free(v);
    pv_knots_free(v);
    free(v);
}

/* ---- One customer ---------------------------------------------------------------------------- */

struct worked {
    struct pv_value value;
    double order_slope[PV_MAX_PARAMS]; /* of expected_orders by ln parameter */
    double clv_slope[ALL_PARAMS];
    double money_slope[ALL_PARAMS];
    double clv_var, money_var; /* chance of this customer, given the parameters */
};

/* What is known of one customer alive at T: the groups of the states, and their mixture. */
struct outlook {
    const struct pv_group *group[PV_MAX_REGULAR];
    struct pv_states states;
    double state;          /* on average */
    struct pv_group mixed; /* without tails */
};

static void mix_states(const struct pv_valuer *v, struct outlook *o)
{
    struct pv_group *mixed = &o->mixed;
    if (o->states.n == 1) {
        *mixed = *o->group[0];
        o->state = o->states.first;
        return;
    }
    memset(mixed, 0, sizeof *mixed);
    o->state = o->states.first;
    for (int j = 0; j < o->states.n; j++) {
        o->state += j * o->states.weight[j];
        mixed->mean += o->states.weight[j] * o->group[j]->mean;
        mixed->dert += o->states.weight[j] * o->group[j]->dert;
    }
    for (int j = 0; j < o->states.n; j++) {
        const struct pv_group *g = o->group[j];
        for (int k = 0; k < v->params; k++) {
            double moved = o->states.slope[j * v->params + k];
            mixed->mean_slope[k] +=
                o->states.weight[j] * g->mean / mixed->mean * (g->mean_slope[k] + moved);
            mixed->dert_slope[k] +=
                o->states.weight[j] * g->dert / mixed->dert * (g->dert_slope[k] + moved);
        }
    }
}

/* Smallest k with P(N > k) <= 1 - level. */
static double count_quantile(const struct outlook *o, double alive, double level)
{
    for (size_t k = 0;; k++) {
        double more = 0.0;
        bool any = false;
        for (int j = 0; j < o->states.n; j++) {
            if (k + 1 >= o->group[j]->tails)
                continue;
            more += o->states.weight[j] * (double)o->group[j]->tail[k + 1];
            any = true;
        }
        if (!any || !(alive * more > 1.0 - level))
            return (double)k;
    }
}

static double money_quantile(const struct pv_valuer *v, const struct pv_knot_mix *mix, bool worth,
                             double alive, double level)
{
    if (!(alive > 1.0 - level))
        return 0.0;
    return pv_knot_quantile(v, mix, worth, (1.0 - level) / alive);
}

static double quadratic(int n, const double *slope, const double *cov)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            sum += slope[i] * slope[j] * cov[i * n + j];
    return fmax(sum, 0.0);
}

/* Log-normal interval with this mean and variance. Somebody long gone is worth so little that its
 * square is no double: nothing, with certainty. */
struct pv_interval pv_log_normal(double mean, double var)
{
    if (!(mean * mean > 0.0))
        return (struct pv_interval){mean, mean, mean, mean};
    double s2 = log1p(var / (mean * mean));
    double s = sqrt(s2), mid = mean * exp(-0.5 * s2);
    return (struct pv_interval){mid * exp(-PV_Z80 * s), mid * exp(PV_Z80 * s),
                                mid * exp(-PV_Z95 * s), mid * exp(PV_Z95 * s)};
}

static const struct pv_interval NO_INTERVAL = {NAN, NAN, NAN, NAN};

static void work_money(const struct pv_valuer *v, const struct pv_customer *row,
                       const struct outlook *o, const double *alive_slope, struct worked *w)
{
    const struct pv_group *g = &o->mixed;
    struct pv_value *r = &w->value;
    double x = row->x, spend = row->x > 0 ? (double)row->spend / v->options.money_scale : 0.0;
    double shape = v->gg.p * x + v->gg.q - 1.0;
    double mean = v->gg.p * (v->gg.gamma + spend) / shape;
    double alive = r->p_alive;
    r->expected_spend = mean;
    r->expected_money = r->expected_orders * mean;
    r->clv = r->dert * mean;
    double spend_slope[GG_PARAMS] = {1.0 - v->gg.p * x / shape, -v->gg.q / shape,
                                     v->gg.gamma / (v->gg.gamma + spend)};
    for (int i = 0; i < v->params; i++) {
        w->clv_slope[i] = r->clv * (alive_slope[i] + g->dert_slope[i]);
        w->money_slope[i] = r->expected_money * (alive_slope[i] + g->mean_slope[i]);
    }
    for (int i = 0; i < GG_PARAMS; i++) {
        w->clv_slope[PV_MAX_PARAMS + i] = r->clv * spend_slope[i];
        w->money_slope[PV_MAX_PARAMS + i] = r->expected_money * spend_slope[i];
    }
    struct pv_knot_mix mix;
    pv_knot_find(v, o->state, row->T / v->options.unit_days, &mix);
    double inner = r->clv / fmax(alive, 1e-300);
    w->clv_var = alive * inner * inner * pv_knot_spread(&mix, true) - r->clv * r->clv;
    inner = r->expected_money / fmax(alive, 1e-300);
    w->money_var =
        alive * inner * inner * pv_knot_spread(&mix, false) - r->expected_money * r->expected_money;
    r->money = (struct pv_interval){mean * money_quantile(v, &mix, false, alive, 0.10),
                                    mean * money_quantile(v, &mix, false, alive, 0.90),
                                    mean * money_quantile(v, &mix, false, alive, 0.025),
                                    mean * money_quantile(v, &mix, false, alive, 0.975)};
    r->clv_range = (struct pv_interval){mean * money_quantile(v, &mix, true, alive, 0.10),
                                        mean * money_quantile(v, &mix, true, alive, 0.90),
                                        mean * money_quantile(v, &mix, true, alive, 0.025),
                                        mean * money_quantile(v, &mix, true, alive, 0.975)};
    r->clv_median = mean * money_quantile(v, &mix, true, alive, 0.5);
    r->clv_mean_of =
        pv_log_normal(r->clv, quadratic(v->params, w->clv_slope, v->cov) +
                                  quadratic(GG_PARAMS, w->clv_slope + PV_MAX_PARAMS, v->gg_cov));
}

static double p_alive(const struct pv_valuer *v, const struct pv_customer *row,
                      const struct pv_alive *table, double *ret_slope)
{
    double unit = v->options.unit_days;
    if (table && table->table && row->t_x >= table->from && row->T <= table->to)
        return v->model->buying->alive_from(v->model, v->theta, row->x, table->table,
                                            row->t_x - table->from, row->T - table->from,
                                            ret_slope);
    return v->model->buying->p_alive(v->model, v->theta, row->x, row->t_x / unit, row->T / unit,
                                     ret_slope);
}

/* Expectations alone, of mean and DERT if alive. */
static void work_points(const struct pv_valuer *v, const struct pv_customer *row, double alive,
                        double mean, double dert, struct pv_value *r)
{
    r->p_alive = alive;
    r->expected_orders = alive * mean;
    r->dert = alive * dert;
    r->expected_spend = NAN;
    if (v->has_spend) {
        double spend = row->x > 0 ? (double)row->spend / v->options.money_scale : 0.0;
        r->expected_spend = v->gg.p * (v->gg.gamma + spend) / (v->gg.p * row->x + v->gg.q - 1.0);
    }
    r->expected_money = r->expected_orders * r->expected_spend;
    r->clv = r->dert * r->expected_spend;
    r->clv_median = NAN;
    r->orders = r->money = r->clv_range = r->orders_mean_of = r->clv_mean_of = NO_INTERVAL;
}

static void work_customer(const struct pv_valuer *v, const struct pv_customer *row,
                          const struct outlook *o, const struct pv_alive *table, struct worked *w)
{
    memset(w, 0, sizeof *w);
    struct pv_value *r = &w->value;
    const struct pv_group *g = &o->mixed;
    double alive_slope[PV_MAX_PARAMS] = {0};
    double alive = p_alive(v, row, table, v->options.points ? NULL : alive_slope);
    if (v->options.points) {
        work_points(v, row, alive, g->mean, g->dert, r);
        return;
    }
    r->p_alive = alive;
    r->expected_orders = alive * g->mean;
    r->dert = alive * g->dert;
    r->orders =
        (struct pv_interval){count_quantile(o, alive, 0.10), count_quantile(o, alive, 0.90),
                             count_quantile(o, alive, 0.025), count_quantile(o, alive, 0.975)};
    for (int i = 0; i < v->params; i++)
        w->order_slope[i] = r->expected_orders * (alive_slope[i] + g->mean_slope[i]);
    r->orders_mean_of =
        pv_log_normal(r->expected_orders, quadratic(v->params, w->order_slope, v->cov));
    if (v->has_spend) {
        work_money(v, row, o, alive_slope, w);
    } else {
        r->expected_spend = r->expected_money = r->clv = r->clv_median = NAN;
        r->money = r->clv_range = r->clv_mean_of = NO_INTERVAL;
    }
}

/* For a row the valuer was not told about: its groups are made on the way. */
static int work_stranger(const struct pv_valuer *v, const struct pv_customer *row,
                         const struct pv_states *states, struct worked *w)
{
    struct outlook o = {.states = *states};
    struct pv_group own[PV_MAX_REGULAR] = {{0}};
    int rc = 0;
    for (int j = 0; j < states->n && rc == 0; j++) {
        own[j] = (struct pv_group){.x = v->states * row->x + j, .T = row->T};
        rc = pv_group_fill(v, &own[j], 1);
        o.group[j] = &own[j];
    }
    if (rc == 0) {
        mix_states(v, &o);
        work_customer(v, row, &o, NULL, w);
    }
    for (int j = 0; j < states->n; j++)
        free(own[j].tail);
    return rc;
}

/* The points of a row whose group is there; false when it is not. A base is mostly these, and they
 * are done in a tenth of the time of a row with its intervals. */
static bool quick_row(const struct pv_valuer *v, const struct pv_customer *row, struct pv_value *r)
{
    if (!v->options.points || v->states > 1 || row->T < 0 || row->x < 0 || row->t_x < 0 ||
        row->t_x > row->T)
        return false;
    size_t xi = pv_x_find(v, row->x);
    const struct pv_group *g = pv_group_find(v, xi, row->T);
    if (!g)
        return false;
    const struct pv_point *at = &v->point[g - v->group];
    work_points(v, row, p_alive(v, row, &v->alive[xi], NULL), at->mean, at->dert, r);
    return true;
}

static int work_row(const struct pv_valuer *v, const struct pv_customer *row, struct worked *w)
{
    struct outlook o;
    double unit = v->options.unit_days;
    size_t first = v->xs;
    if (row->T < 0) {
        memset(w, 0, sizeof *w);
        w->value.p_alive = NAN;
        return 0;
    }
    if (row->x < 0 || row->x >= INT32_MAX / PV_MAX_REGULAR || row->t_x < 0 || row->t_x > row->T)
        return PV_ERR_ARGUMENT;
    pv_states_of(v->model, v->theta, row->x, row->t_x / unit, row->T / unit, !v->options.points,
                 &o.states);
    for (int32_t j = 0; j < o.states.n; j++) {
        size_t xi = pv_x_find(v, v->states * row->x + j);
        o.group[j] = pv_group_find(v, xi, row->T);
        if (!o.group[j])
            return work_stranger(v, row, &o.states, w);
        first = j == 0 ? xi : first;
    }
    mix_states(v, &o);
    work_customer(v, row, &o, &v->alive[first], w);
    return 0;
}

/* ---- The base -------------------------------------------------------------------------------- */

struct batch {
    const struct pv_valuer *v;
    const struct pv_customer *rows;
    size_t n;
    struct pv_value *values;    /* or NULL */
    struct pv_sums *part;       /* one a chunk, or NULL */
    struct pv_holdout *holdout; /* one a chunk, or NULL */
};

static void add_holdout(const struct pv_customer *row, const struct pv_value *value,
                        struct pv_holdout *h)
{
    double actual = row->x_star, miss = value->expected_orders - actual;
    h->customers++;
    h->actual += actual;
    h->predicted += value->expected_orders;
    h->mae += fabs(miss);
    h->rmse += miss * miss;
    h->coverage80 += actual >= value->orders.low80 && actual <= value->orders.high80;
    h->coverage95 += actual >= value->orders.low95 && actual <= value->orders.high95;
}

static int work_chunk(void *context, size_t chunk)
{
    struct batch *b = context;
    size_t from = chunk * CHUNK, to = from + CHUNK < b->n ? from + CHUNK : b->n;
    for (size_t i = from; i < to; i++) {
        struct worked w;
        if (b->values && quick_row(b->v, &b->rows[i], &b->values[i]))
            continue;
        int rc = work_row(b->v, &b->rows[i], &w);
        if (rc)
            return rc;
        if (b->values)
            b->values[i] = w.value;
        if (b->rows[i].T < 0)
            continue;
        if (b->holdout)
            add_holdout(&b->rows[i], &w.value, &b->holdout[chunk]);
        if (!b->part)
            continue;
        struct pv_sums *s = &b->part[chunk];
        s->equity.customers++;
        s->equity.amount += w.value.clv;
        s->equity.money += w.value.expected_money;
        s->equity.orders += w.value.expected_orders;
        s->equity.alive += w.value.p_alive;
        s->clv_var += w.clv_var;
        s->money_var += w.money_var;
        for (int k = 0; k < ALL_PARAMS; k++) {
            s->clv_slope[k] += w.clv_slope[k];
            s->money_slope[k] += w.money_slope[k];
        }
    }
    return 0;
}

int pv_value_customers(const struct pv_valuer *valuer, const struct pv_customer *rows, size_t n,
                       struct pv_value *ret_values)
{
    struct batch b = {.v = valuer, .rows = rows, .n = n, .values = ret_values};
    return pv_parallel_run(valuer->options.threads, (n + CHUNK - 1) / CHUNK, work_chunk, &b);
}

int pv_value_sums(const struct pv_valuer *v, const struct pv_customer *rows, size_t n,
                  struct pv_value *ret_values, struct pv_sums *ret_sums)
{
    if (v->options.points)
        return PV_ERR_ARGUMENT;
    size_t chunks = (n + CHUNK - 1) / CHUNK;
    struct batch b = {.v = v, .rows = rows, .n = n, .values = ret_values};
    b.part = calloc(chunks + 1, sizeof *b.part);
    int rc = b.part ? 0 : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = pv_parallel_run(v->options.threads, chunks, work_chunk, &b);
    struct pv_sums s = {0};
    for (size_t c = 0; rc == 0 && c < chunks; c++) {
        const struct pv_sums *part = &b.part[c];
        s.equity.customers += part->equity.customers;
        s.equity.amount += part->equity.amount;
        s.equity.money += part->equity.money;
        s.equity.orders += part->equity.orders;
        s.equity.alive += part->equity.alive;
        s.clv_var += part->clv_var;
        s.money_var += part->money_var;
        for (int k = 0; k < ALL_PARAMS; k++) {
            s.clv_slope[k] += part->clv_slope[k];
            s.money_slope[k] += part->money_slope[k];
        }
    }
    free(b.part);
    if (rc == 0)
        *ret_sums = s;
    return rc;
}

int pv_value_equity(const struct pv_valuer *v, const struct pv_customer *rows, size_t n,
                    struct pv_equity *ret_equity)
{
    struct pv_sums s;
    int rc = pv_value_sums(v, rows, n, NULL, &s);
    if (rc)
        return rc;
    struct pv_equity e = s.equity;
    e.range = e.money_range = NO_INTERVAL;
    if (v->has_spend) {
        s.clv_var += quadratic(v->params, s.clv_slope, v->cov) +
                     quadratic(GG_PARAMS, s.clv_slope + PV_MAX_PARAMS, v->gg_cov);
        s.money_var += quadratic(v->params, s.money_slope, v->cov) +
                       quadratic(GG_PARAMS, s.money_slope + PV_MAX_PARAMS, v->gg_cov);
        e.range = pv_log_normal(e.amount, s.clv_var);
        e.money_range = pv_log_normal(e.money, s.money_var);
    }
    *ret_equity = e;
    return 0;
}

int pv_value_holdout(const struct pv_valuer *v, const struct pv_customer *rows, size_t n,
                     struct pv_holdout *ret_holdout)
{
    if (v->options.points)
        return PV_ERR_ARGUMENT;
    size_t chunks = (n + CHUNK - 1) / CHUNK;
    struct batch b = {.v = v, .rows = rows, .n = n};
    b.holdout = calloc(chunks + 1, sizeof *b.holdout);
    if (!b.holdout)
        return PV_ERR_NO_MEMORY;
    int rc = pv_parallel_run(v->options.threads, chunks, work_chunk, &b);
    struct pv_holdout h = {0};
    for (size_t c = 0; c < chunks; c++) {
        h.customers += b.holdout[c].customers;
        h.actual += b.holdout[c].actual;
        h.predicted += b.holdout[c].predicted;
        h.mae += b.holdout[c].mae;
        h.rmse += b.holdout[c].rmse;
        h.coverage80 += b.holdout[c].coverage80;
        h.coverage95 += b.holdout[c].coverage95;
    }
    free(b.holdout);
    if (rc)
        return rc;
    double m = h.customers ? (double)h.customers : 1.0;
    h.mae /= m;
    h.rmse = sqrt(h.rmse / m);
    h.coverage80 /= m;
    h.coverage95 /= m;
    *ret_holdout = h;
    return 0;
}
