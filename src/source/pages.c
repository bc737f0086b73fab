#include "source/pages.h"

#include "base/addr.h"
#include "base/compiler.h"
#include "base/pagemap.h"
#include "source/core_space.h"
#include "source/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SCAN_REGIONS 4096

#define ENTRIES (64 * 1024) /* read at once: 512 KiB for 256 MiB of pages of 4 KiB */
#define PAGES_MOST                                                                                 \
	(UINT64_C(1) << 26) /* of one mapping read page by page: 256 GiB, 512 MiB read             \
			     */

struct walk {
	const struct procdir *dir;
	struct space *space;
	plat_addr start, end;
	page_run_fn run;
	void *context;
	int fd;
	uint64_t zero_frame; /* the page of zeros, or 0 where not known */
};

static unsigned state_of_scan(uint64_t categories)
{
	unsigned state = 0;

	state |= categories & SCAN_PRESENT ? PAGE_PRESENT : 0;
	state |= categories & SCAN_SWAPPED ? PAGE_SWAPPED : 0;
	state |= categories & SCAN_FILE ? PAGE_FILE : 0;
	state |= categories & SCAN_ZERO ? PAGE_ZERO : 0;
	state |= categories & SCAN_HUGE ? PAGE_HUGE : 0;
	/* The kernel shows a guard as swapped, because its entry is a marker. */
	if (categories & SCAN_GUARD)
		state = PAGE_GUARD;
	return state;
}

/*
 * The kernel looks up the page behind each entry to tell files from the rest, which takes a third
 * of the time of a walk; in a private anonymous mapping the answer is known. Below this size a call
 * more costs as much as it saves.
 */
#define LARGE_ANON (UINT64_C(64) << 20)

/* What differs between the calls of one walk. */
struct scan {
	const struct walk *walk;
	struct scan_region *regions;
	uint64_t guard; /* SCAN_GUARD, or 0 where the kernel does not know it */
};

/* -EINVAL where the kernel does not know a category. */
static int scan_range(const struct scan *scan, plat_addr start, plat_addr end, uint64_t file)
{
	const struct walk *walk = scan->walk;
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = max_u64(start, walk->start),
		.end = min_u64(end, walk->end),
		.vec = (uintptr_t)scan->regions,
		.vec_len = SCAN_REGIONS,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED | scan->guard,
		.return_mask =
			SCAN_PRESENT | SCAN_SWAPPED | SCAN_ZERO | SCAN_HUGE | file | scan->guard,
	};

	while (arg.start < arg.end) {
		int n = ioctl(walk->fd, SCAN_REQUEST, &arg), i, r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (i = 0; i < n; i++) {
			struct page_run run = {
				.start = scan->regions[i].start,
				.end = scan->regions[i].end,
				.state = state_of_scan(scan->regions[i].categories),
			};

			r = walk->run(walk->context, &run);
			if (r != 0)
				return r;
		}
		if (arg.walk_end <= arg.start)
			break;
		arg.start = arg.walk_end;
	}
	return 0;
}

static bool is_large_anon(const struct region *region)
{
	return region->file == NO_FILE && !(region->rights & RIGHT_SHARED) &&
	       region_size(region) >= LARGE_ANON;
}

/* The whole walk: large anonymous regions by themselves, all that lies between them together. */
static int scan_all(const struct scan *scan)
{
	const struct space *space = scan->walk->space;
	plat_addr done = scan->walk->start;
	size_t i;
	int r;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		/* Regions are cut to the byte, the kernel takes whole pages. */
		plat_addr start = align_up(region->start, space->machine.page_size);
		plat_addr end = align_down(region->end, space->machine.page_size);

		if (!is_large_anon(region) || end <= done)
			continue;
		start = max_u64(start, done);
		r = scan_range(scan, done, start, SCAN_FILE);
		if (r == 0)
			r = scan_range(scan, start, end, 0);
		if (r != 0)
			return r;
		done = end;
	}
	return scan_range(scan, done, scan->walk->end, SCAN_FILE);
}

