/* `tacit resume`: goes on from the last checkpoint. */
#include "training.h"

static const tacit_option rows[] = {
    {"threads", TACIT_OPTION_WHOLE, 0, 1024, NULL, "0", "threads",
     "workers; 0: one for each processor; the result does not depend on it", "run"},
    {"memory", TACIT_OPTION_SIZE, 0, 0, NULL, NULL, "bytes",
     "contrastive methods: activations kept; as at first", "run"},
    {"cache", TACIT_OPTION_SIZE, 0, 0, NULL, NULL, "bytes", "decoded examples kept; as at first if not given",
     "run"},
    {"keep", TACIT_OPTION_WHOLE, 1, 1000, NULL, NULL, "checkpoints",
     "how many of the newest stay; as at first", "run"},
    {"checkpoint-minutes", TACIT_OPTION_NUMBER, 0, 1e6, NULL, NULL, "minutes",
     "time between checkpoints; as at first", "run"},
    {"json", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "each step as a JSON object on a line of stdout",
     "run"},
    {"quiet", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "nothing on stderr but errors", "run"},
};

enum { CONFIG_ROWS = 5 }; /* the first rows are options of the run's configuration */

static int run(session *s)
{
    const char *overrides[2 * CONFIG_ROWS + 1] = {0};
    const char *folder = s->line.operands[0];
    int count = 0;
    for (int i = 0; i < CONFIG_ROWS; i++) {
        if (!s->line.values[i])
            continue;
        overrides[count++] = rows[i].name;
        overrides[count++] = s->line.values[i];
    }
    tacit_model_info info;
    tacit_status status = tacit_info_read(s->context, folder, &info);
    if (status != TACIT_OK)
        return session_fail(s, status);
    const tacit_train_options options = training_options(s);
    session_catch_interrupts(s);
    status = tacit_resume(s->context, folder, NULL, overrides, &options);
    return training_finish(s, status, folder, info.data);
}

int cmd_resume(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
