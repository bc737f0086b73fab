/*
 * Live: /proc/PID/mem, after a look into pagemap. Captured: a file pages/ADDRESS for each page that
 * was kept, named by sixteen hexadecimal digits.
 */
#include "source/memory.h"

#include "base/pagemap.h"
#include "base/ranges.h"
#include "source/core.h"
#include "source/snapshot.h"
#include "space/space.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_live(struct memory *memory, plat_addr page)
{
	uint64_t entry;
	ssize_t n;

	if (memory->pagemap >= 0) {
		n = pread(memory->pagemap, &entry, sizeof(entry),
			  (off_t)(page / memory->page_size * sizeof(entry)));
		if (n == (ssize_t)sizeof(entry) && !(entry & PAGEMAP_PRESENT))
			return -ENODATA;
	}
	n = pread(memory->mem, memory->page, memory->page_size, (off_t)page);
	if (n < 0)
		return -errno;
	return n == (ssize_t)memory->page_size ? 0 : -EIO;
}

static int read_captured(struct memory *memory, plat_addr page)
{
	char name[32], *data;
	size_t size;
	int r;

	snprintf(name, sizeof(name), "pages/%016" PRIx64, page);
	r = procdir_read(memory->dir, name, memory->page_size, &data, &size);
	if (r < 0)
		return r == -ENOENT ? -ENODATA : r;
	if (size == memory->page_size)
		memcpy(memory->page, data, size);
	free(data);
	return size == memory->page_size ? 0 : -ENODATA;
}

static int hold(struct memory *memory, plat_addr page)
{
	int r;

	if (memory->held == page)
		return 0;
	if (memory->dir->touched)
		ranges_add(memory->dir->touched, page, page + memory->page_size);
	memory->held = UNKNOWN;
	r = memory->dir->live ? read_live(memory, page) : read_captured(memory, page);
	if (r == 0)
		memory->held = page;
	return r;
}

static int read_memory(struct reader *reader, plat_addr from, void *to, size_t size)
{
	struct memory *memory = (struct memory *)reader; /* its first member */
	char *out = to;

	if (from > INT64_MAX || size > INT64_MAX - from)
		return -EFAULT;
	if (memory->dir->core)
		return reader_read(&memory->dir->core->reader, from, to, size);
	if (memory->dir->snapshot)
		return snapshot_read(memory->dir->snapshot, from, to, size);
	while (size) {
		plat_addr page = align_down(from, memory->page_size);
		size_t part = (size_t)min_u64(size, page + memory->page_size - from);
		int r = hold(memory, page);

		if (r < 0)
			return r;
		memcpy(out, memory->page + (from - page), part);
		out += part;
		from += part;
		size -= part;
	}
	return 0;
}

int memory_open(struct memory *memory, const struct procdir *dir, uint64_t page_size)
{
	*memory = (struct memory){
		.reader = {.read = read_memory},
		.dir = dir,
		.mem = -1,
		.pagemap = -1,
		.page_size = page_size,
		.held = UNKNOWN,
	};
	memory->page = malloc(page_size);
	if (!memory->page)
		return -ENOMEM;
	if (dir->snapshot)
		return -(int)snapshot_number(dir->snapshot, "memory-error", 0);
	if (!dir->live)
		return 0;
	memory->mem = procdir_open_file(dir, "mem");
	if (memory->mem < 0) {
		int r = memory->mem;

		memory->mem = -1;
		return r;
	}
	memory->pagemap = procdir_open_file(dir, "pagemap");
	if (memory->pagemap < 0)
		memory->pagemap = -1;
	return 0;
}

void memory_close(struct memory *memory)
{
	if (memory->mem >= 0)
		close(memory->mem);
	if (memory->pagemap >= 0)
		close(memory->pagemap);
	free(memory->page);
	*memory = (struct memory){.mem = -1, .pagemap = -1, .held = UNKNOWN};
}
