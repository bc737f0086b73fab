/*
 * The allocator's logic in a process that has another malloc: its files are linked under other
 * names, so that a sanitizer keeps its own malloc and sees ours as a program like any other.
 */
#ifndef ALLOC_LOGIC_H
#define ALLOC_LOGIC_H

#include <stdbool.h>
#include <stddef.h>

/* The n-th call from now on that asks the kernel for memory fails; 0: none does. */
void logic_fail_at(unsigned n);

/* Before the first call: a page has so many bytes, a multiple of what it has here. */
void logic_page(size_t bytes);

/* How many faults were found. */
unsigned logic_faults(void);

#endif
