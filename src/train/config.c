/* The table of common settings, and the rules behind "auto". */
#include "train/config.h"

#include "base/memory.h"
#include "base/text.h"
#include "train/lanes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WHOLE(name, low, high, fallback, unit, text, group)                                                  \
    {                                                                                                        \
        name, SETTING_WHOLE, low, high, NULL, fallback, unit, text, group                                    \
    }
#define NUMBER(name, low, high, fallback, unit, text, group)                                                 \
    {                                                                                                        \
        name, SETTING_NUMBER, low, high, NULL, fallback, unit, text, group                                   \
    }
#define CHOICE(name, choices, fallback, text, group)                                                         \
    {                                                                                                        \
        name, SETTING_CHOICE, 0, 0, choices, fallback, "", text, group                                       \
    }
#define FLAG(name, text, group)                                                                              \
    {                                                                                                        \
        name, SETTING_FLAG, 0, 0, NULL, "false", "", text, group                                             \
    }

static const char encoders[] =
    "vit-nano|vit-micro|vit-tiny|vit-small|vit-base|vit-large|resnet-10|resnet-18|resnet-50|mlp|gpt-nano|"
    "gpt-micro|gpt-small|bert-nano|bert-micro|bert-small";

static const setting common[] = {
    CHOICE(
        "encoder", encoders, "auto",
        "network that is trained; auto: vit-nano for pictures, mlp for tables, of texts gpt-nano where words "
        "are predicted in order, else bert-nano",
        "model"),
    NUMBER("width", 0.0625, 4, "1", "", "resnets: channels of each layer, as a share", "model"),
    WHOLE("size", 8, 4096, "auto", "pixels",
          "side of the pictures the encoder sees; auto: the data's own (of different ones the usual), up to "
          "224",
          "model"),
    WHOLE("view-size", 8, 4096, "auto", "pixels",
          "resnets, contrastive methods: side of the views that are learnt from, if not --size; smaller ones "
          "take less time, and things look larger in a crop than in the whole",
          "model"),
    WHOLE("patch", 1, 256, "auto", "pixels", "side of a patch; auto: by the size and the method", "model"),
    CHOICE("readout", "mean|class|grid2|grid3|grid4", "auto",
           "embedding: mean of the patch tokens, the class token, or means over regions; auto: by the method",
           "model"),
    CHOICE("positions", "sincos|learned|rotary", "auto",
           "how a token knows its place: fixed sines and cosines (pictures), learnt numbers, or rotations "
           "(texts); auto: sincos of pictures, learned of texts",
           "model"),
    NUMBER(
        "norm-epsilon", 1e-12, 0.1, "auto", "",
        "transformers: what is added to the variance in a layer norm; auto: 1e-6 of pictures, 1e-5 of texts",
        "model"),
    NUMBER("layer-scale", 0, 10, "0", "",
           "transformers of pictures: first value of a learnt factor on what each part of a block adds; 0: "
           "none",
           "model"),
    CHOICE("tokenizer", "bytes|chars|bpe", "bpe", "texts: what a token is", "text"),
    WHOLE("vocab", 2, 1 << 22, "auto", "tokens",
          "texts: how many different tokens; auto: 8192 of bpe, else those that there are", "text"),
    WHOLE("window", 2, 65536, "auto", "tokens",
          "texts: tokens that the encoder sees at once; auto: 128, of contrastive methods 64", "text"),
    NUMBER("dropout", 0, 0.9, "auto", "",
           "texts: share of the numbers between layers that a step is without; auto: 0, of contrastive "
           "methods 0.1, "
           "by which the views of a text differ",
           "text"),
    NUMBER("validation", 0, 0.5, "0.1", "",
           "texts whose words are predicted: share that is kept apart, at the end, to measure on", "text"),
    NUMBER("drop-words", 0, 0.9, "0", "", "contrastive methods: share of the tokens that a view is without",
           "text"),
    WHOLE("epochs", 1, 1000000, "auto", "epochs", "passes over the data; auto: 20, or what max-steps take",
          "training"),
    WHOLE("max-steps", 0, 1e12, "0", "steps", "stop after this many steps; 0: as epochs say", "training"),
    WHOLE("batch", 2, 1 << 24, "auto", "examples",
          "examples of a step; auto: 256, of texts 32 windows, less if there are fewer", "training"),
    WHOLE("lane", 1, 1 << 20, "auto", "examples",
          "examples that one worker takes through the network at a time", "training"),
    WHOLE("leaf", 1, 1 << 20, "auto", "lanes", "lanes whose gradients one worker accumulates", "training"),
    CHOICE("optimizer", "adamw|lars|sgd", "adamw", "how a gradient becomes a step", "training"),
    NUMBER("lr", 0, 1e6, "auto", "",
           "learning rate at its peak; auto: the method's own for 256 examples, times batch/256; where words "
           "are "
           "predicted the method's own times 128/width",
           "training"),
    NUMBER("base-lr", 0, 1e6, "0.001", "",
           "learning rate for 256 examples, or a width of 128, from which auto is made", "training"),
    NUMBER("last-lr", 0, 1e6, "0", "", "learning rate at the end of the cosine", "training"),
    NUMBER("warmup", 0, 1, "0.05", "", "share of all steps in which the rate rises from 0", "training"),
    NUMBER("momentum", 0, 0.99999, "0.9", "", "of sgd and lars; beta 1 of adamw", "training"),
    NUMBER("beta2", 0, 0.9999999, "0.999", "", "beta 2 of adamw", "training"),
    NUMBER("weight-decay", 0, 100, "0.05", "", "on matrices only: not on biases, norms, tokens", "training"),
    NUMBER("trust", 0, 10, "0.001", "", "lars: step of a matrix as a share of its norm", "training"),
    NUMBER("layer-decay", 0, 1, "1", "", "rate of a layer as a share of the next one's, from the last one on",
           "training"),
    NUMBER("clip", 0, 1e9, "0", "", "largest norm of a gradient; 0: no limit", "training"),
    WHOLE("seed", 0, 9007199254740992.0, "1", "", "of all random numbers", "training"),
    NUMBER("checkpoint-minutes", 0, 1e6, "10", "minutes",
           "time between checkpoints; one more at each epoch's end", "files"),
    WHOLE("keep", 1, 1000, "2", "checkpoints", "how many of the newest checkpoints stay", "files"),
    WHOLE("samples", 0, 64, "8", "rows", "examples on a sheet of samples; 0: no sheets", "files"),
    {"split", SETTING_TEXT, 0, 0, NULL, "train", "", "part of the data, where it has parts", "data"},
    WHOLE("limit", 0, 9e15, "0", "examples", "first N examples only; 0: all", "data"),
    WHOLE("pixel-limit", 0, 9e15, "0", "pixels", "largest picture that is decoded; 0: 178,956,970", "data"),
    FLAG("skip-bad", "leave out unreadable examples, count and list them", "data"),
    {"cache", SETTING_SIZE, 0, 9e18, NULL, "auto", "bytes",
     "decoded examples kept in memory; auto: a quarter of it", "data"},
    {"memory", SETTING_SIZE, 0, 9e18, NULL, "auto", "bytes",
     "contrastive methods: activations kept between forward and backward; with less, lanes are run twice, to "
     "the same bits; auto: half of memory. Other methods keep one lane a worker, whatever this says",
     "machine"},
    WHOLE("threads", 0, 1024, "0", "threads",
          "workers; 0: one for each processor. The result does not depend on it", "machine"),
    CHOICE("header", "auto|yes|no", "auto", "tables: the first row names the columns; auto: if it looks so",
           "data"),
    {"label", SETTING_TEXT, 0, 0, NULL, "", "",
     "tables: column of the label, by name or number from 1; it is not learnt from", "data"},
    {"group", SETTING_TEXT, 0, 0, NULL, "", "",
     "which examples belong together: of tables a column, of pictures a CSV of name and group; not learnt "
     "from",
     "data"},
    CHOICE("unit", "auto|file|line", "auto",
           "texts: what one of them is; auto: by the method; JSON lines: a record", "data"),
    {"field", SETTING_TEXT, 0, 0, NULL, "", "", "JSON lines: field of the text; default text", "data"},
    {"pair", SETTING_TEXT, 0, 0, NULL, "", "",
     "JSON lines: field of a second text that belongs to the first: the other view of contrastive methods",
     "data"},
    FLAG("bytes", "texts: any file as it is, byte for byte", "data"),
    {"only", SETTING_TEXT, 0, 0, NULL, "", "", "labels whose examples are kept, commas between; empty: all",
     "data"},
    CHOICE("augment", "contrastive|prediction|none", "contrastive", "strong views, mild views, or none",
           "augmentation"),
    CHOICE(
        "positives", "augment|group|both|pair", "augment",
        "contrastive methods: the two views of a pair are of one example, of two of a group (sub-folder or "
        "label of pictures, --group of tables), or either by a coin; pair: of texts, the two of --pair, and "
        "the "
        "default there",
        "augmentation"),
    CHOICE("preset", "photo|small-colour|small-grey", "auto",
           "kind of pictures; auto: from their size and channels", "augmentation"),
    NUMBER("corrupt", 0, 1, "auto", "",
           "tables: share of the columns that a view gets from other rows; auto: 0.6, of denoise 0.3, with "
           "--augment "
           "none 0",
           "augmentation"),
};

