#include "generator.h"

#include "draw.h"

#include <sys/mman.h>

#define PAGE MODEL_PAGE
#define MIB (UINT64_C(1) << 20)
#define MANY_VMAS 72
#define POPULATE_MOST (4 * MIB)
#define MAP_32BIT_FLAG 0x40
#define MAP_ABOVE4G_FLAG 0x80
#define MAP_SYNC_FLAG 0x80000
#define MAP_DROPPABLE_TYPE 8

/*
 * Calls.
 */

static uint64_t protection(struct generator *g)
{
	unsigned x = draw_below(g, 100);

	if (x < 42)
		return PROT_READ | PROT_WRITE;
	if (x < 58)
		return PROT_NONE;
	if (x < 73)
		return PROT_READ;
	if (x < 79)
		return PROT_EXEC;
	if (x < 85)
		return PROT_READ | PROT_EXEC;
	if (x < 90)
		return PROT_READ | PROT_WRITE | PROT_EXEC;
	if (x < 93)
		return PROT_WRITE;
	if (x < 95)
		return PROT_EXEC | 8;
	if (x < 97)
		return PROT_READ | PROT_WRITE | 8;
	return draw_below(g, 32);
}

static uint64_t file_offset(struct generator *g, uint64_t size)
{
	unsigned x = draw_below(g, 100);

	if (x < 40)
		return 0;
	if (x < 65)
		return draw_below(g, 8) * PAGE;
	if (x < 80)
		return draw_below(g, 8) * HUGE_PAGE;
	if (x < 88)
		return HUGE_PAGE - draw_below(g, 4) * PAGE;
	if (x < 92)
		return draw_below(g, 20000);
	if (draw_is_32bit(g))
		return draw_percent(g, 50) ? 0xfffff000 : draw_below(g, 65536) * PAGE;
	switch (draw_below(g, 4)) {
	case 0:
		return UINT64_MAX - 4095;
	case 1:
		return (UINT64_C(1) << 63) - PAGE;
	case 2:
		return (UINT64_C(1) << 63) - ((size + 4095) & ~UINT64_C(4095));
	default:
		return UINT64_C(1) << (40 + draw_below(g, 20));
	}
}

static void map_file(struct generator *g, uint64_t *arg)
{
	arg[4] = (uint64_t)random_between(&g->random, HOST_MEMFD, HOST_FILES_END);
	if (draw_percent(g, 30))
		arg[4] = HOST_DISK + draw_below(g, 3);
	if (draw_percent(g, 3))
		arg[4] = UINT64_MAX;
	if (draw_percent(g, 35))
		arg[1] = draw_huge_length(g);
	arg[5] = file_offset(g, arg[1]);
	arg[3] = draw_percent(g, 50) ? MAP_SHARED : MAP_PRIVATE;
	if (draw_percent(g, 5))
		arg[3] = MAP_SHARED_VALIDATE;
	if (draw_is_32bit(g))
		arg[4] = (uint32_t)arg[4];
}

static void map_anonymous(struct generator *g, uint64_t *arg)
{
	arg[3] = MAP_ANONYMOUS | (draw_percent(g, 80) ? MAP_PRIVATE : MAP_SHARED);
	arg[4] = draw_is_32bit(g) ? UINT32_MAX : UINT64_MAX;
	/* mlock passes such memory over, and then populates it, on fault or not. */
	if (draw_percent(g, 2) && !g->profile->big)
		arg[3] = MAP_ANONYMOUS | MAP_DROPPABLE_TYPE;
	if (draw_percent(g, 5))
		arg[5] = draw_percent(g, 20) ? draw_below(g, 8192) : draw_below(g, 64) * PAGE;
}

