/* SQLite: one connection, its cache of prepared statements, and the mapping of its errors. */
#define LOG_MODULE "db"
#include "db/sqlite.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- errors -------------------------------------------------------------------------------- */

static bool is_space_error(int sys)
{
    return sys == ENOSPC || sys == EDQUOT || sys == EFBIG;
}

/* sqlite3_system_errno() stays 0 when a COMMIT fails; the files themselves remember. */
static int last_errno(sqlite3 *h)
{
    sqlite3_file *file = NULL;
    int sys = sqlite3_system_errno(h);
    static const int ops[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};
    for (size_t i = 0; i < 2 && !sys; i++) {
        file = NULL;
        sqlite3_file_control(h, "main", ops[i], &file);
        if (file && file->pMethods)
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &sys);
    }
    return sys;
}

/* "UNIQUE constraint failed: t.a, t.b" names table and columns; nothing else does. */
static void constraint_params(struct err *e, int rc, const char *message)
{
    const char *kind = "check";
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
        rc == SQLITE_CONSTRAINT_ROWID)
        kind = "unique";
    else if (rc == SQLITE_CONSTRAINT_FOREIGNKEY)
        kind = "foreign-key";
    else if (rc == SQLITE_CONSTRAINT_NOTNULL)
        kind = "not-null";
    db_err_param(e, "kind", kind, strlen(kind));

    const char *p = strstr(message, "failed: ");
    if (!p || kind[0] == 'c' || kind[0] == 'f')
        return;
    p += 8;
    const char *dot = strchr(p, '.');
    if (!dot || strncmp(p, "index '", 7) == 0)
        return;
    size_t table = (size_t)(dot - p);
    db_err_param(e, "table", p, table);
    char columns[512];
    size_t n = 0;
    while (*p && n + 1 < sizeof columns) {
        if (strncmp(p, dot - table, table + 1) == 0)
            p += table + 1; /* drop "t." before each column */
        while (*p && *p != ' ' && n + 1 < sizeof columns)
            columns[n++] = *p++;
        while (*p == ' ')
            p++;
    }
    db_err_columns(e, columns, n);
}

int sqlite_error(struct sqlite_conn *c, int rc, struct err *e)
{
    int ext = c->h ? sqlite3_extended_errcode(c->h) : rc;
    if ((ext & 0xff) != (rc & 0xff))
        ext = rc;
    int sys = c->h && (ext & 0xff) == SQLITE_IOERR ? last_errno(c->h)
              : c->h                               ? sqlite3_system_errno(c->h)
                                                   : 0;
    const char *message = c->h ? sqlite3_errmsg(c->h) : sqlite3_errstr(rc);
    int code = ERR_INTERNAL;
    c->base.failed = true;
    switch (ext & 0xff) {
    case SQLITE_CONSTRAINT:
        err_set(e, ERR_CONSTRAINT, "%s", message);
        constraint_params(e, ext, message);
        return ERR_CONSTRAINT;
    case SQLITE_FULL:
        code = ERR_STORAGE_FULL;
        break;
    case SQLITE_IOERR:
        code = ext == SQLITE_IOERR_NOMEM ? ERR_NOMEM
               : is_space_error(sys)     ? ERR_STORAGE_FULL
                                         : ERR_IO;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = ERR_CORRUPT;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = ERR_BUSY;
        break;
    case SQLITE_NOMEM:
        code = ERR_NOMEM;
        break;
    case SQLITE_CANTOPEN:
        code = is_space_error(sys) ? ERR_STORAGE_FULL : ERR_DATABASE_UNAVAILABLE;
        break;
    case SQLITE_INTERRUPT:
        code = c->too_slow ? ERR_QUERY_TOO_SLOW : ERR_CANCELLED;
        break;
    case SQLITE_TOOBIG:
        code = ERR_TOO_LARGE;
        break;
    default:
        break;
    }
    return err_set(e, code, "sqlite %d (errno %d): %s", ext, sys, message);
}

/* --- the statement cache ------------------------------------------------------------------- */

static void unlink_use(struct sqlite_conn *c, struct sqlite_rows *r)
{
    *(r->newer ? &r->newer->older : &c->newest) = r->older;
    *(r->older ? &r->older->newer : &c->oldest) = r->newer;
    r->newer = r->older = NULL;
}

