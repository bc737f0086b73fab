/*
 * Linux arch/x86/mm/mmap.c arch_pick_mmap_layout, as seen from outside:
 *
 *     top-down   | program | heap ->        <- mmap zone | gap for the stack | <- stack |
 *     bottom-up  | program | heap ->  | T/3: mmap zone ->                    | <- stack |
 *
 * The personality of the process decides, then vm.legacy_va_layout as it was at exec. Where neither
 * can be read, the vdso tells: the kernel maps it early, so it lies where the zone begins.
 */
#include "space/layout.h"

#include <stdio.h>

/* include/uapi/linux/personality.h */
#define ADDR_COMPAT_LAYOUT 0x0200000
#define ADDR_LIMIT_32BIT 0x0800000
#define ADDR_LIMIT_3GB 0x8000000

#define KERNEL_SIDE (UINT64_C(1) << 63)

static const struct region *highest_user_region(const struct space *space)
{
	size_t i = space->nregions;

	while (i-- > 0)
		if (space->regions[i].start < KERNEL_SIDE)
			return &space->regions[i];
	return NULL;
}

static void find_user_end(struct space *space)
{
	const struct region *highest = highest_user_region(space);
	uint64_t personality = space->process.personality;
	plat_addr top = highest ? highest->end : 0;

	if (space->process.bits == 0)
		space->process.bits = top > UINT64_C(1) << 32 || top == 0 ? 64 : 32;
	if (space->process.bits == 32) {
		space->user_end = 0xffffe000;
		if (personality != UNKNOWN && (personality & ADDR_LIMIT_3GB) && top <= 0xc0000000)
			space->user_end = 0xc0000000;
	} else {
		/* With 5-level tables addresses above 2^47 are given only to those who ask. */
		unsigned bits = top > UINT64_C(1) << 47 ? 56 : 47;

		space->user_end = (UINT64_C(1) << bits) - space->machine.page_size;
	}
}

static const struct region *first_of_kernel(const struct space *space)
{
	size_t i;

	if (space->process.vdso != UNKNOWN && space->process.vdso != 0)
		return space_find(space, space->process.vdso);
	for (i = 0; i < space->nregions; i++) {
		const struct file *file = region_file(space, &space->regions[i]);

		if (file && file->type == FILE_SPECIAL && file->name[1] == 'v' &&
		    space->regions[i].start < KERNEL_SIDE)
			return &space->regions[i];
	}
	return NULL;
}

/*
 * Whether `addr` is where a bottom-up zone begins: above a third of the space, random offset added.
 */
static bool is_at_legacy_base(const struct space *space, plat_addr addr)
{
	plat_addr base = align_up(space->user_end / 3, space->machine.page_size);
	uint64_t random = space->process.bits == 32 ? UINT64_C(1) << 24 : UINT64_C(1) << 40;
	uint64_t images = UINT64_C(1) << (space->process.bits == 32 ? 24 : 32);

	return addr >= base && addr < base + random + images;
}

static void find_direction(struct space *space)
{
	const struct region *early = first_of_kernel(space);
	uint64_t personality = space->process.personality;
	bool seen_legacy = early && is_at_legacy_base(space, early->start);
	char *reason = space->direction_reason;
	size_t size = sizeof(space->direction_reason);

	if (personality != UNKNOWN && (personality & ADDR_COMPAT_LAYOUT)) {
		space->direction = DIRECTION_BOTTOM_UP;
		snprintf(reason, size, "personality has ADDR_COMPAT_LAYOUT");
	} else if (seen_legacy) {
		space->direction = DIRECTION_BOTTOM_UP;
		snprintf(reason, size, "observed: the vdso lies just above a third of the space%s",
			 space->machine.legacy_va_layout == 1 ? ", vm.legacy_va_layout is 1" : "");
	} else if (personality != UNKNOWN) {
		space->direction = DIRECTION_TOP_DOWN;
		snprintf(reason, size, "personality without ADDR_COMPAT_LAYOUT%s",
			 space->machine.legacy_va_layout == 0 ? ", vm.legacy_va_layout is 0" : "");
	} else if (early) {
		space->direction = DIRECTION_TOP_DOWN;
		snprintf(reason, size, "observed: the vdso does not lie at a third of the space");
	} else {
		space->direction = DIRECTION_UNKNOWN;
		snprintf(reason, size, "neither personality nor vdso can be seen");
	}
}

static bool is_stack(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	return file && file->type == FILE_SPECIAL && file->name[1] == 's';
}

static void find_mmap_base(struct space *space)
{
	size_t i;

	if (space->direction == DIRECTION_BOTTOM_UP) {
		space->mmap_base = align_up(space->user_end / 3, space->machine.page_size);
		for (i = 0; i < space->nregions; i++)
			if (space->regions[i].start >= space->mmap_base) {
				space->mmap_base = space->regions[i].start;
				return;
			}
		return;
	}
	for (i = space->nregions; i-- > 0;) {
		const struct region *region = &space->regions[i];

		if (region->start >= KERNEL_SIDE || is_stack(space, region))
			continue;
		if (region->end > space->brk || space->brk == UNKNOWN)
			space->mmap_base = region->end;
		return;
	}
}

void layout_find(struct space *space)
{
	find_user_end(space);
	find_direction(space);
	find_mmap_base(space);
}
