#include "core/registry/registry.h"

#include "base/embed.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fields every record has; the order is that of the constants in entities.gen.h. */
static const struct {
    const char *name, *type, *en, *zh, *target;
} system_fields[] = {
    {"id", "link", "Id", "编号", NULL},
    {"version", "int", "Version", "版本", NULL},
    {"created_at", "datetime", "Created", "创建时间", NULL},
    {"created_by", "link", "Created by", "创建人", "user"},
    {"updated_at", "datetime", "Changed", "修改时间", NULL},
    {"updated_by", "link", "Changed by", "修改人", "user"},
    {"deleted_at", "datetime", "Deleted", "删除时间", NULL},
    {"deleted_by", "link", "Deleted by", "删除人", "user"},
    {"import_id", "link", "Import", "导入批次", NULL},
    {"owner_id", "link", "Owner", "负责人", "user"},
    {"department_id", "link", "Department", "所属部门", "department"},
};
enum { NSYSTEM = 9, NOWNED = 11 };

struct loader {
    struct arena *a;
    struct err *e;
    const char *file;
};

static int bad(struct loader *l, const char *what, const char *where)
{
    return err_set(l->e, ERR_INTERNAL, "%s: %s: %s", l->file, where ? where : "?", what);
}

static const char *get(struct loader *l, const json_t *obj, const char *key)
{
    struct str s = json_get_str(obj, key);
    return s.p ? arena_cstr(l->a, s) : NULL;
}

static struct text2 get_label(struct loader *l, const json_t *obj, const char *key)
{
    const json_t *label = json_object_get(obj, key);
    return (struct text2){
        {arena_str(l->a, json_get_str(label, "en")), arena_str(l->a, json_get_str(label, "zh"))}};
}

static int load_options(struct loader *l, const json_t *in, struct field *f)
{
    const json_t *list = json_object_get(in, "options");
    f->noptions = json_array_size(list);
    struct option *options = arena_array(l->a, struct option, f->noptions + 1);
    for (size_t i = 0; i < f->noptions; i++) {
        const json_t *o = json_array_get(list, i);
        options[i] =
            (struct option){arena_str(l->a, json_get_str(o, "value")), get_label(l, o, "label")};
        if (!options[i].value.n || !options[i].label.in[0].n || !options[i].label.in[1].n)
            return bad(l, "an option lacks its value or a label", f->name);
    }
    f->options = options;
    if (f->type->shape == SHAPE_ENUM && f->noptions == 0)
        return bad(l, "an enum without options", f->name);
    return 0;
}

static int load_default(struct loader *l, const json_t *in, struct field *f)
{
    f->initial = (struct value){.null = true};
    const json_t *v = json_object_get(in, "default");
    if (!v)
        return 0;
    struct parse_env env = {.arena = l->a};
    const char *code = f->type->from_json(f, v, &env, &f->initial);
    if (code)
        return bad(l, "the default does not fit", f->name);
    f->initial = value_keep(&f->initial, l->a);
    return 0;
}

static int load_field(struct loader *l, const json_t *in, int id, struct field *f)
{
    f->id = id;
    f->name = get(l, in, "name");
    f->type = field_type_find(json_get_str(in, "type"));
    if (!f->name || !f->type)
        return bad(l, "no name or no such type", f->name);
    f->label = get_label(l, in, "label");
    if (!f->label.in[LANG_EN].n || !f->label.in[LANG_ZH].n)
        return bad(l, "a label is missing", f->name);
    f->required = json_is_true(json_object_get(in, "required"));
    f->read_only = json_is_true(json_object_get(in, "read_only"));
    f->hidden = json_is_true(json_object_get(in, "hidden"));
    f->unique = json_is_true(json_object_get(in, "unique"));
    f->indexed = json_is_true(json_object_get(in, "index"));
    f->personal = json_is_true(json_object_get(in, "personal"));
    f->base_money = json_is_true(json_object_get(in, "base"));
    f->max = json_integer_value(json_object_get(in, "max"));
    const json_t *min = json_object_get(in, "min");
    f->has_min = min != NULL;
    f->min = json_integer_value(min);
    f->target = -1; /* resolved when all entities are known */

    const json_t *aliases = json_object_get(in, "aliases");
    f->naliases = json_array_size(aliases);
    struct str *names = arena_array(l->a, struct str, f->naliases + 1);
    for (size_t i = 0; i < f->naliases; i++) {
        const json_t *name = json_array_get(aliases, i);
        names[i] = arena_str(l->a, str_from(json_string_value(name), json_string_length(name)));
    }
    f->aliases = names;
    int rc = load_options(l, in, f);
    return rc ? rc : load_default(l, in, f);
}