static void link_newest(struct sqlite_conn *c, struct sqlite_rows *r)
{
    r->newer = NULL;
    r->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = r;
    c->newest = r;
}

static void rows_free(struct sqlite_rows *r)
{
    sqlite3_finalize(r->st);
    free(r->order);
    free(r->copies);
    free(r->text);
    free(r);
}

static void cache_remove(struct sqlite_conn *c, struct sqlite_rows *r)
{
    struct sqlite_rows **p = &c->buckets[r->hash % SQLITE_BUCKETS];
    while (*p && *p != r)
        p = &(*p)->chain;
    assert(*p);
    *p = r->chain;
    unlink_use(c, r);
    c->ncached--;
}

static void cache_insert(struct sqlite_conn *c, struct sqlite_rows *r)
{
    struct sqlite_rows *old = c->oldest;
    while (c->ncached >= c->max_cached && old) {
        struct sqlite_rows *newer = old->newer;
        if (!old->busy) {
            cache_remove(c, old);
            rows_free(old);
        }
        old = newer;
    }
    struct sqlite_rows **bucket = &c->buckets[r->hash % SQLITE_BUCKETS];
    r->chain = *bucket;
    *bucket = r;
    r->cached = true;
    link_newest(c, r);
    c->ncached++;
}

/* $n is a *named* parameter in SQLite: its position is the order of first appearance. Which
   position carries which $n is worked out once. */
static int map_params(struct sqlite_rows *r, struct err *e)
{
    r->nbound = (unsigned)sqlite3_bind_parameter_count(r->st);
    if (r->nbound == 0)
        return 0;
    r->order = calloc(r->nbound, sizeof *r->order);
    if (!r->order)
        return err_set(e, ERR_NOMEM, "parameter map");
    for (unsigned i = 0; i < r->nbound; i++) {
        const char *name = sqlite3_bind_parameter_name(r->st, (int)i + 1);
        char *end = NULL;
        long n = name && *name == '$' ? strtol(name + 1, &end, 10) : 0;
        if (n < 1 || n > 32766 || *end)
            return err_set(e, ERR_INTERNAL, "parameter %s: only $1..$n", name ? name : "?");
        r->order[i] = (unsigned short)(n - 1);
        if ((unsigned)n > r->nargs)
            r->nargs = (unsigned)n;
    }
    return 0;
}

static int prepare(struct sqlite_conn *c, const char *sql, size_t n, uint64_t hash,
                   struct sqlite_rows **ret, struct err *e)
{
    const char *tail = NULL;
    int rc;
    struct sqlite_rows *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, ERR_NOMEM, "statement");
    r->base = (struct db_rows){c->base.driver, &c->base};
    r->hash = hash;
    r->text_n = n;
    r->text = strdup(sql);
    if (!r->text) {
        rc = err_set(e, ERR_NOMEM, "statement");
        goto fail;
    }
    rc = sqlite3_prepare_v3(c->h, r->text, (int)n + 1, SQLITE_PREPARE_PERSISTENT, &r->st, &tail);
    if (rc != SQLITE_OK) {
        rc = sqlite_error(c, rc, e);
        goto fail;
    }
    while (tail && (*tail == ' ' || *tail == ';' || *tail == '\n'))
        tail++;
    if (!r->st || (tail && *tail)) {
        rc = err_set(e, ERR_INTERNAL, "one statement per call");
        goto fail;
    }
    rc = map_params(r, e);
    if (rc < 0)
        goto fail;
    r->counts = db_is_dml(sql) && !sqlite3_stmt_readonly(r->st);
    *ret = r;
    return 0;
fail:
    c->base.failed = true;
    rows_free(r);
    return rc;
}

static int find_statement(struct sqlite_conn *c, const char *sql, struct sqlite_rows **ret,
                          struct err *e)
{
    size_t n = strlen(sql);
    uint64_t hash = db_text_hash(sql, n);
    struct sqlite_rows *r = c->buckets[hash % SQLITE_BUCKETS];
    while (r && (r->hash != hash || r->text_n != n || memcmp(r->text, sql, n) != 0))
        r = r->chain;
    if (r && !r->busy) {
        if (c->newest != r) {
            unlink_use(c, r);
            link_newest(c, r);
        }
        *ret = r;
        return 0;
    }
    /* The same text while its rows are open gets a statement of its own, not kept. */
    struct sqlite_rows *fresh = NULL;
    int rc = prepare(c, sql, n, hash, &fresh, e);
    if (rc < 0)
        return rc;
    assert(fresh);
    if (!r)
        cache_insert(c, fresh);
    *ret = fresh;
    return 0;
}

