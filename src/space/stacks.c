/*
 * Both C libraries keep a thread's descriptor at the top of its stack's mapping, and its first
 * words give it away: it begins with its own address.
 *
 *     glibc   | guard | stack ................ | static TLS | struct pthread |
 *                            ^ sp                            ^ tcb == self == here
 *     musl    | guard | stack ............ | static TLS | struct pthread | keys |
 *
 * glibc: tcb, dtv, self (sysdeps/x86_64/nptl/tls.h), then the list that links all descriptors,
 * right before the tid; and further on the block that was mapped, its size, and the guard's size.
 * musl: self, dtv, prev, next (src/internal/pthread_impl.h), then mapping, size, stack, its size.
 *
 * Offsets that moved between versions are found by what they hold. One descriptor leads to all
 * others by the list, also to those of threads that were running and so had no stack pointer to
 * start from, and to the stacks that glibc keeps. Nothing found is believed before it is checked
 * against the mappings: the memory is the process's own.
 */
#include "space/stacks.h"

#include "base/list.h"

#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define DESCRIPTOR_MOST 0xa00  /* glibc 2.36: 0x900; musl: 0x100 */
#define SCAN_PAGES 4096	       /* pages read at most in search of one thread's descriptor */
#define SCAN_PAGES_ALL 65536   /* and of all: thousands of threads can have none that we know */
#define STACK_MOST (64 * MIB)  /* searched at most from a stack pointer upward */
#define LONELY_MOST (64 * MIB) /* without a descriptor, a stack is at most this big */
#define GUARD_MOST MIB	       /* what nobody can touch below a stack is its guard up to here */
#define KEPT_MOST 4096	       /* stacks kept by the C library that are shown */
#define TLS_MOST MIB

enum libc { LIBC_NONE, LIBC_GLIBC, LIBC_MUSL };

struct search {
	struct space *space;
	struct reader *reader;
	unsigned word;	    /* 8 or 4 bytes */
	unsigned pages;	    /* read so far for one thread; a candidate counts as a page */
	unsigned all_pages; /* and for all */
	enum libc libc;
	unsigned tid_offset;	  /* of the tid in glibc's descriptor; 0 not known */
	uint64_t descriptor_size; /* as learnt from a thread's stack; 0 not known */
	plat_addr any;		  /* a descriptor that was believed, or 0 */
};

/* The first bytes of a descriptor. */
struct descriptor {
	plat_addr at;
	unsigned word;
	unsigned char bytes[DESCRIPTOR_MOST];
};

static uint64_t word_at(const struct descriptor *d, unsigned offset)
{
	uint64_t value = 0;

	memcpy(&value, d->bytes + offset, d->word);
	return value;
}

static uint32_t int_at(const struct descriptor *d, unsigned offset)
{
	uint32_t value;

	memcpy(&value, d->bytes + offset, sizeof(value));
	return value;
}

static int read_word(const struct search *s, plat_addr at, uint64_t *ret)
{
	*ret = 0;
	return reader_read(s->reader, at, ret, s->word);
}

/*
 * Reads as much of a descriptor as its mapping holds; what lies beyond reads as zero. So does the
 * next page where it is absent: glibc 2.42 has stacks side by side in one mapping, and right above
 * a descriptor lies the guard of the next stack, which cannot be read.
 */
static int read_descriptor(const struct search *s, plat_addr at, struct descriptor *ret)
{
	const struct region *region = space_find(s->space, at);
	uint64_t size, in_page = s->space->machine.page_size - at % s->space->machine.page_size;
	int r;

	if (!region || !is_aligned(at, s->word))
		return -1;
	size = min_u64(region->end - at, sizeof(ret->bytes));
	if (size < 16 * s->word)
		return -1;
	*ret = (struct descriptor){.at = at, .word = s->word};
	r = reader_read(s->reader, at, ret->bytes, (size_t)size);
	if (r < 0 && in_page < size)
		r = reader_read(s->reader, at, ret->bytes, (size_t)in_page);
	return r;
}

static struct thread *thread_by_inner_tid(const struct space *space, uint32_t tid)
{
	size_t i;

	for (i = 0; tid != 0 && i < space->nthreads; i++)
		if ((uint32_t)space->threads[i].inner_tid == tid)
			return &space->threads[i];
	return NULL;
}

