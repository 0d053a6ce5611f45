/* report.html: findings in words, then pictures, then tables. */
#include "api/comparison.h"
#include "base/text.h"
#include "use/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light "
    "dark;--ink:#1c1f23;--soft:#5d6670;--paper:#fdfdfc;--line:#d9dce0;--mark:#1b5fc1;"
    "--best:#e6effb}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e7e9ec;--soft:#9aa4af;--paper:#15181c;--line:#333a42;"
    "--mark:#7fb2ff;--best:#1d2c43}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
    "font:17px/1.55 Georgia,'Times New Roman',serif}\n"
    "main{max-width:46rem;margin:0 auto;padding:2.5rem 1.2rem "
    "4rem}h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem}"
    "h2{font-size:1.25rem;margin:2.6rem 0 .6rem;border-top:1px solid var(--line);padding-top:1.2rem}"
    "h3{font-size:1.05rem;margin:1.6rem 0 .4rem}\n"
    ".soft,figcaption,caption{color:var(--soft);font-size:.9rem}.first{font-size:1.2rem;border-left:4px "
    "solid var(--mark);"
    "padding-left:.9rem}ol,ul{padding-left:1.2rem}li{margin:.35rem 0}\n"
    ".wide{overflow-x:auto;margin:1.6rem 0}table{border-collapse:collapse;width:100%;font:.88rem/1.4 "
    "system-ui,sans-serif;"
    "font-variant-numeric:tabular-nums}th,td{text-align:right;padding:.32rem .5rem;border-bottom:1px solid "
    "var(--line);"
    "white-space:nowrap}th:first-child,td:first-child{text-align:left;white-space:normal}caption{text-align:"
    "left;"
    "padding-bottom:.4rem}td.best{background:var(--best);font-weight:600}\n"
    "figure{margin:1.2rem 0}img{display:block;max-width:100%;height:auto;background:#fff;border:1px solid "
    "var(--line)}"
    ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1.2rem}\n"
    ".curve{width:100%;max-width:22rem;height:auto}.curve "
    "polyline{fill:none;stroke:var(--mark);stroke-width:2}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:.8rem/1.45 ui-monospace,monospace;margin:0}\n"
    ".curve text{fill:var(--soft);font:11px system-ui,sans-serif}\n"
    "@media "
    "print{body{font-size:11pt}main{max-width:none;padding:0}h2{break-after:avoid}figure,tr{break-inside:"
    "avoid}}\n";

/* Of a text file: ten groups of eight, with a head and an empty line each. */
enum { LINES_SHOWN = 100 };

/* ---- tables ---- */

/* A row of a table: what it says, the number of each method, and how it is written. */
typedef struct line {
    const char *name;
    double (*of)(const compared *m);
    double factor;
    int decimals;
    int better; /* 1: more, -1: less, 0: neither */
} line;

static void put_number(file_writer *w, double x, int decimals, bool best)
{
    file_writer_print(w, best ? "<td class=\"best\">" : "<td>");
    if (isfinite(x))
        file_writer_print(w, "%.*f", decimals, x);
    else
        file_writer_print(w, "&ndash;");
    file_writer_print(w, "</td>");
}

/* The best of a row, or -1: there is none, or no second number. */
static int best_of(const comparison *c, const line *l)
{
    int best = -1, numbers = 0;
    for (int i = 0; l->better && i < c->count; i++) {
        const double x = l->of(&c->of[i]);
        if (!isfinite(x))
            continue;
        numbers++;
        if (best < 0 || l->better * x > l->better * l->of(&c->of[best]))
            best = i;
    }
    return numbers > 1 ? best : -1;
}

static bool has_numbers(const comparison *c, const line *l)
{
    for (int i = 0; i < c->count; i++)
        if (isfinite(l->of(&c->of[i])))
            return true;
    return false;
}

