/* The small files of /proc/PID, from any kernel or from a stranger. */
#include "source/facts.h"

#include "fixture.h"
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The fields behind the command, numbered from 3. */
#define FIELDS                                                                                     \
	" S 1 4711 4711 34816 -1 4194304 103 0 0 0 0 0 0 0 20 0 1 0 123456 2703360 153 "           \
	"18446744073709551615 94170000 94171000 140730000000 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 "    \
	"94180000 94181000 94190000 140730000100 140730000200 140730000300 140730000400 0\n"

/* stat */

static void stat_tells_where_things_lie(void **state)
{
	(void)state;
	assert_int_equal(facts_stat(&space, "4711 (town)" FIELDS), 0);
	assert_string_equal(space.process.command, "town");
	assert_int_equal(space.process.state, 'S');
	assert_int_equal(space.process.ppid, 1);
	assert_int_equal(space.process.start_time, 123456);
	assert_int_equal(space.process.start_code, 94170000);
	assert_int_equal(space.process.end_code, 94171000);
	assert_int_equal(space.process.start_stack, 140730000000);
	assert_int_equal(space.process.start_data, 94180000);
	assert_int_equal(space.process.end_data, 94181000);
	assert_int_equal(space.start_brk, 94190000);
	assert_int_equal(space.process.arg_start, 140730000100);
	assert_int_equal(space.process.arg_end, 140730000200);
	assert_int_equal(space.process.env_start, 140730000300);
	assert_int_equal(space.process.env_end, 140730000400);
}

static void a_command_may_hold_brackets_blanks_and_newlines(void **state)
{
	(void)state;
	assert_int_equal(facts_stat(&space, "4711 (a) (b) S 1 (\n)" FIELDS), 0);
	assert_string_equal(space.process.command, "a) (b) S 1 (\n");
	assert_int_equal(space.process.start_time, 123456);
}

static void a_command_may_be_empty(void **state)
{
	(void)state;
	assert_int_equal(facts_stat(&space, "4711 ()" FIELDS), 0);
	assert_string_equal(space.process.command, "");
}

static void a_long_command_is_cut(void **state)
{
	(void)state;
	assert_int_equal(facts_stat(&space, "4711 (0123456789012345678901234567890123456789"
					    "0123456789012345678901234567890123456789)" FIELDS),
			 0);
	assert_int_equal(strlen(space.process.command), THREAD_NAME_SIZE - 1);
}