/* glibc: where in the descriptor `tid` stands. The list's two pointers come right before it. */
static unsigned find_tid_offset(const struct search *s, const struct descriptor *d, uint32_t tid)
{
	unsigned offset;

	for (offset = 16 * s->word; offset + 4 <= 0x400; offset += 4) {
		uint64_t next, back;

		if (int_at(d, offset) != tid || !is_aligned(offset, s->word))
			continue;
		next = word_at(d, offset - 2 * s->word);
		if (read_word(s, next + s->word, &back) == 0 &&
		    back == d->at + offset - 2 * s->word)
			return offset;
	}
	return 0;
}

/*
 * Whether this is a descriptor of glibc; then *ret is its thread, or NULL for one that has ended.
 */
static bool is_glibc(struct search *s, const struct descriptor *d, struct thread *expected,
		     struct thread **ret)
{
	if (word_at(d, 0) != d->at || word_at(d, 2 * s->word) != d->at)
		return false;
	if (s->tid_offset == 0 && expected)
		s->tid_offset = find_tid_offset(s, d, (uint32_t)expected->inner_tid);
	if (s->tid_offset == 0)
		return false;
	*ret = thread_by_inner_tid(s->space, int_at(d, s->tid_offset));
	return true;
}

static bool is_musl(const struct search *s, const struct descriptor *d, struct thread **ret)
{
	uint64_t prev = word_at(d, 2 * s->word), next = word_at(d, 3 * s->word), back;
	unsigned offset;

	if (word_at(d, 0) != d->at)
		return false;
	if (read_word(s, next + 2 * s->word, &back) < 0 || back != d->at)
		return false;
	if (read_word(s, prev + 3 * s->word, &back) < 0 || back != d->at)
		return false;
	for (offset = 4 * s->word; offset < 12 * s->word; offset += 4) {
		*ret = thread_by_inner_tid(s->space, int_at(d, offset));
		if (*ret)
			return true;
	}
	return false;
}

/* glibc: the mapped block, its size and its guard's size stand side by side in the descriptor. */
static void take_glibc_stack(const struct search *s, const struct descriptor *d,
			     struct thread *thread)
{
	uint64_t page = s->space->machine.page_size;
	unsigned offset;

	for (offset = 16 * s->word; offset + 3 * s->word <= DESCRIPTOR_MOST; offset += s->word) {
		uint64_t block = word_at(d, offset), size = word_at(d, offset + s->word);
		uint64_t guard = word_at(d, offset + 2 * s->word), end;

		if (block == 0 || block > d->at || !is_aligned(block, page) || size == 0 ||
		    !is_aligned(size, page) || !is_aligned(guard, page) || guard >= size ||
		    __builtin_add_overflow(block, size, &end) || end <= d->at)
			continue;
		thread->guard_start = block;
		thread->stack_start = block + guard;
		thread->stack_end = end;
		return;
	}
}

/*
 * The lowest static TLS block that the descriptor's vector (dtv) names, or the descriptor itself.
 */
static plat_addr lowest_tls(const struct search *s, const struct descriptor *d)
{
	plat_addr vector = word_at(d, s->word), lowest = d->at;
	unsigned stride = s->libc == LIBC_GLIBC ? 2 * s->word : s->word;
	uint64_t n, i, block;

	/* glibc counts in the entry before the vector, musl in the first. */
	if (read_word(s, s->libc == LIBC_GLIBC ? vector - stride : vector, &n) < 0)
		return lowest;
	for (i = 1; i <= min_u64(n, 1024); i++) {
		if (read_word(s, vector + i * stride, &block) < 0)
			break;
		if (block < lowest && block > sub_floored(d->at, TLS_MOST))
			lowest = block;
	}
	return lowest;
}

static void take_glibc(struct search *s, const struct descriptor *d, struct thread *thread)
{
	const struct region *region = space_find(s->space, d->at);

	thread->descriptor = d->at;
	if (!thread->is_main)
		take_glibc_stack(s, d, thread);
	thread->tls_start = lowest_tls(s, d);
	if (thread->stack_end) {
		thread->tls_end = thread->stack_end;
		if (!s->descriptor_size || s->descriptor_size > thread->stack_end - d->at)
			s->descriptor_size = thread->stack_end - d->at;
		if (thread->tls_start < thread->stack_start)
			thread->tls_start = d->at;
		return;
	}
	thread->tls_end = region->end;
	if (region->end - d->at > DESCRIPTOR_MOST)
		thread->tls_end = d->at + (s->descriptor_size ? s->descriptor_size : 0x900);
}

