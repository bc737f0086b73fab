/*
 * Stacks without the unwinder, once it has been there: what it took for a step from one frame to
 * the next is remembered by the return address that led to it.
 *
 *     sp    | frame of the caller, so many bytes | return address | sp of the next one
 *
 * How many, the compiler has fixed for each call where it finds the frame by the stack pointer. One
 * that is found by the frame pointer, as it may hold an array of any size, can be passed as long as
 * that is known: up to the first frame where it is not kept. Others are not remembered, and neither
 * is one that a signal interrupted: stacks with such go to the unwinder each time. So they do now
 * and then anyway, for code may have gone, and other code lie where it was.
 */
#ifndef PLAT_ALLOC_UNWIND_STEPS_H
#define PLAT_ALLOC_UNWIND_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame as the unwinder sees it. */
struct unwind_frame {
	uint64_t ip;   /* where its function goes on */
	uintptr_t sp;  /* the stack pointer then, */
	uintptr_t fp;  /* and the register that some functions find their frames by */
	bool is_exact; /* it was not calling: a signal interrupted it */
};

/* One step up was this. next: NULL, there is no frame beyond. */
void plat__steps_learn(const struct unwind_frame *frame, const struct unwind_frame *next);

/* As plat__unwind; 0: not every step is known. */
uint32_t plat__steps_walk(const void *frame, uint64_t *ret, uint32_t n);

#endif