static int walk_by_scan(const struct walk *walk)
{
	struct scan scan = {
		.walk = walk,
		.regions = malloc(SCAN_REGIONS * sizeof(*scan.regions)),
		.guard = SCAN_GUARD,
	};
	int r;

	if (!scan.regions)
		return -ENOMEM;
	r = scan_all(&scan);
	if (r == -EINVAL) {
		scan.guard = 0;
		r = scan_all(&scan);
	}
	free(scan.regions);
	return r;
}

/*
 * The frame of the page of zeros: the one that we get for a page that was only read. Before
 * PAGEMAP_SCAN nothing else tells such a page from an anonymous one. 0 without CAP_SYS_ADMIN.
 */
static uint64_t find_zero_frame(uint64_t page_size)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	char *page;

	if (fd < 0)
		return 0;
	page = mmap(NULL, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED) {
		(void)*(volatile char *)page;
		if (pread(fd, &entry, sizeof(entry),
			  (off_t)((uintptr_t)page / page_size * sizeof(entry))) != sizeof(entry))
			entry = 0;
		munmap(page, page_size);
	}
	close(fd);
	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_FRAME : 0;
}

static unsigned state_of_entry(const struct walk *walk, uint64_t entry)
{
	unsigned state = 0;

	if (entry & PAGEMAP_GUARD)
		return PAGE_GUARD;
	if ((entry & PAGEMAP_PRESENT) && walk->zero_frame &&
	    (entry & PAGEMAP_FRAME) == walk->zero_frame)
		state |= PAGE_ZERO;
	state |= entry & PAGEMAP_PRESENT ? PAGE_PRESENT : 0;
	state |= entry & PAGEMAP_SWAPPED ? PAGE_SWAPPED : 0;
	state |= entry & PAGEMAP_FILE ? PAGE_FILE : 0;
	state |= entry & PAGEMAP_EXCLUSIVE ? PAGE_EXCLUSIVE : 0;
	return state & (PAGE_PRESENT | PAGE_SWAPPED) ? state : 0;
}

/* Turns entries into runs. */
static int put_entries(const struct walk *walk, plat_addr at, const uint64_t *entries, size_t n)
{
	uint64_t page = walk->space->machine.page_size;
	size_t i = 0;

	while (i < n) {
		struct page_run run = {.start = at + i * page,
				       .state = state_of_entry(walk, entries[i])};
		size_t first = i;
		int r;

		while (i < n && state_of_entry(walk, entries[i]) == run.state)
			i++;
		if (run.state == 0)
			continue;
		run.end = run.start + (i - first) * page;
		r = walk->run(walk->context, &run);
		if (r != 0)
			return r;
	}
	return 0;
}

static int read_entries(const struct walk *walk, uint64_t *entries, plat_addr start, plat_addr end)
{
	uint64_t page = walk->space->machine.page_size;

	while (start < end) {
		size_t want = (size_t)min_u64((end - start) / page, ENTRIES);
		ssize_t n = pread(walk->fd, entries, want * sizeof(*entries),
				  (off_t)(start / page * sizeof(*entries)));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n < (ssize_t)sizeof(*entries))
			return 0; /* the process is gone, or the range is the kernel's */
		r = put_entries(walk, start, entries, (size_t)n / sizeof(*entries));
		if (r != 0)
			return r;
		start += (size_t)n / sizeof(*entries) * page;
	}
	return 0;
}

/* pagemap, mapping by mapping: the gaps between them would be most of what is read. */
static int walk_by_entries(struct walk *walk)
{
	struct space *space = walk->space;
	uint64_t *entries = malloc(ENTRIES * sizeof(*entries));
	size_t i = space_at_or_above(space, walk->start);
	int r = entries ? 0 : -ENOMEM;

	walk->zero_frame = find_zero_frame(space->machine.page_size);
	while (r == 0 && i < space->nregions && space->regions[i].start < walk->end) {
		uint32_t mapping = space->regions[i].mapping;
		plat_addr start, end;
		bool too_large;

		space_mapping_range(space, i, &start, &end);
		start = max_u64(start, walk->start);
		end = min_u64(end, walk->end);
		too_large = (end - start) / space->machine.page_size > PAGES_MOST;
		for (; i < space->nregions && space->regions[i].mapping == mapping; i++)
			space->regions[i].no_pages = too_large;
		if (!too_large && start < INT64_MAX)
			r = read_entries(walk, entries, start, end);
	}
	free(entries);
	return r;
}

