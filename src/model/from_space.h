/*
 * The model of a live process: its space, and the rules that hold for it.
 *
 * /proc does not tell all that the rules ask for. What it hides is guessed the likely way, and
 * from_space_guesses() says which guesses a space makes necessary.
 */
#ifndef MODEL_FROM_SPACE_H
#define MODEL_FROM_SPACE_H

#include <stdint.h>

#include "base/error.h"
#include "model/model.h"
#include "space/space.h"

enum guess {
	GUESS_FLAGS,	    /* of mappings, beyond rights: smaps was not read */
	GUESS_GROWS,	    /* which mappings grow down: only the stack */
	GUESS_IDENTITY,	    /* which anonymous pages were made apart: always a guess */
	GUESS_LOCKS,	    /* whether new mappings will be locked */
	GUESS_BREAK,	    /* that the break is where the heap's mapping ends */
	GUESS_CAPABILITIES, /* none */
	GUESS_PERSONALITY,  /* nothing special */
	GUESS_BASE,	    /* where searches begin: what exec mapped first shows it */
	GUESS_LOWEST,	    /* the lowest address of hints and searches */
	GUESS_LIMITS,	    /* a limit that was not read is none */
	GUESS_OVERCOMMIT,   /* overcommit was not read: it refuses nothing */
	GUESS_MAP_COUNT,    /* vm.max_map_count: the usual */
	GUESS_KERNEL,	    /* the newest that the rules know */
	NGUESSES
};

/*
 * What struct model takes over from the space; files keep their number in struct model_file.name.
 * 0 and *ret is the caller's to model_fini(); -ENOMEM; -ENOTSUP where the rules are not made for
 * such a process, and -ENODATA where its mappings are not known, with a sentence.
 */
int model_from_space(const struct space *space, struct model *ret, struct error *err) MUST_CHECK;

/* A bit 1 << guess for each guess that model_from_space() makes. */
uint32_t from_space_guesses(const struct space *space);

/* One line for a reader who wonders how sure an answer is, without a full stop. */
const char *guess_words(enum guess guess);

#endif
