/* luacsi check: loads scripts as serve would, runs their Identity handlers once, and lists
 * everything that is wrong, or that a caller of CSI drivers is known to stumble over. Without
 * --for, no socket and no gRPC. */
#include "base/arena.h"
#include "base/log.h"
#include "cli/check_callers.h"
#include "cli/commands.h"
#include "cli/rehearsal.h"
#include "cli/script_options.h"
#include "csi/catalog.h"
#include "csi/message.h"
#include "io/iothread.h"
#include "io/loop.h"
#include "io/store.h"
#include "script/prepared.h"
#include "script/task.h"
#include "serve/patience.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct check {
    struct script_options script;
    struct rehearsal rehearsal;
    bool json;
    struct loop *loop; /* where handlers wait */
    struct iothread *io;
    json_t *problems; /* under --json: of the script in hand */
    unsigned errors;  /* of the script in hand: what serve would refuse, or CSI forbids */
    unsigned warnings;
    json_t *callers; /* under --json with --for: what became of each */
    int refused;     /* callers that would not get to their work */
};

static const char *const severities[] = {
    [VM_WARNING] = "warning",
    [VM_VIOLATION] = "error", /* serve's default fails such a reply */
    [VM_ERROR] = "error",
};

static void note_problem(void *data, const struct vm_problem *problem)
{
    struct check *check = data;
    const char *severity = severities[problem->severity];
    check->errors += problem->severity != VM_WARNING;
    check->warnings += problem->severity == VM_WARNING;
    if (check->json)
        json_array_append_new(check->problems,
                              json_pack("{s:s, s:i, s:s+}", "severity", severity, "line",
                                        problem->line, "text", problem->text, ""));
    else if (problem->line > 0)
        printf("%s:%d: %s: %s\n", problem->file, problem->line, severity, problem->text);
    else
        printf("%s: %s: %s\n", problem->file, severity, problem->text);
}

/* ---- what nothing can interrupt ---- */

/* Something of a script that may get stuck inside one C function; then the check ends. */
struct stay {
    struct patience patience;
    char text[256];
};

static void stay_begin(struct stay *stay, const struct check *check, const char *file,
                       const char *what)
{
    fflush(stdout); /* the end would not */
    snprintf(stay->text, sizeof(stay->text), "%.128s: %s is stuck inside one C function", file,
             what);
    stay->patience = (struct patience){
        .limit = 2 * check->script.handler_timeout,
        .text = stay->text,
        .exit_code = EXIT_ERROR,
    };
    patience_begin(&stay->patience);
}

static void stay_end(struct stay *stay)
{
    patience_end(&stay->patience);
}

/* ---- running the Identity handlers ---- */

struct run {
    struct check *check;
    const char *file;
    int line;
    const struct method *method;
};

static void note(const struct run *run, enum vm_severity severity, const char *text)
{
    const struct vm_problem problem = {
        .severity = severity,
        .file = run->file,
        .line = run->line,
        .text = text,
    };
    note_problem(run->check, &problem);
}

static void fill_context(struct task *task, struct task_context *context)
{
    (void)task;
    *context = (struct task_context){.peer = "luacsi check"};
}

static const char *id_of_task(struct task *task)
{
    (void)task;
    return "1";
}

/* A task, and whether it is over. */
struct trial {
    struct task task;
    struct loop *loop;
    bool is_done;
};

static void on_done(struct task *task)
{
    struct trial *trial = container_of(task, struct trial, task);
    trial->is_done = true;
    loop_stop(trial->loop); /* which may not run, when the handler did not wait */
}

/* Says what the callers make of the reply; it is whole and keeps the rules. */
static void note_callers(const struct run *run, const uint8_t *data, size_t size,
                         struct arena *arena)
{
    struct err err;
    const ProtobufCMessage *message =
        message_unpack(run->method->response->pb, data, size, arena, &err);
    for (size_t i = 0; message; i++) {
        char text[256];
        if (!check_callers(run->method, message, i, text))
            break;
        if (text[0])
            note(run, VM_WARNING, text);
    }
}

static void note_status(const struct run *run, int status, const char *message)
{
    char text[512];
    bool broken = status == STATUS_INTERNAL || status == STATUS_RESOURCE_EXHAUSTED;
    snprintf(text, sizeof(text), broken ? "%s ends in %s: %s" : "%s ends in %s now: %s",
             run->method->name, status_name(status), message);
    note(run, broken ? VM_ERROR : VM_WARNING, text);
}

