/*
 * A space says what is mapped; the model wants to know by which rules. What /proc shows of it:
 *
 *	maps			ranges, rights, files		exact
 *	smaps, if it was read	flags, who grows down		exact; else guessed
 *	status			counters, capabilities		exact
 *	first things mapped	where searches begin		as exec left them
 *
 * Exec places the interpreter (or a static-pie program), then vdso and vvar, with the same search
 * that serves all later mappings. So the highest of them ends where the search from above begins,
 * or the lowest begins where the one from below does.
 */
#include "model/from_space.h"

#include "base/list.h"
#include "model/exec.h"
#include "model/parts.h"
#include "space/vmflags.h"

#include <errno.h>
#include <string.h>

/* The bits of <linux/capability.h>. */
enum {
	CAP_BIT_IPC_LOCK = 14,
	CAP_BIT_SYS_RAWIO = 17,
	CAP_BIT_SYS_ADMIN = 21,
	CAP_BIT_SYS_RESOURCE = 24
};

static uint32_t bit(enum guess guess)
{
	return UINT32_C(1) << guess;
}

/*
 * Mappings: the regions [i, end) of one.
 */

static size_t end_of_mapping(const struct space *space, size_t i)
{
	uint32_t mapping = space->regions[i].mapping;

	while (i < space->nregions && space->regions[i].mapping == mapping)
		i++;
	return i;
}

static size_t start_of_mapping(const struct space *space, size_t i)
{
	while (i > 0 && space->regions[i - 1].mapping == space->regions[i].mapping)
		i--;
	return i;
}

static uint64_t mapping_size(const struct space *space, size_t i)
{
	return space->regions[end_of_mapping(space, i) - 1].end - space->regions[i].start;
}

static const struct detail *detail_of(const struct space *space, const struct region *region)
{
	const struct detail *detail = space->details ? &space->details[region->mapping] : NULL;

	return detail && detail->known ? detail : NULL;
}

static bool begins(const char *string, const char *with)
{
	return strncmp(string, with, strlen(with)) == 0;
}

static bool has_special_name(const struct space *space, const struct region *region,
			     const char *name)
{
	const struct file *file = region_file(space, region);

	return file && file->type == FILE_SPECIAL && begins(file->name, name);
}

/* The kernel's own: no VMA of the process, or one with rules of its own. */
static bool is_kernels(const struct space *space, const struct region *region)
{
	return has_special_name(space, region, "[v") || has_special_name(space, region, "[uprobes");
}

static bool is_without_file(const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);

	return !file || (file->type == FILE_SPECIAL && !(region->rights & RIGHT_SHARED) &&
			 !is_kernels(space, region));
}

/*
 * What grows down, where smaps does not say it: the mapping of the stack; and what was cut from it
 * by mprotect, which touches it from below and counts in VmStk.
 */

struct growing {
	size_t first, end; /* regions; equal where there is no stack */
	uint64_t size;
};

static bool is_growing(const struct growing *growing, size_t i)
{
	return i >= growing->first && i < growing->end;
}

static bool is_cut_from_stack(const struct space *space, const struct growing *growing, size_t i)
{
	const struct region *region = &space->regions[i];
	uint64_t counted = space->figures[VM_STK];

	if (!is_without_file(space, region) || (region->rights & RIGHT_SHARED) ||
	    region->kind == KIND_HEAP || region->end != space->regions[growing->first].start)
		return false;
	if (counted != UNKNOWN)
		return growing->size + mapping_size(space, start_of_mapping(space, i)) <= counted;
	return region->rights & (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);
}

static struct growing find_growing(const struct space *space)
{
	struct growing growing = {0};
	size_t i = space->nregions;

	while (i > 0 && space->regions[i - 1].kind != KIND_STACK &&
	       !has_special_name(space, &space->regions[i - 1], "[stack]"))
		i--;
	if (i == 0)
		return growing;
	growing.end = end_of_mapping(space, i - 1);
	growing.first = start_of_mapping(space, i - 1);
	growing.size = mapping_size(space, growing.first);
	while (growing.first > 0 && is_cut_from_stack(space, &growing, growing.first - 1)) {
		growing.first = start_of_mapping(space, growing.first - 1);
		growing.size += mapping_size(space, growing.first);
	}
	return growing;
}

/*
 * Flags.
 */

static uint32_t flags_of_rights(unsigned rights)
{
	uint32_t flags = 0;

	if (rights & RIGHT_READ)
		flags |= VMA_READ;
	if (rights & RIGHT_WRITE)
		flags |= VMA_WRITE;
	if (rights & RIGHT_EXEC)
		flags |= VMA_EXEC;
	return flags;
}

