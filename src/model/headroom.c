/*
 * Most answers are found by halving: the model is asked whether a number of pages would be granted,
 * and nothing is carried out. More is granted only where less is, with one exception: a stack guard
 * gap that reaches below 0 can refuse small mappings where large ones find another place.
 *
 * Threads are carried out, on a copy, as they change what there is for the next. Thirty thousand
 * are little work; so that a million are no more, a row of them in one gap is leapt over: a
 * stand-in takes their place in the address space and in the counters.
 *
 *	| low                      stand-in for k           | t2 | t1 |  next VMA
 *	                |............................t3.....|
 */
#include "model/headroom.h"

#include "base/list.h"
#include "model/from_space.h"
#include "model/parts.h"
#include "space/kinds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_STACK (UINT64_C(2) << 20) /* glibc's ARCH_STACK_DEFAULT_SIZE on x86 */
#define LEAST_STACK (UINT64_C(16) << 10)  /* PTHREAD_STACK_MIN */
#define LEAP_LEAST 64			  /* threads; fewer are not worth it */
#define LEAP_MARGIN 4 /* threads that are carried out before anything can run out */

/*
 * Halving.
 */

struct question {
	struct model *model;
	bool (*fits)(const struct question *question, uint64_t pages);
	struct vma_place place; /* of a stack */
	unsigned prot;		/* of a mapping */
};

