/* PostgreSQL: one connection, its prepared statements, and the mapping of SQLSTATEs. */
#define LOG_MODULE "db"
#include "db/pg.h"

#include "base/clock.h"
#include "base/log.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- errors -------------------------------------------------------------------------------- */

enum effect { PLAIN, AGAIN, LOST, FLUSH };

static const struct {
    const char *state; /* a prefix */
    int code;
    const char *kind;
    enum effect effect;
} states[] = {
    {"23505", ERR_CONSTRAINT, "unique", PLAIN},
    {"23503", ERR_CONSTRAINT, "foreign-key", PLAIN},
    {"23502", ERR_CONSTRAINT, "not-null", PLAIN},
    {"23514", ERR_CONSTRAINT, "check", PLAIN},
    {"22003", ERR_CONSTRAINT, "check", PLAIN},
    {"22021", ERR_BAD_UTF8, NULL, PLAIN},
    {"40001", ERR_RETRY, NULL, AGAIN},
    {"40P01", ERR_RETRY, NULL, AGAIN},
    {"08", ERR_RETRY, NULL, LOST},
    {"57P", ERR_RETRY, NULL, LOST},
    {"25P03", ERR_RETRY, NULL, LOST},
    {"26000", ERR_RETRY, NULL, FLUSH}, /* a prepared statement the server does not know */
    {"0A000", ERR_RETRY, NULL, FLUSH}, /* "cached plan must not change result type" */
    {"53100", ERR_STORAGE_FULL, NULL, PLAIN},
    {"53200", ERR_NOMEM, NULL, PLAIN},
    {"53", ERR_DATABASE_UNAVAILABLE, NULL, PLAIN},
    {"55P03", ERR_BUSY, NULL, PLAIN},
    {"54", ERR_TOO_LARGE, NULL, PLAIN},
    {"58030", ERR_IO, NULL, PLAIN},
    {"XX001", ERR_CORRUPT, NULL, PLAIN},
    {"XX002", ERR_CORRUPT, NULL, PLAIN},
};

/* "Key (a, b)=(1, 2) already exists." in whatever language the server speaks. */
static void unique_columns(struct err *e, const char *detail)
{
    const char *open = detail ? strchr(detail, '(') : NULL;
    const char *close = open ? strstr(open, ")=(") : NULL;
    if (close)
        db_err_columns(e, open + 1, (size_t)(close - open) - 1);
}

static void constraint_params(const PGresult *res, const char *kind, struct err *e)
{
    const char *table = PQresultErrorField(res, PG_DIAG_TABLE_NAME);
    const char *column = PQresultErrorField(res, PG_DIAG_COLUMN_NAME);
    db_err_param(e, "kind", kind, strlen(kind));
    if (table)
        db_err_param(e, "table", table, strlen(table));
    if (column)
        db_err_columns(e, column, strlen(column));
    else if (strcmp(kind, "unique") == 0)
        unique_columns(e, PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL));
}

int pg_error(struct pg_conn *c, const PGresult *res, struct err *e)
{
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!text)
        text = PQerrorMessage(c->pg);
    if (PQstatus(c->pg) == CONNECTION_BAD)
        c->lost = true;
    if (!state)
        state = c->lost ? "08006" : "XX000";
    c->base.failed = true;

    int code = ERR_INTERNAL;
    if (strcmp(state, "57014") == 0) {
        code = c->budget_us ? ERR_QUERY_TOO_SLOW : ERR_CANCELLED;
        return err_set(e, code, "%s: %s", state, text);
    }
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strncmp(state, states[i].state, strlen(states[i].state)) != 0)
            continue;
        if (states[i].effect == FLUSH && state[0] == '0' && !strstr(text, "plan"))
            break; /* some other feature that is not supported */
        code = states[i].code;
        err_set(e, code, "%s: %s", state, text);
        if (states[i].kind)
            constraint_params(res, states[i].kind, e);
        c->again |= states[i].effect != PLAIN;
        c->lost |= states[i].effect == LOST;
        c->flush |= states[i].effect == FLUSH;
        return code;
    }
    return err_set(e, code, "%s: %s", state, text);
}

/* --- connecting ---------------------------------------------------------------------------- */

