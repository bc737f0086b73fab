/*
 * What the conformance test and its child say to each other, in memory that both have mapped.
 *
 *	test:	entries[posted % RING_ENTRIES] = request; posted++; wake
 *	child:	carries it out, writes the result into the same entry; done++; wake
 *
 * Both counters are futexes. The ring lies at a fixed low address of the child, directly below its
 * program, so that one range holds all that no request may touch.
 */
#ifndef KERNEL_PROTOCOL_H
#define KERNEL_PROTOCOL_H

#include "model/model.h"

#include <stdint.h>

#define RING_ADDRESS UINT64_C(0x3f0000)
#define RING_SIZE UINT64_C(0x10000)
#define RING_DESCRIPTOR 40
#define RING_ENTRIES 512

/* The child's vector for mincore(), in pages. */
#define MINCORE_PAGES 8192

/* What the zeros of a page access when they are executed: nothing can be mapped there. */
#define TRAP64 UINT64_C(0xffff800000000000)
#define TRAP32 UINT32_C(0xfffffffe)

struct ring_entry {
	uint32_t call; /* enum model_call */
	int32_t signal, code;
	uint32_t unused;
	uint64_t arg[6];
	int64_t value;
};

/* What PR_SET_MM_MAP takes, as the kernel reads it from both kinds of program. */
struct ring_mm {
	uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end, auxv;
	uint32_t auxv_size, exe_descriptor;
};

struct ring {
	uint32_t posted, done;
	int32_t parent; /* the test; the child ends when it is somebody else's */
	int32_t pid;	/* of the process that reads the ring: another one after fork */
	struct ring_mm mm;
	struct ring_entry entries[RING_ENTRIES];
};

_Static_assert(sizeof(struct ring) <= RING_SIZE, "the ring fits where it is mapped");
_Static_assert(RING_ADDRESS + RING_SIZE == 0x400000, "where meson.build links the program to");

#endif
