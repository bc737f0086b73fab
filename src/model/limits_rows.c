/*
 * Limits are sums: what is allowed minus what the kernel has counted. What the address space itself
 * allows comes from the model: it is asked how far all goes when every limit is lifted.
 */
#include "model/limits_rows.h"

#include "base/list.h"
#include "model/from_space.h"
#include "model/parts.h"

#include <errno.h>

/* The bits of <linux/capability.h>. */
enum { CAP_BIT_IPC_LOCK = 14, CAP_BIT_SYS_ADMIN = 21, CAP_BIT_SYS_RESOURCE = 24 };

/*
 * Amounts.
 */

static const struct amount none = {.state = AMOUNT_NONE};

static struct amount known(uint64_t n)
{
	return (struct amount){.state = AMOUNT_KNOWN, .n = n};
}

static struct amount unlimited(void)
{
	return (struct amount){.state = AMOUNT_UNLIMITED};
}

static struct amount unknown(const char *why)
{
	return (struct amount){.state = AMOUNT_UNKNOWN, .why = why};
}

static struct amount known_or(uint64_t n, const char *why)
{
	return n == UNKNOWN ? unknown(why) : known(n);
}

static bool is_known(struct amount amount)
{
	return amount.state == AMOUNT_KNOWN;
}

/* Amounts are added as far as all of them are known; the first that is not is the answer. */
static struct amount plus(struct amount a, struct amount b)
{
	if (!is_known(a))
		return a;
	return is_known(b) ? known(add_capped(a.n, b.n)) : b;
}

static struct amount minus(struct amount a, struct amount b)
{
	if (!is_known(a))
		return a;
	return is_known(b) ? known(sub_floored(a.n, b.n)) : b;
}

/*
 * What a table is built from.
 */

struct facts {
	const struct space *space;
	const struct cgroups *cgroups;
	uint64_t page;
	const char *no_model;	 /* why there is none; NULL: what follows is known */
	struct headrooms freely; /* how far all goes where no limit is in force */
	uint64_t maps;
	bool locks_new, locks_stack; /* mlockall() holds for new mappings, for the stack */
	plat_addr stack_end, task_size;
};

static void lift_limits(struct model *model)
{
	size_t i;

	for (i = 0; i < NMODEL_LIMITS; i++)
		model->limits[i] = (struct model_limits){MODEL_INFINITE, MODEL_INFINITE};
	model->machine.overcommit_mode = 1;
	model->machine.max_map_count = UINT32_MAX;
}

static void take_stack(struct facts *facts, const struct model *model)
{
	struct headroom stack = headroom_of_main_stack(&facts->freely);
	const struct vma *vma;

	if (stack.bytes == UNKNOWN)
		return;
	vma = vmas_above(&model->vmas, stack.at);
	facts->stack_end = vma->end;
	facts->locks_stack = vma->flags & VMA_LOCKED;
}

static int ask_model(struct facts *facts)
{
	static const struct headroom_request without_threads;
	struct model model;
	int r = model_from_space(facts->space, &model, NULL);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		facts->no_model = facts->space->why.maps ? facts->space->why.maps
				  : r == -ENODATA	 ? "no mapping is known"
							 : "the rules are known for pages of 4 KiB";
		return 0;
	}
	facts->maps = model.vmas.count;
	facts->locks_new = model.new_flags & VMA_LOCKED;
	facts->task_size = model.task_size;
	lift_limits(&model);
	r = headrooms_find(&model, &without_threads, &facts->freely);
	if (r == 0)
		take_stack(facts, &model);
	model_fini(&model);
	return r;
}

static bool has_capability(const struct facts *facts, int capability)
{
	uint64_t all = facts->space->process.capabilities;

	return all != UNKNOWN && all >> capability & 1;
}

static struct amount figure(const struct facts *facts, enum figure figure)
{
	return known_or(facts->space->figures[figure], "status does not say");
}

static struct amount soft_limit(const struct facts *facts, enum limit_name name)
{
	const struct limit *limit = &facts->space->limits[name];

	if (!limit->known)
		return unknown("limits could not be read");
	return limit->soft == LIMIT_INFINITE ? unlimited() : known(limit->soft);
}

static struct amount hard_limit(const struct facts *facts, enum limit_name name)
{
	const struct limit *limit = &facts->space->limits[name];

	if (!limit->known)
		return unknown("limits could not be read");
	return limit->hard == LIMIT_INFINITE ? unlimited() : known(limit->hard);
}

/* Most limits count whole pages. */
static struct amount whole_pages(const struct facts *facts, struct amount amount)
{
	if (is_known(amount))
		amount.n = align_down(amount.n, facts->page);
	return amount;
}

