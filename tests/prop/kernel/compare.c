#include "compare.h"

#include "base/list.h"
#include "base/text.h"
#include "model/script.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

void compare_init(struct compare *compare, struct world *world, struct model *model)
{
	*compare = (struct compare){.world = world,
				    .model = model,
				    .flags_every = 50,
				    .whole_every = 1,
				    .kernel = SEEN_EMPTY,
				    .predicted = SEEN_EMPTY};
}

void compare_fini(struct compare *compare)
{
	seen_fini(&compare->kernel);
	seen_fini(&compare->predicted);
}

static const char *const names[NCHECKS] = {
	[CHECK_SAME] = "nothing",
	[CHECK_VALUE] = "the result",
	[CHECK_VMAS] = "the VMAs",
	[CHECK_SIZE] = "VmSize",
	[CHECK_DATA] = "VmData",
	[CHECK_STACK] = "VmStk",
	[CHECK_LOCKED] = "VmLck",
	[CHECK_FLAGS] = "hidden flags",
	[CHECK_GONE] = "the process is gone",
	[CHECK_MEMORY] = "no memory, or no /proc",
	[CHECK_INVALID] = "the model contradicts itself",
};

const char *check_name(enum check check)
{
	return names[check];
}

/*
 * Which pages of a file on a disk are in memory depends on more than this process. So it does after
 * MADV_PAGEOUT: pages that were never written to go, and with swap all others, too.
 */
static bool is_loose(const struct compare *compare, const struct model_request *request)
{
	const struct model *model = compare->model;
	uint64_t end = add_capped(request->arg[0], request->arg[1]);
	struct vma_place place;
	const struct vma *vma;

	if (request->call != CALL_MINCORE)
		return false;
	if (compare->paged_out)
		return true;
	for (place = vmas_find(&model->vmas, request->arg[0]);
	     (vma = vmas_at(&model->vmas, place)) != NULL && vma->start < end;
	     place = vmas_next(&model->vmas, place)) {
		if (vma->file != VMA_NO_FILE && !model->files[vma->file].shmem)
			return true;
	}
	return false;
}

static bool changes_everything(enum model_call call)
{
	return call == CALL_MLOCKALL || call == CALL_MUNLOCKALL || call == CALL_FORK;
}

static bool is_time(uint64_t count, unsigned every)
{
	return every && count % every == 0;
}

static enum check check_list(struct compare *compare, struct trace_op *op)
{
	bool whole = is_time(compare->count, compare->whole_every) ||
		     changes_everything(op->request.call);
	int r = 0;

	if (!whole) {
		trace_window(&op->request, &op->result, &op->start, &op->end);
		r = seen_read_window(&compare->kernel, compare->world->maps, op->start, op->end);
		whole = r == -ENOTTY; /* before Linux 6.11 */
	}
	if (whole) {
		op->start = 0;
		op->end = UINT64_MAX;
		r = seen_read_maps(&compare->kernel, compare->world->maps);
	}
	if (r == 0)
		r = seen_of_model(&compare->predicted, compare->model, op->start, op->end);
	if (r < 0)
		return r == -ESRCH ? CHECK_GONE : CHECK_MEMORY;
	if (compare->trace)
		op->hash = seen_hash(&compare->kernel, false);
	if (seen_difference(&compare->kernel, &compare->predicted, false) >= 0)
		return CHECK_VMAS;
	return CHECK_SAME;
}

static enum check check_counters(struct compare *compare, struct trace_op *op)
{
	const struct model_counters *real = &compare->counters, *said = &compare->model->counters;

	if (seen_read_counters(&compare->counters, compare->world->status) < 0)
		return CHECK_MEMORY;
	op->counters = compare->counters;
	if (!trace_same_pages(real->total, said->total))
		return CHECK_SIZE;
	if (!trace_same_pages(real->data, said->data))
		return CHECK_DATA;
	if (!trace_same_pages(real->stack, said->stack))
		return CHECK_STACK;
	return trace_same_pages(real->locked, said->locked) ? CHECK_SAME : CHECK_LOCKED;
}

