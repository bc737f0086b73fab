/*
 * Takes away one rule of the model at a time, and looks whether the kernel's traces notice. Only in
 * a build with MODEL_MUTANTS.
 */
#ifndef KERNEL_MUTANTS_H
#define KERNEL_MUTANTS_H

#include "host.h"
#include "trace.h"

#include "base/compiler.h"

/* A trace, and where it is from: "plain", or the name of a script. */
struct mutants_trace {
	struct trace trace;
	char name[64];
	bool directed;
};

struct mutants_result {
	unsigned caught, missed;
	unsigned apart; /* cannot be noticed on this machine */
};

/* Says for each rule by what it was caught, in `jobs` processes at a time. 0 or -ENOMEM. */
int mutants_run(const struct mutants_trace *traces, size_t n, const struct host *host,
		unsigned jobs, struct mutants_result *ret) MUST_CHECK;

#endif
