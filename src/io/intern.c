/*
 * intern.c - open addressing with linear probing, load at most one half; texts lie one after the
 * other.
 */
#include "intern.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct slot {
    uint64_t key[2]; /* short: the text, padded with zeros; long: hash, 0 */
    uint32_t len;
    uint32_t number; /* + 1; 0 is free */
    uint64_t unused; /* two slots a cache line, none across two */
};

struct intern {
    struct slot *slot;
    size_t slots; /* power of two */
    char *text;
    size_t text_len, text_room;
    uint64_t *offset; /* count + 1 */
    size_t count, room;
};

/* Slots are looked at in no order. In small pages each look misses the cache of the page table,
 * too; the wish for large ones is only that. */
static struct slot *new_slots(size_t n)
{
    enum { LINE = 64, LARGE = 2 << 20 };
    size_t bytes = n * sizeof(struct slot);
    struct slot *slot = aligned_alloc(bytes < LARGE ? LINE : LARGE, bytes);
    if (!slot)
        return NULL;
    if (bytes >= LARGE)
        (void)madvise(slot, bytes, MADV_HUGEPAGE);
    memset(slot, 0, bytes);
    return slot;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product =
        (__uint128_t)(a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b ^ UINT64_C(0xd1342543de82ef95));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_long(const char *text, size_t len)
{
    uint64_t h = len;
    while (len > 0) {
        uint64_t part[2] = {0, 0};
        size_t n = len < 16 ? len : 16;
        memcpy(part, text, n);
        h = mix(h ^ part[0], part[1] + h);
        text += n;
        len -= n;
    }
    return h;
}

/* The short forms of a key and its hash. */
static uint64_t prepare(struct csv_slice k, uint64_t *key)
{
    key[0] = key[1] = 0;
    if (k.len > 16) {
        key[0] = hash_long(k.ptr, k.len);
        return key[0];
    }
    if (k.len >= 8) {
        /* Two loads that may overlap: no copy of unknown length. */
        memcpy(&key[0], k.ptr, 8);
        memcpy(&key[1], k.ptr + k.len - 8, 8);
    } else if (k.len > 0) {
        memcpy(&key[0], k.ptr, k.len);
    }
    return mix(key[0] + k.len, key[1]);
}

int intern_new(struct intern **ret_table)
{
    struct intern *t = calloc(1, sizeof *t);
    if (!t)
        return CSV_ERR_NO_MEMORY;
    t->slots = 1024;
    t->slot = new_slots(t->slots);
    t->room = 256;
    t->offset = malloc((t->room + 1) * sizeof *t->offset);
    if (!t->slot || !t->offset) {
        intern_free(t);
        return CSV_ERR_NO_MEMORY;
    }
    t->offset[0] = 0;
    *ret_table = t;
    return CSV_OK;
}

void intern_free(struct intern *t)
{
    if (!t)
        return;
    free(t->slot);
    free(t->text);
    free(t->offset);
    free(t);
}

void intern_seal(struct intern *t)
{
    free(t->slot);
    t->slot = NULL;
    t->slots = 0;
}

size_t intern_count(const struct intern *t)
{
    return t->count;
}

struct csv_slice intern_text(const struct intern *t, uint32_t number)
{
    return (struct csv_slice){t->text + t->offset[number],
                              (size_t)(t->offset[number + 1] - t->offset[number])};
}

static uint64_t slot_hash(const struct slot *s)
{
    return s->len > 16 ? s->key[0] : mix(s->key[0] + s->len, s->key[1]);
}

static int grow_slots(struct intern *t)
{
    size_t slots = t->slots * 2;
    struct slot *slot = new_slots(slots);
    if (!slot)
        return CSV_ERR_NO_MEMORY;
    for (size_t i = 0; i < t->slots; i++) {
        if (t->slot[i].number == 0)
            continue;
        size_t at = (size_t)slot_hash(&t->slot[i]) & (slots - 1);
        while (slot[at].number)
            at = (at + 1) & (slots - 1);
        slot[at] = t->slot[i];
    }
    free(t->slot);
    t->slot = slot;
    t->slots = slots;
    return CSV_OK;
}

static int add_text(struct intern *t, struct csv_slice k)
{
    if (t->count >= UINT32_MAX - 1)
        return CSV_ERR_NO_MEMORY;
    if (t->text_len + k.len > t->text_room || !t->text) {
        size_t room = t->text_room + t->text_room / 2 + k.len + 4096;
        char *text = realloc(t->text, room);
        if (!text)
            return CSV_ERR_NO_MEMORY;
        t->text = text;
        t->text_room = room;
    }
    if (t->count == t->room) {
        size_t room = t->room * 2;
        uint64_t *offset = realloc(t->offset, (room + 1) * sizeof *offset);
        if (!offset)
            return CSV_ERR_NO_MEMORY;
        t->offset = offset;
        t->room = room;
    }
    if (k.len > 0)
        memcpy(t->text + t->text_len, k.ptr, k.len);
    t->text_len += k.len;
    t->offset[++t->count] = t->text_len;
    return CSV_OK;
}

int intern_block(struct intern *t, const struct csv_slice *keys, size_t n, uint32_t *ret_number)
{
    uint64_t key[INTERN_BLOCK][2];
    uint64_t hash[INTERN_BLOCK];
    while ((t->count + n) * 2 > t->slots) {
        int rc = grow_slots(t);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < n; i++) {
        hash[i] = prepare(keys[i], key[i]);
        __builtin_prefetch(&t->slot[hash[i] & (t->slots - 1)]);
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)hash[i] & (t->slots - 1);
        for (;;) {
            struct slot *s = &t->slot[at];
            if (s->number == 0) {
                int rc = add_text(t, keys[i]);
                if (rc)
                    return rc;
                *s = (struct slot){
                    {key[i][0], key[i][1]}, (uint32_t)keys[i].len, (uint32_t)t->count, 0};
                ret_number[i] = (uint32_t)t->count - 1;
                break;
            }
            if (s->key[0] == key[i][0] && s->key[1] == key[i][1] && s->len == keys[i].len) {
                struct csv_slice have = {NULL, 0};
                if (keys[i].len > 16)
                    have = intern_text(t, s->number - 1);
                if (keys[i].len <= 16 || memcmp(have.ptr, keys[i].ptr, keys[i].len) == 0) {
                    ret_number[i] = s->number - 1;
                    break;
                }
            }
            at = (at + 1) & (t->slots - 1);
        }
    }
    return CSV_OK;
}
