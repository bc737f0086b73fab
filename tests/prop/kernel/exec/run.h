/* One run of the test: what it was asked for, what it is told of the machine, and what it found. */
#ifndef EXEC_RUN_H
#define EXEC_RUN_H

#include "check.h"
#include "image.h"

#include "base/compiler.h"

#include <limits.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define LOADER_64 "/lib64/ld-linux-x86-64.so.2"
#define LOADER_32 "/lib/ld-linux.so.2"

/* Where the kernel has put the heap of one ia32 program, from the lowest to the highest. */
struct exec_draws {
	struct elf_file file;
	uint64_t n;
	plat_addr least, most;
};

/* Whether a mapping that grows down joined the stack above it. */
struct exec_below {
	bool tried, joined;
};

struct exec_run {
	uint64_t files, ndraws, seed;
	const char *dir;
	bool mutants, has_32;
	struct model_machine machine;
	unsigned capabilities;
	char program[PATH_MAX], interpreter[PATH_MAX]; /* written anew for each case */
	uint64_t compared, refused, killed, disagreements, broken;
	/* Kept for the mutants. */
	struct exec_known *kept;
	size_t nkept, kept_room;
	struct exec_draws draws;
	struct exec_below below[2]; /* with ASLR, and without */
};

/* main.c: no ASLR, a stack of 8 MiB, no other limits, one argument. */
struct exec_setting exec_usual(void);
/* Starts the program and compares. */
void exec_try(struct exec_run *run, const char *path, const struct exec_setting *setting);
void exec_try_plan(struct exec_run *run, const struct elf_plan *plan,
		   const struct exec_setting *setting);
/* What goes wrong beside that. Counted, and the first ones told. */
bool exec_disagrees(struct exec_run *run, const char *format, ...) PRINTF_LIKE(2, 3);

/* cases.c: each for programs of 64 or 32 bits, or by chance. */
void exec_all_settings(struct exec_run *run, unsigned bits);
void exec_all_strings(struct exec_run *run, unsigned bits);
void exec_all_limits(struct exec_run *run, unsigned bits);
void exec_real_programs(struct exec_run *run);
void exec_random_files(struct exec_run *run);

/* draws.c: whether ASLR draws what the model says, as often as it says. */
void exec_draw_often(struct exec_run *run);
bool exec_draws_agree(const struct exec_run *run);
/* What else shows in which place the stack was made: whether it joins what is mapped below it. */
void exec_map_below_stack(struct exec_run *run);
bool exec_below_agrees(const struct exec_run *run);
/* The program that does so, by this argument. An exit code. */
#define BELOW_STACK "--below-stack"
int exec_below_stack(void);

#endif
