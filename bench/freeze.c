/*
 * What a look costs a process: freeze-bench [MIB [ROUNDS]]
 *
 * A child has so many MiB, of which it writes to one page of a hundred all the time. Its memory is
 * read into memory that has been touched, in turns: by one call after the other while it runs,
 * which is what all else is compared with; while it stands still; and as a copy, of which the
 * second pass is done while it stands still. Prints the shortest of all rounds.
 */
#include "source/clock.h"
#include "source/content.h"
#include "source/freeze.h"
#include "source/proc.h"

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define ONE_OF 100 /* pages are written to */
#define PIECE ((size_t)1 << 20)

enum way { READV, WHOLE, COPY, TRACKED, NWAYS };

struct result {
	uint64_t pause, all; /* ns, the shortest */
	uint64_t changed;
};

static unsigned char *land; /* the child's; at the same place, not touched, plat's */
static unsigned char *room; /* what is read */
static size_t size;

static _Noreturn void be_child(int ready)
{
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < size; i += 8)
		*(uint64_t *)(void *)(land + i) = i * 0x9e3779b97f4a7c15;
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;) {
		const struct timespec little = {.tv_nsec = 100000};

		/* Not in a row: one in each hundred, each time another place in it. */
		for (i = 0; i < size / PAGE / ONE_OF; i++)
			land[(i * ONE_OF + i * 7919 % ONE_OF) * PAGE]++;
		nanosleep(&little, NULL);
	}
}

static int start_child(void)
{
	int ready[2], pid;
	char byte;

	if (pipe(ready) < 0)
		err(1, "pipe");
	pid = fork();
	if (pid == 0)
		be_child(ready[1]);
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		err(1, "the child");
	return pid;
}

static void read_by_calls(int pid)
{
	size_t at;

	for (at = 0; at < size; at += PIECE) {
		struct iovec ours = {room + at, PIECE}, theirs = {land + at, PIECE};

		if (process_vm_readv(pid, &ours, 1, &theirs, 1, 0) != (ssize_t)PIECE)
			err(1, "process_vm_readv");
	}
}

static void read_by_reader(struct reader *reader)
{
	size_t at;

	for (at = 0; at < size; at += PIECE)
		if (reader_read(reader, (plat_addr)(uintptr_t)land + at, room + at, PIECE) < 0)
			errx(1, "the memory cannot be read");
}

static void look(const struct procdir *dir, const struct space *space, enum way way,
		 struct result *result)
{
	const struct freeze_wish wish = {
		.rung = way == WHOLE   ? FREEZE_WHOLE
			: way == READV ? FREEZE_NEVER
				       : FREEZE_COPY,
		.inject = way == TRACKED,
	};
	uint64_t begin = clock_now(), pause;
	struct freeze *freeze;
	struct content content;
	struct error why;

	if (freeze_begin(dir, &wish, &freeze, &why) < 0)
		errx(1, "%s", why.text);
	if (way == READV)
		read_by_calls(dir->pid);
	if (way == WHOLE) {
		if (content_open(&content, dir, space) < 0)
			errx(1, "the memory cannot be opened");
		read_by_reader(freeze_reader(freeze, &content.reader));
		content_close(&content);
	}
	freeze_end(freeze);
	pause = freeze_told(freeze)->pause;
	result->changed = freeze_told(freeze)->changed;
	freeze_free(freeze);
	begin = clock_now() - begin;
	if (result->all == 0 || begin < result->all)
		result->all = begin;
	if (result->pause == 0 || pause < result->pause)
		result->pause = pause;
}

static void print_row(const char *name, const struct result *result, const struct result *readv)
{
	printf("%-36s %9.1f %9.1f %7.2f %9.1f\n", name, (double)result->all / 1e6,
	       (double)result->pause / 1e6, (double)result->pause / (double)readv->all,
	       (double)result->changed / 1048576);
}

int main(int argc, char **argv)
{
	static const char *const names[NWAYS] = {
		"process_vm_readv, it runs", "it stands still, and is read",
		"a copy, all of it again", "a copy, again what has changed"};
	struct result results[NWAYS] = {{0}};
	unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 5, i;
	struct procdir dir;
	struct space space;
	struct error why;
	int pid;

	size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) << 20;
	land = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (land == MAP_FAILED || room == MAP_FAILED || size == 0)
		err(1, "%zu bytes", size);
	madvise(land, size, MADV_NOHUGEPAGE);
	pid = start_child();
	memset(room, 1, size);
	if (procdir_open(NULL, pid, &dir, &why) < 0 || proc_load(&dir, 0, &space, &why) < 0)
		errx(1, "%s", why.text);
	for (i = 0; i < rounds * NWAYS; i++)
		look(&dir, &space, i % NWAYS, &results[i % NWAYS]);
	printf("%zu MiB in small pages, one of %d written to; the shortest of %u\n\n"
	       "%-36s %9s %9s %7s %9s\n",
	       size >> 20, ONE_OF, rounds, "", "all ms", "pause ms", "/readv", "again MiB");
	for (i = 0; i < NWAYS; i++)
		print_row(names[i], &results[i], &results[READV]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	space_fini(&space);
	procdir_close(&dir);
	return 0;
}
