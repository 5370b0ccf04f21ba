/* The shape of tables, neutral to the database, and the plan that brings a database to it. */
#ifndef PATRON_DB_SCHEMA_H
#define PATRON_DB_SCHEMA_H

#include "db/db.h"

enum column_type {
    COL_ID,    /* 63-bit key: INTEGER / bigint */
    COL_INT,   /* INTEGER / bigint */
    COL_BOOL,  /* 0 or 1: INTEGER / smallint */
    COL_DATE,  /* days since 1970: INTEGER / integer */
    COL_TIME,  /* epoch ms: INTEGER / bigint */
    COL_REAL,  /* REAL / double precision */
    COL_TEXT,  /* TEXT / text (database collation C) */
    COL_JSON,  /* TEXT / jsonb is NOT used: TEXT / text, so that bytes come back as they went in */
    COL_BYTES, /* BLOB / bytea */
};

struct column_def {
    const char *name;
    enum column_type type;
    bool not_null;
    const char *default_sql; /* a literal, or NULL */
    const char *references;  /* table whose primary key it points to, or NULL; checked at once */
};

struct index_def {
    const char *name;
    const char *columns; /* "owner_id, name DESC, id" */
    bool unique;
    const char *where; /* partial, or NULL */
    bool gone;         /* an index of older versions: dropped where it still stands */
};

struct table_def {
    const char *name;
    const struct column_def *columns;
    size_t ncolumns;
    const char *primary_key; /* "id" or "customer_id, id" */
    const struct index_def *indexes;
    size_t nindexes;
    /* A text column of plain tokens to be searched, or NULL. SQLite: FTS5 table <table>_fts with
       external content, rowid = the single-column integer primary key, tokenizer unicode61 with
       nothing folded, prefix='1 2 3'; its rows are kept by whoever writes the table (the usual
       'delete' command and insert). PostgreSQL: a stored generated column <column>_ts of
       to_tsvector('simple', …) with a GIN index. */
    const char *fulltext;
};

enum schema_class { SCHEMA_SAFE, SCHEMA_SLOW, SCHEMA_REFUSED };

struct schema_action {
    enum schema_class class;
    struct str what; /* for people: "add column customer.region" */
    struct str sql;  /* one statement */
};

struct schema_plan {
    struct schema_action *actions;
    size_t nactions;
    bool fresh;   /* there was no table at all */
    bool refused; /* some action is SCHEMA_REFUSED: a changed type, a narrowed column */
};

/* Compares what is there with `tables`. Extra tables, columns and indexes are left alone. Reads
   only. The plan lives in the arena. */
int schema_plan(struct db_conn *c, const struct table_def *tables, size_t ntables, struct arena *a,
                struct schema_plan *ret_plan, struct err *e) must_check;
/* Runs the plan inside the caller's transaction. */
int schema_apply(struct db_conn *c, const struct schema_plan *plan, struct err *e) must_check;

#endif
