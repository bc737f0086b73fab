/*
 * The formulas. T is the end of user space, g what is kept free for the stack.
 *
 *	stack       T - pages - bytes, to the page above
 *	mmap zone   from above: T - g - pages; from below: T/3 + pages
 *	PIE         T/3*2 + pages, to its alignment; ia32: 16 MiB above T/3, + pages
 *	heap        behind the program, a page further if it is drawn at all, + pages
 *
 * g is the stack's limit and the range of its random end, at least 128 MiB and at most 5/6 of T: so
 * an unlimited stack leaves a sixth of the addresses to the mmap zone, which still grows down.
 */
#include "model/exec.h"

#include "model/parts.h"

#define MIB (UINT64_C(1) << 20)
#define TASK_SIZE_3GB UINT64_C(0xc0000000)
#define STACK_BYTES 8192

static bool is_random(const struct model *model)
{
	return model->machine.randomize_va_space > 0 && !(model->personality & PERSONALITY_NO_ASLR);
}

struct exec_random exec_random_counts(const struct model *model, unsigned bits)
{
	const struct model_machine *machine = &model->machine;
	bool is_32 = bits == 32;
	unsigned mmap_bits = is_32 ? machine->mmap_rnd_compat_bits : machine->mmap_rnd_bits;
	struct exec_random counts = {1, 1, 1, 1, 1, 1};

	if (!is_random(model))
		return counts;
	counts.stack_pages = UINT64_C(1) << (is_32 ? 11 : 22);
	counts.stack_bytes = counts.pointer_bytes = STACK_BYTES;
	counts.mmap_pages = counts.program_pages = UINT64_C(1) << mmap_bits;
	if (rule_holds(RULE_EXEC_BRK_RANDOM, machine->randomize_va_space > 1))
		counts.brk_pages = pages_of((is_32 ? 32 : 1024) * MIB);
	return counts;
}

/* What the caller has drawn, where it is drawn at all. */
static struct exec_random within(const struct exec_random *random, const struct exec_random *counts)
{
	return (struct exec_random){
		.stack_pages = random->stack_pages % counts->stack_pages,
		.stack_bytes = random->stack_bytes % counts->stack_bytes,
		.pointer_bytes = random->pointer_bytes % counts->pointer_bytes,
		.mmap_pages = random->mmap_pages % counts->mmap_pages,
		.program_pages = random->program_pages % counts->program_pages,
		.brk_pages = random->brk_pages % counts->brk_pages,
	};
}

static plat_addr task_size_of(const struct model *model, unsigned bits)
{
	if (bits == 64)
		return TASK_SIZE_64;
	if (rule_holds(RULE_EXEC_3GB, model->personality & PERSONALITY_LIMIT_3GB))
		return TASK_SIZE_3GB;
	return TASK_SIZE_32;
}

/* What is kept free above the mmap zone. */
static uint64_t gap_for_stack(const struct model *model, plat_addr task_size, uint64_t stack_range)
{
	uint64_t gap = model->limits[MODEL_STACK].soft, more = model->machine.stack_guard_gap;

	if (rule_holds(RULE_EXEC_GAP_RANDOM, stack_range > 1))
		more += (stack_range - 1) * MODEL_PAGE;
	if (rule_holds(RULE_EXEC_GAP_GUARD, gap + more > gap))
		gap += more;
	if (rule_holds(RULE_EXEC_GAP_LEAST, gap < 128 * MIB))
		gap = 128 * MIB;
	if (rule_holds(RULE_EXEC_GAP_MOST, gap > task_size / 6 * 5))
		gap = task_size / 6 * 5;
	return gap;
}

static plat_addr stack_top_of(plat_addr task_size, const struct exec_random *random)
{
	plat_addr top = task_size - random->stack_pages * MODEL_PAGE - random->stack_bytes;

	return page_round(align_down(top, 16));
}

static plat_addr dyn_base_of(plat_addr task_size, unsigned bits)
{
	if (bits == 32)
		return page_round(task_size / 3) + 16 * MIB;
	return task_size / 3 * 2;
}

uint64_t exec_alignment(const struct exec_image *image)
{
	uint64_t most = 0;
	size_t i;

	for (i = 0; i < image->nsegments; i++) {
		uint64_t align = image->segments[i].align;

		if (align && (align & (align - 1)) == 0)
			most = max_u64(most, align);
	}
	return page_round(most);
}

static plat_addr end_of_image(const struct exec_program *program, plat_addr bias)
{
	const struct exec_image *image = &program->image;
	plat_addr end = 0;
	size_t i;

	for (i = 0; i < image->nsegments; i++)
		end = max_u64(end, exec_end(program->bits, image->segments[i].vaddr,
					    image->segments[i].memsz));
	return end + bias;
}

static plat_addr pie_base(const struct exec_places *places, const struct exec_image *image,
			  uint64_t pages)
{
	uint64_t align = exec_alignment(image);
	plat_addr base = places->dyn_base + pages * MODEL_PAGE;

	return rule_holds(RULE_EXEC_PIE_ALIGN, align) ? align_down(base, align) : base;
}

static plat_addr start_of_heap(const struct exec_places *places, const struct exec_program *program,
			       const struct exec_random *random, bool is_drawn)
{
	const struct exec_image *image = &program->image;
	bool moved = !image->fixed && !program->has_interpreter;

	if (rule_holds(RULE_EXEC_STATIC_PIE_HEAP, moved))
		return page_round(places->dyn_base) + random->brk_pages * MODEL_PAGE;
	return page_round(end_of_image(program, places->bias)) + random->brk_pages * MODEL_PAGE +
	       (rule_holds(RULE_EXEC_BRK_PAGE, is_drawn) ? MODEL_PAGE : 0);
}

struct exec_places exec_places_of(const struct model *model, const struct exec_program *program,
				  const struct exec_random *random)
{
	const struct exec_image *image = &program->image;
	struct exec_random counts = exec_random_counts(model, program->bits);
	struct exec_random drawn = within(random, &counts);
	plat_addr vaddr = image->nsegments ? image->segments[0].vaddr : 0;
	bool is_loose = !image->fixed && image->nsegments;
	struct exec_places places = {.task_size = task_size_of(model, program->bits)};
	uint64_t gap = gap_for_stack(model, places.task_size, counts.stack_pages);

	places.top_down = !rule_holds(RULE_EXEC_LEGACY,
				      model->machine.legacy_va_layout ||
					      (model->personality & PERSONALITY_LEGACY_LAYOUT));
	places.stack_top = stack_top_of(places.task_size, &drawn);
	places.mmap_base = page_round(places.task_size - gap - drawn.mmap_pages * MODEL_PAGE);
	places.legacy_base = page_round(places.task_size / 3) + drawn.mmap_pages * MODEL_PAGE;
	places.dyn_base = dyn_base_of(places.task_size, program->bits);
	if (is_loose && program->has_interpreter)
		places.bias = pie_base(&places, image, drawn.program_pages);
	if (is_loose)
		places.bias = align_down(places.bias - vaddr, MODEL_PAGE);
	if (image->fixed || program->has_interpreter)
		places.program = align_down(places.bias + vaddr, MODEL_PAGE);
	places.start_brk = start_of_heap(&places, program, &drawn, counts.brk_pages > 1);
	return places;
}
