/* One record out of memory: for readers that come back to a place they have been before. */
#include "csv.h"

#include <string.h>

ssize_t csv_split(const char *data, size_t len, char delimiter, char *scratch, size_t room,
                  struct csv_slice *ret_field, size_t max_fields)
{
    size_t n = 0, at = 0, used = 0;
    for (;;) {
        if (n == max_fields)
            return CSV_ERR_TOO_MANY_FIELDS;
        struct csv_slice *f = &ret_field[n++];
        if (at < len && data[at] == '"') {
            /* Doubled quotes make the text differ from the file: it is put together in scratch. */
            char *out = scratch + used;
            f->ptr = out;
            for (at++;; at++) {
                if (at >= len)
                    return CSV_ERR_TRUNCATED;
                if (data[at] == '"' && (at + 1 >= len || data[at + 1] != '"'))
                    break;
                if (data[at] == '"')
                    at++;
                if (used == room)
                    return CSV_ERR_RECORD_TOO_LONG;
                scratch[used++] = data[at];
            }
            at++;
            f->len = (size_t)(scratch + used - out);
        } else {
            size_t from = at;
            while (at < len && data[at] != delimiter && data[at] != '\n' && data[at] != '\r')
                at++;
            *f = (struct csv_slice){data + from, at - from};
        }
        if (at >= len || data[at] == '\n' || data[at] == '\r')
            return (ssize_t)n;
        if (data[at] != delimiter)
            return CSV_ERR_QUOTE;
        at++;
    }
}
