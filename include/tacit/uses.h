/* What a trained model is used for, but evaluation: part of tacit.h, which includes it. Programs include
 * tacit.h, whose conventions hold here. */
#ifndef TACIT_USES_H
#define TACIT_USES_H

#ifndef TACIT_H
#error "include tacit.h"
#endif

/* ---- groups ---- */

typedef struct tacit_cluster_options {
    int32_t groups; /* k, 1 to the number of examples; 0 (default): chosen, 2 to `most`, by the largest mean
                       silhouette (Rousseeuw 1987) of a keyed sample of at most 2,000 examples */
    int32_t most;   /* 20 */
    int restarts;   /* of k-means++, the one with the least inertia is kept: 10 */
    int iterations; /* of each, at the most: 100 */
    uint64_t seed;  /* 1 */
    bool baseline;  /* where there are labels, k-means on raw pixels too: true */
} tacit_cluster_options;
TACIT_API tacit_cluster_options tacit_cluster_options_default(void);

/* Agreement of groups with labels, 0 to 1 (ari may be below 0); NAN: not measured. */
typedef struct tacit_agreement {
    double accuracy; /* by the best one-to-one matching of groups to labels */
    double nmi;      /* normalised mutual information, by the arithmetic mean of the entropies */
    double ari;      /* adjusted Rand index */
} tacit_agreement;

typedef struct tacit_clustering {
    int64_t count;     /* N */
    int32_t groups;    /* as asked, or as chosen */
    double silhouette; /* of the chosen number; NAN where it was asked for */
    double inertia;    /* sum of squared distances to the centres */
    tacit_agreement learnt, pixels;
} tacit_clustering;

/* Groups all examples by k-means on the model's embeddings, their columns standardised and their rows of
 * length 1: group (N), 0 .. groups-1 by falling size; distance (N), Euclidean, 0 to 2, to the group's centre.
 * Labels are only used to measure. The same bits for any number of threads. More groups than examples is
 * TACIT_ARGUMENT. */
TACIT_CALL tacit_cluster(tacit_model *model, const tacit_dataset *data, const tacit_cluster_options *options,
                         int32_t *group, double *distance, tacit_clustering *out, tacit_stage_function stage,
                         void *user);

/* What tacit_cluster gave into `folder`, which is made: groups.csv (name, label, group, distance) and
 * groups.png, a row for each of the first 40 groups: the 8 examples nearest to its centre; of texts
 * groups.txt, the beginnings of these. */
TACIT_CALL tacit_cluster_save(tacit_model *model, const tacit_dataset *data, const int32_t *group,
                              const double *distance, int32_t groups, const char *folder);

/* ---- maps ---- */

typedef struct tacit_map_options {
    double perplexity; /* examples that each is kept near to, in effect, 1 to 10,000: 30 */
    int iterations;    /* of t-SNE: 1000 */
    double theta;      /* 0 (exact) to 1: how coarsely what is far away is taken together: 0.5 */
    int neighbours;    /* by which the map is measured: 12 */
    uint64_t seed;     /* of the examples that are measured; the map does not depend on it: 1 */
} tacit_map_options;
TACIT_API tacit_map_options tacit_map_options_default(void);

/* Venna and Kaski 2001, 0 to 1: whether neighbours on the map are neighbours among the embeddings, and the
 * other way round. Mean over all examples, or over a keyed sample of 5,000; NAN: too few examples. */
typedef struct tacit_map_measure {
    double trustworthiness, continuity;
} tacit_map_measure;

typedef struct tacit_mapping {
    int64_t count;     /* N */
    double perplexity; /* as asked, or a third of N - 1 */
    tacit_map_measure tsne, pca;
} tacit_mapping;

/* All examples in two dimensions, pca (N, 2) and tsne (N, 2): the first two principal components of the
 * embeddings, their columns standardised and their rows of length 1, and t-SNE (van der Maaten 2014) that
 * starts from them. Nothing is drawn at random; the same bits for any number of threads. 5 examples or more,
 * embeddings of two numbers or more, else TACIT_ARGUMENT. What `stage` hears is valid
 * during the call. */
