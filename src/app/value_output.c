/*
 * value_output.c - how the commands of `patron value` show and write things: cells, numbers, fits,
 * files that are whole or not there, progress.
 */
#include "app/value_tool.h"

#include "base/json.h"
#include "core/messages/messages.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- Text ---- */

const char *value_date(int32_t day, char *out, size_t room)
{
    int32_t year;
    int month, mday;
    csv_civil_from_day(day, &year, &month, &mday);
    snprintf(out, room, "%04d-%02d-%02d", (int)year, month, mday);
    return out;
}

/* 1234567.5 -> 1,234,568 or 1,234,567.50 */
const char *value_grouped(double value, int decimals, char *out, size_t room)
{
    char plain[64];
    if (!isfinite(value) || fabs(value) > 1e30) {
        snprintf(out, room, "–");
        return out;
    }
    snprintf(plain, sizeof plain, "%.*f", decimals, fabs(value));
    size_t whole = strcspn(plain, "."), n = 0;
    if (value < 0.0)
        out[n++] = '-';
    for (size_t i = 0; plain[i] && n + 2 < room; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0)
            out[n++] = ',';
        out[n++] = plain[i];
    }
    out[n] = '\0';
    return out;
}

/* Columns a text takes on a terminal: two for CJK, which is every 3-byte character used here but –.
 */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if ((*p & 0xC0) != 0x80)
            width += *p >= 0xE3 ? 2 : 1;
    return width;
}

void value_line(const char *label, const char *value)
{
    printf("  %s", label);
    for (size_t w = width_of(label); w < 34; w++)
        putchar(' ');
    printf("%s\n", value);
}

void value_cell(const char *text, size_t width)
{
    for (size_t w = width_of(text); w < width; w++)
        putchar(' ');
    fputs(text, stdout);
}

void value_number_cell(double value, int decimals, size_t width)
{
    char text[64];
    snprintf(text, sizeof text, "%.*f", decimals, value);
    value_cell(isfinite(value) ? text : "–", width);
}

void value_cell_left(const char *text, size_t width)
{
    fputs(text, stdout);
    for (size_t w = width_of(text); w < width; w++)
        putchar(' ');
}

/* ---- A fit ---- */

void value_put_fit_json(struct jw *w, const struct pv_fit *fit)
{
    jw_key(w, fit->model);
    jw_obj(w);
    jw_key(w, "params");
    jw_obj(w);
    for (int i = 0; i < fit->params; i++)
        jw_kf64(w, fit->name[i], fit->param[i]);
    jw_obj_end(w);
    jw_key(w, "std_errors");
    jw_obj(w);
    for (int i = 0; i < fit->params; i++)
        jw_kf64(w, fit->name[i], fit->std_error[i]);
    jw_obj_end(w);
    jw_kf64(w, "loglik", fit->loglik);
    jw_kcstr(w, "verdict", pv_verdict_code(fit->verdict));
    jw_kbool(w, "usable", fit->usable);
    jw_ki64(w, "customers", (int64_t)fit->customers);
    jw_ki64(w, "iterations", fit->iterations);
    jw_obj_end(w);
}

/* "Verdict" and its text in this language; the code where there is none. */
static void show_verdict(enum pv_verdict verdict, enum lang lang)
{
    char value[512], code[64];
    struct arena *arena = arena_new(0);
    struct messages *messages = NULL;
    struct err e = {0};
    if (!arena || messages_load(&messages, &e))
        messages = NULL;
    snprintf(code, sizeof code, "verdict-%s", pv_verdict_code(verdict));
    struct str text = messages && message_known(messages, code)
                          ? message_text(messages, lang, code, NULL, 0, arena)
                          : str_of(pv_verdict_code(verdict));
    snprintf(value, sizeof value, STR_FMT, STR_ARG(text));
    value_line(value_say(lang, "Verdict", "判定"), value);
    messages_free(messages);
    arena_free(arena);
}

void value_show_fit(const struct pv_fit *fit, enum lang lang)
{
    char value[512];
    size_t n = 0, room = sizeof value;
    for (int i = 0; i < fit->params && isfinite(fit->param[i]) && n < room; i++) {
        n += (size_t)snprintf(value + n, room - n, "%s%s %.4f", i ? ", " : "", fit->name[i],
                              fit->param[i]);
        if (isfinite(fit->std_error[i]) && n < room)
            n += (size_t)snprintf(value + n, room - n, " ± %.4f", fit->std_error[i]);
    }
    value_line(fit->model, n ? value : "–");
    show_verdict(fit->verdict, lang);
}

void value_show_findings(const struct value_result *r, enum lang lang)
{
    for (int i = 0; i < r->findings; i++) {
        const struct pv_finding *f = &r->finding[i];
        char value[160];
        if (!f->found)
            continue;
        snprintf(value, sizeof value,
                 lang == LANG_ZH ? "占 %.0f %%，效应 %.2f，p %.1g"
                                 : "share %.0f %%, effect %.2f, p %.1g",
                 100.0 * f->share, f->effect, f->p_value);
        value_line(pv_verdict_code(f->verdict), value);
        show_verdict(f->verdict, lang);
    }
}

void value_put_findings_json(struct jw *w, const struct value_result *r)
{
    jw_key(w, "checks");
    jw_obj(w);
    for (int i = 0; i < r->findings; i++) {
        const struct pv_finding *f = &r->finding[i];
        jw_key(w, pv_verdict_code(f->verdict));
        jw_obj(w);
        jw_kbool(w, "asked", f->asked);
        jw_kbool(w, "found", f->found);
        jw_kf64(w, "share", f->share);
        jw_kf64(w, "effect", f->effect);
        jw_kf64(w, "p", f->p_value);
        jw_obj_end(w);
    }
    jw_obj_end(w);
}

