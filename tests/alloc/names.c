/*
 * All names are doors to one heap: what one of them gave, any other frees. And libc's own functions
 * give blocks of it.
 */
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number that errno has nowhere else. */
#define UNTOUCHED 1234

static void sized_frees(void)
{
	void (*sized)(void *, size_t) = entry_point("free_sized");
	void (*aligned)(void *, size_t, size_t) = entry_point("free_aligned_sized");
	const size_t *size;
	size_t alignment;

	if (!sized || !aligned)
		skip("this C library has no free_sized");
	errno = UNTOUCHED;
	sized(NULL, 0);
	sized(NULL, 100);
	aligned(NULL, 16, 100);
	for (size = edges; *size; size++) {
		void *p = malloc(*size);

		sized(p, *size);
		sized(calloc(*size, 3), *size * 3);
		p = realloc(malloc(10), *size);
		sized(p, *size);
		for (alignment = 1; alignment <= MIB; alignment *= 4)
			aligned(aligned_alloc(alignment, *size), alignment, *size);
	}
	sized(malloc(0), 0);
	aligned(aligned_alloc(64, 0), 64, 0);
	check(errno == UNTOUCHED);
}

/* They are one heap: any name may free what another gave. */
static void the_names_of_libc_are_of_the_same_heap(void)
{
	void *(*libc_malloc)(size_t) = entry_point("__libc_malloc");
	void *(*libc_calloc)(size_t, size_t) = entry_point("__libc_calloc");
	void *(*libc_realloc)(void *, size_t) = entry_point("__libc_realloc");
	void *(*libc_memalign)(size_t, size_t) = entry_point("__libc_memalign");
	void *(*libc_valloc)(size_t) = entry_point("__libc_valloc");
	void *(*libc_pvalloc)(size_t) = entry_point("__libc_pvalloc");
	void (*libc_free)(void *) = entry_point("__libc_free");
	const size_t *size;

	if (!libc_malloc || !libc_calloc || !libc_realloc || !libc_valloc || !libc_pvalloc ||
	    !libc_free)
		skip("this C library has other names");
	for (size = edges; *size; size++) {
		void *blocks[] = {
			libc_malloc(*size),
			libc_calloc(1, *size),
			libc_realloc(NULL, *size),
			libc_valloc(*size),
			libc_pvalloc(*size),
			libc_memalign ? libc_memalign(256, *size) : malloc(*size),
		};
		size_t i;

		for (i = 0; i < ARRAY_SIZE(blocks); i++) {
			check(blocks[i] && malloc_usable_size(blocks[i]) >= *size);
			check(i != 1 || first_set(blocks[i], *size) == *size);
			fill(blocks[i], *size, i);
			blocks[i] = realloc(blocks[i], *size + 10);
			check(blocks[i] && filled(blocks[i], *size, i));
			if (*size % 2)
				free(blocks[i]);
			else
				libc_free(blocks[i]);
		}
		libc_free(malloc(*size));
		libc_free(libc_realloc(malloc(*size), *size * 2));
	}
	libc_free(NULL);
}

static void cfree_frees(void)
{
	void (*cfree)(void *) = entry_point("cfree");
	size_t before, i;

	if (!cfree)
		skip("this C library has no cfree");
	cfree(NULL);
	before = resident();
	for (i = 0; i < 1000; i++) {
		void *p = malloc(100000);

		memset(p, 1, 100000);
		errno = UNTOUCHED;
		cfree(p);
		check(errno == UNTOUCHED);
	}
	check(resident() < before + 20 * MIB);
}

/* Whoever interposes only some of them mixes two heaps. */
static void all_entry_points_are_of_one_library(void)
{
	static const char *const names[] = {
		"malloc",
		"calloc",
		"realloc",
		"free",
		"reallocarray",
		"memalign",
		"aligned_alloc",
		"posix_memalign",
		"valloc",
		"pvalloc",
		"malloc_usable_size",
		"malloc_trim",
		"malloc_stats",
		"malloc_info",
		"mallinfo",
		"mallinfo2",
		"mallopt",
		"cfree",
		"free_sized",
		"free_aligned_sized",
		"__libc_malloc",
		"__libc_calloc",
		"__libc_realloc",
		"__libc_free",
		"__libc_valloc",
		"__libc_pvalloc",
		"__libc_memalign",
	};
	Dl_info first, info;
	size_t i;

	needs_ours("it has not all of them");
	check(dladdr(entry_point("malloc"), &first));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		check_with(dladdr(entry_point(names[i]), &info), "%s", names[i]);
		check_with(info.dli_fbase == first.dli_fbase, "%s is of %s", names[i],
			   info.dli_fname);
	}
}

static void functions_of_libc_give_blocks_that_can_be_freed(void)
{
	char *line = NULL, *text = NULL;
	size_t size = 0;
	FILE *file = tmpfile();

	free(strdup("strdup"));
	free(strndup("strndup", 3));
	check(asprintf(&text, "%0500d", 1) == 500);
	free(text);
	check(file && fputs("a line\n", file) >= 0);
	rewind(file);
	check(getline(&line, &size, file) == 7 && malloc_usable_size(line) >= size);
	free(line);
	fclose(file);
	free(realpath("/proc/self", NULL));
	free(getcwd(NULL, 0));
	file = open_memstream(&text, &size);
	check(file && fprintf(file, "%01000d", 1) == 1000 && fclose(file) == 0);
	check(size == 1000 && malloc_usable_size(text) > 1000);
	free(text);

	/* A block of ours that libc makes larger. */
	line = malloc(1);
	size = 1;
	file = fmemopen((void *)(uintptr_t) "a line longer than one byte\n", 28, "r");
	check(file && getline(&line, &size, file) == 28);
	free(line);
	fclose(file);
}

static const struct test tests[] = {
	{TEST(sized_frees)},
	{TEST(the_names_of_libc_are_of_the_same_heap)},
	{TEST(cfree_frees)},
	{TEST(all_entry_points_are_of_one_library)},
	{TEST(functions_of_libc_give_blocks_that_can_be_freed)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
