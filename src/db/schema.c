/* The plan: what has to be done to a database so that it has the tables the program wants. Nothing
   is dropped, and nothing that could lose a value is done: that is refused and left to a person. */
#include "db/schema_read.h"

#include "base/buf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *sqlite, *postgres; /* in definitions */
    const char *catalogue;         /* PostgreSQL's own spelling */
    int width;                     /* PostgreSQL: integers may be widened */
} types[] = {
    [COL_ID] = {"INTEGER", "bigint", "bigint", 8},
    [COL_INT] = {"INTEGER", "bigint", "bigint", 8},
    [COL_BOOL] = {"INTEGER", "smallint", "smallint", 2},
    [COL_DATE] = {"INTEGER", "integer", "integer", 4},
    [COL_TIME] = {"INTEGER", "bigint", "bigint", 8},
    [COL_REAL] = {"REAL", "double precision", "double precision", 0},
    /* the order of bytes, whatever collation the database was made with: as SQLite's BINARY */
    [COL_TEXT] = {"TEXT", "text COLLATE \"C\"", "text", 0},
    [COL_JSON] = {"TEXT", "text COLLATE \"C\"", "text", 0},
    [COL_BYTES] = {"BLOB", "bytea", "bytea", 0},
};

struct planner {
    struct arena *a;
    bool sqlite;
    const struct table_def *tables;
    size_t ntables;
    struct have have;
    struct schema_plan plan;
    size_t cap;
};

static void add(struct planner *p, enum schema_class class, struct str what, struct str sql)
{
    if (p->plan.nactions == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 64;
        struct schema_action *more = arena_array(p->a, struct schema_action, cap);
        if (p->plan.nactions)
            memcpy(more, p->plan.actions, p->plan.nactions * sizeof *more);
        p->plan.actions = more;
        p->cap = cap;
    }
    p->plan.actions[p->plan.nactions++] = (struct schema_action){class, what, sql};
    p->plan.refused |= class == SCHEMA_REFUSED;
}

static struct str take_buf(struct planner *p, struct buf *b)
{
    struct str s = arena_str(p->a, buf_str(b));
    buf_free(b);
    return s;
}

/* --- names --------------------------------------------------------------------------------- */

size_t schema_key_columns(const char *key, struct str *out, size_t max)
{
    struct str rest = str_of(key), part;
    size_t n = 0;
    while (n < max && str_split(&rest, ',', &part))
        out[n++] = str_trim(part);
    return n;
}

/* "owner_id, name DESC" -> "\"owner_id\", \"name\" DESC": a column may be called order or user. */
static void add_columns(struct buf *b, const char *columns)
{
    struct str rest = str_of(columns), part;
    if (strpbrk(columns, "(\"")) {
        buf_add_cstr(b, columns); /* an expression: as written */
        return;
    }
    for (bool first = true; str_split(&rest, ',', &part); first = false) {
        part = str_trim(part);
        size_t n = str_find(part, ' ');
        buf_printf(b, "%s\"%.*s\"%.*s", first ? "" : ", ", (int)n, part.p, (int)(part.n - n),
                   part.p + n);
    }
}

static bool in_key(const struct table_def *t, const char *column)
{
    struct str key[8];
    size_t n = schema_key_columns(t->primary_key, key, 8);
    for (size_t i = 0; i < n; i++)
        if (str_is(key[i], column))
            return true;
    return false;
}

static const struct column_def *find_column(const struct table_def *t, const char *name)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return &t->columns[i];
    return NULL;
}

static const struct table_def *find_table(const struct planner *p, const char *name)
{
    for (size_t i = 0; i < p->ntables; i++)
        if (strcmp(p->tables[i].name, name) == 0)
            return &p->tables[i];
    return NULL;
}

/* PostgreSQL cuts names at 63 bytes, and two could then be the same. */
static struct str key_name(struct planner *p, const char *table, const char *column)
{
    struct str s = arena_printf(p->a, "%s_%s_fk", table, column);
    if (s.n > 63)
        s = arena_printf(p->a, "%.40s_%016llx_fk", s.p, (unsigned long long)str_hash(s));
    return s;
}

