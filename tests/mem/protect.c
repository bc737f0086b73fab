/* Rights that are given and told, and guards; each seen by what an access does. */
#include "access.h"
#include "base/procmap.h"
#include "check.h"
#include "refuse.h"

#include <plat/protect.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ PLAT_RIGHT_READ
#define WRITE PLAT_RIGHT_WRITE
#define EXEC PLAT_RIGHT_EXEC
#define READ_WRITE (READ | WRITE)

static size_t page;

static char *pages(size_t n)
{
	char *p = mmap(NULL, n * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED);
	return p;
}

/* --- rights --- */

static void rights_are_given_and_the_old_ones_told(void)
{
	char *p = pages(3);
	int old = 99;

	check(plat_protect(p + page, page, READ, &old) == 0);
	check(old == READ_WRITE);
	check(rights_at(p) == READ_WRITE && rights_at(p + 2 * page) == READ_WRITE);
	check(rights_at(p + page) == READ);
	check(plat_protect(p + page, page, PLAT_RIGHT_NONE, &old) == 0);
	check(old == READ);
	check(rights_at(p + page) == 0);
	check(plat_protect(p + page, page, READ_WRITE, &old) == 0);
	check(old == PLAT_RIGHT_NONE);
	check(rights_at(p + page) == READ_WRITE);
}

static void of_several_rights_one_number_cannot_tell_and_nothing_is_changed(void)
{
	char *p = pages(3);
	int old = 99;

	check(plat_protect(p + page, page, READ, NULL) == 0);
	errno = 98;
	check(plat_protect(p, 3 * page, PLAT_RIGHT_NONE, &old) == -ENOTUNIQ);
	check(old == 99 && errno == 98);
	check(rights_at(p) == READ_WRITE && rights_at(p + page) == READ);
	check(plat_protect(p, 3 * page, PLAT_RIGHT_NONE, NULL) == 0);
	check(rights_at(p) == 0 && rights_at(p + page) == 0);
}

static void several_rights_are_told_and_given_back(void)
{
	char *p = pages(5);
	struct plat_rights parts[3];

	check(plat_protect(p + page, 2 * page, READ, NULL) == 0);
	check(plat_rights_get(p, 5 * page, parts, 3) == 3);
	check(parts[0].start == p && parts[0].size == page && parts[0].rights == READ_WRITE);
	check(parts[1].start == p + page && parts[1].size == 2 * page && parts[1].rights == READ);
	check(parts[2].start == p + 3 * page && parts[2].size == 2 * page);
	check(parts[2].rights == READ_WRITE);
	check(plat_protect(p, 5 * page, PLAT_RIGHT_NONE, NULL) == 0);
	check(plat_rights_set(parts, 3) == 0);
	check(rights_at(p) == READ_WRITE && rights_at(p + page) == READ);
	check(rights_at(p + 4 * page) == READ_WRITE);
}

static void mappings_of_the_same_rights_are_one_part(void)
{
	char *p = pages(4);
	struct plat_rights part;

	/* Two mappings: one of them is not in cores. */
	check(madvise(p + 2 * page, page, MADV_DONTDUMP) == 0);
	check(plat_rights_get(p, 4 * page, &part, 1) == 1);
	check(part.start == p && part.size == 4 * page && part.rights == READ_WRITE);
}

static void more_parts_than_there_is_room_for_are_counted(void)
{
	char *p = pages(9);
	struct plat_rights parts[2] = {{0}};
	size_t i;

	for (i = 1; i < 9; i += 2)
		check(plat_protect(p + i * page, page, READ, NULL) == 0);
	check(plat_rights_get(p, 9 * page, parts, 1) == 9);
	check(parts[0].start == p && parts[0].size == page);
	check(parts[1].start == NULL);
	check(plat_rights_get(p, 9 * page, NULL, 0) == 9);
}

static void a_hole_is_found_before_anything_is_changed(void)
{
	char *p = pages(3);
	int old = 99;

	check(munmap(p + page, page) == 0);
	check(plat_protect(p, 3 * page, READ, &old) == -ENOMEM);
	check(old == 99 && rights_at(p) == READ_WRITE);
	check(plat_rights_get(p, 3 * page, NULL, 0) == -ENOMEM);
	/* Nobody looks, as the header says: what lies before it has changed. */
	check(plat_protect(p, 3 * page, READ, NULL) == -ENOMEM);
	check(rights_at(p) == READ);
}

