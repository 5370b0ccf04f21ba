#include "leaks_world.h"

#include "core/record/internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

struct world world;
static char dir[32];
/* The round's records by entity, each with what it belongs to at the same place. */
static int at[ENTITY_COUNT][PER_ROUND];

uint64_t draw(void)
{
    uint64_t z = (world.state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t below(size_t n)
{
    return n ? (size_t)(draw() % n) : 0;
}

const struct entity *entity(int id)
{
    return &world.t->registry->entities[id];
}

const char *id_text(int64_t id)
{
    return arena_printf(world.scratch, "%" PRId64, id).p;
}

/* Everything but the house itself: colleagues, departments, roles, tags. */
static bool is_asked(const struct entity *en)
{
    return !en->admin_writes;
}

static const struct entity *part_of_it(const struct entity *whole)
{
    for (int i = 0; i < ENTITY_COUNT; i++)
        if (entity(i)->part_of == whole->id)
            return entity(i);
    return NULL;
}

/* --- the rules, worked out here ------------------------------------------------------------ */

static bool stands_below(int department, int above)
{
    while (department >= 0 && department != above)
        department = world.parents[department];
    return department >= 0;
}

bool in_scope(const struct person *p, const struct row *r, enum scope s)
{
    const struct person *owner = &world.people[r->owner];
    if (s == SCOPE_NONE || s == SCOPE_ALL || !entity(r->entity)->owned)
        return s == SCOPE_ALL;
    if (owner == p)
        return true;
    if (p->department < 0 || owner->department < 0)
        return false;
    if (s == SCOPE_DEPARTMENT)
        return owner->department == p->department;
    return s == SCOPE_BELOW && stands_below(owner->department, p->department);
}

bool sees(const struct person *p, const struct row *r)
{
    return in_scope(p, r, p->read[r->entity]);
}

bool reads(const struct person *p, const struct row *r, int field)
{
    return sees(p, r) && p->level[r->entity][field] >= LEVEL_READ;
}

static bool part_and_whole(const struct entity *a, const struct entity *b)
{
    return a->part_of == b->id || b->part_of == a->id;
}

/* What tells of a field is not seen better than that; of another entity, only by who reads it all,
   but for a part and its whole that are seen alike. */
static bool follow_once(struct person *p, const struct entity *en, size_t field)
{
    bool changed = false;
    for (size_t k = 0; k < 2 && en->fields[field].level_of[k].entity >= 0; k++) {
        struct field_ref of = en->fields[field].level_of[k];
        const struct entity *other = entity(of.entity);
        bool one =
            other == en || (part_and_whole(en, other) && p->read[en->id] == p->read[other->id]);
        enum field_level l =
            one || p->read[other->id] == SCOPE_ALL ? p->level[of.entity][of.field] : LEVEL_HIDE;
        if (l < LEVEL_READ && l < p->level[en->id][field]) {
            p->level[en->id][field] = l;
            changed = true;
        }
    }
    return changed;
}

static void follow(struct person *p)
{
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < ENTITY_COUNT; i++)
            for (size_t k = 0; k < entity(i)->nfields; k++)
                again |= follow_once(p, entity(i), k);
    }
}

/* --- departments and people ---------------------------------------------------------------- */

struct making {
    const struct entity *en;
    json_t *body;
    int64_t id, event;
};

static int make(struct db_conn *c, void *arg, struct err *e)
{
    struct making *m = arg;
    struct record r;
    struct write w = {
        .t = world.t, .c = c, .who = identity_system(), .a = world.scratch, .now = clock_now_ms()};
    int rc = m->id ? record_update(&w, m->en, m->id, m->body, -1, &r, e)
                   : record_create(&w, m->en, m->body, &r, e);
    if (rc == 0)
        m->id = r.v[FIELD_ID].i;
    m->event = w.event_id;
    return rc;
}

static struct making write_as_system(const struct entity *en, int64_t id, json_t *body)
{
    struct making m = {.en = en, .body = body, .id = id};
    struct err e;
    err_init(&e, world.scratch);
    if (db_transact(world.t->db, DB_INTERACTIVE, make, &m, &e) != 0)
        fail_msg("%s: %s %s", en->name, e.detail, e.items ? e.items->pointer.p : "");
    json_decref(body);
    return m;
}