/* One row for each part of augment_settings: overrides of the preset. */
typedef struct augment_row {
    setting row;
    size_t offset;
} augment_row;

#define PART(name, field, low, high, text)                                                                   \
    {                                                                                                        \
        NUMBER(name, low, high, "auto", "", text, "augmentation"), offsetof(augment_settings, field)         \
    }

static const augment_row augment_rows[] = {
    PART("crop-min", crop_min, 0.001, 1, "smallest area of the random crop, as a share"),
    PART("crop-max", crop_max, 0.001, 1, "largest area of the random crop"),
    PART("aspect-min", aspect_min, 0.1, 10, "smallest width over height of the crop"),
    PART("aspect-max", aspect_max, 0.1, 10, "largest width over height of the crop"),
    PART("flip", flip, 0, 1, "probability of mirroring left and right"),
    PART("jitter", jitter, 0, 1, "probability of the colour jitter"),
    PART("brightness", brightness, 0, 1, "strength of the brightness jitter"),
    PART("contrast", contrast, 0, 1, "strength of the contrast jitter"),
    PART("saturation", saturation, 0, 1, "strength of the saturation jitter"),
    PART("hue", hue, 0, 0.5, "strength of the hue jitter, in turns"),
    PART("grayscale", grayscale, 0, 1, "probability of losing all colour"),
    PART("blur", blur, 0, 1, "probability of a Gaussian blur"),
    PART("blur-min", blur_min, 0, 100, "smallest sigma of the blur, pixels"),
    PART("blur-max", blur_max, 0, 100, "largest sigma of the blur, pixels"),
    PART("solarize", solarize, 0, 1, "probability of inverting the bright half"),
    PART("affine", affine, 0, 1, "probability of a small rotation, shift and shear"),
    PART("rotate", rotate, 0, 180, "largest rotation, degrees"),
    PART("translate", translate, 0, 1, "largest shift, as a share of the side"),
    PART("shear", shear, 0, 60, "largest shear, degrees"),
    PART("erase", erase, 0, 1, "probability of erasing a rectangle"),
    PART("erase-min", erase_min, 0, 1, "smallest area of the rectangle, as a share"),
    PART("erase-max", erase_max, 0, 1, "largest area of the rectangle"),
};

