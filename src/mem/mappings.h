/* The mappings of our own process, one after the other. */
#ifndef MEM_MAPPINGS_H
#define MEM_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plat__mapping {
	uintptr_t start, end;
	int rights;    /* of enum plat_right, without PLAT_RIGHT_WRITE_EXEC */
	bool is_stack; /* the main thread's, which grows */
};

struct plat__mappings {
	int fd;
	bool is_text; /* the kernel cannot be asked for single addresses, so that lines are read */
	char text[1024];
	size_t at, length;
};

/* 0, or why /proc/self/maps cannot be opened. */
int plat__mappings_open(struct plat__mappings *mappings);
void plat__mappings_close(struct plat__mappings *mappings);

/*
 * The mapping that holds the address, or the first one behind it. Addresses have to rise from call
 * to call. -ENOENT: nothing is mapped from there on.
 */
int plat__mappings_next(struct plat__mappings *mappings, uintptr_t address,
			struct plat__mapping *ret);

#endif
