/* Locks, by what the kernel counts (VmLck) and what it refuses. */
#include "check.h"
#include "locks.h"
#include "refuse.h"

#include <plat/lock.h>
#include <plat/protect.h>
#include <plat/residency.h>
#include <plat/usage.h>

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t page;

static char *pages(size_t n)
{
	char *p = mmap(NULL, n * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED);
	return p;
}

static size_t mapped(const void *p, size_t size)
{
	struct plat_residency residency;

	check(plat_residency(p, size, &residency, sizeof(residency)) == 0);
	return residency.mapped;
}

static size_t left_now(void)
{
	size_t left = 77;

	check(plat_lock_left(&left) == 0);
	return left;
}

/* --- locks --- */

static void what_is_locked_is_in_memory_and_counted(void)
{
	char *p = pages(8);

	needs_locks();
	check(mapped(p, 8 * page) == 0);
	check(plat_lock(p + 2 * page, 3 * page) == 0);
	check(locked_now() == 3 * page && mapped(p, 8 * page) == 3 * page);
	check(plat_unlock(p + 2 * page, 3 * page) == 0);
	check(locked_now() == 0 && mapped(p, 8 * page) == 3 * page);
}

static void the_pages_around_an_object_are_locked(void)
{
	char *p = pages(3);

	needs_locks();
	check(plat_lock(p + page - 1, 2) == 0);
	check(locked_now() == 2 * page);
}

static void locks_do_not_count(void)
{
	char *p = pages(1);

	needs_locks();
	check(plat_lock(p, 32) == 0 && plat_lock(p + 64, 32) == 0);
	check(locked_now() == page);
	check(plat_unlock(p, 32) == 0);
	check(locked_now() == 0);
}

static void on_fault_pages_are_counted_at_once_and_come_when_touched(void)
{
	char *p = pages(8);

	needs_locks();
	if (plat_lock_on_fault(p, 8 * page) == -ENOSYS)
		skip("this kernel does not lock on fault");
	check(locked_now() == 8 * page && mapped(p, 8 * page) == 0);
	p[3 * page] = 1;
	check(mapped(p, 8 * page) == page);
}

static void the_child_of_a_fork_has_no_locks(void)
{
	char *p = pages(4);
	pid_t child;

	needs_locks();
	check(plat_lock(p, 4 * page) == 0);
	child = fork();
	if (child == 0) {
		check(locked_now() == 0);
		_exit(0);
	}
	check(child_failed(child) == NULL);
}

static void no_bytes_and_those_that_wrap_are_refused(void)
{
	char *p = pages(1);

	errno = 98;
	check(plat_lock(p, 0) == -EINVAL && plat_unlock(p, 0) == -EINVAL);
	/* The kernel takes this for a length of 0, and says that all is well. */
	check(plat_lock(p, opaque_size(SIZE_MAX)) == -EINVAL);
	check(plat_lock_on_fault(p, opaque_size(SIZE_MAX)) == -EINVAL);
	check(plat_unlock(p, opaque_size(SIZE_MAX)) == -EINVAL);
	check(errno == 98);
}

/* --- why not --- */

static void what_is_not_mapped_is_enomem(void)
{
	char *p = pages(3);

	needs_locks();
	check(munmap(p + page, page) == 0);
	errno = 98;
	check(plat_lock(p, 3 * page) == -ENOMEM);
	check(errno == 98);
	/* As the header says. */
	check(locked_now() == page);
	check(plat_unlock(p, 3 * page) == -ENOMEM);
	check(locked_now() == 0);
}

static void pages_that_cannot_be_had_are_efault_and_the_others_are_locked(void)
{
	char *p = pages(3);

	needs_locks();
	check(mprotect(p + page, page, PROT_NONE) == 0);
	check(plat_lock(p, 3 * page) == -EFAULT);
	check(locked_now() == 3 * page && mapped(p, page) == page);
	/* What could not be had is locked once it is touched. */
	check(mprotect(p + page, page, PROT_READ | PROT_WRITE) == 0);
	p[page] = 1;
	check(mapped(p + page, page) == page);
}

static void pages_behind_the_end_of_a_file_are_efault(void)
{
	int fd = (int)syscall(SYS_memfd_create, "short", MFD_CLOEXEC);
	char *p;

	needs_locks();
	check(fd >= 0 && ftruncate(fd, (off_t)page) == 0);
	p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(p != MAP_FAILED);
	check(plat_lock(p, 2 * page) == -EFAULT);
}

/* --- the limit --- */

static void what_is_left_is_told_and_can_be_locked_and_no_more(void)
{
	char *p = pages(20), *q = pages(20);

	be_limited_to(10 * page);
	check(left_now() == 10 * page);
	check(plat_lock(p, 3 * page) == 0);
	check(left_now() == 7 * page);
	errno = 98;
	check(plat_lock(q, 8 * page) == -EDQUOT);
	check(errno == 98 && locked_now() == 3 * page && mapped(q, 8 * page) == 0);
	check(plat_lock_on_fault(q, 8 * page) == -EDQUOT);
	check(plat_lock(q, 7 * page) == 0);
	check(left_now() == 0);
	check(plat_lock(p + 10 * page, 1) == -EDQUOT);
}

