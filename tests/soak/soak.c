/*
 * Hours of allocation, and whether memory creeps up: a server's malloc must need as much for the
 * same live bytes in the last hour as in the first.
 *
 *	soak [--seconds N] [--every N] [--threads N] [--seed N]
 *
 * Each thread goes from one phase to the next, drawn at random: small blocks that come and go,
 * blocks that grow, mappings, bursts of which a few percent stay, blocks that another thread frees,
 * threads that end, rest. In all of them long-lived blocks of all sizes are replaced one by one, so
 * that there is always somebody who keeps a page from being free. Blocks are written at both ends
 * and checked there.
 *
 * Every few seconds resident memory (less what was there in the beginning) and live bytes, which
 * the threads count themselves, are read: their quotient is what live memory costs. At the end a
 * line is laid through the quotients of 24 stretches of time, the first tenth, at least a minute,
 * left out. It fails if the line surely rises, that is, the lower end of the 95 % interval of its
 * slope is above 1 % of the mean in an hour; in short runs that interval is wide, and in the first
 * minutes there is none. Status 1, too, if the malloc in use is plat's and has found a fault, or
 * knows live blocks in the end that nobody has.
 *
 * It runs on whatever malloc is preloaded. What the test itself needs is not from malloc.
 */
#include "../../include/plat/alloc.h"

#include "prop/kernel/random.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64
#define NLONG 6000  /* long-lived blocks of a thread */
#define NSHORT 2000 /* the most that a phase has at once */
#define NMAIL 256
#define STRETCHES 24
#define WARM_SECONDS 60

extern __typeof__(plat_malloc_stats) plat_malloc_stats __attribute__((weak));

struct block {
	unsigned char *p;
	size_t size;
};

struct worker {
	struct random random;
	struct block kept[NLONG], shorts[NSHORT];
	_Atomic(int64_t)
		live; /* requested bytes that this thread has made, less what it has freed */
	_Atomic(uint64_t) ncalls;
	_Atomic(uintptr_t)
		mail[NMAIL]; /* blocks for this thread; their size stands in their first word */
	pthread_t thread;
};

static struct worker *workers;
static unsigned long nthreads = 6, nseconds = 60, every = 5, seed = 1;
static atomic_bool over;

static void fail(const char *what)
{
	dprintf(STDERR_FILENO, "soak: %s\n", what);
	abort();
}

/* --- blocks --- */

static uint64_t mark_of(const struct block *block)
{
	return (uintptr_t)block->p * UINT64_C(0x9e3779b97f4a7c15) + block->size;
}

/* At the begin and, if there is room, at the end. */
static void put_marks(const struct block *block)
{
	uint64_t mark = mark_of(block);

	memcpy(block->p, &mark, sizeof(mark));
	memcpy(block->p + block->size - sizeof(mark), &mark, sizeof(mark));
}

static void check_marks(const struct block *block)
{
	uint64_t mark = mark_of(block);

	if (memcmp(block->p, &mark, sizeof(mark)) != 0 && block->size >= 2 * sizeof(mark))
		fail("a block's begin was written over");
	if (memcmp(block->p + block->size - sizeof(mark), &mark, sizeof(mark)) != 0)
		fail("a block's end was written over");
}

static void count(struct worker *w, int64_t bytes)
{
	atomic_fetch_add_explicit(&w->live, bytes, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->ncalls, 1, memory_order_relaxed);
}

static void make(struct worker *w, struct block *block, size_t size)
{
	size_t at;

	block->size = size < sizeof(uint64_t) ? sizeof(uint64_t) : size;
	block->p = malloc(block->size);
	if (!block->p)
		fail("no memory");
	/* Programs use what they ask for. */
	for (at = 0; at < block->size; at += 4096)
		block->p[at] = 1;
	put_marks(block);
	count(w, (int64_t)block->size);
}

static void drop(struct worker *w, struct block *block)
{
	if (!block->p)
		return;
	check_marks(block);
	count(w, -(int64_t)block->size);
	free(block->p);
	block->p = NULL;
}

