/*
 * A read of mem copies each page twice, by way of one of the kernel's own; process_vm_readv() once.
 * But that takes a PID, and mem stays with the memory that was opened: that this is still the
 * process's is asked afterwards. What cannot be read so, as nobody may read it, is left to mem.
 */
#include "source/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/uio.h>
#include <unistd.h>

#define LARGE 16384 /* bytes, from which on a second call costs less than a second copy */

static bool read_directly(int mem, int pid, plat_addr from, void *to, size_t size)
{
	struct iovec ours = {to, size}, theirs = {(void *)(uintptr_t)from, size};
	char byte;

	return process_vm_readv(pid, &ours, 1, &theirs, 1, 0) == (ssize_t)size &&
	       pread(mem, &byte, 1, (off_t)from) == 1;
}

int mem_read(int mem, int pid, plat_addr from, void *to, size_t size)
{
	char *out = to;

	if (pid && size >= LARGE && read_directly(mem, pid, from, to, size))
		return 0;
	while (size > 0) {
		ssize_t n = pread(mem, out, size, (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		out += n;
		from += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}
