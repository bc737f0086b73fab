/*
 * A file of /proc/self that is read again and again. The descriptor is kept, and believed only
 * while it is still what was opened, and by this process: after a fork it would tell of the parent,
 * and a program may close what it does not know.
 */
#ifndef MEM_KEPT_FILE_H
#define MEM_KEPT_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct plat__kept_file {
	const char *path;
	int fd;		/* negative: nothing is kept */
	uint32_t owner; /* its generation */
	uint64_t device, inode;
};

#define PLAT__KEPT_FILE(path)                                                                      \
	{                                                                                          \
		path, -1, 0, 0, 0                                                                  \
	}

/*
 * Reads from the start of the file, at most `size` - 1 bytes, and ends them with a NUL. Returns how
 * many, or a negative errno. Any thread, and a signal handler, may read one at the same time.
 */
ssize_t plat__kept_file_read(struct plat__kept_file *file, char *to, size_t size);

#endif
