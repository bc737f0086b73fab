/* What those outside are told: where everything is, and what has happened. */
#ifndef PLAT_ALLOC_OUTSIDE_H
#define PLAT_ALLOC_OUTSIDE_H

#include "alloc/state.h"

#include <stdbool.h>

/* The page size is known: from now on a reader finds blocks. */
void plat__state_init(void);

/*
 * PLAT_REPORT=PID:FD:NUMBER: the page that `plat run` has made, by its process and descriptor, so
 * that programs inherit no open file. Where it cannot be had nobody is told, and nothing changes.
 */
void plat__report_open(const char *value);
/* The first block was asked for. */
void plat__report_begin(void);
void plat__report_fault(void);

#endif
