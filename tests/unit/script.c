/* Lines of scripts and of traces: what they mean, what is complained of, what is printed. */
#include "base/error.h"
#include "base/text.h"
#include "model/script.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct script script;
static struct script_line line;
static struct error err;

static int set_up(void **state)
{
	(void)state;
	script = SCRIPT_EMPTY;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	script_fini(&script);
	return 0;
}

static int parse(const char *text)
{
	return script_parse(&script, text, strlen(text), &line, &err);
}

static void assert_type(const char *text, enum script_type type)
{
	if (parse(text) < 0)
		fail_msg("%s: %s", text, err.text);
	if (line.type != type)
		fail_msg("%s: type %d, not %d", text, line.type, type);
}

static void assert_call(const char *text, enum model_call call)
{
	assert_type(text, SCRIPT_CALL);
	assert_int_equal(line.request.call, call);
}

static void assert_wrong(const char *text, const char *sentence)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(err.text, sentence);
}

/* Calls. */

static void a_call_is_read_as_strace_prints_it(void **state)
{
	(void)state;
	assert_call("mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
		    "0x7ffff7ffd000\n",
		    CALL_MMAP);
	assert_int_equal(line.request.arg[0], 0);
	assert_int_equal(line.request.arg[1], 8192);
	assert_int_equal(line.request.arg[2], 3);
	assert_int_equal(line.request.arg[3], 0x22);
	assert_int_equal(line.request.arg[4], UINT64_MAX);
	assert_int_equal(line.request.arg[5], 0);
	assert_int_equal(line.wanted, WANTED_RESULT);
	assert_int_equal(line.result.value, 0x7ffff7ffd000);
	assert_int_equal(line.number, 1);
	assert_int_equal(line.pid, 0);
}

static void an_error_is_read_with_its_words(void **state)
{
	(void)state;
	assert_call("munmap(0x1001, 1) = -1 EINVAL (Invalid argument)", CALL_MUNMAP);
	assert_int_equal(line.result.value, -EINVAL);
	assert_call("munmap(0x1001, 1)     = -1 ENOMEM (Cannot allocate memory) <0.000012>",
		    CALL_MUNMAP);
	assert_int_equal(line.result.value, -ENOMEM);
	assert_call("munmap(0x1001, 1) = ?", CALL_MUNMAP);
	assert_int_equal(line.wanted, WANTED_NOTHING);
	assert_call("munmap(0x1001, 1)", CALL_MUNMAP);
	assert_int_equal(line.wanted, WANTED_NOTHING);
}

static void every_call_has_its_arguments(void **state)
{
	(void)state;
	assert_call("brk(NULL) = 0x564fede77000", CALL_BRK);
	assert_int_equal(line.result.value, 0x564fede77000);
	assert_call("mprotect(0x1000, 4096, PROT_READ|PROT_GROWSDOWN) = 0", CALL_MPROTECT);
	assert_int_equal(line.request.arg[2], 0x01000001);
	assert_call("mremap(0x1000, 4096, 8192, MREMAP_MAYMOVE) = 0x9000", CALL_MREMAP);
	assert_int_equal(line.request.arg[4], 0);
	assert_call("mremap(0x1000, 1, 1, MREMAP_MAYMOVE|MREMAP_FIXED, 0x5000) = 0x5000",
		    CALL_MREMAP);
	assert_int_equal(line.request.arg[3], 3);
	assert_int_equal(line.request.arg[4], 0x5000);
	assert_call("madvise(0x1000, 4096, MADV_WIPEONFORK) = 0", CALL_MADVISE);
	assert_int_equal(line.request.arg[2], 18);
	assert_call("mlock(0x1000, 1) = 0", CALL_MLOCK);
	assert_call("mlock2(0x1000, 1, MLOCK_ONFAULT) = 0", CALL_MLOCK2);
	assert_int_equal(line.request.arg[2], 1);
	assert_call("munlock(0x1000, 1) = 0", CALL_MUNLOCK);
	assert_call("mlockall(MCL_CURRENT|MCL_FUTURE) = 0", CALL_MLOCKALL);
	assert_int_equal(line.request.arg[0], 3);
	assert_call("munlockall() = 0", CALL_MUNLOCKALL);
	assert_call("mseal(0x1000, 4096, 0) = 0", CALL_MSEAL);
	assert_call("syscall_0x1ce(0x1000, 0x1000, 0, 0, 0, 0) = 0", CALL_MSEAL);
	assert_call("fork() = 0", CALL_FORK);
}

