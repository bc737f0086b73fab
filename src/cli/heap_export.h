/* All blocks of a process's heaps, summed up by stacks, for plat heap --folded and --pprof. */
#ifndef CLI_HEAP_EXPORT_H
#define CLI_HEAP_EXPORT_H

#include "cli/export.h"
#include "cli/heap_survey.h"

/*
 * Walks all heaps of a survey that is open, ends the target's freeze, and writes what is wished.
 * EXIT_FINE, or an exit code after a complaint; why an answer is partial is not said.
 */
int heap_export(const struct options *options, const struct export_wish *wish,
		struct heap_survey *survey);

#endif
