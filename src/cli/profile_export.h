/* A sampling profile by stacks, for plat profile --folded and --pprof. */
#ifndef CLI_PROFILE_EXPORT_H
#define CLI_PROFILE_EXPORT_H

#include "cli/export.h"
#include "view/profile.h"

enum {
	PROFILE_LIVE_BLOCKS,
	PROFILE_LIVE_BYTES,
	PROFILE_MADE_BLOCKS,
	PROFILE_MADE_BYTES,
	NPROFILE_SUMS
};
extern const struct fold_sum profile_sums[NPROFILE_SUMS];

/*
 * Writes what is wished of the sites that a report shows, whose calls have been looked up.
 * EXIT_FINE, or an exit code after a complaint.
 */
int profile_export(const struct options *options, const struct export_wish *wish,
		   const struct target *target, const struct profile_report *report);

#endif
