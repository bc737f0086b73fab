/*
 * The C++ type of a block, by its first word.
 *
 *     block       | vptr | ...
 *                     '--------------------------v
 *     vtable      | offset to top: 0 | typeinfo | function | ...
 *                                         |
 *     typeinfo    | vptr | name | ... <---'
 *                    |      '----> "N3foo3barE"
 *                    '----> the vtable of a typeinfo's own class, in namespace __cxxabiv1
 *
 * Itanium C++ ABI 2.5.2 and 2.9.5, which GCC and Clang follow on Linux. All of that lies in
 * programs and libraries, and it is looked at once for each word that blocks begin with.
 */
#ifndef HEAP_TYPES_H
#define HEAP_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/reader.h"
#include "heap/block_index.h"
#include "space/space.h"

#define NO_TYPE UINT16_MAX
#define TYPES_MOST NO_TYPE /* further ones are not told */

/* What is known of the blocks of one type. */
struct type {
	const char *name; /* mangled, as typeinfo has it: "N3foo3barE"; the stranger's bytes */
	uint64_t blocks, bytes; /* as types_count() has counted them */
};

struct types;

/*
 * NULL: no memory. The space and the reader must outlive it; what was read once is believed, so the
 * process should stand still.
 */
struct types *types_new(const struct space *space, struct reader *reader);
void types_free(struct types *types);

/* All that were met so far; two of one name are one. They stay where they are until the next one.
 */
const struct type *types_list(const struct types *types, size_t *n);

/* Whether there were more than are kept: of types, of names, or of words that might lead to one. */
bool types_are_cut(const struct types *types);

/* The number of the type whose blocks begin with this word, or NO_TYPE. 0 or -ENOMEM. */
int types_of_word(struct types *types, uint64_t word, uint16_t *ret) MUST_CHECK;

/* The same of one block; of blocks that are not live, and of what cannot be read, NO_TYPE. */
int types_of_block(struct types *types, const struct block_index *index, uint32_t block,
		   uint16_t *ret) MUST_CHECK;

/*
 * The same of a block of a walk, which is counted, too. In the order of addresses they come
 * cheapest.
 */
int types_take(struct types *types, const struct block *block, uint16_t *ret) MUST_CHECK;

/*
 * The same of all blocks: ret[i] of block i; they are counted, too. 0 or -ENOMEM.
 */
int types_count(struct types *types, const struct block_index *index, uint16_t *ret) MUST_CHECK;

#endif
