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
 * Poles of two series meet, and both are infinite, where a, rx or their difference is whole; next
 * to such a place they are large and cancel. How far from it one is, is known exactly: what is
 * close to zero, a denominator or the argument of a sine, is made of whole numbers and distances
 * from them, never of sums that round. DERT itself is smooth there, and at the place it is
 * interpolated from four points close by on a line through it, or from fourteen further away, where
 * two such places are close together. What rounding does to a sum is bounded from its terms beside
 * it; where that is too much (z beyond some eight: discounting so steep that little is left to
 * count), nothing is returned, and dert.c integrates.
 */
#include "internal.h"

#include <float.h>
#include <math.h>

enum { TERMS = 400, SIDE = 7 };
static const double GOOD = 1e-10;

/* A number as the nearest whole one and what is left, exactly. */
struct place {
    double whole, rest;
};

static struct place place_of(double x)
{
    double whole = nearbyint(x);
    return (struct place){whole, x - whole};
}

/* p + k for whole k, to the last digit also where little is left. */
static double plus(const struct place *p, double k)
{
    return (p->whole + k) + p->rest;
}

/* sin(pi p) */
static double sine(const struct place *p)
{
    double s = sin(M_PI * p->rest);
    return fmod(p->whole, 2.0) == 0.0 ? s : -s;
}

/* sign * exp(log), and how much of the logarithm's size rounds. */
struct factor {
    double log, sign, size;
};

/* by x > 0, or its inverse */
static void times(struct factor *f, double log_x, int power)
{
    f->log += power * log_x;
    f->size += fabs(log_x);
}

/* by 1 / sine */
static void over(struct factor *f, double sine_of)
{
    times(f, log(fabs(sine_of)), -1);
    f->sign *= sine_of < 0.0 ? -1.0 : 1.0;
}

/* What has been summed, and what rounding may have done to it, in half units of DBL_EPSILON. */
struct sum {
    double value, rounding;
};

/* + lead (1 + sum_k prod over i < k of (top + i) z / ((low1 + i) (low2 + i))), low2 = sign2 (p2 +
 * whole2); loss: what lead has rounded. */
static bool add_series(struct sum *s, double lead, double top, const struct place *p1,
                       double whole1, double sign1, const struct place *p2, double whole2, double z,
                       double loss)
{
    double term = lead, value = lead, size = fabs(lead) * loss;
    for (int k = 0; k < TERMS; k++) {
        double low1 = sign1 * plus(p1, whole1 + sign1 * k);
        double low2 = p2 ? -plus(p2, whole2 - k) : 1.0 + k;
        double ratio = (top + k) * z / (low1 * low2);
        term *= ratio;
        value += term;
        size += fabs(term) * (5 * k + loss);
        if (fabs(term) <= 1e-18 * fabs(value) && fabs(ratio) < 0.5) {
            s->value += value;
            s->rounding += size;
            return true;
        }
    }
    return false;
}

/* What the sum asks of rx, a and bx alone: its customers differ in T, and so in z, and logarithms
 * of Gamma are dear. Two factors are still without their power of z. */
struct prepared {
    bool apart; /* no two poles meet */
    struct place of_rx, of_a, d;
    double rx, a, bx, C, E;
    double loss, more_loss;
    struct factor of_b, of_rx_pole;
};

static struct prepared prepare(double rx, double a, double bx)
{
    struct prepared q = {.rx = rx, .a = a, .bx = bx, .of_rx = place_of(rx), .of_a = place_of(a)};
    /* D = A - B; its rest may be more than a half, and is exact all the same */
    q.d = (struct place){q.of_rx.whole + 1.0 - q.of_a.whole, q.of_rx.rest - q.of_a.rest};
    double C = a + bx, E = C - rx - 1.0, D = plus(&q.d, 0.0);
    double sin_rx = sine(&q.of_rx), sin_a = sine(&q.of_a), sin_d = sine(&q.d);
    q.C = C;
    q.E = E;
    q.apart = sin_rx != 0.0 && sin_d != 0.0 && sin_a != 0.0;
    if (!q.apart)
        return q;
    int sign_e;
    double log_c = lgamma(C), log_rx = lgamma(rx), log_a = lgamma(a), log_d = lgamma(fabs(D));
    double log_e = lgamma_r(E, &sign_e), log_bx = lgamma(bx);
    /* Gamma(-|D|) = -pi / (|D| sin(pi |D|) Gamma(|D|)) */
    double log_minus_d = log(M_PI / fabs(D * sin_d)) - log_d;
    double sign_minus_d = (D > 0.0 ? sin_d : -sin_d) > 0.0 ? -1.0 : 1.0;
    /* Sums round by what they are made of: C and D as arguments of Gamma. */
    q.loss = 8.0 + 2.0 * C * fabs(log(C + 1.0)) + 2.0 * fabs(D) * log(fabs(D) + 1.0);
    /* rx Gamma(1 - B) / Gamma(A) = pi / (sin(pi a) Gamma(a) Gamma(rx)) */
    struct factor f = {0.0, D > 0.0 ? 1.0 : sign_minus_d, 0.0};
    times(&f, log_c, 1);
    times(&f, log_rx, -1);
    times(&f, log_a, -1);
    times(&f, log_bx, -1);
    times(&f, D > 0.0 ? log_d : log_minus_d, 1);
    over(&f, sin_a / M_PI);
    q.of_b = f;
    /* rx Gamma(1 - A) = -pi / (sin(pi rx) Gamma(rx)) */
    f = (struct factor){0.0, -sign_e * (D > 0.0 ? sign_minus_d : 1.0), 0.0};
    times(&f, log_c, 1);
    times(&f, log_rx, -1);
    times(&f, log_a, -1);
    times(&f, log_e, -1);
    times(&f, D > 0.0 ? log_minus_d : log_d, 1);
    over(&f, sin_rx / M_PI);
    q.of_rx_pole = f;
    q.more_loss = (C + rx) / fmax(fabs(E - nearbyint(E)), 1e-300) * (E < 0.5 ? 1.0 : 0.0);
    return q;
}

