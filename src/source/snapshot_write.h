/*
 * Writes a snapshot file: rows into tables, packed frames, and what the kernel answered. Until it
 * is finished it has no name of its own, or one beside that it will get, and nothing that reads
 * snapshots takes it for one.
 */
#ifndef SOURCE_SNAPSHOT_WRITE_H
#define SOURCE_SNAPSHOT_WRITE_H

#include <stddef.h>

#include "base/addr.h"
#include "base/error.h"
#include "source/snapshot_format.h"

struct snapshot_writer;

/*
 * Begins a file that is to replace `path` in the end, readable for its owner alone. 0, and *ret is
 * the caller's to finish or to abandon; -errno with a sentence: what is no regular file is never
 * replaced.
 */
int snapshot_writer_new(const char *path, struct snapshot_writer **ret,
			struct error *err) MUST_CHECK;

/* Gives the file its name, and *size; the writer is gone in any case. 0 or -errno with a sentence.
 */
int snapshot_writer_finish(struct snapshot_writer *writer, uint64_t *size,
			   struct error *err) MUST_CHECK;

/* Leaves nothing behind. */
void snapshot_writer_abandon(struct snapshot_writer *writer);

/*
 * What follows never fails: the first error is kept, and finishing says it. `key` is the address of
 * a row, in tables that are searched by it.
 */
void snapshot_put_row(struct snapshot_writer *writer, enum snapshot_table table, uint64_t key,
		      const void *row, size_t size);

/* A frame, packed. The next one, in the order of their numbers. */
void snapshot_put_frame(struct snapshot_writer *writer, const void *bytes, size_t size,
			struct snapshot_frame frame);

/*
 * An answer: begun, its bytes, its result. Of two with one name the later one counts. No other may
 * be begun meanwhile.
 */
void snapshot_begin_answer(struct snapshot_writer *writer, enum answer_kind kind, const char *name);
void snapshot_put_bytes(struct snapshot_writer *writer, const void *bytes, size_t size);
void snapshot_end_answer(struct snapshot_writer *writer, int result);

/* All at once. */
void snapshot_put_answer(struct snapshot_writer *writer, enum answer_kind kind, const char *name,
			 int result, const void *bytes, size_t size);

/* A note of plat's own, as text. */
void snapshot_put_fact(struct snapshot_writer *writer, const char *name, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
