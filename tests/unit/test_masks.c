/* Masks: which example each is of by their names, and every error of names, labels and sizes. */
#include "support.h"

#include "data/masks.h"

enum { MOST = 4 };

/* A data set of names alone, whose example i is i + 1 pixels high. */
static void name_example(const dataset *d, int64_t i, char *out, size_t size)
{
    const char *const *names = d->state;
    snprintf(out, size, "%s", names[i]);
}

static tacit_status read_example(const dataset *d, int64_t i, scratch *s, image *out)
{
    static const uint8_t pixels[MOST];
    (void)d;
    (void)s;
    *out = (image){(int)i + 1, 1, 1, pixels};
    return TACIT_OK;
}

static const dataset_format named = {.name = "named", .read = read_example, .name_of = name_example};

static dataset make(tacit_context *context, const char **names)
{
    dataset d = {.context = context, .format = &named, .channels = 1, .state = names};
    while (d.count < MOST && names[d.count])
        d.count++;
    return d;
}

static void masks_are_found_by_name(void **state)
{
    (void)state;
    static struct {
        const char *data[MOST], *masks[MOST];
        int64_t wanted[MOST];
    } cases[] = {
        /* MVTec AD, opened above its parts and in one of them. */
        {{"test/crack/000.png", "test/crack/001.png", "test/good/000.png"},
         {"crack/000_mask.png", "crack/001_mask.png"},
         {0, 1, -1}},
        {{"crack/000.png", "good/000.png", "hole/000.png"},
         {"ground_truth/crack/000_mask.png", "ground_truth/hole/000_mask.png"},
         {0, -1, 1}},
        /* The same names, other extensions, none; dots elsewhere. */
        {{"a.jpg", "b.png", "v1.c.png", "d"}, {"d", "v1.c.png", "b.webp", "a.png"}, {3, 2, 1, 0}},
        {{"x.y/a.jpg", "x.y/b.jpg"}, {"x.y/b.png"}, {-1, 0}},
        {{".a.png", "t/.b"}, {".b_mask.png", ".a_mask.png"}, {1, 0}},
        /* A name that ends so of itself; "_mask" is the whole of it; not behind a slash. */
        {{"a_mask.png", "a.png"}, {"a_mask_mask.png", "a.png"}, {0, 1}},
        {{"_mask.png", "a.png"}, {"_mask.png"}, {0, -1}},
        /* The same goes before an end, and a longer end before a shorter one. */
        {{"aa.png", "bird/a.png", "a.png"}, {"a.png"}, {-1, -1, 0}},
        {{"t/a.png", "a.png"}, {"p/t/a_mask.png"}, {0, -1}},
    };
    tacit_context *context = test_context();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int64_t mask_of[MOST];
        const dataset data = make(context, cases[k].data), masks = make(context, cases[k].masks);
        assert_ok(context, masks_find(&data, &masks, mask_of));
        for (int64_t i = 0; i < data.count; i++)
            assert_int_equal(mask_of[i], cases[k].wanted[i]);
    }
    tacit_context_destroy(context);
}

static void names_that_do_not_tell_are_refused(void **state)
{
    (void)state;
    static struct {
        const char *data[MOST], *masks[MOST], *message;
    } cases[] = {
        {{"t/a.png", "t/b.png"}, {"a_mask.png", "c_mask.png"}, "mask c_mask.png is of no example"},
        {{"ta.png"}, {"a.png"}, "mask a.png is of no example"},
        {{"t/a.png"}, {"s/a.png"}, "mask s/a.png is of no example"},
        {{"a.png"}, {"_mask.png"}, "mask _mask.png is of no example"},
        {{"t/a.png", "s/b.png", "s/a.png"},
         {"a_mask.png"},
         "mask a_mask.png may be of t/a.png or of s/a.png"},
        {{"a.png", "a.jpg"}, {"a.png"}, "mask a.png may be of a.png or of a.jpg"},
        {{"a.png"}, {"a.png", "s/a_mask.png"}, "a.png has two masks, a.png and s/a_mask.png"},
        {{"a_mask.png", "a.png"}, {"a_mask.png", "a_mask_mask.png"}, "a_mask.png has two masks"},
    };
    tacit_context *context = test_context();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int64_t mask_of[MOST];
        const dataset data = make(context, cases[k].data), masks = make(context, cases[k].masks);
        context_begin(context);
        assert_fails(context, masks_find(&data, &masks, mask_of), TACIT_ARGUMENT, cases[k].message);
    }
    tacit_context_destroy(context);
}

