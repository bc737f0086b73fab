/*
 * Children of a process that is busy: 16 threads allocate, read lines, flush all streams and load
 * libraries while others fork. A child allocates at once, frees what it inherited, starts threads,
 * forks again, executes; by fork(), _Fork(), vfork(), clone(), posix_spawn() and from a signal
 * handler.
 *
 *	forks [--forks N] [--within N] [--seconds N] [TEST...]
 *
 * --forks for each test: 2000, or so many. --within: no more are begun after so many seconds,
 * however many there were, which a line says. While 16 threads allocate, two processors make a few
 * hundred children a second: 100000 take minutes, and do not fit into `make test`, which does what
 * fits into 5 seconds for each storm; `make test-forks` does 100000, FORKS=1000000 a million. A
 * child that hangs is ended by its own alarm, and has failed.
 */
#include "check.h"

#include "prop/kernel/random.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NWORKERS 16
#define NFORKERS 4
#define NBUSY 3
#define NINHERITED 20
#define CHILD_SECONDS 60

static unsigned long nforks = 2000, within;
static atomic_ulong ndone;
static time_t deadline;

struct block {
	unsigned char *p;
	size_t size;
	uint64_t pattern;
};

/* Made by each worker before the first fork and never changed by it: children may do with them what
 * they like. */
static struct block inherited[NWORKERS][NINHERITED];
static atomic_bool over;
static pthread_barrier_t ready;
static char *this_program;

static struct block make(struct random *random)
{
	unsigned bits = random_below(random, random_percent(random, 95) ? 10 : 15);
	struct block block = {.pattern = random_next(random)};

	block.size = 1 + (random_next(random) & ((1U << bits) - 1));
	block.p = malloc(block.size);
	check(block.p);
	fill(block.p, block.size, block.pattern);
	return block;
}

static void destroy(struct block *block)
{
	check_with(filled(block->p, block->size, block->pattern), "%p of %zu", (void *)block->p,
		   block->size);
	free(block->p);
	block->p = NULL;
}

/*
 * Workers.
 */

static void allocate_and_free(struct random *random)
{
	struct block blocks[20];
	unsigned i;

	for (i = 0; i < 20; i++)
		blocks[i] = make(random);
	for (i = 0; i < 20; i++)
		destroy(&blocks[i]);
}

static FILE *shared_file;

/* glibc's locks are not fair: without a pause no fork would ever get that of the streams. */
static void rest(struct random *random)
{
	usleep(random_below(random, 1000));
}

/* The stream is locked while getline allocates. */
static void read_lines(struct random *random)
{
	char *line = NULL;
	size_t size = 0;
	unsigned n = random_below(random, 20);

	while (n-- > 0) {
		if (getline(&line, &size, shared_file) < 0) {
			rewind(shared_file);
			free(line);
			line = NULL;
			size = 0;
		}
	}
	free(line);
}

static void flush_all_streams(struct random *random)
{
	(void)random;
	fflush(NULL);
}

/* The list of streams is locked while a stream is put into it. */
static void open_and_close(struct random *random)
{
	FILE *file = fopen("/dev/null", "we");

	if (!file)
		return;
	fprintf(file, "%0*d\n", (int)random_below(random, 5000), 1);
	fclose(file);
}

static void load_a_library(struct random *random)
{
	static const char *const names[] = {"libanl.so.1", "libBrokenLocale.so.1",
					    "libthread_db.so.1", "libresolv.so.2"};
	void *library = dlopen(random_of(random, names), RTLD_NOW);

	if (library)
		dlclose(library);
}

static void allocate_large(struct random *random)
{
	size_t size = 100000 + random_below(random, 1000000);
	char *p = malloc(size);

	check(p);
	p[0] = p[size - 1] = 1;
	p = realloc(p, size * 2);
	check(p && p[0] == 1 && p[size - 1] == 1);
	free(p);
}

static void *allocate_once(void *argument)
{
	struct random random = {(uintptr_t)argument};

	allocate_and_free(&random);
	return NULL;
}

static void run_a_thread(struct random *random)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, allocate_once, (void *)random_next(random)) == 0)
		pthread_join(thread, NULL);
}

