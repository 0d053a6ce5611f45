/* Folders as transformers keeps vision transformers, against what transformers makes of them: make_vit.py. */
#include "api/handles.h"
#include "base/file.h"
#include "model/safetensors.h"
#include "model/transformer.h"
#include "objective/self_prediction/mae.h"
#include "support.h"
#include "train/exchange/vit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 128, DEPTH = 4, PATCH = 4, DECODER = 64, GRID = 4, TENSORS = 160, PICTURES = 2, MOST = 24 };

static const double vit_states[] = {0.764462, -0.015040, -1.189455, 0.614329, -0.101961, -1.332115,
                                    0.693377, -0.055741, -1.289379, 0.761540, -0.018067, -1.194752,
                                    0.583103, -0.062463, -1.323968, 0.592639, -0.059446, -1.286174};
static const double dinov2_states[] = {0.296451,  -0.989532, 1.446005,  0.460082,  0.419506,  -0.349136,
                                       0.878160,  -0.101596, 0.667456,  0.360385,  -1.045783, 1.471338,
                                       -0.240797, 1.576922,  -0.132168, -0.069081, 0.969246,  0.404859};
static const double dinov2_larger_states[] = {
    0.386714, -1.079933, 1.476614, -0.745793, 1.042675, -1.557792, -0.868385, 0.827378, -1.325139,
    0.397458, -1.267045, 1.703628, -1.062656, 1.810353, -1.196902, -1.325981, 1.691357, -0.740441};
static const double mae_loss_wanted = 1.3417897;
static const double mae_patches[] = {0.406132, -0.268825, 0.301438, 0.409111, -0.316740, 0.354255,
                                     0.711632, -0.590041, 0.614382, 0.406129, -0.268822, 0.301435,
                                     0.409097, -0.316727, 0.354241, 0.711519, -0.589960, 0.614309};

/* ---- the folder ---- */

typedef struct trial {
    tacit_context *context;
    char folder[256];
    named_tensor tensors[TENSORS];
    int count;
    const char *before;    /* in front of the encoder's names */
    const char *decoding;  /* blocks of the decoder */
    bool fixed, no_biases; /* positions are sines; queries, keys and values have no biases */
    float unsine;          /* added to one number of them */
} trial;

static void fill(trial *t, const char *name, shape s, float *numbers)
{
    const bool gain = strstr(name, "norm") && strstr(name, "weight");
    const int64_t width = shape_last(s);
    for (int64_t k = 0; k < shape_count(s); k++)
        numbers[k] = (float)(sin(0.7 * (double)k + 1.3 * t->count) / 8 + (gain ? 1 : 0));
    if (!t->fixed || !strstr(name, "pos"))
        return;
    positions_fill(numbers, width, GRID, GRID, true);
    numbers[3 * width + 1] += t->unsine;
}

/* Number k of tensor j is sin(0.7 k + 1.3 j) / 8; gains of norms are 1 more. */
static void add(trial *t, const char *before, const char *name, shape s)
{
    named_tensor *out = &t->tensors[t->count];
    float *numbers = memory_alloc(t->context, (size_t)shape_count(s), sizeof *numbers);
    const bool encoder_of = strncmp(before, "decoder.", 8) != 0;
    assert_non_null(numbers);
    assert_true(t->count < TENSORS);
    snprintf(out->name, SAFETENSORS_NAME, "%s%s%s", encoder_of ? t->before : "", before, name);
    out->tensor = tensor_of(DTYPE_F32, s, numbers);
    fill(t, name, s, numbers);
    t->count++;
}

static void add_linear(trial *t, const char *before, const char *name, int64_t inputs, int64_t outputs)
{
    char full[120];
    snprintf(full, sizeof full, "%s.weight", name);
    add(t, before, full, shape_2(outputs, inputs));
    snprintf(full, sizeof full, "%s.bias", name);
    add(t, before, full, shape_1(outputs));
}

static void add_norm(trial *t, const char *before, const char *name, int64_t width)
{
    char full[120];
    snprintf(full, sizeof full, "%s.weight", name);
    add(t, before, full, shape_1(width));
    snprintf(full, sizeof full, "%s.bias", name);
    add(t, before, full, shape_1(width));
}