static void what_is_locked_already_is_not_counted_twice(void)
{
	char *p = pages(10);

	be_limited_to(10 * page);
	check(plat_lock(p, 6 * page) == 0);
	check(plat_lock(p, 10 * page) == 0);
	check(left_now() == 0);
}

static void a_limit_of_bytes_leaves_whole_pages(void)
{
	be_limited_to(2 * page + page / 2);
	check(left_now() == 2 * page);
}

static void a_limit_of_nothing_is_eperm(void)
{
	char *p = pages(1);

	be_limited_to(0);
	check(left_now() == 0);
	check(plat_lock(p, page) == -EPERM);
	check(plat_lock_all(PLAT_LOCK_NOW) == -EPERM);
}

static void without_a_limit_everything_is_left(void)
{
	struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0)
		skip("the limit cannot be lifted");
	check(left_now() == SIZE_MAX);
}

static void who_may_lock_everything_is_told_so(void)
{
	char *p = pages(4);

	needs_locks();
	check(plat_limit_set(RLIMIT_MEMLOCK, page) == 0);
	if (plat_lock(p, 4 * page) < 0) {
		check(left_now() == page);
		skip("this process is limited");
	}
	check(left_now() == SIZE_MAX);
}

static void who_is_root_in_a_container_alone_is_limited(void)
{
	char *p = pages(8);

	be_limited_to(4 * page);
	if (unshare(CLONE_NEWUSER) < 0)
		skip("no namespace can be made");
	/* It has all capabilities there. */
	check(plat_lock(p, 8 * page) == -EDQUOT);
	check(left_now() == 4 * page);
}

/* --- everything --- */

static void all_that_is_mapped_is_locked_and_let_go(void)
{
	char *p = pages(4);

	needs_locks();
	if (plat_lock_all(PLAT_LOCK_NOW) == -EDQUOT)
		skip("this process is limited");
	check(mapped(p, 4 * page) == 4 * page);
	check(locked_now() >= 4 * page);
	p = pages(4);
	check(mapped(p, 4 * page) == 0);
	check(plat_unlock_all() == 0);
	check(locked_now() == 0);
}

static void all_that_will_be_mapped_is_locked(void)
{
	size_t before;
	char *p;

	needs_locks();
	check(plat_lock_all(PLAT_LOCK_FUTURE) == 0);
	before = locked_now();
	p = pages(4);
	check(locked_now() == before + 4 * page && mapped(p, 4 * page) == 4 * page);
	check(plat_lock_all(PLAT_LOCK_FUTURE | PLAT_LOCK_ON_FAULT) == 0);
	p = pages(4);
	check(locked_now() == before + 8 * page && mapped(p, 4 * page) == 0);
	check(plat_unlock_all() == 0);
	p = pages(4);
	check(locked_now() == 0 && mapped(p, 4 * page) == 0);
}

static void more_than_the_limit_is_not_locked_at_all(void)
{
	be_limited_to(page);
	errno = 98;
	check(plat_lock_all(PLAT_LOCK_NOW) == -EDQUOT);
	check(errno == 98 && locked_now() == 0);
}

static void nothing_to_lock_and_what_is_not_known_is_refused(void)
{
	check(plat_lock_all(0) == -EINVAL);
	check(plat_lock_all(PLAT_LOCK_ON_FAULT) == -EINVAL);
	check(plat_lock_all(PLAT_LOCK_NOW | 64) == -EINVAL);
}

static void an_older_kernel_does_not_lock_on_fault(void)
{
	char *p = pages(1);

	refuse(SYS_mlock2, -1, 0, ENOSYS);
	check(plat_lock_on_fault(p, page) == -ENOSYS);
}

static const struct test tests[] = {
	{TEST(what_is_locked_is_in_memory_and_counted)},
	{TEST(the_pages_around_an_object_are_locked)},
	{TEST(locks_do_not_count)},
	{TEST(on_fault_pages_are_counted_at_once_and_come_when_touched)},
	{TEST(the_child_of_a_fork_has_no_locks)},
	{TEST(no_bytes_and_those_that_wrap_are_refused)},
	{TEST(what_is_not_mapped_is_enomem)},
	{TEST(pages_that_cannot_be_had_are_efault_and_the_others_are_locked)},
	{TEST(pages_behind_the_end_of_a_file_are_efault)},
	{TEST(what_is_left_is_told_and_can_be_locked_and_no_more)},
	{TEST(what_is_locked_already_is_not_counted_twice)},
	{TEST(a_limit_of_bytes_leaves_whole_pages)},
	{TEST(a_limit_of_nothing_is_eperm)},
	{TEST(without_a_limit_everything_is_left)},
	{TEST(who_may_lock_everything_is_told_so)},
	{TEST(who_is_root_in_a_container_alone_is_limited)},
	{TEST(all_that_is_mapped_is_locked_and_let_go)},
	{TEST(all_that_will_be_mapped_is_locked)},
	{TEST(more_than_the_limit_is_not_locked_at_all)},
	{TEST(nothing_to_lock_and_what_is_not_known_is_refused)},
	{TEST(an_older_kernel_does_not_lock_on_fault)},
};

int main(int argc, char **argv)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
