/*
 * When there is no more: limits on address space and data, no mapping left, the break in somebody
 * else's hands, memory that is locked, system calls that are refused. A call then returns NULL with
 * ENOMEM, a free needs nothing, and all works again when there is memory again.
 */
#include "check.h"

#include "prop/kernel/random.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UNTOUCHED 1234
#define ROOM (64 * MIB)
#define NTHREADS 4

/* A list in the blocks themselves: nothing else needs memory. */
struct node {
	struct node *next;
	size_t size;
};

static size_t part_written(const struct node *node)
{
	size_t rest = node->size - sizeof(*node);

	return rest < 100 ? rest : 100;
}

static struct node *push(struct node *list, size_t size)
{
	struct node *node = malloc(size);

	if (!node)
		return NULL;
	node->next = list;
	node->size = size;
	fill(node + 1, part_written(node), size);
	return node;
}

static struct node *pop(struct node *node)
{
	struct node *next = node->next;

	check_with(filled(node + 1, part_written(node), node->size), "%p of %zu", (void *)node,
		   node->size);
	errno = UNTOUCHED;
	free(node);
	check(errno == UNTOUCHED);
	return next;
}

static void free_all(struct node *list)
{
	while (list)
		list = pop(list);
}

/* Every second one; what stays is in the reverse order. */
static struct node *free_half(struct node *list)
{
	struct node *kept = NULL;

	while (list) {
		struct node *next = list->next;

		list->next = kept;
		kept = list;
		list = next ? pop(next) : NULL;
	}
	return kept;
}

/* As many as there can be, up to `most`. */
static struct node *take_all(struct node *list, size_t size, size_t most, size_t *n)
{
	struct node *more;

	*n = 0;
	while (*n < most) {
		errno = UNTOUCHED;
		more = push(list, size);
		if (!more) {
			check_with(errno == ENOMEM, "errno %d", errno);
			break;
		}
		list = more;
		++*n;
	}
	return list;
}

static void set_limit(int resource, size_t limit)
{
	struct rlimit both;

	check(getrlimit(resource, &both) == 0);
	both.rlim_cur = limit;
	check(setrlimit(resource, &both) == 0);
}

/* VmData, as the kernel compares it with RLIMIT_DATA; in bytes. */
static size_t data(void)
{
	char line[200];
	FILE *file = fopen("/proc/self/status", "re");
	size_t kib = 0;

	check(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmData: %zu", &kib) == 1)
			break;
	fclose(file);
	check(kib > 0);
	return kib * KIB;
}

/*
 * Full, half full, empty, full again, and without the limit.
 */

static void nothing_works_and_nothing_breaks(struct node *list)
{
	void *old = list;
	size_t i;
	void *p;

	for (i = 0; edges[i]; i++) {
		size_t size = edges[i] + ROOM;

		errno = UNTOUCHED;
		check(!malloc(size) && errno == ENOMEM);
		errno = UNTOUCHED;
		check(!calloc(1, size) && errno == ENOMEM);
		errno = UNTOUCHED;
		check(!realloc(old, size) && errno == ENOMEM);
		errno = UNTOUCHED;
		check(!reallocarray(old, 1, size) && errno == ENOMEM);
		errno = UNTOUCHED;
		check(!memalign(4096, size) && errno == ENOMEM);
		check(posix_memalign(&p, 4096, size) == ENOMEM);
		check(filled(list + 1, part_written(list), list->size));
	}
}

static void exhaust(int resource, size_t in_use, size_t size)
{
	struct node *list, *more;
	size_t first, n, half;

	set_limit(resource, in_use + ROOM);
	list = take_all(NULL, size, SIZE_MAX, &first);
	check_with(first * size > ROOM / 2, "%zu of size %zu", first, size);
	nothing_works_and_nothing_breaks(list);

	list = free_half(list);
	list = take_all(list, size, SIZE_MAX, &half);
	check_with(half >= first / 3, "%zu, then %zu", first, half);
	nothing_works_and_nothing_breaks(list);

	free_all(list);
	list = take_all(NULL, size, SIZE_MAX, &n);
	check_with(n >= first / 10 * 9, "%zu, then %zu", first, n);

	/* Another size in the same memory. */
	free_all(list);
	list = take_all(NULL, size * 3 + 100, SIZE_MAX, &n);
	check_with(n * (size * 3 + 100) >= first * size / 3, "%zu, then %zu", first, n);

	set_limit(resource, RLIM_INFINITY);
	more = take_all(NULL, size, first * 2, &n);
	check_with(n == first * 2, "%zu", n);
	free_all(more);
	free_all(list);
}

static const size_t sizes_to_exhaust[] = {24, 100, 1000, 5000, 40000, 200000, 1000000};

static void run_apart(void (*body)(size_t size), size_t size)
{
	pid_t child = fork();
	const char *failure;

	if (child == 0) {
		body(size);
		_exit(0);
	}
	failure = child_failed(child);
	check_with(!failure, "size %zu: %s", size, failure);
}

static void exhaust_address_space(size_t size)
{
	free(malloc(size));
	exhaust(RLIMIT_AS, address_space(), size);
}

static void the_limit_on_address_space(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes_to_exhaust); i++)
		run_apart(exhaust_address_space, sizes_to_exhaust[i]);
}