static void a_call_that_strace_cannot_name_says_its_number(void **state)
{
	(void)state;
	assert_call("madvise(0x1000, 4096, 0x66 /* MADV_??? */) = 0", CALL_MADVISE);
	assert_int_equal(line.request.arg[2], 102);
	assert_call("mmap(NULL, 0, PROT_READ|0x989670, 0xf /* MAP_??? */|MAP_FIXED, -1, 0) = -1 "
		    "EINVAL (Invalid argument)",
		    CALL_MMAP);
	assert_int_equal(line.request.arg[2], 0x989671);
	assert_int_equal(line.request.arg[3], 0x1f);
	assert_call("mmap(NULL, 1, PROT_NONE, MAP_PRIVATE|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, 3, 0)",
		    CALL_MMAP);
	assert_int_equal(line.request.arg[3], 0x54040002);
}

static void limits_are_read_in_all_their_forms(void **state)
{
	(void)state;
	assert_call("prlimit64(0, RLIMIT_DATA, {rlim_cur=32768*1024, rlim_max=RLIM64_INFINITY}, "
		    "NULL) = 0",
		    CALL_SETRLIMIT);
	assert_int_equal(line.request.arg[0], MODEL_DATA);
	assert_int_equal(line.request.arg[1], 32 * MIB);
	assert_int_equal(line.request.arg[2], MODEL_INFINITE);
	assert_call("setrlimit(RLIMIT_AS, {rlim_cur=64M, rlim_max=1G}) = 0", CALL_SETRLIMIT);
	assert_int_equal(line.request.arg[1], 64 * MIB);
	assert_type("prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, "
		    "rlim_max=RLIM64_INFINITY}) = 0",
		    SCRIPT_SETTING);
	assert_int_equal(line.limit.soft, 8 * MIB);
	assert_type("prlimit64(0, RLIMIT_NOFILE, NULL, {rlim_cur=1024, rlim_max=4096}) = 0",
		    SCRIPT_OTHER);
	assert_type("prlimit64(77, RLIMIT_AS, {rlim_cur=1, rlim_max=1}, NULL) = 0", SCRIPT_OTHER);
}

static void mincore_says_how_many_pages_are_there(void **state)
{
	(void)state;
	assert_call("mincore(0x1000, 12288, [1, 0, 1]) = 0", CALL_MINCORE);
	assert_int_equal(line.result.value, 2);
	assert_call("mincore(0x1000, 12288, [1, 0...]) = 0", CALL_MINCORE);
	assert_int_equal(line.wanted, WANTED_NOTHING);
	assert_call("mincore(0x1000, 12288) = 2", CALL_MINCORE);
	assert_int_equal(line.result.value, 2);
	assert_call("mincore(0x1001, 8192, 0x7fffffffe630) = -1 EINVAL (Invalid argument)",
		    CALL_MINCORE);
	assert_int_equal(line.result.value, -EINVAL);
}

static void touches_are_words_or_calls(void **state)
{
	(void)state;
	assert_call("write 0x1000 = SIGSEGV {SEGV_ACCERR}", CALL_WRITE);
	assert_int_equal(line.result.fault, FAULT_RIGHTS);
	assert_call("read(0x1000) = SIGBUS (BUS_ADRERR)", CALL_READ);
	assert_int_equal(line.result.fault, FAULT_BUS);
	assert_call("execute 0x1000", CALL_EXECUTE);
	assert_type("read(3, \"\\177ELF\\2\"..., 832) = 832", SCRIPT_OTHER);
	assert_type("write(1, \"x\", 1) = 1", SCRIPT_OTHER);
}

