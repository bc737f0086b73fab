/*
 * Scratch arenas. --seed N and --steps N are for the one that takes, marks and releases at random,
 * beside a list of what must be there.
 */
#include "check.h"
#include "ended.h"

#include <plat/scratch.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long seed = 1, steps = 20000;

/* Of AddressSanitizer's, where the test has it. */
int __asan_address_is_poisoned(const volatile void *p) __attribute__((weak));

static struct plat_scratch arena_of(void *buffer, size_t size, size_t limit)
{
	struct plat_scratch scratch;

	check(plat_scratch_init(&scratch, buffer, size, limit) == 0);
	return scratch;
}

static bool faults(void (*run)(void))
{
	char said[10000];
	int status = ended(run, said, sizeof(said));

	/* A sanitizer says more, and exits. */
	return has_sanitizer() ? status != 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

/* --- what is taken --- */

static void what_is_taken_is_aligned_and_apart(void)
{
	struct plat_scratch scratch = arena_of(NULL, 0, SIZE_MAX);
	char *blocks[300];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		blocks[i] = plat_scratch_take(&scratch, i * 7);
		check(blocks[i] && is_aligned(blocks[i], 16));
		fill(blocks[i], i * 7, i);
	}
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		check_with(filled(blocks[i], i * 7, i), "block %zu", i);
	plat_scratch_fini(&scratch);
}

static void alignments_up_to_a_gigabyte_are_kept(void)
{
	struct plat_scratch scratch = arena_of(NULL, 0, SIZE_MAX);
	size_t alignment;

	for (alignment = 1; alignment <= 4 * MIB; alignment *= 2) {
		char *p = plat_scratch_take_aligned(&scratch, 100, alignment);

		check(p && is_aligned(p, alignment));
		fill(p, 100, alignment);
	}
	check(!plat_scratch_take_aligned(&scratch, 100, 0));
	check(!plat_scratch_take_aligned(&scratch, 100, 48));
	check(!plat_scratch_take_aligned(&scratch, 100, (size_t)1 << 31));
	plat_scratch_fini(&scratch);
}

static void a_buffer_is_used_to_its_end_and_no_further(void)
{
	_Alignas(16) char buffer[4096 + 16];
	struct plat_scratch scratch = arena_of(buffer + 1, 4096, 0);
	size_t taken = 0;
	char *p;

	memset(buffer, 0x5a, 1);
	memset(buffer + 4097, 0x5a, 15);
	while ((p = plat_scratch_take(&scratch, 16)) != NULL) {
		check(p >= buffer + 1 && p + 16 <= buffer + 4097);
		memset(p, 0, 16);
		taken += 16;
	}
	check(taken >= (has_sanitizer() ? 2000 : 4064));
	plat_scratch_fini(&scratch);
	check(buffer[0] == 0x5a && buffer[4097] == 0x5a);
}

static void what_does_not_fit_is_refused_at_the_limit(void)
{
	char buffer[256];
	struct plat_scratch scratch = arena_of(buffer, sizeof(buffer), 1 * MIB);
	struct plat_scratch_mark mark = plat_scratch_mark(&scratch);
	size_t taken = 0;
	char *p;

	errno = 99;
	check(!plat_scratch_take(&scratch, 1 * MIB));
	while ((p = plat_scratch_take(&scratch, 10000)) != NULL) {
		memset(p, 1, 10000);
		taken += 10000;
	}
	check(errno == 99);
	check_with(taken > MIB * 3 / 4 && taken <= MIB, "%zu bytes were taken", taken);
	/* And again, when it was given back. */
	plat_scratch_release(&scratch, mark);
	check(plat_scratch_take(&scratch, 700 * KIB));
	plat_scratch_fini(&scratch);
}

static void what_is_kept_is_in_nobodys_way(void)
{
	struct plat_scratch scratch = arena_of(NULL, 4096, 100 << 10);
	struct plat_scratch_mark start = plat_scratch_mark(&scratch);

	check(plat_scratch_take(&scratch, 60 << 10));
	plat_scratch_release(&scratch, start);
	check(plat_scratch_take(&scratch, 90 << 10));
	check(!plat_scratch_take(&scratch, 90 << 10));
	plat_scratch_release(&scratch, start);
	check(plat_scratch_take(&scratch, 60 << 10));
	plat_scratch_fini(&scratch);
}