static void writable_and_executable_has_to_be_meant(void)
{
	char *p = pages(1);
	int both = READ_WRITE | EXEC, old;

	check(plat_protect(p, page, both, NULL) == -EINVAL);
	check(plat_protect(p, page, READ_WRITE | PLAT_RIGHT_WRITE_EXEC, NULL) == -EINVAL);
	check(plat_protect(p, page, READ | EXEC, NULL) == 0);
	if (plat_protect(p, page, both | PLAT_RIGHT_WRITE_EXEC, &old) == -EACCES)
		skip("a policy does not allow memory that can be written to and executed");
	check(old == (READ | EXEC));
	/* What was told can be given back as it is. */
	check(plat_protect(p, page, READ, &old) == 0);
	check(old == (both | PLAT_RIGHT_WRITE_EXEC));
	check(plat_protect(p, page, old, NULL) == 0);
}

static void ranges_that_are_no_pages_are_refused(void)
{
	char *p = pages(2);
	int old = 99;

	check(plat_protect(p + 1, page, READ, &old) == -EINVAL);
	check(plat_protect(p, page + 1, READ, &old) == -EINVAL);
	check(plat_protect(p, 0, READ, &old) == -EINVAL);
	check(plat_protect(p, opaque_size(SIZE_MAX), READ, &old) == -EINVAL);
	check(plat_protect(p, page, 64, &old) == -EINVAL);
	check(plat_rights_get(p, page - 1, NULL, 0) == -EINVAL);
	check(plat_guard_add(p + 1, page) == -EINVAL);
	check(plat_guard_remove(p, 1, READ) == -EINVAL);
	check(old == 99 && rights_at(p) == READ_WRITE);
}

static void the_pages_around_an_object(void)
{
	char *p = pages(3);
	void *start;
	size_t size;

	check(plat_pages_around(p + page - 1, 2, &start, &size) == 0);
	check(start == p && size == 2 * page);
	check(plat_pages_around(p + page, page, &start, &size) == 0);
	check(start == p + page && size == page);
	check(plat_pages_around(p, 0, &start, &size) == -EINVAL);
	check(plat_pages_around(p, opaque_size(SIZE_MAX), &start, &size) == -EINVAL);
}

static void a_file_that_was_opened_for_reading_cannot_become_writable(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);

	check(p != MAP_FAILED);
	check(plat_protect(p, page, READ_WRITE, NULL) == -EACCES);
}

static void a_sealed_mapping_keeps_its_rights(void)
{
	char *p = pages(1);

	if (syscall(462, p, page, 0) < 0) /* mseal */
		skip("this kernel does not seal mappings");
	check(plat_protect(p, page, READ, NULL) == -EPERM);
}