/* The two sides of a foreign key. A target distributed by customer has the key (customer_id, id),
   and the column can only point to it together with its own customer_id. */
static bool key_sides(struct planner *p, const struct table_def *t, const struct column_def *col,
                      struct str *ret_from, struct str *ret_to)
{
    const struct table_def *target = find_table(p, col->references);
    struct str key[8] = {STR("id")};
    size_t n = target ? schema_key_columns(target->primary_key, key, 8) : 1;
    if (n == 1) {
        *ret_from = arena_printf(p->a, "\"%s\"", col->name);
        *ret_to = arena_printf(p->a, "\"" STR_FMT "\"", STR_ARG(key[0]));
        return true;
    }
    if (n != 2 || !str_is(key[0], "customer_id") || !find_column(t, "customer_id"))
        return false;
    *ret_from = arena_printf(p->a, "\"customer_id\", \"%s\"", col->name);
    *ret_to = arena_printf(p->a, "\"customer_id\", \"" STR_FMT "\"", STR_ARG(key[1]));
    return true;
}

/* --- definitions --------------------------------------------------------------------------- */

static void add_column_sql(struct planner *p, struct buf *b, const struct table_def *t,
                           const struct column_def *col, bool whole_key)
{
    buf_printf(b, "\"%s\" %s", col->name,
               p->sqlite ? types[col->type].sqlite : types[col->type].postgres);
    if (whole_key)
        buf_add_cstr(b, " PRIMARY KEY");
    if (col->not_null || in_key(t, col->name))
        buf_add_cstr(b, " NOT NULL");
    if (col->default_sql)
        buf_printf(b, " DEFAULT %s", col->default_sql);
}

static struct str search_column_sql(struct planner *p, const struct table_def *t)
{
    return arena_printf(p->a,
                        "\"%s_ts\" tsvector GENERATED ALWAYS AS"
                        " (to_tsvector('simple', coalesce(\"%s\", ''))) STORED",
                        t->fulltext, t->fulltext);
}

static bool key_is_integers(const struct table_def *t)
{
    struct str key[8];
    size_t n = schema_key_columns(t->primary_key, key, 8);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < t->ncolumns; j++)
            if (str_is(key[i], t->columns[j].name) && t->columns[j].type >= COL_REAL)
                return false;
    return true;
}

static void create_table(struct planner *p, const struct table_def *t)
{
    struct buf b = BUF_INIT(1 << 20);
    bool single = !strchr(t->primary_key, ',');
    bool rowid_key = p->sqlite && single && key_is_integers(t);
    buf_printf(&b, "CREATE TABLE \"%s\" (", t->name);
    for (size_t i = 0; i < t->ncolumns; i++) {
        buf_add_cstr(&b, i ? ", " : "");
        add_column_sql(p, &b, t, &t->columns[i],
                       rowid_key && strcmp(t->columns[i].name, t->primary_key) == 0);
    }
    if (!p->sqlite && t->fulltext)
        buf_printf(&b, ", %s", search_column_sql(p, t).p);
    if (!rowid_key) {
        buf_add_cstr(&b, ", PRIMARY KEY (");
        add_columns(&b, t->primary_key);
        buf_add_cstr(&b, ")");
    }
    for (size_t i = 0; p->sqlite && i < t->ncolumns; i++) {
        struct str from, to;
        if (t->columns[i].references && key_sides(p, t, &t->columns[i], &from, &to))
            buf_printf(&b, ", FOREIGN KEY (" STR_FMT ") REFERENCES \"%s\" (" STR_FMT ")",
                       STR_ARG(from), t->columns[i].references, STR_ARG(to));
    }
    buf_add_cstr(&b, ")");
    /* Links between records (two keys, little else) need no second tree. */
    if (p->sqlite)
        buf_add_cstr(&b, !single && key_is_integers(t) && !t->fulltext ? " STRICT, WITHOUT ROWID"
                                                                       : " STRICT");
    add(p, SCHEMA_SAFE, arena_printf(p->a, "create table %s", t->name), take_buf(p, &b));
}

