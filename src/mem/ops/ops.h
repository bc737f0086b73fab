/*
 * What the operations of plat/ops.h are made of: for each kind of vector a variant, a file of its
 * own, in the folder of its processor. The folder says also, in here.c, which one serves.
 *
 *	x86/sse2.c  x86/avx2.c  x86/avx512.c	chosen when the program starts
 *	arm/neon.c				every processor of 64 bits has it
 *	portable/plain.c			all others: what the C library has
 *
 * The first four are one text, vector.h, on vectors of different sizes.
 */
#ifndef MEM_OPS_OPS_H
#define MEM_OPS_OPS_H

#include <stdbool.h>
#include <stddef.h>

/* Resolvers know these by their distance: nothing has been relocated yet when those run. */
#pragma GCC visibility push(hidden)

struct plat__ops {
	const char *name;
	void *(*move)(void *to, const void *from, size_t n);
	void *(*set)(void *to, int byte, size_t n);
	int (*compare)(const void *a, const void *b, size_t n);
	void *(*find_byte)(const void *in, int byte, size_t n);
	void *(*find_last_byte)(const void *in, int byte, size_t n);
	void *(*find)(const void *in, size_t n, const void *needle, size_t m);
};

/* The variant that serves here. The first call in a program asks the processor. */
const struct plat__ops *plat__ops_here(void);

/* For tests: the variants that were built, one by one, NULL at the end; whether one can run here.
 */
const struct plat__ops *plat__ops_variant(size_t i);
bool plat__ops_can_run(size_t i);

#pragma GCC visibility pop

#endif
