/*
 * value_tool.h - the commands of `patron value`: one row each, with shared options, one way to read
 * a base of customers and to fit models to it, and one way to write files.
 *
 * Exit codes: 0 done; 1 the data or a file are not as they must be, or a number is not possible;
 * 2 the command line is not understood; 3 the model must not be trusted, so that nothing is
 * predicted from it (`fit` saves it all the same); 128 + n ended by signal n.
 */
#ifndef PATRON_APP_VALUE_TOOL_H
#define PATRON_APP_VALUE_TOOL_H

#include "app/value_report.h"
#include "patron_cohorts.h"
#include "patron_model_file.h"

#include <stdio.h>

enum { VALUE_SEED = 20240229, VALUE_MAX_MAPPINGS = 16, VALUE_EXAMPLES = 4, VALUE_UNUSABLE = 3 };

/* The compiler checks both texts where they are formats. */
static inline const char *value_say(enum lang lang, const char *en, const char *zh)
    __attribute__((format_arg(2), format_arg(3)));

static inline const char *value_say(enum lang lang, const char *en, const char *zh)
{
    return lang == LANG_ZH ? zh : en;
}

/* ---- Options (value_options.c) --------------------------------------------------------------- */

/* In the order of the help. */
enum value_option_id {
    VALUE_OPT_UNTIL,
    VALUE_OPT_LAST, /* --until where there is no file */
    VALUE_OPT_FROM,
    VALUE_OPT_CALIBRATE,
    VALUE_OPT_BETWEEN,
    VALUE_OPT_UNIT,
    VALUE_OPT_MODEL,
    VALUE_OPT_COVARIATES,
    VALUE_OPT_PENALTY,
    VALUE_OPT_NAME, /* --model where parameters are given */
    VALUE_OPT_PARAMS,
    VALUE_OPT_SPEND,
    VALUE_OPT_USING,
    VALUE_OPT_SAVE,
    VALUE_OPT_CUSTOMERS,
    VALUE_OPT_JOIN,
    VALUE_OPT_SEED,
    VALUE_OPT_HORIZON,
    VALUE_OPT_DISCOUNT,
    VALUE_OPT_RETURNS,
    VALUE_OPT_MAP,
    VALUE_OPT_SUMMARY,
    VALUE_OPT_CUTS,
    VALUE_OPT_BY,
    VALUE_OPT_ALIVE,
    VALUE_OPT_X,
    VALUE_OPT_TX,
    VALUE_OPT_T,
    VALUE_OPT_WHAT,
    VALUE_OPT_ROWS, /* --out of `patron value FILE` */
    VALUE_OPT_OUT,
    VALUE_OPT_JSON,
    VALUE_OPT_THREADS,
    VALUE_OPT_PROGRESS,
    VALUE_OPT_LANG,
    VALUE_OPTIONS
};
#define VALUE_BIT(name) (UINT64_C(1) << VALUE_OPT_##name)
/* What every command that reads customers understands. */
#define VALUE_READS                                                                                \
    (VALUE_BIT(UNTIL) | VALUE_BIT(UNIT) | VALUE_BIT(RETURNS) | VALUE_BIT(MAP) | VALUE_BIT(JSON) |  \
     VALUE_BIT(THREADS) | VALUE_BIT(PROGRESS) | VALUE_BIT(LANG))

struct value_options {
    const struct value_command *command;
    enum lang lang;
    struct value_input input;
    struct value_mapping mapping[VALUE_MAX_MAPPINGS];
    uint64_t given; /* bits of the options that were there */
    int32_t until, from, calibrate_to, between[2];
    double unit_days, horizon_days, discount, alive, penalty;
    double x, t_x, T;
    struct pv_rfm_edges cuts;
    enum pv_calendar calendar;
    bool json, help, summary, progress;
    const char *model; /* NULL: choose one */
    const char *params, *spend, *using, *save, *out, *what, *covariates;
    uint64_t customers, seed;
    int32_t join_days;
    int threads;
    struct value_progress *shown;
};

/* One command. `own` reads its arguments itself, the others get them read. */
struct value_command {
    const char *name; /* "" is `patron value FILE` */
    const char *file; /* "FILE.csv", or NULL where none is read */
    const char *what[LANGS];
    uint64_t options;
    const char *example[VALUE_EXAMPLES]; /* behind `patron value`; one after the other they run */
    int (*run)(struct value_options *o);
    int (*own)(int argc, char **argv);
};

/* 0, or 2 after saying why. */
int value_options_read(const struct value_command *command, int argc, char **argv,
                       struct value_options *ret_options);
void value_options_help(const struct value_command *command, enum lang lang);
int value_usage_error(const struct value_options *o, const char *option, const char *why);
/* --params by name or in order, of a model; 0, or 2 after saying why. */
int value_options_params(const struct value_options *o, const struct pv_model *model,
                         double *ret_param);
/* --spend p,q,gamma likewise; *ret_has is false where it was not given. */
int value_options_spend(const struct value_options *o, struct pv_gamma_gamma *ret_spend,
                        bool *ret_has);
/* Also before the options are read: from --lang among them, or the environment. */
enum lang value_options_lang(int argc, char **argv);