static void set_mm_is_known_by_its_fields(void **state)
{
	(void)state;
	assert_call("prctl(PR_SET_MM, PR_SET_MM_MAP, {start_data=0x3000, end_data=0x4000, "
		    "start_brk=0x1000, brk=0x2000}, 104, 0) = 0",
		    CALL_SET_MM);
	assert_int_equal(line.request.arg[0], 0x1000);
	assert_int_equal(line.request.arg[1], 0x2000);
	assert_int_equal(line.request.arg[2], 0x3000);
	assert_int_equal(line.request.arg[3], 0x4000);
	assert_type("prctl(PR_SET_MM, PR_SET_MM_MAP, 0x7ffd, 104, 0) = 0", SCRIPT_STRANGE);
	assert_type("prctl(PR_SET_NAME, \"x\") = 0", SCRIPT_OTHER);
}

/* What strace writes around calls. */

static void pids_and_times_are_skipped(void **state)
{
	static const char *const prefixes[] = {
		"4711  ",
		"[pid  4711] ",
		"4711  10:21:11 ",
		"4711  10:21:11.123456 ",
		"4711  1795256934.050372 [00007f48d9c9760e] ",
		"[pid  4711]      0.000266 ",
	};
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		snprintf(text, sizeof(text), "%smunmap(0x1000, 4096) = 0 <0.000086>", prefixes[i]);
		assert_call(text, CALL_MUNMAP);
		assert_int_equal(line.pid, 4711);
	}
	assert_call("     0.000181 munmap(0x1000, 4096) = 0", CALL_MUNMAP);
	assert_int_equal(line.pid, 0);
}

static void what_strace_remarks_is_nothing(void **state)
{
	(void)state;
	assert_type("", SCRIPT_NOTHING);
	assert_type("# a comment", SCRIPT_NOTHING);
	assert_type("4711  --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR} ---",
		    SCRIPT_NOTHING);
	assert_type("strace: Process 5252 attached", SCRIPT_NOTHING);
	assert_type(" <unfinished ...>", SCRIPT_NOTHING);
	assert_type("4711  +++ exited with 0 +++", SCRIPT_ENDED);
	assert_int_equal(line.pid, 4711);
	assert_type("[ Process PID=5263 runs in 32 bit mode. ]", SCRIPT_BITS);
	assert_int_equal(line.value, 32);
}

static void an_interrupted_call_is_whole_when_it_ends(void **state)
{
	(void)state;
	assert_type("11 mmap(NULL, 4194304, PROT_READ, MAP_SHARED|MAP_ANONYMOUS, -1, 0 "
		    "<unfinished ...>",
		    SCRIPT_NOTHING);
	assert_type("12 madvise(0x1000, 8368128, MADV_DONTNEED <unfinished ...>", SCRIPT_NOTHING);
	assert_call("11 <... mmap resumed>)      = 0x7f58f3297000", CALL_MMAP);
	assert_int_equal(line.pid, 11);
	assert_int_equal(line.request.arg[1], 4194304);
	assert_int_equal(line.result.value, 0x7f58f3297000);
	assert_call("12 <... madvise resumed>)   = 0", CALL_MADVISE);
	assert_type("11 <... mmap resumed>)      = 0x7f58f3297000", SCRIPT_OTHER);
}

static void a_thread_is_told_from_a_process(void **state)
{
	(void)state;
	assert_type("clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 2409",
		    SCRIPT_CLONED);
	assert_int_equal(line.value, 2409);
	assert_false(line.source);
	assert_type("1 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88 <unfinished "
		    "...>",
		    SCRIPT_CLONES);
	assert_true(line.source);
	assert_type("1 <... clone3 resumed>) = 5241", SCRIPT_CLONED);
	assert_true(line.source);
	assert_type("vfork(strace: Process 5252 attached", SCRIPT_CLONES);
	assert_type("[pid 9] <... vfork resumed>) = 5252", SCRIPT_CLONED);
	assert_int_equal(line.pid, 0); /* it had none when the call began */
	assert_type("fork() = 2409", SCRIPT_CLONED);
	assert_type("fork() = -1 EAGAIN (Resource temporarily unavailable)", SCRIPT_OTHER);
}

