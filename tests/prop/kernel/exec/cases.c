/* Cases: what is started, and under which settings. */
#include "run.h"

#include "random.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Programs of all types under all settings.
 */

static const unsigned modes[] = {
	PERSONALITY_NO_ASLR,
	PERSONALITY_NO_ASLR | PERSONALITY_LEGACY_LAYOUT,
	PERSONALITY_NO_ASLR | PERSONALITY_LIMIT_3GB,
	PERSONALITY_NO_ASLR | PERSONALITY_READ_IMPLIES_EXEC,
	PERSONALITY_NO_ASLR | PERSONALITY_LEGACY_LAYOUT | PERSONALITY_LIMIT_3GB,
	0,
	PERSONALITY_LEGACY_LAYOUT,
	PERSONALITY_LIMIT_3GB,
	PERSONALITY_LEGACY_LAYOUT | PERSONALITY_LIMIT_3GB,
};

static const uint64_t stacks[] = {0,
				  1,
				  64 * KIB,
				  8 * MIB,
				  127 * MIB,
				  128 * MIB,
				  1 * GIB + 1,
				  3 * GIB,
				  UINT64_C(0x400000000000),
				  UINT64_C(0x6aaaaaaaa000),
				  MODEL_INFINITE - MIB,
				  MODEL_INFINITE};

static void try_everywhere(struct exec_run *run, const char *path)
{
	struct exec_setting setting = exec_usual();
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(modes); i++)
		for (j = 0; j < ARRAY_SIZE(stacks); j++) {
			setting.personality = modes[i];
			setting.limits[MODEL_STACK] = stacks[j];
			exec_try(run, path, &setting);
		}
}

void exec_all_settings(struct exec_run *run, unsigned bits)
{
	const char *loader = bits == 64 ? LOADER_64 : LOADER_32;
	unsigned i;

	for (i = 0; i < 4; i++) {
		bool fixed = i & 1, loads = i & 2;
		struct elf_plan plan = elf_plain(bits, fixed, fixed ? 0x400000 : 0);
		int r;

		if (loads && access(loader, X_OK) != 0)
			continue;
		plan.interpreter = loads ? loader : NULL;
		r = elf_write(&plan, run->program);
		if (r < 0)
			run->broken++;
		else
			try_everywhere(run, run->program);
	}
}

void exec_real_programs(struct exec_run *run)
{
	static const char *const paths[] = {"/bin/true", "/usr/bin/python3", LOADER_64, LOADER_32,
					    "/proc/self/exe"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		char path[PATH_MAX];

		if (realpath(paths[i], path) && access(path, X_OK) == 0 &&
		    (run->has_32 || strcmp(paths[i], LOADER_32) != 0))
			try_everywhere(run, path);
	}
}

/*
 * Strings: where one more byte changes what happens.
 */

static void strings_near(struct exec_run *run, uint64_t stack, uint64_t size)
{
	struct exec_setting setting = exec_usual();
	int64_t more;

	setting.limits[MODEL_STACK] = stack;
	for (more = -24; more <= 24; more++) {
		unsigned n = size > 120 * KIB ? (unsigned)(size / (120 * KIB)) : 1;
		uint64_t total = size + (uint64_t)more;

		setting.args = (struct exec_strings){n, (unsigned)(total / n)};
		setting.envs = (struct exec_strings){1, (unsigned)(total % n) + 1};
		exec_try(run, run->program, &setting);
	}
}

void exec_all_strings(struct exec_run *run, unsigned bits)
{
	struct elf_plan plan = elf_plain(bits, true, 0x400000);
	uint64_t path = strlen(run->program) + 1 + 1;
	uint64_t tables = bits == 64 ? 432 : 240;
	struct exec_setting setting = exec_usual();

	if (elf_write(&plan, run->program) < 0) {
		run->broken++;
		return;
	}
	strings_near(run, 0, 4096 - 8 - path);
	strings_near(run, 0, 4096 - 8 - path - tables);
	strings_near(run, 16 * KIB, 16 * KIB - 8 - path);
	strings_near(run, 16 * KIB, 16 * KIB - 8 - path - tables);
	strings_near(run, 200 * KIB, 128 * KIB - 16 - path);
	strings_near(run, 600000, 150000 - 16 - path);
	strings_near(run, 8 * MIB, 2 * MIB - 18 * 8 - path);
	strings_near(run, MODEL_INFINITE, 6 * MIB - 53 * 8 - path);
	/* Many short ones: the tables are larger than what the stack has more than strings. */
	for (setting.args.n = 10000; setting.args.n <= 800000; setting.args.n *= 3) {
		setting.args.size = 2;
		setting.limits[MODEL_STACK] = 64 * MIB;
		exec_try(run, run->program, &setting);
	}
	setting.args = (struct exec_strings){0, 0};
	exec_try(run, run->program, &setting);
	setting.args = (struct exec_strings){1, 128 * KIB + 1};
	exec_try(run, run->program, &setting);
	setting.args = (struct exec_strings){1, 128 * KIB};
	exec_try(run, run->program, &setting);
}

