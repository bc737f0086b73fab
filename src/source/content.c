/*
 * pagemap says for each page whether it is there. Pages in a row that are there are copied at once.
 */
#include "source/content.h"

#include "base/pagemap.h"
#include "source/core.h"
#include "source/files.h"
#include "source/mem.h"
#include "source/snapshot.h"
#include "space/figures.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PAGES_AT_ONCE 256

/* One file at a time: who reads a module reads it for a while. */
static int file_of(struct content *content, const struct region *region)
{
	if (content->file == region->file)
		return content->file_fd;
	if (content->file != NO_FILE && content->file_fd >= 0)
		close(content->file_fd);
	content->file = region->file;
	content->file_fd = files_open(content->dir, content->space, region);
	return content->file_fd;
}

/* A page of a file that nobody has looked at yet; behind the file's end there is nothing. */
static int read_file(struct content *content, const struct region *region, plat_addr from, void *to,
		     size_t size)
{
	uint64_t offset = region->offset + (from - region->start);
	int fd = file_of(content, region);
	ssize_t n;

	if (fd < 0)
		return -ENODATA;
	n = pread(fd, to, size, (off_t)offset);
	if (n < 0)
		return -errno;
	memset((char *)to + n, 0, size - (size_t)n);
	return 0;
}

/* Part of one page that is not there. */
static int read_absent(struct content *content, plat_addr from, void *to, size_t size)
{
	const struct region *region = space_find(content->space, from);
	const struct file *file = region ? region_file(content->space, region) : NULL;

	if (file && file->type != FILE_SPECIAL)
		return read_file(content, region, from, to, size);
	/* Anonymous memory, also what was mapped since we looked. */
	memset(to, 0, size);
	return 0;
}

/* Whether a page is there, for pages in a row; without pagemap we try. */
static void look_at_pages(struct content *content, plat_addr page, size_t n, uint64_t *entries)
{
	off_t at = (off_t)(page / content->page_size * sizeof(*entries));
	ssize_t got = -1;
	size_t i;

	if (content->pagemap >= 0)
		got = pread(content->pagemap, entries, n * sizeof(*entries), at);
	for (i = got < 0 ? 0 : (size_t)got / sizeof(*entries); i < n; i++)
		entries[i] = PAGEMAP_PRESENT;
}

/* Reads up to the end of a row of pages that are alike; *done says how much that was. */
static int read_row(struct content *content, plat_addr from, char *to, size_t size,
		    const uint64_t *entries, size_t *done)
{
	plat_addr end = from + size;
	plat_addr stop = align_down(from, content->page_size) + content->page_size;
	bool is_present = entries[0] & PAGEMAP_PRESENT;
	size_t i;

	for (i = 1; is_present && stop < end && (entries[i] & PAGEMAP_PRESENT); i++)
		stop += content->page_size;
	*done = (size_t)(min_u64(stop, end) - from);
	if (is_present)
		return mem_read(content->mem, content->dir->is_here ? content->dir->pid : 0, from,
				to, *done);
	if (entries[0] & PAGEMAP_SWAPPED)
		return -ENODATA;
	return read_absent(content, from, to, *done);
}

