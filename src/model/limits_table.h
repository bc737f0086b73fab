/*
 * Every limit that can stop a process's memory, as rows of numbers.
 *
 *	RLIMIT_...			of the process
 *	vm.max_map_count, overcommit	of the machine
 *	memory.max, memory.high, ...	of its control groups, from its own up to the root
 *	neighbours, holes, the end	of its address space: hard-wired
 *
 * A row says what is allowed, used and left, what fails beyond it and how, and how far the heap,
 * one mapping or the stack can go until it is met. Of all rows that refuse, the first on the way of
 * each is what headroom.h says stops it.
 */
#ifndef MODEL_LIMITS_TABLE_H
#define MODEL_LIMITS_TABLE_H

#include "model/headroom.h"
#include "space/cgroups.h"
#include "space/space.h"

enum amount_state {
	AMOUNT_NONE, /* there is no such number here */
	AMOUNT_KNOWN,
	AMOUNT_UNLIMITED,
	AMOUNT_UNKNOWN, /* `why` says the reason */
};

struct amount {
	enum amount_state state;
	uint64_t n;
	const char *why;
};

/* The ways in which memory grows. */
enum growth {
	GROWTH_HEAP,  /* by brk, in steps, and it is used */
	GROWTH_MMAP,  /* one private mapping to be written to, and it is used */
	GROWTH_STACK, /* the main stack, in steps */
	NGROWTHS
};

enum limit_what {
	LIMITED_AS,
	LIMITED_DATA,
	LIMITED_BRK, /* RLIMIT_DATA once more: brk counts heap and data segment instead of VmData */
	LIMITED_STACK,
	LIMITED_MEMLOCK,
	LIMITED_MAPS,
	LIMITED_OVERCOMMIT,
	LIMITED_COMMIT,
	LIMITED_MACHINE,
	LIMITED_GROUP_HIGH,
	LIMITED_GROUP_MAX,
	LIMITED_GROUP_SWAP,
	LIMITED_END,
	LIMITED_ABOVE_BRK,
	LIMITED_HOLE,
	LIMITED_BELOW_STACK,
};

/* What fails beyond a limit, and how: "mmap", "ENOMEM". */
struct consequence {
	const char *call, *outcome;
};

#define CONSEQUENCES_MOST 6

struct limit_row {
	enum limit_what what;
	const char *name;		/* "RLIMIT_AS", "memory.max" */
	const struct cgroup *group;	/* whose it is, or NULL */
	char neighbour[HEADROOM_WORDS]; /* what is in the way, by kind and name; or "" */
	bool is_count;			/* of mappings; else bytes */
	bool in_force; /* else the machine or a capability sets it aside; `note` says so */
	struct amount soft, hard, used, left;
	struct amount
		until[NGROWTHS]; /* bytes until it is met; AMOUNT_NONE: it is not in the way */
	unsigned rank[NGROWTHS]; /* which is met first, from 1; 0: it is not known to be met */
	struct consequence beyond[CONSEQUENCES_MOST]; /* ends with NULL where there are fewer */
	int capability;				      /* as in capabilities(7), or -1 */
	const char *capability_does;		      /* "lifts it" */
	const char *note;			      /* or NULL */
};

struct limits_table {
	struct limit_row *rows;
	size_t nrows, rows_room;
};

#define LIMITS_TABLE_EMPTY ((struct limits_table){0})

/*
 * All rows, in the order above, with their ranks. What cannot be known is AMOUNT_UNKNOWN. 0, and
 * *ret, which uses texts of space and groups, is the caller's to fini; or -ENOMEM.
 */
int limits_table_build(const struct space *space, const struct cgroups *cgroups,
		       struct limits_table *ret) MUST_CHECK;
void limits_table_fini(struct limits_table *table);

/* Those that are met come first, in the order in which they are. */
void limits_table_sort(struct limits_table *table, enum growth by);

/* The row that is met as number `rank`, or NULL. */
const struct limit_row *limits_table_at(const struct limits_table *table, enum growth by,
					unsigned rank);

/* The used share in percent; false where it makes no sense, or is not known. */
bool limit_percent(const struct limit_row *row, uint64_t *ret);

#define LIMITS_WHYS_MOST 16

/* Why numbers are unknown, each reason once, in the caller's LIMITS_WHYS_MOST. How many. */
size_t limits_table_whys(const struct limits_table *table, const char **ret);

/* The first of these reasons in one row, or NULL. */
const char *limit_why(const struct limit_row *row);

/* "heap", "mmap", "stack". */
const char *growth_name(enum growth growth);

/* "CAP_SYS_RESOURCE". */
const char *capability_name(int capability);

#endif
