/*
 * A puppet is executed whose only mapping is one of the model's, executable and private; with a
 * stack limit and without randomization, so that the kernel places the mmap zone where the model's
 * begins. The rest of what exec makes is unmapped, and the model's mappings are made one by one.
 *
 * Where the kernel's own would merge neighbours that the model has as two, one gets an advice that
 * changes nothing else.
 */
#include "source/probe_space.h"

#include "base/assert.h"
#include "model/exec.h"
#include "source/proc.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

static uint64_t size_of(const struct vma *vma)
{
	return vma->end - vma->start;
}

/*
 * Executing it.
 */

static bool is_fit_for_code(const struct model *model, const struct vma *vma)
{
	const uint32_t wrong = VMA_WRITE | VMA_SHARED | VMA_MAYSHARE | VMA_GROWSDOWN | VMA_SPECIAL;

	return (vma->flags & (VMA_READ | VMA_EXEC)) == (VMA_READ | VMA_EXEC) &&
	       !(vma->flags & wrong) && vma->start >= model->machine.lowest_hint;
}

static bool find_code(const struct model *model, struct vma *ret)
{
	struct vma_place place = vmas_first(&model->vmas);
	const struct vma *vma;

	for (; (vma = vmas_at(&model->vmas, place)); place = vmas_next(&model->vmas, place))
		if (is_fit_for_code(model, vma)) {
			*ret = *vma;
			return true;
		}
	return false;
}

/* Exec keeps RLIMIT_STACK and the guard gap free above the mmap zone, within bounds. */
static uint64_t stack_limit_for_base(const struct model *model)
{
	if (!model->top_down)
		return model->limits[MODEL_STACK].soft;
	return sub_floored(model->task_size - model->mmap_base, model->machine.stack_guard_gap);
}

static void find_bases(struct probe *probe, const struct puppet_start *start)
{
	struct model as_executed = *probe->model; /* shares all, owns nothing */
	const struct exec_random none = {0};
	struct exec_program program;
	struct exec_places places;

	exec_program_init(&program);
	program.bits = start->bits;
	as_executed.personality = start->personality;
	as_executed.limits[MODEL_STACK].soft = start->stack_limit;
	places = exec_places_of(&as_executed, &program, &none);
	probe->mmap_base = places.mmap_base;
	probe->legacy_base = places.legacy_base;
}

static int execute(struct probe *probe, struct error *err)
{
	const struct model *model = probe->model;
	struct puppet_start start = {
		.bits = model->bits,
		.personality =
			(model->personality & ~PERSONALITY_READ_IMPLIES_EXEC) | PERSONALITY_NO_ASLR,
		.stack_limit = stack_limit_for_base(model),
	};

	if (!model->top_down)
		start.personality |= PERSONALITY_LEGACY_LAYOUT;
	if (!find_code(model, &probe->code))
		return fail(err, -ENOTSUP, "no mapping is fit to hold the probe's code");
	start.start = probe->code.start;
	start.end = probe->code.end;
	find_bases(probe, &start);
	return puppet_start(&start, &probe->puppet, err);
}

/*
 * Mappings.
 */

static uint64_t prot_of(const struct vma *vma)
{
	uint64_t prot = 0;

	if (vma->flags & VMA_READ)
		prot |= PROT_READ;
	if (vma->flags & VMA_WRITE)
		prot |= PROT_WRITE;
	if (vma->flags & VMA_EXEC)
		prot |= PROT_EXEC;
	return prot;
}

static bool is_heap(const struct model *model, const struct vma *vma)
{
	return model->brk != UNKNOWN && vma->end == align_up(model->brk, MODEL_PAGE) &&
	       vma->end > model->start_brk;
}

/* What the kernel refuses at once may have come to be in pieces. */
static bool is_too_large_to_charge(const struct model *model, const struct vma *vma)
{
	return model->machine.overcommit_mode == 0 &&
	       size_of(vma) > model->machine.ram + model->machine.swap;
}

