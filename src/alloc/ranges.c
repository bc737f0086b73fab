/*
 * The allocator knows each block's size: so whether bytes lie within one is a look at its tag. What
 * nearly all copies get for an answer, inside of a block or nowhere near one, is found in some
 * twenty instructions for each of their sides, by the map's guess; whoever is not fine by it is
 * looked at by the map, and judged.
 */
#include "alloc/ranges.h"

#include "alloc/fault.h"
#include "alloc/malloc.h"
#include "alloc/map.h"
#include "alloc/slab.h"
#include "base/compiler.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/*
 * More bytes are looked at by the map: no sum in here is more than 64 bits can be, and what begins
 * at some address ends in the next granule.
 */
#define MOST GRANULE

static inline bool is_few(size_t bytes)
{
	return bytes - 1 < MOST;
}

/*
 * In a slot, if it is not free. It is the one that the offset lies in, or is far from it: so its
 * end is all that is asked about.
 */
static ALWAYS_INLINE bool fits_slot(const struct slab *slab, uint32_t slot, uint64_t end,
				    uint32_t tag)
{
	if (unlikely(tag == TAG_FREE) ||
	    unlikely(end + tag > (slot + 1) * guess(&slab->stride) + TAG_BIAS))
		return false;
	return true;
}

/* Within the granule where they begin: all that is asked of what lies in no slab. */
static ALWAYS_INLINE bool fits_granule(uintptr_t at, size_t bytes)
{
	return likely((at & (GRANULE - 1)) + bytes <= GRANULE);
}

/*
 * Where there was never a slab, nor is there one in the next granule, all that is few is fine: the
 * slab that stands for it gets a size that says so, once somebody asks. Addresses that the
 * allocator gave back are soon somebody else's, whom nobody judges.
 */
static ALWAYS_INLINE bool is_elsewhere(uintptr_t distance, uintptr_t at, size_t bytes)
{
	if (distance == 0)
		store_relaxed(&near_at(0)->size, UINT64_MAX);
	else if (distance != NEAR_GONE || map_find(at))
		return false;
	return fits_granule(at, bytes);
}

/*
 * Where the guess leads, which may be to any slab. An address that is not its own is so far from
 * its slots that it is inside of none: the offset has more than 32 bits then. A block alone has a
 * size, which is 1 more there; slots have none, nor has what is free.
 */
static ALWAYS_INLINE bool is_fine(const void *p, size_t bytes)
{
	uintptr_t distance = near_distance(p), at = (uintptr_t)p;
	const struct slab *slab = near_at(distance);
	uint64_t offset = at - guess(&slab->base), end = offset + bytes;
	uint32_t slot;

	if (end < guess(&slab->size)) {
		FORGET(slab); /* to keep the size at hand would cost slots an instruction */
		if (unlikely(offset >= guess(&slab->size)))
			return false;
		return true;
	}
	slot = (uint32_t)(offset * guess(&slab->reciprocal) >> SLOT_SHIFT);
	if (likely(slot < guess(&slab->nshort)))
		return fits_slot(slab, slot, end, guess(&slab->tags[slot]));
	if (likely(slot < guess(&slab->nwide)))
		return fits_slot(slab, slot, end, guess((const uint16_t *)slab->tags + slot));
	return is_elsewhere(distance, at, bytes);
}

/* The block that p lies in; or, where there is none, the one that lies ahead on the next granule.
 */
static bool find_first(const void *p, size_t bytes, struct found *ret)
{
	uintptr_t next = ((uintptr_t)p | (GRANULE - 1)) + 1;

	if (plat__find(p, ret))
		return true;
	return next - (uintptr_t)p < bytes && plat__find((const void *)next, ret);
}

/* A fault is said at the address where it begins. */
static void judge(const struct access *access, const void *p)
{
	size_t bytes = access->bytes;
	struct found found;
	const void *start;
	uintptr_t end;

	if (!p || !find_first(p, bytes, &found))
		return;
	start = (const void *)found.start;
	if (!found.is_live) {
		plat__fault_access(FAULT_USE_AFTER_FREE, p, SIZE_MAX, start, access);
		return;
	}
	end = found.start + found.size;
	if ((uintptr_t)p < found.start)
		plat__fault_access(FAULT_UNDERFLOW, p, found.size, start, access);
	else if ((uintptr_t)p > end || bytes > end - (uintptr_t)p)
		plat__fault_access(FAULT_PAST_END, (uintptr_t)p > end ? p : (const void *)end,
				   found.size, start, access);
}

static void judge_both(const void *to, const void *from, size_t bytes, const char *by)
{
	struct access access = {.by = by, .to = to, .from = from, .bytes = bytes};

	access.role = "destination of ";
	judge(&access, to);
	access.role = "source of ";
	judge(&access, from);
}

static bool overlap(const void *to, const void *from, size_t bytes)
{
	size_t last = bytes - 1;

	return (uintptr_t)to + last - (uintptr_t)from < 2 * bytes - 1;
}

static void judge_overlap(const void *to, const void *from, size_t bytes, const char *by)
{
	const struct access access = {.by = by, .role = "", .to = to, .from = from, .bytes = bytes};
	const void *p = (uintptr_t)to > (uintptr_t)from ? to : from;
	struct found found;

	if (to == from)
		return;
	if (plat__find(p, &found) && found.is_live)
		plat__fault_access(FAULT_OVERLAP, p, found.size, (const void *)found.start,
				   &access);
	else
		plat__fault_access(FAULT_OVERLAP, p, SIZE_MAX, NULL, &access);
}

