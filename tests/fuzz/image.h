/*
 * A hostile memory: what of it is a module's data and what else is the target's to say; what stands
 * in it is the input's, in pieces:
 *
 *     place (2 bytes) | length (1 byte) | bytes ... | place | length | bytes | ...
 *
 * All else is zero.
 */
#ifndef FUZZ_IMAGE_H
#define FUZZ_IMAGE_H

#include "fuzz.h"

#include "space/space.h"

/* The program, with one segment that can be written. */
void image_add_module(struct space *space, plat_addr start, plat_addr end, bool is_64);

/* Regions come from below. */
struct region *image_add_region(struct space *space, plat_addr start, plat_addr end,
				enum kind kind);

/* All that is left of the input; what does not fit behind its place is cut. */
void image_store(struct input *input, unsigned char *memory, size_t size);

#endif
