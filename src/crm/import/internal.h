/* Shared by the files of this feature only. */
#ifndef PATRON_CRM_IMPORT_INTERNAL_H
#define PATRON_CRM_IMPORT_INTERNAL_H

#include "crm/import/import.h"
#include "io/csv.h"
#include "io/intern.h"

enum { MAX_COLUMNS = 200, SAMPLES = 3, TARGETS = 200 };

/* A row says something of the record it stands for, and of those that record hangs on. */
enum side { SIDE_OWN, SIDE_CUSTOMER, SIDE_ORDER, SIDE_PRODUCT, SIDE_AFFILIATION, SIDES };

/* What a column of the file can be: a field of one of the sides, or the currency. */
struct target {
    struct str name;           /* "amount", "customer.ext_id", "currency" */
    const struct field *field; /* NULL for the currency */
    enum side side;
    bool required;
};

struct import_plan;
struct parsed_row;
struct chunk;

/* A kind of import: what a row is, and what is done with it. kinds.c has the table. */
struct import_kind {
    int entity; /* of the rows; its name is the kind's */
    struct import_side {
        enum side side;
        int entity;
        const char *prefix;
        const int *fields; /* in the order people read them; NULL = all that can be imported */
        size_t n;
        int required; /* field that must have a column here, or -1 */
    } sides[SIDES];
    size_t nsides;
    enum side key_side; /* rows that belong together, or must not come twice, are known by … */
    int keys[2];        /* … the first of these fields that has a column; -1 = none */
    bool currency;      /* amounts may have their currency in a column */
    bool orders;        /* they are dated, change what customers are worth, and have a number */
    bool grouped;       /* rows of one number are one order */
    bool once;          /* a key may stand in one row */
    bool by_customer;   /* rows belong to a customer, which may be made for them */
    /* Rules between the cells of a row; columns by target, -1 = none. */
    void (*settle)(const struct import_plan *p, struct parsed_row *row);
    /* Looks up (check) or writes (run) the row at `at`, and those that belong to it. */
    int (*write)(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e);
};

/* NULL when rows of the entity cannot be imported. */
const struct import_kind *import_kind_of(const struct entity *en);

/* The targets of a kind, in the order people read them: the fields that the import's owner may
   write, for what is looked up by a field tells its values, too. */
size_t targets_of(struct tenant *t, int64_t owner_id, const struct import_kind *kind,
                  struct arena *a, struct target out[TARGETS]);

struct import_format {
    enum csv_encoding encoding; /* of the file as it came */
    char delimiter;
    enum csv_date_format date;
    bool chinese;
};

/* An import as stored. */
struct import {
    int64_t id, owner_id, bytes, rows, job_id, history_floor;
    const struct entity *en;
    const struct import_kind *kind;
    struct str name, state;
    json_t *columns, *mapping, *format_json, *options;
    struct import_format format;
};

/* As people call it: "GB18030". */
const char *import_encoding_name(enum csv_encoding encoding);
bool import_encoding_find(struct str name, enum csv_encoding *ret_encoding);

int import_load(struct db_conn *c, struct tenant *t, int64_t id, struct arena *a,
                struct import *ret, struct err *e) must_check;
/* The living customer that a key of a file means: by ext_id or by name, as key_field says. id 0
   when there is none. */
struct known_customer {
    int64_t id, owner_id, department_id;
};
int import_find_customer(struct db_conn *c, const struct field *key_field, struct str key,
                         struct known_customer *ret, struct err *e) must_check;
/* Up to FIND_MOST at once, by ext_id; `ret` in the order of the keys. */
enum { FIND_MOST = 64 };
int import_find_customers(struct db_conn *c, const struct str *keys, size_t n,
                          struct known_customer *ret, struct err *e) must_check;
struct str import_path(const struct tenant *t, int64_t id, struct arena *a);
int import_set_state(struct db_conn *c, int64_t id, const char *state, const char *column,
                     struct str json, struct err *e) must_check;

/* --- the plan: what is done with each column ----------------------------------------------- */

