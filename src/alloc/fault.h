/* What the allocator says when a program has misused it. */
#ifndef PLAT_ALLOC_FAULT_H
#define PLAT_ALLOC_FAULT_H

#include <stddef.h>
#include <stdint.h>

struct slab;

enum fault {
	FAULT_DOUBLE_FREE,
	FAULT_INVALID_FREE,
	FAULT_INVALID_POINTER,
	FAULT_OVERFLOW,
	FAULT_UNDERFLOW,
	FAULT_WRITE_AFTER_FREE,
	FAULT_WRONG_SIZE,
	FAULT_WRONG_ALIGNMENT,
	FAULT_MISMATCHED_FREE,
	FAULT_USE_AFTER_FREE,
	FAULT_PAST_END,
	FAULT_OVERLAP,
	NFAULTS
};

/*
 * One line to stderr, and abort; or only the line, or nothing, as PLAT_ON_ERROR says. `size` is
 * the block's, or SIZE_MAX if it is not known; `block` is where it begins, if not at p.
 */
void plat__fault(enum fault fault, const void *p, size_t size, const void *block);

/* What a function was about to do to bytes of the program: its words at the end of the line. */
struct access {
	const char *by;	  /* the function */
	const char *role; /* what the block at fault is to it: "source of ", or "" */
	const void *to, *from;
	size_t bytes;
};

/* The same; block: NULL where the fault is in no block. */
void plat__fault_access(enum fault fault, const void *p, size_t size, const void *block,
			const struct access *access);
/* Only the line: the program ends anyway. */
void plat__fault_tell(enum fault fault, const void *p, size_t size, const void *block);

/* How many there were. */
extern size_t plat__nfaults;
size_t plat__fault_count(void);

#endif
