/*
 * simulate.c - futures of a customer who is alive at T, in money.
 *
 * Given all that is unknown of a customer, the model draws a lifetime and the rate of purchases
 * until then, so that nothing is simulated purchase by purchase when there are many. What follows T
 * depends on (x, T) only; t_x enters through P(alive). Hence knots over (x, alpha + T), each with
 * sorted draws, between which quantiles are interpolated. The same streams of chance serve every
 * knot: quantiles move smoothly from knot to knot.
 */
#include "stats.h"
#include "valuer.h"

#include <math.h>
#include <stdlib.h>

enum { FEW = 12 };
static const double FAR = 8.0; /* purchases later than 8 / delta are worth under 0.04 % */

/* Sum of weights e^(-delta tau), and of their squares, over a Poisson process of rate `rate` on
 * (from, to). */
static void discounted_sum(struct pv_rng *rng, double rate, double from, double to, double delta,
                           double *sum, double *squares)
{
    if (!(to > from) || !(rate > 0.0))
        return;
    double span = fmin(to, from + FAR / delta) - from;
    if (rate * fmin(span, 1.0 / delta) <= FEW) {
        uint64_t n = pv_rng_poisson(rng, rate * span);
        for (uint64_t i = 0; i < n; i++) {
            double w = exp(-delta * (from + span * pv_rng_uniform(rng)));
            *sum += w;
            *squares += w * w;
        }
        return;
    }
    /* Campbell's theorem: mean and variance of the sum; a gamma with both. */
    double lead = exp(-delta * from);
    double mean = rate * lead * -expm1(-delta * span) / delta;
    double var = rate * lead * lead * -expm1(-2.0 * delta * span) / (2.0 * delta);
    *sum += pv_rng_gamma(rng, mean * mean / var) * var / mean;
    *squares += var;
}

/* Within the horizon: purchases, and the sums of their discounts and of the squares. */
struct near {
    double count, sum, squares;
};

static void add_discount(struct near *n, double weight)
{
    n->sum += weight;
    n->squares += weight * weight;
}

/*
 * Of a regular buyer; what is left after the horizon becomes a rate until the end of life. The
 * hidden events within the horizon are Poisson, and given how many, the last purchase, if it is
 * among them, is an order statistic of as many uniform times; the others stand at the mean of
 * theirs.
 */
static struct near regular_near(struct pv_future *f, double horizon, double delta,
                                struct pv_rng *rng)
{
    struct near n = {0};
    double events = (double)pv_rng_poisson(rng, f->rate * horizon);
    double needed = f->regular * f->purchases - f->phase; /* the last one is this event */
    double others, step, first = f->regular - f->phase;
    if (events >= needed) {
        double a = pv_rng_gamma(rng, needed), b = pv_rng_gamma(rng, events - needed + 1.0);
        double life = horizon * a / (a + b);
        others = f->purchases - 1.0;
        step = life / needed;
        n.count = f->purchases;
        add_discount(&n, exp(-delta * life));
    } else {
        others = n.count = floor((f->phase + events) / f->regular);
        step = horizon / (events + 1.0);
        f->phase += events - f->regular * n.count;
    }
    f->purchases -= n.count;
    /* A geometric series: the i-th purchase is the (i regular - phase)-th event. */
    double ratio = exp(-delta * step * f->regular);
    double lead = exp(-delta * step * first);
    if (others > 0.0) {
        n.sum += lead * (1.0 - pow(ratio, others)) / (1.0 - ratio);
        n.squares += lead * lead * (1.0 - pow(ratio, 2.0 * others)) / (1.0 - ratio * ratio);
    }
    return n;
}

/* The purchases of a regular buyer after the horizon: one by one at first, then as if at random. */
static void regular_far(struct pv_future *f, double horizon, double delta, struct pv_rng *rng,
                        double *sum, double *squares)
{
    double t = horizon, end = horizon + FAR / delta;
    for (int i = 0; i < 2 * FEW && f->purchases > 0.0 && t < end; i++) {
        t += pv_rng_gamma(rng, f->regular - f->phase) / f->rate;
        f->phase = 0.0;
        f->purchases -= 1.0;
        double w = exp(-delta * t);
        if (w < 1e-12)
            return;
        *sum += w;
        *squares += w * w;
    }
    if (f->purchases > 0.0 && t < end)
        discounted_sum(rng, f->rate / f->regular, t,
                       t + pv_rng_gamma(rng, f->regular * f->purchases) / f->rate, delta, sum,
                       squares);
}

/* Of a random buyer: spread evenly over the time there is. */
static struct near random_near(const struct pv_future *f, double horizon, double delta,
                               struct pv_rng *rng)
{
    struct near n = {0};
    bool leaves_soon = f->last && f->life <= horizon;
    double span = fmin(f->life, horizon), others = (double)pv_rng_poisson(rng, f->rate * span);
    n.count = others + (leaves_soon ? 1.0 : 0.0);
    if (n.count > 0.0) {
        n.sum = others * (-expm1(-delta * span) / (delta * span));
        n.squares = others * (-expm1(-2.0 * delta * span) / (2.0 * delta * span));
        if (leaves_soon)
            add_discount(&n, exp(-delta * f->life));
    }
    return n;
}

