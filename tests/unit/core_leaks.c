/* Nobody learns what they may not see: random departments, people, roles, levels of fields and
   records (leaks_world.h), and random ways of asking, on both databases. Whatever comes back is cut
   into words, and each that is a canary must be one that the person may read.

   CASES=… and SEED=… choose how many and which; the seed is printed. */
#include "db_fixture.h"
#include "leaks_world.h"

#include "core/bell/bell.h"
#include "core/files/files.h"
#include "core/search/search.h"
#include "core/tags/tags.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

static size_t asked, found; /* that the test is about something */

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
        const struct canary *c = map_get(&world.canaries, str_from(said.p + i, end - i));
        if (!c)
            continue;
        found++;
        if (!reads(p, &world.rows[c->row], c->field))
            fail_msg("%s tells person %" PRId64 " the %s of %s %" PRId64
                     " (level %s, %s), seed %" PRIu64,
                     where, p->id, entity(world.rows[c->row].entity)->fields[c->field].name,
                     entity(world.rows[c->row].entity)->name, world.rows[c->row].id,
                     level_name(p->level[world.rows[c->row].entity][c->field]),
                     sees(p, &world.rows[c->row]) ? "record seen" : "record not seen", world.seed);
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
                 world.seed);
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

static bool customer_known(const struct asking *q)
{
    const struct entity *en = q->en;
    return en->customer_field < 0 || q->p->level[en->id][en->customer_field] >= LEVEL_READ;
}

static void read_one(struct asking *q)
{
    int64_t version;
    int rc = record_get_json(q->c, world.t, q->p->pass.who, q->en, q->r->id, true, world.scratch,
                             &q->w, &version, &q->e);
    assert_int_equal(sees(q->p, q->r) ? 0 : ERR_NOT_FOUND, rc);
    if (q->r->customer && !customer_known(q))
        no_id(q->p, said(q), q->r->customer, "a record");
    for (size_t i = 0; rc == 0 && i < q->en->nfields; i++) {
        char key[80];
        snprintf(key, sizeof key, "\"%s\":", q->en->fields[i].name);
        bool there = memmem(said(q).p, said(q).n, key, strlen(key)) != NULL;
        bool money = strcmp(q->en->fields[i].name, "amount") == 0; /* every sum has one */
        if (!money && there != (q->p->level[q->en->id][i] > LEVEL_HIDE))
            fail_msg("%s is %s, seed %" PRIu64, key, there ? "there" : "missing", world.seed);
    }
}

static size_t visible_rows(const struct person *p, int en_id)
{
    size_t n = 0;
    for (size_t i = 0; i < world.nrows; i++)
        n += world.rows[i].entity == en_id && sees(p, &world.rows[i]);
    return n;
}

/* As a record of the list, not as what a link leads to. */
static bool is_item(const struct asking *q, const struct row *r)
{
    char id[40];
    snprintf(id, sizeof id, "\"id\":\"%" PRId64 "\"", r->id);
    return memmem(said(q).p, said(q).n, id, strlen(id)) != NULL;
}

/* Sorted by f, or by nothing. */
static void list_by(struct asking *q, const struct field *f)
{
    struct list_query lq = {
        .en = q->en, .limit = 1 + (unsigned)below(40), .count = COUNT_EXACT, .titles = true};
    if (f && f->type->sortable) {
        lq.sort[0].field = f;
        lq.sort[0].desc = below(2);
        lq.nsort = 1;
    }
    bool refused = lq.nsort && q->p->level[q->en->id][f->id] < LEVEL_READ;
    int rc = record_list(q->c, world.t, q->p->pass.who, &lq, world.scratch, &q->w, &q->e);
    assert_int_equal(refused ? ERR_BAD_PARAMETER : 0, rc);
    if (rc)
        return;
    char want[80];
    snprintf(want, sizeof want, "\"count\":{\"value\":%zu,", visible_rows(q->p, q->en->id));
    if (!memmem(said(q).p, said(q).n, want, strlen(want)))
        fail_msg("not %s, seed %" PRIu64, want, world.seed);
    for (size_t i = 0; i < world.nrows; i++)
        if (world.rows[i].entity == q->en->id && !sees(q->p, &world.rows[i]))
            assert_false(is_item(q, &world.rows[i]));
    for (size_t i = 0; q->r->customer && !customer_known(q) && i < world.nrows; i++)
        if (world.rows[i].entity == ENTITY_CUSTOMER)
            no_id(q->p, said(q), world.rows[i].id, "the customers of a list");
}

