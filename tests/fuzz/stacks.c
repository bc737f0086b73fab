/*
 * Thread descriptors in a hostile memory of PAGES pages that begins at BASE:
 *
 *     flags | nthreads | sp of each (2 bytes) | rights of each page | words to store ...
 *
 * All else in the memory is zero. A word to store is its place (2 bytes, in words) and its value (4
 * bytes), so that a value can be an address in the memory.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "space/kinds.h"
#include "space/layout.h"
#include "space/stacks.h"

#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x10000)
#define PAGE UINT64_C(0x1000)
#define PAGES 16
#define THREADS_MOST 6

enum flag { FLAG_32 = 1, FLAG_NO_MAIN = 2, FLAG_BRK = 4 };
enum shape { SHAPE_JOIN = 16, SHAPE_GAP = 32, SHAPE_FILE = 64, SHAPE_STACK = 128 };

static void add_threads(struct space *space, struct input *input, unsigned flags)
{
	size_t n = input_number(input, 1) % THREADS_MOST, i;

	space->threads = calloc(n ? n : 1, sizeof(*space->threads));
	must(space->threads);
	space->threads_room = n ? n : 1;
	for (i = 0; i < n; i++) {
		uint64_t sp = input_number(input, 2);

		space->threads[i] = (struct thread){
			.tid = 100 + (int)i,
			.inner_tid = 100 + (int)i,
			.is_main = i == 0 && !(flags & FLAG_NO_MAIN),
			.sp = sp ? BASE + sp : UNKNOWN,
			.descriptor = UNKNOWN,
			.deepest = UNKNOWN,
		};
	}
	space->nthreads = n;
}

static void add_mappings(struct space *space, struct input *input)
{
	unsigned i;

	for (i = 0; i < PAGES; i++) {
		unsigned shape = (unsigned)input_number(input, 1);
		struct region *last = space->nregions ? &space->regions[space->nregions - 1] : NULL;
		uint32_t file = NO_FILE;

		if (shape & SHAPE_GAP)
			continue;
		if ((shape & SHAPE_JOIN) && last && last->end == BASE + i * PAGE) {
			last->end += PAGE;
			continue;
		}
		if (shape & SHAPE_STACK)
			must(space_add_file(space, "[stack]", 0, 0, 0, &file) == 0);
		else if (shape & SHAPE_FILE)
			must(space_add_file(space, "/lib/a", 8, 1, 1, &file) == 0);
		must(space_add_mapping(space, BASE + i * PAGE, BASE + (i + 1) * PAGE, shape & 15, 0,
				       file) == 0);
	}
}

static void store_words(struct input *input, unsigned char *memory, unsigned word)
{
	while (input->size) {
		uint64_t place = input_number(input, 2) * word;
		uint64_t value = input_number(input, 4);

		if (place < PAGES * PAGE)
			memcpy(memory + place, &value, word);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned flags = (unsigned)input_number(&input, 1);
	unsigned char *memory = calloc(PAGES, PAGE);
	struct space space;
	struct array array;

	must(memory);
	space_init(&space);
	space.process.bits = flags & FLAG_32 ? 32 : 64;
	if (flags & FLAG_BRK)
		space.start_brk = BASE;
	add_threads(&space, &input, flags);
	add_mappings(&space, &input);
	store_words(&input, memory, flags & FLAG_32 ? 4 : 8);
	array = array_at(BASE, memory, PAGES * PAGE);

	must(stacks_find(&space, &array.reader) == 0);
	layout_find(&space);
	must(kinds_assign(&space) == 0);
	check_space(&space);
	space_fini(&space);
	free(memory);
	return 0;
}
