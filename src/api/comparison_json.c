/* report.json: the numbers of a comparison for programs. */
#include "api/comparison.h"
#include "base/file.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *known(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *describe_scores(const tacit_scores *s)
{
    static const char *const names[TACIT_FEW_LABELS] = {"labels_1", "labels_5", "labels_10", "labels_100"};
    json_t *object = json_pack("{s:o, s:o}", "knn", known(s->knn), "linear", known(s->linear));
    for (int i = 0; i < TACIT_FEW_LABELS; i++)
        json_object_set_new(object, names[i],
                            json_pack("[o, o]", known(s->few_mean[i]), known(s->few_deviation[i])));
    return object;
}

static json_t *describe_restoration(const tacit_restoration *r)
{
    return json_pack("{s:o, s:o, s:s, s:o}", "damaged", known(r->damaged.psnr), "classical",
                     known(r->classical.psnr), "filter", r->filter, "restored", known(r->restored.psnr));
}

static json_t *describe_curve(const compared *m)
{
    json_t *curve = json_array();
    for (int i = 0; i < m->curve_count; i++)
        json_array_append_new(curve, known(m->curve[i]));
    return curve;
}

static json_t *describe_method(const compared *m)
{
    json_t *training =
        json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "steps", (json_int_t)m->steps, "examples",
                  known(m->examples), "seconds", known(m->seconds), "bytes", known(m->bytes), "spread",
                  known(m->spread), "effective_rank", known(m->effective_rank), "loss", describe_curve(m));
    json_t *uses =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "precision",
                  known(m->retrieval.learnt.precision), "average_precision",
                  known(m->retrieval.learnt.average_precision), "groups", json_integer(m->clusters.groups),
                  "nmi", known(m->clusters.learnt.nmi), "raw_nmi", known(m->clusters.pixels.nmi), "odd_auroc",
                  known(m->odd), "trustworthiness", known(m->map.tsne.trustworthiness), "noise",
                  describe_restoration(&m->noise), "holes", describe_restoration(&m->holes));
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "method", m->method, "family",
                     m->family, "encoder", m->encoder, "run", m->run, "parameters", (json_int_t)m->parameters,
                     "dimension", (json_int_t)m->dimension, "training", training, "model",
                     describe_scores(&m->evaluation.learnt), "raw", describe_scores(&m->evaluation.pixels),
                     "untrained", describe_scores(&m->evaluation.untrained), "uses", uses);
}

static json_t *describe_all(const comparison *c)
{
    findings f;
    json_t *methods = json_array(), *said = json_array();
    findings_make(c, &f);
    for (int i = 0; i < f.count; i++)
        json_array_append_new(said, json_string(f.text[i]));
    for (int i = 0; i < c->count; i++)
        json_array_append_new(methods, describe_method(&c->of[i]));
    return json_pack("{s:I, s:i, s:o, s:o}", "examples", (json_int_t)c->info.count, "classes",
                     (int)c->info.classes, "findings", said, "methods", methods);
}

tacit_status comparison_write_json(const comparison *c, const char *path)
{
    json_t *object = describe_all(c);
    char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
    const tacit_status status = text ? file_write(c->context, path, text, strlen(text))
                                     : context_fail(c->context, TACIT_UNSUPPORTED,
                                                    "%s: can not be written: a path is not UTF-8", path);
    free(text);
    json_decref(object);
    return status;
}
