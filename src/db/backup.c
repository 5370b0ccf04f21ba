/* Backup and restore. The backup is a SQLite file with the tables as the program knows them, so it
   can be filled from either database and read back into either. */
#define LOG_MODULE "backup"
#include "db/backup.h"
#include "db/db_internal.h"
#include "db/schema_read.h"

#include "base/buf.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_ROWS = 10000, CHUNK_BYTES = 8 << 20, STATEMENT_ARGS = 2000 };

typedef void progress_fn(void *arg, const char *table, int64_t rows);

/* --- files --------------------------------------------------------------------------------- */

static int sync_path(const char *path, int flags, struct err *e)
{
    int fd = open(path, flags | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? err_file(e, errno, path) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int sync_directory_of(struct arena *a, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    const char *dir = !slash          ? "."
                      : slash == path ? "/"
                                      : arena_cstr(a, str_from(path, (size_t)(slash - path)));
    return sync_path(dir, O_RDONLY | O_DIRECTORY, e);
}

/* --- statements ---------------------------------------------------------------------------- */

static void add_names(struct buf *b, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s\"%s\"", i ? ", " : "", names[i]);
}

static char *select_sql(struct arena *a, const char *table, const char *const *names, size_t n)
{
    struct buf b = BUF_INIT(1 << 20);
    buf_add_cstr(&b, "SELECT ");
    add_names(&b, names, n);
    buf_printf(&b, " FROM \"%s\"", table);
    char *sql = arena_cstr(a, buf_str(&b));
    buf_free(&b);
    return sql;
}

static char *insert_sql(struct arena *a, const char *table, const char *const *names, size_t n,
                        size_t rows)
{
    struct buf b = BUF_INIT(1 << 22);
    buf_printf(&b, "INSERT INTO \"%s\" (", table);
    add_names(&b, names, n);
    buf_add_cstr(&b, ") VALUES ");
    for (size_t r = 0, k = 1; r < rows; r++) {
        buf_add_cstr(&b, r ? ", (" : "(");
        for (size_t i = 0; i < n; i++, k++)
            buf_printf(&b, "%s$%zu", i ? ", " : "", k);
        buf_add_cstr(&b, ")");
    }
    char *sql = arena_cstr(a, buf_str(&b));
    buf_free(&b);
    return sql;
}

/* By the column's type, so that both databases give and take the same. */
static struct db_value value_of(const struct db_rows *r, unsigned col, enum column_type type)
{
    if (db_is_null(r, col))
        return DB_NIL;
    switch (type) {
    case COL_REAL:
        return DB_F64(db_f64(r, col));
    case COL_TEXT:
    case COL_JSON:
        return DB_STR(db_str(r, col));
    case COL_BYTES:
        return DB_BYTES(db_bytes(r, col));
    default:
        return DB_I64(db_i64(r, col));
    }
}

static const char **names_of(struct arena *a, const struct table_def *t)
{
    const char **names = arena_array(a, const char *, t->ncolumns + 1);
    for (size_t i = 0; i < t->ncolumns; i++)
        names[i] = t->columns[i].name;
    return names;
}

/* The index of what is searched is made from the table, never copied. */
static int rebuild_search(struct db_conn *c, const struct table_def *t, struct err *e)
{
    char sql[256];
    if (!t->fulltext || c->driver->kind != DB_SQLITE)
        return 0;
    snprintf(sql, sizeof sql, "INSERT INTO \"%s_words\"(\"%s_words\") VALUES ('rebuild')", t->name,
             t->name);
    return db_exec(c, sql, DB_NOARGS, NULL, e);
}

/* --- writing ------------------------------------------------------------------------------- */

static int export_table(struct db_conn *from, struct db_conn *to, const struct table_def *t,
                        struct arena *a, progress_fn *progress, void *arg, struct err *e)
{
    const char **names = names_of(a, t);
    char *insert = insert_sql(a, t->name, names, t->ncolumns, 1);
    struct db_value *v = arena_array(a, struct db_value, t->ncolumns + 1);
    struct db_rows *r;
    int64_t n = 0;
    int rc = db_query(from, select_sql(a, t->name, names, t->ncolumns), DB_NOARGS, &r, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(r, e)) > 0) {
        for (unsigned i = 0; i < t->ncolumns; i++)
            v[i] = value_of(r, i, t->columns[i].type);
        rc = db_exec(to, insert, v, t->ncolumns, NULL, e);
        if (rc < 0)
            break;
        if (++n % CHUNK_ROWS == 0 && progress)
            progress(arg, t->name, n);
    }
    db_rows_done(r);
    if (rc == 0 && progress)
        progress(arg, t->name, n);
    return rc;
}

