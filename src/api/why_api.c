/* "Why can I see this?": the rule that shows a record, what it allows, what it holds back, who else
   has it, and whom to ask for more. */
#include "api/internal.h"

#include <string.h>

enum { SHOWN = 20, ASKED = 3 };

/* The first reason that holds, from the narrowest on. */
static const char *reason(const struct actor *who, const struct entity *en, int64_t owner,
                          int64_t department)
{
    if (en->owned && owner && owner == who->user_id)
        return "owner";
    if (who->is_admin)
        return "administrator";
    if (!en->owned)
        return "everybody";
    enum scope s = who->on[en->id].scope[ACCESS_READ];
    if (s == SCOPE_ALL)
        return "all";
    return department && department == who->department_id ? "department" : "below";
}

static int name_of(struct api_call *c, struct db_conn *conn, const char *key, const char *sql,
                   int64_t id, struct jw *w)
{
    struct db_rows *rows = NULL;
    int rc = db_query(conn, sql, DB_ARGS(DB_I64(id)), &rows, &c->err);
    jw_key(w, key);
    if (rc == 0 && (rc = db_step(rows, &c->err)) > 0) {
        jw_obj(w);
        jw_kid(w, "id", id);
        jw_kstr(w, "name", db_str(rows, 0));
        jw_obj_end(w);
        rc = 0;
    } else {
        jw_null(w);
    }
    db_rows_done(rows);
    return rc;
}

static void write_may(struct api_call *c, int64_t owner, int64_t department, struct jw *w)
{
    jw_key(w, "may");
    jw_obj(w);
    jw_kbool(w, "write", access_may(c->who, c->en, ACCESS_WRITE, owner, department));
    jw_kbool(w, "delete", access_may(c->who, c->en, ACCESS_DELETE, owner, department));
    jw_obj_end(w);
}

/* The names of hidden fields, and nothing else of them: whoever misses one must know what to ask
   for. */
static void write_held_back(struct api_call *c, struct jw *w)
{
    jw_key(w, "held_back");
    jw_arr(w);
    for (size_t i = 0; access_levels(c->who, c->en) && i < c->en->nfields; i++) {
        const struct field *f = &c->en->fields[i];
        enum field_level level = access_level(c->who, c->en, (int)i);
        if (f->hidden || level == LEVEL_EDIT)
            continue;
        jw_obj(w);
        jw_kcstr(w, "level", level_name(level));
        jw_kstr(w, "label", f->label.in[c->lang]);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void write_person(const struct actor *p, const char *because, bool writes, struct jw *w)
{
    jw_obj(w);
    jw_kid(w, "id", p->user_id);
    jw_kstr(w, "name", p->name);
    if (because) {
        jw_kcstr(w, "because", because);
        jw_kbool(w, "write", writes);
    }
    jw_obj_end(w);
}

/* From memory: everybody who may sign in, at this moment. */
static void write_others(struct api_call *c, int64_t owner, int64_t department, struct jw *w)
{
    static const char *const order[] = {"owner", "department", "below",
                                        "all",   "everybody",  "administrator"};
    size_t n = 0, total = 0, shown = 0;
    const struct actor *all = identity_everybody(&c->pass, &n);
    /* Names are for those who may read colleagues at all. */
    bool named = c->who->is_admin || c->who->on[ENTITY_USER].scope[ACCESS_READ] == SCOPE_ALL;
    jw_key(w, "others");
    jw_obj(w);
    jw_key(w, "people");
    jw_arr(w);
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (size_t i = 0; i < n; i++) {
            const struct actor *p = &all[i];
            if (p->user_id == c->who->user_id ||
                !access_may(p, c->en, ACCESS_READ, owner, department))
                continue;
            const char *because = reason(p, c->en, owner, department);
            if (strcmp(because, order[k]) != 0)
                continue;
            total++;
            if (named && shown++ < SHOWN)
                write_person(p, because, access_may(p, c->en, ACCESS_WRITE, owner, department), w);
        }
    }
    jw_arr_end(w);
    jw_ki64(w, "total", (int64_t)total);
    jw_obj_end(w);
    jw_key(w, "ask");
    jw_arr(w);
    for (size_t i = 0, asked = 0; i < n && asked < ASKED; i++) {
        if (!all[i].is_admin || all[i].user_id == c->who->user_id)
            continue;
        write_person(&all[i], NULL, false, w);
        asked++;
    }
    jw_arr_end(w);
}

static int why_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct record r;
    int rc = record_get(conn, c->who, c->en, c->id, false, c->a, &r, &c->err);
    if (rc)
        return rc;
    int64_t owner = c->en->owned ? r.v[FIELD_OWNER_ID].i : 0;
    int64_t department = c->en->owned ? r.v[FIELD_DEPARTMENT_ID].i : 0;
    jw_obj(w);
    jw_kcstr(w, "because", reason(c->who, c->en, owner, department));
    jw_kcstr(w, "scope",
             scope_name(c->who->is_admin ? SCOPE_ALL : c->who->on[c->en->id].scope[ACCESS_READ]));
    rc = name_of(c, conn, "role", "SELECT name FROM roles WHERE id = $1", c->who->role_id, w);
    if (rc == 0)
        rc = name_of(c, conn, "owner", "SELECT name FROM users WHERE id = $1", owner, w);
    if (rc == 0)
        rc = name_of(c, conn, "department", "SELECT name FROM departments WHERE id = $1",
                     department, w);
    write_may(c, owner, department, w);
    write_held_back(c, w);
    write_others(c, owner, department, w);
    jw_obj_end(w);
    return rc;
}

const struct endpoint api_why_endpoints[] = {
    {HTTP_GET, "/api/v1/{entity}/{id}/why", API_READ, API_SIGNED_IN, API_NO_BODY, .read = why_get,
     .doc = "Why one sees a record, what one may do with it, and who else sees it",
     .response = "why"},
    {.path = NULL},
};
