/* patron import: the import page's work from the command line, on the same code. */
#include "app/app.h"

#include "crm/import/import.h"
#include "crm/insight/insight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATA, DB, MAP, CURRENCY, ON_EXISTING, DRY_RUN, REJECTED, USER, NOPTIONS };

static const struct option_def options[NOPTIONS] = {
    [DATA] = {"--data", false},
    [DB] = {"--db", false},
    [MAP] = {"--map", false},
    [CURRENCY] = {"--currency", false},
    [ON_EXISTING] = {"--on-existing", false},
    [DRY_RUN] = {"--dry-run", true},
    [REJECTED] = {"--rejected", false},
    [USER] = {"--user", false},
};

enum { MAX_MAPS = 64 };

struct task {
    struct tenant *t;
    struct arena *a;
    struct err e;
    struct args in;
    const char *maps[MAX_MAPS];
    size_t nmaps;
    const struct entity *en;
    int64_t id, job, user_id;
    json_t *seen; /* the import as JSON */
};

/* --map may stand many times; the option reader keeps one value per option. */
static int take_maps(struct task *k, int argc, char **argv, char **rest)
{
    int n = 0;
    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        if (strcmp(argv[i], "--map") == 0 && i + 1 < argc)
            value = argv[++i];
        else if (strncmp(argv[i], "--map=", 6) == 0)
            value = argv[i] + 6;
        if (!value)
            rest[n++] = argv[i];
        else if (k->nmaps < MAX_MAPS)
            k->maps[k->nmaps++] = value;
    }
    return n;
}

static int look(struct task *k)
{
    struct db_conn *c = NULL;
    struct buf out = BUF_INIT(8 << 20);
    struct jw w = jw_new(&out);
    int rc = db_reader(k->t->db, &c, &k->e);
    if (rc == 0)
        rc = import_show(c, k->t, k->id, k->a, &w, &k->e);
    db_reader_done(c);
    if (rc == 0)
        rc = json_read(k->a, arena_str(k->a, buf_str(&out)), &k->seen, &k->e);
    buf_free(&out);
    return rc;
}

/* COLUMN is a header or a number from 1; an empty FIELD leaves the column out. */
static int set_mapping(struct task *k, json_t *mapping, const char *text)
{
    const json_t *columns = json_object_get(k->seen, "columns");
    const char *equals = strrchr(text, '=');
    size_t n = json_array_size(columns);
    int64_t number = 0;
    if (!equals)
        return err_set(&k->e, ERR_USAGE, "--map %s: COLUMN=FIELD expected", text);
    struct str column = str_from(text, (size_t)(equals - text));
    size_t at = n;
    for (size_t i = 0; i < n; i++)
        if (str_eq(column, json_get_str(json_array_get(columns, i), "header")))
            at = i;
    if (at == n && str_to_i64(column, &number) && number >= 1 && (size_t)number <= n)
        at = (size_t)number - 1;
    if (at == n)
        return err_set(&k->e, ERR_USAGE, "--map %s: the file has no such column", text);
    /* A field is given once: the guess for another column gives way. */
    const char *other;
    json_t *v;
    json_object_foreach(mapping, other,
                        v) if (json_is_string(v) && strcmp(json_string_value(v), equals + 1) == 0)
        json_object_set_new(mapping, other, json_null());
    json_object_set_new(mapping, arena_printf(k->a, "%zu", at).p,
                        equals[1] ? json_string(equals + 1) : json_null());
    return 0;
}

static int make_body(struct task *k, json_t **ret_body)
{
    json_t *body = json_object(), *options_json = json_object();
    json_t *mapping = json_deep_copy(json_object_get(k->seen, "mapping"));
    int rc = 0;
    if (k->in.values[CURRENCY])
        json_object_set_new(options_json, "currency", json_string(k->in.values[CURRENCY]));
    if (k->in.values[ON_EXISTING])
        json_object_set_new(options_json, "on_existing", json_string(k->in.values[ON_EXISTING]));
    for (size_t i = 0; rc == 0 && i < k->nmaps; i++)
        rc = set_mapping(k, mapping, k->maps[i]);
    json_object_set_new(body, "options", options_json);
    json_object_set_new(body, "mapping", mapping);
    if (rc)
        json_decref(body);
    else
        *ret_body = body;
    return rc;
}

