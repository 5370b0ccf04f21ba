/*
 * csv.c - the streaming reader. The scan of a record starts again when its end is not yet in the
 * buffer: with blocks of 256 KiB that is rare, and it keeps the scanner free of states to resume.
 */
#include "csv.h"

#include <assert.h>
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 256 * 1024, RAW = 64 * 1024 };

struct csv_reader {
    csv_read_fn *read;
    void *source;
    int fd;
    const char *memory;
    size_t memory_left;
    struct csv_options options;

    char *buffer; /* room + 1 bytes: one for the sentinel */
    size_t room, begin, end;
    uint64_t base; /* offset of buffer[0] */
    bool at_end;

    enum csv_encoding encoding;
    bool decided;
    iconv_t converter; /* (iconv_t)-1 when not in use */
    char *raw;
    size_t raw_len;
    unsigned char partial[4]; /* an incomplete UTF-8 character at the end of what was checked */
    size_t partial_len;
    uint64_t bytes_read;

    struct csv_slice *field;
    size_t fields_room;
    unsigned char *doubled; /* per field: holds doubled quotes */
    unsigned char stop[256];
    bool started;
    uint64_t records;
    int pending; /* what is wrong behind buffer[end]: reported when reading gets there */
    struct csv_problem problem;
};

const char *csv_error_code(int error)
{
    static const char *const codes[] = {
        "ok",       "read",           "no-memory",       "truncated",
        "quote",    "field-too-long", "record-too-long", "too-many-fields",
        "encoding", "binary"};
    return error <= 0 && error >= CSV_ERR_BINARY ? codes[-error] : "unknown";
}

const char *csv_encoding_name(enum csv_encoding encoding)
{
    static const char *const names[CSV_ENCODINGS] = {"detect",   "utf-8",    "utf-8-bom", "gb18030",
                                                     "utf-16le", "utf-16be", "big5"};
    return (unsigned)encoding < CSV_ENCODINGS ? names[encoding] : "unknown";
}

static ssize_t read_fd(void *source, char *buffer, size_t room)
{
    const struct csv_reader *r = source;
    for (;;) {
        ssize_t got = read(r->fd, buffer, room);
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return -(ssize_t)errno;
    }
}

static ssize_t read_memory(void *source, char *buffer, size_t room)
{
    struct csv_reader *r = source;
    size_t take = r->memory_left < room ? r->memory_left : room;
    if (take > 0)
        memcpy(buffer, r->memory, take);
    r->memory += take;
    r->memory_left -= take;
    return (ssize_t)take;
}

int csv_new(csv_read_fn *read_some, void *source, const struct csv_options *options,
            struct csv_reader **ret_reader)
{
    struct csv_reader *r = calloc(1, sizeof *r);
    if (!r)
        return CSV_ERR_NO_MEMORY;
    if (options)
        r->options = *options;
    if (r->options.max_field == 0)
        r->options.max_field = (size_t)1 << 20;
    if (r->options.max_record == 0)
        r->options.max_record = (size_t)4 << 20;
    if (r->options.max_fields == 0)
        r->options.max_fields = 1000;
    r->read = read_some;
    r->source = source;
    r->fd = -1;
    r->converter = (iconv_t)-1;
    r->room = BLOCK;
    r->buffer = malloc(r->room + 1);
    r->fields_room = r->options.max_fields < 16 ? r->options.max_fields : 16;
    r->field = malloc(r->fields_room * sizeof *r->field);
    r->doubled = malloc(r->fields_room);
    if (!r->buffer || !r->field || !r->doubled) {
        csv_free(r);
        return CSV_ERR_NO_MEMORY;
    }
    *ret_reader = r;
    return CSV_OK;
}

int csv_new_fd(int fd, const struct csv_options *options, struct csv_reader **ret_reader)
{
    struct csv_reader *r;
    int rc = csv_new(read_fd, NULL, options, &r);
    if (rc)
        return rc;
    r->fd = fd;
    r->source = r;
    *ret_reader = r;
    return CSV_OK;
}

