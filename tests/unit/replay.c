/* Scripts and traces carried out, and what is learnt from a trace whose beginning is not known. */
#include "base/error.h"
#include "base/text.h"
#include "model/replay.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct replay replay;
static struct replay_step step;
static struct error err;

static int set_up(void **state)
{
	(void)state;
	replay_init(&replay);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	replay_fini(&replay);
	return 0;
}

static enum replay_outcome play(const char *line)
{
	if (replay_line(&replay, line, strlen(line), &step, &err) < 0)
		fail_msg("%s: %s", line, err.text);
	assert_true(model_valid(&replay.model));
	return step.outcome;
}

static void assert_outcome(const char *line, enum replay_outcome outcome)
{
	enum replay_outcome got = play(line);

	if (got != outcome)
		fail_msg("%s: outcome %d, not %d", line, got, outcome);
}

static void same(const char *line)
{
	assert_outcome(line, REPLAY_SAME);
}

static void different(const char *line)
{
	assert_outcome(line, REPLAY_DIFFERENT);
}

static void adopted(const char *line)
{
	assert_outcome(line, REPLAY_ADOPTED);
}

/* Scripts. */

static void a_script_begins_with_an_empty_space(void **state)
{
	(void)state;
	same("mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
	     "0x7ffff7ffd000");
	same("expect 0x7ffff7ffd000 to 0x7ffff7fff000 is rw-p");
	different("munmap(0x7ffff7ffd000, 4096) = -1 EINVAL");
	assert_outcome("munmap(0x7ffff7ffe000, 4096)", REPLAY_UNCHECKED);
	same("expect free 0x7ffff7ffd000 to 0x7ffff7fff000");
	same("expect VmSize = 0");
	same("expect map_count = 0");
}

static void a_refusal_names_its_rule(void **state)
{
	(void)state;
	play("limit as 4096");
	same("mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM");
	assert_int_equal(step.result.refused, RULE_LIMIT_AS);
}

static void results_get_names(void **state)
{
	(void)state;
	play("mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = $a");
	same("write $a = 0");
	same("munmap($a + 4K, 4096) = 0");
	same("expect $a to $a + 4K is rw-p");
	play("remember $size VmSize");
	same("expect VmSize = $size");
	different("mmap(NULL, 0, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = $b");
}

static void the_beginning_can_be_stated(void **state)
{
	(void)state;
	play("process start_brk 0x556000");
	play("process brk 0x556000");
	play("file 1 \"/bin/true\" read-only");
	play("descriptor 3 1");
	play("vma 0x555000-0x556000 r-xp 0x1000 file=1");
	play("vma 0x560000-0x561000 ---p");
	same("brk(0x55f000) = 0x55f000");
	same("brk(0x560000) = 0x55f000");
	assert_int_equal(step.result.refused, RULE_BRK_NEIGHBOUR);
	same("mmap(0x556000, 4096, PROT_WRITE, MAP_SHARED, 3, 0) = -1 EACCES");
	same("expect VmSize = 11*4096");
	assert_string_equal(replay.names.files[0].name, "/bin/true");
}

static void what_is_stated_wrongly_is_complained_of(void **state)
{
	static const struct {
		const char *line, *sentence;
	} wrong[] = {
		{"vma 0x1000-0x2000 r--p", "2:1: something is mapped there already"},
		{"vma 0x2000-0x3000 r--p file=1", "3:1: no line has told of this file"},
		{"descriptor 3 1", "4:1: no line has told of this file"},
		{"munmap(", "5:7: no ) for this ("},
	};
	size_t i;

	(void)state;
	play("vma 0x1000-0x2000 r--p");
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(
			replay_line(&replay, wrong[i].line, strlen(wrong[i].line), &step, &err),
			-EINVAL);
		assert_string_equal(err.text, wrong[i].sentence);
	}
	play("brk(NULL)");
	assert_int_equal(replay_line(&replay, "vma 0x5000-0x6000 r--p", 22, &step, &err), -EINVAL);
	assert_string_equal(err.text, "7:1: what is there at the beginning stands before calls");
}

static void fork_makes_the_model_the_child(void **state)
{
	(void)state;
	play("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = $a");
	same("madvise($a, 4096, MADV_DONTFORK) = 0");
	same("fork() = 0");
	same("expect map_count = 0");
}

static void a_difference_is_followed(void **state)
{
	(void)state;
	/* As if something lay there that nobody has told of: all is known, so it is an error. */
	different("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7000000");
	same("expect 0x7ffff7000000 to 0x7ffff7001000 is r--p");
	same("expect map_count = 1");
	different("mremap(0x7ffff7000000, 4096, 8192, MREMAP_MAYMOVE) = 0x10000000");
	same("expect 0x10000000 to 0x10002000 is r--p");
	different("brk(0x20000000) = 0x20000000");
	same("brk(NULL) = 0x20000000");
	different("setrlimit(RLIMIT_AS, {rlim_cur=1, rlim_max=1}) = -1 EPERM");
	same("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7ffe000");
}