static void a_stat_without_command_or_state_is_refused(void **state)
{
	static const char *const texts[] = {
		"",	      "4711",	  "4711 (a",   "4711 a) S",
		"4711 ) ( S", "4711 (a)", "4711 (a) ", "4711 (a)S",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(facts_stat(&space, texts[i]), -EINVAL);
}

static void negative_and_giant_fields_are_unknown(void **state)
{
	(void)state;
	assert_int_equal(facts_stat(&space, "4711 (a) S -1 0 0 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 "
					    "99999999999999999999 0 0 0 -5 7 -9"),
			 0);
	assert_int_equal(space.process.ppid, 0);
	assert_int_equal(space.process.start_time, UNKNOWN);
	assert_int_equal(space.process.start_code, UNKNOWN);
	assert_int_equal(space.process.end_code, 7);
	assert_int_equal(space.process.start_stack, UNKNOWN);
}

static void fields_that_are_missing_are_unknown(void **state)
{
	(void)state;
	assert_int_equal(facts_stat(&space, "4711 (a) R 1\n5 6 7"), 0);
	assert_int_equal(space.process.ppid, 1);
	assert_int_equal(space.process.start_time, UNKNOWN);
	assert_int_equal(space.process.env_end, UNKNOWN);
	assert_int_equal(space.start_brk, UNKNOWN);
}

/* Linux fs/proc/array.c prints 0 for addresses, and 1 for those of the code, without permission. */
static void addresses_that_are_hidden_are_unknown(void **state)
{
	(void)state;
	assert_int_equal(facts_stat(&space, "1 (a) S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 5 9 9 "
					    "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 "
					    "0 0 0 0 0 0 0 0 0 0 0 0\n"),
			 0);
	assert_int_equal(space.process.start_code, UNKNOWN);
	assert_int_equal(space.process.end_code, UNKNOWN);
	assert_int_equal(space.process.start_stack, UNKNOWN);
	assert_int_equal(space.process.arg_start, UNKNOWN);
	assert_int_equal(space.start_brk, UNKNOWN);
}

/* Within exec the addresses of the code are not set yet. */
static void a_program_that_is_being_loaded_is_told_from_one_that_is_hidden(void **state)
{
	(void)state;
	assert_int_equal(facts_stat(&space, "1 (a) R 1 1 1 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 5 9 9 "
					    "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 "
					    "0 0 0 0 0 0 0 0 0 0 0 0\n"),
			 0);
	assert_true(space.process.is_loading);
	/* The stack is there long before the rest. */
	assert_int_equal(facts_stat(&space, "1 (a) R 1 1 1 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 5 9 9 "
					    "18446744073709551615 0 0 140737488347136 0 0 0 0 0 0 "
					    "0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"),
			 0);
	assert_true(space.process.is_loading);
	assert_int_equal(facts_stat(&space, "1 (a) S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 5 9 9 "
					    "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 "
					    "0 0 0 0 0 0 0 0 0 0 0 0\n"),
			 0);
	assert_false(space.process.is_loading);
	assert_int_equal(facts_stat(&space, "4711 (town)" FIELDS), 0);
	assert_false(space.process.is_loading);
}

static void a_thread_has_a_name_and_a_state(void **state)
{
	struct thread thread = {0};

	(void)state;
	assert_int_equal(facts_thread_stat(&thread, "4712 (night ) (watch) D 1"), 0);
	assert_string_equal(thread.name, "night ) (watch");
	assert_int_equal(thread.state, 'D');
	assert_int_equal(facts_thread_stat(&thread, "4712"), -EINVAL);
}

static void a_thread_that_was_killed_does_not_go_on(void **state)
{
	const char none[] = "Name:\ta\nSigPnd:\t0000000000000000\n";
	const char killed[] = "Name:\ta\nSigPnd:\t0000000000000100\n";

	(void)state;
	assert_true(facts_thread_goes_on(none, "2 (a) S 1 1 1 0 -1 4194368 0"));
	assert_true(facts_thread_goes_on("", "2 (a) S"));
	assert_false(facts_thread_goes_on(killed, "2 (a) S 1 1 1 0 -1 4194368 0"));
	assert_false(facts_thread_goes_on(none, "2 (a) R 1 1 1 0 -1 4194372 0")); /* exits */
	assert_false(facts_thread_goes_on(none, "2 (a) R 1 1 1 0 -1 4195392 0")); /* was killed */
	assert_false(facts_thread_goes_on(none, "2 (a) Z 1 1 1 0 -1 4194368 0"));
	assert_false(facts_thread_goes_on(none, ""));
}

/* syscall */

static plat_addr stack_pointer(const char *text, const char **why)
{
	struct thread thread = {.sp = UNKNOWN};

	facts_thread_syscall(&thread, text);
	if (why)
		*why = thread.sp_why;
	return thread.sp;
}

static void the_stack_pointer_is_the_last_but_one(void **state)
{
	struct thread thread = {.sp = UNKNOWN};

	(void)state;
	facts_thread_syscall(&thread, "-1 0x7ffdb7c8e4f8 0x7f5c0d30f5b0\n");
	assert_int_equal(thread.pc, 0x7f5c0d30f5b0);
	assert_int_equal(
		stack_pointer("7 0x1 0x2 0x3 0x4 0x5 0x6 0x7ffdb7c8e4f8 0x7f5c0d30f5b0\n", NULL),
		0x7ffdb7c8e4f8);
	assert_int_equal(stack_pointer("-1 0x7ffdb7c8e4f8 0x7f5c0d30f5b0\n", NULL), 0x7ffdb7c8e4f8);
	assert_int_equal(stack_pointer("240 0x1 0x2 0x3 0x4 0x5 0x6 0xff9d7a5c 0xf7f3c549\n", NULL),
			 0xff9d7a5c);
}

static void a_running_thread_has_none(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(stack_pointer("running\n", &why), UNKNOWN);
	assert_string_equal(why, "running");
}

static void without_a_stack_pointer_there_is_a_reason(void **state)
{
	static const char *const texts[] = {"",	      "\n",	"-1", "-1 0x0 0x0\n",
					    "0x5 \n", "5 five", "0x", "0xffffffffffffffffff 0x1"};
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(stack_pointer(texts[i], &why), UNKNOWN);
		assert_non_null(why);
	}
}

