/* Heaps of threads, and the windows that they hand slots out of. */
#include "heap/own_parts.h"

#include "base/circle.h"
#include "base/list.h"

#include <stdlib.h>

#define HEAPS_MOST (1u << 17)
#define WINDOWS_MOST (1u << 22) /* of all heaps */

static int by_address(const void *a, const void *b)
{
	plat_addr x = ((const struct own_heap *)a)->address;
	plat_addr y = ((const struct own_heap *)b)->address;

	return x < y ? -1 : x > y;
}

static int by_base(const void *a, const void *b)
{
	plat_addr x = ((const struct own_window *)a)->base;
	plat_addr y = ((const struct own_window *)b)->base;

	return x < y ? -1 : x > y;
}

static int take_windows(struct own *own, const unsigned char *heap)
{
	const struct own_layout *layout = &own->layout;
	const struct own_row *bins = &layout->rows[OWN_HEAP_BINS];
	unsigned i;
	int r;

	if (own->nwindows + bins->count > WINDOWS_MOST) {
		own_say_broken(own, own->heaps[own->nheaps - 1].address,
			       "heaps have more windows than can be");
		return 0;
	}
	r = list_reserve(&own->windows, &own->windows_room, own->nwindows, bins->count);
	for (i = 0; r == 0 && i < bins->count; i++) {
		const unsigned char *bin = heap + bins->offset + i * bins->width;
		struct own_window window = {
			.base = own_get(layout, bin, OWN_BIN_BASE),
			.mask = own_get(layout, bin, OWN_BIN_MASK),
		};

		if (window.mask && window.base)
			own->windows[own->nwindows++] = window;
	}
	return r;
}

static int take_heap(struct own *own, plat_addr at, unsigned char *bytes, plat_addr *next)
{
	const struct own_layout *layout = &own->layout;
	int r = reader_read(own->reading.reader, at, bytes, layout->rows[OWN_HEAP].offset);

	if (r < 0) {
		own->reading.proofs.unreadable++;
		*next = 0;
		return 0;
	}
	r = list_reserve(&own->heaps, &own->heaps_room, own->nheaps, 1);
	if (r < 0)
		return r;
	own->heaps[own->nheaps++] = (struct own_heap){
		.address = at,
		.is_alive = own_get(layout, bytes, OWN_HEAP_IS_ALIVE) != 0,
		.trimmed = own_get(layout, bytes, OWN_HEAP_TRIMMED),
	};
	*next = own_get(layout, bytes, OWN_HEAP_NEXT_HEAP);
	return layout->rows[OWN_HEAP_BINS].is_known ? take_windows(own, bytes) : 0;
}

static void put_arenas(struct own *own)
{
	struct heap_arena *arenas = own->reading.arenas;
	size_t i;

	for (i = 0; i < own->nheaps; i++)
		arenas[own->heaps[i].number - 1] = (struct heap_arena){
			.kind = ARENA_THREAD,
			.number = own->heaps[i].number,
			.address = own->heaps[i].address,
		};
	arenas[own_arena_shared(own)] = (struct heap_arena){
		.kind = ARENA_SHARED, .number = own_arena_shared(own) + 1, .address = UNKNOWN};
	arenas[own_arena_alone(own)] = (struct heap_arena){
		.kind = ARENA_MAPPED, .number = own_arena_alone(own) + 1, .address = UNKNOWN};
}

static int make_arenas(struct own *own)
{
	struct heap_reading *reading = &own->reading;
	int r = list_reserve(&reading->arenas, &reading->arenas_room, 0, own->nheaps + 2);

	if (r < 0)
		return r;
	put_arenas(own);
	reading->narenas = own->nheaps + 2;
	return own_find_threads(own);
}

static int read_list(struct own *own)
{
	const struct own_row *row = &own->layout.rows[OWN_HEAP];
	struct circle circle = {0};
	unsigned char *bytes;
	plat_addr at = 0;
	size_t i;
	int r = 0;

	own->nheaps = own->nwindows = 0;
	if (!row->is_known || !own->heaps_at)
		return 0;
	if (own_read_number(own->reading.reader, &own->layout, own->heaps_at,
			    own->layout.pointer_bytes, &at) < 0)
		own->reading.proofs.unreadable++;
	bytes = malloc(row->offset);
	if (!bytes)
		return -ENOMEM;
	while (r == 0 && at != 0 && own->nheaps < HEAPS_MOST && !circle_closes(&circle, at))
		r = take_heap(own, at, bytes, &at);
	free(bytes);
	if (r == 0 && at != 0)
		own_say_broken(own, at, "the list of heaps has no end");
	/* The list begins with the newest. */
	for (i = 0; i < own->nheaps; i++)
		own->heaps[i].number = (uint32_t)(own->nheaps - i);
	if (own->nheaps)
		qsort(own->heaps, own->nheaps, sizeof(*own->heaps), by_address);
	if (own->nwindows)
		qsort(own->windows, own->nwindows, sizeof(*own->windows), by_base);
	return r;
}

int own_read_heaps(struct own *own)
{
	int r = read_list(own);

	return r < 0 ? r : make_arenas(own);
}

const struct own_heap *own_heap_at(const struct own *own, plat_addr address)
{
	const struct own_heap key = {.address = address};

	if (!own->nheaps)
		return NULL;
	return bsearch(&key, own->heaps, own->nheaps, sizeof(*own->heaps), by_address);
}

size_t own_window_from(const struct own *own, plat_addr base)
{
	size_t low = 0, high = own->nwindows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (own->windows[middle].base < base)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