static uint64_t odd_map_flags(struct generator *g)
{
	static const unsigned flags[] = {MAP_GROWSDOWN,	   MAP_GROWSDOWN,
					 MAP_GROWSDOWN,	   MAP_NORESERVE,
					 MAP_NORESERVE,	   MAP_STACK,
					 MAP_STACK,	   MAP_POPULATE,
					 MAP_LOCKED,	   MAP_POPULATE | MAP_NONBLOCK,
					 MAP_32BIT_FLAG,   MAP_32BIT_FLAG,
					 MAP_ABOVE4G_FLAG, MAP_DENYWRITE,
					 MAP_EXECUTABLE,   0x200000,
					 MAP_SYNC_FLAG,	   MAP_GROWSDOWN | MAP_NORESERVE};

	return random_of(&g->random, flags);
}

static uint64_t map_place(struct generator *g, uint64_t *arg)
{
	unsigned x = draw_below(g, 100);

	if (x < 45)
		return MAP_FIXED;
	if (x < 53)
		return MAP_FIXED_NOREPLACE;
	if (x < 56)
		return MAP_FIXED_NOREPLACE | MAP_FIXED;
	if (x < 76)
		return 0;
	arg[0] = 0;
	return 0;
}

static void make_mmap(struct generator *g, uint64_t *arg)
{
	draw_range(g, &arg[0], &arg[1]);
	arg[2] = protection(g);
	if (draw_percent(g, 30))
		map_file(g, arg);
	else
		map_anonymous(g, arg);
	arg[3] |= map_place(g, arg);
	if (draw_percent(g, 28))
		arg[3] |= odd_map_flags(g);
	if (draw_percent(g, 8))
		arg[3] |= odd_map_flags(g);
	if (draw_percent(g, 1))
		arg[3] ^= 1 + draw_below(g, 15);
	if (g->random_32bit)
		arg[3] &= ~(uint64_t)MAP_32BIT_FLAG;
	/* What a file system says to this depends on the file system. */
	if ((arg[3] & (MAP_ANONYMOUS | 0xf)) != MAP_SHARED_VALIDATE ||
	    (arg[4] >= HOST_DISK && arg[4] <= HOST_WRITE_ONLY))
		arg[3] &= ~(uint64_t)MAP_SYNC_FLAG;
	if (g->profile->big || arg[1] > POPULATE_MOST)
		arg[3] &= ~(uint64_t)(MAP_POPULATE | MAP_LOCKED);
}

static void make_brk(struct generator *g, uint64_t *arg)
{
	unsigned x = draw_below(g, 100);

	if (x < 75)
		arg[0] = draw_heap(g);
	else if (x < 85)
		arg[0] = g->model->start_brk + draw_below(g, 8) * PAGE;
	else if (x < 92)
		arg[0] = draw_border(g) - draw_below(g, 3) * PAGE;
	else
		arg[0] = draw_address(g);
	if (draw_percent(g, 30))
		arg[0] += draw_below(g, 4096);
	if (draw_is_32bit(g))
		arg[0] = (uint32_t)arg[0];
}

static void make_mprotect(struct generator *g, uint64_t *arg)
{
	draw_range(g, &arg[0], &arg[1]);
	arg[2] = protection(g);
	if (draw_percent(g, 4))
		arg[2] |= PROT_GROWSDOWN;
	if (draw_percent(g, 1))
		arg[2] |= PROT_GROWSUP;
	if (draw_percent(g, 1))
		arg[2] |= UINT64_C(1) << draw_below(g, 31);
}

static void make_mremap(struct generator *g, uint64_t *arg)
{
	static const unsigned char flags[] = {0, 1, 1, 1, 1, 3, 3, 3, 3, 5, 5, 7};
	const struct seen_vma *vma = draw_vma(g);

	draw_range(g, &arg[0], &arg[1]);
	if (vma && draw_percent(g, 35)) {
		arg[0] = vma->start;
		arg[1] = vma->end - vma->start;
	}
	arg[2] = draw_percent(g, 45) ? arg[1] : draw_length(g);
	arg[3] = draw_percent(g, 95) ? random_of(&g->random, flags) : draw_below(g, 16);
	arg[4] = draw_address(g);
	if (draw_percent(g, 3))
		arg[1] = 0;
	if (g->profile->big && arg[2] > POPULATE_MOST && draw_percent(g, 80))
		arg[2] = arg[1];
}

