/* value_world.h - the made-up world that `patron value simulate` and `plot` are told of. */
#ifndef PATRON_APP_VALUE_WORLD_H
#define PATRON_APP_VALUE_WORLD_H

#include "app/value_tool.h"
#include "patron_simulate.h"

struct value_world {
    struct pv_world world; /* points into the members below: does not move */
    double param[PV_MAX_PARAMS];
    struct pv_gamma_gamma spend;
    struct pv_model_file file; /* with --using */
    int32_t from;
};

/* From --model and --params, or --using. 0, or an exit code after saying why. */
int value_world_of(const struct value_options *o, struct value_world *ret_world);
/* Day of the first purchase of customer i. */
int32_t value_world_first(const struct value_options *o, const struct value_world *world,
                          uint64_t i);

#endif
