#include "core/filter/filter.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 8, MAX_LEAVES = 100, MAX_VALUES = 500 };

struct filter_op;

struct filter {
    enum { NODE_AND, NODE_OR, NODE_NOT, NODE_LEAF } kind;
    const struct filter **children;
    size_t nchildren;
    const struct field *field;
    const struct filter_op *op;
    struct value *values;
    size_t nvalues;
    int64_t low, high; /* relative dates, resolved when read */
};

/* One row per operator: how many values it takes and how it becomes SQL. */
struct filter_op {
    const char *name;
    size_t min_values, max_values;
    const char *sql; /* for the plain comparisons */
    void (*emit)(const struct filter *f, const char *alias, struct sql *q);
    /* Relative dates: fills [low, high] in days relative to today; the values are counts. */
    void (*range)(const struct filter_env *env, int64_t n, int32_t *ret_low, int32_t *ret_high);
};

/* --- SQL ----------------------------------------------------------------------------------------
 */

/* Money compares in base currency. */
static void add_column(const struct field *f, const char *alias, struct sql *q)
{
    sql_addf(q, "%s%s%s", alias, f->name,
             f->type->shape == SHAPE_MONEY && !f->base_money ? "_base" : "");
}

static struct db_value bound(const struct field *f, const struct value *v)
{
    struct db_value out[3];
    if (f->type->shape == SHAPE_MONEY)
        return DB_I64(v->base);
    value_bind(f, v, out);
    return out[0];
}

static void emit_compare(const struct filter *f, const char *alias, struct sql *q)
{
    add_column(f->field, alias, q);
    sql_addf(q, " %s ", f->op->sql);
    sql_arg(q, bound(f->field, &f->values[0]));
}

/* Not equal includes the empty: a person who asks for "not A" means those without one, too. */
static void emit_not_equal(const struct filter *f, const char *alias, struct sql *q)
{
    add_column(f->field, alias, q);
    sql_add(q, " IS NULL OR ");
    emit_compare(f, alias, q);
}

static void emit_in(const struct filter *f, const char *alias, struct sql *q)
{
    bool negated = f->op->sql[0] == 'N';
    if (negated) {
        add_column(f->field, alias, q);
        sql_add(q, " IS NULL OR ");
    }
    add_column(f->field, alias, q);
    sql_addf(q, " %s (", f->op->sql);
    for (size_t i = 0; i < f->nvalues; i++) {
        if (i)
            sql_add(q, ", ");
        sql_arg(q, bound(f->field, &f->values[i]));
    }
    sql_add(q, ")");
}

static void emit_null(const struct filter *f, const char *alias, struct sql *q)
{
    add_column(f->field, alias, q);
    sql_addf(q, " %s", f->op->sql);
}

static void emit_between(const struct filter *f, const char *alias, struct sql *q)
{
    add_column(f->field, alias, q);
    sql_add(q, " >= ");
    sql_arg(q, bound(f->field, &f->values[0]));
    sql_add(q, " AND ");
    add_column(f->field, alias, q);
    sql_add(q, " <= ");
    sql_arg(q, bound(f->field, &f->values[1]));
}