static uint32_t flags_of_letters(const struct detail *detail, unsigned rights)
{
	static const struct {
		char letters[3];
		uint32_t flag;
	} letters[] = {
		{"sh", VMA_SHARED},    {"mr", VMA_MAYREAD},    {"mw", VMA_MAYWRITE},
		{"me", VMA_MAYEXEC},   {"ms", VMA_MAYSHARE},   {"gd", VMA_GROWSDOWN},
		{"pf", VMA_PFNMAP},    {"lo", VMA_LOCKED},     {"lf", VMA_LOCKONFAULT},
		{"io", VMA_IO},	       {"sr", VMA_SEQUENTIAL}, {"rr", VMA_RANDOM},
		{"dc", VMA_DONTCOPY},  {"de", VMA_DONTEXPAND}, {"ac", VMA_ACCOUNT},
		{"nr", VMA_NORESERVE}, {"wf", VMA_WIPEONFORK}, {"dd", VMA_DONTDUMP},
		{"mm", VMA_MIXEDMAP},  {"hg", VMA_HUGEPAGE},   {"nh", VMA_NOHUGEPAGE},
		{"mg", VMA_MERGEABLE}, {"dp", VMA_DROPPABLE},  {"sl", VMA_SEALED},
	};
	uint32_t flags = flags_of_rights(rights);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(letters); i++)
		if (vmflags_have(detail->flags, letters[i].letters))
			flags |= letters[i].flag;
	if (flags_of_rights(rights) == VMA_EXEC && detail->protection_key > 0)
		flags |= VMA_EXECUTE_ONLY;
	return flags;
}

static uint32_t likely_flags(const struct space *space, size_t i, const struct growing *growing)
{
	const struct region *region = &space->regions[i];
	uint32_t flags = flags_of_rights(region->rights) | VMA_MAY;

	if (has_special_name(space, region, "[vvar"))
		return VMA_READ | VMA_MAYREAD | VMA_IO | VMA_PFNMAP | VMA_DONTEXPAND | VMA_DONTDUMP;
	if (is_kernels(space, region))
		return flags | VMA_DONTEXPAND;
	if (region->rights & RIGHT_SHARED)
		return flags | VMA_SHARED | VMA_MAYSHARE;
	if (flags & VMA_WRITE)
		flags |= VMA_ACCOUNT;
	if (is_growing(growing, i))
		flags |= VMA_GROWSDOWN;
	return flags;
}

/*
 * Files. Their numbers stay: two mappings of one file are taken as of one open file.
 */

static void fill_file(const struct file *from, uint32_t number, struct model_file *to)
{
	*to = (struct model_file){.readable = true, .writable = true, .size = INT64_MAX};
	to->name = number;
	switch (from->type) {
	case FILE_POSIX_SHM:
	case FILE_SYSV_SHM:
	case FILE_MEMFD:
	case FILE_SHARED_ANON:
		to->shmem = true;
		to->anonymous = from->type == FILE_SHARED_ANON;
		break;
	case FILE_SPECIAL:
		to->whole = begins(from->name, "[v");
		break;
	case FILE_ORDINARY:
		to->huge_aligned = from->major != 0;
		break;
	default:
		break;
	}
}

static int add_files(const struct space *space, struct model *model)
{
	uint32_t i;
	int r = list_reserve(&model->files, &model->files_room, 0, space->nfiles + 1);

	if (r < 0)
		return r;
	for (i = 0; i < space->nfiles; i++)
		fill_file(&space->files[i], i, &model->files[i]);
	model->nfiles = space->nfiles;
	return 0;
}

/*
 * VMAs.
 */

/* The main stack was moved when it was built, and has kept the offsets of its first place. */
static uint64_t offset_of(const struct model *model, const struct space *space,
			  const struct vma *vma, const struct region *region)
{
	if (vma->file != VMA_NO_FILE)
		return pages_of(region->offset);
	if ((vma->flags & VMA_GROWSDOWN) && !(model->personality & PERSONALITY_NO_ASLR) &&
	    space->machine.randomize_va_space != 0)
		return pages_of(model->task_size) - pages_of(vma_size(vma));
	return pages_of(vma->start);
}

/* Who has pages of its own. Neighbours that are alike and yet two have mostly this for a reason. */
static bool has_identity(const struct space *space, size_t i, size_t end, const struct vma *vma)
{
	const struct detail *detail = detail_of(space, &space->regions[i]);

	if (vma->flags & VMA_SHARED)
		return false;
	if (detail)
		return detail->anonymous > 0;
	for (; i < end && !space->regions[i].no_pages; i++)
		if (space->regions[i].pages.rss > space->regions[i].pages.file)
			return true;
	return i < end && (vma->flags & VMA_WRITE);
}

