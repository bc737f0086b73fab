/*
 * Finding, opening, and the walk from span to span. The bins are known by what they hold:
 *
 *     map | lock 0 | head 0 | tail 0 | lock 1 | head 1 | tail 1 | ...      in libc's .bss
 *
 * An empty bin's head and tail lead to where the bin itself would be a chunk; those of others lead
 * to chunks that lead back; a bin that was never used is zeros.
 *
 * musl 1.1.24 src/malloc/malloc.c, src/internal/malloc_impl.h
 */
#include "heap/oldmalloc.h"

#include "base/list.h"
#include "heap/oldmalloc_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGES_MOST ((uint64_t)1 << 22)
#define INNER_MOST ((uint64_t)1 << 20)
#define GRAINS_MOST ((uint64_t)1 << 24)

struct finding {
	struct musl_search search; /* first */
	struct reader *reader;
	plat_addr at;
};

static int look(struct musl_search *search, plat_addr at, const unsigned char *bytes)
{
	struct finding *finding = (struct finding *)search;

	if (!old_bins_look_right(finding->reader, bytes, search->word, at))
		return 0;
	finding->at = at;
	return 1;
}

static int open_oldmalloc(const struct space *space, struct reader *reader,
			  struct heap_reading **ret, struct error *err)
{
	struct finding finding = {
		.search = {.size_of = old_bins_bytes, .look = look},
		.reader = reader,
	};
	struct oldmalloc *old;
	int r = musl_search(space, reader, &finding.search);

	if (r < 0)
		return fail(err, -r, "the heap of musl's oldmalloc");
	old = calloc(1, sizeof(*old));
	if (!old)
		return fail(err, ENOMEM, "the heap of musl's oldmalloc");
	old->reading.type = &oldmalloc_type;
	old->reading.space = space;
	old->reading.reader = reader;
	old->reading.module = finding.search.module;
	old->reading.state_bytes = 0; /* it lies in libc's memory */
	snprintf(old->reading.version, sizeof(old->reading.version), "oldmalloc");
	old->word = finding.search.word;
	old->at = finding.at;
	*ret = &old->reading;
	return 0;
}

static void close_oldmalloc(struct heap_reading *heap)
{
	free(heap->arenas);
	free(heap->classes);
	free(heap->proofs.list);
	free(heap);
}

/*
 * The walk.
 */

static int make_lists(struct oldmalloc *old)
{
	struct heap_reading *heap = &old->reading;
	unsigned i;

	if (!heap->classes)
		heap->classes = calloc(OLD_NCLASSES, sizeof(*heap->classes));
	if (!heap->classes || list_reserve(&heap->arenas, &heap->arenas_room, 0, OLD_NARENAS) < 0)
		return -ENOMEM;
	heap->nclasses = OLD_NCLASSES;
	heap->narenas = OLD_NARENAS;
	for (i = 0; i < OLD_BINS; i++)
		heap->classes[i] = (struct heap_class){.number = i};
	heap->classes[OLD_CLASS_MAPPED] =
		(struct heap_class){.name = "mapping", .number = OLD_CLASS_MAPPED};
	heap->classes[OLD_CLASS_REGION] =
		(struct heap_class){.name = "region", .number = OLD_CLASS_REGION};
	heap->arenas[OLD_ARENA_MAIN] =
		(struct heap_arena){.kind = ARENA_MAIN, .number = 1, .address = old->at};
	heap->arenas[OLD_ARENA_MAPPED] =
		(struct heap_arena){.kind = ARENA_MAPPED, .number = 2, .address = UNKNOWN};
	return 0;
}

static void begin(struct heap_reading *heap)
{
	struct heap_proof *list = heap->proofs.list;
	size_t room = heap->proofs.room;

	heap->sums = (struct heap_sums){0};
	heap->proofs = (struct heap_proofs){.list = list, .room = room};
}

