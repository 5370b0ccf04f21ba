/* A drawn company for tests of who learns what: departments, people, roles with levels of fields,
   and records of every entity that is not the house's own. What entities, links, parts and copies
   there are is read from the registry, so that one more of them is asked about without a word here.

   Every value is a word of its own (a canary), known by the record and field it belongs to; where
   the registry says that a field tells of another (`level_of`), the word of that one stands in it,
   too, as the features above would copy it. Who may read what is worked out here from the role as
   it was drawn, not by the code under test. */
#ifndef PATRON_TEST_LEAKS_WORLD_H
#define PATRON_TEST_LEAKS_WORLD_H

#include "unit.h"

#include "core/identity/identity.h"
#include "core/record/record.h"

enum {
    ROUNDS = 20,
    PEOPLE = 5,
    PER_ROUND = 8,
    MAX_FIELDS = 128,
    MAX_ROWS = 4000,
    MAX_PEOPLE = 200,
    MAX_COPIES = 8000
};

struct person {
    int64_t id;
    int department; /* index, or -1 */
    enum scope read[ENTITY_COUNT], write[ENTITY_COUNT];
    enum field_level level[ENTITY_COUNT][MAX_FIELDS];
    struct pass pass;
};

struct row {
    int64_t id, customer, event; /* event: an update that can be undone */
    int64_t met;                 /* who is met at that customer */
    int entity, owner;           /* index into people */
    int whole;                   /* index into rows: what it is a part of, or -1 */
    int changed;                 /* the field of that update */
    bool again;                  /* and it was changed once more */
    const char *word[MAX_FIELDS];
};

/* What a word belongs to. */
struct canary {
    int row, field;
};

struct world {
    struct tenant *t;
    struct arena *keep, *scratch; /* scratch: until the next question */
    uint64_t seed, state;
    struct person people[MAX_PEOPLE];
    struct row rows[MAX_ROWS];
    struct canary copies[MAX_COPIES]; /* where a word of another record stands */
    size_t npeople, nrows, ncopies, serial, ndepartments;
    int64_t departments[ROUNDS * 8];
    int parents[ROUNDS * 8];
    struct map canaries;
};
extern struct world world;

uint64_t draw(void);
size_t below(size_t n); /* 0..n-1 */
const struct entity *entity(int id);

/* Opens a tenant in a new directory, on PostgreSQL when it has an address. 0, or -1. */
int world_open(const char *db_url, uint64_t seed);
void world_close(void);
/* Another company beside those that are there: departments, people, records. */
void world_grow(void);

bool in_scope(const struct person *p, const struct row *r, enum scope s);
bool sees(const struct person *p, const struct row *r);
bool reads(const struct person *p, const struct row *r, int field);

/* A value that stands nowhere else; NULL for types without room for one. As it is sent. */
const char *word_for(const struct field *f);
json_t *as_sent(const struct field *f, const char *word);
const char *id_text(int64_t id);
/* A field with a word in it. */
int draw_field(const struct row *r);

#endif
