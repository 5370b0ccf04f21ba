/*
 * value_bench.c - times the value engine on simulated customers with known parameters.
 *
 * Prints rows: name value unit target baseline. Times are CPU seconds of this process (user +
 * system, getrusage), all threads together. The baseline is what the same machine does in the same
 * run on the plainest form of the work: copying memory, or reading the file once. "+ MiB" is what
 * resident memory had grown by at its peak since the row before.
 *
 * value_bench [--rows N] [--customers N] [--dir DIR]
 */
#include "app/value_read.h"
#include "internal.h"
#include "patron_bayes.h"
#include "patron_covariates.h"
#include "patron_value.h"

#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double cpu_now(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double wall_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- Memory: what the next row had at its peak over what was there before ----------------------
 */

static double status_mib(const char *field)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    double kib = 0.0;
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtod(line + strlen(field) + 1, NULL);
    if (f)
        fclose(f);
    return kib / 1024.0;
}

static double before_mib;

/* The kernel forgets the peak so far when told 5. */
static void memory_begin(void)
{
    malloc_trim(0);
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (f) {
        fputs("5", f);
        fclose(f);
    }
    before_mib = status_mib("VmRSS");
}

static double memory_grown(void)
{
    return fmax(status_mib("VmHWM") - before_mib, 0.0);
}

static void row(const char *name, double value, const char *unit, const char *target,
                const char *baseline)
{
    double grown = memory_grown();
    printf("%-34s %10.4g %-6s %-10s ", name, value, unit, target);
    if (grown >= 0.1)
        printf("+%.*f MiB; ", grown < 10.0, grown);
    printf("%s\n", baseline);
    fflush(stdout);
    memory_begin();
}

static void need(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "value_bench: %s failed\n", what);
        exit(1);
    }
}

static double bandwidth(void)
{
    size_t size = (size_t)256 << 20;
    char *a = malloc(size), *b = malloc(size);
    need(a && b, "memory");
    memset(a, 1, size);
    memset(b, 2, size);
    double best = 0.0;
    for (int i = 0; i < 5; i++) {
        double t = cpu_now();
        memcpy(i % 2 ? a : b, i % 2 ? b : a, size);
        t = cpu_now() - t;
        best = fmax(best, (double)size / 1e9 / fmax(t, 1e-6));
    }
    free(a);
    free(b);
    return best;
}

/* One BG/NBD customer: days of repeat purchases within `T` days of the first. */
static int simulate_days(struct pv_rng *rng, const double *theta, int32_t T, int32_t *day, int most)
{
    double lambda = pv_rng_gamma(rng, theta[0]) / theta[1];
    double ga = pv_rng_gamma(rng, theta[2]), gb = pv_rng_gamma(rng, theta[3]);
    double p = ga / (ga + gb), t = 0.0;
    int n = 0;
    while (n < most) {
        t += 7.0 * pv_rng_exponential(rng) / lambda;
        if (!(t < T))
            break;
        int32_t d = (int32_t)ceil(t);
        if (n == 0 || d != day[n - 1])
            day[n++] = d;
        if (pv_rng_uniform(rng) < p)
            break;
    }
    return n;
}

/* Acquired evenly over `acquisition` days, observed for `days`. */
static struct pv_customer *simulate_base(size_t n, int32_t acquisition, int32_t days)
{
    enum { MOST = 4096 };
    static int32_t day[MOST];
    const double theta[] = {0.2426, 4.4135, 0.7929, 2.4258};
    struct pv_customer *rows = calloc(n, sizeof *rows);
    need(rows, "memory");
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 1, i);
        int32_t T = days - (int32_t)(pv_rng_uniform(&rng) * acquisition);
        int x = simulate_days(&rng, theta, T, day, MOST);
        double nu = pv_rng_gamma(&rng, 3.74) / 15.44;
        double spend = x > 0 ? pv_rng_gamma(&rng, 6.25 * x) / nu : 0.0;
        rows[i] = (struct pv_customer){.x = x,
                                       .t_x = x ? day[x - 1] : 0,
                                       .T = T,
                                       .spend = (int64_t)llround(100.0 * spend) + (x > 0)};
        rows[i].revenue = rows[i].spend + 3000;
    }
    return rows;
}

