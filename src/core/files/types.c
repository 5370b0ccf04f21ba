/* What a file is. The table is the list of what is taken: what is none of these is refused. */
#include "core/files/files.h"

#include <string.h>

/* A row fits when these bytes stand at this place. Rows of `family` share their beginning and are
   told apart by how the name ends: the first one where it does, else the family's last. */
struct magic {
    const char *bytes;
    size_t n, at;
    const char *ending;
    struct file_type type;
};

#define M(bytes, at) bytes, sizeof(bytes) - 1, at

static const struct magic table[] = {
    {M("\x89PNG\r\n\x1a\n", 0), NULL, {"image/png", true}},
    {M("\xff\xd8\xff", 0), NULL, {"image/jpeg", true}},
    {M("GIF87a", 0), NULL, {"image/gif", true}},
    {M("GIF89a", 0), NULL, {"image/gif", true}},
    {M("WEBPVP8", 8), NULL, {"image/webp", true}},
    {M("%PDF-", 0), NULL, {"application/pdf", true}},
    {M("ftypheic", 4), NULL, {"image/heic", false}},
    {M("ftypmif1", 4), NULL, {"image/heif", false}},
    {M("ftypqt  ", 4), NULL, {"video/quicktime", false}},
    {M("ftypM4A ", 4), NULL, {"audio/mp4", false}},
    {M("ftyp", 4), NULL, {"video/mp4", false}},
    {M("ID3", 0), NULL, {"audio/mpeg", false}},
    {M("\xff\xfb", 0), ".mp3", {"audio/mpeg", false}},
    {M("#!AMR", 0), NULL, {"audio/amr", false}},
    {M("WAVEfmt", 8), NULL, {"audio/wav", false}},
    {M("II*\0", 0), NULL, {"image/tiff", false}},
    {M("MM\0*", 0), NULL, {"image/tiff", false}},
    {M("PK\3\4", 0),
     ".docx",
     {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", false}},
    {M("PK\3\4", 0),
     ".xlsx",
     {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false}},
    {M("PK\3\4", 0),
     ".pptx",
     {"application/vnd.openxmlformats-officedocument.presentationml.presentation", false}},
    {M("PK\3\4", 0), ".odt", {"application/vnd.oasis.opendocument.text", false}},
    {M("PK\3\4", 0), ".ods", {"application/vnd.oasis.opendocument.spreadsheet", false}},
    {M("PK\3\4", 0), ".ofd", {"application/ofd", false}},
    {M("PK\3\4", 0), NULL, {"application/zip", false}},
    {M("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0), ".doc", {"application/msword", false}},
    {M("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0), ".xls", {"application/vnd.ms-excel", false}},
    {M("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0), ".ppt", {"application/vnd.ms-powerpoint", false}},
    {M("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0), ".msg", {"application/vnd.ms-outlook", false}},
    {M("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0), ".wps", {"application/vnd.ms-works", false}},
    {M("Rar!\x1a\x07", 0), NULL, {"application/vnd.rar", false}},
    {M("7z\xbc\xaf\x27\x1c", 0), NULL, {"application/x-7z-compressed", false}},
    {M("AC10", 0), ".dwg", {"image/vnd.dwg", false}},
    {M("{\\rtf", 0), NULL, {"application/rtf", false}},
};

/* Whatever is text is one type: shown by nobody, run by nobody, only kept and given back. */
static const struct file_type plain_text = {"text/plain", false};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool ends(struct str name, const char *ending)
{
    size_t n = strlen(ending);
    if (name.n < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (lower(name.p[name.n - n + i]) != ending[i])
            return false;
    return true;
}

/* UTF-8, GB18030 and their like have no control characters but white space; what a shell would run
   is no document. */
static bool is_text(struct str s)
{
    if (str_starts(s, STR("#!")) || s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 32 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 27)
            return false;
    }
    return true;
}

const struct file_type *file_type_of(struct str begin, struct str name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct magic *m = &table[i];
        if (begin.n >= m->at + m->n && memcmp(begin.p + m->at, m->bytes, m->n) == 0 &&
            (!m->ending || ends(name, m->ending)))
            return &m->type;
    }
    return is_text(begin) ? &plain_text : NULL;
}

const struct file_type *file_type_named(struct str mime)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (str_is(mime, table[i].type.mime))
            return &table[i].type;
    return &plain_text;
}
