/*
 * bg_bb.c - the BG/BB model: Fader, Hardie & Shang (2010), Customer-base analysis in a
 * discrete-time noncontractual setting, Marketing Science 29, 1086-1108. At each opportunity a
 * customer who is still there buys with probability p ~ Beta(alpha, beta); before each one they
 * leave with probability theta ~ Beta(gamma, delta).
 *
 * Of (x, t_x, n), gone after opportunity m = t_x .. n - 1 or there at n, the likelihood is
 *   sum_m B(alpha + x, beta + m - x) / B(alpha, beta) B(gamma + 1, delta + m) / B(gamma, delta)
 *   + B(alpha + x, beta + n - x) / B(alpha, beta) B(gamma, delta + n) / B(gamma, delta).
 * From one m to the next every term and every derivative of its logarithm changes by a fraction.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

enum { ALPHA, BETA, GAMMA, DELTA, PARAMS };

/* Sum over i < k of 1 / (z + i), and of minus its square: derivatives of ln (z)_k. */
struct rising {
    double first, second;
};

static void rise(struct rising *s, double z)
{
    s->first += 1.0 / z;
    s->second -= 1.0 / (z * z);
}

static struct rising risen(double z, double k)
{
    struct rising s = {0.0, 0.0};
    if (k > 64.0)
        return (struct rising){pv_math_digamma(z + k) - pv_math_digamma(z),
                               pv_math_trigamma(z + k) - pv_math_trigamma(z)};
    for (int i = 0; i < (int)k; i++)
        rise(&s, z + i);
    return s;
}

/* A term of the likelihood: its logarithm, and the rising factorials it is made of. */
struct term {
    double log;
    struct rising a, b, ab, d, gd; /* alpha, beta, alpha + beta, delta, gamma + delta */
    bool gone;
};

static struct term term_at(const double *p, double x, double m, bool gone)
{
    double ab = p[ALPHA] + p[BETA], gd = p[GAMMA] + p[DELTA], last = gone ? m + 1.0 : m;
    struct term t = {.gone = gone};
    t.log = pv_math_lrising(p[ALPHA], x) + pv_math_lrising(p[BETA], m - x) -
            pv_math_lrising(ab, m) + pv_math_lrising(p[DELTA], m) - pv_math_lrising(gd, last) +
            (gone ? log(p[GAMMA]) : 0.0);
    t.a = risen(p[ALPHA], x);
    t.b = risen(p[BETA], m - x);
    t.ab = risen(ab, m);
    t.d = risen(p[DELTA], m);
    t.gd = risen(gd, last);
    return t;
}

/* From gone after m to gone after m + 1. */
static void next_term(const double *p, double x, double m, struct term *t)
{
    double b = p[BETA] + m - x, ab = p[ALPHA] + p[BETA] + m, d = p[DELTA] + m;
    double gd = p[GAMMA] + p[DELTA] + m + 1.0;
    t->log += log(b / ab * (d / gd));
    rise(&t->b, b);
    rise(&t->ab, ab);
    rise(&t->d, d);
    rise(&t->gd, gd);
}

struct sums {
    double value, first[PARAMS], second[PARAMS * PARAMS];
};

static void gradient_of(const double *p, const struct term *t, double *ret)
{
    ret[ALPHA] = t->a.first - t->ab.first;
    ret[BETA] = t->b.first - t->ab.first;
    ret[GAMMA] = (t->gone ? 1.0 / p[GAMMA] : 0.0) - t->gd.first;
    ret[DELTA] = t->d.first - t->gd.first;
}

static void add_term(const double *p, const struct term *t, double ref, struct sums *s)
{
    double e = exp(t->log - ref), g[PARAMS];
    gradient_of(p, t, g);
    s->value += e;
    for (int i = 0; i < PARAMS; i++) {
        s->first[i] += e * g[i];
        for (int j = i; j < PARAMS; j++)
            s->second[i * PARAMS + j] += e * g[i] * g[j];
    }
    s->second[ALPHA * PARAMS + ALPHA] += e * (t->a.second - t->ab.second);
    s->second[ALPHA * PARAMS + BETA] -= e * t->ab.second;
    s->second[BETA * PARAMS + BETA] += e * (t->b.second - t->ab.second);
    s->second[GAMMA * PARAMS + GAMMA] -=
        e * ((t->gone ? 1.0 / (p[GAMMA] * p[GAMMA]) : 0.0) + t->gd.second);
    s->second[GAMMA * PARAMS + DELTA] -= e * t->gd.second;
    s->second[DELTA * PARAMS + DELTA] += e * (t->d.second - t->gd.second);
}

