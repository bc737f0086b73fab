/* Reads of a file that may become shorter while we look. */
#ifndef SOURCE_EXACT_H
#define SOURCE_EXACT_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Exactly `size` bytes from `offset` on. 0; -EIO where the file ends before; or -errno. */
int read_exactly(int fd, uint64_t offset, void *to, size_t size) MUST_CHECK;

#endif
