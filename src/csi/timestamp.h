/* google.protobuf.Timestamp as text: RFC 3339 in UTC, as the protobuf JSON mapping writes it. */
#ifndef LUACSI_CSI_TIMESTAMP_H
#define LUACSI_CSI_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TIMESTAMP_TEXT = 40 }; /* bytes that any timestamp fits in, with its NUL */

/* True for the years 1 to 9999 and nanos from 0 to 999,999,999: what text can show. */
bool timestamp_valid(int64_t seconds, int32_t nanos);

/* Writes "2026-11-22T21:53:04Z", with 3, 6 or 9 digits of a second where they are not zero. False
 * when seconds lie outside the years 1 to 9999 or nanos outside 0 to 999,999,999. */
bool timestamp_format(int64_t seconds, int32_t nanos, char text[static TIMESTAMP_TEXT]);

/* Reads n bytes of RFC 3339 with "Z" or a numeric offset and up to 9 digits of a second. False when
 * they are none, or the time is out of range. */
bool timestamp_parse(const char *text, size_t n, int64_t *seconds, int32_t *nanos);

#endif
