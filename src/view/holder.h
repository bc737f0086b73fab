/*
 * What holds a block, as people know it: a variable, a frame of a thread, a register, memory that
 * nobody claims.
 */
#ifndef VIEW_HOLDER_H
#define VIEW_HOLDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "heap/graph.h"
#include "space/space.h"

#define HOLDER_WORDS_SIZE 1536

/* Strings are a stranger's, and belong to whoever filled it. */
struct holder {
	enum root_kind kind;
	plat_addr at;	       /* of the word; UNKNOWN: it has no address, or that is not known */
	const char *module;    /* path of a program or a library, or NULL */
	const char *part;      /* of it: "data"; of unclaimed memory, what its mapping is called */
	const char *symbol;    /* a variable's, or NULL; why it has none says nobody */
	plat_addr start;       /* of the variable, or of the mapping; or UNKNOWN */
	int tid;	       /* or 0 */
	const char *thread;    /* its name, or NULL */
	bool is_main;	       /* it is the main thread */
	char reg[24];	       /* a register's name, or "" */
	size_t frame;	       /* its number, from 0; SIZE_MAX: not known */
	const char *function;  /* of the frame, or NULL */
	plat_addr code;	       /* where that begins */
	const char *source;    /* or NULL */
	unsigned line;	       /* or 0 */
	bool is_whole;	       /* all of the thread, or of the module */
	const char *frame_why; /* of a stack: why its frame is not known; or NULL */
};

#define HOLDER_NONE                                                                                \
	((struct holder){.kind = ROOT_UNKNOWN, .at = UNKNOWN, .start = UNKNOWN, .frame = SIZE_MAX})

/* How closely it is told. */
enum holder_words {
	HOLDER_WORD, /* this word: "thread 12 (io), frame #3 in serve() at serve.c:88" */
	HOLDER_SELF, /* the same of all its words: "thread 12 (io), serve()" */
	HOLDER_ROLE, /* and of all its like in any process of the program: "thread io, serve()" */
};

/* Returns `to`. */
const char *holder_words(const struct holder *holder, enum holder_words how, bool ascii,
			 char to[HOLDER_WORDS_SIZE]);

/* All of that, each under its own key; what is not known is null. */
json_t *holder_object(const struct holder *holder);

#endif