TACIT_CALL tacit_map(tacit_model *model, const tacit_dataset *data, const tacit_map_options *options,
                     double *pca, double *tsne, tacit_mapping *out, tacit_stage_function stage, void *user);

/* What tacit_map gave into `folder`, which is made: map.csv (name, label, places), points.png and pca.png (a
 * dot for each example in the colour of its label), and of pictures map.png (thumbnails where there is
 * room). */
TACIT_CALL tacit_map_save(tacit_model *model, const tacit_dataset *data, const double *pca,
                          const double *tsne, const char *folder);

/* ---- odd ones out ---- */

enum { TACIT_ODD_NEIGHBOURS = 0, TACIT_ODD_MAHALANOBIS = 1, TACIT_ODD_PREDICTION = 2, TACIT_ODD_SCORES = 3 };

typedef struct tacit_anomaly_options {
    int neighbours;      /* k of the first score: 5 */
    double false_alarms; /* wanted share of normal examples above the threshold, above 0, below 1: 0.01 */
    int32_t normal;      /* label of the normal class; -1 (default): not known */
    uint64_t seed;       /* of what is held out: 1 */
} tacit_anomaly_options;
TACIT_API tacit_anomaly_options tacit_anomaly_options_default(void);

/* One score. Shares are 0 to 1; NAN: not measured, because normal examples are not known. */
typedef struct tacit_anomaly_measure {
    double threshold;         /* above it is odd */
    int64_t flagged;          /* examples above it */
    double auroc;             /* area under the ROC curve, ties half */
    double average_precision; /* area under precision and recall, by steps */
    double false_alarms;      /* share of the normal examples that are above the threshold */
    double found;             /* share of the others */
} tacit_anomaly_measure;

typedef struct tacit_anomaly {
    int64_t count, fitted, held_out; /* examples that are scored, that are compared with, for the threshold */
    tacit_anomaly_measure measures[TACIT_ODD_SCORES];
} tacit_anomaly;

/* Scores every example of `data` by how odd it is beside the normal examples `fit` (where options->normal is
 * known and fit has labels: those of its examples with that label):
 *   TACIT_ODD_NEIGHBOURS    mean cosine distance of embeddings to the k nearest normal examples
 *   TACIT_ODD_MAHALANOBIS   distance from their mean by their covariance, shrunk after Ledoit and Wolf (2004)
 *   TACIT_ODD_PREDICTION    mean square error of its parts, predicted from the others; NAN: it predicts
 * nothing A keyed fifth of the normal examples is held out, and gives the threshold (split conformal
 * prediction). With `fit` NULL the data are their own reference: an example is not its own neighbour, the
 * covariance is that of all, nothing is held out, and the threshold is above all but the wanted share of the
 * data themselves. scores (TACIT_ODD_SCORES, N), higher is odder; nearest (N, k): examples of `fit` (or
 * data), nearest first. TACIT_ARGUMENT: too few normal examples for k. */
TACIT_CALL tacit_find_odd(tacit_model *model, const tacit_dataset *data, const tacit_dataset *fit,
                          const tacit_anomaly_options *options, double *scores, int64_t *nearest,
                          tacit_anomaly *out, tacit_stage_function stage, void *user);

/* One-class detection, each class in turn: normal are the examples of `fit` with that label (all of them);
 * the AUROC of the examples of `data` with another label against those with this one into
 * auroc (TACIT_ODD_SCORES, classes), classes as `fit` has. Both must have labels, and examples of each. */
TACIT_CALL tacit_find_odd_classes(tacit_model *model, const tacit_dataset *data, const tacit_dataset *fit,
                                  const tacit_anomaly_options *options, double *auroc,
                                  tacit_stage_function stage, void *user);

/* Scores into `folder`, which is made: scores.csv, oddest first by `score` (rank, name, label, odd, the
 * scores, nearest_1 ..), oddest.png: the 16 oddest, each beside its nearest normal examples, and of a model
 * that predicts pictures heat.png: where they could not be. The rest as tacit_find_odd had and gave it. */
