/*
 * ELF headers and the auxiliary vector in a small memory:
 *
 *     flags | number of mappings | what each is like ... | the memory, from BASE on
 *
 * A mapping takes a byte: rights in the low four bits, then whether a page is left free before it,
 * whether it goes on with its file or begins anew, and whether it has a file.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "space/kinds.h"
#include "space/layout.h"
#include "space/modules.h"

#include <errno.h>
#include <string.h>

#define BASE UINT64_C(0x10000)
#define PAGE UINT64_C(0x1000)
#define MAPPINGS_MOST 24

enum flag { FLAG_32 = 1, FLAG_NO_MEMORY = 2, FLAG_HIGH = 4, FLAG_FACTS = 8 };
enum shape { SHAPE_GAP = 16, SHAPE_ANEW = 32, SHAPE_FILE = 64, SHAPE_VDSO = 128 };

struct backing {
	struct file_reader reader;
	struct array *array;
};

static int read_file(struct file_reader *files, const struct space *space,
		     const struct region *region, uint64_t offset, void *to, size_t size)
{
	struct backing *backing = (struct backing *)files;
	plat_addr at;

	(void)space;
	if (__builtin_add_overflow(region->start, offset, &at))
		return -ENOEXEC;
	return reader_read(&backing->array->reader, at, to, size);
}

static void add_mappings(struct space *space, struct input *input, plat_addr base)
{
	unsigned n = (unsigned)input_number(input, 1) % MAPPINGS_MOST, i;
	uint64_t offset = 0, inode = 1;
	plat_addr at = base;

	for (i = 0; i < n; i++) {
		unsigned shape = (unsigned)input_number(input, 1);
		uint32_t file = NO_FILE;

		at += shape & SHAPE_GAP ? PAGE : 0;
		if (shape & SHAPE_ANEW) {
			offset = 0;
			inode++;
		}
		if (shape & SHAPE_VDSO)
			must(space_add_file(space, "[vdso]", 0, 0, 0, &file) == 0);
		else if (shape & SHAPE_FILE)
			must(space_add_file(space, "/lib/a", 8, 1, inode, &file) == 0);
		if (space_add_mapping(space, at, at + PAGE, shape & 15, offset, file) < 0)
			return;
		offset += PAGE;
		at += PAGE;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned flags = (unsigned)input_number(&input, 1);
	plat_addr base = flags & FLAG_HIGH ? UINT64_C(0xfffffffffffe0000) : BASE;
	struct array array;
	struct backing backing = {{.read = read_file}, &array};
	struct module module;
	struct space space;
	size_t i;

	space_init(&space);
	space.process.bits = flags & FLAG_32 ? 32 : 64;
	if (flags & FLAG_FACTS) {
		space.process.phdr = base + input_number(&input, 2);
		space.process.base = base + (input_number(&input, 1) & 15) * PAGE;
		space.process.start_stack = base + input_number(&input, 2);
	}
	add_mappings(&space, &input, base);
	array = array_at(base, input.data, input.size);

	if (modules_read(&array.reader, base, PAGE, &module) == 0)
		must(module.nsegments > 0 && module.nsegments <= MODULE_SEGMENTS);
	must(modules_find(&space, flags & FLAG_NO_MEMORY ? NULL : &array.reader, &backing.reader) ==
	     0);
	modules_find_auxv(&space, &array.reader);
	must((space.process.auxv_start == UNKNOWN) == (space.process.auxv_end == UNKNOWN));
	for (i = 0; i < space.nmodules; i++)
		must(space.modules[i].relro_start <= space.modules[i].relro_end);
	layout_find(&space);
	must(kinds_assign(&space) == 0);
	check_space(&space);
	space_fini(&space);
	return 0;
}
