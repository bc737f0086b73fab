/*
 * The reader of plat's malloc against a worker's own list of what it has.
 *
 *	heap-reader [--seed N] [--workers N] [--rounds N] WORKER LIBRARY
 *
 * WORKER runs on LIBRARY. It is stopped at random, by three ways, and its heap is read from
 * outside: all blocks that no thread was busy with are there with their exact size, and nothing
 *else is, but what was there before and at most two blocks for each thread in the middle of a call.
 *Then it is read while it runs: blocks that nobody touched meanwhile are there.
 */
#include "log.h"

#include "heap/own.h"
#include "source/content.h"
#include "source/proc.h"
#include "space/space.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS_MOST 100000
#define STEPS_MOST 60

struct seen {
	uint64_t address, size;
};

struct judge {
	const char *worker; /* the program */
	struct log *log;
	int child;
	struct procdir dir;
	struct space space;
	struct content content;
	plat_addr state;
	struct seen *before, *now; /* sorted by address */
	size_t nbefore, nnow;
	uint64_t seed, first_seed;
	const char *way;
	uint64_t nlooks, nbusy;
};

static uint64_t draw(struct judge *judge)
{
	uint64_t x = judge->seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

__attribute__((format(printf, 2, 3), noreturn)) static void wrong(const struct judge *judge,
								  const char *format, ...)
{
	va_list args;

	printf("not ok - %s, seed %" PRIu64 ", look %" PRIu64 ": ", judge->way, judge->first_seed,
	       judge->nlooks);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	if (getenv("HEAP_READER_WAITS")) {
		printf("# stopped: %d\n", judge->child);
		fflush(stdout);
		pause();
	}
	if (judge->child)
		kill(judge->child, SIGKILL);
	exit(1);
}

/*
 * Reading.
 */

static int take_block(void *context, const struct block *block)
{
	struct judge *judge = context;

	if (judge->nnow == BLOCKS_MOST)
		wrong(judge, "too many blocks");
	if (judge->nnow && judge->now[judge->nnow - 1].address >= block->address)
		wrong(judge, "block 0x%" PRIx64 " is not above the one before", block->address);
	judge->now[judge->nnow++] = (struct seen){block->address, block->size};
	return 0;
}

static void read_heap(struct judge *judge, bool is_stopped)
{
	const struct heap_visitor visitor = {
		.block = take_block, .context = judge, .states = 1u << BLOCK_LIVE};
	struct error err;
	struct own own;
	int r = own_open(&judge->content.reader, judge->state, &own, &err);

	judge->nlooks++;
	if (r < 0)
		wrong(judge, "%s", err.text);
	judge->nnow = 0;
	r = own_walk(&own, &visitor);
	if (r < 0)
		wrong(judge, "the walk fails: %s", strerror(-r));
	if (own.reading.proofs.unreadable)
		wrong(judge, "%" PRIu64 " pieces could not be read", own.reading.proofs.unreadable);
	if (own.reading.proofs.broken)
		wrong(judge, "%" PRIu64 " contradictions: %s", own.reading.proofs.broken,
		      own.reading.proofs.first);
	if (own.reading.sums.live_blocks != judge->nnow && is_stopped)
		wrong(judge, "%" PRIu64 " blocks counted, %zu shown", own.reading.sums.live_blocks,
		      judge->nnow);
	if (own.reading.sums.held !=
	    own.reading.sums.live_bytes + own.reading.sums.slack + own.reading.sums.free_bytes)
		wrong(judge,
		      "sums: held %" PRIu64 ", live %" PRIu64 ", slack %" PRIu64 ", free %" PRIu64,
		      own.reading.sums.held, own.reading.sums.live_bytes, own.reading.sums.slack,
		      own.reading.sums.free_bytes);
	own_close(&own);
}

static int by_address(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static const struct seen *find(const struct seen *seen, size_t n, uint64_t address)
{
	const struct seen key = {address, 0};

	return n ? bsearch(&key, seen, n, sizeof(*seen), by_address) : NULL;
}

/*
 * Judging.
 */

static void must_be_there(const struct judge *judge, const struct seen *wanted, const char *what)
{
	const struct seen *found = find(judge->now, judge->nnow, wanted->address);

	if (!found)
		wrong(judge, "%s of %" PRIu64 " bytes at 0x%" PRIx64 " is not there", what,
		      wanted->size, wanted->address);
	if (found->size != wanted->size)
		wrong(judge, "%s at 0x%" PRIx64 " has %" PRIu64 " bytes, not %" PRIu64, what,
		      wanted->address, found->size, wanted->size);
}

/* Of a stopped worker: its list, and what was there before, and nothing else. */
static void compare(struct judge *judge)
{
	size_t i, expected = judge->nbefore, nbusy = 0;

	read_heap(judge, true);
	for (i = 0; i < judge->nbefore; i++)
		must_be_there(judge, &judge->before[i], "an old block");
	for (i = 0; i < LOG_BLOCKS; i++) {
		const struct log_block *block = &judge->log->blocks[i];

		if (block->busy) {
			nbusy++;
		} else if (block->address) {
			struct seen wanted = {block->address, block->size};

			expected++;
			must_be_there(judge, &wanted, "a block");
		}
	}
	judge->nbusy += nbusy;
	if (nbusy > judge->log->nthreads)
		wrong(judge, "%zu blocks are busy", nbusy);
	if (judge->nnow < expected || judge->nnow > expected + 2 * nbusy)
		wrong(judge, "%zu blocks, %zu expected, %zu threads busy", judge->nnow, expected,
		      nbusy);
}

/* Of a running one: what nobody has changed between two looks at the list is there. */
static void compare_running(struct judge *judge, struct log_block *copy)
{
	size_t i;

	for (i = 0; i < LOG_BLOCKS; i++) {
		copy[i].version = __atomic_load_n(&judge->log->blocks[i].version, __ATOMIC_SEQ_CST);
		copy[i].busy = __atomic_load_n(&judge->log->blocks[i].busy, __ATOMIC_SEQ_CST);
		copy[i].address = judge->log->blocks[i].address;
		copy[i].size = judge->log->blocks[i].size;
	}
	read_heap(judge, false);
	for (i = 0; i < LOG_BLOCKS; i++) {
		const struct log_block *block = &judge->log->blocks[i];
		struct seen wanted = {copy[i].address, copy[i].size};

		if (copy[i].busy || __atomic_load_n(&block->busy, __ATOMIC_SEQ_CST) ||
		    __atomic_load_n(&block->version, __ATOMIC_SEQ_CST) != copy[i].version)
			continue;
		if (wanted.address)
			must_be_there(judge, &wanted, "a block that nobody touched");
	}
}

/*
 * Stopping.
 */

static void wait_for_stop(const struct judge *judge)
{
	int status;

	if (waitpid(judge->child, &status, WUNTRACED | __WALL) != judge->child ||
	    !WIFSTOPPED(status))
		wrong(judge, "the worker has ended with status 0x%x", status);
}

static void let_run(struct judge *judge)
{
	struct timespec pause = {.tv_nsec = (long)(draw(judge) % 1500000)};

	nanosleep(&pause, NULL);
}

static void stop_by_signal(struct judge *judge)
{
	judge->way = "SIGSTOP";
	let_run(judge);
	kill(judge->child, SIGSTOP);
	wait_for_stop(judge);
	compare(judge);
	kill(judge->child, SIGCONT);
}

static void stop_by_itself(struct judge *judge)
{
	judge->way = "SIGPROF";
	let_run(judge);
	__atomic_store_n(&judge->log->order, ORDER_STOP_YOURSELF, __ATOMIC_SEQ_CST);
	wait_for_stop(judge);
	compare(judge);
	kill(judge->child, SIGCONT);
}

/* A worker of one thread, instruction by instruction. */
static void stop_by_trace(struct judge *judge)
{
	uint64_t steps = draw(judge) % STEPS_MOST;

	judge->way = "ptrace";
	let_run(judge);
	if (ptrace(PTRACE_SEIZE, judge->child, NULL, NULL) < 0)
		wrong(judge, "it cannot be traced: %s", strerror(errno));
	ptrace(PTRACE_INTERRUPT, judge->child, NULL, NULL);
	for (;;) {
		wait_for_stop(judge);
		compare(judge);
		if (steps-- == 0)
			break;
		ptrace(PTRACE_SINGLESTEP, judge->child, NULL, NULL);
	}
	ptrace(PTRACE_DETACH, judge->child, NULL, NULL);
}

/*
 * Starting.
 */

static struct log *share_log(int *fd)
{
	*fd = memfd_create("log", 0);
	if (*fd < 0 || ftruncate(*fd, sizeof(struct log)) < 0)
		return NULL;
	return mmap(NULL, sizeof(struct log), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
}

static void find_state(struct judge *judge)
{
	uint32_t i;

	for (i = 0; i < judge->space.nmodules; i++)
		if (own_find(&judge->content.reader, &judge->space.modules[i], &judge->state) == 0)
			return;
	wrong(judge, "the worker does not run on plat's malloc");
}

static void open_worker(struct judge *judge)
{
	struct error err;

	if (procdir_open(NULL, judge->child, &judge->dir, &err) < 0 ||
	    proc_load(&judge->dir, 0, &judge->space, &err) < 0)
		wrong(judge, "%s", err.text);
	if (content_open(&judge->content, &judge->dir, &judge->space) < 0)
		wrong(judge, "its memory cannot be read");
	find_state(judge);
}

static void close_worker(struct judge *judge)
{
	int status = 0;

	__atomic_store_n(&judge->log->order, ORDER_END, __ATOMIC_SEQ_CST);
	if (waitpid(judge->child, &status, 0) != judge->child || status != 0)
		wrong(judge, "the worker ends with status 0x%x", status);
	judge->child = 0;
	content_close(&judge->content);
	space_fini(&judge->space);
	procdir_close(&judge->dir);
}

static void start_worker(struct judge *judge, const char *library, unsigned worker)
{
	char number[16];
	int fd;

	judge->log = share_log(&fd);
	if (!judge->log || judge->log == MAP_FAILED)
		wrong(judge, "no memory in common");
	judge->log->seed = judge->seed;
	snprintf(number, sizeof(number), "%d", fd);
	judge->log->nthreads = 1 + worker % 4;
	judge->log->is_huge = worker % 2;
	fflush(stdout);
	judge->child = fork();
	if (judge->child == 0) {
		setenv("LD_PRELOAD", library, 1);
		execl(judge->worker, judge->worker, number, (char *)NULL);
		_exit(127);
	}
	close(fd);
}

/* The worker's threads wait until what was there before has been seen. */
static void await_worker(struct judge *judge)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	int i;

	for (i = 0; i < 20000; i++) {
		if (__atomic_load_n(&judge->log->ready, __ATOMIC_SEQ_CST) == judge->log->nthreads)
			break;
		if (waitpid(judge->child, NULL, WNOHANG) != 0)
			wrong(judge, "the worker does not begin");
		nanosleep(&moment, NULL);
	}
	open_worker(judge);
	judge->way = "beginning";
	read_heap(judge, true);
	memcpy(judge->before, judge->now, judge->nnow * sizeof(*judge->now));
	judge->nbefore = judge->nnow;
	__atomic_fetch_add(&judge->log->ready, 1, __ATOMIC_SEQ_CST);
}

static void judge_worker(struct judge *judge, const char *library, unsigned worker, unsigned rounds)
{
	struct log_block *copy = calloc(LOG_BLOCKS, sizeof(*copy));
	uint64_t nops = 0;
	unsigned i;

	judge->first_seed = judge->seed;
	judge->nlooks = judge->nbusy = 0;
	start_worker(judge, library, worker);
	await_worker(judge);
	for (i = 0; i < rounds; i++) {
		stop_by_signal(judge);
		stop_by_itself(judge);
		if (judge->log->nthreads == 1)
			stop_by_trace(judge);
		judge->way = "running";
		compare_running(judge, copy);
	}
	for (i = 0; i < judge->log->nthreads; i++)
		nops += judge->log->nops[i];
	close_worker(judge);
	printf("ok - seed %" PRIu64 ": %u threads, %" PRIu64 " calls, %" PRIu64 " looks, %" PRIu64
	       " in the middle of a call\n",
	       judge->first_seed, judge->log->nthreads, nops, judge->nlooks, judge->nbusy);
	munmap(judge->log, sizeof(*judge->log));
	free(copy);
}

int main(int argc, char **argv)
{
	struct judge judge = {.dir = PROCDIR_CLOSED, .way = "start", .seed = 1};
	unsigned rounds = 20, workers = 4, i;

	for (; argc > 4; argc -= 2, argv += 2) {
		if (strcmp(argv[1], "--seed") == 0)
			judge.seed = strtoull(argv[2], NULL, 10);
		else if (strcmp(argv[1], "--rounds") == 0)
			rounds = (unsigned)atoi(argv[2]);
		else if (strcmp(argv[1], "--workers") == 0)
			workers = (unsigned)atoi(argv[2]);
	}
	if (argc != 3)
		return 64;
	judge.worker = argv[1];
	judge.before = calloc(BLOCKS_MOST, sizeof(*judge.before));
	judge.now = calloc(BLOCKS_MOST, sizeof(*judge.now));
	if (!judge.before || !judge.now)
		return 1;
	printf("1..%u\n", workers);
	for (i = 0; i < workers; i++)
		judge_worker(&judge, argv[2], i, rounds);
	free(judge.before);
	free(judge.now);
	return 0;
}
