/*
 * value_study.c - do known parameters come back, do intervals hold what they promise, how often do
 * the checks of a base cry wolf? Prints the tables of docs/models/study.md.
 *
 * value_study [recovery|covariates|alarms|intervals|ridges] [SEEDS] [MODEL]
 */
#include "recovery.h"

#include "patron_check.h"

#include <stdio.h>
#include <sys/resource.h>

enum { CUSTOMERS = 3000 };

static double cpu_now(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void need(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "value_study: %s: %s\n", what, pv_error_code(rc));
    exit(1);
}

static void recovery(int seeds, const char *only)
{
    printf(
        "| model | parameter | truth | bias | interval holds | rounding | of it | ok | all near | "
        "mean held | CPU s |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < RECOVERY_WORLDS; i++) {
        const struct recovery_world *w = &recovery_worlds[i];
        const struct pv_model *m = pv_model_find(w->model);
        struct recovery r;
        if (only && strcmp(only, w->model) != 0)
            continue;
        double t = cpu_now();
        need(recovery_run(w, 1, seeds, CUSTOMERS, &r), w->model);
        t = cpu_now() - t;
        for (int k = 0; k < m->params; k++) {
            printf("| %s | %s | %g | %+.2f | %.0f %% |", k ? "" : w->model, m->param[k],
                   w->param[k], r.bias[k], 100.0 * r.held[k]);
            if (w->fine > 0)
                printf(" %+.2f | %+.1f %% |", r.rounding[k], r.percent[k]);
            else
                printf(" | |");
            if (k > 0)
                printf(" | | | |\n");
            else if (m->kind == PV_KIND_BUYING)
                printf(" %d | %d | %.0f %% | %.0f |\n", r.ok, r.all_near, 100.0 * r.mean_held, t);
            else
                printf(" %d | %d | | %.0f |\n", r.ok, r.all_near, t);
        }
        fflush(stdout);
    }
}

/* The same with covariates: parameters at zero, then coefficients by process. */
static void with_covariates(int seeds, const char *only)
{
    printf("| model | what | of | truth | bias | interval holds | usable | all near | CPU s |\n"
           "|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < RECOVERY_WITH; i++) {
        const struct pv_model *m = pv_model_find(recovery_with[i]);
        struct recovery_of_coefs r;
        if (only && strcmp(only, m->name) != 0)
            continue;
        double t = cpu_now();
        need(recovery_run_with(m->name, 1, seeds, CUSTOMERS, &r), m->name);
        t = cpu_now() - t;
        for (size_t k = 0; k < r.n; k++) {
            size_t j = k - (size_t)m->params;
            bool param = k < (size_t)m->params;
            printf("| %s | %s | %s | %g | %+.2f | %.0f %% |", k ? "" : m->name,
                   param ? m->param[k] : m->process[j / RECOVERY_COLUMNS].name,
                   param                  ? ""
                   : j % RECOVERY_COLUMNS ? "number"
                                          : "kind",
                   r.truth[k], r.bias[k], 100.0 * r.held[k]);
            if (k)
                printf(" | | |\n");
            else
                printf(" %d | %d | %.0f |\n", r.usable, r.all_near, t);
        }
        fflush(stdout);
    }
}

/* ---- False alarms ---------------------------------------------------------------------------- */

static const struct {
    const char *model;
    double param[PV_MAX_PARAMS], spend[3];
    int32_t arrive, watch;
} sound[] = {
    {"bg-nbd", {0.8, 20.0, 0.8, 2.5}, {6.25, 3.74, 15.44}, 400, 546},
    {"bg-nbd", {0.243, 4.414, 0.793, 2.426}, {2.0, 8.0, 300.0}, 84, 546},
    {"mbg-nbd", {0.8, 12.0, 0.8, 2.0}, {6.25, 3.74, 15.44}, 300, 700},
    {"bg-cnbd-2", {0.8, 10.0, 0.8, 2.5}, {3.0, 4.0, 40.0}, 300, 546},
    {"nbd", {1.0, 20.0}, {3.0, 4.0, 40.0}, 300, 546},
};
enum { SOUND = sizeof sound / sizeof sound[0] };

static struct pv_history *sound_history(int kind, uint64_t seed)
{
    struct pv_builder *b;
    struct pv_history *h;
    const struct pv_model *m = pv_model_find(sound[kind].model);
    need(pv_builder_new(PV_RETURNS_NET, &b), "builder");
    for (uint32_t i = 0; i < CUSTOMERS; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, seed, i);
        int32_t first = (int32_t)(sound[kind].arrive * pv_rng_uniform(&rng));
        double nu = pv_rng_gamma(&rng, sound[kind].spend[1]) / sound[kind].spend[2], t = 0.0;
        struct pv_future f = {0};
        bool stays =
            pv_rng_uniform(&rng) < m->buying->p_alive(m, sound[kind].param, 0.0, 0.0, 0.0, NULL);
        m->buying->draw(m, sound[kind].param, 0.0, 0.0, &rng, &f);
        for (double day = first; day <= sound[kind].watch; day = first + ceil(7.0 * t)) {
            double money = pv_rng_gamma(&rng, sound[kind].spend[0]) / nu;
            need(pv_builder_add(b, i, (int32_t)day, llround(100.0 * money) + 1), "row");
            t = stays ? pv_population_next(&f, t, &rng) : INFINITY;
        }
    }
    need(pv_builder_finish(b, CUSTOMERS, &h, NULL), "history");
    pv_builder_free(b);
    return h;
}

