/*
 * What is correct, beside what is not: no check may speak up. And blocks that must not come back at
 * once, which is no misuse but what makes one harmless.
 */
#include "misuse.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static const size_t each_kind[] = {16, 64, 1000, 5000, 40000, 200000, 0};

#if SIZE_MAX > UINT32_MAX
#define LETTER "m"
#else
#define LETTER "j"
#endif

static void not_at_once(size_t size)
{
	unsigned i;

	for (i = 0; i < 100; i++) {
		void *p = must_malloc(size), *q;

		free(p);
		q = must_malloc(size);
		if (hidden(p) == q)
			had_its_effect("a block came back at once");
		free(q);
	}
}

static void not_at_once_after_realloc_to_zero(size_t size)
{
	void *p = must_malloc(size);

	if (hidden(realloc(p, (size_t)(uintptr_t)hidden(NULL))))
		_Exit(99);
	if (must_malloc(size) == hidden(p))
		had_its_effect("a block came back at once");
}

static void whole_blocks(size_t size)
{
	unsigned char *p = must_malloc(size), *q = hidden(calloc(1, size));
	unsigned char *r = hidden(aligned_alloc(128, size));

	memset(p, 0xff, size);
	memset(q, 0xff, size);
	memset(r, 0xff, size);
	p = hidden(realloc(p, size * 3));
	memset(p, 0xff, size * 3);
	p = hidden(realloc(p, size / 2 + 1));
	memset(p, 0, size / 2 + 1);
	free(p);
	free(q);
	free(r);
}

static void usable_bytes(size_t size)
{
	unsigned char *p = must_malloc(size);
	size_t usable = malloc_usable_size(p);

	memset(p, 0xff, usable);
	p = hidden(realloc(p, usable));
	memset(p, 0xff, malloc_usable_size(p));
	free(p);
}

static void sizes(size_t size)
{
	void (*free_sized)(void *, size_t) = function("free_sized");
	void (*free_aligned_sized)(void *, size_t, size_t) = function("free_aligned_sized");
	size_t n;

	for (n = 0; n < size; n += n / 20 + 1) {
		free_sized(must_malloc(n), n);
		free_sized(hidden(calloc(n, 2)), 2 * n);
		free_sized(hidden(realloc(must_malloc(n + 5), n + 1)), n + 1);
		free_aligned_sized(hidden(aligned_alloc(256, n)), 256, n);
	}
}

static void operators(size_t size)
{
	void *(*new)(size_t) = function("_Znw" LETTER);
	void *(*new_array)(size_t) = function("_Zna" LETTER);
	void *(*new_aligned)(size_t, size_t) = function("_Znw" LETTER "St11align_val_t");
	void (*delete)(void *) = function("_ZdlPv");
	void (*delete_sized)(void *, size_t) = function("_ZdlPv" LETTER);
	void (*delete_array)(void *) = function("_ZdaPv");
	void (*delete_array_sized)(void *, size_t) = function("_ZdaPv" LETTER);
	void (*delete_aligned)(void *, size_t) = function("_ZdlPvSt11align_val_t");
	void (*delete_sized_aligned)(void *, size_t, size_t) =
		function("_ZdlPv" LETTER "St11align_val_t");
	size_t n;

	for (n = 0; n < size; n += n / 20 + 1) {
		delete (new (n));
		delete_sized(new (n), n);
		delete_array(new_array(n));
		delete_array_sized(new_array(n), n);
		delete_aligned(new_aligned(n, 64), 64);
		delete_sized_aligned(new_aligned(n, 64), n, 64);
		delete_sized_aligned(new_aligned(n, 8192), n, 8192);
	}
}

static void in_threads(size_t size)
{
	unsigned i;

	for (i = 0; i < 50; i++) {
		unsigned char *p = must_malloc(size);

		memset(p, 0xff, size);
		free_in_a_thread(p);
	}
}

static void in_a_child(size_t size)
{
	unsigned char *p = must_malloc(size);

	memset(p, 0xff, size);
	if (system("true") != 0)
		_Exit(99);
	free(p);
}

static void many_blocks(size_t size)
{
	static void *blocks[1000];
	unsigned i, round;

	for (round = 0; round < 10; round++) {
		for (i = 0; i < 1000; i++) {
			if (!blocks[i])
				blocks[i] = must_malloc(size + i % 3);
			memset(blocks[i], (int)i, size < 100 ? size : 100);
		}
		for (i = round; i < 1000; i += 2) {
			free(blocks[i]);
			blocks[i] = NULL;
		}
	}
}

#define SILENT_EVERYWHERE                                                                          \
	{                                                                                          \
		SILENT, SILENT, SILENT                                                             \
	}

const struct misuse correct[] = {
	{"no-reuse-at-once", not_at_once, each_kind, SILENT_EVERYWHERE},
	{"no-reuse-after-realloc-to-zero", not_at_once_after_realloc_to_zero, each_kind,
	 SILENT_EVERYWHERE},
	{"correct-whole-blocks", whole_blocks, each_kind, SILENT_EVERYWHERE},
	{"correct-usable-bytes", usable_bytes, each_kind, SILENT_EVERYWHERE},
	{"correct-sizes", sizes, (const size_t[]){1000000, 0}, SILENT_EVERYWHERE},
	{"correct-operators", operators, (const size_t[]){1000000, 0}, SILENT_EVERYWHERE},
	{"correct-in-threads", in_threads, each_kind, SILENT_EVERYWHERE},
	{"correct-beside-a-child", in_a_child, each_kind, SILENT_EVERYWHERE},
	{"correct-many-blocks", many_blocks, each_kind, SILENT_EVERYWHERE},
	{NULL, NULL, NULL, SILENT_EVERYWHERE},
};