TACIT_CALL tacit_find_odd_save(tacit_model *model, const tacit_dataset *data, const tacit_dataset *fit,
                               int score, int neighbours, const double *scores, const int64_t *nearest,
                               const tacit_anomaly *out, const char *folder);

/* How well the error of prediction tells odd pixels from the others: those of all pictures together. */
typedef struct tacit_odd_pixels {
    int64_t pictures, masked; /* N, and how many of them have a mask */
    double odd_share;         /* of the pixels, above 0, below 1 */
    double auroc;             /* 0 to 1: area under the ROC curve, ties half */
    double average_precision; /* 0 to 1; of an error that says nothing it is odd_share */
} tacit_odd_pixels;

/* `masks` are pictures, as large as those of `data` they belong to, white (above half) where these are odd;
 * cut and resized as the model sees pictures, whose pixels are what is counted. A mask belongs to the example
 * of its name, without what follows the last dot and without "_mask", or with a name of which the one is the
 * end of the other behind a slash: "crack/000_mask.png" to "test/crack/000.png". A picture without a mask has
 * no odd pixel; where label `normal` is known (0 or more, else -1) it must be of that label. Takes 49 bytes a
 * pixel. TACIT_ARGUMENT: a model that predicts no pictures; a mask of no example (where all of the data was
 * opened), of several, or of another size, two masks of one, a mask that is missing; no odd pixel, or nothing
 * else. */
TACIT_CALL tacit_measure_odd_pixels(tacit_model *model, const tacit_dataset *data, const tacit_dataset *masks,
                                    int32_t normal, tacit_odd_pixels *out, tacit_stage_function stage,
                                    void *user);

/* ---- classes ---- */

/* What of a classifier learns from labels. */
typedef enum tacit_classify_how {
    TACIT_CLASSIFY_LINEAR,   /* a linear layer on the embeddings; the encoder stays as it is */
    TACIT_CLASSIFY_FINETUNE, /* that, and then encoder and layer together (Kumar et al. 2022, "LP-FT") */
    TACIT_CLASSIFY_SCRATCH   /* both from their random start: to compare with */
} tacit_classify_how;

typedef struct tacit_classify_options {
    tacit_classify_how how; /* TACIT_CLASSIFY_LINEAR */
    int64_t labels;         /* of each class that are learnt from, drawn by the seed; 0 (default): all */
    double held_out; /* 0 to 0.9: share of them kept for the temperature where the encoder learns (that of a
                        linear layer is found by cross-fitting); 0: none, temperature 1: 0.2 */
    uint64_t seed;   /* of the draw, and of the training: 1 */
    const char *const *settings; /* of the training, as of a tacit_config: name, value, ..., NULL; or NULL. By
                                    those that name the data ("split", "limit") it is resumed */
} tacit_classify_options;
TACIT_API tacit_classify_options tacit_classify_options_default(void);

/* NAN: not measured. */
typedef struct tacit_classifier {
    int64_t learnt, held_out; /* examples learnt from, and judged without having been seen */
    int32_t classes;
    double temperature;         /* 1 where nothing could be held out */
    double accuracy;            /* of those judged */
    double error, error_before; /* their expected calibration error with the temperature, and with 1 */
    double l2;                  /* of a linear layer */
} tacit_classifier;

/* Learns to tell the labels of `data` apart and leaves a classifier in folder `head`, which is like a run:
 * config.json, model/ (with classes.json: names and temperature) and, where the encoder learns, metrics.jsonl
 * and checkpoints/. It opens as a model for every use, and for tacit_classify. `train` may be NULL:
 * overwrite, progress and advice. TACIT_CANCELLED: tacit_resume goes on, and finishes the classifier.
 * TACIT_ARGUMENT: data without labels, or fewer than two classes of them. */
TACIT_CALL tacit_classify_fit(tacit_model *model, const tacit_dataset *data, const char *head,
                              const tacit_classify_options *options, const tacit_train_options *train,
                              tacit_classifier *out, tacit_stage_function stage, void *user);

