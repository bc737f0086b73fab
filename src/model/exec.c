/*
 * In the kernel's order, because it decides what stops an exec and how:
 *
 *	strings		copied to a stack at the end of a 64-bit space, also for ia32
 *			-- from here on the old space is gone: no errno any more, but SIGSEGV --
 *	stack		moved to its place, given 128 KiB more
 *	program		segment by segment; one that can be moved is first mapped whole, so that all
 *			of it has room, and cut again
 *	interpreter	the same way
 *	vvar, vdso	one search for all
 *	tables		argv, envp and the auxiliary vector, below the strings
 */
#include "model/exec.h"

#include "model/exec_load.h"
#include "model/parts.h"

#include <errno.h>

#define KIB UINT64_C(1024)
#define STACK_MADE_AT TASK_SIZE_64
#define STACK_MORE (128 * KIB)
#define STRINGS_LEAST (128 * KIB)
#define STRINGS_MOST (6144 * KIB)
#define STRING_MOST (128 * KIB)
#define POINTER_OF_KERNEL 8 /* counted for ia32, too */
#define RANDOM_BYTES 16	    /* that AT_RANDOM points to */
#define VCLOCK_PAGES 2

struct loading {
	struct model *model;
	const struct exec_program *program;
	struct exec_places places;
	uint64_t pointer_bytes;
	struct exec_result result;
};

void exec_program_init(struct exec_program *program)
{
	*program = (struct exec_program){
		.bits = 64,
		.image.name = NO_FILE,
		.interpreter.name = NO_FILE,
		.stack = EXEC_STACK_DATA,
		.filename_size = sizeof("/bin/true"),
		.arg_size = sizeof("true"),
		.longest = sizeof("/bin/true"),
		.nargs = 1,
		.vdso_name = NO_FILE,
		.vvar_name = NO_FILE,
		.vvar_clock_name = NO_FILE,
	};
}

/* Linux 6.18 tells so much. */
unsigned exec_nauxv(const struct exec_program *program)
{
	if (program->nauxv)
		return program->nauxv;
	return program->bits == 64 ? 23 : 24;
}

/*
 * What was before.
 */

static void forget_space(struct model *model)
{
	vmas_fini(&model->vmas);
	pages_fini(&model->present);
	model->vmas = VMAS_EMPTY;
	model->present = (struct pages_present){0};
	model->counters = (struct model_counters){0};
	model->new_flags = 0;
	model->refused = RULE_NONE;
}

/* The processor tells apart what may be executed, so only ia32 programs that say nothing get it. */
static void set_personality(struct model *model, const struct exec_program *program)
{
	if (program->bits == 64)
		model->personality &= ~(unsigned)PERSONALITY_READ_IMPLIES_EXEC;
	else if (rule_holds(RULE_EXEC_READ_IMPLIES, program->stack == EXEC_STACK_DEFAULT))
		model->personality |= PERSONALITY_READ_IMPLIES_EXEC;
}

static void begin(struct loading *loading)
{
	struct model *model = loading->model;
	const struct exec_places *places = &loading->places;

	forget_space(model);
	set_personality(model, loading->program);
	model->bits = loading->program->bits;
	model->task_size = places->task_size;
	model->top_down = places->top_down;
	model->mmap_base = places->mmap_base;
	model->legacy_base = places->legacy_base;
}

/*
 * Strings and stack.
 */

static uint64_t strings_size(const struct exec_program *program)
{
	return program->filename_size + program->arg_size + program->env_size;
}

static int64_t check_strings(struct loading *loading)
{
	struct model *model = loading->model;
	const struct exec_program *program = loading->program;
	uint64_t most = model->limits[MODEL_STACK].soft / 4;
	uint64_t tables = (max_u64(program->nargs, 1) + program->nenvs) * POINTER_OF_KERNEL;

	if (rule_holds(RULE_EXEC_STRINGS_MOST, most > STRINGS_MOST))
		most = STRINGS_MOST;
	if (rule_holds(RULE_EXEC_STRINGS_LEAST, most < STRINGS_LEAST))
		most = STRINGS_LEAST;
	if (rule_holds(RULE_EXEC_STRINGS, strings_size(program) + tables > most))
		return refuse(model, RULE_EXEC_STRINGS, -E2BIG);
	if (rule_holds(RULE_EXEC_STRING, program->longest > STRING_MOST))
		return refuse(model, RULE_EXEC_STRING, -E2BIG);
	return 0;
}

static uint32_t stack_flags(const struct model *model, enum exec_stack stack)
{
	uint32_t flags = VMA_READ | VMA_WRITE | VMA_MAY | VMA_GROWSDOWN | VMA_ACCOUNT;
	bool all = model->personality & PERSONALITY_READ_IMPLIES_EXEC;

	if (stack == EXEC_STACK_CODE || (stack == EXEC_STACK_DEFAULT && all))
		flags |= VMA_EXEC;
	return flags;
}