int csv_new_memory(const char *data, size_t len, const struct csv_options *options,
                   struct csv_reader **ret_reader)
{
    struct csv_reader *r;
    int rc = csv_new(read_memory, NULL, options, &r);
    if (rc)
        return rc;
    r->memory = data;
    r->memory_left = len;
    r->source = r;
    *ret_reader = r;
    return CSV_OK;
}

void csv_free(struct csv_reader *r)
{
    if (!r)
        return;
    if (r->converter != (iconv_t)-1)
        iconv_close(r->converter);
    free(r->buffer);
    free(r->raw);
    free(r->field);
    free(r->doubled);
    free(r);
}

struct csv_problem csv_problem(const struct csv_reader *r)
{
    return r->problem;
}

char csv_delimiter(const struct csv_reader *r)
{
    return r->options.delimiter;
}

enum csv_encoding csv_encoding_of(const struct csv_reader *r)
{
    return r->encoding == CSV_DETECT ? CSV_UTF8 : r->encoding;
}

uint64_t csv_bytes_read(const struct csv_reader *r)
{
    return r->bytes_read;
}

static int fail(struct csv_reader *r, int code, size_t field, uint64_t byte)
{
    r->problem = (struct csv_problem){code, 0, r->records + 1, field, byte};
    return code;
}

/* Cuts the buffer off before a bad byte; the records before it are still delivered. */
static void postpone(struct csv_reader *r, int code, size_t position)
{
    r->pending = code;
    r->end = position;
}

/* ---- Encodings ------------------------------------------------------------------------------- */

static size_t ascii_length(const char *text, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < len && !((unsigned char)text[i] & 0x80))
        i++;
    return i;
}

/* Length of a valid character at text; 0: invalid; -1: cut off by the end. */
static int utf8_character(const unsigned char *t, size_t len)
{
    if (t[0] < 0x80)
        return 1;
    int need = t[0] >= 0xC2 && t[0] <= 0xDF   ? 2
               : (t[0] & 0xF0) == 0xE0        ? 3
               : t[0] >= 0xF0 && t[0] <= 0xF4 ? 4
                                              : 0;
    if (need == 0)
        return 0;
    for (int i = 1; i < need; i++) {
        if ((size_t)i >= len)
            return -1;
        unsigned char low = 0x80, high = 0xBF;
        if (i == 1) {
            low = t[0] == 0xE0 ? 0xA0 : t[0] == 0xF0 ? 0x90 : 0x80;
            high = t[0] == 0xED ? 0x9F : t[0] == 0xF4 ? 0x8F : 0xBF;
        }
        if (t[i] < low || t[i] > high)
            return 0;
    }
    return need;
}

/* Valid prefix; *ret_cut: what follows is only cut off. */
static size_t utf8_length(const char *text, size_t len, bool *ret_cut)
{
    size_t i = 0;
    *ret_cut = false;
    while (i < len) {
        i += ascii_length(text + i, len - i);
        if (i >= len)
            break;
        int n = utf8_character((const unsigned char *)text + i, len - i);
        if (n <= 0) {
            *ret_cut = n < 0;
            break;
        }
        i += (size_t)n;
    }
    return i;
}

static int open_converter(struct csv_reader *r, enum csv_encoding encoding)
{
    r->converter = iconv_open("UTF-8", csv_charset(encoding));
    if (r->converter == (iconv_t)-1)
        return CSV_ERR_ENCODING;
    r->raw = malloc(BLOCK + RAW);
    return r->raw ? CSV_OK : CSV_ERR_NO_MEMORY;
}

/* Could these bytes be GB18030? Lead 0x81..0xFE, then 0x40..0xFE without 0x7F, or the 4-byte form.
 */
