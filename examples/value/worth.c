/*
 * worth.c - libpatron-value from orders to the worth of each customer, in a page.
 *
 *     make && ./worth            a made-up shop
 *     ./worth orders.txt         customer number, day number and amount in cents, one order a line
 */
#include <patron_model_file.h>
#include <patron_simulate.h>
#include <patron_value.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void stop(const char *what, int error)
{
    if (!error)
        return;
    fprintf(stderr, "worth: %s: %s\n", what, pv_error_code(error));
    exit(1);
}

/* Three thousand customers, two years, and parameters that a fit has to find. */
static void make_up(struct pv_builder *builder)
{
    const double param[] = {0.8, 6.0, 0.9, 2.5};
    const struct pv_gamma_gamma spend = {6.0, 4.0, 15.0};
    const struct pv_world shop = {.model = pv_model_find("bg-nbd"),
                                  .param = param,
                                  .spend = &spend,
                                  .unit_days = 7.0,
                                  .money_scale = 100.0,
                                  .until = 730,
                                  .seed = 1};
    for (uint32_t i = 0; i < 3000; i++) {
        struct pv_simulated customer;
        int32_t day;
        int64_t cents;
        stop("simulating", pv_simulate_start(&shop, i, (int32_t)(i % 180), &customer));
        while (pv_simulate_next(&shop, &customer, &day, &cents))
            stop("adding", pv_builder_add(builder, i, day, cents));
    }
}

static void read_file(const char *path, struct pv_builder *builder)
{
    FILE *f = fopen(path, "r");
    uint32_t customer;
    int32_t day;
    int64_t cents;
    if (!f) {
        perror(path);
        exit(1);
    }
    while (fscanf(f, "%" SCNu32 " %" SCNd32 " %" SCNd64, &customer, &day, &cents) == 3)
        stop("adding", pv_builder_add(builder, customer, day, cents));
    if (!feof(f)) {
        fprintf(stderr, "%s: three whole numbers a line are expected\n", path);
        exit(1);
    }
    fclose(f);
}

static void show(const struct pv_fit *fit)
{
    printf("%s: %s\n", fit->model, pv_verdict_code(fit->verdict));
    for (int i = 0; i < fit->params; i++)
        printf("  %-6s %10.4f +- %.4f\n", fit->name[i], fit->param[i], fit->std_error[i]);
}

int main(int argc, char **argv)
{
    /* Orders become a history, and the history (x, t_x, T) at its last day. */
    struct pv_builder *builder;
    struct pv_history *history;
    stop("starting", pv_builder_new(PV_RETURNS_NET, &builder));
    if (argc > 1)
        read_file(argv[1], builder);
    else
        make_up(builder);
    stop("sorting", pv_builder_finish(builder, 0, &history, NULL));
    pv_builder_free(builder);
    struct pv_history_view h = pv_history_columns(history);
    struct pv_customer *rows = calloc(h.customers + 1, sizeof *rows);
    struct pv_value *values = calloc(h.customers + 1, sizeof *values);
    if (!rows || !values)
        stop("summing up", PV_ERR_NO_MEMORY);
    stop("summing up", pv_summarise(history, h.last_day, PV_NO_DAY, rows));

    /* Who is still a customer, and what a purchase brings. */
    struct pv_fit_options options = {.unit_days = 7.0, .money_scale = 100.0};
    struct pv_cells *cells;
    struct pv_model_file file = {.has_spend = true, .until = h.last_day, .money_scale = 100.0};
    stop("grouping", pv_cells_new(rows, h.customers, &cells));
    stop("fitting", pv_fit_model(pv_model_find("bg-nbd"), cells, &options, &file.fit));
    stop("fitting", pv_fit_gamma_gamma(rows, h.customers, &options, &file.spend));
    pv_cells_free(cells);
    show(&file.fit);
    show(&file.spend);
    if (!file.fit.usable)
        return 3; /* never predict from a model that does not fit */

    /* The next year, and all that is to come at 15 % a year. */
    struct pv_valuer_options year = {
        .unit_days = 7.0, .money_scale = 100.0, .horizon = 52.0, .discount = 0.15, .seed = 1};
    struct pv_valuer *valuer;
    struct pv_equity equity;
    stop("valuing", pv_valuer_new(&file.fit, &file.spend, &year, rows, h.customers, &valuer));
    stop("valuing", pv_value_customers(valuer, rows, h.customers, values));
    stop("valuing", pv_value_equity(valuer, rows, h.customers, &equity));
    pv_valuer_free(valuer);
    printf("customers %" PRIu64 ", alive %.1f, orders %.1f, equity %.0f (%.0f to %.0f)\n",
           equity.customers, equity.alive, equity.orders, equity.amount, equity.range.low95,
           equity.range.high95);
    for (size_t i = 0; i < 3 && i < h.customers; i++)
        printf("customer %zu: x %d, alive %.4f, worth %.2f (%.2f to %.2f)\n", i, (int)rows[i].x,
               values[i].p_alive, values[i].clv, values[i].clv_range.low95,
               values[i].clv_range.high95);

    /* The model in a file, for tomorrow. */
    char text[PV_MODEL_FILE_MAX];
    size_t length;
    file.fingerprint = pv_fingerprint(rows, h.customers);
    stop("writing", pv_model_file_write(&file, text, sizeof text, &length));
    printf("model file of %zu bytes\n", length);

    /* A figure of the paper: 1.23 purchases in 39 weeks (Fader, Hardie & Lee 2005). */
    const double paper[] = {0.243, 4.414, 0.793, 2.426};
    printf("paper %.6f\n",
           pv_predict_expected(pv_model_find("bg-nbd"), paper, 2.0, 30.43, 38.86, 39.0));

    free(rows);
    free(values);
    pv_history_free(history);
    return 0;
}
