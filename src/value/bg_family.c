/*
 * bg_family.c - what BG/NBD and MBG/NBD share: customers buy at rate lambda ~ Gamma(r, alpha) and
 * leave after a purchase with probability p ~ Beta(a, b).
 *
 *   [FHL05]   Fader, Hardie & Lee, "Counting your customers" the easy way, Marketing Science 24
 *             (2005), 275-284: one may leave after each repeat purchase.
 *   [BDP07]   Batislam, Denizel & Filiztekin, Empirical validation and comparison of models for
 *             customer base analysis, IJRM 24 (2007), 201-209: after the first purchase, too.
 *
 * With y the chances a customer had to leave (x, or x + 1), the likelihood of a cell (x, t_x, T),
 * [FHL05] eq. 6, is A1 A2 (A3 + [y > 0] A4) with
 *   ln A1 = ln Gamma(r + x) - ln Gamma(r) + r ln alpha            depends on x alone
 *   ln A2 = ln B(a, b + y) - ln B(a, b)                            depends on x alone
 *   ln A3 = -(r + x) ln(alpha + T)                                 alive
 *   ln A4 = ln a - ln(b + y - 1) - (r + x) ln(alpha + t_x)         gone after the last purchase
 * Since x is a whole number, A1, A2 and all their derivatives are running sums of logarithms and
 * reciprocals over 0 .. x - 1, and since t_x and T are whole days, the logarithms of alpha + t come
 * from a table by day: a cell costs one exponential and one logarithm.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { R, ALPHA, A, B, PARAMS };

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

size_t pv_bg_room(const struct pv_model *model, const struct pv_fit_data *d)
{
    (void)model;
    return 2 * ((size_t)d->max_day + 1);
}

double pv_bg_eval(const struct pv_model *model, const void *data, const double *theta,
                  double *ret_grad, double *ret_hess)
{
    const struct pv_fit_data *d = data;
    const int extra = model->first_chances;
    double r = theta[R], alpha = theta[ALPHA], a = theta[A], b = theta[B];
    double *log_at = d->room; /* by day: ln(alpha + day / unit) */
    double *inv_at = log_at + d->max_day + 1;
    for (int32_t i = 0; i <= d->max_day; i++) {
        double at = alpha + i / d->unit_days;
        log_at[i] = log(at);
        inv_at[i] = 1.0 / at;
    }
    double grad[PARAMS] = {0.0};
    double hess[PARAMS * PARAMS] = {0.0};
    double total = 0.0;
    double log_alpha = log(alpha);
    double s_r = 0.0, s_b = 0.0, s_ab = 0.0; /* sums of logarithms */
    double sum[6] = {0.0};                   /* 1/(r+i), 1/(b+i), 1/(a+b+i) and their squares */
    int32_t x = 0, chances = 0;
    size_t i = 0;
    while (i < d->cells) {
        int32_t to = d->cell[i].x;
        for (; x < to; x++) {
            double vr = r + x;
            s_r += log(vr);
            sum[0] += 1.0 / vr;
            sum[3] += 1.0 / (vr * vr);
        }
        for (; chances < x + extra; chances++) {
            double vb = b + chances, vab = a + b + chances;
            s_b += log(vb);
            s_ab += log(vab);
            sum[1] += 1.0 / vb;
            sum[2] += 1.0 / vab;
            sum[4] += 1.0 / (vb * vb);
            sum[5] += 1.0 / (vab * vab);
        }
        double rx = r + x;
        double log_ratio = chances > 0 ? log(a / (b + chances - 1.0)) : 0.0;
        double inv_b = chances > 0 ? 1.0 / (b + chances - 1.0) : 0.0;
        double n_x = 0.0, value = 0.0;
        double g_r = 0.0, g_alpha = 0.0, g_w = 0.0;
        double h_ra = 0.0, h_aa = 0.0;              /* of A3 and A4 themselves */
        double v_rr = 0.0, v_raa = 0.0, v_aa = 0.0; /* w (1 - w) times differences */
        double v_r = 0.0, v_al = 0.0, v_0 = 0.0;
        for (; i < d->cells && d->cell[i].x == x; i += d->stride) {
            const struct pv_cell *c = &d->cell[i];
            double n = c->count;
            double lT = log_at[c->T], iT = inv_at[c->T];
            n_x += n;
            if (chances == 0) {
                value -= n * lT;
                g_r -= n * lT;
                g_alpha -= n * iT;
                h_aa += n * iT * iT;
                h_ra -= n * iT;
                continue;
            }
            double lt = log_at[c->t_x], it = inv_at[c->t_x];
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
    if (ret_grad)
        memcpy(ret_grad, grad, sizeof grad);
    if (ret_hess)
        memcpy(ret_hess, hess, sizeof hess);
    return total;
}

int pv_bg_starts(const struct pv_fit_data *d, double rate, double (*ret_start)[PV_MAX_PARAMS])
{
    static const double shapes[] = {0.25, 1.0, 4.0};
    static const double faster[] = {1.3, 3.0};
    /* The last one: some leave at once, the others hardly ever; without it such data end in another
     * maximum, where nobody leaves and rates differ the more. */
    static const double leave[][2] = {{0.5, 1.5}, {0.5, 8.0}, {0.05, 5.0}, {2.0, 4.0}, {0.1, 0.2}};
    int n = 0;
    (void)d;
    for (size_t s = 0; s < 3; s++) {
        for (size_t f = 0; f < 2; f++) {
            for (size_t l = 0; l < 5; l++) {
                double *theta = ret_start[n++];
                theta[R] = shapes[s];
                theta[ALPHA] = shapes[s] / (rate * faster[f]);
                theta[A] = leave[l][0];
                theta[B] = leave[l][1];
            }
        }
    }
    return n;
}

/* ---- One customer ---------------------------------------------------------------------------- */

/* ln A4 - ln A3: log odds of having left. */
static double log_odds_gone(const double *p, double x, double chances, double t_x, double T)
{
    return log(p[A] / (p[B] + chances - 1.0)) + (p[R] + x) * log1p((T - t_x) / (p[ALPHA] + t_x));
}

/* A4 divides by b + y - 1. */
static bool bg_defined(const struct pv_model *m, const double *p, double x)
{
    double chances = x + m->first_chances;
    return chances == 0.0 || p[B] + chances > 1.0;
}

static double bg_leave(const struct pv_model *m, const double *p, double span)
{
    (void)m;
    (void)span;
    return p[A] / (p[A] + p[B]);
}

static double bg_loglik(const struct pv_model *m, const double *p, double x, double t_x, double T)
{
    double chances = x + m->first_chances;
    double a1 = pv_math_lrising(p[R], x) + p[R] * log(p[ALPHA]);
    double a2 = pv_math_lrising(p[B], chances) - pv_math_lrising(p[A] + p[B], chances);
    double a3 = -(p[R] + x) * log(p[ALPHA] + T);
    double soft = 0.0;
    if (chances > 0.0) {
        double diff = log_odds_gone(p, x, chances, t_x, T);
        soft = diff > 0.0 ? diff + log1p(exp(-diff)) : log1p(exp(diff));
    }
    return a1 + a2 + a3 + soft;
}

/* Fader & Hardie (2008), Computing P(alive) using the BG/NBD model, note 021. */
static double bg_p_alive(const struct pv_model *m, const double *p, double x, double t_x, double T,
                         double *ret_slope)
{
    double chances = x + m->first_chances;
    double alive = 1.0;
    if (chances > 0.0) {
        double diff = log_odds_gone(p, x, chances, t_x, T);
        alive = diff > 0.0 ? exp(-diff) / (1.0 + exp(-diff)) : 1.0 / (1.0 + exp(diff));
    }
    if (ret_slope) {
        /* d ln P(alive) = -(1 - P) d(log odds of having left). */
        double gone = -(1.0 - alive), at = p[ALPHA];
        ret_slope[R] = gone * p[R] * log1p((T - t_x) / (at + t_x));
        ret_slope[ALPHA] = gone * at * (p[R] + x) * (1.0 / (at + T) - 1.0 / (at + t_x));
        ret_slope[A] = gone;
        ret_slope[B] = chances > 0.0 ? -gone * p[B] / (p[B] + chances - 1.0) : 0.0;
    }
    return alive;
}

/*
 * Of all customers of one x: the odds of having left at t_x = T, and by day the power
 * ((alpha + d) / alpha)^(r + x) that they grow with, the logarithm of its base, and 1 / (alpha +
 * d). Where powers leave the range of a double, their place has their logarithms.
 */
enum { ODDS, AS_LOGS, WIDTH, COLUMNS };

static int bg_alive_table(const struct pv_model *m, const double *p, int32_t x, double unit_days,
                          int32_t from, int32_t to, double **ret_table)
{
    size_t n = (size_t)(to - from) + 1;
    double rx = p[R] + x, chances = x + m->first_chances;
    bool as_logs = rx * log1p(to / unit_days / p[ALPHA]) > 600.0;
    double *table = malloc((COLUMNS + 3 * n) * sizeof *table);
    if (!table)
        return PV_ERR_NO_MEMORY;
    double *power = table + COLUMNS, *log_base = power + n, *inv = log_base + n;
    table[ODDS] = chances > 0.0 ? p[A] / (p[B] + chances - 1.0) : 0.0;
    table[AS_LOGS] = as_logs;
    table[WIDTH] = (double)n;
    for (size_t i = 0; i < n; i++) {
        double t = (double)(from + (int32_t)i) / unit_days;
        log_base[i] = log1p(t / p[ALPHA]);
        power[i] = as_logs ? rx * log_base[i] : exp(rx * log_base[i]);
        inv[i] = 1.0 / (p[ALPHA] + t);
    }
    *ret_table = table;
    return 0;
}

static double bg_alive_from(const struct pv_model *m, const double *p, int32_t x,
                            const double *table, int32_t t_x, int32_t T, double *ret_slope)
{
    const double *power = table + COLUMNS;
    double odds = table[ODDS], alive;
    if (table[AS_LOGS] != 0.0)
        alive = 1.0 / (1.0 + odds * exp(power[T] - power[t_x]));
    else
        alive = power[t_x] / (power[t_x] + odds * power[T]);
    if (ret_slope) {
        size_t n = (size_t)table[WIDTH];
        const double *log_base = power + n, *inv = log_base + n;
        double chances = x + m->first_chances, gone = -(1.0 - alive);
        ret_slope[R] = gone * p[R] * (log_base[T] - log_base[t_x]);
        ret_slope[ALPHA] = gone * p[ALPHA] * (p[R] + x) * (inv[T] - inv[t_x]);
        ret_slope[A] = gone;
        ret_slope[B] = chances > 0.0 ? -gone * p[B] / (p[B] + chances - 1.0) : 0.0;
    }
    return alive;
}

/* ---- Alive at T ------------------------------------------------------------------------------ */

/* No purchase up to t is one's last: E[e^(-lambda p t)]. */
static double bg_survive(const struct pv_model *m, const double *p, double x, double T, double t)
{
    double rx = p[R] + x, at = p[ALPHA] + T, a = p[A], bx = p[B] + x + m->first_chances;
    return pv_math_hyp2f1_neg(rx, a, a + bx, t / at);
}

/*
 * [FHL05] eqs. 9 and 10 divide by a - 1 what vanishes at a = 1. Let N be the purchases of an
 * immortal customer, negative binomial given Gamma(rx, at), and s_k = E(1 - p)^k = (bx)_k / (a +
 * bx)_k the probability of surviving k purchases. The k-th purchase happens when N >= k and k - 1
 * were survived: E = sum_{k >= 1} s_{k-1} P(N >= k) = sum_n P(N = n) (s_0 + ... + s_{n-1}), the
 * expansion of the same 2F1 in positive terms; a = 1 is an ordinary value.
 */
static double bg_mean(const struct pv_model *m, const double *p, double x, double T, double t)
{
    double rx = p[R] + x, at = p[ALPHA] + T, a = p[A], bx = p[B] + x + m->first_chances;
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
            double room = 1.0 - (ratio > z ? ratio : z);
            if (nb * (c + 1.0) < 1e-16 * sum * room * room)
                break;
        }
    }
    return sum;
}

