/* value_model.c - models as files: saved, read, and held against the data they are used on. */
#include "app/value_tool.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct saved {
    char text[PV_MODEL_FILE_MAX];
    size_t length;
};

static bool put_saved(FILE *f, void *context)
{
    const struct saved *s = context;
    return fwrite(s->text, 1, s->length, f) == s->length;
}

int value_model_save(const struct value_options *o, const struct value_base *b,
                     const struct value_result *r)
{
    const struct pv_customer *rows = b->calibration ? b->calibration : b->now;
    struct pv_model_file file = {.fit = r->buying,
                                 .has_spend = true,
                                 .spend = r->gamma_gamma,
                                 .until = b->calibration ? b->calibrate_to : b->until,
                                 .money_scale = b->money_scale,
                                 .fingerprint = pv_fingerprint(rows, b->n),
                                 .covariates = r->covariates};
    struct saved *s = malloc(sizeof *s);
    int rc = s ? pv_model_file_write(&file, s->text, sizeof s->text, &s->length) : PV_ERR_NO_MEMORY;
    int code = rc ? value_failed(o, rc) : value_write(o->save, put_saved, s);
    free(s);
    return code;
}

static void say_fault(const struct value_options *o, const char *path,
                      const struct pv_file_error *e)
{
    static const char *const texts[PV_FILE_FAULTS][LANGS] = {
        [PV_FILE_SYNTAX] = {"this is not JSON", "不是 JSON"},
        [PV_FILE_TOO_LARGE] = {"too large for a model", "文件过大，不是模型文件"},
        [PV_FILE_TOO_DEEP] = {"too many brackets within each other", "嵌套过深"},
        [PV_FILE_FORMAT] = {"this is no model that `patron value fit --save` wrote",
                            "不是由 patron value fit --save 保存的模型"},
        [PV_FILE_VERSION] = {"written by a later version of the program", "由更新版本的程序写成"},
        [PV_FILE_MISSING] = {"is missing", "缺失"},
        [PV_FILE_UNKNOWN] = {"there is no such field", "没有这个字段"},
        [PV_FILE_TWICE] = {"stands twice", "出现了两次"},
        [PV_FILE_TYPE] = {"another kind of value belongs here", "值的类型不对"},
        [PV_FILE_RANGE] = {"a value that is not possible", "数值不可能"},
        [PV_FILE_COUNT] = {"too few or too many numbers", "数值个数不对"},
        [PV_FILE_MODEL] = {"no model of this name belongs here", "此处没有这个名称的模型"},
        [PV_FILE_VERDICT] = {"there is no such verdict", "没有这种判定"},
        [PV_FILE_NOT_POSITIVE] = {"not a covariance: it is not positive semi-definite",
                                  "不是协方差矩阵：并非半正定"},
    };
    fprintf(stderr,
            value_say(o->lang, "%s: byte %zu: %s%s%s [%s]\n", "%s：字节 %zu：%s%s%s [%s]\n"), path,
            e->byte, e->field, e->field[0] ? value_say(o->lang, ": ", "：") : "",
            texts[e->fault][o->lang], pv_file_fault_code(e->fault));
}

int value_model_load(const struct value_options *o, const char *path,
                     struct pv_model_file *ret_file)
{
    struct pv_file_error e;
    FILE *f = fopen(path, "re");
    if (!f) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    char *text = malloc(PV_MODEL_FILE_MAX + 1);
    if (!text) {
        (void)fclose(f);
        return value_failed(o, PV_ERR_NO_MEMORY);
    }
    size_t n = fread(text, 1, PV_MODEL_FILE_MAX + 1, f);
    int why = ferror(f) ? errno : 0;
    (void)fclose(f); /* read only: nothing can be lost */
    if (why) {
        fprintf(stderr, "%s: %s\n", path, strerror(why));
        free(text);
        return 1;
    }
    int rc = pv_model_file_parse(text, n, ret_file, &e);
    free(text);
    if (rc) {
        say_fault(o, path, &e);
        return 1;
    }
    if (!ret_file->covariates || o->command->options & VALUE_BIT(COVARIATES))
        return 0;
    fprintf(stderr,
            value_say(o->lang,
                      "%s: a model with covariates: only `patron value predict` knows what to do "
                      "with it\n",
                      "%s：带协变量的模型只能用于 patron value predict\n"),
            path);
    pv_model_file_free(ret_file);
    return 1;
}

void value_model_warn(const struct value_options *o, const struct value_base *b,
                      const struct pv_model_file *file)
{
    char made[16], now[16];
    if (o->given & VALUE_BIT(UNIT) && o->unit_days != file->fit.unit_days)
        fprintf(stderr,
                value_say(o->lang,
                          "warning: the model counts in units of %g days; --unit is not used\n",
                          "警告：模型以 %g 天为单位；不采用 --unit\n"),
                file->fit.unit_days);
    if (file->until != PV_NO_DAY && b->until != PV_NO_DAY && file->until != b->until)
        fprintf(stderr,
                value_say(o->lang,
                          "warning: the model was fitted to what was observed until %s; these "
                          "customers are seen until %s\n",
                          "警告：模型依据截至 %s 的数据拟合；这些客户观察至 %s\n"),
                value_date(file->until, made, sizeof made), value_date(b->until, now, sizeof now));
    else if (file->fingerprint && file->fingerprint != pv_fingerprint(b->now, b->n))
        fputs(value_say(o->lang, "warning: the model was fitted to other customers than these\n",
                        "警告：模型不是依据这些客户拟合的\n"),
              stderr);
}
