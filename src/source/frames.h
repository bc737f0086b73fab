/*
 * The frames of threads that stand still: of a process, or in a core or a snapshot.
 *
 *     stack   sp | frame #0 | frame #1 | ...        | frame #n  ... | top
 *                  worker()   serve()    clone()
 *
 * They are found by the tables that programs and libraries have for exceptions, by an errand
 * (errand.h): both the tables and the stack are a stranger's.
 */
#ifndef SOURCE_FRAMES_H
#define SOURCE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/reader.h"
#include "source/procdir.h"
#include "space/space.h"

#define FRAMES_MOST 256 /* of a thread; further ones are not told */
#define FRAMES_WHY_SIZE 120

struct frame {
	plat_addr pc; /* within the instruction that it executes, or that has called the next */
	plat_addr sp; /* where it begins in the stack; it ends where the one above begins */
};

struct thread_frames {
	/* The caller's: whose, and its general registers as the kernel gives them. */
	int tid;
	const void *general;
	size_t size;

	struct frame *frames; /* the innermost first */
	size_t n;
	bool is_whole;		   /* up to the first that there was */
	char why[FRAMES_WHY_SIZE]; /* why not, or "" */
};

/*
 * Fills what is behind `size` in each of `n`. Whatever goes wrong is said there. 0, and frames are
 * the caller's to frames_fini(); or -ENOMEM.
 */
int frames_find(const struct procdir *dir, const struct space *space, struct reader *reader,
		struct thread_frames *threads, size_t n) MUST_CHECK;
void frames_fini(struct thread_frames *threads, size_t n);

#define NO_FRAME SIZE_MAX

/* The frame whose part of the stack an address is in, or NO_FRAME; what lies below all is #0's. */
size_t frames_at(const struct thread_frames *thread, plat_addr at);

#endif
