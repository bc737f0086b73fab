#include "prop/freeze/steady.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct steady *steady;

#define WRONG(part) (steady->wrong[part] = __LINE__)

long steady_function(long argument)
{
	volatile double sum = 0;
	int i;

	for (i = 0; i < 200; i++)
		sum += i * 0.5;
	for (i = 0; i < 10; i++)
		munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
	steady->called++;
	return argument + (sum > 0);
}

static void *count_integers(void *context)
{
	uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;

	for (;;) {
		a++, b += 2, c += 3, d += 4, e += 5, f += 6;
		/* None of them is in memory. */
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
		if (b != 2 * a || c != 3 * a || d != 4 * a || e != 5 * a || f != 6 * a)
			WRONG(STEADY_INTEGERS);
		if (a % 4096 == 0)
			steady->rounds[STEADY_INTEGERS]++;
	}
	return context;
}

static void *count_vectors(void *context)
{
	double x[8] = {0};
	long double old = 0;
	uint64_t n = 0;
	int i;

	for (;;) {
		n++;
		old += 1;
		for (i = 0; i < 8; i++)
			x[i] += i + 1;
		if (n % 1024)
			continue;
		for (i = 0; i < 8; i++)
			if (x[i] != (double)n * (i + 1))
				WRONG(STEADY_VECTORS);
		if ((uint64_t)old != n)
			WRONG(STEADY_VECTORS);
		steady->rounds[STEADY_VECTORS]++;
	}
	return context;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int first_free_descriptor(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 100);

	close(fd);
	return fd;
}

/* All that is to be restarted is; how long it has waited is the sum. */
static void *wait_for_nothing(void *context)
{
	const struct timespec time = {.tv_nsec = 1000000};
	struct pollfd nothing;
	int ends[2], descriptor;
	sigset_t mask, before;

	if (pipe2(ends, O_CLOEXEC) < 0)
		abort();
	nothing = (struct pollfd){.fd = ends[0], .events = POLLIN};
	descriptor = first_free_descriptor();
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	for (;;) {
		uint64_t begin = now();

		if (nanosleep(&time, NULL) != 0 || now() - begin < 1000000)
			WRONG(STEADY_WAITS);
		begin = now();
		if (poll(&nothing, 1, 1) != 0 || now() - begin < 900000)
			WRONG(STEADY_WAITS);
		if (ppoll(&nothing, 1, &time, &before) != 0)
			WRONG(STEADY_WAITS);
		pthread_sigmask(SIG_SETMASK, NULL, &mask);
		if (memcmp(&mask, &before, NSIG / 8) != 0 || first_free_descriptor() != descriptor)
			WRONG(STEADY_WAITS);
		steady->rounds[STEADY_WAITS]++;
	}
	return context;
}

#define BLOCKS 2000

static void *make_blocks(void *context)
{
	static unsigned char *blocks[BLOCKS];
	static size_t sizes[BLOCKS];
	uint32_t x = 1;

	for (;;) {
		size_t i, k, size;

		x = x * 1103515245 + 12345;
		i = (x >> 8) % BLOCKS;
		size = 1 + (x >> 16) % (x % 97 ? 500 : 300000);
		for (k = 0; blocks[i] && k < sizes[i]; k += 37)
			if (blocks[i][k] != (unsigned char)i)
				WRONG(STEADY_BLOCKS);
		free(blocks[i]);
		blocks[i] = malloc(size);
		if (!blocks[i])
			abort();
		memset(blocks[i], (int)(unsigned char)i, size);
		sizes[i] = size;
		steady->rounds[STEADY_BLOCKS]++;
	}
	return context;
}

static void *end_at_once(void *context)
{
	return context;
}

static void *make_threads(void *context)
{
	pthread_t threads[8];
	size_t i;

	for (;;) {
		for (i = 0; i < 8; i++)
			if (pthread_create(&threads[i], NULL, end_at_once, context) != 0)
				abort();
		for (i = 0; i < 8; i++)
			pthread_join(threads[i], NULL);
		steady->rounds[STEADY_THREADS]++;
	}
	return context;
}

static void *make_children(void *context)
{
	for (;;) {
		int pid = fork(), status;

		if (pid == 0)
			_exit(7);
		if (pid < 0)
			abort();
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != 7)
			WRONG(STEADY_FORKS);
		steady->rounds[STEADY_FORKS]++;
	}
	return context;
}

static volatile sig_atomic_t nsignals, nalarms;

static void on_signal(int signal)
{
	if (signal == SIGALRM)
		nalarms++;
	else
		nsignals++;
}

/* Each that is sent has come when sending returns; the timer's come too. */
static void *take_signals(void *context)
{
	const struct itimerval each = {{0, 3000}, {0, 3000}};
	sigset_t mask;
	uint64_t n = 0;

	sigemptyset(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	signal(SIGUSR1, on_signal);
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &each, NULL);
	for (;;) {
		sig_atomic_t before = nsignals, alarms = nalarms;

		pthread_kill(pthread_self(), SIGUSR1);
		if (nsignals != before + 1)
			WRONG(STEADY_SIGNALS);
		if (++n % 1000 == 0)
			while (nalarms == alarms)
				;
		nsignals = 0;
		steady->rounds[STEADY_SIGNALS]++;
	}
	return context;
}

void steady_run(void)
{
	static void *(*const parts[])(void *) = {
		count_vectors, wait_for_nothing, make_blocks,
		make_threads,  make_children,	 take_signals,
	};
	pthread_t thread;
	sigset_t all;
	size_t i;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (pthread_create(&thread, NULL, parts[i], NULL) != 0)
			abort();
	count_integers(NULL);
	abort();
}
