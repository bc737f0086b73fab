/* A program that was started and stopped before its first instruction, as the kernel shows it. */
#ifndef EXEC_STARTED_H
#define EXEC_STARTED_H

#include "seen.h"

/* Strings: `n` of `size` bytes each, with their NUL. */
struct exec_strings {
	unsigned n, size;
};

struct exec_setting {
	unsigned personality; /* of enum model_personality */
	struct exec_strings args, envs;
	uint64_t limits[NMODEL_LIMITS]; /* soft ones; MODEL_INFINITE */
};

enum exec_outcome { EXEC_STOPPED, EXEC_REFUSED, EXEC_KILLED };

enum exec_stat {
	STAT_START_CODE,
	STAT_END_CODE,
	STAT_START_STACK,
	STAT_START_DATA,
	STAT_END_DATA,
	STAT_START_BRK,
	STAT_ARG_START,
	STAT_ARG_END,
	STAT_ENV_START,
	STAT_ENV_END,
	NEXEC_STATS
};

struct exec_started {
	enum exec_outcome outcome;
	int errnum; /* of EXEC_REFUSED */
	struct seen seen;
	uint64_t *own_pages; /* of each VMA: pages that are anonymous */
	struct model_counters counters;
	uint64_t stat[NEXEC_STATS];
	plat_addr stack_end, vvar, vdso;
	uint64_t vdso_pages, vvar_pages;
	plat_addr entry, base; /* of the auxiliary vector */
	unsigned nauxv;
};

void exec_started_fini(struct exec_started *started);

/* 0, or a negative errno where the test itself failed. */
int exec_start(const char *path, const struct exec_setting *setting, struct exec_started *ret);

/* "start_stack". */
const char *exec_stat_name(enum exec_stat stat);

#endif