static void simulate_one(const struct pv_valuer *v, const struct pv_draw *d, double state, double T,
                         double share, struct pv_rng *rng, double *ret_money, double *ret_worth)
{
    double delta = v->delta, horizon = v->options.horizon, x = floor(state / v->states);
    struct pv_future f = {0};
    v->model->buying->draw(v->model, d->theta, state, T, rng, &f);

    /* Spend: purchases cost Gamma(p, nu), nu ~ Gamma(p x + q, gamma + x zbar); in units of the
     * point estimate's expected spend (gamma + x zbar) p / (p x + q - 1). */
    const struct pv_gamma_gamma *g = &d->gg;
    double moved = 1.0 + share * (g->gamma / v->gg.gamma - 1.0);
    double unit =
        moved * (v->gg.p * x + v->gg.q - 1.0) / v->gg.p / pv_rng_gamma(rng, g->p * x + g->q);

    struct near n = f.regular > 1 ? regular_near(&f, horizon, delta, rng)
                                  : random_near(&f, horizon, delta, rng);
    *ret_money = n.count > 0.0 ? unit * pv_rng_gamma(rng, g->p * n.count) : 0.0;

    double sum = n.sum, squares = n.squares;
    if (f.regular > 1) {
        regular_far(&f, horizon, delta, rng, &sum, &squares);
    } else if (f.life > horizon) {
        discounted_sum(rng, f.rate, horizon, f.life, delta, &sum, &squares);
        double w = f.last ? exp(-delta * f.life) : 0.0;
        if (w > 1e-12) {
            sum += w;
            squares += w * w;
        }
    }
    /* sum of w Z given the weights: a gamma with the same mean and variance, exact for equal w. */
    *ret_worth =
        sum > 0.0 ? unit * pv_rng_gamma(rng, g->p * sum * sum / squares) * squares / sum : 0.0;
}

void pv_simulate(const struct pv_valuer *v, double x, double T, double share, uint64_t first,
                 size_t draws, double *ret_money, double *ret_worth)
{
    for (size_t i = 0; i < draws; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, v->options.seed, first + i);
        simulate_one(v, &v->draw[i % v->draws], x, T, share, &rng, &ret_money[i], &ret_worth[i]);
    }
}

static double spread_of(const double *value, size_t n)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += value[i];
        squares += value[i] * value[i];
    }
    double m = (double)n;
    return sum > 0.0 ? squares * m / (sum * sum) : 1.0;
}

static int fill_knot(void *context, size_t index)
{
    struct pv_valuer *v = context;
    struct pv_knot *k = &v->knot[index];
    size_t xi = index / v->knots_T;
    double x = v->knot_x[xi];
    double T = v->knot_T[index % v->knots_T];
    k->money = malloc(2 * v->draws * sizeof *k->money);
    if (!k->money)
        return PV_ERR_NO_MEMORY;
    k->worth = k->money + v->draws;
    /* The uncertainty of gamma enters as for a customer with the average spend. */
    double share = v->gg.gamma / (v->gg.gamma + floor(x / v->states) * v->gg_base_mean);
    pv_simulate(v, x, T, share, 0, v->draws, k->money, k->worth);
    k->money_spread = spread_of(k->money, v->draws);
    k->worth_spread = spread_of(k->worth, v->draws);
    qsort(k->money, v->draws, sizeof *k->money, pv_stats_ascending);
    qsort(k->worth, v->draws, sizeof *k->worth, pv_stats_ascending);
    return 0;
}

static int draw_parameters(struct pv_valuer *v)
{
    v->draw = malloc(v->draws * sizeof *v->draw);
    if (!v->draw)
        return PV_ERR_NO_MEMORY;
    int n = v->params;
    double buying[PV_MAX_PARAMS * PV_MAX_PARAMS] = {0.0}, gg[GG_PARAMS * GG_PARAMS] = {0.0};
    pv_math_cholesky(n, v->cov, buying);
    pv_math_cholesky(GG_PARAMS, v->gg_cov, gg);
    for (size_t i = 0; i < v->draws; i++) {
        struct pv_rng rng;
        double normal[ALL_PARAMS] = {0.0}, shift[ALL_PARAMS] = {0.0};
        pv_rng_start(&rng, v->options.seed ^ UINT64_C(0x70617261), i / 2);
        for (int k = 0; k < n + GG_PARAMS; k++) /* antithetic pairs keep the mean */
            normal[k] = pv_rng_normal(&rng) * (i % 2 ? -1.0 : 1.0);
        for (int r = 0; r < n; r++)
            for (int c = 0; c <= r; c++)
                shift[r] += buying[r * n + c] * normal[c];
        for (int r = 0; r < GG_PARAMS; r++)
            for (int c = 0; c <= r; c++)
                shift[n + r] += gg[r * GG_PARAMS + c] * normal[n + c];
        for (int r = 0; r < n; r++)
            v->draw[i].theta[r] = v->theta[r] * exp(shift[r]);
        v->draw[i].gg = (struct pv_gamma_gamma){
            v->gg.p * exp(shift[n]), v->gg.q * exp(shift[n + 1]), v->gg.gamma * exp(shift[n + 2])};
    }
    return 0;
}