static void descriptors_come_and_go(void **state)
{
	(void)state;
	assert_type("openat(AT_FDCWD, \"/lib/libc.so.6\", O_RDONLY|O_CLOEXEC) = 3", SCRIPT_OPEN);
	assert_int_equal(line.descriptor, 3);
	assert_string_equal(line.word, "/lib/libc.so.6");
	assert_true(line.file.readable && !line.file.writable && line.file.huge_aligned);
	assert_type("openat(AT_FDCWD, \"a, b)\\\"\", O_RDWR|O_CREAT, 0600) = 5</tmp/a>",
		    SCRIPT_OPEN);
	assert_true(line.file.readable && line.file.writable);
	assert_type("openat(AT_FDCWD, \"/x\", O_RDONLY) = -1 ENOENT (No such file or directory)",
		    SCRIPT_OTHER);
	assert_type("memfd_create(\"x\", MFD_CLOEXEC) = 4", SCRIPT_OPEN);
	assert_true(line.file.shmem);
	assert_type("dup2(4, 30) = 30", SCRIPT_DUP);
	assert_int_equal(line.source, 4);
	assert_int_equal(line.descriptor, 30);
	assert_type("fcntl(4, F_DUPFD_CLOEXEC, 10) = 11", SCRIPT_DUP);
	assert_type("fcntl(4, F_GETFD) = 0", SCRIPT_OTHER);
	assert_type("ftruncate(4, 8192) = 0", SCRIPT_SIZE);
	assert_int_equal(line.value, 8192);
	assert_type("newfstatat(3, \"\", {st_mode=S_IFREG|0644, st_size=41775, ...}, "
		    "AT_EMPTY_PATH) = 0",
		    SCRIPT_SIZE);
	assert_int_equal(line.value, 41775);
	assert_type("newfstatat(AT_FDCWD, \"/x\", {st_mode=S_IFREG|0644, st_size=4, ...}, 0) = 0",
		    SCRIPT_OTHER);
	assert_type("close(3) = 0", SCRIPT_CLOSE);
}

static void exec_and_personality_are_seen(void **state)
{
	(void)state;
	assert_type("execve(\"/bin/ls\", [\"ls\"], 0x7ffea65aa850 /* 37 vars */) = 0", SCRIPT_EXEC);
	assert_string_equal(line.word, "/bin/ls");
	assert_type("execve(\"/x\", [\"ls\"], 0x7f /* 37 vars */) = -1 ENOENT (No such file)",
		    SCRIPT_OTHER);
	assert_type("personality(PER_LINUX|ADDR_NO_RANDOMIZE) = 0 (PER_LINUX)", SCRIPT_SETTING);
	assert_int_equal(line.value, PERSONALITY_NO_ASLR);
	assert_type("personality(0xffffffff) = 0 (PER_LINUX)", SCRIPT_OTHER);
}

static void calls_without_rules_are_told_apart(void **state)
{
	(void)state;
	assert_type("shmat(557105, NULL, 0) = 0x7f48d9c70000", SCRIPT_STRANGE);
	assert_string_equal(line.word, "shmat");
	assert_type("shmat(557105, NULL, 0) = -1 EINVAL (Invalid argument)", SCRIPT_OTHER);
	assert_call("pkey_mprotect(0x1000, 4096, PROT_READ, -1) = 0", CALL_MPROTECT);
	assert_type("pkey_mprotect(0x1000, 4096, PROT_READ, 1) = 0", SCRIPT_STRANGE);
	assert_type("arch_prctl(ARCH_SET_FS, 0x7ffff7dd0740) = 0", SCRIPT_OTHER);
	assert_type("ioctl(1, whatever <<< { this is = 0", SCRIPT_OTHER);
}