/* Points for every customer: P(alive), expected purchases, DERT. */
static double time_points(const struct pv_fit *fit, const struct pv_customer *rows, size_t n)
{
    enum { SLICE = 65536 };
    struct pv_valuer_options vo = {.unit_days = 7.0,
                                   .money_scale = 100.0,
                                   .horizon = 52.0,
                                   .discount = 0.15,
                                   .points = true,
                                   .threads = 1};
    struct pv_valuer *valuer;
    struct pv_value *values = malloc(SLICE * sizeof *values);
    need(values, "memory");
    double t = cpu_now();
    need(pv_valuer_new(fit, NULL, &vo, rows, n, &valuer) == 0, "valuer");
    for (size_t i = 0; i < n; i += SLICE)
        need(pv_value_customers(valuer, rows + i, n - i < SLICE ? n - i : SLICE, values) == 0,
             "values");
    t = cpu_now() - t;
    pv_valuer_free(valuer);
    free(values);
    return t;
}

/* One Pareto/NBD customer with the parameters of the CDNOW sample, in days; rates times `faster`.
 */
static struct pv_customer pareto_customer(struct pv_rng *rng, int32_t T, double faster)
{
    const double theta[] = {0.5533, 10.578, 0.6062, 11.669};
    double lambda = faster * pv_rng_gamma(rng, theta[0]) / theta[1];
    double mu = pv_rng_gamma(rng, theta[2]) / theta[3];
    double end = fmin(T, 7.0 * pv_rng_exponential(rng) / mu), t = 0.0;
    struct pv_customer c = {.T = T};
    for (;;) {
        t += 7.0 * pv_rng_exponential(rng) / lambda;
        if (!(t < end))
            return c;
        c.x++;
        c.t_x = (int32_t)lround(t);
    }
}

/* The public CDNOW sample where it lies beside the project; else as many simulated customers. */
static struct pv_customer *cdnow_or_like(size_t n, bool *ret_real)
{
    static const char *const places[] = {"../shared", "../../shared", "../../../shared"};
    struct pv_customer *rows = calloc(n, sizeof *rows);
    char path[4096], line[256];
    size_t got = 0;
    need(rows != NULL, "memory");
    for (size_t i = 0; i < sizeof places / sizeof places[0] && got == 0; i++) {
        snprintf(path, sizeof path, "%s/data/cdnow_sample_summary_exact.csv", places[i]);
        FILE *f = fopen(path, "r");
        while (f && got < n && fgets(line, sizeof line, f)) {
            int x;
            double t_x, T;
            if (sscanf(line, "%*[^,],%d,%lf,%lf", &x, &t_x, &T) == 3)
                rows[got++] = (struct pv_customer){
                    .x = x, .t_x = (int32_t)lround(7.0 * t_x), .T = (int32_t)lround(7.0 * T)};
        }
        if (f)
            fclose(f);
    }
    *ret_real = got == n;
    for (size_t i = 0; i < n && got < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 4, i);
        rows[i] = pareto_customer(&rng, 272 - (int32_t)(pv_rng_uniform(&rng) * 84), 1.0);
    }
    return rows;
}

/* What is asked of a million customers who came within 12 weeks and within 3 years. */
static const struct goal {
    const char *model, *fit[2], *points;
} goals[] = {
    {"bg-nbd", {"<=0.2", "<=0.5"}, "<=0.1"},
    {"mbg-nbd", {"<=0.2", "<=0.5"}, "-"},
    {"pareto-nbd", {"<=0.5", "<=1.0"}, "<=0.2"},
};

static const struct goal *goal_of(const struct pv_model *m)
{
    for (size_t i = 0; i < sizeof goals / sizeof goals[0]; i++)
        if (strcmp(goals[i].model, pv_model_name(m)) == 0)
            return &goals[i];
    return NULL;
}

/* On the same customers, whatever model made them; those who came over years only where something
 * is asked of the model. `grouping`: what making the cells took. */
