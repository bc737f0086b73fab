/*
 * Locked memory: pages that stay in memory, and never go to swap.
 *
 * The kernel locks whole pages, and does not count: who unlocks a page unlocks it for everybody who
 * has locked it, also for who has locked another object in the same page. Locks end by unmapping,
 * exec and exit, and are not inherited by the child of a fork. They do not keep pages out of cores,
 * nor out of what the machine writes to disk when it hibernates; plat/secret.h does the former.
 *
 * How much may be locked is RLIMIT_MEMLOCK, unless the process may lock whatever it wants
 * (CAP_IPC_LOCK).
 */
#ifndef PLAT_LOCK_H
#define PLAT_LOCK_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How many more bytes can be locked, in whole pages; SIZE_MAX: as many as there are, since there is
 * no limit, or the process is above it. -ENOENT and the like: there is a limit, and no /proc that
 * could tell what is used of it.
 */
int plat_lock_left(size_t *ret);

/*
 * Locks the pages that hold these bytes, after having brought them into memory.
 *
 * -EDQUOT: it is more than is left of RLIMIT_MEMLOCK; nothing has changed. What is locked already
 *	is not counted twice.
 * -EPERM: RLIMIT_MEMLOCK is 0: nothing at all may be locked.
 * -ENOMEM: a part is not mapped, and what lies before it is locked. Or the kernel cannot have so
 *	many mappings, vm.max_map_count: a lock cuts a mapping.
 * -EFAULT: some pages cannot be had: nobody may access them, or their file ends before. The others
 *	are locked, and these will be once they are touched.
 *	Before Linux 4.4 it is -ENOMEM, as is -EDQUOT.
 * -EAGAIN: there is not enough memory for some pages; as with -EFAULT.
 * -EINVAL: no bytes, or they wrap around.
 */
int plat_lock(const void *p, size_t size);

/*
 * The same, but pages are brought into memory by nobody: each is locked when it is touched. The
 * limit counts all of them at once. -ENOSYS: Linux before 4.4.
 */
int plat_lock_on_fault(const void *p, size_t size);

/* The pages that hold these bytes are not locked any more. -ENOMEM: a part is not mapped; what lies
 * before it is unlocked. -EINVAL as above. */
int plat_unlock(const void *p, size_t size);

/* What plat_lock_all locks: one of the first two at least. */
enum plat_lock_all {
	PLAT_LOCK_NOW = 1,     /* all that is mapped */
	PLAT_LOCK_FUTURE = 2,  /* all that will be mapped, stacks as they grow, and the heap */
	PLAT_LOCK_ON_FAULT = 4 /* each page when it is touched, Linux 4.4 */
};

/*
 * Without FUTURE an earlier FUTURE ends. While it lasts, mmap fails by EAGAIN when what is mapped
 * exceeds the limit, brk fails, malloc with them, and a stack that cannot grow is SIGSEGV.
 *
 * -EDQUOT: all that is mapped is more than RLIMIT_MEMLOCK; nothing has changed. -EPERM as above.
 * -EINVAL: neither NOW nor FUTURE, or what is not known. -ENOSYS: ON_FAULT before Linux 4.4.
 */
int plat_lock_all(int what);

/* Nothing is locked any more, and nothing will be. */
int plat_unlock_all(void);

#ifdef __cplusplus
}
#endif

#endif