static int add_mapping(const struct space *space, struct model *model, size_t i, size_t end,
		       const struct growing *growing)
{
	const struct region *region = &space->regions[i];
	const struct detail *detail = detail_of(space, region);
	struct vma vma = {.start = region->start, .end = space->regions[end - 1].end};
	struct vma_place last = {model->vmas.nchunks, 0};

	if (!is_aligned(vma.start | vma.end, MODEL_PAGE) || vma.end > model->task_size)
		return 0; /* vsyscall is no VMA; nor is what a stranger has written into maps */
	vma.file = is_without_file(space, region) ? VMA_NO_FILE : region->file;
	vma.flags =
		detail ? flags_of_letters(detail, region->rights) : likely_flags(space, i, growing);
	vma.pgoff = offset_of(model, space, &vma, region);
	if (has_identity(space, i, end, &vma))
		vma.anon = ++model->last_anon;
	count(model, vma.flags, pages_of(vma_size(&vma)));
	if (vma.flags & VMA_LOCKED)
		model->counters.locked += pages_of(vma_size(&vma));
	return vmas_insert_at(&model->vmas, &last, &vma);
}

static int add_mappings(const struct space *space, struct model *model)
{
	struct growing growing = find_growing(space);
	size_t i, end;
	int r = 0;

	for (i = 0; i < space->nregions && r == 0; i = end) {
		end = end_of_mapping(space, i);
		r = add_mapping(space, model, i, end, &growing);
	}
	return r;
}

/*
 * Counters. The kernel's own are better where flags were guessed, if they are of the same moment.
 */

static void take_counters(const struct space *space, struct model *model)
{
	struct model_counters *counters = &model->counters;
	const uint64_t *figures = space->figures;

	if (figures[VM_LCK] != UNKNOWN)
		counters->locked = pages_of(figures[VM_LCK]);
	if (figures[VM_SIZE] != counters->total * MODEL_PAGE)
		return;
	if (figures[VM_DATA] != UNKNOWN)
		counters->data = pages_of(figures[VM_DATA]);
	if (figures[VM_STK] != UNKNOWN)
		counters->stack = pages_of(figures[VM_STK]);
}

/* Where all that can be locked is locked, mlockall() was called, mostly for what comes as well. */
static bool is_all_locked(const struct space *space)
{
	uint64_t lockable = 0;
	size_t i;

	if (space->figures[VM_LCK] == UNKNOWN || space->figures[VM_LCK] == 0)
		return false;
	for (i = 0; i < space->nregions; i++)
		if (!is_kernels(space, &space->regions[i]))
			lockable = add_capped(lockable, region_size(&space->regions[i]));
	return space->figures[VM_LCK] >= lockable;
}

static void take_locks(const struct space *space, struct model *model)
{
	struct vma_place place = vmas_first(&model->vmas);
	struct vma *vma;

	if (!is_all_locked(space))
		return;
	model->new_flags = VMA_LOCKED;
	for (; (vma = vmas_at(&model->vmas, place)); place = vmas_next(&model->vmas, place))
		if (!(vma->flags & VMA_SPECIAL))
			vma->flags |= VMA_LOCKED;
}

/*
 * Where searches begin.
 */

struct placed {
	plat_addr start, end; /* of what exec has placed; 0 and 0: nothing is known of it */
};

static void widen(struct placed *placed, plat_addr start, plat_addr end)
{
	if (start >= end)
		return;
	placed->start = placed->end == 0 ? start : min_u64(placed->start, start);
	placed->end = max_u64(placed->end, end);
}

static bool is_placed_by_search(const struct space *space, const struct module *module)
{
	bool is_static = space->process.base == 0 || space->process.base == UNKNOWN;

	if (module->role == MODULE_INTERPRETER)
		return true;
	return module->role == MODULE_PROGRAM && is_static && module->bias != 0;
}

static struct placed find_placed(const struct space *space, plat_addr task_size)
{
	struct placed placed = {0};
	size_t i, s;

	for (i = 0; i < space->nmodules; i++) {
		const struct module *module = &space->modules[i];

		if (!is_placed_by_search(space, module))
			continue;
		for (s = 0; s < module->nsegments; s++)
			widen(&placed, align_down(module->segments[s].start, MODEL_PAGE),
			      min_u64(align_up(module->segments[s].end, MODEL_PAGE), task_size));
	}
	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		if (region->end <= task_size && (has_special_name(space, region, "[vdso") ||
						 has_special_name(space, region, "[vvar")))
			widen(&placed, region->start, region->end);
	}
	return placed;
}

