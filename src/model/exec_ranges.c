#include "model/exec_ranges.h"

#include "model/parts.h"

static const struct {
	const char *name, *words;
} positions[NEXEC_POSITIONS] = {
	[POSITION_STACK] = {"stack", "end of the stack"},
	[POSITION_MMAP] = {"mmap-base", "begin of the mmap zone"},
	[POSITION_PROGRAM] = {"program", "program"},
	[POSITION_HEAP] = {"heap", "start of the heap"},
};

const char *exec_position_name(enum exec_position position)
{
	return positions[position].name;
}

const char *exec_position_words(enum exec_position position)
{
	return positions[position].words;
}

/* What is asked again and again. */
struct setting {
	const struct model *model;
	const struct exec_program *program;
	struct exec_random counts;
	struct exec_places places; /* with nothing drawn */
};

static struct chance add_pages(const struct chance *chance, plat_addr addr)
{
	struct chance pages = chance_constant((int64_t)pages_of(addr));

	return chance_add(chance, &pages);
}

/* The bytes that are drawn on top move the end by a page or two, or not. */
static struct chance stack_chance(const struct setting *setting)
{
	struct chance pages = chance_uniform(setting->counts.stack_pages), bytes = {0}, sum;
	uint64_t often[4] = {0}, i;

	for (i = 0; i < setting->counts.stack_bytes; i++) {
		const struct exec_random random = {.stack_bytes = i};
		struct exec_places places =
			exec_places_of(setting->model, setting->program, &random);

		often[pages_of(setting->places.stack_top - places.stack_top) % 4]++;
	}
	for (i = 0; i < ARRAY_SIZE(often); i++)
		chance_or(&bytes, (int64_t)i, often[i]);
	sum = chance_add(&pages, &bytes);
	sum = chance_negate(&sum);
	return add_pages(&sum, setting->places.stack_top);
}

static struct chance mmap_chance(const struct setting *setting)
{
	struct chance pages = chance_uniform(setting->counts.mmap_pages);

	if (!setting->places.top_down)
		return add_pages(&pages, setting->places.legacy_base);
	pages = chance_negate(&pages);
	return add_pages(&pages, setting->places.mmap_base);
}

/*
 * How much further up a PIE lies than at the lowest. Places that are cut to an alignment are as
 * likely as the numbers that lead to them are many: the first and the last have fewer.
 */
static struct chance program_offset(const struct setting *setting)
{
	const struct exec_image *image = &setting->program->image;
	uint64_t count = setting->counts.program_pages, align = pages_of(exec_alignment(image));
	uint64_t before, last;
	struct chance chance = {0};

	if (image->fixed || !setting->program->has_interpreter || image->nsegments == 0)
		return chance_constant(0);
	if (align <= 1)
		return chance_uniform(count);
	before = pages_of(setting->places.dyn_base) % align;
	last = (before + count - 1) / align;
	if (last == 0)
		return chance_constant(0);
	chance_or(&chance, 0, align - before);
	chance_or_each(&chance, (int64_t)align, align, last - 1, align);
	chance_or(&chance, (int64_t)(last * align), before + count - last * align);
	return chance;
}

static struct chance heap_chance(const struct setting *setting)
{
	struct chance offset = program_offset(setting);
	struct chance pages = chance_uniform(setting->counts.brk_pages);

	pages = chance_add(&offset, &pages);
	return add_pages(&pages, setting->places.start_brk);
}

/*
 * Sums that overlap or touch have their values in common. Only a stride that is longer than what is
 * added to it leaves values out.
 */
static uint64_t count_values(const struct chance *chance)
{
	uint64_t all = (uint64_t)(chance_most(chance) - chance_least(chance)) + 1, sum = 0;
	unsigned i, j;

	for (i = 0; i < chance->nsums; i++) {
		uint64_t run = 1;

		for (j = 0; j < chance->sums[i].nsingles; j++)
			run += chance->sums[i].singles[j] - 1;
		sum += run * chance->sums[i].nstrides;
	}
	return min_u64(all, sum);
}

static struct exec_range range_of(const struct chance *chance)
{
	return (struct exec_range){
		.known = true,
		.lowest = (plat_addr)chance_least(chance) * MODEL_PAGE,
		.highest = (plat_addr)chance_most(chance) * MODEL_PAGE,
		.values = count_values(chance),
		.chance = *chance,
	};
}

/* Above the heap lies the mmap zone, or nothing but the stack. */
static void find_gap(const struct setting *setting, struct exec_ranges *ret)
{
	struct chance below = chance_negate(&ret->positions[POSITION_HEAP].chance);
	struct chance stack;

	ret->gap_to = GAP_TO_ZONE;
	ret->gap = chance_add(&ret->positions[POSITION_MMAP].chance, &below);
	if (chance_most(&ret->gap) > 0)
		return;
	ret->gap_to = GAP_TO_STACK;
	stack = chance_constant(
		-(int64_t)pages_of(exec_stack_size(setting->model, setting->program)));
	stack = chance_add(&ret->positions[POSITION_STACK].chance, &stack);
	ret->gap = chance_add(&stack, &below);
}

void exec_ranges_of(const struct model *model, const struct exec_program *program,
		    struct exec_ranges *ret)
{
	const struct exec_random nothing = {0};
	const struct setting setting = {
		.model = model,
		.program = program,
		.counts = exec_random_counts(model, program->bits),
		.places = exec_places_of(model, program, &nothing),
	};
	struct chance chance = stack_chance(&setting);

	*ret = (struct exec_ranges){0};
	ret->positions[POSITION_STACK] = range_of(&chance);
	chance = mmap_chance(&setting);
	ret->positions[POSITION_MMAP] = range_of(&chance);
	chance = heap_chance(&setting);
	ret->positions[POSITION_HEAP] = range_of(&chance);
	if (program->image.fixed || program->has_interpreter) {
		chance = program_offset(&setting);
		chance = add_pages(&chance, setting.places.program);
		ret->positions[POSITION_PROGRAM] = range_of(&chance);
	}
	find_gap(&setting, ret);
}