/* status */

static void status_gives_figures_in_bytes(void **state)
{
	(void)state;
	facts_status(&space,
		     "Name:\ttown\nVmPeak:\t  2640 kB\nVmSize:\t     100 kB\nVmRSS:\t0 kB\n");
	assert_int_equal(space.figures[VM_PEAK], 2640 * 1024);
	assert_int_equal(space.figures[VM_SIZE], 100 * 1024);
	assert_int_equal(space.figures[VM_RSS], 0);
	assert_int_equal(space.figures[VM_HWM], UNKNOWN);
}

/* An older kernel has no RssAnon; VmPTE must not be taken for VmP... */
static void figures_are_told_apart_by_their_whole_name(void **state)
{
	(void)state;
	facts_status(&space, "VmPeakX:\t1 kB\nXVmPTE:\t2 kB\nVmPTE:\t3 kB\n VmLck:\t4 kB\n");
	assert_int_equal(space.figures[VM_PEAK], UNKNOWN);
	assert_int_equal(space.figures[VM_PTE], 3 * 1024);
	assert_int_equal(space.figures[VM_LCK], UNKNOWN);
}

static void figures_without_a_number_are_unknown(void **state)
{
	(void)state;
	facts_status(&space, "VmSize:\nVmRSS:\t-4 kB\nVmSwap:\t18446744073709551615 kB\nVmPin");
	assert_int_equal(space.figures[VM_SIZE], UNKNOWN);
	assert_int_equal(space.figures[VM_RSS], UNKNOWN);
	assert_int_equal(space.figures[VM_SWAP], UNKNOWN);
}

static void status_tells_the_owner(void **state)
{
	(void)state;
	facts_status(&space, "Uid:\t1000\t1001\t1002\t1003\n");
	assert_int_equal(space.process.uid, 1000);
}

static void status_tells_the_capabilities(void **state)
{
	(void)state;
	assert_int_equal(space.process.capabilities, UNKNOWN);
	facts_status(&space, "CapPrm:\t0000000000000001\nCapEff:\t0000003fffffffff\nCapBnd:\t0\n");
	assert_int_equal(space.process.capabilities, 0x3fffffffff);
	facts_status(&space, "CapEff:\n");
	assert_int_equal(space.process.capabilities, UNKNOWN);
}

/* meminfo and the kernel's release */

static void meminfo_gives_memory_in_bytes(void **state)
{
	(void)state;
	facts_meminfo(&space, "MemTotal:       24684392 kB\nMemFree:        22189000 kB\n"
			      "MemAvailable:   23000000 kB\nSwapCached:            7 kB\n"
			      "SwapTotal:             0 kB\nSwapFree:              0 kB\n"
			      "CommitLimit:    12342196 kB\nCommitted_AS:\n");
	assert_int_equal(space.machine.ram, UINT64_C(24684392) * KIB);
	assert_int_equal(space.machine.available, UINT64_C(23000000) * KIB);
	assert_int_equal(space.machine.swap, 0);
	assert_int_equal(space.machine.swap_free, 0);
	assert_int_equal(space.machine.commit_limit, UINT64_C(12342196) * KIB);
	assert_int_equal(space.machine.committed, UNKNOWN);
}

