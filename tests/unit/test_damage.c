/* Damage: nothing at the strength that means nothing, what each kind does, values that stay in [0, 1], and
 * the same from the same key. */
#include "support.h"

#include "data/augment/damage.h"

enum { HEIGHT = 24, WIDTH = 32, PIXELS = HEIGHT * WIDTH, MOST = 3 * PIXELS };

static const float fill[3] = {0.25f, 0.5f, 0.75f};
static const float strong[DAMAGE_KINDS] = {1.0f, 2.0f, 3.0f, 0.4f, 0.3f, 0.4f};

typedef struct trial {
    tacit_context *context;
    scratch s;
    float before[MOST], after[MOST];
    canvas c;
} trial;

/* A picture of every brightness and colour, no two neighbours alike. */
static void set_up(trial *t, int channels)
{
    draws d = draws_at(3, DRAW_TEST, 0, 0, 0);
    t->context = test_context();
    scratch_init(&t->s, t->context);
    for (int i = 0; i < MOST; i++)
        t->before[i] = draw_uniform(&d);
    memcpy(t->after, t->before, sizeof t->after);
    t->c = (canvas){HEIGHT, WIDTH, channels, t->after};
}

static void tear_down(trial *t)
{
    scratch_fini(&t->s);
    tacit_context_destroy(t->context);
}

static void hit(trial *t, damage_kind kind, float strength, uint64_t example)
{
    draws d = draws_at(3, DRAW_TEST, 1, example, 0);
    memcpy(t->after, t->before, sizeof t->after);
    assert_ok(t->context, damage_apply(kind, strength, &d, fill, &t->s, &t->c));
}

static double mean_difference(const trial *t)
{
    double sum = 0;
    const int count = PIXELS * t->c.channels;
    for (int i = 0; i < count; i++)
        sum += fabs((double)t->after[i] - (double)t->before[i]);
    return sum / count;
}

static void nothing_is_the_identity(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        trial t;
        set_up(&t, channels);
        for (int k = 0; k < DAMAGE_KINDS; k++) {
            hit(&t, (damage_kind)k, damage_rows[k].nothing, 0);
            assert_memory_equal(t.after, t.before, sizeof t.before);
        }
        tear_down(&t);
    }
}

/* Every kind at every strength, the greatest too. Grey pictures have no colour to lose. */
static void values_stay_inside(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        trial t;
        set_up(&t, channels);
        for (int k = 0; k < DAMAGE_KINDS; k++)
            for (int strongest = 0; strongest < 2; strongest++) {
                hit(&t, (damage_kind)k, strongest ? damage_rows[k].most : strong[k], 0);
                for (int i = 0; i < PIXELS * channels; i++)
                    assert_true(t.after[i] >= 0.0f && t.after[i] <= 1.0f);
                assert_true((mean_difference(&t) > 0.01) == (channels == 3 || k != DAMAGE_GREY));
            }
        tear_down(&t);
    }
}

/* The share that is hidden is at least what is asked for, by less than one block more; its colour is the
 * fill, and all else is as it was. */
static void holes_cover_their_share(void **state)
{
    (void)state;
    static const float shares[] = {0.01f, 0.1f, 0.3f, 0.5f, 0.9f};
    trial t;
    set_up(&t, 3);
    for (uint64_t example = 0; example < 10; example++)
        for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
            int hidden = 0;
            hit(&t, DAMAGE_HOLES, shares[i], example);
            for (int p = 0; p < PIXELS; p++) {
                const bool is = memcmp(t.after + 3 * p, fill, sizeof fill) == 0;
                assert_true(is || memcmp(t.after + 3 * p, t.before + 3 * p, sizeof fill) == 0);
                hidden += is;
            }
            const int block = HEIGHT / 4 * (HEIGHT / 4), wanted = (int)ceil((double)shares[i] * PIXELS);
            assert_in_range(hidden, wanted, wanted + block - 1);
        }
    tear_down(&t);
}

static void pepper_and_noise_are_as_strong_as_said(void **state)
{
    (void)state;
    trial t;
    set_up(&t, 1);
    int black = 0, white = 0;
    hit(&t, DAMAGE_PEPPER, 0.3f, 0);
    for (int i = 0; i < PIXELS; i++) {
        black += t.after[i] <= 0.0f;
        white += t.after[i] >= 1.0f;
    }
    assert_near((double)black / PIXELS, 0.15, 0.04, 0);
    assert_near((double)white / PIXELS, 0.15, 0.04, 0);
    double square = 0;
    for (int i = 0; i < PIXELS; i++)
        t.before[i] = 0.5f;
    hit(&t, DAMAGE_NOISE, 0.1f, 0);
    for (int i = 0; i < PIXELS; i++)
        square += ((double)t.after[i] - 0.5) * ((double)t.after[i] - 0.5);
    assert_near(sqrt(square / PIXELS), 0.1, 0.01, 0);
    tear_down(&t);
}

