/* A space from a core. */
#ifndef SOURCE_CORE_SPACE_H
#define SOURCE_CORE_SPACE_H

#include "source/core.h"
#include "space/space.h"

/* Why page figures are not known. */
#define CORE_NO_PAGES "a core does not say which pages were in memory"

/*
 * Makes the space of the process that the core is of; `want` is of enum proc_want. 0, and *ret is
 * the caller's to space_fini(); what a core does not tell is unknown, with its reason in ret->why.
 * -ENODATA, with a sentence, where the core lists no mapping; or -ENOMEM.
 */
int core_load(struct core *core, unsigned want, struct space *ret, struct error *err) MUST_CHECK;

/* Whose it is, and VmSize, where the kernel wrote the core; into a space that is empty. 0 or
 * -ENOMEM. */
int core_load_figures(const struct core *core, struct space *ret, struct error *err) MUST_CHECK;

#endif
