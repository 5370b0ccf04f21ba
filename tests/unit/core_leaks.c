/* Nobody learns what they may not see: random departments, people, roles, levels of fields and
   records, and random ways of asking. Every value is a word of its own (a canary); whatever comes
   back is cut into words, and each that is a canary must be one that the person may read, by rules
   worked out here from the role as it was drawn, not by the code under test.

   CASES=… and SEED=… choose how many and which; the seed is printed. */
#include "unit.h"

#include "core/bell/bell.h"
#include "core/files/files.h"
#include "core/identity/identity.h"
#include "core/search/search.h"
#include "core/tags/tags.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

enum {
    ROUNDS = 20,
    PEOPLE = 5,
    PER_ROUND = 8,
    MAX_FIELDS = 128,
    MAX_ROWS = 1200,
    MAX_PEOPLE = 200
};

struct person {
    int64_t id;
    int department; /* index, or -1 */
    enum scope read[ENTITY_COUNT], write[ENTITY_COUNT];
    enum field_level level[ENTITY_COUNT][MAX_FIELDS];
    struct pass pass;
};

struct row {
    int64_t id, customer, event; /* event: an update that can be undone */
    int entity, owner;           /* index into people */
    int changed;                 /* the field of that update */
    bool again;                  /* and it was changed once more */
    const char *word[MAX_FIELDS];
};

struct canary {
    int row, field;
};

static struct tenant *t;
static struct arena *world, *scratch;
static char dir[] = "/tmp/patron-leaks-XXXXXX";
static uint64_t seed, state_of;
static struct person people[MAX_PEOPLE];
static size_t npeople, nrows, serial;
static struct row rows[MAX_ROWS];
static int64_t departments[ROUNDS * 8];
static int parents[ROUNDS * 8];
static size_t ndepartments;
static struct map canaries;
static size_t asked, found; /* that the test is about something */

static uint64_t draw(void)
{
    uint64_t z = (state_of += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(size_t n)
{
    return n ? (size_t)(draw() % n) : 0;
}

static const struct entity *entity(int id)
{
    return &t->registry->entities[id];
}

/* --- the rules, worked out here ------------------------------------------------------------ */

static bool stands_below(int department, int above)
{
    while (department >= 0 && department != above)
        department = parents[department];
    return department >= 0;
}

static bool in_scope(const struct person *p, const struct row *r, enum scope s)
{
    const struct person *owner = &people[r->owner];
    if (s == SCOPE_NONE || s == SCOPE_ALL)
        return s == SCOPE_ALL;
    if (owner == p)
        return true;
    if (p->department < 0 || owner->department < 0)
        return false;
    if (s == SCOPE_DEPARTMENT)
        return owner->department == p->department;
    return s == SCOPE_BELOW && stands_below(owner->department, p->department);
}

static bool sees(const struct person *p, const struct row *r)
{
    return in_scope(p, r, p->read[r->entity]);
}

static bool reads(const struct person *p, const struct row *r, int field)
{
    return sees(p, r) && p->level[r->entity][field] >= LEVEL_READ;
}

/* --- looking for canaries ------------------------------------------------------------------ */

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
}

/* Fails when `said` holds a word that this person may not read. */
static void inspect(const struct person *p, struct str said, const char *where)
{
    for (size_t i = 0, end; i < said.n; i = end + 1) {
        for (end = i; end < said.n && is_word(said.p[end]); end++)
            continue;
        const struct canary *c = map_get(&canaries, str_from(said.p + i, end - i));
        if (!c)
            continue;
        found++;
        if (!reads(p, &rows[c->row], c->field))
            fail_msg("%s tells person %" PRId64 " the %s of %s %" PRId64
                     " (level %s, %s), seed %" PRIu64,
                     where, p->id, entity(rows[c->row].entity)->fields[c->field].name,
                     entity(rows[c->row].entity)->name, rows[c->row].id,
                     level_name(p->level[rows[c->row].entity][c->field]),
                     sees(p, &rows[c->row]) ? "record seen" : "record not seen", seed);
    }
}

static void inspect_err(const struct person *p, const struct err *e, const char *where)
{
    inspect(p, e->current, where);
    for (size_t i = 0; i < 4; i++)
        inspect(p, e->params[i].value, where);
    for (const struct err_item *i = e->items; i; i = i->next)
        for (size_t k = 0; k < 3; k++)
            inspect(p, i->params[k].value, where);
}

static void no_id(const struct person *p, struct str said, int64_t id, const char *where)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, id);
    if (id && said.n && memmem(said.p, said.n, text, strlen(text)))
        fail_msg("%s tells person %" PRId64 " of record %s, seed %" PRIu64, where, p->id, text,
                 seed);
}

/* --- making the world ---------------------------------------------------------------------- */

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
        .t = t, .c = c, .who = identity_system(), .a = scratch, .now = clock_now_ms()};
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
    err_init(&e, scratch);
    if (db_transact(t->db, DB_INTERACTIVE, make, &m, &e) != 0)
        fail_msg("%s: %s %s", en->name, e.detail, e.items ? e.items->pointer.p : "");
    json_decref(body);
    return m;
}