static void add_block(trial *t, const char *before, bool dinov2, int64_t width)
{
    add_norm(t, before, dinov2 ? "norm1" : "layernorm_before", width);
    add_linear(t, before, "attention.attention.query", width, width);
    add_linear(t, before, "attention.attention.key", width, width);
    add_linear(t, before, "attention.attention.value", width, width);
    add_linear(t, before, "attention.output.dense", width, width);
    if (dinov2)
        add(t, before, "layer_scale1.lambda1", shape_1(width));
    add_norm(t, before, dinov2 ? "norm2" : "layernorm_after", width);
    add_linear(t, before, dinov2 ? "mlp.fc1" : "intermediate.dense", width, 4 * width);
    add_linear(t, before, dinov2 ? "mlp.fc2" : "output.dense", 4 * width, width);
    if (dinov2)
        add(t, before, "layer_scale2.lambda1", shape_1(width));
}

static void add_encoder(trial *t, bool dinov2)
{
    char before[64];
    add(t, "", "embeddings.cls_token", shape_3(1, 1, WIDTH));
    add(t, "", "embeddings.position_embeddings", shape_3(1, 1 + GRID * GRID, WIDTH));
    add(t, "", "embeddings.patch_embeddings.projection.weight", shape_4(WIDTH, 3, PATCH, PATCH));
    add(t, "", "embeddings.patch_embeddings.projection.bias", shape_1(WIDTH));
    for (int i = 0; i < DEPTH; i++) {
        snprintf(before, sizeof before, "encoder.layer.%d.", i);
        add_block(t, before, dinov2, WIDTH);
    }
    add_norm(t, "", "layernorm", WIDTH);
}

static void add_decoder(trial *t)
{
    char before[64];
    snprintf(before, sizeof before, "decoder.%s.0.", t->decoding);
    add_linear(t, "decoder.", "decoder_embed", WIDTH, DECODER);
    add(t, "decoder.", "mask_token", shape_3(1, 1, DECODER));
    add(t, "decoder.", "decoder_pos_embed", shape_3(1, 1 + GRID * GRID, DECODER));
    add_block(t, before, false, DECODER);
    add_norm(t, "decoder.", "decoder_norm", DECODER);
    add_linear(t, "decoder.", "decoder_pred", DECODER, 3 * PATCH * PATCH);
}

static void put(const trial *t, const char *name, const char *content)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    if (content)
        assert_ok(t->context, file_write(t->context, path, content, strlen(content)));
    else
        remove(path);
}

/* Leaves out the biases of attention where there are to be none. */
static void put_tensors(trial *t)
{
    char path[400];
    int kept = 0;
    named_tensor *some = calloc(TENSORS, sizeof *some);
    assert_non_null(some);
    for (int i = 0; i < t->count; i++) {
        const char *name = t->tensors[i].name;
        if (!t->no_biases || !strstr(name, "attention.attention") || !strstr(name, "bias"))
            some[kept++] = t->tensors[i];
    }
    snprintf(path, sizeof path, "%s/model.safetensors", t->folder);
    assert_ok(t->context, safetensors_write(t->context, path, some, (size_t)kept, NULL, 0));
    free(some);
    for (int i = 0; i < t->count; i++)
        memory_free(t->context, t->tensors[i].tensor.data);
    t->count = 0;
}

#define SIZES                                                                                                \
    "\"hidden_size\": 128, \"num_hidden_layers\": 4, \"num_attention_heads\": 4, \"image_size\": 16, "       \
    "\"patch_size\": 4"
#define OF_DECODER                                                                                           \
    ", \"architectures\": [\"ViTMAEForPreTraining\"], \"decoder_hidden_size\": 64, "                         \
    "\"decoder_num_hidden_layers\": 1, \"decoder_num_attention_heads\": 2, \"decoder_intermediate_size\": "  \
    "256, \"mask_ratio\": 0.75"

static const char vit_config[] = "{\"model_type\": \"vit\", \"intermediate_size\": 512, " SIZES "}";
static const char vit_mae_config[] =
    "{\"model_type\": \"vit_mae\", \"intermediate_size\": 512, " SIZES OF_DECODER "}";
static const char dinov2_config[] = "{\"model_type\": \"dinov2\", " SIZES "}";

