/*
 * math.c - special functions and small dense matrices for the value models.
 */
#include "internal.h"

#include <float.h>
#include <math.h>

double pv_math_lgamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

double pv_math_lrising(double x, double n)
{
    if (n <= 16.0 && n == floor(n)) {
        double product = 1.0;
        for (int i = 0; i < (int)n; i++)
            product *= x + i;
        if (product > DBL_MIN && product < DBL_MAX)
            return log(product);
    }
    return pv_math_lgamma(x + n) - pv_math_lgamma(x);
}

/* Recurrence up to 12, then the asymptotic series, [DLMF] 5.5.2 and 5.11.2. */
double pv_math_digamma(double x)
{
    double sum = 0.0;
    while (x < 12.0) {
        sum -= 1.0 / x;
        x += 1.0;
    }
    double u = 1.0 / (x * x);
    double tail =
        u *
        (1.0 / 12 -
         u * (1.0 / 120 -
              u * (1.0 / 252 - u * (1.0 / 240 - u * (1.0 / 132 - u * (691.0 / 32760 - u / 12))))));
    return sum + log(x) - 0.5 / x - tail;
}

/* A product for whole n, however many, since a difference of two lgamma at 10^9 has no digit left.
 */
void pv_math_rising(double x, double n, double *ret)
{
    ret[0] = ret[1] = ret[2] = 0.0;
    if (n != floor(n)) {
        ret[0] = pv_math_lrising(x, n);
        ret[1] = pv_math_digamma(x + n) - pv_math_digamma(x);
        ret[2] = pv_math_trigamma(x + n) - pv_math_trigamma(x);
        return;
    }
    double product = 1.0;
    for (int64_t i = 0, times = (int64_t)n; i < times; i++) {
        double v = x + (double)i, inv = 1.0 / v;
        if (!(product > 1e-150 && product < 1e150)) {
            ret[0] += log(product);
            product = 1.0;
        }
        product *= v;
        ret[1] += inv;
        ret[2] -= inv * inv;
    }
    ret[0] += log(product);
}

