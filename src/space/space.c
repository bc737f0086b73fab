#include "space/space.h"

#include "base/assert.h"
#include "base/list.h"
#include "space/kinds.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Non-canonical addresses begin here with 4-level page tables; the kernel's half ends at 2^64. */
#define KERNEL_HALF 0xffff800000000000

void space_init(struct space *space)
{
	size_t i;

	*space = (struct space){
		.start_brk = UNKNOWN,
		.brk = UNKNOWN,
		.mmap_base = UNKNOWN,
		.user_end = UNKNOWN,
	};
	space->process = (struct process){
		.personality = UNKNOWN,
		.capabilities = UNKNOWN,
		.start_code = UNKNOWN,
		.end_code = UNKNOWN,
		.start_data = UNKNOWN,
		.end_data = UNKNOWN,
		.start_stack = UNKNOWN,
		.arg_start = UNKNOWN,
		.arg_end = UNKNOWN,
		.env_start = UNKNOWN,
		.env_end = UNKNOWN,
		.auxv_start = UNKNOWN,
		.auxv_end = UNKNOWN,
		.phdr = UNKNOWN,
		.base = UNKNOWN,
		.entry = UNKNOWN,
		.vdso = UNKNOWN,
		.secure = UNKNOWN,
	};
	space->machine = (struct machine){
		.page_size = 4096,
		.mmap_min_addr = UNKNOWN,
		.lowest_hint = UNKNOWN,
		.max_map_count = UNKNOWN,
		.legacy_va_layout = UNKNOWN,
		.randomize_va_space = UNKNOWN,
		.stack_guard_gap = 256 * 4096,
		.overcommit = UNKNOWN,
		.admin_reserve = UNKNOWN,
		.user_reserve = UNKNOWN,
		.ram = UNKNOWN,
		.swap = UNKNOWN,
		.available = UNKNOWN,
		.swap_free = UNKNOWN,
		.commit_limit = UNKNOWN,
		.committed = UNKNOWN,
	};
	for (i = 0; i < NFIGURES; i++)
		space->figures[i] = UNKNOWN;
	for (i = 0; i < NLIMITS; i++)
		space->limits[i] = (struct limit){.soft = UNKNOWN, .hard = UNKNOWN};
}

void space_fini(struct space *space)
{
	size_t i;

	for (i = 0; i < space->nfiles; i++)
		free(space->files[i].name);
	free(space->core);
	free(space->snapshot);
	free(space->files);
	free(space->file_index);
	free(space->regions);
	free(space->gaps);
	free(space->modules);
	free(space->threads);
	free(space->strips);
	free(space->details);
	free(space->shares);
	free(space->why.maps);
	free(space->why.pages);
	free(space->why.memory);
	free(space->why.threads);
	free(space->why.details);
	free(space->why.shares);
	free(space->why.process);
	space_init(space);
}

bool space_valid(const struct space *space)
{
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		if (region->start >= region->end)
			return false;
		if (region->file != NO_FILE && region->file >= space->nfiles)
			return false;
		if (region->module != NO_MODULE && region->module >= space->nmodules)
			return false;
		if (region->thread != NO_THREAD && region->thread >= space->nthreads)
			return false;
		if (region->mapping >= space->nmappings)
			return false;
		if (i == 0)
			continue;
		if (region[-1].end > region->start)
			return false;
		if (region[-1].mapping > region->mapping)
			return false;
		if (region[-1].mapping == region->mapping && region[-1].end != region->start)
			return false;
	}
	return true;
}

int space_reserve(struct space *space, size_t more)
{
	return list_reserve(&space->regions, &space->regions_room, space->nregions, more);
}

int space_add_mapping(struct space *space, plat_addr start, plat_addr end, unsigned rights,
		      uint64_t offset, uint32_t file)
{
	int r;

	if (start >= end || end == UNKNOWN)
		return -EINVAL;
	if (space->nregions && space->regions[space->nregions - 1].end > start)
		return -EINVAL;
	r = space_reserve(space, 1);
	if (r < 0)
		return r;

	space->regions[space->nregions++] = (struct region){
		.start = start,
		.end = end,
		.offset = offset,
		.file = file,
		.mapping = (uint32_t)space->nmappings++,
		.module = NO_MODULE,
		.thread = NO_THREAD,
		.rights = (uint8_t)rights,
	};
	return 0;
}

int space_split(struct space *space, size_t i, plat_addr at)
{
	struct region *low, *high;
	int r = space_reserve(space, 1);

	if (r < 0)
		return r; /* nothing has changed yet */

	low = &space->regions[i];
	high = low + 1;
	assert(low->start < at && at < low->end);
	memmove(high + 1, high, (space->nregions - i - 1) * sizeof(*high));
	*high = *low;
	high->pages = (struct pages){0};
	high->offset += at - low->start;
	low->end = high->start = at;
	space->nregions++;
	assert(space_valid(space));
	return 0;
}