/* The text of maps is read where single addresses cannot be asked for, and says the same. */
static void rights_are_told_where_the_kernel_cannot_be_asked(void)
{
	char *p = pages(64 * 3);
	struct plat_rights asked[300], read[300];
	char name[200];
	int n, old = 99, i, fd;

	/* Lines that are longer than what is read at once. */
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fd = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC);
	check(fd >= 0 && ftruncate(fd, (off_t)page) == 0);
	for (i = 0; i < 64; i++) {
		check(plat_protect(p + 3 * i * page, page, i % 2 ? READ : PLAT_RIGHT_NONE, NULL) ==
		      0);
		check(mmap(p + (3 * i + 1) * page, page, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	}
	n = plat_rights_get(p, 64 * 3 * page, asked, 300);
	check(n == 128);
	refuse(SYS_ioctl, 1, PROCMAP_REQUEST, ENOTTY);
	check(plat_rights_get(p, 64 * 3 * page, read, 300) == n);
	for (i = 0; i < n; i++)
		check(asked[i].start == read[i].start && asked[i].size == read[i].size &&
		      asked[i].rights == read[i].rights);
	check(plat_protect(p + page, page, READ, &old) == 0);
	check(old == READ_WRITE);
	check(munmap(p + 9 * page, page) == 0);
	check(plat_rights_get(p, 64 * 3 * page, read, 300) == -ENOMEM);
}

static void without_a_descriptor_old_rights_are_not_told_and_nothing_is_changed(void)
{
	struct rlimit none = {0, 0};
	char *p = pages(1);
	int old = 99;

	check(setrlimit(RLIMIT_NOFILE, &none) == 0);
	errno = 98;
	check(plat_protect(p, page, READ, &old) == -EMFILE);
	check(old == 99 && errno == 98 && rights_at(p) == READ_WRITE);
	check(plat_protect(p, page, READ, NULL) == 0);
}

/* --- guards --- */

static void a_guard_faults_at_its_first_and_last_byte(void)
{
	char *p = pages(4);
	int kind = plat_guard_add(p + page, 2 * page);

	check(kind == PLAT_GUARD_PAGES || kind == PLAT_GUARD_RIGHTS);
	check(rights_at(p + page - 1) == READ_WRITE);
	check(rights_at(p + page) == 0);
	check(rights_at(p + 3 * page - 1) == 0);
	check(rights_at(p + 3 * page) == READ_WRITE);
	check(plat_guard_remove(p + page, 2 * page, WRITE | EXEC) == -EINVAL);
	check(rights_at(p + page) == 0);
	check(plat_guard_remove(p + page, 2 * page, READ_WRITE) == 0);
	check(rights_at(p + page) == READ_WRITE && rights_at(p + 3 * page - 1) == READ_WRITE);
}

static void a_guard_in_the_pages_is_no_mapping_of_its_own(void)
{
	char *p = pages(3);
	struct plat_rights part;

	if (plat_guard_add(p + page, page) != PLAT_GUARD_PAGES)
		skip("this kernel has no guards in pages");
	check(plat_rights_get(p, 3 * page, &part, 1) == 1);
	/* It stays through what others do to the range. */
	check(plat_protect(p, 3 * page, READ, NULL) == 0);
	check(plat_protect(p, 3 * page, READ_WRITE, NULL) == 0);
	check(madvise(p, 3 * page, MADV_DONTNEED) == 0);
	check(rights_at(p + page) == 0);
}

static void where_pages_cannot_be_guards_rights_are_taken_away(void)
{
	char *p = pages(3);

	refuse(SYS_madvise, 2, 102, EINVAL) /* MADV_GUARD_INSTALL */;
	check(plat_guard_add(p + page, page) == PLAT_GUARD_RIGHTS);
	check(rights_at(p + page) == 0 && rights_at(p + 2 * page) == READ_WRITE);
	check(plat_guard_remove(p + page, page, READ) == 0);
	check(rights_at(p + page) == READ);
}

static void locked_pages_become_a_guard_too(void)
{
	char *p = pages(3);

	if (mlock(p, 3 * page) < 0)
		skip("nothing can be locked here");
	check(plat_guard_add(p + page, page) > 0);
	check(rights_at(p + page) == 0 && rights_at(p + 2 * page) == READ_WRITE);
	check(plat_guard_remove(p + page, page, READ_WRITE) == 0);
	check(rights_at(p + page) == READ_WRITE);
}

static void a_system_call_that_is_given_a_guard_fails(void)
{
	char *p = pages(2);
	int fds[2];

	check(pipe(fds) == 0);
	check(plat_guard_add(p + page, page) > 0);
	check(write(fds[1], p + page, 1) == -1 && errno == EFAULT);
	check(write(fds[1], p + page - 4, 8) == 4 || errno == EFAULT);
}

static void a_guard_where_nothing_is_mapped(void)
{
	char *p = pages(3);

	check(munmap(p + page, page) == 0);
	check(plat_guard_add(p + page, page) == -ENOMEM);
	check(plat_guard_remove(p + page, page, READ) == -ENOMEM);
}

static const struct test tests[] = {
	{TEST(rights_are_given_and_the_old_ones_told)},
	{TEST(of_several_rights_one_number_cannot_tell_and_nothing_is_changed)},
	{TEST(several_rights_are_told_and_given_back)},
	{TEST(mappings_of_the_same_rights_are_one_part)},
	{TEST(more_parts_than_there_is_room_for_are_counted)},
	{TEST(a_hole_is_found_before_anything_is_changed)},
	{TEST(writable_and_executable_has_to_be_meant)},
	{TEST(ranges_that_are_no_pages_are_refused)},
	{TEST(the_pages_around_an_object)},
	{TEST(a_file_that_was_opened_for_reading_cannot_become_writable)},
	{TEST(a_sealed_mapping_keeps_its_rights)},
	{TEST(rights_are_told_where_the_kernel_cannot_be_asked)},
	{TEST(without_a_descriptor_old_rights_are_not_told_and_nothing_is_changed)},
	{TEST(a_guard_faults_at_its_first_and_last_byte)},
	{TEST(a_guard_in_the_pages_is_no_mapping_of_its_own)},
	{TEST(where_pages_cannot_be_guards_rights_are_taken_away)},
	{TEST(locked_pages_become_a_guard_too)},
	{TEST(a_system_call_that_is_given_a_guard_fails)},
	{TEST(a_guard_where_nothing_is_mapped)},
};

int main(int argc, char **argv)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