static void resize(struct worker *w, struct block *block, size_t size)
{
	size_t before = block->size;

	check_marks(block);
	block->p = realloc(block->p, size);
	if (!block->p)
		fail("no memory");
	block->size = size;
	put_marks(block);
	count(w, (int64_t)size - (int64_t)before);
}

/* Most are small, as in most programs. */
static size_t draw_size(struct random *random)
{
	unsigned p = random_below(random, 1000);
	unsigned bits = p < 800 ? 9 : p < 950 ? 11 : p < 995 ? 14 : 17;

	return 8 + random_below(random, 1U << bits);
}

static void replace_some(struct worker *w, unsigned n)
{
	while (n--) {
		struct block *block = &w->kept[random_below(&w->random, NLONG)];

		drop(w, block);
		make(w, block, draw_size(&w->random));
	}
}

static void drop_shorts(struct worker *w)
{
	unsigned i;

	for (i = 0; i < NSHORT; i++)
		drop(w, &w->shorts[i]);
}

/* --- phases --- */

static void come_and_go(struct worker *w)
{
	unsigned i, range = 16U << random_below(&w->random, 7);

	for (i = 0; i < 40000; i++) {
		struct block *block = &w->shorts[random_below(&w->random, NSHORT)];

		drop(w, block);
		make(w, block, 8 + random_below(&w->random, range));
		if (i % 200 == 0)
			replace_some(w, 1);
	}
	drop_shorts(w);
}

static void grow_and_shrink(struct worker *w)
{
	unsigned i;

	for (i = 0; i < 20; i++)
		make(w, &w->shorts[i], 16);
	for (i = 0; i < 3000; i++) {
		struct block *block = &w->shorts[random_below(&w->random, 20)];
		size_t size = block->size + block->size / 2 + random_below(&w->random, 100);

		resize(w, block, size > 600000 ? 16 + random_below(&w->random, 1000) : size);
		if (i % 50 == 0)
			replace_some(w, 1);
	}
	drop_shorts(w);
}

static void map_and_unmap(struct worker *w)
{
	unsigned i;

	for (i = 0; i < 300; i++) {
		struct block *block = &w->shorts[random_below(&w->random, 6)];

		drop(w, block);
		make(w, block, 60000 + random_below(&w->random, 1500000));
		if (i % 10 == 0)
			replace_some(w, 2);
	}
	drop_shorts(w);
}

/* Waves of which a few blocks take the place of long-lived ones. */
static void leave_survivors(struct worker *w)
{
	unsigned wave, i;

	for (wave = 0; wave < 15; wave++) {
		for (i = 0; i < NSHORT; i++)
			make(w, &w->shorts[i], draw_size(&w->random));
		for (i = 0; i < NSHORT; i += 50) {
			struct block *kept = &w->kept[random_below(&w->random, NLONG)];

			drop(w, kept);
			*kept = w->shorts[i];
			w->shorts[i].p = NULL;
		}
		drop_shorts(w);
	}
}

static void read_mail(struct worker *w)
{
	unsigned i;

	for (i = 0; i < NMAIL; i++) {
		struct block block = {(unsigned char *)atomic_exchange(&w->mail[i], 0), 0};

		if (!block.p)
			continue;
		memcpy(&block.size, block.p, sizeof(block.size));
		count(w, -(int64_t)block.size);
		free(block.p);
	}
}

/* Somebody else frees them, in this phase of his or at the end of any other. */
static void send(struct worker *w)
{
	unsigned i;

	for (i = 0; i < 20000; i++) {
		struct worker *to = &workers[random_below(&w->random, (unsigned)nthreads)];
		_Atomic(uintptr_t) *place = &to->mail[random_below(&w->random, NMAIL)];
		struct block block;
		uintptr_t old;

		make(w, &block, draw_size(&w->random));
		memcpy(block.p, &block.size, sizeof(block.size));
		old = atomic_exchange(place, (uintptr_t)block.p);
		if (old) {
			memcpy(&block.size, (void *)old, sizeof(block.size));
			count(w, -(int64_t)block.size);
			free((void *)old);
		}
		if (i % 100 == 0) {
			replace_some(w, 1);
			read_mail(w);
		}
	}
}

