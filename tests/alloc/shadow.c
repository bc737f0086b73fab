/*
 * Random calls of the whole family beside a list of what they gave. After each call: no block
 * overlaps another, alignments are what was asked for, contents are what was written, calloc's are
 * zero, errno and failures are as they should be.
 *
 *	shadow [--threads N] [--ops N] [--live MIB] [--seeds N] [--seed FIRST]
 *	shadow [--threads N] [--ops N] [--live MIB] --again SEED
 *
 * Each seed is a process of its own, with --ops calls in all. Without --seed the first one is new
 * each time. With several threads blocks are handed over between them, and threads end and are
 * replaced ten times a run; then each has its own list, and all lists together are checked whenever
 * threads are replaced. A failure prints its seed and the last calls of the thread that noticed.
 * One thread does the same calls again for the same seed; several do not meet in the same way.
 */
#include "check.h"

#include "prop/kernel/random.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define MAX_THREADS 64
#define MAX_BLOCKS 3000
#define MAX_HANDED 64
#define ROUNDS 10
#define NREMEMBERED 24
#define UNTOUCHED 1234
#define NO_ALIGNMENT 16

static struct options {
	unsigned long threads, ops, live, seeds, seed;
} options = {1, 100000, 128, 10, 0};

/* Who gave a block decides who may take it back with a size. */
enum origin {
	PLAIN,	 /* malloc, calloc, realloc: free_sized */
	ALIGNED, /* aligned_alloc: free_aligned_sized */
	OTHER,
};

/*
 * A block of the list. All usable bytes are written; of large ones see next_part().
 */
struct block {
	unsigned char *p;
	size_t size, usable, alignment;
	uint64_t pattern;
	enum origin origin;
	unsigned at; /* its place in `live` */
};

/* A call, to be printed when one of the next fails. */
struct call {
	unsigned long number;
	const char *name;
	const void *in, *out;
	size_t a, b;
};

/* Blocks on their way from one thread to another. */
struct mailbox {
	pthread_mutex_t mutex;
	struct block blocks[MAX_HANDED];
	unsigned n;
};

static struct worker {
	struct block blocks[MAX_BLOCKS];
	unsigned live[MAX_BLOCKS];  /* blocks in use, in no order that depends on addresses */
	unsigned order[MAX_BLOCKS]; /* the same by address */
	unsigned free[MAX_BLOCKS], nfree;
	unsigned nlive;
	size_t bytes;
	bool shrinking;
	struct random random;
	struct call calls[NREMEMBERED];
	unsigned long ncalls;
	struct mailbox mailbox;
} workers[MAX_THREADS];

static _Thread_local struct worker *current;
static uint64_t current_seed;
static void (*free_sized_)(void *, size_t);
static void (*free_aligned_sized_)(void *, size_t, size_t);
static void (*cfree_)(void *);
static void (*libc_free_)(void *);

/*
 * Failure.
 */

static void say_last_calls(void)
{
	unsigned long n;

	if (!current)
		return;
	n = current->ncalls > NREMEMBERED ? current->ncalls - NREMEMBERED : 0;
	for (; n < current->ncalls; n++) {
		const struct call *call = &current->calls[n % NREMEMBERED];

		note("  %8lu: %s(%p, %zu, %zu) = %p", call->number, call->name, call->in, call->a,
		     call->b, call->out);
	}
	note("again: shadow --threads %lu --ops %lu --live %lu --again %" PRIu64, options.threads,
	     options.ops, options.live, current_seed);
}

static _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void fail(const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	note("seed %" PRIu64 ", thread %td of %lu: %s", current_seed, current - workers,
	     options.threads, text);
	say_last_calls();
	_exit(1);
}

#define must_hold(condition, ...) ((condition) ? (void)0 : fail(__VA_ARGS__))

/* It ends as it would have, but says first where it was. */
static void crashed(int signal)
{
	note("seed %" PRIu64 ": SIG%s", current_seed, sigabbrev_np(signal));
	say_last_calls();
	raise(signal);
}