/* ln L; sums relative to exp(*ret_ref). */
static double walk(const double *p, double x, double t_x, double n, struct sums *s)
{
    struct term alive = term_at(p, x, n, false), gone = {0};
    memset(s, 0, sizeof *s);
    double ref = alive.log;
    if (t_x < n) {
        gone = term_at(p, x, t_x, true);
        ref = fmax(ref, gone.log);
    }
    add_term(p, &alive, ref, s);
    for (int32_t m = (int32_t)t_x; m < (int32_t)n; m++) {
        add_term(p, &gone, ref, s);
        next_term(p, x, m, &gone);
    }
    return ref + log(s->value);
}

static double eval(const struct pv_model *model, const void *opaque, const double *p,
                   double *ret_grad, double *ret_hess)
{
    const struct pv_fit_data *d = opaque;
    double total = 0.0, grad[PARAMS] = {0.0}, hess[PARAMS * PARAMS] = {0.0};
    (void)model;
    for (size_t k = 0; k < d->cells; k += d->stride) {
        const struct pv_cell *c = &d->cell[k];
        struct sums s;
        double n = c->count;
        total += n * walk(p, c->x, c->t_x, c->T, &s);
        for (int i = 0; i < PARAMS; i++) {
            grad[i] += n * s.first[i] / s.value;
            for (int j = i; j < PARAMS; j++)
                hess[i * PARAMS + j] += n * (s.second[i * PARAMS + j] / s.value -
                                             s.first[i] * s.first[j] / (s.value * s.value));
        }
    }
    for (int i = 0; i < PARAMS; i++)
        for (int j = 0; j < i; j++)
            hess[i * PARAMS + j] = hess[j * PARAMS + i];
    if (ret_grad)
        memcpy(ret_grad, grad, sizeof grad);
    if (ret_hess)
        memcpy(ret_hess, hess, sizeof hess);
    return total;
}

/* ---- One customer ---------------------------------------------------------------------------- */

static double loglik(const struct pv_model *m, const double *p, double x, double t_x, double n)
{
    struct sums s;
    (void)m;
    return walk(p, x, t_x, n, &s);
}

/* There at opportunity n + 1. */
static double p_alive(const struct pv_model *m, const double *p, double x, double t_x, double n,
                      double *ret_slope)
{
    struct sums s;
    struct term alive = term_at(p, x, n, false);
    double gd = p[GAMMA] + p[DELTA] + n, d = p[DELTA] + n, g[PARAMS];
    (void)m;
    double log_l = walk(p, x, t_x, n, &s);
    alive.log += log(d / gd);
    rise(&alive.d, d);
    rise(&alive.gd, gd);
    gradient_of(p, &alive, g);
    for (int k = 0; ret_slope && k < PARAMS; k++)
        ret_slope[k] = p[k] * (g[k] - s.first[k] / s.value);
    return exp(alive.log - log_l);
}

static double leave(const struct pv_model *m, const double *p, double span)
{
    (void)m;
    (void)span;
    return p[GAMMA] / (p[GAMMA] + p[DELTA]);
}

/* There at n + 1, theta ~ Beta(gamma, delta + n + 1) and p ~ Beta(alpha + x, beta + n - x). */
static double survive(const struct pv_model *m, const double *p, double x, double n, double t)
{
    double d = p[DELTA] + n + 1.0;
    (void)m;
    (void)x;
    return exp(pv_math_lrising(d, t) - pv_math_lrising(d + p[GAMMA], t));
}

static double buys(const double *p, double x, double n)
{
    return (p[ALPHA] + x) / (p[ALPHA] + p[BETA] + n);
}

static double mean(const struct pv_model *m, const double *p, double x, double n, double t)
{
    double d = p[DELTA] + n + 1.0, s = 1.0, sum = 0.0;
    (void)m;
    for (int32_t j = 0; j < (int32_t)t; j++) {
        sum += s;
        s *= (d + j) / (p[GAMMA] + d + j);
    }
    return buys(p, x, n) * sum;
}

