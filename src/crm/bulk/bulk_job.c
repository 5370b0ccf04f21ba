/* The job: record after record by the ids that were kept, a few hundred to a transaction, which
   also holds the place it came to, what it counted, and the events it wrote. */
#include "crm/bulk/internal.h"

#include "base/ids.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PORTION = 250, MOST_REASONS = 24, EXAMPLES = 5, TITLE_MOST = 160, CODE_MOST = 48 };
#define TELL_US INT64_C(2000000)

static_assert((int)PORTION <= (int)BULK_PART, "the events of a portion are one part");

/* Why records were refused: a code of an error or of a field, and some of those it was said of. */
struct reason {
    char code[CODE_MOST], field[CODE_MOST];
    int64_t count;
    size_t nexamples;
    struct example {
        int64_t id;
        char title[TITLE_MOST];
    } examples[EXAMPLES];
};

struct tally {
    int64_t at; /* so many of the ids are done with */
    int64_t changed, unchanged, refused;
    size_t nreasons;
    struct reason reasons[MOST_REASONS];
};

struct bulk_run {
    struct job *j;
    struct tenant *t;
    struct arena *one, *keep; /* of a record, and of a portion until its commit */
    struct pass pass;
    struct bulk_ask ask;
    struct id_list ids;
    struct tally done, next; /* what is committed; and with the portion that is being written */
    int64_t told_us;
};

/* --- what became of them -----------------------------------------------------------------------
 */

static void write_reason(const struct reason *r, struct jw *w)
{
    jw_obj(w);
    jw_kcstr(w, "code", r->code);
    jw_key(w, "field");
    if (r->field[0])
        jw_str(w, str_of(r->field));
    else
        jw_null(w);
    jw_ki64(w, "count", r->count);
    jw_key(w, "examples");
    jw_arr(w);
    for (size_t i = 0; i < r->nexamples; i++) {
        jw_obj(w);
        jw_kid(w, "id", r->examples[i].id);
        jw_kcstr(w, "title", r->examples[i].title);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
}

/* The cursor and the result are the same: what is known so far. */
static struct str tally_json(const struct bulk_run *b, const struct tally *n, struct arena *a)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_kcstr(&w, "entity", b->ask.en->name);
    jw_kcstr(&w, "change", b->ask.kind->name);
    jw_ki64(&w, "meant", (int64_t)b->ids.n);
    jw_ki64(&w, "at", n->at);
    jw_ki64(&w, "changed", n->changed);
    jw_ki64(&w, "unchanged", n->unchanged);
    jw_ki64(&w, "refused", n->refused);
    jw_key(&w, "reasons");
    jw_arr(&w);
    for (size_t i = 0; i < n->nreasons; i++)
        write_reason(&n->reasons[i], &w);
    jw_arr_end(&w);
    jw_obj_end(&w);
    struct str text = arena_str(a, buf_str(&out));
    buf_free(&out);
    return text;
}

static int64_t number_of(const json_t *in, const char *key)
{
    return json_integer_value(json_object_get(in, key));
}

static void copy_text(char *to, size_t size, struct str from)
{
    size_t n = from.n < size - 1 ? from.n : size - 1;
    while (n < from.n && n && (from.p[n] & 0xc0) == 0x80)
        n--; /* no half character */
    if (n)
        memcpy(to, from.p, n);
    to[n] = 0;
}

static void read_reason(const json_t *in, struct reason *r)
{
    const json_t *examples = json_object_get(in, "examples");
    copy_text(r->code, sizeof r->code, json_get_str(in, "code"));
    copy_text(r->field, sizeof r->field, json_get_str(in, "field"));
    r->count = number_of(in, "count");
    for (size_t i = 0; i < json_array_size(examples) && i < EXAMPLES; i++) {
        const json_t *one = json_array_get(examples, i);
        struct example *x = &r->examples[r->nexamples++];
        if (!id_parse(json_get_str(one, "id"), &x->id))
            r->nexamples--;
        else
            copy_text(x->title, sizeof x->title, json_get_str(one, "title"));
    }
}

