/*
 * Where regions and large blocks are searched. A region begins at a page, but for what the dynamic
 * linker gives away: the ends of the pages that the writable segments of modules do not fill.
 *
 *     |.........| segment .data .bss |.......|
 *     page  gap                        gap   page
 *
 * A large block has a mapping of its own, and the kernel may list several as one:
 *
 *     | 0 0 | 16 size | block ............. |      a page begins
 *     | 0 0 | 16 size | ... | n size - n | block |     one that was aligned
 */
#include "heap/oldmalloc_parts.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>

#define RW (RIGHT_READ | RIGHT_WRITE)
#define BREAK_GROWTH ((plat_addr)1 << 32)

/*
 * The list.
 */

struct spans {
	struct old_span *items;
	size_t n, room;
};

static int add_span(struct spans *spans, plat_addr start, plat_addr end, enum old_span_kind kind)
{
	int r;

	if (start >= end)
		return 0;
	r = list_reserve(&spans->items, &spans->room, spans->n, 1);
	if (r == 0)
		spans->items[spans->n++] = (struct old_span){start, end, end, kind};
	return r;
}

static int add_gaps(struct spans *spans, const struct module *module, uint64_t page)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < module->nsegments; i++) {
		const struct segment *segment = &module->segments[i];
		plat_addr start = align_down(segment->start, page);

		if ((segment->rights & RW) != RW)
			continue;
		if (start >= module->relro_start && start < module->relro_end)
			start = module->relro_end;
		r = add_span(spans, start, segment->start, OLD_GAP);
		if (r == 0)
			r = add_span(spans, segment->end, align_up(segment->end, page), OLD_GAP);
	}
	return r;
}

static bool is_break(const struct space *space, const struct region *region)
{
	if (space->start_brk == UNKNOWN)
		return region->kind == KIND_HEAP;
	return region->start >= space->start_brk && region->kind == KIND_HEAP;
}

static int add_region(struct spans *spans, const struct space *space, const struct region *region)
{
	struct old_span *last = spans->n ? &spans->items[spans->n - 1] : NULL;
	enum old_span_kind kind = is_break(space, region) ? OLD_BREAK : OLD_ANONYMOUS;

	if ((region->rights & (RW | RIGHT_SHARED)) != RW ||
	    (region->kind != KIND_ANON && region->kind != KIND_HEAP))
		return 0;
	if (last && last->kind == kind && last->end == region->start) {
		last->end = region->end;
		return 0;
	}
	return add_span(spans, region->start, region->end, kind);
}

