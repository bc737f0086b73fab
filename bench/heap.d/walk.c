/*
 * Times walks through another process's heap beside process_vm_readv of the same bytes:
 *
 *	walk PID ROUNDS
 *
 * Prints "allocator blocks held walk-ns survey-ns copy-ns copied": of each the least of all rounds,
 * which are taken in turns.
 */
#include "heap/find.h"
#include "heap/survey.h"
#include "source/content.h"
#include "source/pages.h"
#include "source/proc.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define PIECE ((size_t)1 << 20)

struct look {
	struct procdir dir;
	struct space space;
	struct content content;
	struct heaps heaps;
	struct heap_runs runs, held;
	uint64_t nblocks;
};

/* Of the processor, so that others who use it matter less. */
static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int take_run(void *context, const struct page_run *run)
{
	if (!(run->state & PAGE_PRESENT) || (run->state & (PAGE_FILE | PAGE_ZERO)))
		return 0;
	return heap_runs_add(context, run->start, run->end);
}

static int take_range(void *context, plat_addr start, plat_addr end)
{
	struct look *look = context;

	return heap_runs_add(&look->held, start, end);
}

static int take_block(void *context, const struct block *block)
{
	struct look *look = context;

	(void)block;
	look->nblocks++;
	return 0;
}

static void open_all(struct look *look, int pid)
{
	struct error error;

	if (procdir_open(NULL, pid, &look->dir, &error) < 0 ||
	    proc_load(&look->dir, 0, &look->space, &error) < 0 ||
	    pages_walk(&look->dir, &look->space, 0, look->space.user_end, PAGES_ANY, take_run,
		       &look->runs, &error) < 0)
		errx(1, "%s", error.text);
	if (content_open(&look->content, &look->dir, &look->space) < 0 ||
	    heaps_find(&look->space, &look->content.reader, &look->heaps) < 0)
		errx(1, "its memory cannot be read");
	if (!look->heaps.has_used)
		errx(1, "%s", look->heaps.why.text);
}

static uint64_t time_walk(struct look *look)
{
	const struct heap_visitor visitor = {
		.block = take_block, .context = look, .states = 1u << BLOCK_LIVE};
	uint64_t begin = now();

	look->nblocks = 0;
	if (heap_walk(look->heaps.readings[0], &visitor) < 0)
		errx(1, "the walk fails");
	return now() - begin;
}

static uint64_t time_survey(struct look *look)
{
	uint64_t begin = now(), took;
	struct survey survey;

	survey_init(&survey, &look->space, &look->runs, 10);
	if (survey_walk(&survey, look->heaps.readings[0], NULL) < 0)
		errx(1, "the survey fails");
	took = now() - begin;
	survey_fini(&survey);
	return took;
}

/* What is held and in memory, into memory that is touched already. */
static uint64_t time_copy(struct look *look, int pid, char *to, uint64_t *copied)
{
	uint64_t begin = now();
	size_t i, at = 0;

	*copied = 0;
	for (i = 0; i < look->runs.n; i++) {
		plat_addr from = look->runs.items[i].start, end = look->runs.items[i].end;

		if (heap_runs_bytes(&look->held, &at, from, end) == 0)
			continue;
		for (; from < end; from += PIECE) {
			struct iovec local = {to, (size_t)min_u64(PIECE, end - from)};
			struct iovec remote = {(void *)from, local.iov_len};
			ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

			*copied += n > 0 ? (uint64_t)n : 0;
		}
	}
	return now() - begin;
}

int main(int argc, char **argv)
{
	int pid = argc == 3 ? atoi(argv[1]) : 0, rounds = argc == 3 ? atoi(argv[2]) : 0, i;
	const struct heap_visitor ranges = {.range = take_range, .context = NULL};
	uint64_t walk = UINT64_MAX, survey = UINT64_MAX, copy = UINT64_MAX, copied = 0;
	struct look look = {.dir = PROCDIR_CLOSED};
	struct heap_visitor visitor = ranges;
	char *to = malloc(PIECE);

	if (pid <= 0 || rounds <= 0 || !to)
		errx(64, "usage: walk PID ROUNDS");
	memset(to, 1, PIECE);
	open_all(&look, pid);
	visitor.context = &look;
	if (heap_walk(look.heaps.readings[0], &visitor) < 0)
		errx(1, "the walk fails");
	for (i = 0; i < rounds; i++) {
		walk = min_u64(walk, time_walk(&look));
		survey = min_u64(survey, time_survey(&look));
		copy = min_u64(copy, time_copy(&look, pid, to, &copied));
	}
	printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
	       look.heaps.readings[0]->type->name, look.nblocks, look.heaps.readings[0]->sums.held,
	       walk, survey, copy, copied);
	heap_runs_fini(&look.runs);
	heap_runs_fini(&look.held);
	heaps_close(&look.heaps);
	content_close(&look.content);
	space_fini(&look.space);
	procdir_close(&look.dir);
	free(to);
	return 0;
}
