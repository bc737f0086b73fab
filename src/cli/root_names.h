/*
 * Words of roots get names: a variable, a thread's frame or register, a mapping.
 *
 *     root_names_begin(&names, look, &anchors)   while the process stands still: frames
 *     freeze_end(...)
 *     root_names_find(&names, &anchors)          symbols, which takes its time
 *     root_names_of(&names, &anchor, &holder)    of these anchors, one by one
 *     root_names_fini(&names)
 */
#ifndef CLI_ROOT_NAMES_H
#define CLI_ROOT_NAMES_H

#include "cli/graph_look.h"
#include "heap/anchors.h"
#include "source/frames.h"
#include "source/objects.h"
#include "source/symbols.h"
#include "source/thread_registers.h"
#include "view/holder.h"

#define NAMES_THREADS_MOST 256	/* threads whose frames are looked for */
#define NAMES_SYMBOLS_MOST 2048 /* functions and thread-local variables that are */

struct root_names {
	struct graph_look *look;
	struct thread_registers registers;
	struct thread_frames *threads; /* of these: none, or one each */
	size_t nthreads;
	bool has_left_out_threads;
	struct objects objects;
	plat_addr *addrs; /* of code and thread-local variables, in order */
	struct symbol *symbols;
	size_t nsymbols;
};

/* 0, and *ret is the caller's to root_names_fini(); or -ENOMEM. */
int root_names_begin(struct root_names *ret, struct graph_look *look,
		     const struct anchors *anchors) MUST_CHECK;
/* 0 or -ENOMEM. */
int root_names_find(struct root_names *names, const struct anchors *anchors) MUST_CHECK;
void root_names_fini(struct root_names *names);

/* What is in *ret belongs to `names` and to the space. */
void root_names_of(const struct root_names *names, const struct anchor *anchor, struct holder *ret);

#endif
