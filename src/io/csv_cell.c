/*
 * csv_cell.c - dates and money as people write them.
 */
#include "csv.h"

#include <string.h>

const char *csv_cell_code(enum csv_cell cell)
{
    static const char *const codes[] = {
        "ok", "empty", "number", "too-many-decimals", "out-of-range", "date", "date-no-such-day"};
    return (unsigned)cell <= CSV_CELL_NO_SUCH_DAY ? codes[cell] : "unknown";
}

const char *csv_date_format_name(enum csv_date_format format)
{
    static const char *const names[CSV_DATE_FORMATS] = {"ymd", "dmy", "mdy"};
    return (unsigned)format < CSV_DATE_FORMATS ? names[format] : "unknown";
}

static bool starts(struct csv_slice text, const char *with, size_t len)
{
    return text.len >= len && memcmp(text.ptr, with, len) == 0;
}

/* Length of a blank at the beginning: ASCII, NBSP (C2 A0), ideographic space (E3 80 80). */
static size_t blank_at(struct csv_slice text)
{
    if (text.len > 0 &&
        (text.ptr[0] == ' ' || text.ptr[0] == '\t' || text.ptr[0] == '\r' || text.ptr[0] == '\n'))
        return 1;
    if (starts(text, "\xC2\xA0", 2))
        return 2;
    return starts(text, "\xE3\x80\x80", 3) ? 3 : 0;
}

struct csv_slice csv_trim(struct csv_slice text)
{
    size_t n;
    while ((n = blank_at(text)) > 0) {
        text.ptr += n;
        text.len -= n;
    }
    for (;;) {
        struct csv_slice one = {text.ptr + text.len - (text.len ? 1 : 0), text.len ? 1 : 0};
        struct csv_slice two = {text.len >= 2 ? text.ptr + text.len - 2 : text.ptr,
                                text.len >= 2 ? 2 : 0};
        struct csv_slice three = {text.len >= 3 ? text.ptr + text.len - 3 : text.ptr,
                                  text.len >= 3 ? 3 : 0};
        if (blank_at(one) == 1)
            text.len -= 1;
        else if (two.len && blank_at(two) == 2)
            text.len -= 2;
        else if (three.len && blank_at(three) == 3)
            text.len -= 3;
        else
            return text;
    }
}

/* ---- Calendar: Hinnant, chrono-compatible low-level date algorithms ---- */

int32_t csv_day_from_civil(int32_t year, int month, int day)
{
    int32_t y = year - (month <= 2);
    int32_t era = (y >= 0 ? y : y - 399) / 400;
    int32_t yoe = y - era * 400;
    int32_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int32_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void csv_civil_from_day(int32_t day, int32_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = (int64_t)day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int32_t doe = (int32_t)(z - era * 146097);
    int32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;
    *ret_day = doy - (153 * mp + 2) / 5 + 1;
    *ret_month = mp < 10 ? mp + 3 : mp - 9;
    *ret_year = (int32_t)(yoe + era * 400) + (*ret_month <= 2);
}

static enum csv_cell make_day(int32_t year, int month, int day, int32_t *ret_day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1)
        return CSV_CELL_NO_SUCH_DAY;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > lengths[month - 1] + (month == 2 && leap))
        return CSV_CELL_NO_SUCH_DAY;
    *ret_day = csv_day_from_civil(year, month, day);
    return CSV_CELL_OK;
}

/* ---- Digits ---- */

/* An ASCII or full-width (EF BC 90 .. 99) digit at the beginning: its value, and its length. */
static int digit_at(struct csv_slice text, size_t *ret_len)
{
    if (text.len == 0)
        return -1;
    if (text.ptr[0] >= '0' && text.ptr[0] <= '9') {
        *ret_len = 1;
        return text.ptr[0] - '0';
    }
    if (text.len >= 3 && (unsigned char)text.ptr[0] == 0xEF && (unsigned char)text.ptr[1] == 0xBC &&
        (unsigned char)text.ptr[2] >= 0x90 && (unsigned char)text.ptr[2] <= 0x99) {
        *ret_len = 3;
        return (unsigned char)text.ptr[2] - 0x90;
    }
    return -1;
}

static void skip(struct csv_slice *text, size_t n)
{
    text->ptr += n;
    text->len -= n;
}