/* No bytes lie nowhere, and of them there are many. */
static ALWAYS_INLINE bool is_fine_alone(const void *p, size_t bytes)
{
	return likely(is_few(bytes)) ? likely(is_fine(p, bytes)) : bytes == 0;
}

static ALWAYS_INLINE bool are_fine(const void *p, const void *q, size_t bytes)
{
	if (unlikely(!is_few(bytes)))
		return bytes == 0;
	return likely(is_fine(p, bytes)) && likely(is_fine(q, bytes));
}

/* --- what is not fine at first sight --- */

#define APART __attribute__((noinline))
#define CALLER() __builtin_return_address(0)

/* Callers in here are not judged. */
static uintptr_t own;
static size_t own_bytes;

static bool is_own(const void *caller)
{
	return (uintptr_t)caller - load_relaxed(&own) < load_relaxed(&own_bytes);
}

static APART void *move_judged(void *to, const void *from, size_t bytes,
			       const struct plat__mover *mover, const void *caller)
{
	if (bytes > 0 && !is_own(caller))
		judge_both(to, from, bytes, mover->by);
	return (*mover->then)(to, from, bytes);
}

static APART void *copy_judged(void *to, const void *from, size_t bytes,
			       const struct plat__mover *mover, const void *caller)
{
	if (bytes > 0 && !is_own(caller)) {
		judge_both(to, from, bytes, mover->by);
		if (overlap(to, from, bytes))
			judge_overlap(to, from, bytes, mover->by);
	}
	return (*mover->then)(to, from, bytes);
}

static APART void *set_judged(void *to, int byte, size_t bytes, const struct plat__setter *setter,
			      const void *caller)
{
	if (bytes > 0 && !is_own(caller))
		judge_both(to, NULL, bytes, setter->by);
	return (*setter->then)(to, byte, bytes);
}

static APART int compare_judged(const void *a, const void *b, size_t bytes,
				const struct plat__comparer *comparer, const void *caller)
{
	if (bytes > 0 && !is_own(caller)) {
		judge_both(NULL, a, bytes, comparer->by);
		judge_both(NULL, b, bytes, comparer->by);
	}
	return (*comparer->then)(a, b, bytes);
}

/* --- what is asked --- */

/* By the names that programs call most: who asks need not be passed on, and registers are left. */
static struct plat__behind behind = {.move = memmove, .set = memset, .compare = memcmp};

static const struct plat__mover memcpy_mover = {"memcpy", &behind.move};
static const struct plat__mover memmove_mover = {"memmove", &behind.move};
static const struct plat__setter memset_setter = {"memset", &behind.set};
static const struct plat__comparer memcmp_comparer = {"memcmp", &behind.compare};

EXPORT void *plat_check_memcpy(void *to, const void *from, size_t bytes)
{
	if (are_fine(to, from, bytes) && likely(!overlap(to, from, bytes)))
		return behind.move(to, from, bytes);
	return copy_judged(to, from, bytes, &memcpy_mover, CALLER());
}

EXPORT void *plat_check_memmove(void *to, const void *from, size_t bytes)
{
	if (are_fine(to, from, bytes))
		return behind.move(to, from, bytes);
	return move_judged(to, from, bytes, &memmove_mover, CALLER());
}

EXPORT void *plat_check_memset(void *to, int byte, size_t bytes)
{
	if (is_fine_alone(to, bytes))
		return behind.set(to, byte, bytes);
	return set_judged(to, byte, bytes, &memset_setter, CALLER());
}

EXPORT int plat_check_memcmp(const void *a, const void *b, size_t bytes)
{
	if (are_fine(a, b, bytes))
		return behind.compare(a, b, bytes);
	return compare_judged(a, b, bytes, &memcmp_comparer, CALLER());
}

/* And by all others. */
static APART bool are_fine_apart(const void *p, const void *q, size_t bytes)
{
	return are_fine(p, q, bytes);
}

static APART bool is_fine_apart(const void *p, size_t bytes)
{
	return is_fine_alone(p, bytes);
}

EXPORT void *plat_check_move(void *to, const void *from, size_t bytes,
			     const struct plat__mover *mover)
{
	if (are_fine_apart(to, from, bytes))
		return (*mover->then)(to, from, bytes);
	return move_judged(to, from, bytes, mover, CALLER());
}

EXPORT void *plat_check_copy(void *to, const void *from, size_t bytes,
			     const struct plat__mover *mover)
{
	if (are_fine_apart(to, from, bytes) && likely(!overlap(to, from, bytes)))
		return (*mover->then)(to, from, bytes);
	return copy_judged(to, from, bytes, mover, CALLER());
}

EXPORT void *plat_check_set(void *to, int byte, size_t bytes, const struct plat__setter *setter)
{
	if (is_fine_apart(to, bytes))
		return (*setter->then)(to, byte, bytes);
	return set_judged(to, byte, bytes, setter, CALLER());
}

EXPORT int plat_check_compare(const void *a, const void *b, size_t bytes,
			      const struct plat__comparer *comparer)
{
	if (are_fine_apart(a, b, bytes))
		return (*comparer->then)(a, b, bytes);
	return compare_judged(a, b, bytes, comparer, CALLER());
}

EXPORT void plat_check_access(const void *p, size_t bytes, const char *by, bool writes)
{
	if (is_fine_apart(p, bytes))
		return;
	if (writes)
		judge_both(p, NULL, bytes, by);
	else
		judge_both(NULL, p, bytes, by);
}

EXPORT void plat_check_begin(const void *start, size_t bytes, const struct plat__behind *functions)
{
	behind = *functions;
	store_relaxed(&own, (uintptr_t)start);
	store_relaxed(&own_bytes, bytes);
}