static bool looks_gb18030(const char *text, size_t len)
{
    const unsigned char *t = (const unsigned char *)text;
    size_t i = 0;
    while (i < len) {
        if (t[i] < 0x80) {
            i++;
            continue;
        }
        if (t[i] == 0x80 || t[i] == 0xFF)
            return false;
        if (i + 1 >= len)
            return true;
        if (t[i + 1] >= 0x30 && t[i + 1] <= 0x39) {
            if (i + 3 >= len)
                return true;
            if (t[i + 2] < 0x81 || t[i + 2] == 0xFF || t[i + 3] < 0x30 || t[i + 3] > 0x39)
                return false;
            i += 4;
        } else {
            if (t[i + 1] < 0x40 || t[i + 1] == 0x7F || t[i + 1] == 0xFF)
                return false;
            i += 2;
        }
    }
    return true;
}

/* Converts what raw holds into the buffer; keeps incomplete characters. */
static int convert(struct csv_reader *r, bool last)
{
    char *in = r->raw, *out = r->buffer + r->end;
    size_t in_left = r->raw_len, out_left = r->room - r->end;
    size_t rc = iconv(r->converter, &in, &in_left, &out, &out_left);
    int why = errno;
    r->end = r->room - out_left;
    if (in_left > 0)
        memmove(r->raw, in, in_left);
    r->raw_len = in_left;
    if (rc == (size_t)-1 && (why == EILSEQ || (why == EINVAL && last)))
        return CSV_ERR_ENCODING;
    return CSV_OK;
}

/* Decides on the encoding of bytes [from, end) just read; the first of them may open the file. */
static int decide(struct csv_reader *r, size_t from, bool first)
{
    char *text = r->buffer + from;
    size_t len = r->end - from;
    const unsigned char *t = (const unsigned char *)text;
    if (first && len >= 3 && t[0] == 0xEF && t[1] == 0xBB && t[2] == 0xBF &&
        (r->options.encoding == CSV_DETECT || r->options.encoding == CSV_UTF8 ||
         r->options.encoding == CSV_UTF8_BOM)) {
        r->encoding = CSV_UTF8_BOM;
        r->decided = true;
        r->begin += 3;
        return CSV_OK;
    }
    enum csv_encoding wanted = r->options.encoding;
    if (wanted == CSV_DETECT && first && len >= 2 && t[0] == 0xFF && t[1] == 0xFE)
        wanted = CSV_UTF16LE;
    else if (wanted == CSV_DETECT && first && len >= 2 && t[0] == 0xFE && t[1] == 0xFF)
        wanted = CSV_UTF16BE;
    if (wanted == CSV_DETECT) {
        if (ascii_length(text, len) == len)
            return CSV_OK; /* nothing to tell them apart yet */
        bool cut;
        size_t good = utf8_length(text, len, &cut);
        if (good == len || cut)
            wanted = CSV_UTF8;
        else if (looks_gb18030(text, len))
            wanted = CSV_GB18030;
        if (wanted == CSV_DETECT) {
            postpone(r, CSV_ERR_ENCODING, from + good);
            return CSV_OK;
        }
    }
    r->encoding = wanted;
    r->decided = true;
    if (wanted == CSV_UTF8 || wanted == CSV_UTF8_BOM)
        return CSV_OK;
    int rc = open_converter(r, wanted);
    if (rc)
        return fail(r, rc, 0, r->base + from);
    size_t mark = first && (wanted == CSV_UTF16LE || wanted == CSV_UTF16BE) && len >= 2 &&
                          (t[0] == 0xFF || t[0] == 0xFE) && t[0] + t[1] == 0xFD + 0x100
                      ? 2
                      : 0;
    memcpy(r->raw, text + mark, len - mark);
    r->raw_len = len - mark;
    r->end = from;
    return CSV_OK;
}