static void exhaust_data(size_t size)
{
	free(malloc(size));
	exhaust(RLIMIT_DATA, data(), size);
}

static void the_limit_on_data(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes_to_exhaust); i++)
		run_apart(exhaust_data, sizes_to_exhaust[i]);
}

/* Nothing at all is to be had, by a malloc that may not have begun. */
static void a_limit_that_is_reached_before_the_first_call(void)
{
	struct node *list;
	size_t n;

	set_limit(RLIMIT_AS, address_space());
	set_limit(RLIMIT_DATA, 0);
	list = take_all(NULL, 1000, 100000, &n);
	check(n < 100000);
	free_all(list);
	set_limit(RLIMIT_AS, RLIM_INFINITY);
	set_limit(RLIMIT_DATA, RLIM_INFINITY);
	list = take_all(NULL, 1000, 100000, &n);
	check(n == 100000);
	free_all(list);
}

static void a_large_block_that_cannot_grow_stays(void)
{
	size_t size = 20 * MIB;
	unsigned char *p = malloc(size);

	check(p);
	fill(p, size, 1);
	set_limit(RLIMIT_AS, address_space() + 10 * MIB);
	errno = UNTOUCHED;
	check(!realloc(p, 200 * MIB) && errno == ENOMEM);
	check(filled(p, size, 1));
	p = realloc(p, size / 2);
	check(p && filled(p, size / 2, 1));
	set_limit(RLIMIT_AS, RLIM_INFINITY);
	p = realloc(p, 200 * MIB);
	check(p && filled(p, size / 2, 1));
	free(p);
}

/*
 * Threads that are full together. A thread that has not allocated before frees what others made.
 */

static pthread_barrier_t barrier;
static struct node *lists[NTHREADS];
static size_t counts[2][NTHREADS];

static void *be_full(void *argument)
{
	size_t me = (size_t)argument, size = 50 + me * 700;

	pthread_barrier_wait(&barrier);
	lists[me] = take_all(NULL, size, SIZE_MAX, &counts[0][me]);
	pthread_barrier_wait(&barrier);
	/* Of the neighbour. */
	free_all(lists[(me + 1) % NTHREADS]);
	pthread_barrier_wait(&barrier);
	lists[me] = take_all(NULL, size, SIZE_MAX, &counts[1][me]);
	pthread_barrier_wait(&barrier);
	free_all(lists[me]);
	return NULL;
}

static void *only_free(void *list)
{
	pthread_barrier_wait(&barrier);
	free_all(*(struct node **)list);
	return NULL;
}

static void all_threads_are_full(void)
{
	pthread_t threads[NTHREADS], freer;
	struct node *list;
	size_t i, n, before = 0, after = 0;

	pthread_barrier_init(&barrier, NULL, NTHREADS);
	for (i = 0; i < NTHREADS; i++)
		check(pthread_create(&threads[i], NULL, be_full, (void *)i) == 0);
	set_limit(RLIMIT_AS, address_space() + ROOM);
	for (i = 0; i < NTHREADS; i++)
		check(pthread_join(threads[i], NULL) == 0);
	for (i = 0; i < NTHREADS; i++) {
		before += counts[0][i] * (50 + i * 700);
		after += counts[1][i] * (50 + i * 700);
	}
	check_with(before > ROOM / 4 && after > before / 2, "%zu KiB, then %zu KiB", before / KIB,
		   after / KIB);

	set_limit(RLIMIT_AS, RLIM_INFINITY);
	pthread_barrier_destroy(&barrier);
	pthread_barrier_init(&barrier, NULL, 2);
	check(pthread_create(&freer, NULL, only_free, &list) == 0);
	set_limit(RLIMIT_AS, address_space() + ROOM);
	list = take_all(NULL, 300, SIZE_MAX, &n);
	pthread_barrier_wait(&barrier);
	check(pthread_join(freer, NULL) == 0);
	free_all(take_all(NULL, 300, SIZE_MAX, &after));
	check_with(after >= n / 10 * 9, "%zu, then %zu", n, after);
}

