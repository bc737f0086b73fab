#include "source/private_pages.h"

#include "base/list.h"
#include "base/pagemap.h"
#include "source/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define REGIONS 4096 /* of one scan */
#define ENTRIES 8192 /* of one read */
#define LARGEST (UINT64_C(256) << 30)

struct each {
	struct private_pages *pages;
	enum track_how how;
	int (*take)(void *context, const struct private_run *run);
	void *context;
	union {
		struct scan_region regions[REGIONS];
		uint64_t entries[ENTRIES];
	} room;
};

static bool take_area(void *context, const struct maps_line *line)
{
	struct private_pages *pages = context;

	if ((line->rights & RIGHT_SHARED) || line->end > INT64_MAX) /* vsyscall is the kernel's */
		return false;
	pages->no_memory = list_reserve(&pages->areas, &pages->room, pages->n, 1) < 0;
	if (!pages->no_memory)
		pages->areas[pages->n++] = (struct private_area){
			.start = line->start, .end = line->end, .is_file = line->inode != 0};
	return pages->no_memory;
}

int private_pages_load(struct private_pages *pages)
{
	int r;

	pages->n = 0;
	pages->no_memory = false;
	r = maps_each(pages->dir, take_area, pages);
	return pages->no_memory ? -ENOMEM : r;
}

const struct private_area *private_pages_area(const struct private_pages *pages, plat_addr at)
{
	size_t low = 0, high = pages->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pages->areas[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < pages->n && pages->areas[low].start <= at ? &pages->areas[low] : NULL;
}

/* --- by PAGEMAP_SCAN --- */

static int take_regions(struct each *each, uint64_t written, int n)
{
	const struct scan_region *regions = each->room.regions;
	int r = 0, i;

	for (i = 0; r == 0 && i < n; i++)
		r = each->take(each->context,
			       &(struct private_run){
				       .start = regions[i].start,
				       .end = regions[i].end,
				       .is_written = !written || (regions[i].categories & written),
			       });
	return r;
}

/*
 * To ask which pages are a file's makes the kernel look at each page, not at its entry alone, which
 * takes most of the time. In anonymous mappings there are none.
 */
static int scan_area(struct each *each, const struct private_area *area)
{
	const uint64_t no = SCAN_ZERO | (area->is_file ? SCAN_FILE : 0);
	const uint64_t written = each->how == TRACK_BY_FAULTS	 ? SCAN_WRITTEN
				 : each->how == TRACK_SOFT_DIRTY ? SCAN_SOFT_DIRTY
								 : 0;
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = area->start,
		.end = area->end,
		.vec = (uintptr_t)each->room.regions,
		.vec_len = REGIONS,
		.category_inverted = no,
		.category_mask = SCAN_PRESENT | no,
		.return_mask = written ? written : SCAN_PRESENT,
	};
	int r = 0;

	while (r == 0 && arg.start < arg.end) {
		int n = ioctl(each->pages->fd, SCAN_REQUEST, &arg);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = take_regions(each, written, n);
		if (arg.walk_end <= arg.start)
			break;
		arg.start = arg.walk_end;
	}
	return r;
}

/* --- by entries --- */

static bool is_private(uint64_t entry)
{
	return (entry & PAGEMAP_PRESENT) && !(entry & PAGEMAP_FILE);
}

static bool is_written(const struct each *each, uint64_t entry)
{
	return each->how != TRACK_SOFT_DIRTY || (entry & PAGEMAP_SOFT_DIRTY);
}

static int take_entries(struct each *each, plat_addr at, size_t n)
{
	const uint64_t *entries = each->room.entries;
	size_t i = 0, first;
	int r = 0;

	while (r == 0 && i < n) {
		struct private_run run = {.is_written = is_written(each, entries[i])};

		first = i++;
		if (!is_private(entries[first]))
			continue;
		while (i < n && is_private(entries[i]) &&
		       is_written(each, entries[i]) == run.is_written)
			i++;
		run.start = at + first * each->pages->page_size;
		run.end = at + i * each->pages->page_size;
		r = each->take(each->context, &run);
	}
	return r;
}

static int read_area(struct each *each, struct private_area *area)
{
	const struct private_pages *pages = each->pages;
	plat_addr at = area->start;
	int r = 0;

	area->is_left_out = area->end - area->start > LARGEST;
	while (r == 0 && !area->is_left_out && at < area->end) {
		size_t n = (size_t)min_u64((area->end - at) / pages->page_size, ENTRIES);
		ssize_t got = pread(pages->fd, each->room.entries, n * sizeof(uint64_t),
				    (off_t)(at / pages->page_size * sizeof(uint64_t)));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		n = (size_t)got / sizeof(uint64_t);
		if (n == 0)
			return 0; /* the process is gone */
		r = take_entries(each, at, n);
		at += n * pages->page_size;
	}
	return r;
}

/* --- both --- */

static int each_area(struct each *each)
{
	struct private_pages *pages = each->pages;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < pages->n; i++) {
		r = pages->no_scan ? -ENOTTY : scan_area(each, &pages->areas[i]);
		if (r != -ENOTTY && r != -EINVAL)
			continue;
		pages->no_scan = true;
		r = read_area(each, &pages->areas[i]);
	}
	return r;
}

int private_pages_each(struct private_pages *pages, enum track_how how,
		       int (*take)(void *context, const struct private_run *run), void *context)
{
	struct each *each = malloc(sizeof(*each));
	int r;

	if (!each)
		return -ENOMEM;
	each->pages = pages;
	each->how = how;
	each->take = take;
	each->context = context;
	r = each_area(each);
	free(each);
	return r;
}

int private_pages_open(const struct procdir *dir, struct private_pages *ret)
{
	*ret = (struct private_pages){
		.dir = dir,
		.fd = procdir_open_file(dir, "pagemap"),
		.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
	};
	return ret->fd < 0 ? ret->fd : 0;
}

void private_pages_close(struct private_pages *pages)
{
	if (pages->fd >= 0)
		close(pages->fd);
	free(pages->areas);
	*pages = (struct private_pages){.fd = -1};
}