static void make_madvise(struct generator *g, uint64_t *arg)
{
	static const unsigned char common[] = {0,  1,  2,  4,  4,  8,  10, 10, 11,
					       12, 13, 14, 15, 16, 17, 18, 19};

	draw_range(g, &arg[0], &arg[1]);
	arg[2] = random_of(&g->random, common);
	if (draw_percent(g, 15))
		arg[2] = draw_below(g, 25);
	if (draw_percent(g, 2))
		arg[2] = draw_percent(g, 50) ? UINT32_MAX : 5;
	/* Large pages come and go by themselves, and these would bring them. */
	if (arg[2] == MADV_POPULATE_READ || arg[2] == MADV_POPULATE_WRITE)
		arg[1] = arg[1] > POPULATE_MOST ? PAGE : arg[1];
}

static void make_mincore(struct generator *g, uint64_t *arg)
{
	draw_range(g, &arg[0], &arg[1]);
}

static void make_setrlimit(struct generator *g, uint64_t *arg)
{
	const struct model_counters *counters = &g->model->counters;
	const struct model *model = g->model;
	uint64_t heap = model->brk - model->start_brk + (model->end_data - model->start_data);
	uint64_t used = 0;

	arg[0] = draw_below(g, NMODEL_LIMITS);
	switch ((enum model_limit)arg[0]) {
	case MODEL_AS:
		used = counters->total * PAGE;
		break;
	case MODEL_DATA:
		used = draw_percent(g, 60) ? counters->data * PAGE : heap;
		break;
	case MODEL_STACK:
		used = (1 + draw_below(g, 60)) * PAGE;
		break;
	default:
		used = counters->locked * PAGE;
		break;
	}
	used += (uint64_t)(random_between(&g->random, -6, 24) * (int64_t)PAGE);
	if (draw_percent(g, 15))
		used += draw_below(g, 8192);
	arg[1] = (int64_t)used < 0 ? 0 : used;
	arg[2] = model->limits[arg[0]].hard;
	if (draw_percent(g, 30))
		arg[1] = arg[2];
	if (draw_percent(g, 6))
		arg[1] = 0;
	if (draw_percent(g, 1))
		arg[2] = arg[1] + draw_below(g, 16) * PAGE;
	if (draw_percent(g, 1))
		arg[2] = arg[1] - 1;
	if (draw_percent(g, 1))
		arg[2] = MODEL_INFINITE;
}

static void make_set_mm(struct generator *g, uint64_t *arg)
{
	arg[0] = draw_percent(g, 70) ? draw_border(g) : draw_address(g);
	arg[1] = arg[0] + draw_below(g, 8) * PAGE + (draw_percent(g, 30) ? draw_below(g, 4096) : 0);
	arg[2] = g->model->start_data;
	arg[3] = g->model->end_data;
	if (draw_percent(g, 10))
		arg[3] = arg[2] + draw_below(g, 10) * PAGE;
	if (draw_percent(g, 3))
		arg[1] = arg[0] - PAGE;
}

static void make_access(struct generator *g, uint64_t *arg)
{
	const struct seen_vma *vma = draw_vma(g);

	arg[0] = draw_address(g);
	if (draw_percent(g, 20))
		arg[0] = draw_below_stack(g);
	else if (vma && draw_percent(g, 30))
		arg[0] = vma->start + random_next(&g->random) % (vma->end - vma->start);
	if (draw_is_32bit(g))
		arg[0] = (uint32_t)arg[0];
}

static void make_lock(struct generator *g, uint64_t *arg)
{
	draw_range(g, &arg[0], &arg[1]);
	arg[2] = draw_percent(g, 95) ? draw_below(g, 2) : 2 + draw_below(g, 6);
	if (g->profile->big)
		arg[2] = 1;
}