/* `beside`: what stands in one more column, of the first method; NULL: no such column. */
static void put_table(file_writer *w, const comparison *c, const char *caption, const line *lines,
                      size_t count, const line *beside, const char *beside_name)
{
    bool any = false;
    for (size_t k = 0; k < count; k++)
        any = any || has_numbers(c, &lines[k]);
    if (!any)
        return;
    file_writer_print(w, "<div class=\"wide\"><table><caption>%s</caption><tr><th></th>", caption);
    for (int i = 0; i < c->count; i++)
        file_writer_print(w, "<th>%s</th>", c->of[i].method);
    file_writer_print(w, beside ? "<th>%s</th></tr>\n" : "</tr>\n", beside_name);
    for (size_t k = 0; k < count; k++) {
        const int best = best_of(c, &lines[k]);
        if (!has_numbers(c, &lines[k]))
            continue;
        file_writer_print(w, "<tr><td>%s</td>", lines[k].name);
        for (int i = 0; i < c->count; i++)
            put_number(w, lines[k].factor * lines[k].of(&c->of[i]), lines[k].decimals, i == best);
        if (beside)
            put_number(w, beside[k].of ? beside[k].factor * beside[k].of(&c->of[0]) : (double)NAN,
                       lines[k].decimals, false);
        file_writer_print(w, "</tr>\n");
    }
    file_writer_print(w, "</table></div>\n");
}

#define FIELD(name, expression)                                                                              \
    static double name(const compared *m)                                                                    \
    {                                                                                                        \
        return expression;                                                                                   \
    }

FIELD(knn, m->evaluation.learnt.knn)
FIELD(linear, m->evaluation.learnt.linear)
FIELD(few_1, m->evaluation.learnt.few_mean[0])
FIELD(few_5, m->evaluation.learnt.few_mean[1])
FIELD(few_10, m->evaluation.learnt.few_mean[2])
FIELD(few_100, m->evaluation.learnt.few_mean[3])
FIELD(raw_knn, m->evaluation.pixels.knn)
FIELD(raw_linear, m->evaluation.pixels.linear)
FIELD(raw_1, m->evaluation.pixels.few_mean[0])
FIELD(raw_5, m->evaluation.pixels.few_mean[1])
FIELD(raw_10, m->evaluation.pixels.few_mean[2])
FIELD(raw_100, m->evaluation.pixels.few_mean[3])
FIELD(untrained_linear, m->evaluation.untrained.linear)
FIELD(untrained_10, m->evaluation.untrained.few_mean[2])
FIELD(precision, m->retrieval.learnt.precision)
FIELD(raw_precision, m->retrieval.pixels.precision)
FIELD(average, m->retrieval.learnt.average_precision)
FIELD(raw_average, m->retrieval.pixels.average_precision)
FIELD(nmi, m->clusters.learnt.nmi)
FIELD(raw_nmi, m->clusters.pixels.nmi)
FIELD(matched, m->clusters.learnt.accuracy)
FIELD(raw_matched, m->clusters.pixels.accuracy)
FIELD(odd, m->odd)
FIELD(trusted, m->map.tsne.trustworthiness)
FIELD(noise_damaged, m->noise.damaged.psnr)
FIELD(noise_classical, m->noise.classical.psnr)
FIELD(noise_restored, m->noise.restored.psnr)
FIELD(holes_damaged, m->holes.damaged.psnr)
FIELD(holes_classical, m->holes.classical.psnr)
FIELD(holes_restored, m->holes.restored.psnr)
FIELD(seconds, m->seconds)
FIELD(megabytes, m->bytes / 1048576.0)
FIELD(steps, (double)m->steps)
FIELD(examples, m->examples)
FIELD(learnt_numbers, (double)m->parameters)
FIELD(dimension, (double)m->dimension)
FIELD(rank, m->effective_rank)
FIELD(spread, m->spread)