/* --- comparing ----------------------------------------------------------------------------- */

static void refuse(struct planner *p, struct str what)
{
    add(p, SCHEMA_REFUSED, what, STR_NULL);
}

static void add_new_column(struct planner *p, const struct table_def *t,
                           const struct column_def *col)
{
    if (col->not_null && !col->default_sql) {
        refuse(p, arena_printf(p->a, "add column %s.%s: it may not be empty and has no default",
                               t->name, col->name));
        return;
    }
    struct buf b = BUF_INIT(1 << 16);
    struct str from, to;
    buf_printf(&b, "ALTER TABLE \"%s\" ADD COLUMN ", t->name);
    add_column_sql(p, &b, t, col, false);
    if (p->sqlite && col->references && key_sides(p, t, col, &from, &to)) {
        if (col->default_sql || strchr(from.p, ',')) {
            buf_free(&b);
            refuse(p, arena_printf(p->a, "add column %s.%s: a reference with a default", t->name,
                                   col->name));
            return;
        }
        buf_printf(&b, " REFERENCES \"%s\" (" STR_FMT ")", col->references, STR_ARG(to));
    }
    add(p, SCHEMA_SAFE, arena_printf(p->a, "add column %s.%s", t->name, col->name),
        take_buf(p, &b));
}

static int width_of(struct str type)
{
    return str_is(type, "bigint")     ? 8
           : str_is(type, "integer")  ? 4
           : str_is(type, "smallint") ? 2
                                      : 0;
}

static void compare_column(struct planner *p, const struct table_def *t,
                           const struct column_def *col, const struct have_column *have)
{
    const char *want = p->sqlite ? types[col->type].sqlite : types[col->type].catalogue;
    bool same = p->sqlite ? strncasecmp(have->type.p, want, have->type.n) == 0 &&
                                strlen(want) == have->type.n
                          : str_is(have->type, want);
    bool not_null = col->not_null || in_key(t, col->name);
    if (!same && !p->sqlite && width_of(have->type) &&
        width_of(have->type) < types[col->type].width)
        add(p, SCHEMA_SLOW,
            arena_printf(p->a, "widen column %s.%s to %s", t->name, col->name, want),
            arena_printf(p->a, "ALTER TABLE \"%s\" ALTER COLUMN \"%s\" TYPE %s", t->name, col->name,
                         want));
    else if (!same)
        refuse(p, arena_printf(p->a, "change column %s.%s from " STR_FMT " to %s", t->name,
                               col->name, STR_ARG(have->type), want));
    if (not_null && !have->not_null)
        refuse(p, arena_printf(p->a, "column %s.%s may be empty so far", t->name, col->name));
    else if (!not_null && have->not_null && p->sqlite)
        refuse(p, arena_printf(p->a, "column %s.%s may not be empty so far", t->name, col->name));
    else if (!not_null && have->not_null)
        add(p, SCHEMA_SAFE, arena_printf(p->a, "let column %s.%s be empty", t->name, col->name),
            arena_printf(p->a, "ALTER TABLE \"%s\" ALTER COLUMN \"%s\" DROP NOT NULL", t->name,
                         col->name));
}

static void plan_table(struct planner *p, const struct table_def *t)
{
    const struct map *have = map_get(&p->have.tables, str_of(t->name));
    if (!have) {
        create_table(p, t);
        return;
    }
    for (size_t i = 0; i < t->ncolumns; i++) {
        const struct have_column *col = map_get(have, str_of(t->columns[i].name));
        if (col)
            compare_column(p, t, &t->columns[i], col);
        else
            add_new_column(p, t, &t->columns[i]);
    }
}

/* --- foreign keys -------------------------------------------------------------------------- */

/* SQLite has them in the table's definition; PostgreSQL gets them when all tables are there, in
   statements with a name (an unnamed one is not checked on a distributed table). */
