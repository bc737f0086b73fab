/*
 * What places to hold and to lose things have in common: the thread that uses them, random numbers,
 * blocks, and structures of blocks.
 */
#ifndef PROP_LEAKS_BUILD_H
#define PROP_LEAKS_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "stand.h"

#define STACK_WORDS 8
#define STRUCTURE_MOST 16

/* A thread that will stand, as it lies on its stack, of which only what is above will count. */
struct standing {
	_Alignas(16) uint64_t seed;
	bool is_main;
	bool is_careless;   /* its stack is memory that is scanned as a whole: it loses nothing */
	bool has_alternate; /* it will stand in a signal handler */
	void *volatile stack[STACK_WORDS];
	struct hidden alternate[STACK_WORDS]; /* goes to the stack of the signal handler */
	struct registers registers;
};

extern struct log *shared;
extern bool is_own; /* the allocator is plat's */

uint64_t draw(uint64_t *seed);
size_t draw_below(uint64_t *seed, size_t n);

/* A structure of blocks, and where each begins. It must lie on a stack that ends above it. */
struct structure {
	void *blocks[STRUCTURE_MOST];
	size_t sizes[STRUCTURE_MOST];
	void *roots[STRUCTURE_MOST]; /* of each: what it is lost with */
	size_t n;
	void *entry; /* who has this has all */
	bool is_cycle;
	const char *name;
};

/* Blocks of one shape or another; `is_single`: one, of `least` bytes or more. */
void structure_make(struct structure *structure, uint64_t *seed);
void structure_make_single(struct structure *structure, size_t least, uint64_t *seed);

/* Notes all of it as `state`; `kind` may be NULL, for the structure's name. */
void structure_note(const struct structure *structure, enum note_state state, const char *kind);
void note_block(const volatile void *p, size_t size, enum note_state state, const char *kind);

/* A block of that size, full of bytes that are no pointer; NULL never. */
void *block_make(size_t size, uint64_t *seed);
void block_fill(void *p, size_t size);

/* So that the compiler cannot know what becomes of it. */
static inline void *forget(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

/*
 * A place to hold something in. False: there is no room in it, or it is not to be had here.
 */
struct place {
	const char *name;
	bool (*put)(struct standing *standing, struct structure *structure);
	size_t single; /* it takes one block only, of so many bytes or more */
	bool is_early; /* the C library allocates for it: before anything is lost */
	bool is_main;  /* only before there are other threads */
	enum note_state state;
};

extern const struct place hold_places[], lose_places[];
extern const size_t nhold_places, nlose_places;

/* Lets the C library allocate what it may; before all else. */
void hold_init(const char *library);
/* The place that is always there. */
void hold_in_bss(void *p);
/* Threads that hold something, and are gone. */
void lose_with_threads(uint64_t *seed);

#endif