static void make_departments(void)
{
    size_t first = world.ndepartments, n = 2 + below(5);
    for (size_t i = 0; i < n; i++) {
        int parent = i && below(4) ? (int)(first + below(i)) : -1;
        json_t *body =
            json_pack("{s:s}", "name", arena_printf(world.scratch, "D%zu", world.ndepartments).p);
        if (parent >= 0)
            json_object_set_new(body, "parent_id", json_string(id_text(world.departments[parent])));
        world.parents[world.ndepartments] = parent;
        world.departments[world.ndepartments++] =
            write_as_system(entity(ENTITY_DEPARTMENT), 0, body).id;
    }
}

/* Where a role may be silent, because it says so of what an entity is kin to, it often is. */
static json_t *draw_rights(struct person *p, const struct entity *en, bool *ret_silent)
{
    static const enum scope likely[] = {SCOPE_NONE, SCOPE_OWN,   SCOPE_DEPARTMENT, SCOPE_BELOW,
                                        SCOPE_ALL,  SCOPE_BELOW, SCOPE_ALL};
    json_t *in = json_object(), *fields = json_object();
    bool create = false;
    *ret_silent = en->rights_of >= 0 && below(3);
    if (!*ret_silent) {
        create = below(3) == 0;
        p->read[en->id] = likely[below(7)];
        p->write[en->id] = likely[below(7)];
        json_object_set_new(in, "read", json_string(scope_name(p->read[en->id])));
        json_object_set_new(in, "write", json_string(scope_name(p->write[en->id])));
        json_object_set_new(in, "create", json_boolean(create));
    }
    for (size_t i = 0; i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        enum field_level l = below(3) ? (enum field_level)below(FIELD_LEVELS) : LEVEL_EDIT;
        p->level[en->id][i] = f->hidden ? LEVEL_HIDE : LEVEL_EDIT;
        if (l == LEVEL_EDIT || !access_level_allowed(en, f, l) || (create && f->required))
            continue;
        p->level[en->id][i] = l;
        json_object_set_new(fields, f->name, json_string(level_name(l)));
    }
    json_object_set_new(in, "fields", fields);
    return in;
}

static json_t *draw_role(struct person *p)
{
    json_t *permissions = json_object();
    bool silent[ENTITY_COUNT] = {false};
    for (int i = 0; i < ENTITY_COUNT; i++) {
        for (size_t k = 0; k < MAX_FIELDS; k++)
            p->level[i][k] = LEVEL_EDIT;
        if (is_asked(entity(i)))
            json_object_set_new(permissions, entity(i)->name,
                                draw_rights(p, entity(i), &silent[i]));
        else
            p->read[i] = SCOPE_ALL;
    }
    for (int i = 0; i < ENTITY_COUNT; i++) {
        int kin = i;
        while (silent[kin])
            kin = entity(kin)->rights_of;
        p->read[i] = p->read[kin];
        p->write[i] = p->write[kin];
    }
    follow(p);
    return permissions;
}

static void make_person(size_t first_department)
{
    struct person *p = &world.people[world.npeople];
    json_t *permissions = draw_role(p);
    int64_t role = write_as_system(entity(ENTITY_ROLE), 0,
                                   json_pack("{s:s,s:o}", "name",
                                             arena_printf(world.scratch, "R%zu", world.npeople).p,
                                             "permissions", permissions))
                       .id;
    p->department =
        below(8) ? (int)(first_department + below(world.ndepartments - first_department)) : -1;
    json_t *body = json_pack(
        "{s:s,s:s,s:s}", "name", arena_printf(world.scratch, "P%zu", world.npeople).p, "login",
        arena_printf(world.scratch, "p%zu", world.npeople).p, "role_id", id_text(role));
    if (p->department >= 0)
        json_object_set_new(body, "department_id",
                            json_string(id_text(world.departments[p->department])));
    p->id = write_as_system(entity(ENTITY_USER), 0, body).id;
    world.npeople++;
}

/* --- words --------------------------------------------------------------------------------- */

