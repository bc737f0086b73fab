#include "judge.h"

#include "keep.h"
#include "source/proc.h"
#include "stepper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS_MOST 100000
#define STEPS_MOST 60
#define STRIDE_MOST 40	       /* instructions between two looks */
#define INSTRUCTIONS_MOST 4000 /* as well, where nobody is in a call */

static uint64_t draw(struct judge *judge)
{
	uint64_t x = judge->seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

void wrong(const struct judge *judge, const char *format, ...)
{
	va_list args;

	printf("not ok - %s, seed %" PRIu64 ", look %" PRIu64 ": ", judge->way, judge->first_seed,
	       judge->nlooks);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (judge->keep && judge->child && judge->is_stopped)
		keep_snapshot(judge->child, judge->keep);
	fflush(stdout);
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

	if (block->state == BLOCK_UNKNOWN) {
		if (judge->nhidden < HIDDEN_MOST)
			judge->hidden[judge->nhidden++] =
				(struct seen){block->address, block->size};
		return 0;
	}
	if (judge->nnow == BLOCKS_MOST)
		wrong(judge, "too many blocks");
	if (judge->nnow && judge->now[judge->nnow - 1].address >= block->address)
		wrong(judge, "block 0x%" PRIx64 " is not above the one before", block->address);
	if (judge->subject->has_ranges &&
	    (block->address < judge->range_start || block->address > judge->range_end ||
	     block->extent > judge->range_end - judge->range_start))
		wrong(judge, "block 0x%" PRIx64 " lies in no range", block->address);
	judge->now[judge->nnow++] = (struct seen){block->address, block->size};
	return 0;
}

/* Ranges come in order, and blocks lie in the last one. */
static int take_range(void *context, plat_addr start, plat_addr end)
{
	struct judge *judge = context;

	if (start > end || (judge->subject->has_ranges && start < judge->range_end))
		wrong(judge, "range 0x%" PRIx64 " is not above the one before", start);
	judge->range_start = start;
	judge->range_end = end;
	judge->held += end - start;
	return 0;
}

static void check_sums(const struct judge *judge, const struct look *look)
{
	const struct heap_sums *sums = &look->sums;

	if (judge->is_stopped && sums->live_blocks != judge->nnow)
		wrong(judge, "%" PRIu64 " blocks counted, %zu shown", sums->live_blocks,
		      judge->nnow);
	if (sums->held != sums->live_bytes + sums->slack + sums->free_bytes + sums->unknown_bytes)
		wrong(judge,
		      "sums: held %" PRIu64 ", live %" PRIu64 ", slack %" PRIu64 ", free %" PRIu64
		      ", unknown %" PRIu64,
		      sums->held, sums->live_bytes, sums->slack, sums->free_bytes,
		      sums->unknown_bytes);
	if (sums->held != judge->held)
		wrong(judge, "held %" PRIu64 ", and ranges of %" PRIu64, sums->held, judge->held);
}

static void load(struct judge *judge)
{
	struct error err;

	if (proc_load(&judge->dir, 0, &judge->space, &err) < 0)
		wrong(judge, "%s", err.text);
	if (content_open(&judge->content, &judge->dir, &judge->space) < 0)
		wrong(judge, "its memory cannot be read");
}

static void load_again(struct judge *judge)
{
	content_close(&judge->content);
	space_fini(&judge->space);
	load(judge);
}

static void read_heap(struct judge *judge, bool is_stopped, struct look *look)
{
	const struct heap_visitor visitor = {
		.block = take_block,
		.range = take_range,
		.context = judge,
		.states = 1u << BLOCK_LIVE | 1u << BLOCK_UNKNOWN,
	};

	judge->is_stopped = is_stopped;
	judge->nlooks++;
	judge->nnow = judge->nhidden = 0;
	judge->held = judge->range_start = judge->range_end = 0;
	/* realloc: the old one, its new slot, and the guarded one that takes the slot's place. */
	*look = (struct look){.nextra = 3};
	if (judge->subject->needs_map && judge->nlooks > 1)
		load_again(judge);
	judge->reader = &judge->content.reader;
	if (judge->subject->needs_map && is_stopped)
		judge->reader = copy_take(&judge->copy, judge->child, &judge->space, judge->reader);
	judge->subject->look(judge, &visitor, look);
	judge->is_usable = look->is_usable;
	check_sums(judge, look);
}

static size_t count_busy(const struct judge *judge)
{
	size_t i, n = 0;

	for (i = 0; i < LOG_BLOCKS; i++)
		n += judge->log->blocks[i].busy != 0;
	return n;
}

/* Some calls leave a heap for a moment as it should not be; who is stopped then stays there. */
static void check_proofs(struct judge *judge, const struct look *look, bool is_busy)
{
	if (is_busy && judge->subject->is_torn_by_calls) {
		judge->ntorn += look->proofs.broken || look->failed;
		if (!judge->subject->tells_calls)
			return;
	}
	if (look->proofs.broken)
		wrong(judge, "%" PRIu64 " contradictions: %s", look->proofs.broken,
		      look->proofs.first);
	if (look->failed && judge->is_stopped)
		wrong(judge, "a proof fails: %s", look->failed_words);
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

static struct seen wanted_of(const struct judge *judge, const struct log_block *block)
{
	return (struct seen){block->address, judge->is_usable ? block->usable : block->size};
}

/* It lies in memory of which the reader says that it does not know what it is. */
static bool is_hidden(const struct judge *judge, uint64_t address)
{
	size_t i;

	for (i = 0; i < judge->nhidden; i++)
		if (address >= judge->hidden[i].address &&
		    address - judge->hidden[i].address < judge->hidden[i].size)
			return true;
	return false;
}

/*
 * A thread is in the middle of a call that tears heaps, and the reader says that something does not
 * fit: blocks may be missing then; of one that tells calls from damage, where it says so.
 */
static bool may_be_missing(const struct judge *judge, const struct look *look, uint64_t address)
{
	if (!judge->subject->is_torn_by_calls || !count_busy(judge))
		return false;
	if (judge->subject->tells_calls)
		return is_hidden(judge, address);
	return look->proofs.broken || look->proofs.unsteady || look->failed;
}

/* Blocks that nobody knows of: those of calls that are under way are among them. */
static void list_extra(const struct judge *judge)
{
	size_t i, j;

	for (i = 0; i < judge->nnow; i++) {
		const struct seen *seen = &judge->now[i];
		bool is_known = find(judge->before, judge->nbefore, seen->address);

		for (j = 0; j < LOG_BLOCKS && !is_known; j++)
			is_known = judge->log->blocks[j].address == seen->address &&
				   !judge->log->blocks[j].busy;
		if (!is_known)
			printf("# of %" PRIu64 " bytes at 0x%" PRIx64 "\n", seen->size,
			       seen->address);
	}
}

/* Of a stopped worker: its list, and what was there before, and nothing else. */
static void compare(struct judge *judge)
{
	size_t i, expected = judge->nbefore, nbusy = 0, nmissing = 0;
	struct look look;

	read_heap(judge, true, &look);
	for (i = 0; i < judge->nbefore; i++)
		must_be_there(judge, &judge->before[i], "an old block");
	for (i = 0; i < LOG_BLOCKS; i++) {
		const struct log_block *block = &judge->log->blocks[i];

		if (block->busy) {
			nbusy++;
		} else if (block->address) {
			struct seen wanted = wanted_of(judge, block);

			if (!find(judge->now, judge->nnow, wanted.address) &&
			    may_be_missing(judge, &look, wanted.address)) {
				nmissing++;
				continue;
			}
			expected++;
			must_be_there(judge, &wanted, "a block");
		}
	}
	judge->nbusy += nbusy;
	judge->nmissing += nmissing;
	check_proofs(judge, &look, nbusy != 0);
	if (nbusy > judge->log->nthreads)
		wrong(judge, "%zu blocks are busy", nbusy);
	if (judge->nnow < expected || judge->nnow > expected + look.nextra * nbusy) {
		list_extra(judge);
		wrong(judge, "%zu blocks, %zu expected, %zu threads busy", judge->nnow, expected,
		      nbusy);
	}
	if (look.proofs.unreadable)
		wrong(judge, "%" PRIu64 " pieces could not be read", look.proofs.unreadable);
	if (nbusy == 0 && look.proofs.unsteady)
		wrong(judge, "%" PRIu64 " pieces are not steady, and nobody is busy",
		      look.proofs.unsteady);
}

/* Of a running one: what nobody has changed between two looks at the list is there. */
static void compare_running(struct judge *judge, struct log_block *copy)
{
	struct look look;
	size_t i;

	for (i = 0; i < LOG_BLOCKS; i++) {
		copy[i].version = __atomic_load_n(&judge->log->blocks[i].version, __ATOMIC_SEQ_CST);
		copy[i].busy = __atomic_load_n(&judge->log->blocks[i].busy, __ATOMIC_SEQ_CST);
		copy[i].address = judge->log->blocks[i].address;
		copy[i].size = judge->log->blocks[i].size;
		copy[i].usable = judge->log->blocks[i].usable;
	}
	read_heap(judge, false, &look);
	check_proofs(judge, &look, true);
	/* A reader that says that it met something in motion may have missed what lay there. */
	if (judge->subject->is_torn_by_calls &&
	    (look.proofs.unsteady || look.proofs.broken || look.failed))
		return;
	for (i = 0; i < LOG_BLOCKS; i++) {
		const struct log_block *block = &judge->log->blocks[i];
		struct seen wanted = wanted_of(judge, &copy[i]);

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
	if (status >> 8 != SIGSTOP)
		wrong(judge, "the worker has stopped with status 0x%x", status);
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

static void stop_by_itself(struct judge *judge, const char *way, enum log_order order)
{
	judge->way = way;
	let_run(judge);
	__atomic_store_n(&judge->log->order, order, __ATOMIC_SEQ_CST);
	wait_for_stop(judge);
	compare(judge);
	kill(judge->child, SIGCONT);
}

/*
 * Leads threads on by a few instructions, mostly the same one for a while. Between calls there is
 * not much to see: on to the next call.
 */
static void advance(struct judge *judge, struct stepper *stepper)
{
	unsigned left = draw(judge) % 4 ? 1 : 1 + (unsigned)(draw(judge) % STRIDE_MOST), i;

	if (draw(judge) % 8 == 0)
		judge->stepped = (unsigned)(draw(judge) % stepper->n);
	for (i = 0; left && i < INSTRUCTIONS_MOST; i++) {
		if (!stepper_step(stepper, judge->stepped % stepper->n))
			judge->stepped = (unsigned)(draw(judge) % stepper->n);
		else if (count_busy(judge))
			left--;
	}
}

/* Instruction by instruction. */
static void stop_by_trace(struct judge *judge)
{
	uint64_t steps =
		judge->nsteps ? judge->nsteps : draw(judge) % STEPS_MOST / judge->log->nthreads + 1;
	struct stepper stepper;

	judge->way = "ptrace";
	let_run(judge);
	if (!stepper_begin(&stepper, judge->child))
		wrong(judge, "it cannot be traced: %s", strerror(errno));
	for (compare(judge); steps; steps--) {
		advance(judge, &stepper);
		compare(judge);
	}
	stepper_end(&stepper);
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

static void open_worker(struct judge *judge)
{
	struct error err;

	if (procdir_open(NULL, judge->child, &judge->dir, &err) < 0)
		wrong(judge, "%s", err.text);
	load(judge);
	if (judge->subject->find)
		judge->subject->find(judge);
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

static void start_worker(struct judge *judge, unsigned worker)
{
	char number[16];
	int fd;

	judge->log = share_log(&fd);
	if (!judge->log || judge->log == MAP_FAILED)
		wrong(judge, "no memory in common");
	judge->log->seed = judge->seed;
	snprintf(number, sizeof(number), "%d", fd);
	judge->log->nthreads = judge->nthreads ? judge->nthreads : 1 + worker % 4;
	judge->log->is_huge = worker % 2;
	judge->log->is_brk_stopped = judge->is_brk_stopped;
	judge->log->nblocks = judge->nblocks ? judge->nblocks : LOG_BLOCKS;
	fflush(stdout);
	judge->child = fork();
	if (judge->child == 0) {
		if (judge->library)
			setenv("LD_PRELOAD", judge->library, 1);
		if (judge->tunables)
			setenv("GLIBC_TUNABLES", judge->tunables, 1);
		if (judge->loader)
			execl(judge->loader, judge->loader, "--library-path", judge->libraries,
			      judge->worker, number, (char *)NULL);
		else
			execl(judge->worker, judge->worker, number, (char *)NULL);
		_exit(127);
	}
	close(fd);
}

/* The worker's threads wait until what was there before has been seen. */
static void await_worker(struct judge *judge)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	struct look look;
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
	read_heap(judge, true, &look);
	memcpy(judge->before, judge->now, judge->nnow * sizeof(*judge->now));
	judge->nbefore = judge->nnow;
	__atomic_fetch_add(&judge->log->ready, 1, __ATOMIC_SEQ_CST);
}

static void judge_worker(struct judge *judge, unsigned worker, unsigned rounds)
{
	struct log_block *copy = calloc(LOG_BLOCKS, sizeof(*copy));
	uint64_t nops = 0;
	unsigned i;

	judge->first_seed = judge->seed;
	judge->nlooks = judge->nbusy = judge->ntorn = judge->nmissing = 0;
	start_worker(judge, worker);
	await_worker(judge);
	for (i = 0; i < rounds; i++) {
		stop_by_signal(judge);
		stop_by_itself(judge, "SIGPROF", ORDER_STOP_YOURSELF);
		stop_by_itself(judge, "between calls", ORDER_STOP_BETWEEN);
		stop_by_trace(judge);
		judge->way = "running";
		compare_running(judge, copy);
	}
	for (i = 0; i < judge->log->nthreads; i++)
		nops += judge->log->nops[i];
	close_worker(judge);
	printf("ok - seed %" PRIu64 ": %u threads, %" PRIu64 " calls, %" PRIu64 " looks, %" PRIu64
	       " in the middle of a call, %" PRIu64 " of them torn, %" PRIu64
	       " blocks missing in these\n",
	       judge->first_seed, judge->log->nthreads, nops, judge->nlooks, judge->nbusy,
	       judge->ntorn, judge->nmissing);
	munmap(judge->log, sizeof(*judge->log));
	free(copy);
}

int judge_main(const struct subject *subject, int argc, char **argv)
{
	struct judge judge = {.subject = subject, .dir = PROCDIR_CLOSED, .way = "start", .seed = 1};
	unsigned rounds = 20, workers = 4, i;

	for (; argc > 2 && argv[1][0] == '-'; argc -= 2, argv += 2) {
		if (strcmp(argv[1], "--seed") == 0)
			judge.seed = strtoull(argv[2], NULL, 10);
		else if (strcmp(argv[1], "--rounds") == 0)
			rounds = (unsigned)atoi(argv[2]);
		else if (strcmp(argv[1], "--workers") == 0)
			workers = (unsigned)atoi(argv[2]);
		else if (strcmp(argv[1], "--threads") == 0)
			judge.nthreads = (unsigned)atoi(argv[2]);
		else if (strcmp(argv[1], "--steps") == 0)
			judge.nsteps = (unsigned)atoi(argv[2]);
		else if (strcmp(argv[1], "--blocks") == 0)
			judge.nblocks = (unsigned)atoi(argv[2]);
		else if (strcmp(argv[1], "--no-brk") == 0)
			judge.is_brk_stopped = atoi(argv[2]);
		else if (strcmp(argv[1], "--keep") == 0)
			judge.keep = argv[2];
		else if (strcmp(argv[1], "--tunables") == 0)
			judge.tunables = argv[2];
		else if (strcmp(argv[1], "--loader") == 0)
			judge.loader = argv[2];
		else if (strcmp(argv[1], "--libraries") == 0)
			judge.libraries = argv[2];
	}
	if (argc < 2 || argc > 3 || judge.nthreads > LOG_THREADS_MOST || judge.nblocks > LOG_BLOCKS)
		return 64;
	judge.worker = argv[1];
	judge.library = argv[2];
	judge.before = calloc(BLOCKS_MOST, sizeof(*judge.before));
	judge.now = calloc(BLOCKS_MOST, sizeof(*judge.now));
	if (!judge.before || !judge.now)
		return 1;
	printf("1..%u\n", workers);
	for (i = 0; i < workers; i++)
		judge_worker(&judge, i, rounds);
	free(judge.before);
	free(judge.now);
	free(judge.copy.bytes);
	return 0;
}
