/*
 * Granules in a row, from chunks.
 *
 * A chunk is an aligned window of 4 MiB. Of each granule it knows by a bit whether it is taken; a
 * granule that the source never lent counts as taken. Free granules whose pages may be resident
 * are dirty: they are handed out first, and when they are more than the budget, their pages go
 * back to the kernel. Everything is one compare-and-exchange on one word: there is no lock that a
 * fork, a signal or a thread's death could leave taken.
 */
#ifndef PLAT_ALLOC_GRANULES_H
#define PLAT_ALLOC_GRANULES_H

#include "alloc/state.h"

#include <stdbool.h>

/* *pages gets a bit for each page of the first 64 pages that may be resident, so not be zero. */
int plat__granules_take(size_t n, uintptr_t *ret, uint64_t *pages);

/* What is liked of granules that a slab is made of. */
struct liking {
	unsigned pages; /* resident ones: so many are likely to be used */
	uintptr_t home; /* where the last slab of this kind was; 0: nowhere */
};

/*
 * The same where possible: those of home, or others with about so many resident pages, or with none
 * at all if that is nearer, unless there is plenty of resident ones. If classes that use little of
 * their slabs took what others have left full, and the other way round, all would be full in the
 * end.
 */
int plat__granules_take_like(size_t n, struct liking like, uintptr_t *ret, uint64_t *pages);

/* Of those that are free now: nothing grows. */
int plat__granules_take_free(size_t n, uintptr_t *ret, uint64_t *pages);

/* There are free granules with resident pages: the next ones taken cost no memory. */
bool plat__granules_have_dirty(void);

/* pages as above; for more than 64 pages, all count as resident unless it is 0. */
void plat__granules_give(uintptr_t base, size_t n, uint64_t pages);

/* The n granules that follow the taken ones before `end`, if they are free. */
bool plat__granules_extend(uintptr_t end, size_t n);

/* The one at this address is of huge pages. */
bool plat__granules_are_huge(uintptr_t at);

/*
 * A block that will be full begins with the granule at base: what of it can be of huge pages shall
 * be, and the rest is made resident. Whether anything can be. *teller: as plat__huge_ask()'s.
 */
bool plat__granules_ask_huge(uintptr_t base, size_t bytes, uint32_t *teller);

/* That block is about to keep only so many of its n granules. */
void plat__granules_decline_huge(uintptr_t base, size_t n, size_t kept);

/* Drops free pages until no more than `keep` bytes of them may be resident; true if any went. */
bool plat__granules_purge(size_t keep);

/* Gives the end of the heap back beyond `pad` bytes of free room; true if something went. */
bool plat__granules_trim(size_t pad);

/* Gives back all that can be, at the price of time. */
bool plat__granules_return(void);

struct granule_sums {
	size_t taken; /* bytes */
	size_t free;
	size_t dirty;
};

struct granule_sums plat__granules_sums(void);

/* Bytes of free pages that may stay resident, in granules and inside of slabs. */
size_t plat__granules_budget(void);
/* So many bytes that had been dropped are needed again: the budget was too small. */
void plat__granules_regret(size_t bytes);

#endif
