/* Metadata, live events, health, metrics, the description of the API itself. */
#include "api/internal.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- metadata ------------------------------------------------------------------------------ */

static void write_label(struct jw *w, const char *key, const struct text2 *label)
{
    jw_key(w, key);
    jw_obj(w);
    jw_kstr(w, "en", label->in[LANG_EN]);
    jw_kstr(w, "zh", label->in[LANG_ZH]);
    jw_obj_end(w);
}

/* A field as this person has it: what is masked cannot be filtered or sorted by, what may only be
   read not be written; so forms, filters and lists need no rule of their own. */
static void write_field(const struct registry *r, const struct field *f, enum field_level level,
                        struct jw *w)
{
    bool seen = level >= LEVEL_READ;
    bool fixed = f->read_only || level < LEVEL_EDIT;
    struct str ops = seen ? str_of(f->type->operators) : STR_NULL, op;
    jw_obj(w);
    jw_kcstr(w, "name", f->name);
    jw_kcstr(w, "type", f->type->name);
    write_label(w, "label", &f->label);
    jw_kbool(w, "required", f->required);
    jw_kbool(w, "read_only", fixed);
    jw_kcstr(w, "level", level_name(level));
    jw_kbool(w, "system", f->system);
    jw_kbool(w, "unique", f->unique);
    jw_kbool(w, "personal", f->personal);
    jw_kbool(w, "sortable", seen && f->type->sortable);
    jw_kbool(w, "filterable", ops.n > 0);
    jw_kbool(w, "importable", f->type->importable && !fixed);
    if (f->max)
        jw_ki64(w, "max", f->max);
    if (f->target >= 0)
        jw_kcstr(w, "target", r->entities[f->target].name);
    jw_key(w, "operators");
    jw_arr(w);
    while (str_split(&ops, ' ', &op))
        jw_str(w, op);
    jw_arr_end(w);
    if (f->noptions) {
        jw_key(w, "options");
        jw_arr(w);
        for (size_t i = 0; i < f->noptions; i++) {
            jw_obj(w);
            jw_kstr(w, "value", f->options[i].value);
            write_label(w, "label", &f->options[i].label);
            jw_obj_end(w);
        }
        jw_arr_end(w);
    }
    jw_obj_end(w);
}

static int metadata_get(struct api_call *c, struct jw *w)
{
    const struct registry *r = c->t->registry;
    jw_obj(w);
    jw_kstr(w, "version", r->version);
    jw_key(w, "entities");
    jw_arr(w);
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity *en = &r->entities[i];
        jw_obj(w);
        jw_kcstr(w, "name", en->name);
        jw_kcstr(w, "path", en->path);
        write_label(w, "label", &en->label);
        write_label(w, "label_plural", &en->label_plural);
        jw_kcstr(w, "title_field", en->fields[en->title_field].name);
        jw_kbool(w, "owned", en->owned);
        jw_key(w, "fields");
        jw_arr(w);
        for (size_t k = 0; k < en->nfields; k++) {
            enum field_level level = access_level(c->who, en, (int)k);
            if (level > LEVEL_HIDE)
                write_field(r, &en->fields[k], level, w);
        }
        jw_arr_end(w);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
    return 0;
}

/* --- live events --------------------------------------------------------------------------- */

struct listener {
    struct tenant *t;
    struct pass pass;
    uint64_t cursor;
    bool greeted;
};

static enum live_sight sees(const void *arg, const struct live_event *ev)
{
    const struct listener *l = arg;
    const struct actor *who = l->pass.who;
    if (ev->entity < 0) {
        bool heard =
            !ev->owner_id || ev->owner_id == who->user_id || (who->is_admin && !ev->personal);
        return heard ? LIVE_WHOLE : LIVE_NOTHING;
    }
    return record_event_sight(who, &l->t->registry->entities[ev->entity], ev);
}

static bool fill_events(void *arg, struct buf *out, bool final)
{
    struct listener *l = arg;
    struct err e = {0};
    if (!l->greeted)
        buf_add_cstr(out, "retry: 2000\n: welcome\n\n");
    l->greeted = true;
    /* Rights are those of this moment: who was locked out or signed out hears nothing more. */
    if (identity_renew(l->t, &l->pass, &e) != 0)
        return false;
    live_read(l->t->live, &l->cursor, sees, l, out);
    if (final)
        buf_add_cstr(out, "event: bye\ndata: {}\n\n");
    return true;
}

static void end_events(void *arg)
{
    struct listener *l = arg;
    identity_leave(&l->pass);
    free(l);
}

static int events_get(struct api_call *c, struct jw *w)
{
    struct str last = http_header(c->req, "Last-Event-ID");
    int64_t seq = -1;
    (void)w;
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(&c->err, ERR_NOMEM, "events");
    l->t = c->t;
    l->cursor = str_to_i64(last, &seq) && seq >= 0 ? (uint64_t)seq : live_last(c->t->live);
    /* A pass of its own: the request's goes with the request. */
    l->pass = c->pass;
    l->pass.held = NULL;
    l->pass.who = NULL;
    int rc = identity_renew(c->t, &l->pass, &c->err);
    if (rc) {
        free(l);
        return rc;
    }
    http_set(c->req, "Cache-Control", STR("no-store"));
    http_set(c->req, "X-Accel-Buffering", STR("no"));
    http_reply_stream(c->req, "text/event-stream", fill_events, l, end_events);
    return 0;
}

