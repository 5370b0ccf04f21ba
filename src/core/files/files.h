/* Files that hang on records. The bytes stand once, by their SHA-256, in DIR/files/attached; rows
   of `attachment` say which record has which of them, under what name. Whoever may read a record
   may read its files, whoever may write it may add and remove them. */
#ifndef PATRON_CORE_FILES_H
#define PATRON_CORE_FILES_H

#include "core/record/record.h"
#include "core/tenant/tenant.h"

/* What a file is, by its bytes and never by what somebody says of it. */
struct file_type {
    const char *mime;
    bool shown; /* in a page of ours: pictures and PDF, nothing that could run */
};

struct file_put {
    const struct entity *en;
    int64_t record_id;
    const char *path; /* of the upload; it may be taken or left */
    int64_t size;
    struct str name;
};

/* On a worker: hashes the file, looks at what it is, and stores it in a transaction of its own.
   ERR_FILE_TOO_LARGE (params name, limit), ERR_VALIDATION (/name, /file), ERR_NOT_FOUND,
   ERR_FORBIDDEN. */
int file_attach(struct tenant *t, const struct actor *who, struct file_put *f, struct arena *a,
                int64_t *ret_id, struct err *e) must_check;

struct file_row {
    int64_t id, record_id, size;
    const struct entity *en;
    struct str name, hash;
    const struct file_type *type;
};
/* One that `who` may read. ERR_NOT_FOUND. */
int file_find(struct db_conn *c, const struct tenant *t, const struct actor *who, int64_t id,
              bool removed, struct arena *a, struct file_row *ret, struct err *e) must_check;
/* Where its bytes are. */
const char *file_path(const struct tenant *t, struct str hash, struct arena *a);

/* Inside a transaction: away from the record (it can come back for a week), or back. ERR_FORBIDDEN,
   ERR_NOT_FOUND. */
int file_remove(struct write *w, int64_t id, bool back, struct err *e) must_check;

/* Writes the files of a record that the actor was shown to see: {"items":[…]}. */
int file_list(struct db_conn *c, const struct tenant *t, const struct actor *who,
              const struct record *r, struct jw *w, struct err *e) must_check;
/* One of them as an object. */
int file_json(struct db_conn *c, int64_t id, struct jw *w, struct err *e) must_check;

/* The folder whose files a backup takes along. */
const char *files_dir(const struct tenant *t, struct arena *a);
/* Those that a backup at `path` took along, put back. */
int files_restore(const struct tenant *t, const char *path, struct arena *a,
                  struct err *e) must_check;
/* Housekeeping: rows removed more than a week ago go, then bytes that nobody refers to. */
int files_sweep(struct tenant *t, struct err *e) must_check;

/* types.c: NULL when it is none of those that are taken. `begin` is how the file begins. */
enum { FILE_BEGIN = 4096 };
const struct file_type *file_type_of(struct str begin, struct str name);
const struct file_type *file_type_named(struct str mime);

#endif
