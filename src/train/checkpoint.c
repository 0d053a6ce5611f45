#include "train/checkpoint.h"

#include "base/file.h"
#include "base/text.h"
#include "model/safetensors.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static const char prefix[] = "step-", suffix[] = ".safetensors";

/* The step in a checkpoint's file name, or -1. */
static int64_t step_of(const char *name)
{
    char digits[32];
    int64_t step;
    const size_t length = strlen(name), around = strlen(prefix) + strlen(suffix);
    if (length <= around || length - around >= sizeof digits || strncmp(name, prefix, strlen(prefix)) != 0 ||
        strcmp(name + length - strlen(suffix), suffix) != 0)
        return -1;
    memcpy(digits, name + strlen(prefix), length - around);
    digits[length - around] = '\0';
    return text_to_int64(digits, &step) && step >= 0 ? step : -1;
}

static char *path_of(tacit_context *context, const char *folder, int64_t step)
{
    char name[64];
    snprintf(name, sizeof name, "%s%09lld%s", prefix, (long long)step, suffix);
    return path_join(context, folder, name);
}

/* The newest step below `before` that has a checkpoint, or -1. */
static int64_t newest(const char *folder, int64_t before)
{
    DIR *d = opendir(folder);
    int64_t best = -1;
    for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        const int64_t step = step_of(e->d_name);
        if (step > best && step < before)
            best = step;
    }
    if (d)
        closedir(d);
    return best;
}

/* Deletes what is older than the newest `keep`. A file that can not be deleted does no harm. */
static void prune(tacit_context *context, const char *folder, int keep)
{
    int64_t step = INT64_MAX;
    for (int i = 0; step >= 0; i++) {
        step = newest(folder, step);
        char *path = step >= 0 && i >= keep ? path_of(context, folder, step) : NULL;
        if (path)
            remove(path);
        memory_free(context, path);
    }
}

enum { MOST_TENSORS = 1 + OPTIMIZER_BLOCKS + METHOD_BLOCKS };

/* The tensors of a checkpoint: "parameters", "state.0", ..., "method.NAME", ... */
static size_t list_tensors(const checkpoint *c, named_tensor *out)
{
    const shape s = shape_1(c->parameters->size);
    size_t count = 0;
    out[count++] =
        (named_tensor){.name = "parameters", .tensor = tensor_of(DTYPE_F32, s, c->parameters->block)};
    for (int i = 0; i < c->blocks; i++) {
        snprintf(out[count].name, sizeof out[count].name, "state.%d", i);
        out[count++].tensor = tensor_of(DTYPE_F32, s, c->state[i]);
    }
    for (int i = 0; i < c->method_blocks; i++) {
        const state_block *b = &c->method[i];
        snprintf(out[count].name, sizeof out[count].name, "method.%s", b->name);
        out[count++].tensor = tensor_of(DTYPE_F32, shape_1(b->count), b->data);
    }
    return count;
}

tacit_status checkpoint_write(tacit_context *context, const char *folder, const checkpoint *c, int keep)
{
    named_tensor tensors[MOST_TENSORS] = {0};
    char step[32];
    snprintf(step, sizeof step, "%lld", (long long)c->step);
    const metadata_entry metadata[] = {
        {"format", "tacit checkpoint"}, {"optimizer", c->optimizer}, {"step", step}};
    char *path = path_of(context, folder, c->step);
    if (!path)
        return TACIT_NOMEM;
    const size_t count = list_tensors(c, tensors);
    const tacit_status status =
        safetensors_write(context, path, tensors, count, metadata, sizeof metadata / sizeof *metadata);
    if (status == TACIT_OK)
        prune(context, folder, keep);
    memory_free(context, path);
    return status;
}

static tacit_status load(tacit_context *context, const char *path, const safetensors_file *f, checkpoint *c)
{
    named_tensor tensors[MOST_TENSORS] = {0};
    const size_t count = list_tensors(c, tensors);
    const char *name = safetensors_metadata(f, "optimizer"), *step = safetensors_metadata(f, "step");
    if (!name || strcmp(name, c->optimizer) != 0 || !step || !text_to_int64(step, &c->step) || c->step < 0)
        return context_fail(context, TACIT_FORMAT, "%s: not a checkpoint of this run: expected a step of %s",
                            path, c->optimizer);
    for (size_t i = 0; i < count; i++) {
        const named_tensor *found = safetensors_find(f, tensors[i].name);
        if (!found || strcmp(found->dtype_name, "F32") != 0 ||
            !shape_equal(found->tensor.shape, tensors[i].tensor.shape))
            return context_fail(context, TACIT_FORMAT,
                                "%s: not a checkpoint of this run: expected %lld numbers of %s", path,
                                (long long)shape_count(tensors[i].tensor.shape), tensors[i].name);
        memcpy(tensors[i].tensor.data, found->tensor.data, found->size);
    }
    return TACIT_OK;
}

tacit_status checkpoint_read(tacit_context *context, const char *folder, checkpoint *c)
{
    const int64_t step = newest(folder, INT64_MAX);
    c->step = 0;
    if (step < 0)
        return TACIT_OK;
    char *path = path_of(context, folder, step);
    if (!path)
        return TACIT_NOMEM;
    safetensors_file f;
    tacit_status status = safetensors_read(&f, context, path, 0);
    if (status == TACIT_OK) {
        status = load(context, path, &f, c);
        safetensors_close(&f);
    }
    memory_free(context, path);
    return status;
}
