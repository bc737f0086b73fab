/*
 * A tree with two levels: a list of chunks, each with up to CHUNK_ROOM VMAs.
 *
 *	chunks    | end gap n vmas | end gap n vmas | ...
 *	                      |                 |
 *	                      v v v v           v v v
 *
 * A flat list would move a megabyte for a mapping in the middle of 65,530. The sixty that a process
 * mostly has lie in a chunk or two, which costs no more than a flat list; a deeper tree would.
 *
 * A chunk's `gap` is a bound: none of its gaps is larger. Where a gap grows the bound is raised
 * with it, where one shrinks it stays, and a search that finds nothing under it lowers it to what
 * it saw. So no change has to look at a whole chunk, and a search looks in vain at most once a
 * change, apart from the two chunks where its range begins and ends.
 *
 * Always: no chunk is empty; `end` is that of its last VMA; together, two neighbours have enough
 * VMAs to fill half a chunk, so that there are never many chunks for few VMAs.
 */
#include "model/vmas.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_ROOM 64
/* Neighbours become one when they fit in three quarters, or the next VMA would part them again. */
#define CHUNK_JOINED (CHUNK_ROOM / 4 * 3)

struct vma_chunk {
	plat_addr end;
	uint64_t gap;
	size_t n;
	struct vma *vmas;
};

void vmas_fini(struct vmas *vmas)
{
	size_t c;

	for (c = 0; c < vmas->nchunks; c++)
		free(vmas->chunks[c].vmas);
	free(vmas->chunks);
	*vmas = VMAS_EMPTY;
}

int vmas_copy(const struct vmas *vmas, struct vmas *ret)
{
	struct vmas copy = VMAS_EMPTY;
	int r = list_reserve(&copy.chunks, &copy.chunks_room, 0, vmas->nchunks);
	size_t c;

	for (c = 0; r == 0 && c < vmas->nchunks; c++) {
		const struct vma_chunk *from = &vmas->chunks[c];
		struct vma *to = malloc(CHUNK_ROOM * sizeof(*to));

		if (!to) {
			r = -ENOMEM;
			break;
		}
		memcpy(to, from->vmas, from->n * sizeof(*to));
		copy.chunks[c] = *from;
		copy.chunks[c].vmas = to;
		copy.nchunks++;
	}
	if (r < 0) {
		vmas_fini(&copy);
		return r;
	}
	copy.count = vmas->count;
	*ret = copy;
	return 0;
}

/* Where the gap below begins: the end of the VMA before this index of the chunk, or 0. */
static plat_addr end_before(const struct vma_chunk *chunk, size_t c, size_t i)
{
	if (i > 0)
		return chunk->vmas[i - 1].end;
	return c > 0 ? chunk[-1].end : 0;
}

static bool chunk_valid(const struct vmas *vmas, size_t c)
{
	const struct vma_chunk *chunk = &vmas->chunks[c];
	size_t i;

	if (chunk->n == 0 || chunk->n > CHUNK_ROOM)
		return false;
	for (i = 0; i < chunk->n; i++) {
		const struct vma *vma = &chunk->vmas[i];
		plat_addr before = end_before(chunk, c, i);

		if (vma->start >= vma->end || vma->start < before ||
		    vma->start - before > chunk->gap)
			return false;
	}
	return chunk->vmas[chunk->n - 1].end == chunk->end;
}

/* Whether the chunks [c, end) are in order, and not too many. */
static bool chunks_valid(const struct vmas *vmas, size_t c, size_t end)
{
	for (; c < end && c < vmas->nchunks; c++) {
		if (!chunk_valid(vmas, c))
			return false;
		if (c > 0 && vmas->chunks[c - 1].n + vmas->chunks[c].n < CHUNK_ROOM / 2)
			return false;
	}
	return true;
}

bool vmas_valid(const struct vmas *vmas)
{
	size_t c, count = 0;

	for (c = 0; c < vmas->nchunks; c++)
		count += vmas->chunks[c].n;
	return count == vmas->count && chunks_valid(vmas, 0, vmas->nchunks);
}

/* Of the chunks that a change at c may have touched. What overlaps another VMA shows here too. */
static void assert_around(const struct vmas *vmas, size_t c)
{
	assert(chunks_valid(vmas, c > 0 ? c - 1 : 0, c + 3));
}

