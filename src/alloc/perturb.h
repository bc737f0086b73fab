/*
 * M_PERTURB: blocks that are handed out are full of one byte, freed ones of another, so that a
 * program that counts on what it finds there is found out.
 */
#ifndef PLAT_ALLOC_PERTURB_H
#define PLAT_ALLOC_PERTURB_H

#include "alloc/state.h"

/* Blocks get ~byte, freed ones byte; 0 ends it. Other threads' open windows are served first. */
void plat__perturb_set(int byte);

/* A block is about to be handed out; that of a slot came from this bin, and the bin's window
 * closes. */
void plat__perturb_block(struct bin *bin, void *p, size_t bytes);
/* A block is about to be freed; its first bytes stay what they are. */
void plat__perturb_free(void *p, size_t bytes);

#endif
