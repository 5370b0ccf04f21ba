/* What the columns mean: targets, guesses, and the reading of one row. */
#include "crm/import/internal.h"

#include "base/money.h"

#include <stdlib.h>
#include <string.h>

const char *const date_format_names[CSV_DATE_FORMATS] = {"YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY"};

static size_t all_targets(const struct registry *r, const struct entity *en, struct arena *a,
                          struct target out[TARGETS])
{
    size_t n = 0;
    const struct entity *customer = &r->entities[ENTITY_CUSTOMER];
    bool orders = en->id == ENTITY_ORDER;
    if (orders) {
        /* Of the customer, first what finds it. */
        static const int first[] = {CUSTOMER_EXT_ID,   CUSTOMER_NAME, CUSTOMER_PHONE,
                                    CUSTOMER_EMAIL,    CUSTOMER_CITY, CUSTOMER_REGION,
                                    CUSTOMER_INDUSTRY, CUSTOMER_KIND};
        for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
            const struct field *f = &customer->fields[first[i]];
            out[n++] = (struct target){arena_printf(a, "customer.%s", f->name), f, true, false};
        }
    }
    for (size_t i = 0; i < en->nfields && n < TARGETS - 1; i++) {
        const struct field *f = &en->fields[i];
        if (f->system || f->hidden || f->read_only || !f->type->importable ||
            f->type->shape == SHAPE_LINK)
            continue;
        out[n++] = (struct target){str_of(f->name), f, false, f->required};
    }
    if (orders)
        out[n++] = (struct target){STR("currency"), NULL, false, false};
    return n;
}

size_t targets_of(struct tenant *t, int64_t owner_id, const struct entity *en, struct arena *a,
                  struct target out[TARGETS])
{
    const struct entity *customer = &t->registry->entities[ENTITY_CUSTOMER];
    size_t n = all_targets(t->registry, en, a, out), kept = 0;
    struct pass pass = {0};
    struct err gone = {0};
    /* The import of somebody who left is an administrator's. */
    if (identity_as_user(t, owner_id, &pass, &gone) != 0)
        return n;
    for (size_t i = 0; i < n; i++)
        if (!out[i].field || access_level(pass.who, out[i].of_customer ? customer : en,
                                          out[i].field->id) == LEVEL_EDIT)
            out[kept++] = out[i];
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

static bool is_blank(struct str s)
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
        int64_t v = 0;
        enum csv_cell code = csv_parse_amount(slice(cell), 0, &v);
        *ret = (struct value){.i = v};
        return code == CSV_CELL_OK                  ? NULL
               : code == CSV_CELL_TOO_MANY_DECIMALS ? "integer"
                                                    : csv_cell_code(code);
    }
    return f->type->from_text(f, cell, &env, ret);
}

struct parsed_row *row_new(const struct import_plan *p, struct arena *a)
{
    struct parsed_row *row = arena_new_of(a, struct parsed_row);
    row->own = arena_array(a, struct value, p->im->en->nfields);
    row->customer = arena_array(a, struct value, p->t->registry->entities[ENTITY_CUSTOMER].nfields);
    return row;
}

static void note(struct parsed_row *row, int column, const char *code)
{
    if (row->nbad < sizeof row->bad / sizeof row->bad[0])
        row->bad[row->nbad++] = (struct cell_note){column, code};
}

/* Rules between the cells of an order: the sign of the amount follows its status. */
static void settle_order(struct parsed_row *row, int status_column, int amount_column)
{
    struct value *status = &row->own[ORDER_STATUS];
    const struct value *amount = &row->own[ORDER_AMOUNT];
    if (amount->null)
        return;
    if (status_column < 0 && amount->i < 0)
        *status = (struct value){.s = STR("returned")};
    bool returned = str_is(status->s, "returned");
    if (returned && amount->i > 0) {
        /* Files write returns either way; a return takes money back. */
        row->own[ORDER_AMOUNT].i = -amount->i;
        row->own[ORDER_AMOUNT].base = -amount->base;
    } else if (!returned && amount->i < 0) {
        note(row, amount_column, "order-negative");
    }
}

void row_parse(const struct import_plan *p, const struct csv_record *rec, struct arena *scratch,
               struct parsed_row *row)
{
    const struct entity *customer = &p->t->registry->entities[ENTITY_CUSTOMER];
    bool orders = p->im->en->id == ENTITY_ORDER;
    int status_column = -1, amount_column = -1;
    row->nbad = 0;
    memset(row->changed, 0, p->ncolumns);
    record_blank(p->im->en, row->own);
    if (orders)
        record_blank(customer, row->customer);
    if (rec->fields > p->ncolumns)
        note(row, (int)p->ncolumns - 1, "too-many-cells");
    struct str currency = p->currency;
    if (p->currency_column >= 0 && !is_blank(cell_of(rec, (size_t)p->currency_column)))
        currency = cell_of(rec, (size_t)p->currency_column);
    for (size_t i = 0; i < p->ncolumns; i++) {
        const struct target *target = &p->targets[i];
        if (!target->field)
            continue;
        struct str cell = cell_of(rec, i);
        struct value *v =
            target->of_customer ? &row->customer[target->field->id] : &row->own[target->field->id];
        if (!target->of_customer && target->field->id == ORDER_STATUS && orders)
            status_column = (int)i;
        if (!target->of_customer && target->field->id == ORDER_AMOUNT && orders)
            amount_column = (int)i;
        if (is_blank(cell)) {
            if (target->required || (int)i == p->key_column)
                note(row, (int)i, "required");
            continue;
        }
        size_t bad;
        const char *code = str_utf8_ok(cell, &bad) ? read_cell(p, target->field, cell, currency,
                                                               scratch, v, &row->changed[i])
                                                   : "bad-utf8";
        if (code)
            note(row, (int)i, code);
    }
    row->key = cell_of(rec, (size_t)p->key_column);
    if (orders && row->nbad == 0)
        settle_order(row, status_column, amount_column);
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

static int check_required(struct import_plan *p, const struct target *all, size_t n, struct err *e)
{
    bool orders = p->im->en->id == ENTITY_ORDER;
    int ext = find_column(p, orders ? "customer.ext_id" : "ext_id");
    int name = find_column(p, orders ? "customer.name" : "name");
    const struct entity *customer = &p->t->registry->entities[ENTITY_CUSTOMER];
    p->key_column = ext >= 0 ? ext : name;
    p->key_field = &customer->fields[ext >= 0 ? CUSTOMER_EXT_ID : CUSTOMER_NAME];
    p->number_column = orders ? find_column(p, "number") : -1;
    p->currency_column = orders ? find_column(p, "currency") : -1;
    for (size_t i = 0; i < n; i++)
        if (all[i].required && find_column(p, arena_cstr(p->a, all[i].name)) < 0)
            return missing_column(p, &all[i], e);
    for (size_t i = 0; p->key_column < 0 && i < n; i++)
        if (all[i].field == p->key_field)
            return missing_column(p, &all[i], e);
    /* What would say which customer may be held back from this person. */
    struct target key = {.name = STR("customer.name"), .field = p->key_field};
    return p->key_column < 0 ? missing_column(p, &key, e) : 0;
}

int plan_make(struct tenant *t, const struct import *im, struct arena *a,
              struct import_plan *ret_plan, struct err *e)
{
    struct import_plan *p = ret_plan;
    struct target all[TARGETS];
    size_t n = targets_of(t, im->owner_id, im->en, a, all);
    *p = (struct import_plan){.t = t, .a = a, .im = im, .env = tenant_parse_env(t, a)};
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
    return check_required(p, all, n, e);
}
