/*
 * Where samples fall knows nothing of what is allocated: each byte is hit by the same chance. A
 * block of so many bytes is hit by 1 - exp(-bytes / mean), and stands for one over that. How far
 * it is to the next hit does not depend on what came before; so slots that were passed by but are
 * never handed out, as when a thread ends, do no harm as long as what hits them is forgotten.
 *
 *     bytes made   |  64  |  64  |   4000   | ... |  64  |
 *     hits                   ^          ^^               ^      a block is a sample once
 *
 * The table of live samples has as many rows as it ever needed at once. Where it is full, a hit is
 * counted as lost, and in no site: what is live would never seem to be freed.
 *
 * All numbers here are integers: a program may have told its processor to trap on inexact sums.
 */
#include "alloc/sample.h"

#include "alloc/guard.h"
#include "alloc/malloc.h"
#include "alloc/meta.h"
#include "alloc/perturb.h"
#include "alloc/sites.h"
#include "base/compiler.h"

/* Blocks from one guarded block to the next, on average, once there have been some. */
#define GUARD_MEAN ((uint64_t)1 << 17)
#define GUARD_MEAN_HARD ((uint64_t)1 << 12)
/* In hard mode so many windows of each class begin with one, whichever threads open them. */
#define GUARD_WINDOWS 2
#define NEVER INT64_MAX
#define ONE 65536u
#define VARIANCE_SHIFT 8 /* see struct site */

#define BEING_FILLED 1

/* Its first page is touched by every program. */
struct samples plat__samples MOSTLY_UNTOUCHED __attribute__((aligned(4096)));

/* Guarded blocks that were made because their time had come. */
static uint32_t nguards;

uint64_t plat__first_random(void)
{
	static uint32_t n;

	return plat__options_random(fetch_add(&n, 1)) | 1;
}

/* --- distances and weights --- */

/* The logarithm of 1 + i / 64, in 2^-16. What lies between is taken for straight. */
static const uint32_t logs[] = {
	0,     1466,  2909,  4331,  5732,  7112,  8473,	 9814,	11136, 12440, 13727, 14996, 16248,
	17484, 18704, 19909, 21098, 22272, 23433, 24579, 25711, 26830, 27936, 29029, 30109, 31178,
	32234, 33279, 34312, 35334, 36346, 37346, 38336, 39316, 40286, 41246, 42196, 43137, 44068,
	44990, 45904, 46809, 47705, 48593, 49472, 50344, 51207, 52063, 52911, 53751, 54584, 55410,
	56229, 57040, 57845, 58643, 59434, 60219, 60997, 61769, 62534, 63294, 64047, 64794, 65536,
};

/* How often 2 has to be halved to get this fraction of 2^64: in 2^-16, of which 5 may be wrong. */
static uint64_t halvings(uint64_t random)
{
	unsigned zeros = (unsigned)__builtin_clzll(random | 1);
	/* Without its highest bit: six bits of it choose a line, the next ones a point there. */
	uint64_t m = (random | 1) << zeros << 1;
	unsigned i = (unsigned)(m >> 58);
	uint64_t log = logs[i] + ((logs[i + 1] - logs[i]) * (m << 6 >> 48) >> 16);

	return ((uint64_t)(zeros + 1) << 16) - log;
}

/* Bytes up to the next event, where events are `mean` bytes apart on average and know nothing of
 * each other. */
static uint64_t draw(uint64_t mean, uint64_t random)
{
	/* ln 2 in 2^16ths. */
	uint64_t natural = halvings(random) * 45426 >> 16;

	return (mean * natural >> 16) + 1;
}

/*
 * How many blocks of this size one stands for that was hit: 1 / (1 - exp(-x)), x = size / mean, in
 * 65536ths. Near 0 it is 1/x + 1/2 + x/12, and from a half the whole follows by squaring exp(-x/2).
 */
static uint64_t weight_of(uint64_t size, uint64_t mean)
{
	uint64_t x, weight, rest;
	unsigned halved = 0;

	if (size / 16 >= mean)
		return ONE;
	x = size * ONE / mean;
	while (x >> halved >= ONE)
		halved++;
	weight = (mean * ONE << halved) / size + ONE / 2 + (x >> halved) / 12;
	if (halved == 0)
		return weight;
	/* exp(-x / 2^halved), then its squares; in 2^32ths. */
	rest = ((weight - ONE) << 32) / weight;
	for (; halved > 0; halved--)
		rest = (rest >> 1) * (rest >> 1) >> 30;
	return ((uint64_t)ONE << 32) / (((uint64_t)1 << 32) - rest);
}

