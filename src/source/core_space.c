/*
 * A core lists mappings, but not what the kernel calls them. What has a name in maps is found by
 * what points to it:
 *
 *     [vdso]    AT_SYSINFO_EHDR; [vvar] is what lies right below
 *     [stack]   AT_RANDOM, or the stack pointer of the first thread
 *     [heap]    the first anonymous memory that can be written behind the program
 *
 * The auxiliary vector stands in the stack as it does in its note; below it are the pointers to the
 * environment and the arguments.
 */
#include "source/core_space.h"

#include "base/assert.h"
#include "base/list.h"
#include "source/core_files.h"
#include "source/facts.h"
#include "source/proc.h"
#include "space/kinds.h"
#include "space/layout.h"
#include "space/modules.h"
#include "space/stacks.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VSYSCALL UINT64_C(0xffffffffff600000) /* Linux arch/x86/include/uapi/asm/vsyscall.h */
#define VVARS_MOST 3			      /* [vvar] and its like */
#define HEAP_FAR (UINT64_C(1) << 30) /* Linux arch/x86/kernel/process.c arch_randomize_brk */
#define HEAP_FAR_32 (UINT64_C(32) << 20)
#define VECTOR_WINDOW (UINT64_C(64) << 10) /* searched below AT_RANDOM for the vector */
#define POINTERS_MOST (1u << 18)	   /* of arguments or environment */

struct loader {
	struct core *core;
	struct space *space;
	unsigned word;
	struct region *stack; /* until regions are cut; or NULL */
};

/*
 * Facts.
 */

/* The value in the vector, or UNKNOWN. */
static uint64_t auxv_value(const struct loader *loader, uint64_t wanted)
{
	const struct core *core = loader->core;
	unsigned word = loader->word;
	size_t at;

	for (at = 0; core->auxv && at + 2 * word <= core->auxv_size; at += 2 * word) {
		uint64_t type = 0, value = 0;

		memcpy(&type, core->auxv + at, word);
		memcpy(&value, core->auxv + at + word, word);
		if (type == AT_NULL)
			break;
		if (type == wanted)
			return value;
	}
	return UNKNOWN;
}

static int take_facts(const struct core *core, struct space *space)
{
	struct process *process = &space->process;

	space->core = strdup(core->path);
	if (!space->core)
		return -ENOMEM;
	process->bits = core->is_64 ? 64 : 32;
	if (core->auxv)
		facts_auxv(space, core->auxv, core->auxv_size);
	process->bits = core->is_64 ? 64 : 32;
	process->pid = process->inner_pid = core->has_facts ? core->pid : 0;
	process->ppid = core->ppid;
	process->uid = core->uid;
	snprintf(process->command, sizeof(process->command), "%s",
		 core->has_facts ? core->command : "");
	return 0;
}

/* The kernel lists every mapping; gdb leaves out those without access. */
static void take_size(const struct core *core, struct space *space)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < core->nsegments; i++)
		if (core->segments[i].start != VSYSCALL)
			sum = add_capped(sum, core->segments[i].end - core->segments[i].start);
	if (!core->by_debugger && core->nodd == 0)
		space->figures[VM_SIZE] = sum;
}

/*
 * Mappings.
 */

/* As maps writes it: a newline as \012. */
static int add_file(struct space *space, const char *name, uint32_t *ret)
{
	size_t length = strlen(name), i, used = 0;
	char *escaped = malloc(4 * length + 1);
	int r;

	if (!escaped)
		return -ENOMEM;
	for (i = 0; i < length; i++) {
		if (name[i] == '\n') {
			memcpy(escaped + used, "\\012", 4);
			used += 4;
		} else {
			escaped[used++] = name[i];
		}
	}
	escaped[used] = '\0';
	r = space_add_file(space, escaped, 0, 0, 0, ret);
	free(escaped);
	return r;
}

/* What is only ever mapped to be shared; of all else a core does not tell. */
static unsigned sharing_of(const struct space *space, uint32_t file, unsigned rights)
{
	if (file == NO_FILE || (rights & RIGHT_EXEC))
		return 0;
	switch (space->files[file].type) {
	case FILE_POSIX_SHM:
	case FILE_SYSV_SHM:
	case FILE_SHARED_ANON:
	case FILE_MEMFD:
		return RIGHT_SHARED;
	default:
		return 0;
	}
}

static int add_mapping(struct space *space, plat_addr start, plat_addr end, unsigned rights,
		       const struct core_mapped *mapped)
{
	uint32_t file = NO_FILE;
	int r = mapped ? add_file(space, mapped->name, &file) : 0;

	if (r < 0)
		return r;
	r = space_add_mapping(space, start, end, rights | sharing_of(space, file, rights),
			      mapped ? mapped->offset + (start - mapped->start) : 0, file);
	return r == -EINVAL ? 0 : r; /* lies on the one before: a hostile list */
}

