/*
 * Chance is not asked but read off: from where the parts lie the numbers follow that were drawn.
 * Each must be in its range, and all else must be exactly as these numbers make it.
 */
#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define TRIES 4	  /* where parts are in each other's way their places depend on each other */
#define NEAR 1024 /* pages: images with an alignment of 2 MiB do not show what was drawn */

static bool differs(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);

static bool differs(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (out)
		vfprintf(out, format, args);
	va_end(args);
	return false;
}

struct exec_program exec_known_program(const struct exec_known *known)
{
	const struct exec_strings *args = &known->setting.args, *envs = &known->setting.envs;
	struct exec_program program = known->file.program;

	program.filename_size = known->filename_size;
	program.nargs = args->n;
	program.arg_size = (uint64_t)args->n * args->size;
	if (args->n == 0)
		program.nargs = program.arg_size = 1;
	program.nenvs = envs->n;
	program.env_size = (uint64_t)envs->n * envs->size;
	program.longest = max_u64(args->n ? args->size : 1, envs->n ? envs->size : 1);
	program.nauxv = known->started.nauxv;
	return program;
}

void exec_known_model(const struct exec_known *known, struct model *ret)
{
	unsigned i;

	model_init(ret);
	ret->machine = *known->machine;
	if (known->started.vdso_pages) {
		ret->machine.vdso_pages = known->started.vdso_pages;
		ret->machine.vvar_pages = known->started.vvar_pages;
	}
	ret->personality = known->setting.personality;
	ret->capabilities = known->capabilities;
	for (i = 0; i < NMODEL_LIMITS; i++)
		ret->limits[i].soft = known->setting.limits[i];
}

/*
 * What was drawn.
 */

/* How many pages `a` lies above `b`. */
static uint64_t pages_between(plat_addr a, plat_addr b)
{
	return (uint64_t)((int64_t)(a - b) / (int64_t)MODEL_PAGE);
}

/* The end of the stack is cut to a page: a few bytes more move it by a page or two. */
static void read_off_stack(struct exec_random *ret, const struct exec_random *counts,
			   plat_addr task_size, plat_addr stack_end)
{
	uint64_t pages = pages_between(task_size, stack_end);

	ret->stack_pages = min_u64(pages, counts->stack_pages - 1);
	ret->stack_bytes = 0;
	if (pages > ret->stack_pages)
		ret->stack_bytes = pages - ret->stack_pages == 1 ? 4096 : 8177;
}

static void read_off_pointer(struct exec_random *ret, const struct exec_random *counts,
			     const struct exec_known *known, const struct model *model)
{
	uint64_t more = model->start_stack - known->started.stat[STAT_START_STACK];

	ret->pointer_bytes += more;
	if (ret->pointer_bytes == counts->pointer_bytes)
		ret->pointer_bytes--;
}

/* Of a program with a large alignment many numbers give the same place. */
static void read_off_program(struct exec_random *ret, const struct exec_random *counts,
			     const struct exec_known *known, const struct exec_result *result)
{
	const struct exec_program *program = &known->file.program;
	plat_addr bias = known->started.entry - known->file.entry;

	if (program->image.fixed || !program->has_interpreter)
		return;
	ret->program_pages += pages_between(bias, result->bias);
	ret->program_pages = min_u64(ret->program_pages, counts->program_pages - 1);
}

static bool in_range(const struct exec_random *drawn, const struct exec_random *counts, FILE *out)
{
	const struct {
		const char *name;
		uint64_t drawn, count;
	} all[] = {
		{"stack_pages", drawn->stack_pages, counts->stack_pages},
		{"stack_bytes", drawn->stack_bytes, counts->stack_bytes},
		{"pointer_bytes", drawn->pointer_bytes, counts->pointer_bytes},
		{"mmap_pages", drawn->mmap_pages, counts->mmap_pages},
		{"program_pages", drawn->program_pages, counts->program_pages},
		{"brk_pages", drawn->brk_pages, counts->brk_pages},
	};
	bool good = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].drawn >= all[i].count)
			good = differs(out, "%s: %" PRId64 " is not in 0 to %" PRIu64 "\n",
				       all[i].name, (int64_t)all[i].drawn, all[i].count - 1);
	return good;
}

/* Draws again what does not yet fit. True: nothing was left to change. */
static bool draw_again(const struct exec_known *known, const struct model *model,
		       const struct exec_result *result, struct exec_random *drawn,
		       const struct exec_random *counts)
{
	const struct exec_started *started = &known->started;
	struct exec_random before = *drawn;
	uint64_t further = pages_between(result->vdso, started->vdso);

	read_off_pointer(drawn, counts, known, model);
	read_off_program(drawn, counts, known, result);
	drawn->mmap_pages += model->top_down ? further : -further;
	drawn->brk_pages += pages_between(started->stat[STAT_START_BRK], model->start_brk);
	if (memcmp(&before, drawn, sizeof(before)) == 0)
		return true;
	/* The heap follows the program. */
	if (before.program_pages != drawn->program_pages)
		drawn->brk_pages = before.brk_pages;
	return false;
}