struct import_plan {
    struct tenant *t;
    struct arena *a;
    const struct import *im;
    struct target targets[MAX_COLUMNS]; /* by column; name.n == 0 = left out */
    size_t ncolumns;
    const struct target *all; /* what a column may be, for this import's owner */
    size_t nall;
    struct parse_env env;
    struct str currency; /* of amounts without one */
    bool update;         /* on_existing */
    bool create_customers, create_products;
    int key_column;    /* of the kind's key: customer.ext_id, or customer.name */
    int number_column; /* order number, or -1 */
    int currency_column;
    int status_column, amount_column; /* of orders; -1 = none */
    const struct field *key_field;    /* of the kind's key side */
};

/* May the import's owner write this field? A cell can stand for more than its own column's. */
bool plan_may(const struct import_plan *p, enum side side, int field);
int plan_make(struct tenant *t, const struct import *im, struct arena *a,
              struct import_plan *ret_plan, struct err *e) must_check;

/* One cell that will not be written, or will be changed. */
struct cell_note {
    int column;
    const char *code; /* message key */
};

/* The values of one row, by side and field id; a side that the kind has not is NULL. */
struct parsed_row {
    struct value *v[SIDES];
    struct str key; /* of the customer, as a rule */
    struct cell_note bad[16];
    size_t nbad;
    bool changed[MAX_COLUMNS]; /* read other than it stood: "￥1,234.50" */
};

void row_note(struct parsed_row *row, int column, const char *code);
struct parsed_row *row_new(const struct import_plan *p, struct arena *a);
/* Fills `row` from a record; the texts are borrowed from it. */
void row_parse(const struct import_plan *p, const struct csv_record *rec, struct arena *scratch,
               struct parsed_row *row);
struct str cell_of(const struct csv_record *rec, size_t column);
bool cell_blank(struct str s); /* also what people write for nothing: "-", "无" */

/* --- the whole file in memory, 32 bytes a row ---------------------------------------------- */

struct import_row {
    uint64_t byte;   /* where the record begins */
    int64_t key;     /* import_key of orders; which order, of lines */
    uint32_t number; /* of the record in the file */
    uint32_t customer;
    int32_t day;  /* of orders */
    bool spoiled; /* another row of its order cannot be read: none of them is written */
};

struct import_rows {
    struct import_row *rows; /* good ones, in the order of writing */
    size_t n;
    struct intern *customers;
    int64_t read, rejected;
    struct {
        int64_t rejected, changed;
        struct {
            const char *code;
            int64_t count;
        } codes[8];
    } columns[MAX_COLUMNS];
};

int rows_read(struct job *j, const struct import_plan *p, struct import_rows *ret_rows,
              struct err *e) must_check;
void rows_free(struct import_rows *r);
/* Counts a bad cell for the summary by column. */
void rows_count(struct import_rows *r, const struct cell_note *note);

/* --- memory.c: how files with these headers were read the last time ------------------------- */

/* What files of the same headers, in whatever order, have in common. */
struct str memory_print(const struct str *headers, size_t n, struct arena *a);
/* Inside a transaction: an import that was run is how its like shall be read. */
int memory_keep(struct db_conn *c, const struct import *im, struct arena *a,
                struct err *e) must_check;
/* Fills target[i] (index in targets, -1 = left out) for the columns; *ret_date is the date form.
 *ret_found: false leaves all as it was. */
int memory_recall(struct db_conn *c, const struct entity *en, const struct str *headers, size_t n,
                  const struct target *targets, size_t ntargets, int *target,
                  enum csv_date_format *ret_date, bool *ret_found, struct arena *a,
                  struct err *e) must_check;
int memory_forget(struct db_conn *c, const struct import *im, struct arena *a,
                  struct err *e) must_check;

/* run.c: also takes back a cancelled import. */
int undo_rows(struct job *j, struct tenant *t, const struct import *im, int64_t *ret_removed,
              int64_t *ret_kept, struct err *e) must_check;

extern const char *const date_format_names[CSV_DATE_FORMATS];

#endif