static void alarms(int seeds)
{
    static struct pv_customer rows[CUSTOMERS];
    double t = cpu_now();
    printf("| sound base | check | asked | p < 0.05 | p < 0.01 | p < 0.001 | found |\n"
           "|---|---|---|---|---|---|---|\n");
    for (int kind = 0; kind < SOUND; kind++) {
        int asked[PV_CHECKS] = {0}, found[PV_CHECKS] = {0}, below[PV_CHECKS][3] = {{0}};
        for (int s = 0; s < seeds; s++) {
            struct pv_fit_options o = {.unit_days = 7.0, .money_scale = 100.0};
            struct pv_history *h = sound_history(kind, 5000 + (uint64_t)s);
            struct pv_finding f[PV_CHECKS];
            struct pv_cells *cells;
            struct pv_fit buying, spend;
            need(pv_summarise(h, sound[kind].watch, PV_NO_DAY, rows), "summary");
            need(pv_cells_new(rows, CUSTOMERS, &cells), "cells");
            need(pv_fit_model(pv_model_find(sound[kind].model), cells, &o, &buying), "fit");
            need(pv_fit_gamma_gamma(rows, CUSTOMERS, &o, &spend), "spend");
            need(pv_check_history(h, sound[kind].watch, buying.usable ? &buying : NULL,
                                  spend.usable ? &spend : NULL, 100.0, f),
                 "check");
            for (int k = 0; k < PV_CHECKS; k++) {
                asked[k] += f[k].asked;
                found[k] += f[k].found;
                below[k][0] += f[k].p_value < 0.05;
                below[k][1] += f[k].p_value < 0.01;
                below[k][2] += f[k].p_value < 0.001;
            }
            pv_cells_free(cells);
            pv_history_free(h);
        }
        static const enum pv_verdict verdict[] = {PV_VERDICT_LEFT_TRUNCATED, PV_VERDICT_MIXED_SPEND,
                                                  PV_VERDICT_MIXED_RATES};
        for (int k = 0; k < PV_CHECKS; k++)
            printf("| %s %d | %s | %d | %d | %d | %d | %d |\n", sound[kind].model, kind + 1,
                   pv_verdict_code(verdict[k]), asked[k], below[k][0], below[k][1], below[k][2],
                   found[k]);
        fflush(stdout);
    }
    printf("\nCPU: %.0f s\n", cpu_now() - t);
}

/* ---- Intervals of means: delta method against bootstrap ---------------------------------------
 */

/* E[purchases in 26 weeks] of a middling customer, and two parameters, of customers booked by the
 * day: share of the intervals that hold the truth, at three levels. */
static void intervals(int seeds)
{
    enum { WHAT = 3, WAYS = 3, LEVELS = 3 };
    static struct pv_customer rows[CUSTOMERS];
    const struct recovery_world *w = &recovery_worlds[0];
    const struct pv_model *m = pv_model_find(w->model);
    static const double levels[LEVELS] = {0.5, 0.8, 0.95};
    static const int param[] = {1, 2};
    const double truth[WHAT] = {w->param[1], w->param[2],
                                pv_predict_expected(m, w->param, 2.0, 30.0, 60.0, 26.0)};
    int held[LEVELS][WHAT][WAYS] = {{{0}}}, fits = 0, failed = 0;
    double t = cpu_now();
    for (int s = 0; s < seeds; s++) {
        struct pv_bootstrap *b[2];
        struct pv_cells *cells;
        struct pv_fit fit;
        need(recovery_fit(w, 300 + (uint64_t)s, CUSTOMERS, 1, rows, &fit), "fit");
        if (!fit.usable)
            continue;
        need(pv_cells_new(rows, CUSTOMERS, &cells), "cells");
        for (int way = 0; way < 2; way++) {
            struct pv_bootstrap_options o = {.resample =
                                                 way ? PV_RESAMPLE_CELLS : PV_RESAMPLE_MODEL,
                                             .replicates = 200,
                                             .seed = 9};
            size_t lost;
            need(pv_bootstrap_new(&fit, cells, &o, &b[way]), "bootstrap");
            (void)pv_bootstrap_count(b[way], &lost);
            failed += (int)lost;
        }
        fits++;
        for (int l = 0; l < LEVELS; l++) {
            for (int k = 0; k < WHAT; k++) {
                struct pv_range r[WAYS];
                if (k < 2) {
                    r[0] = pv_param_interval(&fit, param[k], levels[l]);
                    for (int way = 0; way < 2; way++)
                        need(pv_bootstrap_param(b[way], param[k], levels[l], &r[1 + way]),
                             "bootstrap");
                } else {
                    need(pv_mean_interval(&fit, 2.0, 30.0, 60.0, 26.0, levels[l], NULL, &r[0]),
                         "mean");
                    for (int way = 0; way < 2; way++)
                        need(pv_bootstrap_mean(b[way], 2.0, 30.0, 60.0, 26.0, levels[l],
                                               &r[1 + way]),
                             "bootstrap");
                }
                for (int way = 0; way < WAYS; way++)
                    held[l][k][way] += truth[k] >= r[way].low && truth[k] <= r[way].high;
            }
        }
        pv_bootstrap_free(b[0]);
        pv_bootstrap_free(b[1]);
        pv_cells_free(cells);
    }
    printf("| of | level | delta method | bootstrap, model | bootstrap, cells "
           "|\n|---|---|---|---|---|\n");
    for (int k = 0; k < WHAT; k++)
        for (int l = 0; l < LEVELS; l++)
            printf("| %s | %.0f %% | %.0f %% | %.0f %% | %.0f %% |\n",
                   k < 2 ? m->param[param[k]] : "E[purchases]", 100.0 * levels[l],
                   100.0 * held[l][k][0] / fits, 100.0 * held[l][k][1] / fits,
                   100.0 * held[l][k][2] / fits);
    printf("\n%d fits, %d of their replicates not usable; CPU: %.0f s\n", fits, failed,
           cpu_now() - t);
}

