#define _GNU_SOURCE 1 /* mremap's flags */
#include "alloc/system.h"

#include "alloc/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#define MADV_GUARD_REMOVE 103
#endif

#ifdef SYS_mmap2
#define CALL_MMAP SYS_mmap2
#else
#define CALL_MMAP SYS_mmap
#endif

#ifdef SYS_fcntl64
#define CALL_FCNTL SYS_fcntl64
#else
#define CALL_FCNTL SYS_fcntl
#endif

size_t plat__page_bytes = 4096;

static size_t nreturned;

void plat__system_init(void)
{
	size_t bytes = getauxval(AT_PAGESZ);

	if (bytes >= 4096 && bytes <= 65536 && (bytes & (bytes - 1)) == 0)
		plat__page_bytes = bytes;
}

/* What syscall() left in errno is the answer; the caller's errno stays. */
static int answer(long result, int saved)
{
	int r = result == -1 ? -errno : 0;

	errno = saved;
	return r;
}

int plat__system_map(size_t bytes, uintptr_t *ret)
{
	int saved = errno;
	long result = syscall(CALL_MMAP, NULL, bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r = answer(result, saved);

	if (r == 0)
		*ret = (uintptr_t)result;
	return r;
}

int plat__system_unmap(uintptr_t start, size_t bytes)
{
	int saved = errno, r = answer(syscall(SYS_munmap, start, bytes), saved);

	fetch_add(&nreturned, r == 0);
	return r;
}

int plat__system_remap(uintptr_t start, size_t bytes, size_t wanted, uintptr_t target)
{
	int saved = errno, flags = target ? MREMAP_MAYMOVE | MREMAP_FIXED : 0;

	return answer(syscall(SYS_mremap, start, bytes, wanted, flags, target), saved);
}

int plat__system_fence(uintptr_t start, size_t bytes)
{
	int saved = errno;

	return answer(syscall(CALL_MMAP, start, bytes, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0),
		      saved);
}

int plat__system_drop(uintptr_t start, size_t bytes)
{
	int saved = errno, r = answer(syscall(SYS_madvise, start, bytes, MADV_DONTNEED), saved);

	fetch_add(&nreturned, r == 0);
	return r;
}

size_t plat__system_nreturned(void)
{
	return load_relaxed(&nreturned);
}

/* Guards of the kernel's own split no mapping; before Linux 6.13 there are none. */
int plat__system_guard(uintptr_t start, size_t bytes)
{
	int saved = errno;

	return answer(syscall(SYS_madvise, start, bytes, MADV_GUARD_INSTALL), saved);
}

int plat__system_unguard(uintptr_t start, size_t bytes)
{
	int saved = errno;

	return answer(syscall(SYS_madvise, start, bytes, MADV_GUARD_REMOVE), saved);
}

void plat__system_write(int fd, const char *text, size_t length)
{
	int saved = errno;

	while (length > 0) {
		long n = syscall(SYS_write, fd, text, length);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		text += n;
		length -= (size_t)n;
	}
	errno = saved;
}

void plat__system_yield(void)
{
	int saved = errno;

	answer(syscall(SYS_sched_yield), saved);
}

int plat__system_open(const char *path)
{
	int saved = errno;
	long result = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	int r = answer(result, saved);

	return r < 0 ? r : (int)result;
}

void plat__system_close(int fd)
{
	int saved = errno;

	answer(syscall(SYS_close, fd), saved);
}

/* Only memory has seals: to map anything else might do something. */
int plat__system_share(int fd, size_t bytes, uintptr_t *ret)
{
	int saved = errno, r = answer(syscall(CALL_FCNTL, fd, F_GET_SEALS), saved);
	long result;

	if (r < 0)
		return r;
	result = syscall(CALL_MMAP, NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	r = answer(result, saved);
	if (r == 0)
		*ret = (uintptr_t)result;
	return r;
}

int plat__system_pid(void)
{
	return (int)syscall(SYS_getpid);
}
