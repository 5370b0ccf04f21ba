/* What the columns mean: targets, guesses, and the reading of one row. */
#include "crm/import/internal.h"

#include "base/money.h"

#include <stdlib.h>
#include <string.h>

const char *const date_format_names[CSV_DATE_FORMATS] = {"YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY"};

static bool can_import(const struct field *f)
{
    return !f->system && !f->hidden && !f->read_only && f->type->importable &&
           f->type->shape != SHAPE_LINK;
}

static size_t all_targets(const struct registry *r, const struct import_kind *kind, struct arena *a,
                          struct target out[TARGETS])
{
    size_t n = 0;
    for (size_t s = 0; s < kind->nsides; s++) {
        const struct import_side *side = &kind->sides[s];
        const struct entity *en = &r->entities[side->entity];
        size_t fields = side->fields ? side->n : en->nfields;
        for (size_t i = 0; i < fields && n < TARGETS - 1; i++) {
            const struct field *f = &en->fields[side->fields ? side->fields[i] : (int)i];
            if (!side->fields && !can_import(f))
                continue;
            /* An order that is made needs what every order needs. */
            bool needed = side->side == SIDE_OWN || side->side == SIDE_ORDER;
            out[n++] =
                (struct target){arena_printf(a, "%s%s", side->prefix, f->name), f, side->side,
                                (needed && f->required) || f->id == side->required};
        }
    }
    if (kind->currency)
        out[n++] = (struct target){STR("currency"), NULL, SIDE_OWN, false};
    return n;
}

static const struct entity *entity_of_side(const struct registry *r, const struct import_kind *kind,
                                           enum side side)
{
    for (size_t i = 0; i < kind->nsides; i++)
        if (kind->sides[i].side == side)
            return &r->entities[kind->sides[i].entity];
    return &r->entities[kind->entity];
}

size_t targets_of(struct tenant *t, int64_t owner_id, const struct import_kind *kind,
                  struct arena *a, struct target out[TARGETS])
{
    size_t n = all_targets(t->registry, kind, a, out), kept = 0;
    struct pass pass = {0};
    struct err gone = {0};
    /* The import of somebody who left is an administrator's. */
    if (identity_as_user(t, owner_id, &pass, &gone) != 0)
        return n;
    for (size_t i = 0; i < n; i++) {
        const struct field *f = out[i].field;
        const struct entity *en = entity_of_side(t->registry, kind, out[i].side);
        /* What the program derives is as good as what it is derived from. */
        if (!f || access_level(pass.who, en, f->id) == LEVEL_EDIT)
            out[kept++] = out[i];
    }
    identity_leave(&pass);
    return kept;
}

/* --- reading one row ----------------------------------------------------------------------- */

struct str cell_of(const struct csv_record *rec, size_t column)
{
    if (column >= rec->fields)
        return STR_NULL;
    struct csv_slice s = csv_trim(rec->field[column]);
    return str_from(s.ptr, s.len);
}

bool cell_blank(struct str s)
{
    return s.n == 0 || str_is(s, "-") || str_is(s, "无") || str_is(s, "NULL") ||
           str_is(s, "null") || str_is(s, "N/A");
}

static struct csv_slice slice(struct str s)
{
    return (struct csv_slice){s.p, s.n};
}

static const char *read_money(const struct import_plan *p, const struct field *f, struct str cell,
                              struct str currency, struct value *ret, bool *changed)
{
    const struct currency *c = currency_find(f->base_money ? p->env.base_currency : currency);
    const struct currency *base = currency_find(p->env.base_currency);
    if (!c || !base)
        return "unknown-currency";
    int64_t minor = 0, in_base;
    enum csv_cell code = csv_parse_amount(slice(cell), c->decimals, &minor);
    if (code != CSV_CELL_OK)
        return csv_cell_code(code);
    in_base = minor;
    if (c != base) {
        int64_t rate = p->env.rate(p->env.rate_arg, currency);
        if (rate <= 0)
            return "no-rate";
        if (!money_convert(minor, c->decimals, base->decimals, rate, &in_base))
            return "out-of-range";
    }
    for (size_t i = 0; i < cell.n; i++)
        *changed |= !((cell.p[i] >= '0' && cell.p[i] <= '9') || cell.p[i] == '.' ||
                      (cell.p[i] == '-' && i == 0));
    *ret = (struct value){.i = minor, .s = str_of(c->code), .base = in_base};
    return NULL;
}

