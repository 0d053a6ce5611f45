/* What the numbers of a comparison say, in words. */
#include "api/comparison.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEN = 2, HUNDRED = 3 }; /* places among few_labels */

static void say(findings *f, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(findings *f, const char *format, ...)
{
    va_list arguments;
    if (f->count == FINDINGS_MOST)
        return;
    va_start(arguments, format);
    vsnprintf(f->text[f->count++], FINDING_TEXT, format, arguments);
    va_end(arguments);
}

/* ---- who is best at what ---- */

/* A question that numbers answer: more is better. */
typedef double (*merit)(const compared *m);

static double linear_of(const compared *m)
{
    return m->evaluation.learnt.linear;
}

static double ten_of(const compared *m)
{
    return m->evaluation.learnt.few_mean[TEN];
}

static double knn_of(const compared *m)
{
    return m->evaluation.learnt.knn;
}

static double groups_of(const compared *m)
{
    return m->clusters.learnt.nmi;
}

static double odd_of(const compared *m)
{
    return m->odd;
}

static double search_of(const compared *m)
{
    return m->retrieval.learnt.precision;
}

static double noise_of(const compared *m)
{
    return m->noise.restored.psnr - m->noise.classical.psnr;
}

static double holes_of(const compared *m)
{
    return m->holes.restored.psnr - m->holes.classical.psnr;
}

/* The method with most of it, or -1 where none has a number. `kind`: of that family; NULL: any. */
static int best_at(const comparison *c, merit of, const char *kind)
{
    int best = -1;
    for (int i = 0; i < c->count; i++) {
        const double x = of(&c->of[i]);
        if (isfinite(x) && (!kind || strcmp(c->of[i].family, kind) == 0) &&
            (best < 0 || x > of(&c->of[best])))
            best = i;
    }
    return best;
}

/* ---- sentences ---- */

static const char *name_of(const comparison *c, int i)
{
    return c->of[i].method;
}

/* "search, clustering and finding odd ones" by the method that wins most of the questions about
 * representations. */
static int winner(const comparison *c, char *of, size_t size)
{
    static const struct {
        merit of;
        const char *what;
    } questions[] = {{ten_of, "few labels"},
                     {linear_of, "many labels"},
                     {search_of, "search"},
                     {groups_of, "grouping"},
                     {odd_of, "finding odd ones"}};
    enum { QUESTIONS = sizeof questions / sizeof *questions };
    int wins[COMPARED_MOST] = {0}, most = -1;
    size_t used = 0;
    for (size_t q = 0; q < QUESTIONS; q++) {
        const int best = best_at(c, questions[q].of, NULL);
        if (best >= 0)
            wins[best]++;
    }
    for (int i = 0; i < c->count; i++)
        if (wins[i] && (most < 0 || wins[i] > wins[most]))
            most = i;
    of[0] = '\0';
    for (size_t q = 0; most >= 0 && q < QUESTIONS && used < size; q++)
        if (best_at(c, questions[q].of, NULL) == most)
            used += (size_t)snprintf(of + used, size - used, used ? ", %s" : "%s", questions[q].what);
    return most;
}

static void recommend(const comparison *c, findings *f)
{
    char of[200];
    const int best = winner(c, of, sizeof of), clean = best_at(c, noise_of, NULL),
              whole = best_at(c, holes_of, NULL);
    if (best >= 0)
        say(f, "For these data: %s (%s). It is the best of the %d at %s.", name_of(c, best),
            c->of[best].family, c->count, of);
    else
        say(f, "The data have no labels, so nothing here can say which method tells their kinds apart best: "
               "look at the maps "
               "and the groups below, or label ten examples of each kind and compare again.");
    if (whole >= 0 && holes_of(&c->of[whole]) > 0)
        say(f, "To fill holes in pictures: %s, %.1f dB better than smooth interpolation.", name_of(c, whole),
            holes_of(&c->of[whole]));
    if (clean >= 0 && noise_of(&c->of[clean]) > 0)
        say(f, "To take out noise: %s, %.1f dB better than the best classical filter.", name_of(c, clean),
            noise_of(&c->of[clean]));
}

/* The families side by side at one question. */
static void families(const comparison *c, findings *f, merit of, double factor, const char *unit,
                     const char *what)
{
    const int one = best_at(c, of, "self-prediction"), two = best_at(c, of, "contrastive");
    if (one < 0 || two < 0)
        return;
    const double a = factor * of(&c->of[one]), b = factor * of(&c->of[two]);
    say(f, "%s: self-prediction %.1f%s (%s), contrastive %.1f%s (%s).", what, a, unit, name_of(c, one), b,
        unit, name_of(c, two));
}

/* Whether few labels are told apart beyond chance: two standard errors of the difference of two means of 5
 * draws. */
static void beyond_pixels(const comparison *c, findings *f)
{
    const int best = best_at(c, ten_of, NULL);
    if (best < 0)
        return;
    const tacit_scores *a = &c->of[best].evaluation.learnt, *b = &c->of[0].evaluation.pixels;
    const char *raw = dataset_raw_name(c->info.texts, c->info.columns > 0);
    if (!isfinite(b->few_mean[TEN]))
        return;
    const double gain = a->few_mean[TEN] - b->few_mean[TEN];
    const double error =
        2 *
        sqrt((a->few_deviation[TEN] * a->few_deviation[TEN] + b->few_deviation[TEN] * b->few_deviation[TEN]) /
             5.0);
    if (gain > error)
        say(f,
            "With 10 labels a class %s is right in %.1f %%, %s in %.1f %%: learning without labels is worth "
            "%.1f points.",
            name_of(c, best), 100 * a->few_mean[TEN], raw, 100 * b->few_mean[TEN], 100 * gain);
    else if (gain < -error)
        say(f,
            "With 10 labels a class %s is right in %.1f %%, %s in %.1f %%: it has not learnt enough yet to "
            "be of use. "
            "Train longer, or on more data.",
            name_of(c, best), 100 * a->few_mean[TEN], raw, 100 * b->few_mean[TEN]);
    else
        say(f,
            "With 10 labels a class %s is right in %.1f %%, %s in %.1f %%: no difference beyond chance. "
            "Train "
            "longer, or on more data.",
            name_of(c, best), 100 * a->few_mean[TEN], raw, 100 * b->few_mean[TEN]);
}

/* Embeddings that have become alike. */
static void warn_of_collapse(const comparison *c, findings *f)
{
    for (int i = 0; i < c->count; i++)
        if (c->of[i].effective_rank < 3.0)
            say(f,
                "%s has collapsed: its embeddings vary in %.1f directions only. What is said of it here does "
                "not speak "
                "of the method at its best.",
                name_of(c, i), c->of[i].effective_rank);
}

void findings_make(const comparison *c, findings *out)
{
    *out = (findings){0};
    recommend(c, out);
    beyond_pixels(c, out);
    families(c, out, ten_of, 100, " %", "Right with 10 labels a class");
    families(c, out, linear_of, 100, " %", "Right with all labels, by a linear layer");
    families(c, out, knn_of, 100, " %", "Right by nearest neighbours");
    families(c, out, groups_of, 100, " %", "Agreement of groups with labels (NMI)");
    families(c, out, odd_of, 100, " %", "Odd ones told from one class (AUROC)");
    warn_of_collapse(c, out);
    if (best_at(c, noise_of, NULL) < 0 && best_at(c, holes_of, NULL) < 0 && !c->info.columns &&
        !c->info.texts)
        say(out, "None of the methods compared restores pictures: mae and denoise do.");
    if (!c->tested && best_at(c, linear_of, NULL) >= 0)
        say(out, "No test examples were given: a fifth of the data, which the methods have seen without "
                 "labels, was held "
                 "out to judge them.");
}
