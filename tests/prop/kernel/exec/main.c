/*
 * Whether the model's exec and the running kernel's agree: every mapping with its flags, the pages
 * written to, all addresses that /proc tells, counters, and where exec fails how.
 *
 *	exec			programs of all types under all settings, then files by chance
 *	exec --files 10000	so many files by chance
 *	exec --draws 10000	so many times one program with ASLR, to see how it draws
 *	exec --seed 1		the same files again
 *	exec --mutants		and the rules of exec, each taken away in turn
 *	exec --dir DIR		where files can be written that can be executed
 *
 * Exit 1 where kernel and model disagree or a mutant is not caught.
 */
#include "run.h"

#include "machine.h"

#include "base/list.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SHOWN_MOST 5
#define DRAWS_FOR_MUTANTS 60000 /* one in 8192 shows that the heap's page is there */

/*
 * One case.
 */

struct exec_setting exec_usual(void)
{
	struct exec_setting setting = {.personality = PERSONALITY_NO_ASLR, .args = {1, 5}};
	unsigned i;

	for (i = 0; i < NMODEL_LIMITS; i++)
		setting.limits[i] = MODEL_INFINITE;
	setting.limits[MODEL_STACK] = 8 * MIB;
	return setting;
}

static void print_image(const char *name, const struct exec_image *image)
{
	size_t i;

	printf("  %s: %s, %" PRIu64 " bytes%s\n", name, image->fixed ? "ET_EXEC" : "ET_DYN",
	       image->file_size, image->huge_aligned ? ", for huge pages" : "");
	for (i = 0; i < image->nsegments; i++) {
		const struct exec_segment *segment = &image->segments[i];

		printf("    LOAD 0x%" PRIx64 " offset 0x%" PRIx64 " filesz 0x%" PRIx64
		       " memsz 0x%" PRIx64 " align 0x%" PRIx64 " rights %u\n",
		       segment->vaddr, segment->offset, segment->filesz, segment->memsz,
		       segment->align, segment->rights);
	}
}

static void print_case(const char *path, const struct exec_known *known)
{
	const struct exec_program *program = &known->file.program;
	const struct exec_setting *setting = &known->setting;

	printf("%s: %u bit, personality 0x%x, stack %" PRId64 ", as %" PRId64 ", data %" PRId64
	       ", %u arguments of %u, %u variables of %u, PT_GNU_STACK %u\n",
	       path, program->bits, setting->personality, (int64_t)setting->limits[MODEL_STACK],
	       (int64_t)setting->limits[MODEL_AS], (int64_t)setting->limits[MODEL_DATA],
	       setting->args.n, setting->args.size, setting->envs.n, setting->envs.size,
	       (unsigned)program->stack);
	print_image("program", &program->image);
	if (program->has_interpreter)
		print_image("interpreter", &program->interpreter);
}

static void known_fini(struct exec_known *known)
{
	elf_file_fini(&known->file);
	exec_started_fini(&known->started);
}

static void keep(struct exec_run *run, struct exec_known *known)
{
	if (!run->mutants || list_reserve(&run->kept, &run->kept_room, run->nkept, 1) < 0)
		known_fini(known);
	else
		run->kept[run->nkept++] = *known;
}

bool exec_disagrees(struct exec_run *run, const char *format, ...)
{
	va_list args;

	if (++run->disagreements > SHOWN_MOST)
		return false;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	return true;
}

/* What could not be tried is counted apart. */
static void broken(struct exec_run *run, const char *what, const char *why)
{
	printf("%s: %s\n", what, why);
	run->broken++;
}

static void compare(struct exec_run *run, const char *path, struct exec_known *known)
{
	run->compared++;
	run->refused += known->started.outcome == EXEC_REFUSED;
	run->killed += known->started.outcome == EXEC_KILLED;
	if (!exec_agrees(known, NULL) && exec_disagrees(run, "\n")) {
		print_case(path, known);
		exec_agrees(known, stdout);
	}
	keep(run, known);
}

void exec_try(struct exec_run *run, const char *path, const struct exec_setting *setting)
{
	struct exec_known known = {.setting = *setting,
				   .machine = &run->machine,
				   .capabilities = run->capabilities,
				   .filename_size = strlen(path) + 1};
	struct error err;
	int r;

	if (elf_file_read(path, &known.file, &err) < 0) {
		broken(run, path, err.text);
		return;
	}
	r = exec_start(path, setting, &known.started);
	if (r == 0) {
		compare(run, path, &known);
		return;
	}
	elf_file_fini(&known.file);
	broken(run, path, strerror(-r));
}

void exec_try_plan(struct exec_run *run, const struct elf_plan *plan,
		   const struct exec_setting *setting)
{
	int r = elf_write(plan, run->program);

	if (r < 0)
		broken(run, run->program, strerror(-r));
	else
		exec_try(run, run->program, setting);
}

