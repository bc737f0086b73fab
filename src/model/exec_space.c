#include "model/exec_space.h"

#include "base/list.h"
#include "model/parts.h"

#include <stdio.h>
#include <string.h>

int exec_name_files(struct exec_program *program, const char *path, const char *interpreter,
		    struct space *names)
{
	const struct {
		const char *name;
		uint32_t *number;
	} files[] = {
		{path, &program->image.name},
		{interpreter, &program->interpreter.name},
		{"[vdso]", &program->vdso_name},
		{"[vvar]", &program->vvar_name},
		{"[vvar_vclock]", &program->vvar_clock_name},
	};
	const char *slash = strrchr(path, '/');
	size_t i;
	int r = 0;

	snprintf(names->process.command, sizeof(names->process.command), "%.15s",
		 slash ? slash + 1 : path);
	for (i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
		if (files[i].name)
			r = space_add_file(names, files[i].name, 0, 0, i + 1, files[i].number);
	return r;
}

static int add_module(struct space *names, const struct exec_image *image, plat_addr bias,
		      enum module_role role)
{
	struct module *module;
	size_t i;
	int r = list_reserve(&names->modules, &names->modules_room, names->nmodules, 1);

	if (r < 0)
		return r;
	module = &names->modules[names->nmodules++];
	*module = (struct module){.file = image->name, .role = role, .bias = bias};
	for (i = 0; i < image->nsegments && i < MODULE_SEGMENTS; i++) {
		const struct exec_segment *from = &image->segments[i];
		plat_addr start = from->vaddr + bias;

		module->segments[i] = (struct segment){
			.start = start,
			.file_end = start + from->filesz,
			.end = start + from->memsz,
			.offset = from->offset,
			.rights = (uint8_t)rights_of(from->rights),
		};
		module->nsegments++;
	}
	if (image->nsegments)
		module->header = align_down(module->segments[0].start, MODEL_PAGE);
	return 0;
}

int exec_name_parts(const struct model *model, const struct exec_program *program,
		    const struct exec_result *result, struct space *names)
{
	uint64_t word = program->bits / 8;
	int r = add_module(names, &program->image, result->bias, MODULE_PROGRAM);

	if (r == 0 && program->has_interpreter)
		r = add_module(names, &program->interpreter, result->interpreter_bias,
			       MODULE_INTERPRETER);
	/* Above argc, argv and envp. */
	names->process.auxv_start =
		model->start_stack + (1 + program->nargs + 1 + program->nenvs + 1) * word;
	names->process.auxv_end = names->process.auxv_start + 2 * exec_nauxv(program) * word;
	return r;
}