/* For `until`: what does not limit is in nobody's way. */
static struct amount in_the_way(struct amount left)
{
	return left.state == AMOUNT_UNLIMITED ? none : left;
}

/*
 * Limits of the process.
 */

static struct limit_row new_row(enum limit_what what, const char *name)
{
	return (struct limit_row){.what = what, .name = name, .in_force = true, .capability = -1};
}

/* Who may raise it; nobody has to where nothing is limited. */
static void say_who_raises(struct limit_row *row)
{
	if (row->soft.state == AMOUNT_UNLIMITED)
		return;
	if (row->hard.state != AMOUNT_UNLIMITED) {
		row->capability = CAP_BIT_SYS_RESOURCE;
		row->capability_does = "raises the hard limit";
	}
	if (is_known(row->soft) && (row->hard.state == AMOUNT_UNLIMITED ||
				    (is_known(row->hard) && row->soft.n < row->hard.n)))
		row->note = "the soft limit goes up to the hard one without a capability";
}

static struct limit_row rlimit_row(const struct facts *facts, enum limit_what what,
				   enum limit_name name, struct amount used)
{
	struct limit_row row = new_row(what, limit_name(name));

	row.soft = soft_limit(facts, name);
	row.hard = hard_limit(facts, name);
	row.used = used;
	row.left = minus(whole_pages(facts, row.soft), used);
	say_who_raises(&row);
	return row;
}

static struct limit_row as_row(const struct facts *facts)
{
	struct limit_row row = rlimit_row(facts, LIMITED_AS, LIMIT_AS, figure(facts, VM_SIZE));
	unsigned growth;

	row.beyond[0] = (struct consequence){"mmap", "ENOMEM"};
	row.beyond[1] = (struct consequence){"mremap", "ENOMEM"};
	row.beyond[2] = (struct consequence){"brk", "ENOMEM"};
	row.beyond[3] = (struct consequence){"stack growth", "SIGSEGV"};
	for (growth = 0; growth < NGROWTHS; growth++)
		row.until[growth] = in_the_way(row.left);
	return row;
}

static struct limit_row data_row(const struct facts *facts)
{
	struct limit_row row = rlimit_row(facts, LIMITED_DATA, LIMIT_DATA, figure(facts, VM_DATA));
	struct amount most = row.soft;

	row.beyond[0] = (struct consequence){"mmap", "ENOMEM"};
	row.beyond[1] = (struct consequence){"mremap", "ENOMEM"};
	row.beyond[2] = (struct consequence){"mprotect", "ENOMEM"};
	row.beyond[3] = (struct consequence){"brk", "ENOMEM"};
	if (is_known(most) && most.n == 0) { /* RULE_LIMIT_DATA_SOFT_0 */
		most = row.hard;
		row.note = "with a soft limit of 0 the hard one counts";
	}
	row.left = minus(whole_pages(facts, most), row.used);
	row.until[GROWTH_HEAP] = row.until[GROWTH_MMAP] = in_the_way(row.left);
	return row;
}

/* brk counts from the start of the heap, and the data segment, in bytes. */
static struct limit_row brk_row(const struct facts *facts)
{
	static const char why[] = "stat hides where heap and data lie";
	const struct space *space = facts->space;
	const struct process *process = &space->process;
	struct limit_row row = rlimit_row(facts, LIMITED_BRK, LIMIT_DATA, unknown(why));

	row.name = "RLIMIT_DATA for brk";
	row.beyond[0] = (struct consequence){"brk", "ENOMEM"};
	if (space->start_brk != UNKNOWN && space->brk != UNKNOWN && process->end_data != UNKNOWN &&
	    process->start_data != UNKNOWN)
		row.used = known(
			add_capped(sub_floored(align_up(space->brk, facts->page), space->start_brk),
				   process->end_data - process->start_data));
	row.left = minus(row.soft, row.used);
	row.until[GROWTH_HEAP] = in_the_way(whole_pages(facts, row.left));
	return row;
}

static struct limit_row stack_row(const struct facts *facts)
{
	struct headroom stack = headroom_of_main_stack(&facts->freely);
	struct amount used = unknown(facts->no_model ? facts->no_model : stack.why);
	struct limit_row row;

	if (!facts->no_model && !stack.why)
		used = known(facts->stack_end - stack.at);
	row = rlimit_row(facts, LIMITED_STACK, LIMIT_STACK, used);
	row.beyond[0] = (struct consequence){"stack growth", "SIGSEGV"};
	row.until[GROWTH_STACK] = in_the_way(row.left);
	return row;
}

