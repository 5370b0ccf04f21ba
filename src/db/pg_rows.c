/* PostgreSQL: results. Rows come one by one from the server (single-row mode), so ten million of
   them need no memory. When the connection is wanted for another statement meanwhile, what is
   still coming is read ahead, within a bound. */
#define LOG_MODULE "db"
#include "db/pg.h"

#include "base/clock.h"
#include "base/log.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_AHEAD_MAX = 64 << 20, DRAIN_ROWS = 256 };

static struct pg_rows *rows_of(const struct db_rows *r)
{
    return (struct pg_rows *)r;
}

static struct pg_rows *rows_new(struct pg_conn *c)
{
    struct pg_rows *r = c->spare;
    if (r) {
        c->spare = r->next;
    } else {
        r = calloc(1, sizeof *r);
        if (!r)
            return NULL;
        r->base = (struct db_rows){&db_driver_postgres, &c->base};
    }
    r->fresh = r->streaming = r->finished = false;
    r->changed = 0;
    r->row = 0;
    r->next = c->open;
    c->open = r;
    return r;
}

void pg_rows_free(struct pg_rows *r)
{
    free(r->kept);
    free(r->texts);
    free(r);
}

/* After an error or the last row the server still says "done". */
static void drain(struct pg_conn *c, struct pg_rows *r)
{
    PGresult *res;
    while (c->pg && (res = PQgetResult(c->pg)) != NULL) {
        bool copy = PQresultStatus(res) == PGRES_COPY_IN || PQresultStatus(res) == PGRES_COPY_OUT;
        PQclear(res);
        if (copy)
            break;
    }
    r->streaming = false;
    if (c->streaming == r)
        c->streaming = NULL;
}

/* Takes one result in. 1 = a row stands ready, 0 = the end, negative = error. */
static int take(struct pg_conn *c, struct pg_rows *r, PGresult *res, struct err *e)
{
    int rc = 0;
    switch (PQresultStatus(res)) {
    case PGRES_SINGLE_TUPLE:
        r->res = res;
        r->row = 0;
        r->streaming = true;
        c->streaming = r;
        return 1;
    case PGRES_TUPLES_OK:
        if (PQntuples(res) > 0) {
            r->res = res;
            r->row = 0;
            rc = 1;
        } else {
            r->finished = true;
        }
        if (PQcmdStatus(res)[0] != 'S')
            r->changed = strtoll(PQcmdTuples(res), NULL, 10);
        break;
    case PGRES_COMMAND_OK:
        r->changed = strtoll(PQcmdTuples(res), NULL, 10);
        r->finished = true;
        break;
    default:
        rc = pg_error(c, res, e);
        r->finished = true;
        break;
    }
    if (r->res != res) {
        /* the columns of an empty result are still asked for */
        if (rc == 0)
            r->res = res;
        else
            PQclear(res);
    }
    drain(c, r);
    return rc;
}

static int read_ahead(struct pg_conn *c, struct err *e)
{
    struct pg_rows *r = c->streaming;
    size_t bytes = 0;
    PGresult *res;
    while (r->streaming && (res = PQgetResult(c->pg)) != NULL) {
        if (r->nkept == r->cap_kept) {
            size_t cap = r->cap_kept ? 2 * r->cap_kept : 64;
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
            PGresult **p = realloc(r->kept, cap * sizeof *p);
            if (!p) {
                PQclear(res);
                return err_set(e, ERR_NOMEM, "read ahead");
            }
            r->kept = p;
            r->cap_kept = cap;
        }
        r->kept[r->nkept++] = res;
        bytes += PQresultMemorySize(res);
        if (bytes > READ_AHEAD_MAX)
            return err_set(e, ERR_INTERNAL,
                           "a second statement while a result of more than %d MB is being read",
                           READ_AHEAD_MAX >> 20);
        if (PQresultStatus(res) != PGRES_SINGLE_TUPLE)
            drain(c, r);
    }
    return 0;
}

/* --- budget -------------------------------------------------------------------------------- */