static int64_t make_mapping(struct probe *probe, const struct vma *vma)
{
	uint64_t flags = MAP_FIXED;

	flags |= vma->flags & (VMA_SHARED | VMA_MAYSHARE) ? MAP_SHARED : MAP_PRIVATE;
	if (vma->flags & VMA_GROWSDOWN)
		flags |= MAP_GROWSDOWN;
	if (vma->flags & VMA_NOHUGEPAGE)
		flags |= MAP_STACK;
	if ((vma->flags & VMA_NORESERVE) || is_too_large_to_charge(probe->model, vma))
		flags |= MAP_NORESERVE;
	return puppet_map(&probe->puppet, vma->start, size_of(vma), prot_of(vma), flags);
}

/* Whether the kernel could make one of the two. */
static bool are_alike(const struct vma *low, const struct vma *high)
{
	const uint32_t seen = VMA_RIGHTS | VMA_SHARED | VMA_GROWSDOWN;

	return low->end == high->start && (low->flags & seen) == (high->flags & seen);
}

struct advising {
	const struct vma *before; /* below the one under way */
	int advice;		  /* that `before` got, or 0 */
};

static int advise(struct probe *probe, const struct vma *vma, const struct vma *next,
		  struct advising *advising)
{
	bool wanted = (advising->before && are_alike(advising->before, vma)) ||
		      (next && are_alike(vma, next));
	int64_t r;

	if (!wanted || is_heap(probe->model, vma)) {
		advising->advice = 0;
		return 0;
	}
	advising->advice = advising->advice == MADV_SEQUENTIAL ? MADV_RANDOM : MADV_SEQUENTIAL;
	r = puppet_call3(&probe->puppet, PUPPET_MADVISE, vma->start, size_of(vma),
			 (uint64_t)advising->advice);
	return puppet_failed(r) ? (int)r : 0;
}

static int lock(struct probe *probe, const struct vma *vma)
{
	int64_t r = 0;

	if (vma->flags & VMA_LOCKED) /* on fault: nothing is touched */
		r = puppet_call3(&probe->puppet, PUPPET_MLOCK2, vma->start, size_of(vma),
				 MLOCK_ONFAULT);
	return puppet_failed(r) ? (int)r : 0;
}

static int make_mappings(struct probe *probe, struct error *err)
{
	const struct vmas *vmas = &probe->model->vmas;
	struct vma_place place = vmas_first(vmas);
	struct advising advising = {0};
	const struct vma *vma;
	int64_t r = 0;

	for (; (vma = vmas_at(vmas, place)); place = vmas_next(vmas, place)) {
		const struct vma *next = vmas_at(vmas, vmas_next(vmas, place));

		if (vma->start != probe->code.start)
			r = make_mapping(probe, vma);
		if (!puppet_failed(r))
			r = advise(probe, vma, next, &advising);
		if (!puppet_failed(r))
			r = lock(probe, vma);
		if (puppet_failed(r))
			return fail(err, (int)-r, "the probe cannot have a mapping at 0x%llx",
				    (unsigned long long)vma->start);
		advising.before = vma;
	}
	return 0;
}

static int clear(struct probe *probe, struct error *err)
{
	struct puppet *puppet = &probe->puppet;
	plat_addr end = probe->model->task_size;
	int64_t r = puppet_call3(puppet, PUPPET_MUNMAP, 0, probe->code.start, 0);

	if (!puppet_failed(r) && probe->code.end < end)
		r = puppet_call3(puppet, PUPPET_MUNMAP, probe->code.end, end - probe->code.end, 0);
	return puppet_failed(r) ? fail(err, (int)-r, "the probe cannot be emptied") : 0;
}

/*
 * What else is the process's own.
 */

static plat_addr known_or(plat_addr addr, plat_addr otherwise)
{
	return addr == UNKNOWN || addr == 0 ? otherwise : addr;
}