int pv_knots_new(struct pv_valuer *v, int32_t max_x, int32_t min_T, int32_t max_T)
{
    enum { ROOM = 256 };
    int32_t x[ROOM];
    size_t n = 0;
    for (int32_t at = 0; n < ROOM - 1;) {
        x[n++] = at;
        if (at >= max_x)
            break;
        at = at < 8 ? at + 1 : at + at / 4;
    }
    v->knot_x = malloc(n * sizeof *v->knot_x);
    double alpha = v->theta[1];
    double low = alpha + min_T / v->options.unit_days;
    double high = alpha + max_T / v->options.unit_days;
    size_t steps = (size_t)ceil(log(high / low) / log(1.6));
    if (steps > 64)
        steps = 64;
    v->knots_T = steps + 1;
    v->knot_T = malloc(v->knots_T * sizeof *v->knot_T);
    v->knot = calloc(n * v->knots_T, sizeof *v->knot);
    if (!v->knot_x || !v->knot_T || !v->knot)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        v->knot_x[i] = x[i];
    v->knots_x = n;
    for (size_t i = 0; i < v->knots_T; i++)
        v->knot_T[i] =
            (steps == 0 ? low : low * pow(high / low, (double)i / (double)steps)) - alpha;
    int rc = draw_parameters(v);
    return rc ? rc : pv_parallel_run(v->options.threads, n * v->knots_T, fill_knot, v);
}

void pv_knots_free(struct pv_valuer *v)
{
    for (size_t i = 0; v->knot && i < v->knots_x * v->knots_T; i++)
        free(v->knot[i].money);
    free(v->knot);
    free(v->knot_x);
    free(v->knot_T);
    free(v->draw);
}

void pv_knot_find(const struct pv_valuer *v, double x, double T, struct pv_knot_mix *ret_mix)
{
    size_t i = 0, j = 0;
    double fx = 0.0, ft = 0.0;
    if (v->knots_x > 1) {
        if (x <= 8.0)
            i = (size_t)x;
        else
            i = 8;
        while (i + 2 < v->knots_x && v->knot_x[i + 1] <= x)
            i++;
        if (i + 1 >= v->knots_x)
            i = v->knots_x - 2;
        fx = (x - v->knot_x[i]) / (double)(v->knot_x[i + 1] - v->knot_x[i]);
        fx = fmin(fmax(fx, 0.0), 1.0);
    }
    if (v->knots_T > 1) {
        while (j + 2 < v->knots_T && v->knot_T[j + 1] <= T)
            j++;
        ft = (T - v->knot_T[j]) / (v->knot_T[j + 1] - v->knot_T[j]);
        ft = fmin(fmax(ft, 0.0), 1.0);
    }
    size_t i2 = fx > 0.0 ? i + 1 : i, j2 = ft > 0.0 ? j + 1 : j;
    *ret_mix =
        (struct pv_knot_mix){{&v->knot[i * v->knots_T + j], &v->knot[i * v->knots_T + j2],
                              &v->knot[i2 * v->knots_T + j], &v->knot[i2 * v->knots_T + j2]},
                             {(1.0 - fx) * (1.0 - ft), (1.0 - fx) * ft, fx * (1.0 - ft), fx * ft}};
}

double pv_knot_quantile(const struct pv_valuer *v, const struct pv_knot_mix *mix, bool worth,
                        double tail)
{
    if (tail >= 1.0)
        return 0.0;
    double pos = (1.0 - tail) * (double)v->draws - 0.5;
    pos = fmin(fmax(pos, 0.0), (double)(v->draws - 1));
    size_t i = (size_t)pos;
    size_t next = i + 1 < v->draws ? i + 1 : i;
    double f = pos - (double)i;
    double sum = 0.0;
    for (int c = 0; c < 4; c++) {
        if (mix->weight[c] == 0.0)
            continue;
        const double *value = worth ? mix->corner[c]->worth : mix->corner[c]->money;
        sum += mix->weight[c] * (value[i] + f * (value[next] - value[i]));
    }
    return sum;
}

double pv_knot_spread(const struct pv_knot_mix *mix, bool worth)
{
    double sum = 0.0;
    for (int c = 0; c < 4; c++)
        sum +=
            mix->weight[c] * (worth ? mix->corner[c]->worth_spread : mix->corner[c]->money_spread);
    return sum;
}
