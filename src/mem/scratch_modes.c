/*
 * A piece of an arena, in each mode.
 *
 *     plain       |aaaaa|bbb|cccccccc|                          |
 *                                    ^ at                       ^ piece_end
 *     poisoned    |aaaaa|~|bbb|~|cccccccc|~~~~~~~~~~~~~~~~~~~~~~|     ~ AddressSanitizer tells
 *     closed      |  aaaaa|----|    bbb|----|cccccccc|----|-----|     - no access
 *
 * In a closed piece `at` goes back with what is given back, as in others, but what is taken next
 * comes from `fresh` on, which does not, so that this is not soon something else.
 */
#include "mem/scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WINDOW (sizeof(void *) > 4 ? (size_t)64 << 20 : (size_t)8 << 20)
#define GAP ((size_t)16) /* in a poisoned piece, behind what is taken */

/* Of AddressSanitizer's run time, where the program has it. */
extern void __asan_poison_memory_region(const volatile void *p, size_t size) __attribute__((weak));
extern void __asan_unpoison_memory_region(const volatile void *p, size_t size)
	__attribute__((weak));

/* Not yet known, or what the environment or the program wants. */
static int is_checked = -1;

static int wants_checked(void)
{
	int checked = __atomic_load_n(&is_checked, __ATOMIC_RELAXED);
	const char *word;

	if (checked >= 0)
		return checked;
	word = secure_getenv("PLAT_SCRATCH");
	return word && strcmp(word, "checked") == 0;
}

int plat_scratch_checked(int on)
{
	int before = wants_checked();

	__atomic_store_n(&is_checked, on != 0, __ATOMIC_RELAXED);
	return before;
}

