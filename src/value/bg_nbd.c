/*
 * bg_nbd.c - the BG/NBD model of repeat purchases: Fader, Hardie & Lee (2005), "Counting your
 * customers" the easy way, Marketing Science 24(2), 275-284 [FHL05].
 *
 * A customer buys as a Poisson process with rate lambda ~ Gamma(r, alpha) and leaves after each
 * repeat purchase with probability p ~ Beta(a, b).
 *
 * The likelihood of a cell (x, t_x, T), [FHL05] eq. 6, is A1 A2 (A3 + [x > 0] A4) with
 *   ln A1 = ln Gamma(r + x) - ln Gamma(r) + r ln alpha            depends on x alone
 *   ln A2 = ln B(a, b + x) - ln B(a, b)                            depends on x alone
 *   ln A3 = -(r + x) ln(alpha + T)                                 alive
 *   ln A4 = ln a - ln(b + x - 1) - (r + x) ln(alpha + t_x)         gone after the last purchase
 * Since x is a whole number, A1, A2 and all their derivatives are running sums of logarithms and
 * reciprocals over 0 .. x - 1, and since t_x and T are whole days, the logarithms of alpha + t come
 * from a table by day: a cell costs one exponential and one logarithm.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { R, ALPHA, A, B, PARAMS };

struct bg_data {
    const struct pv_cell *cell; /* sorted by x */
    size_t cells;
    size_t stride; /* look at every stride-th cell: for comparing starting points */
    double unit_days;
    int32_t max_day;
    double *log_at; /* max_day + 1: ln(alpha + day / unit) */
    double *inv_at; /* ... and 1 / (alpha + day / unit) */
};

/* Adds count * value to the gradient and Hessian entries of one x: terms A1 and A2. */
static void add_x_terms(double n, double r, double alpha, const double *sum, double *grad,
                        double *hess)
{
    grad[R] += n * (sum[0] + log(alpha));
    grad[ALPHA] += n * r / alpha;
    grad[A] -= n * sum[2];
    grad[B] += n * (sum[1] - sum[2]);
    hess[R * PARAMS + R] -= n * sum[3];
    hess[R * PARAMS + ALPHA] += n / alpha;
    hess[ALPHA * PARAMS + ALPHA] -= n * r / (alpha * alpha);
    hess[A * PARAMS + A] += n * sum[5];
    hess[A * PARAMS + B] += n * sum[5];
    hess[B * PARAMS + B] += n * (sum[5] - sum[4]);
}

