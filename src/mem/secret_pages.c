/*
 * The pages of one secret. First the addresses are taken, guards and all, without rights; then the
 * middle becomes memory:
 *
 *	| no rights | no rights ... no rights | no rights |
 *	|   guard   |  hidden, or anonymous   |   guard   |
 *
 * What is hidden is mapped elsewhere, which is where limits are asked, and moved in: a mapping that
 * failed in its place could leave a hole there, for other threads to map something in.
 */
#include "mem/secret_parts.h"

#include "../include/plat/lock.h"
#include "../include/plat/ops.h"
#include "../include/plat/secret.h"
#include "mem/advice.h"
#include "mem/pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Linux 5.14; newer than some headers, and the same number on all processors. */
#define MEMFD_SECRET 447

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17 */
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18 /* Linux 4.14 */
#endif

#define READ_WRITE (PROT_READ | PROT_WRITE)

static unsigned char *region_of(const struct plat__secret *secret)
{
	return secret->pages - plat__page_size();
}

static size_t region_size(const struct plat__secret *secret)
{
	return secret->pages_size + 2 * plat__page_size();
}

/*
 * They have no rights. Where the kernel can mark pages as well, they fault even for who gives them
 * some, and whoever looks at the process sees that they are guards.
 */
static void mark_guards(const struct plat__secret *secret)
{
	(void)plat__advise(region_of(secret), plat__page_size(), PLAT__GUARD_INSTALL);
	(void)plat__advise(secret->pages + secret->pages_size, plat__page_size(),
			   PLAT__GUARD_INSTALL);
}

