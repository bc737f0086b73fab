#include "heap/portrait.h"

#include "base/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Objects.
 */

/* What a region belongs to by name. A thread's stack is one of all threads' stacks. */
static const char *object_of(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	switch (region->kind) {
	case KIND_STACK:
	case KIND_THREAD_STACK:
	case KIND_GUARD:
	case KIND_TLS:
	case KIND_ARGS:
	case KIND_ENV:
	case KIND_AUXV:
	case KIND_HEAP:
		return "";
	default:
		break;
	}
	if (!file && region->module != NO_MODULE && space->modules[region->module].file != NO_FILE)
		file = &space->files[space->modules[region->module].file];
	return file ? file->name : "";
}

static int by_object(const void *a, const void *b)
{
	const struct portrait_object *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void add_object(struct portrait_object *to, const struct portrait_object *more)
{
	to->regions += more->regions;
	to->size = add_capped(to->size, more->size);
	to->rss = to->rss == UNKNOWN || more->rss == UNKNOWN ? UNKNOWN
							     : add_capped(to->rss, more->rss);
}

static char *copy_of(const char *string)
{
	return strndup(string, strlen(string));
}

/* Names are the space's until then. */
static int own_names(struct portrait *portrait)
{
	size_t i;

	for (i = 0; i < portrait->nobjects; i++) {
		portrait->objects[i].name = copy_of(portrait->objects[i].name);
		if (portrait->objects[i].name)
			continue;
		portrait->nobjects = i;
		return -ENOMEM;
	}
	return 0;
}

static int take_objects(const struct space *space, struct portrait *portrait)
{
	struct portrait_object *objects;
	size_t i, n = 0;
	int r = list_reserve(&portrait->objects, &portrait->objects_room, 0, space->nregions);

	if (r < 0 || space->nregions == 0)
		return r;
	objects = portrait->objects;
	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		objects[i] = (struct portrait_object){
			.name = (char *)object_of(space, region),
			.kind = (enum kind)region->kind,
			.regions = 1,
			.size = region_size(region),
			.rss = region_pages_known(space, region) ? region->pages.rss : UNKNOWN,
		};
	}
	qsort(objects, space->nregions, sizeof(*objects), by_object);
	for (i = 0; i < space->nregions; i++) {
		if (n && by_object(&objects[n - 1], &objects[i]) == 0)
			add_object(&objects[n - 1], &objects[i]);
		else
			objects[n++] = objects[i];
	}
	portrait->nobjects = n;
	return own_names(portrait);
}

/*
 * Heaps.
 */

static int by_size(const void *a, const void *b)
{
	const struct survey_size *x = a, *y = b;

	return x->size < y->size ? -1 : x->size > y->size;
}

static int take_sizes(const struct survey *survey, struct portrait *portrait)
{
	size_t i, n = 0, all = portrait->nsizes + survey->nsizes;
	int r = list_reserve(&portrait->sizes, &portrait->sizes_room, portrait->nsizes,
			     survey->nsizes);

	if (r < 0 || all == 0)
		return r;
	if (survey->nsizes)
		memcpy(portrait->sizes + portrait->nsizes, survey->sizes,
		       survey->nsizes * sizeof(*survey->sizes));
	qsort(portrait->sizes, all, sizeof(*portrait->sizes), by_size);
	for (i = 0; i < all; i++) {
		if (n && portrait->sizes[n - 1].size == portrait->sizes[i].size)
			portrait->sizes[n - 1].blocks += portrait->sizes[i].blocks;
		else
			portrait->sizes[n++] = portrait->sizes[i];
	}
	portrait->nsizes = n;
	return 0;
}

static int take_heap(const struct heap_reading *heap, const struct survey *survey,
		     struct portrait *portrait)
{
	struct portrait_heap *to = &portrait->heap;
	const struct heap_sums *sums = &heap->sums;
	unsigned power;

	to->held = add_capped(to->held, sums->held);
	to->live_bytes = add_capped(to->live_bytes, sums->live_bytes);
	to->live_blocks = add_capped(to->live_blocks, sums->live_blocks);
	to->slack = add_capped(to->slack, sums->slack);
	to->free = add_capped(to->free, sums->free_bytes);
	to->cached = add_capped(to->cached, sums->cached_bytes);
	to->resident = add_capped(to->resident, survey_resident(&survey->all));
	to->returnable_resident =
		add_capped(to->returnable_resident, survey->all.returnable_resident);
	for (power = 0; power < SURVEY_BUCKETS; power++) {
		portrait->bucket_blocks[power] += survey->bucket_blocks[power];
		portrait->bucket_bytes[power] =
			add_capped(portrait->bucket_bytes[power], survey->bucket_bytes[power]);
	}
	return take_sizes(survey, portrait);
}

