#include "source/cache.h"

#include "base/list.h"
#include "source/files.h"
#include "source/snapshot.h"
#include "source/snapshot_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

#define CACHE_ANSWER_MOST (UINT64_C(1) << 20) /* bytes: 65536 runs */
#define NOT_OPENED(r)                                                                              \
	((r) == -EACCES || (r) == -EPERM ? "the file may not be opened: not permitted"             \
					 : "the file cannot be reached by its name")

#define ANSWER_NAME_SIZE 48

static const char *answer_name(const struct file *file, char to[ANSWER_NAME_SIZE])
{
	snprintf(to, ANSWER_NAME_SIZE, "%u:%u:%" PRIu64, file->major, file->minor, file->inode);
	return to;
}

/* What was written down when the snapshot was taken. */
static int open_noted(const struct procdir *dir, const struct space *space,
		      const struct region *region, struct cache *ret, const char **why)
{
	struct snapshot_cache head;
	char name[ANSWER_NAME_SIZE], *bytes;
	size_t size;
	int r = snapshot_answer(dir->snapshot, ANSWER_CACHE,
				answer_name(region_file(space, region), name), CACHE_ANSWER_MOST,
				&bytes, &size);

	if (r < 0) {
		*why = r == -ENODATA || r == -EIO ? "the snapshot does not say it" : NOT_OPENED(r);
		return r;
	}
	if (size < sizeof(head) || (size - sizeof(head)) % sizeof(*ret->runs)) {
		free(bytes);
		*why = "the snapshot does not say it";
		return -EIO;
	}
	memcpy(&head, bytes, sizeof(head));
	memmove(bytes, bytes + sizeof(head), size - sizeof(head));
	*ret = (struct cache){
		.fd = -1,
		.page_size = space->machine.page_size,
		.file_size = head.file_bytes,
		.runs = (struct snapshot_cached *)(void *)bytes,
		.nruns = (size - sizeof(head)) / sizeof(*ret->runs),
	};
	return 0;
}

int cache_open(const struct procdir *dir, const struct space *space, const struct region *region,
	       struct cache *ret, const char **why)
{
	struct cache cache = {.page_size = space->machine.page_size};
	struct stat st;

	if (dir->snapshot)
		return open_noted(dir, space, region, ret, why);
	if (!dir->live) {
		*why = dir->core ? "a core does not say what the page cache held"
				 : "a captured tree has no page cache";
		return -ENOENT;
	}
	cache.fd = files_open(dir, space, region);
	if (cache.fd < 0) {
		*why = NOT_OPENED(cache.fd);
		return cache.fd;
	}
	if (fstat(cache.fd, &st) == 0)
		cache.file_size = (uint64_t)st.st_size;
	*ret = cache;
	return 0;
}

void cache_close(struct cache *cache)
{
	if (cache->fd >= 0)
		close(cache->fd);
	free(cache->runs);
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

static uint64_t count_noted(const struct cache *cache, uint64_t offset, uint64_t npages)
{
	uint64_t end = add_capped(offset, npages * cache->page_size), sum = 0;
	size_t i;

	for (i = 0; i < cache->nruns; i++) {
		uint64_t start = cache->runs[i].offset, size;

		if (!__builtin_mul_overflow(cache->runs[i].npages, cache->page_size, &size))
			sum += overlap(start, add_capped(start, size), offset, end) /
			       cache->page_size;
	}
	return min_u64(sum, npages);
}

/* Counts cached pages; `offset` is that of a page. */
static int count_pages(struct cache *cache, uint64_t offset, uint64_t npages, uint64_t *ret,
		       const char **why)
{
	struct range range = {offset, npages * cache->page_size};
	struct counts counts = {0};

	if (cache->runs) {
		*ret = count_noted(cache, offset, npages);
		return 0;
	}
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

/*
 * Writing down. What is neither cached as a whole nor not at all is halved, until it is.
 */

#define ASKED_MOST 4096 /* times, of one file */

struct noting {
	struct cache *cache;
	struct snapshot_cached *runs;
	size_t nruns, room;
	unsigned asked;
};

static int add_run(struct noting *noting, uint64_t offset, uint64_t npages)
{
	struct snapshot_cached *last = noting->nruns ? &noting->runs[noting->nruns - 1] : NULL;
	int r;

	if (last && last->offset + last->npages * noting->cache->page_size == offset) {
		last->npages += npages;
		return 0;
	}
	r = list_reserve(&noting->runs, &noting->room, noting->nruns, 1);
	if (r == 0)
		noting->runs[noting->nruns++] = (struct snapshot_cached){offset, npages};
	return r;
}

/* As deep as a number has bits. */
static int note_pages(struct noting *noting, uint64_t offset, uint64_t npages)
{
	const char *why;
	uint64_t half = npages / 2, n = 0;
	int r;

	if (npages == 0)
		return 0;
	if (noting->asked++ == ASKED_MOST)
		return -EFBIG;
	r = count_pages(noting->cache, offset, npages, &n, &why);
	if (r < 0 || n == 0)
		return r;
	if (n == npages)
		return add_run(noting, offset, npages);
	r = note_pages(noting, offset, half);
	if (r < 0)
		return r;
	return note_pages(noting, offset + half * noting->cache->page_size, npages - half);
}

int cache_note(const struct procdir *dir, const struct space *space, const struct region *region)
{
	struct cache cache = CACHE_CLOSED;
	struct noting noting = {.cache = &cache};
	struct snapshot_cache head = {0};
	const char *why;
	char name[ANSWER_NAME_SIZE];
	int r = cache_open(dir, space, region, &cache, &why);

	answer_name(region_file(space, region), name);
	if (r < 0) {
		snapshot_put_answer(dir->answers, ANSWER_CACHE, name, r, NULL, 0);
		return 0;
	}
	head.file_bytes = cache.file_size;
	r = note_pages(&noting, 0, align_up(cache.file_size, cache.page_size) / cache.page_size);
	if (r == 0) {
		snapshot_begin_answer(dir->answers, ANSWER_CACHE, name);
		snapshot_put_bytes(dir->answers, &head, sizeof(head));
		snapshot_put_bytes(dir->answers, noting.runs, noting.nruns * sizeof(*noting.runs));
		snapshot_end_answer(dir->answers, 0);
	}
	free(noting.runs);
	cache_close(&cache);
	return r == -ENOMEM ? r : 0;
}
