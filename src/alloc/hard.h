/*
 * Hard mode: more is looked at, for some time. A freed block is all zeros and waits before it is
 * handed out again; whoever writes into it, or beside a live one, is found at the latest when the
 * slot is needed. Placement is random, and a block remembers which function made it.
 *
 * Every call takes the long way. What a slot looks like is drawn in state.h. Slabs that were cut
 * before the environment was known stay as they were.
 */
#ifndef PLAT_ALLOC_HARD_H
#define PLAT_ALLOC_HARD_H

#include "alloc/fault.h"
#include "alloc/options.h"
#include "alloc/slab.h"

#include <stdbool.h>

struct found;

/* Who makes a block, and so who has to free it. */
enum kind { KIND_MALLOC, KIND_NEW, KIND_NEW_ARRAY };

/* The slots of this line get ready to be handed out, for the first time. */
void plat__hard_prepare(struct slab *slab, uint32_t line);
/* Pages are about to go, and with them what was written into free slots. Nobody hands out slots. */
void plat__hard_look(const struct slab *slab);

/* fit has room for a zone too; the block is zero. NULL: there is no memory. */
void *plat__hard_malloc(struct heap *heap, struct fit fit, size_t bytes);
/* The same for most blocks, from an open window of this thread; NULL: plat__hard_malloc may do. */
void *plat__hard_malloc_quick(size_t bytes);
/* A live block in a hard slab, of which hard_damage has found nothing. */
void plat__hard_free(void *p, const struct found *found);
/*
 * The same for most blocks, from what near_slab() says of the address; plat__free_checked gets the
 * others.
 */
void plat__hard_free_quick(void *p, struct slab *slab, uint64_t slot);
/* Within its slot; false: it does not fit there, or the slot would be far too large. */
bool plat__hard_resize(const struct found *found, size_t bytes);
/* What was written where the block is not; NFAULTS: nothing. *ret: another block that it is about.
 */
enum fault plat__hard_damage(const struct found *found, const void **ret);

/* The same in few steps; false: plat__hard_damage says more. */
bool plat__hard_is_sound(const struct slab *slab, uint32_t slot, const char *p, size_t size);

/* Freed slots have waited long enough: all of the slab, or those of one line. */
void plat__hard_end_wait(struct slab *slab);
void plat__hard_end_wait_in(struct slab *slab, uint32_t line);

void plat__kind_set(void *p, enum kind kind);
void plat__kind_check(void *p, enum kind kind);
/* The same, for a block that has been found. */
void plat__kind_check_found(const struct found *found, enum kind kind);

/* p is a new block, or NULL. */
static inline void plat__set_kind(void *p, enum kind kind)
{
	if (__builtin_expect(plat__options.is_long, 0))
		plat__kind_set(p, kind);
}

/*
 * p is about to go to plat__free. A fault if it is a live block of another kind; what is no block
 * is for plat__free to tell.
 */
static inline void plat__check_kind(void *p, enum kind kind)
{
	if (__builtin_expect(plat__options.is_long, 0))
		plat__kind_check(p, kind);
}

#endif
