/*
 * The break, by the kernel's rules for it (docs/kernel-rules.md, "The heap"):
 *
 *	| data | bss |  heap  |            | a page | next mapping |
 *	           start     end         limit
 *
 * RLIMIT_DATA is asked twice: for the heap with the data segment, to the byte, and for all that is
 * private and writable, by pages as RLIMIT_AS is.
 */
#include "../include/plat/brk.h"
#include "../include/plat/usage.h"
#include "mem/kept_file.h"
#include "mem/mappings.h"
#include "mem/pages.h"
#include "mem/result.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static struct plat__kept_file stat_file = PLAT__KEPT_FILE("/proc/self/stat");

/* Kept free below a stack: 256 pages, unless the kernel was told another number at its start. */
#define STACK_GAP_PAGES 256

/* The fields of /proc/self/stat, proc(5), from 1 on. */
enum { FIELD_STATE = 3, FIELD_START_DATA = 45, FIELD_END_DATA = 46, FIELD_START_BRK = 47 };

struct heap {
	uintptr_t start, end;
	size_t data_segment;
};

/* The number in a field behind the program's name, which is in brackets and may hold anything. */
static int field(const char *text, int which, uintptr_t *ret)
{
	const char *at = strrchr(text, ')');
	int i;

	for (i = FIELD_STATE - 1; at && i < which; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EIO;
	*ret = (uintptr_t)strtoull(at, NULL, 10);
	return 0;
}

static int find_heap(struct heap *ret)
{
	uintptr_t start_data, end_data, start;
	char text[2048];
	ssize_t n = plat__kept_file_read(&stat_file, text, sizeof(text));

	if (n < 0)
		return (int)n;
	if (field(text, FIELD_START_DATA, &start_data) < 0 ||
	    field(text, FIELD_END_DATA, &end_data) < 0 || field(text, FIELD_START_BRK, &start) < 0)
		return -EIO;
	ret->start = start;
	ret->data_segment = end_data - start_data;
	/* It refuses what lies below the heap, and says where the break is; sbrk tells what the C
	 * library remembers. */
	ret->end = (uintptr_t)syscall(SYS_brk, 0);
	return 0;
}

/* Lowers the limit, and says why. */
static void stop_at(struct plat_brk *brk, uintptr_t limit, enum plat_brk_stop why)
{
	if (limit >= (uintptr_t)brk->limit)
		return;
	brk->limit = (void *)(limit > (uintptr_t)brk->end ? limit : (uintptr_t)brk->end);
	brk->stop = why;
}

/* The end of the page that the break is in: up to there nothing has to be mapped. */
static uintptr_t page_end(const struct plat_brk *brk)
{
	size_t page = plat__page_size();

	return ((uintptr_t)brk->end + page - 1) & ~(page - 1);
}

static uintptr_t add_capped(uintptr_t a, uintptr_t b)
{
	return b > UINTPTR_MAX - a ? UINTPTR_MAX : a + b;
}

static int stop_at_mapping(struct plat_brk *brk)
{
	uintptr_t page = plat__page_size(), gap = page;
	struct plat__mappings mappings;
	struct plat__mapping next;
	int r = plat__mappings_open(&mappings);

	if (r < 0)
		return r;
	r = plat__mappings_next(&mappings, page_end(brk), &next);
	plat__mappings_close(&mappings);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	/* What is mapped right behind the heap can be one mapping with it. */
	if (next.start < page_end(brk))
		next.start = page_end(brk);
	brk->next = (void *)next.start;
	if (next.is_stack)
		gap += STACK_GAP_PAGES * page;
	stop_at(brk, next.start - gap, PLAT_BRK_MAPPING);
	return 0;
}

/* So many pages more as `left` bytes have. */
static void stop_at_pages(struct plat_brk *brk, size_t left, enum plat_brk_stop why)
{
	if (left != SIZE_MAX && left != PLAT_UNKNOWN)
		stop_at(brk, add_capped(page_end(brk), left & ~(plat__page_size() - 1)), why);
}

static int stop_at_limits(struct plat_brk *brk, const struct heap *heap)
{
	struct plat_limit data, space;
	int r = plat_limit_get(RLIMIT_DATA, &data);

	if (r == 0)
		r = plat_limit_get(RLIMIT_AS, &space);
	if (r < 0)
		return r;
	if (data.soft != SIZE_MAX) {
		size_t left = data.soft > heap->data_segment ? data.soft - heap->data_segment : 0;

		stop_at(brk, add_capped(heap->start, left), PLAT_BRK_DATA);
	}
	stop_at_pages(brk, data.left, PLAT_BRK_DATA);
	stop_at_pages(brk, space.left, PLAT_BRK_ADDRESS_SPACE);
	return 0;
}

int plat_brk(struct plat_brk *ret, size_t size)
{
	struct plat_brk brk = {.limit = (void *)UINTPTR_MAX};
	int before = errno, r;
	struct heap heap;

	r = find_heap(&heap);
	if (r == 0) {
		brk.start = (void *)heap.start;
		brk.end = (void *)heap.end;
		r = stop_at_mapping(&brk);
	}
	if (r == 0)
		r = stop_at_limits(&brk, &heap);
	errno = before;
	if (r < 0)
		return r;
	brk.left = (uintptr_t)brk.limit - (uintptr_t)brk.end;
	plat__answer(ret, size, &brk, sizeof(brk), 0);
	return 0;
}