/* The first page is there before anything is asked; the others grow as the strings are copied. */
static int64_t check_string_pages(struct model *model, uint64_t pages)
{
	if (rule_holds(RULE_LIMIT_STACK, pages > max_u64(limit_pages(model, MODEL_STACK), 1)))
		return refuse(model, RULE_LIMIT_STACK, -E2BIG);
	model->counters.total = 1;
	if (pages > 1 &&
	    (!may_expand(model, VMA_GROWSDOWN, pages - 1) || !may_commit(model, pages - 1)))
		return -E2BIG;
	model->counters.total = 0;
	return 0;
}

static int64_t copy_strings(struct loading *loading)
{
	struct model *model = loading->model;
	uint64_t used = POINTER_OF_KERNEL + strings_size(loading->program);
	uint64_t pages = pages_of(page_round(used));
	plat_addr top = loading->places.stack_top;
	struct vma stack = {.end = top, .file = VMA_NO_FILE};
	int64_t r = check_strings(loading);

	if (r == 0)
		r = check_string_pages(model, pages);
	if (r < 0)
		return r;
	loading->result.killed = true;
	stack.start = top - pages * MODEL_PAGE;
	stack.flags = stack_flags(model, loading->program->stack);
	/* Made elsewhere and moved, it keeps the offset of that place. */
	stack.pgoff = pages_of(stack.start);
	if (rule_holds(RULE_EXEC_STACK_OFFSET, true))
		stack.pgoff = pages_of(STACK_MADE_AT) - pages;
	if (vmas_insert(&model->vmas, &stack) < 0)
		return run_out(model);
	count(model, stack.flags, pages);
	commit(model, pages);
	return touch_all(model, align_down(top - used, MODEL_PAGE), top, true);
}

/* Room beyond the strings, as far as the limit lets it. */
uint64_t exec_stack_size(const struct model *model, const struct exec_program *program)
{
	uint64_t size = page_round(POINTER_OF_KERNEL + strings_size(program)), wanted = size;

	if (rule_holds(RULE_EXEC_STACK_MORE, true))
		wanted += STACK_MORE;
	if (rule_holds(RULE_LIMIT_STACK, wanted > model->limits[MODEL_STACK].soft))
		wanted = align_down(model->limits[MODEL_STACK].soft, MODEL_PAGE);
	return max_u64(size, wanted);
}

static int64_t give_stack_room(struct loading *loading)
{
	struct model *model = loading->model;
	plat_addr top = loading->places.stack_top;
	struct vma_place place = vmas_find(&model->vmas, top - 1);
	struct vma *stack = vmas_at(&model->vmas, place);
	uint64_t wanted = exec_stack_size(model, loading->program);
	uint64_t more = pages_of(wanted - vma_size(stack));

	if (more == 0)
		return 0;
	if (!may_expand(model, stack->flags, more) || !may_commit(model, more))
		return -ENOMEM;
	stack->pgoff -= more;
	vmas_resize(&model->vmas, place, top - wanted, top);
	count(model, stack->flags, more);
	commit(model, more);
	return 0;
}

/*
 * Program and interpreter.
 */

static int64_t load_program(struct loading *loading)
{
	const struct exec_image *image = &loading->program->image;
	struct exec_how how = {.bias = loading->places.bias, .flags = MAP_NUMBER_FIXED_NOREPLACE};

	if (!image->fixed) {
		how.whole = true;
		how.searched = !loading->program->has_interpreter;
	}
	if (how.searched)
		how.flags = 0;
	/* Without segments it loads nothing, and lies nowhere. */
	if (image->nsegments == 0)
		return 0;
	return exec_load(loading->model, image, &how, &loading->result.bias);
}

static int64_t load_interpreter(struct loading *loading)
{
	const struct exec_image *image = &loading->program->interpreter;
	struct exec_how how = {.whole = true, .check_as_placed = true};

	if (!loading->program->has_interpreter)
		return 0;
	if (image->fixed)
		how.flags = MAP_NUMBER_FIXED;
	else if (image->nsegments && !rule_holds(RULE_EXEC_INTERPRETER_HINT, !loading->result.bias))
		how.bias = -image->segments[0].vaddr;
	return exec_load(loading->model, image, &how, &loading->result.interpreter_bias);
}

/* What /proc/PID/stat tells of the segments. Without any that is executable it makes no sense. */
static void note_segments(struct loading *loading)
{
	struct model *model = loading->model;
	const struct exec_image *image = &loading->program->image;
	plat_addr start_code = ADDR_MAX, end_code = 0, start_data = 0, end_data = 0;
	plat_addr bias = loading->result.bias;
	size_t i;

	for (i = 0; i < image->nsegments; i++) {
		const struct exec_segment *segment = &image->segments[i];
		plat_addr end = exec_end(model->bits, segment->vaddr, segment->filesz);

		if (segment->rights & VMA_EXEC) {
			start_code = min_u64(start_code, segment->vaddr);
			end_code = max_u64(end_code, end);
		}
		start_data = max_u64(start_data, segment->vaddr);
		end_data = max_u64(end_data, end);
	}
	model->start_code = start_code + bias;
	model->end_code = end_code + bias;
	model->start_data = start_data + bias;
	model->end_data = end_data + bias;
	model->start_brk = model->brk = loading->places.start_brk;
}