static void a_release_begins_with_two_numbers(void **state)
{
	(void)state;
	assert_int_equal(facts_release("6.18.44-generic\n"), VERSION(6, 18));
	assert_int_equal(facts_release("6.1.0-18-amd64\n"), VERSION(6, 1));
	assert_int_equal(facts_release("10.0-rc1"), VERSION(10, 0));
	assert_int_equal(facts_release("6\n"), 0);
	assert_int_equal(facts_release("Linux"), 0);
	assert_int_equal(facts_release("6.99999999999999999999"), 0);
	assert_int_equal(facts_release(""), 0);
}

static void the_innermost_number_is_the_last(void **state)
{
	(void)state;
	assert_int_equal(facts_inner_pid("Pid:\t9\nNSpid:\t4711\t12\t1\nNSpgid:\t5\n"), 1);
	assert_int_equal(facts_inner_pid("NSpid:\t4711\n"), 4711);
	assert_int_equal(facts_inner_pid("NSpid:\t4711 \n"), 4711);
}

static void without_nspid_there_is_no_inner_number(void **state)
{
	(void)state;
	assert_int_equal(facts_inner_pid(""), 0);
	assert_int_equal(facts_inner_pid("Pid:\t9\n"), 0);
	assert_int_equal(facts_inner_pid("NSpid:\n5\n"), 0);
	assert_int_equal(facts_inner_pid("NSpid:\t99999999999\n"), 0);
}

/* limits */

static void limits_are_numbers_or_unlimited(void **state)
{
	(void)state;
	facts_limits(
		&space,
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max data size             unlimited            unlimited            bytes     \n"
		"Max stack size            8388608              unlimited            bytes     \n"
		"Max address space         5                    6                    bytes     \n");
	assert_true(space.limits[LIMIT_DATA].known);
	assert_int_equal(space.limits[LIMIT_DATA].soft, LIMIT_INFINITE);
	assert_int_equal(space.limits[LIMIT_STACK].soft, 8388608);
	assert_int_equal(space.limits[LIMIT_STACK].hard, LIMIT_INFINITE);
	assert_int_equal(space.limits[LIMIT_AS].hard, 6);
	assert_false(space.limits[LIMIT_MEMLOCK].known);
}

static void a_limit_with_one_number_is_unknown(void **state)
{
	(void)state;
	facts_limits(&space, "Max data size             5\nMax stack size\nMax resident set  a b\n"
			     "Max address space 99999999999999999999 1");
	assert_false(space.limits[LIMIT_DATA].known);
	assert_false(space.limits[LIMIT_STACK].known);
	assert_false(space.limits[LIMIT_RSS].known);
	assert_false(space.limits[LIMIT_AS].known);
}

/* auxv */

static void auxv_of_64_bits(void **state)
{
	const uint64_t vector[] = {AT_SYSINFO_EHDR, 0x7000, AT_PHDR,  0x400040, AT_PHENT, 56,
				   AT_PAGESZ,	    4096,   AT_BASE,  0x5000,	AT_ENTRY, 0x401000,
				   AT_NULL,	    0,	    AT_ENTRY, 9};

	(void)state;
	facts_auxv(&space, vector, sizeof(vector));
	assert_int_equal(space.process.bits, 64);
	assert_int_equal(space.process.vdso, 0x7000);
	assert_int_equal(space.process.phdr, 0x400040);
	assert_int_equal(space.process.base, 0x5000);
	assert_int_equal(space.process.entry, 0x401000);
	assert_int_equal(space.machine.page_size, 4096);
}

static void auxv_of_32_bits(void **state)
{
	const uint32_t vector[] = {AT_PHDR,  0x8048034, AT_PHENT, 32,
				   AT_ENTRY, 0x8049000, AT_NULL,  0};

	(void)state;
	facts_auxv(&space, vector, sizeof(vector));
	assert_int_equal(space.process.bits, 32);
	assert_int_equal(space.process.phdr, 0x8048034);
	assert_int_equal(space.process.base, UNKNOWN);
}

static void auxv_tells_the_size_of_pages(void **state)
{
	const uint64_t vector[] = {AT_PHENT, 56, AT_PAGESZ, 65536, AT_NULL, 0};

	(void)state;
	facts_auxv(&space, vector, sizeof(vector));
	assert_int_equal(space.machine.page_size, 65536);
}

