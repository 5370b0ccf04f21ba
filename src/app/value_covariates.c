/*
 * value_covariates.c - what is known about customers beside their purchases: a file with a row for
 * each, and models fitted with it.
 *
 * The file is read twice: what the columns are, numbers or categories, is known when all of it was
 * seen. Rows of customers who are not in the base do not count.
 */
#include "app/value_tool.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_ERRORS = 10, LEVELS = PV_MAX_COVARIATES };

struct level {
    char text[PV_COVARIATE_NAME];
    uint64_t customers;
    size_t column; /* of z */
};

/* A column of the file. */
struct source {
    size_t at;
    char header[PV_COVARIATE_NAME];
    bool number, wanted; /* wanted: the model has it */
    size_t column;       /* of z, of a number */
    size_t levels;       /* LEVELS + 1: too many */
    struct level level[LEVELS + 1];
};

struct reading {
    const struct value_options *o;
    struct value_input input;
    const struct value_base *base;
    struct value_covariates *into;
    struct intern *ids;
    size_t customer;
    size_t sources;
    struct source source[PV_MAX_COVARIATES];
    bool *seen;
    uint64_t wrong;
};

typedef void take_fn(struct reading *g, struct source *s, const struct csv_record *r, size_t who);

static bool number_of(struct csv_slice text, double *ret)
{
    char copy[64], *end = copy;
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret = strtod(copy, &end);
    return end == copy + text.len && fabs(*ret) <= 1e100;
}

static void wrong_cell(struct reading *g, const struct source *s, const struct csv_record *r,
                       const char *why, const char *code)
{
    value_read_cell(&g->input, s->header, r->number, csv_trim(r->field[s->at]), why, code);
    g->wrong++;
}

/* ---- What the columns are -------------------------------------------------------------------- */