static double bg_eval(const void *opaque, const double *theta, double *ret_grad, double *ret_hess)
{
    const struct bg_data *d = opaque;
    double r = theta[R], alpha = theta[ALPHA], a = theta[A], b = theta[B];
    for (int32_t i = 0; i <= d->max_day; i++) {
        double at = alpha + i / d->unit_days;
        d->log_at[i] = log(at);
        d->inv_at[i] = 1.0 / at;
    }
    double grad[PARAMS] = {0.0};
    double hess[PARAMS * PARAMS] = {0.0};
    double total = 0.0;
    double log_alpha = log(alpha);
    double s_r = 0.0, s_b = 0.0, s_ab = 0.0; /* sums of logarithms */
    double sum[6] = {0.0};                   /* 1/(r+i), 1/(b+i), 1/(a+b+i) and their squares */
    int32_t x = 0;
    size_t i = 0;
    while (i < d->cells) {
        int32_t to = d->cell[i].x;
        for (; x < to; x++) {
            double vr = r + x, vb = b + x, vab = a + b + x;
            s_r += log(vr);
            s_b += log(vb);
            s_ab += log(vab);
            sum[0] += 1.0 / vr;
            sum[1] += 1.0 / vb;
            sum[2] += 1.0 / vab;
            sum[3] += 1.0 / (vr * vr);
            sum[4] += 1.0 / (vb * vb);
            sum[5] += 1.0 / (vab * vab);
        }
        double rx = r + x;
        double log_ratio = x > 0 ? log(a / (b + x - 1.0)) : 0.0;
        double inv_b = x > 0 ? 1.0 / (b + x - 1.0) : 0.0;
        double n_x = 0.0, value = 0.0;
        double g_r = 0.0, g_alpha = 0.0, g_w = 0.0;
        double h_ra = 0.0, h_aa = 0.0;              /* of A3 and A4 themselves */
        double v_rr = 0.0, v_raa = 0.0, v_aa = 0.0; /* w (1 - w) times differences */
        double v_r = 0.0, v_al = 0.0, v_0 = 0.0;
        for (; i < d->cells && d->cell[i].x == x; i += d->stride) {
            const struct pv_cell *c = &d->cell[i];
            double n = c->count;
            double lT = d->log_at[c->T], iT = d->inv_at[c->T];
            n_x += n;
            if (x == 0) {
                value -= n * lT;
                g_r -= n * lT;
                g_alpha -= n * iT;
                h_aa += n * iT * iT;
                h_ra -= n * iT;
                continue;
            }
            double lt = d->log_at[c->t_x], it = d->inv_at[c->t_x];
            double diff = log_ratio + rx * (lT - lt); /* ln A4 - ln A3 */
            double w, soft;
            if (diff > 0.0) {
                double e = exp(-diff);
                w = 1.0 / (1.0 + e);
                soft = diff + log1p(e);
            } else {
                double e = exp(diff);
                w = e / (1.0 + e);
                soft = log1p(e);
            }
            double u = 1.0 - w;
            value += n * (soft / rx - lT); /* times rx below */
            g_r -= n * (u * lT + w * lt);
            g_alpha -= n * (u * iT + w * it);
            g_w += n * w;
            h_ra -= n * (u * iT + w * it);
            h_aa += n * (u * iT * iT + w * it * it);
            double v = n * w * u;
            double dl = lT - lt, di = rx * (iT - it); /* d(diff)/dr, d(diff)/dalpha */
            v_rr += v * dl * dl;
            v_raa += v * dl * di;
            v_aa += v * di * di;
            v_r += v * dl;
            v_al += v * di;
            v_0 += v;
        }
        total += n_x * (s_r + r * log_alpha + s_b - s_ab) + rx * value;
        grad[R] += g_r;
        grad[ALPHA] += rx * g_alpha;
        grad[A] += g_w / a;
        grad[B] -= g_w * inv_b;
        add_x_terms(n_x, r, alpha, sum, grad, hess);
        hess[R * PARAMS + R] += v_rr;
        hess[R * PARAMS + ALPHA] += h_ra + v_raa;
        hess[ALPHA * PARAMS + ALPHA] += rx * h_aa + v_aa;
        hess[R * PARAMS + A] += v_r / a;
        hess[R * PARAMS + B] -= v_r * inv_b;
        hess[ALPHA * PARAMS + A] += v_al / a;
        hess[ALPHA * PARAMS + B] -= v_al * inv_b;
        hess[A * PARAMS + A] += (v_0 - g_w) / (a * a);
        hess[A * PARAMS + B] -= v_0 * inv_b / a;
        hess[B * PARAMS + B] += (v_0 + g_w) * inv_b * inv_b;
    }
    for (int p = 0; p < PARAMS; p++)
        for (int q = 0; q < p; q++)
            hess[p * PARAMS + q] = hess[q * PARAMS + p];
    memcpy(ret_grad, grad, sizeof grad);
    memcpy(ret_hess, hess, sizeof hess);
    return total;
}

static const struct pv_model bg_nbd = {
    .name = "bg-nbd",
    .params = PARAMS,
    .param = {"r", "alpha", "a", "b"},
    .low = {1e-6, 1e-6, 1e-7, 1e-6},
    .high = {1e6, 1e8, 1e6, 1e8},
    .eval = bg_eval,
};

static enum pv_verdict judge(const struct pv_optimum *o)
{
    const double *t = o->theta;
    double leave = t[A] / (t[A] + t[B]);
    if (!isfinite(o->value))
        return PV_VERDICT_NOT_CONVERGED;
    if (leave < 1e-4)
        return PV_VERDICT_NOBODY_LEAVES;
    if (o->at_limit[R] || o->at_limit[ALPHA] || o->at_limit[A] || o->at_limit[B])
        return t[R] > 1e3 || t[B] > 1e3 ? PV_VERDICT_RIDGE : PV_VERDICT_BOUNDARY;
    if (t[R] > 1e4 || t[A] > 1e4)
        return PV_VERDICT_RIDGE;
    if (!o->converged)
        return PV_VERDICT_NOT_CONVERGED;
    if (!o->regular)
        return PV_VERDICT_RIDGE;
    /* A parameter known only to within a factor of ten either way is not known. */
    for (int i = 0; i < PARAMS; i++)
        if (!(o->log_sd[i] < 2.3 / PV_Z95))
            return leave < 0.01 ? PV_VERDICT_NOBODY_LEAVES : PV_VERDICT_RIDGE;
    return PV_VERDICT_OK;
}