static void put_uses(file_writer *w, const comparison *c)
{
    static const line held[] = {{"linear layer, all labels", linear, 100, 1, 1},
                                {"nearest neighbours", knn, 100, 1, 1},
                                {"100 labels a class", few_100, 100, 1, 1},
                                {"10 labels a class", few_10, 100, 1, 1},
                                {"5 labels a class", few_5, 100, 1, 1},
                                {"1 label a class", few_1, 100, 1, 1},
                                {"untrained encoder, linear layer", untrained_linear, 100, 1, 0},
                                {"untrained encoder, 10 labels", untrained_10, 100, 1, 0}};
    static const line raw[] = {{"", raw_linear, 100, 1, 0}, {"", raw_knn, 100, 1, 0},
                               {"", raw_100, 100, 1, 0},    {"", raw_10, 100, 1, 0},
                               {"", raw_5, 100, 1, 0},      {"", raw_1, 100, 1, 0},
                               {"", NULL, 0, 1, 0},         {"", NULL, 0, 1, 0}};
    static const line used[] = {{"search: precision among 10", precision, 100, 1, 1},
                                {"search: mean average precision", average, 100, 1, 1},
                                {"groups: NMI with the labels", nmi, 100, 1, 1},
                                {"groups: accuracy, best matching", matched, 100, 1, 1},
                                {"odd ones: AUROC, mean over classes", odd, 100, 1, 1},
                                {"map: trustworthiness", trusted, 100, 1, 1}};
    static const line raw_used[] = {
        {"", raw_precision, 100, 1, 0}, {"", raw_average, 100, 1, 0}, {"", raw_nmi, 100, 1, 0},
        {"", raw_matched, 100, 1, 0},   {"", NULL, 0, 1, 0},          {"", NULL, 0, 1, 0}};
    static const line restored[] = {{"noise of 0.2: as it is", noise_damaged, 1, 2, 0},
                                    {"noise: best classical filter", noise_classical, 1, 2, 0},
                                    {"noise: restored", noise_restored, 1, 2, 1},
                                    {"holes of 30 %: as they are", holes_damaged, 1, 2, 0},
                                    {"holes: smooth interpolation", holes_classical, 1, 2, 0},
                                    {"holes: restored", holes_restored, 1, 2, 1}};
    const char *beside = dataset_raw_name(c->info.texts, c->info.columns > 0);
    put_table(w, c, "What the representation holds: accuracy, per cent", held, ROWS(held), raw, beside);
    put_table(w, c, "What it is good for: per cent", used, ROWS(used), raw_used, beside);
    put_table(w, c, "Restoration: PSNR, dB", restored, ROWS(restored), NULL, "");
}

static void put_costs(file_writer *w, const comparison *c)
{
    static const line costs[] = {{"training, seconds", seconds, 1, 0, -1},
                                 {"memory of this process at most, MB", megabytes, 1, 0, -1},
                                 {"steps", steps, 1, 0, 0},
                                 {"examples seen, again and again", examples, 1, 0, 0},
                                 {"parameters", learnt_numbers, 1, 0, 0},
                                 {"numbers of an embedding", dimension, 1, 0, 0},
                                 {"directions in use (effective rank)", rank, 1, 1, 0},
                                 {"spread of the embeddings", spread, 1, 4, 0}};
    put_table(w, c, "What it cost, and what became of the embeddings", costs, ROWS(costs), NULL, "");
}

/* ---- words and pictures ---- */

static void put_head(file_writer *w, const comparison *c)
{
    file_writer_print(
        w, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
           "content=\"width=device-width,initial-scale=1\"><title>Which method suits these data?</title>\n"
           "<style>");
    file_writer_write(w, style, strlen(style));
    file_writer_print(
        w, "</style></head><body><main>\n<h1>Which method suits these data?</h1>\n<p class=\"soft\">");
    for (int i = 0; i < c->data->path_count; i++) {
        html_text(w, c->data->paths[i]);
        file_writer_print(w, " ");
    }
    file_writer_print(w, "&middot; %lld %s, ", (long long)c->info.count, dataset_kind(c->data->data));
    if (c->info.columns)
        file_writer_print(w, "%d columns", c->info.columns);
    else if (c->info.texts)
        file_writer_print(w, c->info.paired ? "in pairs" : "one by one");
    else if (c->info.width)
        file_writer_print(w, "%d &times; %d, %s", c->info.width, c->info.height,
                          c->info.channels == 1 ? "grey" : "colour");
    else
        file_writer_print(w, "of different sizes, %s", c->info.channels == 1 ? "grey" : "colour");
    file_writer_print(w, c->info.classes ? ", %d classes" : ", no labels", (int)c->info.classes);
    if (c->minutes > 0)
        file_writer_print(w, " &middot; %g minutes of training for each method", c->minutes);
    file_writer_print(w, ", %d thread%s, seed %llu</p>\n", c->threads, c->threads == 1 ? "" : "s",
                      (unsigned long long)c->seed);
}

static void put_findings(file_writer *w, const comparison *c)
{
    findings f;
    findings_make(c, &f);
    file_writer_print(w, "<p class=\"first\">");
    html_text(w, f.text[0]);
    file_writer_print(w, "</p>\n<ul>\n");
    for (int i = 1; i < f.count; i++) {
        file_writer_print(w, "<li>");
        html_text(w, f.text[i]);
        file_writer_print(w, "</li>\n");
    }
    file_writer_print(w, "</ul>\n");
}

