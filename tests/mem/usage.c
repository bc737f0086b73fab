/* What plat_usage says, beside what the kernel says by other ways and what the test itself does. */
#include "check.h"
#include "locks.h"
#include "refuse.h"

#include <plat/usage.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct plat_usage usage_now(void)
{
	struct plat_usage usage;

	check(plat_usage(&usage, sizeof(usage)) == 0);
	return usage;
}

static char *touched(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED);
	memset(p, 1, size);
	return p;
}

/* The kernel's count of resident pages may be behind by some dozen pages for each processor. */
#define SLACK (4 * MIB)

static void a_mapping_that_is_touched_is_counted(void)
{
	struct plat_usage before = usage_now(), after, gone;
	char *p = touched(64 * MIB);

	after = usage_now();
	check(after.address_space == before.address_space + 64 * MIB);
	check(after.data == before.data + 64 * MIB);
	check(after.resident + SLACK >= before.resident + 64 * MIB);
	check(after.resident_anonymous + SLACK >= before.resident_anonymous + 64 * MIB);
	munmap(p, 64 * MIB);
	gone = usage_now();
	check(gone.address_space == before.address_space);
	check(gone.resident < after.resident - 32 * MIB);
	check(gone.resident_peak + SLACK >= after.resident);
	check(gone.address_space_peak >= after.address_space);
}

static void the_two_that_change_most_are_the_same_figures(void)
{
	struct plat_usage all = usage_now();
	size_t address_space, resident;

	check(plat_usage_now(&address_space, &resident) == 0);
	check(address_space == all.address_space);
	check(resident + SLACK >= all.resident && all.resident + SLACK >= resident);
}

static void what_is_locked_is_counted(void)
{
	size_t before = usage_now().locked, page = (size_t)sysconf(_SC_PAGESIZE);

	needs_locks();
	check(mlock(touched(page), page) == 0);
	check(usage_now().locked == before + page);
}

static void a_caller_who_knows_fewer_fields_gets_those(void)
{
	struct plat_usage usage;

	memset(&usage, 0x5a, sizeof(usage));
	check(plat_usage(&usage, offsetof(struct plat_usage, resident)) == 0);
	check(usage.address_space_peak >= usage.address_space);
	check(usage.resident == (size_t)0x5a5a5a5a5a5a5a5a);
}

static void a_caller_who_knows_more_fields_gets_unknown(void)
{
	struct {
		struct plat_usage known;
		size_t later;
	} usage = {.later = 1};

	check(plat_usage(&usage.known, sizeof(usage)) == 0);
	check(usage.later == PLAT_UNKNOWN);
}

static void the_child_of_a_fork_is_told_its_own(void)
{
	size_t address_space = 0, resident, child_space = 0;
	pid_t child;

	check(plat_usage_now(&address_space, &resident) == 0);
	(void)usage_now();
	child = fork();
	if (child == 0) {
		touched(64 * MIB);
		check(plat_usage_now(&child_space, &resident) == 0);
		check(child_space == address_space + 64 * MIB);
		check(usage_now().address_space == child_space);
		_exit(0);
	}
	check(child_failed(child) == NULL);
	check(plat_usage_now(&child_space, &resident) == 0);
	check(child_space == address_space);
}

/* Each has one more mapping than the one that made it, and is told so before it looks further down.
 */
static void tell_generations(int left)
{
	size_t before, now, resident;
	pid_t child;
	int i;

	check(plat_usage_now(&before, &resident) == 0);
	for (i = 0; left > 0 && i < 2; i++) {
		child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
		if (child == 0) {
			touched(MIB);
			check(plat_usage_now(&now, &resident) == 0);
			check(now == before + MIB);
			tell_generations(left - 1);
			_exit(0);
		}
		check(child_failed(child) == NULL);
		check(plat_usage_now(&now, &resident) == 0);
		check(now == before);
	}
}

/* The C library does not know of these. */
static void children_of_children_are_told_their_own(void)
{
	tell_generations(3);
}

static void so_they_are_where_no_page_is_wiped_on_fork(void)
{
	refuse(SYS_madvise, 2, MADV_WIPEONFORK, EINVAL);
	tell_generations(2);
}

