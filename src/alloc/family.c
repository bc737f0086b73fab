/*
 * The names that programs call. Behaviour where POSIX leaves a choice is glibc's (2.36), but that
 * aligned_alloc refuses what is no power of two, as POSIX wants and glibc does since 2.38.
 *
 * malloc and free themselves are in malloc.c, statistics in info.c.
 */
#include "alloc/malloc.h"

#include "alloc/granules.h"
#include "alloc/map.h"
#include "alloc/options.h"
#include "alloc/perturb.h"
#include "alloc/slab.h"
#include "alloc/system.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* Not in every libc's headers. */
EXPORT void *reallocarray(void *p, size_t n, size_t size);
EXPORT void *pvalloc(size_t bytes);
EXPORT int malloc_trim(size_t pad);
EXPORT int mallopt(int parameter, int value);
EXPORT void cfree(void *p);
EXPORT void free_sized(void *p, size_t bytes);
EXPORT void free_aligned_sized(void *p, size_t alignment, size_t bytes);

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

EXPORT void *calloc(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? no_memory() : plat__calloc(bytes);
}

EXPORT void *realloc(void *p, size_t bytes)
{
	if (!p)
		return plat__malloc(bytes);
	if (bytes == 0) {
		plat__free(p);
		return NULL;
	}
	return bytes <= PTRDIFF_MAX ? plat__realloc(p, bytes) : no_memory();
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? no_memory() : realloc(p, bytes);
}

/* --- alignment --- */

static bool is_power_of_two(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

EXPORT void *memalign(size_t alignment, size_t bytes)
{
	size_t power = SLOT_GRAIN;

	if (alignment > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	while (power < alignment)
		power *= 2;
	return plat__aligned(power, bytes);
}

EXPORT void *aligned_alloc(size_t alignment, size_t bytes)
{
	if (!is_power_of_two(alignment)) {
		errno = EINVAL;
		return NULL;
	}
	return plat__aligned(alignment, bytes);
}

EXPORT int posix_memalign(void **ret, size_t alignment, size_t bytes)
{
	int saved = errno;
	void *p;

	if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
		return EINVAL;
	p = plat__aligned(alignment, bytes);
	errno = saved;
	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

EXPORT void *valloc(size_t bytes)
{
	return plat__aligned(plat__page_bytes, bytes);
}

EXPORT void *pvalloc(size_t bytes)
{
	size_t rest = plat__page_bytes - 1, sum;

	if (__builtin_add_overflow(bytes, rest, &sum))
		return no_memory();
	return plat__aligned(plat__page_bytes, sum & ~rest);
}

/* --- back, with a size --- */

/* The short way to a yes; whether p is a block at all is for free to tell. */
static bool is_surely_of_size(const void *p, size_t bytes)
{
	const struct slab *slab = near_slab(p);
	uint64_t slot = slab_slot_at(slab, (uintptr_t)p);

	return slot < guess(&slab->nshort) && slab_size_of(slab, slab->tags[slot]) == bytes;
}

/* Whoever says how long a block is, and errs, has another one in mind, or another type. */
void plat__free_sized(void *p, size_t bytes)
{
	struct found found;

	if (CHECKS && !is_surely_of_size(p, bytes) && plat__find(p, &found) && found.is_start &&
	    found.is_live && found.size != bytes)
		plat__fault(FAULT_WRONG_SIZE, p, found.size, p);
	plat__free(p);
}

EXPORT void free_sized(void *p, size_t bytes)
{
	plat__free_sized(p, bytes);
}

/* What is aligned all the same was asked for with less, or by chance: that nobody can tell. */
void plat__check_alignment(const void *p, size_t alignment)
{
	bool is_power = alignment != 0 && (alignment & (alignment - 1)) == 0;
	struct found found;

	if (!CHECKS || (is_power && ((uintptr_t)p & (alignment - 1)) == 0))
		return;
	if (plat__find(p, &found) && found.is_start && found.is_live)
		plat__fault(FAULT_WRONG_ALIGNMENT, p, found.size, p);
}

EXPORT void free_aligned_sized(void *p, size_t alignment, size_t bytes)
{
	plat__check_alignment(p, alignment);
	plat__free_sized(p, bytes);
}

EXPORT void cfree(void *p)
{
	plat__free(p);
}

/* --- the rest --- */

EXPORT size_t malloc_usable_size(void *p)
{
	return p ? plat__usable(p) : 0;
}

static size_t held(void)
{
	struct granule_sums sums = plat__granules_sums();

	return sums.taken + sums.free;
}

bool plat__purge(size_t pad)
{
	size_t nreturned = plat__system_nreturned(), before = held();

	plat__trim(pad);
	return plat__system_nreturned() != nreturned || held() < before;
}

EXPORT int malloc_trim(size_t pad)
{
	return plat__purge(pad);
}

/* glibc's <malloc.h>; other libcs have no mallopt. */
enum parameter {
	PARAMETER_PERTURB = -6,
	PARAMETER_MMAP_MAX = -4,
	PARAMETER_MMAP_THRESHOLD = -3,
	PARAMETER_TOP_PAD = -2,
	PARAMETER_TRIM_THRESHOLD = -1,
};

/*
 * Refused is what would be a promise without effect here: there are no fastbins and no arenas, and
 * the heap grows by what it has, not by a pad.
 */
EXPORT int mallopt(int parameter, int value)
{
	switch (parameter) {
	case PARAMETER_PERTURB:
		plat__perturb_set(value);
		return 1;
	case PARAMETER_MMAP_MAX:
		plat__options_fix(&plat__options.mmap_max, value < 0 ? 0 : (size_t)value);
		return 1;
	case PARAMETER_MMAP_THRESHOLD:
		plat__options_fix(&plat__options.mmap_threshold, (size_t)value);
		return 1;
	case PARAMETER_TOP_PAD:
		plat__options_fix(&plat__options.top_pad, value < 0 ? 0 : (size_t)value);
		return 1;
	case PARAMETER_TRIM_THRESHOLD:
		plat__options_fix(&plat__options.trim_threshold, (size_t)value);
		return 1;
	default:
		return 0;
	}
}

/* --- glibc's other names --- */

EXPORT void *__libc_malloc(size_t bytes);
EXPORT void __libc_free(void *p);
EXPORT void *__libc_calloc(size_t n, size_t size);
EXPORT void *__libc_realloc(void *p, size_t bytes);
EXPORT void *__libc_memalign(size_t alignment, size_t bytes);
EXPORT void *__libc_valloc(size_t bytes);
EXPORT void *__libc_pvalloc(size_t bytes);
EXPORT int __libc_mallopt(int parameter, int value);

void *__libc_malloc(size_t bytes)
{
	return plat__malloc(bytes);
}

void __libc_free(void *p)
{
	plat__free(p);
}

void *__libc_calloc(size_t n, size_t size)
{
	return calloc(n, size);
}

void *__libc_realloc(void *p, size_t bytes)
{
	return realloc(p, bytes);
}

void *__libc_memalign(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

void *__libc_valloc(size_t bytes)
{
	return valloc(bytes);
}

void *__libc_pvalloc(size_t bytes)
{
	return pvalloc(bytes);
}

int __libc_mallopt(int parameter, int value)
{
	return mallopt(parameter, value);
}