/* A walk by PAGEMAP_SCAN whose runs are cut where pages stop being of this process alone. */
struct exclusive {
	const struct walk *walk;
	uint64_t *entries;
};

static int put_exclusive(void *context, const struct page_run *run)
{
	const struct exclusive *exclusive = context;
	const struct walk *walk = exclusive->walk;
	uint64_t page = walk->space->machine.page_size;
	struct page_run part = *run;
	int r = 0;

	while (r == 0 && (run->state & PAGE_PRESENT) && part.start < run->end) {
		size_t want = (size_t)min_u64((run->end - part.start) / page, ENTRIES), n, i, first;
		ssize_t size = pread(walk->fd, exclusive->entries, want * sizeof(uint64_t),
				     (off_t)(part.start / page * sizeof(uint64_t)));

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		n = (size_t)size / sizeof(uint64_t);
		if (n == 0)
			break; /* the process is gone */
		for (i = 0; r == 0 && i < n; part.start = part.end) {
			uint64_t bit = exclusive->entries[i] & PAGEMAP_EXCLUSIVE;

			for (first = i;
			     i < n && (exclusive->entries[i] & PAGEMAP_EXCLUSIVE) == bit;)
				i++;
			part.end = part.start + (i - first) * page;
			part.state = run->state | (bit ? PAGE_EXCLUSIVE : 0);
			r = walk->run(walk->context, &part);
		}
	}
	part.end = run->end;
	part.state = run->state;
	return r == 0 && part.start < part.end ? walk->run(walk->context, &part) : r;
}

static int walk_by_both(const struct walk *walk)
{
	struct exclusive exclusive = {
		.walk = walk,
		.entries = malloc(ENTRIES * sizeof(*exclusive.entries)),
	};
	struct walk inner = *walk;
	int r;

	if (!exclusive.entries)
		return -ENOMEM;
	inner.run = put_exclusive;
	inner.context = &exclusive;
	r = walk_by_scan(&inner);
	free(exclusive.entries);
	return r;
}

/* A captured tree: one run a line, "START-END LETTERS", letters p s f z h g e. */
static int walk_captured(const struct walk *walk, struct error *err)
{
	static const struct {
		char letter;
		unsigned state;
	} letters[] = {
		{'p', PAGE_PRESENT}, {'s', PAGE_SWAPPED}, {'f', PAGE_FILE},	 {'z', PAGE_ZERO},
		{'h', PAGE_HUGE},    {'g', PAGE_GUARD},	  {'e', PAGE_EXCLUSIVE},
	};
	char *text, *line;
	int r = procdir_read(walk->dir, "pages/runs", 64 * 1024 * 1024, &text, NULL);

	if (r < 0)
		return fail(err, r == -ENOENT ? -ENOENT : -r,
			    r == -ENOENT ? "the capture holds no page figures" : "pages/runs");
	for (line = text; r == 0 && *line;) {
		struct page_run run = {0};
		char *end = strchr(line, '\n'), *s;
		size_t i;

		run.start = strtoull(line, &s, 16);
		if (*s == '-')
			run.end = strtoull(s + 1, &s, 16);
		for (; *s && *s != '\n'; s++)
			for (i = 0; i < ARRAY_SIZE(letters); i++)
				if (*s == letters[i].letter)
					run.state |= letters[i].state;
		run.start = max_u64(run.start, walk->start);
		run.end = min_u64(run.end, walk->end);
		if (run.start < run.end && is_aligned(run.start | run.end, 4096))
			r = walk->run(walk->context, &run);
		if (!end)
			break;
		line = end + 1;
	}
	free(text);
	return r;
}

/* A snapshot: what the walk told when it was taken. */
struct told {
	const struct walk *walk;
	unsigned hidden;     /* states that this walk does not tell */
	struct page_run run; /* not yet shown: neighbours of one state are one */
};

static void mark_not_told(struct space *space, plat_addr start, plat_addr end)
{
	size_t i = space_at_or_above(space, start);

	for (; i < space->nregions && space->regions[i].start < end; i++)
		space->regions[i].no_pages = true;
}