/* ---- Ridges ---------------------------------------------------------------------------------- */

/* Watched too short to know how customers leave: one parameter of leaving, and E[purchases in 52
 * weeks] of a customer with x = 2, t_x = 20, T = 40. */
static const struct {
    struct recovery_world world;
    int index, seeds; /* the parameter; of 100 */
} ridges[] = {
    {{"bg-nbd", {0.8, 10.0, 2.0, 20.0}, 365, 84, 1}, 2, 100},
    {{"pareto-nbd", {0.8, 10.0, 3.0, 200.0}, 365, 84, 1}, 2, 100},
    {{"ggompertz-nbd", {0.8, 10.0, 0.03, 1.0, 3.0}, 365, 84, 1}, 3, 20},
};

static void on_ridges(int seeds)
{
    static struct pv_customer rows[CUSTOMERS];
    double t = cpu_now();
    printf("| model | usable | of them ok | 95 %% of | normal | profile | of them unbounded | 95 "
           "%% of E: "
           "delta | profile |\n|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof ridges / sizeof ridges[0]; i++) {
        const struct recovery_world *w = &ridges[i].world;
        const struct pv_model *m = pv_model_find(w->model);
        int k = ridges[i].index, runs = seeds * ridges[i].seeds / 100, ok = 0, usable = 0, open = 0;
        int held[4] = {0}, tried[4] = {0};
        double truth = pv_predict_expected(m, w->param, 2.0, 20.0, 40.0, 52.0);
        for (int s = 0; s < runs; s++) {
            struct pv_range r[4];
            struct pv_cells *cells;
            struct pv_fit fit;
            need(recovery_fit(w, 1 + (uint64_t)s, CUSTOMERS, 1, rows, &fit), "fit");
            if (!fit.usable)
                continue;
            usable++;
            ok += fit.verdict == PV_VERDICT_OK;
            need(pv_cells_new(rows, CUSTOMERS, &cells), "cells");
            r[0] = pv_param_interval(&fit, k, 0.95);
            int rc[4] = {0, pv_profile_interval(&fit, cells, k, 0.95, &r[1]),
                         pv_mean_interval(&fit, 2.0, 20.0, 40.0, 52.0, 0.95, NULL, &r[2]),
                         pv_profile_mean_interval(&fit, cells, 2.0, 20.0, 40.0, 52.0, 0.95, &r[3])};
            for (int way = 0; way < 4; way++) {
                double want = way < 2 ? w->param[k] : truth;
                tried[way] += rc[way] == 0;
                held[way] += rc[way] == 0 && want >= r[way].low && want <= r[way].high;
            }
            open += rc[1] == 0 && (!(r[1].low > 0.0) || !isfinite(r[1].high));
            pv_cells_free(cells);
        }
        printf("| %s | %d of %d | %d | %s | %d | %d of %d | %d | %d | %d of %d |\n", w->model,
               usable, runs, ok, m->param[k], held[0], held[1], tried[1], open, held[2], held[3],
               tried[3]);
        fflush(stdout);
    }
    printf("\nCPU: %.0f s\n", cpu_now() - t);
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "all";
    int seeds = argc > 2 ? atoi(argv[2]) : 100;
    bool all = strcmp(part, "all") == 0;
    if (all || strcmp(part, "recovery") == 0)
        recovery(seeds, argc > 3 ? argv[3] : NULL);
    if (all || strcmp(part, "covariates") == 0)
        with_covariates(seeds, argc > 3 ? argv[3] : NULL);
    if (all || strcmp(part, "alarms") == 0)
        alarms(seeds);
    if (all || strcmp(part, "intervals") == 0)
        intervals(seeds);
    if (all || strcmp(part, "ridges") == 0)
        on_ridges(seeds);
    return 0;
}
