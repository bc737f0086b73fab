/*
 * A snapshot file, opened: it takes the place of the folder /proc/PID, and of the process's memory.
 *
 *     | answers of the kernel | states of pages | content of pages |
 *
 * All in it is hostile input. What is unpacked is bounded, whatever the file says: a part of each
 * table, a few frames of memory, and the names of answers.
 */
#ifndef SOURCE_SNAPSHOT_H
#define SOURCE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/reader.h"
#include "source/snapshot_format.h"

struct snapshot;
struct page_run;

/* Whether the open file begins as one. */
bool snapshot_is(int fd);

/*
 * Opens one; the file becomes the snapshot's, also on failure. 0, and *ret is the caller's to free;
 * -ENOEXEC where it is none or broken, -errno; with a sentence, which `path` begins.
 */
int snapshot_open_fd(int fd, const char *path, struct snapshot **ret, struct error *err) MUST_CHECK;
void snapshot_free(struct snapshot *snapshot);

int snapshot_pid(const struct snapshot *snapshot);
const char *snapshot_path(const struct snapshot *snapshot);

/*
 * What the kernel answered, whole and with a NUL behind it, for the caller to free. 0; the errno
 * that it answered; -ENODATA where it was not asked; -EFBIG beyond `most`; -EIO where the file is
 * broken.
 */
int snapshot_answer(struct snapshot *snapshot, enum answer_kind kind, const char *name, size_t most,
		    char **ret, size_t *size) MUST_CHECK;

/* The same piece by piece, until `take` returns something else than 0, which is then returned. */
int snapshot_answer_pieces(struct snapshot *snapshot, enum answer_kind kind, const char *name,
			   int (*take)(void *context, const char *bytes, size_t size),
			   void *context) MUST_CHECK;

/* A number among plat's notes, or `otherwise`. */
uint64_t snapshot_number(struct snapshot *snapshot, const char *name, uint64_t otherwise);

/* Text among them, cut to `size`; "" where there is none. Returns `to`. */
const char *snapshot_text(struct snapshot *snapshot, const char *name, char *to, size_t size);

/* What PROCMAP_QUERY said of the mapping at `addr`: 0; or -ENOTTY. */
#define SNAPSHOT_BUILD_ID 160
int snapshot_mapping(struct snapshot *snapshot, plat_addr addr, struct snapshot_mapping *ret,
		     char build_id[SNAPSHOT_BUILD_ID]) MUST_CHECK;

/*
 * The runs of pages that touch [start, end), in order; a run's state may be STATE_NOT_TOLD. 0; what
 * `take` returned; -EIO where the file is broken.
 */
int snapshot_runs(struct snapshot *snapshot, plat_addr start, plat_addr end,
		  int (*take)(void *context, const struct page_run *run), void *context) MUST_CHECK;

/* The state of the page at `page`, and where the next state may begin. 0 or -EIO. */
int snapshot_state(struct snapshot *snapshot, plat_addr page, unsigned *state,
		   plat_addr *end) MUST_CHECK;

/*
 * All pages whose content is kept, in order; a run's state is PAGE_ZERO where that is zeros, else
 * PAGE_PRESENT. There are no more of the latter than the file can have packed. As above.
 */
int snapshot_kept(struct snapshot *snapshot, int (*take)(void *context, const struct page_run *run),
		  void *context) MUST_CHECK;

/* Content that is kept: 0, -ENODATA where a page is not, -EIO. */
int snapshot_read(struct snapshot *snapshot, plat_addr from, void *to, size_t size) MUST_CHECK;

#endif