static void put_vit(trial *t)
{
    add_encoder(t, false);
    put_tensors(t);
    put(t, "config.json", vit_config);
}

static void put_vit_mae(trial *t)
{
    t->fixed = true;
    add_encoder(t, false);
    add_decoder(t);
    put_tensors(t);
    put(t, "config.json", vit_mae_config);
}

static void put_dinov2(trial *t)
{
    add_encoder(t, true);
    put_tensors(t);
    put(t, "config.json", dinov2_config);
}

static int open_trial(void **state)
{
    static trial t;
    t = (trial){.before = "", .decoding = "decoder_layers"};
    assert_int_equal(tacit_context_create(&t.context, NULL), TACIT_OK);
    test_without_sync(t.context);
    snprintf(t.folder, sizeof t.folder, "%s", test_folder("vit"));
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

/* Number i of 2 pictures is 1.5 sin(0.37 i). */
static const float *pictures(void)
{
    static float numbers[PICTURES * MOST * MOST * 3];
    for (int i = 0; i < PICTURES * MOST * MOST * 3; i++)
        numbers[i] = (float)(1.5 * sin(0.37 * i));
    return numbers;
}

static tape *open_tape(const trial *t, const tacit_model *m)
{
    tape *out;
    const parameters *p = &m->learner->parameters;
    assert_ok(t->context, tape_create(&out, t->context, m->work->backends[0]));
    assert_ok(t->context, tape_bind(out, p->tensors, (int)p->count, p->block));
    tape_reset(out, TAPE_INFERENCE);
    return out;
}

static value pictures_on(tape *t, int64_t size)
{
    const tensor x = tensor_of(DTYPE_F32, shape_4(PICTURES, size, size, 3), (void *)(uintptr_t)pictures());
    return tape_constant(t, &x);
}

static tacit_model *open_model(const trial *t, const char *folder)
{
    tacit_model *m;
    assert_ok(t->context, tacit_model_open(&m, t->context, folder));
    assert_int_equal(m->record.parameters, parameters_learnt(&m->learner->parameters));
    assert_int_equal(m->record.dimension, learner_width(m->learner));
    return m;
}

static void assert_states(const trial *t, const tacit_model *m, int64_t size, const double *wanted)
{
    static const int64_t tokens[] = {0, 1, 16}, places[] = {0, 50, 127};
    const encoder *e = m->learner->encoder;
    tape *run = open_tape(t, m);
    const value patches = op_patchify(run, pictures_on(run, size), PATCH);
    const float *x = tape_f32(run, e->encode_visible(e, run, patches, (value){0}));
    assert_ok(t->context, tape_status(run));
    for (int b = 0; b < PICTURES; b++)
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                assert_near((double)x[(b * (1 + e->tokens) + tokens[i]) * WIDTH + places[k]], *wanted++, 2e-5,
                            0);
    tape_destroy(run);
}

static void vit_as_transformers(void **state)
{
    static const char *const before[] = {"", "vit."};
    trial *t = *state;
    for (int i = 0; i < 2; i++) {
        t->before = before[i];
        put_vit(t);
        tacit_model *m = open_model(t, t->folder);
        assert_states(t, m, 16, vit_states);
        assert_string_equal(m->learner->method.objective->name, "encoder");
        assert_string_equal(settings_text(m->record.settings, "readout"), "class");
        assert_near(m->record.mean[2], 0.5, 0, 0);
        tacit_model_close(m);
    }
}

static void dinov2_as_transformers(void **state)
{
    static const char *const before[] = {"", "dinov2."};
    trial *t = *state;
    for (int i = 0; i < 2; i++) {
        t->before = before[i];
        put_dinov2(t);
        tacit_model *m = open_model(t, t->folder);
        assert_states(t, m, 16, dinov2_states);
        assert_near(m->record.mean[2], 0.406, 0, 0);
        tacit_model_close(m);
        put(t, "preprocessor_config.json",
            "{\"size\": {\"shortest_edge\": 32}, \"crop_size\": {\"height\": 24, \"width\": 24}}");
        m = open_model(t, t->folder);
        assert_states(t, m, 24, dinov2_larger_states);
        tacit_model_close(m);
        put(t, "preprocessor_config.json", NULL);
    }
}

static value index_on(tape *t, const int32_t *numbers, int64_t count)
{
    const value index = tape_output(t, DTYPE_I32, shape_2(PICTURES, count));
    assert_true(index.id > 0);
    for (int64_t i = 0; i < PICTURES * count; i++)
        ((int32_t *)tape_tensor(t, index)->data)[i] = numbers[i % count];
    return index;
}

static void assert_predictions(const trial *t, const tacit_model *m)
{
    static const int32_t kept[] = {1, 6, 11, 12}, removed[] = {0, 2, 3, 4, 5, 7, 8, 9, 10, 13, 14, 15};
    static const int places[] = {0, 4, 11}, numbers[] = {0, 20, 47}; /* patches 0, 5, 15 */
    const method *o = &m->learner->method;
    tape *run = open_tape(t, m);
    const value x = pictures_on(run, 16), a = index_on(run, kept, 4), b = index_on(run, removed, 12);
    const value loss = mae_loss(o, run, x, a, b), predicted = o->objective->inpaint(o, run, x, a, b);
    assert_ok(t->context, tape_status(run));
    assert_near((double)*tape_f32(run, loss), mae_loss_wanted, 2e-5, 0);
    const double *wanted = mae_patches;
    for (int p = 0; p < PICTURES; p++)
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                assert_near((double)tape_f32(run, predicted)[(p * 12 + places[i]) * 48 + numbers[k]],
                            *wanted++, 2e-5, 0);
    tape_destroy(run);
}

static void mae_as_transformers(void **state)
{
    trial *t = *state;
    for (int i = 0; i < 2; i++) {
        t->before = "vit.";
        t->decoding = i ? "decoder_encoder.layer" : "decoder_layers";
        put_vit_mae(t);
        tacit_model *m = open_model(t, t->folder);
        assert_string_equal(m->learner->method.objective->name, "mae");
        assert_string_equal(settings_text(m->record.settings, "positions"), "sincos");
        assert_predictions(t, m);
        tacit_model_close(m);
    }
}

/* ---- there and back ---- */

static void embed_all(const trial *t, const tacit_model *m, float *out)
{
    tape *run = open_tape(t, m);
    const value y = learner_embed(m->learner, run, pictures_on(run, m->learner->encoder->settings.height));
    assert_ok(t->context, tape_status(run));
    memcpy(out, tape_f32(run, y), (size_t)(PICTURES * learner_width(m->learner)) * sizeof *out);
    tape_destroy(run);
}

/* What is written is what was read, and embeds as it did. */
static void assert_goes_round(const trial *t, const char *class_name)
{
    float first[PICTURES * WIDTH], second[PICTURES * WIDTH];
    char folder[400];
    snprintf(folder, sizeof folder, "%s/again", t->folder);
    tacit_model *m = open_model(t, t->folder);
    assert_string_equal(tacit_hugging_face_class(m), class_name);
    assert_ok(t->context, tacit_export_hugging_face(m, folder));
    assert_fails(t->context, tacit_export_hugging_face(m, folder), TACIT_STATE, "is there already");
    tacit_model *again = open_model(t, folder);
    assert_string_equal(tacit_hugging_face_class(again), class_name);
    assert_int_equal(again->learner->parameters.size, m->learner->parameters.size);
    assert_memory_equal(m->learner->parameters.block, again->learner->parameters.block,
                        (size_t)m->learner->parameters.size * sizeof(float));
    assert_memory_equal(m->record.mean, again->record.mean, 3 * sizeof(double));
    assert_memory_equal(m->record.deviation, again->record.deviation, 3 * sizeof(double));
    embed_all(t, m, first);
    embed_all(t, again, second);
    assert_memory_equal(first, second, sizeof first);
    tacit_model_close(again);
    tacit_model_close(m);
    assert_ok(t->context, folder_delete(t->context, folder));
}

static void there_and_back(void **state)
{
    trial *t = *state;
    put_vit(t);
    assert_goes_round(t, "ViTModel");
    put_dinov2(t);
    assert_goes_round(t, "Dinov2Model");
    put_vit_mae(t);
    assert_goes_round(t, "ViTMAEForPreTraining");
}

/* A model of fixed positions is written with them as a table, and gives the same bits with that. */
static void fixed_positions_become_a_table(void **state)
{
    trial *t = *state;
    float first[PICTURES * WIDTH], second[PICTURES * WIDTH];
    char folder[400];
    put_vit_mae(t);
    put(t, "config.json", "{\"model_type\": \"vit_mae\", \"intermediate_size\": 512, " SIZES "}");
    tacit_model *m = open_model(t, t->folder);
    assert_string_equal(m->learner->method.objective->name, "encoder");
    assert_string_equal(settings_text(m->record.settings, "positions"), "sincos");
    snprintf(folder, sizeof folder, "%s/again", t->folder);
    assert_ok(t->context, tacit_export_hugging_face(m, folder));
    tacit_model *again = open_model(t, folder);
    assert_string_equal(settings_text(again->record.settings, "positions"), "learned");
    assert_string_equal(settings_text(again->record.settings, "readout"), "mean");
    embed_all(t, m, first);
    embed_all(t, again, second);
    assert_memory_equal(first, second, sizeof first);
    tacit_model_close(again);
    tacit_model_close(m);
    assert_ok(t->context, folder_delete(t->context, folder));
}

static void biases_that_are_not_there(void **state)
{
    trial *t = *state;
    tacit_model *m;
    t->no_biases = true;
    put_vit(t);
    assert_fails(t->context, tacit_model_open(&m, t->context, t->folder), TACIT_FORMAT,
                 "tensor encoder.layer.0.attention.attention.query.bias is missing");
    put(t, "config.json",
        "{\"model_type\": \"vit\", \"qkv_bias\": false, \"intermediate_size\": 512, " SIZES "}");
    m = open_model(t, t->folder);
    const parameter *p = parameters_find(&m->learner->parameters, "encoder.blocks.1.attn.qkv.bias");
    for (int i = 0; i < 3 * WIDTH; i++)
        assert_true(m->learner->parameters.block[p->offset + i] == 0.0f);
    tacit_model_close(m);
}

static void positions_that_are_not_fixed(void **state)
{
    trial *t = *state;
    tacit_model *m;
    t->unsine = 0.01f;
    put_vit_mae(t);
    assert_fails(t->context, tacit_model_open(&m, t->context, t->folder), TACIT_UNSUPPORTED,
                 "tensor decoder.decoder_pos_embed: expected the fixed sines and cosines");
    put(t, "config.json", "{\"model_type\": \"vit_mae\", \"intermediate_size\": 512, " SIZES "}");
    m = open_model(t, t->folder);
    assert_string_equal(settings_text(m->record.settings, "positions"), "learned");
    tacit_model_close(m);
}

/* ---- errors ---- */

/* Opened and written again; what was written stays. */
static tacit_status copy(tacit_context *context, void *user)
{
    const trial *t = user;
    char folder[400];
    tacit_model *m;
    snprintf(folder, sizeof folder, "%s/copy", t->folder);
    test_without_sync(context);
    TRY(tacit_model_open(&m, context, t->folder));
    const tacit_status status = tacit_export_hugging_face(m, folder);
    tacit_model_close(m);
    return status;
}

static void without_memory(void **state)
{
    trial *t = *state;
    char folder[400];
    snprintf(folder, sizeof folder, "%s/copy", t->folder);
    put_vit_mae(t);
    assert_true(test_each_failed_allocation(copy, t) > 20);
    assert_ok(t->context, folder_delete(t->context, folder));
    put_dinov2(t);
    put(t, "preprocessor_config.json", "{\"crop_size\": 24}");
    assert_true(test_each_failed_allocation(copy, t) > 20);
    assert_ok(t->context, folder_delete(t->context, folder));
}

/* Any letter of a config may be another: it opens, or is refused. */
static void changed_letters(void **state)
{
    static const char letters[] = "\"0-9{}[]:,x";
    trial *t = *state;
    put_vit(t);
    for (size_t i = 0; i + 1 < sizeof vit_config; i++) {
        char changed[sizeof vit_config];
        tacit_model_info info;
        memcpy(changed, vit_config, sizeof changed);
        changed[i] = letters[(i * 7) % (sizeof letters - 1)];
        put(t, "config.json", changed);
        context_begin(t->context);
        const tacit_status status = tacit_info_read(t->context, t->folder, &info);
        assert_true(status == TACIT_OK || *tacit_context_message(t->context));
    }
}

static void assert_refused(const trial *t, const char *config, tacit_status status, const char *message)
{
    tacit_model *m;
    put(t, "config.json", config);
    context_begin(t->context);
    assert_fails(t->context, tacit_model_open(&m, t->context, t->folder), status, message);
    assert_fails(t->context, status, status, t->folder);
    assert_null(m);
}

#define VIT(more) "{\"model_type\": \"vit\", \"intermediate_size\": 512, " more SIZES "}"
#define MAE(more) "{\"model_type\": \"vit_mae\", \"intermediate_size\": 512, " SIZES more "}"

static void others_are_refused(void **state)
{
    const tacit_status f = TACIT_FORMAT, u = TACIT_UNSUPPORTED;
    trial *t = *state;
    put_vit(t);
    assert_refused(t, "{\"model_type\": \"dinov2_with_registers\"}", u,
                   "model_type: dinov2_with_registers: expected gpt2, vit, vit_mae or dinov2");
    assert_refused(t, "{\"model_type\": 3}", u, "model_type: not a text");
    assert_refused(
        t, "{\"model_type\": \"vit\", \"hidden_size\": 1280}", u,
        "hidden_size: 1280 wide, 12 blocks, 12 heads: expected the size of one of vit-nano (128, 4, 4)");
    assert_refused(t, VIT("\"hidden_act\": \"gelu_new\", "), u, "hidden_act: expected gelu");
    assert_refused(t, "{\"model_type\": \"vit\", " SIZES "}", u, "intermediate_size: expected 4 times");
    assert_refused(t, "{\"model_type\": \"dinov2\", \"use_swiglu_ffn\": true, " SIZES "}", u,
                   "use_swiglu_ffn");
    assert_refused(t, "{\"model_type\": \"dinov2\", \"mlp_ratio\": 3, " SIZES "}", u,
                   "mlp_ratio: expected 4");
    assert_refused(t, "{\"model_type\": \"dinov2\", \"layerscale_value\": 0, " SIZES "}", f,
                   "layerscale_value: expected a number from 1e-09 to 10");
    assert_refused(t, VIT("\"tacit_readout\": \"best\", "), TACIT_ARGUMENT,
                   "--readout best: expected one of");
    assert_refused(t, VIT("\"layer_norm_eps\": -1, "), f,
                   "layer_norm_eps: expected a number from 1e-12 to 0.1");
    assert_refused(t, VIT("\"qkv_bias\": \"no\", "), f, "qkv_bias: expected true or false");
    assert_refused(t, VIT("\"num_channels\": 2, "), f, "num_channels: expected 1 or 3");
    assert_refused(t, MAE(OF_DECODER ", \"norm_pix_loss\": 1"), f, "norm_pix_loss: expected true or false");
    assert_refused(t,
                   "{\"model_type\": \"vit_mae\", \"architectures\": [\"ViTMAEForPreTraining\"], "
                   "\"intermediate_size\": 512, \"decoder_num_attention_heads\": 8, " SIZES "}",
                   u, "decoder_num_attention_heads: expected 16; with \"ViTMAEModel\"");
    assert_refused(t, "{\"model_type\": \"dinov2\", " SIZES "}", f,
                   "tensor encoder.layer.0.norm1.weight is missing");
}

static void replaced(const trial *t, const char *from, const char *to, const char *message)
{
    char changed[800];
    const char *at = strstr(vit_config, from);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - vit_config), vit_config, to, at + strlen(from));
    assert_refused(t, changed, TACIT_FORMAT, message);
}

