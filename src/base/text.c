/* Answers small questions about text. No state; any thread. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

size_t text_utf8_char(const char *s, size_t n)
{
    const unsigned char *c = (const unsigned char *)s;
    if (n == 0)
        return 0;
    if (c[0] < 0x80)
        return 1;
    size_t size = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (c[0] < 0xc2 || c[0] > 0xf4 || size > n)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    }
    /* The second byte tells overlong forms, surrogates and what lies above U+10FFFF. */
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return size;
}

/* Whether each of eight bytes is ASCII and not NUL. */
static bool is_plain_word(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    return !((word | (word - ones)) & (ones << 7)); /* 0 borrows, and leaves its highest bit set */
}

/* How many bytes at the start of s are ASCII and not NUL; looks at eight at a time. */
static size_t plain_bytes(const char *s, size_t n)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof(word) <= n; i += sizeof(word)) {
        memcpy(&word, s + i, sizeof(word));
        if (!is_plain_word(word))
            break;
    }
    while (i < n && (signed char)s[i] > 0)
        i++;
    return i;
}

bool text_is_utf8(const char *s, size_t n)
{
    for (size_t at = plain_bytes(s, n); at < n; at += plain_bytes(s + at, n - at)) {
        size_t size = text_utf8_char(s + at, n - at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

bool text_is_utf8_without_nul(const char *s, size_t n)
{
    size_t at = plain_bytes(s, n); /* most strings end here */
    return at == n || (text_is_utf8(s + at, n - at) && !memchr(s + at, '\0', n - at));
}

/* As text_copy_plain, of up to seven bytes. */
static bool copy_few(char *to, const char *s, size_t n)
{
    uint32_t first, last; /* four bytes or more: as two words, which may overlap */
    bool plain = true;
    if (n >= sizeof(first)) {
        memcpy(&first, s, sizeof(first));
        memcpy(&last, s + n - sizeof(last), sizeof(last));
        memcpy(to, &first, sizeof(first));
        memcpy(to + n - sizeof(last), &last, sizeof(last));
        return is_plain_word((uint64_t)first << 32 | last);
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = s[i];
        plain = plain && (signed char)s[i] > 0;
    }
    return plain;
}

bool text_copy_plain(char *to, const char *s, size_t n)
{
    uint64_t word;
    if (n < sizeof(word))
        return copy_few(to, s, n);
    bool plain = true;
    for (size_t i = 0; i < n && plain; i += sizeof(word)) {
        size_t at = i + sizeof(word) <= n ? i : n - sizeof(word); /* the last word may overlap */
        memcpy(&word, s + at, sizeof(word));
        memcpy(to + at, &word, sizeof(word));
        plain = is_plain_word(word);
    }
    return plain;
}

enum { LONGEST_WORD = 64 }; /* no name of CSI is as long */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, left out, replaced or swapped with their neighbour to make b of
 * a (optimal string alignment). Both are shorter than LONGEST_WORD. */
static size_t edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][LONGEST_WORD];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            bool same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = least(above[j - 1] + !same, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[b_size];
}

const char *text_nearest(const char *word, const char *const *candidates)
{
    size_t word_size = strlen(word);
    const char *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;
    if (word_size >= LONGEST_WORD)
        return NULL;
    for (; *candidates; candidates++) {
        size_t size = strlen(*candidates);
        if (size >= LONGEST_WORD)
            continue;
        size_t distance = edit_distance(word, word_size, *candidates, size);
        size_t letters = size > word_size ? size : word_size;
        if (distance * 3 <= letters && distance < nearest_distance) {
            nearest = *candidates;
            nearest_distance = distance;
        }
    }
    return nearest;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool text_integer(const char *s, int64_t *value)
{
    bool negative = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (!is_digit(*s))
        return false;
    int64_t total = 0;
    for (; is_digit(*s); s++) {
        /* Away from zero in the wanted direction: INT64_MIN has no positive counterpart. */
        int64_t digit = negative ? '0' - *s : *s - '0';
        if (__builtin_mul_overflow(total, 10, &total) ||
            __builtin_add_overflow(total, digit, &total))
            return false;
    }
    if (*s != '\0')
        return false;
    *value = total;
    return true;
}

#define SECOND INT64_C(1000000000)
#define YEAR   (365 * 24 * 3600 * SECOND)

static const struct {
    const char *name;
    int64_t nanoseconds;
} units[] = {
    {"ns", 1},           {"us", 1000},  {"\xc2\xb5s", 1000}, /* the micro sign */
    {"\xce\xbcs", 1000},                                     /* the Greek letter */
    {"ms", 1000000},     {"s", SECOND}, {"m", 60 * SECOND},  {"h", 3600 * SECOND},
};

/* Reads the unit at *s and moves *s behind it; 0 when there is none. */
static int64_t take_unit(const char **s)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t size = strlen(units[i].name);
        /* "m" must not take the start of "ms", which stands before it. */
        if (strncmp(*s, units[i].name, size) == 0) {
            *s += size;
            return units[i].nanoseconds;
        }
    }
    return 0;
}

/* Reads "1", "1.5" or ".5" at *s and moves *s behind it. whole stops growing past a year's
 * nanoseconds, which is too much in every unit. */
static bool take_number(const char **s, int64_t *whole, double *fraction)
{
    const char *c = *s;
    double scale = 1;
    *whole = 0;
    *fraction = 0;
    for (; is_digit(*c); c++) {
        if (*whole <= YEAR)
            *whole = *whole * 10 + (*c - '0');
    }
    bool any = c > *s;
    if (*c == '.') {
        for (c++; is_digit(*c); c++) {
            scale /= 10;
            *fraction += scale * (*c - '0');
            any = true;
        }
    }
    *s = c;
    return any;
}

bool text_duration(const char *s, int64_t *nanoseconds)
{
    const char *start = s;
    int64_t total = 0;
    do {
        int64_t whole;
        double fraction;
        const char *number = s;
        if (!take_number(&s, &whole, &fraction))
            return false;
        int64_t unit = take_unit(&s);
        if (unit == 0 && *s == '\0' && number == start)
            unit = SECOND;
        if (unit == 0 || whole > YEAR / unit)
            return false;
        total += whole * unit + (int64_t)(fraction * (double)unit + 0.5);
        if (total > YEAR)
            return false;
    } while (*s != '\0');
    *nanoseconds = total;
    return true;
}

/* How the character at s is written between quotes; NULL: as it is. size: its bytes, 0 when it is
 * not well-formed. */
static const char *escape(const char *s, size_t size, bool as_json, char out[static TEXT_ESCAPED])
{
    const unsigned char *c = (const unsigned char *)s;
    const char *shape = as_json ? "\\u%04x" : "\\x%02x";
    bool c1 = size == 2 && c[0] == 0xc2 && c[1] < 0xa0; /* control characters above ASCII */

    if (size == 0 && as_json)
        return "\\ufffd";
    switch (*c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    }
    if (size != 0 && !c1 && *c >= 0x20 && *c != 0x7f)
        return NULL;
    snprintf(out, TEXT_ESCAPED, c1 ? "\\u%04x" : shape, c1 ? c[1] : *c);
    return out;
}

const char *text_next_quoted(const char **s, size_t *n, bool as_json, char out[static TEXT_ESCAPED],
                             size_t *size)
{
    const char *character = *s;
    size_t taken = text_utf8_char(character, *n);
    const char *escaped = escape(character, taken, as_json, out);
    *size = escaped ? strlen(escaped) : taken;
    taken = taken > 0 ? taken : 1;
    *s += taken;
    *n -= taken;
    return escaped ? escaped : character;
}

size_t text_cut(const char *s, size_t n, size_t most)
{
    if (n <= most)
        return n;
    while (most > 0 && ((unsigned char)s[most] & 0xc0) == 0x80)
        most--;
    return most;
}

bool text_size(const char *s, int64_t *bytes)
{
    static const struct {
        const char *name;
        int shift;
    } size_units[] = {{"", 0},     {"B", 0},   {"K", 10},  {"KB", 10}, {"KI", 10},
                      {"KIB", 10}, {"M", 20},  {"MB", 20}, {"MI", 20}, {"MIB", 20},
                      {"G", 30},   {"GB", 30}, {"GI", 30}, {"GIB", 30}};
    char number[24];
    size_t n = strspn(s, "0123456789");
    if (n == 0 || n >= sizeof(number))
        return false;
    memcpy(number, s, n);
    number[n] = '\0';
    for (size_t i = 0; i < sizeof(size_units) / sizeof(size_units[0]); i++) {
        if (strcasecmp(s + n, size_units[i].name) != 0)
            continue;
        if (!text_integer(number, bytes) || *bytes > INT64_MAX >> size_units[i].shift)
            return false;
        *bytes <<= size_units[i].shift;
        return true;
    }
    return false;
}