/*
 * Limits: from too little to enough.
 */

void exec_all_limits(struct exec_run *run, unsigned bits)
{
	unsigned i, pages;

	for (i = 0; i < 4; i++) {
		bool fixed = i & 1, large = i & 2;
		struct elf_plan plan = elf_plain(bits, fixed, fixed ? 0x400000 : 0);
		struct exec_setting setting = exec_usual();

		plan.segments[0].rights |= i == 2 ? VMA_WRITE : 0;
		plan.segments[2].align = i == 2 ? 0x10000 : 4096;
		setting.args.size = large ? 5 * 4096 : 5;
		if (elf_write(&plan, run->program) < 0)
			run->broken++;
		for (pages = 0; pages < 70; pages++) {
			setting.limits[MODEL_AS] = pages * MODEL_PAGE + pages;
			exec_try(run, run->program, &setting);
		}
		setting.limits[MODEL_AS] = MODEL_INFINITE;
		for (pages = 0; pages < 12; pages++) {
			setting.limits[MODEL_DATA] = pages * MODEL_PAGE + pages;
			exec_try(run, run->program, &setting);
		}
	}
}

/*
 * Files by chance.
 */

static const char *random_interpreter(struct exec_run *run, struct random *random, unsigned bits,
				      const struct elf_plan *plan)
{
	const char *loader = bits == 64 ? LOADER_64 : LOADER_32;

	if (random_percent(random, 40))
		return NULL;
	if (random_percent(random, 20) && access(loader, X_OK) == 0)
		return loader;
	if (elf_write(plan, run->interpreter) < 0)
		run->broken++;
	return run->interpreter;
}

/* An alignment beyond 2 MiB hides what was drawn. */
static void lessen_alignment(struct elf_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->nsegments; i++)
		plan->segments[i].align = min_u64(plan->segments[i].align, 2 * MIB);
}

static bool is_near_stack(const struct elf_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->nsegments; i++)
		if (plan->fixed && plan->segments[i].vaddr >= 0xb0000000)
			return true;
	return false;
}

static void one_file(struct exec_run *run, struct random *random)
{
	static const uint64_t small[] = {0, 4096, 20 * 4096, 50 * 4096, 80 * 4096, 1000 * 4096};
	unsigned bits = run->has_32 && random_percent(random, 40) ? 32 : 64;
	struct elf_plan plan = elf_random(random, bits, true);
	struct elf_plan interpreter = elf_random(random, bits, false);
	struct exec_setting setting = exec_usual();

	plan.interpreter = random_interpreter(run, random, bits, &interpreter);
	setting.personality = random_of(random, modes);
	setting.limits[MODEL_STACK] = random_of(random, stacks);
	/* Whether an image is in the stack's way shall not depend on chance. */
	if (is_near_stack(&plan) || is_near_stack(&interpreter))
		setting.personality |= PERSONALITY_NO_ASLR;
	if (!(setting.personality & PERSONALITY_NO_ASLR))
		lessen_alignment(&plan);
	if (random_percent(random, 70))
		setting.limits[MODEL_STACK] = 8 * MIB;
	if (random_percent(random, 10))
		setting.limits[MODEL_AS] = random_of(random, small);
	if (random_percent(random, 10))
		setting.limits[MODEL_DATA] = random_of(random, small);
	setting.args.n = random_below(random, 4);
	setting.args.size = 1 + random_below(random, 5000);
	setting.envs.n = random_below(random, 4);
	setting.envs.size = 1 + random_below(random, 5000);
	exec_try_plan(run, &plan, &setting);
}

void exec_random_files(struct exec_run *run)
{
	uint64_t i;

	for (i = 0; i < run->files; i++) {
		struct random random = {run->seed + i};

		one_file(run, &random);
	}
}