static void ia32_calls_show_themselves(void **state)
{
	(void)state;
	assert_call("mmap2(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xf7ff4000",
		    CALL_MMAP);
	assert_int_equal(line.value, 32);
}

/* Numbers. */

static uint64_t number(const char *text)
{
	char call[128];

	snprintf(call, sizeof(call), "brk(%s)", text);
	assert_call(call, CALL_BRK);
	return line.request.arg[0];
}

static void numbers_have_many_forms(void **state)
{
	(void)state;
	assert_int_equal(number("4096"), 4096);
	assert_int_equal(number("0x1000"), 0x1000);
	assert_int_equal(number("010000"), 4096);
	assert_int_equal(number("4K"), 4096);
	assert_int_equal(number("2G+4K"), 2 * 1024 * MIB + 4096);
	assert_int_equal(number("8192*1024"), 8 * MIB);
	assert_int_equal(number("-1"), UINT64_MAX);
	assert_int_equal(number("~0"), UINT64_MAX);
	assert_int_equal(number("1<<47"), UINT64_C(1) << 47);
	assert_int_equal(number("16T-(1+1)*2"), (UINT64_C(16) << 40) - 4);
	assert_int_equal(number("3|4"), 7);
	assert_int_equal(number("18446744073709551615"), UINT64_MAX);
}

static void names_are_given_and_used(void **state)
{
	(void)state;
	assert_int_equal(script_name(&script, "arena", 0x10000), 0);
	assert_int_equal(number("$arena + 4K"), 0x11000);
	assert_int_equal(script_name(&script, "arena", 0x20000), 0);
	assert_int_equal(number("$arena-1"), 0x1ffff);
	assert_type("remember $size $arena*2", SCRIPT_REMEMBER);
	assert_int_equal(number("$size"), 0x40000);
	assert_type("remember $size VmLck", SCRIPT_REMEMBER);
	assert_int_equal(line.counter, COUNTER_LOCKED);
	assert_call("munmap(0, 1) = $size", CALL_MUNMAP);
	assert_int_equal(line.wanted, WANTED_RESULT);
	assert_call("munmap(0, 1) = $new", CALL_MUNMAP);
	assert_int_equal(line.wanted, WANTED_NAME);
	assert_string_equal(line.name, "new");
}

static void the_models_own_names_are_known(void **state)
{
	struct model model;

	(void)state;
	model_init(&model);
	model.start_brk = 0x5000;
	script.model = &model;
	assert_int_equal(number("$start_brk"), 0x5000);
	assert_int_equal(number("$guard"), MIB);
	assert_int_equal(number("$max_map_count"), 65530);
	model_fini(&model);
}

static void names_are_bounded(void **state)
{
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < SCRIPT_NAMES_MOST; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(script_name(&script, name, 1), 0);
	}
	assert_int_equal(script_name(&script, "n0", 2), 0);
	assert_int_equal(script_name(&script, "more", 1), -ENOSPC);
}

static void calls_under_way_are_bounded(void **state)
{
	char text[64];
	int i;

	(void)state;
	for (i = 1; i < 10000; i++) {
		snprintf(text, sizeof(text), "%d munmap(%d, 1 <unfinished ...>", i, i);
		assert_int_equal(parse(text), 0);
	}
	assert_true(script.npending <= 256);
	assert_call("7 <... munmap resumed>) = 0", CALL_MUNMAP);
	assert_int_equal(line.request.arg[0], 7);
}

/* Our own words. */