static void quiet(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

static void statement_free(struct pg_statement *s)
{
    free(s->text);
    free(s->types);
    free(s);
}

static void forget_statements(struct pg_conn *c)
{
    while (c->newest) {
        struct pg_statement *s = c->newest;
        c->newest = s->older;
        statement_free(s);
    }
    c->oldest = NULL;
    c->ncached = 0;
    memset(c->buckets, 0, sizeof c->buckets);
}

/* The tenant's schema stands in the start-up packet, never in a plain SET: behind a pooler a SET
   would stay with the server's session and leak into another tenant's. */
static PGconn *dial(const char *url, const char *schema, struct err *e)
{
    const char *keys[64], *vals[64];
    char options[1024];
    int n = 0;
    char *wrong = NULL;
    PQconninfoOption *list = PQconninfoParse(url, &wrong);
    if (!list) {
        err_set(e, ERR_USAGE, "database URL: %s", wrong ? wrong : "out of memory");
        PQfreemem(wrong);
        return NULL;
    }
    const char *given = "";
    bool timeout = false;
    for (const PQconninfoOption *o = list; o->keyword && n < 56; o++) {
        if (!o->val)
            continue;
        if (strcmp(o->keyword, "options") == 0) {
            given = o->val;
            continue;
        }
        timeout |= strcmp(o->keyword, "connect_timeout") == 0;
        keys[n] = o->keyword;
        vals[n++] = o->val;
    }
    snprintf(options, sizeof options, "%s -c search_path=%s -c timezone=UTC", given, schema);
    const char *const more[][2] = {{"options", options},
                                   {"client_encoding", "UTF8"},
                                   {"fallback_application_name", "patron"},
                                   {timeout ? NULL : "connect_timeout", "5"}};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (!more[i][0])
            continue;
        keys[n] = more[i][0];
        vals[n++] = more[i][1];
    }
    keys[n] = vals[n] = NULL;
    PGconn *pg = PQconnectdbParams(keys, vals, 0);
    PQconninfoFree(list);
    if (!pg || PQstatus(pg) != CONNECTION_OK) {
        err_set(e, ERR_DATABASE_UNAVAILABLE, "%s", pg ? PQerrorMessage(pg) : "out of memory");
        PQfinish(pg);
        return NULL;
    }
    return pg;
}

int pg_connect(struct pg_conn *c, struct err *e)
{
    struct pg_db *db = (struct pg_db *)c->base.db;
    struct err mine;
    err_init(&mine, NULL);
    PQfinish(c->pg);
    c->pg = NULL;
    forget_statements(c);
    c->lost = true;
    PGconn *pg = dial(db->url, db->schema, &mine);
    if (!pg)
        return err_set(e, mine.code, "%s", mine.detail);
    const char *encoding = PQparameterStatus(pg, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") != 0) {
        err_set(e, ERR_DATABASE_UNAVAILABLE, "the database's encoding is %s, it must be UTF8",
                encoding ? encoding : "unknown");
        PQfinish(pg);
        return ERR_DATABASE_UNAVAILABLE;
    }
    PQsetNoticeReceiver(pg, quiet, NULL);
    c->pg = pg;
    c->lost = c->again = c->flush = c->in_read = c->base.failed = false;
    c->timeout_ms = 0;
    c->nput = 0;
    return 0;
}

struct pg_conn *pg_conn_new(struct pg_db *db, bool writer)
{
    struct pg_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->base = (struct db_conn){.driver = &db_driver_postgres, .db = &db->base, .writer = writer};
    c->lost = true;
    return c;
}

void pg_conn_free(struct pg_conn *c)
{
    if (!c)
        return;
    while (c->spare) {
        struct pg_rows *r = c->spare;
        c->spare = r->next;
        pg_rows_free(r);
    }
    forget_statements(c);
    PQfinish(c->pg);
    free(c->values);
    free(c->lengths);
    free(c->formats);
    free(c->oids);
    free(c->numbers);
    free(c->base.after);
    db_notes_free(&c->base);
    free(c);
}

int pg_simple(struct pg_conn *c, const char *sql, char *ret_text, size_t n, struct err *e)
{
    PGresult *res = PQexec(c->pg, sql);
    ExecStatusType status = PQresultStatus(res);
    int rc = 0;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        rc = pg_error(c, res, e);
    else if (ret_text)
        snprintf(ret_text, n, "%s",
                 status == PGRES_COMMAND_OK ? PQcmdStatus(res)
                 : PQntuples(res) > 0       ? PQgetvalue(res, 0, 0)
                                            : "");
    PQclear(res);
    return rc;
}

