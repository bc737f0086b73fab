/*
 * What is mapped, as the library knows it. A caller's struct plat_map carries a token: the number
 * of an entry, and which of its lives is meant. Entries are never given back to the kernel, so that
 * the oldest token can still be looked at.
 *
 *	state	0 free -> 1 open -> 2 closing -> 0 of the next life
 *
 * There is no lock: an entry belongs to whoever has moved it to its next state. So a fork may
 * happen at any time, and a signal handler may come in between.
 */
#ifndef MEM_LEDGER_H
#define MEM_LEDGER_H

#include "../include/plat/map.h"

#include <stdbool.h>

/*
 *	base          data                       data + size
 *	|    lead     | what the caller asked for |     |  base + mapped
 *
 * Always: base is NULL, and mapped 0, if and only if size is 0.
 */
struct plat__entry {
	uint32_t life; /* times four, and the state */
	uint32_t number;
	int fd;		/* of the file; -1: none was kept */
	int flags;	/* plat_map_flags */
	int protection; /* as mmap has it */
	int sharing;	/* MAP_SHARED or MAP_PRIVATE */
	enum plat_huge huge;
	bool is_file;
	bool is_shm, is_temporary; /* shared memory with a name; see shm.c */
	size_t unit;		   /* what it is mapped in: the size of a page, or of a huge one */
	size_t asked; /* the window that was asked for, PLAT_MAP_ALL to follow the file */
	char *base;   /* what the kernel has given */
	size_t mapped;
	char *data;
	size_t size;
	uint64_t offset; /* of data in the file */
};

/* A new one, without anything mapped; -ENOMEM. */
int plat__entry_new(struct plat__entry **ret);

/* Its life ends; all tokens of it are void. It is in state open or closing. */
void plat__entry_free(struct plat__entry *entry);

/* Whose map this is; NULL if that was closed, or is not as it was told. */
struct plat__entry *plat__entry_of(const struct plat_map *map);

/* From here on it is the caller's alone to free or reopen; NULL as above. */
struct plat__entry *plat__entry_close(const struct plat_map *map);
void plat__entry_reopen(struct plat__entry *entry);

/* What the caller is told of it. */
void plat__entry_tell(const struct plat__entry *entry, struct plat_map *ret);

#endif
