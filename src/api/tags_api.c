/* Tags and favourites over HTTP, beyond what they share with all records. */
#include "api/internal.h"

#include "base/ids.h"
#include "core/tags/tags.h"

static int change_post(struct api_call *c, struct write *wr, struct jw *w)
{
    struct record r;
    int rc = tags_change(wr, c->en, c->id, json_object_get(c->body, "add"),
                         json_object_get(c->body, "remove"), &r, &c->err);
    if (rc)
        return rc;
    c->etag = r.v[FIELD_VERSION].i;
    record_to_json(c->t, c->who, &r, w);
    return 0;
}

static int find_post(struct api_call *c, struct write *wr, struct jw *w)
{
    struct str name;
    struct record r;
    int rc = api_body_str(c, "name", true, &name);
    if (rc == 0)
        rc = tags_find(wr, name, &r, &c->err);
    if (rc == 0)
        record_to_json(c->t, c->who, &r, w);
    return rc;
}

static int merge_post(struct api_call *c, struct write *wr, struct jw *w)
{
    struct str into;
    int64_t id = 0;
    (void)w;
    int rc = api_body_str(c, "into", true, &into);
    if (rc)
        return rc;
    if (!id_parse(into, &id)) {
        err_item(&c->err, STR("/into"), "id");
        return err_set(&c->err, ERR_VALIDATION, "into");
    }
    c->status = 204;
    c->no_body = true;
    return tags_merge(wr, c->id, id, &c->err);
}

/* --- favourites --------------------------------------------------------------------------------
 */

static int favourites_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    return favourites_list(conn, c->t, c->who, c->a, w, &c->err);
}

static int favourite_put(struct api_call *c, struct write *wr, struct jw *w)
{
    (void)w;
    c->status = 204;
    c->no_body = true;
    return favourite_set(wr, c->en, c->id, true, &c->err);
}

static int favourite_delete(struct api_call *c, struct write *wr, struct jw *w)
{
    (void)w;
    c->status = 204;
    c->no_body = true;
    return favourite_set(wr, c->en, c->id, false, &c->err);
}

const struct endpoint api_tags_endpoints[] = {
    {HTTP_POST, "/api/v1/tags/find", API_WRITE, API_SIGNED_IN, API_JSON, .write = find_post,
     .doc = "The tag of a name, made if there is none", .request = "object", .response = "record"},
    {HTTP_POST, "/api/v1/tags/{id}/merge", API_WRITE, API_ADMIN, API_JSON, .write = merge_post,
     .doc = "Put another tag in the place of this one, everywhere", .request = "object"},
    {HTTP_POST, "/api/v1/{entity}/{id}/tags", API_WRITE, API_SIGNED_IN, API_JSON,
     .write = change_post, .doc = "Add tags to a record, and take some away", .request = "object",
     .response = "record"},
    {HTTP_GET, "/api/v1/favourites", API_READ, API_SIGNED_IN, API_NO_BODY, .read = favourites_get,
     .doc = "One's own favourites, the last one first"},
    {HTTP_PUT, "/api/v1/{entity}/{id}/favourite", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = favourite_put, .doc = "Make a record one's favourite"},
    {HTTP_DELETE, "/api/v1/{entity}/{id}/favourite", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = favourite_delete, .doc = "It is no favourite any more"},
    {.path = NULL},
};