static void add_system_fields(struct loader *l, struct field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct field *f = &fields[i];
        f->id = (int)i;
        f->name = system_fields[i].name;
        f->type = field_type_find(str_of(system_fields[i].type));
        f->label = (struct text2){{str_of(system_fields[i].en), str_of(system_fields[i].zh)}};
        f->system = true;
        /* Who owns a record may be set; the rest is the program's. */
        f->read_only = i != FIELD_OWNER_ID;
        f->hidden = i == FIELD_DELETED_AT || i == FIELD_DELETED_BY;
        f->target = -1;
        f->initial = (struct value){.null = true};
        (void)l;
    }
}

static size_t load_names(struct loader *l, const struct entity *en, const json_t *list, int *out,
                         size_t max, int *rc)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        const json_t *name = json_array_get(list, i);
        struct str s = str_from(json_string_value(name), json_string_length(name));
        const struct field *f = entity_field(en, s);
        if (!f || i >= max) {
            *rc = bad(l, "search names an unknown field, or too many", en->name);
            return 0;
        }
        out[i] = f->id;
    }
    return n;
}

static int field_by(struct loader *l, const struct entity *en, const json_t *in, const char *key,
                    int *ret_field)
{
    struct str name = json_get_str(in, key);
    if (!name.p) {
        *ret_field = -1;
        return 0;
    }
    const struct field *f = entity_field(en, name);
    if (!f)
        return bad(l, "names an unknown field", key);
    *ret_field = f->id;
    return 0;
}

/* --- tables of entities --------------------------------------------------------------------------
 */

static struct index_def index_of(struct loader *l, const struct entity *en, const char *columns,
                                 bool unique, const char *where)
{
    char *tail = arena_cstr(l->a, str_of(columns));
    for (char *p = tail; *p; p++)
        if (*p == ',' || *p == ' ')
            *p = '_';
    return (struct index_def){
        .name = arena_printf(l->a, "ix_%s_%s", en->table, tail).p,
        .columns = columns,
        .unique = unique,
        .where = where,
    };
}

/* An index that serves a sorted list ends with the id, and covers living records only: the trash is
   small and read by other ways. Unique fields are unique among the living, too: what was thrown
   away does not stand in the way of what is typed anew. */
static const char LIVE[] = "deleted_at IS NULL";

/* The two statements that every record goes through, made once. */
static void make_statements(struct loader *l, struct entity *en)
{
    struct buf select = BUF_INIT(1 << 20), insert = BUF_INIT(1 << 20);
    buf_add_cstr(&select, "SELECT ");
    buf_printf(&insert, "INSERT INTO %s (", en->table);
    for (size_t i = 0; i < en->ncolumns; i++) {
        buf_printf(&select, "%s%s", i ? ", " : "", en->columns[i]);
        buf_printf(&insert, "%s%s", i ? ", " : "", en->columns[i]);
    }
    buf_printf(&select, " FROM %s", en->table);
    buf_add_cstr(&insert, ") VALUES (");
    for (size_t i = 0; i < en->ncolumns; i++)
        buf_printf(&insert, "%s$%zu", i ? ", " : "", i + 1);
    buf_add_char(&insert, ')');
    en->select_sql = arena_str(l->a, buf_str(&select)).p;
    en->insert_sql = arena_str(l->a, buf_str(&insert)).p;
    buf_free(&select);
    buf_free(&insert);
}