static struct limit_row memlock_row(const struct facts *facts)
{
	struct limit_row row =
		rlimit_row(facts, LIMITED_MEMLOCK, LIMIT_MEMLOCK, figure(facts, VM_LCK));
	bool at_all = !is_known(row.soft) || row.soft.n > 0;

	row.beyond[0] = (struct consequence){"mlock", at_all ? "ENOMEM" : "EPERM"};
	row.beyond[1] = (struct consequence){"mlockall", at_all ? "ENOMEM" : "EPERM"};
	row.beyond[2] = (struct consequence){"mmap with MAP_LOCKED", at_all ? "EAGAIN" : "EPERM"};
	if (facts->locks_new) {
		row.beyond[2] = (struct consequence){"mmap", "EAGAIN"};
		row.beyond[3] = (struct consequence){"brk", "ENOMEM"};
		row.until[GROWTH_HEAP] = row.until[GROWTH_MMAP] = in_the_way(row.left);
	}
	if (facts->locks_stack) {
		row.beyond[4 - !facts->locks_new] = (struct consequence){"stack growth", "SIGSEGV"};
		row.until[GROWTH_STACK] = in_the_way(row.left);
	}
	if (row.soft.state == AMOUNT_UNLIMITED)
		return row;
	row.capability = CAP_BIT_IPC_LOCK;
	row.capability_does = "lifts it";
	if (has_capability(facts, CAP_BIT_IPC_LOCK)) {
		row.in_force = false;
		row.note = "not in force";
	}
	return row;
}

/*
 * Limits of the machine.
 */

/* A mapping more than the limit can be made; after that not even the heap grows. */
static struct limit_row maps_row(const struct facts *facts)
{
	struct limit_row row = new_row(LIMITED_MAPS, "vm.max_map_count");
	uint64_t most = facts->space->machine.max_map_count;

	row.is_count = true;
	row.soft = known_or(most, "sys/vm/max_map_count could not be read");
	row.used = facts->no_model ? unknown(facts->no_model) : known(facts->maps);
	row.left = minus(plus(row.soft, known(1)), row.used);
	row.beyond[0] = (struct consequence){"mmap", "ENOMEM"};
	row.beyond[1] = (struct consequence){"mremap", "ENOMEM"};
	row.beyond[2] = (struct consequence){"brk", "ENOMEM"};
	row.beyond[3] = (struct consequence){"mprotect that cuts", "ENOMEM"};
	row.beyond[4] = (struct consequence){"munmap that cuts", "ENOMEM"};
	if (is_known(row.left) && row.left.n == 0)
		row.until[GROWTH_HEAP] = row.until[GROWTH_MMAP] = known(0);
	return row;
}

static struct limit_row overcommit_row(const struct facts *facts)
{
	static const char why[] = "meminfo could not be read";
	const struct machine *machine = &facts->space->machine;
	struct limit_row row = new_row(LIMITED_OVERCOMMIT, "vm.overcommit_memory");

	row.beyond[0] = (struct consequence){"mmap", "ENOMEM"};
	row.beyond[1] = (struct consequence){"mremap", "ENOMEM"};
	row.beyond[2] = (struct consequence){"brk", "ENOMEM"};
	switch (machine->overcommit) {
	case 0:
		row.soft = plus(known_or(machine->ram, why), known_or(machine->swap, why));
		row.left = row.until[GROWTH_MMAP] = row.soft;
		row.note = "0: each single request is compared with memory and swap";
		break;
	case 1:
		row.in_force = false;
		row.soft = row.left = unlimited();
		row.note = "1: nothing is compared";
		break;
	case 2:
		row.in_force = false;
		row.note = "2: the commit limit is in force";
		break;
	default:
		row.soft = row.left = row.until[GROWTH_MMAP] =
			unknown("sys/vm/overcommit_memory could not be read");
	}
	return row;
}

/* What the kernel keeps back for the administrator, and for others than this process. */
static uint64_t kept_back(const struct facts *facts)
{
	const struct machine *machine = &facts->space->machine;
	uint64_t total = facts->space->figures[VM_SIZE], kept = 0;

	if (!has_capability(facts, CAP_BIT_SYS_ADMIN) && machine->admin_reserve != UNKNOWN)
		kept = align_down(machine->admin_reserve, facts->page);
	if (machine->user_reserve != UNKNOWN && total != UNKNOWN)
		kept += min_u64(align_down(total / 32, facts->page),
				align_down(machine->user_reserve, facts->page));
	return kept;
}