static void make(struct generator *g, struct model_request *ret)
{
	uint64_t *arg = ret->arg;

	switch (ret->call) {
	case CALL_MMAP:
		make_mmap(g, arg);
		break;
	case CALL_BRK:
		make_brk(g, arg);
		break;
	case CALL_MPROTECT:
		make_mprotect(g, arg);
		break;
	case CALL_MREMAP:
		make_mremap(g, arg);
		break;
	case CALL_MADVISE:
		make_madvise(g, arg);
		break;
	case CALL_MLOCK:
	case CALL_MLOCK2:
	case CALL_MUNLOCK:
		make_lock(g, arg);
		break;
	case CALL_MLOCKALL:
		arg[0] = draw_percent(g, 90) ? 1 + draw_below(g, 7) : draw_below(g, 16);
		break;
	case CALL_MUNMAP:
	case CALL_MSEAL:
		draw_range(g, &arg[0], &arg[1]);
		arg[2] = ret->call == CALL_MSEAL && draw_percent(g, 2) ? 1 : 0;
		break;
	case CALL_MINCORE:
		make_mincore(g, arg);
		break;
	case CALL_SETRLIMIT:
		make_setrlimit(g, arg);
		break;
	case CALL_SET_MM:
		make_set_mm(g, arg);
		break;
	case CALL_READ:
	case CALL_WRITE:
	case CALL_EXECUTE:
		make_access(g, arg);
		break;
	default:
		break;
	}
}

/*
 * Requests.
 */

static enum model_call some_call(struct generator *g)
{
	const unsigned char *weights = g->profile->weights;
	unsigned i, sum = 0, x;

	for (i = 0; i < NCALLS; i++)
		sum += weights[i];
	x = draw_below(g, sum);
	for (i = 0; x >= weights[i]; i++)
		x -= weights[i];
	return (enum model_call)i;
}

/* Takes a whole mapping away, so that there are never too many. */
static bool make_room(struct generator *g, struct model_request *ret)
{
	const struct seen_vma *vma = draw_vma(g);

	if (g->profile->crowd || g->seen->nvmas < MANY_VMAS || !vma || draw_percent(g, 50))
		return false;
	*ret = (struct model_request){CALL_MUNMAP, {vma->start, vma->end - vma->start}};
	return !generator_forbids(g, ret);
}

/* Cuts mappings of the crowd as long as there are not enough. */
static bool crowd_up(struct generator *g, struct model_request *ret)
{
	const struct model *model = g->model;

	if (!g->profile->crowd || model->vmas.count + 3 > model->machine.max_map_count ||
	    draw_percent(g, 30))
		return false;
	*ret = (struct model_request){CALL_MPROTECT, {draw_crowd(g), PAGE, PROT_READ}};
	if (draw_percent(g, 50))
		ret->arg[2] = PROT_NONE;
	return true;
}

void generator_next(struct generator *generator, struct model_request *ret)
{
	if (make_room(generator, ret) || crowd_up(generator, ret))
		return;
	do {
		*ret = (struct model_request){.call = some_call(generator)};
		make(generator, ret);
	} while (generator_forbids(generator, ret) ||
		 (ret->call == CALL_SET_MM && !generator->set_mm));
}

bool generator_crowd(size_t i, size_t at_start, size_t count, struct model_request *ret)
{
	/* One mapping; then each page that is protected makes two more. */
	size_t pages = count - at_start;

	if (i == 0) {
		*ret = (struct model_request){
			CALL_MMAP,
			{CROWD, pages * PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, UINT64_MAX, 0}};
		return true;
	}
	if (2 * i - 1 >= pages)
		return false;
	*ret = (struct model_request){CALL_MPROTECT, {CROWD + (2 * i - 1) * PAGE, PAGE, PROT_READ}};
	return true;
}
