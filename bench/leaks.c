/*
 * Times what plat leaks stands on, on heaps made here: leaks [MIB [ROUNDS]].
 *
 * Heaps of that many MiB (1024) lie in this process, where they are scanned as they lie, and are
 * read by a child, as those of another process. What is printed is the least time of ROUNDS (5), as
 * others may use the machine; CPU time beside it, of all workers. "pause" of the child is not part
 * of it: it reads a process that does nothing.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "heap/lost.h"
#include "heap/reach.h"
#include "source/crew.h"

#define ROOT_WORDS (UINT64_C(1) << 17)
#define PAGE 4096

/* A heap, and the memory of the program that uses it. */
struct land {
	struct reader reader;
	unsigned char *start;
	size_t size;
	uint32_t *grains; /* where each block begins */
	size_t nblocks;
	uint64_t *roots;
	uint64_t nedges;
	pid_t pid; /* whose it is */
	struct mangle mangle;
};

static uint64_t random_state = 1;

static uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Shared, so that a child which does not touch it does not have it in its own memory. */
static void *take(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		err(3, "%zu bytes", size);
	return pages;
}

static const void *view_own(struct reader *reader, plat_addr from, size_t *size)
{
	(void)reader;
	*size = SIZE_MAX;
	return (const void *)(uintptr_t)from;
}

static int read_other(struct reader *reader, plat_addr from, void *to, size_t size)
{
	const struct land *land = (const struct land *)reader;
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};

	return process_vm_readv(land->pid, &here, 1, &there, 1, 0) == (ssize_t)size ? 0 : -EFAULT;
}

/* Chunks as glibc lays them out, of 32 to 176 bytes, or all of one size; data of no meaning. */
static void build(struct land *land, size_t size, unsigned chunk)
{
	size_t at = 0;
	uint64_t i;

	*land = (struct land){
		.reader = {.read = read_other}, .start = take(size), .size = size, .pid = getpid()};
	land->grains = take((size / 32 + 1) * sizeof(*land->grains));
	land->roots = take(ROOT_WORDS * sizeof(*land->roots));
	while (at + (1 << 16) < size) {
		land->grains[land->nblocks++] = (uint32_t)(at / 16 + 1);
		at += chunk ? chunk : 32 + 16 * (draw() % 10);
	}
	land->grains[land->nblocks] = (uint32_t)(at / 16 + 1);
	for (i = 0; i < size / 8; i++)
		((uint64_t *)land->start)[i] = draw() >> 33;
}

static uint64_t block_start(const struct land *land, size_t i)
{
	return (uint64_t)(uintptr_t)land->start + (uint64_t)land->grains[i] * 16;
}

static uint64_t block_bytes(const struct land *land, size_t i)
{
	return (uint64_t)(land->grains[i + 1] - land->grains[i]) * 16 - 8;
}

static uint64_t any_pointer(const struct land *land)
{
	uint64_t random = draw();

	return block_start(land, (random >> 8) % land->nblocks) + (random % 10 ? 0 : 8);
}

/* Mostly to the next block. */
static uint64_t near_pointer(const struct land *land, size_t i)
{
	uint64_t random = draw();
	size_t far = random % 64 ? 1 : 1 + (random >> 8) % 64;

	return block_start(land, (i + far) % land->nblocks);
}

/* So many words of each block, or all that it has: every second one to a neighbour. */
static void point(struct land *land, size_t pointers)
{
	size_t i, j;

	for (i = 0; i < land->nblocks; i++) {
		uint64_t *words = (uint64_t *)(uintptr_t)block_start(land, i);
		size_t n = block_bytes(land, i) / 8;

		for (j = 0; j < n && j < pointers; j++)
			words[j] = j % 2 ? any_pointer(land) : near_pointer(land, i);
	}
	for (i = 0; i < ROOT_WORDS; i += 64)
		land->roots[i] = any_pointer(land);
}

/*
 * Times.
 */