static struct limit_row commit_row(const struct facts *facts)
{
	static const char why[] = "meminfo could not be read";
	const struct machine *machine = &facts->space->machine;
	struct limit_row row = new_row(LIMITED_COMMIT, "CommitLimit");
	unsigned growth;

	row.soft = known_or(machine->commit_limit, why);
	row.used = known_or(machine->committed, why);
	row.left = minus(minus(row.soft, known(kept_back(facts) + facts->page)), row.used);
	row.beyond[0] = (struct consequence){"mmap", "ENOMEM"};
	row.beyond[1] = (struct consequence){"mprotect", "ENOMEM"};
	row.beyond[2] = (struct consequence){"brk", "ENOMEM"};
	row.beyond[3] = (struct consequence){"fork", "ENOMEM"};
	row.beyond[4] = (struct consequence){"stack growth", "SIGSEGV"};
	row.capability = CAP_BIT_SYS_ADMIN;
	row.capability_does = "may use vm.admin_reserve_kbytes of it";
	row.in_force = machine->overcommit == 2;
	if (!row.in_force)
		row.note = "in force where vm.overcommit_memory is 2";
	for (growth = 0; growth < NGROWTHS && row.in_force; growth++)
		row.until[growth] = row.left;
	return row;
}

static struct limit_row machine_row(const struct facts *facts)
{
	static const char why[] = "meminfo could not be read";
	const struct machine *machine = &facts->space->machine;
	struct limit_row row = new_row(LIMITED_MACHINE, "memory and swap");
	unsigned growth;

	row.soft = plus(known_or(machine->ram, why), known_or(machine->swap, why));
	row.left = plus(known_or(machine->available, why), known_or(machine->swap_free, why));
	row.used = minus(row.soft, row.left);
	row.beyond[0] = (struct consequence){"first use of a page", "OOM kill"};
	for (growth = 0; growth < NGROWTHS; growth++)
		row.until[growth] = row.left;
	return row;
}

/*
 * Limits of groups.
 */

static struct amount group_amount(const struct cgroup *group, enum cgroup_figure figure)
{
	if (!group->figures[figure].known)
		return unknown("its file could not be read");
	if (group->figures[figure].bytes == LIMIT_INFINITE)
		return unlimited();
	return known(group->figures[figure].bytes);
}

static struct limit_row group_row(const struct cgroup *group, enum limit_what what,
				  enum cgroup_figure limit, enum cgroup_figure usage)
{
	struct limit_row row = new_row(what, cgroup_figure_name(group, limit));
	unsigned growth;

	row.group = group;
	row.soft = group_amount(group, limit);
	row.used = group_amount(group, usage);
	row.left = minus(row.soft, row.used);
	row.beyond[0] = (struct consequence){"first use of a page",
					     what == LIMITED_GROUP_HIGH ? "throttled" : "OOM kill"};
	for (growth = 0; growth < NGROWTHS; growth++)
		row.until[growth] = in_the_way(row.left);
	return row;
}

/*
 * Swap of version 2 is limited apart, and comes into play when memory is full; that of version 1 is
 * limited together with memory.
 */
static struct limit_row group_swap_row(const struct cgroup *group)
{
	struct limit_row row =
		group_row(group, LIMITED_GROUP_SWAP, CGROUP_SWAP_MAX, CGROUP_SWAP_USAGE);
	struct amount memory =
		minus(group_amount(group, CGROUP_MAX), group_amount(group, CGROUP_USAGE));
	unsigned growth;

	if (group->version == 1)
		return row;
	row.beyond[0] = (struct consequence){"swapping", "stops"};
	row.beyond[1] = (struct consequence){"first use of a page", "OOM kill"};
	for (growth = 0; growth < NGROWTHS; growth++)
		row.until[growth] = is_known(memory) ? in_the_way(plus(row.left, memory)) : none;
	return row;
}

/*
 * The address space itself.
 */

static struct limit_row end_row(const struct facts *facts)
{
	struct limit_row row = new_row(LIMITED_END, "end of address space");
	struct headroom heap = facts->freely.heap;

	row.beyond[0] = (struct consequence){"mmap", "ENOMEM"};
	row.beyond[1] = (struct consequence){"brk", "ENOMEM"};
	row.used = figure(facts, VM_SIZE);
	row.soft = facts->no_model ? unknown(facts->no_model) : known(facts->task_size);
	row.left = row.until[GROWTH_MMAP] = minus(row.soft, row.used);
	if (!facts->no_model && !heap.why)
		row.until[GROWTH_HEAP] = minus(row.soft, known(heap.at));
	return row;
}

