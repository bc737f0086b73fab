/*
 * The ties of a block: what stands in it, who points to it, how a root leads to it, and what would
 * go with it. Strings are a stranger's, and belong to whoever filled it.
 */
#ifndef VIEW_TIES_H
#define VIEW_TIES_H

#include <stdbool.h>

#include "base/addr.h"
#include "heap/owners.h"
#include "view/calls.h"
#include "view/holder.h"

#define TIES_BYTES 64	 /* that are shown of what stands in it */
#define TIES_WORDS 16	 /* pointers in these */
#define TIES_PATH_HALF 8 /* blocks at either end of a long path */

struct tied_block {
	plat_addr address;
	uint64_t size;
	const char *type; /* C++; or NULL */
};

/* A word that points to a block: of a root, or of another block. */
struct tie {
	bool is_interior; /* not to its first byte */
	bool is_root;
	struct holder holder;	 /* of a root */
	struct tied_block block; /* else */
	uint64_t at;		 /* in the block; UNKNOWN: it was gone when we looked again */
};

/* A pointer that stands in a block. */
struct tied_word {
	uint64_t at; /* in the block */
	uint64_t value;
	bool is_block;		 /* it leads to a live one */
	struct tied_block block; /* that one */
	uint64_t offset;	 /* in it, or in the symbol */
	const char *symbol;	 /* of a program or a library, or NULL */
	const char *module;	 /* or NULL */
};

struct ties {
	bool is_wanted;	 /* it was asked for, and there is a live block */
	const char *why; /* why nothing of it is known; or NULL */
	struct tied_block block;
	const plat_addr
		*made; /* the calls that have made it, the innermost first; NULL: not known */
	size_t nmade;
	struct calls calls; /* what is said of them */

	const char *bytes_why; /* why they are not shown; or NULL */
	unsigned char bytes[TIES_BYTES];
	size_t nbytes;
	struct tied_word words[TIES_WORDS];
	size_t nwords;

	uint64_t nroots, nblocks; /* words of roots, and blocks, that point to it */
	bool is_cut;		  /* there are more words of roots */
	struct tie *list;	  /* the first of them, roots before blocks */
	size_t n;

	bool is_lost;	  /* no root leads to it */
	struct tie *path; /* the first is a root, or a block of unknown state */
	size_t npath;
	uint64_t nleft_out; /* blocks in the middle of it */

	struct owned owned; /* what it leads to, without itself */
	const char *looked; /* how it was looked at, in words */
};

#endif