static void what_is_kept_is_used_again(void)
{
	struct plat_scratch scratch = arena_of(NULL, 4096, SIZE_MAX);
	struct plat_scratch_mark start = plat_scratch_mark(&scratch);
	size_t size;

	for (size = 10 * KIB; size < 250 * KIB; size += 10 * KIB) {
		void *first = plat_scratch_take(&scratch, size), *second;

		plat_scratch_release(&scratch, start);
		second = plat_scratch_take(&scratch, size);
		check_with(first && first == second, "%zu bytes", size);
		plat_scratch_release(&scratch, start);
	}
	plat_scratch_fini(&scratch);
}

/* What is mapped behind it may be another piece, with a mark at its first byte. */
static void pages_of_the_kernel_are_not_used_to_their_last_byte(void)
{
	struct plat_scratch scratch = arena_of(NULL, 4096, 64 * KIB);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p, *last = plat_scratch_take(&scratch, 8000);

	while ((p = plat_scratch_take(&scratch, 16)) != NULL)
		last = p;
	check(last && ((uintptr_t)last + 16) % page != 0);
	plat_scratch_fini(&scratch);
}

static void sizes_that_no_memory_has_are_refused(void)
{
	struct plat_scratch *scratch = plat_scratch_mine();
	size_t size;

	for (size = SIZE_MAX; size > SIZE_MAX / 4; size -= SIZE_MAX / 64) {
		check(!plat_scratch_take(scratch, size));
		check(!plat_scratch_take_aligned(scratch, size, 4096));
		check(!plat_scratch_array(scratch, size / 16, 48));
	}
	check(!plat_scratch_array(scratch, SIZE_MAX / 2 + 2, 2));
	check(!plat_scratch_array(scratch, 2, SIZE_MAX / 2 + 2));
	check(plat_scratch_array(scratch, 100, 8));
	check(plat_scratch_array(scratch, 100, 0));
}

static void an_arena_of_zeros_gives_nothing(void)
{
	struct plat_scratch scratch;

	memset(&scratch, 0, sizeof(scratch));
	check(!plat_scratch_take(&scratch, 1));
	plat_scratch_release(&scratch, plat_scratch_mark(&scratch));
	plat_scratch_fini(&scratch);
	check(plat_scratch_init(&scratch, NULL, SIZE_MAX, 0) == -EINVAL);
	check(plat_scratch_init(&scratch, NULL, 0, 0) == 0);
	plat_scratch_fini(&scratch);
	plat_scratch_fini(&scratch);
	check(!plat_scratch_take(&scratch, 1));
}

/* --- scopes --- */

static char *in_a_scope(struct plat_scratch *scratch, int depth)
{
	PLAT_SCRATCH_SCOPE(scratch);
	char *p = plat_scratch_take(scratch, 1000), *inner;

	check(p != NULL);
	fill(p, 1000, (uint64_t)depth);
	if (depth == 0)
		return p;
	inner = in_a_scope(scratch, depth - 1);
	check(filled(p, 1000, (uint64_t)depth));
	check(inner != p);
	/* What the inner scope had is taken again. */
	check(plat_scratch_take(scratch, 1000) == inner);
	return p;
}

static void a_scope_gives_back_what_it_took(void)
{
	struct plat_scratch scratch = arena_of(NULL, 1 * MIB, 0);
	char *first = in_a_scope(&scratch, 0);

	check(in_a_scope(&scratch, 200) == first);
	plat_scratch_fini(&scratch);
}

static void a_large_peak_is_not_kept(void)
{
	struct plat_scratch *scratch = plat_scratch_mine();
	size_t before = address_space(), i;

	for (i = 0; i < 3; i++) {
		PLAT_SCRATCH_SCOPE(scratch);
		char *p = plat_scratch_take(scratch, 64 * MIB), *q;

		check(p != NULL);
		p[64 * MIB - 1] = 1;
		while ((q = plat_scratch_take(scratch, 50000)) != NULL && i < 1000)
			i += !!q;
		check(address_space() >= before + 64 * MIB);
	}
	check_with(address_space() <= before + 300 * KIB, "%zu bytes are kept",
		   address_space() - before);
}

