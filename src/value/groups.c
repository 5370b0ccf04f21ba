/*
 * groups.c - what the customers of a base share: everything their futures depend on, except
 * P(alive) and the own mean spend, is a function of (x, T) and is computed once for each that
 * occurs.
 */
#include "valuer.h"

#include <stdlib.h>
#include <string.h>
#include <math.h>

enum { TAIL_CAP = 1 << 16 };
static const double TAIL_LEAST = 0.02; /* a 95 % interval asks for tails of 0.025 and more */

/* ---- What occurs ----------------------------------------------------------------------------- */

struct range {
    int32_t max_x, min_T, max_T;
};

/* False when a row is not a customer. Rows with T < 0 are nobody. */
static bool range_of(const struct pv_customer *rows, size_t n, struct range *ret)
{
    struct range r = {-1, INT32_MAX, -1};
    bool wrong = false;
    for (size_t i = 0; i < n; i++) {
        const struct pv_customer *c = &rows[i];
        if (c->T < 0)
            continue;
        wrong |= c->x < 0 || c->t_x < 0 || c->t_x > c->T || (c->x == 0 && c->t_x > 0);
        r.max_x = c->x > r.max_x ? c->x : r.max_x;
        r.min_T = c->T < r.min_T ? c->T : r.min_T;
        r.max_T = c->T > r.max_T ? c->T : r.max_T;
    }
    *ret = r;
    return !wrong;
}

/* The distinct (x, T) in order, with the earliest t_x and how many customers: in a table of all
 * that lie in the range, where it is not much larger than the base. */
static int distinct_dense(const struct pv_customer *rows, size_t n, const struct range *r,
                          struct pv_cell **ret_cell, size_t *ret_count)
{
    struct {
        uint32_t count;
        int32_t t_x;
    } * table;
    size_t width = (size_t)(r->max_T - r->min_T) + 1, room = ((size_t)r->max_x + 1) * width, k = 0;
    table = calloc(room, sizeof *table);
    for (size_t i = 0; table && i < n; i++) {
        const struct pv_customer *c = &rows[i];
        if (c->T < 0)
            continue;
        size_t at = (size_t)c->x * width + (size_t)(c->T - r->min_T);
        k += table[at].count == 0;
        if (table[at].count++ == 0 || c->t_x < table[at].t_x)
            table[at].t_x = c->t_x;
    }
    struct pv_cell *cell = table ? malloc((k + 1) * sizeof *cell) : NULL;
    if (!cell) {
        free(table);
        return PV_ERR_NO_MEMORY;
    }
    *ret_cell = cell;
    *ret_count = k;
    for (size_t i = 0; i < room; i++)
        if (table[i].count)
            *cell++ = (struct pv_cell){.x = (int32_t)(i / width),
                                       .t_x = table[i].t_x,
                                       .T = r->min_T + (int32_t)(i % width),
                                       .count = table[i].count};
    free(table);
    return 0;
}

static int distinct(const struct pv_customer *rows, size_t n, struct pv_cell **ret_cell,
                    size_t *ret_count)
{
    struct range r;
    struct pv_cells *cells;
    bool sane = range_of(rows, n, &r);
    if (sane && r.max_x >= 0 && n <= UINT32_MAX &&
        (uint64_t)r.max_x * (uint64_t)(r.max_T - r.min_T + 1) < n / 4 + 4096)
        return distinct_dense(rows, n, &r, ret_cell, ret_count);
    int rc = pv_cells_new(rows, n, &cells);
    if (rc)
        return rc;
    const struct pv_cell *found = pv_cells_data(cells, ret_count);
    *ret_cell = malloc((*ret_count + 1) * sizeof **ret_cell);
    if (*ret_cell)
        memcpy(*ret_cell, found, *ret_count * sizeof *found);
    pv_cells_free(cells);
    return *ret_cell ? 0 : PV_ERR_NO_MEMORY;
}

/* ---- Groups ---------------------------------------------------------------------------------- */