static void plan_keys(struct planner *p, const struct table_def *t)
{
    const struct map *have = map_get(&p->have.tables, str_of(t->name));
    for (size_t i = 0; i < t->ncolumns; i++) {
        const struct column_def *col = &t->columns[i];
        struct str from, to;
        if (!col->references || !key_sides(p, t, col, &from, &to) ||
            map_get(&p->have.keys, arena_printf(p->a, "%s.%s", t->name, col->name)))
            continue;
        bool old = have && map_get(have, str_of(col->name));
        if (p->sqlite && old)
            refuse(p, arena_printf(p->a, "add a foreign key to column %s.%s", t->name, col->name));
        if (p->sqlite)
            continue;
        add(p, old ? SCHEMA_SLOW : SCHEMA_SAFE,
            arena_printf(p->a, "add foreign key %s.%s", t->name, col->name),
            arena_printf(p->a,
                         "ALTER TABLE \"%s\" ADD CONSTRAINT \"" STR_FMT "\" FOREIGN KEY (" STR_FMT
                         ") REFERENCES \"%s\" (" STR_FMT ")",
                         t->name, STR_ARG(key_name(p, t->name, col->name)), STR_ARG(from),
                         col->references, STR_ARG(to)));
    }
}

/* --- indexes ------------------------------------------------------------------------------- */

/* An empty value sorts as the smallest on SQLite; PostgreSQL has to be told, or an ordered read
   could not follow the index. */
static struct str in_sqlite_order(struct planner *p, const char *columns)
{
    struct str rest = str_of(columns), part;
    struct buf b = BUF_INIT(1 << 16);
    if (p->sqlite || strpbrk(columns, "(\"") || strcasestr(columns, "nulls"))
        return str_of(columns);
    for (bool first = true; str_split(&rest, ',', &part); first = false) {
        part = str_trim(part);
        bool desc = part.n > 5 && strncasecmp(part.p + part.n - 5, " desc", 5) == 0;
        /* A key is never empty, and is ordered by without saying where empty ones go. */
        const char *nulls = str_is(part, "id") ? "" : desc ? " NULLS LAST" : " NULLS FIRST";
        buf_printf(&b, "%s" STR_FMT "%s", first ? "" : ", ", STR_ARG(part), nulls);
    }
    return take_buf(p, &b);
}

/* The normal form schema_read.c makes of PostgreSQL's definition. */
static struct str normal_index(struct planner *p, const struct index_def *ix)
{
    struct buf b = BUF_INIT(1 << 16);
    struct str rest = in_sqlite_order(p, ix->columns), part;
    buf_add_cstr(&b, ix->unique ? "unique(" : "(");
    for (bool first = true; str_split(&rest, ',', &part); first = false) {
        part = str_trim(part);
        if (part.n > 4 && strncasecmp(part.p + part.n - 4, " asc", 4) == 0)
            part.n -= 4;
        buf_add_cstr(&b, first ? "" : ",");
        for (size_t i = 0; i < part.n; i++)
            buf_add_char(&b, (char)tolower((unsigned char)part.p[i]));
    }
    buf_add_char(&b, ')');
    return take_buf(p, &b);
}

static struct str index_sql(struct planner *p, const struct table_def *t,
                            const struct index_def *ix, bool if_absent)
{
    struct buf b = BUF_INIT(1 << 16);
    buf_printf(&b, "CREATE %sINDEX %s\"%s\" ON \"%s\" (", ix->unique ? "UNIQUE " : "",
               if_absent ? "IF NOT EXISTS " : "", ix->name, t->name);
    add_columns(&b, in_sqlite_order(p, ix->columns).p);
    buf_add_cstr(&b, ")");
    if (ix->where)
        buf_printf(&b, " WHERE %s", ix->where);
    return take_buf(p, &b);
}

static bool index_differs(struct planner *p, const struct table_def *t, const struct index_def *ix,
                          const struct have_index *have)
{
    if (p->sqlite)
        return !str_eq(have->text, index_sql(p, t, ix, false));
    if (strpbrk(ix->columns, "(\"") || strcasestr(ix->columns, "nulls"))
        return false; /* the server writes expressions in its own way */
    return !str_eq(have->text, normal_index(p, ix));
}