static enum check check_flags(struct compare *compare, struct trace_op *op)
{
	if (!is_time(compare->count, compare->flags_every))
		return CHECK_SAME;
	if (!model_valid(compare->model))
		return CHECK_INVALID;
	if (seen_read_smaps(&compare->kernel, compare->world->smaps) < 0 ||
	    seen_of_model(&compare->predicted, compare->model, 0, UINT64_MAX) < 0)
		return CHECK_MEMORY;
	if (compare->trace)
		op->flags_hash = seen_hash(&compare->kernel, true);
	if (seen_difference(&compare->kernel, &compare->predicted, true) >= 0)
		return CHECK_FLAGS;
	return CHECK_SAME;
}

static enum check record(struct trace *trace, const struct trace_op *op)
{
	if (list_reserve(&trace->ops, &trace->ops_room, trace->nops, 1) < 0)
		return CHECK_MEMORY;
	trace->ops[trace->nops++] = *op;
	return CHECK_SAME;
}

enum check compare_step(struct compare *compare, const struct model_request *request)
{
	struct trace_op op = {.request = *request, .loose = is_loose(compare, request)};
	enum check check;

	compare->count++;
	compare->paged_out |=
		request->call == CALL_MADVISE && (uint32_t)request->arg[2] == MADV_PAGEOUT;
	if (world_do(compare->world, request, &compare->real) < 0)
		return CHECK_GONE;
	op.result = compare->real;
	compare->said = model_do(compare->model, request);
	if (compare->model->out_of_memory)
		return CHECK_MEMORY;
	if (!trace_same_result(&compare->real, &compare->said, op.loose))
		return CHECK_VALUE;
	check = check_list(compare, &op);
	if (check == CHECK_SAME)
		check = check_counters(compare, &op);
	if (check == CHECK_SAME)
		check = check_flags(compare, &op);
	if (check == CHECK_SAME && compare->trace)
		check = record(compare->trace, &op);
	return check;
}

static bool has_vma(const struct seen *seen, const struct seen_vma *vma, bool flags)
{
	size_t i;

	for (i = 0; i < seen->nvmas; i++) {
		const struct seen_vma *one = &seen->vmas[i];

		if (one->start == vma->start && one->end == vma->end &&
		    one->offset == vma->offset && one->rights == vma->rights &&
		    (!flags || one->flags == vma->flags))
			return true;
	}
	return false;
}

/* What the other list has not. */
static void print_list(const struct seen *seen, const struct seen *other, bool flags, FILE *stream)
{
	char line[256];
	size_t i;

	for (i = 0; i < seen->nvmas; i++) {
		struct seen_vma vma = seen->vmas[i];

		if (has_vma(other, &vma, flags))
			continue;
		if (!flags)
			vma.flags = 0;
		fprintf(stream, "#   %s\n", seen_text(&vma, line, sizeof(line)));
	}
}

void compare_explain(const struct compare *compare, enum check check, FILE *stream)
{
	const struct model_counters *real = &compare->counters, *said = &compare->model->counters;

	fprintf(stream, "# kernel and model disagree: %s\n", check_name(check));
	if (check == CHECK_VALUE)
		return;
	if (check == CHECK_VMAS || check == CHECK_FLAGS) {
		fprintf(stream, "# only the kernel has:\n");
		print_list(&compare->kernel, &compare->predicted, check == CHECK_FLAGS, stream);
		fprintf(stream, "# only the model has:\n");
		print_list(&compare->predicted, &compare->kernel, check == CHECK_FLAGS, stream);
	} else if (check < CHECK_FLAGS) {
		fprintf(stream,
			"# pages, kernel: size %" PRIu64 " data %" PRIu64 " stack %" PRIu64
			" locked %" PRIu64 "\n",
			real->total, real->data, real->stack, real->locked);
		fprintf(stream,
			"# pages, model:  size %" PRIu64 " data %" PRIu64 " stack %" PRIu64
			" locked %" PRIu64 "\n",
			said->total, said->data, said->stack, said->locked);
	}
}

void compare_print(const struct compare *compare, const struct model_request *request,
		   enum check check, FILE *stream)
{
	struct text text = TEXT_EMPTY;

	script_put_request(&text, request);
	if (check != CHECK_GONE) {
		text_put(&text, " = ");
		script_put_result(&text, request, &compare->real);
	}
	if (check == CHECK_VALUE) {
		text_put(&text, "\t# the model says ");
		script_put_result(&text, request, &compare->said);
		if (compare->said.refused)
			text_format(&text, ": %s", rule_name(compare->said.refused));
	}
	fprintf(stream, "%s\n", text_string(&text));
	text_fini(&text);
	if (check != CHECK_SAME)
		compare_explain(compare, check, stream);
}
