/* ASLR: many starts of one program, and what chance makes of them. */
#include "run.h"

#include "model/exec_ranges.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUARTERS 4
#define FEW 400 /* starts that are looked at in full */

/*
 * How often.
 */

static bool same_gap(struct exec_run *run, const struct exec_known *known, unsigned *often)
{
	struct exec_program program = exec_known_program(known);
	struct exec_random drawn;
	struct exec_ranges ranges;
	struct exec_places places;
	struct model model;
	int64_t gap;
	unsigned i;

	if (!exec_drawn(known, &drawn, NULL))
		return exec_disagrees(run, "a start with ASLR is not as the model says\n");
	exec_known_model(known, &model);
	exec_ranges_of(&model, &program, &ranges);
	places = exec_places_of(&model, &program, &drawn);
	model_fini(&model);
	gap = (int64_t)(places.mmap_base - places.start_brk) / (int64_t)MODEL_PAGE;
	if (gap < chance_least(&ranges.gap) || gap > chance_most(&ranges.gap))
		return exec_disagrees(run, "gap: %" PRId64 " pages are out of range\n", gap);
	for (i = 1; i < QUARTERS; i++)
		often[i] += gap <= chance_quantile(&ranges.gap, i, QUARTERS);
	return true;
}

/* Six standard deviations: a test that chance makes fail once in 500 million runs. */
static bool is_likely(unsigned often, unsigned n, unsigned part)
{
	int64_t off = (int64_t)often * QUARTERS - (int64_t)n * part;

	return off * off <= INT64_C(36) * n * part * (QUARTERS - part);
}

static void draw_gaps(struct exec_run *run, unsigned bits)
{
	const char *loader = bits == 64 ? LOADER_64 : LOADER_32;
	struct elf_plan plan = elf_plain(bits, false, 0);
	struct exec_setting setting = exec_usual();
	unsigned often[QUARTERS] = {0}, i;

	if (access(loader, X_OK) != 0)
		return;
	plan.interpreter = loader;
	setting.personality = 0;
	if (elf_write(&plan, run->program) < 0)
		return;
	for (i = 0; i < FEW; i++) {
		struct exec_known known = {.setting = setting,
					   .machine = &run->machine,
					   .capabilities = run->capabilities,
					   .filename_size = strlen(run->program) + 1};
		struct error err;

		if (elf_file_read(run->program, &known.file, &err) == 0 &&
		    exec_start(run->program, &setting, &known.started) == 0) {
			same_gap(run, &known, often);
			exec_started_fini(&known.started);
			run->compared++;
		}
		elf_file_fini(&known.file);
	}
	for (i = 1; i < QUARTERS; i++)
		if (!is_likely(often[i], FEW, i))
			exec_disagrees(run,
				       "%u bit: %u of %u gaps are below the %u. quarter's end\n",
				       bits, often[i], FEW, i);
}

/*
 * How far: an ia32 program has 8192 places for its heap, few enough to see the first and the last.
 */

static pid_t start_stopped(const char *path)
{
	char name[] = "draw";
	char *const args[] = {name, NULL}, *const none[] = {NULL};
	pid_t pid = vfork();

	if (pid == 0) {
		personality(0);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execve(path, args, none);
		_exit(1);
	}
	return pid;
}

static plat_addr start_brk_of(const char *path)
{
	char name[64], text[2048] = "";
	plat_addr start_brk = 0;
	unsigned field;
	int status;
	FILE *file;
	char *at;
	pid_t pid = start_stopped(path);

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 0;
	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	file = fopen(name, "re");
	at = file && fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	for (field = 2; at && field < 47; field++)
		at = strchr(at + 1, ' ');
	if (at)
		start_brk = strtoull(at, NULL, 10);
	if (file)
		fclose(file);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return start_brk;
}

