#include "base/map.h"

struct map_slot {
    struct str key;
    void *value; /* NULL = empty */
};

void map_init(struct map *m, struct arena *a)
{
    *m = (struct map){.arena = a};
}

static struct map_slot *slot_of(const struct map *m, struct str key)
{
    size_t at = str_hash(key) & (m->cap - 1);
    while (m->slots[at].value && !str_eq(m->slots[at].key, key))
        at = (at + 1) & (m->cap - 1);
    return &m->slots[at];
}

void *map_get(const struct map *m, struct str key)
{
    return m->cap ? slot_of(m, key)->value : NULL;
}

static void grow(struct map *m)
{
    struct map old = *m;
    m->cap = old.cap ? old.cap * 2 : 16;
    m->slots = arena_array(m->arena, struct map_slot, m->cap);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].value)
            *slot_of(m, old.slots[i].key) = old.slots[i];
}

void *map_put(struct map *m, struct str key, void *value)
{
    if (m->n * 2 >= m->cap)
        grow(m);
    struct map_slot *s = slot_of(m, key);
    void *before = s->value;
    if (!before)
        m->n++;
    *s = (struct map_slot){key, value};
    return before;
}
