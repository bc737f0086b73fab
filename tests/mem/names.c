/*
 * Every name that libplat-checked has, on blocks that end where the work does: what is right
 * passes, and does what the C library's does. It runs without the library, too, where it shows that
 * the test is right.
 */
#include "check.h"
#include "ended.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#define TEXT "what is copied"
#define LENGTH (sizeof(TEXT) - 1)

/* A block of so many bytes, all 'x'. */
static char *block_of(size_t size)
{
	char *p = opaque(malloc(size));

	check(p);
	memset(p, 'x', size);
	return p;
}

static char *text_of(size_t size, const char *text)
{
	char *p = block_of(size);

	memcpy(p, text, strlen(text) + 1);
	return p;
}

/* The end of the block is the end of the text. */
static char *exact_text(void)
{
	return text_of(LENGTH + 1, TEXT);
}

static bool holds(const char *p, const char *text)
{
	return memcmp(p, text, strlen(text) + 1) == 0;
}

static void copies_of_a_size(void)
{
	char *from = exact_text(), *to = block_of(LENGTH + 1);

	check(memcpy(to, from, LENGTH + 1) == to && holds(to, TEXT));
	to = block_of(LENGTH + 1);
	check(mempcpy(to, from, LENGTH + 1) == to + LENGTH + 1 && holds(to, TEXT));
	to = block_of(LENGTH + 1);
	check(memmove(to, from, LENGTH + 1) == to && holds(to, TEXT));
	check(memmove(to, to + 1, LENGTH) == to && holds(to, TEXT + 1));
	to = block_of(LENGTH + 1);
	bcopy(from, to, LENGTH + 1);
	check(holds(to, TEXT));
}

static void bytes_of_one_kind(void)
{
	char *to = block_of(100);

	check(memset(to, 0, 100) == to && first_set(to, 100) == 100);
	memset(to, 'x', 100);
	bzero(to + 1, 99);
	check(to[0] == 'x' && first_set(to + 1, 99) == 99);
	memset(to, 'x', 100);
	explicit_bzero(to, 99);
	check(to[99] == 'x' && first_set(to, 99) == 99);
}

static void comparisons_and_searches(void)
{
	char *a = exact_text(), *b = exact_text();

	check(memcmp(a, b, LENGTH + 1) == 0 && bcmp(a, b, LENGTH + 1) == 0);
	b[LENGTH] = 1;
	check(memcmp(a, b, LENGTH + 1) < 0 && bcmp(a, b, LENGTH + 1) != 0);
	check(memchr(a, 'w', LENGTH) == a && memchr(a, 'd', LENGTH) == a + LENGTH - 1);
	/* It stops where it finds something, so that more may be said than there is. */
	check(memchr(a, '\0', 10 * LENGTH) == a + LENGTH && memchr(a, 'z', LENGTH) == NULL);
	check(memrchr(a, 'w', LENGTH) == a && memrchr(a, 'z', LENGTH) == NULL);
}

static void strings_to_their_end(void)
{
	char *from = exact_text(), *to = block_of(LENGTH + 1);

	check(strcpy(to, from) == to && holds(to, TEXT));
	to = block_of(LENGTH + 1);
	check(stpcpy(to, from) == to + LENGTH && holds(to, TEXT));
	to = text_of(LENGTH + 3, "0.");
	check(strcat(to, from) == to && holds(to, "0." TEXT));
}

static void strings_up_to_a_size(void)
{
	char *from = exact_text(), *to = block_of(LENGTH + 5);

	check(strncpy(to, from, LENGTH + 5) == to && holds(to, TEXT));
	check(first_set(to + LENGTH, 5) == 5);
	check(strncpy(to, from, 4) == to && holds(to, TEXT));
	check(stpncpy(to, from, LENGTH + 5) == to + LENGTH && stpncpy(to, from, 4) == to + 4);
	to = text_of(8, "0.");
	check(strncat(to, from, 5) == to && holds(to, "0.what "));
	/* What is read need not end. */
	from = block_of(4);
	to = block_of(9);
	check(strncpy(to, from, 4) == to && strncat(strcpy(to, "0000"), from, 4) == to);
	check(holds(to, "0000xxxx"));
}

static void strings_that_are_cut_off(void)
{
	size_t (*lcpy)(char *, const char *, size_t), (*lcat)(char *, const char *, size_t);
	char *from = exact_text(), *to = block_of(5);

	*(void **)&lcpy = dlsym(RTLD_DEFAULT, "strlcpy");
	*(void **)&lcat = dlsym(RTLD_DEFAULT, "strlcat");
	if (!lcpy || !lcat)
		skip("this C library does not have them");
	check(lcpy(to, from, 5) == LENGTH && holds(to, "what"));
	check(lcpy(to, from, 0) == LENGTH && holds(to, "what"));
	to = text_of(5, "0.");
	check(lcat(to, from, 5) == LENGTH + 2 && holds(to, "0.wh"));
	check(lcat(to, from, 2) == LENGTH + 2 && holds(to, "0.wh"));
	to = text_of(LENGTH + 3, "0.");
	check(lcat(to, from, 100) == LENGTH + 2 && holds(to, "0." TEXT));
}

