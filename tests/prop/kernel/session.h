/* One process and one model from their beginning: what random runs, shrinking and scripts share. */
#ifndef KERNEL_SESSION_H
#define KERNEL_SESSION_H

#include "compare.h"
#include "profile.h"

struct session {
	struct world *world;
	struct model model;
	struct compare compare;
};

/* How a session begins. */
struct beginning {
	struct setting setting;
	bool crowd; /* with `vmas` VMAs, made as generator_crowd() says */
	size_t vmas;
};

#define CROWD_WHOLE_EVERY 500

/* 0, or a negative errno and a sentence. The world is the caller's, and used again and again. */
int session_begin(struct session *session, struct world *world, const struct host *host,
		  const struct beginning *beginning, struct error *err) MUST_CHECK;
void session_end(struct session *session);

/* Requests that were made. */
struct requests {
	struct model_request *items;
	size_t nitems, items_room;
};

/* A run that went wrong with its last request. */
struct failure {
	struct beginning beginning;
	struct requests requests;
	enum check check;
	char what[1024]; /* as it was seen first: it may not happen again */
};

/*
 * One process of the profile. ret->requests are written anew; ret->check failed with the last of
 * them, or is CHECK_SAME. With `trace` everything is kept in it. *vmas_seen grows by the VMAs there
 * were after each. 0, or a negative errno and a sentence where it could not begin.
 */
int session_random(struct world *world, const struct host *host, const struct profile *profile,
		   uint64_t seed, struct trace *trace, struct failure *ret, uint64_t *vmas_seen,
		   struct error *err) MUST_CHECK;

#endif