static int read_live(struct content *content, plat_addr from, char *to, size_t size)
{
	uint64_t entries[PAGES_AT_ONCE];

	while (size > 0) {
		plat_addr page = align_down(from, content->page_size), end = from + size;
		size_t n = (size_t)((end - page + content->page_size - 1) / content->page_size);
		size_t part = size, done = 0, first = 0;
		int r = 0;

		if (n > PAGES_AT_ONCE) {
			n = PAGES_AT_ONCE;
			part = (size_t)(page + n * content->page_size - from);
		}
		look_at_pages(content, page, n, entries);
		while (r == 0 && part > 0) {
			first = (size_t)((align_down(from, content->page_size) - page) /
					 content->page_size);
			r = read_row(content, from, to, part, entries + first, &done);
			from += done;
			to += done;
			part -= done;
			size -= done;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* What a core leaves out of a file that could not be written to is as the file has it. */
static int read_left_out(struct content *content, plat_addr from, void *to, size_t size)
{
	const struct region *region = space_find(content->space, from);

	if (!region || from + size > region->end)
		return -EFAULT;
	if (region->file == NO_FILE || (region->rights & RIGHT_WRITE) ||
	    content->dir->core->no_private)
		return -ENODATA;
	return read_file(content, region, from, to, size);
}

static int read_core(struct content *content, plat_addr from, char *to, size_t size)
{
	struct core *core = content->dir->core;
	int r = 0;

	while (r == 0 && size > 0) {
		const struct core_segment *segment = core_find(core, from);
		uint64_t at, part;

		if (!segment)
			return -EFAULT;
		at = from - segment->start;
		if (at < segment->filled) {
			part = min_u64(size, segment->filled - at);
			r = reader_read(&core->reader, from, to, (size_t)part);
		} else {
			part = min_u64(size, content->page_size - from % content->page_size);
			r = read_left_out(content, from, to, (size_t)part);
		}
		from += part;
		to += part;
		size -= (size_t)part;
	}
	return r;
}

/* What a snapshot leaves out of a file, though it was in memory, is as the file has it. */
static int read_not_kept(struct content *content, plat_addr from, void *to, size_t size)
{
	const struct region *region = space_find(content->space, from);
	const struct file *file = region ? region_file(content->space, region) : NULL;

	if (!file || file->type == FILE_SPECIAL || (region->rights & RIGHT_WRITE))
		return -ENODATA;
	return read_file(content, region, from, to, size);
}

/* Part of one page. */
static int read_kept(struct content *content, unsigned state, plat_addr from, void *to, size_t size)
{
	int r;

	if (state & (PAGE_SWAPPED | PAGE_GUARD))
		return -ENODATA;
	if (!(state & PAGE_PRESENT))
		return read_absent(content, from, to, size);
	r = snapshot_read(content->dir->snapshot, from, to, size);
	return r == -ENODATA && (state & PAGE_FILE) ? read_not_kept(content, from, to, size) : r;
}

static int read_snapshot(struct content *content, plat_addr from, char *to, size_t size)
{
	int r = 0;

	while (r == 0 && size > 0) {
		plat_addr page = align_down(from, content->page_size), end;
		unsigned state;
		uint64_t part;

		r = snapshot_state(content->dir->snapshot, page, &state, &end);
		part = min_u64(size, end - from);
		/* What is not kept in one piece is decided page by page. */
		if (!(state & PAGE_PRESENT) || (state & PAGE_FILE))
			part = min_u64(part, page + content->page_size - from);
		if (r == 0)
			r = read_kept(content, state, from, to, (size_t)part);
		from += part;
		to += part;
		size -= (size_t)part;
	}
	return r;
}

static int read_content(struct reader *reader, plat_addr from, void *to, size_t size)
{
	struct content *content = (struct content *)reader; /* its first member */

	if (from > INT64_MAX || size > INT64_MAX - from)
		return -EFAULT;
	if (content->dir->core)
		return read_core(content, from, to, size);
	if (content->dir->snapshot)
		return read_snapshot(content, from, to, size);
	if (content->dir->live)
		return read_live(content, from, to, size);
	return reader_read(&content->captured.reader, from, to, size);
}

int content_open(struct content *content, const struct procdir *dir, const struct space *space)
{
	int r;

	*content = (struct content){
		.reader = {.read = read_content},
		.dir = dir,
		.space = space,
		.mem = -1,
		.pagemap = -1,
		.page_size = space->machine.page_size,
		.file = NO_FILE,
	};
	r = memory_open(&content->captured, dir, content->page_size);
	if (r < 0 || !dir->live)
		return r;
	content->mem = content->captured.mem;
	content->pagemap = content->captured.pagemap;
	return 0;
}

void content_close(struct content *content)
{
	memory_close(&content->captured);
	if (content->file != NO_FILE && content->file_fd >= 0)
		close(content->file_fd);
	content->file = NO_FILE;
	content->mem = content->pagemap = -1;
}
