#include "heap/musl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEARCH_BYTES (UINT64_C(256) << 20) /* libc's .bss is at the end of a static program's */
#define PIECE (64 * 1024)
#define PIECE_PAGE 4096
#define AT_END 0
#define AT_RANDOM_TYPE 25
#define AUXV_MOST 4096

/*
 * Searching.
 */

/* Pages that cannot be read are passed over as zeros. */
static void read_piece(struct reader *reader, plat_addr at, unsigned char *to, size_t size)
{
	size_t done, part;

	if (reader_read(reader, at, to, size) == 0)
		return;
	for (done = 0; done < size; done += part) {
		part = (size_t)min_u64(size - done, PIECE_PAGE - ((at + done) & (PIECE_PAGE - 1)));
		if (reader_read(reader, at + done, to + done, part) < 0)
			memset(to + done, 0, part);
	}
}

/* Zeros are no state: most of a .bss is passed over at once. */
static int search_piece(struct musl_search *search, plat_addr at, const unsigned char *bytes,
			size_t size)
{
	size_t i, something = 0;
	int r = 0;

	for (i = 0; r == 0 && i + search->size <= size; i += search->word) {
		something = max_u64(something, i);
		while (something < size && bytes[something] == 0)
			something++;
		if (something - i >= search->size)
			i = align_down(something - search->size, search->word);
		else
			r = search->look(search, at + i, bytes + i);
	}
	return r;
}

static int search_range(struct reader *reader, struct musl_search *search, plat_addr start,
			plat_addr end, unsigned char *buffer)
{
	plat_addr at = align_up(start, search->word);
	int r = 0;

	while (r == 0 && at < end && end - at >= search->size) {
		size_t size = (size_t)min_u64(end - at, PIECE + search->size);

		read_piece(reader, at, buffer, size);
		r = search_piece(search, at, buffer, size);
		at += PIECE;
	}
	return r;
}

static int search_module(struct reader *reader, const struct module *module,
			 struct musl_search *search, unsigned char *buffer)
{
	size_t i;
	int r = 0;

	search->word = module->is_64 ? 8 : 4;
	search->size = search->size_of(search->word);
	for (i = 0; r == 0 && i < module->nsegments; i++) {
		const struct segment *segment = &module->segments[i];
		plat_addr start = segment->start;

		if (!(segment->rights & RIGHT_WRITE) || segment->end <= start)
			continue;
		if (segment->end - start > SEARCH_BYTES)
			start = align_down(segment->end - SEARCH_BYTES, PIECE_PAGE);
		r = search_range(reader, search, start, segment->end, buffer);
	}
	return r;
}

int musl_search(const struct space *space, struct reader *reader, struct musl_search *search)
{
	unsigned char *buffer = malloc(PIECE + MUSL_SEARCH_MOST);
	uint32_t i;
	int r = 0;

	if (!buffer)
		return -ENOMEM;
	for (i = 0; r == 0 && i < space->nmodules; i++) {
		const struct module *module = &space->modules[i];

		if (module->role != MODULE_INTERPRETER &&
		    (module->role != MODULE_PROGRAM || module->has_interpreter))
			continue;
		search->module = i;
		r = search_module(reader, module, search, buffer);
	}
	free(buffer);
	return r == 1 ? 0 : r == 0 ? -ENOENT : r;
}

/*
 * What the process is told, and may be doing.
 */

static int find_entry(const unsigned char *vector, size_t size, unsigned word, plat_addr *ret)
{
	size_t i;

	for (i = 0; i + 2 * word <= size; i += 2 * word) {
		uint64_t type = musl_word(vector + i, word);

		if (type == AT_END)
			break;
		*ret = musl_word(vector + i + word, word);
		if (type == AT_RANDOM_TYPE)
			return 0;
	}
	return -ENOENT;
}

int musl_random(const struct space *space, struct reader *reader, unsigned word, uint64_t *ret)
{
	const struct process *process = &space->process;
	unsigned char bytes[AUXV_MOST];
	plat_addr at = 0;
	size_t size;
	int r;

	if (process->auxv_start == UNKNOWN || process->auxv_end == UNKNOWN ||
	    process->auxv_end <= process->auxv_start)
		return -ENOENT;
	size = (size_t)min_u64(process->auxv_end - process->auxv_start, sizeof(bytes));
	r = reader_read(reader, process->auxv_start, bytes, size);
	if (r == 0)
		r = find_entry(bytes, size, word, &at);
	if (r == 0)
		r = reader_read(reader, at + 8, bytes, 8);
	if (r == 0)
		*ret = musl_word(bytes, 8);
	return r;
}

uint64_t musl_calls_most(const struct space *space)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < space->nthreads; i++)
		n += space->threads[i].tid != 0;
	return max_u64(n, 1);
}

/*
 * Showing and counting.
 */

int musl_show_block(const struct heap_visitor *visitor, const struct block *block)
{
	if (!visitor || !visitor->block || !(visitor->states >> block->state & 1))
		return 0;
	return visitor->block(visitor->context, block);
}

int musl_show_range(const struct heap_visitor *visitor, plat_addr start, plat_addr end)
{
	return visitor && visitor->range ? visitor->range(visitor->context, start, end) : 0;
}

void musl_say_call(struct heap_proofs *proofs, plat_addr at, const char *what)
{
	proofs->unsteady++;
	if (!proofs->first_unsteady[0])
		snprintf(proofs->first_unsteady, sizeof(proofs->first_unsteady),
			 "0x%" PRIx64 ": %s", at, what);
}

void musl_say_broken(struct heap_proofs *proofs, plat_addr at, const char *what)
{
	if (proofs->broken++ == 0)
		snprintf(proofs->first, sizeof(proofs->first), "0x%" PRIx64 ": %s", at, what);
}