static int arm_timeout(struct pg_conn *c, struct err *e)
{
    int64_t want = 0;
    char sql[64];
    if (c->budget_us) {
        int64_t left = c->budget_us - c->spent_us;
        if (left <= 0)
            return err_set(e, ERR_QUERY_TOO_SLOW, "budget of %lld us is used up",
                           (long long)c->budget_us);
        want = (left + 999) / 1000;
        /* Setting it costs a round trip: only when what stands is off by much. */
        if (c->timeout_ms >= want && c->timeout_ms <= want + want / 4 + 1)
            return 0;
    }
    if (c->timeout_ms == want)
        return 0;
    snprintf(sql, sizeof sql, "SET statement_timeout = %lld", (long long)want);
    int rc = pg_simple(c, sql, NULL, 0, e);
    if (rc == 0)
        c->timeout_ms = want;
    return rc;
}

/* --- running ------------------------------------------------------------------------------- */

static int start(struct pg_conn *c, struct pg_rows *r, const char *sql, const struct db_value *args,
                 size_t nargs, bool whole, struct err *e)
{
    int rc = arm_timeout(c, e);
    if (rc == 0)
        rc = pg_send(c, sql, args, nargs, false, e);
    if (rc < 0)
        return rc;
    if (!whole)
        PQsetSingleRowMode(c->pg);
    PGresult *res = PQgetResult(c->pg);
    if (!res)
        return pg_error(c, NULL, e);
    rc = take(c, r, res, e);
    r->fresh = rc > 0;
    return rc < 0 ? rc : 0;
}

int pg_may_run(struct pg_conn *c, const char *sql, struct err *e)
{
    struct db_conn *base = &c->base;
    bool in_transaction = base->writer || c->in_read;
    if (in_transaction && base->failed) {
        if (c->lost)
            return err_set(e, ERR_RETRY, "the connection is lost");
        if (!db_is_rollback(sql))
            return err_set(e, ERR_INTERNAL, "a statement of this job failed before: %.120s", sql);
    }
    base->failed = false;
    int rc = c->streaming ? read_ahead(c, e) : 0;
    base->failed = rc < 0;
    return rc;
}

int pg_query(struct db_conn *base, const char *sql, const struct db_value *args, size_t nargs,
             bool whole, struct db_rows **ret_rows, struct err *e)
{
    struct pg_conn *c = (struct pg_conn *)base;
    bool in_transaction = base->writer || c->in_read;
    /* What was put and failed is taken back by a rollback to before it. */
    int rc = pg_settle(c, e);
    if (rc < 0 && (c->lost || !db_is_rollback(sql)))
        return rc;
    rc = pg_may_run(c, sql, e);
    if (rc < 0)
        return rc;
    struct pg_rows *r = rows_new(c);
    if (!r)
        return err_set(e, ERR_NOMEM, "rows");
    int64_t t = c->budget_us ? clock_mono_us() : 0;
    rc = start(c, r, sql, args, nargs, whole, e);
    /* A reader whose server went away while it was idle, or whose plan went stale: nothing has
       been seen yet, so it may simply be asked again. */
    if (rc < 0 && c->again && !in_transaction) {
        if (c->lost)
            rc = pg_connect(c, e);
        else
            rc = 0;
        c->again = false;
        base->failed = false;
        if (rc == 0) {
            err_clear(e);
            rc = start(c, r, sql, args, nargs, whole, e);
        }
    }
    if (c->budget_us)
        c->spent_us += clock_mono_us() - t;
    if (rc < 0) {
        base->failed = true;
        pg_rows_done(&r->base);
        return rc;
    }
    *ret_rows = &r->base;
    return 0;
}

