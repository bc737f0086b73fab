#include "heap/allocator.h"

#include "base/list.h"
#include "base/reader_cache.h"
#include "heap/own.h"
#include "space/dynamic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDER_MOST 8192
#define BINDINGS_EACH 4

static const struct {
	const char *name, *words;
	const char *symbol; /* that only this one exports; NULL: told by its file's name */
	const char *file;   /* part of a file's name; NULL: told by its symbol */
} kinds[NALLOCATOR_KINDS] = {
	[ALLOCATOR_UNKNOWN] = {"unknown", "a malloc that plat does not know", NULL, NULL},
	[ALLOCATOR_PLAT] = {"plat", "plat's malloc", "plat_malloc_state", NULL},
	[ALLOCATOR_GLIBC] = {"glibc", "glibc's malloc", "gnu_get_libc_version", NULL},
	[ALLOCATOR_MUSL] = {"musl", "musl's malloc", NULL, NULL},
	[ALLOCATOR_JEMALLOC] = {"jemalloc", "jemalloc", "mallctl", "jemalloc"},
	[ALLOCATOR_TCMALLOC] = {"tcmalloc", "tcmalloc", "tc_malloc", "tcmalloc"},
	[ALLOCATOR_MIMALLOC] = {"mimalloc", "mimalloc", "mi_malloc", "mimalloc"},
	[ALLOCATOR_SNMALLOC] = {"snmalloc", "snmalloc", NULL, "snmalloc"},
	[ALLOCATOR_RPMALLOC] = {"rpmalloc", "rpmalloc", "rpmalloc", "rpmalloc"},
	[ALLOCATOR_SCUDO] = {"scudo", "scudo", "__scudo_print_stats", "scudo"},
	[ALLOCATOR_HARDENED] = {"hardened_malloc", "hardened_malloc", NULL, "hardened_malloc"},
	[ALLOCATOR_SANITIZER] = {"sanitizer", "a sanitizer's malloc",
				 "__sanitizer_print_stack_trace", NULL},
};

const char *allocator_words(enum allocator_kind kind)
{
	return kinds[kind].words;
}

const char *allocator_name(enum allocator_kind kind)
{
	return kinds[kind].name;
}

const char *allocator_module_name(const struct space *space, uint32_t module)
{
	uint32_t file = module == NO_MODULE ? NO_FILE : space->modules[module].file;

	return file == NO_FILE ? "[?]" : space->files[file].name;
}

/* What is being found out. */
struct search {
	const struct space *space;
	struct reader *reader;
	struct allocator *found;
};

static uint32_t find_program(const struct space *space)
{
	uint32_t i;

	for (i = 0; i < space->nmodules; i++)
		if (space->modules[i].role == MODULE_PROGRAM)
			return i;
	return NO_MODULE;
}

static bool exports(const struct search *search, uint32_t module, const char *symbol,
		    plat_addr *ret)
{
	struct dynamic dynamic;

	return dynamic_read(search->reader, &search->space->modules[module], &dynamic) == 0 &&
	       dynamic_find(search->reader, &dynamic, symbol, ret) == 0;
}

static enum allocator_kind kind_of(const struct search *search, uint32_t module)
{
	const char *path = allocator_module_name(search->space, module);
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	plat_addr at;
	unsigned i;

	for (i = 0; i < NALLOCATOR_KINDS; i++)
		if (kinds[i].symbol && exports(search, module, kinds[i].symbol, &at))
			return (enum allocator_kind)i;
	if (module == search->found->program)
		return ALLOCATOR_UNKNOWN; /* its name is anybody's choice */
	/* musl's libc is the dynamic linker, too. */
	if (search->space->modules[module].role == MODULE_INTERPRETER)
		return ALLOCATOR_MUSL;
	for (i = 0; i < NALLOCATOR_KINDS; i++)
		if (kinds[i].file && strstr(name, kinds[i].file))
			return (enum allocator_kind)i;
	return ALLOCATOR_UNKNOWN;
}

static void take_provider(const struct search *search, uint32_t module)
{
	struct allocator *found = search->found;
	plat_addr state = 0;

	found->provider = module;
	found->kind = kind_of(search, module);
	if (own_find(search->reader, &search->space->modules[module], &state) == 0) {
		found->kind = ALLOCATOR_PLAT;
		found->state = state;
	}
}

