#include "app/app.h"
#include "crm/insight/insight.h"

#define LOG_MODULE "app"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool args_read(const struct option_def *defs, size_t n, int argc, char **argv, struct args *ret)
{
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i], *equals = strchr(arg, '=');
        size_t length = equals ? (size_t)(equals - arg) : strlen(arg), k = 0;
        if (arg[0] != '-' || !arg[1]) {
            if (ret->nwords == sizeof ret->words / sizeof ret->words[0]) {
                fprintf(stderr, "patron: too many arguments at '%s'\n", arg);
                return false;
            }
            ret->words[ret->nwords++] = arg;
            continue;
        }
        while (k < n && (strlen(defs[k].name) != length || strncmp(defs[k].name, arg, length) != 0))
            k++;
        if (k == n) {
            fprintf(stderr, "patron: there is no option '%.*s' here\n", (int)length, arg);
            return false;
        }
        if (defs[k].flag) {
            ret->values[k] = "1";
        } else if (equals) {
            ret->values[k] = equals + 1;
        } else if (i + 1 < argc) {
            ret->values[k] = argv[++i];
        } else {
            fprintf(stderr, "patron: option '%s' needs a value\n", arg);
            return false;
        }
    }
    return true;
}

enum lang app_lang(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < 3; i++) {
        const char *v = getenv(names[i]);
        if (v && *v)
            return strncmp(v, "zh", 2) == 0 ? LANG_ZH : LANG_EN;
    }
    return LANG_EN;
}

void app_say_error(const struct messages *m, int rc, const struct err *e)
{
    const struct err_def *def = err_def(rc);
    struct arena *a = arena_new(0);
    struct messages *own = NULL;
    struct err ignored = {0};
    if (!m && messages_load(&own, &ignored) == 0)
        m = own;
    struct str text =
        m && a ? message_text(m, app_lang(), def->id, e->params, 4, a) : str_of(def->id);
    fprintf(stderr, "patron: " STR_FMT "%s%s%s\n", STR_ARG(text), e->detail[0] ? " (" : "",
            e->detail, e->detail[0] ? ")" : "");
    for (const struct err_item *i = e->items; i && m && a; i = i->next) {
        text = message_text(m, app_lang(), i->code, i->params, 3, a);
        fprintf(stderr, "  " STR_FMT ": " STR_FMT "\n", STR_ARG(i->pointer), STR_ARG(text));
    }
    messages_free(own);
    arena_free(a);
}

static void notice(const char *text)
{
    fprintf(stderr, "patron: %s\n", text);
}

static struct tenant *open_with(const char *dir, const char *db_url, bool beside)
{
    struct tenant *t = NULL;
    struct arena *a = arena_new(0);
    struct err e;
    err_init(&e, a);
    if (!dir) {
        fprintf(stderr, "patron: say where the data is: --data DIR\n");
        arena_free(a);
        return NULL;
    }
    struct tenant_options o = {
        .dir = dir, .db_url = db_url, .hooks = app_hooks, .notice = notice, .beside = beside};
    int rc = tenant_open(&o, &t, &e);
    if (rc == 0 && !beside && (rc = identity_open(t, &e)) != 0) {
        tenant_close(t);
        t = NULL;
    }
    if (rc)
        app_say_error(NULL, rc, &e);
    arena_free(a);
    return rc ? NULL : t;
}

struct tenant *app_open(const char *dir, const char *db_url)
{
    return open_with(dir, db_url, false);
}

struct tenant *app_open_beside(const char *dir, const char *db_url)
{
    return open_with(dir, db_url, true);
}

void app_close(struct tenant *t)
{
    insight_close(t);
    identity_close(t);
    tenant_close(t);
}

int app_first_admin(struct tenant *t, const char *login, int64_t *ret_id, struct err *e)
{
    struct db_conn *c = NULL;
    int rc = db_reader(t->db, &c, e);
    *ret_id = 0;
    if (rc == 0)
        rc = login ? db_one_i64(c, "SELECT id FROM users WHERE login = $1 AND deleted_at IS NULL",
                                DB_ARGS(DB_STR(str_of(login))), 0, ret_id, e)
                   : db_one_i64(c,
                                "SELECT min(id) FROM users WHERE is_admin = 1 AND active = 1 AND "
                                "deleted_at IS NULL",
                                DB_NOARGS, 0, ret_id, e);
    db_reader_done(c);
    if (rc == 0 && !*ret_id)
        rc = err_set(e, ERR_NOT_FOUND,
                     "no user to act as: set the company up first, or "
                     "patron user create LOGIN --admin");
    return rc;
}

int app_copy_file(const char *from, const char *to, struct err *e)
{
    static char block[1 << 18];
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, rc = 0;
    ssize_t n = 0;
    if (in < 0)
        return err_set(e, ERR_IO, "%s: %s", from, strerror(errno));
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (rc == 0 && out >= 0 && (n = read(in, block, sizeof block)) > 0)
        if (write(out, block, (size_t)n) != n)
            rc = err_file(e, errno, to);
    if (rc == 0 && (out < 0 || n < 0))
        rc = err_set(e, ERR_IO, "%s: %s", out < 0 ? to : from, strerror(errno));
    if (out >= 0 && close(out) != 0 && rc == 0)
        rc = err_set(e, ERR_IO, "%s: %s", to, strerror(errno));
    close(in);
    return rc;
}