/*
 * The break.
 */

static struct {
	unsigned char *p;
	size_t size;
} blocks[500];

static size_t draw_size(struct random *random)
{
	unsigned bits = random_below(random, random_percent(random, 95) ? 14 : 19);

	return 1 + (size_t)(random_next(random) & ((1U << bits) - 1));
}

static void make(struct random *random, size_t i)
{
	bool clear = random_percent(random, 30);

	blocks[i].size = draw_size(random);
	blocks[i].p = clear ? calloc(1, blocks[i].size) : malloc(blocks[i].size);
	check(blocks[i].p);
	check(!clear || first_set(blocks[i].p, blocks[i].size) == blocks[i].size);
	fill(blocks[i].p, blocks[i].size, i);
}

static void change(size_t i)
{
	size_t size = blocks[i].size * 2 % 300000 + 1;
	size_t kept = size < blocks[i].size ? size : blocks[i].size;

	blocks[i].p = realloc(blocks[i].p, size);
	check(blocks[i].p && filled(blocks[i].p, kept, i));
	blocks[i].size = size;
	fill(blocks[i].p, size, i);
}

static void destroy(size_t i)
{
	check(filled(blocks[i].p, blocks[i].size, i));
	free(blocks[i].p);
	blocks[i].p = NULL;
}

/* n calls with all kinds of blocks, of which some stay for the next time. */
static void churn(struct random *random, unsigned n)
{
	size_t i;

	while (n-- > 0) {
		i = random_below(random, ARRAY_SIZE(blocks));
		if (!blocks[i].p)
			make(random, i);
		else if (random_percent(random, 25))
			change(i);
		else
			destroy(i);
	}
	for (i = 0; i < ARRAY_SIZE(blocks); i += 1 + random_below(random, 3))
		if (blocks[i].p)
			destroy(i);
}

static void *block_the_break(size_t distance)
{
	uintptr_t end = ((uintptr_t)sbrk(0) + 4095) / 4096 * 4096 + distance;
	void *wall = mmap((void *)end, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	check(wall != MAP_FAILED);
	fill(wall, 4096, 77);
	return wall;
}

static void a_mapping_stands_above_the_break(void)
{
	static const size_t distances[] = {0, 4096, 65536, 1 << 20};
	struct random random = {1};
	struct node *list;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(distances); i++) {
		void *wall = block_the_break(distances[i]);

		list = take_all(NULL, 3000, 20000, &n);
		check(n == 20000);
		churn(&random, 20000);
		check(filled(wall, 4096, 77));
		list = free_half(list);
		check(munmap(wall, 4096) == 0);
		churn(&random, 20000);
		free_all(list);
		malloc_trim(0);
	}
}

static void others_move_the_break(void)
{
	static const long steps[] = {1, 7, 16, 100, 4095, 4096, 4097, 65536, 100000, 1 << 20};
	struct random random = {2};
	struct {
		unsigned char *p;
		size_t size;
	} foreign[200];
	unsigned i, n = 0;

	for (i = 0; i < 200; i++) {
		long step = random_of(&random, steps);
		unsigned char *p = sbrk(step);

		check(p != (void *)-1);
		fill(p, (size_t)step, i);
		churn(&random, 500);
		if (random_percent(&random, 50) && sbrk(0) == p + step) {
			/* Still the last: we may take it back. */
			check(filled(p, (size_t)step, i));
			check(sbrk(-step) == p + step);
		} else {
			foreign[n].p = p;
			foreign[n++].size = (size_t)step;
		}
		churn(&random, 500);
		if (i % 20 == 0)
			malloc_trim(0);
	}
	check(n > 0);
	for (i = 0; i < n; i++) {
		/* The pattern is the turn it was made in, which its first byte tells. */
		unsigned turn;

		for (turn = 0; turn < 200; turn++)
			if (filled(foreign[i].p, foreign[i].size, turn))
				break;
		check_with(turn < 200, "%p of %zu", (void *)foreign[i].p, foreign[i].size);
	}
}

static void others_move_the_break_before_the_first_call(void)
{
	struct random random = {3};
	unsigned char *p = sbrk(12345);

	check(p != (void *)-1);
	fill(p, 12345, 9);
	churn(&random, 20000);
	check(filled(p, 12345, 9));
}

/*
 * Mappings.
 */

#define MANY 70000

/* Pages of alternating rights, until the kernel has no mapping left. The result is where they are.
 */
