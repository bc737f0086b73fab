/*
 * Signal handlers that allocate, whatever they interrupted. POSIX does not ask for it; programs do
 * it all the same, mostly when they have crashed already.
 *
 *	signals [--ticks N] [--every MICROSECONDS]
 *
 * --ticks: signals a test, 5000; --every: 200.
 */
#include "check.h"

#include "prop/kernel/random.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define NBLOCKS 64
#define NTHREADS 4

static unsigned long enough = 5000, every = 200;
static atomic_ulong nticks;

struct block {
	unsigned char *p;
	size_t size;
	uint64_t pattern;
};

/* Blocks that one context plays with: the program, or the handler. */
struct toys {
	struct random random;
	struct block blocks[NBLOCKS];
};

static size_t draw_size(struct random *random)
{
	unsigned chance = random_below(random, 1000);
	unsigned bits = chance < 900 ? 11 : chance < 990 ? 16 : 21;

	return 1 + (size_t)(random_next(random) & ((1U << random_below(random, bits + 1)) - 1));
}

/* Of large blocks only the ends are written, or nothing else would be done. */
static size_t end_size(const struct block *block)
{
	return block->size < 4096 ? block->size : 2048;
}

static void write_toy(struct block *block)
{
	size_t end = end_size(block);

	fill(block->p + block->size - end, end, block->pattern + 1);
	fill(block->p, end, block->pattern);
}

static void must_be_whole(const struct block *block)
{
	size_t end = end_size(block);

	if (end < block->size)
		check_with(filled(block->p + block->size - end, end, block->pattern + 1),
			   "%p of %zu", (void *)block->p, block->size);
	check_with(filled(block->p, end, block->pattern), "%p of %zu", (void *)block->p,
		   block->size);
}

static void *get(struct random *random, size_t size)
{
	switch (random_below(random, 8)) {
	case 0:
		return calloc(1, size);
	case 1:
		return memalign((size_t)1 << random_below(random, 13), size);
	case 2:
		return realloc(NULL, size);
	default:
		return malloc(size);
	}
}

/*
 * One call or two. A block is out of the list before the call that may give it away, and in it
 * after the call that gave it: if the call never returns, the block is lost and nothing else.
 */
static void play(struct toys *toys)
{
	struct random *random = &toys->random;
	struct block *toy = &random_of(random, toys->blocks), block = *toy;

	toy->p = NULL;
	__asm__ volatile("" : : : "memory");
	if (block.p) {
		must_be_whole(&block);
		if (random_percent(random, 70)) {
			free(block.p);
			return;
		}
		block.size = draw_size(random);
		block.p = realloc(block.p, block.size);
	} else {
		block.size = draw_size(random);
		block.p = get(random, block.size);
	}
	check(block.p);
	block.pattern = random_next(random);
	write_toy(&block);
	toy->size = block.size;
	toy->pattern = block.pattern;
	__asm__ volatile("" : : : "memory");
	toy->p = block.p;
}

static void put_away(struct toys *toys)
{
	unsigned i;

	for (i = 0; i < NBLOCKS; i++) {
		if (!toys->blocks[i].p)
			continue;
		must_be_whole(&toys->blocks[i]);
		free(toys->blocks[i].p);
		toys->blocks[i].p = NULL;
	}
}

static void on(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	check(sigaction(signal, &action, NULL) == 0);
}

static void tick(int which, unsigned long microseconds)
{
	struct itimerval timer = {{0, (long)microseconds}, {0, (long)microseconds}};

	check(setitimer(which, &timer, NULL) == 0);
}

/*
 * The handler has toys of its own.
 */

static struct toys of_program = {{1}, {{0}}}, of_handler = {{2}, {{0}}};

static void play_in_the_handler(int signal)
{
	int error = errno;
	unsigned i;

	(void)signal;
	for (i = 0; i < 10; i++)
		play(&of_handler);
	nticks++;
	errno = error;
}

static void handlers_and_program_allocate(int flags)
{
	needs_ours("a handler must not allocate");
	on(SIGALRM, play_in_the_handler, flags);
	tick(ITIMER_REAL, every);
	while (nticks < enough)
		play(&of_program);
	tick(ITIMER_REAL, 0);
	put_away(&of_program);
	put_away(&of_handler);
}

static void a_handler_allocates_while_the_program_does(void)
{
	handlers_and_program_allocate(SA_RESTART);
}

