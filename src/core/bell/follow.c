/* Who follows what. */
#include "core/bell/internal.h"

int bell_follow(struct db_conn *c, const struct entity *en, int64_t record_id, int64_t user_id,
                bool follows, bool by_itself, int64_t now, struct err *e)
{
    if (!user_id)
        return 0;
    return db_exec(c,
                   by_itself ? "INSERT INTO follow (record_id, user_id, entity, follows, at) "
                               "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
                             : "INSERT INTO follow (record_id, user_id, entity, follows, at) "
                               "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (record_id, user_id) "
                               "DO UPDATE SET follows = excluded.follows, at = excluded.at",
                   DB_ARGS(DB_I64(record_id), DB_I64(user_id), DB_STR(str_of(en->name)),
                           DB_I64(follows), DB_I64(now)),
                   NULL, e);
}

static const struct actor *person(const struct pass *p, int64_t id)
{
    size_t n = 0;
    const struct actor *all = identity_everybody(p, &n);
    for (size_t i = 0; i < n; i++)
        if (all[i].user_id == id)
            return &all[i];
    return NULL;
}

int bell_followers(struct db_conn *c, const struct pass *p, const struct record *r, struct arena *a,
                   struct jw *w, struct err *e)
{
    enum { MOST = 500 };
    struct db_rows *rows = NULL;
    const struct actor **follow = arena_array(a, const struct actor *, MOST + 1);
    size_t n = 0;
    int64_t owner = r->en->owned && !r->v[FIELD_OWNER_ID].null ? r->v[FIELD_OWNER_ID].i : 0;
    int64_t department =
        r->en->owned && !r->v[FIELD_DEPARTMENT_ID].null ? r->v[FIELD_DEPARTMENT_ID].i : 0;
    bool owner_follows = owner != 0;
    int rc = db_query(c,
                      "SELECT user_id, follows FROM follow WHERE record_id = $1 "
                      "ORDER BY at, user_id LIMIT 500",
                      DB_ARGS(DB_I64(r->v[FIELD_ID].i)), &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        int64_t id = db_i64(rows, 0);
        bool follows = db_i64(rows, 1) != 0;
        const struct actor *who = person(p, id);
        if (id == owner)
            owner_follows = follows;
        /* Who lost the right to see it hears nothing of it, and so does not follow. */
        else if (follows && who && access_may(who, r->en, ACCESS_READ, owner, department))
            follow[n++] = who;
        rc = 0;
    }
    db_rows_done(rows);
    const struct actor *first = owner_follows ? person(p, owner) : NULL;
    bool me = first && first->user_id == p->who->user_id;
    for (size_t i = 0; i < n; i++)
        me |= follow[i]->user_id == p->who->user_id;
    bool named = access_level(p->who, r->en, r->en->owned ? FIELD_OWNER_ID : FIELD_ID) > LEVEL_HIDE;
    jw_obj(w);
    jw_kbool(w, "following", me);
    jw_key(w, "items");
    jw_arr(w);
    for (size_t i = 0; i <= n; i++) {
        const struct actor *who = i ? follow[i - 1] : first;
        if (!who || !named)
            continue;
        jw_obj(w);
        jw_kid(w, "id", who->user_id);
        jw_kstr(w, "name", who->name);
        jw_kcstr(w, "because", i ? "chosen" : "owner");
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
    return rc;
}