static ALWAYS_INLINE bool is_behind_chunk(const void *chunk, uint64_t addr)
{
	return ((const struct vma_chunk *)chunk)[-1].end <= addr;
}

static ALWAYS_INLINE bool is_behind_vma(const void *vma, uint64_t addr)
{
	return ((const struct vma *)vma)[-1].end <= addr;
}

/* The first that ends above addr; the last of the `n` is known to. */
static size_t chunk_above(const struct vma_chunk *chunks, size_t n, plat_addr addr)
{
	const struct vma_chunk *above =
		search_last(chunks, n, sizeof(*chunks), addr, is_behind_chunk);

	return (size_t)(above - chunks);
}

static size_t vma_above(const struct vma *vmas, size_t n, plat_addr addr)
{
	const struct vma *above = search_last(vmas, n, sizeof(*vmas), addr, is_behind_vma);

	return (size_t)(above - vmas);
}

struct vma_place vmas_find(const struct vmas *vmas, plat_addr addr)
{
	size_t n = vmas->nchunks, c;

	if (n == 0 || vmas->chunks[n - 1].end <= addr)
		return (struct vma_place){n, 0};
	c = chunk_above(vmas->chunks, n, addr);
	return (struct vma_place){c, vma_above(vmas->chunks[c].vmas, vmas->chunks[c].n, addr)};
}

struct vma_place vmas_first(const struct vmas *vmas)
{
	(void)vmas; /* where it is empty, this is the end */
	return (struct vma_place){0, 0};
}

struct vma_place vmas_next(const struct vmas *vmas, struct vma_place place)
{
	if (place.chunk == vmas->nchunks)
		return place;
	if (++place.index == vmas->chunks[place.chunk].n)
		return (struct vma_place){place.chunk + 1, 0};
	return place;
}

bool vmas_previous(const struct vmas *vmas, struct vma_place *place)
{
	if (place->index > 0) {
		place->index--;
		return true;
	}
	if (place->chunk == 0)
		return false;
	place->chunk--;
	place->index = vmas->chunks[place->chunk].n - 1;
	return true;
}

struct vma *vmas_at(const struct vmas *vmas, struct vma_place place)
{
	if (place.chunk == vmas->nchunks)
		return NULL;
	assert(place.chunk < vmas->nchunks && place.index < vmas->chunks[place.chunk].n);
	return &vmas->chunks[place.chunk].vmas[place.index];
}

/* Chunks come and go. */

/* A chunk without VMAs at c, which the caller fills at once. */
static int open_chunk(struct vmas *vmas, size_t c)
{
	struct vma_chunk *chunk;
	struct vma *room;
	int r = list_reserve(&vmas->chunks, &vmas->chunks_room, vmas->nchunks, 1);

	if (r < 0)
		return r;
	room = malloc(CHUNK_ROOM * sizeof(*room));
	if (!room)
		return -ENOMEM;

	chunk = &vmas->chunks[c];
	memmove(chunk + 1, chunk, (vmas->nchunks - c) * sizeof(*chunk));
	*chunk = (struct vma_chunk){.vmas = room};
	vmas->nchunks++;
	return 0;
}

static void close_chunk(struct vmas *vmas, size_t c)
{
	struct vma_chunk *chunk = &vmas->chunks[c];

	free(chunk->vmas);
	vmas->nchunks--;
	memmove(chunk, chunk + 1, (vmas->nchunks - c) * sizeof(*chunk));
}

/* Halves a full chunk. */
static int part_chunk(struct vmas *vmas, size_t c)
{
	struct vma_chunk *low, *high;
	int r = open_chunk(vmas, c + 1);

	if (r < 0)
		return r;
	low = &vmas->chunks[c];
	high = low + 1;
	high->n = low->n / 2;
	low->n -= high->n;
	memcpy(high->vmas, low->vmas + low->n, high->n * sizeof(*high->vmas));
	high->end = low->end;
	high->gap = low->gap;
	low->end = low->vmas[low->n - 1].end;
	return 0;
}

