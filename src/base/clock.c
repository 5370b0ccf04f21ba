#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id, int64_t per_second)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * per_second + t.tv_nsec / (1000000000 / per_second);
}

int64_t clock_now_ms(void)
{
    return read_clock(CLOCK_REALTIME, 1000);
}

int64_t clock_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000000);
}

int64_t clock_cpu_us(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID, 1000000);
}

/* Days from civil and back: the year is taken to start in March, so that the leap day is its last
   and a month's offset is linear (Howard Hinnant, "chrono-compatible low-level date algorithms").
 */
int32_t date_from_ymd(int year, int month, int day)
{
    static const int8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1)
        return DATE_NONE;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > length[month - 1] + (month == 2 && leap))
        return DATE_NONE;
    int y = year - (month <= 2);
    int era = (y >= 0 ? y : y - 399) / 400;
    int yoe = y - era * 400;
    int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void date_to_ymd(int32_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int z = days + 719468;
    int era = (z >= 0 ? z : z - 146096) / 146097;
    int doe = z - era * 146097;
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;
    int month = mp < 10 ? mp + 3 : mp - 9;
    *ret_year = yoe + era * 400 + (month <= 2);
    *ret_month = month;
    *ret_day = doy - (153 * mp + 2) / 5 + 1;
}

int32_t date_year_start(int32_t days, unsigned first_month)
{
    int y, m, d, first = first_month ? (int)first_month : 1;
    date_to_ymd(days, &y, &m, &d);
    return date_from_ymd(m < first ? y - 1 : y, first, 1);
}

bool date_parse(struct str s, int32_t *ret_days)
{
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
        return false;
    int part[3] = {0, 0, 0};
    for (int i = 0, k = 0; i < 10; i++) {
        if (i == 4 || i == 7) {
            k++;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        part[k] = part[k] * 10 + (s.p[i] - '0');
    }
    int32_t days = date_from_ymd(part[0], part[1], part[2]);
    if (days == DATE_NONE)
        return false;
    *ret_days = days;
    return true;
}

void date_format(int32_t days, char out[DATE_TEXT])
{
    int y, m, d;
    date_to_ymd(days, &y, &m, &d);
    int part[3] = {y, m, d}, width[3] = {4, 2, 2}, at = 10;
    out[at] = 0;
    for (int k = 2; k >= 0; k--) {
        for (int i = 0; i < width[k]; i++, part[k] /= 10)
            out[--at] = (char)('0' + part[k] % 10);
        if (k)
            out[--at] = '-';
    }
}

/* --- time zones: TZif files (RFC 8536), the 64-bit block ---------------------------------------
 */

struct tz {
    size_t n;
    int64_t *at;     /* seconds UTC of each transition, increasing */
    int32_t *offset; /* offset[i] holds from at[i] on */
    int32_t first;   /* before the first transition */
};

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const unsigned char *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

struct tzif_counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

/* Reads a header at p (44 bytes there); false if it is none. */
static bool tzif_header(const unsigned char *p, const unsigned char *end, struct tzif_counts *c)
{
    if (end - p < 44 || memcmp(p, "TZif", 4) != 0)
        return false;
    *c = (struct tzif_counts){be32(p + 20), be32(p + 24), be32(p + 28),
                              be32(p + 32), be32(p + 36), be32(p + 40)};
    return c->time < 10000 && c->type > 0 && c->type < 256 && c->chars < 10000 && c->leap < 1000;
}

static struct tz *tzif_read(const unsigned char *p, const unsigned char *end)
{
    struct tzif_counts c;
    if (!tzif_header(p, end, &c))
        return NULL;
    size_t v1 = c.time * 5u + c.type * 6u + c.chars + c.leap * 8u + c.isstd + c.isut;
    p += 44;
    if ((size_t)(end - p) < v1 || !tzif_header(p + v1, end, &c))
        return NULL;
    p += v1 + 44;
    if ((size_t)(end - p) < c.time * 9u + c.type * 6u)
        return NULL;
    struct tz *z = calloc(1, sizeof *z);
    if (!z)
        return NULL;
    z->at = calloc(c.time + 1, sizeof *z->at);
    z->offset = calloc(c.time + 1, sizeof *z->offset);
    if (!z->at || !z->offset) {
        tz_free(z);
        return NULL;
    }
    const unsigned char *index = p + c.time * 8u, *types = index + c.time;
    z->first = (int32_t)be32(types);
    for (uint32_t i = 0; i < c.time && index[i] < c.type; i++) {
        z->at[i] = be64(p + i * 8u);
        z->offset[i] = (int32_t)be32(types + index[i] * 6u);
        z->n = i + 1;
    }
    return z;
}

struct tz *tz_open(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    if (!name || !*name || *name == '/' || name[strspn(name, allowed)] || strlen(name) > 64)
        return NULL;
    char path[128];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    unsigned char bytes[64 << 10];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return tzif_read(bytes, bytes + n);
}

void tz_free(struct tz *z)
{
    if (!z)
        return;
    free(z->at);
    free(z->offset);
    free(z);
}

int32_t tz_offset(const struct tz *z, int64_t ms)
{
    if (!z)
        return 0;
    int64_t s = ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
    size_t lo = 0, hi = z->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (z->at[mid] <= s)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? z->offset[lo - 1] : z->first;
}

int32_t tz_date(const struct tz *z, int64_t ms)
{
    int64_t local = ms + (int64_t)tz_offset(z, ms) * 1000, day = 86400000;
    return (int32_t)(local >= 0 ? local / day : -((-local + day - 1) / day));
}
