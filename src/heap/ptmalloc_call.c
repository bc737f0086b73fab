/*
 * Damage, or the middle of a call. glibc writes the headers of a chunk that it cuts or joins one
 * after the other: who is stopped in between leaves a heap that contradicts itself, as an overflow
 * does. What tells them apart:
 *
 * - A thread has the arena's lock, as its state says.
 * - A thread stands in malloc's code: its pc does, or a frame on its stack returns there. A process
 *   of one thread takes no locks.
 * - A thread runs: nobody can tell where it is; or an arena has changed while we looked.
 * - A thread is in abort, which glibc calls when it has found damage: that was no call under way.
 *
 * A call works at one place of an arena; more contradictions than it can leave are damage.
 */
#include "heap/ptmalloc_parts.h"
#include "heap/signal_frame.h"

#include "space/dynamic.h"

#include <inttypes.h>
#include <stdio.h>

#define DOUBTS_MOST 4	       /* of one call */
#define MALLOC_MOST (1u << 16) /* bytes of code; else it was not what we took it for */
/* How far above the stack pointer malloc's frames are; and abort's, below its message's. */
#define FRAMES_BYTES 1024
#define ABORT_FRAMES_BYTES 4096
#define SIGNALS_MOST 4 /* handlers that interrupt handlers */

/* Code: of malloc and what belongs to it. */
struct code {
	plat_addr start, end;
};

/* From what the module offers of it down to what it offers before: in between are its helpers. */
static bool find_malloc(struct reader *reader, const struct dynamic *dynamic, struct code *ret)
{
	static const char *const names[] = {
		"__default_morecore", "malloc",	     "free",	    "calloc", "realloc",
		"memalign",	      "malloc_trim", "malloc_info", "mallopt"};
	plat_addr at, start, end;
	size_t i;

	*ret = (struct code){ADDR_MAX, 0};
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (dynamic_find(reader, dynamic, names[i], &at) < 0)
			continue; /* not all versions have all */
		ret->start = min_u64(ret->start, at);
		ret->end = max_u64(ret->end, at);
	}
	if (ret->end <= ret->start ||
	    dynamic_below(reader, dynamic, ret->end + 1, &start, &end) < 0)
		return false;
	ret->end = max_u64(ret->end, end);
	if (dynamic_below(reader, dynamic, ret->start, &start, &end) < 0)
		return false;
	ret->start = min_u64(ret->start, max_u64(end, sub_floored(ret->start, MALLOC_MOST)));
	return ret->end - ret->start <= MALLOC_MOST;
}

static bool find_abort(struct reader *reader, const struct dynamic *dynamic, struct code *ret)
{
	return dynamic_find(reader, dynamic, "abort", &ret->start) == 0 &&
	       dynamic_below(reader, dynamic, ret->start + 1, &ret->start, &ret->end) == 0;
}

static bool is_in(const struct code *code, plat_addr at)
{
	return at >= code->start && at < code->end;
}

/*
 * Whether a frame in so many bytes of the stack from *sp on returns to this code, or a signal has
 * come in between when it was executed. If not, *sp is where the stack was when a signal came;
 * UNKNOWN where none did.
 */
static bool returns_to(const struct ptmalloc *heap, const struct thread *thread,
		       const struct code *code, uint64_t size, plat_addr *sp)
{
	unsigned char bytes[ABORT_FRAMES_BYTES];
	struct interrupted interrupted = {.pc = UNKNOWN, .sp = UNKNOWN};
	unsigned word = heap->layout.word, i;
	plat_addr at = align_down(*sp, word);

	*sp = UNKNOWN;
	if (thread->stack_end > at)
		size = min_u64(size, thread->stack_end - at);
	if (reader_read(heap->reading.reader, at, bytes, (size_t)size) < 0)
		return false;
	for (i = 0; i + word <= size; i += word)
		if (is_in(code, ptmalloc_word(heap, bytes + i)))
			return true;
	for (i = 0; i + word <= size; i += word)
		if (signal_frame_at(heap->reading.reader, word, at + i,
				    ptmalloc_word(heap, bytes + i), &interrupted))
			break;
	*sp = interrupted.sp;
	return is_in(code, interrupted.pc);
}

/*
 * Whether it executes this code, or a frame in so many bytes of its stack returns there; or did
 * when a signal came, of which there may be some on top of each other.
 */
static bool stands_in(const struct ptmalloc *heap, const struct thread *thread,
		      const struct code *code, uint64_t depth)
{
	plat_addr sp = thread->sp;
	int nsignals;

	if (sp == UNKNOWN)
		return false;
	if (is_in(code, thread->pc))
		return true;
	for (nsignals = 0; sp != UNKNOWN && nsignals <= SIGNALS_MOST; nsignals++)
		if (returns_to(heap, thread, code, depth, &sp))
			return true;
	return false;
}