/* --- operations ---------------------------------------------------------------------------- */

static int healthz_get(struct api_call *c, struct jw *w)
{
    (void)c;
    jw_obj(w);
    jw_kcstr(w, "status", "ok");
    jw_kcstr(w, "version", PATRON_VERSION);
    jw_obj_end(w);
    return 0;
}

static int readyz_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    int64_t one = 0;
    int rc = db_one_i64(conn, "SELECT 1", DB_NOARGS, 0, &one, &c->err);
    if (rc == 0)
        healthz_get(c, w);
    return rc;
}

static void metric(struct buf *out, const char *name, const char *labels, const char *help,
                   double value)
{
    if (help)
        buf_printf(out, "# HELP patron_%s %s\n", name, help);
    buf_printf(out, "patron_%s%s %.15g\n", name, labels, value);
}

static double resident_bytes(void)
{
    char line[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (!fgets(line, sizeof line, f))
            line[0] = 0;
        fclose(f);
    }
    const char *second = strchr(line, ' '); /* total, resident, ... in pages */
    long pages = second ? strtol(second, NULL, 10) : 0;
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static int metrics_get(struct api_call *c, struct jw *w)
{
    (void)w;
    if (!api_peer_is_local(c) && !(c->who && c->who->is_admin))
        return err_set(&c->err, ERR_FORBIDDEN, "metrics");
    struct buf *out = &c->req->out;
    struct http_stats hs = {0};
    struct db_stats ds;
    struct api_counters ac;
    if (api_server(c->api))
        http_stats(api_server(c->api), &hs);
    db_stats(c->t->db, &ds);
    api_counters(c->api, &ac);
    metric(out, "http_requests_total", "", "Requests begun", (double)hs.requests);
    for (int i = 1; i < 6; i++) {
        char label[32];
        snprintf(label, sizeof label, "{class=\"%dxx\"}", i);
        metric(out, "http_answers_total", label, i == 1 ? "Answers by class" : NULL,
               (double)hs.by_class[i]);
    }
    metric(out, "http_connections_open", "", "Open connections", (double)hs.open_connections);
    metric(out, "http_streams_open", "", "Open event streams", (double)hs.streams);
    metric(out, "http_sent_bytes_total", "", "Bytes of answers", (double)hs.bytes_out);
    metric(out, "reads_inline_total", "", "Reads answered on a loop thread",
           (double)ac.reads_inline);
    metric(out, "reads_moved_total", "", "Reads that needed a worker", (double)ac.reads_moved);
    metric(out, "writes_total", "", "Writes begun", (double)ac.writes);
    metric(out, "db_commits_total", "", "Transactions committed", (double)ds.commits);
    metric(out, "db_jobs_total", "", "Write jobs committed", (double)ds.jobs);
    metric(out, "db_retries_total", "", "Transactions repeated", (double)ds.retries);
    metric(out, "db_rejected_total", "", "Jobs refused by a full queue", (double)ds.rejected);
    metric(out, "db_commit_seconds_total", "", "Time in COMMIT", (double)ds.commit_us / 1e6);
    metric(out, "db_waiting", "{lane=\"interactive\"}", "Jobs waiting", ds.waiting[DB_INTERACTIVE]);
    metric(out, "db_waiting", "{lane=\"bulk\"}", NULL, ds.waiting[DB_BULK]);
    metric(out, "resident_bytes", "", "Resident memory", resident_bytes());
    metric(out, "cpu_seconds_total", "", "Processor time", (double)clock_cpu_us() / 1e6);
    c->content_type = "text/plain; version=0.0.4";
    return 0;
}

static int openapi_get(struct api_call *c, struct jw *w)
{
    jw_raw(w, openapi_text(c->api));
    return 0;
}

const struct endpoint api_system_endpoints[] = {
    {HTTP_GET, "/api/v1/metadata", API_PLAIN, API_SIGNED_IN, API_NO_BODY, .plain = metadata_get,
     .doc = "Entities, fields, options and operators", .response = "metadata"},
    {HTTP_GET, "/api/v1/events", API_PLAIN, API_SIGNED_IN, API_NO_BODY, .plain = events_get,
     .doc = "Live events (text/event-stream)", .raw = true},
    {HTTP_GET, "/api/v1/openapi.json", API_PLAIN, API_PUBLIC, API_NO_BODY, .plain = openapi_get,
     .doc = "This description"},
    {HTTP_GET, "/healthz", API_PLAIN, API_PUBLIC, API_NO_BODY, .plain = healthz_get,
     .doc = "The process runs"},
    {HTTP_GET, "/readyz", API_READ, API_PUBLIC, API_NO_BODY, .read = readyz_get,
     .doc = "The database answers"},
    {HTTP_GET, "/metrics", API_PLAIN, API_PUBLIC, API_NO_BODY, .plain = metrics_get,
     .doc = "Figures for Prometheus; from this machine or for administrators"},
    {.path = NULL},
};
