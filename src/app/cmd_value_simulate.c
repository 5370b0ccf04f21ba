/* cmd_value_simulate.c - `patron value simulate`: a file of orders from a world whose truth is
 * known. Rows stream; nothing is kept. */
#include "app/value_world.h"

#include <inttypes.h>
#include <math.h>

int value_world_of(const struct value_options *o, struct value_world *ret)
{
    const struct pv_model *m = pv_model_find(o->model ? o->model : "bg-nbd");
    bool has_spend = false;
    int rc = 0;
    ret->world = (struct pv_world){.price = 10.0,
                                   .unit_days = o->unit_days,
                                   .money_scale = 100.0,
                                   .until = o->until,
                                   .seed = o->seed};
    if (o->using) {
        rc = value_model_load(o, o->using, &ret->file);
        if (rc)
            return rc;
        const struct pv_model_file *f = &ret->file;
        m = pv_model_find(f->fit.model);
        for (int i = 0; i < f->fit.params; i++)
            ret->param[i] = f->fit.param[i];
        ret->world.unit_days = f->fit.unit_days;
        has_spend = f->has_spend && f->spend.usable;
        if (has_spend)
            ret->spend = pv_gamma_gamma_of(&f->spend);
        if (!f->fit.usable) {
            fprintf(stderr,
                    value_say(o->lang, "%s: this model must not be trusted (%s)\n",
                              "%s：该模型不可信（%s）\n"),
                    o->using, pv_verdict_code(f->fit.verdict));
            return VALUE_UNUSABLE;
        }
    } else {
        rc = value_options_params(o, m, ret->param);
    }
    if (rc == 0 && o->spend)
        rc = value_options_spend(o, &ret->spend, &has_spend);
    ret->world.model = m;
    ret->world.param = ret->param;
    ret->world.spend = has_spend ? &ret->spend : NULL;
    if (rc)
        return rc;
    if (o->until == PV_NO_DAY)
        return value_usage_error(o, "--until", value_say(o->lang, "missing", "缺失"));
    ret->from = o->from == PV_NO_DAY ? o->until - 730 : o->from;
    if (ret->from > o->until || o->join_days > o->until - ret->from)
        return value_usage_error(
            o, o->from == PV_NO_DAY ? "--join" : "--from",
            value_say(o->lang, "nobody would come before the end", "截止日之前没有客户到来"));
    struct pv_simulated one;
    if (pv_simulate_start(&ret->world, 0, ret->from, &one)) {
        fprintf(stderr,
                value_say(o->lang, "patron value %s: %s makes no purchases in days\n",
                          "patron value %s：%s 不产生按天计的购买\n"),
                o->command->name, pv_model_name(m));
        return 1;
    }
    return 0;
}

/* First purchases are spread evenly over the time of joining. */
int32_t value_world_first(const struct value_options *o, const struct value_world *w, uint64_t i)
{
    return w->from + (int32_t)((double)i * (o->join_days + 1.0) / (double)o->customers);
}

struct running {
    struct value_options *o;
    const struct value_world *w;
};

static bool put_orders(FILE *f, void *context)
{
    const struct running *r = context;
    const struct value_options *o = r->o;
    char date[16];
    int width = (int)floor(log10((double)o->customers)) + 1;
    fputs("customer_id,date,amount\n", f);
    for (uint64_t i = 0; i < o->customers; i++) {
        struct pv_simulated c;
        int32_t day;
        int64_t amount;
        if (pv_simulate_start(&r->w->world, i, value_world_first(o, r->w, i), &c))
            return false;
        while (pv_simulate_next(&r->w->world, &c, &day, &amount)) {
            fprintf(f, "C%0*" PRIu64 ",%s", width, i + 1, value_date(day, date, sizeof date));
            value_put_minor(f, amount, 2);
            putc('\n', f);
        }
        if (ferror(f))
            return false;
        if ((i & 0xfff) == 0)
            value_progress_share(o->shown, (double)i / (double)o->customers);
    }
    return true;
}

static int run_simulate(struct value_options *o)
{
    struct value_world w = {0};
    struct running r = {o, &w};
    int rc = value_world_of(o, &w);
    if (rc)
        return rc;
    value_progress_say(o->shown, value_say(o->lang, "simulating", "模拟"));
    return value_write(o->out, put_orders, &r);
}

const struct value_command value_command_simulate = {
    .name = "simulate",
    .what = {"A file of orders from a model, so that the truth behind it is known",
             "由模型生成订单文件，其背后的真实参数已知"},
    .options = VALUE_BIT(NAME) | VALUE_BIT(PARAMS) | VALUE_BIT(SPEND) | VALUE_BIT(USING) |
               VALUE_BIT(UNIT) | VALUE_BIT(CUSTOMERS) | VALUE_BIT(FROM) | VALUE_BIT(LAST) |
               VALUE_BIT(JOIN) | VALUE_BIT(SEED) | VALUE_BIT(OUT) | VALUE_BIT(PROGRESS) |
               VALUE_BIT(LANG),
    .example = {"simulate --params .8,6,.9,2.5 --spend 6,4,15 --customers 1000 --join 26w "
                "--until 2025-12-31 --seed 7 --out orders.csv",
                "fit orders.csv --save model.json",
                "simulate --using model.json --customers 10 --until 2025-12-31"},
    .run = run_simulate,
};