/*
 * What the kernel lends: data of the clocks, and code that reads them.
 */

static int64_t add_special(struct model *model, plat_addr start, uint64_t pages, uint32_t flags,
			   uint32_t name)
{
	const struct model_file file = {
		.readable = true, .whole = true, .size = pages * MODEL_PAGE, .name = name};
	struct vma vma = {.start = start, .end = start + pages * MODEL_PAGE, .flags = flags};
	int64_t index;

	if (pages == 0)
		return 0;
	index = new_file(model, &file);
	if (index < 0)
		return index;
	vma.file = (uint32_t)index;
	if (vmas_insert(&model->vmas, &vma) < 0)
		return run_out(model);
	count(model, flags, pages);
	return 0;
}

static int64_t map_vdso(struct loading *loading)
{
	const uint32_t vvar_flags =
		VMA_READ | VMA_MAYREAD | VMA_IO | VMA_DONTEXPAND | VMA_DONTDUMP | VMA_PFNMAP;
	const uint32_t vdso_flags = VMA_READ | VMA_EXEC | VMA_MAY | VMA_DONTEXPAND;
	struct model *model = loading->model;
	const struct exec_program *program = loading->program;
	uint64_t data = model->machine.vvar_pages, code = model->machine.vdso_pages, clocks = 0;
	const struct placement wanted = {.file = VMA_NO_FILE,
					 .length = (data + code) * MODEL_PAGE,
					 .flags = MAP_NUMBER_PRIVATE | MAP_NUMBER_ANONYMOUS};
	int64_t found, r;

	if (data + code == 0)
		return 0;
	found = place(model, &wanted);
	if (found < 0)
		return found;
	loading->result.vvar = (plat_addr)found;
	loading->result.vdso = (plat_addr)found + data * MODEL_PAGE;
	if (rule_holds(RULE_EXEC_VCLOCK,
		       model->machine.version >= VERSION(6, 13) && data > VCLOCK_PAGES))
		clocks = VCLOCK_PAGES;
	r = add_special(model, (plat_addr)found, data - clocks, vvar_flags, program->vvar_name);
	if (r == 0)
		r = add_special(model, loading->result.vdso - clocks * MODEL_PAGE, clocks,
				vvar_flags, program->vvar_clock_name);
	if (r == 0)
		r = add_special(model, loading->result.vdso, code, vdso_flags, program->vdso_name);
	return r;
}

/*
 * Below the strings: the processor's name, 16 bytes of chance, the auxiliary vector, envp, argv and
 * argc, which the first stack pointer points to.
 */
static int64_t make_tables(struct loading *loading)
{
	struct model *model = loading->model;
	const struct exec_program *program = loading->program;
	uint64_t word = program->bits / 8;
	plat_addr at = loading->places.stack_top - POINTER_OF_KERNEL - strings_size(program), end;
	const struct vma *stack;

	model->arg_start = at;
	model->arg_end = model->env_start = at + program->arg_size;
	model->env_end = model->env_start + program->env_size;
	at = end = align_down(at - loading->pointer_bytes, 16);
	at -= program->bits == 64 ? sizeof("x86_64") : sizeof("i686");
	at -= RANDOM_BYTES + 2 * exec_nauxv(program) * word;
	at -= (1 + program->nargs + 1 + program->nenvs + 1) * word;
	at = align_down(at, 16);
	model->start_stack = at;
	if (call_write(model, &at) < 0)
		return -EFAULT;
	stack = vmas_above(&model->vmas, at);
	return touch_all(model, align_down(at, MODEL_PAGE), min_u64(stack->end, page_round(end)),
			 true);
}

struct exec_result model_exec(struct model *model, const struct exec_program *program,
			      const struct exec_random *random)
{
	static int64_t (*const steps[])(struct loading * loading) = {
		copy_strings,	  give_stack_room, load_program,
		load_interpreter, map_vdso,	   make_tables,
	};
	struct exec_random counts = exec_random_counts(model, program->bits);
	struct loading loading = {
		.model = model,
		.program = program,
		.places = exec_places_of(model, program, random),
		.pointer_bytes = random->pointer_bytes % counts.pointer_bytes,
	};
	struct exec_result *result = &loading.result;
	size_t i;

	begin(&loading);
	for (i = 0; i < ARRAY_SIZE(steps) && result->value == 0; i++)
		result->value = steps[i](&loading);
	note_segments(&loading);
	result->refused = result->value ? model->refused : RULE_NONE;
	model->refused = result->refused;
	if (result->value == 0)
		result->killed = false;
	return *result;
}
