/* The files behind mappings: which they are, and their bytes. */
#ifndef SOURCE_FILES_H
#define SOURCE_FILES_H

#include "source/procdir.h"
#include "space/modules.h"

struct files {
	struct file_reader reader; /* its first member */
	const struct procdir *dir;
};

void files_init(struct files *files, const struct procdir *dir);

/*
 * Opens the file behind a region for reading: the one that is mapped, not one that has taken its
 * name. A descriptor, or -errno: -ENOENT where it cannot be reached. Only regular files.
 */
int files_open(const struct procdir *dir, const struct space *space,
	       const struct region *region) MUST_CHECK;

/*
 * Corrects what names alone said about files: file systems, devices, names that end in "(deleted)".
 */
void files_identify(const struct procdir *dir, struct space *space);

/* Whether the file behind region i is of the huge page pool, where map_files may be asked. */
bool files_on_hugetlbfs(const struct procdir *dir, const struct space *space, size_t i);

#endif