int pg_step(struct db_rows *base, struct err *e)
{
    struct pg_rows *r = rows_of(base);
    struct pg_conn *c = (struct pg_conn *)base->conn;
    if (r->fresh) {
        r->fresh = false;
        return 1;
    }
    if (r->finished)
        return 0;
    if (r->row + 1 < PQntuples(r->res)) {
        r->row++;
        return 1;
    }
    PGresult *res;
    bool arriving = false;
    if (r->kept_at < r->nkept) {
        res = r->kept[r->kept_at++];
    } else if (r->streaming) {
        int64_t t = c->budget_us ? clock_mono_us() : 0;
        res = PQgetResult(c->pg);
        if (c->budget_us)
            c->spent_us += clock_mono_us() - t;
        arriving = true;
    } else {
        r->finished = true;
        return 0;
    }
    if (!res) {
        r->finished = true;
        r->streaming = false;
        c->streaming = c->streaming == r ? NULL : c->streaming;
        return pg_error(c, NULL, e);
    }
    PQclear(r->res);
    r->res = NULL;
    if (arriving)
        return take(c, r, res, e);
    /* read ahead: the connection is long past it */
    r->row = 0;
    switch (PQresultStatus(res)) {
    case PGRES_SINGLE_TUPLE:
        r->res = res;
        return 1;
    case PGRES_TUPLES_OK:
        r->res = res;
        r->finished = true;
        return 0;
    default:
        r->finished = true;
        int rc = pg_error(c, res, e);
        PQclear(res);
        return rc;
    }
}

void pg_rows_done(struct db_rows *base)
{
    struct pg_rows *r = rows_of(base);
    struct pg_conn *c = (struct pg_conn *)base->conn;
    PGresult *res;
    for (int i = 0; r->streaming && i < DRAIN_ROWS; i++) {
        res = PQgetResult(c->pg);
        if (!res || PQresultStatus(res) != PGRES_SINGLE_TUPLE)
            drain(c, r);
        PQclear(res);
    }
    /* A large result nobody wants: outside a transaction the server is told to stop; inside one
       that would undo the transaction, so it is read to its end. */
    if (r->streaming && !c->base.writer && !c->in_read) {
        char why[256];
        PGcancel *cancel = PQgetCancel(c->pg);
        if (cancel)
            PQcancel(cancel, why, sizeof why);
        PQfreeCancel(cancel);
    }
    if (r->streaming)
        drain(c, r);
    PQclear(r->res);
    r->res = NULL;
    while (r->kept_at < r->nkept)
        PQclear(r->kept[r->kept_at++]);
    r->kept_at = r->nkept = 0;
    struct pg_rows **p = &c->open;
    while (*p && *p != r)
        p = &(*p)->next;
    if (*p)
        *p = r->next;
    r->next = c->spare;
    c->spare = r;
}

void pg_finish_all(struct pg_conn *c)
{
    if (c->open)
        log_warn("statements were left open");
    while (c->open)
        pg_rows_done(&c->open->base);
}

/* --- values -------------------------------------------------------------------------------- */

enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_OID = 26,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_NUMERIC = 1700
};