/* Each size of config.json as each thing that it should not be. */
static void hostile_sizes(void **state)
{
    static const char *const fields[] = {"\"hidden_size\": 128",       "\"num_hidden_layers\": 4",
                                         "\"num_attention_heads\": 4", "\"image_size\": 16",
                                         "\"patch_size\": 4",          "\"intermediate_size\": 512"};
    static const char *const values[] = {
        "0",  "-1", "9223372036854775807",  "1e300",    "4.5", "true", "\"4\"", "[4, 5]",
        "[]", "{}", "-9223372036854775808", "[4, 4, 4]"};
    trial *t = *state;
    char to[120], name[60];
    put_vit(t);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            const int length = (int)(strchr(fields[i], ':') - fields[i]);
            snprintf(to, sizeof to, "%.*s: %s", length, fields[i], values[k]);
            snprintf(name, sizeof name, "%.*s: expected", length - 2, fields[i] + 1);
            replaced(t, fields[i], to, name);
        }
    replaced(t, "\"patch_size\": 4", "\"patch_size\": 5", "patch_size: expected a divisor of image_size");
    replaced(t, "\"image_size\": 16", "\"image_size\": 20",
             "tensor embeddings.position_embeddings is F32 (1, 17, 128), expected F32 (1, 26, 128)");
    replaced(t, "\"patch_size\": 4", "\"patch_size\": 8", "expected F32 (1, 5, 128)");
    assert_refused(
        t,
        "{\"model_type\": \"vit\", \"intermediate_size\": 512, \"hidden_size\": 128, "
        "\"num_hidden_layers\": 4, \"num_attention_heads\": 4, \"image_size\": 4096, \"patch_size\": 1}",
        TACIT_UNSUPPORTED, "patch_size: pictures of 4096 pixels a side have 16777216 patches");
}