static const char *id_text(int64_t id)
{
    return arena_printf(scratch, "%" PRId64, id).p;
}

static void make_departments(void)
{
    size_t first = ndepartments, n = 2 + below(5);
    for (size_t i = 0; i < n; i++) {
        int parent = i && below(4) ? (int)(first + below(i)) : -1;
        json_t *body = json_pack("{s:s}", "name", arena_printf(scratch, "D%zu", ndepartments).p);
        if (parent >= 0)
            json_object_set_new(body, "parent_id", json_string(id_text(departments[parent])));
        parents[ndepartments] = parent;
        departments[ndepartments++] = write_as_system(entity(ENTITY_DEPARTMENT), 0, body).id;
    }
}

static json_t *draw_rights(struct person *p, int en_id)
{
    static const enum scope likely[] = {SCOPE_NONE, SCOPE_OWN,   SCOPE_DEPARTMENT, SCOPE_BELOW,
                                        SCOPE_ALL,  SCOPE_BELOW, SCOPE_ALL};
    const struct entity *en = entity(en_id);
    json_t *in = json_object(), *fields = json_object();
    p->read[en_id] = likely[below(7)];
    p->write[en_id] = likely[below(7)];
    bool create = below(3) == 0;
    json_object_set_new(in, "read", json_string(scope_name(p->read[en_id])));
    json_object_set_new(in, "write", json_string(scope_name(p->write[en_id])));
    json_object_set_new(in, "create", json_boolean(create));
    for (size_t i = 0; i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        enum field_level l = below(3) ? (enum field_level)below(FIELD_LEVELS) : LEVEL_EDIT;
        p->level[en_id][i] = f->hidden ? LEVEL_HIDE : LEVEL_EDIT;
        if (l == LEVEL_EDIT || !access_level_allowed(en, f, l) || (create && f->required))
            continue;
        p->level[en_id][i] = l;
        json_object_set_new(fields, f->name, json_string(level_name(l)));
    }
    json_object_set_new(in, "fields", fields);
    return in;
}

static const int owned[] = {ENTITY_CUSTOMER, ENTITY_CONTACT, ENTITY_ORDER, ENTITY_NOTE,
                            ENTITY_TASK};
enum { OWNED = sizeof owned / sizeof owned[0] };

/* What tells of a field is not seen better than that; of another entity, only by who reads it all,
   but for a part and its whole. */
