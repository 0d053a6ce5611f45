/* The arena: reuse, one block after a reset, no allocation in the steady state, failure that sticks. */
#include "support.h"

#include "base/arena.h"

enum { MEGABYTE = 1 << 20 };

typedef struct fixture {
    test_memory memory;
    tacit_context *context;
    arena *arena;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    f.context = test_context_on(&f.memory);
    assert_ok(f.context, arena_create(&f.arena, f.context));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    arena_destroy(f->arena);
    tacit_context_destroy(f->context);
    return f->memory.alive == 0 ? 0 : -1;
}

static void pieces_are_aligned_and_apart(void **state)
{
    fixture *f = *state;
    char *last = NULL;
    size_t used = 0;
    for (size_t size = 0; size < 300; size += 13) {
        char *piece = arena_take(f->arena, size);
        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % MEMORY_ALIGNMENT, 0);
        assert_true(!last || piece >= last);
        memset(piece, 1, size);
        last = piece + size;
        used += size_aligned(size ? size : 1);
        assert_int_equal(arena_used(f->arena), used);
    }
}

static void last_given_is_first_taken(void **state)
{
    fixture *f = *state;
    char *a = arena_take(f->arena, 1000), *b = arena_take(f->arena, 1000), *c = arena_take(f->arena, 5000);
    arena_give(f->arena, a, 1000);
    arena_give(f->arena, c, 5000);
    arena_give(f->arena, b, 1000);
    arena_give(f->arena, NULL, 7);
    assert_int_equal(arena_used(f->arena), 0);
    assert_ptr_equal(arena_take(f->arena, 1000), b);
    assert_ptr_equal(arena_take(f->arena, 1000), a);
    /* 5000 is too large a piece for 1000, and fits 4800. */
    char *d = arena_take(f->arena, 1000);
    assert_ptr_not_equal(d, c);
    assert_ptr_equal(arena_take(f->arena, 4800), c);
    memset(c, 2, 4800);
}

/* More pieces given back than the list holds: the oldest are forgotten, none is handed out twice. */
static void many_returned_pieces(void **state)
{
    enum { COUNT = 1500 };
    fixture *f = *state;
    static char *pieces[COUNT];
    for (int i = 0; i < COUNT; i++)
        pieces[i] = arena_take(f->arena, 64);
    for (int i = 0; i < COUNT; i++)
        arena_give(f->arena, pieces[i], 64);
    for (int i = 0; i < COUNT; i++) {
        pieces[i] = arena_take(f->arena, 64);
        memcpy(pieces[i], &i, sizeof i);
    }
    for (int i = 0; i < COUNT; i++)
        assert_memory_equal(pieces[i], &i, sizeof i);
}

static void one_round(fixture *f)
{
    void *kept[12];
    for (size_t i = 0; i < 12; i++) {
        kept[i] = arena_take(f->arena, (i + 1) * MEGABYTE / 3);
        assert_non_null(kept[i]);
        memset(kept[i], (int)i, (i + 1) * MEGABYTE / 3);
        if (i % 3 == 2)
            arena_give(f->arena, kept[i], (i + 1) * MEGABYTE / 3);
    }
}

static void steady_state_allocates_nothing(void **state)
{
    fixture *f = *state;
    one_round(f);
    assert_true(f->memory.calls >
                4); /* context, arena, and at least three blocks: else this test shows nothing */
    const size_t held = arena_held(f->arena);
    arena_reset(f->arena);
    assert_int_equal(f->memory.alive, 3);      /* context, arena, one block */
    assert_true(arena_held(f->arena) <= held); /* as much as was used, not as much as was to be had */
    assert_int_equal(arena_used(f->arena), 0);
    const int64_t calls = f->memory.calls;
    for (int round = 0; round < 5; round++) {
        one_round(f);
        arena_reset(f->arena);
    }
    assert_int_equal(f->memory.calls, calls);
}

static void release_gives_all_back(void **state)
{
    fixture *f = *state;
    one_round(f);
    arena_release(f->arena);
    assert_int_equal(f->memory.alive, 2); /* context, arena */
    assert_int_equal(arena_held(f->arena), 0);
    assert_int_equal(arena_used(f->arena), 0);
    one_round(f);
    assert_int_equal(f->memory.alive, 3); /* one block, as large as is needed */
    assert_int_equal(f->context->status, TACIT_OK);
}

static void failure_sticks_until_reset(void **state)
{
    fixture *f = *state;
    assert_non_null(arena_take(f->arena, 100));
    f->memory.fail_at = f->memory.calls + 1;
    assert_null(arena_take(f->arena, 2 * MEGABYTE));
    assert_fails(f->context, f->context->status, TACIT_NOMEM, "out of memory (2097152 bytes for a step");
    assert_null(arena_take(f->arena, 1));
    arena_reset(f->arena);
    context_begin(f->context);
    assert_non_null(arena_take(f->arena, 2 * MEGABYTE));
    assert_int_equal(f->context->status, TACIT_OK);
}

static void impossible_sizes_are_reported(void **state)
{
    fixture *f = *state;
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 63, SIZE_MAX / 2, SIZE_MAX / 4 + 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        arena_reset(f->arena);
        context_begin(f->context);
        assert_null(arena_take(f->arena, sizes[i]));
        assert_fails(f->context, f->context->status, TACIT_NOMEM, "out of memory");
    }
}

/* When the one large block is not to be had at a reset, work goes on with smaller ones, and nothing is
 * reported. */
static void failed_merge_is_no_failure(void **state)
{
    fixture *f = *state;
    one_round(f);
    f->memory.fail_at = f->memory.calls + 1;
    arena_reset(f->arena);
    assert_int_equal(arena_held(f->arena), 0);
    assert_int_equal(f->context->status, TACIT_OK);
    one_round(f);
    assert_int_equal(f->context->status, TACIT_OK);
}

static void create_fails_without_memory(void **state)
{
    fixture *f = *state;
    arena *a;
    f->memory.fail_at = f->memory.calls + 1;
    assert_fails(f->context, arena_create(&a, f->context), TACIT_NOMEM, "out of memory");
    assert_null(a);
    arena_destroy(a);
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(pieces_are_aligned_and_apart),  ARENA_TEST(last_given_is_first_taken),
        ARENA_TEST(many_returned_pieces),          ARENA_TEST(steady_state_allocates_nothing),
        ARENA_TEST(release_gives_all_back),        ARENA_TEST(failure_sticks_until_reset),
        ARENA_TEST(impossible_sizes_are_reported), ARENA_TEST(failed_merge_is_no_failure),
        ARENA_TEST(create_fails_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
