/* Backup, restore and check. A backup is one SQLite file whatever the source, so it also carries a
   company from SQLite to PostgreSQL and back. */
#ifndef PATRON_DB_BACKUP_H
#define PATRON_DB_BACKUP_H

#include "db/schema.h"

/* Copies one consistent state of `src` into a new file at `path` (made as a temporary, synced, then
   renamed: never half there). SQLite: the online backup interface, beside running writers.
   PostgreSQL: rows of `tables` in one repeatable-read transaction. Progress may be NULL; SQLite
   copies pages, so there `table` is "" and `rows` counts pages. `files`: a folder whose files, and
   those of its folders, go along; NULL = none. They must not change once there. */
int backup_write(struct db *src, const struct table_def *tables, size_t ntables, const char *path,
                 const char *files, void (*progress)(void *arg, const char *table, int64_t rows),
                 void *arg, struct err *e) must_check;
/* Fills the empty database `dst` (its schema is applied) from the backup, in chunks; refuses a
   database that has rows (ERR_STATE_CONFLICT). Columns the backup lacks take their defaults. Every
   reference is checked at the end (ERR_CORRUPT); after any failure `dst` is empty again. Nobody
   else may write to `dst` meanwhile. */
int backup_restore(struct db *dst, const struct table_def *tables, size_t ntables, const char *path,
                   void (*progress)(void *arg, const char *table, int64_t rows), void *arg,
                   struct err *e) must_check;

/* The files that went along, put into the folder `dir`; none in backups that have none. */
int backup_files_take(const char *path, const char *dir, struct err *e) must_check;

/* Integrity: the database's own check, every foreign key of `tables`, FTS content; each finding is
   passed to `report`. *ret_findings counts them. */
int backup_check(struct db *db, const struct table_def *tables, size_t ntables,
                 void (*report)(void *arg, const char *finding), void *arg, int64_t *ret_findings,
                 struct err *e) must_check;

/* The lock against two processes on one data directory (flock on DIR/lock, with the process id
   inside). ERR_LOCKED with params "pid" and "dir". Released when the process ends. */
int datadir_lock(const char *dir, int *ret_fd, struct err *e) must_check;

#endif