static int walk_spans(struct old_walk *walk)
{
	struct old_span *spans = NULL;
	size_t n = 0, i;
	int r = old_spans(walk->old, &spans, &n);

	for (i = 0; r == 0 && i < n; i++)
		r = old_take_span(walk, &spans[i]);
	free(spans);
	return r;
}

/* Of a process that stands still, more than its threads can have under way is damage. */
static void judge_calls(struct old_walk *walk)
{
	struct heap_proofs *proofs = &walk->old->reading.proofs;
	uint64_t most = musl_calls_most(walk->old->reading.space);

	if (walk->has_moved || walk->ncalls <= most || old_bins_have_changed(walk))
		return;
	proofs->unsteady -= walk->ncalls - most;
	proofs->broken += walk->ncalls - most - 1;
	musl_say_broken(proofs, walk->last_call,
			"more calls of malloc and free are under way than there are threads");
}

void old_take_call(struct old_walk *walk, plat_addr at, const char *what)
{
	musl_say_call(&walk->old->reading.proofs, at, what);
	walk->ncalls++;
	walk->last_call = at;
}

static void add_up(struct heap_reading *heap)
{
	unsigned i;

	for (i = 0; i < OLD_NCLASSES; i++) {
		unsigned arena = i == OLD_CLASS_MAPPED ? OLD_ARENA_MAPPED : OLD_ARENA_MAIN;

		heap_sums_add(&heap->arenas[arena].sums, &heap->classes[i].sums);
	}
	for (i = 0; i < OLD_NARENAS; i++)
		heap_sums_add(&heap->sums, &heap->arenas[i].sums);
}

int old_show(struct old_walk *walk, const struct block *block)
{
	struct heap_class *class = &walk->old->reading.classes[block->class];

	class->slabs++;
	class->sums.held = add_capped(class->sums.held, block->extent);
	heap_sums_count(&class->sums, block);
	return musl_show_block(walk->visitor, block);
}

static int walk_oldmalloc(struct heap_reading *heap, const struct heap_visitor *visitor)
{
	struct oldmalloc *old = (struct oldmalloc *)heap;
	struct old_walk walk = {
		.old = old,
		.visitor = visitor,
		.page_size = heap->space->machine.page_size,
		.pages_left = PAGES_MOST,
		.inner_left = INNER_MOST,
		.grains_left = GRAINS_MOST,
	};
	int r = make_lists(old);

	if (r < 0)
		return r;
	if (walk.page_size < 4096 || walk.page_size > 1 << 20)
		walk.page_size = 4096;
	begin(heap);
	old_bins_keep(&walk);
	walk.window = malloc(OLD_WINDOW_BYTES);
	r = walk.window ? walk_spans(&walk) : -ENOMEM;
	if (r == 0)
		r = heap_show_state(visitor, old->at,
				    add_capped(old->at, old_bins_bytes(old->word)));
	judge_calls(&walk);
	add_up(heap);
	if (r == 0)
		r = old_prove(&walk);
	free(walk.window);
	return r;
}

/* By its size, which alone says it; where the chunk behind it in its bin leads back to it. */
static struct shelf find_shelf(struct heap_reading *reading, const struct block *block)
{
	const struct oldmalloc *old = (const struct oldmalloc *)reading; /* its first member */
	plat_addr chunk = block->address - old_overhead(old), next = 0, back = 0;
	struct shelf shelf = {.number = NO_NUMBER};
	unsigned char bytes[8];

	if (reader_read(reading->reader, chunk + 2 * old->word, bytes, old->word) == 0)
		next = musl_word(bytes, old->word);
	if (reader_read(reading->reader, next + 3 * old->word, bytes, old->word) == 0)
		back = musl_word(bytes, old->word);
	if (back != chunk || block->extent < old_grain(old))
		return shelf;
	shelf.name = "bin";
	shelf.number = old_bin_of(old, block->extent);
	return shelf;
}

const struct heap_type oldmalloc_type = {
	.name = "musl",
	.open = open_oldmalloc,
	.walk = walk_oldmalloc,
	.find_shelf = find_shelf,
	.close = close_oldmalloc,
};