static void settings_change_the_model(void **state)
{
	static const char *const texts[] = {
		"machine max_map_count 1000",
		"machine version 6.12",
		"machine huge_pages no",
		"process new_flags locked lockonfault",
		"limit as 2G",
		"limit stack 8M 16M",
		"capabilities all -ipc_lock",
	};
	struct model model;
	size_t i;

	(void)state;
	model_init(&model);
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(parse(texts[i]), 0);
		script_set(&model, &line);
	}
	assert_int_equal(model.machine.max_map_count, 1000);
	assert_int_equal(model.machine.version, VERSION(6, 12));
	assert_false(model.machine.huge_pages);
	assert_int_equal(model.new_flags, VMA_LOCKED | VMA_LOCKONFAULT);
	assert_int_equal(model.limits[MODEL_AS].soft, 2048 * MIB);
	assert_int_equal(model.limits[MODEL_AS].hard, MODEL_INFINITE);
	assert_int_equal(model.limits[MODEL_STACK].hard, 16 * MIB);
	assert_int_equal(model.capabilities,
			 MODEL_CAP_SYS_RAWIO | MODEL_CAP_SYS_ADMIN | MODEL_CAP_SYS_RESOURCE);
	model_fini(&model);
}

static void capabilities_are_taken_and_given(void **state)
{
	struct model model;

	(void)state;
	model_init(&model);
	model.capabilities = MODEL_CAP_SYS_ADMIN | MODEL_CAP_IPC_LOCK;
	assert_type("capabilities -ipc_lock", SCRIPT_CAPABILITIES);
	script_set(&model, &line);
	assert_int_equal(model.capabilities, MODEL_CAP_SYS_ADMIN);
	assert_type("capabilities sys_rawio +sys_resource", SCRIPT_CAPABILITIES);
	script_set(&model, &line);
	assert_int_equal(model.capabilities,
			 MODEL_CAP_SYS_ADMIN | MODEL_CAP_SYS_RAWIO | MODEL_CAP_SYS_RESOURCE);
	assert_type("capabilities none +ipc_lock", SCRIPT_CAPABILITIES);
	script_set(&model, &line);
	assert_int_equal(model.capabilities, MODEL_CAP_IPC_LOCK);
	model_fini(&model);
}

static void a_vma_is_stated_with_its_flags(void **state)
{
	(void)state;
	assert_type("vma 0x1000-0x3000 rw-p", SCRIPT_VMA);
	assert_int_equal(line.vma.start, 0x1000);
	assert_int_equal(line.vma.end, 0x3000);
	assert_int_equal(line.vma.pgoff, 1);
	assert_int_equal(line.vma.file, VMA_NO_FILE);
	assert_int_equal(line.vma.flags, VMA_READ | VMA_WRITE | VMA_MAY | VMA_ACCOUNT);
	assert_type("vma 0x1000-0x3000 r-xs 0x2000 file=1 -shared -maywrite dontdump # lib",
		    SCRIPT_VMA);
	assert_int_equal(line.vma.pgoff, 2);
	assert_int_equal(line.vma.file, 1);
	assert_int_equal(line.vma.flags, VMA_READ | VMA_EXEC | VMA_MAYREAD | VMA_MAYEXEC |
						 VMA_MAYSHARE | VMA_DONTDUMP);
	assert_type("vma 0x1000-0x3000 rw-p growsdown noreserve -account anon=7", SCRIPT_VMA);
	assert_int_equal(line.vma.anon, 7);
	assert_int_equal(line.vma.flags,
			 VMA_READ | VMA_WRITE | VMA_MAY | VMA_GROWSDOWN | VMA_NORESERVE);
}

static void the_beginning_is_stated(void **state)
{
	(void)state;
	assert_type("file 3 \"/bin/x y\" read-only huge-aligned size=40960", SCRIPT_FILE);
	assert_int_equal(line.value, 3);
	assert_string_equal(line.word, "/bin/x y");
	assert_true(line.file.readable && !line.file.writable && line.file.huge_aligned);
	assert_int_equal(line.file.size, 40960);
	assert_type("descriptor 5 3", SCRIPT_DESCRIPTOR);
	assert_int_equal(line.descriptor, 5);
	assert_int_equal(line.value, 3);
	assert_type("present 0x1000-0x2000", SCRIPT_PRESENT);
	assert_type("layout /bin/ls # as exec has it", SCRIPT_LAYOUT);
	assert_string_equal(line.word, "/bin/ls");
	assert_type("unknown", SCRIPT_UNKNOWN);
	assert_type("map", SCRIPT_MAP);
}

