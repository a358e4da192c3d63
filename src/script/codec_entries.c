/* Collects the entries of a map in order. Nothing here raises; the memory is the arena's. Loop
 * thread. */
#include "script/codec_entries.h"

#include <stdlib.h>
#include <string.h>

static int by_key(const void *a, const void *b)
{
    const struct text *left = &((const struct entry *)a)->key;
    const struct text *right = &((const struct entry *)b)->key;
    size_t common = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->at, right->at, common);
    return order ? order : (left->size > right->size) - (left->size < right->size);
}

/* By insertion where they are few: qsort would take longer to begin. */
static void sort(struct entry *at, size_t n)
{
    if (n > ENTRIES_FEW) {
        qsort(at, n, sizeof(*at), by_key);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        const struct entry entry = at[i];
        size_t k = i;
        for (; k > 0 && by_key(&entry, &at[k - 1]) < 0; k--)
            at[k] = at[k - 1];
        at[k] = entry;
    }
}

/* Makes room for one more. */
static int grow(struct entries *entries, struct arena *arena, struct err *err)
{
    size_t room = entries->room * 2;
    struct entry *more = arena_alloc(arena, room * sizeof(*more));
    if (!more)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a map");
    memcpy(more, entries->at, entries->n * sizeof(*more));
    entries->at = more;
    entries->room = room;
    return 0;
}

static int wrong_key(lua_State *L, int index, const struct place *place, struct err *err)
{
    char got[PLACE_VALUE_TEXT];
    err_set(err, STATUS_INTERNAL, "expected strings as keys, got %s",
            place_describe(place, L, index, got));
    place_prefix(place, err);
    return -1;
}

int entries_take(struct entries *entries, lua_State *L, int table, struct arena *arena,
                 const struct place *place, struct err *err)
{
    entries->at = entries->few;
    entries->n = 0;
    entries->room = ENTRIES_FEW;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        const struct entry entry = {.key = codec_text(L, -2), .value = codec_text(L, -1)};
        int failed = 0;
        if (!entry.key.at)
            failed = wrong_key(L, -2, place, err);
        else if (entries->n == entries->room)
            failed = grow(entries, arena, err);
        if (failed) {
            lua_pop(L, 2);
            return -1;
        }
        entries->at[entries->n++] = entry;
    }
    sort(entries->at, entries->n);
    return 0;
}
