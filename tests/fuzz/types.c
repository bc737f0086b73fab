/*
 * Types of C++ objects in a hostile program:
 *
 *     flags | pieces, as in image.h
 *
 *     BASE    | vtables, typeinfos, names: a module's data |
 *     HEAP    | a block at each word                       |
 *
 * Whatever stands there, the search ends; a type has a name without blanks and control characters,
 * a word leads to the same one each time, and blocks and bytes add up.
 */
#include "image.h"

#include "base/assert.h"
#include "heap/types.h"

#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x40000000) /* multiples of it are in reach of 32 bits */
#define PAGE UINT64_C(0x1000)
#define SIZE (4 * PAGE)
#define HEAP (BASE + 3 * PAGE)

enum flag { FLAG_32 = 1 };

/* A compiler takes letters beyond ASCII, too; text_escape() looks after them. */
static void check_name(const char *name)
{
	must(*name);
	for (; *name; name++)
		must((unsigned char)*name > ' ' && *name != 0x7f);
}

static void check_list(const struct types *types, uint64_t blocks, uint64_t bytes)
{
	size_t i, k, n;
	const struct type *list = types_list(types, &n);

	must(n <= TYPES_MOST);
	for (i = 0; i < n; i++) {
		check_name(list[i].name);
		for (k = 0; k < i; k++)
			must(strcmp(list[i].name, list[k].name) != 0);
		blocks -= list[i].blocks;
		bytes -= list[i].bytes;
	}
	must(blocks == 0 && bytes == 0);
}

/* A block at each word of the heap, which begins with it. */
static void check(const struct space *space, struct reader *reader, const unsigned char *heap)
{
	unsigned width = space->process.bits / 8;
	struct types *types = types_new(space, reader);
	uint64_t blocks = 0, at;

	must(types);
	for (at = 0; at < PAGE; at += width) {
		const struct block block = {.address = HEAP + at,
					    .size = width,
					    .extent = width,
					    .state = BLOCK_LIVE,
					    .class = NO_CLASS,
					    .arena = NO_ARENA};
		uint64_t word = 0;
		uint16_t type, again;

		memcpy(&word, heap + at, width);
		must(types_take(types, &block, &type) == 0);
		must(types_of_word(types, word, &again) == 0);
		must(type == again);
		blocks += type != NO_TYPE;
	}
	check_list(types, blocks, blocks * width);
	types_free(types);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned flags = (unsigned)input_number(&input, 1);
	unsigned char *memory = calloc(SIZE, 1);
	struct array array = array_at(BASE, memory, SIZE);
	struct space space;

	must(memory);
	image_store(&input, memory, SIZE);
	space_init(&space);
	space.machine.page_size = PAGE;
	space.process.bits = flags & FLAG_32 ? 32 : 64;
	image_add_module(&space, BASE, HEAP, !(flags & FLAG_32));
	image_add_region(&space, BASE, HEAP, KIND_DATA)->module = 0;
	image_add_region(&space, HEAP, BASE + SIZE, KIND_HEAP);
	check(&space, &array.reader, memory + (HEAP - BASE));
	space_fini(&space);
	free(memory);
	return 0;
}
