#include "source/cache.h"

#include "source/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 6.5 include/uapi/linux/mman.h, newer than the headers we build with. */
#ifndef SYS_cachestat
#define SYS_cachestat 451 /* on every architecture */
#endif

struct range {
	uint64_t offset, size;
};

struct counts {
	uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

#define MINCORE_PAGES (64 * 1024)	 /* asked at once */
#define MINCORE_MOST (UINT64_C(1) << 40) /* bytes: the kernel looks up every page of the range */

bool cache_has_file(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	return file && file->name[0] == '/' && file->type != FILE_DEVICE &&
	       file->type != FILE_SPECIAL;
}

int cache_open(const struct procdir *dir, const struct space *space, const struct region *region,
	       struct cache *ret, const char **why)
{
	struct cache cache = {.page_size = space->machine.page_size};
	struct stat st;

	if (!dir->live) {
		*why = dir->core ? "a core does not say what the page cache held"
				 : "a captured tree has no page cache";
		return -ENOENT;
	}
	cache.fd = files_open(dir, space, region);
	if (cache.fd == -EACCES || cache.fd == -EPERM)
		*why = "the file may not be opened: not permitted";
	else if (cache.fd < 0)
		*why = "the file cannot be reached by its name";
	if (cache.fd < 0)
		return cache.fd;
	if (fstat(cache.fd, &st) == 0)
		cache.file_size = (uint64_t)st.st_size;
	*ret = cache;
	return 0;
}

void cache_close(struct cache *cache)
{
	if (cache->fd >= 0)
		close(cache->fd);
	*cache = CACHE_CLOSED;
}

/*
 * Since Linux 5.2 mincore calls all pages of other people's files cached (mm/mincore.c,
 * can_do_mincore): ask only where the answer is true.
 */
static bool mincore_tells(const struct cache *cache)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", cache->fd);
	return (fstat(cache->fd, &st) == 0 && st.st_uid == geteuid()) ||
	       faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static int count_chunk(const struct cache *cache, uint64_t offset, size_t npages, uint64_t *ret)
{
	static unsigned char present[MINCORE_PAGES];
	size_t size = npages * cache->page_size, i;
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, cache->fd, (off_t)offset);
	int r = 0;

	if (map == MAP_FAILED)
		return -errno;
	if (mincore(map, size, present) < 0)
		r = -errno;
	munmap(map, size);
	for (i = 0; r == 0 && i < npages; i++)
		*ret += present[i] & 1;
	return r;
}

static int count_by_mincore(const struct cache *cache, uint64_t offset, uint64_t npages,
			    uint64_t *ret, const char **why)
{
	uint64_t left = sub_floored(align_up(cache->file_size, cache->page_size), offset);
	int r = 0;

	npages = min_u64(npages, left / cache->page_size);
	*ret = 0;
	*why = "mincore tells only of files that one owns or may write";
	if (!mincore_tells(cache))
		return -EPERM;
	*why = "too large to ask mincore page by page";
	if (npages > MINCORE_MOST / cache->page_size)
		return -EFBIG;
	while (r == 0 && npages) {
		size_t n = (size_t)min_u64(npages, MINCORE_PAGES);

		r = count_chunk(cache, offset, n, ret);
		offset += n * cache->page_size;
		npages -= n;
	}
	*why = r < 0 ? "its file system has no page cache to ask" : NULL;
	return r;
}

/* Counts cached pages; `offset` is that of a page. */
static int count_pages(struct cache *cache, uint64_t offset, uint64_t npages, uint64_t *ret,
		       const char **why)
{
	struct range range = {offset, npages * cache->page_size};
	struct counts counts = {0};

	if (!cache->by_mincore && syscall(SYS_cachestat, cache->fd, &range, &counts, 0) == 0) {
		*ret = min_u64(counts.cached, npages);
		return 0;
	}
	cache->by_mincore = true;
	return count_by_mincore(cache, offset, npages, ret, why);
}

/* Counts the part [start, end) of one page, or whole pages. */
static int add_bytes(struct cache *cache, uint64_t start, uint64_t end, uint64_t *sum,
		     const char **why)
{
	uint64_t page = cache->page_size, first = align_down(start, page), n;
	int r;

	if (start >= end)
		return 0;
	r = count_pages(cache, first, (align_up(end, page) - first) / page, &n, why);
	if (r < 0)
		return r;
	*sum += min_u64(n * page, end - start);
	return 0;
}

int cache_bytes(struct cache *cache, uint64_t offset, uint64_t size, uint64_t *ret,
		const char **why)
{
	uint64_t page = cache->page_size, end, low, high;
	int r;

	*ret = 0;
	*why = "its offset is beyond any file";
	if (__builtin_add_overflow(offset, size, &end) || end > INT64_MAX - page)
		return -EOVERFLOW;
	/* Regions are cut to the byte: the first and the last page count by their bytes. */
	low = min_u64(align_up(offset, page), end);
	high = max_u64(align_down(end, page), low);
	r = add_bytes(cache, offset, low, ret, why);
	if (r == 0)
		r = add_bytes(cache, low, high, ret, why);
	if (r == 0)
		r = add_bytes(cache, high, end, ret, why);
	return r;
}
