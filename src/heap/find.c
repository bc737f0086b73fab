#include "heap/find.h"

#include "base/text.h"
#include "heap/mallocng.h"
#include "heap/oldmalloc.h"
#include "heap/own.h"
#include "heap/ptmalloc.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Every reader there is: at most one heap of each is opened. */
static const struct heap_type *const types[] = {&own_type, &ptmalloc_type, &mallocng_type,
						&oldmalloc_type};

static_assert(ARRAY_SIZE(types) <= HEAPS_MOST, "each type finds room");

static bool is_of_kind(const struct allocator *allocator, const struct heap_type *type)
{
	return strcmp(allocator_name(allocator->kind), type->name) == 0;
}

/* The program's calls lead to it. A static program has but one, whatever is known of its kind. */
static bool is_used(const struct allocator *allocator, const struct heap_reading *heap)
{
	switch (allocator->how) {
	case ALLOCATOR_STATIC:
		return heap->module == allocator->provider;
	case ALLOCATOR_LINKED:
		return heap->module == allocator->provider && is_of_kind(allocator, heap->type);
	default:
		return false;
	}
}

static void put_first(struct heaps *heaps, size_t i)
{
	struct heap_reading *first = heaps->readings[0];

	heaps->readings[0] = heaps->readings[i];
	heaps->readings[i] = first;
	heaps->has_used = true;
}

/* The allocator's own state tells which of several copies is meant; else the type looks for one. */
static int open_one(const struct heap_type *type, const struct space *space, struct reader *reader,
		    struct heaps *heaps, struct error *err)
{
	const struct allocator *allocator = &heaps->allocator;
	struct heap_reading **ret = &heaps->readings[heaps->n];

	if (type == &own_type && allocator->state)
		return own_open_at(space, reader, allocator->provider, allocator->state, ret, err);
	return type->open(space, reader, ret, err);
}

static int open_all(const struct space *space, struct reader *reader, struct heaps *heaps)
{
	struct error err;
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		err = (struct error){""};
		r = open_one(types[i], space, reader, heaps, &err);
		if (r == -ENOMEM)
			return r;
		if (r == 0 && is_used(&heaps->allocator, heaps->readings[heaps->n++]))
			put_first(heaps, heaps->n - 1);
		if (r < 0 && is_of_kind(&heaps->allocator, types[i]))
			heaps->why = err;
	}
	return 0;
}

static void say_what_it_is(struct heaps *heaps, const struct space *space)
{
	const struct allocator *allocator = &heaps->allocator;
	char path[256];
	int r;

	text_escape(allocator_module_name(space, allocator->provider), path, sizeof(path), 0);
	if (allocator->how == ALLOCATOR_STATIC)
		r = fail(&heaps->why, -ENOTSUP,
			 "a static program, in whose memory no allocator was found that can be "
			 "read");
	else if (allocator->how == ALLOCATOR_LINKED)
		r = fail(&heaps->why, -ENOTSUP, "it uses %s, of %s, whose blocks cannot be read",
			 allocator_words(allocator->kind), path);
	else
		r = fail(&heaps->why, -ENOTSUP, "its allocator was not found: %s", allocator->why);
	(void)r;
}

int heaps_find(const struct space *space, struct reader *reader, struct heaps *ret)
{
	struct heaps heaps = {.n = 0};
	int r = allocator_find(space, reader, &heaps.allocator);

	if (r < 0)
		return r;
	r = open_all(space, reader, &heaps);
	if (r < 0) {
		heaps_close(&heaps);
		return r;
	}
	if (heaps.has_used)
		heaps.why.text[0] = '\0';
	else if (!heaps.why.text[0])
		say_what_it_is(&heaps, space);
	*ret = heaps;
	return 0;
}

void heaps_close(struct heaps *heaps)
{
	while (heaps->n > 0)
		heap_close(heaps->readings[--heaps->n]);
	allocator_fini(&heaps->allocator);
}

const char *heap_words(const struct heap_reading *heap)
{
	unsigned kind;

	for (kind = 0; kind < NALLOCATOR_KINDS; kind++)
		if (strcmp(allocator_name((enum allocator_kind)kind), heap->type->name) == 0)
			return allocator_words((enum allocator_kind)kind);
	return heap->type->name;
}

struct heap_reading *heaps_of(const struct heaps *heaps, const struct heap_type *type)
{
	size_t i;

	for (i = 0; i < heaps->n; i++)
		if (heaps->readings[i]->type == type)
			return heaps->readings[i];
	return NULL;
}
