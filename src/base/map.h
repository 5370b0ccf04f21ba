/* A hash map from strings to pointers, allocated in an arena; it grows and never shrinks.
   Keys are borrowed: they must live as long as the map. */
#ifndef PATRON_BASE_MAP_H
#define PATRON_BASE_MAP_H

#include "base/arena.h"

struct map {
    struct arena *arena;
    struct map_slot *slots;
    size_t n, cap;
};

void map_init(struct map *m, struct arena *a);
void *map_get(const struct map *m, struct str key); /* NULL if absent */
/* Stores value (not NULL) and gives the one that stood there before, or NULL. */
void *map_put(struct map *m, struct str key, void *value);

#endif
