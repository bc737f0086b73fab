/* Who holds how much in a process, a core or a snapshot. */
#ifndef CLI_OWNER_LOOK_H
#define CLI_OWNER_LOOK_H

#include "cli/target.h"
#include "view/owner_list.h"

struct owner_wish {
	unsigned sorts; /* a bit for each enum owner_sort */
	bool symbols;
	size_t top; /* of each sort: of so many it is found out what they lead to in all */
};

#define OWNER_TOP_ALL 64     /* of these at most */
#define OWNER_PASSING_ALL 32 /* and of frames and registers */

/*
 * Looks at what `operand` names, and closes it again. *ret is the caller's to owner_list_fini();
 * *looked says in words how it was looked at. An exit code, after complaints: EXIT_PARTIAL where
 * the answer is not all that there is, EXIT_NO_LOOK where there is none.
 */
int owner_look(const struct options *options, const char *operand, const struct owner_wish *wish,
	       struct owner_list *ret, char looked[FREEZE_WORDS_SIZE]);

#endif