static void what_is_expected_is_read(void **state)
{
	(void)state;
	assert_type("expect 0x1000 to 4K+0x1000 is rw-p", SCRIPT_EXPECT_VMA);
	assert_int_equal(line.vma.end, 0x2000);
	assert_int_equal(line.value, 1);
	assert_type("expect free 0x1000 to 0x2000", SCRIPT_EXPECT_FREE);
	assert_type("expect VmStk = 132K", SCRIPT_EXPECT_COUNTER);
	assert_int_equal(line.counter, COUNTER_STACK);
	assert_int_equal(line.value, 132 * KIB);
}

/* Complaints. */

static void complaints_name_line_and_column(void **state)
{
	(void)state;
	assert_wrong("mmap(NULL, 4096, PROT_FOO, 2, -1, 0)", "1:18: PROT_FOO is not known");
	assert_wrong("mmap(NULL, 4096, MAP_SHARED, 2, -1, 0)",
		     "2:18: MAP_SHARED cannot stand here");
	assert_wrong("munmap(0x1000)", "3:1: munmap has 2 arguments");
	assert_wrong("munmap(0x1000, 4096", "4:7: no ) for this (");
	assert_wrong("munmap(0x1000, 4096) = -1 EFOO", "5:27: EFOO is no error that is known");
	assert_wrong("munmap(0x1000, 4096) = 0 x", "6:26: what stands here is not understood");
	assert_wrong("munmap($a, 4096)", "7:8: $a has no value");
	assert_wrong("munmap(99999999999999999999, 1)", "8:8: more than a number can hold");
	assert_wrong("munmap(08, 1)", "9:8: no number");
	assert_wrong("frobnicate 1", "10:1: frobnicate is neither a call nor a word of scripts");
	assert_wrong("machine colour 1", "11:9: machine colour is not known");
	assert_wrong("vma 0x1000-0x800 rw-p", "12:5: this is no range of pages");
	assert_wrong("vma 0x1000-0x2000 rw", "13:19: rights as rw-p are missing");
	assert_wrong("vma 0x1000-0x2000 rw-p loked", "14:24: loked is no flag of a mapping");
	assert_wrong("process bits 33", "15:14: a program has 32 or 64 bits");
	assert_wrong("*", "16:1: a call or a word is missing");
	assert_wrong("brk((1)", "17:4: no ) for this (");
	assert_wrong("read 0x1000 = SIGSEGV",
		     "18:22: SEGV_MAPERR, SEGV_ACCERR, SEGV_PKUERR or BUS_ADRERR is missing");
}

static void what_is_no_text_is_complained_of(void **state)
{
	static char lines[SCRIPT_LINE_MOST + 2];

	(void)state;
	assert_int_equal(script_parse(&script, "a\0b", 3, &line, &err), -EINVAL);
	assert_string_equal(err.text, "1:2: this is no text");
	memset(lines, ' ', sizeof(lines));
	assert_int_equal(script_parse(&script, lines, sizeof(lines), &line, &err), -EINVAL);
	assert_int_equal(script_parse(&script, lines, SCRIPT_LINE_MOST, &line, &err), 0);
	memset(lines, '(', sizeof(lines));
	memcpy(lines, "brk", 3);
	assert_int_equal(script_parse(&script, lines, 1000, &line, &err), -EINVAL);
	assert_string_equal(err.text, "4:37: brackets in brackets, more than 32");
}

/* Printing. */

static void assert_printed(const char *text)
{
	struct text printed = TEXT_EMPTY;

	assert_type(text, SCRIPT_CALL);
	script_put_request(&printed, &line.request);
	text_put(&printed, " = ");
	script_put_result(&printed, &line.request, &line.result);
	assert_string_equal(text_string(&printed), text);
	text_fini(&printed);
}