/* Whether the chunks at c and above it are few enough to be one; then they are. */
static bool join_chunks(struct vmas *vmas, size_t c)
{
	struct vma_chunk *low = &vmas->chunks[c], *high = low + 1;

	if (c + 1 >= vmas->nchunks || low->n + high->n > CHUNK_JOINED)
		return false;
	memcpy(low->vmas + low->n, high->vmas, high->n * sizeof(*high->vmas));
	low->n += high->n;
	low->end = high->end;
	low->gap = max_u64(low->gap, high->gap);
	close_chunk(vmas, c + 1);
	return true;
}

/* VMAs come and go. */

/*
 * Finds room for one VMA at the place, and moves the place to it. New chunks begin with one VMA
 * where it stands between full ones, so that rows of mappings, up or down, leave full chunks.
 */
static int make_room(struct vmas *vmas, struct vma_place *place)
{
	size_t c = place->chunk, i = place->index;
	int r;

	if (i == 0 && c > 0 && vmas->chunks[c - 1].n < CHUNK_ROOM) {
		c--;
		i = vmas->chunks[c].n;
	} else if (c == vmas->nchunks || (i == 0 && vmas->chunks[c].n == CHUNK_ROOM)) {
		r = open_chunk(vmas, c);
		if (r < 0)
			return r;
	} else if (vmas->chunks[c].n == CHUNK_ROOM) {
		r = part_chunk(vmas, c);
		if (r < 0)
			return r;
		if (i > vmas->chunks[c].n) {
			i -= vmas->chunks[c].n;
			c++;
		}
	}
	*place = (struct vma_place){c, i};
	return 0;
}

/* The gap below the VMA at the place, if there is one, may have grown. */
static void raise_gap(struct vmas *vmas, struct vma_place place)
{
	struct vma_chunk *chunk = &vmas->chunks[place.chunk];
	uint64_t gap;

	if (place.chunk == vmas->nchunks)
		return;
	gap = chunk->vmas[place.index].start - end_before(chunk, place.chunk, place.index);
	chunk->gap = max_u64(chunk->gap, gap);
}

int vmas_insert_at(struct vmas *vmas, struct vma_place *place, const struct vma *vma)
{
	struct vma_chunk *chunk;
	struct vma *at;
	int r = make_room(vmas, place);

	if (r < 0)
		return r;

	chunk = &vmas->chunks[place->chunk];
	at = &chunk->vmas[place->index];
	memmove(at + 1, at, (chunk->n - place->index) * sizeof(*at));
	*at = *vma;
	chunk->n++;
	chunk->end = chunk->vmas[chunk->n - 1].end;
	raise_gap(vmas, *place);
	vmas->count++;
	assert_around(vmas, place->chunk);
	return 0;
}

int vmas_insert(struct vmas *vmas, const struct vma *vma)
{
	struct vma_place place = vmas_find(vmas, vma->start);

	return vmas_insert_at(vmas, &place, vma);
}

struct vma_place vmas_remove(struct vmas *vmas, struct vma_place place)
{
	struct vma_chunk *chunk = &vmas->chunks[place.chunk];
	struct vma *at = vmas_at(vmas, place);
	size_t below;

	vmas->count--;
	chunk->n--;
	if (chunk->n == 0) {
		close_chunk(vmas, place.chunk);
		raise_gap(vmas, place);
		assert_around(vmas, place.chunk);
		return place;
	}
	memmove(at, at + 1, (chunk->n - place.index) * sizeof(*at));
	chunk->end = chunk->vmas[chunk->n - 1].end;

	below = place.chunk > 0 ? chunk[-1].n : 0;
	if (!join_chunks(vmas, place.chunk) && place.chunk > 0 &&
	    join_chunks(vmas, place.chunk - 1)) {
		place.chunk--;
		place.index += below;
	}
	if (place.index == vmas->chunks[place.chunk].n)
		place = (struct vma_place){place.chunk + 1, 0};
	raise_gap(vmas, place);
	assert_around(vmas, place.chunk);
	return place;
}

void vmas_resize(struct vmas *vmas, struct vma_place place, plat_addr start, plat_addr end)
{
	struct vma_chunk *chunk = &vmas->chunks[place.chunk];
	struct vma *vma = vmas_at(vmas, place);

	vma->start = start;
	vma->end = end;
	chunk->end = chunk->vmas[chunk->n - 1].end;
	raise_gap(vmas, place);
	raise_gap(vmas, vmas_next(vmas, place));
	assert_around(vmas, place.chunk);
}

