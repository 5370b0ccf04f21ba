/*
 * What the day asks of somebody who looks after customers: who has been silent for longer than is
 * usual for them, and who is worth less than a month ago.
 */
#include "crm/insight/internal.h"

#include <math.h>
#include <stdlib.h>

int value_on(const struct valuation *v, int32_t day, struct pv_customer *rows,
             struct pv_value *values)
{
    struct pv_valuer_options o = options_of(v, (double)v->horizon_weeks);
    struct pv_valuer *valuer = NULL;
    o.points = true;
    int rc = pv_summarise(v->history, day, PV_NO_DAY, rows);
    if (rc == 0)
        rc = pv_valuer_new(&v->buying, v->gg.usable ? &v->gg : NULL, &o, rows, v->n, &valuer);
    if (rc == 0)
        rc = pv_value_customers(valuer, rows, v->n, values);
    pv_valuer_free(valuer);
    return rc;
}

static int add_rhythms(struct valuation *v)
{
    struct pv_rhythm *rhythm = malloc((v->n + 1) * sizeof *rhythm);
    int rc = rhythm ? pv_rhythms(v->history, v->as_of, rhythm) : PV_ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < v->n; i++) {
        v->standing[i].usual_days = rhythm[i].gaps ? (int32_t)lround(rhythm[i].median) : -1;
        v->standing[i].silence_share = rhythm[i].usual;
    }
    free(rhythm);
    return rc;
}

/* Grades as refresh.c gives them, from what everybody was worth then. */
static int add_grades(struct valuation *v, const struct pv_customer *rows,
                      const struct pv_value *values)
{
    double *worth = malloc((v->n + 1) * sizeof *worth);
    char *grade = calloc(v->n + 1, 1);
    int rc = worth && grade ? 0 : PV_ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < v->n; i++)
        worth[i] = rows[i].T < 0 ? 0 : v->has_money ? values[i].clv : (double)rows[i].revenue;
    if (rc == 0)
        rc = pv_abc_grades(worth, v->n, GRADE_A, GRADE_B, grade);
    for (size_t i = 0; rc == 0 && i < v->n; i++)
        v->standing[i].grade_before = rows[i].T < 0 ? 0 : grade[i];
    free(worth);
    free(grade);
    return rc;
}

static int add_month_before(struct valuation *v)
{
    struct pv_customer *rows = malloc((v->n + 1) * sizeof *rows);
    struct pv_value *values = malloc((v->n + 1) * sizeof *values);
    int rc =
        rows && values ? value_on(v, v->as_of - STANDING_DAYS, rows, values) : PV_ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < v->n; i++) {
        if (rows[i].T < 0)
            continue;
        v->standing[i].p_alive_before = values[i].p_alive;
        v->standing[i].clv_before = v->has_money ? values[i].clv : NAN;
    }
    if (rc == 0)
        rc = add_grades(v, rows, values);
    free(rows);
    free(values);
    return rc;
}

int standing_of_all(struct valuation *v)
{
    struct pv_history_view h = pv_history_columns(v->history);
    v->standing = malloc((v->n + 1) * sizeof *v->standing);
    if (!v->standing)
        return PV_ERR_NO_MEMORY;
    for (size_t i = 0; i < v->n; i++)
        v->standing[i] = (struct standing){-1, NAN, NAN, NAN, 0};
    int rc = add_rhythms(v);
    if (rc == 0 && v->has_values && v->as_of - STANDING_DAYS >= h.first_day)
        rc = add_month_before(v);
    return rc;
}