static void put_families(file_writer *w, const comparison *c)
{
    file_writer_print(w, "<h2>Two families</h2>\n<p><b>Self-prediction</b> hides or damages a part of an "
                         "example and predicts it: it learns "
                         "what examples look like, and can restore them. <b>Contrastive learning</b> makes "
                         "two views of an example and "
                         "lays them close together, away from others, or with dimensions that say different "
                         "things: it learns what "
                         "tells examples apart. Neither is told a label.</p>\n");
    file_writer_print(w, "<div class=\"pair\">\n");
    for (int i = 0; i < c->count; i++) {
        file_writer_print(w, "<figure><h3>%s <span class=\"soft\">%s, %s</span></h3>\n<p>", c->of[i].method,
                          c->of[i].family, c->of[i].encoder);
        html_text(w, c->of[i].summary);
        file_writer_print(w, "</p>\n");
        if (c->of[i].curve_count > 1)
            html_curve(w, c->of[i].curve, c->of[i].curve_count, "loss over the training");
        file_writer_print(w, "</figure>\n");
    }
    file_writer_print(w, "</div>\n<p class=\"soft\">The curves are the losses from the first step to the "
                         "last. Losses of different methods are not to be compared.</p>\n");
}

/* One picture, or text, of every method that has it. */
static tacit_status put_gallery(file_writer *w, const comparison *c, size_t field, const char *title,
                                const char *text)
{
    bool begun = false;
    for (int i = 0; i < c->count; i++) {
        char *path;
        memcpy(&path, (const char *)&c->of[i] + field, sizeof path);
        if (!path)
            continue;
        if (!begun)
            file_writer_print(w, "<h2>%s</h2>\n<p>%s</p>\n<div class=\"pair\">\n", title, text);
        begun = true;
        file_writer_print(w, "<figure>");
        TRY(text_ends_with(path, ".txt") ? html_lines(w, path, LINES_SHOWN) : html_picture(w, path, title));
        file_writer_print(w, "<figcaption>%s</figcaption></figure>\n", c->of[i].method);
    }
    if (begun)
        file_writer_print(w, "</div>\n");
    return TACIT_OK;
}

static tacit_status put_pictures(file_writer *w, const comparison *c)
{
    TRY(put_gallery(w, c, offsetof(compared, views), "What was done to the data",
                    "Each row is one example and what the method made of it to learn from. Contrastive "
                    "methods are told only "
                    "that the views of one row belong together; self-prediction is told what was there."));
    TRY(put_gallery(
        w, c, offsetof(compared, map_picture), "Maps",
        "Examples laid out in two dimensions by t-SNE on the embeddings: what the method takes for alike "
        "lies "
        "together. Frames and points have the colours of the labels, which the methods were not told."));
    TRY(put_gallery(w, c, offsetof(compared, written), "Words written",
                    "Texts that the method writes when it begins from nothing."));
    TRY(put_gallery(
        w, c, offsetof(compared, groups), "Groups",
        c->info.texts
            ? "The largest groups found by k-means on the embeddings: of each the texts nearest to its "
              "middle."
            : "Each row is a group found by k-means on the embeddings: the examples nearest to its middle."));
    TRY(put_gallery(
        w, c, offsetof(compared, restored), "Holes filled",
        "Original, with holes over 30 per cent, filled by smooth interpolation, filled by the method."));
    return put_gallery(w, c, offsetof(compared, repaired), "Noise taken out",
                       "Original, with noise of deviation 0.2, the best classical filter, the method.");
}

static tacit_status put_page(file_writer *w, const comparison *c)
{
    put_head(w, c);
    put_findings(w, c);
    put_families(w, c);
    TRY(put_pictures(w, c));
    file_writer_print(w, "<h2>Numbers</h2>\n");
    put_uses(w, c);
    put_costs(w, c);
    file_writer_print(
        w,
        "<h2>How this was measured</h2>\n<p class=\"soft\">Every method has its own defaults and the same "
        "%s, and runs "
        "on the same data. A linear layer is logistic regression on standardised embeddings; neighbours "
        "are 20, by "
        "cosine; with few labels means over 5 draws. Search, groups, odd ones and maps work on a part of "
        "the data. "
        "Odd ones: each class in turn is normal, the others are odd. The best of a row is marked. Every "
        "run is a "
        "folder beside this page, and every use of it a command of tacit.</p>\n</main></body></html>\n",
        c->minutes > 0 ? "time" : "number of steps");
    return TACIT_OK;
}

tacit_status comparison_write_page(const comparison *c, const char *path)
{
    file_writer w;
    TRY(file_writer_open(&w, c->context, path));
    const tacit_status status = put_page(&w, c);
    if (status == TACIT_OK)
        return file_writer_commit(&w);
    file_writer_abandon(&w);
    return status;
}
