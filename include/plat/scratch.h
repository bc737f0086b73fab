/*
 * Scratch: memory for the duration of a function, as alloca gives it, that does not come from the
 * stack. It is taken from an arena, and given back all at once:
 *
 *	struct plat_scratch *scratch = plat_scratch_mine();
 *	PLAT_SCRATCH_SCOPE(scratch);
 *	char *line = (char *)plat_scratch_take(scratch, size);
 *
 *	if (!line)
 *		return -ENOMEM;
 *
 * What was taken in the scope is gone at its end. Inside a scope may be another, also in a function
 * that is called: what is taken there is gone first.
 *
 * An arena takes from its first memory, 64 KiB of a thread's own or a buffer of the caller's, by a
 * few instructions. What does not fit comes from pages of the kernel, until the arena's limit: a
 * size from outside can be refused, but never lead below the stack. Of such pages an arena keeps at
 * most 256 KiB when they are given back.
 *
 * An arena is for one thread at a time. Functions that return a pointer return NULL if there is no
 * memory within the limit, and leave errno alone. Memory is aligned to 16 bytes, and not cleared.
 *
 * A kept pointer into scratch is a mistake that goes unseen until the bytes are used again. In
 * checked arenas it faults, see plat_scratch_checked(); so it does in programs that are built with
 * AddressSanitizer.
 */
#ifndef PLAT_SCRATCH_H
#define PLAT_SCRATCH_H

#include <features.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PLAT_SCRATCH_RESULT_(...) __attribute__((warn_unused_result, alloc_size(__VA_ARGS__)))
#define PLAT_SCRATCH_RARELY_(condition) __builtin_expect(!!(condition), 0)
#define PLAT_SCRATCH_NOT_NULL_(p) ((p) ? (void)0 : __builtin_unreachable())
#define PLAT_SCRATCH_COLD_ __attribute__((cold, noinline))
#else
#define PLAT_SCRATCH_RESULT_(...)
#define PLAT_SCRATCH_RARELY_(condition) (condition)
#define PLAT_SCRATCH_NOT_NULL_(p) ((void)0)
#define PLAT_SCRATCH_COLD_
#endif

struct plat__scratch_piece;

/* An arena. Its storage is the caller's; its fields are for the functions below alone. */
struct plat_scratch {
	char *at;    /* the next byte that is given out, aligned to 16 */
	char *end;   /* up to here without a call; at, where each take needs one */
	char *start; /* back to here without a call; at, where each release needs one */
	char *piece_start, *piece_end;
	char *fresh;			   /* of a checked arena: what is taken next begins here */
	struct plat__scratch_piece *piece; /* the newest of the kernel's; NULL: the first memory */
	struct plat__scratch_piece *spare;
	char *first;
	size_t first_size; /* of our own mapping, else 0 */
	size_t limit, mapped;
	unsigned mode;
	unsigned busy;
};

/* How far an arena was used at a moment: what was taken later is given back together. */
struct plat_scratch_mark {
	char *at;
};

/*
 * An arena over `size` bytes at `buffer`, which stay the caller's and must live as long as the
 * arena; buffer NULL: over pages of its own, size bytes, or 64 KiB if size is 0. `limit` is how
 * many bytes more it may ask of the kernel at one time: 0: none, SIZE_MAX: as many as there are.
 *
 * 0; -ENOMEM: there are no pages; -EINVAL: size is too large for any buffer. plat_scratch_fini
 * gives back what came from the kernel, and accepts an arena that is all zeros, or was given back
 * before; it is not for a thread's own, which the library ends. An arena can be moved, but not be
 * used in two copies.
 */
int plat_scratch_init(struct plat_scratch *scratch, void *buffer, size_t size, size_t limit);
void plat_scratch_fini(struct plat_scratch *scratch);

/* What plat_scratch_mine is for those who cannot inline it. */
struct plat_scratch *plat_scratch_find_mine(void);

/* What the inline functions call when a few instructions do not do it. */
PLAT_SCRATCH_COLD_ struct plat_scratch *plat__scratch_find_slowly(void);
PLAT_SCRATCH_COLD_ void *plat__scratch_take_slowly(struct plat_scratch *scratch, size_t size);
PLAT_SCRATCH_COLD_ void plat__scratch_unwind_slowly(struct plat_scratch *scratch,
						    struct plat_scratch_mark mark);

/*
 * NULL: there is none yet, or it is just being changed, by whom a signal handler has interrupted.
 * In the static model of thread-local memory it is one load, and with musl it could not be in a
 * library that is loaded while the program runs.
 */
#ifdef __GLIBC__
extern __thread struct plat_scratch *plat__scratch_own __attribute__((tls_model("initial-exec")));
#else
extern __thread struct plat_scratch *plat__scratch_own;
#endif

