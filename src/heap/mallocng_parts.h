/* What the files of mallocng*.c share. Layouts are those of musl 1.2.1 to 1.2.5, which are one. */
#ifndef HEAP_MALLOCNG_PARTS_H
#define HEAP_MALLOCNG_PARTS_H

#include "heap/musl.h"

#define NG_UNIT 16
#define NG_IN_BAND 4 /* bytes of a slot's header, before it */
#define NG_CLASSES 48
#define NG_ALONE 63 /* the class of a block that has a mapping of its own */
#define NG_SLOTS_MOST 32
#define NG_AREA_BYTES 4096
#define NG_MAP_UNIT 4096 /* of meta.maplen, whatever a page is */

/* Indices of the reading's lists. */
enum { NG_CLASS_ALONE = NG_CLASSES, NG_NCLASSES };
enum { NG_ARENA_GROUPS, NG_ARENA_MAPPED, NG_NARENAS };

/* struct malloc_context, as far as it matters. */
struct ng_context {
	uint64_t secret;
	uint32_t init_done;
	plat_addr free_meta_head;
	uint64_t avail_meta_count;
	plat_addr area_head, area_tail;
	uint64_t usage[NG_CLASSES];
};

/* struct meta. */
struct ng_meta {
	plat_addr mem;
	uint32_t avail, freed; /* masks of slots that are not in use */
	unsigned nslots, class;
	bool freeable; /* not a gap that the dynamic linker gave away */
	uint64_t maplen;
};

/* A group, as long as it has not been looked at. */
struct ng_group {
	plat_addr mem, meta;
};

struct mallocng {
	struct heap_reading reading; /* its first member */
	unsigned word;
	plat_addr at; /* of the context */
	struct ng_context context;

	/* Of the last walk. */
	unsigned char bytes[MUSL_SEARCH_MOST]; /* of the context when it began */
	plat_addr *areas;
	size_t nareas, areas_room;
	struct ng_group *groups; /* in the order of `mem` */
	size_t ngroups, groups_room;
};

/* Bytes of a context, of a struct meta; and where an area's metas begin. */
size_t ng_context_bytes(unsigned word);
size_t ng_meta_bytes(unsigned word);
size_t ng_area_head_bytes(unsigned word);

void ng_context_parse(const unsigned char *bytes, unsigned word, struct ng_context *ret);
void ng_meta_parse(const unsigned char *bytes, unsigned word, struct ng_meta *ret);

/* Of a class: the bytes from one slot to the next. */
uint64_t ng_class_stride(unsigned class);

/* Of a group: the same, of one slot that fills its mapping too; all its slots; and what it holds.
 */
uint64_t ng_stride(const struct ng_meta *meta);
uint64_t ng_slots_bytes(const struct ng_meta *meta);
uint64_t ng_held(const struct ng_meta *meta);

/* Why a group cannot be as its meta says; or NULL. */
const char *ng_what_is_wrong(const struct ng_meta *meta);

/* Finds all areas of metas, and in them all groups. 0 or -ENOMEM. */
int ng_collect(struct mallocng *ng) MUST_CHECK;

/* A walk under way. */
struct ng_walk {
	struct mallocng *ng;
	const struct heap_visitor *visitor;
	size_t next;	    /* group */
	plat_addr covered;  /* what lies below was taken */
	plat_addr doubtful; /* below this groups may lie in one that was passed over */
	uint64_t ncalls;    /* so many blocks and groups were in the middle of one */
	plat_addr last_call;
	bool has_moved; /* the process runs */
	uint64_t far_tries;

	uint64_t usage[NG_CLASSES]; /* slots of groups that musl counts */
	uint64_t ngroups, nback;    /* of these, so many lead back to their metas */
	uint64_t nused, nled;	    /* slots in use, and those whose headers lead to the group */

	/* Part of a group, read at once. */
	unsigned char *window;
	plat_addr window_at;
	size_t window_size;
};

#define NG_WINDOW_BYTES (64 * 1024)

/*
 * What a slot holds that is in use. A slot that cannot be read is whole where its memory is there
 * but out of sight.
 */
enum ng_slot_kind {
	NG_SLOT_BLOCK,
	NG_SLOT_GROUP,	/* a smaller group */
	NG_SLOT_CALLED, /* a call of malloc or free is under way */
	NG_SLOT_HIDDEN, /* in use; all else cannot be read */
	NG_SLOT_WRONG,
};

struct ng_slot {
	enum ng_slot_kind kind;
	bool in_call;	   /* a block that is being made larger or smaller, or aligned */
	plat_addr address; /* of a block, or of a group */
	uint64_t size;
	bool is_requested;
	const char *wrong; /* a contradiction, also of a block; or NULL */
};

/* Reads from the window where it can. 0, or as the reader. */
int ng_peek(const struct ng_walk *walk, plat_addr at, void *to, size_t size) MUST_CHECK;

/* Reads a slot that is in use. */
void ng_slot_read(struct ng_walk *walk, const struct ng_meta *meta, unsigned i,
		  struct ng_slot *ret);

/* Whether the process has made or given back groups since the walk began, as far as it can be told.
 */
bool ng_has_moved(const struct mallocng *ng);

/* Takes the next group, which lies in no other, and those that lie in it. 0, a visitor's, -ENOMEM.
 */
int ng_take_group(struct ng_walk *walk) MUST_CHECK;

/*
 * Of a process that stands still, no more can be in the middle of a call than it has threads, and
 * the groups that the one with the lock has in hand: what is above that is damage.
 */
void ng_judge_calls(struct ng_walk *walk);

/* Compares what was found with what the context says. 0 or -ENOMEM. */
int ng_prove(struct ng_walk *walk) MUST_CHECK;

#endif
