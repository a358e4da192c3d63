/* Goes through the steps of a caller: owns its connection, its deadline, and what it knows of the
 * driver by then. The main thread. */
#include "cli/play.h"

#include "base/text.h"
#include "csi.pb-c.h"
#include "csi/catalog.h"
#include "csi/message.h"
#include "io/client.h"
#include "io/loop.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const int64_t SECOND = 1000000000;
static const int64_t PROBE_TIMEOUT = 10 * SECOND;

enum { TEXT = 600, MESSAGE = 400 };

struct play {
    struct stage *stage;
    struct client *client;
    int64_t deadline; /* of the call under way, in loop_now's time; 0: none */
    uint64_t capabilities;
    const char *last; /* the method called last; NULL: none yet */
};

/* How a call ended. */
struct answer {
    int code;
    const char *message;           /* of an error */
    const ProtobufCMessage *reply; /* of STATUS_OK, else NULL */
    bool is_open;                  /* it has not ended yet: we stopped looking */
};

static const char *const verdicts[] = {
    [GOES_ON] = "goes on", [WORKS] = "works", [LIMITED] = "limited",   [WAITS] = "waits",
    [FAILS] = "fails",     [EXITS] = "exits", [RESTARTS] = "restarts",
};

const char *play_verdict(enum verdict verdict)
{
    return verdicts[verdict];
}

bool play_is_fine(enum verdict verdict)
{
    return verdict == WORKS || verdict == LIMITED;
}

/* ---- texts, which may be cut ---- */

static const char *keep(struct stage *stage, const char *text)
{
    const char *copy = arena_copy(stage->arena, text, strlen(text));
    return copy ? copy : "(no memory)";
}

static const char *in_seconds(int64_t ns, char text[static 32])
{
    snprintf(text, 32, "%.1f s", (double)ns / (double)SECOND);
    return text;
}

/* ---- calls ---- */

static struct answer take_reply(struct play *play, const struct method *method,
                                const struct client_reply *reply)
{
    struct answer answer = {.code = reply->code};
    struct err err;
    if (reply->code != STATUS_OK) {
        answer.message = keep(play->stage, reply->message);
        return answer;
    }
    answer.reply =
        message_unpack(method->response->pb, reply->data, reply->size, play->stage->arena, &err);
    if (!answer.reply)
        answer = (struct answer){.code = err.code, .message = keep(play->stage, err.text)};
    return answer;
}

/* timeout: nanoseconds. */
static struct answer ask(struct play *play, const struct method *method, int64_t timeout)
{
    const struct client_request request = {.path = method->path, .timeout = timeout};
    struct client_reply reply;
    struct err err;
    if (client_call(play->client, &request, &reply, &err))
        return (struct answer){.code = err.code, .message = keep(play->stage, err.text)};
    struct answer answer = take_reply(play, method, &reply);
    client_reply_fini(&reply);
    return answer;
}

/* We look no longer than stage->patience, even where the caller would wait on. */
static struct answer call(struct play *play, const struct caller_step *step)
{
    const int64_t patience = play->stage->patience, began = loop_now();
    if (!step->shares)
        play->deadline = step->seconds ? began + step->seconds * SECOND : 0;
    int64_t left = play->deadline ? play->deadline - began : INT64_MAX;
    if (left <= 0)
        return (struct answer){.code = STATUS_DEADLINE_EXCEEDED,
                               .message = "its calls took too long together"};
    struct answer answer = ask(play, catalog_method(step->call), left < patience ? left : patience);
    answer.is_open = answer.code == STATUS_DEADLINE_EXCEEDED && left > patience &&
                     loop_now() - began >= patience;
    return answer;
}

/* ---- readiness ---- */

static bool says_ready(const ProtobufCMessage *reply)
{
    const Csi__V1__ProbeResponse *probe = (const Csi__V1__ProbeResponse *)reply;
    return !probe->ready || probe->ready->value;
}

/* As csi-lib-utils has it: one Probe a second for as long as the driver says not ready or takes too
 * long; any other error ends it. */
static void probe_until_ready(struct play *play)
{
    struct stage *stage = play->stage;
    const struct method *method = catalog_method("Probe");
    const int64_t began = loop_now(), end = began + stage->patience;
    const int64_t timeout = stage->patience < PROBE_TIMEOUT ? stage->patience : PROBE_TIMEOUT;
    for (;;) {
        int64_t next = loop_now() + SECOND < end ? loop_now() + SECOND : end;
        struct answer answer = ask(play, method, timeout);
        stage->waited = loop_now() - began;
        stage->code = answer.code;
        stage->why = answer.message;
        stage->is_ready = answer.reply && says_ready(answer.reply);
        bool again = answer.code == STATUS_OK || answer.code == STATUS_DEADLINE_EXCEEDED;
        if (stage->is_ready || !again || loop_now() >= end)
            break;
        const struct timespec then = {.tv_sec = next / SECOND, .tv_nsec = next % SECOND};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
    }
    stage->has_probed = true;
}