static bool is_stack_like(const struct region *region)
{
	return region && !(region->rights & RIGHT_SHARED) &&
	       (region->rights & (RIGHT_READ | RIGHT_WRITE)) == (RIGHT_READ | RIGHT_WRITE);
}

/*
 * What musl's descriptor says of memory: what was mapped and how much; where the stack begins, from
 * its top, and how much of it there is (src/thread/pthread_create.c). Of a stack of the program's
 * own it knows no guard, and TLS and descriptor lie at its top where they are small, and nothing
 * was mapped; else they have a mapping to themselves.
 *
 *     mapped for it         map | guard | bottom ..... top | TLS, descriptor | map + size
 *     the program's own           bottom ............. top | TLS, descriptor | bottom + size
 *     and a big TLS               bottom ... top       map | TLS, descriptor | map + size
 */
struct musl_stack {
	plat_addr map;
	uint64_t size;
	plat_addr top, bottom;
};

static bool read_musl_stack(const struct search *s, const struct descriptor *d, unsigned offset,
			    struct musl_stack *ret)
{
	uint64_t map = word_at(d, offset), size = word_at(d, offset + s->word), end;
	uint64_t top = word_at(d, offset + 2 * s->word);
	uint64_t stack = word_at(d, offset + 3 * s->word);

	if (top == 0 || stack == 0 || stack > top)
		return false;
	*ret = (struct musl_stack){map, size, top, top - stack};
	/* All of it, from the mapping or the stack on, holds the descriptor. */
	map = map ? map : ret->bottom;
	return map <= d->at && !__builtin_add_overflow(map, size, &end) && end > d->at;
}

static bool was_mapped(const struct search *s, const struct musl_stack *stack, plat_addr descriptor)
{
	return stack->map && is_aligned(stack->map, s->space->machine.page_size) &&
	       stack->map <= stack->bottom && stack->top <= descriptor;
}

/* Believed where it can be one and its thread stands on it. */
static bool is_own_stack(const struct search *s, const struct musl_stack *stack,
			 const struct thread *thread)
{
	const struct region *region = space_find(s->space, stack->top - 1);

	if (stack->map ? !is_aligned(stack->map, s->space->machine.page_size)
		       : stack->top > thread->descriptor)
		return false;
	return is_stack_like(region) && region->start <= stack->bottom &&
	       (thread->sp == UNKNOWN || (thread->sp >= stack->bottom && thread->sp < stack->top));
}

static void take_musl_stack(const struct search *s, const struct musl_stack *stack,
			    struct thread *thread)
{
	uint64_t page = s->space->machine.page_size;
	plat_addr end = (stack->map ? stack->map : stack->bottom) + stack->size;

	if (was_mapped(s, stack, thread->descriptor)) {
		thread->guard_start = stack->map;
		thread->stack_start = align_down(stack->bottom, page);
		thread->stack_end = end;
		thread->tls_start = stack->top;
	} else {
		thread->guard_start = thread->stack_start = align_up(stack->bottom, page);
		thread->stack_end = align_up(stack->map ? stack->top : end, page);
		thread->tls_start = stack->map ? thread->tls_start : stack->top;
	}
	thread->tls_end = end;
}

static void take_musl(struct search *s, const struct descriptor *d, struct thread *thread)
{
	const struct region *region = space_find(s->space, d->at);
	struct musl_stack stack;
	unsigned offset;

	thread->descriptor = d->at;
	thread->tls_start = lowest_tls(s, d);
	thread->tls_end = min_u64(region->end, d->at + 0x200);
	for (offset = 4 * s->word; offset + 4 * s->word <= 0x180; offset += s->word)
		if (read_musl_stack(s, d, offset, &stack) &&
		    (was_mapped(s, &stack, d->at) || is_own_stack(s, &stack, thread))) {
			take_musl_stack(s, &stack, thread);
			return;
		}
}