/*
 * The calling thread's own arena, without a limit. It is made at the first call, and given back
 * when the thread ends; destructors of the thread's data may use it. It is never NULL: if there is
 * no memory for it, what is taken from it is NULL.
 *
 * In a signal handler that uses it by scopes this is the arena of the interrupted thread, too, or
 * another, where that is just being changed; a first call of all should not be in a handler. In the
 * child of a fork it is as in the thread that forked.
 */
static inline struct plat_scratch *plat_scratch_mine(void)
{
	struct plat_scratch *own = plat__scratch_own;

	if (PLAT_SCRATCH_RARELY_(!own))
		return plat__scratch_find_slowly();
	return own;
}

/*
 * `size` bytes; `alignment` is a power of two, up to 1 GiB, NULL for any other. Zero bytes are an
 * address that nothing may be read from or written to, and that others may have, too.
 */
PLAT_SCRATCH_RESULT_(2)
void *plat_scratch_take_aligned(struct plat_scratch *scratch, size_t size, size_t alignment);

PLAT_SCRATCH_RESULT_(2)
static inline void *plat_scratch_take(struct plat_scratch *scratch, size_t size)
{
	char *p = scratch->at;

	/*
	 * What is left is a multiple of 16: if size fits, it still does when it is rounded up. What
	 * takes all of it goes the long way, so that an arena without memory always does.
	 */
	if (PLAT_SCRATCH_RARELY_(size >= (size_t)(scratch->end - p)))
		return plat__scratch_take_slowly(scratch, size);
	PLAT_SCRATCH_NOT_NULL_(p);
	scratch->at = p + ((size + 15) & ~(size_t)15);
	return p;
}

/* n times size bytes; NULL also where that is more than a size can be. */
PLAT_SCRATCH_RESULT_(2, 3)
static inline void *plat_scratch_array(struct plat_scratch *scratch, size_t n, size_t size)
{
	if (size != 0 && n > (size_t)-1 / size)
		return NULL;
	return plat_scratch_take(scratch, n * size);
}

/* Each mark is released once, or left to the release of one that was made before it. */
static inline struct plat_scratch_mark plat_scratch_mark(struct plat_scratch *scratch)
{
	struct plat_scratch_mark mark;

	mark.at = scratch->at;
	return mark;
}

/*
 * What plat_scratch_release is for those who cannot inline it. A mark that is further than what is
 * in use is a mistake: it was released already, with an earlier one, and nobody knows what else is
 * wrong. One line on stderr, and abort.
 */
void plat_scratch_unwind(struct plat_scratch *scratch, struct plat_scratch_mark mark);

/* Gives back all that was taken since the mark was made. */
static inline void plat_scratch_release(struct plat_scratch *scratch, struct plat_scratch_mark mark)
{
	if (PLAT_SCRATCH_RARELY_((size_t)(mark.at - scratch->start) >
				 (size_t)(scratch->at - scratch->start)))
		plat__scratch_unwind_slowly(scratch, mark);
	else
		scratch->at = mark.at;
}

/*
 * From here to the end of the block is a scope of the arena: what is taken in it is gone at its
 * end, also by return, break, goto and C++'s exceptions. pthread_cancel and pthread_exit end it
 * only in what is built with -fexceptions; but the thread's own arena goes with the thread. longjmp
 * leaves it open, until the scope that it jumps to ends. For gcc and clang.
 */
#define PLAT_SCRATCH_SCOPE(scratch)                                                                \
	struct plat__scratch_scope PLAT_SCRATCH_NAME_(__LINE__)                                    \
		__attribute__((cleanup(plat__scratch_leave), unused)) =                            \
			plat__scratch_enter(scratch)

#define PLAT_SCRATCH_NAME_(line) PLAT_SCRATCH_JOIN_(plat__scratch_scope_, line)
#define PLAT_SCRATCH_JOIN_(a, b) a##b

struct plat__scratch_scope {
	struct plat_scratch *scratch;
	struct plat_scratch_mark mark;
};

static inline struct plat__scratch_scope plat__scratch_enter(struct plat_scratch *scratch)
{
	struct plat__scratch_scope scope;

	scope.scratch = scratch;
	scope.mark = plat_scratch_mark(scratch);
	return scope;
}

static inline void plat__scratch_leave(struct plat__scratch_scope *scope)
{
	plat_scratch_release(scope->scratch, scope->mark);
}

/*
 * Whether arenas that are made from now on, in any thread, are checked; so they are where the
 * environment has PLAT_SCRATCH=checked, but not under AT_SECURE. Returns what it was. A debug
 * build says so once, before its threads start:
 *
 *	#ifndef NDEBUG
 *		plat_scratch_checked(1);
 *	#endif
 *
 * In a checked arena whatever is taken has pages of its own, and ends where they do, but for its
 * alignment: behind it nothing can be touched. What is given back cannot be touched until 64 MiB of
 * other scratch, 8 MiB on 32 bits, have been taken from the arena. Each take costs microseconds,
 * and a buffer of the caller's and the limit are not looked at.
 */
int plat_scratch_checked(int on);

#ifdef __cplusplus
}
#endif

#endif