static void plan_indexes(struct planner *p, const struct table_def *t)
{
    bool old = map_get(&p->have.tables, str_of(t->name)) != NULL;
    for (size_t i = 0; i < t->nindexes; i++) {
        const struct index_def *ix = &t->indexes[i];
        const struct have_index *have = map_get(&p->have.indexes, str_of(ix->name));
        if (have ? !ix->gone && !index_differs(p, t, ix, have) : ix->gone)
            continue;
        if (have)
            add(p, SCHEMA_SAFE,
                arena_printf(p->a, "drop index %s, which %s", ix->name,
                             ix->gone ? "nobody uses any more" : "has changed"),
                arena_printf(p->a, "DROP INDEX \"%s\"", ix->name));
        if (ix->gone)
            continue;
        add(p, old ? SCHEMA_SLOW : SCHEMA_SAFE, arena_printf(p->a, "create index %s", ix->name),
            index_sql(p, t, ix, true));
    }
}

/* --- full text ----------------------------------------------------------------------------- */

/* How SQLite keeps its index of words. It writes a piece when so many bytes have come together, and
   a commit of an import has more than the one megabyte it would take by itself; the others are as
   they come, and were changed by who writes very much at once (search_hurry). */
static const struct words_setting {
    const char *name;
    int64_t by_itself, wanted;
} words_settings[] = {
    {"hashsize", 1 << 20, 16 << 20}, {"automerge", 4, 4}, {"crisismerge", 16, 16}};

static void plan_words_settings(struct planner *p, const struct table_def *t)
{
    for (size_t i = 0; i < sizeof words_settings / sizeof *words_settings; i++) {
        const struct words_setting *s = &words_settings[i];
        const int64_t *have =
            map_get(&p->have.words, arena_printf(p->a, "%s.%s", t->name, s->name));
        if ((have ? *have : s->by_itself) == s->wanted)
            continue;
        add(p, SCHEMA_SAFE, arena_printf(p->a, "set %s of the words of %s", s->name, t->name),
            arena_printf(p->a, "INSERT INTO \"%s_words\" (\"%s_words\", rank) VALUES ('%s', %lld)",
                         t->name, t->name, s->name, (long long)s->wanted));
    }
}

static void plan_fulltext(struct planner *p, const struct table_def *t)
{
    const struct map *have = map_get(&p->have.tables, str_of(t->name));
    if (!t->fulltext)
        return;
    struct str what = arena_printf(p->a, "make %s searchable", t->name);
    if (!p->sqlite) {
        struct str column = arena_printf(p->a, "%s_ts", t->fulltext);
        struct str index = arena_printf(p->a, "%s_%s_fts", t->name, t->fulltext);
        if (have && !map_get(have, column))
            add(p, SCHEMA_SLOW, what,
                arena_printf(p->a, "ALTER TABLE \"%s\" ADD COLUMN " STR_FMT, t->name,
                             STR_ARG(search_column_sql(p, t))));
        if (!map_get(&p->have.indexes, index))
            add(p, have ? SCHEMA_SLOW : SCHEMA_SAFE, what,
                arena_printf(p->a,
                             "CREATE INDEX IF NOT EXISTS \"" STR_FMT
                             "\" ON \"%s\" USING gin (\"" STR_FMT "\")",
                             STR_ARG(index), t->name, STR_ARG(column)));
        return;
    }
    /* Where a word stands in a text is never asked for: without that (detail, columnsize) the index
       is half as large and the beginnings of words are found in half of the time. Its words are
       seen through a table of their own. */
    struct str name = arena_printf(p->a, "%s_words", t->name);
    struct str before = arena_printf(p->a, "%s_fts", t->name);
    if (map_get(&p->have.tables, name)) {
        plan_words_settings(p, t);
        return;
    }
    if (map_get(&p->have.tables, before))
        add(p, SCHEMA_SAFE, arena_printf(p->a, "drop the index of words before of %s", t->name),
            arena_printf(p->a, "DROP TABLE \"" STR_FMT "\"", STR_ARG(before)));
    add(p, SCHEMA_SAFE, what,
        arena_printf(p->a,
                     "CREATE VIRTUAL TABLE \"" STR_FMT "\" USING fts5(\"%s\", content=\"%s\","
                     " content_rowid=\"%s\", tokenize='unicode61 remove_diacritics 0',"
                     " prefix='1 2 3', detail=none, columnsize=0)",
                     STR_ARG(name), t->fulltext, t->name, t->primary_key));
    add(p, SCHEMA_SAFE, what,
        arena_printf(p->a,
                     "CREATE VIRTUAL TABLE \"%s_terms\" USING fts5vocab(\"%s_words\", instance)",
                     t->name, t->name));
    plan_words_settings(p, t);
    if (have)
        add(p, SCHEMA_SLOW, arena_printf(p->a, "index the texts of %s", t->name),
            arena_printf(p->a, "INSERT INTO \"" STR_FMT "\"(\"" STR_FMT "\") VALUES ('rebuild')",
                         STR_ARG(name), STR_ARG(name)));
}

