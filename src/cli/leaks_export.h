/* What is lost by stacks, for plat leaks --folded and --pprof. */
#ifndef CLI_LEAKS_EXPORT_H
#define CLI_LEAKS_EXPORT_H

#include "cli/export.h"
#include "cli/graph_look.h"
#include "view/leaks.h"

enum { LEAKED_BLOCKS, LEAKED_BYTES, NLEAK_SUMS };
extern const struct fold_sum leak_sums[NLEAK_SUMS];

/*
 * Writes what is wished of what a report tells. EXIT_FINE, or an exit code after a complaint.
 */
int leaks_export(const struct command *command, const struct export_wish *wish,
		 const struct graph_look *look, const struct leaks_report *report);

#endif
