/*
 * mbg_nbd.c - the MBG/NBD model: Batislam, Denizel & Filiztekin (2007), Empirical validation and
 * comparison of models for customer base analysis, IJRM 24, 201-209. As BG/NBD, but a customer may
 * leave right after the first purchase, too.
 */
#include "internal.h"

const struct pv_model pv_model_mbg_nbd = {
    .name = "mbg-nbd",
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
    .first_chances = 1,
    .process = pv_bg_processes,
};
