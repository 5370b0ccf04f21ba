/* OpenAPI 3.1 from the endpoint tables and the registry. */
#include "api/internal.h"

#include <string.h>

static const char *const method_names[] = {[HTTP_GET] = "get",
                                           [HTTP_POST] = "post",
                                           [HTTP_PUT] = "put",
                                           [HTTP_PATCH] = "patch",
                                           [HTTP_DELETE] = "delete"};

static const struct {
    enum field_shape shape;
    const char *schema;
} shapes[] = {
    {SHAPE_TEXT, "{\"type\":[\"string\",\"null\"]}"},
    {SHAPE_ENUM, "{\"type\":[\"string\",\"null\"]}"},
    {SHAPE_INT, "{\"type\":[\"integer\",\"null\"]}"},
    {SHAPE_REAL, "{\"type\":[\"number\",\"null\"]}"},
    {SHAPE_BOOL, "{\"type\":[\"boolean\",\"null\"]}"},
    {SHAPE_DATE, "{\"type\":[\"string\",\"null\"],\"format\":\"date\"}"},
    {SHAPE_TIME, "{\"type\":[\"integer\",\"null\"],\"description\":\"epoch ms\"}"},
    {SHAPE_LINK, "{\"type\":[\"string\",\"null\"],\"pattern\":\"^[0-9]+$\"}"},
    {SHAPE_MONEY, "{\"oneOf\":[{\"$ref\":\"#/components/schemas/money\"},{\"type\":\"null\"}]}"},
    {SHAPE_SET, "{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\"}}"},
    {SHAPE_JSON, "{\"type\":[\"object\",\"null\"]}"},
};

static void write_entity(const struct entity *en, struct jw *w)
{
    jw_key(w, en->name);
    jw_obj(w);
    jw_kcstr(w, "type", "object");
    jw_key(w, "properties");
    jw_obj(w);
    for (size_t i = 0; i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        if (f->hidden)
            continue;
        jw_key(w, f->name);
        if (strcmp(f->type->name, "decimal") == 0) { /* exact, so a text */
            jw_raw(w, str_of(shapes[0].schema));
            continue;
        }
        for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++)
            if (shapes[k].shape == f->type->shape)
                jw_raw(w, str_of(shapes[k].schema));
    }
    jw_obj_end(w);
    jw_obj_end(w);
}

/* Requests and answers that are no records and whose shape is told: the properties of each. */
#define TEXT "{\"type\":\"string\"}"
#define NUMBER "{\"type\":\"number\"}"
#define WHOLE "{\"type\":\"integer\"}"
#define DAY "{\"type\":[\"string\",\"null\"],\"format\":\"date\"}"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define LIST(name) "{\"type\":\"array\",\"items\":" REF(name) "}"
static const struct {
    const char *schema, *property, *is;
} told[] = {
    {"company", "name", TEXT},
    {"company", "currency", TEXT},
    {"company", "time_zone", TEXT},
    {"company", "language", "{\"enum\":[\"zh\",\"en\"]}"},
    {"company", "discount_rate", NUMBER},
    {"company", "fiscal_month", WHOLE},
    {"company", "attachment_mb", WHOLE},
    {"company", "observation_end", DAY},
    {"company", "rates",
     "{\"type\":\"object\",\"additionalProperties\":{\"oneOf\":[" NUMBER "," LIST("rate") "]}}"},
    {"rate", "from", DAY},
    {"rate", "rate", NUMBER},
    {"rates-effect", "items", LIST("rates-effect-item")},
    {"rates-effect", "orders", WHOLE},
    {"rates-effect-item", "currency", TEXT},
    {"rates-effect-item", "from", DAY},
    {"rates-effect-item", "to", DAY},
    {"rates-effect-item", "orders", WHOLE},
    {"order-rate", "currency", TEXT},
    {"order-rate", "base", REF("money")},
    {"order-rate", "rate", "{\"type\":[\"number\",\"null\"]}"},
    {"order-rate", "from", DAY},
};
enum { TOLD = sizeof told / sizeof told[0] };

static void write_told(struct jw *w)
{
    for (size_t i = 0; i < TOLD; i++) {
        if (i == 0 || strcmp(told[i - 1].schema, told[i].schema) != 0) {
            jw_key(w, told[i].schema);
            jw_obj(w);
            jw_kcstr(w, "type", "object");
            jw_key(w, "properties");
            jw_obj(w);
        }
        jw_key(w, told[i].property);
        jw_raw(w, str_of(told[i].is));
        if (i + 1 == TOLD || strcmp(told[i + 1].schema, told[i].schema) != 0) {
            jw_obj_end(w);
            jw_obj_end(w);
        }
    }
}

static const char *schema_of(const char *name)
{
    for (size_t i = 0; i < TOLD; i++)
        if (strcmp(told[i].schema, name) == 0)
            return name;
    return "any";
}

static void write_ref(struct jw *w, const char *key, const char *name, struct arena *a)
{
    jw_key(w, key);
    jw_raw(w, arena_printf(a,
                           "{\"application/json\":{\"schema\":{\"$ref\":"
                           "\"#/components/schemas/%s\"}}}",
                           name));
}

