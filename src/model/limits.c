/*
 * What is counted, and how much more may be.
 *
 * A page counts in total, and by its flags in at most one of exec, stack and data:
 *
 *	executable, not writable, does not grow		exec
 *	grows down, whatever its rights			stack
 *	writable, private, does not grow		data
 *
 * so that a mapping that grows down escapes RLIMIT_DATA.
 */
#include "model/parts.h"

static bool is_data(uint32_t flags)
{
	uint32_t no_data = VMA_SHARED;

	if (rule_holds(RULE_DATA_GROWSDOWN, true))
		no_data |= VMA_GROWSDOWN;
	return (flags & VMA_WRITE) && !(flags & no_data);
}

static uint64_t *class_of(struct model_counters *counters, uint32_t flags)
{
	if (rule_holds(RULE_COUNT_STACK, flags & VMA_GROWSDOWN))
		return &counters->stack;
	if ((flags & (VMA_EXEC | VMA_WRITE)) == VMA_EXEC)
		return &counters->exec;
	if (is_data(flags))
		return &counters->data;
	return NULL;
}

void count(struct model *model, uint32_t flags, uint64_t pages)
{
	uint64_t *class = class_of(&model->counters, flags);

	model->counters.total += pages;
	if (class)
		*class += pages;
}

void uncount(struct model *model, uint32_t flags, uint64_t pages)
{
	count(model, flags, -pages);
}

uint64_t limit_pages(const struct model *model, enum model_limit limit)
{
	return pages_of(model->limits[limit].soft);
}

bool may_expand(struct model *model, uint32_t flags, uint64_t pages)
{
	const struct model_limits *data = &model->limits[MODEL_DATA];
	uint64_t data_after = model->counters.data + pages;

	if (rule_holds(RULE_LIMIT_AS,
		       model->counters.total + pages > limit_pages(model, MODEL_AS))) {
		model->refused = RULE_LIMIT_AS;
		return false;
	}
	if (!is_data(flags) || data_after <= limit_pages(model, MODEL_DATA))
		return true;
	/* A soft limit of 0 is taken as a request of Valgrind's, to stop brk alone. */
	if (rule_holds(RULE_LIMIT_DATA_SOFT_0,
		       data->soft == 0 && data_after <= pages_of(data->hard)))
		return true;
	if (!rule_holds(RULE_LIMIT_DATA, true))
		return true;
	model->refused = RULE_LIMIT_DATA;
	return false;
}

bool can_lock(const struct model *model)
{
	return may(model, MODEL_CAP_IPC_LOCK) || model->limits[MODEL_MEMLOCK].soft != 0;
}

bool may_lock(struct model *model, uint32_t flags, uint64_t bytes)
{
	uint64_t after = pages_of(bytes) + model->counters.locked;

	if (!(flags & VMA_LOCKED) || may(model, MODEL_CAP_IPC_LOCK))
		return true;
	if (!rule_holds(RULE_LIMIT_MEMLOCK, after > limit_pages(model, MODEL_MEMLOCK)))
		return true;
	model->refused = RULE_LIMIT_MEMLOCK;
	return false;
}

bool is_accountable(uint32_t flags)
{
	return (flags & (VMA_NORESERVE | VMA_SHARED | VMA_WRITE)) == VMA_WRITE;
}

/* Linux mm/util.c: the administrator and the process itself keep something back. */
static uint64_t committable(const struct model *model)
{
	const struct model_machine *machine = &model->machine;
	uint64_t limit = pages_of(machine->commit_limit), kept = 0;

	if (!may(model, MODEL_CAP_SYS_ADMIN))
		kept = pages_of(machine->admin_reserve);
	kept += min_u64(model->counters.total / 32, pages_of(machine->user_reserve));
	return sub_floored(limit, kept);
}

bool may_commit(struct model *model, uint64_t pages)
{
	const struct model_machine *machine = &model->machine;
	bool wrong = false;
	enum rule rule = RULE_COMMIT_HEURISTIC;

	if (machine->overcommit_mode == 0) {
		wrong = pages > pages_of(machine->ram) + pages_of(machine->swap);
	} else if (machine->overcommit_mode == 2) {
		rule = RULE_COMMIT_STRICT;
		wrong = pages_of(machine->committed) + pages >= committable(model);
	}
	if (!rule_holds(rule, wrong))
		return true;
	model->refused = rule;
	return false;
}

void commit(struct model *model, uint64_t pages)
{
	model->machine.committed += pages * MODEL_PAGE;
}

void uncommit(struct model *model, uint64_t pages)
{
	model->machine.committed -= pages * MODEL_PAGE;
}
