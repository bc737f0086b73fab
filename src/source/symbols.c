/*
 * A child process looks, and tells what it found, the surest first:
 *
 *     child    symbol -> demangled -> line of the source ->
 *     parent   the last whole answer counts; what ended the child too early becomes line_why
 */
#include "source/symbols.h"

#include "base/compiler.h"
#include "base/text.h"
#include "source/demangle.h"
#include "source/errand.h"
#include "source/symbol_file.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the child works with. */
struct look {
	const struct procdir *dir;
	const struct space *space;
	const struct region *region;
	const struct module *module;
	plat_addr addr;
	struct symbol *answer;
	const struct errand *errand;
	size_t index; /* of addr among all */
};

/*
 * The child.
 */

/* What it tells. */
struct answer {
	size_t index;
	struct symbol symbol;
};

static void say(const struct look *look)
{
	struct answer answer = {look->index, *look->answer};

	errand_tell(look->errand, &answer);
}

static void take_build_id(const struct look *look, Dwfl_Module *module)
{
	const unsigned char *bits;
	GElf_Addr where;
	int n = dwfl_module_build_id(module, &bits, &where), i;

	for (i = 0; i < n && 2 * i + 3 <= BUILD_ID_SIZE; i++)
		snprintf(look->answer->build_id + 2 * i, 3, "%02x", bits[i]);
}

static enum symbol_type type_of(const GElf_Sym *sym)
{
	switch (GELF_ST_TYPE(sym->st_info)) {
	case STT_FUNC:
	case STT_GNU_IFUNC:
		return SYMBOL_FUNCTION;
	case STT_OBJECT:
	case STT_COMMON:
		return SYMBOL_OBJECT;
	case STT_TLS:
		return SYMBOL_TLS;
	default:
		return SYMBOL_OTHER;
	}
}

static void take_symbol(const struct look *look, const char *name, const GElf_Sym *sym,
			plat_addr start)
{
	struct symbol *answer = look->answer;
	size_t length;

	snprintf(answer->name, sizeof(answer->name), "%.*s", (int)sizeof(answer->name) - 1, name);
	answer->cut = strnlen(name, sizeof(answer->name)) == sizeof(answer->name);
	answer->known = true;
	answer->start = start;
	answer->size = sym->st_size;
	answer->type = type_of(sym);
	say(look); /* now, for the demangler is not known to end in time with every name */
	length = demangle(name, false, answer->name, sizeof(answer->name));
	if (length == 0)
		return;
	answer->cut = length >= sizeof(answer->name);
	answer->demangled = true;
	say(look);
}

static void take_line(const struct look *look, const char *directory, const char *file, int line)
{
	const char *between = "";

	if (!file || line <= 0)
		return;
	if (file[0] == '/' || !directory)
		directory = "";
	else
		between = "/";
	snprintf(look->answer->source, sizeof(look->answer->source), "%s%s%s", directory, between,
		 file);
	look->answer->line = (unsigned)line;
	say(look);
}

static void find_line_of_code(const struct look *look, Dwfl_Module *module)
{
	Dwfl_Line *line = dwfl_module_getsrc(module, look->addr);
	const char *file;
	int number = 0;

	if (!line)
		return;
	file = dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL);
	take_line(look, dwfl_line_comp_dir(line), file, number);
}

/* Whether a variable lies at a fixed address that is `at`. */
static bool is_at(Dwarf_Die *variable, Dwarf_Addr at)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	size_t n;

	return dwarf_attr(variable, DW_AT_location, &attribute) &&
	       dwarf_getlocation(&attribute, &ops, &n) == 0 && n == 1 &&
	       ops[0].atom == DW_OP_addr && ops[0].number == at;
}

/* Where a variable was declared: units are searched one by one, their outermost level only. */
static void find_line_of_variable(const struct look *look, Dwfl_Module *module)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = NULL;

	while ((unit = dwfl_module_nextcu(module, unit, &bias))) {
		Dwarf_Die die;
		int more = dwarf_child(unit, &die);

		for (; more == 0; more = dwarf_siblingof(&die, &die)) {
			Dwarf_Attribute attribute;
			int line = 0;

			if (dwarf_tag(&die) != DW_TAG_variable ||
			    !is_at(&die, look->answer->start - bias))
				continue;
			dwarf_decl_line(&die, &line);
			take_line(look,
				  dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute)),
				  dwarf_decl_file(&die), line);
			return;
		}
	}
}

