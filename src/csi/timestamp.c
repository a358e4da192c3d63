/* Timestamps to text and back. No state; any thread. */
#include "csi/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const int64_t first_second = -62135596800; /* 0001-01-01T00:00:00Z */
static const int64_t last_second = 253402300799;  /* 9999-12-31T23:59:59Z */

bool timestamp_valid(int64_t seconds, int32_t nanos)
{
    return seconds >= first_second && seconds <= last_second && nanos >= 0 && nanos <= 999999999;
}

bool timestamp_format(int64_t seconds, int32_t nanos, char text[static TIMESTAMP_TEXT])
{
    if (!timestamp_valid(seconds, nanos))
        return false;
    time_t time = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&time, &tm))
        return false;
    char fraction[16] = "";
    if (nanos % 1000 != 0)
        snprintf(fraction, sizeof(fraction), ".%09d", nanos);
    else if (nanos % 1000000 != 0)
        snprintf(fraction, sizeof(fraction), ".%06d", nanos / 1000);
    else if (nanos != 0)
        snprintf(fraction, sizeof(fraction), ".%03d", nanos / 1000000);
    int n = snprintf(text, TIMESTAMP_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
    return n > 0 && n < TIMESTAMP_TEXT;
}

/* Reads just width digits at *at and steps over them. */
static bool read_digits(const char **at, const char *end, int width, int *value)
{
    if (end - *at < width)
        return false;
    *value = 0;
    for (int i = 0; i < width; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool read_char(const char **at, const char *end, char wanted)
{
    if (*at == end || **at != wanted)
        return false;
    (*at)++;
    return true;
}

static bool read_fraction(const char **at, const char *end, int32_t *nanos)
{
    *nanos = 0;
    if (!read_char(at, end, '.'))
        return true;
    const char *first = *at;
    int32_t unit = 100000000;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, unit /= 10) {
        if (*at - first == 9)
            return false;
        *nanos += (**at - '0') * unit;
    }
    return *at > first;
}

/* Reads "Z" or "+hh:mm" up to the end; *offset in seconds east of UTC. */
static bool read_zone(const char **at, const char *end, int *offset)
{
    *offset = 0;
    if (read_char(at, end, 'Z') || read_char(at, end, 'z'))
        return *at == end;
    int sign = read_char(at, end, '-') ? -1 : 1;
    int hours;
    int minutes;
    if (sign == 1 && !read_char(at, end, '+'))
        return false;
    if (!read_digits(at, end, 2, &hours) || !read_char(at, end, ':') ||
        !read_digits(at, end, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return *at == end;
}

static bool read_date(const char **at, const char *end, struct tm *tm)
{
    if (!read_digits(at, end, 4, &tm->tm_year) || !read_char(at, end, '-') ||
        !read_digits(at, end, 2, &tm->tm_mon) || !read_char(at, end, '-') ||
        !read_digits(at, end, 2, &tm->tm_mday))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return true;
}

static bool read_clock(const char **at, const char *end, struct tm *tm)
{
    return (read_char(at, end, 'T') || read_char(at, end, 't')) &&
           read_digits(at, end, 2, &tm->tm_hour) && read_char(at, end, ':') &&
           read_digits(at, end, 2, &tm->tm_min) && read_char(at, end, ':') &&
           read_digits(at, end, 2, &tm->tm_sec);
}

bool timestamp_parse(const char *text, size_t n, int64_t *seconds, int32_t *nanos)
{
    const char *end = text + n;
    struct tm tm = {0};
    int offset;
    if (!read_date(&text, end, &tm) || !read_clock(&text, end, &tm) ||
        !read_fraction(&text, end, nanos) || !read_zone(&text, end, &offset))
        return false;
    struct tm normal = tm;
    int64_t time = (int64_t)timegm(&normal);
    bool exists = normal.tm_mon == tm.tm_mon && normal.tm_mday == tm.tm_mday &&
                  normal.tm_hour == tm.tm_hour && normal.tm_min == tm.tm_min &&
                  normal.tm_sec == tm.tm_sec;
    *seconds = time - offset;
    return exists && *seconds >= first_second && *seconds <= last_second;
}
