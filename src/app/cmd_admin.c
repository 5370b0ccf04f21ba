/* Commands for administrators: backup, restore, check, tokens, users. */
#include "app/app.h"

#include "crm/insight/insight.h"

#include "core/files/files.h"
#include "db/backup.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { DATA, DB, USER, NAME, ADMIN, NOPTIONS };

static const struct option_def options[NOPTIONS] = {[DATA] = {"--data", false},
                                                    [DB] = {"--db", false},
                                                    [USER] = {"--user", false},
                                                    [NAME] = {"--name", false},
                                                    [ADMIN] = {"--admin", true}};

/* What every command here needs. */
struct session {
    struct args in;
    struct tenant *t;
    struct arena *a;
    struct err e;
};

static bool begin_with(struct session *s, int argc, char **argv, size_t words, const char *usage,
                       struct tenant *(*open)(const char *dir, const char *db_url))
{
    memset(s, 0, sizeof *s);
    if (!args_read(options, NOPTIONS, argc, argv, &s->in))
        return false;
    if (s->in.nwords != words) {
        fprintf(stderr, "usage: %s\n", usage);
        return false;
    }
    s->t = open(s->in.values[DATA], s->in.values[DB]);
    s->a = arena_new(0);
    err_init(&s->e, s->a);
    return s->t != NULL;
}

static bool begin(struct session *s, int argc, char **argv, size_t words, const char *usage)
{
    return begin_with(s, argc, argv, words, usage, app_open);
}

static int end(struct session *s, int rc)
{
    if (rc)
        app_say_error(s->t->messages, rc, &s->e);
    app_close(s->t);
    arena_free(s->a);
    return rc ? 1 : 0;
}

static void show_progress(void *arg, const char *table, int64_t rows)
{
    (void)arg;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%-20s %12lld", table, (long long)rows);
}

int cmd_backup(int argc, char **argv)
{
    struct session s;
    /* Also beside a running server: it only reads. */
    if (!begin_with(&s, argc, argv, 1, "patron backup FILE --data DIR", app_open_beside))
        return 2;
    int rc = backup_write(s.t->db, s.t->registry->tables, s.t->registry->ntables, s.in.words[0],
                          files_dir(s.t, s.a), show_progress, NULL, &s.e);
    if (rc == 0)
        printf("%s\n", s.in.words[0]);
    return end(&s, rc);
}

/* Opening the tenant took a node number; for a restore the tables must be empty. The backup brings
   its own. */
static int give_node_back(struct db_conn *c, void *arg, struct err *e)
{
    struct session *s = arg;
    return db_exec(c, "DELETE FROM node WHERE id = $1", DB_ARGS(DB_I64(s->t->node)), NULL, e);
}

int cmd_restore(int argc, char **argv)
{
    struct session s;
    if (!begin(&s, argc, argv, 1, "patron restore FILE --data DIR"))
        return 2;
    int rc = db_transact(s.t->db, DB_INTERACTIVE, give_node_back, &s, &s.e);
    if (rc == 0)
        rc = backup_restore(s.t->db, s.t->registry->tables, s.t->registry->ntables, s.in.words[0],
                            show_progress, NULL, &s.e);
    if (rc == 0)
        rc = files_restore(s.t, s.in.words[0], s.a, &s.e);
    return end(&s, rc);
}

static void report(void *arg, const char *finding)
{
    (void)arg;
    printf("%s\n", finding);
}

int cmd_check(int argc, char **argv)
{
    struct session s;
    int64_t findings = 0;
    if (!begin(&s, argc, argv, 0, "patron check --data DIR"))
        return 2;
    int rc = backup_check(s.t->db, s.t->registry->tables, s.t->registry->ntables, report, NULL,
                          &findings, &s.e);
    if (rc == 0)
        printf("%lld findings\n", (long long)findings);
    rc = end(&s, rc);
    return rc ? rc : findings ? 1 : 0;
}

static int find_user(struct session *s, const char *login, int64_t *ret_id)
{
    struct db_conn *c = NULL;
    int rc = db_reader(s->t->db, &c, &s->e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT id FROM users WHERE login = $1 AND deleted_at IS NULL",
                        DB_ARGS(DB_STR(str_of(login))), 0, ret_id, &s->e);
    db_reader_done(c);
    if (rc == 0 && !*ret_id)
        rc = err_set(&s->e, ERR_NOT_FOUND, "no user %s", login);
    return rc;
}