/* Full grey is the luma in all channels, half of it is half way. */
static void grey_is_a_share_of_the_luma(void **state)
{
    (void)state;
    trial t;
    set_up(&t, 3);
    for (int half = 0; half < 2; half++) {
        const double share = half ? 0.5 : 1.0;
        hit(&t, DAMAGE_GREY, (float)share, 0);
        for (int i = 0; i < MOST; i++) {
            const float *p = t.before + i / 3 * 3;
            const double luma = 0.299 * (double)p[0] + 0.587 * (double)p[1] + 0.114 * (double)p[2];
            assert_near((double)t.after[i], share * luma + (1 - share) * (double)t.before[i], 1e-6, 0);
        }
    }
    tear_down(&t);
}

/* A picture of one colour survives what only removes detail. */
static void blur_and_scale_keep_what_is_flat(void **state)
{
    (void)state;
    trial t;
    set_up(&t, 3);
    for (int i = 0; i < MOST; i++)
        t.before[i] = 102.0f / 255.0f;
    for (int k = DAMAGE_BLUR; k <= DAMAGE_SCALE; k++) {
        hit(&t, (damage_kind)k, strong[k], 0);
        for (int i = 0; i < MOST; i++)
            assert_near((double)t.after[i], 0.4, 1e-6, 0);
    }
    tear_down(&t);
}

static damage_settings all_kinds(void)
{
    damage_settings o = {.chance = 0.5f};
    for (int k = 0; k < DAMAGE_KINDS; k++) {
        o.on[k] = true;
        o.low[k] = damage_rows[k].nothing;
        o.high[k] = strong[k];
    }
    return o;
}

static void befall(trial *t, const damage_settings *o, uint64_t seed, uint32_t epoch, uint64_t example)
{
    memcpy(t->after, t->before, sizeof t->after);
    assert_ok(t->context, damage_picture(o, seed, epoch, example, fill, &t->s, &t->c));
}

static void same_key_same_damage(void **state)
{
    (void)state;
    trial t;
    float kept[MOST];
    const damage_settings o = all_kinds();
    set_up(&t, 3);
    befall(&t, &o, 1, 2, 3);
    memcpy(kept, t.after, sizeof kept);
    befall(&t, &o, 1, 2, 4);
    assert_memory_not_equal(kept, t.after, sizeof kept);
    befall(&t, &o, 1, 3, 3);
    assert_memory_not_equal(kept, t.after, sizeof kept);
    befall(&t, &o, 2, 2, 3);
    assert_memory_not_equal(kept, t.after, sizeof kept);
    befall(&t, &o, 1, 2, 3);
    assert_memory_equal(kept, t.after, sizeof kept);
    tear_down(&t);
}

/* With chance 0 exactly one kind falls, each of those that are on now and then; a kind that is off never. */
static void at_least_one_kind(void **state)
{
    (void)state;
    trial t;
    int noisy = 0, holed = 0;
    damage_settings o = all_kinds();
    o.chance = 0.0f;
    for (int k = 0; k < DAMAGE_KINDS; k++) {
        o.on[k] = k == DAMAGE_NOISE || k == DAMAGE_HOLES;
        o.low[k] = o.high[k] = strong[k];
    }
    set_up(&t, 1);
    for (uint64_t example = 0; example < 40; example++) {
        int changed = 0;
        befall(&t, &o, 1, 0, example);
        for (int i = 0; i < PIXELS; i++)
            changed += memcmp(&t.after[i], &t.before[i], sizeof(float)) != 0;
        noisy += changed > PIXELS * 8 / 10;
        holed += changed >= PIXELS * 4 / 10 && changed < PIXELS / 2;
    }
    assert_int_equal(noisy + holed, 40);
    assert_in_range(noisy, 8, 32);
    tear_down(&t);
}

static void refusals(void **state)
{
    (void)state;
    trial t;
    bool on[DAMAGE_KINDS];
    draws d = draws_at(3, DRAW_TEST, 0, 0, 0);
    set_up(&t, 1);
    assert_ok(t.context, damage_parse(t.context, "noise,holes", on));
    for (int k = 0; k < DAMAGE_KINDS; k++)
        assert_int_equal(on[k], k == DAMAGE_NOISE || k == DAMAGE_HOLES);
    static const char *const wrong[] = {"",     "noise,", ",noise",      "noise;holes",
                                        "nois", "noisey", "noise, holes"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        context_begin(t.context);
        assert_fails(t.context, damage_parse(t.context, wrong[i], on), TACIT_ARGUMENT,
                     "is none of grey, blur, scale, noise, pepper, holes");
    }
    static const float bad[] = {-0.1f, 101.0f, NAN};
    for (int k = 0; k < DAMAGE_KINDS; k++)
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            context_begin(t.context);
            assert_fails(t.context, damage_apply((damage_kind)k, bad[i], &d, fill, &t.s, &t.c),
                         TACIT_ARGUMENT, damage_rows[k].name);
        }
    assert_memory_equal(t.after, t.before, sizeof t.before);
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_the_identity),
        cmocka_unit_test(values_stay_inside),
        cmocka_unit_test(holes_cover_their_share),
        cmocka_unit_test(pepper_and_noise_are_as_strong_as_said),
        cmocka_unit_test(grey_is_a_share_of_the_luma),
        cmocka_unit_test(blur_and_scale_keep_what_is_flat),
        cmocka_unit_test(same_key_same_damage),
        cmocka_unit_test(at_least_one_kind),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
