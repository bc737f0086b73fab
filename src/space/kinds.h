/*
 * Which kind each byte of a space is.
 *
 * Decided from facts that the space already holds (program headers, threads, the break, names), the
 * same for a live process, a core and a snapshot.
 */
#ifndef SPACE_KINDS_H
#define SPACE_KINDS_H

#include "space/space.h"

/*
 * Gives every region its kind, module and thread, and cuts regions where kinds differ. 0, -ENOMEM.
 */
int kinds_assign(struct space *space) MUST_CHECK;

/* The word for a kind: "thread-stack". */
const char *kind_name(enum kind kind);

/* The kind that the word stands for, or KIND_NONE. */
enum kind kind_by_name(const char *name);

/* One line that explains the kind to a reader who sees it for the first time. */
const char *kind_help(enum kind kind);

/* What stands behind a file, as far as its name tells. `source` corrects it where it knows more. */
enum file_type file_type_by_name(const struct file *file);

/* "free", "stack-guard-gap", "unmappable", "non-canonical", "kernel". */
const char *gap_kind_name(enum gap_kind kind);

/* Who uses a region. */
enum sharing {
	SHARED_BY_THREADS,   /* all threads of the process */
	SHARED_BY_THREAD,    /* one thread */
	SHARED_BY_PROCESSES, /* stores are seen by every process that maps the same object */
};

enum sharing region_sharing(const struct space *space, const struct region *region);

/* "threads", "thread", "processes". */
const char *sharing_name(enum sharing sharing);

/*
 * Writes what a reader would call the region: the path of its file, "POSIX /name", "SysV 7",
 * "memfd name", "shared anonymous", a thread's name, "[heap]". Control characters and bytes that
 * are not UTF-8 come out escaped as \xNN. Returns `buffer`.
 */
char *region_name(const struct space *space, const struct region *region, char *buffer,
		  size_t size);

#endif