/*
 * Comparing.
 */

static bool same_outcome(const struct exec_started *started, const struct exec_result *result,
			 FILE *out)
{
	static const char *const words[] = {"started", "refused", "killed"};
	enum exec_outcome predicted = result->value == 0 ? EXEC_STOPPED
				      : result->killed	 ? EXEC_KILLED
							 : EXEC_REFUSED;

	if (predicted != started->outcome)
		return differs(out, "kernel: %s (%s), model: %s (%" PRId64 " %s)\n",
			       words[started->outcome],
			       started->errnum ? strerror(started->errnum) : "-", words[predicted],
			       result->value, rule_name(result->refused));
	if (predicted == EXEC_REFUSED && -result->value != started->errnum)
		return differs(out, "kernel: %s, model: %s\n", strerror(started->errnum),
			       strerror((int)-result->value));
	return true;
}

static bool same_stat(const struct exec_started *started, const struct model *model, FILE *out)
{
	const uint64_t predicted[NEXEC_STATS] = {
		[STAT_START_CODE] = model->start_code,	 [STAT_END_CODE] = model->end_code,
		[STAT_START_STACK] = model->start_stack, [STAT_START_DATA] = model->start_data,
		[STAT_END_DATA] = model->end_data,	 [STAT_START_BRK] = model->start_brk,
		[STAT_ARG_START] = model->arg_start,	 [STAT_ARG_END] = model->arg_end,
		[STAT_ENV_START] = model->env_start,	 [STAT_ENV_END] = model->env_end};
	bool good = true;
	unsigned i;

	for (i = 0; i < NEXEC_STATS; i++)
		if (started->stat[i] != predicted[i])
			good = differs(out, "%s: kernel 0x%" PRIx64 ", model 0x%" PRIx64 "\n",
				       exec_stat_name((enum exec_stat)i), started->stat[i],
				       predicted[i]);
	return good;
}