/* A header, or a category, becomes a name in a model file. */
static bool can_be_kept(struct csv_slice text, size_t room)
{
    bool good = text.len > 0 && text.len < room;
    for (size_t i = 0; good && i < text.len; i++)
        good = (unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != '"' && text.ptr[i] != '\\';
    return good;
}

static struct level *level_of(struct source *s, struct csv_slice text)
{
    for (size_t k = 0; k < s->levels && k < LEVELS; k++)
        if (strlen(s->level[k].text) == text.len &&
            memcmp(s->level[k].text, text.ptr, text.len) == 0)
            return &s->level[k];
    return NULL;
}

static void look(struct reading *g, struct source *s, const struct csv_record *r, size_t who)
{
    struct csv_slice text = csv_trim(r->field[s->at]);
    double value;
    (void)who;
    if (text.len == 0)
        return; /* found again, and reported, in the second pass */
    if (s->number && !number_of(text, &value))
        s->number = false;
    if (s->levels > LEVELS)
        return;
    struct level *l = level_of(s, text);
    if (!l && s->levels == LEVELS) {
        s->levels++;
    } else if (!l && can_be_kept(text, sizeof l->text - strlen(s->header) - 1)) {
        l = &s->level[s->levels++];
        memcpy(l->text, text.ptr, text.len);
    } else if (!l && !s->number) {
        wrong_cell(g, s, r,
                   value_say(g->o->lang, "cannot be the name of a category", "不能作为类别名称"),
                   "out-of-range");
    }
    if (l)
        l->customers++;
}

static int by_customers(const void *left, const void *right)
{
    const struct level *l = left, *r = right;
    if (l->customers != r->customers)
        return l->customers > r->customers ? -1 : 1;
    return strcmp(l->text, r->text);
}

static int too_many(const struct reading *g, const char *header)
{
    fprintf(stderr,
            value_say(g->o->lang,
                      "%s: column \"%s\": more than %d columns and categories altogether "
                      "[too-many]\n",
                      "%s：列“%s”：各列与各类别合计超过 %d 个 [too-many]\n"),
            g->input.path, header, PV_MAX_COVARIATES);
    return 1;
}

static size_t add_column(struct value_covariates *c, const char *header, const char *level,
                         bool use)
{
    snprintf(c->name[c->columns], sizeof c->name[0], "%s%s%s", header, level ? "=" : "",
             level ? level : "");
    if (use)
        c->use |= UINT32_C(1) << c->columns;
    return c->columns++;
}

static int name_columns(struct reading *g)
{
    struct value_covariates *c = g->into;
    for (size_t i = 0; i < g->sources; i++) {
        struct source *s = &g->source[i];
        size_t more = s->number ? 1 : s->levels;
        s->wanted = true;
        if (c->columns + more > PV_MAX_COVARIATES)
            return too_many(g, s->header);
        if (s->number) {
            s->column = add_column(c, s->header, NULL, true);
            continue;
        }
        qsort(s->level, s->levels, sizeof s->level[0], by_customers);
        for (size_t k = 0; k < s->levels; k++)
            s->level[k].column = add_column(c, s->header, s->level[k].text, k > 0 || more == 1);
    }
    return 0;
}

/* The columns as a model knows them. */
static int known_columns(struct reading *g, const struct pv_model_covariates *known)
{
    bool found[PV_MAX_COVARIATES] = {false};
    g->into->columns = known->columns;
    memcpy(g->into->name, known->name, sizeof known->name);
    for (size_t i = 0; i < g->sources; i++) {
        struct source *s = &g->source[i];
        size_t n = strlen(s->header);
        for (size_t j = 0; j < known->columns; j++) {
            const char *name = known->name[j];
            bool number = strcmp(name, s->header) == 0;
            if (!number && (strncmp(name, s->header, n) != 0 || name[n] != '='))
                continue;
            found[j] = s->wanted = true;
            s->number = number;
            s->column = j;
            if (!number) {
                struct level *l = &s->level[s->levels++];
                snprintf(l->text, sizeof l->text, "%s", name + n + 1);
                l->column = j;
            }
        }
    }
    for (size_t j = 0; j < known->columns; j++) {
        if (found[j])
            continue;
        fprintf(stderr,
                value_say(g->o->lang, "%s:1: no column for \"%s\" of the model [missing-column]\n",
                          "%s:1：没有模型中“%s”对应的列 [missing-column]\n"),
                g->input.path, known->name[j]);
        return 1;
    }
    return 0;
}

static int read_head(struct reading *g, const struct csv_record *r)
{
    g->customer = SIZE_MAX;
    g->sources = 0;
    for (size_t i = 0; i < r->fields && g->customer == SIZE_MAX; i++)
        if (value_read_names(VALUE_CUSTOMER, r->field[i]))
            g->customer = i;
    if (g->customer == SIZE_MAX) {
        fprintf(stderr,
                value_say(g->o->lang, "%s:1: no column looks like the customer [missing-column]\n",
                          "%s:1：找不到客户列 [missing-column]\n"),
                g->input.path);
        return 1;
    }
    for (size_t i = 0; i < r->fields; i++) {
        struct csv_slice header = csv_trim(r->field[i]);
        if (i == g->customer)
            continue;
        if (g->sources == PV_MAX_COVARIATES)
            return too_many(g, "…");
        struct source *s = &g->source[g->sources++];
        memset(s, 0, sizeof *s);
        s->at = i;
        s->number = true;
        if (!can_be_kept(header, 48)) {
            fprintf(stderr,
                    value_say(g->o->lang,
                              "%s:1: column %zu: a name of at most 47 bytes is needed, without "
                              "quotes and backslashes [header]\n",
                              "%s:1：第 %zu 列：列名须有，且不超过 47 字节、不含引号与反斜杠 "
                              "[header]\n"),
                    g->input.path, i + 1);
            return 1;
        }
        memcpy(s->header, header.ptr, header.len);
        for (size_t k = 0; k + 1 < g->sources; k++) {
            if (strcmp(g->source[k].header, s->header) != 0)
                continue;
            fprintf(stderr,
                    value_say(g->o->lang, "%s:1: the column \"%s\" appears twice\n",
                              "%s:1：列名“%s”出现了两次\n"),
                    g->input.path, s->header);
            return 1;
        }
    }
    if (g->sources)
        return 0;
    fprintf(stderr,
            value_say(g->o->lang, "%s:1: nothing but customers in it [missing-column]\n",
                      "%s:1：除客户外没有其他列 [missing-column]\n"),
            g->input.path);
    return 1;
}

static void say_more(const struct reading *g, uint64_t shown)
{
    if (shown >= SHOWN_ERRORS)
        fprintf(stderr,
                value_say(g->o->lang, "%s: more may follow; stopped after %d\n",
                          "%s：可能还有更多错误；已在 %d 个后停止\n"),
                g->input.path, SHOWN_ERRORS);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void take(struct reading *g, struct source *s, const struct csv_record *r, size_t who)
{
    struct csv_slice text = csv_trim(r->field[s->at]);
    double *z = g->into->z + who * g->into->columns, value;
    enum lang lang = g->o->lang;
    if (!s->wanted)
        return;
    if (text.len == 0) {
        wrong_cell(g, s, r, value_read_cell_text(lang, CSV_CELL_EMPTY), "empty");
    } else if (s->number) {
        if (number_of(text, &value))
            z[s->column] = value;
        else
            wrong_cell(g, s, r, value_read_cell_text(lang, CSV_CELL_NUMBER), "number");
    } else {
        const struct level *l = level_of(s, text);
        if (l)
            z[l->column] = 1.0;
        else
            wrong_cell(g, s, r,
                       value_say(lang, "is no category that the model knows", "不是模型认识的类别"),
                       "unknown");
    }
}

static int one_row(struct reading *g, const struct csv_record *r, take_fn *each)
{
    uint32_t who;
    size_t need = g->customer;
    for (size_t i = 0; i < g->sources; i++)
        need = g->source[i].at > need ? g->source[i].at : need;
    if (r->fields <= need) {
        fprintf(stderr,
                value_say(g->o->lang,
                          "%s:%llu: %zu fields, at least %zu expected [missing-column]\n",
                          "%s:%llu：只有 %zu 个字段，至少需要 %zu 个 [missing-column]\n"),
                g->input.path, (unsigned long long)r->number, r->fields, need + 1);
        g->wrong++;
        return 0;
    }
    struct csv_slice id = csv_trim(r->field[g->customer]);
    if (intern_one(g->ids, id, &who))
        return value_failed(g->o, PV_ERR_NO_MEMORY);
    if (who >= g->base->n)
        return 0;
    if (each == take) {
        if (g->seen[who]) {
            value_read_cell(&g->input, "customer_id", r->number, id,
                            value_say(g->o->lang, "stands twice", "出现了两次"), "duplicate");
            g->wrong++;
        }
        g->seen[who] = true;
    }
    for (size_t i = 0; i < g->sources; i++)
        each(g, &g->source[i], r, who);
    return 0;
}

static int is_empty(const struct reading *g)
{
    fprintf(stderr,
            value_say(g->o->lang, "%s: the file is empty [empty]\n", "%s：文件是空的 [empty]\n"),
            g->input.path);
    return 1;
}

static int walk(struct reading *g, take_fn *each)
{
    struct csv_reader *reader = NULL;
    struct csv_record r;
    int code = 0, rc = 0, fd = open(g->input.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "%s: %s\n", g->input.path, strerror(errno));
        return 1;
    }
    if (csv_new_fd(fd, NULL, &reader))
        code = value_failed(g->o, PV_ERR_NO_MEMORY);
    for (bool head = true; code == 0 && g->wrong < SHOWN_ERRORS; head = false) {
        rc = csv_next(reader, &r);
        if (rc <= 0) {
            if (rc < 0)
                code = value_read_failed(&g->input, reader);
            else if (head)
                code = is_empty(g);
            break;
        }
        if (!head)
            code = one_row(g, &r, each);
        else if (each != take)
            code = read_head(g, &r);
    }
    csv_free(reader);
    close(fd);
    say_more(g, g->wrong);
    return code ? code : g->wrong > 0;
}

/* Nobody may be missing. */
static int check_all(struct reading *g)
{
    uint64_t missing = 0;
    for (size_t i = 0; i < g->base->n && missing < SHOWN_ERRORS; i++) {
        if (g->seen[i] || g->base->now[i].T < 0)
            continue;
        struct csv_slice id = intern_text(g->base->data.ids, (uint32_t)i);
        fprintf(stderr,
                value_say(g->o->lang, "%s: no row of customer \"%.*s\" [missing]\n",
                          "%s：没有客户“%.*s”的行 [missing]\n"),
                g->input.path, (int)(id.len < 40 ? id.len : 40), id.ptr);
        missing++;
    }
    say_more(g, missing);
    return missing > 0;
}

static int read_all(struct reading *g, const struct pv_model_covariates *known)
{
    struct value_covariates *c = g->into;
    uint32_t number;
    if (intern_new(&g->ids))
        return value_failed(g->o, PV_ERR_NO_MEMORY);
    for (size_t i = 0; i < g->base->n; i++)
        if (intern_one(g->ids, intern_text(g->base->data.ids, (uint32_t)i), &number))
            return value_failed(g->o, PV_ERR_NO_MEMORY);
    int rc = walk(g, look);
    if (rc)
        return rc;
    for (size_t i = 0; known && i < g->sources; i++)
        g->source[i].levels = 0;
    rc = known ? known_columns(g, known) : name_columns(g);
    if (rc)
        return rc;
    c->z = calloc(g->base->n * c->columns + 1, sizeof *c->z);
    g->seen = calloc(g->base->n + 1, sizeof *g->seen);
    if (!c->z || !g->seen)
        return value_failed(g->o, PV_ERR_NO_MEMORY);
    rc = walk(g, take);
    return rc ? rc : check_all(g);
}

int value_covariates_read(const struct value_options *o, const struct value_base *base,
                          const struct pv_model_covariates *known, struct value_covariates *ret)
{
    struct value_covariates c = {0};
    struct reading *g = calloc(1, sizeof *g);
    if (!g)
        return value_failed(o, PV_ERR_NO_MEMORY);
    g->o = o;
    g->input = (struct value_input){.path = o->covariates, .lang = o->lang};
    g->base = base;
    g->into = &c;
    int rc = read_all(g, known);
    intern_free(g->ids);
    free(g->seen);
    free(g);
    if (rc)
        value_covariates_free(&c);
    else
        *ret = c;
    return rc;
}

void value_covariates_free(struct value_covariates *c)
{
    free(c->z);
    c->z = NULL;
}

/* ---- Fits ------------------------------------------------------------------------------------ */

static int fit_one(const struct value_options *o, const struct value_covariates *c,
                   const struct pv_model *model, const struct pv_customer *rows, size_t n,
                   const struct pv_fit_options *fit, struct pv_covariate_fit **ret_fit)
{
    struct pv_covariates covariates = {c->z, c->columns};
    struct pv_covariate_options options = {.fit = *fit};
    for (int p = 0; p < pv_process_count(model); p++) {
        options.use[p] = c->use;
        options.lambda[p] = o->penalty;
    }
    int rc = pv_covariate_fit_new(model, rows, n, &covariates, &options, ret_fit);
    return rc ? value_failed(o, rc) : 0;
}

int value_covariates_fit(struct value_options *o, const struct value_base *b,
                         const struct pv_customer *rows, const struct pv_fit_options *fit,
                         struct value_result *r)
{
    struct value_covariates c = {0};
    struct pv_model_covariates *with = calloc(1, sizeof *with);
    if (!with)
        return value_failed(o, PV_ERR_NO_MEMORY);
    r->covariates = with;
    int rc = value_covariates_read(o, b, NULL, &c);
    with->columns = c.columns;
    memcpy(with->name, c.name, sizeof c.name);
    if (rc == 0)
        rc = fit_one(o, &c, pv_model_find(r->buying.model), rows, b->n, fit, &with->fit);
    if (rc == 0)
        rc = fit_one(o, &c, pv_model_find("gamma-gamma"), rows, b->n, fit, &with->spend);
    value_covariates_free(&c);
    if (rc)
        return rc;
    r->buying = with->fit->typical;
    r->gamma_gamma = with->spend->typical;
    return 0;
}

void value_covariates_done(struct value_result *r)
{
    if (!r->covariates)
        return;
    pv_covariate_fit_free(r->covariates->fit);
    pv_covariate_fit_free(r->covariates->spend);
    free(r->covariates);
    r->covariates = NULL;
}

/* ---- What is shown --------------------------------------------------------------------------- */

static const char *process_words(const char *process, enum lang lang)
{
    static const struct {
        const char *name, *words[LANGS];
    } all[] = {{"purchases", {"purchases", "购买频率"}},
               {"leaving", {"leaving", "流失"}},
               {"staying", {"staying", "留存"}},
               {"spend", {"spend", "每次金额"}}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].name, process) == 0)
            return all[i].words[lang];
    return process;
}