static jmp_buf target;

static void take_and_jump(struct plat_scratch *scratch, int depth)
{
	PLAT_SCRATCH_SCOPE(scratch);

	check(plat_scratch_take(scratch, 30000));
	if (depth > 0)
		take_and_jump(scratch, depth - 1);
	else if (opaque(scratch))
		longjmp(target, 1);
}

static __attribute__((noinline)) void come_back(struct plat_scratch *scratch)
{
	if (setjmp(target) == 0)
		take_and_jump(scratch, 10);
}

static void a_jump_leaves_it_to_the_scope_it_jumps_to(void)
{
	struct plat_scratch *scratch = plat_scratch_mine();
	int jumps;
	struct plat_scratch_mark mark = plat_scratch_mark(scratch);
	char *first = plat_scratch_take(scratch, 10), *again;

	plat_scratch_release(scratch, mark);
	for (jumps = 0; jumps < 100; jumps++) {
		PLAT_SCRATCH_SCOPE(scratch);

		come_back(scratch);
	}
	again = plat_scratch_take(scratch, 10);
	check(again == first);
}

/* --- mistakes --- */

static void release_inner_after_outer(void)
{
	struct plat_scratch scratch = arena_of(NULL, 0, SIZE_MAX);
	struct plat_scratch_mark outer = plat_scratch_mark(&scratch), inner;

	check(plat_scratch_take(&scratch, 100));
	inner = plat_scratch_mark(&scratch);
	check(plat_scratch_take(&scratch, 100));
	plat_scratch_release(&scratch, outer);
	plat_scratch_release(&scratch, inner);
}

static void release_in_a_piece_that_is_gone(void)
{
	struct plat_scratch scratch = arena_of(NULL, 0, SIZE_MAX);
	struct plat_scratch_mark outer = plat_scratch_mark(&scratch), inner;

	check(plat_scratch_take(&scratch, 10 * MIB));
	inner = plat_scratch_mark(&scratch);
	plat_scratch_release(&scratch, outer);
	plat_scratch_release(&scratch, inner);
}

static void a_release_out_of_order_is_one_line_and_abort(void)
{
	static void (*const deeds[])(void) = {release_inner_after_outer,
					      release_in_a_piece_that_is_gone};
	char said[1000];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(deeds); i++) {
		int status = ended(deeds[i], said, sizeof(said));

		check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		check(strncmp(said, "plat: scratch is released out of order: the mark at 0x", 54) ==
		      0);
		check(strchr(said, '\n') == said + strlen(said) - 1);
	}
}

static char *volatile kept;

static void read_what_was_given_back(void)
{
	struct plat_scratch *scratch;
	int i;

	plat_scratch_checked(1);
	scratch = plat_scratch_mine();
	{
		PLAT_SCRATCH_SCOPE(scratch);
		kept = plat_scratch_take(scratch, 100);
		kept[99] = 1;
	}
	for (i = 0; i < 1000; i++) {
		PLAT_SCRATCH_SCOPE(scratch);
		*(char *)plat_scratch_take(scratch, 100) = 1;
	}
	kept[50] = 2;
}

static void write_behind_the_end(void)
{
	struct plat_scratch scratch;

	plat_scratch_checked(1);
	scratch = arena_of(NULL, 0, SIZE_MAX);
	kept = plat_scratch_take(&scratch, 160);
	kept[159] = 1;
	kept[160] = 1;
}

static void in_checked_arenas_mistakes_fault(void)
{
	check(faults(read_what_was_given_back));
	check(faults(write_behind_the_end));
}

static void checked_arenas_go_on_when_their_pages_are_used_up(void)
{
	struct plat_scratch scratch;
	struct rlimit limit = {1024 * MIB, 1024 * MIB};
	size_t i;

	if (has_sanitizer())
		skip("the sanitizer needs more address space");
	check(setrlimit(RLIMIT_AS, &limit) == 0);
	check(plat_scratch_checked(1) == 0);
	scratch = arena_of(NULL, 0, SIZE_MAX);
	for (i = 0; i < 400; i++) {
		PLAT_SCRATCH_SCOPE(&scratch);
		char *p = plat_scratch_take(&scratch, 30000),
		     *q = plat_scratch_take(&scratch, i % 99);

		check_with(p && q, "round %zu", i);
		fill(p, 1000, i);
		fill(q, i % 99, i + 1);
		check(filled(p, 1000, i));
	}
	plat_scratch_fini(&scratch);
	check(plat_scratch_checked(0) == 1);
}