/* Where no two poles meet. */
static bool by_series(const struct prepared *q, double z, double *ret_dert)
{
    if (!q->apart || !(z > 0.0))
        return false;
    double log_z = log(z), loss = q->loss;
    struct sum s = {0.0, 0.0};
    if (!add_series(&s, (q->C - 1.0) / plus(&q->of_a, -1.0), 2.0 - q->C, &q->of_rx, -1.0, -1.0,
                    &q->of_a, -2.0, z, loss))
        return false;
    struct factor f = q->of_b;
    times(&f, (q->a - 1.0) * log_z, 1);
    if (!add_series(&s, f.sign * exp(f.log), 1.0 - q->bx, &q->d, -1.0, -1.0, NULL, 0.0, z,
                    loss + f.size))
        return false;
    f = q->of_rx_pole;
    times(&f, q->rx * log_z, 1);
    loss += q->more_loss;
    if (!add_series(&s, f.sign * exp(f.log), -q->E + 1.0, &q->d, 1.0, 1.0, NULL, 0.0, z,
                    loss + f.size))
        return false;
    if (!(s.value > 0.0) || !(s.rounding * (0.5 * DBL_EPSILON) < GOOD * s.value))
        return false;
    *ret_dert = s.value;
    return true;
}

/*
 * Points on a line through the place, to either side: few and close by, where little is lost to
 * rounding, else more of them and further away. The weights give back a polynomial whose degree is
 * twice the points of a side less one; what is left is under 1e-11 when a step is not more than so
 * much of the distance over which DERT changes e-fold.
 */
struct line {
    int points; /* of a side */
    double step, weight[SIDE];
};
static const struct line lines[] = {
    {2, 2.5e-3, {4.0 / 3, -1.0 / 3}},
    {3, 2.4e-2, {3.0 / 2, -3.0 / 5, 1.0 / 10}},
    {5, 0.1, {5.0 / 3, -20.0 / 21, 5.0 / 14, -5.0 / 63, 1.0 / 126}},
    {SIDE, 0.2, {7.0 / 4, -7.0 / 6, 7.0 / 12, -7.0 / 33, 7.0 / 132, -7.0 / 858, 1.0 / 1716}},
};
enum { LINES = sizeof lines / sizeof lines[0] };

/* rx moves by another step than a, so that all three distances from a pole grow. */
static bool on_line(double rx, double a, double bx, double z, const struct line *line, double step,
                    double *ret_dert)
{
    static const double OTHER = 0.6180339887498949;
    double sum = 0.0;
    for (int k = 1; k <= line->points; k++) {
        double h = k * step, up, down;
        struct prepared above = prepare(rx + OTHER * h, a + h, bx);
        struct prepared below = prepare(rx - OTHER * h, a - h, bx);
        if (!by_series(&above, z, &up) || !by_series(&below, z, &down))
            return false;
        sum += line->weight[k - 1] * 0.5 * (up + down);
    }
    *ret_dert = sum;
    return true;
}

/* DERT goes like powers of z, bx and rx, and its own nearest pole is at a + bx = 0. */
static bool by_interpolation(double rx, double a, double bx, double z, double *ret_dert)
{
    double steep = fabs(log(z * bx / rx)) + fabs(log(z)) + 1.0;
    if (a + bx < 0.75)
        return false;
    for (int i = 0; i < LINES; i++) {
        double step = lines[i].step / steep, room = (lines[i].points + 1) * step;
        if (a > room && rx > room && on_line(rx, a, bx, z, &lines[i], step, ret_dert))
            return true;
    }
    return false;
}

void pv_bg_dert_series(double rx, double a, double bx, const double *z, size_t n, double *ret_dert)
{
    struct prepared q = prepare(rx, a, bx);
    for (size_t i = 0; i < n; i++)
        if (!by_series(&q, z[i], &ret_dert[i]) && !by_interpolation(rx, a, bx, z[i], &ret_dert[i]))
            ret_dert[i] = NAN;
}
