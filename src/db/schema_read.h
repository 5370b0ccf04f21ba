/* Private to src/db: what tables a database has, read from either catalogue. */
#ifndef PATRON_DB_SCHEMA_READ_H
#define PATRON_DB_SCHEMA_READ_H

#include "base/map.h"
#include "db/db_internal.h"

struct have_column {
    struct str type; /* lower case, as the catalogue spells it */
    bool not_null;   /* columns of the primary key count as such */
};

struct have_index {
    struct str text; /* SQLite: the statement; PostgreSQL: its normal form */
};

struct have {
    struct map tables;  /* name -> struct map of columns, or of none */
    struct map indexes; /* name -> struct have_index */
    struct map keys;    /* "table.column" -> anything: a foreign key starts there */
    struct map words;   /* "table.setting" of an index of words -> int64_t */
    size_t ntables;
};

int schema_read(struct db_conn *c, struct arena *a, struct have *ret, struct err *e) must_check;
/* Of SQLite's index of words `table`, where there is one. */
int schema_read_words(struct db_conn *c, struct arena *a, const char *table, struct have *have,
                      struct err *e) must_check;

#endif