static int make_table(struct loader *l, const json_t *in, struct entity *en)
{
    struct column_def *columns = arena_array(l->a, struct column_def, en->nfields * 3);
    const char **names = arena_array(l->a, const char *, en->nfields * 3);
    struct index_def *indexes = arena_array(l->a, struct index_def, en->nfields + 16);
    size_t n = 0, ni = 0;
    for (size_t i = 0; i < en->nfields; i++) {
        struct field *f = (struct field *)&en->fields[i];
        f->column = (unsigned)n;
        f->ncolumns = field_columns(f);
        const char *target =
            f->type->shape == SHAPE_LINK && !f->system && f->target >= 0 ? "" : NULL;
        columns[n] =
            (struct column_def){.name = f->name,
                                .type = f->type->column,
                                .not_null = f->required || (f->system && i <= FIELD_VERSION),
                                .references = target};
        if (f->ncolumns == 3) {
            columns[n + 1] = (struct column_def){
                .name = arena_printf(l->a, "%s_currency", f->name).p, .type = COL_TEXT};
            columns[n + 2] = (struct column_def){.name = arena_printf(l->a, "%s_base", f->name).p,
                                                 .type = COL_INT};
        }
        for (unsigned k = 0; k < f->ncolumns; k++)
            names[n + k] = columns[n + k].name;
        if (f->unique)
            indexes[ni++] = index_of(l, en, f->name, true,
                                     arena_printf(l->a, "%s AND %s IS NOT NULL", LIVE, f->name).p);
        if (f->indexed)
            indexes[ni++] = index_of(l, en, arena_printf(l->a, "%s,id", f->name).p, false, LIVE);
        /* Without it, every delete of a target would look through the whole table for links. */
        if (target && en->customer_field != f->id)
            indexes[ni++] =
                index_of(l, en, f->name, false, arena_printf(l->a, "%s IS NOT NULL", f->name).p);
        n += f->ncolumns;
    }
    if (en->owned) {
        indexes[ni++] = index_of(l, en, "owner_id,id", false, LIVE);
        indexes[ni++] = index_of(l, en, "department_id,id", false,
                                 "deleted_at IS NULL AND department_id IS NOT NULL");
    }
    const json_t *extra = json_object_get(in, "indexes");
    for (size_t i = 0; i < json_array_size(extra) && i < 8; i++)
        indexes[ni++] =
            index_of(l, en, arena_cstr(l->a, str_of(json_string_value(json_array_get(extra, i)))),
                     false, NULL);
    /* What an import made is found by its ids: they are younger than the import's own. */
    indexes[ni] = index_of(l, en, "import_id", false, NULL);
    indexes[ni++].gone = true;
    en->columns = names;
    en->ncolumns = n;
    make_statements(l, en);
    en->tables = (struct table_def){.name = en->table,
                                    .columns = columns,
                                    .ncolumns = n,
                                    .primary_key = "id",
                                    .indexes = indexes,
                                    .nindexes = ni};
    return 0;
}

