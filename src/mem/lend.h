/* What maps ask of the kernel: memory for an entry of the ledger, more of it, less of it. */
#ifndef MEM_LEND_H
#define MEM_LEND_H

#include "mem/ledger.h"

/* Rounded up to a multiple of `unit`, a power of two; false if there is no such number. */
bool plat__round_up(size_t size, size_t unit, size_t *ret);

/* The first mapping, of entry->offset and so on; of no size there is none. */
int plat__lend(struct plat__entry *entry, size_t size);

/* Another size: 1 if data is elsewhere now. `stays`: it must not move. */
int plat__lend_again(struct plat__entry *entry, size_t size, bool stays);

/* Nothing is mapped any more. */
int plat__give_back(struct plat__entry *entry);

/* Huge pages for an entry with no mapping yet, or -1; mmap's errno. See huge.c. */
int plat__lend_huge(struct plat__entry *entry, size_t size);

#endif