typedef void deed(struct random *random);

static deed *const with_libraries[NWORKERS] = {
	allocate_and_free, allocate_and_free, allocate_and_free, allocate_and_free,
	allocate_and_free, allocate_and_free, read_lines,	 read_lines,
	read_lines,	   flush_all_streams, flush_all_streams, open_and_close,
	load_a_library,	   load_a_library,    allocate_large,	 run_a_thread,
};

/* libc does not promise that a child can start threads when another thread was loading a library.
 */
static deed *const without_libraries[NWORKERS] = {
	allocate_and_free, allocate_and_free, allocate_and_free, allocate_and_free,
	allocate_and_free, allocate_and_free, read_lines,	 read_lines,
	read_lines,	   flush_all_streams, flush_all_streams, open_and_close,
	allocate_large,	   allocate_large,    allocate_large,	 run_a_thread,
};

/* Nothing of libc's but malloc: what else it locks, only fork() unlocks. */
static deed *const only_malloc[NWORKERS] = {
	allocate_and_free, allocate_and_free, allocate_and_free, allocate_and_free,
	allocate_and_free, allocate_and_free, allocate_and_free, allocate_and_free,
	allocate_and_free, allocate_and_free, allocate_and_free, allocate_and_free,
	allocate_large,	   allocate_large,    allocate_large,	 run_a_thread,
};

static deed *const *deeds;

static void *work(void *argument)
{
	size_t me = (size_t)argument;
	struct random random = {me};
	unsigned i;

	for (i = 0; i < NINHERITED; i++)
		inherited[me][i] = make(&random);
	pthread_barrier_wait(&ready);
	while (!over) {
		deeds[me](&random);
		/* The first ones are always at work, or about to be. */
		if (me >= NBUSY)
			rest(&random);
	}
	return NULL;
}

/*
 * Children.
 */

static void free_inherited(struct random *random)
{
	unsigned i, j;

	for (i = 0; i < NWORKERS; i++)
		for (j = 0; j < NINHERITED; j++)
			destroy(&inherited[i][j]);
	allocate_and_free(random);
}

static void change_inherited(struct random *random)
{
	unsigned i, j;

	for (i = 0; i < NWORKERS; i++) {
		for (j = 0; j < NINHERITED; j++) {
			struct block *block = &inherited[i][j];
			size_t size = block->size * 2;

			block->p = realloc(block->p, size);
			check(block->p && filled(block->p, block->size, block->pattern));
			block->size = size;
			fill(block->p, size, block->pattern);
		}
	}
	free_inherited(random);
}

static void allocate_every_size(struct random *random)
{
	static _Thread_local void *blocks[100];
	size_t i;

	(void)random;
	for (i = 0; edges[i]; i++) {
		blocks[i] = malloc(edges[i]);
		check(blocks[i]);
		memset(blocks[i], 1, edges[i] < 10000 ? edges[i] : 10000);
	}
	for (i = 0; edges[i]; i++)
		free(blocks[i]);
}

static void use_streams(struct random *random)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t size = 0;

	(void)random;
	check(file && getline(&line, &size, file) > 0);
	free(line);
	fclose(file);
	fflush(NULL);
}

static void execute(struct random *random)
{
	(void)random;
	execl(this_program, this_program, "after-exec", (char *)NULL);
	_exit(98);
}

static void fork_again(struct random *random)
{
	const char *failure;
	pid_t child = fork();

	if (child == 0) {
		alarm(CHILD_SECONDS);
		free_inherited(random);
		_exit(0);
	}
	free_inherited(random);
	failure = child_failed(child);
	check_with(!failure, "a child's child: %s", failure);
}

static void start_threads(struct random *random)
{
	run_a_thread(random);
	run_a_thread(random);
	allocate_and_free(random);
}

/*
 * Storms: one thread in four forks, all others work.
 */

static deed *const any_deed[] = {allocate_every_size, free_inherited, change_inherited,
				 use_streams,	      fork_again,     execute};
static deed *const with_threads[] = {start_threads, free_inherited, fork_again};
static deed *const without_libc[] = {allocate_every_size, free_inherited, change_inherited};

static struct {
	deed *const *deeds;
	size_t n;
	pid_t (*fork)(void);
} children;