static void a_handler_allocates_on_a_small_stack_of_its_own(void)
{
	size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 8 * KIB;
	stack_t stack = {.ss_size = size};

	stack.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(stack.ss_sp != MAP_FAILED);
	check(sigaltstack(&stack, NULL) == 0);
	handlers_and_program_allocate(SA_RESTART | SA_ONSTACK);
}

/* Handlers interrupt handlers, each with toys of its depth. */
#define DEPTH 4
static struct toys of_depth[DEPTH];
static volatile sig_atomic_t depth;

static void play_at_any_depth(int signal)
{
	int error = errno, mine = depth, i;

	(void)signal;
	nticks++;
	if (mine < DEPTH) {
		depth = mine + 1;
		for (i = 0; i < 30; i++)
			play(&of_depth[mine]);
		depth = mine;
	}
	errno = error;
}

static void a_handler_interrupts_a_handler_that_allocates(void)
{
	static const int signals[DEPTH] = {SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1};
	unsigned i;

	needs_ours("a handler must not allocate");
	for (i = 0; i < DEPTH; i++) {
		of_depth[i].random.state = i + 10;
		on(signals[i], play_at_any_depth, SA_RESTART);
	}
	tick(ITIMER_REAL, every);
	tick(ITIMER_VIRTUAL, 1000);
	tick(ITIMER_PROF, 1000);
	while (nticks < enough)
		play(&of_program);
	tick(ITIMER_REAL, 0);
	tick(ITIMER_VIRTUAL, 0);
	tick(ITIMER_PROF, 0);
	put_away(&of_program);
	for (i = 0; i < DEPTH; i++)
		put_away(&of_depth[i]);
}

/*
 * Threads, each with toys for itself and for its handler.
 */

static _Thread_local struct toys *mine_in_handler;

static void play_in_this_threads_handler(int signal)
{
	int error = errno;
	unsigned i;

	(void)signal;
	for (i = 0; mine_in_handler && i < 10; i++)
		play(mine_in_handler);
	nticks++;
	errno = error;
}

static void *play_in_a_thread(void *argument)
{
	struct toys mine = {{(uintptr_t)argument}, {{0}}};
	struct toys in_handler = {{(uintptr_t)argument + 100}, {{0}}};

	mine_in_handler = &in_handler;
	while (nticks < enough)
		play(&mine);
	mine_in_handler = NULL;
	put_away(&mine);
	put_away(&in_handler);
	return NULL;
}

static void *signal_all(void *threads)
{
	unsigned i;

	while (nticks < enough) {
		for (i = 0; i < NTHREADS; i++)
			pthread_kill(((pthread_t *)threads)[i], SIGUSR2);
		usleep((unsigned)every);
	}
	return NULL;
}

static void handlers_allocate_in_every_thread(void)
{
	pthread_t threads[NTHREADS], signaller;
	unsigned i;

	needs_ours("a handler must not allocate");
	on(SIGUSR2, play_in_this_threads_handler, SA_RESTART);
	for (i = 0; i < NTHREADS; i++)
		check(pthread_create(&threads[i], NULL, play_in_a_thread, (void *)(uintptr_t)i) ==
		      0);
	check(pthread_create(&signaller, NULL, signal_all, threads) == 0);
	check(pthread_join(signaller, NULL) == 0);
	for (i = 0; i < NTHREADS; i++)
		check(pthread_join(threads[i], NULL) == 0);
}

/*
 * Blocks pass between the program and the handler, both ways.
 */

#define NPASSED 16

static void *_Atomic passed[NPASSED];

static void pass(struct random *random)
{
	size_t size = 8 + draw_size(random);
	size_t *p = malloc(size);

	check(p);
	*p = size;
	p = atomic_exchange(&random_of(random, passed), p);
	if (p) {
		check_with(*p < 3 * MIB, "%zx", *p);
		check(malloc_usable_size(p) >= *p);
		*p = 0;
		free(p);
	}
}

static void pass_in_the_handler(int signal)
{
	static struct random random = {4};
	int error = errno;
	unsigned i;

	(void)signal;
	for (i = 0; i < 10; i++)
		pass(&random);
	nticks++;
	errno = error;
}

static void handlers_free_what_the_program_made(void)
{
	struct random random = {3};
	unsigned i;

	needs_ours("a handler must not allocate");
	on(SIGALRM, pass_in_the_handler, SA_RESTART);
	tick(ITIMER_REAL, every);
	while (nticks < enough)
		pass(&random);
	tick(ITIMER_REAL, 0);
	for (i = 0; i < NPASSED; i++)
		free(passed[i]);
}