/* ---- what becomes of it ---- */

static struct outcome decide(struct play *play, const struct reaction *reaction)
{
    bool all_well = reaction->verdict == WORKS;
    return (struct outcome){
        .verdict = reaction->verdict,
        .call = all_well ? NULL : play->last,
        .text = reaction->text,
    };
}

static struct outcome decide_error(struct play *play, const struct reaction *reaction, int code,
                                   const char *message)
{
    char text[TEXT];
    struct outcome outcome = decide(play, reaction);
    outcome.code = code;
    if (reaction->verdict != GOES_ON) {
        size_t size = text_cut(message, strlen(message), MESSAGE);
        snprintf(text, sizeof(text), "%s (%s%s%.*s)", reaction->text, status_name(code),
                 size > 0 ? ": " : "", (int)size, message);
        outcome.text = keep(play->stage, text);
    }
    return outcome;
}

static struct outcome decide_complaint(struct play *play, const struct reaction *reaction,
                                       const char *complaint)
{
    char text[TEXT];
    struct outcome outcome = decide(play, reaction);
    snprintf(text, sizeof(text), "%s (%s)", reaction->text, complaint);
    outcome.text = keep(play->stage, text);
    return outcome;
}

static struct outcome decide_waiting(struct play *play, const struct reaction *reaction,
                                     int64_t looked)
{
    char text[TEXT], waited[32];
    struct outcome outcome = decide(play, reaction);
    snprintf(text, sizeof(text), "%s (looked for %s)", reaction->text, in_seconds(looked, waited));
    outcome.text = keep(play->stage, text);
    return outcome;
}

/* ---- steps ---- */

static struct outcome take_call(struct play *play, const struct caller_step *step)
{
    const struct reaction open = {WAITS, "still waits for an answer"};
    play->last = step->call;
    struct answer answer = call(play, step);
    if (answer.is_open)
        return decide_waiting(play, &open, play->stage->patience);
    if (answer.code != STATUS_OK)
        return decide_error(play, &step->failed, answer.code, answer.message);
    play->capabilities |= callers_capabilities(step->call, answer.reply);
    const char *complaint = step->look ? step->look(answer.reply) : NULL;
    if (complaint)
        return decide_complaint(play, &step->failed, complaint);
    return (struct outcome){.verdict = GOES_ON};
}

/* A Probe that has to say ready: what it said at the start comes first. */
static struct outcome take_probe(struct play *play, const struct caller_step *step)
{
    struct stage *stage = play->stage;
    play->last = step->call;
    if (!stage->has_probed)
        probe_until_ready(play);
    if (stage->is_ready)
        return take_call(play, step);
    if (stage->code == STATUS_OK || stage->code == STATUS_DEADLINE_EXCEEDED)
        return decide_waiting(play, &step->unready, stage->waited);
    return decide_error(play, &step->failed, stage->code, stage->why);
}

static bool is_left_out(const struct play *play, const struct caller_step *step)
{
    return (play->capabilities & step->unless) ||
           (step->only_with && !(play->capabilities & step->only_with));
}

static int reconnect(struct play *play, struct err *err)
{
    client_free(play->client);
    play->client = client_new(play->stage->endpoint, 0, err);
    return play->client ? 0 : -1;
}

static struct outcome take_step(struct play *play, const struct caller_step *step)
{
    const struct reaction lost = {EXITS, "cannot connect"};
    struct err err;
    if (is_left_out(play, step))
        return (struct outcome){.verdict = GOES_ON};
    if (!step->call)
        return decide(play, &step->then);
    if ((step->reconnects || !play->client) && reconnect(play, &err)) {
        play->last = step->call;
        return decide_error(play, &lost, err.code, err.text);
    }
    return step->unready.verdict ? take_probe(play, step) : take_call(play, step);
}

/* Says so when the caller had to wait for the driver first. */
static void tell_waiting(struct stage *stage, const struct caller *caller, struct outcome *outcome)
{
    char text[TEXT], waited[32];
    bool is_late = stage->has_probed && stage->is_ready && stage->waited >= SECOND;
    bool cares = false;
    for (const struct caller_step *step = caller->steps; step->call; step++)
        cares = cares || step->unready.verdict;
    if (!is_late || !cares)
        return;
    size_t size = text_cut(outcome->text, strlen(outcome->text), TEXT - 80);
    snprintf(text, sizeof(text), "waits %s until Probe is ready; then: %.*s",
             in_seconds(stage->waited, waited), (int)size, outcome->text);
    outcome->text = keep(stage, text);
}

struct outcome play_caller(struct stage *stage, const struct caller *caller)
{
    struct play play = {.stage = stage};
    struct outcome outcome = {.verdict = GOES_ON};
    for (const struct caller_step *step = caller->steps; outcome.verdict == GOES_ON; step++)
        outcome = take_step(&play, step);
    client_free(play.client);
    tell_waiting(stage, caller, &outcome);
    return outcome;
}
