/* Cores that zstd has packed, as systemd-coredump keeps them. */
#ifndef SOURCE_CORE_UNPACK_H
#define SOURCE_CORE_UNPACK_H

#include <stdint.h>

#include "base/error.h"

#define CORE_UNPACKED_MOST (UINT64_C(256) << 30)

/*
 * Where the open file *fd is packed, puts a nameless file with its content in its place, below
 * $TMPDIR or /var/tmp, and its size into *size; a packed file that ends too early is unpacked as
 * far as it goes. Any other file stays. 0, or -errno with a sentence; *fd is open in all cases.
 */
int core_unpack(const char *path, int *fd, uint64_t *size, struct error *err) MUST_CHECK;

#endif