static int load_entity(struct loader *l, const json_t *in, int id, struct entity *en)
{
    en->id = id;
    en->name = get(l, in, "name");
    en->path = get(l, in, "path");
    en->table = en->path;
    const json_t *list = json_object_get(in, "fields");
    if (!en->name || !en->path || json_array_size(list) == 0)
        return bad(l, "no name, path or fields", en->name);
    en->label = get_label(l, in, "label");
    en->label_plural = get_label(l, in, "label_plural");
    en->owned = json_is_true(json_object_get(in, "owned"));
    en->admin_writes = json_is_true(json_object_get(in, "admin_writes"));
    size_t first = en->owned ? NOWNED : NSYSTEM;
    en->nfields = first + json_array_size(list);
    struct field *fields = arena_array(l->a, struct field, en->nfields);
    add_system_fields(l, fields, first);
    map_init(&en->by_name, l->a);
    en->fields = fields;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < en->nfields; i++) {
        const json_t *own = i < first ? NULL : json_array_get(list, i - first);
        if (own)
            rc = load_field(l, own, (int)i, &fields[i]);
        if (rc == 0 && map_put(&en->by_name, str_of(fields[i].name), &fields[i]))
            rc = bad(l, "stands twice", fields[i].name);
    }
    if (rc == 0)
        rc = field_by(l, en, in, "title_field", &en->title_field);
    if (rc == 0)
        rc = field_by(l, en, in, "customer_field", &en->customer_field);
    en->with_customer =
        en->customer_field >= 0 && json_is_true(json_object_get(in, "with_customer"));
    if (rc == 0)
        rc = field_by(l, en, in, "prefix_search", &en->prefix_search);
    if (rc == 0)
        rc = field_by(l, en, in, "part_link", &en->part_link);
    if (rc == 0)
        rc = field_by(l, en, in, "part_place", &en->part_place);
    if (rc == 0)
        rc = field_by(l, en, in, "tree", &en->tree);
    en->part_key = get(l, in, "part_key");
    const json_t *search = json_object_get(in, "search");
    if (rc == 0)
        en->nsearch_title =
            load_names(l, en, json_object_get(search, "title"), en->search_title, 4, &rc);
    if (rc == 0)
        en->nsearch_body =
            load_names(l, en, json_object_get(search, "body"), en->search_body, 8, &rc);
    /* The name is a token of the index, which would part it at anything else. */
    for (const char *p = en->name; rc == 0 && search && *p; p++)
        if (*p < 'a' || *p > 'z')
            rc = bad(l, "what is searched has a name of letters alone", en->name);
    return rc;
}

static int entity_by(struct loader *l, const struct registry *r, const json_t *in, const char *key,
                     int *ret_entity)
{
    struct str name = json_get_str(in, key);
    const struct entity *en = name.p ? registry_entity(r, name) : NULL;
    *ret_entity = en ? en->id : -1;
    return name.p && !en ? bad(l, "names an unknown entity", key) : 0;
}

/* A part has the rights of its whole; nobody is given them apart. */
static int resolve_relations(struct loader *l, const struct registry *r, const json_t *in,
                             struct entity *en)
{
    int rc = entity_by(l, r, in, "part_of", &en->part_of);
    if (rc == 0)
        rc = entity_by(l, r, in, "rights_of", &en->rights_of);
    if (rc == 0 && en->part_of >= 0 && (en->part_link < 0 || en->part_place < 0 || !en->part_key))
        rc = bad(l, "a part needs its link, its place and its key", en->name);
    if (en->part_of >= 0)
        en->rights_of = en->part_of;
    return rc;
}

/* Links name their target's entity; both exist by now. */
static int resolve_links(struct loader *l, struct registry *r, const json_t *in, struct entity *en)
{
    const json_t *list = json_object_get(in, "fields");
    size_t first = en->owned ? NOWNED : NSYSTEM;
    for (size_t i = 0; i < en->nfields; i++) {
        struct field *f = (struct field *)&en->fields[i];
        struct str target = i < first ? str_of(system_fields[i].target)
                                      : json_get_str(json_array_get(list, i - first), "target");
        if (!target.n)
            continue;
        const struct entity *to = registry_entity(r, target);
        if (!to)
            return bad(l, "links to an unknown entity", f->name);
        f->target = to->id;
    }
    return 0;
}

/* "clv" of the same entity, or "product.cost" of another. */
static int resolve_level(struct loader *l, const struct registry *r, const struct entity *en,
                         struct str name, struct field_ref *ret)
{
    struct str of = name, first = STR_NULL;
    const struct entity *other = en;
    if (memchr(name.p ? name.p : "", '.', name.n) && str_split(&of, '.', &first))
        other = registry_entity(r, first);
    const struct field *f = other ? entity_field(other, of) : NULL;
    if (!f)
        return bad(l, "level_of names no such field", en->name);
    *ret = (struct field_ref){other->id, f->id};
    return 0;
}

