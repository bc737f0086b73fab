/*
 * The folder /proc/PID, live or captured; or a core, which has no such files.
 *
 * All files of a process are opened below one descriptor of its folder: if the process ends, and
 * its number is given to another, reads fail instead of telling about the wrong one.
 */
#ifndef SOURCE_PROCDIR_H
#define SOURCE_PROCDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct core;

struct procdir {
	int root; /* /proc, or the captured tree */
	int fd;	  /* the process's folder in it */
	int pid;
	bool live;	   /* a real procfs, here or mounted elsewhere */
	struct core *core; /* takes the folder's place: no file is in it; or NULL */
};

#define PROCDIR_CLOSED ((struct procdir){.root = -1, .fd = -1})

/* `root` NULL is /proc. 0; -ESRCH where there is no such process; -errno. */
int procdir_open(const char *root, int pid, struct procdir *ret, struct error *err) MUST_CHECK;
void procdir_close(struct procdir *dir);

/* A core in the place of a folder, which is its owner from now on. */
struct procdir procdir_of_core(struct core *core);

/*
 * Reads a whole file of the process, at most `most` bytes, with a NUL behind them. The caller frees
 * *ret. 0, or -errno: -ESRCH where the process is gone, -EFBIG where the file is larger, -ENODATA
 * of a core.
 */
int procdir_read(const struct procdir *dir, const char *name, size_t most, char **ret,
		 size_t *size) MUST_CHECK;

/*
 * What stands in a file of lines "Name:\tvalue" behind a name, which is given with what is before
 * it: "\nState:". "" where there is no such line or file; cut to `size`.
 */
void procdir_line(const struct procdir *dir, const char *file, const char *name, char *to,
		  size_t size);

/* The same of a file below the root of the tree. */
void procdir_root_line(const struct procdir *dir, const char *file, const char *name, char *to,
		       size_t size);

/* procdir_read() below the root of the tree: "sys/vm/mmap_min_addr". */
int procdir_read_root(const struct procdir *dir, const char *name, size_t most, char **ret,
		      size_t *size) MUST_CHECK;

/* Opens a file of the process for reading. A descriptor, or -errno. */
int procdir_open_file(const struct procdir *dir, const char *name) MUST_CHECK;

#endif