/* ASCII case is folded on both sides; lower() folds only ASCII on SQLite and under collation C. */
static void emit_like(const struct filter *f, const char *alias, struct sql *q)
{
    struct str s = f->values[0].s;
    struct buf pattern = BUF_INIT(1 << 20);
    if (f->op->sql[0] == '%')
        buf_add_char(&pattern, '%');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' || c == '_' || c == '\\')
            buf_add_char(&pattern, '\\');
        buf_add_char(&pattern, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
    buf_add_char(&pattern, '%');
    sql_add(q, "lower(");
    add_column(f->field, alias, q);
    sql_add(q, ") LIKE ");
    sql_arg(q, DB_STR(arena_str(q->arena, buf_str(&pattern))));
    sql_add(q, " ESCAPE '\\'");
    buf_free(&pattern);
}

static void emit_range(const struct filter *f, const char *alias, struct sql *q)
{
    add_column(f->field, alias, q);
    sql_add(q, " >= ");
    sql_arg(q, DB_I64(f->low));
    sql_add(q, " AND ");
    add_column(f->field, alias, q);
    sql_add(q, " < ");
    sql_arg(q, DB_I64(f->high));
}

static void range_last(const struct filter_env *env, int64_t n, int32_t *low, int32_t *high)
{
    *low = env->today - (int32_t)n;
    *high = env->today + 1;
}

static void range_next(const struct filter_env *env, int64_t n, int32_t *low, int32_t *high)
{
    *low = env->today;
    *high = env->today + (int32_t)n + 1;
}

static void range_today(const struct filter_env *env, int64_t n, int32_t *low, int32_t *high)
{
    (void)n;
    *low = env->today;
    *high = env->today + 1;
}

static void range_month(const struct filter_env *env, int64_t n, int32_t *low, int32_t *high)
{
    int y, m, d;
    (void)n;
    date_to_ymd(env->today, &y, &m, &d);
    *low = date_from_ymd(y, m, 1);
    *high = m == 12 ? date_from_ymd(y + 1, 1, 1) : date_from_ymd(y, m + 1, 1);
}

static void range_year(const struct filter_env *env, int64_t n, int32_t *low, int32_t *high)
{
    int y, m, d;
    (void)n;
    date_to_ymd(env->today, &y, &m, &d);
    *low = date_from_ymd(y, 1, 1);
    *high = date_from_ymd(y + 1, 1, 1);
}

/* The twelve months that begin with the company's first one. */
static void range_fiscal_year(const struct filter_env *env, int64_t n, int32_t *low, int32_t *high)
{
    (void)n;
    *low = date_year_start(env->today, env->fiscal_month);
    *high = date_year_start(*low + 366, env->fiscal_month);
}

static const struct filter_op operators[] = {
    {"eq", 1, 1, "=", emit_compare, NULL},
    {"ne", 1, 1, "<>", emit_not_equal, NULL},
    {"lt", 1, 1, "<", emit_compare, NULL},
    {"lte", 1, 1, "<=", emit_compare, NULL},
    {"gt", 1, 1, ">", emit_compare, NULL},
    {"gte", 1, 1, ">=", emit_compare, NULL},
    {"between", 2, 2, NULL, emit_between, NULL},
    {"in", 1, MAX_VALUES, "IN", emit_in, NULL},
    {"nin", 1, MAX_VALUES, "NOT IN", emit_in, NULL},
    {"null", 0, 1, "IS NULL", emit_null, NULL},
    {"notnull", 0, 1, "IS NOT NULL", emit_null, NULL},
    {"contains", 1, 1, "%", emit_like, NULL},
    {"starts", 1, 1, "", emit_like, NULL},
    {"last_days", 1, 1, NULL, emit_range, range_last},
    {"next_days", 1, 1, NULL, emit_range, range_next},
    {"today", 0, 1, NULL, emit_range, range_today},
    {"this_month", 0, 1, NULL, emit_range, range_month},
    {"this_year", 0, 1, NULL, emit_range, range_year},
    {"this_fiscal_year", 0, 1, NULL, emit_range, range_fiscal_year},
};

/* Sets are asked for what they hold, by the index over them. */
static void emit_holds(const struct filter *f, const char *alias, struct sql *q)
{
    sql_addf(q, "%sid %s (SELECT held.record_id FROM tag_use held WHERE held.tag_id IN (", alias,
             f->op->sql);
    for (size_t i = 0; i < f->nvalues; i++) {
        if (i)
            sql_add(q, ", ");
        sql_arg(q, DB_I64(f->values[i].i));
    }
    sql_add(q, "))");
}

static const struct filter_op set_operators[] = {
    {"eq", 1, 1, "IN", emit_holds, NULL},
    {"in", 1, MAX_VALUES, "IN", emit_holds, NULL},
    {"nin", 1, MAX_VALUES, "NOT IN", emit_holds, NULL},
    {"null", 0, 1, "IS NULL", emit_null, NULL},
    {"notnull", 0, 1, "IS NOT NULL", emit_null, NULL},
};

static const struct filter_op *find_operator(const struct field *f, struct str name)
{
    bool set = f->type->shape == SHAPE_SET;
    const struct filter_op *table = set ? set_operators : operators;
    size_t n = set ? sizeof set_operators / sizeof set_operators[0]
                   : sizeof operators / sizeof operators[0];
    struct str rest = str_of(f->type->operators), one;
    while (str_split(&rest, ' ', &one)) {
        if (!str_eq(one, name))
            continue;
        for (size_t i = 0; i < n; i++)
            if (str_is(name, table[i].name))
                return &table[i];
    }
    return NULL;
}

/* --- reading ------------------------------------------------------------------------------------
 */

struct reader {
    const struct entity *en;
    const struct filter_env *env;
    struct err *e;
    size_t leaves;
};

static int reject(struct reader *r, struct str pointer, const char *code, struct str what)
{
    struct err_item *item = err_item(r->e, pointer, code);
    err_item_param(r->e, item, "field", what);
    return err_set(r->e, ERR_VALIDATION, "filter: %s at " STR_FMT, code, STR_ARG(pointer));
}

static struct filter *new_leaf(struct reader *r, struct str name, struct str op, struct str pointer)
{
    struct arena *a = r->env->parse.arena;
    const struct field *field = entity_field(r->en, name);
    const unsigned char *levels = r->env->levels ? r->env->levels[r->en->id] : NULL;
    enum field_level level = field ? field_level(field, levels) : LEVEL_HIDE;
    if (level < LEVEL_READ) {
        reject(r, pointer, level == LEVEL_MASK ? "field-masked" : "unknown-field", name);
        return NULL;
    }
    struct filter *f = arena_new_of(a, struct filter);
    f->kind = NODE_LEAF;
    f->field = field;
    f->op = find_operator(field, op);
    if (!f->op) {
        reject(r, pointer, "unknown-operator", op);
        return NULL;
    }
    if (++r->leaves > MAX_LEAVES) {
        reject(r, pointer, "filter-too-large", name);
        return NULL;
    }
    return f;
}

static int set_range(struct reader *r, struct filter *f, int64_t n, struct str pointer)
{
    int32_t low, high;
    if (n < 0 || n > 36500)
        return reject(r, pointer, "out-of-range", str_of(f->field->name));
    f->op->range(r->env, n, &low, &high);
    f->low = low;
    f->high = high;
    if (f->field->type->shape == SHAPE_TIME) {
        f->low = r->env->midnight + (int64_t)(low - r->env->today) * 86400000;
        f->high = r->env->midnight + (int64_t)(high - r->env->today) * 86400000;
    }
    return 0;
}

static struct str json_text(const json_t *v)
{
    return str_from(json_string_value(v), json_string_length(v));
}

static int read_value(struct reader *r, struct filter *f, const json_t *in, struct str pointer)
{
    struct value *v = &f->values[f->nvalues];
    const struct field *field = f->field;
    const char *code;
    /* Part of an option or of a phone number is no whole one: texts compare as texts. */
    if (field->type->shape == SHAPE_TEXT) {
        code = json_is_string(in) ? NULL : "type-text";
        if (!code)
            *v = (struct value){.s = str_from(json_string_value(in), json_string_length(in))};
    } else if (field->type->shape == SHAPE_SET) { /* one that it should hold */
        code = json_is_string(in) ? field->type->from_text(field, json_text(in), &r->env->parse, v)
                                  : "id";
    } else if (field->type->shape == SHAPE_MONEY && json_is_number(in)) {
        char *text = json_dumps(in, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        struct str kept = arena_str(r->env->parse.arena, str_of(text));
        free(text);
        code = field->type->from_text(field, kept, &r->env->parse, v);
    } else {
        code = field->type->from_json(field, in, &r->env->parse, v);
    }
    if (code)
        return reject(r, pointer, code, str_of(field->name));
    f->nvalues++;
    return 0;
}

static int read_leaf(struct reader *r, const json_t *in, struct str pointer,
                     const struct filter **ret)
{
    struct filter *f = new_leaf(r, json_get_str(in, "field"), json_get_str(in, "op"), pointer);
    if (!f)
        return ERR_VALIDATION;
    const json_t *value = json_object_get(in, "value");
    size_t n = json_is_array(value) ? json_array_size(value) : value && !json_is_null(value);
    if (f->op->range) {
        int64_t days = json_integer_value(value);
        bool number = json_is_integer(value) || str_to_i64(json_text(value), &days);
        *ret = f;
        if (f->op->min_values && !number)
            return reject(r, pointer, "integer", str_of(f->field->name));
        return set_range(r, f, days, pointer);
    }
    if (n < f->op->min_values || n > f->op->max_values)
        return reject(r, pointer, "value-count", str_of(f->field->name));
    if (f->op->min_values == 0)
        n = 0;
    f->values = arena_array(r->env->parse.arena, struct value, n + 1);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_value(r, f, json_is_array(value) ? json_array_get(value, i) : value, pointer);
    *ret = f;
    return rc;
}

static int read_node(struct reader *r, const json_t *in, struct str pointer, int depth,
                     const struct filter **ret);

static int read_children(struct reader *r, const json_t *list, struct str pointer, int depth,
                         struct filter *f)
{
    struct arena *a = r->env->parse.arena;
    bool many = json_is_array(list);
    size_t n = many ? json_array_size(list) : 1;
    if (n == 0 || n > MAX_LEAVES)
        return reject(r, pointer, "filter-shape", STR_NULL);
    f->children = arena_array(a, const struct filter *, n);
    for (size_t i = 0; i < n; i++) {
        struct str at = many ? arena_printf(a, STR_FMT "/%zu", STR_ARG(pointer), i) : pointer;
        int rc = read_node(r, many ? json_array_get(list, i) : list, at, depth + 1,
                           &f->children[f->nchildren]);
        if (rc)
            return rc;
        f->nchildren++;
    }
    return 0;
}

static int read_node(struct reader *r, const json_t *in, struct str pointer, int depth,
                     const struct filter **ret)
{
    static const char *const kinds[] = {"and", "or", "not"};
    if (depth > MAX_DEPTH)
        return reject(r, pointer, "filter-too-large", STR_NULL);
    if (!json_is_object(in))
        return reject(r, pointer, "filter-shape", STR_NULL);
    for (int k = NODE_AND; k <= NODE_NOT; k++) {
        const json_t *list = json_object_get(in, kinds[k]);
        if (!list)
            continue;
        if (json_object_size(in) != 1 || json_is_array(list) != (k != NODE_NOT))
            return reject(r, pointer, "filter-shape", STR_NULL);
        struct filter *f = arena_new_of(r->env->parse.arena, struct filter);
        f->kind = k == NODE_AND ? NODE_AND : k == NODE_OR ? NODE_OR : NODE_NOT;
        struct str at =
            arena_printf(r->env->parse.arena, STR_FMT "/%s", STR_ARG(pointer), kinds[k]);
        *ret = f;
        return read_children(r, list, at, depth, f);
    }
    return read_leaf(r, in, pointer, ret);
}

int filter_parse(const struct entity *en, const json_t *in, const struct filter_env *env,
                 const struct filter **ret_filter, struct err *e)
{
    struct reader r = {.en = en, .env = env, .e = e};
    const struct filter *f = NULL;
    int rc = read_node(&r, in, STR("/filter"), 0, &f);
    if (rc == 0)
        *ret_filter = f;
    return rc;
}

int filter_leaf(const struct entity *en, struct str field, struct str op, struct str value,
                const struct filter_env *env, const struct filter **ret_filter, struct err *e)
{
    struct reader r = {.en = en, .env = env, .e = e};
    struct filter *f = new_leaf(&r, field, op.n ? op : STR("eq"), field);
    if (!f)
        return ERR_VALIDATION;
    *ret_filter = f;
    int64_t n = 0;
    if (f->op->range) {
        if (f->op->min_values && !str_to_i64(value, &n))
            return reject(&r, field, "integer", field);
        return set_range(&r, f, n, field);
    }
    if (f->op->max_values > 1 && f->op->min_values) {
        f->values = arena_array(env->parse.arena, struct value, MAX_VALUES);
    } else {
        f->values = arena_array(env->parse.arena, struct value, 1);
    }
    struct str part;
    bool list = f->op->max_values > 1;
    while (f->op->min_values && f->nvalues < f->op->max_values &&
           (list ? str_split(&value, ',', &part) : (part = value, true))) {
        struct value *v = &f->values[f->nvalues];
        const char *code = NULL;
        if (f->field->type->shape == SHAPE_TEXT)
            *v = (struct value){.s = part};
        else
            code = f->field->type->from_text(f->field, part, &env->parse, v);
        if (code)
            return reject(&r, field, code, field);
        f->nvalues++;
        if (!list)
            break;
    }
    if (f->nvalues < f->op->min_values)
        return reject(&r, field, "value-count", field);
    return 0;
}

const struct filter *filter_and(struct arena *a, const struct filter *x, const struct filter *y)
{
    if (!x || !y)
        return x ? x : y;
    struct filter *f = arena_new_of(a, struct filter);
    f->kind = NODE_AND;
    f->children = arena_array(a, const struct filter *, 2);
    f->children[0] = x;
    f->children[1] = y;
    f->nchildren = 2;
    return f;
}

void filter_sql(const struct filter *f, const char *alias, struct sql *q)
{
    /* NOT over an empty field would be neither true nor false and lose the row: CASE makes it true.
     */
    sql_add(q, f->kind == NODE_NOT ? "(CASE WHEN (" : "(");
    if (f->kind == NODE_LEAF)
        f->op->emit(f, alias, q);
    for (size_t i = 0; i < f->nchildren; i++) {
        if (i)
            sql_add(q, f->kind == NODE_OR ? " OR " : " AND ");
        filter_sql(f->children[i], alias, q);
    }
    sql_add(q, f->kind == NODE_NOT ? ") THEN 0 ELSE 1 END) = 1" : ")");
}
