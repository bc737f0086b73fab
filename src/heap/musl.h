/*
 * What the readers of musl's two allocators share: numbers of a target's width, the words of its
 * libc, and the budget of what a process that stands still can be in the middle of.
 */
#ifndef HEAP_MUSL_H
#define HEAP_MUSL_H

#include "heap/heap.h"

#include <endian.h>
#include <string.h>

/* A number of 4 or 8 bytes; all processors that musl's heaps are read of are little-endian. */
static inline uint64_t musl_word(const unsigned char *bytes, unsigned width)
{
	uint64_t wide;
	uint32_t narrow;

	if (width == 8) {
		memcpy(&wide, bytes, sizeof(wide));
		return le64toh(wide);
	}
	memcpy(&narrow, bytes, sizeof(narrow));
	return le32toh(narrow);
}

static inline uint32_t musl_u32(const unsigned char *bytes)
{
	return (uint32_t)musl_word(bytes, 4);
}

static inline uint16_t musl_u16(const unsigned char *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/*
 * Goes through the writable memory of the modules that musl's state can lie in: the dynamic linker,
 * which is its libc, or a program that has none. `look` gets each address that is a multiple of
 * `word`, and `size` bytes from there on, which `size_of` tells; it returns 1 when it has found
 * what it looks for.
 */
struct musl_search {
	size_t (*size_of)(unsigned word); /* at most MUSL_SEARCH_MOST */
	int (*look)(struct musl_search *search, plat_addr at, const unsigned char *bytes);
	/* Found. */
	uint32_t module;
	unsigned word; /* bytes of a word: 4 or 8 */
	size_t size;
};

#define MUSL_SEARCH_MOST 2048

/* 0; -ENOENT where it is not there; -ENOMEM. */
int musl_search(const struct space *space, struct reader *reader,
		struct musl_search *search) MUST_CHECK;

/*
 * The 8 bytes at AT_RANDOM + 8, which the kernel gave the program. 0; -ENOENT where there is no
 * vector; or as the reader.
 */
int musl_random(const struct space *space, struct reader *reader, unsigned word,
		uint64_t *ret) MUST_CHECK;

/* So many calls of malloc and free can be under way in the process: one in each thread. */
uint64_t musl_calls_most(const struct space *space);

/* Shows a block of a state that is wanted; shows a range. */
int musl_show_block(const struct heap_visitor *visitor, const struct block *block) MUST_CHECK;
int musl_show_range(const struct heap_visitor *visitor, plat_addr start, plat_addr end) MUST_CHECK;

/* Counts what a call that is under way has not finished; keeps the first one's words. */
void musl_say_call(struct heap_proofs *proofs, plat_addr at, const char *what);

/* Counts a contradiction; keeps the first one's words. */
void musl_say_broken(struct heap_proofs *proofs, plat_addr at, const char *what);

#endif