static void a_model_can_be_written_down_and_read_again(void **state)
{
	static const char *const lines[] = {
		"machine version 6.12",
		"limit data 1M 2M",
		"process personality ADDR_NO_RANDOMIZE",
		"capabilities +ipc_lock",
		"process start_brk 0x556000",
		"process brk 0x556000",
		"file 0 read-only huge-aligned size=4096",
		"descriptor 3 0",
		"vma 0x555000-0x556000 r-xp 0x1000 file=0",
		"vma 0x7ffffffde000-0x7ffffffff000 rw-p growsdown anon=4",
		"mlockall(MCL_FUTURE) = 0",
		"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = $a",
		"mmap(NULL, 8192, PROT_READ, MAP_SHARED|MAP_ANONYMOUS, -1, 0) = $b",
	};
	struct text first = TEXT_EMPTY, second = TEXT_EMPTY;
	const char *at, *end;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lines); i++)
		play(lines[i]);
	assert_int_equal(script_put_model(&first, &replay.model), 0);
	replay_fini(&replay);
	replay_init(&replay);
	for (at = text_string(&first); (end = strchr(at, '\n')); at = end + 1)
		assert_int_equal(replay_line(&replay, at, (size_t)(end - at), &step, &err), 0);
	assert_int_equal(script_put_model(&second, &replay.model), 0);
	assert_string_equal(text_string(&first), text_string(&second));
	assert_non_null(strstr(text_string(&first), "process new_flags locked\n"));
	assert_non_null(strstr(text_string(&first), "limit data 1048576 2097152\n"));
	text_fini(&first);
	text_fini(&second);
}

/* Traces. */

static void a_trace_tells_where_it_begins(void **state)
{
	(void)state;
	play("execve(\"/bin/ls\", [\"ls\"], 0x7ffea65aa850 /* 37 vars */) = 0");
	adopted("brk(NULL) = 0x564fede77000");
	adopted("mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
		"0x7f624c1ef000");
	play("openat(AT_FDCWD, \"/etc/ld.so.cache\", O_RDONLY|O_CLOEXEC) = 3");
	same("mmap(NULL, 41775, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f624c1e4000");
	/* The loader's own: it was not told of. */
	adopted("mprotect(0x7f624c22a000, 8192, PROT_READ) = 0");
	same("munmap(0x7f624c1e4000, 41775) = 0");
	same("brk(0x564fede98000) = 0x564fede98000");
	same("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f624c1ee000");
	/* Here nothing can be unknown. */
	different("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f624c1a0000");
}

static void a_break_that_was_not_told_of_begins_a_trace(void **state)
{
	(void)state;
	adopted("brk(NULL) = 0x564fede77000");
	same("brk(0x564fede98000) = 0x564fede98000");
	/* Another program, whose execve was not traced. */
	adopted("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f624c1ee000");
	adopted("brk(NULL) = 0x555555559000");
	assert_int_equal(replay.model.vmas.count, 0);
	adopted("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc0000");
}

static void the_legacy_layout_is_seen(void **state)
{
	(void)state;
	adopted("brk(NULL) = 0x55555557a000");
	adopted("mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x2aaaaaae1000");
	same("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x2aaaaaae3000");
	assert_false(replay.model.top_down);
}

static void a_program_of_32_bits_is_seen(void **state)
{
	(void)state;
	adopted("brk(NULL) = 0x804b000");
	adopted("mmap2(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
		"0xf7ff4000");
	assert_int_equal(replay.model.bits, 32);
	/* No alignment to 2 MiB there. */
	same("mmap2(NULL, 2097152, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
	     "0xf7df4000");
}

static void files_that_were_not_told_of_are_assumed(void **state)
{
	(void)state;
	adopted("brk(NULL) = 0x564fede77000");
	adopted("mmap(NULL, 41775, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f624c1e4000");
	same("mmap(NULL, 1974096, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3, 0) = 0x7f624c002000");
	same("mmap(0x7f624c028000, 4096, PROT_READ, MAP_PRIVATE|MAP_FIXED, 3, 0x26000) = "
	     "0x7f624c028000");
}

static void the_file_system_is_learnt(void **state)
{
	(void)state;
	adopted("brk(NULL) = 0x564fede77000");
	adopted("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000bff000");
	play("openat(AT_FDCWD, \"/lib/large\", O_RDONLY) = 3");
	assert_false(replay.no_huge_files);
	same("mmap(NULL, 4194304, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f00007ff000");
	assert_true(replay.no_huge_files);
	same("mmap(NULL, 4194304, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f00003ff000");
	play("openat(AT_FDCWD, \"/lib/other\", O_RDONLY) = 4");
	same("mmap(NULL, 4194304, PROT_READ, MAP_PRIVATE, 4, 0) = 0x7efffffff000");
}