enum { AUGMENT_ROWS = sizeof augment_rows / sizeof *augment_rows };

static tacit_status add_method_row(settings *s, tacit_context *context, const char *name)
{
    static const setting row = {"method", SETTING_TEXT, 0, 0, NULL, "", "", "what is learnt", "model"};
    const char *names[64];
    size_t count = 0;
    for (int i = 0; objectives[i] && count < 64; i++)
        if (objective_is_offered(objectives[i]))
            names[count++] = objectives[i]->name;
    if (!objective_find(name)) {
        const char *near = text_nearest(name, names, count);
        return context_fail(context, TACIT_ARGUMENT, "unknown method \"%s\"%s%s%s", name,
                            near ? ": did you mean " : "", near ? near : "",
                            near ? "?" : ": see `tacit methods`");
    }
    TRY(settings_add(s, &row, 1));
    return settings_set(s, "method", name);
}

static tacit_status add_tables(settings *s, tacit_context *context, const char *name)
{
    TRY(add_method_row(s, context, name));
    TRY(settings_add(s, common, sizeof common / sizeof *common));
    for (size_t i = 0; i < AUGMENT_ROWS; i++)
        TRY(settings_add(s, &augment_rows[i].row, 1));
    const objective *o = objective_find(name);
    TRY(settings_add(s, o->settings, o->setting_count));
    for (const default_value *d = o->defaults; d->name; d++)
        TRY(settings_default(s, d->name, d->text));
    return TACIT_OK;
}

