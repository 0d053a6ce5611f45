/* Putting a learner together without memory, for every method: each failed allocation is told, and nothing
 * leaks. */
#include "support.h"

#include "objective/learner.h"
#include "train/config.h"

static tacit_status create(tacit_context *context, void *name)
{
    settings *s;
    learner *l = NULL;
    TRY(config_create(&s, context, name));
    tacit_status status = settings_set(s, "encoder", "vit-nano");
    if (status == TACIT_OK)
        status = settings_set(s, "patch", "4");
    if (status == TACIT_OK)
        status = settings_set(s, "readout", "mean");
    if (status == TACIT_OK && settings_has(s, "classes"))
        status = settings_set(s, "classes", "3");
    if (status == TACIT_OK)
        status = learner_create(&l, context, s, shape_3(8, 8, 1));
    learner_destroy(l);
    settings_destroy(s);
    return status;
}

static void every_method(void **state)
{
    (void)state;
    for (int i = 0; objectives[i]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", objectives[i]->name);
        assert_true(test_each_failed_allocation(create, name) > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_method)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