static void descriptors_of_one_open_are_one_file(void **state)
{
	(void)state;
	play("memfd_create(\"x\", 0) = 3");
	play("dup(3) = 7");
	play("ftruncate(7, 8192) = 0");
	play("mmap(0x10000000, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED, 3, 0)");
	play("mmap(0x10001000, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED, 7, 0x1000)");
	same("expect 0x10000000 to 0x10002000 is rw-s");
	play("mmap(0x10002000, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED, 7, 0x2000)");
	same("write 0x10001000 = 0");
	same("write 0x10002000 = SIGBUS {BUS_ADRERR}");
	play("close(3) = 0");
	same("mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0) = -1 EBADF");
}

static void threads_share_and_children_do_not(void **state)
{
	(void)state;
	play("10 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)");
	play("10 clone3({flags=CLONE_VM|CLONE_THREAD}, 88 <unfinished ...>");
	/* It speaks before its number is known. */
	same("11 munmap(0x7ffff7ffe000, 4096) = 0");
	play("10 <... clone3 resumed>) = 11");
	play("10 fork( <unfinished ...>");
	assert_outcome("12 munmap(0, 4096) = 0", REPLAY_FOREIGN);
	play("10 <... fork resumed>) = 12");
	assert_outcome("12 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x5000",
		       REPLAY_FOREIGN);
	assert_outcome("12 getpid() = 12", REPLAY_OTHER);
	play("12 +++ exited with 0 +++");
	same("11 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7ffe000");
	/* A thread that executes another program is gone from here. */
	play("11 execve(\"/bin/true\", [\"true\"], 0x7ffd /* 1 var */) = 0");
	assert_outcome("11 brk(NULL) = 0x5000", REPLAY_FOREIGN);
	same("10 expect map_count = 1");
}

static void what_has_no_rules_is_said_so(void **state)
{
	(void)state;
	assert_outcome("shmat(1, NULL, 0) = 0x7f48d9c70000", REPLAY_STRANGE);
	play("mmap(0x10000000, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)");
	assert_outcome("madvise(0x10000000, 4096, MADV_COLLAPSE) = 0", REPLAY_STRANGE);
	assert_outcome("mmap(NULL, 2097152, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB, -1, "
		       "0) = 0x7ffff7800000",
		       REPLAY_STRANGE);
	same("expect 0x7ffff7800000 to 0x7ffff7a00000 is r--p");
}

static void a_trace_that_joins_late_knows_nothing(void **state)
{
	(void)state;
	play("unknown");
	adopted("munlock(0x7f0000000000, 4096) = 0");
	adopted("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000bff000");
	adopted("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000aff000");
	adopted("mremap(0x7f0000000000, 4096, 8192, MREMAP_MAYMOVE) = 0x7f0000100000");
	adopted("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM");
	same("munmap(0x7f0000bff000, 4096) = 0");
}

static void each_allocation_may_fail(void **state)
{
	static const char *const lines[] = {
		"file 1 \"/bin/true\"",
		"vma 0x555000-0x556000 r-xp 0x1000 file=1",
		"brk(NULL) = $b",
		"1 clone3({flags=CLONE_VM|CLONE_THREAD}, 88 <unfinished ...>",
		"1 <... clone3 resumed>) = 11",
		"openat(AT_FDCWD, \"/lib/large\", O_RDONLY) = 3",
		"dup(3) = 4",
		"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE, 4, 0) = $a",
		"write $a",
		"unknown",
		"mprotect(0x7f0000000000, 4096, PROT_READ) = 0",
	};
	size_t n, i;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		struct replay made;
		int r = 0;

		replay_init(&made);
		for (i = 0; i < ARRAY_SIZE(lines) && r == 0; i++)
			r = replay_line(&made, lines[i], strlen(lines[i]), &step, &err);
		/* Without memory for them, the model's own names are missing, and that is said. */
		assert_true(r == 0 || r == -ENOMEM || r == -EINVAL);
		replay_fini(&made);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_script_begins_with_an_empty_space),
		TEST(a_refusal_names_its_rule),
		TEST(results_get_names),
		TEST(the_beginning_can_be_stated),
		TEST(what_is_stated_wrongly_is_complained_of),
		TEST(fork_makes_the_model_the_child),
		TEST(a_difference_is_followed),
		TEST(a_model_can_be_written_down_and_read_again),
		TEST(a_trace_tells_where_it_begins),
		TEST(a_break_that_was_not_told_of_begins_a_trace),
		TEST(the_legacy_layout_is_seen),
		TEST(a_program_of_32_bits_is_seen),
		TEST(files_that_were_not_told_of_are_assumed),
		TEST(the_file_system_is_learnt),
		TEST(descriptors_of_one_open_are_one_file),
		TEST(threads_share_and_children_do_not),
		TEST(what_has_no_rules_is_said_so),
		TEST(a_trace_that_joins_late_knows_nothing),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