static void what_is_printed_is_what_was_read(void **state)
{
	(void)state;
	assert_printed("mmap(NULL, 8192, PROT_READ|PROT_WRITE, "
		       "MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0) = 0x7ffff7ffd000");
	assert_printed("mmap(0x10000, 4096, PROT_NONE, MAP_SHARED_VALIDATE|MAP_SYNC, 3, 0x1000) = "
		       "-1 EOPNOTSUPP (Operation not supported)");
	assert_printed("mmap(NULL, 1, PROT_SEM|0x40, 0xf|0x200000, 0x7fffffffffff, 0) = -1 EBADF "
		       "(Bad file descriptor)");
	assert_printed("munmap(0x1000, 18446744073709551615) = -1 EINVAL (Invalid argument)");
	assert_printed("brk(NULL) = 0");
	assert_printed("mremap(0x1000, 4096, 8192, 0) = -1 ENOMEM (Cannot allocate memory)");
	assert_printed("mremap(0x1000, 4096, 4096, MREMAP_MAYMOVE|MREMAP_FIXED, 0x5000) = 0x5000");
	assert_printed("madvise(0x1000, 4096, MADV_GUARD_INSTALL) = 0");
	assert_printed("madvise(0x1000, 4096, 0x4d) = -1 EINVAL (Invalid argument)");
	assert_printed("mlock2(0x1000, 4096, 0) = 0");
	assert_printed("mlockall(MCL_CURRENT|MCL_FUTURE|MCL_ONFAULT) = 0");
	assert_printed("munlockall() = 0");
	assert_printed("mseal(0x1000, 4096, 0x5) = -1 EINVAL (Invalid argument)");
	assert_printed("mincore(0x1000, 8192) = 2");
	assert_printed("setrlimit(RLIMIT_AS, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0");
	assert_printed("fork() = 0");
	assert_printed("prctl(PR_SET_MM, PR_SET_MM_MAP, {start_brk=0x1, brk=0x2, start_data=0x3, "
		       "end_data=0x4}, 104, 0) = 0");
	assert_printed("write 0x1000 = SIGSEGV {SEGV_PKUERR}");
	assert_printed("read 0x0 = 0");
}

static void each_allocation_may_fail(void **state)
{
	static const char *const lines[] = {
		"1 munmap(0x1000, 4096 <unfinished ...>",
		"1 <... munmap resumed>) = 0",
		"openat(AT_FDCWD, \"/lib/libc.so.6\", O_RDONLY|O_CLOEXEC) = 3",
		"remember $name 1",
		"layout /bin/ls",
	};
	struct script made;
	size_t n, i;
	int r;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		made = SCRIPT_EMPTY;
		for (r = 0, i = 0; i < ARRAY_SIZE(lines) && r == 0; i++)
			r = script_parse(&made, lines[i], strlen(lines[i]), &line, &err);
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		script_fini(&made);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_is_read_as_strace_prints_it),
		TEST(an_error_is_read_with_its_words),
		TEST(every_call_has_its_arguments),
		TEST(a_call_that_strace_cannot_name_says_its_number),
		TEST(limits_are_read_in_all_their_forms),
		TEST(mincore_says_how_many_pages_are_there),
		TEST(touches_are_words_or_calls),
		TEST(set_mm_is_known_by_its_fields),
		TEST(pids_and_times_are_skipped),
		TEST(what_strace_remarks_is_nothing),
		TEST(an_interrupted_call_is_whole_when_it_ends),
		TEST(a_thread_is_told_from_a_process),
		TEST(descriptors_come_and_go),
		TEST(exec_and_personality_are_seen),
		TEST(calls_without_rules_are_told_apart),
		TEST(ia32_calls_show_themselves),
		TEST(numbers_have_many_forms),
		TEST(names_are_given_and_used),
		TEST(the_models_own_names_are_known),
		TEST(names_are_bounded),
		TEST(calls_under_way_are_bounded),
		TEST(settings_change_the_model),
		TEST(capabilities_are_taken_and_given),
		TEST(a_vma_is_stated_with_its_flags),
		TEST(the_beginning_is_stated),
		TEST(what_is_expected_is_read),
		TEST(complaints_name_line_and_column),
		TEST(what_is_no_text_is_complained_of),
		TEST(what_is_printed_is_what_was_read),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
