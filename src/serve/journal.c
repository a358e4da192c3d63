/* Owns the ring of entries; an entry is one block of memory with all its texts. Loop thread. */
#include "serve/journal.h"

#include "base/text.h"
#include "csi/message.h"
#include "csi/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_TEXT = 300 };

struct journal {
    unsigned refs;
    struct journal_entry **ring; /* room for most; the one with number n at n modulo most */
    size_t most;
    size_t n;        /* kept: the newest ones */
    size_t bytes;    /* of all */
    int64_t last;    /* sequence number of the newest */
    int64_t cleared; /* that of the newest when journal_clear was called */
    struct journal_watcher *watchers;
    char request[JOURNAL_TEXT + REDACT_RESERVE]; /* where JSON is written before it is kept */
    char reply[JOURNAL_TEXT + REDACT_RESERVE];
};

struct journal *journal_new(size_t most)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        return NULL;
    journal->refs = 1;
    journal->most = most;
    journal->ring = calloc(most, sizeof(struct journal_entry *));
    if (journal->ring)
        return journal;
    free(journal);
    return NULL;
}

struct journal *journal_ref(struct journal *journal)
{
    journal->refs++;
    return journal;
}

void journal_unref(struct journal *journal)
{
    if (!journal || --journal->refs > 0)
        return;
    journal_clear(journal);
    free(journal->ring);
    free(journal);
}

/* ---- the ring ---- */

static struct journal_entry **place_of(const struct journal *journal, int64_t sequence)
{
    return &journal->ring[(size_t)sequence % journal->most];
}

/* The sequence number of the oldest that is kept; one more than the newest when none is. */
static int64_t oldest(const struct journal *journal)
{
    return journal->last + 1 - (int64_t)journal->n;
}

static void drop_oldest(struct journal *journal)
{
    struct journal_entry **place = place_of(journal, oldest(journal));
    journal->bytes -= (*place)->size;
    journal->n--;
    free(*place);
    *place = NULL;
}

void journal_clear(struct journal *journal)
{
    while (journal->n > 0)
        drop_oldest(journal);
    journal->cleared = journal->last;
}

const struct journal_entry *journal_after(const struct journal *journal, int64_t sequence)
{
    if (sequence >= journal->last || journal->n == 0)
        return NULL;
    return *place_of(journal, sequence < oldest(journal) ? oldest(journal) : sequence + 1);
}

size_t journal_count(const struct journal *journal)
{
    return journal->n;
}

int64_t journal_last(const struct journal *journal)
{
    return journal->last;
}

int64_t journal_lost(const struct journal *journal, int64_t sequence)
{
    int64_t from = sequence > journal->cleared ? sequence : journal->cleared;
    int64_t lost = oldest(journal) - 1 - from;
    return lost > 0 ? lost : 0;
}

/* ---- one entry ---- */

/* Writes texts one behind the other; without room it only counts. */
struct writer {
    char *at; /* NULL: count */
    size_t size;
};

static const char *put(struct writer *writer, const char *bytes, size_t n)
{
    char *start = writer->at;
    writer->size += n + 1;
    if (!start)
        return NULL;
    memcpy(start, bytes, n);
    start[n] = '\0';
    writer->at += n + 1;
    return start;
}

static const char *put_text(struct writer *writer, const char *text)
{
    return put(writer, text, strlen(text));
}

static bool ends_in(grpc_slice slice, const char *end)
{
    size_t n = strlen(end);
    size_t size = GRPC_SLICE_LENGTH(slice);
    return size >= n && memcmp(GRPC_SLICE_START_PTR(slice) + size - n, end, n) == 0;
}

static const char *put_base64(struct writer *writer, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *start = writer->at;
    size_t size = (n + 2) / 3 * 4;
    writer->size += size + 1;
    if (!start)
        return NULL;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t block = (uint32_t)bytes[i] << 16;
        block |= i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0;
        block |= i + 2 < n ? bytes[i + 2] : 0;
        for (int k = 0; k < 4; k++)
            *writer->at++ = i + (size_t)k > n ? '=' : digits[block >> (18 - 6 * k) & 63];
    }
    *writer->at++ = '\0';
    return start;
}

/* What gRPC core lets through is ASCII that can be printed, unless the key ends in "-bin". */
static const char *put_value(struct writer *writer, const grpc_metadata *pair)
{
    const uint8_t *bytes = GRPC_SLICE_START_PTR(pair->value);
    size_t n = GRPC_SLICE_LENGTH(pair->value);
    if (grpc_slice_str_cmp(pair->key, "authorization") == 0)
        return put_text(writer, "***stripped***");
    if (ends_in(pair->key, "-bin") || !text_is_utf8((const char *)bytes, n))
        return put_base64(writer, bytes, n);
    return put(writer, (const char *)bytes, n);
}

