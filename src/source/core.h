/*
 * A core file: what a process had in memory when the kernel or a debugger wrote it down.
 *
 *     | ELF header | program headers | notes | bytes of a mapping | bytes of the next | ...
 *                    PT_LOAD: a mapping      ^ p_offset
 *
 * A mapping can be there in whole, in part, or by its header alone (p_filesz < p_memsz): what a
 * core leaves out is not zero but unknown. A file that is shorter than its headers say has been cut
 * off, and what is missing is unknown as well. So is the rest of a mapping that gdb could not read:
 * it says so to its user, but not in the core, where it leaves a hole. All other holes are zeros.
 *
 * All in it is hostile input.
 */
#ifndef SOURCE_CORE_H
#define SOURCE_CORE_H

#include <stddef.h>

#include "base/error.h"
#include "base/reader.h"

#define CORE_COMMAND_SIZE 17 /* pr_fname has 16 */

/* A mapping. */
struct core_segment {
	plat_addr start, end;
	uint64_t offset; /* in the core */
	uint64_t filled; /* bytes from `start` on that the header promises */
	uint64_t there;	 /* of these, what is really in the file */
	uint8_t rights;	 /* of enum right; shared or private is not told */
};

/* What NT_FILE says of a mapping. */
struct core_mapped {
	plat_addr start, end;
	uint64_t offset; /* in the mapped file, in bytes */
	const char *name;
};

/* Bytes of the file. */
struct core_bytes {
	uint64_t at, size;
};

struct core_thread {
	int tid;
	plat_addr sp;			   /* or UNKNOWN */
	plat_addr pc;			   /* or 0 */
	struct core_bytes general, vector; /* its registers */
};

struct core {
	struct reader reader; /* the bytes that are in the core; -ENODATA for others */
	char *path;	      /* as it was named */
	int fd;
	uint64_t size; /* of the file */
	bool is_64;
	bool no_private;  /* private memory was left out: what files hold may have been changed */
	bool by_debugger; /* not by the kernel: mappings without access may be missing */
	unsigned machine; /* EM_... */

	/* In the order of their addresses, without overlap. */
	struct core_segment *segments;
	size_t nsegments, segments_room;
	size_t nodd; /* segments left out: empty, wrapping around, or on others */

	/* Of the notes. */
	struct core_mapped *mapped; /* as well */
	size_t nmapped;
	char *names;
	struct core_thread *threads; /* the one that the core is about first */
	size_t nthreads, threads_room;
	unsigned char *auxv;
	size_t auxv_size;
	bool has_facts; /* what follows is known */
	int pid, ppid;
	unsigned uid;
	char command[CORE_COMMAND_SIZE];

	uint64_t missing; /* bytes that the headers promise, and the file is too short for */
	uint64_t lost;	  /* bytes in holes that a debugger has left at the ends of mappings */
	bool notes_cut;	  /* notes are missing, too, or contradict themselves */
};

/*
 * Opens a core; one that zstd has packed is unpacked into a nameless temporary file. The open file
 * becomes the core's, also on failure; `path` is for sentences. 0, and *ret is the caller's to
 * core_free(); -ENOEXEC where it is no core that can be read; or -errno. A sentence is in err.
 */
int core_open_fd(int fd, const char *path, struct core **ret, struct error *err) MUST_CHECK;
void core_free(struct core *core);

/* The segment that holds `addr`, or NULL. */
const struct core_segment *core_find(const struct core *core, plat_addr addr);

#endif