/* Believes a descriptor: gives its thread what it says. */
static void take(struct search *s, const struct descriptor *d, struct thread *thread)
{
	s->any = d->at;
	if (s->libc == LIBC_GLIBC)
		take_glibc(s, d, thread);
	else
		take_musl(s, d, thread);
}

/* Looks at one address. `expected` is the thread whose descriptor should be here. */
static bool try_at(struct search *s, plat_addr at, struct thread *expected)
{
	struct descriptor d;
	struct thread *found = NULL;

	if (read_descriptor(s, at, &d) < 0)
		return false;
	if (s->libc != LIBC_MUSL && is_glibc(s, &d, expected, &found) && found == expected)
		s->libc = LIBC_GLIBC;
	else if (s->libc != LIBC_GLIBC && is_musl(s, &d, &found) && found == expected)
		s->libc = LIBC_MUSL;
	else
		return false;
	take(s, &d, expected);
	return true;
}

static bool may_read(const struct search *s)
{
	return s->pages < SCAN_PAGES && s->all_pages < SCAN_PAGES_ALL;
}

static void count_page(struct search *s)
{
	s->pages++;
	s->all_pages++;
}

/* Searches [from, to) for the descriptor of `thread`, reading present pages only. */
static bool scan(struct search *s, plat_addr from, plat_addr to, struct thread *thread)
{
	uint64_t page = s->space->machine.page_size;
	unsigned char buffer[65536];
	plat_addr at, next;

	if (page > sizeof(buffer))
		return false;
	for (at = align_down(from, page); at < to && may_read(s); at = next) {
		uint64_t offset;

		next = at + page;
		count_page(s);
		if (reader_read(s->reader, at, buffer, (size_t)page) < 0)
			continue;
		/*
		 * glibc aligns descriptors to 64 bytes; musl only as the program's TLS is aligned.
		 */
		for (offset = 0; offset + s->word <= page; offset += s->word) {
			uint64_t word = 0;

			memcpy(&word, buffer + offset, s->word);
			if (word != at + offset || at + offset < align_down(from, 16))
				continue;
			if (!may_read(s))
				return false;
			count_page(s);
			if (try_at(s, at + offset, thread))
				return true;
		}
	}
	return false;
}

static bool has_code_name(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	return file && file->type == FILE_ORDINARY;
}

/* A mapping of a file, or what the kernel maps beside the dynamic linker: [vvar], [vdso]. */
static bool is_of_start(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	return has_code_name(space, region) ||
	       (file && file->type == FILE_SPECIAL && strncmp(file->name, "[v", 2) == 0);
}

static bool is_named_stack(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	return file && file->type == FILE_SPECIAL && strcmp(file->name, "[stack]") == 0;
}

#define END_SIZE (256 * 1024) /* what the dynamic linker takes lies this near to an end */

/*
 * The main thread's descriptor lies where the dynamic linker got memory at the start: in a small
 * mapping beside those of the program and its libraries, at the start of the heap, or in .bss. What
 * is mapped later can become one mapping with it: it lies at one of the ends then.
 */
static bool scan_for_main(struct search *s, struct thread *thread)
{
	struct space *space = s->space;
	size_t i;

	for (i = 0; i < space->nregions && may_read(s); i++) {
		const struct region *region = &space->regions[i];
		bool beside = (i > 0 && is_of_start(space, region - 1)) ||
			      (i + 1 < space->nregions && is_of_start(space, region + 1));
		plat_addr low_end = min_u64(region->end, region->start + END_SIZE);
		plat_addr high_start = max_u64(low_end, sub_floored(region->end, END_SIZE));

		if (!is_stack_like(region) || has_code_name(space, region) ||
		    is_named_stack(space, region))
			continue;
		if (!beside && region->start != space->start_brk)
			continue;
		if (scan(s, region->start, low_end, thread) ||
		    scan(s, high_start, region->end, thread))
			return true;
	}
	return false;
}

/* Adds a stack that the C library keeps. Threads move: the caller holds no pointer to one. */
static int add_kept(struct search *s, const struct descriptor *d)
{
	struct space *space = s->space;
	struct thread *thread;
	int r = list_reserve(&space->threads, &space->threads_room, space->nthreads, 1);

	if (r < 0)
		return r;
	thread = &space->threads[space->nthreads];
	*thread = (struct thread){.sp = UNKNOWN,
				  .sp_why = "no thread runs on it",
				  .descriptor = UNKNOWN,
				  .deepest = UNKNOWN};
	take(s, d, thread);
	if (thread->stack_end)
		space->nthreads++;
	return 0;
}

