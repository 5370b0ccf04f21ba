#ifndef PATRON_CRM_DEMO_INTERNAL_H
#define PATRON_CRM_DEMO_INTERNAL_H

#include "crm/demo/demo.h"
#include "patron_simulate.h"

/* Chance that depends on the seed and on whom it is about, not on what was drawn before. */
struct dice {
    uint64_t state;
};
struct dice dice_of(uint64_t seed, uint64_t about);
uint64_t dice_below(struct dice *d, uint64_t n); /* 0 .. n - 1 */
bool dice_chance(struct dice *d, unsigned percent);

/* --- words.c ------------------------------------------------------------------------------- */

struct demo_good {
    const char *name, *code, *category, *unit;
    int32_t price; /* of one, in units of the base currency */
    unsigned cost_percent;
};
extern const struct demo_good demo_goods[];
extern const size_t demo_ngoods;

/* Categories stand within these; one that is in none stands for itself. */
extern const char *const demo_groups[][2];
extern const size_t demo_ngroups;

/* Names of customer `at`; `industry` is an option of the field. Texts live in the arena. */
struct demo_name {
    struct str name, city, region, industry;
    bool person, foreign;
};
struct demo_name demo_name_of(struct dice *d, int64_t at, struct arena *a);
struct str demo_person(struct dice *d, bool foreign, struct arena *a);
const char *demo_title(struct dice *d, bool foreign);
struct str demo_note(struct dice *d, bool foreign);
struct str demo_step(struct dice *d, bool foreign);
const char *demo_channel(struct dice *d);

/* --- company.c: what is written of one customer -------------------------------------------- */

enum { DEMO_MOST_ORDERS = 400 };

struct demo_order {
    int32_t day;
    int64_t amount; /* minor units */
    const struct demo_good *good;
    unsigned units;
    int64_t cost;
    int original; /* a return: of which order; else -1 */
};

struct demo_world {
    struct tenant *t;
    int64_t job; /* whatever it writes is marked with it, as what an import writes is with that */
    uint64_t seed;
    int32_t until;
    bool lean;     /* of the last year, customers and orders alone: a million of them for benches */
    int64_t scale; /* minor units in one of the base currency */
    struct str currency;
    int64_t goods[64];  /* ids of demo_goods, once they are written */
    int64_t owners[64]; /* the people who look after customers; none: nobody in particular */
    int64_t departments[64];
    size_t nowners;
};

struct demo_customer {
    struct demo_name name;
    struct dice dice;
    struct demo_order order[DEMO_MOST_ORDERS];
    size_t norders;
};

/* Who customer `at` is and what they bought; O(orders). */
int demo_customer_of(const struct demo_world *w, int64_t at, struct arena *a,
                     struct demo_customer *ret, struct err *e) must_check;
int demo_write_products(struct demo_world *w, struct db_conn *c, const struct actor *who,
                        struct arena *a, struct err *e) must_check;
/* What demo_write_products wrote, found again by a job that goes on. */
int demo_read_products(struct demo_world *w, struct db_conn *c, struct err *e) must_check;
/* The customer with contacts, orders and their lines, notes, tasks. */
int demo_write_customer(const struct demo_world *w, struct db_conn *c, const struct actor *who,
                        int64_t at, struct arena *a, struct err *e) must_check;

/* --- take_back.c --------------------------------------------------------------------------- */

/* Of the job that wrote it; its result says how many customers went and how many stayed. */
int demo_take_back(struct job *j, struct err *e) must_check;

/* --- labels.c: once, when all customers are there -------------------------------------------- */

int demo_write_labels(const struct demo_world *d, struct db_conn *c, const struct actor *who,
                      struct arena *a, struct err *e) must_check;

#endif