/* Of `most` opportunities, there for exactly j of them, j = 1 .. most; then beta-binomial. */
static int pmf(const struct pv_model *m, const double *p, double x, double n, double t,
               size_t count, double *ret_pmf)
{
    double d = p[DELTA] + n + 1.0, a = p[ALPHA] + x, b = p[BETA] + n - x, s = 1.0;
    (void)m;
    if (t * fmin((double)count, t) > 1e9)
        return PV_ERR_ARGUMENT;
    for (size_t k = 0; k < count; k++)
        ret_pmf[k] = 0.0;
    if (t < 1.0)
        ret_pmf[0] = 1.0;
    for (int32_t there_for = 1; there_for <= (int32_t)t; there_for++) {
        double j = there_for;
        double next = s * (d + j - 1.0) / (p[GAMMA] + d + j - 1.0);
        double there = j < t ? s - next : s;
        /* P(k of j), k ascending: (j choose k) B(a + k, b + j - k) / B(a, b). */
        double log_p = pv_math_lrising(b, j) - pv_math_lrising(a + b, j);
        for (size_t k = 0; k < count && (double)k <= j; k++) {
            double kd = (double)k;
            ret_pmf[k] += there * exp(log_p);
            log_p += log((j - kd) / (kd + 1.0) * (a + kd) / (b + j - kd - 1.0));
        }
        s = next;
    }
    return 0;
}

/* Sum over j >= 0 of s_j e^(-rate (j + 1)), s_j of being there j opportunities on. */
static int dert(const struct pv_model *m, const double *p, double x, const double *n, size_t count,
                double rate, double *ret_dert, double *ret_slope)
{
    double y = exp(-rate);
    (void)m;
    if (ret_slope)
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        double d = p[DELTA] + n[i] + 1.0;
        ret_dert[i] = buys(p, x, n[i]) * y * pv_math_hyp2f1_one(d, p[GAMMA] + d, y, -expm1(-rate));
    }
    return 0;
}

static void live(const double *p, struct pv_rng *rng, int32_t T, int32_t holdout,
                 struct pv_customer *ret_customer)
{
    /* Beta draws by logarithms of gammas: shapes may be tiny. */
    double a = pv_rng_log_gamma(rng, p[ALPHA]), b = pv_rng_log_gamma(rng, p[BETA]);
    double g = pv_rng_log_gamma(rng, p[GAMMA]), d = pv_rng_log_gamma(rng, p[DELTA]);
    double buys_p = 1.0 / (1.0 + exp(b - a)), leaves = 1.0 / (1.0 + exp(d - g));
    for (int32_t i = 1; i <= T + holdout && pv_rng_uniform(rng) >= leaves; i++) {
        if (pv_rng_uniform(rng) >= buys_p)
            continue;
        ret_customer->x += i <= T;
        ret_customer->x_star += i > T;
        ret_customer->t_x = i <= T ? i : ret_customer->t_x;
    }
}

static const struct pv_buying buying = {
    .loglik = loglik,
    .p_alive = p_alive,
    .leave = leave,
    .survive = survive,
    .mean = mean,
    .pmf = pmf,
    .dert = dert,
};

static int starts(const struct pv_fit_data *d, double rate, double (*ret_start)[PV_MAX_PARAMS])
{
    static const double size[] = {0.7, 3.0}, faster[] = {1.2, 2.5};
    static const double leaves[][2] = {{0.5, 2.0}, {0.5, 8.0}, {2.0, 10.0}};
    (void)d;
    int n = 0;
    for (int i = 0; i < 12; i++) {
        double *p = ret_start[n++], often = fmin(rate * faster[i & 1], 0.95);
        p[ALPHA] = size[i >> 1 & 1] * often;
        p[BETA] = size[i >> 1 & 1] * (1.0 - often);
        p[GAMMA] = leaves[i / 4][0];
        p[DELTA] = leaves[i / 4][1];
    }
    return n;
}

const struct pv_model pv_model_bg_bb = {
    .name = "bg-bb",
    .kind = PV_KIND_OPPORTUNITY,
    .params = PARAMS,
    .param = {"alpha", "beta", "gamma", "delta"},
    .low = {1e-6, 1e-6, 1e-7, 1e-6},
    .high = {1e6, 1e6, 1e6, 1e8},
    .far = {1e4, 1e4, 1e4, 0.0},
    .eval = eval,
    .starts = starts,
    .buying = &buying,
    .live = live,
};
