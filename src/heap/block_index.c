#include "heap/block_index.h"

#include "base/assert.h"
#include "base/list.h"
#include "heap/block_find.h"
#include "heap/block_index_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOLE_IN_RANGE UINT64_C(4096) /* to read a page more is cheaper than to remember a range */
#define BRIDGE_MOST 8192	     /* lines: 48 MiB */
#define BRIDGED_FREELY 1024	     /* lines: 64 KiB of ours */
#define BLOCKS_PER_BRIDGED 32
#define MOVED_LEAST ((size_t)2 << 20) /* bytes of lines: fewer stay in the processor's caches */

static uint64_t grain_bytes(const struct block_index *index)
{
	return UINT64_C(1) << index->grain_shift;
}

static uint64_t line_bytes(const struct block_index *index)
{
	return (uint64_t)LINE_GRAINS << index->grain_shift;
}

void block_index_fini(struct block_index *index)
{
	free(index->ranges);
	free(index->stretches);
	free(index->lines_memory ? index->lines_memory : index->lines);
	free(index->sizes);
	free(index->odd);
	*index = (struct block_index){.n = 0};
}

/*
 * Adding blocks, in order.
 */

/* Whether empty lines up to this block are worth it: a stretch more makes every search longer. */
static bool bridge(struct block_index *index, size_t nempty)
{
	if (nempty > BRIDGE_MOST ||
	    index->bridged + nempty > BRIDGED_FREELY + index->n / BLOCKS_PER_BRIDGED)
		return false;
	index->bridged += nempty;
	return true;
}

static int add_lines(struct block_index *index, size_t n)
{
	int r = list_reserve(&index->lines, &index->lines_room, index->nlines, n);

	if (r < 0)
		return r;
	memset(index->lines + index->nlines, 0, n * sizeof(*index->lines));
	index->nlines += n;
	return 0;
}

static int begin_stretch(struct block_index *index, plat_addr at)
{
	int r = list_reserve(&index->stretches, &index->stretches_room, index->nstretches, 1);

	if (r == 0)
		r = add_lines(index, 1);
	if (r == 0)
		index->stretches[index->nstretches++] = (struct block_stretch){
			.base = align_down(at, grain_bytes(index)),
			.start = at,
			.line = index->nlines - 1,
			.nlines = 1,
		};
	return r;
}

/* Makes the line in which `at` is the last one. */
static int reach_line(struct block_index *index, plat_addr at)
{
	struct block_stretch *last =
		index->nstretches ? &index->stretches[index->nstretches - 1] : NULL;
	uint64_t lines;
	int r;

	if (!last)
		return begin_stretch(index, at);
	lines = (at - last->base) / line_bytes(index) + 1;
	if (lines == last->nlines)
		return 0;
	if (!bridge(index, (size_t)(lines - last->nlines - 1)))
		return begin_stretch(index, at);
	r = add_lines(index, (size_t)(lines - last->nlines));
	if (r == 0)
		last->nlines = (size_t)lines;
	return r;
}

static int add_range(struct block_index *index, plat_addr start, plat_addr end)
{
	struct block_range *last = index->nranges ? &index->ranges[index->nranges - 1] : NULL;
	int r;

	if (last && start - last->end <= HOLE_IN_RANGE) {
		last->end = end;
		return 0;
	}
	r = list_reserve(&index->ranges, &index->ranges_room, index->nranges, 1);
	if (r == 0)
		index->ranges[index->nranges++] = (struct block_range){start, end};
	return r;
}

static int add_size(struct block_index *index, uint64_t size, uint64_t skew, enum block_state state)
{
	bool is_odd = size >= BLOCK_SIZE_ODD || skew;
	int r = list_reserve(&index->sizes, &index->sizes_room, index->n, 1);

	if (r == 0 && is_odd)
		r = list_reserve(&index->odd, &index->odd_room, index->nodd, 1);
	if (r < 0)
		return r;
	index->nskewed += skew != 0;
	if (is_odd)
		index->odd[index->nodd++] = (struct block_odd){
			.size = size, .number = (uint32_t)index->n, .skew = (uint32_t)skew};
	index->sizes[index->n++] =
		(uint16_t)((is_odd ? BLOCK_SIZE_ODD : size) << BLOCK_STATE_BITS | state);
	return 0;
}

