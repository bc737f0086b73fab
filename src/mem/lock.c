/*
 * mlock says ENOMEM for a limit that is reached, for memory that is not mapped, and for pages that
 * cannot be had. Which it was is found out afterwards, so that nobody pays for it who is served:
 * what can be locked on fault can be locked, and was refused for its pages.
 */
#include "../include/plat/lock.h"
#include "../include/plat/protect.h"
#include "../include/plat/usage.h"
#include "mem/pages.h"
#include "mem/result.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* mlock2 and its flag, Linux 4.4; not every C library has them. */
#define ON_FAULT 1
#define ALL_ON_FAULT 4

/* capget(2); not every C library comes with the kernel's headers. */
#define CAPABILITY_VERSION_3 0x20080522
#define CAP_IPC_LOCK 14

struct capability_header {
	uint32_t version;
	int pid; /* 0: our own */
};

struct capability_sets {
	uint32_t effective, permitted, inheritable;
};

/* The user namespace that a machine starts with has this inode; Linux
 * include/linux/proc_ns.h PROC_USER_INIT_INO. */
#define FIRST_USER_NAMESPACE 0xeffffffdu

/* --- what is left --- */

/*
 * The kernel asks for CAP_IPC_LOCK in the first user namespace: of one that is root only in a
 * container it thinks nothing.
 */
static bool is_above_the_limit(void)
{
	struct capability_header header = {.version = CAPABILITY_VERSION_3};
	struct capability_sets sets[2];
	struct stat namespace;

	if (syscall(SYS_capget, &header, sets) < 0 ||
	    !(sets[0].effective & (UINT32_C(1) << CAP_IPC_LOCK)))
		return false;
	return stat("/proc/self/ns/user", &namespace) < 0 ||
	       namespace.st_ino == FIRST_USER_NAMESPACE;
}

int plat_lock_left(size_t *ret)
{
	struct plat_limit limit;
	int before = errno, r;
	bool is_free;

	r = plat_limit_get(RLIMIT_MEMLOCK, &limit);
	if (r < 0)
		return r;
	is_free = limit.soft == SIZE_MAX || is_above_the_limit();
	errno = before;
	if (is_free)
		limit.left = SIZE_MAX;
	else if (limit.left == PLAT_UNKNOWN)
		return -ENOENT;
	else
		limit.left &= ~(plat__page_size() - 1);
	*ret = limit.left;
	return 0;
}

/* --- ranges --- */

static int lock_range(const struct plat__range *range, unsigned flags)
{
	void *start = (void *)range->start;
	size_t size = range->end - range->start;

	if (flags == 0)
		return mlock(start, size) < 0 ? -errno : 0;
	return syscall(SYS_mlock2, start, size, flags) < 0 ? -errno : 0;
}

static bool is_mapped(const struct plat__range *range)
{
	return plat_rights_get((void *)range->start, range->end - range->start, NULL, 0) != -ENOMEM;
}

/* What -ENOMEM means. */
static int why_not(const struct plat__range *range)
{
	if (!is_mapped(range))
		return -ENOMEM;
	switch (lock_range(range, ON_FAULT)) {
	case 0:
		return -EFAULT;
	case -ENOMEM:
		return -EDQUOT;
	default:
		return -ENOMEM; /* before Linux 4.4 nobody can tell */
	}
}

static int lock(const void *p, size_t size, unsigned flags)
{
	struct plat__range range;
	int before = errno, r = plat__pages_around(p, size, &range);

	if (r < 0)
		return r;
	r = lock_range(&range, flags);
	if (r == -ENOMEM)
		r = why_not(&range);
	return plat__result(before, r);
}

int plat_lock(const void *p, size_t size)
{
	return lock(p, size, 0);
}

int plat_lock_on_fault(const void *p, size_t size)
{
	return lock(p, size, ON_FAULT);
}

int plat_unlock(const void *p, size_t size)
{
	struct plat__range range;
	int before = errno, r = plat__pages_around(p, size, &range);

	if (r < 0)
		return r;
	if (munlock((void *)range.start, range.end - range.start) < 0)
		r = -errno;
	return plat__result(before, r);
}

/* --- everything --- */

static int lock_all(int what)
{
	int flags = (what & PLAT_LOCK_NOW ? MCL_CURRENT : 0) |
		    (what & PLAT_LOCK_FUTURE ? MCL_FUTURE : 0) |
		    (what & PLAT_LOCK_ON_FAULT ? ALL_ON_FAULT : 0);

	if (mlockall(flags) == 0)
		return 0;
	if (errno == ENOMEM)
		return -EDQUOT;
	return errno == EINVAL ? -ENOSYS : -errno;
}

int plat_lock_all(int what)
{
	int before = errno, r;

	if (what & ~(PLAT_LOCK_NOW | PLAT_LOCK_FUTURE | PLAT_LOCK_ON_FAULT) ||
	    !(what & (PLAT_LOCK_NOW | PLAT_LOCK_FUTURE)))
		return -EINVAL;
	r = lock_all(what);
	return plat__result(before, r);
}

int plat_unlock_all(void)
{
	int before = errno, r = munlockall() < 0 ? -errno : 0;

	return plat__result(before, r);
}