/* --- binding ------------------------------------------------------------------------------- */

/* Arguments are borrowed for the call only. When the rows outlive it, texts are copied into a
   buffer that belongs to the statement and is reused, instead of one allocation per text. */
static int copies_reserve(struct sqlite_rows *r, const struct db_value *args, struct err *e)
{
    size_t need = 0;
    for (unsigned i = 0; i < r->nargs; i++)
        if (args[i].type == DB_TEXT || args[i].type == DB_BLOB)
            need += args[i].s.n;
    if (need <= r->copies_cap)
        return 0;
    char *p = realloc(r->copies, need + 64);
    if (!p)
        return err_set(e, ERR_NOMEM, "%zu bytes of parameters", need);
    r->copies = p;
    r->copies_cap = need + 64;
    return 0;
}

static int bind_all(struct sqlite_conn *c, struct sqlite_rows *r, const struct db_value *args,
                    bool whole, struct err *e)
{
    size_t used = 0;
    if (!whole) {
        int err = copies_reserve(r, args, e);
        if (err < 0)
            return err;
    }
    for (unsigned i = 0; i < r->nbound; i++) {
        const struct db_value *v = &args[r->order[i]];
        int at = (int)i + 1, rc = SQLITE_OK;
        switch (v->type) {
        case DB_NULL:
            rc = sqlite3_bind_null(r->st, at);
            break;
        case DB_INT:
            rc = sqlite3_bind_int64(r->st, at, v->i);
            break;
        case DB_REAL:
            rc = sqlite3_bind_double(r->st, at, v->f);
            break;
        case DB_TEXT:
        case DB_BLOB: {
            const char *p = v->s.p ? v->s.p : "";
            if (!whole && v->s.n) {
                p = memcpy(r->copies + used, p, v->s.n);
                used += v->s.n;
            }
            rc = v->type == DB_TEXT
                     ? sqlite3_bind_text64(r->st, at, p, v->s.n, SQLITE_STATIC, SQLITE_UTF8)
                     : sqlite3_bind_blob64(r->st, at, p, v->s.n, SQLITE_STATIC);
            break;
        }
        }
        if (rc != SQLITE_OK)
            return sqlite_error(c, rc, e);
    }
    return 0;
}

/* --- rows ---------------------------------------------------------------------------------- */

static struct sqlite_rows *rows_of(const struct db_rows *r)
{
    return (struct sqlite_rows *)r;
}

/* The statement can be used again. */
static void put_down(struct sqlite_conn *c, struct sqlite_rows *r)
{
    sqlite3_reset(r->st);
    r->busy = false;
    c->nbusy--;
    if (r->copies_cap > 65536) {
        sqlite3_clear_bindings(r->st);
        free(r->copies);
        r->copies = NULL;
        r->copies_cap = 0;
    }
}

static void sqlite_rows_done(struct db_rows *base)
{
    struct sqlite_rows *r = rows_of(base);
    put_down((struct sqlite_conn *)base->conn, r);
    if (!r->cached)
        rows_free(r);
}

static int sqlite_query(struct db_conn *base, const char *sql, const struct db_value *args,
                        size_t nargs, bool whole, struct db_rows **ret_rows, struct err *e)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    struct sqlite_rows *r;
    if (base->failed) {
        if (base->writer && !db_is_rollback(sql))
            return err_set(e, ERR_INTERNAL, "a statement of this job failed before: %.120s", sql);
        base->failed = false;
    }
    int rc = find_statement(c, sql, &r, e);
    if (rc < 0)
        return rc;
    r->busy = true;
    r->finished = false;
    r->changed = 0;
    c->nbusy++;
    if (nargs != r->nargs) {
        base->failed = true;
        rc = err_set(e, ERR_INTERNAL, "%zu arguments for $1..$%u: %.120s", nargs, r->nargs, sql);
    } else {
        rc = bind_all(c, r, args, whole, e);
    }
    if (rc < 0) {
        sqlite_rows_done(&r->base);
        return rc;
    }
    *ret_rows = &r->base;
    return 0;
}

