/*
 * What it costs to be told the own memory figures, and what is left of the stack: usage [--check]
 *
 * Prints nanoseconds a call: by the library, and as programs do without it: by opening the file of
 * /proc and reading its text, and for the stack by asking the C library; and what the kernel alone
 * takes for the text that the library reads. Rounds are taken in turns; the least and the median of
 * them. With --check the status is 1 if plat_usage takes more than 6
 * microseconds, plat_usage_now more than 1.5, or plat_stack_left more than 10 nanoseconds, by more
 * than 5 in a hundred.
 */
#include <plat/stack.h>
#include <plat/usage.h>

#include "mem.d/rounds.h"

#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 2000

static volatile size_t sink;

#define FEW 10

static void usage(void *data)
{
	struct plat_usage all;
	int i;

	(void)data;
	for (i = 0; i < FEW; i++) {
		if (plat_usage(&all, sizeof(all)) < 0)
			errx(3, "plat_usage does not work here");
		sink = all.resident;
	}
}

static void usage_now(void *data)
{
	size_t address_space, resident;
	int i;

	(void)data;
	for (i = 0; i < FEW; i++) {
		if (plat_usage_now(&address_space, &resident) < 0)
			errx(3, "plat_usage_now does not work here");
		sink = resident;
	}
}

/* What the kernel takes to make the text, for which there is no cheaper call. */
static void read_again(const char *path, int *fd)
{
	char text[8192];
	int i;

	if (*fd < 0)
		*fd = open(path, O_RDONLY | O_CLOEXEC);
	for (i = 0; i < FEW; i++)
		if (pread(*fd, text, sizeof(text), 0) <= 0)
			err(3, "%s", path);
	sink = (size_t)text[0];
}

static void kernels_status(void *data)
{
	static int fd = -1;

	(void)data;
	read_again("/proc/self/status", &fd);
}

static void kernels_statm(void *data)
{
	static int fd = -1;

	(void)data;
	read_again("/proc/self/statm", &fd);
}

static void read_status(void *data)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long kib = 0;

	(void)data;
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	if (file)
		fclose(file);
	sink = kib;
}

static void read_statm(void *data)
{
	unsigned long all = 0, in_memory = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	(void)data;
	if (!file || fscanf(file, "%lu %lu", &all, &in_memory) != 2)
		errx(3, "/proc/self/statm cannot be read");
	fclose(file);
	sink = in_memory;
}

#define CALLS 1000

static void stack_left(void *data)
{
	int i;

	(void)data;
	for (i = 0; i < CALLS; i++)
		sink = (size_t)plat_stack_left();
}

/* As one asks the C library, in any thread; of the main thread it reads /proc/self/maps. */
static void ask_libc(void *data)
{
	pthread_attr_t attr;
	void *base;
	size_t size;

	(void)data;
	if (pthread_getattr_np(pthread_self(), &attr) != 0)
		errx(3, "pthread_getattr_np does not work here");
	pthread_attr_getstack(&attr, &base, &size);
	pthread_attr_destroy(&attr);
	sink = (size_t)((char *)__builtin_frame_address(0) - (char *)base);
}

static const struct row {
	const char *name;
	void (*run)(void *data);
	int calls;
	double most; /* nanoseconds; 0: no claim */
} rows[] = {
	{"plat_usage", usage, FEW, 6000},	    {"pread of status", kernels_status, FEW, 0},
	{"reading status", read_status, 1, 0},	    {"plat_usage_now", usage_now, FEW, 1500},
	{"pread of statm", kernels_statm, FEW, 0},  {"reading statm", read_statm, 1, 0},
	{"plat_stack_left", stack_left, CALLS, 10}, {"pthread_getattr_np", ask_libc, 1, 0},
};

#define NROWS (sizeof(rows) / sizeof(rows[0]))

int main(int argc, char **argv)
{
	bool must_hold = argc == 2 && strcmp(argv[1], "--check") == 0, holds = true;
	struct way ways[NROWS];
	size_t i;

	for (i = 0; i < NROWS; i++)
		ways[i] = (struct way){rows[i].run, NULL, 0, 0};
	take_rounds(ways, NROWS, ROUNDS);
	printf("ns a call              least    median     claim\n");
	for (i = 0; i < NROWS; i++) {
		double least = ways[i].least / rows[i].calls;
		bool good = rows[i].most == 0 || least <= rows[i].most * 1.05;

		printf("%-18s %9.1f %9.1f", rows[i].name, least, ways[i].median / rows[i].calls);
		if (rows[i].most > 0)
			printf(" %9.0f%s", rows[i].most, good ? "" : "  above it");
		printf("\n");
		holds = holds && good;
	}
	return must_hold && !holds;
}
