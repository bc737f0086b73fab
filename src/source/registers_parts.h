/* What of registers differs by processor. */
#ifndef SOURCE_REGISTERS_PARTS_H
#define SOURCE_REGISTERS_PARTS_H

#include "source/registers.h"

extern const int registers_vector_set; /* the regset with all vectors */

/* Finds pc, sp and tls among the general registers, which may be those of a 32-bit program. */
void registers_find(struct registers *registers);

#endif
