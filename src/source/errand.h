/*
 * Work on a stranger's files, or on what their libraries make of them: done by a child process that
 * has little time and memory, so that the worst of them costs an answer and not us.
 *
 *     child    looks, and tells what it found, piece by piece, the surest first
 *     parent   takes what comes, and says why the child ended too early, if it did
 */
#ifndef SOURCE_ERRAND_H
#define SOURCE_ERRAND_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

struct errand {
	const char *what; /* "reading symbols": for sentences */
	size_t size;	  /* of a piece: all have the same */
	void *context;
	/* In the child: returns when all is told. What it has need not be freed. */
	void (*work)(const struct errand *errand, void *context);
	/* In the parent: a piece. It is a stranger's. */
	void (*take)(void *context, const void *piece);
	int pipe; /* to be left alone */
};

/* To be called by work(). */
void errand_tell(const struct errand *errand, const void *piece);

/*
 * 0 where all was told. Else what came until then has been taken, and a sentence says what was:
 * -ETIMEDOUT, it took too long; -EBADMSG, it crashed over it; -ECHILD, it gave up; or -errno, there
 * was no child.
 */
int errand_run(struct errand *errand, struct error *err) MUST_CHECK;

#endif
