/* Command lines and the small texts in them. The first byte chooses the subcommand, which reads its
 * flags and goes no further; the rest of the input is its arguments, one a line. A line that begins
 * with "=" is the text of LUACSI_SET. */
#include "fuzz.h"

#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "csi/timestamp.h"
#include "io/endpoint.h"
#include "io/hostport.h"
#include "script/perms.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ARGUMENTS = 40, MOST_BYTES = 4096 };

/* ---- flags ---- */

/* The linker has the subcommands call this one: they leave when it says false. */
bool __real_options_parse(const struct command *command, int argc, char **argv,
                          struct arguments *arguments, int *exit_code);
bool __wrap_options_parse(const struct command *command, int argc, char **argv,
                          struct arguments *arguments, int *exit_code);

bool __wrap_options_parse(const struct command *command, int argc, char **argv,
                          struct arguments *arguments, int *exit_code)
{
    bool goes_on = __real_options_parse(command, argc, argv, arguments, exit_code);
    FUZZ_CHECK(!goes_on ||
                   (arguments->count >= command->min_arguments &&
                    (command->max_arguments < 0 || arguments->count <= command->max_arguments)),
               "%s: %d arguments", command->name, arguments->count);
    return false;
}

/* The lines of text, which is cut at their ends. How many they are. */
static int split(char *text, char *argv[MOST_ARGUMENTS])
{
    int n = 1;
    for (char *line = strtok(text, "\n"); line && n < MOST_ARGUMENTS; line = strtok(NULL, "\n")) {
        if (line[0] == '=')
            setenv("LUACSI_SET", line + 1, 1);
        else
            argv[n++] = line;
    }
    return n;
}

static void check_command(unsigned which, const char *text)
{
    static int (*const commands[])(int, char **) = {
        command_serve,        command_check, command_call,     command_info,
        command_capabilities, command_probe, command_liveness, command_status,
    };
    char copy[MOST_BYTES + 1];
    char name[] = "luacsi";
    char *argv[MOST_ARGUMENTS + 1] = {name};
    strcpy(copy, text);
    int argc = split(copy, argv);
    int exit_code = commands[which % (sizeof(commands) / sizeof(commands[0]))](argc, argv);
    FUZZ_CHECK(exit_code == EXIT_OK || exit_code == EXIT_USAGE, "exit code %d", exit_code);
    unsetenv("LUACSI_SET");
}

/* ---- the texts in them ---- */

static void check_endpoint(const char *text)
{
    struct endpoint endpoint, again;
    struct err err = {.text = ""};
    if (endpoint_parse(&endpoint, text, &err)) {
        FUZZ_CHECK(err.text[0], "an endpoint is refused without a reason");
        return;
    }
    FUZZ_CHECK(endpoint_parse(&again, endpoint.text, &err) == 0, "%s: %s", endpoint.text, err.text);
    FUZZ_CHECK(strcmp(endpoint.text, again.text) == 0, "%s, then %s", endpoint.text, again.text);
}

static void check_hostport(const char *text)
{
    struct hostport hostport, again;
    if (!hostport_parse(&hostport, text, strlen(text), 80))
        return;
    FUZZ_CHECK(hostport_parse(&again, hostport.text, strlen(hostport.text), 0), "%s",
               hostport.text);
    FUZZ_CHECK(strcmp(hostport.host, again.host) == 0 && hostport.port == again.port, "%s, then %s",
               hostport.text, again.text);
}

/* What is allowed by a list is then not refused. */
static void check_perms(const char *text)
{
    struct perms *perms = perms_new();
    struct err err = {.text = ""};
    for (int kind = 0; kind < PERMS_KINDS; kind++) {
        if (perms_allow(perms, (enum perms_kind)kind, text, &err))
            FUZZ_CHECK(err.text[0], "a list is refused without a reason");
        else if (kind == PERMS_ENV && !strchr(text, ','))
            FUZZ_CHECK(perms_check_env(perms, text, &err) == 0, "%s", err.text);
        else if (kind == PERMS_READ && !strchr(text, ','))
            FUZZ_CHECK(perms_check_read(perms, text, &err) == 0 ||
                           err.code != STATUS_PERMISSION_DENIED,
                       "%s", err.text);
    }
    perms_check_net(perms, text, 80, &err);
    perms_check_unix(perms, text, &err);
    perms_free(perms);
}

static void check_numbers(const char *text)
{
    int64_t value;
    int32_t nanos;
    char written[TIMESTAMP_TEXT];
    FUZZ_CHECK(!text_duration(text, &value) || value >= 0, "a duration below 0: %s", text);
    FUZZ_CHECK(!text_size(text, &value) || value >= 0, "a size below 0: %s", text);
    if (timestamp_parse(text, strlen(text), &value, &nanos))
        FUZZ_CHECK(timestamp_valid(value, nanos) && timestamp_format(value, nanos, written),
                   "a timestamp that cannot be written: %s", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = fuzz_begin(data, size);
    const uint8_t *bytes;
    char text[MOST_BYTES + 1];
    unsigned which = fuzz_byte(&in);
    size_t n = fuzz_bytes(&in, MOST_BYTES, &bytes);
    memcpy(text, bytes, n);
    text[n] = '\0';
    check_command(which, text);
    text[strcspn(text, "\n")] = '\0';
    check_endpoint(text);
    check_hostport(text);
    check_perms(text);
    check_numbers(text);
    return 0;
}