/* Checks that bytes [from, end) continue valid UTF-8. */
static void check_utf8(struct csv_reader *r, size_t from)
{
    size_t at = from;
    if (r->partial_len > 0) {
        while (r->partial_len < 4 && at < r->end) {
            r->partial[r->partial_len++] = (unsigned char)r->buffer[at++];
            int n = utf8_character(r->partial, r->partial_len);
            if (n == 0) {
                postpone(r, CSV_ERR_ENCODING, at - r->partial_len);
                return;
            }
            if (n > 0)
                break;
        }
        if (utf8_character(r->partial, r->partial_len) < 0)
            return;
        r->partial_len = 0;
    }
    bool cut;
    size_t good = utf8_length(r->buffer + at, r->end - at, &cut);
    if (at + good < r->end) {
        if (!cut) {
            postpone(r, CSV_ERR_ENCODING, at + good);
            return;
        }
        r->partial_len = r->end - at - good;
        memcpy(r->partial, r->buffer + at + good, r->partial_len);
    }
}

/* ---- Filling --------------------------------------------------------------------------------- */

static int make_room(struct csv_reader *r)
{
    if (r->begin > 0) {
        memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
        r->base += r->begin;
        r->end -= r->begin;
        r->begin = 0;
    }
    if (r->end < r->room / 2)
        return CSV_OK;
    if (r->room > r->options.max_record + BLOCK)
        return fail(r, CSV_ERR_RECORD_TOO_LONG, 0, r->base);
    char *buffer = realloc(r->buffer, r->room * 2 + 1);
    if (!buffer)
        return fail(r, CSV_ERR_NO_MEMORY, 0, r->base);
    r->buffer = buffer;
    r->room *= 2;
    return CSV_OK;
}

static ssize_t take(struct csv_reader *r, char *to, size_t room)
{
    ssize_t got = r->read(r->source, to, room);
    if (got < 0) {
        fail(r, CSV_ERR_READ, 0, r->base + r->end);
        r->problem.detail = (int)-got;
        return CSV_ERR_READ;
    }
    r->bytes_read += (uint64_t)got;
    return got;
}

/* Reads more behind what is there. Sets at_end when nothing more comes. */
static int fill(struct csv_reader *r)
{
    if (r->pending)
        return fail(r, r->pending, 0, r->base + r->end);
    int rc = make_room(r);
    if (rc)
        return rc;
    size_t from = r->end;
    if (r->converter != (iconv_t)-1) {
        if (r->raw_len < RAW / 2) {
            ssize_t got = take(r, r->raw + r->raw_len, RAW - r->raw_len);
            if (got < 0)
                return (int)got;
            r->raw_len += (size_t)got;
            r->at_end = got == 0;
        }
    } else {
        bool first = r->bytes_read == 0;
        size_t room = r->room - r->end < BLOCK ? r->room - r->end : BLOCK;
        ssize_t got = take(r, r->buffer + r->end, room);
        if (got < 0)
            return (int)got;
        /* The first decision needs a few bytes to look at. */
        while (first && got > 0 && got < 4) {
            ssize_t more = take(r, r->buffer + r->end + got, room - (size_t)got);
            if (more < 0)
                return (int)more;
            if (more == 0)
                break;
            got += more;
        }
        r->at_end = got == 0;
        r->end += (size_t)got;
        if (!r->decided && got > 0) {
            rc = decide(r, from, first);
            if (rc)
                return rc;
        }
        if (r->converter == (iconv_t)-1) {
            if (r->decided && !r->pending)
                check_utf8(r, from);
            if (r->at_end && r->partial_len > 0)
                postpone(r, CSV_ERR_ENCODING, r->end - r->partial_len);
        }
    }
    if (r->converter != (iconv_t)-1) {
        rc = convert(r, r->at_end);
        if (rc)
            postpone(r, rc, r->end);
        /* The buffer may be full before raw is empty: there is more, whatever the source says. */
        if (r->raw_len > 0)
            r->at_end = false;
    }
    const char *zero = r->end > from ? memchr(r->buffer + from, 0, r->end - from) : NULL;
    if (zero)
        postpone(r, CSV_ERR_BINARY, (size_t)(zero - r->buffer));
    if (r->pending)
        r->at_end = false; /* the end is not reached: what is open there is not complete */
    return CSV_OK;
}

