/*
 * One request, done by the kernel and by the model, and everything compared that can be seen:
 * what is returned or the fault, the list of VMAs, VmSize, VmData, VmStk and VmLck; every so often
 * the hidden flags of all VMAs.
 */
#ifndef KERNEL_COMPARE_H
#define KERNEL_COMPARE_H

#include "seen.h"
#include "trace.h"
#include "world.h"

#include <stdio.h>

/* What differs, if anything does. */
enum check {
	CHECK_SAME,
	CHECK_VALUE, /* returned, or the fault */
	CHECK_VMAS,
	CHECK_SIZE,
	CHECK_DATA,
	CHECK_STACK,
	CHECK_LOCKED,
	CHECK_FLAGS,
	CHECK_GONE,    /* the process has died or hangs */
	CHECK_MEMORY,  /* our own memory has run out, or /proc cannot be read */
	CHECK_INVALID, /* the model contradicts itself */
	NCHECKS
};

struct compare {
	struct world *world;
	struct model *model;
	unsigned flags_every; /* hidden flags after each so many requests; 0 never */
	unsigned whole_every; /* all VMAs after so many, else what is near; 1 always */
	struct trace *trace;  /* written, or NULL */

	bool paged_out; /* the kernel was free to drop pages that the model keeps */
	uint64_t count;
	struct model_result real, said; /* of the last request */
	struct seen kernel, predicted;	/* after it */
	struct model_counters counters;
};

void compare_init(struct compare *compare, struct world *world, struct model *model);
void compare_fini(struct compare *compare);

/* Does the request on both sides. */
enum check compare_step(struct compare *compare, const struct model_request *request);

/* "the VMAs", "VmLck". */
const char *check_name(enum check check);

/* A line of a script, with what the model says besides, and compare_explain() where they differ. */
void compare_print(const struct compare *compare, const struct model_request *request,
		   enum check check, FILE *stream);

/* Says on `stream` what the kernel and what the model has. */
void compare_explain(const struct compare *compare, enum check check, FILE *stream);

#endif
