/* Rows of contacts and of products. */
#include "crm/import/run.h"

#include "base/clock.h"
#include "core/search/phone.h"

#include <string.h>
#include <strings.h>

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
                      "SELECT 1 FROM (SELECT id FROM contacts WHERE customer_id = $1 AND "
                      "is_primary = 1 AND deleted_at IS NULL UNION ALL SELECT id FROM affiliations "
                      "WHERE customer_id = $1 AND is_primary = 1 AND deleted_at IS NULL) p LIMIT 1",
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

/* Whoever the row calls the first to call must be the only one. *ret_ok false: it was rejected. */
static int may_be_first(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                        const struct customer_state *k, bool *ret_ok, struct err *e)
{
    const struct value *first = &ch->row->v[SIDE_OWN][CONTACT_IS_PRIMARY];
    int64_t other = 0;
    int rc = !first->null && first->i && k->is.id ? has_primary(c, k->is.id, &other, e) : 0;
    *ret_ok = rc == 0 && !other;
    if (rc || !other)
        return rc;
    return chunk_reject(ch, c, row, column_of(ch->r->p, CONTACT_IS_PRIMARY), "primary-twice", e);
}

/* What is new belongs to whoever has the customer. */
static void stamp(struct chunk *ch, const struct entity *en, const struct customer_state *k,
                  struct value *v)
{
    struct runner *r = ch->r;
    record_stamp(en, v, id_next(r->t->ids), r->pass.who, clock_now_ms(), r->im.id);
    v[FIELD_OWNER_ID] = (struct value){.null = !k->is.owner_id, .i = k->is.owner_id};
    v[FIELD_DEPARTMENT_ID] = (struct value){.null = !k->is.department_id, .i = k->is.department_id};
}

static int create_contact(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                          const struct customer_state *k, struct err *e)
{
    struct value *v = ch->row->v[SIDE_OWN];
    bool ok;
    int rc = may_be_first(ch, c, row, k, &ok, e);
    if (rc || !ok)
        return rc;
    ch->counts.created++;
    if (ch->r->mode == IMPORT_CHECK)
        return 0;
    stamp(ch, ch->r->im.en, k, v);
    v[CONTACT_CUSTOMER_ID] = (struct value){.i = k->is.id};
    return record_insert(c, ch->r->im.en, v, ch->row_arena, e);
}

/* --- the same person at another customer --- */

static bool same_number(struct str a, struct str b)
{
    char x[PHONE_MAX], y[PHONE_MAX];
    struct str m = phone_digits(a, x), n = phone_digits(b, y);
    return m.n >= PHONE_SHORT && str_eq(m, n);
}

