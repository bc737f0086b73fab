/*
 * Whether a library can be preloaded into a command, as far as its file tells; and the environment
 * that does it.
 */
#ifndef SOURCE_PRELOAD_H
#define SOURCE_PRELOAD_H

#include <stdbool.h>

#include "base/error.h"

enum preload_obstacle {
	PRELOAD_WORKS,	   /* nothing is in the way, or nothing is known */
	PRELOAD_STATIC,	   /* there is no dynamic linker */
	PRELOAD_LINKED_IN, /* a static program that has plat's malloc already */
	PRELOAD_RIGHTS,	   /* it gains rights when it begins: set-user-ID, capabilities */
	PRELOAD_ABI,	   /* another processor or word size */
	PRELOAD_OTHER,	   /* the library is not libplat-malloc */
};

/*
 * Looks at the file that a shell would run for this name; of a script, at its interpreter. In
 * *err is the sentence if it is not PRELOAD_WORKS. Whether it can be run at all is not judged.
 */
enum preload_obstacle preload_check(const char *command, const char *library, struct error *err);

/* What the command's environment shall have. NULL: as plat's own. */
struct preload_settings {
	const char *library;
	const char *checked;  /* another library, in front of that; or NULL */
	const char *report;   /* PLAT_REPORT */
	bool is_alone;	      /* programs that it starts shall not have these libraries */
	bool is_hard;	      /* PLAT_HARD=1 */
	bool is_guard_all;    /* PLAT_GUARD=all */
	const char *on_error; /* PLAT_ON_ERROR */
	const char *sample;   /* PLAT_SAMPLE */
};

/*
 * The environment; the libraries come before what the user preloads. 0, and *ret is the caller's to
 * preload_free_environment(); or -ENOMEM.
 */
int preload_environment(const struct preload_settings *settings, char ***ret) MUST_CHECK;
void preload_free_environment(char **environment);

#endif