/* --- the table of live samples --- */

static struct sample_row **head_of(uint64_t address)
{
	return &plat__samples.rows[(address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32 &
				   (SAMPLE_BUCKETS - 1)];
}

static struct sample *claim(struct sample_row *row)
{
	unsigned i;

	for (i = 0; i < SAMPLES_ROW; i++) {
		uint64_t none = 0;

		if (load_relaxed(&row->samples[i].address) == 0 &&
		    compare_exchange(&row->samples[i].address, &none, BEING_FILLED))
			return &row->samples[i];
	}
	return NULL;
}

static struct sample_row *new_row(void)
{
	struct sample_row *row = NULL;

	if (fetch_add(&plat__samples.nrows, 1) < SAMPLE_ROWS)
		row = plat__meta_take(sizeof(*row));
	if (!row)
		fetch_sub(&plat__samples.nrows, 1);
	return row;
}

static struct sample *place_for(uint64_t address)
{
	struct sample_row **link = head_of(address), *row;

	for (;;) {
		struct sample *sample;

		row = load_acquire(link);
		if (!row) {
			struct sample_row *next = new_row();

			if (!next)
				return NULL;
			row = NULL;
			if (compare_exchange(link, &row, next))
				row = next;
		}
		sample = claim(row);
		if (sample)
			return sample;
		link = &row->next;
	}
}

static struct sample *find_sample(uint64_t address)
{
	struct sample_row *row = load_acquire(head_of(address));
	unsigned i;