static int set_break(struct probe *probe, struct error *err)
{
	const struct model *model = probe->model;
	struct puppet *puppet = &probe->puppet;
	plat_addr any = probe->code.start;
	const struct prctl_mm_map map = {
		.start_code = known_or(model->start_code, any),
		.end_code = known_or(model->end_code, probe->code.end),
		.start_data = known_or(model->start_data, any),
		.end_data = known_or(model->end_data, any),
		.start_brk = model->start_brk,
		.brk = model->brk,
		.start_stack = known_or(model->start_stack, any),
		.arg_start = any,
		.arg_end = any,
		.env_start = any,
		.env_end = any,
		.exe_fd = UINT32_MAX,
	};
	int64_t r;

	static_assert(sizeof(map) <= PUPPET_DATA_MOST && sizeof(map) % 8 == 0,
		      "it fits in the puppet's data");
	if (model->brk == UNKNOWN || model->start_brk == UNKNOWN)
		return 0;
	r = puppet_put(puppet, &map, sizeof(map));
	if (r == 0)
		r = puppet_call(puppet, PUPPET_PRCTL,
				(uint64_t[6]){PR_SET_MM, PR_SET_MM_MAP, puppet->data, sizeof(map)});
	return puppet_failed(r) ? fail(err, (int)-r, "the probe's break") : 0;
}

static int set_locks(struct probe *probe, struct error *err)
{
	int64_t r = 0;

	if (probe->model->new_flags & VMA_LOCKED)
		r = puppet_call3(&probe->puppet, PUPPET_MLOCKALL, MCL_FUTURE | MCL_ONFAULT, 0, 0);
	return puppet_failed(r) ? fail(err, (int)-r, "the probe's locks") : 0;
}

static int set_personality(struct probe *probe, struct error *err)
{
	unsigned personality = probe->model->personality;
	int64_t r = 0;

	if (personality & PERSONALITY_READ_IMPLIES_EXEC)
		r = puppet_call3(&probe->puppet, PUPPET_PERSONALITY, personality, 0, 0);
	return puppet_failed(r) ? fail(err, (int)-r, "the probe's personality") : 0;
}

/* The hard limit stays where it is: only the soft one is asked for, with one exception. */
static int set_limit(struct probe *probe, int which, const struct model_limits *wanted, bool hard,
		     const char *name, struct error *err)
{
	struct rlimit limit;
	int pid = probe->puppet.pid;

	if (prlimit(pid, which, NULL, &limit) < 0)
		return fail(err, errno, "the probe's %s", name);
	limit.rlim_cur = (rlim_t)wanted->soft;
	if (hard || limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = (rlim_t)wanted->hard;
	if (prlimit(pid, which, &limit, NULL) < 0)
		return fail(err, errno, "the probe's %s", name);
	return 0;
}

static int set_limits(struct probe *probe, struct error *err)
{
	static const struct {
		int number;
		enum model_limit limit;
		const char *name;
	} all[] = {
		{RLIMIT_AS, MODEL_AS, "RLIMIT_AS"},
		{RLIMIT_DATA, MODEL_DATA, "RLIMIT_DATA"},
		{RLIMIT_STACK, MODEL_STACK, "RLIMIT_STACK"},
		{RLIMIT_MEMLOCK, MODEL_MEMLOCK, "RLIMIT_MEMLOCK"},
	};
	size_t i;
	int r = 0;

	for (i = 0; i < ARRAY_SIZE(all) && r == 0; i++) {
		const struct model_limits *wanted = &probe->model->limits[all[i].limit];
		bool hard = all[i].limit == MODEL_DATA && wanted->soft == 0;

		r = set_limit(probe, all[i].number, wanted, hard, all[i].name, err);
	}
	return r;
}

static uint64_t capabilities_of_rules(const struct model *model, bool held)
{
	static const struct {
		enum model_capability capability;
		unsigned bit;
	} all[] = {
		{MODEL_CAP_IPC_LOCK, CAP_IPC_LOCK},
		{MODEL_CAP_SYS_RAWIO, CAP_SYS_RAWIO},
		{MODEL_CAP_SYS_ADMIN, CAP_SYS_ADMIN},
		{MODEL_CAP_SYS_RESOURCE, CAP_SYS_RESOURCE},
	};
	uint64_t mask = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (!(model->capabilities & all[i].capability) == !held)
			mask |= UINT64_C(1) << all[i].bit;
	return mask;
}

static int drop_capabilities(struct probe *probe, uint64_t held, struct error *err)
{
	const uint64_t left = held & ~capabilities_of_rules(probe->model, false);
	const struct {
		struct __user_cap_header_struct header;
		struct __user_cap_data_struct data[2];
	} set = {
		{_LINUX_CAPABILITY_VERSION_3, 0},
		{{(uint32_t)left, (uint32_t)left, 0},
		 {(uint32_t)(left >> 32), (uint32_t)(left >> 32), 0}},
	};
	int64_t r;

	static_assert(sizeof(set) % 8 == 0, "whole words");
	if (left == held)
		return 0;
	r = puppet_put(&probe->puppet, &set, sizeof(set));
	if (r == 0)
		r = puppet_call3(&probe->puppet, PUPPET_CAPSET, probe->puppet.data,
				 probe->puppet.data + sizeof(set.header), 0);
	return puppet_failed(r) ? fail(err, (int)-r, "the probe's capabilities") : 0;
}

/*
 * Whether it is what it should be.
 */

static unsigned rights_of(const struct vma *vma)
{
	return (vma->flags & VMA_READ ? RIGHT_READ : 0) |
	       (vma->flags & VMA_WRITE ? RIGHT_WRITE : 0) |
	       (vma->flags & VMA_EXEC ? RIGHT_EXEC : 0) |
	       (vma->flags & (VMA_SHARED | VMA_MAYSHARE) ? RIGHT_SHARED : 0);
}

static int compare_mappings(const struct model *model, const struct space *space, struct error *err)
{
	struct vma_place place = vmas_first(&model->vmas);
	const struct vma *vma = vmas_at(&model->vmas, place);
	plat_addr start, end;
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		if (region->start >= model->task_size)
			break;
		if (i > 0 && region[-1].mapping == region->mapping)
			continue;
		space_mapping_range(space, i, &start, &end);
		if (!vma || vma->start != start || vma->end != end ||
		    rights_of(vma) != region->rights)
			return fail(err, -EUCLEAN, "the probe has another mapping at 0x%llx",
				    (unsigned long long)start);
		place = vmas_next(&model->vmas, place);
		vma = vmas_at(&model->vmas, place);
	}
	return vma ? fail(err, -EUCLEAN, "the probe lacks a mapping at 0x%llx",
			  (unsigned long long)vma->start)
		   : 0;
}

