/* plat leaks: what is lost, by groups of trees; and all of it for programs. */
#ifndef VIEW_LEAKS_H
#define VIEW_LEAKS_H

#include "heap/find.h"
#include "heap/leaks.h"
#include "heap/own_profile.h"
#include "view/calls.h"
#include "view/paint.h"

#define LEAK_TEXT_SIZE 33 /* of what is shown of a block's content */

/* What is said of a group beside its sums: of the root of its tree that holds most. */
struct leak_example {
	char text[LEAK_TEXT_SIZE * 4]; /* its first text, escaped; or "" */
	char arena[ARENA_NAME_SIZE];   /* or "-" */
};

struct leaks_report {
	const struct space *space;
	const struct heaps *heaps;
	const struct leaks *leaks;
	const struct leak_example *examples; /* of the first `top` groups */
	size_t top;
	const char *const *types;	   /* plain names by number; one may be NULL */
	const struct own_profile *profile; /* whose sites trees have */
	const struct calls *calls;	   /* of these */
	const char *since;		   /* the name of the file, or NULL */
	bool firm;		  /* only pointers to first bytes count: what is possible is lost */
	bool is_stopped;	  /* what was read is of one moment */
	uint64_t pause;		  /* ns that it stood still because of us */
	const char *looked;	  /* how it was looked at, in words */
	const struct error *whys; /* why the answer is partial */
	size_t nwhys;
};

void leaks_draw(const struct leaks_report *report, const struct paint *paint, struct text *text);

/* One document. */
void leaks_json(const struct leaks_report *report, struct text *text);

/* "tree", "cycle", "block": what the trees of a group are. */
const char *leak_group_word(const struct leak_group *group);

#endif
