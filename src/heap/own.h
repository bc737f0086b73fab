/*
 * Reads the heap of libplat-malloc in a process, from what alloc/state.h says of it. The process
 * may run meanwhile, may be of another version, word size or byte order, and may be hostile: what
 * does not fit is counted and left out.
 */
#ifndef HEAP_OWN_H
#define HEAP_OWN_H

#include "heap/own_layout.h"
#include "space/space.h"

/*
 * Arenas: the heaps of threads, and of those that are gone, by their numbers; then what belongs to
 * none (slabs that wait in the pool, free granules), and blocks that stand alone. What can be
 * returned of a thread's heap goes when that thread trims; all else whoever does.
 *
 * Classes have their number as index; blocks that stand alone have these.
 */
#define OWN_CLASSES_MOST 512
enum own_alone { OWN_RUN = OWN_CLASSES_MOST, OWN_MAPPING, OWN_GUARDED, OWN_NCLASSES };

/* Of a thread, or of one that is gone. */
struct own_heap {
	plat_addr address;
	uint32_t number; /* from 1, the oldest */
	bool is_alive;
	uint64_t trimmed; /* see own_trim.h */
};

/* Up to 64 slots in a row that a heap has set aside. */
struct own_window {
	plat_addr base;
	uint64_t mask;
};

/* A live block between pages that nobody can touch. */
struct own_guarded {
	plat_addr address;
	uint32_t site; /* its number in the allocator's table: where it was made; 0: nobody knows */
};

struct own {
	struct heap_reading reading; /* its first member */
	plat_addr at;		     /* of the header */
	struct own_layout layout;
	uint64_t page_bytes; /* 0: it has not been asked for anything yet */
	uint64_t granule_bytes, leaf_bytes;
	uint32_t chunk_granules, root_entries, slot_grain, canary_bytes, tag_bias;
	plat_addr root, heaps_at, meta_at, metas_at, options_at, samples_at, trim_at;
	uint64_t faults; /* or UNKNOWN */

	/* Of the last walk. */
	uint64_t kept_bytes; /* addresses of freed mappings, kept so that nothing else gets there */
	struct own_heap *heaps; /* in the order of their addresses */
	size_t nheaps, heaps_room;
	struct own_window *windows; /* as well */
	size_t nwindows, windows_room;
	struct own_guarded *guarded; /* in no order */
	size_t nguarded, guarded_room;
};

/* Where a module has the header, if it has. 0; -ENOENT; or as the reader. */
int own_find(struct reader *reader, const struct module *module, plat_addr *ret) MUST_CHECK;

extern const struct heap_type own_type;

/* As own_type opens it; NULL: it is of another type. */
static inline struct own *own_of(struct heap_reading *reading)
{
	return reading && reading->type == &own_type ? (struct own *)reading : NULL;
}

/* Opens the one with this header, of this module. As heap_type.open; -ENOEXEC: there is none. */
int own_open_at(const struct space *space, struct reader *reader, uint32_t module, plat_addr at,
		struct heap_reading **ret, struct error *err) MUST_CHECK;

/*
 * In the caller's storage, and of no space, so that threads are not known. 0, and *ret is the
 * caller's to own_close(); -ENOEXEC where there is none; -ENOTSUP where it cannot be read; -ENOMEM;
 * or as the reader.
 */
int own_open(struct reader *reader, plat_addr at, struct own *ret, struct error *err) MUST_CHECK;
void own_close(struct own *own);
int own_walk(struct own *own, const struct heap_visitor *visitor) MUST_CHECK;

/* An owner's heap, or NULL. */
const struct own_heap *own_heap_at(const struct own *own, plat_addr address);

#endif