static void read_tally(const json_t *cursor, struct tally *n)
{
    const json_t *reasons = json_object_get(cursor, "reasons");
    n->at = number_of(cursor, "at");
    n->changed = number_of(cursor, "changed");
    n->unchanged = number_of(cursor, "unchanged");
    n->refused = number_of(cursor, "refused");
    for (size_t i = 0; i < json_array_size(reasons) && i < MOST_REASONS; i++)
        read_reason(json_array_get(reasons, i), &n->reasons[n->nreasons++]);
}

/* --- one record --------------------------------------------------------------------------------
 */

/* The record's own fault, not the machine's: the others can go on. */
static bool is_refusal(int rc)
{
    int status = err_def(rc)->status;
    return status >= 400 && status < 500 && rc != ERR_CANCELLED;
}

/* More reasons than there is room for are counted with the last one. */
static struct reason *reason_of(struct tally *n, struct str code, struct str field)
{
    size_t i = 0;
    while (i < n->nreasons &&
           !(str_is(code, n->reasons[i].code) && str_is(field, n->reasons[i].field)))
        i++;
    if (i == MOST_REASONS)
        return &n->reasons[MOST_REASONS - 1];
    if (i == n->nreasons) {
        n->reasons[n->nreasons++] = (struct reason){.count = 0};
        copy_text(n->reasons[i].code, CODE_MOST, code);
        copy_text(n->reasons[i].field, CODE_MOST, field);
    }
    return &n->reasons[i];
}

/* An event names its record; whose title the person may not see has none. */
static int name_example(struct bulk_run *b, struct db_conn *c, int64_t id, struct example *x,
                        struct err *e)
{
    const struct entity *en = b->ask.en;
    struct history_event ev = {.record_id = id};
    struct record r;
    struct err unseen;
    int64_t by = 0;
    err_init(&unseen, b->one);
    if (!b->ask.kind->check) {
        int rc = history_get(c, b->t->registry, id, b->one, &ev, &by, e);
        if (rc)
            return rc;
    }
    *x = (struct example){.id = ev.record_id};
    bool known = record_get(c, b->pass.who, en, x->id, false, b->one, &r, &unseen) == 0 ||
                 record_get(c, b->pass.who, en, x->id, true, b->one, &r, &unseen) == 0;
    if (known && access_level(b->pass.who, en, (int)en->title_field) >= LEVEL_READ)
        copy_text(x->title, sizeof x->title, r.v[en->title_field].s);
    return unseen.code && unseen.code != ERR_NOT_FOUND ? err_set(e, unseen.code, "an example") : 0;
}

static int count_refusal(struct bulk_run *b, struct db_conn *c, int64_t id, int code,
                         const struct err *why, struct err *e)
{
    struct str said = str_of(why->items ? why->items->code : err_def(code)->id);
    struct str field = why->items ? why->items->pointer : STR_NULL;
    size_t slash = str_find(field, '/');
    field = slash < field.n ? str_skip(field, slash + 1) : STR_NULL;
    if (!entity_field(b->ask.en, field))
        field = STR_NULL;
    struct reason *r = reason_of(&b->next, said, field);
    r->count++;
    b->next.refused++;
    return r->nexamples < EXAMPLES ? name_example(b, c, id, &r->examples[r->nexamples++], e) : 0;
}

static int one_record(struct bulk_run *b, struct db_conn *c, int64_t id, int64_t now,
                      int64_t *ret_event, struct err *e)
{
    struct err why;
    arena_reset(b->one);
    err_init(&why, b->one);
    struct write w = {.t = b->t,
                      .c = c,
                      .who = b->pass.who,
                      .a = b->one,
                      .keep = b->keep,
                      .now = now,
                      .quiet = true};
    int rc = db_put(c, "SAVEPOINT one", DB_NOARGS, e);
    if (rc)
        return rc;
    int code = b->ask.kind->apply(&w, b->ask.en, id, b->ask.in, &why);
    if (code && !is_refusal(code))
        return err_set(e, code, "%s", why.detail);
    if (code)
        rc = db_exec(c, "ROLLBACK TO SAVEPOINT one", DB_NOARGS, NULL, e);
    if (rc == 0)
        rc = db_exec(c, "RELEASE SAVEPOINT one", DB_NOARGS, NULL, e);
    if (rc == 0 && code)
        return count_refusal(b, c, id, code, &why, e);
    *ret_event = code ? 0 : w.event_id;
    b->next.changed += *ret_event != 0;
    b->next.unchanged += *ret_event == 0;
    return rc;
}

