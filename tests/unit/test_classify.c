/* Classifiers: which examples are learnt from and held out, the linear layer and its cross-fitting,
 * temperature and calibration error on cases by hand, classes.json with every error, confusion as files,
 * parts of data sets. */
#include "support.h"

#include "base/file.h"
#include "base/philox.h"
#include "data/codec.h"
#include "use/calibration.h"
#include "use/class_list.h"
#include "use/confusion.h"
#include "use/label_parts.h"
#include "use/linear_head.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 600, CLASSES = 3, COLUMNS = 5 };

static int32_t labels[N];
static float features[N * COLUMNS];

/* Three clouds that overlap; the columns have means and deviations of their own. */
static void make_clouds(double noise)
{
    for (int i = 0; i < N; i++) {
        draws d = draws_at(5, DRAW_TEST, 0, (uint64_t)i, 0);
        labels[i] = i % CLASSES;
        for (int k = 0; k < COLUMNS; k++) {
            const double centre = k == labels[i] ? 1.0 : 0.0;
            features[i * COLUMNS + k] =
                (float)(100.0 * k + (k + 1) * (centre + noise * (double)draw_normal(&d)));
        }
    }
}

static void parts_are_drawn_from_every_class(void **state)
{
    (void)state;
    label_parts all, few, again, none;
    tacit_context *context = test_context();
    make_clouds(1);
    assert_ok(context, label_parts_create(&all, context, labels, N, CLASSES, 0, 0.25, 1));
    assert_int_equal(all.kept, 450);
    assert_int_equal(all.held, 150);
    assert_ok(context, label_parts_create(&few, context, labels, N, CLASSES, 10, 0.2, 1));
    assert_ok(context, label_parts_create(&again, context, labels, N, CLASSES, 10, 0.2, 1));
    assert_int_equal(few.kept, 24);
    assert_int_equal(few.held, 6);
    int count[CLASSES] = {0};
    for (int i = 0; i < 30; i++) {
        count[labels[few.rows[i]]] += i < 24 ? 1 : 100;
        assert_int_equal(few.rows[i], again.rows[i]);
        for (int j = 0; j < i; j++)
            assert_true(few.rows[i] != few.rows[j]);
    }
    for (int c = 0; c < CLASSES; c++)
        assert_int_equal(count[c], 208);
    /* One label a class can not be shared. */
    assert_ok(context, label_parts_create(&none, context, labels, N, CLASSES, 1, 0.5, 1));
    assert_int_equal(none.held, 0);
    label_parts_fini(&all);
    label_parts_fini(&few);
    label_parts_fini(&again);
    label_parts_fini(&none);
    labels[7] = CLASSES;
    assert_fails(context, label_parts_create(&none, context, labels, N, CLASSES, 1, 0.5, 1), TACIT_ARGUMENT,
                 "7");
    tacit_context_destroy(context);
}

static labelled all_rows(int64_t *rows, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        rows[i] = i;
    return (labelled){{N, COLUMNS, features}, labels, CLASSES, rows, count};
}

static double accuracy_of_logits(const float *logits, const int32_t *label, int64_t count)
{
    return calibration_measure(logits, label, count, CLASSES, 1.0).accuracy;
}

