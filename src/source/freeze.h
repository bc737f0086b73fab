/*
 * Ways to look at a process that runs, and what each costs it. From the cheapest on:
 *
 *     FREEZE_NEVER      it is not stopped: what is read may change meanwhile, readers must notice
 *     FREEZE_REGISTERS  it is stopped for as long as its registers take; the rest as before
 *     FREEZE_COPY       its own memory is copied: while it runs, and once more, where that has
 *                       changed, while it stands still; the copy is looked at
 *     FREEZE_WHOLE      it stands still until the look is over
 *
 * To copy only what has changed takes `inject`, calls that it makes for us, see inject.h; or a
 * kernel with soft-dirty bits, see track.h. Without both all is copied again. Its maps and threads
 * are read while it runs on.
 *
 * A look in all of these ways:
 *
 *     freeze_begin(&dir, &wish, &freeze, &err)     it stands still now, if at all
 *     proc_load(&dir, ...)                         maps, threads, page states
 *     content_open(...), walk with freeze_reader(freeze, &content.reader)
 *     freeze_end(freeze)                           it goes on; before anything is written out
 *     freeze_told(freeze)                          how it was, and the pause: to be printed
 *     freeze_free(freeze)
 *
 * Whoever reads what plat writes may be the very process that stands still; so nothing is written
 * before freeze_end().
 *
 * Whatever becomes of plat, the process goes on: see stop.h.
 */
#ifndef SOURCE_FREEZE_H
#define SOURCE_FREEZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reader.h"
#include "source/procdir.h"
#include "source/stop.h"

enum freeze_rung {
	FREEZE_NEVER,
	FREEZE_REGISTERS,
	FREEZE_COPY,
	FREEZE_WHOLE,
};

struct freeze_wish {
	enum freeze_rung rung;
	uint64_t most; /* ns that it may stand still, at most; 0: as long as it takes */
	/* `rung` is the best that is wanted: a cheaper one is taken where that would take longer
	 * than `most`, as far as that can be told before. */
	bool may_be_less;
	bool inject;
	/* The calling thread traces it, and all of its threads stand still until it says so: their
	 * registers are taken, and nothing else is done to it. */
	bool is_held;
};

/* How the look was taken. */
struct freeze_told {
	enum freeze_rung rung;
	uint64_t pause; /* ns from the first thread stopped to the last let go; 0: not stopped */
	size_t nthreads;
	uint64_t copied;  /* FREEZE_COPY: bytes that plat holds */
	uint64_t changed; /* and of these, copied while it stood still */
	bool was_cut;	  /* it went on before the look was over: `most` had passed */
	char why[512];	  /* what was wished for and could not be kept to, a sentence; or "" */
};

struct freeze;

/*
 * 0, and *ret is the caller's to freeze_free(); a negative errno with a sentence where it cannot be
 * stopped, or is none that runs: nothing has happened to it then. What is no live process, a core
 * or a capture, stands still anyway: it takes any wish. A snapshot tells how it was taken. `dir`
 * must outlive it.
 */
int freeze_begin(const struct procdir *dir, const struct freeze_wish *wish, struct freeze **ret,
		 struct error *err) MUST_CHECK;

/* Through what memory is to be read: this one, or plat's own copy in its place. */
struct reader *freeze_reader(struct freeze *freeze, struct reader *live);

/* Threads with registers, of those that stood still. NULL and 0 where there are none. */
const struct stop_thread *freeze_threads(const struct freeze *freeze, size_t *n);

/* It goes on. Does nothing the second time. */
void freeze_end(struct freeze *freeze);

/* After freeze_end(). */
const struct freeze_told *freeze_told(const struct freeze *freeze);

/* freeze_end(), and frees it; it may be NULL. */
void freeze_free(struct freeze *freeze);

/* "never", "registers", "copy", "whole" */
const char *freeze_rung_name(enum freeze_rung rung);

#define FREEZE_WORDS_SIZE 640

/* "stopped for 3.2 ms", "looked at while it ran": for people. Returns `to`. */
const char *freeze_words(const struct freeze_told *told, char to[FREEZE_WORDS_SIZE]);

#endif
