/* Arenas and buffers: bounds, clean-ups, zeroes. */
#include "unit.h"

#include "base/arena.h"
#include "base/buf.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    for (int round = 0; round < 3; round++) {
        for (size_t n = 1; n < 3000; n += 97) {
            unsigned char *p = arena_alloc(a, n);
            assert_int_equal(0, (uintptr_t)p % 16);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(0, p[i]);
            memset(p, 0xaa, n);
        }
        arena_reset(a);
    }
    size_t before = arena_used(a);
    arena_alloc(a, 1 << 20);
    assert_true(arena_used(a) > before);
    arena_reset(a);
    assert_int_equal(before, arena_used(a));
    arena_free(a);
    arena_free(NULL);
}

static int order[3], calls;

static void note(void *arg)
{
    order[calls++] = *(int *)arg;
}

static void clean_ups_run_last_first(void **state)
{
    (void)state;
    int n[3] = {1, 2, 3};
    struct arena *a = arena_new(0);
    for (int i = 0; i < 3; i++)
        arena_defer(a, note, &n[i]);
    arena_reset(a);
    assert_int_equal(3, calls);
    assert_int_equal(3, order[0]);
    assert_int_equal(1, order[2]);
    arena_free(a);
    assert_int_equal(3, calls);
}

static void the_bound_ends_the_process(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        struct arena *a = arena_new(64 << 10);
        for (int i = 0; i < 100; i++)
            arena_alloc(a, 4096);
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void texts(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    assert_text(arena_printf(a, "%d %s", 7, "x"), "7 x");
    assert_string_equal("ab", arena_cstr(a, str_from("abc", 2)));
    assert_non_null(arena_str(a, STR_NULL).p);
    arena_free(a);
}

static void buffers_keep_their_maximum(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    buf_add_cstr(&b, "12345");
    assert_false(b.overflow);
    buf_add_cstr(&b, "678901");
    assert_true(b.overflow);
    assert_text(buf_str(&b), "12345");
    buf_clear(&b);
    assert_false(b.overflow);
    buf_add_i64(&b, INT64_C(-123456789));
    assert_text(buf_str(&b), "-123456789");
    buf_free(&b);
    b = BUF_INIT(0);
    buf_add_i64(&b, INT64_MIN);
    buf_add_char(&b, ' ');
    buf_printf(&b, "%s-%d", "x", 1);
    assert_text(buf_str(&b), "-9223372036854775808 x-1");
    size_t n = 0;
    char *text = buf_take(&b, &n);
    assert_int_equal(n, strlen(text));
    assert_int_equal(0, b.n);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_and_aligned), cmocka_unit_test(clean_ups_run_last_first),
        cmocka_unit_test(the_bound_ends_the_process), cmocka_unit_test(texts),
        cmocka_unit_test(buffers_keep_their_maximum)};
    return cmocka_run_group_tests_name("base_memory", tests, NULL, NULL);
}
