/* Sites, as people want to see them: without the allocator's own frames, and with names. */
#ifndef CLI_SITES_H
#define CLI_SITES_H

#include "cli/heap_look.h"
#include "cli/target.h"
#include "heap/own_profile.h"
#include "heap/folds.h"
#include "view/calls.h"

/*
 * As own_profile_read(), of look->own, which must be there; the innermost frames that are the
 * allocator's own are left out.
 */
int sites_read(const struct target *target, const struct heap_look *look, struct own_profile *ret,
	       struct error *err) MUST_CHECK;

/*
 * Looks up the calls of the first `nsites` sites; it takes its time, and nothing of it needs the
 * process to stand still. There is a bound to how many are looked up: those of the first sites
 * come first. 0, and *ret is the caller's to calls_fini(); or -ENOMEM.
 */
int sites_calls(const struct target *target, const struct own_site *sites, size_t nsites,
		struct calls *ret) MUST_CHECK;

/* The same of all calls that stacks are made of. */
int folds_calls(const struct target *target, const struct folds *folds,
		struct calls *ret) MUST_CHECK;
void calls_fini(struct calls *calls);

#endif