static bool any_stands_in(const struct ptmalloc *heap, const struct code *code, uint64_t depth)
{
	const struct space *space = heap->reading.space;
	size_t i;

	for (i = 0; i < space->nthreads; i++)
		if (stands_in(heap, &space->threads[i], code, depth))
			return true;
	return false;
}

/* A live thread without registers, however it is called: it may have just begun to stop. */
static bool any_runs(const struct space *space)
{
	size_t i;

	for (i = 0; i < space->nthreads; i++)
		if (space->threads[i].sp == UNKNOWN && space->threads[i].state)
			return true;
	return false;
}

/* A static program offers nothing by name: there only locks tell. */
static enum ptmalloc_call look_at_threads(const struct ptmalloc *heap)
{
	const struct space *space = heap->reading.space;
	struct reader *reader = &heap->cache->reader;
	struct dynamic dynamic;
	struct code code;

	if (any_runs(space))
		return CALL_UNDER_WAY;
	if (heap->reading.module >= space->nmodules ||
	    dynamic_read(reader, &space->modules[heap->reading.module], &dynamic) < 0)
		return CALL_NONE;
	if (find_abort(reader, &dynamic, &code) && any_stands_in(heap, &code, ABORT_FRAMES_BYTES))
		return CALL_ABORTED;
	if (find_malloc(reader, &dynamic, &code) && any_stands_in(heap, &code, FRAMES_BYTES))
		return CALL_UNDER_WAY;
	return CALL_NONE;
}

static enum ptmalloc_call call_of(struct ptmalloc *heap)
{
	if (heap->call == CALL_NOT_LOOKED)
		heap->call = look_at_threads(heap);
	return heap->call;
}

bool ptmalloc_is_called(struct ptmalloc *heap)
{
	return call_of(heap) == CALL_UNDER_WAY || (heap->is_torn && call_of(heap) != CALL_ABORTED);
}

bool ptmalloc_is_held(const struct ptmalloc *heap)
{
	const struct space *space = heap->reading.space;
	size_t i;

	for (i = 0; i < space->nthreads; i++)
		if (space->threads[i].state && space->threads[i].state != 't' &&
		    space->threads[i].state != 'T')
			return false;
	return true;
}

static bool is_alone(const struct space *space)
{
	size_t i, n = 0;

	for (i = 0; i < space->nthreads; i++)
		n += space->threads[i].tid != 0;
	return n == 1;
}

bool ptmalloc_is_arena_called(struct ptmalloc *heap, const struct ptmalloc_arena *arena)
{
	if (arena->is_torn)
		return true;
	if (arena->is_locked)
		return call_of(heap) != CALL_ABORTED;
	return is_alone(heap->reading.space) && call_of(heap) == CALL_UNDER_WAY;
}

bool ptmalloc_is_arena_stopped(struct ptmalloc *heap, const struct ptmalloc_arena *arena)
{
	return !any_runs(heap->reading.space) && ptmalloc_is_arena_called(heap, arena);
}

/*
 * Contradictions.
 */

void ptmalloc_doubt(struct ptmalloc *heap, uint32_t arena, plat_addr at, const char *what)
{
	struct ptmalloc_doubts *doubts =
		arena < heap->narenas ? &heap->arenas[arena].doubts : &heap->doubts;

	heap->ndoubts++;
	if (doubts->n++ == 0) {
		doubts->at = at;
		doubts->what = what;
	}
}

static void keep_first(char *to, size_t size, const struct ptmalloc_doubts *doubts)
{
	if (!to[0])
		snprintf(to, size, "0x%" PRIx64 ": %s", doubts->at, doubts->what);
}

static void settle(struct ptmalloc *heap, const struct ptmalloc_doubts *doubts, bool is_excused)
{
	struct heap_proofs *proofs = &heap->reading.proofs;

	if (!doubts->n)
		return;
	if (is_excused) {
		proofs->unsteady += doubts->n;
		keep_first(proofs->first_unsteady, sizeof(proofs->first_unsteady), doubts);
	} else {
		proofs->broken += doubts->n;
		keep_first(proofs->first, sizeof(proofs->first), doubts);
	}
}

/* Of a process that runs more than one call can have gone by. */
static bool is_excused(struct ptmalloc *heap, const struct ptmalloc_arena *arena)
{
	return arena->doubts.n && ptmalloc_is_arena_called(heap, arena) &&
	       (arena->is_torn || arena->doubts.n <= DOUBTS_MOST);
}

void ptmalloc_settle(struct ptmalloc *heap)
{
	size_t i;

	for (i = 0; i < heap->narenas; i++)
		settle(heap, &heap->arenas[i].doubts, is_excused(heap, &heap->arenas[i]));
	settle(heap, &heap->doubts, heap->doubts.n && ptmalloc_is_called(heap));
}
