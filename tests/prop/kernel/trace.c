#include "trace.h"

#include "seen.h"

#include <stdlib.h>

#define NEAR (8 * MODEL_PAGE)

void trace_fini(struct trace *trace)
{
	model_fini(&trace->beginning);
	free(trace->ops);
	*trace = TRACE_EMPTY;
}

bool trace_same_result(const struct model_result *a, const struct model_result *b, bool loose)
{
	if (a->fault || b->fault)
		return a->fault == b->fault;
	return a->value == b->value || (loose && a->value >= 0 && b->value >= 0);
}

bool trace_same_pages(uint64_t a, uint64_t b)
{
	return a << 2 == b << 2;
}

static void widen(uint64_t addr, uint64_t length, uint64_t *start, uint64_t *end)
{
	uint64_t low = sub_floored(addr, NEAR), high = add_capped(add_capped(addr, length), NEAR);

	*start = min_u64(*start, low);
	*end = max_u64(*end, high);
}

void trace_window(const struct model_request *request, const struct model_result *result,
		  uint64_t *start, uint64_t *end)
{
	uint64_t length = request->arg[1];

	*start = UINT64_MAX;
	*end = 0;
	if (request->call == CALL_READ || request->call == CALL_WRITE ||
	    request->call == CALL_EXECUTE || request->call == CALL_BRK || length > 1 << 20)
		length = 0;
	widen(request->arg[0], length, start, end);
	/* What lies between two places far apart may be too much to look at. */
	if (result->value > 0 && request->call == CALL_MMAP) {
		*start = UINT64_MAX;
		*end = 0;
		widen((uint64_t)result->value, length, start, end);
	}
}

static bool same_counters(const struct model_counters *a, const struct model_counters *b)
{
	return trace_same_pages(a->total, b->total) && trace_same_pages(a->data, b->data) &&
	       trace_same_pages(a->stack, b->stack) && trace_same_pages(a->locked, b->locked);
}

static bool agrees(const struct trace_op *op, struct model *model, struct seen *seen)
{
	struct model_result result = model_do(model, &op->request);

	if (model->out_of_memory || !trace_same_result(&op->result, &result, op->loose) ||
	    !same_counters(&op->counters, &model->counters) ||
	    seen_of_model(seen, model, op->start, op->end) < 0 ||
	    seen_hash(seen, false) != op->hash)
		return false;
	if (!op->flags_hash)
		return true;
	return seen_of_model(seen, model, 0, UINT64_MAX) == 0 &&
	       seen_hash(seen, true) == op->flags_hash;
}

long trace_replay(const struct trace *trace)
{
	struct seen seen = SEEN_EMPTY;
	struct model model;
	long found = -1;
	size_t i;

	if (model_copy(&trace->beginning, &model) < 0)
		return -2;
	for (i = 0; i < trace->nops && found < 0; i++) {
		if (!agrees(&trace->ops[i], &model, &seen))
			found = (long)i;
	}
	model_fini(&model);
	seen_fini(&seen);
	return found;
}