static void read_list(struct asking *q)
{
    const struct field *f = &q->en->fields[draw_field(q->r)];
    list_by(q, below(4) ? f : NULL);
}

/* Who is met at a customer: those of its own, and by affiliations that the person sees. */
static bool is_met(const struct person *p, const struct row *r, int64_t customer)
{
    const struct entity *through = record_met_through(world.t->registry, entity(r->entity));
    if (!sees(p, r))
        return false;
    if (r->customer == customer)
        return true;
    for (size_t i = 0; i < world.nrows; i++) {
        const struct row *a = &world.rows[i];
        if (a->entity == through->id && a->met == r->id && a->customer == customer && sees(p, a))
            return true;
    }
    return false;
}

static void at_customer(struct asking *q)
{
    while (!record_met_through(world.t->registry, entity(q->r->entity)))
        q->r = &world.rows[below(world.nrows)];
    q->en = entity(q->r->entity);
    struct list_query lq = {.en = q->en,
                            .limit = 40,
                            .at_customer = q->r->customer,
                            .through = record_met_through(world.t->registry, q->en)};
    bool refused =
        !customer_known(q) || q->p->level[lq.through->id][lq.through->customer_field] < LEVEL_READ;
    int rc = record_list(q->c, world.t, q->p->pass.who, &lq, world.scratch, &q->w, &q->e);
    assert_int_equal(refused ? ERR_BAD_PARAMETER : 0, rc);
    for (size_t i = 0; rc == 0 && i < world.nrows; i++) {
        const struct row *r = &world.rows[i];
        if (r->entity == q->en->id && is_item(q, r) != is_met(q->p, r, q->r->customer))
            fail_msg("who is met at a customer: %" PRId64 " is %s, seed %" PRIu64, r->id,
                     is_item(q, r) ? "there" : "missing", world.seed);
    }
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
static void filter_by(struct asking *q, const struct field *f)
{
    struct filter_env env = {.parse = tenant_parse_env(world.t, world.scratch),
                             .levels = access_all_levels(q->p->pass.who, world.scratch)};
    const char *op = drawn_operator(f), *word = q->r->word[f->id];
    const struct filter *tree = NULL;
    bool whole = strcmp(op, "eq") == 0 || strcmp(op, "in") == 0;
    if (whole && strcmp(f->type->name, "email") == 0)
        word = arena_printf(world.scratch, "%s@example.com", word).p;
    if (strcmp(f->type->name, "url") == 0)
        word = arena_printf(world.scratch, "https://example.com/%s", word).p;
    int rc = filter_leaf(q->en, str_of(f->name), str_of(op), str_of(word), &env, &tree, &q->e);
    bool refused = q->p->level[q->en->id][f->id] < LEVEL_READ;
    if (refused != (rc == ERR_VALIDATION))
        fail_msg("a filter by %s %s gives %d, seed %" PRIu64, f->name, op, rc, world.seed);
    if (rc)
        return;
    const struct canary *of = map_get(&world.canaries, str_of(q->r->word[f->id]));
    if (!reads(q->p, &world.rows[of->row], of->field) && sees(q->p, q->r))
        fail_msg("%s.%s is asked for what person %" PRId64 " may not read, seed %" PRIu64,
                 q->en->name, f->name, q->p->id, world.seed);
    struct list_query lq = {.en = q->en, .limit = 5, .filter = tree, .count = COUNT_EXACT};
    assert_int_equal(0,
                     record_list(q->c, world.t, q->p->pass.who, &lq, world.scratch, &q->w, &q->e));
    if (!whole)
        return;
    bool one = memmem(said(q).p, said(q).n, "\"count\":{\"value\":1,", 19) != NULL;
    if (one != sees(q->p, q->r))
        fail_msg("a filter by %s finds %s, seed %" PRIu64, f->name, one ? "too much" : "nothing",
                 world.seed);
}

static void filter(struct asking *q)
{
    filter_by(q, &q->en->fields[draw_field(q->r)]);
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
    assert_int_equal(0, search_query(q->c, world.t, q->p->pass.who, word, below(2) ? q->en : NULL,
                                     50, world.scratch, &q->w, &q->e));
    char id[32];
    snprintf(id, sizeof id, "\"%" PRId64 "\"", q->r->id);
    bool hit = memmem(said(q).p, said(q).n, id, strlen(id)) != NULL;
    bool want = is_searched_by(q->en, field) && reads(q->p, q->r, field);
    if (hit != want)
        fail_msg("the search for %s of %s %s finds %s (level %s), seed %" PRIu64,
                 q->en->fields[field].name, q->en->name, id, hit ? "it" : "nothing",
                 level_name(q->p->level[q->en->id][field]), world.seed);
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
    const struct field **fields = arena_array(world.scratch, const struct field *, q->en->nfields);
    struct list_query lq = {.en = q->en};
    struct id_list ids = {0};
    for (size_t i = 0; i < q->en->nfields; i++)
        if (access_level(q->p->pass.who, q->en, (int)i) > LEVEL_HIDE)
            fields[lq.nfields++] = &q->en->fields[i];
    lq.fields = fields;
    assert_int_equal(0, record_ids(q->c, q->p->pass.who, &lq, world.scratch, &ids, &q->e));
    assert_int_equal(visible_rows(q->p, q->en->id), ids.n);
    jw_arr(&q->w);
    for (size_t at = 0; at < ids.n; at += ROWS_MAX)
        assert_int_equal(0, record_rows(q->c, world.t, q->p->pass.who, q->en, fields, lq.nfields,
                                        false, ids.ids + at,
                                        ids.n - at < ROWS_MAX ? ids.n - at : ROWS_MAX,
                                        world.scratch, take_row, q, &q->e));
    jw_arr_end(&q->w);
    free(ids.ids);
}

/* By a copy as by what it was copied from: who may not read that finds nothing by it. */
static void by_copy(struct asking *q)
{
    const struct canary *copy = &world.copies[below(world.ncopies)];
    q->r = &world.rows[copy->row];
    q->en = entity(q->r->entity);
    const struct field *f = &q->en->fields[copy->field];
    if (below(2))
        filter_by(q, f);
    else
        list_by(q, f);
}

static void timeline(struct asking *q)
{
    bool of_customer = q->r->entity == ENTITY_CUSTOMER && below(2);
    struct history_query hq = {.limit = 50};
    if (of_customer)
        hq.customer_id = q->r->id;
    else
        hq.record_id = q->r->id;
    assert_int_equal(0,
                     history_list(q->c, world.t, q->p->pass.who, &hq, world.scratch, &q->w, &q->e));
    for (size_t i = 0; i < world.nrows; i++) {
        const struct entity *en = entity(world.rows[i].entity);
        bool belongs = of_customer && world.rows[i].customer == q->r->id;
        if (!sees(q->p, &world.rows[i]) ||
            (belongs && q->p->level[en->id][en->customer_field] < LEVEL_READ)) {
            char event[64]; /* as what happened, not as a link that may be read */
            snprintf(event, sizeof event, "\"record_id\":\"%" PRId64 "\"", world.rows[i].id);
            if (memmem(said(q).p, said(q).n, event, strlen(event)))
                fail_msg("a timeline tells person %" PRId64 " %s, seed %" PRIu64, q->p->id, event,
                         world.seed);
        }
    }
}

static void hear(struct asking *q)
{
    struct live_event ev = {.entity = q->en->id, .owner_id = world.people[q->r->owner].id};
    if (world.people[q->r->owner].department >= 0)
        ev.department_id = world.departments[world.people[q->r->owner].department];
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
    struct write w = {
        .t = world.t, .c = c, .who = q->p->pass.who, .a = world.scratch, .now = clock_now_ms()};
    err_init(&q->e, world.scratch);
    q->out.n = 0;
    tr->rc = tr->create ? record_create(&w, q->en, tr->body, &r, &q->e)
             : tr->body ? record_update(&w, q->en, q->r->id, tr->body, tr->if_match, &r, &q->e)
                        : record_undo(&w, q->r->event, &r, &q->e);
    if (tr->rc == 0)
        record_to_json(world.t, w.who, &r, &q->w);
    return err_set(e, TAKE_BACK, "seen enough");
}

static void run_trial(struct trial *tr)
{
    struct err e = {0};
    assert_int_equal(TAKE_BACK, db_transact(world.t->db, DB_INTERACTIVE, try_write, tr, &e));
    json_decref(tr->body);
}

/* What a write of this record comes to, `level` being that of the field; a part is written with
   its whole. */
static int verdict(const struct asking *q, const struct row *r, bool old_version,
                   enum field_level level)
{
    const struct row *whole = r->whole >= 0 ? &world.rows[r->whole] : NULL;
    if (!sees(q->p, whole ? whole : r))
        return ERR_NOT_FOUND;
    if (whole && !in_scope(q->p, whole, q->p->write[whole->entity]))
        return ERR_FORBIDDEN;
    if (whole && old_version)
        return ERR_VERSION_CONFLICT;
    if (!sees(q->p, r))
        return ERR_NOT_FOUND;
    if (!in_scope(q->p, r, q->p->write[r->entity]))
        return ERR_FORBIDDEN;
    if (old_version)
        return ERR_VERSION_CONFLICT;
    return level < LEVEL_EDIT ? ERR_VALIDATION : 0;
}

static void change(struct asking *q)
{
    const struct row *r = q->r;
    const struct entity *en = q->en;
    const struct field *f = &en->fields[draw_field(r)];
    enum field_level l = q->p->level[en->id][f->id];
    bool old_version = below(3) == 0;
    struct trial tr = {.q = q, .body = json_object(), .if_match = old_version ? 1 : -1};
    /* A word of the field's own kind that is nobody's. */
    json_object_set_new(tr.body, f->name, as_sent(f, word_for(f)));
    if (r->whole >= 0) {
        json_object_set_new(tr.body, "id", json_string(id_text(r->id)));
        tr.body = json_pack("{s:[o]}", en->part_key, tr.body);
        q->r = &world.rows[r->whole];
        q->en = entity(q->r->entity);
    }
    run_trial(&tr);
    int want = verdict(q, r, old_version, f->read_only && l > LEVEL_HIDE ? LEVEL_READ : l);
    if (tr.rc != want)
        fail_msg("a change of %s.%s (level %s) gives %d, not %d: %s; seed %" PRIu64, en->name,
                 f->name, level_name(l), tr.rc, want, q->e.detail, world.seed);
    if (want == ERR_VALIDATION)
        assert_string_equal(l == LEVEL_HIDE ? "unknown-field"
                            : f->read_only  ? "read-only"
                                            : "field-not-yours",
                            q->e.items->code);
}

/* The event of a part is taken back along with that of its whole, and before it. */
static void undo(struct asking *q)
{
    const struct row *r = q->r, *whole = r->whole >= 0 ? &world.rows[r->whole] : NULL;
    struct trial tr = {.q = q};
    run_trial(&tr);
    bool may = in_scope(q->p, r, q->p->write[r->entity]) &&
               q->p->level[r->entity][r->changed] == LEVEL_EDIT;
    int want = (whole && !sees(q->p, whole)) || !sees(q->p, r)               ? ERR_NOT_FOUND
               : !may                                                        ? ERR_FORBIDDEN
               : r->again                                                    ? ERR_UNDO_CONFLICT
               : whole && !in_scope(q->p, whole, q->p->write[whole->entity]) ? ERR_FORBIDDEN
                                                                             : 0;
    if (tr.rc != want)
        fail_msg("an undo of %s.%s gives %d, not %d; seed %" PRIu64, entity(r->entity)->name,
                 entity(r->entity)->fields[r->changed].name, tr.rc, want, world.seed);
}

/* What is unique is refused, but says of whom only to somebody who may see that record. */
static void same_again(struct asking *q)
{
    const struct row *r = q->r;
    while (r->entity != ENTITY_CUSTOMER)
        r = &world.rows[below(world.nrows)];
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
    err_init(&h->q->e, world.scratch);
    h->q->out.n = 0;
    h->ask(h->q, c);
    return err_set(e, TAKE_BACK, "seen enough");
}

static void try_hanging(struct asking *q, void (*ask)(struct asking *q, struct db_conn *c))
{
    struct hanging h = {q, ask};
    struct err e = {0};
    assert_int_equal(TAKE_BACK, db_transact(world.t->db, DB_INTERACTIVE, hang, &h, &e));
}

/* Whether it is there when it may be seen, and unheard of when not. */
static void there_if_seen(const struct asking *q, const char *where)
{
    char id[40];
    snprintf(id, sizeof id, "\"%" PRId64 "\"", q->r->id);
    bool there = memmem(said(q).p, said(q).n, id, strlen(id)) != NULL;
    if (there != sees(q->p, q->r))
        fail_msg("%s: record %s is %s, seed %" PRIu64, where, id, there ? "there" : "missing",
                 world.seed);
}

static void read_bell(struct asking *q, struct db_conn *c)
{
    int64_t n = -1;
    put(c,
        "INSERT INTO notification (id, user_id, kind, entity, record_id, at, times, fields) VALUES "
        "($1, $2, 'changed', $3, $4, 1, 1, $5)",
        DB_ARGS(DB_I64(id_next(world.t->ids)), DB_I64(q->p->id), DB_STR(str_of(q->en->name)),
                DB_I64(q->r->id), DB_STR(str_of(q->en->fields[q->r->changed].name))));
    assert_int_equal(
        0, bell_list(c, world.t, q->p->pass.who, 0, true, 20, world.scratch, &q->w, &q->e));
    there_if_seen(q, "the bell");
    assert_int_equal(0, bell_unread(c, world.t, q->p->pass.who, world.scratch, &n, &q->e));
    assert_int_equal(sees(q->p, q->r), n);
    char name[80];
    snprintf(name, sizeof name, "\"%s\"", q->en->fields[q->r->changed].name);
    if (q->p->level[q->en->id][q->r->changed] == LEVEL_HIDE &&
        memmem(said(q).p, said(q).n, name, strlen(name)))
        fail_msg("the bell names the hidden %s, seed %" PRIu64, name, world.seed);
}

/* It rings exactly for who may see the record, and the field that changed. */
static void ring_bell(struct asking *q, struct db_conn *c)
{
    const struct field *f = &q->en->fields[draw_field(q->r)];
    const struct person *owner = &world.people[q->r->owner];
    struct bell_ring r = {.kind = BELL_CHANGED,
                          .user_id = q->p->id,
                          .en = q->en,
                          .record_id = q->r->id,
                          .owner_id = owner->id,
                          .fields = &f,
                          .nfields = 1};
    if (owner->department >= 0)
        r.department_id = world.departments[owner->department];
    int64_t n = -1;
    assert_int_equal(0, bell_ring(c, world.t, world.keep, 1, &r, &q->e));
    assert_int_equal(0, db_one_i64(c, "SELECT count(*) FROM notification WHERE user_id = $1",
                                   DB_ARGS(DB_I64(q->p->id)), 0, &n, &q->e));
    bool hears = sees(q->p, q->r) && q->p->level[q->en->id][f->id] > LEVEL_HIDE;
    if (n != hears)
        fail_msg("a ring for %s.%s: %d, not %d, seed %" PRIu64, q->en->name, f->name, (int)n, hears,
                 world.seed);
}

static void favourite(struct asking *q, struct db_conn *c)
{
    struct write w = {.t = world.t, .c = c, .who = q->p->pass.who, .a = world.scratch, .now = 1};
    int rc = favourite_set(&w, q->en, q->r->id, true, &q->e);
    assert_int_equal(sees(q->p, q->r) ? 0 : ERR_NOT_FOUND, rc);
    err_init(&q->e, world.scratch);
    put(c,
        "INSERT INTO favourite (user_id, record_id, entity, at) VALUES ($1, $2, $3, 1) ON CONFLICT "
        "DO NOTHING",
        DB_ARGS(DB_I64(q->p->id), DB_I64(q->r->id), DB_STR(str_of(q->en->name))));
    assert_int_equal(0, favourites_list(c, world.t, q->p->pass.who, world.scratch, &q->w, &q->e));
    there_if_seen(q, "favourites");
}

static void attachment(struct asking *q, struct db_conn *c)
{
    struct file_row f;
    int64_t id = id_next(world.t->ids);
    put(c,
        "INSERT INTO attachment (id, entity, record_id, hash, name, size, type, at) VALUES "
        "($1, $2, $3, 'aa', 'a', 1, 'text/plain', 1)",
        DB_ARGS(DB_I64(id), DB_STR(str_of(q->en->name)), DB_I64(q->r->id)));
    struct write w = {.t = world.t, .c = c, .who = q->p->pass.who, .a = world.scratch, .now = 1};
    bool sees_it = sees(q->p, q->r), writes = in_scope(q->p, q->r, q->p->write[q->en->id]);
    assert_int_equal(sees_it ? 0 : ERR_NOT_FOUND,
                     file_find(c, world.t, q->p->pass.who, id, false, world.scratch, &f, &q->e));
    assert_int_equal(!sees_it ? ERR_NOT_FOUND
                     : writes ? 0
                              : ERR_FORBIDDEN,
                     file_remove(&w, id, false, &q->e));
}

/* Who follows is told to who sees the record, and only of those who see it, too. */
static void followers(struct asking *q, struct db_conn *c)
{
    const struct person *other = &world.people[below(world.npeople)];
    struct record r;
    put(c, "INSERT INTO follow (record_id, user_id, entity, follows, at) VALUES ($1, $2, $3, 1, 1)",
        DB_ARGS(DB_I64(q->r->id), DB_I64(other->id), DB_STR(str_of(q->en->name))));
    if (record_get(c, q->p->pass.who, q->en, q->r->id, false, world.scratch, &r, &q->e) != 0)
        return;
    assert_int_equal(0, bell_followers(c, &q->p->pass, &r, world.scratch, &q->w, &q->e));
    if (!sees(other, q->r) && other != &world.people[q->r->owner])
        no_id(q->p, said(q), other->id, "followers");
}

/* Found by a tag is found in a list; a held-back tag finds nothing. */
static void tagged(struct asking *q, struct db_conn *c)
{
    const struct field *f = tags_field(q->en);
    const struct filter *leaf = NULL;
    struct filter_env env = {.parse = tenant_parse_env(world.t, world.scratch),
                             .levels = access_all_levels(q->p->pass.who, world.scratch)};
    if (!f)
        return;
    put(c, "INSERT INTO tag_use (tag_id, record_id) VALUES (77, $1)", DB_ARGS(DB_I64(q->r->id)));
    int rc = filter_leaf(q->en, str_of(f->name), STR("in"), STR("77"), &env, &leaf, &q->e);
    assert_int_equal(q->p->level[q->en->id][f->id] < LEVEL_READ ? ERR_VALIDATION : 0, rc);
    if (rc) {
        err_init(&q->e, world.scratch); /* it names the field, which was the person's own word */
        return;
    }
    struct list_query lq = {.en = q->en, .limit = 20, .filter = leaf};
    assert_int_equal(0, record_list(c, world.t, q->p->pass.who, &lq, world.scratch, &q->w, &q->e));
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
            {"an export", take_out},       {"a copy", by_copy},
            {"a customer", at_customer}};

static void ask_once(void)
{
    size_t way = below(sizeof ways / sizeof ways[0]);
    struct asking q = {.p = &world.people[below(world.npeople)],
                       .r = &world.rows[below(world.nrows)],
                       .out = BUF_INIT(8 << 20)};
    q.en = entity(q.r->entity);
    q.w = jw_new(&q.out);
    err_init(&q.e, world.scratch);
    assert_int_equal(0, db_reader(world.t->db, &q.c, &q.e));
    ways[way].ask(&q);
    inspect(q.p, said(&q), ways[way].name);
    inspect_err(q.p, &q.e, ways[way].name);
    db_reader_done(q.c);
    buf_free(&q.out);
    arena_reset(world.scratch);
    asked++;
}

/* --- the test ------------------------------------------------------------------------------ */

static uint64_t number_from(const char *name, uint64_t absent)
{
    const char *v = getenv(name);
    return v && *v ? strtoull(v, NULL, 10) : absent;
}

static void ask_them_all(const char *db_url)
{
    size_t cases = (size_t)number_from("CASES", 10000);
    uint64_t seed = number_from("SEED", 20261126);
    asked = found = 0;
    assert_int_equal(0, world_open(db_url, seed));
    printf("core_leaks: %zu cases, SEED=%" PRIu64 "\n", cases, seed);
    for (size_t round = 0; round < ROUNDS; round++) {
        world_grow();
        for (size_t i = 0; i < cases / ROUNDS; i++)
            ask_once();
    }
    printf("core_leaks: %zu asked, %zu words seen that were the person's to see\n", asked, found);
    assert_true(found > asked);
    world_close();
}

static void nobody_learns_what_they_may_not_see(void **state)
{
    (void)state;
    ask_them_all(NULL);
}

static void nor_on_postgresql(void **state)
{
    char url[256];
    (void)state;
    if (!server_database("patron_leaks", url, sizeof url)) {
        print_message("PATRON_TEST_PG is not set: run it through tools/pg-test.sh\n");
        skip();
    }
    ask_them_all(url);
    server_sql("DROP DATABASE patron_leaks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_learns_what_they_may_not_see),
                                       cmocka_unit_test(nor_on_postgresql)};
    return cmocka_run_group_tests_name("core_leaks", tests, NULL, NULL);
}
