/* `tacit export`: a model in the form of another program. */
#include "command.h"

static const tacit_option rows[] = {
    {"hf", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "folder for the library transformers of Hugging Face: config.json, model.safetensors, and of texts "
     "tokenizer.json, of pictures preprocessor_config.json",
     "export"},
    OPTION_QUIET,
};

static int run(session *s)
{
    tacit_model *model = NULL;
    const char *folder = command_line_text(&s->line, "hf");
    if (!folder)
        return session_misused(s, "export: --hf DIR is missing: the folder to write");
    tacit_status status = tacit_model_open(&model, s->context, s->line.operands[0]);
    if (status == TACIT_OK)
        status = tacit_export_hugging_face(model, folder);
    if (status == TACIT_OK)
        printf("%s: %s.from_pretrained opens it, and tacit does\n", folder, tacit_hugging_face_class(model));
    tacit_model_close(model);
    return status == TACIT_OK ? DONE : session_fail(s, status);
}

int cmd_export(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