static int on_progress(void *arg)
{
    struct sqlite_conn *c = arg;
    c->too_slow = c->spent_us + clock_mono_us() - c->step_start_us > c->budget_us;
    return c->too_slow;
}

static int sqlite_step(struct db_rows *base, struct err *e)
{
    struct sqlite_rows *r = rows_of(base);
    struct sqlite_conn *c = (struct sqlite_conn *)base->conn;
    int rc;
    if (r->finished)
        return 0;
    if (c->budget_us) {
        c->step_start_us = clock_mono_us();
        if (c->spent_us > c->budget_us)
            return err_set(e, ERR_QUERY_TOO_SLOW, "budget of %lld us is used up",
                           (long long)c->budget_us);
        rc = sqlite3_step(r->st);
        c->spent_us += clock_mono_us() - c->step_start_us;
    } else {
        rc = sqlite3_step(r->st);
    }
    if (rc == SQLITE_ROW)
        return 1;
    r->finished = true;
    if (rc != SQLITE_DONE)
        return sqlite_error(c, rc, e);
    if (r->counts)
        r->changed = sqlite3_changes64(c->h);
    return 0;
}

static int64_t sqlite_changed(const struct db_rows *r)
{
    return rows_of(r)->changed;
}

static unsigned sqlite_cols(const struct db_rows *r)
{
    return (unsigned)sqlite3_column_count(rows_of(r)->st);
}

static bool sqlite_is_null(const struct db_rows *r, unsigned col)
{
    return sqlite3_column_type(rows_of(r)->st, (int)col) == SQLITE_NULL;
}

static int64_t sqlite_i64(const struct db_rows *r, unsigned col)
{
    return sqlite3_column_int64(rows_of(r)->st, (int)col);
}

static double sqlite_f64(const struct db_rows *r, unsigned col)
{
    return sqlite3_column_double(rows_of(r)->st, (int)col);
}

static struct str sqlite_str(const struct db_rows *r, unsigned col)
{
    sqlite3_stmt *st = rows_of(r)->st;
    const char *p = (const char *)sqlite3_column_text(st, (int)col);
    return (struct str){p, p ? (size_t)sqlite3_column_bytes(st, (int)col) : 0};
}

static struct str sqlite_bytes(const struct db_rows *r, unsigned col)
{
    sqlite3_stmt *st = rows_of(r)->st;
    if (sqlite3_column_type(st, (int)col) == SQLITE_NULL)
        return STR_NULL;
    const char *p = sqlite3_column_blob(st, (int)col);
    return (struct str){p ? p : "", (size_t)sqlite3_column_bytes(st, (int)col)};
}

void sqlite_finish_all(struct sqlite_conn *c)
{
    if (c->nbusy == 0)
        return;
    log_warn("%u statements were left open", c->nbusy);
    for (struct sqlite_rows *r = c->newest; r; r = r->older)
        if (r->busy)
            put_down(c, r);
}

/* --- opening and closing ------------------------------------------------------------------- */

static const char *writers_vfs; /* NULL: SQLite's own */

static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* its mutex is the only one all threads share */
    writers_vfs = sqlite_log_vfs();
}

/* The writer changes pages, and those it copies anyway: mapping the file would only make its memory
   look twice as large. 48 MB of cache import as fast as 128 (measured with 1 M orders). Readers
   work in the mapping and need little of their own. Pages of 8 KB make trees a level lower: an
   import takes a tenth less than with 4. Files made before keep theirs. */