static bool same_mail(struct str a, struct str b)
{
    return a.n > 0 && a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* Somebody whom the importer sees, of the same name, with the same telephone or e-mail. The name
   counts, too: a switchboard and an info@ are those of many. */
static int find_elsewhere(struct chunk *ch, struct db_conn *c, int64_t *ret_id, struct err *e)
{
    struct value *v = ch->row->v[SIDE_OWN];
    struct str phone = v[CONTACT_PHONE].null ? STR("") : v[CONTACT_PHONE].s,
               mail = v[CONTACT_EMAIL].null ? STR("") : v[CONTACT_EMAIL].s;
    struct db_rows *rows = NULL;
    struct sql q = sql_new(ch->row_arena);
    *ret_id = 0;
    if (!phone.n && !mail.n)
        return 0;
    sql_add(&q, "SELECT id, phone, email FROM contacts WHERE name = ");
    sql_arg(&q, DB_STR(v[CONTACT_NAME].s));
    sql_add(&q, " AND deleted_at IS NULL");
    access_predicate(ch->r->pass.who, ch->r->im.en, ACCESS_READ, "", &q);
    sql_add(&q, " ORDER BY id LIMIT 100");
    const char *text = sql_text(&q);
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && !*ret_id && (rc = db_step(rows, e)) > 0) {
        if (same_number(db_str(rows, 1), phone) || same_mail(db_str(rows, 2), mail))
            *ret_id = db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

/* Who is met at this customer and belongs to another. */
static int find_met(struct db_conn *c, int64_t customer, const struct value *v, int64_t *ret_id,
                    struct err *e)
{
    const struct value *name = &v[CONTACT_NAME], *email = &v[CONTACT_EMAIL];
    return db_one_i64(
        c,
        "SELECT a.id FROM affiliations a JOIN contacts k ON k.id = a.contact_id WHERE "
        "a.customer_id = $1 AND a.deleted_at IS NULL AND k.deleted_at IS NULL AND "
        "(k.name = $2 OR k.email = $3) ORDER BY CASE WHEN k.name = $2 THEN 0 ELSE 1 END, "
        "a.id LIMIT 1",
        DB_ARGS(DB_I64(customer), DB_STR(name->s), email->null ? DB_NIL : DB_STR(email->s)), 0,
        ret_id, e);
}

/* What the row says they are there, NULL when not a word of it. */
static const struct value *said_role(const struct chunk *ch)
{
    const struct value *role = &ch->row->v[SIDE_AFFILIATION][AFFILIATION_ROLE],
                       *title = &ch->row->v[SIDE_OWN][CONTACT_TITLE];
    return !role->null ? role : !title->null ? title : NULL;
}

/* Of whom nothing is said: that they are a contact. */
static struct value role_of(const struct chunk *ch)
{
    const struct value *said = said_role(ch);
    enum lang lang = tenant_company(ch->r->t)->lang;
    return said ? *said : (struct value){.s = ch->r->im.en->label.in[lang]};
}

static int create_affiliation(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                              const struct customer_state *k, int64_t contact, struct err *e)
{
    const struct entity *en = &ch->r->t->registry->entities[ENTITY_AFFILIATION];
    struct value *v = arena_array(ch->row_arena, struct value, en->nfields);
    bool ok;
    int rc = may_be_first(ch, c, row, k, &ok, e);
    if (rc || !ok)
        return rc;
    ch->counts.created++;
    if (ch->r->mode == IMPORT_CHECK)
        return 0;
    record_blank(en, v);
    stamp(ch, en, k, v);
    v[AFFILIATION_CONTACT_ID] = (struct value){.i = contact};
    v[AFFILIATION_CUSTOMER_ID] = (struct value){.i = k->is.id};
    v[AFFILIATION_ROLE] = role_of(ch);
    v[AFFILIATION_IS_PRIMARY] = ch->row->v[SIDE_OWN][CONTACT_IS_PRIMARY];
    return record_insert(c, en, v, ch->row_arena, e);
}

/* At a customer that is not their own a row says what they are there. What it says of the person is
   said by the row of their own customer. */
static int update_role(struct chunk *ch, struct db_conn *c, const struct import_row *row,
                       int64_t id, struct err *e)
{
    const struct entity *en = &ch->r->t->registry->entities[ENTITY_AFFILIATION];
    const struct value *said = said_role(ch);
    struct record now;
    bool yours;
    int rc = chunk_now(ch, c, row, en, id, &now, &yours, e);
    if (rc || !yours)
        return rc;
    json_t *body = json_object();
    if (said && said->s.n && !str_eq(said->s, now.v[AFFILIATION_ROLE].s))
        json_object_set_new(body, "role", json_stringn(said->s.p, said->s.n));
    return chunk_change(ch, c, row, 1, en, id, body, e);
}

int write_contact(struct chunk *ch, struct db_conn *c, size_t at, size_t *ret_rows, struct err *e)
{
    static const int by_role[] = {CONTACT_TITLE, CONTACT_DECISION_ROLE, -1};
    const struct import_row *row = &ch->r->rows.rows[at];
    struct customer_state *k;
    int64_t known = 0, met = 0, elsewhere = 0;
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
    if (rc == 0 && k->is.id && !known)
        rc = find_met(c, k->is.id, ch->row->v[SIDE_OWN], &met, e);
    if (rc == 0 && !known && !met)
        rc = find_elsewhere(ch, c, &elsewhere, e);
    if (rc)
        return rc;
    return known       ? chunk_update(ch, c, row, ch->r->im.en, known, by_role, e)
           : met       ? update_role(ch, c, row, met, e)
           : elsewhere ? create_affiliation(ch, c, row, k, elsewhere, e)
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
        return chunk_update(ch, c, row, r->im.en, known, NULL, e);
    ch->counts.created++;
    if (r->mode == IMPORT_CHECK)
        return 0;
    record_stamp(r->im.en, ch->row->v[SIDE_OWN], id_next(r->t->ids), r->pass.who, clock_now_ms(),
                 r->im.id);
    return record_insert(c, r->im.en, ch->row->v[SIDE_OWN], ch->row_arena, e);
}
