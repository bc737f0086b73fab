/* A core of any form: a space is made of it, and a little of each region read. */
#include "fuzz.h"

#include "base/assert.h"
#include "source/content.h"
#include "source/core_space.h"
#include "source/proc.h"

#include <sys/mman.h>
#include <unistd.h>

#define READS_MOST 64

static void read_regions(const struct procdir *dir, const struct space *space)
{
	struct content content;
	char bytes[64];
	size_t i;
	int r;

	must(content_open(&content, dir, space) == 0);
	for (i = 0; i < space->nregions && i < READS_MOST; i++) {
		const struct region *region = &space->regions[i];

		r = reader_read(&content.reader, region->end - 1, bytes, sizeof(bytes));
		must(r <= 0);
		r = reader_read(&content.reader, region->start, bytes, 1);
		must(r <= 0);
	}
	content_close(&content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct core *core;
	struct procdir dir;
	struct error err;
	struct space space;

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (core_open_fd(fd, "fuzz.core", &core, &err) < 0)
		return 0;
	dir = procdir_of_core(core);
	if (core_load(core, PROC_PAGES, &space, &err) == 0) {
		check_space(&space);
		read_regions(&dir, &space);
		space_fini(&space);
	}
	procdir_close(&dir);
	return 0;
}