static void hostile_preprocessors(void **state)
{
    static const char *const rows[][2] = {
        {"{\"size\": 0}", "size: expected a whole number from 8 to 4096"},
        {"{\"size\": {\"height\": 16, \"width\": 24}}", "size: expected the side of a square"},
        {"{\"size\": {\"shortest_edge\": \"16\"}}", "size: expected a whole number"},
        {"{\"size\": 18}", "size: expected a multiple of config.json's patch_size"},
        {"{\"size\": 24, \"crop_size\": 1e9}", "crop_size: expected"},
        {"{\"image_mean\": [0.5, 0.5]}", "image_mean: expected 3 numbers"},
        {"{\"image_std\": [0.5, 0, 0.5]}", "image_std: expected 3 numbers from 1e-06 to 1e+06"},
        {"{\"image_std\": [0.5, \"1\", 0.5]}", "image_std: expected 3 numbers"},
        {"{\"image_mean\": 0.5}", "image_mean: expected 3 numbers"},
        {"{\"do_rescale\": 1}", "do_rescale: expected true or false"},
        {"{", "not JSON"}};
    trial *t = *state;
    put_vit(t);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(t, "preprocessor_config.json", rows[i][0]);
        assert_refused(t, vit_config, TACIT_FORMAT, rows[i][1]);
        assert_fails(t->context, TACIT_FORMAT, TACIT_FORMAT, "preprocessor_config.json");
    }
    put(t, "preprocessor_config.json", "{\"rescale_factor\": 1.0}");
    assert_refused(t, vit_config, TACIT_UNSUPPORTED, "rescale_factor: expected pixels from 0 to 1");
    put(t, "preprocessor_config.json", "{\"do_normalize\": false, \"size\": null}");
    put(t, "config.json", vit_config);
    tacit_model *m = open_model(t, t->folder);
    assert_near(m->record.mean[1], 0, 0, 0);
    assert_near(m->record.deviation[1], 1, 0, 0);
    tacit_model_close(m);
}

/* What is of no method does nothing that takes one. */
static void an_encoder_alone(void **state)
{
    trial *t = *state;
    tacit_config *c;
    tacit_model_info info;
    put_vit(t);
    assert_fails(t->context, tacit_config_create(&c, t->context, "encoder"), TACIT_ARGUMENT,
                 "encoder is no method to train with");
    assert_ok(t->context, tacit_info_read(t->context, t->folder, &info));
    assert_string_equal(info.method, "encoder");
    assert_string_equal(info.family, "trained elsewhere");
    assert_int_equal(info.examples, 0);
    assert_fails(t->context, tacit_resume(t->context, t->folder, NULL, NULL, NULL), TACIT_ARGUMENT,
                 "was trained by another program");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_trial, close_trial)
        TEST(vit_as_transformers),
        TEST(dinov2_as_transformers),
        TEST(mae_as_transformers),
        TEST(there_and_back),
        TEST(fixed_positions_become_a_table),
        TEST(biases_that_are_not_there),
        TEST(positions_that_are_not_fixed),
        TEST(without_memory),
        TEST(changed_letters),
        TEST(others_are_refused),
        TEST(hostile_sizes),
        TEST(hostile_preprocessors),
        TEST(an_encoder_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
