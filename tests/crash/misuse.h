/*
 * One misuse of malloc each, and what is expected of it: a signal and a line on standard error,
 * without guards (PLAT_GUARD=off) by default and in hard mode (PLAT_HARD=1), and when every block
 * is guarded (PLAT_GUARD=all); of some cases also when nothing is said of guards, so that now and
 * then a block is guarded, again in both modes, and with libplat-checked in front.
 *
 *	plat-malloc: KIND: 0xADDRESS, WORDS
 *
 * A case prints "address LOW HIGH" before it does wrong: ADDRESS lies there. If it gets to its end
 * it prints "survived" and exits 0; it exits 3 if it saw that the misuse had its effect.
 */
#ifndef CRASH_MISUSE_H
#define CRASH_MISUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
	SURVIVES,		 /* silently */
	ABORTS,			 /* SIGABRT and the line */
	FAULTS,			 /* SIGSEGV and the line */
	FAULTS_PERHAPS_SILENTLY, /* SIGSEGV; if there is a line it is this */
	ENDS,			 /* one of both, and the line */
	ANYTHING,		 /* nothing is promised */
};

enum mode {
	BY_DEFAULT,
	HARD,
	GUARDED,
	SAMPLED,
	CHECKED,
	HARD_SAMPLED,
	NMODES,
};

/*
 * kind is a regular expression. With `sized` WORDS name the block's size. With `access`, "source of
 * memcpy", they end with that and its bytes: the size of the case and `more`, or any number.
 */
struct expectation {
	enum outcome outcome;
	const char *kind;
	bool sized;
	const char *access;
	size_t more;
};

#define ANY_NUMBER SIZE_MAX

#define SILENT                                                                                     \
	{                                                                                          \
		SURVIVES, NULL, false, NULL, 0                                                     \
	}
#define NO_PROMISE                                                                                 \
	{                                                                                          \
		ANYTHING, NULL, false, NULL, 0                                                     \
	}
#define ABORT(kind)                                                                                \
	{                                                                                          \
		ABORTS, kind, false, NULL, 0                                                       \
	}
#define ABORT_SIZED(kind)                                                                          \
	{                                                                                          \
		ABORTS, kind, true, NULL, 0                                                        \
	}
#define FAULT(kind)                                                                                \
	{                                                                                          \
		FAULTS, kind, false, NULL, 0                                                       \
	}

#define ABORT_OF(kind, sized, access, more)                                                        \
	{                                                                                          \
		ABORTS, kind, sized, access, more                                                  \
	}

/*
 * Done for each size of the list, which ends with 0; once with no size if there is no list. Where
 * nothing is said of the last three modes, it is not done in them, unless it is correct.
 */
struct misuse {
	const char *name;
	void (*act)(size_t size);
	const size_t *sizes;
	struct expectation expected[NMODES];
};

/* Each ends with a name that is NULL. */
extern const struct misuse frees[], writes[], reads[], many[], copies[], asking[], correct[];

/* Where the line's address lies, both included. */
void expect_address(const void *low, const void *high);

/* The misuse had its effect: memory was given twice, or told what it held. */
void had_its_effect(const char *what) __attribute__((noreturn));

/* This malloc has no such function. */
void *function(const char *name);

void *must_malloc(size_t size);

/* What the compiler is not to see through. */
void *hidden(const volatile void *p);

/* In a thread of its own, which has ended when this returns. */
void free_in_a_thread(void *p);

/*
 * Allocates until p is given again, and frees blocks in between so that a quarantine moves on. More
 * often than `allowed` times is an effect.
 */
void allocate_until_reused(const void *p, size_t size, unsigned allowed);

#endif