/* Name of class i of a classifier, borrowed. */
TACIT_API const char *tacit_model_class(const tacit_model *model, int32_t i);

/* NAN: not measured. */
typedef struct tacit_classification {
    int64_t count;               /* N */
    int64_t measured, strangers; /* examples with a label that the classifier knows, and with another one */
    double accuracy;
    double error, error_before; /* calibration error (Guo et al. 2017) with the temperature and without */
    double loss;                /* mean -log probability of the label */
} tacit_classification;

/* The class of each example: predicted (N), 0 .. classes-1; probability (N, classes). Where data have labels,
 * which are matched by name: confusion (classes, classes), label by predicted, in examples. `model` must be a
 * classifier, else TACIT_ARGUMENT. */
TACIT_CALL tacit_classify(tacit_model *model, const tacit_dataset *data, int32_t *predicted,
                          float *probability, int64_t *confusion, tacit_classification *out,
                          tacit_stage_function stage, void *user);

/* What tacit_classify gave into `folder`, which is made: predictions.csv (name, label, predicted,
 * probability), and, with a confusion (else NULL), confusion.csv and confusion.png (of up to 200 classes). */
TACIT_CALL tacit_classify_save(const tacit_model *model, const tacit_dataset *data, const int32_t *predicted,
                               const float *probability, const int64_t *confusion, const char *folder);

/* ---- search ---- */

/* Embeddings of a data set, ready to be searched, with the examples' names and labels. */
typedef struct tacit_index tacit_index;

/* Embeds all examples. `model` is kept, `data` is not. */
TACIT_CALL tacit_index_create(tacit_index **out, tacit_model *model, const tacit_dataset *data);
/* An index to a file, whole or not at all, and from it again, without embedding anew. A file that is damaged
 * or no index is TACIT_FORMAT; TACIT_STATE: it was made with another model, or (where `data` is not NULL) of
 * other examples than those of `data`. `model` is kept. */
TACIT_CALL tacit_index_save(const tacit_index *index, const char *path);
TACIT_CALL tacit_index_open(tacit_index **out, tacit_model *model, const tacit_dataset *data,
                            const char *path);
TACIT_API void tacit_index_close(tacit_index *index);

typedef struct tacit_index_info {
    int64_t count, dimension; /* N, D */
    int32_t classes;          /* number of labels; 0: no labels */
} tacit_index_info;
TACIT_API void tacit_index_get_info(const tacit_index *index, tacit_index_info *out);
/* Of example i, 0 .. N-1: name and embedding (D), of length 1, borrowed; label, or -1, and a label's name. */
TACIT_API const char *tacit_index_name(const tacit_index *index, int64_t i);
TACIT_API const float *tacit_index_embedding(const tacit_index *index, int64_t i);
TACIT_API int32_t tacit_index_label(const tacit_index *index, int64_t i);
TACIT_API const char *tacit_index_label_name(const tacit_index *index, int32_t label);

/* The k examples nearest to each of queries (Q, D), embeddings of the same model, by cosine: rows (Q, k),
 * similarity (Q, k), nearest first; equal ones by row. k outside 1 to N is TACIT_ARGUMENT. */
TACIT_CALL tacit_index_search(const tacit_index *index, const float *queries, int64_t query_count, int k,
                              int32_t *rows, float *similarity);

/* What was found into `folder`, which is made: results.csv (query, rank, name, label, similarity) and
 * results.png, a row for each of the first 24 queries: the query, then its nearest examples, up to 10.
 * query (Q): examples of `queries`, which may be `data`; rows, similarity (Q, k): examples of `data`. */
TACIT_CALL tacit_search_save(tacit_model *model, const tacit_dataset *data, const tacit_dataset *queries,
                             const int64_t *query, int64_t query_count, int k, const int32_t *rows,
                             const float *similarity, const char *folder);

typedef struct tacit_retrieval_options {
    int k;           /* of precision at k: 10 */
    int64_t queries; /* at most, a keyed sample where there are more examples: 2,000 */
    uint64_t seed;   /* of the sample: 1 */
    bool baselines;  /* raw pixels and the untrained encoder too: true */
} tacit_retrieval_options;
TACIT_API tacit_retrieval_options tacit_retrieval_options_default(void);