/* The table without what the database does not have yet; an index may need a missing column, so a
   table that lacks one goes without. */
static struct table_def as_it_stands(const struct table_def *t, const struct have *have,
                                     const struct map *columns, struct arena *a)
{
    struct table_def cut = *t;
    struct column_def *kept = arena_array(a, struct column_def, t->ncolumns + 1);
    cut.ncolumns = 0;
    for (size_t i = 0; i < t->ncolumns; i++) {
        if (!map_get(columns, str_of(t->columns[i].name)))
            continue;
        kept[cut.ncolumns] = t->columns[i];
        if (kept[cut.ncolumns].references &&
            !map_get(&have->tables, str_of(kept[cut.ncolumns].references)))
            kept[cut.ncolumns].references = NULL;
        cut.ncolumns++;
    }
    cut.columns = kept;
    if (cut.ncolumns < t->ncolumns)
        cut.nindexes = 0;
    if (cut.fulltext && !map_get(columns, str_of(cut.fulltext)))
        cut.fulltext = NULL;
    return cut;
}

/* A backup before an upgrade is of the tables as an older program made them. */
static int tables_there(struct db_conn *c, const struct table_def *tables, size_t ntables,
                        struct arena *a, const struct table_def **ret_tables, size_t *ret_n,
                        struct err *e)
{
    struct have have;
    struct table_def *there = arena_array(a, struct table_def, ntables + 1);
    size_t n = 0;
    int rc = schema_read(c, a, &have, e);
    for (size_t i = 0; i < ntables && rc == 0; i++) {
        const struct map *columns = map_get(&have.tables, str_of(tables[i].name));
        if (columns)
            there[n++] = as_it_stands(&tables[i], &have, columns, a);
    }
    *ret_tables = there;
    *ret_n = n;
    return rc;
}

static int export_all(struct db_conn *from, const struct table_def *tables, size_t ntables,
                      const char *path, struct arena *a, progress_fn *progress, void *arg,
                      struct err *e)
{
    struct db_conn *to;
    struct schema_plan plan;
    int rc = tables_there(from, tables, ntables, a, &tables, &ntables, e);
    if (rc == 0)
        rc = db_sqlite_alone_open(path, true, &to, e);
    if (rc)
        return rc;
    rc = schema_plan(to, tables, ntables, a, &plan, e);
    if (rc == 0)
        rc = schema_apply(to, &plan, e);
    if (rc == 0)
        rc = db_read_begin(from, e);
    for (size_t i = 0; i < ntables && rc == 0; i++)
        rc = export_table(from, to, &tables[i], a, progress, arg, e);
    for (size_t i = 0; i < ntables && rc == 0; i++)
        rc = rebuild_search(to, &tables[i], e);
    db_read_end(from);
    int end = db_sqlite_alone_close(to, rc == 0 ? e : NULL);
    return rc < 0 ? rc : end;
}

/* The backup is put in the place of what is there: that may be an older one, but no device and no
   directory. */
static int check_target(const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, ERR_IO, "%s: not a regular file", path);
    return 0;
}

int backup_write(struct db *src, const struct table_def *tables, size_t ntables, const char *path,
                 const char *files, progress_fn *progress, void *arg, struct err *e)
{
    struct db_conn *c = NULL;
    struct arena *a = arena_new(0);
    if (!a)
        return err_set(e, ERR_NOMEM, "arena");
    const char *tmp = arena_printf(a, "%s.part", path).p;
    int rc = check_target(path, e);
    if (rc == 0)
        rc = db_reader(src, &c, e);
    if (rc < 0)
        goto out;
    unlink(tmp);
    rc = db_kind(src) == DB_SQLITE ? db_sqlite_copy(c, tmp, progress, arg, e)
                                   : export_all(c, tables, ntables, tmp, a, progress, arg, e);
    if (rc == 0 && files)
        rc = backup_files_put(tmp, files, e);
    if (rc == 0)
        rc = sync_path(tmp, O_RDONLY, e);
    if (rc == 0 && rename(tmp, path) != 0)
        rc = err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (rc == 0)
        rc = sync_directory_of(a, path, e);
    else
        unlink(tmp);
out:
    db_reader_done(c);
    arena_free(a);
    return rc;
}

/* --- restoring ----------------------------------------------------------------------------- */

