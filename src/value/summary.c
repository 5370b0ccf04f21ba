/*
 * summary.c - what a model sees of a customer (x, t_x, T), and the cells in which equal ones are
 * counted.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct pv_customer pv_summarise_one(const int32_t *day, const int64_t *amount, size_t n,
                                    int32_t end, int32_t holdout_end)
{
    struct pv_customer c = {.T = -1};
    int64_t age = n > 0 ? (int64_t)end - day[0] : -1;
    if (age < 0 || age > INT32_MAX)
        return c;
    c.T = (int32_t)age;
    c.revenue = amount[0];
    size_t i = 1;
    for (; i < n && day[i] <= end; i++)
        c.spend += amount[i];
    c.x = (int32_t)(i - 1);
    c.t_x = day[i - 1] - day[0];
    c.revenue += c.spend;
    if (holdout_end != PV_NO_DAY) {
        for (; i < n && day[i] <= holdout_end; i++) {
            c.x_star++;
            c.spend_star += amount[i];
        }
    }
    return c;
}

int pv_summarise(const struct pv_history *history, int32_t end, int32_t holdout_end,
                 struct pv_customer *ret_rows)
{
    struct pv_history_view h = pv_history_columns(history);
    if (end == PV_NO_DAY || (holdout_end != PV_NO_DAY && holdout_end < end))
        return PV_ERR_ARGUMENT;
    if (h.transactions > 0 && (int64_t)end - h.first_day > INT32_MAX)
        return PV_ERR_ARGUMENT;
    /* A sum over everything that fits means that every partial sum does. */
    int64_t total = 0;
    for (size_t i = 0; i < h.transactions; i++)
        if (__builtin_add_overflow(total, h.amount[i], &total))
            return PV_ERR_OVERFLOW;
    for (size_t c = 0; c < h.customers; c++) {
        uint64_t from = h.start[c];
        ret_rows[c] = pv_summarise_one(h.day + from, h.amount + from, h.start[c + 1] - from, end,
                                       holdout_end);
    }
    return 0;
}

struct pv_gaps pv_history_gaps(const struct pv_history *history, int32_t end, double unit_days)
{
    struct pv_history_view h = pv_history_columns(history);
    struct pv_gaps gaps = {0};
    for (size_t c = 0; c < h.customers; c++) {
        for (uint64_t k = h.start[c] + 1; k < h.start[c + 1] && h.day[k] <= end; k++) {
            gaps.sum_log += log((h.day[k] - h.day[k - 1]) / unit_days);
            gaps.count++;
        }
    }
    return gaps;
}

/* ---- Cells ----------------------------------------------------------------------------------- */

struct pv_cells {
    size_t n;
    struct pv_cell *cell;
};

/* x, T, t_x in 21 bits each: a key whose order is the order of the cells. */
static uint64_t key_of(int32_t x, int32_t T, int32_t t_x)
{
    return ((uint64_t)x << 42) | ((uint64_t)T << 21) | (uint64_t)t_x;
}

static bool fits(int32_t x, int32_t t_x, int32_t T)
{
    return x >= 0 && t_x >= 0 && t_x <= T && T <= PV_MAX_DAYS && x <= PV_MAX_DAYS &&
           (x > 0 || t_x == 0);
}

struct slot {
    uint64_t key; /* + 1; 0 is free */
    uint64_t count;
};

struct counter {
    struct slot *slot;
    size_t room, used;
};

