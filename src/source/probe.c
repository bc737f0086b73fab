/*
 * What was predicted is tried first, then a page more, which should be refused. Where that is not
 * what happens, the true figure is found by halving. Each try is taken back.
 */
#include "source/probe.h"

#include "source/probe_space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct trial {
	struct probe *probe;
	/* Whether so many pages are granted; then taken back. 1, 0, or -errno. */
	int (*fits)(const struct trial *trial, uint64_t pages);
	plat_addr at;	  /* where the heap ends, or the stack begins */
	plat_addr lowest; /* of a stack: what lies below ends here */
	uint64_t prot;	  /* of a mapping */
};

/* The most pages that fit. */
static int measure(const struct trial *trial, uint64_t predicted, uint64_t most, uint64_t *ret)
{
	uint64_t low = 0, high = most;
	int r = trial->fits(trial, predicted);

	if (r > 0) {
		low = predicted;
		r = trial->fits(trial, predicted + 1);
		if (r == 0)
			high = predicted + 1;
	} else {
		high = predicted;
	}
	while (r >= 0 && high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		r = trial->fits(trial, middle);
		if (r > 0)
			low = middle;
		else
			high = middle;
	}
	*ret = low;
	return r < 0 ? r : 0;
}

/* What a single request may ask for at most: overcommit by heuristic. */
static uint64_t step_size(const struct trial *trial)
{
	const struct model *model = trial->probe->model;
	const struct model_machine *machine = &model->machine;

	if (machine->overcommit_mode != 0)
		return model->task_size;
	return align_down(machine->ram, MODEL_PAGE) + align_down(machine->swap, MODEL_PAGE);
}

/*
 * The heap.
 */

static int64_t move_break(const struct trial *trial, plat_addr brk)
{
	return puppet_call3(&trial->probe->puppet, PUPPET_BRK, brk, 0, 0);
}

static int heap_fits(const struct trial *trial, uint64_t pages)
{
	plat_addr before = trial->probe->model->brk, end = trial->at + pages * MODEL_PAGE;
	plat_addr at = trial->at;
	int fits = 1;

	if (end < trial->at || end > trial->probe->model->task_size)
		return 0;
	while (at < end && fits) {
		at += min_u64(end - at, step_size(trial));
		fits = move_break(trial, at) == (int64_t)at;
	}
	return move_break(trial, before) == (int64_t)before ? fits : -EIO;
}

/*
 * Mappings.
 */

static int mapping_fits(const struct trial *trial, uint64_t pages)
{
	struct puppet *puppet = &trial->probe->puppet;
	uint64_t size = pages * MODEL_PAGE;
	int64_t addr;

	if (pages == 0)
		return 1;
	if (size > trial->probe->model->task_size)
		return 0;
	addr = puppet_map(puppet, 0, size, trial->prot, MAP_PRIVATE);
	if (addr == -ESRCH)
		return -ESRCH;
	if (puppet_failed(addr))
		return 0;
	if (puppet_failed(puppet_call3(puppet, PUPPET_MUNMAP, (uint64_t)addr, size, 0)))
		return -EIO;
	return 1;
}

/*
 * Stacks. The kernel writes a few bytes to the lowest page, and finds the stack too short.
 */

static bool is_mapped(struct puppet *puppet, plat_addr page)
{
	return !puppet_failed(puppet_call3(puppet, PUPPET_MSYNC, page, MODEL_PAGE, MS_ASYNC));
}

static int stack_fits(const struct trial *trial, uint64_t pages)
{
	struct puppet *puppet = &trial->probe->puppet;
	plat_addr end = trial->at - pages * MODEL_PAGE, at = trial->at;
	bool fits = true;

	if (pages == 0)
		return 1;
	if (end > trial->at || end < trial->lowest)
		return 0; /* what lies there is another mapping */
	while (at > end && fits) {
		plat_addr next = at - min_u64(at - end, step_size(trial));

		puppet_call3(puppet, PUPPET_GETCPU, next, 0, 0);
		fits = is_mapped(puppet, next);
		at = fits ? next : at;
	}
	if (at < trial->at &&
	    puppet_failed(puppet_call3(puppet, PUPPET_MUNMAP, at, trial->at - at, 0)))
		return -EIO;
	return fits;
}

/*
 * Threads. They come last, and stay.
 */