struct start {
    struct task *k;
    const json_t *body;
};

static int start_job(struct db_conn *c, void *arg, struct err *e)
{
    struct start *s = arg;
    struct task *k = s->k;
    int rc = import_set(c, k->t, k->id, s->body, k->a, e);
    if (rc == 0)
        rc = import_start(c, k->t, k->id, k->in.values[DRY_RUN] ? IMPORT_CHECK : IMPORT_RUN,
                          k->user_id, k->a, &k->job, e);
    return rc;
}

static int run(struct task *k, const char *file)
{
    struct str copy = arena_printf(k->a, "%s/import-%d.csv", k->t->dir, (int)getpid());
    json_t *body = NULL;
    int rc = app_first_admin(k->t, k->in.values[USER], &k->user_id, &k->e);
    if (rc == 0)
        /* The server would take the upload away; a person's file stays where it is. */
        rc = app_copy_file(file, copy.p, &k->e);
    const char *slash = strrchr(file, '/');
    if (rc == 0)
        rc = import_take(k->t, copy.p, k->en, str_of(slash ? slash + 1 : file), k->user_id, k->a,
                         &k->id, &k->e);
    unlink(copy.p);
    if (rc == 0)
        rc = look(k);
    if (rc == 0)
        rc = make_body(k, &body);
    struct start s = {k, body};
    if (rc == 0)
        rc = db_transact(k->t->db, DB_INTERACTIVE, start_job, &s, &k->e);
    json_decref(body);
    if (rc == 0)
        rc = jobs_run_one(k->t, app_jobs, k->job, &k->e);
    /* The import leaves a valuation behind; it is run here, too. */
    if (rc == 0 && !k->in.values[DRY_RUN])
        rc = jobs_run_queued(k->t, app_jobs, &k->e);
    return rc ? rc : look(k);
}

static void print_result(const struct task *k)
{
    const json_t *check = json_object_get(k->seen, k->in.values[DRY_RUN] ? "check" : "result");
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)check, name, v)
    {
        if (json_is_integer(v))
            printf("%-18s %lld\n", name, (long long)json_integer_value(v));
        else if (json_is_real(v))
            printf("%-18s %.3f\n", name, json_real_value(v));
    }
}

static int write_rejected(struct task *k)
{
    const char *path = k->in.values[REJECTED];
    if (!path)
        return 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(&k->e, ERR_IO, "%s: %s", path, strerror(errno));
    int rc = import_rejected(k->t, k->id, app_lang(), fd, k->a, &k->e);
    close(fd);
    return rc;
}

int cmd_import(int argc, char **argv)
{
    struct task k = {0};
    char **rest = calloc((size_t)argc + 1, sizeof *rest);
    if (!rest)
        return 1;
    int n = take_maps(&k, argc, argv, rest);
    bool ok = args_read(options, NOPTIONS, n, rest, &k.in);
    free(rest);
    if (ok && k.in.nwords != 2)
        fprintf(stderr, "usage: patron import KIND FILE --data DIR\n");
    if (!ok || k.in.nwords != 2)
        return 2;
    k.t = app_open(k.in.values[DATA], k.in.values[DB]);
    if (!k.t)
        return 1;
    k.a = arena_new(0);
    err_init(&k.e, k.a);
    k.en = registry_by_path(k.t->registry, str_of(k.in.words[0]));
    int rc = k.en && import_importable(k.en)
                 ? run(&k, k.in.words[1])
                 : err_set(&k.e, ERR_USAGE,
                           "%s: orders, order_lines, customers, contacts or products expected",
                           k.in.words[0]);
    if (rc == 0) {
        print_result(&k);
        rc = write_rejected(&k);
    }
    if (rc)
        app_say_error(k.t->messages, rc, &k.e);
    app_close(k.t);
    arena_free(k.a);
    return rc ? rc == ERR_USAGE ? 2 : 1 : 0;
}
