/*
 * The kernel's side of the allocator's logic: libc's own calls, which a sanitizer follows, and a
 * break in a stretch of addresses of its own.
 */
#include "logic.h"

#include "alloc/malloc.h"
#include "alloc/outside.h"
#include "alloc/system.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BREAK_BYTES ((size_t)1 << 30)

size_t plat__page_bytes = 4096;
unsigned plat__page_shift = 12;

static _Atomic(unsigned) until_failure, nfaults;
static _Atomic(size_t) nreturned;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char *stretch, *now;

void logic_fail_at(unsigned n)
{
	until_failure = n;
}

void logic_page(size_t bytes)
{
	plat__page_bytes = bytes;
	plat__page_shift = (unsigned)__builtin_ctzl(bytes);
}

unsigned logic_faults(void)
{
	return nfaults;
}

static bool must_fail(void)
{
	unsigned seen = until_failure;

	while (seen && !atomic_compare_exchange_weak(&until_failure, &seen, seen - 1))
		;
	return seen == 1;
}

/* A kernel with larger pages would refuse it. */
static void must_be_whole(uintptr_t start)
{
	if (start & (plat__page_bytes - 1))
		abort();
}

static size_t whole(size_t bytes)
{
	return (bytes + plat__page_bytes - 1) & ~(plat__page_bytes - 1);
}

void plat__system_init(void)
{
}

int plat__system_map(size_t bytes, uintptr_t *ret)
{
	int saved = errno;
	size_t more = plat__page_bytes - (size_t)sysconf(_SC_PAGESIZE), rest;
	void *p;

	bytes = whole(bytes);
	p = must_fail() ? MAP_FAILED
			: mmap(NULL, bytes + more, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	errno = saved;
	if (p == MAP_FAILED)
		return -ENOMEM;
	*ret = whole((uintptr_t)p);
	rest = more - (*ret - (uintptr_t)p);
	if (*ret != (uintptr_t)p)
		munmap(p, *ret - (uintptr_t)p);
	if (rest)
		munmap((void *)(*ret + bytes), rest);
	return 0;
}

static int result(int r, int saved)
{
	int error = errno;

	errno = saved;
	return r == 0 ? 0 : -error;
}

int plat__system_unmap(uintptr_t start, size_t bytes)
{
	int saved = errno;

	nreturned++;
	must_be_whole(start);
	return result(munmap((void *)start, whole(bytes)), saved);
}

int plat__system_remap(uintptr_t start, size_t bytes, size_t wanted, uintptr_t target)
{
	int saved = errno;
	void *p;

	must_be_whole(start);
	must_be_whole(target);
	bytes = whole(bytes);
	wanted = whole(wanted);
	if (wanted > bytes && must_fail())
		return -ENOMEM;
	p = target ? mremap((void *)start, bytes, wanted, MREMAP_MAYMOVE | MREMAP_FIXED,
			    (void *)target)
		   : mremap((void *)start, bytes, wanted, 0);
	return result(p == MAP_FAILED, saved);
}

int plat__system_fence(uintptr_t start, size_t bytes)
{
	int saved = errno;

	must_be_whole(start);
	return result(mmap((void *)start, whole(bytes), PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			   0) == MAP_FAILED,
		      saved);
}

int plat__system_drop(uintptr_t start, size_t bytes)
{
	int saved = errno;

	nreturned++;
	must_be_whole(start);
	return result(madvise((void *)start, whole(bytes), MADV_DONTNEED), saved);
}

int plat__system_huge(uintptr_t start, size_t bytes, bool is_on)
{
	(void)start;
	(void)bytes;
	(void)is_on;
	return 0;
}

int plat__system_populate(uintptr_t start, size_t bytes)
{
	(void)start;
	(void)bytes;
	return 0;
}

enum system_huge plat__system_huge_way(void)
{
	return SYSTEM_HUGE_ALWAYS;
}

int plat__system_resident(uintptr_t start, size_t bytes, unsigned char *ret)
{
	(void)start;
	(void)bytes;
	(void)ret;
	return -ENOSYS;
}

bool plat__system_is_mapped(uintptr_t start, size_t bytes)
{
	return madvise((void *)start, whole(bytes), MADV_NORMAL) == 0;
}

size_t plat__system_nreturned(void)
{
	return nreturned;
}

int plat__system_guard(uintptr_t start, size_t bytes)
{
	(void)start;
	(void)bytes;
	return -EINVAL;
}

int plat__system_unguard(uintptr_t start, size_t bytes)
{
	return plat__system_guard(start, bytes);
}

int plat__system_protect(uintptr_t start, size_t bytes, bool is_on)
{
	int saved = errno;

	must_be_whole(start);
	return result(
		mprotect((void *)start, whole(bytes), is_on ? PROT_NONE : PROT_READ | PROT_WRITE),
		saved);
}

void plat__system_yield(void)
{
	sched_yield();
}

void plat__report_fault(void)
{
	nfaults++;
}

static void make_stretch(void)
{
	void *p = mmap(NULL, BREAK_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	stretch = now = p;
}

/* One thread at a time, as libc's. */
void *logic_sbrk(intptr_t bytes);

void *logic_sbrk(intptr_t bytes)
{
	char *before;

	pthread_once(&once, make_stretch);
	before = now;
	if (bytes == 0)
		return before;
	if ((bytes > 0 && must_fail()) || bytes > stretch + BREAK_BYTES - now ||
	    bytes < stretch - now) {
		errno = ENOMEM;
		return (void *)-1;
	}
	now += bytes;
	/* What comes back later reads as zeros. */
	if (bytes < 0)
		madvise(now, (size_t)-bytes, MADV_DONTNEED);
	return before;
}