static void a_sanitizer_knows_what_was_given_back(void)
{
	char buffer[1000];
	struct plat_scratch scratch = arena_of(buffer, sizeof(buffer), SIZE_MAX);
	struct plat_scratch_mark mark = plat_scratch_mark(&scratch);
	char *p = plat_scratch_take(&scratch, 100), *q = plat_scratch_take(&scratch, 5000);

	if (!has_sanitizer())
		skip("there is none");
	check(!__asan_address_is_poisoned(p) && !__asan_address_is_poisoned(p + 99));
	check(__asan_address_is_poisoned(p + 100));
	check(!__asan_address_is_poisoned(q + 4999) && __asan_address_is_poisoned(q + 5000));
	plat_scratch_release(&scratch, mark);
	check(__asan_address_is_poisoned(p));
	plat_scratch_fini(&scratch);
	check(!__asan_address_is_poisoned(p));
}

/* --- threads, handlers, processes --- */

static void *use_own(void *data)
{
	struct plat_scratch *scratch = plat_scratch_mine();
	PLAT_SCRATCH_SCOPE(scratch);
	char *p = plat_scratch_take(scratch, 300000);

	check(scratch != data);
	check(p != NULL);
	memset(p, 1, 300000);
	return NULL;
}

static void run_thread(void *(*run)(void *), void *data, size_t stack_size)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (stack_size > 0)
		check(pthread_attr_setstacksize(&attr, stack_size) == 0);
	check(pthread_create(&thread, &attr, run, data) == 0);
	check(pthread_join(thread, NULL) == 0);
	pthread_attr_destroy(&attr);
}

static void threads_that_end_leave_nothing_behind(void)
{
	size_t before, i;

	for (i = 0; i < 4; i++)
		run_thread(use_own, plat_scratch_mine(), 0);
	before = address_space();
	for (i = 0; i < 100; i++)
		run_thread(use_own, plat_scratch_mine(), 0);
	check_with(address_space() <= before + (has_sanitizer() ? 16 * MIB : 0), "%zu bytes more",
		   address_space() - before);
}

static void more_than_the_stack_is_taken_in_a_thread_with_a_small_one(void)
{
	run_thread(use_own, plat_scratch_mine(), has_sanitizer() ? 256 * KIB : 64 * KIB);
}

static pthread_key_t late_key;

static void take_late(void *data)
{
	uintptr_t rounds = (uintptr_t)data;

	check(plat_scratch_take(plat_scratch_mine(), 100000));
	if (rounds > 1)
		pthread_setspecific(late_key, (void *)(rounds - 1));
}

static void *end_with_destructors(void *data)
{
	check(plat_scratch_take(plat_scratch_mine(), 10));
	pthread_setspecific(late_key, (void *)(uintptr_t)3);
	return data;
}

static void destructors_of_a_thread_may_take(void)
{
	size_t before, i;

	check(plat_scratch_take(plat_scratch_mine(), 10));
	check(pthread_key_create(&late_key, take_late) == 0);
	run_thread(end_with_destructors, NULL, 0);
	before = address_space();
	for (i = 0; i < 20; i++)
		run_thread(end_with_destructors, NULL, 0);
	check(address_space() <= before + (has_sanitizer() ? 16 * MIB : 0));
}

static void *be_cancelled(void *data)
{
	PLAT_SCRATCH_SCOPE(plat_scratch_mine());

	check(plat_scratch_take(plat_scratch_mine(), MIB));
	for (;;)
		pause();
	return data;
}

