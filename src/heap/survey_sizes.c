/* Which sizes blocks have: by powers of two, and each size for itself as long as there is room. */
#include "heap/survey_parts.h"

#include <errno.h>
#include <stdlib.h>

#define SIZES_ROOM ((size_t)1 << 16) /* a power of two */
#define SIZES_MOST (SIZES_ROOM / 4 * 3)

static unsigned bucket_of(uint64_t size)
{
	return size < 2 ? (unsigned)0 : 64 - (unsigned)__builtin_clzll(size - 1);
}

static struct survey_size *find_size(struct survey *survey, uint64_t size)
{
	size_t i = (size_t)(size * UINT64_C(0x9e3779b97f4a7c15) >> 48) & (SIZES_ROOM - 1);

	while (survey->sizes[i].blocks && survey->sizes[i].size != size)
		i = (i + 1) & (SIZES_ROOM - 1);
	return &survey->sizes[i];
}

int survey_count_size(struct survey *survey, uint64_t size)
{
	unsigned bucket = bucket_of(size);
	struct survey_size *entry;

	survey->bucket_blocks[bucket]++;
	survey->bucket_bytes[bucket] = add_capped(survey->bucket_bytes[bucket], size);
	if (!survey->sizes)
		survey->sizes = calloc(SIZES_ROOM, sizeof(*survey->sizes));
	if (!survey->sizes)
		return -ENOMEM;
	entry = find_size(survey, size);
	if (!entry->blocks) {
		if (survey->nsizes == SIZES_MOST) {
			survey->uncounted++;
			return 0;
		}
		survey->nsizes++;
		entry->size = size;
	}
	entry->blocks++;
	return 0;
}

static uint64_t bytes_of(const struct survey_size *size)
{
	uint64_t bytes;

	return __builtin_mul_overflow(size->size, size->blocks, &bytes) ? UINT64_MAX : bytes;
}

static int by_bytes(const void *a, const void *b)
{
	const struct survey_size *x = a, *y = b;
	uint64_t p = bytes_of(x), q = bytes_of(y);

	if (p != q)
		return p < q ? 1 : -1;
	return x->size < y->size ? 1 : x->size > y->size ? -1 : 0;
}

void survey_sort_sizes(struct survey *survey)
{
	size_t i, n = 0;

	if (!survey->sizes)
		return;
	for (i = 0; i < SIZES_ROOM; i++)
		if (survey->sizes[i].blocks)
			survey->sizes[n++] = survey->sizes[i];
	qsort(survey->sizes, n, sizeof(*survey->sizes), by_bytes);
}