/* [DLMF] 5.15.5 and 5.15.8. */
double pv_math_trigamma(double x)
{
    double sum = 0.0;
    while (x < 12.0) {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    double u = 1.0 / (x * x);
    double tail =
        u * (1.0 / 6 -
             u * (1.0 / 30 - u * (1.0 / 42 - u * (1.0 / 30 - u * (5.0 / 66 - u * 691.0 / 2730)))));
    return sum + 1.0 / x + 0.5 * u + tail / x;
}

double pv_math_hyp2f1_neg(double p, double q, double s, double v)
{
    /* (1 + v)^-q 2F1(s - p, q; s; z) or (1 + v)^-p 2F1(p, s - q; s; z), z = v / (1 + v): the second
     * has p > 0 and s - q > 0, so nothing cancels. */
    double z = v / (1.0 + v);
    double c = s - q;
    double log_lead = -p * log1p(v);
    double term = 1.0;
    double sum = 1.0;
    double scale = 0.0;
    for (int i = 0; i < 100000000; i++) {
        double n = i;
        double ratio = (p + n) * (c + n) / ((s + n) * (n + 1.0)) * z;
        term *= ratio;
        sum += term;
        if (sum > 1e250) {
            sum *= 1e-250;
            term *= 1e-250;
            scale += 250.0 * M_LN10;
        }
        if (ratio < 1.0 && term < 1e-17 * sum * (1.0 - fmax(ratio, z)))
            break;
    }
    return exp(log_lead + scale + log(sum));
}

/*
 * 2F1(1, b; c; y), 0 <= y < 1, c > b > 0: one contiguous step and Gauss's continued fraction,
 * [DLMF] 15.7.1 with b = 0, from behind. Its error shrinks by ((1 - s)/(1 + s)), s = sqrt(1 - y), a
 * term.
 */
double pv_math_hyp2f1_one(double b, double c, double y, double one_minus_y)
{
    double terms = ceil(20.0 / sqrt(one_minus_y)) + 20.0;
    int n = terms < 2e6 ? (int)terms : 2000000;
    double top = c;         /* C - 1 with C = c + 1 */
    double big_a = b + 1.0; /* F(1, b + 1; c + 1; y) */
    double tail = top + n;
    for (int k = n; k >= 1; k--) {
        int pairs = k / 2;
        double half = pairs;
        double u = (k & 1) ? (big_a + half) * (top + half) : half * (top - big_a + half);
        tail = (top + k - 1) - u * y / tail;
    }
    return 1.0 + b / c * y * (top / tail);
}

void pv_math_eigen(int n, const double *matrix, double *ret_val, double *ret_vec)
{
    double a[PV_MAX_PARAMS][PV_MAX_PARAMS];
    double v[PV_MAX_PARAMS][PV_MAX_PARAMS] = {{0.0}};
    for (int i = 0; i < n; i++) {
        v[i][i] = 1.0;
        for (int j = 0; j < n; j++)
            a[i][j] = matrix[i * n + j];
    }
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0.0;
        double on = 0.0;
        for (int i = 0; i < n; i++) {
            on += a[i][i] * a[i][i];
            for (int j = 0; j < i; j++)
                off += a[i][j] * a[i][j];
        }
        if (!(off > 1e-40 * on))
            break;
        for (int p = 0; p < n; p++) {
            for (int q = p + 1; q < n; q++) {
                if (a[p][q] == 0.0)
                    continue;
                double theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                double t = (theta >= 0.0 ? 1.0 : -1.0) / (fabs(theta) + hypot(theta, 1.0));
                double c = 1.0 / hypot(t, 1.0);
                double s = t * c;
                for (int k = 0; k < n; k++) {
                    double akp = a[k][p];
                    double akq = a[k][q];
                    a[k][p] = c * akp - s * akq;
                    a[k][q] = s * akp + c * akq;
                }
                for (int k = 0; k < n; k++) {
                    double apk = a[p][k];
                    double aqk = a[q][k];
                    a[p][k] = c * apk - s * aqk;
                    a[q][k] = s * apk + c * aqk;
                }
                for (int k = 0; k < n; k++) {
                    double vkp = v[k][p];
                    double vkq = v[k][q];
                    v[k][p] = c * vkp - s * vkq;
                    v[k][q] = s * vkp + c * vkq;
                }
            }
        }
    }
    int order[PV_MAX_PARAMS];
    for (int i = 0; i < n; i++) {
        int at = i;
        while (at > 0 && a[order[at - 1]][order[at - 1]] > a[i][i]) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    for (int i = 0; i < n; i++) {
        ret_val[i] = a[order[i]][order[i]];
        for (int k = 0; k < n; k++)
            ret_vec[k * n + i] = v[k][order[i]];
    }
}

bool pv_math_spd_inverse(int n, const double *matrix, double *ret_inverse)
{
    double val[PV_MAX_PARAMS] = {0.0};
    double vec[PV_MAX_PARAMS * PV_MAX_PARAMS];
    for (int i = 0; i < n * n; i++)
        if (!isfinite(matrix[i]))
            return false;
    pv_math_eigen(n, matrix, val, vec);
    if (!(val[0] > 1e-13 * val[n - 1]) || !(val[0] > 0.0))
        return false;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            double sum = 0.0;
            for (int k = 0; k < n; k++)
                sum += vec[i * n + k] * vec[j * n + k] / val[k];
            ret_inverse[i * n + j] = sum;
        }
    }
    return true;
}

bool pv_math_cholesky_column(size_t n, double *a, size_t j, double least)
{
    double own = a[j * n + j], d = own;
    for (size_t k = 0; k < j; k++)
        d -= a[j * n + k] * a[j * n + k];
    if (!(d > least * fabs(own)) || !(d > 0.0))
        return false;
    double root = sqrt(d);
    a[j * n + j] = root;
    for (size_t i = j + 1; i < n; i++) {
        double s = a[i * n + j];
        for (size_t k = 0; k < j; k++)
            s -= a[i * n + k] * a[j * n + k];
        a[i * n + j] = s / root;
    }
    return true;
}

void pv_math_cholesky(int n, const double *matrix, double *ret_lower)
{
    size_t m = (size_t)n;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            ret_lower[i * m + j] = j <= i ? matrix[i * m + j] : 0.0;
    for (size_t j = 0; j < m; j++)
        if (!pv_math_cholesky_column(m, ret_lower, j, 1e-14))
            for (size_t i = j; i < m; i++)
                ret_lower[i * m + j] = 0.0;
}