static void a_size_of_pages_that_cannot_be_is_not_believed(void **state)
{
	static const uint64_t sizes[] = {0,	1,	 3,	     2048,	4097,
					 12288, 1 << 21, UINT64_MAX, 1ULL << 63};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const uint64_t vector[] = {AT_PHENT, 56, AT_PAGESZ, sizes[i], AT_NULL, 0};

		facts_auxv(&space, vector, sizeof(vector));
		assert_int_equal(space.machine.page_size, 4096);
	}
}

static void auxv_may_be_cut_anywhere(void **state)
{
	const uint64_t vector[] = {AT_PHENT, 56, AT_PHDR, 0x400040, AT_ENTRY, 0x401000, AT_NULL, 0};
	char copy[sizeof(vector)];
	size_t size;

	(void)state;
	for (size = 0; size <= sizeof(vector); size++) {
		space_init(&space);
		memcpy(copy, vector, size);
		facts_auxv(&space, copy, size);
		assert_int_equal(space.process.bits, size >= 16 ? 64 : 0);
		assert_int_equal(space.process.phdr, size >= 32 ? 0x400040 : UNKNOWN);
	}
}

static void an_auxv_that_says_nothing_changes_nothing(void **state)
{
	const uint64_t vector[] = {AT_PHDR, 5, AT_PHENT, 7, AT_NULL, 0};

	(void)state;
	facts_auxv(&space, vector, sizeof(vector));
	facts_auxv(&space, "", 0);
	assert_int_equal(space.process.bits, 0);
	assert_int_equal(space.process.phdr, UNKNOWN);
}

/* The others. */

static void personality_is_hexadecimal(void **state)
{
	(void)state;
	facts_personality(&space, "00040000\n");
	assert_int_equal(space.process.personality, 0x40000);
	space.process.personality = UNKNOWN;
	facts_personality(&space, "\n");
	assert_int_equal(space.process.personality, UNKNOWN);
}

static void a_number_alone_is_decimal(void **state)
{
	(void)state;
	assert_int_equal(facts_number("65530\n"), 65530);
	assert_int_equal(facts_number(""), UNKNOWN);
	assert_int_equal(facts_number("-1"), UNKNOWN);
	assert_int_equal(facts_number("18446744073709551616"), UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_space, end_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stat_tells_where_things_lie),
		TEST(a_command_may_hold_brackets_blanks_and_newlines),
		TEST(a_command_may_be_empty),
		TEST(a_long_command_is_cut),
		TEST(a_stat_without_command_or_state_is_refused),
		TEST(negative_and_giant_fields_are_unknown),
		TEST(fields_that_are_missing_are_unknown),
		TEST(addresses_that_are_hidden_are_unknown),
		TEST(a_program_that_is_being_loaded_is_told_from_one_that_is_hidden),
		TEST(a_thread_has_a_name_and_a_state),
		TEST(a_thread_that_was_killed_does_not_go_on),
		TEST(the_stack_pointer_is_the_last_but_one),
		TEST(a_running_thread_has_none),
		TEST(without_a_stack_pointer_there_is_a_reason),
		TEST(status_gives_figures_in_bytes),
		TEST(figures_are_told_apart_by_their_whole_name),
		TEST(figures_without_a_number_are_unknown),
		TEST(status_tells_the_owner),
		TEST(status_tells_the_capabilities),
		TEST(meminfo_gives_memory_in_bytes),
		TEST(a_release_begins_with_two_numbers),
		TEST(the_innermost_number_is_the_last),
		TEST(without_nspid_there_is_no_inner_number),
		TEST(limits_are_numbers_or_unlimited),
		TEST(a_limit_with_one_number_is_unknown),
		TEST(auxv_of_64_bits),
		TEST(auxv_of_32_bits),
		TEST(auxv_tells_the_size_of_pages),
		TEST(a_size_of_pages_that_cannot_be_is_not_believed),
		TEST(auxv_may_be_cut_anywhere),
		TEST(an_auxv_that_says_nothing_changes_nothing),
		TEST(personality_is_hexadecimal),
		TEST(a_number_alone_is_decimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