/* ---- Records --------------------------------------------------------------------------------- */

static const char candidates[] = {',', ';', '\t', '|'};

/* The candidate that cuts the first records into the same number of fields, most fields first. */
static char detect_delimiter(const char *text, size_t len)
{
    char best = ',';
    size_t best_score = 0;
    for (size_t c = 0; c < sizeof candidates; c++) {
        size_t first = 0, count = 0, lines = 0, equal = 0;
        bool quoted = false, content = false;
        for (size_t i = 0; i < len && lines < 32; i++) {
            if (text[i] == '"') {
                quoted = !quoted;
                content = true;
            } else if (!quoted && (text[i] == '\n' || text[i] == '\r')) {
                if (content) {
                    if (lines == 0)
                        first = count;
                    equal += count == first;
                    lines++;
                }
                count = 0;
                content = false;
            } else {
                count += !quoted && text[i] == candidates[c];
                content = true;
            }
        }
        if (content && lines < 32) {
            if (lines == 0)
                first = count;
            equal += count == first;
            lines++;
        }
        size_t score =
            first == 0 ? 0 : equal * 1000 / (lines ? lines : 1) * 64 + (first < 63 ? first : 63);
        if (score > best_score) {
            best_score = score;
            best = candidates[c];
        }
    }
    return best;
}

static int grow_fields(struct csv_reader *r)
{
    size_t room = r->fields_room * 2;
    if (room > r->options.max_fields)
        room = r->options.max_fields;
    assert(room > r->fields_room); /* the caller has looked at max_fields */
    struct csv_slice *field = realloc(r->field, room * sizeof *field);
    if (!field)
        return CSV_ERR_NO_MEMORY;
    r->field = field;
    unsigned char *doubled = realloc(r->doubled, room);
    if (!doubled)
        return CSV_ERR_NO_MEMORY;
    r->doubled = doubled;
    r->fields_room = room;
    return CSV_OK;
}

/* Closes up doubled quotes in place. */
static void close_up(struct csv_reader *r, struct csv_slice *field)
{
    char *text = r->buffer + (field->ptr - r->buffer);
    size_t out = 0;
    for (size_t i = 0; i < field->len; i++) {
        text[out++] = text[i];
        if (text[i] == '"')
            i++; /* the second of a pair */
    }
    field->len = out;
}

enum { MORE = 1 }; /* the record is not complete in the buffer */

/* The first quote in [p, end), or NULL. Most fields are shorter than a call of memchr is long. */
static const char *find_quote(const char *p, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    for (; end - p >= 8; p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= ones * '"'; /* a quote is a zero byte now; the lowest one found is a true one */
        uint64_t found = (word - ones) & ~word & high;
        if (found)
            return p + (unsigned)__builtin_ctzll(found) / 8;
    }
    while (p < end && *p != '"')
        p++;
    return p < end ? p : NULL;
}

/*
 * Scans one record from r->begin. buffer[end] is a sentinel that stops every scan. Returns CSV_OK,
 * MORE or an error; *ret_next is the position behind the record.
 */
