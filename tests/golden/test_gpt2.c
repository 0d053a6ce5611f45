/* A folder as transformers keeps GPT-2, against what transformers makes of it: make_gpt2.py. */
#include "api/handles.h"
#include "base/file.h"
#include "model/gpt.h"
#include "model/safetensors.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VOCABULARY = 257, WINDOW = 32, WIDTH = 128, DEPTH = 4, WORDS = 16, PROMPT = 8 };

static const char text[] = "It was a bright cold day in April, and the clocks were striking thirteen.";
static const double loss = 15.084243565;
static const int32_t greedy[WORDS] = {201, 35,  208, 220, 247, 254, 16,  197,
                                      193, 254, 212, 247, 16,  58,  189, 78};

/* A tensor of a block, or of the whole, in the order of the names. */
typedef struct part {
    const char *name;
    int64_t rows, columns; /* columns 0: a vector */
} part;

static const part block_parts[] = {{"attn.c_attn.bias", 3 * WIDTH, 0},
                                   {"attn.c_attn.weight", WIDTH, 3 * WIDTH},
                                   {"attn.c_proj.bias", WIDTH, 0},
                                   {"attn.c_proj.weight", WIDTH, WIDTH},
                                   {"ln_1.bias", WIDTH, 0},
                                   {"ln_1.weight", WIDTH, 0},
                                   {"ln_2.bias", WIDTH, 0},
                                   {"ln_2.weight", WIDTH, 0},
                                   {"mlp.c_fc.bias", 4 * WIDTH, 0},
                                   {"mlp.c_fc.weight", WIDTH, 4 * WIDTH},
                                   {"mlp.c_proj.bias", WIDTH, 0},
                                   {"mlp.c_proj.weight", 4 * WIDTH, WIDTH}};
static const part whole_parts[] = {{"ln_f.bias", WIDTH, 0},
                                   {"ln_f.weight", WIDTH, 0},
                                   {"wpe.weight", WINDOW, WIDTH},
                                   {"wte.weight", VOCABULARY, WIDTH}};

enum { BLOCK_PARTS = 12, WHOLE_PARTS = 4, PARTS = DEPTH * BLOCK_PARTS + WHOLE_PARTS };

typedef struct trial {
    tacit_context *context;
    char folder[256];
    named_tensor tensors[PARTS];
} trial;

static void fill_tensor(trial *t, int j, const part *p, const char *prefix)
{
    const shape s = p->columns ? shape_2(p->rows, p->columns) : shape_1(p->rows);
    float *numbers = memory_alloc(t->context, (size_t)shape_count(s), sizeof *numbers);
    const bool gain = strncmp(p->name, "ln_", 3) == 0 && strstr(p->name, "weight");
    assert_non_null(numbers);
    for (int64_t k = 0; k < shape_count(s); k++)
        numbers[k] = (float)(sin(0.7 * (double)k + 1.3 * j) / 8 + (gain ? 1 : 0));
    snprintf(t->tensors[j].name, SAFETENSORS_NAME, "%s%s", prefix, p->name);
    t->tensors[j].tensor = tensor_of(DTYPE_F32, s, numbers);
}

static void fill_tensors(trial *t, const char *before)
{
    char prefix[64];
    for (int i = 0; i < DEPTH; i++)
        for (int k = 0; k < BLOCK_PARTS; k++) {
            snprintf(prefix, sizeof prefix, "%sh.%d.", before, i);
            fill_tensor(t, i * BLOCK_PARTS + k, &block_parts[k], prefix);
        }
    for (int k = 0; k < WHOLE_PARTS; k++)
        fill_tensor(t, DEPTH * BLOCK_PARTS + k, &whole_parts[k], before);
}

static void put(trial *t, const char *name, const char *content)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    assert_ok(t->context, file_write(t->context, path, content, strlen(content)));
}

static void put_words(trial *t)
{
    char path[400];
    tokenizer_trainer *trainer;
    tokenizer *words;
    snprintf(path, sizeof path, "%s/tokenizer.json", t->folder);
    assert_ok(t->context, tokenizer_trainer_create(&trainer, t->context, TOKENIZER_BYTES, 0, 1));
    assert_ok(t->context, tokenizer_trainer_finish(trainer, &words));
    assert_ok(t->context, tokenizer_add_special(words, "<|endoftext|>", NULL));
    assert_ok(t->context, tokenizer_write(words, path));
    tokenizer_destroy(words);
    tokenizer_trainer_destroy(trainer);
}

static const char config[] = "{\"model_type\": \"gpt2\", \"n_embd\": 128, \"n_layer\": 4, \"n_head\": 4,"
                             " \"n_positions\": 32, \"vocab_size\": 257}";

/* The whole folder; names with `before` in front of them. */
static void put_model(trial *t, const char *before)
{
    char path[400];
    snprintf(path, sizeof path, "%s/model.safetensors", t->folder);
    fill_tensors(t, before);
    assert_ok(t->context, safetensors_write(t->context, path, t->tensors, PARTS, NULL, 0));
    for (int i = 0; i < PARTS; i++)
        memory_free(t->context, t->tensors[i].tensor.data);
    put_words(t);
    put(t, "config.json", config);
}

static int open_trial(void **state)
{
    static trial t;
    assert_int_equal(tacit_context_create(&t.context, NULL), TACIT_OK);
    snprintf(t.folder, sizeof t.folder, "%s", test_at("gpt2"));
    assert_ok(t.context, folder_create(t.context, t.folder));
    *state = &t;
    return 0;
}

