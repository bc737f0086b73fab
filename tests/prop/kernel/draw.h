/* Numbers that requests are made of: addresses and lengths where something happens. */
#ifndef KERNEL_DRAW_H
#define KERNEL_DRAW_H

#include "generator.h"

#define HUGE_PAGE UINT64_C(0x200000)

uint32_t draw_below(struct generator *g, uint32_t n);
bool draw_percent(struct generator *g, unsigned p);
bool draw_is_32bit(const struct generator *g);

/* Any mapping but the program's, or NULL. */
const struct seen_vma *draw_vma(struct generator *g);

/* A border of a mapping, or beside it, or inside. */
uint64_t draw_border(struct generator *g);
/* Below something that grows down: a little, and around the guard gap. */
uint64_t draw_below_stack(struct generator *g);
/* Around the break. */
uint64_t draw_heap(struct generator *g);
/* A page of the crowd. */
uint64_t draw_crowd(struct generator *g);
/* Any of them, and others. */
uint64_t draw_address(struct generator *g);

uint64_t draw_length(struct generator *g);
uint64_t draw_huge_length(struct generator *g);
/* For calls that take a range: often exactly a mapping. */
void draw_range(struct generator *g, uint64_t *addr, uint64_t *size);

#endif
