/* How far the break can go: what plat_brk says is tried out. Each test moves it, and is a process.
 */
#include "base/procmap.h"
#include "check.h"
#include "refuse.h"

#include <plat/brk.h>
#include <plat/usage.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t page;

static struct plat_brk brk_now(void)
{
	struct plat_brk brk;

	check(plat_brk(&brk, sizeof(brk)) == 0);
	check((size_t)((char *)brk.limit - (char *)brk.end) == brk.left);
	return brk;
}

/* Past malloc, which is not asked for anything in these tests. */
static char *set_brk(void *to)
{
	return (char *)syscall(SYS_brk, to);
}

/* The break goes to the limit, and not a byte further. */
static void check_limit(const struct plat_brk *brk)
{
	char *limit = brk->limit;

	check(set_brk(limit + 1) == brk->end);
	check(set_brk(limit) == limit);
	check(set_brk(limit + 1) == limit);
}

static void it_is_where_the_kernel_says(void)
{
	struct plat_brk brk = brk_now(), after;

	check(brk.end == set_brk(NULL));
	check((char *)brk.start <= (char *)brk.end);
	check(set_brk((char *)brk.end + 100) == (char *)brk.end + 100);
	after = brk_now();
	check(after.end == (char *)brk.end + 100 && after.start == brk.start);
	check(after.limit == brk.limit);
}

static void asking_does_not_move_it(void)
{
	void *before = set_brk(NULL);

	(void)brk_now();
	check(set_brk(NULL) == before);
}

/* Something is mapped some way above it: the usual space is too large to be filled. */
static char *map_above(size_t distance, int rights)
{
	struct plat_brk brk = brk_now();
	uintptr_t at = ((uintptr_t)brk.end + page - 1 + distance) & ~(page - 1);
	char *p = mmap((void *)at, page, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		       -1, 0);

	if (p != (void *)at)
		skip("there is something above the heap already");
	return p;
}

static void a_mapping_stops_it_a_page_before(void)
{
	char *p = map_above(MIB, PROT_READ);
	struct plat_brk brk = brk_now();

	check(brk.next == p && brk.stop == PLAT_BRK_MAPPING);
	check(brk.limit == p - page);
	check_limit(&brk);
}

static void a_mapping_right_behind_it_leaves_the_rest_of_a_page(void)
{
	struct plat_brk brk;
	char *p;

	check(set_brk((char *)set_brk(NULL) + 100));
	p = map_above(0, PROT_READ);
	brk = brk_now();
	check(brk.next == p && brk.left == 0 && brk.limit == brk.end);
}

static void what_is_mapped_like_the_heap_right_behind_it_is_told_from_it(void)
{
	char *p = map_above(0, PROT_READ | PROT_WRITE);
	struct plat_brk brk = brk_now();

	check(brk.next == p && brk.left == 0);
}

static void mappings_are_found_where_the_kernel_cannot_be_asked(void)
{
	char *p = map_above(MIB, PROT_READ);
	struct plat_brk asked = brk_now(), read;

	refuse(SYS_ioctl, 1, PROCMAP_REQUEST, ENOTTY);
	read = brk_now();
	check(read.next == p && read.limit == asked.limit && read.stop == asked.stop);
}

static void the_limit_on_data_stops_it_to_the_byte(void)
{
	struct plat_limit data;
	struct plat_brk brk;

	check(plat_limit_get(RLIMIT_DATA, &data) == 0);
	/* Above what is used, by other means than the heap, no byte of it is left over. */
	check(plat_limit_set(RLIMIT_DATA, data.used + MIB + 5) == 0);
	brk = brk_now();
	check(brk.stop == PLAT_BRK_DATA);
	check_limit(&brk);
}

/* What a program has unmapped of its heap is no memory any more, and counts for the break all the
 * same, and so does the data segment. */
static void what_is_unmapped_in_the_heap_counts(void)
{
	struct plat_brk brk = brk_now();
	char *end = (char *)brk.end + 64 * MIB;
	struct plat_limit data;

	check(set_brk(end) == end);
	check(munmap(end - 60 * MIB, 59 * MIB) == 0);
	check(plat_limit_set(RLIMIT_DATA, (size_t)(end - (char *)brk.start) + MIB + 5) == 0);
	check(plat_limit_get(RLIMIT_DATA, &data) == 0);
	if (data.left < 2 * MIB)
		skip("a sanitizer has more memory of its own than a heap");
	brk = brk_now();
	check(brk.stop == PLAT_BRK_DATA && brk.left > MIB / 2 && brk.left < MIB + 5);
	check_limit(&brk);
}

static void a_limit_below_the_heap_leaves_nothing(void)
{
	struct plat_brk brk = brk_now();
	char *end = (char *)brk.end + 16 * MIB;

	check(set_brk(end) == end);
	check(plat_limit_set(RLIMIT_DATA, 15 * MIB) == 0);
	brk = brk_now();
	check(brk.stop == PLAT_BRK_DATA && brk.left == 0);
	check(set_brk(end + 1) == end);
}

static void the_limit_on_the_address_space_stops_it(void)
{
	struct plat_limit space;
	struct plat_brk brk;

	check(plat_limit_get(RLIMIT_AS, &space) == 0);
	check(plat_limit_set(RLIMIT_AS, space.used + MIB) == 0);
	brk = brk_now();
	check(brk.stop == PLAT_BRK_ADDRESS_SPACE);
	check_limit(&brk);
}

static void a_limit_of_nothing_leaves_nothing(void)
{
	struct plat_brk brk;

	check(plat_limit_set(RLIMIT_DATA, 0) == 0);
	brk = brk_now();
	check(brk.left == 0 && brk.stop == PLAT_BRK_DATA);
}

static void a_caller_who_knows_fewer_fields_gets_those(void)
{
	struct plat_brk brk;

	memset(&brk, 0x5a, sizeof(brk));
	check(plat_brk(&brk, offsetof(struct plat_brk, limit)) == 0);
	check(brk.end == set_brk(NULL));
	check((uintptr_t)brk.limit == (uintptr_t)0x5a5a5a5a5a5a5a5a);
}

static void without_a_descriptor_nothing_is_said(void)
{
	struct rlimit none = {0, 0};
	struct plat_brk brk = {.stop = 77};

	check(setrlimit(RLIMIT_NOFILE, &none) == 0);
	errno = 98;
	check(plat_brk(&brk, sizeof(brk)) == -EMFILE);
	check(brk.stop == 77 && errno == 98);
}

static const struct test tests[] = {
	{TEST(it_is_where_the_kernel_says)},
	{TEST(asking_does_not_move_it)},
	{TEST(a_mapping_stops_it_a_page_before)},
	{TEST(a_mapping_right_behind_it_leaves_the_rest_of_a_page)},
	{TEST(what_is_mapped_like_the_heap_right_behind_it_is_told_from_it)},
	{TEST(mappings_are_found_where_the_kernel_cannot_be_asked)},
	{TEST(the_limit_on_data_stops_it_to_the_byte)},
	{TEST(what_is_unmapped_in_the_heap_counts)},
	{TEST(a_limit_below_the_heap_leaves_nothing)},
	{TEST(the_limit_on_the_address_space_stops_it)},
	{TEST(a_limit_of_nothing_leaves_nothing)},
	{TEST(a_caller_who_knows_fewer_fields_gets_those)},
	{TEST(without_a_descriptor_nothing_is_said)},
};

int main(int argc, char **argv)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
