/*
 * bg_nbd.c - the BG/NBD model: Fader, Hardie & Lee (2005), "Counting your customers" the easy way,
 * Marketing Science 24(2), 275-284 [FHL05]. A customer may leave after each repeat purchase.
 */
#include "internal.h"

const struct pv_model pv_model_bg_nbd = {
    .name = "bg-nbd",
    .kind = PV_KIND_BUYING,
    .params = 4,
    .param = {"r", "alpha", "a", "b"},
    .low = {1e-6, 1e-6, 1e-7, 1e-6},
    .high = {1e6, 1e8, 1e6, 1e8},
    .far = {1e4, 0.0, 1e4, 0.0},
    .room = pv_bg_room,
    .eval = pv_bg_eval,
    .starts = pv_bg_starts,
    .buying = &pv_bg_family,
    .first_chances = 0,
    .process = pv_bg_processes,
};