struct chunk {
    const char *insert; /* of `per` rows */
    const char *insert_one;
    size_t per, ncolumns;
    struct db_value *values;
    size_t nrows;
};

static int insert_chunk(struct db_conn *c, void *arg, struct err *e)
{
    const struct chunk *k = arg;
    size_t at = 0;
    int rc = 0;
    for (; at + k->per <= k->nrows && rc == 0; at += k->per)
        rc = db_exec(c, k->insert, k->values + at * k->ncolumns, k->per * k->ncolumns, NULL, e);
    for (; at < k->nrows && rc == 0; at++)
        rc = db_exec(c, k->insert_one, k->values + at * k->ncolumns, k->ncolumns, NULL, e);
    return rc;
}

/* The columns of the backup's table that the program still has, in `ret_names` and `ret_types`. */
static int common_columns(struct db_conn *from, const struct table_def *t, const char **ret_names,
                          enum column_type *ret_types, size_t *ret_n, struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < t->ncolumns; i++) {
        int64_t there;
        int rc = db_one_i64(from, "SELECT count(*) FROM pragma_table_info($1) WHERE name = $2",
                            DB_ARGS(DB_STR(str_of(t->name)), DB_STR(str_of(t->columns[i].name))), 0,
                            &there, e);
        if (rc < 0)
            return rc;
        if (!there)
            continue;
        ret_names[n] = t->columns[i].name;
        ret_types[n++] = t->columns[i].type;
    }
    *ret_n = n;
    return 0;
}

static int import_table(struct db *dst, struct db_conn *from, const struct table_def *t,
                        progress_fn *progress, void *arg, struct err *e)
{
    struct arena *a = arena_new(0), *texts = arena_new(0);
    struct db_rows *r = NULL;
    int rc = 0, more = 1;
    if (!a || !texts) {
        rc = err_set(e, ERR_NOMEM, "arena");
        goto out;
    }
    const char **names = names_of(a, t);
    enum column_type *column_types = arena_array(a, enum column_type, t->ncolumns + 1);
    struct chunk k = {0};
    rc = common_columns(from, t, names, column_types, &k.ncolumns, e);
    if (rc < 0 || k.ncolumns == 0)
        goto out;
    k.per = k.ncolumns > STATEMENT_ARGS ? 1 : STATEMENT_ARGS / k.ncolumns;
    if (k.per > 64)
        k.per = 64;
    k.insert = insert_sql(a, t->name, names, k.ncolumns, k.per);
    k.insert_one = insert_sql(a, t->name, names, k.ncolumns, 1);
    k.values = arena_array(a, struct db_value, k.ncolumns * CHUNK_ROWS);
    rc = db_query(from, select_sql(a, t->name, names, k.ncolumns), DB_NOARGS, &r, e);
    if (rc < 0)
        goto out;
    int64_t n = 0;
    while (more > 0) {
        for (k.nrows = 0; k.nrows < CHUNK_ROWS && arena_used(texts) < CHUNK_BYTES; k.nrows++) {
            more = db_step(r, e);
            if (more <= 0)
                break;
            struct db_value *v = k.values + k.nrows * k.ncolumns;
            for (unsigned i = 0; i < k.ncolumns; i++) {
                v[i] = value_of(r, i, column_types[i]);
                if (v[i].type == DB_TEXT || v[i].type == DB_BLOB)
                    v[i].s = arena_str(texts, v[i].s);
            }
        }
        rc = more < 0 ? more : 0;
        if (rc == 0 && k.nrows > 0)
            rc = db_transact(dst, DB_BULK, insert_chunk, &k, e);
        if (rc < 0)
            goto out;
        arena_reset(texts);
        n += (int64_t)k.nrows;
        if (progress)
            progress(arg, t->name, n);
    }
out:
    db_rows_done(r);
    arena_free(texts);
    arena_free(a);
    return rc;
}

struct restore {
    const struct table_def *tables;
    size_t ntables;
    struct arena *a;
};

static int drop_keys(struct db_conn *c, void *arg, struct err *e)
{
    struct restore *x = arg;
    struct schema_plan plan;
    int rc = schema_plan_drop_keys(c, x->tables, x->ntables, x->a, &plan, e);
    return rc < 0 ? rc : schema_apply(c, &plan, e);
}

static int put_keys_back(struct db_conn *c, void *arg, struct err *e)
{
    struct restore *x = arg;
    struct schema_plan plan;
    int rc = schema_plan(c, x->tables, x->ntables, x->a, &plan, e);
    if (rc == 0)
        rc = schema_apply(c, &plan, e);
    for (size_t i = 0; i < x->ntables && rc == 0; i++)
        rc = rebuild_search(c, &x->tables[i], e);
    return rc;
}