/* What is pending is known now. */
static int commit(struct block_index *index)
{
	plat_addr at = index->pending.address;
	uint64_t size = index->pending.size;
	struct block_stretch *stretch;
	uint64_t grain;
	int r;

	if (!index->pending.is_there)
		return 0;
	index->pending.is_there = false;
	r = reach_line(index, at);
	if (r == 0)
		r = add_size(index, size, at & (grain_bytes(index) - 1), index->pending.state);
	if (r < 0)
		return r;
	if (index->n == 1)
		index->start = at;
	stretch = &index->stretches[index->nstretches - 1];
	/* A block of no bytes has an address, too. */
	index->end = stretch->end = at + (size ? size : 1);
	grain = ((at - stretch->base) >> index->grain_shift) % LINE_GRAINS;
	index->lines[index->nlines - 1].begins[grain / 64] |= UINT64_C(1) << (grain % 64);
	if (!block_is_target(index, (uint32_t)(index->n - 1)))
		return 0;
	index->nlive += index->pending.state == BLOCK_LIVE;
	index->nunknown += index->pending.state == BLOCK_UNKNOWN;
	return size ? add_range(index, at, at + size) : 0;
}

int block_index_append(struct block_index *index, const struct block_entry *block)
{
	uint64_t room = ADDR_MAX - block->address;
	int r;

	if (index->pending.is_there) {
		plat_addr last = index->pending.address;

		if (index->n >= BLOCKS_MOST - 1 || room == 0 ||
		    block->address >> index->grain_shift <= last >> index->grain_shift) {
			index->nleft_out++;
			return 0;
		}
		if (index->pending.size > block->address - last) {
			index->pending.size = block->address - last;
			index->noverlapping++;
		}
	} else if (room == 0) {
		index->nleft_out++;
		return 0;
	}
	r = commit(index);
	index->pending.address = block->address;
	index->pending.size = min_u64(block->size, room);
	index->pending.state = block->state;
	index->pending.is_there = true;
	return r;
}

/*
 * When all are there.
 */

static void count_line(struct block_line *line, uint32_t *n)
{
	unsigned word, sum = 0;

	line->first = *n;
	for (word = 0; word < LINE_WORDS; word++) {
		line->before |= (uint64_t)sum << (9 * word);
		sum += (unsigned)__builtin_popcountll(line->begins[word]);
	}
	*n += sum;
}

/* From the end of a line back to the last block in it; LINE_GRAINS + back where it has none. */
static uint32_t grains_back(const struct block_line *line, uint32_t back)
{
	unsigned word;

	for (word = LINE_WORDS; word-- > 0;) {
		uint64_t bits = line->begins[word];

		if (bits)
			return LINE_GRAINS - (word * 64 + 63 - (unsigned)__builtin_clzll(bits));
	}
	return LINE_GRAINS + back;
}

static void count_stretch(struct block_index *index, const struct block_stretch *stretch,
			  uint32_t *n)
{
	uint32_t back = 0;
	size_t i;

	for (i = stretch->line; i < stretch->line + stretch->nlines; i++) {
		count_line(&index->lines[i], n);
		index->lines[i].back = back;
		back = grains_back(&index->lines[i], back);
	}
}

/* realloc() knows nothing of lines of the cache, so they move in the end. */
static int move_lines(struct block_index *index, const struct crew *crew)
{
	size_t size = index->nlines * sizeof(*index->lines);
	void *memory = malloc(size + CACHE_LINE);
	struct block_line *lines;

	if (!memory)
		return -ENOMEM;
	lines = (struct block_line *)(void *)((char *)memory + CACHE_LINE -
					      (uintptr_t)memory % CACHE_LINE);
	crew_expect(crew, memory, size + CACHE_LINE);
	if (size)
		memcpy(lines, index->lines, size);
	free(index->lines_memory ? index->lines_memory : index->lines);
	index->lines_memory = memory;
	index->lines = lines;
	return 0;
}

int block_index_seal(struct block_index *index)
{
	uint32_t n = 0;
	size_t i;
	int r = commit(index);

	if (r < 0)
		return r;
	r = move_lines(index, NULL);
	if (r < 0)
		return r;
	index->has_targets_only = index->nlive + index->nunknown == index->n;
	for (i = 0; i < index->nstretches; i++)
		count_stretch(index, &index->stretches[i], &n);
	assert(n == index->n);
	return 0;
}

static int move_sizes(struct block_index *index, const struct crew *crew)
{
	size_t size = index->n * sizeof(*index->sizes);
	uint16_t *sizes = size ? malloc(size) : NULL;

	if (!sizes)
		return -ENOMEM;
	crew_expect(crew, sizes, size);
	memcpy(sizes, index->sizes, size);
	free(index->sizes);
	index->sizes = sizes;
	index->sizes_room = index->n;
	return 0;
}

void block_index_move(struct block_index *index, const struct crew *crew)
{
	if (!crew->expect || index->nlines * sizeof(*index->lines) < MOVED_LEAST)
		return;
	/* What cannot be moved serves as well where it is. */
	if (move_lines(index, crew) == 0)
		(void)move_sizes(index, crew);
}