static int scan(struct csv_reader *r, size_t *ret_fields, size_t *ret_next)
{
    const char *p = r->buffer + r->begin, *const end = r->buffer + r->end;
    const unsigned char *stop = r->stop;
    const char delimiter = r->options.delimiter;
    size_t n = 0;
    for (;;) {
        if (n == r->fields_room) {
            if (n >= r->options.max_fields)
                return fail(r, CSV_ERR_TOO_MANY_FIELDS, n + 1, r->base + (uint64_t)(p - r->buffer));
            if (grow_fields(r))
                return fail(r, CSV_ERR_NO_MEMORY, n + 1, r->base);
        }
        const char *from = p;
        bool doubled = false;
        if (*p == '"' && p < end) {
            from = ++p;
            for (;;) {
                const char *quote = find_quote(p, end);
                if (!quote) {
                    if (!r->at_end) {
                        if ((size_t)(end - from) > r->options.max_field)
                            return fail(r, CSV_ERR_FIELD_TOO_LONG, n + 1,
                                        r->base + (uint64_t)(from - r->buffer));
                        return MORE;
                    }
                    return fail(r, CSV_ERR_TRUNCATED, n + 1,
                                r->base + (uint64_t)(from - 1 - r->buffer));
                }
                p = quote + 1;
                if (p == end && !r->at_end)
                    return MORE;
                if (p < end && *p == '"') {
                    doubled = true;
                    p++;
                    continue;
                }
                break;
            }
            r->field[n] = (struct csv_slice){from, (size_t)(p - 1 - from)};
            if (p < end && !stop[(unsigned char)*p])
                return fail(r, CSV_ERR_QUOTE, n + 1, r->base + (uint64_t)(p - r->buffer));
        } else {
            while (!stop[(unsigned char)*p])
                p++;
            if (p == end && !r->at_end) {
                if ((size_t)(p - from) > r->options.max_field)
                    return fail(r, CSV_ERR_FIELD_TOO_LONG, n + 1,
                                r->base + (uint64_t)(from - r->buffer));
                return MORE;
            }
            r->field[n] = (struct csv_slice){from, (size_t)(p - from)};
        }
        r->doubled[n] = doubled;
        if (r->field[n].len > r->options.max_field)
            return fail(r, CSV_ERR_FIELD_TOO_LONG, n + 1, r->base + (uint64_t)(from - r->buffer));
        n++;
        if (p < end && *p == delimiter) {
            p++;
            continue;
        }
        break;
    }
    if (p < end && *p == '\r') {
        if (p + 1 == end && !r->at_end)
            return MORE;
        p += p + 1 < end && p[1] == '\n' ? 2 : 1;
    } else if (p < end) {
        p++;
    }
    if ((size_t)(p - (r->buffer + r->begin)) > r->options.max_record)
        return fail(r, CSV_ERR_RECORD_TOO_LONG, 0, r->base + r->begin);
    *ret_fields = n;
    *ret_next = (size_t)(p - r->buffer);
    return CSV_OK;
}

static int start(struct csv_reader *r)
{
    r->started = true;
    /* Enough to look at, without waiting for a whole block from a slow source. */
    while (!r->at_end && !r->pending && r->end - r->begin < 4096) {
        int rc = fill(r);
        if (rc)
            return rc;
    }
    if (r->options.delimiter == 0)
        r->options.delimiter = detect_delimiter(r->buffer + r->begin, r->end - r->begin);
    r->stop[(unsigned char)r->options.delimiter] = 1;
    r->stop['\n'] = 1;
    r->stop['\r'] = 1;
    return CSV_OK;
}

int csv_next(struct csv_reader *r, struct csv_record *ret_record)
{
    if (r->problem.code)
        return r->problem.code;
    if (!r->started) {
        int rc = start(r);
        if (rc)
            return rc;
    }
    for (;;) {
        if (r->begin == r->end) {
            if (r->at_end)
                return 0;
            int rc = fill(r);
            if (rc)
                return rc;
            continue;
        }
        r->buffer[r->end] = '\n';
        size_t fields, next;
        int rc = scan(r, &fields, &next);
        if (rc < 0)
            return rc;
        if (rc == MORE) {
            rc = fill(r);
            if (rc)
                return rc;
            continue;
        }
        size_t begin = r->begin;
        r->begin = next;
        r->records++;
        if (fields == 1 && r->field[0].len == 0 && r->buffer[begin] != '"')
            continue; /* a blank line */
        for (size_t i = 0; i < fields; i++)
            if (__builtin_expect(r->doubled[i], 0))
                close_up(r, &r->field[i]);
        *ret_record = (struct csv_record){r->field, fields, r->records, r->base + begin};
        return 1;
    }
}