/* Takes up to `most` digits; returns how many. */
static int take_number(struct csv_slice *text, int most, int32_t *ret_value)
{
    int n = 0;
    int32_t value = 0;
    size_t len;
    int digit;
    while (n < most && (digit = digit_at(*text, &len)) >= 0) {
        value = value * 10 + digit;
        skip(text, len);
        n++;
    }
    *ret_value = value;
    return n;
}

struct token {
    const char *text;
    size_t len;
};

static bool take_token(struct csv_slice *text, const struct token *tokens, size_t n,
                       size_t *ret_which)
{
    for (size_t i = 0; i < n; i++) {
        if (starts(*text, tokens[i].text, tokens[i].len)) {
            skip(text, tokens[i].len);
            *ret_which = i;
            return true;
        }
    }
    return false;
}

#define TOKEN(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* ---- Dates ---- */

/* What may follow a date: nothing, or a time of day. */
static bool is_time(struct csv_slice rest)
{
    if (rest.len == 0)
        return true;
    if (rest.ptr[0] != 'T' && blank_at(rest) == 0)
        return false;
    skip(&rest, rest.ptr[0] == 'T' ? 1 : blank_at(rest));
    rest = csv_trim(rest);
    int32_t hour, minute, second;
    if (take_number(&rest, 2, &hour) == 0 || hour > 24 || rest.len == 0 || rest.ptr[0] != ':')
        return false;
    skip(&rest, 1);
    if (take_number(&rest, 2, &minute) != 2 || minute > 59)
        return false;
    if (rest.len > 0 && rest.ptr[0] == ':') {
        skip(&rest, 1);
        if (take_number(&rest, 2, &second) != 2 || second > 60)
            return false;
        if (rest.len > 0 && (rest.ptr[0] == '.' || rest.ptr[0] == ',')) {
            skip(&rest, 1);
            int32_t fraction;
            while (take_number(&rest, 1, &fraction) > 0) {
            }
        }
    }
    /* Z, +08:00, AM, PM. */
    for (; rest.len > 0; skip(&rest, 1))
        if (!strchr("Z+-:0123456789 AaPpMm", rest.ptr[0]))
            return false;
    return true;
}

static bool take_separator(struct csv_slice *text, size_t *ret_which)
{
    static const struct token separators[] = {
        TOKEN("-"), TOKEN("/"), TOKEN("."), TOKEN("\xEF\xBC\x8F"), TOKEN("\xEF\xBC\x8D"),
    };
    return take_token(text, separators, sizeof separators / sizeof separators[0], ret_which);
}

static enum csv_cell parse_ymd(struct csv_slice text, int32_t *ret_day)
{
    struct csv_slice rest = text;
    int32_t year, month, day;
    if (take_number(&rest, 4, &year) != 4)
        return CSV_CELL_DATE;
    size_t which, again, len;
    if (digit_at(rest, &len) >= 0) { /* 20240105 */
        if (take_number(&rest, 2, &month) != 2 || take_number(&rest, 2, &day) != 2)
            return CSV_CELL_DATE;
    } else if (starts(rest, "年", 3)) {
        skip(&rest, 3);
        rest = csv_trim(rest);
        if (take_number(&rest, 2, &month) == 0 || !starts(rest, "月", 3))
            return CSV_CELL_DATE;
        skip(&rest, 3);
        rest = csv_trim(rest);
        if (take_number(&rest, 2, &day) == 0)
            return CSV_CELL_DATE;
        if (starts(rest, "日", 3) || starts(rest, "号", 3))
            skip(&rest, 3);
    } else {
        if (!take_separator(&rest, &which) || take_number(&rest, 2, &month) == 0 ||
            !take_separator(&rest, &again) || again != which || take_number(&rest, 2, &day) == 0)
            return CSV_CELL_DATE;
    }
    return is_time(rest) ? make_day(year, month, day, ret_day) : CSV_CELL_DATE;
}

static enum csv_cell parse_small_first(struct csv_slice text, bool day_first, int32_t *ret_day)
{
    int32_t first, second, year;
    size_t which, again;
    if (take_number(&text, 2, &first) == 0 || !take_separator(&text, &which) ||
        take_number(&text, 2, &second) == 0 || !take_separator(&text, &again) || again != which ||
        take_number(&text, 4, &year) != 4 || !is_time(text))
        return CSV_CELL_DATE;
    return day_first ? make_day(year, second, first, ret_day)
                     : make_day(year, first, second, ret_day);
}