static int close_trial(void **state)
{
    trial *t = *state;
    assert_ok(t->context, folder_delete(t->context, t->folder));
    tacit_context_destroy(t->context);
    return 0;
}

/* ---- what it says ---- */

static void assert_loss(trial *t, tacit_model *model)
{
    char path[400];
    const char *paths[] = {path};
    tacit_dataset *data;
    tacit_language r;
    snprintf(path, sizeof path, "%s.txt", t->folder);
    assert_ok(t->context, file_write(t->context, path, text, strlen(text)));
    assert_ok(t->context, tacit_dataset_open(&data, t->context, paths, 1, NULL));
    assert_ok(t->context, tacit_measure_language(model, data, 0, &r));
    assert_int_equal(r.tokens, (int64_t)strlen(text));
    if (!(fabs(r.loss - loss) <= 1e-5 * loss))
        fail_msg("loss %.9f, wanted %.9f", r.loss, loss);
    tacit_dataset_close(data);
    remove(path);
}

static void assert_words(const trial *t, const tacit_model *model)
{
    static float logits[VOCABULARY];
    gpt_stepper *s;
    assert_ok(t->context, gpt_stepper_create(&s, model->learner->encoder, &model->learner->parameters,
                                             model->work->team));
    for (int i = 0; i < PROMPT; i++)
        gpt_stepper_read(s, &(int32_t){(uint8_t)text[i]}, 1, logits);
    for (int i = 0; i < WORDS; i++) {
        int32_t best = 0;
        for (int32_t k = 1; k < VOCABULARY; k++)
            best = logits[k] > logits[best] ? k : best;
        assert_int_equal(best, greedy[i]);
        gpt_stepper_read(s, &best, 1, logits);
    }
    gpt_stepper_destroy(s);
}

static void same_as_transformers(void **state)
{
    static const char *const before[] = {"transformer.", ""};
    for (int i = 0; i < 2; i++) {
        tacit_model *model;
        trial *t = *state;
        put_model(t, before[i]);
        assert_ok(t->context, tacit_model_open(&model, t->context, t->folder));
        assert_loss(t, model);
        assert_words(t, model);
        tacit_model_close(model);
    }
}

/* What is written is what was read. */
static void there_and_back(void **state)
{
    trial *t = *state;
    char folder[300];
    tacit_model *model, *again;
    snprintf(folder, sizeof folder, "%s/again", t->folder);
    put_model(t, "");
    assert_ok(t->context, tacit_model_open(&model, t->context, t->folder));
    assert_ok(t->context, tacit_export_hugging_face(model, folder));
    assert_fails(t->context, tacit_export_hugging_face(model, folder), TACIT_STATE, "is there already");
    assert_ok(t->context, tacit_model_open(&again, t->context, folder));
    assert_memory_equal(model->learner->parameters.block, again->learner->parameters.block,
                        (size_t)model->learner->parameters.size * sizeof(float));
    tacit_model_close(again);
    tacit_model_close(model);
    assert_ok(t->context, folder_delete(t->context, folder));
}

static void assert_refused(trial *t, const char *changed, tacit_status status, const char *message)
{
    tacit_model *model;
    put(t, "config.json", changed);
    assert_fails(t->context, tacit_model_open(&model, t->context, t->folder), status, message);
}

static void others_are_refused(void **state)
{
    trial *t = *state;
    put_model(t, "");
    assert_refused(t, "{\"model_type\": \"gpt2\", \"n_embd\": 1024, \"n_layer\": 24, \"n_head\": 16}",
                   TACIT_UNSUPPORTED, "a GPT-2 of 24 blocks, 16 heads, 1024 wide");
    assert_refused(t, "{\"model_type\": \"gpt2\", \"activation_function\": \"relu\"}", TACIT_UNSUPPORTED,
                   "an activation_function other than gelu_new");
    assert_refused(t, "{\"model_type\": \"gpt2\", \"layer_norm_epsilon\": 0}", TACIT_FORMAT,
                   "layer_norm_epsilon: expected a number from 1e-12 to 0.1");
    assert_refused(t, "{\"model_type\": \"gpt2\", \"n_layer\": \"12\"}", TACIT_FORMAT,
                   "n_layer: expected a whole number");
    assert_refused(t, "{\"model_type\": \"gpt2\", \"tie_word_embeddings\": false}", TACIT_UNSUPPORTED,
                   "another table of words to predict than to read");
    assert_refused(t, "{\"model_type\": \"gpt2\", \"scale_attn_by_inverse_layer_idx\": true}",
                   TACIT_UNSUPPORTED, "another attention");
    assert_refused(t, "{\"model_type\": \"gpt2\", \"n_inner\": 7}", TACIT_UNSUPPORTED,
                   "an n_inner other than");
    assert_refused(
        t,
        "{\"model_type\": \"gpt2\", \"n_embd\": 128, \"n_layer\": 4, \"n_head\": 4, \"n_positions\": 64,"
        " \"vocab_size\": 257}",
        TACIT_FORMAT, "tensor wpe.weight is F32 (32, 128), expected F32 (64, 128)");
    assert_refused(
        t,
        "{\"model_type\": \"gpt2\", \"n_embd\": 128, \"n_layer\": 4, \"n_head\": 4, \"n_positions\": 32,"
        " \"vocab_size\": -3}",
        TACIT_FORMAT, "vocab_size: expected a whole number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_transformers),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, open_trial, close_trial);
}