static void *use_up_mappings(void)
{
	char *land = mmap(NULL, MANY * 4096UL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	check(land != MAP_FAILED);
	for (i = 0; i < MANY; i += 2)
		if (mprotect(land + i * 4096, 4096, PROT_READ) != 0)
			break;
	if (i >= MANY)
		skip("the kernel has more mappings than this test uses");
	/* The last one or two. */
	while (mmap(NULL, 4096, i++ % 2 ? PROT_NONE : PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0) != MAP_FAILED)
		check(i < 3 * MANY);
	return land;
}

static void no_mapping_is_left(void)
{
	struct node *large = NULL, *small = NULL, *more;
	struct random random = {4};
	size_t n;
	void *land;

	churn(&random, 5000);
	large = take_all(NULL, 300000, 100, &n);
	check(n == 100);
	small = take_all(NULL, 100, 1000, &n);
	land = use_up_mappings();

	/* A part in the middle of what the kernel merged cannot be unmapped now. */
	large = free_half(large);
	more = take_all(NULL, 300000, 50, &n);
	note("%zu large blocks without a mapping left", n);
	free_all(more);
	more = take_all(NULL, 5000, 5000, &n);
	note("%zu blocks of 5000 bytes without a mapping left", n);
	free_all(more);
	errno = UNTOUCHED;
	large->next = NULL;
	more = realloc(large, 5000000);
	if (!more)
		check(errno == ENOMEM);
	else
		large = more;
	check(filled(large + 1, part_written(large), large->size));
	malloc_trim(0);
	free_all(small);

	check(munmap(land, MANY * 4096UL) == 0);
	free_all(large);
	free_all(take_all(NULL, 300000, 1000, &n));
	check(n == 1000);
	churn(&random, 20000);
}

/*
 * Locked memory, in which advice is refused.
 */

static void lock_and_churn(int flags)
{
	struct random random = {5};
	unsigned i;

	churn(&random, 5000);
	if (mlockall(flags) != 0)
		skip("memory must not be locked here");
	for (i = 0; i < 5; i++) {
		churn(&random, 20000);
		free(calloc(1, 5 * MIB));
		malloc_trim(0);
	}
	note("%zu MiB resident", resident() / MIB);
	check(resident() < 300 * MIB);
	check(munlockall() == 0);
	churn(&random, 20000);
}

static void all_memory_is_locked(void)
{
	lock_and_churn(MCL_CURRENT | MCL_FUTURE);
}

static void all_memory_is_locked_when_it_is_touched(void)
{
	lock_and_churn(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/*
 * System calls that a filter refuses, before the first call of malloc and after it.
 */

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

static const struct refusal {
	const char *name;
	unsigned calls[12];
} refusals[] = {
	{"madvise", {SYS_madvise, SYS_process_madvise}},
	{"mremap", {SYS_mremap}},
	{"mprotect", {SYS_mprotect}},
	{"munmap", {SYS_munmap}},
	{"prctl, getrandom, membarrier, rseq, getcpu",
	 {SYS_prctl, SYS_getrandom, SYS_membarrier, SYS_rseq, SYS_getcpu, SYS_sched_getaffinity,
	  SYS_openat, SYS_readlinkat, SYS_clock_gettime, SYS_rt_sigaction, SYS_getrlimit,
	  SYS_prlimit64}},
	{"all that gives memory back",
	 {SYS_madvise, SYS_process_madvise, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_prctl}},
};

/* From now on these calls fail with this error. */
static void refuse(const unsigned *calls, unsigned n, int error)
{
	struct sock_filter code[20];
	struct sock_fprog program = {.filter = code};
	unsigned short at = 0;
	unsigned i;

	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr));
	for (i = 0; i < n; i++)
		code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i],
							  (unsigned char)(n - i), 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[at++] =
		(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error);
	program.len = at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		skip("there are no seccomp filters here");
}

static void work_while_calls_are_refused(const struct refusal *refusal, int error, bool first)
{
	struct random random = {6};
	unsigned n = 0;
	size_t size;
	char *p;

	if (first)
		churn(&random, 5000);
	while (n < ARRAY_SIZE(refusal->calls) && refusal->calls[n])
		n++;
	refuse(refusal->calls, n, error);
	churn(&random, 20000);
	for (size = 1000, p = NULL; size < 30 * MIB; size *= 3) {
		p = realloc(p, size);
		check(p);
		p[size - 1] = 1;
	}
	free(p);
	malloc_trim(0);
	churn(&random, 20000);
}

