/* The notes of a core: threads, the auxiliary vector, mapped files, whose it is. */
#ifndef SOURCE_CORE_NOTES_H
#define SOURCE_CORE_NOTES_H

#include "source/core.h"

/*
 * Takes the notes in `size` bytes at `offset` of the file into the core. What contradicts itself
 * ends the list, and sets notes_cut. 0, -ENOMEM, or as reading said.
 */
int core_notes_read(struct core *core, uint64_t offset, uint64_t size) MUST_CHECK;

#endif
