#include "collide.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t start_brk, stack_start, stack_end, elsewhere;

static bool failed;
static sigjmp_buf before_access;
static volatile sig_atomic_t fault_code;

static void put(const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(STDOUT_FILENO, text, left);

		if (n <= 0)
			_exit(3);
		text += n;
		left -= (size_t)n;
	}
}

/*
 * Accesses that may fault. The handler has a stack of its own: that of the program may be what has
 * no room.
 */

static unsigned char handler_stack[65536];

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	fault_code = info->si_code == SEGV_ACCERR ? ACCERR : MAPERR;
	siglongjmp(before_access, 1);
}

static void catch_faults(void)
{
	const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof(handler_stack)};
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	if (sigaltstack(&stack, NULL) < 0 || sigaction(SIGSEGV, &action, NULL) < 0 ||
	    sigaction(SIGBUS, &action, NULL) < 0)
		_exit(3);
}

static int64_t touch(uint64_t addr, bool change)
{
	volatile unsigned char *byte = (volatile unsigned char *)(uintptr_t)addr;

	if (sigsetjmp(before_access, 1))
		return fault_code;
	if (change)
		*byte = 42;
	else
		(void)*byte;
	return 0;
}

int64_t try_read(uint64_t addr)
{
	return touch(addr, false);
}

int64_t try_write(uint64_t addr)
{
	return touch(addr, true);
}

unsigned char peek(uint64_t addr)
{
	return *(volatile unsigned char *)(uintptr_t)addr;
}

bool is_empty(uint64_t start, uint64_t end_of_it)
{
	while (start < end_of_it && peek(start) == 0)
		start++;
	return start == end_of_it;
}

/*
 * Calls, past the C library: it has its own ideas of brk.
 */

static int64_t answer(long value)
{
	return value == -1 ? -errno : value;
}

int64_t try_mmap(uint64_t addr, uint64_t length, int prot, int flags, int fd, uint64_t offset)
{
	return answer(syscall(SYS_mmap, addr, length, prot, flags, fd, offset));
}

int64_t try_munmap(uint64_t addr, uint64_t length)
{
	return answer(syscall(SYS_munmap, addr, length));
}

int64_t try_mprotect(uint64_t addr, uint64_t length, int prot)
{
	return answer(syscall(SYS_mprotect, addr, length, prot));
}

int64_t try_brk(uint64_t addr)
{
	return syscall(SYS_brk, addr);
}

int64_t try_setrlimit(int limit, uint64_t soft)
{
	struct rlimit limits;

	if (getrlimit(limit, &limits) < 0)
		return -errno;
	limits.rlim_cur = soft;
	return answer(setrlimit(limit, &limits));
}

/*
 * Beginning and end.
 */

static void find_stack(void)
{
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end_of_it;

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "[stack]") && sscanf(line, "%lx-%lx", &start, &end_of_it) == 2) {
			stack_start = start;
			stack_end = end_of_it;
		}
	if (!maps || !stack_end)
		_exit(3);
	fclose(maps);
}

void begin(void)
{
	alarm(60); /* what goes quite wrong shall not go on for ever */
	find_stack();
	catch_faults();
	/* What fopen() has put on the heap stays below. */
	start_brk = ((uint64_t)try_brk(0) + 4095) & ~UINT64_C(4095);
	if (try_brk(start_brk) != (int64_t)start_brk)
		_exit(3);
}

int end(void)
{
	return failed;
}

/*
 * Words. The text of a call is that of the program without try_, and with $ before names.
 */

static const char *const names[] = {"start_brk", "stack_start", "stack_end", "elsewhere"};

static size_t name_at(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(text, names[i], strlen(names[i])) == 0)
			return strlen(names[i]);
	return 0;
}

static char *with_names(const char *text, char *to, const char *to_end)
{
	while (*text && to + 32 < to_end) {
		size_t n = name_at(text);

		if (n)
			*to++ = '$';
		else
			n = 1;
		memcpy(to, text, n);
		to += n;
		text += n;
	}
	*to = '\0';
	return to;
}

/* "setrlimit(RLIMIT_AS, 1 << 30)" is to be what strace would print. */
static void put_call(const char *call)
{
	char text[512], *comma, *last;

	with_names(call + strlen("try_"), text, text + sizeof(text));
	comma = strchr(text, ',');
	last = strrchr(text, ')');
	if (strncmp(text, "setrlimit(", 10) == 0 && comma && last) {
		*comma = *last = '\0';
		put(text);
		put(", {rlim_cur=");
		put(comma + 2);
		put(", rlim_max=RLIM_INFINITY})");
	} else {
		put(text);
	}
	put(" = ");
}

static void put_wanted(const char *text)
{
	char result[256];

	if (strcmp(text, "MAPERR") == 0 || strcmp(text, "ACCERR") == 0)
		snprintf(result, sizeof(result), "SIGSEGV {SEGV_%s}", text);
	else if (strncmp(text, "-E", 2) == 0)
		snprintf(result, sizeof(result), "-1 %s", text + 1);
	else
		with_names(text, result, result + sizeof(result));
	put(result);
}

void report(const char *call, int64_t value, const char *wanted_text, int64_t wanted)
{
	char instead[64];

	put_call(call);
	if (value == wanted) {
		put_wanted(wanted_text);
	} else {
		failed = true;
		snprintf(instead, sizeof(instead), "%lld (0x%llx)", (long long)value,
			 (unsigned long long)value);
		put(instead);
	}
	put("\n");
}

void report_place(const char *call, int64_t value, const char *name, uint64_t *to)
{
	*to = (uint64_t)value;
	put_call(call);
	if (value < 0 && value > -4096) {
		failed = true;
		put(strerror((int)-value));
	} else {
		put("$");
		put(name);
	}
	put("\n");
}

void note(const char *sentence, bool is_so)
{
	put(is_so ? "# " : "# not so: ");
	put(sentence);
	put("\n");
	failed |= !is_so;
}