static int by_start(const void *a, const void *b)
{
	const struct old_span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* How far the break can have grown since the space was read. */
static plat_addr break_limit(const struct space *space, plat_addr end)
{
	size_t i = space_at_or_above(space, end);

	return i < space->nregions ? space->regions[i].start : end + BREAK_GROWTH;
}

int old_spans(const struct oldmalloc *old, struct old_span **ret, size_t *n)
{
	const struct space *space = old->reading.space;
	uint64_t page = space->machine.page_size;
	struct spans spans = {0};
	size_t i;
	int r = 0;

	if (page < 4096 || page > 1 << 20)
		page = 4096;
	for (i = 0; r == 0 && i < space->nregions; i++)
		r = add_region(&spans, space, &space->regions[i]);
	for (i = 0; r == 0 && i < space->nmodules; i++)
		if (space->modules[i].role != MODULE_VDSO)
			r = add_gaps(&spans, &space->modules[i], page);
	if (spans.n)
		qsort(spans.items, spans.n, sizeof(*spans.items), by_start);
	for (i = 1; i < spans.n; i++)
		spans.items[i].start = max_u64(spans.items[i].start, spans.items[i - 1].end);
	for (i = 0; i < spans.n; i++)
		if (spans.items[i].kind == OLD_BREAK)
			spans.items[i].limit = break_limit(space, spans.items[i].end);
	*ret = spans.items;
	*n = spans.n;
	return r;
}

/*
 * Large blocks.
 */

struct mapped {
	plat_addr base;
	uint64_t before, size; /* its block begins so far behind; of all of it */
};

static bool read_words(struct old_walk *walk, plat_addr at, uint64_t words[2])
{
	struct old_chunk chunk;

	if (old_read(walk, at, true, &chunk) < 0)
		return false;
	words[0] = chunk.psize;
	words[1] = chunk.csize;
	return true;
}

static bool is_size(const struct old_walk *walk, uint64_t size, plat_addr base, plat_addr limit)
{
	return size != 0 && size <= limit - base && size % walk->page_size == 0;
}

/* The header that was written when the block was aligned leads to the mapping's start. */
static bool is_aligned_block(struct old_walk *walk, plat_addr at, plat_addr limit,
			     struct mapped *mapped)
{
	uint64_t overhead = old_overhead(walk->old), words[2];

	if (!read_words(walk, at - overhead, words) || words[0] != at - overhead - mapped->base ||
	    !is_size(walk, add_capped(words[0], words[1]), mapped->base, limit))
		return false;
	mapped->before = at - mapped->base;
	mapped->size = words[0] + words[1];
	return true;
}

static bool find_aligned(struct old_walk *walk, plat_addr limit, struct mapped *mapped)
{
	plat_addr first = mapped->base + 2 * old_overhead(walk->old), last = first, at;
	uint64_t align;

	for (align = 2 * old_grain(walk->old); align != 0; align *= 2) {
		at = align_up(first, align);
		if (at == last)
			continue;
		last = at;
		if (at >= limit)
			break;
		if (is_aligned_block(walk, at, limit, mapped))
			return true;
	}
	return false;
}

/*
 * A block that was aligned, and then grew: mremap() moves it, and it is aligned to a page at most.
 * How far it lies behind its mapping's start has not changed.
 */
static bool find_moved(struct old_walk *walk, plat_addr limit, struct mapped *mapped)
{
	plat_addr at = mapped->base + walk->page_size;
	plat_addr end = mapped->base + min_u64(mapped->size, limit - mapped->base);

	for (; at < end && walk->inner_left; at += walk->page_size) {
		walk->inner_left--;
		if (is_aligned_block(walk, at, limit, mapped))
			return true;
	}
	return false;
}

static bool is_header(struct old_walk *walk, plat_addr base, uint64_t *size)
{
	uint64_t overhead = old_overhead(walk->old), words[2], nothing[2];

	if (!read_words(walk, base + overhead, words) || words[0] != overhead ||
	    (words[1] & OLD_IN_USE) || !read_words(walk, base, nothing))
		return false;
	*size = add_capped(words[1], overhead);
	return nothing[0] == 0 && nothing[1] == 0;
}

/* Whether something else begins there, or nothing does. */
static bool is_border(struct old_walk *walk, plat_addr at, const struct old_span *span)
{
	uint64_t size;

	return at == span->end || is_header(walk, at, &size) ||
	       old_is_region(walk, at + old_overhead(walk->old), span);
}

/* What stands at the start is as long as the mapping once was, where that was aligned. */
static bool find_mapped(struct old_walk *walk, plat_addr base, const struct old_span *span,
			struct mapped *mapped)
{
	uint64_t overhead = old_overhead(walk->old), size;

	if (span->end - base < 2 * overhead || !is_header(walk, base, &size))
		return false;
	*mapped = (struct mapped){.base = base, .before = 2 * overhead, .size = size};
	return find_aligned(walk, span->end, mapped) ||
	       (is_size(walk, size, base, span->end) && is_border(walk, base + size, span)) ||
	       find_moved(walk, span->end, mapped) || is_size(walk, size, base, span->end);
}

/*
 * realloc() makes a mapping smaller, and then writes its size: in between the kernel may give what
 * is over to somebody else, and another block begins there.
 */
static void cut_short(struct old_walk *walk, const struct old_span *span, struct mapped *mapped)
{
	plat_addr end = mapped->base + mapped->size;
	plat_addr at = align_up(mapped->base + mapped->before + 1, walk->page_size);
	struct mapped inner;

	for (; at < end && walk->inner_left; at += walk->page_size) {
		walk->inner_left--;
		if (!find_mapped(walk, at, span, &inner) || !is_border(walk, at + inner.size, span))
			continue;
		old_take_call(walk, mapped->base, "the size of this block is not written yet");
		mapped->size = at - mapped->base;
		return;
	}
}

static int take_mapped(struct old_walk *walk, const struct mapped *mapped)
{
	struct block block = {
		.address = mapped->base + mapped->before,
		.size = mapped->size - mapped->before,
		.extent = mapped->size,
		.before = (uint32_t)min_u64(mapped->before, UINT32_MAX),
		.state = BLOCK_LIVE,
		.class = OLD_CLASS_MAPPED,
		.arena = OLD_ARENA_MAPPED,
	};
	int r = musl_show_range(walk->visitor, mapped->base, mapped->base + mapped->size);

	walk->old->reading.proofs.proved++;
	return r ? r : old_show(walk, &block);
}

/*
 * A span.
 */

static int take_page(struct old_walk *walk, const struct old_span *span, plat_addr *at)
{
	plat_addr first = *at + old_overhead(walk->old);
	struct mapped mapped;

	if (span->kind == OLD_ANONYMOUS && find_mapped(walk, *at, span, &mapped)) {
		cut_short(walk, span, &mapped);
		*at += mapped.size;
		return take_mapped(walk, &mapped);
	}
	if (old_is_region(walk, first, span))
		return old_take_region(walk, first, span, at);
	*at += walk->page_size;
	return 0;
}

static int take_pages(struct old_walk *walk, const struct old_span *span, plat_addr at)
{
	int r = 0;

	for (at = align_up(at, walk->page_size); r == 0 && at < span->end && walk->pages_left;
	     at = align_up(at, walk->page_size)) {
		walk->pages_left--;
		r = take_page(walk, span, &at);
	}
	return r;
}

/* The first address where a chunk can begin. */
static plat_addr chunk_from(const struct old_walk *walk, plat_addr at)
{
	uint64_t grain = old_grain(walk->old);

	return align_up(sub_floored(at, grain / 2), grain) + grain / 2;
}

/* From grain to grain, up to `end`. */
static int take_grains(struct old_walk *walk, const struct old_span *span, plat_addr end,
		       plat_addr *at)
{
	plat_addr chunk = chunk_from(walk, *at);
	int r = 0;

	while (r == 0 && chunk < end) {
		if (!old_is_region(walk, chunk, span)) {
			chunk += old_grain(walk->old);
			continue;
		}
		r = old_take_region(walk, chunk, span, at);
		chunk = chunk_from(walk, *at);
	}
	return r;
}

/* Early musl begins in the middle of a page where the break does. */
int old_take_span(struct old_walk *walk, const struct old_span *span)
{
	plat_addr at = span->start, end = span->end;
	int r = 0;

	walk->window_size = 0;
	if (span->kind == OLD_BREAK)
		end = min_u64(end, align_up(at, walk->page_size) + walk->page_size);
	if (span->kind != OLD_ANONYMOUS)
		r = take_grains(walk, span, end, &at);
	if (r == 0 && span->kind != OLD_GAP)
		r = take_pages(walk, span, at);
	return r;
}