/* Segments, with the files behind them; and files whose mapping has no segment. Both in order. */
static int add_mappings(const struct core *core, struct space *space)
{
	size_t i = 0, m = 0;
	int r = 0;

	while (r == 0 && (i < core->nsegments || m < core->nmapped)) {
		const struct core_segment *segment =
			i < core->nsegments ? &core->segments[i] : NULL;
		const struct core_mapped *mapped = m < core->nmapped ? &core->mapped[m] : NULL;

		if (segment && mapped && mapped->start <= segment->start &&
		    segment->end <= mapped->end) {
			r = add_mapping(space, segment->start, segment->end, segment->rights,
					mapped);
			i++;
		} else if (mapped && (!segment || mapped->end <= segment->start)) {
			/* Behind segments of its own there is nothing left of it. */
			r = add_mapping(space, mapped->start, mapped->end, 0, mapped);
			m++;
		} else if (segment && (!mapped || segment->end <= mapped->start)) {
			r = add_mapping(space, segment->start, segment->end, segment->rights, NULL);
			i++;
		} else {
			m++; /* contradicts the segments */
		}
	}
	return r;
}

/*
 * gdb (gcore_create_callback, seen with 13) calls everything readable, and leaves out of the
 * list what it does not write down: rights of files come from their ELF headers, and anonymous
 * memory that is only readable and holds zeros has no access at all.
 */
static unsigned rights_by_headers(const struct loader *loader, const struct region *first,
				  const struct region *region)
{
	const struct space *space = loader->space;
	struct module module = {.file = region->file};
	size_t i;

	if (first->offset != 0 || modules_read(&loader->core->reader, first->start,
					       space->machine.page_size, &module) < 0)
		return RIGHT_READ;
	for (i = 0; i < module.nsegments; i++)
		if (overlap(module.segments[i].start, module.segments[i].end, region->start,
			    region->end))
			return module.segments[i].rights & ~(unsigned)RIGHT_WRITE;
	return 0;
}

static bool begins_with_zeros(const struct loader *loader, const struct region *region)
{
	unsigned char bytes[4096];
	size_t size = (size_t)min_u64(sizeof(bytes), region_size(region));

	return reader_read(&loader->core->reader, region->start, bytes, size) == 0 &&
	       bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static void find_rights(struct loader *loader)
{
	struct space *space = loader->space;
	const struct region *first = space->regions; /* of the same file in a row */
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		struct region *region = &space->regions[i];

		if (region->offset == 0 || first->file != region->file)
			first = region;
		if (region->file != NO_FILE && region->rights == 0)
			region->rights = (uint8_t)rights_by_headers(loader, first, region);
		else if (region->file == NO_FILE && region->rights == RIGHT_READ &&
			 begins_with_zeros(loader, region))
			region->rights = 0;
	}
}

static int name_region(struct space *space, struct region *region, const char *name)
{
	int r = region->file == NO_FILE ? space_add_file(space, name, 0, 0, 0, &region->file) : 0;

	region->offset = 0;
	return r;
}

/* What the core claims to hold of the kernel's clocks are zeros: they cannot be copied. */
static void forget_bytes(struct core *core, plat_addr start)
{
	size_t i;

	for (i = 0; i < core->nsegments; i++)
		if (core->segments[i].start == start)
			core->segments[i].filled = core->segments[i].there = 0;
}

static int name_kernels(struct loader *loader)
{
	struct space *space = loader->space;
	struct region *vdso = NULL, *low;
	struct region *vsyscall = space_find(space, VSYSCALL);
	unsigned n;
	int r = 0;

	if (space->process.vdso != UNKNOWN)
		vdso = space_find(space, space->process.vdso);
	if (vsyscall)
		r = name_region(space, vsyscall, "[vsyscall]");
	if (r < 0 || !vdso || vdso->file != NO_FILE)
		return r;
	r = name_region(space, vdso, "[vdso]");
	for (n = 0, low = vdso; r == 0 && n < VVARS_MOST && low > space->regions; n++) {
		low--;
		if (low->end != low[1].start || low->file != NO_FILE || low->rights != RIGHT_READ)
			break;
		r = name_region(space, low, "[vvar]");
		forget_bytes(loader->core, low->start);
	}
	return r;
}

static plat_addr stack_pointer_of_first(const struct core *core)
{
	size_t i;

	for (i = 0; i < core->nthreads; i++)
		if (core->threads[i].tid == core->pid)
			return core->threads[i].sp;
	return UNKNOWN;
}

