/*
 * A file that is there as a whole, or not at all. Until it is kept it has no name of its own, or
 * one beside the one that it will get, and can be read by its owner alone.
 */
#ifndef SOURCE_NEW_FILE_H
#define SOURCE_NEW_FILE_H

#include "base/compiler.h"
#include "base/error.h"

struct new_file {
	int fd;
	char *path, *temporary; /* the second: a name beside it, or NULL: none yet */
};

/*
 * Begins a file that is to replace `path` in the end. 0, and *ret is the caller's to abandon,
 * whether it is kept or not; -errno with a sentence: what is no regular file is never replaced.
 */
int new_file_open(const char *path, struct new_file *ret, struct error *err) MUST_CHECK;

/* Gives it its name. 0 or -errno with a sentence. */
int new_file_keep(struct new_file *file, struct error *err) MUST_CHECK;

/* Closes it; what has not been kept leaves nothing behind. */
void new_file_abandon(struct new_file *file);

#endif
