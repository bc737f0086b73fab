#include "source/exact.h"

#include <errno.h>
#include <unistd.h>

int read_exactly(int fd, uint64_t offset, void *to, size_t size)
{
	char *out = to;

	while (size) {
		ssize_t n = pread(fd, out, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		out += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}