/* Both bases are moved by the same random number, one down and one up. */
static void set_bases(const struct space *space, struct model *model)
{
	struct exec_random counts = exec_random_counts(model, model->bits), none = {0};
	struct placed placed = find_placed(space, model->task_size);
	struct exec_program program;
	struct exec_places places;
	uint64_t random;

	exec_program_init(&program);
	program.bits = model->bits;
	places = exec_places_of(model, &program, &none);
	if (placed.end == 0 && space->mmap_base != UNKNOWN)
		placed = (struct placed){space->mmap_base, space->mmap_base};
	if (placed.end == 0)
		placed = (struct placed){places.legacy_base, places.mmap_base};

	model->top_down = space->direction != DIRECTION_BOTTOM_UP;
	random =
		model->top_down ? places.mmap_base - placed.end : placed.start - places.legacy_base;
	if (random >= counts.mmap_pages * MODEL_PAGE) /* RLIMIT_STACK was another at exec */
		random = 0;
	model->mmap_base = places.mmap_base - random;
	model->legacy_base = places.legacy_base + random;
	if (model->top_down)
		model->mmap_base = placed.end;
	else
		model->legacy_base = placed.start;
}

/*
 * The process and its machine.
 */

static void take_limits(const struct space *space, struct model *model)
{
	static const enum limit_name names[NMODEL_LIMITS] = {
		[MODEL_AS] = LIMIT_AS,
		[MODEL_DATA] = LIMIT_DATA,
		[MODEL_STACK] = LIMIT_STACK,
		[MODEL_MEMLOCK] = LIMIT_MEMLOCK,
	};
	size_t i;

	for (i = 0; i < NMODEL_LIMITS; i++) {
		const struct limit *limit = &space->limits[names[i]];

		model->limits[i] = (struct model_limits){MODEL_INFINITE, MODEL_INFINITE};
		if (limit->known)
			model->limits[i] = (struct model_limits){limit->soft, limit->hard};
	}
}

static void take_capabilities(const struct space *space, struct model *model)
{
	static const struct {
		unsigned bit;
		enum model_capability capability;
	} all[] = {
		{CAP_BIT_IPC_LOCK, MODEL_CAP_IPC_LOCK},
		{CAP_BIT_SYS_RAWIO, MODEL_CAP_SYS_RAWIO},
		{CAP_BIT_SYS_ADMIN, MODEL_CAP_SYS_ADMIN},
		{CAP_BIT_SYS_RESOURCE, MODEL_CAP_SYS_RESOURCE},
	};
	size_t i;

	if (space->process.capabilities == UNKNOWN)
		return;
	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (space->process.capabilities >> all[i].bit & 1)
			model->capabilities |= all[i].capability;
}

static void take_process(const struct space *space, struct model *model)
{
	const struct process *process = &space->process;

	model->bits = process->bits == 32 ? 32 : 64;
	if (process->personality != UNKNOWN)
		model->personality = (unsigned)process->personality;
	if (space->user_end != UNKNOWN)
		model->task_size = space->user_end;
	take_limits(space, model);
	take_capabilities(space, model);
	model->start_code = process->start_code;
	model->end_code = process->end_code;
	model->start_data = process->start_data;
	model->end_data = process->end_data;
	model->start_stack = process->start_stack;
	model->arg_start = process->arg_start;
	model->arg_end = process->arg_end;
	model->env_start = process->env_start;
	model->env_end = process->env_end;
	model->start_brk = space->start_brk;
	model->brk = space->brk;
	if (model->start_data == UNKNOWN || model->end_data == UNKNOWN)
		model->start_data = model->end_data = 0;
}

static void take(uint64_t *to, uint64_t known)
{
	if (known != UNKNOWN)
		*to = known;
}

static bool is_overcommit_known(const struct machine *machine)
{
	switch (machine->overcommit) {
	case 0:
		return machine->ram != UNKNOWN && machine->swap != UNKNOWN;
	case 1:
		return true;
	case 2:
		return machine->commit_limit != UNKNOWN && machine->committed != UNKNOWN;
	default:
		return false;
	}
}

/* 1 refuses nothing. */
static void take_overcommit(const struct machine *from, struct model_machine *to)
{
	to->overcommit_mode = is_overcommit_known(from) ? (unsigned)from->overcommit : 1;
	take(&to->ram, from->ram);
	take(&to->swap, from->swap);
	take(&to->commit_limit, from->commit_limit);
	take(&to->committed, from->committed);
	take(&to->admin_reserve, from->admin_reserve);
	take(&to->user_reserve, from->user_reserve);
}