	for (; row; row = load_acquire(&row->next))
		for (i = 0; i < SAMPLES_ROW; i++)
			if (load_acquire(&row->samples[i].address) == address)
				return &row->samples[i];
	return NULL;
}

static void fill(struct sample *sample, uint64_t address, const struct sample *from)
{
	sample->size = from->size;
	sample->weight = from->weight;
	sample->site = from->site;
	store_release(&sample->address, address);
}

static void mark(const struct found *found)
{
	uint16_t canary = plat__key ^ CANARY_MARK;

	if (found->slab->kind != SLAB_SMALL && found->slab->kind != SLAB_WIDE)
		found->slab->is_sampled = 1;
	else if (CHECKS)
		memcpy((char *)found->start + found->size, &canary, sizeof(canary));
}

static uint64_t bytes_of(const struct sample *sample)
{
	return sample->weight * sample->size / ONE;
}

/* Of an estimate that is one block, hit by a chance of 1 / weight: bytes^2 * (1 - 1 / weight). */
static uint64_t variance_of(const struct sample *sample)
{
	uint64_t bytes = bytes_of(sample);

	return (bytes >> VARIANCE_SHIFT) * ((bytes - sample->size) >> VARIANCE_SHIFT);
}

static void count_made(struct site *site, const struct sample *sample)
{
	fetch_add(&site->made, sample->weight);
	fetch_add(&site->made_bytes, bytes_of(sample));
	fetch_add(&site->made_variance, variance_of(sample));
	fetch_add(&site->nsamples, 1);
}

static void begin_sample(const void *p, uint64_t weighed, uint64_t mean, const void *frame)
{
	uint32_t number = plat__site_of(frame);
	struct site *site = plat__site(number);
	struct found found;
	struct sample *place, new = {.site = number, .weight = weight_of(weighed, mean)};

	if (!plat__find(p, &found))
		return;
	new.size = found.size;
	place = site ? place_for((uintptr_t)p) : NULL;
	if (!place) {
		fetch_add(&plat__samples.nlost, 1);
		fetch_add(&plat__samples.lost_bytes, bytes_of(&new));
		return;
	}
	count_made(site, &new);
	fill(place, (uintptr_t)p, &new);
	mark(&found);
}

void plat__sample_end(const void *p)
{
	struct sample *sample = find_sample((uintptr_t)p);
	uint64_t address = (uintptr_t)p;
	struct site *site;

	if (!sample || !compare_exchange(&sample->address, &address, BEING_FILLED))
		return;
	site = plat__site(sample->site);
	fetch_add(&site->freed, sample->weight);
	fetch_add(&site->freed_bytes, bytes_of(sample));
	store_release(&sample->address, 0);
}

/* --- when --- */

static uint64_t mean_now(void)
{
	uint64_t mean = load_relaxed(&plat__samples.mean);

	/* Somebody else may have written it. */
	if (mean == 0 || !CHECKS)
		return 0;
	if (mean < SAMPLE_MEAN_MIN)
		return SAMPLE_MEAN_MIN;
	return mean < SAMPLE_MEAN_MAX ? mean : SAMPLE_MEAN_MAX;
}

/* The rate is another one: what was drawn for the old one counts no more. */
static void renew(struct heap *heap, uint64_t mean)
{
	uint32_t class;

	heap->mean = mean;
	for (class = 0; class < NCLASSES; class ++)
		heap->bins[class].is_due = 0;
	heap->until_sample = mean ? draw(mean, heap_random(heap)) : 0;
}

static void cut_window(struct bin *bin, unsigned keep)
{
	uint64_t kept = lowest_bits(bin->mask, sums_of_bits(bin->mask), keep);

	bin->current->used -= count_bits(bin->mask) - keep;
	store_relaxed(&bin->mask, kept);
}

/* The first slot of the window is the one that is needed now. */
static void watch_samples(struct heap *heap, uint32_t class, uint64_t mean)
{
	struct bin *bin = &heap->bins[class];
	uint32_t stride = bin->current->stride, n = count_bits(bin->mask), i = 0;

	if (bin->is_due) {
		bin->is_due = 0;
		heap->events |= EVENT_SAMPLE;
		i = 1;
	}
	while (heap->until_sample <= (uint64_t)(n - i) * stride) {
		i += (uint32_t)((heap->until_sample - 1) / stride);
		heap->until_sample = draw(mean, heap_random(heap));
		if (i > 0) {
			cut_window(bin, i);
			bin->is_due = 1;
			return;
		}
		heap->events |= EVENT_SAMPLE;
		i = 1;
	}
	heap->until_sample -= (uint64_t)(n - i) * stride;
}

/* After n of them. */
static uint64_t guard_mean(uint32_t n)
{
	uint64_t most = plat__options.is_hard ? GUARD_MEAN_HARD : GUARD_MEAN;

	return n < 16 && (uint64_t)16 << n < most ? (uint64_t)16 << n : most;
}

static bool draws_guards(void)
{
	return !plat__options.is_guard_off && !plat__options.is_guard_all;
}

/*
 * A process's first block is guarded, the next one after 32 on average, then after 64, and so on:
 * so that a short program has some too, and does not take longer for them.
 */
static void watch_guard(struct heap *heap)
{
	uint32_t n = load_relaxed(&nguards);

	if (!draws_guards()) {
		heap->until_guard = NEVER;
		return;
	}
	if (heap->has_drawn || n == 0) {
		heap->events |= EVENT_GUARD;
		n = fetch_add(&nguards, 1) + 1;
	}
	heap->has_drawn = 1;
	heap->until_guard = (int64_t)draw(guard_mean(n), heap_random(heap));
}

/* The first window has two slots: it is the first block of a class, and mostly the third. */
void plat__watch_hard(struct heap *heap, uint32_t class)
{
	static uint8_t nwindows[NCLASSES];
	uint8_t n = load_relaxed(&nwindows[class]);

	if (n == GUARD_WINDOWS || !draws_guards())
		return;
	store_relaxed(&nwindows[class], n + 1);
	heap->events |= EVENT_GUARD;
}

void plat__watch_window(struct heap *heap, uint32_t class)
{
	uint64_t mean = mean_now();

	/* Before the environment is known nobody knows whether there is to be one. */
	if (heap->until_guard < 0 && plat__options.is_ready)
		watch_guard(heap);
	if (mean != heap->mean)
		renew(heap, mean);
	if (mean) {
		heap->weighed = heap->bins[class].current->stride;
		watch_samples(heap, class, mean);
	}
}

void *plat__watch_block(struct heap *heap, void *p, size_t bytes, size_t alignment,
			const void *frame)
{
	uint32_t events = heap->events;
	void *guarded = NULL;

	heap->events = 0;
	if (events & EVENT_GUARD)
		guarded = plat__guard_malloc(bytes, alignment, frame);
	if (guarded) {
		plat__free(p);
		p = guarded;
		if (load_relaxed(&plat__options.perturb))
			plat__perturb_block(NULL, p, bytes);
	}
	if (events & EVENT_SAMPLE)
		begin_sample(p, heap->weighed, heap->mean, frame);
	return p;
}

void plat__watch_alone(struct heap *heap, void *p, size_t bytes, const void *frame)
{
	uint64_t mean = mean_now();

	if (mean != heap->mean)
		renew(heap, mean);
	if (!mean)
		return;
	/* A block of no bytes shall have a chance, too. */
	if (bytes < SLOT_GRAIN)
		bytes = SLOT_GRAIN;
	if (heap->until_sample > bytes) {
		heap->until_sample -= bytes;
		return;
	}
	heap->until_sample = draw(mean, heap_random(heap));
	begin_sample(p, bytes, mean, frame);
}