static bool is_x86(Dwfl_Module *module)
{
	Dwarf_Addr bias;
	Elf *elf = dwfl_module_getelf(module, &bias);
	GElf_Ehdr header;

	return elf && gelf_getehdr(elf, &header) &&
	       (header.e_machine == EM_X86_64 || header.e_machine == EM_386);
}

/*
 * The program's own thread-local variables. On x86 they lie right below the thread's descriptor:
 *
 *     | libraries' ... | program's TLS segment | struct pthread |
 */
static bool find_thread_local(const struct look *look, Dwfl_Module *module)
{
	const struct thread *thread = region_thread(look->space, look->region);
	uint64_t align = look->module->tls_align, size = look->module->tls_size;
	plat_addr start;
	int i, n;

	if (align && (align & (align - 1)) == 0)
		size = align_up(size, align);
	if (!is_x86(module) || !thread || thread->descriptor == UNKNOWN ||
	    size > thread->descriptor)
		return false;
	start = thread->descriptor - size;
	if (look->addr < start || look->addr >= thread->descriptor)
		return false;
	n = dwfl_module_getsymtab(module);
	for (i = 0; i < n; i++) {
		GElf_Addr where;
		GElf_Sym sym;
		const char *name =
			dwfl_module_getsym_info(module, i, &sym, &where, NULL, NULL, NULL);

		if (!name || GELF_ST_TYPE(sym.st_info) != STT_TLS || sym.st_shndx == SHN_UNDEF ||
		    look->addr - start < sym.st_value ||
		    look->addr - start - sym.st_value >= sym.st_size)
			continue;
		take_symbol(look, name, &sym, start + sym.st_value);
		return true;
	}
	return false;
}

static void look_in(const struct look *look, Dwfl_Module *module)
{
	GElf_Off offset = 0;
	GElf_Sym sym;
	const char *name;

	take_build_id(look, module);
	snprintf(look->answer->why, sizeof(look->answer->why), "no symbol covers it");
	say(look);
	if (look->region->kind == KIND_TLS) {
		find_thread_local(look, module);
		return;
	}
	name = dwfl_module_addrinfo(module, look->addr, &offset, &sym, NULL, NULL, NULL);
	if (!name && dwfl_module_getsymtab(module) <= 1) {
		snprintf(look->answer->why, sizeof(look->answer->why),
			 "the file has no symbol table, and no debug file is installed");
		say(look);
	}
	if (name && *name)
		take_symbol(look, name, &sym, look->addr - offset);
	if (look->region->kind == KIND_TEXT || look->region->kind == KIND_VDSO)
		find_line_of_code(look, module);
	else if (name && look->answer->type == SYMBOL_OBJECT)
		find_line_of_variable(look, module);
}

/* Addresses that one child looks at: those of one module. */
struct group {
	const plat_addr *addrs;
	struct symbol *symbols; /* the answers */
	bool *is_done;
	size_t n;
};

static const struct module *module_of(const struct look *look, plat_addr addr);

static bool is_of_module(const struct look *look, const struct group *group, size_t i)
{
	return !group->is_done[i] && module_of(look, group->addrs[i]) == look->module;
}

static void look_at_all(struct look *look, Dwfl_Module *module, const struct group *group)
{
	const struct symbol begin = *look->answer;
	size_t i;

	for (i = 0; i < group->n; i++) {
		if (!is_of_module(look, group, i))
			continue;
		look->index = i;
		look->addr = group->addrs[i];
		look->region = space_find(look->space, look->addr);
		*look->answer = begin;
		if (module)
			look_in(look, module);
		else
			say(look);
	}
}

/* A look, all addresses of one module, and which of them was told of last. */
struct job {
	struct look *look;
	const struct group *group;
	size_t last;
};

static void work(const struct errand *errand, void *context)
{
	struct job *job = context;
	struct look *look = job->look;
	struct symbol_file file;

	look->errand = errand;
	symbol_file_open(look->dir, look->space, look->module, &file);
	look->answer->from_memory = file.from_memory;
	memcpy(look->answer->why, file.why, sizeof(file.why));
	look_at_all(look, file.module, job->group);
}

/*
 * The parent.
 */