const char *word_for(const struct field *f)
{
    size_t n = ++world.serial;
    struct arena *a = world.keep;
    if (strcmp(f->type->name, "phone") == 0)
        return arena_printf(a, "139%08zu", n * 7919 % 100000000).p;
    if (f->type->shape == SHAPE_DATE)
        return arena_printf(a, "%04zu-%02zu-%02zu", 1900 + n / 336, n / 28 % 12 + 1, n % 28 + 1).p;
    if (f->type->shape == SHAPE_MONEY || f->type->shape == SHAPE_INT)
        return arena_printf(a, "4%08zu", n * 104729 % 100000000).p;
    if (f->type->shape != SHAPE_TEXT || (f->max && f->max < 20))
        return NULL;
    return arena_printf(a, "zq%08zuq", n * 15485863 % 100000000).p;
}

json_t *as_sent(const struct field *f, const char *word)
{
    struct arena *a = world.scratch;
    if (strcmp(f->type->name, "email") == 0)
        return json_string(arena_printf(a, "%s@example.com", word).p);
    if (strcmp(f->type->name, "url") == 0)
        return json_string(arena_printf(a, "https://example.com/%s", word).p);
    if (strcmp(f->type->name, "int") == 0)
        return json_integer(strtoll(word, NULL, 10));
    if (f->type->shape == SHAPE_MONEY)
        return json_pack("{s:s,s:s}", "amount", word, "currency", "CNY");
    return json_string(word);
}

static const char *own_word(size_t row, const struct field *f)
{
    const char *word = word_for(f);
    if (!word)
        return NULL;
    struct canary *c = arena_new_of(world.keep, struct canary);
    *c = (struct canary){(int)row, f->id};
    world.rows[row].word[f->id] = word;
    if (map_put(&world.canaries, str_of(word), c))
        fail_msg("%s stands twice", word);
    return word;
}

int draw_field(const struct row *r)
{
    for (;;) {
        size_t k = below(entity(r->entity)->nfields);
        if (r->word[k])
            return (int)k;
    }
}

/* --- records ------------------------------------------------------------------------------- */

static bool is_typed(const struct entity *en, const struct field *f)
{
    bool numbered = en->part_of >= 0 && f->id == en->part_place;
    return !f->system && !f->hidden && !f->read_only && !numbered;
}

static bool is_copy(const struct field *f)
{
    return f->level_of[0].entity >= 0;
}

static bool is_link_to_asked(const struct entity *en, const struct field *f)
{
    return is_typed(en, f) && f->type->shape == SHAPE_LINK && f->target >= 0 &&
           is_asked(entity(f->target)) && !(en->part_of >= 0 && f->id == en->part_link);
}

/* The record a link leads to: the one at the same place; of its own kind, the one before; and where
   somebody is met, not where they belong. -1 = none. */
static int linked(const struct entity *en, const struct field *f, size_t place)
{
    if (f->target == en->id)
        return place ? at[en->id][place - 1] : -1;
    for (int i = 0; i < ENTITY_COUNT; i++)
        if (record_met_through(world.t->registry, entity(i)) == en && f->id == en->customer_field)
            return at[f->target][(place + 1) % PER_ROUND];
    return at[f->target][place];
}

static json_t *body_of(size_t row, size_t place)
{
    struct row *r = &world.rows[row];
    const struct entity *en = entity(r->entity);
    json_t *body = json_object();
    for (size_t i = 0; i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        if (is_link_to_asked(en, f)) {
            int to = linked(en, f, place);
            if (to >= 0)
                json_object_set_new(body, f->name, json_string(id_text(world.rows[to].id)));
            if (to >= 0 && f->id == en->customer_field)
                r->customer = world.rows[to].id;
            else if (to >= 0 && record_met_through(world.t->registry, entity(f->target)) == en)
                r->met = world.rows[to].id;
            continue;
        }
        const char *word = is_typed(en, f) && !is_copy(f) ? own_word(row, f) : NULL;
        if (word)
            json_object_set_new(body, f->name, as_sent(f, word));
    }
    return body;
}