static void a_thread_that_is_cancelled_in_a_scope_leaves_nothing_behind(void)
{
	pthread_t thread;
	size_t before = 0, i;

	if (has_sanitizer())
		skip("the sanitizer cannot live with cancelled threads");
	for (i = 0; i < 10; i++) {
		check(pthread_create(&thread, NULL, be_cancelled, NULL) == 0);
		check(pthread_cancel(thread) == 0);
		check(pthread_join(thread, NULL) == 0);
		if (i == 2)
			before = address_space();
	}
	check(address_space() <= before + (has_sanitizer() ? 16 * MIB : 0));
}

/*
 * The processor's trap flag: while it is set there is a SIGTRAP after each instruction. The bytes
 * below the stack pointer are the compiler's.
 */
#if defined(__x86_64__)
#define STEP_FLAG(change)                                                                          \
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; " change                                 \
			 "(%%rsp); popfq; lea 128(%%rsp), %%rsp"                                   \
			 :                                                                         \
			 :                                                                         \
			 : "memory", "cc")
#elif defined(__i386__)
#define STEP_FLAG(change) __asm__ volatile("pushfl; " change "(%%esp); popfl" : : : "memory", "cc")
#endif

#ifdef STEP_FLAG
#define STEP_ON() STEP_FLAG("orl $0x100, ")
#define STEP_OFF() STEP_FLAG("andl $~0x100, ")

static size_t nhandled, nothing_left;

/* It finds the arena at every instruction, and writes to all that it takes. */
static void on_step(int number)
{
	struct plat_scratch *scratch = plat_scratch_mine();
	PLAT_SCRATCH_SCOPE(scratch);
	size_t size = nhandled++ % 5 == 0 ? 80000 : 60;
	char *p = plat_scratch_take(scratch, size);

	(void)number;
	if (p)
		memset(p, 0xee, size < 1000 ? size : 1000);
	else
		nothing_left++;
}

static void take_step_by_step(struct plat_scratch *scratch, const size_t *sizes, size_t n)
{
	PLAT_SCRATCH_SCOPE(scratch);
	char *blocks[8];
	size_t i;

	for (i = 0; i < n; i++) {
		STEP_ON();
		blocks[i] = plat_scratch_take(scratch, sizes[i]);
		STEP_OFF();
		check(blocks[i] != NULL);
		fill(blocks[i], sizes[i], i);
	}
	for (i = 0; i < n; i++)
		check(filled(blocks[i], sizes[i], i));
	STEP_ON();
}

static void a_handler_takes_at_every_instruction(void)
{
	static const size_t sizes[] = {100, 3000, 70000, 5, 50000, 300000, 0, 10};
	struct plat_scratch *scratch = plat_scratch_mine();
	struct sigaction action = {.sa_handler = on_step};
	size_t i;

	check(sigaction(SIGTRAP, &action, NULL) == 0);
	for (i = 0; i < 3; i++) {
		take_step_by_step(scratch, sizes, ARRAY_SIZE(sizes));
		STEP_OFF();
	}
	check_with(nhandled > 300 && nothing_left < nhandled / 20, "%zu of %zu had nothing",
		   nothing_left, nhandled);
}

#else

static void a_handler_takes_at_every_instruction(void)
{
	skip("this processor has no flag for it");
}

#endif

static void a_handler_takes_from_a_checked_arena_too(void)
{
	plat_scratch_checked(1);
	a_handler_takes_at_every_instruction();
}

static void the_child_of_a_fork_goes_on_with_it(void)
{
	struct plat_scratch *scratch = plat_scratch_mine();
	struct plat_scratch_mark mark = plat_scratch_mark(scratch);
	char *p = plat_scratch_take(scratch, 100000);
	pid_t child;

	fill(p, 100000, 1);
	child = fork();
	if (child == 0) {
		check(plat_scratch_mine() == scratch);
		check(filled(p, 100000, 1));
		plat_scratch_release(scratch, mark);
		p = plat_scratch_take(scratch, 200000);
		fill(p, 200000, 2);
		check(filled(p, 200000, 2));
		_exit(0);
	}
	check(child_failed(child) == NULL);
	check(filled(p, 100000, 1));
}

