/* A zip file in one go: each part is packed as it comes, and its sizes are put into its header when
   it is there. Parts and file stay below 4 GB, so that no reader needs zip64. */
#include "io/table_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { MAX_PARTS = 300, NAME = 48 };

struct zip_part {
    char name[NAME];
    uint32_t at, crc, packed, size;
};

struct zip_writer {
    struct table_writer *w;
    struct zip_part parts[MAX_PARTS];
    size_t n;
    uint64_t at; /* in the file */
    z_stream z;
    unsigned char block[TABLE_BLOCK];
};

/* 1980-01-01: a file says nothing of when it was made that the person would not say */
enum { DOS_DATE = 0x21 };

static void le16(struct buf *b, unsigned v)
{
    buf_add_char(b, (char)(v & 255));
    buf_add_char(b, (char)(v >> 8 & 255));
}

static void le32(struct buf *b, uint32_t v)
{
    le16(b, v & 0xffff);
    le16(b, v >> 16);
}

static void put(struct zip_writer *z, const void *p, size_t n)
{
    table_write_out(z->w, p, n);
    z->at += n;
    if (z->at > UINT32_MAX)
        table_fail(z->w, EFBIG);
}

struct zip_writer *zip_new(struct table_writer *w)
{
    struct zip_writer *z = calloc(1, sizeof *z);
    if (!z)
        return NULL;
    z->w = w;
    /* Level 1: half the size of nothing at all in a quarter of the time of level 6, which makes a
       table a tenth smaller. No zlib header inside a zip (-15). */
    if (deflateInit2(&z->z, 1, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(z);
        return NULL;
    }
    return z;
}

void zip_free(struct zip_writer *z)
{
    if (!z)
        return;
    deflateEnd(&z->z);
    free(z);
}

/* What stands both before the part and in the list at the end. */
static void describe(const struct zip_part *p, struct buf *b)
{
    le16(b, 20);      /* version needed */
    le16(b, 1 << 11); /* names are UTF-8 */
    le16(b, 8);       /* deflate */
    le16(b, 0);
    le16(b, DOS_DATE);
    le32(b, p->crc);
    le32(b, p->packed);
    le32(b, p->size);
    le16(b, (unsigned)strlen(p->name));
    le16(b, 0);
}

static void header(const struct zip_part *p, struct buf *b)
{
    le32(b, 0x04034b50);
    describe(p, b);
    buf_add_cstr(b, p->name);
}

void zip_begin(struct zip_writer *z, const char *name)
{
    char room[128];
    struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (z->n == MAX_PARTS || strlen(name) >= NAME) {
        table_fail(z->w, EFBIG);
        return;
    }
    struct zip_part *p = &z->parts[z->n++];
    *p = (struct zip_part){.at = (uint32_t)z->at, .crc = (uint32_t)crc32(0, NULL, 0)};
    memcpy(p->name, name, strlen(name));
    header(p, &b);
    put(z, b.p, b.n);
    deflateReset(&z->z);
}

static void pack(struct zip_writer *z, int flush)
{
    int rc;
    do {
        z->z.next_out = z->block;
        z->z.avail_out = sizeof z->block;
        rc = deflate(&z->z, flush);
        put(z, z->block, sizeof z->block - z->z.avail_out);
    } while (!z->w->failed && (flush == Z_FINISH ? rc == Z_OK : z->z.avail_out == 0));
}

void zip_add(struct zip_writer *z, const char *p, size_t n)
{
    if (z->w->failed || n == 0)
        return;
    struct zip_part *part = &z->parts[z->n - 1];
    part->crc = (uint32_t)crc32(part->crc, (const unsigned char *)p, (unsigned)n);
    part->size += (uint32_t)n;
    z->z.next_in = (unsigned char *)(uintptr_t)p;
    z->z.avail_in = (unsigned)n;
    pack(z, Z_NO_FLUSH);
}

void zip_end(struct zip_writer *z)
{
    char room[128];
    struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (z->w->failed)
        return;
    pack(z, Z_FINISH);
    struct zip_part *part = &z->parts[z->n - 1];
    part->packed = (uint32_t)z->z.total_out;
    header(part, &b);
    if (!z->w->failed && pwrite(z->w->fd, b.p, b.n, part->at) != (ssize_t)b.n)
        table_fail(z->w, errno ? errno : EIO);
}

void zip_finish(struct zip_writer *z)
{
    struct buf b = BUF_INIT(1 << 20);
    uint32_t began = (uint32_t)z->at;
    for (size_t i = 0; i < z->n; i++) {
        le32(&b, 0x02014b50);
        le16(&b, 20);
        describe(&z->parts[i], &b);
        le16(&b, 0); /* comment, disk, attributes */
        le16(&b, 0);
        le16(&b, 0);
        le32(&b, 0);
        le32(&b, z->parts[i].at);
        buf_add_cstr(&b, z->parts[i].name);
    }
    uint32_t size = (uint32_t)b.n;
    le32(&b, 0x06054b50);
    le32(&b, 0);
    le16(&b, (unsigned)z->n);
    le16(&b, (unsigned)z->n);
    le32(&b, size);
    le32(&b, began);
    le16(&b, 0);
    put(z, b.p, b.n);
    if (b.overflow)
        table_fail(z->w, ENOMEM);
    buf_free(&b);
}
