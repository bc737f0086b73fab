/*
 * Arenas: the first memory, and pieces of the kernel's one upon the other, as they were needed.
 *
 *     first memory       piece             piece
 *     |aaaabbbb--|  <--  |ccccccccc-|  <-- |dd---------|
 *                                             ^ at     ^ piece_end
 *
 * A mark is where the arena was. Whatever was taken later lies behind it in its piece, or in newer
 * pieces; and a mark that lies in no piece, or behind `at`, was released with an earlier one.
 *
 * A signal handler may come at any instruction. What is inline is whole at each of them, if only
 * the handler leaves `at` as it found it, as its scopes do; while pieces change, `busy` tells that
 * plat_scratch_mine has to give it another arena.
 */
#include "mem/scratch.h"

#include "mem/complaint.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEPT ((size_t)256 * 1024) /* pages that an arena keeps for the next time */
#define ALIGNMENT_MOST ((size_t)1 << 30)

/* At the start of its pages. */
struct plat__scratch_piece {
	struct plat__scratch_piece *older;
	size_t size;
	char *unused; /* from here on nobody has used it */
	struct plat__scratch_place before;
};

static_assert(sizeof(struct plat__scratch_piece) <= PLAT__SCRATCH_HEAD,
	      "what is known of a piece has its place");

static void complain(const struct plat_scratch *scratch, const char *mark)
{
	struct plat__complaint complaint = {.length = 0};

	plat__complaint_add(&complaint, "scratch is released out of order: the mark at ");
	plat__complaint_address(&complaint, mark);
	plat__complaint_add(&complaint, " of arena ");
	plat__complaint_address(&complaint, scratch);
	plat__complaint_add(&complaint, " went with an earlier one");
	plat__complaint_write(&complaint);
	abort();
}

/*
 * Returns whether the thread finds it without asking, which a handler that comes in between leaves
 * as it is.
 */
static bool begin_change(struct plat_scratch *scratch)
{
	bool was_shown = plat__scratch_hide_own(scratch);

	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	scratch->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return was_shown;
}

static void end_change(struct plat_scratch *scratch, bool was_shown)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	scratch->busy = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (was_shown)
		plat__scratch_show_own(scratch);
}

/* --- the first memory --- */

int plat_scratch_init(struct plat_scratch *scratch, void *buffer, size_t size, size_t limit)
{
	struct plat_scratch made = {.limit = limit, .mode = plat__scratch_mode()};
	size_t wish = plat__scratch_wish(made.mode);
	char *start = buffer;

	if (size > SIZE_MAX / 4 || (buffer && size > SIZE_MAX - (uintptr_t)buffer))
		return -EINVAL;
	if (!buffer || made.mode == PLAT__SCRATCH_CLOSED) {
		if (size == 0 || (size < wish && made.mode == PLAT__SCRATCH_CLOSED))
			size = wish;
		start = plat__scratch_map(made.mode, size, 0);
		if (!start)
			return -ENOMEM;
		made.first_size = size;
	}
	plat__scratch_enter_piece(&made, start, start + size);
	made.first = made.at;
	*scratch = made;
	return 0;
}

/* --- pieces --- */

static void free_piece(struct plat_scratch *scratch, struct plat__scratch_piece *piece)
{
	if (!piece)
		return;
	scratch->mapped -= piece->size;
	plat__scratch_unmap(scratch->mode, (char *)piece, piece->size);
}

static struct plat__scratch_piece *map_piece(struct plat_scratch *scratch, size_t size)
{
	struct plat__scratch_piece *piece;

	if (size > scratch->limit - scratch->mapped && scratch->mode != PLAT__SCRATCH_CLOSED)
		return NULL;
	piece = (void *)plat__scratch_map(scratch->mode, size, PLAT__SCRATCH_HEAD);
	if (!piece)
		return NULL;
	piece->size = size;
	piece->unused = (char *)piece + PLAT__SCRATCH_HEAD;
	scratch->mapped += size;
	return piece;
}

/* Not used up, since a mark of what lies behind it would be taken for one of its own end. */
static char *piece_end(struct plat__scratch_piece *piece)
{
	return (char *)piece + piece->size - PLAT__SCRATCH_ALIGNMENT;
}

static bool has_room(const struct plat__scratch_piece *piece, size_t need)
{
	size_t used = (size_t)(piece->unused - (const char *)piece);

	return piece->size - used >= need - PLAT__SCRATCH_HEAD;
}

/*
 * Pages for a need: those that were kept, or new ones; more than is needed, if they can be had.
 * What was kept, and is too small, gives way before nothing can be had.
 */
static struct plat__scratch_piece *find_piece(struct plat_scratch *scratch, size_t need)
{
	struct plat__scratch_piece *spare = scratch->spare, *piece;
	size_t wish = plat__scratch_wish(scratch->mode);

