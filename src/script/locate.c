/* Finds lines in Lua text by stepping over its tokens. No state; any thread. */
#include "script/locate.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct reader {
    const char *at;
    int line;
};

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void step(struct reader *r)
{
    if (*r->at == '\n')
        r->line++;
    r->at++;
}

/* The level of a long bracket "[[" or "[==[" that begins at s; -1: none does. */
static int long_bracket(const char *s)
{
    size_t level = *s == '[' ? strspn(s + 1, "=") : 0;
    return *s == '[' && s[1 + level] == '[' ? (int)level : -1;
}

static void skip_long_bracket(struct reader *r, int level)
{
    for (; *r->at; step(r)) {
        const char *s = r->at;
        if (*s == ']' && (int)strspn(s + 1, "=") == level && s[1 + level] == ']') {
            r->at += level + 2;
            return;
        }
    }
}

static void skip_comment(struct reader *r)
{
    r->at += 2;
    int level = long_bracket(r->at);
    if (level >= 0)
        skip_long_bracket(r, level);
    else
        r->at += strcspn(r->at, "\n");
}

static void skip_string(struct reader *r)
{
    char quote = *r->at;
    for (step(r); *r->at && *r->at != quote && *r->at != '\n'; step(r)) {
        if (*r->at == '\\' && r->at[1])
            step(r);
    }
    if (*r->at == quote)
        step(r);
}

static void skip_token(struct reader *r)
{
    int level = long_bracket(r->at);
    if (r->at[0] == '-' && r->at[1] == '-') {
        skip_comment(r);
    } else if (level >= 0) {
        skip_long_bracket(r, level);
    } else if (*r->at == '"' || *r->at == '\'') {
        skip_string(r);
    } else if (is_name(*r->at)) {
        while (is_name(*r->at))
            step(r);
    } else {
        step(r);
    }
}

/* True when the reader stands before `name =` (and not `name ==`). */
static bool is_key(const struct reader *r, const char *name, size_t n)
{
    if (strncmp(r->at, name, n) != 0 || is_name(r->at[n]))
        return false;
    const char *behind = r->at + n + strspn(r->at + n, " \t\r\n");
    return behind[0] == '=' && behind[1] != '=';
}

/* Moves behind the next `name =`; false, and nothing moved, when there is none. */
static bool find_key(struct reader *r, const char *name, size_t n)
{
    for (struct reader ahead = *r; *ahead.at; skip_token(&ahead)) {
        if (is_key(&ahead, name, n)) {
            *r = ahead;
            return true;
        }
    }
    return false;
}

int locate_line(const char *text, const char *name, const char *path)
{
    struct reader r = {.at = text, .line = 1};
    if (!find_key(&r, name, strlen(name)))
        return 0;
    path += strcspn(path, ".:[");
    while (*path && *path != ':') {
        size_t n = strspn(path, ".[]0123456789");
        size_t part = strcspn(path + n, ".:[");
        if (part > 0 && !find_key(&r, path + n, part))
            break;
        path += n + part;
        if (n + part == 0)
            break;
    }
    return r.line;
}