/* The calls that _FORTIFY_SOURCE makes, by their names. */
static void fortified_names(void)
{
	void *(*copy)(void *, const void *, size_t, size_t);
	void *(*set)(void *, int, size_t, size_t);
	char *(*text)(char *, const char *, size_t);
	char *(*part)(char *, const char *, size_t, size_t);
	char *from = exact_text(), *to = block_of(LENGTH + 3);
	void (*zero)(void *, size_t, size_t);

	if (!dlsym(RTLD_DEFAULT, "__memcpy_chk"))
		skip("this C library does not have them");
	*(void **)&copy = dlsym(RTLD_DEFAULT, "__memcpy_chk");
	check(copy(to, from, LENGTH + 1, LENGTH + 1) == to && holds(to, TEXT));
	*(void **)&copy = dlsym(RTLD_DEFAULT, "__mempcpy_chk");
	check(copy(to, from, LENGTH + 1, LENGTH + 3) == to + LENGTH + 1 && holds(to, TEXT));
	*(void **)&copy = dlsym(RTLD_DEFAULT, "__memmove_chk");
	check(copy(to + 1, to, LENGTH + 1, LENGTH + 2) == to + 1 && holds(to + 1, TEXT));
	*(void **)&set = dlsym(RTLD_DEFAULT, "__memset_chk");
	check(set(to, 0, LENGTH + 3, LENGTH + 3) == to && first_set(to, LENGTH + 3) == LENGTH + 3);
	*(void **)&text = dlsym(RTLD_DEFAULT, "__strcpy_chk");
	check(text(to, from, LENGTH + 1) == to && holds(to, TEXT));
	*(void **)&text = dlsym(RTLD_DEFAULT, "__stpcpy_chk");
	check(text(to, from, LENGTH + 1) == to + LENGTH && holds(to, TEXT));
	strcpy(to, "0.");
	*(void **)&text = dlsym(RTLD_DEFAULT, "__strcat_chk");
	check(text(to, from, LENGTH + 3) == to && holds(to, "0." TEXT));
	*(void **)&part = dlsym(RTLD_DEFAULT, "__strncpy_chk");
	check(part(to, from, LENGTH + 3, LENGTH + 3) == to && holds(to, TEXT));
	*(void **)&part = dlsym(RTLD_DEFAULT, "__stpncpy_chk");
	check(part(to, from, LENGTH + 3, LENGTH + 3) == to + LENGTH && holds(to, TEXT));
	strcpy(to, "0.");
	*(void **)&part = dlsym(RTLD_DEFAULT, "__strncat_chk");
	check(part(to, from, 100, LENGTH + 3) == to && holds(to, "0." TEXT));
	*(void **)&zero = dlsym(RTLD_DEFAULT, "__explicit_bzero_chk");
	zero(to, LENGTH + 3, LENGTH + 3);
	check(first_set(to, LENGTH + 3) == LENGTH + 3);
}

/* Whether memcpy is not the C library's. */
static bool is_checked(void)
{
	Dl_info of_memcpy, of_libc;

	return dladdr(dlsym(RTLD_DEFAULT, "memcpy"), &of_memcpy) &&
	       dladdr(dlsym(RTLD_DEFAULT, "getpid"), &of_libc) &&
	       of_memcpy.dli_fbase != of_libc.dli_fbase;
}

/* What overlaps is found without libplat-malloc, too. */

static char overlapping[64] = "a text that is copied over itself";

static void copy_of_a_size(void)
{
	memcpy(overlapping + 8, overlapping, 9);
}

static void copy_to_the_end_of_it(void)
{
	mempcpy(overlapping, overlapping + 8, 9);
}

static void copy_of_a_string(void)
{
	strcpy(overlapping, overlapping + 1);
}

static void copy_with_room(void)
{
	void *(*copy)(void *, const void *, size_t, size_t);

	*(void **)&copy = dlsym(RTLD_DEFAULT, "__memcpy_chk");
	if (copy)
		copy(overlapping + 1, overlapping, 9, sizeof(overlapping) - 1);
	else
		copy_of_a_size();
}

/* These are no overlap: they only touch, or are the same; and moves may. */
static void what_may_be(void)
{
	memcpy(overlapping + 8, overlapping, 8);
	memcpy(overlapping, overlapping + 8, 8);
	memcpy(opaque(overlapping), overlapping, 8);
	memmove(overlapping + 1, overlapping, 8);
	bcopy(overlapping + 1, overlapping, 8);
}

static void copies_that_overlap_are_stopped(void)
{
	static void (*const copies[])(void) = {copy_of_a_size, copy_to_the_end_of_it,
					       copy_of_a_string, copy_with_room};
	char said[4096];
	size_t i;

	if (!is_checked())
		skip("nobody looks for them");
	for (i = 0; i < ARRAY_SIZE(copies); i++) {
		int status = ended(copies[i], said, sizeof(said));

		check_with(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%zu: %#x", i,
			   (unsigned)status);
		check_with(strstr(said, "overlap: ") && strstr(said, "cpy"), "%zu: %s", i, said);
	}
	check(ended(what_may_be, said, sizeof(said)) == 0 && !*said);
}

static const struct test tests[] = {
	{TEST(copies_of_a_size)},	  {TEST(bytes_of_one_kind)},
	{TEST(comparisons_and_searches)}, {TEST(strings_to_their_end)},
	{TEST(strings_up_to_a_size)},	  {TEST(strings_that_are_cut_off)},
	{TEST(fortified_names)},	  {TEST(copies_that_overlap_are_stopped)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
