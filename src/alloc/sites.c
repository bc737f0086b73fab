/*
 * Frame pointers make a chain from each function's frame to its caller's, but only where code was
 * built to keep them; elsewhere the register holds anything. So no link is believed: it must lead
 * up, not far, and like the code that is returned to it must be memory that can be read. Where the
 * chain ends at once the unwinder is asked.
 *
 * Sites are found by a hash, in chains that only grow. Two threads may make the same site twice at
 * the same moment: whoever sums up adds them.
 */
#include "alloc/sites.h"

#include "alloc/atomic.h"
#include "alloc/line.h"
#include "alloc/meta.h"
#include "alloc/options.h"
#include "alloc/sample.h"
#include "alloc/system.h"
#include "alloc/unwind.h"

#include <stdbool.h>
#include <string.h>

/* No frame is larger. */
#define FRAME_MAX ((uintptr_t)1 << 20)
/* Nothing is mapped below. */
#define CODE_MIN ((uintptr_t)4096)
/* A shorter chain has probably been broken off. */
#define CHAIN_MIN 3
/* Pages that are remembered. */
#define CODE_PAGES 64
#define STDERR 2

static_assert(SITES_BLOCK * SITE_BLOCKS <= 1 << 16, "the number of a site fits into a bucket");

static bool is_known(uintptr_t at, uintptr_t *page)
{
	if ((at & ~(plat__page_bytes - 1)) == *page)
		return true;
	*page = at & ~(plat__page_bytes - 1);
	return plat__system_is_readable(at);
}

/*
 * Nothing is read where functions return to: it only has to look like code. So what was seen to be
 * there once need not be there still.
 */
static bool is_code(uintptr_t at)
{
	static uintptr_t seen[CODE_PAGES];
	uintptr_t page = at >> plat__page_shift, *place = &seen[page % CODE_PAGES];

	if (at < CODE_MIN)
		return false;
	if (load_relaxed(place) == page)
		return true;
	if (!plat__system_is_readable(at))
		return false;
	store_relaxed(place, page);
	return true;
}

static uint32_t walk(const void *frame, uint64_t *frames)
{
	uintptr_t at = (uintptr_t)frame, page = at & ~(plat__page_bytes - 1);
	uint32_t n = 0;

	while (n < SITE_FRAMES && is_known(at + sizeof(at), &page)) {
		const uintptr_t *link = (const uintptr_t *)at;
		uintptr_t up = link[0];

		if (!is_code(link[1]))
			break;
		frames[n++] = link[1];
		if (up <= at || up - at > FRAME_MAX || up % sizeof(at) != 0 || !is_known(up, &page))
			break;
		at = up;
	}
	return n;
}

void plat__sites_begin(void)
{
	if (plat__unwind_begin)
		plat__unwind_begin(plat__options.may_sample);
}

static uint32_t find_stack(const void *frame, uint64_t *frames)
{
	uint32_t n = walk(frame, frames), unwound;
	uint64_t others[SITE_FRAMES];

	if (n == 0 || n >= CHAIN_MIN || !plat__unwind || load_relaxed(&plat__samples.mean) == 0)
		return n;
	unwound = plat__unwind(frame, frames[0], others, SITE_FRAMES);
	if (unwound <= n || others[0] != frames[0])
		return n;
	memcpy(frames, others, unwound * sizeof(*frames));
	return unwound;
}

static uint64_t hash_of(const uint64_t *frames, uint32_t n)
{
	uint64_t hash = n;

	while (n > 0) {
		hash = (hash ^ frames[--n]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash;
}

struct site *plat__site(uint32_t number)
{
	struct site_block *block = NULL;

	if (number < SITES_BLOCK * SITE_BLOCKS)
		block = load_acquire(&plat__samples.sites[number / SITES_BLOCK]);
	return block ? &block->sites[number % SITES_BLOCK] : NULL;
}

static struct site *make_site(uint32_t number)
{
	struct site_block **place = &plat__samples.sites[number / SITES_BLOCK];
	struct site_block *block = load_acquire(place), *none = NULL;

	if (!block) {
		block = plat__meta_take(sizeof(*block));
		if (!block)
			return NULL;
		if (!compare_exchange(place, &none, block))
			block = none;
	}
	return &block->sites[number % SITES_BLOCK];
}

static uint32_t find_site(uint32_t number, uint64_t hash, const uint64_t *frames, uint32_t n)
{
	while (number != 0) {
		const struct site *site = plat__site(number);

		if (site->hash == hash && site->nframes == n &&
		    memcmp(site->frames, frames, n * sizeof(*frames)) == 0)
			return number;
		number = site->next;
	}
	return 0;
}

/* One that cannot be filled stays empty: nobody has its number. */
static struct site *next_site(uint32_t *number)
{
	*number = fetch_add(&plat__samples.nsites, 1);
	if (*number == 0) {
		make_site(0);
		*number = fetch_add(&plat__samples.nsites, 1);
	}
	if (*number < SITES_BLOCK * SITE_BLOCKS)
		return make_site(*number);
	fetch_sub(&plat__samples.nsites, 1);
	return NULL;
}

uint32_t plat__site_of(const void *frame)
{
	uint64_t frames[SITE_FRAMES];
	uint32_t n = find_stack(frame, frames), number;
	uint64_t hash = hash_of(frames, n);
	uint16_t *bucket = &plat__samples.buckets[hash % SITE_BUCKETS];
	/* As good as a load; but a page that is read first is faulted in twice. */
	uint16_t seen = fetch_add(bucket, 0);
	struct site *site;

	number = find_site(seen, hash, frames, n);
	if (number != 0)
		return number;
	site = next_site(&number);
	if (!site)
		return 0;
	site->hash = hash;
	site->nframes = n;
	memcpy(site->frames, frames, n * sizeof(*frames));
	do
		site->next = seen;
	while (!compare_exchange(bucket, &seen, (uint16_t)number));
	return number;
}

/* --- for people --- */

void plat__site_write(const char *what, uint32_t number)
{
	const struct site *site = number ? plat__site(number) : NULL;
	uint32_t i;

	for (i = 0; site && i < site->nframes; i++) {
		struct line line = {.length = 0};
		struct code_module module;

		plat__line_add(&line, "    ");
		plat__line_add(&line, what);
		plat__line_add(&line, " ");
		plat__line_address(&line, (const void *)(uintptr_t)site->frames[i]);
		if (plat__system_module(site->frames[i], &module)) {
			plat__line_add(&line, " ");
			plat__line_add(&line, module.name);
			plat__line_add(&line, "+");
			plat__line_address(&line, (const void *)module.offset);
		}
		plat__line_write(&line, STDERR);
	}
}