/* Shares, 0 to 1; NAN: not measured. */
typedef struct tacit_retrieval_score {
    double precision;         /* of the k nearest others that have the query's label */
    double average_precision; /* mean over queries, all others ranked */
} tacit_retrieval_score;

typedef struct tacit_retrieval {
    int64_t count, queries; /* N; examples that asked */
    int64_t left_out;       /* examples of the sample that are the only one with their label */
    tacit_retrieval_score learnt, pixels, untrained;
} tacit_retrieval;

/* Every example (of the sample) asks for the others with its label, by cosine. `index` may be NULL; else it
 * is one of `data`, which is not embedded anew. Data without labels are TACIT_ARGUMENT.
 */
TACIT_CALL tacit_measure_search(tacit_model *model, const tacit_dataset *data, const tacit_index *index,
                                const tacit_retrieval_options *options, tacit_retrieval *out,
                                tacit_stage_function stage, void *user);

/* ---- same or different ---- */

/* Pairs of examples, to be compared. */
typedef struct tacit_pairs tacit_pairs;

/* One pair: two examples of tacit_pairs_data; same: 1, 0 (different), or -1 (not known). */
typedef struct tacit_pair {
    int64_t first, second;
    int32_t same;
} tacit_pair;

/* Reads a CSV of "first,second,same": two picture files, those that do not begin with a slash below the
 * CSV's folder, and 1 or 0; the third field is missing in all lines or in none; a head is passed over. A
 * line of another form, or a picture that is not there, is an error that names file and line. */
TACIT_CALL tacit_pairs_read(tacit_pairs **out, tacit_context *context, const char *path);
/* Draws `same` pairs of examples of one label and as many of two labels, none twice, a function of the seed.
 * Labels are dealt out to `folds` folds, or half as many as there are labels, and pairs drawn within a fold:
 * folds share no label. TACIT_ARGUMENT: no or too few labels, or too few pairs (the message says how many
 * there are). `data` is kept. */
TACIT_CALL tacit_pairs_draw(tacit_pairs **out, const tacit_dataset *data, int64_t same, int32_t folds,
                            uint64_t seed);
TACIT_API void tacit_pairs_close(tacit_pairs *pairs);
TACIT_API int64_t tacit_pairs_count(const tacit_pairs *pairs);
/* Pair i, 0 .. count-1. */
TACIT_API tacit_pair tacit_pairs_at(const tacit_pairs *pairs, int64_t i);
/* Whose examples they are, borrowed. */
TACIT_API const tacit_dataset *tacit_pairs_data(const tacit_pairs *pairs);

/* A metric learnt from examples of known groups, within-class covariance normalisation (Hatch, Kajarekar and
 * Stolcke 2006): an embedding x becomes W (x - m) before the cosine. m is the mean of all examples, and W the
 * inverse Cholesky factor of C = (1 - r) S + r t I, where S is the covariance of the examples about the mean
 * of their group, pooled over the groups, and t = trace(S) / D. The groups are those of --group, else the
 * labels. They are dealt to up to 5 folds; r is the one of 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9 and 1
 * by which keyed pairs of a fold are told best when the other folds are fitted. At least 4 groups of two
 * examples, and at most 8,192 features, else TACIT_ARGUMENT or TACIT_LIMIT. */
typedef struct tacit_fit {
    int64_t examples; /* fitted; 0: nothing was */
    int64_t left_out; /* of them alone in their group: they count in m only */
    int32_t groups;   /* of two examples or more */
    bool labels;      /* the groups are the labels */
    int32_t folds;
    double shrinkage;      /* r, of this model */
    double eer;            /* mean equal error rate of the folds by it */
    int32_t shared_labels; /* labels with examples that the data compared have too, by name: then these are
                              not unseen; a notice says so */
    bool pixels;           /* raw pixels are fitted too: at most 2,048 numbers */
} tacit_fit;

