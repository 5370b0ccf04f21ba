/*
 * bayes_pareto.c - priors of Pareto/NBD, and exact draws of one customer's rates and lifetime.
 *
 * Given the parameters, the lifetime tau of a customer seen with (x, t_x, T) has the density
 *   g(tau) = s (beta + tau)^-(s + 1) (alpha + min(tau, T))^-(r + x), tau > t_x
 * up to a constant (lambda and mu integrated out, as in the likelihood of pareto_nbd.c); given tau,
 * lambda ~ Gamma(r + x, alpha + min(tau, T)) and mu ~ Gamma(s + 1, beta + tau): the
 * augmented data of [A09]. What lies
 * beyond T has a mass in closed form; what lies before it is drawn by rejection under a power of
 * (c + tau). The mass of the envelope is in closed form, too, so that "alive" and "gone" are
 * proposed in proportion and a refused proposal starts the choice anew: an exact draw without the
 * integral.
 */
#include "bayes.h"

#include <math.h>

enum { R, ALPHA, S, BETA };

/* int_0^l e^(y w) d w. Plain exp and log here and below: what they lose to expm1 and log1p is far
 * under what any number of draws could show, and they take half the time. */
static double exp_integral(double y, double l)
{
    double e = y * l;
    return l * (fabs(e) < 1e-5 ? 1.0 + 0.5 * e : (exp(e) - 1.0) / e);
}

/* w in (0, l) with density in proportion to e^(y w), from a uniform u. */
static double exp_quantile(double y, double l, double u)
{
    double e = y * l;
    return fabs(e) < 1e-5 ? u * l * (1.0 + 0.5 * e * (1.0 - u))
                          : fmin(log(1.0 + u * (exp(e) - 1.0)) / y, l);
}

static void latent(const double *theta, double x, double t_x, double T, struct pv_rng *rng,
                   struct pv_latent *ret)
{
    double alpha = theta[ALPHA], s = theta[S], beta = theta[BETA];
    double p = theta[R] + x, q = s + 1.0, a = alpha + t_x, b = beta + t_x, silence = T - t_x;
    double la = log(1.0 + silence / a), lb = log(1.0 + silence / b);
    /*
     * All relative to t_x. (a + v)^-p (b + v)^-q under (c + v)^-(p + q), c the weighted mean of a
     * and b: their ratio is 1 at v = 0 and falls (the harmonic mean is under the arithmetic one).
     * Where it falls far, one of the two factors alone may be the better envelope.
     */
    double c = (p * a + q * b) / (p + q), k = p + q, lc = log(1.0 + silence / c);
    double alive = exp(-p * la - s * lb);
    double gone = s / b * c * exp_integral(1.0 - k, lc);
    if (k * lc - p * la - q * lb < -1.5) {
        double by_a = s / b * a * exp_integral(1.0 - p, la), by_b = s * exp_integral(1.0 - q, lb);
        if (by_a < gone && by_a <= by_b) {
            gone = by_a;
            c = a;
            k = p;
            lc = la;
        } else if (by_b < gone) {
            gone = by_b;
            c = b;
            k = q;
            lc = lb;
        }
    }
    double tau;
    for (;;) {
        if (pv_rng_uniform(rng) * (alive + gone) < alive || !(gone > 0.0)) {
            ret->alive = true;
            tau = T;
            break;
        }
        double w = exp_quantile(1.0 - k, lc, pv_rng_uniform(rng)), v = c * (exp(w) - 1.0);
        double log_keep = k * w - p * log(1.0 + v / a) - q * log(1.0 + v / b);
        if (log(pv_rng_uniform(rng)) < log_keep) {
            ret->alive = false;
            tau = fmin(t_x + v, T);
            break;
        }
    }
    ret->lambda = pv_rng_gamma(rng, p) / (alpha + tau);
    ret->mu = pv_rng_gamma(rng, ret->alive ? s : q) / (beta + tau);
    ret->life = ret->alive ? T + pv_rng_exponential(rng) / ret->mu : tau;
}

const struct pv_hyper pv_pareto_hyper = {
    .prior = {{1.0, 2.0}, {70.0, 3.0}, {1.0, 2.0}, {70.0, 3.0}},
    .time_power = {0, 1, 0, 1},
    .latent = latent,
};
