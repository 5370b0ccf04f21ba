/* Reading the catalogue of SQLite (sqlite_master and the pragma functions) or PostgreSQL. */
#include "db/schema_read.h"

#include <ctype.h>
#include <string.h>

/* The one place where the two databases are asked in their own words. Columns: see the callers. */
static const struct catalogue {
    const char *columns; /* table, column, type, not null */
    const char *indexes; /* name, definition */
    const char *keys;    /* table, column */
} catalogues[] = {
    [DB_SQLITE] =
        {
            .columns =
                "SELECT m.name, p.name, lower(p.type), CASE WHEN p.\"notnull\" = 1 OR p.pk > 0"
                " THEN 1 ELSE 0 END FROM sqlite_master m, pragma_table_info(m.name) p"
                " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            .indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
                       " AND sql IS NOT NULL",
            .keys =
                "SELECT m.name, k.\"from\" FROM sqlite_master m, pragma_foreign_key_list(m.name) k"
                " WHERE m.type = 'table'",
        },
    [DB_POSTGRES] =
        {
            .columns =
                "SELECT CAST(c.relname AS text), CAST(a.attname AS text),"
                " format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 1 ELSE 0 END"
                " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
                "c.relnamespace"
                " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
                " WHERE n.nspname = CAST($1 AS name) AND c.relkind IN ('r', 'p') AND a.attnum > 0"
                " AND NOT a.attisdropped",
            .indexes = "SELECT CAST(c.relname AS text), pg_get_indexdef(c.oid)"
                       " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
                       "c.relnamespace"
                       " WHERE n.nspname = CAST($1 AS name) AND c.relkind IN ('i', 'I')",
            .keys =
                "SELECT CAST(c.relname AS text), CAST(a.attname AS text)"
                " FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
                " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(k.conkey)"
                " WHERE n.nspname = CAST($1 AS name) AND k.contype = 'f'",
        },
};

static struct map *table_of(struct have *h, struct arena *a, struct str name)
{
    struct map *t = map_get(&h->tables, name);
    if (!t) {
        t = arena_new_of(a, struct map);
        map_init(t, a);
        map_put(&h->tables, arena_str(a, name), t);
        h->ntables++;
    }
    return t;
}

static void on_column(struct have *h, struct arena *a, const struct db_rows *r)
{
    struct have_column *col = arena_new_of(a, struct have_column);
    col->type = arena_str(a, db_str(r, 2));
    col->not_null = db_i64(r, 3) == 1;
    map_put(table_of(h, a, db_str(r, 0)), arena_str(a, db_str(r, 1)), col);
}

/* "CREATE UNIQUE INDEX x ON s.t USING btree (a, \"b\" DESC) WHERE …" -> "unique(a,b desc)"; what is
   left out cannot be compared with what the program wrote. */
static struct str normal_index(struct arena *a, struct str def)
{
    const char *open = memchr(def.p, '(', def.n);
    char *out = arena_alloc(a, def.n + 16);
    size_t n = 0;
    int depth = 0;
    if (def.n > 14 && strncmp(def.p, "CREATE UNIQUE ", 14) == 0)
        for (const char *u = "unique"; *u; u++)
            out[n++] = *u;
    for (const char *p = open; p && p < def.p + def.n; p++) {
        if (*p == '"')
            continue;
        if (*p == ' ' && p[-1] == ',')
            continue;
        depth += (*p == '(') - (*p == ')');
        out[n++] = (char)tolower((unsigned char)*p);
        if (depth == 0)
            break;
    }
    return str_from(out, n);
}

static void on_index(struct have *h, struct arena *a, const struct db_rows *r, bool sqlite)
{
    struct have_index *ix = arena_new_of(a, struct have_index);
    ix->text = sqlite ? arena_str(a, db_str(r, 1)) : normal_index(a, db_str(r, 1));
    map_put(&h->indexes, arena_str(a, db_str(r, 0)), ix);
}

static void on_key(struct have *h, struct arena *a, const struct db_rows *r)
{
    struct str key =
        arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(db_str(r, 0)), STR_ARG(db_str(r, 1)));
    map_put(&h->keys, key, h);
}

int schema_read(struct db_conn *c, struct arena *a, struct have *ret, struct err *e)
{
    bool sqlite = c->driver->kind == DB_SQLITE;
    const struct catalogue *cat = &catalogues[c->driver->kind];
    const char *const texts[] = {cat->columns, cat->indexes, cat->keys};
    struct db_value schema = sqlite ? DB_NIL : DB_STR(str_of(db_postgres_schema(c)));
    struct have h = {.ntables = 0};
    map_init(&h.tables, a);
    map_init(&h.indexes, a);
    map_init(&h.keys, a);
    map_init(&h.words, a);
    for (int i = 0; i < 3; i++) {
        struct db_rows *r;
        int rc = db_query(c, texts[i], &schema, sqlite ? 0 : 1, &r, e);
        if (rc < 0)
            return rc;
        while ((rc = db_step(r, e)) > 0) {
            if (i == 0)
                on_column(&h, a, r);
            else if (i == 1)
                on_index(&h, a, r, sqlite);
            else
                on_key(&h, a, r);
        }
        db_rows_done(r);
        if (rc < 0)
            return rc;
    }
    *ret = h;
    return 0;
}

int schema_read_words(struct db_conn *c, struct arena *a, const char *table, struct have *have,
                      struct err *e)
{
    struct str name = arena_printf(a, "%s_words_config", table);
    struct db_rows *r = NULL;
    if (!map_get(&have->tables, name))
        return 0;
    int rc = db_query(c, arena_printf(a, "SELECT k, v FROM \"" STR_FMT "\"", STR_ARG(name)).p,
                      DB_NOARGS, &r, e);
    while (rc == 0 && (rc = db_step(r, e)) > 0) {
        int64_t *value = arena_new_of(a, int64_t);
        *value = db_i64(r, 1);
        map_put(&have->words, arena_printf(a, "%s." STR_FMT, table, STR_ARG(db_str(r, 0))), value);
        rc = 0;
    }
    db_rows_done(r);
    return rc;
}
