/* The program's ends: commands, and the tables of the features joined. */
#ifndef PATRON_APP_H
#define PATRON_APP_H

#include "api/api.h"
#include "core/jobs/jobs.h"

/* One row per command. `run` gets the arguments behind the command's name. */
struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *line; /* one line for `patron help` */
    const char *help; /* the whole of `patron help NAME` */
};

extern const struct record_hook *const app_hooks[];
extern const struct endpoint *const app_endpoints[];
extern const struct job_kind *const app_jobs[];

int cmd_serve(int argc, char **argv);
int cmd_value(int argc, char **argv);
int cmd_textbook(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_user(int argc, char **argv);

/* A thread that keeps the data tidy while the server runs. NULL when it did not start. */
struct housekeeper;
struct housekeeper *housekeeper_start(struct tenant *t, const char *uploads);
void housekeeper_stop(struct housekeeper *k);

/* --- options ------------------------------------------------------------------------------- */

struct option_def {
    const char *name; /* "--data" */
    bool flag;        /* takes no value */
};
struct args {
    const char *values[16]; /* by place in the table; flags: "1" */
    const char *words[8];   /* what is no option */
    size_t nwords;
};
/* Reads options in any order; prints what is wrong and returns false. */
bool args_read(const struct option_def *defs, size_t n, int argc, char **argv, struct args *ret);

/* Opens the tenant of --data / --db for a command; prints the reason when it fails. */
struct tenant *app_open(const char *dir, const char *db_url);
/* What a command ends with; a server stops its threads before. */
void app_close(struct tenant *t);
/* The same as app_open beside a running server, to read only: no lock, no upgrade, no users. */
struct tenant *app_open_beside(const char *dir, const char *db_url);
/* Whom a command acts as: this login, or the first administrator when it is NULL. */
int app_first_admin(struct tenant *t, const char *login, int64_t *ret_id, struct err *e) must_check;
int app_copy_file(const char *from, const char *to, struct err *e) must_check;
/* Prints an error for people: the text of its code, and the detail. */
void app_say_error(const struct messages *m, int rc, const struct err *e);
/* The language of the terminal, from LC_ALL, LC_MESSAGES, LANG. */
enum lang app_lang(void);

#endif
