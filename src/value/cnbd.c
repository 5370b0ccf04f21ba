/*
 * cnbd.c - BG/CNBD-k and MBG/CNBD-k, customers who buy regularly: Platzer & Reutterer (2016),
 * Ticking away the moments: timing regularity helps to better predict customer activity, Marketing
 * Science 35, 779-799, and the packages' papers on their (M)BG form. As BG/NBD and MBG/NBD, but the
 * times between purchases are Erlang-k: of hidden events at rate lambda ~ Gamma(r, alpha) every
 * k-th is a purchase. k = 1 would be BG/NBD.
 *
 * With R = r + k x, the alive part of the likelihood is that of fewer than k hidden events since
 * t_x, (alpha + T)^-R G,  G = sum_{j < k} (R)_j / j! z^j,  z = (T - t_x) / (alpha + T), and the
 * share of term j in G is the probability that j of them have happened. Given that, the hidden
 * count is h = k x + j and lambda ~ Gamma(r + h, alpha + T): what follows T hangs on h.
 *
 * The likelihood leaves out prod g^(k - 1) / (k - 1)! over the times g between purchases, which
 * does not depend on the parameters but on k (struct pv_gaps).
 */
#include "internal.h"

#include <math.h>
#include <string.h>

enum { R, ALPHA, A, B, PARAMS };

static bool defined(const struct pv_model *m, const double *p, double x)
{
    double chances = x + m->first_chances;
    return chances == 0.0 || p[B] + chances > 1.0;
}

/* G and its derivatives by r and alpha, each divided by G; log: ln G. */
struct phases {
    double log, r, alpha, rr, ra, aa;
    double weight[PV_MAX_REGULAR];  /* shares of the terms */
    double slope_r[PV_MAX_REGULAR]; /* d ln term / dr */
};

static void phases_of(int k, double rx, double at, double silence, struct phases *g)
{
    double z = silence / at, inv = 1.0 / at, term = 1.0, sum = 0.0, d = 0.0, d2 = 0.0;
    memset(g, 0, sizeof *g);
    for (int j = 0; j < k; j++) {
        double da = -j * inv;
        g->weight[j] = term;
        g->slope_r[j] = d;
        sum += term;
        g->r += term * d;
        g->alpha += term * da;
        g->rr += term * (d * d - d2);
        g->ra += term * d * da;
        g->aa += term * (da * da + j * inv * inv);
        d += 1.0 / (rx + j);
        d2 += 1.0 / ((rx + j) * (rx + j));
        term *= (rx + j) / (j + 1.0) * z;
    }
    double scale = 1.0 / sum;
    g->log = log(sum);
    g->r *= scale;
    g->alpha *= scale;
    g->rr *= scale;
    g->ra *= scale;
    g->aa *= scale;
    for (int j = 0; j < k; j++)
        g->weight[j] *= scale;
}

/* ---- Likelihood ------------------------------------------------------------------------------ */

/* Sums over 0 .. i - 1 of ln (z + i), 1 / (z + i) and 1 / (z + i)^2. */
struct rising {
    double log, one, two;
};

static void rise(struct rising *s, double z)
{
    s->log += log(z);
    s->one += 1.0 / z;
    s->two += 1.0 / (z * z);
}

/* The part of a cell that depends on t_x and T. chances > 0 or gone is impossible. */
static double add_cell(const double *p, int k, double n, double rx, double chances, double t_x,
                       double T, double *grad, double *hess)
{
    struct phases g;
    double at = p[ALPHA] + T, early = p[ALPHA] + t_x, log_t = log(at), log_e = log(early);
    phases_of(k, rx, at, T - t_x, &g);
    double alive = -rx * log_t + g.log, w = 0.0, soft = 0.0, inv_b = 0.0;
    if (chances > 0.0) {
        double diff = log(p[A] / (p[B] + chances - 1.0)) - rx * log_e - alive;
        double e = exp(-fabs(diff));
        w = diff > 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
        soft = fmax(diff, 0.0) + log1p(e);
        inv_b = 1.0 / (p[B] + chances - 1.0);
    }
    double u = 1.0 - w, v = w * u;
    double alive_r = -log_t + g.r, alive_a = -rx / at + g.alpha;
    double d[PARAMS] = {-log_e - alive_r, -rx / early - alive_a, 1.0 / p[A], -inv_b};
    grad[R] += n * (alive_r + w * d[R]);
    grad[ALPHA] += n * (alive_a + w * d[ALPHA]);
    grad[A] += n * w * d[A];
    grad[B] += n * w * d[B];
    hess[R * PARAMS + R] += n * u * (g.rr - g.r * g.r);
    hess[R * PARAMS + ALPHA] += n * (u * (-1.0 / at + g.ra - g.r * g.alpha) - w / early);
    hess[ALPHA * PARAMS + ALPHA] +=
        n * (u * (rx / (at * at) + g.aa - g.alpha * g.alpha) + w * rx / (early * early));
    hess[A * PARAMS + A] -= n * w / (p[A] * p[A]);
    hess[B * PARAMS + B] += n * w * inv_b * inv_b;
    for (int i = 0; i < PARAMS; i++)
        for (int j = i; j < PARAMS; j++)
            hess[i * PARAMS + j] += n * v * d[i] * d[j];
    return n * (alive + soft);
}