/* 2024-01-05 and nothing else, the form of nearly every file: no general parsing. */
static bool plain_ymd(struct csv_slice t, int32_t *ret_year, int32_t *ret_month, int32_t *ret_day)
{
    if (t.len != 10 || t.ptr[4] != '-' || t.ptr[7] != '-')
        return false;
    unsigned d[8];
    static const int at[] = {0, 1, 2, 3, 5, 6, 8, 9};
    unsigned bad = 0;
    for (int i = 0; i < 8; i++) {
        d[i] = (unsigned)(unsigned char)t.ptr[at[i]] - '0';
        bad |= d[i] > 9;
    }
    *ret_year = (int32_t)(d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3]);
    *ret_month = (int32_t)(d[4] * 10 + d[5]);
    *ret_day = (int32_t)(d[6] * 10 + d[7]);
    return !bad;
}

enum csv_cell csv_parse_date(struct csv_slice text, enum csv_date_format format, int32_t *ret_day)
{
    int32_t year, month, day;
    if (format == CSV_DATE_YMD && plain_ymd(text, &year, &month, &day))
        return make_day(year, month, day, ret_day);
    text = csv_trim(text);
    if (text.len == 0)
        return CSV_CELL_EMPTY;
    if (format == CSV_DATE_YMD)
        return parse_ymd(text, ret_day);
    return parse_small_first(text, format == CSV_DATE_DMY, ret_day);
}

enum csv_date_format csv_detect_date(const struct csv_slice *samples, size_t n, bool *ret_ambiguous)
{
    size_t good[CSV_DATE_FORMATS] = {0};
    bool differs = false;
    for (size_t i = 0; i < n; i++) {
        int32_t day[CSV_DATE_FORMATS];
        bool read[CSV_DATE_FORMATS];
        for (int f = 0; f < CSV_DATE_FORMATS; f++) {
            read[f] = csv_parse_date(samples[i], (enum csv_date_format)f, &day[f]) == CSV_CELL_OK;
            good[f] += read[f];
        }
        differs = differs || (read[CSV_DATE_DMY] && read[CSV_DATE_MDY] &&
                              day[CSV_DATE_DMY] != day[CSV_DATE_MDY]);
    }
    enum csv_date_format best = CSV_DATE_YMD;
    for (int f = 1; f < CSV_DATE_FORMATS; f++)
        if (good[f] > good[best])
            best = (enum csv_date_format)f;
    if (ret_ambiguous)
        *ret_ambiguous =
            best != CSV_DATE_YMD && good[CSV_DATE_DMY] == good[CSV_DATE_MDY] && differs;
    return best;
}

/* ---- Money ---- */

static const struct token currencies[] = {
    TOKEN("$"),
    TOKEN("\xC2\xA5"),
    TOKEN("\xEF\xBF\xA5"),
    TOKEN("\xE2\x82\xAC"),
    TOKEN("\xC2\xA3"),
    TOKEN("\xEF\xBC\x84"),
    TOKEN("RMB"),
    TOKEN("CNY"),
    TOKEN("\xE2\x82\xA9"),
    TOKEN("US$"),
    TOKEN("元"),
    TOKEN("圆"),
};
enum { CURRENCIES = sizeof currencies / sizeof currencies[0] };

static const struct token minuses[] = {TOKEN("-"), TOKEN("\xE2\x88\x92"), TOKEN("\xEF\xBC\x8D")};
static const struct token pluses[] = {TOKEN("+"), TOKEN("\xEF\xBC\x8B")};
static const struct token opens[] = {TOKEN("("), TOKEN("\xEF\xBC\x88")};
static const struct token closes[] = {TOKEN(")"), TOKEN("\xEF\xBC\x89")};
static const struct token points[] = {TOKEN("."), TOKEN("\xEF\xBC\x8E")};
static const struct token groups[] = {TOKEN(","), TOKEN("\xEF\xBC\x8C")};

/* Whole digits, plain or grouped by threes; *ret_digits counts them. */
static enum csv_cell take_whole(struct csv_slice *text, int64_t *ret_value, int *ret_digits)
{
    int64_t value = 0;
    int digits = 0, run = 0;
    bool grouped = false;
    for (;;) {
        size_t len, which;
        int digit = digit_at(*text, &len);
        if (digit >= 0) {
            if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, digit, &value))
                return CSV_CELL_OUT_OF_RANGE;
            skip(text, len);
            digits++;
            run++;
            continue;
        }
        struct csv_slice before = *text;
        if (run > 0 && take_token(text, groups, 2, &which)) {
            if ((grouped && run != 3) || run > 3)
                return CSV_CELL_NUMBER;
            size_t ignored;
            if (digit_at(*text, &ignored) < 0) {
                *text = before;
                return CSV_CELL_NUMBER;
            }
            grouped = true;
            run = 0;
            continue;
        }
        break;
    }
    if (grouped && run != 3)
        return CSV_CELL_NUMBER;
    *ret_value = value;
    *ret_digits = digits;
    return CSV_CELL_OK;
}