size_t space_at_or_above(const struct space *space, plat_addr addr)
{
	size_t low = 0, high = space->nregions;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (space->regions[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct region *space_find(const struct space *space, plat_addr addr)
{
	size_t i = space_at_or_above(space, addr);

	if (i == space->nregions || space->regions[i].start > addr)
		return NULL;
	return &space->regions[i];
}

void space_mapping_range(const struct space *space, size_t i, plat_addr *start, plat_addr *end)
{
	size_t low = i, high = i;
	uint32_t mapping = space->regions[i].mapping;

	while (low > 0 && space->regions[low - 1].mapping == mapping)
		low--;
	while (high + 1 < space->nregions && space->regions[high + 1].mapping == mapping)
		high++;
	*start = space->regions[low].start;
	*end = space->regions[high].end;
}

/*
 * Files are found again through a table of indexes, open addressing, at most half full. The name is
 * part of the identity: what was a file can be deleted and its inode used again.
 */
static uint64_t file_hash(const struct file *file, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325 ^ file->inode ^ ((uint64_t)file->major << 40) ^
			((uint64_t)file->minor << 20) ^ file->deleted;
	size_t i;

	for (i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)file->name[i]) * 0x100000001b3;
	return hash ^ (hash >> 29);
}

static bool same_file(const struct file *a, const struct file *b, size_t length)
{
	return a->inode == b->inode && a->major == b->major && a->minor == b->minor &&
	       a->deleted == b->deleted && strncmp(a->name, b->name, length) == 0 &&
	       a->name[length] == '\0';
}

/* The slot that holds this file, or the free one where it belongs. Its name has `length` bytes. */
static size_t file_slot(const struct space *space, const struct file *file, size_t length)
{
	size_t mask = space->file_slots - 1;
	size_t slot = file_hash(file, length) & mask;

	while (space->file_index[slot] != NO_FILE &&
	       !same_file(&space->files[space->file_index[slot]], file, length))
		slot = (slot + 1) & mask;
	return slot;
}

static int grow_file_index(struct space *space)
{
	size_t slots = space->file_slots ? space->file_slots * 2 : 64;
	uint32_t *index = malloc(slots * sizeof(*index));
	size_t i;

	if (!index)
		return -ENOMEM;
	memset(index, 0xff, slots * sizeof(*index)); /* NO_FILE */
	free(space->file_index);
	space->file_index = index;
	space->file_slots = slots;
	for (i = 0; i < space->nfiles; i++) {
		const struct file *file = &space->files[i];

		index[file_slot(space, file, strlen(file->name))] = (uint32_t)i;
	}
	return 0;
}

int space_add_file(struct space *space, const char *name, uint32_t major, uint32_t minor,
		   uint64_t inode, uint32_t *ret)
{
	static const char mark[] = " (deleted)";
	struct file file = {.name = (char *)name, .inode = inode, .major = major, .minor = minor};
	size_t length = strlen(name), slot;
	int r;

	if (length > sizeof(mark) - 1 && !strcmp(name + length - (sizeof(mark) - 1), mark)) {
		length -= sizeof(mark) - 1;
		file.deleted = true;
	}
	if ((space->nfiles + 1) * 2 > space->file_slots) {
		r = grow_file_index(space);
		if (r < 0)
			return r;
	}
	slot = file_slot(space, &file, length);
	if (space->file_index[slot] != NO_FILE) {
		*ret = space->file_index[slot];
		return 0;
	}

	r = list_reserve(&space->files, &space->files_room, space->nfiles, 1);
	if (r < 0)
		return r;
	file.name = strndup(name, length);
	if (!file.name)
		return -ENOMEM;
	file.type = file_type_by_name(&file);
	space->files[space->nfiles] = file;
	space->file_index[slot] = *ret = (uint32_t)space->nfiles++;
	return 0;
}

void space_why(char **why, const char *format, ...)
{
	va_list args;

	if (*why)
		return;
	va_start(args, format);
	if (vasprintf(why, format, args) < 0)
		*why = NULL;
	va_end(args);
}

static int add_gap(struct space *space, plat_addr start, plat_addr end, enum gap_kind kind)
{
	int r;

	if (start == end)
		return 0;
	r = list_reserve(&space->gaps, &space->gaps_room, space->ngaps, 1);
	if (r < 0)
		return r;
	space->gaps[space->ngaps++] = (struct gap){.start = start, .end = end, .kind = kind};
	return 0;
}

/* The addresses at which one kind of gap becomes another, from below: [kind i) ends at end[i]. */
struct zones {
	plat_addr end[4];
	enum gap_kind kind[4];
	size_t n;
};

static struct zones zones_of(const struct space *space)
{
	plat_addr low = space->machine.mmap_min_addr;
	plat_addr end = space->user_end;
	struct zones zones = {.n = 0};

	if (low != 0 && low != UNKNOWN && low < end)
		zones.end[zones.n] = low, zones.kind[zones.n++] = GAP_LOW;
	if (end == UNKNOWN)
		end = UINT64_C(1) << 47;
	zones.end[zones.n] = end, zones.kind[zones.n++] = GAP_FREE;
	if (space->process.bits == 32) {
		/* A 32-bit process cannot form an address above 4 GiB. */
		zones.end[zones.n] = UINT64_C(1) << 32, zones.kind[zones.n++] = GAP_KERNEL;
		zones.end[zones.n] = TOP_OF_MEMORY, zones.kind[zones.n++] = GAP_NONCANONICAL;
	} else {
		/*
		 * The last page below the hole is the kernel's: processors got SYSRET wrong there.
		 */
		zones.end[zones.n] = end > (UINT64_C(1) << 47) ? -(UINT64_C(1) << 56) : KERNEL_HALF;
		zones.kind[zones.n++] = GAP_NONCANONICAL;
		zones.end[zones.n] = TOP_OF_MEMORY, zones.kind[zones.n++] = GAP_KERNEL;
	}
	return zones;
}

/* Fills [start, end) with gaps, cut where zones change. `end` may be TOP_OF_MEMORY. */
static int fill_gap(struct space *space, const struct zones *zones, plat_addr start, plat_addr end,
		    uint64_t guard)
{
	size_t i;
	int r;

	if (start == end)
		return 0;
	for (i = 0; i < zones->n; i++) {
		plat_addr zone_end = zones->end[i];
		bool last = zone_end == TOP_OF_MEMORY || (end != TOP_OF_MEMORY && end <= zone_end);
		plat_addr stop = last ? end : zone_end;

		if (!last && zone_end <= start)
			continue;
		if (last && guard) {
			plat_addr from = stop - min_u64(guard, stop - start);

			r = add_gap(space, start, from, zones->kind[i]);
			if (r < 0)
				return r;
			return add_gap(space, from, stop, GAP_STACK_GUARD);
		}
		r = add_gap(space, start, stop, zones->kind[i]);
		if (r < 0 || last)
			return r;
		start = stop;
	}
	return 0;
}

int space_find_gaps(struct space *space)
{
	struct zones zones = zones_of(space);
	plat_addr at = 0;
	size_t i;
	int r;

	space->ngaps = 0;
	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		/* Only the main stack is known to grow; MAP_GROWSDOWN elsewhere shows in smaps. */
		bool grows =
			region->kind == KIND_STACK && (i == 0 || region[-1].end < region->start);

		r = fill_gap(space, &zones, at, region->start,
			     grows ? space->machine.stack_guard_gap : 0);
		if (r < 0)
			return r;
		at = region->end;
	}
	return fill_gap(space, &zones, at, TOP_OF_MEMORY, 0);
}

const char *figure_name(enum figure figure)
{
	static const char *const names[NFIGURES] = {
		[VM_PEAK] = "VmPeak",	  [VM_SIZE] = "VmSize",
		[VM_LCK] = "VmLck",	  [VM_PIN] = "VmPin",
		[VM_HWM] = "VmHWM",	  [VM_RSS] = "VmRSS",
		[RSS_ANON] = "RssAnon",	  [RSS_FILE] = "RssFile",
		[RSS_SHMEM] = "RssShmem", [VM_DATA] = "VmData",
		[VM_STK] = "VmStk",	  [VM_EXE] = "VmExe",
		[VM_LIB] = "VmLib",	  [VM_PTE] = "VmPTE",
		[VM_SWAP] = "VmSwap",	  [HUGETLB_PAGES] = "HugetlbPages",
	};

	return names[figure];
}

const char *limit_name(enum limit_name limit)
{
	static const char *const names[NLIMITS] = {
		[LIMIT_AS] = "RLIMIT_AS",	[LIMIT_DATA] = "RLIMIT_DATA",
		[LIMIT_STACK] = "RLIMIT_STACK", [LIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
		[LIMIT_RSS] = "RLIMIT_RSS",	[LIMIT_CORE] = "RLIMIT_CORE",
	};

	return names[limit];
}

const char *process_state_word(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "in uninterruptible sleep";
	case 'T':
		return "stopped";
	case 't':
		return "stopped by a tracer";
	case 'Z':
		return "zombie";
	case 'I':
		return "idle";
	case 'X':
		return "dead";
	default:
		return NULL;
	}
}
