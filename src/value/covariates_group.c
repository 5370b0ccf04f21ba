/*
 * covariates_group.c - customers with the same covariates side by side.
 */
#include "covariates.h"

#include <stdlib.h>
#include <string.h>

struct table {
    uint32_t *slot; /* profile + 1; 0 is free */
    size_t room;    /* a power of two, more than twice the rows */
};

static uint64_t hash_of(const double *z, size_t columns)
{
    uint64_t h = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t j = 0; j < columns; j++) {
        uint64_t bits;
        memcpy(&bits, &z[j], sizeof bits);
        h = (h ^ bits) * UINT64_C(0xd1342543de82ef95);
        h ^= h >> 29;
    }
    return h ^ h >> 32;
}

/* The profile with this z; a new one at the end when there is none. */
static uint32_t profile_of(struct table *t, struct pv_cov_source *s, const double *z)
{
    size_t at = (size_t)hash_of(z, s->columns) & (t->room - 1);
    for (; t->slot[at]; at = (at + 1) & (t->room - 1)) {
        uint32_t p = t->slot[at] - 1;
        if (memcmp(s->z + p * s->columns, z, s->columns * sizeof *z) == 0)
            return p;
    }
    uint32_t p = (uint32_t)s->profiles++;
    if (s->columns)
        memcpy(s->z + p * s->columns, z, s->columns * sizeof *z);
    t->slot[at] = p + 1;
    return p;
}

int pv_cov_group(const struct pv_customer *rows, size_t n, const struct pv_covariates *covariates,
                 const size_t *column, size_t columns, bool (*keep)(const struct pv_customer *row),
                 struct pv_cov_source *ret)
{
    struct pv_cov_source s = {.columns = columns};
    struct table t = {.room = 16};
    if (n >= UINT32_MAX / 4)
        return PV_ERR_OVERFLOW;
    while (t.room < 2 * n + 2)
        t.room *= 2;
    t.slot = calloc(t.room, sizeof *t.slot);
    uint32_t *of = malloc((n + 1) * sizeof *of); /* profile of a row */
    s.z = malloc((n * columns + 1) * sizeof *s.z);
    s.weight = calloc(n + 1, sizeof *s.weight);
    s.first = calloc(n + 3, sizeof *s.first);
    s.order = malloc((n + 1) * sizeof *s.order);
    bool fine = t.slot && of && s.z && s.weight && s.first && s.order;
    for (size_t i = 0; fine && i < n; i++) {
        double z[PV_MAX_COVARIATES];
        if (!keep(&rows[i])) {
            of[i] = UINT32_MAX;
            continue;
        }
        for (size_t j = 0; j < columns; j++)
            z[j] = covariates->z[i * covariates->columns + column[j]] + 0.0; /* no -0 */
        of[i] = profile_of(&t, &s, z);
        s.weight[of[i]] += 1.0;
        s.first[of[i] + 2]++; /* one place late: handing out places moves it forward */
    }
    for (size_t p = 2; fine && p <= s.profiles; p++)
        s.first[p] += s.first[p - 1];
    for (size_t i = 0; fine && i < n; i++)
        if (of[i] != UINT32_MAX)
            s.order[s.first[of[i] + 1]++] = (uint32_t)i;
    free(t.slot);
    free(of);
    if (!fine) {
        pv_cov_free(&s);
        return PV_ERR_NO_MEMORY;
    }
    *ret = s;
    return 0;
}

int pv_cov_cut(struct pv_cov_source *s)
{
    enum { UNITS = 8192 };
    s->chunk = malloc((s->first[s->profiles] / UNITS + 3) * sizeof *s->chunk);
    if (!s->chunk)
        return PV_ERR_NO_MEMORY;
    s->chunk[0] = 0;
    for (size_t p = 0; p < s->profiles; p++)
        if (p + 1 == s->profiles || s->first[p + 1] - s->first[s->chunk[s->chunks]] >= UNITS)
            s->chunk[++s->chunks] = p + 1;
    return 0;
}

void pv_cov_free(struct pv_cov_source *s)
{
    free(s->z);
    free(s->weight);
    free(s->first);
    free(s->chunk);
    free(s->order);
    free(s->cell);
    free(s->spend);
    free(s->by_x);
    memset(s, 0, sizeof *s);
}
