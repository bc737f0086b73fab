/*
 * What the kernel did, kept so that a model can be held against it again and again without the
 * kernel: the model of the beginning, and for each request its result, the counters, and a hash of
 * the VMAs.
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include "model/model.h"

struct trace_op {
	struct model_request request;
	struct model_result result;
	bool loose;	     /* the value is not the model's to know */
	uint64_t start, end; /* what was looked at */
	uint64_t hash;
	uint64_t flags_hash; /* with hidden flags; 0: not asked for */
	struct model_counters counters;
};

struct trace {
	struct model beginning;
	struct trace_op *ops;
	size_t nops, ops_room;
};

#define TRACE_EMPTY ((struct trace){0})

void trace_fini(struct trace *trace);

/* The index of the first request where the model disagrees, or -1. -2: out of memory. */
long trace_replay(const struct trace *trace);

/* What of the request's neighbourhood is looked at where a whole list would be too long. */
void trace_window(const struct model_request *request, const struct model_result *result,
		  uint64_t *start, uint64_t *end);

/* Whether two results are the same to the caller. */
bool trace_same_result(const struct model_result *a, const struct model_result *b, bool loose);
/* Counters as /proc prints them: in kB, which wrap. */
bool trace_same_pages(uint64_t a, uint64_t b);

#endif