int portrait_make(const struct space *space, bool has_pages, const struct heaps *heaps,
		  const struct survey *surveys, struct portrait *ret)
{
	const char *file = space->core ? space->core : space->snapshot;
	struct portrait portrait = {
		.pid = space->process.pid,
		.is_core = space->core != NULL,
		.has_heap = heaps->has_used,
	};
	size_t i;
	int r = take_objects(space, &portrait);

	memcpy(portrait.command, space->process.command, sizeof(portrait.command));
	memcpy(portrait.figures, space->figures, sizeof(portrait.figures));
	snprintf(portrait.heap_why, sizeof(portrait.heap_why), "%.*s",
		 (int)sizeof(portrait.heap_why) - 1, heaps->why.text);
	if (r == 0 && file) {
		portrait.file = copy_of(file);
		r = portrait.file ? 0 : -ENOMEM;
	}
	for (i = 0; r == 0 && i < heaps->n; i++)
		r = take_heap(heaps->readings[i], &surveys[i], &portrait);
	if (!has_pages)
		portrait.heap.resident = portrait.heap.returnable_resident = UNKNOWN;
	if (r < 0)
		portrait_fini(&portrait);
	else
		*ret = portrait;
	return r;
}

int portrait_add(struct portrait *portrait, enum portrait_list list, const char *name,
		 uint64_t blocks, uint64_t bytes)
{
	struct portrait_holdings *holdings = &portrait->lists[list];
	size_t known = holdings->names.n;
	struct portrait_holding *sum;
	uint32_t number;

	holdings->is_known = true;
	if (list_reserve(&holdings->sums, &holdings->room, known, 1) < 0 ||
	    names_add(&holdings->names, name, &number) < 0)
		return -ENOMEM;
	sum = &holdings->sums[number];
	if (number == known)
		*sum = (struct portrait_holding){0};
	sum->blocks = add_capped(sum->blocks, blocks);
	sum->bytes = add_capped(sum->bytes, bytes);
	return 0;
}

void portrait_fini(struct portrait *portrait)
{
	size_t i;

	for (i = 0; i < NPORTRAIT_LISTS; i++) {
		names_fini(&portrait->lists[i].names);
		free(portrait->lists[i].sums);
	}

	for (i = 0; i < portrait->nobjects; i++)
		free(portrait->objects[i].name);
	free(portrait->objects);
	free(portrait->sizes);
	free(portrait->file);
	*portrait = (struct portrait){0};
}

/*
 * Two of them.
 */

bool change_is_known(struct change change)
{
	return change.a != UNKNOWN && change.b != UNKNOWN;
}

uint64_t change_distance(struct change change)
{
	if (!change_is_known(change))
		return 0;
	return change.a < change.b ? change.b - change.a : change.a - change.b;
}

static bool has_changed(const struct object_change *change)
{
	return change_distance(change->regions) || change_distance(change->size) ||
	       change_distance(change->rss);
}

/* What grew comes before what shrank by as much. */
static int by_distance(struct change x, struct change y)
{
	uint64_t p = change_distance(x), q = change_distance(y);

	if (p != q)
		return p < q ? 1 : -1;
	return (x.a > x.b) - (y.a > y.b);
}

static int by_growth(const void *a, const void *b)
{
	const struct object_change *x = a, *y = b;
	int order = by_distance(x->size, y->size);

	if (order == 0)
		order = by_distance(x->rss, y->rss);
	if (order == 0)
		order = (x->kind > y->kind) - (x->kind < y->kind);
	return order ? order : strcmp(x->name, y->name);
}

/* What is not there has nothing. */
static const struct portrait_object nothing = {.regions = 0};

static struct object_change object_change_of(const struct portrait_object *any,
					     const struct portrait_object *a,
					     const struct portrait_object *b)
{
	return (struct object_change){
		.name = any->name,
		.kind = any->kind,
		.regions = {a->regions, b->regions},
		.size = {a->size, b->size},
		.rss = {a->rss, b->rss},
	};
}

static int compare_objects(struct comparison *ret)
{
	const struct portrait *a = ret->a, *b = ret->b;
	size_t i = 0, k = 0;

	ret->objects = calloc(a->nobjects + b->nobjects + 1, sizeof(*ret->objects));
	if (!ret->objects)
		return -ENOMEM;
	while (i < a->nobjects || k < b->nobjects) {
		int order = i == a->nobjects   ? 1
			    : k == b->nobjects ? -1
					       : by_object(&a->objects[i], &b->objects[k]);
		const struct portrait_object *x = order <= 0 ? &a->objects[i] : &nothing;
		const struct portrait_object *y = order >= 0 ? &b->objects[k] : &nothing;
		struct object_change change = object_change_of(order <= 0 ? x : y, x, y);

		i += order <= 0;
		k += order >= 0;
		if (has_changed(&change))
			ret->objects[ret->nobjects++] = change;
	}
	qsort(ret->objects, ret->nobjects, sizeof(*ret->objects), by_growth);
	return 0;
}

static uint64_t bytes_of(uint64_t size, uint64_t blocks)
{
	uint64_t bytes;

	return __builtin_mul_overflow(size, blocks, &bytes) ? UINT64_MAX - 1 : bytes;
}