/* Starting points around the overall purchase rate; the best three by likelihood, best first. */
static void choose_starts(struct bg_data *d, double rate, double (*ret_start)[PARAMS], int wanted)
{
    static const double shapes[] = {0.25, 1.0, 4.0};
    static const double faster[] = {1.3, 3.0};
    static const double leave[][2] = {{0.5, 1.5}, {0.5, 8.0}, {0.05, 5.0}, {2.0, 4.0}};
    double best[3] = {-INFINITY, -INFINITY, -INFINITY};
    double grad[PARAMS], hess[PARAMS * PARAMS];
    d->stride = d->cells / 4096 + 1;
    /* Striding must not jump over the last cell of an x, or the loop would still stop there: the
     * evaluation walks x by x and is exact about where it is, whatever it skips. */
    for (size_t s = 0; s < 3; s++) {
        for (size_t f = 0; f < 2; f++) {
            for (size_t l = 0; l < 4; l++) {
                double theta[PARAMS] = {shapes[s], shapes[s] / (rate * faster[f]), leave[l][0],
                                        leave[l][1]};
                double value = bg_eval(d, theta, grad, hess);
                if (!isfinite(value))
                    continue;
                int at = wanted;
                while (at > 0 && value > best[at - 1])
                    at--;
                for (int k = wanted - 1; k > at; k--) {
                    best[k] = best[k - 1];
                    memcpy(ret_start[k], ret_start[k - 1], sizeof ret_start[k]);
                }
                if (at < wanted) {
                    best[at] = value;
                    memcpy(ret_start[at], theta, sizeof theta);
                }
            }
        }
    }
    d->stride = 1;
}

int pv_fit_bg_nbd(const struct pv_cells *cells, const struct pv_fit_options *options,
                  struct pv_fit *ret_fit)
{
    struct bg_data d = {.stride = 1, .unit_days = options->unit_days};
    if (!(options->unit_days > 0.0))
        return PV_ERR_ARGUMENT;
    d.cell = pv_cells_data(cells, &d.cells);
    uint64_t customers = 0, repeaters = 0;
    double purchases = 0.0, days = 0.0;
    for (size_t i = 0; i < d.cells; i++) {
        const struct pv_cell *c = &d.cell[i];
        customers += c->count;
        repeaters += c->x > 0 ? c->count : 0;
        purchases += (double)c->count * c->x;
        days += (double)c->count * c->T;
        if (c->T > d.max_day)
            d.max_day = c->T;
    }
    struct pv_fit fit;
    pv_fit_blank(&bg_nbd, PV_VERDICT_OK, &fit);
    fit.unit_days = options->unit_days;
    fit.customers = customers;
    fit.repeaters = repeaters;
    fit.cells = d.cells;
    if (days <= 0.0 && customers > 0)
        fit.verdict = PV_VERDICT_SAME_DAY;
    else if (repeaters == 0 && customers >= 30)
        fit.verdict = PV_VERDICT_NO_REPEAT_PURCHASES;
    else if (customers < 30 || repeaters < 10)
        fit.verdict = PV_VERDICT_TOO_FEW_CUSTOMERS;
    if (fit.verdict != PV_VERDICT_OK) {
        *ret_fit = fit;
        return 0;
    }
    double *table = malloc(2 * sizeof *table * ((size_t)d.max_day + 1));
    if (!table)
        return PV_ERR_NO_MEMORY;
    d.log_at = table;
    d.inv_at = table + d.max_day + 1;
    double start[3][PARAMS] = {{1.0, 1.0, 1.0, 1.0}, {1.0, 1.0, 1.0, 1.0}, {1.0, 1.0, 1.0, 1.0}};
    choose_starts(&d, purchases / (days / options->unit_days), start, 3);
    struct pv_optimum best;
    pv_optim_maximise(&bg_nbd, &d, start[0], &best);
    for (int i = 1; i < 3 && judge(&best) != PV_VERDICT_OK; i++) {
        struct pv_optimum other;
        pv_optim_maximise(&bg_nbd, &d, start[i], &other);
        if (isfinite(other.value) &&
            (!isfinite(best.value) || other.value > best.value + 1e-6 ||
             (judge(&other) == PV_VERDICT_OK && other.value > best.value - 1e-6)))
            best = other;
    }
    free(table);
    pv_optim_report(&bg_nbd, &best, &fit);
    fit.verdict = judge(&best);
    fit.usable = fit.verdict == PV_VERDICT_OK || fit.verdict == PV_VERDICT_NOBODY_LEAVES;
    if (fit.verdict == PV_VERDICT_NOBODY_LEAVES) {
        /* How people leave is unknown here; what is known is how they buy: keep that block. */
        double info[4] = {-best.hess[R * PARAMS + R], -best.hess[R * PARAMS + ALPHA],
                          -best.hess[ALPHA * PARAMS + R], -best.hess[ALPHA * PARAMS + ALPHA]};
        double cov[4] = {0.0};
        memset(fit.log_cov, 0, sizeof fit.log_cov);
        if (pv_math_spd_inverse(2, info, cov)) {
            for (int i = 0; i < 2; i++)
                for (int j = 0; j < 2; j++)
                    fit.log_cov[i * PARAMS + j] = cov[i * 2 + j];
        } else {
            fit.usable = false;
        }
        for (int i = 0; i < PARAMS; i++)
            fit.std_error[i] = i < 2 ? fit.param[i] * sqrt(fit.log_cov[i * PARAMS + i]) : NAN;
    }
    *ret_fit = fit;
    return 0;
}

