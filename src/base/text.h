/* Small questions about text that several layers ask. No state; any thread. */
#ifndef LUACSI_BASE_TEXT_H
#define LUACSI_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at s, of which n bytes are there, in well-formed UTF-8 (RFC 3629); 0 when
 * it is not well-formed or n is 0. */
size_t text_utf8_char(const char *s, size_t n);

/* True when the n bytes are well-formed UTF-8 (RFC 3629: no overlong form, no surrogate). */
bool text_is_utf8(const char *s, size_t n);

/* The same, and none of them is NUL: what protobuf-c can carry in a string. */
bool text_is_utf8_without_nul(const char *s, size_t n);

/* Copies n bytes in one go with the question whether all are ASCII and none is NUL. Where the
 * answer is false, not all were copied. */
bool text_copy_plain(char *to, const char *s, size_t n);

enum { TEXT_ESCAPED = 8 };

/* How the next character of the *n bytes (at least one) at *s is written between quotes; takes it
 * from them. What may not stand as it is: in JSON's way, or with \xNN where the bytes count. The
 * text, of size bytes, is the character itself, in out, or constant. */
const char *text_next_quoted(const char **s, size_t *n, bool as_json, char out[static TEXT_ESCAPED],
                             size_t *size);

/* How many of the n bytes fit into most without cutting a character of UTF-8 in two. */
size_t text_cut(const char *s, size_t n, size_t most);

/* The candidate that word was most likely meant to be, or NULL when none is near: at most a third
 * of the letters differ, upper and lower case alike. candidates ends with NULL. */
const char *text_nearest(const char *word, const char *const *candidates);

/* A whole decimal number with an optional sign; false when anything else is there or it overflows.
 */
bool text_integer(const char *s, int64_t *value);

/* A number of bytes: plain, or with K, M or G behind (powers of 1024; KB, KiB and so on are the
 * same); false when it is none, or does not fit. */
bool text_size(const char *s, int64_t *bytes);

/* A duration as Go and Kubernetes write it ("300ms", "1.5s", "2m", "1h30m") or plain seconds ("5",
 * "0.5"), in nanoseconds; false when it is neither, negative or over a year. */
bool text_duration(const char *s, int64_t *nanoseconds);

#endif