static void note_prepared(const struct run *run, const struct prepared *prepared,
                          struct arena *arena)
{
    if (prepared->status == STATUS_OK)
        note_callers(run, GRPC_SLICE_START_PTR(prepared->bytes), GRPC_SLICE_LENGTH(prepared->bytes),
                     arena);
    else
        note_status(run, prepared->status, prepared->message);
}

/* What answers where the script does not. */
static void note_default(const struct run *run, const struct handler *handler, struct arena *arena)
{
    if (handler->kind == HANDLER_PREPARED)
        note_prepared(run, handler->prepared, arena);
    else
        note(run, VM_WARNING, "GetPluginInfo is missing: callers cannot learn the driver's name");
}

static void run_function(const struct run *run, struct vm *vm, const struct handler *handler,
                         struct arena *arena)
{
    struct trial trial = {.loop = run->check->loop};
    struct task *task = &trial.task;
    struct err err;
    *task = (struct task){
        .vm = vm,
        .method = run->method,
        .name = run->method->name,
        .function = handler->function,
        .wants_request = handler->wants_request,
        .wants_context = handler->wants_context,
        .request = message_unpack(run->method->request->pb, NULL, 0, arena, &err),
        .arena = arena,
        .budget = vm_budget(vm),
        .id = id_of_task,
        .context = fill_context,
        .done = on_done,
    };
    if (!task->request) {
        note(run, VM_ERROR, err.text);
        return;
    }
    struct stay stay;
    stay_begin(&stay, run->check, run->file, run->method->name);
    task_start(task);
    if (!trial.is_done)
        loop_run(trial.loop);
    stay_end(&stay);
    if (task->passes)
        note_default(run, vm_default(vm, run->method), arena);
    else if (task->prepared)
        note_prepared(run, task->prepared, arena);
    else if (task->status == STATUS_OK)
        note_callers(run, task->reply.data, task->reply.size, arena);
    else
        note_status(run, task->status, task->message);
    prepared_unref(task->prepared);
}

static void run_method(struct check *check, struct vm *vm, const char *file, const char *name)
{
    struct run run = {.check = check, .file = file, .method = catalog_method(name)};
    const struct handler *handler = vm_handler(vm, run.method);
    struct arena arena;
    run.line = handler->line;
    arena_init(&arena, SIZE_MAX);
    if (handler->kind == HANDLER_FUNCTION)
        run_function(&run, vm, handler, &arena);
    else
        note_default(&run, handler, &arena);
    arena_fini(&arena);
}

/* ---- one script ---- */

static void check_loaded(struct check *check, struct vm *vm, const char *file)
{
    static const char *const identity[] = {"GetPluginInfo", "Probe", "GetPluginCapabilities"};
    vm_start(vm, check->loop, check->io, NULL);
    for (size_t i = 0; i < sizeof(identity) / sizeof(identity[0]); i++)
        run_method(check, vm, file, identity[i]);
    vm_cancel_tasks(vm, STATUS_CANCELLED, "the check is over");
}

static void note_error(struct check *check, const char *file, const char *text)
{
    note_problem(check, &(struct vm_problem){.severity = VM_ERROR, .file = file, .text = text});
}

/* True when it has loaded; problems were told. */
static bool check_by_itself(struct check *check, const char *file)
{
    struct vm_options options = {.problem = note_problem, .data = check};
    struct stay stay;
    struct err err;
    script_options_fill(&check->script, &options);
    store_clear(options.store);
    if (options.rules == RULES_STRICT)
        options.rules = RULES_WARN; /* to hear of every violation, not only of the first */
    struct vm *vm = vm_new(&options, &err);
    if (!vm) {
        note_error(check, file, err.text);
        return false;
    }
    stay_begin(&stay, check, file, "loading");
    bool loaded = vm_load(vm, file, &err) == 0;
    stay_end(&stay);
    if (loaded)
        check_loaded(check, vm, file);
    vm_free(vm);
    return loaded;
}

static void check_callers_of(struct check *check, const char *file, int index)
{
    struct err err;
    if (!check->rehearsal.callers)
        return;
    check->refused = rehearsal_play(&check->rehearsal, index, check->callers, &err);
    if (check->refused >= 0)
        return;
    check->refused = 0;
    note_error(check, file, err.text);
}

