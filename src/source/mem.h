/* A process's memory, through its file mem. */
#ifndef SOURCE_MEM_H
#define SOURCE_MEM_H

#include <stddef.h>

#include "base/addr.h"
#include "base/compiler.h"

/*
 * Reads so many bytes of the process `pid`, of which `mem` is the file: all of them and 0; -EIO
 * where there is less, as when the process is gone or has become another; -errno. Pages that are
 * not there are brought. The number is 0 where system calls do not take it.
 */
int mem_read(int mem, int pid, plat_addr from, void *to, size_t size) MUST_CHECK;

#endif