typedef struct tacit_verify_options {
    int32_t folds;            /* of pairs that were read, 2 or more: 10 */
    uint64_t seed;            /* of those folds, and those of `fit`: 1 */
    bool baselines;           /* raw pixels and the untrained encoder too: true */
    const tacit_dataset *fit; /* examples of known groups for a metric; NULL (default): none, the cosine */
} tacit_verify_options;
TACIT_API tacit_verify_options tacit_verify_options_default(void);

/* Shares, 0 to 1; NAN: not measured. */
typedef struct tacit_verify_score {
    double accuracy, deviation; /* mean and deviation over folds; the threshold is chosen on the others */
    double eer;                 /* equal error rate */
    double auroc;
    double tar_2, tar_3; /* same pairs accepted where 1e-2, 1e-3 of the different are; NAN: under 100, 1,000
                            different pairs */
    double threshold;    /* chosen on all pairs: a similarity from which on a pair is called the same */
} tacit_verify_score;

typedef struct tacit_verification {
    int64_t count, same; /* pairs, and those that are the same */
    int32_t folds;
    bool apart;    /* no two folds share a label or a picture */
    tacit_fit fit; /* where there is one, the three below are by a fit each */
    tacit_verify_score learnt, pixels, untrained;
    tacit_verify_score unfitted; /* this model without the fit, where there is one */
} tacit_verification;

/* The cosine similarity of the embeddings of each pair into similarity (count of pairs), -1 to 1, and, where
 * it is known which are the same, how well it tells. With options->fit the cosine is by the metric learnt. */
TACIT_CALL tacit_verify(tacit_model *model, const tacit_pairs *pairs, const tacit_verify_options *options,
                        double *similarity, tacit_verification *out, tacit_stage_function stage, void *user);

/* first, second, same (where known), similarity, answer (1 from `threshold` on, else 0) as CSV, whole or not
 * at all. */
TACIT_CALL tacit_verify_save(const tacit_pairs *pairs, const double *similarity, double threshold,
                             const char *path);

/* ---- who is it? ---- */

enum { TACIT_RANKS = 5 };

typedef struct tacit_identify_options {
    double threshold; /* a similarity below which the answer is "unknown"; -2 (default): always an answer */
    bool baselines;   /* raw pixels and the untrained encoder too: true */
    const tacit_dataset *fit; /* as of tacit_verify_options */
    uint64_t seed;            /* of the folds of `fit`: 1 */
} tacit_identify_options;
TACIT_API tacit_identify_options tacit_identify_options_default(void);

/* Shares, 0 to 1; NAN: not measured. */
typedef struct tacit_identify_score {
    double rank_1, rank_5; /* of the known probes: their label is the best, among the best five */
} tacit_identify_score;

typedef struct tacit_identification {
    int64_t gallery, probes;  /* examples */
    int32_t classes;          /* labels of the gallery that have examples */
    int64_t known, strangers; /* labelled probes whose label is in the gallery, and those whose is not */
    int64_t unknown;          /* probes below the threshold */
    double known_refused;     /* share of the known that are called unknown */
    double strangers_refused; /* share of the strangers that are */
    tacit_fit fit;            /* where there is one, the three below are by a fit each */
    tacit_identify_score learnt, pixels, untrained;
    tacit_identify_score unfitted; /* this model without the fit, where there is one */
} tacit_identification;

/* For each of `probes` (N) the labels of `gallery` by falling similarity, which is the cosine to the nearest
 * of its examples; equal ones by label: label, similarity, nearest (N, TACIT_RANKS), nearest being an example
 * of the gallery; -1 and 0 where the gallery has fewer labels. Labels are compared by name. A gallery without
 * labels is TACIT_ARGUMENT; probes without are only answered. */
TACIT_CALL tacit_identify(tacit_model *model, const tacit_dataset *gallery, const tacit_dataset *probes,
                          const tacit_identify_options *options, int32_t *label, float *similarity,
                          int64_t *nearest, tacit_identification *out, tacit_stage_function stage,
                          void *user);

