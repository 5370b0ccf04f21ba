/*
 * histories.c - a customer's purchases drawn one by one from the day of the first. Given what is
 * unknown of a customer, every model says the same few things (struct pv_future): random purchases
 * until a lifetime is over, or regular ones until the last.
 */
#include "patron_simulate.h"
#include "population.h"

#include <math.h>
#include <string.h>

/* No sum of a customer's money leaves int64 unless there are a million of such purchases. */
static const double MOST_MONEY = 9e12;

static bool sound(const struct pv_world *w)
{
    const struct pv_model *m = w->model;
    if (!m || !m->buying || m->kind != PV_KIND_BUYING || !(w->unit_days > 0.0) ||
        !isfinite(w->unit_days) || !(w->money_scale > 0.0) || !isfinite(w->money_scale))
        return false;
    for (int i = 0; i < m->params; i++)
        if (!(w->param[i] > 0.0) || !isfinite(w->param[i]))
            return false;
    const struct pv_gamma_gamma *g = w->spend;
    return g ? g->p > 0.0 && isfinite(g->p) && g->q > 0.0 && isfinite(g->q) && g->gamma > 0.0 &&
                   isfinite(g->gamma)
             : w->price > 0.0 && isfinite(w->price);
}

int pv_simulate_start(const struct pv_world *world, uint64_t customer, int32_t first,
                      struct pv_simulated *ret_customer)
{
    if (!sound(world))
        return PV_ERR_ARGUMENT;
    const struct pv_model *m = world->model;
    struct pv_simulated c = {.first = first};
    struct pv_future future = {0};
    struct pv_rng rng;
    pv_rng_start(&rng, world->seed, customer);
    /* Some models let a customer go with the first purchase. The draw is of one who stays. */
    double stays = m->buying->p_alive(m, world->param, 0.0, 0.0, 0.0, NULL);
    c.stays = pv_rng_uniform(&rng) < stays;
    m->buying->draw(m, world->param, 0.0, 0.0, &rng, &future);
    c.rate = future.rate;
    c.life = future.life;
    c.last = future.last;
    c.regular = future.regular;
    c.phase = future.phase;
    c.left = future.purchases;
    if (world->spend)
        c.spend_rate = pv_rng_gamma(&rng, world->spend->q) / world->spend->gamma;
    memcpy(c.chance, rng.s, sizeof c.chance);
    *ret_customer = c;
    return 0;
}

/* Moves to the next repeat purchase; false when none comes any more. */
static bool step(struct pv_simulated *c, struct pv_rng *rng)
{
    struct pv_future f = {.rate = c->rate,
                          .life = c->life,
                          .last = c->last,
                          .regular = c->regular,
                          .phase = c->phase,
                          .purchases = c->left};
    c->time = c->stays ? pv_population_next(&f, c->time, rng) : INFINITY;
    c->phase = f.phase;
    c->left = f.purchases;
    return isfinite(c->time);
}

bool pv_simulate_next(const struct pv_world *world, struct pv_simulated *customer, int32_t *ret_day,
                      int64_t *ret_amount)
{
    struct pv_rng rng;
    double day = customer->first, money = world->price;
    memcpy(rng.s, customer->chance, sizeof rng.s);
    if (customer->begun) {
        if (!step(customer, &rng))
            return false;
        day += ceil(customer->time * world->unit_days);
    }
    customer->begun = true;
    if (!(day <= world->until)) {
        customer->stays = false;
        return false;
    }
    if (world->spend)
        money = pv_rng_gamma(&rng, world->spend->p) / customer->spend_rate;
    memcpy(customer->chance, rng.s, sizeof customer->chance);
    *ret_day = (int32_t)day;
    *ret_amount = llrint(fmin(fmax(money * world->money_scale, 1.0), MOST_MONEY));
    return true;
}