/* --- the plan ------------------------------------------------------------------------------ */

static int start(struct planner *p, struct db_conn *c, const struct table_def *tables,
                 size_t ntables, struct arena *a, struct err *e)
{
    *p = (struct planner){
        .a = a, .sqlite = c->driver->kind == DB_SQLITE, .tables = tables, .ntables = ntables};
    int rc = schema_read(c, a, &p->have, e);
    for (size_t i = 0; rc == 0 && p->sqlite && i < ntables; i++)
        if (tables[i].fulltext)
            rc = schema_read_words(c, a, tables[i].name, &p->have, e);
    return rc;
}

int schema_plan(struct db_conn *c, const struct table_def *tables, size_t ntables, struct arena *a,
                struct schema_plan *ret_plan, struct err *e)
{
    static void (*const steps[])(struct planner *, const struct table_def *) = {
        plan_table, plan_keys, plan_indexes, plan_fulltext};
    struct planner p;
    int rc = start(&p, c, tables, ntables, a, e);
    if (rc < 0)
        return rc;
    p.plan.fresh = p.have.ntables == 0;
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++)
        for (size_t i = 0; i < ntables; i++)
            steps[s](&p, &tables[i]);
    *ret_plan = p.plan;
    return 0;
}

int schema_plan_drop_keys(struct db_conn *c, const struct table_def *tables, size_t ntables,
                          struct arena *a, struct schema_plan *ret_plan, struct err *e)
{
    struct planner p;
    int rc = start(&p, c, tables, ntables, a, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; !p.sqlite && i < ntables; i++) {
        const struct table_def *t = &tables[i];
        for (size_t j = 0; j < t->ncolumns; j++) {
            const char *name = t->columns[j].name;
            if (!t->columns[j].references ||
                !map_get(&p.have.keys, arena_printf(a, "%s.%s", t->name, name)))
                continue;
            add(&p, SCHEMA_SAFE, arena_printf(a, "drop foreign key %s.%s", t->name, name),
                arena_printf(a, "ALTER TABLE \"%s\" DROP CONSTRAINT IF EXISTS \"" STR_FMT "\"",
                             t->name, STR_ARG(key_name(&p, t->name, name))));
        }
    }
    *ret_plan = p.plan;
    return 0;
}

int schema_apply(struct db_conn *c, const struct schema_plan *plan, struct err *e)
{
    for (size_t i = 0; i < plan->nactions; i++)
        if (plan->actions[i].class == SCHEMA_REFUSED)
            return err_set(e, ERR_STATE_CONFLICT, "refused: " STR_FMT,
                           STR_ARG(plan->actions[i].what));
    /* A new key is checked with all rows of both tables, unlike anything that other jobs do. */
    int rc = c->driver->kind == DB_POSTGRES
                 ? db_exec(c, "SET LOCAL enable_seqscan = on", DB_NOARGS, NULL, e)
                 : 0;
    for (size_t i = 0; rc == 0 && i < plan->nactions; i++)
        rc = db_exec(c, plan->actions[i].sql.p, DB_NOARGS, NULL, e);
    return rc;
}