static enum csv_cell take_amount(struct csv_slice *text, int decimals, int64_t *ret_value)
{
    int64_t value;
    int digits;
    enum csv_cell cell = take_whole(text, &value, &digits);
    if (cell != CSV_CELL_OK)
        return cell;
    int taken = 0;
    bool extra = false;
    size_t which, len;
    if (take_token(text, points, 2, &which)) {
        int digit;
        while ((digit = digit_at(*text, &len)) >= 0) {
            skip(text, len);
            digits++;
            if (taken == decimals) {
                extra = extra || digit != 0;
                continue;
            }
            taken++;
            if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, digit, &value))
                return CSV_CELL_OUT_OF_RANGE;
        }
    }
    if (digits == 0)
        return CSV_CELL_NUMBER;
    for (; taken < decimals; taken++)
        if (__builtin_mul_overflow(value, 10, &value))
            return CSV_CELL_OUT_OF_RANGE;
    *ret_value = value;
    return extra ? CSV_CELL_TOO_MANY_DECIMALS : CSV_CELL_OK;
}

/* 1234 or 1234.5 in ASCII with at most `decimals` decimals: the common case. */
static bool plain_amount(struct csv_slice t, int decimals, int64_t *ret_minor)
{
    int64_t value = 0;
    size_t i = 0;
    bool negative = t.len > 0 && t.ptr[0] == '-';
    if (negative)
        i++;
    size_t first = i;
    if (t.len > 16)
        return false;
    for (; i < t.len && (unsigned char)(t.ptr[i] - '0') <= 9; i++)
        value = value * 10 + (t.ptr[i] - '0');
    if (i == first)
        return false;
    int taken = 0;
    if (i < t.len && t.ptr[i] == '.') {
        for (i++; i < t.len && taken < decimals && (unsigned char)(t.ptr[i] - '0') <= 9; i++) {
            value = value * 10 + (t.ptr[i] - '0');
            taken++;
        }
        if (taken == 0)
            return false;
    }
    if (i != t.len)
        return false;
    for (; taken < decimals; taken++)
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    *ret_minor = negative ? -value : value;
    return true;
}

enum csv_cell csv_parse_amount(struct csv_slice text, int decimals, int64_t *ret_minor)
{
    if (decimals < 0 || decimals > 6)
        return CSV_CELL_OUT_OF_RANGE;
    if (plain_amount(text, decimals, ret_minor))
        return CSV_CELL_OK;
    text = csv_trim(text);
    if (text.len == 0)
        return CSV_CELL_EMPTY;
    bool negative = false, bracket = false, sign = false, currency = false;
    size_t which;
    for (;;) {
        struct csv_slice before = text;
        if (!bracket && take_token(&text, opens, 2, &which)) {
            bracket = true;
        } else if (!sign && take_token(&text, minuses, 3, &which)) {
            negative = sign = true;
        } else if (!sign && take_token(&text, pluses, 2, &which)) {
            sign = true;
        } else if (!currency && take_token(&text, currencies, CURRENCIES, &which)) {
            currency = true;
        }
        text = csv_trim(text);
        if (text.ptr == before.ptr)
            break;
    }
    int64_t value;
    enum csv_cell cell = take_amount(&text, decimals, &value);
    if (cell == CSV_CELL_NUMBER || cell == CSV_CELL_OUT_OF_RANGE)
        return cell;
    text = csv_trim(text);
    if (!currency && take_token(&text, currencies, CURRENCIES, &which))
        text = csv_trim(text);
    if (bracket) {
        if (sign || !take_token(&text, closes, 2, &which))
            return CSV_CELL_NUMBER;
        negative = true;
        text = csv_trim(text);
    }
    if (text.len > 0)
        return CSV_CELL_NUMBER;
    if (cell != CSV_CELL_OK)
        return cell;
    *ret_minor = negative ? -value : value;
    return CSV_CELL_OK;
}