tacit_status config_create(settings **out, tacit_context *context, const char *name)
{
    TRY(settings_create(out, context));
    const tacit_status status = add_tables(*out, context, name);
    if (status != TACIT_OK) {
        settings_destroy(*out);
        *out = NULL;
    }
    return status;
}

/* ---- from the data ---- */

/* Of pictures of different sizes the usual one, so that patches divide it. */
static int64_t default_size(const dataset *d)
{
    const int own = d->height < d->width ? d->height : d->width, step = d->side <= 96 ? 8 : 16;
    if (own)
        return own < 224 ? own : 224;
    if (d->side == 0 || d->side >= 224)
        return 224;
    return d->side <= step ? step : (d->side + step / 2) / step * step;
}

/* A method that hides patches wants many of them; others need fewer, and their steps cost less for it. */
static int64_t default_patch(int64_t size, bool fine)
{
    const int64_t small = fine ? 4 : size / 4;
    int64_t patch = size <= 32 ? small : (size <= 96 ? 8 : 16);
    while (patch > 1 && size % patch)
        patch--;
    return patch;
}

/* Regions as fine as helps the method (docs/METHODS.md has the measurements) and the patches allow. */
static const char *default_readout(int64_t patches, const objective *o)
{
    if (patches < 2)
        return "mean";
    if (o->family == CONTRASTIVE || patches < 3)
        return "grid2";
    return o->fine || patches < 4 ? "grid3" : "grid4";
}

/* Residual networks end in one mean, as they were published. */
static const char *readout_of(const settings *s, int64_t patches, const objective *o)
{
    return encoder_find(settings_text(s, "encoder"))->scalable ? "mean" : default_readout(patches, o);
}

static tacit_status check_size(const settings *s, tacit_context *context)
{
    const int64_t size = settings_whole(s, "size"), patch = settings_whole(s, "patch");
    if (size % patch)
        return context_fail(context, TACIT_ARGUMENT, "--patch %lld does not divide --size %lld",
                            (long long)patch, (long long)size);
    return TACIT_OK;
}

/* Weights that fit pictures of either side: those of a convolutional encoder, by what compares embeddings. */
static tacit_status check_view_size(const settings *s, tacit_context *context, const objective *o)
{
    const int64_t size = settings_whole(s, "size"), view = settings_whole(s, "view-size");
    const char *network = settings_text(s, "encoder");
    if (view == size)
        return TACIT_OK;
    if (view > size)
        return context_fail(context, TACIT_ARGUMENT, "--view-size %lld: expected at most --size, %lld",
                            (long long)view, (long long)size);
    if (o->family != CONTRASTIVE || !encoder_find(network)->scalable)
        return context_fail(context, TACIT_ARGUMENT,
                            "--view-size %lld: %s of %s sees pictures of --size %lld only: expected a resnet "
                            "and a contrastive method",
                            (long long)view, o->name, network, (long long)size);
    if ((view <= ENCODER_SMALL_SIDE) != (size <= ENCODER_SMALL_SIDE))
        return context_fail(context, TACIT_ARGUMENT,
                            "--view-size %lld: %s begins in another way for --size %lld: expected both up to "
                            "%d, or both above",
                            (long long)view, network, (long long)size, ENCODER_SMALL_SIDE);
    return TACIT_OK;
}

static augment_settings no_augmentation(void)
{
    return (augment_settings){.crop_min = 1, .crop_max = 1, .aspect_min = 1, .aspect_max = 1};
}

static tacit_status resolve_augment(settings *s)
{
    const augment_preset *preset = augment_preset_find(settings_text(s, "preset"));
    const char *strength = settings_text(s, "augment");
    augment_settings a = no_augmentation();
    if (strcmp(strength, "contrastive") == 0)
        a = preset->contrastive;
    else if (strcmp(strength, "prediction") == 0)
        a = preset->prediction;
    for (size_t i = 0; i < AUGMENT_ROWS; i++) {
        float part;
        memcpy(&part, (const char *)&a + augment_rows[i].offset, sizeof part);
        TRY(settings_resolve_number(s, augment_rows[i].row.name, (double)part));
    }
    return TACIT_OK;
}

const char *const config_of_encoders[] = {"encoder",   "width",        "size",        "patch", "readout",
                                          "positions", "norm-epsilon", "layer-scale", NULL};
const char *const config_of_words[] = {"tokenizer", "vocab", "window", NULL};

