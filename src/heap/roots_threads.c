/*
 * A thread's stack is a root from its stack pointer on:
 *
 *     | earlier calls | red zone | frames ................ | TLS, descriptor |
 *                                ^ sp
 *
 * What lies below is left over. A thread in a signal handler can stand on a stack of its own; the
 * kernel has then put a frame there, which says where that stack lies, and where the thread was:
 *
 *     | handler's frames ... | flags, link, | ss_sp, ss_flags, ss_size | registers ... rsp ... |
 *       ^ sp                   ucontext_t
 *
 * (Linux arch/x86/include/uapi/asm/ucontext.h, sigcontext.h.) Without such a frame all of its own
 * stack counts.
 */
#include "heap/roots_parts.h"

#include "space/mangle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RED_ZONE 128 /* below the stack pointer, for functions that call no others; x86-64 */
#define FRAME_BEFORE ((size_t)64 * 1024) /* bytes of a handler's frames that are looked through */
#define FRAME_WORDS 26			 /* from ss_sp to the last of the registers */
#define FRAME_SIZE 2			 /* which word is what, counted from ss_sp */
#define FRAME_SP (3 + 15)

static int by_tid(const void *a, const void *b)
{
	const struct root_registers *x = *(const struct root_registers *const *)a;
	const struct root_registers *y = *(const struct root_registers *const *)b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* All registers, by the number of their thread. */
struct by_tid {
	const struct root_registers **list;
	size_t n;
};

static int sort_registers(const struct roots_input *input, struct by_tid *ret)
{
	size_t i;

	ret->list = malloc((input->nregisters + 1) * sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	ret->n = input->nregisters;
	for (i = 0; i < ret->n; i++)
		ret->list[i] = &input->registers[i];
	qsort(ret->list, ret->n, sizeof(*ret->list), by_tid);
	return 0;
}

static const struct root_registers *registers_of(const struct by_tid *all, int tid)
{
	const struct root_registers key = {.tid = tid}, *at = &key, **found;

	found = bsearch(&at, all->list, all->n, sizeof(*all->list), by_tid);
	return found ? *found : NULL;
}

/*
 * Registers.
 */

/* A block of no bytes can stand where nothing is held. */
static bool is_claimed(const struct roots_making *making, uint64_t word)
{
	const struct range *range = ranges_from(making->input->claimed, word);
	uint64_t offset;

	return (range && range->start <= word) ||
	       block_index_find(making->input->index, word, &offset) != NO_BLOCK;
}

static int take_registers(struct roots_making *making, uint32_t thread,
			  const struct root_registers *registers)
{
	const struct mangle *mangle = &making->input->mangle;
	struct root_origin origin = ORIGIN_NONE;
	size_t at;
	int r = 0;

	origin.kind = ROOT_REGISTER;
	origin.thread = thread;
	for (at = 0; r == 0 && at + making->width <= registers->size; at += making->width) {
		uint64_t word = 0;

		memcpy(&word, registers->bytes + at, making->width);
		origin.is_mangled = !is_claimed(making, word) && mangle->width == making->width;
		if (origin.is_mangled)
			word = mangle_undo(mangle, word);
		if (!is_claimed(making, word))
			continue;
		origin.place = (uint32_t)at;
		origin.is_vector = at >= registers->general;
		r = roots_begin(making, &origin);
		if (r == 0)
			r = roots_add_word(making, word);
	}
	return r;
}

/*
 * TLS.
 */

/*
 * glibc's descriptor points into the vector of TLS blocks, two words behind the beginning of its
 * block (elf/dl-tls.c, allocate_dtv).
 */
static int add_vector(struct roots_making *making, plat_addr descriptor)
{
	plat_addr vector;

	if (!mangle_is_glibc(making->input->reader, descriptor, making->width, &vector))
		return 0;
	return roots_add_word(making, vector - 2 * making->width);
}

static int take_tls(struct roots_making *making, const struct thread *thread,
		    struct root_origin origin)
{
	int r;

	if (thread->tls_start >= thread->tls_end)
		return 0;
	origin.kind = ROOT_TLS;
	origin.is_kept = !thread->tid;
	r = roots_begin(making, &origin);
	/* The variables of a thread that has ended are nobody's. */
	if (r == 0)
		r = roots_add(making,
			      thread->tid || thread->descriptor == UNKNOWN ? thread->tls_start
									   : thread->descriptor,
			      thread->tls_end);
	if (r == 0 && thread->descriptor != UNKNOWN)
		r = add_vector(making, thread->descriptor);
	ranges_add(&making->taken, thread->tls_start, thread->tls_end);
	return r;
}

/*
 * Stacks.
 */

/*
 * A stack can lie in a block. Where one ends is not always known, and behind it may lie others'
 * memory: of what allocators have, only the block that it begins in is a stack.
 */
static int add_piece(struct roots_making *making, plat_addr from, plat_addr end)
{
	const struct block_index *index = making->input->index;
	uint64_t offset;
	uint32_t block = block_index_find(index, from, &offset);
	plat_addr inside = from;
	int r;

	if (block != NO_BLOCK)
		inside = min_u64(end, add_capped(from - offset, block_size_of(index, block)));
	r = roots_add(making, from, inside);
	return r == 0 ? roots_add_outside(making, making->input->claimed, inside, end) : r;
}

/* From here to the end of the stack, but for what is TLS. */
static int add_stack(struct roots_making *making, const struct thread *thread, plat_addr from)
{
	int r;

	if (thread->tls_end <= from || thread->tls_start >= thread->stack_end)
		return add_piece(making, from, thread->stack_end);
	r = add_piece(making, from, thread->tls_start);
	return r == 0 ? add_piece(making, thread->tls_end, thread->stack_end) : r;
}

static plat_addr below_red_zone(const struct roots_making *making, plat_addr sp)
{
	return sub_floored(sp, making->width == 8 ? RED_ZONE : 0);
}

/* Where a stack ends of which only the stack pointer is known: with its block, or its region. */
static plat_addr end_of_stack(const struct roots_making *making, plat_addr sp)
{
	const struct block_index *index = making->input->index;
	const struct region *region = space_find(making->input->space, sp);
	uint64_t offset;
	uint32_t block = block_index_find(index, sp, &offset);

	if (block != NO_BLOCK)
		return add_capped(sp - offset, block_size_of(index, block));
	return region ? region->end : sp;
}

/* Where a signal stack lies, and where the thread was when the signal came. */
struct signal_frame {
	plat_addr start, end, sp;
};

/* Words in a row can mean many things: a stack lies in one piece of memory, and is not all of it.
 */
static bool is_stack(const struct roots_making *making, const struct signal_frame *frame,
		     plat_addr sp)
{
	const struct region *region = space_find(making->input->space, sp);

	return region && region->start <= frame->start && frame->start <= sp && sp < frame->end &&
	       frame->end <= region->end;
}

static bool is_frame(const struct roots_making *making, const uint64_t words[FRAME_WORDS],
		     const struct thread *thread, plat_addr sp, struct signal_frame *ret)
{
	const struct signal_frame frame = {words[0], add_capped(words[0], words[FRAME_SIZE]),
					   words[FRAME_SP]};

	if (!is_stack(making, &frame, sp) || frame.sp < thread->stack_start ||
	    frame.sp >= thread->stack_end)
		return false;
	*ret = frame;
	return true;
}

static bool find_frame(const struct roots_making *making, const struct thread *thread, plat_addr sp,
		       plat_addr end, struct signal_frame *ret)
{
	plat_addr at = align_up(sp, 8);
	size_t size = (size_t)min_u64(sub_floored(end, at), FRAME_BEFORE), i;
	uint64_t *words = malloc(FRAME_BEFORE);
	bool found = false;

	if (words && making->width == 8 && size > 0 &&
	    reader_read(making->input->reader, at, words, size) == 0)
		for (i = 0; !found && i + FRAME_WORDS <= size / 8; i++)
			found = is_frame(making, words + i, thread, sp, ret);
	free(words);
	return found;
}

/* The thread stands elsewhere than on its own stack. */
static int take_signal_stack(struct roots_making *making, const struct thread *thread,
			     struct root_origin origin, plat_addr sp)
{
	struct signal_frame frame = {.end = end_of_stack(making, sp), .sp = UNKNOWN};
	plat_addr start = below_red_zone(making, sp), from = thread->stack_start;
	bool has_frame = find_frame(making, thread, sp, frame.end, &frame);
	int r;

	if (has_frame)
		from = max_u64(from, below_red_zone(making, frame.sp));
	origin.is_signal_stack = true;
	r = roots_begin(making, &origin);
	if (r == 0)
		r = add_piece(making, start, frame.end);
	ranges_add(&making->taken, has_frame ? frame.start : start, frame.end);
	origin.is_signal_stack = false;
	if (r == 0)
		r = roots_begin(making, &origin);
	return r == 0 ? add_stack(making, thread, from) : r;
}

/*
 * Where only the stack pointer tells that there is a stack, it is taken to be a whole mapping,
 * which may be of many things: TLS that lies apart, for one.
 */
static plat_addr start_of_stack(const struct roots_making *making, const struct thread *thread,
				plat_addr sp)
{
	return thread->is_whole_mapping && sp >= thread->stack_start && sp < thread->stack_end
		       ? max_u64(thread->stack_start, below_red_zone(making, sp))
		       : thread->stack_start;
}

static int take_stack(struct roots_making *making, const struct thread *thread,
		      struct root_origin origin, plat_addr sp)
{
	bool is_there = sp != UNKNOWN && sp >= thread->stack_start && sp < thread->stack_end;
	int r;

	origin.kind = ROOT_STACK;
	making->nwithout_sp += sp == UNKNOWN;
	ranges_add(&making->taken, start_of_stack(making, thread, sp), thread->stack_end);
	if (sp != UNKNOWN && !is_there)
		return take_signal_stack(making, thread, origin, sp);
	r = roots_begin(making, &origin);
	if (r < 0)
		return r;
	return add_stack(making, thread,
			 is_there ? max_u64(thread->stack_start, below_red_zone(making, sp))
				  : thread->stack_start);
}

/*
 * All threads.
 */

static int take_thread(struct roots_making *making, const struct by_tid *all, uint32_t i)
{
	const struct thread *thread = &making->input->space->threads[i];
	const struct root_registers *registers = NULL;
	struct root_origin origin = ORIGIN_NONE;
	plat_addr sp = thread->sp;
	int r;

	origin.thread = i;
	r = take_tls(making, thread, origin);
	/* Kept for a later thread; or the first thread, which has ended before the others. */
	if (!thread->tid || thread->state == 'Z' || thread->state == 'X') {
		ranges_add(&making->taken, thread->stack_start, thread->stack_end);
		return r;
	}
	making->nthreads++;
	registers = registers_of(all, thread->tid);
	if (registers && registers->sp != UNKNOWN)
		sp = registers->sp;
	making->nwithout_registers += !registers;
	if (r == 0 && registers)
		r = take_registers(making, i, registers);
	return r == 0 ? take_stack(making, thread, origin, sp) : r;
}

int roots_of_threads(struct roots_making *making)
{
	struct by_tid all;
	uint32_t i;
	int r = sort_registers(making->input, &all);

	if (r < 0)
		return r;
	for (i = 0; r == 0 && i < making->input->space->nthreads; i++)
		r = take_thread(making, &all, i);
	free(all.list);
	return r;
}