static const char *read_cell(const struct import_plan *p, const struct field *f, struct str cell,
                             struct str currency, struct arena *scratch, struct value *ret,
                             bool *changed)
{
    struct parse_env env = p->env;
    env.arena = scratch;
    if (f->type->shape == SHAPE_DATE) {
        int32_t day = 0;
        enum csv_cell code = csv_parse_date(slice(cell), p->im->format.date, &day);
        *ret = (struct value){.i = day};
        return code == CSV_CELL_OK ? NULL : csv_cell_code(code);
    }
    if (f->type->shape == SHAPE_MONEY)
        return read_money(p, f, cell, currency, ret, changed);
    if (f->type->shape == SHAPE_INT) {
        bool decimal = f->type->name[0] == 'd';
        int64_t v = 0;
        enum csv_cell code = csv_parse_amount(slice(cell), decimal ? DECIMAL_PLACES : 0, &v);
        *ret = (struct value){.i = v};
        if (decimal && code == CSV_CELL_OK)
            return f->has_min && v < f->min * DECIMAL_ONE ? "out-of-range" : NULL;
        if (decimal && code == CSV_CELL_TOO_MANY_DECIMALS)
            return "decimal-places";
        return code == CSV_CELL_OK                  ? NULL
               : code == CSV_CELL_TOO_MANY_DECIMALS ? "integer"
                                                    : csv_cell_code(code);
    }
    return f->type->from_text(f, cell, &env, ret);
}

struct parsed_row *row_new(const struct import_plan *p, struct arena *a)
{
    const struct import_kind *kind = p->im->kind;
    struct parsed_row *row = arena_new_of(a, struct parsed_row);
    for (size_t i = 0; i < kind->nsides; i++)
        row->v[kind->sides[i].side] =
            arena_array(a, struct value, p->t->registry->entities[kind->sides[i].entity].nfields);
    return row;
}

void row_note(struct parsed_row *row, int column, const char *code)
{
    if (row->nbad < sizeof row->bad / sizeof row->bad[0])
        row->bad[row->nbad++] = (struct cell_note){column, code};
}

void row_parse(const struct import_plan *p, const struct csv_record *rec, struct arena *scratch,
               struct parsed_row *row)
{
    const struct import_kind *kind = p->im->kind;
    row->nbad = 0;
    memset(row->changed, 0, p->ncolumns);
    for (size_t i = 0; i < kind->nsides; i++)
        record_blank(&p->t->registry->entities[kind->sides[i].entity], row->v[kind->sides[i].side]);
    if (rec->fields > p->ncolumns)
        row_note(row, (int)p->ncolumns - 1, "too-many-cells");
    struct str currency = p->currency;
    if (p->currency_column >= 0 && !cell_blank(cell_of(rec, (size_t)p->currency_column)))
        currency = cell_of(rec, (size_t)p->currency_column);
    for (size_t i = 0; i < p->ncolumns; i++) {
        const struct target *target = &p->targets[i];
        if (!target->field)
            continue;
        struct str cell = cell_of(rec, i);
        if (cell_blank(cell)) {
            if (target->required || (int)i == p->key_column)
                row_note(row, (int)i, "required");
            continue;
        }
        size_t bad;
        const char *code =
            str_utf8_ok(cell, &bad)
                ? read_cell(p, target->field, cell, currency, scratch,
                            &row->v[target->side][target->field->id], &row->changed[i])
                : "bad-utf8";
        if (code)
            row_note(row, (int)i, code);
    }
    row->key = cell_of(rec, (size_t)p->key_column);
    if (kind->settle && row->nbad == 0)
        kind->settle(p, row);
}

/* --- making the plan ----------------------------------------------------------------------- */