/* The most pages that fit. `most` is known not to, or is beyond all sense; 0 always does. */
static uint64_t most_pages(const struct question *question, uint64_t most)
{
	uint64_t low = 0, high = most;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (question->fits(question, middle))
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Notes how much, and the rule that refuses a page more. */
static void answer(struct headroom *headroom, const struct question *question, uint64_t pages)
{
	headroom->bytes = pages * MODEL_PAGE;
	question->model->refused = RULE_NONE;
	question->fits(question, pages + 1);
	headroom->rule = question->model->refused;
}

static struct headroom unknown(enum headroom_what what, const char *why)
{
	return (struct headroom){
		.what = what,
		.bytes = UNKNOWN,
		.count = UNKNOWN,
		.why = why,
		.at = UNKNOWN,
		.neighbour = UNKNOWN,
		.distance = UNKNOWN,
	};
}

/* In steps each request is small: what only large ones are refused for does not count. */
static unsigned take_steps(struct model *model)
{
	unsigned mode = model->machine.overcommit_mode;

	if (mode == 0)
		model->machine.overcommit_mode = 1;
	return mode;
}

/*
 * The heap.
 */

static bool heap_fits(const struct question *question, uint64_t pages)
{
	struct model *model = question->model;

	return may_grow_heap(model, page_round(model->brk) + pages * MODEL_PAGE);
}

/*
 * A first step can make a mapping, and then there can be one too many for a second. Growing a page
 * is tried on a copy.
 */
static int is_last_step(const struct model *model, bool *ret)
{
	const struct model_request page = {CALL_BRK, {page_round(model->brk) + MODEL_PAGE}};
	struct model copy;
	int r;

	*ret = false;
	if (model->vmas.count != model->machine.max_map_count)
		return 0;
	r = model_copy(model, &copy);
	if (r < 0)
		return r;
	model_do(&copy, &page);
	*ret = copy.vmas.count > model->vmas.count;
	r = copy.out_of_memory ? -ENOMEM : 0;
	model_fini(&copy);
	return r;
}

static int find_heap(struct model *model, struct headroom *ret)
{
	const struct question question = {.model = model, .fits = heap_fits};
	struct headroom heap = unknown(HEADROOM_HEAP, "the break is not known");
	const struct vma *next;
	unsigned mode = model->machine.overcommit_mode;
	bool one_step;
	int r;

	*ret = heap;
	if (model->brk == UNKNOWN || model->start_brk == UNKNOWN || model->brk > model->task_size)
		return 0;
	r = is_last_step(model, &one_step);
	if (r < 0)
		return r;
	if (!one_step)
		take_steps(model);
	heap.why = NULL;
	heap.at = page_round(model->brk);
	next = vmas_at(&model->vmas, vmas_find(&model->vmas, heap.at));
	heap.neighbour = next ? next->start : UNKNOWN;
	heap.distance = sub_floored(next ? next->start : model->task_size, heap.at);
	answer(&heap, &question, most_pages(&question, pages_of(model->task_size) + 1));
	model->machine.overcommit_mode = mode;
	*ret = heap;
	return 0;
}

/*
 * One mapping.
 */

static int64_t ask_mmap(const struct question *question, uint64_t pages)
{
	const uint64_t arg[6] = {
		[1] = pages * MODEL_PAGE,
		[2] = question->prot,
		[3] = MAP_NUMBER_PRIVATE | MAP_NUMBER_ANONYMOUS,
		[4] = UINT64_MAX,
	};

	return may_map(question->model, arg);
}

static bool mmap_fits(const struct question *question, uint64_t pages)
{
	int64_t found = ask_mmap(question, pages);

	return found >= 0 || found < -4095;
}

static uint64_t most_of_one_mapping(const struct question *question)
{
	struct model *model = question->model;
	uint64_t most = most_pages(question, pages_of(model->task_size) + 1), pages;

	if (mmap_fits(question, most + 1) || model->refused != RULE_STACK_GAP_BELOW_0)
		return most;
	for (pages = pages_of(model->machine.stack_guard_gap) + 1; pages > most; pages--)
		if (mmap_fits(question, pages))
			return pages;
	return most;
}

/* The gap that it would lie in: how large it is, and what is above. */
static void note_gap(const struct model *model, struct headroom *mapping)
{
	struct vma_place place = vmas_find(&model->vmas, mapping->at);
	const struct vma *above = vmas_at(&model->vmas, place);
	plat_addr bottom = 0;

	if (vmas_previous(&model->vmas, &place))
		bottom = vmas_at(&model->vmas, place)->end;
	mapping->neighbour = above ? above->start : UNKNOWN;
	mapping->distance = (above ? above->start : model->task_size) - bottom;
}

static struct headroom find_mapping(struct model *model, enum headroom_what what, unsigned prot)
{
	const struct question question = {.model = model, .fits = mmap_fits, .prot = prot};
	struct headroom mapping = unknown(what, NULL);
	uint64_t pages = most_of_one_mapping(&question);

	answer(&mapping, &question, pages);
	if (pages == 0)
		return mapping;
	mapping.at = (plat_addr)ask_mmap(&question, pages);
	note_gap(model, &mapping);
	return mapping;
}

/*
 * Stacks.
 */

static bool stack_fits(const struct question *question, uint64_t pages)
{
	const struct vma *vma = vmas_at(&question->model->vmas, question->place);

	if (pages * MODEL_PAGE > vma->start) {
		question->model->refused = RULE_GROWTH_LOWEST;
		return false;
	}
	return pages == 0 ||
	       may_grow_down(question->model, question->place, vma->start - pages * MODEL_PAGE);
}

/* What an access to the mapping that a stack has grown down to would meet. */
static enum rule rule_of_touching(const struct vma *below)
{
	return below->flags & VMA_RIGHTS ? RULE_NONE : RULE_RIGHTS;
}

static struct headroom find_stack(struct model *model, struct vma_place place)
{
	const struct question question = {.model = model, .fits = stack_fits, .place = place};
	const struct vma *vma = vmas_at(&model->vmas, place), *below = NULL;
	struct headroom stack = unknown(HEADROOM_STACK, NULL);
	unsigned mode = take_steps(model);
	uint32_t anon = vma->anon, last_anon = model->last_anon; /* growth can give it one */
	uint64_t pages;

	if (vmas_previous(&model->vmas, &place))
		below = vmas_at(&model->vmas, place);
	stack.at = vma->start;
	stack.neighbour = below ? below->start : UNKNOWN;
	stack.distance = vma->start - (below ? below->end : 0);
	pages = most_pages(&question, pages_of(stack.distance) + 1);
	answer(&stack, &question, pages);
	if (below && stack.bytes == stack.distance)
		stack.rule = rule_of_touching(below);
	vmas_at(&model->vmas, question.place)->anon = anon;
	model->last_anon = last_anon;
	model->machine.overcommit_mode = mode;
	return stack;
}

static bool is_main_stack(const struct model *model, const struct vma *vma)
{
	return model->start_stack >= vma->start && model->start_stack < vma->end;
}

/* The main stack is the one where the program's began; where that is not known, the highest. */
static int find_stacks(struct model *model, struct headrooms *ret)
{
	struct vma_place place = vmas_first(&model->vmas);
	size_t first = 0;
	const struct vma *vma;
	int r;

	for (; (vma = vmas_at(&model->vmas, place)); place = vmas_next(&model->vmas, place)) {
		if (!(vma->flags & VMA_GROWSDOWN))
			continue;
		r = list_reserve(&ret->stacks, &ret->stacks_room, ret->nstacks, 1);
		if (r < 0)
			return r;
		if (model->start_stack == UNKNOWN || is_main_stack(model, vma))
			first = ret->nstacks;
		ret->stacks[ret->nstacks++] = find_stack(model, place);
	}
	if (first > 0) {
		struct headroom stack = ret->stacks[first];

		memmove(ret->stacks + 1, ret->stacks, first * sizeof(*ret->stacks));
		ret->stacks[0] = stack;
	}
	return 0;
}

/*
 * Threads.
 */

struct threads {
	struct model *model; /* a copy */
	uint64_t stack, guard, unit;
	uint64_t count;
	plat_addr last;	   /* where the last was placed */
	enum rule refused; /* what the next was refused by */
};

static bool add_thread(struct threads *threads)
{
	const struct model_request reserve = {
		.call = CALL_MMAP,
		.arg = {0, threads->unit, 0,
			MAP_NUMBER_PRIVATE | MAP_NUMBER_ANONYMOUS | MAP_NUMBER_STACK, UINT64_MAX,
			0},
	};
	struct model_result result = model_do(threads->model, &reserve);
	struct model_request open = {.call = CALL_MPROTECT};

	if (result.value >= 0 || result.value < -4095) {
		threads->last = (plat_addr)result.value;
		open.arg[0] = threads->last + threads->guard;
		open.arg[1] = threads->stack;
		open.arg[2] = PROT_NUMBER_READ | PROT_NUMBER_WRITE;
		result = model_do(threads->model, &open);
	}
	threads->refused = result.refused;
	if (result.value < 0 && result.value > -4096)
		return false;
	threads->count++;
	return true;
}

/* How often `unit` can be taken from a limit. */
static uint64_t times(uint64_t limit, uint64_t used, uint64_t unit)
{
	if (limit >= MODEL_INFINITE / MODEL_PAGE)
		return UINT64_MAX;
	return sub_floored(limit, used) / (unit ? unit : 1);
}

/* How many threads come before any limit can stop one. */
static uint64_t most_by_limits(const struct threads *threads)
{
	const struct model *model = threads->model;
	const struct model_limits *data = &model->limits[MODEL_DATA];
	uint64_t most = sub_floored(model->machine.max_map_count, model->vmas.count) / 2;
	uint64_t stack = pages_of(threads->stack), unit = pages_of(threads->unit);

	if (model->new_flags || model->machine.overcommit_mode == 2)
		return 0; /* seldom, and not worth a formula */
	most = min_u64(most, times(limit_pages(model, MODEL_AS), model->counters.total, unit));
	return min_u64(most, times(pages_of(data->soft ? data->soft : data->hard),
				   model->counters.data, stack));
}

/* How many fit between the last and what lies in the direction in which they are placed. */
static uint64_t most_by_room(const struct threads *threads, bool down)
{
	const struct model *model = threads->model;
	plat_addr low = max_u64(model->machine.lowest_hint, MODEL_PAGE), high = model->task_size;
	struct vma_place place;
	const struct vma *beside;

	if (down) {
		place = vmas_find(&model->vmas, threads->last);
		if (vmas_previous(&model->vmas, &place))
			low = max_u64(low, vmas_at(&model->vmas, place)->end);
		return sub_floored(threads->last, low) / threads->unit;
	}
	place = vmas_find(&model->vmas, threads->last + threads->unit);
	beside = vmas_at(&model->vmas, place);
	if (beside)
		high = min_u64(high, gap_start(model, beside));
	return sub_floored(high, threads->last + threads->unit) / threads->unit;
}

/* Puts a stand-in for k threads beside the last one. 0 or -ENOMEM. */
static int stand_in(struct threads *threads, uint64_t k, bool down)
{
	struct model *model = threads->model;
	plat_addr start = down ? threads->last - k * threads->unit : threads->last + threads->unit;
	const struct vma vma = {
		.start = start,
		.end = start + k * threads->unit,
		.flags = VMA_SPECIAL, /* it merges with nothing */
		.file = VMA_NO_FILE,
	};

	if (vmas_insert(&model->vmas, &vma) < 0)
		return -ENOMEM;
	model->counters.total += k * pages_of(threads->unit);
	model->counters.data += k * pages_of(threads->stack);
	model->machine.max_map_count -= 2 * k - 1;
	threads->count += k;
	return 0;
}

/* After two threads that were placed beside each other. 0 or -ENOMEM. */
static int leap(struct threads *threads, plat_addr before)
{
	bool down = threads->last == before - threads->unit;
	uint64_t k;

	if (!down && threads->last != before + threads->unit)
		return 0;
	k = min_u64(most_by_limits(threads), most_by_room(threads, down));
	if (k < LEAP_LEAST + LEAP_MARGIN)
		return 0;
	return stand_in(threads, k - LEAP_MARGIN, down);
}

static int count_threads(struct threads *threads)
{
	plat_addr before = 0;
	int r = 0;

	while (r == 0 && add_thread(threads)) {
		r = leap(threads, before);
		before = threads->last;
	}
	return threads->model->out_of_memory ? -ENOMEM : r;
}

static int find_threads(const struct model *model, const struct headroom_request *request,
			struct headroom *ret)
{
	struct model copy;
	struct threads threads = {
		.model = &copy,
		.stack = request->stack_size,
		.guard = request->guard_size,
		.unit = request->stack_size + request->guard_size,
	};
	int r;

	*ret = unknown(HEADROOM_THREADS, "not asked for");
	if (request->stack_size == 0)
		return 0;
	r = model_copy(model, &copy);
	if (r < 0)
		return r;
	r = count_threads(&threads);
	model_fini(&copy);
	if (r < 0)
		return r;
	ret->why = NULL;
	ret->count = threads.count;
	ret->bytes = threads.count * threads.unit;
	ret->rule = threads.refused;
	return 0;
}

/*
 * All of it.
 */

int headrooms_find(struct model *model, const struct headroom_request *request,
		   struct headrooms *ret)
{
	struct headrooms found = HEADROOMS_EMPTY;
	int r = find_heap(model, &found.heap);

	if (r < 0)
		return r;
	found.mmap = find_mapping(model, HEADROOM_MMAP, PROT_NUMBER_READ | PROT_NUMBER_WRITE);
	found.reserve = find_mapping(model, HEADROOM_RESERVE, 0);
	r = find_threads(model, request, &found.threads);
	if (r == 0)
		r = find_stacks(model, &found);
	if (r < 0) {
		headrooms_fini(&found);
		return r;
	}
	model->refused = RULE_NONE;
	*ret = found;
	return 0;
}

int headrooms_of_space(const struct space *space, struct headrooms *ret)
{
	static const struct headroom_request without_threads;
	struct model model;
	struct error err;
	const char *why;
	int r = model_from_space(space, &model, &err);

	if (r == 0) {
		r = headrooms_find(&model, &without_threads, ret);
		model_fini(&model);
		return r;
	}
	if (r == -ENOMEM)
		return r;
	why = r == -ENODATA ? "no mapping is known" : "the rules are known for pages of 4 KiB";
	*ret = (struct headrooms){
		.heap = unknown(HEADROOM_HEAP, why),
		.mmap = unknown(HEADROOM_MMAP, why),
		.reserve = unknown(HEADROOM_RESERVE, why),
		.threads = unknown(HEADROOM_THREADS, why),
	};
	return 0;
}

void headrooms_fini(struct headrooms *headrooms)
{
	free(headrooms->stacks);
	*headrooms = HEADROOMS_EMPTY;
}

struct headroom headroom_of_main_stack(const struct headrooms *headrooms)
{
	if (headrooms->nstacks > 0)
		return headrooms->stacks[0];
	return unknown(HEADROOM_STACK, "no [stack] in the map");
}

struct headroom headroom_of_stack_at(const struct headrooms *headrooms, plat_addr start)
{
	size_t i;

	for (i = 0; i < headrooms->nstacks; i++)
		if (headrooms->stacks[i].at == start)
			return headrooms->stacks[i];
	return unknown(HEADROOM_STACK, "it does not grow");
}

uint64_t headroom_stack_size(const struct model *model)
{
	uint64_t soft = model->limits[MODEL_STACK].soft;

	if (soft == MODEL_INFINITE)
		return DEFAULT_STACK;
	return align_down(max_u64(soft, LEAST_STACK), MODEL_PAGE);
}

/*
 * Words.
 */

const char *headroom_name(enum headroom_what what)
{
	static const char *const names[] = {
		[HEADROOM_HEAP] = "heap",	[HEADROOM_MMAP] = "mmap",
		[HEADROOM_RESERVE] = "reserve", [HEADROOM_THREADS] = "threads",
		[HEADROOM_STACK] = "stack",
	};

	return names[what];
}

/* The last part of a path is enough to know a neighbour by. */
char *headroom_neighbour(const struct space *space, const struct headroom *headroom, char *to)
{
	const struct region *region = NULL;
	char name[256];
	const char *last = name, *slash;

	if (headroom->neighbour != UNKNOWN)
		region = space_find(space, headroom->neighbour);
	if (!region) {
		snprintf(to, HEADROOM_WORDS, "-");
		return to;
	}
	region_name(space, region, name, sizeof(name));
	for (slash = name; *slash; slash++)
		if (*slash == '/' && slash[1])
			last = slash + 1;
	/* What has no name is called by its kind, as in a map. */
	if (strcmp(last, "[anon]") == 0)
		snprintf(to, HEADROOM_WORDS, "%s", kind_name(region->kind));
	else
		snprintf(to, HEADROOM_WORDS, "%s %.120s", kind_name(region->kind), last);
	return to;
}

bool headroom_is_neighbours(const struct headroom *headroom)
{
	switch (headroom->rule) {
	case RULE_NONE:
	case RULE_BRK_NEIGHBOUR:
	case RULE_GROWTH_GAP:
	case RULE_RIGHTS:
		return headroom->neighbour != UNKNOWN;
	default:
		return false;
	}
}

static const char *words_of(enum rule rule)
{
	switch (rule) {
	case RULE_LIMIT_AS:
		return "RLIMIT_AS";
	case RULE_LIMIT_DATA:
	case RULE_BRK_DATA_LIMIT:
		return "RLIMIT_DATA";
	case RULE_LIMIT_STACK:
		return "RLIMIT_STACK";
	case RULE_LIMIT_MEMLOCK:
		return "RLIMIT_MEMLOCK";
	case RULE_COMMIT_HEURISTIC:
		return "memory and swap (vm.overcommit_memory)";
	case RULE_COMMIT_STRICT:
		return "the commit limit (vm.overcommit_memory)";
	case RULE_MAP_COUNT:
	case RULE_MAP_COUNT_SPLIT:
		return "vm.max_map_count";
	case RULE_NO_GAP:
	case RULE_LENGTH_TOO_LARGE:
		return "the largest gap";
	case RULE_BEHIND_USER_SPACE:
		return "the end of user space";
	case RULE_GROWTH_LOWEST:
	case RULE_MIN_ADDR:
		return "vm.mmap_min_addr";
	default:
		return rule_words(rule);
	}
}

char *headroom_because(const struct space *space, const struct headroom *headroom, char *to)
{
	if (headroom->why)
		snprintf(to, HEADROOM_WORDS, "%s", headroom->why);
	else if (headroom_is_neighbours(headroom))
		headroom_neighbour(space, headroom, to);
	else
		snprintf(to, HEADROOM_WORDS, "%s", words_of(headroom->rule));
	return to;
}

const char *headroom_note(const struct space *space, const struct headroom *headroom)
{
	if (headroom->bytes == UNKNOWN)
		return NULL;
	if (headroom->what == HEADROOM_STACK && !space->limits[LIMIT_STACK].known)
		return "RLIMIT_STACK is not known";
	if (headroom->what == HEADROOM_HEAP && !space->limits[LIMIT_DATA].known)
		return "RLIMIT_DATA is not known";
	if (headroom->what == HEADROOM_MMAP && !space->limits[LIMIT_AS].known)
		return "RLIMIT_AS is not known";
	return NULL;
}
