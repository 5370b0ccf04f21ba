/*
 * newton.c - maximum of a smooth function of many variables with exact second derivatives: a trust
 * region (More & Sorensen 1983). optim.c diagonalises the Hessian, which is best for the handful of
 * parameters of a model; here there may be a hundred variables, and the shift of the Hessian that
 * makes a step as long as the region is found by halving, with a Cholesky factor each time.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITERATIONS = 200 };

bool pv_newton_factor(size_t n, double *a, double least, size_t *ret_pivot)
{
    size_t j = 0;
    while (j < n && pv_math_cholesky_column(n, a, j, least))
        j++;
    if (j < n && ret_pivot)
        *ret_pivot = j;
    return j == n;
}

/* Solves L L' x = b in place. */
static void solve(size_t n, const double *l, double *b)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            b[i] -= l[i * n + k] * b[k];
        b[i] /= l[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            b[i] -= l[k * n + i] * b[k];
        b[i] /= l[i * n + i];
    }
}

struct room {
    double *next, *grad, *hess; /* at the point that is tried */
    double *factor, *step;
    size_t *free; /* variables not held at a limit */
};

/* Factor of -H + mu I over the free variables. */
static bool shifted(const struct pv_newton *w, const struct room *room, size_t count, double mu)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j <= i; j++)
            room->factor[i * count + j] =
                -w->hess[room->free[i] * w->n + room->free[j]] + (i == j ? mu : 0.0);
    return pv_newton_factor(count, room->factor, 1e-14, NULL);
}

static bool finite_all(size_t n, const double *v)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return false;
    return true;
}

/* Variables whose gradient does not point out of the limits; the largest diagonal entry. */
static size_t find_free(const struct pv_newton *w, size_t *ret_free, double *ret_largest)
{
    size_t count = 0;
    *ret_largest = 1e-300;
    for (size_t i = 0; i < w->n; i++) {
        bool held = (w->u[i] <= w->low[i] && w->grad[i] <= 0.0) ||
                    (w->u[i] >= w->high[i] && w->grad[i] >= 0.0);
        if (held)
            continue;
        ret_free[count++] = i;
        *ret_largest = fmax(*ret_largest, fabs(w->hess[i * w->n + i]));
    }
    return count;
}

/* The step of a shift mu into room->step: its length, infinite when the shift is too small for the
 * quadratic model to have a maximum. *ret_gain: what that model promises. */
static double step_of(const struct pv_newton *w, const struct room *room, size_t count, double mu,
                      double *ret_gain)
{
    double squares = 0.0, gain = 0.0;
    if (!shifted(w, room, count, mu))
        return INFINITY;
    for (size_t i = 0; i < count; i++)
        room->step[i] = w->grad[room->free[i]];
    solve(count, room->factor, room->step);
    for (size_t i = 0; i < count; i++) {
        squares += room->step[i] * room->step[i];
        /* g's - s'(-H)s / 2 = (g's + mu s's) / 2 */
        gain += 0.5 * room->step[i] * (w->grad[room->free[i]] + mu * room->step[i]);
    }
    *ret_gain = gain;
    return sqrt(squares);
}

/* The best step within the radius (to a fifth of it); returns what it promises. *ret_newton: that
 * it is Newton's own. Where the Hessian is not definite the step goes all the way, even if the
 * gradient is next to nothing there: that is how saddles are left. */
static double take_step(const struct pv_newton *w, const struct room *room, size_t count,
                        double largest, double radius, bool *ret_newton)
{
    double gain = 0.0, low = 0.0, high = 1e-6 * largest;
    *ret_newton = step_of(w, room, count, 0.0, &gain) <= radius;
    if (*ret_newton)
        return gain;
    while (step_of(w, room, count, high, &gain) > radius) {
        low = high;
        high *= 4.0;
    }
    for (int i = 0; i < 60 && high - low > 1e-12 * high; i++) {
        double mid = 0.5 * (low + high), length = step_of(w, room, count, mid, &gain);
        if (length > radius)
            low = mid;
        else
            high = mid;
        if (length <= radius && length > 0.8 * radius)
            return gain;
    }
    (void)step_of(w, room, count, high, &gain);
    return gain;
}