static void without_address_space_it_is_null(void)
{
	struct plat_scratch *scratch = plat_scratch_mine();
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	size_t left = 8 * MIB;

	if (has_sanitizer())
		skip("the sanitizer needs more address space");
	check(plat_scratch_take(scratch, 1));
	limit.rlim_cur = address_space() + left;
	check(setrlimit(RLIMIT_AS, &limit) == 0);
	errno = 99;
	check(!plat_scratch_take(scratch, left + MIB));
	check(errno == 99);
	check(plat_scratch_take(scratch, left / 2));
	check(plat_scratch_take(scratch, 10));
}

static void *take_nothing(void *data)
{
	struct rlimit limit = {address_space(), RLIM_INFINITY};
	struct plat_scratch *scratch;
	struct plat_scratch_mark mark;

	check(setrlimit(RLIMIT_AS, &limit) == 0);
	scratch = plat_scratch_mine();
	mark = plat_scratch_mark(scratch);
	check(scratch != NULL && !plat_scratch_take(scratch, 1));
	plat_scratch_release(scratch, mark);
	return data;
}

static void a_thread_without_memory_for_an_arena_is_given_none(void)
{
	if (has_sanitizer())
		skip("the sanitizer needs more address space");
	run_thread(take_nothing, NULL, 0);
}

/* --- at random, beside a list --- */

#define NBLOCKS 400
#define NMARKS 40

struct list {
	struct plat_scratch scratch;
	struct {
		char *p;
		size_t size;
		uint64_t pattern;
	} blocks[NBLOCKS];
	struct {
		struct plat_scratch_mark mark;
		size_t nblocks;
	} marks[NMARKS];
	size_t nblocks, nmarks;
	uint64_t chance;
};

static size_t draw(struct list *list, size_t below)
{
	list->chance = list->chance * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(list->chance >> 33) % below;
}

static void take_one(struct list *list)
{
	size_t size = draw(list, 10) == 0 ? draw(list, 200000) : draw(list, 900), i;
	size_t alignment = draw(list, 5) == 0 ? (size_t)1 << draw(list, 14) : 16;
	char *p = alignment == 16 ? plat_scratch_take(&list->scratch, size)
				  : plat_scratch_take_aligned(&list->scratch, size, alignment);

	check_with(p && is_aligned(p, alignment), "seed %lu", seed);
	for (i = 0; i < list->nblocks; i++)
		check_with(p + size <= list->blocks[i].p ||
				   p >= list->blocks[i].p + list->blocks[i].size,
			   "seed %lu", seed);
	list->blocks[list->nblocks].p = p;
	list->blocks[list->nblocks].size = size;
	list->blocks[list->nblocks].pattern = list->chance;
	fill(p, size, list->chance);
	list->nblocks++;
}

/* One of the last marks, with all that came later. */
static void release_one(struct list *list)
{
	size_t n = draw(list, 4) == 0 ? draw(list, list->nmarks) : list->nmarks - 1;

	while (list->nblocks > list->marks[n].nblocks) {
		list->nblocks--;
		check_with(filled(list->blocks[list->nblocks].p, list->blocks[list->nblocks].size,
				  list->blocks[list->nblocks].pattern),
			   "seed %lu", seed);
	}
	plat_scratch_release(&list->scratch, list->marks[n].mark);
	list->nmarks = n;
}

static void step(struct list *list)
{
	size_t what = draw(list, 10);

	if (list->nmarks > 0 && (what == 0 || list->nblocks == NBLOCKS || list->nmarks == NMARKS)) {
		release_one(list);
	} else if (what == 1) {
		list->marks[list->nmarks].mark = plat_scratch_mark(&list->scratch);
		list->marks[list->nmarks++].nblocks = list->nblocks;
	} else if (list->nblocks < NBLOCKS) {
		take_one(list);
	}
}

static void run_at_random(unsigned long n)
{
	static struct list list;
	char buffer[5000];

	memset(&list, 0, sizeof(list));
	list.chance = seed;
	list.scratch = arena_of(seed % 2 ? buffer : NULL, seed % 2 ? sizeof(buffer) : 0, SIZE_MAX);
	list.marks[list.nmarks++].mark = plat_scratch_mark(&list.scratch);
	while (n-- > 0)
		step(&list);
	while (list.nmarks > 0)
		release_one(&list);
	plat_scratch_fini(&list.scratch);
}

