/* Every test of the database runs on SQLite and on PostgreSQL: BOTH(test) gives two entries. The
   PostgreSQL half needs PATRON_TEST_PG (tools/pg-test.sh sets it) and is skipped without. */
#ifndef PATRON_TEST_DB_FIXTURE_H
#define PATRON_TEST_DB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db/backup.h"
#include "db/db.h"
#include "db/schema.h"

struct fixture {
    enum db_kind kind;
    struct db *db;
    struct arena *arena;
    struct err err;
    char dir[64];
    char path[128];
    char schema[48];
    unsigned writers, queue; /* for the next reopening */
};

#define BOTH(test)                                                                                 \
    {#test " [sqlite]", test, fixture_sqlite, fixture_down, NULL},                                 \
    {                                                                                              \
#test " [postgres]", test, fixture_postgres, fixture_down, NULL                            \
    }
#define ON_SQLITE(test)                                                                            \
    {                                                                                              \
#test " [sqlite]", test, fixture_sqlite, fixture_down, NULL                                \
    }
#define ON_POSTGRES(test)                                                                          \
    {                                                                                              \
#test " [postgres]", test, fixture_postgres, fixture_down, NULL                            \
    }

int fixture_sqlite(void **state);
int fixture_postgres(void **state);
int fixture_down(void **state);
/* Skips the test when there is no server to run it on. */
struct fixture *fixture_of(void **state);
void fixture_reopen(struct fixture *f);
/* A second database of the given kind beside the first, empty. */
struct db *fixture_second(struct fixture *f, enum db_kind kind);
void fixture_drop_second(struct fixture *f, struct db *db);

/* One statement in a job of its own. */
int run_sql(struct fixture *f, const char *sql);
int64_t read_i64(struct fixture *f, const char *sql);
/* Runs a command on the server outside of the driver. */
void server_sql(const char *sql);
/* Makes a database on the server, anew, for a test that opens a whole tenant; url: where it is.
   False when there is no server. */
bool server_database(const char *name, char *url, size_t size);

#define assert_ok(rc) assert_int_equal(0, (rc))

#endif