static void calls_are_refused(int error)
{
	size_t i;
	int first;

	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		for (first = 0; first < 2; first++) {
			const char *failure;
			pid_t child = fork();

			if (child == 0) {
				work_while_calls_are_refused(&refusals[i], error, first);
				_exit(0);
			}
			failure = child_failed(child);
			if (failure && strcmp(failure, "exit status 77") == 0)
				_exit(77);
			check_with(!failure, "%s%s: %s", refusals[i].name,
				   first ? "" : ", before the first call", failure);
		}
	}
}

static void a_filter_refuses_calls_with_eperm(void)
{
	calls_are_refused(EPERM);
}

static void a_filter_refuses_calls_with_enosys(void)
{
	calls_are_refused(ENOSYS);
}

static void the_kernel_has_no_memory_for_calls(void)
{
	calls_are_refused(ENOMEM);
}

/* As sandboxes do it: memory can be had and given back, no file opened, and all else is the end. */
static void sandbox(void)
{
	static const unsigned calls[] = {
		SYS_brk,     SYS_mmap,	   SYS_munmap,	   SYS_mremap,
		SYS_madvise, SYS_mprotect, SYS_write,	   SYS_rt_sigaction,
		SYS_close,   SYS_exit,	   SYS_exit_group, SYS_rt_sigprocmask,
	};
	struct sock_filter code[2 * ARRAY_SIZE(calls) + 4];
	struct sock_fprog program = {.filter = code};
	unsigned short at = 0;
	size_t i;

	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr));
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		code[at++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program.len = at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		skip("there are no seccomp filters here");
}

static void a_sandbox_ends_who_asks_for_more(void)
{
	struct random random = {8};
	size_t size;
	char *p, *last = NULL;

	churn(&random, 5000);
	free(malloc(10 * MIB));
	sandbox();
	churn(&random, 20000);
	for (size = 5 * MIB; size < 40 * MIB; size += 5 * MIB) {
		p = malloc(size);
		check(p);
		memset(p, 1, size);
		free(last);
		last = realloc(p, size / 2 * 3);
		check(last);
	}
	free(last);
	malloc_trim(0);
	churn(&random, 5000);
}

/* mmap alone: what the break gives has to do. */
static void a_filter_refuses_mmap(void)
{
	static const unsigned call[] = {SYS_mmap};
	struct node *list;
	size_t n;
	struct random random = {7};

	churn(&random, 1000);
	refuse(call, 1, ENOMEM);
	list = take_all(NULL, 100, 10000, &n);
	note("%zu blocks of 10000 without mmap", n);
	free_all(list);
	list = take_all(NULL, 1000000, 100, &n);
	note("%zu large blocks of 100 without mmap", n);
	free_all(list);
}

/*
 * As a fork can leave it, see alloc/source_brk.c: the kernel's break is above the memory, and libc
 * knows the memory's end.
 */
static void what_the_break_claims_and_nobody_mapped_is_not_used(void)
{
	void *taken[400];
	uintptr_t end;
	size_t i;

	needs_ours("they know the break by themselves");
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		taken[i] = malloc(20000);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		free(taken[i]);
	malloc_trim(0);
	end = (uintptr_t)sbrk(0);
	if ((uintptr_t)syscall(SYS_brk, end + 64 * KIB) != end + 64 * KIB)
		skip("the break cannot move");
	check(munmap((void *)((end + 4095) / 4096 * 4096), 64 * KIB) == 0);
	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		taken[i] = malloc(20000);
		check(taken[i]);
		fill(taken[i], 20000, i);
	}
	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		check(filled(taken[i], 20000, i));
		free(taken[i]);
	}
}

static const struct test tests[] = {
	{TEST(the_limit_on_address_space)},
	{TEST(the_limit_on_data)},
	{TEST(a_limit_that_is_reached_before_the_first_call)},
	{TEST(a_large_block_that_cannot_grow_stays)},
	{TEST(all_threads_are_full)},
	{TEST(a_mapping_stands_above_the_break)},
	{TEST(others_move_the_break)},
	{TEST(others_move_the_break_before_the_first_call)},
	{TEST(no_mapping_is_left)},
	{TEST(all_memory_is_locked)},
	{TEST(all_memory_is_locked_when_it_is_touched)},
	{TEST(a_filter_refuses_calls_with_eperm)},
	{TEST(a_filter_refuses_calls_with_enosys)},
	{TEST(the_kernel_has_no_memory_for_calls)},
	{TEST(a_sandbox_ends_who_asks_for_more)},
	{TEST(a_filter_refuses_mmap)},
	{TEST(what_the_break_claims_and_nobody_mapped_is_not_used)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
