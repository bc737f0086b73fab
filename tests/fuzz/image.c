#include "image.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

void image_add_module(struct space *space, plat_addr start, plat_addr end, bool is_64)
{
	struct module *module = calloc(1, sizeof(*module));

	must(module);
	*module = (struct module){
		.file = NO_FILE,
		.role = MODULE_PROGRAM,
		.header = start,
		.nsegments = 1,
		.segments[0] = {.start = start,
				.file_end = end,
				.end = end,
				.rights = RIGHT_READ | RIGHT_WRITE},
		.is_64 = is_64,
	};
	space->modules = module;
	space->nmodules = space->modules_room = 1;
}

struct region *image_add_region(struct space *space, plat_addr start, plat_addr end, enum kind kind)
{
	struct region *region;

	must(space_add_mapping(space, start, end, RIGHT_READ | RIGHT_WRITE, 0, NO_FILE) == 0);
	region = &space->regions[space->nregions - 1];
	region->kind = (uint8_t)kind;
	return region;
}

void image_store(struct input *input, unsigned char *memory, size_t size)
{
	while (input->size) {
		size_t place = (size_t)input_number(input, 2) % size;
		size_t length = (size_t)input_number(input, 1);

		length = (size_t)min_u64(min_u64(length, input->size), size - place);
		if (length)
			memcpy(memory + place, input->data, length);
		input->data += length;
		input->size -= length;
	}
}
