/* The file read once as it came, and put down as CSV in UTF-8, whatever it was. */
#include "crm/import/look.h"

#include "io/xlsx_read.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- reading it all once ------------------------------------------------------------------- */

static int reading_failed(struct look *l, struct csv_reader *r)
{
    struct csv_problem p = csv_problem(r);
    int code = p.code == CSV_ERR_BINARY      ? ERR_IMPORT_BINARY
               : p.code == CSV_ERR_ENCODING  ? ERR_IMPORT_ENCODING
               : p.code == CSV_ERR_TRUNCATED ? ERR_IMPORT_TRUNCATED
               : p.code == CSV_ERR_READ      ? ERR_IO
               : p.code == CSV_ERR_NO_MEMORY ? ERR_NOMEM
                                             : ERR_VALIDATION;
    err_param_i64(l->e, "row", (int64_t)p.record);
    err_param_i64(l->e, "column", (int64_t)p.field);
    if (code == ERR_VALIDATION) {
        struct err_item *item = err_item(
            l->e, arena_printf(l->a, "/rows/%llu/%zu", (unsigned long long)p.record, p.field),
            "import-broken-row");
        err_item_param(l->e, item, "row", arena_printf(l->a, "%llu", (unsigned long long)p.record));
    }
    return err_set(l->e, code, "record %llu field %zu: %s", (unsigned long long)p.record, p.field,
                   csv_error_code(p.code));
}

static int take_header(struct look *l, const struct csv_record *rec)
{
    if (rec->fields > MAX_COLUMNS)
        return err_set(l->e, ERR_VALIDATION, "more than %d columns", MAX_COLUMNS);
    for (size_t i = 0; i < rec->fields; i++) {
        struct str h = arena_str(l->a, cell_of(rec, i));
        for (size_t k = 0; k < i && h.n; k++) {
            if (!str_eq(h, l->headers[k]))
                continue;
            err_param(l->e, "header", h);
            return err_set(l->e, ERR_IMPORT_DUPLICATE_HEADER, STR_FMT, STR_ARG(h));
        }
        l->headers[l->ncolumns++] = h;
        for (size_t b = 0; b < h.n; b++)
            l->format.chinese |= (unsigned char)h.p[b] >= 0xe4;
        l->samples[i] = arena_array(l->a, struct csv_slice, LOOK_ROWS);
    }
    return 0;
}

static void take_samples(struct look *l, const struct csv_record *rec)
{
    for (size_t i = 0; i < l->ncolumns && i < rec->fields; i++) {
        struct str cell = cell_of(rec, i);
        if (cell.n == 0 || cell.n > 200 || l->nsamples[i] == LOOK_ROWS)
            continue;
        cell = arena_str(l->a, cell);
        l->samples[i][l->nsamples[i]++] = (struct csv_slice){cell.p, cell.n};
    }
}

static int look_through(struct look *l, int fd, enum csv_encoding encoding)
{
    struct csv_options o = {.encoding = encoding, .delimiter = l->workbook ? ',' : 0};
    struct csv_reader *r = NULL;
    struct csv_record rec;
    if (csv_new_fd(fd, &o, &r) != 0)
        return err_set(l->e, ERR_NOMEM, "csv");
    int rc = 0, got;
    while (rc == 0 && (got = csv_next(r, &rec)) != 0) {
        if (got < 0)
            rc = reading_failed(l, r);
        else if (l->ncolumns == 0)
            rc = take_header(l, &rec);
        else if (++l->rows <= LOOK_ROWS)
            take_samples(l, &rec);
    }
    l->format.encoding = csv_encoding_of(r);
    l->format.delimiter = csv_delimiter(r);
    csv_free(r);
    if (rc == 0 && l->rows == 0)
        rc = err_set(l->e, ERR_IMPORT_EMPTY, "no rows");
    return rc;
}

/* --- UTF-8 ---------------------------------------------------------------------------------------
 */

static int write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

static int convert(const char *from, const char *to, const char *charset, size_t skip)
{
    char in[65536], out[65536 * 4];
    int src = open(from, O_RDONLY | O_CLOEXEC), rc = -1;
    int dst = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    iconv_t cd = iconv_open("UTF-8", charset);
    size_t kept = 0;
    if (src < 0 || dst < 0 || cd == (iconv_t)-1 || lseek(src, (off_t)skip, SEEK_SET) < 0)
        goto out;
    for (;;) {
        ssize_t got = read(src, in + kept, sizeof in - kept);
        if (got < 0)
            goto out;
        char *p = in, *q = out;
        size_t left = kept + (size_t)got, room = sizeof out;
        if (left == 0)
            break;
        if (iconv(cd, &p, &left, &q, &room) == (size_t)-1 && errno != EINVAL)
            goto out;
        if (write_all(dst, out, (size_t)(q - out)) != 0)
            goto out;
        if (got == 0 && left)
            goto out;
        memmove(in, p, left);
        kept = left;
    }
    rc = fsync(dst);
out:
    if (src >= 0)
        close(src);
    if (dst >= 0)
        close(dst);
    if (cd != (iconv_t)-1)
        iconv_close(cd);
    return rc;
}

