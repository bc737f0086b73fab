/* Where chance can put the parts of a space, and how far the heap can then grow. */
#ifndef MODEL_EXEC_RANGES_H
#define MODEL_EXEC_RANGES_H

#include "model/chance.h"
#include "model/exec.h"

enum exec_position {
	POSITION_STACK,	  /* its end */
	POSITION_MMAP,	  /* where the mmap zone begins: its end if it grows down */
	POSITION_PROGRAM, /* its first page */
	POSITION_HEAP,	  /* start_brk */
	NEXEC_POSITIONS
};

struct exec_range {
	bool known; /* not where a static-PIE lies, which a search finds */
	plat_addr lowest, highest;
	uint64_t values;      /* how many different ones; not all of them are as likely */
	struct chance chance; /* pages */
};

enum exec_gap {
	GAP_TO_ZONE,  /* from the heap's start to where the mmap zone begins */
	GAP_TO_STACK, /* the zone lies below the heap: to the stack as exec makes it */
};

struct exec_ranges {
	struct exec_range positions[NEXEC_POSITIONS];
	enum exec_gap gap_to;
	struct chance gap; /* pages; negative where the zone lies below the heap */
};

void exec_ranges_of(const struct model *model, const struct exec_program *program,
		    struct exec_ranges *ret);

/* "stack", "mmap-base", "program", "heap"; and for people: "end of the stack". */
const char *exec_position_name(enum exec_position position);
const char *exec_position_words(enum exec_position position);

#endif
