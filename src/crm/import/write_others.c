/* Rows of contacts and of products. */
#include "crm/import/run.h"

#include "base/clock.h"

/* --- contacts ------------------------------------------------------------------------------ */

/* The same person: at that customer, by name or by e-mail. Telephones are shared. */
static int find_contact(struct db_conn *c, int64_t customer, const struct value *v, int64_t *ret_id,
                        struct err *e)
{
    const struct value *name = &v[CONTACT_NAME], *email = &v[CONTACT_EMAIL];
    return db_one_i64(
        c,
        "SELECT id FROM contacts WHERE customer_id = $1 AND deleted_at IS NULL AND "
        "(name = $2 OR email = $3) ORDER BY CASE WHEN name = $2 THEN 0 ELSE 1 END, "
        "id LIMIT 1",
        DB_ARGS(DB_I64(customer), DB_STR(name->s), email->null ? DB_NIL : DB_STR(email->s)), 0,
        ret_id, e);
}

/* There is one to call first; a file takes that from nobody. */
static int has_primary(struct db_conn *c, int64_t customer, int64_t *ret, struct err *e)
{
    return db_one_i64(c,
                      "SELECT 1 FROM contacts WHERE customer_id = $1 AND is_primary = 1 AND "
                      "deleted_at IS NULL LIMIT 1",
                      DB_ARGS(DB_I64(customer)), 0, ret, e);
}

static int column_of(const struct import_plan *p, int field)
{
    for (size_t i = 0; i < p->ncolumns; i++)
        if (p->targets[i].field && p->targets[i].side == SIDE_OWN &&
            p->targets[i].field->id == field)
            return (int)i;
    return p->key_column;
}

static int create_contact(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                          const struct customer_state *k, struct err *e)
{
    struct runner *r = ch->r;
    struct value *v = ch->row->v[SIDE_OWN];
    int64_t primary = 0;
    if (!v[CONTACT_IS_PRIMARY].null && v[CONTACT_IS_PRIMARY].i && k->is.id) {
        int rc = has_primary(c, k->is.id, &primary, e);
        if (rc)
            return rc;
    }
    if (primary)
        return chunk_reject(ch, c, row, column_of(r->p, CONTACT_IS_PRIMARY), "primary-twice", e);
    ch->counts.created++;
    if (r->mode == IMPORT_CHECK)
        return 0;
    record_stamp(r->im.en, v, id_next(r->t->ids), r->pass.who, clock_now_ms(), r->im.id);
    v[FIELD_OWNER_ID] = (struct value){.null = !k->is.owner_id, .i = k->is.owner_id};
    v[FIELD_DEPARTMENT_ID] = (struct value){.null = !k->is.department_id, .i = k->is.department_id};
    v[CONTACT_CUSTOMER_ID] = (struct value){.i = k->is.id};
    return record_insert(c, r->im.en, v, ch->row_arena, e);
}

int write_contact(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e)
{
    const struct import_row *row = &ch->r->rows.rows[at];
    struct customer_state *k;
    int64_t known = 0;
    *ret_rows = 1;
    int rc = chunk_reparse(ch, row, e);
    if (rc == 0)
        rc = chunk_customer(ch, c, row, &k, e);
    if (rc)
        return rc;
    if (chunk_refusal(k))
        return chunk_reject(ch, c, row, ch->r->p->key_column, chunk_refusal(k), e);
    if (k->is.id)
        rc = find_contact(c, k->is.id, ch->row->v[SIDE_OWN], &known, e);
    if (rc)
        return rc;
    return known ? chunk_update(ch, c, row, ch->r->im.en, known, e)
                 : create_contact(ch, c, row, k, e);
}

/* --- products ------------------------------------------------------------------------------ */

static int find_product(struct db_conn *c, const struct field *by, struct str key, int64_t *ret_id,
                        struct err *e)
{
    return db_one_i64(c,
                      by->id == PRODUCT_CODE
                          ? "SELECT id FROM products WHERE code = $1 AND deleted_at IS NULL"
                          : "SELECT id FROM products WHERE name = $1 AND deleted_at IS NULL "
                            "ORDER BY id LIMIT 1",
                      DB_ARGS(DB_STR(key)), 0, ret_id, e);
}

static int find_category(struct db_conn *c, struct str name, int64_t parent, int64_t *ret_id,
                         struct err *e)
{
    return db_one_i64(c,
                      parent ? "SELECT id FROM categories WHERE name = $1 AND parent_id = $2 AND "
                               "deleted_at IS NULL ORDER BY id LIMIT 1"
                             : "SELECT id FROM categories WHERE name = $1 AND parent_id IS NULL "
                               "AND deleted_at IS NULL AND $2 = 0 ORDER BY id LIMIT 1",
                      DB_ARGS(DB_STR(name), DB_I64(parent)), 0, ret_id, e);
}

static int make_category(struct chunk *ch, struct db_conn *c, struct str name, int64_t parent,
                         int64_t *ret_id, struct err *e)
{
    struct runner *r = ch->r;
    const struct entity *en = &r->t->registry->entities[ENTITY_CATEGORY];
    struct value *v = arena_array(ch->row_arena, struct value, en->nfields);
    *ret_id = id_next(r->t->ids);
    record_blank(en, v);
    record_stamp(en, v, *ret_id, r->pass.who, clock_now_ms(), r->im.id);
    v[CATEGORY_NAME] = (struct value){.s = name};
    v[CATEGORY_PARENT_ID] = (struct value){.null = !parent, .i = parent};
    return record_insert(c, en, v, ch->row_arena, e);
}

/* "Tools / Drills" is Drills within Tools; what is not there is made. The product gets the link,
   and the name of the last one. */
static int settle_category(struct chunk *ch, struct db_conn *c, struct err *e)
{
    struct value *v = ch->row->v[SIDE_OWN];
    struct str path = v[PRODUCT_CATEGORY].s, name;
    int64_t parent = 0;
    int rc = 0;
    if (v[PRODUCT_CATEGORY].null)
        return 0;
    while (rc == 0 && str_split(&path, '/', &name)) {
        int64_t id = 0;
        name = str_trim(name);
        if (name.n == 0)
            continue;
        bool unknown = parent < 0; /* a check makes none, so nothing is within a new one */
        rc = unknown ? 0 : find_category(c, name, parent, &id, e);
        if (rc == 0 && !id && ch->r->mode == IMPORT_RUN)
            rc = make_category(ch, c, name, parent, &id, e);
        parent = id ? id : -1;
        v[PRODUCT_CATEGORY].s = name;
    }
    v[PRODUCT_CATEGORY_ID] = (struct value){.null = parent == 0, .i = parent};
    return rc;
}

int write_product(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e)
{
    struct runner *r = ch->r;
    const struct import_row *row = &r->rows.rows[at];
    int64_t known = 0;
    *ret_rows = 1;
    int rc = chunk_reparse(ch, row, e);
    if (rc == 0)
        rc = find_product(c, r->p->key_field, ch->row->key, &known, e);
    if (rc == 0)
        rc = settle_category(ch, c, e);
    if (rc)
        return rc;
    if (known)
        return chunk_update(ch, c, row, r->im.en, known, e);
    ch->counts.created++;
    if (r->mode == IMPORT_CHECK)
        return 0;
    record_stamp(r->im.en, ch->row->v[SIDE_OWN], id_next(r->t->ids), r->pass.who, clock_now_ms(),
                 r->im.id);
    return record_insert(c, r->im.en, ch->row->v[SIDE_OWN], ch->row_arena, e);
}