static void bench_each_model(const struct pv_customer *rows, size_t n, const struct pv_cells *cells,
                             double grouping, const char *name, bool years)
{
    struct pv_fit_options options = {7.0, 100.0, 1};
    const struct pv_model *m;
    for (size_t i = 0; (m = pv_model_at(i)); i++) {
        char label[64], baseline[128];
        struct pv_fit fit;
        const struct goal *goal = goal_of(m);
        bool between = m->regular > 2 && m->regular < PV_MAX_REGULAR; /* of the others' k */
        if (pv_model_kind(m) != PV_KIND_BUYING || (years && !goal) || between)
            continue;
        double t = cpu_now();
        need(pv_fit_model(m, cells, &options, &fit) == 0, "fit");
        t = cpu_now() - t;
        snprintf(baseline, sizeof baseline, "grouping %.3f s of it; ln L %.1f, %s", grouping,
                 fit.loglik, pv_verdict_code(fit.verdict));
        snprintf(label, sizeof label, "%s_fit_%s", pv_model_name(m), name);
        row(label, grouping + t, "s", goal ? goal->fit[years] : "-", baseline);
        if (!fit.usable)
            continue;
        snprintf(label, sizeof label, "%s_points_%s", pv_model_name(m), name);
        row(label, time_points(&fit, rows, n), "s", goal ? goal->points : "-",
            "P(alive), purchases, DERT; lifetimes, two of them: 0.58 to 0.65 s");
    }
}

/* Microseconds. */
static double one_customer(const struct pv_model *m, const double *param,
                           const struct pv_customer *rows, size_t n)
{
    enum { ONES = 20000 };
    double sum = 0.0, t = cpu_now();
    for (size_t i = 0; i < ONES; i++) {
        const struct pv_customer *c = &rows[i % n];
        double x = c->x, t_x = c->t_x / 7.0, T = c->T / 7.0;
        sum += pv_predict_alive(m, param, x, t_x, T, 0.0) +
               pv_predict_expected(m, param, x, t_x, T, 52.0) +
               pv_predict_dert(m, param, x, t_x, T, 0.0027);
    }
    need(isfinite(sum), "predictions");
    return (cpu_now() - t) / ONES * 1e6;
}

/* Fits of the CDNOW sample, grouping and all starting points included, and one customer by its
 * numbers alone. */
static void bench_small(void)
{
    enum { N = 2357, AGAIN = 20 };
    bool real;
    struct pv_customer *rows = cdnow_or_like(N, &real);
    struct pv_fit_options options = {7.0, 100.0, 1};
    static const struct {
        const char *model, *fit;
    } asked[] = {{"bg-nbd", "<=5"}, {"pareto-nbd", "<=15"}};
    for (size_t k = 0; k < 2; k++) {
        const struct pv_model *m = pv_model_find(asked[k].model);
        char label[64];
        struct pv_fit fit;
        double t = cpu_now();
        for (int i = 0; i < AGAIN; i++) {
            struct pv_cells *cells;
            need(pv_cells_new(rows, N, &cells) == 0, "cells");
            need(pv_fit_model(m, cells, &options, &fit) == 0, "fit");
            pv_cells_free(cells);
        }
        snprintf(label, sizeof label, "%s_fit_sample", asked[k].model);
        row(label, (cpu_now() - t) / AGAIN * 1e3, "ms", asked[k].fit,
            real ? "CDNOW sample" : "2,357 simulated customers");
        snprintf(label, sizeof label, "%s_one_customer", asked[k].model);
        row(label, one_customer(m, fit.param, rows, N), "us", "<=5", "P(alive), purchases, DERT");
        if (k > 0)
            continue;
        fit.param[2] = 1.0; /* where the series of DERT meet */
        snprintf(label, sizeof label, "%s_one_customer_a_whole", asked[k].model);
        row(label, one_customer(m, fit.param, rows, N), "us", "<=5", "the same with a = 1");
    }
    free(rows);
}