/* --- the statement cache ------------------------------------------------------------------- */

static void unlink_use(struct pg_conn *c, struct pg_statement *s)
{
    *(s->newer ? &s->newer->older : &c->newest) = s->older;
    *(s->older ? &s->older->newer : &c->oldest) = s->newer;
    s->newer = s->older = NULL;
}

static void link_newest(struct pg_conn *c, struct pg_statement *s)
{
    s->newer = NULL;
    s->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = s;
    c->newest = s;
}

/* Preparing and dropping are asked and answered, which cannot be between statements that are put.

   The server keeps a dropped statement until the connection ends unless it is told; inside an
   aborted transaction it cannot be told, and then nobody prepares either. */
static void drop_statement(struct pg_conn *c, struct pg_statement *s)
{
    struct pg_statement **p = &c->buckets[s->hash % PG_BUCKETS];
    char sql[48];
    while (*p != s)
        p = &(*p)->chain;
    *p = s->chain;
    unlink_use(c, s);
    c->ncached--;
    snprintf(sql, sizeof sql, "DEALLOCATE %s", s->name);
    PQclear(PQexec(c->pg, sql));
    statement_free(s);
}

static const Oid type_oids[] = {
    [DB_NULL] = 0, [DB_INT] = 20, [DB_REAL] = 701, [DB_TEXT] = 25, [DB_BLOB] = 17};

/* A NULL fits whatever the statement was prepared for. */
static bool fits(const struct pg_statement *s, const struct db_value *args)
{
    for (unsigned i = 0; i < s->nargs; i++)
        if (args[i].type != DB_NULL && s->types[i] != args[i].type)
            return false;
    return true;
}

/* Prepared when some arguments happened to be NULL, and it could be prepared again with what is
   known now: otherwise a table with many columns that may be NULL had a statement for each
   pattern of them. */
static bool could_merge(const struct pg_statement *s, const struct db_value *args)
{
    for (unsigned i = 0; i < s->nargs; i++)
        if (args[i].type != DB_NULL && s->types[i] != DB_NULL && s->types[i] != args[i].type)
            return false;
    return true;
}

static int prepare(struct pg_conn *c, const char *sql, size_t n, uint64_t hash,
                   const unsigned char *types, size_t nargs, struct pg_statement **ret,
                   struct err *e)
{
    PGresult *res = NULL;
    int rc = 0;
    struct pg_statement *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_NOMEM, "statement");
    s->text = strdup(sql);
    s->types = calloc(nargs + 1, 1);
    if (!s->text || !s->types) {
        rc = err_set(e, ERR_NOMEM, "statement");
        goto fail;
    }
    s->text_n = n;
    s->hash = hash;
    s->nargs = (unsigned)nargs;
    snprintf(s->name, sizeof s->name, "p%llu", (unsigned long long)++c->names);
    for (size_t i = 0; i < nargs; i++) {
        s->types[i] = types[i];
        c->oids[i] = type_oids[types[i]];
    }
    if (c->ncached >= PG_STATEMENTS)
        drop_statement(c, c->oldest);
    res = PQprepare(c->pg, s->name, sql, (int)nargs, c->oids);
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        rc = pg_error(c, res, e);
        goto fail;
    }
    PQclear(res);
    s->chain = c->buckets[hash % PG_BUCKETS];
    c->buckets[hash % PG_BUCKETS] = s;
    link_newest(c, s);
    c->ncached++;
    *ret = s;
    return 0;
fail:
    PQclear(res);
    statement_free(s);
    return rc;
}

static int find_statement(struct pg_conn *c, const char *sql, const struct db_value *args,
                          size_t nargs, struct pg_statement **ret, struct err *e)
{
    size_t n = strlen(sql);
    uint64_t hash = db_text_hash(sql, n);
    struct pg_statement *merge = NULL;
    unsigned char small[256], *types = small;
    for (struct pg_statement *s = c->buckets[hash % PG_BUCKETS]; s; s = s->chain) {
        if (s->hash != hash || s->text_n != n || s->nargs != nargs || memcmp(s->text, sql, n) != 0)
            continue;
        if (fits(s, args)) {
            unlink_use(c, s);
            link_newest(c, s);
            *ret = s;
            return 0;
        }
        if (!merge && could_merge(s, args))
            merge = s;
    }
    int rc = pg_settle(c, e);
    if (rc < 0)
        return rc;
    if (nargs > sizeof small && !(types = malloc(nargs)))
        return err_set(e, ERR_NOMEM, "statement");
    for (size_t i = 0; i < nargs; i++)
        types[i] = args[i].type != DB_NULL ? (unsigned char)args[i].type
                   : merge                 ? merge->types[i]
                                           : (unsigned char)DB_NULL;
    if (merge)
        drop_statement(c, merge);
    rc = prepare(c, sql, n, hash, types, nargs, ret, e);
    if (types != small)
        free(types);
    return rc;
}

