/* Takes a snapshot of a process, which goes on as it was. */
#ifndef SOURCE_SNAPSHOT_TAKE_H
#define SOURCE_SNAPSHOT_TAKE_H

#include <stdbool.h>

#include "base/ranges.h"
#include "source/procdir.h"
#include "source/snapshot_filter.h"
#include "source/snapshot_pack.h"
#include "space/space.h"

/* How much of the memory is in it. */
enum snapshot_content {
	CONTENT_NONE,	  /* nothing but what says what the memory is */
	CONTENT_POINTERS, /* as well, and addresses */
	CONTENT_FULL,	  /* all that can be read */
	NCONTENTS
};

/* "none", "pointers", "full" */
const char *snapshot_content_name(enum snapshot_content content);

struct snapshot_request {
	enum snapshot_content content;
	bool environment;      /* arguments and environment are in it, too */
	struct freeze *freeze; /* how it is held; it goes on when its memory has been read */
	/*
	 * Called once the space is known, for what is kept of memory byte by byte, for marks, and
	 * for what else is to be asked. 0 or -ENOMEM.
	 */
	int (*look)(void *context, const struct procdir *dir, const struct space *space,
		    struct ranges *whole, struct snapshot_marks *marks);
	void *context;
};

struct snapshot_taken {
	struct snapshot_packed packed;
	uint64_t page_size;
	uint64_t left_out;   /* bytes of pages in memory that MADV_DONTDUMP keeps out */
	uint64_t file_bytes; /* of the snapshot */
	uint64_t nanoseconds;
	bool is_stopped; /* all its threads stood still */
	char why[256];	 /* why its memory or its pages are not in it, or "" */
};

/*
 * Takes one of a live process into a file of this name, which is replaced when all is written. 0,
 * and *space is the caller's to space_fini(); or -errno with a sentence, and no file.
 */
int snapshot_take(const struct procdir *dir, const struct snapshot_request *request,
		  const char *path, struct space *space, struct snapshot_taken *ret,
		  struct error *err) MUST_CHECK;

#endif