static struct call *remember(const char *name, const void *in, size_t a, size_t b)
{
	struct call *call = &current->calls[current->ncalls % NREMEMBERED];

	*call = (struct call){current->ncalls++, name, in, NULL, a, b};
	return call;
}

/*
 * Contents. A small block is written whole, a large one at its ends and in between.
 */

#define WHOLE (64 * KIB)
#define END_PART 4096
#define STEP (16 * KIB)
#define STEP_PART 64

/* The next part of a block of this size that is written; false behind the last. From *offset 0. */
static bool next_part(size_t size, size_t *offset, size_t *part)
{
	size_t at = *offset + *part;

	if (size <= WHOLE) {
		*part = size;
		return at == 0 && size > 0;
	}
	if (at == 0) {
		*part = END_PART;
		return true;
	}
	if (at >= size)
		return false;
	at = (at + STEP - 1) / STEP * STEP;
	*part = STEP_PART;
	if (at + STEP_PART > size - END_PART) {
		at = size - END_PART;
		*part = END_PART;
	}
	*offset = at;
	return true;
}

static void write_block(const struct block *block)
{
	size_t offset = 0, part = 0;

	while (next_part(block->usable, &offset, &part))
		fill(block->p + offset, part, block->pattern + offset);
}

/* The bytes at p are the first `upto` of the block's. */
static void must_hold_bytes_of(const struct block *block, const unsigned char *p, size_t upto)
{
	size_t offset = 0, part = 0;

	while (next_part(block->usable, &offset, &part) && offset < upto) {
		size_t n = part < upto - offset ? part : upto - offset;
		size_t wrong = first_wrong(p + offset, n, block->pattern + offset);

		must_hold(wrong == n, "byte %zu of %zu at %p is not what was written (%#x)",
			  offset + wrong, block->size, (const void *)p, p[offset + wrong]);
	}
}

static void must_be_zero(const unsigned char *p, size_t size)
{
	size_t whole = size < 256 * KIB ? size : 256 * KIB, i;
	size_t set = first_set(p, whole);

	must_hold(set == whole, "byte %zu of %zu at %p is not zero", set, size, (const void *)p);
	for (i = whole; i < size; i += 4096 - 8) {
		size_t n = size - i < 64 ? size - i : 64;

		must_hold(first_set(p + i, n) == n, "byte %zu of %zu at %p is not zero",
			  i + first_set(p + i, n), size, (const void *)p);
	}
}

/*
 * The list.
 */

static unsigned char *end_of(const struct block *block)
{
	return block->p + (block->usable ? block->usable : 1);
}