static uint64_t big_endian(const char *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

/* numeric: int16 ndigits, weight, sign, dscale, then digits to base 10,000. */
static double numeric_f64(const char *p, int64_t *ret_whole)
{
    int n = (int)big_endian(p, 2), weight = (int16_t)big_endian(p + 2, 2);
    bool negative = big_endian(p + 4, 2) == 0x4000;
    double v = 0;
    int64_t whole = 0;
    for (int i = 0; i < n || i <= weight; i++) {
        int digit = i < n ? (int)big_endian(p + 8 + 2 * i, 2) : 0;
        if (i <= weight) {
            v = v * 10000 + digit;
            if (__builtin_mul_overflow(whole, 10000, &whole) ||
                __builtin_add_overflow(whole, digit, &whole))
                whole = INT64_MAX;
        } else {
            double unit = digit;
            for (int k = weight; k < i; k++)
                unit /= 10000;
            v += unit;
        }
    }
    *ret_whole = negative ? -whole : whole;
    return negative ? -v : v;
}

static bool number(const struct pg_rows *r, int col, int64_t *ret_i, double *ret_f, bool *ret_real)
{
    const char *p = PQgetvalue(r->res, r->row, col);
    uint64_t bits;
    *ret_real = false;
    switch (PQftype(r->res, col)) {
    case OID_INT8:
        *ret_i = (int64_t)big_endian(p, 8);
        break;
    case OID_INT4:
        *ret_i = (int32_t)big_endian(p, 4);
        break;
    case OID_INT2:
        *ret_i = (int16_t)big_endian(p, 2);
        break;
    case OID_OID:
        *ret_i = (int64_t)big_endian(p, 4);
        break;
    case OID_BOOL:
        *ret_i = *p != 0;
        break;
    case OID_FLOAT8:
    case OID_FLOAT4:
        *ret_real = true;
        if (PQftype(r->res, col) == OID_FLOAT8) {
            bits = big_endian(p, 8);
            memcpy(ret_f, &bits, 8);
        } else {
            uint32_t half = (uint32_t)big_endian(p, 4);
            float f;
            memcpy(&f, &half, 4);
            *ret_f = (double)f;
        }
        *ret_i = *ret_f >= 9223372036854775807.0    ? INT64_MAX
                 : *ret_f <= -9223372036854775808.0 ? INT64_MIN
                 : *ret_f == *ret_f                 ? (int64_t)*ret_f
                                                    : 0;
        return true;
    case OID_NUMERIC:
        *ret_f = numeric_f64(p, ret_i);
        *ret_real = big_endian(p + 6, 2) > 0;
        return true;
    default:
        return false;
    }
    *ret_f = (double)*ret_i;
    return true;
}

int64_t pg_changed(const struct db_rows *r)
{
    return rows_of(r)->changed;
}

unsigned pg_cols(const struct db_rows *r)
{
    return (unsigned)PQnfields(rows_of(r)->res);
}

bool pg_is_null(const struct db_rows *r, unsigned col)
{
    return PQgetisnull(rows_of(r)->res, rows_of(r)->row, (int)col);
}

int64_t pg_i64(const struct db_rows *base, unsigned col)
{
    struct pg_rows *r = rows_of(base);
    int64_t i;
    double f;
    bool real;
    if (PQgetisnull(r->res, r->row, (int)col))
        return 0;
    if (number(r, (int)col, &i, &f, &real))
        return i;
    return strtoll(PQgetvalue(r->res, r->row, (int)col), NULL, 10);
}

double pg_f64(const struct db_rows *base, unsigned col)
{
    struct pg_rows *r = rows_of(base);
    int64_t i;
    double f;
    bool real;
    if (PQgetisnull(r->res, r->row, (int)col))
        return 0;
    if (number(r, (int)col, &i, &f, &real))
        return f;
    return strtod(PQgetvalue(r->res, r->row, (int)col), NULL);
}

struct str pg_bytes(const struct db_rows *base, unsigned col)
{
    struct pg_rows *r = rows_of(base);
    if (PQgetisnull(r->res, r->row, (int)col))
        return STR_NULL;
    return (struct str){PQgetvalue(r->res, r->row, (int)col),
                        (size_t)PQgetlength(r->res, r->row, (int)col)};
}

struct str pg_str(const struct db_rows *base, unsigned col)
{
    struct pg_rows *r = rows_of(base);
    int64_t i;
    double f;
    bool real;
    if (PQgetisnull(r->res, r->row, (int)col) || !number(r, (int)col, &i, &f, &real))
        return pg_bytes(base, col);
    int ncols = PQnfields(r->res);
    if (r->ntexts < ncols) {
        /* all at once, so that texts handed out before do not move; a result has one width */
        void *p = realloc(r->texts, (size_t)ncols * sizeof *r->texts);
        if (!p)
            return STR_NULL;
        r->texts = p;
        r->ntexts = ncols;
    }
    int n = real ? snprintf(r->texts[col], sizeof r->texts[col], "%.15g", f)
                 : snprintf(r->texts[col], sizeof r->texts[col], "%lld", (long long)i);
    return (struct str){r->texts[col], (size_t)n};
}