static bool follow_once(struct person *p, const struct entity *en, size_t field)
{
    bool changed = false;
    for (size_t k = 0; k < 2 && en->fields[field].level_of[k].entity >= 0; k++) {
        struct field_ref of = en->fields[field].level_of[k];
        const struct entity *other = entity(of.entity);
        bool one = other == en || other->part_of == en->id || en->part_of == other->id;
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
    bool again = true;
    p->read[ENTITY_PRODUCT] = p->read[ENTITY_CATEGORY] = SCOPE_ALL; /* what no role names */
    while (again) {
        again = false;
        for (int i = 0; i < ENTITY_COUNT; i++)
            for (size_t k = 0; k < entity(i)->nfields; k++)
                again |= follow_once(p, entity(i), k);
    }
}

static void make_person(size_t first_department)
{
    struct person *p = &people[npeople];
    json_t *permissions = json_object();
    for (int i = 0; i < ENTITY_COUNT; i++)
        for (size_t k = 0; k < MAX_FIELDS; k++)
            p->level[i][k] = LEVEL_EDIT;
    for (size_t i = 0; i < OWNED; i++)
        json_object_set_new(permissions, entity(owned[i])->name, draw_rights(p, owned[i]));
    follow(p);
    int64_t role =
        write_as_system(entity(ENTITY_ROLE), 0,
                        json_pack("{s:s,s:o}", "name", arena_printf(scratch, "R%zu", npeople).p,
                                  "permissions", permissions))
            .id;
    p->department =
        below(8) ? (int)(first_department + below(ndepartments - first_department)) : -1;
    json_t *body =
        json_pack("{s:s,s:s,s:s}", "name", arena_printf(scratch, "P%zu", npeople).p, "login",
                  arena_printf(scratch, "p%zu", npeople).p, "role_id", id_text(role));
    if (p->department >= 0)
        json_object_set_new(body, "department_id",
                            json_string(id_text(departments[p->department])));
    p->id = write_as_system(entity(ENTITY_USER), 0, body).id;
    npeople++;
}

/* A value that stands nowhere else; NULL for types without room for one. */
static const char *word_for(const struct field *f)
{
    size_t n = ++serial;
    if (strcmp(f->type->name, "phone") == 0)
        return arena_printf(world, "139%08zu", n * 7919 % 100000000).p;
    if (f->type->shape == SHAPE_DATE)
        return arena_printf(world, "%04zu-%02zu-%02zu", 1900 + n / 336, n / 28 % 12 + 1, n % 28 + 1)
            .p;
    if (f->type->shape == SHAPE_MONEY || f->type->shape == SHAPE_INT)
        return arena_printf(world, "4%08zu", n * 104729 % 100000000).p;
    if (f->type->shape != SHAPE_TEXT || (f->max && f->max < 20))
        return NULL;
    return arena_printf(world, "zq%08zuq", n * 15485863 % 100000000).p;
}

static json_t *as_sent(const struct field *f, const char *word)
{
    if (strcmp(f->type->name, "email") == 0)
        return json_string(arena_printf(scratch, "%s@example.com", word).p);
    if (strcmp(f->type->name, "url") == 0)
        return json_string(arena_printf(scratch, "https://example.com/%s", word).p);
    if (f->type->shape == SHAPE_INT)
        return json_integer(strtoll(word, NULL, 10));
    if (f->type->shape == SHAPE_MONEY)
        return json_pack("{s:s,s:s}", "amount", word, "currency", "CNY");
    return json_string(word);
}

static void note_word(size_t row, int field, const char *word)
{
    struct canary *c = arena_new_of(world, struct canary);
    *c = (struct canary){(int)row, field};
    rows[row].word[field] = word;
    if (map_put(&canaries, str_of(word), c))
        fail_msg("%s stands twice", word);
}

static void make_row(int en_id, size_t first_person, int64_t customer)
{
    const struct entity *en = entity(en_id);
    struct row *r = &rows[nrows];
    json_t *body = json_object();
    *r = (struct row){.entity = en_id, .customer = customer};
    r->owner = (int)(first_person + below(PEOPLE));
    for (size_t i = 0; i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        if (f->system || f->hidden || f->read_only)
            continue;
        const char *word = word_for(f);
        if (!word)
            continue;
        note_word(nrows, (int)i, word);
        json_object_set_new(body, f->name, as_sent(f, word));
    }
    if (customer)
        json_object_set_new(body, "customer_id", json_string(id_text(customer)));
    json_object_set_new(body, "owner_id", json_string(id_text(people[r->owner].id)));
    r->id = write_as_system(en, 0, body).id;
    /* Another word in its place: the old one lives on in the history, and remains a canary. */
    int changed = en_id == ENTITY_NOTE ? NOTE_BODY : en_id == ENTITY_ORDER ? ORDER_COST : -1;
    while (changed < 0) {
        size_t k = below(en->nfields);
        if (r->word[k] && !en->fields[k].unique)
            changed = (int)k;
    }
    r->changed = changed;
    r->again = below(2);
    for (int i = 0; i <= r->again; i++) {
        const char *word = word_for(&en->fields[changed]);
        body = json_object();
        json_object_set_new(body, en->fields[changed].name, as_sent(&en->fields[changed], word));
        note_word(nrows, changed, word);
        int64_t event = write_as_system(en, r->id, body).event;
        r->event = i ? r->event : event;
    }
    nrows++;
}

/* As the hook of tasks does it, which is above what is tested here. */
static int copy_task(struct db_conn *c, void *arg, struct err *e)
{
    const struct row *r = arg;
    return db_exec(c,
                   "UPDATE customers SET next_task_id = $1, next_task = (SELECT title FROM tasks "
                   "WHERE id = $1), next_task_on = (SELECT due_on FROM tasks WHERE id = $1) "
                   "WHERE id = $2",
                   DB_ARGS(DB_I64(r->id), DB_I64(r->customer)), NULL, e);
}

static void make_next_task(size_t first_person, int64_t customer)
{
    struct err e = {0};
    make_row(ENTITY_TASK, first_person, customer);
    assert_int_equal(0, db_transact(t->db, DB_INTERACTIVE, copy_task, &rows[nrows - 1], &e));
}

static void make_round(void)
{
    size_t first_department = ndepartments, first_person = npeople;
    make_departments();
    for (size_t i = 0; i < PEOPLE; i++)
        make_person(first_department);
    for (size_t i = 0; i < PER_ROUND; i++) {
        make_row(ENTITY_CUSTOMER, first_person, 0);
        int64_t customer = rows[nrows - 1].id;
        make_row(ENTITY_CONTACT, first_person, customer);
        make_row(ENTITY_ORDER, first_person, customer);
        make_row(ENTITY_NOTE, first_person, customer);
        make_next_task(first_person, customer);
    }
    for (size_t i = 0; i < npeople; i++) {
        struct err e = {0};
        if (i < first_person)
            identity_leave(&people[i].pass);
        assert_int_equal(0, identity_as_user(t, people[i].id, &people[i].pass, &e));
    }
}

/* --- ways of asking ------------------------------------------------------------------------ */

struct asking {
    const struct person *p;
    const struct row *r;
    const struct entity *en;
    struct db_conn *c;
    struct buf out;
    struct jw w;
    struct err e;
};

static struct str said(const struct asking *q)
{
    return buf_str(&q->out);
}

/* A field with a word in it. */
static int draw_field(const struct row *r)
{
    for (;;) {
        size_t k = below(entity(r->entity)->nfields);
        if (r->word[k])
            return (int)k;
    }
}

static bool customer_known(const struct asking *q)
{
    const struct entity *en = q->en;
    return q->p->level[en->id][en->customer_field] >= LEVEL_READ;
}

static void read_one(struct asking *q)
{
    int64_t version;
    int rc = record_get_json(q->c, t, q->p->pass.who, q->en, q->r->id, true, scratch, &q->w,
                             &version, &q->e);
    assert_int_equal(sees(q->p, q->r) ? 0 : ERR_NOT_FOUND, rc);
    if (q->r->customer && !customer_known(q))
        no_id(q->p, said(q), q->r->customer, "a record");
    for (size_t i = 0; rc == 0 && i < q->en->nfields; i++) {
        char key[80];
        snprintf(key, sizeof key, "\"%s\":", q->en->fields[i].name);
        bool there = memmem(said(q).p, said(q).n, key, strlen(key)) != NULL;
        bool money = strcmp(q->en->fields[i].name, "amount") == 0; /* every sum has one */
        if (!money && there != (q->p->level[q->en->id][i] > LEVEL_HIDE))
            fail_msg("%s is %s, seed %" PRIu64, key, there ? "there" : "missing", seed);
    }
}

static size_t visible_rows(const struct person *p, int en_id)
{
    size_t n = 0;
    for (size_t i = 0; i < nrows; i++)
        n += rows[i].entity == en_id && sees(p, &rows[i]);
    return n;
}

static void read_list(struct asking *q)
{
    struct list_query lq = {
        .en = q->en, .limit = 1 + (unsigned)below(40), .count = COUNT_EXACT, .titles = true};
    const struct field *f = &q->en->fields[draw_field(q->r)];
    if (below(4) && f->type->sortable) {
        lq.sort[0].field = f;
        lq.sort[0].desc = below(2);
        lq.nsort = 1;
    }
    bool refused = lq.nsort && q->p->level[q->en->id][f->id] < LEVEL_READ;
    int rc = record_list(q->c, t, q->p->pass.who, &lq, scratch, &q->w, &q->e);
    assert_int_equal(refused ? ERR_BAD_PARAMETER : 0, rc);
    if (rc)
        return;
    char want[80];
    snprintf(want, sizeof want, "\"count\":{\"value\":%zu,", visible_rows(q->p, q->en->id));
    if (!memmem(said(q).p, said(q).n, want, strlen(want)))
        fail_msg("not %s, seed %" PRIu64, want, seed);
    for (size_t i = 0; i < nrows; i++)
        if (rows[i].entity == q->en->id && !sees(q->p, &rows[i]))
            no_id(q->p, said(q), rows[i].id, "a list");
    for (size_t i = 0; q->r->customer && !customer_known(q) && i < nrows; i++)
        if (rows[i].entity == ENTITY_CUSTOMER)
            no_id(q->p, said(q), rows[i].id, "the customers of a list");
}

static const char *drawn_operator(const struct field *f)
{
    static const char *const text[] = {"eq", "in", "starts", "contains"};
    static const char *const number[] = {"eq", "in", "gte", "lte"};
    bool is_text = f->type->shape == SHAPE_TEXT;
    if (strcmp(f->type->name, "longtext") == 0)
        return "contains";
    return is_text ? text[below(4)] : number[below(4)];
}

/* By a value one has no right to, nothing may be found, not even counted. */
static void filter(struct asking *q)
{
    const struct field *f = &q->en->fields[draw_field(q->r)];
    struct filter_env env = {.parse = tenant_parse_env(t, scratch),
                             .levels = access_all_levels(q->p->pass.who, scratch)};
    const char *op = drawn_operator(f), *word = q->r->word[f->id];
    const struct filter *tree = NULL;
    bool whole = strcmp(op, "eq") == 0 || strcmp(op, "in") == 0;
    if (whole && strcmp(f->type->name, "email") == 0)
        word = arena_printf(scratch, "%s@example.com", word).p;
    if (strcmp(f->type->name, "url") == 0)
        word = arena_printf(scratch, "https://example.com/%s", word).p;
    int rc = filter_leaf(q->en, str_of(f->name), str_of(op), str_of(word), &env, &tree, &q->e);
    bool refused = q->p->level[q->en->id][f->id] < LEVEL_READ;
    if (refused != (rc == ERR_VALIDATION))
        fail_msg("a filter by %s %s gives %d, seed %" PRIu64, f->name, op, rc, seed);
    if (rc)
        return;
    struct list_query lq = {.en = q->en, .limit = 5, .filter = tree, .count = COUNT_EXACT};
    assert_int_equal(0, record_list(q->c, t, q->p->pass.who, &lq, scratch, &q->w, &q->e));
    if (!whole)
        return;
    bool one = memmem(said(q).p, said(q).n, "\"count\":{\"value\":1,", 19) != NULL;
    if (one != sees(q->p, q->r))
        fail_msg("a filter by %s finds %s, seed %" PRIu64, f->name, one ? "too much" : "nothing",
                 seed);
}

static bool is_searched_by(const struct entity *en, int field)
{
    if (en->prefix_search == field)
        return true;
    for (size_t i = 0; i < en->nsearch_title; i++)
        if (en->search_title[i] == field)
            return true;
    for (size_t i = 0; i < en->nsearch_body; i++)
        if (en->search_body[i] == field)
            return true;
    return false;
}

static void search(struct asking *q)
{
    int field = draw_field(q->r);
    struct str word = str_of(q->r->word[field]);
    word.n -= below(2); /* the beginning of it is enough */
    assert_int_equal(0, search_query(q->c, t, q->p->pass.who, word, below(2) ? q->en : NULL, 50,
                                     scratch, &q->w, &q->e));
    char id[32];
    snprintf(id, sizeof id, "\"%" PRId64 "\"", q->r->id);
    bool hit = memmem(said(q).p, said(q).n, id, strlen(id)) != NULL;
    bool want = is_searched_by(q->en, field) && reads(q->p, q->r, field);
    if (hit != want)
        fail_msg("the search for %s of %s %s finds %s (level %s), seed %" PRIu64,
                 q->en->fields[field].name, q->en->name, id, hit ? "it" : "nothing",
                 level_name(q->p->level[q->en->id][field]), seed);
}

static int take_row(void *arg, const struct row_values *r)
{
    struct asking *q = arg;
    size_t at = 0;
    for (size_t i = 0; i < q->en->nfields; i++) {
        const struct field *f = &q->en->fields[i];
        if (q->p->level[q->en->id][i] == LEVEL_HIDE)
            continue;
        if (r->masked[at])
            jw_str(&q->w, r->v[at].s);
        else
            value_to_json(f, &r->v[at], &q->w);
        if (f->type->shape == SHAPE_LINK && !r->masked[at])
            jw_str(&q->w, r->v[at].s);
        at++;
    }
    return 0;
}

/* As an export goes: the ids of all, then their rows; every field that is not hidden. */
static void take_out(struct asking *q)
{
    const struct field **fields = arena_array(scratch, const struct field *, q->en->nfields);
    struct list_query lq = {.en = q->en};
    struct id_list ids = {0};
    for (size_t i = 0; i < q->en->nfields; i++)
        if (access_level(q->p->pass.who, q->en, (int)i) > LEVEL_HIDE)
            fields[lq.nfields++] = &q->en->fields[i];
    lq.fields = fields;
    assert_int_equal(0, record_ids(q->c, q->p->pass.who, &lq, scratch, &ids, &q->e));
    assert_int_equal(visible_rows(q->p, q->en->id), ids.n);
    jw_arr(&q->w);
    for (size_t at = 0; at < ids.n; at += ROWS_MAX)
        assert_int_equal(0, record_rows(q->c, t, q->p->pass.who, q->en, fields, lq.nfields, false,
                                        ids.ids + at, ids.n - at < ROWS_MAX ? ids.n - at : ROWS_MAX,
                                        scratch, take_row, q, &q->e));
    jw_arr_end(&q->w);
    free(ids.ids);
}

/* By a copy as by what it was copied from: who may not read that finds nothing by it. */
static void by_copy(struct asking *q)
{
    const struct row *r = q->r;
    while (r->entity != ENTITY_TASK)
        r = &rows[below(nrows)];
    struct filter_env env = {.parse = tenant_parse_env(t, scratch),
                             .levels = access_all_levels(q->p->pass.who, scratch)};
    const struct filter *leaf = NULL;
    bool title = below(2);
    q->en = entity(ENTITY_CUSTOMER);
    int rc = filter_leaf(q->en, title ? STR("next_task") : STR("next_task_on"), STR("eq"),
                         str_of(r->word[title ? TASK_TITLE : TASK_DUE_ON]), &env, &leaf, &q->e);
    if (rc == 0 && !reads(q->p, r, title ? TASK_TITLE : TASK_DUE_ON))
        fail_msg("the copy of a task is asked for, seed %" PRIu64, seed);
}

static void timeline(struct asking *q)
{
    bool of_customer = q->r->entity == ENTITY_CUSTOMER && below(2);
    struct history_query hq = {.limit = 50};
    if (of_customer)
        hq.customer_id = q->r->id;
    else
        hq.record_id = q->r->id;
    assert_int_equal(0, history_list(q->c, t, q->p->pass.who, &hq, scratch, &q->w, &q->e));
    for (size_t i = 0; i < nrows; i++) {
        const struct entity *en = entity(rows[i].entity);
        bool belongs = of_customer && rows[i].customer == q->r->id;
        if (!sees(q->p, &rows[i]) ||
            (belongs && q->p->level[en->id][en->customer_field] < LEVEL_READ)) {
            char event[64]; /* as what happened, not as a link that may be read */
            snprintf(event, sizeof event, "\"record_id\":\"%" PRId64 "\"", rows[i].id);
            if (memmem(said(q).p, said(q).n, event, strlen(event)))
                fail_msg("a timeline tells person %" PRId64 " %s, seed %" PRIu64, q->p->id, event,
                         seed);
        }
    }
}

static void hear(struct asking *q)
{
    struct live_event ev = {.entity = q->en->id, .owner_id = people[q->r->owner].id};
    if (people[q->r->owner].department >= 0)
        ev.department_id = departments[people[q->r->owner].department];
    enum live_sight sight = record_event_sight(q->p->pass.who, q->en, &ev);
    bool all = q->r->entity == ENTITY_CUSTOMER || customer_known(q);
    assert_int_equal(!sees(q->p, q->r) ? LIVE_NOTHING : all ? LIVE_WHOLE : LIVE_BARE, sight);
}

/* --- writes, all taken back ---------------------------------------------------------------- */

struct trial {
    struct asking *q;
    json_t *body;
    int64_t if_match;
    bool create;
    int rc;
};

enum { TAKE_BACK = ERR_CANCELLED };

static int try_write(struct db_conn *c, void *arg, struct err *e)
{
    struct trial *tr = arg;
    struct asking *q = tr->q;
    struct record r;
    struct write w = {.t = t, .c = c, .who = q->p->pass.who, .a = scratch, .now = clock_now_ms()};
    err_init(&q->e, scratch);
    q->out.n = 0;
    tr->rc = tr->create ? record_create(&w, q->en, tr->body, &r, &q->e)
             : tr->body ? record_update(&w, q->en, q->r->id, tr->body, tr->if_match, &r, &q->e)
                        : record_undo(&w, q->r->event, &r, &q->e);
    if (tr->rc == 0)
        record_to_json(t, w.who, &r, &q->w);
    return err_set(e, TAKE_BACK, "seen enough");
}

static void run_trial(struct trial *tr)
{
    struct err e = {0};
    assert_int_equal(TAKE_BACK, db_transact(t->db, DB_INTERACTIVE, try_write, tr, &e));
    json_decref(tr->body);
}

static void change(struct asking *q)
{
    const struct field *f = &q->en->fields[draw_field(q->r)];
    struct trial tr = {.q = q, .body = json_object(), .if_match = below(3) ? -1 : 1};
    /* A word of the field's own kind that is nobody's. */
    json_object_set_new(tr.body, f->name, as_sent(f, word_for(f)));
    run_trial(&tr);
    enum field_level l = q->p->level[q->en->id][f->id];
    bool may = in_scope(q->p, q->r, q->p->write[q->en->id]);
    int want = !sees(q->p, q->r)  ? ERR_NOT_FOUND
               : !may             ? ERR_FORBIDDEN
               : tr.if_match == 1 ? ERR_VERSION_CONFLICT
               : l < LEVEL_EDIT   ? ERR_VALIDATION
                                  : 0;
    if (tr.rc != want)
        fail_msg("a change of %s.%s (level %s) gives %d, not %d: %s; seed %" PRIu64, q->en->name,
                 f->name, level_name(l), tr.rc, want, q->e.detail, seed);
    if (want == ERR_VALIDATION)
        assert_string_equal(l == LEVEL_HIDE ? "unknown-field" : "field-not-yours",
                            q->e.items->code);
}

static void undo(struct asking *q)
{
    struct trial tr = {.q = q};
    run_trial(&tr);
    bool may = in_scope(q->p, q->r, q->p->write[q->en->id]) &&
               q->p->level[q->en->id][q->r->changed] == LEVEL_EDIT;
    int want = !sees(q->p, q->r) ? ERR_NOT_FOUND
               : !may            ? ERR_FORBIDDEN
               : q->r->again     ? ERR_UNDO_CONFLICT
                                 : 0;
    if (tr.rc != want)
        fail_msg("an undo of %s.%s gives %d, not %d; seed %" PRIu64, q->en->name,
                 q->en->fields[q->r->changed].name, tr.rc, want, seed);
}

/* What is unique is refused, but says of whom only to somebody who may see that record. */
static void same_again(struct asking *q)
{
    const struct row *r = q->r;
    while (r->entity != ENTITY_CUSTOMER)
        r = &rows[below(nrows)];
    q->en = entity(ENTITY_CUSTOMER);
    struct trial tr = {
        .q = q,
        .create = true,
        .body = json_pack("{s:s,s:s}", "name", "another", "ext_id", r->word[CUSTOMER_EXT_ID])};
    run_trial(&tr);
    if (tr.rc != ERR_DUPLICATE)
        return;
    for (size_t i = 0; i < 4; i++)
        if (!sees(q->p, r))
            no_id(q->p, q->e.params[i].value, r->id, "a duplicate");
    memset(q->e.params, 0, sizeof q->e.params);
    q->e.items = NULL; /* the value was the person's own */
}

/* --- what hangs on records: put there for the moment, asked for, taken back ------------------ */

struct hanging {
    struct asking *q;
    void (*ask)(struct asking *q, struct db_conn *c);
};

static void put(struct db_conn *c, const char *sql, const struct db_value *args, size_t n)
{
    struct err e = {0};
    int rc = db_exec(c, sql, args, n, NULL, &e);
    if (rc)
        fail_msg("%s: %s", sql, e.detail);
}

static int hang(struct db_conn *c, void *arg, struct err *e)
{
    struct hanging *h = arg;
    err_init(&h->q->e, scratch);
    h->q->out.n = 0;
    h->ask(h->q, c);
    return err_set(e, TAKE_BACK, "seen enough");
}

static void try_hanging(struct asking *q, void (*ask)(struct asking *q, struct db_conn *c))
{
    struct hanging h = {q, ask};
    struct err e = {0};
    assert_int_equal(TAKE_BACK, db_transact(t->db, DB_INTERACTIVE, hang, &h, &e));
}

/* Whether it is there when it may be seen, and unheard of when not. */
static void there_if_seen(const struct asking *q, const char *where)
{
    char id[40];
    snprintf(id, sizeof id, "\"%" PRId64 "\"", q->r->id);
    bool there = memmem(said(q).p, said(q).n, id, strlen(id)) != NULL;
    if (there != sees(q->p, q->r))
        fail_msg("%s: record %s is %s, seed %" PRIu64, where, id, there ? "there" : "missing",
                 seed);
}

static void read_bell(struct asking *q, struct db_conn *c)
{
    int64_t n = -1;
    put(c,
        "INSERT INTO notification (id, user_id, kind, entity, record_id, at, times, fields) VALUES "
        "($1, $2, 'changed', $3, $4, 1, 1, $5)",
        DB_ARGS(DB_I64(id_next(t->ids)), DB_I64(q->p->id), DB_STR(str_of(q->en->name)),
                DB_I64(q->r->id), DB_STR(str_of(q->en->fields[q->r->changed].name))));
    assert_int_equal(0, bell_list(c, t, q->p->pass.who, 0, true, 20, scratch, &q->w, &q->e));
    there_if_seen(q, "the bell");
    assert_int_equal(0, bell_unread(c, t, q->p->pass.who, scratch, &n, &q->e));
    assert_int_equal(sees(q->p, q->r), n);
    char name[80];
    snprintf(name, sizeof name, "\"%s\"", q->en->fields[q->r->changed].name);
    if (q->p->level[q->en->id][q->r->changed] == LEVEL_HIDE &&
        memmem(said(q).p, said(q).n, name, strlen(name)))
        fail_msg("the bell names the hidden %s, seed %" PRIu64, name, seed);
}

/* It rings exactly for who may see the record, and the field that changed. */
static void ring_bell(struct asking *q, struct db_conn *c)
{
    const struct field *f = &q->en->fields[draw_field(q->r)];
    const struct person *owner = &people[q->r->owner];
    struct bell_ring r = {.kind = BELL_CHANGED,
                          .user_id = q->p->id,
                          .en = q->en,
                          .record_id = q->r->id,
                          .owner_id = owner->id,
                          .fields = &f,
                          .nfields = 1};
    if (owner->department >= 0)
        r.department_id = departments[owner->department];
    int64_t n = -1;
    assert_int_equal(0, bell_ring(c, t, world, 1, &r, &q->e));
    assert_int_equal(0, db_one_i64(c, "SELECT count(*) FROM notification WHERE user_id = $1",
                                   DB_ARGS(DB_I64(q->p->id)), 0, &n, &q->e));
    bool hears = sees(q->p, q->r) && q->p->level[q->en->id][f->id] > LEVEL_HIDE;
    if (n != hears)
        fail_msg("a ring for %s.%s: %d, not %d, seed %" PRIu64, q->en->name, f->name, (int)n, hears,
                 seed);
}

static void favourite(struct asking *q, struct db_conn *c)
{
    struct write w = {.t = t, .c = c, .who = q->p->pass.who, .a = scratch, .now = 1};
    int rc = favourite_set(&w, q->en, q->r->id, true, &q->e);
    assert_int_equal(sees(q->p, q->r) ? 0 : ERR_NOT_FOUND, rc);
    err_init(&q->e, scratch);
    put(c,
        "INSERT INTO favourite (user_id, record_id, entity, at) VALUES ($1, $2, $3, 1) ON CONFLICT "
        "DO NOTHING",
        DB_ARGS(DB_I64(q->p->id), DB_I64(q->r->id), DB_STR(str_of(q->en->name))));
    assert_int_equal(0, favourites_list(c, t, q->p->pass.who, scratch, &q->w, &q->e));
    there_if_seen(q, "favourites");
}

static void attachment(struct asking *q, struct db_conn *c)
{
    struct file_row f;
    int64_t id = id_next(t->ids);
    put(c,
        "INSERT INTO attachment (id, entity, record_id, hash, name, size, type, at) VALUES "
        "($1, $2, $3, 'aa', 'a', 1, 'text/plain', 1)",
        DB_ARGS(DB_I64(id), DB_STR(str_of(q->en->name)), DB_I64(q->r->id)));
    struct write w = {.t = t, .c = c, .who = q->p->pass.who, .a = scratch, .now = 1};
    bool sees_it = sees(q->p, q->r), writes = in_scope(q->p, q->r, q->p->write[q->en->id]);
    assert_int_equal(sees_it ? 0 : ERR_NOT_FOUND,
                     file_find(c, t, q->p->pass.who, id, false, scratch, &f, &q->e));
    assert_int_equal(!sees_it ? ERR_NOT_FOUND
                     : writes ? 0
                              : ERR_FORBIDDEN,
                     file_remove(&w, id, false, &q->e));
}

/* Who follows is told to who sees the record, and only of those who see it, too. */
static void followers(struct asking *q, struct db_conn *c)
{
    const struct person *other = &people[below(npeople)];
    struct record r;
    put(c, "INSERT INTO follow (record_id, user_id, entity, follows, at) VALUES ($1, $2, $3, 1, 1)",
        DB_ARGS(DB_I64(q->r->id), DB_I64(other->id), DB_STR(str_of(q->en->name))));
    if (record_get(c, q->p->pass.who, q->en, q->r->id, false, scratch, &r, &q->e) != 0)
        return;
    assert_int_equal(0, bell_followers(c, &q->p->pass, &r, scratch, &q->w, &q->e));
    if (!sees(other, q->r) && other != &people[q->r->owner])
        no_id(q->p, said(q), other->id, "followers");
}

/* Found by a tag is found in a list; a held-back tag finds nothing. */
static void tagged(struct asking *q, struct db_conn *c)
{
    const struct field *f = tags_field(q->en);
    const struct filter *leaf = NULL;
    struct filter_env env = {.parse = tenant_parse_env(t, scratch),
                             .levels = access_all_levels(q->p->pass.who, scratch)};
    if (!f)
        return;
    put(c, "INSERT INTO tag_use (tag_id, record_id) VALUES (77, $1)", DB_ARGS(DB_I64(q->r->id)));
    int rc = filter_leaf(q->en, str_of(f->name), STR("in"), STR("77"), &env, &leaf, &q->e);
    assert_int_equal(q->p->level[q->en->id][f->id] < LEVEL_READ ? ERR_VALIDATION : 0, rc);
    if (rc) {
        err_init(&q->e, scratch); /* it names the field, which was the person's own word */
        return;
    }
    struct list_query lq = {.en = q->en, .limit = 20, .filter = leaf};
    assert_int_equal(0, record_list(c, t, q->p->pass.who, &lq, scratch, &q->w, &q->e));
    there_if_seen(q, "a tag");
}

static void on_bell(struct asking *q)
{
    try_hanging(q, below(2) ? read_bell : ring_bell);
}
static void on_favourites(struct asking *q)
{
    try_hanging(q, favourite);
}
static void on_files(struct asking *q)
{
    try_hanging(q, attachment);
}
static void on_followers(struct asking *q)
{
    try_hanging(q, followers);
}
static void on_tags(struct asking *q)
{
    try_hanging(q, tagged);
}

static const struct {
    const char *name;
    void (*ask)(struct asking *q);
} ways[] = {{"a record", read_one},        {"a list", read_list},
            {"a filter", filter},          {"the search", search},
            {"history", timeline},         {"live events", hear},
            {"a change", change},          {"an undo", undo},
            {"a duplicate", same_again},   {"the bell", on_bell},
            {"favourites", on_favourites}, {"files", on_files},
            {"followers", on_followers},   {"tags", on_tags},
            {"an export", take_out},       {"a copy", by_copy}};

static void ask_once(void)
{
    size_t way = below(sizeof ways / sizeof ways[0]);
    struct asking q = {
        .p = &people[below(npeople)], .r = &rows[below(nrows)], .out = BUF_INIT(8 << 20)};
    q.en = entity(q.r->entity);
    q.w = jw_new(&q.out);
    err_init(&q.e, scratch);
    assert_int_equal(0, db_reader(t->db, &q.c, &q.e));
    ways[way].ask(&q);
    inspect(q.p, said(&q), ways[way].name);
    inspect_err(q.p, &q.e, ways[way].name);
    db_reader_done(q.c);
    buf_free(&q.out);
    arena_reset(scratch);
    asked++;
}

/* --- the test ------------------------------------------------------------------------------ */

static int up(void **state)
{
    static const struct record_hook *const hooks[] = {identity_hooks, NULL};
    struct tenant_options o = {.dir = mkdtemp(dir), .hooks = hooks};
    struct err e = {0};
    (void)state;
    world = arena_new(0);
    scratch = arena_new(0);
    map_init(&canaries, world);
    if (!o.dir || tenant_open(&o, &t, &e) != 0 || identity_open(t, &e) != 0) {
        fprintf(stderr, "%s\n", e.detail);
        return -1;
    }
    return 0;
}

static int down(void **state)
{
    (void)state;
    for (size_t i = 0; i < npeople; i++)
        identity_leave(&people[i].pass);
    identity_close(t);
    tenant_close(t);
    arena_free(scratch);
    arena_free(world);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static uint64_t number_from(const char *name, uint64_t absent)
{
    const char *v = getenv(name);
    return v && *v ? strtoull(v, NULL, 10) : absent;
}

static void nobody_learns_what_they_may_not_see(void **state)
{
    (void)state;
    size_t cases = (size_t)number_from("CASES", 10000);
    seed = state_of = number_from("SEED", 20261126);
    printf("core_leaks: %zu cases, SEED=%" PRIu64 "\n", cases, seed);
    for (size_t round = 0; round < ROUNDS; round++) {
        make_round();
        for (size_t i = 0; i < cases / ROUNDS; i++)
            ask_once();
    }
    printf("core_leaks: %zu asked, %zu words seen that were the person's to see\n", asked, found);
    assert_true(found > asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_learns_what_they_may_not_see)};
    return cmocka_run_group_tests_name("core_leaks", tests, up, down);
}
