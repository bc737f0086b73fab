#include "locks.h"

#include "check.h"

#include <plat/usage.h>

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

size_t locked_now(void)
{
	struct plat_usage usage;

	check(plat_usage(&usage, sizeof(usage)) == 0);
	return usage.locked;
}

/* A sanitizer makes nothing of locks, and says that they are there. */
void needs_locks(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED);
	if (mlock(p, page) < 0)
		skip("nothing can be locked here");
	if (locked_now() == 0)
		skip("a sanitizer locks nothing");
	check(munmap(p, page) == 0);
}

void be_limited_to(size_t bytes)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	needs_locks();
	check(plat_limit_set(RLIMIT_MEMLOCK, bytes) == 0);
	check(syscall(SYS_capget, &header, sets) == 0);
	sets[0].effective &= ~(UINT32_C(1) << CAP_IPC_LOCK);
	check(syscall(SYS_capset, &header, sets) == 0);
}
