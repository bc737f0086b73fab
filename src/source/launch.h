/*
 * A command that plat starts and watches to its end.
 *
 * The command keeps plat's standard streams, terminal and environment. It is held up at its end,
 * when its memory is still whole, and looked at there; before, its RSS is sampled to see its peak.
 * It is traced for that: signals and new threads pass through plat's hands on their way, unchanged.
 */
#ifndef SOURCE_LAUNCH_H
#define SOURCE_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "source/procdir.h"
#include "source/spawn.h"
#include "space/space.h"

struct launch {
	char **argv;	   /* the command; ends with NULL */
	unsigned settings; /* of enum spawn_setting */
	uint64_t stack;	   /* for SPAWN_STACK */
	unsigned want;	   /* of enum proc_want */

	char **environment; /* of the command; ends with NULL. NULL: plat's */
	bool only_end;	    /* no look is taken before its end */
	bool untraced;	    /* it is not held up: nothing is looked at */
	/* Either may be NULL: the command is about to be executed; it stands still at its end. */
	void (*begins)(void *context, int pid);
	void (*at_end)(void *context, const struct procdir *dir, const struct space *space);
	void *context;
};

struct launched {
	/* Unless it is SPAWN_RUNS nothing else is known; the sentence is in err. */
	enum spawn_state state;
	int exit_status;   /* 0 to 255, or -1 where a signal ended it */
	int signal;	   /* that ended it, or 0 */
	bool dumped;	   /* a core was written */
	bool interrupted;  /* that signal had come to plat too: somebody wants an end to all this */
	uint64_t peak_rss; /* the kernel's maximum, in bytes; counts plat before the start, too */

	bool has_end, has_peak; /* has_peak only where RSS was clearly higher than at the end */
	struct space end, peak;
	/* Why `end` is not the end but a look before it, or missing; "" if it is. */
	struct error why;
};

/*
 * Runs the command. plat's SIGINT and SIGQUIT are ignored meanwhile, SIGTERM and SIGHUP handed on.
 * 0, and *ret is the caller's to launched_fini(), also when the command could not be executed. A
 * negative errno where it could not be started, or a setting was refused.
 */
int launch_run(const struct launch *launch, struct launched *ret, struct error *err) MUST_CHECK;
void launched_fini(struct launched *launched);

/* The exit status that a shell would see if the command had been run without us. */
int launched_status(const struct launched *launched);

/* Whether the settings would be granted; nothing is run. 0 or a negative errno. */
int launch_check(const struct launch *launch, struct error *err) MUST_CHECK;

#endif