static bool stretch_valid(const struct block_index *index, size_t i)
{
	const struct block_stretch *stretch = &index->stretches[i];
	const struct block_stretch *next = i + 1 < index->nstretches ? stretch + 1 : NULL;
	size_t lines_end = next ? next->line : index->nlines;
	plat_addr end = next ? next->start : index->end;

	return stretch->base <= stretch->start && stretch->start < stretch->end &&
	       stretch->end <= end && stretch->nlines > 0 &&
	       stretch->line + stretch->nlines == lines_end;
}

bool block_index_valid(const struct block_index *index)
{
	struct block_cursor cursor;
	plat_addr end = 0;
	size_t i, n = 0;

	for (i = 0; i < index->nstretches; i++)
		if (!stretch_valid(index, i))
			return false;
	for (i = 1; i < index->nodd; i++)
		if (index->odd[i - 1].number >= index->odd[i].number)
			return false;
	block_cursor_init(&cursor, index, 0);
	while (block_cursor_next(&cursor, index)) {
		if (cursor.number != n++ || cursor.block.address < end)
			return false;
		end = cursor.block.address + cursor.block.size;
	}
	return n == index->n;
}

/*
 * Asking.
 */

uint64_t block_size_of(const struct block_index *index, uint32_t number)
{
	uint64_t size = index->sizes[number] >> BLOCK_STATE_BITS;

	return size == BLOCK_SIZE_ODD ? block_find_odd(index, number)->size : size;
}

uint32_t block_index_find(const struct block_index *index, plat_addr at, uint64_t *offset)
{
	return block_find(index, at, offset);
}

/* The line in which the block begins. */
static size_t line_of(const struct block_index *index, uint32_t number)
{
	size_t low = 0, high = index->nlines;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (index->lines[middle].first <= number)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static size_t stretch_of_line(const struct block_index *index, size_t line)
{
	size_t low = 0, high = index->nstretches;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (index->stretches[middle].line <= line)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void block_cursor_init(struct block_cursor *cursor, const struct block_index *index, uint32_t from)
{
	unsigned skip;

	*cursor = (struct block_cursor){.number = from - 1};
	if (from >= index->n) {
		cursor->line = index->nlines;
		return;
	}
	cursor->line = line_of(index, from);
	cursor->stretch = stretch_of_line(index, cursor->line);
	cursor->bits = index->lines[cursor->line].begins[0];
	skip = from - index->lines[cursor->line].first;
	while (skip >= (unsigned)__builtin_popcountll(cursor->bits)) {
		skip -= (unsigned)__builtin_popcountll(cursor->bits);
		cursor->bits = index->lines[cursor->line].begins[++cursor->word];
	}
	while (skip-- > 0)
		cursor->bits &= cursor->bits - 1;
	if (index->nodd)
		cursor->odd = (size_t)(block_find_odd(index, from) - index->odd);
}

/* To the next word with a bit; false behind the last line. */
static bool next_word(struct block_cursor *cursor, const struct block_index *index)
{
	while (!cursor->bits) {
		if (++cursor->word == LINE_WORDS) {
			cursor->word = 0;
			if (++cursor->line >= index->nlines)
				return false;
		}
		cursor->bits = index->lines[cursor->line].begins[cursor->word];
	}
	while (cursor->stretch + 1 < index->nstretches &&
	       index->stretches[cursor->stretch + 1].line <= cursor->line)
		cursor->stretch++;
	return true;
}

static void take_odd(struct block_cursor *cursor, const struct block_index *index)
{
	while (index->odd[cursor->odd].number < cursor->number)
		cursor->odd++;
	cursor->block.size = index->odd[cursor->odd].size;
	cursor->block.address += index->odd[cursor->odd].skew;
}

bool block_cursor_next(struct block_cursor *cursor, const struct block_index *index)
{
	const struct block_stretch *stretch;
	uint64_t grain;

	if (cursor->line >= index->nlines || !next_word(cursor, index))
		return false;
	stretch = &index->stretches[cursor->stretch];
	grain = (uint64_t)(cursor->line - stretch->line) * LINE_GRAINS + cursor->word * 64 +
		(unsigned)__builtin_ctzll(cursor->bits);
	cursor->bits &= cursor->bits - 1;
	cursor->number++;
	cursor->block.address = stretch->base + (grain << index->grain_shift);
	cursor->block.state = block_state_of(index, cursor->number);
	cursor->block.size = index->sizes[cursor->number] >> BLOCK_STATE_BITS;
	if (cursor->block.size == BLOCK_SIZE_ODD)
		take_odd(cursor, index);
	return true;
}

plat_addr block_address_of(const struct block_index *index, uint32_t number)
{
	struct block_cursor cursor;

	block_cursor_init(&cursor, index, number);
	return block_cursor_next(&cursor, index) ? cursor.block.address : UNKNOWN;
}

uint32_t block_index_from(const struct block_index *index, plat_addr at)
{
	uint32_t low = 0, high = (uint32_t)index->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (block_address_of(index, middle) < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
