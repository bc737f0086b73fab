/* Which way the mmap zone grows, where it begins, where user space ends. */
#ifndef SPACE_LAYOUT_H
#define SPACE_LAYOUT_H

#include "space/space.h"

/* Sets process.bits (if unknown), user_end, mmap_base, direction and direction_reason. */
void layout_find(struct space *space);

#endif
