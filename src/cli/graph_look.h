/*
 * Who points to whom in a process, a core or a snapshot: what plat leaks and its like look through.
 */
#ifndef CLI_GRAPH_LOOK_H
#define CLI_GRAPH_LOOK_H

#include "base/ranges.h"
#include "cli/heap_look.h"
#include "cli/target.h"
#include "heap/graph.h"
#include "heap/roots.h"
#include "heap/survey.h"

#define GRAPH_LOOK_WHYS 16

/* From here on blocks are of this arena, as far as a walk has shown some in a row. */
struct graph_arena {
	plat_addr start;
	uint32_t reading, arena;
};

struct graph_look {
	struct target *target;
	struct heap_look look;
	struct heap_runs runs; /* pages that can hold pointers, where that is known */
	bool has_runs;
	/* Of a snapshot: pages that the process had in memory or in swap; and those that are kept.
	 */
	struct heap_runs had, kept;
	struct block_index index;   /* blocks that are live, or may be */
	struct graph_arena *arenas; /* in order */
	size_t narenas, arenas_room;
	struct ranges claimed; /* what allocators have, for blocks or themselves */
	struct mangle mangle;
	struct roots roots;
	struct graph graph;
	struct crew crew;
	struct reader *reader; /* graph_look_reader() */

	/* Why the answer is partial: sentences without the process's name. */
	struct error whys[GRAPH_LOOK_WHYS];
	size_t nwhys;
};

/*
 * Walks all heaps and makes the graph. The process stands still until the caller calls
 * freeze_end(), so that more of it can be read through graph_look_reader(); graph_look_judge()
 * comes after that. 0, and *ret is the caller's to graph_look_close(), and stays where it is; or an
 * exit code after a complaint, as where there is no heap that can be read.
 */
int graph_look_open(const struct command *command, struct target *target, struct graph_look *ret);
void graph_look_close(struct graph_look *look);

struct reader *graph_look_reader(struct graph_look *look);

/* The name of the arena that a block of the index is of; "-" where there is none. Returns `to`. */
const char *graph_look_arena(const struct graph_look *look, plat_addr block,
			     char to[ARENA_NAME_SIZE]);

/* What the graph was made of; of its readers only the first is there, and no crew. */
struct graph_input graph_look_input(struct graph_look *look);

/* Once it goes on: adds what can only be said then to `whys`. */
void graph_look_judge(struct graph_look *look);

#endif