static void take_answer(void *context, const void *piece)
{
	struct job *job = context;
	const struct answer *answer = piece;
	struct symbol *symbol;

	if (answer->index >= job->group->n)
		return;
	symbol = &job->group->symbols[answer->index];
	*symbol = answer->symbol;
	symbol->name[sizeof(symbol->name) - 1] = '\0';
	symbol->source[sizeof(symbol->source) - 1] = '\0';
	symbol->build_id[sizeof(symbol->build_id) - 1] = '\0';
	symbol->why[sizeof(symbol->why) - 1] = '\0';
	symbol->line_why[sizeof(symbol->line_why) - 1] = '\0';
	job->last = answer->index;
}

/* What ended the child too early: of the address that it looked at then, and of those to come. */
static void explain(struct symbol *symbol, bool is_last, const char *what)
{
	char *why = symbol->known ? symbol->line_why : symbol->why;
	size_t size = symbol->known ? sizeof(symbol->line_why) : sizeof(symbol->why);

	if (is_last || (!symbol->known && !symbol->why[0]))
		snprintf(why, size, "%.*s", (int)size - 1, what);
}

static void ask_child(struct look *look, const struct group *group)
{
	struct job job = {look, group, group->n};
	struct errand errand = {
		.what = "reading symbols",
		.size = sizeof(struct answer),
		.context = &job,
		.work = work,
		.take = take_answer,
	};
	struct error err;
	int r = errand_run(&errand, &err);
	size_t i;

	for (i = 0; i < group->n; i++) {
		if (!is_of_module(look, group, i))
			continue;
		if (r < 0)
			explain(&group->symbols[i], i == job.last, err.text);
		group->is_done[i] = true;
	}
}

/* Linux arch/x86/entry/vsyscall/vsyscall_emu_64.S */
static void name_vsyscall(const struct region *region, plat_addr addr, struct symbol *ret)
{
	static const char *const names[] = {"gettimeofday", "time", "getcpu"};
	uint64_t at = addr - region->start;

	if (at % 1024 || at / 1024 >= ARRAY_SIZE(names)) {
		snprintf(ret->why, sizeof(ret->why), "none of its three entries");
		return;
	}
	ret->known = true;
	ret->type = SYMBOL_FUNCTION;
	ret->start = addr;
	snprintf(ret->name, sizeof(ret->name), "%s", names[at / 1024]);
}

static const struct module *program_of(const struct space *space)
{
	size_t i;

	for (i = 0; i < space->nmodules; i++)
		if (space->modules[i].role == MODULE_PROGRAM)
			return &space->modules[i];
	return NULL;
}

/* Whose symbols say what lies there, or NULL. */
static const struct module *module_of(const struct look *look, plat_addr addr)
{
	const struct region *region = space_find(look->space, addr);

	if (region && region->module != NO_MODULE)
		return &look->space->modules[region->module];
	return region && region->kind == KIND_TLS ? program_of(look->space) : NULL;
}

static void find_in_group(const struct procdir *dir, const struct space *space, size_t i,
			  const struct group *group)
{
	struct symbol answer = {.known = false};
	struct look look = {.dir = dir, .space = space, .addr = group->addrs[i], .answer = &answer};
	struct symbol *symbol = &group->symbols[i];

	look.region = space_find(space, look.addr);
	look.module = module_of(&look, look.addr);
	if (look.region && look.region->kind == KIND_VSYSCALL) {
		name_vsyscall(look.region, look.addr, symbol);
	} else if (!look.module) {
		snprintf(symbol->why, sizeof(symbol->why), "not part of a program or library");
	} else {
		ask_child(&look, group);
	}
}

static void find_all(const struct procdir *dir, const struct space *space,
		     const struct group *group)
{
	size_t i;

	for (i = 0; i < group->n; i++)
		group->symbols[i] = (struct symbol){.known = false};
	for (i = 0; i < group->n; i++)
		if (!group->is_done[i])
			find_in_group(dir, space, i, group);
}

void symbols_find_many(const struct procdir *dir, const struct space *space, const plat_addr *addrs,
		       size_t n, struct symbol *ret)
{
	struct group group = {addrs, ret, calloc(n + 1, sizeof(*group.is_done)), n};
	size_t i;

	if (group.is_done) {
		find_all(dir, space, &group);
		free(group.is_done);
		return;
	}
	for (i = 0; i < n; i++) {
		ret[i] = (struct symbol){.known = false};
		snprintf(ret[i].why, sizeof(ret[i].why), "no memory");
	}
}

void symbols_find(const struct procdir *dir, const struct space *space, plat_addr addr,
		  struct symbol *ret)
{
	bool is_done = false;
	struct group group = {&addr, ret, &is_done, 1};

	find_all(dir, space, &group);
}