static int show_told(struct told *told)
{
	struct page_run run = told->run;

	told->run.end = told->run.start;
	return run.start < run.end ? told->walk->run(told->walk->context, &run) : 0;
}

static int take_told(void *context, const struct page_run *run)
{
	struct told *told = context;
	struct page_run part = {
		.start = max_u64(run->start, told->walk->start),
		.end = min_u64(run->end, told->walk->end),
		.state = run->state & ~told->hidden,
	};
	int r;

	if (run->state & STATE_NOT_TOLD) {
		mark_not_told(told->walk->space, part.start, part.end);
		return 0;
	}
	if (part.start >= part.end)
		return 0;
	if (told->run.end == part.start && told->run.state == part.state &&
	    told->run.start < told->run.end) {
		told->run.end = part.end;
		return 0;
	}
	r = show_told(told);
	told->run = part;
	return r;
}

static int walk_snapshot(const struct walk *walk, enum pages_how how, struct error *err)
{
	struct told told = {.walk = walk, .hidden = how == PAGES_EXCLUSIVE ? 0 : PAGE_EXCLUSIVE};
	struct snapshot *snapshot = walk->dir->snapshot;
	char why[256];
	int r;

	if (snapshot_text(snapshot, "pages-why", why, sizeof(why))[0])
		return fail(err, -ENODATA, "%s", why);
	r = snapshot_runs(snapshot, walk->start, walk->end, take_told, &told);
	if (r == 0)
		r = show_told(&told);
	return r < 0 ? fail(err, -r, "%s: pages", snapshot_path(snapshot)) : r;
}

int pages_walk(const struct procdir *dir, struct space *space, plat_addr start, plat_addr end,
	       enum pages_how how, page_run_fn run, void *context, struct error *err)
{
	struct walk walk = {
		.dir = dir,
		.space = space,
		.start = start,
		.end = min_u64(end, space->user_end),
		.run = run,
		.context = context,
	};
	int r;

	if (dir->core)
		return fail(err, -ENODATA, CORE_NO_PAGES);
	if (walk.start >= walk.end)
		return 0;
	if (dir->snapshot)
		return walk_snapshot(&walk, how, err);
	if (!dir->live)
		return walk_captured(&walk, err);
	walk.fd = procdir_open_file(dir, "pagemap");
	if (walk.fd < 0)
		return fail(err, -walk.fd, "pagemap");
	r = how == PAGES_EXCLUSIVE ? walk_by_both(&walk) : walk_by_scan(&walk);
	if (r == -ENOTTY || r == -EINVAL)
		r = walk_by_entries(&walk);
	close(walk.fd);
	return r < 0 ? fail(err, -r, "pagemap") : r;
}

/* An empty walk is refused like any other by kernels that do not know the request or a category. */
static int probe_scan(int fd, uint64_t categories)
{
	struct scan_arg arg = {.size = sizeof(arg), .category_anyof_mask = categories};

	return ioctl(fd, SCAN_REQUEST, &arg) < 0 ? -errno : 0;
}

unsigned pages_told(const struct procdir *dir, enum pages_how how)
{
	unsigned told = PAGE_PRESENT | PAGE_SWAPPED | PAGE_FILE;
	int fd;

	if (dir->core)
		return 0;
	if (dir->snapshot)
		return (unsigned)snapshot_number(
			dir->snapshot, how == PAGES_EXCLUSIVE ? "told-exclusive" : "told", 0);
	if (!dir->live)
		return told | PAGE_ZERO | PAGE_HUGE | PAGE_GUARD | PAGE_EXCLUSIVE;
	fd = procdir_open_file(dir, "pagemap");
	if (fd < 0)
		return 0;
	if (probe_scan(fd, SCAN_PRESENT) < 0)
		told |= PAGE_EXCLUSIVE |
			(find_zero_frame((uint64_t)sysconf(_SC_PAGESIZE)) ? PAGE_ZERO : 0);
	else
		told |= PAGE_ZERO | PAGE_HUGE | (how == PAGES_EXCLUSIVE ? PAGE_EXCLUSIVE : 0);
	if (probe_scan(fd, SCAN_GUARD) == 0)
		told |= PAGE_GUARD;
	close(fd);
	return told;
}
