/*
 * Allocates, resizes and frees at random, in several threads, and says in the log what it has.
 *
 *	heap-worker DESCRIPTOR		of the log
 */
#include "log.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* C libraries from before 2018 do not have it */
#endif
#define STACK_BYTES (256 * 1024) /* a reader has less to look at */

static struct log *shared;

static uint64_t draw(uint64_t *seed)
{
	uint64_t x = *seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Mostly small; each doubling up to 32 KiB is as likely as the other; now and then large. */
static size_t draw_size(uint64_t *seed)
{
	uint64_t x = draw(seed);
	unsigned shift = (unsigned)(x >> 32) % 16;

	if (x % 512 == 0 && shared->is_huge)
		return draw(seed) % (4 << 20);
	if (x % 64 == 0)
		return draw(seed) % (300 << 10);
	if (x % 4)
		return draw(seed) % 300;
	return draw(seed) % (UINT64_C(1) << shift);
}

static void *make_aligned(uint64_t *seed, size_t size)
{
	void *p = NULL;

	return posix_memalign(&p, (size_t)16 << draw(seed) % 13, size) == 0 ? p : NULL;
}

static void *make(uint64_t *seed, size_t size)
{
	switch (draw(seed) % 8) {
	case 0:
		return calloc(1, size);
	case 1:
		return make_aligned(seed, size);
	default:
		return malloc(size);
	}
}

static void change(struct log_block *block, uint64_t *seed)
{
	void *p = (void *)(uintptr_t)block->address;
	size_t size = draw_size(seed);

	if (!p) {
		p = make(seed, size);
	} else if (draw(seed) % 3 == 0) {
		size += size == 0;
		p = realloc(p, size);
	} else {
		free(p);
		p = NULL;
	}
	block->size = p ? size : 0;
	block->usable = p ? malloc_usable_size(p) : 0;
	block->address = (uintptr_t)p;
	block->version++;
}

static void stop_on(uint32_t order)
{
	if (__atomic_compare_exchange_n(&shared->order, &order, ORDER_RUN, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		kill(getpid(), SIGSTOP);
}

static void *work(void *number)
{
	uintptr_t i = (uintptr_t)number;
	uint64_t seed = shared->seed * 1000 + i;

	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) <= shared->nthreads)
		; /* the judge looks at what there was before */
	while (__atomic_load_n(&shared->order, __ATOMIC_RELAXED) != ORDER_END) {
		struct log_block *block = &shared->blocks[draw(&seed) % shared->nblocks];
		uint32_t idle = 0;

		stop_on(ORDER_STOP_BETWEEN);
		if (!__atomic_compare_exchange_n(&block->busy, &idle, 1, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			continue;
		change(block, &seed);
		__atomic_store_n(&block->busy, 0, __ATOMIC_SEQ_CST);
		shared->nops[i]++;
	}
	return NULL;
}

static void on_prof(int signal)
{
	(void)signal;
	stop_on(ORDER_STOP_YOURSELF);
}

static void stop_brk(void)
{
	uintptr_t page = 4096, end = ((uintptr_t)sbrk(0) + page - 1) & -page;

	mmap((void *)end, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
	     0);
}

static int run(struct log *log)
{
	struct sigaction action = {.sa_handler = on_prof, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 1000}, {0, 1000}};
	pthread_t threads[LOG_THREADS_MOST];
	pthread_attr_t attr;
	uintptr_t i;

	shared = log;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (log->is_brk_stopped)
		stop_brk();
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &often, NULL);
	for (i = 1; i < log->nthreads; i++)
		if (pthread_create(&threads[i], &attr, work, (void *)i) != 0)
			return 1;
	work(NULL);
	for (i = 1; i < log->nthreads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? atoi(argv[1]) : -1;
	void *at = mmap(NULL, sizeof(struct log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? 1 : run(at);
}