/* One descriptor, met in a list. */
static int meet(struct search *s, const struct descriptor *d, struct thread *thread, bool *kept)
{
	size_t i;

	*kept = false;
	if (thread) {
		if (thread->descriptor == UNKNOWN)
			take(s, d, thread);
		return 0;
	}
	for (i = 0; i < s->space->nthreads; i++)
		if (s->space->threads[i].descriptor == d->at)
			return 0;
	*kept = true;
	return add_kept(s, d);
}

/* Follows a list of glibc from `node`. Returns the node that is no descriptor's: the head; or 0. */
static plat_addr walk_list(struct search *s, plat_addr node, int *error)
{
	size_t left = s->space->nthreads + KEPT_MOST;
	unsigned list = s->tid_offset - 2 * s->word;
	plat_addr first = node, head = 0;
	bool kept;

	while (left--) {
		struct descriptor d;
		struct thread *thread = NULL;
		uint64_t next, back;

		if (read_word(s, node, &next) < 0 || read_word(s, next + s->word, &back) < 0 ||
		    back != node)
			return 0;
		if (read_descriptor(s, node - list, &d) == 0 && is_glibc(s, &d, NULL, &thread)) {
			*error = meet(s, &d, thread, &kept);
			if (*error < 0)
				return 0;
		} else {
			head = node;
		}
		node = next;
		if (node == first)
			return head;
	}
	return 0;
}

/* glibc 2.34 and later keep three heads side by side: used, user's own, cached; before: two. */
static int walk_lists(struct search *s)
{
	static const int beside[] = {-4, -2, 2, 4};
	plat_addr head;
	size_t i;
	int error = 0;

	if (s->libc != LIBC_GLIBC || !s->any || !s->tid_offset)
		return 0;
	head = walk_list(s, s->any + s->tid_offset - 2 * s->word, &error);
	for (i = 0; head && error == 0 && i < ARRAY_SIZE(beside); i++)
		walk_list(s, head + (plat_addr)(beside[i] * (int)s->word), &error);
	return error;
}

static void walk_ring(struct search *s)
{
	size_t left = s->space->nthreads + 1;
	plat_addr at = s->any;

	while (s->libc == LIBC_MUSL && at && left--) {
		struct descriptor d;
		struct thread *thread = NULL;

		if (read_descriptor(s, at, &d) < 0 || !is_musl(s, &d, &thread))
			return;
		if (thread->descriptor == UNKNOWN)
			take(s, &d, thread);
		at = word_at(&d, 3 * s->word);
		if (at == s->any)
			return;
	}
}

/*
 * Anonymous, or with a name of its own: prctl(PR_SET_VMA_ANON_NAME) since Linux 5.17, and
 * before 4.5 the kernel named what a thread's stack pointer pointed into.
 */
static bool is_anonymous(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	return !file || (file->type == FILE_SPECIAL && (strncmp(file->name, "[anon", 5) == 0 ||
							strncmp(file->name, "[stack:", 7) == 0));
}

static bool is_closed(const struct space *space, const struct region *region)
{
	return !(region->rights & (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)) &&
	       is_anonymous(space, region);
}

/*
 * A thread without a descriptor (made with clone(), or another C library) still stands on a stack:
 * the mapping that its stack pointer points into, if nothing else can be in it.
 */
static void take_mapping(struct space *space, struct thread *thread)
{
	size_t at = space_at_or_above(space, thread->sp), i;
	const struct region *region = space_find(space, thread->sp);
	bool bounded;

	if (!is_stack_like(region) || region_size(region) > LONELY_MOST ||
	    !is_anonymous(space, region))
		return;
	bounded = at == 0 || region[-1].end < region->start || is_closed(space, &region[-1]);
	if (!bounded || region->start == space->start_brk)
		return;
	for (i = 0; i < space->nthreads; i++) {
		const struct thread *other = &space->threads[i];

		if (other != thread && region->start <= other->sp && other->sp < region->end)
			return;
	}
	thread->guard_start = thread->stack_start = region->start;
	thread->stack_end = region->end;
	thread->is_whole_mapping = true;
}