enum plat__scratch_mode plat__scratch_mode(void)
{
	if (wants_checked())
		return PLAT__SCRATCH_CLOSED;
	return __asan_poison_memory_region && __asan_unpoison_memory_region ? PLAT__SCRATCH_POISONED
									    : PLAT__SCRATCH_PLAIN;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

size_t plat__scratch_need(enum plat__scratch_mode mode, size_t size, size_t alignment)
{
	size_t need;

	/* Nothing that follows can overflow. */
	if (size > SIZE_MAX / 4 || alignment > SIZE_MAX / 4)
		return 0;
	need = plat__scratch_up(size, PLAT__SCRATCH_ALIGNMENT) + alignment + GAP +
	       PLAT__SCRATCH_HEAD;
	need = plat__scratch_up(need, page_size());
	return mode == PLAT__SCRATCH_CLOSED ? need + 3 * page_size() : need;
}

size_t plat__scratch_wish(enum plat__scratch_mode mode)
{
	return mode == PLAT__SCRATCH_CLOSED ? WINDOW : PLAT__SCRATCH_FIRST;
}

char *plat__scratch_map(enum plat__scratch_mode mode, size_t size, size_t head)
{
	bool closed = mode == PLAT__SCRATCH_CLOSED;
	int before = errno;
	char *p = mmap(NULL, size, closed ? PROT_NONE : PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | (closed ? MAP_NORESERVE : 0), -1, 0);

	if (p == MAP_FAILED) {
		p = NULL;
	} else if (closed && head > 0 && mprotect(p, head, PROT_READ | PROT_WRITE) < 0) {
		munmap(p, size);
		p = NULL;
	}
	errno = before;
	return p;
}

void plat__scratch_unmap(enum plat__scratch_mode mode, char *p, size_t size)
{
	int before = errno;

	if (mode == PLAT__SCRATCH_POISONED)
		__asan_unpoison_memory_region(p, size);
	munmap(p, size);
	errno = before;
}

void plat__scratch_open(enum plat__scratch_mode mode, char *from, char *to)
{
	if (mode == PLAT__SCRATCH_POISONED)
		__asan_unpoison_memory_region(from, (size_t)(to - from));
}

/* What the inline functions may do by themselves: all that is plain. */
static void set_bounds(struct plat_scratch *scratch)
{
	bool is_plain = scratch->mode == PLAT__SCRATCH_PLAIN;

	scratch->start = is_plain ? scratch->piece_start : scratch->at;
	scratch->end = is_plain ? scratch->piece_end : scratch->at;
}

void plat__scratch_enter_piece(struct plat_scratch *scratch, char *start, char *end)
{
	size_t alignment =
		scratch->mode == PLAT__SCRATCH_CLOSED ? page_size() : PLAT__SCRATCH_ALIGNMENT;
	uintptr_t from = plat__scratch_up((uintptr_t)start, alignment);
	uintptr_t to = (uintptr_t)end & ~(uintptr_t)(alignment - 1);

	if (to < from)
		to = from;
	scratch->at = scratch->piece_start = start + (from - (uintptr_t)start);
	scratch->piece_end = scratch->at + (to - from);
	scratch->fresh = scratch->at;
	set_bounds(scratch);
	if (scratch->mode == PLAT__SCRATCH_POISONED)
		__asan_poison_memory_region(scratch->at, to - from);
}

void plat__scratch_return_to_piece(struct plat_scratch *scratch,
				   const struct plat__scratch_place *place)
{
	scratch->piece_start = place->start;
	scratch->at = place->at;
	scratch->fresh = place->fresh;
	scratch->piece_end = place->end;
	set_bounds(scratch);
}

char *plat__scratch_unused(const struct plat_scratch *scratch)
{
	return scratch->mode == PLAT__SCRATCH_CLOSED ? scratch->fresh : scratch->at;
}

/* --- one behind the other --- */

static size_t room(const struct plat_scratch *scratch)
{
	return (size_t)(scratch->piece_end - plat__scratch_unused(scratch));
}

static char *cut_next(struct plat_scratch *scratch, size_t size, size_t alignment, size_t gap)
{
	uintptr_t at = (uintptr_t)scratch->at;
	size_t skipped = plat__scratch_up(at, alignment) - at;
	size_t taken = plat__scratch_up(size, PLAT__SCRATCH_ALIGNMENT) + gap;
	char *p;

	if (skipped > room(scratch) || taken > room(scratch) - skipped)
		return NULL;
	p = scratch->at + skipped;
	scratch->at = p + taken;
	return p;
}

/* --- pages of their own --- */

/* At the end of its pages, as far as the alignment allows. */
static char *cut_pages(struct plat_scratch *scratch, size_t size, size_t alignment)
{
	size_t page = page_size(), fine = alignment < page ? alignment : page;
	uintptr_t at = (uintptr_t)scratch->fresh;
	size_t skipped = plat__scratch_up(at, alignment < page ? page : alignment) - at;
	size_t taken = plat__scratch_up(size, page), front = taken - plat__scratch_up(size, fine);
	int before = errno;
	char *p = scratch->fresh + skipped;

	if (skipped > room(scratch) || taken + page > room(scratch) - skipped)
		return NULL;
	if (taken > 0 && mprotect(p, taken, PROT_READ | PROT_WRITE) < 0) {
		errno = before;
		return NULL;
	}
	scratch->at = scratch->fresh = p + taken + page;
	return p + (alignment < page ? front : 0);
}

/* New pages in their place: the old ones are gone, and nothing can be touched there. */
static void close_pages(char *from, char *to)
{
	int before = errno;
	size_t size = (size_t)(to - from);

	if (size > 0 &&
	    mmap(from, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		mprotect(from, size, PROT_NONE);
	errno = before;
}

/* --- whichever it is --- */

void *plat__scratch_cut(struct plat_scratch *scratch, size_t size, size_t alignment)
{
	char *p;

	switch (scratch->mode) {
	case PLAT__SCRATCH_POISONED:
		p = cut_next(scratch, size, alignment, GAP);
		if (p)
			__asan_unpoison_memory_region(p, size);
		break;
	case PLAT__SCRATCH_CLOSED:
		p = cut_pages(scratch, size, alignment);
		break;
	default:
		p = cut_next(scratch, size, alignment, 0);
		break;
	}
	set_bounds(scratch);
	return p;
}

void plat__scratch_give_back(struct plat_scratch *scratch, char *to)
{
	if (scratch->mode == PLAT__SCRATCH_POISONED)
		__asan_poison_memory_region(to, (size_t)(scratch->at - to));
	if (scratch->mode == PLAT__SCRATCH_CLOSED)
		close_pages(to, scratch->at);
	scratch->at = to;
	set_bounds(scratch);
}
