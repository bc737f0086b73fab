/*
 * What a guarded block leaves of its pages, in front of it and behind. It is filled with what
 * nobody would write there, and looked at when the block is freed; of the blocks that were guarded
 * last, what lies next to them also when another one is made, for many are never freed.
 *
 *     | guard | rest, block, rest | guard |      behind there is only what alignment needs
 */
#ifndef PLAT_ALLOC_GUARD_REST_H
#define PLAT_ALLOC_GUARD_REST_H

#include "alloc/fault.h"
#include "alloc/state.h"

#include <stdbool.h>

/* The pages are there; the block begins at slab->base. */
void plat__guard_fill(const struct slab *slab, size_t bytes);
/* What was written beside the block, on its own pages; NFAULTS: nothing. */
enum fault plat__guard_damage(const struct slab *slab, size_t bytes);

/* The block has been made: from now on it is among those that are looked at. */
void plat__guard_remember(struct slab *slab);
/* Looks at the last ones, and says so if something was written. */
void plat__guard_look(void);
/* The slab says that it is free: waits until nobody looks at it. false: somebody still does. */
bool plat__guard_is_let_alone(const struct slab *slab);

#endif