int value_print_json(struct buf *json)
{
    buf_add_char(json, '\n');
    struct str text = buf_str(json);
    bool whole =
        !json->overflow && fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0;
    buf_free(json);
    return whole ? 0 : 1;
}

/* ---- Rows of a table ---- */

void value_put_text(FILE *f, struct csv_slice text)
{
    bool quote = false;
    for (size_t i = 0; i < text.len && !quote; i++)
        quote = strchr(",\"\r\n", text.ptr[i]) != NULL;
    if (!quote) {
        fwrite(text.ptr, 1, text.len, f);
        return;
    }
    putc('"', f);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            putc('"', f);
        putc(text.ptr[i], f);
    }
    putc('"', f);
}

void value_put_number(FILE *f, double value, int decimals)
{
    putc(',', f);
    if (isfinite(value))
        fprintf(f, "%.*f", decimals, value);
}

void value_put_minor(FILE *f, int64_t minor, int decimals)
{
    int64_t scale = 1;
    for (int i = 0; i < decimals; i++)
        scale *= 10;
    fprintf(f, ",%s%" PRId64, minor < 0 ? "-" : "", (minor < 0 ? -minor : minor) / scale);
    if (decimals > 0)
        fprintf(f, ".%0*" PRId64, decimals, (minor < 0 ? -minor : minor) % scale);
}

/* ---- Files ---- */

static char unfinished[4096]; /* removed when a signal ends the run */

static void on_signal(int number)
{
    if (unfinished[0])
        (void)unlink(unfinished);
    _exit(128 + number);
}

/* Only a file can be put in the place of another. A device or a pipe is written into: a rename
   would take /dev/null away from the whole machine. */
static bool can_be_replaced(const char *path)
{
    struct stat st;
    return stat(path, &st) != 0 || S_ISREG(st.st_mode);
}

static int cannot_write(const char *path, int why)
{
    fprintf(stderr, "%s: %s\n", path, strerror(why));
    return 1;
}

static int write_into(const char *path, value_put_fn *put, void *context)
{
    FILE *f = fopen(path, "we");
    bool whole = f && put(f, context) && !ferror(f) && fflush(f) == 0;
    int why = errno;
    if (f && fclose(f) != 0 && whole) {
        why = errno;
        whole = false;
    }
    return whole ? 0 : cannot_write(path, why);
}

static void on_signals(void (*handler)(int))
{
    struct sigaction act = {.sa_handler = handler};
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGHUP, &act, NULL);
}

int value_write(const char *path, value_put_fn *put, void *context)
{
    if (!path || strcmp(path, "-") == 0) {
        bool whole = put(stdout, context) && !ferror(stdout) && fflush(stdout) == 0;
        return whole ? 0 : cannot_write("-", errno);
    }
    if (!can_be_replaced(path))
        return write_into(path, put, context);
    if (snprintf(unfinished, sizeof unfinished, "%s.XXXXXX", path) >= (int)sizeof unfinished) {
        unfinished[0] = '\0';
        return cannot_write(path, ENAMETOOLONG);
    }
    on_signals(on_signal);
    int fd = mkstemp(unfinished);
    if (fd < 0) {
        int why = errno;
        unfinished[0] = '\0';
        on_signals(SIG_DFL);
        return cannot_write(path, why);
    }
    mode_t mask = umask(0);
    umask(mask);
    FILE *f = fdopen(fd, "w");
    bool whole = f && fchmod(fd, 0666 & ~mask) == 0 && put(f, context) && !ferror(f) &&
                 fflush(f) == 0 && fsync(fd) == 0;
    int why = errno;
    if (f ? fclose(f) != 0 : close(fd) != 0) {
        why = whole ? errno : why;
        whole = false;
    }
    if (whole && rename(unfinished, path) != 0) {
        why = errno;
        whole = false;
    }
    if (!whole)
        (void)unlink(unfinished);
    unfinished[0] = '\0';
    on_signals(SIG_DFL);
    return whole ? 0 : cannot_write(path, why);
}

/* ---- Progress ---- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void value_progress_start(struct value_progress *p, bool always)
{
    *p = (struct value_progress){.terminal = isatty(STDERR_FILENO) == 1, .began = seconds()};
    p->on = always || p->terminal;
    p->large = always;
}

static void show(struct value_progress *p, double share)
{
    char percent[16] = "";
    if (share >= 0.0)
        snprintf(percent, sizeof percent, " %3.0f %%", 100.0 * share);
    p->last = seconds();
    p->line = p->terminal;
    if (p->terminal)
        fprintf(stderr, "\r\033[K%s%s\r", p->what, percent); /* so that a reason covers it */
    else if (share < 0.0) /* not for a log: one line for each thing done */
        fprintf(stderr, "%s\n", p->what);
}

void value_progress_say(struct value_progress *p, const char *what)
{
    p->what = what;
    if (p->on && (p->large || seconds() - p->began > 1.0))
        show(p, -1.0);
}

void value_progress_share(struct value_progress *p, double share)
{
    double now = p->on && p->terminal ? seconds() : 0.0;
    if (now - p->last < 0.25 || now - p->began < 1.0)
        return;
    p->large = true; /* what follows on so much data takes its time, too */
    show(p, share < 1.0 ? share : 1.0);
}

void value_progress_end(struct value_progress *p)
{
    if (p->line)
        fputs("\r\033[K", stderr);
    p->line = false;
}
