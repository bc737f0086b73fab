/* Where blocks are made and freed: stacks of return addresses, each kept once, for ever. */
#ifndef PLAT_ALLOC_SITES_H
#define PLAT_ALLOC_SITES_H

#include "alloc/state.h"

/*
 * The number of the site whose innermost frame is `frame`, __builtin_frame_address(0) of one of our
 * functions. It goes as far up as callers keep frame pointers, or, while there are samples, as
 * libgcc's unwinder gets. 0: there is no room for another one.
 */
uint32_t plat__site_of(const void *frame);

/*
 * Before main(), and when the program itself asks for samples: looks for the unwinder. Not from
 * within malloc, nor from a signal handler.
 */
void plat__sites_begin(void);

/* Number 0 has no frames. NULL: there is none of this number. */
struct site *plat__site(uint32_t number);

/* A line for each frame to stderr, or nothing; in a signal handler too. */
void plat__site_write(const char *what, uint32_t number);

#endif
