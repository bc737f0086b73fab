/*
 * Finding and opening. The context has its secret, and so has each area of metas; nothing else has:
 *
 *     context | secret | 1 | ... | first area | ... |      in libc's .bss
 *                                       |
 *     area    | secret | next | n | meta 0 | meta 1 | ...  at a multiple of 4096
 *
 * musl 1.2.5 src/malloc/mallocng/meta.h
 */
#include "heap/mallocng.h"

#include "base/list.h"
#include "heap/mallocng_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define INIT_DONE_AT 8
#define LISTS_AT 16   /* pointers and sizes follow each other from here on */
#define ACTIVE_LIST 8 /* so many words behind LISTS_AT */
#define USAGE_LIST (ACTIVE_LIST + NG_CLASSES)
#define BYTES_BEHIND_LISTS 72 /* unmap_seq, bounces, seq, and brk where a word has 4 bytes */

size_t ng_context_bytes(unsigned word)
{
	return LISTS_AT + (size_t)(USAGE_LIST + NG_CLASSES) * word + BYTES_BEHIND_LISTS;
}

void ng_context_parse(const unsigned char *bytes, unsigned word, struct ng_context *ret)
{
	const unsigned char *lists = bytes + LISTS_AT;
	unsigned i;

	ret->secret = musl_word(bytes, 8);
	ret->init_done = musl_u32(bytes + INIT_DONE_AT);
	ret->free_meta_head = musl_word(lists, word);
	ret->avail_meta_count = musl_word(lists + (size_t)2 * word, word);
	ret->area_head = musl_word(lists + (size_t)5 * word, word);
	ret->area_tail = musl_word(lists + (size_t)6 * word, word);
	for (i = 0; i < NG_CLASSES; i++)
		ret->usage[i] = musl_word(lists + (size_t)(USAGE_LIST + i) * word, word);
}

struct finding {
	struct musl_search search; /* first */
	struct reader *reader;
	plat_addr at;
	struct ng_context context;
};

/* Whether what looks like a context leads to an area with its secret. */
static int look(struct musl_search *search, plat_addr at, const unsigned char *bytes)
{
	struct finding *finding = (struct finding *)search;
	struct ng_context *context = &finding->context;
	unsigned char check[8];

	if (musl_u32(bytes + INIT_DONE_AT) != 1)
		return 0;
	ng_context_parse(bytes, search->word, context);
	if (context->secret == 0 || context->area_head == 0 || context->area_tail == 0 ||
	    !is_aligned(context->area_head, NG_AREA_BYTES) ||
	    !is_aligned(context->area_tail, NG_AREA_BYTES))
		return 0;
	if (reader_read(finding->reader, context->area_head, check, sizeof(check)) < 0 ||
	    musl_word(check, 8) != context->secret)
		return 0;
	finding->at = at;
	return 1;
}

static int open_context(const struct space *space, const struct finding *finding,
			struct heap_reading **ret)
{
	struct mallocng *ng = calloc(1, sizeof(*ng));

	if (!ng)
		return -ENOMEM;
	ng->reading.type = &mallocng_type;
	ng->reading.space = space;
	ng->reading.reader = finding->reader;
	ng->reading.module = finding->search.module;
	ng->reading.state_bytes = UNKNOWN;
	snprintf(ng->reading.version, sizeof(ng->reading.version), "mallocng");
	ng->word = finding->search.word;
	ng->at = finding->at;
	ng->context = finding->context;
	*ret = &ng->reading;
	return 0;
}

static int open_mallocng(const struct space *space, struct reader *reader,
			 struct heap_reading **ret, struct error *err)
{
	struct finding finding = {
		.search = {.size_of = ng_context_bytes, .look = look},
		.reader = reader,
	};
	int r = musl_search(space, reader, &finding.search);

	if (r == 0)
		r = open_context(space, &finding, ret);
	return r < 0 ? fail(err, -r, "the heap of musl's mallocng") : 0;
}

static void close_mallocng(struct heap_reading *heap)
{
	struct mallocng *ng = (struct mallocng *)heap;

	free(ng->areas);
	free(ng->groups);
	free(heap->arenas);
	free(heap->classes);
	free(heap->proofs.list);
	free(ng);
}

/*
 * The walk.
 */

static int make_lists(struct heap_reading *heap)
{
	unsigned i;

	if (!heap->classes)
		heap->classes = calloc(NG_NCLASSES, sizeof(*heap->classes));
	if (!heap->classes || list_reserve(&heap->arenas, &heap->arenas_room, 0, NG_NARENAS) < 0)
		return -ENOMEM;
	heap->nclasses = NG_NCLASSES;
	heap->narenas = NG_NARENAS;
	for (i = 0; i < NG_CLASSES; i++)
		heap->classes[i] = (struct heap_class){.number = i, .stride = ng_class_stride(i)};
	heap->classes[NG_CLASS_ALONE] = (struct heap_class){.name = "mapping", .number = NG_ALONE};
	return 0;
}

