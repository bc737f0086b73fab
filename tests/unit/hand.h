/*
 * Spaces made by hand, one thing after another. Mappings come in order of their addresses. That
 * there is memory for it all is asserted: these are not for tests in which allocations fail.
 */
#ifndef UNIT_HAND_H
#define UNIT_HAND_H

#include "space/space.h"

#define USER_END                                                                                   \
	UINT64_C(0x7ffffffff000) /* of a 64-bit process with four levels of page tables            \
				  */
#define INODE 77		 /* of files that add_mapping() names */

/* An empty space of a sleeping 64-bit process 4711, called town. */
void begin_town(struct space *space);

/* A mapping that is one region of this kind, without a file. */
struct region *add_region(struct space *space, plat_addr start, plat_addr end, enum kind kind,
			  unsigned rights);

/* A mapping that has no kind yet. `name` is as in maps; NULL is anonymous memory. */
struct region *add_mapping(struct space *space, plat_addr start, plat_addr end, unsigned rights,
			   const char *name);

/* The index of a file of device 8:1. */
uint32_t add_file(struct space *space, const char *name, uint64_t inode);

/* A module without segments, whose ELF header is at `header`. */
struct module *add_module(struct space *space, plat_addr header, enum module_role role,
			  uint32_t file);

/* A thread of which nothing but its name is known. */
struct thread *add_thread(struct space *space, int tid, const char *name);

#endif
