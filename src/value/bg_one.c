/*
 * bg_one.c - the likelihood of one customer of the BG family with its derivatives, for customers
 * with parameters of their own (covariates.c). Notation as in bg_family.c.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

enum { R, ALPHA, A, B, PARAMS };

const struct pv_process pv_bg_processes[] = {
    {"purchases", ALPHA, -1.0}, {"leaving", A, 1.0}, {"staying", B, 1.0}, {NULL, 0, 0.0}};

double pv_bg_one(const struct pv_model *m, const double *theta, double x, double t_x, double T,
                 double *g, double *h)
{
    double r = theta[R], alpha = theta[ALPHA], a = theta[A], b = theta[B];
    double chances = x + m->first_chances, rx = r + x;
    double of_r[3], of_b[3], of_ab[3];
    pv_math_rising(r, x, of_r);
    pv_math_rising(b, chances, of_b);
    pv_math_rising(a + b, chances, of_ab);
    double lT = log(alpha + T), iT = 1.0 / (alpha + T), log_alpha = log(alpha);
    memset(h, 0, sizeof(double) * PARAMS * PARAMS);
    g[R] = of_r[1] + log_alpha - lT;
    g[ALPHA] = r / alpha - rx * iT;
    g[A] = -of_ab[1];
    g[B] = of_b[1] - of_ab[1];
    h[R * PARAMS + R] = of_r[2];
    h[R * PARAMS + ALPHA] = 1.0 / alpha - iT;
    h[ALPHA * PARAMS + ALPHA] = -r / (alpha * alpha) + rx * iT * iT;
    h[A * PARAMS + A] = h[A * PARAMS + B] = -of_ab[2];
    h[B * PARAMS + B] = of_b[2] - of_ab[2];
    double value = of_r[0] + r * log_alpha + of_b[0] - of_ab[0] - rx * lT;
    if (chances > 0.0) {
        /* + ln(1 + e^d), d = ln A4 - ln A3; its derivatives are w and w (1 - w). */
        double it = 1.0 / (alpha + t_x), bx = 1.0 / (b + chances - 1.0);
        double gap = log1p((T - t_x) * it), diff = log(a * bx) + rx * gap;
        double e = exp(-fabs(diff)), w = diff > 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
        const double d[PARAMS] = {gap, rx * (iT - it), 1.0 / a, -bx};
        double v = e / ((1.0 + e) * (1.0 + e));
        value += fmax(diff, 0.0) + log1p(e);
        for (int i = 0; i < PARAMS; i++) {
            g[i] += w * d[i];
            for (int j = i; j < PARAMS; j++)
                h[i * PARAMS + j] += v * d[i] * d[j];
        }
        h[R * PARAMS + ALPHA] += w * (iT - it);
        h[ALPHA * PARAMS + ALPHA] += w * rx * (it * it - iT * iT);
        h[A * PARAMS + A] -= w / (a * a);
        h[B * PARAMS + B] += w * bx * bx;
    }
    for (int i = 0; i < PARAMS; i++)
        for (int j = 0; j < i; j++)
            h[i * PARAMS + j] = h[j * PARAMS + i];
    return value;
}
