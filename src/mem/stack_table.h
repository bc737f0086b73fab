/*
 * The stacks that were made here. A signal handler asks, and a fork may come at any moment: nothing
 * is locked, and each slot is whole at each moment, or taken for none.
 */
#ifndef MEM_STACK_TABLE_H
#define MEM_STACK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One mapping: guard, stack, and perhaps what belongs to a thread. */
struct plat__known_stack {
	uintptr_t start, base, end;
	uintptr_t mapping_end; /* end, if there is nothing behind */
};

struct plat__stack_slot;

int plat__stack_table_add(const struct plat__known_stack *stack);

/* The stack whose mapping the address lies in. */
bool plat__stack_table_find(uintptr_t address, struct plat__known_stack *ret);

/*
 * Who wants to free a stack claims it by its base; NULL: it is not there, or claimed. It can still
 * be found, until it is dropped.
 */
struct plat__stack_slot *plat__stack_table_claim(uintptr_t base, struct plat__known_stack *ret);
void plat__stack_table_unclaim(struct plat__stack_slot *slot);
void plat__stack_table_drop(struct plat__stack_slot *slot);

#endif