static int empty_tables(struct db_conn *c, void *arg, struct err *e)
{
    struct restore *x = arg;
    int rc = 0;
    for (size_t i = 0; i < x->ntables && rc == 0; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "DELETE FROM \"%s\"", x->tables[i].name);
        rc = db_exec(c, sql, DB_NOARGS, NULL, e);
    }
    return rc;
}

static int refuse_rows(struct db *dst, const struct restore *x, struct err *e)
{
    struct db_conn *c;
    int rc = db_reader(dst, &c, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < x->ntables && rc == 0; i++) {
        char sql[256];
        int64_t any;
        snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT 1 FROM \"%s\" LIMIT 1) one",
                 x->tables[i].name);
        rc = db_one_i64(c, sql, DB_NOARGS, 0, &any, e);
        if (rc == 0 && any)
            rc = err_set(e, ERR_STATE_CONFLICT, "table %s has rows", x->tables[i].name);
    }
    db_reader_done(c);
    return rc;
}

static void count_finding(void *arg, const char *finding)
{
    log_error("restored data: %s", finding);
    ++*(int64_t *)arg;
}

static int check_keys(struct db_conn *c, const struct table_def *tables, size_t ntables,
                      void (*report)(void *arg, const char *finding), void *arg, struct err *e);

static int load(struct db *dst, struct db_conn *from, struct restore *x, progress_fn *progress,
                void *arg, struct err *e)
{
    struct db_conn *c;
    int64_t findings = 0;
    int rc = 0;
    for (size_t i = 0; i < x->ntables && rc == 0; i++)
        rc = import_table(dst, from, &x->tables[i], progress, arg, e);
    if (rc == 0)
        rc = db_transact(dst, DB_BULK, put_keys_back, x, e);
    if (rc < 0)
        return rc;
    rc = db_reader(dst, &c, e);
    if (rc < 0)
        return rc;
    rc = check_keys(c, x->tables, x->ntables, count_finding, &findings, e);
    db_reader_done(c);
    if (rc == 0 && findings)
        rc = err_set(e, ERR_CORRUPT, "%lld references of the backup point to nothing",
                     (long long)findings);
    return rc;
}

/* A page that is damaged may still give rows: better no restore than a part of one. */
static int check_file(struct db_conn *from, const char *path, struct err *e)
{
    struct db_rows *r = NULL;
    int rc = db_query(from, "PRAGMA quick_check(1)", DB_NOARGS, &r, e);
    if (rc == 0 && (rc = db_step(r, e)) > 0)
        rc = str_is(db_str(r, 0), "ok")
                 ? 0
                 : err_set(e, ERR_CORRUPT, "%s: " STR_FMT, path, STR_ARG(db_str(r, 0)));
    db_rows_done(r);
    return rc;
}

int backup_restore(struct db *dst, const struct table_def *tables, size_t ntables, const char *path,
                   progress_fn *progress, void *arg, struct err *e)
{
    struct db_conn *from = NULL;
    struct restore x = {tables, ntables, arena_new(0)};
    bool sqlite = db_kind(dst) == DB_SQLITE;
    if (!x.a)
        return err_set(e, ERR_NOMEM, "arena");
    int rc = refuse_rows(dst, &x, e);
    if (rc == 0)
        rc = db_sqlite_alone_open(path, false, &from, e);
    if (rc == 0)
        rc = check_file(from, path, e);
    if (rc < 0)
        goto out;
    /* Rows come table by table, and tables may point to each other in circles: references are
       checked when everything is there. */
    if (sqlite)
        db_sqlite_enforce_keys(dst, false);
    rc = db_transact(dst, DB_BULK, drop_keys, &x, e);
    if (rc == 0)
        rc = load(dst, from, &x, progress, arg, e);
    if (rc < 0) {
        /* nothing is left half restored */
        if (db_transact(dst, DB_BULK, empty_tables, &x, NULL) < 0 ||
            db_transact(dst, DB_BULK, put_keys_back, &x, NULL) < 0)
            log_error("a failed restore could not be taken back");
    }
    if (sqlite)
        db_sqlite_enforce_keys(dst, true);
out:
    if (from && db_sqlite_alone_close(from, NULL) < 0)
        log_warn("closing %s failed", path);
    arena_free(x.a);
    return rc;
}

/* --- checking ------------------------------------------------------------------------------ */