static double eval(const struct pv_model *model, const void *opaque, const double *p,
                   double *ret_grad, double *ret_hess)
{
    const struct pv_fit_data *data = opaque;
    int k = model->regular;
    double total = 0.0, log_alpha = log(p[ALPHA]);
    double grad[PARAMS] = {0.0}, hess[PARAMS * PARAMS] = {0.0};
    struct rising r = {0}, b = {0}, ab = {0};
    int32_t hidden = 0, chances = 0;
    for (size_t i = 0; i < data->cells; i += data->stride) {
        const struct pv_cell *c = &data->cell[i];
        double n = c->count;
        for (; hidden < k * c->x; hidden++)
            rise(&r, p[R] + hidden);
        for (; chances < c->x + model->first_chances; chances++) {
            rise(&b, p[B] + chances);
            rise(&ab, p[A] + p[B] + chances);
        }
        total += n * (r.log + p[R] * log_alpha + b.log - ab.log);
        grad[R] += n * (r.one + log_alpha);
        grad[ALPHA] += n * p[R] / p[ALPHA];
        grad[A] -= n * ab.one;
        grad[B] += n * (b.one - ab.one);
        hess[R * PARAMS + R] -= n * r.two;
        hess[R * PARAMS + ALPHA] += n / p[ALPHA];
        hess[ALPHA * PARAMS + ALPHA] -= n * p[R] / (p[ALPHA] * p[ALPHA]);
        hess[A * PARAMS + A] += n * ab.two;
        hess[A * PARAMS + B] += n * ab.two;
        hess[B * PARAMS + B] += n * (ab.two - b.two);
        total += add_cell(p, k, n, p[R] + hidden, chances, c->t_x / data->unit_days,
                          c->T / data->unit_days, grad, hess);
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

static double loglik(const struct pv_model *m, const double *p, double x, double t_x, double T)
{
    double hidden = m->regular * x, chances = x + m->first_chances;
    double grad[PARAMS] = {0.0}, hess[PARAMS * PARAMS] = {0.0};
    return pv_math_lrising(p[R], hidden) + p[R] * log(p[ALPHA]) + pv_math_lrising(p[B], chances) -
           pv_math_lrising(p[A] + p[B], chances) +
           add_cell(p, m->regular, 1.0, p[R] + hidden, chances, t_x, T, grad, hess);
}

static double p_alive(const struct pv_model *m, const double *p, double x, double t_x, double T,
                      double *ret_slope)
{
    struct phases g;
    double rx = p[R] + m->regular * x, chances = x + m->first_chances, alive = 1.0;
    double at = p[ALPHA] + T, early = p[ALPHA] + t_x, longer = log1p((T - t_x) / early);
    phases_of(m->regular, rx, at, T - t_x, &g);
    if (chances > 0.0) {
        double diff = log(p[A] / (p[B] + chances - 1.0)) + rx * longer - g.log;
        alive = diff > 0.0 ? exp(-diff) / (1.0 + exp(-diff)) : 1.0 / (1.0 + exp(diff));
    }
    if (ret_slope) {
        double gone = -(1.0 - alive);
        ret_slope[R] = gone * p[R] * (longer - g.r);
        ret_slope[ALPHA] = gone * p[ALPHA] * (rx * (1.0 / at - 1.0 / early) - g.alpha);
        ret_slope[A] = gone;
        ret_slope[B] = chances > 0.0 ? -gone * p[B] / (p[B] + chances - 1.0) : 0.0;
    }
    return alive;
}

static void states(const struct pv_model *m, const double *p, double x, double t_x, double T,
                   double *ret_weight, double *ret_slope)
{
    struct phases g;
    double at = p[ALPHA] + T;
    phases_of(m->regular, p[R] + m->regular * x, at, T - t_x, &g);
    for (int j = 0; j < m->regular; j++) {
        ret_weight[j] = g.weight[j];
        if (!ret_slope)
            continue;
        double *slope = ret_slope + j * PARAMS;
        slope[R] = p[R] * (g.slope_r[j] - g.r);
        slope[ALPHA] = p[ALPHA] * (-j / at - g.alpha);
        slope[A] = slope[B] = 0.0;
    }
}

/* ---- Alive at T with h hidden events --------------------------------------------------------- */

/* Hidden events to come are negative binomial; a walk over their number n = 0, 1, .. */
struct walk {
    int k, to_next;  /* hidden events to the next purchase */
    double rx, z, a; /* z = t / (at + t) */
    double n, nb;    /* P(n), 0 while log_nb is below the range of a double */
    double log_nb;
    double bought, s, bx; /* purchases so far, probability of surviving them, b + chances so far */
    double c;             /* s_0 + .. + s_{bought - 1} */
};

static struct walk walk_from(const struct pv_model *m, const double *p, double h, double T,
                             double t)
{
    double x = floor(h / m->regular), at = p[ALPHA] + T;
    struct walk w = {.k = m->regular, .rx = p[R] + h, .a = p[A], .z = t / (at + t), .s = 1.0};
    w.to_next = m->regular - (int)(h - m->regular * x);
    w.bx = p[B] + x + m->first_chances;
    w.log_nb = -w.rx * log1p(t / at);
    w.nb = exp(w.log_nb);
    return w;
}

/* One hidden event more; true when it is a purchase. */
static bool step(struct walk *w)
{
    double ratio = w->z * (w->rx + w->n) / (w->n + 1.0);
    if (w->log_nb < -600.0) {
        w->log_nb += log(ratio);
        w->nb = w->log_nb < -600.0 ? 0.0 : exp(w->log_nb);
    } else {
        w->nb *= ratio;
    }
    w->n += 1.0;
    if (--w->to_next > 0)
        return false;
    w->to_next = w->k;
    w->c += w->s;
    w->s *= w->bx / (w->a + w->bx);
    w->bx += 1.0;
    w->bought += 1.0;
    return true;
}

/* Whether what is still to come, at most `most` a hidden event, cannot be seen beside sum. */
static bool over(const struct walk *w, double most, double sum)
{
    double ratio = w->z * (w->rx + w->n) / (w->n + 1.0);
    if (ratio >= 1.0 || w->log_nb < -600.0 || w->n < w->k || w->n > 1e9)
        return w->n > 1e9;
    double room = 1.0 - fmax(ratio, w->z);
    return w->nb * most < 1e-16 * sum * room * room;
}

/* The i-th purchase happens when it is reached and i - 1 were survived. */
static double mean(const struct pv_model *m, const double *p, double h, double T, double t)
{
    struct walk w = walk_from(m, p, h, T, t);
    double sum = 0.0;
    if (!(t > 0.0))
        return 0.0;
    do {
        (void)step(&w);
        sum += w.nb * w.c;
    } while (!over(&w, w.c + 1.0, sum));
    return sum;
}

static double survive(const struct pv_model *m, const double *p, double h, double T, double t)
{
    struct walk w = walk_from(m, p, h, T, t);
    double sum = w.nb;
    if (!(t > 0.0))
        return 1.0;
    do {
        (void)step(&w);
        sum += w.nb * w.s;
    } while (!over(&w, 1.0, sum));
    return sum;
}

static size_t tail(const struct pv_model *m, const double *p, double h, double T, double t,
                   double least, size_t cap, double *ret_tail)
{
    struct walk w = walk_from(m, p, h, T, t);
    double at_least = 1.0, survived = 1.0;
    size_t i = 0;
    if (cap == 0)
        return 0;
    ret_tail[i++] = 1.0;
    while (i < cap && ret_tail[i - 1] >= least) {
        at_least = fmax(at_least - w.nb, 0.0);
        survived = w.s;
        if (step(&w))
            ret_tail[i++] = survived * at_least;
    }
    return i;
}

/* i purchases: i survived and no more reached, or left at the i-th. */
static int pmf(const struct pv_model *m, const double *p, double h, double T, double t, size_t n,
               double *ret_pmf)
{
    struct walk w = walk_from(m, p, h, T, t);
    double at_least = 1.0, here = 0.0, left = 0.0;
    for (size_t i = 0; i < n;) {
        double s = w.s;
        here += w.nb;
        double beyond = fmax(at_least - w.nb, 0.0);
        if (step(&w)) {
            ret_pmf[i++] = s * here + left;
            left = (s - w.s) * beyond; /* reached the next one, and left there */
            here = 0.0;
        }
        at_least = beyond;
    }
    return 0;
}

/* lambda, p and the purchase at which the customer leaves; times only as far as they are needed. */
static void draw(const struct pv_model *m, const double *p, double h, double T, struct pv_rng *rng,
                 struct pv_future *ret_future)
{
    double x = floor(h / m->regular);
    double lambda = exp(pv_rng_log_gamma(rng, p[R] + h) - log(p[ALPHA] + T));
    double ga = pv_rng_log_gamma(rng, p[A]);
    double gb = pv_rng_log_gamma(rng, p[B] + x + m->first_chances);
    double log_stay = -log1p(exp(ga - gb)); /* ln (1 - p) */
    double last = 1.0 + floor(-pv_rng_exponential(rng) / fmin(log_stay, -1e-300));
    *ret_future = (struct pv_future){.rate = lambda,
                                     .life = INFINITY, /* ends with the last purchase */
                                     .last = true,
                                     .regular = m->regular,
                                     .phase = h - m->regular * x,
                                     .purchases = fmin(last, 1e15)};
}

/* As if purchases came at random at rate lambda / k: regular ones spread less, so that the band of
 * the tracking is rather too wide. */
static double pairs(const struct pv_model *m, const double *p, double v)
{
    double slow = p[ALPHA] * m->regular, top = p[A] + p[B], survived = 1.0;
    for (int i = 0; i <= m->first_chances; i++)
        survived *= (p[B] + i) / (top + i);
    return p[R] * (p[R] + 1.0) / (slow * slow) * survived *
           pv_math_hyp2f1_neg(p[R] + 2.0, p[A], top + 1.0 + m->first_chances, v / slow);
}

static double leave(const struct pv_model *m, const double *p, double span)
{
    (void)m;
    (void)span;
    return p[A] / (p[A] + p[B]);
}

static const struct pv_buying family = {
    .defined = defined,
    .loglik = loglik,
    .p_alive = p_alive,
    .states = states,
    .leave = leave,
    .survive = survive,
    .mean = mean,
    .tail = tail,
    .pmf = pmf,
    .dert = pv_bg_dert,
    .draw = draw,
    .pairs = pairs,
};

#define CNBD(NAME, K, FIRST)                                                                       \
    {                                                                                              \
        .name = NAME, .kind = PV_KIND_BUYING, .params = PARAMS, .param = {"r", "alpha", "a", "b"}, \
        .low = {1e-6, 1e-6, 1e-7, 1e-6}, .high = {1e6, 1e8, 1e6, 1e8},                             \
        .far = {1e4, 0.0, 1e4, 0.0}, .eval = eval, .starts = pv_bg_starts, .buying = &family,      \
        .first_chances = FIRST, .regular = K, .process = pv_bg_processes                           \
    }
#define EACH_K(PREFIX, FIRST)                                                                      \
    CNBD(PREFIX "2", 2, FIRST), CNBD(PREFIX "3", 3, FIRST), CNBD(PREFIX "4", 4, FIRST),            \
        CNBD(PREFIX "5", 5, FIRST), CNBD(PREFIX "6", 6, FIRST), CNBD(PREFIX "7", 7, FIRST),        \
        CNBD(PREFIX "8", 8, FIRST), CNBD(PREFIX "9", 9, FIRST), CNBD(PREFIX "10", 10, FIRST),      \
        CNBD(PREFIX "11", 11, FIRST), CNBD(PREFIX "12", 12, FIRST)

const struct pv_model pv_model_cnbd[PV_CNBD_MODELS] = {EACH_K("bg-cnbd-", 0),
                                                       EACH_K("mbg-cnbd-", 1)};
