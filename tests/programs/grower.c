/*
 * grower MODE... - makes an address space, waits for a byte on its standard input, and then grows
 * everything in it as far as it goes. What it got is the truth that `plat headroom` must have told
 * before: lines "heap BYTES", "mmap BYTES", "reserve BYTES", "stack START BYTES", "threads N".
 *
 * From the byte on it neither allocates nor lets its stack grow by itself.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define PAGE ((uintptr_t)4096)
#define MIB ((uintptr_t)1 << 20)
#define RW (PROT_READ | PROT_WRITE)
#define ONFAULT 4 /* MCL_ONFAULT, which not all headers have: growing shall touch nothing */
#define STACKS_MOST 16
#define THREADS_MOST 200000

static uintptr_t stacks[STACKS_MOST], below[STACKS_MOST];
static size_t nstacks;

/*
 * What it makes.
 */

static void *map(void *at, size_t size, int prot, int flags)
{
	void *p = mmap(at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap of %zu bytes at %p", size, at);
	return p;
}

/* A stretch with a stack at its top, and at its bottom a neighbour with these rights. */
static void stack_above(int prot, int flags)
{
	char *stretch = map(NULL, 16 * MIB, PROT_NONE, 0);

	munmap(stretch + 2 * PAGE, 16 * MIB - 2 * PAGE);
	map(stretch, 2 * PAGE, prot, MAP_FIXED | flags);
	map(stretch + 8 * MIB, 4 * PAGE, RW, MAP_FIXED | MAP_GROWSDOWN);
	map(stretch + 16 * MIB - PAGE, PAGE, PROT_READ, MAP_FIXED);
}

static void grows(void)
{
	stack_above(RW, 0);
	stack_above(PROT_NONE, 0);
	stack_above(RW, MAP_GROWSDOWN);
}

/* The main stack becomes two mappings that both grow. */
static void split(void)
{
	char deep[64 * 1024];
	char *at;

	memset(deep, 1, sizeof(deep));
	at = (char *)((uintptr_t)deep & ~(PAGE - 1));
	if (mprotect(at + PAGE, 2 * PAGE, PROT_READ) < 0)
		err(1, "mprotect of the stack");
}

static uint64_t stat_field(unsigned field)
{
	static char text[4096];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *s = strrchr(text, ')');

	close(fd);
	for (; n > 0 && s && field > 2; field--)
		s = strchr(s + 1, ' ');
	return s ? strtoull(s, NULL, 10) : 0;
}

/* What PR_SET_MM_MAP takes, from 32-bit programs too. */
struct mm_map {
	uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end, auxv;
	uint32_t auxv_size, exe_fd;
};

/* The heap goes on in the mmap zone. */
static void moved(void)
{
	char *place = map(NULL, 64 * MIB, PROT_NONE, 0);
	struct mm_map mm = {
		.start_code = stat_field(26),
		.end_code = stat_field(27),
		.start_data = stat_field(45),
		.end_data = stat_field(46),
		.start_stack = stat_field(28),
		.arg_start = stat_field(48),
		.arg_end = stat_field(49),
		.env_start = stat_field(50),
		.env_end = stat_field(51),
		.exe_fd = (uint32_t)-1,
	};

	munmap(place, 64 * MIB);
	map(place + 40 * MIB, PAGE, PROT_READ, MAP_FIXED);
	mm.start_brk = mm.brk = (uintptr_t)place;
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &mm, sizeof(mm), 0) < 0)
		err(1, "PR_SET_MM_MAP");
	if (syscall(SYS_brk, place + 2 * PAGE) != (long)(place + 2 * PAGE))
		err(1, "brk to another place");
}

static void limit(int which, rlim_t soft)
{
	struct rlimit limit;

	getrlimit(which, &limit);
	limit.rlim_cur = soft;
	if (setrlimit(which, &limit) < 0)
		err(1, "setrlimit");
}

static void many(size_t n)
{
	char *land = map(NULL, n * PAGE, RW, 0);
	size_t i;

	for (i = 0; i < n; i += 2)
		if (mprotect(land + i * PAGE, PAGE, PROT_READ) < 0)
			err(1, "mprotect");
}

