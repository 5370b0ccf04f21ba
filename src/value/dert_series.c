/*
 * dert_series.c - DERT of one customer who leaves after purchases, by power series.
 *
 * Given (lambda, p) purchases come at lambda until the customer leaves, at rate lambda p, so that
 * with z = delta (alpha + T), rx = r + x and p ~ Beta(a, bx)
 *   DERT = rx int_0^inf e^(-z u) 2F1(rx + 1, a; a + bx; -u) du.
 * The 2F1 as its Mellin-Barnes integral ([DLMF] 15.6.6) and the integral over u inside give
 *   rx Gamma(C) / (Gamma(A) Gamma(B)) 1/(2 pi i) int Gamma(A + s) Gamma(B + s) Gamma(1 + s)
 *      Gamma(-s) / Gamma(C + s) z^(-s - 1) ds,   A = rx + 1, B = a, C = a + bx;
 * its residues to the left are three power series in z that converge everywhere, of poles at
 * -1 - k, -B - k and -A - k:
 *   (C - 1) / (B - 1) sum_k (2 - C)_k / ((2 - A)_k (2 - B)_k) z^k
 *   rx Gamma(C) Gamma(A - B) Gamma(1 - B) / (Gamma(A) Gamma(C - B)) z^(B - 1) 1F1(1 + B - C; 1 + B
 * - A; z) rx Gamma(C) Gamma(B - A) Gamma(1 - A) / (Gamma(B) Gamma(C - A)) z^(A - 1) 1F1(1 + A - C;
 * 1 + A - B; z)
 *
 * Poles of two series meet, and both are infinite, where a, rx or their difference is whole. There
 * DERT itself is smooth, and is interpolated from fourteen points on a line through the place. What
 * rounding does to a sum is bounded from its terms beside it; where that is too much (z beyond some
 * eight: discounting so steep that little is left to count), nothing is returned, and dert.c
 * integrates.
 */
#include "internal.h"

#include <float.h>
#include <math.h>

enum { TERMS = 400, SIDE = 7 };
static const double STEP = 0.03; /* between the points of the interpolation */
static const double GOOD = 1e-10;

/* sign * exp(log), and how much of the logarithm's size rounds. */
struct factor {
    double log, sign, size;
};

static void times_gamma(struct factor *f, double x, int power)
{
    int sign;
    double value = lgamma_r(x, &sign);
    f->log += power * value;
    f->sign *= sign;
    f->size += fabs(value);
}

/* What has been summed, and what rounding may have done to it, in half units of DBL_EPSILON. */
struct sum {
    double value, rounding;
};

/* + lead (1 + sum_k prod over i < k of (top + i) z / ((low1 + i) (low2 + i))); loss: what lead and
 * the factors have rounded. */
static bool add_series(struct sum *s, double lead, double top, double low1, double low2, double z,
                       double loss)
{
    double term = lead, value = lead, size = fabs(lead) * loss;
    for (int k = 0; k < TERMS; k++) {
        double ratio = (top + k) * z / ((low1 + k) * (low2 + k));
        term *= ratio;
        value += term;
        size += fabs(term) * (4 * k + loss);
        if (fabs(term) <= 1e-18 * fabs(value) && fabs(ratio) < 0.5) {
            s->value += value;
            s->rounding += size;
            return true;
        }
    }
    return false;
}

static double from_whole(double x)
{
    return fabs(x - nearbyint(x));
}

/* Where no two poles meet. */
static bool by_series(double rx, double a, double bx, double z, double *ret_dert)
{
    double A = rx + 1.0, B = a, C = a + bx, log_z = log(z);
    double of_rx = from_whole(rx), of_both = from_whole(A - B), of_a = from_whole(a);
    if (!(of_rx > 0.0) || !(of_both > 0.0) || (a > 0.5 && !(of_a > 0.0)) || !(z > 0.0))
        return false;
    /* One subtraction is exact to its own last digit; where more is added, an argument rounds by
     * what it was made of, which next to a pole is relative to the distance from it. */
    double loss = 4.0 + 2.0 * (A / of_rx + (A + B) / of_both + (B > 2.0 ? B / of_a : 0.0));
    struct sum s = {0.0, 0.0};
    if (!add_series(&s, (C - 1.0) / (B - 1.0), 2.0 - C, 2.0 - A, 2.0 - B, z, loss))
        return false;
    struct factor f = {(B - 1.0) * log_z, rx, fabs((B - 1.0) * log_z)};
    times_gamma(&f, C, 1);
    times_gamma(&f, A - B, 1);
    times_gamma(&f, 1.0 - B, 1);
    times_gamma(&f, A, -1);
    times_gamma(&f, C - B, -1);
    if (!add_series(&s, f.sign * exp(f.log), 1.0 + B - C, 1.0 + B - A, 1.0, z, loss + f.size))
        return false;
    f = (struct factor){rx * log_z, rx, fabs(rx * log_z)};
    times_gamma(&f, C, 1);
    times_gamma(&f, B - A, 1);
    times_gamma(&f, 1.0 - A, 1);
    times_gamma(&f, B, -1);
    times_gamma(&f, C - A, -1);
    if (!add_series(&s, f.sign * exp(f.log), 1.0 + A - C, 1.0 + A - B, 1.0, z, loss + f.size))
        return false;
    if (!(s.value > 0.0) || !(s.rounding * (0.5 * DBL_EPSILON) < GOOD * s.value))
        return false;
    *ret_dert = s.value;
    return true;
}

/* On a line through the place: `h` steps to either side, rx by another step than a, so that all
 * three distances from a pole grow. DERT goes like powers of z, bx and rx, and its own nearest pole
 * is at a + bx = 0. */
static bool by_interpolation(double rx, double a, double bx, double z, double *ret_dert)
{
    static const double weight[SIDE] = {7.0 / 4,   -7.0 / 6,   7.0 / 12,  -7.0 / 33,
                                        7.0 / 132, -7.0 / 858, 1.0 / 1716};
    static const double OTHER = 0.6180339887498949;
    double steep = fabs(log(z * bx / rx)) + fabs(log(z)) + 1.0;
    if (a <= (SIDE + 1) * STEP || rx <= (SIDE + 1) * STEP || a + bx < 0.75 || steep > 11.0)
        return false;
    double sum = 0.0;
    for (int k = 1; k <= SIDE; k++) {
        double h = k * STEP, up, down;
        if (!by_series(rx + OTHER * h, a + h, bx, z, &up) ||
            !by_series(rx - OTHER * h, a - h, bx, z, &down))
            return false;
        sum += weight[k - 1] * 0.5 * (up + down);
    }
    *ret_dert = sum;
    return true;
}

bool pv_bg_dert_series(double rx, double a, double bx, double z, double *ret_dert)
{
    return by_series(rx, a, bx, z, ret_dert) || by_interpolation(rx, a, bx, z, ret_dert);
}