static void begin(struct mallocng *ng)
{
	struct heap_proof *list = ng->reading.proofs.list;
	size_t room = ng->reading.proofs.room;

	ng->reading.sums = (struct heap_sums){0};
	ng->reading.proofs = (struct heap_proofs){.list = list, .room = room};
	ng->reading.arenas[NG_ARENA_GROUPS] =
		(struct heap_arena){.kind = ARENA_GROUPS, .number = 1, .address = ng->at};
	ng->reading.arenas[NG_ARENA_MAPPED] =
		(struct heap_arena){.kind = ARENA_MAPPED, .number = 2, .address = UNKNOWN};
}

static void add_up(struct heap_reading *heap)
{
	unsigned i;

	for (i = 0; i < NG_NCLASSES; i++) {
		struct heap_class *class = &heap->classes[i];
		unsigned arena = i == NG_CLASS_ALONE ? NG_ARENA_MAPPED : NG_ARENA_GROUPS;

		heap_sums_add(&heap->arenas[arena].sums, &class->sums);
	}
	for (i = 0; i < NG_NARENAS; i++)
		heap_sums_add(&heap->sums, &heap->arenas[i].sums);
}

static int walk_groups(struct ng_walk *walk)
{
	int r = 0;

	while (r == 0 && walk->next < walk->ng->ngroups)
		r = ng_take_group(walk);
	return r;
}

static int show_states(const struct mallocng *ng, const struct heap_visitor *visitor)
{
	size_t i;
	int r = heap_show_state(visitor, ng->at, add_capped(ng->at, ng_context_bytes(ng->word)));

	for (i = 0; r == 0 && i < ng->nareas; i++)
		r = heap_show_state(visitor, ng->areas[i], add_capped(ng->areas[i], NG_AREA_BYTES));
	return r;
}

static int walk_mallocng(struct heap_reading *heap, const struct heap_visitor *visitor)
{
	struct mallocng *ng = (struct mallocng *)heap;
	struct ng_walk walk = {.ng = ng, .visitor = visitor};
	int r = make_lists(heap);

	if (r < 0)
		return r;
	begin(ng);
	r = ng_collect(ng);
	walk.window = r == 0 ? malloc(NG_WINDOW_BYTES) : NULL;
	if (r == 0 && !walk.window)
		r = -ENOMEM;
	if (r == 0)
		r = walk_groups(&walk);
	if (r == 0)
		r = show_states(ng, visitor);
	add_up(heap);
	ng_judge_calls(&walk);
	if (r == 0)
		r = ng_prove(&walk);
	free(walk.window);
	return r;
}

/*
 * Of two masks of the slot's group. Slots that were freed are handed out again only when none of
 * those is left that are available.
 */
static struct shelf shelf_in(const struct ng_meta *meta, plat_addr address)
{
	plat_addr first = meta->mem + NG_UNIT;
	struct shelf shelf = {.number = NO_NUMBER};
	uint64_t slot;

	if (ng_what_is_wrong(meta) || address < first)
		return shelf;
	slot = (address - first) / ng_stride(meta);
	if (slot >= meta->nslots)
		return shelf;
	if (meta->avail >> slot & 1)
		shelf.name = "available";
	else if (meta->freed >> slot & 1)
		shelf.name = "freed";
	return shelf;
}

/* Groups lie in slots of others: the last in which it is free is the innermost. */
static struct shelf find_shelf(struct heap_reading *reading, const struct block *block)
{
	const struct mallocng *ng = (const struct mallocng *)reading; /* its first member */
	struct shelf found = {.number = NO_NUMBER};
	unsigned char bytes[64];
	struct ng_meta meta;
	size_t i;

	for (i = 0; i < ng->ngroups && ng->groups[i].mem <= block->address; i++) {
		struct shelf shelf;

		if (reader_read(reading->reader, ng->groups[i].meta, bytes,
				ng_meta_bytes(ng->word)) < 0)
			continue;
		ng_meta_parse(bytes, ng->word, &meta);
		shelf = shelf_in(&meta, block->address);
		if (shelf.name)
			found = shelf;
	}
	return found;
}

const struct heap_type mallocng_type = {
	.name = "musl",
	.open = open_mallocng,
	.walk = walk_mallocng,
	.find_shelf = find_shelf,
	.close = close_mallocng,
};