static const char *const pragmas[][12] = {
    [SQLITE_READER] = {"PRAGMA cache_size=-8000", "PRAGMA query_only=ON", NULL},
    [SQLITE_WRITER] = {"PRAGMA page_size=8192", "PRAGMA journal_mode=WAL",
                       "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON",
                       "PRAGMA cache_size=-48000", "PRAGMA mmap_size=0",
                       "PRAGMA journal_size_limit=67108864",
                       /* Debian's library would write zeros over all that is freed. */
                       "PRAGMA secure_delete=OFF", NULL},
    /* Only who has read the file knows that there is a log. */
    [SQLITE_CHECKPOINTER] = {"PRAGMA synchronous=FULL", "PRAGMA cache_size=-400",
                             "PRAGMA mmap_size=0", "PRAGMA schema_version", NULL},
    /* A file being made: if the process dies the file is thrown away, so nothing is journalled. */
    [SQLITE_ALONE] = {"PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF",
                      "PRAGMA cache_size=-64000", NULL},
    [SQLITE_ALONE_READER] = {"PRAGMA query_only=ON", NULL},
};
static const char *const pragmas_all[] = {"PRAGMA trusted_schema=OFF", "PRAGMA temp_store=MEMORY",
                                          "PRAGMA mmap_size=134217728", NULL};

static int run_pragmas(struct sqlite_conn *c, const char *const *list, struct err *e)
{
    for (; *list; list++) {
        int rc = sqlite3_exec(c->h, *list, NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return sqlite_error(c, rc, e);
    }
    return 0;
}

int sqlite_conn_open(struct db *db, const char *path, enum sqlite_role role,
                     struct sqlite_conn **ret_conn, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_once);

    struct sqlite_conn *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_NOMEM, "connection");
    c->base.driver = &db_driver_sqlite;
    c->base.db = db;
    c->base.writer = role == SQLITE_WRITER;
    c->max_cached = role == SQLITE_READER ? 128 : 256;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE;
    if (role == SQLITE_WRITER || role == SQLITE_ALONE)
        flags |= SQLITE_OPEN_CREATE;
    if (role == SQLITE_ALONE_READER)
        flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READONLY;
    int rc = sqlite3_open_v2(path, &c->h, flags, role == SQLITE_WRITER ? writers_vfs : NULL);
    if (rc != SQLITE_OK) {
        rc = sqlite_error(c, rc, e);
        goto fail;
    }
    sqlite3_busy_timeout(c->h, 5000);
    sqlite3_db_config(c->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    rc = run_pragmas(c, pragmas_all, e);
    if (rc == 0)
        rc = run_pragmas(c, pragmas[role], e);
    if (rc < 0)
        goto fail;
    *ret_conn = c;
    return 0;
fail:
    sqlite_conn_close(c);
    return rc;
}

void sqlite_conn_close(struct sqlite_conn *c)
{
    if (!c)
        return;
    for (struct sqlite_rows *r = c->newest, *older; r; r = older) {
        older = r->older;
        rows_free(r);
    }
    sqlite3_close_v2(c->h);
    free(c->base.after);
    db_notes_free(&c->base);
    free(c);
}

/* --- reading ------------------------------------------------------------------------------- */

static int sqlite_reader(struct db *base, struct db_conn **ret_conn, struct err *e)
{
    struct sqlite_db *db = (struct sqlite_db *)base;
    struct sqlite_conn *c;
    int rc = 0;
    pthread_mutex_lock(&db->lock);
    while (!db->free && db->nreaders >= db->max_readers && rc == 0)
        if (!cond_wait_us(&db->freed, &db->lock, 5000000))
            rc = ERR_BUSY;
    c = db->free;
    if (c) {
        db->free = c->next_free;
        rc = 0;
    } else if (rc == 0) {
        db->nreaders++;
    }
    pthread_mutex_unlock(&db->lock);
    if (rc < 0)
        return err_set(e, rc, "%u readers are in use", db->max_readers);
    if (!c) {
        rc = sqlite_conn_open(base, db->path, SQLITE_READER, &c, e);
        if (rc < 0) {
            pthread_mutex_lock(&db->lock);
            db->nreaders--;
            pthread_cond_signal(&db->freed);
            pthread_mutex_unlock(&db->lock);
            return rc;
        }
    }
    *ret_conn = &c->base;
    return 0;
}

static void sqlite_budget(struct db_conn *base, int64_t us)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    c->budget_us = us;
    c->spent_us = 0;
    c->too_slow = false;
    sqlite3_progress_handler(c->h, us ? 500 : 0, us ? on_progress : NULL, us ? c : NULL);
}

static int run_simple(struct db_conn *c, const char *sql, struct err *e)
{
    return db_exec(c, sql, DB_NOARGS, NULL, e);
}