static void *live_shortly(void *argument)
{
	struct worker *w = argument;
	unsigned i;

	/* Its creator waits for it: the worker is this thread's alone. */
	for (i = 0; i < 300; i++)
		make(w, &w->shorts[i], draw_size(&w->random));
	replace_some(w, 10);
	for (i = 0; i < 300; i += 2)
		drop(w, &w->shorts[i]);
	return NULL;
}

static void start_and_end_threads(struct worker *w)
{
	unsigned i;

	for (i = 0; i < 40; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, live_shortly, w) != 0)
			fail("no thread");
		pthread_join(thread, NULL);
		drop_shorts(w);
	}
}

static void rest(struct worker *w)
{
	nanosleep(&(struct timespec){0, 20000000 + random_below(&w->random, 80000000)}, NULL);
}

static void (*const phases[])(struct worker *) = {
	come_and_go, grow_and_shrink,	    map_and_unmap, leave_survivors,
	send,	     start_and_end_threads, rest,
};

static void *work(void *argument)
{
	struct worker *w = argument;
	unsigned i;

	for (i = 0; i < NLONG; i++)
		make(w, &w->kept[i], draw_size(&w->random));
	while (!over) {
		phases[random_below(&w->random, sizeof(phases) / sizeof(phases[0]))](w);
		read_mail(w);
	}
	return NULL;
}

/* --- measuring --- */

