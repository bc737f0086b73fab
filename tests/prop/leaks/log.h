/*
 * What a worker that loses blocks has in common with the judge: a list of what it has lost and of
 * what it still holds, in a file that both map. The list must not hold what it lists: no word of
 * it, wherever it begins, is an address.
 */
#ifndef PROP_LEAKS_LOG_H
#define PROP_LEAKS_LOG_H

#include <stddef.h>
#include <stdint.h>

#define LOG_NOTES 8192
#define LOG_KIND_SIZE 24

/* Byte by byte, the lowest first, and beside each a 1. */
struct hidden {
	uint8_t bytes[16];
};

enum note_state {
	NOTE_LOST = 1,
	NOTE_HELD,
	NOTE_FREED, /* unless a later note is of the same address */
	NOTE_HIDDEN /* held in a way that nobody can see who looks at memory */
};

struct note {
	struct hidden address;
	struct hidden root; /* of what is lost: the block that stands for all it was lost with */
	uint32_t size;
	uint8_t state; /* of enum note_state */
	uint8_t is_cycle;
	uint8_t reserved[2];
	char kind[LOG_KIND_SIZE]; /* how, in lower case */
};

struct log {
	uint32_t nthreads; /* that will stand */
	uint32_t ready;	   /* those that are about to stand */
	uint32_t nnotes;
	uint32_t reserved;
	struct note notes[LOG_NOTES];
};

static inline struct hidden hide(const volatile void *p)
{
	struct hidden hidden;
	size_t i;

	for (i = 0; i < 8; i++) {
		hidden.bytes[2 * i] = (uint8_t)((uint64_t)(uintptr_t)p >> (8 * i));
		hidden.bytes[2 * i + 1] = 1;
	}
	return hidden;
}

static inline void *unhide(const struct hidden *hidden)
{
	uint64_t address = 0;
	size_t i;

	for (i = 0; i < 8; i++)
		address |= (uint64_t)hidden->bytes[2 * i] << (8 * i);
	return (void *)(uintptr_t)address;
}

#endif