/* All groups of one x: what does not need the purchases one by one. */
static int fill_means(const struct pv_valuer *v, struct pv_group *g, size_t n)
{
    const struct pv_buying *buying = v->model->buying;
    double horizon = v->options.horizon, x = g->x;
    size_t params = (size_t)v->params;
    if (v->options.points)
        params = 0;
    double *memory = calloc(n * (2 + params), sizeof *memory);
    if (!memory)
        return PV_ERR_NO_MEMORY;
    double *T = memory, *dert = T + n, *slope = dert + n;
    for (size_t i = 0; i < n; i++)
        T[i] = g[i].T / v->options.unit_days;
    int rc = buying->dert(v->model, v->theta, x, T, n, v->delta, dert, params ? slope : NULL);
    for (size_t i = 0; i < n && rc == 0; i++) {
        g[i].dert = dert[i];
        memcpy(g[i].dert_slope, slope + i * params, params * sizeof *slope);
        g[i].mean = buying->mean(v->model, v->theta, x, T[i], horizon);
        for (size_t k = 0; k < params; k++) {
            double moved[PV_MAX_PARAMS];
            memcpy(moved, v->theta, sizeof moved);
            moved[k] *= exp(PV_STEP);
            double mean = buying->mean(v->model, moved, x, T[i], horizon);
            g[i].mean_slope[k] = (mean / g[i].mean - 1.0) / PV_STEP;
        }
    }
    free(memory);
    return rc;
}

/* work: 2 x TAIL_CAP doubles */
static int fill_tail(const struct pv_valuer *v, double *work, struct pv_group *g)
{
    double T = g->T / v->options.unit_days;
    double *sum = work, *one = work + TAIL_CAP;
    size_t tails = 0;
    sum[0] = 1.0;
    for (size_t s = 0; s < v->sigmas; s++) {
        size_t n = v->model->buying->tail(v->model, v->sigma[s], g->x, T, v->options.horizon,
                                          TAIL_LEAST / 4.0, TAIL_CAP, one);
        if (n == 0)
            return PV_ERR_NO_MEMORY;
        for (size_t k = 0; k < n; k++)
            sum[k] = k < tails ? sum[k] + one[k] : one[k];
        if (n > tails)
            tails = n;
    }
    double share = 1.0 / (double)v->sigmas;
    size_t keep = 1;
    while (keep < tails && sum[keep - 1] * share >= TAIL_LEAST)
        keep++;
    g->tail = malloc(keep * sizeof *g->tail);
    if (!g->tail)
        return PV_ERR_NO_MEMORY;
    for (size_t k = 0; k < keep; k++)
        g->tail[k] = (float)(sum[k] * share);
    g->tails = keep;
    return 0;
}

int pv_group_fill(const struct pv_valuer *v, struct pv_group *g, size_t n)
{
    int rc = fill_means(v, g, n);
    if (rc || v->options.points)
        return rc;
    double *work = malloc(2 * TAIL_CAP * sizeof *work);
    if (!work)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = fill_tail(v, work, &g[i]);
    free(work);
    return rc;
}

static int fill_x(void *context, size_t index)
{
    struct pv_valuer *v = context;
    size_t from = v->x_begin[index], to = v->x_begin[index + 1];
    struct pv_alive *a = &v->alive[index];
    int rc = 0;
    if (a->to > a->from)
        rc = v->model->buying->alive_table(v->model, v->theta, v->x_value[index],
                                           v->options.unit_days, a->from, a->to, &a->table);
    rc = rc ? rc : pv_group_fill(v, &v->group[from], to - from);
    for (size_t i = from; rc == 0 && i < to; i++)
        v->point[i] = (struct pv_point){v->group[i].mean, v->group[i].dert};
    return rc;
}

/* A table by day pays when there are customers enough for its days. */
static void plan_alive(struct pv_valuer *v, const struct pv_cell *cell, size_t cells)
{
    size_t i = 0;
    if (!v->model->buying->alive_table)
        return;
    for (size_t k = 0; k < v->xs; k++) {
        struct pv_alive a = {.from = INT32_MAX, .to = 0};
        uint64_t customers = 0;
        for (; i < cells && cell[i].x == v->x_value[k]; i++) {
            a.from = cell[i].t_x < a.from ? cell[i].t_x : a.from;
            a.to = cell[i].T > a.to ? cell[i].T : a.to;
            customers += cell[i].count;
        }
        if (4 * customers > (uint64_t)(a.to - a.from))
            v->alive[k] = a;
    }
}

/* Where the group of the i-th x and of a day is found at once: place[i * width + T - min_T] is its
 * number + 1, 0 where there is none. Left out where most places would be empty. */