/* A setting of another kind of data is not passed over when a user asks for it. */
static tacit_status refuse(const settings *s, tacit_context *context, const char *name, const char *kind,
                           const char *other)
{
    if (!settings_is_set(s, name) || settings_is_auto(s, name))
        return TACIT_OK;
    return context_fail(context, TACIT_ARGUMENT, "--%s is for %s, but the data are %s", name, kind, other);
}

static tacit_status refuse_all(const settings *s, tacit_context *context, const char *const *names,
                               const char *kind, const char *other)
{
    for (; *names; names++)
        TRY(refuse(s, context, *names, kind, other));
    return TACIT_OK;
}

static const char of_pictures[] = "pictures", of_rows[] = "rows of a table", of_texts[] = "texts";

static tacit_status refuse_pictures(const settings *s, tacit_context *context, const char *other)
{
    static const char *const names[] = {"size", "view-size", "patch", "preset", "pixel-limit", NULL};
    TRY(refuse_all(s, context, names, of_pictures, other));
    for (size_t i = 0; i < AUGMENT_ROWS; i++)
        TRY(refuse(s, context, augment_rows[i].row.name, of_pictures, other));
    return TACIT_OK;
}

static tacit_status refuse_texts(const settings *s, tacit_context *context, const char *other)
{
    static const char *const names[] = {"tokenizer",  "vocab",      "window", "dropout",
                                        "validation", "drop-words", "unit",   NULL};
    return refuse_all(s, context, names, of_texts, other);
}

/* Those of a transformer; of others they stay "auto". */
static tacit_status resolve_transformer(settings *s)
{
    const encoder_kind *kind = encoder_find(settings_text(s, "encoder"));
    if (kind->heads == 0)
        return TACIT_OK;
    TRY(settings_resolve(s, "positions", kind->words ? "learned" : "sincos"));
    return settings_resolve_number(s, "norm-epsilon", kind->words ? 1e-5 : 1e-6);
}

static tacit_status resolve_rows(settings *s, tacit_context *context)
{
    TRY(refuse(s, context, "readout", of_pictures, of_rows));
    TRY(refuse_pictures(s, context, of_rows));
    TRY(refuse_texts(s, context, of_rows));
    TRY(settings_resolve(s, "encoder", "mlp"));
    /* SCARF's share, and VIME's. */
    const bool contrastive = objective_find(settings_text(s, "method"))->family == CONTRASTIVE;
    const bool none = strcmp(settings_text(s, "augment"), "none") == 0;
    return settings_resolve_number(s, "corrupt", none ? 0.0 : (contrastive ? 0.6 : 0.3));
}

static tacit_status resolve_texts(settings *s, tacit_context *context, bool paired)
{
    const objective *o = objective_find(settings_text(s, "method"));
    TRY(refuse_pictures(s, context, of_texts));
    TRY(refuse(s, context, "corrupt", of_rows, of_texts));
    if (!o->stream && o->family == SELF_PREDICTION)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s does not learn from texts: use next-word, masked-word, "
                            "or a contrastive method",
                            o->name);
    if (paired && o->family == CONTRASTIVE)
        TRY(settings_default(s, "positives", "pair"));
    for (const default_value *d = o->text_defaults; d && d->name; d++)
        TRY(settings_default(s, d->name, d->text));
    TRY(settings_resolve(s, "encoder", o->ahead ? "gpt-nano" : "bert-nano"));
    TRY(settings_resolve(s, "readout", "mean"));
    TRY(settings_resolve_whole(s, "window", o->stream ? 128 : 64));
    TRY(settings_resolve_number(s, "dropout", o->family == CONTRASTIVE ? 0.1 : 0.0));
    if (encoder_find(settings_text(s, "encoder"))->words)
        return resolve_transformer(s);
    return context_fail(context, TACIT_ARGUMENT,
                        "--encoder %s does not take texts: use gpt-nano or bert-nano",
                        settings_text(s, "encoder"));
}

