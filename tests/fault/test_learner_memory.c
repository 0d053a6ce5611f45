/* Putting a learner together without memory, for every method: each failed allocation is told, and nothing
 * leaks. */
#include "support.h"

#include "objective/learner.h"
#include "train/config.h"

typedef struct choice {
    const char *learns, *kind;
} choice;

static tacit_status set_all(settings *s, const choice *c)
{
    TRY(settings_set(s, "encoder", c->kind));
    TRY(settings_set(s, "patch", "4"));
    TRY(settings_set(s, "readout", "mean"));
    TRY(settings_set(s, "window", "8"));
    TRY(settings_set(s, "vocab", "20"));
    return settings_has(s, "classes") ? settings_set(s, "classes", "3") : TACIT_OK;
}

static tacit_status create(tacit_context *context, void *user)
{
    const choice *c = user;
    const bool texts = encoder_find(c->kind)->words;
    settings *s;
    learner *l = NULL;
    TRY(config_create(&s, context, c->learns));
    tacit_status status = set_all(s, c);
    if (status == TACIT_OK)
        status = learner_create(&l, context, s, texts ? shape_1(8) : shape_3(8, 8, 1));
    learner_destroy(l);
    settings_destroy(s);
    return status;
}

static const char *kind_for(const objective *o)
{
    if (!o->stream)
        return "vit-nano";
    return o->ahead ? "gpt-nano" : "bert-nano";
}

static void every_method(void **state)
{
    (void)state;
    for (int i = 0; objectives[i]; i++) {
        choice c = {objectives[i]->name, kind_for(objectives[i])};
        assert_true(test_each_failed_allocation(create, &c) > 5);
    }
}

static void texts_for_contrastive_methods(void **state)
{
    (void)state;
    choice c = {"simclr", "gpt-nano"};
    assert_true(test_each_failed_allocation(create, &c) > 5);
    c.kind = "bert-nano";
    assert_true(test_each_failed_allocation(create, &c) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_method),
                                       cmocka_unit_test(texts_for_contrastive_methods)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
