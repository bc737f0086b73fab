/* What is in memory: pages that the test itself touches, drops, and guards; files that it writes.
 */
#include "check.h"
#include "refuse.h"

#include <plat/protect.h>
#include <plat/residency.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IN_MEMORY PLAT_PAGE_IN_MEMORY
#define MAPPED PLAT_PAGE_MAPPED

static size_t page;

static char *pages(size_t n)
{
	char *p = mmap(NULL, n * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED);
	/* One page that is touched shall be one. */
	madvise(p, n * page, MADV_NOHUGEPAGE);
	return p;
}

static unsigned char state_of(const void *p)
{
	unsigned char state;

	check(plat_page_states(p, 1, &state, 1) > 0);
	return state;
}

static struct plat_residency residency_of(const void *p, size_t size)
{
	struct plat_residency residency;

	check(plat_residency(p, size, &residency, sizeof(residency)) == 0);
	return residency;
}

/* --- ranges --- */

static void each_page_that_was_touched_is_there_and_no_other(void)
{
	unsigned char states[3000];
	char *p = pages(3000);
	size_t i;

	/* More than are looked at at once. */
	for (i = 0; i < 3000; i += 7)
		p[i * page] = 1;
	check(plat_page_states(p, 3000 * page, states, 3000) >= (IN_MEMORY | MAPPED));
	for (i = 0; i < 3000; i++)
		check(states[i] == (i % 7 == 0 ? (IN_MEMORY | MAPPED) : 0));
	check(residency_of(p, 3000 * page).mapped == 429 * page);
	check(residency_of(p, 3000 * page).in_memory == 429 * page);
	check(residency_of(p, 3000 * page).size == 3000 * page);
	check(residency_of(p, 3000 * page).file == 0);
}

static void what_is_dropped_is_gone(void)
{
	char *p = pages(2);

	p[0] = p[page] = 1;
	check(madvise(p, page, MADV_DONTNEED) == 0);
	check(state_of(p) == 0 && state_of(p + page) == (IN_MEMORY | MAPPED));
}

static void shared_memory_that_another_mapping_touched_is_in_memory_and_not_mapped(void)
{
	int fd = (int)syscall(SYS_memfd_create, "shared", MFD_CLOEXEC);
	char *p;

	check(fd >= 0 && ftruncate(fd, (off_t)(2 * page)) == 0);
	check(pwrite(fd, "x", 1, 0) == 1);
	p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(p != MAP_FAILED);
	check(state_of(p) == IN_MEMORY && state_of(p + page) == 0);
	check(p[0] == 'x');
	check(state_of(p) == (IN_MEMORY | MAPPED | PLAT_PAGE_FILE));
	check(residency_of(p, 2 * page).file == page);
}

static void bytes_stand_for_the_pages_that_hold_them(void)
{
	unsigned char states[3] = {9, 9, 9};
	char *p = pages(4);

	p[page] = 1;
	check(plat_page_states(p + page - 1, 2, states, 3) > 0);
	check(states[0] == 0 && states[1] == (IN_MEMORY | MAPPED) && states[2] == 9);
	check(residency_of(p + page - 1, 2).size == 2 * page);
}

static void guards_are_told_where_the_kernel_tells_them(void)
{
	unsigned char state = 9;
	char *p = pages(2);
	int known;

	if (plat_guard_add(p, page) != PLAT_GUARD_PAGES)
		skip("this kernel has no guards in pages");
	known = plat_page_states(p, page, &state, 1);
	if (!(known & PLAT_PAGE_GUARD)) {
		check(residency_of(p, 2 * page).guard == SIZE_MAX);
		skip("this kernel does not tell guards");
	}
	check(state == PLAT_PAGE_GUARD && state_of(p + page) == 0);
	check(residency_of(p, 2 * page).guard == page && residency_of(p, 2 * page).swapped == 0);
}

static void a_kernel_without_guards_is_not_believed_to_tell_them(void)
{
	char *p = pages(1);

	refuse(SYS_madvise, 2, 102, EINVAL); /* MADV_GUARD_INSTALL */
	check(residency_of(p, page).guard == SIZE_MAX);
	check(residency_of(p, page).mapped == 0);
}

static void without_a_descriptor_only_mincore_is_left(void)
{
	struct rlimit none = {0, 0};
	unsigned char state = 9;
	char *p = pages(1);

	p[0] = 1;
	check(setrlimit(RLIMIT_NOFILE, &none) == 0);
	errno = 98;
	check(plat_page_states(p, 1, &state, 1) == IN_MEMORY);
	check(state == IN_MEMORY && errno == 98);
	check(residency_of(p, page).in_memory == page && residency_of(p, page).mapped == SIZE_MAX);
	check(residency_of(p, page).swapped == SIZE_MAX && residency_of(p, page).guard == SIZE_MAX);
}

static void what_cannot_be_answered_is_refused(void)
{
	struct plat_residency residency = {.size = 77};
	unsigned char states[2];
	char *p = pages(3);

	check(plat_page_states(p, 3 * page, states, 2) == -ERANGE);
	check(plat_page_states(p, 0, states, 2) == -EINVAL);
	check(plat_residency(p, 0, &residency, sizeof(residency)) == -EINVAL);
	check(plat_residency(p, opaque_size(SIZE_MAX), &residency, sizeof(residency)) == -EINVAL);
	check(munmap(p + page, page) == 0);
	check(plat_page_states(p, 2 * page, states, 2) == -ENOMEM);
	check(plat_residency(p, 3 * page, &residency, sizeof(residency)) == -ENOMEM);
	check(residency.size == 77);
}