static int add_thread(const struct trial *trial, const struct headroom_request *request)
{
	struct puppet *puppet = &trial->probe->puppet;
	int64_t r = puppet_map(puppet, 0, request->stack_size + request->guard_size, PROT_NONE,
			       MAP_PRIVATE | MAP_STACK);

	if (!puppet_failed(r))
		r = puppet_call3(puppet, PUPPET_MPROTECT, (uint64_t)r + request->guard_size,
				 request->stack_size, PROT_READ | PROT_WRITE);
	return r == -ESRCH ? -ESRCH : !puppet_failed(r);
}

static int try_threads(const struct trial *trial, const struct headroom_request *request,
		       struct headroom *threads)
{
	uint64_t n = 0;
	int r = 1;

	while (n <= threads->count && (r = add_thread(trial, request)) > 0)
		n++;
	threads->count = n;
	threads->bytes = n * (request->stack_size + request->guard_size);
	return r;
}

/*
 * All of it.
 */

static int try(const struct trial *trial, uint64_t most, struct headroom *headroom)
{
	uint64_t pages;
	int r;

	if (headroom->bytes == UNKNOWN)
		return 0;
	r = measure(trial, headroom->bytes / MODEL_PAGE, most / MODEL_PAGE, &pages);
	headroom->bytes = pages * MODEL_PAGE;
	return r;
}

static int try_stack(struct probe *probe, struct headroom *stack)
{
	struct trial trial = {.probe = probe, .fits = stack_fits, .at = stack->at};

	trial.lowest = stack->at - stack->distance;
	return try(&trial, stack->distance + 2 * MODEL_PAGE, stack);
}

static int try_in_place(struct probe *probe, struct headrooms *headrooms)
{
	const struct trial heap = {.probe = probe, .fits = heap_fits, .at = headrooms->heap.at};
	size_t i;
	int r = try(&heap, probe->model->task_size, &headrooms->heap);

	for (i = 0; i < headrooms->nstacks && r == 0; i++)
		r = try_stack(probe, &headrooms->stacks[i]);
	return r;
}

static int try_new(struct probe *probe, const struct headroom_request *request,
		   struct headrooms *headrooms)
{
	struct trial trial = {.probe = probe, .fits = mapping_fits, .prot = PROT_READ | PROT_WRITE};
	uint64_t most = probe->model->task_size;
	int r = try(&trial, most, &headrooms->mmap);

	trial.prot = PROT_NONE;
	if (r == 0)
		r = try(&trial, most, &headrooms->reserve);
	if (r < 0 || headrooms->threads.count == UNKNOWN)
		return r;
	if (headrooms->threads.count > PROBE_THREADS_MOST) {
		headrooms->threads.bytes = headrooms->threads.count = UNKNOWN;
		return 0;
	}
	return try_threads(&trial, request, &headrooms->threads);
}

static int try_all(struct probe *probe, const struct headroom_request *request,
		   struct headrooms *headrooms, struct error *err)
{
	int r = try_in_place(probe, headrooms);

	if (r == 0) {
		r = probe_fill_rest(probe, err);
		if (r < 0)
			return r;
		r = try_new(probe, request, headrooms);
	}
	return r < 0 ? fail(err, -r, "the probe ended, or could not take back what it was granted")
		     : 0;
}

static int copy(const struct headrooms *from, struct headrooms *ret)
{
	struct headrooms headrooms = *from;

	headrooms.stacks = calloc(from->nstacks + 1, sizeof(*from->stacks));
	if (!headrooms.stacks)
		return -ENOMEM;
	if (from->nstacks > 0)
		memcpy(headrooms.stacks, from->stacks, from->nstacks * sizeof(*from->stacks));
	*ret = headrooms;
	return 0;
}

int probe_headrooms(const struct model *model, const struct headroom_request *request,
		    const struct headrooms *predicted, struct headrooms *ret, struct error *err)
{
	struct headrooms headrooms;
	struct probe probe;
	int r = probe_make(model, &probe, err);

	if (r < 0)
		return r;
	r = copy(predicted, &headrooms);
	if (r < 0) {
		puppet_end(&probe.puppet);
		return fail(err, -r, "the probe");
	}
	r = try_all(&probe, request, &headrooms, err);
	puppet_end(&probe.puppet);
	if (r < 0)
		headrooms_fini(&headrooms);
	else
		*ret = headrooms;
	return r;
}
