/* The streaming JSON writer onto a struct buf: never a tree. */
#ifndef PATRON_BASE_JW_H
#define PATRON_BASE_JW_H

#include "base/buf.h"

/* Writer. Commas are its business; nesting must be balanced by the caller (asserted at 64). */
struct jw {
    struct buf *out;
    uint64_t has_item; /* one bit per open level */
    unsigned depth;
    bool after_key;
};

struct jw jw_new(struct buf *out);
void jw_obj(struct jw *w);
void jw_obj_end(struct jw *w);
void jw_arr(struct jw *w);
void jw_arr_end(struct jw *w);
void jw_key(struct jw *w, const char *key); /* key is plain ASCII without quotes */
void jw_key_str(struct jw *w, struct str key);
void jw_str(struct jw *w, struct str s);   /* escapes; bytes that are not UTF-8 become U+FFFD */
void jw_cstr(struct jw *w, const char *s); /* NULL writes null */
void jw_i64(struct jw *w, int64_t v);
void jw_id(struct jw *w, int64_t id); /* as a string; 0 writes null */
void jw_f64(struct jw *w, double v);  /* shortest that reads back; NaN and infinities write null */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, struct str json); /* already JSON */

/* Pairs, for brevity. */
#define jw_kstr(w, k, v) (jw_key((w), (k)), jw_str((w), (v)))
#define jw_kcstr(w, k, v) (jw_key((w), (k)), jw_cstr((w), (v)))
#define jw_ki64(w, k, v) (jw_key((w), (k)), jw_i64((w), (v)))
#define jw_kid(w, k, v) (jw_key((w), (k)), jw_id((w), (v)))
#define jw_kf64(w, k, v) (jw_key((w), (k)), jw_f64((w), (v)))
#define jw_kbool(w, k, v) (jw_key((w), (k)), jw_bool((w), (v)))
#define jw_knull(w, k) (jw_key((w), (k)), jw_null((w)))

#endif