static void show_one(const struct pv_model_covariates *all, const struct pv_covariate_fit *f,
                     enum lang lang)
{
    const struct pv_model *model = pv_model_find(f->typical.model);
    char label[160], value[160];
    if (f->column != SIZE_MAX)
        value_line(value_say(lang, "Covariate", "协变量"), all->name[f->column]);
    for (size_t j = 0; j < f->coefficients && isfinite(f->coefficient[j].value); j++) {
        const struct pv_coefficient *c = &f->coefficient[j];
        snprintf(label, sizeof label, "  %s",
                 process_words(pv_process_name(model, c->process, NULL), lang));
        int n = snprintf(value, sizeof value, "%s %+.4f", all->name[c->column], c->value);
        if (isfinite(c->std_error) && n > 0 && (size_t)n < sizeof value)
            n += snprintf(value + n, sizeof value - (size_t)n, " ± %.4f", c->std_error);
        if (n > 0 && (size_t)n < sizeof value)
            snprintf(value + n, sizeof value - (size_t)n, "  (× %.3g)", exp(c->value));
        value_line(label, value);
    }
}

/* Categories that others are compared with have no coefficient. */
static bool has_coefficient(const struct pv_covariate_fit *f, size_t column)
{
    for (size_t j = 0; j < f->coefficients; j++)
        if (f->coefficient[j].column == column)
            return true;
    return false;
}

