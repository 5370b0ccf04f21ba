/* What the job (run.c) and its chunks (chunk.c) share. */
#ifndef PATRON_CRM_IMPORT_RUN_H
#define PATRON_CRM_IMPORT_RUN_H

#include "crm/import/internal.h"

enum { CHUNK_ROWS = 10000, LOOK_AHEAD = FIND_MOST };

struct counts {
    int64_t created, updated, skipped, rejected, customers;
};

/* A customer of the file, looked up once and remembered from row to row. */
struct customer_state {
    struct known_customer is; /* id 0: there is none */
    uint32_t looked;          /* epoch of the runner when looked up; 0 = not yet */
    uint32_t epoch;           /* the same when a row came to it, and it was made if need be */
    bool fresh;               /* new by this import (a check: would be) */
    bool foreign;             /* not the importer's to write */
    bool touched;             /* got orders: its sums are to be made */
};

struct runner {
    struct job *j;
    struct tenant *t;
    enum import_mode mode;
    struct import im;
    struct import_plan *p;
    struct import_rows rows;
    struct customer_state *customers; /* by the number of the row's customer */
    uint32_t epoch;                   /* >= 1; raised when what is remembered may be wrong */
    int64_t events;                   /* history is read for such changes from this id on */
    struct pass pass;
    const char *map; /* the file */
    size_t map_size;
    char *scratch;
    struct counts total;
    size_t at;       /* next row, of rows.rows */
    size_t summed;   /* next customer, when all rows are written */
    bool resumed;    /* rows were written before: who was touched is not known */
    bool any_orders; /* there were orders before: look numbers up */
};

/* One transaction's worth of rows, or of customers to sum up; may be run again from the start by
   the database layer. */
struct chunk {
    struct runner *r;
    struct arena *a, *row_arena;
    size_t from, to;
    int64_t began_us;
    struct counts counts;
    int64_t events;
    struct parsed_row *row;
    struct csv_slice fields[MAX_COLUMNS + 1];
    struct csv_record rec; /* the one in `row` */
    struct rates rates;    /* of this transaction; of orders only */
    /* Customers looked up or made in this chunk: one a row at most, and as many looked up ahead. */
    uint32_t seen[2 * CHUNK_ROWS];
    size_t nseen;
};

/* --- what the kinds write with (chunk.c) --- */

/* Reads the row back from the file into ch->row. Texts are borrowed until the next one. */
int chunk_reparse(struct chunk *ch, const struct import_row *row, struct err *e) must_check;
/* What only the database knows to be wrong: the row is left out. */
int chunk_reject(struct chunk *ch, struct db_conn *c, const struct import_row *row, int column,
                 const char *code, struct err *e) must_check;
/* The customer of ch->row; made, if it is new and new ones are wanted. */
int chunk_customer(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                   struct customer_state **ret, struct err *e) must_check;
/* Why nothing may be written for this customer, or NULL. */
const char *chunk_refusal(const struct customer_state *k);

struct existing {
    int64_t id, customer_id; /* id 0: there is none */
};
/* The order this row was written as before: by its number, or by its key. */
int chunk_find_order(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                     const struct value *number, const struct customer_state *k,
                     struct existing *ret, struct err *e) must_check;
/* The record that a row would change, as it stands; the row is rejected where it is not the
   person's to see. */
int chunk_now(struct chunk *ch, struct db_conn *c, const struct import_row *row,
              const struct entity *en, int64_t id, struct record *ret, bool *ret_yours,
              struct err *e) must_check;
/* A record that stands already gets what the row says otherwise, if that is wanted: the fields that
   have a column, and those of `also` (ended by -1; NULL = none) that the row has a value for. */
int chunk_update(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                 const struct entity *en, int64_t id, const int *also, struct err *e) must_check;
/* The same for a body made of several rows; each of the n rows counts. `body` is the callee's. */
int chunk_change(struct chunk *ch, struct db_conn *c, const struct import_row *rows, size_t n,
                 const struct entity *en, int64_t id, json_t *body, struct err *e) must_check;

int write_order(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e);
int write_customer(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e);
int write_lines(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e);
int write_contact(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e);
int write_product(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e);

/* Jobs for db_transact; arg is the chunk. */
int chunk_rows(struct db_conn *c, void *arg, struct err *e);
int chunk_sums(struct db_conn *c, void *arg, struct err *e);
/* Everybody is looked up anew. */
void runner_forget(struct runner *r);

#endif
