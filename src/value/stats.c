/*
 * stats.c - distributions that tests and intervals ask for.
 *
 *   [AS]   Abramowitz & Stegun (1964), Handbook of mathematical functions.
 *   [St70] Stephens (1970), Use of the Kolmogorov-Smirnov, Cramer-von Mises and related statistics
 *          without extensive tables, JRSS B 32, 115-122.
 */
#include "stats.h"

#include "internal.h"

#include <math.h>

double pv_stats_normal_tail(double z)
{
    return 0.5 * erfc(z * 0.70710678118654752440);
}

/* [AS] 26.2.23 (absolute error under 4.5e-4), then Halley's rule: each step cubes the error. */
double pv_stats_normal_quantile(double p)
{
    if (!(p > 0.0 && p < 1.0))
        return NAN;
    double small = p < 0.5 ? p : 1.0 - p;
    double t = sqrt(-2.0 * log(small));
    double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 3; i++) {
        double miss = pv_stats_normal_tail(z) - small;
        double u = miss * 2.5066282746310005024 * exp(0.5 * z * z);
        z += u / (1.0 - 0.5 * z * u);
    }
    return p < 0.5 ? -z : z;
}

/* The regularised incomplete gamma function Q(a, x): [AS] 6.5.29 below the mean, the continued
 * fraction 6.5.31 by Lentz's rule above it. */
double pv_stats_chi2_tail(double value, double df)
{
    double a = 0.5 * df, x = 0.5 * value;
    if (!(df > 0.0) || isnan(value))
        return NAN;
    if (!(x > 0.0))
        return 1.0;
    if (isinf(x))
        return 0.0;
    double lead = a * log(x) - x - pv_math_lgamma(a);
    if (x < a + 1.0) {
        double term = 1.0 / a, sum = term;
        for (int i = 1; i < 100000 && term > 1e-17 * sum; i++) {
            term *= x / (a + i);
            sum += term;
        }
        return fmax(1.0 - sum * exp(lead), 0.0);
    }
    double b = x + 1.0 - a, c = 1e300, d = 1.0 / b, f = d;
    for (int i = 1; i < 100000; i++) {
        double k = -i * (i - a);
        b += 2.0;
        d = k * d + b;
        d = 1.0 / (fabs(d) < 1e-300 ? 1e-300 : d);
        c = b + k / c;
        c = fabs(c) < 1e-300 ? 1e-300 : c;
        f *= c * d;
        if (fabs(c * d - 1.0) < 1e-15)
            break;
    }
    return exp(lead) * f;
}

double pv_stats_ks_tail(double d, double n)
{
    double root = sqrt(n), t = (root + 0.12 + 0.11 / root) * d, sum = 0.0;
    if (!(n >= 1.0) || isnan(d))
        return NAN;
    if (t < 0.2)
        return 1.0;
    for (int k = 1; k <= 100; k++) {
        double term = exp(-2.0 * k * k * t * t);
        sum += k % 2 ? term : -term;
        if (term < 1e-17)
            break;
    }
    return fmin(fmax(2.0 * sum, 0.0), 1.0);
}

double pv_stats_ks_uniform(const double *sorted, size_t n)
{
    double most = 0.0, m = (double)n;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, (double)(i + 1) / m - sorted[i]);
        most = fmax(most, sorted[i] - (double)i / m);
    }
    return most;
}

int pv_stats_ascending(const void *left, const void *right)
{
    double l = *(const double *)left, r = *(const double *)right;
    return (l > r) - (l < r);
}
