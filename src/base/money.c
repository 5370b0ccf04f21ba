#include "base/money.h"

#include <string.h>

/* ISO 4217: the currencies in circulation. Decimals other than 2 are rare and listed as such. */
static const char two_decimals[] =
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD "
    "MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP "
    "PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
    "TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWL ";
static const char no_decimals[] =
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF ";
static const char three_decimals[] = "BHD IQD JOD KWD LYD OMR TND ";

enum { MAX_CURRENCIES = 256 };

static struct currency table[MAX_CURRENCIES];
static size_t ntable;

static void add_all(const char *list, unsigned char decimals)
{
    for (const char *p = list; *p && ntable < MAX_CURRENCIES; p += 4) {
        memcpy(table[ntable].code, p, 3);
        table[ntable++].decimals = decimals;
    }
}

/* Filled before main, so that look-ups need no lock. */
__attribute__((constructor)) static void fill(void)
{
    add_all("CNY EUR USD ", 2);
    add_all(two_decimals, 2);
    add_all(no_decimals, 0);
    add_all(three_decimals, 3);
}

const struct currency *currency_find(struct str code)
{
    if (code.n != 3)
        return NULL;
    for (size_t i = 0; i < ntable; i++)
        if (memcmp(table[i].code, code.p, 3) == 0)
            return &table[i];
    return NULL;
}

const char *money_parse(struct str s, unsigned decimals, int64_t *ret_minor)
{
    bool negative = s.n && s.p[0] == '-';
    size_t i = negative, digits = 0, places = 0;
    bool point = false;
    int64_t v = 0;
    for (; i < s.n; i++) {
        if (s.p[i] == '.' && !point && digits) {
            point = true;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9')
            return "number";
        if (point && ++places > decimals) {
            if (s.p[i] != '0')
                return "too-many-decimals";
            continue;
        }
        digits++;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.p[i] - '0', &v))
            return "out-of-range";
    }
    if (digits == 0 || (point && places == 0))
        return "number";
    for (; places < decimals; places++)
        if (__builtin_mul_overflow(v, 10, &v))
            return "out-of-range";
    *ret_minor = negative ? -v : v;
    return NULL;
}

size_t money_format(int64_t minor, unsigned decimals, char out[MONEY_TEXT])
{
    char reversed[MONEY_TEXT];
    size_t n = 0, written = 0;
    uint64_t u = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    for (unsigned places = 0; u || places <= decimals; places++) {
        if (places == decimals && decimals)
            reversed[n++] = '.';
        reversed[n++] = (char)('0' + u % 10);
        u /= 10;
    }
    if (minor < 0)
        reversed[n++] = '-';
    while (n)
        out[written++] = reversed[--n];
    out[written] = 0;
    return written;
}

bool money_add(int64_t a, int64_t b, int64_t *ret_sum)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret_sum = sum;
    return true;
}

bool money_convert(int64_t minor, unsigned from, unsigned to, int64_t rate_micro, int64_t *ret)
{
    __int128 v = (__int128)minor * rate_micro, divisor = 1000000;
    for (; from < to; from++)
        v *= 10;
    for (; from > to; from--)
        divisor *= 10;
    __int128 half = v < 0 ? -divisor / 2 : divisor / 2;
    v = (v + half) / divisor;
    if (v > INT64_MAX || v < INT64_MIN)
        return false;
    *ret = (int64_t)v;
    return true;
}
