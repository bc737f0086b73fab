#include "source/here.h"

#include "model/from_space.h"
#include "source/facts.h"
#include "source/proc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The tree's file as a number, or `otherwise`. */
static unsigned setting(const struct procdir *dir, const char *name, unsigned otherwise)
{
	uint64_t value = UNKNOWN;
	char *text;

	if (procdir_read_root(dir, name, 4096, &text, NULL) == 0) {
		value = facts_number(text);
		free(text);
	}
	return value > 64 ? otherwise : (unsigned)value;
}

/* What the kernel lends us is what it lends others. */
static void measure_vdso(const struct space *space, struct model_machine *machine)
{
	uint64_t vdso = 0, vvar = 0;
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		if (region->kind == KIND_VDSO)
			vdso += region_size(region) / MODEL_PAGE;
		if (region->kind == KIND_VVAR)
			vvar += region_size(region) / MODEL_PAGE;
	}
	machine->vdso_pages = vdso;
	machine->vvar_pages = vvar;
}

static void look_around(const struct procdir *dir, const struct space *space, struct model *ret)
{
	struct model_machine *machine = &ret->machine;

	machine->mmap_rnd_bits = setting(dir, "sys/vm/mmap_rnd_bits", machine->mmap_rnd_bits);
	machine->mmap_rnd_compat_bits =
		setting(dir, "sys/vm/mmap_rnd_compat_bits", machine->mmap_rnd_compat_bits);
	machine->huge_pages = access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
	measure_vdso(space, machine);
}

int here_model(struct model *ret, struct error *err)
{
	struct procdir dir = PROCDIR_CLOSED;
	struct model own;
	struct space space;
	unsigned i;
	int r;

	model_init(ret);
	r = procdir_open(NULL, getpid(), &dir, err);
	if (r < 0)
		return r;
	r = proc_load(&dir, 0, &space, err);
	if (r == 0) {
		/* Where the rules do not hold, their own settings are shown. */
		if (model_from_space(&space, &own, NULL) == 0) {
			ret->machine = own.machine;
			ret->personality = own.personality;
			ret->capabilities = own.capabilities;
			for (i = 0; i < NMODEL_LIMITS; i++)
				ret->limits[i] = own.limits[i];
			look_around(&dir, &space, ret);
			model_fini(&own);
		}
		space_fini(&space);
	}
	procdir_close(&dir);
	return r;
}

void here_strings(struct exec_program *program, const char *path)
{
	char **env;

	program->filename_size = program->arg_size = program->longest = strlen(path) + 1;
	program->nargs = 1;
	program->nenvs = program->env_size = 0;
	for (env = environ; *env; env++) {
		uint64_t size = strlen(*env) + 1;

		program->nenvs++;
		program->env_size += size;
		program->longest = max_u64(program->longest, size);
	}
}