/* --- portions ----------------------------------------------------------------------------------
 */

static struct job_progress progress_of(const struct bulk_run *b, const struct tally *n)
{
    return (struct job_progress){b->ask.kind->check ? "write" : "undo", n->at, (int64_t)b->ids.n,
                                 n->refused};
}

/* May run more than once: begins with what is committed. */
static int portion(struct db_conn *c, void *arg, struct err *e)
{
    struct bulk_run *b = arg;
    int64_t events[PORTION], event = 0, now = clock_now_ms();
    size_t nevents = 0, n = 0;
    int rc = 0;
    arena_reset(b->keep);
    b->next = b->done;
    while (rc == 0 && n < PORTION && (size_t)b->next.at < b->ids.n) {
        rc = one_record(b, c, b->ids.ids[b->next.at], now, &event, e);
        if (rc == 0 && event)
            events[nevents++] = event;
        event = 0;
        b->next.at++;
        n++;
        if (db_should_yield(c))
            break;
    }
    if (rc == 0 && nevents)
        rc = bulk_keep(c, job_view(b->j).id, BULK_WRITTEN, b->done.at, events, nevents, e);
    struct job_progress p = progress_of(b, &b->next);
    return rc ? rc : job_save(b->j, c, &p, tally_json(b, &b->next, b->keep), e);
}

/* Windows look again; which of their rows changed is not told one by one. */
static void tell(struct bulk_run *b, bool over)
{
    int64_t now = clock_mono_us();
    if (!over && now - b->told_us < TELL_US)
        return;
    b->told_us = now;
    struct str data = arena_printf(b->keep, "{\"entity\":\"%s\"}", b->ask.en->name);
    live_publish(b->t->live, &(struct live_event){.kind = "records", .entity = -1, .data = data});
}

/* With the rights of this moment: who lost them meanwhile changes nothing any more. */
static int renew(struct bulk_run *b, struct err *e)
{
    identity_leave(&b->pass);
    return identity_as_user(b->t, job_view(b->j).owner_id, &b->pass, e);
}

static int portions(struct bulk_run *b, struct err *e)
{
    struct job_progress p = progress_of(b, &b->done);
    int rc = job_tick(b->j, &p, e); /* one that was cancelled while it waited ends here */
    while (rc == 0 && (size_t)b->done.at < b->ids.n) {
        rc = renew(b, e);
        if (rc == 0)
            rc = db_transact(b->t->db, DB_BULK, portion, b, e);
        if (rc)
            break;
        b->done = b->next;
        tell(b, false);
        p = progress_of(b, &b->done);
        rc = job_tick(b->j, &p, e);
    }
    if (b->done.changed)
        tell(b, true);
    return rc;
}

static int open_run(struct bulk_run *b, struct err *e)
{
    struct job_view view = job_view(b->j);
    struct db_conn *c = NULL;
    b->one = arena_new(0);
    b->keep = arena_new(0);
    if (!b->one || !b->keep)
        return err_set(e, ERR_NOMEM, "bulk");
    int rc = bulk_asked(b->t, view.params, &b->ask, e);
    if (rc == 0)
        rc = db_reader(b->t->db, &c, e);
    if (rc == 0)
        rc = bulk_ids(c, view.id, BULK_MEANT, &b->ids, e);
    db_reader_done(c);
    read_tally(view.cursor, &b->done);
    return rc;
}

static int run(struct job *j, struct err *e)
{
    struct bulk_run *b = arena_new_of(job_arena(j), struct bulk_run);
    b->j = j;
    b->t = job_tenant(j);
    int rc = open_run(b, e);
    if (rc == 0) {
        rc = portions(b, e);
        /* However it ends: what is written stays, and is said. */
        job_result(j, tally_json(b, &b->done, job_arena(j)));
    }
    identity_leave(&b->pass);
    free(b->ids.ids);
    arena_free(b->one);
    arena_free(b->keep);
    return rc;
}

const struct job_kind bulk_jobs[] = {
    {BULK_JOB, run, false}, {BULK_UNDO_JOB, run, false}, {.name = NULL}};
