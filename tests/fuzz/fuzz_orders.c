/* Files of orders and summaries as `patron value` reads them, in both languages: no bytes may hurt
 * it, and what it takes adds up. */
#include "fuzz.h"

#include "app/app.h"
#include "app/value_tool.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const fuzz_words[] = {"customer_id",
                                  "date",
                                  "amount",
                                  "x",
                                  "t_x",
                                  "T",
                                  "spend",
                                  "mean_spend",
                                  "revenue",
                                  "first_order",
                                  "frequency",
                                  "recency",
                                  "2024-01-05",
                                  "2024-12-31",
                                  "-5.00",
                                  "1,234.50",
                                  "\"",
                                  "\n",
                                  ",",
                                  ";",
                                  "\t",
                                  "\xe9\x87\x91\xe9\xa2\x9d",
                                  "\xe6\x97\xa5\xe6\x9c\x9f",
                                  "C1",
                                  "9999-12-31",
                                  "0001-01-01",
                                  "21000000",
                                  "1e15",
                                  NULL};

enum lang app_lang(void) /* the rest of app/common.c knows the whole house */
{
    return LANG_EN;
}

static const struct value_command command = {.name = "fuzz",
                                             .options = VALUE_READS | VALUE_BIT(SUMMARY)};

static void take(struct value_options *o)
{
    struct value_base b;
    if (value_base_load(o, &b))
        return;
    fuzz_must(b.n > 0 && b.n == intern_count(b.data.ids));
    for (size_t i = 0; i < b.n; i++) {
        const struct pv_customer *c = &b.now[i];
        fuzz_must(c->T == -1 || (c->T >= c->t_x && c->t_x >= 0 && c->x >= 0));
    }
    fuzz_must(pv_fingerprint(b.now, b.n) != 0);
    /* The same file once more, as what else is known of its customers. */
    struct value_covariates c;
    o->covariates = o->input.path;
    if (value_covariates_read(o, &b, NULL, &c) == 0) {
        fuzz_must(c.columns > 0 && c.columns <= PV_MAX_COVARIATES);
        for (size_t i = 0; i < b.n * c.columns; i++)
            fuzz_must(fabs(c.z[i]) <= 1e100);
        value_covariates_free(&c);
    }
    value_base_free(&b);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static int file = -1;
    static int quiet = -1;
    char path[64];
    struct value_progress progress;
    if (file < 0) {
        file = memfd_create("orders", MFD_CLOEXEC);
        quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
        fuzz_must(file >= 0 && quiet >= 0);
    }
    fuzz_must(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int loud = dup(STDERR_FILENO);
    fuzz_must(loud >= 0 && dup2(quiet, STDERR_FILENO) >= 0);
    value_progress_start(&progress, false);
    for (int k = 0; k < 3; k++) {
        struct value_options o = {.command = &command,
                                  .lang = (enum lang)(k % 2),
                                  .until = PV_NO_DAY,
                                  .calibrate_to = PV_NO_DAY,
                                  .unit_days = k ? 7.0 : 1.0,
                                  .summary = k == 2,
                                  .shown = &progress};
        o.input = (struct value_input){
            .path = path, .lang = o.lang, .mapping = o.mapping, .returns = (enum pv_returns)k};
        take(&o);
    }
    dup2(loud, STDERR_FILENO);
    close(loud);
}
