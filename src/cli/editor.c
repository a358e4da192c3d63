/* Line editing by libedit. Owns its state and its history. */
#include "cli/editor.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 1000, WORDS_BYTES = 8192, LINE_BYTES = 4096 };

struct editor {
    EditLine *edit;
    History *history;
    const char *file; /* of the history; NULL: none */
    const char *prompt;
    bool is_cancelled; /* Ctrl-C was typed */
    editor_complete *complete;
    void *data;
};

static struct editor *editor_of(EditLine *edit)
{
    void *data = NULL;
    el_get(edit, EL_CLIENTDATA, &data);
    return data;
}

static char *prompt_of(EditLine *edit)
{
    return (char *)editor_of(edit)->prompt;
}

/* ---- keys ---- */

/* Ctrl-C: the line is given up. */
static unsigned char on_cancel(EditLine *edit, wint_t key)
{
    (void)key;
    editor_of(edit)->is_cancelled = true;
    fputs("^C", stdout);
    return CC_NEWLINE;
}

/* How many bytes all words have in common at their beginning. */
static size_t common_size(const char *words)
{
    size_t common = strcspn(words, "\n");
    for (const char *word = words; *word; word += strcspn(word, "\n") + 1) {
        size_t n = 0;
        while (n < common && word[n] == words[n])
            n++;
        common = n;
    }
    return common;
}

/* The number of words. */
static size_t count_words(const char *words)
{
    size_t n = 0;
    for (; (words = strchr(words, '\n')); words++)
        n++;
    return n;
}

/* Shows the words below the line. */
static void list_words(char *words)
{
    putchar('\n');
    for (char *word; (word = strsep(&words, "\n")) && *word;)
        printf("%s  ", word);
    putchar('\n');
}

/* Bytes at the end of text that are part of a word. */
static size_t word_size(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    size_t n = strlen(text), size = 0;
    while (size < n && strchr(letters, text[n - size - 1]))
        size++;
    return size;
}

/* Tab: the word goes on as far as it is clear how; else what it may become is listed. */
static unsigned char on_complete(EditLine *edit, wint_t key)
{
    const struct editor *editor = editor_of(edit);
    const LineInfo *info = el_line(edit);
    char text[LINE_BYTES], words[WORDS_BYTES];
    size_t n = (size_t)(info->cursor - info->buffer);
    (void)key;
    if (n >= sizeof(text))
        return CC_ERROR;
    memcpy(text, info->buffer, n);
    text[n] = '\0';
    editor->complete(editor->data, text, words, sizeof(words));
    size_t common = common_size(words);
    size_t typed = word_size(text);
    if (common > typed) {
        char more[LINE_BYTES];
        snprintf(more, sizeof(more), "%.*s", (int)(common - typed), words + typed);
        return el_insertstr(edit, more) == 0 ? CC_REFRESH : CC_ERROR;
    }
    if (count_words(words) < 2)
        return CC_ERROR;
    list_words(words);
    return CC_REDISPLAY;
}

/* ---- a line ---- */

static void remember(struct editor *editor, const char *line)
{
    HistEvent event;
    if (*line)
        history(editor->history, &event, H_ENTER, line);
}

char *editor_read(struct editor *editor, const char *prompt, bool *cancelled)
{
    int n;
    editor->prompt = prompt;
    editor->is_cancelled = false;
    el_set(editor->edit, EL_PREP_TERM, 1); /* else keys that come with the prompt are lost */
    const char *line = el_gets(editor->edit, &n);
    *cancelled = editor->is_cancelled;
    if (!line || editor->is_cancelled) {
        putchar('\n');
        fflush(stdout);
        return NULL;
    }
    char *copy = strndup(line, strcspn(line, "\n"));
    if (copy)
        remember(editor, copy);
    return copy;
}

/* ---- start and end ---- */

static void set_keys(struct editor *editor)
{
    EditLine *edit = editor->edit;
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_SIGNAL, 1); /* restores the terminal when one ends the process */
    el_set(edit, EL_SETTY, "-d", "-isig", NULL);
    /* by wide strings, which it does not copy: copies of the others are never freed */
    el_wset(edit, EL_ADDFN, L"luacsi-cancel", L"Give up the line", on_cancel);
    el_set(edit, EL_BIND, "^C", "luacsi-cancel", NULL);
    el_wset(edit, EL_ADDFN, L"luacsi-complete", L"Complete the word", on_complete);
    el_set(edit, EL_BIND, "^I", "luacsi-complete", NULL);
    el_set(edit, EL_HIST, history, editor->history);
}

/* A history that is not there yet is an empty one. */
static int load_history(struct editor *editor, struct err *err)
{
    HistEvent event;
    history(editor->history, &event, H_SETSIZE, MOST_LINES);
    history(editor->history, &event, H_SETUNIQUE, 1);
    errno = 0;
    if (editor->file && history(editor->history, &event, H_LOAD, editor->file) < 0 &&
        errno != ENOENT)
        return errno
                   ? err_errno(err, STATUS_UNAVAILABLE, "%s", editor->file)
                   : err_set(err, STATUS_INVALID_ARGUMENT, "%s: no history of lines", editor->file);
    return 0;
}

struct editor *editor_new(const char *file, editor_complete *complete, void *data, struct err *err)
{
    struct editor *editor = calloc(1, sizeof(*editor));
    setlocale(LC_CTYPE, "");
    if (editor) {
        *editor = (struct editor){.file = file, .complete = complete, .data = data};
        editor->history = history_init();
        editor->edit = el_init("luacsi", stdin, stdout, stderr);
    }
    if (!editor || !editor->history || !editor->edit) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to edit lines");
    } else {
        el_set(editor->edit, EL_CLIENTDATA, editor);
        el_set(editor->edit, EL_PROMPT, prompt_of);
        set_keys(editor);
        if (load_history(editor, err) == 0)
            return editor;
        editor->file = NULL;
    }
    editor_free(editor);
    return NULL;
}

void editor_free(struct editor *editor)
{
    if (!editor)
        return;
    HistEvent event;
    if (editor->file)
        history(editor->history, &event, H_SAVE, editor->file);
    if (editor->edit)
        el_end(editor->edit);
    if (editor->history)
        history_end(editor->history);
    free(editor);
}