static int64_t part_id(const struct entity *part, int64_t whole)
{
    struct db_conn *c;
    struct err e = {0};
    int64_t id = 0;
    const char *sql = arena_printf(world.scratch, "SELECT id FROM %s WHERE %s = $1", part->table,
                                   part->fields[part->part_link].name)
                          .p;
    assert_int_equal(0, db_reader(world.t->db, &c, &e));
    assert_int_equal(0, db_one_i64(c, sql, DB_ARGS(DB_I64(whole)), 0, &id, &e));
    db_reader_done(c);
    return id;
}

static size_t new_row(const struct entity *en, size_t place, int owner, int whole)
{
    size_t row = world.nrows++;
    assert_true(world.nrows <= MAX_ROWS);
    world.rows[row] = (struct row){.entity = en->id, .owner = owner, .whole = whole};
    at[en->id][place] = (int)row;
    return row;
}

static void make_row(const struct entity *en, size_t place, size_t first_person)
{
    const struct entity *part = part_of_it(en);
    int owner = (int)(first_person + below(PEOPLE));
    size_t row = new_row(en, place, owner, -1);
    json_t *body = body_of(row, place);
    if (en->owned)
        json_object_set_new(body, "owner_id", json_string(id_text(world.people[owner].id)));
    if (part) {
        size_t line = new_row(part, place, owner, (int)row);
        json_object_set_new(body, part->part_key, json_pack("[o]", body_of(line, place)));
    }
    world.rows[row].id = write_as_system(en, 0, body).id;
    if (part)
        world.rows[at[part->id][place]].id = part_id(part, world.rows[row].id);
}

static bool is_ready(const struct entity *en, const bool *made)
{
    for (size_t i = 0; i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        if (is_link_to_asked(en, f) && f->target != en->id && !made[f->target])
            return false;
    }
    return true;
}

/* Each entity after those that it leads to. */
static void make_rows(size_t first_person)
{
    bool made[ENTITY_COUNT] = {false};
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < ENTITY_COUNT; i++) {
            const struct entity *en = entity(i), *part = part_of_it(en);
            if (made[i] || !is_asked(en) || en->part_of >= 0 || !is_ready(en, made) ||
                (part && !is_ready(part, made)))
                continue;
            for (size_t place = 0; place < PER_ROUND; place++)
                make_row(en, place, first_person);
            made[i] = again = true;
            if (part)
                made[part->id] = true;
        }
    }
    for (int i = 0; i < ENTITY_COUNT; i++)
        if (is_asked(entity(i)) && !made[i])
            fail_msg("%s has links in a circle", entity(i)->name);
}

/* --- what features write: copies, and fields of the program's own -------------------------- */

static bool take_copy(size_t row, size_t place, const struct field *f)
{
    struct row *r = &world.rows[row];
    for (size_t k = 0; k < 2 && f->level_of[k].entity >= 0; k++) {
        struct field_ref of = f->level_of[k];
        const char *word = world.rows[at[of.entity][place]].word[of.field];
        if (!word || !word_for(f))
            continue;
        assert_true(world.ncopies < MAX_COPIES);
        world.copies[world.ncopies++] = (struct canary){(int)row, f->id};
        r->word[f->id] = word;
        return true;
    }
    return false;
}

/* Copies of copies are taken when those are there; what nothing is known of gets its own word. */
static void settle_words(void)
{
    for (int pass = 0; pass < 4; pass++) {
        for (int i = 0; i < ENTITY_COUNT; i++) {
            for (size_t k = 0; is_asked(entity(i)) && k < entity(i)->nfields; k++) {
                const struct field *f = &entity(i)->fields[k];
                bool open = !f->system && !f->hidden && (f->read_only || is_copy(f)) &&
                            !is_link_to_asked(entity(i), f) && (is_copy(f) ? pass > 0 : pass == 0);
                for (size_t place = 0; open && place < PER_ROUND; place++) {
                    size_t row = (size_t)at[i][place];
                    if (world.rows[row].word[k] || (is_copy(f) && take_copy(row, place, f)))
                        continue;
                    if (!is_copy(f) || pass == 3)
                        own_word(row, f);
                }
            }
        }
    }
}