/* The first one that defines it is the process's malloc; those behind it wait in vain. */
static void take_definers(const struct search *search)
{
	struct allocator *found = search->found;
	plat_addr at;
	size_t i;

	for (i = 0; i < found->norder; i++) {
		uint32_t module = found->order[i];

		if (module == NO_MODULE || !exports(search, module, "malloc", &at))
			continue;
		if (found->ndefiners == 0) {
			found->how = ALLOCATOR_LINKED;
			found->malloc = at;
			take_provider(search, module);
		}
		found->definers[found->ndefiners++] = module;
	}
	if (found->ndefiners == 0)
		snprintf(found->why, sizeof(found->why),
			 "no module that the dynamic linker knows defines malloc");
}

static int take_binding(const struct search *search, uint32_t module, plat_addr place,
			plat_addr target)
{
	struct allocator *found = search->found;
	struct allocator_binding binding = {
		.module = module,
		.provider = dynamic_module_at(search->space, target),
		.malloc = {place, target},
	};
	int r = list_reserve(&found->bindings, &found->bindings_room, found->nbindings, 1);

	if (r < 0)
		return r;
	binding.is_lazy = target == 0 || (binding.provider == module && module != found->provider);
	/* The address of a function of others can be that of the program's way to it. */
	if (binding.provider == found->program && found->program != found->provider)
		binding.is_lazy = true;
	binding.is_other = !binding.is_lazy && target != found->malloc;
	found->bindings[found->nbindings++] = binding;
	return 0;
}

static int take_bindings(const struct search *search, uint32_t module)
{
	struct binding places[BINDINGS_EACH];
	struct dynamic dynamic;
	int i, n, r;

	if (dynamic_read(search->reader, &search->space->modules[module], &dynamic) < 0)
		return 0;
	n = dynamic_bindings(search->reader, &dynamic, "malloc", places, BINDINGS_EACH);
	for (i = 0; i < n; i++) {
		r = take_binding(search, module, places[i].place, places[i].target);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_order(const struct search *search, const struct dynamic *program)
{
	struct allocator *found = search->found;
	int n;

	found->order = calloc(ORDER_MOST, sizeof(*found->order));
	found->definers = calloc(ORDER_MOST, sizeof(*found->definers));
	if (!found->order || !found->definers)
		return -ENOMEM;
	n = dynamic_order(search->reader, search->space, program, found->order, ORDER_MOST);
	if (n < 0)
		snprintf(found->why, sizeof(found->why), "%s",
			 n == -ENOENT ? "the dynamic linker has not loaded anything yet"
				      : "the dynamic linker's list of modules cannot be read");
	found->norder = n < 0 ? 0 : (size_t)n;
	return 0;
}

static int look_at_linked(const struct search *search, const struct dynamic *program)
{
	uint32_t i;
	int r = take_order(search, program);

	if (r < 0 || search->found->norder == 0)
		return r;
	take_definers(search);
	for (i = 0; r == 0 && i < search->space->nmodules; i++)
		if (search->space->modules[i].role != MODULE_VDSO)
			r = take_bindings(search, i);
	return r;
}

static int look(const struct search *search)
{
	struct allocator *found = search->found;
	const struct module *program;
	struct dynamic dynamic;
	int r;

	if (found->program == NO_MODULE) {
		snprintf(found->why, sizeof(found->why), "%s",
			 search->space->why.memory ? search->space->why.memory
						   : "its program was not found in memory");
		return 0;
	}
	program = &search->space->modules[found->program];
	if (!program->has_interpreter) {
		found->how = ALLOCATOR_STATIC;
		take_provider(search, found->program);
		return 0;
	}
	r = dynamic_read(search->reader, program, &dynamic);
	if (r < 0) {
		snprintf(found->why, sizeof(found->why),
			 "its program's dynamic section cannot be read");
		return 0;
	}
	return look_at_linked(search, &dynamic);
}

int allocator_find(const struct space *space, struct reader *reader, struct allocator *ret)
{
	struct allocator found = {.program = find_program(space), .provider = NO_MODULE};
	struct reader_cache *cache = malloc(sizeof(*cache));
	struct search search = {.space = space, .found = &found};
	int r;

	if (!cache)
		return -ENOMEM;
	reader_cache_init(cache, reader);
	search.reader = &cache->reader;
	r = look(&search);
	free(cache);
	if (r < 0)
		allocator_fini(&found);
	else
		*ret = found;
	return r;
}

void allocator_fini(struct allocator *allocator)
{
	free(allocator->order);
	free(allocator->definers);
	free(allocator->bindings);
	*allocator = (struct allocator){.program = NO_MODULE, .provider = NO_MODULE};
}