static json_t *make_verdict(const struct check *check, const char *file)
{
    bool good = check->errors == 0 && check->refused == 0;
    json_t *verdict =
        json_pack("{s:s, s:b, s:O}", "script", file, "ok", good, "problems", check->problems);
    if (check->callers)
        json_object_set(verdict, "callers", check->callers);
    return verdict;
}

static void print_count(unsigned n, const char *what)
{
    printf("%u %s%s", n, what, n == 1 ? "" : "s");
}

static void print_verdict(const struct check *check, const char *file)
{
    if (check->json) {
        json_t *verdict = make_verdict(check, file);
        json_dumpf(verdict, stdout, JSON_COMPACT);
        json_decref(verdict);
        putchar('\n');
        return;
    }
    printf("%s: ", file);
    if (check->errors + check->warnings + (unsigned)check->refused == 0) {
        puts("ok");
        return;
    }
    print_count(check->errors, "error");
    printf(", ");
    print_count(check->warnings, "warning");
    if (check->refused > 0)
        printf(", %d %s not work", check->refused,
               check->refused == 1 ? "caller does" : "callers do");
    putchar('\n');
}

/* True when the script has no error, and no caller has trouble with it. */
static bool check_script(struct check *check, const char *file, int index)
{
    check->errors = check->warnings = 0;
    check->refused = 0;
    check->problems = json_array();
    check->callers = check->json && check->rehearsal.callers ? json_array() : NULL;
    if (check_by_itself(check, file))
        check_callers_of(check, file, index);
    print_verdict(check, file);
    json_decref(check->problems);
    json_decref(check->callers);
    return check->errors == 0 && check->refused == 0;
}

/* Checks all scripts; the loop and the I/O thread are there for handlers that wait. */
static int check_scripts(struct check *check, const struct arguments *arguments)
{
    struct err err;
    bool good = true;
    if (!(check->loop = loop_new(&err)))
        return options_fail("check", EXIT_ERROR, err.text);
    check->io = iothread_start(check->loop, &err);
    for (int i = 0; check->io && i < arguments->count; i++)
        good = check_script(check, arguments->items[i], i) && good;
    if (check->io)
        iothread_stop(check->io);
    loop_free(check->loop);
    iothread_free(check->io);
    if (!check->io)
        return options_fail("check", EXIT_ERROR, err.text);
    return good ? EXIT_OK : EXIT_ERROR;
}

static int run(struct check *check, const struct arguments *arguments)
{
    struct vm_options options = {0};
    struct err err;
    int exit_code;
    if (script_options_open(&check->script, &err)) {
        script_options_close(&check->script);
        return options_fail("check", EXIT_USAGE, err.text);
    }
    script_options_fill(&check->script, &options);
    log_init(LOG_TEXT, 0);
    if (rehearsal_begin(&check->rehearsal, &options, arguments, &err))
        exit_code = options_fail(
            "check", err.code == STATUS_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_ERROR, err.text);
    else
        exit_code = check_scripts(check, arguments);
    rehearsal_end(&check->rehearsal);
    script_options_close(&check->script);
    return exit_code;
}

enum { OWN_OPTIONS = 1 + REHEARSAL_OPTIONS, ALL_OPTIONS = OWN_OPTIONS + SCRIPT_OPTIONS };

int command_check(int argc, char **argv)
{
    struct check check = {0};
    struct option options[ALL_OPTIONS];
    options[0] = (struct option){
        .name = "json",
        .help = "Print one line of JSON for each script.",
        .type = OPTION_BOOL,
        .to.boolean = &check.json,
    };
    rehearsal_rows(&check.rehearsal, options + 1);
    script_options_rows(&check.script, options + OWN_OPTIONS);
    const struct command command = {
        .name = "check",
        .arguments = "SCRIPT...",
        .min_arguments = 1,
        .max_arguments = -1,
        .about = "Loads each SCRIPT, runs its Identity handlers once, and lists what is wrong with "
                 "file, line\n"
                 "and rule; warns of what some callers of CSI drivers are known not to accept.\n"
                 "With --for it says what would become of these callers.\n",
        .notes = "Exit codes: 0 no errors (there may be warnings); 1 errors, or a caller that "
                 "would not get to\n"
                 "its work; 2 wrong usage.\n",
        .options = options,
        .n_options = ALL_OPTIONS,
    };
    struct arguments arguments;
    struct err err;
    int exit_code;
    if (!options_parse(&command, argc, argv, &arguments, &exit_code))
        return exit_code;
    if (catalog_init(&err))
        return options_fail("check", EXIT_ERROR, err.text);
    return run(&check, &arguments);
}