/*
 * Mutants.
 */

#ifdef MODEL_MUTANTS
static bool is_caught(const struct exec_run *run, enum rule rule)
{
	size_t i = run->nkept;
	bool caught = false;

	model_mutant = rule;
	while (i-- > 0 && !caught)
		caught = !exec_agrees(&run->kept[i], NULL);
	if (!caught)
		caught = !exec_draws_agree(run) || !exec_below_agrees(run);
	model_mutant = RULE_NONE;
	return caught;
}

static unsigned run_mutants(const struct exec_run *run)
{
	unsigned rule, caught = 0, missed = 0;

	for (rule = 1; rule < NRULES; rule++) {
		const char *name = rule_name((enum rule)rule);

		if (strncmp(name, "EXEC_", 5) != 0)
			continue;
		if (is_caught(run, (enum rule)rule)) {
			caught++;
			continue;
		}
		printf("NOT CAUGHT: %s: %s\n", name, rule_words((enum rule)rule));
		missed++;
	}
	printf("exec mutants: %u of %u caught\n", caught, caught + missed);
	return missed;
}
#else
static unsigned run_mutants(const struct exec_run *run)
{
	(void)run;
	printf("exec: this build has no mutants\n");
	return 1;
}
#endif

/*
 * All of it.
 */

static int parse(struct exec_run *run, int argc, char **argv)
{
	static const struct option options[] = {
		{"files", required_argument, NULL, 'f'}, {"draws", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},	 {"dir", required_argument, NULL, 'd'},
		{"mutants", no_argument, NULL, 'm'},	 {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			run->files = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			run->ndraws = strtoull(optarg, NULL, 10);
			break;
		case 's':
			run->seed = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			run->dir = optarg;
			break;
		case 'm':
			run->mutants = true;
			break;
		default:
			return 64;
		}
	}
	return 0;
}

/* Whether ia32 programs can be executed here, tried out. */
static bool find_32(struct exec_run *run)
{
	struct elf_plan plan = elf_plain(32, true, 0x400000);
	struct exec_setting setting = exec_usual();
	struct exec_started started;
	bool can;

	if (elf_write(&plan, run->program) < 0 || exec_start(run->program, &setting, &started) < 0)
		return false;
	can = started.outcome == EXEC_STOPPED;
	exec_started_fini(&started);
	return can;
}

static void free_kept(struct exec_run *run)
{
	size_t i;

	for (i = 0; i < run->nkept; i++)
		known_fini(&run->kept[i]);
	free(run->kept);
}

static void run_all(struct exec_run *run)
{
	unsigned bits;

	for (bits = 64; bits >= (run->has_32 ? 32U : 64U); bits -= 32) {
		exec_all_settings(run, bits);
		exec_all_strings(run, bits);
		exec_all_limits(run, bits);
	}
	exec_real_programs(run);
	exec_random_files(run);
	exec_draw_often(run);
	exec_map_below_stack(run);
}

int main(int argc, char **argv)
{
	struct exec_run run = {.files = 2000, .ndraws = 2000, .dir = "."};
	unsigned missed = 0;

	if (argc == 2 && strcmp(argv[1], BELOW_STACK) == 0)
		return exec_below_stack();
	if (getrandom(&run.seed, sizeof(run.seed), 0) != sizeof(run.seed))
		run.seed = 1;
	run.seed >>= 16;
	if (parse(&run, argc, argv) != 0)
		return 64;
	if (run.mutants && run.ndraws < DRAWS_FOR_MUTANTS)
		run.ndraws = DRAWS_FOR_MUTANTS;
	snprintf(run.program, sizeof(run.program), "%s/exec-%d-program", run.dir, (int)getpid());
	snprintf(run.interpreter, sizeof(run.interpreter), "%s/exec-%d-interpreter", run.dir,
		 (int)getpid());
	machine_here(&run.machine);
	run.capabilities = machine_capabilities_of_model(machine_capabilities());
	run.has_32 = find_32(&run);
	run_all(&run);
	unlink(run.program);
	unlink(run.interpreter);
	if (!run.has_32)
		printf("exec: ia32 left out: this kernel does not execute it\n");
	if (run.mutants)
		missed = run_mutants(&run);
	free_kept(&run);
	elf_file_fini(&run.draws.file);
	printf("exec: seed %" PRIu64 ", %" PRIu64 " compared (%" PRIu64 " refused, %" PRIu64
	       " killed), %" PRIu64 " could not be tried, %" PRIu64 " disagreements\n",
	       run.seed, run.compared, run.refused, run.killed, run.broken, run.disagreements);
	return run.disagreements || run.broken || missed;
}