/* What a second thread is worth: the same values, by the clock. */
static void bench_threads(const struct pv_fit *bg, const struct pv_fit *gg,
                          const struct pv_customer *rows, size_t n)
{
    double took[2];
    struct pv_value *values = malloc(n * sizeof *values);
    need(values, "memory");
    for (int threads = 1; threads <= 2; threads++) {
        struct pv_valuer_options vo = {.unit_days = 7.0,
                                       .money_scale = 100.0,
                                       .horizon = 52.0,
                                       .discount = 0.15,
                                       .seed = 1,
                                       .threads = threads};
        struct pv_valuer *valuer;
        double t = wall_now();
        need(pv_valuer_new(bg, gg, &vo, rows, n, &valuer) == 0, "valuer");
        need(pv_value_customers(valuer, rows, n, values) == 0, "values");
        took[threads - 1] = wall_now() - t;
        pv_valuer_free(valuer);
    }
    free(values);
    row("values_two_threads", took[0] / took[1], "times", ">=1.7",
        "one thread; both need a processor of their own");
}

static void bench_models(size_t n, int32_t acquisition, int32_t days, const char *name,
                         const char *fit_target, const char *lifetimes)
{
    char label[64], baseline[96];
    struct pv_customer *rows = simulate_base(n, acquisition, days);
    struct pv_fit_options options = {7.0, 100.0, 1};
    struct pv_fit bg, gg;
    struct pv_cells *cells;
    double t0 = cpu_now();
    need(pv_cells_new(rows, n, &cells) == 0, "cells");
    double t1 = cpu_now();
    need(pv_fit_model(pv_model_find("bg-nbd"), cells, &options, &bg) == 0, "fit");
    double t2 = cpu_now();
    need(pv_fit_gamma_gamma(rows, n, &options, &gg) == 0, "spend fit");
    double t3 = cpu_now();
    snprintf(baseline, sizeof baseline,
             "grouping %.3f s of it; %zu cells; r=%.4f (true 0.2426); %s; lifetimes %s s", t1 - t0,
             bg.cells, bg.param[0], pv_verdict_code(bg.verdict), lifetimes);
    snprintf(label, sizeof label, "bg_nbd_fit_%s", name);
    row(label, t2 - t0, "s", fit_target, baseline);
    snprintf(label, sizeof label, "gamma_gamma_fit_%s", name);
    row(label, t3 - t2, "s", "<=0.3", pv_verdict_code(gg.verdict));
    bench_each_model(rows, n, cells, t1 - t0, name, acquisition == days);
    struct pv_valuer_options vo = {.unit_days = 7.0,
                                   .money_scale = 100.0,
                                   .horizon = 52.0,
                                   .discount = 0.15,
                                   .seed = 1,
                                   .threads = 1};
    struct pv_valuer *valuer;
    double t4 = cpu_now();
    need(pv_valuer_new(&bg, &gg, &vo, rows, n, &valuer) == 0, "valuer");
    double t5 = cpu_now();
    enum { SLICE = 65536 };
    struct pv_value *values = malloc(SLICE * sizeof *values);
    need(values, "memory");
    for (size_t i = 0; i < n; i += SLICE)
        need(pv_value_customers(valuer, rows + i, n - i < SLICE ? n - i : SLICE, values) == 0,
             "values");
    double t6 = cpu_now();
    snprintf(label, sizeof label, "values_intervals_%s", name);
    snprintf(baseline, sizeof baseline,
             "tables %.3f s of it; lifetimes, points only: 0.58 s a million", t5 - t4);
    row(label, t6 - t4, "s", "<=3", baseline);
    free(values);
    pv_valuer_free(valuer);
    if (acquisition < days)
        bench_threads(&bg, &gg, rows, n);
    pv_cells_free(cells);
    free(rows);
}

/* ---- Covariates, hierarchical Bayes ---------------------------------------------------------- */

/* Two covariates on purchases (0.4, -0.2) and leaving (0): 0 or 1, and either ages of whole years,
 * which many share, or a value of one's own. */