static int reserve(struct plat__secret *secret)
{
	void *p = mmap(NULL, region_size(secret), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	secret->pages = (unsigned char *)p + plat__page_size();
	mark_guards(secret);
	return 0;
}

/* Not in cores: Linux 3.4 has that, and nothing refuses it. */
static void keep_out_of_cores(struct plat__secret *secret)
{
	if (plat__advise(secret->pages, secret->pages_size, MADV_DONTDUMP) == 0)
		secret->protection |= PLAT_SECRET_IS_NOT_IN_CORES;
}

/* --- hidden --- */

static int move_in(struct plat__secret *secret, void *from)
{
	if (mremap(from, secret->pages_size, secret->pages_size, MREMAP_MAYMOVE | MREMAP_FIXED,
		   secret->pages) == MAP_FAILED) {
		int r = -errno;

		munmap(from, secret->pages_size);
		return r;
	}
	return 0;
}

static int map_hidden(struct plat__secret *secret, int fd)
{
	void *p;

	if (ftruncate(fd, (off_t)secret->pages_size) < 0)
		return -errno;
	p = mmap(NULL, secret->pages_size, READ_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return errno == EAGAIN ? -EDQUOT : -errno;
	if (plat__advise(p, secret->pages_size, MADV_DONTFORK) < 0) {
		munmap(p, secret->pages_size);
		return -EINVAL;
	}
	return move_in(secret, p);
}

static int make_hidden(struct plat__secret *secret)
{
	int fd = (int)syscall(MEMFD_SECRET, O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = map_hidden(secret, fd);
	close(fd);
	if (r < 0)
		return r;
	secret->is_left_out = true;
	secret->protection |= PLAT_SECRET_IS_HIDDEN | PLAT_SECRET_IS_LOCKED;
	keep_out_of_cores(secret);
	return 0;
}

/* --- anonymous --- */

/* Before Linux 4.14 children get no copy, and make pages of zeros themselves. Where that cannot be
 * had either they overwrite their copy. */
static void keep_from_children(struct plat__secret *secret)
{
	if (plat__advise(secret->pages, secret->pages_size, MADV_WIPEONFORK) == 0)
		return;
	if (plat__advise(secret->pages, secret->pages_size, MADV_DONTFORK) == 0)
		secret->is_left_out = true;
	else
		secret->is_copied = true;
}

static int lock_in_memory(struct plat__secret *secret, int flags)
{
	int r = plat_lock(secret->pages, secret->pages_size);

	if (r == 0)
		secret->protection |= PLAT_SECRET_IS_LOCKED;
	else if (flags & PLAT_SECRET_MAY_BE_UNLOCKED)
		r = 0;
	if (r == -EPERM)
		return -EDQUOT; /* a limit of 0 is a limit, too */
	return r == -EAGAIN || r == -EFAULT ? -ENOMEM : r;
}

static int make_anonymous(struct plat__secret *secret, int flags)
{
	if (mprotect(secret->pages, secret->pages_size, READ_WRITE) < 0)
		return -errno;
	keep_out_of_cores(secret);
	/* A process can have asked for pages that are alike to be shared with those of others. */
	madvise(secret->pages, secret->pages_size, MADV_UNMERGEABLE);
	keep_from_children(secret);
	return lock_in_memory(secret, flags);
}

/* --- both --- */

/* Whether what could not be hidden shall be anonymous. */
static bool will_do_anonymous(int r, int flags)
{
	if (flags & PLAT_SECRET_HIDDEN)
		return false;
	return r != -EDQUOT || flags & PLAT_SECRET_MAY_BE_UNLOCKED;
}

static int make_pages(struct plat__secret *secret, int flags)
{
	int r;

	if (flags & PLAT_SECRET_ANONYMOUS)
		return make_anonymous(secret, flags);
	r = make_hidden(secret);
	if (r < 0 && will_do_anonymous(r, flags))
		r = make_anonymous(secret, flags);
	return r;
}

int plat__secret_pages_new(struct plat__secret *secret, int flags)
{
	int r = reserve(secret);

	if (r < 0)
		return r;
	r = make_pages(secret, flags);
	if (r < 0)
		munmap(region_of(secret), region_size(secret));
	return r;
}

void plat__secret_pages_free(struct plat__secret *secret)
{
	size_t page = plat__page_size();

	if (secret->is_gone) {
		munmap(region_of(secret), page);
		munmap(secret->pages + secret->pages_size, page);
		return;
	}
	plat_memzero_explicit(secret->pages, secret->pages_size);
	munmap(region_of(secret), region_size(secret));
}

static int rights_of(const struct plat__secret *secret)
{
	if (secret->writers > 0)
		return READ_WRITE;
	return secret->readers > 0 ? PROT_READ : PROT_NONE;
}

int plat__secret_pages_open(const struct plat__secret *secret)
{
	if (secret->is_gone)
		return -ENOMEM;
	return mprotect(secret->pages, secret->pages_size, rights_of(secret)) < 0 ? -errno : 0;
}

/* By now another handler of the fork may have mapped something there. */
static bool map_zeros(const struct plat__secret *secret)
{
	void *p = mmap(secret->pages, secret->pages_size, rights_of(secret),
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == secret->pages)
		return true;
	if (p != MAP_FAILED)
		munmap(p, secret->pages_size); /* before Linux 4.17 it is a hint */
	return false;
}

static void make_zeros(struct plat__secret *secret)
{
	secret->is_left_out = false;
	secret->is_gone = !map_zeros(secret);
	if (secret->is_gone)
		return;
	keep_out_of_cores(secret);
	keep_from_children(secret); /* this one may write to them, and fork */
}

static void overwrite(struct plat__secret *secret)
{
	if (mprotect(secret->pages, secret->pages_size, READ_WRITE) == 0)
		plat_memzero_explicit(secret->pages, secret->pages_size);
	(void)plat__secret_pages_open(secret);
}

void plat__secret_pages_inherit(struct plat__secret *secret)
{
	secret->protection &= ~(unsigned)(PLAT_SECRET_IS_HIDDEN | PLAT_SECRET_IS_LOCKED);
	secret->protection |= PLAT_SECRET_IS_INHERITED;
	if (secret->is_left_out)
		make_zeros(secret);
	else if (secret->is_copied)
		overwrite(secret);
}
