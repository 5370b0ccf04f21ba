/*
 * mbg_nbd.c - the MBG/NBD model: Batislam, Denizel & Filiztekin (2007), Empirical validation and
 * comparison of models for customer base analysis, IJRM 24, 201-209. As BG/NBD, but a customer may
 * leave right after the first purchase, too: x + 1 chances. The mathematics are in bg_family.c.
 */
#include "internal.h"

enum { R, ALPHA, A, B, PARAMS };

static double eval(const void *data, const double *p, double *ret_grad, double *ret_hess)
{
    return pv_bg_eval(data, 1, p, ret_grad, ret_hess);
}

static double loglik(const double *p, double x, double t_x, double T)
{
    return pv_bg_loglik(p, x, x + 1.0, t_x, T);
}

static double p_alive(const double *p, double x, double t_x, double T, double *ret_slope)
{
    return pv_bg_p_alive(p, x, x + 1.0, t_x, T, ret_slope);
}

static double leave(const double *p, double span)
{
    (void)span;
    return p[A] / (p[A] + p[B]);
}

static double survive(const double *p, double x, double T, double t)
{
    return pv_bg_survive(p[R] + x, p[ALPHA] + T, p[A], p[B] + x + 1.0, t);
}

static double mean(const double *p, double x, double T, double t)
{
    return pv_bg_mean(p[R] + x, p[ALPHA] + T, p[A], p[B] + x + 1.0, t);
}

static size_t tail(const double *p, double x, double T, double t, double least, size_t cap,
                   double *ret_tail)
{
    return pv_bg_tail(p[R] + x, p[ALPHA] + T, p[A], p[B] + x + 1.0, t, least, cap, ret_tail);
}

static int pmf(const double *p, double x, double T, double t, size_t n, double *ret_pmf)
{
    return pv_bg_pmf(p[R] + x, p[ALPHA] + T, p[A], p[B] + x + 1.0, t, n, ret_pmf);
}

static int dert(const double *p, double x, const double *T, size_t n, double delta,
                double *ret_dert, double *ret_slope)
{
    return pv_bg_dert(p, x, x + 1.0, T, n, delta, ret_dert, ret_slope);
}

static void draw(const double *p, double x, double T, struct pv_rng *rng,
                 struct pv_future *ret_future)
{
    pv_bg_draw(p[R] + x, p[ALPHA] + T, p[A], p[B] + x + 1.0, rng, ret_future);
}

/* E[lambda^2 (1 - p)^2 e^(-lambda p v)]: the first purchase and the earlier one were survived, and
 * all others before v. */
static double pairs(const double *p, double v)
{
    double ab = p[A] + p[B];
    return p[R] * (p[R] + 1.0) / (p[ALPHA] * p[ALPHA]) * p[B] * (p[B] + 1.0) / (ab * (ab + 1.0)) *
           pv_math_hyp2f1_neg(p[R] + 2.0, p[A], ab + 2.0, v / p[ALPHA]);
}

static const struct pv_buying buying = {
    .loglik = loglik,
    .p_alive = p_alive,
    .leave = leave,
    .survive = survive,
    .mean = mean,
    .tail = tail,
    .pmf = pmf,
    .dert = dert,
    .draw = draw,
    .pairs = pairs,
};

const struct pv_model pv_model_mbg_nbd = {
    .name = "mbg-nbd",
    .kind = PV_KIND_BUYING,
    .params = PARAMS,
    .param = {"r", "alpha", "a", "b"},
    .low = {1e-6, 1e-6, 1e-7, 1e-6},
    .high = {1e6, 1e8, 1e6, 1e8},
    .far = {1e4, 0.0, 1e4, 0.0},
    .room = pv_bg_room,
    .eval = eval,
    .starts = pv_bg_starts,
    .buying = &buying,
};