static struct change bytes_change(const struct size_change *change)
{
	return (struct change){bytes_of(change->size, change->blocks.a),
			       bytes_of(change->size, change->blocks.b)};
}

static int by_bytes(const void *a, const void *b)
{
	const struct size_change *x = a, *y = b;
	int order = by_distance(bytes_change(x), bytes_change(y));

	return order ? order : (x->size > y->size) - (x->size < y->size);
}

static int compare_sizes(struct comparison *ret)
{
	const struct portrait *a = ret->a, *b = ret->b;
	size_t i = 0, k = 0;

	ret->sizes = calloc(a->nsizes + b->nsizes + 1, sizeof(*ret->sizes));
	if (!ret->sizes)
		return -ENOMEM;
	while (a->has_heap && b->has_heap && (i < a->nsizes || k < b->nsizes)) {
		bool in_a =
			i < a->nsizes && (k == b->nsizes || a->sizes[i].size <= b->sizes[k].size);
		bool in_b =
			k < b->nsizes && (i == a->nsizes || b->sizes[k].size <= a->sizes[i].size);
		struct size_change change = {
			.size = in_a ? a->sizes[i].size : b->sizes[k].size,
			.blocks = {in_a ? a->sizes[i].blocks : 0, in_b ? b->sizes[k].blocks : 0},
		};

		i += in_a;
		k += in_b;
		if (change_distance(change.blocks))
			ret->sizes[ret->nsizes++] = change;
	}
	qsort(ret->sizes, ret->nsizes, sizeof(*ret->sizes), by_bytes);
	return 0;
}

/*
 * Lists.
 */

static int by_held(const void *a, const void *b)
{
	const struct holding_change *x = a, *y = b;
	int order = by_distance(x->bytes, y->bytes);

	if (order == 0)
		order = by_distance(x->blocks, y->blocks);
	return order ? order : strcmp(x->name, y->name);
}

static struct portrait_holding holding_of(const struct portrait_holdings *holdings,
					  const char *name)
{
	uint32_t number = names_find(&holdings->names, name);

	if (number == NO_SLOT)
		return (struct portrait_holding){0};
	return holdings->sums[number];
}

static void add_holding(struct comparison *ret, enum portrait_list list, const char *name)
{
	struct portrait_holding x = holding_of(&ret->a->lists[list], name);
	struct portrait_holding y = holding_of(&ret->b->lists[list], name);

	if (x.blocks != y.blocks || x.bytes != y.bytes)
		ret->lists[list][ret->nlists[list]++] =
			(struct holding_change){name, {x.blocks, y.blocks}, {x.bytes, y.bytes}};
}

static int compare_list(struct comparison *ret, enum portrait_list list)
{
	const struct portrait_holdings *a = &ret->a->lists[list], *b = &ret->b->lists[list];
	size_t i;

	ret->lists[list] = calloc(a->names.n + b->names.n + 1, sizeof(*ret->lists[list]));
	if (!ret->lists[list])
		return -ENOMEM;
	if (!a->is_known || !b->is_known)
		return 0;
	for (i = 0; i < a->names.n; i++)
		add_holding(ret, list, a->names.items[i]);
	for (i = 0; i < b->names.n; i++)
		if (names_find(&a->names, b->names.items[i]) == NO_SLOT)
			add_holding(ret, list, b->names.items[i]);
	qsort(ret->lists[list], ret->nlists[list], sizeof(*ret->lists[list]), by_held);
	return 0;
}

static int compare_lists(struct comparison *ret)
{
	unsigned list;
	int r = 0;

	for (list = 0; r == 0 && list < NPORTRAIT_LISTS; list++) {
		r = compare_list(ret, (enum portrait_list)list);
		ret->differs |= ret->nlists[list] > 0;
	}
	return r;
}

static bool heaps_differ(const struct portrait *a, const struct portrait *b)
{
	const struct portrait_heap *x = &a->heap, *y = &b->heap;

	if (!a->has_heap || !b->has_heap)
		return false;
	return x->held != y->held || x->live_bytes != y->live_bytes ||
	       x->live_blocks != y->live_blocks || x->free != y->free || x->cached != y->cached ||
	       change_distance((struct change){x->resident, y->resident});
}

int portrait_compare(const struct portrait *a, const struct portrait *b, struct comparison *ret)
{
	struct comparison comparison = {.a = a, .b = b};
	int r = compare_objects(&comparison);

	if (r == 0)
		r = compare_sizes(&comparison);
	if (r == 0)
		r = compare_lists(&comparison);
	if (r < 0) {
		comparison_fini(&comparison);
		return r;
	}
	comparison.differs |= comparison.nobjects || comparison.nsizes || heaps_differ(a, b);
	*ret = comparison;
	return 0;
}

void comparison_fini(struct comparison *comparison)
{
	unsigned list;

	free(comparison->objects);
	free(comparison->sizes);
	for (list = 0; list < NPORTRAIT_LISTS; list++)
		free(comparison->lists[list]);
	*comparison = (struct comparison){0};
}