/*
 * Of stacks that programs have made themselves, with pthread_attr_setstack() or clone(), the C
 * library knows no guard: it is what nobody can touch right below.
 */
static void take_guard_below(const struct space *space, struct thread *thread)
{
	size_t at = space_at_or_above(space, thread->stack_start);
	const struct region *below;

	if (at == 0 || thread->guard_start != thread->stack_start)
		return;
	below = &space->regions[at - 1];
	if (below->end == thread->stack_start && is_closed(space, below) &&
	    region_size(below) <= GUARD_MOST)
		thread->guard_start = below->start;
}

/*
 * The main thread's stack is the mapping that the kernel names so, and what touches it from below:
 * mprotect() cuts it, and then only the piece where it began has the name. The kernel lets nobody
 * else map there (stack_guard_gap).
 */
static void take_main_stack(struct space *space)
{
	size_t i, t, low;

	for (i = space->nregions; i-- > 0;) {
		if (!is_named_stack(space, &space->regions[i]))
			continue;
		for (low = i; low > 0; low--) {
			const struct region *below = &space->regions[low - 1];

			if (below->end != below[1].start || below->file != NO_FILE ||
			    (below->rights & RIGHT_SHARED))
				break;
		}
		for (t = 0; t < space->nthreads; t++) {
			struct thread *thread = &space->threads[t];

			if (!thread->is_main)
				continue;
			thread->guard_start = thread->stack_start = space->regions[low].start;
			thread->stack_end = space->regions[i].end;
		}
		return;
	}
}

int stacks_find(struct space *space, struct reader *reader)
{
	struct search s = {
		.space = space,
		.reader = reader,
		.word = space->process.bits == 32 ? 4 : 8,
	};
	size_t i, nthreads = space->nthreads;
	int r = 0;

	for (i = 0; reader && i < nthreads; i++) {
		struct thread *thread = &space->threads[i];
		const struct region *region;

		if (thread->is_main || thread->sp == UNKNOWN || thread->descriptor != UNKNOWN)
			continue;
		region = space_find(space, thread->sp);
		if (!is_stack_like(region))
			continue;
		s.pages = 0;
		if (scan(&s, thread->sp, min_u64(region->end, thread->sp + STACK_MOST), thread)) {
			r = walk_lists(&s);
			walk_ring(&s);
			if (r < 0)
				return r;
		}
	}
	s.pages = 0;
	for (i = 0; reader && r == 0 && i < nthreads; i++) {
		struct thread *thread = &space->threads[i];

		/* All others may be on signal stacks, or their own, or have ended. */
		if (thread->is_main && thread->descriptor == UNKNOWN && scan_for_main(&s, thread)) {
			r = walk_lists(&s);
			walk_ring(&s);
		}
	}
	for (i = 0; i < nthreads; i++) {
		struct thread *thread = &space->threads[i];

		if (!thread->is_main && thread->sp != UNKNOWN && thread->stack_end == 0)
			take_mapping(space, thread);
		if (!thread->is_main && thread->stack_end != 0)
			take_guard_below(space, thread);
	}
	take_main_stack(space);
	return r;
}

/* Where the stack of a thread began when the thread did. */
static plat_addr stack_top(const struct space *space, const struct thread *thread)
{
	plat_addr start = space->process.start_stack;

	if (thread->is_main && start > thread->stack_start && start < thread->stack_end)
		return start;
	if (thread->tls_start > thread->stack_start && thread->tls_start < thread->stack_end)
		return thread->tls_start;
	return thread->stack_end;
}

uint64_t stack_used(const struct space *space, const struct thread *thread)
{
	if (thread->sp < thread->stack_start || thread->sp >= thread->stack_end)
		return UNKNOWN; /* not known, or on another stack */
	return sub_floored(stack_top(space, thread), thread->sp);
}

uint64_t stack_high_water(const struct space *space, const struct thread *thread)
{
	if (thread->deepest < thread->stack_start || thread->deepest >= thread->stack_end)
		return UNKNOWN;
	return sub_floored(stack_top(space, thread), thread->deepest);
}
