/* What the page cache has of a file: by cachestat, or by mincore of a mapping made for that. */
#include "../include/plat/residency.h"
#include "base/compiler.h"
#include "mem/pages.h"
#include "mem/result.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Linux 6.5 include/uapi/linux/mman.h, newer than the headers we build with; the number is the same
 * on all processors but Alpha. */
#define CACHESTAT 451

struct cachestat_range {
	uint64_t offset, length;
};

struct cachestat {
	uint64_t cache, dirty, writeback, evicted, recently_evicted;
};

/* Mapped at a time, which 32 bits can have; a multiple of every page. */
#define WINDOW ((uint64_t)64 << 20)
#define AT_A_TIME 4096

static int ask_kernel(int fd, uint64_t offset, uint64_t size, struct plat_cached *ret)
{
	struct cachestat_range range = {offset, size};
	uint64_t page = plat__page_size();
	struct cachestat stat;

	if (syscall(CACHESTAT, fd, &range, &stat, 0) < 0)
		return -errno;
	*ret = (struct plat_cached){stat.cache * page, stat.dirty * page, stat.writeback * page,
				    stat.evicted * page, stat.recently_evicted * page};
	return 0;
}

/* To others mincore says that everything is cached; Linux 5.2 mm/mincore.c can_do_mincore */
static bool may_know(int fd, const struct stat *file)
{
	char path[40];

	if (file->st_uid == geteuid() || geteuid() == 0)
		return true;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static int count_pages(const unsigned char *start, size_t size, uint64_t *cached)
{
	size_t page = plat__page_size(), n = (size + page - 1) / page, done, part, i;
	unsigned char states[AT_A_TIME];

	for (done = 0; done < n; done += part) {
		part = n - done < AT_A_TIME ? n - done : AT_A_TIME;
		if (mincore((void *)(start + done * page), part * page, states) < 0)
			return -errno;
		for (i = 0; i < part; i++)
			*cached += states[i] & 1 ? page : 0;
	}
	return 0;
}

static int map_and_count(int fd, uint64_t offset, size_t size, uint64_t *cached)
{
	void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	int r;

	if (p == MAP_FAILED)
		return -errno;
	r = count_pages(p, size, cached);
	munmap(p, size);
	return r;
}

static int count_by_mapping(int fd, uint64_t offset, uint64_t end, uint64_t *cached)
{
	uint64_t at = offset & ~(uint64_t)(plat__page_size() - 1);

	*cached = 0;
	while (at < end) {
		uint64_t size = end - at < WINDOW ? end - at : WINDOW;
		int r = map_and_count(fd, at, (size_t)size, cached);

		if (r < 0)
			return r;
		at += size;
	}
	return 0;
}

static int ask_mincore(int fd, const struct stat *file, uint64_t offset, uint64_t end,
		       struct plat_cached *ret)
{
	uint64_t cached;
	int r;

	if (!may_know(fd, file))
		return -EPERM;
	r = count_by_mapping(fd, offset, end, &cached);
	if (r < 0)
		return r;
	*ret = (struct plat_cached){cached, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	return 0;
}

/* The part that is asked for, up to the end of the file if it has one. */
static int end_of(const struct stat *file, uint64_t offset, uint64_t size, uint64_t *ret)
{
	uint64_t end;

	if (__builtin_add_overflow(offset, size, &end) || end > INT64_MAX)
		return -EINVAL;
	if (S_ISREG(file->st_mode) && (size == 0 || end > (uint64_t)file->st_size))
		end = (uint64_t)file->st_size;
	else if (size == 0)
		return -EINVAL;
	*ret = end > offset ? end : offset;
	return 0;
}

static int look(int fd, uint64_t offset, uint64_t size, struct plat_cached *ret)
{
	struct stat file;
	uint64_t end;
	int r;

	if (fstat(fd, &file) < 0)
		return -errno;
	if (!S_ISREG(file.st_mode) && !S_ISBLK(file.st_mode))
		return -ENODEV;
	r = end_of(&file, offset, size, &end);
	if (r < 0)
		return r;
	if (end == offset) {
		*ret = (struct plat_cached){0};
		return 0;
	}
	r = ask_kernel(fd, offset, end - offset, ret);
	return r == -ENOSYS ? ask_mincore(fd, &file, offset, end, ret) : r;
}

int plat_cached(int fd, uint64_t offset, uint64_t size, struct plat_cached *ret, size_t ret_size)
{
	struct plat_cached cached;
	int before = errno, r = look(fd, offset, size, &cached);

	errno = before;
	if (r < 0)
		return r;
	plat__answer(ret, ret_size, &cached, sizeof(cached), PLAT__NOT_KNOWN);
	return 0;
}
