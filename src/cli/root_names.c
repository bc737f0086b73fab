#include "cli/root_names.h"

#include "base/list.h"
#include "space/kinds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct root_origin *origin_of(const struct root_names *names,
					   const struct anchor *anchor)
{
	const struct roots *roots = &names->look->roots;

	return anchor->root == NO_ROOT ? NULL : &roots->origins[roots->list[anchor->root].owner];
}

static const struct thread *thread_of(const struct root_names *names,
				      const struct root_origin *origin)
{
	const struct space *space = &names->look->target->space;

	return origin->thread == NO_THREAD ? NULL : &space->threads[origin->thread];
}

/*
 * Frames.
 */

static bool has_frames(const struct root_origin *origin)
{
	return origin && origin->kind == ROOT_STACK && origin->thread != NO_THREAD &&
	       !origin->is_kept;
}

static struct thread_frames *frames_of(const struct root_names *names, int tid)
{
	size_t i;

	for (i = 0; i < names->nthreads; i++)
		if (names->threads[i].tid == tid)
			return &names->threads[i];
	return NULL;
}

static void add_thread(struct root_names *names, int tid)
{
	struct thread_frames *frames;
	size_t i;

	if (tid == 0 || frames_of(names, tid))
		return;
	if (names->nthreads == NAMES_THREADS_MOST) {
		names->has_left_out_threads = true;
		return;
	}
	for (i = 0; i < names->registers.n; i++) {
		const struct one_thread *one = &names->registers.list[i];

		if (one->tid != tid)
			continue;
		frames = &names->threads[names->nthreads++];
		*frames = (struct thread_frames){
			.tid = tid,
			.general = one->registers.bytes,
			.size = one->registers.general,
		};
		return;
	}
}

int root_names_begin(struct root_names *ret, struct graph_look *look, const struct anchors *anchors)
{
	const struct target *target = look->target;
	struct root_names names = {
		.look = look,
		.threads = calloc(NAMES_THREADS_MOST, sizeof(*names.threads)),
	};
	uint32_t last = NO_THREAD;
	size_t i;
	int r = names.threads ? 0 : -ENOMEM;

	if (r == 0)
		r = thread_registers_load(&target->dir, &target->space, target->freeze,
					  &names.registers);
	for (i = 0; r == 0 && i < anchors->n; i++) {
		const struct root_origin *origin = origin_of(&names, &anchors->list[i]);

		if (!has_frames(origin) || origin->thread == last)
			continue;
		last = origin->thread;
		add_thread(&names, thread_of(&names, origin)->tid);
	}
	if (r == 0)
		r = frames_find(&target->dir, &target->space, graph_look_reader(look),
				names.threads, names.nthreads);
	if (r < 0)
		root_names_fini(&names);
	else
		*ret = names;
	return r;
}

void root_names_fini(struct root_names *names)
{
	if (names->threads)
		frames_fini(names->threads, names->nthreads);
	free(names->threads);
	thread_registers_fini(&names->registers);
	objects_fini(&names->objects);
	free(names->addrs);
	free(names->symbols);
	*names = (struct root_names){.look = NULL};
}

/*
 * Symbols.
 */

struct addresses {
	plat_addr *list;
	size_t n, room;
};

static int add(struct addresses *addresses, plat_addr at)
{
	int r = list_reserve(&addresses->list, &addresses->room, addresses->n, 1);

	if (r == 0)
		addresses->list[addresses->n++] = at;
	return r;
}

static int by_address(const void *a, const void *b)
{
	const plat_addr *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* In order, each once. */
static void put_in_order(struct addresses *addresses)
{
	size_t i, n = 0;

	if (addresses->n)
		qsort(addresses->list, addresses->n, sizeof(*addresses->list), by_address);
	for (i = 0; i < addresses->n; i++)
		if (n == 0 || addresses->list[n - 1] != addresses->list[i])
			addresses->list[n++] = addresses->list[i];
	addresses->n = n;
}

/* The frame that a word of a stack is in, or NULL. */
static const struct frame *frame_at(const struct root_names *names,
				    const struct root_origin *origin, plat_addr at, size_t *number)
{
	const struct thread_frames *frames =
		has_frames(origin) ? frames_of(names, thread_of(names, origin)->tid) : NULL;
	size_t i = frames ? frames_at(frames, at) : NO_FRAME;

	*number = i;
	return i == NO_FRAME ? NULL : &frames->frames[i];
}

/* What is to be asked about a word: a variable, or code and thread-local variables. */
static int ask_about(const struct root_names *names, const struct anchor *anchor,
		     struct addresses *variables, struct addresses *others)
{
	const struct root_origin *origin = origin_of(names, anchor);
	const struct frame *frame;
	size_t number;

	if (!origin || anchor->at == UNKNOWN)
		return 0;
	if (origin->kind == ROOT_GLOBAL)
		return add(variables, anchor->at);
	if (origin->kind == ROOT_TLS)
		return add(others, anchor->at);
	frame = frame_at(names, origin, anchor->at, &number);
	return frame ? add(others, frame->pc) : 0;
}

static int find(struct root_names *names, const struct addresses *variables,
		const struct addresses *others)
{
	const struct target *target = names->look->target;
	size_t n = (size_t)min_u64(others->n, NAMES_SYMBOLS_MOST);
	int r = objects_find(&target->dir, &target->space, variables->list, variables->n,
			     &names->objects);

	if (r < 0)
		return r;
	names->addrs = calloc(n + 1, sizeof(*names->addrs));
	names->symbols = calloc(n + 1, sizeof(*names->symbols));
	if (!names->addrs || !names->symbols)
		return -ENOMEM;
	if (n)
		memcpy(names->addrs, others->list, n * sizeof(*names->addrs));
	names->nsymbols = n;
	symbols_find_many(&target->dir, &target->space, names->addrs, n, names->symbols);
	return 0;
}

int root_names_find(struct root_names *names, const struct anchors *anchors)
{
	struct addresses variables = {.list = NULL}, others = {.list = NULL};
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < anchors->n; i++)
		r = ask_about(names, &anchors->list[i], &variables, &others);
	put_in_order(&variables);
	put_in_order(&others);
	if (r == 0)
		r = find(names, &variables, &others);
	free(variables.list);
	free(others.list);
	return r;
}

