#include "crm/products/products.h"

/* A product carries the name of its category, so that lists and the search need no second look. */
static int product_category(struct write *w, const struct record *before, struct record *after,
                            struct err *e)
{
    const struct value *now = &after->v[PRODUCT_CATEGORY_ID];
    struct record category;
    if (before &&
        value_equal(&after->en->fields[PRODUCT_CATEGORY_ID], &before->v[PRODUCT_CATEGORY_ID], now))
        return 0;
    if (now->null) {
        if (before)
            after->v[PRODUCT_CATEGORY] = (struct value){.null = true};
        return 0;
    }
    int rc = record_get(w->c, w->who, &w->t->registry->entities[ENTITY_CATEGORY], now->i, false,
                        w->a, &category, e);
    if (rc == 0)
        after->v[PRODUCT_CATEGORY] = category.v[CATEGORY_NAME];
    return rc;
}

static int category_in_use(struct write *w, int64_t id, struct err *e)
{
    int64_t used = 0;
    int rc = db_one_i64(w->c,
                        "SELECT 1 FROM (SELECT 1 FROM products WHERE category_id = $1 AND "
                        "deleted_at IS NULL LIMIT 1) x UNION ALL SELECT 1 FROM (SELECT 1 FROM "
                        "categories WHERE parent_id = $2 AND deleted_at IS NULL LIMIT 1) y "
                        "LIMIT 1",
                        DB_ARGS(DB_I64(id), DB_I64(id)), 0, &used, e);
    return rc == 0 && used ? err_set(e, ERR_IN_USE, "category %lld", (long long)id) : rc;
}

static int category_written(struct write *w, const struct record *before, struct record *after,
                            struct err *e)
{
    int64_t id = after->v[FIELD_ID].i;
    if (!before)
        return 0;
    if (!after->v[FIELD_DELETED_AT].null)
        return category_in_use(w, id, e);
    const struct value *name = &after->v[CATEGORY_NAME];
    if (str_eq(before->v[CATEGORY_NAME].s, name->s))
        return 0;
    int rc = db_exec(w->c, "UPDATE products SET category = $1 WHERE category_id = $2",
                     DB_ARGS(DB_STR(name->s), DB_I64(id)), NULL, e);
    return rc ? rc
              : record_index_again(w, &w->t->registry->entities[ENTITY_PRODUCT], "category_id", id,
                                   e);
}

const struct record_hook products_hooks[] = {
    {ENTITY_PRODUCT, HOOK_DERIVE, 1, product_category},
    {ENTITY_CATEGORY, HOOK_WRITTEN, 1, category_written},
    {-1, HOOK_DERIVE, 0, NULL},
};