static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool is_late(void)
{
	return within && seconds_now() >= deadline;
}

static void *fork_on_and_on(void *argument)
{
	struct random random = {(uintptr_t)argument + 1000};
	unsigned long i;

	pthread_barrier_wait(&ready);
	for (i = 0; i < nforks / NFORKERS && !is_late(); i++) {
		deed *act = children.deeds[i % children.n];
		const char *failure;
		pid_t child;

		/* What is this thread's own is in the midst of something, too. */
		struct block block = make(&random);

		child = children.fork();
		check_with(child >= 0, "errno %d", errno);
		if (child == 0) {
			alarm(CHILD_SECONDS);
			destroy(&block);
			act(&random);
			_exit(0);
		}
		destroy(&block);
		failure = child_failed(child);
		check_with(!failure, "child %lu: %s", i, failure);
		ndone++;
	}
	return NULL;
}

static void storm(deed *const workers[NWORKERS])
{
	pthread_t workers_threads[NWORKERS], forkers[NFORKERS];
	size_t i;

	deeds = workers;
	deadline = seconds_now() + (time_t)within;
	shared_file = tmpfile();
	check(shared_file);
	for (i = 0; i < 200; i++)
		fprintf(shared_file, "%0*d\n", (int)(i * 7), 1);
	rewind(shared_file);
	pthread_barrier_init(&ready, NULL, NWORKERS + NFORKERS);
	for (i = 0; i < NWORKERS; i++)
		check(pthread_create(&workers_threads[i], NULL, work, (void *)i) == 0);
	for (i = 0; i < NFORKERS; i++)
		check(pthread_create(&forkers[i], NULL, fork_on_and_on, (void *)i) == 0);
	for (i = 0; i < NFORKERS; i++)
		check(pthread_join(forkers[i], NULL) == 0);
	over = true;
	for (i = 0; i < NWORKERS; i++)
		check(pthread_join(workers_threads[i], NULL) == 0);
	free_inherited(&(struct random){1});
	note("%lu forks", ndone);
}

static void children_of_a_busy_process_allocate_at_once(void)
{
	children.deeds = any_deed;
	children.n = ARRAY_SIZE(any_deed);
	children.fork = fork;
	storm(with_libraries);
}

static void children_of_a_busy_process_start_threads(void)
{
	children.deeds = with_threads;
	children.n = ARRAY_SIZE(with_threads);
	children.fork = fork;
	storm(without_libraries);
}

/* No handlers of fork() run. */
static void children_by__Fork_allocate_at_once(void)
{
	needs_ours("a lock would stay locked");
	children.deeds = without_libc;
	children.n = ARRAY_SIZE(without_libc);
	children.fork = _Fork;
	storm(only_malloc);
}

static pid_t clone_like_fork(void)
{
	return (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0UL, 0UL, 0UL, 0UL);
}

/* libc does not even know that it is another process. */
static void children_by_clone_allocate_at_once(void)
{
	needs_ours("a lock would stay locked");
	children.deeds = without_libc;
	children.n = ARRAY_SIZE(without_libc);
	children.fork = clone_like_fork;
	storm(only_malloc);
}

/*
 * Children in the parent's own memory. The thread that made them stands still, all others go on:
 * this is no new process to malloc, though getpid() says so.
 */

static unsigned char *from_child;

static __attribute__((noinline)) pid_t vfork_that_allocates(void)
{
	pid_t child = vfork();

	if (child == 0) {
		unsigned i;

		for (i = 0; i < 30; i++)
			free(malloc(i * 50));
		from_child = malloc(777);
		memset(from_child, 7, 777);
		_exit(0);
	}
	return child;
}

static int clone_that_allocates(void *argument)
{
	struct random random = {(uintptr_t)argument};

	allocate_and_free(&random);
	from_child = malloc(777);
	memset(from_child, 7, 777);
	return 0;
}

static pid_t clone_like_vfork(void)
{
	static _Alignas(16) char stack[64 * KIB];

	return clone(clone_that_allocates, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
		     (void *)1);
}