static int name_stack(struct loader *loader)
{
	plat_addr at = auxv_value(loader, AT_RANDOM);
	const struct core_segment *segment;
	struct region *region;

	if (at == UNKNOWN)
		at = stack_pointer_of_first(loader->core);
	region = at == UNKNOWN ? NULL : space_find(loader->space, at);
	if (!region || region->file != NO_FILE || !(region->rights & RIGHT_WRITE))
		return 0;
	loader->stack = region;
	segment = core_find(loader->core, at);
	loader->core->no_private = segment && segment->filled == 0;
	return name_region(loader->space, region, "[stack]");
}

/* brk() begins behind the program, at random; nothing else lies there by itself. */
static int name_heap(struct loader *loader)
{
	struct space *space = loader->space;
	uint64_t far = loader->core->is_64 ? HEAP_FAR : HEAP_FAR_32;
	plat_addr end = 0;
	size_t i, j;
	int r;

	for (i = 0; i < space->nmodules; i++)
		for (j = 0;
		     space->modules[i].role == MODULE_PROGRAM && j < space->modules[i].nsegments;
		     j++)
			end = max_u64(end, space->modules[i].segments[j].end);
	if (end == 0)
		return 0;
	for (i = space_at_or_above(space, align_up(end, space->machine.page_size));
	     i < space->nregions; i++) {
		struct region *region = &space->regions[i];

		if (region->start < end || region->file != NO_FILE ||
		    region->rights != (RIGHT_READ | RIGHT_WRITE) || region->start - end > far)
			return 0; /* joined with .bss, or not there */
		r = name_region(space, region, "[heap]");
		if (r < 0)
			return r;
		space->start_brk =
			region->start - end < space->machine.page_size ? end : region->start;
		space->brk = region->end;
		return 0;
	}
	return 0;
}

/*
 * The stack's beginning.
 */

static int read_word(const struct loader *loader, plat_addr at, uint64_t *ret)
{
	*ret = 0;
	return reader_read(&loader->core->reader, at, ret, loader->word);
}

/* The bytes of the vector with its end. */
static size_t vector_size(const struct loader *loader)
{
	const struct core *core = loader->core;
	size_t at, pair = 2 * loader->word;
	uint64_t type;

	for (at = 0; core->auxv && at + pair <= core->auxv_size; at += pair) {
		type = 0;
		memcpy(&type, core->auxv + at, loader->word);
		if (type == AT_NULL)
			return at + pair;
	}
	return 0;
}

static bool find_vector(struct loader *loader)
{
	struct process *process = &loader->space->process;
	plat_addr random = auxv_value(loader, AT_RANDOM), start;
	size_t size = vector_size(loader), window, at;
	unsigned char *bytes;
	bool found = false;

	if (!loader->stack || size == 0 || random < loader->stack->start ||
	    random >= loader->stack->end)
		return false;
	start = max_u64(loader->stack->start, sub_floored(random, VECTOR_WINDOW + size));
	start = align_up(start, loader->word);
	window = (size_t)sub_floored(random, start);
	bytes = malloc(window + 1);
	if (bytes && window >= size &&
	    reader_read(&loader->core->reader, start, bytes, window) == 0)
		for (at = align_down(window - size, loader->word) + loader->word; !found && at > 0;
		     at -= loader->word)
			if (memcmp(bytes + at - loader->word, loader->core->auxv, size) == 0) {
				found = true;
				process->auxv_start = start + at - loader->word;
				process->auxv_end = process->auxv_start + size;
			}
	free(bytes);
	return found;
}

/* From a NULL at `*at` down to the next one, or to a word that counts those that were passed. */
static bool pass_pointers(const struct loader *loader, plat_addr *at, bool counted, uint64_t *last)
{
	uint64_t n, word;

	*last = UNKNOWN;
	for (n = 0; n < POINTERS_MOST; n++) {
		*at -= loader->word;
		if (*at < loader->stack->start || read_word(loader, *at, &word) < 0)
			return false;
		if (counted ? word == n : word == 0)
			return true;
		*last = word;
	}
	return false;
}

static bool is_in_stack(const struct loader *loader, plat_addr from, plat_addr to)
{
	return from <= to && from >= loader->space->process.auxv_end && to <= loader->stack->end;
}

static void find_arguments(struct loader *loader)
{
	struct process *process = &loader->space->process;
	plat_addr at, argument, variable, file = auxv_value(loader, AT_EXECFN);
	uint64_t word;

	if (!find_vector(loader))
		return;
	at = process->auxv_start - loader->word;
	if (read_word(loader, at, &word) < 0 || word != 0 ||
	    !pass_pointers(loader, &at, false, &variable) ||
	    !pass_pointers(loader, &at, true, &argument))
		return;
	process->start_stack = at;
	if (variable == UNKNOWN)
		variable = file;
	/* Programs may have set other pointers: then it is not known where the strings are. */
	if (!is_in_stack(loader, variable, file))
		return;
	process->env_start = variable;
	process->env_end = file;
	if (!is_in_stack(loader, argument, variable))
		return;
	process->arg_start = argument;
	process->arg_end = variable;
}