static void take_machine(const struct machine *from, struct model_machine *to)
{
	if (from->kernel)
		to->version = from->kernel;
	take(&to->mmap_min_addr, from->mmap_min_addr);
	to->lowest_hint = max_u64(to->lowest_hint, to->mmap_min_addr);
	take(&to->lowest_hint, from->lowest_hint);
	take(&to->max_map_count, from->max_map_count);
	to->stack_guard_gap = from->stack_guard_gap;
	to->legacy_va_layout = from->legacy_va_layout == 1;
	if (from->randomize_va_space != UNKNOWN)
		to->randomize_va_space = (unsigned)from->randomize_va_space;
	take_overcommit(from, to);
}

int model_from_space(const struct space *space, struct model *ret, struct error *err)
{
	struct model model;
	int r;

	if (space->machine.page_size != MODEL_PAGE)
		return fail(err, -ENOTSUP, "the rules are known for pages of 4 KiB");
	if (space->nregions == 0)
		return fail(err, -ENODATA, "no mapping is known");
	model_init(&model);
	take_machine(&space->machine, &model.machine);
	take_process(space, &model);
	set_bases(space, &model);
	r = add_files(space, &model);
	if (r == 0)
		r = add_mappings(space, &model);
	if (r < 0) {
		model_fini(&model);
		return fail(err, -r, "a model of its memory");
	}
	take_counters(space, &model);
	take_locks(space, &model);
	*ret = model;
	return 0;
}

/*
 * What was guessed.
 */

static uint32_t guesses_of_smaps(const struct space *space)
{
	struct growing growing = find_growing(space);
	uint32_t guesses = 0;

	if (space->details)
		return 0;
	guesses |= bit(GUESS_FLAGS);
	if (space->figures[VM_STK] != growing.size)
		guesses |= bit(GUESS_GROWS);
	return guesses;
}

static uint32_t guesses_of_machine(const struct machine *machine)
{
	uint32_t guesses = 0;

	if (machine->lowest_hint == UNKNOWN || machine->mmap_min_addr == UNKNOWN)
		guesses |= bit(GUESS_LOWEST);
	if (machine->overcommit == UNKNOWN || machine->ram == UNKNOWN)
		guesses |= bit(GUESS_OVERCOMMIT);
	if (machine->max_map_count == UNKNOWN)
		guesses |= bit(GUESS_MAP_COUNT);
	if (machine->kernel == 0)
		guesses |= bit(GUESS_KERNEL);
	return guesses;
}

uint32_t from_space_guesses(const struct space *space)
{
	const struct process *process = &space->process;
	uint32_t guesses = bit(GUESS_IDENTITY) | bit(GUESS_BREAK) | bit(GUESS_BASE) |
			   guesses_of_smaps(space) | guesses_of_machine(&space->machine);

	if (space->figures[VM_LCK] != 0)
		guesses |= bit(GUESS_LOCKS);
	if (process->capabilities == UNKNOWN)
		guesses |= bit(GUESS_CAPABILITIES);
	if (process->personality == UNKNOWN)
		guesses |= bit(GUESS_PERSONALITY);
	if (!space->limits[LIMIT_AS].known || !space->limits[LIMIT_DATA].known ||
	    !space->limits[LIMIT_STACK].known || !space->limits[LIMIT_MEMLOCK].known)
		guesses |= bit(GUESS_LIMITS);
	return guesses;
}

const char *guess_words(enum guess guess)
{
	static const char *const words[NGUESSES] = {
		[GUESS_FLAGS] = "flags of mappings that maps does not show are taken as usual",
		[GUESS_GROWS] = ("only the main stack is taken to grow down, but VmStk counts "
				 "something else"),
		[GUESS_IDENTITY] = "pages of anonymous mappings are taken to have been made apart",
		[GUESS_LOCKS] = "new mappings are taken to be locked only if all memory is",
		[GUESS_BREAK] = "the break is taken to be where the heap's mapping ends",
		[GUESS_CAPABILITIES] = "the process is taken to have no capability",
		[GUESS_PERSONALITY] = "the personality is taken to be the usual one",
		[GUESS_BASE] =
			"searches for room are taken to begin where exec placed its first mapping",
		[GUESS_LOWEST] = "the lowest address is taken to be 64 KiB",
		[GUESS_LIMITS] = "a limit that cannot be read is taken as unlimited",
		[GUESS_OVERCOMMIT] = "overcommit is taken to refuse nothing",
		[GUESS_MAP_COUNT] = "vm.max_map_count is taken to be 65530",
		[GUESS_KERNEL] = "the kernel is taken to be the newest that is known",
	};

	return words[guess];
}