static void share_memory_with_children(pid_t (*make_child)(void))
{
	pthread_t threads[NWORKERS];
	struct random random = {5};
	struct block blocks[50];
	unsigned long n;
	size_t i;

	deeds = only_malloc;
	pthread_barrier_init(&ready, NULL, NWORKERS + 1);
	for (i = 0; i < NWORKERS; i++)
		check(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	pthread_barrier_wait(&ready);
	for (i = 0; i < 50; i++)
		blocks[i] = make(&random);
	for (n = 0; n < nforks; n++) {
		struct block *block = &random_of(&random, blocks);
		const char *failure;

		failure = child_failed(make_child());
		check_with(!failure, "child %lu: %s", n, failure);
		check(from_child[0] == 7 && from_child[776] == 7);
		destroy(block);
		*block = make(&random);
		free(from_child);
	}
	over = true;
	for (i = 0; i < NWORKERS; i++)
		check(pthread_join(threads[i], NULL) == 0);
	for (i = 0; i < 50; i++)
		destroy(&blocks[i]);
	free_inherited(&random);
}

static void a_child_by_vfork_allocates_in_its_parents_memory(void)
{
	share_memory_with_children(vfork_that_allocates);
}

static void a_child_by_clone_allocates_in_its_parents_memory(void)
{
	share_memory_with_children(clone_like_vfork);
}

/*
 * Spawning.
 */

static void *spawn_on_and_on(void *argument)
{
	char *arguments[] = {this_program, (char *)(uintptr_t) "after-exec", NULL};
	unsigned long i;

	(void)argument;
	pthread_barrier_wait(&ready);
	for (i = 0; i < nforks / NFORKERS / 4; i++) {
		const char *failure;
		pid_t child;

		check(posix_spawn(&child, this_program, NULL, NULL, arguments, environ) == 0);
		failure = child_failed(child);
		check_with(!failure, "%s", failure);
	}
	return NULL;
}

static void a_busy_process_spawns(void)
{
	pthread_t threads[NWORKERS], spawners[NFORKERS];
	size_t i;

	deeds = only_malloc;
	pthread_barrier_init(&ready, NULL, NWORKERS + NFORKERS);
	for (i = 0; i < NWORKERS; i++)
		check(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	for (i = 0; i < NFORKERS; i++)
		check(pthread_create(&spawners[i], NULL, spawn_on_and_on, NULL) == 0);
	for (i = 0; i < NFORKERS; i++)
		check(pthread_join(spawners[i], NULL) == 0);
	over = true;
	for (i = 0; i < NWORKERS; i++)
		check(pthread_join(threads[i], NULL) == 0);
	free_inherited(&(struct random){1});
}

/*
 * From a signal handler, which may have interrupted malloc.
 */

static atomic_ulong nhandled;

static void fork_in_the_handler(int signal)
{
	int error = errno;
	struct random random = {nhandled};
	const char *failure;
	pid_t child;

	(void)signal;
	if (nhandled >= nforks)
		return;
	child = fork();
	if (child == 0) {
		alarm(CHILD_SECONDS);
		free_inherited(&random);
		allocate_every_size(&random);
		_exit(0);
	}
	failure = child_failed(child);
	check_with(!failure, "%s", failure);
	nhandled++;
	errno = error;
}

static void a_child_from_a_signal_handler_allocates_at_once(void)
{
	struct sigaction action = {.sa_handler = fork_in_the_handler, .sa_flags = SA_RESTART};
	struct itimerval timer = {{0, 300}, {0, 300}};
	struct random random = {3};
	unsigned i, j;

	needs_ours("a lock would stay locked");
	for (i = 0; i < NWORKERS; i++)
		for (j = 0; j < NINHERITED; j++)
			inherited[i][j] = make(&random);
	check(sigaction(SIGALRM, &action, NULL) == 0);
	check(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	while (nhandled < nforks) {
		allocate_and_free(&random);
		allocate_large(&random);
	}
	timer = (struct itimerval){{0, 0}, {0, 0}};
	setitimer(ITIMER_REAL, &timer, NULL);
	free_inherited(&random);
}

/*
 * One thread, many generations.
 */

static void every_generation_frees_what_the_one_before_made(void)
{
	struct random random = {9};
	struct block blocks[NINHERITED];
	unsigned generation, i;

	for (i = 0; i < NINHERITED; i++)
		blocks[i] = make(&random);
	for (generation = 0; generation < 60; generation++) {
		pid_t child = fork();

		check(child >= 0);
		if (child > 0) {
			const char *failure;

			for (i = 0; i < NINHERITED; i++)
				destroy(&blocks[i]);
			failure = child_failed(child);
			check_with(!failure, "generation %u: %s", generation, failure);
			_exit(0);
		}
		for (i = 0; i < NINHERITED; i += 2) {
			destroy(&blocks[i]);
			blocks[i] = make(&random);
		}
		run_a_thread(&random);
	}
	_exit(0);
}

static void forking_leaks_nothing_in_the_parent(void)
{
	struct random random = {11};
	size_t before = 0;
	unsigned long i;

	if (is_guard_all())
		skip("what was freed waits long to be used again");
	for (i = 0; i < 1000; i++) {
		const char *failure;
		pid_t child;

		if (i == 200)
			before = resident();
		child = fork();
		if (child == 0) {
			allocate_and_free(&random);
			_exit(0);
		}
		allocate_and_free(&random);
		failure = child_failed(child);
		check_with(!failure, "%s", failure);
	}
	check_with(resident() < before + 2 * MIB, "%zu KiB, then %zu KiB", before / KIB,
		   resident() / KIB);
}

/*
 * Handlers that allocate; more of them than libc keeps without allocating.
 */

static void *handlers_block;
static unsigned nprepared, nparent;

static void allocate_before(void)
{
	free(handlers_block);
	handlers_block = malloc(5000);
	check(handlers_block);
	nprepared++;
}

static void allocate_in_parent(void)
{
	handlers_block = realloc(handlers_block, 100);
	check(handlers_block);
	nparent++;
}

static void allocate_in_child(void)
{
	struct random random = {13};

	free(handlers_block);
	handlers_block = malloc(300000);
	check(handlers_block);
	allocate_and_free(&random);
}

static void handlers_of_fork_allocate(void)
{
	unsigned n = nforks < 80 ? (unsigned)nforks : 80;
	pthread_t threads[NWORKERS];
	size_t i;

	for (i = 0; i < 100; i++)
		check(pthread_atfork(allocate_before, allocate_in_parent, allocate_in_child) == 0);
	deeds = only_malloc;
	pthread_barrier_init(&ready, NULL, NWORKERS + 1);
	for (i = 0; i < NWORKERS; i++)
		check(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	pthread_barrier_wait(&ready);
	for (i = 0; i < n; i++) {
		const char *failure;
		pid_t child = fork();

		if (child == 0) {
			alarm(CHILD_SECONDS);
			free_inherited(&(struct random){i});
			_exit(0);
		}
		failure = child_failed(child);
		check_with(!failure, "%s", failure);
	}
	over = true;
	for (i = 0; i < NWORKERS; i++)
		check(pthread_join(threads[i], NULL) == 0);
	check(nprepared == n * 100 && nparent == n * 100);
}

static const struct test tests[] = {
	{TEST(children_of_a_busy_process_allocate_at_once)},
	{TEST(children_of_a_busy_process_start_threads)},
	{TEST(children_by__Fork_allocate_at_once)},
	{TEST(children_by_clone_allocate_at_once)},
	{TEST(a_child_by_vfork_allocates_in_its_parents_memory)},
	{TEST(a_child_by_clone_allocates_in_its_parents_memory)},
	{TEST(a_busy_process_spawns)},
	{TEST(a_child_from_a_signal_handler_allocates_at_once)},
	{TEST(every_generation_frees_what_the_one_before_made)},
	{TEST(forking_leaks_nothing_in_the_parent)},
	{TEST(handlers_of_fork_allocate)},
};

static const struct number numbers[] = {{"forks", &nforks}, {"within", &within}};

int main(int argc, char **argv)
{
	struct random random = {1};

	this_program = realpath("/proc/self/exe", NULL);
	if (argc == 2 && strcmp(argv[1], "after-exec") == 0) {
		allocate_every_size(&random);
		return 0;
	}
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), numbers, ARRAY_SIZE(numbers));
}
