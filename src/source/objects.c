/*
 * A module's symbols are put in order once, and the addresses walked along them: to ask libdwfl for
 * each address would go through all symbols each time.
 */
#include "source/objects.h"

#include "base/list.h"
#include "source/demangle.h"
#include "source/errand.h"
#include "source/symbol_file.h"
#include "space/symbol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NESTED_MOST 16 /* symbols that begin behind the one that an address lies in */

/* What is told: a name as it is in the file, and again when it is plain. */
struct piece {
	plat_addr start, end;
	char name[SYMBOL_NAME_SIZE];
};

struct job {
	const struct procdir *dir;
	const struct space *space;
	const struct module *module;
	const plat_addr *addrs; /* of this module */
	size_t n;

	struct objects *objects;
	size_t first; /* of the module's */
	int result;
};

/*
 * The child.
 */

struct candidate {
	plat_addr start, end;
	const char *name;
	unsigned char bind;
};

struct candidates {
	struct candidate *list;
	size_t n, room;
};

/* Of several names of one variable, one for all to see, and without underscores if there is one. */
static unsigned rank(const struct candidate *candidate)
{
	return candidate->bind == STB_LOCAL ? 0 : candidate->name[0] == '_' ? 1 : 2;
}

static int by_start(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	if (rank(x) != rank(y))
		return rank(x) < rank(y) ? -1 : 1;
	return -strcmp(x->name, y->name);
}

static bool take_symbols(Dwfl_Module *module, struct candidates *ret)
{
	int i, n = dwfl_module_getsymtab(module);

	for (i = 0; i < n; i++) {
		GElf_Addr start;
		GElf_Sym sym;
		const char *name =
			dwfl_module_getsym_info(module, i, &sym, &start, NULL, NULL, NULL);

		if (!name || !*name || GELF_ST_TYPE(sym.st_info) != STT_OBJECT ||
		    sym.st_shndx == SHN_UNDEF || sym.st_size == 0)
			continue;
		if (list_reserve(&ret->list, &ret->room, ret->n, 1) < 0)
			return false;
		ret->list[ret->n++] = (struct candidate){start, add_capped(start, sym.st_size),
							 name, GELF_ST_BIND(sym.st_info)};
	}
	if (ret->n)
		qsort(ret->list, ret->n, sizeof(*ret->list), by_start);
	return true;
}

/* `next` is the first candidate that begins behind the address. */
static const struct candidate *covering(const struct candidates *all, size_t next, plat_addr at)
{
	size_t i;

	for (i = 0; i < NESTED_MOST && i < next; i++)
		if (all->list[next - 1 - i].end > at)
			return &all->list[next - 1 - i];
	return NULL;
}

static void tell(const struct errand *errand, const struct candidate *candidate)
{
	struct piece piece = {.start = candidate->start, .end = candidate->end};

	/* Without the version that the linker writes behind names of a library's. */
	snprintf(piece.name, sizeof(piece.name), "%.*s", (int)strcspn(candidate->name, "@"),
		 candidate->name);
	errand_tell(errand, &piece);
	if (demangle(piece.name, false, piece.name, sizeof(piece.name)))
		errand_tell(errand, &piece);
}

static void work(const struct errand *errand, void *context)
{
	const struct job *job = context;
	const struct candidate *last = NULL;
	struct candidates all = {.list = NULL};
	struct symbol_file file;
	size_t i, next = 0;

	symbol_file_open(job->dir, job->space, job->module, &file);
	if (!file.module || !take_symbols(file.module, &all))
		return;
	for (i = 0; i < job->n; i++) {
		const struct candidate *candidate;

		while (next < all.n && all.list[next].start <= job->addrs[i])
			next++;
		candidate = covering(&all, next, job->addrs[i]);
		if (candidate && candidate != last)
			tell(errand, candidate);
		last = candidate;
	}
}

/*
 * The parent.
 */

/* A name that is told again follows the one it replaces, and objects come in order. */
static void take_piece(void *context, const void *told)
{
	struct job *job = context;
	struct objects *objects = job->objects;
	const struct piece *piece = told;
	struct object *last = objects->n > job->first ? &objects->list[objects->n - 1] : NULL;
	char *name;

	if (job->result < 0 || piece->end <= piece->start || (last && piece->start < last->start) ||
	    objects->n - job->first == OBJECTS_MOST)
		return;
	name = strndup(piece->name, sizeof(piece->name) - 1);
	if (!name || list_reserve(&objects->list, &objects->room, objects->n, 1) < 0) {
		free(name);
		job->result = -ENOMEM;
		return;
	}
	last = objects->n > job->first ? &objects->list[objects->n - 1] : NULL;
	if (last && last->start == piece->start)
		free(last->name);
	else
		last = &objects->list[objects->n++];
	*last = (struct object){piece->start, piece->end, name};
}

static int find_in_module(struct job *job)
{
	struct errand errand = {
		.what = "reading symbols",
		.size = sizeof(struct piece),
		.context = job,
		.work = work,
		.take = take_piece,
	};
	int r;

	job->first = job->objects->n;
	r = errand_run(&errand, NULL);
	if (job->result < 0)
		return job->result;
	return r == -ENOMEM ? r : 0;
}

static int by_address(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int objects_find(const struct procdir *dir, const struct space *space, const plat_addr *addrs,
		 size_t n, struct objects *ret)
{
	struct objects objects = {.list = NULL};
	size_t i = 0, end;
	int r = 0;

	for (; r == 0 && i < n; i = end) {
		const struct region *region = space_find(space, addrs[i]);
		const struct region *other = region;
		struct job job = {.dir = dir, .space = space, .objects = &objects};

		for (end = i; end < n && other && region && other->module == region->module; end++)
			other = end + 1 < n ? space_find(space, addrs[end + 1]) : NULL;
		if (end == i)
			end = i + 1;
		if (!region || region->module == NO_MODULE)
			continue;
		job.module = &space->modules[region->module];
		job.addrs = addrs + i;
		job.n = end - i;
		r = find_in_module(&job);
	}
	if (r < 0) {
		objects_fini(&objects);
		return r;
	}
	if (objects.n)
		qsort(objects.list, objects.n, sizeof(*objects.list), by_address);
	*ret = objects;
	return 0;
}

void objects_fini(struct objects *objects)
{
	size_t i;

	for (i = 0; i < objects->n; i++)
		free(objects->list[i].name);
	free(objects->list);
	*objects = (struct objects){.list = NULL};
}

const struct object *objects_at(const struct objects *objects, plat_addr at)
{
	size_t low = 0, high = objects->n, i;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (objects->list[middle].start <= at)
			low = middle + 1;
		else
			high = middle;
	}
	for (i = 0; i < NESTED_MOST && i < low; i++)
		if (objects->list[low - 1 - i].end > at)
			return &objects->list[low - 1 - i];
	return NULL;
}
