/*
 * Where the heap that brk(2) grows ends, and how far it can go. Nothing here moves the break: it is
 * malloc's, and who moves it behind malloc's back breaks that.
 */
#ifndef PLAT_BRK_H
#define PLAT_BRK_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What stops the break first. */
enum plat_brk_stop {
	PLAT_BRK_MAPPING = 1,	   /* the next mapping, and the page that is kept free below it */
	PLAT_BRK_DATA = 2,	   /* RLIMIT_DATA */
	PLAT_BRK_ADDRESS_SPACE = 3 /* RLIMIT_AS */
};

struct plat_brk {
	void *start; /* of the heap: where the break was when the program began */
	void *end;   /* the break */
	void *limit; /* the highest it can be set to */
	size_t left; /* limit - end */
	void *next;  /* the next mapping above; NULL: there is none */
	int stop;    /* of enum plat_brk_stop: why no further; 0: nothing that is known */
};

/*
 * Fills *ret, of which the caller knows `size` bytes: sizeof(*ret).
 *
 * The limit is what the kernel's rules say now, to the byte. Others may map memory there at any
 * time, and what no file tells is not in it: that memory is overcommitted (vm.overcommit_memory 2),
 * that a control group is full, or that all future memory is locked.
 *
 * -ENOENT and the like: there is no /proc. Safe in signal handlers.
 */
int plat_brk(struct plat_brk *ret, size_t size);

#ifdef __cplusplus
}
#endif

#endif
