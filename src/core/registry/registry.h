/* The registry: what entities there are, their fields, links and indexes; read from the entity
   files at start and immutable after. Everything generic (tables, validation, API, import) is
   driven by it. Any thread. */
#ifndef PATRON_CORE_REGISTRY_H
#define PATRON_CORE_REGISTRY_H

#include "base/json.h"
#include "base/map.h"
#include "db/schema.h"
#include "entities.gen.h"

enum lang { LANG_EN, LANG_ZH, LANGS };

struct text2 {
    struct str in[LANGS];
};

struct field;

/* The type "decimal": four places, as a whole number of ten-thousandths. */
enum { DECIMAL_PLACES = 4, DECIMAL_ONE = 10000 };

/* A value of a field in memory. Texts are borrowed from the arena or row they came from. */
struct value {
    bool null;
    int64_t i;    /* int, bool, date (days), time (ms), link, money (minor units) */
    double f;     /* real, percent */
    struct str s; /* text, enum, json; money: the currency */
    int64_t base; /* money: in the company's base currency, frozen when written */
};

/* What parsing needs to know beyond the field. */
struct parse_env {
    struct arena *arena;
    struct str base_currency;
    /* Micro-units of base currency for one unit of `code` today, 0 if there is no rate. */
    int64_t (*rate)(const void *arg, struct str code);
    const void *rate_arg;
};

enum field_shape {
    SHAPE_TEXT,
    SHAPE_INT,
    SHAPE_REAL,
    SHAPE_DATE,
    SHAPE_TIME,
    SHAPE_ENUM,
    SHAPE_BOOL,
    SHAPE_LINK,
    SHAPE_MONEY,
    SHAPE_JSON,
    SHAPE_SET /* of ids, as ",1,2," in rising order; none is NULL */
};

/* One row per field type; types.c holds the table. */
struct field_type {
    const char *name;
    enum field_shape shape;
    enum column_type column;
    bool sortable, importable;
    const char *operators; /* names, separated by spaces */
    /* NULL, or the message key of what is wrong; ret_value untouched then. */
    const char *(*from_json)(const struct field *f, const json_t *in, const struct parse_env *env,
                             struct value *ret_value);
    const char *(*from_text)(const struct field *f, struct str in, const struct parse_env *env,
                             struct value *ret_value);
    void (*to_json)(const struct field *f, const struct value *v, struct jw *w);
    /* What is left of a text to whoever sees it masked; other shapes keep nothing and have NULL. */
    void (*mask)(struct str in, struct buf *out);
};

/* A field of any entity; entity -1 = none. */
struct field_ref {
    int entity, field;
};

struct option {
    struct str value;
    struct text2 label;
};

struct field {
    int id; /* index in the entity */
    const char *name;
    const struct field_type *type;
    struct text2 label;
    bool system, required, read_only, hidden, unique, indexed, personal;
    bool base_money; /* one column, always in base currency */
    int64_t max;     /* texts: code points; 0 = no bound of its own */
    bool has_min;
    int64_t min;
    int target; /* links: entity id, or -1 */
    const struct option *options;
    size_t noptions;
    struct value initial;         /* default of a new record; null if none */
    struct field_ref level_of[2]; /* fields this one tells of: held back where they are */
    const struct str *aliases;
    size_t naliases;
    unsigned column, ncolumns; /* place in the entity's select list */
};

/* How much of a field a person has, least first. Masked is shown in part ("138****0000") and, as
   the missing part could be guessed by asking, neither filtered, sorted nor searched by. */
enum field_level { LEVEL_HIDE, LEVEL_MASK, LEVEL_READ, LEVEL_EDIT };
enum { FIELD_LEVELS = 4 };

/* `levels` is a table by field id; NULL, the usual case, holds nothing back. */
static inline enum field_level field_level(const struct field *f, const unsigned char *levels)
{
    if (f->hidden)
        return LEVEL_HIDE;
    return levels ? (enum field_level)levels[f->id] : LEVEL_EDIT;
}

struct entity {
    int id;
    const char *name, *path, *table;
    struct text2 label, label_plural;
    const struct field *fields;
    size_t nfields;
    struct map by_name;
    bool owned;           /* has owner_id, department_id */
    bool admin_writes;    /* only administrators create and change */
    int rights_of;        /* entity whose rights count where a role does not name this one, or -1 */
    int part_of;          /* entity that its records are parts of, written with it, or -1 */
    int part_link;        /* field that names the whole */
    int part_place;       /* field that numbers them, from 1 */
    const char *part_key; /* where the parts stand in the whole's JSON */
    int tree;             /* link to the record above it, never in a circle, or -1 */
    int title_field;
    int customer_field; /* field that names the customer it belongs to, FIELD_ID for customers, or
                           -1 */
    bool with_customer; /* in no list while that customer is in the trash */
    int search_title[4], search_body[8];
    size_t nsearch_title, nsearch_body;
    int prefix_search;          /* searched by an index on this field instead of tokens, or -1 */
    const char *const *columns; /* physical names in the order of the select list */
    size_t ncolumns;
    const char *select_sql; /* "SELECT …all columns… FROM table" */
    const char *insert_sql; /* "INSERT INTO table (…all columns…) VALUES ($1, …)" */
    struct table_def tables;
};

struct registry {
    struct arena *arena;
    const struct entity *entities;  /* ENTITY_COUNT of them, by id */
    const struct table_def *tables; /* of entities and system, for the schema */
    size_t ntables;
    struct str version; /* changes when the definitions do */
};

/* Reads the embedded definitions. A mistake in them ends with ERR_INTERNAL and its place. */
int registry_load(struct registry **ret_registry, struct err *e) must_check;
void registry_free(struct registry *r);

const struct entity *registry_entity(const struct registry *r, struct str name);
const struct entity *registry_by_path(const struct registry *r, struct str path);
const struct field *entity_field(const struct entity *en, struct str name); /* NULL if none */

const struct field_type *field_type_find(struct str name);
/* Number of columns a field of this type takes, and the suffix of the n-th. */
unsigned field_columns(const struct field *f);

/* Reads the field's columns of a row into v (texts borrowed), at column `at` of the row. */
void value_from_row(const struct field *f, const struct db_rows *rows, unsigned at,
                    struct value *ret_value);
/* Fills f->ncolumns values for binding. */
void value_bind(const struct field *f, const struct value *v, struct db_value *out);
bool value_equal(const struct field *f, const struct value *a, const struct value *b);
void value_to_json(const struct field *f, const struct value *v, struct jw *w);
/* A value as somebody sees it who may see it masked: a text, whatever the type; empty stays empty.
 */
void value_mask_json(const struct field *f, const struct value *v, struct jw *w);
void value_mask_text(const struct field *f, const struct value *v, struct buf *out);
/* Copies the texts of v into the arena. */
struct value value_keep(const struct value *v, struct arena *a);

#endif
