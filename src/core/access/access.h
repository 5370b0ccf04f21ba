/* Who acts, and what that person may see and do. Permission is never an `if` in a handler: reads
   get it as a predicate from access_branches / access_predicate, writes ask access_may once the
   record is loaded under the same predicate. */
#ifndef PATRON_CORE_ACCESS_H
#define PATRON_CORE_ACCESS_H

#include "base/clock.h"
#include "core/filter/sql.h"
#include "core/registry/registry.h"

enum scope { SCOPE_NONE, SCOPE_OWN, SCOPE_DEPARTMENT, SCOPE_BELOW, SCOPE_ALL };
enum access_action { ACCESS_READ, ACCESS_WRITE, ACCESS_DELETE, ACCESS_ACTIONS };

struct entity_access {
    enum scope scope[ACCESS_ACTIONS];
    bool create;
    const unsigned char *level; /* enum field_level by field id; NULL = every field may be edited */
};

/* Immutable once made; lives in its identity snapshot. */
struct actor {
    int64_t user_id, department_id, role_id;
    struct str name, login;
    const char *kind; /* "user", "token", "import", "system" */
    bool is_admin;
    enum lang lang;
    const struct tz *tz; /* NULL = the company's */
    struct entity_access on[ENTITY_COUNT];
    const int64_t *below; /* departments at and below the actor's own */
    size_t nbelow;
};

const char *scope_name(enum scope s);
bool scope_from(struct str name, enum scope *ret_scope);
const char *level_name(enum field_level l);
bool level_from(struct str name, enum field_level *ret_level);

/* Fills `on` of a role from its permissions, {"customer":{"read":"own","write":"own",
   "delete":"none","create":true,"fields":{"phone":"mask"}}}; entities not named get the defaults of
   a role that names none: owned ones nothing, products, colleagues and tags readable. Tables of
   levels are made in the arena. Errors name the entity. */
int access_from_json(const struct registry *r, const json_t *permissions, struct arena *a,
                     struct entity_access *on, struct err *e) must_check;
/* Everything. */
void access_all(struct entity_access *on);

/* The record with this owner and department under the actor's scope. */
bool access_may(const struct actor *who, const struct entity *en, enum access_action action,
                int64_t owner_id, int64_t department_id);

/* --- fields --------------------------------------------------------------------------------------
   A field below `edit` is held back everywhere alike: reads and answers to writes, lists, filters,
   sorting, search, titles, history, undo, imports, live events. */

/* For field_level(); NULL when nothing of the entity is held back. */
static inline const unsigned char *access_levels(const struct actor *who, const struct entity *en)
{
    return who->is_admin ? NULL : who->on[en->id].level;
}
static inline enum field_level access_level(const struct actor *who, const struct entity *en,
                                            int field)
{
    return field_level(&en->fields[field], access_levels(who, en));
}
/* The tables of all entities by id, for a filter_env. */
const unsigned char *const *access_all_levels(const struct actor *who, struct arena *a);
/* A role may set this level on this field: the program's own fields stay as they are, an owner is
   at least readable, and so is what colleagues, products and the like are called. */
bool access_level_allowed(const struct entity *en, const struct field *f, enum field_level l);

/* What decides which records of an entity somebody reads, and which fields and titles of them, as a
   text: another text, other rights. */
enum { ACCESS_PRINT = 33 };
void access_print(const struct actor *who, const struct registry *r, const struct entity *en,
                  char out[ACCESS_PRINT]);

/* One index-served condition of a visibility; the branches of one entity never overlap. */
struct access_branch {
    enum { BRANCH_ALL, BRANCH_OWNER, BRANCH_DEPARTMENT } kind;
    int64_t id;     /* owner or department */
    bool not_owner; /* department branches leave out the actor's own, counted already */
};
enum { ACCESS_MAX_BRANCHES = 34 };
/* 0 branches = may see nothing. More than 32 departments below give one branch of kind ALL with
 *ret_in_list set, to be narrowed by access_predicate. */
size_t access_branches(const struct actor *who, const struct entity *en, enum access_action action,
                       struct access_branch out[ACCESS_MAX_BRANCHES], bool *ret_in_list);
/* Appends " AND …" for one branch. */
void access_branch_sql(const struct actor *who, const struct access_branch *b, const char *alias,
                       struct sql *q);
/* Appends one predicate " AND (…)" for point reads by key, where an OR costs nothing. */
void access_predicate(const struct actor *who, const struct entity *en, enum access_action action,
                      const char *alias, struct sql *q);

/* The same for rows that name a record of any entity by the columns `entity` and `record_id`; where
   they name none, nothing is asked. Records in the trash count as they did before. */
void access_any_predicate(const struct actor *who, const struct registry *r, const char *alias,
                          struct sql *q);

/* --- standing -----------------------------------------------------------------------------------
   A record of an entity `with_customer` stands in no list, search or bell while its customer is in
   the trash; its page and history stay. Nothing of entities without. */

/* Appends " AND …". `of` names the table with a dot at its end. */
void access_standing(const struct entity *en, const char *of, struct sql *q);
/* The same for rows that name a record of any entity, as above. */
void access_any_standing(const struct registry *r, const char *alias, struct sql *q);

#endif
