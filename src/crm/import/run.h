/* What the job (run.c) and its chunks (chunk.c) share. */
#ifndef PATRON_CRM_IMPORT_RUN_H
#define PATRON_CRM_IMPORT_RUN_H

#include "crm/import/internal.h"

enum { CHUNK_ROWS = 10000 };

struct counts {
    int64_t created, updated, skipped, rejected, customers;
};

/* A customer of the file, looked up once and remembered from row to row. */
struct customer_state {
    struct known_customer is; /* id 0: there is none */
    uint32_t epoch;           /* of the runner when looked up; 0 = not yet */
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
    uint32_t seen[CHUNK_ROWS]; /* customers looked up in this chunk */
    size_t nseen;
};

/* Jobs for db_transact; arg is the chunk. */
int chunk_rows(struct db_conn *c, void *arg, struct err *e);
int chunk_sums(struct db_conn *c, void *arg, struct err *e);
/* Everybody is looked up anew. */
void runner_forget(struct runner *r);

#endif
