/*
 * The version that glibc calls itself, in a sentence among its constants; and which versions'
 * reading has been tried on heaps that they have made. Nothing is read differently by it.
 */
#include "heap/ptmalloc_parts.h"

#include <stdio.h>
#include <string.h>

#define PIECE (16 * 1024)
#define SHARED 64 /* bytes that two pieces have in common */
#define CONSTANTS_MOST (8u << 20)

static const char before[] = "release version 2.";

/* glibc 2.x of 64 and of 32 bits that tests/programs/ptmalloc.sh has run. */
static const unsigned char proven_64[] = {19, 23, 27, 31, 35, 36, 39, 41, 42, 43};
static const unsigned char proven_32[] = {19, 23, 27, 31, 36, 41, 42, 43};

static unsigned parse(const char *at, const char *end)
{
	unsigned version = 0;

	for (; at < end && *at >= '0' && *at <= '9' && version < 1000; at++)
		version = version * 10 + (unsigned)(*at - '0');
	return at < end ? version : 0;
}

static unsigned search(struct ptmalloc *heap, plat_addr start, plat_addr end)
{
	char piece[PIECE];
	plat_addr at;

	end = min_u64(end, add_capped(start, CONSTANTS_MOST));
	for (at = start; at < end; at += PIECE - SHARED) {
		size_t size = (size_t)min_u64(PIECE, end - at);
		const char *found;

		if (reader_read(heap->reading.reader, at, piece, size) < 0)
			continue;
		found = memmem(piece, size, before, sizeof(before) - 1);
		if (found)
			return parse(found + sizeof(before) - 1, piece + size);
	}
	return 0;
}

static unsigned search_module(struct ptmalloc *heap, const struct module *module)
{
	unsigned version = 0;
	size_t i;

	for (i = 0; i < module->nsegments && !version; i++)
		if (!(module->segments[i].rights & RIGHT_WRITE))
			version = search(heap, module->segments[i].start,
					 module->segments[i].file_end);
	return version;
}

/* What its form says, where it does not say itself: a static program has no such sentence. */
static const char *version_of_layout(const struct ptmalloc_layout *layout)
{
	if (!layout->nfast)
		return "2.43 or later, by its form";
	if (layout->fast > 8)
		return "2.27 to 2.42, by its form";
	return layout->has_attached ? "2.23 to 2.26, by its form" : "2.17 to 2.22, by its form";
}

static bool is_proven(const struct ptmalloc *heap)
{
	const unsigned char *list = heap->layout.word == 8 ? proven_64 : proven_32;
	size_t n = heap->layout.word == 8 ? sizeof(proven_64) : sizeof(proven_32);

	return memchr(list, (int)heap->version, n) != NULL;
}

void ptmalloc_find_version(struct ptmalloc *heap)
{
	struct heap_reading *reading = &heap->reading;

	heap->version = search_module(heap, &reading->space->modules[reading->module]);
	if (!heap->version) {
		snprintf(reading->version, sizeof(reading->version), "%s",
			 version_of_layout(&heap->layout));
		return;
	}
	snprintf(reading->version, sizeof(reading->version), "2.%u", heap->version);
	if (!is_proven(heap))
		snprintf(reading->unproven, sizeof(reading->unproven),
			 "this reading was never tried on a heap of %u-bit glibc 2.%u",
			 heap->layout.word * 8, heap->version);
}