/*
 * Threads.
 */

static int by_tid(const void *a, const void *b)
{
	const struct thread *one = a, *other = b;

	return (one->tid > other->tid) - (one->tid < other->tid);
}

static int add_threads(const struct core *core, struct space *space)
{
	size_t i;
	int r = list_reserve(&space->threads, &space->threads_room, 0, core->nthreads + 1);

	if (r < 0)
		return r;
	for (i = 0; i < core->nthreads; i++) {
		struct thread *thread = &space->threads[i];

		*thread = (struct thread){
			.tid = core->threads[i].tid,
			.inner_tid = core->threads[i].tid,
			.is_main = core->threads[i].tid == space->process.pid,
			.sp = core->threads[i].sp,
			.pc = core->threads[i].pc,
			.descriptor = UNKNOWN,
			.deepest = UNKNOWN,
		};
		if (thread->sp == UNKNOWN)
			thread->sp_why = "this processor's registers are not known";
		if (thread->is_main)
			memcpy(thread->name, space->process.command, sizeof(thread->name));
	}
	space->nthreads = core->nthreads;
	qsort(space->threads, space->nthreads, sizeof(*space->threads), by_tid);
	if (space->nthreads == 0)
		space_why(&space->why.threads, "the core names no threads");
	return 0;
}

/*
 * All of it.
 */

static void say_what_is_missing(const struct core *core, unsigned want, struct space *space)
{
	if (core->nodd)
		space_why(&space->why.maps, "%zu of the core's segments are empty or lie on others",
			  core->nodd);
	if (core->by_debugger)
		space_why(&space->why.maps, "a debugger wrote the core: rights are guessed, and "
					    "mappings may be missing");
	if (core->missing)
		space_why(&space->why.memory,
			  "the core is cut off at 0x%" PRIx64 ": %" PRIu64 " bytes are missing",
			  core->size, core->missing);
	else if (core->lost)
		space_why(&space->why.memory,
			  "the debugger could not read %" PRIu64 " bytes at the ends of mappings, "
			  "or they are zeros",
			  core->lost);
	if (core->notes_cut)
		space_why(&space->why.process, "the core's notes are cut off or broken");
	else if (!core->auxv)
		space_why(&space->why.process, "the core has no auxiliary vector");
	space_why(&space->why.pages, "%s", want & PROC_PAGES ? CORE_NO_PAGES : PROC_NOT_ASKED);
	if (want & PROC_DETAILS)
		space_why(&space->why.details, "smaps: a core does not hold it");
}

static void forget_pages(struct space *space)
{
	size_t i;

	for (i = 0; i < space->nregions; i++)
		space->regions[i].no_pages = true;
}

static int load_meaning(struct loader *loader)
{
	struct space *space = loader->space;
	int r = modules_find(space, &loader->core->reader, NULL);

	if (r == 0)
		r = name_heap(loader);
	if (r == 0) {
		find_arguments(loader);
		r = stacks_find(space, &loader->core->reader);
	}
	return r == 0 ? kinds_assign(space) : r;
}

static int load(struct loader *loader, unsigned want)
{
	struct space *space = loader->space;
	int r = take_facts(loader->core, space);

	if (r == 0)
		r = add_mappings(loader->core, space);
	if (r == 0)
		r = name_kernels(loader);
	if (r == 0)
		r = name_stack(loader);
	if (r == 0)
		r = add_threads(loader->core, space);
	if (r < 0)
		return r;
	if (loader->core->by_debugger)
		find_rights(loader);
	take_size(loader->core, space);
	layout_find(space);
	say_what_is_missing(loader->core, want, space);
	r = load_meaning(loader);
	forget_pages(space);
	return r == 0 ? space_find_gaps(space) : r;
}

int core_load(struct core *core, unsigned want, struct space *ret, struct error *err)
{
	struct space space;
	struct loader loader = {.core = core, .space = &space, .word = core->is_64 ? 8 : 4};
	int r;

	if (core->nsegments == 0)
		return fail(err, -ENODATA, "%s: the core lists no mappings", core->path);
	space_init(&space);
	r = load(&loader, want);
	if (r < 0) {
		space_fini(&space);
		return fail(err, -r, "%s", core->path);
	}
	assert(space_valid(&space));
	*ret = space;
	return 0;
}

int core_load_figures(const struct core *core, struct space *ret, struct error *err)
{
	int r = take_facts(core, ret);

	take_size(core, ret);
	return r < 0 ? fail(err, -r, "%s", core->path) : 0;
}
