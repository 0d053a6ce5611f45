/* Lines "name value" as a user's options: refused with a message, or kept as they are and inside their range.
 */
#include "base/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const setting rows[] = {
    {"batch", SETTING_WHOLE, 2, 1048576, NULL, "256", "examples", "", "training"},
    {"seed", SETTING_WHOLE, -9e18, 9e18, NULL, "auto", "", "", "training"},
    {"lr", SETTING_NUMBER, 0, 10, NULL, "auto", "", "", "training"},
    {"memory", SETTING_SIZE, 1024, 1e15, NULL, "auto", "bytes", "", "training"},
    {"method", SETTING_CHOICE, 0, 0, "mae|simclr|barlow", "mae", "", "", "training"},
    {"name", SETTING_TEXT, 0, 0, NULL, "", "", "", "training"},
    {"views", SETTING_FLAG, 0, 0, NULL, "false", "", "", "training"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_values(const settings *s)
{
    const int64_t batch = settings_whole(s, "batch");
    require(batch >= 2 && batch <= 1048576);
    const double lr = settings_number(s, "lr");
    require(lr >= 0 && lr <= 10);
    const uint64_t memory = settings_size(s, "memory");
    require(settings_is_auto(s, "memory") ? memory == 0 : memory >= 1024 && memory <= 1000000000000000);
    const char *method = settings_text(s, "method");
    require(!strcmp(method, "mae") || !strcmp(method, "simclr") || !strcmp(method, "barlow"));
    (void)settings_whole(s, "seed");
    (void)settings_flag(s, "views");
}

/* One line; its first space ends the name. */
static void set_line(settings *s, tacit_context *context, char *line)
{
    char *value = strchr(line, ' ');
    if (value)
        *value++ = '\0';
    context_begin(context);
    if (settings_set(s, line, value ? value : "") == TACIT_OK)
        require(strcmp(settings_text(s, line), value ? value : "") == 0 && settings_is_set(s, line));
    else
        require(tacit_context_message(context)[0] && !strpbrk(tacit_context_message(context), "\r\n\t"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tacit_context *context;
    settings *s;
    if (tacit_context_create(&context, NULL) != TACIT_OK)
        return 0;
    char *text = memory_alloc(context, size + 1, 1);
    require(text && settings_create(&s, context) == TACIT_OK && settings_add(s, rows, ROWS) == TACIT_OK);
    memcpy(text, size ? (const char *)data : "", size);
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        set_line(s, context, line);
    }
    check_values(s);
    settings_destroy(s);
    memory_free(context, text);
    tacit_context_destroy(context);
    return 0;
}