static size_t bg_tail(const struct pv_model *m, const double *p, double x, double T, double t,
                      double least, size_t cap, double *ret_tail)
{
    double rx = p[R] + x, at = p[ALPHA] + T, a = p[A], bx = p[B] + x + m->first_chances;
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

/* k purchases: k survived and N = k, or left at the k-th and N >= k; [FHL05] eq. 8. */
static int bg_pmf(const struct pv_model *m, const double *p, double x, double T, double t, size_t n,
                  double *ret_pmf)
{
    double rx = p[R] + x, at = p[ALPHA] + T, a = p[A], bx = p[B] + x + m->first_chances;
    double z = t / (at + t);
    double log_nb = -rx * log1p(t / at);
    double at_least = 1.0, s = 1.0, gone = 0.0; /* gone: s_{k-1} - s_k */
    for (size_t k = 0; k < n; k++) {
        double nb = exp(log_nb);
        ret_pmf[k] = s * nb + gone * at_least;
        at_least = fmax(at_least - nb, 0.0);
        double kd = (double)k;
        gone = s * a / (a + bx + kd);
        s *= (bx + kd) / (a + bx + kd);
        log_nb += log(z * (rx + kd) / (kd + 1.0));
    }
    return 0;
}

/* Given (lambda, p), the purchase at which the customer leaves comes at rate lambda p and the
 * others form an independent Poisson process of rate lambda (1 - p) until then (thinning). */
static void bg_draw(const struct pv_model *m, const double *p, double x, double T,
                    struct pv_rng *rng, struct pv_future *ret_future)
{
    double rx = p[R] + x, at = p[ALPHA] + T, a = p[A], bx = p[B] + x + m->first_chances;
    double lambda = exp(pv_rng_log_gamma(rng, rx) - log(at));
    double ga = pv_rng_log_gamma(rng, a);
    double gb = pv_rng_log_gamma(rng, bx);
    double leaves = 1.0 / (1.0 + exp(gb - ga));
    ret_future->life = pv_rng_exponential(rng) / (lambda * leaves);
    ret_future->rate = lambda * (1.0 - leaves);
    ret_future->last = true;
}

/* Of a purchase at v and one before it: E[lambda^2 (1 - p)^(y + 1) e^(-lambda p v)], y the chances
 * to leave at first. The first purchase, if it counts, and the earlier one were survived, and all
 * others before v. */
static double bg_pairs(const struct pv_model *m, const double *p, double v)
{
    double lead = p[R] * (p[R] + 1.0) / (p[ALPHA] * p[ALPHA]), top = p[A] + p[B], survived = 1.0;
    for (int i = 0; i <= m->first_chances; i++)
        survived *= (p[B] + i) / (top + i);
    return lead * survived *
           pv_math_hyp2f1_neg(p[R] + 2.0, p[A], top + 1.0 + m->first_chances, v / p[ALPHA]);
}

const struct pv_buying pv_bg_family = {
    .defined = bg_defined,
    .loglik = bg_loglik,
    .p_alive = bg_p_alive,
    .alive_table = bg_alive_table,
    .alive_from = bg_alive_from,
    .leave = bg_leave,
    .survive = bg_survive,
    .mean = bg_mean,
    .tail = bg_tail,
    .pmf = bg_pmf,
    .dert = pv_bg_dert,
    .draw = bg_draw,
    .pairs = bg_pairs,
    .one = pv_bg_one,
};