/* name, label (of the probe), answer (empty: unknown), similarity, nearest as CSV, whole or not at all. */
TACIT_CALL tacit_identify_save(const tacit_dataset *gallery, const tacit_dataset *probes, double threshold,
                               const int32_t *label, const float *similarity, const int64_t *nearest,
                               const char *path);

/* ---- restoring pictures ---- */

/* A picture made whole by a self-prediction model, at its own size: pixels (H, W, C) bytes, C 1 or 3, into
 * out (H, W, C), which may be the same. Where it is larger than the model's pictures, tiles are blended. With
 * `hidden` (H, W), not 0 where a pixel is not known, those pixels alone are changed, from what is around
 * them; without it (NULL) the whole picture is restored from what the model takes for damage. TACIT_ARGUMENT:
 * a model that does not predict pictures (contrastive; of tables), or cannot do what is asked for. */
TACIT_CALL tacit_restore(tacit_model *model, const uint8_t *pixels, int height, int width, int channels,
                         const uint8_t *hidden, uint8_t *out);

/* The same for files: `mask` is a picture of the same size, white where a pixel is not known; NULL: where
 * `picture` is transparent, or nowhere. `out` is a PNG, whole or not at all. */
TACIT_CALL tacit_restore_file(tacit_model *model, const char *picture, const char *mask, const char *out);

typedef struct tacit_restore_options {
    const char *damage; /* "noise", "pepper", "holes", "blur", "scale" or "grey": "noise" */
    double strength;    /* deviation; share; share; sigma in pixels; factor; share of the colour lost: 0.2 */
    int64_t limit;      /* examples that are measured, a keyed sample: 1,000; 0: all */
    uint64_t seed;      /* of the sample and the damage: 1 */
} tacit_restore_options;
TACIT_API tacit_restore_options tacit_restore_options_default(void);

typedef struct tacit_restore_score {
    double psnr, ssim; /* means over pictures: dB, at most 100; Wang et al. 2004, NAN: under 11 pixels */
} tacit_restore_score;

typedef struct tacit_restoration {
    int64_t count;
    tacit_restore_score damaged, restored;
    tacit_restore_score classical; /* the classical filter with the best psnr: medians and bilateral filters;
                                      of holes, harmonic interpolation */
    char filter[32]; /* which: "median 3", "bilateral 1.0 0.20", "harmonic"; "": there is none */
} tacit_restoration;

/* Damages examples of `data`, as the model sees them, and restores them. With `sheet` (may be NULL) a picture
 * of the first 16 is written there: original, damaged, by the classical filter, restored. */
TACIT_CALL tacit_measure_restore(tacit_model *model, const tacit_dataset *data,
                                 const tacit_restore_options *options, const char *sheet,
                                 tacit_restoration *out, tacit_stage_function stage, void *user);

/* ---- which method suits these data? ---- */

typedef struct tacit_compare_options {
    const char *methods;         /* NULL: "mae,denoise,simclr,vicreg" */
    double minutes;              /* of training for each, from its speed in a trial of 20 steps: 5 */
    int64_t steps;               /* of training for each instead, the same for all: 0 */
    int64_t limit;               /* examples that uses other than `eval` work on: 2,000 */
    uint64_t seed;               /* of everything: 1 */
    const char *const *settings; /* of all trainings: name, value, ..., NULL; or NULL */
    bool overwrite;              /* a folder that holds a comparison is emptied first */
} tacit_compare_options;
TACIT_API tacit_compare_options tacit_compare_options_default(void);

/* Trains every method with the same budget, tries every use that the data allow, and leaves in `folder`: a
 * run for each method, report.html, which needs no other file, and report.json, the same numbers. `test`,
 * other examples with labels, may be NULL: then a fifth of `data` is held out where labels judge. `progress`
 * hears the training. TACIT_CANCELLED: nothing but finished runs is left. */
TACIT_CALL tacit_compare(tacit_context *context, const tacit_dataset *data, const tacit_dataset *test,
                         const tacit_compare_options *options, const char *folder,
                         void (*progress)(void *user, const tacit_progress *progress),
                         tacit_stage_function stage, void *user);

#endif
