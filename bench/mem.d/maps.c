/*
 * What maps cost beside the bare calls of the kernel: making and closing one; and reads that end in
 * an error where memory is gone, beside reads that end in SIGBUS, and beside pread. All ways of one
 * row in turns; the least of the rounds, in nanoseconds a call, and how many times the first way's.
 */
#include "mem.d/rounds.h"

#include <plat/map.h>
#include <plat/shm.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NROUNDS 400
#define NCALLS 20
#define LONGEST ((size_t)1 << 20)

/* One file for all, mapped as a whole, and how much of it a call reads. */
struct job {
	int fd;
	size_t size;
	struct plat_map map;
	char *to;
};

static void must(int r, const char *what)
{
	if (r < 0)
		errx(3, "%s: %s", what, strerror(-r));
}

/* --- making and closing --- */

static void bare_map(void *data)
{
	const struct job *job = data;
	int i;

	for (i = 0; i < NCALLS; i++) {
		void *p = mmap(NULL, job->size, PROT_READ, MAP_SHARED, job->fd, 0);

		if (p == MAP_FAILED || munmap(p, job->size) < 0)
			err(3, "mmap");
	}
}

/* What a program has to ask to map a whole file. */
static void bare_map_and_length(void *data)
{
	const struct job *job = data;
	int i;

	for (i = 0; i < NCALLS; i++) {
		struct stat file;
		size_t size = fstat(job->fd, &file) < 0 ? 0 : (size_t)file.st_size;
		void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, job->fd, 0);

		if (p == MAP_FAILED || munmap(p, size) < 0)
			err(3, "mmap");
	}
}

static void plat_map_and_close(void *data)
{
	const struct job *job = data;
	struct plat_map map;
	int i;

	for (i = 0; i < NCALLS; i++) {
		must(plat_map_fd(job->fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL, &map), "plat_map_fd");
		must(plat_map_close(&map), "plat_map_close");
	}
}

static void bare_shm(void *data)
{
	const struct job *job = data;
	int i;

	for (i = 0; i < NCALLS; i++) {
		int fd = shm_open("/plat-bench", O_RDWR | O_CREAT, 0600);
		void *p;

		if (fd < 0 || ftruncate(fd, (off_t)job->size) < 0)
			err(3, "shm_open");
		p = mmap(NULL, job->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (p == MAP_FAILED || munmap(p, job->size) < 0)
			err(3, "mmap");
		shm_unlink("/plat-bench");
	}
}

static void plat_shm_and_close(void *data)
{
	const struct job *job = data;
	struct plat_shm_new how = {job->size, 0600, NULL, NULL};
	struct plat_shm shm;
	int i;

	for (i = 0; i < NCALLS; i++) {
		must(plat_shm_open("/plat-bench",
				   PLAT_SHM_CREATE | PLAT_SHM_TEMPORARY | PLAT_SHM_SPARSE, &how,
				   &shm),
		     "plat_shm_open");
		must(plat_shm_close(&shm), "plat_shm_close");
	}
}

/* --- reading --- */

static void copy(void *data)
{
	const struct job *job = data;
	int i;

	for (i = 0; i < NCALLS; i++) {
		memcpy(job->to, job->map.data, job->size);
		__asm__ volatile("" : : "r"(job->to) : "memory");
	}
}

static void guarded_read(void *data)
{
	const struct job *job = data;
	int i;

	for (i = 0; i < NCALLS; i++)
		must(plat_map_read(&job->map, 0, job->to, job->size), "plat_map_read");
}

static void read_file(void *data)
{
	const struct job *job = data;
	int i;

	for (i = 0; i < NCALLS; i++) {
		if (pread(job->fd, job->to, job->size, 0) != (ssize_t)job->size)
			err(3, "pread");
	}
}

/* --- the tables --- */

static void show(const char *row, const struct way *ways, size_t nways, const char *const *names)
{
	size_t i;

	printf("%-24s", row);
	for (i = 0; i < nways; i++)
		printf("  %s %.0f ns (%.2f)", names[i], ways[i].least / NCALLS,
		       ways[i].least / ways[0].least);
	printf("\n");
}

static void compare_making(struct job *job)
{
	static const char *const names[] = {"mmap", "fstat and mmap", "plat_map_fd"};
	struct way ways[] = {
		{.run = bare_map, .data = job},
		{.run = bare_map_and_length, .data = job},
		{.run = plat_map_and_close, .data = job},
	};
	static const char *const shm_names[] = {"shm_open", "plat_shm_open"};
	struct way shms[] = {
		{.run = bare_shm, .data = job},
		{.run = plat_shm_and_close, .data = job},
	};

	job->size = LONGEST;
	take_rounds(ways, 3, NROUNDS);
	show("map and unmap", ways, 3, names);
	take_rounds(shms, 2, NROUNDS);
	show("make, map and remove", shms, 2, shm_names);
}

static void compare_reading(struct job *job)
{
	static const char *const names[] = {"memcpy", "plat_map_read", "pread"};
	struct way ways[] = {
		{.run = copy, .data = job},
		{.run = guarded_read, .data = job},
		{.run = read_file, .data = job},
	};
	char row[32];

	for (job->size = 64; job->size <= LONGEST; job->size *= 4) {
		take_rounds(ways, 3, NROUNDS);
		(void)snprintf(row, sizeof(row), "read %zu bytes", job->size);
		show(row, ways, 3, names);
	}
}

int main(void)
{
	struct job job = {.to = malloc(LONGEST)};

	job.fd = memfd_create("bench", MFD_CLOEXEC);
	if (!job.to || job.fd < 0)
		err(3, "no memory");
	memset(job.to, 1, LONGEST);
	if (write(job.fd, job.to, LONGEST) != (ssize_t)LONGEST)
		err(3, "no memory");
	must(plat_map_fd(job.fd, PLAT_MAP_READ, 0, PLAT_MAP_ALL, &job.map), "plat_map_fd");
	must(plat_map_populate(&job.map, 0, PLAT_MAP_ALL, PLAT_POPULATE_READ), "plat_map_populate");
	compare_making(&job);
	compare_reading(&job);
	return 0;
}
