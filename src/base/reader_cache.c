#include "base/reader_cache.h"

#include <string.h>

static int hold(struct reader_cache *cache, plat_addr page, const unsigned char **ret)
{
	size_t i = (size_t)(page / READER_CACHE_BYTES % READER_CACHE_PAGES);
	int r = 0;

	if (!cache->pages[i].is_held || cache->pages[i].at != page) {
		cache->pages[i].is_held = false;
		r = reader_read(cache->from, page, cache->pages[i].bytes, READER_CACHE_BYTES);
		cache->pages[i].is_held = r == 0;
		cache->pages[i].at = page;
	}
	*ret = cache->pages[i].bytes;
	return r;
}

static int read_cached(struct reader *reader, plat_addr from, void *to, size_t size)
{
	struct reader_cache *cache = (struct reader_cache *)reader; /* its first member */
	const unsigned char *bytes;
	char *out = to;

	if (add_capped(from, size) > ADDR_MAX - READER_CACHE_BYTES)
		return reader_read(cache->from, from, to, size);
	while (size) {
		plat_addr page = align_down(from, READER_CACHE_BYTES);
		size_t part = (size_t)min_u64(size, page + READER_CACHE_BYTES - from);
		int r = hold(cache, page, &bytes);

		/* The page may not be whole where a test's array ends. */
		if (r < 0)
			return reader_read(cache->from, from, out, size);
		memcpy(out, bytes + (from - page), part);
		out += part;
		from += part;
		size -= part;
	}
	return 0;
}

void reader_cache_init(struct reader_cache *cache, struct reader *from)
{
	size_t i;

	cache->reader = (struct reader){.read = read_cached};
	cache->from = from;
	for (i = 0; i < READER_CACHE_PAGES; i++)
		cache->pages[i].is_held = false;
}
