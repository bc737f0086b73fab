/*
 * What a process had at one moment, without the process: enough to tell what grew until another.
 */
#ifndef HEAP_PORTRAIT_H
#define HEAP_PORTRAIT_H

#include "base/names.h"
#include "heap/find.h"
#include "heap/survey.h"

/* All regions of one kind that belong to one object; "" is none. */
struct portrait_object {
	char *name;
	enum kind kind;
	uint64_t regions, size;
	uint64_t rss; /* or UNKNOWN */
};

struct portrait_heap {
	uint64_t held, live_bytes, live_blocks, slack, free, cached;
	uint64_t resident, returnable_resident; /* or UNKNOWN */
};

/* What live blocks belong to by name: that is compared alike, whatever it is. */
enum portrait_list {
	PORTRAIT_TYPES,	 /* of C++ */
	PORTRAIT_SITES,	 /* a line for each call, the innermost first; estimates, from samples */
	PORTRAIT_OWNERS, /* who holds them: variables, frames, registers */
	NPORTRAIT_LISTS
};

struct portrait_holdings {
	bool is_known; /* also if there are none */
	char why[200]; /* it is not; or "" */
	struct names names;
	struct portrait_holding {
		uint64_t blocks, bytes;
	} * sums; /* one for each name */
	size_t room;
};

struct portrait {
	int pid;
	char command[THREAD_NAME_SIZE];
	char *file; /* the path of a core or a snapshot; NULL for a process */
	bool is_core;
	uint64_t figures[NFIGURES];
	struct portrait_object *objects; /* by kind, then by name */
	size_t nobjects, objects_room;
	bool has_heap; /* all numbers of the heap are known, also those that are 0 */
	char heap_why[200];
	struct portrait_heap heap; /* of all allocators that can be read */
	uint64_t bucket_blocks[SURVEY_BUCKETS], bucket_bytes[SURVEY_BUCKETS];
	struct survey_size *sizes; /* by size */
	size_t nsizes, sizes_room;
	struct portrait_holdings lists[NPORTRAIT_LISTS];
};

/*
 * `surveys` have walked all heaps; `has_pages`: it is known which pages are in memory. 0, and *ret
 * is the caller's to portrait_fini(); or -ENOMEM.
 */
int portrait_make(const struct space *space, bool has_pages, const struct heaps *heaps,
		  const struct survey *surveys, struct portrait *ret) MUST_CHECK;
void portrait_fini(struct portrait *portrait);

/* Adds to what belongs to a name; so the list is known. 0 or -ENOMEM. */
int portrait_add(struct portrait *portrait, enum portrait_list list, const char *name,
		 uint64_t blocks, uint64_t bytes) MUST_CHECK;

/* Two numbers for one thing; UNKNOWN where one is not known. */
struct change {
	uint64_t a, b;
};

/* How far b is from a, up or down: 0 where one is unknown. */
uint64_t change_distance(struct change change);
bool change_is_known(struct change change);

/* What differs: only that. */
struct object_change {
	const char *name;
	enum kind kind;
	struct change regions, size, rss;
};

struct size_change {
	uint64_t size;
	struct change blocks;
};

struct holding_change {
	const char *name;
	struct change blocks, bytes;
};

struct comparison {
	const struct portrait *a, *b;
	struct object_change *objects; /* those whose size changed most first */
	size_t nobjects;
	struct size_change *sizes; /* by bytes, likewise */
	size_t nsizes;
	struct holding_change *lists[NPORTRAIT_LISTS]; /* likewise, of lists known of both */
	size_t nlists[NPORTRAIT_LISTS];
	bool differs; /* in anything that is known of both */
};

/* As above; the portraits must outlive it. */
int portrait_compare(const struct portrait *a, const struct portrait *b,
		     struct comparison *ret) MUST_CHECK;
void comparison_fini(struct comparison *comparison);

#endif