	if (spare && has_room(spare, need)) {
		scratch->spare = NULL;
		return spare;
	}
	if (wish < KEPT && scratch->piece)
		wish = KEPT;
	piece = need < wish ? map_piece(scratch, wish) : NULL;
	if (!piece)
		piece = map_piece(scratch, need);
	if (!piece && spare) {
		scratch->spare = NULL;
		free_piece(scratch, spare);
		piece = map_piece(scratch, need);
	}
	return piece;
}

static bool push_piece(struct plat_scratch *scratch, size_t size, size_t alignment)
{
	size_t need = plat__scratch_need(scratch->mode, size, alignment);
	struct plat__scratch_piece *piece = need ? find_piece(scratch, need) : NULL;

	if (!piece)
		return false;
	piece->older = scratch->piece;
	piece->before = (struct plat__scratch_place){scratch->piece_start, scratch->at,
						     scratch->fresh, scratch->piece_end};
	scratch->piece = piece;
	plat__scratch_enter_piece(scratch, piece->unused, piece_end(piece));
	return true;
}

/* One is kept: in closed pieces that with the most new pages, else the larger of two small ones. */
static void keep_piece(struct plat_scratch *scratch, struct plat__scratch_piece *piece)
{
	struct plat__scratch_piece *spare = scratch->spare;
	bool is_kept = scratch->mode == PLAT__SCRATCH_CLOSED ||
		       (piece->size <= KEPT && (!spare || spare->size < piece->size));

	if (is_kept)
		scratch->spare = piece;
	free_piece(scratch, is_kept ? spare : piece);
}

static void pop_piece(struct plat_scratch *scratch)
{
	struct plat__scratch_piece *piece = scratch->piece;

	plat__scratch_give_back(scratch, scratch->piece_start);
	piece->unused = plat__scratch_unused(scratch);
	scratch->piece = piece->older;
	plat__scratch_return_to_piece(scratch, &piece->before);
	keep_piece(scratch, piece);
}

void plat_scratch_fini(struct plat_scratch *scratch)
{
	while (scratch->piece)
		pop_piece(scratch);
	free_piece(scratch, scratch->spare);
	if (scratch->first_size > 0)
		plat__scratch_unmap(scratch->mode, scratch->first, scratch->first_size);
	else
		plat__scratch_open(scratch->mode, scratch->first, scratch->piece_end);
	memset(scratch, 0, sizeof(*scratch));
}

/* --- what is taken, and given back --- */

static void *take(struct plat_scratch *scratch, size_t size, size_t alignment)
{
	void *p = plat__scratch_cut(scratch, size, alignment);

	if (!p && push_piece(scratch, size, alignment))
		p = plat__scratch_cut(scratch, size, alignment);
	return p;
}

static void *take_slowly(struct plat_scratch *scratch, size_t size, size_t alignment)
{
	bool was_shown;
	void *p;

	if (scratch->mode == PLAT__SCRATCH_NOTHING || scratch->busy || alignment == 0 ||
	    (alignment & (alignment - 1)) != 0 || alignment > ALIGNMENT_MOST || size > SIZE_MAX / 4)
		return NULL;
	if (alignment < PLAT__SCRATCH_ALIGNMENT)
		alignment = PLAT__SCRATCH_ALIGNMENT;
	was_shown = begin_change(scratch);
	p = take(scratch, size, alignment);
	end_change(scratch, was_shown);
	return p;
}

void *plat__scratch_take_slowly(struct plat_scratch *scratch, size_t size)
{
	return take_slowly(scratch, size, PLAT__SCRATCH_ALIGNMENT);
}

/* Called by those who inline nothing, it does as well what is inline elsewhere. */
void *plat_scratch_take_aligned(struct plat_scratch *scratch, size_t size, size_t alignment)
{
	if (alignment == PLAT__SCRATCH_ALIGNMENT)
		return plat_scratch_take(scratch, size);
	return take_slowly(scratch, size, alignment);
}

static bool holds(const struct plat_scratch *scratch, const char *p)
{
	return p >= scratch->piece_start && p <= scratch->at;
}

void plat__scratch_unwind_slowly(struct plat_scratch *scratch, struct plat_scratch_mark mark)
{
	bool was_shown;

	if (scratch->mode == PLAT__SCRATCH_NOTHING)
		return;
	was_shown = begin_change(scratch);
	while (!holds(scratch, mark.at) && scratch->piece)
		pop_piece(scratch);
	if (!holds(scratch, mark.at))
		complain(scratch, mark.at);
	plat__scratch_give_back(scratch, mark.at);
	end_change(scratch, was_shown);
}

void plat_scratch_unwind(struct plat_scratch *scratch, struct plat_scratch_mark mark)
{
	plat_scratch_release(scratch, mark);
}