/* --- files --- */

/* Of n pages, none of which is in memory but the first `written`. */
static int file_of(size_t n, size_t written)
{
	char path[] = "/tmp/plat-residency-XXXXXX", *bytes = pages(1);
	int fd = mkstemp(path);
	size_t i;

	check(fd >= 0);
	unlink(path);
	check(ftruncate(fd, (off_t)(n * page)) == 0);
	memset(bytes, 'x', page);
	for (i = 0; i < written; i++)
		check(pwrite(fd, bytes, page, (off_t)(i * page)) == (ssize_t)page);
	return fd;
}

static struct plat_cached cached_of(int fd, uint64_t offset, uint64_t size)
{
	struct plat_cached cached;

	check_with(plat_cached(fd, offset, size, &cached, sizeof(cached)) == 0, "%d",
		   plat_cached(fd, offset, size, &cached, sizeof(cached)));
	return cached;
}

static void check_cached(void)
{
	int fd = file_of(20, 3);

	check(cached_of(fd, 0, 0).cached == 3 * page);
	check(cached_of(fd, page, 0).cached == 2 * page);
	check(cached_of(fd, 0, 2 * page).cached == 2 * page);
	check(cached_of(fd, page + 1, page).cached == 2 * page);
	check(cached_of(fd, 3 * page, 5 * page).cached == 0);
	/* Behind the end there is nothing. */
	check(cached_of(fd, 40 * page, 0).cached == 0);
	check(cached_of(fd, 40 * page, page).cached == 0);
	check(cached_of(fd, 0, 4000 * page).cached == 3 * page);
}

static void the_pages_of_a_file_that_were_written_are_cached(void)
{
	check_cached();
}

static void they_are_counted_by_mapping_where_the_kernel_cannot_be_asked(void)
{
	refuse(451, -1, 0, ENOSYS); /* cachestat */
	check_cached();
	check(cached_of(file_of(2, 2), 0, 0).dirty == UINT64_MAX);
}

static void the_kernel_tells_dirty_pages(void)
{
	int fd = file_of(4, 2);
	struct plat_cached cached = cached_of(fd, 0, 0);

	if (cached.dirty == UINT64_MAX)
		skip("this kernel has no cachestat");
	check(cached.dirty + cached.writeback <= cached.cached);
	check(fdatasync(fd) == 0);
	check(cached_of(fd, 0, 0).dirty == 0 && cached_of(fd, 0, 0).cached == 2 * page);
}

static void large_files_are_mapped_part_by_part(void)
{
	uint64_t far = UINT64_C(3) << 32;
	int fd = file_of(1, 1);

	check(ftruncate(fd, (off_t)(far + page)) == 0);
	check(pwrite(fd, "x", 1, (off_t)far) == 1);
	refuse(451, -1, 0, ENOSYS);
	check(cached_of(fd, far - 10 * page, 0).cached == page);
	check(cached_of(fd, 0, UINT64_C(200) << 20).cached == page);
}

static void to_others_nothing_is_said(void)
{
	struct plat_cached cached = {.cached = 77};
	int fd = file_of(2, 2), again;
	char path[40];

	check(fchmod(fd, 0444) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	check(again >= 0);
	refuse(451, -1, 0, ENOSYS);
	if (geteuid() != 0 || seteuid(65534) < 0)
		skip("this process cannot become another user");
	check(plat_cached(again, 0, 0, &cached, sizeof(cached)) == -EPERM);
	check(cached.cached == 77);
}

static void what_has_no_page_cache_is_refused(void)
{
	struct plat_cached cached = {.cached = 77};
	int fds[2], fd = file_of(2, 2);

	check(pipe(fds) == 0);
	errno = 98;
	check(plat_cached(fds[0], 0, 1, &cached, sizeof(cached)) == -ENODEV);
	check(plat_cached(-1, 0, 1, &cached, sizeof(cached)) == -EBADF);
	check(plat_cached(fd, UINT64_MAX, 2, &cached, sizeof(cached)) == -EINVAL);
	check(plat_cached(fd, 0, UINT64_MAX, &cached, sizeof(cached)) == -EINVAL);
	check(cached.cached == 77 && errno == 98);
}

static const struct test tests[] = {
	{TEST(each_page_that_was_touched_is_there_and_no_other)},
	{TEST(what_is_dropped_is_gone)},
	{TEST(shared_memory_that_another_mapping_touched_is_in_memory_and_not_mapped)},
	{TEST(bytes_stand_for_the_pages_that_hold_them)},
	{TEST(guards_are_told_where_the_kernel_tells_them)},
	{TEST(a_kernel_without_guards_is_not_believed_to_tell_them)},
	{TEST(without_a_descriptor_only_mincore_is_left)},
	{TEST(what_cannot_be_answered_is_refused)},
	{TEST(the_pages_of_a_file_that_were_written_are_cached)},
	{TEST(they_are_counted_by_mapping_where_the_kernel_cannot_be_asked)},
	{TEST(the_kernel_tells_dirty_pages)},
	{TEST(large_files_are_mapped_part_by_part)},
	{TEST(to_others_nothing_is_said)},
	{TEST(what_has_no_page_cache_is_refused)},
};

int main(int argc, char **argv)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
