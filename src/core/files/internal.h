/* Shared by the files of this room only. */
#ifndef PATRON_CORE_FILES_INTERNAL_H
#define PATRON_CORE_FILES_INTERNAL_H

#include "core/files/files.h"

enum { HASH_TEXT = 65 };

/* store.c: reads a file once; its hash, its beginning. */
int store_read(const char *path, char ret_hash[HASH_TEXT], struct buf *ret_begin,
               struct err *e) must_check;
/* The bytes of the upload stand at their place, synced; they did so already when somebody had the
   same file. */
int store_put(const struct tenant *t, const char *path, const char *hash, struct arena *a,
              struct err *e) must_check;
/* Removes what `used` does not know and nobody touched for a day. */
int store_sweep(const struct tenant *t,
                int (*used)(void *arg, const char *hash, bool *ret_used, struct err *e), void *arg,
                struct err *e) must_check;

#endif