static int text_file(struct look *l, const char *from, const char *to, int fd)
{
    size_t most = 1 << 20;
    char *begin = malloc(most);
    ssize_t n = begin ? pread(fd, begin, most, 0) : -1;
    if (n < 0) {
        free(begin);
        return err_set(l->e, begin ? ERR_IO : ERR_NOMEM, "%s: %s", from, strerror(errno));
    }
    enum csv_encoding encoding =
        l->chosen_encoding ? l->chosen_encoding : csv_guess_encoding(begin, (size_t)n);
    bool mark16 =
        n >= 2 && (memcmp(begin, "\xff\xfe", 2) == 0 || memcmp(begin, "\xfe\xff", 2) == 0);
    free(begin);
    int rc = look_through(l, fd, encoding);
    if (rc)
        return rc;
    encoding = l->format.encoding;
    bool utf16 = encoding == CSV_UTF16LE || encoding == CSV_UTF16BE;
    size_t mark = encoding == CSV_UTF8_BOM ? 3 : utf16 && mark16 ? 2 : 0;
    /* What is as it should be already is the same file under another name. */
    bool same = encoding == CSV_UTF8 && (unlink(to) == 0 || errno == ENOENT) && link(from, to) == 0;
    if (same || convert(from, to, csv_charset(encoding), mark) == 0)
        return 0;
    return err_file(l->e, errno, to);
}

/* --- workbooks ----------------------------------------------------------------------------- */

static int workbook_failed(struct look *l, int rc, uint32_t row)
{
    int code = rc == XLSX_ERR_READ        ? ERR_IO
               : rc == XLSX_ERR_NO_MEMORY ? ERR_NOMEM
               : rc == XLSX_ERR_TOO_LARGE ? ERR_IMPORT_WORKBOOK_SIZE
                                          : ERR_IMPORT_WORKBOOK;
    if (rc == XLSX_ERR_READ && errno == ENOSPC)
        code = ERR_STORAGE_FULL;
    err_param_i64(l->e, "row", row);
    return err_set(l->e, code, "workbook, row %u: %s", row, xlsx_error_code(rc));
}

static int write_piece(void *arg, const char *p, size_t n)
{
    return write_all(*(int *)arg, p, n) == 0 ? 0 : XLSX_ERR_READ;
}

static int choose_sheet(struct look *l, struct xlsx_book *book, size_t *ret_sheet)
{
    const struct xlsx_sheet *sheets;
    size_t n = xlsx_sheets(book, &sheets);
    const size_t room = sizeof l->sheets / sizeof *l->sheets;
    for (size_t i = 0; i < n && i < room; i++)
        l->sheets[l->nsheets++] = arena_str(l->a, sheets[i].name);
    if (l->chosen_sheet < 0) {
        int rc = xlsx_first_sheet(book, ret_sheet);
        return rc ? workbook_failed(l, rc, 0) : 0;
    }
    *ret_sheet = (size_t)l->chosen_sheet;
    if (*ret_sheet < l->nsheets)
        return 0;
    err_item(l->e, STR("/sheet"), "out-of-range");
    return err_set(l->e, ERR_VALIDATION, "sheet %lld", (long long)l->chosen_sheet);
}

static int workbook(struct look *l, const char *from, const char *to)
{
    struct xlsx_book *book = NULL;
    uint32_t row = 0;
    size_t sheet = 0;
    int fd = -1, rc = xlsx_open(from, &book);
    if (rc)
        return workbook_failed(l, rc, 0);
    l->workbook = true;
    rc = choose_sheet(l, book, &sheet);
    if (rc == 0 && (fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
        rc = err_set(l->e, ERR_IO, "%s: %s", to, strerror(errno));
    if (rc == 0) {
        rc = xlsx_to_csv(book, sheet, write_piece, &fd, &row);
        if (rc == 0 && fsync(fd) != 0)
            rc = XLSX_ERR_READ;
        rc = rc ? workbook_failed(l, rc, row) : 0;
    }
    l->sheet = (int64_t)sheet;
    xlsx_close(book);
    if (rc == 0 && lseek(fd, 0, SEEK_SET) != 0)
        rc = err_set(l->e, ERR_IO, "%s: %s", to, strerror(errno));
    if (rc == 0 && row == 0)
        rc = err_set(l->e, ERR_IMPORT_EMPTY, "no rows");
    if (rc == 0)
        rc = look_through(l, fd, CSV_UTF8);
    if (fd >= 0)
        close(fd);
    return rc;
}

int look_at(struct look *l, const char *from, const char *to)
{
    static const char ole[] = "\xd0\xcf\x11\xe0"; /* XLS before 2007, and XLSX with a password */
    char begin[4];
    struct str part = arena_printf(l->a, "%s.part", to);
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, begin, sizeof begin, 0);
    int rc;
    if (n < 0)
        rc = err_set(l->e, ERR_IO, "%s: %s", from, strerror(errno));
    else if (n == 0)
        rc = err_set(l->e, ERR_IMPORT_EMPTY, "no bytes");
    else if (n == 4 && memcmp(begin, ole, 4) == 0)
        rc = err_set(l->e, ERR_IMPORT_OLD_WORKBOOK, "OLE");
    else if (xlsx_looks_like(begin, (size_t)n))
        rc = workbook(l, from, part.p);
    else
        rc = text_file(l, from, part.p, fd);
    if (fd >= 0)
        close(fd);
    if (rc == 0 && rename(part.p, to) != 0)
        rc = err_set(l->e, ERR_IO, "%s: %s", to, strerror(errno));
    if (rc)
        unlink(part.p);
    return rc;
}
