/*
 * A table of words, each with an address and a step, that threads read and write as they come. What
 * is read of a stack by a step that is no longer true can be anything: it is an address that has to
 * be in the table, too, or the unwinder is asked.
 */
#include "alloc/unwind_steps.h"

#include "alloc/atomic.h"
#include "alloc/system.h"
#include "base/compiler.h"

#define TABLE_BITS 12
/*
 * A step is in the low bits of its word, in units of an address; 0 is none. A link: the frame ends
 * behind the two words that the frame pointer shows, and those are the next one's frame pointer and
 * the return address.
 */
#define STEP_BITS 16
#define STEP_LAST ((UINT64_C(1) << STEP_BITS) - 1)
#define STEP_LINK (STEP_LAST - 1)
#define UNIT sizeof(uintptr_t)
/* Registers that a function saves, at most. */
#define SAVED 8
/* The unwinder is asked once in so many times. */
#define TRUST 256

static uint64_t table[1 << TABLE_BITS] MOSTLY_UNTOUCHED;

static uint64_t *place_of(uint64_t ip)
{
	return &table[ip * UINT64_C(0x9e3779b97f4a7c15) >> (64 - TABLE_BITS)];
}

/* 0: it is not known. */
static uint64_t step_from(uint64_t ip)
{
	uint64_t word = load_relaxed(place_of(ip));

	return word >> STEP_BITS == ip ? word & STEP_LAST : 0;
}

/*
 * A function that aligns the stack anew keeps where its frame ends beside what it saves for its
 * caller, below what the frame pointer shows. Elsewhere that register holds what the program likes.
 */
static bool is_aligned_anew(const struct unwind_frame *frame, uintptr_t end)
{
	const uintptr_t *at = (const uintptr_t *)frame->fp;
	unsigned i;

	if (frame->fp < frame->sp || frame->fp >= end || frame->fp % UNIT != 0)
		return false;
	for (i = 1; i <= SAVED && (uintptr_t)(at - i) >= frame->sp; i++)
		if (at[-(ptrdiff_t)i] == end)
			return true;
	return false;
}

static uint64_t step_between(const struct unwind_frame *frame, const struct unwind_frame *next)
{
	const uintptr_t *end = (const uintptr_t *)next->sp;
	uintptr_t bytes = next->sp - frame->sp;

	if (frame->is_exact || next->is_exact || next->sp <= frame->sp || bytes % UNIT != 0 ||
	    bytes / UNIT >= STEP_LINK || end[-1] != next->ip)
		return 0;
	if (frame->fp == (uintptr_t)(end - 2))
		return end[-2] == next->fp ? STEP_LINK : 0;
	return is_aligned_anew(frame, next->sp) ? 0 : bytes / UNIT;
}

void plat__steps_learn(const struct unwind_frame *frame, const struct unwind_frame *next)
{
	uint64_t step = next ? step_between(frame, next) : STEP_LAST, *place = place_of(frame->ip);

	if (frame->ip >> (64 - STEP_BITS) != 0)
		return;
	if (step != 0)
		store_relaxed(place, frame->ip << STEP_BITS | step);
	else if (step_from(frame->ip) != 0)
		store_relaxed(place, 0);
}

/* Where a walk is. */
struct walk {
	uintptr_t sp;
	uintptr_t fp;	/* 0: it is not known any more */
	uintptr_t page; /* that can be read */
};

/* The last two words in front of where the next frame begins can be read. */
static bool is_there(struct walk *walk, uintptr_t next)
{
	uintptr_t low = (next - 2 * UNIT) & ~(plat__page_bytes - 1);

	if (next <= walk->sp || next % UNIT != 0)
		return false;
	if (low != walk->page && !plat__system_is_readable(next - 2 * UNIT))
		return false;
	walk->page = (next - UNIT) & ~(plat__page_bytes - 1);
	return walk->page == low || plat__system_is_readable(next - UNIT);
}

/* false: it is not known how far. */
static bool go_up(struct walk *walk, uint64_t step)
{
	bool is_link = step == STEP_LINK && walk->fp != 0;
	uintptr_t next = is_link ? walk->fp + 2 * UNIT : walk->sp + step * UNIT;

	if (step == 0 || (step == STEP_LINK && !is_link) || !is_there(walk, next))
		return false;
	walk->fp = is_link ? ((const uintptr_t *)next)[-2] : 0;
	walk->sp = next;
	return true;
}

uint32_t plat__steps_walk(const void *frame, uint64_t *ret, uint32_t n)
{
	static uint32_t nwalks;
	const uintptr_t *mine = frame;
	struct walk walk = {(uintptr_t)(mine + 2), mine[0],
			    (uintptr_t)mine & ~(plat__page_bytes - 1)};
	uint32_t i = 0;

	if (fetch_add(&nwalks, 1) % TRUST == 0)
		return 0;
	for (;;) {
		uint64_t ip = ((const uintptr_t *)walk.sp)[-1], step = step_from(ip);

		ret[i++] = ip;
		if (i == n || step == STEP_LAST)
			return i;
		if (!go_up(&walk, step))
			return 0;
	}
}