static void bench_covariates(size_t n, bool own)
{
    struct pv_customer *rows = malloc(n * sizeof *rows);
    double *z = malloc(2 * n * sizeof *z);
    need(rows && z, "memory");
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 3, i);
        int32_t T = 272 - (int32_t)(pv_rng_uniform(&rng) * 84);
        double ten_years = pv_rng_normal(&rng);
        z[2 * i] = pv_rng_uniform(&rng) < 0.3;
        z[2 * i + 1] = own ? 10.0 * ten_years : round(10.0 * ten_years);
        rows[i] = pareto_customer(&rng, T, exp(0.4 * z[2 * i] - 0.02 * z[2 * i + 1]));
    }
    static const char *const names[] = {"pareto-nbd", "bg-nbd"};
    for (size_t k = 0; k < 2; k++) {
        const struct pv_model *m = pv_model_find(names[k]);
        struct pv_covariates c = {z, 2};
        struct pv_covariate_options o = {.fit = {7.0, 100.0, 1}};
        struct pv_covariate_fit *fit;
        char label[64], baseline[128];
        for (int p = 0; p < pv_process_count(m); p++)
            o.use[p] = 3;
        double t = cpu_now();
        need(pv_covariate_fit_new(m, rows, n, &c, &o, &fit) == 0, "covariates");
        t = cpu_now() - t;
        snprintf(label, sizeof label, "%s_covariates_%s", names[k], own ? "own" : "shared");
        snprintf(baseline, sizeof baseline, "%zu profiles; effect %.3f (true 0.4%s); %s",
                 fit->profiles, fit->coefficient[0].value, k ? " under Pareto/NBD" : "",
                 pv_verdict_code(fit->typical.verdict));
        row(label, t, "s", "-", baseline);
        pv_covariate_fit_free(fit);
    }
    free(rows);
    free(z);
}

static void bench_bayes(void)
{
    enum { N = 2357, DRAWS = 1500 };
    const struct pv_model *m = pv_model_find("pareto-nbd");
    bool real;
    struct pv_customer *rows = cdnow_or_like(N, &real);
    struct pv_cells *cells;
    struct pv_bayes_options o;
    struct pv_posterior *p;
    struct pv_bayes_summary s;
    char baseline[160];
    double least = INFINITY, worst = 0.0;
    need(pv_bayes_defaults(m, 7.0, &o) == 0 && o.chains * o.draws == DRAWS, "defaults");
    need(pv_cells_new(rows, N, &cells) == 0, "cells");
    double t0 = cpu_now();
    need(pv_bayes_fit(m, cells, &o, &p) == 0, "chains");
    double t1 = cpu_now();
    pv_posterior_summary(p, &s);
    for (int k = 0; k < s.params; k++) {
        least = fmin(least, fmin(s.param[k].ess_bulk, s.param[k].ess_tail));
        worst = fmax(worst, s.param[k].rhat);
    }
    snprintf(baseline, sizeof baseline,
             "%s; r %.3f, alpha %.2f, s %.3f, beta %.2f; R-hat %.3f; %s; BTYDplus 4.3 s",
             real ? "CDNOW sample" : "simulated like CDNOW", s.param[0].mean, s.param[1].mean,
             s.param[2].mean, s.param[3].mean, worst, pv_verdict_code(s.verdict));
    row("bayes_pareto_1500_draws", t1 - t0, "s", "<=1", baseline);
    row("bayes_pareto_least_effective", least, "draws", ">=100", "bulk and tails, all parameters");
    struct pv_posterior_options po = {39.0, 0.15, 0.8, 0, 1, 1};
    struct pv_posterior_value *v = malloc(N * sizeof *v);
    struct pv_latent *latent = malloc(DRAWS * sizeof *latent);
    need(v && latent, "memory");
    double t2 = cpu_now();
    need(pv_posterior_predict(p, rows, N, &po, v) == 0, "predictions");
    double t3 = cpu_now();
    for (size_t i = 0; i < N; i++)
        need(pv_posterior_latent(p, rows[i].x, rows[i].t_x, rows[i].T, i, DRAWS, latent) == 0,
             "draws of customers");
    double t4 = cpu_now();
    row("bayes_pareto_predictions", t3 - t2, "s", "-",
        "P(alive), purchases, DERT, interval of all customers from all draws");
    row("bayes_pareto_latent_draws", t4 - t3, "s", "-",
        "rates and lifetime of every customer, 1,500 times: 3.5 million draws");
    free(latent);
    free(v);
    pv_posterior_free(p);
    pv_cells_free(cells);
    free(rows);
}

/* ---- Orders ---------------------------------------------------------------------------------- */

