/*
 * How an arena gives out memory, by its mode. Each mode knows the piece that the arena is in, from
 * `at` to `piece_end`, and nothing of marks and of other pieces.
 */
#ifndef MEM_SCRATCH_H
#define MEM_SCRATCH_H

#include "../include/plat/scratch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAT__SCRATCH_ALIGNMENT ((size_t)16)
#define PLAT__SCRATCH_HEAD ((size_t)64) /* what is known of a piece, at its start */
#define PLAT__SCRATCH_FIRST ((size_t)64 * 1024)

enum plat__scratch_mode {
	PLAT__SCRATCH_NOTHING,	/* gives nothing, and is never changed: many threads may share it */
	PLAT__SCRATCH_PLAIN,	/* one behind the other */
	PLAT__SCRATCH_POISONED, /* the same, with gaps, and AddressSanitizer knows what is taken */
	PLAT__SCRATCH_CLOSED,	/* pages of their own, which are closed when they are given back */
};

/* What an arena is made in from now on. */
enum plat__scratch_mode plat__scratch_mode(void);

/* The pages of a piece in which so many bytes can be taken; 0: there is no such size. */
size_t plat__scratch_need(enum plat__scratch_mode mode, size_t size, size_t alignment);

/* As large as a piece would be if nobody had to save. */
size_t plat__scratch_wish(enum plat__scratch_mode mode);

/* Pages for a piece, in which the first `head` bytes can be written; NULL: there are none. */
char *plat__scratch_map(enum plat__scratch_mode mode, size_t size, size_t head);
void plat__scratch_unmap(enum plat__scratch_mode mode, char *p, size_t size);
/* The arena needs this memory no more, which is somebody else's. */
void plat__scratch_open(enum plat__scratch_mode mode, char *from, char *to);

/* The arena is in this piece from now on, of which nothing is taken. */
void plat__scratch_enter_piece(struct plat_scratch *scratch, char *start, char *end);

/* Where an arena is in a piece, of which it has taken what is before `at`. */
struct plat__scratch_place {
	char *start, *at, *fresh, *end;
};
void plat__scratch_return_to_piece(struct plat_scratch *scratch,
				   const struct plat__scratch_place *place);

/* From here on nobody has used the piece, or it may be used again. */
char *plat__scratch_unused(const struct plat_scratch *scratch);

/* Memory of the piece; NULL: it does not fit, or, in pages of its own, cannot be had. */
void *plat__scratch_cut(struct plat_scratch *scratch, size_t size, size_t alignment);

/* What was taken behind `to` is given back. */
void plat__scratch_give_back(struct plat_scratch *scratch, char *to);

/*
 * The calling thread's own is hidden from plat_scratch_mine while it is busy. hide: false: this was
 * not its own, or hidden already; show: it was its own.
 */
bool plat__scratch_hide_own(const struct plat_scratch *scratch);
void plat__scratch_show_own(struct plat_scratch *scratch);

static inline uintptr_t plat__scratch_up(uintptr_t p, size_t alignment)
{
	return (p + alignment - 1) & ~(uintptr_t)(alignment - 1);
}

#endif