static int build_places(struct pv_valuer *v)
{
    size_t width = (size_t)(v->max_T - v->min_T) + 1;
    size_t room = v->xs * width;
    if (room == 0 || v->groups >= UINT32_MAX || room > 16 * v->groups + 4096)
        return 0;
    v->place = calloc(room, sizeof *v->place);
    if (!v->place)
        return PV_ERR_NO_MEMORY;
    v->width = width;
    for (size_t xi = 0; xi < v->xs; xi++)
        for (size_t i = v->x_begin[xi]; i < v->x_begin[xi + 1]; i++)
            v->place[xi * width + (size_t)(v->group[i].T - v->min_T)] = (uint32_t)i + 1;
    return 0;
}

/* Cells are sorted by x, T: distinct pairs are runs. Each state of an x has groups of its own. */
static int build_groups(struct pv_valuer *v, const struct pv_cell *cell, size_t cells)
{
    size_t groups = 0, xs = 0, states = (size_t)v->states;
    for (size_t i = 0; i < cells; i++) {
        bool new_x = i == 0 || cell[i].x != cell[i - 1].x;
        xs += new_x;
        groups += new_x || cell[i].T != cell[i - 1].T;
        v->min_T = i == 0 || cell[i].T < v->min_T ? cell[i].T : v->min_T;
        v->max_T = i == 0 || cell[i].T > v->max_T ? cell[i].T : v->max_T;
    }
    v->group = calloc(states * groups + 1, sizeof *v->group);
    v->point = calloc(states * groups + 1, sizeof *v->point);
    v->x_begin = calloc(states * xs + 1, sizeof *v->x_begin);
    v->x_value = calloc(states * xs + 1, sizeof *v->x_value);
    v->alive = calloc(states * xs + 1, sizeof *v->alive);
    if (!v->group || !v->point || !v->x_begin || !v->x_value || !v->alive)
        return PV_ERR_NO_MEMORY;
    for (size_t from = 0, to; from < cells; from = to) {
        for (to = from; to < cells && cell[to].x == cell[from].x; to++) {
        }
        for (int32_t j = 0; j < v->states; j++) {
            int32_t state = v->states * cell[from].x + j;
            v->x_value[v->xs] = state;
            v->x_begin[v->xs++] = v->groups;
            for (size_t i = from; i < to; i++)
                if (i == from || cell[i].T != cell[i - 1].T)
                    v->group[v->groups++] = (struct pv_group){.x = state, .T = cell[i].T};
        }
    }
    v->x_begin[v->xs] = v->groups;
    plan_alive(v, cell, cells);
    int rc = build_places(v);
    return rc ? rc : pv_parallel_run(v->options.threads, v->xs, fill_x, v);
}

int pv_groups_new(struct pv_valuer *v, const struct pv_customer *rows, size_t n)
{
    struct pv_cell *cell = NULL;
    size_t count = 0;
    int rc = distinct(rows, n, &cell, &count);
    if (rc)
        return rc;
    rc = build_groups(v, cell, count);
    free(cell);
    return rc;
}

void pv_groups_free(struct pv_valuer *v)
{
    for (size_t i = 0; v->group && i < v->groups; i++)
        free(v->group[i].tail);
    free(v->group);
    free(v->point);
    free(v->place);
    free(v->x_begin);
    free(v->x_value);
    for (size_t i = 0; v->alive && i < v->xs; i++)
        free(v->alive[i].table);
    free(v->alive);
}

/* ---- Finding --------------------------------------------------------------------------------- */

size_t pv_x_find(const struct pv_valuer *v, int32_t x)
{
    size_t low = 0, high = v->xs;
    if ((size_t)x < v->xs && v->x_value[x] == x)
        return (size_t)x;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (v->x_value[mid] < x)
            low = mid + 1;
        else
            high = mid;
    }
    return low < v->xs && v->x_value[low] == x ? low : v->xs;
}

const struct pv_group *pv_group_find(const struct pv_valuer *v, size_t xi, int32_t T)
{
    if (xi == v->xs || T < v->min_T || T > v->max_T)
        return NULL;
    if (v->place) {
        uint32_t at = v->place[xi * v->width + (size_t)(T - v->min_T)];
        return at ? &v->group[at - 1] : NULL;
    }
    size_t low = v->x_begin[xi], high = v->x_begin[xi + 1];
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (v->group[mid].T < T)
            low = mid + 1;
        else
            high = mid;
    }
    return low < v->x_begin[xi + 1] && v->group[low].T == T ? &v->group[low] : NULL;
}