/* As many as there can be. */
static void full(void)
{
	static const int rights[2] = {PROT_READ, PROT_NONE};
	size_t i;

	for (i = 0;
	     mmap(NULL, PAGE, rights[i % 2], MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED; i++)
		;
}

/* A stack whose guard gap reaches below 0. */
static void low(void)
{
	map((void *)(uintptr_t)0x40000, 2 * PAGE, RW, MAP_FIXED | MAP_GROWSDOWN);
}

static void make(const char *mode)
{
	if (strcmp(mode, "grows") == 0)
		grows();
	else if (strcmp(mode, "split") == 0)
		split();
	else if (strcmp(mode, "moved") == 0)
		moved();
	else if (strcmp(mode, "low") == 0)
		low();
	else if (strcmp(mode, "full") == 0)
		full();
	else if (strcmp(mode, "locked") == 0 && mlockall(MCL_CURRENT | MCL_FUTURE | ONFAULT) < 0)
		err(1, "mlockall");
	else if (strncmp(mode, "as=", 3) == 0)
		limit(RLIMIT_AS, strtoull(mode + 3, NULL, 0));
	else if (strncmp(mode, "data=", 5) == 0)
		limit(RLIMIT_DATA, strtoull(mode + 5, NULL, 0));
	else if (strncmp(mode, "stack=", 6) == 0)
		limit(RLIMIT_STACK, strtoull(mode + 6, NULL, 0));
	else if (strncmp(mode, "memlock=", 8) == 0)
		limit(RLIMIT_MEMLOCK, strtoull(mode + 8, NULL, 0));
	else if (strncmp(mode, "many=", 5) == 0)
		many(strtoull(mode + 5, NULL, 0));
}

/*
 * What it gets.
 */

struct trial {
	bool (*fits)(const struct trial *trial, uintptr_t pages);
	uintptr_t at, below;
	int prot;
};

static uintptr_t most_pages(const struct trial *trial, uintptr_t most)
{
	uintptr_t low = 0, high = most;

	while (high - low > 1) {
		uintptr_t middle = low + (high - low) / 2;

		if (trial->fits(trial, middle))
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* A single request may not ask for more than there is memory. */
static uintptr_t step(void)
{
	static uintptr_t step;
	struct sysinfo info;

	if (!step && sysinfo(&info) == 0 && info.totalram <= UINTPTR_MAX / 4096)
		step = (uintptr_t)info.totalram * info.mem_unit & ~(PAGE - 1);
	return step ? step : 1024 * MIB;
}

static bool heap_fits(const struct trial *trial, uintptr_t pages)
{
	uintptr_t start = (trial->at + PAGE - 1) & ~(PAGE - 1), end = start + pages * PAGE, at;
	bool fits = end >= start;

	for (at = start; fits && at < end;) {
		at = end - at < step() ? end : at + step();
		fits = (uintptr_t)syscall(SYS_brk, at) == at;
	}
	syscall(SYS_brk, trial->at);
	return fits;
}

static bool mapping_fits(const struct trial *trial, uintptr_t pages)
{
	void *p = mmap(NULL, pages * PAGE, trial->prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, pages * PAGE);
	return true;
}

static bool stack_fits(const struct trial *trial, uintptr_t pages)
{
	uintptr_t end = trial->at - pages * PAGE, at = trial->at, next;
	bool fits = end >= trial->below && end <= trial->at;

	while (fits && at > end) {
		next = at - end < step() ? end : at - step();
		syscall(SYS_getcpu, next, NULL, NULL);
		fits = msync((void *)next, PAGE, MS_ASYNC) == 0;
		at = fits ? next : at;
	}
	if (at < trial->at)
		munmap((void *)at, trial->at - at);
	return fits;
}

static size_t count_threads(void)
{
	struct rlimit limit;
	size_t size, n;

	getrlimit(RLIMIT_STACK, &limit);
	size = limit.rlim_cur == RLIM_INFINITY ? 2 * MIB : limit.rlim_cur & ~(PAGE - 1);
	if (size < 16384)
		size = 16384;
	for (n = 0; n < THREADS_MOST; n++) {
		char *p = mmap(NULL, size + PAGE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

		if (p == MAP_FAILED || mprotect(p + PAGE, size, RW) < 0)
			break;
	}
	return n;
}

static void say(const char *what, uint64_t figure)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %llu\n", what, (unsigned long long)figure);

	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		_exit(1);
}

/* A line of smaps: a mapping's first, or its VmFlags. */
static void take_line(const char *line)
{
	static unsigned long long start, end;
	static uintptr_t previous_end;
	unsigned long long next_start, next_end;

	if (strncmp(line, "VmFlags:", 8) == 0) {
		if (strstr(line, " gd") && nstacks < STACKS_MOST) {
			stacks[nstacks] = (uintptr_t)start;
			below[nstacks++] = previous_end;
		}
	} else if (sscanf(line, "%llx-%llx ", &next_start, &next_end) == 2) {
		previous_end = (uintptr_t)end;
		start = next_start;
		end = next_end;
	}
}

/* Finds what grows down, and what ends below it. */
static void find_stacks(void)
{
	static char text[65536];
	int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0) {
		char *line = text, *end;

		used += (size_t)n;
		text[used] = '\0';
		for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
			*end = '\0';
			take_line(line);
		}
		used = strlen(line);
		memmove(text, line, used);
	}
	close(fd);
}

static void measure(void)
{
	uintptr_t all = sizeof(void *) == 4 ? 0xfffff : (uintptr_t)0x7ffffffff;
	struct trial heap = {.fits = heap_fits, .at = (uintptr_t)syscall(SYS_brk, 0)};
	struct trial mapping = {.fits = mapping_fits, .prot = RW};
	char what[64];
	size_t i;

	say("heap", (uint64_t)most_pages(&heap, all) * PAGE);
	for (i = 0; i < nstacks; i++) {
		struct trial stack = {.fits = stack_fits, .at = stacks[i], .below = below[i]};

		snprintf(what, sizeof(what), "stack 0x%llx", (unsigned long long)stacks[i]);
		say(what, (uint64_t)most_pages(&stack, (stacks[i] - below[i]) / PAGE + 1) * PAGE);
	}
	say("mmap", (uint64_t)most_pages(&mapping, all) * PAGE);
	mapping.prot = PROT_NONE;
	say("reserve", (uint64_t)most_pages(&mapping, all) * PAGE);
	say("threads", count_threads());
}

int main(int argc, char **argv)
{
	char byte;
	int i;

	if (!malloc(100)) /* a heap by brk, as programs mostly have one */
		return 1;
	for (i = 1; i < argc; i++)
		make(argv[i]);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) != 1)
		;
	find_stacks();
	measure();
	_exit(0);
}
