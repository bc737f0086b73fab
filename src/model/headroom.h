/*
 * How far a process can still go: its heap, its stacks, one more mapping, more threads; in bytes,
 * and what stops each.
 *
 * The model is asked, and says no with a rule: `bytes` are granted, and a page more is refused by
 * `rule`. Heap and stacks may take as many steps as they like, so that what a single request may
 * not exceed (overcommit by heuristic) does not stop them; a mapping is one request.
 *
 * Nothing of this writes to memory. What may be had and what may be used are two things: beyond
 * `left` of the machine or a cgroup (space/cgroups.h) the kernel refuses nothing, it kills.
 */
#ifndef MODEL_HEADROOM_H
#define MODEL_HEADROOM_H

#include "model/model.h"
#include "space/space.h"

enum headroom_what {
	HEADROOM_HEAP,	  /* by brk */
	HEADROOM_MMAP,	  /* one mapping, private, to be written to */
	HEADROOM_RESERVE, /* one mapping without rights: address space alone */
	HEADROOM_THREADS, /* stacks of them: reservations, of which all but the guard is opened */
	HEADROOM_STACK,	  /* a mapping that grows down */
};

/*
 * `rule` refuses a page, or a thread, more. It is RULE_NONE where a stack can grow until it touches
 * another mapping that can be accessed: what goes further is no growth any more, and not refused.
 */
struct headroom {
	enum headroom_what what;
	uint64_t bytes;	 /* whole pages; or UNKNOWN */
	const char *why; /* if unknown: static text */
	uint64_t count;	 /* of threads */
	enum rule rule;
	/* Of what grows: the break, or where the stack begins; else where it would lie. */
	plat_addr at;
	plat_addr neighbour; /* where the next mapping on the way begins, or UNKNOWN */
	/* Free bytes to it, or to the end of user space; of a mapping: between its neighbours. */
	uint64_t distance;
};

struct headroom_request {
	uint64_t stack_size; /* of one thread, whole pages; 0: threads are not asked for */
	uint64_t guard_size; /* and its guard; not 0 */
};

struct headrooms {
	struct headroom heap, mmap, reserve, threads;
	struct headroom *stacks; /* the main stack first */
	size_t nstacks, stacks_room;
};

#define HEADROOMS_EMPTY ((struct headrooms){0})

/*
 * Asks the model for all of it. What it remembers of gaps can change, and nothing else. 0, and *ret
 * is the caller's to headrooms_fini(); or -ENOMEM.
 */
int headrooms_find(struct model *model, const struct headroom_request *request,
		   struct headrooms *ret) MUST_CHECK;

/* The same of a space, without threads. Where no model can be made of it all is unknown. */
int headrooms_of_space(const struct space *space, struct headrooms *ret) MUST_CHECK;

void headrooms_fini(struct headrooms *headrooms);

/* The main stack's, or that of the mapping that begins at `start`; `why` says if it has none. */
struct headroom headroom_of_main_stack(const struct headrooms *headrooms);
struct headroom headroom_of_stack_at(const struct headrooms *headrooms, plat_addr start);

/* What glibc gives a thread that does not ask: RLIMIT_STACK, or 2 MiB where that is unlimited. */
uint64_t headroom_stack_size(const struct model *model);

/* Whether it is the neighbour that stops it, and no limit. */
bool headroom_is_neighbours(const struct headroom *headroom);

#define HEADROOM_WORDS 160

/*
 * What stops it, for a reader who knows the words: "RLIMIT_DATA", "vm.max_map_count", a neighbour
 * by its kind and name. If it is unknown: why. Returns `to`, which has room for HEADROOM_WORDS.
 */
char *headroom_because(const struct space *space, const struct headroom *headroom, char *to);

/* What a figure leaves out: a limit that is not known is taken as unlimited. Else NULL. */
const char *headroom_note(const struct space *space, const struct headroom *headroom);

/* The neighbour by its kind and name, "file libc.so.6"; or "-". The same. */
char *headroom_neighbour(const struct space *space, const struct headroom *headroom, char *to);

/* "heap", "mmap", "reserve", "threads", "stack": keys of JSON. */
const char *headroom_name(enum headroom_what what);

#endif