static int compare_counters(const struct model *model, const struct space *space, struct error *err)
{
	const struct {
		enum figure figure;
		uint64_t pages;
	} all[] = {
		{VM_SIZE, model->counters.total},
		{VM_DATA, model->counters.data},
		{VM_STK, model->counters.stack},
		{VM_LCK, model->counters.locked},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (space->figures[all[i].figure] != all[i].pages * MODEL_PAGE)
			return fail(err, -EUCLEAN, "the probe's %s is %llu, not %llu",
				    figure_name(all[i].figure),
				    (unsigned long long)space->figures[all[i].figure],
				    (unsigned long long)(all[i].pages * MODEL_PAGE));
	return 0;
}

static int look(const struct probe *probe, struct space *ret, struct error *err)
{
	struct procdir dir;
	int r = procdir_open(NULL, probe->puppet.pid, &dir, err);

	if (r < 0)
		return r;
	r = proc_load(&dir, 0, ret, err);
	procdir_close(&dir);
	return r;
}

/* The last steps are those that could be in the way of the others. */
static int finish(struct probe *probe, struct error *err)
{
	struct space space;
	int r = look(probe, &space, err);

	if (r < 0)
		return r;
	r = compare_mappings(probe->model, &space, err);
	if (r == 0)
		r = compare_counters(probe->model, &space, err);
	if (r == 0)
		r = set_limits(probe, err);
	if (r == 0 && space.process.capabilities != UNKNOWN)
		r = drop_capabilities(probe, space.process.capabilities, err);
	space_fini(&space);
	return r;
}

int probe_make(const struct model *model, struct probe *ret, struct error *err)
{
	struct probe probe = {.model = model, .puppet = PUPPET_NONE};
	int r;

	if (model->machine.overcommit_mode == 2)
		return fail(err, -ENOTSUP,
			    "with vm.overcommit_memory 2 a probe would take from what it measures");
	r = execute(&probe, err);
	if (r == 0)
		r = clear(&probe, err);
	if (r == 0)
		r = make_mappings(&probe, err);
	if (r == 0)
		r = set_break(&probe, err);
	if (r == 0)
		r = set_locks(&probe, err);
	if (r == 0)
		r = set_personality(&probe, err);
	if (r == 0)
		r = finish(&probe, err);
	if (r < 0)
		puppet_end(&probe.puppet);
	else
		*ret = probe;
	return r;
}

/*
 * What searches of the probe would find, and those of the model would not.
 *
 * Without randomization the search from below begins a little lower, and where the stack's limit
 * was unlimited, the search from above a little higher:
 *
 *	from above	 model's end | probe's end |
 *	from below			           | probe's begin | model's begin
 *	filled		             |/////////////|///////////////|
 *
 * What is free there is filled with memory without rights, and RLIMIT_AS raised by it. Each filler
 * is a mapping that the process has not. So for each, two neighbours become one: mappings that
 * nobody needs any more, or the filler itself and what it touches.
 */

struct filling {
	struct probe *probe;
	plat_addr start, end; /* what is filled, where it is free */
	struct vmas vmas;     /* the mappings, and among them the fillers */
	uint64_t bytes;	      /* of the fillers */
	size_t n;	      /* mappings that are too many */
};

/* Flags that no mapping of a process has: of fillers to be made, and of what has become one. */
enum { TO_FILL = VMA_DONTDUMP, JOINED = VMA_DONTCOPY };

static int plan_filler(struct filling *filling, plat_addr start, plat_addr end)
{
	const struct vma filler = {
		.start = start, .end = end, .flags = TO_FILL, .file = VMA_NO_FILE};

	if (start >= end)
		return 0;
	filling->n++;
	filling->bytes += end - start;
	return vmas_insert(&filling->vmas, &filler);
}

static int plan_fillers(struct filling *filling)
{
	const struct vmas *vmas = &filling->probe->model->vmas;
	struct vma_place place = vmas_find(vmas, filling->start);
	plat_addr end = filling->start; /* of what is planned */
	int r = vmas_copy(vmas, &filling->vmas);

	for (; r == 0 && end < filling->end; place = vmas_next(vmas, place)) {
		const struct vma *above = vmas_at(vmas, place);

		r = plan_filler(filling, end,
				above ? min_u64(above->start, filling->end) : filling->end);
		end = above ? above->end : filling->end;
	}
	return r;
}

/* Instead of all that is there. The advice sets it apart from its neighbours. */
static int fill(struct filling *filling, plat_addr start, plat_addr end, int advice)
{
	struct puppet *puppet = &filling->probe->puppet;
	uint64_t size = end - start;
	int64_t r;

	/* With as many mappings as can be, mmap does not even replace one. */
	r = puppet_call3(puppet, PUPPET_MUNMAP, start, size, 0);
	if (!puppet_failed(r))
		r = puppet_map(puppet, start, size, PROT_NONE,
			       MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE);
	if (!puppet_failed(r))
		r = puppet_call3(puppet, PUPPET_MADVISE, start, size, (uint64_t)advice);
	return puppet_failed(r) ? (int)r : 0;
}

static bool can_be_replaced(const struct probe *probe, const struct vma *vma)
{
	return !(vma->flags & (VMA_WRITE | VMA_GROWSDOWN | VMA_LOCKED)) &&
	       vma->start != probe->code.start;
}

static bool is_pair(const struct probe *probe, const struct vma *low, const struct vma *high)
{
	return low && low->end == high->start && can_be_replaced(probe, low) &&
	       can_be_replaced(probe, high);
}

/* Where `low` is part of a pair already, the kernel makes one of all three. */
static int join_pairs(struct filling *filling)
{
	struct vma_place place = vmas_first(&filling->vmas);
	struct vma *low = NULL, *high;
	int r = 0;

	for (; r == 0 && filling->n > 0 && (high = vmas_at(&filling->vmas, place)); low = high) {
		if (is_pair(filling->probe, low, high)) {
			r = fill(filling, low->start, high->end, MADV_DONTFORK);
			low->flags = high->flags = JOINED;
			filling->n--;
		}
		place = vmas_next(&filling->vmas, place);
	}
	return r;
}

static int make_fillers(struct filling *filling)
{
	struct vma_place place = vmas_first(&filling->vmas);
	const struct vma *vma;
	int r = 0;

	for (; r == 0 && (vma = vmas_at(&filling->vmas, place));
	     place = vmas_next(&filling->vmas, place))
		if (vma->flags == TO_FILL)
			r = fill(filling, vma->start, vma->end, MADV_DONTDUMP);
	return r;
}

/* By as much as the fillers take; or, while they are made, as far as it goes. */
static int raise_as_limit(struct probe *probe, uint64_t bytes, struct error *err)
{
	struct model_limits limit = probe->model->limits[MODEL_AS];
	struct rlimit now;

	if (limit.soft == MODEL_INFINITE)
		return 0;
	if (prlimit(probe->puppet.pid, RLIMIT_AS, NULL, &now) < 0)
		return fail(err, errno, "the probe's RLIMIT_AS");
	limit.soft = min_u64(add_capped(limit.soft, bytes), now.rlim_max);
	return set_limit(probe, RLIMIT_AS, &limit, false, "RLIMIT_AS", err);
}

/* Where new mappings are locked, fillers must not be: they would count in RLIMIT_MEMLOCK. */
static int unlock(struct probe *probe, struct error *err)
{
	int64_t r = 0;

	if (probe->model->new_flags & VMA_LOCKED)
		r = puppet_call3(&probe->puppet, PUPPET_MUNLOCKALL, 0, 0, 0);
	return puppet_failed(r) ? fail(err, (int)-r, "the probe's locks") : 0;
}

static int lock_again(struct probe *probe, struct error *err)
{
	const struct vmas *vmas = &probe->model->vmas;
	struct vma_place place = vmas_first(vmas);
	const struct vma *vma;
	int r = 0;

	if (!(probe->model->new_flags & VMA_LOCKED))
		return 0;
	for (; r == 0 && (vma = vmas_at(vmas, place)); place = vmas_next(vmas, place))
		r = lock(probe, vma);
	return r < 0 ? fail(err, -r, "the probe's locks") : set_locks(probe, err);
}

/* Where both searches end in the same place there is nothing to fill. */
static void find_range(struct filling *filling)
{
	const struct probe *probe = filling->probe;
	const struct model *model = probe->model;
	plat_addr seen = 0; /* below, the model's search from above finds all there is */

	if (model->top_down)
		seen = model->mmap_base;
	filling->start = max_u64(seen, probe->legacy_base);
	filling->end = model->legacy_base;
	if (model->top_down && model->mmap_base < probe->mmap_base) {
		filling->start = model->mmap_base;
		filling->end = max_u64(filling->end, probe->mmap_base);
	}
}

/* Pairs first: they make room where there are as many mappings as can be. */
static int fill_range(struct filling *filling, struct error *err)
{
	int r = plan_fillers(filling);

	if (r == 0)
		r = join_pairs(filling);
	if (r == 0 && filling->n > 0)
		return fail(err, -ENOTSUP,
			    "the probe would have more mappings than the process: no two of them "
			    "could become one");
	if (r == 0)
		r = make_fillers(filling);
	return r < 0 ? fail(err, -r,
			    "the probe cannot hide where it searches more than the process")
		     : 0;
}

int probe_fill_rest(struct probe *probe, struct error *err)
{
	struct filling filling = {.probe = probe, .vmas = VMAS_EMPTY};
	int r;

	find_range(&filling);
	if (filling.start >= filling.end)
		return 0;
	r = raise_as_limit(probe, UINT64_MAX, err);
	if (r == 0)
		r = unlock(probe, err);
	if (r == 0)
		r = fill_range(&filling, err);
	if (r == 0)
		r = lock_again(probe, err);
	if (r == 0)
		r = raise_as_limit(probe, filling.bytes, err);
	vmas_fini(&filling.vmas);
	return r;
}
