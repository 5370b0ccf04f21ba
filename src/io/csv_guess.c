/* What a text file is written in. */
#include "csv.h"

#include <string.h>

const char *csv_charset(enum csv_encoding encoding)
{
    static const char *const names[CSV_ENCODINGS] = {NULL,       "UTF-8",    "UTF-8",     "GB18030",
                                                     "UTF-16LE", "UTF-16BE", "BIG5-HKSCS"};
    return (unsigned)encoding < CSV_ENCODINGS ? names[encoding] : NULL;
}

static bool is_utf8(const unsigned char *t, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t more = t[i] < 0x80                   ? 0
                      : t[i] >= 0xc2 && t[i] < 0xe0 ? 1
                      : t[i] >= 0xe0 && t[i] < 0xf0 ? 2
                      : t[i] >= 0xf0 && t[i] < 0xf5 ? 3
                                                    : 4;
        if (more == 4)
            return false;
        for (size_t k = 1; k <= more && i + k < n; k++)
            if ((t[i + k] & 0xc0) != 0x80)
                return false;
        i += more + 1;
    }
    return true;
}

/* Texts of tables have ASCII in them, and so zeros on one side of each pair and none on the other.
 */
static enum csv_encoding by_zeros(const unsigned char *t, size_t n)
{
    size_t zeros[2] = {0};
    for (size_t i = 0; i < n; i++)
        zeros[i & 1] += t[i] == 0;
    if (zeros[0] == 0 && zeros[1] * 20 > n)
        return CSV_UTF16LE;
    if (zeros[1] == 0 && zeros[0] * 20 > n)
        return CSV_UTF16BE;
    return CSV_DETECT;
}

/* Both double-byte encodings cut the bytes alike, mostly. What tells them apart is where the
   characters come from that people use: a text of mainland China is nearly all in the first level
   of GB 2312 (lead B0-D7, trail from A1), one of Taiwan in the first level of Big5 (lead A4-C6,
   four of ten trails below 7F). */
struct tally {
    size_t pairs, common;
    bool valid;
};

static struct tally as_gb(const unsigned char *t, size_t n)
{
    struct tally r = {.valid = true};
    for (size_t i = 0; i < n; i++) {
        if (t[i] < 0x80)
            continue;
        if (t[i] == 0x80 || t[i] == 0xff)
            return (struct tally){0};
        if (i + 1 >= n)
            break;
        unsigned char lead = t[i], trail = t[++i];
        if (trail >= 0x30 && trail <= 0x39) { /* four bytes */
            i += 2;
            r.pairs++;
            continue;
        }
        if (trail < 0x40 || trail == 0x7f || trail == 0xff)
            return (struct tally){0};
        r.pairs++;
        r.common +=
            trail >= 0xa1 && ((lead >= 0xb0 && lead <= 0xd7) || lead == 0xa1 || lead == 0xa3);
    }
    return r;
}

static struct tally as_big5(const unsigned char *t, size_t n)
{
    struct tally r = {.valid = true};
    for (size_t i = 0; i < n; i++) {
        if (t[i] < 0x80)
            continue;
        if (t[i] < 0x87 || t[i] == 0xff)
            return (struct tally){0};
        if (i + 1 >= n)
            break;
        unsigned char lead = t[i], trail = t[++i];
        if (trail < 0x40 || (trail > 0x7e && trail < 0xa1) || trail == 0xff)
            return (struct tally){0};
        r.pairs++;
        r.common += lead >= 0xa4 && lead <= 0xc6;
        r.common += lead == 0xa1 || lead == 0xa2;
    }
    return r;
}

enum csv_encoding csv_guess_encoding(const char *data, size_t n)
{
    const unsigned char *t = (const unsigned char *)data;
    if (n >= 3 && memcmp(t, "\xef\xbb\xbf", 3) == 0)
        return CSV_UTF8_BOM;
    if (n >= 2 && t[0] == 0xff && t[1] == 0xfe)
        return CSV_UTF16LE;
    if (n >= 2 && t[0] == 0xfe && t[1] == 0xff)
        return CSV_UTF16BE;
    enum csv_encoding zeros = n >= 8 ? by_zeros(t, n) : CSV_DETECT;
    if (zeros != CSV_DETECT)
        return zeros;
    size_t ascii = 0;
    while (ascii < n && t[ascii] < 0x80)
        ascii++;
    if (ascii == n)
        return CSV_DETECT;
    if (is_utf8(t, n))
        return CSV_UTF8;
    struct tally gb = as_gb(t + ascii, n - ascii), big5 = as_big5(t + ascii, n - ascii);
    bool taiwan = big5.valid && (!gb.valid || big5.common > gb.common);
    return taiwan ? CSV_BIG5 : gb.valid ? CSV_GB18030 : CSV_DETECT;
}