static void write_orders(const char *path, size_t rows, size_t customers)
{
    FILE *f = fopen(path, "w");
    need(f != NULL, path);
    fputs("\"customer_id\",\"date\",\"amount\"\n", f);
    struct pv_rng rng;
    pv_rng_start(&rng, 7, 7);
    for (size_t i = 0; i < rows; i++) {
        uint64_t bits = pv_rng_next(&rng);
        /* Scattered ids of 12 characters. */
        uint64_t id = (bits % customers) * UINT64_C(7919) % UINT64_C(99999999977);
        int32_t year;
        int month, day;
        csv_civil_from_day(18628 + (int32_t)((bits >> 32) % 1096), &year, &month, &day);
        fprintf(f, "\"C%011llu\",\"%04d-%02d-%02d\",\"%llu.%02llu\"\n", (unsigned long long)id,
                (int)year, month, day, (unsigned long long)(bits >> 54),
                (unsigned long long)((bits >> 48) % 100));
    }
    need(fclose(f) == 0, path);
}

struct order_times {
    double read_only, to_history, to_summary, from_columns;
    size_t customers, transactions;
};

static void time_orders(const char *path, struct order_times *t)
{
    char *buffer = malloc(1 << 18);
    int fd = open(path, O_RDONLY);
    need(buffer && fd >= 0, path);
    double t0 = cpu_now();
    while (read(fd, buffer, 1 << 18) > 0) {
    }
    t->read_only = cpu_now() - t0;
    close(fd);
    free(buffer);
    struct value_input input = {.path = path};
    struct value_data data;
    t0 = cpu_now();
    need(value_read_file(&input, &data) == 0, "reading orders");
    t->to_history = cpu_now() - t0;
    struct pv_history_view h = pv_history_columns(data.history);
    t->customers = h.customers;
    t->transactions = h.transactions;
    struct pv_customer *rows = malloc(h.customers * sizeof *rows);
    need(rows != NULL, "memory");
    double t1 = cpu_now();
    need(pv_summarise(data.history, h.last_day, PV_NO_DAY, rows) == 0, "summary");
    t->from_columns = cpu_now() - t1;
    t->to_summary = cpu_now() - t0;
    free(rows);
    value_data_free(&data);
}

/* In a process of its own, so that its memory can be told from ours. */
static void bench_orders(const char *dir, size_t rows)
{
    char path[4096], baseline[128];
    snprintf(path, sizeof path, "%s/value_bench_orders.%ld.csv", dir, (long)getpid());
    write_orders(path, rows, rows / 20);
    int fds[2];
    need(pipe(fds) == 0, "pipe");
    pid_t child = fork();
    need(child >= 0, "fork");
    if (child == 0) {
        struct order_times t;
        time_orders(path, &t);
        _exit(write(fds[1], &t, sizeof t) == (ssize_t)sizeof t ? 0 : 1);
    }
    close(fds[1]);
    struct order_times t;
    int status;
    struct rusage usage;
    bool got = read(fds[0], &t, sizeof t) == (ssize_t)sizeof t;
    need(wait4(child, &status, 0, &usage) == child && got && status == 0, "orders");
    close(fds[0]);
    unlink(path);
    snprintf(baseline, sizeof baseline,
             "reading the file alone %.2f s; %zu customers, %zu purchases", t.read_only,
             t.customers, t.transactions);
    row("orders_csv_to_summary", t.to_summary, "s", "<=2", baseline);
    row("orders_csv_peak_memory", (double)usage.ru_maxrss / 1024.0, "MiB", "<=250", "-");
    row("orders_columns_to_summary", t.from_columns, "s", "<=0.3", "lifetimes 23.0 s");
}

int main(int argc, char **argv)
{
    size_t rows = 10000000, customers = 1000000;
    const char *dir = "/tmp";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rows") == 0)
            rows = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--customers") == 0)
            customers = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--dir") == 0)
            dir = argv[i + 1];
    }
    printf("%-34s %10s %-6s %-10s %s\n", "name", "value", "unit", "target", "baseline");
    memory_begin();
    bench_small();
    bench_bayes();
    bench_covariates(customers, false);
    bench_covariates(customers, true);
    bench_orders(dir, rows);
    row("memory_copy", bandwidth(), "GB/s", "-", "this machine, this run");
    bench_models(customers, 84, 272, "12_weeks", "<=0.3", "12.5");
    bench_models(customers, 1096, 1096, "3_years", "-", "12.5");
    return 0;
}
