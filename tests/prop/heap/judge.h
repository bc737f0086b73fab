/*
 * The judge of a reader of heaps, against a worker's own list of what it has. The worker is stopped
 * at random, by three ways, and its heap is read from outside: all blocks that no thread was busy
 * with are there with their size, and nothing else is, but what was there before and at most two
 * blocks for each thread in the middle of a call. Then it is read while it runs: blocks that nobody
 * touched meanwhile are there.
 *
 * What differs by allocator is a struct subject.
 */
#ifndef PROP_HEAP_JUDGE_H
#define PROP_HEAP_JUDGE_H

#include "copy.h"
#include "log.h"

#include "heap/heap.h"
#include "source/content.h"
#include "source/procdir.h"
#include "space/space.h"

#define HIDDEN_MOST 64

struct judge;

/* What one look has told. */
struct look {
	struct heap_sums sums;
	struct heap_proofs proofs; /* `list` is the reader's own, and gone */
	const char *failed;	   /* the first proof that fails, or NULL */
	bool is_usable;	 /* blocks have the size that can be used, not that was asked for */
	unsigned nextra; /* so many blocks more a call can show that is under way */
	char failed_words[300];
};

struct subject {
	/* Before the first look; or NULL. */
	void (*find)(struct judge *judge);
	/* One look: opens, walks, and closes. */
	void (*look)(struct judge *judge, const struct heap_visitor *visitor, struct look *ret);
	bool has_ranges;       /* in order, and each block lies in the last one */
	bool needs_map;	       /* as it is at each look */
	bool is_torn_by_calls; /* in the middle of a call it contradicts itself */
	bool tells_calls;      /* from damage: what a call has torn is unsteady */
};

struct seen {
	uint64_t address, size;
};

struct judge {
	const struct subject *subject;
	const char *worker;			   /* the program */
	const char *library;			   /* that it runs on, or NULL */
	const char *tunables, *loader, *libraries; /* what it is run with, or NULL */
	const char *keep; /* where a worker is kept that something is wrong with, or NULL */
	bool is_brk_stopped;
	unsigned nthreads; /* of each worker; 0: from 1 to 4 */
	unsigned nblocks;  /* that it has at most; 0: all that the log has room for */
	unsigned nsteps;   /* looks at threads that are led on by instructions; 0: drawn */
	unsigned stepped;  /* the thread that is */
	struct log *log;
	int child;
	bool is_stopped;
	bool is_usable; /* of the last look */
	struct procdir dir;
	struct space space;
	struct content content;
	struct copy copy;
	struct reader *reader; /* of a look: one of both */
	plat_addr state;
	struct seen *before, *now; /* sorted by address */
	size_t nbefore, nnow;
	struct seen hidden[HIDDEN_MOST]; /* memory of an unknown state */
	size_t nhidden;
	plat_addr range_start, range_end; /* the last one that was shown */
	uint64_t held;			  /* by ranges */
	uint64_t seed, first_seed;
	const char *way;
	uint64_t nlooks, nbusy, ntorn, nmissing;
};

/* Says what is wrong, and ends the program. */
__attribute__((format(printf, 2, 3), noreturn)) void wrong(const struct judge *judge,
							   const char *format, ...);

/*
 * [--seed N] [--workers N] [--rounds N] [--threads N] [--blocks N] [--steps N] [--no-brk 1]
 * [--tunables WORDS] [--loader PATH --libraries PATH] [--keep FILE] WORKER [LIBRARY]: judges, and
 * ends as a program does. With --keep FILE is a snapshot of the worker as it stood when something
 * was wrong; `plat heap FILE` reads its heap again.
 */
int judge_main(const struct subject *subject, int argc, char **argv);

#endif