static int counter_add(struct counter *c, uint64_t key, uint64_t count)
{
    if (c->used * 2 >= c->room) {
        size_t room = c->room ? c->room * 2 : 4096;
        struct slot *slot = calloc(room, sizeof *slot);
        if (!slot)
            return PV_ERR_NO_MEMORY;
        for (size_t i = 0; i < c->room; i++) {
            if (c->slot[i].key == 0)
                continue;
            size_t at =
                (size_t)((c->slot[i].key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (room - 1);
            while (slot[at].key)
                at = (at + 1) & (room - 1);
            slot[at] = c->slot[i];
        }
        free(c->slot);
        c->slot = slot;
        c->room = room;
    }
    key++;
    size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (c->room - 1);
    while (c->slot[at].key && c->slot[at].key != key)
        at = (at + 1) & (c->room - 1);
    c->used += c->slot[at].key == 0;
    c->slot[at].key = key;
    c->slot[at].count += count;
    return 0;
}

static int by_key(const void *left, const void *right)
{
    const struct slot *l = left, *r = right;
    return (l->key > r->key) - (l->key < r->key);
}

/* Radix sort by the 63-bit key, 11 bits at a time, skipping digits that are equal everywhere. */
static int sort_slots(struct slot *slot, size_t n)
{
    if (n < 2048) {
        if (n > 1)
            qsort(slot, n, sizeof *slot, by_key);
        return 0;
    }
    struct slot *other = malloc(n * sizeof *other);
    if (!other)
        return PV_ERR_NO_MEMORY;
    struct slot *from = slot, *to = other;
    for (unsigned shift = 0; shift < 64; shift += 11) {
        size_t count[2048] = {0};
        for (size_t i = 0; i < n; i++)
            count[(from[i].key >> shift) & 2047]++;
        if (count[(from[0].key >> shift) & 2047] == n)
            continue;
        size_t at = 0;
        for (size_t d = 0; d < 2048; d++) {
            size_t here = count[d];
            count[d] = at;
            at += here;
        }
        for (size_t i = 0; i < n; i++)
            to[count[(from[i].key >> shift) & 2047]++] = from[i];
        struct slot *swap = from;
        from = to;
        to = swap;
    }
    if (from != slot)
        memcpy(slot, from, n * sizeof *slot);
    free(other);
    return 0;
}

static int counter_finish(struct counter *c, struct pv_cells **ret_cells)
{
    size_t n = 0;
    for (size_t i = 0; i < c->room; i++)
        if (c->slot[i].key)
            c->slot[n++] = c->slot[i];
    int rc = sort_slots(c->slot, n);
    if (rc)
        return rc;
    struct pv_cells *cells = malloc(sizeof *cells);
    struct pv_cell *cell = malloc((n + 1) * sizeof *cell);
    if (!cells || !cell) {
        free(cells);
        free(cell);
        return PV_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t key = c->slot[i].key - 1;
        if (c->slot[i].count > UINT32_MAX) {
            free(cells);
            free(cell);
            return PV_ERR_OVERFLOW;
        }
        cell[i] = (struct pv_cell){.x = (int32_t)(key >> 42),
                                   .T = (int32_t)((key >> 21) & 0x1fffff),
                                   .t_x = (int32_t)(key & 0x1fffff),
                                   .count = (uint32_t)c->slot[i].count};
    }
    cells->n = n;
    cells->cell = cell;
    *ret_cells = cells;
    return 0;
}

int pv_cells_new(const struct pv_customer *rows, size_t n, struct pv_cells **ret_cells)
{
    struct counter c = {0};
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct pv_customer *r = &rows[i];
        if (r->T < 0)
            continue;
        rc = fits(r->x, r->t_x, r->T) ? counter_add(&c, key_of(r->x, r->T, r->t_x), 1)
                                      : PV_ERR_ARGUMENT;
    }
    if (rc == 0)
        rc = counter_finish(&c, ret_cells);
    free(c.slot);
    return rc;
}

int pv_cells_from(const struct pv_cell *cells, size_t n, struct pv_cells **ret_cells)
{
    struct counter c = {0};
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct pv_cell *r = &cells[i];
        rc = fits(r->x, r->t_x, r->T) ? counter_add(&c, key_of(r->x, r->T, r->t_x), r->count)
                                      : PV_ERR_ARGUMENT;
    }
    if (rc == 0)
        rc = counter_finish(&c, ret_cells);
    free(c.slot);
    return rc;
}

void pv_cells_free(struct pv_cells *cells)
{
    if (!cells)
        return;
    free(cells->cell);
    free(cells);
}

const struct pv_cell *pv_cells_data(const struct pv_cells *cells, size_t *ret_n)
{
    *ret_n = cells->n;
    return cells->cell;
}