static void draw_heaps(struct exec_run *run)
{
	struct elf_plan plan = elf_plain(32, true, 0x400000);
	struct exec_draws *draws = &run->draws;
	struct error err;
	uint64_t i;

	if (!run->has_32 || elf_write(&plan, run->program) < 0 ||
	    elf_file_read(run->program, &draws->file, &err) < 0)
		return;
	draws->least = ADDR_MAX;
	for (i = 0; i < run->ndraws; i++) {
		plat_addr start_brk = start_brk_of(run->program);

		if (!start_brk)
			continue;
		draws->least = min_u64(draws->least, start_brk);
		draws->most = max_u64(draws->most, start_brk);
		draws->n++;
	}
}

bool exec_draws_agree(const struct exec_run *run)
{
	const struct exec_draws *draws = &run->draws;
	const struct exec_range *heap;
	struct exec_ranges ranges;
	struct model model;

	if (!draws->n)
		return true;
	model_init(&model);
	model.machine = run->machine;
	exec_ranges_of(&model, &draws->file.program, &ranges);
	model_fini(&model);
	heap = &ranges.positions[POSITION_HEAP];
	return draws->least >= heap->lowest && draws->most <= heap->highest;
}

void exec_draw_often(struct exec_run *run)
{
	if (run->machine.randomize_va_space != 2)
		return;
	draw_gaps(run, 64);
	if (run->has_32)
		draw_gaps(run, 32);
	draw_heaps(run);
	if (!exec_draws_agree(run))
		exec_disagrees(run, "start_brk: 0x%" PRIx64 " to 0x%" PRIx64 " is not the range\n",
			       run->draws.least, run->draws.most);
}

/*
 * Below the stack.
 */

enum { BELOW_JOINED = 10, BELOW_APART = 11 };

static plat_addr stack_start(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	plat_addr start = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, "[stack]"))
			start = strtoull(line, NULL, 16);
	if (file)
		fclose(file);
	return start;
}

int exec_below_stack(void)
{
	plat_addr start = stack_start();
	void *wanted = (void *)(uintptr_t)(start - MODEL_PAGE);

	if (!start ||
	    mmap(wanted, MODEL_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0) != wanted)
		return 1;
	return stack_start() < start ? BELOW_JOINED : BELOW_APART;
}

static int run_below(bool aslr)
{
	char name[] = "exec", option[] = BELOW_STACK;
	char *const args[] = {name, option, NULL};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		personality(aslr ? 0 : PERSONALITY_NO_ASLR);
		execv("/proc/self/exe", args);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

/* Whether the model joins them, in any program: this one is of no account. */
static bool model_joins(const struct exec_run *run, bool aslr)
{
	const struct exec_random random = {.stack_pages = 1000};
	const struct exec_segment segment = {0x400000, 0, 4096, 4096, 4096, VMA_READ | VMA_EXEC};
	struct model_request request = {CALL_MMAP,
					{0, MODEL_PAGE, PROT_READ | PROT_WRITE, 0, UINT64_MAX, 0}};
	struct exec_program program;
	const struct vma *stack;
	plat_addr start;
	struct model model;
	bool joins;

	exec_program_init(&program);
	program.image = (struct exec_image){
		.fixed = true, .segments = &segment, .nsegments = 1, .file_size = 4096};
	model_init(&model);
	model.machine = run->machine;
	model.personality = aslr ? 0 : PERSONALITY_NO_ASLR;
	model_exec(&model, &program, &random);
	start = vmas_above(&model.vmas, model.start_stack)->start;
	request.arg[0] = start - MODEL_PAGE;
	request.arg[3] = MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED;
	model_do(&model, &request);
	stack = vmas_above(&model.vmas, model.start_stack);
	joins = stack->start < start;
	model_fini(&model);
	return joins;
}

void exec_map_below_stack(struct exec_run *run)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(run->below); i++) {
		int code = run_below(i == 0);

		run->below[i].tried = code == BELOW_JOINED || code == BELOW_APART;
		run->below[i].joined = code == BELOW_JOINED;
		run->broken += !run->below[i].tried;
		run->compared++;
	}
	if (!exec_below_agrees(run))
		exec_disagrees(run,
			       "the stack joins what is below it otherwise than in the model\n");
}

bool exec_below_agrees(const struct exec_run *run)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(run->below); i++)
		if (run->below[i].tried && run->below[i].joined != model_joins(run, i == 0))
			return false;
	return true;
}