/* With a limit, or some examples left out, masks of the others are no mistake. */
static void a_part_of_the_data_may_have_more_masks(void **state)
{
    (void)state;
    static const char *names[MOST] = {"c/0.png", "c/1.png"};
    static const char *more[MOST] = {"c/0_mask.png", "c/1_mask.png", "d/0_mask.png", "d/1_mask.png"};
    int64_t kept[1] = {1}, mask_of[MOST];
    test_log log;
    tacit_context *context = test_context();
    dataset data = make(context, names);
    const dataset masks = make(context, more);
    test_keep_log(context, &log);
    data.options.limit = 2;
    assert_ok(context, masks_find(&data, &masks, mask_of));
    assert_int_equal(mask_of[1], 1);
    assert_non_null(strstr(log.text, "2 of 4 masks are of none of the examples opened"));
    data.options.limit = 3; /* which left out nothing */
    assert_fails(context, masks_find(&data, &masks, mask_of), TACIT_ARGUMENT,
                 "d/0_mask.png is of no example");
    context_begin(context);
    data.kept = kept;
    data.count = 1;
    assert_ok(context, masks_find(&data, &masks, mask_of));
    assert_int_equal(mask_of[0], 1);
    assert_non_null(strstr(log.text, "3 of 4 masks"));
    tacit_context_destroy(context);
}

static void labels_and_sizes_are_checked(void **state)
{
    (void)state;
    static const char *names[MOST] = {"good/0.png", "crack/1.png", "crack/2.png"};
    static const char *mask_names[MOST] = {"none.png", "crack/1_mask.png", "crack/2_mask.png"};
    int32_t labels[3] = {0, 1, 1};
    char *label_names[2] = {(char[]){"good"}, (char[]){"crack"}};
    int64_t mask_of[3] = {-1, 1, -1};
    tacit_context *context = test_context();
    dataset data = make(context, names), masks = make(context, mask_names);
    data.labels = labels;
    data.label_names = label_names;
    data.label_count = 2;
    assert_ok(context, masks_check(&data, &masks, mask_of, -1));
    assert_fails(context, masks_check(&data, &masks, mask_of, 0), TACIT_ARGUMENT,
                 "the mask of crack/2.png is missing: its label \"crack\" is not the normal one");
    context_begin(context);
    mask_of[2] = 2;
    assert_ok(context, masks_check(&data, &masks, mask_of, 0));
    mask_of[2] = 1;
    assert_fails(context, masks_check(&data, &masks, mask_of, 0), TACIT_ARGUMENT,
                 "mask crack/1_mask.png: 1 x 2 pixels, expected 1 x 3 as crack/2.png has");
    context_begin(context);
    data.height = 7; /* of all, so that none is read */
    data.width = 1;
    assert_fails(context, masks_check(&data, &masks, mask_of, 0), TACIT_ARGUMENT,
                 "mask crack/1_mask.png: 1 x 2 pixels, expected 1 x 7 as crack/1.png has");
    tacit_context_destroy(context);
}

static tacit_status find_some(tacit_context *context, void *user)
{
    static const char *names[MOST] = {"t/a.png", "t/b.png"}, *mask_names[MOST] = {"b_mask.png"};
    int64_t mask_of[MOST];
    const dataset data = make(context, names), masks = make(context, mask_names);
    (void)user;
    return masks_find(&data, &masks, mask_of);
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    assert_int_equal(test_each_failed_allocation(find_some, NULL), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_found_by_name),
        cmocka_unit_test(names_that_do_not_tell_are_refused),
        cmocka_unit_test(a_part_of_the_data_may_have_more_masks),
        cmocka_unit_test(labels_and_sizes_are_checked),
        cmocka_unit_test(no_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
