/* Ids by the ten thousand: eight bytes each, the lowest first, some thousand to a row. */
#include "crm/bulk/internal.h"

enum { ID_BYTES = 8 };

int bulk_keep(struct db_conn *c, int64_t job, enum bulk_list list, int64_t part, const int64_t *ids,
              size_t n, struct err *e)
{
    char bytes[BULK_PART * ID_BYTES];
    if (n > BULK_PART)
        return err_set(e, ERR_INTERNAL, "a part of %zu ids", n);
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < ID_BYTES; k++)
            bytes[i * ID_BYTES + k] = (char)((uint64_t)ids[i] >> (8 * k));
    return db_exec(
        c, "INSERT INTO job_ids (job_id, list, part, ids) VALUES ($1, $2, $3, $4)",
        DB_ARGS(DB_I64(job), DB_I64(list), DB_I64(part), DB_BYTES(str_from(bytes, n * ID_BYTES))),
        NULL, e);
}

int bulk_ids(struct db_conn *c, int64_t job, enum bulk_list list, struct id_list *ret_ids,
             struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(c, "SELECT ids FROM job_ids WHERE job_id = $1 AND list = $2 ORDER BY part",
                      DB_ARGS(DB_I64(job), DB_I64(list)), &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        struct str bytes = db_bytes(rows, 0);
        rc = 0;
        for (size_t at = 0; rc == 0 && at + ID_BYTES <= bytes.n; at += ID_BYTES) {
            uint64_t id = 0;
            for (unsigned k = 0; k < ID_BYTES; k++)
                id |= (uint64_t)(unsigned char)bytes.p[at + k] << (8 * k);
            if (!id_list_add(ret_ids, (int64_t)id))
                rc = err_set(e, ERR_NOMEM, "ids");
        }
    }
    db_rows_done(rows);
    return rc;
}