static int resolve_levels(struct loader *l, const struct registry *r, const json_t *in,
                          struct entity *en)
{
    const json_t *list = json_object_get(in, "fields");
    const size_t first = en->owned ? NOWNED : NSYSTEM;
    for (size_t i = 0; i < en->nfields; i++) {
        struct field *f = (struct field *)&en->fields[i];
        const size_t most = sizeof f->level_of / sizeof f->level_of[0];
        const json_t *own = i < first ? NULL : json_array_get(list, i - first);
        const json_t *of = json_object_get(own, "level_of");
        if (json_array_size(of) > most)
            return bad(l, "level_of names too many fields", f->name);
        for (size_t k = 0; k < most; k++)
            f->level_of[k] = (struct field_ref){-1, -1};
        for (size_t k = 0; k < json_array_size(of); k++) {
            struct str name = str_of(json_string_value(json_array_get(of, k)));
            int rc = resolve_level(l, r, en, name, &f->level_of[k]);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static void resolve_references(struct registry *r, struct entity *en)
{
    struct column_def *columns = (struct column_def *)en->tables.columns;
    for (size_t i = 0; i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        if (columns[f->column].references)
            columns[f->column].references = r->entities[f->target].table;
    }
}

/* --- system tables -------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    enum column_type type;
} column_types[] = {{"id", COL_ID},     {"int", COL_INT},   {"bool", COL_BOOL},
                    {"date", COL_DATE}, {"time", COL_TIME}, {"real", COL_REAL},
                    {"text", COL_TEXT}, {"json", COL_JSON}, {"bytes", COL_BYTES}};

/* "user_id id! > users": name, type, ! for not null, > for the table it points to. */
static int load_column(struct loader *l, struct str in, struct column_def *ret)
{
    struct str name, type = STR_NULL, part, target = STR_NULL;
    if (!str_split(&in, ' ', &name) || !str_split(&in, ' ', &type))
        return bad(l, "a column needs a name and a type", arena_cstr(l->a, in));
    if (str_split(&in, ' ', &part) && str_is(part, ">"))
        target = in;
    *ret = (struct column_def){.name = arena_cstr(l->a, name)};
    if (type.n && type.p[type.n - 1] == '!') {
        ret->not_null = true;
        type.n--;
    }
    if (target.n)
        ret->references = arena_cstr(l->a, target);
    for (size_t i = 0; i < sizeof column_types / sizeof column_types[0]; i++) {
        if (str_is(type, column_types[i].name)) {
            ret->type = column_types[i].type;
            return 0;
        }
    }
    return bad(l, "no such column type", ret->name);
}

static int load_system_table(struct loader *l, const char *name, const json_t *in,
                             struct table_def *ret)
{
    const json_t *columns = json_object_get(in, "columns"), *list = json_object_get(in, "indexes");
    size_t n = json_array_size(columns), ni = json_array_size(list);
    struct column_def *cols = arena_array(l->a, struct column_def, n);
    struct index_def *indexes = arena_array(l->a, struct index_def, ni + 1);
    for (size_t i = 0; i < n; i++) {
        int rc = load_column(l, str_of(json_string_value(json_array_get(columns, i))), &cols[i]);
        if (rc)
            return rc;
    }
    struct entity shim = {.table = arena_cstr(l->a, str_of(name))};
    for (size_t i = 0; i < ni; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        bool unique = strncmp(text, "u ", 2) == 0;
        indexes[i] =
            index_of(l, &shim, arena_cstr(l->a, str_of(unique ? text + 2 : text)), unique, NULL);
    }
    *ret = (struct table_def){.name = shim.table,
                              .columns = cols,
                              .ncolumns = n,
                              .primary_key = get(l, in, "key"),
                              .indexes = indexes,
                              .nindexes = ni,
                              .fulltext = get(l, in, "fulltext")};
    return n && ret->primary_key ? 0 : bad(l, "no columns or no key", name);
}

/* --- all together --------------------------------------------------------------------------------
 */

static const struct embedded *file_named(const char *name)
{
    for (const struct embedded *f = embedded_entities; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static int load_all(struct loader *l, struct registry *r)
{
    /* Entities in the order of the constants, which is that of the sorted file names. */
    struct entity *entities = arena_array(l->a, struct entity, ENTITY_COUNT);
    json_t *roots[ENTITY_COUNT];
    r->entities = entities;
    crypto_generichash_state hash;
    crypto_generichash_init(&hash, NULL, 0, 16);
    int n = 0, rc = 0;
    for (const struct embedded *f = embedded_entities; f->name; f++) {
        crypto_generichash_update(&hash, (const unsigned char *)f->data, f->size);
        if (strchr(f->name, '/') || n == ENTITY_COUNT)
            continue;
        l->file = f->name;
        rc = json_read(l->a, str_from(f->data, f->size), &roots[n], l->e);
        if (rc == 0)
            rc = load_entity(l, roots[n], n, &entities[n]);
        if (rc)
            return rc;
        n++;
    }
    if (n != ENTITY_COUNT)
        return bad(l, "entities and constants differ in number", "all");
    for (int i = 0; rc == 0 && i < n; i++)
        rc = resolve_links(l, r, roots[i], &entities[i]);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = resolve_relations(l, r, roots[i], &entities[i]);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = resolve_levels(l, r, roots[i], &entities[i]);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = make_table(l, roots[i], &entities[i]);
    for (int i = 0; rc == 0 && i < n; i++)
        resolve_references(r, &entities[i]);
    if (rc)
        return rc;

    const struct embedded *system = file_named("system/tables.json");
    json_t *root;
    l->file = "system/tables.json";
    if (!system)
        return bad(l, "is missing", "system");
    rc = json_read(l->a, str_from(system->data, system->size), &root, l->e);
    if (rc)
        return rc;
    struct table_def *tables =
        arena_array(l->a, struct table_def, ENTITY_COUNT + json_object_size(root));
    for (int i = 0; i < n; i++)
        tables[r->ntables++] = entities[i].tables;
    const char *name;
    json_t *table;
    json_object_foreach(root, name, table)
    {
        rc = load_system_table(l, name, table, &tables[r->ntables]);
        if (rc)
            return rc;
        r->ntables++;
    }
    r->tables = tables;
    unsigned char digest[16];
    char hex[33];
    crypto_generichash_final(&hash, digest, sizeof digest);
    r->version = arena_str(l->a, str_of(sodium_bin2hex(hex, sizeof hex, digest, sizeof digest)));
    return 0;
}

int registry_load(struct registry **ret_registry, struct err *e)
{
    struct arena *a = arena_new(0);
    if (!a)
        return err_set(e, ERR_NOMEM, "registry");
    struct registry *r = arena_new_of(a, struct registry);
    r->arena = a;
    struct loader l = {.a = a, .e = e, .file = "entities"};
    int rc = load_all(&l, r);
    if (rc) {
        arena_free(a);
        return rc;
    }
    *ret_registry = r;
    return 0;
}

void registry_free(struct registry *r)
{
    if (r)
        arena_free(r->arena);
}

const struct entity *registry_entity(const struct registry *r, struct str name)
{
    for (int i = 0; i < ENTITY_COUNT; i++)
        if (r->entities[i].name && str_is(name, r->entities[i].name))
            return &r->entities[i];
    return NULL;
}

const struct entity *registry_by_path(const struct registry *r, struct str path)
{
    for (int i = 0; i < ENTITY_COUNT; i++)
        if (str_is(path, r->entities[i].path))
            return &r->entities[i];
    return NULL;
}

const struct field *entity_field(const struct entity *en, struct str name)
{
    return map_get(&en->by_name, name);
}
