/* What the workloads share. Nothing here calls malloc, so that we measure theirs and not ours. */
#include "work.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 1024 };

static _Atomic uint64_t vmas;

static _Noreturn void give_up(const char *why)
{
	say("failed %s\n", why);
	_exit(1);
}

void *need(void *block)
{
	if (!block)
		give_up("no memory");
	return block;
}

void *reserve(size_t size)
{
	void *start = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (start == MAP_FAILED)
		give_up("no memory for the harness");
	return start;
}

void check_mark(const void *block, size_t size, unsigned char stamp)
{
	const volatile unsigned char *bytes = block;

	if (bytes[0] != stamp || bytes[size - 1] != stamp)
		give_up("a block has changed");
}

void say(const char *format, ...)
{
	char line[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length > 0 && write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t cpu_ns(void)
{
	struct rusage children;
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	getrusage(RUSAGE_CHILDREN, &children);
	return (uint64_t)(t.tv_sec + children.ru_utime.tv_sec + children.ru_stime.tv_sec) *
		       1000000000u +
	       (uint64_t)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1000u +
	       (uint64_t)t.tv_nsec;
}

static uint64_t count_lines(const char *path)
{
	char buffer[4096];
	uint64_t n = 0;
	ssize_t length, i;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	while ((length = read(fd, buffer, sizeof(buffer))) > 0)
		for (i = 0; i < length; i++)
			n += buffer[i] == '\n';
	close(fd);
	return n;
}

void peak(void)
{
	uint64_t n, most;

	if (!getenv("BENCH_VMAS"))
		return;
	n = count_lines("/proc/self/maps");
	most = atomic_load(&vmas);
	while (n > most && !atomic_compare_exchange_weak(&vmas, &most, n))
		;
}

uint64_t most_vmas(void)
{
	return atomic_load(&vmas);
}

static uint64_t kib_after(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

struct rss rss_now(void)
{
	char text[4096];
	size_t length = 0;
	ssize_t got;
	int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		give_up("no smaps_rollup");
	while (length < sizeof(text) - 1 &&
	       (got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	close(fd);
	text[length] = '\0';
	return (struct rss){kib_after(text, "\nRss:"), kib_after(text, "\nAnonymous:")};
}

void pin(unsigned i)
{
	cpu_set_t allowed, one;
	unsigned cpu, n;

	/* the process's own mask, not the thread's: it may be pinned already */
	if (sched_getaffinity(getpid(), sizeof(allowed), &allowed) < 0)
		return;
	n = (unsigned)CPU_COUNT(&allowed);
	if (n < 2)
		return;
	i %= n;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && i-- == 0)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

struct member {
	void (*fn)(void *arg, unsigned i);
	void *arg;
	unsigned i;
};

static void *begin(void *arg)
{
	struct member *member = arg;

	pin(member->i);
	member->fn(member->arg, member->i);
	return NULL;
}

void team(unsigned nthreads, void (*fn)(void *arg, unsigned i), void *arg)
{
	pthread_t threads[MOST_THREADS];
	struct member members[MOST_THREADS];
	unsigned i;

	if (nthreads > MOST_THREADS)
		give_up("too many threads");
	for (i = 0; i < nthreads; i++) {
		members[i] = (struct member){fn, arg, i};
		if (pthread_create(&threads[i], NULL, begin, &members[i]) != 0)
			give_up("no thread");
	}
	for (i = 0; i < nthreads; i++)
		pthread_join(threads[i], NULL);
}
