/*
 * What can be seen of an address space from outside: the list of its VMAs and its counters. Made
 * from /proc of a running process, or from a model; equal where the model is right.
 */
#ifndef KERNEL_SEEN_H
#define KERNEL_SEEN_H

#include "model/model.h"

enum seen_right { SEEN_READ = 1, SEEN_WRITE = 2, SEEN_EXEC = 4, SEEN_SHARED = 8, SEEN_FILE = 16 };

struct seen_vma {
	uint64_t start, end;
	uint64_t offset; /* bytes; 0 where no file is */
	uint32_t rights; /* of enum seen_right */
	uint32_t flags;	 /* of enum vma_flag, where they were asked for */
};

struct seen {
	struct seen_vma *vmas;
	size_t nvmas, vmas_room;
	char *text; /* of /proc, kept so that nothing is allocated in the loop */
	size_t text_room;
};

#define SEEN_EMPTY ((struct seen){0})

void seen_fini(struct seen *seen);

/* From an open /proc/PID/maps or smaps. 0 or a negative errno. */
int seen_read_maps(struct seen *seen, int maps) MUST_CHECK;
int seen_read_smaps(struct seen *seen, int smaps) MUST_CHECK;
/* VMAs that touch [start, end), by PROCMAP_QUERY. -ENOTTY: this kernel has none. */
int seen_read_window(struct seen *seen, int maps, uint64_t start, uint64_t end) MUST_CHECK;
/* VmSize, VmData, VmStk, VmLck from an open /proc/PID/status; `exec` is left alone. */
int seen_read_counters(struct model_counters *ret, int status) MUST_CHECK;

/* The same of a model: all, or the VMAs that touch [start, end). 0 or -ENOMEM. */
int seen_of_model(struct seen *seen, const struct model *model, uint64_t start,
		  uint64_t end) MUST_CHECK;

/* The first VMA that differs, or -1. With `flags` these count too. */
long seen_difference(const struct seen *a, const struct seen *b, bool flags);

/* A number for the list; equal lists have equal ones. */
uint64_t seen_hash(const struct seen *seen, bool flags);

/* "10000000-10001000 rw-p 00000000": cut to size; returns `to`. */
const char *seen_text(const struct seen_vma *vma, char *to, size_t size);

#endif