/*
 * What is told of one.
 */

static const struct symbol *symbol_at(const struct root_names *names, plat_addr at)
{
	const plat_addr *found = names->nsymbols ? bsearch(&at, names->addrs, names->nsymbols,
							   sizeof(at), by_address)
						 : NULL;
	const struct symbol *symbol = found ? &names->symbols[found - names->addrs] : NULL;

	return symbol && symbol->known ? symbol : NULL;
}

static void name_global(const struct root_names *names, const struct root_origin *origin,
			struct holder *ret)
{
	const struct space *space = &names->look->target->space;
	const struct object *object =
		ret->at == UNKNOWN ? NULL : objects_at(&names->objects, ret->at);
	const struct region *region = ret->at == UNKNOWN ? NULL : space_find(space, ret->at);

	if (origin->module != NO_MODULE)
		ret->module = allocator_module_name(space, origin->module);
	if (region)
		ret->part = kind_name(region->kind);
	if (object) {
		ret->symbol = object->name;
		ret->start = object->start;
	}
}

static void name_stack(const struct root_names *names, const struct root_origin *origin,
		       struct holder *ret)
{
	const struct frame *frame = frame_at(names, origin, ret->at, &ret->frame);
	const struct thread_frames *frames = ret->tid ? frames_of(names, ret->tid) : NULL;
	const struct symbol *symbol = frame ? symbol_at(names, frame->pc) : NULL;

	if (symbol) {
		ret->function = symbol->name;
		ret->code = symbol->start;
		ret->source = symbol->source;
		ret->line = symbol->line;
	}
	if (!frame)
		ret->frame_why = frames			       ? frames->why
				 : names->has_left_out_threads ? "there are too many threads"
							       : "its registers are not known";
}

static void name_tls(const struct root_names *names, struct holder *ret)
{
	const struct symbol *symbol = symbol_at(names, ret->at);

	if (!symbol)
		return;
	ret->symbol = symbol->name;
	ret->start = symbol->start;
}

static void name_unclaimed(const struct root_names *names, const struct root_origin *origin,
			   struct holder *ret)
{
	const struct space *space = &names->look->target->space;
	const struct region *region =
		origin->region == NO_REGION ? NULL : &space->regions[origin->region];
	const struct file *file = region ? region_file(space, region) : NULL;

	if (!region)
		return;
	ret->start = region->start;
	ret->part = file ? file->name : kind_name(region->kind);
}

void root_names_of(const struct root_names *names, const struct anchor *anchor, struct holder *ret)
{
	const struct root_origin *origin = origin_of(names, anchor);
	const struct thread *thread = origin ? thread_of(names, origin) : NULL;
	size_t general = names->registers.n ? names->registers.list[0].registers.general : 0;

	*ret = HOLDER_NONE;
	if (!origin)
		return;
	ret->kind = origin->kind;
	ret->at = anchor->at;
	if (thread) {
		ret->tid = thread->tid;
		ret->thread = thread->name;
		ret->is_main = thread->is_main;
	}
	switch (origin->kind) {
	case ROOT_GLOBAL:
		name_global(names, origin, ret);
		break;
	case ROOT_STACK:
		name_stack(names, origin, ret);
		break;
	case ROOT_REGISTER:
		registers_name(general, origin->place, ret->reg, sizeof(ret->reg));
		break;
	case ROOT_TLS:
		name_tls(names, ret);
		break;
	case ROOT_UNCLAIMED:
		name_unclaimed(names, origin, ret);
		break;
	default:
		break;
	}
}