static bool same_counters(const struct exec_started *started, const struct model *model, FILE *out)
{
	const struct model_counters *a = &started->counters, *b = &model->counters;

	if (a->total == b->total && a->data == b->data && a->stack == b->stack &&
	    a->locked == b->locked)
		return true;
	return differs(out,
		       "kernel: total %" PRIu64 " data %" PRIu64 " stack %" PRIu64
		       ", model: %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		       a->total, a->data, a->stack, b->total, b->data, b->stack);
}

static void print_vmas(const struct seen *seen, const char *whose, FILE *out)
{
	char text[160];
	size_t i;

	fprintf(out, "%s:\n", whose);
	for (i = 0; i < seen->nvmas; i++)
		fprintf(out, "  %s\n", seen_text(&seen->vmas[i], text, sizeof(text)));
}

static bool same_vmas(const struct exec_started *started, const struct model *model, FILE *out)
{
	struct seen seen = SEEN_EMPTY;
	bool good = false;

	if (seen_of_model(&seen, model, 0, UINT64_MAX) == 0)
		good = seen_difference(&started->seen, &seen, true) < 0;
	if (!good && out) {
		print_vmas(&started->seen, "kernel", out);
		print_vmas(&seen, "model", out);
	}
	seen_fini(&seen);
	return good;
}

/*
 * Pages of their own: of anonymous memory how many. Where there are any there is an identity; it
 * stays where they are gone, because another segment was mapped over them.
 */
static bool same_pages(const struct exec_started *started, const struct model *model, FILE *out)
{
	struct vma_place place = vmas_first(&model->vmas);
	const struct vma *vma;
	bool good = true;
	size_t i;

	for (i = 0; (vma = vmas_at(&model->vmas, place)) != NULL; i++) {
		uint64_t pages = pages_in(&model->present, vma->start, vma->end) / MODEL_PAGE;

		place = vmas_next(&model->vmas, place);
		if (vma->file != VMA_NO_FILE && model->files[vma->file].whole)
			continue;
		if ((vma->file == VMA_NO_FILE && pages != started->own_pages[i]) ||
		    (started->own_pages[i] != 0 && vma->anon == ANON_NONE))
			good = differs(out,
				       "0x%" PRIx64 ": kernel has %" PRIu64
				       " own pages, model %" PRIu64 ", identity %u\n",
				       vma->start, started->own_pages[i], pages, vma->anon);
	}
	return good;
}

static bool same_space(const struct exec_known *known, const struct model *model,
		       const struct exec_result *result, FILE *out)
{
	const struct exec_started *started = &known->started;
	uint64_t word = model->bits == 64 ? UINT64_MAX : UINT32_MAX; /* of the auxiliary vector */
	bool good = same_vmas(started, model, out);

	if (good)
		good = same_pages(started, model, out);
	good = same_stat(started, model, out) && good;
	good = same_counters(started, model, out) && good;
	if (result->vdso != started->vdso || result->vvar != started->vvar)
		good = differs(out, "vdso: kernel 0x%" PRIx64 ", model 0x%" PRIx64 "\n",
			       started->vdso, result->vdso);
	if (((result->bias + known->file.entry) & word) != started->entry)
		good = differs(out, "entry: kernel 0x%" PRIx64 ", model 0x%" PRIx64 "\n",
			       started->entry, result->bias + known->file.entry);
	if (known->file.program.has_interpreter &&
	    (result->interpreter_bias & word) != started->base)
		good = differs(out, "AT_BASE: kernel 0x%" PRIx64 ", model 0x%" PRIx64 "\n",
			       started->base, result->interpreter_bias);
	return good;
}

static bool same_all(const struct exec_known *known, const struct model *model,
		     const struct exec_result *result, const struct exec_random *drawn, FILE *out)
{
	struct exec_random counts = exec_random_counts(model, known->file.program.bits);
	bool good = same_outcome(&known->started, result, out);

	if (good) {
		good = in_range(drawn, &counts, out);
		good = same_space(known, model, result, out) && good;
	}
	return good;
}

/* Reads off all numbers, each from one place. */
static struct exec_result read_off(const struct exec_known *known, struct model *model,
				   const struct exec_program *program, struct exec_random *drawn)
{
	struct exec_random counts = exec_random_counts(model, program->bits);
	struct exec_result result;
	unsigned tries;

	for (tries = 0;; tries++) {
		const struct exec_random asked = *drawn;

		result = model_exec(model, program, &asked);
		if (tries == 0)
			read_off_stack(drawn, &counts, model->task_size, known->started.stack_end);
		if (tries == 0 && memcmp(drawn, &asked, sizeof(asked)) != 0)
			continue;
		if (tries == TRIES || result.value != 0 ||
		    draw_again(known, model, &result, drawn, &counts))
			return result;
	}
}

/* Where the mmap zone begins is sought near what the place of the first image shows. */
static bool seek_zone(const struct exec_known *known, struct model *model,
		      const struct exec_program *program, struct exec_random *drawn)
{
	struct exec_random counts = exec_random_counts(model, program->bits), try = *drawn;
	struct exec_result result;
	uint64_t first, i;

	try.mmap_pages = 0;
	result = model_exec(model, program, &try);
	if (program->has_interpreter)
		first = pages_between(known->started.base, result.interpreter_bias);
	else
		first = pages_between(known->started.entry - known->file.entry, result.bias);
	if (model->top_down)
		first = -first;
	for (i = first - NEAR; i != first + NEAR; i++) {
		try.mmap_pages = i;
		if (i >= counts.mmap_pages)
			continue;
		result = model_exec(model, program, &try);
		if (same_all(known, model, &result, &try, NULL)) {
			*drawn = try;
			return true;
		}
	}
	return false;
}

bool exec_drawn(const struct exec_known *known, struct exec_random *ret, FILE *out)
{
	struct exec_program program = exec_known_program(known);
	struct exec_random drawn = {0};
	struct exec_result result;
	struct model model;
	bool good;

	exec_known_model(known, &model);
	result = read_off(known, &model, &program, &drawn);
	good = same_all(known, &model, &result, &drawn, NULL);
	if (!good && exec_random_counts(&model, program.bits).mmap_pages > 1)
		good = seek_zone(known, &model, &program, &drawn);
	if (!good && out) {
		result = model_exec(&model, &program, &drawn);
		same_all(known, &model, &result, &drawn, out);
	}
	*ret = drawn;
	model_fini(&model);
	return good;
}

/* Where it failed nothing tells what was drawn: the stack's tables lie at either end of their
 * range. */
static bool fails_alike(const struct exec_known *known, uint64_t pointer_bytes, FILE *out)
{
	struct exec_program program = exec_known_program(known);
	struct exec_random drawn = {.pointer_bytes = pointer_bytes};
	struct exec_result result;
	struct model model;
	bool good;

	exec_known_model(known, &model);
	result = model_exec(&model, &program, &drawn);
	good = same_outcome(&known->started, &result, out);
	model_fini(&model);
	return good;
}

bool exec_agrees(const struct exec_known *known, FILE *out)
{
	struct exec_random drawn;

	if (known->started.outcome == EXEC_STOPPED)
		return exec_drawn(known, &drawn, out);
	return fails_alike(known, 8191, NULL) || fails_alike(known, 0, out);
}
