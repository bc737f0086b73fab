/*
 * The allocator in worlds that this machine is not: its calls of the kernel are answered by the
 * model, in a stretch of addresses of the world's own, and any of them can be made to fail.
 *
 * Each world is a process of its own. In it random blocks of all sizes come and go; their contents
 * are checked, NULL comes with ENOMEM only, and when all is free and the limit lifted, everything
 * works as in the beginning.
 *
 *	worlds [SEEDS [CALLS [PERCENT]]]
 *
 * So many runs of each world, and of so many first calls each one that fails; of each world's steps
 * so many in a hundred.
 */
#include "alloc/malloc.h"
#include "alloc/map.h"
#include "alloc/outside.h"
#include "alloc/system.h"
#include "model/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)64 << 20)
#define NBLOCKS 512
#define MIB ((uint64_t)1 << 20)

struct world {
	const char *name;
	uint64_t limit_as, limit_data, max_map_count;
	bool is_border;	   /* the break begins at the border of a granule */
	uint64_t obstacle; /* bytes between the break's start and a mapping of somebody else */
	unsigned fail_at;  /* this call fails, or */
	unsigned fail_from;
	unsigned nsteps;
};

static struct model model;
static uintptr_t arena;
static const struct world *world;
static unsigned ncalls, nfailed;
static bool is_lifted;

/* --- the kernel's side --- */

static bool must_fail(void)
{
	ncalls++;
	if (is_lifted ||
	    (ncalls != world->fail_at && (world->fail_from == 0 || ncalls < world->fail_from)))
		return false;
	nfailed++;
	return true;
}

static int64_t ask(enum model_call call, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	struct model_request request = {call, {a, b, c, d, e, 0}};

	if (call == CALL_MMAP) {
		request.arg[4] = (uint64_t)-1;
		request.arg[5] = e;
	}
	return model_do(&model, &request).value;
}