static int missing_column(struct import_plan *p, const struct target *target, struct err *e)
{
    struct err_item *item = err_item(e, STR("/mapping"), "import-missing-column");
    const struct field *f = target->field;
    err_item_param(e, item, "field", target->name);
    err_item_param(e, item, "label", f->label.in[tenant_company(p->t)->lang]);
    return err_set(e, ERR_VALIDATION, "no column for " STR_FMT, STR_ARG(target->name));
}

static int find_column(const struct import_plan *p, const char *name)
{
    for (size_t i = 0; i < p->ncolumns; i++)
        if (str_is(p->targets[i].name, name))
            return (int)i;
    return -1;
}

static int find_target(const struct import_plan *p, enum side side, int field)
{
    for (size_t i = 0; i < p->ncolumns; i++)
        if (p->targets[i].field && p->targets[i].side == side && p->targets[i].field->id == field)
            return (int)i;
    return -1;
}

static int check_required(struct import_plan *p, const struct target *all, size_t n, struct err *e)
{
    const struct import_kind *kind = p->im->kind;
    const struct entity *en = entity_of_side(p->t->registry, kind, kind->key_side);
    enum side orders = kind->grouped ? SIDE_ORDER : SIDE_OWN;
    int key = kind->keys[1];
    for (size_t i = 2; i-- > 0;)
        if (kind->keys[i] >= 0 && find_target(p, kind->key_side, kind->keys[i]) >= 0)
            key = kind->keys[i];
    p->key_field = &en->fields[key];
    p->key_column = find_target(p, kind->key_side, key);
    p->number_column = kind->orders ? find_target(p, orders, ORDER_NUMBER) : -1;
    p->status_column = kind->orders ? find_target(p, orders, ORDER_STATUS) : -1;
    p->amount_column = kind->orders && !kind->grouped ? find_target(p, orders, ORDER_AMOUNT) : -1;
    p->currency_column = kind->currency ? find_column(p, "currency") : -1;
    for (size_t i = 0; i < n; i++)
        if (all[i].required && find_target(p, all[i].side, all[i].field->id) < 0)
            return missing_column(p, &all[i], e);
    for (size_t i = 0; p->key_column < 0 && i < n; i++)
        if (all[i].field == p->key_field)
            return missing_column(p, &all[i], e);
    /* What would say which customer may be held back from this person. */
    struct target held = {.name = str_of(p->key_field->name), .field = p->key_field};
    return p->key_column < 0 ? missing_column(p, &held, e) : 0;
}

bool plan_may(const struct import_plan *p, enum side side, int field)
{
    for (size_t i = 0; i < p->nall; i++)
        if (p->all[i].side == side && p->all[i].field && p->all[i].field->id == field)
            return true;
    return false;
}

int plan_make(struct tenant *t, const struct import *im, struct arena *a,
              struct import_plan *ret_plan, struct err *e)
{
    struct import_plan *p = ret_plan;
    struct target *all = arena_array(a, struct target, TARGETS);
    size_t n = targets_of(t, im->owner_id, im->kind, a, all);
    *p = (struct import_plan){
        .t = t, .a = a, .im = im, .all = all, .nall = n, .env = tenant_parse_env(t, a)};
    p->ncolumns = json_array_size(im->columns);
    const char *key;
    json_t *v;
    json_object_foreach(im->mapping, key, v)
    {
        int64_t column;
        if (json_is_null(v))
            continue;
        if (!str_to_i64(str_of(key), &column) || column < 0 || (size_t)column >= p->ncolumns)
            return err_set(e, ERR_VALIDATION, "no column %s", key);
        for (size_t i = 0; i < n; i++)
            if (str_is(all[i].name, json_string_value(v)))
                p->targets[column] = all[i];
    }
    struct str currency = json_get_str(im->options, "currency");
    p->currency = currency.n ? currency : p->env.base_currency;
    p->update = str_is(json_get_str(im->options, "on_existing"), "update");
    p->create_customers = !json_is_false(json_object_get(im->options, "create_customers"));
    p->create_products = !json_is_false(json_object_get(im->options, "create_products"));
    return check_required(p, all, n, e);
}