/* --- sending ------------------------------------------------------------------------------- */

static int reserve_args(struct pg_conn *c, size_t n, struct err *e)
{
    if (n < c->cap_args)
        return 0;
    size_t cap = n + 32;
    void *v = realloc(c->values, cap * sizeof *c->values);
    c->values = v ? v : c->values;
    void *l = realloc(c->lengths, cap * sizeof *c->lengths);
    c->lengths = l ? l : c->lengths;
    void *f = realloc(c->formats, cap * sizeof *c->formats);
    c->formats = f ? f : c->formats;
    void *o = realloc(c->oids, cap * sizeof *c->oids);
    c->oids = o ? o : c->oids;
    void *i = realloc(c->numbers, cap * sizeof *c->numbers);
    c->numbers = i ? i : c->numbers;
    if (!v || !l || !f || !o || !i)
        return err_set(e, ERR_NOMEM, "%zu arguments", n);
    c->cap_args = cap;
    return 0;
}

/* Everything goes in binary: no quoting, no parsing, 63 bits and doubles as they are. */
static int set_args(struct pg_conn *c, const struct db_value *args, size_t nargs, struct err *e)
{
    for (size_t i = 0; i < nargs; i++) {
        uint64_t bits = 0;
        c->formats[i] = 1;
        c->lengths[i] = 8;
        c->values[i] = (const char *)&c->numbers[i];
        switch (args[i].type) {
        case DB_NULL:
            c->values[i] = NULL;
            c->lengths[i] = 0;
            break;
        case DB_INT:
            bits = (uint64_t)args[i].i;
            break;
        case DB_REAL:
            memcpy(&bits, &args[i].f, 8);
            break;
        case DB_TEXT:
        case DB_BLOB:
            if (args[i].s.n > 1000000000)
                return err_set(e, ERR_TOO_LARGE, "argument of %zu bytes", args[i].s.n);
            c->values[i] = args[i].s.p ? args[i].s.p : "";
            c->lengths[i] = (int)args[i].s.n;
            break;
        }
        c->numbers[i] = htobe64(bits);
    }
    return 0;
}

static bool worth_preparing(const char *sql)
{
    while (*sql == ' ' || *sql == '\n')
        sql++;
    return db_is_dml(sql) || strncasecmp(sql, "select", 6) == 0;
}

int pg_send(struct pg_conn *c, const char *sql, const struct db_value *args, size_t nargs, bool put,
            struct err *e)
{
    struct pg_statement *s = NULL;
    if (nargs > 65535)
        return err_set(e, ERR_INTERNAL, "%zu arguments", nargs);
    int rc = reserve_args(c, nargs, e);
    if (rc < 0)
        return rc;
    if (c->flush) {
        rc = pg_settle(c, e);
        if (rc < 0)
            return rc;
        c->flush = false;
        for (struct pg_statement *old = c->newest, *older; old; old = older) {
            older = old->older;
            drop_statement(c, old);
        }
    }
    bool keep = worth_preparing(sql);
    if (keep) {
        rc = find_statement(c, sql, args, nargs, &s, e);
        if (rc < 0)
            return rc;
    }
    rc = set_args(c, args, nargs, e);
    if (rc < 0)
        return rc;
    int sent = !put || PQenterPipelineMode(c->pg);
    if (!sent)
        return pg_error(c, NULL, e);
    if (s) {
        sent =
            PQsendQueryPrepared(c->pg, s->name, (int)nargs, c->values, c->lengths, c->formats, 1);
    } else {
        for (size_t i = 0; i < nargs; i++)
            c->oids[i] = type_oids[args[i].type];
        sent = PQsendQueryParams(c->pg, sql, (int)nargs, c->oids, c->values, c->lengths, c->formats,
                                 1);
    }
    return sent ? 0 : pg_error(c, NULL, e);
}