/* What is in the way of something that has `used` bytes and can have `freely` more. */
static struct limit_row place_row(const struct facts *facts, enum limit_what what, const char *name,
				  const struct headroom *freely, struct amount used)
{
	const char *why = facts->no_model ? facts->no_model : freely->why;
	struct limit_row row = new_row(what, name);

	row.left = why ? unknown(why) : known(freely->bytes);
	row.used = why && used.state != AMOUNT_NONE ? unknown(why) : used;
	row.soft = used.state == AMOUNT_NONE ? row.left : plus(row.left, row.used);
	if (!why && headroom_is_neighbours(freely))
		headroom_because(facts->space, freely, row.neighbour);
	return row;
}

static struct limit_row above_brk_row(const struct facts *facts)
{
	const struct headroom *heap = &facts->freely.heap;
	struct limit_row row = place_row(facts, LIMITED_ABOVE_BRK, "mapping above brk", heap,
					 known(heap->at - facts->space->start_brk));

	row.beyond[0] = (struct consequence){"brk", "ENOMEM"};
	row.until[GROWTH_HEAP] = row.left;
	return row;
}

static struct limit_row hole_row(const struct facts *facts)
{
	struct limit_row row =
		place_row(facts, LIMITED_HOLE, "largest hole", &facts->freely.mmap, none);

	row.beyond[0] = (struct consequence){"mmap", "ENOMEM"};
	row.beyond[1] = (struct consequence){"mremap", "ENOMEM"};
	row.until[GROWTH_MMAP] = row.left;
	return row;
}

static struct limit_row below_stack_row(const struct facts *facts)
{
	struct headroom stack = headroom_of_main_stack(&facts->freely);
	struct limit_row row = place_row(facts, LIMITED_BELOW_STACK, "mapping below stack", &stack,
					 known(facts->stack_end - stack.at));
	bool overwrites = stack.rule == RULE_NONE && !stack.why;

	row.beyond[0] = (struct consequence){"stack growth", overwrites ? "overwrites" : "SIGSEGV"};
	row.until[GROWTH_STACK] = row.left;
	return row;
}

/*
 * All of it.
 */

static int add(struct limits_table *table, struct limit_row row)
{
	int r = list_reserve(&table->rows, &table->rows_room, table->nrows, 1);

	if (r == 0)
		table->rows[table->nrows++] = row;
	return r;
}

static int add_group(struct limits_table *table, const struct cgroup *group)
{
	int r = 0;

	if (group->figures[CGROUP_HIGH].known)
		r = add(table, group_row(group, LIMITED_GROUP_HIGH, CGROUP_HIGH, CGROUP_USAGE));
	if (r == 0 && group->figures[CGROUP_MAX].known)
		r = add(table, group_row(group, LIMITED_GROUP_MAX, CGROUP_MAX, CGROUP_USAGE));
	if (r == 0 && group->figures[CGROUP_SWAP_MAX].known)
		r = add(table, group_swap_row(group));
	return r;
}

static int add_all(struct limits_table *table, const struct facts *facts)
{
	static struct limit_row (*const before[])(const struct facts *) = {
		as_row,	  data_row,	  brk_row,    stack_row,  memlock_row,
		maps_row, overcommit_row, commit_row, machine_row};
	static struct limit_row (*const after[])(const struct facts *) = {
		end_row, above_brk_row, hole_row, below_stack_row};
	size_t i;
	int r = 0;

	for (i = 0; i < ARRAY_SIZE(before) && r == 0; i++)
		r = add(table, before[i](facts));
	for (i = 0; i < facts->cgroups->nlevels && r == 0; i++)
		r = add_group(table, &facts->cgroups->levels[i]);
	for (i = 0; i < ARRAY_SIZE(after) && r == 0; i++)
		r = add(table, after[i](facts));
	return r;
}

int limits_rows_add(const struct space *space, const struct cgroups *cgroups,
		    struct limits_table *table)
{
	struct facts facts = {.space = space, .cgroups = cgroups, .page = space->machine.page_size};
	int r = ask_model(&facts);

	if (r == 0)
		r = add_all(table, &facts);
	headrooms_fini(&facts.freely);
	return r;
}

const char *capability_name(int capability)
{
	switch (capability) {
	case CAP_BIT_IPC_LOCK:
		return "CAP_IPC_LOCK";
	case CAP_BIT_SYS_ADMIN:
		return "CAP_SYS_ADMIN";
	case CAP_BIT_SYS_RESOURCE:
		return "CAP_SYS_RESOURCE";
	}
	return NULL;
}
