/*
 * A process that goes to its limits. It says "ready", and then does what the lines of its standard
 * input tell it, and what came of it:
 *
 *     mmap BYTES       one private mapping          mmap ok, mmap ENOMEM
 *     locked BYTES     the same with MAP_LOCKED     locked EAGAIN
 *     brk BYTES        the heap grows by that       brk ok
 *     stack BYTES      the stack grows by that      stack ok, or it ends by SIGSEGV
 *     mlock BYTES      of memory that was mapped
 *     maps             as many mappings as can be   maps 65500
 *
 * What it got it gives back, but for the stack. In between it allocates nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096UL
#define LAND (256UL << 20)
#define STEP (1UL << 30)

static void say(const char *what, const char *result)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %s\n", what, result);

	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		_exit(1);
}

static const char *outcome(int failed)
{
	if (!failed)
		return "ok";
	return errno == ENOMEM	 ? "ENOMEM"
	       : errno == EAGAIN ? "EAGAIN"
	       : errno == EPERM	 ? "EPERM"
				 : "?";
}

static void do_mmap(const char *what, size_t size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
		       0);

	say(what, outcome(p == MAP_FAILED));
	if (p != MAP_FAILED)
		munmap(p, size);
}

/* In steps, because a single request may not ask for more than there is memory. */
static void do_brk(size_t size)
{
	unsigned long brk = (unsigned long)syscall(SYS_brk, 0), at = (brk + PAGE - 1) / PAGE * PAGE;
	unsigned long end = at + size;
	int granted = 1;

	while (granted && at < end) {
		at = end - at < STEP ? end : at + STEP;
		granted = (unsigned long)syscall(SYS_brk, at) == at;
	}
	say("brk", granted ? "ok" : "ENOMEM");
	syscall(SYS_brk, brk);
}

/* The first address of the mapping that maps calls [stack]. */
static char *stack_start(void)
{
	static char maps[65536];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;
	char *line;

	while (used < sizeof(maps) - 1 && (n = read(fd, maps + used, sizeof(maps) - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	maps[used] = '\0';
	line = strstr(maps, "[stack]");
	while (line && line > maps && line[-1] != '\n')
		line--;
	return line ? (char *)strtoul(line, NULL, 16) : NULL;
}

static void do_stack(size_t size)
{
	*(volatile char *)(stack_start() - size) = 1;
	say("stack", "ok");
}

static void do_mlock(char *land, size_t size)
{
	say("mlock", outcome(syscall(SYS_mlock2, land, size, 1 /* MLOCK_ONFAULT */) < 0));
	munlock(land, size);
}

/* Every other one can be read, so that none becomes part of its neighbour. */
static void do_maps(void)
{
	char count[24];
	size_t n = 0;

	while (mmap(NULL, PAGE, n % 2 ? PROT_READ : PROT_NONE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
		n++;
	snprintf(count, sizeof(count), "%zu", n);
	say("maps", count);
}

int main(int argc, char **argv)
{
	/* With an argument, land that mlock can lock. */
	char *land = argc > 1 ? mmap(NULL, LAND, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
			      : NULL;
	char line[64], what[16];
	size_t size;

	(void)argv;
	if (!malloc(100)) /* a heap by brk */
		return 1;
	say("ready", "");
	for (;;) {
		size_t n = 0;

		while (n < sizeof(line) - 1 && read(STDIN_FILENO, line + n, 1) == 1 &&
		       line[n] != '\n')
			n++;
		line[n] = '\0';
		size = 0;
		if (n == 0 || sscanf(line, "%15s %zu", what, &size) < 1)
			return 0;
		if (strcmp(what, "mmap") == 0)
			do_mmap(what, size, 0);
		else if (strcmp(what, "locked") == 0)
			do_mmap(what, size, MAP_LOCKED);
		else if (strcmp(what, "brk") == 0)
			do_brk(size);
		else if (strcmp(what, "stack") == 0)
			do_stack(size);
		else if (strcmp(what, "mlock") == 0)
			do_mlock(land, size);
		else if (strcmp(what, "maps") == 0)
			do_maps();
	}
}