static int write_words(struct db_conn *c, const struct row *r, struct err *e)
{
    const struct entity *en = entity(r->entity);
    struct arena *a = world.scratch;
    struct write w = {.t = world.t,
                      .c = c,
                      .who = identity_system(),
                      .a = a,
                      .now = clock_now_ms(),
                      .whole = en->part_of >= 0};
    struct parse_env env = tenant_parse_env(world.t, a);
    struct record before, after;
    int rc = record_load_for_write(&w, en, r->id, &before, &after, e);
    for (size_t i = 0; rc == 0 && i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        if (!r->word[i] || (is_typed(en, f) && !is_copy(f)))
            continue;
        struct value v = {0};
        json_t *in = as_sent(f, r->word[i]);
        const char *wrong = f->type->from_json(f, in, &env, &v);
        if (wrong)
            fail_msg("%s.%s of %s: %s", en->name, f->name, r->word[i], wrong);
        after.v[i] = value_keep(&v, a);
        json_decref(in);
    }
    return rc || !record_differs(&before, &after) ? rc
                                                  : record_change(&w, &before, &after, "update", e);
}

static int write_all_words(struct db_conn *c, void *arg, struct err *e)
{
    int rc = 0;
    for (size_t i = *(const size_t *)arg; rc == 0 && i < world.nrows; i++)
        rc = write_words(c, &world.rows[i], e);
    return rc;
}

/* Another word in its place: the old one lives on in the history, and remains a canary. */
static void change_row(size_t row)
{
    struct row *r = &world.rows[row];
    const struct entity *en = entity(r->entity);
    do
        r->changed = draw_field(r);
    while (en->fields[r->changed].unique || !is_typed(en, &en->fields[r->changed]));
    const struct field *f = &en->fields[r->changed];
    r->again = below(2);
    for (int i = 0; i <= r->again; i++) {
        int64_t id = r->id;
        const struct entity *of = en;
        json_t *body = json_object();
        json_object_set_new(body, f->name, as_sent(f, own_word(row, f)));
        if (r->whole >= 0) {
            json_object_set_new(body, "id", json_string(id_text(r->id)));
            body = json_pack("{s:[o]}", en->part_key, body);
            id = world.rows[r->whole].id;
            of = entity(en->part_of);
        }
        int64_t event = write_as_system(of, id, body).event;
        r->event = i ? r->event : event;
    }
}

void world_grow(void)
{
    size_t first_department = world.ndepartments, first_person = world.npeople, first = world.nrows;
    struct err e = {0};
    make_departments();
    for (size_t i = 0; i < PEOPLE; i++)
        make_person(first_department);
    make_rows(first_person);
    settle_words();
    if (db_transact(world.t->db, DB_INTERACTIVE, write_all_words, &first, &e) != 0)
        fail_msg("copies: %s", e.detail);
    for (size_t i = first; i < world.nrows; i++)
        change_row(i);
    arena_reset(world.scratch);
    for (size_t i = 0; i < world.npeople; i++) {
        if (i < first_person)
            identity_leave(&world.people[i].pass);
        assert_int_equal(0,
                         identity_as_user(world.t, world.people[i].id, &world.people[i].pass, &e));
    }
}

/* --- opening ------------------------------------------------------------------------------- */

int world_open(const char *db_url, uint64_t seed)
{
    static const struct record_hook *const hooks[] = {identity_hooks, NULL};
    strcpy(dir, "/tmp/patron-leaks-XXXXXX");
    struct tenant_options o = {.dir = mkdtemp(dir), .db_url = db_url, .hooks = hooks};
    struct err e = {0};
    world = (struct world){.seed = seed, .state = seed};
    world.keep = arena_new(0);
    world.scratch = arena_new(0);
    map_init(&world.canaries, world.keep);
    if (!o.dir || tenant_open(&o, &world.t, &e) != 0 || identity_open(world.t, &e) != 0) {
        fprintf(stderr, "%s\n", e.detail);
        return -1;
    }
    return 0;
}

void world_close(void)
{
    char command[64];
    for (size_t i = 0; i < world.npeople; i++)
        identity_leave(&world.people[i].pass);
    identity_close(world.t);
    tenant_close(world.t);
    arena_free(world.scratch);
    arena_free(world.keep);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (system(command) != 0)
        fail_msg("%s", command);
}