struct pv_bg_nbd pv_bg_nbd_of(const struct pv_fit *fit)
{
    return (struct pv_bg_nbd){fit->param[R], fit->param[ALPHA], fit->param[A], fit->param[B]};
}

/* ---- Quantities ------------------------------------------------------------------------------ */

static bool sensible(const struct pv_bg_nbd *m, double x, double t_x, double T)
{
    return m->r > 0.0 && m->alpha > 0.0 && m->a > 0.0 && m->b > 0.0 && x >= 0.0 && t_x >= 0.0 &&
           T >= t_x && isfinite(T) && isfinite(x) && (x == 0.0 || m->b + x > 1.0);
}

/* ln A4 - ln A3: log odds of having left. */
static double log_odds_gone(const struct pv_bg_nbd *m, double x, double t_x, double T)
{
    return log(m->a / (m->b + x - 1.0)) + (m->r + x) * log1p((T - t_x) / (m->alpha + t_x));
}

double pv_bg_nbd_loglik(const struct pv_bg_nbd *m, double x, double t_x, double T)
{
    if (!sensible(m, x, t_x, T))
        return NAN;
    double a1 = pv_math_lrising(m->r, x) + m->r * log(m->alpha);
    double a2 = pv_math_lrising(m->b, x) - pv_math_lrising(m->a + m->b, x);
    double a3 = -(m->r + x) * log(m->alpha + T);
    double soft = 0.0;
    if (x > 0.0) {
        double diff = log_odds_gone(m, x, t_x, T);
        soft = diff > 0.0 ? diff + log1p(exp(-diff)) : log1p(exp(diff));
    }
    return a1 + a2 + a3 + soft;
}

/* Fader & Hardie (2008), Computing P(alive) using the BG/NBD model, note 021. */
double pv_bg_nbd_p_alive(const struct pv_bg_nbd *m, double x, double t_x, double T)
{
    if (!sensible(m, x, t_x, T))
        return NAN;
    if (x <= 0.0)
        return 1.0;
    double diff = log_odds_gone(m, x, t_x, T);
    return diff > 0.0 ? exp(-diff) / (1.0 + exp(-diff)) : 1.0 / (1.0 + exp(diff));
}

/*
 * [FHL05] eqs. 9 and 10 divide by a - 1 what vanishes at a = 1. Let N be the purchases of an
 * immortal customer, negative binomial given Gamma(rx, at), and s_k = E(1 - p)^k = (bx)_k / (a +
 * bx)_k the probability of surviving k purchases. The k-th purchase happens when N >= k and k - 1
 * were survived: E = sum_{k >= 1} s_{k-1} P(N >= k) = sum_n P(N = n) (s_0 + ... + s_{n-1}), the
 * expansion of the same 2F1 in positive terms; a = 1 is an ordinary value.
 */
double pv_bg_nbd_alive_mean(double rx, double at, double a, double bx, double t)
{
    if (!(t > 0.0))
        return 0.0;
    double z = t / (at + t);
    double log_nb = -rx * log1p(t / at); /* ln P(N = n), n = 0 */
    double s = 1.0, c = 0.0, n = 0.0;
    if (log_nb < -600.0) {
        /* Too small to start from: run the survival sum up to where N really lives. */
        double mean = rx * t / at;
        double from = floor(mean - 40.0 * sqrt(mean * (1.0 + t / at)));
        while (n < from) {
            c += s;
            s *= (bx + n) / (a + bx + n);
            n += 1.0;
        }
        log_nb = pv_math_lgamma(rx + n) - pv_math_lgamma(rx) - pv_math_lgamma(n + 1.0) +
                 n * log(z) - rx * log1p(t / at);
        /* Still below the smallest double for a wide N: climb in logarithms. */
        while (log_nb < -600.0 && n < 1e9) {
            log_nb += log(z * (rx + n) / (n + 1.0));
            c += s;
            s *= (bx + n) / (a + bx + n);
            n += 1.0;
        }
    }
    double nb = exp(log_nb);
    double sum = nb * c;
    for (; n < 1e9;) {
        double ratio = z * (rx + n) / (n + 1.0);
        nb *= ratio;
        c += s;
        s *= (bx + n) / (a + bx + n);
        n += 1.0;
        sum += nb * c;
        if (ratio < 1.0) {
            double room = 1.0 - fmax(ratio, z);
            if (nb * (c + 1.0) < 1e-16 * sum * room * room)
                break;
        }
    }
    return sum;
}

