/* Worlds with known answers: histories that a model and Gamma-Gamma make, arriving evenly. */
#ifndef PATRON_TESTS_VALUE_WORLD_H
#define PATRON_TESTS_VALUE_WORLD_H

#include "value_test.h"

#include "population.h"

struct world_kind {
    const char *model;
    double param[PV_MAX_PARAMS]; /* weeks */
    double spend[3];             /* p, q, gamma */
    size_t customers;
    int32_t arrive; /* days over which first purchases are spread, evenly */
    int32_t watch;  /* last day of the data; the first is 0 */
};

/* Adds customer `index` of a world: first purchase on `first`, all purchases on days 0 .. watch. */
static inline void world_customer(struct pv_builder *b, const struct world_kind *w,
                                  struct pv_rng *rng, uint32_t index, int32_t first)
{
    const struct pv_model *m = pv_model_find(w->model);
    double nu = pv_rng_gamma(rng, w->spend[1]) / w->spend[2], t = 0.0;
    struct pv_future f = {0};
    bool stays = pv_rng_uniform(rng) < m->buying->p_alive(m, w->param, 0.0, 0.0, 0.0, NULL);
    m->buying->draw(m, w->param, 0.0, 0.0, rng, &f);
    for (double day = first; day <= w->watch; day = first + ceil(7.0 * t)) {
        int64_t money = llround(100.0 * pv_rng_gamma(rng, w->spend[0]) / nu) + 1;
        if (day >= 0.0)
            assert_int_equal(pv_builder_add(b, index, (int32_t)day, money), 0);
        t = stays ? pv_population_next(&f, t, rng) : INFINITY;
        if (!(7.0 * t < 1e8))
            return;
    }
}

static inline struct pv_history *world_finish(struct pv_builder *b, size_t customers)
{
    struct pv_history *h;
    assert_int_equal(pv_builder_finish(b, customers, &h, NULL), 0);
    pv_builder_free(b);
    return h;
}

static inline struct pv_history *world_history(const struct world_kind *w, uint64_t seed)
{
    struct pv_builder *b;
    assert_int_equal(pv_builder_new(PV_RETURNS_NET, &b), 0);
    for (uint32_t i = 0; i < w->customers; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, seed, i);
        world_customer(b, w, &rng, i, (int32_t)(w->arrive * pv_rng_uniform(&rng)));
    }
    return world_finish(b, w->customers);
}

static inline struct pv_fit world_fit(const struct pv_model *m, const struct pv_customer *rows,
                                      size_t n, double unit_days)
{
    struct pv_fit_options o = {unit_days, 100.0, 1};
    struct pv_cells *cells;
    struct pv_fit fit;
    assert_int_equal(pv_cells_new(rows, n, &cells), 0);
    assert_int_equal(pv_fit_model(m, cells, &o, &fit), 0);
    pv_cells_free(cells);
    return fit;
}

#endif
