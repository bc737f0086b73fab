/* The text of /proc/PID/maps, and of smaps, which repeats each of its lines before figures. */
#ifndef SOURCE_MAPS_H
#define SOURCE_MAPS_H

#include <stddef.h>

#include "source/procdir.h"
#include "space/space.h"

struct maps_line {
	plat_addr start, end;
	unsigned rights;
	uint64_t offset;
	uint32_t major, minor;
	uint64_t inode;
	const char *name; /* "" where there is none; points into the line */
};

/*
 * Parses one line, which ends with NUL and has no newline.
 *
 *	55d0c5a01000-55d0c5a05000 r-xp 00001000 08:01 1310746    /usr/bin/cat
 *
 * 0, or -EINVAL where it is no such line.
 */
int maps_parse_line(const char *line, struct maps_line *ret) MUST_CHECK;

/*
 * Reads the maps of a process, and hands each line to `take`, until that returns true. 0, or a
 * negative errno where it cannot be read.
 */
int maps_each(const struct procdir *dir, bool (*take)(void *context, const struct maps_line *line),
	      void *context) MUST_CHECK;

/* Cuts a stream into lines. Storage of the caller. */
struct maps_reader {
	struct space *space;
	char line[8192]; /* the kernel's lines: a path has at most 4096 bytes */
	size_t used;
	bool too_long; /* the line under way is longer, and is cut */
	size_t bad_lines;
	size_t number; /* of mappings read so far: smaps */
	bool with_details;
	plat_addr from, to; /* smaps: only mappings that touch this range; 0 and 0: all */
	plat_addr at;	    /* smaps: where the mapping under way begins */
};

/* Takes the next bytes of maps, or of smaps with with_details set, into the space. 0 or -ENOMEM. */
int maps_feed(struct maps_reader *reader, const char *data, size_t size) MUST_CHECK;

/* After the last byte: takes a line that has no newline. */
int maps_finish(struct maps_reader *reader) MUST_CHECK;

#endif
