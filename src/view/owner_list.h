/*
 * Who holds how much, as plain data with strings of its own: the process need not be there any
 * more. Strings are a stranger's.
 */
#ifndef VIEW_OWNER_LIST_H
#define VIEW_OWNER_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/holdings.h"
#include "view/holder.h"

/* What is one owner. */
enum owner_sort {
	OWNER_HOLDER, /* a variable, a frame, a thread's registers, a mapping */
	OWNER_WHOLE,  /* a module, a thread, a mapping */
	OWNER_TYPE,   /* all blocks of a type */
	NOWNER_SORTS
};

/* "holder", "whole", "type" */
const char *owner_sort_name(enum owner_sort sort);

struct owner {
	enum owner_sort sort;
	enum root_kind kind; /* but of a type */
	char *words;	     /* escaped: what it is called; or a type's name, as it is */
	char *role;	     /* what the like are called in any process of the program; or NULL */
	char *module, *symbol, *function, *thread; /* or NULL */
	int tid;
	uint64_t starts; /* words that point to blocks; or blocks of the type */
	uint64_t bytes;	 /* of the blocks of the type */
	struct owned owned;
	struct holding_all all;
	bool has_all;	     /* it was asked for */
	struct owned before; /* what it had then */
};

struct owner_list {
	struct owner *list; /* who holds most first */
	size_t n, room;
	uint64_t live_blocks, live_bytes;
	int pid; /* whose it is */
	char command[THREAD_NAME_SIZE];
	bool has_before;
};

/* Whether what holds lasts only as long as a call. */
static inline bool owner_is_passing(const struct owner *owner)
{
	return owner->sort == OWNER_HOLDER &&
	       (owner->kind == ROOT_STACK || owner->kind == ROOT_REGISTER);
}

void owner_list_fini(struct owner_list *list);

/* Makes room for one more, empty; NULL: no memory. And takes the last away. */
struct owner *owner_list_add(struct owner_list *list);
void owner_list_drop(struct owner_list *list);

void owner_list_sort(struct owner_list *list);

/*
 * Fills `before` from what there was earlier; owners are the same where they are called the same.
 * Who holds nothing any more is added. Sorted by what grew. 0 or -ENOMEM.
 */
int owner_list_compare(struct owner_list *list, const struct owner_list *before) MUST_CHECK;

/* What an owner holds more than before. */
int64_t owner_growth(const struct owner *owner);

#endif
