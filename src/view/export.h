/*
 * Sums by stacks, for the tools of others: folded stacks, a line each, as flame graphs are drawn
 * from; and a profile as pprof reads it (profile.proto, packed by gzip).
 */
#ifndef VIEW_EXPORT_H
#define VIEW_EXPORT_H

#include "heap/folds.h"
#include "space/space.h"
#include "view/calls.h"

#define EXPORT_COMMENTS 4

struct export
{
	const struct space *space;
	const struct folds *folds;
	struct calls calls;	  /* what is said of calls among their frames */
	const char *const *types; /* the names of types among them */
	size_t sum;		  /* the one that folded stacks have, and that pprof shows first */
	uint64_t time;		  /* of what is told: ns since 1970; 0: not known */
	uint64_t period;	  /* bytes from one sample to the next, on average; 0: no samples */
	const char *comments[EXPORT_COMMENTS]; /* sentences for who reads it; or NULL */
};

/* The name of a frame that is no call. */
const char *export_name(const struct export *export, const struct fold_frame *frame);

/* "main;load;parse 480": the outermost frame first; stacks of which the sum is 0 are left out. */
void export_folded(const struct export *export, struct text *text);

/* 0; -ENOMEM; or the text's error. */
int export_pprof(const struct export *export, struct text *text) MUST_CHECK;

#endif
