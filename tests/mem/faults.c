/*
 * libplat-malloc and libplat in one process, each with a handler of SIGSEGV: whichever came first,
 * a touched guard page and a stack overflow are told once each, by whom they concern, and what is
 * neither is told by nobody.
 *
 * The program does its deeds in processes of its own, with PLAT_GUARD=all, where the first block
 * brings the allocator's handler, and with PLAT_GUARD=off, where a large one does, later.
 */
#include "check.h"
#include "ended.h"

#include <plat/stack.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE (64 * MIB)
#define WENT_ON 3

/* --- deeds --- */

/* Behind it is a page that cannot be touched, where the kernel has them. */
static char *volatile block;

static void touch_behind_it(void)
{
	block[LARGE] = 1;
}

static void touch_a_page_of_nobody(void)
{
	char *volatile nobodys = (char *)64;

	*(volatile char *)nobodys = 1;
}

static void *go_down_to(void *lowest)
{
	volatile char frame[512];

	frame[0] = 1;
	if ((uintptr_t)frame > (uintptr_t)lowest)
		go_down_to(lowest);
	return frame[0] ? lowest : NULL;
}

static void overflow(void)
{
	struct plat_thread *thread;

	check(plat_thread_new(128 * KIB, 0, go_down_to, NULL, &thread) == 0);
	plat_thread_join(thread, NULL);
}

static const struct deed {
	const char *name;
	void (*run)(void);
} deeds[] = {
	{"guard", touch_behind_it},
	{"nobody", touch_a_page_of_nobody},
	{"stack", overflow},
};

static bool has_handler(void)
{
	struct sigaction now;

	check(sigaction(SIGSEGV, NULL, &now) == 0);
	return now.sa_handler != SIG_DFL;
}

/* As a process of its own. */
static int run_deed(const char *name)
{
	bool is_all = strcmp(getenv("PLAT_GUARD"), "all") == 0;
	size_t i;

	block = malloc(1);
	free(block);
	if (has_handler() != is_all)
		return 5;
	check(plat_stack_report_overflow() == 0);
	block = malloc(LARGE);
	check(block != NULL);
	for (i = 0; i < ARRAY_SIZE(deeds); i++)
		if (strcmp(name, deeds[i].name) == 0)
			deeds[i].run();
	return WENT_ON;
}

/* --- what comes of them --- */

static const char *deed_wanted, *guard_wanted, *on_error_wanted;

static void become(void)
{
	setenv("PLAT_GUARD", guard_wanted, 1);
	setenv("PLAT_ON_ERROR", on_error_wanted, 1);
	execl("/proc/self/exe", "mem-faults", "--do", deed_wanted, (char *)NULL);
}

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	while (text = strstr(text, words), text) {
		text++;
		n++;
	}
	return n;
}

/* How many lines say what; behind the allocator's may be others, on where the block was made. */
static void expect(const char *deed, const char *guard, const char *on_error, int status_wanted,
		   size_t naccesses, size_t noverflows)
{
	char said[4096];
	int status;

	deed_wanted = deed;
	guard_wanted = guard;
	on_error_wanted = on_error;
	status = ended(become, said, sizeof(said));
	check_with(status == status_wanted, "status %#x: %s", (unsigned)status, said);
	check_with(count(said, "plat-malloc: access past the end: ") == naccesses, "%s", said);
	check_with(count(said, "plat: stack overflow in thread ") == noverflows, "%s", said);
	check_with(count(said, "plat: ") + count(said, "plat-malloc: ") == naccesses + noverflows,
		   "%s", said);
}

static void needs_guards(void)
{
	char *p;

	needs_ours("whose guards are touched");
	p = malloc(LARGE);
	check(p != NULL);
	free(p);
	if (!has_handler())
		skip("this kernel has no guards behind large blocks");
}

static void a_guard_is_told_by_the_allocator_that_came_first(void)
{
	needs_guards();
	expect("guard", "all", "abort", SIGSEGV, 1, 0);
}

static void and_by_the_one_that_came_second(void)
{
	needs_guards();
	expect("guard", "off", "abort", SIGSEGV, 1, 0);
}

static void what_is_only_reported_goes_on(void)
{
	needs_guards();
	expect("guard", "all", "report", WENT_ON << 8, 1, 0);
	expect("guard", "off", "report", WENT_ON << 8, 1, 0);
}

static void an_overflow_is_told_by_libplat_in_either_order(void)
{
	needs_guards();
	expect("stack", "all", "abort", SIGSEGV, 0, 1);
	expect("stack", "off", "abort", SIGSEGV, 0, 1);
}

static void other_faults_are_told_by_nobody(void)
{
	needs_guards();
	expect("nobody", "all", "abort", SIGSEGV, 0, 0);
	expect("nobody", "off", "abort", SIGSEGV, 0, 0);
}

static const struct test tests[] = {
	{TEST(a_guard_is_told_by_the_allocator_that_came_first)},
	{TEST(and_by_the_one_that_came_second)},
	{TEST(what_is_only_reported_goes_on)},
	{TEST(an_overflow_is_told_by_libplat_in_either_order)},
	{TEST(other_faults_are_told_by_nobody)},
};

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--do") == 0)
		return run_deed(argv[2]);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