static void write_parameters(const struct endpoint *ep, struct str path, struct jw *w)
{
    struct str rest = str_of(ep->params ? ep->params : ""), name;
    jw_key(w, "parameters");
    jw_arr(w);
    if (memmem(path.p, path.n, "{id}", 4))
        jw_raw(w, STR("{\"name\":\"id\",\"in\":\"path\",\"required\":true,"
                      "\"schema\":{\"type\":\"string\"}}"));
    while (rest.n && str_split(&rest, ' ', &name)) {
        jw_obj(w);
        jw_kstr(w, "name", name);
        jw_kcstr(w, "in", "query");
        jw_key(w, "schema");
        jw_raw(w, STR("{\"type\":\"string\"}"));
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void write_operation(const struct endpoint *ep, struct str path, const struct entity *en,
                            struct arena *a, struct jw *w)
{
    bool record = ep->response && strcmp(ep->response, "record") == 0 && en;
    jw_key(w, method_names[ep->method]);
    jw_obj(w);
    jw_kcstr(w, "summary", ep->doc);
    write_parameters(ep, path, w);
    if (ep->request) {
        jw_key(w, "requestBody");
        jw_obj(w);
        write_ref(w, "content",
                  strcmp(ep->request, "record") == 0 && en ? en->name : schema_of(ep->request), a);
        jw_obj_end(w);
    }
    jw_key(w, "responses");
    jw_obj(w);
    jw_key(w, "2XX");
    jw_obj(w);
    jw_kcstr(w, "description", ep->response ? ep->response : "done");
    if (ep->response)
        write_ref(w, "content", record ? en->name : schema_of(ep->response), a);
    jw_obj_end(w);
    jw_key(w, "default");
    jw_raw(w, STR("{\"description\":\"problem\",\"content\":{\"application/problem+json\":"
                  "{\"schema\":{\"$ref\":\"#/components/schemas/problem\"}}}}"));
    jw_obj_end(w);
    if (ep->access == API_PUBLIC) {
        jw_key(w, "security");
        jw_raw(w, STR("[]"));
    }
    jw_obj_end(w);
}

/* All operations of one path stand together; a path is written where it occurs first. */
static void write_path(struct api *a, size_t first, const struct entity *en, struct jw *w)
{
    const char *pattern = a->routes[first].ep->path;
    for (size_t i = 0; i < first; i++)
        if (strcmp(a->routes[i].ep->path, pattern) == 0)
            return;
    struct str path = str_of(pattern);
    const char *hole = strstr(pattern, "{entity}");
    if (hole && en)
        path = arena_printf(a->arena, "%.*s%s%s", (int)(hole - pattern), pattern, en->path,
                            hole + strlen("{entity}"));
    jw_key_str(w, path);
    jw_obj(w);
    for (size_t i = first; i < a->nroutes; i++)
        if (strcmp(a->routes[i].ep->path, pattern) == 0)
            write_operation(a->routes[i].ep, path, en, a->arena, w);
    jw_obj_end(w);
}

static struct str build(struct api *a)
{
    struct buf out = BUF_INIT(16 << 20);
    struct jw w = jw_new(&out);
    const struct registry *r = a->t->registry;
    jw_obj(&w);
    jw_kcstr(&w, "openapi", "3.1.0");
    jw_key(&w, "info");
    jw_raw(&w, STR("{\"title\":\"Patron\",\"version\":\"" PATRON_VERSION "\"}"));
    jw_key(&w, "security");
    jw_raw(&w, STR("[{\"token\":[]},{\"cookie\":[]}]"));
    jw_key(&w, "paths");
    jw_obj(&w);
    for (size_t i = 0; i < a->nroutes; i++) {
        if (!strstr(a->routes[i].ep->path, "{entity}")) {
            write_path(a, i, NULL, &w);
            continue;
        }
        for (int en = 0; en < ENTITY_COUNT; en++)
            write_path(a, i, &r->entities[en], &w);
    }
    jw_obj_end(&w);
    jw_key(&w, "components");
    jw_obj(&w);
    jw_key(&w, "securitySchemes");
    jw_raw(&w, STR("{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
                   "\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"patron\"}}"));
    jw_key(&w, "schemas");
    jw_obj(&w);
    for (int i = 0; i < ENTITY_COUNT; i++)
        write_entity(&r->entities[i], &w);
    jw_key(&w, "money");
    jw_raw(&w, STR("{\"type\":\"object\",\"properties\":{\"amount\":{\"type\":\"string\"},"
                   "\"currency\":{\"type\":\"string\"}},\"required\":[\"amount\"]}"));
    jw_key(&w, "problem");
    jw_raw(&w, STR("{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},"
                   "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
                   "\"code\":{\"type\":\"string\"},\"errors\":{\"type\":\"array\"}}}"));
    write_told(&w);
    jw_key(&w, "any");
    jw_raw(&w, STR("{\"type\":\"object\"}"));
    jw_obj_end(&w);
    jw_obj_end(&w);
    jw_obj_end(&w);
    struct str text = arena_str(a->arena, buf_str(&out));
    buf_free(&out);
    return text;
}

struct str openapi_text(struct api *a)
{
    pthread_mutex_lock(&a->lock);
    if (!a->openapi.n)
        a->openapi = build(a);
    struct str text = a->openapi;
    pthread_mutex_unlock(&a->lock);
    return text;
}