void value_covariates_show(const struct value_result *r, enum lang lang)
{
    const struct pv_model_covariates *c = r->covariates;
    if (!c)
        return;
    value_line(value_say(lang, "Coefficients", "系数"),
               value_say(lang, "parameters above: at the mean of the covariates",
                         "以上参数：协变量取均值时"));
    for (size_t j = 0; j < c->columns; j++)
        if (!has_coefficient(c->fit, j))
            value_line(value_say(lang, "  compared with", "  对照类别"), c->name[j]);
    show_one(c, c->fit, lang);
    show_one(c, c->spend, lang);
}

static void json_one(struct jw *w, const struct pv_model_covariates *all,
                     const struct pv_covariate_fit *f)
{
    const struct pv_model *model = pv_model_find(f->typical.model);
    for (size_t j = 0; j < f->coefficients; j++) {
        const struct pv_coefficient *c = &f->coefficient[j];
        jw_obj(w);
        jw_kcstr(w, "model", f->typical.model);
        jw_kcstr(w, "process", pv_process_name(model, c->process, NULL));
        jw_kcstr(w, "column", all->name[c->column]);
        jw_kf64(w, "value", c->value);
        jw_kf64(w, "std_error", c->std_error);
        jw_kf64(w, "effect", c->effect);
        jw_obj_end(w);
    }
}

void value_covariates_json(struct jw *w, const struct value_result *r)
{
    const struct pv_model_covariates *c = r->covariates;
    if (!c)
        return;
    jw_key(w, "covariates");
    jw_arr(w);
    json_one(w, c, c->fit);
    json_one(w, c, c->spend);
    jw_arr_end(w);
    jw_key(w, "compared_with");
    jw_arr(w);
    for (size_t j = 0; j < c->columns; j++)
        if (!has_coefficient(c->fit, j))
            jw_cstr(w, c->name[j]);
    jw_arr_end(w);
}
