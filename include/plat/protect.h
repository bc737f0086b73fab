/*
 * Who may read, write and execute which pages; and ranges in which any access faults.
 *
 * Rights hold for whole pages, and for all threads. A range here has to be whole pages: rounding it
 * would take rights from neighbours that nobody has named. plat_pages_around tells which pages hold
 * an object.
 */
#ifndef PLAT_PROTECT_H
#define PLAT_PROTECT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum plat_right {
	PLAT_RIGHT_NONE = 0,
	PLAT_RIGHT_READ = 1,
	PLAT_RIGHT_WRITE = 2,
	PLAT_RIGHT_EXEC = 4,
	/*
	 * Both of them at once are asked for by this one besides, so that nobody gets there by
	 * accident. Rights that are told have it where a page can be written to and executed.
	 */
	PLAT_RIGHT_WRITE_EXEC = 8
};

/* A part of a range, all of which has the same rights. */
struct plat_rights {
	void *start;
	size_t size;
	int rights; /* of enum plat_right */
};

/* The pages that hold `size` bytes at p: where they start, and their size. -EINVAL: no bytes, or
 * they wrap around. */
int plat_pages_around(const void *p, size_t size, void **start, size_t *pages_size);

/*
 * Gives the pages these rights, and tells in *old those that they had.
 *
 * With `old` the range is looked at first, and nothing is changed unless one number can tell it
 * all: -ENOTUNIQ, where parts of it have different rights (plat_rights_get has them all); -ENOMEM,
 * where a part is not mapped. With NULL nobody looks: what lies before a part that is not mapped
 * has changed, when the answer is -ENOMEM.
 *
 * -EINVAL: these are no whole pages, no rights, or more than one may want: WRITE and EXEC without
 * WRITE_EXEC. -EACCES: the file behind the mapping, or a policy of the system, does not allow it.
 * -EPERM: the mapping is sealed, mseal(2). -ENOMEM, too: it would be one mapping more than
 * vm.max_map_count, or RLIMIT_DATA is reached by what becomes writable.
 *
 * Another thread may change rights between the look and the change. Safe in signal handlers.
 */
int plat_protect(void *start, size_t size, int rights, int *old);

/*
 * The rights of a range, part by part in the order of addresses: writes as many as there are, at
 * most n, and returns how many there are. -ENOMEM: a part is not mapped. -EINVAL as above.
 *
 * It is what /proc/self/maps says, by one call of the kernel for each mapping since Linux 6.11.
 * Guards of plat_guard_add are not in it: they are below the rights.
 */
int plat_rights_get(const void *start, size_t size, struct plat_rights *ret, size_t n);

/* Gives each part the rights that it says, as plat_protect does; stops at the first error. */
int plat_rights_set(const struct plat_rights *parts, size_t n);

/* How a guard is made. */
enum plat_guard {
	PLAT_GUARD_PAGES = 1, /* MADV_GUARD_INSTALL, Linux 6.13; of files and shared memory 6.15 */
	PLAT_GUARD_RIGHTS = 2 /* all rights are taken away: it is a mapping of its own */
};

/*
 * From now on every access to these pages faults (SIGSEGV), and a system call that is given them
 * fails by -EFAULT. Returns which of enum plat_guard it is. A guard in the pages costs no mapping
 * and stays through plat_protect, MADV_DONTNEED and fork; where the kernel does not know it, or the
 * pages are locked, the rights are taken away instead.
 *
 * What stood in the pages is lost, or not: do not count on either.
 *
 * -EINVAL: no whole pages. -ENOMEM: a part is not mapped, and what is may have become a guard; or
 * vm.max_map_count is reached.
 */
int plat_guard_add(void *start, size_t size);

/*
 * The pages are no guard any more, whichever it was, and have these rights, as plat_protect gives
 * them. It does no harm where no guard is. Where the rights are refused, the guard stays.
 */
int plat_guard_remove(void *start, size_t size, int rights);

#ifdef __cplusplus
}
#endif

#endif