static void put_metadata(struct writer *writer, const grpc_metadata_array *metadata,
                         struct journal_pair *pairs)
{
    for (size_t i = 0; i < metadata->count; i++) {
        const grpc_metadata *pair = &metadata->metadata[i];
        const char *key = put(writer, (const char *)GRPC_SLICE_START_PTR(pair->key),
                              GRPC_SLICE_LENGTH(pair->key));
        const char *value = put_value(writer, pair);
        if (pairs)
            pairs[i] = (struct journal_pair){.key = key, .value = value};
    }
}

static void put_texts(struct writer *writer, const struct journal *journal,
                      const struct journal_call *call, struct journal_entry *entry)
{
    char place[PLACE_TEXT] = "";
    if (call->script && call->line > 0)
        snprintf(place, sizeof(place), "%.280s:%d", call->script, call->line);
    entry->id = put_text(writer, call->id);
    entry->message = put_text(
        writer, text_is_utf8(call->message, strlen(call->message)) ? call->message : "(not UTF-8)");
    entry->request = put_text(writer, journal->request);
    entry->reply = put_text(writer, journal->reply);
    entry->place = put_text(writer, place);
}

/* Fills journal->request and journal->reply. Returns whether something had no room. */
static bool write_messages(struct journal *journal, const struct journal_call *call)
{
    const struct method *method = call->method;
    struct err err;
    const ProtobufCMessage *reply = call->status == STATUS_OK
                                        ? message_unpack(method->response->pb, call->reply.data,
                                                         call->reply.size, call->arena, &err)
                                        : NULL;
    struct redact request_json = {.text = journal->request, .limit = JOURNAL_TEXT};
    struct redact reply_json = {.text = journal->reply, .limit = JOURNAL_TEXT};
    if (call->request)
        redact_message(&request_json, method->request, call->request);
    else
        redact_put(&request_json, "{}");
    if (reply)
        redact_message(&reply_json, method->response, reply);
    redact_close(&request_json, "");
    redact_close(&reply_json, "");
    return request_json.lost || reply_json.lost;
}

static struct journal_entry *make_entry(struct journal *journal, const struct journal_call *call)
{
    size_t pairs_size = call->metadata->count * sizeof(struct journal_pair);
    struct writer count = {0};
    struct journal_entry fill = {
        .method = call->method,
        .time = call->time,
        .duration = call->duration,
        .status = call->status,
        .handler = call->handler,
        .cut = write_messages(journal, call),
        .n_metadata = call->metadata->count,
    };
    put_texts(&count, journal, call, &fill);
    put_metadata(&count, call->metadata, NULL);
    fill.size = sizeof(fill) + pairs_size + count.size;
    struct journal_entry *entry = malloc(fill.size);
    if (!entry)
        return NULL;
    struct journal_pair *pairs = (struct journal_pair *)(entry + 1);
    struct writer writer = {.at = (char *)pairs + pairs_size};
    *entry = fill;
    entry->metadata = pairs;
    put_texts(&writer, journal, call, entry);
    put_metadata(&writer, call->metadata, pairs);
    return entry;
}

void journal_add(struct journal *journal, const struct journal_call *call)
{
    struct journal_entry *entry = make_entry(journal, call);
    while (journal->n > 0 &&
           (!entry || journal->n == journal->most || journal->bytes + entry->size > JOURNAL_BYTES))
        drop_oldest(journal);
    journal->last++;
    if (!entry) /* no memory: this one is lost, and with it those before */
        return;
    entry->sequence = journal->last;
    *place_of(journal, entry->sequence) = entry;
    journal->n++;
    journal->bytes += entry->size;
    for (struct journal_watcher *watcher = journal->watchers, *next; watcher; watcher = next) {
        next = watcher->next;
        watcher->added(watcher, entry);
    }
}

/* ---- who watches ---- */

void journal_watch(struct journal *journal, struct journal_watcher *watcher)
{
    watcher->next = journal->watchers;
    watcher->place = &journal->watchers;
    if (watcher->next)
        watcher->next->place = &watcher->next;
    journal->watchers = watcher;
}

void journal_unwatch(struct journal_watcher *watcher)
{
    *watcher->place = watcher->next;
    if (watcher->next)
        watcher->next->place = watcher->place;
}

void journal_close(struct journal *journal)
{
    while (journal->watchers) {
        struct journal_watcher *watcher = journal->watchers;
        journal_unwatch(watcher);
        watcher->closed(watcher);
    }
}
