/* patron export: a list as a file from the command line, by the job of the export menu. */
#include "app/app.h"

#include "crm/export/export.h"
#include "crm/insight/insight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DATA, DB, FIELDS, SORT, LANGUAGE, USER, NOPTIONS };

static const struct option_def options[NOPTIONS] = {
    [DATA] = {"--data", false},         [DB] = {"--db", false},
    [FIELDS] = {"--fields", false},     [SORT] = {"--sort", false},
    [LANGUAGE] = {"--language", false}, [USER] = {"--user", false}};

struct task {
    struct tenant *t;
    struct arena *a;
    struct err e;
    struct args in;
    json_t *body;
    int64_t user_id, job;
};

/* All that is not the program's own, unless told. */
static json_t *fields_of(const struct entity *en, const char *asked)
{
    json_t *list = json_array();
    struct str in = str_of(asked), name;
    while (asked && str_split(&in, ',', &name)) {
        name = str_trim(name);
        json_array_append_new(list, json_stringn(name.p, name.n));
    }
    for (size_t i = 0; !asked && i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        if (!f->system && !f->hidden && f->type->shape != SHAPE_JSON)
            json_array_append_new(list, json_string(f->name));
    }
    return list;
}

static int make_body(struct task *k)
{
    const struct entity *en = registry_by_path(k->t->registry, str_of(k->in.words[0]));
    const char *dot = strrchr(k->in.words[1], '.');
    if (!en)
        return err_set(&k->e, ERR_USAGE, "%s: there is no such list", k->in.words[0]);
    if (!dot)
        return err_set(&k->e, ERR_USAGE, "%s: a name that ends in .csv or .xlsx expected",
                       k->in.words[1]);
    const char *lang = k->in.values[LANGUAGE];
    k->body = json_pack("{s:s, s:s, s:o, s:s, s:s}", "entity", en->name, "format", dot + 1,
                        "fields", fields_of(en, k->in.values[FIELDS]), "sort",
                        k->in.values[SORT] ? k->in.values[SORT] : "", "language",
                        lang                    ? lang
                        : app_lang() == LANG_ZH ? "zh"
                                                : "en");
    return k->body ? 0 : err_set(&k->e, ERR_NOMEM, "export");
}

static int submit(struct db_conn *c, void *arg, struct err *e)
{
    struct task *k = arg;
    struct pass pass = {0};
    int rc = identity_as_user(k->t, k->user_id, &pass, e);
    if (rc == 0)
        rc = export_submit(c, k->t, pass.who, k->body, app_lang(), k->a, &k->job, e);
    if (pass.held)
        identity_leave(&pass);
    return rc;
}

static int run(struct task *k)
{
    struct export_file file = {.path = STR("")};
    struct db_conn *c = NULL;
    int rc = app_first_admin(k->t, k->in.values[USER], &k->user_id, &k->e);
    if (rc == 0)
        rc = make_body(k);
    if (rc == 0)
        rc = db_transact(k->t->db, DB_INTERACTIVE, submit, k, &k->e);
    if (rc == 0)
        rc = jobs_run_one(k->t, app_jobs, k->job, &k->e);
    if (rc == 0)
        rc = db_reader(k->t->db, &c, &k->e);
    if (rc == 0)
        rc = export_find(c, k->t, k->job, k->user_id, k->a, &file, &k->e);
    db_reader_done(c);
    if (rc == 0)
        rc = app_copy_file(file.path.p, k->in.words[1], &k->e);
    if (rc)
        return rc;
    unlink(file.path.p);
    printf("%lld rows in %s\n", (long long)file.rows, k->in.words[1]);
    return 0;
}

int cmd_export(int argc, char **argv)
{
    struct task k = {0};
    if (!args_read(options, NOPTIONS, argc, argv, &k.in))
        return 2;
    if (k.in.nwords != 2) {
        fprintf(stderr, "usage: patron export LIST FILE.xlsx|FILE.csv --data DIR\n");
        return 2;
    }
    k.t = app_open(k.in.values[DATA], k.in.values[DB]);
    if (!k.t)
        return 1;
    k.a = arena_new(0);
    err_init(&k.e, k.a);
    int rc = run(&k);
    if (rc)
        app_say_error(k.t->messages, rc, &k.e);
    json_decref(k.body);
    app_close(k.t);
    arena_free(k.a);
    return rc ? rc == ERR_USAGE ? 2 : 1 : 0;
}
