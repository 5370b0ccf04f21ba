/*
 * covariates_buying.c - purchases of customers with the same covariates: cells within a profile.
 *
 * A profile of many cells is a small fit of its own and is evaluated by the model's eval, with its
 * tables by day; one of few cells, such as a single customer, cell by cell, without tables.
 */
#include "covariates.h"

#include <stdlib.h>
#include <string.h>

bool pv_cov_keep_buying(const struct pv_customer *row)
{
    return row->T >= 0;
}

static int by_cell(const void *left, const void *right)
{
    const struct pv_cell *l = left, *r = right;
    if (l->x != r->x)
        return l->x < r->x ? -1 : 1;
    if (l->T != r->T)
        return l->T < r->T ? -1 : 1;
    return (l->t_x > r->t_x) - (l->t_x < r->t_x);
}

/* Sorts and merges n cells; *ret_n: how many are left. */
static int merge(struct pv_cell *cell, size_t n, size_t *ret_n)
{
    enum { FEW = 64 };
    if (n <= FEW) {
        qsort(cell, n, sizeof *cell, by_cell);
        size_t to = 0;
        for (size_t i = 0; i < n; i++) {
            if (to > 0 && by_cell(&cell[to - 1], &cell[i]) == 0)
                cell[to - 1].count += cell[i].count;
            else
                cell[to++] = cell[i];
        }
        *ret_n = to;
        return 0;
    }
    struct pv_cells *cells;
    int rc = pv_cells_from(cell, n, &cells);
    if (rc)
        return rc;
    const struct pv_cell *merged = pv_cells_data(cells, ret_n);
    memcpy(cell, merged, *ret_n * sizeof *cell);
    pv_cells_free(cells);
    return 0;
}

static int32_t longest(const struct pv_cov_source *s, size_t from, size_t to)
{
    int32_t most = 0;
    for (size_t i = from; i < to; i++)
        if (s->cell[i].T > most)
            most = s->cell[i].T;
    return most;
}

/* A cell alone costs about as much as twelve days of the tables. */
static bool by_table(const struct pv_cov_source *s, size_t cells, int32_t max_day)
{
    return !s->model->buying->one || cells * 12 >= (size_t)max_day;
}

static struct pv_fit_data data_of(const struct pv_cov_source *s, size_t profile)
{
    size_t from = s->first[profile], to = s->first[profile + 1];
    return (struct pv_fit_data){.cell = s->cell + from,
                                .cells = to - from,
                                .stride = 1,
                                .unit_days = s->unit_days,
                                .max_day = longest(s, from, to)};
}

static size_t room(const struct pv_cov_source *s, size_t chunk)
{
    size_t most = 0;
    for (size_t p = s->chunk[chunk]; p < s->chunk[chunk + 1]; p++) {
        struct pv_fit_data d = data_of(s, p);
        size_t need =
            by_table(s, d.cells, d.max_day) && s->model->room ? s->model->room(s->model, &d) : 0;
        most = need > most ? need : most;
    }
    return most;
}

static double profile(const struct pv_cov_source *s, size_t p, const double *theta, double *room,
                      double *ret_grad, double *ret_hess)
{
    const struct pv_model *m = s->model;
    size_t params = (size_t)m->params;
    struct pv_fit_data d = data_of(s, p);
    d.room = room;
    if (by_table(s, d.cells, d.max_day))
        return m->eval(m, &d, theta, ret_grad, ret_hess);
    double value = 0.0;
    memset(ret_grad, 0, params * sizeof *ret_grad);
    memset(ret_hess, 0, params * params * sizeof *ret_hess);
    for (size_t i = 0; i < d.cells; i++) {
        const struct pv_cell *c = &d.cell[i];
        double g[PV_MAX_PARAMS], h[PV_MAX_PARAMS * PV_MAX_PARAMS], n = c->count;
        value +=
            n * m->buying->one(m, theta, c->x, c->t_x / s->unit_days, c->T / s->unit_days, g, h);
        for (size_t k = 0; k < params; k++)
            ret_grad[k] += n * g[k];
        for (size_t k = 0; k < params * params; k++)
            ret_hess[k] += n * h[k];
    }
    return value;
}

int pv_cov_buying(const struct pv_customer *rows, double unit_days, struct pv_cov_source *s)
{
    size_t n = s->first[s->profiles], to = 0;
    s->unit_days = unit_days;
    s->room = room;
    s->profile = profile;
    s->cell = malloc((n + 1) * sizeof *s->cell);
    if (!s->cell)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        const struct pv_customer *r = &rows[s->order[i]];
        s->cell[i] = (struct pv_cell){r->x, r->t_x, r->T, 1};
    }
    free(s->order);
    s->order = NULL;
    for (size_t p = 0; p < s->profiles; p++) {
        size_t from = s->first[p], left;
        int rc = merge(s->cell + from, s->first[p + 1] - from, &left);
        if (rc)
            return rc;
        memmove(s->cell + to, s->cell + from, left * sizeof *s->cell);
        s->first[p] = to; /* the next one's is still where its cells were */
        to += left;
    }
    s->first[s->profiles] = to;
    s->span = longest(s, 0, to) / unit_days;
    return pv_cov_cut(s);
}
