/* The bell over HTTP: what rang, what one wants to hear of, whom one follows. */
#include "api/internal.h"

#include "base/ids.h"
#include "core/bell/bell.h"

static int list_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    int64_t limit = 30, before = 0;
    int rc = api_param_i64(c, "limit", 30, 1, 100, &limit);
    if (rc == 0)
        rc = api_param_i64(c, "cursor", 0, 0, INT64_MAX, &before);
    if (rc)
        return rc;
    bool unread = str_is(http_param(c->req, "unread"), "1");
    return bell_list(conn, c->t, c->who, before, unread, (unsigned)limit, c->a, w, &c->err);
}

static int answer_unread(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    int64_t n = 0;
    int rc = bell_unread(conn, c->t, c->who, c->a, &n, &c->err);
    jw_obj(w);
    jw_ki64(w, "unread", n);
    jw_kbool(w, "more", n == BELL_MOST_COUNTED);
    jw_obj_end(w);
    return rc;
}

static int unread_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    return answer_unread(c, conn, w);
}

/* {"id":"…"} for one, {"until":"…"} for that one and all before it. */
static int read_post(struct api_call *c, struct write *wr, struct jw *w)
{
    struct str one = json_get_str(c->body, "id"), until = json_get_str(c->body, "until");
    int64_t id = 0, last = 0;
    bool ok = one.n ? id_parse(one, &id) : id_parse(until, &last);
    if (!ok) {
        err_item(&c->err, one.n ? STR("/id") : STR("/until"), "id");
        return err_set(&c->err, ERR_VALIDATION, "which notification");
    }
    int rc = bell_read(wr, id, last, &c->err);
    return rc ? rc : answer_unread(c, wr->c, w);
}

static int wishes_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    return bell_wishes(conn, c->who, w, &c->err);
}

static int wishes_patch(struct api_call *c, struct write *wr, struct jw *w)
{
    int rc = bell_wish(wr, c->body, &c->err);
    return rc ? rc : bell_wishes(wr->c, c->who, w, &c->err);
}

static int followers_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct record r;
    int rc = record_get(conn, c->who, c->en, c->id, false, c->a, &r, &c->err);
    return rc ? rc : bell_followers(conn, &c->pass, &r, c->a, w, &c->err);
}

static int follow(struct api_call *c, struct write *wr, bool follows, struct jw *w)
{
    struct record r;
    int rc = record_get(wr->c, c->who, c->en, c->id, false, c->a, &r, &c->err);
    if (rc == 0)
        rc = bell_follow(wr->c, c->en, c->id, c->who->user_id, follows, false, wr->now, &c->err);
    return rc ? rc : bell_followers(wr->c, &c->pass, &r, c->a, w, &c->err);
}

static int follow_put(struct api_call *c, struct write *wr, struct jw *w)
{
    return follow(c, wr, true, w);
}

static int follow_delete(struct api_call *c, struct write *wr, struct jw *w)
{
    return follow(c, wr, false, w);
}

const struct endpoint api_bell_endpoints[] = {
    {HTTP_GET, "/api/v1/notifications", API_READ, API_SIGNED_IN, API_NO_BODY, .read = list_get,
     .doc = "What rang for oneself, newest first", .params = "unread cursor limit",
     .response = "notifications"},
    {HTTP_GET, "/api/v1/notifications/unread", API_READ, API_SIGNED_IN, API_NO_BODY,
     .read = unread_get, .doc = "How many are not read; at most 100 are counted"},
    {HTTP_POST, "/api/v1/notifications/read", API_WRITE, API_SIGNED_IN, API_JSON,
     .write = read_post, .doc = "Mark one, or all up to one, as read", .request = "object"},
    {HTTP_GET, "/api/v1/notifications/wishes", API_READ, API_SIGNED_IN, API_NO_BODY,
     .read = wishes_get, .doc = "The kinds one wants to hear of"},
    {HTTP_PATCH, "/api/v1/notifications/wishes", API_WRITE, API_SIGNED_IN, API_JSON,
     .write = wishes_patch, .doc = "Switch kinds on and off", .request = "object"},
    {HTTP_GET, "/api/v1/{entity}/{id}/followers", API_READ, API_SIGNED_IN, API_NO_BODY,
     .read = followers_get, .doc = "Who follows a record"},
    {HTTP_PUT, "/api/v1/{entity}/{id}/follow", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = follow_put, .doc = "Follow a record: others' changes ring the bell"},
    {HTTP_DELETE, "/api/v1/{entity}/{id}/follow", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = follow_delete, .doc = "Follow it no longer, one's own too"},
    {.path = NULL},
};