struct times {
	double wall, cpu;
};

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct times now(void)
{
	return (struct times){seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static void least(struct times *best, struct times since)
{
	struct times end = now();
	struct times took = {end.wall - since.wall, end.cpu - since.cpu};

	if (best->wall == 0 || took.wall < best->wall)
		best->wall = took.wall;
	if (best->cpu == 0 || took.cpu < best->cpu)
		best->cpu = took.cpu;
}

struct work {
	struct times index, graph, reach, lost, all;
	uint64_t edges;
	size_t nlost, ntrees;
};

static void gather(const struct land *land, struct block_index *ret)
{
	const struct crew crew = crew_of_threads();
	struct blocks blocks;
	size_t i;
	int r = blocks_init(&blocks, 8);

	for (i = 0; r == 0 && i < land->nblocks; i++)
		r = blocks_add(&blocks, block_start(land, i), block_bytes(land, i), BLOCK_LIVE);
	if (r == 0)
		r = blocks_finish(&blocks, ret);
	blocks_fini(&blocks);
	must(r == 0);
	block_index_move(ret, &crew);
}

static void make_graph(struct land *land, const struct block_index *index, const struct root *root,
		       struct crew *crew, struct graph *ret)
{
	struct reader *readers[CREW_MOST];
	const struct graph_input input = {
		.index = index,
		.roots = root,
		.nroots = 1,
		.crew = crew,
		.readers = readers,
		.form = {.width = 8, .mangle = land->mangle},
	};
	unsigned i;
	int r;

	for (i = 0; i < CREW_MOST; i++)
		readers[i] = &land->reader;
	r = graph_make(&input, ret);
	must(r == 0);
}

static void do_all(struct land *land, unsigned nworkers, struct work *work)
{
	const struct root root = {
		.kind = ROOT_GLOBAL,
		.start = (uintptr_t)land->roots,
		.end = (uintptr_t)(land->roots + ROOT_WORDS),
	};
	struct crew crew = crew_of_threads();
	struct times begin = now(), since = begin;
	struct block_index index;
	struct graph graph;
	struct reach reach;
	struct lost lost;

	crew.nworkers = nworkers;
	gather(land, &index);
	least(&work->index, since);
	since = now();
	make_graph(land, &index, &root, &crew, &graph);
	least(&work->graph, since);
	since = now();
	must(reach_make(&graph, ROOTS_ALL, &crew, &reach) == 0);
	least(&work->reach, since);
	since = now();
	must(lost_find(&reach, &lost) == 0);
	least(&work->lost, since);
	least(&work->all, begin);
	work->edges = graph_edges(&graph);
	work->nlost = lost.blocks;
	work->ntrees = lost.n;
	lost_fini(&lost);
	reach_fini(&reach);
	graph_fini(&graph);
	block_index_fini(&index);
}

static void print(const char *what, struct times times, uint64_t bytes)
{
	printf("  %-34s %8.1f ms %8.1f ms CPU", what, times.wall * 1e3, times.cpu * 1e3);
	if (bytes)
		printf("  %6.2f GB/s", (double)bytes / times.wall * 1e-9);
	printf("\n");
}

static void print_ratio(const char *what, double ratio)
{
	printf("  %-34s %8.2f\n", what, ratio);
}

/* What it takes to have the memory of another process, and to do nothing with it. */
struct copying {
	struct land *land;
	unsigned nworkers;
};

static void copy_share(void *context, unsigned worker)
{
	static unsigned char buffers[CREW_MOST][1 << 18];
	const struct copying *copying = context;
	size_t piece = sizeof(buffers[0]), n = copying->land->size / piece, i;

	for (i = n * worker / copying->nworkers; i < n * (worker + 1) / copying->nworkers; i++)
		must(read_other(&copying->land->reader, (uintptr_t)copying->land->start + i * piece,
				buffers[worker], piece) == 0);
}

static void time_copy(struct land *land, unsigned nworkers, struct times *best)
{
	struct copying copying = {.land = land, .nworkers = nworkers};
	struct crew crew = crew_of_threads();
	struct times since = now();

	crew.nworkers = nworkers;
	crew_run(&crew, copy_share, &copying);
	least(best, since);
}

static void time_graph(struct land *land, const struct block_index *index, unsigned nworkers,
		       struct times *best)
{
	const struct root root = {.kind = ROOT_GLOBAL};
	struct crew crew = crew_of_threads();
	struct times since = now();
	struct graph graph;

	crew.nworkers = nworkers;
	make_graph(land, index, &root, &crew, &graph);
	least(best, since);
	land->nedges = graph_edges(&graph);
	graph_fini(&graph);
}

/* The graph alone: how fast is a scan? Of memory that lies here, and of what has to be copied. */
static void time_scan(const char *what, struct land *land, unsigned rounds)
{
	struct times held[2] = {{0, 0}, {0, 0}}, read[2] = {{0, 0}, {0, 0}};
	struct times mangled = {0, 0}, copy[2] = {{0, 0}, {0, 0}};
	struct block_index index;
	unsigned i;

	gather(land, &index);
	for (i = 0; i < rounds; i++) {
		land->reader.view = view_own;
		/* Where the machine is a guest, the first may wait for memory of its host. */
		time_graph(land, &index, 1, &held[0]);
		time_graph(land, &index, 1, &held[0]);
		time_graph(land, &index, 2, &held[1]);
		land->mangle = (struct mangle){8, UINT64_C(0x9e3779b97f4a7c15)};
		time_graph(land, &index, 1, &mangled);
		land->mangle = MANGLE_NONE;
		land->reader.view = NULL;
		time_graph(land, &index, 1, &read[0]);
		time_graph(land, &index, 2, &read[1]);
		time_copy(land, 1, &copy[0]);
		time_copy(land, 2, &copy[1]);
	}
	printf("%s: %zu blocks, %llu edges\n", what, land->nblocks,
	       (unsigned long long)land->nedges);
	print("held, 1 worker", held[0], land->size);
	print("held, 2 workers", held[1], land->size);
	print_ratio("as fast with 2 as with 1", held[0].wall / held[1].wall);
	print("held, 1 worker, words mangled, too", mangled, land->size);
	print("of another process, 1 worker", read[0], land->size);
	print("of another process, 2 workers", read[1], land->size);
	print_ratio("as fast with 2 as with 1", read[0].wall / read[1].wall);
	print("process_vm_readv alone, 1 worker", copy[0], land->size);
	print("process_vm_readv alone, 2 workers", copy[1], land->size);
	print_ratio("as fast with 2 as with 1", copy[0].wall / copy[1].wall);
	print_ratio("scan to readv, 1 worker (CPU)", copy[0].cpu / read[0].cpu);
	block_index_fini(&index);
}

/* What two processors get from memory at most, whatever they look for in it. */
struct reading {
	const struct land *land;
	unsigned nworkers;
	uint64_t seen[CREW_MOST];
};

static void read_share(void *context, unsigned worker)
{
	struct reading *reading = context;
	size_t n = reading->land->size / 8 / reading->nworkers, i;
	const uint64_t *words = (const uint64_t *)reading->land->start + n * worker;
	uint64_t seen = 0;

	for (i = 0; i < n; i++)
		seen |= words[i];
	reading->seen[worker] = seen;
}

static void time_memory(const struct land *land, unsigned rounds)
{
	struct times best[2] = {{0, 0}, {0, 0}};
	unsigned i, n;

	for (i = 0; i < rounds; i++) {
		for (n = 1; n <= 2; n++) {
			struct reading reading = {.land = land, .nworkers = n};
			struct crew crew = crew_of_threads();
			struct times since = now();

			crew.nworkers = n;
			crew_run(&crew, read_share, &reading);
			__asm__ volatile("" : : "r"(reading.seen) : "memory");
			least(&best[n - 1], since);
		}
	}
	printf("memory, read and nothing done with it\n");
	print("held, 1 worker", best[0], land->size);
	print("held, 2 workers", best[1], land->size);
	print_ratio("as fast with 2 as with 1", best[0].wall / best[1].wall);
}

static void demolish(struct land *land)
{
	munmap(land->start, land->size);
	munmap(land->grains, (land->size / 32 + 1) * sizeof(*land->grains));
	munmap(land->roots, ROOT_WORDS * sizeof(*land->roots));
}

static void print_work(const struct work *work, const struct land *land)
{
	print("index", work->index, 0);
	print("graph", work->graph, land->size);
	print("reach", work->reach, 0);
	print("lost", work->lost, 0);
	printf("  %-34s %8zu blocks, in %zu trees\n", "are lost", work->nlost, work->ntrees);
	print("all", work->all, land->size);
}

/* In a child, which has nothing of the heap in its own memory. */
static void in_child(struct land *land, unsigned nworkers, unsigned rounds)
{
	struct work work = {.edges = 0};
	struct rusage usage;
	unsigned i;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		err(3, "fork");
	if (child > 0) {
		waitpid(child, NULL, 0);
		return;
	}
	land->reader.view = NULL;
	do_all(land, nworkers, &work);
	getrusage(RUSAGE_SELF, &usage);
	for (i = 1; i < rounds; i++)
		do_all(land, nworkers, &work);
	printf("another process, %u worker%s\n", nworkers, nworkers > 1 ? "s" : "");
	print_work(&work, land);
	/* The list that the blocks come from is the bench's. */
	printf("  %-34s %8.1f bytes a block\n", "peak of memory",
	       ((double)usage.ru_maxrss * 1024 - (double)land->nblocks * 4) /
		       (double)land->nblocks);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) << 20;
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
	struct land land;

	build(&land, size, 4096);
	time_memory(&land, rounds);
	time_scan("data in blocks of 4 KiB", &land, rounds);
	demolish(&land);
	build(&land, size, 0);
	time_scan("data in small blocks", &land, rounds);
	point(&land, 2);
	time_scan("two pointers in each block", &land, rounds);
	printf("the same, %zu blocks\n", land.nblocks);
	in_child(&land, 1, rounds);
	in_child(&land, 2, rounds);
	point(&land, SIZE_MAX);
	time_scan("nothing but pointers", &land, rounds);
	demolish(&land);
	return 0;
}