/* How many blocks begin below p. */
static unsigned rank(const struct worker *worker, const unsigned char *p)
{
	unsigned low = 0, high = worker->nlive;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (worker->blocks[worker->order[middle]].p < p)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void must_be_apart(const struct block *low, const struct block *high)
{
	must_hold(end_of(low) <= high->p, "two live blocks overlap: %p of %zu and %p of %zu",
		  (void *)low->p, low->usable, (void *)high->p, high->usable);
}

static void insert(struct worker *worker, const struct block *block)
{
	unsigned i = worker->free[--worker->nfree], at = rank(worker, block->p);

	if (at > 0)
		must_be_apart(&worker->blocks[worker->order[at - 1]], block);
	if (at < worker->nlive)
		must_be_apart(block, &worker->blocks[worker->order[at]]);
	memmove(&worker->order[at + 1], &worker->order[at],
		(worker->nlive - at) * sizeof(worker->order[0]));
	worker->order[at] = i;
	worker->blocks[i] = *block;
	worker->blocks[i].at = worker->nlive;
	worker->live[worker->nlive++] = i;
	worker->bytes += block->usable;
}

static struct block take_out(struct worker *worker, unsigned i)
{
	struct block block = worker->blocks[i];
	unsigned at = rank(worker, block.p);

	memmove(&worker->order[at], &worker->order[at + 1],
		(worker->nlive - at - 1) * sizeof(worker->order[0]));
	worker->live[block.at] = worker->live[--worker->nlive];
	worker->blocks[worker->live[block.at]].at = block.at;
	worker->free[worker->nfree++] = i;
	worker->bytes -= block.usable;
	return block;
}

static unsigned some_block(struct worker *worker)
{
	return worker->live[random_below(&worker->random, worker->nlive)];
}

static void must_be_as_it_was(const struct block *block)
{
	size_t usable = malloc_usable_size(block->p);

	must_hold(usable == block->usable, "the usable size of %p went from %zu to %zu",
		  (void *)block->p, block->usable, usable);
	must_hold_bytes_of(block, block->p, block->usable);
}

/* What has just been given. */
static void add(struct worker *worker, void *p, size_t size, size_t alignment, enum origin origin)
{
	struct block block = {.p = p, .size = size, .alignment = alignment, .origin = origin};

	worker->calls[(worker->ncalls - 1) % NREMEMBERED].out = p;
	must_hold(p, "%zu bytes are refused", size);
	/* glibc's may say ENOMEM when one of its arenas is full and the next is not. */
	must_hold(errno == UNTOUCHED || !is_ours(), "success sets errno to %d", errno);
	if (alignment == NO_ALIGNMENT && size < NO_ALIGNMENT && is_guard_all())
		alignment = sizeof(uint64_t);
	must_hold(is_aligned(p, alignment), "%p is not aligned to %zu", p, alignment);
	block.usable = malloc_usable_size(p);
	must_hold(is_ours() && origin != OTHER ? block.usable == size : block.usable >= size,
		  "%zu bytes of %zu are usable", block.usable, size);
	block.pattern = random_next(&worker->random);
	insert(worker, &block);
	write_block(&block);
}

/*
 * Drawing.
 */

static size_t log_uniform(struct random *random, unsigned bits)
{
	unsigned n = random_below(random, bits + 1);

	return (size_t)(random_next(random) & ((UINT64_C(1) << n) - 1)) | (UINT64_C(1) << n) >> 1;
}

/* Beside where one kind of block ends and the next begins. */
static size_t near_an_edge(struct random *random)
{
	static const size_t borders[] = {128,	     256,	 512,	  1024,	     2048,
					 4096,	     8192,	 16384,	  32 * 1024, 64 * 1024,
					 128 * 1024, 256 * 1024, 1 << 20, 2 << 20};
	size_t size;

	switch (random_below(random, 4)) {
	case 0:
		size = 16 * (size_t)random_between(random, 1, 64);
		break;
	case 1:
		size = (size_t)random_between(random, 8, 15) << random_between(random, 4, 13);
		break;
	case 2:
		size = 4096 * (size_t)random_between(random, 1, 64);
		break;
	default:
		size = random_of(random, borders);
	}
	switch (random_below(random, 4)) {
	case 0:
		return size - 16;
	case 1:
		return size + 16;
	default:
		return size + (size_t)random_between(random, -1, 1);
	}
}

static size_t draw_size(struct random *random)
{
	unsigned chance = random_below(random, 1000);

	if (chance < 10)
		return 0;
	if (chance < 500)
		return log_uniform(random, 12);
	if (chance < 750)
		return near_an_edge(random);
	if (chance < 970)
		return log_uniform(random, 18);
	if (chance < 999)
		return log_uniform(random, 23);
	return log_uniform(random, 26);
}

static size_t draw_alignment(struct random *random)
{
	return (size_t)1 << (random_percent(random, 80) ? random_below(random, 13)
							: random_below(random, 22));
}

static size_t at_least(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * Calls.
 */

static void allocate_plain(struct worker *worker, size_t size)
{
	struct random *random = &worker->random;
	unsigned char *p;
	size_t count = 1;

	errno = UNTOUCHED;
	switch (random_below(random, 8)) {
	case 0:
	case 1:
		if (size > 1)
			count = random_percent(random, 50) ? random_below(random, 8) + 1 : size;
		size = size / count * count;
		remember("calloc", NULL, count, size / count);
		p = calloc(count, size / count);
		if (p)
			must_be_zero(p, size);
		break;
	case 2:
		remember("realloc", NULL, size, 0);
		p = realloc(NULL, size);
		break;
	case 3:
		remember("reallocarray", NULL, 1, size);
		p = reallocarray(NULL, 1, size);
		break;
	default:
		remember("malloc", NULL, size, 0);
		p = malloc(size);
	}
	add(worker, p, size, NO_ALIGNMENT, PLAIN);
}

static void allocate_aligned(struct worker *worker, size_t size)
{
	struct random *random = &worker->random;
	size_t alignment = draw_alignment(random), wanted = alignment;
	void *p = NULL;

	errno = UNTOUCHED;
	switch (random_below(random, 5)) {
	case 0:
		/* An odd alignment is rounded up. */
		if (alignment > 2 && random_percent(random, 30))
			wanted = alignment / 2 + 1 + random_below(random, (uint32_t)alignment / 2);
		remember("memalign", NULL, wanted, size);
		p = memalign(wanted, size);
		add(worker, p, size, at_least(alignment, 16), OTHER);
		break;
	case 1:
		remember("aligned_alloc", NULL, alignment, size);
		p = aligned_alloc(alignment, size);
		add(worker, p, size, alignment, ALIGNED);
		worker->blocks[worker->live[worker->nlive - 1]].alignment = alignment;
		break;
	case 2:
		alignment = at_least(alignment, sizeof(void *));
		remember("posix_memalign", NULL, alignment, size);
		must_hold(posix_memalign(&p, alignment, size) == 0, "%zu of %zu is refused", size,
			  alignment);
		add(worker, p, size, alignment, OTHER);
		break;
	case 3:
		remember("valloc", NULL, size, 0);
		p = valloc(size);
		add(worker, p, size, 4096, OTHER);
		break;
	default:
		remember("pvalloc", NULL, size, 0);
		p = pvalloc(size);
		add(worker, p, size, 4096, OTHER);
	}
}

static void allocate(struct worker *worker)
{
	size_t size = draw_size(&worker->random);

	if (random_percent(&worker->random, 12))
		allocate_aligned(worker, size);
	else
		allocate_plain(worker, size);
}

static void give_back(struct worker *worker, struct block *block)
{
	unsigned chance = random_below(&worker->random, 100);
	void *p = block->p;

	must_be_as_it_was(block);
	errno = UNTOUCHED;
	if (chance < 15 && block->origin == PLAIN && free_sized_) {
		remember("free_sized", p, block->size, 0);
		free_sized_(p, block->size);
	} else if (chance < 50 && block->origin == ALIGNED && free_aligned_sized_) {
		remember("free_aligned_sized", p, block->alignment, block->size);
		free_aligned_sized_(p, block->alignment, block->size);
	} else if (chance >= 95 && cfree_) {
		remember("cfree", p, 0, 0);
		cfree_(p);
	} else if (chance >= 93 && libc_free_) {
		remember("__libc_free", p, 0, 0);
		libc_free_(p);
	} else if (chance >= 90) {
		remember("realloc", p, 0, 0);
		must_hold(!realloc(p, opaque_size(0)), "realloc(p, 0) is not NULL");
	} else if (chance >= 88) {
		remember("reallocarray", p, 0, 100);
		must_hold(!reallocarray(p, opaque_size(0), 100),
			  "reallocarray(p, 0, n) is not NULL");
	} else {
		remember("free", p, 0, 0);
		free(p);
	}
	must_hold(errno == UNTOUCHED, "a free sets errno to %d", errno);
}

static void free_one(struct worker *worker)
{
	struct block block;

	if (worker->nlive == 0)
		return;
	block = take_out(worker, some_block(worker));
	give_back(worker, &block);
}

static void change_size(struct worker *worker)
{
	struct random *random = &worker->random;
	struct block block;
	size_t size, kept;
	void *p;

	if (worker->nlive == 0)
		return;
	block = take_out(worker, some_block(worker));
	switch (random_below(random, 6)) {
	case 0:
		size = block.size + random_below(random, 33);
		break;
	case 1:
		size = block.size * 2 < 8 * MIB ? block.size * 2 + 1 : block.size / 2 + 1;
		break;
	case 2:
		size = block.size - block.size / (random_below(random, 8) + 2);
		break;
	case 3:
		size = block.usable;
		break;
	default:
		size = draw_size(random);
	}
	size = at_least(size, 1);
	kept = size < block.size ? size : block.size;
	must_be_as_it_was(&block);
	errno = UNTOUCHED;
	if (random_percent(random, 20)) {
		remember("reallocarray", block.p, size, 1);
		p = reallocarray(block.p, size, 1);
	} else {
		remember("realloc", block.p, size, 0);
		p = realloc(block.p, size);
	}
	if (p)
		must_hold_bytes_of(&block, p, kept);
	add(worker, p, size, NO_ALIGNMENT, PLAIN);
}

/* What must fail, and changes nothing. */
static void ask_too_much(struct worker *worker)
{
	struct random *random = &worker->random;
	size_t above = opaque_size((size_t)PTRDIFF_MAX + 1 + random_next(random) % PTRDIFF_MAX);
	size_t count = opaque_size(SIZE_MAX / 2 + random_below(random, 1000));
	size_t other = random_below(random, 1000) + 3;
	size_t alignment = at_least(draw_alignment(random), sizeof(void *));
	struct block *block = worker->nlive ? &worker->blocks[some_block(worker)] : NULL;
	void *old = block ? block->p : NULL, *p = NULL;

	errno = UNTOUCHED;
	switch (random_below(random, 9)) {
	case 0:
		remember("malloc", NULL, above, 0);
		p = malloc(above);
		break;
	case 1:
		remember("calloc", NULL, count, other);
		p = calloc(count, other);
		break;
	case 2:
		remember("realloc", old, above, 0);
		p = realloc(old, above);
		break;
	case 3:
		remember("reallocarray", old, other, count);
		p = reallocarray(old, other, count);
		break;
	case 4:
		remember("memalign", NULL, alignment, above);
		p = memalign(alignment, above);
		break;
	case 5:
		remember("aligned_alloc", NULL, alignment, above);
		p = aligned_alloc(alignment, above);
		break;
	case 6:
		remember("posix_memalign", NULL, alignment, above);
		errno = posix_memalign(&p, alignment, above);
		break;
	case 7:
		remember("valloc", NULL, above, 0);
		p = valloc(above);
		break;
	default:
		remember("pvalloc", NULL, above, 0);
		p = pvalloc(above);
	}
	must_hold(!p, "it gives %p", p);
	must_hold(errno == ENOMEM, "errno is %d", errno);
	if (block)
		must_be_as_it_was(block);
}

/* Many of one size, so that what holds them becomes full and then empty in some order. */
static void burst(struct worker *worker)
{
	struct random *random = &worker->random;
	size_t size = log_uniform(random, 13);
	unsigned n = random_below(random, 400) + 1, i, kept = random_below(random, 100);

	for (i = 0; i < n && worker->nlive < MAX_BLOCKS - MAX_HANDED; i++) {
		errno = UNTOUCHED;
		remember("malloc", NULL, size, 0);
		add(worker, malloc(size), size, NO_ALIGNMENT, PLAIN);
	}
	n = i;
	for (i = 0; i < n; i++) {
		struct block block;
		unsigned at = worker->nlive - 1 - random_below(random, n - i);

		if (random_percent(random, kept))
			continue;
		block = take_out(worker, worker->live[at]);
		give_back(worker, &block);
	}
}

static void set_an_option(struct worker *worker)
{
	static const int thresholds[] = {16384, 65536, 128 << 10, 1 << 20, 8 << 20};
	struct random *random = &worker->random;

	switch (random_below(random, 4)) {
	case 0:
		mallopt(M_MMAP_THRESHOLD, random_of(random, thresholds));
		break;
	case 1:
		mallopt(M_TRIM_THRESHOLD, random_of(random, thresholds));
		break;
	case 2:
		mallopt(M_TOP_PAD, (int)random_below(random, 1 << 20));
		break;
	default:
		mallopt(M_MMAP_MAX, random_percent(random, 50) ? 0 : 65536);
	}
}

static void ask_for_figures(void)
{
	struct mallinfo2 info = mallinfo2();
	static _Thread_local char text[100000];
	FILE *file;

	must_hold(info.uordblks + info.fordblks <= info.arena || !is_ours(), "%zu + %zu of %zu",
		  info.uordblks, info.fordblks, info.arena);
	file = fmemopen(text, sizeof(text), "w");
	if (file) {
		must_hold(malloc_info(0, file) == 0, "malloc_info fails");
		fclose(file);
	}
}

/*
 * Handing over.
 */

static void hand_over(struct worker *worker)
{
	struct worker *to = &workers[random_below(&worker->random, (uint32_t)options.threads)];
	struct mailbox *mailbox = &to->mailbox;
	unsigned n = random_below(&worker->random, 16) + 1;

	pthread_mutex_lock(&mailbox->mutex);
	while (n-- > 0 && mailbox->n < MAX_HANDED && worker->nlive > 0)
		mailbox->blocks[mailbox->n++] = take_out(worker, some_block(worker));
	pthread_mutex_unlock(&mailbox->mutex);
}

/* Half of what comes is freed at once: a thread that only takes. */
static void receive(struct worker *worker)
{
	struct mailbox *mailbox = &worker->mailbox;
	struct block blocks[MAX_HANDED];
	unsigned n, i;

	pthread_mutex_lock(&mailbox->mutex);
	n = mailbox->n;
	memcpy(blocks, mailbox->blocks, n * sizeof(blocks[0]));
	mailbox->n = 0;
	pthread_mutex_unlock(&mailbox->mutex);

	for (i = 0; i < n; i++) {
		if (worker->nfree < MAX_HANDED * 2 || random_percent(&worker->random, 50))
			give_back(worker, &blocks[i]);
		else
			insert(worker, &blocks[i]);
	}
}

/*
 * Runs.
 */

static void step(struct worker *worker)
{
	struct random *random = &worker->random;
	unsigned chance = random_below(random, 10000);
	size_t live = options.live * MIB / options.threads;

	if (worker->nlive > MAX_BLOCKS - 3 * MAX_HANDED || worker->bytes > live) {
		free_one(worker);
		free_one(worker);
		worker->shrinking = true;
	} else if (worker->nlive < 50) {
		worker->shrinking = false;
	}
	if (chance < 7000)
		(random_percent(random, worker->shrinking ? 35 : 65) ? allocate : free_one)(worker);
	else if (chance < 8800)
		change_size(worker);
	else if (chance < 9100)
		ask_too_much(worker);
	else if (chance < 9150)
		burst(worker);
	else if (chance < 9155)
		malloc_trim(random_below(random, 1 << 18));
	else if (chance < 9157)
		ask_for_figures();
	else if (chance < 9160 && current_seed % 2 == 0)
		set_an_option(worker);
	else if (chance < 9165)
		worker->shrinking = !worker->shrinking;
	else if (chance < 9500 && worker->nlive)
		must_be_as_it_was(&worker->blocks[some_block(worker)]);
	else if (chance < 9700 && options.threads > 1)
		hand_over(worker);
	else if (options.threads > 1)
		receive(worker);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	unsigned long n = options.ops / options.threads / ROUNDS;

	current = worker;
	while (n-- > 0)
		step(worker);
	receive(worker);
	return NULL;
}

/* All lists at once, from the lowest address up. */
static void check_all_lists(void)
{
	unsigned at[MAX_THREADS] = {0};
	const struct block *low = NULL;
	unsigned long i;

	for (;;) {
		const struct block *next = NULL;
		unsigned long whose = 0;

		for (i = 0; i < options.threads; i++) {
			struct worker *worker = &workers[i];
			const struct block *block;

			if (at[i] == worker->nlive)
				continue;
			block = &worker->blocks[worker->order[at[i]]];
			if (!next || block->p < next->p) {
				next = block;
				whose = i;
			}
		}
		if (!next)
			return;
		at[whose]++;
		current = &workers[whose];
		must_be_as_it_was(next);
		if (low)
			must_be_apart(low, next);
		low = next;
	}
}

static void run_round(void)
{
	pthread_t threads[MAX_THREADS];
	unsigned long i;

	if (options.threads == 1) {
		work(&workers[0]);
	} else {
		for (i = 0; i < options.threads; i++)
			check(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
		for (i = 0; i < options.threads; i++)
			check(pthread_join(threads[i], NULL) == 0);
	}
	/* What was sent to a thread that had already looked. */
	for (i = 0; i < options.threads; i++) {
		current = &workers[i];
		receive(&workers[i]);
	}
	check_all_lists();
}

static void run(uint64_t seed)
{
	struct sigaction once = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND};
	unsigned long i, round;
	unsigned j;

	current_seed = seed;
	sigaction(SIGABRT, &once, NULL);
	for (i = 0; i < options.threads; i++) {
		struct worker *worker = &workers[i];

		worker->random.state = seed * 1000003 + i;
		pthread_mutex_init(&worker->mailbox.mutex, NULL);
		for (j = 0; j < MAX_BLOCKS; j++)
			worker->free[j] = MAX_BLOCKS - 1 - j;
		worker->nfree = MAX_BLOCKS;
	}
	for (round = 0; round < ROUNDS; round++)
		run_round();
	for (i = 0; i < options.threads; i++) {
		current = &workers[i];
		while (current->nlive > 0)
			free_one(current);
	}
}

static unsigned long number(const char *word)
{
	return strtoul(word, NULL, 0);
}

int main(int argc, char **argv)
{
	static const struct option words[] = {
		{"threads", required_argument, NULL, 't'},
		{"ops", required_argument, NULL, 'o'},
		{"live", required_argument, NULL, 'l'},
		{"seeds", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"again", required_argument, NULL, 'a'},
		{0},
	};
	bool again = false;
	unsigned long i, nfailed = 0;
	int c;

	check(getrandom(&options.seed, sizeof(options.seed), 0) == sizeof(options.seed));
	options.seed %= 1000000000;
	while ((c = getopt_long(argc, argv, "", words, NULL)) >= 0) {
		switch (c) {
		case 't':
			options.threads = number(optarg);
			break;
		case 'o':
			options.ops = number(optarg);
			break;
		case 'l':
			options.live = number(optarg);
			break;
		case 'n':
			options.seeds = number(optarg);
			break;
		case 'a':
			again = true;
			__attribute__((fallthrough));
		case 's':
			options.seed = number(optarg);
			break;
		default:
			return 64;
		}
	}
	if (options.threads < 1 || options.threads > MAX_THREADS)
		return 64;
	free_sized_ = (void (*)(void *, size_t))entry_point("free_sized");
	free_aligned_sized_ = (void (*)(void *, size_t, size_t))entry_point("free_aligned_sized");
	cfree_ = (void (*)(void *))entry_point("cfree");
	libc_free_ = (void (*)(void *))entry_point("__libc_free");
	if (again) {
		run(options.seed);
		return 0;
	}

	printf("1..%lu\n", options.seeds);
	for (i = 0; i < options.seeds; i++) {
		const char *failure;
		pid_t child;

		fflush(stdout);
		child = fork();
		if (child == 0) {
			run(options.seed + i);
			_exit(0);
		}
		failure = child_failed(child);
		if (failure)
			printf("# shadow --threads %lu --ops %lu --live %lu --again %lu: %s\n",
			       options.threads, options.ops, options.live, options.seed + i,
			       failure);
		printf("%s %lu - seed %lu, %lu calls, %lu threads\n", failure ? "not ok" : "ok",
		       i + 1, options.seed + i, options.ops, options.threads);
		nfailed += failure != NULL;
	}
	return nfailed ? 1 : 0;
}