/*
 * A handler that does not come back. The call it interrupted is never finished.
 */

static sigjmp_buf away;
static volatile sig_atomic_t may_jump;

static void jump_away(int signal)
{
	(void)signal;
	nticks++;
	if (may_jump)
		siglongjmp(away, 1);
}

static void play_before_jumping_away(int signal)
{
	unsigned i;

	for (i = 0; i < 5; i++)
		play(&of_handler);
	jump_away(signal);
}

static void jump_out_of_the_handler(void (*handler)(int))
{
	struct toys once_more = {{5}, {{0}}};
	unsigned i;

	needs_ours("a lock would stay locked");
	on(SIGALRM, handler, 0);
	tick(ITIMER_REAL, every);
	sigsetjmp(away, 1);
	may_jump = 1;
	while (nticks < enough)
		play(&of_program);
	may_jump = 0;
	tick(ITIMER_REAL, 0);
	put_away(&of_program);
	put_away(&of_handler);
	for (i = 0; i < 100000; i++)
		play(&once_more);
	put_away(&once_more);
	/* What was lost, at most a block a jump. */
	note("%zu KiB resident after %lu jumps", resident() / KIB, nticks);
}

static void a_handler_jumps_out_of_any_call(void)
{
	jump_out_of_the_handler(jump_away);
}

static void a_handler_allocates_and_jumps_out_of_any_call(void)
{
	jump_out_of_the_handler(play_before_jumping_away);
}

/*
 * SIGSEGV is the program's, whatever malloc does with it for itself.
 */

static volatile char *forbidden;

static void report_and_jump_away(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	check(info->si_addr == (void *)forbidden);
	play(&of_handler);
	nticks++;
	siglongjmp(away, 1);
}

static void forbid_a_page(void)
{
	forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(forbidden != MAP_FAILED);
}

/*
 * In hard mode a block's zone is two stores, and between them a handler may free the block in
 * front of it, or jump away.
 */
static void a_zone_that_is_being_written_is_no_fault(void)
{
	static const char zeros[6];
	char *blocks[1000];
	unsigned i, n = 0;

	if (!getenv("PLAT_HARD"))
		return;
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		char *p = blocks[i] = malloc(50);

		check(p);
		if (memcmp(p + 64 - 6, zeros, 6) != 0 || memcmp(p - 4, zeros, 4) == 0)
			continue;
		memcpy(p + 64 - 4, p - 4, 4);
		blocks[i] = NULL;
		free(p);
		n++;
	}
	check(n > 0);
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		free(blocks[i]);
}

static void the_programs_own_handler_gets_its_faults(void)
{
	struct sigaction action = {.sa_sigaction = report_and_jump_away, .sa_flags = SA_SIGINFO};
	volatile unsigned i;

	free(malloc(100));
	forbid_a_page();
	check(sigaction(SIGSEGV, &action, NULL) == 0);
	for (i = 0; i < 1000; i++) {
		play(&of_program);
		if (sigsetjmp(away, 1) == 0)
			*forbidden = 1;
	}
	check(nticks == 1000);
	put_away(&of_program);
	put_away(&of_handler);
}

static void a_fault_without_a_handler_ends_the_process(void)
{
	int status;
	pid_t child;

	free(malloc(100));
	forbid_a_page();
	child = fork();
	if (child == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		free(malloc(100));
		*forbidden = 1;
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child);
	check_with(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %#x", status);
}

static const struct test tests[] = {
	{TEST(a_handler_allocates_while_the_program_does)},
	{TEST(a_handler_allocates_on_a_small_stack_of_its_own)},
	{TEST(a_handler_interrupts_a_handler_that_allocates)},
	{TEST(handlers_allocate_in_every_thread)},
	{TEST(handlers_free_what_the_program_made)},
	{TEST(a_handler_jumps_out_of_any_call)},
	{TEST(a_handler_allocates_and_jumps_out_of_any_call)},
	{TEST(a_zone_that_is_being_written_is_no_fault)},
	{TEST(the_programs_own_handler_gets_its_faults)},
	{TEST(a_fault_without_a_handler_ends_the_process)},
};

static const struct number numbers[] = {
	{"ticks", &enough},
	{"every", &every},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), numbers, ARRAY_SIZE(numbers));
}
