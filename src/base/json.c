#include "base/json.h"

#include <sys/types.h>

enum { MAX_DEPTH = 64, MAX_ITEMS = 10000 };

/* --- reader -------------------------------------------------------------------------------- */

/* jansson would build a deep or endless tree before anyone can refuse it, so the limits are checked
   on the text first: depth, and commas per open array. Returns the offset of the offence or -1. */
static ssize_t over_limits(struct str text)
{
    unsigned depth = 0;
    unsigned commas[MAX_DEPTH + 1] = {0};
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH)
                return (ssize_t)i;
            commas[depth] = 0;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        } else if (c == ',' && ++commas[depth] >= MAX_ITEMS) {
            return (ssize_t)i;
        }
    }
    return -1;
}

static void drop(void *root)
{
    json_decref(root);
}

int json_read(struct arena *a, struct str text, json_t **ret_root, struct err *e)
{
    size_t bad;
    if (!str_utf8_ok(text, &bad)) {
        err_param_i64(e, "offset", (int64_t)bad);
        return err_set(e, ERR_BAD_UTF8, "byte %zu is not UTF-8", bad);
    }
    ssize_t over = over_limits(text);
    if (over >= 0) {
        err_param_i64(e, "offset", over);
        return err_set(e, ERR_MALFORMED_JSON, "nested too deep or too many items at %zd", over);
    }
    json_error_t error;
    json_t *root =
        json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root) {
        err_param_i64(e, "offset", error.position);
        return err_set(e, ERR_MALFORMED_JSON, "%s", error.text);
    }
    arena_defer(a, drop, root);
    *ret_root = root;
    return 0;
}

struct str json_get_str(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    return json_is_string(v) ? str_from(json_string_value(v), json_string_length(v)) : STR_NULL;
}