/* Gaps. */

struct search {
	plat_addr low, high;
	uint64_t length;
	plat_addr *bottom, *top; /* of what was found */
};

/* Whether the gap [bottom, top), cut to what is searched, is large enough; then it is found. */
static bool large_enough(const struct search *search, plat_addr bottom, plat_addr top)
{
	bottom = max_u64(bottom, search->low);
	top = min_u64(top, search->high);
	if (sub_floored(top, bottom) < search->length)
		return false;
	*search->bottom = bottom;
	*search->top = top;
	return true;
}

/* After a search in vain: the bound becomes what it should be. */
static void lower_gap(struct vma_chunk *chunk, size_t c)
{
	plat_addr before = end_before(chunk, c, 0);
	uint64_t gap = 0;
	size_t i;

	for (i = 0; i < chunk->n; i++) {
		gap = max_u64(gap, chunk->vmas[i].start - before);
		before = chunk->vmas[i].end;
	}
	chunk->gap = gap;
}

/* Among the gaps below the first `n` VMAs of a chunk. */
static bool highest_in(struct vma_chunk *chunk, size_t c, size_t n, const struct search *search,
		       struct vma_place *above)
{
	size_t i = n;

	while (i-- > 0)
		if (large_enough(search, end_before(chunk, c, i), chunk->vmas[i].start)) {
			*above = (struct vma_place){c, i};
			return true;
		}
	lower_gap(chunk, c);
	return false;
}

/* Among the gaps below the VMAs of a chunk from `i` on. */
static bool lowest_in(struct vma_chunk *chunk, size_t c, size_t i, const struct search *search,
		      struct vma_place *above)
{
	for (; i < chunk->n; i++)
		if (large_enough(search, end_before(chunk, c, i), chunk->vmas[i].start)) {
			*above = (struct vma_place){c, i};
			return true;
		}
	lower_gap(chunk, c);
	return false;
}

/* The gap above the last VMA, which has no end of its own. */
static bool above_all(const struct vmas *vmas, const struct search *search, struct vma_place *above)
{
	size_t n = vmas->nchunks;

	if (!large_enough(search, n > 0 ? vmas->chunks[n - 1].end : 0, search->high))
		return false;
	*above = (struct vma_place){n, 0};
	return true;
}

bool vmas_highest_gap(struct vmas *vmas, plat_addr low, plat_addr high, uint64_t length,
		      plat_addr *bottom, plat_addr *top, struct vma_place *above)
{
	const struct search search = {low, high, length, bottom, top};
	struct vma_place place = vmas_find(vmas, high); /* all gaps above it begin too high */
	size_t c, n;

	assert(length > 0);
	if (low >= high)
		return false;
	if (place.chunk == vmas->nchunks) {
		if (above_all(vmas, &search, above))
			return true;
		if (!vmas_previous(vmas, &place))
			return false;
	}
	for (c = place.chunk, n = place.index + 1;; n = vmas->chunks[--c].n) {
		struct vma_chunk *chunk = &vmas->chunks[c];

		if (chunk->gap >= length && highest_in(chunk, c, n, &search, above))
			return true;
		if (c == 0 || chunk[-1].end <= low)
			return false;
	}
}

bool vmas_lowest_gap(struct vmas *vmas, plat_addr low, plat_addr high, uint64_t length,
		     plat_addr *bottom, plat_addr *top, struct vma_place *above)
{
	const struct search search = {low, high, length, bottom, top};
	struct vma_place place = vmas_find(vmas, low); /* all gaps below it end too low */
	size_t c, i;

	assert(length > 0);
	if (low >= high)
		return false;
	for (c = place.chunk, i = place.index; c < vmas->nchunks; c++, i = 0) {
		struct vma_chunk *chunk = &vmas->chunks[c];

		if (chunk->gap >= length && lowest_in(chunk, c, i, &search, above))
			return true;
		if (chunk->end >= high)
			return false;
	}
	return above_all(vmas, &search, above);
}
