/* Stacks in mappings of their own, with room behind them for what belongs to a thread. */
#ifndef MEM_STACK_H
#define MEM_STACK_H

#include "mem/stack_table.h"

/*
 * | guard | stack | a page of guard | behind |; without the latter two if behind is 0. In pages, as
 * large as asked for or larger. It is in the table.
 */
int plat__stack_map(size_t size, size_t guard_size, size_t behind, struct plat__known_stack *ret);

/* Of one that was claimed. */
void plat__stack_unmap(struct plat__stack_slot *slot, const struct plat__known_stack *stack);

/*
 * As much as a signal stack needs: what the kernel puts there, which AVX-512 and AMX make large,
 * and as much again as handlers should need.
 */
size_t plat__signal_stack_size(void);

/*
 * Gives the calling thread this memory as its signal stack, if it has none; the handler that says
 * when a stack overflows is installed. Returns whether the memory is in use now, or a negative
 * errno.
 */
int plat__signal_stack_use(void *base, size_t size);
int plat__overflow_handle(void);

#endif