tacit_status config_resolve_data(settings *s, tacit_context *context, const dataset *d)
{
    const objective *o = objective_find(settings_text(s, "method"));
    if (o->stream && !d->texts)
        return context_fail(context, TACIT_ARGUMENT, "%s learns from texts, but the data are %s", o->name,
                            dataset_kind(d));
    if (d->table)
        return resolve_rows(s, context);
    if (d->texts)
        return resolve_texts(s, context, d->paired);
    TRY(refuse(s, context, "corrupt", of_rows, of_pictures));
    TRY(refuse_texts(s, context, of_pictures));
    TRY(settings_resolve(s, "encoder", "vit-nano"));
    TRY(settings_resolve_whole(s, "size", default_size(d)));
    const int64_t size = settings_whole(s, "size");
    TRY(settings_resolve_whole(s, "view-size", size));
    TRY(check_view_size(s, context, o));
    TRY(settings_resolve_whole(s, "patch", default_patch(size, o->fine)));
    TRY(check_size(s, context));
    TRY(settings_resolve(s, "readout", readout_of(s, size / settings_whole(s, "patch"), o)));
    TRY(resolve_transformer(s));
    return config_resolve_look(s, d->channels);
}

tacit_status config_resolve_look(settings *s, int channels)
{
    TRY(settings_resolve(s, "preset", augment_preset_for((int)settings_whole(s, "size"), channels)->name));
    return resolve_augment(s);
}

augment_settings config_augment(const settings *s)
{
    augment_settings a = no_augmentation();
    for (size_t i = 0; i < AUGMENT_ROWS; i++) {
        const float part = (float)settings_number(s, augment_rows[i].row.name);
        memcpy((char *)&a + augment_rows[i].offset, &part, sizeof part);
    }
    return a;
}

/* What predicts words takes files whole; what compares texts, line by line. */
static const char *unit_of(const settings *s)
{
    const char *unit = settings_text(s, "unit");
    if (strcmp(unit, "auto") != 0)
        return unit;
    return objective_find(settings_text(s, "method"))->stream ? "file" : "line";
}

dataset_options config_dataset_options(const settings *s)
{
    return (dataset_options){.split = settings_text(s, "split"),
                             .limit = settings_whole(s, "limit"),
                             .pixel_limit = settings_whole(s, "pixel-limit"),
                             .skip_bad = settings_flag(s, "skip-bad"),
                             .header = settings_text(s, "header"),
                             .label = settings_text(s, "label"),
                             .group = settings_text(s, "group"),
                             .only = settings_text(s, "only"),
                             .unit = unit_of(s),
                             .field = settings_text(s, "field"),
                             .pair = settings_text(s, "pair"),
                             .any_bytes = settings_flag(s, "bytes"),
                             .cache_bytes =
                                 settings_is_auto(s, "cache") ? UINT64_MAX : settings_size(s, "cache")};
}

/* ---- from the learner ---- */

static tacit_status resolve_size(settings *s, const char *name, uint64_t bytes)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    return settings_resolve(s, name, text);
}

/* As many as `most` steps take, if they are asked for. */
static int64_t default_epochs(int64_t most, int64_t epoch_steps)
{
    return most > 0 ? (most + epoch_steps - 1) / epoch_steps : 20;
}

/* In proportion to the batch; of words, whose batches are of tokens, to the width, downwards: what is right
 * for 128 then becomes what GPT-2 was trained with at 768. */
static double rate_scale(const learner *l, int64_t batch)
{
    if (l->method.objective->stream)
        return 128.0 / (double)l->encoder->kind->width;
    return (double)batch / 256.0;
}

tacit_status config_resolve_training(settings *s, tacit_context *context, const learner *l, int64_t examples)
{
    if (examples < 2)
        return context_fail(context, TACIT_ARGUMENT, "training needs at least 2 examples, the data have %lld",
                            (long long)examples);
    const int64_t wanted = l->method.objective->stream ? 32 : 256;
    TRY(settings_resolve_whole(s, "batch", examples < wanted ? examples : wanted));
    const int64_t batch = settings_whole(s, "batch");
    if (batch > examples)
        return context_fail(context, TACIT_ARGUMENT,
                            "--batch %lld is more than the %lld examples of the data", (long long)batch,
                            (long long)examples);
    TRY(settings_resolve_whole(s, "epochs",
                               default_epochs(settings_whole(s, "max-steps"), examples / batch)));
    TRY(settings_resolve_whole(s, "lane", lanes_default_lane(l, batch)));
    TRY(settings_resolve_whole(s, "leaf", lanes_default_leaf(l, batch, settings_whole(s, "lane"))));
    TRY(settings_resolve_number(s, "lr", settings_number(s, "base-lr") * rate_scale(l, batch)));
    return resolve_size(s, "memory", memory_physical() / 2);
}