static size_t resident(void)
{
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	unsigned long total, pages;

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%lu %lu", &total, &pages) != 2)
		fail("/proc/self/statm cannot be read");
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int64_t all_live(void)
{
	int64_t live = 0;
	unsigned i;

	for (i = 0; i < nthreads; i++)
		live += atomic_load(&workers[i].live);
	return live;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct sample {
	double at; /* seconds */
	double resident, live;
};

/* Of Student's distribution, the point that 97.5 % are below: Cornish and Fisher's series. */
static double t_975(double df)
{
	const double z = 1.959964;

	return z + (z * z * z + z) / (4 * df) +
	       (5 * pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * df * df);
}

/*
 * Neighbouring samples are alike, so they are put together to stretches, of which each counts once.
 * false: it surely rises by more than 1 % in an hour.
 */
static bool judge(const struct sample *samples, size_t n)
{
	double x[STRETCHES], y[STRETCHES], mx = 0, my = 0, sxx = 0, sxy = 0, rest_squares = 0;
	double slope, half, per_hour, half_per_hour;
	size_t first = n / 10, i, k, m = 0;

	while (first < n && samples[first].at < WARM_SECONDS)
		first++;

	for (k = 0; k < STRETCHES; k++) {
		size_t from = first + (n - first) * k / STRETCHES;
		size_t to = first + (n - first) * (k + 1) / STRETCHES;
		double r = 0, l = 0, at = 0;

		for (i = from; i < to; i++) {
			r += samples[i].resident;
			l += samples[i].live;
			at += samples[i].at;
		}
		if (to == from || l <= 0)
			continue;
		x[m] = at / (double)(to - from) / 3600;
		y[m] = r / l;
		mx += x[m];
		my += y[m];
		m++;
	}
	if (m < STRETCHES / 2) {
		printf("soak: too short for a trend\n");
		return true;
	}
	mx /= (double)m;
	my /= (double)m;
	for (i = 0; i < m; i++) {
		sxx += (x[i] - mx) * (x[i] - mx);
		sxy += (x[i] - mx) * (y[i] - my);
	}
	slope = sxy / sxx;
	for (i = 0; i < m; i++) {
		double off = y[i] - my - slope * (x[i] - mx);

		rest_squares += off * off;
	}
	half = t_975((double)m - 2) * sqrt(rest_squares / (double)(m - 2) / sxx);
	per_hour = 100 * slope / my;
	half_per_hour = 100 * half / my;
	printf("soak: resident / live %.3f, trend %+.2f %% in an hour (95 %%: %+.2f to %+.2f)\n",
	       my, per_hour, per_hour - half_per_hour, per_hour + half_per_hour);
	return per_hour - half_per_hour <= 1;
}

static void *pages(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		fail("no memory");
	return p;
}

static void end_all(void)
{
	unsigned i, k;

	over = true;
	for (i = 0; i < nthreads; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < nthreads; i++) {
		read_mail(&workers[i]);
		for (k = 0; k < NLONG; k++)
			drop(&workers[i], &workers[i].kept[k]);
	}
}

static size_t live_blocks(void)
{
	struct plat_malloc_stats stats = {0};

	if (plat_malloc_stats)
		plat_malloc_stats(&stats, sizeof(stats));
	return stats.live_blocks;
}

static bool found_nothing(size_t before, size_t base)
{
	struct plat_malloc_stats stats = {0};
	size_t left = resident();

	printf("soak: all freed: %.1f MiB resident, of them %.1f from the beginning\n",
	       (double)left / 0x100000, (double)base / 0x100000);
	if (all_live() != 0)
		fail("the test has miscounted");
	if (!plat_malloc_stats)
		return true;
	plat_malloc_stats(&stats, sizeof(stats));
	printf("soak: %zu faults, %zu blocks live that were not in the beginning, %.1f MiB kept "
	       "free\n",
	       stats.faults, stats.live_blocks - before, (double)stats.resident_bytes / 0x100000);
	/* libc keeps a few for itself: stdout's buffer, what threads have left. */
	return stats.faults == 0 && stats.live_blocks < before + 100;
}

static void arguments(int argc, char **argv)
{
	static const struct {
		const char *name;
		unsigned long *value;
	} numbers[] = {{"--seconds", &nseconds},
		       {"--every", &every},
		       {"--threads", &nthreads},
		       {"--seed", &seed}};
	int i;
	size_t k;

	for (i = 1; i < argc; i++) {
		for (k = 0; k < 4 && strcmp(argv[i], numbers[k].name) != 0; k++)
			;
		if (k == 4 || i + 1 == argc) {
			fprintf(stderr,
				"usage: soak [--seconds N] [--every N] [--threads N] [--seed N]\n");
			exit(64);
		}
		*numbers[k].value = strtoul(argv[++i], NULL, 10);
	}
	if (nthreads < 1 || nthreads > MAX_THREADS || every < 1)
		exit(64);
}

int main(int argc, char **argv)
{
	struct sample *samples;
	size_t n = 0, room, base, before;
	double start, told = 0;
	unsigned i;
	bool is_good;

	arguments(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	room = nseconds / every + 2;
	samples = pages(room * sizeof(*samples));
	workers = pages(nthreads * sizeof(*workers));
	base = resident();
	before = live_blocks();
	start = now();
	for (i = 0; i < nthreads; i++) {
		workers[i].random.state = seed * 1000 + i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			fail("no thread");
	}
	while (n < room && now() - start < (double)nseconds) {
		sleep((unsigned)every);
		samples[n].at = now() - start;
		samples[n].resident = (double)resident() - (double)base;
		samples[n].live = (double)all_live();
		/* Some 60 lines, however long it takes. */
		if (samples[n].at - told >= (double)nseconds / 60) {
			told = samples[n].at;
			printf("%8.0f s %8.1f MiB live %8.1f MiB resident %7.3f\n", told,
			       samples[n].live / 0x100000, samples[n].resident / 0x100000,
			       samples[n].resident / samples[n].live);
		}
		n++;
	}
	end_all();
	is_good = judge(samples, n);
	is_good = found_nothing(before, base) && is_good;
	printf("soak: %s\n", is_good ? "ok" : "FAILED");
	return is_good ? 0 : 1;
}
