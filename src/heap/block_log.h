/*
 * Blocks put aside, in few bytes each: a process that stands still must go on before anything is
 * written, since who reads it may be that process.
 *
 *     | address - last | before | size | extent - size | class | arena | state, is_requested |
 *       a varint each: seven bits a byte, the eighth says that more follow
 */
#ifndef HEAP_BLOCK_LOG_H
#define HEAP_BLOCK_LOG_H

#include "heap/heap.h"

struct block_log {
	unsigned char *bytes;
	size_t size, room;
	plat_addr last; /* address that was added last */
};

int block_log_add(struct block_log *log, const struct block *block) MUST_CHECK;
void block_log_fini(struct block_log *log);

/* One after the other: `at` is 0 at first. False: there is no more. */
struct block_log_reader {
	const struct block_log *log;
	size_t at;
	plat_addr last;
};

bool block_log_next(struct block_log_reader *reader, struct block *ret);

#endif
