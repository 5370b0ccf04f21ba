/* What a list shows, asked for in a body instead of an address: exports, changes of everything that
   matches. */
#include "api/api.h"

#include "base/ids.h"

/* As in lists: only where records are met elsewhere, by who may know where. */
static void read_meeting(const struct tenant *t, const struct actor *who, const json_t *in,
                         struct list_query *q, struct err *e)
{
    if (!in || json_is_null(in))
        return;
    q->through = record_met_through(t->registry, q->en);
    bool known = q->through && access_level(who, q->en, q->en->customer_field) >= LEVEL_READ &&
                 access_level(who, q->through, q->through->customer_field) >= LEVEL_READ;
    struct str text = str_from(json_string_value(in), json_string_length(in));
    struct err_item *item = NULL;
    if (!known)
        item = err_item(e, STR("/at_customer"), "unknown-field");
    else if (!json_is_string(in) || !id_parse(text, &q->at_customer))
        item = err_item(e, STR("/at_customer"), "link-not-found");
    err_item_param(e, item, "field", STR("at_customer"));
}

int api_list_read(const struct tenant *t, const struct actor *who, const json_t *in,
                  struct arena *a, struct list_query *q, struct err *e)
{
    const json_t *filter = json_object_get(in, "filter");
    q->trash = json_is_true(json_object_get(in, "trash"));
    read_meeting(t, who, json_object_get(in, "at_customer"), q, e);
    if (e->nitems)
        return err_set(e, ERR_VALIDATION, "a list of %s", q->en->name);
    if (!filter || json_is_null(filter))
        return 0;
    struct filter_env env = identity_filter_env(t, who, a);
    return filter_parse(q->en, filter, &env, &q->filter, e);
}