static void closing_its_descriptor_does_no_harm(void)
{
	size_t address_space, resident, again;
	int fd;

	check(plat_usage_now(&address_space, &resident) == 0);
	for (fd = 3; fd < 64; fd++)
		close(fd);
	/* Its number is now another file. */
	for (fd = 3; fd < 64; fd++)
		check(open("/dev/zero", O_RDONLY) == fd);
	check(plat_usage_now(&again, &resident) == 0);
	check(again == address_space);
	for (fd = 3; fd < 64; fd++)
		check(fcntl(fd, F_GETFD) >= 0);
}

static void nothing_is_said_where_no_descriptor_is_left(void)
{
	struct rlimit none = {0, 0};
	size_t address_space = 7, resident = 8;

	check(setrlimit(RLIMIT_NOFILE, &none) == 0);
	errno = 99;
	check(plat_usage_now(&address_space, &resident) == -EMFILE);
	check(address_space == 7 && resident == 8 && errno == 99);
}

static void what_is_left_of_a_limit_can_be_used_and_no_more(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct plat_limit limit;

	check(plat_limit_get(RLIMIT_AS, &limit) == 0);
	check(plat_limit_set(RLIMIT_AS, limit.used + 16 * MIB) == 0);
	check(plat_limit_get(RLIMIT_AS, &limit) == 0);
	check(limit.left == limit.soft - limit.used);
	limit.left -= limit.left % page;
	check(mmap(NULL, limit.left + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	      MAP_FAILED);
	check(mmap(NULL, limit.left, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static void no_limit_leaves_everything(void)
{
	struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	struct plat_limit limit;

	if (setrlimit(RLIMIT_DATA, &none) < 0)
		skip("the limit cannot be lifted");
	check(plat_limit_get(RLIMIT_DATA, &limit) == 0);
	check(limit.soft == SIZE_MAX && limit.hard == SIZE_MAX && limit.left == SIZE_MAX);
	check(limit.used != PLAT_UNKNOWN && limit.used > 0);
}

static void the_hard_limit_stays_as_it_is(void)
{
	struct rlimit limit = {64 * MIB, 128 * MIB};

	check(setrlimit(RLIMIT_CORE, &limit) == 0);
	check(plat_limit_set(RLIMIT_CORE, 32 * MIB) == 0);
	check(plat_limit_set(RLIMIT_CORE, 129 * MIB) == -EINVAL);
	check(getrlimit(RLIMIT_CORE, &limit) == 0);
	check(limit.rlim_cur == 32 * MIB && limit.rlim_max == 128 * MIB);
	check(plat_limit_set(RLIMIT_CORE, SIZE_MAX) == 0);
	check(getrlimit(RLIMIT_CORE, &limit) == 0);
	check(limit.rlim_cur == 128 * MIB);
}

static void of_other_limits_nobody_knows_what_is_used(void)
{
	struct plat_limit limit;

	check(plat_limit_set(RLIMIT_NOFILE, 20) == 0);
	check(plat_limit_get(RLIMIT_NOFILE, &limit) == 0);
	check(limit.soft == 20 && limit.used == PLAT_UNKNOWN && limit.left == PLAT_UNKNOWN);
	check(plat_limit_get(1000, &limit) == -EINVAL);
}

static const struct test tests[] = {
	{TEST(a_mapping_that_is_touched_is_counted)},
	{TEST(the_two_that_change_most_are_the_same_figures)},
	{TEST(what_is_locked_is_counted)},
	{TEST(a_caller_who_knows_fewer_fields_gets_those)},
	{TEST(a_caller_who_knows_more_fields_gets_unknown)},
	{TEST(the_child_of_a_fork_is_told_its_own)},
	{TEST(children_of_children_are_told_their_own)},
	{TEST(so_they_are_where_no_page_is_wiped_on_fork)},
	{TEST(closing_its_descriptor_does_no_harm)},
	{TEST(nothing_is_said_where_no_descriptor_is_left)},
	{TEST(what_is_left_of_a_limit_can_be_used_and_no_more)},
	{TEST(no_limit_leaves_everything)},
	{TEST(the_hard_limit_stays_as_it_is)},
	{TEST(of_other_limits_nobody_knows_what_is_used)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