/* What the model has granted is made so. */
static void make_real(uintptr_t start, size_t bytes, int prot)
{
	void *got = mmap((void *)start, bytes, prot,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	if (got == MAP_FAILED) {
		perror("worlds: mmap");
		_exit(2);
	}
}

size_t plat__page_bytes = 4096;
unsigned plat__page_shift = 12;

void plat__system_init(void)
{
}

int plat__system_map(size_t bytes, uintptr_t *ret)
{
	int64_t at;

	if (must_fail())
		return -ENOMEM;
	at = ask(CALL_MMAP, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (at < 0)
		return (int)at;
	make_real((uintptr_t)at, bytes, PROT_READ | PROT_WRITE);
	*ret = (uintptr_t)at;
	return 0;
}

int plat__system_unmap(uintptr_t start, size_t bytes)
{
	int64_t r = must_fail() ? -ENOMEM : ask(CALL_MUNMAP, start, bytes, 0, 0, 0);

	if (r == 0)
		make_real(start, bytes, PROT_NONE);
	return (int)r;
}

int plat__system_huge(uintptr_t start, size_t bytes, bool is_on)
{
	(void)start;
	(void)bytes;
	(void)is_on;
	return must_fail() ? -ENOMEM : 0;
}

int plat__system_populate(uintptr_t start, size_t bytes)
{
	(void)start;
	(void)bytes;
	return must_fail() ? -ENOMEM : 0;
}

enum system_huge plat__system_huge_way(void)
{
	return SYSTEM_HUGE_ASKED;
}

/* Blocks are full, mostly. */
int plat__system_resident(uintptr_t start, size_t bytes, unsigned char *ret)
{
	(void)start;
	if (must_fail())
		return -ENOMEM;
	memset(ret, 1, bytes / 4096);
	return 0;
}

int plat__system_remap(uintptr_t start, size_t bytes, size_t wanted, uintptr_t target)
{
	int flags = target ? MREMAP_MAYMOVE | MREMAP_FIXED : 0;
	int64_t r = must_fail() ? -ENOMEM
				: ask(CALL_MREMAP, start, bytes, wanted, (uint64_t)flags, target);

	if (r < 0)
		return (int)r;
	if (target) {
		size_t both = bytes < wanted ? bytes : wanted;

		make_real(target, wanted, PROT_READ | PROT_WRITE);
		memcpy((void *)target, (void *)start, both);
		make_real(start, bytes, PROT_NONE);
	} else if (wanted > bytes) {
		make_real(start + bytes, wanted - bytes, PROT_READ | PROT_WRITE);
	} else if (wanted < bytes) {
		make_real(start + wanted, bytes - wanted, PROT_NONE);
	}
	return 0;
}

int plat__system_fence(uintptr_t start, size_t bytes)
{
	int64_t r = must_fail() ? -ENOMEM
				: ask(CALL_MMAP, start, bytes, PROT_NONE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, 0);

	if (r < 0)
		return (int)r;
	make_real(start, bytes, PROT_NONE);
	return 0;
}

int plat__system_drop(uintptr_t start, size_t bytes)
{
	int64_t r = must_fail() ? -ENOMEM : ask(CALL_MADVISE, start, bytes, MADV_DONTNEED, 0, 0);

	if (r == 0)
		madvise((void *)start, bytes, MADV_DONTNEED);
	return (int)r;
}

bool plat__system_is_mapped(uintptr_t start, size_t bytes)
{
	return ask(CALL_MADVISE, start, bytes, MADV_NORMAL, 0, 0) == 0;
}

/* The model has no guards; to do without is what older kernels ask for. */
int plat__system_guard(uintptr_t start, size_t bytes)
{
	(void)start;
	(void)bytes;
	return -EINVAL;
}

int plat__system_unguard(uintptr_t start, size_t bytes)
{
	return plat__system_guard(start, bytes);
}

void plat__system_yield(void)
{
}

/* What guards and sampling need: they are off in these worlds. */
int plat__system_protect(uintptr_t start, size_t bytes, bool is_on)
{
	(void)start;
	(void)bytes;
	(void)is_on;
	return -ENOSYS;
}

void plat__report_fault(void)
{
}

void *world_sbrk(intptr_t bytes);

void *world_sbrk(intptr_t bytes)
{
	uint64_t before = model.brk, wanted = before + (uint64_t)bytes;

	if (bytes == 0)
		return (void *)(uintptr_t)before;
	if (must_fail() || (uint64_t)ask(CALL_BRK, wanted, 0, 0, 0, 0) != wanted) {
		errno = ENOMEM;
		return (void *)-1;
	}
	if (bytes > 0)
		make_real(before, (size_t)bytes, PROT_READ | PROT_WRITE);
	else
		make_real(wanted, (size_t)-bytes, PROT_NONE);
	return (void *)(uintptr_t)before;
}

static void begin_world(void)
{
	void *got = mmap(NULL, ARENA_BYTES + GRANULE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (got == MAP_FAILED) {
		perror("worlds: mmap");
		_exit(2);
	}
	arena = ((uintptr_t)got + GRANULE - 1) & ~(GRANULE - 1);
	model_init(&model);
	model.task_size = arena + ARENA_BYTES;
	model.machine.lowest_hint = model.machine.mmap_min_addr = arena;
	model.mmap_base = arena + ARENA_BYTES;
	model.legacy_base = arena + ARENA_BYTES / 3;
	model.top_down = true;
	model.start_brk = model.brk = arena + (world->is_border ? 0 : 0x3000);
	if (world->max_map_count)
		model.machine.max_map_count = world->max_map_count;
	if (world->limit_as)
		model.limits[MODEL_AS].soft = world->limit_as;
	if (world->limit_data)
		model.limits[MODEL_DATA].soft = world->limit_data;
	if (world->obstacle)
		ask(CALL_MMAP, model.brk + world->obstacle, 4096, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
}

static void lift_limits(void)
{
	is_lifted = true;
	model.machine.max_map_count = 65530;
	model.limits[MODEL_AS].soft = MODEL_INFINITE;
	model.limits[MODEL_DATA].soft = MODEL_INFINITE;
}

/* --- the program's side --- */

struct block {
	unsigned char *p;
	size_t size;
	unsigned char fill;
};

static struct block blocks[NBLOCKS];
static size_t nlive;
static uint64_t seed;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Of every magnitude up to 4 MiB the same chance. */
static size_t draw_size(void)
{
	return (size_t)(draw() & ((UINT64_C(1) << (draw() % 23)) - 1));
}

static void fail(const char *what)
{
	printf("not ok %s: seed step %u: %s\n", world->name, ncalls, what);
	_exit(1);
}

static void fill(struct block *block, unsigned char *p, size_t size)
{
	if (world->is_border && (uintptr_t)p == model.start_brk)
		fail("a block begins where the break has begun");
	block->p = p;
	block->size = size;
	block->fill = (unsigned char)draw();
	memset(p, block->fill, size);
}

static void check_fill(const struct block *block, const unsigned char *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (p[i] != block->fill)
			fail("a block has lost its contents");
}

static void drop(struct block *block)
{
	check_fill(block, block->p, block->size);
	plat__free(block->p);
	block->p = NULL;
	nlive--;
}

static void check_failure(void)
{
	if (errno != ENOMEM)
		fail("NULL without ENOMEM");
	errno = 0;
}

static void take(struct block *block)
{
	size_t size = draw_size(), alignment = (size_t)16 << draw() % 14;
	unsigned kind = (unsigned)(draw() % 8);
	unsigned char *p;

	errno = 0;
	if (kind == 0)
		p = plat__aligned(alignment, size);
	else if (kind == 1)
		p = plat__calloc(size);
	else
		p = plat__malloc(size);
	if (!p) {
		check_failure();
		return;
	}
	if (kind == 0 && (uintptr_t)p % alignment != 0)
		fail("a block is not aligned");
	if (kind == 1)
		check_fill(&(struct block){.fill = 0}, p, size);
	fill(block, p, size);
	nlive++;
}

static void resize(struct block *block)
{
	size_t size = draw_size() + 1;
	unsigned char *p;

	errno = 0;
	p = plat__realloc(block->p, size);
	if (!p) {
		check_failure();
		check_fill(block, block->p, block->size);
		return;
	}
	check_fill(block, p, size < block->size ? size : block->size);
	fill(block, p, size);
}

static void step(void)
{
	struct block *block = &blocks[draw() % NBLOCKS];

	if (!block->p)
		take(block);
	else if (draw() % 4 == 0)
		resize(block);
	else
		drop(block);
}

static int count_live(struct slab *slab, void *data)
{
	if (slab->kind == SLAB_SMALL || slab->kind == SLAB_WIDE) {
		uint32_t i;

		for (i = 0; i < slab->nslots; i++)
			*(size_t *)data +=
				(slab->kind == SLAB_WIDE ? ((const uint16_t *)slab->tags)[i]
							 : slab->tags[i]) != 0;
	} else {
		*(size_t *)data += slab->size != 0;
	}
	return 0;
}

static void check_count(void)
{
	size_t live = 0;

	plat__map_walk(count_live, &live);
	if (live != nlive)
		fail("the map has other blocks than the program");
}

static void drop_all(void)
{
	size_t i;

	for (i = 0; i < NBLOCKS; i++)
		if (blocks[i].p)
			drop(&blocks[i]);
	check_count();
}

static void live_in(const struct world *of, uint64_t start)
{
	unsigned i, round;

	world = of;
	seed = start * UINT64_C(0x9e3779b97f4a7c15) + 1;
	begin_world();
	for (round = 0; round < 3; round++) {
		for (i = 0; i < of->nsteps; i++)
			step();
		check_count();
		drop_all();
	}
	lift_limits();
	plat__trim(0);
	for (i = 0; i < 64; i++) {
		blocks[i].p = plat__malloc((size_t)i * 1000);
		if (!blocks[i].p)
			fail("no memory although the limit was lifted");
		fill(&blocks[i], blocks[i].p, (size_t)i * 1000);
		nlive++;
	}
	drop_all();
	if (!model_valid(&model))
		fail("the model is not valid");
	_exit(0);
}

static int run(const struct world *of, uint64_t start)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		live_in(of, start);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	if (WIFSIGNALED(status))
		printf("not ok %s, seed %llu: signal %d\n", of->name, (unsigned long long)start,
		       WTERMSIG(status));
	return status != 0;
}

static const struct world worlds[] = {
	{.name = "64 MiB of addresses", .nsteps = 20000},
	{.name = "a break at a border", .is_border = true, .nsteps = 5000},
	{.name = "a mapping in the heap's way", .obstacle = 1 * MIB, .nsteps = 20000},
	{.name = "a mapping right behind the break", .obstacle = 4096, .nsteps = 10000},
	{.name = "RLIMIT_DATA of 4 MiB", .limit_data = 4 * MIB, .nsteps = 10000},
	{.name = "RLIMIT_DATA of 16 MiB", .limit_data = 16 * MIB, .nsteps = 10000},
	{.name = "RLIMIT_AS of 3 MiB", .limit_as = 3 * MIB, .nsteps = 10000},
	{.name = "RLIMIT_AS of 20 MiB", .limit_as = 20 * MIB, .nsteps = 10000},
	{.name = "20 mappings", .max_map_count = 20, .nsteps = 20000},
	{.name = "3 mappings", .max_map_count = 3, .nsteps = 5000},
};

int main(int argc, char **argv)
{
	uint64_t nseeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 3, i;
	unsigned nfail = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 150, n;
	unsigned percent = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 100;
	size_t k;
	int nbad = 0;

	for (k = 0; k < sizeof(worlds) / sizeof(worlds[0]); k++) {
		struct world of = worlds[k];
		int bad = 0;

		of.nsteps = of.nsteps * percent / 100;
		for (i = 1; i <= nseeds; i++)
			bad += run(&of, i);
		printf("%s %zu - %s\n", bad ? "not ok" : "ok", k + 1, worlds[k].name);
		nbad += bad;
	}
	for (n = 1; n <= nfail; n++) {
		struct world one = {.name = "one call fails", .fail_at = n, .nsteps = 300};
		struct world all = {.name = "all calls fail", .fail_from = n, .nsteps = 300};
		int bad = run(&one, n) + run(&all, n);

		if (bad)
			printf("not ok call %u\n", n);
		nbad += bad;
	}
	printf("%s %zu - each of %u calls fails, alone and with all that follow\n",
	       nbad ? "not ok" : "ok", k + 1, nfail);
	printf("1..%zu\n", k + 1);
	return nbad != 0;
}
