#include "heap/folds.h"

#include "base/list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Of 64 bytes each. A process can show as many stacks as it likes. */
#define NODES_MOST ((size_t)1 << 20)

/* Nothing is asked for by less than 16 bytes. */
#define POWER_LEAST 4

static uint64_t frame_hash(const struct fold_frame *frame)
{
	return frame->what ^ (uint64_t)frame->kind << 62;
}

static uint64_t frame_hash_at(const void *context, uint32_t number)
{
	const struct folds *folds = context;

	return frame_hash(&folds->frames[number]);
}

static uint64_t step_hash(uint32_t parent, uint32_t frame)
{
	return (uint64_t)parent << 32 | frame;
}

/* The top is no step from anywhere: it has a hash that no step has, since no frame has it. */
static uint64_t node_hash_at(const void *context, uint32_t number)
{
	const struct folds *folds = context;

	return step_hash(folds->nodes[number].parent, folds->nodes[number].frame);
}

int folds_init(struct folds *ret, const struct fold_sum *sums, size_t nsums)
{
	struct folds folds = {.sums = sums, .nsums = nsums};
	int r = list_reserve(&folds.nodes, &folds.nodes_room, 0, 1);

	if (r < 0)
		return r;
	folds.nodes[folds.nnodes++] = (struct fold_node){.parent = UINT32_MAX, .frame = UINT32_MAX};
	*ret = folds;
	return 0;
}

void folds_fini(struct folds *folds)
{
	free(folds->frames);
	free(folds->nodes);
	names_fini(&folds->names);
	slots_fini(&folds->frame_slots);
	slots_fini(&folds->node_slots);
	*folds = (struct folds){.nnodes = 0};
}

static int add_frame(struct folds *folds, const struct fold_frame *frame, uint32_t *ret)
{
	struct slots *slots = &folds->frame_slots;
	uint32_t *place;

	if (slots_reserve(slots, folds->nframes, frame_hash_at, folds) < 0 ||
	    list_reserve(&folds->frames, &folds->frames_room, folds->nframes, 1) < 0)
		return -ENOMEM;
	for (place = slots_first(slots, frame_hash(frame)); *place != NO_SLOT;
	     place = slots_next(slots, place)) {
		const struct fold_frame *seen = &folds->frames[*place];

		if (seen->kind == frame->kind && seen->what == frame->what) {
			*ret = *place;
			return 0;
		}
	}
	*place = *ret = (uint32_t)folds->nframes;
	folds->frames[folds->nframes++] = *frame;
	return 0;
}

static int add_node(struct folds *folds, uint32_t parent, uint32_t frame, uint32_t *ret)
{
	struct slots *slots = &folds->node_slots;
	uint32_t *place;

	if (slots_reserve(slots, folds->nnodes, node_hash_at, folds) < 0 ||
	    list_reserve(&folds->nodes, &folds->nodes_room, folds->nnodes, 1) < 0)
		return -ENOMEM;
	for (place = slots_first(slots, step_hash(parent, frame)); *place != NO_SLOT;
	     place = slots_next(slots, place)) {
		const struct fold_node *seen = &folds->nodes[*place];

		if (seen->parent == parent && seen->frame == frame) {
			*ret = *place;
			return 0;
		}
	}
	if (folds->nnodes == NODES_MOST) {
		folds->is_cut = true;
		*ret = parent;
		return 0;
	}
	*place = *ret = (uint32_t)folds->nnodes;
	folds->nodes[folds->nnodes++] = (struct fold_node){.parent = parent, .frame = frame};
	return 0;
}

int folds_step(struct folds *folds, uint32_t node, enum fold_kind kind, uint64_t what,
	       uint32_t *ret)
{
	const struct fold_frame frame = {kind, what};
	uint32_t number;
	int r = add_frame(folds, &frame, &number);

	return r < 0 ? r : add_node(folds, node, number, ret);
}

int folds_step_name(struct folds *folds, uint32_t node, const char *name, uint32_t *ret)
{
	uint32_t number;
	int r = names_add(&folds->names, name, &number);

	return r < 0 ? r : folds_step(folds, node, FOLD_NAME, number, ret);
}

uint32_t folds_power(uint64_t size)
{
	uint32_t power = size > 1 ? 64 - (uint32_t)__builtin_clzll(size - 1) : 0;

	return power < POWER_LEAST ? POWER_LEAST : power;
}

int folds_step_size(struct folds *folds, uint32_t node, uint64_t size, uint32_t *ret)
{
	uint32_t power = folds_power(size);
	char name[48] = "more bytes than can be";

	if (power < 64)
		snprintf(name, sizeof(name), "up to %" PRIu64 " bytes", UINT64_C(1) << power);
	return folds_step_name(folds, node, name, ret);
}

int folds_of_calls(struct folds *folds, const plat_addr *calls, size_t n, uint32_t *ret)
{
	uint32_t node = FOLD_TOP;
	int r = 0;

	while (r == 0 && n > 0)
		r = folds_step(folds, node, FOLD_CALL, calls[--n], &node);
	if (r == 0)
		*ret = node;
	return r;
}

uint64_t folds_sum(const struct folds *folds, size_t sum)
{
	uint64_t all = 0;
	size_t i;

	for (i = 0; i < folds->nnodes; i++)
		all = add_capped(all, folds->nodes[i].sums[sum]);
	return all;
}