static void linear_layer_tells_clouds_apart(void **state)
{
    (void)state;
    work *w;
    linear_head h;
    int64_t rows[N], judged;
    int32_t truth[N];
    static float logits[N * CLASSES], others[N * CLASSES];
    tacit_context *context = test_context();
    make_clouds(0.4);
    assert_ok(context, work_create(&w, context));
    labelled x = all_rows(rows, 60);
    assert_ok(context, linear_head_fit(&h, w, &x, 1));
    assert_ok(context, linear_logits(w, x.features, h.wei, h.bias, CLASSES, logits));
    assert_true(accuracy_of_logits(logits, labels, N) > 0.85);
    assert_ok(context, linear_head_cross_fit(w, &x, h.l2, 1, others, truth, &judged));
    assert_int_equal(judged, 60);
    const double apart = accuracy_of_logits(others, truth, judged);
    assert_true(apart > 0.7 && apart < 1.0);
    linear_head_fini(&h);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* Labels that have nothing to do with the features: a layer that had seen them would do better than chance.
 */
static void cross_fitting_judges_what_it_has_not_seen(void **state)
{
    (void)state;
    work *w;
    int64_t rows[N], judged;
    int32_t truth[N];
    static float logits[N * CLASSES];
    tacit_context *context = test_context();
    make_clouds(1);
    for (int i = 0; i < N; i++) {
        draws d = draws_at(6, DRAW_TEST, 0, (uint64_t)i, 0);
        labels[i] = (int32_t)draw_below(&d, CLASSES);
    }
    assert_ok(context, work_create(&w, context));
    const labelled x = all_rows(rows, N);
    assert_ok(context, linear_head_cross_fit(w, &x, 1e-3, 1, logits, truth, &judged));
    assert_int_equal(judged, N);
    const double accuracy = accuracy_of_logits(logits, truth, judged);
    assert_true(accuracy > 0.25 && accuracy < 0.42);
    assert_true(calibration_temperature(logits, truth, judged, CLASSES) > 2.0);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* Half of the answers right, each given with 0.8: the error is 0.3, and a temperature of log 4 / log 1 is
 * none. */
static void calibration_by_hand(void **state)
{
    (void)state;
    const float sure = logf(4.0f);
    const float logits[] = {sure, 0, sure, 0, 0, sure, 0, sure};
    const int32_t half[] = {0, 1, 1, 0}, most[] = {0, 0, 1, 0};
    const calibration c = calibration_measure(logits, half, 4, 2, 1.0);
    float probability[2];
    assert_near(c.accuracy, 0.5, 0, 0);
    assert_near(c.error, 0.3, 1e-7, 0);
    assert_near(c.loss, -0.5 * log(0.8) - 0.5 * log(0.2), 1e-7, 0);
    assert_int_equal(calibration_softmax(logits, 2, 1.0, probability), 0);
    assert_near((double)probability[0], 0.8, 1e-6, 0);
    assert_near((double)probability[1], 0.2, 1e-6, 0);
    /* Three of four right: 0.75 = 1 / (1 + 4^(-1/T)) at T = log 4 / log 3. */
    assert_near(calibration_temperature(logits, most, 4, 2), log(4.0) / log(3.0), 1e-3, 0);
    const double t = calibration_temperature(logits, most, 4, 2);
    assert_true(calibration_measure(logits, most, 4, 2, t).error < 1e-3);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void classes_survive_and_damage_is_told(void **state)
{
    (void)state;
    static const char *const damaged[][2] = {
        {"{", "not JSON"},
        {"{\"classes\": [\"a\", \"b\"]}", "temperature"},
        {"{\"classes\": [\"a\", \"b\"], \"temperature\": 0}", "above 0"},
        {"{\"classes\": [\"a\", \"b\"], \"temperature\": \"1\"}", "temperature"},
        {"{\"classes\": [\"a\"], \"temperature\": 1}", "2 names"},
        {"{\"classes\": {}, \"temperature\": 1}", "2 names"},
        {"{\"classes\": [\"a\", 2], \"temperature\": 1}", "names"},
        {"{\"classes\": [\"a\", \"a\"], \"temperature\": 1}", "none twice"},
    };
    char folder[] = "/tmp/tacit-classes-XXXXXX", path[64];
    class_list l;
    tacit_context *context = test_context();
    char *names[] = {(char[]){"a \"quoted\" one"}, (char[]){"b"}};
    const dataset d = {.context = context, .label_count = 2, .label_names = names};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/classes.json", folder);
    assert_ok(context, class_list_write(&d, 1.25, folder));
    assert_ok(context, class_list_read(&l, context, folder, 2));
    assert_near(l.temperature, 1.25, 0, 0);
    assert_int_equal(class_list_find(&l, "b"), 1);
    assert_int_equal(class_list_find(&l, names[0]), 0);
    assert_int_equal(class_list_find(&l, "c"), -1);
    class_list_fini(&l);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        context_begin(context);
        write_text(path, damaged[i][0]);
        assert_fails(context, class_list_read(&l, context, folder, 2), TACIT_FORMAT, damaged[i][1]);
    }
    remove(path);
    context_begin(context);
    assert_fails(context, class_list_read(&l, context, folder, 2), TACIT_IO, "classes.json");
    rmdir(folder);
    tacit_context_destroy(context);
}

static void confusion_is_written_and_drawn(void **state)
{
    (void)state;
    const int64_t counts[] = {3, 1, 0, 0};
    const char *const names[] = {"a,b", "c"};
    const confusion c = {counts, names, 2};
    char path[] = "/tmp/tacit-confusion-XXXXXX";
    uint8_t *bytes;
    size_t size;
    tacit_context *context = test_context();
    close(mkstemp(path));
    assert_ok(context, confusion_write_csv(context, path, &c));
    assert_ok(context, file_read(context, path, 1000, &bytes, &size));
    assert_string_equal((const char *)bytes, "label,\"a,b\",\"c\"\n\"a,b\",3,1\n\"c\",0,0\n");
    memory_free(context, bytes);
    assert_ok(context, confusion_draw(context, path, &c));
    assert_ok(context, file_read(context, path, 1 << 20, &bytes, &size));
    assert_memory_equal(bytes, "\x89PNG", 4);
    memory_free(context, bytes);
    remove(path);
    tacit_context_destroy(context);
}

static void a_part_of_a_data_set_is_one(void **state)
{
    (void)state;
    const uint8_t pixels[] = {10, 20, 30, 40};
    const int32_t of[] = {0, 1, 0, 1};
    const int64_t rows[] = {3, 1}, second[] = {1};
    scratch s;
    image x;
    dataset *d, part, smaller;
    tacit_context *context = test_context();
    scratch_init(&s, context);
    assert_ok(context, dataset_from_memory(&d, context, pixels, 4, 1, 1, 1, of));
    assert_ok(context, dataset_subset(&part, d, rows, 2));
    assert_ok(context, dataset_subset(&smaller, &part, second, 1));
    assert_ok(context, dataset_read(&part, 0, &s, &x));
    assert_int_equal(x.pixels[0], 40);
    assert_int_equal(part.labels[1], 1);
    assert_ok(context, dataset_read(&smaller, 0, &s, &x));
    assert_int_equal(x.pixels[0], 20);
    assert_fails(context, dataset_read(&part, 2, &s, &x), TACIT_ARGUMENT, "outside 0 to 1");
    dataset_subset_end(&smaller);
    dataset_subset_end(&part);
    dataset_close(d);
    scratch_fini(&s);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_drawn_from_every_class),
        cmocka_unit_test(linear_layer_tells_clouds_apart),
        cmocka_unit_test(cross_fitting_judges_what_it_has_not_seen),
        cmocka_unit_test(calibration_by_hand),
        cmocka_unit_test(classes_survive_and_damage_is_told),
        cmocka_unit_test(confusion_is_written_and_drawn),
        cmocka_unit_test(a_part_of_a_data_set_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
