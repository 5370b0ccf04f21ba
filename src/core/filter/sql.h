/* A small builder of SQL texts with $n parameters. Values are only ever bound, never written. */
#ifndef PATRON_CORE_FILTER_SQL_H
#define PATRON_CORE_FILTER_SQL_H

#include "base/arena.h"
#include "base/buf.h"
#include "db/db.h"

enum { SQL_MAX_ARGS = 2000 };

struct sql {
    struct arena *arena;
    struct buf text;
    struct db_value *args;
    size_t nargs, cap;
    bool overflow; /* more than SQL_MAX_ARGS: the caller answers bad-parameter */
};

struct sql sql_new(struct arena *a);
void sql_add(struct sql *q, const char *text);
void sql_addf(struct sql *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sql_arg(struct sql *q, struct db_value v); /* appends "$n" */
/* The finished text, in the arena; ends the building. Must be called once for every sql_new. */
const char *sql_text(struct sql *q);

#endif