extern const struct value_command value_command_report, value_command_summary, value_command_fit,
    value_command_predict, value_command_compare, value_command_simulate, value_command_at,
    value_command_rfm, value_command_cohort, value_command_equity, value_command_plot;

/* ---- Customers and models (value_base.c) ----------------------------------------------------- */

struct value_base {
    struct value_data data; /* history: NULL when a summary was read */
    struct pv_customer *now;
    struct pv_customer *calibration; /* to --calibrate-to, with what came after; else NULL */
    size_t n;
    int32_t until, calibrate_to; /* PV_NO_DAY: not known, not asked for */
    double money_scale, holdout_units;
};

/* Reads orders, or a summary where the command takes one: 0, or an exit code after saying why. */
int value_base_load(struct value_options *o, struct value_base *ret_base);
void value_base_free(struct value_base *base);
/* A summary of customers (value_summary.c). */
bool value_summary_is(const struct value_options *o);
int value_summary_read(const struct value_options *o, struct value_base *base);

/* Fits o->model, or the best, and gamma-gamma into *r; fills what r says of data. Exit code. */
int value_base_fit(struct value_options *o, const struct value_base *base, struct value_result *r);
/* Asks the base itself (patron_check.h) up to the day of the fit; a summary cannot be asked. */
int value_base_check(const struct value_options *o, const struct value_base *base,
                     struct value_result *r);
/* Compares all models into *r. */
int value_base_choose(struct value_options *o, const struct value_base *base,
                      struct value_result *r);
int value_failed(const struct value_options *o, int error);

/* ---- Covariates (value_covariates.c) --------------------------------------------------------- */

/* Of every customer of a base. A text is a category: a column of 0 and 1 for each, named
 * header=text; the most frequent one is not in `use`, as what the others are compared with. */
struct value_covariates {
    size_t columns;
    char name[PV_MAX_COVARIATES][PV_COVARIATE_NAME];
    uint32_t use;
    double *z; /* n x columns */
};

/* Reads o->covariates; known: the columns of a model, NULL: whatever the file has. Exit code. */
int value_covariates_read(const struct value_options *o, const struct value_base *base,
                          const struct pv_model_covariates *known, struct value_covariates *ret);
void value_covariates_free(struct value_covariates *c);
/* The model and gamma-gamma with covariates into *r; exit code. */
int value_covariates_fit(struct value_options *o, const struct value_base *base,
                         const struct pv_customer *rows, const struct pv_fit_options *fit,
                         struct value_result *r);
void value_covariates_show(const struct value_result *r, enum lang lang);
void value_covariates_json(struct jw *w, const struct value_result *r);
void value_covariates_done(struct value_result *r);

/* Model files: 0, or an exit code after saying why. */
int value_model_save(const struct value_options *o, const struct value_base *base,
                     const struct value_result *r);
int value_model_load(const struct value_options *o, const char *path,
                     struct pv_model_file *ret_file);
/* Warns of data, dates and units that are not those of the file. */
void value_model_warn(const struct value_options *o, const struct value_base *base,
                      const struct pv_model_file *file);

/* ---- Output (value_output.c) ----------------------------------------------------------------- */

struct value_progress {
    bool on, terminal, line; /* line: something stands on the line that is written over */
    double began, last;
    bool large;
    const char *what;
};
void value_progress_start(struct value_progress *p, bool always);
/* What is being done now; shown when it may take a second. */
void value_progress_say(struct value_progress *p, const char *what);
/* ... and how much of it is done, 0 .. 1. */
void value_progress_share(struct value_progress *p, double share);
void value_progress_end(struct value_progress *p);

typedef bool value_put_fn(FILE *f, void *context);
/*
 * A file is written beside its final name and renamed when it is whole; a signal leaves the old one
 * or none. What is no regular file (a pipe, /dev/null) is written into. NULL and "-" are standard
 * output. 0, or 1 after saying why.
 */
int value_write(const char *path, value_put_fn *put, void *context);

const char *value_date(int32_t day, char *out, size_t room); /* room >= 16 */
/* 1234567.5 -> 1,234,568 or 1,234,567.50; – when it is no number. */
const char *value_grouped(double value, int decimals, char *out, size_t room);
void value_put_text(FILE *f, struct csv_slice text);        /* a cell, quoted where needed */
void value_put_number(FILE *f, double value, int decimals); /* with a comma before; NaN: none */
void value_put_minor(FILE *f, int64_t minor, int decimals); /* likewise */
void value_cell(const char *text, size_t width);            /* right-aligned on a terminal */
void value_cell_left(const char *text, size_t width);
void value_number_cell(double value, int decimals, size_t width);
void value_line(const char *label, const char *value);
void value_put_fit_json(struct jw *w, const struct pv_fit *fit);
void value_show_fit(const struct pv_fit *fit, enum lang lang);
/* What was found in the base, a line each; nothing when nothing was. */
void value_show_findings(const struct value_result *r, enum lang lang);
void value_put_findings_json(struct jw *w, const struct value_result *r);
/* Prints what was built and frees it; 0, or 1 when it could not be printed. */
int value_print_json(struct buf *json);

#endif