static void at_random_it_is_as_the_list_says(void)
{
	run_at_random(steps);
	seed++;
	run_at_random(steps);
}

static void checked_and_at_random_it_is_as_the_list_says(void)
{
	plat_scratch_checked(1);
	run_at_random(steps / 4);
}

/* What the copy below is called with: it tells whether its arenas would be checked. */
#define TELL "tell"
#define NO_RIGHTS_GAINED 77

static int tell(void)
{
	return getauxval(AT_SECURE) ? plat_scratch_checked(0) : NO_RIGHTS_GAINED;
}

static void copy_self_with_rights(const char *path)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	struct stat file;

	check(from >= 0 && to >= 0 && fstat(from, &file) == 0);
	check(sendfile(to, from, NULL, (size_t)file.st_size) == file.st_size);
	check(fchown(to, 65534, (gid_t)-1) == 0 && fchmod(to, 04755) == 0);
	check(close(from) == 0 && close(to) == 0);
}

static void who_gains_rights_is_not_ruled_by_the_environment(void)
{
	char path[] = "/tmp/plat-scratch-XXXXXX";
	int status = 0;
	pid_t child;

	if (geteuid() != 0)
		skip("not root");
	check(mkdtemp(path) && chmod(path, 0755) == 0 && chdir(path) == 0);
	copy_self_with_rights("copy");
	setenv("PLAT_SCRATCH", "checked", 1);
	child = fork();
	if (child == 0) {
		execl("copy", "copy", TELL, (char *)NULL);
		_exit(99);
	}
	check(child > 0 && waitpid(child, &status, 0) == child);
	check(unlink("copy") == 0 && rmdir(path) == 0);
	if (WEXITSTATUS(status) == NO_RIGHTS_GAINED)
		skip("set-user-ID has no effect there");
	check_with(status == 0, "%d", status);
}

static const struct test tests[] = {
	{TEST(what_is_taken_is_aligned_and_apart)},
	{TEST(alignments_up_to_a_gigabyte_are_kept)},
	{TEST(a_buffer_is_used_to_its_end_and_no_further)},
	{TEST(what_does_not_fit_is_refused_at_the_limit)},
	{TEST(what_is_kept_is_in_nobodys_way)},
	{TEST(what_is_kept_is_used_again)},
	{TEST(pages_of_the_kernel_are_not_used_to_their_last_byte)},
	{TEST(sizes_that_no_memory_has_are_refused)},
	{TEST(an_arena_of_zeros_gives_nothing)},
	{TEST(a_scope_gives_back_what_it_took)},
	{TEST(a_large_peak_is_not_kept)},
	{TEST(a_jump_leaves_it_to_the_scope_it_jumps_to)},
	{TEST(a_release_out_of_order_is_one_line_and_abort)},
	{TEST(in_checked_arenas_mistakes_fault)},
	{TEST(checked_arenas_go_on_when_their_pages_are_used_up)},
	{TEST(who_gains_rights_is_not_ruled_by_the_environment)},
	{TEST(a_sanitizer_knows_what_was_given_back)},
	{TEST(threads_that_end_leave_nothing_behind)},
	{TEST(more_than_the_stack_is_taken_in_a_thread_with_a_small_one)},
	{TEST(destructors_of_a_thread_may_take)},
	{TEST(a_thread_that_is_cancelled_in_a_scope_leaves_nothing_behind)},
	{TEST(a_handler_takes_at_every_instruction)},
	{TEST(a_handler_takes_from_a_checked_arena_too)},
	{TEST(the_child_of_a_fork_goes_on_with_it)},
	{TEST(without_address_space_it_is_null)},
	{TEST(a_thread_without_memory_for_an_arena_is_given_none)},
	{TEST(at_random_it_is_as_the_list_says)},
	{TEST(checked_and_at_random_it_is_as_the_list_says)},
};

static const struct number numbers[] = {{"seed", &seed}, {"steps", &steps}};

int main(int argc, char **argv)
{
	/* Nobody may trace who has gained rights: so no sanitizer is to look for leaks. */
	if (argc == 2 && strcmp(argv[1], TELL) == 0)
		_exit(tell());
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), numbers, ARRAY_SIZE(numbers));
}