static int sqlite_read_begin(struct db_conn *base, struct err *e)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    int64_t version;
    int rc = run_simple(base, "BEGIN", e);
    if (rc < 0)
        return rc;
    c->in_read = true;
    /* BEGIN alone fixes nothing: the first read does. */
    rc = db_one_i64(base, "PRAGMA schema_version", DB_NOARGS, 0, &version, e);
    if (rc < 0)
        db_read_end(base);
    return rc;
}

static void sqlite_read_end(struct db_conn *base)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    if (!c->in_read)
        return;
    sqlite_finish_all(c);
    c->in_read = false;
    if (sqlite3_get_autocommit(c->h))
        return;
    int64_t budget = c->budget_us;
    c->budget_us = 0; /* ending is not work */
    if (run_simple(base, "COMMIT", NULL) < 0 && run_simple(base, "ROLLBACK", NULL) < 0)
        log_warn("a read transaction cannot be ended: %s", sqlite3_errmsg(c->h));
    c->budget_us = budget;
}

static void sqlite_reader_done(struct db_conn *base)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    struct sqlite_db *db = (struct sqlite_db *)base->db;
    sqlite_finish_all(c);
    if (c->in_read)
        sqlite_read_end(base);
    if (c->budget_us)
        sqlite_budget(base, 0);
    base->failed = false;
    pthread_mutex_lock(&db->lock);
    c->next_free = db->free;
    db->free = c;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
}

/* --- the database -------------------------------------------------------------------------- */

static void sqlite_free(struct sqlite_db *db)
{
    while (db->free) {
        struct sqlite_conn *c = db->free;
        db->free = c->next_free;
        sqlite_conn_close(c);
    }
    sqlite_conn_close(db->writer); /* last: it removes the WAL */
    pthread_cond_destroy(&db->freed);
    pthread_mutex_destroy(&db->lock);
    db_base_free(&db->base);
    free(db->path);
    free(db);
}

static void sqlite_close(struct db *base)
{
    struct sqlite_db *db = (struct sqlite_db *)base;
    db_queue_close(&base->queue);
    pthread_join(db->thread, NULL);
    sqlite_checkpoint_stop(db);
    sqlite_free(db);
}

int db_sqlite_open(const struct db_options *o, struct db **ret_db, struct err *e)
{
    struct sqlite_db *db = calloc(1, sizeof *db);
    if (!db)
        return err_set(e, ERR_NOMEM, "database");
    int rc = db_base_init(&db->base, &db_driver_sqlite, o, e);
    if (rc < 0) {
        free(db);
        return rc;
    }
    pthread_mutex_init(&db->lock, NULL);
    db->max_readers = o->readers ? o->readers : 8;
    db->path = strdup(o->path);
    if (!db->path || cond_init(&db->freed) < 0) {
        free(db->path);
        pthread_mutex_destroy(&db->lock);
        db_base_free(&db->base);
        free(db);
        return err_set(e, ERR_NOMEM, "database");
    }
    rc = sqlite_conn_open(&db->base, db->path, SQLITE_WRITER, &db->writer, e);
    if (rc == 0)
        rc = sqlite_checkpoint_start(db, e);
    if (rc == 0)
        rc = sqlite_writer_start(db, e);
    if (rc < 0) {
        sqlite_checkpoint_stop(db);
        sqlite_free(db);
        return rc;
    }
    *ret_db = &db->base;
    return 0;
}

void db_sqlite_enforce_keys(struct db *db, bool on)
{
    atomic_store(&((struct sqlite_db *)db)->keys_off, !on);
}

const struct db_driver db_driver_sqlite = {
    .kind = DB_SQLITE,
    .close = sqlite_close,
    .reader = sqlite_reader,
    .reader_done = sqlite_reader_done,
    .read_begin = sqlite_read_begin,
    .read_end = sqlite_read_end,
    .budget = sqlite_budget,
    .query = sqlite_query,
    .step = sqlite_step,
    .rows_done = sqlite_rows_done,
    .changed = sqlite_changed,
    .cols = sqlite_cols,
    .is_null = sqlite_is_null,
    .i64 = sqlite_i64,
    .f64 = sqlite_f64,
    .str = sqlite_str,
    .bytes = sqlite_bytes,
};