static void finish(struct pv_newton *w, const struct room *room)
{
    size_t n = w->n;
    memset(w->cov, 0, n * n * sizeof *w->cov);
    for (size_t i = 0; i < n; i++)
        room->free[i] = i;
    w->regular = shifted(w, room, n, 0.0);
    for (size_t k = 0; k < n && w->regular; k++) {
        memset(room->step, 0, n * sizeof *room->step);
        room->step[k] = 1.0;
        solve(n, room->factor, room->step);
        for (size_t i = 0; i < n; i++)
            w->cov[i * n + k] = room->step[i];
    }
}

static int climb(struct pv_newton *w, pv_newton_fn *fn, void *context, const struct room *room)
{
    size_t n = w->n;
    double radius = 1.0, largest;
    int rc = 0;
    w->converged = w->regular = false;
    w->iterations = 0;
    memset(w->cov, 0, n * n * sizeof *w->cov);
    w->value = fn(context, w->u, w->grad, w->hess, &rc);
    if (rc || !isfinite(w->value) || !finite_all(n, w->grad) || !finite_all(n * n, w->hess))
        return rc;
    while (w->iterations < ITERATIONS && !w->converged) {
        bool newton = true;
        size_t count = find_free(w, room->free, &largest);
        double predicted = count ? take_step(w, room, count, largest, radius, &newton) : 0.0;
        /* Gains below the rounding of the sum cannot be seen: the last step is taken on trust. */
        double noise = 1e-15 * fabs(w->value) + 1e-12, squares = 0.0;
        w->converged = predicted < 0.5 * noise;
        w->iterations++;
        memcpy(room->next, w->u, n * sizeof *w->u);
        for (size_t i = 0; i < count; i++) {
            size_t k = room->free[i];
            room->next[k] = fmin(fmax(w->u[k] + room->step[i], w->low[k]), w->high[k]);
            squares += (room->next[k] - w->u[k]) * (room->next[k] - w->u[k]);
        }
        double value = fn(context, room->next, room->grad, room->hess, &rc);
        if (rc)
            return rc;
        bool fine = isfinite(value) && finite_all(n, room->grad) && finite_all(n * n, room->hess);
        double gain = fine ? value - w->value : -INFINITY, ratio = gain / predicted;
        if (ratio > 1e-4 || (fine && gain > -1e3 * noise && predicted < 10.0 * noise)) {
            memcpy(w->u, room->next, n * sizeof *w->u);
            memcpy(w->grad, room->grad, n * sizeof *w->grad);
            memcpy(w->hess, room->hess, n * n * sizeof *w->hess);
            w->value = value;
            if (ratio > 0.75 && !newton)
                radius = fmin(2.0 * radius, 8.0);
            else if (ratio < 0.25)
                radius = 0.5 * sqrt(squares);
        } else {
            radius = 0.25 * fmin(radius, sqrt(squares));
        }
        if (radius < 1e-10)
            break;
    }
    finish(w, room);
    return 0;
}

int pv_newton_maximise(struct pv_newton *w, pv_newton_fn *fn, void *context)
{
    size_t n = w->n;
    double *memory = malloc((2 * n * n + 3 * n) * sizeof *memory);
    size_t *indices = malloc((n + 1) * sizeof *indices);
    int rc = PV_ERR_NO_MEMORY;
    if (memory && indices) {
        struct room room = {.next = memory,
                            .grad = memory + n,
                            .step = memory + 2 * n,
                            .hess = memory + 3 * n,
                            .factor = memory + 3 * n + n * n,
                            .free = indices};
        rc = climb(w, fn, context, &room);
    }
    free(memory);
    free(indices);
    return rc;
}