size_t pv_bg_nbd_alive_tail(double rx, double at, double a, double bx, double t, double least,
                            size_t cap, double *ret_tail)
{
    double z = t / (at + t);
    double log_nb = -rx * log1p(t / at);
    double nb = exp(log_nb);
    double at_least = 1.0; /* P(N >= k) of the immortal */
    double s = 1.0;
    size_t k = 0;
    if (cap == 0)
        return 0;
    ret_tail[k++] = 1.0;
    while (k < cap) {
        double n = (double)(k - 1);
        at_least -= nb;
        if (at_least < 0.0)
            at_least = 0.0;
        ret_tail[k++] = s * at_least;
        if (ret_tail[k - 1] < least)
            break;
        s *= (bx + n) / (a + bx + n);
        if (log_nb < -600.0) {
            log_nb += log(z * (rx + n) / (n + 1.0));
            nb = exp(log_nb);
        } else {
            nb *= z * (rx + n) / (n + 1.0);
        }
    }
    return k;
}

double pv_bg_nbd_expected(const struct pv_bg_nbd *m, double x, double t_x, double T, double t)
{
    if (!sensible(m, x, t_x, T) || !(t >= 0.0))
        return NAN;
    return pv_bg_nbd_p_alive(m, x, t_x, T) *
           pv_bg_nbd_alive_mean(m->r + x, m->alpha + T, m->a, m->b + x, t);
}

double pv_bg_nbd_expected_new(const struct pv_bg_nbd *m, double t)
{
    if (!sensible(m, 0.0, 0.0, 0.0) || !(t >= 0.0))
        return NAN;
    return pv_bg_nbd_alive_mean(m->r, m->alpha, m->a, m->b, t);
}

int pv_bg_nbd_pmf(const struct pv_bg_nbd *m, double x, double t_x, double T, double t, size_t n,
                  double *ret_pmf)
{
    if (!sensible(m, x, t_x, T) || !(t >= 0.0) || n == 0 || n > 100000000)
        return PV_ERR_ARGUMENT;
    /* k purchases: k survived and N = k, or left at the k-th and N >= k; [FHL05] eq. 8. */
    double rx = m->r + x, at = m->alpha + T, a = m->a, bx = m->b + x;
    double alive = pv_bg_nbd_p_alive(m, x, t_x, T);
    double z = t / (at + t);
    double log_nb = -rx * log1p(t / at);
    double at_least = 1.0, s = 1.0, gone = 0.0; /* gone: s_{k-1} - s_k */
    for (size_t k = 0; k < n; k++) {
        double nb = exp(log_nb);
        double p = s * nb + gone * at_least;
        ret_pmf[k] = alive * p + (k == 0 ? 1.0 - alive : 0.0);
        at_least = fmax(at_least - nb, 0.0);
        double kd = (double)k;
        gone = s * a / (a + bx + kd);
        s *= (bx + kd) / (a + bx + kd);
        log_nb += log(z * (rx + kd) / (kd + 1.0));
    }
    return 0;
}

int pv_bg_nbd_pmf_new(const struct pv_bg_nbd *m, double t, size_t n, double *ret_pmf)
{
    return pv_bg_nbd_pmf(m, 0.0, 0.0, 0.0, t, n, ret_pmf);
}

double pv_discount_per_unit(double yearly_rate, double unit_days)
{
    double units = unit_days == 7.0 ? 52.0 : 365.25 / unit_days;
    return log1p(yearly_rate) / units;
}

double pv_bg_nbd_dert(const struct pv_bg_nbd *m, double x, double t_x, double T, double delta)
{
    if (!sensible(m, x, t_x, T) || !(delta > 0.0))
        return NAN;
    struct pv_dert_table table;
    double at = m->alpha + T;
    if (pv_dert_table_new(m->r + x, m->a, m->b + x, at, at, delta, &table))
        return NAN;
    double value = pv_bg_nbd_p_alive(m, x, t_x, T) * pv_dert_at(&table, at);
    pv_dert_table_free(&table);
    return value;
}
