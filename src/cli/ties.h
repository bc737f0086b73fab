/*
 * The ties of one block: a process is looked at as a whole, stopped as its options say, to find out
 * who points to it and how it is reached.
 */
#ifndef CLI_TIES_H
#define CLI_TIES_H

#include "cli/root_names.h"
#include "cli/sites.h"
#include "cli/type_names.h"
#include "source/symbols.h"
#include "view/ties.h"

#define TIES_TOP_MOST 1000

struct ties_wish {
	plat_addr addr; /* in the block */
	size_t top;	/* who points to it: so many are told */
	bool content, symbols;
};

struct ties_look {
	const struct ties_wish *wish;
	struct target target;
	struct graph_look look;
	bool has_target, has_graph;
	uint32_t block;

	struct types *types;
	char **type_names;	/* by number */
	struct seen_type *seen; /* of blocks that are told of */
	size_t nseen, seen_room;

	struct own_profile profile; /* of plat's malloc, where there is one */

	struct anchors roots; /* words that point to the block; the path's first is the last */
	bool has_path_root;
	struct root_names names;
	struct symbol symbols[TIES_WORDS]; /* of words in the block */
	char looked[FREEZE_WORDS_SIZE];
};

/*
 * Fills *ties, which is valid until ties_look_close(). What goes wrong is said there. An exit code,
 * after complaints: EXIT_PARTIAL where the answer is not all that there is.
 */
int ties_look_open(struct ties_look *ret, const struct options *options, const char *operand,
		   const struct ties_wish *wish, struct ties *ties);
void ties_look_close(struct ties_look *look, struct ties *ties);

#endif
