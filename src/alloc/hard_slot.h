/*
 * What a slot looks like in hard mode: the body, which is all zeros while it is free, and behind it
 * the zone, which nobody may ever write to. For hard.c and its short ways.
 */
#ifndef PLAT_ALLOC_HARD_SLOT_H
#define PLAT_ALLOC_HARD_SLOT_H

#include "alloc/map.h"
#include "alloc/meta.h"
#include "alloc/options.h"
#include "alloc/slab.h"

#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && ZONE_BYTES == 6,
	      "a zone is what is left of a slot's last word without its lowest two bytes");

typedef uint64_t word __attribute__((may_alias));
typedef uint32_t quarter __attribute__((may_alias));
typedef uint16_t half __attribute__((may_alias));
typedef uint64_t pair __attribute__((vector_size(16), may_alias));
typedef uint64_t loose __attribute__((vector_size(16), may_alias, aligned(1)));

/* Pairs are looked at and cleared four at a time; the last four of a slot may be met twice. */
#define FOUR (4 * sizeof(pair))
/* From here on memset is faster. */
#define LONG_BODY 512

static inline pair four_pairs(const char *at)
{
	const pair *here = (const pair *)at;

	return here[0] | here[1] | here[2] | here[3];
}

/* The address and the length are multiples of 16. */
static inline pair any_of(const char *at, size_t bytes)
{
	pair sum = {0, 0};
	size_t i;

	if (bytes >= FOUR) {
		for (i = 0; i < bytes - FOUR; i += FOUR)
			sum |= four_pairs(at + i);
		return sum | four_pairs(at + bytes - FOUR);
	}
	if (bytes > 0)
		sum = *(const pair *)at | *(const pair *)(at + (bytes / 2 & -sizeof(pair))) |
		      *(const pair *)(at + bytes - sizeof(pair));
	return sum;
}

/* 0: all of a slot but its zone, which begins in its last word, is zero. */
static inline uint64_t body_damage(const char *p, size_t stride)
{
	const word *last = (const word *)(p + stride - SLOT_GRAIN);
	pair sum = any_of(p, stride - SLOT_GRAIN);

	return sum[0] | sum[1] | last[0] | last[1] << (ZONE_BYTES * 8);
}

static inline void clear_four(char *at)
{
	pair *here = (pair *)at;

	here[0] = here[1] = here[2] = here[3] = (pair){0, 0};
	__asm__ volatile("" : : : "memory"); /* a call of memset would take longer */
}

/* So many bytes are zero then, and perhaps some behind them, up to `room`; multiples of 16. */
static inline void clear_pairs(char *at, size_t bytes, size_t room)
{
	size_t i;

	if (room >= FOUR) {
		for (i = 0; i + FOUR < bytes; i += FOUR)
			clear_four(at + i);
		clear_four(at + (i < room - FOUR ? i : room - FOUR));
	} else if (room > 0) {
		*(pair *)at = (pair){0, 0};
		*(pair *)(at + (room / 2 & -sizeof(pair))) = (pair){0, 0};
		*(pair *)(at + room - sizeof(pair)) = (pair){0, 0};
	}
}

/* The rest of the slot, which is a small one, is zero but for this many bytes. */
static inline void clear_small_body(char *p, size_t bytes, size_t stride)
{
	word *last = (word *)(p + stride - SLOT_GRAIN);
	size_t room = stride - SLOT_GRAIN;

	clear_pairs(p, bytes < room ? (bytes + SLOT_GRAIN - 1) & ~(size_t)(SLOT_GRAIN - 1) : room,
		    room);
	last[0] = 0;
	*(half *)(last + 1) = 0;
}

/* The same of any slot. */
static inline void clear_body(char *p, size_t bytes, size_t stride)
{
	if (bytes > LONG_BODY)
		memset(p, 0, bytes < stride - ZONE_BYTES ? bytes : stride - ZONE_BYTES);
	else
		clear_small_body(p, bytes, stride);
}

static inline uint64_t zone_at(const char *end)
{
	return ((const word *)end)[-1] >> 16;
}

static inline uint64_t zone_key(void)
{
	return plat__options.random >> 16;
}

/* The first bytes of the word belong to a block. The last four of the zone come first. */
static inline void set_zone(char *end)
{
	uint64_t key = plat__options.random;

	__atomic_store_n((quarter *)end - 1, (uint32_t)(key >> 32), __ATOMIC_RELEASE);
	__atomic_store_n((half *)end - 3, (uint16_t)(key >> 16), __ATOMIC_RELEASE);
}

/* Whoever wrote it was interrupted, and has not come back. */
static inline bool is_zone_begun(const char *end)
{
	return zone_at(end) == (zone_key() & ~(uint64_t)UINT16_MAX);
}

/* Zeros: no block has ever begun there, or the page was dropped since. */
static inline bool is_zone_or_zero(const char *end)
{
	return zone_at(end) == zone_key() || zone_at(end) == 0;
}

/* Of the last bytes of a free slot's body, so many as an underflow reaches first: 0, if all are. */
static inline uint64_t end_of(const char *end)
{
	const word *at = (const word *)end;

	return at[-4] | at[-3] | at[-2] | (half)at[-1];
}

/* The same of the first bytes. */
static inline uint64_t begin_of(const char *p)
{
	const word *at = (const word *)p;

	return at[0] | at[1] | at[2];
}

/* Where blocks end may be any address. */
static inline uint64_t loose_word(const char *at)
{
	uint64_t ret;

	memcpy(&ret, at, sizeof(ret));
	return ret;
}

/* Four pairs at any address. */
static inline uint64_t any_of_loose(const char *at)
{
	const loose *here = (const loose *)at;
	loose sum = here[0] | here[1] | here[2] | here[3];

	return sum[0] | sum[1];
}

/*
 * From the end of the block to the zone: the canary, and zeros. What belongs to others is shifted
 * out of the words that are read. 0, if all is as it was.
 */
static inline uint64_t tail_damage(const char *at, const char *end, uint16_t canary)
{
	ptrdiff_t left = end - at - 8;
	uint64_t sum = loose_word(at) ^ canary;

	if (left < 0)
		return sum << (-left * 8);
	at += 8;
	for (; left >= (ptrdiff_t)FOUR; left -= FOUR, at += FOUR)
		sum |= any_of_loose(at);
	for (; left >= 8; left -= 8, at += 8)
		sum |= loose_word(at);
	return left ? sum | loose_word(end - 8) >> (64 - left * 8) : sum;
}

/* Tags of so many bytes take whole lines. */
static inline size_t tag_lines(size_t bytes)
{
	return (bytes + META_LINE - 1) & ~(size_t)(META_LINE - 1);
}

/* Who made a slot's block, see enum kind: a byte behind the tags. A free slot's is KIND_MALLOC. */
static inline uint8_t *slot_kind(struct slab *slab, uint32_t slot)
{
	return slab->tags + tag_lines(slab->nslots * (slab->kind == SLAB_WIDE ? 2 : 1)) + slot;
}

/* The same of a small slot, from its tag. */
static inline uint8_t *small_kind(const struct slab *slab, uint8_t *tag)
{
	return tag + tag_lines(slab->nslots);
}

/* Where p is a slot's start in a hard slab; false: plat__find has to look. */
static inline bool find_hard(const void *p, struct slab **ret, uint32_t *slot)
{
	struct slab *slab = near_slab(p);
	uint64_t at = slab_slot_at(slab, (uintptr_t)p);

	*ret = slab;
	*slot = (uint32_t)at;
	return slab->is_hard && at < slab->nslots;
}

#endif
