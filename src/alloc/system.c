#define _GNU_SOURCE 1 /* mremap's flags */
#include "alloc/system.h"

#include "alloc/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
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
unsigned plat__page_shift = 12;

static size_t nreturned;

void plat__system_init(void)
{
	size_t bytes = getauxval(AT_PAGESZ);

	if (bytes < 4096 || bytes > 65536 || (bytes & (bytes - 1)) != 0)
		return;
	plat__page_bytes = bytes;
	plat__page_shift = (unsigned)__builtin_ctzll(bytes);
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

int plat__system_huge(uintptr_t start, size_t bytes, bool is_on)
{
	int saved = errno;

	return answer(syscall(SYS_madvise, start, bytes, is_on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE),
		      saved);
}

int plat__system_populate(uintptr_t start, size_t bytes)
{
	int saved = errno;

	return answer(syscall(SYS_madvise, start, bytes, MADV_POPULATE_WRITE), saved);
}

/*
 * Documentation/admin-guide/mm/pagemap.rst: 64 bits a page, the highest is set if it is there. Not
 * by mincore(), for which filters of system calls end programs: to open a file they refuse.
 */
int plat__system_resident(uintptr_t start, size_t bytes, unsigned char *ret)
{
	uint64_t pages[64];
	size_t i = 0, n = bytes / plat__page_bytes, first = start / plat__page_bytes, k;
	int saved = errno,
	    fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && i < n) {
		size_t wanted = n - i < 64 ? n - i : 64;
		long got = syscall(SYS_pread64, fd, pages, wanted * sizeof(*pages),
				   (first + i) * sizeof(*pages), 0L);

		if (got != (long)(wanted * sizeof(*pages)))
			break;
		for (k = 0; k < wanted; k++)
			ret[i++] = (unsigned char)(pages[k] >> 63);
	}
	if (fd >= 0)
		syscall(SYS_close, fd);
	errno = saved;
	return i == n ? 0 : -ENODATA;
}

/* The one in brackets is in force: "always [madvise] never". */
enum system_huge plat__system_huge_way(void)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	char text[32] = "";
	int saved = errno, fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (syscall(SYS_read, fd, text, sizeof(text) - 1) < 1)
			text[0] = '\0';
		syscall(SYS_close, fd);
	}
	errno = saved;
	if (text[0] == '[')
		return SYSTEM_HUGE_ALWAYS;
	return strstr(text, "[madvise]") ? SYSTEM_HUGE_ASKED : SYSTEM_HUGE_NEVER;
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

int plat__system_protect(uintptr_t start, size_t bytes, bool is_on)
{
	int saved = errno, rights = is_on ? PROT_NONE : PROT_READ | PROT_WRITE;

	return answer(syscall(SYS_mprotect, start, bytes, rights), saved);
}

/*
 * Linux kernel/signal.c rt_sigprocmask: the set is copied in before `how` is looked at, and this
 * one there is none of. It is a call that nobody forbids.
 */
bool plat__system_is_readable(uintptr_t at)
{
	int saved = errno;

	return answer(syscall(SYS_rt_sigprocmask, -1, at, NULL, sizeof(uint64_t)), saved) !=
	       -EFAULT;
}

bool plat__system_is_mapped(uintptr_t start, size_t bytes)
{
	int saved = errno;

	return answer(syscall(SYS_madvise, start, bytes, MADV_NORMAL), saved) != -ENOMEM;
}

bool plat__system_blocks_signals(void)
{
	uint64_t blocked = 0;
	int saved = errno;

	return answer(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, sizeof(blocked)),
		      saved) < 0 ||
	       blocked != 0;
}

/* --- /proc/self/maps --- */

struct maps {
	int fd;
	size_t at, end;
	char text[256];
};

static int next_char(struct maps *maps)
{
	if (maps->at == maps->end) {
		long n = syscall(SYS_read, maps->fd, maps->text, sizeof(maps->text));

		if (n <= 0)
			return -1;
		maps->at = 0;
		maps->end = (size_t)n;
	}
	return maps->text[maps->at++];
}

/* Up to the first character that is no digit; that one is gone too. */
static uintptr_t next_number(struct maps *maps)
{
	uintptr_t number = 0;

	for (;;) {
		int c = next_char(maps);

		if (c >= '0' && c <= '9')
			number = number * 16 + (uintptr_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			number = number * 16 + (uintptr_t)(c - 'a' + 10);
		else
			return number;
	}
}

static void skip_word(struct maps *maps)
{
	int c;

	do
		c = next_char(maps);
	while (c > ' ');
}

/* What follows the last slash of the rest of the line. */
static void read_name(struct maps *maps, char *name, size_t size)
{
	size_t n = 0;
	int c;

	while ((c = next_char(maps)) >= 0 && c != '\n') {
		if (c == '/')
			n = 0;
		else if (n + 1 < size && (n > 0 || c != ' '))
			name[n++] = (char)c;
	}
	name[n] = '\0';
}

/* start-end rights offset device inode   path */
static bool find_module(struct maps *maps, uintptr_t address, struct code_module *ret)
{
	uintptr_t start, end, offset;

	do {
		start = next_number(maps);
		end = next_number(maps);
		skip_word(maps);
		offset = next_number(maps);
		skip_word(maps);
		skip_word(maps);
		read_name(maps, ret->name, sizeof(ret->name));
		if (end == 0)
			return false;
	} while (address < start || address >= end);
	ret->offset = address - start + offset;
	return ret->name[0] != '\0';
}

bool plat__system_module(uintptr_t address, struct code_module *ret)
{
	int saved = errno;
	struct maps maps = {
		.fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC),
	};
	bool is_found = false;

	if (maps.fd >= 0) {
		is_found = find_module(&maps, address, ret);
		syscall(SYS_close, maps.fd);
	}
	errno = saved;
	return is_found;
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