struct new_token {
    struct session *s;
    int64_t user_id;
    char secret[SECRET_TEXT];
};

static int make_token(struct db_conn *c, void *arg, struct err *e)
{
    struct new_token *n = arg;
    const char *name = n->s->in.values[NAME];
    return token_create(c, n->s->t, n->user_id, str_of(name ? name : "command line"), 0, n->secret,
                        e);
}

int cmd_token(int argc, char **argv)
{
    static const char usage[] = "patron token create --user LOGIN [--name NAME] --data DIR";
    struct session s;
    if (argc < 1 || strcmp(argv[0], "create") != 0) {
        fprintf(stderr, "usage: %s\n", usage);
        return 2;
    }
    if (!begin(&s, argc, argv, 1, usage))
        return 2;
    struct new_token n = {.s = &s};
    int rc = s.in.values[USER] ? find_user(&s, s.in.values[USER], &n.user_id)
                               : err_set(&s.e, ERR_USAGE, "--user LOGIN is missing");
    if (rc == 0)
        rc = db_transact(s.t->db, DB_INTERACTIVE, make_token, &n, &s.e);
    if (rc == 0)
        printf("%s\n", n.secret);
    sodium_memzero(n.secret, sizeof n.secret);
    return end(&s, rc);
}

/* --- users --------------------------------------------------------------------------------- */

/* From the terminal without echo, or the first line of standard input. */
static bool read_password(char out[PASSWORD_MAX + 2])
{
    struct termios before, silent;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        fputs("new password: ", stderr);
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSANOW, &silent);
    }
    bool got = fgets(out, PASSWORD_MAX + 2, stdin) != NULL;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
        fputc('\n', stderr);
    }
    if (got)
        out[strcspn(out, "\r\n")] = 0;
    return got;
}

struct user_change {
    struct session *s;
    const char *login;
    bool create;
    int64_t user_id;
    char hash[PASSWORD_HASH];
};

static int change_user(struct db_conn *c, void *arg, struct err *e)
{
    struct user_change *u = arg;
    if (u->create) {
        struct write wr = {
            .t = u->s->t, .c = c, .who = identity_system(), .a = u->s->a, .now = clock_now_ms()};
        struct record r;
        const char *name = u->s->in.values[NAME] ? u->s->in.values[NAME] : u->login;
        json_t *body = json_pack("{s:s,s:s,s:b}", "name", name, "login", u->login, "is_admin",
                                 u->s->in.values[ADMIN] != NULL);
        if (!body)
            return err_set(e, ERR_BAD_UTF8, "name or login");
        int rc = record_create(&wr, &u->s->t->registry->entities[ENTITY_USER], body, &r, e);
        json_decref(body);
        if (rc)
            return rc;
        u->user_id = r.v[FIELD_ID].i;
    }
    int rc = password_store(c, u->user_id, u->hash, e);
    return rc ? rc : session_end_all(c, u->s->t, u->user_id, e);
}

int cmd_user(int argc, char **argv)
{
    static const char usage[] =
        "patron user password|create LOGIN [--name NAME] [--admin] --data DIR";
    struct session s;
    char password[PASSWORD_MAX + 2] = "";
    bool create = argc > 0 && strcmp(argv[0], "create") == 0;
    if (!create && (argc < 1 || strcmp(argv[0], "password") != 0)) {
        fprintf(stderr, "usage: %s\n", usage);
        return 2;
    }
    if (!begin(&s, argc, argv, 2, usage))
        return 2;
    struct user_change u = {.s = &s, .login = s.in.words[1], .create = create};
    int rc = create ? 0 : find_user(&s, u.login, &u.user_id);
    if (rc == 0 && !read_password(password))
        rc = err_set(&s.e, ERR_USAGE, "no password on standard input");
    const char *weak = rc ? NULL : password_weakness(str_of(password));
    if (weak) {
        struct err_item *item = err_item(&s.e, STR("password"), weak);
        err_item_param(&s.e, item, "min", arena_printf(s.a, "%d", PASSWORD_MIN));
        rc = ERR_VALIDATION;
    }
    if (rc == 0)
        rc = password_hash(str_of(password), u.hash, &s.e);
    sodium_memzero(password, sizeof password);
    if (rc == 0)
        rc = db_transact(s.t->db, DB_INTERACTIVE, change_user, &u, &s.e);
    return end(&s, rc);
}
