/*
 * What a program can get at by itself: where each root of the graph comes from.
 *
 *     registers           of each thread, one by one: the words that lead into a heap
 *     stacks              from the stack pointer on, with the red zone; nothing below
 *     signal stacks       the same, of a thread that stands on one
 *     TLS                 static TLS and the C library's descriptor, which leads to all other
 *     globals             segments of modules that are or were writable
 *     unclaimed memory    all else that can be written, and private memory that cannot any more
 *
 * less what allocators hold for blocks, and less what they know: a free list is no owner. What of
 * that is a stack, or TLS, is a root all the same.
 *
 * A stack that the C library keeps for a later thread is left out but for its descriptor, which
 * owns what the next thread will use.
 *
 * Where a signal stack is that nobody stands on, only the kernel knows: it is as any other memory.
 */
#ifndef HEAP_ROOTS_H
#define HEAP_ROOTS_H

#include "base/error.h"
#include "base/ranges.h"
#include "heap/graph.h"

/* A thread's registers, as bytes: the general ones, and behind them the vector ones. */
struct root_registers {
	int tid;
	plat_addr sp; /* or UNKNOWN */
	const unsigned char *bytes;
	size_t general, size; /* bytes of the former, and of all */
};

/* Where a root comes from: root.owner is the index of one of these. */
struct root_origin {
	enum root_kind kind;
	uint32_t region;      /* index in space->regions that it begins in; or NO_REGION */
	uint32_t module;      /* of globals; or NO_MODULE */
	uint32_t thread;      /* of stacks, registers and TLS; or NO_THREAD */
	uint32_t place;	      /* of a register: its first byte, among all of the thread */
	bool is_vector;	      /* as well: it is not a general one */
	bool is_mangled;      /* as well: what it holds was */
	bool is_signal_stack; /* of a stack */
	bool is_kept;	      /* of a thread that has ended */
};

#define NO_REGION UINT32_MAX

struct roots_input {
	const struct space *space;
	struct reader *reader;
	/* What allocators hold for blocks and their own state, in order. */
	const struct ranges *claimed;
	const struct block_index *index;
	const struct root_registers *registers; /* of threads that stood still, in any order */
	size_t nregisters;
	struct mangle mangle;
};

#define ROOTS_WHYS_MOST 4

struct roots {
	struct root *list;
	size_t n, room;
	struct root_origin *origins;
	size_t norigins, origins_room;

	/* What could not be had, in sentences. */
	struct error whys[ROOTS_WHYS_MOST];
	size_t nwhys;
};

/* 0, and *ret is the caller's to roots_fini(); or -ENOMEM. */
int roots_make(const struct roots_input *input, struct roots *ret) MUST_CHECK;
void roots_fini(struct roots *roots);

#endif
