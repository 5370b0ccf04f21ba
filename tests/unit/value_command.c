/* `patron value` as people run it: the models by name, the choice among them, what is refused. The
 * program to run is the first argument. */
#include "value_test.h"

#include <jansson.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;
static char orders[] = "/tmp/patron_value_XXXXXX";

static void write_orders(void)
{
    int fd = mkstemp(orders);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    const struct pv_model *m = pv_model_find("pareto-nbd");
    const double p[] = {0.8, 10.0, 0.6, 12.0};
    fputs("customer,date,amount\n", f);
    for (uint64_t i = 0; i < 1500; i++) {
        struct pv_rng rng;
        struct pv_future future;
        double t = 0.0;
        pv_rng_start(&rng, 51, i);
        int first = (int)(i % 84);
        m->buying->draw(m, p, 0, 0, &rng, &future);
        do {
            int day = first + (int)ceil(7.0 * t); /* months of 28 days keep the dates simple */
            fprintf(f, "c%d,20%02d-%02d-%02d,%d.50\n", (int)i, 10 + day / 336, 1 + day / 28 % 12,
                    1 + day % 28, 5 + (int)(pv_rng_gamma(&rng, 3.0) * 10.0));
            t += pv_rng_exponential(&rng) / future.rate;
        } while (t < future.life && t < 90.0);
    }
    assert_int_equal(fclose(f), 0);
}

/* Runs it; the output belongs to the caller. */
static char *run(const char *options, int *ret_exit)
{
    char command[4096];
    size_t room = 1 << 20, n = 0;
    char *out = calloc(1, room);
    assert_non_null(out);
    snprintf(command, sizeof command, "%s value %s --lang en %s 2>&1", program, orders, options);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    while (n < room - 1) {
        size_t got = fread(out + n, 1, room - 1 - n, p);
        if (got == 0)
            break;
        n += got;
    }
    int status = pclose(p);
    *ret_exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return out;
}

static json_t *run_json(const char *options)
{
    char with[256];
    int code;
    snprintf(with, sizeof with, "--json %s", options);
    char *out = run(with, &code);
    assert_int_equal(code, 0);
    json_t *root = json_loads(out, 0, NULL);
    assert_non_null(root);
    free(out);
    return root;
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static void without_a_word_it_is_bg_nbd(void **state)
{
    (void)state;
    json_t *plain = run_json(""), *named = run_json("--model bg-nbd");
    assert_true(json_equal(plain, named));
    assert_string_equal(text(plain, "model"), "bg-nbd");
    const json_t *models = json_object_get(plain, "models");
    assert_non_null(json_object_get(models, "bg-nbd"));
    assert_non_null(json_object_get(models, "gamma-gamma"));
    assert_null(json_object_get(plain, "choice"));
    json_decref(plain);
    json_decref(named);
}

static void every_model_has_its_name(void **state)
{
    (void)state;
    const struct pv_model *m;
    for (size_t i = 0; (m = pv_model_at(i)); i++) {
        char options[64];
        if (pv_model_kind(m) != PV_KIND_BUYING || !stands_for_others(m))
            continue;
        snprintf(options, sizeof options, "--model %s", pv_model_name(m));
        json_t *root = run_json(options);
        const json_t *fit = json_object_get(json_object_get(root, "models"), pv_model_name(m));
        assert_string_equal(text(root, "model"), pv_model_name(m));
        assert_non_null(fit);
        assert_int_equal(json_object_size(json_object_get(fit, "params")),
                         (size_t)pv_model_params(m));
        if (json_is_true(json_object_get(fit, "usable")))
            assert_true(json_number_value(json_object_get(root, "expected_orders")) > 0.0);
        json_decref(root);
    }
}

static void auto_shows_what_it_compared(void **state)
{
    (void)state;
    int code;
    json_t *root = run_json("--model auto"), *c;
    const json_t *choice = json_object_get(root, "choice");
    size_t i, chosen = 0;
    json_array_foreach(json_object_get(choice, "candidates"), i, c)
    {
        if (!json_is_true(json_object_get(c, "chosen")))
            continue;
        chosen++;
        assert_string_equal(text(c, "model"), text(root, "model"));
        assert_true(json_number_value(json_object_get(c, "rmse")) > 0.0);
    }
    assert_true(i >= 4);
    assert_int_equal(chosen, 1);
    assert_string_not_equal(text(root, "model"), "nbd"); /* they do leave */
    assert_true(strlen(text(choice, "fitted_to")) == 10);
    json_decref(root);
    char *out = run("--model auto --calibrate-to 2011-01-01 --horizon 26w", &code);
    assert_int_equal(code, 0);
    assert_non_null(strstr(out, "→ "));
    assert_non_null(strstr(out, "pareto-nbd"));
    assert_non_null(strstr(out, "RMSE"));
    free(out);
}

static void other_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"--model crystal-ball", "--model gamma-gamma", "--model sbg",
                                      "--model ''", "--model"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int code;
        char *out = run(bad[i], &code);
        assert_int_equal(code, 2);
        assert_non_null(strstr(out, "--model"));
        free(out);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_word_it_is_bg_nbd),
        cmocka_unit_test(every_model_has_its_name),
        cmocka_unit_test(auto_shows_what_it_compared),
        cmocka_unit_test(other_names_are_refused),
    };
    if (argc < 2) {
        fprintf(stderr, "usage: %s PROGRAM\n", argv[0]);
        return 2;
    }
    program = argv[1];
    write_orders();
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(orders);
    return rc;
}
