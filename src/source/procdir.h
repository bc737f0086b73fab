/*
 * The folder /proc/PID: live, captured, or as a snapshot holds it; or a core, which has no such
 * files.
 *
 * All files of a process are opened below one descriptor of its folder: if the process ends, and
 * its number is given to another, reads fail instead of telling about the wrong one.
 */
#ifndef SOURCE_PROCDIR_H
#define SOURCE_PROCDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct core;
struct ranges;
struct snapshot;
struct snapshot_writer;

struct procdir {
	int root; /* /proc, or the captured tree */
	int fd;	  /* the process's folder in it */
	int pid;
	bool live;    /* a real procfs, here or mounted elsewhere */
	bool is_here; /* as well: system calls take its numbers, it is of our PID namespace */
	/* One of these takes the folder's place; or NULL. */
	struct core *core; /* no file is in it */
	struct snapshot *snapshot;
	/* While a snapshot is taken of a live process: where what is asked and told goes. Or NULL.
	 */
	struct snapshot_writer *answers;
	struct ranges *touched; /* pages of memory that were read */
};

#define PROCDIR_CLOSED ((struct procdir){.root = -1, .fd = -1})

/* `root` NULL is /proc. 0; -ESRCH where there is no such process; -errno. */
int procdir_open(const char *root, int pid, struct procdir *ret, struct error *err) MUST_CHECK;
void procdir_close(struct procdir *dir);

/* A core in the place of a folder, which is its owner from now on. */
struct procdir procdir_of_core(struct core *core);

/* A snapshot in its place, as well. */
struct procdir procdir_of_snapshot(struct snapshot *snapshot);

/* Whether a process runs there no more: a core or a snapshot, which is named in `path`. */
static inline bool procdir_is_file(const struct procdir *dir)
{
	return dir->core || dir->snapshot;
}

/* Why a file that has been asked for is not there: -ENODATA in words. */
const char *procdir_missing(const struct procdir *dir);

/*
 * Reads a whole file of the process, at most `most` bytes, with a NUL behind them. The caller frees
 * *ret. 0, or -errno: -ESRCH where the process is gone, -EFBIG where the file is larger, -ENODATA
 * of a core, and where a snapshot does not hold it.
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

/* Reads up to `size` bytes of its beginning; what it does not have stays as it is. 0 or -errno. */
int procdir_read_begin(const struct procdir *dir, const char *name, void *to,
		       size_t size) MUST_CHECK;

/* Opens a file of a live or captured process for reading. A descriptor, or -errno. */
int procdir_open_file(const struct procdir *dir, const char *name) MUST_CHECK;

/*
 * Reads a file of the process in pieces of `piece` bytes at most, until `take` returns something
 * else than 0, which is returned; or as procdir_read().
 */
int procdir_feed(const struct procdir *dir, const char *name, size_t piece,
		 int (*take)(void *context, const char *bytes, size_t size),
		 void *context) MUST_CHECK;

/* Where a link of the process leads, cut to `size`. 0 or -errno. */
int procdir_link(const struct procdir *dir, const char *name, char *to, size_t size) MUST_CHECK;

/* The numbers that are names in a folder of the process; the caller frees them. 0 or -errno. */
int procdir_numbers(const struct procdir *dir, const char *name, int **ret, size_t *n) MUST_CHECK;

/* A file by its name below the process's folder, which links of it may lead out of. */
struct procdir_stat {
	uint64_t inode;
	uint64_t file_system; /* f_type of statfs(2), or 0 */
	unsigned mode;
};

int procdir_stat(const struct procdir *dir, const char *name, struct procdir_stat *ret) MUST_CHECK;

#endif
