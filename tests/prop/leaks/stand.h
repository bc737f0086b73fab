/*
 * A thread that stands still for ever, with nothing but what it is told in its registers.
 */
#ifndef PROP_LEAKS_STAND_H
#define PROP_LEAKS_STAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Words for registers, each with its bits turned over. They are wiped as they are loaded. The order
 * is that of stand.c's instructions.
 */
struct registers {
	uintptr_t general[4];
	uintptr_t vector[32 / sizeof(uintptr_t)];  /* xmm5, xmm6 */
	uintptr_t upper[32 / sizeof(uintptr_t)];   /* of ymm7: with its lower half */
	uintptr_t further[64 / sizeof(uintptr_t)]; /* zmm17 */
};

/* Which of these words there are here; with all bits set, that is with nothing in them. */
void registers_init(struct registers *registers);

/* Puts a word into a register that is still empty: the n-th choice. False where there is none. */
bool registers_put_general(struct registers *registers, unsigned n, const volatile void *p);
bool registers_put_vector(struct registers *registers, unsigned n, const volatile void *p);
bool registers_put_upper(struct registers *registers, unsigned n, const volatile void *p);
bool registers_put_further(struct registers *registers, unsigned n, const volatile void *p);

/* Wipes so many bytes of the stack below. */
void scrub(size_t size);

/* Loads them and stands still, with the stack pointer at `end`: what lies below is over. */
_Noreturn void stand(struct registers *registers, void *end);

#endif
