/* Model files: what is read can be written and is then the same text; what is refused has a reason.
 */
#include "fuzz.h"

#include "patron_model_file.h"

#include <stdlib.h>
#include <string.h>

const char *const fuzz_words[] = {"\"format\":",
                                  "\"patron-value-model\"",
                                  "\"version\":",
                                  "\"until\":",
                                  "\"1997-09-30\"",
                                  "null",
                                  "true",
                                  "false",
                                  "\"fit\":",
                                  "\"spend\":",
                                  "\"model\":",
                                  "\"bg-nbd\"",
                                  "\"mbg-nbd\"",
                                  "\"pareto-nbd\"",
                                  "\"ggompertz-nbd\"",
                                  "\"nbd\"",
                                  "\"bg-cnbd-3\"",
                                  "\"bg-bb\"",
                                  "\"sbg\"",
                                  "\"gamma-gamma\"",
                                  "\"params\":",
                                  "\"r\":",
                                  "\"alpha\":",
                                  "\"a\":",
                                  "\"b\":",
                                  "\"s\":",
                                  "\"beta\":",
                                  "\"std_errors\":",
                                  "\"log_covariance\":",
                                  "[[",
                                  "]]",
                                  "{",
                                  "}",
                                  ",",
                                  "\"usable\":",
                                  "\"verdict\":",
                                  "\"ok\"",
                                  "\"ridge\"",
                                  "\"covariates\":",
                                  "\"columns\":",
                                  "\"centre\":",
                                  "\"coefficients\":",
                                  "\"covariance\":",
                                  "\"process\":",
                                  "\"purchases\"",
                                  "\"leaving\"",
                                  "\"column\":",
                                  "\"value\":",
                                  "\"effect\":",
                                  NULL};

/* Whatever may be read may be used. */
static void use(const struct pv_fit *fit)
{
    const struct pv_model *m = pv_model_find(fit->model);
    if (!fit->usable || pv_model_kind(m) != PV_KIND_BUYING)
        return;
    double alive = pv_predict_alive(m, fit->param, 2.0, 30.0, 40.0, 0.0);
    double more = pv_predict_expected(m, fit->param, 2.0, 30.0, 40.0, 10.0);
    fuzz_must(!(alive < -1e-9 || alive > 1.0 + 1e-9));
    fuzz_must(!(more < 0.0));
}

static void use_covariates(const struct pv_covariate_fit *f)
{
    double z[PV_MAX_COVARIATES];
    struct pv_fit at;
    for (size_t j = 0; j < f->columns; j++)
        z[j] = f->centre[j];
    if (pv_covariate_at(f, z, &at) == 0)
        use(&at);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    struct pv_model_file file, again;
    struct pv_file_error error = {.fault = PV_FILE_FAULTS};
    static char first[PV_MODEL_FILE_MAX], second[PV_MODEL_FILE_MAX];
    size_t n = 0, m = 0;
    if (pv_model_file_parse((const char *)data, size, &file, &error)) {
        fuzz_must(error.fault < PV_FILE_FAULTS && error.byte <= size);
        fuzz_must(memchr(error.field, '\0', sizeof error.field) != NULL);
        return;
    }
    fuzz_must(pv_model_file_write(&file, first, sizeof first, &n) == 0);
    fuzz_must(pv_model_file_parse(first, n, &again, NULL) == 0);
    fuzz_must(pv_model_file_write(&again, second, sizeof second, &m) == 0);
    fuzz_must(n == m && memcmp(first, second, n) == 0);
    use(&file.fit);
    if (file.covariates)
        use_covariates(file.covariates->fit);
    pv_model_file_free(&file);
    pv_model_file_free(&again);
}