static int check_key(struct db_conn *c, const struct table_def *t, const struct column_def *col,
                     const char *target_key, void (*report)(void *arg, const char *finding),
                     void *arg, struct err *e)
{
    char sql[1024], text[256];
    int64_t n;
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM \"%s\" c LEFT JOIN \"%s\" p ON p.\"%s\" = c.\"%s\""
             " WHERE c.\"%s\" IS NOT NULL AND p.\"%s\" IS NULL",
             t->name, col->references, target_key, col->name, col->name, target_key);
    int rc = db_one_i64(c, sql, DB_NOARGS, 0, &n, e);
    if (rc < 0 || n == 0)
        return rc;
    snprintf(text, sizeof text, "%lld rows of %s: %s points to no row of %s", (long long)n, t->name,
             col->name, col->references);
    report(arg, text);
    return 0;
}

static int check_keys(struct db_conn *c, const struct table_def *tables, size_t ntables,
                      void (*report)(void *arg, const char *finding), void *arg, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < ntables && rc == 0; i++) {
        for (size_t j = 0; j < tables[i].ncolumns && rc == 0; j++) {
            const struct column_def *col = &tables[i].columns[j];
            char key[64] = "id";
            if (!col->references)
                continue;
            for (size_t k = 0; k < ntables; k++) {
                struct str cols[8];
                if (strcmp(tables[k].name, col->references) != 0)
                    continue;
                size_t n = schema_key_columns(tables[k].primary_key, cols, 8);
                snprintf(key, sizeof key, STR_FMT, STR_ARG(cols[n ? n - 1 : 0]));
            }
            rc = check_key(c, &tables[i], col, key, report, arg, e);
        }
    }
    return rc;
}

struct search_check {
    const struct table_def *t;
};

/* FTS5 compares its index with the table's texts; it counts as writing, so it is a job. */
static int check_search(struct db_conn *c, void *arg, struct err *e)
{
    const struct search_check *x = arg;
    char sql[256];
    snprintf(sql, sizeof sql,
             "INSERT INTO \"%s_words\"(\"%s_words\", rank) VALUES ('integrity-check', 1)",
             x->t->name, x->t->name);
    return db_exec(c, sql, DB_NOARGS, NULL, e);
}

static int check_own(struct db_conn *c, void (*report)(void *arg, const char *finding), void *arg,
                     struct err *e)
{
    struct db_rows *r;
    int rc = db_query(c, "PRAGMA integrity_check", DB_NOARGS, &r, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(r, e)) > 0) {
        struct str s = db_str(r, 0);
        if (!str_is(s, "ok"))
            report(arg, s.p);
    }
    db_rows_done(r);
    return rc;
}

/* PostgreSQL has no check of its own that an ordinary role may run: every row is read once. */
static int read_all(struct db_conn *c, const struct table_def *t, struct err *e)
{
    char sql[256];
    int64_t n;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%s\"", t->name);
    return db_one_i64(c, sql, DB_NOARGS, 0, &n, e);
}

struct counter {
    void (*report)(void *arg, const char *finding);
    void *arg;
    int64_t n;
};

static void count(void *arg, const char *finding)
{
    struct counter *k = arg;
    k->n++;
    if (k->report)
        k->report(k->arg, finding);
}

int backup_check(struct db *db, const struct table_def *tables, size_t ntables,
                 void (*report)(void *arg, const char *finding), void *arg, int64_t *ret_findings,
                 struct err *e)
{
    struct counter k = {report, arg, 0};
    struct db_conn *c;
    bool sqlite = db_kind(db) == DB_SQLITE;
    int rc = db_reader(db, &c, e);
    if (rc < 0)
        return rc;
    if (sqlite)
        rc = check_own(c, count, &k, e);
    for (size_t i = 0; !sqlite && i < ntables && rc == 0; i++)
        rc = read_all(c, &tables[i], e);
    if (rc == 0)
        rc = check_keys(c, tables, ntables, count, &k, e);
    db_reader_done(c);
    for (size_t i = 0; sqlite && i < ntables && rc == 0; i++) {
        struct search_check x = {&tables[i]};
        if (!tables[i].fulltext)
            continue;
        rc = db_transact(db, DB_BULK, check_search, &x, e);
        if (rc == ERR_CORRUPT) {
            char text[256];
            snprintf(text, sizeof text, "the search index of %s does not fit its texts",
                     tables[i].name);
            count(&k, text);
            err_clear(e);
            rc = 0;
        }
    }
    if (rc == 0)
        *ret_findings = k.n;
    return rc;
}
